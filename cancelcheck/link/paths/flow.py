"""Questions about paths. Each answer is a witness: the blocks of a shortest path, the same one every time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.model.facts import BlockEnd, Call, Const, Exit, Jump, Name, Operation, RegionKind, Return, Test

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

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
        yield arrive(view, block.on_error, place.ways, "raise")
    if block.ends is BlockEnd.RAISE and not swallowed and not _swallows(view, place.block):
        return
    for target in block.next:
        resumes = view.blocks[target].resumes
        if resumes and place.ways and place.ways[-1] not in ("", resumes):
            continue
        yield arrive(view, target, place.ways, block.leaves or "end")


def arrive(view: FunctionView, target: int, ways: tuple[str, ...], way: str) -> Place:
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
