"""Which functions the settings mean: by a decorator, or by their name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from cancelcheck.model.facts import Call

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


def matches(pattern: str, name: str) -> bool:
    """Whether a name of the settings means this qualified name: a bare one its last part, a dotted one the whole."""
    return name == pattern if "." in pattern else name.rpartition(".")[2] == pattern


def marker_of(view: FunctionView) -> int:
    """The decorator that makes a function an SLA function, as its node in the enclosing one; -1 if there is none."""
    parent = view.parent
    patterns = view.module.project.settings.sla.decorators
    for name, index in view.decorators:
        if parent is not None and any(matches(pattern, name or spelled(parent, index)) for pattern in patterns):
            return index
    return -1


def is_named(view: FunctionView) -> bool:
    """Whether the settings name a function itself as an SLA function."""
    return any(_pattern(pattern).fullmatch(view.qualname) for pattern in view.module.project.settings.sla.functions)


def spelled(view: FunctionView, index: int) -> str:
    """A decorator as it is written, where it cannot be resolved."""
    node = view.nodes[index]
    return view.key(node.func if isinstance(node, Call) else index)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", text)
    return re.compile("".join({"**": r".*", "*": r"[^.]*"}.get(part, re.escape(part)) for part in parts))
