"""Parameters that are handed on, as they are, to what waits: a `timeout=None` that reaches a library means "never".

A project function that passes its `timeout` on is an API of its own, with its own default; so is one that passes its
`**kwargs` on, and a class that keeps what its constructor was given and passes it on in its methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.paths.scopes import is_bounded
from cancelcheck.link.timeouts.waits import Verdict, client_of, every_call_timed, judge
from cancelcheck.link.values import Bound, Value, ValueKind, bound_of, evaluate, field_given, given_attributes
from cancelcheck.model.facts import (
    Attr,
    Call,
    Const,
    Display,
    Enter,
    FunctionKind,
    Name,
    Operation,
    Param,
    ParamKind,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

MAX_HOPS = 6
"""Functions through which a parameter is followed."""

Entry = schema.Api | schema.Client
"""What a timeout reaches in the end: a call that waits, or the constructor of a client."""

Reached = tuple[tuple["CallSite", ...], Entry]
"""The calls through which a parameter reaches a library, the library's last, and that call's entry."""

Hidden = tuple[tuple[str, ...], Reached]
"""The keywords that would bound what a function's `**kwargs` reaches, and the way there."""


class Endless(NamedTuple):
    """A call of a project function, or class, that lets a timeout be endless, where that reaches a call of a library
    that then waits forever. `value` is the endless one: `given` at the call itself, else the parameter's default; None
    where the timeout would stand in `**kwargs` and is left out. `chain` are the calls on the way, the library's
    last."""

    param: str
    value: Value | None
    given: bool
    chain: tuple[CallSite, ...]
    api: Entry


def endless_calls(call: CallSite) -> list[Endless]:
    """The timeouts of a project function, or class, that a call leaves endless, or sets so; looked up once."""
    kept = call.fn.module.left_endless
    key = (call.fn.index, call.index)
    known = kept.get(key)
    if known is None:
        known = _endless_calls(call)
        if call.fn.module.project.guard.is_settled:
            kept[key] = known
    return known


def timed_calls(view: FunctionView) -> list[CallSite]:
    """The calls of a function of which the catalogue tells, and those that leave a timeout endless, or set it so, in
    order: who asks how long a call waits need ask of no other. Looked up once."""
    kept = view.module.timed
    known = kept.get(view.index)
    if known is None:
        told = set(view.told_calls)
        known = [call for call in view.known_calls if call in told or endless_calls(call)]
        if view.module.project.guard.is_settled:
            kept[view.index] = known
    return known


def _lets(callee: FunctionView) -> bool:
    """Whether a call of a function, or class, may leave a timeout endless at all; looked up once."""
    kept = callee.module.lets
    known = kept.get(callee.index)
    if known is None:
        known = _hands_timeouts_on(callee)
        if callee.module.project.guard.is_settled:
            kept[callee.index] = known
    return known


def _hands_timeouts_on(callee: FunctionView) -> bool:
    if len(callee.alternatives) > 1 or _may_bound(callee):
        return False
    if callee.facts.kind is FunctionKind.CLASS:
        init = callee.inherited("__init__")
        return bool(_reaching_attributes(callee)) or (init is not None and _hands_on(init))
    return callee.facts.kind is FunctionKind.DEF and _hands_on(callee)


def _hands_on(view: FunctionView) -> bool:
    return bool(_reaching(view)) or _hidden(view, MAX_HOPS) is not None


def _endless_calls(call: CallSite) -> list[Endless]:
    callee = call.callee
    if callee is None or not _lets(callee):
        return []
    if callee.facts.kind is FunctionKind.CLASS:
        found = _endless_objects(call, callee)
        init = callee.inherited("__init__")
        return found if init is None else [*found, *_endless(call, init)]
    return _endless(call, callee)


def _endless(call: CallSite, callee: FunctionView) -> list[Endless]:
    found = []
    reaching = _reaching(callee)
    for param, argument in matched(call, callee) if reaching else ():
        if param.name in reaching:
            chain, api = reaching[param.name]
            value = _value(call, callee, param, argument)
            if value is None or not _is_endless(value, api) or _is_scoped(call, api, chain):
                continue
            if not _only_asks(call, callee, chain):
                found.append(Endless(param.name, value, argument is not None, chain, api))
    hidden = _hidden(callee, MAX_HOPS)
    if hidden is not None:
        names, (chain, api) = hidden
        argument = call.argument(names)
        value = evaluate(call.fn, argument) if argument is not None and argument >= 0 else None
        if (argument is None or (value is not None and _is_endless(value, api))) and not _is_scoped(call, api):
            found.append(Endless(names[0], value, argument is not None, chain, api))
    return found


