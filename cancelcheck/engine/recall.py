"""What is known from earlier runs, and whether it still holds.

Facts are kept by the file's content. Findings are kept by the file's content and settings, beside one digest, the deep
one, of all that they depended on. While rules run, it is written down which modules each module looks for (`Asked`).
The modules that a file asked for, those that these asked for, and so on are everything that its findings can have seen.
The deep digest is made of the code of them all, and of what each name was found to be, or that it was not found. It
is worked out anew in each run, from the files as they are now: where it is the same, the findings are.

The code is all of a file but its blank lines and lines of comments. What moves with these is where things stand: so
the contents of the files that a finding's trace leads through count besides, and those of files whose lines or comments
were asked for (`READ`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Container, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec

from cancelcheck.catalog import Catalog
from cancelcheck.config import Settings
from cancelcheck.engine import versions
from cancelcheck.engine.lowering import ParseError
from cancelcheck.engine.store import Kind, Store, digest
from cancelcheck.link.project import Loader, ModuleView, Project
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile, code_of

Asked = dict[str, set[str]]
"""For each file, by its path, the names of the modules that were looked for from it."""

_DEEP = 16
"""Bytes of a deep digest."""
_LEVEL = 1
"""Of compression: to 0.42 of the size, in a hundredth of the time that lowering takes."""

_LARGEST = 512 * 1024 * 1024
"""Bytes of a file's facts. The largest file that is looked at has a fifth of that."""

_FILE = b"cancelcheck facts 1\n"
"""How a file of facts begins."""

_ENCODER = msgspec.msgpack.Encoder()
_FACTS = msgspec.msgpack.Decoder(ModuleFacts)
_FINDINGS = msgspec.msgpack.Decoder(tuple[Finding, ...])
_NAMES = msgspec.msgpack.Decoder(tuple[str, ...])
_ERROR = msgspec.msgpack.Decoder(tuple[int, str])


class Seen(NamedTuple):
    """A file as the rules see it: everything about it that its own findings, and those of others, can depend on.
    `content` is the digest of its bytes, empty where it cannot be read; `code` that of its text without blank lines and
    lines of comments: only its own findings, and those that lead through it or ask for more than its code, can tell two
    files with the same code apart."""

    shown: bytes
    module: bytes
    is_package: bool
    is_test: bool
    code: bytes
    content: bytes


_ANY = b"any"
"""Stands in the key for all files."""

READ = "#"
"""Stands among the modules that a file asked for, and says that more was asked of the file itself than its code."""


class AskingProject(Project):
    """A project that writes down which modules are looked for, by the shown path of the file that does."""

    def __init__(self, catalog: Catalog, settings: Settings, load: Loader, is_test: Callable[[str], bool]) -> None:
        super().__init__(catalog, settings, load)
        self.asked: Asked = {}
        self._is_test = is_test

    def add(self, source: SourceFile, facts: ModuleFacts) -> ModuleView:
        """As the project itself has it; what is a test file does not depend on whether it is checked too."""
        known = source.path in self._by_path
        view = super().add(source, facts)
        if not known:
            view.is_test = self._is_test(source.path)
        return view

    def module(self, name: str, near: ModuleView) -> ModuleView | None:
        """As the project itself has it."""
        if name != near.name:
            self._ask(near, name)
        return super().module(name, near)

    def is_read(self, module: ModuleView) -> None:
        """As the project itself has it."""
        self._ask(module, READ)

    def _ask(self, near: ModuleView, name: str) -> None:
        asked = self.asked.get(near.source.path)
        if asked is None:
            asked = self.asked[near.source.path] = set()
        asked.add(name)


def packed(facts: ModuleFacts) -> bytes:
    """A file's facts as bytes. Raises `UnicodeEncodeError` where a text in them is none."""
    return zlib.compress(_ENCODER.encode(facts), _LEVEL)


