"""Contexts that outlive the call that they came with: stored on an object, in a field or in a global."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.contexts.parameters import (
    Carrier,
    annotation_parts,
    carriers,
    is_carrying_type,
    is_plainly_one,
)
from cancelcheck.model.facts import Assign, Attr, FunctionKind, Name, Operation, Store, StoreAttr, StoreItem

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Stored(NamedTuple):
    """A context that is stored: the assignment's node, what it is, and where it is kept, as a message says it."""

    node: int
    what: str
    where: str


def stored_contexts(view: FunctionView) -> Iterator[Stored]:
    """The contexts that a function, or the body of a class, keeps beyond a call, in order."""
    if view.facts.kind is FunctionKind.CLASS:
        yield from _fields(view)
        return
    held = {
        carrier.name: carrier for carrier in carriers(view) if not carrier.is_time and is_plainly_one(view, carrier)
    }
    if not held:
        return
    for index, node in enumerate(view.nodes):
        if not isinstance(node, Assign) or node.op or node.value < 0:
            continue
        carrier = _given(view, node.value, held)
        if carrier is None:
            continue
        for target in node.targets:
            where = _place(view, target, carrier)
            if where:
                yield Stored(index, carrier.name, where)


def _given(view: FunctionView, index: int, held: dict[str, Carrier]) -> Carrier | None:
    """The context that a node is, or is one of two: `ctx or Context()`."""
    node = view.nodes[index]
    if isinstance(node, Name):
        return held.get(node.id)
    if isinstance(node, Operation) and node.op in ("or", "if"):
        found = (_given(view, at, held) for at in node.operands[node.op == "if" :])
        return next((carrier for carrier in found if carrier is not None), None)
    return None


def _place(view: FunctionView, target: int, carrier: Carrier) -> str:
    """Where a target keeps what it is given beyond the call; "" where it does not."""
    node = view.nodes[target]
    if isinstance(node, Store):
        return f"the global `{node.id}`" if node.id in view.facts.global_names else ""
    if isinstance(node, StoreItem):
        name = view.nodes[node.value]
        return f"the global `{name.id}`" if isinstance(name, Name) and _is_global(view, name.id) else ""
    if not isinstance(node, StoreAttr):
        return ""
    owner = view.owner
    holder = view.nodes[node.value]
    if owner is None or not isinstance(holder, Name) or holder.id != view.self_name:
        return ""
    if carrier.cls is None and _is_of_library(view, carrier.type):
        return ""
    if _is_context(owner) or _works_by(owner, node.attr) or _is_driven(view, node.attr):
        return ""
    return f"`{view.key(target)}`"


def _is_global(view: FunctionView, name: str) -> bool:
    """Whether a name that a function reads is a variable of its module."""
    holder, bound = view.bindings(name)
    return bool(bound) and holder is not None and all(user.facts.kind is FunctionKind.MODULE for user, _ in bound)


def _is_context(cls: FunctionView) -> bool:
    """Whether a class is a context itself: what it is given is its parent."""
    return is_carrying_type(cls, cls.qualname, cls)


def _works_by(cls: FunctionView, attribute: str) -> bool:
    """Whether the methods of a class look at what is kept to see whether to go on: its objects are the work that is
    stopped by it, and end with it."""
    return any(
        isinstance(node, Attr) and node.attr in _LOOKS and method.key(node.value) == f"{method.self_name}.{attribute}"
        for holder in cls.ancestry[0]
        for method in holder.children
        if method.self_name
        for node in method.nodes
    )


_LOOKS = ("is_set", "wait")
"""What one asks an event."""


def _is_of_library(view: FunctionView, name: str) -> bool:
    """Whether a file belongs to the very library whose type it keeps, which makes scopes out of it."""
    return bool(view.module.name) and view.module.name.partition(".")[0] == name.partition(".")[0]


def _is_driven(view: FunctionView, attribute: str) -> bool:
    """Whether the file cancels what is kept under an attribute's name, or sets its deadline: whoever keeps it there
    owns it."""
    for user, index in view.module.mentions(attribute, of_method=True):
        outer = user.nodes[index].parent
        node = user.node_at(outer)
        if isinstance(node, StoreAttr) and node.attr == "deadline":
            return True
        if isinstance(node, Attr) and node.attr == "cancel":
            return True
    return False


_CARRIED = ("context", "envelope", "message", "event")
"""How a class is called whose objects go along with a call."""


def _fields(cls: FunctionView) -> Iterator[Stored]:
    """The fields of a dataclass that hold a context."""
    if not any(holder.has_role("dataclass") for holder in cls.ancestry[0]) or _is_context(cls):
        return
    if cls.name.lower().endswith(_CARRIED):
        return
    for index, node in enumerate(cls.nodes):
        if not isinstance(node, Assign) or node.annotation < 0 or len(node.targets) != 1:
            continue
        target = cls.nodes[node.targets[0]]
        if not isinstance(target, Store) or _is_driven(cls, target.id):
            continue
        for part in annotation_parts(cls, node.annotation):
            definition = cls.definition_of(part)
            held = definition if definition is not None and definition.facts.kind is FunctionKind.CLASS else None
            if held is None and _is_of_library(cls, cls.target_of(part)):
                continue
            if is_carrying_type(cls, cls.target_of(part), held):
                yield Stored(index, cls.text(part), f"the field `{target.id}`")
                break
