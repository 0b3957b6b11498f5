"""Edits that keep a task until it is done: in a set of the module, from which it goes when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.link.imports import statement_behind
from cancelcheck.link.layout import begins_line, line_behind
from cancelcheck.model.facts import Assign, Expr, FunctionKind, Store

if TYPE_CHECKING:
    from cancelcheck.catalog import schema
    from cancelcheck.link.function import CallSite, FunctionView

Edits = tuple[tuple[int, int, str], ...]

_SETS = ("_background_tasks", "background_tasks")
_LOCALS = ("task", "background_task", "started", "spawned")


def keeping_edits(call: CallSite, spawner: schema.Spawner) -> Edits | None:
    """The edits that keep what a statement starts; None where it is no statement of a function, or the task cannot say
    when it has ended."""
    fn = call.fn
    value = fn.node_at(call.node.parent)
    if fn.facts.kind is not FunctionKind.DEF or not spawner.done_callback:
        return None
    if not isinstance(value, (Expr, Assign)) or value.parent >= 0:
        return None
    place = line_behind(fn.module.source, value.start, value.end)
    if place is None or not begins_line(fn.module.source, value.start):
        return None
    holder = _holder(fn)
    bound = _bound(fn, call, value)
    if holder is None or bound is None:
        return None
    kept, edits = holder
    name, naming = bound
    offset, indent = place
    newline = fn.module.source.newline
    added = f"{newline}{indent}{kept}.add({name}){newline}{indent}{name}.{spawner.done_callback}({kept}.discard)"
    return (*edits, *naming, (offset, offset, added))


def _bound(fn: FunctionView, call: CallSite, statement: Expr | Assign) -> tuple[str, Edits] | None:
    """The local that the task is in, and the edits that put it there."""
    name = next((name for name in _LOCALS if not fn.bindings(name).nodes), "")
    if isinstance(statement, Expr):
        start = call.node.start
        return (name, ((start, start, f"{name} = "),)) if name else None
    target = fn.nodes[statement.targets[0]]
    if len(statement.targets) != 1 or not isinstance(target, Store) or statement.op:
        return None
    if target.id != "_":
        return target.id, ()
    return (name, ((target.start, target.end, name),)) if name else None


def _holder(fn: FunctionView) -> tuple[str, Edits] | None:
    """The set that holds tasks, and the edits that make it, where the module has none."""
    body = fn.module.body
    for name in _SETS:
        scope, nodes = fn.bindings(name)
        if scope is body and len(nodes) == 1:
            call = body.call_at(body.assigned_value(nodes[0][1]))
            if call is not None and call.target == "builtins.set":
                return name, ()
    free = next((name for name in _SETS if not fn.bindings(name).nodes and not body.bindings(name).nodes), "")
    edit = statement_behind(fn, f"{free} = set()") if free and fn.bindings("set").scope is None else None
    return (free, (edit,)) if edit is not None else None
