"""An SLA function that declares no time.

## Why
A promise without a number cannot be kept, broken or checked: callers wait for as long as it takes.

```python bad
from cancelcheck.markers import compensable, sla

@sla()
@compensable(print)
async def charge(gateway, order):
    await gateway.debit(order)
```

```python good
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
async def charge(gateway, order):
    await gateway.debit(order)
```

A scope around the whole body says it as well:

```python good
import asyncio
from cancelcheck.markers import compensable, sla

@sla()
@compensable(print)
async def charge(gateway, order):
    async with asyncio.timeout(2):
        await gateway.debit(order)
```

## Fix safety
There is no fix: what is promised is for the project to say.

## Known limits
A marker with positional or starred arguments is taken to declare a time. A `wait_for` around the one thing that a
function awaits counts as a scope around its whole body.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.sla import declares_timeout, place_of, promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports an SLA function without a timeout."""
    promise = promise_of(fn)
    if promise is None or declares_timeout(fn, promise):
        return
    yield ctx.report(
        fn,
        place_of(fn, promise),
        f"SLA function `{fn.name}` declares no timeout: its callers wait for as long as it takes",
        help="Declare one (`@sla(timeout=2.0)`), or put a timeout scope around the whole body.",
    )


RULE = Rule(
    code="CAN502",
    name="sla-without-timeout",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
