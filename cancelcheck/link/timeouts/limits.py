"""Which timeout ends an await: a wrapper (`wait_for`), a scope around it, in this function or in one that awaits it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.scopes import bound_of_scope, is_shield, references, scopes_around
from cancelcheck.link.values import Bound, ValueKind, evaluate
from cancelcheck.model.facts import FunctionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

MAX_CALLERS = 2
"""Functions further out in which a timeout is looked for."""


class Limit(NamedTuple):
    """A timeout: the call that sets it, in the function where it stands, and the await there that it ends; `seconds` is
    infinity where the number is not known."""

    call: CallSite
    at: int
    seconds: float


def limit_of(view: FunctionView, index: int, callers: int = MAX_CALLERS) -> Limit | None:
    """The timeout that ends the wait for an awaitable; None where there is none, or a shield keeps it from what is
    waited for. Through locals, and through the functions of this module that are awaited under one."""
    for awaited, limit in _awaits(view, index):
        if limit is not None:
            return limit
        shielded = False
        for scope, call in scopes_around(view, awaited):
            found = _limit(scope, call, awaited)
            if found is not None:
                return found
            if is_shield(scope, call):
                shielded = True
                break
        if not shielded and callers > 0 and view.facts.kind is FunctionKind.DEF and view.is_coroutine:
            for user, made in references(view):
                if made is None or user is view or made.callee is not view:
                    continue
                further = limit_of(user, made.index, callers - 1)
                if further is not None:
                    return further
    return None


def _awaits(view: FunctionView, index: int, steps: int = 3) -> Iterator[tuple[int, Limit | None]]:
    """Where a value is awaited, and the wrapper with a timeout around it there; nothing where it is shielded, or goes
    out of sight."""
    catalog = view.module.project.catalog
    at = index
    limit: Limit | None = None
    while True:
        use = view.use(at)
        if use.kind == "argument":
            wrapper = view.call_at(use.node)
            assert wrapper is not None
            entry = catalog.scope(wrapper.target)
            if entry is not None and entry.entering is schema.Entering.AWAIT:
                if entry.kind is schema.ScopeKind.SHIELD:
                    return
                limit = limit or _limit(entry, wrapper, use.node)
            elif (waiter := catalog.waiter(wrapper.target)) is not None:
                if not waiter.cancels:
                    return
            elif not _gives_future(wrapper):
                return
            at = use.node
        elif use.kind == "element":
            at = use.node
        elif use.kind == "awaited":
            yield use.node, limit
            return
        elif use.kind == "bound" and steps > 0:
            for reader, read in view.reads(use.name):
                if reader is view:
                    for awaited, further in _awaits(view, read, steps - 1):
                        yield awaited, limit or further
            return
        else:
            return


def _gives_future(call: CallSite) -> bool:
    """Whether a call gives a future of what it is given: `wrap_future`, `ensure_future`."""
    catalog = call.fn.module.project.catalog
    spawner = catalog.spawner(call.target)
    if spawner is not None:
        return spawner.work is schema.Work.COROUTINE
    return catalog.produces(call.target) is not None


def _limit(scope: schema.Scope, call: CallSite, at: int) -> Limit | None:
    if scope.kind not in (schema.ScopeKind.TIMEOUT, schema.ScopeKind.CANCEL):
        return None
    argument = call.argument(scope.timeout, scope.timeout_position)
    if argument is None or bound_of_scope(scope, call) is Bound.FOREVER:
        return None
    seconds = math.inf
    if argument >= 0 and scope.clock is schema.Clock.RELATIVE:
        value = evaluate(call.fn, argument)
        seconds = value.number if value.kind is ValueKind.NUMBER else math.inf
    return Limit(call, at, seconds)
