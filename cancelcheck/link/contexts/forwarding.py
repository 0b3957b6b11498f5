"""Contexts that end where they should go on: a function has one, calls what takes one of the same kind, and does not
pass it.

As narrow as C#'s CA2016: one parameter of a kind, one slot of that kind, and nothing that may carry it in another way.
An explicit None is somebody's choice, and so is everything that is made from the parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.contexts.deriving import Derived, is_held_in, meets_later
from cancelcheck.link.contexts.making import Remade, remade_behind
from cancelcheck.link.contexts.parameters import Carrier, carriers, is_plainly_one, same_kind
from cancelcheck.link.lazily import remembered
from cancelcheck.link.loops.polling import is_poll
from cancelcheck.link.paths.conditions import are_apart
from cancelcheck.link.paths.flow import always_raises
from cancelcheck.link.paths.scopes import bound_of_scope, is_bounded, is_shield, references, scopes_around
from cancelcheck.link.timeouts.passing import endless_calls, matched
from cancelcheck.link.timeouts.waits import Verdict, judge
from cancelcheck.link.values import Bound, ValueKind, bound_of, evaluate
from cancelcheck.model.facts import (
    AnyNode,
    Comprehension,
    FunctionKind,
    Operation,
    ParamKind,
    Raise,
    RegionKind,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Unforwarded(NamedTuple):
    """A call that is not given the context of the function around it.

    `slot` is the keyword that would take it, "" where there is none; `chain` the calls through which it would reach
    what waits, the library's last, or those that lead to one that makes a context of its own, which is then `made`.
    `waits`: without it the call may wait forever; `ends`: it ends by a number that is written as the default.
    `mirrored`: that number is the function's own default too, and nothing reads the parameter. `doubt`: it is worth a
    look, and no more.
    """

    call: CallSite
    carrier: Carrier
    slot: str
    chain: tuple[CallSite, ...] = ()
    waits: bool = False
    doubt: bool = False
    made: CallSite | None = None
    ends: bool = False
    mirrored: bool = False


def unforwarded(view: FunctionView) -> tuple[Unforwarded, ...]:
    """The calls of a function that could take its context and are not given it, in order; looked up once."""
    return view.once(view.module.unforwarded, _unforwarded)


def speaks_at(call: CallSite, *, doubt: bool = False) -> bool:
    """Whether a call is reported for the context that it is not given, by default or with `doubt` at all: what else is
    missing there is that one."""
    fn = call.fn
    spoken = remembered(fn.module.spoken, fn.index, lambda: {each.call.index: each.doubt for each in unforwarded(fn)})
    judged = spoken.get(call.index)
    return judged is not None and (doubt or not judged)


def is_given_instead(found: Unforwarded) -> bool:
    """Whether the other arm of a condition makes the same call with the context: whoever wrote both has chosen."""
    fn = found.call.fn
    return any(
        other.target == found.call.target
        and any(fn.key(arg.value) == found.carrier.name for arg in other.node.args)
        and are_apart(fn, found.call.index, other.index)
        for other in fn.calls
    )


def _unforwarded(view: FunctionView) -> Iterator[Unforwarded]:
    own = _contexts(view)
    lent = [carrier for carrier in _lent(view) if not any(same_kind(carrier, other) for other in own)]
    alone = [one for one in own if sum(same_kind(one, other) for other in own) == 1] + lent
    if view.uses_locals:
        return
    derived: dict[str, Derived] = {}
    found: list[tuple[CallSite, Carrier, _Slot | None, Remade | None]] = []
    for call in view.calls:
        for carrier in alone:
            slot = _slot(call, carrier)
            remade = remade_behind(call, carrier) if slot is None and is_plainly_one(view, carrier) else None
            if slot is not None or remade is not None:
                made_of_it = remembered(derived, carrier.name, partial(Derived, view, carrier.name))
                if not _may_carry(call, made_of_it) and not _is_aside(call):
                    found.append((call, carrier, slot, remade))
    for call, carrier, slot, remade in found:
        if remade is not None:
            yield Unforwarded(call, carrier, "", remade.chain[1:], made=remade.fresh.made)
        elif slot is not None:
            judged = _judged(call, carrier, slot, derived[carrier.name], [each[0] for each in found])
            if judged is None:
                continue
            if not is_plainly_one(view, carrier):
                judged = judged._replace(doubt=True)
            if not (carrier in lent and judged.doubt):
                yield judged


def _contexts(view: FunctionView) -> list[Carrier]:
    """The parameters of a function that are contexts, and are meant to be used."""
    return [carrier for carrier in carriers(view) if not carrier.name.startswith("_")]


def _lent(view: FunctionView) -> Iterator[Carrier]:
    """The contexts of the function around that one in it works under: it is only called, on the spot, and nothing
    bounds these calls."""
    parent = view.parent
    if parent is None or view.facts.is_generator or view.decorators:
        return
    held = [one for one in _contexts(parent) if one.name not in view.facts.bound]
    held = [one for one in held if sum(same_kind(one, other) for other in _contexts(parent)) == 1]
    if not held or parent.uses_locals or parent.facts.is_generator:
        return
    calls: list[CallSite] = []
    for user, call in references(view):
        if call is None or user is not parent or call.is_awaited is not view.is_coroutine or _is_aside(call):
            return
        calls.append(call)
    for carrier in held if calls else ():
        derived = Derived(parent, carrier.name)
        if derived.is_measured or any(_is_scoped(call) or _bounds(call, derived) for call in calls):
            continue
        yield carrier


def _bounds(call: CallSite, derived: Derived) -> bool:
    """Whether a call of a function inside is bounded by a parameter, or made where there is none. That the function
    inside reads it, which makes it one of the places that carry it, is no matter here."""
    return (
        call.fn.block_of(call.index) not in derived.reached
        or any(derived.is_in(arg.value) for arg in call.node.args)
        or is_held_in(derived, call.index)
        or meets_later(derived, call.index)
    )


class _Slot(NamedTuple):
    """Where a call could take a context: the keyword, the callee's own parameter, or the library's entry."""

    keyword: str
    callee: FunctionView | None = None
    carrier: Carrier | None = None
    api: schema.Api | None = None


def _slot(call: CallSite, carrier: Carrier) -> _Slot | None:
    """Where a call takes a context of this kind, and is surely not given it; None where it takes none, or several."""
    callee = call.callee
    if callee is None:
        return _library_slot(call, carrier)
    if callee.facts.kind is FunctionKind.CLASS:
        callee = callee.inherited("__init__")
    if callee is None or callee.facts.kind is not FunctionKind.DEF or callee is call.fn or _is_same(call.fn, callee):
        return None
    if len(callee.alternatives) > 1 or (callee.decorators and not _keeps_signature(callee)):
        return None
    if carrier.is_time and callee.name.lstrip("_").startswith(_SETTING):
        return None  # the value that is set back
    fitting = [other for other in carriers(callee) if same_kind(carrier, other)]
    if len(fitting) != 1 or fitting[0].name.startswith("_"):
        return None
    slot = fitting[0]
    # one that nobody reads there would end there too
    if slot.param.default < 0 or not (callee.facts.is_stub or callee.reads(slot.name)):
        return None
    argument = next((given for param, given in matched(call, callee) if param is slot.param), -1)
    if argument is not None:
        return None
    keyword = "" if slot.param.kind is ParamKind.POSITIONAL_ONLY else slot.name
    return _Slot(keyword, callee, slot)


_SETTING = ("set_", "reset")
"""How the names of functions begin that wait for nothing, and keep what they are given."""


def _is_same(view: FunctionView, callee: FunctionView) -> bool:
    """Whether a function calls itself by way of a name that its class, or a subclass, gives it: recursion."""
    return view.owner is not None and callee.owner is not None and callee.qualname == view.qualname


def _keeps_signature(callee: FunctionView) -> bool:
    """Whether the decorators of a function leave its parameters as they are."""
    catalog = callee.module.project.catalog
    return all(catalog.decorator(name) in _PLAIN for name, _ in callee.decorators)


_PLAIN = ("staticmethod", "classmethod", "abstract", "override", "contextmanager", "route", "task")


def _library_slot(call: CallSite, carrier: Carrier) -> _Slot | None:
    """The timeout of a library's call that waits forever without one."""
    if not carrier.is_time:
        return None
    api = call.fn.module.project.catalog.api(call.target)
    names = names_of(api.timeout) if api is not None else ()
    if api is None or not names or names[0] != carrier.name or api.unit is not schema.Unit.SECONDS:
        return None
    if judge(call, api).verdict is not Verdict.UNTIMED or _only_asks(call):
        return None
    return _Slot(names[0], api=api)


