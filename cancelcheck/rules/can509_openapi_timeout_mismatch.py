"""Code and contract that do not agree on how long an operation may take.

## Why
Clients set their own timeouts by the contract. A handler that gives up sooner fails calls that the contract allows; one
that promises another time is tested against the wrong number; and an operation that nothing serves has a promise that
nobody keeps.

With `x-cancel-timeout: 3000` for the operation `charge` in `api/openapi.yaml`:

```python bad
# settings: sla.openapi = ["api/openapi.yaml"]
from cancelcheck.markers import compensable, sla
from fastapi import FastAPI

app = FastAPI()

@app.post("/charges")
@sla(timeout=2.0)
@compensable(print)
async def charge(order: dict):
    return order["id"]
```

```python good
# settings: sla.openapi = ["api/openapi.yaml"]
from cancelcheck.markers import compensable, sla
from fastapi import FastAPI

app = FastAPI()

@app.post("/charges")
@sla(timeout=3.0)
@compensable(print)
async def charge(order: dict):
    return order["id"]
```

An operation with the field that no function serves is reported in the contract, where that lies in what is checked.

## Fix safety
There is no fix: which of the two is right is for the project to say.

## Known limits
`x-cancel-timeout` is in milliseconds; `x-sla` is milliseconds too, or an object with `timeout_ms`. A handler is found
by the operationId, which is its name, its whole qualified name or its route's `operation_id=`, or by its route's method
and path, of which a router elsewhere may hold back the beginning. A function with no route in its file is found by its
name where it is an SLA function; any other one may have that name for other reasons, so that it is held to nothing, and
the operation is not said to be served by nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.contracts import operation_of
from cancelcheck.link.promises.sla import milliseconds, place_of, promise_of, scope_milliseconds
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports a handler that declares another time than its contract, or gives up before that is over. Operations that
    nothing serves are reported with the contract, once all files are checked."""
    operation = operation_of(fn)
    if operation is None:
        return
    promise = promise_of(fn)
    if promise is None:
        return
    allowed = operation.timeout_ms
    declared = milliseconds(promise)
    contract = f"`{operation.field}` of `{operation.method} {operation.path}`"
    if declared is not None and abs(declared - allowed) > 1e-6:
        yield ctx.report(
            fn,
            place_of(fn, promise),
            f"`{fn.name}` promises {declared:g} ms, and {contract} says {allowed:g} ms: clients count on the contract",
            help="Make the marker and the contract say the same.",
        )
        return
    scope = scope_milliseconds(fn)
    if scope is not None and scope < allowed - 1e-6:
        yield ctx.report(
            fn,
            place_of(fn, promise),
            f"`{fn.name}` gives up after {scope:g} ms, and {contract} allows {allowed:g} ms: "
            "calls fail that the contract allows",
            help="Lengthen the scope around the body, or lower the contract's time.",
        )


RULE = Rule(
    code="CAN509",
    name="openapi-timeout-mismatch",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
