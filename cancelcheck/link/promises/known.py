"""What is known inside a function when it is called from a certain place: the numbers, timeouts, functions and
awaitables that it is given, and those that its own code works out of them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from cancelcheck.catalog import schema
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.link.values import Value, ValueKind, evaluate, gives_duration, truth
from cancelcheck.model.digests import blake2b
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Const,
    Delete,
    Display,
    FunctionKind,
    Lambda,
    Name,
    Operation,
    ParamKind,
    RegionKind,
    Return,
    Starred,
    StoreItem,
    Subscript,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

MAX_STEPS = 12
"""Names that are followed one from another."""

MAX_HELD = 5
"""Functions and awaitables, one in what is known to another, that are kept."""


class Func(NamedTuple):
    """A function that is handed over: what is known where it was written, and how many of its decorators are already
    passed. `bound` is what it is given where it is called with the `*args` of a wrapper around it; `partial` the call
    that gives it some of its arguments, and what is known there."""

    view: FunctionView
    known: Known
    layer: int = 0
    bound: Known | None = None
    partial: tuple[CallSite, Known] | None = None


class Later(NamedTuple):
    """Something to be awaited that is handed over, and what is known where it was made."""

    view: FunctionView
    node: int
    known: Known


class Keywords(NamedTuple):
    """All that a function is given in its `**kwargs`, by name; what it is may not be known."""

    items: tuple[tuple[str, Thing], ...]


Thing: TypeAlias = Value | Func | Later | Keywords


class Known:
    """Things by the local names that they have. `key` is the same for the same things; `depth` says how many functions
    and awaitables are held one in another."""

    __slots__ = ("depth", "held", "key")

    def __init__(self, held: Mapping[str, Thing]) -> None:
        self.held = {name: thing for name, thing in held.items() if _depth(thing) <= MAX_HELD}
        self.depth = max((_depth(thing) for thing in self.held.values()), default=0)
        told = repr(sorted((name, _key(thing)) for name, thing in self.held.items()))
        self.key = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest() if held else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def with_(self, name: str, thing: Thing | None) -> Known:
        """The same with a name set anew, or with None forgotten."""
        if thing is None:
            if name not in self.held:
                return self
            return Known({other: held for other, held in self.held.items() if other != name})
        if name in self.held and _key(self.held[name]) == _key(thing):
            return self
        return Known({**self.held, name: thing})


NOTHING = Known({})


def _depth(thing: Thing) -> int:
    if isinstance(thing, Func):
        return 1 + max(thing.known.depth, thing.bound.depth if thing.bound is not None else 0)
    if isinstance(thing, Keywords):
        return max((_depth(inner) for _, inner in thing.items), default=0)
    return 1 + thing.known.depth if isinstance(thing, Later) else 0


def _key(thing: Thing) -> tuple[str, ...]:
    match thing:
        case Func():
            partial = _place(thing.partial[0].fn, thing.partial[0].index) if thing.partial is not None else ()
            bound = thing.bound.key if thing.bound is not None else ""
            return ("func", *_place(thing.view, thing.layer), thing.known.key, bound, *partial)
        case Later():
            return ("later", *_place(thing.view, thing.node), thing.known.key)
        case Keywords():
            return ("keywords", repr([(name, _key(inner)) for name, inner in thing.items]))
    at = _place(thing.view, thing.node) if thing.call is not None else ()
    return (thing.kind, repr(thing.number), thing.text, repr([_key(item) for item in thing.items]), *at)


def _place(view: FunctionView, node: int) -> tuple[str, str, str]:
    return view.module.source.path, str(view.index), str(node)


# --- values ----------------------------------------------------------------------------------------------------------

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def thing_of(view: FunctionView, index: int, known: Known, steps: int = MAX_STEPS) -> Thing:
    """What a node is, as far as it is known here."""
    unknown = Value(ValueKind.UNKNOWN, view, index)
    if steps <= 0:
        return unknown
    node = view.nodes[index]
    if isinstance(node, Name) and node.id in known.held and _is_local(view, node.id):
        return known.held[node.id]
    if isinstance(node, Operation):
        found = _operation(view, index, node, known, steps)
        return found if found is not None else evaluate(view, index)
    if isinstance(node, Call):
        found = _called(view, index, known, steps)
        return found if found is not None else evaluate(view, index)
    if isinstance(node, Display) and node.kind in ("tuple", "list") and known.held:
        things = [thing_of(view, item, known, steps - 1) for item in node.items]
        if all(isinstance(thing, Value) for thing in things):
            items = tuple(thing for thing in things if isinstance(thing, Value))
            return Value(ValueKind.SEQUENCE, view, index, items=items)
        return unknown
    value = evaluate(view, index)
    if (value.kind is ValueKind.UNKNOWN or value.is_default) and isinstance(node, Name) and known.held:
        # a name that is bound once to something that is worked out of what is known
        found_at = view.variable_at(index)
        if found_at is not None:
            return thing_of(*found_at, known, steps - 1)
    return value


def kind_of(thing: Thing) -> ValueKind:
    """Of what kind a value is; what is handed over is none."""
    return thing.kind if isinstance(thing, Value) else ValueKind.UNKNOWN


def number_of(view: FunctionView, index: int, known: Known) -> float | None:
    """The number that a node is known to be."""
    thing = thing_of(view, index, known)
    return thing.number if isinstance(thing, Value) and thing.kind is ValueKind.NUMBER else None


def truth_of(view: FunctionView, index: int, known: Known) -> bool | None:
    """Whether a node is known to be true, or false."""
    thing = thing_of(view, index, known)
    if isinstance(thing, Keywords):
        return bool(thing.items)
    return truth(thing) if isinstance(thing, Value) else True


def _is_local(view: FunctionView, name: str) -> bool:
    """Whether a name belongs to a function, and not to a module."""
    scope = view.bindings(name).scope
    return scope is not None and scope.facts.kind in (FunctionKind.DEF, FunctionKind.LAMBDA)


def _operation(view: FunctionView, index: int, node: Operation, known: Known, steps: int) -> Thing | None:
    if node.op == "if":
        outcome = truth_of(view, node.operands[0], known)
        if outcome is not None:
            return thing_of(view, node.operands[1 if outcome else 2], known, steps - 1)
        return None
    if node.op in ("or", "and"):
        for part in node.operands:
            thing = thing_of(view, part, known, steps - 1)
            outcome = truth(thing) if isinstance(thing, Value) else None
            if outcome is None:
                return None
            if outcome is (node.op == "or"):
                return thing
        return thing
    if node.op == "not":
        outcome = truth_of(view, node.operands[0], known)
        return None if outcome is None else _bool(view, index, not outcome)
    if node.op in ("is", "is not") and len(node.operands) == 2:
        left, right = (thing_of(view, part, known, steps - 1) for part in node.operands)
        if not isinstance(right, Value) or right.kind is not ValueKind.NONE:
            return None
        if isinstance(left, Value) and left.kind is ValueKind.UNKNOWN:
            return None
        is_none = isinstance(left, Value) and left.kind is ValueKind.NONE
        return _bool(view, index, is_none is (node.op == "is"))
    if len(node.operands) != 2 or (node.op not in _ARITHMETIC and node.op not in _COMPARISONS):
        return None
    numbers = [_as_number(view, part, known, steps) for part in node.operands]
    if any(number is None for number in numbers):
        return None
    first, second = (number for number in numbers if number is not None)
    if node.op in _COMPARISONS:
        return _bool(view, index, _COMPARISONS[node.op](first.number, second.number))
    try:
        result = float(_ARITHMETIC[node.op](first.number, second.number))
    except (ArithmeticError, TypeError, ValueError):
        return None
    return Value(ValueKind.NUMBER, view, index, number=result, is_duration=gives_duration(node.op, first, second))


def _as_number(view: FunctionView, index: int, known: Known, steps: int) -> Value | None:
    thing = thing_of(view, index, known, steps - 1)
    return thing if isinstance(thing, Value) and thing.kind is ValueKind.NUMBER else None


def _bool(view: FunctionView, index: int, value: bool) -> Value:
    return Value(ValueKind.BOOL, view, index, number=float(value))


def _called(view: FunctionView, index: int, known: Known, steps: int) -> Thing | None:
    call = view.call_at(index)
    assert call is not None
    if call.target in ("builtins.min", "builtins.max") and len(call.positional) == len(call.node.args) > 1:
        numbers = [_as_number(view, part, known, steps) for part in call.positional]
        found = [number for number in numbers if number is not None]
        if len(found) < len(numbers):
            return None
        return (min if call.target == "builtins.min" else max)(found, key=lambda value: value.number)
    if call.target in ("builtins.float", "builtins.int") and len(call.positional) == 1:
        value = _as_number(view, call.positional[0], known, steps)
        if value is None or not known.held:
            return None
        number = float(math.trunc(value.number)) if call.target == "builtins.int" else value.number
        return value._replace(number=number)
    if call.member in ("get", "pop") and call.receiver >= 0 and call.positional:
        return _taken_out(call, known, steps)
    return None


# --- **kwargs --------------------------------------------------------------------------------------------------------


def given_thing(call: CallSite, names: str | tuple[str, ...], position: int, known: Known) -> Thing | None:
    """What an argument is known to be, one in a `**kwargs` of the function around included; None where it is surely not
    given."""
    view = call.fn
    argument = call.argument(names, position)
    if argument is None:
        return None
    if argument >= 0:
        return thing_of(view, argument, known)
    hidden = Value(ValueKind.UNKNOWN, view, call.index)
    if any(arg.star == 1 for arg in call.node.args) or view.partials_of(call.node.func):
        return hidden
    for arg in call.node.args:
        if arg.star == 2:
            items = items_of(view, arg.value, known, call.index)
            if items is None:
                return hidden
            for name in (names,) if isinstance(names, str) else names:
                if name in items:
                    return items[name]
    return None


def items_of(view: FunctionView, index: int, known: Known, before: int) -> dict[str, Thing] | None:
    """What is in a dict that is given with `**` at a node: one whose items are all seen, or what the function was given
    in its own `**kwargs`, with what it has changed `before` that; None where that is not all known."""
    written = view.dict_items(index)
    if written is not None:
        return {name: _plain(_handed(view, at, known)) for name, at in written.items()}
    node = view.nodes[index]
    thing = known.held.get(node.id) if isinstance(node, Name) else None
    if not isinstance(node, Name) or not isinstance(thing, Keywords):
        return None
    changes = _changes(view, node.id)
    if changes is None:
        return None
    items = dict(thing.items)
    for at, kind, name, value in changes:
        if at >= before and not any(True for _ in view.loops_around(at)):
            continue
        if all(view.regions[region].kind in _STRAIGHT for region in view.regions_around(at)):
            match kind:
                case "set":
                    items[name] = _plain(thing_of(view, value, known))
                case "default" if name not in items:
                    items[name] = _plain(thing_of(view, value, known))
                case "pop":
                    items.pop(name, None)
        elif kind != "default" or name not in items:
            items[name] = Value(ValueKind.UNKNOWN, view, at)
    return items


def _plain(thing: Thing) -> Thing:
    """A thing without what no sum depends on."""
    if isinstance(thing, Value) and thing.kind is ValueKind.TEXT:
        return Value(ValueKind.UNKNOWN, thing.view, thing.node)
    return thing


class _Change(NamedTuple):
    """A change of a dict in place: where, how (set, default, pop), under which name, and the value's node."""

    at: int
    kind: str
    name: str
    value: int