def _only_asks(call: CallSite) -> bool:
    """Whether a call does not wait, or takes a lock, which is held for a moment as a rule."""
    catalog = call.fn.module.project.catalog
    if any(is_poll(call, entry) and not entry.named for entry in catalog.polls(call.target)):
        return True
    owner, _, member = call.target.rpartition(".")
    lock = catalog.lock(owner)
    return lock is not None and member in lock.acquire


def _may_carry(call: CallSite, derived: Derived) -> bool:
    """Whether something else may bring the parameter to what is called, or bound it by it: an argument or the receiver
    made from it, a `with` around it, a wait for its result; or no path leads there on which it is given."""
    return (
        call.fn.block_of(call.index) not in derived.reached
        or derived.is_given_to(call)
        or is_held_in(derived, call.index)
        or meets_later(derived, call.index)
    )


_ASIDE = (RegionKind.HANDLER, RegionKind.FINALLY)


def _is_aside(call: CallSite) -> bool:
    """Whether a call cleans up, or is made for a `raise`: it has a time of its own."""
    view = call.fn
    if any(view.regions[region].kind in _ASIDE for region in view.regions_around(call.index)):
        return True
    if any(is_shield(*found) for found in scopes_around(view, call.index)):
        return True
    return any(isinstance(view.nodes[outer], Raise) for outer in view.outwards(call.index))


