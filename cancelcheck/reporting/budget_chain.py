"""From an entry point to what it waits for, each call once: what the costliest path and the ways to what has no end, or
none that is known, are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cancelcheck.model.budget import Call, Entry, Place, Verdict, Wait

_NUMBER = re.compile(r"\d+")

Key = tuple[str, str, int]
"""What a step is known by: its text without numbers (`attempt 1 of 3`), and the line where it stands."""


@dataclass(slots=True)
class Step:
    """A call, and what is called there. `wait_ms` are all its waits together, `times` how many they are, and
    `each_ms` how long each is where that is one time; `why` says of the last step what is wrong with it, and `how` how
    its time comes about."""

    text: str
    place: Place
    wait_ms: float = 0.0
    times: int = 0
    each_ms: float | None = None
    how: str = ""
    why: str = ""
    verdict: Verdict = Verdict.BOUNDED
    parts: dict[Key, Step] = field(default_factory=dict)

    @property
    def steps(self) -> list[Step]:
        """The steps below, in the order of the text where they stand in one file."""
        found = list(self.parts.values())
        if len({step.place.path for step in found}) == 1:
            found.sort(key=lambda step: (step.place.line, step.place.column))
        return found

    @property
    def depth(self) -> int:
        """How many steps lead down from here, this one included."""
        return 1 + max((step.depth for step in self.parts.values()), default=0)


def chain_of(entry: Entry) -> Step:
    """The entry point as the first step."""
    first = Step(entry.name, entry.place, entry.worst_ms, verdict=entry.verdict)
    _add_waits(first.parts, entry.waits)
    _add_trail(first.parts, entry.unknown, Verdict.UNKNOWN)
    _add_trail(first.parts, entry.forever, Verdict.FOREVER)
    return first


def _add_waits(into: dict[Key, Step], waits: Iterable[Wait]) -> None:
    for wait in waits:
        step = _step(into, wait.text.removesuffix("(…)"), wait.place)
        step.each_ms = wait.wait_ms if step.times == 0 or step.each_ms == wait.wait_ms else None
        step.wait_ms = round(step.wait_ms + wait.wait_ms, 3)
        step.times += 1
        step.how = step.how or wait.how
        _add_waits(step.parts, wait.parts)


def _add_trail(into: dict[Key, Step], trail: tuple[Call, ...], verdict: Verdict) -> None:
    for call in trail:
        step = _step(into, call.text.removesuffix("(…)"), call.place)
        step.verdict = verdict
        if call.why:
            step.why = call.why
        into = step.parts


def _step(into: dict[Key, Step], text: str, place: Place) -> Step:
    key = (_NUMBER.sub("", text), place.path, place.line)
    step = into.setdefault(key, Step(text, place))
    if step.text != text:
        step.text = _NUMBER.split(text)[0].rstrip() or step.text
    return step
