"""What a value is known to be: a number, None, infinity, a timeout object. Unknown is a value, and never a finding."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.model.facts import Attr, Call, Const, Display, Name, Operation, Store

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class ValueKind(enum.StrEnum):
    """What is known of a value."""

    NUMBER = "number"
    NONE = "none"
    BOOL = "bool"
    TEXT = "text"
    SEQUENCE = "sequence"
    OBJECT = "object"
    UNKNOWN = "unknown"


class Value(NamedTuple):
    """A value and where it is written. A duration made by `timedelta` is its seconds, and `is_duration`.

    `items` are a tuple's; `call` is the constructor of a timeout object.
    """

    kind: ValueKind
    view: FunctionView
    node: int
    number: float = 0.0
    text: str = ""
    is_duration: bool = False
    items: tuple[Value, ...] = ()
    call: CallSite | None = None


class Bound(enum.StrEnum):
    """Whether a timeout ends a wait."""

    FINITE = "finite"
    FOREVER = "forever"
    UNKNOWN = "unknown"


MAX_STEPS = 12
"""Constants that are followed from name to name."""

_TIMEDELTA = {
    "days": 86400.0,
    "seconds": 1.0,
    "microseconds": 1e-6,
    "milliseconds": 1e-3,
    "minutes": 60.0,
    "hours": 3600.0,
    "weeks": 604800.0,
}

_ARITHMETIC = {"+", "-", "*", "/", "//"}


def evaluate(view: FunctionView, index: int, steps: int = MAX_STEPS) -> Value:
    """What the value of a node is known to be."""
    unknown = Value(ValueKind.UNKNOWN, view, index)
    if steps <= 0:
        return unknown
    node = view.nodes[index]
    match node:
        case Const():
            return _constant(view, index, node)
        case Name():
            _, nodes = view.bindings(node.id)
            return _bound_value(list(nodes), steps) or _named(view, index, steps) or unknown
        case Attr():
            return _named(view, index, steps) or unknown
        case Operation():
            return _operation(view, index, node, steps)
        case Display(kind="tuple" | "list"):
            items = tuple(evaluate(view, item, steps - 1) for item in node.items)
            return Value(ValueKind.SEQUENCE, view, index, items=items)
        case Call():
            return _called(view, index, steps)
    return unknown


def _constant(view: FunctionView, index: int, node: Const) -> Value:
    match node.kind:
        case "none":
            return Value(ValueKind.NONE, view, index)
        case "bool":
            return Value(ValueKind.BOOL, view, index, number=float(bool(node.value)))
        case "int" | "float" if isinstance(node.value, (int, float)):
            return Value(ValueKind.NUMBER, view, index, number=float(node.value))
        case "float":
            return Value(ValueKind.NUMBER, view, index, number=math.inf)
        case "str":
            return Value(ValueKind.TEXT, view, index, text=str(node.value or ""))
    return Value(ValueKind.UNKNOWN, view, index)


def _bound_value(nodes: list[tuple[FunctionView, int]], steps: int) -> Value | None:
    """The value of a name that is bound once, by a plain assignment."""
    if len(nodes) != 1 or nodes[0][1] < 0:
        return None
    holder, at = nodes[0]
    if not isinstance(holder.nodes[at], Store):
        return None
    value = holder.assigned_value(at)
    return evaluate(holder, value, steps - 1) if value is not None else None


def _named(view: FunctionView, index: int, steps: int) -> Value | None:
    """A constant of another module, or of a library."""
    path = view.path_of(index)
    if not path:
        return None
    if path in ("math.inf", "numpy.inf", "trio.TASK_STATUS_IGNORED"):
        return Value(ValueKind.NUMBER, view, index, number=math.inf) if path.endswith("inf") else None
    _, entity = view.module.project.find(path, view.module)
    bindings = getattr(entity, "bindings", None)
    return _bound_value(list(bindings), steps) if isinstance(bindings, tuple) else None


def _operation(view: FunctionView, index: int, node: Operation, steps: int) -> Value:
    unknown = Value(ValueKind.UNKNOWN, view, index)
    if node.op == "if":
        left, right = (evaluate(view, part, steps - 1) for part in node.operands[1:])
        return left if left.kind == right.kind and left.number == right.number and not left.items else unknown
    if node.op == "-" and len(node.operands) == 1:
        inner = evaluate(view, node.operands[0], steps - 1)
        return inner._replace(node=index, number=-inner.number) if inner.kind is ValueKind.NUMBER else unknown
    if node.op in _ARITHMETIC and len(node.operands) == 2:
        left, right = (evaluate(view, part, steps - 1) for part in node.operands)
        if left.kind is not ValueKind.NUMBER or right.kind is not ValueKind.NUMBER:
            return unknown
        try:
            number = {
                "+": lambda: left.number + right.number,
                "-": lambda: left.number - right.number,
                "*": lambda: left.number * right.number,
                "/": lambda: left.number / right.number,
                "//": lambda: left.number // right.number,
            }[node.op]()
        except (ZeroDivisionError, OverflowError):
            return unknown
        return Value(ValueKind.NUMBER, view, index, number=number, is_duration=left.is_duration or right.is_duration)
    return unknown


def _called(view: FunctionView, index: int, steps: int) -> Value:
    unknown = Value(ValueKind.UNKNOWN, view, index)
    call = view.call_at(index)
    assert call is not None
    target = call.target
    if target == "builtins.float" and len(call.positional) == 1:
        argument = evaluate(view, call.positional[0], steps - 1)
        if argument.kind is ValueKind.TEXT and argument.text.strip().lower() in ("inf", "infinity", "+inf"):
            return Value(ValueKind.NUMBER, view, index, number=math.inf)
        return argument if argument.kind is ValueKind.NUMBER else unknown
    if target == "datetime.timedelta":
        total = 0.0
        names = list(_TIMEDELTA)
        for at, arg in enumerate(call.node.args):
            name = arg.keyword or (names[at] if at < len(names) else "")
            part = evaluate(view, arg.value, steps - 1)
            if arg.star or name not in _TIMEDELTA or part.kind is not ValueKind.NUMBER:
                return unknown
            total += part.number * _TIMEDELTA[name]
        return Value(ValueKind.NUMBER, view, index, number=total, is_duration=True)
    if view.module.project.catalog.timeout_object(target) is not None:
        return Value(ValueKind.OBJECT, view, index, call=call)
    return unknown


def bound_of(value: Value, forever: tuple[schema.Value, ...]) -> Bound:
    """Whether a timeout of this value ends the wait, for an API whose endless values are `forever`.

    In a sequence of timeouts (`(connect, read)`) one that is endless is enough; a timeout object is endless when none
    of the arguments that bound a wait is finite.
    """
    match value.kind:
        case ValueKind.NONE:
            return Bound.FOREVER if schema.Value.NONE in forever else Bound.UNKNOWN
        case ValueKind.NUMBER:
            if math.isinf(value.number):
                return Bound.FOREVER if schema.Value.INFINITY in forever else Bound.UNKNOWN
            if value.number == 0:
                return Bound.FOREVER if schema.Value.ZERO in forever else Bound.FINITE
            if value.number < 0:
                return Bound.FOREVER if schema.Value.NEGATIVE in forever else Bound.FINITE
            return Bound.FINITE
        case ValueKind.SEQUENCE:
            bounds = [bound_of(item, forever) for item in value.items]
            if Bound.FOREVER in bounds:
                return Bound.FOREVER
            return Bound.UNKNOWN if Bound.UNKNOWN in bounds or not bounds else Bound.FINITE
        case ValueKind.OBJECT if value.call is not None:
            return _bound_of_object(value.call)
    return Bound.UNKNOWN


def _bound_of_object(call: CallSite) -> Bound:
    view = call.fn
    entry = view.module.project.catalog.timeout_object(call.target)
    if entry is None:
        return Bound.UNKNOWN
    bounds: list[Bound] = []
    arguments = [(name, -1) for name in entry.phases]
    if entry.total or entry.total_position >= 0:
        arguments.append((entry.total, entry.total_position))
    given = False
    for name, position in arguments:
        argument = call.argument(name, position)
        if argument == -1:
            return Bound.UNKNOWN
        if argument is None:
            continue
        given = True
        bounds.append(bound_of(evaluate(view, argument), entry.forever))
    if Bound.FINITE in bounds:
        return Bound.FINITE
    if Bound.UNKNOWN in bounds:
        return Bound.UNKNOWN
    total_given = call.argument(entry.total, entry.total_position) is not None
    if entry.default == "none" or (given and total_given):
        return Bound.FOREVER
    return Bound.FINITE


def bound_of_answer(call: CallSite) -> Bound:
    """Whether a timeout object ends the wait for a peer that took the connection and says nothing: a bound on
    connecting alone does not."""
    entry = call.fn.module.project.catalog.timeout_object(call.target)
    if entry is None:
        return Bound.UNKNOWN
    total = _bound_of_argument(call, entry, entry.total, entry.total_position) if entry.total else None
    phases = [_bound_of_argument(call, entry, name) for name in entry.bounding if name in entry.phases]
    given = [bound for bound in phases if bound is not None]
    counted = given if given and entry.phases_win else [*given, total] if total is not None else given
    if not counted:
        return Bound.FOREVER if entry.default == "none" else Bound.FINITE
    for bound in (Bound.FINITE, Bound.UNKNOWN):
        if bound in counted:
            return bound
    return Bound.FOREVER


def _bound_of_argument(call: CallSite, entry: schema.TimeoutObject, name: str, position: int = -1) -> Bound | None:
    """What one argument of a timeout object says; None where it is surely not given."""
    argument = call.argument(name, position)
    if argument is None or argument < 0:
        return None if argument is None else Bound.UNKNOWN
    return bound_of(evaluate(call.fn, argument), entry.forever)