_LOOKING = frozenset({"get", "copy", "items", "keys", "values", "__contains__"})
"""Methods that leave a dict as it is."""


def _changes(view: FunctionView, name: str) -> list[_Change] | None:
    """What a function does to its `**kwargs`, in order; None where that is not all seen."""
    if view.facts.bound.get(name) != [-1]:
        return None
    found: list[_Change] = []
    for user, at in view.reads(name):
        node = user.nodes[at]
        outer = user.nodes[node.parent] if node.parent >= 0 else None
        if isinstance(outer, Call) and any(arg.value == at and arg.star == 2 for arg in outer.args):
            continue
        around = user.nodes[outer.parent] if outer is not None and outer.parent >= 0 else None
        if isinstance(outer, Subscript) and not isinstance(around, Delete):
            continue
        if isinstance(outer, Operation) and outer.op in _ASKING:
            continue
        call = user.call_at(outer.parent) if isinstance(outer, Attr) and outer.parent >= 0 else None
        if call is not None and call.member in _LOOKING and call.receiver == at:
            continue
        if user is not view:
            return None
        if outer is None:
            continue  # a test
        key, kind, value = -1, "set", -1
        if call is not None and call.receiver == at and call.member in ("pop", "setdefault") and call.positional:
            key, kind = call.positional[0], "pop" if call.member == "pop" else "default"
            value = call.positional[1] if len(call.positional) > 1 else -1
        elif isinstance(outer, StoreItem) and outer.value == at:
            assign = view.nodes[outer.parent] if outer.parent >= 0 else None
            if isinstance(assign, Assign) and not assign.op:
                key, value = outer.index, assign.value
        text = view.nodes[key] if key >= 0 else None
        if not isinstance(text, Const) or not isinstance(text.value, str) or (kind != "pop" and value < 0):
            return None
        found.append(_Change(call.index if call is not None else at, kind, text.value, value))
    return sorted(found)


