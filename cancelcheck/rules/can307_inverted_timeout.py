"""A timeout that can never fire, for a shorter one stands around it.

## Why
The outer timeout ends everything in it, the inner one included, and its own handler too: the fallback that belongs to
the inner one is dead code, and reads as if it were there.

```python bad
import asyncio

async def quote(feed, cache):
    async with asyncio.timeout(2):
        try:
            return await asyncio.wait_for(feed.read(), timeout=5)
        except TimeoutError:
            return cache.last
```

```python good
import asyncio

async def quote(feed, cache):
    async with asyncio.timeout(5):
        try:
            return await asyncio.wait_for(feed.read(), timeout=2)
        except TimeoutError:
            return cache.last
```

## Fix safety
There is no fix: which of the two is meant is for the author to say.

## Known limits
Constants only, and no timeout that a deployment may set; not the default of a client or a library. Equal values are
fine, and so are a shield between the two and a scope that is given another deadline. A function counts as ended by its
callers where each call of it in its own file stands in a shorter scope; one of another file, which others may call too,
is reported at the call that leads there, with `--strict`.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.nesting import Inverted, inverted, inverted_pairs
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each timeout that ends after the one around it."""
    for found in inverted(fn):
        inner, outer = found.inner, found.outer
        at = inner.call.index if inner.call.fn is fn else found.chain[0].index
        yield ctx.report(
            fn,
            at,
            f"`{inner.call.text}(…)` has {inner.seconds:g} s, and `{outer.call.text}(…)` around it ends after "
            f"{outer.seconds:g} s: the inner timeout can never fire",
            help="Make the inner one the shorter one, or remove it.",
            trace=_trace(found, ctx),
            strict=found.doubt,
        )
    for call, pair in inverted_pairs(fn):
        yield ctx.report(
            fn,
            call.index,
            f"`{pair.soft}` is longer than `{pair.hard}`: the hard limit ends the work first, and the soft one can "
            "never fire",
            help=f"Make `{pair.soft}` the shorter one.",
        )


def _trace(found: Inverted, ctx: Context) -> tuple[Step, ...]:
    inner, outer = found.inner, found.outer
    return (
        ctx.step(outer.call.fn, outer.call.index, f"{outer.seconds:g} s for all of it"),
        *(ctx.step(call.fn, call.index, f"`{call.text}(…)` is called in it") for call in found.chain),
        ctx.step(inner.call.fn, inner.call.index, f"{inner.seconds:g} s, which it never gets"),
    )


RULE = Rule(
    code="CAN307",
    name="inverted-timeout",
    family=Family.CONTEXT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.KNOWN,
)
