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
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
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
from cancelcheck.model.standard import STANDARD

Asked = dict[str, set[str]]
"""For each file, by its path, the names of the modules that were looked for from it."""

_DEEP = 16
"""Bytes of a deep digest."""
FRAME = 16
"""Bytes of the digest of a file's frame (see `engine.reading`)."""
BODY = 8
"""Bytes of the digest of a function's body."""
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

Rows = list[tuple[tuple[str, ...], tuple[int, ...]]]
"""What a check has looked at: for the file itself, and each that it was led to, in the order in which their names were
looked for, the names of the modules that were looked for from it, and the bodies of its functions that were looked
at."""
_ROWS = msgspec.msgpack.Decoder(Rows)


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


_BY_FILES, _BY_PARTS = b"f", b"p"
"""How it is known that findings still hold: by the code of all files that were reached, or by the parts of files that
were looked at."""
_SIZE = 4
"""Bytes of the length of what was looked at."""

_ANY = b"any"
"""Stands in the key for all files."""

READ = "#"
"""Stands among the modules that a file asked for, and says that more was asked of the file itself than its code."""


class AskingProject(Project):
    """A project that writes down which modules are looked for, by the shown path of the file that does."""

    outside = STANDARD

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

    def parts(self, seen: Seen) -> bytes | None:
        """The digests of a file's parts (`engine.reading.parts_of`), if they are known."""
        return self.store.get(Kind.BODIES, self._key_of_parts(seen))

    def put_parts(self, seen: Seen, parts: bytes) -> None:
        """Keep the digests of a file's parts."""
        self.store.put(Kind.BODIES, self._key_of_parts(seen), parts)

    def _key_of_parts(self, seen: Seen) -> bytes:
        # the same code has the same parts
        return digest(self._version, seen.module, _flag(seen.is_package), seen.code)

    @cached_property
    def _version(self) -> bytes:
        return versions.known_everything(self.store)

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
    looked_at: bytes = b""


class Recall:
    """What is known of the files under one set of settings, of which `context` is a digest.

    `look` says how a file is seen now, `find` which file a module's name stands for in another one, `place` where the
    file is that is shown under a path, `parts` what digests of its parts a file has (see `engine.reading`; empty where
    it cannot be read).
    """

    def __init__(
        self,
        store: Store,
        context: bytes,
        look: Callable[[str], Seen],
        find: Callable[[str, str], str | None],
        place: Callable[[str], str],
        parts: Callable[[str], bytes],
    ) -> None:
        self._store = store
        self._parts = parts
        self._place = place
        self._context = digest(versions.known_everything(store), context)
        self._look = look
        self._find = find
        self._names: dict[str, tuple[str, ...] | None] = {}
        self._deep: dict[str, bytes | None] = {}
        self._reach: dict[str, list[str]] = {}
        self._asked: Asked = {}
        self._kept: list[_Kept] = []
        self.overtaken: set[str] = set()
        """The files of which it was known what their check looked at, and some of that has changed."""
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
        if data[:1] == _BY_PARTS:
            return self._findings_by_parts(absolute, data[1:])
        data = data[1:]
        deep = self.deep(absolute)
        if deep is None or data[:_DEEP] != deep:
            return None
        found = self._findings_in(data[_DEEP:])
        if found is not None:
            self._kept.append(_Kept(absolute, key, deep, data[_DEEP:]))
        return found

    def _findings_in(self, data: bytes) -> tuple[Finding, ...] | None:
        try:
            found = _FINDINGS.decode(data[_DEEP:])
        except msgspec.DecodeError:
            return None
        return found if data[:_DEEP] == self._led_through(found) else None

    def _findings_by_parts(self, absolute: str, data: bytes) -> tuple[Finding, ...] | None:
        """The same, where it is known what was looked at."""
        size = int.from_bytes(data[:_SIZE], "little")
        looked_at, rest = data[_SIZE : _SIZE + size], data[_SIZE + size :]
        try:
            rows = _ROWS.decode(looked_at[_DEEP:])
        except msgspec.DecodeError:
            return None
        found = self._findings_in(rest) if self._digest_of_parts(absolute, rows) == looked_at[:_DEEP] else None
        if found is None:
            self.overtaken.add(absolute)
        return found

    def looked_at(self, absolute: str, asked: Asked, bodies: Mapping[str, set[int]]) -> bytes:
        """What the check of a file has looked at, by absolute paths, as it is kept: a digest of it, and where to look
        again. Empty where that is not known."""
        order = [absolute]
        rows: Rows = []
        for at in order:
            names = tuple(sorted(asked.get(at, ())))
            rows.append((names, tuple(sorted(bodies.get(at, ())))))
            order += self._led_to(at, names, order)
        found = self._digest_of_parts(absolute, rows)
        try:
            return found + _ENCODER.encode(rows) if found is not None and {*asked, *bodies} <= {*order} else b""
        except UnicodeEncodeError:
            return b""

    def _led_to(self, absolute: str, names: Iterable[str], known: Sequence[str]) -> list[str]:
        """The files that names of modules stand for, in their order, less those that are known."""
        found: dict[str, None] = {}
        for name in names:
            target = self._find(name, absolute) if name != READ else None
            if target is not None and target not in known:
                found[target] = None
        return list(found)

    def _digest_of_parts(self, absolute: str, rows: Rows) -> bytes | None:
        """The digest of what was looked at, as it is now; None where other files are led to."""
        order = [absolute]
        told: list[bytes] = []
        for place, (names, bodies) in enumerate(rows):
            if place >= len(order):
                return None
            at = order[place]
            told.append(b"" if place == 0 else self._part_of(at, READ in names, bodies))
            told += [self._shown(name, at) for name in names if name != READ]
            order += self._led_to(at, names, order)
        return digest(*told) if len(order) == len(rows) else None

    def _part_of(self, absolute: str, is_read: bool, bodies: Iterable[int]) -> bytes:
        seen = self._look(absolute)
        parts = self._parts(absolute)
        found = [parts[FRAME + place * BODY : FRAME + (place + 1) * BODY] for place in bodies]
        code = parts[:FRAME] if parts else seen.code
        row = seen._replace(code=code, content=seen.content if is_read else b"")
        return digest(_ENCODER.encode(row), _flag(bool(parts)), *found)

    def _shown(self, name: str, near: str) -> bytes:
        target = self._find(name, near)
        return digest(name.encode("utf-8", "surrogatepass"), b"" if target is None else self._look(target).shown)

    def keep(self, absolute: str, how: bytes, findings: Iterable[Finding], looked_at: bytes = b"") -> None:
        """Keep what was found in a file, as it was seen when it was checked, and what the check `looked_at`, where that
        is known."""
        found = tuple(findings)
        try:
            data = self._led_through(found) + _ENCODER.encode(found)
        except UnicodeEncodeError:
            # a path, or a text in a message, that is no Unicode
            return
        self._kept.append(_Kept(absolute, self._key(absolute, how), b"", data, looked_at))

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
            if kept.looked_at:
                size = len(kept.looked_at).to_bytes(_SIZE, "little")
                self._store.put(Kind.FINDINGS, kept.key, b"".join((_BY_PARTS, size, kept.looked_at, kept.findings)))
                continue
            deep = self._settled(kept.absolute)
            if deep != kept.deep:
                self._store.put(Kind.FINDINGS, kept.key, _BY_FILES + deep + kept.findings)
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
