"""Timeouts inside timeouts: a constant one that is longer than the constant one around it can never fire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.contexts.parameters import carriers
from cancelcheck.link.paths.scopes import (
    Held,
    bound_of_scope,
    is_disarmed,
    is_made_to_shield,
    references,
    scopes_open_at,
)
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.link.values import Bound, Value, ValueKind, evaluate
from cancelcheck.model.facts import Await, Call, Display, Enter, FunctionKind, Starred

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Timed(NamedTuple):
    """A constant timeout: the call that it is written at, and its seconds."""

    call: CallSite
    seconds: float


class Inverted(NamedTuple):
    """A timeout that can never fire, the shorter one around it, and the calls that lead from that one to it. `doubt`:
    others may come to it by another way."""

    inner: Timed
    outer: Timed
    chain: tuple[CallSite, ...] = ()
    doubt: bool = False


def inverted(view: FunctionView) -> Iterator[Inverted]:
    """The timeouts of a function that can never fire, in order: for each the shortest one around it, in this function
    or in all that call it; and the calls in a scope that lead to such a one in another file."""
    if view.facts.kind is not FunctionKind.DEF:
        return
    for call in view.known_calls:
        inner = _inner(call)
        if inner is not None:
            found = _ended_by(inner, call)
            if found is not None:
                yield found
            continue
        elsewhere = _elsewhere(call)
        if elsewhere is not None:
            yield elsewhere


def _ended_by(inner: Timed, call: CallSite) -> Inverted | None:
    view = call.fn
    around = _around(view, call.index, _is_scope(call))
    if around is not None and around.seconds < inner.seconds:
        return Inverted(inner, around)
    # what a call of a public function is allowed may be meant for others; a scope in it has a fallback
    if around is None and view.is_coroutine and (_is_private(view) or _is_any_scope(call)):
        return _by_callers(inner, view, MAX_CALLERS)
    return None


def _is_private(view: FunctionView) -> bool:
    return view.is_nested or (view.name.startswith("_") and not view.name.startswith("__"))


def _is_any_scope(call: CallSite) -> bool:
    return call.fn.module.project.catalog.scope(call.target) is not None


MAX_CALLERS = 2
"""Functions further out in which a shorter timeout is looked for."""


def _by_callers(inner: Timed, view: FunctionView, hops: int) -> Inverted | None:
    """The shorter timeout that each call of a function stands in, as far as its own module calls it."""
    if hops <= 0 or view.decorators or len(view.alternatives) > 1:
        return None
    found: Inverted | None = None
    for user, call in references(view):
        if call is None or call.callee is not view or user is view:
            return None
        around = _around(user, call.index, False)
        longer: Inverted | None
        if around is not None:
            longer = Inverted(inner, around, (call,)) if around.seconds < inner.seconds else None
        else:
            further = _by_callers(inner, user, hops - 1) if call.is_awaited else None
            longer = further._replace(chain=(*further.chain, call)) if further is not None else None
        if longer is None:
            return None
        found = found or longer
    return found


def _elsewhere(call: CallSite) -> Inverted | None:
    """What a call in a scope leads to in another file: a longer timeout that its function begins with."""
    callee = call.callee
    if callee is None or callee.module is call.fn.module or not callee.is_coroutine or len(callee.alternatives) > 1:
        return None
    around = _around(call.fn, call.index, False)
    if around is None:
        return None
    for inner_call in callee.known_calls:
        inner = _inner(inner_call)
        if inner is None or inner.seconds <= around.seconds:
            continue
        between = _around(callee, inner_call.index, _is_scope(inner_call))
        if between is None and not _is_shielded(callee, inner_call.index):
            return Inverted(inner, around, (call,), doubt=True)
    return None


def _is_scope(call: CallSite) -> bool:
    """Whether a call makes a scope that a `with` enters."""
    entry = call.fn.module.project.catalog.scope(call.target)
    return entry is not None and entry.entering is not schema.Entering.AWAIT


# --- the inner one


def _inner(call: CallSite) -> Timed | None:
    """The constant timeout that is written at a call: a scope's, a wrapper's, that of an asynchronous call."""
    catalog = call.fn.module.project.catalog
    scope = catalog.scope(call.target)
    if scope is not None:
        if scope.kind is not schema.ScopeKind.TIMEOUT or scope.clock is not schema.Clock.RELATIVE:
            return None
        if scope.entering is not schema.Entering.AWAIT and call.use.kind != "entered":
            return None
        return _timed(call, call.argument(scope.timeout, scope.timeout_position), 1.0)
    api = catalog.api(call.target)
    if api is not None:
        if api.mode is not schema.Mode.ASYNC or not api.timeout or api.kind is schema.Kind.SLEEP:
            return None
        return _timed(call, call.argument(names_of(api.timeout)[0], api.timeout_position), _UNITS[api.unit])
    callee = call.callee
    if callee is None or not callee.is_coroutine:
        return None
    slot = next((carrier for carrier in carriers(callee) if carrier.name == "timeout"), None)
    if slot is None or not callee.reads(slot.name):
        return None
    argument = next((given for param, given in matched(call, callee) if param is slot.param), None)
    return _timed(call, argument, 1.0)


_UNITS = {schema.Unit.SECONDS: 1.0, schema.Unit.MILLISECONDS: 1e-3, schema.Unit.MICROSECONDS: 1e-6}


def _timed(call: CallSite, argument: int | None, unit: float) -> Timed | None:
    if argument is None or argument < 0:
        return None
    value = evaluate(call.fn, argument)
    if value.kind is ValueKind.OBJECT and value.call is not None:
        value = _total_of(value.call) or value
    if value.kind is not ValueKind.NUMBER or value.is_default or value.number <= 0:
        return None
    return Timed(call, value.number * (1.0 if value.is_duration else unit))


def _total_of(made: CallSite) -> Value | None:
    """The whole time that a timeout object gives, where it says that."""
    entry = made.fn.module.project.catalog.timeout_object(made.target)
    if entry is None or len(made.node.args) != 1:
        return None
    argument = made.seen_argument(entry.total, entry.total_position) if entry.total else None
    return evaluate(made.fn, argument) if argument is not None else None


# --- the one around it


def _around(view: FunctionView, index: int, entered: bool) -> Timed | None:
    """The shortest constant timeout that ends what a node waits for: of the wrappers and the scopes around it, as far
    as no shield keeps it from them. None where there is none, or one whose length is not known. `entered`: the node
    makes a scope, which is not waited for."""
    found: list[Timed] = []
    at = index
    if not entered:
        awaited = _wrappers(view, index, found)
        if awaited is None:
            return None
        at = awaited
    if any(not _is_lasting(view, held) for held in _scopes(view, at)):
        return None
    for held in _scopes(view, at):
        argument = held.call.argument(held.scope.timeout, held.scope.timeout_position)
        timed = _timed(held.call, argument, 1.0) if held.scope.clock is schema.Clock.RELATIVE else None
        if timed is not None:
            found.append(timed)
        if is_made_to_shield(held.call):
            break  # it ends what is in it, and keeps the others out
    return min(found, key=lambda timed: timed.seconds) if found else None


def _scopes(view: FunctionView, index: int) -> list[Held]:
    return [
        held
        for held in scopes_open_at(view, index)
        if held.scope.kind in (schema.ScopeKind.TIMEOUT, schema.ScopeKind.CANCEL)
    ]


def _is_lasting(view: FunctionView, held: Held) -> bool:
    """Whether a scope keeps the deadline with which it was made."""
    if held.scope.kind is schema.ScopeKind.CANCEL:
        return True
    if is_disarmed(view, held):
        return bound_of_scope(held.scope, held.call) is Bound.FOREVER
    enter = view.nodes[held.enter]
    name = view.key(enter.target) if isinstance(enter, Enter) and enter.target >= 0 else ""
    if not name:
        return True
    moved = any(call.member in _MOVES for call in view.calls_on.get(name, ()))
    return not moved and f"{name}.deadline" not in view.attributes_stored


_MOVES = ("reschedule", "update", "shift")
"""Methods of a scope that give it another deadline."""


def _is_shielded(view: FunctionView, index: int) -> bool:
    return any(is_made_to_shield(held.call) for held in _scopes(view, index))


def _wrappers(view: FunctionView, index: int, found: list[Timed]) -> int | None:
    """Where a call is awaited in place; `found` gets the timeouts of the wrappers on the way. None where it is not, or
    is shielded from a cancellation of the wait."""
    catalog = view.module.project.catalog
    at = index
    while True:
        parent, node = view.nodes[at].parent, view.user_of(at)
        if isinstance(node, Await):
            return parent
        if isinstance(node, Call):
            wrapper = view.call_at(parent)
            assert wrapper is not None
            scope, waiter = catalog.scope(wrapper.target), catalog.waiter(wrapper.target)
            if scope is not None and scope.entering is schema.Entering.AWAIT:
                if scope.kind is schema.ScopeKind.SHIELD:
                    return None
                timed = _timed(wrapper, wrapper.argument(scope.timeout, scope.timeout_position), 1.0)
                if timed is not None:
                    found.append(timed)
            elif waiter is None or not waiter.cancels:
                return None
        elif isinstance(node, Enter) and node.is_async:
            return parent  # `async with session.get(…)`
        elif not isinstance(node, (Display, Starred)):
            return None
        at = parent


# --- pairs


def inverted_pairs(view: FunctionView) -> Iterator[tuple[CallSite, schema.LimitPair]]:
    """The calls that are given two limits of which the first can never be reached before the second ends all."""
    catalog = view.module.project.catalog
    for call in view.told_calls:
        pair = catalog.limit_pair(call.target)
        if pair is None:
            continue
        soft, hard = (_timed(call, call.argument(name), 1.0) for name in (pair.soft, pair.hard))
        if soft is not None and hard is not None and soft.seconds > hard.seconds:
            yield call, pair
