"""How long one call of a library can wait, where its timeout comes from, and how often a client tries again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.cleanup.locks import takings
from cancelcheck.link.promises.attempts import Course, course_of, policy_of
from cancelcheck.link.promises.known import (
    NOTHING,
    Known,
    Thing,
    given_thing,
    kind_of,
    thing_of,
)
from cancelcheck.link.tasks.spawning import never_waits
from cancelcheck.link.threads.blocking import hold_of, was_asked_before, was_ended_before
from cancelcheck.link.timeouts.waits import defers, is_plain, sets_default_timeout, waits_as_made
from cancelcheck.link.values import Value, ValueKind, evaluate
from cancelcheck.model.facts import Call, Const, Name

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite
    from cancelcheck.link.instances import Instance

UNITS = {schema.Unit.SECONDS: 1.0, schema.Unit.MILLISECONDS: 1e-3, schema.Unit.MICROSECONDS: 1e-6}

_NOTHING_TO_WAIT_FOR = frozenset({schema.Kind.FILE, schema.Kind.DNS})
"""Kinds of calls that end by themselves, soon as a rule, and that take no timeout."""

_WITHIN = frozenset({schema.Kind.QUEUE, schema.Kind.TASK})
"""Kinds of waits for something else in this process, of which it may be asked before whether it is there."""

_CONNECTS = frozenset({schema.Kind.DB, schema.Kind.CACHE})
"""Kinds of clients that connect, where they have to, as a part of each command."""


class Limit(NamedTuple):
    """A timeout that has been worked out: `seconds` is infinite where it bounds nothing, None where it is not known;
    `how` says it in words."""

    seconds: float | None
    how: str


UNKNOWN = Limit(None, "not known")
FOREVER = Limit(math.inf, "no timeout")


class Lasting(NamedTuple):
    """How long a call waits at most: `limit` for one attempt, and how it goes on from there."""

    limit: Limit
    course: Course | None = None


def shown(seconds: float) -> str:
    """A time as it is written: `2 s`, `0.5 s`, `800 ms`."""
    return f"{round(seconds, 6):.12g} s"


def lasting(call: CallSite, known: Known = NOTHING, *, handed: bool = False) -> Lasting | None:
    """How long a call of the catalogue can wait; None for any other call, and for one that does not wait. `handed`: it
    is made by somebody who is handed the function."""
    view = call.fn
    api = view.module.project.catalog.api(call.target)
    if api is None or api.kind in _NOTHING_TO_WAIT_FOR or api.local:
        return None
    if api.mode is schema.Mode.SYNC and not handed and (hold_of(call) is None or was_ended_before(call)):
        return None
    if call.member == "acquire" and _is_given_back(call):
        return None
    if api.kind in _WITHIN and (was_asked_before(call) or never_waits(call)):
        return None
    if api.kind is schema.Kind.SLEEP:
        return Lasting(_slept(call, api, known))
    limit = _limit(call, api, known)
    if limit.seconds is not None and math.isinf(limit.seconds):
        return Lasting(limit)
    return Lasting(limit, _course(call, api, known))


def _is_given_back(call: CallSite) -> bool:
    """Whether a lock is taken that the same function gives back: for a moment, as a rule."""
    return any(taking.call.index == call.index for taking in takings(call.fn))


def _slept(call: CallSite, api: schema.Api, known: Known) -> Limit:
    thing = given_thing(call, names_of(api.timeout), api.timeout_position, known)
    limit = limit_from(thing, api.unit, api.forever, api.zero) if thing is not None else UNKNOWN
    return limit._replace(how=f"sleeps {shown(limit.seconds)}") if limit.seconds is not None else limit


def _limit(call: CallSite, api: schema.Api, known: Known) -> Limit:
    """The time of one attempt."""
    view = call.fn
    own: Limit | None = None
    names = names_of(api.timeout)
    if names or api.timeout_position >= 0:
        thing = given_thing(call, names, api.timeout_position, known)
        if thing is not None:
            is_none = kind_of(thing) is ValueKind.NONE
            if not is_none or schema.Value.NONE in api.forever:
                own = limit_from(thing, api.unit, api.forever, api.zero)
    instance = call.called_on
    if own is not None:
        is_endless = own.seconds is not None and math.isinf(own.seconds)
        if is_endless and instance is not None and not is_plain(call, instance):
            return UNKNOWN
        return _connected(call, api, own)
    if api.default == "client":
        return _of_client(call, instance)
    if isinstance(api.default, (int, float)):
        seconds = float(api.default) * UNITS[api.unit]
        return Limit(seconds, f"{shown(seconds)} by default")
    if api.default != "none":
        return UNKNOWN
    if api.socket_default and sets_default_timeout(view.module):
        return UNKNOWN
    if instance is not None and not is_plain(call, instance):
        return UNKNOWN
    if api.set_by and not waits_as_made(call, api):
        return UNKNOWN
    return FOREVER


def limit_from(
    thing: Thing, unit: schema.Unit, forever: tuple[schema.Value, ...], zero: schema.Zero = schema.Zero.UNKNOWN
) -> Limit:
    """The time that a timeout of this value gives."""
    if not isinstance(thing, Value):
        return UNKNOWN
    match thing.kind:
        case ValueKind.NONE:
            return Limit(math.inf, "timeout None") if schema.Value.NONE in forever else UNKNOWN
        case ValueKind.NUMBER:
            return _of_number(thing, unit, forever, zero)
        case ValueKind.SEQUENCE if len(thing.items) == 2:
            parts = [limit_from(item, unit, forever, zero) for item in thing.items]
            return _in_stages([("connect", parts[0]), ("read", parts[1])])
        case ValueKind.OBJECT if thing.call is not None:
            return limit_of_object(thing.call)
    return UNKNOWN


def _of_number(value: Value, unit: schema.Unit, forever: tuple[schema.Value, ...], zero: schema.Zero) -> Limit:
    number = value.number
    if math.isinf(number):
        return Limit(math.inf, "timeout inf") if schema.Value.INFINITY in forever else UNKNOWN
    if number == 0:
        endless = schema.Value.ZERO in forever or zero is schema.Zero.FOREVER
        return Limit(math.inf, "timeout 0") if endless else Limit(0.0, "timeout 0")
    if number < 0:
        return Limit(math.inf, f"timeout {number:g}") if schema.Value.NEGATIVE in forever else Limit(0.0, "timeout 0")
    seconds = number * (1.0 if value.is_duration else UNITS[unit])
    return Limit(seconds, f"timeout {shown(seconds)}")


def _in_stages(stages: list[tuple[str, Limit]]) -> Limit:
    """The time of stages that come one after another."""
    total = 0.0
    for _, limit in stages:
        if limit.seconds is None:
            return UNKNOWN
        total += limit.seconds
    said = " + ".join(
        f"{name} {shown(limit.seconds) if not math.isinf(limit.seconds) else 'without a timeout'}"
        for name, limit in stages
        if limit.seconds is not None
    )
    return Limit(total, said)


def limit_of_object(call: CallSite) -> Limit:
    """The time that a timeout object gives: one number counts once, phases one after another."""
    view = call.fn
    entry = view.module.project.catalog.timeout_object(call.target)
    if entry is None:
        return UNKNOWN

    def of(name: str, position: int = -1) -> Limit | None:
        argument = call.argument(name, position)
        if argument is None:
            return None
        if argument < 0:
            return UNKNOWN
        return limit_from(thing_of(view, argument, NOTHING), schema.Unit.SECONDS, entry.forever)

    total = of(entry.total, entry.total_position) if entry.total or entry.total_position >= 0 else None
    given = {phase: limit for stage in entry.stages for phase in stage if (limit := of(phase)) is not None}
    if not given or not entry.stages:
        if total is not None:
            return total
        if entry.default == "none":
            return FOREVER
        if not isinstance(entry.default, (int, float)):
            return UNKNOWN
        return Limit(float(entry.default), f"{shown(float(entry.default))} by default")
    open_ended = total if entry.phases_win and total is not None else FOREVER
    stages: list[tuple[str, Limit]] = []
    for stage in entry.stages:
        name = next((phase for phase in stage if phase in given), stage[0])
        stages.append((name.replace("sock_", ""), given.get(name, open_ended)))
    together = _in_stages(stages)
    if entry.phases_win or total is None:
        return together
    # what is not known of the two can only end it sooner
    known = [limit for limit in (total, together) if limit.seconds is not None]
    least = min(known, key=_seconds, default=UNKNOWN)
    return UNKNOWN if len(known) < 2 and math.isinf(_seconds(least)) else least


def _seconds(limit: Limit) -> float:
    return limit.seconds if limit.seconds is not None else math.inf


# --- clients ---------------------------------------------------------------------------------------------------------


def _of_client(call: CallSite, instance: Instance | None) -> Limit:
    """The time that the client's constructor gives, the longest of all that were seen."""
    if instance is None or not instance.complete or not instance.origins or instance.view is not None:
        return UNKNOWN
    catalog = call.fn.module.project.catalog
    found: list[Limit] = []
    for origin in instance.origins:
        client = catalog.client(origin.target)
        if client is None:
            return UNKNOWN
        found.append(_of_constructor(origin, client))
    if any(limit.seconds is None for limit in found):
        return UNKNOWN
    return max(found, key=_seconds)