_ASKING = ("in", "not in", "is", "is not", "not", "and", "or", "==", "!=")
"""What asks about a dict, and leaves it as it is."""

_STRAIGHT = (RegionKind.BODY, RegionKind.WITH)
"""Regions that every way through a function leads through."""


def _taken_out(call: CallSite, known: Known, steps: int) -> Thing | None:
    """What `kwargs.get("timeout", 5)` gives."""
    view = call.fn
    name = view.nodes[call.positional[0]]
    if not isinstance(name, Const) or not isinstance(name.value, str) or len(call.node.args) != len(call.positional):
        return None
    items = items_of(view, call.receiver, known, call.index) if isinstance(view.nodes[call.receiver], Name) else None
    if items is None:
        return None
    if name.value in items:
        return items[name.value]
    if len(call.positional) > 1:
        return thing_of(view, call.positional[1], known, steps - 1)
    return Value(ValueKind.NONE, view, call.index)


def _kept_keywords(call: CallSite, callee: FunctionView, known: Known) -> Keywords | None:
    """What of a call's arguments comes into the callee's `**kwargs`; None where that is not all known."""
    own = {param.name for param in callee.facts.params if param.kind is not ParamKind.POSITIONAL_ONLY}
    items: dict[str, Thing] = {}
    if call.fn.partials_of(call.node.func):
        return None
    for arg in call.node.args:
        if arg.star == 2:
            inner = items_of(call.fn, arg.value, known, call.index)
            if inner is None:
                return None
            items |= inner
        elif arg.keyword:
            items[arg.keyword] = _plain(_handed(call.fn, arg.value, known))
    return Keywords(tuple(sorted((name, thing) for name, thing in items.items() if name not in own)))