def _only_asks(call: CallSite, callee: FunctionView, chain: tuple[CallSite, ...]) -> bool:
    """Whether a call makes a function only ask, and not wait: it gives what the function hands on to the library as
    such (`lock(blocking=False)`)."""
    last = chain[-1]
    if last.fn is not callee:
        return False
    for poll in callee.module.project.catalog.polls(last.target):
        argument = last.argument(poll.keyword, poll.position)
        handed = callee.nodes[argument] if argument is not None and argument >= 0 else None
        name = handed.id if isinstance(handed, Name) else ""
        for param, given in matched(call, callee):
            if param.name == name and given is not None and given >= 0:
                value = evaluate(call.fn, given)
                if value.kind is ValueKind.BOOL and not value.number and "false" in poll.values:
                    return True
    return False


def _may_bound(callee: FunctionView) -> bool:
    """Whether a decorator says by its name that it bounds the function."""
    return any(word in name.lower() for name, _ in callee.decorators for word in ("timeout", "deadline"))


def _is_endless(value: Value, api: Entry) -> bool:
    """Whether a value that reaches a library is one that means forever there, as None does."""
    if value.kind in (ValueKind.NONE, ValueKind.OBJECT):
        return value.kind is ValueKind.NONE
    return bound_of(value, api.forever) is Bound.FOREVER


def _is_scoped(call: CallSite, api: Entry, chain: tuple[CallSite, ...] = ()) -> bool:
    """Whether a scope around a call ends what it waits for in the end: a call that awaits, or those through a client
    that the functions on the way enter, and leave before they return."""
    if isinstance(api, schema.Client):
        enter = chain[-1].fn.nodes[chain[-1].node.parent] if chain and chain[-1].node.parent >= 0 else None
        if not isinstance(enter, Enter) or not enter.is_async or not all(each.fn.is_coroutine for each in chain):
            return False
        return is_bounded(call.fn, call.index)
    return api.mode is schema.Mode.ASYNC and is_bounded(call.fn, call.index)


def _value(call: CallSite, callee: FunctionView, param: Param, argument: int | None) -> Value | None:
    """What a parameter is when its function is called so; None where it is hidden, or has to be given."""
    if argument is None:
        assert callee.parent is not None
        return evaluate(callee.parent, param.default) if param.default >= 0 else None
    return evaluate(call.fn, argument) if argument >= 0 else None


def _endless_objects(call: CallSite, cls: FunctionView) -> list[Endless]:
    """The timeouts that an object is made with, and passes on in its methods, where they are endless."""
    found = []
    for attribute, (chain, api) in _reaching_attributes(cls).items():
        field = field_given(call, cls, attribute)
        if field is not None and _is_endless(field.value, api):
            found.append(Endless(field.param, field.value, field.given, chain, api))
    return found


def matched(call: CallSite, callee: FunctionView) -> list[tuple[Param, int | None]]:
    """The parameters of a callee, each with the argument that a call gives it, as `CallSite.argument` says it."""
    # a method that is called on an instance, a classmethod, or a constructor, is given its first argument
    receiver = call.fn.definition_of(call.receiver) if call.receiver >= 0 else None
    is_bound = bool(callee.self_name) and (
        receiver is None or callee.has_role("classmethod") or call.callee is not callee
    )
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


# --- a parameter


def _reaching(view: FunctionView) -> dict[str, Reached]:
    """The parameters of a function that, being endless, make a call of a library wait forever; looked up once."""
    known = view.module.reaching.get(view.index)
    if known is None:
        found = ((param.name, _reached(view, param.name, MAX_HOPS)) for param in view.facts.params)
        known = view.module.reaching[view.index] = {name: reached for name, reached in found if reached is not None}
    return known


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
    if name not in view.names_read:
        return None
    parents = {view.nodes[index].parent for index in view.names_read[name]}
    if not any(isinstance(view.nodes[parent], (Call, Display)) for parent in parents if parent >= 0):
        return None
    if _is_tested(view, name):
        return None
    return _handed_on(view, name, hops)


def _is_tested(view: FunctionView, name: str) -> bool:
    """Whether a test looks at a name, that of a conditional expression too."""
    tested = {node.value for _, node in view.all_of(Test) if node.kind not in ("and", "or")}
    return any(outer in tested for index in view.names_read[name] for outer in view.outwards(index))


