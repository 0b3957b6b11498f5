"""A coroutine that is made and never run.

## Why
Calling an `async def` runs none of it. As a bare statement the call does nothing: no wait, no work, no cleanup.

```python bad
import asyncio

async def close(writer):
    writer.close()

async def stop(writer):
    close(writer)
```

```python good
import asyncio

async def close(writer):
    writer.close()

async def stop(writer):
    await close(writer)
```

## Fix safety
Safe: `await` makes the call do what it says. Offered only in an async function.

## Known limits
A decorated `async def` is left alone unless its decorators are known to keep it a coroutine function, and so is a name
that several imports bind to different things, one of which the function asks whether it is a coroutine function, and
one on a receiver that `isinstance` says is something else, or of a class in which the method is a plain one, or one of
a class whose decorator sets its attributes by name. With `--strict` only: in `__enter__` and `__exit__`, where the
asynchronous twin awaits the same, and what was a plain function in older versions of its library, in a file that awaits
nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Entering
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.paths.conditions import types_told
from cancelcheck.model.edit import Safety
from cancelcheck.model.facts import Display, FunctionKind
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule

_KEEPS = frozenset({"abstract", "override", "staticmethod", "classmethod"})
"""Roles of decorators that leave a coroutine function one."""


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each call of a coroutine function that stands alone as a statement."""
    for call in fn.known_calls:
        if fn.use(call.index).kind != "dropped" or not _is_coroutine(call, ctx) or _is_asked(fn, call):
            continue
        if call.receiver >= 0 and _is_told_otherwise(fn, call):
            continue
        fix = None
        if fn.is_async:
            start = call.node.start
            fix = ctx.fix("await it", Safety.SAFE, (start, start, "await "))
        yield ctx.report(
            fn,
            call.index,
            f"coroutine `{call.text}(…)` is never awaited: nothing of it runs",
            help="Await it, or start it as a task and keep the task.",
            fix=fix,
            strict=_has_twin(fn, call) or _may_be_older(fn, call, ctx),
        )


def _is_told_otherwise(fn: FunctionView, call: CallSite) -> bool:
    """Whether a test has found that the receiver is not of some type, so that what is known of it may not hold there,
    or is of a class whose method of that name is a plain one."""
    for types, is_one in types_told(fn, call.index, call.receiver):
        told = fn.nodes[types]
        if not is_one or any(_is_plain(fn, at, call) for at in (told.items if isinstance(told, Display) else [types])):
            return True
    return False


def _is_plain(fn: FunctionView, index: int, call: CallSite) -> bool:
    """Whether a node names a class whose method of the name that is called is a plain one."""
    cls = fn.definition_of(index)
    method = cls.inherited(call.member) if cls is not None and cls.facts.kind is FunctionKind.CLASS else None
    return method is not None and not method.is_coroutine


_TWINS = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


def _has_twin(fn: FunctionView, call: CallSite) -> bool:
    """Whether the asynchronous twin of a `with` method awaits the same call: then the synchronous one is for packages
    that make plain methods of their coroutine functions."""
    name = _TWINS.get(fn.name, "")
    twin = fn.owner.inherited(name) if fn.owner is not None and name else None
    return twin is not None and any(other.text == call.text and other.is_awaited for other in twin.calls)


def _may_be_older(fn: FunctionView, call: CallSite, ctx: Context) -> bool:
    """Whether the file may use a version of the library in which it is a plain function: it awaits nothing that is one
    there."""
    return ctx.catalog.was_plain(call.target) and not any(
        other.is_awaited and ctx.catalog.was_plain(other.target) for view in fn.module.functions for other in view.calls
    )


def _is_asked(fn: FunctionView, call: CallSite) -> bool:
    """Whether the function asks whether the same thing is to be awaited: it knows of versions in which it is not."""
    return any(
        fn.module.project.catalog.asks(other.target) and [fn.text(at) for at in other.positional] == [call.text]
        for other in fn.calls
    )


def _is_coroutine(call: CallSite, ctx: Context) -> bool:
    callee = call.callee
    if callee is None:
        scope = ctx.catalog.scope(call.target)
        if scope is not None and scope.entering is Entering.AWAIT:
            return False  # unentered-scope says more
        return ctx.catalog.is_coroutine(call.target)
    # overloads say nothing of what runs
    runs = [view for view in callee.alternatives if not view.has_role("overload")]
    if not runs or not all(view.is_coroutine for view in runs):
        return False
    owner = callee.owner
    if owner is not None and any(callee.name in cls.attribute_stores or _is_remade(cls) for cls in owner.ancestry[0]):
        return False
    return all(ctx.catalog.decorator(name) in _KEEPS for view in runs for name, _ in view.decorators)


def _is_remade(cls: FunctionView) -> bool:
    """Whether a decorator of a class, a function of the project, sets attributes of it by their names: its coroutine
    functions may be plain ones then."""
    return any(
        call.target == "builtins.setattr"
        for _, at in cls.decorators
        if cls.parent is not None and (made := cls.parent.definition_of(at)) is not None
        for call in made.calls
    )


RULE = Rule(
    code="CAN112",
    name="dropped-coroutine",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.KNOWN,
)
