"""What a call leads to through the project's synchronous functions: the shortest chain of calls to what is asked for,
the same one every time.

The functions are walked breadth first, the calls of each in the order of evaluation. So of the shortest chains it is
the first, whatever was asked before, and cycles end by themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Const,
    FunctionKind,
    Name,
    Operation,
    RegionKind,
    Return,
    Store,
    StoreAttr,
    StoreItem,
    Subscript,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

Picks = Callable[["CallSite"], bool]

Into = Callable[["CallSite"], "Iterable[FunctionView]"]
"""The functions whose bodies a call leads into."""

Chain = tuple["CallSite", ...]
"""Calls, each made in the function that the one before runs."""

MAX_FUNCTIONS = 2_000
"""Functions that are looked at before a chain counts as not found."""

_SAME = frozenset({"abstract", "override", "staticmethod", "classmethod"})
"""Roles of decorators that leave a function what it is."""


def body_of(call: CallSite) -> FunctionView | None:
    """The project's synchronous function whose body runs, in this very thread, before the call returns; None where
    there is none, or that is not sure: one of several definitions, a decorator that may do anything with it."""
    callee = call.callee
    if callee is not None and callee.facts.kind is FunctionKind.CLASS:
        callee = callee.inherited("__init__") if not callee.decorators else None
    if callee is None or callee.facts.kind is not FunctionKind.DEF or callee.is_async or callee.facts.is_stub:
        return None
    if callee.facts.is_generator and not is_run_through(call, callee):
        return None
    if sum(not view.has_role("overload") for view in callee.alternatives) != 1:
        return None
    catalog = call.fn.module.project.catalog
    roles = {catalog.decorator(name) for name, _ in callee.decorators}
    return callee if roles <= (_SAME | {"contextmanager"}) else None


def _body(call: CallSite) -> tuple[FunctionView, ...]:
    body = body_of(call)
    return (body,) if body is not None else ()


def is_run_through(call: CallSite, callee: FunctionView) -> bool:
    """Whether a generator is run where it is made: by a loop, or by the `with` that enters it."""
    kind = call.use.kind
    return kind == "iterated" or (kind == "entered" and callee.has_role("contextmanager"))


def chain_of(call: CallSite, question: str, picks: Picks, *, surely: bool = False) -> Chain:
    """The shortest chain of calls that begins with this one, goes through bodies that run within it, and ends in one
    that `picks` holds for; empty if there is none. `surely`: of those bodies only calls count that no condition stands
    before. `question` names what is asked: answers are kept under it."""
    if picks(call):
        return (call,)
    body = body_of(call)
    if body is None:
        return ()
    rest = chain_in(body, question, picks, surely=surely)
    return (call, *rest) if rest else ()


def chain_in(
    view: FunctionView, question: str, picks: Picks, *, surely: bool = False, into: Into | None = None
) -> Chain:
    """The same from the beginning of a function: the shortest chain that begins with one of its calls. `into` says in
    place of `body_of` which bodies a call leads into."""
    kept = view.module.chains
    known = kept.get((question, view.index))
    if known is not None:
        return known
    came: dict[FunctionView, tuple[FunctionView, CallSite] | None] = {view: None}
    pending = deque([view])
    found: Chain = ()
    while pending and not found:
        current = pending.popleft()
        calls = [call for call in current.calls if not surely or not is_conditional(call)]
        for call in calls:
            if picks(call):
                found = (*_trail(came, current), call)
                break
        if found:
            break
        for call in calls:
            for body in (into or _body)(call):
                if body in came or len(came) >= MAX_FUNCTIONS:
                    continue
                if body.module.chains.get((question, body.index)) == ():
                    continue  # it leads nowhere: seen before
                came[body] = (current, call)
                pending.append(body)
    if found:
        kept[question, view.index] = found
    elif len(came) < MAX_FUNCTIONS:
        for visited in came:
            visited.module.chains[question, visited.index] = ()
    else:
        kept[question, view.index] = ()
    return found


_CONDITIONAL = frozenset({RegionKind.BRANCH, RegionKind.HANDLER, RegionKind.LOOP_ELSE})


def is_conditional(call: CallSite) -> bool:
    """Whether a call stands in an arm of a condition, in a handler, or in a loop that need not be entered
    (`while waits:`)."""
    fn = call.fn
    for region in fn.regions_around(call.index):
        facts = fn.regions[region]
        if facts.kind in _CONDITIONAL or (facts.kind is RegionKind.LOOP and _may_be_skipped(fn, facts.node, call)):
            return True
    inner = call.index
    for outer in fn.outwards(call.index):
        node = fn.nodes[outer]
        if isinstance(node, Operation) and node.op in ("and", "or", "if") and inner != node.operands[0]:
            return inner in node.operands
        inner = outer
    return False


def _may_be_skipped(fn: FunctionView, header: int, call: CallSite) -> bool:
    """Whether a call stands behind the test of a `while` that is no constant."""
    node = fn.nodes[header]
    return isinstance(node, Test) and header < call.index and not isinstance(fn.nodes[node.value], Const)


def is_for_both(call: CallSite) -> bool:
    """Whether what is called serves asynchronous callers too: on one of its ways it gives the coroutine of an async
    function, and what it does on the others is not for them."""
    body = body_of(call)
    return body is not None and any(
        isinstance(node, Return)
        and (made := body.call_at(node.value) if node.value >= 0 else None) is not None
        and made.callee is not None
        and made.callee.is_coroutine
        for node in body.nodes
    )


def is_once(chain: Chain) -> bool:
    """Whether what one of the calls of a chain gives, but for the first, is kept: the first caller waits, all others
    find it. Not where a function on the way has emptied that place before."""
    for at, call in enumerate(chain[1:], 1):
        if _is_flagged(call):
            return True
        places = _kept_for_later(call)
        if places and not any(_binds(earlier.fn, key) for earlier in chain[1:at] for key in places):
            return True
    return False


def _is_flagged(call: CallSite) -> bool:
    """Whether a call is made once, as a flag says that the function looks at before, and sets: `if done: return`, and
    `done = True`."""
    fn = call.fn
    flags = {
        place
        for node in fn.nodes
        if isinstance(node, Assign) and node.value >= 0 and isinstance(value := fn.nodes[node.value], Const)
        if value.kind == "bool" and value.value is True
        for target in node.targets
        if (place := _flag(fn, target))
    }
    return bool(flags) and any(
        _flag(fn, part) in flags
        for node in fn.nodes[: call.index]
        if isinstance(node, Test) and node.kind == "if"
        for part in fn.operands_within(node.value)
    )


def _flag(fn: FunctionView, index: int) -> str:
    """A place that outlives a function: an attribute, a name of an outer scope, an item of one of these."""
    node = fn.nodes[index]
    if isinstance(node, (Subscript, StoreItem)):
        base = _flag(fn, node.value)
        return f"{base}[{fn.text(node.index)}]" if base and isinstance(fn.nodes[node.index], Const) else ""
    key = fn.key(index) if isinstance(node, (Name, Attr, Store, StoreAttr)) else ""
    return key if key and _outlives(fn, key) else ""


def _binds(fn: FunctionView, key: str) -> bool:
    return any(isinstance(node, (Store, StoreAttr)) and fn.key(index) == key for index, node in enumerate(fn.nodes))


def _kept_for_later(call: CallSite) -> set[str]:
    """The places that outlive a function in which it keeps what a call gives, and has looked before it called."""
    fn = call.fn
    looked_at = {
        key
        for node in fn.nodes[: call.index]
        if isinstance(node, Test) and node.kind in ("if", "ifexp")
        for at in _looked_at(fn, node.value)
        if (key := fn.key(at)) and _outlives(fn, key)
    }
    return looked_at & _kept_in(fn, call.index) if looked_at else looked_at


def _looked_at(fn: FunctionView, test: int) -> Iterator[int]:
    """The places of which a condition only asks whether there is anything: `kept`, `not kept`, `kept is None`."""
    node = fn.nodes[test]
    if isinstance(node, (Name, Attr)):
        yield test
    elif isinstance(node, Operation) and node.op in ("not", "is", "is not"):
        yield from (at for at in node.operands if isinstance(fn.nodes[at], (Name, Attr)))


def _outlives(fn: FunctionView, key: str) -> bool:
    """Whether a place is still there when the function has ended: an attribute, or a name of an outer scope."""
    return "." in key or fn.bindings(key).scope is not fn


def _kept_in(fn: FunctionView, index: int) -> set[str]:
    """The places that what a call gives is put into, also by way of a local."""
    found: set[str] = set()
    around = set(fn.outwards(index))
    for node in fn.nodes[index:]:
        if not isinstance(node, Assign) or node.value < 0:
            continue
        made_of = (fn.nodes[at] for at in fn.operands_within(node.value))
        if node.value in around or any(isinstance(part, Name) and part.id in found for part in made_of):
            found.update(key for key in map(fn.key, node.targets) if key)
    return found


def is_dead(call: CallSite) -> bool:
    """Whether a call stands in an arm that a constant of the program rules out (`if _IS_SYNC:`)."""
    fn = call.fn
    return any(_constant(fn, test) is (not arm) for test, arm in _arms_around(call))


def is_for_sync(call: CallSite) -> bool:
    """Whether a call stands in an arm that is for callers who are not asynchronous, as a parameter says: `if sync:`."""
    fn = call.fn
    params = {param.name for param in fn.facts.params}
    for test, arm in _arms_around(call):
        node, holds = fn.nodes[test], arm
        while isinstance(node, Operation) and node.op == "not":
            node, holds = fn.nodes[node.operands[0]], not holds
        if isinstance(node, Name) and node.id in params:
            name = node.id.strip("_").removeprefix("is_").removeprefix("use_").removeprefix("run_")
            if (name in _SYNC and holds) or (name in _ASYNC and not holds):
                return True
    return False


def is_for_tests(call: CallSite) -> bool:
    """Whether a call stands in an arm that is for tests, as what is asked says (`if SLEEP_FOR_TESTING:`)."""
    fn = call.fn
    return any(arm and "testing" in fn.text(test).lower() for test, arm in _arms_around(call))


_SYNC = frozenset({"sync", "synchronous", "synchronously", "blocking"})
_ASYNC = frozenset({"async", "asynchronous", "asynchronously"})


def _arms_around(call: CallSite) -> Iterator[tuple[int, bool]]:
    """The conditions in whose arms a call stands, each with whether it is the arm where that holds."""
    fn = call.fn
    for region in fn.regions_around(call.index):
        facts = fn.regions[region]
        if facts.kind is not RegionKind.BRANCH:
            continue
        for index, block in enumerate(fn.blocks):
            test = fn.test_of(index)
            arms = [_landing(fn, target) for target in block.next]
            if test is not None and test.kind == "if" and facts.entry in arms and len(set(arms)) == 2:
                yield test.value, arms[0] == facts.entry


def is_last_resort(call: CallSite) -> bool:
    """Whether a call does in a handler what the `try` has given to a thread, where that cannot be had."""
    fn = call.fn
    catalog = fn.module.project.catalog
    regions = list(fn.regions_around(call.index))
    for at, region in enumerate(regions):
        if fn.regions[region].kind is not RegionKind.HANDLER:
            continue
        whole = regions[at + 1] if at + 1 < len(regions) else -1
        for other in fn.calls:
            spawner = catalog.spawner(other.target) or catalog.runner(other.target)
            if spawner is None or not spawner.thread or whole not in fn.regions_around(other.index):
                continue
            work = other.argument(spawner.work_keyword, spawner.work_position)
            if work is not None and work >= 0 and fn.text(work) == call.text:
                return True
    return False


def _landing(fn: FunctionView, block: int) -> int:
    """The first block with something in it on a plain way from a block."""
    seen: set[int] = set()
    while block not in seen and fn.blocks[block].start == fn.blocks[block].end and len(fn.blocks[block].next) == 1:
        seen.add(block)
        block = fn.blocks[block].next[0]
    return block


def _constant(fn: FunctionView, index: int) -> bool | None:
    """Whether a condition is true, where a constant says it."""
    node = fn.nodes[index]
    if isinstance(node, Operation) and node.op == "not":
        inner = _constant(fn, node.operands[0])
        return None if inner is None else not inner
    value = evaluate(fn, index) if isinstance(node, (Name, Attr, Const)) else None
    return bool(value.number) if value is not None and value.kind is ValueKind.BOOL else None


def _trail(came: dict[FunctionView, tuple[FunctionView, CallSite] | None], view: FunctionView) -> Chain:
    trail: list[CallSite] = []
    step = came[view]
    while step is not None:
        view, call = step
        trail.append(call)
        step = came[view]
    return tuple(reversed(trail))
