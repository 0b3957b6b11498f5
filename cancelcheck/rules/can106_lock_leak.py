"""A lock that some path out of the function does not release.

## Why
An exception or a cancellation between `acquire` and `release` leaves the lock taken for good: everybody who wants it
next waits forever.

```python bad
import asyncio

async def book(lock: asyncio.Lock, ledger, entry):
    await lock.acquire()
    await ledger.write(entry)
    lock.release()
```

```python good
import asyncio

async def book(lock: asyncio.Lock, ledger, entry):
    async with lock:
        await ledger.write(entry)
```

## Fix safety
There is no fix yet.

## Known limits
Only an `acquire` whose result is dropped, of a place that the same function releases too: a lock that is released
elsewhere, or only in a handler, is a design, and one that is tried for (`if lock.acquire(timeout=1):`) is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.flow import innermost
from cancelcheck.link.leaks import Raising, leak_of
from cancelcheck.model.facts import Attr, Await, FunctionKind, RegionKind
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each acquired lock that a path to an exit does not release."""
    if fn.facts.kind is not FunctionKind.DEF:
        return
    for call in fn.calls:
        if call.member != "acquire" or call.receiver < 0:
            continue
        key = fn.key(call.receiver)
        taken = call.node.parent if call.is_awaited else call.index
        if not key or fn.use(taken).kind != "dropped" or (fn.is_async and not isinstance(fn.nodes[taken], Await)):
            continue
        released = {
            at
            for at, node in enumerate(fn.nodes)
            if isinstance(node, Attr) and node.attr == "release" and fn.key(node.value) == key
        }
        # what only a handler gives back is meant to be held when the function has done its work
        if not any(at > taken and innermost(fn, at, RegionKind.HANDLER) < 0 for at in released):
            continue
        leak = leak_of(fn, taken, released.__contains__, raising=Raising.ALL)
        if leak is None:
            continue
        where = f"line {fn.line(leak.node)}" if leak.node >= 0 else f"`{fn.name}`"
        how = {"error": "if {} raises", "cancel": "if {} is cancelled"}.get(leak.kind, "when {} ends the function")
        yield ctx.report(
            fn,
            call.index,
            f"`{key}` is not released {how.format(where)}: whoever wants it next waits forever",
            help=f"Hold it with `{'async with' if call.is_awaited else 'with'} {key}:`, or release it in a `finally`.",
            trace=(
                ctx.step(fn, call.index, f"`{key}` is taken"),
                *([ctx.step(fn, leak.node, "this leaves the function")] if leak.node >= 0 else []),
            ),
        )


RULE = Rule(
    code="CAN106",
    name="lock-leak",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
