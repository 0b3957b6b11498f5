"""The ways through a function, with what is known of its locals: where a loop has a constant bound it is gone through
turn by turn, and a test that is known goes one way.

A state is a place in the graph, what is known there, and how many turns of each loop around it have begun. A loop whose
bound is not known is gone through once; again only where something that is known has changed (a counter). So the states
make no circle, but for those of a function that changes nothing on its way round, where the way ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.paths.flow import Place, start_at, steps
from cancelcheck.link.promises.known import Known, Turns, kind_of, thing_of, truth_of
from cancelcheck.link.values import ValueKind
from cancelcheck.model.facts import (
    Assign,
    Await,
    BlockEnd,
    Call,
    Const,
    Enter,
    Exit,
    Iterate,
    Raise,
    RegionKind,
    Store,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

MAX_STATES = 4_000
"""States of one function. Where there are more, no locals are followed, and each loop is gone through once."""

MAX_TURNS = 64
"""Turns of a loop that are gone through; the rest is taken to be like the last of these."""

TurnsOf = Callable[[int, Known], "Turns | None"]
"""How many turns the loop with this header has."""


class Round(NamedTuple):
    """How far a loop is: `begun` turns of `number` (None: not known), and what was known when the last one began."""

    loop: int
    begun: int
    number: int | None
    known: Known


class State(NamedTuple):
    """A place, and what is known there."""

    place: Place
    known: Known
    rounds: tuple[Round, ...]

    def round_of(self, loop: int) -> Round | None:
        """How far a loop around it is."""
        return next((each for each in self.rounds if each.loop == loop), None)


class Onward(NamedTuple):
    """Where a state leads: after its block to `next`; from its nodes with what was known there to `errors`. `changes`
    are the nodes at which something else is known from then on."""

    next: tuple[State, ...]
    errors: tuple[State, ...]
    changes: dict[int, Known]


class Ways(NamedTuple):
    """The states of a function, each before those that it leads to, and the loops by their headers."""

    order: list[State]
    onward: dict[State, Onward]
    headers: dict[int, int]


RAISING = (Call, Await, Enter, Exit, Iterate, Raise)
"""Nodes that may raise."""


class _How:
    """How a function is gone through. `once` are loops that are gone through once, for no end of theirs is known;
    `cut` those of which that is seen on the way."""

    def __init__(
        self, view: FunctionView, turns: TurnsOf, swallows: Callable[[int], bool], once: frozenset[int], *, follow: bool
    ) -> None:
        self.headers = {
            region.node: index
            for index, region in enumerate(view.regions)
            if region.kind in (RegionKind.LOOP, RegionKind.COMPREHENSION) and region.node >= 0
        }
        self.turns = turns
        self.swallows = swallows
        self.once = once
        self.follow = follow
        self.most = MAX_TURNS if follow else 1
        self.cut: set[int] = set()


def ways_through(view: FunctionView, known: Known, turns: TurnsOf, swallows: Callable[[int], bool]) -> Ways:
    """The ways through a function that begin with what is known. `swallows` says of which `with` it is known that it
    goes on after an exception."""
    once: frozenset[int] = frozenset()
    while True:
        how = _How(view, turns, swallows, once, follow=True)
        found = _explore(view, known, how)
        if found is None:
            found = _explore(view, known, _How(view, turns, swallows, once, follow=False))
            return found if found is not None else Ways([], {}, {})
        if how.cut <= once:
            return found
        once |= how.cut


def _explore(view: FunctionView, known: Known, how: _How) -> Ways | None:
    first = State(start_at(view, 0), known, ())
    onward: dict[State, Onward] = {}
    order: list[State] = []
    pending: list[tuple[State, int]] = [(first, 0)]
    limit = MAX_STATES if how.follow else 50 * MAX_STATES
    while pending:
        state, at = pending.pop()
        if at == 0:
            if len(onward) > limit:
                return None
            onward[state] = _onward(view, state, how)
        leads = (*onward[state].next, *onward[state].errors)
        while at < len(leads) and leads[at] in onward:
            at += 1
        if at < len(leads):
            pending.append((state, at + 1))
            pending.append((leads[at], 0))
        else:
            order.append(state)
    order.reverse()
    return Ways(order, onward, how.headers)


def _onward(view: FunctionView, state: State, how: _How) -> Onward:
    block = view.blocks[state.place.block]
    known = state.known
    changes: dict[int, Known] = {}
    raised: dict[Known, None] = {}
    for index in range(block.start, block.end):
        node = view.nodes[index]
        if isinstance(node, RAISING):
            raised[known] = None
        if isinstance(node, Store) and how.follow:
            after = _stored(view, index, node, known)
            if after is not known:
                known = changes[index] = after
    last = view.nodes[block.end - 1] if block.end > block.start else None
    first = view.nodes[block.start] if block.end > block.start else None
    if isinstance(first, Exit) and first.on_error and block.ends is BlockEnd.RAISE and how.swallows(first.enter):
        normal = list(steps(view, state.place, swallowed=True))
        rounds = state.rounds
        return Onward(tuple(_arrive(view, at, known, rounds) for at in normal), (), changes)
    normal = [at for at in steps(view, state.place) if at.block != block.on_error or at.block in block.next]
    if isinstance(last, (Iterate, Test)) and block.next:
        loop = how.headers.get(block.end - 1, -1)
        if loop >= 0:
            return Onward(
                tuple(_at_header(view, state, known, loop, block.end - 1, how)),
                tuple(_errors(view, state, raised)),
                changes,
            )
        if isinstance(last, Test) and last.kind != "case" and len(block.next) == 2:
            outcome = truth_of(view, last.value, known)
            if outcome is not None:
                wanted = block.next[0 if outcome else 1]
                normal = [target for target in normal if target.block == wanted]
    rounds = state.rounds
    return Onward(
        tuple(_arrive(view, target, known, rounds) for target in normal),
        tuple(_errors(view, state, raised)),
        changes,
    )


def _errors(view: FunctionView, state: State, raised: dict[Known, None]) -> list[State]:
    """Where an exception from one of the block's nodes leads."""
    on_error = view.blocks[state.place.block].on_error
    if on_error < 0:
        return []
    places = [target for target in steps(view, state.place, errors=True) if target.block == on_error]
    return [_arrive(view, place, known, state.rounds) for place in places[:1] for known in raised]


