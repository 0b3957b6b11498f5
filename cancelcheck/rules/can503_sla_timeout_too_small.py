"""An SLA timeout below what the project can keep, or above what it allows.

## Why
A timeout below the time that the work needs cancels calls that would have succeeded; the retries that follow are load
that the outage did not need. One above the limit holds callers longer than the platform has room for.

```python bad
from cancelcheck.markers import compensable, sla

@sla(timeout_ms=200)
@compensable(print)
async def charge(gateway, order):
    await gateway.debit(order)
```

```python good
from cancelcheck.markers import compensable, sla

@sla(timeout_ms=800)
@compensable(print)
async def charge(gateway, order):
    await gateway.debit(order)
```

## Fix safety
There is no fix: what is promised is for the project to say.

## Known limits
The unit is read from the argument's name (`timeout` is in seconds, `timeout_ms` in milliseconds) or from a `timedelta`.
A value that is computed at run time is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.sla import milliseconds, place_of, promise_of
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports a declared timeout outside the project's limits."""
    promise = promise_of(fn)
    if promise is None:
        return
    declared = milliseconds(promise)
    if declared is None:
        return
    floor, ceiling = ctx.settings.sla.min_timeout_ms, ctx.settings.sla.max_timeout_ms
    if declared < floor:
        wrong, key = f"below the {floor:g} ms", "min-timeout-ms"
    elif ceiling is not None and declared > ceiling:
        wrong, key = f"above the {ceiling:g} ms", "max-timeout-ms"
    else:
        return
    yield ctx.report(
        fn,
        place_of(fn, promise),
        f"SLA function `{fn.name}` promises {declared:g} ms: {wrong} that `sla.{key}` allows",
        help=f"Declare a time within the limits, or change `sla.{key}`.",
    )


RULE = Rule(
    code="CAN503",
    name="sla-timeout-too-small",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
