"""How a policy of a library calls again what has failed: how often, with which delays, for how long at most."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.promises.known import NOTHING, Known, kind_of, thing_of
from cancelcheck.link.values import Bound, Value, ValueKind, bound_of, evaluate
from cancelcheck.model.facts import Attr, Call, Name, Operation

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

MAX_ATTEMPTS = 1_000
"""Attempts of which each is counted on its own."""

_UNITS = {schema.Unit.SECONDS: 1.0, schema.Unit.MILLISECONDS: 1e-3, schema.Unit.MICROSECONDS: 1e-6}

DelayOf = Callable[[int], float | None]
"""How long the wait before a retry is, counted from 1; None where that is not known."""


class Course(NamedTuple):
    """How something is tried again. `attempts` are all of them, the first included: infinite without a limit, None
    where it is not known; `seconds` limits how long it goes on, infinite without a limit, and may be overrun by
    `over_attempts` attempts and, with `over_delay`, by one delay."""

    attempts: float | None
    seconds: float | None
    delay: DelayOf
    over_attempts: int = 1
    over_delay: bool = False

    @property
    def is_endless(self) -> bool:
        """Whether nothing limits it."""
        return self.attempts is not None and self.seconds is not None and math.isinf(min(self.attempts, self.seconds))

    @property
    def is_known(self) -> bool:
        """Whether it is known how often, or how long, it goes on at most."""
        return self.attempts is not None and self.seconds is not None

    def all_delays(self, first: int, last: int) -> float:
        """The delays from one to another, both included; those behind the attempts that are counted are like the last
        of these, and one that is not known adds nothing."""
        counted = min(last, max(first, MAX_ATTEMPTS))
        delays = [self.delay(number) or 0.0 for number in range(first, counted + 1)]
        return sum(delays) + (last - counted) * delays[-1] if delays else 0.0

    def longest_delay(self) -> float | None:
        """The longest delay that there can be before its time is over."""
        passed = longest = 0.0
        last = int(self.attempts) - 1 if self.attempts is not None and self.attempts < MAX_ATTEMPTS else MAX_ATTEMPTS
        for number in range(1, last + 1):
            delay = self.delay(number)
            if delay is None:
                return None
            longest = max(longest, delay)
            passed += delay
            if self.seconds is not None and passed >= self.seconds:
                break
        return longest


def course_of(call: CallSite, retries: int) -> Course:
    """So many attempts after a first one, with the delays that the catalogue knows of what is made by a call."""
    return Course(retries + 1, math.inf, _delays_named(call, call.target, NOTHING))


def policy_of(call: CallSite, entry: schema.Retry, known: Known) -> Course | None:
    """What a policy that is set up by a call does; None where the next attempt is for somebody else to wait for."""
    if entry.elsewhere:
        return None
    hidden = any(arg.star and call.fn.dict_items(arg.value) is None for arg in call.node.args)
    attempts, seconds, over_delay = _ends(call, entry, known)
    if entry.after_first and attempts is not None:
        attempts += 1
    if hidden or any(call.argument(name) is not None for name in entry.defers if name != "giveup"):
        attempts = None
    return Course(attempts, seconds, _delays(call, entry, known), entry.over_attempts, entry.over_delay or over_delay)


def bare_policy(entry: schema.Retry) -> Course | None:
    """What a policy does by its defaults: a decorator without parentheses."""
    if entry.elsewhere:
        return None
    attempts, seconds, delay = map(_default, (entry.default_attempts, entry.default_seconds, entry.default_delay))
    return Course(attempts, seconds, lambda _: delay, entry.over_attempts, entry.over_delay)


# --- the end ---------------------------------------------------------------------------------------------------------


def _ends(call: CallSite, entry: schema.Retry, known: Known) -> tuple[float | None, float | None, bool]:
    """How many attempts, for how many seconds, and whether a delay can follow after these. Where the first argument
    that counts says nothing of an end, the others limit one kind of failure each."""
    attempts, seconds = _default(entry.default_attempts), _default(entry.default_seconds)
    counts: list[float | None] = []
    for at, name in enumerate(entry.attempts):
        argument = call.argument(name, entry.attempts_position if at == 0 else -1)
        if argument is None:
            continue
        if argument >= 0 and name in entry.seconds:
            return _stop(call.fn, argument, entry, known)
        given = _number(call.fn, argument, entry.forever, known) if argument >= 0 else None
        if at == 0:
            attempts = given
        else:
            counts.append(given)
    if counts and attempts == math.inf:
        attempts = sum(count for count in counts if count is not None) if None not in counts else None
    for name in entry.seconds:
        argument = call.argument(name)
        if argument is not None:
            given = _number(call.fn, argument, entry.forever, known) if argument >= 0 else None
            seconds = given * _scale(call, argument, entry.unit) if given is not None else None
            break
    return attempts, seconds, False


def _default(value: float | str) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    return math.inf if value == "none" else None


def _number(view: FunctionView, index: int, forever: tuple[schema.Value, ...], known: Known) -> float | None:
    thing = thing_of(view, index, known)
    if not isinstance(thing, Value):
        return None
    if thing.kind is ValueKind.BOOL and not thing.number:
        return 0.0  # `Retry(total=False)` tries nothing again
    if bound_of(thing, forever) is Bound.FOREVER:
        return math.inf
    return thing.number if thing.kind is ValueKind.NUMBER else None


def _scale(call: CallSite, index: int, unit: schema.Unit) -> float:
    return 1.0 if evaluate(call.fn, index).is_duration else _UNITS[unit]


def _stop(
    view: FunctionView, index: int, entry: schema.Retry, known: Known, steps: int = 8
) -> tuple[float | None, float | None, bool]:
    """What a condition that ends it says: `stop_after_attempt(3) | stop_after_delay(10)`."""
    catalog = view.module.project.catalog
    unknown = (None, math.inf, False)
    node = view.nodes[index]
    if steps <= 0:
        return unknown
    if isinstance(node, (Name, Attr)):
        if catalog.canonical(view.path_of(index)) in entry.endless:
            return math.inf, math.inf, False
        found = view.variable_at(index)
        return _stop(*found, entry, known, steps - 1) if found is not None else unknown
    if isinstance(node, Operation) and node.op in ("|", "&"):
        parts = [_stop(view, part, entry, known, steps - 1) for part in node.operands]
        return _combined(parts, any_of=node.op == "|")
    call = view.call_at(index)
    stop = catalog.stop(call.target) if call is not None else None
    if call is None or stop is None:
        return unknown
    if stop.combine is not None:
        parts = [_stop(view, part, entry, known, steps - 1) for part in call.positional]
        parts += [unknown for arg in call.node.args if arg.star]
        return _combined(parts, any_of=stop.combine is schema.Combine.ANY)
    if stop.attempts is not None:
        return _part(call, stop.attempts, known), math.inf, False
    if stop.seconds is not None:
        return math.inf, _part(call, stop.seconds, known), stop.over_delay
    return unknown


def _combined(
    parts: list[tuple[float | None, float | None, bool]], *, any_of: bool
) -> tuple[float | None, float | None, bool]:
    attempts = [part[0] for part in parts if part[0] is not None]
    seconds = [part[1] for part in parts if part[1] is not None]
    over_delay = any(part[2] for part in parts)
    unknown = not parts or len(attempts) < len(parts) or len(seconds) < len(parts)
    if any_of:
        # one that is known is enough: what is not known can only end it sooner
        first = min(attempts, default=math.inf), min(seconds, default=math.inf)
        return (None, math.inf, False) if unknown and math.isinf(min(first)) else (*first, over_delay)
    # all of them: a limit on attempts and one on time do not limit each other
    if not unknown and math.isinf(min(seconds)):
        return max(attempts), math.inf, False
    if not unknown and math.isinf(min(attempts)):
        return math.inf, max(seconds), over_delay
    return None, math.inf, False


# --- delays ----------------------------------------------------------------------------------------------------------


def _delays(call: CallSite, entry: schema.Retry, known: Known) -> DelayOf:
    names = names_of(entry.delay)
    argument = call.argument(names, entry.delay_position) if names else None
    if argument is None:
        if call.fn.module.project.catalog.delays(call.target):
            return _delays_named(call, call.target, known)
        fixed = _default(entry.default_delay)
        return lambda _: fixed
    if argument < 0:
        return lambda _: None
    main = _delay_at(call.fn, argument, call, known)
    jitter = call.argument(names_of(entry.jitter))
    if jitter is None:
        return main
    if jitter < 0:
        return lambda _: None
    thing = thing_of(call.fn, jitter, known)
    if kind_of(thing) is ValueKind.NONE:
        return main
    return _sum([main, _delay_at(call.fn, jitter, call, known)])


def _delay_at(view: FunctionView, index: int, policy: CallSite, known: Known, steps: int = 8) -> DelayOf:
    """What an expression says: a call (`wait_fixed(1)`), a sum of such, or a name whose arguments stand in
    the policy's call (`backoff.expo`)."""
    catalog = view.module.project.catalog
    node = view.nodes[index]
    if steps <= 0:
        return lambda _: None
    if isinstance(node, (Name, Attr)):
        name = catalog.canonical(view.path_of(index))
        if catalog.delays(name):
            return _delays_named(policy, name, known)
        found = view.variable_at(index)
        return _delay_at(*found, policy, NOTHING, steps - 1) if found is not None else lambda _: None
    if isinstance(node, Operation) and node.op == "+":
        return _sum([_delay_at(view, part, policy, known, steps) for part in node.operands])
    if isinstance(node, Call):
        call = view.call_at(index)
        assert call is not None
        entries = catalog.delays(call.target)
        if entries and entries[0].combine is not None:
            if any(arg.star for arg in call.node.args):
                return lambda _: None
            parts = [_delay_at(view, part, policy, known, steps) for part in call.positional]
            return _sum(parts) if entries[0].combine is schema.Combine.SUM else _chain(parts)
        if entries:
            return _delays_named(call, call.target, known)
    return lambda _: None


