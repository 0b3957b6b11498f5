"""The tool that looks for crashes: what is wrong is a find, and what takes its time is ended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.runs import LOST, write
from tools import fuzz

SPINS = "while True: pass"
DIES = "os.kill(os.getpid(), 11)"
FAILS = "raise ValueError('no')"


def check(monkeypatch: pytest.MonkeyPatch, path: Path, does: str) -> str:
    """What is said to be wrong with a file whose check does that."""
    assert "    try:\n" in fuzz.CHECK
    monkeypatch.setattr(fuzz, "CHECK", fuzz.CHECK.replace("    try:\n", f"    try:\n        {does}\n", 1))
    checker = fuzz.Checker(0.5)
    try:
        return checker.check(path).wrong
    finally:
        checker.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of processor time there")
@pytest.mark.parametrize(
    ("does", "wrong"),
    [("pass", ""), (SPINS, "it does not answer"), (DIES, "it died of -11"), (FAILS, "ValueError: no")],
)
def test_what_goes_wrong_is_a_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, wrong: str) -> None:
    write(tmp_path, {"a.py": LOST})
    assert check(monkeypatch, tmp_path / "a.py", does) == wrong


def test_the_parts_are_all_of_the_sample() -> None:
    files = [Path(str(number)) for number in range(100)]
    drawn = fuzz.chosen(files, 31, 7, (1, 1))
    assert len(drawn) == 31
    assert fuzz.chosen(files, 31, 7, (1, 1)) == drawn != fuzz.chosen(files, 31, 8, (1, 1))
    parts = [fuzz.chosen(files, 31, 7, (number, 4)) for number in (1, 2, 3, 4)]
    assert sorted(path for part in parts for path in part) == sorted(drawn)
    with pytest.raises(Exception, match="3/2 is no part"):
        fuzz.part("3/2")


def test_what_was_found_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"a.py": LOST, "b.py": "def f(:\n"})
    keep = tmp_path / "finds"
    assert fuzz.main(["--files", str(tmp_path), "--keep", str(keep)]) == 0
    assert "2 files: 0 crashes, hangs or defects, 1 told to be unreadable" in capsys.readouterr().out
    monkeypatch.setattr(fuzz, "CHECK", fuzz.CHECK.replace("    try:\n", f"    try:\n        {FAILS}\n", 1))
    assert fuzz.main(["--files", str(tmp_path), "--part", "1/2", "--keep", str(keep)]) == 1
    assert "find: file-1: ValueError: no" in capsys.readouterr().out
    assert (keep / "file-1.py").read_text() == LOST