def _judged(
    call: CallSite, carrier: Carrier, slot: _Slot, derived: Derived, candidates: list[CallSite]
) -> Unforwarded | None:
    """What a call that is not given a context comes to; None where that is right."""
    if slot.api is not None:
        if _is_scoped(call) or derived.is_measured:
            return None
        # one thread waits for another by design as often as not
        reads = call.fn.reads(carrier.name)
        doubt = slot.api.kind in _INSIDE and bool(reads)
        if doubt and any(user is not call.fn for user, _ in reads):
            return None  # a function inside keeps it in its own way
        if _sets_timer(derived):
            return None
        doubt |= call.fn.name == "__init__" and any(
            place.startswith(f"{call.fn.self_name}.") for place in derived.places
        )
        return Unforwarded(call, carrier, slot.keyword, waits=True, doubt=doubt)
    assert slot.callee is not None
    assert slot.carrier is not None
    own = _own_default(slot.callee, slot.carrier)
    unread = len(candidates) == 1 and not call.fn.reads(carrier.name)
    if carrier.name == _DURATION:
        if _is_scoped(call) or derived.is_measured:
            return None
        for endless in endless_calls(call):
            if endless.param == slot.keyword and not endless.given:
                doubt = _waits_inside(endless.chain[-1]) and bool(call.fn.reads(carrier.name))
                return Unforwarded(call, carrier, slot.keyword, endless.chain, True, doubt)
        # what has an end of its own is a matter of when, and what hands it on out of sight is not known
        ends = own and _ends(slot.callee, slot.carrier)
        lost = ends and not _is_for_subclasses(slot.callee) and _is_lost(call, carrier.name, candidates)
        if lost and _takes_after(call, slot.callee, carrier):
            return Unforwarded(call, carrier, slot.keyword)
        default = _default_number(call.fn, carrier)
        mirrored = lost and default is not None and default == _default_number(slot.callee, slot.carrier)
        found = Unforwarded(call, carrier, slot.keyword, doubt=own, ends=ends, mirrored=mirrored)
        return found if own or unread else None
    if carrier.is_time and own:
        return Unforwarded(call, carrier, slot.keyword, doubt=True) if unread else None
    if carrier.type.rpartition(".")[2] == _SCOPE and _is_in_scope(call):
        return None
    return Unforwarded(call, carrier, slot.keyword)


_INSIDE = frozenset({schema.Kind.THREAD, schema.Kind.QUEUE, schema.Kind.TASK})
"""Kinds of waits for other parts of the same program."""


def _waits_inside(call: CallSite) -> bool:
    api = call.fn.module.project.catalog.api(call.target)
    return api is not None and api.kind in _INSIDE


_DURATION = "timeout"
"""The name of a length of time. It need not be passed to all that takes one: what is at stake is whether the wait ends.
A point in time, or an object, is right for everything that takes one."""

_SCOPE = "CancelScope"
"""What is a context for all that runs inside it, passed or not."""


def _sets_timer(derived: Derived) -> bool:
    """Whether the function has something called once the time is over: that ends what it waits for."""
    catalog = derived.view.module.project.catalog
    for call in derived.view.calls:
        if catalog.callback(call.target) is None:
            continue
        given = [call.argument(entry.keyword, entry.position) for entry in catalog.durations(call.target)]
        if any(at is not None and at >= 0 and derived.is_in(at) for at in given):
            return True
    return False


def _is_for_subclasses(callee: FunctionView) -> bool:
    """Whether what runs is a subclass's, which need not take the same."""
    return callee.facts.is_stub or callee.has_role("abstract") or always_raises(callee)


