"""What holds at a node, by the tests that lead there, and how conditions go together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Const,
    Display,
    FunctionKind,
    Name,
    Operation,
    Store,
    StoreAttr,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

Known = frozenset[tuple[str, bool]]
"""Which plain conditions hold on a path, and which do not."""


def watched_in(view: FunctionView) -> frozenset[str]:
    """The conditions that are tested more than once, or that are about a name that is bound to a constant."""
    known = view.module.watched.get(view.index)
    if known is None:
        seen: dict[str, int] = {}
        for index, node in enumerate(view.nodes):
            if isinstance(node, Test) and node.kind != "case":
                for key, _ in conditions(view, node.value):
                    seen[key] = seen.get(key, 0) + 1
            elif isinstance(node, (Store, StoreAttr)) and isinstance(given_by(view, index), Const):
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


def implied_by(view: FunctionView, key: str, truth: bool, test: int) -> Iterator[tuple[str, bool]]:
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
            for operand in node.operands if outcome is both else open_:
                yield from clauses_told(view, operand, outcome, known)
    else:
        yield index, outcome


_COMPARING = ("==", "!=", "is", "is not", "in", "not in", "<", ">", "<=", ">=")
_DENIED = {"!=": "==", "is not": "is", "not in": "in"}


def _spelled(view: FunctionView, node: Operation) -> tuple[str, bool]:
    """A comparison as a key: `a != b` is `a == b`, False."""
    left, right = (view.text(operand) for operand in node.operands)
    return f"{left} {_DENIED.get(node.op, node.op)} {right}", node.op not in _DENIED


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


def known_at(view: FunctionView, block: int, watched: frozenset[str]) -> Known:
    """What holds at the beginning of a block whichever way led there: the tests of which all ways took the same side,
    where nothing has been bound anew behind them."""
    above = _dominators(view)
    found: set[tuple[str, bool]] = set()
    for at, test, branch in _tests_above(view, block):
        for key, positive in conditions(view, test, branch):
            if key in watched and not _is_bound_below(view, key, at, above):
                found.add((key, positive is branch))
            found |= {item for item in implied_by(view, key, positive is branch, test) if item[0] in watched}
    return frozenset(found)


def set_before(view: FunctionView, start: int, watched: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """What locals hold at a node that were bound to a constant on all ways to it (`done = False`), or to an instance of
    a class of the project, with nothing behind that could bind them anew before it."""
    if start < 0:
        return
    above = _dominators(view)
    around = list(view.loops_around(start))
    for name in watched:
        bound = view.facts.bound.get(name, ())
        before = [at for at in bound if at < start]
        if not before or before[-1] < 0 or name in view.facts.global_names:
            continue
        truth = _truth_given(view, before[-1])
        if truth is None or not _dominates(above, view.block_of(before[-1]), view.block_of(start)):
            continue
        if any(name in child.facts.nonlocal_names for child in view.children):
            continue
        # what is bound behind the node comes round to it in a loop that does not begin with the constant
        loops = [loop for loop in around if not view.is_inside(view.region_of(before[-1]), loop)]
        later = (at for at in bound if at > start)
        if not any(view.is_inside(view.region_of(at), loop) for at in later for loop in loops[-1:]):
            yield name, truth


def _truth_given(view: FunctionView, store: int) -> bool | None:
    """Whether what an assignment gives to a place is true: a constant, or an instance that is made there."""
    value = view.assigned_value(store)
    node = view.nodes[value] if value is not None else None
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
        test = _test_of(view, before)
        if test is not None and view.came_from.get(at) == [before]:
            yield at, test, view.blocks[before].next[0] == at
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
    """The clauses of conditions of which all ways to a node know the outcome, each with it, where nothing behind them
    binds anew what they are about."""
    above = _dominators(view)
    for at, test, branch in _tests_above(view, view.block_of(index)):
        for clause, outcome in clauses_told(view, test, branch, frozenset()):
            if not any(_is_bound_below(view, key, at, above) for key, _ in conditions(view, clause)):
                yield clause, outcome


def are_apart(view: FunctionView, one: int, other: int) -> bool:
    """Whether two nodes lie on different sides of one test."""
    sides = {test: branch for _, test, branch in _tests_above(view, view.block_of(one))}
    return any(sides.get(test, branch) is not branch for _, test, branch in _tests_above(view, view.block_of(other)))


def found_true(view: FunctionView, index: int, place: int) -> Iterator[CallSite]:
    """The questions that all ways to a node have asked of what stands at a place, by a method of it, and that were
    answered yes (`url.startswith("data:")`)."""
    key = view.key(place)
    for call, outcome in _asked_about(view, index, key):
        if outcome and call.receiver >= 0 and view.key(call.receiver) == key:
            yield call


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


def said_of(view: FunctionView, index: int) -> Iterator[CallSite]:
    """The questions that all ways to a node have asked about it, as the first argument of a call, and that were
    answered yes (`isinstance(client, Client)`)."""
    key = view.key(index)
    for call, outcome in _asked_about(view, index, key):
        if outcome and call.positional and view.key(call.positional[0]) == key:
            yield call


def is_of_another_type(view: FunctionView, index: int, place: int) -> bool:
    """Whether all ways to a node come by a test that says that what stands at a place is not of some type: what is
    known of it may not hold there."""
    key = view.key(place)
    return any(not outcome and asks_type(call, key) for call, outcome in _asked_about(view, index, key))


def types_told(view: FunctionView, index: int, place: int) -> Iterator[int]:
    """The types of which one, as tests on all ways to a node have found, is that of what stands at a place."""
    key = view.key(place)
    for call, outcome in _asked_about(view, index, key):
        if outcome and asks_type(call, key):
            types = view.nodes[call.positional[1]]
            yield from types.items if isinstance(types, Display) else call.positional[1:]


def _asked_about(view: FunctionView, index: int, key: str) -> Iterator[tuple[CallSite, bool]]:
    """The calls of which all ways to a node know the outcome, each with it: those of a method of what stands at a
    place, and those that are given it first, with nothing behind them that binds it anew. None without a key."""
    if not key:
        return
    above = _dominators(view)
    for at, test, branch in _tests_above(view, view.block_of(index)):
        for clause, outcome in clauses_told(view, test, branch, frozenset()):
            call = view.call_at(clause)
            if call is None:
                continue
            about = (call.receiver, *call.positional[:1])
            if any(place >= 0 and view.key(place) == key for place in about):
                if not _is_bound_below(view, key, at, above):
                    yield call, outcome


def asks_type(call: CallSite, key: str) -> bool:
    """Whether a call asks for the type of what stands at a place."""
    return call.target == "builtins.isinstance" and len(call.positional) == 2 and call.fn.key(call.positional[0]) == key


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


def known_before(view: FunctionView, block: int, watched: frozenset[str]) -> list[Known]:
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
                    if key in watched and not any(is_about(key, name) for name in bound)
                }
                pending.append((source, learned, stored, steps_back + 1))
    return [known for known in dict.fromkeys(done) if not contradicts(known)]


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


_BACK = 60
"""Blocks that are followed back."""

_WAYS = 8
"""Ways that are told apart."""


def contradicts(known: Known) -> bool:
    """Whether something is known to hold and not to."""
    return any((key, not truth) in known for key, truth in known)


def _test_of(view: FunctionView, block: int) -> int | None:
    """The value whose truth the test at a block's end asks; None where it ends in none, or in the `case` of a `match`,
    which compares."""
    body = view.blocks[block]
    node = view.nodes[body.end - 1] if body.end > body.start and len(body.next) == 2 else None
    return node.value if isinstance(node, Test) and node.kind != "case" else None
