"""Who catches a cancellation: exception types, handlers, and the cancellation points whose cancellation they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import (
    Handler,
    Leaf,
    cancels_in_groups,
    caught_by,
    exception_types,
    handler_in,
    handlers_of,
    is_cancellation_point,
    protected,
    suppressed_types,
)
from cancelcheck.link.paths.flow import Escape, NodeTest, clauses, escapes
from cancelcheck.link.paths.scopes import scopes_around
from cancelcheck.model.facts import (
    BlockEnd,
    Call,
    Const,
    Enter,
    Exit,
    FunctionKind,
    Name,
    Operation,
    RegionKind,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


PointTest = Callable[["FunctionView", int], bool]
"""Whether a cancellation can be raised at a node."""


def points_reaching(view: FunctionView, handler: Handler, is_point: PointTest = is_cancellation_point) -> list[int]:
    """The cancellation points in a `try` whose cancellation comes to this handler: not those that a handler or a
    `suppress` further in catches, nor where an earlier handler of the same `try` takes it."""
    for earlier in handlers_of(view, handler.statement):
        if earlier.region == handler.region:
            break
        if earlier.catch.cancels or (earlier.catch.unknown and not handler.catch.named):
            return []
    body = protected(view, handler.statement)
    return points_leaving(view, body, is_point)


def points_leaving(view: FunctionView, region: int, is_point: PointTest = is_cancellation_point) -> list[int]:
    """The cancellation points in a region whose cancellation leaves it."""
    return [
        index
        for index in view.nodes_in(region)
        if is_point(view, index)
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
    that always raises, or in a `finally` that only an exception leads into."""
    while region >= 0:
        facts = view.regions[region]
        if facts.kind is RegionKind.HANDLER:
            around = handler_in(view, region)
            if not escapes_of(view, around, None if around.catch.cancels else _unknown):
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
    for region in view.regions_around(index):
        facts = view.regions[region]
        if region == outer:
            return False
        if facts.kind is RegionKind.PROTECTED and facts.parent != outer:
            for handler in handlers_of(view, facts.parent):
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
    return False


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


def is_for_some_errors(view: FunctionView, handler: Handler, index: int) -> bool:
    """Whether a handler asks of which type the exception is, and gets to a node for some types that it names only, none
    of which is known to be a cancellation's."""
    met: set[int] = set()

    def note(node: int) -> bool:
        met.add(node)
        return False

    def decide(test: int) -> bool | None:
        return _verdict(view, handler, test, lambda leaf: is_cancellation(leaf) is True)

    escapes(view, handler.region, note, decide)
    return index not in met


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
            return None if cancels_in_groups(leaf.view) else False
    return False


def _unknown(_: Leaf) -> None:
    """What is not known to be a cancellation, nor to be none."""


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
            if _asks_more(view, handler, node.value, caught or is_cancellation):
                return True
            for leaf in clauses(view, node.value):
                mentions = any(
                    isinstance(inner := view.nodes[at], Name) and inner.id == name for at in view.operands_within(leaf)
                )
                if mentions and _truth(view, handler, leaf, caught or is_cancellation) is None:
                    return True
    return False


def _asks_more(view: FunctionView, handler: Handler, index: int, caught: LeafTest) -> bool:
    """Whether a condition asks for this very exception, and for something else beside: `isinstance(exc, CancelledError)
    and self.closing`."""
    node = view.nodes[index]
    if not isinstance(node, Operation) or node.op != "and":
        return False
    known = [_truth(view, handler, operand, caught) for operand in node.operands]
    return True in known and None in known
