"""A task that is cancelled, and nobody waits until it is over.

## Why
`cancel()` only asks. The task ends when its cleanup has run, and that may await; until then it still holds what it
holds. Whoever closes the connection under it, or starts the next one, races with it. And an exception out of its
cleanup is never seen.

```python bad
import asyncio

async def serve(work, conn):
    task = asyncio.create_task(work(conn))
    await asyncio.sleep(1)
    task.cancel()
    await conn.close()
```

```python good
import asyncio

async def serve(work, conn):
    task = asyncio.create_task(work(conn))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await conn.close()
```

## Fix safety
Unsafe: the function now waits for the task's cleanup, however long that takes.

## Known limits
A `gather` that the same `try` awaits is over as soon as one of its tasks has failed: cancelling it then reaches nobody,
and leaves the others running.

Only tasks that the function has made itself, or that are on a private attribute of its instance which no other method
waits for. A task that runs a mere wait of a library (`queue.get()`, `event.wait()`) has nothing to clean up and is left
alone, and so is one that is given a callback after the cancel: that is told of its end. A function that is not async
cannot wait. What a runner is given is waited for by the runner, and a test's tasks are over with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.imports import access_to
from cancelcheck.link.layout import line_behind
from cancelcheck.link.paths.ownership import steps_to_exit, when_it_leaves
from cancelcheck.link.tasks.cancels import Unjoined, statement_of, unjoined
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each cancelled task that a path to an exit does not wait for."""
    for found in unjoined(fn):
        call = found.cancel.call
        what = f"the tasks in `{found.collection}` are" if found.collection else f"`{found.cancel.key}` is"
        who = "they" if found.collection else "it"
        if found.in_vain:
            yield ctx.report(
                fn,
                call.index,
                found.in_vain,
                help="Cancel the tasks themselves and wait for them, or start them in a task group.",
                trace=ctx.steps(fn, (found.cancel.made[0].call.index, "it is over when the first one fails")),
            )
            continue
        yield ctx.report(
            fn,
            call.index,
            f"{what} cancelled and not awaited {when_it_leaves(fn, found.leak)}: "
            f"{who} may still be cleaning up while `{fn.name}` is believed to be done",
            help=f"Await {who.replace('they', 'them')} after the cancel, with `return_exceptions=True`.",
            trace=(
                ctx.step(fn, call.index, "it is asked to end"),
                *(ctx.step(fn, at, note) for at, note in steps_to_exit(fn, found.leak)),
            ),
            fix=_fix(fn, found, ctx),
        )


def _fix(fn: FunctionView, found: Unjoined, ctx: Context) -> Fix | None:
    statement, entry = statement_of(fn, found.cancel.call), found.cancel.entry
    place = line_behind(fn.module.source, statement.start, statement.end) if statement is not None else None
    access = access_to(fn, entry.join_module) if entry.join else None
    if found.collection or place is None or access is None:
        return None
    offset, indent = place
    text = f"{fn.module.source.newline}{indent}await {access.name}.{entry.join.format(found.cancel.key)}"
    return ctx.fix("wait until it is over", Safety.UNSAFE, *access.edits, (offset, offset, text))


RULE = Rule(
    code="CAN108",
    name="cancel-without-join",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.CALL,
)
