"""Who looks at a stop signal, and who gives one: events, flags, checks that raise. By the names that say so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cancelcheck.model.facts import Attr, Call, Name, Store, StoreAttr, Test

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_STEMS = (
    "stop",
    "cancel",
    "shut",
    "quit",
    "exit",
    "clos",
    "term",
    "abort",
    "kill",
    "finish",
    "done",
    "halt",
    "interrupt",
    "expire",
    "deadline",
    "abandon",
)
"""How a word begins that says that something is over, or is to end."""

_GOING = ("run", "runn", "alive", "active", "started", "enabled", "connected", "open", "keep")
"""How a word begins that says that something still goes on: a flag that others take down."""

_OVER = (*_STEMS, "disconnect", "dispose", "teardown", "destroy", "aclos", "aexit")
"""How a word begins in the name of a function that ends something."""

_ENDING = (*_OVER, "release", "reset", "replace")
"""How a word begins that names a method which ends, or tells to end."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters: `stop_event`, `isStopped`."""
    return [word.lower() for word in _WORD.findall(name)]


def says_stop(name: str) -> bool:
    """Whether a name is that of a stop signal, or of a flag that says that work is to go on."""
    return any(word.startswith((*_STEMS, *_GOING)) for word in words_of(name))


def says_end(name: str) -> bool:
    """Whether a function's name says that it ends something: `aclose`, `stop`, `__aexit__`."""
    return any(word.startswith(_OVER) for word in words_of(name))


def looks_at_stop(view: FunctionView) -> bool:
    """Whether a function decides by something whose name says that it is a stop signal, or calls what by its name
    raises when there was one; looked up once."""
    known = view.module.looking.get(view.index)
    if known is None:
        known = view.module.looking[view.index] = _looks(view)
    return known


def _looks(view: FunctionView) -> bool:
    for call in view.calls:
        words = words_of(call.member)
        if any(word.startswith("cancel") for word in words) and {"check", "raise", "throw", "is"}.intersection(words):
            return True
    return any(isinstance(node, Test) and tests_stop(view, node.value) for node in view.nodes)


def tests_stop(view: FunctionView, index: int) -> bool:
    """Whether a condition reads something whose name says that it is a stop signal."""
    for at in view.operands_within(index):
        node = view.nodes[at]
        if isinstance(node, Attr) and says_stop(node.attr):
            return True
        if isinstance(node, Name) and says_stop(node.id.partition("·")[0]):
            return True
    return False


def ends_something(call: CallSite) -> bool:
    """Whether a call ends something, or tells it to end, as far as its name says; an event that is set does."""
    return any(word.startswith(_ENDING) or word == "set" for word in words_of(call.member))


def tells_to_end(view: FunctionView, index: int) -> bool:
    """Whether a node ends something, or tells it to: a call, or a stop flag that is set."""
    node = view.nodes[index]
    if isinstance(node, Call):
        call = view.call_at(index)
        return call is not None and ends_something(call)
    if isinstance(node, StoreAttr):
        return says_stop(node.attr)
    return isinstance(node, Store) and says_stop(node.id)
