"""Questions about paths. Each answer is a witness: the blocks of a shortest path, the same one every time."""

from __future__ import annotations

import enum
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import (
    Handler,
    cancels_with_errors,
    caught_by,
    exception_types,
    handlers_of,
    is_cancellation_point,
    suppressed_types,
    takes_failures,
)
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    BlockEnd,
    Call,
    Const,
    Display,
    Enter,
    Exit,
    FunctionKind,
    Jump,
    Name,
    Operation,
    Raise,
    RegionKind,
    Return,
    Store,
    StoreAttr,
    Subscript,
    Test,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

NodeTest = Callable[[int], bool]


class Escape(NamedTuple):
    """How a path leaves a region: `kind` is end, return, break or continue; `node` the statement that jumps (-1 for
    falling off its end), `block` where it arrives (-1: the function is over) and `ways` by which ways in a `finally`,
    `path` the blocks passed."""

    kind: str
    node: int
    block: int
    ways: tuple[str, ...]
    path: tuple[int, ...]


class Place(NamedTuple):
    """A block on a path, and by which way each `finally` around it was entered, outermost first ("" where the path
    began inside one)."""

    block: int
    ways: tuple[str, ...]


def start_at(view: FunctionView, block: int) -> Place:
    """The place at which a path begins."""
    return Place(block, ("",) * view.finals_around(block))


def steps(view: FunctionView, place: Place, *, errors: bool = False, swallowed: bool = False) -> Iterator[Place]:
    """Where a path can go on from a place: by normal flow, and with `errors` where an exception takes it. Out of a
    `finally` it goes on by the way by which it came in. `swallowed`: what leaves the block by an exception goes on."""
    block = view.blocks[place.block]
    if errors and block.on_error >= 0:
        yield _arrive(view, block.on_error, place.ways, "raise")
    if block.ends is BlockEnd.RAISE and not swallowed and not _swallows(view, place.block):
        return
    for target in block.next:
        resumes = view.blocks[target].resumes
        if resumes and place.ways and place.ways[-1] not in ("", resumes):
            continue
        yield _arrive(view, target, place.ways, block.leaves or "end")


def _arrive(view: FunctionView, target: int, ways: tuple[str, ...], way: str) -> Place:
    """The place at the beginning of a block that is entered by `way`."""
    depth = view.finals_around(target)
    if target in view.final_entries:
        return Place(target, (*ways[: depth - 1], way))
    return Place(target, ways[:depth])


def never_returns(view: FunctionView, index: int) -> bool:
    """Whether a node is a call that does not return: the catalogue's, or a project function that always raises."""
    if not isinstance(view.nodes[index], Call):
        return False
    call = view.call_at(index)
    assert call is not None
    if view.module.project.catalog.never_returns(call.target):
        return True
    callee = call.callee
    return callee is not None and always_raises(callee)


def always_raises(view: FunctionView) -> bool:
    """Whether no path through a function comes to a normal end. Not for stubs, abstract methods, generators, or
    coroutine functions that are only called."""
    if view.facts.is_stub or view.facts.is_generator or view.has_role("abstract"):
        return False
    kept = view.module.raising
    known = kept.get(view.index)
    if known is not None:
        return known
    chain = view.module.project.chain
    if len(chain) >= MAX_CHAIN:
        chain.append(view)  # too far to see: taken to return, and nothing that leans on it is kept
        return False
    depth = len(chain)
    chain.append(view)
    kept[view.index] = False  # recursion: assume that it returns
    known = not any(
        view.blocks[block].ends is BlockEnd.RETURN for block in _reachable(view, lambda node: never_returns(view, node))
    )
    cut = len(chain) > MAX_CHAIN
    if not cut or depth == 0:
        kept[view.index] = known
        del chain[depth:]
    else:
        del kept[view.index]
    return known


MAX_CHAIN = 50
"""Functions in a chain of calls that is followed to see whether it always raises."""


def _reachable(view: FunctionView, ends: NodeTest) -> Iterator[int]:
    """Blocks that a path from the start comes through to their end, error edges included; a node for which `ends` holds
    ends a path."""
    seen = {start_at(view, 0)}
    pending = deque(seen)
    while pending:
        current = pending.popleft()
        block = view.blocks[current.block]
        cut = any(ends(node) for node in range(block.start, block.end))
        if not cut:
            yield current.block
        for target in steps(view, current, errors=True):
            if target not in seen and not (cut and target.block != block.on_error):
                seen.add(target)
                pending.append(target)


def branch_of(view: FunctionView, block: int) -> tuple[int, bool | None]:
    """The test that ends a block, and the constant that it is, if it is one."""
    body = view.blocks[block]
    node = view.nodes[body.end - 1] if body.end > body.start else None
    if not isinstance(node, Test):
        return -1, None
    value = view.nodes[node.value] if node.kind != "case" else None
    return body.end - 1, bool(value.value) if isinstance(value, Const) and value.kind in ("bool", "int") else None


def escapes(
    view: FunctionView,
    region: int,
    ends: NodeTest | None = None,
    decide: Callable[[int], bool | None] | None = None,
) -> list[Escape]:
    """The ways in which a region is left without an exception, nearest first. Nodes for which `ends` holds (and calls
    that never return) end a path; a test for which `decide` knows the outcome is left that way only. Handlers inside
    the region are entered, whatever they catch."""
    start = view.regions[region].entry
    if start < 0:
        return []
    found: list[Escape] = []
    first = start_at(view, start)
    came: dict[Place, Place | None] = {first: None}
    pending = deque([first])
    while pending:
        current = pending.popleft()
        block = view.blocks[current.block]
        cut = any(
            (ends is not None and ends(node)) or never_returns(view, node) for node in range(block.start, block.end)
        )
        barred = _barred(view, current.block, decide) if decide is not None else -1
        if not cut and block.ends is BlockEnd.RETURN:
            found.append(Escape("return", _last_jump(view, current.block), -1, (), _trail(came, current)))
        for target in steps(view, current, errors=True):
            raised = target.block == block.on_error and target.block not in block.next
            inside = view.is_inside(view.blocks[target.block].region, region)
            if raised and not inside:
                continue  # an exception leaves the region
            if not raised and (cut or target.block == barred):
                continue
            if not inside:
                jump = _last_jump(view, current.block)
                node = view.nodes[jump] if jump >= 0 else None
                kind = "return" if isinstance(node, Return) else node.kind if isinstance(node, Jump) else "end"
                found.append(Escape(kind, jump, target.block, target.ways, _trail(came, current)))
            elif target not in came:
                came[target] = current
                pending.append(target)
    return found


