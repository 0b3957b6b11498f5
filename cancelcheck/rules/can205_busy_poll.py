"""A loop that asks over and over, and never waits.

## Why
The `default:` branch of a `select`. A loop that asks without waiting, swallows "not yet" and asks again burns a core;
in an event loop nothing else runs meanwhile, and the cancellation is never delivered.

```python bad
import queue

def drain(jobs: queue.Queue):
    while True:
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            continue
        print(job)
```

```python good
import queue

def drain(jobs: queue.Queue):
    while True:
        job = jobs.get()
        if job is None:
            break
        print(job)
```

## Fix safety
There is no fix: which wait is meant is for the author to say.

## Known limits
A call that cannot be resolved is taken to wait, and a loop that looks at a flag, an event or a clock on its way to be
bounded by it. With `--strict` only: in test files, for what spins there may be what is tested; and where a `for` in the
loop would wait, so that it spins only while there is nothing to go over.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.loops.polling import busy_poll, polls_by_loop, spins_over_nothing
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each unbounded loop with a turn that polls and does not give way."""
    for loop, polls in sorted(polls_by_loop(fn).items()):
        call = busy_poll(fn, loop, polls)
        if call is None:
            continue
        region = fn.regions[loop]
        yield ctx.report(
            fn,
            (region.start, fn.nodes[region.node].end),
            f"`{call.text}(…)` is asked in a loop that never waits: it burns a core and cannot be cancelled",
            help="Use the form that waits, with a timeout if the loop has other work.",
            trace=(
                ctx.step(fn, call.index, f"`{call.text}(…)` says not yet"),
                ctx.step(fn, region.node, "and the loop asks again at once"),
            ),
            strict=fn.module.is_test or spins_over_nothing(fn, loop, polls),
        )


RULE = Rule(
    code="CAN205",
    name="busy-poll",
    family=Family.SWALLOWED_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.LOOP | Asks.TOLD,
)
