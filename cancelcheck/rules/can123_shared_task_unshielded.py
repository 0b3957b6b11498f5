"""A task that several wait for, awaited without a shield.

## Why
`await task` passes the waiter's cancellation on to the task. Where a task is made once and awaited by all who come (a
cache that loads each key once, a `close` that may be called twice), the first one who is cancelled, or whose `wait_for`
times out, cancels it for all the others.

```python bad
import asyncio

class Cache:
    def __init__(self):
        self._loading = {}

    async def get(self, key):
        if key not in self._loading:
            self._loading[key] = asyncio.create_task(self._load(key))
        return await self._loading[key]

    async def _load(self, key):
        await asyncio.sleep(1)
```

```python good
import asyncio

class Cache:
    def __init__(self):
        self._loading = {}

    async def get(self, key):
        if key not in self._loading:
            self._loading[key] = asyncio.create_task(self._load(key))
        return await asyncio.shield(self._loading[key])

    async def _load(self, key):
        await asyncio.sleep(1)
```

## Fix safety
Safe: `shield` stands around the task, and only a cancellation of the waiter behaves in another way. Offered where the
module imports what it takes.

## Known limits
A task counts as shared where it is made only if its place, an attribute or a mapping, holds none yet. A function that
names cancellations in a handler around the await is taken to have thought of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.tasks.holding import Shared, shared_awaits, spelling
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each await that passes one waiter's cancellation on to a task that others wait for."""
    for shared in shared_awaits(fn):
        yield ctx.report(
            fn,
            shared.at,
            f"`{fn.text(shared.awaited)}` is awaited without a shield: "
            "the first waiter that is cancelled cancels it for all",
            help="Await it through a shield.",
            trace=(
                ctx.step(shared.call.fn, shared.call.index, f"the task is made once, and kept in `{shared.place}`"),
                ctx.step(fn, shared.at, "everybody awaits the same one here"),
            ),
            fix=_fix(fn, shared, ctx),
        )


def _fix(fn: FunctionView, shared: Shared, ctx: Context) -> Fix | None:
    shield = spelling(fn, shared.spawner.shield)
    if not shield:
        return None
    node = fn.nodes[shared.awaited]
    return ctx.fix(
        "await it through a shield", Safety.SAFE, (node.start, node.start, f"{shield}("), (node.end, node.end, ")")
    )


RULE = Rule(
    code="CAN123",
    name="shared-task-unshielded",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.AWAIT,
)
