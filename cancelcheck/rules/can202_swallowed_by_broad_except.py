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
Unsafe: `except Exception` lets `KeyboardInterrupt` and `SystemExit` through too. Not offered where another handler of
the same `try` catches `Exception` already, or where this one asks what it has caught: what it is for, its author knows.

## Known limits
A handler that hands the exception on as a value (`future.set_exception(exc)`, a queue, an attribute) is left alone.
`isinstance` checks are followed; a handler that raises and looks at the exception in any other way is left alone, and
so is one that asks for the cancellation and for something else beside. With `--strict` only: around waits for tasks
that others may cancel, around shields and cleanup, unless a loop goes round again; and `BaseException` at a task's
root, where the task is over after it and who writes it may know what else it takes, as is a bare `except:` there in a
test. A test is a root: its runner runs it. `BaseExceptionGroup` counts in a file that imports trio or anyio. With
`--strict` also in threads: in a loop that goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.exceptions import (
    Handler,
    cancels_with_errors,
    exception_types,
    handlers,
    handlers_of,
)
from cancelcheck.link.swallowing.cancellation import (
    eating_escapes,
    goes_round,
    is_quiet_root,
    is_unthinking,
    may_be_join,
)
from cancelcheck.link.swallowing.catching import points_reaching
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


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
                    fix=_fix(fn, handler, ctx),
                    strict=True,
                )
            continue
        points = points_reaching(fn, handler)
        if not eating_escapes(fn, handler, points) or cancels_with_errors(ctx.module):
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
            fix=_fix(fn, handler, ctx),
            strict=may_be_join(fn, handler, points) or (is_quiet_root(fn, handler) and _may_be_meant(fn, handler)),
        )


_NARROWER = {"builtins.BaseException": "Exception", "builtins.BaseExceptionGroup": "ExceptionGroup"}


def _may_be_meant(fn: FunctionView, handler: Handler) -> bool:
    return fn.module.is_test or not is_unthinking(fn, handler)


def _fix(fn: FunctionView, handler: Handler, ctx: Context) -> Fix | None:
    caught = handler.excepts(fn).caught
    if any(
        call.target == "builtins.isinstance" and fn.is_inside(fn.region_of(call.index), handler.region)
        for call in fn.calls
    ):
        return None
    named = [at for other in handlers_of(fn, handler.statement) if (at := other.excepts(fn).caught) >= 0]
    if any(leaf.name == "builtins.Exception" for leaf in exception_types(fn, named)):
        return None
    if caught < 0:
        after, narrow = fn.nodes[handler.node].start + len("except"), "Exception"
        edit = (after, after, " Exception")
    else:
        broad = [leaf for leaf in exception_types(fn, [caught]) if leaf.name in _NARROWER]
        if len(broad) != 1 or broad[0].view is not fn or f"builtins.{fn.text(broad[0].node)}" != broad[0].name:
            return None
        node, narrow = fn.nodes[broad[0].node], _NARROWER[broad[0].name]
        edit = (node.start, node.end, narrow)
    if fn.bindings(narrow).scope is not None:
        return None
    return ctx.fix(f"catch `{narrow}`", Safety.UNSAFE, edit)


RULE = Rule(
    code="CAN202",
    name="swallowed-by-broad-except",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.HANDLER,
)
