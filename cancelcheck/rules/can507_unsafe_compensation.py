"""A compensation that cannot be relied upon.

## Why
What undoes a cancelled call runs when things have gone wrong already. If it does not exist, does not accept what it is
given, waits for ever, does its work twice, or is cancelled with the task that it cleans up after, half of the work
stays done.

```python bad
from cancelcheck.markers import compensable, sla

async def refund(gateway):
    await gateway.credit()

@sla(timeout=2.0)
@compensable(refund)
async def charge(gateway, order):
    await gateway.debit(order)
```

```python good
from cancelcheck.markers import compensable, sla

async def refund(gateway, order):
    await gateway.credit(order)

@sla(timeout=2.0)
@compensable(refund)
async def charge(gateway, order):
    await gateway.debit(order)
```

## Fix safety
There is no fix: what undoes the function is for the author to say.

## Known limits
A handler of a library, and one that cannot be resolved, is taken to be right; a name that nothing binds is not. That it
does its work twice is known of requests and statements that are written in it (POST, PATCH, INSERT) with no key.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.compensation import problems_of
from cancelcheck.link.promises.sla import place_of, promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports an SLA function whose compensation has a problem, with all of them."""
    promise = promise_of(fn)
    problems = list(problems_of(fn, promise)) if promise is not None else []
    if promise is None or not problems:
        return
    yield ctx.report(
        fn,
        place_of(fn, promise),
        f"compensation of SLA function `{fn.name}`: {'; '.join(problem.what for problem in problems)}",
        help="Mend the handler: what undoes a call has to accept what the call was given, end, and be run to its end.",
        trace=tuple(ctx.step(hop.view, hop.node, hop.text) for problem in problems for hop in problem.hops),
    )


RULE = Rule(
    code="CAN507",
    name="unsafe-compensation",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
