"""Asynchronous generators: what one is for, and what it leaves undone when nobody runs it to its end."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.paths.checkpoints import checkpoint_in
from cancelcheck.link.paths.flow import reaches_after
from cancelcheck.link.paths.scopes import references, scope_of
from cancelcheck.model.facts import (
    Attr,
    Call,
    Const,
    Enter,
    Iterate,
    Name,
    RegionKind,
    Subscript,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Purpose(enum.StrEnum):
    """What an asynchronous generator is for."""

    ITERATED = "iterated"
    """It gives values one after the other."""
    MANAGED = "managed"
    """Something runs it that is not seen, or that makes a context manager of it: a decorator, whoever it is handed
    to."""
    UNKNOWN = "unknown"
    """It yields once, and what a context manager would: nothing, or what it has entered."""


_NEUTRAL = frozenset({"abstract", "override", "staticmethod", "classmethod", "overload"})
"""Roles of decorators that leave a generator what it is."""


def purpose_of(view: FunctionView) -> Purpose:
    """What an asynchronous generator is for, as far as its own file says."""
    catalog = view.module.project.catalog
    if any(catalog.decorator(name) not in _NEUTRAL for name, _ in view.decorators):
        return Purpose.MANAGED
    yields = [index for index, node in enumerate(view.nodes) if isinstance(node, Yield)]
    if any(reaches_after(view, index, yields.__contains__) >= 0 for index in yields[:MAX_YIELDS]):
        return Purpose.ITERATED
    mentions = list(references(view))
    if any(call is not None and call.use.kind == "iterated" for _, call in mentions):
        return Purpose.ITERATED
    if any(call is None for _, call in mentions):
        return Purpose.MANAGED
    if any(_yields_what_it_entered(view, index) for index in yields):
        return Purpose.UNKNOWN
    return Purpose.ITERATED


MAX_YIELDS = 20
"""Yields of one generator that are looked at for whether another one follows."""


def _yields_what_it_entered(view: FunctionView, index: int) -> bool:
    """Whether a `yield` gives nothing, itself, or what a `with` around it has entered."""
    node = view.nodes[index]
    assert isinstance(node, Yield)
    value = view.nodes[node.value] if node.value >= 0 else None
    if value is None or (isinstance(value, Const) and value.kind == "none"):
        return True
    if not isinstance(value, Name):
        return False
    if value.id == view.self_name:
        return True
    for region in view.regions_around(index):
        enter = view.nodes[view.regions[region].node] if view.regions[region].kind is RegionKind.WITH else None
        if isinstance(enter, Enter):
            names = {view.key(at) for at in (enter.context, enter.target) if at >= 0}
            if value.id in names:
                return True
    return False


class Cleanup(NamedTuple):
    """What a suspended generator still has to do: `node` does it (a wait in a `finally`, or a `with` that is open),
    `at` is the `yield` at which it is suspended."""

    node: int
    at: int


def cleanup_of(view: FunctionView) -> Cleanup | None:
    """What an asynchronous generator leaves undone if it is suspended for ever: a `finally` that waits, an `async
    with`, a `with` on a resource, a lock or a scope. The first one; None where there is nothing, or nothing
    that is seen."""
    for index, node in enumerate(view.nodes):
        if not isinstance(node, Yield):
            continue
        inner = -1
        for region in view.regions_around(index):
            facts = view.regions[region]
            if facts.kind is RegionKind.WITH and _has_to_be_left(view, facts.node):
                return Cleanup(facts.node, index)
            if facts.kind is RegionKind.TRY and inner >= 0 and view.regions[inner].kind is not RegionKind.FINALLY:
                waits = _wait_in_finally(view, region)
                if waits >= 0:
                    return Cleanup(waits, index)
            inner = region
    return None


def _has_to_be_left(view: FunctionView, index: int) -> bool:
    enter = view.nodes[index]
    assert isinstance(enter, Enter)
    if enter.is_async:
        return True
    catalog = view.module.project.catalog
    if scope_of(view, enter.context) is not None:
        return True
    call = view.call_at(enter.context)
    resource = catalog.resource(call.target) if call is not None else None
    if resource is not None:
        return resource.entered
    instance = view.instance(enter.context)
    return instance is not None and catalog.lock(instance.catalog_type()) is not None


def _wait_in_finally(view: FunctionView, statement: int) -> int:
    """The first wait in the `finally` of a `try` statement; -1 if there is none."""
    for index, region in enumerate(view.regions):
        if region.kind is RegionKind.FINALLY and region.parent == statement:
            return checkpoint_in(view, index)
    return -1


def generator_made(view: FunctionView, index: int) -> tuple[CallSite, FunctionView] | None:
    """The call of an asynchronous generator of the project whose result a node is, and the generator; also through a
    local that holds it and is only iterated."""
    call = view.call_at(index)
    node = view.nodes[index]
    if call is None and isinstance(node, Name):
        scope, nodes = view.bindings(node.id)
        value = view.assigned_value(nodes[0][1]) if scope is view and len(nodes) == 1 else None
        reads = view.reads(node.id)
        if value is not None and all(user is view and view.use(at).kind == "iterated" for user, at in reads):
            call = view.call_at(value)
    callee = call.callee if call is not None else None
    if call is None or callee is None or len(callee.alternatives) != 1:
        return None
    if not (callee.facts.is_async and callee.facts.is_generator):
        return None
    catalog = view.module.project.catalog
    if any(catalog.decorator(name) not in _NEUTRAL for name, _ in callee.decorators):
        return None
    return call, callee


def is_generator(view: FunctionView, index: int) -> bool:
    """Whether a node is surely an asynchronous generator: a local that holds one of the project, or a parameter that
    is annotated as one."""
    node = view.nodes[index] if index >= 0 else None
    bound = view.bindings(node.id).nodes if isinstance(node, Name) else ()
    if not isinstance(node, Name) or len(bound) != 1:
        return False
    holder, at = bound[0]
    if at >= 0:
        value = holder.assigned_value(at)
        return value is not None and isinstance(holder.nodes[value], Call) and generator_made(holder, value) is not None
    param = holder.param(node.id)
    near = holder.parent
    if param is None or near is None or param.annotation < 0:
        return False
    annotation = near.nodes[param.annotation]
    return near.path_of(annotation.value if isinstance(annotation, Subscript) else param.annotation) in _GENERATORS


def closes_generator(call: CallSite) -> bool:
    """Whether a call is the `aclose()` of an asynchronous generator, or of what its function goes through as of one:
    by name, or by what `getattr` gives."""
    view = call.fn
    closed = _closed_by(call)
    if closed < 0:
        return False
    return is_generator(view, closed) or (not call.target and call.callee is None and _is_gone_through(view, closed))


def _closed_by(call: CallSite) -> int:
    """The node of what a call closes by `aclose`; -1 if it does nothing of the kind."""
    view = call.fn
    if call.receiver >= 0:
        return call.receiver if call.member == "aclose" else -1
    name = view.nodes[call.node.func]
    scope, bound = view.bindings(name.id) if isinstance(name, Name) else (None, ())
    value = view.assigned_value(bound[0][1]) if scope is view and len(bound) == 1 else None
    looked_up = view.call_at(value) if value is not None else None
    if looked_up is None or looked_up.target != "builtins.getattr" or len(looked_up.positional) < 2:
        return -1
    attr = view.nodes[looked_up.positional[1]]
    return looked_up.positional[0] if isinstance(attr, Const) and attr.value == "aclose" else -1


def _is_gone_through(view: FunctionView, index: int) -> bool:
    """Whether a function goes through what stands at a place, by `async for` or by steps, or has it from `aiter`."""
    key = view.key(index)
    if any(_goes_on(view, at) for at in view.places_read.get(key, ())):
        return True
    for at in view.facts.bound.get(key, ()):
        value = view.assigned_value(at)
        made = view.call_at(value) if value is not None else None
        if made is not None and (made.target == "builtins.aiter" or made.member == "__aiter__"):
            return True
    return False


def _goes_on(view: FunctionView, index: int) -> bool:
    """Whether a node is what `async for` goes through, or what is asked for its next value."""
    use = view.use(index)
    user = view.nodes[use.node] if use.node >= 0 else None
    if isinstance(user, Iterate):
        return user.is_async
    if isinstance(user, Attr):
        return user.attr in _STEPS
    call = view.call_at(use.node) if use.kind == "argument" else None
    return call is not None and call.target == "builtins.anext"


_STEPS = ("__anext__", "asend", "athrow")
"""Methods by which an asynchronous generator is asked for its next value."""

_GENERATORS = ("typing.AsyncGenerator", "collections.abc.AsyncGenerator", "types.AsyncGeneratorType")
