"""The waits in cleanup that a second cancellation skips, and that may never end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog.schema import Framework, ScopeKind
from cancelcheck.link.cleanup.generators import closes_generator
from cancelcheck.link.cleanup.locks import is_always_free
from cancelcheck.link.paths.checkpoints import may_wait
from cancelcheck.link.paths.conditions import said_at, told_at
from cancelcheck.link.paths.exceptions import (
    cancels_with_errors,
    handler_in,
    handlers_of,
)
from cancelcheck.link.paths.flow import meets, reaches, start_at
from cancelcheck.link.paths.ownership import found_by_wait
from cancelcheck.link.paths.scopes import bound_of_scope, is_bounded, scope_of
from cancelcheck.link.swallowing.cancellation import (
    joins_own_cancel,
    waits_for_what_it_cancels,
)
from cancelcheck.link.swallowing.catching import (
    is_for_some_errors,
    points_leaving,
    points_reaching,
)
from cancelcheck.link.tasks.spawning import never_waits
from cancelcheck.link.timeouts.waits import Verdict, judge
from cancelcheck.link.undoing import undoes
from cancelcheck.link.values import Bound
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Const,
    Enter,
    Exit,
    FunctionKind,
    Iterate,
    Name,
    RegionKind,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Unshielded(NamedTuple):
    """A wait in cleanup that neither a shield nor a timeout is around: the node, where it stands (`finally`, a handler
    for cancellations, an exit), and the chain of calls that leads to what waits without a bound, where the project's
    own functions do."""

    node: int
    where: str
    chain: tuple[tuple[FunctionView, int], ...]


def unshielded_cleanups(view: FunctionView) -> Iterator[Unshielded]:
    """The waits in the cleanup of a coroutine that a second cancellation skips, and that may never end: the first one
    of each cleanup. Not those whose cancellation the cleanup itself deals with."""
    if cancels_with_errors(view.module):
        return
    inside: list[int] = []
    for where, region in _cleanups(view):
        if any(view.is_inside(region, outer) for outer in inside):
            continue
        for index in points_leaving(view, region, may_wait):
            chain = _exposed(view, index, region, MAX_CHAIN)
            if chain is None or _is_looked_after(view, index, region) or _is_for_errors(view, index, region):
                continue
            if region != 0 or _has_more_to_do(view, index, region):
                inside.append(region)
                yield Unshielded(index, where, chain)
                break


MAX_CHAIN = 3
"""Functions of the project that are followed into each other to the wait without a bound."""


def _cleanups(view: FunctionView) -> Iterator[tuple[str, int]]:
    """The regions of a function in which it cleans up after a cancellation, outermost first."""
    owner = view.owner if view.name == "__aexit__" else None
    if owner is not None:
        yield f"`{owner.name}.__aexit__`", 0
        return
    for index, region in enumerate(view.regions):
        if region.kind is RegionKind.FINALLY:
            points = points_leaving(view, region.parent, may_wait)
            if any(not view.is_inside(view.region_of(at), index) for at in points):
                yield "this `finally`", index
        elif region.kind is RegionKind.HANDLER:
            handler = handler_in(view, index)
            if handler.catch.named and view.raises_within(index) and points_reaching(view, handler, may_wait):
                yield "this handler for cancellations", index


def _is_looked_after(view: FunctionView, index: int, region: int) -> bool:
    """Whether a `try` of the cleanup itself has a handler for the cancellation of a wait in it, whatever it does."""
    return any(
        view.regions[around].kind is RegionKind.PROTECTED
        and any(handler.catch.cancels for handler in handlers_of(view, view.regions[around].parent))
        for around in takewhile(lambda around: around != region, view.regions_around(index))
    )


def _is_for_errors(view: FunctionView, index: int, region: int) -> bool:
    """Whether no cancellation leads to a wait in cleanup: the handler asks of which type the exception is, or a flag
    says so that the handler for cancellations sets beside the `finally`."""
    if view.regions[region].kind is RegionKind.HANDLER:
        return is_for_some_errors(view, handler_in(view, region), index)
    first = next((found for found in handlers_of(view, view.regions[region].parent) if found.catch.cancels), None)
    return first is not None and any(
        _is_set_to(view, name, first.region, not holds) for name, holds in said_at(view, index)
    )


def _is_set_to(view: FunctionView, name: str, region: int, value: bool) -> bool:
    """Whether a region binds a local to one constant, which is as true as `value`."""
    given = [
        view.nodes[bound] if (bound := view.assigned_value(at)) is not None else None
        for at in view.facts.bound.get(name, ())
        if at >= 0 and view.is_inside(view.region_of(at), region)
    ]
    return bool(given) and all(isinstance(node, Const) and bool(node.value) is value for node in given)


def _has_more_to_do(view: FunctionView, index: int, region: int) -> bool:
    """Whether a path in a region goes on from a wait to something else that waits or undoes, and no `finally` makes
    sure of it."""
    around = set(view.regions_around(index))

    def is_more(at: int) -> bool:
        call = view.call_at(at)
        if not may_wait(view, at) and (call is None or not undoes(call)):
            return False
        if not view.is_inside(view.region_of(at), region):
            return False
        finals = (found for found in view.regions_around(at) if view.regions[found].kind is RegionKind.FINALLY)
        return not any(final not in around and view.regions[final].parent in around for final in finals)

    return meets(view, index, is_more, lambda at: False) >= 0


def _exposed(view: FunctionView, index: int, region: int, depth: int) -> tuple[tuple[FunctionView, int], ...] | None:
    """The chain of calls from a wait in a region to what has no bound; None where it is no wait, shielded, timed, or a
    join of what was cancelled just before."""
    node = view.nodes[index]
    if isinstance(node, (Yield, Exit)):
        return None
    if isinstance(node, Enter) and (scope_of(view, node.context) is not None or is_always_free(view, node.context)):
        return None  # entering a scope waits for nothing, nor does a lock that nobody holds for long
    if _is_behind_shield(view, index) or joins_own_cancel(view, [index]):
        return None
    if not delivers_again(view) and is_bounded(view, index, 1):
        return None
    if isinstance(node, Enter):
        entering = _entering(view, node)
        return () if entering is None else _inside(entering, depth)
    call = view.call_at(_made(view, node.value)) if isinstance(node, Await) else None
    if call is None:
        return None if isinstance(node, Await) and _is_over(view, node.value) else ()
    catalog = view.module.project.catalog
    name = call.target.rpartition(".")[2] or call.member
    if (name.startswith("aclose") and _may_close_at_once(view)) or closes_generator(call):
        return None  # what a generator waits for at its end, its own cleanup says
    if never_waits(call):
        return None
    api = catalog.api(call.target)
    if api is not None and judge(call, api).verdict is Verdict.TIMED:
        return None
    if (call.member == "__aexit__" or catalog.leaves(call.target)) and not _has_more_to_do(view, index, region):
        return None  # what the end of an `async with` would wait for, that exit says
    if _is_closed_around(view, call):
        return None
    callee = call.callee
    return _inside(callee, depth) if callee is not None and callee.is_coroutine else ()


def _inside(view: FunctionView, depth: int) -> tuple[tuple[FunctionView, int], ...] | None:
    """The chain from a function of the project to what has no bound, of a context manager until it yields; None where
    there is nothing of the kind."""
    if depth == 0 or waits_for_what_it_cancels(view):
        return None
    yields = frozenset(at for at, _ in view.all_of(Yield))
    for at in points_leaving(view, 0, may_wait):
        chain = _exposed(view, at, 0, depth - 1)
        if chain is None or _is_looked_after(view, at, 0):
            continue
        if reaches(view, start_at(view, 0), at.__eq__, yields.__contains__) < 0:
            continue
        if not _is_anyones(view, at) or (depth == MAX_CHAIN and not _may_be_nothing(view, at)):
            return ((view, at), *chain)
    return None


def _may_be_nothing(view: FunctionView, index: int) -> bool:
    """Whether a test on all ways to an `await` asks whether there is anything to be awaited (`isawaitable`)."""
    node = view.nodes[index]
    assert isinstance(node, Await)
    awaited = view.key(node.value)
    for clause, holds in told_at(view, index) if awaited else ():
        call = view.call_at(clause)
        if holds and call is not None and view.module.project.catalog.asks(call.target):
            return any(view.key(at) == awaited for at in call.positional)
    return False


def _entering(view: FunctionView, node: Enter) -> FunctionView | None:
    """The function of the project that runs where an `async with` enters what a call makes; None where that is not
    known."""
    call = view.call_at(node.context)
    callee = call.callee if call is not None else None
    if callee is None or len(callee.alternatives) != 1:
        return None
    if callee.facts.kind is FunctionKind.CLASS:
        return callee.inherited("__aenter__")
    return callee if callee.has_role("contextmanager") else None


def _made(view: FunctionView, index: int) -> int:
    """The node of what is awaited, through a local that is bound to it once."""
    value = view.local_value(index)
    return index if value is None else value


def _is_over(view: FunctionView, index: int) -> bool:
    """Whether what is awaited is one of those that a wait has found done."""
    key = view.key(index)
    for loop in view.loops_around(index) if key else ():
        header = view.nodes[view.regions[loop].node]
        if isinstance(header, Iterate) and view.key(header.target) == key:
            return found_by_wait(view, header.iterable) == 0
    return False


def _is_closed_around(view: FunctionView, call: CallSite) -> bool:
    """Whether an `async with` around a close has entered the same thing, and leaves it next."""
    around = (view.node_at(view.regions[region].node) for region in view.regions_around(call.index))
    entered = {
        view.key(enter.target) for enter in around if isinstance(enter, Enter) and enter.is_async and enter.target >= 0
    }
    return undoes(call) and any(call in view.calls_on.get(key, ()) for key in entered)


def _is_anyones(view: FunctionView, index: int) -> bool:
    """Whether what an `await` waits for is not known at all, and has not even a name of its own: a function that was
    handed in or looked up, what such a call gives, or an awaitable that was handed in."""
    node = view.nodes[index]
    if not isinstance(node, Await):
        return False
    awaited = view.nodes[node.value]
    if isinstance(awaited, Call):
        return _is_unresolved(view, node.value)
    if not isinstance(awaited, Name) or view.instance(node.value) is not None:
        return False
    scope, bound = view.bindings(awaited.id)
    for holder, at in bound:
        value = holder.assigned_value(at)
        given = holder.nodes[value] if value is not None else None
        if isinstance(given, Await) and holder.key(given.value) == awaited.id:
            continue  # `result = await result`
        if at >= 0 and not _is_unresolved(holder, value):
            return False
    return scope is not None


def _is_unresolved(view: FunctionView, index: int | None) -> bool:
    """Whether a node is a call of a value that is no method, and that neither the project nor a library defines."""
    call = view.call_at(index)
    if call is None or isinstance(view.nodes[call.node.func], Attr):
        return False
    return not call.target


def _is_behind_shield(view: FunctionView, index: int) -> bool:
    """Whether an `await` waits for a shield, or with a timeout."""
    node = view.nodes[index]
    call = view.call_at(_made(view, node.value)) if isinstance(node, Await) else None
    while call is not None:
        scope = view.module.project.catalog.scope(call.target)
        if scope is None:
            return False
        if scope.kind is ScopeKind.SHIELD or bound_of_scope(scope, call) is not Bound.FOREVER:
            return True
        call = view.call_at(call.seen_argument("", scope.wraps))
    return False


def _frameworks(view: FunctionView) -> list[Framework]:
    catalog = view.module.project.catalog
    found = (catalog.framework(library) for library in view.module.facts.libraries)
    return [framework for framework in found if framework is not None]


def delivers_again(view: FunctionView) -> bool:
    """Whether a cancellation is raised again at every wait of the cleanup: a timeout alone does not help there."""
    frameworks = _frameworks(view)
    return bool(frameworks) and all(framework.until_left for framework in frameworks)


def _may_close_at_once(view: FunctionView) -> bool:
    """Whether `aclose` may be that of a framework whose streams close at once when they are cancelled."""
    return any(framework.until_left for framework in _frameworks(view))
