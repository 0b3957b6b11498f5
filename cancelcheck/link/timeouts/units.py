"""Lengths of time: which unit a name says, and which one a parameter takes."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.link.values import evaluate
from cancelcheck.model.facts import Attr, Call, Const, Name, Subscript

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.model.finding import Said


class Length(enum.Enum):
    """A unit of time; the value is its seconds. A `timedelta` carries its own."""

    NANOSECONDS = 1e-9
    MICROSECONDS = 1e-6
    MILLISECONDS = 1e-3
    SECONDS = 1.0
    MINUTES = 60.0
    HOURS = 3600.0
    DAYS = 86400.0
    TIMEDELTA = 0.0

    @property
    def word(self) -> Said:
        """The unit as a message says it."""
        return "a `timedelta`" if self is Length.TIMEDELTA else self.name.lower()


_SURE = {
    "ms": Length.MILLISECONDS,
    "msec": Length.MILLISECONDS,
    "msecs": Length.MILLISECONDS,
    "millis": Length.MILLISECONDS,
    "millisec": Length.MILLISECONDS,
    "millisecs": Length.MILLISECONDS,
    "millisecond": Length.MILLISECONDS,
    "milliseconds": Length.MILLISECONDS,
    "usec": Length.MICROSECONDS,
    "usecs": Length.MICROSECONDS,
    "microsecond": Length.MICROSECONDS,
    "microseconds": Length.MICROSECONDS,
    "nsec": Length.NANOSECONDS,
    "nanosecond": Length.NANOSECONDS,
    "nanoseconds": Length.NANOSECONDS,
    "sec": Length.SECONDS,
    "secs": Length.SECONDS,
    "seconds": Length.SECONDS,
    "minutes": Length.MINUTES,
    "mins": Length.MINUTES,
    "hours": Length.HOURS,
    "days": Length.DAYS,
}
"""Words that are a unit wherever they end a name."""

_WITH_TIME = {
    "s": Length.SECONDS,
    "second": Length.SECONDS,
    "us": Length.MICROSECONDS,
    "micros": Length.MICROSECONDS,
    "ns": Length.NANOSECONDS,
    "nanos": Length.NANOSECONDS,
    "minute": Length.MINUTES,
    "hour": Length.HOURS,
}
"""Words that are a unit where the name speaks of a length of time."""

_TIMES = frozenset(
    {
        "timeout",
        "delay",
        "interval",
        "wait",
        "sleep",
        "duration",
        "poll",
        "period",
        "backoff",
        "deadline",
        "ttl",
        "time",
        "pause",
    }
)

_CONVERTS = frozenset({"to", "per", "in", "from", "2", "as", "since", "epoch", "timestamp"})
"""Words of a name that is about two units, a rate, or a point in time."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def length_of_name(name: str) -> Length | None:
    """The unit that a name says: its last word, or its first (`ms_timeout`)."""
    words = [word.lower() for word in _WORD.findall(name)]
    if len(words) < 2 or not _CONVERTS.isdisjoint(words):
        return _SURE.get(words[0]) if len(words) == 1 and len(words[0]) > 3 else None
    for word in (words[-1], words[0]):
        if word in _SURE:
            return _SURE[word]
    return _WITH_TIME.get(words[-1]) if not _TIMES.isdisjoint(words) else None


class Sink(NamedTuple):
    """An argument that is taken as a length of time: its node, the unit in which it is taken, by what."""

    node: int
    length: Length
    by: str


_UNITS = {
    schema.Unit.SECONDS: Length.SECONDS,
    schema.Unit.MILLISECONDS: Length.MILLISECONDS,
    schema.Unit.MICROSECONDS: Length.MICROSECONDS,
}


