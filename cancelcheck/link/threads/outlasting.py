"""Whether a function can outlast a timeout: it blocks without a bound, or for long, or loops without one, and looks at
no stop signal.

A blocking call counts as far as the catalogue knows it and judges it endless; a lock that is taken does not, for it is
given back soon as a rule, nor a file, nor a name that is looked up. A loop counts where its condition is a constant and
nothing in it leaves it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.loops.polling import is_poll
from cancelcheck.link.paths.flow import never_returns
from cancelcheck.link.tasks.stopping import looks_at_stop
from cancelcheck.link.timeouts.waits import Verdict, judge
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import Const, FunctionKind, Jump, Raise, Return, Test

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

MAX_HOPS = 4
"""Functions through which a wait is followed."""

_UNITS = {schema.Unit.SECONDS: 1.0, schema.Unit.MILLISECONDS: 1e-3, schema.Unit.MICROSECONDS: 1e-6}

_PASSING = frozenset({schema.Kind.FILE, schema.Kind.DNS})
"""Kinds of calls that may take long and end by themselves."""


class Stay(NamedTuple):
    """Where a function stays, and for how many `seconds` (infinity: without a bound): at `node` of `view`, a call or
    the header of a loop. `calls` lead there from the function that was asked about."""

    view: FunctionView
    node: int
    seconds: float
    calls: tuple[CallSite, ...] = ()


class Span(NamedTuple):
    """How long a function can take: its longest `stay` that is known; whether it has waits that are `timed`; whether
    it, or one that it calls, looks at a stop signal."""

    stay: Stay | None = None
    timed: bool = False
    stops: bool = False


def span_of(view: FunctionView, hops: int = MAX_HOPS) -> Span:
    """How long a function of the project can take; looked up once."""
    key = (view.index, hops)
    known = view.module.spans.get(key)
    if known is None:
        known = view.module.spans[key] = _span(view, hops)
    return known


def span_of_call(call: CallSite, hops: int = MAX_HOPS) -> Span:
    """How long a call can take."""
    catalog = call.fn.module.project.catalog
    api = catalog.api(call.target)
    if api is not None:
        return _of_library(call, api)
    callee = call.callee
    if callee is not None and callee.facts.kind is FunctionKind.CLASS:
        callee = callee.inherited("__init__")
    if hops <= 0 or callee is None or callee.is_async or callee.facts.is_generator or len(callee.alternatives) > 1:
        return Span()
    found = span_of(callee, hops - 1)
    if found.stay is None:
        return found
    return found._replace(stay=found.stay._replace(calls=(call, *found.stay.calls)))


def _of_library(call: CallSite, api: schema.Api) -> Span:
    if api.mode is not schema.Mode.SYNC or api.kind in _PASSING:
        return Span()
    catalog = call.fn.module.project.catalog
    if any(is_poll(call, entry) for entry in catalog.polls(call.target) if not entry.named):
        return Span(timed=True)
    if api.kind is not schema.Kind.SLEEP and judge(call, api).verdict is not Verdict.TIMED:
        return Span(Stay(call.fn, call.index, math.inf))
    seconds = _seconds(call, api)
    return Span(Stay(call.fn, call.index, seconds) if seconds > 0 else None, timed=True)


def _seconds(call: CallSite, api: schema.Api) -> float:
    """The time that a call's own timeout gives it; 0 where that is not known."""
    argument = call.seen_argument(api.timeout, api.timeout_position)
    if argument is None:
        return 0.0
    value = evaluate(call.fn, argument)
    if value.kind is not ValueKind.NUMBER:
        return 0.0
    return value.number * (1.0 if value.is_duration else _UNITS[api.unit])


def _span(view: FunctionView, hops: int) -> Span:
    if looks_at_stop(view):
        return Span(stops=True)
    loops = endless_loops(view)
    stay = Stay(view, view.regions[loops[0]].node, math.inf) if loops else None
    timed = stops = False
    for call in view.calls:
        if view.block_of(call.index) not in view.live_blocks or _takes_lock(call):
            continue
        found = span_of_call(call, hops)
        timed |= found.timed
        stops |= found.stops
        if found.stay is not None and (stay is None or found.stay.seconds > stay.seconds):
            stay = found.stay
    return Span(stay, timed, stops)


def _takes_lock(call: CallSite) -> bool:
    """Whether a call acquires a lock: short, as a rule, and not what a timeout is about."""
    owner, _, member = call.target.rpartition(".")
    entry = call.fn.module.project.catalog.lock(owner)
    return entry is not None and member in entry.acquire


def endless_loops(view: FunctionView) -> list[int]:
    """The loops of a function that nothing in sight ends: a constant as condition, no way out by `break`, `return` or
    `raise`, no call that never returns, no `yield`."""
    if view.facts.is_generator:
        return []
    return [
        index
        for index, region in enumerate(view.regions)
        if region.entry in view.live_blocks
        and _is_constant(view, region.node)
        and not any(_leaves(view, at, index) for at in view.nodes_in(index))
    ]


def _is_constant(view: FunctionView, header: int) -> bool:
    node = view.node_at(header)
    value = view.nodes[node.value] if isinstance(node, Test) else None
    return isinstance(value, Const) and bool(value.value)


def _leaves(view: FunctionView, index: int, loop: int) -> bool:
    node = view.nodes[index]
    if isinstance(node, Jump):
        # a `continue` of an outer loop cannot stand here: only the inner ones' own are left
        return node.kind == "break" and node.loop == loop
    return isinstance(node, (Return, Raise)) or never_returns(view, index)