def _barred(view: FunctionView, block: int, decide: Callable[[int], bool | None]) -> int:
    """The block that a test does not go to, as its outcome is known; -1 where both ways are open."""
    body = view.blocks[block]
    if body.end == body.start or not isinstance(view.nodes[body.end - 1], Test):
        return -1
    outcome = decide(body.end - 1)
    return -1 if outcome is None else body.next[1 if outcome else 0]


def _last_jump(view: FunctionView, block: int) -> int:
    body = view.blocks[block]
    for index in range(body.end - 1, body.start - 1, -1):
        if isinstance(view.nodes[index], (Return, Jump)):
            return index
        if not isinstance(view.nodes[index], Exit):
            break
    return -1


def _trail(came: dict[Place, Place | None], place: Place) -> tuple[int, ...]:
    path = []
    at: Place | None = place
    while at is not None:
        path.append(at.block)
        at = came[at]
    return tuple(reversed(path))


def _swallows(view: FunctionView, block: int) -> bool:
    """Whether a block that an exception leaves may go on: a handler's dispatch, or a suppressing context manager."""
    body = view.blocks[block]
    if body.end == body.start:
        return True
    node = view.nodes[body.start]
    if not isinstance(node, Exit):
        return False
    enter = view.nodes[node.enter]
    call = view.call_at(getattr(enter, "context", -1))
    return call is not None and view.module.project.catalog.is_suppressor(call.target)


def reaches(view: FunctionView, start: Place, goal: NodeTest, stop: NodeTest | None = None) -> int:
    """The first node for which `goal` holds on a path from the beginning of the block `start` by normal flow; -1 if
    there is none. Nodes for which `stop` holds end a path."""
    if start.block < 0:
        return -1
    seen = {start}
    pending = deque([start])
    while pending:
        current = pending.popleft()
        block = view.blocks[current.block]
        cut = False
        for index in range(block.start, block.end):
            if goal(index):
                return index
            if stop is not None and stop(index):
                cut = True
                break
        if cut:
            continue
        for target in steps(view, current):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return -1


def reaches_after(view: FunctionView, index: int, goal: NodeTest, stop: NodeTest | None = None) -> int:
    """The first node for which `goal` holds on a path on from a node, itself left out, by normal flow; -1 if there is
    none. Nodes for which `stop` holds end a path."""
    way = way_through(view, index, None, goal, stop)
    return way[1] if way is not None else -1


def all_reached(view: FunctionView, index: int, goal: NodeTest, stop: NodeTest) -> list[int]:
    """The nodes for which `goal` holds on paths on from a node, itself left out, by normal flow, nearest first. Nodes
    for which `stop` holds end a path."""
    pending = deque([start_at(view, view.block_of(index))])
    seen: set[Place] = set()
    found: dict[int, None] = {}
    at = index + 1
    while pending:
        place = pending.popleft()
        block = view.blocks[place.block]
        cut = False
        for node in range(at if at >= 0 else block.start, block.end):
            if goal(node):
                found[node] = None
            if stop(node):
                cut = True
                break
        at = -1
        if cut:
            continue
        for target in steps(view, place):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return list(found)


def returns_after(view: FunctionView, index: int, stop: NodeTest) -> bool:
    """Whether a path on from a node, itself left out, comes to the end of the function with no exception. Nodes for
    which `stop` holds end a path."""
    first = start_at(view, view.block_of(index))
    pending = deque([first])
    seen: set[Place] = set()
    at = index + 1
    while pending:
        place = pending.popleft()
        block = view.blocks[place.block]
        cut = any(stop(node) for node in range(at if at >= 0 else block.start, block.end))
        at = -1
        if cut:
            continue
        if block.ends is BlockEnd.RETURN:
            return True
        for target in steps(view, place):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return False


def way_through(
    view: FunctionView, index: int, between: NodeTest | None, goal: NodeTest, stop: NodeTest | None = None
) -> tuple[int, int] | None:
    """A shortest path on from a node by normal flow that comes through a node for which `between` holds and then to one
    for which `goal` does: these two nodes. Without `between`, any path does. Nodes for which `stop` holds end a
    path."""
    first = start_at(view, view.block_of(index))
    through = -1 if between is not None else index
    pending = deque([(first, through)])
    seen: set[tuple[Place, bool]] = set()
    at = index + 1
    while pending:
        place, passed = pending.popleft()
        block = view.blocks[place.block]
        cut = False
        for node in range(at if at >= 0 else block.start, block.end):
            if passed >= 0 and goal(node):
                return passed, node
            if stop is not None and stop(node):
                cut = True
                break
            if passed < 0 and between is not None and between(node):
                passed = node
        at = -1
        if cut:
            continue
        for target in steps(view, place):
            if (target, passed >= 0) not in seen:
                seen.add((target, passed >= 0))
                pending.append((target, passed))
    return None


def passes(view: FunctionView, avoid: NodeTest) -> bool:
    """Whether a path by normal flow comes from a function's start to its end and passes no node for which `avoid`
    holds."""
    first = start_at(view, 0)
    seen = {first}
    pending = deque([first])
    while pending:
        current = pending.popleft()
        block = view.blocks[current.block]
        if any(avoid(index) for index in range(block.start, block.end)):
            continue
        if block.ends is BlockEnd.RETURN:
            return True
        for target in steps(view, current):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return False


