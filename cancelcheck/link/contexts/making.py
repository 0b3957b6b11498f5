"""Contexts that are made anew: a fresh token or scope that is given to a callee, and that no one further out can
cancel."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.contexts.deriving import Derived
from cancelcheck.link.contexts.parameters import NAMES, Carrier, carriers, is_carrying_type, is_plainly_one, same_kind
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.model.facts import Attr, Call, FunctionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Fresh(NamedTuple):
    """A context that a function makes and gives to a callee: the call that makes it, the one that is given it, and the
    callee's parameter."""

    made: CallSite
    given_to: CallSite
    slot: Carrier


def fresh_contexts(view: FunctionView) -> Iterator[Fresh]:
    """The contexts that a function makes and gives to a callee as they are, directly or through a local, in order. What
    is made from another one, is linked to it, or is entered here has a parent."""
    for call in view.calls:
        callee = call.callee
        if callee is not None and callee.facts.kind is FunctionKind.CLASS:
            callee = callee.inherited("__init__")
        if callee is None or callee.facts.kind is not FunctionKind.DEF or callee is view:
            continue
        slots = [slot for slot in carriers(callee) if not slot.is_time and is_plainly_one(callee, slot)]
        if not slots:
            continue
        given = {param.name: argument for param, argument in matched(call, callee)}
        for slot in slots:
            argument = given.get(slot.name)
            made = _made(view, argument) if argument is not None and argument >= 0 else None
            if made is not None and _makes(made, slot):
                yield Fresh(made, call, slot)


def _made(view: FunctionView, index: int) -> CallSite | None:
    """The call that makes what is given: itself, or what the one assignment of a local is, where nothing else is done
    with it that could give it a parent."""
    call = view.call_at(index)
    if call is not None:
        return call if not call.node.args else None
    call = view.call_at(view.local_value(index))
    if call is None or call.node.args:
        return None
    for reader, at in view.reads(view.key(index)):
        use = reader.use(at)
        if use.kind in ("entered", "stored", "returned", "yielded", "element"):
            return None
        if use.kind == "receiver" and not _only_stops(reader, use.node):
            return None
    return call


_STOPPING = ("cancel", "set", "is_set", "cancelled", "is_cancelled", "done", "cancel_called")
"""Members of a context that end it or ask about it, and link it to nothing."""


def _only_stops(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Attr) and node.attr in _STOPPING


def _makes(made: CallSite, slot: Carrier) -> bool:
    """Whether a call makes what a parameter takes: its own class, or the catalogue's type."""
    callee = made.callee
    if not slot.type:
        return _is_context(made, slot.name)
    if callee is not None and callee.facts.kind is FunctionKind.CLASS:
        return callee is slot.cls or (slot.cls is not None and slot.cls in callee.ancestry[0])
    return bool(made.target) and slot.cls is None and made.target == slot.type


def _is_context(made: CallSite, name: str) -> bool:
    """Whether a call makes what a parameter of this name takes, of which nothing says the type: a context by its own
    type, or of a type that is one where it is called so."""
    cls = made.callee
    if cls is not None:
        return cls.facts.kind is FunctionKind.CLASS and is_carrying_type(made.fn, cls.qualname, cls)
    entry = made.fn.module.project.catalog.carrier(made.target)
    return entry is not None and (not entry.named or name in NAMES)


MAX_HOPS = 3
"""Functions further on in which a fresh context is looked for."""


class Remade(NamedTuple):
    """A fresh context some calls further on: the calls that lead to the function that makes it, and how it does."""

    chain: tuple[CallSite, ...]
    fresh: Fresh


def remade_behind(call: CallSite, carrier: Carrier) -> Remade | None:
    """Where a call leads, through functions that take no context of a kind, to one that makes its own: by the shortest
    chain, the same one every time."""
    body = _body(call)
    if body is None or body is call.fn:
        return None
    kept = body.module.remade
    key = (body.index, carrier.type or carrier.name)
    if key not in kept:
        kept[key] = _remade_in(body, carrier)
    found = kept[key]
    return found._replace(chain=(call, *found.chain)) if found is not None else None


def _remade_in(first: FunctionView, carrier: Carrier) -> Remade | None:
    pending: deque[tuple[FunctionView, tuple[CallSite, ...]]] = deque([(first, ())])
    seen = {first}
    while pending:
        body, chain = pending.popleft()
        if any(same_kind(carrier, other) for other in carriers(body)):
            continue
        for fresh in fresh_contexts(body):
            if same_kind(carrier, fresh.slot):
                return Remade(chain, fresh)
        if len(chain) + 1 >= MAX_HOPS:
            continue
        for inner in body.calls:
            further = _body(inner)
            if further is not None and further not in seen:
                seen.add(further)
                pending.append((further, (*chain, inner)))
    return None


def _body(call: CallSite) -> FunctionView | None:
    """The function of the project that a call runs, one way or another within it."""
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.DEF or len(callee.alternatives) > 1:
        return None
    parent = call.fn.node_at(call.node.parent)
    if callee.is_coroutine and not call.is_awaited and not isinstance(parent, Call):
        return None
    return None if callee.facts.is_stub or callee.decorators else callee


def detached(view: FunctionView) -> Iterator[tuple[Fresh, Carrier]]:
    """The fresh contexts that a function gives to its callees although it was given one of the same kind."""
    own = [
        carrier
        for carrier in carriers(view)
        if not carrier.is_time and not carrier.name.startswith("_") and is_plainly_one(view, carrier)
    ]
    if not own:
        return
    derived: dict[str, Derived] = {}
    for fresh in fresh_contexts(view):
        fitting = [carrier for carrier in own if same_kind(carrier, fresh.slot)]
        if len(fitting) != 1:
            continue
        carrier = fitting[0]
        if carrier.name not in derived:
            derived[carrier.name] = Derived(view, carrier.name)
        known = derived[carrier.name]
        if view.block_of(fresh.made.index) in known.reached and not known.is_given_to(fresh.given_to):
            yield fresh, carrier
