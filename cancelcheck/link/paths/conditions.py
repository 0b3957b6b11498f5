"""What holds at a node, by the tests that lead there, and how conditions go together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial, reduce
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.lazily import remembered
from cancelcheck.model.facts import Assign, Attr, Call, Const, FunctionKind, Operation, Store, StoreAttr, Test

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

Known = frozenset[tuple[str, bool]]
"""Which plain conditions hold on a path, and which do not."""


def watched_in(view: FunctionView) -> frozenset[str]:
    """The conditions that are tested more than once, or that are about a name that is bound to a constant."""
    return remembered(view.module.watched, view.index, lambda: _watched(view))


def _watched(view: FunctionView) -> frozenset[str]:
    seen = Counter(key for _, node in view.all_of(Test) for key, _ in conditions(view, node.value))
    for stores in (view.all_of(Store), view.all_of(StoreAttr)):
        seen.update(view.key(index) for index, _ in stores if isinstance(given_by(view, index), Const))
    for told in _flags(view).values():
        seen.update(flag.name for flag in told)
    return frozenset(key for key, count in seen.items() if count > 1)


class Flag(NamedTuple):
    """A local that is bound once, to what a plain condition says (`lent = session is not None`): where, and whether it
    is true where the condition's key holds."""

    name: str
    store: int
    positive: bool


def _flags(view: FunctionView) -> dict[str, list[Flag]]:
    """The flags of a function, by what they are about."""
    return remembered(view.module.flags, view.index, lambda: _told_by_flags(view))


def _told_by_flags(view: FunctionView) -> dict[str, list[Flag]]:
    found: dict[str, list[Flag]] = {}
    for name, bound in view.facts.bound.items():
        value = view.assigned_value(bound[0]) if len(bound) == 1 else None
        told = list(conditions(view, value)) if value is not None and not _is_joined(view, value) else []
        if len(told) == 1:
            found.setdefault(told[0][0], []).append(Flag(name, bound[0], told[0][1]))
    return found


def _is_joined(view: FunctionView, index: int) -> bool:
    """Whether an expression is made of several conditions: one of them says nothing of the whole."""
    return any(getattr(view.nodes[at], "op", "") in ("and", "or") for at in view.operands_within(index))


def implied_by(view: FunctionView, key: str, truth: bool, test: int) -> Iterator[tuple[str, bool]]:
    """What flags say where a condition has come out one way at a node: those that were bound to what it says before,
    with nothing that it is about bound anew since."""
    for flag in _flags(view).get(key, ()):
        if flag.store < test and not any(flag.store < at < test for at in stores_of(view, key)):
            yield flag.name, truth is flag.positive


def stores_of(view: FunctionView, key: str) -> Iterator[int]:
    """The nodes that bind a place, or one that a condition is about."""
    for part in _PLACE.findall(key):
        for place in accumulate(part.split("."), "{}.{}".format):
            yield from view.facts.bound.get(place, ())
            yield from view.attributes_stored.get(place, ())


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
        if len(node.operands) != 2:
            return
        denied = node.op in _DENIED
        if _is_none(view, node.operands[1]):
            for key, positive in conditions(view, node.operands[0], branch):
                yield key, positive is denied
        elif all(_is_plain(view, part) for part in node.operands):
            left, right = (view.text(operand) for operand in node.operands)
            yield f"{left} {_DENIED.get(node.op, node.op)} {right}", not denied
    elif isinstance(node, Assign):
        # `if (found := …)`: what is bound there comes out as the whole
        for target in node.targets:
            yield view.key(target), True
        yield from conditions(view, node.value, branch)
    elif key := view.key(index):
        yield key, True


def truth_of(view: FunctionView, index: int, known: Known) -> bool | None:
    """How a condition comes out by what is known; None where that does not say."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "not":
        inner = truth_of(view, node.operands[0], known)
        return None if inner is None else not inner
    if isinstance(node, Operation) and node.op in ("and", "or"):
        parts = [truth_of(view, operand, known) for operand in node.operands]
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


def clauses_told(view: FunctionView, index: int, outcome: bool, known: Known) -> Iterator[tuple[int, bool]]:
    """The clauses of a condition whose outcome follows from that of the whole, each with its own: of an `and` that does
    not hold, the only one of which it is not known that it does."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "not":
        yield from clauses_told(view, node.operands[0], not outcome, known)
    elif isinstance(node, Operation) and node.op in ("and", "or"):
        both = node.op == "and"
        open_ = [operand for operand in node.operands if truth_of(view, operand, known) is not both]
        if outcome is both or len(open_) == 1:
            for operand in open_:
                yield from clauses_told(view, operand, outcome, known)
    else:
        yield index, outcome


