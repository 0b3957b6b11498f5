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

from cancelcheck.catalog.schema import Spawner
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.flow import never_returns, way_through
from cancelcheck.link.groups import Group, groups_in, handles_of, is_joined_at_once, starts_in, stops_or_joins
from cancelcheck.link.spawning import work_text
from cancelcheck.model.facts import Jump, Return
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each jump out of a group's block that a task of the group, started before, holds up."""
    groups = groups_in(fn)
    if not groups:
        return
    jumps = [index for index, node in enumerate(fn.nodes) if isinstance(node, (Return, Jump)) and node.parent < 0]
    for index in jumps:
        for group in reversed(groups):
            if not _leaves(fn, index, group):
                continue
            found = _held_up_by(fn, index, group)
            if found is None:
                continue
            started, entry = found
            node = fn.nodes[index]
            word = node.kind if isinstance(node, Jump) else "return"
            work = work_text(started, entry)
            yield ctx.report(
                fn,
                index,
                f"`{word}` leaves the block of `{group.name}`, and waits there until `{work}` is over",
                help=f"Cancel the tasks first if they are to stop; if they are to be waited for, put the `{word}` "
                "behind the block.",
                trace=(
                    ctx.step(fn, started.index, f"`{work}` is started"),
                    ctx.step(fn, index, f"`{word}` goes to the end of the block, which waits for it"),
                ),
            )
            break


def _leaves(fn: FunctionView, index: int, group: Group) -> bool:
    if not fn.is_inside(fn.region_of(index), group.region):
        return False
    node = fn.nodes[index]
    return not isinstance(node, Jump) or not fn.is_inside(node.loop, group.region)


def _held_up_by(fn: FunctionView, index: int, group: Group) -> tuple[CallSite, Spawner] | None:
    """The first task that may still run when the jump is made: on a path to it nothing joins or cancels the task."""
    for call, entry in starts_in(fn, group):
        if is_joined_at_once(fn, call, entry):
            continue
        handles = handles_of(fn, call)

        def ends(at: int, handles: frozenset[str] = handles) -> bool:
            return stops_or_joins(fn, at, handles) or never_returns(fn, at)

        if way_through(fn, call.index, lambda at: at == index, group.is_left_at, ends) is not None:
            return call, entry
    return None


RULE = Rule(
    code="CAN117",
    name="jump-out-of-task-group",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
)
