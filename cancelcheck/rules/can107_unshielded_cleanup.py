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
or an awaitable that was handed in: nobody can tell whether that waits. An `__aexit__` counts where it has more to do
behind the wait. The join of a task that was cancelled just before is left alone, and so is a handler that catches
cancellations with everything else; what waits for nobody: `put` on a queue without a bound, a lock of asyncio that is
never held over a wait, a close that is local (the cursor of psycopg), or that the library shields itself (httpx) or
bounds (a websocket's `close`); and the `aclose()` of an asynchronous generator, whose own cleanup is looked at where it
stands. In test files nothing is reported: nobody cancels a test twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.cleanup import unshielded_cleanups
from cancelcheck.model.facts import Enter
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports the first wait of each cleanup that neither a shield nor a timeout is around."""
    if fn.module.is_test:
        return
    for found in unshielded_cleanups(fn):
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
