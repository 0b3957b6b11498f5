"""An SLA function from which a call is reached that can wait forever.

## Why
A promise is as good as the last call behind it. The handler has a timeout, the service tries three times, and the
repository waits for ever: the promise is broken where nobody looks.

```python bad
import subprocess
from cancelcheck.markers import compensable, sla

def load(account):
    return subprocess.run(["ledger", account])

def balance(account):
    return load(account)

@sla(timeout=2.0)
@compensable(print)
def charge(account):
    return balance(account)
```

```python good
import subprocess
from cancelcheck.markers import compensable, sla

def load(account):
    return subprocess.run(["ledger", account], timeout=1)

def balance(account):
    return load(account)

@sla(timeout=2.0)
@compensable(print)
def charge(account):
    return balance(account)
```

The report stands at the SLA function, beside the call's own, and shows the way there call by call: through functions,
methods, decorators, threads that are waited for, in any file. A timeout scope ends an await, and not a call that blocks
its thread. What goes on without an end, a retry with no limit, counts too.

## Fix safety
There is no fix here: the call's own report has one where there is one.

## Known limits
A call that cannot be resolved, and a client whose constructor is not seen, are taken to end. A function that is handed
to another one is followed where that one calls it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.promises.sla import place_of, promise_of
from cancelcheck.link.promises.worst import worst_of_promise
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports an SLA function that may wait for ever, with the shortest way to what waits."""
    promise = promise_of(fn)
    trail = worst_of_promise(fn, promise).open.endless if promise is not None else None
    if promise is None or trail is None:
        return
    last = trail.hops[-1]
    yield ctx.report(
        fn,
        place_of(fn, promise),
        f"SLA function `{fn.name}` can wait forever at `{last.text}`: {trail.why}",
        help="Give that call a timeout, or put a timeout scope around what is awaited.",
        trace=tuple(
            ctx.step(hop.view, hop.node, f"`{hop.text}`: {trail.why}" if hop is last else f"`{hop.text}` is called")
            for hop in trail.hops
        ),
    )


RULE = Rule(
    code="CAN505",
    name="sla-reaches-untimed-call",
    family=Family.SLA,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.PROMISE,
)
