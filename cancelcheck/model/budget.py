"""The most that the entry points of a program wait for, as plain data."""

from __future__ import annotations

import enum

import msgspec


class Verdict(enum.StrEnum):
    """What is known of the most that something waits for."""

    BOUNDED = "bounded"
    """It is the sum."""
    UNKNOWN = "unknown"
    """The sum is a part of it: of something that is waited for it is not known how long that takes."""
    FOREVER = "forever"
    """Nothing bounds it: something that is waited for has no end."""


class Place(msgspec.Struct, frozen=True):
    """A place in a file; 1-based, columns in characters."""

    path: str
    line: int
    column: int


class Snippet(msgspec.Struct, frozen=True):
    """The lines around one of a file; `first` is the number of the first of them. What all of them are indented by is
    left out."""

    path: str
    line: int
    first: int
    lines: tuple[str, ...]


class Wait(msgspec.Struct, frozen=True):
    """A line of a sum: what is waited for, from when on (milliseconds from the beginning) and for how long, and how
    that comes about. `blocks`: it holds up its thread, so that no scope ends it. `parts` add up to it."""

    text: str
    place: Place
    start_ms: float
    wait_ms: float
    how: str
    blocks: bool
    parts: tuple[Wait, ...] = ()


class Call(msgspec.Struct, frozen=True):
    """A step on the way to what has no end, or none that is known; of the last one `why` says what is wrong."""

    text: str
    place: Place
    why: str = ""


class Entry(msgspec.Struct, frozen=True):
    """An entry point, or an SLA function. `kinds`: sla, route, rpc, task, main. `name` is how it is called from outside
    (`POST /charges`), `symbol` its qualified name. `worst_ms` is the sum as far as it is known; `promised_ms` None
    where no number is promised. `forever` and `unknown` are the shortest ways to what has no end, and none that is
    known."""

    kinds: tuple[str, ...]
    name: str
    symbol: str
    place: Place
    verdict: Verdict
    worst_ms: float
    promised_ms: float | None = None
    waits: tuple[Wait, ...] = ()
    forever: tuple[Call, ...] = ()
    unknown: tuple[Call, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether more is waited for than is promised."""
        if self.promised_ms is None:
            return False
        return self.verdict is Verdict.FOREVER or self.worst_ms > self.promised_ms + 1e-6

    @property
    def sort_key(self) -> tuple[bool, bool, float, str, int, str]:
        """Order of a budget: what has no end, then what waits longest."""
        return (
            self.verdict is not Verdict.FOREVER,
            self.verdict is not Verdict.UNKNOWN and self.worst_ms <= 0,
            -self.worst_ms,
            self.place.path,
            self.place.line,
            self.symbol,
        )


class Budget(msgspec.Struct, frozen=True):
    """The entry points of what was looked at; `errors` are the files that could not be, with the reason. `snippets`
    show each place that is named."""

    entries: tuple[Entry, ...]
    files: int
    errors: tuple[tuple[str, str], ...] = ()
    snippets: tuple[Snippet, ...] = ()
