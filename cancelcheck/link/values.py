"""What a value is known to be: a number, None, infinity, a timeout object. Unknown is a value, and never a finding.

Constants are followed over files, through arithmetic, class attributes, and the fields of an object whose constructor
call is seen. What a deployment may set (`os.environ.get("TIMEOUT", 10)`, a field of a settings class) is its default
where that is finite, else unknown.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Const,
    Display,
    FunctionKind,
    Lambda,
    Name,
    Operation,
    ParamKind,
    Return,
    Store,
    StoreAttr,
    Subscript,
)

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

    `items` are a tuple's; `call` is the constructor of a timeout object. `is_default`: a deployment may set another.
    """

    kind: ValueKind
    view: FunctionView
    node: int
    number: float = 0.0
    text: str = ""
    is_duration: bool = False
    items: tuple[Value, ...] = ()
    call: CallSite | None = None
    is_default: bool = False


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
            return _named(view, index, steps) or _attribute(view, index) or unknown
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
    found, entity = view.module.project.find(path, view.module)
    if found in ("math.inf", "numpy.inf"):
        return Value(ValueKind.NUMBER, view, index, number=math.inf)
    bindings = getattr(entity, "bindings", None)
    return _bound_value(list(bindings), steps) if isinstance(bindings, tuple) else None


def _as_default(value: Value) -> Value:
    """What a deployment may set: its default, where that is finite."""
    if value.kind is ValueKind.TEXT or (value.kind is ValueKind.NUMBER and math.isfinite(value.number)):
        return value._replace(is_default=True)
    if value.kind is ValueKind.SEQUENCE:
        items = tuple(_as_default(item) for item in value.items)
        return value._replace(items=items, is_default=True)
    return Value(ValueKind.UNKNOWN, value.view, value.node)


def _same(values: list[Value]) -> Value | None:
    """One value out of several that may be meant, where they are the same."""
    if not values or any(value[0] is ValueKind.UNKNOWN for value in values):
        return None
    first = values[0]
    same = all(_key(value) == _key(first) for value in values)
    return first if same else None


def _key(value: Value) -> tuple[object, ...]:
    at = (value.view.module.source.path, value.view.index, value.node) if value.call is not None else ()
    return (value.kind, value.number, value.text, tuple(_key(item) for item in value.items), at)


def _operation(view: FunctionView, index: int, node: Operation, steps: int) -> Value:
    unknown = Value(ValueKind.UNKNOWN, view, index)
    if node.op == "if":
        return _same([evaluate(view, part, steps - 1) for part in node.operands[1:]]) or unknown
    if node.op in ("or", "and"):
        for part in node.operands[:-1]:
            value = evaluate(view, part, steps - 1)
            outcome = truth(value)
            if outcome is None:
                return unknown
            if outcome is (node.op == "or"):
                return value
        return evaluate(view, node.operands[-1], steps - 1)
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
        if math.isnan(number):
            return unknown
        return Value(
            ValueKind.NUMBER,
            view,
            index,
            number=number,
            is_duration=gives_duration(node.op, left, right),
            is_default=left.is_default or right.is_default,
        )
    return unknown


def gives_duration(operator: str, left: Value, right: Value) -> bool:
    """Whether arithmetic gives a duration, and no plain number: one divided by another gives none."""
    return left.is_duration != right.is_duration or (left.is_duration and "/" not in operator)


def truth(value: Value) -> bool | None:
    """Whether a value counts as true; None where it is not known, or a deployment may set another."""
    match value.kind:
        case ValueKind.NONE:
            return False
        case ValueKind.NUMBER | ValueKind.BOOL if not value.is_default:
            return value.number != 0
        case ValueKind.TEXT if not value.is_default:
            return bool(value.text)
        case ValueKind.SEQUENCE if not value.is_default:
            return bool(value.items)
        case ValueKind.OBJECT:
            return True
    return None


