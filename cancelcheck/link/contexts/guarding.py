"""Contexts that may be None: where one is used before anybody has asked, and where None is given to one that does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.contexts.deriving import blocks_reached_with
from cancelcheck.link.contexts.parameters import Carrier, carriers, is_plainly_one
from cancelcheck.link.paths.exceptions import exception_types, handlers_of, suppressed_types, takes_failures
from cancelcheck.link.paths.flow import meets
from cancelcheck.link.paths.scopes import references
from cancelcheck.link.timeouts.passing import endless_calls, matched
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Const,
    Display,
    Enter,
    Expr,
    FunctionKind,
    Name,
    Operation,
    Param,
    RegionKind,
    Store,
    Subscript,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Unguarded(NamedTuple):
    """A context parameter that may be None, and the node at which it is used with no check before it. `doubt`: it is
    something else in the first place, or what leads there may have to do with it."""

    carrier: Carrier
    node: int
    doubt: bool


def unguarded(view: FunctionView) -> Iterator[Unguarded]:
    """The context parameters of a function that may be None and are used on a path on which nobody asks, in order."""
    for carrier in carriers(view):
        node = unguarded_use(view, carrier.name) if admits_none(view, carrier.param) else -1
        if node >= 0 and not _is_always_given(view, carrier.param):
            yield Unguarded(carrier, node, not is_plainly_one(view, carrier) or _is_conditional(view, node))


def _is_conditional(view: FunctionView, node: int) -> bool:
    """Whether a node stands in an arm of a condition, which may have to do with what is given."""
    return any(view.regions[region].kind is RegionKind.BRANCH for region in view.regions_around(node))


def admits_none(view: FunctionView, param: Param) -> bool | None:
    """Whether a parameter may be None, by its default or its annotation; None where neither says it."""
    parent = view.parent
    assert parent is not None
    return True if _is_none(parent, param.default) else _says_none(parent, param.annotation)


def _says_none(view: FunctionView, index: int) -> bool | None:
    """Whether an annotation admits None; None where that is not seen, or there is none (-1)."""
    node = view.node_at(index)
    match node:
        case Const():
            return True if node.kind == "none" else None
        case Operation(op="|"):
            return _any(_says_none(view, part) for part in node.operands)
        case Subscript():
            name = view.path_of(node.value).rpartition(".")[2]
            inner = view.nodes[node.index]
            items = inner.items if isinstance(inner, Display) else [node.index]
            if name == "Optional":
                return True
            if name == "Union":
                return _any(_says_none(view, item) for item in items)
            return _says_none(view, items[0]) if name in ("Annotated", "Final") else False
        case Name() | Attr():
            if view.variable_at(index) is not None or not view.target_of(index):
                return None  # another name of something, or not resolved
            return None if view.target_of(index) in _ANYTHING else False
    return None


_ANYTHING = ("typing.Any", "builtins.object", "typing_extensions.Any")


def _any(found: Iterator[bool | None]) -> bool | None:
    """Whether one of several admits it; None where one is not seen and no other does."""
    values = list(found)
    if True in values:
        return True
    return None if None in values else False


def _is_none(view: FunctionView, index: int) -> bool:
    node = view.node_at(index)
    return isinstance(node, Const) and node.kind == "none"


# --- uses


def unguarded_use(view: FunctionView, name: str, *, number: bool = False) -> int:
    """The first node at which a parameter is used as what it is not if it is None (an attribute of it, an `await`, a
    `with`; with `number` arithmetic), on a path on which nothing has asked about it or replaced it; -1 if there is
    none."""
    if view.uses_locals:
        return -1

    def uses(index: int) -> bool:
        return (
            _uses(view, index, name, number)
            and not _is_asked_beside(view, index, name)
            and not _expects_failure(view, index)
        )

    def asks(index: int) -> bool:
        return _asks(view, index, name)

    return meets(view, -1, uses, asks, errors=True)


def _is_it(view: FunctionView, index: int, name: str) -> bool:
    node = view.node_at(index)
    return isinstance(node, Name) and node.id == name


_ARITHMETIC = ("+", "-", "*", "/", "//", "<", "<=", ">", ">=")


def _uses(view: FunctionView, index: int, name: str, number: bool) -> bool:
    node = view.nodes[index]
    if number:
        return (
            isinstance(node, Operation)
            and node.op in _ARITHMETIC
            and any(_is_it(view, operand, name) for operand in node.operands)
        )
    match node:
        case Attr():
            return _is_it(view, node.value, name)
        case Await():
            return _is_it(view, node.value, name)
        case Enter():
            return _is_it(view, node.context, name)
    return False


def _is_asked_beside(view: FunctionView, index: int, name: str) -> bool:
    """Whether an operator around a node, an `and` or a conditional, asks about a name before it comes to the node:
    where its parts are plain, no path tells them apart."""
    inner = index
    for outer in view.outwards(view.nodes[index].parent):
        node = view.nodes[outer]
        if isinstance(node, Operation):
            before = node.operands[: node.operands.index(inner)]
            if any(_is_it(view, at, name) for operand in before for at in view.operands_within(operand)):
                return True
        inner = outer
    return False


def _asks(view: FunctionView, index: int, name: str) -> bool:
    """Whether a node asks what a parameter is, hands it to something that may, or gives the name another value."""
    node = view.nodes[index]
    match node:
        case Store():
            return node.id == name
        case Test():
            return any(_is_it(view, at, name) for at in view.operands_within(node.value))
        case Call():
            # `require(ctx)`, and `isinstance(ctx, Context)` outside of a test
            outer = view.node_at(node.parent)
            given = any(_is_it(view, arg.value, name) for arg in node.args)
            return given and (isinstance(outer, Expr) or view.target_of(node.func) in _LOOKS)
        case Operation():
            return node.op in ("is", "is not", "==", "!=") and any(_is_it(view, at, name) for at in node.operands)
    return False


_LOOKS = ("builtins.isinstance", "builtins.hasattr", "builtins.getattr", "builtins.bool", "builtins.callable")


def _expects_failure(view: FunctionView, index: int) -> bool:
    """Whether a `try` or a `suppress` around a node takes what the use of None raises."""
    for region in view.regions_around(index):
        facts = view.regions[region]
        enter = view.node_at(facts.node)
        types = suppressed_types(view, enter) if isinstance(enter, Enter) else []
        if any(leaf.name in (*_FAILURES, *_ALL) for leaf in exception_types(view, types)):
            return True
        for handler in handlers_of(view, facts.parent) if facts.kind is RegionKind.PROTECTED else ():
            if takes_failures(view, handler):
                return True
            if any(leaf.name in _FAILURES for leaf in exception_types(view, handler.types(view))):
                return True
    return False


_FAILURES = ("builtins.AttributeError", "builtins.TypeError")
_ALL = ("builtins.Exception", "builtins.BaseException")


def _is_always_given(view: FunctionView, param: Param) -> bool:
    """Whether a private or nested function, all of whose uses are calls in sight, is given a parameter by each."""
    private = view.name.startswith("_") and not view.name.startswith("__")
    if not view.is_nested and not private:
        return False
    seen = False
    for user, call in references(view):
        if call is None or call.callee is not view:
            return False
        argument = next((given for own, given in matched(call, view) if own is param), None)
        if argument is None or (argument >= 0 and evaluate(user, argument).kind is ValueKind.NONE):
            return False
        seen = True
    return seen


# --- None that is given


class NoneGiven(NamedTuple):
    """None that is given to a context: the call, the callee's name for it and its function (None for a library's), and
    the node there that uses it (-1: its annotation does not admit None). `doubt`: it may be dealt with all the same.
    `handed` are the calls that hand it on to that function, where the callee itself does not use it."""

    call: CallSite
    argument: int
    name: str
    callee: FunctionView | None
    use: int
    doubt: bool
    handed: tuple[CallSite, ...] = ()


def none_given(view: FunctionView) -> Iterator[NoneGiven]:
    """The calls of a function that give None to a context that is not to be None, in order."""
    for call in view.known_calls:
        callee = call.callee
        if callee is not None and callee.facts.kind is FunctionKind.CLASS:
            callee = callee.inherited("__init__")
        if callee is None:
            found = _to_library(call)
            if found is not None:
                yield found
        elif len(callee.alternatives) == 1:
            yield from _to_function(call, callee)


def _to_library(call: CallSite) -> NoneGiven | None:
    catalog = call.fn.module.project.catalog
    entry = catalog.scope(call.target) or catalog.api(call.target)
    if entry is None or not entry.refuses_none:
        return None
    argument = call.argument(entry.timeout, entry.timeout_position)
    if argument is None or argument < 0 or not _can_only_be_none(call, argument, object_only=False):
        return None
    name = entry.timeout if isinstance(entry.timeout, str) else entry.timeout[0]
    return NoneGiven(call, argument, name, None, -1, False)


def _to_function(call: CallSite, callee: FunctionView) -> Iterator[NoneGiven]:
    if any(not name for name, _ in callee.decorators):
        return
    known = {carrier.name: carrier for carrier in carriers(callee)}
    for param, argument in matched(call, callee):
        carrier = known.get(param.name)
        if carrier is None or argument is None or argument < 0:
            continue
        if not _can_only_be_none(call, argument, object_only=not carrier.is_time):
            continue
        use = unguarded_use(callee, param.name, number=carrier.is_time)
        if use < 0:
            use = unguarded_use(callee, param.name)
        further = None if carrier.is_time else _used_further(callee, carrier.name, MAX_HOPS)
        if use >= 0:
            yield NoneGiven(call, argument, param.name, callee, use, not is_plainly_one(callee, carrier))
        elif further is not None:
            handed, at = further
            user = handed[-1].callee
            yield NoneGiven(call, argument, param.name, user, at, not is_plainly_one(callee, carrier), handed)
        elif admits_none(callee, param) is False and is_plainly_one(callee, carrier):
            if any(found.given and found.param == param.name for found in endless_calls(call)):
                continue  # that it then waits forever is said of it
            yield NoneGiven(
                call, argument, param.name, callee, -1, carrier.is_time or _is_looked_at(callee, param.name)
            )


MAX_HOPS = 2
"""Functions through which a context is handed on, as it is, to one that uses it."""


def _used_further(view: FunctionView, name: str, hops: int) -> tuple[tuple[CallSite, ...], int] | None:
    """The calls by which a function hands its parameter on, on a path on which nothing has asked about it, to one that
    uses it before it asks, and the node there; None where there is no such call."""
    if view.uses_locals or hops <= 0:
        return None
    found: dict[int, tuple[tuple[CallSite, ...], int]] = {}
    for call in view.known_calls:
        for callee, taken in _handed_to(call, name):
            use = unguarded_use(callee, taken)
            further = _used_further(callee, taken, hops - 1) if use < 0 else ((), use)
            if further is not None:
                found[call.index] = ((call, *further[0]), further[1])

    def asks(index: int) -> bool:
        return _asks(view, index, name)

    at = meets(view, -1, found.__contains__, asks, errors=True)
    return found[at] if at >= 0 and not _expects_failure(view, at) else None


def _handed_to(call: CallSite, name: str) -> Iterator[tuple[FunctionView, str]]:
    """The function whose body a call runs, and its parameters that are given what a name holds."""
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.DEF or callee.decorators:
        return
    if len(callee.alternatives) > 1 or (callee.is_coroutine and not call.is_awaited):
        return
    for param, argument in matched(call, callee):
        if argument is not None and _is_it(call.fn, argument, name):
            yield callee, param.name


def _is_looked_at(callee: FunctionView, name: str) -> bool:
    """Whether a function asks what its parameter is, though its annotation does not say that it may be None."""
    return any(_asks(callee, index, name) for index in range(len(callee.nodes)))


def _can_only_be_none(call: CallSite, index: int, *, object_only: bool) -> bool:
    """Whether an argument is None: as it is written, by the one value that its name has, or as far as the tests on the
    way say (of an object: a number may be 0)."""
    view = call.fn
    node = view.nodes[index]
    scope = view.bindings(node.id).scope if isinstance(node, Name) else None
    if isinstance(node, Name) and scope is not None and scope.is_set_inside(node.id):
        return False  # a function inside gives it another value, whenever it is called
    if evaluate(view, index).kind is ValueKind.NONE:
        return True
    if not isinstance(node, Name):
        return False
    bound = view.facts.bound.get(node.id, [])
    if bound != [-1]:
        return _only_none_comes_to(view, call.index, node.id, bound)
    return object_only and view.block_of(call.index) not in blocks_reached_with(view, node.id)


def _only_none_comes_to(view: FunctionView, index: int, name: str, bound: list[int]) -> bool:
    """Whether None is all that a local can be at a node: each assignment that a path leads from to it gives None."""
    if (
        view.uses_locals
        or view.facts.kind is not FunctionKind.DEF
        or any(user is not view for user, _ in view.reads(name))
    ):
        return False
    came = [at for at in bound if meets(view, at, index.__eq__, bound.__contains__, errors=True) >= 0]
    values = [view.assigned_value(at) for at in came]
    return bool(values) and all(value is not None and _is_none(view, value) for value in values)
