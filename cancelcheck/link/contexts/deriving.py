"""What of a function is made from one of its parameters: the locals, the attributes and the inner functions that carry
it on, so that whoever is given one of these is given the parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.link.lazily import Lazily
from cancelcheck.link.paths.conditions import conditions
from cancelcheck.link.paths.flow import start_at, steps
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Define,
    Enter,
    FunctionKind,
    Iterate,
    Lambda,
    Name,
    Operation,
    Starred,
    StoreItem,
    Unpack,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Derived:
    """The places of a function that carry one of its parameters, as `FunctionView.key` spells them."""

    def __init__(self, view: FunctionView, name: str) -> None:
        self.view = view
        self.name = name
        self.places: set[str] = set()
        self._holders: set[str] = set()
        reading: dict[str, list[tuple[_Reads, tuple[str, ...]]]] = {}
        for flow in _flows(view):
            for root in flow[0].roots:
                reading.setdefault(root, []).append(flow)
        pending = [name]
        while pending:
            place = pending.pop()
            if place in self.places:
                continue
            self._add(place)
            for reads, targets in reading.get(place.partition(".")[0], ()):
                if not self.places.issuperset(targets) and self._meets(reads):
                    pending += targets

    def _add(self, place: str) -> None:
        self.places.add(place)
        while place:
            self._holders.add(place)
            place = place.rpartition(".")[0]

    def _meets(self, reads: _Reads) -> bool:
        return any(self.is_place(key) for key in reads.keys) or any(self.holds(key) for key in reads.holders)

    def is_place(self, key: str) -> bool:
        """Whether a place carries it: itself, or as a part of one that does."""
        while key:
            if key in self.places:
                return True
            key = key.rpartition(".")[0]
        return False

    def holds(self, key: str) -> bool:
        """Whether what is in a place may have it inside: it carries it, or an attribute of it does."""
        return key in self._holders or self.is_place(key)

    @Lazily
    def reached(self) -> frozenset[int]:
        """The blocks to which a path leads on which it may be given."""
        return blocks_reached_with(self.view, self.name)

    @Lazily
    def is_measured(self) -> bool:
        """Whether the function measures the time that it leaves: it compares it, or what is made from it, or takes
        something off it."""
        return any(
            isinstance(node, Operation)
            and node.op in _ORDERING
            and len(node.operands) == 2
            and any(self.is_in(operand) for operand in node.operands)
            and not any(_is_zero(self.view, operand) for operand in node.operands)
            for node in self.view.nodes
        )

    def is_in(self, index: int) -> bool:
        """Whether the value of a node is made from it."""
        return self._meets(_Reads(self.view, [index]))

    def is_given_to(self, call: CallSite) -> bool:
        """Whether a call is made on something that carries it, or is given such a thing."""
        view = self.view
        func = view.nodes[call.node.func]
        if isinstance(func, Name) and self.is_place(func.id):
            return True
        given = [arg.value for arg in call.node.args]
        if call.receiver >= 0:
            given.append(call.receiver)
            inner = view.call_at(call.receiver)
            if inner is not None and inner.target == "builtins.super" and self.holds(view.self_name):
                return True
        return any(self.holds(view.key(at)) for at in given) or self._meets(_Reads(view, given))


class _Reads:
    """What expressions read: `keys` are the places, `holders` those that a call in them is made on or given, so that
    what they have inside comes into it too."""

    __slots__ = ("holders", "keys")

    def __init__(self, view: FunctionView, indices: list[int]) -> None:
        self.keys: set[str] = set()
        self.holders: set[str] = set()
        for index in indices:
            for at in view.operands_within(index):
                self._read(view, at)

    @property
    def roots(self) -> set[str]:
        """The names that all of these begin with."""
        return {key.partition(".")[0] for key in self.keys | self.holders}

    def _read(self, view: FunctionView, at: int) -> None:
        node = view.nodes[at]
        if isinstance(node, (Name, Attr)):
            self.keys.add(view.key(at))
        elif isinstance(node, Lambda):
            self.keys |= _names_within(view.module.functions[node.function])
        elif isinstance(node, Call):
            func = view.nodes[node.func]
            holders = [func.value] if isinstance(func, Attr) else []
            holders += [arg.value for arg in node.args]
            self.holders |= {view.key(holder) for holder in holders}
        self.keys.discard("")
        self.holders.discard("")


def _names_within(view: FunctionView) -> set[str]:
    """The names that a function reads, those of the functions in it included."""
    found = set(view.names_read)
    for inner in view.children:
        found |= _names_within(inner)
    return found


def _flows(view: FunctionView) -> Iterator[tuple[_Reads, tuple[str, ...]]]:
    """The steps by which values go from place to place in a function: what is read, and where it goes."""
    for index, node in enumerate(view.nodes):
        match node:
            case Assign() if node.value >= 0:
                yield _Reads(view, [node.value]), tuple(_places(view, node.targets))
            case Enter():
                yield _Reads(view, [node.context]), tuple(_places(view, [node.target]))
            case Iterate():
                yield _Reads(view, [node.iterable]), tuple(_places(view, [node.target]))
            case Define():
                reads = _Reads(view, [])
                reads.keys = _names_within(view.module.functions[node.function])
                yield reads, (node.name,)
            case Call():
                func = view.nodes[node.func]
                holder = view.key(func.value) if isinstance(func, Attr) else ""
                if holder and _may_keep(view, index):
                    kept = _Reads(view, [arg.value for arg in node.args])
                    kept.holders |= kept.keys  # with all that is inside it
                    yield kept, (holder,)


def _places(view: FunctionView, targets: list[int]) -> Iterator[str]:
    """The places that targets stand for (-1: none); an item's is that of its container."""
    for index in targets:
        node = view.node_at(index)
        if isinstance(node, (Unpack, Starred)):
            yield from _places(view, node.items if isinstance(node, Unpack) else [node.value])
        elif key := view.key(node.value if isinstance(node, StoreItem) else index):
            yield key


