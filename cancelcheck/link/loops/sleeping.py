"""Loops that sleep between two looks at something that another part of the program changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.loops.polling import busy_poll, is_poll, polling_turn, polls_by_loop
from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.link.paths.flow import branch_of, clauses, turn, turning_blocks
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Const,
    Display,
    Iterate,
    Name,
    Operation,
    RegionKind,
    Store,
    StoreAttr,
    StoreItem,
    Subscript,
    Test,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class SleepPoll(NamedTuple):
    """A loop, what it looks at (a node), and the sleep; `is_spin`: it sleeps for no time at all."""

    loop: int
    watched: int
    sleep: CallSite
    is_spin: bool


def sleep_polls(view: FunctionView) -> Iterator[SleepPoll]:
    """The loops that sleep for a fixed time until something in this process changes: those that do nothing else, and
    those with a turn on which there was nothing to do. Not those that never sleep on such a turn."""
    for loop, calls in sorted(_sleeps_by_loop(view).items()):
        region = view.regions[loop]
        polls = polls_by_loop(view).get(loop, [])
        if region.kind is not RegionKind.LOOP or busy_poll(view, loop, polls):
            continue
        fixed = _FixedSleeps(view, loop, calls)
        found = fixed.not_yet(polls) or fixed.whole() or fixed.idle()
        if found is None:
            continue
        watched, sleep = found
        spins = _is_zero(sleep)
        # a few turns of the event loop, to let it settle, burn nothing
        if not (spins and isinstance(view.nodes[region.node], Iterate)):
            yield SleepPoll(loop, watched, sleep, spins)


def _sleeps_by_loop(view: FunctionView) -> dict[int, list[CallSite]]:
    """The sleeps of a function, by the loop that they stand in directly."""
    found: dict[int, list[CallSite]] = {}
    for call in view.told_calls:
        api = view.module.project.catalog.api(call.target)
        if api is None or api.kind is not schema.Kind.SLEEP:
            continue
        if api.mode is schema.Mode.ASYNC and not call.is_awaited:
            continue
        for loop in islice(view.loops_around(call.index), 1):
            found.setdefault(loop, []).append(call)
    return found


def _duration(call: CallSite) -> int | None:
    api = call.fn.module.project.catalog.api(call.target)
    assert api is not None
    return call.argument(api.timeout, api.timeout_position)


def _is_zero(call: CallSite) -> bool:
    duration = _duration(call)
    value = evaluate(call.fn, duration) if duration is not None else None
    return value is not None and value.kind is ValueKind.NUMBER and value.number == 0


class _FixedSleeps:
    """A loop and the sleeps in it that last equally long each time."""

    def __init__(self, view: FunctionView, loop: int, calls: list[CallSite]) -> None:
        self.view = view
        self.loop = loop
        self.inside = list(view.nodes_in(loop))
        self.changed = _changed(view, self.inside)
        self.calls = [call for call in calls if self._is_fixed(call)]
        self.nodes = {index for call in self.calls for index in (call.index, call.node.parent)}
        self.turning = turning_blocks(view, loop)

    def _is_fixed(self, call: CallSite) -> bool:
        given = _duration(call)
        if given is None:
            return True
        return isinstance(self.view.node_at(given), (Name, Attr, Const)) and self.view.key(given) not in self.changed

    # --- the three forms

    def not_yet(self, polls: list[tuple[CallSite, schema.Poll]]) -> tuple[int, CallSite] | None:
        """A turn through a poll's "not yet" that does nothing but sleep. A state that is asked is looked at like any
        other."""
        for call, poll in polls:
            if poll.state:
                continue
            path = polling_turn(self.view, self.loop, call, poll, frozenset(self.nodes)) or ()
            sleep = self._first_on(path)
            if sleep is not None and self._only_asks(path, call, poll):
                return call.index, sleep
        return None

    def _only_asks(self, path: tuple[int, ...], call: CallSite, poll: schema.Poll) -> bool:
        """Whether a turn does nothing beside the question and the sleep."""
        asking = self.view.block_of(call.index)
        asked = {call.index, call.node.parent}
        for at in path:
            block = self.view.blocks[at]
            # what follows the question is passed over where "not yet" is an exception
            end = call.index if poll.raises and at == asking else block.end
            if not all(index in asked or self._is_quiet(index) for index in range(block.start, end)):
                return False
        return True

    def whole(self) -> tuple[int, CallSite] | None:
        """A loop that does nothing but sleep until what decides about leaving it changes."""
        header = self.view.nodes[self.view.regions[self.loop].node]
        if isinstance(header, Iterate) and not self._counts(header):
            return None
        sleep = next((call for call in self.calls if self._turns(call.index)), None)
        if sleep is None or not all(self._is_quiet(index) for index in self.inside if self._turns(index)):
            return None
        for index in self.inside:
            if isinstance(self.view.nodes[index], Test) and self._turns(index) and self._leaves(index):
                watched = self._watched(index)
                if watched >= 0:
                    return watched, sleep
        return None

    def idle(self) -> tuple[int, CallSite] | None:
        """A turn on which a test says that there is nothing to do, and the loop only sleeps."""
        for call in self.calls:
            test = self._test_of(call.index)
            watched = self._watched(test) if test >= 0 else -1
            if watched >= 0 and turn(self.view, self.loop, call.index, [], lambda index: not self._is_quiet(index)):
                return watched, call
        return None

    # --- what lies on a turn

    def _turns(self, index: int) -> bool:
        return self.view.block_of(index) in self.turning

    def _first_on(self, path: tuple[int, ...]) -> CallSite | None:
        blocks = set(path)
        return next((call for call in self.calls if self.view.block_of(call.index) in blocks), None)

    def _leaves(self, test: int) -> bool:
        """Whether one side of a test leaves the loop."""
        block = self.view.blocks[self.view.block_of(test)]
        return any(target not in self.turning for target in block.next)

    def _test_of(self, index: int) -> int:
        """The test of the innermost `if` of the loop whose arm a node stands in; -1 where it stands in none."""
        for region in self.view.regions_around(index):
            if region == self.loop:
                return -1
            facts = self.view.regions[region]
            if facts.kind is RegionKind.BRANCH:
                return self._test_before(facts.entry)
        return -1

    def _test_before(self, block: int) -> int:
        """The test that decides whether a path comes to a block; blocks with nothing in them may lie between."""
        before = self.view.came_from[block][0]
        test, _ = branch_of(self.view, before)
        return test if test >= 0 else self._test_before(before)

    def _counts(self, header: Iterate) -> bool:
        call = self.view.call_at(header.iterable)
        return not header.is_async and call is not None and call.target in _COUNTERS

    def _is_quiet(self, index: int) -> bool:
        """Whether a node does no work: it looks, counts, or sleeps."""
        node = self.view.nodes[index]
        if index in self.nodes:
            return True
        if is_cancellation_point(self.view, index) or isinstance(node, (Await, Yield, StoreItem)):
            return False
        call = self.view.call_at(index)
        return call is None or _only_looks(call)

    # --- what is looked at

    def _watched(self, test: int) -> int:
        """The part of a test that another part of the program changes; -1 if there is none."""
        node = self.view.nodes[test]
        assert isinstance(node, Test)
        if node.kind not in ("if", "while", "ifexp", "and", "or"):
            return -1
        for leaf in clauses(self.view, node.value):
            operands = list(self.view.operands_within(leaf))
            if any(self._is_own(index) or _is_set_by_interrupt(self.view, index) for index in operands):
                continue
            watched = next((index for index in operands if self._is_watched(index, leaf)), -1)
            if watched >= 0:
                return watched
        return -1

    def _is_own(self, index: int) -> bool:
        """Whether a part of a condition depends on the clock, or on what this loop changes."""
        call = self.view.call_at(index)
        if call is not None:
            return self.view.module.project.catalog.clock(call.target) is not None
        return self.view.key(index) in self.changed

    def _is_watched(self, index: int, leaf: int) -> bool:
        view = self.view
        node = view.nodes[index]
        parent = view.user_of(index)
        match node:
            case Call():
                call = view.sites[index]
                return _is_state(call) and not (view.is_async and _is_elsewhere(call))
            case Attr():
                if isinstance(parent, Attr) or (isinstance(parent, Call) and parent.func == index):
                    return False
                return not view.path_of(index) and _is_plain(view, index)
            case Subscript():
                return not view.path_of(node.value)
            case Name():
                return self._is_shared(index, leaf)
        return False

    def _is_shared(self, index: int, leaf: int) -> bool:
        """Whether a name is a variable that another function sets, or a container that the condition asks."""
        view = self.view
        node = view.nodes[index]
        assert isinstance(node, Name)
        scope, nodes = view.bindings(node.id)
        if scope is None:
            return False
        if any(holder is not scope for holder, _ in nodes) or scope.is_set_inside(node.id):
            return True
        if not self._asks_container(index, leaf) and not _is_container(scope, node.id):
            return False
        return scope is not view or _is_handed_out(view, node.id)

    def _asks_container(self, index: int, leaf: int) -> bool:
        """Whether a condition is about what is in a name: `len(x)`, `key in x`."""
        view = self.view
        node = view.nodes[leaf]
        if isinstance(node, Operation) and node.op in ("in", "not in"):
            return node.operands[-1] == index
        parent = view.call_at(view.nodes[index].parent)
        return parent is not None and parent.target == "builtins.len"


_COUNTERS = frozenset({"builtins.range", "itertools.count", "itertools.repeat"})

_LOOKING = frozenset(
    f"builtins.{name}"
    for name in (
        *("len", "any", "all", "isinstance", "issubclass", "getattr", "hasattr", "min", "max", "sum", "abs", "round"),
        *("int", "float", "bool", "str", "repr", "list", "tuple", "set", "dict", "range", "enumerate", "zip", "id"),
    )
)
"""Builtins that look at their arguments and do nothing else."""

_LOG_METHODS = frozenset({"debug", "info", "warning", "error", "log"})


def _only_looks(call: CallSite) -> bool:
    """Whether a call does no work: it reads a state or a clock, computes, or writes a log."""
    catalog = call.fn.module.project.catalog
    if call.target in _LOOKING or call.target.startswith("logging.") or catalog.clock(call.target) is not None:
        return True
    if call.member in _LOG_METHODS:
        return call.fn.key(call.node.func).rpartition(".")[0].lower().endswith(("log", "logger"))
    return _is_state(call)


def _is_state(call: CallSite) -> bool:
    """Whether a call asks for a state, and does not wait."""
    entries = call.fn.module.project.catalog.polls(call.target)
    return any(not entry.raises and is_poll(call, entry) for entry in entries)


def _is_elsewhere(call: CallSite) -> bool:
    """Whether a call asks for the state of another process that no event loop can wait for."""
    return any(entry.elsewhere for entry in call.fn.module.project.catalog.polls(call.target))


def _is_set_by_interrupt(view: FunctionView, index: int) -> bool:
    """Whether a synchronous function reads what a signal's handler of the file sets: it may come in the middle of
    anything, and can do no more in safety than that. (An event loop takes signals itself.)"""
    node = view.nodes[index]
    if view.is_async or not isinstance(node, (Name, Attr)):
        return False
    if isinstance(node, Name):
        scope, bound = view.bindings(node.id)
        setters = {holder for holder, _ in bound if holder is not view}
        setters |= {
            inner
            for inner in view.module.functions
            if node.id in inner.facts.nonlocal_names and inner.bindings(node.id).scope is scope
        }
    else:
        if view.key(node.value) != view.self_name:
            return False
        setters = {
            method
            for method in view.module.functions
            if method.owner is view.owner and f"{method.self_name}.{node.attr}" in method.attributes_stored
        }
    return any(_interrupts(setter) for setter in setters)


def _interrupts(view: FunctionView) -> bool:
    """Whether the file gives a function to a call that has it called in the middle of anything."""
    for user, at in view.module.handed(view.name, of_method=view.owner is not None):
        entry = view.module.project.catalog.callback(user.sites[user.nodes[at].parent].target)
        if entry is not None and entry.interrupts and user.definition_of(at) in (view, None):
            return True
    return False


MAX_HOPS = 3
"""Properties that are followed into each other."""


def _is_plain(view: FunctionView, index: int, hops: int = MAX_HOPS) -> bool:
    """Whether an attribute is read with no work behind it: no property of the project that does some, or reads a
    clock."""
    member = view.definition_of(index)
    if member is None:
        return True
    if not member.has_role("property") or hops == 0:
        return False
    catalog = view.module.project.catalog
    return all(_only_looks(call) and catalog.clock(call.target) is None for call in member.calls) and all(
        _is_plain(member, at, hops - 1) for at, _ in member.all_of(Attr)
    )


def _is_handed_out(view: FunctionView, name: str) -> bool:
    """Whether others can get hold of the container in a local: it came in, a nested function has it, or it is handed
    over, itself or a method of it."""
    if -1 in view.facts.bound.get(name, ()):
        return True
    for reader, at in view.reads(name):
        use = reader.use(at)
        if reader is not view or use.kind in ("stored", "returned", "yielded", "bound", "element"):
            return True
        if use.kind == "argument" and not reader.sites[use.node].target.startswith("builtins."):
            return True
        if use.kind == "receiver":
            parent = reader.user_of(use.node)
            if not (isinstance(parent, Call) and parent.func == use.node):
                return True
    return False


_CONTAINERS = frozenset(
    {"builtins.list", "builtins.dict", "builtins.set", "collections.deque", "collections.OrderedDict"}
)


def _is_container(scope: FunctionView, name: str) -> bool:
    """Whether every value that a name is given is a container that is made there."""
    nodes = scope.facts.bound.get(name, ())
    for at in nodes:
        value = scope.assigned_value(at)
        if value is None:
            return False
        node = scope.nodes[value]
        if isinstance(node, Display):
            if node.kind == "tuple":
                return False
        elif not isinstance(node, Call) or scope.sites[value].target not in _CONTAINERS:
            return False
    return bool(nodes)


def _changed(view: FunctionView, inside: list[int]) -> set[str]:
    """The names and attributes that nodes bind."""
    return {view.key(index) for index in inside if isinstance(view.nodes[index], (Store, StoreAttr))} - {""}
