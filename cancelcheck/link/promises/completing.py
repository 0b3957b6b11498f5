"""Calls that are not written as they are made: of a function that is handed over with its arguments, of a partial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.link.promises.known import (
    Func,
    Known,
)
from cancelcheck.model.facts import (
    Arg,
    Call,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite


def named(call: CallSite, func: Func) -> str:
    """A call as it is written, with the function that it runs where that has another name."""
    name = func.view.name
    if not name or name == call.member or name.startswith("__") or func.view.owner is not None:
        return call.text
    return f"{call.text} → {name}"


def shifted(call: CallSite, work: int) -> CallSite:
    """The call that is made of a function that is handed over with its arguments behind it."""
    at = next((place for place, arg in enumerate(call.node.args) if arg.value == work), 0)
    node = call.node
    rest = node.args[at + 1 :] if not node.args or not node.args[at].keyword else []
    return type(call)(call.fn, call.index, Call(node.start, node.end, node.parent, work, list(rest), node.close))


def completed(call: CallSite, known: Known, made: CallSite, at: Known) -> tuple[CallSite, Known]:
    """A call of a partial with the arguments that this one was made with, and what is known where these stand. Those of
    a call in another function do not count."""
    before = made.node.args[1:]
    if made.fn is not call.fn:
        return _with_args(made, before), at
    taken = {arg.keyword for arg in call.node.args if arg.keyword}
    kept = [arg for arg in before if not arg.keyword or arg.keyword not in taken]
    return _with_args(call, [*kept, *call.node.args]), known


def _with_args(call: CallSite, args: list[Arg]) -> CallSite:
    node = call.node
    return type(call)(call.fn, call.index, Call(node.start, node.end, node.parent, node.func, args, node.close))
