"""A timeout or cancellation that ends in an SLA function, and nobody is told.

## Why
The promise was broken, the code had an answer ready, and no log line, metric or span event says so: the outage is found
by the customers.

```python bad
import httpx
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
async def rate(client: httpx.AsyncClient, currency):
    try:
        return await client.get(f"/rates/{currency}", timeout=1)
    except httpx.TimeoutException:
        return None
```

```python good
import logging

import httpx
from cancelcheck.markers import compensable, sla

logger = logging.getLogger(__name__)

@sla(timeout=2.0)
@compensable(print)
async def rate(client: httpx.AsyncClient, currency):
    try:
        return await client.get(f"/rates/{currency}", timeout=1)
    except httpx.TimeoutException:
        logger.warning("no rate for %s in time", currency)
        return None
```

Functions that the SLA function runs count too: the report stands at their handler where that is in the same file, else
at the SLA function.

## Fix safety
There is no fix: whom to tell, and how, is for the project to say.

## Known limits
A handler of a timeout counts where it names one, alone or with other errors. A handler that tries again, raises, or
hands on what it has caught is left alone, and so is one that calls anything whose name says that it logs, counts or
records. A cancellation that is caught by name counts in the SLA function itself, where it may be meant to end there:
any other one is swallowed, which is told as that.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.silence import silent_handlers
from cancelcheck.link.promises.sla import place_of, promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each handler below an SLA function in which a timeout ends without a word: at the handler where that is
    in this file, else at the SLA function."""
    promise = promise_of(fn)
    if promise is None:
        return
    for chain, inner, handler in silent_handlers(fn):
        here = inner.module is fn.module
        caught = inner.text(handler.node)
        yield ctx.report(
            inner if here else fn,
            handler.node if here else place_of(fn, promise),
            f"`{caught}`{'' if here else f' in `{inner.name}`'} ends a "
            f"{'cancellation' if handler.catch.cancels else 'timeout'} of an SLA function without a word: "
            "nobody will know that it happened",
            help="Log it, count it, or raise it again.",
            trace=(
                *(ctx.step(call.fn, call.index, f"`{call.text}(…)` is called") for call in chain),
                ctx.step(inner, handler.node, "it ends here"),
            )
            if chain
            else (),
        )


RULE = Rule(
    code="CAN510",
    name="sla-silent-cancel",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
