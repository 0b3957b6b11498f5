"""Looks a qualified name up in the catalogue; reads a library's file when one of its names is first asked for."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from cancelcheck.catalog import schema

_T = TypeVar("_T")

_TABLES: tuple[tuple[str, str], ...] = (
    ("api", "call"),
    ("client", "type"),
    ("timeout_object", "type"),
    ("spawner", "call"),
    ("runner", "call"),
    ("thread", "type"),
    ("outlived", "call"),
    ("scope", "call"),
    ("exception", "type"),
    ("produces", "call"),
    ("partial", "call"),
    ("injector", "call"),
    ("field", "call"),
    ("lookup", "call"),
    ("type", "type"),
    ("coroutine", "call"),
    ("checkpoint", "call"),
    ("no_return", "call"),
    ("clock", "call"),
    ("suppressor", "call"),
    ("decorator", "name"),
    ("serves", "call"),
    ("serving_class", "type"),
    ("callback", "call"),
    ("resource", "call"),
    ("lock", "type"),
    ("startable", "call"),
    ("waiter", "call"),
    ("retry", "call"),
    ("stop", "call"),
    ("harmless", "call"),
    ("winding", "call"),
    ("undoing", "call"),
    ("exit_hook", "call"),
    ("exit_method", "type"),
    ("taking", "call"),
    ("framework", "name"),
    ("immediate", "call"),
    ("leaving", "call"),
    ("asking", "call"),
    ("cancellable", "type"),
    ("carrier", "type"),
    ("limit_pair", "call"),
)
"""Tables that hold one entry per name, with the field that names it. Those in `_MANY` may hold several."""

_DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
"""Where the files are."""
_READ: dict[str, schema.LibraryFile] = {}
"""Files that were read in this process: they are the package's own, and each takes a millisecond."""

_MANY: tuple[str, ...] = ("poll", "clock_sink", "duration", "delay", "driver")


class CatalogError(ValueError):
    """A catalogue file, or an entry in the configuration, is not of the catalogue's form."""


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version that say which release it is: `8.0.0b1` is 8.0.0."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in found.group().split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()  # 8 is 8.0.0
    return tuple(numbers)


def _as_of(entry: Any, version: tuple[int, ...]) -> Any:
    """An entry with the defaults that it had in a release."""
    later = [until for until in getattr(entry, "until", ()) if version < release(until.version)]
    if not later:
        return entry
    until = min(later, key=lambda until: release(until.version))
    changed = {field: getattr(until, field) for field in ("default", "command_default")}
    return msgspec.structs.replace(entry, **{field: value for field, value in changed.items() if value is not None})


def _is_of(entry: Any, version: tuple[int, ...]) -> bool:
    """Whether an entry holds in a release; the newest, where it is not known which one."""
    since, before = getattr(entry, "since", ""), getattr(entry, "before", "")
    if not version:
        return not before
    return version >= release(since) and not (before and version >= release(before))


def names_of(names: schema.Names) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (names,) if isinstance(names, str) else names