# --- functions -------------------------------------------------------------------------------------------------------


def function_of(view: FunctionView, index: int, known: Known) -> Func | None:
    """The project's function that a node stands for: a name or attribute of one, a lambda, a partial, a parameter that
    was given one."""
    node = view.nodes[index]
    if isinstance(node, Name) and _is_local(view, node.id):
        held = known.held.get(node.id)
        if isinstance(held, Func):
            return held
    if isinstance(node, Lambda):
        return Func(view.module.functions[node.function], known)
    if isinstance(node, Call):
        call = view.call_at(index)
        assert call is not None
        if view.module.project.catalog.is_partial(call.target) and call.positional:
            inner = function_of(view, call.positional[0], known)
            return inner._replace(partial=(call, known)) if inner is not None else None
        return None
    if isinstance(node, (Name, Attr)):
        found = view.definition_of(index)
        if found is not None and found.facts.kind is FunctionKind.DEF:
            return Func(found, known if _is_nested_in(found, view) else NOTHING)
    return None


def _is_nested_in(inner: FunctionView, view: FunctionView) -> bool:
    """Whether a function is defined in another one, or beside it in the same one: it sees the same locals."""
    at = inner.parent
    while at is not None and at.facts.kind is not FunctionKind.MODULE:
        if at is view or any(at is outer for outer in _outwards(view)):
            return at.facts.kind is FunctionKind.DEF
        at = at.parent
    return False