def meets(view: FunctionView, start: int, goal: NodeTest, stop: NodeTest, *, errors: bool = False) -> int:
    """The first node for which `goal` holds on a path from behind the node `start` (-1: from the function's beginning)
    by normal flow, and where `errors` says so by any; -1 if there is none. Nodes for which `stop` holds end a path."""
    block = view.block_of(start) if start >= 0 else 0
    first = start_at(view, block)
    seen: set[Place] = set()
    pending = deque([(first, start + 1 if start >= 0 else view.blocks[0].start)])
    while pending:
        current, position = pending.popleft()
        cut = False
        for index in range(position, view.blocks[current.block].end):
            if goal(index):
                return index
            if stop(index) or never_returns(view, index):
                cut = True
                break
        for target in steps(view, current, errors=errors):
            if cut and not (errors and target.block == view.blocks[current.block].on_error):
                continue
            if target not in seen:
                seen.add(target)
                pending.append((target, view.blocks[target.block].start))
    return -1


def turn(view: FunctionView, loop: int, through: int, after: list[int], avoid: NodeTest) -> tuple[int, ...] | None:
    """A turn of a loop: from its header to the node `through`, then on from the blocks `after` back to the header,
    passing no node for which `avoid` holds. None if there is no such turn."""
    header = view.regions[loop].entry
    block = view.block_of(through)
    first = _route(view, loop, [header], block, avoid, upto=through)
    if first is None:
        return None
    rest: tuple[int, ...] | None
    if after:
        rest = _route(view, loop, after, header, avoid)
    else:
        body = view.blocks[block]
        if any(avoid(index) for index in range(through + 1, body.end)):
            return None
        rest = _route(view, loop, _onward(view, block, through), header, avoid)
    return (*first, *rest) if rest is not None else None


def round_trip(view: FunctionView, loop: int, avoid: NodeTest) -> tuple[int, ...] | None:
    """Any turn of a loop, from its header back to it, that passes no node for which `avoid` holds: its blocks. None if
    there is no such turn."""
    header = view.regions[loop].entry
    block = view.blocks[header]
    if any(avoid(index) for index in range(block.start, block.end)):
        return None
    starts = [
        target.block
        for target in steps(view, start_at(view, header))
        if target.block == header or view.is_inside(view.blocks[target.block].region, loop)
    ]
    rest = _route(view, loop, starts, header, avoid)
    return (header, *rest) if rest is not None else None


def turning_blocks(view: FunctionView, loop: int) -> frozenset[int]:
    """The blocks of a loop from which it can come round to its header again, exceptions that a handler inside takes
    included."""
    header = view.regions[loop].entry
    inside = [index for index, block in enumerate(view.blocks) if view.is_inside(block.region, loop)]
    before: dict[int, list[int]] = {}
    for index in inside:
        for target in (*view.blocks[index].next, view.blocks[index].on_error):
            before.setdefault(target, []).append(index)
    found = {header}
    pending = [header]
    while pending:
        for index in before.get(pending.pop(), ()):
            if index not in found:
                found.add(index)
                pending.append(index)
    return frozenset(found)


def clauses(view: FunctionView, index: int) -> Iterator[int]:
    """The operands of a condition that are not clauses themselves."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op in ("not", "and", "or"):
        for operand in node.operands:
            yield from clauses(view, operand)
    else:
        yield index


def _onward(view: FunctionView, block: int, polled: int) -> list[int]:
    """Where a path goes on after a poll that said "not yet": one side of the test, where the test is of the poll
    itself."""
    body = view.blocks[block]
    test, _ = branch_of(view, block)
    if test >= 0 and len(body.next) == 2:
        node = view.nodes[test]
        assert isinstance(node, Test)
        value = view.nodes[node.value]
        if node.value == polled:
            return [body.next[1]]
        if isinstance(value, Operation) and value.op == "not" and value.operands[0] == polled:
            return [body.next[0]]
    return list(body.next)


def _route(
    view: FunctionView, loop: int, starts: list[int], goal: int, avoid: NodeTest, upto: int = -1
) -> tuple[int, ...] | None:
    first = [start_at(view, start) for start in starts]
    came: dict[Place, Place | None] = dict.fromkeys(first)
    pending = deque(first)
    header = view.regions[loop].entry
    while pending:
        current = pending.popleft()
        block = view.blocks[current.block]
        if current.block == goal:
            end = upto if upto >= 0 else block.start
            if not any(avoid(index) for index in range(block.start, end)):
                return _trail(came, current)
            continue
        if any(avoid(index) for index in range(block.start, block.end)):
            continue
        for target in steps(view, current):
            inside = view.is_inside(view.blocks[target.block].region, loop)
            if target not in came and (inside or target.block == goal) and (target.block != header or goal == header):
                came[target] = current
                pending.append(target)
    return None


def always_leaves(view: FunctionView, block: int, loop: int) -> bool:
    """Whether no path from the beginning of a block comes round to a loop's header again."""
    header = view.regions[loop].entry
    first = start_at(view, block)
    seen = {first}
    pending = deque([first])
    while pending:
        current = pending.popleft()
        if current.block == header:
            return False
        if not view.is_inside(view.blocks[current.block].region, loop):
            continue
        for target in steps(view, current):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return True


# --- from here to an exit, without passing a use ---------------------------------------------------------------------


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
    """A path that leaves something behind. `kind`: end (it falls off the function's end), return, raise, error,
    cancel, closed (a generator that is not taken to its end), overwritten. `node` is where it leaves: the statement,
    the call that raises, the await that is cancelled; -1 for the end. `origin` is what raised on the way, where a
    handler has led to the exit; -1 where nothing did."""

    kind: str
    node: int
    origin: int = -1


