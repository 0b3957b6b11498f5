"""A `return`, `break` or `continue` that leaves a task group and waits there.

## Why
The jump reads as if it left at once. It does not: the end of a group's block waits for all of its tasks first, and one
that serves for ever keeps the function for ever.

```python bad
import trio

async def first(receive, heartbeat):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(heartbeat)
        async for item in receive:
            return item
```

```python good
import trio

async def first(receive, heartbeat):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(heartbeat)
        async for item in receive:
            nursery.cancel_scope.cancel()
            return item
```

## Fix safety
There is no fix: whether the tasks are to be stopped or waited for is for the author to say.

## Known limits
Only tasks that are seen to be started count: by a method of the group, on the way to the jump. Whatever cancels
something on that way is taken to stop them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from cancelcheck.catalog.schema import Spawner
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.paths.flow import all_reached, never_returns, reaches_after
from cancelcheck.link.tasks.groups import (
    MAX_STARTS,
    Group,
    groups_in,
    handles_of,
    is_joined_at_once,
    starts_in,
    stops_or_joins,
)
from cancelcheck.link.tasks.spawning import work_text
from cancelcheck.model.facts import Jump, Return
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each jump out of a group's block that a task of the group, started before, holds up."""
    held: dict[int, tuple[Group, CallSite, Spawner]] = {}
    for group in groups_in(fn):  # of several groups the innermost counts, which comes last
        for index, started in _held_up(fn, group).items():
            held[index] = (group, *started)
    for index, (group, call, entry) in sorted(held.items(), key=lambda item: item[0]):
        node = fn.nodes[index]
        word = node.kind if isinstance(node, Jump) else "return"
        work = work_text(call, entry)
        yield ctx.report(
            fn,
            index,
            f"`{word}` leaves the block of `{group.name}`, and waits there until `{work}` is over",
            help=f"Cancel the tasks first if they are to stop; if they are to be waited for, put the `{word}` behind "
            "the block.",
            trace=(
                ctx.step(fn, call.index, f"`{work}` is started"),
                ctx.step(fn, index, f"`{word}` goes to the end of the block, which waits for it"),
            ),
        )


def _held_up(fn: FunctionView, group: Group) -> dict[int, tuple[CallSite, Spawner]]:
    """The jumps out of a group's block, each with the first task that may still run when it is made: on a path from its
    start nothing joins or cancels the task, before the jump or on the way out."""
    found: dict[int, tuple[CallSite, Spawner]] = {}
    for call, entry in islice(starts_in(fn, group), MAX_STARTS):
        if is_joined_at_once(fn, call, entry):
            continue
        handles = handles_of(fn, call)

        def ends(at: int, handles: frozenset[str] = handles) -> bool:
            return stops_or_joins(fn, at, handles) or group.is_left_at(at) or never_returns(fn, at)

        def ends_behind(at: int, handles: frozenset[str] = handles) -> bool:
            return stops_or_joins(fn, at, handles) or never_returns(fn, at)

        for index in all_reached(fn, call.index, lambda at: _leaves(fn, at, group), ends):
            if index not in found and reaches_after(fn, index, group.is_left_at, ends_behind) >= 0:
                found[index] = call, entry
    return found


def _leaves(fn: FunctionView, index: int, group: Group) -> bool:
    """Whether a node in a group's block jumps out of it."""
    node = fn.nodes[index]
    return isinstance(node, Return) or (isinstance(node, Jump) and not fn.is_inside(node.loop, group.region))


RULE = Rule(
    code="CAN117",
    name="jump-out-of-task-group",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.WITH,
)
