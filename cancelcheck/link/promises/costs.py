"""What single things cost: a library's call, something that is ended after a time, something that is tried again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.promises.attempts import Course
from cancelcheck.link.promises.lasting import Lasting, Limit, shown
from cancelcheck.link.promises.sums import (
    CLOSED,
    ZERO,
    Hop,
    Line,
    Open,
    Sum,
    Trail,
    cut,
    longest,
    of_unknown_end,
    one_line,
    together,
    without_end,
)
from cancelcheck.model.facts import Call

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_APART = 200
"""Lines of attempts that are kept apart; of more there is one line."""


def capped(cost: Callable[[float], Sum], limit: Limit, view: FunctionView, index: int, within: float = math.inf) -> Sum:
    """What something costs that is ended after a time."""
    if limit.seconds is None:
        found = cost(within)
        return found._replace(open=found.open.doubted())
    if math.isinf(limit.seconds):
        return cost(within)
    found = cost(math.inf)
    if found.blocks and (found.seconds > limit.seconds or found.open):
        found = cost(min(within, limit.seconds))
    call = view.call_at(index)
    name = call.text if call is not None else view.text(index)
    why = f"ended by `{name}` after {shown(limit.seconds)}"
    return ended(found, limit.seconds, why, view, index)


def ended(found: Sum, left: float, why: str, view: FunctionView, index: int) -> Sum:
    """A sum of which the awaits end after a time: also those that had no end, or none that is known."""
    lines, rest = cut(found.lines, left, why)
    seconds = together(list(lines))
    waited = found.open.forever or found.open.unknown
    if waited is not None and rest > 0:
        last = waited.hops[-1]
        place = last if last.node >= 0 else Hop(view, index, last.text)
        called = isinstance(place.view.nodes[place.node], Call) and not place.text.endswith(")")
        line = Line(place.view, place.node, f"{place.text}(…)" if called else place.text, round(rest, 6), why)
        lines, seconds = (*lines, line), round(seconds + rest, 6)
    return Sum(seconds, lines, found.open.ended(), found.blocks)


def soonest(sums: list[Sum]) -> Sum:
    """The first of several that is over."""
    closed = [each for each in sums if not each.open]
    if not closed:
        return longest(sums)
    return min(closed, key=lambda each: each.seconds)


def has_blocking(line: Line) -> bool:
    """Whether a line, or a part of it, holds up the thread."""
    return line.blocks or any(has_blocking(part) for part in line.parts)


def behind(found: Sum, hop: Hop) -> Sum:
    """The same seen from the function that makes the call at `hop`."""
    return found._replace(open=found.open.behind(hop)) if found.open else found


def unknown(view: FunctionView, index: int, why: str, *, blocks: bool = False) -> Sum:
    """A wait at a node of which it is not known how long it is."""
    trail = Trail((Hop(view, index, view.text(index) if index >= 0 else view.name),), why)
    return Sum(open=of_unknown_end(trail, blocks=blocks), blocks=blocks)


def of_library(call: CallSite, found: Lasting, *, blocks: bool) -> Sum:
    """What a call of a library costs, its own attempts included."""
    limit = found.limit
    hop = Hop(call.fn, call.index, call.text)
    if limit.seconds is None:
        return Sum(open=of_unknown_end(Trail((hop,), _why_unknown(call)), blocks=blocks), blocks=blocks)
    if math.isinf(limit.seconds):
        trail = Trail((hop,), f"it has {limit.how}" if limit.how.startswith("no ") else limit.how)
        return Sum(open=without_end(trail, blocks=blocks), blocks=blocks)
    line = Line(call.fn, call.index, f"{call.text}(…)", round(limit.seconds, 6), limit.how, blocks)
    one = one_line(line) if limit.seconds > 0 else ZERO
    if found.course is None:
        return one
    many = repeated(one, found.course, call.fn, call.index, blocks=blocks)
    text = f"{call.text}(…)"
    return many._replace(lines=(Line(call.fn, call.index, text, many.seconds, "", False, many.lines),))


def _why_unknown(call: CallSite) -> str:
    """What the catalogue says of a wait that something else decides."""
    api = call.fn.module.project.catalog.api(call.target)
    note = api.note if api is not None and api.default == "unknown" and api.kind is not schema.Kind.SLEEP else ""
    return f"how long it waits is not known: {note}" if note else "how long it waits is not known"


def overrun(course: Course, one: float) -> float | None:
    """The longest that a policy with a time limit goes on."""
    assert course.seconds is not None
    most = course.seconds + course.over_attempts * one
    if course.over_delay:
        delay = course.longest_delay()
        if delay is None:
            return None
        most += delay
    return most


def said(course: Course, one: float) -> str:
    """The same in words."""
    assert course.seconds is not None
    parts = [f"until {shown(course.seconds)} have passed"]
    if course.over_delay and (delay := course.longest_delay()):
        parts.append(f"a delay of {shown(delay)}")
    if one:
        times = "" if course.over_attempts == 1 else f"{course.over_attempts} × "
        parts.append(f"a last attempt of {times}{shown(one)}")
    return " + ".join(parts)


def open_end(course: Course, hop: Hop, *, blocks: bool) -> Open:
    """What a policy leaves open: that it has no end, or none that is known."""
    if course.is_endless:
        return without_end(Trail((hop,), "it tries again without an end"), blocks=blocks)
    if not course.is_known:
        return of_unknown_end(Trail((hop,), "how often it tries again is not known"), blocks=blocks)
    return CLOSED


def repeated(one: Sum, course: Course, view: FunctionView, index: int, *, blocks: bool) -> Sum:
    """What something costs that is tried again as a policy says."""
    hop = Hop(view, index, view.text(index))
    opened = open_end(course, hop, blocks=blocks)
    if opened:
        return one._replace(open=one.open.joined(opened), blocks=one.blocks or blocks)
    assert course.attempts is not None
    assert course.seconds is not None
    between = Trail((hop,), "how long it waits in between is not known")
    opened = one.open
    count = course.attempts
    lines: list[Line] = list(one.lines) if math.isinf(count) else []
    most = overrun(course, one.seconds) if not math.isinf(course.seconds) else math.inf
    if not math.isinf(count):
        times = max(1, int(count))
        for number in range(1, times + 1):
            lines += one.lines if times == 1 else _attempt(one, number, times, view, index)
            if number == times:
                break
            delay = course.delay(number)
            if delay is None:
                opened = opened.joined(of_unknown_end(between, blocks=blocks))
                break
            if delay > 0:
                lines.append(Line(view, index, f"delay {number}", round(delay, 6), "between attempts", blocks))
            if len(lines) > _APART:
                lines = _rest_of_attempts(lines, one, course, number, times, view, index, blocks=blocks)
                break
    seconds = together(lines)
    if most is None:
        opened = opened.joined(of_unknown_end(between, blocks=blocks))
    elif most < (math.inf if math.isinf(count) else seconds):
        lines = [Line(view, index, view.text(index), round(most, 6), said(course, one.seconds), blocks)]
        seconds = round(most, 6)
    return Sum(seconds, tuple(lines), opened, one.blocks or blocks)


def _attempt(one: Sum, number: int, times: int, view: FunctionView, index: int) -> Iterable[Line]:
    if one.seconds <= 0:
        return ()
    return (Line(view, index, f"attempt {number} of {times}", one.seconds, parts=one.lines),)


def _rest_of_attempts(
    lines: list[Line],
    one: Sum,
    course: Course,
    number: int,
    times: int,
    view: FunctionView,
    index: int,
    *,
    blocks: bool,
) -> list[Line]:
    rest = (times - number) * one.seconds + course.all_delays(number + 1, times - 1)
    return [*lines, Line(view, index, f"{times - number} more attempts", round(rest, 6), "", blocks)]