FAILURES = frozenset({"raise", "error", "cancel", "closed"})
"""Kinds of leaks where the function fails, or is stopped, and does not end."""

ENDS = frozenset({"return", "end"})
"""Kinds of leaks where the function comes to its end."""

RAISED = frozenset({"raise"})
"""The kind of leaks where a `raise` in the text leaves the function."""

CANCELLED = frozenset({"cancel"})
"""The kind of leaks where it is cancelled."""


Known = frozenset[tuple[str, bool]]
"""Which plain conditions hold on a path, and which do not."""


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


def _watched(view: FunctionView) -> frozenset[str]:
    """The conditions that are tested more than once, or that are about a name that is bound to a constant."""
    known = view.module.watched.get(view.index)
    if known is None:
        seen: dict[str, int] = {}
        for index, node in enumerate(view.nodes):
            if isinstance(node, Test) and node.kind != "case":
                for key, _ in conditions(view, node.value):
                    seen[key] = seen.get(key, 0) + 1
            elif isinstance(node, (Store, StoreAttr)) and isinstance(_given(view, index), Const):
                key = view.key(index)
                seen[key] = seen.get(key, 0) + 1
        for told in _flags(view).values():
            for flag in told:
                seen[flag.name] = seen.get(flag.name, 0) + 1
        known = view.module.watched[view.index] = frozenset(key for key, count in seen.items() if count > 1)
    return known


class Flag(NamedTuple):
    """A local that is bound once, to what a plain condition says (`lent = session is not None`): where, and whether it
    is true where the condition's key holds."""

    name: str
    store: int
    positive: bool


def _flags(view: FunctionView) -> dict[str, list[Flag]]:
    """The flags of a function, by what they are about."""
    known = view.module.flags.get(view.index)
    if known is None:
        known = view.module.flags[view.index] = {}
        for name, bound in view.facts.bound.items():
            value = view.assigned_value(bound[0]) if len(bound) == 1 and bound[0] >= 0 else None
            if value is None or not isinstance(view.nodes[value], Operation):
                continue
            told = list(conditions(view, value))
            if len(told) == 1 and getattr(view.nodes[value], "op", "") not in ("and", "or"):
                known.setdefault(told[0][0], []).append(Flag(name, bound[0], told[0][1]))
    return known


def _implied(view: FunctionView, key: str, truth: bool, test: int) -> Iterator[tuple[str, bool]]:
    """What flags say where a condition has come out one way at a node: those that were bound to what it says before,
    with nothing that it is about bound anew since."""
    for flag in _flags(view).get(key, ()):
        if flag.store < test and not any(flag.store < at < test for at in _bound_of(view, key)):
            yield flag.name, truth is flag.positive


