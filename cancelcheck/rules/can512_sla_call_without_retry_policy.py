"""A call of an SLA function for which nothing says how often it is tried.

## Why
A call with a timeout fails now and then. Whether it is tried again, and how often, decides on the worst case; where
nothing says so, each reader guesses.

```python bad
# settings: sla.retry-policies = ["no_retry"]
import httpx
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1)
```

```python good
# settings: sla.retry-policies = ["no_retry"]
import httpx
from acme.policies import no_retry
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
@no_retry
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1)
```

A decorator of any function on the way, a `with` around the call, and a call that is given it count.

## Fix safety
There is no fix: which policy is right is for the project to say.

## Known limits
Reports once `sla.retry-policies` names them, of calls that are known to be given up after a time. Of a function in
another file the report stands at the call that leads there.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.lasting import has_end
from cancelcheck.link.promises.outside import external_calls, is_guarded, seen_from, tries_again
from cancelcheck.link.promises.sla import promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each call for another machine below an SLA function that has none around it."""
    patterns = ctx.settings.sla.retry_policies
    promise = promise_of(fn) if patterns else None
    if promise is None:
        return
    for chain, call in external_calls(fn):
        if is_guarded(fn, chain, call, patterns) or tries_again(fn, chain, call) or not has_end(call):
            continue
        at, through = seen_from(fn, chain, call)
        yield ctx.report(
            at.fn,
            at.index,
            f"no retry policy is declared for `{at.text}(…)`{through}, which an SLA function waits for",
            help="Declare a policy, one that tries nothing again included.",
            trace=ctx.calls((*chain, call)) if chain else (),
        )


RULE = Rule(
    code="CAN512",
    name="sla-call-without-retry-policy",
    family=Family.SLA,
    default=Default.CONFIGURED,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
