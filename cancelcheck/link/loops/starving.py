"""Loops of asynchronous functions with a turn that lets nothing else run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.loops.polling import busy_poll, may_hold_up, polls_by_loop
from cancelcheck.link.paths.checkpoints import may_wait
from cancelcheck.link.paths.conditions import conditions
from cancelcheck.link.paths.exceptions import cancels_in_groups, handlers_of, is_cancellation_point
from cancelcheck.link.paths.flow import always_leaves, branch_of, never_returns, passes, round_trip, turning_blocks
from cancelcheck.model.facts import (
    Attr,
    Await,
    Delete,
    FunctionKind,
    Iterate,
    Name,
    RegionKind,
    Store,
    StoreAttr,
    StoreItem,
    Subscript,
    Test,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Starving(NamedTuple):
    """A loop, the blocks of a turn that lets nothing else run, and the awaits on it that need not wait."""

    loop: int
    path: tuple[int, ...]
    passed: tuple[int, ...]


def starving_loops(view: FunctionView) -> Iterator[Starving]:
    """The loops with no constant bound that have a turn without a checkpoint, on which nothing changes that could end
    them. Those that a poll keeps busy are another rule's, and those that block."""
    if not view.is_async:
        return
    polls = polls_by_loop(view)
    for loop, region in enumerate(view.regions):
        if region.kind is not RegionKind.LOOP:
            continue
        path = starving_turn(view, loop)
        if path is None or busy_poll(view, loop, polls.get(loop, [])) is not None or _blocks(view, path):
            continue
        passed = (
            index
            for at in path
            for index in range(view.blocks[at].start, view.blocks[at].end)
            if is_cancellation_point(view, index)
        )
        yield Starving(loop, path, tuple(passed))


_TAKING = frozenset({"builtins.next"})
"""What takes the next of something that has an end."""


def _blocks(view: FunctionView, path: tuple[int, ...]) -> bool:
    """Whether a call that blocks stands on a path: that one is reported, and waits in its own way. Or one that takes
    the next of what has an end, or of a library and not known."""
    catalog = view.module.project.catalog
    for at in path:
        for index in range(view.blocks[at].start, view.blocks[at].end):
            call = view.call_at(index)
            api = catalog.api(call.target) if call is not None else None
            if api is not None and api.mode is schema.Mode.SYNC:
                return True
            if call is not None and (call.target in _TAKING or may_hold_up(call)):
                return True
    return False


def starving_turn(view: FunctionView, loop: int, *, yields: bool = False) -> tuple[int, ...] | None:
    """The blocks of a turn of a loop that has no checkpoint and changes nothing that could end the loop; None if there
    is no such turn. With `yields` a `yield` is no checkpoint either."""
    at = view.regions[loop].node
    header = view.nodes[at]
    if isinstance(header, Iterate) and not _is_endless(view, at, header):
        return None

    waiting = _waiting_loops(view, loop)

    def gives_way(index: int) -> bool:
        if isinstance(view.nodes[index], Yield):
            return not yields
        return index in waiting or is_checkpoint(view, index) or never_returns(view, index)

    if round_trip(view, loop, gives_way) is None:
        return None
    if _works_off(view, loop, at):
        return None
    ending = _Ending(view, loop)
    path = round_trip(view, loop, lambda index: gives_way(index) or ending.may_come_of(index))
    return path if path is not None and _can_be_gone(view, path) else None


_REMOVING = frozenset({"pop", "popleft", "popitem", "remove", "discard", "clear"})


def _works_off(view: FunctionView, loop: int, header: int) -> bool:
    """Whether a loop goes on while something is in a collection, takes of it, and waits for nothing: it computes."""
    node = view.nodes[header]
    if not isinstance(node, Test) or any(is_cancellation_point(view, index) for index in view.nodes_in(loop)):
        return False
    tested = {view.text(at) for at in (node.value, *view.operands_within(node.value))}
    return any(
        isinstance(taken := view.nodes[index], Attr) and taken.attr in _REMOVING and view.text(taken.value) in tested
        for index in view.nodes_in(loop)
    )