def _bound_of(view: FunctionView, key: str) -> Iterator[int]:
    """The nodes that bind a place which a condition is about."""
    for part in _PLACE.findall(key):
        names = part.split(".")
        yield from view.facts.bound.get(names[0], ())
        for count in range(2, len(names) + 1):
            yield from view.attributes_stored.get(".".join(names[:count]), ())


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
        self.watched = _watched(view) | holds
        self.holds = holds
        self._handlers: dict[int, dict[int, Handler]] = {}
        self._told: dict[tuple[int, int], list[_Event]] = {}
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
        if self.watched:
            held |= _known_at(view, block, self.watched) | frozenset(_set_before(view, start, self.watched))
        for known in _known_before(view, block, self.watched) if self.watched else [frozenset()]:
            if not _contradicts(known | held):
                pending.append((_State(first, flight, -1, known | held), position))
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
        for event in self._events(state.place.block, position):
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
                    raised.append(
                        _State(_arrive(self.view, event.late, state.place.ways, "end"), "", event.node, known)
                    )
                case _:
                    raised += self._throw(state, known, event.kind, event.node)
        yield from self._leave(state, known)
        yield from raised

    def _events(self, block: int, position: int) -> list[_Event]:
        """What happens in a block from a node on, as far as a path cares: most of its nodes are of no concern, and a
        function with many conditions is gone through in as many states."""
        events = self._told.get((block, position))
        if events is None:
            events = self._told[(block, position)] = list(self._happenings(block, position))
        return events

    def _happenings(self, block: int, position: int) -> Iterator[_Event]:
        view = self.view
        for index in range(position, view.blocks[block].end):
            node = view.nodes[index]
            settled = self.settles(index)
            if settled is Settles.AT_ONCE:
                yield _Event("stop", index)
                return
            if isinstance(node, Store):
                if node.id == self.name:
                    yield _Event("overwritten", index)
                    return
                yield _Event("store", index, node.id, _given(view, index))
            elif isinstance(node, StoreAttr):
                yield _Event("store", index, view.key(index), _given(view, index))
            elif isinstance(node, Raise):
                yield _Event("stop" if _ends_quietly(view, node) else "raise", index)
                return
            elif never_returns(view, index):
                yield _Event("stop", index)
                return
            late = self._times_out(index) if settled is Settles.AFTER and isinstance(node, Call) else -1
            for kind in self._raises(index):
                if late >= 0 and kind == "error":
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
            return ("closed",) if self.raising is not Raising.ERRORS else ()
        if isinstance(node, Call) and not (self.spared is not None and self.spared(index)):
            if _only_waits(view, index):
                return ()
            # what is awaited at once fails there, what is made for a `raise` is raised there, what is started fails
            # elsewhere
            apart = node.parent >= 0 and isinstance(view.nodes[node.parent], (Await, Raise))
            fails = waits if self.raising is Raising.WAITS else may_fail
            return ("error",) if not apart and not _is_started(view, index) and fails(view, index) else ()
        return ()

    def _times_out(self, index: int) -> int:
        """The first block of the handler that takes the end of the time that a wait was given; -1 where there is
        none."""
        view = self.view
        for region in view.regions_around(index):
            if view.regions[region].kind is not RegionKind.PROTECTED:
                continue
            for handler in handlers_of(view, view.regions[region].parent):
                caught = handler.excepts(view).caught
                for leaf in exception_types(view, [caught]) if caught >= 0 else ():
                    if leaf.entry is not None and leaf.entry.kind is schema.ExceptionKind.TIMEOUT:
                        return view.regions[handler.region].entry
        return -1

    def _learn(self, known: Known, key: str, value: object) -> Known:
        """What is known once a place is bound anew."""
        kept = frozenset(item for item in known if not _mentions(item[0], key)) if known else known
        if isinstance(value, Const) and key in self.watched:
            return kept | {(key, bool(value.value))}
        return kept

    def _leave(self, state: _State, known: Known) -> Iterator[_State | Leak]:
        view = self.view
        block = view.blocks[state.place.block]
        if block.ends is BlockEnd.RETURN:
            node = next(
                (at for at in range(block.end - 1, block.start - 1, -1) if isinstance(view.nodes[at], Return)), -1
            )
            yield Leak("return" if node >= 0 else "end", node, state.origin)
            return
        if block.start == block.end and view.regions[block.region].kind is RegionKind.TRY and state.flight:
            yield from self._dispatch(state, known)
            return
        if block.ends is BlockEnd.RAISE:
            if not state.flight:
                return  # a failed assertion
            if self._is_swallowed(state):
                for target in block.next:
                    yield _State(_arrive(view, target, state.place.ways, "end"), "", state.origin, known)
                return
            yield from self._throw(state, known, state.flight, state.origin)
            return
        test = view.nodes[block.end - 1] if block.end > block.start and len(block.next) == 2 else None
        for place in steps(view, state.place):
            learned = known
            if isinstance(test, Test) and test.kind != "case":
                outcome = self._outcome(test.value, known, place.block == block.next[0])
                if outcome is None:
                    continue
                learned = outcome
            # only the way through a `finally` that an exception takes goes on with the exception
            flight = state.flight if view.blocks[place.block].resumes in ("", "raise") else ""
            yield _State(place, flight, state.origin, learned)

    def _outcome(self, value: int, known: Known, branch: bool) -> Known | None:
        """What is known once a test has gone one way; None where it cannot go that way."""
        asked = (value, known, branch)
        if asked not in self._outcomes:
            self._outcomes[asked] = self._comes_out(value, known, branch)
        return self._outcomes[asked]

    def _comes_out(self, value: int, known: Known, branch: bool) -> Known | None:
        constant = self.view.nodes[value]
        if isinstance(constant, Const) and constant.kind in ("bool", "int", "none"):
            return known if bool(constant.value) is branch else None
        held = known | {(self.name, True)}
        if self.over is not None and any(
            self.over(leaf) is truth for leaf, truth in _told(self.view, value, branch, held)
        ):
            return None
        if _truth(self.view, value, held) is (not branch):
            return None
        for key, positive in conditions(self.view, value, branch):
            truth = positive is branch
            if key in self.watched:
                known |= {(key, truth)}
            known |= {item for item in _implied(self.view, key, truth, value) if item[0] in self.watched}
        return known

    def _throw(self, state: _State, known: Known, flight: str, origin: int) -> list[_State | Leak]:
        target = self.view.blocks[state.place.block].on_error
        if target < 0:
            return [Leak(flight, origin)]
        return [_State(_arrive(self.view, target, state.place.ways, "raise"), flight, origin, known)]

    def _dispatch(self, state: _State, known: Known) -> Iterator[_State | Leak]:
        """Which handlers an exception goes to."""
        view = self.view
        block = view.blocks[state.place.block]
        handlers = self._handlers.get(block.region)
        if handlers is None:
            handlers = {view.regions[handler.region].entry: handler for handler in handlers_of(view, block.region)}
            self._handlers[block.region] = handlers
        passing = state.flight in ("cancel", "closed")
        for target in block.next:
            handler = handlers[target]
            takes = self._takes_cancel(handler) if state.flight == "cancel" else handler.catch.broad
            if passing and not takes and not handler.catch.unknown:
                continue
            yield _State(_arrive(view, target, state.place.ways, "end"), "", state.origin, known)
            if takes or (not passing and takes_failures(view, handler)):
                return
        yield from self._throw(state, known, state.flight, state.origin)

    def _takes_cancel(self, handler: Handler) -> bool:
        if handler.catch.cancels:
            return True
        if handler.catch.as_error:
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
    call = view.call_at(index) if index >= 0 else None
    if call is None or not call.target:
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
    outer = view.call_at(view.nodes[index].parent) if view.nodes[index].parent >= 0 else None
    spawner = view.module.project.catalog.spawner(outer.target) if outer is not None else None
    if outer is None or spawner is None or spawner.work is not schema.Work.COROUTINE:
        return False
    return outer.argument(spawner.work_keyword, spawner.work_position) == index


def may_fail(view: FunctionView, index: int) -> bool:
    """Whether a call may raise in the course of things: not those that only keep, count, look or log, nor those that
    make a coroutine or start it."""
    call = view.call_at(index)
    if call is None:
        return False
    if call.member.startswith("log_") or _takes_out_own(call):
        return False
    catalog = view.module.project.catalog
    callee = call.callee
    if callee is not None:
        return _making_may_fail(callee) if callee.facts.kind is FunctionKind.CLASS else _body_may_fail(callee)
    if call.target:
        asked = (catalog.is_harmless, catalog.is_coroutine, catalog.is_partial, catalog.is_suppressor, catalog.scope)
        return not any(ask(call.target) for ask in asked)
    return call.receiver < 0 or not catalog.is_harmless_member(call.member)


