"""What a class and those in sight do with an attribute: its own methods, its bases', its subclasses' in the same file,
and whoever reads it of an instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.model.facts import Attr, Call, Const, FunctionKind, Name, StoreAttr

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


def class_of(view: FunctionView) -> FunctionView | None:
    """The class whose method a function is, or is nested in."""
    if view.owner is not None or view.parent is None:
        return view.owner
    return class_of(view.parent)


def own_attribute(view: FunctionView, index: int) -> tuple[FunctionView, str] | None:
    """The class and the name, where a node is an attribute of `self`."""
    node = view.nodes[index]
    holder = view.nodes[node.value] if isinstance(node, (Attr, StoreAttr)) else None
    if not isinstance(node, (Attr, StoreAttr)) or not isinstance(holder, Name):
        return None
    at: FunctionView | None = view
    while at is not None:
        if at.owner is not None:
            return (at.owner, node.attr) if at.self_name == holder.id else None
        if holder.id in at.facts.bound:
            return None
        at = at.parent
    return None


def attribute_reads(owner: FunctionView, name: str) -> Iterator[tuple[FunctionView, int]]:
    """Where an attribute of a class's instances is read, in its file and its bases' files: what is surely another
    class's attribute of the same name does not count."""
    for module in {cls.module.source.path: cls.module for cls in owner.ancestry[0]}.values():
        for view, index in module.mentions(name, of_method=True):
            node = view.nodes[index]
            assert isinstance(node, Attr)
            if not _is_anothers(owner, view, node):
                yield view, index


def _is_anothers(owner: FunctionView, view: FunctionView, node: Attr) -> bool:
    instance = view.instance(node.value)
    return instance is not None and not _are_akin(owner, instance.view)


def _are_akin(one: FunctionView, other: FunctionView | None) -> bool:
    """Whether one of two classes inherits from the other, or is it."""
    return other is not None and (other in one.ancestry[0] or one in other.ancestry[0])


def is_named_by_text(owner: FunctionView, name: str) -> bool:
    """Whether the files of a class have an attribute's name as a text that is handed to a call (`getattr`), or that is
    in a list: it may be used in a way not seen."""
    for module in {cls.module.source.path: cls.module for cls in owner.ancestry[0]}.values():
        for view in module.functions:
            if view.facts.kind is FunctionKind.CLASS:
                continue  # slots, and other declarations
            other = class_of(view)
            if other is not None and not _are_akin(owner, other):
                continue
            for node in view.nodes:
                if isinstance(node, Const) and node.value == name:
                    return True
                if isinstance(node, Attr) and node.attr == "__dict__":
                    return True
                if isinstance(node, Name) and node.id == "vars":
                    return True
    return False


def called_method(view: FunctionView, index: int) -> str:
    """The method that is called, or taken, of the value of a node: `cancel` of `self.task.cancel()`; "" for anything
    else."""
    parent = view.user_of(index)
    return parent.attr if isinstance(parent, Attr) else ""


def is_called(view: FunctionView, index: int) -> bool:
    """Whether a node is what a call calls."""
    parent = view.user_of(index)
    return isinstance(parent, Call) and parent.func == index