def _waiting_loops(view: FunctionView, loop: int) -> frozenset[int]:
    """The headers of the loops inside a loop that have a checkpoint: they are taken to be gone through at least
    once."""
    found = set()
    for index in view.nodes_in(loop):
        if is_checkpoint(view, index):
            for inner in view.loops_around(index):
                if inner == loop:
                    break
                found.add(view.regions[inner].node)
    return frozenset(found)


def _can_be_gone(view: FunctionView, path: tuple[int, ...]) -> bool:
    """Whether the tests on a path can all come out as it takes them: none contradicts another, none asks again for a
    part of an earlier one that was not told by its outcome, and none goes on through the cases of a state, for one of
    them is meant to be."""
    known: dict[str, bool] = {}
    asked: set[str] = set()
    denied: set[str] = set()
    for at, after in pairwise(path):
        test, _ = branch_of(view, at)
        node = view.node_at(test)
        if not isinstance(node, Test) or node.kind in ("and", "or"):
            continue  # the test of the whole says the same
        branch = view.blocks[at].next[0] == after
        if node.kind == "case":
            subject = view.text(node.value)
            if not branch:
                if subject in denied:
                    return False
                denied.add(subject)
            continue
        if not {key for key, _ in conditions(view, node.value)}.isdisjoint(asked - known.keys()):
            return False
        for key, positive in conditions(view, node.value, branch):
            if known.setdefault(key, positive is branch) is not (positive is branch):
                return False
            left, compares, _ = key.partition(" == ")
            if compares and positive is not branch:
                if left in denied:
                    return False
                denied.add(left)
        asked |= _asked(view, node.value)
    return True


def _asked(view: FunctionView, index: int) -> set[str]:
    """The names and attributes that a test reads."""
    return {view.key(at) for at in view.operands_within(index) if isinstance(view.nodes[at], (Name, Attr))} - {""}


def _is_endless(view: FunctionView, index: int, header: Iterate) -> bool:
    """Whether what a loop iterates over has no end."""
    call = view.call_at(header.iterable)
    if call is None:
        return False
    if header.is_async:
        return not is_checkpoint(view, index)
    if call.target == "builtins.iter":
        return len(call.positional) == 2
    return call.target in ("itertools.count", "itertools.cycle") or (
        call.target == "itertools.repeat" and len(call.node.args) == 1
    )


# --- checkpoints


def is_checkpoint(view: FunctionView, index: int) -> bool:
    """Whether something else surely runs at a node. Under trio and anyio, where each function is counted on to wait at
    least once, not where a function of the project is awaited that need not, or a generator asked that does not."""
    if not may_wait(view, index):
        return False
    node = view.nodes[index]
    call = view.call_at(node.value if isinstance(node, Await) else node.iterable if isinstance(node, Iterate) else None)
    callee = call.callee if call is not None else None
    if callee is None:
        return True
    return not (need_not_wait(callee) if isinstance(node, Await) else _yields_without(callee))


def need_not_wait(view: FunctionView) -> bool:
    """Whether a coroutine function can come to its end without a checkpoint. Not for a method that never waits, which
    is there to be overridden, or to be written, nor where a decorator may change it."""
    if view.facts.decorators or not cancels_in_groups(view):
        return False
    if not any(is_cancellation_point(view, index) for index in range(len(view.nodes))):
        return False
    known = view.module.skipping.get(view.index)
    if known is None:
        view.module.skipping[view.index] = False  # recursion: assume that it waits
        known = passes(view, lambda index: is_checkpoint(view, index) or never_returns(view, index))
        view.module.skipping[view.index] = known
    return known


