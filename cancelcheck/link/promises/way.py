"""The longest way to a place in a function: the time passed, the scopes that are open, what runs beside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.promises.sums import (
    Line,
    Sum,
    awaited,
)
from cancelcheck.link.promises.walking import State

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Pending(NamedTuple):
    """Something that runs beside, or is yet to be awaited. `until` is when it is over where it has begun; else it is
    infinite, and it begins where it is awaited."""

    until: float
    sum: Sum
    node: int
    text: str


Beside = Mapping[str, tuple[Pending, ...]]
"""What runs beside, by the place that holds it, or the `with` that waits for it."""


class Bound(NamedTuple):
    """A scope that is open: it ends awaits at `until`, infinite where it does not, and with `doubtful` perhaps
    sooner. `shields`: those around it do not count."""

    enter: int
    until: float
    why: str
    doubtful: bool = False
    shields: bool = False


class Link(NamedTuple):
    """The lines of a way, the last one first."""

    before: Link | None
    line: Line


class Mark(NamedTuple):
    """When the first turn of a loop began, and the last one, and the lines before it."""

    first: float
    last: float
    lines: Link | None


class Way(NamedTuple):
    """The longest way to a state: the time passed, its lines, the scopes that are open, what runs beside."""

    passed: float = 0.0
    lines: Link | None = None
    bounds: tuple[Bound, ...] = ()
    beside: Beside = MappingProxyType({})
    marks: Mapping[int, Mark] = MappingProxyType({})


def besides(way: Way, name: str, pending: Pending) -> Way:
    """The way with one thing more that runs beside, in the place of what was started there before."""
    held = tuple(other for other in way.beside.get(name, ()) if other.node != pending.node)
    return way._replace(beside={**way.beside, name: (*held, pending)})


def rest_of(view: FunctionView, pending: Pending, now: float) -> Sum:
    """What is left of something that runs beside."""
    if math.isinf(pending.until):
        return pending.sum
    left = round(pending.until - now, 6)
    if left <= 0:
        return Sum(open=pending.sum.open)
    if left >= pending.sum.seconds:
        return pending.sum._replace(open=pending.sum.open.awaited(), blocks=False, lines=awaited(pending.sum).lines)
    line = Line(view, pending.node, f"{pending.text}(…)", left, "the rest of it")
    return Sum(left, (line,), pending.sum.open.awaited())


def offer(at: dict[State, Way], state: State, way: Way) -> None:
    """Of two ways to a state the longer one is kept, with all that runs beside on either."""
    known = at.get(state)
    if known is None:
        at[state] = way
        return
    best, other = (way, known) if way.passed > known.passed else (known, way)
    if other.beside and other.beside != best.beside:
        merged = dict(best.beside)
        for name, pendings in other.beside.items():
            mine = {pending.node: pending for pending in merged.get(name, ())}
            for pending in pendings:
                if pending.node not in mine or pending.until > mine[pending.node].until:
                    mine[pending.node] = pending
            merged[name] = tuple(mine[node] for node in sorted(mine))
        best = best._replace(beside=merged)
    at[state] = best


def left_of(way: Way) -> tuple[float, str, bool]:
    """How long awaits have left, what ends them then, and whether something may end them sooner."""
    left, why, doubtful = math.inf, "", False
    for bound in reversed(way.bounds):
        remaining = max(0.0, bound.until - way.passed)
        if remaining < left:
            left, why = remaining, bound.why
        doubtful |= bound.doubtful
        if bound.shields:
            break
    return left, why, doubtful
