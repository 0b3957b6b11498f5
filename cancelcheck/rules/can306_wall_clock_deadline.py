"""A deadline that is measured by the wall clock, or handed to another clock.

## Why
`time.time()` and `datetime.now()` jump when the clock is set: a wait bounded by them ends at once, or hours late. A
point on one clock handed to an API that reads another is off by decades: the timeout fires at once or never.

```python bad
import time

def wait_ready(server, timeout):
    deadline = time.time() + timeout
    while time.time() < deadline:
        if server.ready():
            return True
        time.sleep(0.1)
    return False
```

```python good
import time

def wait_ready(server, timeout):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if server.ready():
            return True
        time.sleep(0.1)
    return False
```

## Fix safety
Safe where the deadline and every clock read that it is compared with are in one function: each read becomes
`time.monotonic`. Safe too where a point on one clock is made for an API that takes another: that one is read. There is
no fix where a value leaves the function, or comes from `datetime`.

## Known limits
A point in time that is stored on an attribute is followed within its class only. Time stamps that are logged, stored,
compared with other time stamps or sent to another process are left alone. What a test, or a package named for tests,
waits for is reported with `--strict` only.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Clock
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.clocks import Deadline, deadlines, monotonic_edits, on_wrong_clocks, other_clock_edits
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each wait that is bounded by the wall clock, and each point in time on the wrong clock."""
    told: set[int] = set()
    for found in on_wrong_clocks(fn):
        told.add(found.node)
        edits = other_clock_edits(found.call, found.node, found.read, found.sink) if found.call is not None else []
        yield ctx.report(
            fn,
            found.node,
            f"`{found.call.text if found.call is not None else found.sink.keyword}` takes a time on the "
            f"{found.sink.clock.value} clock, and gets one on the {found.clock.value} clock: it fires at once or never",
            help=_INSTEAD[found.sink.clock],
            trace=(ctx.step(fn, found.read, "the clock is read here"),) if found.read != found.node else (),
            fix=ctx.fix("read the clock that it takes", Safety.SAFE, *edits) if edits else None,
        )
    for deadline in deadlines(fn):
        if deadline.node in told:
            continue
        yield ctx.report(
            fn,
            deadline.node,
            f"`{fn.text(deadline.node)}` {'paces a loop' if deadline.paces else 'bounds a wait'} by the wall clock: it "
            "ends early or late when the clock is set",
            help="Use `time.monotonic()`.",
            trace=_trace(fn, deadline, ctx),
            fix=ctx.fix("use the monotonic clock", Safety.SAFE, *edits)
            if (edits := monotonic_edits(fn, deadline))
            else None,
            strict=fn.module.is_test or fn.module.is_harness,
        )


_INSTEAD = {
    Clock.LOOP: "Compute it from `loop.time()`.",
    Clock.TRIO: "Compute it from `trio.current_time()` or `anyio.current_time()`.",
    Clock.MONOTONIC: "Compute it from `time.monotonic()`.",
    Clock.WALL: "Compute it from `time.time()`.",
    Clock.RELATIVE: "Pass the seconds that are left.",
}


def _trace(fn: FunctionView, deadline: Deadline, ctx: Context) -> tuple[Step, ...]:
    return tuple(ctx.step(view, at, "the wait is bounded here") for view, at in deadline.bounds[:3])


RULE = Rule(
    code="CAN306",
    name="wall-clock-deadline",
    family=Family.CONTEXT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
