"""An `await` in cleanup that a second cancellation skips.

## Why
Cleanup that awaits can be cancelled itself: at shutdown, by a timeout further out, by an impatient user. Whatever is
behind that `await` is then not done. And a peer that does not answer makes it wait forever.
Under trio and anyio it is worse: in a cancelled scope the first `await` raises at once, so that the cleanup never runs.

```python bad
import asyncio

async def serve(conn, registry):
    try:
        await conn.run()
    finally:
        await conn.goodbye()
        registry.forget(conn)
```

```python good
import asyncio

async def serve(conn, registry):
    try:
        await conn.run()
    finally:
        try:
            async with asyncio.timeout(5):
                await conn.goodbye()
        finally:
            registry.forget(conn)
```

```python good
import anyio

async def serve(conn, registry):
    try:
        await conn.run()
    finally:
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 5):
            await conn.goodbye()
        registry.forget(conn)
```

## Fix safety
There is no fix: how long the cleanup may take is for the author to say.

## Known limits
The first such `await` of each cleanup is reported. A call of the project's own functions counts where one of them,
three calls deep at most, waits without a bound; not where all that it comes to, two calls deep or more, is a callback
or an awaitable that was handed in, nor one call deep where it is asked first whether there is anything to be awaited:
nobody can tell whether that waits. An `__aexit__` counts where it has more to do behind the wait.

Left alone is what deals with a second cancellation: the join of a task that was cancelled just before, a handler that
catches cancellations with everything else, a wait for whose cancellation the cleanup, or a function that it calls, has
a handler; what no cancellation leads to: a handler that has asked for another type, a `finally` behind a flag that the
handler for cancellations sets; and a coroutine that is only there to be run (a nested, private or script's one, by
`asyncio.run`), which its runner cancels once.

So is what waits for nobody: `put` on a queue without a bound, a lock of asyncio that is never held over a wait, one of
those that a wait has found done, a close that is local (psycopg), that has done all before its first wait (aiohttp), or
that the library shields itself (httpx) or bounds (a websocket's `close`). And what has a cleanup of its
own, which is looked at where it stands: the `aclose()` of an asynchronous generator, known as one or gone through as
one (`aclosing` does the same), and context managers that are left by hand, with nothing behind it, or that an `async
with` around leaves next.

In test files, and in packages that are named for tests, nothing is reported: nobody cancels a test twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.unshielded import unshielded_cleanups
from cancelcheck.link.threads.programs import is_cancelled_once
from cancelcheck.model.facts import Enter
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports the first wait of each cleanup that neither a shield nor a timeout is around."""
    if fn.module.is_test or fn.module.is_harness:
        return
    for found in unshielded_cleanups(fn):
        if is_cancelled_once(fn, found.node):
            continue
        entered = "async with " if isinstance(fn.nodes[found.node], Enter) else ""
        yield ctx.report(
            fn,
            found.node,
            f"`{entered}{fn.text(found.node)}` in {found.where} has neither a shield nor a timeout: "
            "a second cancellation skips it and what follows, and a peer that hangs makes it wait forever",
            help="Give it a shield and a deadline.",
            trace=(
                ctx.step(fn, found.node, "the cleanup waits here"),
                *(ctx.step(view, at, f"`{view.text(at)}` has no bound") for view, at in found.chain),
            ),
        )


RULE = Rule(
    code="CAN107",
    name="unshielded-cleanup",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC,
)