def _of_constructor(origin: CallSite, client: schema.Client) -> Limit:
    """The time that a client made here gives each call: the command's, and that of connecting where a command may have
    to."""
    if defers(origin, client):
        return UNKNOWN
    connect = _of_argument(origin, client, names_of(client.timeout), client.timeout_position, client.default)
    if not client.command:
        return connect
    command = _of_argument(origin, client, client.command, -1, client.command_default)
    if not _connects(origin, client):
        return command
    return _in_stages([("connect", connect), ("command", command)])


def _connects(origin: CallSite, client: schema.Client) -> bool:
    """Whether calls through a client may have to connect first: not where making it was the connecting."""
    if client.kind not in _CONNECTS or not names_of(client.timeout):
        return False
    return origin.fn.module.project.catalog.api(origin.target) is None


def _connected(call: CallSite, api: schema.Api, own: Limit) -> Limit:
    """A call's own time, and that of connecting where it may have to."""
    instance = call.called_on
    if api.kind not in _CONNECTS or instance is None or not instance.complete or len(instance.origins) != 1:
        return own
    origin = instance.origins[0]
    client = call.fn.module.project.catalog.client(origin.target)
    if client is None or not client.command or not _connects(origin, client):
        return own
    connect = _of_argument(origin, client, names_of(client.timeout), client.timeout_position, client.default)
    return _in_stages([("connect", connect), ("command", own)])


