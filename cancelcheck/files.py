"""Reading files of which nobody knows what they are.

What has a file's name may be a pipe that nobody writes to, a device without an end, or larger than the memory. And it
may become so between a look at it and the next: so the look is at what was opened.
"""

from __future__ import annotations

import errno
import os
import re
import stat

LIMIT = 8_000_000
"""Bytes of a file that are read. Python code of so many is not looked at, and a file of settings has a thousandth."""

_HOW = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


_BYTES_OF_NAMES = re.compile("[\udc80-\udcff]+")


def shown_name(path: str) -> str:
    """A path as it is shown: read as UTF-8 also where the system is said to know ASCII only. Python has half characters
    there, one for each byte."""
    if path.isascii():
        return path
    return _BYTES_OF_NAMES.sub(
        lambda match: match[0].encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"), path
    )


def name_of(shown: str) -> str:
    """A shown path as the system has it."""
    return shown if shown.isascii() else os.fsdecode(shown.encode("utf-8", "surrogateescape"))


class NotAFileError(OSError):
    """It is there, and is no file."""


def read(path: str | os.PathLike[str], limit: int = LIMIT) -> bytes:
    """What stands in a file; of more than `limit` bytes one more than that, by which it shows. Raises OSError."""
    try:
        handle = os.open(path, _HOW)
    except ValueError as error:
        # a null byte in the name
        raise OSError(errno.EINVAL, str(error)) from None
    with open(handle, "rb", buffering=0) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError(errno.EINVAL, "it is no file")
        data = file.read(min(status.st_size, limit) + 1)
        # what says that it is empty need not be, and any file may grow
        while len(data) <= limit and (more := file.read(min(limit + 1 - len(data), 1_000_000))):
            data += more
    return data


def read_text(path: str | os.PathLike[str], *, errors: str = "strict") -> str:
    """The UTF-8 text of a file, with `\\n` for each line end and no byte-order mark. Raises OSError, which a file that
    is too large is told by too, and UnicodeDecodeError."""
    data = read(path)
    if len(data) > LIMIT:
        raise OSError(errno.EFBIG, f"it has more than {LIMIT:,} bytes")
    return data.decode("utf-8-sig", errors).replace("\r\n", "\n").replace("\r", "\n")
