"""What of other files a check looks at, function by function.

Answers are kept from one file's check to the next, which is why nobody can tell what a single one has looked at. So
where a run knows most files already, each of the others is checked by a project of its own (`ReadingProject`), which
begins with no answer and notes what is looked at in other files. Of a file there are two things that can be looked at:

- its *frame*: the text less the bodies of its functions, so what it imports and defines, under which names, with which
  parameters, decorators and bases; whoever is led to a file has looked at that;
- its functions' *bodies*, one by one: a method's or a function's, with all that is defined in it.

A digest of each (`parts_of`) says whether what was looked at has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast, overload

import msgspec

from cancelcheck.catalog import Catalog
from cancelcheck.config import Settings
from cancelcheck.engine.recall import BODY, FRAME, AskingProject
from cancelcheck.engine.store import digest
from cancelcheck.link.function import FunctionView
from cancelcheck.link.lazily import Lazily
from cancelcheck.link.project import Loader, ModuleView
from cancelcheck.model.facts import Define, Function, FunctionKind, ModuleFacts
from cancelcheck.model.source import SourceFile, code_of, line_starts

_HEADER = (
    "name",
    "qualname",
    "kind",
    "is_async",
    "parent",
    "start",
    "end",
    "head",
    "define",
    "returns",
    "is_generator",
    "is_stub",
    "params",
    "decorators",
    "global_names",
)
"""What of a function's facts its frame says. Offsets move with what stands before: nothing but order is read off them,
unless a file is read to the letter (`ModuleView.is_read`), or a finding's trace leads through it."""

_BODIES = ("nodes", "blocks", "regions")
"""What a view holds of its function's body, besides its facts."""

_T = TypeVar("_T")
_K = TypeVar("_K")
_D = TypeVar("_D")


def bodies_of(facts: ModuleFacts) -> list[int]:
    """For each function the body that it lies in, as a number; -1 for what belongs to the frame: the file's own body,
    those of its classes, and lambdas in them."""
    found: list[int] = []
    count = 0
    for function in facts.functions:
        above = found[function.parent] if function.parent >= 0 else -1
        if above < 0 and function.kind is FunctionKind.DEF:
            above = count
            count += 1
        found.append(above)
    return found


def parts_of(text: str, facts: ModuleFacts) -> bytes:
    """A digest of a file's frame (`FRAME` bytes), and one of each body (`BODY` bytes)."""
    places = bodies_of(facts)
    spans: list[tuple[int, int]] = []
    said: list[tuple[object, ...]] = []
    binding: set[int] = set()
    for function, place in zip(facts.functions, places, strict=True):
        is_first = place == len(spans)
        if is_first:
            spans.append((function.head, function.end))
        if is_first or place < 0:
            said.append((function.qualname, function.kind, function.is_async, function.is_generator, function.is_stub))
        if function.global_names:
            # what it does with a global, whoever looks for that finds
            said.append((place, function.global_names))
            binding.add(place)
    bodies = [_code(text[start:end]) for start, end in spans]
    pieces: list[bytes] = []
    at = 0
    for start, end in sorted(spans):
        if start < at or end < start:
            # the parser is in doubt on where things stand
            return digest(_code(text))[:FRAME] + digest(_code(text))[:BODY] * len(spans)
        pieces.append(_code(text[at:start]))
        at = end
    pieces.append(_code(text[at:]))
    pieces += [bodies[place] for place in sorted(binding) if place >= 0]
    told = msgspec.msgpack.encode((said, sorted(facts.libraries), facts.exact, facts.is_package))
    frame = digest(told, *pieces)[:FRAME]
    return frame + b"".join(digest(body)[:BODY] for body in bodies)


def _code(text: str) -> bytes:
    return code_of(text).encode("utf-8", "surrogatepass")


class _Noted:
    """The facts of a function in another file. What its frame does not say is noted when it is asked for."""

    def __init__(self, facts: Function, note: Callable[[], None]) -> None:
        vars(self).update((field, getattr(facts, field)) for field in _HEADER)
        self._facts = facts
        self._note = note

    def __getattr__(self, name: str) -> Any:
        self._note()
        return getattr(self._facts, name)


class _All(Sequence[_T]):
    """What there is one of for each function of another file, by its place. Who goes through it has looked at all
    bodies."""

    def __init__(self, count: int, item: Callable[[int], _T], note: Callable[[], None]) -> None:
        self._count = count
        self._item = item
        self._note = note

    @overload
    def __getitem__(self, place: int) -> _T: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[_T]: ...

    def __getitem__(self, place: int | slice) -> _T | Sequence[_T]:
        if isinstance(place, slice):
            self._note()
            return [self._item(at) for at in range(self._count)[place]]
        return self._item(range(self._count)[place])

    def __len__(self) -> int:
        self._note()
        return self._count

    def __iter__(self) -> Iterator[_T]:
        self._note()
        return map(self._item, range(self._count))


