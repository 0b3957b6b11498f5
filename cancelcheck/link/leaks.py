"""From here to an exit without passing a use: what a path leaves behind, and what takes it there.

A path knows what is in flight on it (nothing, an error, a cancellation), so that a cancellation goes to the handler
that catches one and past those that do not, and which plain conditions it has passed, so that what is made under a
condition and used under the same one is one path and not two.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.catching import caught_by, handlers_of, is_cancellation_point, suppressed_types
from cancelcheck.link.flow import NodeTest, Place, arrive, never_returns, start_at, steps
from cancelcheck.model.facts import (
    Attr,
    BlockEnd,
    Call,
    Const,
    Enter,
    Exit,
    Iterate,
    Name,
    Operation,
    Raise,
    RegionKind,
    Return,
    Store,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

MAX_STATES = 5_000
"""States of one search; a function that needs more is not reported."""


class Raising(enum.Enum):
    """Which exceptions a path may take besides the `raise` statements in the text."""

    NONE = "none"
    CANCEL = "cancel"
    """Cancellations, at awaits and their like."""
    ALL = "all"
    """Cancellations, and an error out of any call."""


class Leak(NamedTuple):
    """A path that leaves something behind. `kind`: end (it falls off the function's end), return, raise, error,
    cancel, overwritten. `node` is where it leaves: the statement, the call that raises, the await that is cancelled; -1
    for the end."""

    kind: str
    node: int


class _State(NamedTuple):
    place: Place
    flight: str
    origin: int
    known: frozenset[tuple[str, bool]]


def leak_of(
    view: FunctionView, start: int, done: NodeTest, *, raising: Raising = Raising.NONE, name: str = ""
) -> Leak | None:
    """The nearest way from behind the node `start` to an exit of the function that passes no node for which `done`
    holds; None if there is none. `name` is the local that holds the thing: it is true and not None while it does, and
    binding it anew is an exit too. A call that never returns ends a path quietly."""
    search = _Search(view, done, raising, name)
    return search.run(start)


class _Search:
    def __init__(self, view: FunctionView, done: NodeTest, raising: Raising, name: str) -> None:
        self.view = view
        self.done = done
        self.raising = raising
        self.name = name
        self.watched = self._watched()

    def _watched(self) -> frozenset[str]:
        """The conditions that are tested more than once, or that are about the thing itself."""
        seen: dict[str, int] = {}
        for node in self.view.nodes:
            if isinstance(node, Test):
                key, _ = condition(self.view, node.value)
                if key:
                    seen[key] = seen.get(key, 0) + 1
        return frozenset(key for key, count in seen.items() if count > 1)

    def run(self, start: int) -> Leak | None:
        view = self.view
        block = view.block_of(start)
        known = frozenset(_conditions_around(view, start, self.watched))
        first = _State(start_at(view, block), "", -1, known)
        seen: set[_State] = set()
        pending: deque[tuple[_State, int]] = deque([(first, start + 1)])
        while pending:
            state, position = pending.popleft()
            for target in self._visit(state, position):
                if isinstance(target, Leak):
                    return target
                if target not in seen:
                    seen.add(target)
                    if len(seen) > MAX_STATES:
                        return None
                    pending.append((target, view.blocks[target.place.block].start))
        return None

    def _visit(self, state: _State, position: int) -> Iterator[_State | Leak]:
        view = self.view
        block = view.blocks[state.place.block]
        known = state.known
        raised: list[_State | Leak] = []
        for index in range(position, block.end):
            node = view.nodes[index]
            if self.done(index):
                yield from raised
                return
            if isinstance(node, Store):
                if node.id == self.name:
                    yield from raised
                    yield Leak("overwritten", index)
                    return
                known = frozenset(item for item in known if not _mentions(item[0], node.id))
            if isinstance(node, Raise):
                yield from raised
                yield from self._throw(state, known, "raise", index)
                return
            if never_returns(view, index):
                yield from raised
                return
            if self.raising is not Raising.NONE and is_cancellation_point(view, index):
                raised += self._throw(state, known, "cancel", index)
            elif self.raising is Raising.ALL and isinstance(node, (Call, Enter, Iterate)):
                raised += self._throw(state, known, "error", index)
        yield from self._leave(state, known)
        yield from raised

    def _leave(self, state: _State, known: frozenset[tuple[str, bool]]) -> Iterator[_State | Leak]:
        view = self.view
        block = view.blocks[state.place.block]
        if block.ends is BlockEnd.RETURN:
            node = next(
                (at for at in range(block.end - 1, block.start - 1, -1) if isinstance(view.nodes[at], Return)), -1
            )
            yield Leak("return" if node >= 0 else "end", node)
            return
        if block.start == block.end and view.regions[block.region].kind is RegionKind.TRY and state.flight:
            yield from self._dispatch(state, known)
            return
        if block.ends is BlockEnd.RAISE:
            if not state.flight:
                return  # a failed assertion
            if self._is_swallowed(state):
                for target in block.next:
                    yield _State(arrive(view, target, state.place.ways, "end"), "", -1, known)
                return
            yield from self._throw(state, known, state.flight, state.origin)
            return
        side = self._side(state.place.block, known)
        for place in steps(view, state.place):
            if side is not None and place.block == block.next[1 if side[1] else 0] and len(block.next) == 2:
                continue
            learned = known
            test = self._test(state.place.block)
            if test is not None and len(block.next) == 2 and test[0] in self.watched:
                learned = known | {(test[0], test[1] == (place.block == block.next[0]))}
            # only the way through a `finally` that an exception takes goes on with the exception
            flight = state.flight if view.blocks[place.block].resumes in ("", "raise") else ""
            yield _State(place, flight, state.origin, learned)

    def _test(self, block: int) -> tuple[str, bool] | None:
        body = self.view.blocks[block]
        node = self.view.nodes[body.end - 1] if body.end > body.start else None
        if not isinstance(node, Test):
            return None
        key, positive = condition(self.view, node.value)
        return (key, positive) if key else None

    def _side(self, block: int, known: frozenset[tuple[str, bool]]) -> tuple[str, bool] | None:
        """The way that a test goes, where it is known: its key, and whether the true edge is taken."""
        test = self._test(block)
        if test is None:
            return None
        key, positive = test
        if self.name and key == self.name:
            return key, positive
        for truth in (True, False):
            if (key, truth) in known:
                return key, truth == positive
        return None

    def _throw(
        self, state: _State, known: frozenset[tuple[str, bool]], flight: str, origin: int
    ) -> list[_State | Leak]:
        target = self.view.blocks[state.place.block].on_error
        if target < 0:
            return [Leak(flight, origin)]
        return [_State(arrive(self.view, target, state.place.ways, "raise"), flight, origin, known)]

    def _dispatch(self, state: _State, known: frozenset[tuple[str, bool]]) -> Iterator[_State | Leak]:
        """Which handlers an exception goes to."""
        view = self.view
        block = view.blocks[state.place.block]
        handlers = {view.regions[handler.region].entry: handler for handler in handlers_of(view, block.region)}
        caught = False
        for target in block.next:
            handler = handlers[target]
            if state.flight == "cancel" and not handler.catch.cancels and not handler.catch.unknown:
                continue
            yield _State(arrive(view, target, state.place.ways, "end"), "", -1, known)
            certain = (
                handler.catch.cancels
                if state.flight == "cancel"
                else handler.catch.broad or _takes_errors(view, handler.node)
            )
            if certain:
                caught = True
                break
        if not caught:
            yield from self._throw(state, known, state.flight, state.origin)

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
        return state.flight != "cancel" or caught_by(view, types).cancels


def _takes_errors(view: FunctionView, node: int) -> bool:
    """Whether a handler takes every ordinary exception."""
    caught = getattr(view.nodes[node], "caught", -1)
    return caught < 0 or view.target_of(caught) == "builtins.Exception"


def condition(view: FunctionView, index: int) -> tuple[str, bool]:
    """A plain condition as a key, and whether it holds where the key does: `not x` is `x`, False; `x is not None` is
    `x`, True. The key is empty for anything that calls or computes."""
    node = view.nodes[index]
    if isinstance(node, Operation):
        if node.op == "not":
            key, positive = condition(view, node.operands[0])
            return key, not positive
        if node.op in ("is", "is not") and _is_none(view, node.operands[1]):
            key, positive = condition(view, node.operands[0])
            return key, positive == (node.op == "is not")
        if len(node.operands) == 2 and node.op in ("==", "!=", "is", "is not", "in", "<", ">", "<=", ">="):
            if all(view.key(part) or isinstance(view.nodes[part], Const) for part in node.operands):
                return view.text(index), True
        return "", True
    if isinstance(node, (Name, Attr)):
        return view.key(index), True
    return "", True


def _is_none(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Const) and node.kind == "none"


def _mentions(key: str, name: str) -> bool:
    return key == name or key.startswith((f"{name}.", f"{name} ")) or key.endswith(f" {name}")


def _conditions_around(view: FunctionView, index: int, watched: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """What holds where a node stands: the conditions of the branches around it."""
    entries = {
        view.regions[region].entry
        for region in view.regions_around(index)
        if view.regions[region].kind is RegionKind.BRANCH
    }
    for block in view.blocks:
        if len(block.next) != 2 or block.end == block.start or entries.isdisjoint(block.next):
            continue
        node = view.nodes[block.end - 1]
        if isinstance(node, Test):
            key, positive = condition(view, node.value)
            if key in watched:
                yield key, positive == (block.next[0] in entries)
