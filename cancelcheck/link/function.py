"""One function and the questions that rules ask of it: what a name stands for, what a call calls, what becomes of a
value, what lies around a node."""

from __future__ import annotations

import bisect
import builtins
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from cancelcheck.link.generated import generated_method
from cancelcheck.link.instances import Instance, instance_of
from cancelcheck.link.lazily import Lazily
from cancelcheck.model.facts import (
    AnyNode,
    Assign,
    Attr,
    Await,
    Block,
    Call,
    Comprehension,
    Const,
    Define,
    Display,
    Enter,
    Expr,
    Function,
    FunctionKind,
    Import,
    Iterate,
    Name,
    Node,
    Operation,
    Param,
    Raise,
    Region,
    RegionKind,
    Return,
    Starred,
    Store,
    StoreAttr,
    StoreItem,
    Test,
    Yield,
)
from cancelcheck.model.source import uncommented

if TYPE_CHECKING:
    from cancelcheck.link.project import ModuleView

_CLASS = FunctionKind.CLASS

_T = TypeVar("_T")
_N = TypeVar("_N", bound=Node)

MAX_TEXT = 60
"""Characters of source that a message quotes."""


class Binding(NamedTuple):
    """Where a name is bound: the function whose scope it is in (None for a builtin), and the nodes that bind it there
    (-1: it is a parameter)."""

    scope: FunctionView | None
    nodes: tuple[tuple[FunctionView, int], ...]


class Use(NamedTuple):
    """What becomes of a value.

    `kind`: dropped (an expression statement), awaited, bound (to the local `name`), stored (on an attribute or an
    item), returned, yielded, argument (of the call at `node`), element (of a display), receiver (an attribute of it is
    read), entered (by a `with`), iterated, lambda (it is what a lambda returns), other. `node` is the node that uses
    it.
    """

    kind: str
    node: int
    name: str = ""


class CallSite:
    """A call in a function."""

    __slots__ = ("_callee", "_has_callee", "_target", "fn", "index", "member", "node", "receiver")

    def __init__(self, fn: FunctionView, index: int, node: Call) -> None:
        self.fn = fn
        self.index = index
        self.node = node
        func = fn.nodes[node.func]
        self.member = ""
        """The last part of what is called: the method's name."""
        self.receiver = -1
        """The node that the method is called on, -1 where it is no method call."""
        if isinstance(func, Attr):
            self.member, self.receiver = func.attr, func.value
        elif isinstance(func, Name):
            self.member = func.id
        self._target: str | None = None
        self._callee: FunctionView | None = None
        self._has_callee = False

    @property
    def target(self) -> str:
        """The qualified name of what is called, in the catalogue's usual spelling; "" where it cannot be resolved."""
        if self._target is None:
            self._target = self._resolved()
        return self._target

    def _resolved(self) -> str:
        target = self.fn.target_of(self.node.func)
        instance = self._called_instance if not target else None
        if instance is not None:
            return instance.member("__call__")[0]
        return generated_method(self, target)

    @property
    def _called_instance(self) -> Instance | None:
        """The instance that is called itself, and not one of its methods."""
        func = self.fn.nodes[self.node.func]
        if not isinstance(func, (Name, Attr)) or self.fn.target_of(self.node.func):
            return None
        if isinstance(func, Attr) and not self.fn.path_of(func.value) and self.fn.instance(func.value) is None:
            return None
        return self.fn.instance(self.node.func)

    @property
    def callee(self) -> FunctionView | None:
        """The project's function, or class, that is called."""
        if self._has_callee:
            return self._callee
        found = self.fn.definition_of(self.node.func)
        instance = self._called_instance if found is None else None
        found = instance.member("__call__")[1] if instance is not None else found
        if self.fn.module.project.guard.is_settled:
            self._callee, self._has_callee = found, True
        return found

    @property
    def called_on(self) -> Instance | None:
        """The instance whose method is called, also by another name of the method (`get = session.get`), or a partial
        of it; the one that is called itself."""
        return self._called_instance or self.fn.bound_to(self.node.func)

    @property
    def text(self) -> str:
        """What is called, as it is written: `self.session.get`."""
        return self.fn.text(self.node.func)

    @property
    def use(self) -> Use:
        """What becomes of the result."""
        return self.fn.use(self.index)

    @property
    def is_awaited(self) -> bool:
        """Whether `await` stands directly before it."""
        return self.node.parent >= 0 and isinstance(self.fn.nodes[self.node.parent], Await)

    @property
    def is_waited_on(self) -> bool:
        """Whether what it returns is awaited, gone through by `async for` or entered by `async with`."""
        user = self.fn.nodes[self.node.parent] if self.node.parent >= 0 else None
        return isinstance(user, Await) or (isinstance(user, (Iterate, Enter)) and user.is_async)

    def argument(self, keyword: str | tuple[str, ...], position: int = -1) -> int | None:
        """The node of an argument given by keyword or position; -1 where it may be hidden in `*args` or `**kwargs`;
        None where it is surely not given. A `**` of a literal dict is looked into. What a partial was given before
        counts as hidden."""
        keywords = (keyword,) if isinstance(keyword, str) else keyword
        hidden = False
        at = 0
        for partial in self.fn.partials_of(self.node.func):
            at += len(partial.positional) - 1
            hidden |= 0 <= position < at or any(
                arg.star == 1
                or arg.keyword in keywords
                or (arg.star == 2 and not _lacks(partial.fn.dict_items(arg.value), keywords))
                for arg in partial.node.args
                if arg.star or arg.keyword
            )
        for arg in self.node.args:
            if arg.star == 2:
                inner = self.fn.dict_items(arg.value)
                if inner is None:
                    hidden = True
                else:
                    for name in keywords:
                        if name in inner:
                            return inner[name]
            elif arg.star == 1:
                hidden |= at <= position
            elif arg.keyword:
                if arg.keyword in keywords:
                    return arg.value
            else:
                if at == position:
                    return arg.value
                at += 1
        return -1 if hidden else None

    def seen_argument(self, keyword: str | tuple[str, ...], position: int = -1) -> int | None:
        """The node of an argument given by keyword or position; None where it is not given, or hidden."""
        found = self.argument(keyword, position)
        return found if found is not None and found >= 0 else None

    @property
    def positional(self) -> list[int]:
        """The nodes of the plain positional arguments."""
        return [arg.value for arg in self.node.args if not arg.keyword and not arg.star]


