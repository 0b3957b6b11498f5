"""What the methods of a class do with the timeout that its objects keep: a call that leaves out what all others of the
same method are given has forgotten it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.contexts.parameters import Carrier, carriers
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.model.facts import FunctionKind, ParamKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Habit(NamedTuple):
    """How the methods of a class call one method: the attribute of `self` that they give to its parameter, how many
    times, and how many calls give nothing."""

    attribute: str
    given: int
    left_out: int


class Forgotten(NamedTuple):
    """A call that leaves out what others give: the parameter's name, the place that holds it, and how many do. `sure`:
    so many that it is no choice."""

    call: CallSite
    slot: str
    place: str
    others: int
    sure: bool


MANY = 3
"""Calls that make a habit, and how many times as many they have to be as those that leave it out."""

SURE = 6
"""Calls beside which one that leaves it out is no choice."""

_WORDS = ("timeout", "deadline")
"""Words in the name of an attribute that holds one."""


def forgotten(view: FunctionView) -> Iterator[Forgotten]:
    """The calls of a method on its own object that leave out the timeout that the object keeps, where it is the habit
    of its class to give it, in order."""
    owner = view.owner
    if owner is None or not view.self_name or not _keeps_one(owner):
        return
    for call in view.calls:
        slot = _slot(call)
        if slot is None or call.callee is None or call.callee is view:
            continue
        if next((given for param, given in matched(call, call.callee) if param is slot.param), -1) is not None:
            continue
        habit = _habits(owner).get((call.callee.qualname, slot.name))
        if habit is not None and habit.given >= MANY * max(1, habit.left_out):
            sure = habit.given >= SURE
            yield Forgotten(call, slot.name, f"{view.self_name}.{habit.attribute}", habit.given, sure)


def _keeps_one(cls: FunctionView) -> bool:
    return any(word in name for holder in cls.ancestry[0] for name in holder.attribute_stores for word in _WORDS)


def _slot(call: CallSite) -> Carrier | None:
    """The one time that a method of the same object takes, and need not be given."""
    callee = call.callee
    if callee is None or callee.owner is None or callee.facts.kind is not FunctionKind.DEF or call.receiver < 0:
        return None
    if call.fn.key(call.receiver) != call.fn.self_name or len(callee.alternatives) > 1:
        return None
    times = [carrier for carrier in carriers(callee) if carrier.is_time]
    if len(times) != 1 or times[0].param.default < 0 or times[0].param.kind is ParamKind.POSITIONAL_ONLY:
        return None
    return times[0]


def _habits(cls: FunctionView) -> dict[tuple[str, str], Habit]:
    """How the methods of a class, those that it inherits included, call each method that takes a time; looked up
    once."""
    kept = cls.module.habits
    known = kept.get(cls.index)
    if known is None:
        known = _found(cls)
        if cls.module.project.guard.is_settled:
            kept[cls.index] = known
    return known


def _found(cls: FunctionView) -> dict[tuple[str, str], Habit]:
    given: dict[tuple[str, str], dict[str, int]] = {}
    left_out: dict[tuple[str, str], int] = {}
    for holder in cls.ancestry[0]:
        for method in holder.children:
            if method.facts.kind is not FunctionKind.DEF or not method.self_name:
                continue
            for call in method.calls:
                slot = _slot(call)
                callee = call.callee
                if slot is None or callee is None or callee is method:
                    continue
                key = (callee.qualname, slot.name)
                argument = next((at for param, at in matched(call, callee) if param is slot.param), None)
                if argument is None:
                    left_out[key] = left_out.get(key, 0) + 1
                    continue
                place = method.key(argument) if argument >= 0 else ""
                if place.startswith(f"{method.self_name}.") and any(word in place for word in _WORDS):
                    counts = given.setdefault(key, {})
                    name = place.partition(".")[2]
                    counts[name] = counts.get(name, 0) + 1
    found = {}
    for key, counts in given.items():
        name, count = max(counts.items(), key=lambda item: item[1])
        found[key] = Habit(name, count, left_out.get(key, 0))
    return found
