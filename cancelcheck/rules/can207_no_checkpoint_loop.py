"""A loop in an async function with a turn that reaches no await.

## Why
An event loop runs one task at a time, and changes to another only at an await. A loop that can come round without one
keeps all others from running, what it waits for included, and no cancellation can come in: not even a timeout ends it.

```python bad
async def forward(inbox, writer):
    while True:
        message = inbox.peek()
        if message is not None:
            await writer.send(message)
```

```python good
async def forward(inbox, writer):
    while True:
        message = await inbox.get()
        if message is not None:
            await writer.send(message)
```

Under trio and anyio each async function is counted on to be a checkpoint. One that can return without having waited is
none, and neither is a generator that can yield again without:

```python bad
import trio

async def flush(stream, pending):
    if pending:
        await stream.send_all(pending.pop())

async def serve(stream, pending):
    while True:
        await flush(stream, pending)
```

```python good
import trio

async def flush(stream, pending):
    if pending:
        await stream.send_all(pending.pop())
    else:
        await trio.lowlevel.checkpoint()

async def serve(stream, pending):
    while True:
        await flush(stream, pending)
```

## Fix safety
There is no fix: what the loop is to wait for is for the author to say.

## Known limits
A loop over a collection is taken to be bounded, and so is one that on its turn changes, or asks anew, what its end
depends on, or takes the next of an iterator. One that blocks on its turn (a prompt) is another rule's. An await of
what is not seen is taken to wait; under asyncio any await is.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.loops.starving import Starving, starving_loops
from cancelcheck.link.paths.flow import branch_of
from cancelcheck.model.facts import Jump
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Asks, Default, Family, Rule

MAX_STEPS = 6
"""Decisions of a turn that a trace shows."""


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each unbounded loop with a turn that lets nothing else run."""
    for found in starving_loops(fn):
        region = fn.regions[found.loop]
        if found.passed:
            what = f"a turn of this loop in `{fn.name}` need not wait at `{fn.text(found.passed[0])}`"
        else:
            what = f"a turn of this loop in `{fn.name}` reaches no await"
        yield ctx.report(
            fn,
            (region.start, fn.nodes[region.node].end),
            f"{what}: nothing else runs meanwhile, and no cancellation comes in",
            help="Wait on every turn: for what the loop is about, else for a checkpoint (`sleep(0)`).",
            trace=tuple(_steps(fn, ctx, found)),
        )


def _steps(fn: FunctionView, ctx: Context, found: Starving) -> Iterator[Step]:
    header = fn.regions[found.loop].node
    yield ctx.step(fn, header, "the loop begins a turn")
    shown = 0
    for at, after in zip(found.path, (*found.path[1:], -1), strict=True):
        test, constant = branch_of(fn, at)
        if test >= 0 and test != header and constant is None and shown < MAX_STEPS:
            holds = fn.blocks[at].next[:1] == [after]
            yield ctx.step(fn, test, f"`{fn.text(test)}` {'holds' if holds else 'does not hold'}")
            shown += 1
    for index in found.passed:
        yield ctx.step(fn, index, f"`{fn.text(index)}` may come back without having waited")
    jump = next((at for block in reversed(found.path) for at in _jumps(fn, block)), header)
    yield ctx.step(fn, jump, "and the loop goes round")


def _jumps(fn: FunctionView, block: int) -> list[int]:
    body = fn.blocks[block]
    return [index for index in range(body.start, body.end) if isinstance(fn.nodes[index], Jump)]


RULE = Rule(
    code="CAN207",
    name="no-checkpoint-loop",
    family=Family.SWALLOWED_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.LOOP,
)
