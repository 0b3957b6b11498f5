"""Work that begins a life of its own where a parent is at hand.

## Why
A task group, a token, the time that the caller still waits: what is started through them ends with them. Work that is
started beside them does not: the group is left and it runs on, the caller has given up and it goes on asking.

```python bad
import asyncio

async def handle(request, log):
    async with asyncio.TaskGroup() as group:
        group.create_task(answer(request))
        asyncio.create_task(record(log, request))
```

```python good
import asyncio

async def handle(request, log):
    async with asyncio.TaskGroup() as group:
        group.create_task(answer(request))
        group.create_task(record(log, request))
```

## Fix safety
Safe where a task goes to the group around it: the group then waits for it, and cancels it when another one fails, as
the block says. There is no fix for a loop, a context or a call of a stub.

## Known limits
A task beside a group is reported where it is lost: one that is kept, awaited or cancelled has another owner. A context
counts as fresh where it is made with no arguments and nothing is done with it but to give it on. A constant timeout of
a stub's call in a servicer is reported with `--strict`.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.making import detached
from cancelcheck.link.promises.relaying import unrelayed
from cancelcheck.link.tasks.detaching import group_edit, loops_within, strays
from cancelcheck.link.tasks.spawning import work_text
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each new root that is made where there is a parent."""
    for stray in strays(fn):
        edit = group_edit(stray)
        group = f"`{stray.name}`" if stray.name else "the group"
        yield ctx.report(
            fn,
            stray.call.index,
            f"task `{work_text(stray.call, stray.spawner)}` is started outside of {group}, which is at hand: "
            "it goes on when the group is left",
            help=f"Start it in {group}.",
            trace=(ctx.step(fn, stray.made.index, "the group is made here"),) if stray.made is not None else (),
            fix=ctx.fix(f"start it in `{stray.name}`", Safety.SAFE, edit) if edit is not None else None,
        )
    for chain in loops_within(fn):
        last = chain[-1]
        yield ctx.report(
            fn,
            chain[0].index,
            f"`{last.text}(…)` runs a loop of its own inside `{fn.name}`, which runs in one: it fails, or stops that "
            "one, and no cancellation reaches it",
            help=f"Await it, or give it a thread: `{last.text}` belongs where no loop runs.",
            trace=tuple(ctx.step(call.fn, call.index, f"`{call.text}(…)` is called") for call in chain)
            if len(chain) > 1
            else (),
        )
    for fresh, carrier in detached(fn):
        yield ctx.report(
            fn,
            fresh.made.index,
            f"`{fresh.made.text}(…)` is given to `{fresh.given_to.text}` in place of `{carrier.name}`: the caller can "
            "no longer cancel it",
            help=f"Pass `{carrier.name}`, or make the new one from it.",
            trace=(ctx.step(fn, fresh.given_to.index, f"`{fresh.slot.name}` is given here"),),
        )
    for remote in unrelayed(fn):
        yield ctx.report(
            fn,
            remote.call.index,
            f"`{remote.call.text}(…)` is not given what is left of the caller's time: it goes on when the caller has "
            "given up",
            help=f"Pass `timeout={remote.context}.time_remaining()`.",
            strict=remote.bounded,
        )


RULE = Rule(
    code="CAN304",
    name="detached-context",
    family=Family.CONTEXT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
