"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside the one that is there, and put it in its place: an interrupted run leaves the old one. Its
    mode stays, and so does a link to it. Raises OSError."""
    if path.exists() and not path.is_file():
        # a pipe, or a device
        path.write_bytes(data)
        return
    _replace(Path(os.path.realpath(path)), data)


def replace_unchanged(path: Path, before: bytes, after: bytes) -> None:
    """Write a file in which there still stands what was read. Raises OSError, and leaves what is there, where something
    else does, or the file may not be written."""
    path = Path(os.path.realpath(path))
    if not path.is_file():
        raise OSError("it is no longer there")
    if not os.access(path, os.W_OK):
        raise OSError("it is read-only")
    _replace(path, after, before)


def _replace(path: Path, data: bytes, before: bytes | None = None) -> None:
    import tempfile

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _dress(name, path)
        # as late as can be: an editor may have saved it meanwhile
        if before is not None and path.read_bytes() != before:
            raise OSError("it was changed since it was read")
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _keep_name(path.parent)


def _dress(name: str, path: Path) -> None:
    """Give a new file the mode of the one whose place it takes, and its owner as far as that is allowed."""
    try:
        there = path.stat()
    except FileNotFoundError:
        os.chmod(name, 0o666 & ~_umask())
        return
    if sys.platform != "win32":
        mine = os.stat(name)
        if (mine.st_uid, mine.st_gid) != (there.st_uid, there.st_gid):
            with suppress(PermissionError):
                os.chown(name, there.st_uid, there.st_gid)
    os.chmod(name, stat.S_IMODE(there.st_mode))


def _keep_name(folder: Path) -> None:
    """Have the folder's new entry on the disk, where a folder can be opened for that."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