_DENIED = {"!=": "==", "is not": "is", "not in": "in"}
"""Comparisons that are spelled as their contrary: `a != b` is `a == b`, False."""


def given_by(view: FunctionView, store: int) -> object:
    """The node of what an assignment gives to a place, None for anything else."""
    value = view.assigned_value(store)
    return view.nodes[value] if value is not None else None


def _is_none(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Const) and node.kind == "none"


@lru_cache(maxsize=8192)
def is_about(key: str, name: str) -> bool:
    """Whether a condition is about a place."""
    return any(part == name or part.startswith(f"{name}.") for part in _PLACE.findall(key))


def known_at(view: FunctionView, block: int) -> Known:
    """What holds at the beginning of a block whichever way led there: the tests of which all ways took the same side,
    where nothing has been bound anew behind them."""
    above = _dominators(view)
    found: set[tuple[str, bool]] = set()
    for at, test, branch in _tests_above(view, block):
        for key, positive in conditions(view, test, branch):
            if not _is_bound_below(view, key, at, above):
                found.add((key, positive is branch))
            found.update(implied_by(view, key, positive is branch, test))
    return frozenset(found)


def set_before(view: FunctionView, start: int, watched: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """What locals hold at a node that were bound to a constant on all ways to it (`done = False`), or to an instance of
    a class of the project, with nothing behind that could bind them anew before it."""
    for name in watched - set(view.facts.global_names):
        truth = _truth_before(view, start, view.facts.bound.get(name, ()))
        if truth is not None and not any(name in child.facts.nonlocal_names for child in view.children):
            yield name, truth


def _truth_before(view: FunctionView, start: int, bound: Sequence[int]) -> bool | None:
    """Whether what a local that is bound at some nodes holds at another one is true, as it was given on all ways."""
    before = [at for at in bound if at < start]
    truth = _truth_given(view, before[-1]) if before else None
    if truth is None or not _dominates(_dominators(view), view.block_of(before[-1]), view.block_of(start)):
        return None
    # what is bound behind the node comes round to it in a loop that does not begin with the constant
    loops = [loop for loop in view.loops_around(start) if not view.is_inside(view.region_of(before[-1]), loop)]
    later = (at for at in bound if at > start)
    return None if any(view.is_inside(view.region_of(at), loop) for at in later for loop in loops[-1:]) else truth


def _truth_given(view: FunctionView, store: int) -> bool | None:
    """Whether what an assignment gives to a place is true: a constant, or an instance that is made there."""
    node = given_by(view, store)
    if isinstance(node, Const):
        return bool(node.value)
    cls = view.definition_of(node.func) if isinstance(node, Call) else None
    return True if cls is not None and cls.facts.kind is FunctionKind.CLASS else None


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
        test = view.test_of(before)
        if test is not None and view.came_from.get(at) == [before]:
            yield at, test.value, view.blocks[before].next[0] == at
        at = before


def tests_before(view: FunctionView, index: int) -> Iterator[int]:
    """What is asked on all ways to a node, with one answer, from below."""
    for _, test, _ in _tests_above(view, view.block_of(index)):
        yield test


def holding_at(view: FunctionView, index: int) -> set[str]:
    """The places that tests on all ways to a node have found to hold."""
    return {key for key, holds in said_at(view, index) if holds}


def said_at(view: FunctionView, index: int) -> set[tuple[str, bool]]:
    """The places of which tests on all ways to a node have found whether they hold."""
    above = _dominators(view)
    return {
        (key, positive is branch)
        for at, test, branch in _tests_above(view, view.block_of(index))
        for key, positive in conditions(view, test, branch)
        if not _is_bound_below(view, key, at, above)
    }


def told_at(view: FunctionView, index: int) -> Iterator[tuple[int, bool]]:
    """The clauses of conditions of which all ways to a node know the outcome, each with it, whatever has been bound
    anew since."""
    for _, test, branch in _tests_above(view, view.block_of(index)):
        yield from clauses_told(view, test, branch, frozenset())


def are_apart(view: FunctionView, one: int, other: int) -> bool:
    """Whether two nodes lie on different sides of one test."""
    sides = {test: branch for _, test, branch in _tests_above(view, view.block_of(one))}
    return any(sides.get(test, branch) is not branch for _, test, branch in _tests_above(view, view.block_of(other)))


def found_true(view: FunctionView, index: int, place: int) -> Iterator[CallSite]:
    """The questions that all ways to a node have asked of what stands at a place, by a method of it, and that were
    answered yes (`url.startswith("data:")`)."""
    return (call for call, outcome in _asked(view, index, place, lambda call: call.receiver) if outcome)


def found_equal(view: FunctionView, index: int, attribute: str) -> Iterator[tuple[int, int]]:
    """What all ways to a node have found an attribute of this name to be equal to (`parsed.scheme == "data"`), also one
    that was kept in a local before: the node of which it is an attribute, and the node of what it is equal to."""
    for clause, outcome in told_at(view, index):
        node = view.nodes[clause]
        if outcome and isinstance(node, Operation) and node.op == "==":
            kept = view.local_value(node.operands[0])
            left = view.nodes[node.operands[0] if kept is None else kept]
            if isinstance(left, Attr) and left.attr == attribute:
                yield left.value, node.operands[1]


def types_told(view: FunctionView, index: int, place: int) -> Iterator[tuple[int, bool]]:
    """Of which types, one or several, tests on all ways to a node have asked whether what stands at a place is, and the
    answers (`isinstance(client, Client)`)."""
    for call, outcome in _asked(view, index, place, lambda call: next(iter(call.positional), -1)):
        if call.target == "builtins.isinstance":
            yield from ((types, outcome) for types in call.positional[1:])


def _asked(
    view: FunctionView, index: int, place: int, about: Callable[[CallSite], int]
) -> Iterator[tuple[CallSite, bool]]:
    """The calls of which all ways to a node know the outcome, each with it, that are about what stands at a place, with
    nothing behind them that binds it anew."""
    key = view.key(place)
    above = _dominators(view)
    for at, test, branch in _tests_above(view, view.block_of(index)) if key else ():
        for clause, outcome in clauses_told(view, test, branch, frozenset()):
            call = view.call_at(clause)
            if call is not None and view.key(about(call)) == key and not _is_bound_below(view, key, at, above):
                yield call, outcome


def _is_bound_below(view: FunctionView, key: str, block: int, above: list[int]) -> bool:
    """Whether a place that a condition is about is bound in a block to which all ways lead through another one."""
    for store in stores_of(view, key):
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
    return remembered(view.module.dominators, view.index, lambda: _nearest_above(view))


def _nearest_above(view: FunctionView) -> list[int]:
    order = _in_order(view)
    place = {block: at for at, block in enumerate(order)}
    before: dict[int, list[int]] = {}
    for index in order:
        for target in _targets(view, index):
            before.setdefault(target, []).append(index)
    above: dict[int, int] = {order[0]: -1}
    # no loop is entered but by its beginning: but for the ways back, all that come before a block have been told
    for index in order[1:]:
        above[index] = reduce(partial(_common, above, place), (source for source in before[index] if source in above))
    return [above.get(block, -1) for block in range(len(view.blocks))]


def _common(above: dict[int, int], place: dict[int, int], one: int, other: int) -> int:
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


def known_before(view: FunctionView, block: int, upto: int, watched: frozenset[str]) -> list[Known]:
    """What holds at a node of a block by the tests that lead there: a set for each way, where an `or` leaves several,
    or branches come together. Followed back as long as the ways are few."""
    done: list[Known] = []
    pending = [(block, Known(), _stored(view, view.blocks[block].start, upto))]
    seen = set(pending)
    while pending:
        at, known, bound = pending.pop()
        before = view.came_from.get(at)
        if before is None or len(done) + len(pending) > _WAYS:
            done.append(known)
            continue
        for source in before:
            test = view.test_of(source)
            stored = bound | _stored(view, view.blocks[source].start, view.blocks[source].end)
            branch = view.blocks[source].next[0] == at
            for way in _ways(view, test.value, branch) if test is not None else [[]]:
                learned = known | {
                    (key, truth)
                    for key, truth in way
                    if key in watched and not any(is_about(key, name) for name in bound)
                }
                if (source, learned, stored) not in seen:
                    seen.add((source, learned, stored))
                    pending.append((source, learned, stored))
    return [known for known in dict.fromkeys(done) if not contradicts(known)]


def _stored(view: FunctionView, first: int, end: int) -> frozenset[str]:
    """The places that are bound in a run of nodes."""
    return frozenset(view.key(at) for at in range(first, end) if isinstance(view.nodes[at], (Store, StoreAttr)))


def _ways(view: FunctionView, test: int, branch: bool) -> list[list[tuple[str, bool]]]:
    """The ways in which a test can come out as it did, each with what holds then: an `or` holds by its first part, or
    by its second where the first does not hold."""
    node = view.nodes[test]
    while isinstance(node, Operation) and node.op == "not":
        test, branch = node.operands[0], not branch
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


_WAYS = 8
"""Ways that are told apart."""


def contradicts(known: Known) -> bool:
    """Whether something is known to hold and not to."""
    return any((key, not truth) in known for key, truth in known)
