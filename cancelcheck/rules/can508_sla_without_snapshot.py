"""An SLA function that acts outside before its state is saved.

## Why
A compensation needs to know what there was before. Where the first request goes out before state and version are saved,
a cancellation in between leaves nothing to go back to.

```python bad
# settings: sla.snapshot = ["snapshot"]
import httpx
from cancelcheck.markers import compensable, sla

async def snapshot(order):
    order.save()

@sla(timeout=2.0)
@compensable(print)
async def charge(client: httpx.AsyncClient, order):
    await client.post("/charges", json=order, timeout=1)
    await snapshot(order)
```

```python good
# settings: sla.snapshot = ["snapshot"]
import httpx
from cancelcheck.markers import compensable, sla

async def snapshot(order):
    order.save()

@sla(timeout=2.0)
@compensable(print)
async def charge(client: httpx.AsyncClient, order):
    await snapshot(order)
    await client.post("/charges", json=order, timeout=1)
```

## Fix safety
There is no fix: what to save is for the project to say.

## Known limits
Reports once `sla.snapshot` names the calls. A call that only reads (GET, SELECT, a cloud client's method whose name
says so) needs no snapshot before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.outside import acts_before, is_snapshot
from cancelcheck.link.promises.sla import promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports the first call for another machine that a path of an SLA function comes to with no snapshot before."""
    patterns = ctx.settings.sla.snapshot
    promise = promise_of(fn) if patterns else None
    if promise is None or promise.read_only:
        return
    found = acts_before(fn, lambda view, index: is_snapshot(view, index, patterns))
    if not found:
        return
    first, last = found[0], found[-1]
    through = f" through `{last.text}(…)`" if len(found) > 1 else ""
    yield ctx.report(
        fn,
        first.index,
        f"`{first.text}(…)` acts outside{through} before the state of SLA function `{fn.name}` is saved: "
        "a cancellation leaves nothing to go back to",
        help=f"Call `{patterns[0]}` before it, on every path.",
        trace=tuple(ctx.step(call.fn, call.index, f"`{call.text}(…)`") for call in found) if through else (),
    )


RULE = Rule(
    code="CAN508",
    name="sla-without-snapshot",
    family=Family.SLA,
    default=Default.CONFIGURED,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
