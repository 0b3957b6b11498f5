"""The most that something waits for, as a sum: its lines, and what in it is endless or not known.

What waits for ever and what is not known stand beside the sum, each told apart by whether it blocks its thread: a scope
ends an await, and not a blocking call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Line(NamedTuple):
    """A line of a sum: what is waited for at a node, for how long, and how that comes about. `parts` add up to it."""

    view: FunctionView
    node: int
    text: str
    seconds: float
    how: str = ""
    blocks: bool = False
    parts: tuple[Line, ...] = ()


class Hop(NamedTuple):
    """A step on the way to something."""

    view: FunctionView
    node: int
    text: str


class Trail(NamedTuple):
    """The way to what waits for ever, or for a time that is not known: the calls, the wait itself last; and why."""

    hops: tuple[Hop, ...]
    why: str

    def behind(self, hop: Hop) -> Trail:
        """The same seen from the function that makes the call at `hop`."""
        return self._replace(hops=(hop, *self.hops))


class Open(NamedTuple):
    """What in a sum has no known end: awaits that have none, blocking calls that have none, and those of which it is
    not known. Each is the first that was met, a shorter way going before."""

    forever: Trail | None = None
    blocking: Trail | None = None
    unknown: Trail | None = None
    unknown_blocking: Trail | None = None

    def __bool__(self) -> bool:
        return any(trail is not None for trail in self)

    def joined(self, other: Open) -> Open:
        """What is open in either of two."""
        return Open(*(_shorter(mine, its) for mine, its in zip(self, other, strict=True)))

    def behind(self, hop: Hop) -> Open:
        """The same seen from the function that makes the call at `hop`."""
        return Open(*(trail.behind(hop) if trail is not None else None for trail in self))

    def awaited(self) -> Open:
        """The same where an await waits for it: in another thread, say."""
        return Open(_shorter(self.forever, self.blocking), None, _shorter(self.unknown, self.unknown_blocking), None)

    def blocked(self) -> Open:
        """The same where the thread waits for it: `asyncio.run`."""
        return Open(None, _shorter(self.forever, self.blocking), None, _shorter(self.unknown, self.unknown_blocking))

    def ended(self) -> Open:
        """What is still open where something ends every await."""
        return Open(None, self.blocking, None, self.unknown_blocking)

    def doubted(self) -> Open:
        """The same where something ends the awaits after a time that is not known."""
        unknown = self.unknown
        if self.forever is not None:
            unknown = _shorter(unknown, Trail(self.forever.hops, "what ends it is not known"))
        return Open(None, self.blocking, unknown, self.unknown_blocking)

    @property
    def endless(self) -> Trail | None:
        """The shortest way to what waits for ever."""
        return _shorter(self.forever, self.blocking)

    @property
    def unsure(self) -> Trail | None:
        """The shortest way to what is not known."""
        return _shorter(self.unknown, self.unknown_blocking)


def _shorter(mine: Trail | None, its: Trail | None) -> Trail | None:
    if mine is None or its is None:
        return mine if its is None else its
    return its if len(its.hops) < len(mine.hops) else mine


CLOSED = Open()


def without_end(trail: Trail, *, blocks: bool) -> Open:
    """What waits for ever, the thread with it where it `blocks`."""
    return Open(blocking=trail) if blocks else Open(forever=trail)


def of_unknown_end(trail: Trail, *, blocks: bool) -> Open:
    """What waits for a time that is not known, the thread with it where it `blocks`."""
    return Open(unknown_blocking=trail) if blocks else Open(unknown=trail)


class Sum(NamedTuple):
    """The most that something waits for: `seconds`, line by line, as far as it is known, and what is open. `blocks`:
    some of it may hold up the thread, on whatever path. `returned` is what it comes to where it does not end with an
    exception, if that is less: what comes behind it waits no longer for that."""

    seconds: float = 0.0
    lines: tuple[Line, ...] = ()
    open: Open = CLOSED
    blocks: bool = False
    returned: Sum | None = None


ZERO = Sum()


def together(lines: list[Line]) -> float:
    """What lines add up to. Rounded to the microsecond, so that it does not depend on the order."""
    return round(sum(line.seconds for line in lines), 6)


def one_line(line: Line) -> Sum:
    """A sum of one line."""
    return Sum(line.seconds, (line,), CLOSED, line.blocks)


def longest(sums: list[Sum]) -> Sum:
    """Of sums of which only one, or which side by side, come to pass: the longest, and what is open in any."""
    if not sums:
        return ZERO
    opened = CLOSED
    for each in sums:
        opened = opened.joined(each.open)
    best = max(sums, key=lambda each: each.seconds)
    return Sum(best.seconds, best.lines, opened, any(each.blocks for each in sums))


def awaited(done: Sum) -> Sum:
    """The same where an await waits for it."""
    return Sum(done.seconds, tuple(_unblocked(line) for line in done.lines), done.open.awaited(), blocks=False)


def blocked(done: Sum) -> Sum:
    """The same where the thread waits for it."""
    return Sum(done.seconds, tuple(_blocked(line) for line in done.lines), done.open.blocked(), blocks=True)


def _unblocked(line: Line) -> Line:
    return line._replace(blocks=False, parts=tuple(_unblocked(part) for part in line.parts))


def _blocked(line: Line) -> Line:
    return line._replace(blocks=True, parts=tuple(_blocked(part) for part in line.parts))


def leaves(lines: tuple[Line, ...]) -> Iterator[Line]:
    """The lines that are not made of others, in order."""
    for line in lines:
        if line.parts:
            yield from leaves(line.parts)
        else:
            yield line


def cut(lines: tuple[Line, ...], left: float, why: str) -> tuple[tuple[Line, ...], float]:
    """Lines of which the awaits are ended once `left` seconds are over, and what is then left."""
    kept: list[Line] = []
    for line in lines:
        if line.parts:
            parts, left = cut(line.parts, left, why)
            kept.append(line._replace(parts=parts, seconds=together(list(parts))) if parts != line.parts else line)
        elif line.blocks:
            kept.append(line)
            left = max(0.0, left - line.seconds)
        elif line.seconds > left:
            kept.append(line._replace(seconds=round(left, 6), how=f"{line.how}, {why}" if line.how else why))
            left = 0.0
        else:
            kept.append(line)
            left -= line.seconds
    return tuple(line for line in kept if line.seconds > 0), left