def unpacked(data: bytes) -> ModuleFacts | None:
    """Facts that were packed; None where the bytes end too early. Raises `zlib.error` and `msgspec.DecodeError` where
    they are none."""
    unpacker = zlib.decompressobj()
    facts = unpacker.decompress(data, _LARGEST)
    return _FACTS.decode(facts) if unpacker.eof else None


class FactStore:
    """Facts by content."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, source: SourceFile, content: bytes) -> ModuleFacts | None:
        """The facts of a file. Raises `ParseError` where that is what is known of it."""
        data = self.store.get(Kind.FACTS, _key_of(source, content))
        if data is None:
            return None
        try:
            if data[:1] == b"e":
                line, reason = _ERROR.decode(data[1:])
                raise ParseError(line, reason)
            return unpacked(data[1:])
        except (zlib.error, msgspec.DecodeError):
            return None

    def put(self, source: SourceFile, content: bytes, facts: ModuleFacts | ParseError) -> None:
        """Keep what came of lowering a file."""
        data = _written(facts)
        if data:
            self._put(_key_of(source, content), data)

    def _put(self, key: bytes, data: bytes) -> None:
        self.store.put(Kind.FACTS, key, data if data[:1] == b"e" else data[:1] + zlib.compress(data[1:], _LEVEL))

    def take(self, data: bytes) -> bool:
        """Keep what stands in a file of facts (`file_of_facts`); whether it is one."""
        head, key, body = data[: len(_FILE)], data[len(_FILE) : len(_FILE) + _DEEP], data[len(_FILE) + _DEEP :]
        if head != _FILE or len(body) <= _DEEP or body[:1] not in (b"e", b"f"):
            return False
        if digest(key, body[:-_DEEP]) != body[-_DEEP:]:
            return False
        self._put(key, body[:-_DEEP])
        return True

    def has(self, source: SourceFile, content: bytes) -> bool:
        """Whether there is anything under the file's key."""
        return self.store.get(Kind.FACTS, _key_of(source, content)) is not None

    def code(self, content: bytes, text: Callable[[], str | None]) -> bytes:
        """Stands for a file's code, by the digest of its content; `text` reads it where that is not known yet, and has
        none where it cannot be read."""
        key = digest(versions.lowering(), content)
        known = self.store.get(Kind.CODE, key)
        if known is None or len(known) != _DEEP:
            read = text()
            known = digest(content if read is None else code_of(read).encode("utf-8", "surrogatepass"))
            self.store.put(Kind.CODE, key, known)
        return known


def file_of_facts(source: SourceFile, content: bytes, facts: ModuleFacts | ParseError) -> bytes:
    """What came of lowering a file, as a file of its own: the same bytes for the same text under the same module's
    name, wherever it lies."""
    key, body = _key_of(source, content), _written(facts)
    return _FILE + key + body + digest(key, body)


def _key_of(source: SourceFile, content: bytes) -> bytes:
    # the path is not in it: the same file elsewhere has the same facts
    return digest(
        versions.lowering(), source.module.encode("utf-8", "surrogatepass"), _flag(source.is_package), content
    )


def _written(facts: ModuleFacts | ParseError) -> bytes:
    """Empty where it cannot be."""
    try:
        if isinstance(facts, ParseError):
            return b"e" + _ENCODER.encode((facts.line, facts.reason))
        return b"f" + _ENCODER.encode(facts)
    except UnicodeEncodeError:
        # half a character in a text: `"\\ud800"`
        return b""


class _Kept(NamedTuple):
    absolute: str
    key: bytes
    deep: bytes
    findings: bytes


