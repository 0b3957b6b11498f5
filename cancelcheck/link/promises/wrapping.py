"""What a decorator of the project puts in the place of the function that it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.promises.known import NOTHING, Known, given_to, returned_function
from cancelcheck.model.facts import FunctionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Wrapper(NamedTuple):
    """The function that a decorator of the project puts in the place of another: the parameter through which it has
    the other one, and what is known around it."""

    view: FunctionView
    param: str
    known: Known


def wrapper_of(view: FunctionView, layer: int) -> Wrapper | None:
    """What the decorator at this place of `view.decorators` puts in the place of the function; None where it is not the
    project's, or is not seen to return a function of its own."""
    parent = view.parent
    assert parent is not None
    index = view.decorators[layer][1]
    made = parent.call_at(index)
    decorator = parent.definition_of(made.node.func if made is not None else index)
    if decorator is None or decorator.facts.kind is not FunctionKind.DEF:
        return None
    around = NOTHING
    if made is not None:
        around = given_to(made, decorator, NOTHING)
        inner = returned_function(decorator)
        if inner is None:
            return None
        decorator = inner
    params = decorator.facts.params[1 if decorator.self_name else 0 :]
    wrapper = returned_function(decorator, like=view)
    return Wrapper(wrapper, params[0].name, around) if wrapper is not None and params else None