def _takes_out_own(call: CallSite) -> bool:
    """Whether a call takes something out of a container that its function puts something into."""
    if call.member not in _TAKING_OUT or call.receiver < 0:
        return False
    key = call.fn.key(call.receiver)
    return bool(key) and any(other.member in _PUTTING_IN for other in call.fn.calls_on.get(key, ()))


_TAKING_OUT = frozenset({"pop", "remove"})
_PUTTING_IN = frozenset({"add", "append", "appendleft", "insert"})
"""Methods of containers."""


def _making_may_fail(cls: FunctionView) -> bool:
    """The same of making an instance of a class of the project."""
    classes, _, known = cls.ancestry
    if not known or any(kind.facts.define >= 0 and kind.decorators for kind in classes):
        return True
    makers = [maker for name in _MAKERS if (maker := cls.inherited(name)) is not None]
    return any(_body_may_fail(maker) for maker in makers)


_MAKERS = ("__new__", "__init__", "__post_init__")


def waits(view: FunctionView, index: int) -> bool:
    """Whether a call blocks for something outside, by the catalogue: a sleep, or the wait for a thread's event, does
    not fail."""
    call = view.call_at(index)
    catalog = view.module.project.catalog
    api = catalog.api(call.target) if call is not None else None
    if call is None or api is None:
        return False
    return api.kind is not schema.Kind.SLEEP and not catalog.is_harmless(call.target)


def _body_may_fail(view: FunctionView) -> bool:
    """The same of a project function: whether it raises, waits, or calls something that may fail."""
    if view.is_async:
        return False  # nothing of it runs yet
    if view.has_role("contextmanager"):
        return False  # nor of what a `with` runs
    catalog = view.module.project.catalog
    plain = all(catalog.decorator(name) in _PLAIN_ROLES for name, _ in view.decorators)
    if view.facts.kind is not FunctionKind.DEF or view.facts.is_stub or not plain:
        return True
    if view.facts.is_generator:
        return False
    kept = view.module.failing
    known = kept.get(view.index)
    if known is None:
        kept[view.index] = True  # a call of itself may fail
        known = kept[view.index] = any(
            isinstance(node, Raise)
            or (isinstance(node, Subscript) and not _is_slice(view, node.index))
            or (isinstance(node, Call) and may_fail(view, index))
            for index, node in enumerate(view.nodes)
        )
    return known


def _is_slice(view: FunctionView, index: int) -> bool:
    """Whether an index is a slice: there is always one."""
    return getattr(view.nodes[index], "op", "") == ":"


_PLAIN_ROLES = frozenset({"staticmethod", "classmethod"})
"""Roles of decorators that leave what runs as it is."""


def conditions(view: FunctionView, index: int, branch: bool | None = None) -> Iterator[tuple[str, bool]]:
    """The plain conditions that an expression is made of, as keys, each with whether it holds where the key does:
    `not x` is `x`, False; `x is not None` is `x`, True. With `branch` only those whose outcome follows from that of the
    whole: of an `and` that holds, of an `or` that does not."""
    node = view.nodes[index]
    if isinstance(node, Operation):
        if node.op == "not":
            inner = None if branch is None else not branch
            for key, positive in conditions(view, node.operands[0], inner):
                yield key, not positive
            return
        if node.op in ("and", "or"):
            if branch is None or branch is (node.op == "and"):
                for operand in node.operands:
                    yield from conditions(view, operand, branch)
            return
        if node.op in ("is", "is not") and _is_none(view, node.operands[1]):
            for key, positive in conditions(view, node.operands[0], branch):
                yield key, positive is (node.op == "is not")
            return
        if len(node.operands) == 2 and node.op in _COMPARING:
            if all(_is_plain(view, part) for part in node.operands):
                yield _spelled(view, node)
    elif isinstance(node, Assign):
        # `if (found := …)`: what is bound there comes out as the whole
        for target in node.targets:
            if view.key(target):
                yield view.key(target), True
        yield from conditions(view, node.value, branch)
    elif isinstance(node, (Name, Attr)):
        key = view.key(index)
        if key:
            yield key, True


def _truth(view: FunctionView, index: int, known: Known) -> bool | None:
    """How a condition comes out by what is known; None where that does not say."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "not":
        inner = _truth(view, node.operands[0], known)
        return None if inner is None else not inner
    if isinstance(node, Operation) and node.op in ("and", "or"):
        parts = [_truth(view, operand, known) for operand in node.operands]
        ends = node.op == "or"
        return ends if ends in parts else None if None in parts else not ends
    for key, positive in conditions(view, index):
        if (key, True) in known:
            return positive
        if (key, False) in known:
            return not positive
    return None


def _is_plain(view: FunctionView, index: int) -> bool:
    """Whether a value is the same each time it is asked for, unless a place in it is bound anew: a place, a constant,
    what a class or a harmless function makes of such."""
    if view.key(index) or isinstance(view.nodes[index], Const):
        return True
    call = view.call_at(index)
    if call is None or not all(_is_plain(view, arg.value) for arg in call.node.args):
        return False
    callee = call.callee
    if callee is not None:
        return callee.facts.kind is FunctionKind.CLASS
    return view.module.project.catalog.is_harmless(call.target)


def _told(view: FunctionView, index: int, outcome: bool, known: Known) -> Iterator[tuple[int, bool]]:
    """The clauses of a condition whose outcome follows from that of the whole, each with its own: of an `and` that does
    not hold, the only one of which it is not known that it does."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "not":
        yield from _told(view, node.operands[0], not outcome, known)
    elif isinstance(node, Operation) and node.op in ("and", "or"):
        both = node.op == "and"
        open_ = [operand for operand in node.operands if _truth(view, operand, known) is not both]
        if outcome is both or len(open_) == 1:
            for operand in node.operands if outcome is both else open_:
                yield from _told(view, operand, outcome, known)
    else:
        yield index, outcome


_COMPARING = ("==", "!=", "is", "is not", "in", "not in", "<", ">", "<=", ">=")
_DENIED = {"!=": "==", "is not": "is", "not in": "in"}