def _lacks(items: dict[str, int] | None, keywords: tuple[str, ...]) -> bool:
    """Whether a dict that is seen whole has none of these keys."""
    return items is not None and not any(name in items for name in keywords)


class FunctionView:
    """A function, method, lambda, class body or module body."""

    def __init__(self, module: ModuleView, index: int, facts: Function, parent: FunctionView | None) -> None:
        self.module = module
        self.index = index
        self.facts = facts
        # asked of each function many times: what is worked out once here need not be called for
        self.name = facts.name
        """Its own name."""
        self.parent = parent
        """The function around it; None for a module's body."""
        self.owner = parent if parent is not None and parent.facts.kind is _CLASS else None
        """The class that it is a method of."""
        self.is_nested = parent is not None and parent.facts.kind is FunctionKind.DEF
        """Whether it is defined in another function."""
        self.nodes: list[AnyNode] = facts.nodes
        self.blocks: list[Block] = facts.blocks
        self.regions: list[Region] = facts.regions
        # answers to what every rule asks again of the same nodes and names
        self._paths: dict[int, str] = {}
        self.paths_of_names: dict[str, str] = {}
        self.instances_of_names: dict[str, Instance | None] = {}
        self._targets: dict[int, str] = {}
        self.places_told: dict[str | tuple[str, ...], tuple[FunctionView, int]] = {}
        self._told: dict[int, tuple[FunctionView, int]] = {}
        self._bindings: dict[str, Binding] = {}
        self._definitions: dict[int, FunctionView | None] = {}
        self._partials: dict[int, list[CallSite]] = {}
        self._sites: dict[int, CallSite] = {}
        self._told_calls: list[CallSite] | None = None
        self._known_calls: list[CallSite] | None = None

    def __repr__(self) -> str:
        return f"<{self.facts.kind} {self.module.name}:{self.facts.qualname}>"

    # --- what it is

    @Lazily
    def qualname(self) -> str:
        """Its dotted name with the module's in front: `payments.api.Client.charge`."""
        return ".".join(part for part in (self.module.name, self.facts.qualname) if part)

    @property
    def is_async(self) -> bool:
        """Whether it is an `async def`."""
        return self.facts.is_async

    @property
    def is_coroutine(self) -> bool:
        """Whether a call of it gives a coroutine: an `async def` that is no generator."""
        return self.facts.is_async and not self.facts.is_generator

    @Lazily
    def is_defined(self) -> bool:
        """Whether a path leads to its definition: not under `if False:`, nor behind a `return`."""
        parent = self.parent
        if parent is None:
            return True
        return parent.is_defined and parent.block_of(self.facts.define) in parent.live_blocks

    @Lazily
    def alternatives(self) -> list[FunctionView]:
        """The functions of this module that share its qualified name, itself included: overloads, or one for each
        branch of a condition."""
        return self.module.by_qualname[self.facts.qualname]

    @Lazily
    def children(self) -> list[FunctionView]:
        """The functions, lambdas and classes defined directly in it."""
        return self.module.by_parent.get(self.index, [])

    @Lazily
    def decorators(self) -> list[tuple[str, int]]:
        """Qualified names of its decorators (of what is called, where one is a call; "" where not resolved), each with
        its node in the enclosing function."""
        parent = self.parent
        if parent is None:
            return []
        found = []
        for index in self.facts.decorators:
            node = parent.nodes[index]
            found.append((parent.target_of(node.func if isinstance(node, Call) else index), index))
        return found

    def once(self, kept: dict[int, tuple[_T, ...]], find: Callable[[FunctionView], Iterable[_T]]) -> tuple[_T, ...]:
        """What `find` has to say of a `def`, and nothing of any other function; found once, and `kept` by its index."""
        known = kept.get(self.index)
        if known is None:
            known = tuple(find(self)) if self.facts.kind is FunctionKind.DEF else ()
            if self.module.project.guard.is_settled:
                kept[self.index] = known
        return known

    def has_role(self, role: str) -> bool:
        """Whether a decorator gives it a role of the catalogue: abstract, overload, contextmanager, fixture,
        property…"""
        if not self.facts.decorators:
            return False
        return any(self.module.project.catalog.decorator(name) == role for name, _ in self.decorators)

    # --- nodes

    @Lazily
    def calls(self) -> list[CallSite]:
        """All calls that a path leads to, in the order of evaluation."""
        live = self.live_blocks
        dead = [block for index, block in enumerate(self.blocks) if block.end > block.start and index not in live]
        if not dead:
            return list(self.sites.values())
        unreached = {index for block in dead for index in range(block.start, block.end)}
        return [call for index, call in self.sites.items() if index not in unreached]

    @property
    def told_calls(self) -> list[CallSite]:
        """Those of its calls of which the catalogue says more than that they do not fail: one in thirty."""
        known = self._told_calls
        if known is None:
            tells = self.module.project.catalog.tells
            known = [call for call in self.calls if call.target and tells(call.target)]
            if self.module.project.guard.is_settled:
                self._told_calls = known
        return known

    @property
    def known_calls(self) -> list[CallSite]:
        """The same, and those that run a function or a class of the project."""
        known = self._known_calls
        if known is None:
            told = set(self.told_calls)
            known = [call for call in self.calls if call in told or call.callee is not None]
            if self.module.project.guard.is_settled:
                self._known_calls = known
        return known

    @Lazily
    def sites(self) -> dict[int, CallSite]:
        """All calls by their nodes, those that no path leads to among them."""
        return {index: self._sites.get(index) or CallSite(self, index, node) for index, node in self.all_of(Call)}

    @Lazily
    def by_kind(self) -> dict[type[Node], list[int]]:
        """Its nodes by their class, each in order: who looks for one kind need not go through all of them."""
        found: dict[type[Node], list[int]] = {}
        for index, node in enumerate(self.nodes):
            kind = type(node)
            if kind in found:
                found[kind].append(index)
            else:
                found[kind] = [index]
        return found

    def all_of(self, kind: type[_N]) -> list[tuple[int, _N]]:
        """Its nodes of one kind, in order, each with its index."""
        nodes: Sequence[Any] = self.nodes
        return [(index, nodes[index]) for index in self.by_kind.get(kind, ())]

    @Lazily
    def calls_on(self) -> dict[str, list[CallSite]]:
        """The method calls by the plain place that they are called on (see `key`), in order."""
        found: dict[str, list[CallSite]] = {}
        for call in self.calls:
            if call.receiver >= 0 and (key := self.key(call.receiver)):
                found.setdefault(key, []).append(call)
        return found

    def node_at(self, index: int | None) -> AnyNode | None:
        """A node; None for no node: -1, or None."""
        return self.nodes[index] if index is not None and index >= 0 else None

    def user_of(self, index: int) -> AnyNode | None:
        """The node that uses the value of a node; None where nothing does, and for no node (-1)."""
        node = self.node_at(index)
        return self.node_at(node.parent) if node is not None else None

    def call_at(self, index: int | None) -> CallSite | None:
        """The call at a node, if there is one, and it is a call."""
        if index is None or index < 0:
            return None
        node = self.nodes[index]
        if not isinstance(node, Call):
            return None
        if "sites" in self.__dict__:
            return self.sites[index]
        # who asks for one decorator of a module does not need all that the module calls
        found = self._sites.get(index)
        if found is None:
            found = self._sites[index] = CallSite(self, index, node)
        return found

    def text(self, index: int) -> str:
        """A node as it is written, on one line, cut to `MAX_TEXT` characters."""
        node = self.nodes[index]
        text = self.module.source.text[node.start : node.end]
        if "#" in text and "\n" in text:
            text = uncommented(text)
        text = " ".join(text.split())
        return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"

    def key(self, index: int) -> str:
        """A spelling of a plain place (`self._task`, `tasks`), the same for the same place; "" for anything else,
        and for no node (-1)."""
        node: Any = self.node_at(index)
        parts: list[str] = []
        while isinstance(node, (Attr, StoreAttr)):
            parts.append(node.attr)
            node = self.nodes[node.value]
        if not isinstance(node, (Name, Store)):
            return ""
        parts.append(node.id)
        return ".".join(reversed(parts))

    def line(self, index: int) -> int:
        """The 1-based line on which a node begins."""
        self.module.is_read()
        return self.module.source.position(self.nodes[index].start)[0]

    def docstring(self) -> str:
        """What a function says of itself; "" where it says nothing."""
        found = _DOCSTRING.match(self.module.is_read(), self.facts.head, self.facts.end)
        return found["text"] if found is not None else ""

    def comment_above(self, index: int) -> str:
        """The comment on the lines above a node, and above the `try:` that it begins; "" where there is none."""
        lines = self.module.is_read()[self.facts.start : self.nodes[index].start].splitlines()[:-1]
        while lines and lines[-1].strip() in ("", "try:"):
            lines.pop()
        first = len(lines)
        while first and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return "\n".join(line.strip() for line in lines[first:])

    @Lazily
    def _block_order(self) -> tuple[list[int], list[int]]:
        filled = sorted((block.start, index) for index, block in enumerate(self.blocks) if block.end > block.start)
        return [start for start, _ in filled], [index for _, index in filled]

    def block_of(self, index: int) -> int:
        """The block that a node lies in."""
        starts, blocks = self._block_order
        return blocks[bisect.bisect_right(starts, index) - 1]

    def test_of(self, block: int) -> Test | None:
        """The test that ends a block; None where it ends in none, or in the `case` of a `match`, which compares."""
        facts = self.blocks[block]
        node = self.nodes[facts.end - 1] if facts.end > facts.start else None
        return node if isinstance(node, Test) and node.kind != "case" else None

    @Lazily
    def live_blocks(self) -> frozenset[int]:
        """The blocks that a path from the start can come to, error edges included."""
        seen = {0}
        pending = [0]
        while pending:
            block = self.blocks[pending.pop()]
            for target in (*block.next, block.on_error):
                if target >= 0 and target not in seen:
                    seen.add(target)
                    pending.append(target)
        return frozenset(seen)

    @Lazily
    def came_from(self) -> dict[int, list[int]]:
        """The blocks that may come before a block by normal flow."""
        found: dict[int, list[int]] = {}
        for index, block in enumerate(self.blocks):
            for target in block.next:
                found.setdefault(target, []).append(index)
        return found

    @Lazily
    def final_entries(self) -> frozenset[int]:
        """The first blocks of all `finally` regions."""
        return frozenset(region.entry for region in self.regions if region.kind is RegionKind.FINALLY)

    def finals_around(self, block: int) -> int:
        """How many `finally` regions a block lies in."""
        if not self.final_entries:
            return 0
        count = 0
        region = self.blocks[block].region
        while region >= 0:
            count += self.regions[region].kind is RegionKind.FINALLY
            region = self.regions[region].parent
        return count

    def raises_within(self, region: int) -> bool:
        """Whether a `raise` statement stands in a region."""
        return any(isinstance(self.nodes[index], Raise) for index in self.nodes_in(region))

    def region_of(self, index: int) -> int:
        """The innermost region that a node lies in."""
        return self.blocks[self.block_of(index)].region

    def regions_around(self, index: int) -> Iterator[int]:
        """The regions that a node lies in, innermost first."""
        region = self.region_of(index)
        while region >= 0:
            yield region
            region = self.regions[region].parent

    def is_inside(self, region: int, outer: int) -> bool:
        """Whether a region is `outer` or lies in it."""
        while region >= 0:
            if region == outer:
                return True
            region = self.regions[region].parent
        return False

    def nodes_in(self, region: int) -> Iterator[int]:
        """The nodes that lie in a region, in order; unreachable ones too."""
        for index, block in enumerate(self.blocks):
            if block.end > block.start and self.is_inside(self.blocks[index].region, region):
                yield from range(block.start, block.end)

    def operands_within(self, index: int) -> Iterator[int]:
        """A node and all that its value is made of, outermost first. Operands stand before what uses them."""
        yield index
        pending = {index}
        for at in range(index - 1, -1, -1):
            parent = self.nodes[at].parent
            if parent in pending:
                pending.add(at)
                yield at
            elif parent < 0 and not _is_within_expression(self.nodes[at]):
                # a statement ends the expression
                break

    def outwards(self, index: int) -> Iterator[int]:
        """A node, then what uses its value, and so on outwards."""
        while index >= 0:
            yield index
            index = self.nodes[index].parent

    # --- what becomes of a value

    def use(self, index: int) -> Use:
        """What becomes of the value of a node. Conditionals, starred items and walruses are looked through."""
        while True:
            parent = self.nodes[index].parent
            if parent < 0:
                return Use("other", -1)
            node = self.nodes[parent]
            match node:
                case Expr():
                    return Use("dropped", parent)
                case Await():
                    return Use("awaited", parent)
                case Assign():
                    if node.op and node.op != ":=":
                        return Use("other", parent)
                    kinds = [self.nodes[target] for target in node.targets]
                    if len(kinds) == 1 and isinstance(kinds[0], Store):
                        if node.op == ":=" and node.parent >= 0 and not isinstance(self.nodes[node.parent], Expr):
                            index = parent
                            continue
                        return Use("bound", parent, kinds[0].id)
                    if any(isinstance(kind, (StoreAttr, StoreItem)) for kind in kinds):
                        return Use("stored", parent)
                    return Use("other", parent)
                case Return():
                    return Use("lambda" if self.facts.kind is FunctionKind.LAMBDA else "returned", parent)
                case Yield():
                    return Use("yielded", parent)
                case Call():
                    return Use("other" if node.func == index else "argument", parent)
                case Attr():
                    return Use("receiver", parent)
                case Enter():
                    return Use("entered", parent)
                case Iterate():
                    return Use("iterated", parent)
                case Display() | Comprehension():
                    return Use("element", parent)
                case Operation(op="if" | "or" | "and"):
                    if node.op == "if" and node.operands[0] == index:
                        return Use("other", parent)
                    index = parent
                case Starred():
                    index = parent
                case _:
                    return Use("other", parent)

    def reads(self, name: str) -> list[tuple[FunctionView, int]]:
        """Where a local of this function is read: here, or in a function nested in it that does not rebind it."""
        found: list[tuple[FunctionView, int]] = []
        pending: list[FunctionView] = [self]
        plain = name.partition("·")[0]
        while pending:
            view = pending.pop(0)
            if view is not self and plain in view.facts.bound and plain not in view.facts.nonlocal_names:
                if view.facts.kind is not FunctionKind.CLASS:
                    continue
            found += [(view, index) for index in view.names_read.get(name, ())]
            pending += view.children
        return found

    def is_set_inside(self, name: str) -> bool:
        """Whether a function nested in this one binds its local: another path may set it meanwhile."""
        pending = list(self.children)
        while pending:
            inner = pending.pop()
            if name in inner.facts.nonlocal_names and name in inner.facts.bound:
                return True
            pending += inner.children
        return False

    @Lazily
    def names_read(self) -> dict[str, list[int]]:
        """The names that it reads itself, each with its nodes in order."""
        found: dict[str, list[int]] = {}
        for index, node in self.all_of(Name):
            found.setdefault(node.id, []).append(index)
        return found

    @Lazily
    def types_asked(self) -> frozenset[str]:
        """The plain places of which it asks what they are, by `isinstance`."""
        found: set[str] = set()
        for index in self.names_read.get("isinstance", ()):
            call = self.call_at(self.nodes[index].parent)
            if call is not None and call.node.func == index and call.positional:
                found.add(self.key(call.positional[0]))
        found.discard("")
        return frozenset(found)

    @Lazily
    def places_read(self) -> dict[str, list[int]]:
        """Where it reads plain places, by their `key`, each with its nodes in order."""
        found: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            if isinstance(node, (Name, Attr)) and (key := self.key(index)):
                found.setdefault(key, []).append(index)
        return found

    @Lazily
    def attributes_stored(self) -> dict[str, list[int]]:
        """Where it stores attributes, by their `key`."""
        found: dict[str, list[int]] = {}
        for index, _ in self.all_of(StoreAttr):
            found.setdefault(self.key(index), []).append(index)
        return found

    @Lazily
    def items_stored(self) -> dict[str, list[int]]:
        """The values that it stores as items of plain places, by the `key` of these, in order."""
        found: dict[str, list[int]] = {}
        for _, node in self.all_of(Assign):
            if node.op or node.value < 0:
                continue
            for at in node.targets:
                target = self.nodes[at]
                if isinstance(target, StoreItem) and (key := self.key(target.value)):
                    found.setdefault(key, []).append(node.value)
        return found

    @Lazily
    def asserted_types(self) -> dict[str, int]:
        """The locals of which an `assert isinstance(name, X)` says what they are, each with the node of X."""
        found: dict[str, int] = {}
        for _, node in self.all_of(Test):
            call = self.call_at(node.value) if node.kind == "assert" else None
            if call is None or len(call.positional) != 2 or self.path_of(call.node.func) != "builtins.isinstance":
                continue
            told = self.nodes[call.positional[0]]
            if isinstance(told, Name):
                found.setdefault(told.id, call.positional[1])
        return found

    @Lazily
    def uses_locals(self) -> bool:
        """Whether `locals()` is read in it: any local may then be used."""
        return "locals" in self.names_read

    # --- names

    def bindings(self, name: str) -> Binding:
        """Where a name that is read in this function is bound."""
        known = self._bindings.get(name)
        if known is None:
            known = self._bindings[name] = self._bindings_of(name)
        return known

    def _bindings_of(self, name: str) -> Binding:
        view: FunctionView | None = self
        while view is not None:
            facts = view.facts
            if facts.kind is FunctionKind.MODULE or name in facts.global_names:
                break
            if name in facts.bound and name not in facts.nonlocal_names:
                if facts.kind is not FunctionKind.CLASS or view is self:
                    return Binding(view, tuple((view, node) for node in facts.bound[name]))
            view = view.parent
        kept = self.module.global_bindings
        known = kept.get(name)
        if known is None:
            found = self.module.globals(name)
            known = kept[name] = Binding(self.module.body, tuple(found)) if found else Binding(None, ())
        return known

    def path_of(self, index: int) -> str:
        """The dotted path of a name or attribute chain through imports, aliases and definitions; "" where there is
        none. Instances are not followed: see `target_of`."""
        known = self._paths.get(index)
        if known is not None:
            return known
        attributes: list[str] = []
        at = index
        node = self.nodes[at]
        while isinstance(node, Attr):
            attributes.append(node.attr)
            at = node.value
            node = self.nodes[at]
        path = self._path_of_name(node.id, at) if isinstance(node, Name) else ""
        if path and attributes:
            attributes.reverse()
            path = f"{path}.{'.'.join(attributes)}"
        if self.module.project.guard.is_settled:
            self._paths[index] = path
        return path

    def _path_of_name(self, name: str, index: int) -> str:
        """The dotted path of a name that is read at a node."""
        scope, nodes = self.bindings(name)
        if scope is None:
            return "" if self.module.globals("*") and not _is_builtin(name) else f"builtins.{name}"
        known = scope.paths_of_names.get(name)
        if known is not None:
            return known
        if len(nodes) == 1 and not self._is_alias(*nodes[0]):
            # nothing has to be followed
            path = scope.paths_of_names[name] = self._path_bound(name, nodes)
            return path
        guard = self.module.project.guard
        mark = (self.module.source.path, self.index, index, "path")
        if not guard.is_settled and mark in guard.paths:
            return guard.paths[mark]
        if not guard.enter(mark):
            return ""
        try:
            path = self._path_bound(name, nodes)
            is_same = guard.is_settled
        finally:
            guard.leave(mark)
        if is_same:
            # wherever in its scope it is read, it is the same
            scope.paths_of_names[name] = path
        elif not guard.is_settled:
            guard.paths[mark] = path
        return path

    @staticmethod
    def _is_alias(view: FunctionView, index: int) -> bool:
        """Whether the value that binds a name is another name."""
        value = view.assigned_value(index) if index >= 0 else None
        return value is not None and isinstance(view.nodes[value], (Name, Attr))

    def _path_bound(self, name: str, nodes: tuple[tuple[FunctionView, int], ...]) -> str:
        """The dotted path of a name that these nodes bind."""
        imported = self.module.project.imported(nodes, name)
        if imported:
            return imported
        definitions = [view.nodes[at] for view, at in nodes if at >= 0 and isinstance(view.nodes[at], Define)]
        if len(definitions) == len(nodes):
            last = definitions[-1]
            assert isinstance(last, Define)
            return self.module.functions[last.function].qualname
        if len(nodes) == 1 and nodes[0][1] >= 0:
            view, at = nodes[0]
            value = view.assigned_value(at)
            if value is not None and isinstance(view.nodes[value], (Name, Attr)):
                return view.path_of(value)
        return ""

    def assigned_value(self, store: int) -> int | None:
        """The node whose value a plain `name = value` (or walrus) gives to the stored name; None for anything else, a
        parameter (-1) among it."""
        parent = self.nodes[store].parent
        node = self.nodes[parent] if parent >= 0 else None
        if isinstance(node, Assign) and node.op in ("", ":=") and node.value >= 0 and store in node.targets:
            return node.value
        return None

    def partials_of(self, index: int) -> list[CallSite]:
        """The calls of `functools.partial` that a node stands for, one of another: the outermost first."""
        known = self._partials.get(index)
        if known is not None:
            return known
        under_way = self.module.project.guard.partials
        return self._looked_up(index, self._partials, under_way, FunctionView.partials_of, self._partials_of)

    def _partials_of(self, index: int) -> list[CallSite]:
        node = self.nodes[index]
        if not isinstance(node, (Name, Attr)):
            return []
        path = self.path_of(index)
        if path.startswith("builtins.") or (path and self.module.project.catalog.has(path)):
            return []
        found = self.variable_at(index)
        if found is None and (path or not isinstance(node, Attr)):
            return []  # an import or a definition, or a name that nothing is known of
        guard = self.module.project.guard
        mark = (self.module.source.path, self.index, index, "partial")
        if not guard.enter(mark):
            return []
        try:
            found = found or (self.attribute_value(node) if isinstance(node, Attr) else None)
            call = found[0].call_at(found[1]) if found is not None else None
            if found is None or call is None or not call.positional:
                return []
            if not self.module.project.catalog.is_partial(call.target):
                return []
            return [call, *found[0].partials_of(call.positional[0])]
        finally:
            guard.leave(mark)

    def attribute_value(self, node: Attr) -> tuple[FunctionView, int] | None:
        """The one value that the methods of a class give to an attribute of `self`: function and node."""
        if not isinstance(self.nodes[node.value], Name):
            return None
        owner = self.instance(node.value)
        if owner is None or owner.view is None or not owner.own:
            return None
        stores = [store for cls in owner.view.ancestry[0] for store in cls.attribute_stores.get(node.attr, ())]
        if len(stores) != 1:
            return None
        view, at = stores[0]
        value = view.assigned_value(at)
        return (view, value) if value is not None else None

    def bound_to(self, index: int) -> Instance | None:
        """The instance that a bound method belongs to: by another name of it, or a partial of it, as well."""
        partials = self.partials_of(index)
        if partials:
            return partials[-1].fn.bound_to(partials[-1].positional[0])
        node = self.nodes[index]
        if isinstance(node, Attr):
            return self.instance(node.value)
        if isinstance(node, Name):
            found = self.variable_at(index)
            if found is not None and isinstance(found[0].nodes[found[1]], Attr):
                return found[0].bound_to(found[1])
        return None

    def variable_at(self, index: int) -> tuple[FunctionView, int] | None:
        """The one value that a name, or a global of another module, is given by a plain assignment: function and node;
        None where there is not exactly one."""
        node = self.nodes[index]
        nodes: tuple[tuple[FunctionView, int], ...] = ()
        if isinstance(node, Name):
            nodes = self.bindings(node.id).nodes
        if not nodes or (nodes[0][1] >= 0 and isinstance(nodes[0][0].nodes[nodes[0][1]], Import)):
            path = self.path_of(index)
            _, entity = self.module.project.find(path, self.module) if path else ("", None)
            nodes = found if isinstance(found := getattr(entity, "bindings", ()), tuple) else ()
        if len(nodes) != 1 or nodes[0][1] < 0:
            return None
        holder, at = nodes[0]
        value = holder.assigned_value(at) if isinstance(holder.nodes[at], Store) else None
        return (holder, value) if value is not None else None

    def local_value(self, index: int) -> int | None:
        """The node whose value a local of this very function is given by its only assignment; None for anything
        else."""
        found = self.variable_at(index)
        return found[1] if found is not None and found[0] is self else None

    def stores_none(self, store: int) -> bool:
        """Whether `name = None` is what binds the name."""
        value = self.assigned_value(store)
        node = self.nodes[value] if value is not None else None
        return isinstance(node, Const) and node.kind == "none"

    def told_at(self, index: int) -> tuple[FunctionView, int]:
        """Where what a node stands for was asked for first, of all the nodes in the scope of a name that spell the same
        place (`self.client.get`): one answer is all of theirs. The node itself, where it is no such place, or a test
        may tell more of it here than elsewhere."""
        told = self._told.get(index)
        if told is not None:
            return told
        node = self.nodes[index]
        parts: list[str] = []
        while node.__class__ is Attr:
            parts.append(node.attr)
            node = self.nodes[node.value]
        told = (self, index)
        if isinstance(node, Name) and not (parts and self.types_asked and self._is_type_asked(node.id, parts)):
            scope = self.bindings(node.id).scope or self.module.body
            told = scope.places_told.setdefault((node.id, *parts) if parts else node.id, told)
        self._told[index] = told
        return told

    def _looked_up(
        self,
        index: int,
        kept: dict[int, _T],
        under_way: dict[tuple[str | int, ...], _T],
        ask: Callable[[FunctionView, int], _T],
        find: Callable[[int], _T],
    ) -> _T:
        """What a node stands for in one way or another: `find` says it, and `ask` does of the node that was asked of it
        first, of all that spell the same place (`told_at`). It is `kept`, unless it may depend on where another look-up
        began: then as long as that is under way."""
        guard = self.module.project.guard
        view, at = self.told_at(index)
        if at != index or view is not self:
            found = ask(view, at)
        else:
            if not guard.is_settled and (mark := (self.module.source.path, self.index, index)) in under_way:
                return under_way[mark]
            found = find(index)
            if not guard.is_settled:
                under_way[self.module.source.path, self.index, index] = found
        if guard.is_settled:
            kept[index] = found
        return found

    def _is_type_asked(self, name: str, parts: list[str]) -> bool:
        """Whether the function asks what a place is, or what it is a part of: the last attribute comes first."""
        return any(
            ".".join((name, *parts[: at - len(parts) - 1 : -1])) in self.types_asked for at in range(len(parts) + 1)
        )

    def target_of(self, index: int) -> str:
        """The qualified name of what a node stands for, methods of instances included (`httpx.AsyncClient.get`), in the
        usual spelling; "" where it cannot be resolved."""
        known = self._targets.get(index)
        if known is not None:
            return known
        under_way = self.module.project.guard.targets
        return self._looked_up(index, self._targets, under_way, FunctionView.target_of, self._target_of)

    def _target_of(self, index: int) -> str:
        project = self.module.project
        partials = self.partials_of(index)
        if partials:
            return partials[-1].fn.target_of(partials[-1].positional[0])
        path = self.path_of(index)
        if path:
            name = project.catalog.canonical(path)
            if project.catalog.has(name):
                return name
            found, entity = project.find(path, self.module)
            if isinstance(entity, FunctionView):
                return entity.qualname
            if entity is not None:
                return found
            made = self._made_by_decorator(index)
            if made:
                return made
            if self._other_name(index) is None and not self.is_member_of_variable(index):
                return project.catalog.canonical(found)
        node = self.nodes[index]
        if isinstance(node, Attr):
            instance = self.instance(node.value)
            if instance is not None:
                return instance.member(node.attr)[0]
        other = self._other_name(index)
        return other[0].target_of(other[1]) if other is not None else ""

    def _made_by_decorator(self, index: int) -> str:
        """The method that a decorator of the catalogue gives to what it makes of a function; "" where there is none."""
        node = self.nodes[index]
        held = self.definition_of(node.value) if isinstance(node, Attr) else None
        if held is None or not isinstance(node, Attr) or held.facts.kind is not FunctionKind.DEF:
            return ""
        # `@size.setter` is an attribute of what it decorates
        own = held.parent is self and not {index, node.parent}.isdisjoint(held.facts.decorators)
        guard = self.module.project.guard
        mark = (self.module.source.path, self.index, index, "made")
        if not held.facts.decorators or own or not guard.enter(mark):
            return ""
        try:
            catalog = self.module.project.catalog
            entries = (catalog.decorator_entry(name) for name, _ in held.decorators if name)
            made = next((entry.makes for entry in entries if entry is not None and entry.makes), "")
            return f"{made}.{node.attr}" if made and catalog.has(f"{made}.{node.attr}") else ""
        finally:
            guard.leave(mark)

    def _other_name(self, index: int) -> tuple[FunctionView, int] | None:
        """The attribute that a name is another name of, a bound method as a rule: `spawn = loop.create_task`."""
        node = self.nodes[index]
        if isinstance(node, Name):
            _, nodes = self.bindings(node.id)
            if len(nodes) == 1 and nodes[0][1] >= 0:
                view, at = nodes[0]
                value = view.assigned_value(at)
                if value is not None and isinstance(view.nodes[value], Attr):
                    return view, value
        return None

    def definition_of(self, index: int) -> FunctionView | None:
        """The project's function or class that a node stands for."""
        if index in self._definitions:
            return self._definitions[index]
        under_way = self.module.project.guard.definitions
        return self._looked_up(index, self._definitions, under_way, FunctionView.definition_of, self._definition_of)

    def _definition_of(self, index: int) -> FunctionView | None:
        partials = self.partials_of(index)
        if partials:
            return partials[-1].fn.definition_of(partials[-1].positional[0])
        path = self.path_of(index)
        if path:
            scope_entity = self._local_definition(index)
            if scope_entity is not None:
                return scope_entity
            _, entity = self.module.project.find(path, self.module)
            if isinstance(entity, FunctionView):
                return entity
            if entity is not None or not self.is_member_of_variable(index):
                return None
        node = self.nodes[index]
        if isinstance(node, Attr):
            instance = self.instance(node.value)
            return instance.member(node.attr)[1] if instance is not None else None
        return None

    def is_member_of_variable(self, index: int, names: int = 3) -> bool:
        """Whether a node is an attribute of a global of another module, or of what a class's own attribute holds: what
        it is, its instance says."""
        node = self.nodes[index]
        if not isinstance(node, Attr):
            return False
        _, owner = self.module.project.find(self.path_of(node.value), self.module)
        if owner is not None:
            return isinstance(getattr(owner, "bindings", None), tuple)
        inner = self.nodes[node.value]
        if isinstance(inner, Attr) and self.is_member_of_variable(node.value, names):
            return True  # of something that such a global has
        other = self._other_name(node.value) if names > 0 else None
        if other is not None:
            return other[0].is_member_of_variable(other[1], names - 1)
        holder = self.definition_of(inner.value) if isinstance(inner, Attr) else None
        return holder is not None and holder.facts.kind is FunctionKind.CLASS

    def _local_definition(self, index: int) -> FunctionView | None:
        """A function or class of this very file, nested ones included."""
        node = self.nodes[index]
        if isinstance(node, Name):
            _, nodes = self.bindings(node.id)
            definitions = [view.nodes[at] for view, at in nodes if at >= 0]
            if definitions and all(isinstance(definition, Define) for definition in definitions):
                last = definitions[-1]
                assert isinstance(last, Define)
                return self.module.functions[last.function]
        if isinstance(node, Attr):
            owner = self._local_definition(node.value)
            if owner is not None and owner.facts.kind is FunctionKind.CLASS:
                return owner.inherited(node.attr)
        return None

    # --- classes

    def member(self, name: str) -> FunctionView | None:
        """The function or class that a class's own body defines under a name."""
        nodes = self.facts.bound.get(name, ())
        for index in reversed(nodes):
            node = self.nodes[index] if index >= 0 else None
            if isinstance(node, Define):
                return self.module.functions[node.function]
        return None

    @Lazily
    def bases(self) -> list[tuple[str, FunctionView | None]]:
        """Of a class: each base's qualified name ("" where not resolved), and its class in the project."""
        parent = self.parent
        define = parent.nodes[self.facts.define] if parent is not None and self.facts.define >= 0 else None
        if parent is None or not isinstance(define, Define):
            return []
        found: list[tuple[str, FunctionView | None]] = []
        for base in define.bases:
            if base.keyword or base.star:
                continue
            index = base.value
            while not isinstance(parent.nodes[index], (Name, Attr)):
                # a base with type arguments
                node = parent.nodes[index]
                inner = getattr(node, "value", -1) if not isinstance(node, Const) else -1
                if not isinstance(inner, int) or inner < 0:
                    break
                index = inner
            definition = parent.definition_of(index)
            is_class = definition is not None and definition.facts.kind is FunctionKind.CLASS
            found.append((parent.target_of(index), definition if is_class else None))
        return found

    @Lazily
    def ancestry(self) -> tuple[list[FunctionView], list[str], bool]:
        """Of a class: itself and the project's classes that it inherits from, nearest first; names of the bases outside
        the project; whether every base is resolved to a class of the project, the catalogue or `object`'s kind."""
        classes: list[FunctionView] = []
        outside: list[str] = []
        known = True
        pending = [self]
        while pending:
            view = pending.pop(0)
            if view in classes:
                continue
            classes.append(view)
            for name, definition in view.bases:
                if definition is not None:
                    pending.append(definition)
                else:
                    outside.append(name)
                    known &= name in _PLAIN_BASES
        return classes, outside, known

    def inherited(self, name: str) -> FunctionView | None:
        """Of a class: the method or nested class of this name, its own or a base's."""
        own = self.member(name)
        guard = self.module.project.guard
        mark = (self.module.source.path, self.index, "ancestry")
        # `class A(A.B)`: what its bases are is being asked already
        if own is not None or not guard.enter(mark):
            return own
        try:
            classes = self.ancestry[0]
        finally:
            guard.leave(mark)
        return next((found for view in classes if (found := view.member(name)) is not None), None)

    @Lazily
    def attribute_stores(self) -> dict[str, list[tuple[FunctionView, int]]]:
        """Of a class: where its methods store `self.<name>` (or `cls.<name>`)."""
        found: dict[str, list[tuple[FunctionView, int]]] = {}
        for method in self.children:
            params = method.facts.params
            if method.facts.kind is not FunctionKind.DEF or not params:
                continue
            first = params[0].name
            for view in (method, *(inner for inner in method.children if inner.facts.kind is FunctionKind.DEF)):
                if view is not method and first in view.facts.bound:
                    continue
                for index, node in view.all_of(StoreAttr):
                    holder = view.nodes[node.value]
                    if isinstance(holder, Name) and holder.id == first:
                        found.setdefault(node.attr, []).append((view, index))
        return found

    @Lazily
    def self_name(self) -> str:
        """The name of a method's first parameter; "" for static methods and functions."""
        if self.owner is None or not self.facts.params or self.has_role("staticmethod"):
            return ""
        return self.facts.params[0].name

    def param(self, name: str) -> Param | None:
        """The parameter of this name."""
        return next((param for param in self.facts.params if param.name == name), None)

    # --- instances: in link/instances.py

    def instance(self, index: int) -> Instance | None:
        """The instance that a node's value is, followed to its constructor."""
        return instance_of(self, index)

    # --- regions that matter

    def loops_around(self, index: int) -> Iterator[int]:
        """The loops that a node lies in, innermost first; comprehensions count."""
        for region in self.regions_around(index):
            if self.regions[region].kind in (RegionKind.LOOP, RegionKind.COMPREHENSION):
                yield region

    def dict_items(self, index: int) -> dict[str, int] | None:
        """Keys and value nodes of a dict whose items are all seen: a literal, `dict(a=…)`, or a local that is bound to
        one and not changed; None otherwise."""
        node = self.nodes[index]
        if isinstance(node, Name):
            scope, nodes = self.bindings(node.id)
            if scope is not self or len(nodes) != 1 or nodes[0][1] < 0:
                return None
            value = self.assigned_value(nodes[0][1])
            if value is None or self._is_changed(node.id):
                return None
            return self.dict_items(value)
        if isinstance(node, Display) and node.kind == "dict":
            items: dict[str, int] = {}
            for key, item in zip(node.keys, node.items, strict=True):
                name = self.nodes[key] if key >= 0 else None
                if not (isinstance(name, Const) and isinstance(name.value, str)):
                    return None
                items[name.value] = item
            return items
        if isinstance(node, Call) and self.path_of(node.func) == "builtins.dict":
            if all(arg.keyword and not arg.star for arg in node.args):
                return {arg.keyword: arg.value for arg in node.args}
        return None

    def _is_changed(self, name: str) -> bool:
        """Whether a local's value is changed in place, or handed where it may be."""
        for view, at in self.reads(name):
            node = view.nodes[at]
            parent = view.nodes[node.parent] if node.parent >= 0 else None
            if isinstance(parent, Call) and any(arg.value == at and arg.star == 2 for arg in parent.args):
                continue
            return True
        return False


def _is_within_expression(node: AnyNode) -> bool:
    """Whether a node that nobody uses may stand inside an expression: what decides in it, or goes round."""
    return isinstance(node, Iterate) or (isinstance(node, Test) and node.kind in ("and", "or", "ifexp", "filter"))


def _is_builtin(name: str) -> bool:
    return name in _BUILTINS


_DOCSTRING = re.compile(r"(?:\s++|#[^\r\n]*+)*+[rRuU]?(?P<quote>\"{3}|'{3}|\"|')(?P<text>.*?)(?P=quote)", re.DOTALL)

_BUILTINS = frozenset(dir(builtins))

_PLAIN_BASES = frozenset(
    {
        "builtins.object",
        "builtins.Exception",
        "builtins.BaseException",
        "abc.ABC",
        "enum.Enum",
        "typing.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
        "typing.NamedTuple",
        "typing.TypedDict",
    }
)
"""Bases outside the project that define no method a subclass would override for them."""
