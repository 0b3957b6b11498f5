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

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.exceptions import handlers_of, is_cancellation_point, protected
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.swallowing.catching import keeps
from cancelcheck.model.facts import Call, Jump, RegionKind, Return
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each jump out of a `finally` whose `try` can raise."""
    if not fn.final_entries:
        return
    for index, node in enumerate(fn.nodes):
        if not isinstance(node, (Return, Jump)) or node.parent >= 0:
            continue
        final = innermost(fn, index, RegionKind.FINALLY)
        if final < 0 or (isinstance(node, Jump) and fn.is_inside(node.loop, final)):
            continue
        risks = _risks(fn, final)
        if not risks:
            continue
        word = "return" if isinstance(node, Return) else node.kind
        awaited = risks[0]
        lost = "the cancellation" if is_cancellation_point(fn, awaited) else "an exception"
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


def _risks(fn: FunctionView, final: int) -> list[int]:
    """What can raise through a `finally`: the cancellation points whose cancellation no handler keeps, then the calls.
    Nothing of what a handler for everything keeps."""
    statement = fn.regions[final].parent
    inside = [
        at
        for at in fn.nodes_in(statement)
        if not fn.is_inside(fn.region_of(at), final)
        and (isinstance(fn.nodes[at], Call) or is_cancellation_point(fn, at))
    ]
    keeping = [handler for handler in handlers_of(fn, statement) if handler.catch.cancels and keeps(fn, handler)]
    if keeping:
        body = protected(fn, statement)
        everything = any(handler.catch.broad for handler in keeping)
        inside = [
            at
            for at in inside
            # a handler for everything leaves what is awaited in the handlers
            if (is_cancellation_point(fn, at) and not fn.is_inside(fn.region_of(at), body))
            or not (everything or is_cancellation_point(fn, at))
        ]
    return sorted(inside, key=lambda at: not is_cancellation_point(fn, at))


RULE = Rule(
    code="CAN204",
    name="exit-in-finally",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
