"""A thread's lock held across an await.

## Why
A coroutine that waits gives the event loop away, and keeps the lock. The next task that wants it blocks the loop's own
thread, in which alone the first could go on and give the lock back: a deadlock. Threads wait as long as that await.

```python bad
import threading

class Account:
    def __init__(self):
        self.lock = threading.Lock()

    async def charge(self, bank, amount):
        with self.lock:
            await bank.charge(amount)
```

```python good
import asyncio

class Account:
    def __init__(self):
        self.lock = asyncio.Lock()

    async def charge(self, bank, amount):
        async with self.lock:
            await bank.charge(amount)
```

## Fix safety
There is no fix: the lock's type has to change where it is made, and with it every use.

## Known limits
A lock that is acquired and released by hand is not looked at, nor one whose type cannot be resolved. One that its
thread gets again (`RLock`) is reported with `--strict` only: the next task gets it, too, and does not block the loop.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.locks import wait_under_lock
from cancelcheck.link.threads.programs import may_be_alone
from cancelcheck.model.facts import Enter
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each `with` on a thread's lock, in an async function, that holds it while it waits."""
    if not fn.is_async:
        return
    for index, node in enumerate(fn.nodes):
        if not isinstance(node, Enter) or node.is_async:
            continue
        held = wait_under_lock(fn, index)
        if held is None:
            continue
        waits = fn.text(held.wait)
        harm = (
            "other threads wait as long, and it keeps no other task out"
            if held.reentrant
            else ("the next task that takes it blocks the event loop")
        )
        yield ctx.report(
            fn,
            node.context,
            f"thread lock `{fn.text(node.context)}` is held while line {fn.line(held.wait)} waits: {harm}",
            help="Use the framework's own lock, or give this one back before the await.",
            trace=(
                *((ctx.step(held.lock[0], held.lock[1], "the lock is taken here"),) if held.lock else ()),
                ctx.step(fn, held.wait, f"`{waits}` gives the event loop away"),
            ),
            strict=held.reentrant or may_be_alone(fn),
        )


RULE = Rule(
    code="CAN409",
    name="thread-lock-across-await",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.WITH,
)