def _spelled(view: FunctionView, node: Operation) -> tuple[str, bool]:
    """A comparison as a key: `a != b` is `a == b`, False."""
    left, right = (view.text(operand) for operand in node.operands)
    return f"{left} {_DENIED.get(node.op, node.op)} {right}", node.op not in _DENIED


def _given(view: FunctionView, store: int) -> object:
    """The node of what an assignment gives to a place, None for anything else."""
    value = view.assigned_value(store)
    return view.nodes[value] if value is not None else None


def _is_none(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Const) and node.kind == "none"


@lru_cache(maxsize=8192)
def _mentions(key: str, name: str) -> bool:
    """Whether a condition is about a place."""
    return any(part == name or part.startswith(f"{name}.") for part in _PLACE.findall(key))


def _known_at(view: FunctionView, block: int, watched: frozenset[str]) -> Known:
    """What holds at the beginning of a block whichever way led there: the tests of which all ways took the same side,
    where nothing has been bound anew behind them."""
    above = _dominators(view)
    found: set[tuple[str, bool]] = set()
    for at, test, branch in _tests_above(view, block):
        for key, positive in conditions(view, test, branch):
            if key in watched and not _is_bound_below(view, key, at, above):
                found.add((key, positive is branch))
            found |= {item for item in _implied(view, key, positive is branch, test) if item[0] in watched}
    return frozenset(found)


