"""A task that some path out of the function forgets.

## Why
The task is kept, and used: but not on every path. Where the function returns early, nobody awaits the task or cancels
it; it runs on beside whatever comes next, its exception unseen.

```python bad
import asyncio

async def load(store, key):
    fetching = asyncio.create_task(store.fetch(key))
    cached = store.peek(key)
    if cached is not None:
        return cached
    return await fetching
```

```python good
import asyncio

async def load(store, key):
    cached = store.peek(key)
    if cached is not None:
        return cached
    fetching = asyncio.create_task(store.fetch(key))
    return await fetching
```

## Fix safety
There is no fix: whether the task is to be awaited or cancelled is for the author to say.

## Known limits
Any read of the local counts as a use, an argument of a log call too. A task that a nested function mentions is left
alone, and so is everything in the function that a runner is given. With `--strict`, cancellations count as ways out
too; errors out of plain calls do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Work
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.cancellation import is_program
from cancelcheck.link.leaks import Leak, Raising, leak_of
from cancelcheck.link.spawning import spawner_of, work_text
from cancelcheck.model.facts import Assign, FunctionKind, Name, Store
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each task in a local that a path to an exit does not read."""
    if fn.facts.kind is not FunctionKind.DEF:
        return
    for call in fn.calls:
        spawner = spawner_of(call)
        if spawner is None or spawner.has_owner or spawner.strict or spawner.work is not Work.COROUTINE:
            continue
        held = _held_in(fn, call)
        if held is None:
            continue
        store, name = held
        reads = fn.reads(name)
        if not reads or any(view is not fn for view, _ in reads) or fn.uses_locals or is_program(fn):
            continue
        places = {at for _, at in reads}
        leak, strict = leak_of(fn, store, places.__contains__, name=name), False
        if leak is None:
            leak, strict = leak_of(fn, store, places.__contains__, raising=Raising.CANCEL, name=name), True
        if leak is None:
            continue
        yield ctx.report(
            fn,
            call.index,
            f"task `{work_text(call, spawner)}` in `{name}` is not awaited or cancelled {_when(fn, leak)}",
            help="Await or cancel it on every path, or start it in a task group.",
            trace=(
                ctx.step(fn, call.index, "the task is started"),
                *([ctx.step(fn, leak.node, _note(leak))] if leak.node >= 0 else []),
            ),
            strict=strict,
        )


def _held_in(fn: FunctionView, call: CallSite) -> tuple[int, str] | None:
    """The node that binds the local that a task is kept in, and its name; None where it is kept in another way."""
    use = call.use
    assign = fn.nodes[use.node] if use.kind == "bound" else None
    if not isinstance(assign, Assign) or assign.value != call.index:
        return None
    target = fn.nodes[assign.targets[0]]
    if not isinstance(target, Store) or target.id in (*fn.facts.global_names, *fn.facts.nonlocal_names):
        return None
    return assign.targets[0], target.id


def _when(fn: FunctionView, leak: Leak) -> str:
    if leak.node < 0:
        return f"when `{fn.name}` ends"
    line = fn.line(leak.node)
    return {
        "return": f"when line {line} returns",
        "raise": f"when line {line} raises",
        "error": f"if line {line} raises",
        "cancel": f"if line {line} is cancelled",
        "overwritten": f"when line {line} binds `{_bound(fn, leak.node)}` anew",
    }[leak.kind]


def _bound(fn: FunctionView, index: int) -> str:
    node = fn.nodes[index]
    return node.id if isinstance(node, (Store, Name)) else ""


def _note(leak: Leak) -> str:
    return {
        "return": "the function returns",
        "raise": "the function raises",
        "error": "an exception leaves the function",
        "cancel": "a cancellation leaves the function",
        "overwritten": "the local is bound anew",
    }[leak.kind]


RULE = Rule(
    code="CAN102",
    name="unjoined-task",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
