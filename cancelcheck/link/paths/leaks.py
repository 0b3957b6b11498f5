"""From a place on to an exit of the function, without passing what settles it: the paths on which something is lost."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.lazily import remembered
from cancelcheck.link.paths.conditions import (
    Known,
    clauses_told,
    conditions,
    contradicts,
    given_by,
    implied_by,
    is_about,
    known_at,
    known_before,
    set_before,
    truth_of,
    watched_in,
)
from cancelcheck.link.paths.exceptions import (
    Handler,
    cancels_with_errors,
    caught_by,
    handlers_of,
    is_cancellation_point,
    suppressed_types,
    takes_failures,
    timeout_handlers,
)
from cancelcheck.link.paths.failing import may_fail, waits
from cancelcheck.link.paths.flow import NodeTest, Place, arrive, never_returns, start_at, steps
from cancelcheck.model.facts import (
    Await,
    BlockEnd,
    Call,
    Const,
    Enter,
    Exit,
    Raise,
    RegionKind,
    Return,
    Store,
    StoreAttr,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Raising(enum.Enum):
    """Which exceptions a path may take besides the `raise` statements in the text."""

    NONE = "none"
    CANCEL = "cancel"
    """Cancellations, at awaits and their like."""
    WAITS = "waits"
    """Cancellations, an error out of anything that waits, and the end of a generator at its `yield`."""
    ALL = "all"
    """The same, and an error out of any call that is not known to be harmless."""
    ERRORS = "errors"
    """Errors alone: out of an await, and of any call that is not known to be harmless."""


class Settles(enum.Enum):
    """What a node does to the thing that is followed. `AFTER`: it settles it, unless it is cancelled or fails first."""

    NO = "no"
    AT_ONCE = "at once"
    AFTER = "after"


Settling = Callable[[int], Settles]


def settled_at(nodes: Iterable[int]) -> Settling:
    """For a path query: these nodes settle it, and no other."""
    places = frozenset(nodes)
    return lambda index: Settles.AT_ONCE if index in places else Settles.NO


class Leak(NamedTuple):
    """A path that leaves something behind. `kind`: return (or it falls off the function's end), raise, error, cancel,
    closed (a generator that is not taken to its end), overwritten. `node` is where it leaves: the statement, the call
    that raises, the await that is cancelled; -1 for the end. `origin` is what raised on the way, where a
    handler has led to the exit; -1 where nothing did."""

    kind: str
    node: int
    origin: int = -1


FAILURES = frozenset({"raise", "error", "cancel", "closed"})
"""Kinds of leaks where the function fails, or is stopped, and does not end."""

ENDS = frozenset({"return"})
"""Kinds of leaks where the function comes to its end."""

RAISED = frozenset({"raise"})
"""The kind of leaks where a `raise` in the text leaves the function."""

CANCELLED = frozenset({"cancel"})
"""The kind of leaks where it is cancelled."""


class _State(NamedTuple):
    place: Place
    flight: str
    """What is in flight: raise, error, cancel, closed; "" for nothing."""
    origin: int
    """The node that raised last on this path."""
    known: Known


MAX_STATES = 5_000
"""States of one search; a function that needs more is not reported."""


def leak_of(
    view: FunctionView,
    start: int,
    settles: Settling,
    *,
    raising: Raising = Raising.NONE,
    name: str = "",
    holds: frozenset[str] = frozenset(),
    branch: int = -1,
    over: Callable[[int], bool | None] | None = None,
    unwinding: bool = False,
    kinds: frozenset[str] = frozenset(),
    spared: NodeTest | None = None,
) -> Leak | None:
    """The nearest way from behind the node `start` to an exit of the function that passes no node that settles; None
    if there is none, and where a function is too large to tell. With `branch` it begins with this block, into which
    the test of `start` leads.

    A path knows what is in flight on it, so that a cancellation goes to the handler that catches one and past those
    that do not; and which plain conditions it has passed, so that what is made under a condition and used under the
    same one is one path and not two. `name` is the local that holds the thing: it is true and not None while it does,
    and binding it anew is an exit too; `holds` are other conditions that are true meanwhile. `over` says of the node of
    a plain condition with which outcome the thing is at its end: such a path ends quietly, as does one at a call that
    never returns. With `unwinding` an exception is in flight at the start, which lies in a `finally`. With `kinds` only
    ways out of these kinds count. Calls for which `spared` holds are taken not to fail.
    """
    return _Search(view, settles, raising, name, holds, over, spared).run(
        start, branch, "error" if unwinding else "", kinds
    )


class _Event(NamedTuple):
    """What happens at a node of a path. `kind`: stop (it ends here, quietly), overwritten (the local is bound anew),
    store (a place `key` is given a `value`), raise (the statement), late (a wait comes to its time's end, to go on at
    the block `late`), else what it may raise: error, cancel, closed."""

    kind: str
    node: int
    key: str = ""
    value: object = None
    late: int = -1


class _Search:
    def __init__(
        self,
        view: FunctionView,
        settles: Settling,
        raising: Raising,
        name: str,
        holds: frozenset[str],
        over: Callable[[int], bool | None] | None,
        spared: NodeTest | None,
    ) -> None:
        self.view = view
        self.over = over
        self.spared = spared
        self.settles = settles
        self.raising = raising
        self.name = name
        self.watched = watched_in(view) | holds
        self.holds = holds
        self._handlers: dict[int, dict[int, Handler]] = {}
        self._events: dict[tuple[int, int], list[_Event]] = {}
        self._outcomes: dict[tuple[int, Known, bool], Known | None] = {}

    def run(self, start: int, branch: int, flight: str, kinds: frozenset[str]) -> Leak | None:
        view = self.view
        block, position = (branch, view.blocks[branch].start) if branch >= 0 else (view.block_of(start), start + 1)
        held = frozenset((key, True) for key in self.holds)
        seen: set[_State] = set()
        pending: deque[tuple[_State, int]] = deque()
        first = start_at(view, block)
        if flight:
            first = Place(block, (*first.ways[:-1], "raise"))
        begun = [held]
        if self.watched:
            held |= known_at(view, block) | frozenset(set_before(view, start, self.watched))
            begun = [known | held for known in known_before(view, block, position, self.watched)]
        for known in begun:
            if not contradicts(known):
                pending.append((_State(first, flight, -1, known), position))
        while pending:
            state, position = pending.popleft()
            for target in self._visit(state, position):
                if isinstance(target, Leak):
                    if kinds and target.kind not in kinds:
                        continue
                    return target
                if target not in seen:
                    seen.add(target)
                    if len(seen) > MAX_STATES:
                        return None
                    pending.append((target, view.blocks[target.place.block].start))
        return None

    def _visit(self, state: _State, position: int) -> Iterator[_State | Leak]:
        """Where a path goes on from a state, by normal flow first."""
        known = state.known
        raised: list[_State | Leak] = []
        block = state.place.block
        # most nodes are of no concern, and a function with many conditions is gone through in as many states
        for event in remembered(self._events, (block, position), lambda: list(self._happenings(block, position))):
            match event.kind:
                case "stop":
                    yield from raised
                    return
                case "overwritten":
                    yield Leak("overwritten", event.node, state.origin)
                    yield from raised
                    return
                case "store":
                    known = self._learn(known, event.key, event.value)
                case "raise":
                    yield from raised
                    yield from self._throw(state, known, "raise", event.node)
                    return
                case "late":
                    raised.append(_State(arrive(self.view, event.late, state.place.ways, "end"), "", event.node, known))
                case _:
                    raised += self._throw(state, known, event.kind, event.node)
        yield from self._leave(state, known)
        yield from raised

    def _happenings(self, block: int, position: int) -> Iterator[_Event]:
        """What happens in a block from a node on, as far as a path cares."""
        view = self.view
        for index in range(position, view.blocks[block].end):
            node = view.nodes[index]
            settled = self.settles(index)
            if settled is Settles.AT_ONCE:
                yield _Event("stop", index)
                return
            if isinstance(node, Store) and node.id == self.name:
                yield _Event("overwritten", index)
                return
            if isinstance(node, (Store, StoreAttr)):
                yield _Event("store", index, view.key(index), given_by(view, index))
            elif isinstance(node, Raise):
                yield _Event("stop" if _ends_quietly(view, node) else "raise", index)
                return
            elif never_returns(view, index):
                yield _Event("stop", index)
                return
            late = self._times_out(index) if settled is Settles.AFTER and isinstance(node, Call) else -1
            for kind in self._raises(index):
                if late >= 0:
                    # any other failure is that of what is waited for
                    yield _Event("late", index, late=late)
                # the failure of a wait is that of what is waited for: it is over
                elif settled is not Settles.AFTER or kind == "cancel" or not isinstance(node, Await):
                    yield _Event(kind, index)
            if settled is Settles.AFTER:
                yield _Event("stop", index)
                return

    def _raises(self, index: int) -> tuple[str, ...]:
        """What may be raised at a node."""
        view = self.view
        if self.raising is Raising.NONE:
            return ()
        cancels = is_cancellation_point(view, index) and not _is_timeout(view, index) and not _frees(view, index)
        if self.raising is Raising.CANCEL:
            return ("cancel",) if cancels else ()
        cancelled = ("cancel",) if self.raising is not Raising.ERRORS else ()
        node = view.nodes[index]
        if cancels:
            waited = node.value if isinstance(node, Await) else -1
            return cancelled if _only_waits(view, waited) else (*cancelled, "error")
        if isinstance(node, Yield):
            return ("closed",)
        if isinstance(node, Call) and not (self.spared is not None and self.spared(index)):
            if _only_waits(view, index):
                return ()
            # what is awaited at once fails there, what is made for a `raise` is raised there, what is started fails
            # elsewhere
            apart = isinstance(view.user_of(index), (Await, Raise))
            fails = waits if self.raising is Raising.WAITS else may_fail
            return ("error",) if not apart and not _is_started(view, index) and fails(view, index) else ()
        return ()

    def _times_out(self, index: int) -> int:
        """The first block of the handler that takes the end of the time that a wait was given; -1 where there is
        none."""
        handlers = (self.view.regions[handler.region].entry for handler in timeout_handlers(self.view, index))
        return next(handlers, -1)

    def _learn(self, known: Known, key: str, value: object) -> Known:
        """What is known once a place is bound anew."""
        kept = frozenset(item for item in known if not is_about(item[0], key))
        if isinstance(value, Const) and key in self.watched:
            return kept | {(key, bool(value.value))}
        return kept

    def _leave(self, state: _State, known: Known) -> Iterator[_State | Leak]:
        view = self.view
        block = view.blocks[state.place.block]
        if block.ends is BlockEnd.RETURN:
            node = next((at for at in range(block.start, block.end) if isinstance(view.nodes[at], Return)), -1)
            yield Leak("return", node, state.origin)
            return
        if view.regions[block.region].kind is RegionKind.TRY:  # its handlers are asked
            yield from self._dispatch(state, known)
            return
        if block.ends is BlockEnd.RAISE:
            if not state.flight:
                return  # a failed assertion
            if self._is_swallowed(state):
                for target in block.next:
                    yield _State(arrive(view, target, state.place.ways, "end"), "", state.origin, known)
                return
            yield from self._throw(state, known, state.flight, state.origin)
            return
        test = view.test_of(state.place.block)
        for place in steps(view, state.place):
            learned = known
            if test is not None:
                outcome = self._outcome(test.value, known, place.block == block.next[0])
                if outcome is None:
                    continue
                learned = outcome
            yield _State(place, state.flight, state.origin, learned)

    def _outcome(self, value: int, known: Known, branch: bool) -> Known | None:
        """What is known once a test has gone one way; None where it cannot go that way."""
        return remembered(self._outcomes, (value, known, branch), lambda: self._comes_out(value, known, branch))

    def _comes_out(self, value: int, known: Known, branch: bool) -> Known | None:
        held = known | {(self.name, True)}
        if self.over is not None and any(
            self.over(leaf) is truth for leaf, truth in clauses_told(self.view, value, branch, held)
        ):
            return None
        if truth_of(self.view, value, held) is (not branch):
            return None
        for key, positive in conditions(self.view, value, branch):
            truth = positive is branch
            if key in self.watched:
                known |= {(key, truth)}
            known |= set(implied_by(self.view, key, truth, value))
        return known

    def _throw(self, state: _State, known: Known, flight: str, origin: int) -> list[_State | Leak]:
        target = self.view.blocks[state.place.block].on_error
        if target < 0:
            return [Leak(flight, origin)]
        return [_State(arrive(self.view, target, state.place.ways, "raise"), flight, origin, known)]

    def _dispatch(self, state: _State, known: Known) -> Iterator[_State | Leak]:
        """Which handlers an exception goes to."""
        view = self.view
        block = view.blocks[state.place.block]
        handlers = remembered(self._handlers, block.region, lambda: self._handlers_by_entry(block.region))
        passing = state.flight in ("cancel", "closed")
        for target in block.next:
            handler = handlers[target]
            takes = self._takes_cancel(handler) if state.flight == "cancel" else handler.catch.broad
            if passing:
                enters = takes or handler.catch.unknown
            else:
                enters = state.flight == "raise" or not handler.catch.only_cancels
            if not enters:
                continue
            yield _State(arrive(view, target, state.place.ways, "end"), "", state.origin, known)
            if takes or takes_failures(view, handler):
                return
        yield from self._throw(state, known, state.flight, state.origin)

    def _handlers_by_entry(self, statement: int) -> dict[int, Handler]:
        """The handlers of a `try` statement by their first blocks."""
        return {self.view.regions[handler.region].entry: handler for handler in handlers_of(self.view, statement)}

    def _takes_cancel(self, handler: Handler) -> bool:
        if handler.catch.cancels or handler.catch.as_error:
            return True
        return takes_failures(self.view, handler) and cancels_with_errors(self.view.module)

    def _is_swallowed(self, state: _State) -> bool:
        view = self.view
        block = view.blocks[state.place.block]
        node = view.nodes[block.start] if block.end > block.start else None
        enter = view.nodes[node.enter] if isinstance(node, Exit) else None
        if not isinstance(enter, Enter):
            return False
        types = suppressed_types(view, enter)
        if not types:
            return False
        return state.flight not in ("cancel", "closed") or caught_by(view, types).cancels


def _ends_quietly(view: FunctionView, node: Raise) -> bool:
    """Whether a `raise` says that this place is never come to (`raise AssertionError("unreachable")`), or ends the
    program (`raise SystemExit`, as `sys.exit` does)."""
    if node.exc < 0:
        return False
    raised = view.nodes[node.exc]
    return view.target_of(raised.func if isinstance(raised, Call) else node.exc) in _QUIET


_QUIET = frozenset({"builtins.AssertionError", "builtins.SystemExit"})


def _only_waits(view: FunctionView, index: int) -> bool:
    """Whether a call waits, and fails with nothing that it waits for: for tasks, of which it tells which are done, or
    for a time."""
    call = view.call_at(index)
    if call is None:
        return False
    catalog = view.module.project.catalog
    waiter, api = catalog.waiter(call.target), catalog.api(call.target)
    return (waiter is not None and waiter.pair) or (api is not None and api.kind is schema.Kind.SLEEP)


def _is_timeout(view: FunctionView, index: int) -> bool:
    """Whether a timeout scope is entered or left at a node: that waits for nothing."""
    node = view.nodes[index]
    enter = view.nodes[node.enter] if isinstance(node, Exit) else node
    call = view.call_at(enter.context) if isinstance(enter, Enter) else None
    scope = view.module.project.catalog.scope(call.target) if call is not None else None
    return scope is not None and scope.kind is schema.ScopeKind.TIMEOUT


def _frees(view: FunctionView, index: int) -> bool:
    """Whether a lock is given back at a node, at the end of its `async with`, or that of a project's class which awaits
    nothing there: that waits for nothing."""
    node = view.nodes[index]
    enter = view.nodes[node.enter] if isinstance(node, Exit) else None
    instance = view.instance(enter.context) if isinstance(enter, Enter) else None
    if instance is None:
        named = view.key(enter.context) if isinstance(enter, Enter) else ""
        return named.lower().endswith(_LOCKS)
    if view.module.project.catalog.lock(instance.catalog_type()) is not None:
        return True
    leaving = instance.view.inherited("__aexit__") if instance.view is not None else None
    return leaving is not None and not any(is_cancellation_point(leaving, at) for at in range(len(leaving.nodes)))


_LOCKS = ("lock", "mutex", "semaphore")
"""How a lock is called whose type is not known."""


def _is_started(view: FunctionView, index: int) -> bool:
    """Whether a call makes the coroutine that the call around it starts as a task."""
    outer = view.call_at(view.nodes[index].parent)
    spawner = view.module.project.catalog.spawner(outer.target) if outer is not None else None
    if outer is None or spawner is None:
        return False
    return outer.argument(spawner.work_keyword, spawner.work_position) == index
