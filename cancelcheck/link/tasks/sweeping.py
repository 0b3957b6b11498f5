"""Edits that cancel what a wait has left pending, and wait until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.link.imports import access_to
from cancelcheck.link.layout import begins_line, indent_unit, line_behind
from cancelcheck.link.tasks.spawning import spawner_of
from cancelcheck.model.facts import Assign, Expr, Store, Unpack

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.link.tasks.pending import Left

Edits = tuple[tuple[int, int, str], ...]

_PENDING = ("pending", "unfinished", "rest")
_ONE = ("task", "unfinished_task", "left")


def sweeping_edits(fn: FunctionView, left: Left) -> Edits | None:
    """The edits that see to the tasks that a wait leaves; None where it is no statement that gives both sets, where the
    tasks are of a kind that nobody can wait for, and where each has a local of its own: then these are to be cancelled
    on every way out."""
    if any(fn.use(index).kind == "bound" for index in left.made):
        return None
    made = fn.call_at(left.made[0])
    spawner = spawner_of(made) if made is not None else None
    entry = fn.module.project.catalog.cancellable(spawner.returns) if spawner is not None else None
    bound = _bound(fn, left)
    one = _free(fn, _ONE)
    if entry is None or not entry.join or bound is None or not one:
        return None
    statement, pending, naming = bound
    access = access_to(fn, entry.join_module)
    place = line_behind(fn.module.source, statement.start, statement.end)
    if access is None or place is None or not begins_line(fn.module.source, statement.start):
        return None
    offset, indent = place
    inner = indent + indent_unit(fn.module.source, fn.facts.start, fn.facts.head)
    lines = (
        f"{indent}for {one} in {pending}:",
        f"{inner}{one}.cancel()",
        f"{indent}await {access.name}.{entry.join.format(f'*{pending}')}",
    )
    added = "".join(fn.module.source.newline + line for line in lines)
    return (*access.edits, *naming, (offset, offset, added))


def _bound(fn: FunctionView, left: Left) -> tuple[Expr | Assign, str, Edits] | None:
    """The statement that waits, the name of the pending set, and the edits that give it one."""
    if not left.call.is_awaited:
        return None
    value = left.call.node.parent
    statement = fn.user_of(value)
    free = _free(fn, _PENDING)
    if isinstance(statement, Expr):
        start = statement.start
        return (statement, free, ((start, start, f"_, {free} = "),)) if free else None
    if not isinstance(statement, Assign) or statement.value != value or len(statement.targets) != 1:
        return None
    target = fn.nodes[statement.targets[0]]
    rest = fn.nodes[target.items[1]] if isinstance(target, Unpack) and len(target.items) == 2 else None
    if not isinstance(rest, Store):
        return None
    if rest.id != "_":
        return statement, rest.id, ()
    return (statement, free, ((rest.start, rest.end, free),)) if free else None


def _free(fn: FunctionView, names: tuple[str, ...]) -> str:
    return next((name for name in names if not fn.bindings(name).nodes), "")
