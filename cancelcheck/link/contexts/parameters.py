"""Context parameters: the parameters that carry a deadline, a timeout or a cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.link.instances import annotated_instance
from cancelcheck.model.facts import Attr, Const, Display, FunctionKind, Name, Operation, Param, ParamKind, Subscript

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

NAMES = ("cancel_token", "cancellation_token", "cancel_scope", "stop_event", "cancel_event", "deadline", "timeout")
"""Names that say it all, where there is no annotation."""

_NUMBERS = frozenset(
    {
        "builtins.int",
        "builtins.float",
        "decimal.Decimal",
        "datetime.timedelta",
        "datetime.datetime",
        "numbers.Number",
        "numbers.Real",
    }
)

_EVENTS = frozenset({"asyncio.Event", "threading.Event", "multiprocessing.Event", "trio.Event", "anyio.Event"})

_CARRIERS = frozenset(
    {
        "grpc.ServicerContext",
        "grpc.aio.ServicerContext",
        "anyio.CancelScope",
        "trio.CancelScope",
        "anyio.abc.CancelScope",
    }
)

SURFACE = frozenset(
    {
        "done",
        "cancel",
        "cancelled",
        "is_cancelled",
        "cancel_called",
        "deadline",
        "remaining",
        "time_remaining",
        "expired",
        "check_cancelled",
        "raise_if_cancelled",
    }
)
"""Members that make a class a carrier of cancellation."""

_TIMES = ("deadline", "timeout")


def context_params(view: FunctionView) -> list[Param]:
    """The parameters of a function that carry cancellation. An annotation decides; without one, the name does, and for
    `ctx` and `context` that the function uses such a member of it."""
    return [param for param in view.facts.params if _is_context(view, param)]


def says_bound(view: FunctionView, param: Param) -> bool:
    """Whether a context parameter says by its name that it carries a bound or a cancellation, and not by its type alone
    (a `job` that can be cancelled)."""
    name = param.name.lower()
    return name in view.module.project.settings.context_parameters or any(word in name for word in _BOUNDS)


_BOUNDS = ("timeout", "deadline", "cancel", "stop", "token", "scope", "ctx", "context")


def _is_context(view: FunctionView, param: Param) -> bool:
    if param.kind in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD) or view.facts.kind is not FunctionKind.DEF:
        return False
    settings = view.module.project.settings
    timed = param.name in _TIMES or param.name in settings.context_parameters
    parent = view.parent
    if param.annotation >= 0 and parent is not None:
        for index in _parts(parent, param.annotation):
            name = parent.target_of(index)
            if name in _NUMBERS:
                if timed:
                    return True
            elif name in _EVENTS:
                if "stop" in param.name or "cancel" in param.name:
                    return True
            elif name in _CARRIERS or name in settings.context_types or _has_surface(parent, index):
                return True
        return False
    if param.name in NAMES or param.name in settings.context_parameters:
        return True
    if param.name in ("ctx", "context"):
        return any(
            isinstance(user.nodes[user.nodes[at].parent], Attr) and user.nodes[user.nodes[at].parent].attr in SURFACE  # type: ignore[union-attr]
            for user, at in view.reads(param.name)
            if user.nodes[at].parent >= 0
        )
    return False


def _parts(view: FunctionView, index: int) -> list[int]:
    """The names that an annotation is made of: the members of a union, without None."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "|":
        return [inner for part in node.operands for inner in _parts(view, part)]
    if isinstance(node, Subscript):
        name = view.path_of(node.value).rpartition(".")[2]
        inner = view.nodes[node.index]
        items = inner.items if isinstance(inner, Display) else [node.index]
        if name in ("Optional", "Union"):
            return [found for item in items for found in _parts(view, item)]
        if name in ("Annotated", "Final"):
            return _parts(view, items[0])
        return []
    if isinstance(node, Const):
        return []
    return [index] if isinstance(node, (Name, Attr)) else []


def _has_surface(view: FunctionView, index: int) -> bool:
    instance = annotated_instance(view, index)
    if instance is None or instance.view is None:
        return False
    for cls in instance.view.ancestry[0]:
        for name in SURFACE:
            member = cls.member(name)
            if member is None:
                continue
            needed = [
                param
                for param in member.facts.params[1:]
                if param.default < 0 and param.kind not in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD)
            ]
            if member.facts.kind is FunctionKind.DEF and (name not in ("cancel", "done") or not needed):
                return True
    return False
