"""Who catches a cancellation: exception types, handlers, and the cancellation points whose cancellation they take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.flow import Escape, NodeTest, escapes
from cancelcheck.link.scopes import scopes_around
from cancelcheck.model.facts import (
    Attr,
    Await,
    BlockEnd,
    Call,
    Const,
    Display,
    Enter,
    Except,
    Exit,
    FunctionKind,
    Iterate,
    Name,
    Operation,
    RegionKind,
    Return,
    Starred,
    Store,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Catch(NamedTuple):
    """What a handler (or a `suppress`) catches of cancellation: `named` entries by name, `broad` ones by a base class;
    `others` are types that are neither; `unknown` says that one of them could not be resolved."""

    named: tuple[schema.ExceptionEntry, ...]
    broad: bool
    others: int
    unknown: bool

    @property
    def cancels(self) -> bool:
        """Whether a cancellation is caught."""
        return bool(self.named) or self.broad


class Leaf(NamedTuple):
    """One exception type of an `except` or an `isinstance`: the node that names it, in the function where it stands,
    its qualified name ("" where that is not known), and the catalogue's entry."""

    view: FunctionView
    node: int
    name: str
    entry: schema.ExceptionEntry | None


MAX_TYPES = 200
"""Nodes that are looked at for the exception types of one handler."""


def exception_types(view: FunctionView, types: list[int]) -> Iterator[Leaf]:
    """The exception types that nodes stand for: tuples, sums and stars are taken apart, constants and functions of the
    project followed to what they hold or return."""
    pending = [(view, index) for index in types]
    for _ in range(MAX_TYPES):
        if not pending:
            return
        holder, index = pending.pop(0)
        node = holder.nodes[index]
        if isinstance(node, Display):
            pending += [(holder, item) for item in node.items]
            continue
        if isinstance(node, Starred):
            pending.append((holder, node.value))
            continue
        if isinstance(node, Operation) and node.op in ("+", "|"):
            pending += [(holder, operand) for operand in node.operands]
            continue
        name = holder.target_of(node.func if isinstance(node, Call) else index)
        entry = holder.module.project.catalog.exception(name)
        value = _held(holder, index) if entry is None else None
        if value is not None:
            pending.append(value)
            continue
        yield Leaf(holder, index, name, entry)


def _held(view: FunctionView, index: int) -> tuple[FunctionView, int] | None:
    """The expression whose value a name, an attribute of a class or a call of a project's getter has."""
    node = view.nodes[index]
    if isinstance(node, Call):
        callee = view.definition_of(node.func)
        if callee is None or callee.facts.kind is not FunctionKind.DEF or callee.is_async or callee.facts.is_generator:
            return None
        returns = [inner.value for inner in callee.nodes if isinstance(inner, Return)]
        return (callee, returns[0]) if len(returns) == 1 and returns[0] >= 0 else None
    bound: tuple[tuple[FunctionView, int], ...] = ()
    if isinstance(node, Name):
        bound = view.bindings(node.id).nodes
    elif isinstance(node, Attr):
        cls = view.definition_of(node.value)
        if cls is not None and cls.facts.kind is FunctionKind.CLASS and node.attr not in cls.attribute_stores:
            bound = tuple((cls, at) for at in cls.facts.bound.get(node.attr, ()))
    if not any(at >= 0 and isinstance(holder.nodes[at], Store) for holder, at in bound):
        # imported from another file of the project
        _, entity = view.module.project.find(view.path_of(index), view.module)
        found = getattr(entity, "bindings", ())
        bound = found if isinstance(found, tuple) else ()
    if len(bound) != 1 or bound[0][1] < 0:
        return None
    holder, at = bound[0]
    value = holder.assigned_value(at) if isinstance(holder.nodes[at], Store) else None
    if value is None or not isinstance(holder.nodes[value], (Display, Call, Operation, Name, Attr)):
        return None
    return holder, value


