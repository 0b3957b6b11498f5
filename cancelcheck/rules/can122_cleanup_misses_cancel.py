"""Cleanup for errors alone: a cancellation goes past it.

## Why
Since Python 3.8 a cancellation is no `Exception`. A handler for `Exception` that closes, releases or rolls back and
raises again does so after an error only: when the task is cancelled in its `try`, the connection stays open, the lock
stays taken, the transaction stays half done.

```python bad
import asyncio

async def connect(host):
    reader, writer = await asyncio.open_connection(host, 5432)
    try:
        await reader.readline()
    except Exception:
        writer.close()
        raise
    return reader, writer
```

```python good
import asyncio

async def connect(host):
    reader, writer = await asyncio.open_connection(host, 5432)
    try:
        await reader.readline()
    except BaseException:
        writer.close()
        raise
    return reader, writer
```

A `finally`, or a `with` that owns it, does the same:

```python good
import asyncio

async def greet(host):
    reader, writer = await asyncio.open_connection(host, 5432)
    try:
        return await reader.readline()
    finally:
        writer.close()
```

## Fix safety
Unsafe: with `except BaseException` everything in the handler is done after a cancellation too, its logging included.
It is offered where the handler raises the same exception again; one that raises another would hide the cancellation.

## Known limits
What undoes something is told by the catalogue, and by a method's name (`close`, `_abort_upload`, `rollback`). Handlers
for anything narrower than `Exception` are left alone, and so is what they do for some types of it only: what they undo
may be that error's own. So is what is done to the error itself, and a method of the class's own (`_step`) whose callers
all do the same in a `finally`.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.cleanup import missed_cleanups, raises_the_same
from cancelcheck.link.paths.exceptions import Handler, exception_types, handlers_of
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.facts import Yield
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each handler for errors whose cleanup a cancellation goes past."""
    for handler, missed in missed_cleanups(fn):
        undoing = fn.text(missed.undoing)
        is_block = isinstance(fn.nodes[missed.point], Yield)
        point = "in its `with` block" if is_block else f"of `{fn.text(missed.point)}`"
        yield ctx.report(
            fn,
            handler.node,
            f"`{fn.text(handler.node)}` runs `{undoing}` after an error only: a cancellation {point} goes past it",
            help="Catch `BaseException` and raise it again, or clean up in a `finally`.",
            trace=(
                ctx.step(fn, missed.point, f"a cancellation {point} comes in here"),
                ctx.step(fn, handler.node, "it is no `Exception`"),
                ctx.step(fn, missed.undoing, f"`{undoing}` is not run"),
            ),
            fix=_fix(fn, handler, ctx),
            strict=missed.doubtful,
        )


def _fix(fn: FunctionView, handler: Handler, ctx: Context) -> Fix | None:
    if handlers_of(fn, handler.statement)[-1].region != handler.region or not raises_the_same(fn, handler):
        return None
    leaf = next(leaf for leaf in exception_types(fn, [handler.excepts(fn).caught]) if leaf.name == "builtins.Exception")
    node = leaf.view.nodes[leaf.node]
    if leaf.view is not fn or fn.text(leaf.node) != "Exception" or fn.bindings("BaseException").scope is not None:
        return None
    return ctx.fix("catch `BaseException`", Safety.UNSAFE, (node.start, node.end, "BaseException"))


RULE = Rule(
    code="CAN122",
    name="cleanup-misses-cancel",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.HANDLER,
)
