"""What a whole run stood on: the files that it read, the folders that it looked into, the places where it found
nothing.

While all of that is as it was, the report is too: one look at each, and nothing is asked again. Files are known by
their times, size and number; folders by their time, else by the names in them (caches and compiled files come and go);
a place by what is there. What changed less than two seconds before the run began may have changed again unseen: such a
run is not kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cancelcheck.engine.report import By, Report, Suppressed
from cancelcheck.engine.store import Kind, Store, digest, state_of
from cancelcheck.model.finding import Finding

_RACY = 2_000_000_000
"""Nanoseconds after a change in which a file may change again and show the same times."""

_ABSENT = ""
_FOLDER = "/"


class _Run(msgspec.Struct, frozen=True, array_like=True):
    files: list[tuple[str, str]]
    folders: list[tuple[str, int, bytes]]
    places: list[tuple[str, str]]
    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, str, str], ...]
    count: int


class Ground:
    """Collects what a run looks at, by absolute path."""

    def __init__(self) -> None:
        self._before = time.time_ns() - _RACY
        self._listed: dict[str, bytes] = {}
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.places: set[str] = set()
        self.is_lasting = True
        """Whether another run on the same files is sure to find the same."""

    def listed(self, folder: str, entries: Iterable[os.DirEntry[str]]) -> None:
        """A folder was looked into, and this was there."""
        self.folders.add(folder)
        self._listed[folder] = _names(entries)

    def looked_for(self, path: str) -> None:
        """A file or folder was looked for among others: what says whether it is there is the folder that it is in, or
        would be."""
        while path not in self.folders:
            above = os.path.dirname(path)
            if os.path.isdir(above) or above == path:
                self.folders.add(above)
                return
            path = above

    def keep(self, store: Store, key: bytes, report: Report) -> None:
        """Keep the report, if everything is known that it stood on, and nothing of it is new."""
        if report.errors or report.notes or not self.is_lasting:
            return
        files = [(path, self._settled(path)) for path in sorted(self.files)]
        folders = [(path, *self._folder(path)) for path in sorted(self.folders)]
        places = [(path, _place(path)) for path in sorted(self.places)]
        files += [(path, self._settled(path)) for path, there in places if there not in (_ABSENT, _FOLDER)]
        if not all(state for _, state in files) or not all(found for _, _, found in folders):
            return
        run = _Run(
            files,
            folders,
            [(path, there) for path, there in places if there in (_ABSENT, _FOLDER)],
            report.findings,
            tuple((finding, by.value, reason) for finding, by, reason in report.suppressed),
            report.files,
        )
        store.put(Kind.RUN, key, msgspec.msgpack.encode(run))

    def _settled(self, path: str) -> str:
        """The state of a file that has been as it is for long enough; "" for any other."""
        try:
            status = os.stat(path)
        except OSError:
            return ""
        return state_of(status) if max(status.st_mtime_ns, status.st_ctime_ns) < self._before else ""

    def _folder(self, path: str) -> tuple[int, bytes]:
        try:
            changed = os.stat(path).st_mtime_ns
            found = _names_in(path)
        except OSError:
            return 0, b""
        is_sure = changed < self._before or self._listed.get(path) == found
        return changed, found if is_sure else b""


def recall(store: Store, key: bytes) -> Report | None:
    """The report of an earlier run, without its rules and sources, if all that it stood on is as it was."""
    data = store.get(Kind.RUN, key)
    if data is None:
        return None
    try:
        run = msgspec.msgpack.decode(data, type=_Run)
    except msgspec.DecodeError:
        return None
    if not _holds(run):
        return None
    return Report(
        findings=run.findings,
        files=run.count,
        suppressed=tuple(Suppressed(finding, By(by), reason) for finding, by, reason in run.suppressed),
    )


def key_of(versions: bytes, settings: Mapping[str, object], paths: Sequence[str]) -> bytes:
    """Stands for what decides on a report besides what is on the disk."""
    return digest(versions, os.getcwd().encode("utf-8", "surrogateescape"), msgspec.msgpack.encode((settings, paths)))


def _holds(run: _Run) -> bool:
    stat = os.stat
    try:
        for path, state in run.files:
            if state_of(stat(path)) != state:
                return False
        for path, changed, names in run.folders:
            if stat(path).st_mtime_ns != changed and _names_in(path) != names:
                return False
    except OSError:
        return False
    return all(_place(path) == there for path, there in run.places)


def _place(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return _ABSENT
    return _FOLDER if os.path.isdir(path) else state_of(status)


def _names_in(folder: str) -> bytes:
    with os.scandir(folder) as entries:
        return _names(entries)


def _names(entries: Iterable[os.DirEntry[str]]) -> bytes:
    """Stands for what is in a folder, less what is hidden or compiled."""
    found = sorted(
        entry.name + (_FOLDER if _is_folder(entry) else "")
        for entry in entries
        if (not entry.name.startswith(".") or entry.name == ".gitignore") and entry.name != "__pycache__"
    )
    return digest("\0".join(found).encode("utf-8", "surrogateescape"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # a link that leads back to itself
        return False
