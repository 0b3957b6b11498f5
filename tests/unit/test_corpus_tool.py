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
