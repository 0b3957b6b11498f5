"""A timeout around work in a thread that no timeout can stop.

## Why
A thread cannot be cancelled. When the timer fires, only the wait for it ends (under trio and anyio not even that): the
thread goes on, keeps its connection and its place in the pool, and after enough of them the pool is full and the
program stands still. A `with` on an executor waits for its threads whatever timeout `result` was given.

```python bad
import asyncio
import subprocess

async def build(target):
    return await asyncio.wait_for(asyncio.to_thread(subprocess.run, ["make", target]), 30)
```

```python good
import asyncio
import subprocess

async def build(target):
    return await asyncio.to_thread(subprocess.run, ["make", target], timeout=30)
```

## Fix safety
There is no fix: whether a stop event, a timeout inside of the blocking call, or a cleanup in the background helps is
for the author to say.

## Known limits
By default only work that is seen to outlast the timeout is reported: a blocking call of the catalogue without a bound
or with a longer one, a loop that nothing ends, in the function or in project functions that it calls. What cannot be
resolved, and what only computes, is reported with `--strict`. A handler or `finally` that ends something, or tells it
to end, is taken to mean the work; so is a stop flag that the work looks at. The look-up of a name ends by the system's
own timeout, and who asks later whether the work is done knows that it goes on: both are left alone. In test files
nothing is guessed, not even with `--strict`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.threads.threadwork import Orphan, orphans
from cancelcheck.model.facts import Call
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each start of work in a thread that outlives the timeout around the wait for it."""
    for orphan in orphans(fn):
        if fn.module.is_test and not orphan.known:
            continue  # a test's guard against its own hanging
        yield ctx.report(
            fn,
            orphan.call.index,
            f"`{orphan.limit.call.text}(…)` cannot stop `{fn.text(orphan.work.node)}`: {_then(fn, orphan)}",
            help="Give the blocking call a timeout of its own, or the work a stop event, or clean up after it later.",
            trace=_trace(fn, orphan, ctx),
            strict=not orphan.known,
        )


def _then(fn: FunctionView, orphan: Orphan) -> str:
    if orphan.joined_by >= 0:
        return "the end of the `with` block waits for it, however long it takes"
    if orphan.waits:
        return "the wait for its thread lasts until it is done"
    return "the timer fires, and its thread goes on"


def _trace(fn: FunctionView, orphan: Orphan, ctx: Context) -> tuple[Step, ...]:
    steps = [
        ctx.step(orphan.limit.call.fn, orphan.limit.call.index, "the timeout ends the wait here"),
        ctx.step(fn, orphan.call.index, "the work is given to a thread"),
    ]
    if orphan.stay is not None:
        steps += [ctx.step(call.fn, call.index, f"calls `{call.text}`") for call in orphan.stay.calls]
        view, node = orphan.stay.view, orphan.stay.node
        what = "waits" if isinstance(view.nodes[node], Call) else "loops"
        bound = "without a bound" if math.isinf(orphan.stay.seconds) else f"for up to {orphan.stay.seconds:g} s"
        steps.append(ctx.step(view, node, f"and {what} {bound}"))
    if orphan.joined_by >= 0:
        steps.append(ctx.step(fn, orphan.joined_by, "its end waits for all work"))
    return tuple(steps)


RULE = Rule(
    code="CAN110",
    name="uncancellable-work",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.CALL,
)
