"""What is in a container: items that are looked up, elements that a loop takes one after the other, what stands at a
place of a tuple. Told by the container's annotation, else by what is put into it.

Who else puts something in is not known, so that the constructors which are seen are not all there are.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.link import instances
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Comprehension,
    Const,
    Display,
    FunctionKind,
    Import,
    Iterate,
    Name,
    Operation,
    Return,
    Starred,
    Subscript,
    Unpack,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.link.instances import Instance

    Value = tuple[FunctionView, int]

TAKES = ("get", "pop", "setdefault", "popleft")
"""Methods that give one of the items."""


class Part(enum.Flag):
    """What of a container is asked for."""

    ELEMENT = enum.auto()
    """What a sequence or a set holds."""
    VALUE = enum.auto()
    """What a mapping holds under its keys."""
    ITEM = ELEMENT | VALUE


_MAPPINGS = frozenset(
    {
        *("dict", "defaultdict", "OrderedDict", "Dict", "DefaultDict", "Mapping", "MutableMapping"),
        "WeakValueDictionary",
    }
)
_SEQUENCES = frozenset(
    {
        *("list", "List", "Sequence", "MutableSequence", "deque", "Deque", "tuple", "Tuple"),
        *("set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet", "WeakSet", "Collection"),
        *("Iterable", "Iterator", "Generator", "AsyncIterable", "AsyncIterator", "AsyncGenerator"),
    }
)
"""Containers whose annotation says what is in them."""

_ADDS = {"append": 0, "appendleft": 0, "add": 0, "put_nowait": 0, "insert": 1}
"""Methods of a sequence or a set that put something in, and where it stands among their arguments."""

_SAME = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"})
"""Builtins that give the same elements."""


def item_of(view: FunctionView, container: int) -> Instance | None:
    """What is looked up in a container: `sessions[0]`, `clients.get(name)`."""
    return _part_of(view, container, Part.ITEM)


def element_of(view: FunctionView, iterable: int) -> Instance | None:
    """What a loop over something takes from it, one after the other."""
    call = view.call_at(iterable)
    if call is not None and call.member == "values" and call.receiver >= 0 and not call.target:
        return _part_of(view, call.receiver, Part.VALUE)
    return _part_of(view, iterable, Part.ELEMENT)


def _part_of(view: FunctionView, container: int, part: Part) -> Instance | None:
    guard = view.module.project.guard
    mark = (view.module.source.path, view.index, container, "part", part.value)
    if not guard.enter(mark):
        return None
    try:
        return _look_into(view, container, part)
    finally:
        guard.leave(mark)


def _look_into(view: FunctionView, container: int, part: Part) -> Instance | None:
    node = view.nodes[container]
    if isinstance(node, Name):
        return _bound(view, node.id, part)
    if isinstance(node, Attr):
        module = _global_of(view, view.path_of(container))
        if module:
            return _of_global(*module, part)
        return _of_attribute(view, node, part)
    call = view.call_at(container)
    callee = call.callee if call is not None and part & Part.ELEMENT else None
    if callee is not None and callee.facts.is_generator:
        return instances.yielded_instance(callee)
    return _of_values(_inside(view, container, part))


def _bound(view: FunctionView, name: str, part: Part) -> Instance | None:
    """The same for a name."""
    nodes = view.bindings(name).nodes
    if len(nodes) == 1 and nodes[0][1] >= 0 and isinstance(node := nodes[0][0].nodes[nodes[0][1]], Import):
        path = next((target for local, target in node.names if local == name), "")
        found = _global_of(view, path)
        return _of_global(*found, part) if found else None
    for holder, at in nodes:
        if at < 0:
            param, parent = holder.param(name), holder.parent
            if param is not None and parent is not None and param.annotation >= 0:
                return _annotated(parent, param.annotation, part)
            return None
    return _of_global(list(nodes), name, part) if nodes else None


def _of_global(nodes: list[Value], name: str, part: Part) -> Instance | None:
    """What is in a container by the places that bind its name, in the functions that see it so."""
    for holder, at in nodes:
        annotation = _annotation_at(holder, at) if at >= 0 else -1
        if annotation >= 0:
            return _annotated(holder, annotation, part)
    scope = nodes[0][0]
    bound = tuple(nodes)
    users = [user for user in scope.module.functions if name in user.names_read and user.bindings(name).nodes == bound]
    return _put_in(nodes, [(user, name) for user in users], part)


def _global_of(view: FunctionView, path: str) -> tuple[list[Value], str] | None:
    """The places that bind a global of another module, and its name there."""
    found, entity = view.module.project.find(path, view.module)
    bindings = getattr(entity, "bindings", None)
    return (list(bindings), found.rpartition(".")[2]) if isinstance(bindings, tuple) and bindings else None


def _of_attribute(view: FunctionView, node: Attr, part: Part) -> Instance | None:
    owner = instances.instance_of(view, node.value)
    if owner is None or owner.view is None:
        return None
    for cls in owner.view.ancestry[0]:
        stores = [*cls.attribute_stores.get(node.attr, ())]
        stores += [(cls, at) for at in cls.facts.bound.get(node.attr, ()) if at >= 0]
        for holder, at in stores:
            annotation = _annotation_at(holder, at)
            if annotation >= 0:
                return _annotated(holder, annotation, part)
        if stores:
            methods = [method for method in cls.children if method.self_name]
            return _put_in(stores, [(method, f"{method.self_name}.{node.attr}") for method in methods], part)
    return None


def _annotation_at(view: FunctionView, store: int) -> int:
    assign = view.nodes[view.nodes[store].parent] if view.nodes[store].parent >= 0 else None
    return assign.annotation if isinstance(assign, Assign) else -1


def _annotated(view: FunctionView, annotation: int, part: Part) -> Instance | None:
    """What an annotation says that is in a container; `None` beside it does not count."""
    node = view.nodes[annotation]
    if isinstance(node, Operation) and node.op == "|":
        rest = [at for at in node.operands if not _is_none(view, at)]
        return _annotated(view, rest[0], part) if len(rest) == 1 else None
    if not isinstance(node, Subscript):
        return None
    name = view.path_of(node.value).rpartition(".")[2]
    inner = view.nodes[node.index]
    if name in ("Optional", "Final", "ClassVar"):
        return _annotated(view, node.index, part)
    if name in _MAPPINGS and isinstance(inner, Display) and len(inner.items) == 2:
        return instances.annotated_instance(view, inner.items[1]) if part & Part.VALUE else None
    if name not in _SEQUENCES or not part & Part.ELEMENT:
        return None
    if not isinstance(inner, Display):
        return instances.annotated_instance(view, node.index)
    if name in ("tuple", "Tuple"):
        last = view.nodes[inner.items[-1]]
        endless = len(inner.items) == 2 and isinstance(last, Const) and last.kind == "ellipsis"
        return instances.annotated_instance(view, inner.items[0]) if endless else None
    return instances.annotated_instance(view, inner.items[0])  # a generator: what it yields comes first


def _put_in(stores: list[Value], places: list[tuple[FunctionView, str]], part: Part) -> Instance | None:
    """What a container is made with, and what functions put into it that spell it so."""
    values: list[Value] = []
    for holder, at in stores:
        value = holder.assigned_value(at)
        if value is not None:
            values += _inside(holder, value, part) or ()
    for view, spelled in places:
        if not spelled:
            continue
        if part & Part.VALUE:
            values += (value for at in view.items_stored.get(spelled, ()) for value in _not_taken(view, at))
        for call in view.calls_on.get(spelled, ()):
            at = _ADDS.get(call.member, -1) if part & Part.ELEMENT else -1
            at = 1 if call.member == "setdefault" and part & Part.VALUE else at
            if 0 <= at < len(call.positional):
                values += _not_taken(view, call.positional[at])
    return _of_values(values)


def _of_values(values: list[Value] | None) -> Instance | None:
    found = instances.joined(values) if values else None
    if found is None:
        return None
    return instances.Instance(found.type, found.near, view=found.view, origins=found.origins)


def _inside(view: FunctionView, index: int, part: Part) -> list[Value] | None:
    """The values of a container that is written out, or made of another; None where they are not known."""
    node = view.nodes[index]
    match node:
        case Display(kind="dict"):
            whole = part & Part.VALUE and all(at >= 0 for at in node.keys)
            return [(view, item) for item in node.items] if whole else None
        case Display():
            if not part & Part.ELEMENT or any(isinstance(view.nodes[at], Starred) for at in node.items):
                return None
            return [(view, item) for item in node.items]
        case Comprehension(kind="dict"):
            return [(view, node.elements[-1])] if part & Part.VALUE else None
        case Comprehension():
            return [(view, node.elements[-1])] if part & Part.ELEMENT else None
    call = view.call_at(index)
    if call is not None and len(call.positional) == 1 and part & Part.ELEMENT:
        if call.target.rpartition(".")[0] == "builtins" and call.target.rpartition(".")[2] in _SAME:
            return _inside(view, call.positional[0], part)
    return None


def _not_taken(view: FunctionView, index: int) -> list[Value]:
    """A value, or those that a local is given, but for what is taken from a container: one looks there first, and puts
    in what is missing."""
    node = view.nodes[index]
    if not isinstance(node, Name):
        return [(view, index)]
    found: list[Value] = []
    for holder, at in view.bindings(node.id).nodes:
        value = holder.assigned_value(at) if at >= 0 else None
        if value is None:
            return [(view, index)]
        call = holder.call_at(value)
        if not isinstance(holder.nodes[value], Subscript) and (call is None or call.member not in TAKES):
            found.append((holder, value))
    return found or [(view, index)]


def _is_none(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Const) and node.kind == "none"


# --- tuples


def unpacked(view: FunctionView, index: int) -> Instance | None:
    """What one of several targets is given: `reader, writer = await asyncio.open_connection(…)`, or a loop's, by
    `.items()`, `enumerate` or `zip`."""
    unpack = view.nodes[index].parent
    targets = view.nodes[unpack] if unpack >= 0 else None
    if not isinstance(targets, Unpack) or any(isinstance(view.nodes[item], Starred) for item in targets.items):
        return None
    at = targets.items.index(index)
    giver = view.nodes[targets.parent] if targets.parent >= 0 else None
    if isinstance(giver, Iterate):
        return _in_loop(view, giver.iterable, at)
    if not isinstance(giver, Assign) or giver.value < 0:
        return None
    return _at_place(view, giver.value, at, len(targets.items))


def _in_loop(view: FunctionView, iterable: int, at: int) -> Instance | None:
    call = view.call_at(iterable)
    if call is None:
        return None
    if call.member == "items" and call.receiver >= 0 and not call.node.args and not call.target:
        return _part_of(view, call.receiver, Part.VALUE) if at == 1 else None
    if call.target == "builtins.enumerate" and call.positional:
        return element_of(view, call.positional[0]) if at == 1 else None
    if call.target == "builtins.zip" and at < len(call.positional):
        return element_of(view, call.positional[at])
    return None


def _at_place(view: FunctionView, value: int, at: int, count: int) -> Instance | None:
    """What stands at a place of a tuple of so many: of one that is written out, that the catalogue knows, or that a
    project function returns."""
    node = view.nodes[value]
    if isinstance(node, Await):
        return _at_place(view, node.value, at, count)
    if isinstance(node, Display) and node.kind == "tuple":
        return instances.instance_of(view, node.items[at]) if len(node.items) == count else None
    call = view.call_at(value)
    if call is None:
        return None
    catalog = view.module.project.catalog
    produced = catalog.produces(call.target)
    if produced is not None:
        if 0 <= produced.passes < len(call.positional):
            return _at_place(view, call.positional[produced.passes], at, count)
        name = produced.items[at] if len(produced.items) == count else ""
        if not name:
            return None
        return instances.Instance(catalog.canonical(name), view, origins=(call,), complete=True)
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.DEF or callee.facts.is_generator:
        return None
    guard = view.module.project.guard
    mark = (callee.module.source.path, callee.index, at, "item")
    if not guard.enter(mark):
        return None
    try:
        return _returned(callee, at, count)
    finally:
        guard.leave(mark)


def _returned(callee: FunctionView, at: int, count: int) -> Instance | None:
    """What stands at a place of the tuple that a project function returns: the same in all of its `return`s, else by
    its annotation (`tuple[X, Y]`)."""
    found = [_at_place(callee, value, at, count) for value in _results(callee)]
    known = [instance for instance in found if instance is not None]
    whole = instances.merged(known) if known and len(known) == len(found) else None
    parent = callee.parent
    if whole is not None or parent is None or callee.facts.returns < 0:
        return whole
    node = parent.nodes[callee.facts.returns]
    inner = parent.nodes[node.index] if isinstance(node, Subscript) else None
    if not isinstance(node, Subscript) or not isinstance(inner, Display) or len(inner.items) != count:
        return None
    if parent.path_of(node.value).rpartition(".")[2] not in ("tuple", "Tuple"):
        return None
    return instances.annotated_instance(parent, inner.items[at], of=callee)


def _results(callee: FunctionView) -> Iterator[int]:
    for node in callee.nodes:
        if isinstance(node, Return) and node.value >= 0 and not _is_none(callee, node.value):
            yield node.value