def _outwards(view: FunctionView) -> Iterator[FunctionView]:
    at = view.parent
    while at is not None:
        yield at
        at = at.parent


def given_to(call: CallSite, callee: FunctionView, known: Known, outer: Known = NOTHING) -> Known:
    """What a function knows when it is called so: its parameters, beside what is known where it is written."""
    held: dict[str, Thing] = {name: thing for name, thing in outer.held.items() if name not in callee.facts.bound}
    hides = any(arg.star == 1 for arg in call.node.args) or bool(call.fn.partials_of(call.node.func))
    for param, argument in matched(call, callee):
        if argument is not None and argument >= 0:
            _hold(held, param.name, _handed(call.fn, argument, known))
            continue
        if argument is not None and hides:
            continue  # it may be among the `*args`
        keyword = "" if param.kind is ParamKind.POSITIONAL_ONLY else param.name
        thing = given_thing(call, keyword, -1, known) if argument is not None else None
        if thing is not None:
            _hold(held, param.name, thing)
        elif param.default >= 0 and callee.parent is not None:
            _hold(held, param.name, evaluate(callee.parent, param.default))
    rest = callee.facts.params[-1] if callee.facts.params else None
    if rest is not None and rest.kind is ParamKind.VAR_KEYWORD:
        kept = _kept_keywords(call, callee, known)
        if kept is not None:
            held[rest.name] = kept
    return Known(held)


def known_at_entry(view: FunctionView) -> Known:
    """What a function knows when somebody calls it who is not seen: the numbers that its parameters have by default."""
    held: dict[str, Thing] = {}
    for param in view.facts.params:
        if param.default >= 0 and view.parent is not None:
            value = evaluate(view.parent, param.default)
            if value.kind is ValueKind.NUMBER:
                held[param.name] = value
    return Known(held)


def _hold(held: dict[str, Thing], name: str, thing: Thing) -> None:
    if not isinstance(thing, Value) or thing.kind not in (ValueKind.UNKNOWN, ValueKind.TEXT):
        held[name] = thing


def _handed(view: FunctionView, index: int, known: Known) -> Thing:
    """What an argument is to the function that is given it."""
    node = view.nodes[index]
    thing = thing_of(view, index, known)
    if not isinstance(thing, Value) or thing.kind is not ValueKind.UNKNOWN:
        return thing
    func = function_of(view, index, known)
    if func is not None:
        return func
    call = view.call_at(index)
    if isinstance(node, Call) and call is not None and _is_awaitable(call, known):
        return Later(view, index, known)
    return thing


