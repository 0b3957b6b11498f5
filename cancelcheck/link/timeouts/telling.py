"""Things that are told how long to wait by a method of their own, after they were made (`socket.settimeout`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.arguments import mentions
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import Attr, Name, StoreAttr

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.instances import Instance
    from cancelcheck.link.project import ModuleView


def may_be_told(call: CallSite, instance: Instance, api: schema.Api) -> bool:
    """Whether what a call is made on may have been told how long to wait: where it is made or where it is used, by a
    method of its own, or by somebody that it is handed to."""
    modules = {module.source.path: module for module in (call.fn.module, *(o.fn.module for o in instance.origins))}
    return any(_is_told_in(module, call, instance, api) for module in modules.values())


def earlier_waits(call: CallSite) -> Iterator[CallSite]:
    """The calls before this one, in its file, that wait on the same thing, which is told how long by a method: the one
    that made it, where that connects it, first."""
    catalog = call.fn.module.project.catalog
    api = catalog.api(call.target)
    instance = call.called_on
    if api is None or not api.set_by or instance is None:
        return
    yield from (origin for origin in instance.origins if catalog.api(origin.target) is not None)
    for view in call.fn.module.functions[: call.fn.index + 1]:
        for earlier in view.told_calls:
            if view is call.fn and earlier.index >= call.index:
                break
            other = catalog.api(earlier.target) if earlier.receiver >= 0 else None
            if other is not None and other.set_by == api.set_by and _may_be(view, earlier.receiver, instance):
                yield earlier


def _is_told_in(module: ModuleView, call: CallSite, instance: Instance, api: schema.Api) -> bool:
    for name in api.set_by:
        for view, at in module.mentions(name, of_method=True):
            node = view.nodes[at]
            teller = view.call_at(node.parent) if isinstance(node, Attr) else None
            if isinstance(node, Attr) and _may_be(view, node.value, instance) and not _tells_nothing(teller):
                return True
    return any(_may_tell(view, at, api) for view, at in _mentions_of(module, call, instance))


def _tells_nothing(call: CallSite | None) -> bool:
    """Whether it is told to wait without an end: `settimeout(None)`, `setblocking(True)`."""
    if call is None or len(call.positional) != 1:
        return False
    value = evaluate(call.fn, call.positional[0])
    return value.kind is ValueKind.NONE or (value.kind is ValueKind.BOOL and bool(value.number))


def _may_be(view: FunctionView, index: int, instance: Instance) -> bool:
    """Whether a node may be the same thing: made by the same call, or nobody knows by which."""
    other = view.instance(index)
    if other is None or not other.origins:
        return other is None or other.type == instance.type
    return any(mine.fn is its.fn and mine.index == its.index for mine in instance.origins for its in other.origins)


def _mentions_of(module: ModuleView, call: CallSite, instance: Instance) -> Iterator[tuple[FunctionView, int]]:
    """Where a file reads the thing, by one of the names that it has: that of the receiver, and those that it was given
    where it was made."""
    names = {_last(call.fn, call.receiver)} if call.receiver >= 0 else set()
    for origin in instance.origins:
        use = origin.use
        if use.kind == "bound":
            names.add(use.name)
        elif use.kind == "stored":
            names.update(
                node.attr for node in origin.fn.nodes if isinstance(node, StoreAttr) and node.parent == use.node
            )
    for name in sorted(names - {""}):
        for of_method in (False, True):
            for view, at in module.mentions(name, of_method=of_method):
                other = view.instance(at)
                if other is not None and _may_be(view, at, instance):
                    yield view, at


def _last(view: FunctionView, index: int) -> str:
    node = view.nodes[index]
    return node.id if isinstance(node, Name) else node.attr if isinstance(node, Attr) else ""


def _may_tell(view: FunctionView, at: int, api: schema.Api) -> bool:
    """Whether what is done with the thing at one place may tell it how long to wait: it is set by an option, goes into
    something, or is handed to somebody who is not known not to."""
    use = view.use(at)
    if use.kind == "receiver":
        method = view.call_at(view.nodes[use.node].parent)
        return method is not None and mentions(method, api.set_by_options)
    if use.kind == "argument":
        taker = view.call_at(use.node)
        assert taker is not None
        produced = view.module.project.catalog.produces(taker.target)
        if produced is not None and max(produced.passes, produced.opens) >= 0:
            return False
        callee = taker.callee
        text = callee.module.is_read() if callee is not None else ""
        return callee is None or any(word in text for word in (*api.set_by, *api.set_by_options))
    return use.kind in ("element", "yielded")
