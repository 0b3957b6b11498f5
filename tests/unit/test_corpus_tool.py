"""`tools/corpus.py` counts, draws and compares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.runs import LOST
from tests.support.sources import ROOT


def corpus(*arguments: str, source: Path) -> str:
    command = [sys.executable, str(ROOT / "tools" / "corpus.py"), "--from", str(source), "--jobs", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_findings_are_counted_drawn_and_compared(tmp_path: Path) -> None:
    source, saved = tmp_path / "packages", tmp_path / "before.jsonl"
    for name, text in (("loses", LOST), ("keeps", "import asyncio\n")):
        (source / name / name).mkdir(parents=True)
        (source / name / name / "__init__.py").write_text(text, "utf-8")

    counts = corpus("--save", str(saved), source=source)
    assert "2 packages, 6 lines, 1 findings" in counts
    assert "CAN101 lost-task                            1 in   1 packages" in counts

    sample = corpus("loses", "--sample", "lost-task", "5", source=source)
    assert "--- 1/1  loses/loses/__init__.py:5  CAN101 lost-task" in sample
    assert ">     5     asyncio.create_task(main())" in sample

    (source / "loses" / "loses" / "__init__.py").write_text(f"# moved\n{LOST}", "utf-8")
    assert corpus("--compare", str(saved), source=source) == "0 gone, 0 new, 1 the same\n"
    (source / "loses" / "loses" / "__init__.py").write_text("import asyncio\n", "utf-8")
    (source / "keeps" / "keeps" / "__init__.py").write_text(LOST, "utf-8")
    changes = corpus("--compare", str(saved), source=source)
    assert [line[:2] for line in changes.splitlines()] == ["- ", "+ ", "1 "]


def test_what_was_recorded_is_compared(tmp_path: Path) -> None:
    source, record = tmp_path / "packages", tmp_path / "findings.txt"
    waits = "import queue\n\n\ndef wait(jobs: queue.Queue):\n    return jobs.get()\n"
    for name, text in (("loses==1", LOST), ("waits==2", waits)):
        (source / name).mkdir(parents=True)
        (source / name / "a.py").write_text(text, "utf-8")
    to = ("--record-file", str(record))

    corpus("--record", *to, source=source)
    lines = record.read_text("utf-8").splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == [
        "loses==1 lines",
        "loses==1 CAN101 1",
        "waits==2 lines",
        "waits==2 CAN404? 1",
    ]
    assert "CAN101     1    +0 strict  →    1    +0 strict\n" in corpus("--changes", *to, source=source)

    # another package's findings stay as they are; what was told by default may be strict now, and the other way round
    record.write_text(record.read_text("utf-8").replace("CAN101 1", "CAN101? 1").replace("CAN404?", "CAN404"), "utf-8")
    changes = corpus("--changes", *to, source=source).splitlines()
    assert changes[0].startswith("!  loses==1/a.py:5 CAN101 task `main()`")
    assert changes[1].startswith("?  waits==2/a.py:5 CAN404 ")
    (source / "loses==1" / "a.py").write_text("import asyncio\n", "utf-8")
    changes = corpus("--changes", "--select", "CAN1", *to, source=source).splitlines()
    assert [line.rpartition(" ")[0] for line in changes[:1]] == ["-? loses==1 CAN101"]
    assert "CAN101     0    +1 strict  →    0    +0 strict  *" in changes
    corpus("loses==1", "--record", *to, source=source)
    assert [line.split(" ")[1] for line in record.read_text("utf-8").splitlines()] == ["lines", "lines", "CAN404"]