class _Table(Generic[_K]):
    """Functions of another file by something that its frame says of them. They are seen when they are asked for."""

    def __init__(self, places: Mapping[_K, Sequence[int]], item: Callable[[int], FunctionView]) -> None:
        self._places = places
        self._item = item

    def __getitem__(self, key: _K) -> list[FunctionView]:
        return [self._item(place) for place in self._places[key]]

    def get(self, key: _K, default: _D) -> list[FunctionView] | _D:
        """As a dictionary has it."""
        return self[key] if key in self._places else default


class Lent:
    """Another file, as it is lent to those that are checked. `read` are the bodies that the one at hand has looked
    at."""

    def __init__(self, source: SourceFile, facts: ModuleFacts) -> None:
        self.facts = facts
        self.bodies = bodies_of(facts)
        self.read: set[int] = set()
        self._places = range(max(self.bodies, default=-1) + 1)
        self.outer: dict[str, list[int]] = {}
        """The bodies by the qualified name of their function."""
        for function, body in zip(facts.functions, self.bodies, strict=True):
            if body >= 0 and (function.parent < 0 or self.bodies[function.parent] < 0):
                self.outer.setdefault(function.qualname, []).append(body)
        self.functions = [
            cast(Function, _Noted(function, self._noting(body))) if body >= 0 else function
            for function, body in zip(facts.functions, self.bodies, strict=True)
        ]
        self.source = _Text(source, self.note_all)
        shown = _Frame(facts.module, facts.is_package, facts.exact, facts.libraries)
        shown.functions = _All(len(self.functions), self.functions.__getitem__, self.note_all)
        self.shown = cast(ModuleFacts, shown)
        self.by_qualname: dict[str, list[int]] = {}
        self.by_parent: dict[int, list[int]] = {}
        for place, function in enumerate(facts.functions):
            self.by_qualname.setdefault(function.qualname, []).append(place)
            self.by_parent.setdefault(function.parent, []).append(place)
        self.rebinding = [place for place, function in enumerate(facts.functions) if place and function.global_names]
        """The functions that declare a name `global`."""
        self.told: dict[tuple[int, str], Any] = {}
        """What a function's facts tell by themselves, by its place and what it is: the same for all that it is lent
        to."""

    @contextmanager
    def quoting(self) -> Iterator[None]:
        """Meanwhile the text is read where that has been noted."""
        note, self.source.note = self.source.note, _nothing
        try:
            yield
        finally:
            self.source.note = note

    def note(self, body: int) -> None:
        """Somebody looks at a body; at the frame, where it is none."""
        if body >= 0:
            self.read.add(body)

    def note_all(self) -> None:
        """Somebody looks at all bodies."""
        self.read.update(self._places)

    def _noting(self, body: int) -> Callable[[], None]:
        return lambda: self.read.add(body)


def _nothing() -> None:
    """Nothing is noted."""


class _Frame:
    functions: _All[Function]

    def __init__(self, module: str, is_package: bool, exact: bool, libraries: list[str]) -> None:
        self.module = module
        self.is_package = is_package
        self.exact = exact
        self.libraries = libraries


class _Text(SourceFile):
    """The text of another file."""

    __slots__ = ("note", "quoted")

    def __init__(self, source: SourceFile, note: Callable[[], None]) -> None:
        self.note = note
        super().__init__(source.path, source.text, module=source.module, is_package=source.is_package)

    @property
    def text(self) -> str:
        """All of it."""
        self.note()
        return self.quoted

    @text.setter
    def text(self, text: str) -> None:
        self.quoted = text

    @property
    def starts(self) -> list[int]:
        """Offsets of the line starts: for a finding's trace, and its file counts to the letter."""
        if self._starts is None:
            self._starts = line_starts(self.quoted)
        return self._starts


