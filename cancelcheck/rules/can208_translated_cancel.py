"""A handler that turns the cancellation into an ordinary failure.

## Why
Whoever cancelled waits for the cancellation to come back. If it comes back as another exception, `timeout` and
`TaskGroup` lose count, a retry takes it for a failure and tries again, and an error is logged that is none.

```python bad
import asyncio

async def fetch(reader):
    try:
        return await reader.read()
    except asyncio.CancelledError as exc:
        raise ConnectionError("interrupted") from exc
```

```python good
import asyncio

async def fetch(reader):
    try:
        return await reader.read()
    except asyncio.CancelledError:
        print("interrupted")
        raise
```

## Fix safety
There is no fix: what the other exception was to say is for the author to put elsewhere.

## Known limits
A handler that raises the cancellation on one of its ways is taken to decide rightly. A handler that catches it by a
base class, an exception whose own name says that something was cancelled, tests, which do it to see what comes of it,
waits for a task that others may cancel, a task's root, whose failure is for those who wait for the task, and files that
use a framework which cancels a handler to tell of a peer that is gone (Quart's websockets) are reported with `--strict`
only. What an exception is has to be seen: one that a function makes is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.exceptions import cancels_when_gone, handlers
from cancelcheck.link.swallowing.cancellation import is_task_root, waits_for_others
from cancelcheck.link.swallowing.catching import points_reaching
from cancelcheck.link.swallowing.translating import Raised, translations
from cancelcheck.model.facts import Call, Raise
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each `raise` of another exception in a handler that catches a cancellation."""
    if not fn.is_async:
        return
    for handler in handlers(fn):
        named = any(entry.framework != "threads" for entry in handler.catch.named)
        if not named and not handler.catch.broad:
            continue
        points = points_reaching(fn, handler)
        if not points:
            continue
        for index, raised in translations(fn, handler, points):
            node = fn.nodes[index]
            assert isinstance(node, Raise)
            made = fn.nodes[node.exc]
            what = fn.text(made.func if isinstance(made, Call) else node.exc)
            yield ctx.report(
                fn,
                index,
                f"a cancellation of `{fn.text(points[0])}` becomes `{what}`: "
                f"whoever cancels `{fn.name}` sees an ordinary failure",
                help="Raise the cancellation itself; what else there is to say belongs in a log.",
                trace=(
                    ctx.step(fn, points[0], f"`{fn.text(points[0])}` can be cancelled"),
                    ctx.step(fn, handler.node, "the cancellation is caught"),
                    ctx.step(fn, index, f"and `{what}` is raised in its place"),
                ),
                strict=not named
                or raised is Raised.NAMED_CANCELLED
                or fn.module.is_test
                or cancels_when_gone(fn)
                or waits_for_others(fn, points)
                or is_task_root(fn),
            )


RULE = Rule(
    code="CAN208",
    name="translated-cancel",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.HANDLER,
)
