"""Asynchronous generators: what one is for, and what it leaves undone when nobody runs it to its end."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from cancelcheck.link.flow import reaches_after
from cancelcheck.link.scopes import references
from cancelcheck.model.facts import Const, Enter, FunctionKind, Name, RegionKind, Yield

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


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
    if view.facts.kind is not FunctionKind.DEF:
        return Purpose.MANAGED
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
