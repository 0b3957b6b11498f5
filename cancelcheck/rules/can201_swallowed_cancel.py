"""A handler that catches the cancellation and goes on.

## Why
A cancellation is delivered once. A handler that catches it and does not raise it again has eaten it: the task runs on,
`timeout` and `TaskGroup` lose count, and whoever cancelled waits for something that will not end.

```python bad
import asyncio

async def poll(reader):
    while True:
        try:
            await reader.read()
        except asyncio.CancelledError:
            print("interrupted")
```

```python good
import asyncio

async def poll(reader):
    while True:
        try:
            await reader.read()
        except asyncio.CancelledError:
            print("interrupted")
            raise
```

Waiting for a task that this very function has cancelled is the idiom for joining it:

```python good
import asyncio

async def stop(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
```

## Fix safety
Safe where the handler falls through: `raise` is added at its end. Unsafe where the report is made with `--strict` only,
for it may be meant; and where the handler takes other exceptions too: then one for the cancellation alone is put before
it, so that what it does is not done after a cancellation. Where it returns or jumps there is no fix.

## Known limits
A handler that names the cancellation may be meant. By default it is reported where it takes it for one failure among
others, where a loop goes round again or other work follows (also behind a call of the function in this module), where
a caller in this module keeps or hands on what is then returned, inside a timeout or a task group of the function, and
under trio and anyio, whose scopes count on each cancellation to come out. With `--strict` only: where the function
ends with nothing but cleanup; where the handler raises on another way, or sets a flag; where its answer, True or False,
tells a caller who then waits for nothing more, or is for a client that is gone, as it says; where what was awaited is a
task or future that others may cancel, or shielded, a server (`serve_forever()`, which its close ends with a
cancellation), or an event that tells to stop. At a task's root only a loop that goes on counts; a function that loops
until it is cancelled, and that its own module does not await, is taken for one. The join idiom is told by the place
that is cancelled and awaited; a task that a helper cancels is not seen unless the helper's name says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.exceptions import Handler, handlers
from cancelcheck.link.paths.flow import Escape
from cancelcheck.link.promises.silence import ends_quietly
from cancelcheck.link.promises.sla import promise_of
from cancelcheck.link.swallowing.cancellation import eating_escapes, is_quiet_root, may_be_meant
from cancelcheck.link.swallowing.catching import points_reaching
from cancelcheck.link.swallowing.mending import let_through, raised_at_end
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each handler that names a cancellation and has a way out without raising."""
    if not fn.is_async:
        return
    for handler in handlers(fn):
        if not any(entry.framework != "threads" for entry in handler.catch.named):
            continue
        points = points_reaching(fn, handler)
        lost = eating_escapes(fn, handler, points)
        if not lost:
            continue
        escape = lost[0]
        where = {
            "end": "goes on after the handler",
            "return": "returns",
            "break": "leaves the loop",
            "continue": "goes round again",
        }[escape.kind]
        at = points[0]
        strict = is_quiet_root(fn, handler) or may_be_meant(fn, handler, points, lost)
        if promise_of(fn) is not None and ends_quietly(fn, handler):
            continue  # that nobody hears of it is told
        yield ctx.report(
            fn,
            handler.node,
            f"`{fn.text(handler.node)}` catches the cancellation and {where}: "
            f"`{fn.name}` can no longer be cancelled here",
            help="Raise it again once the cleanup is done.",
            trace=(
                ctx.step(fn, at, f"`{fn.text(at)}` can be cancelled"),
                ctx.step(fn, handler.node, "the cancellation is caught"),
                *([ctx.step(fn, escape.node, "and is gone")] if escape.node >= 0 else []),
            ),
            fix=_fix(fn, handler, lost, strict, ctx),
            strict=strict,
        )


def _fix(fn: FunctionView, handler: Handler, lost: list[Escape], strict: bool, ctx: Context) -> Fix | None:
    if any(escape.kind != "end" for escape in lost) or handler.excepts(fn).is_group:
        return None
    if handler.catch.broad or handler.catch.others or handler.catch.unknown:
        edit = let_through(fn, handler)
        return ctx.fix("let the cancellation through", Safety.UNSAFE, edit) if edit is not None else None
    edit = raised_at_end(fn, handler)
    safety = Safety.UNSAFE if strict else Safety.SAFE
    return ctx.fix("raise it again", safety, edit) if edit is not None else None


RULE = Rule(
    code="CAN201",
    name="swallowed-cancel",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.HANDLER,
)
