"""A bare or `BaseException` handler that eats the cancellation with everything else.

## Why
Since Python 3.8 a cancellation is no `Exception`, so that `except Exception` lets it through. `except:` and
`except BaseException` do not: without a `raise` the task cannot be cancelled there.

```python bad
import asyncio

async def beat(client):
    while True:
        try:
            await client.ping()
        except BaseException:
            print("no answer")
```

```python good
import asyncio

async def beat(client):
    while True:
        try:
            await client.ping()
        except Exception:
            print("no answer")
```

## Fix safety
Unsafe: `except Exception` lets `KeyboardInterrupt` and `SystemExit` through too. It is not offered yet.

## Known limits
A handler that hands the exception on as a value (`future.set_exception(exc)`, a queue, an attribute) is left alone.
`isinstance` checks are followed; a handler that raises and looks at the exception in any other way is left alone. With
`--strict` only: at a task's root, around waits for tasks that others may cancel, around shields and cleanup. A test is
a root: its runner runs it.
`BaseExceptionGroup` counts in a file that imports trio or anyio.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.exceptions import handlers
from cancelcheck.link.swallowing.cancellation import eating_escapes, goes_round, is_quiet_root, may_be_join
from cancelcheck.link.swallowing.catching import points_reaching
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each broad handler around a cancellation point that has a way out without raising."""
    for handler in handlers(fn):
        if not handler.catch.broad or handler.catch.named:
            continue
        caught = fn.text(handler.node)
        if not fn.is_async:
            if goes_round(fn, handler):
                yield ctx.report(
                    fn,
                    handler.node,
                    f"`{caught}` goes round again: `SystemExit` and `KeyboardInterrupt` do not end this loop",
                    help="Catch `Exception` instead.",
                    strict=True,
                )
            continue
        points = points_reaching(fn, handler)
        if not eating_escapes(fn, handler, points):
            continue
        yield ctx.report(
            fn,
            handler.node,
            f"`{caught}` catches the cancellation of `{fn.text(points[0])}` too, and does not raise it again",
            help="Catch `Exception` instead, or raise it again.",
            trace=(
                ctx.step(fn, points[0], f"`{fn.text(points[0])}` can be cancelled"),
                ctx.step(fn, handler.node, "the cancellation is caught with everything else"),
            ),
            strict=is_quiet_root(fn, handler) or may_be_join(fn, handler, points),
        )


RULE = Rule(
    code="CAN202",
    name="swallowed-by-broad-except",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
