"""An async generator with something to clean up, left early and not closed.

## Why
Leaving the loop does not end the generator: it stays suspended, with what it holds, until the garbage collector finds
it, and then its cleanup runs in some other task, or not at all if the loop is gone (PEP 533).

```python bad
import asyncio

async def lines(host):
    reader, writer = await asyncio.open_connection(host, 80)
    try:
        async for line in reader:
            yield line
    finally:
        writer.close()
        await writer.wait_closed()

async def find(host, text):
    async for line in lines(host):
        if text in line:
            return line
```

```python good
import asyncio
from contextlib import aclosing

async def lines(host):
    reader, writer = await asyncio.open_connection(host, 80)
    try:
        async for line in reader:
            yield line
    finally:
        writer.close()
        await writer.wait_closed()

async def find(host, text):
    async with aclosing(lines(host)) as items:
        async for line in items:
            if text in line:
                return line
```

## Fix safety
Safe: the loop stays what it is, and the generator is closed when it is left. Not offered where a text over several
lines stands in the loop, which would be indented with it.

## Known limits
A generator that is made in one place and iterated in another is left alone, and a loop that only an exception leaves.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.generators import Cleanup, cleanup_of, generator_made
from cancelcheck.link.imports import access_to_member
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.facts import Enter, Iterate, Jump, Raise, RegionKind, Return, Yield
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each loop over a generator of the project that can be left while the generator holds something."""
    for loop, region in enumerate(fn.regions):
        node = fn.nodes[region.node] if region.kind is RegionKind.LOOP else None
        if not isinstance(node, Iterate) or not node.is_async:
            continue
        made = generator_made(fn, node.iterable)
        leaves = _left_early(fn, loop) if made is not None else -1
        cleanup = cleanup_of(made[1]) if made is not None and leaves >= 0 else None
        if made is None or cleanup is None:
            continue
        call, generator = made
        held = _held(generator, cleanup)
        yield ctx.report(
            fn,
            (node.start, node.end),
            f"`{call.text}(…)` is not closed when {_way(fn, leaves)}: {held} waits for the garbage collector",
            help=f"Iterate inside `async with aclosing({call.text}(…)) as …`.",
            trace=(
                ctx.step(fn, call.index, f"`{call.text}(…)` is iterated"),
                ctx.step(generator, cleanup.at, f"`{generator.name}` is suspended"),
                ctx.step(fn, leaves, _way(fn, leaves)),
                ctx.step(generator, cleanup.node, "this is left undone"),
            ),
            fix=_fix(fn, loop, node, ctx) if node.iterable == call.index else None,
        )


def _left_early(fn: FunctionView, loop: int) -> int:
    """The first node that leaves a loop before its end: a jump, a `raise`, a `yield` at which the caller may stop; -1
    if there is none."""
    found = -1
    for index in fn.nodes_in(loop):
        node = fn.nodes[index]
        if isinstance(node, Return):
            return index
        if isinstance(node, Jump) and (node.kind == "break" or node.loop != loop):
            if node.loop == loop or not fn.is_inside(node.loop, loop):
                return index
        if isinstance(node, Raise) and not _is_caught(fn, index, loop):
            return index
        if isinstance(node, Yield) and found < 0:
            found = index
    return found


def _is_caught(fn: FunctionView, index: int, loop: int) -> bool:
    """Whether a `try` inside the loop may take an exception that is raised at a node."""
    for region in fn.regions_around(index):
        if region == loop:
            return False
        if fn.regions[region].kind is RegionKind.PROTECTED:
            return True
    return False


def _way(fn: FunctionView, index: int) -> str:
    node = fn.nodes[index]
    if isinstance(node, Jump):
        return f"`{node.kind}` leaves the loop"
    if isinstance(node, Return):
        return "`return` leaves the loop"
    return "`raise` leaves the loop" if isinstance(node, Raise) else "the caller stops at the `yield` in the loop"


def _held(generator: FunctionView, cleanup: Cleanup) -> str:
    node = generator.nodes[cleanup.node]
    if isinstance(node, Enter):
        return f"`{'async with' if node.is_async else 'with'} {generator.text(node.context)}`"
    return f"`{generator.text(cleanup.node)}` in its `finally`"


# --- the fix


_NAMES = ("items", "agen", "values", "results")


def _fix(fn: FunctionView, loop: int, node: Iterate, ctx: Context) -> Fix | None:
    source = fn.module.source
    region = fn.regions[loop]
    text = source.text[region.start : region.end]
    line, column = source.position(region.start)
    indent = source.line(line)[: column - 1]
    taken = _names_in(fn)
    name = next((name for name in _NAMES if name not in taken), "")
    access = access_to_member(fn, "contextlib", "aclosing")
    made = fn.nodes[node.iterable]
    if indent.strip() or not name or access is None or _has_text_over_lines(text):
        return None
    unit = _unit(text, indent)
    head = source.text[region.start : made.start]
    rest = source.text[made.end : region.end]
    body = "".join(_indented(f"{head}{name}{rest}", unit))
    opening = f"async with {access.name}({source.text[made.start : made.end]}) as {name}:{source.newline}"
    return ctx.fix(
        "close it with `aclosing`",
        Safety.SAFE,
        (region.start, region.end, f"{opening}{indent}{unit}{body}"),
        *access.edits,
    )


def _names_in(fn: FunctionView) -> set[str]:
    """The names that a function, or one nested in it, binds or reads."""
    names: set[str] = set()
    pending = [fn]
    while pending:
        view = pending.pop()
        names |= {name.partition("·")[0] for name in (*view.facts.bound, *view.names_read)}
        pending += view.children
    return names


def _has_text_over_lines(text: str) -> bool:
    return '"""' in text or "'''" in text or any(line.endswith("\\") for line in text.splitlines())


def _unit(text: str, indent: str) -> str:
    """What the body of a loop is indented by."""
    for line in text.splitlines()[1:]:
        inner = line[: len(line) - len(line.lstrip())]
        if line.strip() and inner.startswith(indent) and len(inner) > len(indent):
            return inner[len(indent) :]
    return "\t" if indent.startswith("\t") else "    "


def _indented(text: str, unit: str) -> Iterator[str]:
    """A text with each of its lines but the first, and empty ones, moved in."""
    for number, line in enumerate(text.splitlines(keepends=True)):
        yield unit + line if number and line.strip() else line


RULE = Rule(
    code="CAN118",
    name="unclosed-async-generator",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.LOOP,
)
