"""A task that some path out of the function forgets.

## Why
The task is kept, and used: but not on every path. Where the function returns early, nobody awaits the task or cancels
it; it runs on beside whatever comes next, its exception unseen.

```python bad
import asyncio

async def load(store, key):
    fetching = asyncio.create_task(store.fetch(key))
    cached = store.peek(key)
    if cached is not None:
        return cached
    return await fetching
```

```python good
import asyncio

async def load(store, key):
    cached = store.peek(key)
    if cached is not None:
        return cached
    fetching = asyncio.create_task(store.fetch(key))
    return await fetching
```

## Fix safety
There is no fix: whether the task is to be awaited or cancelled is for the author to say.

## Known limits
Any read of the local counts as a use, an argument of a log call too. A task that a nested function mentions is left
alone, and so is everything in the function that a runner is given. With `--strict`, exceptions and cancellations count
as ways out too (not where the function goes on behind a shielded wait, nor for a mere sleep), and a read that neither
awaits nor cancels the task, nor hands it on, does not save it; a callback that is told of its end does. What such a way
out leaves in a test is over with the test. Of what a function that is not async gives to the loop of another thread,
all is reported with `--strict` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cancelcheck.catalog.schema import Work
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.cleanup import is_left_by_cleanup
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.paths.leaks import ENDS, Raising, Settling, leak_of, settled_at
from cancelcheck.link.paths.ownership import (
    TASK_OR_ENDED,
    held_in,
    is_outlived,
    over_by,
    own_reads,
    settled_by,
    steps_to_exit,
    when_it_leaves,
    with_comprehensions,
)
from cancelcheck.link.swallowing.cancellation import is_program
from cancelcheck.link.tasks.attributes import called_method
from cancelcheck.link.tasks.detaching import is_stray
from cancelcheck.link.tasks.pending import abandoned, left_by_cancellation
from cancelcheck.link.tasks.spawning import ends_by_itself, is_sent_over, spawns, work_text
from cancelcheck.link.undoing import says_undoing
from cancelcheck.model.facts import FunctionKind, RegionKind
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each task in a local that a path to an exit does not read."""
    if fn.facts.kind is not FunctionKind.DEF:
        return
    pending: set[int] | None = None
    cancelled: set[int] = set()
    known: dict[str, tuple[Settling, Callable[[int], bool | None]]] = {}
    for call, spawner in spawns(fn):
        if spawner.has_owner or spawner.strict or spawner.work is not Work.COROUTINE or call.is_awaited:
            continue
        held = held_in(fn, call.index)
        if held is None or is_program(fn) or is_stray(call):
            continue
        store, name = held
        reads = own_reads(fn, name)
        if not reads:
            continue
        used = settled_at(with_comprehensions(fn, reads))
        leak, strict = leak_of(fn, store, used, name=name), False
        if leak is not None and leak.node == store and _is_conditional(fn, store):
            strict = True  # what makes it make one again may well be that the last one is done
        if leak is None:
            leak = leak_of(fn, store, used, raising=Raising.ERRORS, name=name, kinds=ENDS)
        if leak is None:
            if name not in known:
                known[name] = settled_by(fn, reads, TASK_OR_ENDED), over_by(fn, name, TASK_OR_ENDED)
            settles, over = known[name]
            if any(called_method(fn, at) == "add_done_callback" for at in reads):
                continue  # somebody is told of its end
            leak, strict = leak_of(fn, store, settles, raising=Raising.ALL, name=name, over=over), True
            if leak is not None and (is_outlived(fn, leak, name) or ends_by_itself(call, spawner)):
                continue
        if leak is None or is_left_by_cleanup(fn, leak, name):
            continue
        if not fn.is_async and is_sent_over(call, spawner):
            # what another thread's loop was given goes on there, whether or not anybody here can wait for it
            strict = True
            if says_undoing(fn.name):
                continue  # who closes gives it some time, and goes
        if strict and (fn.module.is_test or fn.module.is_harness):
            continue  # it is over with the test
        if pending is None:
            pending = {at for left in abandoned(fn) for at in left.made}
            cancelled = {at for left in left_by_cancellation(fn) for at in left.made}
        if call.index in pending or (strict and call.index in cancelled):
            continue  # the wait that leaves it is reported
        yield ctx.report(
            fn,
            call.index,
            f"task `{work_text(call, spawner)}` in `{name}` is not awaited or cancelled {when_it_leaves(fn, leak)}",
            help="Await or cancel it on every path, or start it in a task group.",
            trace=(
                ctx.step(fn, call.index, "the task is started"),
                *(ctx.step(fn, at, note) for at, note in steps_to_exit(fn, leak)),
            ),
            strict=strict,
        )


def _is_conditional(fn: FunctionView, index: int) -> bool:
    """Whether a node lies in a branch of the innermost loop around it."""
    around = innermost(fn, index, RegionKind.BRANCH, RegionKind.LOOP)
    return around >= 0 and fn.regions[around].kind is RegionKind.BRANCH


RULE = Rule(
    code="CAN102",
    name="unjoined-task",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.DEF | Asks.SPAWN,
)
