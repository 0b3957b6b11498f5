"""A timeout, cancel scope or task group that is made and not entered.

## Why
A scope acts between its entry and its exit. One that is never entered bounds nothing, and reads as if it did; a wrapper
such as `wait_for` that is not awaited waits for nothing.

```python bad
import asyncio

async def fetch(reader):
    with asyncio.timeout(5):
        return await reader.read()
```

```python good
import asyncio

async def fetch(reader):
    async with asyncio.timeout(5):
        return await reader.read()
```

## Fix safety
Safe where only the `async` before `with`, or the `await` before a coroutine function, is missing in an async function:
without it the statement raises, or nothing of it runs. In every other case what was meant is not known, and there is no
fix.

## Known limits
A scope that is stored, returned or handed to a call is taken to be entered there.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Entering, Scope, ScopeKind
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.function import Use
from cancelcheck.link.tasks.spawning import loss_of
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.facts import Enter, StoreAttr
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each scope that takes no effect."""
    for call in fn.told_calls:
        scope = ctx.catalog.scope(call.target)
        if scope is None:
            continue
        if scope.entering is Entering.AWAIT:
            if loss_of(fn, call.index) in ("dropped", "unread"):
                yield ctx.report(
                    fn,
                    call.index,
                    f"`{call.text}(…)` is not awaited: it bounds nothing, and what it wraps is left to itself",
                    help=f"Write `await {call.text}(…)`.",
                    fix=_awaited(fn, call, scope, ctx),
                )
            continue
        how = _unentered(fn, call, scope)
        if how:
            keyword = "with" if scope.entering is Entering.WITH else "async with"
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` {how}",
                help=f"Write `{keyword} {call.text}(…):` around what it is to bound.",
                fix=_fix(fn, call, scope, ctx),
            )


def _awaited(fn: FunctionView, call: CallSite, scope: Scope, ctx: Context) -> Fix | None:
    # what a shield is given runs without the await too
    if not fn.is_async or fn.use(call.index).kind != "dropped" or scope.kind is ScopeKind.SHIELD:
        return None
    if not ctx.catalog.is_coroutine(call.target):
        return None
    return ctx.fix("await it", Safety.SAFE, (call.node.start, call.node.start, "await "))


def _unentered(fn: FunctionView, call: CallSite, scope: Scope) -> str:
    use = fn.use(call.index)
    if use.kind == "entered":
        return _wrongly_entered(fn, use.node, scope)
    if use.kind == "dropped":
        return "is made and not entered: it has no effect"
    if use.kind != "bound":
        return ""
    if loss_of(fn, call.index) == "unread":
        return f"is kept in `{use.name}` and never entered: it has no effect"
    reads = fn.reads(use.name)
    if not reads or any(view is not fn for view, _ in reads):
        return ""
    uses = [(fn.use(at), at) for _, at in reads]
    if all(_only_looks(fn, inner, at) for inner, at in uses):
        return f"is kept in `{use.name}` and never entered: it has no effect"
    wrong = [_wrongly_entered(fn, inner.node, scope) for inner, _ in uses if inner.kind == "entered"]
    rest = [(inner, at) for inner, at in uses if inner.kind != "entered"]
    if all(wrong) and all(_only_looks(fn, inner, at) for inner, at in rest):
        return wrong[0]
    return ""


def _wrongly_entered(fn: FunctionView, node: int, scope: Scope) -> str:
    enter = fn.nodes[node]
    assert isinstance(enter, Enter)
    if scope.entering is Entering.ASYNC_WITH and not enter.is_async:
        return "is entered with a plain `with`: it must be `async with`"
    if scope.entering is Entering.WITH and enter.is_async:
        return "is entered with `async with`: it must be a plain `with`"
    return ""


def _only_looks(fn: FunctionView, use: Use, at: int) -> bool:
    """Whether a read of a scope reads, sets or calls one of its attributes, and no more."""
    parent = fn.nodes[fn.nodes[at].parent] if fn.nodes[at].parent >= 0 else None
    return isinstance(parent, StoreAttr) or (use.kind == "receiver" and not _enters_by_hand(fn, use.node))


def _enters_by_hand(fn: FunctionView, index: int) -> bool:
    return getattr(fn.nodes[index], "attr", "") in ("__enter__", "__aenter__")


def _fix(fn: FunctionView, call: CallSite, scope: Scope, ctx: Context) -> Fix | None:
    use = fn.use(call.index)
    if use.kind != "entered" or scope.entering is not Entering.ASYNC_WITH or not fn.is_async:
        return None
    enter = fn.nodes[use.node]
    assert isinstance(enter, Enter)
    region = fn.regions[enter.region]
    items = [node for node in fn.nodes if isinstance(node, Enter) and fn.regions[node.region].start == region.start]
    if len(items) != 1:
        return None  # the other items may be plain context managers
    return ctx.fix("write `async with`", Safety.SAFE, (region.start, region.start, "async "))


RULE = Rule(
    code="CAN104",
    name="unentered-scope",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TOLD,
)
