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
from cancelcheck.engine.standing import ABSENT, FOLDER, Looked, Standing, is_told, names_in, names_of, place
from cancelcheck.engine.store import Kind, Store, digest, state_of
from cancelcheck.model.finding import Finding

_RACY = 2_000_000_000
"""Nanoseconds after a change in which a file may change again and show the same times."""

_MANY = 4
"""One file in so many: where more have changed, all of them are looked at."""


class _Run(msgspec.Struct, frozen=True, array_like=True):
    ground: bytes
    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, str, str], ...]
    count: int
    graph: bytes


class Node(NamedTuple):
    """A file by its absolute path, the digests of its content and of its code (empty where more than that was asked for
    by others), and the places in the graph of those that it led to."""

    absolute: str
    content: bytes
    code: bytes
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
    """An earlier run, of which nothing has changed but the content of some of its `files`: all that it `stood` on."""

    def __init__(self, run: _Run, stood: Standing, files: frozenset[str], graph: Graph) -> None:
        self.run = run
        self.stood = stood
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
        self._listed: dict[str, str] = {}
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.places: set[str] = set()
        self.graph: Graph | None = None
        """Which files led to which, where that is known."""
        self.is_lasting = True
        """Whether another run on the same files is sure to find the same."""
        self._files: dict[str, str] = {}
        self._folders: dict[str, tuple[str, str]] = {}
        self._places: dict[str, str] = {}
        self._nowhere: set[str] = set()
        if before is not None:
            self._files = {path: state for path, state in before.stood.files if path not in before.files}
            self._folders = {path: (changed, found) for path, changed, found in before.stood.folders}
            self.files.update(path for path, _ in before.stood.files)
            self.folders.update(self._folders)
            self._places = dict(before.stood.places)
            self.places.update(self._places)

    def listed(self, folder: str, entries: Iterable[os.DirEntry[str]]) -> None:
        """A folder was looked into, and this was there."""
        self.folders.add(folder)
        self._listed[folder] = names_of(entries)

    def looked_for(self, path: str) -> None:
        """A file or folder was looked for among others: what says whether it is there is the folder that it is in, or
        would be."""
        while path not in self.folders:
            above = os.path.dirname(path)
            if above in self.folders or above in self._nowhere:
                return
            if os.path.isdir(above) or above == path:
                self.folders.add(above)
                return
            self._nowhere.add(above)
            path = above

    def keep(self, store: Store, key: bytes, report: Report) -> bytes:
        """Keep the report, if everything is known that it stood on, and nothing of it is new. What it stood on, as a
        digest; empty where it is not kept."""
        if report.errors or report.notes or not self.is_lasting:
            return b""
        files = [(path, self._settled(path)) for path in sorted(self.files)]
        folders = [(path, *self._folder(path)) for path in sorted(self.folders)]
        known = self._places
        places = [(path, known[path] if path in known else place(path)) for path in sorted(self.places)]
        files += [(path, self._settled(path)) for path, there in places if there not in (ABSENT, FOLDER)]
        if not all(state for _, state in files) or not all(found for _, _, found in folders):
            return b""
        places = [(path, there) for path, there in places if there == FOLDER or self._is_missing(path, there)]
        ground = Standing(files, folders, places).written()
        try:
            self._put(store, key, report, ground)
        except UnicodeEncodeError:
            # a path, or a text in a message, that is no Unicode
            return b""
        return digest(ground)

    def _is_missing(self, path: str, there: str) -> bool:
        """Whether nothing is at a place, and no folder's names tell that: each folder of a tree may have settings."""
        folder, name = os.path.split(path)
        return there == ABSENT and not (folder in self.folders and is_told(name))

    def _put(self, store: Store, key: bytes, report: Report, ground: bytes) -> None:
        graph = msgspec.msgpack.encode(self.graph) if self.graph is not None else b""
        run = _Run(
            digest(ground),
            report.findings,
            tuple((finding, by.value, reason) for finding, by, reason in report.suppressed),
            report.files,
            digest(graph),
        )
        store.put(Kind.RUN, key, msgspec.msgpack.encode(run))
        store.put(Kind.GROUND, key, ground)
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

    def _folder(self, path: str) -> tuple[str, str]:
        known = self._folders.get(path)
        if known is not None:
            return known
        try:
            changed = os.stat(path).st_mtime_ns
            found = names_in(path)
        except OSError:
            return "", ""
        is_sure = changed < self._before or self._listed.get(path) == found
        return str(changed), found if is_sure else ""


class Unchanged(NamedTuple):
    """The report of an earlier run, without its rules and sources, and a digest of what it `stood` on: all of it is as
    it was."""

    report: Report
    stood: bytes


def recall(store: Store, key: bytes, looked: Looked | None = None) -> Unchanged | Changed | None:
    """An earlier run, if nothing has changed, or nothing but the content of some files. What was just `looked` at is
    not looked at again."""
    data = store.get(Kind.RUN, key)
    if data is None:
        return None
    try:
        run = msgspec.msgpack.decode(data, type=_Run)
    except msgspec.DecodeError:
        return None
    if looked is None or looked[0] != run.ground:
        ground = store.get(Kind.GROUND, key)
        stood = Standing.read(ground) if ground is not None and run.ground == digest(ground) else None
        changed = stood.changed() if stood is not None else None
        if stood is None or changed is None:
            return None
    else:
        _, stood, changed = looked
    if changed:
        return _partly(store, key, run, stood, changed)
    report = Report(
        findings=run.findings,
        files=run.count,
        suppressed=tuple(Suppressed(finding, By(by), reason) for finding, by, reason in run.suppressed),
    )
    return Unchanged(report, run.ground)


def _partly(store: Store, key: bytes, run: _Run, stood: Standing, changed: frozenset[str]) -> Changed | None:
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
    return Changed(run, stood, changed, graph)


def key_of(versions: bytes, settings: Mapping[str, object], paths: Sequence[str]) -> bytes:
    """Stands for what decides on a report besides what is on the disk."""
    # a path may be no Unicode
    return digest(
        versions,
        os.getcwd().encode("utf-8", "surrogateescape"),
        ascii((sorted(settings.items()), list(paths))).encode(),
    )