def _called(view: FunctionView, index: int, steps: int) -> Value:
    unknown = Value(ValueKind.UNKNOWN, view, index)
    call = view.call_at(index)
    assert call is not None
    target = call.target
    if target in ("builtins.float", "builtins.int") and len(call.positional) == 1:
        return _converted(evaluate(view, call.positional[0], steps - 1), view, index)
    if target in ("builtins.min", "builtins.max") and len(call.positional) == len(call.node.args) > 1:
        parts = [evaluate(view, part, steps - 1) for part in call.positional]
        if any(part.kind is not ValueKind.NUMBER for part in parts):
            return unknown
        found = (min if target == "builtins.min" else max)(parts, key=lambda part: part.number)
        return found._replace(is_default=any(part.is_default for part in parts))
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
    if call.member == "total_seconds" and call.receiver >= 0:
        duration = evaluate(view, call.receiver, steps - 1)
        return duration._replace(is_duration=False) if duration.is_duration else unknown
    catalog = view.module.project.catalog
    lookup = catalog.lookup(target)
    if lookup is not None:
        default = call.argument(lookup.keyword, lookup.position)
        return _as_default(evaluate(view, default, steps - 1)) if default is not None and default >= 0 else unknown
    if catalog.timeout_object(target) is not None:
        return Value(ValueKind.OBJECT, view, index, call=call)
    return unknown


def _converted(argument: Value, view: FunctionView, index: int) -> Value:
    """`float(…)` or `int(…)` of a value."""
    number = argument.number
    if argument.kind is ValueKind.TEXT:
        try:
            number = float(argument.text)
        except ValueError:
            return Value(ValueKind.UNKNOWN, view, index)
    elif argument.kind is not ValueKind.NUMBER:
        return Value(ValueKind.UNKNOWN, view, index)
    converted = Value(ValueKind.NUMBER, view, index, number=number)
    return _as_default(converted) if argument.is_default else converted


# --- attributes


def _attribute(view: FunctionView, index: int) -> Value | None:
    """What an attribute of a class, or of an object of a class of the project, is known to be; looked up once."""
    module = view.module
    key = (view.index, index)
    if key in module.values:
        return module.values[key]
    guard = module.project.guard
    mark = (module.source.path, *key, "value")
    if mark in guard.values:
        return guard.values[mark]
    if not guard.enter(mark):
        return None
    try:
        found = _attribute_of(view, index)
    finally:
        guard.leave(mark)
    if guard.is_settled:
        module.values[key] = found
    else:
        guard.values[mark] = found
    return found


def _attribute_of(view: FunctionView, index: int) -> Value | None:
    node = view.nodes[index]
    assert isinstance(node, Attr)
    cls = view.definition_of(node.value)
    if cls is not None:
        if cls.facts.kind is not FunctionKind.CLASS or _is_set(view, cls, node.attr):
            return None
        return _of_class(cls, node.attr)
    instance = view.instance(node.value)
    if instance is None or instance.view is None:
        return None
    if instance.own:
        return _of_self(instance.view, node.attr)
    if instance.origins and instance.complete:
        if any(_is_set(view, instance.view, node.attr, origin) for origin in instance.origins):
            return None
        return _same([_of_made(instance.view, origin, node.attr) for origin in instance.origins])
    if _is_set(view, instance.view, node.attr):
        return None
    found = _of_class(instance.view, node.attr)
    return _as_default(found) if found is not None and not instance.view.attribute_stores.get(node.attr) else None


def _is_set(view: FunctionView, cls: FunctionView, name: str, origin: CallSite | None = None) -> bool:
    """Whether the file, or that of the class, stores an attribute of this name on anything that may be of the class,
    `self` apart; or may be the object that `origin` made."""
    modules = (view.module, cls.module) if view.module is not cls.module else (cls.module,)
    for module in modules:
        for user, at in module.attributes_set.get(name, ()):
            store = user.nodes[at]
            assert isinstance(store, StoreAttr)
            instance = user.instance(store.value)
            if instance is None:
                held = user.definition_of(store.value)
                if held is None or held in cls.ancestry[0] or cls in held.ancestry[0]:
                    return True
            elif instance.view is None or not (cls in instance.view.ancestry[0] or instance.view in cls.ancestry[0]):
                continue
            elif origin is None or not instance.complete or any(_is_at(made, origin) for made in instance.origins):
                return True
    return False


