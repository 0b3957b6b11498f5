"""Timeouts that are given out whole, again and again: each wait gets all of what was meant for them together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.contexts.deriving import Derived
from cancelcheck.link.contexts.parameters import carriers
from cancelcheck.link.paths.exceptions import handlers_of
from cancelcheck.link.paths.flow import reaches_after, turning_blocks
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.model.facts import BlockEnd, FunctionKind, Iterate, Name, RegionKind, Test

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Unspent(NamedTuple):
    """Waits that each get the whole timeout: the parameter's name, the waits, and the header of the loop that they
    stand in, -1 for a sequence."""

    name: str
    waits: tuple[CallSite, ...]
    loop: int


def unspent(view: FunctionView) -> Iterator[Unspent]:
    """The loops of a function, and the sequence in it, that give each wait the whole timeout it was given."""
    if view.facts.kind is not FunctionKind.DEF or view.facts.is_generator:
        return
    for carrier in carriers(view):
        name = carrier.name
        if not carrier.is_time or name == _POINT or view.facts.bound.get(name) != [-1]:
            continue
        waits = [call for call in view.calls if _gets(call, name) and not _is_aside(view, call.index)]
        if not waits or Derived(view, name).is_measured:
            continue
        loops: dict[int, list[CallSite]] = {}
        sequence: list[CallSite] = []
        for call in waits:
            loop = _loop(view, call)
            if loop >= 0:
                loops.setdefault(loop, []).append(call)
            else:
                sequence.append(call)
        for loop, inside in loops.items():
            yield Unspent(name, tuple(inside), view.regions[loop].node)
        later = [call for first, call in pairwise(sequence) if _comes_to(first, call)]
        if later:
            yield Unspent(name, (sequence[0], *later), -1)


def _comes_to(first: CallSite, later: CallSite) -> bool:
    return reaches_after(first.fn, first.index, lambda at: at == later.index) >= 0


_POINT = "deadline"
"""A point in time may be given to as many as there are."""

_INSIDE = frozenset({schema.Kind.THREAD, schema.Kind.QUEUE, schema.Kind.TASK, schema.Kind.SUBPROCESS})
"""Kinds of waits whose timeout is how long one is ready to wait, and not what a server is allowed for an answer."""


def _gets(call: CallSite, name: str) -> bool:
    """Whether a call waits for something of this program, and is given a parameter as its timeout as it is."""
    view = call.fn
    catalog = view.module.project.catalog
    scope, api = catalog.scope(call.target), catalog.api(call.target)
    argument: int | None = None
    if scope is not None and scope.kind is schema.ScopeKind.TIMEOUT and scope.clock is schema.Clock.RELATIVE:
        argument = call.argument(scope.timeout, scope.timeout_position)
    elif api is not None:
        if api.kind not in _INSIDE or not api.timeout:
            return False
        argument = call.argument(names_of(api.timeout), api.timeout_position)
    elif (callee := call.callee) is not None and callee.facts.kind is FunctionKind.DEF:
        if not callee.name.lstrip("_").startswith(_WAITS) or (callee.is_coroutine and not call.is_awaited):
            return False
        slots = {carrier.name for carrier in carriers(callee) if carrier.is_time and carrier.name != _POINT}
        argument = next((given for param, given in matched(call, callee) if param.name in slots and given), None)
    node = view.node_at(argument)
    return isinstance(node, Name) and node.id == name


_WAITS = ("wait", "join")
"""How the project's own waits begin."""


def _is_aside(view: FunctionView, index: int) -> bool:
    return any(view.regions[at].kind in (RegionKind.HANDLER, RegionKind.FINALLY) for at in view.regions_around(index))


def _loop(view: FunctionView, call: CallSite) -> int:
    """The loop that comes round to a wait again; -1 if there is none. Not where running out of time is what makes it
    come round: there the timeout says how often to look; where nothing else ends it: there it says how long it is to be
    quiet; and where it counts attempts, each of which has a time of its own."""
    for region in view.regions_around(call.index):
        if view.regions[region].kind not in (RegionKind.LOOP, RegionKind.COMPREHENSION):
            continue
        if view.block_of(call.index) not in turning_blocks(view, region):
            continue
        by_design = _looks_again(view, call.index, region) or _runs_on(view, region) or _ends_in_time_only(view, region)
        return -1 if by_design or _counts_attempts(view, region) else region
    return -1


_RUNNING = ("alive", "running", "stop", "clos", "shutdown", "active", "quit", "exit")
"""Parts of the names that say until when a loop is to go on: it waits for no more than the next thing to do."""


def _runs_on(view: FunctionView, loop: int) -> bool:
    """Whether a loop's own condition says that it goes on until something is told to end."""
    header = view.regions[loop].node
    node = view.node_at(header)
    if not isinstance(node, Test):
        return False
    names = [view.key(at).lower() for at in view.operands_within(node.value)]
    return any(word in name for name in names for word in _RUNNING)


_ATTEMPTS = ("attempt", "retr", "tries")
"""Parts of the names that count attempts."""


def _counts_attempts(view: FunctionView, loop: int) -> bool:
    """Whether a loop's header reads a number of attempts."""
    header = view.regions[loop].node
    node = view.node_at(header)
    asked = node.value if isinstance(node, Test) else node.iterable if isinstance(node, Iterate) else -1
    return asked >= 0 and any(word in view.key(at).lower() for at in view.operands_within(asked) for word in _ATTEMPTS)


def _ends_in_time_only(view: FunctionView, loop: int) -> bool:
    """Whether a loop goes on until a wait in it runs out of time: no condition, `break` or `return` ends it."""
    inside = [at for at, block in enumerate(view.blocks) if view.is_inside(block.region, loop)]
    return not any(
        view.blocks[at].ends is BlockEnd.RETURN
        or any(not view.is_inside(view.blocks[target].region, loop) for target in view.blocks[at].next)
        for at in inside
        if at in view.live_blocks
    )


def _looks_again(view: FunctionView, index: int, loop: int) -> bool:
    """Whether a handler around a wait takes the timeout and lets the loop go on."""
    turning = turning_blocks(view, loop)
    for region in view.regions_around(index):
        facts = view.regions[region]
        if facts.kind is not RegionKind.PROTECTED or not view.is_inside(region, loop):
            continue
        if any(view.regions[handler.region].entry in turning for handler in handlers_of(view, facts.parent)):
            return True
    return False
