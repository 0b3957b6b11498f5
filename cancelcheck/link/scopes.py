"""Timeout scopes: which `with` block or wrapper bounds a wait. A scope bounds awaits, never a blocking call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.values import Bound, bound_of, evaluate
from cancelcheck.model.facts import Attr, Call, Enter, FunctionKind, Name, RegionKind, Yield

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


def scope_of(view: FunctionView, index: int) -> tuple[schema.Scope, CallSite] | None:
    """The catalogue's scope that a node makes, and the call that makes it; through a local that is bound to it."""
    node = view.nodes[index] if index >= 0 else None
    call = view.call_at(index)
    if call is None and isinstance(node, (Name, Attr)):
        instance = view.instance(index)
        if instance is not None and len(instance.origins) == 1 and instance.complete:
            call = instance.origins[0]
    if call is None:
        return None
    entry = view.module.project.catalog.scope(call.target)
    return (entry, call) if entry is not None else None


def scopes_around(view: FunctionView, index: int) -> Iterator[tuple[schema.Scope, CallSite]]:
    """The scopes of the `with` blocks around a node of this function, innermost first."""
    for region in view.regions_around(index):
        if view.regions[region].kind is RegionKind.WITH:
            enter = view.nodes[view.regions[region].node]
            assert isinstance(enter, Enter)
            found = scope_of(view, enter.context)
            if found is not None:
                yield found


def bound_of_scope(scope: schema.Scope, call: CallSite) -> Bound:
    """Whether a scope ends what is in it. One that is rescheduled, or whose deadline is set later, is not known."""
    if scope.kind not in (schema.ScopeKind.TIMEOUT, schema.ScopeKind.CANCEL) and scope.entering is not (
        schema.Entering.AWAIT
    ):
        return Bound.FOREVER
    if not scope.timeout and scope.timeout_position < 0:
        return Bound.FOREVER
    argument = call.argument(scope.timeout, scope.timeout_position)
    if argument is None:
        # a bare CancelScope() can be cancelled, or given a deadline, at any time
        return Bound.UNKNOWN if scope.kind is schema.ScopeKind.CANCEL else Bound.FOREVER
    if argument < 0:
        return Bound.UNKNOWN
    return bound_of(evaluate(call.fn, argument), scope.forever)


def is_bounded(view: FunctionView, index: int, depth: int = 3) -> bool:
    """Whether an awaited node surely or possibly ends: a scope that is not endless stands around it, or it is wrapped
    by one (`wait_for`), or, in a private function all of whose uses are seen, around every call."""
    for scope, call in scopes_around(view, index):
        if bound_of_scope(scope, call) is not Bound.FOREVER:
            return True
    if any(
        view.regions[region].kind is RegionKind.WITH and _may_bound(view, view.regions[region].node)
        for region in view.regions_around(index)
    ):
        return True
    at = index
    while at >= 0:
        use = view.use(at)
        if use.kind == "argument":
            wrapper = view.call_at(use.node)
            assert wrapper is not None
            entry = view.module.project.catalog.scope(wrapper.target)
            if entry is not None and entry.entering is schema.Entering.AWAIT:
                if bound_of_scope(entry, wrapper) is not Bound.FOREVER:
                    return True
            at = use.node
        elif use.kind in ("awaited", "element"):
            at = use.node
        else:
            break
    return depth > 0 and _every_caller_bounds(view, depth)


def _may_bound(view: FunctionView, index: int) -> bool:
    """Whether a `with` that makes no scope of the catalogue enters one all the same: one that was made elsewhere, the
    project's own context manager that yields inside one, or what says by its name that it is one."""
    enter = view.nodes[index]
    assert isinstance(enter, Enter)
    catalog = view.module.project.catalog
    call = view.call_at(enter.context)
    if call is None:
        instance = view.instance(enter.context)
        return instance is not None and not instance.origins and catalog.scope(instance.catalog_type()) is not None
    callee = call.callee
    if callee is None:
        return not call.target and any(word in call.member.lower() for word in ("timeout", "deadline", "fail_after"))
    return any(
        isinstance(node, Yield)
        and any(bound_of_scope(*found) is not Bound.FOREVER for found in scopes_around(callee, at))
        for at, node in enumerate(callee.nodes)
    )


def _every_caller_bounds(view: FunctionView, depth: int) -> bool:
    if view.facts.kind is not FunctionKind.DEF:
        return False
    nested = view.parent is not None and view.parent.facts.kind is FunctionKind.DEF
    if not nested and not (view.name.startswith("_") and not view.name.startswith("__")):
        return False
    callers = list(references(view))
    return bool(callers) and all(
        user is not view and call is not None and is_bounded(user, call.index, depth - 1) for user, call in callers
    )


def references(view: FunctionView) -> Iterator[tuple[FunctionView, CallSite | None]]:
    """Where this module mentions a function by its name: the calls of it, None for any other mention. A method counts
    as mentioned by every attribute of its name."""
    is_method = view.owner is not None
    for user, index in view.module.mentions(view.name, of_method=is_method):
        if not is_method and user.definition_of(index) is not view:
            continue
        at = user.nodes[index].parent
        parent = user.nodes[at] if at >= 0 else None
        yield (user, user.call_at(at) if isinstance(parent, Call) and parent.func == index else None)