def _is_at(call: CallSite, other: CallSite) -> bool:
    return call.fn is other.fn and call.index == other.index


def _of_class(cls: FunctionView, name: str) -> Value | None:
    """The value of a class's own attribute, a base's included. In a class with a base that is not seen (a settings
    class, a model) something else may fill it in."""
    classes, outside, known = cls.ancestry
    if any(base.startswith("enum.") for base in outside):
        return None
    for holder in classes:
        nodes = holder.facts.bound.get(name, ())
        if not nodes:
            continue
        store = holder.nodes[nodes[0]] if len(nodes) == 1 and nodes[0] >= 0 else None
        parent = holder.nodes[store.parent] if isinstance(store, Store) and store.parent >= 0 else None
        if not isinstance(parent, Assign) or parent.op or parent.value < 0:
            return None
        found = _of_field(holder, parent.value)
        return found if known else _as_default(found)
    return None


def _of_field(cls: FunctionView, index: int) -> Value:
    """The default of a field, or the value of a plain class attribute."""
    call = cls.call_at(index)
    entry = cls.module.project.catalog.field(call.target) if call is not None else None
    if call is None or entry is None:
        return evaluate(cls, index)
    argument = call.argument(entry.value, entry.value_position)
    if argument is not None and argument >= 0:
        return evaluate(cls, argument)
    for keyword in entry.factory:
        factory = call.argument(keyword)
        node = cls.nodes[factory] if factory is not None and factory >= 0 else None
        if isinstance(node, Lambda):
            made = cls.module.functions[node.function]
            returned = next((at.value for at in made.nodes if isinstance(at, Return)), -1)
            if returned >= 0:
                return evaluate(made, returned)
    return Value(ValueKind.UNKNOWN, cls, index)


def _of_self(cls: FunctionView, name: str) -> Value | None:
    """What an attribute of `self` is: of any instance, one of a subclass included. That it is endless is known only of
    a private one that the class sets itself."""
    stores = [store for holder in cls.ancestry[0] for store in holder.attribute_stores.get(name, ())]
    if not stores:
        found = _of_class(cls, name)
        return _as_default(found) if found is not None and not _is_set(cls, cls, name) else None
    values = []
    for view, at in stores:
        value = view.assigned_value(at)
        values.append(evaluate(view, value) if value is not None else Value(ValueKind.UNKNOWN, view, at))
        if values[-1].kind is ValueKind.UNKNOWN:
            return None
    found = _same(values)
    if found is None or _is_set(cls, cls, name):
        return None
    return found if name.startswith("_") and cls.ancestry[2] else _as_default(found)


def _of_made(cls: FunctionView, origin: CallSite, name: str) -> Value:
    """An attribute of an object by the call that made it: what a constructor was given for it, or the default."""
    unknown = Value(ValueKind.UNKNOWN, origin.fn, origin.index)
    if _is_set(origin.fn, cls, name, origin):
        return unknown
    stores = [store for holder in cls.ancestry[0] for store in holder.attribute_stores.get(name, ())]
    if len(stores) > 1:
        return unknown
    if stores:
        view, at = stores[0]
        value = view.assigned_value(at)
        if value is None:
            return unknown
        node = view.nodes[value]
        if isinstance(node, Name) and view.facts.bound.get(node.id) == [-1]:
            return _of_argument(origin, view, node.id) if view is cls.inherited("__init__") else unknown
        return evaluate(view, value)
    fields = _fields_of(cls)
    if fields is not None and name in fields:
        position = fields.index(name)
        argument = origin.argument(name, position)
        if argument is not None:
            return evaluate(origin.fn, argument) if argument >= 0 else unknown
    elif fields is None and cls.facts.decorators:
        return unknown
    return _of_class(cls, name) or unknown


