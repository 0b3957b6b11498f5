"""An SLA function that is tried again though a second call does it twice.

## Why
A timeout does not say whether the other side has done its work. Who tries again without a key by which the other side
knows the call charges the card twice.

```python bad
import httpx
from cancelcheck.markers import compensable, sla
from tenacity import retry, stop_after_attempt

@sla(timeout=5.0)
@compensable(print)
@retry(stop=stop_after_attempt(3))
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1)
```

```python good
import httpx
from cancelcheck.markers import compensable, idempotent, sla
from tenacity import retry, stop_after_attempt

@sla(timeout=5.0)
@compensable(print)
@idempotent(key="order")
@retry(stop=stop_after_attempt(3))
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1)
```

A key that the call itself is given says it as well:

```python good
import httpx
from cancelcheck.markers import compensable, sla
from tenacity import retry, stop_after_attempt

@sla(timeout=5.0)
@compensable(print)
@retry(stop=stop_after_attempt(3))
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1, headers={"Idempotency-Key": order.id})
```

## Fix safety
There is no fix: which key makes two calls the same one is for the project to say.

## Known limits
Callers are seen in the same file only: a loop, or a handler that makes the very call again that has failed. A write
that the function tries again by itself is known by its HTTP method, by SQL that is written in the call, or by what its
library does.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.retried import retries_of
from cancelcheck.link.promises.sla import place_of, promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports an SLA function that is tried again, or that tries a write again, and is not idempotent."""
    promise = promise_of(fn)
    if promise is None or promise.read_only or promise.idempotent:
        return
    found = retries_of(fn, promise)
    if found is None:
        return
    yield ctx.report(
        fn,
        place_of(fn, promise),
        f"SLA function `{fn.name}` {found.what}, and is not marked idempotent: what it has done is done twice",
        help="Give the call an idempotency key, or mark the function `@idempotent(key=…)`.",
        trace=tuple(ctx.step(hop.view, hop.node, hop.text) for hop in found.hops),
    )


RULE = Rule(
    code="CAN504",
    name="sla-retry-not-idempotent",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
