"""What is wrong with the handler that undoes an SLA function."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.paths.exceptions import handler_in
from cancelcheck.link.promises.outside import has_key, names_one, writes
from cancelcheck.link.promises.sla import Promise
from cancelcheck.link.promises.sums import Hop
from cancelcheck.link.promises.worst import worst_of
from cancelcheck.link.swallowing.catching import is_shielded
from cancelcheck.model.facts import Attr, Const, FunctionKind, Lambda, Name, ParamKind, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.model.facts import Param


class Problem(NamedTuple):
    """What is wrong, in words, and the way to it."""

    what: str
    hops: tuple[Hop, ...] = ()


def problems_of(view: FunctionView, promise: Promise) -> Iterator[Problem]:
    """All that is wrong with the handlers of an SLA function."""
    parent = view.parent
    assert parent is not None
    for index in promise.handlers:
        handler, problem = _resolved(view, parent, index)
        if problem:
            yield Problem(problem)
        if handler is not None:
            call = parent.call_at(parent.nodes[index].parent) if parent.nodes[index].parent >= 0 else None
            gives_all = call is not None and call.target.startswith(_OWN)
            yield from _of_handler(view, handler, gives_all=gives_all)


def _resolved(view: FunctionView, parent: FunctionView, index: int) -> tuple[FunctionView | None, str]:
    """The function that a node names, and what is wrong with the name."""
    node = parent.nodes[index]
    if isinstance(node, Name) and parent.bindings(node.id).scope is None:
        star = view.module.globals("*") or hasattr(builtins, node.id)
        return None, "" if star else f"`{node.id}` does not exist"
    if isinstance(node, (Name, Attr)):
        found = parent.definition_of(index)
        return (found if found is not None and found.facts.kind is FunctionKind.DEF else None), ""
    if isinstance(node, Lambda):
        return view.module.functions[node.function], ""
    if not isinstance(node, Const) or not isinstance(node.value, str):
        return None, ""
    module, colon, path = node.value.partition(":")
    if not colon or not module or not path:
        return None, ""
    project = view.module.project
    holder = project.module(module, view.module)
    if holder is None:
        own = view.module.name.partition(".")[0]
        missing = module.startswith(f"{own}.")
        return None, f"`{node.value}` does not exist: there is no module `{module}`" if missing else ""
    _, entity = project.find(f"{module}.{path}", view.module)
    if entity is None:
        known = holder.globals(path.partition(".")[0]) or holder.globals("*")
        return None, "" if known else f"`{node.value}` does not exist: there is no `{path}` in `{module}`"
    kind = getattr(getattr(entity, "facts", None), "kind", None)
    return (entity if kind is FunctionKind.DEF else None), ""  # type: ignore[return-value]


_OWN = "cancelcheck.markers."
"""Markers of which it is known what they give the handler: the same arguments. They leave what they mark as it is."""


def _of_handler(view: FunctionView, handler: FunctionView, *, gives_all: bool) -> Iterator[Problem]:
    given = handler.name if handler.facts.kind is FunctionKind.DEF else "lambda"
    refused = _refused(view, handler) if gives_all else ""
    if refused:
        yield Problem(f"`{given}` does not accept what it is given: {refused}")
    trail = worst_of(handler).open.endless
    if trail is not None:
        last = trail.hops[-1]
        hops = tuple(Hop(hop.view, hop.node, f"`{hop.text}`") for hop in trail.hops)
        yield Problem(f"`{given}` can wait forever, at `{last.text}`", hops)
    if not names_one(handler, view.module.project.settings.sla.idempotent_decorators):
        again = next((call for call in handler.calls if writes(call) and not has_key(call)), None)
        if again is not None:
            hop = Hop(handler, again.index, f"`{again.text}(…)` has no key")
            yield Problem(f"`{given}` is not idempotent: `{again.text}(…)` has no key", (hop,))
    for call in view.calls:
        if call.callee is handler and call.is_awaited and _in_cancelled_task(view, call.index):
            if not is_shielded(view, call.index):
                hop = Hop(view, call.index, f"`{call.text}(…)` is awaited in the cancelled task")
                yield Problem(f"`{given}` is awaited unshielded in the cancelled task", (hop,))
                return


def _in_cancelled_task(view: FunctionView, index: int) -> bool:
    """Whether a node lies in a handler for cancellations, or in a `finally`, to which they come as well."""
    for region in view.regions_around(index):
        kind = view.regions[region].kind
        if kind is RegionKind.FINALLY or (kind is RegionKind.HANDLER and handler_in(view, region).catch.cancels):
            return True
    return False


def _refused(view: FunctionView, handler: FunctionView) -> str:
    """Why a handler does not accept the arguments of a function; "" where it may. A method's handler outside the class
    may or may not be given the instance."""
    named = handler.facts.kind is FunctionKind.DEF
    if any(not name.startswith(_OWN) for name, _ in handler.decorators) or (named and len(handler.alternatives) > 1):
        return ""
    mine, its = list(view.facts.params), list(handler.facts.params)
    if view.self_name and handler.self_name:
        return _misfit(mine[1:], its[1:])
    if handler.self_name:
        return ""
    if view.self_name and not _misfit(mine[1:], its):
        return ""
    return _misfit(mine, its)


def _misfit(mine: list[Param], its: list[Param]) -> str:
    """Why what some parameters take does not fit others."""
    kinds = {param.kind for param in its}
    plain = (ParamKind.POSITIONAL_ONLY, ParamKind.PLAIN)
    if ParamKind.VAR_POSITIONAL not in kinds:
        room = sum(param.kind in plain for param in its)
        needed = sum(param.kind in plain and param.default < 0 for param in mine)
        if needed > room:
            return f"it takes {room} of {needed} arguments"
    names = {param.name for param in mine}
    positions = sum(param.kind in plain for param in mine)
    for at, param in enumerate(its):
        if param.default >= 0 or param.kind in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD):
            continue
        if param.kind is ParamKind.KEYWORD_ONLY or at >= positions:
            if param.name not in names and not _takes_any(mine):
                return f"nothing gives it `{param.name}`"
    return ""


def _takes_any(params: list[Param]) -> bool:
    return any(param.kind in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD) for param in params)