def sinks_of(call: CallSite) -> Iterator[Sink]:
    """The arguments of a call that are taken as lengths of time, in a unit that is known."""
    seen: set[int] = set()
    for keyword, position, length in _parameters(call):
        node = call.argument(keyword, position)
        if node is not None and node >= 0 and node not in seen:
            seen.add(node)
            yield Sink(node, length, f"`{call.text}`")
    callee = call.callee
    if callee is None or len(callee.alternatives) > 1:
        return
    lengths = _lengths(callee)
    for param, argument in matched(call, callee) if lengths else ():
        said = lengths.get(param.name)
        if said is not None and argument is not None and argument >= 0 and argument not in seen:
            yield Sink(argument, said, f"`{param.name}` of `{call.text}`")


def _lengths(view: FunctionView) -> dict[str, Length]:
    """The parameters of a function whose names say a unit; looked up once."""
    known = view.module.lengths.get(view.index)
    if known is None:
        said = ((param.name, length_of_name(param.name)) for param in view.facts.params)
        known = view.module.lengths[view.index] = {name: length for name, length in said if length is not None}
    return known


def _parameters(call: CallSite) -> Iterator[tuple[str, int, Length]]:
    catalog = call.fn.module.project.catalog
    for entry in (catalog.api(call.target), catalog.client(call.target)):
        if entry is not None:
            for at, name in enumerate(names_of(entry.timeout)):
                yield name, entry.timeout_position if at == 0 else -1, _UNITS[entry.unit]
    scope = catalog.scope(call.target)
    if scope is not None and scope.clock is schema.Clock.RELATIVE:
        yield scope.timeout, scope.timeout_position, Length.SECONDS
    timeouts = catalog.timeout_object(call.target)
    if timeouts is not None:
        yield timeouts.total, timeouts.total_position, Length.SECONDS
        for name in timeouts.phases:
            yield name, -1, Length.SECONDS
    for duration in catalog.durations(call.target):
        yield duration.keyword, duration.position, _UNITS[duration.unit]


def length_of_value(view: FunctionView, index: int) -> tuple[Length, bool] | None:
    """The unit in which a value is, and whether its own name says so (else a name that it was given from); None where
    that is not known."""
    said = _said(view, index)
    if said is not None:
        return said, True
    kept = view.variable_at(index)
    if kept is not None and (given := _said(*kept)) is not None:
        return given, False
    node = view.nodes[index]
    instance = view.instance(index) if isinstance(node, (Name, Attr)) else None
    if instance is not None and instance.type == "datetime.timedelta":
        return Length.TIMEDELTA, True
    value_known = evaluate(view, index)
    return (Length.TIMEDELTA, True) if value_known.is_duration and isinstance(node, (Name, Attr, Call)) else None


def _said(view: FunctionView, index: int) -> Length | None:
    node = view.nodes[index]
    match node:
        case Name():
            return length_of_name(node.id.partition("·")[0])
        case Attr():
            return length_of_name(node.attr)
        case Subscript():
            key = view.nodes[node.index]
            return length_of_name(key.value) if isinstance(key, Const) and isinstance(key.value, str) else None
        case Call():
            call = view.call_at(index)
            assert call is not None
            if call.target in ("builtins.int", "builtins.float") and len(call.positional) == 1:
                return _said(view, call.positional[0])
            if call.member == "get" and call.positional:
                key = view.nodes[call.positional[0]]
                return length_of_name(key.value) if isinstance(key, Const) and isinstance(key.value, str) else None
            return length_of_name(call.member) if not call.node.args else None
    return None


def converted(text: str, given: Length, wanted: Length) -> str:
    """The expression that makes one unit of another."""
    if given is Length.TIMEDELTA:
        text, given = f"{text}.total_seconds()", Length.SECONDS
    factor = given.value / wanted.value
    if factor == 1:
        return text
    if factor > 1:
        return f"{text} * {round(factor):_}" if factor >= 1e4 else f"{text} * {round(factor)}"
    whole = round(1 / factor)
    return f"{text} / {whole:_}" if whole >= 1e4 else f"{text} / {whole}"
