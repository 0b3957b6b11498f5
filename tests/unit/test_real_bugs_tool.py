"""`tools/real_bugs.py` says which bugs are reported before their fix, and which still are after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.runs import LOST
from tests.support.sources import ROOT

KEPT = LOST.replace("    asyncio", "    await asyncio")


def git(*arguments: str, folder: Path) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=True)
    return done.stdout.strip()


def repository(folder: Path, *versions: dict[str, str]) -> str:
    """A bare repository with a commit for each version; returns the last one."""
    work = folder / "work"
    work.mkdir(parents=True)
    git("init", "-q", folder=work)
    for files in versions:
        for name, text in files.items():
            (work / name).write_text(text, "utf-8")
        git("add", ".", folder=work)
        git("commit", "-q", "-m", "change", folder=work)
    git("clone", "-q", "--bare", str(work), str(folder / "repo"), folder=folder)
    return git("rev-parse", "HEAD", folder=work)


def test_bugs_are_measured_before_and_after_their_fix(tmp_path: Path) -> None:
    # the coroutine is known to be one by the project's other file alone
    imported = "from mail import send\n\n\nasync def main():\n    send()\n"
    mail = "async def send():\n    pass\n"
    slow = "import time\n\n\ndef rests():\n    print()\n    time.sleep(2)\n\n\nasync def main(work):\n    rests()\n"
    commit = repository(
        tmp_path / "all" / "shop+orders",
        {
            "a.py": LOST,
            "b.py": imported,
            "c.py": "def f():\n    pass\n",
            "d.py": slow,
            "mail.py": mail,
            "notes.txt": "none\n",
        },
        {
            "a.py": KEPT,
            "b.py": f"# moved\n{imported}",
            "c.py": "def f():\n    return\n",
            "d.py": slow.replace("    time.sleep(2)\n", ""),
        },
    )
    rows = [
        {"id": f"{number}-{slug}", "file": file, "slug": slug, "bug_lines": [bug], "fixed_lines": [fixed]}
        for number, slug, file, bug, fixed in (
            (1, "lost-task", "a.py", 4, 5),
            (2, "dropped", "b.py", 5, 6),
            (3, "other", "c.py", 2, 2),
            (4, "slow", "d.py", 6, 5),
        )
    ]
    bugs = tmp_path / "bugs.json"
    bugs.write_text(json.dumps([{**row, "repo": "shop/orders", "commit": commit, "note": "why"} for row in rows]))

    def measure(*arguments: str) -> list[str]:
        tool = [sys.executable, str(ROOT / "tools" / "real_bugs.py"), str(bugs), str(tmp_path / "all"), "--jobs", "1"]
        command = [*tool, "--cache", str(tmp_path / "cache"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert measure() == [
        "1-lost-task  default CAN101",
        "2-dropped    default CAN112  after the fix CAN112",
        "3-other      missed",
        "4-slow       traced by default CAN406",
        "",
        "           bugs      default  after  traced     --strict  after  traced",
        "dropped       1      1 100 %      1       0      1 100 %      1       0",
        "lost-task     1      1 100 %      0       0      1 100 %      0       0",
        "other         1      0   0 %      0       0      0   0 %      0       0",
        "slow          1      0   0 %      0       1      0   0 %      0       1",
        "all           4      2  50 %      1       1      2  50 %      1       1",
    ]
    assert not list((tmp_path / "cache").rglob("notes.txt"))
    assert measure("--misses")[:3] == ["3-other  missed", "    c.py:2: why", "4-slow   traced by default CAN406"]
    assert measure("--slug", "dropped,other", "--id", "2-")[0] == "2-dropped  default CAN112  after the fix CAN112"