def _handed_on(view: FunctionView, key: str, hops: int) -> Reached | None:
    """The calls through which what is in a place of a function (`timeout`, `self.timeout`) reaches a library's call,
    where it is None."""
    for call, passed in _givings(view).get(key, ()):
        reached = _at_library(call, passed)
        if reached is not None:
            return reached
        callee = call.callee
        if callee is not None and callee.facts.kind is FunctionKind.CLASS:
            callee = callee.inherited("__init__")
        if callee is None or callee.facts.kind is not FunctionKind.DEF or callee is view or _may_bound(callee):
            continue
        for param, argument in matched(call, callee):
            if argument in passed and view.key(argument) == key:
                further = _reached(callee, param.name, hops - 1)
                if further is not None:
                    return (call, *further[0]), further[1]
    return None


def _at_library(call: CallSite, passed: list[int]) -> Reached | None:
    """The call itself, where it is a library's, and would wait forever if what it is given as its timeout is None."""
    catalog = call.fn.module.project.catalog
    api = catalog.api(call.target)
    if api is not None:
        own = call.argument(names_of(api.timeout), api.timeout_position)
        if own in passed and (schema.Value.NONE in api.forever or _is_object(call.fn, own)):
            if judge(call, api, given_none=True).verdict is Verdict.DISABLED:
                return (call,), api
        return None
    client = client_of(call)
    if client is None or client.kind is None or not client.timeout:
        return None
    own = call.argument(names_of(client.timeout), client.timeout_position)
    if own not in passed or not (schema.Value.NONE in client.forever or _is_object(call.fn, own)):
        return None
    return ((call,), client) if not every_call_timed(call) else None


def _givings(view: FunctionView) -> dict[str, list[tuple[CallSite, list[int]]]]:
    """The calls of a function by the places that they are given, each with the arguments that carry it; looked up
    once."""
    known = view.module.givings.get(view.index)
    if known is None:
        known = view.module.givings[view.index] = {}
        for call in view.calls:
            given: dict[str, list[int]] = {}
            for arg in call.node.args:
                if not arg.star and isinstance(view.nodes[arg.value], _CARRYING):
                    for key in dict.fromkeys(_carried(view, arg.value)):
                        given.setdefault(key, []).append(arg.value)
            for key, passed in given.items():
                known.setdefault(key, []).append((call, passed))
    return known


_CARRYING = (Name, Attr, Call, Display)
"""What a place can be, or be carried in."""


def _carried(view: FunctionView, index: int) -> Iterator[str]:
    """The places that an argument is, or carries in a pair or in a timeout object that bounds nothing else."""
    key = view.key(index)
    if key:
        yield key
    index = _local_value(view, index)
    node = view.nodes[index]
    if isinstance(node, Display):
        yield from filter(None, (view.key(item) for item in node.items))
    if not isinstance(node, Call) or len(node.args) != 1:
        return
    call = view.call_at(index)
    assert call is not None
    entry = view.module.project.catalog.timeout_object(call.target)
    if entry is None or schema.Value.NONE not in entry.forever:
        return
    total = call.argument(entry.total, entry.total_position)
    if total is not None and total >= 0 and view.key(total):
        yield view.key(total)


def _local_value(view: FunctionView, index: int) -> int:
    """The value that a local is given by its one assignment; the node itself where there is none."""
    holder, value = view.variable_at(index) or (view, index)
    return value if holder is view else index


def _is_object(view: FunctionView, index: int) -> bool:
    """Whether a node is a timeout object, made here."""
    call = view.call_at(_local_value(view, index))
    return call is not None and view.module.project.catalog.timeout_object(call.target) is not None


def _is_name(view: FunctionView, index: int, name: str) -> bool:
    node = view.nodes[index]
    return isinstance(node, Name) and node.id == name


# --- what an object keeps


def _reaching_attributes(cls: FunctionView) -> dict[str, Reached]:
    """The attributes of a class that its constructor is given, and that, being None, make a call of a library in one of
    its methods wait forever; looked up once."""
    known = cls.module.reaching_attributes.get(cls.index)
    if known is None:
        known = {}
        cls.module.reaching_attributes[cls.index] = known
        given = given_attributes(cls)
        if not given:
            return known
        methods = _methods(cls)
        # one that is looked at anywhere may be replaced there
        looked_at = _tested_attributes(methods)
        for attribute in _read_attributes(methods):
            if attribute in given and attribute not in looked_at:
                reached = _attribute_reached(methods, attribute)
                if reached is not None:
                    known[attribute] = reached
    return known


