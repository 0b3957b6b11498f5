"""The program: modules by name, and what a dotted path stands for.

A module's answers depend only on the module and on what it imports, never on who imports it: so one file checked alone,
with its imports read on demand, gives the same findings as the whole project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import Catalog
from cancelcheck.config import Settings
from cancelcheck.link.adapters import Customised
from cancelcheck.link.function import FunctionView
from cancelcheck.link.instances import Instance
from cancelcheck.link.lazily import Lazily
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Const,
    Define,
    FunctionKind,
    Import,
    ModuleFacts,
    Name,
    RegionKind,
    Store,
    StoreAttr,
    Test,
)
from cancelcheck.model.source import SourceFile

if TYPE_CHECKING:
    from cancelcheck.catalog import schema
    from cancelcheck.catalog.schema import Kind
    from cancelcheck.link.cleanup.cleanup import Missed
    from cancelcheck.link.contexts.forwarding import Unforwarded
    from cancelcheck.link.contexts.habits import Habit
    from cancelcheck.link.contexts.making import Remade
    from cancelcheck.link.contexts.parameters import Carrier
    from cancelcheck.link.function import Binding, CallSite
    from cancelcheck.link.paths.conditions import Flag
    from cancelcheck.link.paths.exceptions import Handler
    from cancelcheck.link.paths.reaching import Chain
    from cancelcheck.link.promises.relaying import Unrelayed
    from cancelcheck.link.promises.serving import Serving
    from cancelcheck.link.promises.sums import Sum
    from cancelcheck.link.tasks.detaching import Stray
    from cancelcheck.link.tasks.spawning import Started
    from cancelcheck.link.threads.outlasting import Span
    from cancelcheck.link.timeouts.advice import Constant
    from cancelcheck.link.timeouts.passing import Endless, Hidden, Reached
    from cancelcheck.link.timeouts.units import Length
    from cancelcheck.link.values import Value
    from cancelcheck.model.contract import Operation

Loader = Callable[[str, str], "tuple[SourceFile, ModuleFacts] | None"]
"""Finds the project file that a module name stands for, as seen from the file at a path; None where there is none."""

Mentions = dict[str, list[tuple[FunctionView, int]]]
"""Nodes by the name that they mention, each with its function."""

Places = dict[str, list[tuple[int, int]]]
"""The same, by the function's place in the module."""

MAX_REEXPORTS = 12
"""Imports that are followed from one module to the next before a path counts as unresolved."""


MAX_DEPTH = 60
"""Look-ups inside each other before one counts as unresolved."""


class Variable(NamedTuple):
    """A module's global: the function that binds it (the module's body, or one that declares it `global`), and the
    nodes that do."""

    bindings: tuple[tuple[FunctionView, int], ...]


class Guard:
    """Tells a look-up that it has come back to itself (`a = b; b = a`), and its callers not to keep what they found on
    the way: it would depend on where the look-up began.

    Until the outermost look-up is over they keep it here, so that each thing is looked up once for each beginning:
    without that, attributes that are made of each other take exponential time.
    """

    def __init__(self) -> None:
        self.instances: dict[tuple[str | int, ...], Instance | None] = {}
        self.paths: dict[tuple[str | int, ...], str] = {}
        self.values: dict[tuple[str | int, ...], Value | None] = {}
        self.targets: dict[tuple[str | int, ...], str] = {}
        self.definitions: dict[tuple[str | int, ...], FunctionView | None] = {}
        self.partials: dict[tuple[str | int, ...], list[CallSite]] = {}
        self.is_settled = True
        """Whether an answer just found may be kept: no cycle was cut on the way to it, by any look-up that is not over
        yet."""
        self._open: set[tuple[str | int, ...]] = set()

    def enter(self, key: tuple[str | int, ...]) -> bool:
        """True, unless this very look-up is under way already, or too many are. Where it is true, `leave` has to
        follow."""
        if key in self._open or len(self._open) > MAX_DEPTH:
            self.is_settled = False
            return False
        self._open.add(key)
        return True

    def leave(self, key: tuple[str | int, ...]) -> None:
        """The look-up is over."""
        self._open.discard(key)
        if not self.is_settled and not self._open:
            # what the outermost one has found does not depend on where another began
            self.is_settled = True
            self.instances.clear()
            self.paths.clear()
            self.values.clear()
            self.targets.clear()
            self.definitions.clear()
            self.partials.clear()