class FieldGiven(NamedTuple):
    """What an object is made with for one of its attributes: the parameter that says it, and whether the call does."""

    param: str
    value: Value
    given: bool


def field_given(origin: CallSite, cls: FunctionView, name: str) -> FieldGiven | None:
    """What a constructor call says of an attribute that is its parameter's, or a field's of a dataclass, and stays as
    it is; None where another thing fills it."""
    if _is_set(origin.fn, cls, name, origin):
        return None
    stores = [store for holder in cls.ancestry[0] for store in holder.attribute_stores.get(name, ())]
    if len(stores) > 1:
        return None
    param = name
    if stores:
        view, at = stores[0]
        value = view.assigned_value(at)
        node = view.nodes[value] if value is not None else None
        if not isinstance(node, Name) or view.facts.bound.get(node.id) != [-1] or view is not cls.inherited("__init__"):
            return None
        param = node.id
        found = _of_argument(origin, view, param)
    else:
        fields = _fields_of(cls)
        if fields is None or name not in fields:
            return None
        argument = origin.argument(name, fields.index(name))
        if argument is None:
            found = _of_class(cls, name) or Value(ValueKind.UNKNOWN, origin.fn, origin.index)
        elif argument < 0:
            return None
        else:
            return FieldGiven(param, evaluate(origin.fn, argument), True)
    given = found.view is origin.fn and found.node in set(origin.fn.operands_within(origin.index))
    return FieldGiven(param, found, given)


def given_attributes(cls: FunctionView) -> set[str]:
    """The attributes that `field_given` may say something of: those that a dataclass has, or that `__init__` gives the
    value of a parameter."""
    found = set(_fields_of(cls) or ())
    for holder in cls.ancestry[0]:
        for name, stores in holder.attribute_stores.items():
            for view, at in stores:
                value = view.assigned_value(at) if view.name == "__init__" else None
                node = view.nodes[value] if value is not None else None
                if isinstance(node, Name) and view.facts.bound.get(node.id) == [-1]:
                    found.add(name)
    return found


def _of_argument(origin: CallSite, init: FunctionView, name: str) -> Value:
    """What a call of a constructor gives its parameter of this name, or the parameter's default."""
    unknown = Value(ValueKind.UNKNOWN, origin.fn, origin.index)
    plain = [param for param in init.facts.params[1:] if param.kind is not ParamKind.KEYWORD_ONLY]
    param = init.param(name)
    if param is None or param.kind in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD) or init.parent is None:
        return unknown
    argument = origin.argument(name, plain.index(param) if param in plain else -1)
    if argument is None:
        return evaluate(init.parent, param.default) if param.default >= 0 else unknown
    return evaluate(origin.fn, argument) if argument >= 0 else unknown


def _fields_of(cls: FunctionView) -> list[str] | None:
    """The fields that the constructor of a dataclass takes, in order; None where it is none, or not all are known."""
    catalog = cls.module.project.catalog
    classes, _, known = cls.ancestry
    if not known or not any(holder.has_role("dataclass") for holder in classes):
        return None
    found: list[str] = []
    for holder in reversed(classes):
        for node in holder.nodes:
            if not isinstance(node, Assign) or node.annotation < 0 or len(node.targets) != 1:
                continue
            target = holder.nodes[node.targets[0]]
            annotation = holder.nodes[node.annotation]
            if isinstance(annotation, Subscript):
                if catalog.canonical(holder.path_of(annotation.value)).endswith(".ClassVar"):
                    continue
            call = holder.call_at(node.value) if node.value >= 0 else None
            entry = catalog.field(call.target) if call is not None else None
            if call is not None and entry is not None and entry.init:
                init = call.argument(entry.init)
                given = evaluate(holder, init) if init is not None and init >= 0 else None
                if given is not None and not given.number:
                    continue
            if isinstance(target, Store) and target.id not in found:
                found.append(target.id)
    return found


# --- bounds


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