class Recall:
    """What is known of the files under one set of settings, of which `context` is a digest.

    `look` says how a file is seen now, `find` which file a module's name stands for in another one, `place` where the
    file is that is shown under a path.
    """

    def __init__(
        self,
        store: Store,
        context: bytes,
        look: Callable[[str], Seen],
        find: Callable[[str, str], str | None],
        place: Callable[[str], str],
    ) -> None:
        self._store = store
        self._place = place
        self._context = digest(versions.known_everything(store), context)
        self._look = look
        self._find = find
        self._names: dict[str, tuple[str, ...] | None] = {}
        self._deep: dict[str, bytes | None] = {}
        self._reach: dict[str, list[str]] = {}
        self._asked: Asked = {}
        self._kept: list[_Kept] = []
        self.learnt: set[str] = set()
        """The files from which any module was looked for in this run."""

    @cached_property
    def knows_any(self) -> bool:
        """Whether findings of any file are known. Where none are, no file needs to be read to know that."""
        return self._store.get(Kind.FINDINGS, digest(self._context, _ANY)) is not None

    def findings(self, absolute: str, how: bytes) -> tuple[Finding, ...] | None:
        """The findings of a file, if what is known of it still holds. `how` is a digest of all else that they depend
        on: which rules report."""
        key = self._key(absolute, how)
        data = self._store.get(Kind.FINDINGS, key)
        if data is None:
            return None
        deep = self.deep(absolute)
        if deep is None or data[:_DEEP] != deep:
            return None
        try:
            found = _FINDINGS.decode(data[2 * _DEEP :])
        except msgspec.DecodeError:
            return None
        if data[_DEEP : 2 * _DEEP] != self._led_through(found):
            return None
        self._kept.append(_Kept(absolute, key, deep, data[_DEEP:]))
        return found

    def keep(self, absolute: str, how: bytes, findings: Iterable[Finding]) -> None:
        """Keep what was found in a file, as it was seen when it was checked."""
        found = tuple(findings)
        try:
            data = self._led_through(found) + _ENCODER.encode(found)
        except UnicodeEncodeError:
            # a path, or a text in a message, that is no Unicode
            return
        self._kept.append(_Kept(absolute, self._key(absolute, how), b"", data))

    def _led_through(self, findings: Iterable[Finding]) -> bytes:
        """Stands for the files that the findings of one lead through, to the letter: a trace tells lines of them."""
        paths = {step.path for finding in findings for step in finding.trace if step.path != finding.path}
        return digest(*(self._look(self._place(path)).content for path in sorted(paths)))

    def learn(self, asked: Asked) -> None:
        """Take in which modules were looked for."""
        self.learnt.update(asked)
        for absolute, names in asked.items():
            known = self._asked.get(absolute)
            if known is None:
                self._asked[absolute] = set(names)
            else:
                known |= names

    def store(self) -> None:
        """Write down what was learnt and kept."""
        for absolute, names in self._asked.items():
            was_known = self._names_of(absolute) is not None
            if self._put_names(absolute, names) and was_known:
                self._deep.clear()
        # where nothing was known of a file, there is no digest of those that reach it
        self._deep = {path: known for path, known in self._deep.items() if known is not None}
        if self._kept and not self.knows_any:
            self._store.put(Kind.FINDINGS, digest(self._context, _ANY), b"")
        for kept in self._kept:
            deep = self._settled(kept.absolute)
            if deep != kept.deep:
                self._store.put(Kind.FINDINGS, kept.key, deep + kept.findings)
        self._asked.clear()
        self._kept.clear()

    def _put_names(self, absolute: str, names: Iterable[str]) -> bool:
        """Whether there was any new one."""
        before = self._names_of(absolute)
        # names only ever grow: what an earlier run has asked for is what other findings depend on
        now = tuple(sorted({*(before or ()), *names}))
        if now == before:
            return False
        self._names[absolute] = now
        self._reach.pop(absolute, None)
        self._store.put(Kind.ASKED, self._names_key(absolute), _ENCODER.encode(now))
        return True

    def _settled(self, absolute: str) -> bytes:
        """The deep digest, where modules that nothing was looked for from are known to be so."""
        while True:
            deep = self.deep(absolute)
            if deep is not None:
                return deep
            for reached in self._reached(absolute):
                if self._names_of(reached) is None:
                    self._put_names(reached, ())
            self._deep = {path: known for path, known in self._deep.items() if known is not None}

    def _reached(self, start: str) -> Iterator[str]:
        seen = {start}
        pending = [start]
        while pending:
            absolute = pending.pop()
            yield absolute
            for target in self._targets(absolute):
                if target not in seen:
                    seen.add(target)
                    pending.append(target)

    def is_read(self, absolute: str) -> bool:
        """Whether more was asked of a file than its code."""
        return READ in (self._names_of(absolute) or ())

    def graph(self, starts: Iterable[str], known: Container[str]) -> dict[str, list[str]]:
        """Which files each one led to, of some and all that they reach, less those of which that is `known`. To be
        asked after a run: where nothing is known of a file by then, nothing was looked for from it."""
        found: dict[str, list[str]] = {}
        pending = list(starts)
        while pending:
            absolute = pending.pop()
            if absolute in found:
                continue
            if self._names_of(absolute) is None:
                self._put_names(absolute, ())
            found[absolute] = self._targets(absolute)
            pending += [target for target in found[absolute] if target not in known]
        return found

    # --- digests

    def _key(self, absolute: str, how: bytes) -> bytes:
        return digest(self._context, how, _ENCODER.encode(self._look(absolute)))

    def _names_key(self, absolute: str) -> bytes:
        # the same code asks for the same
        return digest(self._context, _ENCODER.encode(self._look(absolute)._replace(content=b"")))

    def _names_of(self, absolute: str) -> tuple[str, ...] | None:
        """What was looked for from a file with this very content; None if it is not known."""
        if absolute not in self._names:
            data = self._store.get(Kind.ASKED, self._names_key(absolute))
            try:
                self._names[absolute] = _NAMES.decode(data) if data is not None else None
            except msgspec.DecodeError:
                self._names[absolute] = None
        return self._names[absolute]

    def _targets(self, absolute: str) -> list[str]:
        known = self._reach.get(absolute)
        if known is None:
            found = {self._find(name, absolute) for name in self._names_of(absolute) or () if name != READ}
            known = self._reach[absolute] = sorted(target for target in found if target is not None)
        return known

    def deep(self, start: str) -> bytes | None:
        """The digest of a file and of everything that was ever reached from it; None where that is not known of one of
        them. Files that reach each other have the same one: Tarjan's algorithm, without recursion."""
        if start in self._deep:
            return self._deep[start]
        order: dict[str, int] = {}
        low: dict[str, int] = {}
        path: list[str] = []
        on_path: set[str] = set()
        work: list[tuple[str, Iterator[str]]] = []

        def enter(absolute: str) -> None:
            order[absolute] = low[absolute] = len(order)
            path.append(absolute)
            on_path.add(absolute)
            work.append((absolute, iter(self._targets(absolute))))

        enter(start)
        while work:
            absolute, targets = work[-1]
            for target in targets:
                if target in self._deep:
                    continue
                if target not in order:
                    enter(target)
                    break
                if target in on_path:
                    low[absolute] = min(low[absolute], order[target])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[absolute])
                if low[absolute] == order[absolute]:
                    members = [path.pop()]
                    while members[-1] != absolute:
                        members.append(path.pop())
                    on_path.difference_update(members)
                    self._deep.update(dict.fromkeys(members, self._digest_of(members)))
        return self._deep[start]

    def _digest_of(self, members: list[str]) -> bytes | None:
        """The digest of files that all reach each other; those outside that they reach have theirs."""
        inside = set(members)
        rows: list[bytes] = []
        outside: set[bytes] = set()
        for absolute in members:
            names = self._names_of(absolute)
            if names is None:
                return None
            found: list[tuple[str, bytes]] = []
            seen = self._look(absolute)
            if READ not in names:
                seen = seen._replace(content=b"")
            for name in names:
                if name == READ:
                    continue
                target = self._find(name, absolute)
                if target is None:
                    found.append((name, b""))
                    continue
                found.append((name, self._look(target).shown))
                if target not in inside:
                    deep = self._deep[target]
                    if deep is None:
                        return None
                    outside.add(deep)
            rows.append(_ENCODER.encode((seen, found)))
        return digest(*sorted(rows), b"", *sorted(outside))


def _flag(value: bool) -> bytes:
    return b"1" if value else b"0"