def _of_argument(
    origin: CallSite, client: schema.Client, names: tuple[str, ...], position: int, default: float | str
) -> Limit:
    argument = origin.argument(names, position)
    if argument is not None:
        if argument < 0:
            return UNKNOWN
        thing = thing_of(origin.fn, argument, NOTHING)
        is_none = kind_of(thing) is ValueKind.NONE
        if not is_none or schema.Value.NONE in client.forever:
            return limit_from(thing, client.unit, client.forever)
    url = origin.argument(client.url, client.url_position) if client.url else None
    text = origin.fn.nodes[url] if url is not None and url >= 0 else None
    if isinstance(text, Const) and any(name in str(text.value) for name in names):
        return UNKNOWN  # the URL says it
    if isinstance(default, (int, float)):
        seconds = float(default) * UNITS[client.unit]
        return Limit(seconds, f"{shown(seconds)} by default")
    if default != "none" or (client.socket_default and sets_default_timeout(origin.fn.module)):
        return UNKNOWN
    return FOREVER if url is None or isinstance(text, Const) else UNKNOWN


# --- attempts --------------------------------------------------------------------------------------------------------


def _course(call: CallSite, api: schema.Api, known: Known) -> Course | None:
    """How a client tries again by itself; None where it does not."""
    catalog = call.fn.module.project.catalog
    if api.retries:
        own = call.argument(names_of(api.retries))
        if own is not None and not _is_none(call, own):
            return _of_retries(call, own, known)
    instance = call.called_on
    if instance is None or not instance.origins:
        return None
    origin = instance.origins[0]
    client = catalog.client(origin.target)
    if client is None:
        return None
    if client.mounts:
        mounted = _mounted(call, client, instance)
        if mounted is None:
            return None
        origin, client = mounted
    if not client.retries:
        return None
    given = origin.argument(names_of(client.retries), client.retries_position)
    if given is not None and not _is_none(origin, given):
        return _of_retries(origin, given, NOTHING)
    return course_of(origin, client.default_retries) if client.default_retries else None


def _is_none(call: CallSite, argument: int) -> bool:
    """Whether an argument leaves it to the default."""
    return argument >= 0 and evaluate(call.fn, argument).kind is ValueKind.NONE


def _of_retries(call: CallSite, argument: int, known: Known) -> Course | None:
    """What an argument says about trying again: a number, or a policy."""
    unknown = Course(None, math.inf, lambda _: None)
    if argument < 0:
        return unknown
    view = call.fn
    thing = thing_of(view, argument, known)
    if isinstance(thing, Value) and thing.kind in (ValueKind.NUMBER, ValueKind.BOOL):
        count = int(thing.number) if thing.kind is ValueKind.NUMBER else 0
        return course_of(call, count) if count > 0 else None
    node = view.nodes[argument]
    found = (view, argument)
    if isinstance(node, Name):
        found = view.variable_at(argument) or found
    made = found[0].call_at(found[1]) if isinstance(found[0].nodes[found[1]], Call) else None
    entry = view.module.project.catalog.retry(made.target) if made is not None else None
    return policy_of(made, entry, known if made.fn is view else NOTHING) if made and entry else unknown


def _mounted(call: CallSite, client: schema.Client, instance: Instance) -> tuple[CallSite, schema.Client] | None:
    """The client that sends the requests of another one, as one was told."""
    catalog = call.fn.module.project.catalog
    for user in call.fn.module.functions:
        for at in user.calls:
            if at.member != client.mounts or at.called_on is None:
                continue
            here = {(made.fn, made.index) for made in at.called_on.origins}
            if not any((origin.fn, origin.index) in here for origin in instance.origins):
                continue
            given = at.seen_argument("", client.mounts_position)
            adapter = user.instance(given) if given is not None else None
            for origin in adapter.origins if adapter is not None else ():
                entry = catalog.client(origin.target)
                if entry is not None:
                    return origin, entry
    return None


def has_end(call: CallSite) -> bool:
    """Whether a call is known to be given up after a time."""
    found = lasting(call)
    return found is not None and found.limit.seconds is not None and not math.isinf(found.limit.seconds)