_HARNESSES = frozenset({"test", "testing"})
"""Packages that hold what tests share."""

_HARNESS_FILES = frozenset({"testbase", "testclient", "testing", "testutils"})
"""Files that do."""

_VENDORED = frozenset({"_vendor", "_vendored", "third_party", "thirdparty", "vendored", "vendored_libs"})
"""Packages that hold copies of other projects."""


class ModuleView:
    """One file of the project. `is_test` is set on a file that is checked: whether the settings call it a test file."""

    def __init__(self, project: Project, source: SourceFile, facts: ModuleFacts) -> None:
        self.project = project
        self.source = source
        self.facts = facts
        self.name = facts.module
        """The dotted name under which other files import it."""
        self.folder = source.path.rpartition("/")[0] if self.name else source.path
        """Where it looks for other modules: all files of a folder that have a name find the same."""
        self.raising: dict[int, bool] = {}
        self.failing: dict[int, bool] = {}
        self.givings: dict[int, dict[str, list[tuple[CallSite, list[int]]]]] = {}
        self.lengths: dict[int, dict[str, Length]] = {}
        self.timed: dict[int, list[CallSite]] = {}
        self.lets: dict[int, bool] = {}
        self.left_endless: dict[tuple[int, int], list[Endless]] = {}
        self.dominators: dict[int, list[int]] = {}
        self.watched: dict[int, frozenset[str]] = {}
        self.flags: dict[int, dict[str, list[Flag]]] = {}
        self.skipping: dict[int, bool] = {}
        self.daemons: dict[int, bool] = {}
        self.looking: dict[int, bool] = {}
        self.starting: dict[int, Started | None] = {}
        self.spawns: dict[int, list[tuple[CallSite, schema.Spawner]]] = {}
        self.spans: dict[tuple[int, int], Span] = {}
        self.roots: dict[int, bool] = {}
        self.missed: dict[int, tuple[tuple[Handler, Missed], ...]] = {}
        self.endless: dict[int, bool] = {}
        self.alone: dict[tuple[int, int], bool] = {}
        self.serving: dict[int, Serving | None] = {}
        self.candidates: frozenset[int] | None = None
        self.serving_classes: dict[int, tuple[dict[str, str], bool]] = {}
        self.waitless: dict[int, bool] = {}
        self.is_test = False
        self.customised: Customised | None = None
        self.reaching: dict[int, dict[str, Reached]] = {}
        self.reached: dict[tuple[int, str, int], Reached | None] = {}
        self.chains: dict[tuple[str, int], Chain] = {}
        self.worst: dict[tuple[object, ...], Sum] = {}
        self.reaching_attributes: dict[int, dict[str, Reached]] = {}
        self.hidden: dict[tuple[int, int], Hidden | None] = {}
        self.constants: list[Constant] | None = None
        self.strays: dict[int, tuple[Stray, ...]] = {}
        self.unrelayed: dict[int, tuple[Unrelayed, ...]] = {}
        self.habits: dict[int, dict[tuple[str, str], Habit]] = {}
        self.remade: dict[tuple[int, str], Remade | None] = {}
        self.spoken: dict[int, dict[int, bool]] = {}
        self.carriers: dict[int, tuple[Carrier, ...]] = {}
        self.unforwarded: dict[int, tuple[Unforwarded, ...]] = {}
        self.default_timeout: bool | None = None
        self.called_back: frozenset[str] | None = None
        self.first_commands: dict[tuple[int, str, Kind], tuple[int, int]] | None = None
        self.only_runs: bool | None = None
        self.global_bindings: dict[str, Binding] = {}
        self.values: dict[tuple[int, int], Value | None] = {}
        self.told_types: dict[tuple[int, int], Instance | None] = {}
        self.instance_cache: dict[tuple[int, int], Instance | None] = {}
        self.found: dict[str, tuple[str, FunctionView | Variable | ModuleView | None]] = {}
        self._globals: dict[str, list[tuple[FunctionView, int]]] = {}

    def is_read(self) -> str:
        """The text, to be asked for more than its code: for comments, or on which lines things stand. Whatever is found
        with it, in whichever file, then depends on every letter."""
        self.project.is_read(self)
        return self.source.text

    @property
    def is_harness(self) -> bool:
        """Whether it bears the name of tests or of benchmarks, or lies in a package that does (`shop.testing`), and so
        holds what these share."""
        *packages, own = self.name.split(".")
        if own.strip("_") in _HARNESS_FILES or "testing" in own.split("_") or "benchmark" in self.name:
            return True
        return any(part in _HARNESSES or part.endswith(("_test", "_testing")) for part in packages)

    @property
    def is_vendored(self) -> bool:
        """Whether it is a copy of another project's code, in a folder that says so (`pip._vendor`): who ships it would
        have to mend it elsewhere."""
        folders = (*self.name.split(".")[:-1], *self.source.path.split("/")[:-1])
        return any(part in _VENDORED for part in folders)

    @Lazily
    def functions(self) -> list[FunctionView]:
        """Its own body, and all functions and classes that it defines, at any depth."""
        found: list[FunctionView] = []
        for index, function in enumerate(self.facts.functions):
            # a parent comes before its children
            parent = found[function.parent] if function.parent >= 0 else None
            found.append(FunctionView(self, index, function, parent))
        return found

    @property
    def held(self) -> Iterable[FunctionView]:
        """The views of its functions that there are by now."""
        found: list[FunctionView] = vars(self).get("functions", [])
        return found

    @Lazily
    def body(self) -> FunctionView:
        """The module's own body."""
        return self.functions[0]

    @Lazily
    def by_qualname(self) -> dict[str, list[FunctionView]]:
        """Its functions by qualified name, in order."""
        table: dict[str, list[FunctionView]] = {}
        for view in self.functions:
            table.setdefault(view.facts.qualname, []).append(view)
        return table

    @Lazily
    def by_parent(self) -> dict[int, list[FunctionView]]:
        """Its functions by the index of the one around them, in order."""
        table: dict[int, list[FunctionView]] = {}
        for view in self.functions:
            table.setdefault(view.facts.parent, []).append(view)
        return table

    @Lazily
    def own_methods(self) -> frozenset[tuple[str, bool]]:
        """The methods of its classes: the name, and whether it is a coroutine function."""
        return frozenset((view.name, view.is_async) for view in self.functions if view.owner is not None)

    @Lazily
    def fixtures(self) -> dict[str, FunctionView]:
        """The test fixtures that it defines outside of classes, by the name under which tests ask for them."""
        table: dict[str, FunctionView] = {}
        for view in self.by_parent.get(0, ()):
            for name, node in view.decorators:
                if name and self.project.catalog.decorator(name) == "fixture":
                    call = self.body.call_at(node)
                    given = call.argument("name") if call is not None else None
                    text = self.body.nodes[given] if given is not None and given >= 0 else None
                    known = text.value if isinstance(text, Const) and isinstance(text.value, str) else view.name
                    table[known] = view
        return table

    def mentions(self, name: str, *, of_method: bool) -> list[tuple[FunctionView, int]]:
        """Where the file reads an attribute of this name, or else a plain name: function and node, in order."""
        names, attributes = self._mentioned
        return (attributes if of_method else names).get(name, [])

    @Lazily
    def drives_coroutines(self) -> bool:
        """Whether the file runs its coroutines by itself (`coro.send(None)`), and imports no framework that would:
        nobody cancels them."""
        if any(self.project.catalog.framework(library) is not None for library in self.facts.libraries):
            return False
        for view, index in self.mentions("send", of_method=True):
            call = view.call_at(view.nodes[index].parent)
            node = view.nodes[call.positional[0]] if call is not None and len(call.positional) == 1 else None
            if call is not None and call.node.func == index and isinstance(node, Const) and node.kind == "none":
                return True
        return False

    @Lazily
    def _mentioned(self) -> tuple[Mentions, Mentions]:
        names: Mentions = {}
        attributes: Mentions = {}
        for view in self.functions:
            for index, name in view.all_of(Name):
                names.setdefault(name.id, []).append((view, index))
            for index, attribute in view.all_of(Attr):
                attributes.setdefault(attribute.attr, []).append((view, index))
        return names, attributes

    def handed(self, name: str, *, of_method: bool) -> list[tuple[FunctionView, int]]:
        """Where the file gives an attribute of this name, or else a plain name, to a call: function and node. Asked
        for the names of the file's own functions."""
        names, attributes = self.handed_names
        found = (attributes if of_method else names).get(name)
        return [(self.functions[place], node) for place, node in found] if found is not None else []

    @Lazily
    def handed_names(self) -> tuple[Places, Places]:
        """The names of its own functions that it gives to calls, as plain names and as attributes, and where."""
        # every file is asked this for its entry points: calls alone are looked at, a tenth of all nodes
        names: Places = {}
        attributes: Places = {}
        asked = {function.name for function in self.facts.functions}
        for place, function in enumerate(self.facts.functions):
            nodes = function.nodes
            for call in [node for node in nodes if type(node) is Call]:
                for arg in call.args:
                    node = nodes[arg.value]
                    if type(node) is Name:
                        if node.id in asked:
                            names.setdefault(node.id, []).append((place, arg.value))
                    elif type(node) is Attr and node.attr in asked:
                        attributes.setdefault(node.attr, []).append((place, arg.value))
        return names, attributes

    @Lazily
    def imported_modules(self) -> list[ModuleView]:
        """The modules of the project that are run before this one's own code: what its body imports, and the packages
        that all of these lie in."""
        paths = [self.name]
        paths += [path for node in self.body.nodes if isinstance(node, Import) for _, path in node.names]
        found: dict[str, ModuleView] = {}
        for path in paths:
            parts = path.split(".")
            for count in range(1, len(parts) + 1):
                module = self.project.module(".".join(parts[:count]), self) if parts[0] else None
                if module is not None and module is not self:
                    found.setdefault(module.source.path, module)
        return list(found.values())

    @Lazily
    def attributes_set(self) -> dict[str, list[tuple[FunctionView, int]]]:
        """Where the file stores an attribute of a name on anything but a method's own `self`: function and node."""
        table: dict[str, list[tuple[FunctionView, int]]] = {}
        for view in self.functions:
            for index, node in view.all_of(StoreAttr):
                holder = view.nodes[node.value]
                method = view if view.owner is not None or view.parent is None else view.parent
                if not isinstance(holder, Name) or holder.id != method.self_name or method.has_role("classmethod"):
                    table.setdefault(node.attr, []).append((view, index))
        return table

    def globals(self, name: str) -> list[tuple[FunctionView, int]]:
        """What binds a global of this name: function and node."""
        known = self._globals.get(name)
        if known is None:
            bound = self.facts.functions[0].bound.get(name)
            known = [(self.body, node) for node in bound] if bound else []
            for view in self._rebinding:
                if name in view.facts.global_names:
                    known += [(view, node) for node in view.facts.bound.get(name, ())]
            self._globals[name] = known
        return known

    @Lazily
    def _rebinding(self) -> list[FunctionView]:
        """The functions that declare a name `global`, in order."""
        return [self.functions[at] for at, function in enumerate(self.facts.functions) if at and function.global_names]