def _set_before(view: FunctionView, start: int, watched: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """What locals hold at a node that were bound to a constant on all ways to it (`done = False`), with nothing behind
    that could bind them anew before it."""
    if start < 0:
        return
    above = _dominators(view)
    around = list(view.loops_around(start))
    for name in watched:
        bound = view.facts.bound.get(name, ())
        before = [at for at in bound if at < start]
        if not before or before[-1] < 0 or name in view.facts.global_names:
            continue
        value = _given(view, before[-1])
        if not isinstance(value, Const) or not _dominates(above, view.block_of(before[-1]), view.block_of(start)):
            continue
        if any(name in child.facts.nonlocal_names for child in view.children):
            continue
        # what is bound behind the node comes round to it in a loop that does not begin with the constant
        loops = [loop for loop in around if not view.is_inside(view.region_of(before[-1]), loop)]
        later = (at for at in bound if at > start)
        if not any(view.is_inside(view.region_of(at), loop) for at in later for loop in loops[-1:]):
            yield name, bool(value.value)


def _dominates(above: list[int], first: int, block: int) -> bool:
    """Whether all ways to a block lead through another one."""
    while block >= 0 and block != first:
        block = above[block]
    return block == first


def _tests_above(view: FunctionView, block: int) -> Iterator[tuple[int, int, bool]]:
    """The tests of which all ways to a block took the same side, from below: the block where that side begins, what is
    asked, and the side."""
    above = _dominators(view)
    at = block
    while above[at] >= 0:
        before = above[at]
        test = _test_of(view, before)
        if test is not None and view.came_from.get(at) == [before]:
            yield at, test, view.blocks[before].next[0] == at
        at = before


def holding_at(view: FunctionView, index: int) -> set[str]:
    """The places that tests on all ways to a node have found to hold."""
    above = _dominators(view)
    return {
        key
        for at, test, branch in _tests_above(view, view.block_of(index))
        for key, positive in conditions(view, test, branch)
        if positive is branch and not _is_bound_below(view, key, at, above)
    }


def are_apart(view: FunctionView, one: int, other: int) -> bool:
    """Whether two nodes lie on different sides of one test."""
    sides = {test: branch for _, test, branch in _tests_above(view, view.block_of(one))}
    return any(sides.get(test, branch) is not branch for _, test, branch in _tests_above(view, view.block_of(other)))


def found_true(view: FunctionView, index: int, place: int) -> Iterator[CallSite]:
    """The questions that all ways to a node have asked of what stands at a place, by a method of it, and that were
    answered yes (`url.startswith("data:")`)."""
    key = view.key(place)
    above = _dominators(view) if key else []
    for at, test, branch in _tests_above(view, view.block_of(index)) if key else ():
        for clause, outcome in _told(view, test, branch, frozenset()):
            call = view.call_at(clause)
            if outcome and call is not None and call.receiver >= 0 and view.key(call.receiver) == key:
                if not _is_bound_below(view, key, at, above):
                    yield call


def said_of(view: FunctionView, index: int) -> Iterator[CallSite]:
    """The questions that all ways to a node have asked about it, as the first argument of a call, and that were
    answered yes (`isinstance(client, Client)`)."""
    key = view.key(index)
    above = _dominators(view) if key else []
    for at, test, branch in _tests_above(view, view.block_of(index)) if key else ():
        for clause, outcome in _told(view, test, branch, frozenset()):
            call = view.call_at(clause)
            if outcome and call is not None and call.positional and view.key(call.positional[0]) == key:
                if not _is_bound_below(view, key, at, above):
                    yield call


def is_of_another_type(view: FunctionView, index: int, place: int) -> bool:
    """Whether all ways to a node come by a test that says that what stands at a place is not of some type: what is
    known of it may not hold there."""
    key = view.key(place)
    above = _dominators(view)
    for at, test, branch in _tests_above(view, view.block_of(index)) if key else ():
        for clause, outcome in _told(view, test, branch, frozenset()):
            call = view.call_at(clause)
            if outcome or call is None or call.target != "builtins.isinstance" or len(call.positional) != 2:
                continue
            if view.key(call.positional[0]) == key and not _is_bound_below(view, key, at, above):
                return True
    return False


def types_told(view: FunctionView, index: int, place: int) -> Iterator[int]:
    """The types of which one, as tests on all ways to a node have found, is that of what stands at a place."""
    key = view.key(place)
    above = _dominators(view)
    for at, test, branch in _tests_above(view, view.block_of(index)) if key else ():
        for clause, outcome in _told(view, test, branch, frozenset()):
            call = view.call_at(clause)
            if not outcome or call is None or call.target != "builtins.isinstance" or len(call.positional) != 2:
                continue
            if view.key(call.positional[0]) == key and not _is_bound_below(view, key, at, above):
                types = view.nodes[call.positional[1]]
                yield from types.items if isinstance(types, Display) else call.positional[1:]


def _is_bound_below(view: FunctionView, key: str, block: int, above: list[int]) -> bool:
    """Whether a place that a condition is about is bound in a block to which all ways lead through another one."""
    for store in _bound_of(view, key):
        at = view.block_of(store) if store >= 0 else -1
        while at >= 0:
            if at == block:
                return True
            at = above[at]
    return False


_PLACE = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
"""A place in the spelling of a condition."""


def _dominators(view: FunctionView) -> list[int]:
    """For each block the nearest other one that all ways to it come through; -1 for the first, and for those to which
    no way leads."""
    known = view.module.dominators.get(view.index)
    if known is not None:
        return known
    order = _in_order(view)
    place = {block: at for at, block in enumerate(order)}
    before: dict[int, list[int]] = {}
    for index in order:
        for target in _targets(view, index):
            before.setdefault(target, []).append(index)
    above = [-1] * len(view.blocks)
    above[0] = 0
    changed = True
    while changed:
        changed = False
        for index in order[1:]:
            nearest = -1
            for source in before.get(index, ()):
                if above[source] < 0:
                    continue
                nearest = source if nearest < 0 else _common(above, place, source, nearest)
            if nearest != above[index]:
                above[index] = nearest
                changed = True
    above[0] = -1
    view.module.dominators[view.index] = above
    return above


def _common(above: list[int], place: dict[int, int], one: int, other: int) -> int:
    while one != other:
        while place[one] > place[other]:
            one = above[one]
        while place[other] > place[one]:
            other = above[other]
    return one


def _targets(view: FunctionView, index: int) -> list[int]:
    block = view.blocks[index]
    return [*block.next, block.on_error] if block.on_error >= 0 else block.next


def _in_order(view: FunctionView) -> list[int]:
    """The blocks that a way leads to, each behind those that lead to it, but for the ways back of loops."""
    done: list[int] = []
    seen = {0}
    pending = [(0, iter(_targets(view, 0)))]
    while pending:
        at, rest = pending[-1]
        target = next((target for target in rest if target not in seen), -1)
        if target < 0:
            done.append(at)
            pending.pop()
        else:
            seen.add(target)
            pending.append((target, iter(_targets(view, target))))
    return done[::-1]


def _known_before(view: FunctionView, block: int, watched: frozenset[str]) -> list[Known]:
    """What holds at the beginning of a block by the tests that lead there: a set for each way, where an `or` leaves
    several, or branches come together. Followed back as long as the ways are few."""
    done: list[Known] = []
    pending: list[tuple[int, Known, frozenset[str], int]] = [(block, frozenset(), frozenset(), 0)]
    seen: set[tuple[int, Known, frozenset[str]]] = set()
    while pending:
        at, known, bound, steps_back = pending.pop()
        if (at, known, bound) in seen:
            continue
        seen.add((at, known, bound))
        before = view.came_from.get(at, ())
        tested = [_test_of(view, source) for source in before]
        if not before or steps_back > _BACK or len(done) + len(pending) > _WAYS:
            done.append(known)
            continue
        for source, test in zip(before, tested, strict=True):
            stored = bound | {
                view.key(index)
                for index in range(view.blocks[source].start, view.blocks[source].end)
                if isinstance(view.nodes[index], (Store, StoreAttr))
            }
            branch = view.blocks[source].next[0] == at
            for way in _ways(view, test, branch) if test is not None else [[]]:
                learned = known | {
                    (key, truth)
                    for key, truth in way
                    if key in watched and not any(_mentions(key, name) for name in bound)
                }
                pending.append((source, learned, stored, steps_back + 1))
    return [known for known in dict.fromkeys(done) if not _contradicts(known)]


def _ways(view: FunctionView, test: int, branch: bool) -> list[list[tuple[str, bool]]]:
    """The ways in which a test can come out as it did, each with what holds then: an `or` holds by its first part, or
    by its second where the first does not hold."""
    node = view.nodes[test]
    if not (isinstance(node, Operation) and node.op == ("or" if branch else "and")):
        return [[(key, positive is branch) for key, positive in conditions(view, test, branch)]]
    ways = []
    for count, operand in enumerate(node.operands):
        way = [(key, positive is branch) for key, positive in conditions(view, operand, branch)]
        for before in node.operands[:count]:
            way += [(key, positive is not branch) for key, positive in conditions(view, before, not branch)]
        ways.append(way)
    return ways


_BACK = 60
"""Blocks that are followed back."""

_WAYS = 8
"""Ways that are told apart."""


def _contradicts(known: Known) -> bool:
    return any((key, not truth) in known for key, truth in known)


def _test_of(view: FunctionView, block: int) -> int | None:
    """The value whose truth the test at a block's end asks; None where it ends in none, or in the `case` of a `match`,
    which compares."""
    body = view.blocks[block]
    node = view.nodes[body.end - 1] if body.end > body.start and len(body.next) == 2 else None
    return node.value if isinstance(node, Test) and node.kind != "case" else None


def innermost(view: FunctionView, index: int, *kinds: RegionKind) -> int:
    """The innermost region of these kinds around a node; -1 if there is none."""
    return next((region for region in view.regions_around(index) if view.regions[region].kind in kinds), -1)


def names_read(view: FunctionView, index: int) -> set[str]:
    """The plain names that an expression reads."""
    found = set()
    for inner in view.operands_within(index):
        node = view.nodes[inner]
        if isinstance(node, Name):
            found.add(node.id)
    return found
