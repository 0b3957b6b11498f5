"""A call of an SLA function that no circuit breaker guards.

## Why
When the other side is down, each call waits for its whole timeout, and the promise is broken for everyone. A breaker
answers at once.

```python bad
# settings: sla.breakers = ["guarded"]
import httpx
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1)
```

```python good
# settings: sla.breakers = ["guarded"]
import httpx
from acme.policies import guarded
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
@guarded
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1)
```

A decorator of any function on the way, a `with` around the call, and a call that is given it count.

## Fix safety
There is no fix: which breaker is right is for the project to say.

## Known limits
Reports once `sla.breakers` names them. Of a function in another file the report stands at the call that leads there.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.outside import external_calls, is_guarded, seen_from
from cancelcheck.link.promises.sla import promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each call for another machine below an SLA function that has none around it."""
    patterns = ctx.settings.sla.breakers
    promise = promise_of(fn) if patterns else None
    if promise is None:
        return
    for chain, call in external_calls(fn):
        if is_guarded(fn, chain, call, patterns):
            continue
        at, through = seen_from(fn, chain, call)
        yield ctx.report(
            at.fn,
            at.index,
            f"no circuit breaker guards `{at.text}(…)`{through}, which an SLA function waits for",
            help="Put it behind one of the breakers that `sla.breakers` names.",
            trace=ctx.calls((*chain, call)) if chain else (),
        )


RULE = Rule(
    code="CAN511",
    name="sla-without-breaker",
    family=Family.SLA,
    default=Default.CONFIGURED,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
