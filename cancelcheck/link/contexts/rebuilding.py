"""Contexts and clients that are made from themselves on each turn of a loop: each wraps all that came before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.contexts.parameters import is_carrying_type
from cancelcheck.link.instances import annotated_instance, returned_instance
from cancelcheck.link.paths.flow import turning_blocks
from cancelcheck.model.facts import Assign, Attr, RegionKind, Store, StoreAttr

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.instances import Instance


class Rebuilt(NamedTuple):
    """An assignment in a loop that makes a thing from itself: its node, the place, the call, and the loop's header."""

    node: int
    place: str
    call: CallSite
    header: int


def rebuilt(view: FunctionView) -> Iterator[Rebuilt]:
    """The contexts and clients that a function makes from themselves in a loop, in order."""
    if not any(region.kind is RegionKind.LOOP for region in view.regions):
        return
    for index, node in view.all_of(Assign):
        if node.op or len(node.targets) != 1 or node.value < 0:
            continue
        call = view.call_at(node.value)
        target = node.targets[0]
        if call is None or not isinstance(view.nodes[target], (Store, StoreAttr)):
            continue
        loop = next((at for at in view.regions_around(index) if view.regions[at].kind is RegionKind.LOOP), -1)
        place = view.key(target)
        if loop < 0 or not place or not _is_made_from(call, place) or _is_set_anew(view, place, loop, target):
            continue
        if view.block_of(index) not in turning_blocks(view, loop):
            continue  # the loop is left after it
        if _wraps(call, place, target):
            yield Rebuilt(index, place, call, view.regions[loop].node)


def _is_made_from(call: CallSite, place: str) -> bool:
    """Whether a call is given a place as it is, or is a method of it."""
    view = call.fn
    if call.receiver >= 0 and view.key(call.receiver) == place:
        return not any(word in call.member.lower() for word in _BACK)
    return any(view.key(arg.value) == place for arg in call.node.args)


_BACK = ("parent", "root", "outer", "next", "previous", "unwrap", "pop")
"""Words in the name of a method that leads to another thing, and makes none."""


def _is_set_anew(view: FunctionView, place: str, loop: int, target: int) -> bool:
    """Whether something else in the loop gives the place another value: each turn begins with that."""
    return any(
        index != target
        and isinstance(node, (Store, StoreAttr))
        and view.key(index) == place
        and view.is_inside(view.region_of(index), loop)
        for index, node in enumerate(view.nodes)
    )


def _wraps(call: CallSite, place: str, target: int) -> bool:
    """Whether what a call gives is a context or a client, and of the type of what it is made from."""
    view = call.fn
    source = _source(view, place, target)
    if source is None or not _is_one(view, source):
        return False
    if call.receiver < 0 or view.key(call.receiver) != place:
        made = view.instance(call.index)
        return made is not None and made.type == source.type
    name, method = source.member(call.member)
    if method is not None:
        given = returned_instance(method)
        return given is not None and (given.own or given.type == source.type)
    produced = view.module.project.catalog.produces(name)
    return produced is not None and view.module.project.catalog.canonical(produced.returns) == source.type


def _source(view: FunctionView, place: str, target: int) -> Instance | None:
    """What a place holds before it is made from itself."""
    node = view.nodes[target]
    if isinstance(node, StoreAttr):
        at = next((at for at, read in enumerate(view.nodes) if isinstance(read, Attr) and view.key(at) == place), -1)
        return view.instance(at) if at >= 0 else None
    for at in view.facts.bound.get(place, ()):
        if at == target:
            continue
        if at < 0:
            param, parent = view.param(place), view.parent
            if param is not None and param.annotation >= 0 and parent is not None:
                return annotated_instance(parent, param.annotation)
            return None
        value = view.assigned_value(at)
        return view.instance(value) if value is not None else None
    return None


def _is_one(view: FunctionView, instance: Instance) -> bool:
    if is_carrying_type(view, instance.type, instance.view):
        return True
    return view.module.project.catalog.client(instance.catalog_type()) is not None
