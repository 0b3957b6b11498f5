"""flake8 and the command report the same, at the same places: over every fixture, and over other people's code."""

from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path

import pytest

from tests.support.runs import Done, command, flake8

FIXTURES = Path(__file__).parent / "fixtures"

STANDARD_LIBRARY = ("asyncio", "concurrent", "http", "urllib", "xmlrpc", "socketserver.py", "queue.py", "threading.py")
"""What waits, polls and cancels most in it."""

INSTALLED = ("click", "flake8", "pathspec")
"""Packages that this one needs, so that they are there."""

SETTINGS = "[tool.cancelcheck]\nstrict = true\ntest-files = []\n"


def lines(done: Done) -> list[str]:
    """The findings of a run, in the order of their text."""
    assert done.status in (0, 1), done.err
    return sorted(line.removeprefix("./") for line in done.out.splitlines() if re.match(r".*:\d+:\d+: CAN\d+ ", line))


def test_every_fixture(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES, tmp_path / "fixtures")
    (tmp_path / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    ours = lines(command("--format=concise", ".", cwd=tmp_path))
    assert {line.split()[1] for line in ours} >= {"CAN101", "CAN201", "CAN306", "CAN401"}
    # flake8 is not asked about contracts
    contracts = [line for line in ours if ".py:" not in line]
    assert {line.split()[1] for line in contracts} == {"CAN509"}
    assert lines(flake8("-j", "4", ".", cwd=tmp_path)) == [line for line in ours if line not in contracts]


@pytest.mark.parametrize("names", [STANDARD_LIBRARY, INSTALLED], ids=["standard library", "installed packages"])
def test_code_that_nobody_here_wrote(tmp_path: Path, names: tuple[str, ...]) -> None:
    paths = sysconfig.get_paths()
    home = Path(paths["stdlib" if names is STANDARD_LIBRARY else "purelib"])
    for name in names:
        if (home / name).is_dir():
            shutil.copytree(home / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(home / name, tmp_path / name)
    (tmp_path / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    ours = lines(command("--format=concise", ".", cwd=tmp_path))
    assert ours
    assert lines(flake8("-j", "4", ".", cwd=tmp_path)) == ours
