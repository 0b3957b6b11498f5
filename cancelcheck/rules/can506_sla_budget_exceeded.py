"""An SLA function that may wait for longer than it promises.

## Why
Each timeout looks reasonable where it stands. Along the costliest path they add up: three attempts of two seconds, with
a second between them, are eight seconds, and the promise was two.

```python bad
import httpx
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
async def charge(client: httpx.AsyncClient, order):
    for _ in range(3):
        try:
            return await client.get(f"/rates/{order}", timeout=1.5)
        except httpx.TimeoutException:
            continue
```

```python good
import asyncio

import httpx
from cancelcheck.markers import compensable, sla

@sla(timeout=2.0)
@compensable(print)
async def charge(client: httpx.AsyncClient, order):
    async with asyncio.timeout(2):
        for _ in range(3):
            try:
                return await client.get(f"/rates/{order}", timeout=1.5)
            except httpx.TimeoutException:
                continue
```

What is waited for in sequence is added up, what runs side by side counts as its longest part, and of two branches the
longer one does. A timeout of one number counts once for each attempt, one of phases is connect + read, a database or a
cache connect + command. The delays of a retry stand between its attempts. A timeout scope ends awaits, not calls that
block their thread. `cancelcheck budget` shows the whole sum.

## Fix safety
There is no fix: which timeout to lower, or whether to promise more, is for the project to say.

## Known limits
What is not known adds nothing: the report is made only where the part that is known is already too much. A part that
has no end is another rule's (`sla-reaches-untimed-call`).
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.lasting import shown
from cancelcheck.link.promises.sla import milliseconds, place_of, promise_of
from cancelcheck.link.promises.sums import leaves
from cancelcheck.link.promises.worst import worst_of_promise
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports an SLA function whose waits add up to more than it promises, with the sum line by line."""
    promise = promise_of(fn)
    promised = milliseconds(promise) if promise is not None else None
    if promise is None or promised is None:
        return
    worst = worst_of_promise(fn, promise)
    if worst.seconds * 1000 <= promised + 1e-6:
        return
    yield ctx.report(
        fn,
        place_of(fn, promise),
        f"SLA function `{fn.name}` promises {shown(promised / 1000)} and can wait {shown(worst.seconds)}: "
        "its callers give up, and it goes on",
        help="Lower the timeouts, the attempts or the delays, or put a timeout scope around what is awaited.",
        trace=tuple(
            ctx.step(
                line.view, max(line.node, 0), f"{shown(line.seconds)}: {line.text}{f': {line.how}' if line.how else ''}"
            )
            for line in leaves(worst.lines)
        ),
    )


RULE = Rule(
    code="CAN506",
    name="sla-budget-exceeded",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
