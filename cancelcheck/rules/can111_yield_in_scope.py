"""A `yield` inside a timeout, cancel scope or task group of an async generator.

## Why
While a generator is suspended its caller runs, in the same task and inside the generator's scope. The timeout that
fires then, or the task that fails, cancels the caller's code, and nobody there knows why; a caller that stops early
leaves the scope open until the garbage collector comes, in another task (PEP 789).

```python bad
import asyncio

async def lines(reader):
    async with asyncio.timeout(5):
        while line := await reader.readline():
            yield line
```

```python good
import asyncio

async def lines(reader):
    while True:
        async with asyncio.timeout(5):
            line = await reader.readline()
        if not line:
            return
        yield line
```

## Fix safety
There is no fix: what the scope is to bound, the work between two values or all of it, is for the author to say.

## Known limits
A context manager (`@asynccontextmanager`), a fixture, and a generator with any decorator that is not known are left
alone: there the block of the `with` is what runs inside the scope. A generator that yields once, and nothing or what it
has entered, looks like one and is reported only with `--strict`, or not at all where it is handed on by name.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Scope, ScopeKind
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.generators import Purpose, purpose_of
from cancelcheck.link.paths.scopes import Held, is_disarmed, scopes_open_at
from cancelcheck.model.facts import Yield
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each `yield` of an async generator at which a scope is open."""
    if not (fn.facts.is_async and fn.facts.is_generator):
        return
    disarmed: dict[int, bool] = {}
    purpose: Purpose | None = None
    for index, node in enumerate(fn.nodes):
        if not isinstance(node, Yield):
            continue
        for held in scopes_open_at(fn, index):
            if held.enter not in disarmed:
                disarmed[held.enter] = is_disarmed(fn, held)
            if disarmed[held.enter]:
                continue
            purpose = purpose or purpose_of(fn)
            if purpose is Purpose.MANAGED:
                return
            yield ctx.report(
                fn,
                index,
                f"`yield` inside `{_entered(held)}(…)`: {_what_happens(held.scope)}",
                help="Leave the scope before each `yield`, or make the generator a context manager that gives an "
                "iterator.",
                trace=_trace(fn, index, held, ctx),
                strict=purpose is Purpose.UNKNOWN,
            )
            break


def _entered(held: Held) -> str:
    return (held.through[0] if held.through else held.call).text


def _what_happens(scope: Scope) -> str:
    match scope.kind:
        case ScopeKind.TASK_GROUP:
            return "a task that fails cancels whatever the caller is doing, and a caller that stops leaves them running"
        case ScopeKind.TIMEOUT:
            return "the time the caller takes counts too, and when it is up the caller is cancelled"
        case _:
            return "what cancels the scope cancels whatever the caller is doing"


def _trace(fn: FunctionView, index: int, held: Held, ctx: Context) -> tuple[Step, ...]:
    made = held.call
    inside = [
        ctx.step(call.fn, call.index, f"`{call.text}(…)` is called" if number else f"`{call.text}(…)` is entered")
        for number, call in enumerate(held.through)
    ]
    return (
        *inside,
        ctx.step(made.fn, made.index, f"`{made.text}(…)` is entered" + (" and held" if inside else "")),
        ctx.step(fn, index, "the generator is suspended, and its caller runs"),
    )


RULE = Rule(
    code="CAN111",
    name="yield-in-scope",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.YIELD,
)
