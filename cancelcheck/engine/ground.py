"""What a whole run stood on: the files that it read, the folders that it looked into, the places where it found
nothing.

While all of that is as it was, the report is too: one look at each, and nothing is asked again. Files are known by
their times, size and number; folders by their time, else by the names in them (caches and compiled files come and go);
a place by what is there. What changed less than two seconds before the run began may have changed again unseen: such a
run is not kept.

Beside the report stands which files each file has led to (`Graph`). Where nothing but the content of some of them has
changed, which files there are to check is known, and which of them cannot have seen the change: what was said of those
still holds (`Changed`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from cancelcheck.engine.report import By, Report, Suppressed
from cancelcheck.engine.store import Kind, Store, digest, state_of
from cancelcheck.model.finding import Finding

_RACY = 2_000_000_000
"""Nanoseconds after a change in which a file may change again and show the same times."""

_ABSENT = ""
_FOLDER = "/"


_MANY = 4
"""One file in so many: where more have changed, all of them are looked at."""


class _Run(msgspec.Struct, frozen=True, array_like=True):
    files: list[tuple[str, str]]
    folders: list[tuple[str, int, bytes]]
    places: list[tuple[str, str]]
    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, str, str], ...]
    count: int
    graph: bytes = b""


class Node(NamedTuple):
    """A file by its absolute path, the digest of its content, and the places in the graph of those that it led to."""

    absolute: str
    content: bytes
    targets: list[int]


class Graph(msgspec.Struct, frozen=True, array_like=True):
    """Which files led to which. `checked` are those that were checked, each with the path under which it is shown and
    its place among the nodes."""

    checked: list[tuple[str, int]]
    nodes: list[Node]

    def reaching(self, places: Iterable[int]) -> set[int]:
        """The nodes that lead to some others, those among them."""
        sources: dict[int, list[int]] = {}
        for index, node in enumerate(self.nodes):
            for target in node.targets:
                sources.setdefault(target, []).append(index)
        found = set(places)
        pending = list(found)
        while pending:
            for source in sources.get(pending.pop(), ()):
                if source not in found:
                    found.add(source)
                    pending.append(source)
        return found


class Changed:
    """An earlier run, of which nothing has changed but the content of some of its `files`."""

    def __init__(self, run: _Run, files: frozenset[str], graph: Graph) -> None:
        self.run = run
        self.files = files
        self.graph = graph

    @property
    def findings(self) -> Iterator[Finding]:
        """All that was found then, what a comment silenced among it."""
        yield from self.run.findings
        for finding, _, _ in self.run.suppressed:
            yield finding


class Ground:
    """Collects what a run looks at, by absolute path. What an earlier run has looked at that has not changed may come
    `before` it."""

    def __init__(self, before: Changed | None = None) -> None:
        self._before = time.time_ns() - _RACY
        self._listed: dict[str, bytes] = {}
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.places: set[str] = set()
        self.graph: Graph | None = None
        """Which files led to which, where that is known."""
        self.is_lasting = True
        """Whether another run on the same files is sure to find the same."""
        self._files: dict[str, str] = {}
        self._folders: dict[str, tuple[int, bytes]] = {}
        if before is not None:
            self._files = {path: state for path, state in before.run.files if path not in before.files}
            self._folders = {path: (changed, found) for path, changed, found in before.run.folders}
            self.files.update(path for path, _ in before.run.files)
            self.folders.update(self._folders)
            self.places.update(path for path, _ in before.run.places)

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
        try:
            self._put(store, key, report, files, folders, places)
        except UnicodeEncodeError:
            # a path, or a text in a message, that is no Unicode
            return

    def _put(
        self,
        store: Store,
        key: bytes,
        report: Report,
        files: list[tuple[str, str]],
        folders: list[tuple[str, int, bytes]],
        places: list[tuple[str, str]],
    ) -> None:
        graph = msgspec.msgpack.encode(self.graph) if self.graph is not None else b""
        run = _Run(
            files,
            folders,
            [(path, there) for path, there in places if there in (_ABSENT, _FOLDER)],
            report.findings,
            tuple((finding, by.value, reason) for finding, by, reason in report.suppressed),
            report.files,
            digest(graph),
        )
        store.put(Kind.RUN, key, msgspec.msgpack.encode(run))
        store.put(Kind.PARTS, key, graph)

    def _settled(self, path: str) -> str:
        """The state of a file that has been as it is for long enough; "" for any other."""
        known = self._files.get(path)
        if known is not None:
            return known
        try:
            status = os.stat(path)
        except OSError:
            return ""
        return state_of(status) if max(status.st_mtime_ns, status.st_ctime_ns) < self._before else ""

    def _folder(self, path: str) -> tuple[int, bytes]:
        known = self._folders.get(path)
        if known is not None:
            return known
        try:
            changed = os.stat(path).st_mtime_ns
            found = _names_in(path)
        except OSError:
            return 0, b""
        is_sure = changed < self._before or self._listed.get(path) == found
        return changed, found if is_sure else b""


def recall(store: Store, key: bytes) -> Report | Changed | None:
    """The report of an earlier run, without its rules and sources, if all that it stood on is as it was; the run, if
    nothing but the content of some files has changed."""
    data = store.get(Kind.RUN, key)
    if data is None:
        return None
    try:
        run = msgspec.msgpack.decode(data, type=_Run)
    except msgspec.DecodeError:
        return None
    changed = _changed(run)
    if changed is None:
        return None
    if changed:
        return _partly(store, key, run, changed)
    return Report(
        findings=run.findings,
        files=run.count,
        suppressed=tuple(Suppressed(finding, By(by), reason) for finding, by, reason in run.suppressed),
    )


def _partly(store: Store, key: bytes, run: _Run, changed: frozenset[str]) -> Changed | None:
    data = store.get(Kind.PARTS, key)
    if not data or digest(data) != run.graph:
        return None
    try:
        graph = msgspec.msgpack.decode(data, type=Graph)
    except msgspec.DecodeError:
        return None
    # anything else that was read (settings, what git ignores) decides on what there is to check
    if not changed <= {node.absolute for node in graph.nodes} or len(changed) * _MANY > len(graph.nodes) + _MANY:
        return None
    return Changed(run, changed, graph)


def key_of(versions: bytes, settings: Mapping[str, object], paths: Sequence[str]) -> bytes:
    """Stands for what decides on a report besides what is on the disk."""
    # a path may be no Unicode
    return digest(
        versions,
        os.getcwd().encode("utf-8", "surrogateescape"),
        ascii((sorted(settings.items()), list(paths))).encode(),
    )


def _changed(run: _Run) -> frozenset[str] | None:
    """The files that are not as they were; None where anything else is not either."""
    stat = os.stat
    changed: list[str] = []
    try:
        for path, state in run.files:
            if state_of(stat(path)) != state:
                changed.append(path)
        for path, at, names in run.folders:
            if stat(path).st_mtime_ns != at and _names_in(path) != names:
                return None
    except OSError:
        return None
    return frozenset(changed) if all(_place(path) == there for path, there in run.places) else None


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
