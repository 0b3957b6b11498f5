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
Safe where `acquire` and `release` are statements that bracket a block: the block goes into a `with`.

## Known limits
Only a lock that the same function releases too: one that is released elsewhere, or only in a handler, is a design. What
is not known is no lock where a class of the same file has such a method of its own: it may count who holds it. A lock
that a project has made itself is seen where one coroutine counts an attribute up, another function counts it down, and
both are called as a pair: in front of a `try` and in its `finally`, or (with `--strict`) as the two ends of a `with`.
What only an error out of a call that waits for nothing leads to is reported with `--strict`, unless the two bracket a
block; likewise a lock that this function has made for itself, one that ends by itself (`client.lock(name,
timeout=30)`), and one that the `finally` which gives it back keeps under a condition. That making an instance fails, or
a call in a handler, does not count there. What a test leaves taken where it fails ends with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.cleanup import is_left_by_cleanup
from cancelcheck.link.cleanup.locks import (
    Taking,
    bracket,
    counted,
    is_consumed,
    is_decided,
    is_held_around,
    is_own,
    is_released_elsewhere,
    is_spared,
    is_taken_back,
    lapses,
    takings,
)
from cancelcheck.link.layout import begins_line, indent_edits, lines_of
from cancelcheck.link.paths.conditions import are_apart
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.paths.leaks import ENDS, FAILURES, RAISED, Leak, Raising, leak_of, settled_at
from cancelcheck.link.paths.ownership import steps_to_exit, when_it_leaves
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.facts import FunctionKind, RegionKind
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each acquired lock that a path to an exit does not release."""
    if fn.facts.kind is not FunctionKind.DEF:
        return
    for taking in takings(fn):
        # what only a handler gives back is meant to be held when the function has done its work
        if all(at < taking.at or innermost(fn, at, RegionKind.HANDLER) >= 0 for at in taking.released):
            continue
        if all(are_apart(fn, taking.at, at) for at in taking.released):
            continue  # one call of the function takes it, and another gives it back
        if is_held_around(fn, taking.call, taking.key) or is_taken_back(fn, taking) or is_consumed(fn, taking):
            continue
        if is_released_elsewhere(fn, taking.key) and _leak(fn, taking, Raising.NONE, ENDS) is not None:
            # the lock outlives this function by design; whoever is told that it failed may not know that it is held
            leak, strict = _leak(fn, taking, Raising.NONE, RAISED), True
        else:
            leak = _leak(fn, taking, Raising.CANCEL) or _leak(fn, taking, Raising.WAITS)
            # an error out of any call counts where the two bracket a block, which is what a `with` is for
            strict = leak is None and bracket(fn, taking) is None
            leak = leak or _leak(fn, taking, Raising.ALL)
        if leak is None or is_left_by_cleanup(fn, leak, taking.key):
            continue
        if (fn.module.is_test or fn.module.is_harness) and leak.kind in FAILURES:
            continue  # a test that fails is over, and its locks with it
        held = "async with" if taking.call.is_awaited else "with"
        yield ctx.report(
            fn,
            taking.call.index,
            f"`{taking.key}` is not released {when_it_leaves(fn, leak)}: whoever wants it next waits forever",
            help=f"Hold it with `{held} {taking.key}:`, or release it in a `finally`.",
            trace=ctx.steps(fn, (taking.call.index, f"`{taking.key}` is taken"), *steps_to_exit(fn, leak)),
            fix=_fix(fn, taking, held, ctx),
            strict=strict or is_own(fn, taking.call) or lapses(fn, taking.call) or is_decided(fn, taking, leak),
        )

    for count in counted(fn):
        yield ctx.report(
            fn,
            count.node,
            f"`{count.key}` is not counted down {when_it_leaves(fn, count.leak)}: "
            f"nobody calls `{count.release.name}` for what `{fn.name}` has not returned",
            help="Give it back where the wait is cancelled: in an `except BaseException` that raises again.",
            trace=ctx.steps(fn, (count.node, f"`{count.key}` is counted up"), *steps_to_exit(fn, count.leak)),
            strict=count.by_block,
        )


def _leak(fn: FunctionView, taking: Taking, raising: Raising, kinds: frozenset[str] = frozenset()) -> Leak | None:
    return leak_of(
        fn,
        taking.at,
        settled_at(taking.released),
        raising=raising,
        name=taking.name,
        holds=frozenset({taking.key}),
        branch=taking.branch,
        kinds=kinds,
        spared=partial(is_spared, fn),
    )


def _fix(fn: FunctionView, taking: Taking, held: str, ctx: Context) -> Fix | None:
    found = bracket(fn, taking)
    if found is None:
        return None
    first, last = (fn.nodes[at] for at in found)
    edits = indent_edits(fn.module.source, first.end, last.start)
    if edits is None:
        return None
    given = lines_of(fn.module.source, last.start, last.end)
    if given is None or not begins_line(fn.module.source, first.start):
        return None
    return ctx.fix(
        "hold it in a `with`",
        Safety.SAFE,
        (first.start, first.end, f"{held} {taking.key}:"),
        *edits,
        (*given, ""),
    )


RULE = Rule(
    code="CAN106",
    name="lock-leak",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.DEF,
)
