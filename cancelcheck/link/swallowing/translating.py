"""What a handler raises in place of the cancellation that it caught."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import Handler, is_cancellation_point
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.swallowing.cancellation import delivers_again, eating_escapes, hands_back, joins_own_cancel
from cancelcheck.link.swallowing.catching import decides_unseen, is_raised_anyway
from cancelcheck.model.facts import Call, FunctionKind, Name, Raise, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Raised(enum.StrEnum):
    """What a `raise` raises, seen from a canceller."""

    CANCELLATION = "cancellation"
    """The cancellation itself, another one, or something that ends the program."""
    FAILURE = "failure"
    """An ordinary failure."""
    NAMED_CANCELLED = "named-cancelled"
    """An ordinary failure whose name says that something was cancelled."""
    UNKNOWN = "unknown"


_APART = frozenset(
    {"builtins.SystemExit", "builtins.KeyboardInterrupt", "builtins.GeneratorExit", "builtins.AssertionError"}
)
"""What ends a program, and what says that the line is never reached."""


def raised_by(view: FunctionView, index: int, handler: Handler) -> Raised:
    """What the `raise` at a node of a handler raises."""
    node = view.nodes[index]
    assert isinstance(node, Raise)
    if node.exc < 0:
        return Raised.CANCELLATION
    exc = node.exc
    inner = view.nodes[exc]
    if isinstance(inner, Name):
        if inner.id == handler.excepts(view).name:
            return Raised.CANCELLATION
        scope, nodes = view.bindings(inner.id)
        if scope is view and len(nodes) == 1:
            value = view.assigned_value(nodes[0][1])
            if value is not None:
                exc = value
                inner = view.nodes[exc]
    return _class_raised(view, inner.func if isinstance(inner, Call) else exc)


def _class_raised(view: FunctionView, index: int) -> Raised:
    """What an exception class is; UNKNOWN where it is none, or one of its bases is not known."""
    catalog = view.module.project.catalog
    cls = view.definition_of(index)
    if cls is not None:
        if cls.facts.kind is not FunctionKind.CLASS:
            return Raised.UNKNOWN
        names = [cls.qualname, *cls.ancestry[1]]
    else:
        names = [view.target_of(index)]
    if not all(name.rpartition(".")[2][:1].isupper() for name in names):
        return Raised.UNKNOWN
    for name in names:
        entry = catalog.exception(name)
        if name in _APART or (entry is not None and entry.kind in _CANCELS):
            return Raised.CANCELLATION
        if name == "builtins.BaseException":
            return Raised.UNKNOWN
    if any("cancel" in name.rpartition(".")[2].lower() for name in names):
        return Raised.NAMED_CANCELLED
    return Raised.FAILURE


_CANCELS = (schema.ExceptionKind.CANCEL, schema.ExceptionKind.CANCEL_GETTER)


def translations(view: FunctionView, handler: Handler, points: list[int]) -> list[tuple[int, Raised]]:
    """The `raise` statements of a handler that give the canceller of one of `points` an ordinary failure; none where
    the handler has another way out, for then it decides, or another rule speaks."""
    found: list[tuple[int, Raised]] = []
    for index in view.nodes_in(handler.region):
        if not isinstance(view.nodes[index], Raise) or view.block_of(index) not in view.live_blocks:
            continue
        if _is_caught_inside(view, index, handler) or (delivers_again(view) and _waits_before(view, index, handler)):
            continue
        raised = raised_by(view, index, handler)
        if raised not in (Raised.FAILURE, Raised.NAMED_CANCELLED):
            return []
        found.append((index, raised))
    if not found or joins_own_cancel(view, points) or decides_unseen(view, handler) or hands_back(view, handler):
        return []
    if is_raised_anyway(view, view.regions[handler.statement].parent) or eating_escapes(view, handler, points):
        return []
    return found


def _is_caught_inside(view: FunctionView, index: int, handler: Handler) -> bool:
    """Whether a `try` inside the handler stands around a node."""
    inner = innermost(view, index, RegionKind.PROTECTED)
    return inner >= 0 and view.is_inside(inner, handler.region)


def _waits_before(view: FunctionView, index: int, handler: Handler) -> bool:
    """Whether a cancellation point of the handler stands before a node: there a cancellation that is delivered again
    is raised."""
    return any(at < index and is_cancellation_point(view, at) for at in view.nodes_in(handler.region))