def _takes_after(call: CallSite, callee: FunctionView, carrier: Carrier) -> bool:
    """Whether more is lost than a time: other ways through the function read it, what is called is what the function
    overrides, or the function takes another parameter of the callee by its name and passes on neither."""
    view = call.fn
    if view.reads(carrier.name):
        return True
    if view.owner is not None and callee.owner is not None and callee.name == view.name:
        return callee.owner in view.owner.ancestry[0]
    given = {param.name for param, argument in matched(call, callee) if argument is not None}
    own = {param.name for param in view.facts.params if not param.name.startswith("_") and not view.reads(param.name)}
    return any(
        param.name in own and param.name not in given and param.default >= 0 and bool(callee.reads(param.name))
        for param in callee.facts.params
        if param.name != carrier.name
    )


def _default_number(view: FunctionView, carrier: Carrier) -> float | None:
    """The number that a function has for a parameter that is left out; None for anything else."""
    if view.parent is None or carrier.param.default < 0:
        return None
    value = evaluate(view.parent, carrier.param.default)
    return value.number if value.kind is ValueKind.NUMBER else None


def _is_lost(call: CallSite, name: str, candidates: list[CallSite]) -> bool:
    """Whether on no way through a call anything reads a parameter, and nothing else there could take it."""
    view = call.fn
    reads = view.reads(name)
    if any(user is not view for user, _ in reads):
        return False
    here = view.block_of(call.index)
    others = {view.block_of(at) for _, at in reads}
    others |= {view.block_of(other.index) for other in candidates if other is not call}
    return not any(here == other or _leads(view, here, other) or _leads(view, other, here) for other in others)


def _leads(view: FunctionView, start: int, end: int) -> bool:
    """Whether a path leads from one block to another."""
    seen: set[int] = set()
    pending = [start]
    while pending:
        block = view.blocks[pending.pop()]
        for target in (*block.next, block.on_error):
            if target == end:
                return True
            if target >= 0 and target not in seen:
                seen.add(target)
                pending.append(target)
    return False


def _ends(callee: FunctionView, carrier: Carrier) -> bool:
    """Whether a function's default for its parameter is a time that ends."""
    parent = callee.parent
    assert parent is not None
    return bound_of(evaluate(parent, carrier.param.default), (schema.Value.NONE, schema.Value.INFINITY)) is Bound.FINITE


def _own_default(callee: FunctionView, carrier: Carrier) -> bool:
    """Whether a function has an end of its own where its parameter is left out: a default that is not None, or what it
    puts in None's place."""
    parent = callee.parent
    assert parent is not None
    if evaluate(parent, carrier.param.default).kind is not ValueKind.NONE:
        return True
    return any(
        isinstance(node := callee.nodes[outer], Test) or (isinstance(node, Operation) and node.op in _LOOKS)
        for at in callee.names_read.get(carrier.name, ())
        for outer in callee.outwards(at)
    )


_LOOKS = ("or", "and", "if", "is", "is not", "not", "==", "!=")


def _is_scoped(call: CallSite) -> bool:
    """Whether a scope around a call may end it."""
    if is_bounded(call.fn, call.index):
        return True
    return call.fn.is_async and _is_in_scope(call)


def _is_in_scope(call: CallSite) -> bool:
    return any(bound_of_scope(*found) is not Bound.FOREVER for found in scopes_around(call.fn, call.index))


def _given(call: CallSite) -> list[AnyNode]:
    return [call.fn.nodes[arg.value] for arg in call.node.args]


def forwarding_edit(found: Unforwarded) -> tuple[int, int, str] | None:
    """The edit that passes the context by its keyword; None where that cannot be done."""
    call = found.call
    holder = call.fn if found.carrier.name in call.fn.facts.bound else call.fn.parent
    if not found.slot or found.doubt or holder is None or holder.facts.bound.get(found.carrier.name) != [-1]:
        return None
    text = call.fn.module.source.text
    given = f"{found.slot}={found.carrier.name}"
    if any(isinstance(node, Comprehension) and node.kind == "generator" for node in _given(call)):
        return None  # a bare one has to be alone
    arguments = [node.end for node in _given(call)]
    if not arguments:
        return (call.node.close, call.node.close, given)
    # behind the last argument, whose own parentheses, a comma, comments may follow
    rest = text[max(arguments) : call.node.close]
    plain = rest.strip()
    if plain not in ("", ","):
        return None
    if plain == "":
        return (max(arguments), max(arguments), f", {given}")
    comma = max(arguments) + rest.index(",") + 1
    before = text[text.rfind("\n", 0, comma) + 1 : comma]
    if "\n" in rest:
        indent = before[: len(before) - len(before.lstrip())]
        return (comma, comma, f"\n{indent}{given},")
    return (comma, comma, f" {given},")
