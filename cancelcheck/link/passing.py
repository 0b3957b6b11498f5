"""Parameters that are handed on, as they are, to what waits: a `timeout=None` that reaches a library means "never"."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.scopes import is_bounded
from cancelcheck.link.values import Value, ValueKind, evaluate
from cancelcheck.link.waits import Verdict, judge
from cancelcheck.model.facts import FunctionKind, Name, Param, ParamKind, Test

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

MAX_HOPS = 6
"""Functions through which a parameter is followed."""


Reached = tuple[tuple["CallSite", ...], schema.Api]
"""The calls through which a parameter reaches a library, the library's last, and that call's entry."""


class Endless(NamedTuple):
    """A call of a project function that lets a parameter be None, where that reaches a call of a library that then
    waits forever. `value` is the None: `given` at the call itself, else the parameter's default. `chain` are the calls
    on the way, the library's last."""

    param: str
    value: Value
    given: bool
    chain: tuple[CallSite, ...]
    api: schema.Api


def endless_calls(call: CallSite) -> list[Endless]:
    """The parameters of a project function that a call leaves, or sets, at an endless None."""
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.DEF or len(callee.alternatives) > 1:
        return []
    reaching = _reaching(callee)
    if not reaching:
        return []
    found = []
    for param, value, is_given in _none_params(call, callee):
        if param.name not in reaching:
            continue
        chain, api = reaching[param.name]
        if api.mode is schema.Mode.ASYNC and is_bounded(call.fn, call.index):
            continue
        found.append(Endless(param.name, value, is_given, chain, api))
    return found


def _reaching(view: FunctionView) -> dict[str, Reached]:
    """The parameters of a function that, being None, make a call of a library wait forever; looked up once."""
    known = view.module.reaching.get(view.index)
    if known is None:
        found = ((param.name, _reached(view, param.name, MAX_HOPS)) for param in view.facts.params)
        known = view.module.reaching[view.index] = {name: reached for name, reached in found if reached is not None}
    return known


def _none_params(call: CallSite, callee: FunctionView) -> list[tuple[Param, Value, bool]]:
    """The parameters of a callee that are None when it is called so, and whether the call itself says it."""
    outer = callee.parent
    assert outer is not None
    found = []
    for param, argument in _matched(call, callee):
        if argument is None and param.default >= 0:
            value = evaluate(outer, param.default)
        elif argument is not None and argument >= 0:
            value = evaluate(call.fn, argument)
        else:
            continue
        if value.kind is ValueKind.NONE:
            found.append((param, value, argument is not None))
    return found


def _matched(call: CallSite, callee: FunctionView) -> list[tuple[Param, int | None]]:
    """The parameters of a callee, each with the argument that a call gives it, as `CallSite.argument` says it."""
    # a method that is called on an instance, or a classmethod, is given its first argument
    receiver = call.fn.definition_of(call.receiver) if call.receiver >= 0 else None
    is_bound = bool(callee.self_name) and (receiver is None or callee.has_role("classmethod"))
    found = []
    position = 0
    for param in callee.facts.params[1 if is_bound else 0 :]:
        if param.kind in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD):
            continue
        at = -1 if param.kind is ParamKind.KEYWORD_ONLY else position
        position += 1
        keyword = "" if param.kind is ParamKind.POSITIONAL_ONLY else param.name
        found.append((param, call.argument(keyword, at)))
    return found


def _reached(view: FunctionView, name: str, hops: int) -> Reached | None:
    """The calls through which a parameter that is None reaches a library's call that then waits forever; None where it
    does not, is looked at, or is replaced; looked up once."""
    known = view.module.reached
    key = (view.index, name, hops)
    if key not in known:
        known[key] = _look_up(view, name, hops)
    return known[key]


def _look_up(view: FunctionView, name: str, hops: int) -> Reached | None:
    if hops <= 0 or view.facts.bound.get(name) != [-1] or view.facts.is_generator:
        return None
    passing = [
        (call, passed)
        for call in view.calls
        if (passed := [arg for arg in call.node.args if not arg.star and _is_name(view, arg.value, name)])
    ]
    if not passing or any(isinstance(node, Test) and _reads(view, node.value, name) for node in view.nodes):
        return None
    catalog = view.module.project.catalog
    for call, passed in passing:
        api = catalog.api(call.target)
        if api is not None:
            own = call.argument(api.timeout, api.timeout_position) if api.timeout else None
            if any(arg.value == own for arg in passed) and schema.Value.NONE in api.forever:
                if judge(call, api, given_none=True).verdict is Verdict.DISABLED:
                    return (call,), api
            continue
        callee = call.callee
        if callee is None or callee.facts.kind is not FunctionKind.DEF or callee is view:
            continue
        for param, argument in _matched(call, callee):
            if any(arg.value == argument for arg in passed):
                further = _reached(callee, param.name, hops - 1)
                if further is not None:
                    return (call, *further[0]), further[1]
    return None


def _is_name(view: FunctionView, index: int, name: str) -> bool:
    node = view.nodes[index]
    return isinstance(node, Name) and node.id == name


def _reads(view: FunctionView, index: int, name: str) -> bool:
    return any(_is_name(view, at, name) for at in view.operands_within(index))