def _imported_as(node: Import, name: str) -> str:
    """The path that a statement imports under a name."""
    for local, target in node.names:
        if local == name:
            return target
    return ""


def _is_instead(view: FunctionView, define: int, other: FunctionView, imported: int) -> bool:
    """Whether a definition stands in another branch than an import: only one of them is run."""
    if view is not other:
        return False
    mine, its = (
        [at for at in view.regions_around(index) if view.regions[at].kind in _BRANCHES] for index in (define, imported)
    )
    return bool(mine) and bool(its) and mine[0] not in its and its[0] not in mine


def _stands_in(view: FunctionView, first: int, other_view: FunctionView, other: int) -> bool:
    """Whether one of an import and another one, or a value, only stands in for the other: it is made where that fails,
    or in the other arm of a condition on the version, the platform, or who reads the code."""
    if view is not other_view:
        return False
    mine, its = (list(view.regions_around(index)) for index in (first, other))
    shared = next((region for region in mine if region in its), -1)
    arms = [next((region for region in around if view.regions[region].parent == shared), -1) for around in (mine, its)]
    if -1 in arms or arms[0] == arms[1]:
        return False
    if view.regions[shared].kind is RegionKind.TRY:
        return True
    before = min(view.regions[arm].start for arm in arms)
    test = -1
    for index, node in view.all_of(Test):
        if node.kind == "if" and node.start < before and view.region_of(index) == shared:
            test = node.value
    return test >= 0 and any(view.path_of(at).startswith(_SURROUNDINGS) for at in view.operands_within(test))


