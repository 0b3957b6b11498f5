"""Which functions the settings mean: by a decorator, or by their name.

A decorator that bears one of the names that are there without any setting, says nothing of a promise, and does nothing
but end a database transaction, as can be seen where it is defined, is not meant: what it has begun is rolled back.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from cancelcheck.config import SlaSettings
from cancelcheck.model.facts import Call, Enter

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


def matches(pattern: str, name: str) -> bool:
    """Whether a name of the settings means this qualified name: a bare one its last part, a dotted one the whole."""
    return name == pattern if "." in pattern else name.rpartition(".")[2] == pattern


@lru_cache(maxsize=4096)
def _is_meant(patterns: tuple[str, ...], name: str) -> bool:
    """Whether any of these means a name. The same few decorators stand everywhere."""
    return any(matches(pattern, name) for pattern in patterns)


def marker_of(view: FunctionView) -> int:
    """The decorator that makes a function an SLA function, as its node in the enclosing one; -1 if there is none."""
    parent = view.parent
    patterns = view.module.project.settings.sla.decorators
    for name, index in view.decorators:
        if parent is not None and _is_meant(patterns, name or spelled(parent, index)):
            if patterns == SlaSettings().decorators and _only_transacts(parent, index):
                continue
            return index
    return -1


def _only_transacts(view: FunctionView, decorator: int) -> bool:
    """Whether a decorator is given nothing, and its definition is in sight and wraps what it decorates in a database
    transaction: it enters one, or commits, and takes back what has failed."""
    node = view.nodes[decorator]
    if isinstance(node, Call) and node.args:
        return False
    definition = view.definition_of(node.func if isinstance(node, Call) else decorator)
    pending = [definition] if definition is not None else []
    while pending:
        inner = pending.pop()
        pending += inner.children
        entered = [inner.text(each.context) for each in inner.nodes if isinstance(each, Enter)]
        members = {call.member for call in inner.calls}
        if any("transaction" in text.lower() for text in entered) or (
            any(name.startswith("commit") for name in members) and bool(members & _TAKING_BACK)
        ):
            return True
    return False


_TAKING_BACK = frozenset({"rollback", "abort", "roll_back"})
"""What ends a transaction that has failed."""


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
