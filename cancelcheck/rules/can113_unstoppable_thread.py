"""A thread that nothing can end.

## Why
A program ends when its last non-daemon thread has. One that loops for ever and looks at no event or flag keeps
it alive after everything else is over, and only a kill helps; a `Timer` that nobody cancels does so until it has fired,
and then acts on what may be closed by now.

```python bad
import threading
import time

def beat():
    while True:
        print("alive")
        time.sleep(5)

def start():
    threading.Thread(target=beat).start()
```

```python good
import threading

stop = threading.Event()

def beat():
    while not stop.wait(5):
        print("alive")

def start():
    threading.Thread(target=beat).start()
```

## Fix safety
There is no fix: whether the thread may die with the program (`daemon=True`) or has to be told is for the author to say.

## Known limits
Only a target that is resolved is looked at, and functions of the project that it calls. A loop that reads from
something which another thread can close (a socket, a pipe, a queue) and lets the error through is taken to be ended
so. Who looks at a stop signal is told by names. A script whose own body goes on for ever as well is meant to. A thread
is taken to be a daemon where the function that makes it, or its class, sets any `daemon` attribute. One that only what
runs at the program's end tells to end (`atexit`, the `close` of a logging handler) is never told: the program waits for
it before that.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.threads.threads import defined, unstoppable_threads
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each thread that is made and that nothing in sight ends."""
    for thread in unstoppable_threads(fn):
        if thread.told is not None:
            yield ctx.report(
                fn,
                thread.call.index,
                f"only `{thread.told.name}` ends the thread of `{thread.work}`, when the program ends: "
                "but that waits for the thread first",
                help="Make the thread a daemon, or let something end it before.",
                trace=(
                    ctx.step(fn, thread.call.index, "the thread is made here"),
                    ctx.step(*defined(thread.told), "this would end it, too late"),
                ),
            )
            continue
        if thread.stay is None:
            yield ctx.report(
                fn,
                thread.call.index,
                f"nobody cancels the timer of `{thread.work}`: it fires whatever has ended by then, "
                "and keeps the program waiting for it",
                help="Keep the timer and cancel it when its owner ends, or make it a daemon.",
            )
            continue
        yield ctx.report(
            fn,
            thread.call.index,
            f"nothing ends the thread of `{thread.work}`: it loops for ever, and the program cannot end before it",
            help="Let the loop look at an event, or make the thread a daemon if it may be cut off anywhere.",
            trace=(
                ctx.step(fn, thread.call.index, "the thread is made here"),
                *(ctx.step(call.fn, call.index, f"it calls `{call.text}`") for call in thread.stay.calls),
                ctx.step(thread.stay.view, thread.stay.node, "and loops here without a way out"),
            ),
        )


RULE = Rule(
    code="CAN113",
    name="unstoppable-thread",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.KNOWN,
)
