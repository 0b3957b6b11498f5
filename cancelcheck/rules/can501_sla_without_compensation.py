"""An SLA function that nothing undoes.

## Why
A function that is cancelled half way has done half of its work: the card is charged, the order is not stored. Without a
compensation handler nobody takes the first half back.

```python bad
from cancelcheck.markers import sla

@sla(timeout=2.0)
async def charge(gateway, order):
    await gateway.debit(order.account, order.amount)
    await gateway.confirm(order.id)
```

```python good
from cancelcheck.markers import compensable, sla

async def refund(gateway, order):
    await gateway.credit(order.account, order.amount)

@sla(timeout=2.0)
@compensable(refund)
async def charge(gateway, order):
    await gateway.debit(order.account, order.amount)
    await gateway.confirm(order.id)
```

## Fix safety
There is no fix: what undoes the function is for the author to say.

## Known limits
What a call does is known for the catalogue's calls and for SQL that is written in the call. Any other call outside the
project may write: mark the function `read_only=True` where it does not. A decorator of the project's own that is called
`transactional`, says nothing of a promise, and does nothing but run the function in a database transaction makes no SLA
function of it, unless the settings name it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.sla import is_compensated, only_reads, place_of, promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports an SLA function without a compensation."""
    promise = promise_of(fn)
    if promise is None or promise.read_only or is_compensated(fn, promise) or only_reads(fn):
        return
    yield ctx.report(
        fn,
        place_of(fn, promise),
        f"SLA function `{fn.name}` has no compensation: what it has done when it is cancelled stays done",
        help="Name a handler with `@compensable(…)`, or mark the function `read_only=True`.",
    )


RULE = Rule(
    code="CAN501",
    name="sla-without-compensation",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
