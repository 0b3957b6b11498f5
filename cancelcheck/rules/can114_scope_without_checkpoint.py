"""A timeout or cancel scope around code that nothing can interrupt.

## Why
A scope acts at a point where its body waits. Where the body never does, the timeout does not fire, however long the
body takes, and a cancellation is seen only by what comes after it.

```python bad
import asyncio
import json

async def load(text):
    async with asyncio.timeout(1):
        return json.loads(text)
```

```python good
import asyncio
import json

async def load(text):
    async with asyncio.timeout(1):
        return await asyncio.to_thread(json.loads, text)
```

## Fix safety
There is no fix: the wait may be missing, or the scope superfluous.

## Known limits
What is awaited counts as a wait, unless it is a plain coroutine function of the project that waits for nothing. A
`yield` counts, for others run there.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Entering, ScopeKind
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.paths.checkpoints import checkpoint_in, waitless_callee
from cancelcheck.link.paths.scopes import scope_of
from cancelcheck.link.tasks.spawning import spawner_of
from cancelcheck.model.facts import Await, Enter
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each timeout or cancel scope with a body that holds no point at which it could act."""
    for index, node in fn.all_of(Enter):
        found = scope_of(fn, node.context)
        if found is None or found[1].fn is not fn:
            continue
        scope, call = found
        if scope.kind not in (ScopeKind.TIMEOUT, ScopeKind.CANCEL) or scope.entering is Entering.AWAIT:
            continue
        if _is_wrongly_entered(scope.entering, node) or checkpoint_in(fn, node.region) >= 0:
            continue
        yield ctx.report(
            fn,
            call.index,
            f"`{call.text}(…)` is around code that {_why(fn, node.region)}: {_effect(scope.kind)}",
            help="Await something in it, or take the scope away; blocking work has to bring a timeout of its own.",
            trace=(
                ctx.step(fn, index, f"`{call.text}(…)` is entered"),
                *(
                    ctx.step(fn, at, f"`{fn.text(at)}` runs `{callee.name}`, which waits for nothing")
                    for at in fn.nodes_in(node.region)
                    if isinstance(fn.nodes[at], Await) and (callee := waitless_callee(fn, at)) is not None
                ),
            ),
        )


def _is_wrongly_entered(entering: Entering, node: Enter) -> bool:
    """Whether it is entered in a way that fails: unentered-scope says more."""
    return (entering is Entering.ASYNC_WITH and not node.is_async) or (entering is Entering.WITH and node.is_async)


def _why(fn: FunctionView, region: int) -> str:
    for call in fn.calls:
        if fn.is_inside(fn.region_of(call.index), region) and spawner_of(call) is not None:
            return f"waits for nothing, and what `{call.text}` starts runs outside of it"
    return "waits for nothing"


def _effect(kind: ScopeKind) -> str:
    return "the timeout never fires" if kind is ScopeKind.TIMEOUT else "there is nothing in it to cancel"


RULE = Rule(
    code="CAN114",
    name="scope-without-checkpoint",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.WITH,
)
