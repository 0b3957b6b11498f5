"""Whether everything that a run stood on is as it was: one look at each file, folder and place.

It is all that most runs do, so nothing is imported here that takes time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from cancelcheck.engine.store import digest, state_of

ABSENT = ""
"""The state of a place where nothing is."""
FOLDER = "/"
"""The state of a place where a folder is."""


class Standing:
    """Files, each with its state; folders, each with the time of its last change and a digest of the names in it, as
    text; places, each with what is there: `ABSENT`, or a `FOLDER`."""

    __slots__ = ("files", "folders", "places")

    def __init__(
        self, files: list[tuple[str, str]], folders: list[tuple[str, str, str]], places: list[tuple[str, str]]
    ) -> None:
        self.files = files
        self.folders = folders
        self.places = places

    def written(self) -> bytes:
        """As it is kept: texts between null bytes, which no path has in it."""
        rows = [str(len(self.files)), str(len(self.folders))]
        for row in (*self.files, *self.folders, *self.places):
            rows += row
        return "\0".join(rows).encode("utf-8", "surrogateescape")

    @classmethod
    def read(cls, data: bytes) -> Standing | None:
        """What `written` has made; None where it has not."""
        try:
            files, folders, *rows = data.decode("utf-8", "surrogateescape").split("\0")
            first, second = 2 * int(files), 2 * int(files) + 3 * int(folders)
            looked_into = rows[first:second]
            return cls(
                list(zip(rows[0:first:2], rows[1:first:2], strict=True)),
                list(zip(looked_into[::3], looked_into[1::3], looked_into[2::3], strict=True)),
                list(zip(rows[second::2], rows[second + 1 :: 2], strict=True)),
            )
        except ValueError:
            return None

    def changed(self) -> frozenset[str] | None:
        """The files that are not as they were; None where anything else is not either."""
        stat = os.stat
        found: list[str] = []
        try:
            for path, state in self.files:
                if state_of(stat(path)) != state:
                    found.append(path)
            for path, at, names in self.folders:
                if str(stat(path).st_mtime_ns) != at and names_in(path) != names:
                    return None
        except OSError:
            return None
        return frozenset(found) if all(place(path) == there for path, there in self.places) else None


Looked = tuple[bytes, Standing, frozenset[str]]
"""A digest of what a run stood on, that itself, and the files that are not as they were."""


def place(path: str) -> str:
    """What is at a place: nothing, a folder, or a file in some state."""
    try:
        status = os.stat(path)
    except OSError:
        return ABSENT
    return FOLDER if os.path.isdir(path) else state_of(status)


def names_in(folder: str) -> str:
    """Stands for what is in a folder. Raises OSError."""
    with os.scandir(folder) as entries:
        return names_of(entries)


def names_of(entries: Iterable[os.DirEntry[str]]) -> str:
    """Stands for what is in a folder, less what is hidden or compiled."""
    found = sorted(entry.name + (FOLDER if _is_folder(entry) else "") for entry in entries if is_told(entry.name))
    return digest("\0".join(found).encode("utf-8", "surrogateescape")).hex()


def is_told(name: str) -> bool:
    """Whether `names_of` tells if something of this name is in a folder."""
    return (not name.startswith(".") or name in _TOLD) and name != "__pycache__"


_TOLD = (".git", ".gitignore")
"""What is hidden, and decides all the same on what is looked at."""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # a link that leads back to itself
        return False
