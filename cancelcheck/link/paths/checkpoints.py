"""Where a wait is one: the points at which a cancellation can land, and the coroutine functions that have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.model.facts import Await, FunctionKind, Yield

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

MAX_CALLS = 30
"""Coroutine functions that are followed into each other before one is taken to wait."""


def checkpoint_in(view: FunctionView, region: int) -> int:
    """The first node of a region at which a cancellation may land: a wait, or a `yield`, where others run; -1 if there
    is none."""
    return next((index for index in view.nodes_in(region) if may_wait(view, index)), -1)


def may_wait(view: FunctionView, index: int) -> bool:
    """Whether something may be waited for at a node: not where a function of the project is awaited that surely waits
    for nothing."""
    node = view.nodes[index]
    if isinstance(node, Yield):
        return True
    if not is_cancellation_point(view, index):
        return False
    return not isinstance(node, Await) or waitless_callee(view, index) is None


def waitless_callee(view: FunctionView, index: int) -> FunctionView | None:
    """The function of the project that an `await` runs, where it surely waits for nothing."""
    callee = _awaited(view, index)
    return callee if callee is not None and _is_waitless(callee, MAX_CALLS)[0] else None


def _awaited(view: FunctionView, index: int) -> FunctionView | None:
    """The coroutine function that an `await` runs; none for a method, which a subclass may replace."""
    node = view.nodes[index]
    call = view.call_at(node.value) if isinstance(node, Await) else None
    callee = call.callee if call is not None else None
    if callee is None or callee.owner is not None or callee.facts.kind is not FunctionKind.DEF:
        return None
    return callee if len(callee.alternatives) == 1 else None


def _is_waitless(view: FunctionView, depth: int) -> tuple[bool, bool]:
    """Whether a coroutine function surely waits for nothing, and whether all of it was seen. One that calls itself is
    taken to wait."""
    if not view.is_coroutine or view.facts.is_stub or view.decorators:
        return False, True
    kept = view.module.waitless
    if view.index in kept:
        return kept[view.index], True
    if depth == 0:
        return False, False
    kept[view.index] = False
    whole = True
    waits = False
    for index in range(len(view.nodes)):
        if not is_cancellation_point(view, index):
            continue
        callee = _awaited(view, index)
        inner, seen = _is_waitless(callee, depth - 1) if callee is not None else (False, True)
        whole &= seen
        if not inner:
            waits = True
            break
    if whole:
        kept[view.index] = not waits
    else:
        del kept[view.index]
    return not waits, whole
