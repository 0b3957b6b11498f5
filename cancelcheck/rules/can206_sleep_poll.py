"""A loop that sleeps between two looks, where it could wait.

## Why
Who sleeps for a fixed time between two looks sees every change late, the stop signal too, and wakes for nothing
meanwhile. What it looks at is changed by another part of the same program, which could wake it: events, conditions and
queues do, at once, and their waits take a timeout.

```python bad
import asyncio

class Player:
    async def play(self):
        while not self.ready:
            await asyncio.sleep(0.1)
        print("go")
```

```python good
import asyncio

class Player:
    def __init__(self):
        self.ready = asyncio.Event()

    async def play(self):
        await self.ready.wait()
        print("go")
```

## Fix safety
There is no fix: the other side has to tell of the change.

## Known limits
A few turns without a pause (`sleep(0)`), to let the event loop settle, are left alone.

What only another program or another machine changes (a file, a job's status) has to be polled: a loop that calls
something to find out is left alone unless the call is known to read a state of this process. The state of a process
that no event loop can wait for (psutil's, multiprocessing's) is left alone in a coroutine. So is a flag that the file's
own handler of signals sets, outside of coroutines: a handler may come in the middle of anything, and can do little else
in safety. A sleep that grows or is computed is left alone too, and so are test files: a test looks from outside at what
says nothing to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.loops.sleeping import sleep_polls
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each loop with a turn that looks, sleeps for a fixed time, and looks again."""
    if fn.module.is_test:
        return
    for found in sleep_polls(fn):
        region = fn.regions[found.loop]
        sleep = f"{found.sleep.text}({', '.join(fn.text(arg.value) for arg in found.sleep.node.args)})"
        measured = fn.call_at(fn.nodes[found.watched].parent)
        is_measured = measured is not None and measured.target == "builtins.len"
        watched = fn.text(fn.nodes[found.watched].parent if is_measured else found.watched)
        harm = "it burns a core until the change comes" if found.is_spin else "every change is seen late"
        yield ctx.report(
            fn,
            (region.start, fn.nodes[region.node].end),
            f"`{watched}` is looked at again after each `{sleep}`: {harm}",
            help="Wait for the change itself: with an event, a condition, or the queue's own `get` and its timeout.",
            trace=(
                ctx.step(fn, found.watched, f"`{watched}` has not changed yet"),
                ctx.step(fn, found.sleep.index, "the loop sleeps and looks again"),
            ),
        )


RULE = Rule(
    code="CAN206",
    name="sleep-poll",
    family=Family.SWALLOWED_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.LOOP | Asks.TOLD,
)