class ReadModule(ModuleView):
    """Another file of the project. A look at it is noted in what is `lent`. Its functions are made when they are asked
    for: of most files a check sees but one or two."""

    def __init__(self, project: ReadingProject, lent: Lent) -> None:
        super().__init__(project, lent.source, lent.shown)
        self.lent = lent
        self._made: dict[int, FunctionView] = {}

    def _function(self, place: int) -> FunctionView:
        known = self._made.get(place)
        if known is None:
            facts = self.lent.facts.functions[place]
            parent = self._function(facts.parent) if facts.parent >= 0 else None
            known = self._made[place] = ReadFunction(self, place, facts, parent, self.lent.bodies[place])
        return known

    @property
    def held(self) -> Iterable[FunctionView]:
        """As the module itself has it."""
        return self._made.values()

    @Lazily
    def functions(self) -> list[FunctionView]:
        """As the module itself has it."""
        found = _All(len(self.lent.facts.functions), self._function, self.lent.note_all)
        return cast("list[FunctionView]", found)

    @Lazily
    def by_qualname(self) -> dict[str, list[FunctionView]]:
        """As the module itself has it."""
        return cast("dict[str, list[FunctionView]]", _Table(self.lent.by_qualname, self._function))

    @Lazily
    def by_parent(self) -> dict[int, list[FunctionView]]:
        """As the module itself has it."""
        return cast("dict[int, list[FunctionView]]", _Table(self.lent.by_parent, self._function))

    @Lazily
    def _rebinding(self) -> list[FunctionView]:
        return [self._function(place) for place in self.lent.rebinding]


class _Told(Lazily[_T]):
    """What a function's facts tell by themselves. It is worked out once for all checks that the file is lent to."""

    def __init__(self, attribute: Lazily[_T]) -> None:
        super().__init__(attribute.find)

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        found = vars(instance)[self.name] = instance.told(self.name, self.find)
        return found


class ReadFunction(FunctionView):
    """A function of another file."""

    def __init__(self, module: ReadModule, index: int, facts: Function, parent: FunctionView | None, body: int) -> None:
        super().__init__(module, index, facts, parent)
        self._lent = module.lent
        self._body = body
        if body >= 0:
            self.facts = module.lent.functions[index]
            for name in _BODIES:
                del vars(self)[name]

    by_kind = _Told(FunctionView.by_kind)
    live_blocks = _Told(FunctionView.live_blocks)
    came_from = _Told(FunctionView.came_from)
    final_entries = _Told(FunctionView.final_entries)
    names_read = _Told(FunctionView.names_read)
    places_read = _Told(FunctionView.places_read)
    attributes_stored = _Told(FunctionView.attributes_stored)
    items_stored = _Told(FunctionView.items_stored)

    def told(self, name: str, find: Callable[[FunctionView], _T]) -> _T:
        """What the function's facts tell by themselves, and `find` finds."""
        self._lent.note(self._body)
        known: dict[tuple[int, str], _T] = self._lent.told
        key = (self.index, name)
        if key not in known:
            known[key] = find(self)
        return known[key]

    def __getattr__(self, name: str) -> Any:
        # what the body holds is put back when it is first asked for
        if name not in _BODIES:
            raise AttributeError(name)
        found = vars(self)[name] = getattr(self.facts, name)
        return found

    @Lazily
    def children(self) -> list[FunctionView]:
        """As the function itself has it."""
        self._lent.note(self._body)
        return self.module.by_parent.get(self.index, [])

    @Lazily
    def alternatives(self) -> list[FunctionView]:
        """As the function itself has it."""
        # one may be defined inside of a function that bears the name of a class
        parts = self.facts.qualname.split(".")
        for count in range(1, len(parts)):
            for body in self._lent.outer.get(".".join(parts[:count]), ()):
                self._lent.note(body)
        return self.module.by_qualname[self.facts.qualname]

    def text(self, index: int) -> str:
        """As the function itself has it."""
        if isinstance(self.nodes[index], Define):
            self._lent.note_all()
        # what stands at a node belongs to what the node belongs to
        with self._lent.quoting():
            return super().text(index)


class ReadingProject(AskingProject):
    """A project for the check of one file, which is the first to be added. What that looks at in others is noted in
    what is `lent` of them, by the paths under which they are shown."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        load: Loader,
        is_test: Callable[[str], bool],
        lent: dict[str, Lent],
    ) -> None:
        super().__init__(catalog, settings, load, is_test)
        self._all_lent = lent
        self._lent: dict[str, Lent] = {}

    def viewed(self, source: SourceFile, facts: ModuleFacts) -> ModuleView:
        """As the project itself has it."""
        if not self._by_path:
            return super().viewed(source, facts)
        known = self._all_lent.get(source.path)
        if known is None or known.facts is not facts:
            known = self._all_lent[source.path] = Lent(source, facts)
        known.read.clear()
        self._lent[source.path] = known
        return ReadModule(self, known)

    @property
    def read(self) -> Mapping[str, set[int]]:
        """The bodies that were looked at, by the path of their file."""
        return {path: known.read for path, known in self._lent.items() if known.read}