def _yields_without(view: FunctionView) -> bool:
    """Whether an asynchronous generator has an endless loop with a turn that yields and has no checkpoint."""
    if view.facts.decorators or not cancels_in_groups(view):
        return False
    known = view.module.skipping.get(view.index)
    if known is None:
        view.module.skipping[view.index] = False
        known = any(
            region.kind is RegionKind.LOOP
            and any(isinstance(view.nodes[index], Yield) for index in view.nodes_in(loop))
            and starving_turn(view, loop, yields=True) is not None
            for loop, region in enumerate(view.regions)
        )
        view.module.skipping[view.index] = known
    return known


# --- what could end a loop


class _Ending:
    """What a loop asks to see whether it is over, and the nodes that may change the answer."""

    def __init__(self, view: FunctionView, loop: int) -> None:
        self.view = view
        self.loop = loop
        self.keys: set[str] = set()
        """Names and attributes that the tests read which may leave the loop."""
        self.items: set[str] = set()
        """How all that they read is written."""
        self.is_shared = False
        """One of them may be set by any function that is called."""
        self.asking: set[int] = set()
        """Tests whose answer may be another one each time."""
        turning = turning_blocks(view, loop)
        for at in turning:
            index, _ = branch_of(view, at)
            test = view.node_at(index)
            if isinstance(test, Test) and any(target not in turning for target in view.blocks[at].next):
                self._read(index, test)

    def _read(self, index: int, test: Test) -> None:
        view = self.view
        self.keys |= _asked(view, test.value)
        self.items |= {view.text(at) for at in view.operands_within(test.value)}
        for at in view.operands_within(test.value):
            node = view.nodes[at]
            call = view.call_at(at)
            if call is not None and call.target not in _LOOKING:
                self.asking.add(index)
            if isinstance(node, Name):
                scope, nodes = view.bindings(node.id)
                self.is_shared |= scope is not None and (
                    (scope is not view and scope.facts.kind is not FunctionKind.MODULE)
                    or any(holder is not scope for holder, _ in nodes)
                    or any(node.id in inner.facts.nonlocal_names for inner in view.children)
                )

    def may_come_of(self, index: int) -> bool:
        """Whether a node may change what the loop asks, or leave the loop by an exception that is waited for."""
        view = self.view
        node = view.nodes[index]
        if index in self.asking:
            return True
        if isinstance(node, Store):
            return node.id in self.keys
        if isinstance(node, StoreAttr):
            return view.key(index) in self.keys
        if isinstance(node, StoreItem):
            return self._holds(node.value)
        if isinstance(node, Delete):
            return any(self._holds(at) for operand in node.operands for at in view.operands_within(operand))
        call = view.call_at(index)
        if call is None or call.target in _LOOKING:
            return False
        if self.is_shared or self._ends_by_exception(index):
            return True
        return any(self._holds(at) for at in (call.receiver, *(arg.value for arg in call.node.args)) if at >= 0)

    def _holds(self, index: int) -> bool:
        """Whether what is asked is a node's value, or in it: of what is in a place, the place is asked too. Of an item,
        it is known by how it is written."""
        if isinstance(self.view.nodes[index], Subscript):
            return self.view.text(index) in self.items
        return self.view.key(index) in self.keys

    def _ends_by_exception(self, index: int) -> bool:
        """Whether a handler stands around a call that leaves the loop with what the call may raise, or waits."""
        view = self.view
        for region in view.regions_around(index):
            facts = view.regions[region]
            if facts.kind is RegionKind.PROTECTED:
                for handler in handlers_of(view, facts.parent):
                    if handler.catch.named and not handler.catch.others:
                        continue  # a cancellation does not come out of a plain call
                    if always_leaves(view, view.regions[handler.region].entry, self.loop):
                        return True
                    if any(is_checkpoint(view, at) for at in view.nodes_in(handler.region)):
                        return True
        return False


_LOOKING = frozenset(
    f"builtins.{name}"
    for name in ("len", "any", "all", "isinstance", "bool", "int", "str", "min", "max", "abs", "getattr", "hasattr")
)
"""Builtins that look at their arguments and do nothing else."""
