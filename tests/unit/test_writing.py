"""Files are written whole or not at all, and stay what they were but for what is in them."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from cancelcheck.engine.writing import replace_unchanged, write_whole

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_is_as_it_was_read_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old\r\n")
    replace_unchanged(file, b"old\r\n", b"new\r\n")
    assert file.read_bytes() == b"new\r\n"
    assert names(tmp_path) == ["a.py"]


def test_a_file_that_was_changed_meanwhile_is_left(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"mine")
    with pytest.raises(OSError, match="changed since it was read"):
        replace_unchanged(file, b"old", b"new")
    assert file.read_bytes() == b"mine"
    assert names(tmp_path) == ["a.py"]
    file.unlink()
    with pytest.raises(OSError, match="no longer there"):
        replace_unchanged(file, b"old", b"new")
    assert names(tmp_path) == []


@posix
def test_the_mode_is_kept_and_a_link_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "a.py", tmp_path / "link.py"
    file.write_bytes(b"old")
    file.chmod(0o754)
    link.symlink_to("a.py")
    replace_unchanged(link, b"old", b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o754
    write_whole(link, b"newer")
    assert (link.is_symlink(), file.read_bytes(), file.stat().st_mode & 0o777) == (True, b"newer", 0o754)


@posix
def test_a_read_only_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    # root may write anything
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OSError, match="read-only"):
        replace_unchanged(file, b"old", b"new")
    assert file.read_bytes() == b"old"


@pytest.mark.parametrize("at", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_half_way_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, error: BaseException
) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")

    def fails(*args: object) -> None:
        raise error

    monkeypatch.setattr(os, at, fails)
    with pytest.raises(type(error)):
        replace_unchanged(file, b"old", b"new")
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["a.py"]


@posix
def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