def caught_by(view: FunctionView, types: list[int]) -> Catch:
    """What exception types (nodes of `except …`, or arguments of `suppress`) catch."""
    named: list[schema.ExceptionEntry] = []
    broad = unknown = False
    others = 0
    for leaf in exception_types(view, types):
        if leaf.entry is None:
            others += 1
            unknown |= not leaf.name or isinstance(leaf.view.nodes[leaf.node], Call)
        elif leaf.entry.kind in (schema.ExceptionKind.CANCEL, schema.ExceptionKind.CANCEL_GETTER):
            named.append(leaf.entry)
        elif leaf.entry.kind is schema.ExceptionKind.BROAD or (
            leaf.entry.kind is schema.ExceptionKind.BROAD_GROUP and _cancels_in_groups(view)
        ):
            broad = True
        else:
            others += 1
    return Catch(tuple(named), broad, others, unknown)


_GROUPING = frozenset({"trio", "anyio"})
"""Frameworks whose task groups raise cancellations in an exception group. asyncio raises its own bare."""


def _cancels_in_groups(view: FunctionView) -> bool:
    return not _GROUPING.isdisjoint(view.module.facts.libraries)


class Handler(NamedTuple):
    """An `except` clause: its region, its node, the `try` statement's region, and what it catches."""

    region: int
    node: int
    statement: int
    catch: Catch

    def excepts(self, view: FunctionView) -> Except:
        """Its node."""
        node = view.nodes[self.node]
        assert isinstance(node, Except)
        return node


def handlers(view: FunctionView) -> Iterator[Handler]:
    """All handlers of a function, in the order of the text."""
    for index, region in enumerate(view.regions):
        if region.kind is RegionKind.HANDLER:
            yield _handler(view, index)


def handlers_of(view: FunctionView, statement: int) -> list[Handler]:
    """The handlers of one `try` statement, in order."""
    return [
        _handler(view, index)
        for index, region in enumerate(view.regions)
        if region.kind is RegionKind.HANDLER and region.parent == statement
    ]


def _handler(view: FunctionView, index: int) -> Handler:
    region = view.regions[index]
    node = view.nodes[region.node]
    assert isinstance(node, Except)
    catch = Catch((), True, 0, False) if node.caught < 0 else caught_by(view, [node.caught])
    return Handler(index, region.node, region.parent, catch)


def protected(view: FunctionView, statement: int) -> int:
    """The region of a `try` statement's own body."""
    return next(
        index
        for index, region in enumerate(view.regions)
        if region.kind is RegionKind.PROTECTED and region.parent == statement
    )


def is_cancellation_point(view: FunctionView, index: int) -> bool:
    """Whether a cancellation can be raised at a node: an await, an asynchronous `for` turn, the entry or exit of an
    `async with`. The exit of a task group or a timeout counts too; a scope entered with a plain `with` does not."""
    node = view.nodes[index]
    return isinstance(node, Await) or (isinstance(node, (Iterate, Enter, Exit)) and node.is_async)


def points_reaching(view: FunctionView, handler: Handler) -> list[int]:
    """The cancellation points in a `try` whose cancellation comes to this handler: not those that a handler or a
    `suppress` further in catches, nor where an earlier handler of the same `try` takes it."""
    for earlier in handlers_of(view, handler.statement):
        if earlier.region == handler.region:
            break
        if earlier.catch.cancels or (earlier.catch.unknown and not handler.catch.named):
            return []
    body = protected(view, handler.statement)
    return points_leaving(view, body)


def points_leaving(view: FunctionView, region: int) -> list[int]:
    """The cancellation points in a region whose cancellation leaves it."""
    return [
        index
        for index in view.nodes_in(region)
        if is_cancellation_point(view, index)
        and _is_live(view, index)
        and not _dealt_with(view, index, region)
        and not is_shielded(view, index)
    ]


