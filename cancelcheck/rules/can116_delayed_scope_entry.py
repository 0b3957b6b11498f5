"""A timeout that is made first and entered after other waiting.

## Why
Whether the time runs from the call or from the entry, and asyncio, trio and anyio do not agree on that, the reader
takes the other one: what is waited for in between is counted and not bounded, or bounded nowhere.

```python bad
import asyncio

async def fetch(connect):
    limit = asyncio.timeout(5)
    reader = await connect()
    async with limit:
        return await reader.read()
```

```python good
import asyncio

async def fetch(connect):
    reader = await connect()
    async with asyncio.timeout(5):
        return await reader.read()
```

## Fix safety
There is no fix: the wait in between may belong into the scope, or the scope behind the wait.

## Known limits
A scope that is kept on an attribute, handed to another function, or given a new deadline before it is entered is left
alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Clock, Entering, Mode, Scope, ScopeKind
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.paths.checkpoints import may_wait
from cancelcheck.link.paths.flow import way_through
from cancelcheck.link.paths.scopes import bound_of_scope, is_deadline_of
from cancelcheck.link.values import Bound
from cancelcheck.model.facts import Await, Call, Enter, Iterate, Store
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each relative timeout that a path waits before it enters."""
    for call in fn.told_calls:
        scope = ctx.catalog.scope(call.target)
        if scope is None or scope.kind is not ScopeKind.TIMEOUT or scope.clock is not Clock.RELATIVE:
            continue
        if scope.entering is Entering.AWAIT or bound_of_scope(scope, call) is Bound.FOREVER:
            continue
        found = _late_entry(fn, call)
        if found is None:
            continue
        wait, entry = found
        yield ctx.report(
            fn,
            call.index,
            f"`{call.text}(…)` is made before `{_text(fn, wait)}`, and entered only after it: {_effect(scope)}",
            help="Make the timeout where it is entered, or enter it before the wait that it is to bound.",
            trace=(
                ctx.step(fn, call.index, f"`{call.text}(…)` is made"),
                ctx.step(fn, wait, f"`{_text(fn, wait)}` waits"),
                ctx.step(fn, entry, "the timeout is entered"),
            ),
        )


def _late_entry(fn: FunctionView, call: CallSite) -> tuple[int, int] | None:
    """A wait between the making of a scope and its entry, and the entry."""
    use = fn.use(call.index)
    if use.kind != "bound":
        return None
    entries = {entry for view, at in fn.reads(use.name) if view is fn and (entry := _entered_by(fn, at)) >= 0}
    if not entries:
        return None

    def anew(index: int) -> bool:
        node = fn.nodes[index]
        if index == call.index:
            return True
        if isinstance(node, Store):
            return node.id == use.name and fn.assigned_value(index) != call.index
        return is_deadline_of(fn, index, use.name) or _reschedules(fn, index, use.name)

    return way_through(fn, call.index, lambda index: _waits(fn, index), entries.__contains__, anew)


def _entered_by(fn: FunctionView, index: int) -> int:
    """The node at which a read of a scope enters it: a `with`, or an exit stack's method; -1 for any other use."""
    use = fn.use(index)
    if use.kind == "entered":
        return use.node
    taker = fn.call_at(use.node) if use.kind == "argument" else None
    return taker.index if taker is not None and taker.member in ("enter_context", "enter_async_context") else -1


def _reschedules(fn: FunctionView, index: int, name: str) -> bool:
    call = fn.call_at(index)
    return call is not None and call.member == "reschedule" and call.receiver >= 0 and fn.key(call.receiver) == name


def _waits(fn: FunctionView, index: int) -> bool:
    if isinstance(fn.nodes[index], Call):
        call = fn.call_at(index)
        api = fn.module.project.catalog.api(call.target) if call is not None else None
        return api is not None and api.mode is Mode.SYNC
    return may_wait(fn, index)


def _text(fn: FunctionView, index: int) -> str:
    node = fn.nodes[index]
    if isinstance(node, (Await, Call)):
        return fn.text(index)
    if isinstance(node, Iterate):
        return f"async for … in {fn.text(node.iterable)}"
    enter = node if isinstance(node, Enter) else fn.nodes[getattr(node, "enter", index)]
    return f"async with {fn.text(enter.context)}" if isinstance(enter, Enter) else fn.text(index)


def _effect(scope: Scope) -> str:
    if scope.starts_on_entry:
        return "its time begins to run at the entry, not here"
    return "its time runs from here, and what that takes is not bounded by it"


RULE = Rule(
    code="CAN116",
    name="delayed-scope-entry",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TOLD,
)