def _methods(cls: FunctionView) -> list[FunctionView]:
    return [
        method
        for holder in cls.ancestry[0]
        for method in holder.children
        if method.facts.kind is FunctionKind.DEF and method.self_name and not method.has_role("classmethod")
    ]


def _read_attributes(methods: list[FunctionView]) -> list[str]:
    """The attributes of `self` that methods give to calls, in order."""
    found: dict[str, None] = {}
    for method in methods:
        own = method.self_name
        for _, node in method.all_of(Attr):
            if _is_name(method, node.value, own):
                parent = method.nodes[node.parent] if node.parent >= 0 else None
                if isinstance(parent, (Call, Display, Operation)):
                    found[node.attr] = None
    return list(found)


def _tested_attributes(methods: list[FunctionView]) -> set[str]:
    """The attributes of `self` that a test in a method reads."""
    return {
        inner.attr
        for method in methods
        for _, node in method.all_of(Test)
        for inner in (method.nodes[at] for at in method.operands_within(node.value))
        if isinstance(inner, Attr) and _is_name(method, inner.value, method.self_name)
    }


def _attribute_reached(methods: list[FunctionView], attribute: str) -> Reached | None:
    for method in methods:
        if method.facts.is_generator or method.name == "__init__":
            continue
        reached = _handed_on(method, f"{method.self_name}.{attribute}", MAX_HOPS)
        if reached is not None:
            return reached
    return None


# --- what is left out of `**kwargs`


def _hidden(view: FunctionView, hops: int) -> Hidden | None:
    """Where a function hands its `**kwargs` to a library's call that waits forever with nothing in them; looked up
    once."""
    known = view.module.hidden
    key = (view.index, hops)
    if key not in known:
        known[key] = _look_into(view, hops)
    return known[key]


def _look_into(view: FunctionView, hops: int) -> Hidden | None:
    name = next((param.name for param in view.facts.params if param.kind is ParamKind.VAR_KEYWORD), "")
    if hops <= 0 or not name or view.facts.bound.get(name) != [-1] or view.facts.is_generator:
        return None
    found = None
    keys: set[str] = set()
    for user, index in view.reads(name):
        node = user.nodes[index]
        parent = user.nodes[node.parent] if node.parent >= 0 else None
        if user is view and isinstance(parent, Call) and any(a.value == index and a.star == 2 for a in parent.args):
            found = found or _left_out(view, node.parent, index, hops)
            continue
        key = _key_read(user, index)
        if not key:
            return None
        keys.add(key)
    return None if found is None or keys & set(found[0]) else found


def _key_read(view: FunctionView, index: int) -> str:
    """The one key that is looked up in a dict, or set, by a method that takes it first; "" where it is not known, or
    something else is done."""
    node = view.nodes[index]
    attr = view.nodes[node.parent] if node.parent >= 0 else None
    call = view.call_at(attr.parent) if isinstance(attr, Attr) else None
    key = view.nodes[call.positional[0]] if call is not None and call.positional else None
    return key.value if isinstance(key, Const) and isinstance(key.value, str) else ""


def _left_out(view: FunctionView, at: int, kwargs: int, hops: int) -> Hidden | None:
    """What a call waits for, with nothing in the `**kwargs` that it is handed."""
    call = view.call_at(at)
    assert call is not None
    node = call.node
    rest = [arg for arg in node.args if arg.value != kwargs]
    bare = type(call)(view, at, Call(node.start, node.end, node.parent, node.func, rest, node.close))
    api = view.module.project.catalog.api(call.target)
    if api is not None:
        names = names_of(api.timeout)
        if not names or any(arg.star for arg in rest) or judge(bare, api).verdict is not Verdict.UNTIMED:
            return None
        return names, ((call,), api)
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.DEF or callee is view or _may_bound(callee):
        return None
    if len(callee.alternatives) > 1:
        return None
    for param, argument in matched(bare, callee):
        reached = _reached(callee, param.name, hops - 1) if argument is None else None
        value = _value(bare, callee, param, None) if reached is not None else None
        if reached is not None and value is not None and _is_endless(value, reached[1]):
            return (param.name,), ((call, *reached[0]), reached[1])
    further = _hidden(callee, hops - 1)
    if further is None or bare.argument(further[0]) is not None:
        return None
    return further[0], ((call, *further[1][0]), further[1][1])
