"""A task that nobody holds.

## Why
The event loop keeps only a weak reference to a task. One whose handle is dropped can be collected before it is done,
its exception is never seen, and nothing can cancel it: at shutdown it is cut off wherever it stands.

```python bad
import asyncio

async def serve(queue):
    asyncio.create_task(drain(queue))
    await queue.join()
```

```python good
import asyncio

async def serve(queue):
    drainer = asyncio.create_task(drain(queue))
    try:
        await queue.join()
    finally:
        drainer.cancel()
```

A task group owns what it starts, and a set keeps what is in it:

```python good
import asyncio

_background_tasks = set()

async def serve(queue):
    task = asyncio.create_task(drain(queue))
    _background_tasks.add(task)
    task.add_done_callback(_background_tasks.discard)
    await queue.join()
```

A function of the project that starts a task and only returns it hands it to its callers, each of which has to keep it.

## Fix safety
Unsafe: a set of the module keeps the task until it is done, so that it cannot vanish; who cancels it, and who looks at
its failure, is for the author to say. Not offered where the report is made with `--strict` only.

## Known limits
A local that is read once, only to log it or to add a callback, counts as kept. Left alone is what loses nothing with
its handle: a coroutine of a library that never waits, for it is done in one step (`put` on a queue that is made without
a bound), or a sleep of zero; a callable in a thread that sees to its own failures; and the close of something where an
object goes away (`__del__`, or a function that is given to `weakref.finalize`), for nobody is left to keep it.

With `--strict` only: a task that only a callback is told of, which nobody keeps until then; `executor.submit`, for many
jobs are meant to be forgotten, and the pool's shutdown waits for them; a coroutine of the project that never waits; one
that does one thing after a delay, and expects that to fail; what else is started where an object goes away; what only
closes another object, where a function closes (`close`, `__exit__`);
what is sent to another thread's loop, where the function then waits for a thread to end, or for an event of its own
that it gives to the work; what a function hands out that only tells how something ends that runs anyway, or what it has
given to a thread; none of these in a test. `# noqa: RUF006` counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Spawner, Work
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.tasks.detaching import is_stray
from cancelcheck.link.tasks.keeping import keeping_edits
from cancelcheck.link.tasks.spawning import (
    cannot_be_lost,
    is_only_told_of,
    loss_of,
    may_be_forgotten,
    only_tells,
    runs_in_one_step,
    spawns,
    started_in,
    work_text,
)
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule

_HOW = {
    "dropped": "is not kept",
    "unread": "is kept in a local that nothing reads",
    "callback": "is what a callback returns, and nobody takes it",
    "told of": "has a callback, and nobody keeps it",
}


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each spawner's call whose handle is lost."""
    for call, spawner in spawns(fn):
        if spawner.has_owner or is_stray(call):
            continue
        loss = loss_of(fn, call.index) or ("told of" if is_only_told_of(call, spawner) else "")
        if not loss:
            continue
        started = started_in(call)
        if started is None and cannot_be_lost(call, spawner):
            continue
        at_once = spawner.work is Work.COROUTINE and runs_in_one_step(call, spawner)
        if at_once:
            what, then = "task", "its failure is never seen, and nothing can wait for it"
        elif spawner.work is Work.COROUTINE:
            what, then = "task", "it can vanish before it is done, and nothing can cancel it"
        else:
            what, then = "future of", "its failure is never seen, and nothing waits for it"
        forgotten = may_be_forgotten(call, spawner) or (
            started is not None
            and (may_be_forgotten(started.call, started.entry) or only_tells(started.call, started.entry))
        )
        # through a function of the project: who wrote that has thought of it
        handed_out = started is not None and spawner.work is Work.CALLABLE
        strict = spawner.strict or at_once or forgotten or handed_out or loss == "told of"
        if strict and (fn.module.is_test or fn.module.is_harness):
            continue
        yield ctx.report(
            fn,
            call.index,
            f"{what} `{work_text(call, spawner)}` {_HOW[loss]}: {then}",
            help="Keep the handle and await or cancel it, or start it in a task group.",
            trace=(
                ctx.step(started.call.fn, started.call.index, "it is started here, and handed out"),
                ctx.step(fn, call.index, _HOW[loss]),
            )
            if started is not None
            else (),
            fix=_fix(call, spawner, ctx) if not strict and started is None else None,
            strict=strict,
        )


def _fix(call: CallSite, spawner: Spawner, ctx: Context) -> Fix | None:
    edits = keeping_edits(call, spawner)
    return ctx.fix("keep it in a set until it is done", Safety.UNSAFE, *edits) if edits is not None else None


RULE = Rule(
    code="CAN101",
    name="lost-task",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.SPAWN,
)