def _sum(parts: list[DelayOf]) -> DelayOf:
    def delay(number: int) -> float | None:
        found = [part(number) for part in parts]
        return sum(value for value in found if value is not None) if None not in found else None

    return delay


def _chain(parts: list[DelayOf]) -> DelayOf:
    return lambda number: parts[min(number, len(parts)) - 1](number) if parts else 0.0


def _delays_named(call: CallSite, name: str, known: Known) -> DelayOf:
    """What the catalogue says under a name, with the arguments of a call."""
    entries = call.fn.module.project.catalog.delays(name)
    counted = [entry for entry in entries if not entry.only_if or call.argument(entry.only_if) is not None]

    def delay(number: int) -> float | None:
        found = [_delay(call, entry, number, known) for entry in counted]
        return max((value for value in found if value is not None), default=0.0) if None not in found else None

    return delay


def _delay(call: CallSite, entry: schema.Delay, number: int, known: Known) -> float | None:
    number += entry.shift
    if entry.from_second and number <= 1:
        return 0.0
    parts = [_part(call, part, known) for part in (entry.first, entry.base, entry.step, entry.jitter, entry.spread)]
    least = _part(call, entry.least, known)
    most = _part(call, entry.most, known) if _is_given(call, entry.most) else math.inf
    if least is None or most is None or any(part is None for part in parts):
        return None
    first, base, step, jitter, spread = (part for part in parts if part is not None)
    try:
        grown = first * base ** (number - 1) + step * (number - 1) + jitter
    except OverflowError:
        grown = math.inf
    return (max(least, min(grown, most)) + spread) * _UNITS[entry.unit]


def _is_given(call: CallSite, part: schema.Part) -> bool:
    return part.default is not None or call.argument(names_of(part.keyword), part.position) is not None


def _part(call: CallSite, part: schema.Part, known: Known) -> float | None:
    """The number that an argument gives; None where it is not known."""
    argument = None
    if part.keyword or part.position >= 0:
        argument = call.argument(names_of(part.keyword), part.position)
    if argument is None:
        return part.default
    if argument < 0:
        return None
    thing = thing_of(call.fn, argument, known)
    if kind_of(thing) is ValueKind.NONE:
        return math.inf if part.default is None else part.default
    return thing.number if isinstance(thing, Value) and thing.kind is ValueKind.NUMBER else None
