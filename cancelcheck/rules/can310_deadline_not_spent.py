"""A timeout that each of several waits is given whole.

## Why
The caller is ready to wait five seconds. A loop that gives each of its waits five seconds waits five seconds for each
message that is not the right one: there is no bound at all.

```python bad
import queue

class Inbox:
    def __init__(self):
        self.messages = queue.Queue()

    def wait(self, wanted, timeout):
        while True:
            message = self.messages.get(timeout=timeout)
            if message.kind == wanted:
                return message
```

```python good
import queue
import time

class Inbox:
    def __init__(self):
        self.messages = queue.Queue()

    def wait(self, wanted, timeout):
        end = time.monotonic() + timeout
        while True:
            message = self.messages.get(timeout=end - time.monotonic())
            if message.kind == wanted:
                return message
```

## Fix safety
There is no fix: what is to happen when nothing is left is for the author to say.

## Known limits
Waits inside the program (threads, queues, tasks, processes), timeout scopes, and the project's own functions whose name
begins with "wait" or "join". What a server is allowed for each answer is another thing. A loop that goes round because
the time has run out asks how often to look, one that nothing else ends how long it is to be quiet, and one that counts
attempts gives each its time: they are left alone, as is a function that measures against a clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.spending import unspent
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each loop, and each sequence of waits, in which a timeout is given out whole."""
    for found in unspent(fn):
        name = found.name
        in_loop = found.loop >= 0
        steps = found.waits if in_loop else found.waits[:1]
        told = "each turn of the loop waits" if in_loop else f"`{found.waits[1].text}(…)` waits"
        yield ctx.report(
            fn,
            found.loop if in_loop else found.waits[1].index,
            f"{told} for the whole `{name}` again: together they take longer than the caller allows",
            help=f"Make a deadline of `{name}` once, and wait for what is left of it.",
            trace=tuple(ctx.step(fn, call.index, f"`{call.text}(…)` is given `{name}`") for call in steps),
        )


RULE = Rule(
    code="CAN310",
    name="deadline-not-spent",
    family=Family.CONTEXT,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.DEF | Asks.PARAM | Asks.CALL,
)
