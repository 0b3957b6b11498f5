"""A resource that is closed while tasks of the group around it still use it.

## Why
The tasks of a group run until the group's block ends. A `with` inside it ends before, and takes away what they were
given: they go on with a closed connection, and fail as soon as they touch it.

```python bad
import trio

async def relay(nursery_work, host):
    async with trio.open_nursery() as nursery:
        async with await trio.open_tcp_stream(host, 80) as stream:
            nursery.start_soon(nursery_work, stream)
```

```python good
import trio

async def relay(nursery_work, host):
    async with await trio.open_tcp_stream(host, 80) as stream:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(nursery_work, stream)
```

## Fix safety
There is no fix: which of the two blocks belongs into the other is for the author to say.

## Known limits
A block that waits for something unknown after the start may wait for the task: that is reported only with `--strict`,
as is a class of the project whose exit closes something. A block that waits for an event, a queue or a task, cancels
something, or never ends is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.tasks.lending import lent_to_tasks
from cancelcheck.link.tasks.spawning import work_text
from cancelcheck.model.facts import Enter
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each `with` item that closes what a task of a group around it was given."""
    for lent in lent_to_tasks(fn):
        enter = fn.nodes[lent.enter]
        assert isinstance(enter, Enter)
        thing = fn.text(enter.target if enter.target >= 0 else enter.context)
        work = work_text(lent.call, lent.entry)
        yield ctx.report(
            fn,
            lent.enter,
            f"`{thing}` is closed at the end of this block, and `{work}`, a task of `{lent.group}`, goes on with it",
            help="Open it around the task group, or start the task in a group inside of this block.",
            trace=(
                ctx.step(fn, lent.enter, f"`{thing}` is opened"),
                ctx.step(fn, lent.call.index, f"`{work}` is started with it"),
                ctx.step(fn, lent.leaves, f"the block ends, and closes `{thing}`"),
            ),
            strict=not lent.certain,
        )


RULE = Rule(
    code="CAN115",
    name="resource-closed-under-tasks",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.CALL | Asks.WITH,
)