def _may_keep(view: FunctionView, index: int) -> bool:
    """Whether a thing may keep what a method of it is given: `sock.settimeout(timeout)`, `tasks.append(task)`. Not
    where the method is seen and stores nothing, or is a library's that waits."""
    call = view.call_at(index)
    assert call is not None
    catalog = view.module.project.catalog
    if catalog.api(call.target) is not None:
        return False
    if view.path_of(call.receiver) and catalog.has(call.target):
        return False  # a module's own function
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.DEF or callee.facts.is_stub:
        return True
    return bool(callee.attributes_stored)


# --- what is known of it where a call stands


def blocks_reached_with(view: FunctionView, name: str) -> frozenset[int]:
    """The blocks to which a path leads on which a parameter may be given: no test says that it is None, or false."""
    first = start_at(view, 0)
    seen = {first}
    pending = [first]
    while pending:
        place = pending.pop()
        block = view.blocks[place.block]
        barred = _barred(view, place.block, name)
        for target in steps(view, place, errors=True):
            raised = target.block == block.on_error and target.block not in block.next
            if target not in seen and (raised or target.block != barred):
                seen.add(target)
                pending.append(target)
    return frozenset(place.block for place in seen)


def _barred(view: FunctionView, index: int, name: str) -> int:
    """The block to which a test leads only where a parameter is None, or false; -1 if there is none."""
    block = view.blocks[index]
    test = view.test_of(index)
    if test is None:
        return -1
    for branch, target in zip((True, False), block.next, strict=False):
        if any(key == name and positive is not branch for key, positive in conditions(view, test.value, branch)):
            return target
    return -1


_ORDERING = ("<", "<=", ">", ">=", "-")


def _is_zero(view: FunctionView, index: int) -> bool:
    """Whether a node is the number 0: what is compared with it is only looked at for sense."""
    return getattr(view.nodes[index], "value", None) == 0


def is_held_in(derived: Derived, index: int) -> bool:
    """Whether a `with` around a node was made from it: a scope, a timer, a client."""
    view = derived.view
    for region in view.regions_around(index):
        facts = view.regions[region]
        enter = view.node_at(facts.node) if facts.node != index else None
        if isinstance(enter, Enter) and (derived.is_in(enter.context) or derived.holds(view.key(enter.context))):
            return True
    return False


def meets_later(derived: Derived, index: int, steps_left: int = 4) -> bool:
    """Whether what a call gives is waited for together with it: by a call around it that is given both
    (`wait_for(fetch(), timeout)`), or by one that is given the place in which the result is kept."""
    view = derived.view
    at = index
    while True:
        parent, node = view.nodes[at].parent, view.user_of(at)
        if node is None:
            return False
        if isinstance(node, Call):
            others = [
                arg.value for arg in node.args if arg.value != at and (arg.keyword or not _is_for_all(view, parent))
            ]
            func = view.nodes[node.func]
            if isinstance(func, Attr) and func.value != at:
                others.append(func.value)
            if any(derived.is_in(other) or derived.holds(view.key(other)) for other in others):
                return True
            holder = view.key(func.value) if isinstance(func, Attr) else ""
            if _is_local(view, holder) and _place_meets(derived, holder, parent, steps_left):
                return True  # `tasks.append(fetch())`, and the list is waited for
        if isinstance(node, Assign):
            return any(_place_meets(derived, place, parent, steps_left) for place in _places(view, node.targets))
        if isinstance(node, Enter):
            return any(_place_meets(derived, place, parent, steps_left) for place in _places(view, [node.target]))
        at = parent


def _is_for_all(view: FunctionView, index: int) -> bool:
    """Whether a call waits for each of what it is given, so that none of these bounds the others."""
    call = view.call_at(index)
    waiter = view.module.project.catalog.waiter(call.target) if call is not None else None
    return waiter is not None and waiter.many


def _is_local(view: FunctionView, place: str) -> bool:
    """Whether a place is one of the function's own: no module, no global."""
    return place.partition(".")[0] in view.facts.bound


MAX_MENTIONS = 60
"""Mentions of a place that are looked at; where there are more, it is taken to be waited for."""


def _place_meets(derived: Derived, place: str, after: int, steps_left: int) -> bool:
    """Whether what is in a place is waited for, further on, together with it."""
    view = derived.view
    mentions = view.places_read.get(place, [])
    if steps_left == 0:
        return False
    if len(mentions) > MAX_MENTIONS:
        return True
    for index in mentions:
        if index <= after:
            continue
        node = view.nodes[index]
        outer = view.node_at(node.parent)
        call = view.call_at(outer.parent) if isinstance(outer, Attr) else None
        if call is not None and call.node.func == node.parent:
            if any(derived.is_in(arg.value) for arg in call.node.args):
                return True
        elif meets_later(derived, index, steps_left - 1):
            return True
    return False
