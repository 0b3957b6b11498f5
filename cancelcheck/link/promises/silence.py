"""Handlers below an SLA function in which a timeout or a cancellation ends without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import Handler, exception_types, handlers
from cancelcheck.link.paths.flow import escapes
from cancelcheck.link.promises.outside import below
from cancelcheck.link.swallowing.cancellation import eating_escapes, is_quiet_root, may_be_meant
from cancelcheck.link.swallowing.catching import points_reaching
from cancelcheck.model.facts import FunctionKind, Name, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.link.paths.reaching import Chain

_TELLS = re.compile(
    r"log|debug|info|warn|error|exception|critical|fatal|print|capture|record|metric|count|inc|observe|gauge|timing"
    r"|histogram|span|event|trace|emit|notif|alert|report|audit|publish|signal|mark|track|stat|send|fail|abort|rollback"
    r"|status|write|echo|secho|message|flash",
    re.IGNORECASE,
)
"""What the name of a call is made of that tells somebody."""


def silent_handlers(view: FunctionView) -> Iterator[tuple[Chain, FunctionView, Handler]]:
    """The handlers, each with the calls that lead to its function."""
    for chain, inner in below(view):
        for handler in handlers(inner):
            if inner is view and ends_quietly(view, handler):
                yield chain, inner, handler
            elif _catches_timeout(inner, handler) and _ends_there(inner, handler) and not _tells(inner, handler):
                yield chain, inner, handler


def ends_quietly(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler that names a cancellation ends it without a word, in a way that somebody may have meant. One
    that surely was not is another rule's."""
    if not view.is_async or not any(entry.framework != "threads" for entry in handler.catch.named):
        return False
    points = points_reaching(view, handler)
    lost = eating_escapes(view, handler, points)
    meant = bool(lost) and (is_quiet_root(view, handler) or may_be_meant(view, handler, points, lost))
    return meant and _ends_there(view, handler) and not _tells(view, handler)


def _catches_timeout(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler names a timeout. One that names a cancellation, or catches everything, is another rule's."""
    caught = handler.excepts(view).caught
    if caught < 0 or handler.catch.cancels:
        return False
    leaves = list(exception_types(view, [caught]))
    return any(leaf.entry is not None and leaf.entry.kind is schema.ExceptionKind.TIMEOUT for leaf in leaves)


def _ends_there(view: FunctionView, handler: Handler) -> bool:
    """Whether a way leads out of a handler, not to the next try, on which nothing is raised."""
    looped = any(view.regions[at].kind is RegionKind.LOOP for at in _around(view, handler.statement))
    kinds = {escape.kind for escape in escapes(view, handler.region)}
    return "return" in kinds or (not looped and "end" in kinds)


def _around(view: FunctionView, region: int) -> Iterator[int]:
    while region >= 0:
        yield region
        region = view.regions[region].parent


def _tells(view: FunctionView, handler: Handler, steps: int = 2) -> bool:
    """Whether something in a handler tells of it, or hands on what was caught."""
    name = handler.excepts(view).name
    for index in view.nodes_in(handler.region):
        node = view.nodes[index]
        if name and isinstance(node, Name) and node.id == name:
            return True
        call = view.call_at(index)
        if call is not None and (_TELLS.search(call.member) or _TELLS.search(call.target)):
            return True
        callee = call.callee if call is not None else None
        if callee is not None and callee.facts.kind is FunctionKind.DEF and steps > 0:
            if any(_TELLS.search(inner.member) or _TELLS.search(inner.target) for inner in callee.calls):
                return True
    return _is_told_later(view, handler)


def _is_told_later(view: FunctionView, handler: Handler) -> bool:
    """Whether what comes after the `try` statement raises, or tells: the handler only notes it."""
    end = view.regions[handler.statement].end
    returns_at_once = any(escape.kind == "return" for escape in escapes(view, handler.region))
    if returns_at_once:
        return False
    return any(node.start >= end for node in view.nodes)
