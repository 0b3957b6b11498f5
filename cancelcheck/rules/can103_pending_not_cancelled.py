"""Tasks that a wait has left pending, and nobody cancels.

## Why
`asyncio.wait` with a timeout, or for the first one, cancels nothing: what is not done runs on. Where the pending set is
dropped, nothing in the program can stop those tasks any more, and each call leaves some behind.

```python bad
import asyncio

async def first(mirrors):
    tasks = [asyncio.create_task(mirror.fetch()) for mirror in mirrors]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()
```

```python good
import asyncio

async def first(mirrors):
    tasks = [asyncio.create_task(mirror.fetch()) for mirror in mirrors]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return done.pop().result()
```

## Fix safety
Unsafe: what is left is cancelled and waited for right after the wait; it may have been meant to go on. Not offered
where the report is made with `--strict` only, where the wait is no statement of its own, and where each task has its
own local.

## Known limits
Only tasks that the function itself has made: others have an owner elsewhere. The jobs of a thread pool count as tasks
where the function has made the pool and does not shut it down by hand: the end of its `with` waits for all of them,
however short the wait before it was. With `--strict` also those of another pool. What a runner is given, and a test,
are left alone: their tasks are over with them. Any later use of the tasks, or of the set they are in, counts as seeing
to them; a condition that asks if any are left leaves the report to `--strict`, as does a function that closes and gives
the rest some time. A wait that a loop comes round to again is no end of it. A wait that is cancelled itself is reported
by default where one of its tasks is the very call that takes something out of a queue or a stream, with `--strict`
where a coroutine of the project does that. With `--strict` a `gather` of tasks that this function holds counts too,
where a failure of one leaves the others running, and one of them is known to run a coroutine of the project; so does
one of coroutines that loop until they are told to end. By default only where these are nested functions of the one that
gathers them: it is over, and they go on in its locals.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.tasks.pending import Left, abandoned, left_by_cancellation, left_by_failure
from cancelcheck.link.tasks.sweeping import sweeping_edits
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each wait whose pending tasks are dropped."""
    told: set[int] = set()
    for left in abandoned(fn):
        told.add(left.call.index)
        one = "job" if left.are_jobs else "task"
        yield ctx.report(
            fn,
            left.call.index,
            f"`{left.call.text}(…)` may come back with {one}s that are not done, and nothing cancels them: they run on",
            help="Cancel what is pending, and wait for it.",
            trace=(ctx.step(fn, left.made[0], f"a {one} is made here"), ctx.step(fn, left.call.index, left.why)),
            fix=_fix(fn, left, ctx) if not left.strict else None,
            strict=left.strict,
        )
    for left in left_by_cancellation(fn):
        if left.call.index in told:
            continue
        yield ctx.report(
            fn,
            left.call.index,
            f"`{left.call.text}(…)` cancels nothing where it is cancelled itself: what its task then takes is lost",
            help="Cancel the task in a `finally`.",
            trace=(ctx.step(fn, left.made[0], "a task is made here"), ctx.step(fn, left.call.index, left.why)),
            strict=left.strict,
        )
    for left in left_by_failure(fn):
        yield ctx.report(
            fn,
            left.call.index,
            f"where one of the tasks of `{left.call.text}(…)` fails, the others are not cancelled: they run on",
            help="Start them in a task group, or cancel the others in a `finally`.",
            trace=(ctx.step(fn, left.made[0], "a task is made here"), ctx.step(fn, left.call.index, left.why)),
            strict=left.strict,
        )


def _fix(fn: FunctionView, left: Left, ctx: Context) -> Fix | None:
    edits = sweeping_edits(fn, left)
    return ctx.fix("cancel what is pending, and wait for it", Safety.UNSAFE, *edits) if edits is not None else None


RULE = Rule(
    code="CAN103",
    name="pending-not-cancelled",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.DEF | Asks.TOLD,
)
