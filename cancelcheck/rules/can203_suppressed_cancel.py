"""A `suppress`, or a context manager's exit, that swallows the cancellation.

## Why
`suppress(CancelledError)` and an `__aexit__` that returns true are handlers without a `raise`: the cancellation of
whatever is awaited inside ends there.

```python bad
import asyncio
import contextlib

async def warm_up(client):
    with contextlib.suppress(asyncio.CancelledError):
        await client.ping()
    await client.run()
```

```python good
import asyncio
import contextlib

async def stop(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
```

## Fix safety
There is no fix: what was to be ignored is for the author to say.

## Known limits
With `--strict` only: at a task's root, in a `finally`, around cleanup, around waits for tasks or futures that others
may cancel, for something shielded, or for a server (`serve_forever()`, which its close ends with a cancellation), and
in an exit that hands the exception on as a value (`self.state.set_exception(exc)`). An `__exit__` is looked at only
where its class also has an `__aexit__`, or this module enters it in an async function.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.exceptions import caught_by, suppressed_types
from cancelcheck.link.paths.exits import swallowing_return
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.swallowing.cancellation import (
    exit_hands_on,
    gives_back,
    is_root_region,
    joins_own_cancel,
    waits_for_others,
)
from cancelcheck.link.swallowing.catching import is_raised_anyway, points_leaving
from cancelcheck.model.facts import Enter, RegionKind
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each `suppress` of a cancellation, and each exit that returns true for one."""
    if fn.is_async:
        yield from _suppressed(fn, ctx)
    if fn.name in ("__aexit__", "__exit__") and fn.owner is not None:
        index = swallowing_return(fn)
        if index >= 0:
            yield ctx.report(
                fn,
                index,
                f"`{fn.owner.name}.{fn.name}` returns true for a cancellation: one in its `with` block is swallowed",
                help="Return true only for the exceptions that it has dealt with.",
                strict=exit_hands_on(fn),
            )


def _suppressed(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    for index, region in enumerate(fn.regions):
        if region.kind is not RegionKind.WITH:
            continue
        enter = fn.nodes[region.node]
        assert isinstance(enter, Enter)
        types = suppressed_types(fn, enter)
        catch = caught_by(fn, types) if types else None
        if catch is None or not (catch.broad or any(entry.framework != "threads" for entry in catch.named)):
            continue
        points = points_leaving(fn, index)
        if not points:
            continue
        # under trio and anyio nobody cancels a task and joins it
        joinable = catch.broad or any(entry.framework == "asyncio" for entry in catch.named)
        if is_raised_anyway(fn, region.parent) or (joinable and joins_own_cancel(fn, points)):
            continue
        in_cleanup = innermost(fn, enter.context, RegionKind.FINALLY) >= 0 or gives_back(fn, points)
        yield ctx.report(
            fn,
            enter.context,
            f"`{fn.text(enter.context)}` swallows the cancellation of `{fn.text(points[0])}`: `{fn.name}` goes on",
            help="Suppress it only around the wait for a task that was cancelled just before.",
            trace=(
                ctx.step(fn, points[0], f"`{fn.text(points[0])}` can be cancelled"),
                ctx.step(fn, enter.context, "the cancellation is suppressed"),
            ),
            strict=in_cleanup or is_root_region(fn, index) or (joinable and waits_for_others(fn, points)),
        )


RULE = Rule(
    code="CAN203",
    name="suppressed-cancel",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