def _is_awaitable(call: CallSite, known: Known) -> bool:
    """Whether a call makes something to be awaited."""
    catalog = call.fn.module.project.catalog
    api = catalog.api(call.target)
    if api is not None:
        return api.mode is schema.Mode.ASYNC
    scope = catalog.scope(call.target)
    if scope is not None and scope.entering is schema.Entering.AWAIT:
        return True
    if any(found is not None for found in (catalog.waiter(call.target), catalog.spawner(call.target))):
        return True
    func = function_of(call.fn, call.node.func, known)
    return func is not None and func.view.is_coroutine


def returned_function(view: FunctionView, like: FunctionView | None = None) -> FunctionView | None:
    """The nested function that a function returns: of several the one that is asynchronous as `like` is; itself left
    out."""
    found: list[FunctionView] = []
    for node in view.nodes:
        value = view.nodes[node.value] if isinstance(node, Return) and node.value >= 0 else None
        if isinstance(value, Name):
            inner = next((child for child in view.children if child.name == value.id), None)
            if inner is not None and inner.facts.kind is FunctionKind.DEF:
                found.append(inner)
    if like is not None and len(found) > 1:
        same = [inner for inner in found if inner.is_async is like.is_async]
        found = same or found
    return found[-1] if found else None


class Turns(NamedTuple):
    """What a loop goes over: how many turns there are, and what each of the first ones gets, as far as it is known."""

    number: int
    things: tuple[Thing | None, ...]

    def thing(self, turn: int) -> Thing | None:
        """What a turn gets, counted from 0."""
        return self.things[turn] if turn < len(self.things) else None


MAX_THINGS = 100
"""Turns of a loop of which it is kept what each gets."""

_AS_MANY = ("enumerate", "reversed", "sorted", "list", "tuple")
"""Builtins that give as many things as what they are given."""


def turns_of(view: FunctionView, index: int, known: Known) -> Turns | None:
    """What a loop goes over; None where it is not known how much that is."""
    node = view.nodes[index]
    if isinstance(node, Call):
        call = view.call_at(index)
        assert call is not None
        name = call.target.removeprefix("builtins.")
        if name == "range" and len(call.positional) == len(call.node.args):
            return _range(call, known)
        if name in _AS_MANY and call.positional:
            inner = turns_of(view, call.positional[0], known)
            return Turns(inner.number, ()) if inner is not None else None
        return None
    if isinstance(node, Display) and node.kind in ("tuple", "list", "set"):
        if any(isinstance(view.nodes[item], Starred) for item in node.items):
            return None
        return Turns(len(node.items), tuple(thing_of(view, item, known) for item in node.items[:MAX_THINGS]))
    if isinstance(node, (Name, Attr)):
        value = thing_of(view, index, known)
        if not isinstance(value, Value) or value.kind is not ValueKind.SEQUENCE or _may_grow(view, index):
            return None
        if not any(isinstance(item.view.nodes[item.node], Starred) for item in value.items):
            return Turns(len(value.items), value.items[:MAX_THINGS])
    return None


def _range(call: CallSite, known: Known) -> Turns | None:
    numbers = [number_of(call.fn, part, known) for part in call.positional]
    whole = [int(number) for number in numbers if number is not None and number.is_integer()]
    if not whole or len(whole) < len(numbers) or len(whole) > 3 or (len(whole) == 3 and not whole[2]):
        return None
    turns = range(*whole)
    things = tuple(Value(ValueKind.NUMBER, call.fn, call.index, number=float(turn)) for turn in turns[:MAX_THINGS])
    return Turns(len(turns), things)


def _may_grow(view: FunctionView, index: int) -> bool:
    """Whether a name is a local list, which something may be added to."""
    node = view.nodes[index]
    if not isinstance(node, Name):
        return False
    found = view.variable_at(index)
    value = found[0].nodes[found[1]] if found is not None else None
    return isinstance(value, Display) and value.kind == "list" and _is_local(view, node.id)