def keeps(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler has no `raise`: what it catches ends there."""
    return not view.raises_within(handler.region)


def is_shielded(view: FunctionView, index: int) -> bool:
    """Whether a scope with `shield=True` stands around a node: no cancellation from outside comes in."""
    for scope, call in scopes_around(view, index):
        if scope.entering is schema.Entering.AWAIT:
            continue
        shield = call.argument("shield")
        node = call.fn.nodes[shield] if shield is not None and shield >= 0 else None
        if scope.kind is schema.ScopeKind.SHIELD or (isinstance(node, Const) and node.value is True):
            return True
    return False


def is_raised_anyway(view: FunctionView, region: int) -> bool:
    """Whether what is lost in a region is lost to an exception that is under way already: the region lies in a handler
    that takes cancellations and always raises, or in a `finally` that only an exception leads into."""
    while region >= 0:
        facts = view.regions[region]
        if facts.kind is RegionKind.HANDLER:
            around = _handler(view, region)
            if around.catch.cancels and not escapes_of(view, around):
                return True
        if facts.kind is RegionKind.FINALLY:
            ways = {
                block.resumes
                for index, block in enumerate(view.blocks)
                if block.resumes and index in view.live_blocks and _follows(view, index, region)
            }
            if ways == {"raise"}:
                return True
        region = facts.parent
    return False


def _follows(view: FunctionView, block: int, final: int) -> bool:
    """Whether a block is one of those that go on behind a `finally`."""
    return any(block in before.next and view.is_inside(before.region, final) for before in view.blocks)


def _is_live(view: FunctionView, index: int) -> bool:
    return view.block_of(index) in view.live_blocks


def _dealt_with(view: FunctionView, index: int, outer: int) -> bool:
    """Whether something between a node and the region `outer` catches a cancellation and does not let it on."""
    inner = -1
    for region in view.regions_around(index):
        if region == outer:
            return False
        facts = view.regions[region]
        if facts.kind is RegionKind.TRY and inner >= 0 and view.regions[inner].kind is RegionKind.PROTECTED:
            for handler in handlers_of(view, region):
                if handler.catch.cancels:
                    if not view.raises_within(handler.region):
                        return True
                    break
        if facts.kind is RegionKind.WITH and facts.node != index:
            enter = view.nodes[facts.node]
            assert isinstance(enter, Enter)
            types = suppressed_types(view, enter)
            if types and caught_by(view, types).cancels:
                node = view.nodes[index]
                if not (isinstance(node, (Enter, Exit)) and getattr(node, "region", -1) == region):
                    return True
        inner = region
    return False


def suppressed_types(view: FunctionView, enter: Enter) -> list[int]:
    """The exception types that a `with suppress(…)` swallows; empty where it is something else."""
    call = view.call_at(enter.context)
    if call is None or not view.module.project.catalog.is_suppressor(call.target):
        return []
    return [arg.value for arg in call.node.args]


def escapes_of(
    view: FunctionView, handler: Handler, caught: LeafTest | None = None, ends: NodeTest | None = None
) -> list[Escape]:
    """The ways out of a handler that do not raise. `caught` says whether a type is that of the exception in question
    (by default a cancellation): the tests in the handler that ask for it go one way only. Nodes for which `ends` holds
    end a way."""

    def decide(test: int) -> bool | None:
        return _verdict(view, handler, test, caught or is_cancellation)

    return [
        escape
        for escape in escapes(view, handler.region, ends, decide)
        if not (
            escape.block >= 0
            and view.blocks[escape.block].ends is BlockEnd.RAISE
            and not view.blocks[escape.block].next
        )
    ]


LeafTest = Callable[[Leaf], bool | None]
"""Whether an exception is an instance of a type; None where that is not known."""


def is_cancellation(leaf: Leaf) -> bool | None:
    """Whether a cancellation is an instance of this type."""
    if leaf.entry is None:
        return _is_ordinary(leaf)
    kinds = schema.ExceptionKind
    match leaf.entry.kind:
        case kinds.CANCEL | kinds.CANCEL_GETTER:
            return leaf.entry.framework != "threads"
        case kinds.BROAD:
            return True
        case kinds.BROAD_GROUP:
            return None if _cancels_in_groups(leaf.view) else False
    return False


def is_exit(leaf: Leaf) -> bool | None:
    """Whether what ends a program (`SystemExit`, `KeyboardInterrupt`) is an instance of this type."""
    if leaf.name in _EXITS:
        return True
    if leaf.entry is None:
        return _is_ordinary(leaf)
    return leaf.entry.kind is schema.ExceptionKind.BROAD


_EXITS = frozenset({"builtins.SystemExit", "builtins.KeyboardInterrupt", "builtins.GeneratorExit"})


def _is_ordinary(leaf: Leaf) -> bool | None:
    """False for a type that is a builtin's, or the project's own and derived from a builtin `Exception`: no
    cancellation is an instance of it. None for any other."""
    if leaf.name.startswith("builtins."):
        return False
    cls = leaf.view.definition_of(leaf.node) if not isinstance(leaf.view.nodes[leaf.node], Call) else None
    if cls is not None and cls.facts.kind is FunctionKind.CLASS:
        bases = cls.ancestry[1]
        if bases and all(base.startswith("builtins.") and base != "builtins.BaseException" for base in bases):
            return False
    return None


def _verdict(view: FunctionView, handler: Handler, test: int, caught: LeafTest) -> bool | None:
    node = view.nodes[test]
    if not isinstance(node, Test) or node.kind == "case":
        return None
    return _truth(view, handler, node.value, caught)


def _truth(view: FunctionView, handler: Handler, index: int, caught: LeafTest) -> bool | None:
    """Whether an expression holds for the caught exception, as far as its type says."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op in ("not", "and", "or"):
        known = [_truth(view, handler, operand, caught) for operand in node.operands]
        if node.op == "not":
            return None if known[0] is None else not known[0]
        decisive = node.op == "or"
        if decisive in known:
            return decisive
        return None if None in known else not decisive
    call = view.call_at(index)
    if call is None or call.target != "builtins.isinstance" or len(call.positional) != 2:
        return None
    subject = view.nodes[call.positional[0]]
    if not isinstance(subject, Name) or subject.id != handler.excepts(view).name:
        return None
    found = [caught(leaf) for leaf in exception_types(view, [call.positional[1]])]
    return True if True in found else None if None in found or not found else False


def decides_unseen(view: FunctionView, handler: Handler, caught: LeafTest | None = None) -> bool:
    """Whether a handler that raises looks at the exception in a way that cannot be followed: it may well be that it
    raises this one."""
    if not view.raises_within(handler.region):
        return False
    name = handler.excepts(view).name
    for index in view.nodes_in(handler.region):
        node = view.nodes[index]
        call = view.call_at(index)
        if call is not None and (
            call.target in ("sys.exc_info", "sys.exception", "builtins.type", "builtins.issubclass")
            or call.member in ("split", "subgroup", "cancelled")
        ):
            return True
        if (
            call is not None
            and call.target == "builtins.isinstance"
            and _truth(view, handler, index, caught or is_cancellation) is None
        ):
            return True
        if isinstance(node, Test) and name:
            for leaf in _leaves(view, node.value):
                mentions = any(
                    isinstance(inner := view.nodes[at], Name) and inner.id == name for at in view.operands_within(leaf)
                )
                if mentions and _truth(view, handler, leaf, caught or is_cancellation) is None:
                    return True
    return False


def _leaves(view: FunctionView, index: int) -> Iterator[int]:
    """The operands of a condition that are not conditions themselves."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op in ("not", "and", "or"):
        for operand in node.operands:
            yield from _leaves(view, operand)
    else:
        yield index


def indent_of_last(view: FunctionView, handler: Handler) -> tuple[int, str] | None:
    """Where a statement can be added at the end of a handler: the end of its last line, and the indent of its body;
    None where the body stands on the line of the `except`."""
    source = view.module.source
    region = view.regions[handler.region]
    end = region.end
    first, last = (source.position(view.nodes[handler.node].end)[0], source.position(end)[0])
    if first == last:
        return None
    for number in range(first + 1, last + 1):
        line = source.line(number)
        if line.strip() and not line.lstrip().startswith("#"):
            indent = line[: len(line) - len(line.lstrip())]
            last_line = source.line(last)
            return source.starts[last - 1] + len(last_line), indent
    return None
