"""Edits that give a resource back on every path, where a function takes it and gives it back in one run of statements:
what stands between goes into an `async with`, or into a `try` with the giving back in its `finally`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.link.cleanup.resources import Held, stops_of
from cancelcheck.link.layout import begins_line, indent_edits, indent_unit, line_behind, lines_of
from cancelcheck.link.paths.ownership import Fate, own_reads, read_of
from cancelcheck.model.facts import Assign, Await, Call, Expr

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

Edits = tuple[tuple[int, int, str], ...]


def bracketing_edits(fn: FunctionView, held: Held) -> Edits | None:
    """The edits; None where the two are not statements of one block with something between them, and where what gives
    back is awaited in a way that only a `finally` could do: a second cancellation would skip it there."""
    first = _taking(fn, held)
    release = _release(fn, held)
    if first < 0 or release is None:
        return None
    call, last = release
    taken, given = fn.nodes[first], fn.nodes[last]
    source = fn.module.source
    unit = indent_unit(source, fn.facts.start, fn.facts.head)
    between = indent_edits(source, taken.end, given.start, unit)
    place = line_behind(source, taken.start, taken.end)
    if not between or place is None or not begins_line(source, given.start):
        return None
    offset, indent = place
    if isinstance(fn.nodes[fn.nodes[call].parent], Await):
        return _with_edits(fn, held, first, last, between) if _is_usual(fn, call, held) else None
    newline = source.newline
    return (
        (offset, offset, f"{newline}{indent}try:"),
        *between,
        (given.start, given.start, f"finally:{newline}{indent}{unit}"),
    )


def _with_edits(
    fn: FunctionView, held: Held, first: int, last: int, between: list[tuple[int, int, str]]
) -> Edits | None:
    assign = fn.nodes[first]
    given = lines_of(fn.module.source, fn.nodes[last].start, fn.nodes[last].end)
    if not held.entry.async_with or given is None or not isinstance(assign, Assign) or assign.annotation >= 0:
        return None
    made = fn.module.source.text[held.call.node.start : held.call.node.end]
    return ((assign.start, assign.end, f"async with {made} as {held.name}:"), *between, (*given, ""))


def _taking(fn: FunctionView, held: Held) -> int:
    """The statement that takes the resource and holds it in the local from then on; -1 if it is none."""
    store = fn.nodes[held.store]
    at = store.parent
    while at >= 0 and not isinstance(fn.nodes[at], Assign):
        at = fn.nodes[at].parent
    node = fn.nodes[at] if at >= 0 else None
    if not isinstance(node, Assign) or node.parent >= 0 or len(node.targets) != 1 or node.op or held.entry.opened_by:
        return -1
    return at if len(fn.facts.bound.get(held.name, ())) == 1 else -1


def _release(fn: FunctionView, held: Held) -> tuple[int, int] | None:
    """The call that gives it back, and its statement in the same block; None where there is not exactly one."""
    stops = stops_of(held.entry)
    found: list[int] = []
    for at in own_reads(fn, held.name) or ():
        read = read_of(fn, at, stops)
        if read.fate is Fate.STOPPED:
            found.append(read.node)
        elif read.fate is not Fate.LOOKED_AT:
            return None
    if len(found) != 1:
        return None
    node = fn.nodes[found[0]]
    call = node.value if isinstance(node, Await) else found[0]
    site = fn.nodes[call]
    statement = fn.nodes[found[0]].parent
    if not isinstance(site, Call) or statement < 0 or not isinstance(fn.nodes[statement], Expr):
        return None
    member = getattr(fn.nodes[site.func], "attr", "")
    if member in held.entry.by_waiting or fn.region_of(statement) != fn.region_of(held.store):
        return None
    return (call, statement) if statement > held.store else None


def _is_usual(fn: FunctionView, call: int, held: Held) -> bool:
    """Whether it is given back in the way that a `with` does it, and was not awaited to be had."""
    node = fn.nodes[call]
    assert isinstance(node, Call)
    usual = getattr(fn.nodes[node.func], "attr", "") == held.entry.release[0] if held.entry.release else False
    return usual and not node.args and not held.call.is_awaited
