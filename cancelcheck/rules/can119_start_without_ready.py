"""A task that is started and counted on before it is ready.

## Why
Starting a task runs none of it: it begins at the next wait, and sets up what it has to some time later. Who uses that
at once finds nothing there, now and then, on a busy machine.

```python bad
import trio

class Service:
    def __init__(self, nursery: trio.Nursery, handler):
        self.nursery = nursery
        self.handler = handler

    async def __aenter__(self):
        self.nursery.start_soon(trio.serve_tcp, self.handler, 8000)
        return self
```

```python good
import trio

class Service:
    def __init__(self, nursery: trio.Nursery, handler):
        self.nursery = nursery
        self.handler = handler

    async def __aenter__(self):
        await self.nursery.start(trio.serve_tcp, self.handler, 8000)
        return self
```

## Fix safety
There is no fix: the task has to say when it is ready.

## Known limits
Only what is seen to be set up counts: a server, a function that takes a `task_status`, an attribute that the task
sets after a wait and that a public method of the class reads. A task that tells somebody (an event, a future) is left
alone, as is a method that waits for something unknown after the start.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Work
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.tasks.readiness import Unready, used_unready
from cancelcheck.link.tasks.spawning import spawns, work_text
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each start of a task whose setup is counted on before it is done."""
    for call, entry in spawns(fn):
        found = used_unready(call, entry)
        if found is None:
            continue
        yield ctx.report(
            fn,
            call.index,
            f"`{work_text(call, entry)}` is only started here, and {_counted_on(fn, found)}",
            help="Let the task call `task_status.started()` when it is ready, and start it with `await ….start(…)`."
            if entry.work is Work.CALLABLE
            else "Let the task set an event when it is ready, and wait for that here.",
            trace=_trace(fn, call.index, found, ctx),
        )


def _counted_on(fn: FunctionView, found: Unready) -> str:
    if found.used >= 0:
        return f"`{fn.text(found.used)}`, which it sets some time later, is used at once"
    return f"`{fn.name}` comes back before it is ready: {found.setup.text} some time later"


def _trace(fn: FunctionView, started: int, found: Unready, ctx: Context) -> tuple[Step, ...]:
    setup = found.setup
    steps = [ctx.step(fn, started, "the task is started")]
    if found.used >= 0:
        steps.append(ctx.step(fn, found.used, "what it sets up is used"))
    if setup.view is not None:
        steps.append(ctx.step(setup.view, setup.node, f"{setup.text}, when the task has come so far"))
    return tuple(steps)


RULE = Rule(
    code="CAN119",
    name="start-without-ready",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.SPAWN,
)