class _Answers(dict[str, _T | None]):
    """Answers by name, each found when it is first asked for."""

    def __init__(self, find: Callable[[str], _T | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, name: str) -> _T | None:
        found = self[name] = self._find(name)
        return found


class Catalog:
    """All libraries. Each look-up takes a qualified name and returns the entry, or None.

    `entries` are further `api` entries, as the configuration gives them: a mapping each, in the form of a catalogue
    file's `[[api]]`. `versions` says for names on PyPI, normalised, which release is in use: defaults are that one's.
    The newest is taken for the others.

    Raises `CatalogError` where one of the entries is malformed.
    """

    def __init__(self, entries: Iterable[object] = (), versions: Mapping[str, str] | None = None) -> None:
        self._versions = versions or {}
        self._available = {
            name.removesuffix(".toml"): os.path.join(_DATA, name)
            for name in os.listdir(_DATA)
            if name.endswith(".toml")
        }
        self._parts: dict[str, list[str]] = {}
        for library in self._available:
            self._parts.setdefault(library.partition(".")[0], []).append(library)
        self._loaded: set[str] = set()
        self._alias: dict[str, str] = {}
        self._prefix: dict[str, list[tuple[str, str]]] = {}
        self._canonical: dict[str, str] = {}
        self._one: dict[str, dict[str, Any]] = {table: {} for table, _ in _TABLES}
        self._by_name: dict[str, dict[str, Any]] = {}
        self._bases: dict[str, tuple[str, ...]] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._spoken: set[str] = set()
        self._subtypes: dict[str, dict[str, list[str]]] = {}
        self._harmless_members: frozenset[str] | None = None
        self._generated: list[tuple[re.Pattern[str], schema.Generated]] | None = None
        # what every rule asks of every call
        self.api = self._answers("api", schema.Api)
        """A call that can wait."""
        self.timeout_object = self._answers("timeout_object", schema.TimeoutObject)
        """A value that carries timeouts."""
        self.spawner = self._answers("spawner", schema.Spawner)
        """A call that starts work of its own."""
        self.runner = self._answers("runner", schema.Runner)
        """A call that runs what it is given to its end."""
        self.outlived = self._answers("outlived", schema.Outlived)
        """A wait whose end in time leaves running what it waits for."""
        self.scope = self._answers("scope", schema.Scope)
        """A cancel scope, timeout, task group, nursery or shield."""
        self.clock = self._answers("clock", schema.ClockEntry)
        """A call that reads a clock."""
        self.resource = self._answers("resource", schema.Resource)
        """A call whose result has to be given back."""
        self.waiter = self._answers("waiter", schema.Waiter)
        """A call that waits for tasks or futures that it is given."""
        self.retry = self._answers("retry", schema.Retry)
        """Something that calls again what has failed."""
        self.limit_pair = self._answers("limit_pair", schema.LimitPair)
        """A call that takes a soft limit and a hard one."""
        self.client = _Answers(self._client).__getitem__
        """A type whose constructor can bound its calls."""
        self.generated = _Answers(self._generated_by).__getitem__
        """The clients of a class that a compiler has written."""
        self.thread = _Answers(self._thread).__getitem__
        """A type whose instances are threads; also where it inherits from one."""
        for entry in entries:
            try:
                api = msgspec.convert(entry, schema.Api)
            except msgspec.ValidationError as error:
                raise CatalogError(f"api: {error}") from error
            for name in names_of(api.call):
                self._load(name.partition(".")[0])
                self._one["api"][name] = self._of_name(name)["api"] = api
                self._spoken.add(name.partition(".")[0])
                # its class, so that an instance is followed to its constructor
                self._bases.setdefault(name.rpartition(".")[0], ())

    # --- loading

    def libraries(self) -> list[str]:
        """Names of all libraries there is data for, sorted."""
        return sorted(self._available)

    def read(self, library: str) -> schema.LibraryFile:
        """The file of one library, whole. Raises `CatalogError` where it is malformed, `KeyError` where there is
        none."""
        file = self._available[library]
        known = _READ.get(file)
        if known is not None:
            return known
        try:
            with open(file, encoding="utf-8") as text:
                found = msgspec.convert(tomllib.loads(text.read()), schema.LibraryFile)
        except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
            raise CatalogError(f"{library}.toml: {error}") from error
        _READ[file] = found
        return found

    def _load(self, package: str) -> None:
        """Read what there is on a top-level package, the first time that it is asked for."""
        if package in self._loaded:
            return
        self._loaded.add(package)
        for library in sorted(self._parts.get(package, ())):
            self._add(self.read(library), self._prefix.setdefault(package, []))

    def _add(self, data: schema.LibraryFile, prefixes: list[tuple[str, str]]) -> None:
        for spelling, usual in data.alias.items():
            if spelling.endswith(".*"):
                prefixes.append((spelling[:-1], usual.removesuffix("*")))
            else:
                self._alias[spelling] = usual
        version = self._version_of(data)
        for table, field in _TABLES:
            for newest in getattr(data, table):
                entry = _as_of(newest, version) if version else newest
                for name in names_of(getattr(entry, field)):
                    self._of_name(name).setdefault(table, self._one[table].setdefault(name, entry))
                    self._spoken.add(name.partition(".")[0])
        for table in _MANY:
            for entry in getattr(data, table):
                if not _is_of(entry, version):
                    continue
                for name in names_of(entry.call):
                    self._of_name(name).setdefault(table, []).append(entry)
                    self._spoken.add(name.partition(".")[0])
        typed: tuple[schema.Client | schema.TypeEntry | schema.ExceptionEntry, ...] = (
            *data.client,
            *data.type,
            *data.exception,
        )
        for made in data.client:
            if made.makes:
                for name in names_of(made.type):
                    produced = schema.Produces(call=name, returns=made.makes)
                    self._of_name(name).setdefault("produces", self._one["produces"].setdefault(name, produced))
        for entry in typed:
            if not getattr(entry, "makes", ""):
                for name in names_of(entry.type):
                    self._bases[name] = entry.bases

    def _of_name(self, name: str) -> dict[str, Any]:
        """What the tables say of a name, by table, to be added to."""
        return self._by_name.setdefault(name, {})

    def _version_of(self, data: schema.LibraryFile) -> tuple[int, ...]:
        """The release in use, where it is known."""
        if not self._versions:
            return ()
        return release(self._versions.get(re.sub(r"[-_.]+", "-", data.library.package).lower(), ""))

    def canonical(self, name: str) -> str:
        """The usual spelling of a name: re-exports and defining modules of a library are one."""
        usual = self._canonical.get(name)
        if usual is None:
            usual = self._canonical[name] = self._follow(name)
        return usual

    def _follow(self, name: str) -> str:
        self._load(name.partition(".")[0])
        seen = 0
        while seen < 8:
            usual = self._alias.get(name)
            if usual is None:
                for prefix, replacement in self._prefix.get(name.partition(".")[0], ()):
                    if name.startswith(prefix):
                        usual = replacement + name[len(prefix) :]
                        break
                else:
                    usual = self._owner_alias(name)
            if usual is None or usual == name:
                return name
            name, seen = usual, seen + 1
            self._load(name.partition(".")[0])
        return name

    def _owner_alias(self, name: str) -> str | None:
        """`requests.sessions.Session.get` through the alias of `requests.sessions.Session`."""
        owner, dot, member = name.rpartition(".")
        while dot:
            if owner in self._alias:
                return f"{self._alias[owner]}.{member}"
            owner, dot, rest = owner.rpartition(".")
            member = f"{rest}.{member}"
        return None

    # --- looking up

    def has(self, name: str) -> bool:
        """Whether any table speaks of this name."""
        return bool(self._entries(name)) or self.knows_type(name)

    def tells(self, name: str) -> bool:
        """Whether it is a type, or any table speaks of it besides the one of what does not fail; also of a type's own
        `__init__`."""
        found = self._entries(name)
        return len(found) > ("harmless" in found) or self.knows_type(name.removesuffix(".__init__"))

    def bases(self, name: str) -> Iterator[str]:
        """The type itself, then the types whose methods it has too, nearest first."""
        pending = [name]
        seen: set[str] = set()
        while pending:
            current = self.canonical(pending.pop(0))
            if current in seen:
                continue
            seen.add(current)
            yield current
            pending.extend(self._bases.get(current, ()))

    def knows_type(self, name: str) -> bool:
        """Whether the catalogue has this type."""
        name = self.canonical(name)
        return name in self._bases or name in self._one["timeout_object"]

    def member(self, type: str, name: str) -> str:
        """The method of an instance that is said to be of a type: the type's, or that of its one subtype which has it,
        where the type itself has not (`do_handshake` of a `trio.abc.Stream`)."""
        found = self.canonical(f"{type}.{name}")
        if self._entries(found):
            return found
        package = type.partition(".")[0]
        subtypes = self._subtypes.get(package)
        if subtypes is None:
            subtypes = self._subtypes[package] = {}
            for other in sorted(self._bases):
                if other.partition(".")[0] == package:
                    for base in self.bases(other):
                        subtypes.setdefault(base, []).append(other)
        having = {f"{other}.{name}" for other in subtypes.get(self.canonical(type), ()) if other != type}
        having = {spelled for spelled in having if self._entries(spelled)}
        return having.pop() if len(having) == 1 else found

    def _entries(self, name: str) -> dict[str, Any]:
        """All that the tables say of a name, by table; worked out once for each name."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._look_up(name) if name else {}
        return found

    def _look_up(self, name: str) -> dict[str, Any]:
        name = self.canonical(name)
        if name.partition(".")[0] not in self._spoken:
            return {}
        owner, _, member = name.rpartition(".")
        spellings = [name]
        if owner in self._bases:
            spellings = [f"{base}.{member}" for base in self.bases(owner)]
        found: dict[str, Any] = {}
        for spelling in spellings:
            for table, entry in self._by_name.get(spelling, {}).items():
                found.setdefault(table, entry)
        return found

    def _answers(self, table: str, kind: type[_T]) -> Callable[[str], _T | None]:
        """What one table says of names, each worked out once. Asked a million times in a large project, which is why it
        is no method: a look-up in a dict takes a sixth of the time of a call."""

        def find(name: str) -> _T | None:
            found: _T | None = self._get(table, name)
            return found

        return _Answers(find).__getitem__

    def _get(self, table: str, name: str) -> Any:
        known = self._known.get(name)
        return (self._entries(name) if known is None else known).get(table)

    def _all(self, table: str, name: str) -> list[Any]:
        found: list[Any] = self._entries(name).get(table, [])
        return found

    def _client(self, name: str) -> schema.Client | None:
        for base in self.bases(name) if name else ():
            found: schema.Client | None = self._one["client"].get(base)
            if found is not None:
                return found
        return None

    def _thread(self, name: str) -> schema.ThreadEntry | None:
        for base in self.bases(name) if name else ():
            found: schema.ThreadEntry | None = self._one["thread"].get(base)
            if found is not None:
                return found
        return None

    def startable(self, name: str) -> schema.Startable | None:
        """A coroutine function that says when it is ready."""
        found: schema.Startable | None = self._get("startable", name)
        return found

    def exception(self, name: str) -> schema.ExceptionEntry | None:
        """An exception that the rules know."""
        found: schema.ExceptionEntry | None = self._get("exception", name)
        return found

    def produces(self, name: str) -> schema.Produces | None:
        """What a call returns, or binds in a `with`."""
        found: schema.Produces | None = self._get("produces", name)
        return found

    def is_partial(self, name: str) -> bool:
        """Whether a call of it gives its first argument with some arguments set."""
        return self._get("partial", name) is not None

    def _generated_by(self, name: str) -> schema.Generated | None:
        if self._generated is None:
            self._generated = [(re.compile(entry.pattern), entry) for entry in self.read("grpc").generated]
        return next((entry for pattern, entry in self._generated if pattern.search(name)), None)

    def injector(self, name: str) -> schema.Injector | None:
        """A call that says which callable makes a parameter's argument."""
        found: schema.Injector | None = self._get("injector", name)
        return found

    def field(self, name: str) -> schema.Field | None:
        """A call that declares a field in a class body."""
        found: schema.Field | None = self._get("field", name)
        return found

    def lookup(self, name: str) -> schema.Lookup | None:
        """A call that looks a setting up, with a default."""
        found: schema.Lookup | None = self._get("lookup", name)
        return found

    def was_plain(self, name: str) -> bool:
        """Whether a coroutine function is a plain one in an older version of its library."""
        entry = self._get("coroutine", name)
        return entry is not None and entry.was_plain

    def is_coroutine(self, name: str) -> bool:
        """Whether a call of it does nothing until it is awaited."""
        if self._get("coroutine", name) is not None:
            return True
        scope = self.scope(name)
        if scope is not None:
            return scope.entering is schema.Entering.AWAIT
        api = self.api(name)
        return api is not None and api.mode is schema.Mode.ASYNC and api.coroutine

    def polls(self, name: str) -> list[schema.Poll]:
        """The forms in which a call asks without waiting."""
        return self._all("poll", name)

    def is_checkpoint(self, name: str) -> bool:
        """Whether a synchronous call gives way: sleeps, blocks, or raises a pending cancellation."""
        return self._get("checkpoint", name) is not None

    def never_returns(self, name: str) -> bool:
        """Whether a call never returns normally, whatever it is given."""
        found = self.no_return(name)
        return found is not None and not found.given

    def no_return(self, name: str) -> schema.NoReturn | None:
        """A call that ends the program."""
        found: schema.NoReturn | None = self._get("no_return", name)
        return found

    def clock_sinks(self, name: str) -> list[schema.ClockSink]:
        """Parameters of a call that take a point in time."""
        return self._all("clock_sink", name)

    def durations(self, name: str) -> list[schema.Duration]:
        """Parameters of a call that take a length of time."""
        return self._all("duration", name)

    def is_standard(self, name: str) -> bool:
        """Whether a name belongs to Python itself."""
        library = name.partition(".")[0]
        return library in self._available and not self.read(library).library.package

    def takes_timeout(self, library: str, named: str, method: str, keyword: str) -> bool:
        """Whether a library has a type whose name is part of `named`, and of which a method of this name takes its
        timeout by this keyword."""
        if library not in self._available:
            return False
        for entry in self.read(library).api:
            for call in names_of(entry.call) if keyword in names_of(entry.timeout) else ():
                owner, _, member = call.rpartition(".")
                kind = owner.rpartition(".")[2]
                if member == method and kind[:1].isupper() and kind in named:
                    return True
        return False

    def is_suppressor(self, name: str) -> bool:
        """Whether a call makes a context manager that swallows what it is given."""
        return self._get("suppressor", name) is not None

    def callback(self, name: str) -> schema.Callback | None:
        """A call that takes a callable and drops what it returns."""
        found: schema.Callback | None = self._get("callback", name)
        return found

    def lock(self, name: str) -> schema.Lock | None:
        """A type that is acquired and released; also where it inherits from one."""
        for base in self.bases(name) if name else ():
            found: schema.Lock | None = self._one["lock"].get(base)
            if found is not None:
                return found
        return None

    def framework(self, name: str) -> schema.Framework | None:
        """How the asynchronous library that is imported as `name` cancels."""
        found: schema.Framework | None = self._get("framework", name)
        return found

    def immediate(self, name: str) -> schema.Immediate | None:
        """The coroutine method that never waits."""
        found: schema.Immediate | None = self._get("immediate", name)
        return found

    def asks(self, name: str) -> bool:
        """Whether a function says whether what it is given is to be awaited."""
        return self._get("asking", name) is not None

    def leaves(self, name: str) -> bool:
        """Whether a coroutine method leaves the context managers that its object has entered."""
        return self._get("leaving", name) is not None

    def serves(self, name: str) -> schema.Serves | None:
        """A call that is given a function which then serves requests."""
        found: schema.Serves | None = self._get("serves", name)
        return found

    def serving_class(self, name: str) -> schema.ServingClass | None:
        """A class whose subclasses serve requests; also where it inherits from one."""
        for base in self.bases(name) if name else ():
            found: schema.ServingClass | None = self._one["serving_class"].get(base)
            if found is not None:
                return found
        return None

    def delays(self, name: str) -> list[schema.Delay]:
        """How long a retry waits in between; the longest of them counts."""
        return self._all("delay", name)

    def drivers(self, name: str) -> list[schema.Driver]:
        """Which library connects for a client that is made from a URL."""
        return self._all("driver", name)

    def stop(self, name: str) -> schema.Stop | None:
        """When a retry ends."""
        found: schema.Stop | None = self._get("stop", name)
        return found

    def is_harmless(self, name: str) -> bool:
        """Whether a call does not fail in the course of things."""
        return self._get("harmless", name) is not None

    def winds_down(self, name: str) -> bool:
        """Whether a constant says that a thing is wound down, which may fail, before it is given back."""
        return bool(name) and self._get("winding", name) is not None

    def is_harmless_member(self, name: str) -> bool:
        """The same of a method by its name alone, for a receiver that is not resolved."""
        if self._harmless_members is None:
            self._harmless_members = frozenset(
                member for entry in self.read("builtins").harmless for member in entry.member
            )
        return name in self._harmless_members

    def cancellable(self, name: str) -> schema.Cancellable | None:
        """A type that can be cancelled; the nearest of its bases that is."""
        for base in self.bases(name) if name else ():
            found: schema.Cancellable | None = self._one["cancellable"].get(base)
            if found is not None:
                return found
        return None

    def carrier(self, name: str) -> schema.Carrier | None:
        """A type that carries a cancellation; also where it inherits from one."""
        for base in self.bases(name) if name else ():
            found: schema.Carrier | None = self._one["carrier"].get(base)
            if found is not None:
                return found
        return None

    def undoes(self, name: str) -> bool:
        """Whether a call undoes what it is given."""
        return self._get("undoing", name) is not None

    def is_exit_hook(self, name: str) -> bool:
        """Whether what a call is given is called when the program ends."""
        return self._get("exit_hook", name) is not None

    def exit_method(self, name: str) -> str:
        """The method of a type that is called when the program ends; "" where there is none."""
        for base in self.bases(name) if name else ():
            found: schema.ExitMethod | None = self._one["exit_method"].get(base)
            if found is not None:
                return found.method
        return ""

    def takes(self, name: str) -> bool:
        """Whether a coroutine function takes something out of a queue or a stream."""
        return self._get("taking", name) is not None

    def decorator_entry(self, name: str) -> schema.Decorator | None:
        """A decorator that changes what a function is."""
        found: schema.Decorator | None = self._get("decorator", name)
        return found

    def decorator(self, name: str) -> str:
        """The role of a decorator, or ""."""
        found = self.decorator_entry(name)
        return found.role if found is not None else ""
