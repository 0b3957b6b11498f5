"""Remote calls in a function that serves one itself: whether they are given what is left of its caller's time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.contexts.deriving import Derived
from cancelcheck.link.contexts.parameters import carriers
from cancelcheck.link.paths.scopes import is_bounded
from cancelcheck.link.promises.serving import serving_of
from cancelcheck.link.timeouts.waits import Verdict, judge
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import Attr, Const, Name

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_STUB = re.compile(r"_pb2_grpc\.\w+Stub$")
"""How the class is called that gRPC's compiler makes for the clients of a service."""


class Unrelayed(NamedTuple):
    """A remote call that is not given what is left of the caller's time: the call, the context's name, and whether it
    has another end."""

    call: CallSite
    context: str
    bounded: bool


def unrelayed(view: FunctionView) -> tuple[Unrelayed, ...]:
    """The remote calls of a servicer's method that go on when its caller has given up, in order; looked up once."""
    return view.once(view.module.unrelayed, _unrelayed)


def is_unrelayed(call: CallSite) -> bool:
    """Whether a call is reported for the caller's time that it is not given."""
    return any(found.call.index == call.index and not found.bounded for found in unrelayed(call.fn))


def _unrelayed(view: FunctionView) -> list[Unrelayed]:
    context = _context(view)
    if not context:
        return []
    derived: Derived | None = None
    found = []
    for call in view.calls:
        if not _is_remote(call):
            continue
        argument = call.argument("timeout", _TIMEOUT_POSITION)
        if argument is not None and argument < 0:
            continue
        if is_bounded(view, call.index):
            continue
        if argument is None or _is_none(view, argument):
            found.append(Unrelayed(call, context, False))
            continue
        derived = derived or Derived(view, context)
        if not derived.is_in(argument) and evaluate(view, argument).kind is ValueKind.NUMBER:
            found.append(Unrelayed(call, context, True))
    return found


_TIMEOUT_POSITION = 1
"""Where a stub's method takes its timeout, after the request."""


def _is_none(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Const) and node.kind == "none"


def _context(view: FunctionView) -> str:
    """The parameter by which a function that serves a remote call is told how long its caller waits; "" if it is
    none."""
    for carrier in carriers(view):
        if carrier.is_known and carrier.type.endswith("ServicerContext"):
            return carrier.name
    serving = serving_of(view) if len(view.facts.params) == 3 else None
    return view.facts.params[2].name if serving is not None and serving.role == "rpc" else ""


def _is_remote(call: CallSite) -> bool:
    """Whether a call is one of a client of another service, with no end of its own."""
    if call.receiver >= 0 and not call.member.startswith("_") and _STUB.search(_maker(call.fn, call.receiver)):
        return True
    api = call.fn.module.project.catalog.api(call.target)
    if api is None or api.kind is not schema.Kind.RPC or not api.timeout:
        return False
    return judge(call, api).verdict is not Verdict.TIMED


def _maker(view: FunctionView, index: int) -> str:
    """The qualified name of the class that made what a node stands for, also one that is not resolved: by its one
    assignment, or its annotation."""
    instance = view.instance(index)
    if instance is not None:
        return instance.type
    call = view.call_at(index)
    if call is not None:
        return view.path_of(call.node.func)
    node = view.nodes[index]
    if isinstance(node, Name):
        found = view.variable_at(index)
        if found is not None and (made := found[0].call_at(found[1])) is not None:
            return found[0].path_of(made.node.func)
        param, parent = view.param(node.id), view.parent
        if param is not None and param.annotation >= 0 and parent is not None:
            return parent.path_of(param.annotation)
    if isinstance(node, Attr) and view.owner is not None and view.key(index) == f"{view.self_name}.{node.attr}":
        stores = [store for cls in view.owner.ancestry[0] for store in cls.attribute_stores.get(node.attr, ())]
        if len(stores) == 1:
            holder, at = stores[0]
            value = holder.assigned_value(at)
            if value is not None:
                return _maker(holder, value)
    return ""
