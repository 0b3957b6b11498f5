"""A `return`, `break` or `continue` that leaves a `finally` block.

## Why
Leaving a `finally` by a jump discards the exception that is on its way through it, a cancellation like any other
(PEP 765).

```python bad
async def read(reader):
    data = b""
    try:
        data = await reader.read()
    finally:
        return data
```

```python good
async def read(reader):
    data = b""
    try:
        data = await reader.read()
    finally:
        print(len(data))
    return data
```

## Fix safety
There is no fix: whether the exception was meant to be lost is for the author to say.

## Known limits
none known
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.exceptions import handlers_of, is_cancellation_point, protected
from cancelcheck.link.paths.failing import may_fail
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.swallowing.catching import keeps
from cancelcheck.model.facts import Call, Jump, RegionKind, Return
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each jump out of a `finally` whose `try` can raise."""
    if not fn.final_entries:
        return
    for index, node in enumerate(fn.nodes):
        if not isinstance(node, (Return, Jump)):
            continue
        final = innermost(fn, index, RegionKind.FINALLY)
        if final < 0 or (isinstance(node, Jump) and fn.is_inside(node.loop, final)):
            continue
        cancelled, raised = _risks(fn, final)
        if not cancelled and not raised:
            continue
        word = "return" if isinstance(node, Return) else node.kind
        lost, awaited = (
            ("the cancellation", cancelled[0])
            if cancelled
            else ("an exception", min(raised, key=partial(_is_mild, fn)))
        )
        yield ctx.report(
            fn,
            index,
            f"`{word}` in `finally` discards {lost} of `{fn.text(awaited)}`",
            help="Move it behind the `try` statement.",
            trace=(
                ctx.step(fn, awaited, f"`{fn.text(awaited)}` raises"),
                ctx.step(fn, index, f"`{word}` replaces the exception"),
            ),
        )


def _risks(fn: FunctionView, final: int) -> tuple[list[int], list[int]]:
    """What can raise through a `finally`: the cancellation points whose cancellation no handler keeps, and whatever
    else may fail. Nothing of what a handler for everything keeps."""
    statement = fn.regions[final].parent
    keeping = [handler for handler in handlers_of(fn, statement) if handler.catch.cancels and keeps(fn, handler)]
    body = protected(fn, statement)
    cancelled: list[int] = []
    raised: list[int] = []
    for at in fn.nodes_in(statement):
        region = fn.region_of(at)
        if fn.is_inside(region, final):
            continue
        if is_cancellation_point(fn, at) and not (keeping and fn.is_inside(region, body)):
            cancelled.append(at)
        elif is_cancellation_point(fn, at) or isinstance(fn.nodes[at], Call):
            raised.append(at)
    # a handler for everything leaves what is awaited in the handlers
    return cancelled, [] if any(handler.catch.broad for handler in keeping) else raised


def _is_mild(fn: FunctionView, index: int) -> bool:
    """Whether a node hardly ever fails: another one is named where there is one."""
    return isinstance(fn.nodes[index], Call) and not may_fail(fn, index)


RULE = Rule(
    code="CAN204",
    name="exit-in-finally",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.FINALLY,
)
