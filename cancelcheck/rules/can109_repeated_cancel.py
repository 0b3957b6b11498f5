"""The same task, scope or timer cancelled twice on one path.

## Why
Whoever cancels a thing a second time does not know that it was cancelled already: two owners, or cleanup written twice.
In asyncio a second `cancel()` also goes into the task's own cleanup and cuts that off.

```python bad
import asyncio

async def serve(work):
    task = asyncio.create_task(work())
    try:
        await asyncio.sleep(1)
        task.cancel()
    finally:
        task.cancel()
        await asyncio.wait([task])
```

```python good
import asyncio

async def serve(work):
    task = asyncio.create_task(work())
    try:
        await asyncio.sleep(1)
    finally:
        task.cancel()
        await asyncio.wait([task])
```

One that looks first is fine:

```python good
import asyncio

async def stop(work):
    task = asyncio.create_task(work())
    task.cancel()
    await asyncio.wait([task], timeout=5)
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
```

## Fix safety
Safe: one of the two goes, where nothing is waited for between them and the other is always run. Elsewhere there is no
fix.

## Known limits
The cancels of one function only, of what is a plain place (`task`, `self._scope`). A loop that cancels the same thing
on each turn, and one that cancels all of a collection, are left alone; so is a task that has been waited for in between
(it is over, and the second cancel is for the ways on which the first was not reached), and what a loop cancels before
it makes the next one. One that is cancelled under a condition in a `try`, as soon as nobody needs it any more, and in
the `finally` on every way, is left alone too.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.layout import lines_of
from cancelcheck.link.tasks.cancels import Again, cancelled_again, statement_of
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each second cancel on one path."""
    for again in cancelled_again(fn):
        first = fn.line(again.first.call.index)
        yield ctx.report(
            fn,
            again.second.call.index,
            f"`{again.second.key}` was cancelled at line {first} already: two places believe that they own it",
            help="Let one owner cancel it, once.",
            trace=(
                ctx.step(fn, again.first.call.index, "it is cancelled"),
                ctx.step(fn, again.second.call.index, "and cancelled again"),
            ),
            fix=_fix(fn, again, ctx),
        )


def _fix(fn: FunctionView, again: Again, ctx: Context) -> Fix | None:
    for cancel in again.removable:
        statement = statement_of(fn, cancel.call)
        lines = lines_of(fn.module.source, statement.start, statement.end) if statement is not None else None
        if lines is not None:
            return ctx.fix("cancel it once", Safety.SAFE, (*lines, ""))
    return None


RULE = Rule(
    code="CAN109",
    name="repeated-cancel",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.CALL,
)