_SURROUNDINGS = (
    "os.name",
    "platform.",
    "six.PY",
    "sys.hexversion",
    "sys.implementation",
    "sys.platform",
    "sys.version",
    "typing.TYPE_CHECKING",
    "typing_extensions.TYPE_CHECKING",
)
"""What a condition asks that is about what runs the program, or reads it: it comes out the same all along."""

_BRANCHES = (RegionKind.BRANCH, RegionKind.PROTECTED, RegionKind.HANDLER, RegionKind.ORELSE)


class Project:
    """All modules that were given, and those that a name has led to."""

    outside: frozenset[str] = frozenset()
    """Names of top-level modules that are never the project's, in whichever file."""

    def __init__(self, catalog: Catalog, settings: Settings, load: Loader) -> None:
        self.catalog = catalog
        self.settings = settings
        self.guard = Guard()
        self.chain: list[FunctionView] = []
        self.under_way: list[tuple[object, ...]] = []
        self.passing: dict[tuple[object, ...], Sum] = {}
        self.cut_at = 0
        self.operations: tuple[Operation, ...] = ()
        self._load = load
        self._by_path: dict[str, ModuleView] = {}
        self._found: dict[tuple[str, str], ModuleView | None] = {}

    def dissolve(self) -> None:
        """Take all modules apart, when nothing will be asked of them any more: they refer to each other in rings, and
        to find that out takes Python's collector as long as half of the rules."""
        for module in self._by_path.values():
            for view in module.held:
                vars(view).clear()
            vars(module).clear()
        self._by_path.clear()
        self._found.clear()

    def add(self, source: SourceFile, facts: ModuleFacts) -> ModuleView:
        """Takes a file in; the same file is taken in once."""
        known = self._by_path.get(source.path)
        if known is None:
            known = self._by_path[source.path] = self.viewed(source, facts)
        return known

    def viewed(self, source: SourceFile, facts: ModuleFacts) -> ModuleView:
        """What a file that is new to the project is seen as."""
        return ModuleView(self, source, facts)

    def module(self, name: str, near: ModuleView) -> ModuleView | None:
        """The module of this dotted name, as the file `near` would import it; None if it is not the project's."""
        if name == near.name and name:
            return near
        key = (name, near.folder)
        if key in self._found:
            return self._found[key]
        loaded = self._load(name, near.source.path)
        found = self.add(*loaded) if loaded is not None else None
        self._found[key] = found
        return found

    def is_read(self, module: ModuleView) -> None:
        """More is asked of a file's text than what its code is."""

    def find(self, path: str, near: ModuleView) -> tuple[str, FunctionView | Variable | ModuleView | None]:
        """What an absolute dotted path stands for: its name once re-exports are followed, and the project's function,
        class, variable or module of that name; None for anything outside the project."""
        known = near.found.get(path)
        if known is None:
            known = self._find(path, near)
            if self.guard.is_settled:
                near.found[path] = known
        return known

    def _find(self, path: str, near: ModuleView) -> tuple[str, FunctionView | Variable | ModuleView | None]:
        for _ in range(MAX_REEXPORTS):
            if not path or path.startswith("."):
                return "", None
            module, rest = self._split(path, near)
            if module is None:
                return path, None
            if not rest:
                return path, module
            target = self._member(module, rest)
            if isinstance(target, str):
                if target == path:
                    return path, None
                path, near = target, module
                continue
            return path, target
        return "", None

    def _split(self, path: str, near: ModuleView) -> tuple[ModuleView | None, list[str]]:
        """The longest prefix of a path that is a module of the project, and the parts after it."""
        parts = path.split(".")
        found: tuple[ModuleView | None, list[str]] = (None, parts)
        if parts[0] in self.outside and not near.name.startswith(parts[0]):
            return found
        prefix = ""
        for count, part in enumerate(parts, 1):
            prefix = f"{prefix}.{part}" if count > 1 else part
            inner = self.module(prefix, near)
            if inner is None:
                continue  # it may be a folder, which no file stands for
            found = (inner, parts[count:])
            if (
                count < len(parts)
                and inner.globals(parts[count])
                and not self._is_submodule_import(inner, parts[count])
            ):
                break
        return found

    def _is_submodule_import(self, module: ModuleView, name: str) -> bool:
        """Whether a package binds a name only by importing the submodule of that name."""
        path = f"{module.name}.{name}"
        for view, node in module.globals(name):
            bound = view.nodes[node] if node >= 0 else None
            if not (isinstance(bound, Import) and (name, path) in bound.names):
                return False
        return True

    def _member(self, module: ModuleView, parts: list[str]) -> str | FunctionView | Variable | None:
        """The member of a module under `parts`; a path where it is imported from elsewhere."""
        name, *rest = parts
        bindings = module.globals(name)
        if not bindings:
            for view, node in module.globals("*"):
                star = view.nodes[node]
                if isinstance(star, Import):
                    source = self.module(star.names[0][1], module)
                    if source is not None and source.globals(name):
                        return ".".join((star.names[0][1], *parts))
            return None
        imported = self.imported(bindings, name)
        if imported:
            return ".".join((imported, *rest))
        defined = [view.nodes[node] for view, node in bindings if node >= 0]
        definitions = [node for node in defined if isinstance(node, Define)]
        if definitions and len(definitions) == len(bindings):
            # overloads, or one definition per branch: the last one is what runs
            found = module.functions[definitions[-1].function]
            for attribute in rest:
                if found.facts.kind is not FunctionKind.CLASS:
                    return None
                inner = found.inherited(attribute)
                if inner is None:
                    return None
                found = inner
            return found
        alias = self._alias(bindings)
        if alias:
            return ".".join((alias, *rest))
        return Variable(tuple(bindings)) if not rest else None

    def imported(self, bindings: Sequence[tuple[FunctionView, int]], name: str) -> str:
        """The path that a name is imported from, "" if it is something else. Fallbacks of an import do not count
        (`None`, a definition in another branch, an import or a value in the handler of its `try`, for another version
        or for who does not check types); several other imports have to lead to the same."""
        if len(bindings) == 1:
            (view, index) = bindings[0]
            node = view.nodes[index] if index >= 0 else None
            return _imported_as(node, name) if isinstance(node, Import) else ""
        imports: list[tuple[FunctionView, int]] = []
        paths: list[str] = []
        defined: list[tuple[FunctionView, int]] = []
        stored: list[tuple[FunctionView, int]] = []
        for view, index in bindings:
            node = view.nodes[index] if index >= 0 else None
            if isinstance(node, Import):
                imports.append((view, index))
                paths.append(_imported_as(node, name))
            elif isinstance(node, Define):
                defined.append((view, index))
            elif not isinstance(node, Store):
                return ""
            elif not view.stores_none(index):
                stored.append((view, index))
        if not all(_stands_in(*imported, *store) for store in stored for imported in imports):
            return ""
        if not all(_is_instead(*define, *imported) for define in defined for imported in imports):
            return ""
        for other, path in zip(imports[1:], paths[1:], strict=True):
            if path != paths[0] and not _stands_in(*imports[0], *other) and not self._same(paths[0], path, other[0]):
                return ""
        return paths[0] if paths else ""

    def _same(self, path: str, other: str, view: FunctionView) -> bool:
        """Whether two paths lead to the same thing, through re-exports."""
        if self.catalog.canonical(path) == self.catalog.canonical(other):
            return True
        mark = ("same", view.module.source.path, path, other)
        if not self.guard.enter(mark):
            return False
        try:
            (name, found), (other_name, other_found) = self.find(path, view.module), self.find(other, view.module)
        finally:
            self.guard.leave(mark)
        return bool(name) and name == other_name and found == other_found

    def _alias(self, bindings: list[tuple[FunctionView, int]]) -> str:
        """The path that a global is just another name of (`spawn = asyncio.create_task`)."""
        if len(bindings) != 1 or bindings[0][1] < 0:
            return ""
        view, index = bindings[0]
        parent = view.nodes[view.nodes[index].parent] if view.nodes[index].parent >= 0 else None
        if isinstance(parent, Assign) and len(parent.targets) == 1 and parent.value >= 0 and not parent.op:
            return view.path_of(parent.value)
        return ""