def _arrive(view: FunctionView, place: Place, known: Known, rounds: tuple[Round, ...]) -> State:
    """The state at a place; loops that it does not lie in are over."""
    region = view.blocks[place.block].region
    kept = tuple(each for each in rounds if view.is_inside(region, each.loop))
    return State(place, known, kept)


def _at_header(view: FunctionView, state: State, known: Known, loop: int, header: int, how: _How) -> list[State]:
    """Where the header of a loop leads: into the next turn, and out."""
    block = view.blocks[state.place.block]
    current = state.round_of(loop)
    begun = current.begun if current is not None else 0
    node = view.nodes[header]
    found: list[State] = []
    by_block = {target.block: target for target in steps(view, state.place)}
    # `while True` leads nowhere but into its turn
    inside, outside = by_block.get(block.next[0]), by_block.get(block.next[1]) if len(block.next) > 1 else None
    others = tuple(each for each in state.rounds if each.loop != loop)
    thing = None
    if isinstance(node, Iterate):
        over = how.turns(header, known) if current is None else None
        count = over.number if over is not None else current.number if current is not None else None
        again = begun < (1 if count is None else min(count, how.most))
        leaves = count is None or not again
        if again and count is not None:
            over = over if over is not None else how.turns(header, current.known if current is not None else known)
            thing = over.thing(begun) if over is not None else None
    else:
        assert isinstance(node, Test)
        outcome = truth_of(view, node.value, known)
        if outcome is False and outside is None:
            inside, outside = None, inside  # `while False` leads past it
        count = None
        fresh = current is None or current.known != known
        # where it is not known how often it goes round, once is all that is counted
        most = 1 if outcome is None or loop in how.once else how.most
        again = outcome is not False and fresh and begun < most
        if fresh and begun >= how.most and outcome:
            how.cut.add(loop)
        leaves = outcome is not True
    if again and inside is not None:
        entered = known
        if isinstance(node, Iterate):
            target = view.nodes[node.target]
            if isinstance(target, Store):
                is_number = thing is not None and kind_of(thing) is ValueKind.NUMBER
                entered = known.with_(target.id, thing if is_number else None)
        # of a loop over things the first knowledge is kept: it says what they are
        kept = current.known if isinstance(node, Iterate) and current is not None else known
        found.append(_arrive(view, inside, entered, (*others, Round(loop, begun + 1, count, kept))))
    if leaves and outside is not None:
        found.append(_arrive(view, outside, known, others))
    return found


def _stored(view: FunctionView, index: int, node: Store, known: Known) -> Known:
    """What is known once a name is bound."""
    parent = view.nodes[node.parent] if node.parent >= 0 else None
    if isinstance(parent, Iterate):
        return known  # the header says what each turn gets
    if not isinstance(parent, Assign) or parent.value < 0 or index not in parent.targets:
        return known.with_(node.id, None)
    if len(view.facts.bound.get(node.id, ())) < 2 and not known.held:
        return known
    if isinstance(view.nodes[parent.value], Const) and len(view.facts.bound.get(node.id, ())) < 2:
        return known
    thing = thing_of(view, parent.value, known)
    is_plain = kind_of(thing) in (ValueKind.NUMBER, ValueKind.NONE, ValueKind.BOOL)
    return known.with_(node.id, thing if is_plain else None)


def may_go_on(view: FunctionView, state: State, loop: int, header: int) -> bool:
    """Whether a loop that is left at its header, or at which the way ends, may go on: how often it does is not
    known."""
    current = state.round_of(loop)
    if current is None or current.number is not None:
        return False
    node = view.nodes[header]
    return not isinstance(node, Test) or truth_of(view, node.value, state.known) is not False
