"""Points in time: which clock they are on, and whether they bound a wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog.schema import Clock, ClockSink, Kind
from cancelcheck.link.imports import access_to
from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.link.paths.flow import always_leaves
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Const,
    FunctionKind,
    Name,
    Operation,
    RegionKind,
    Store,
    StoreAttr,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Deadline(NamedTuple):
    """A point in time, or a remaining time, on the wall clock that bounds a wait. `node` computes it; `bounds` are the
    places where it does so; `clocks` the clock reads that take part, where these are all there are. `paces`: it only
    says when a loop that sleeps does something again."""

    node: int
    bounds: tuple[tuple[FunctionView, int], ...]
    clocks: tuple[int, ...] = ()
    paces: bool = False


_MEETING = ("<", "<=", ">", ">=", "-")
"""How two points in time meet, or a time that has gone by and the time that is given."""

_NAMES = ("deadline",)
"""What a point in time that bounds a wait is called; one that is returned or stored under such a name counts."""

_DURATIONS = ("timeout", "wait", "delay", "seconds", "duration", "limit", "interval")
"""Parts of the name of a duration."""


def clock_of(view: FunctionView, index: int) -> tuple[Clock | None, int]:
    """The clock that a point in time is on, and the read of it: `time.time()`, `time.time() + 5`, or a local that is
    bound once to one of these. None for anything else."""
    node = view.nodes[index]
    call = view.call_at(index)
    if call is not None:
        entry = view.module.project.catalog.clock(call.target)
        if entry is not None:
            return entry.clock, index
        func = view.nodes[call.node.func]
        return clock_of(view, func.value) if isinstance(func, Attr) and func.attr == "timestamp" else (None, index)
    if isinstance(node, Operation) and node.op in ("+", "-") and len(node.operands) == 2:
        left, at = clock_of(view, node.operands[0])
        right, other = clock_of(view, node.operands[1])
        if right is None:
            return left, at
        return (right, other) if left is None and node.op == "+" else (None, index)
    value = view.local_value(index)
    return clock_of(view, value) if value is not None else (None, index)


class Handed(NamedTuple):
    """A point in time that is handed to what reads another clock: the node, where its clock is read, that clock, what
    takes it, and the call, None for an attribute that is set."""

    node: int
    read: int
    clock: Clock
    sink: ClockSink
    call: CallSite | None


def on_wrong_clocks(view: FunctionView) -> Iterator[Handed]:
    """The points in time of a function that are handed to what reads another clock, in order."""
    for call in view.told_calls:
        for sink in view.module.project.catalog.clock_sinks(call.target):
            argument = call.seen_argument(sink.keyword, sink.position)
            if argument is not None:
                yield from _misread(view, argument, sink, call)
    for _, node in view.all_of(Assign):
        for target in node.targets if not node.op else ():
            yield from _set_on_scope(view, target, node.value)


def _set_on_scope(view: FunctionView, target: int, value: int) -> Iterator[Handed]:
    """What sets the attribute of an object under the name by which its constructor takes a point in time."""
    node = view.nodes[target]
    if not isinstance(node, StoreAttr) or node.attr not in _NAMES:
        return
    instance = view.instance(node.value)
    for sink in view.module.project.catalog.clock_sinks(instance.type) if instance is not None else ():
        if sink.keyword == node.attr:
            yield from _misread(view, value, sink, None)


def _misread(view: FunctionView, index: int, sink: ClockSink, call: CallSite | None) -> Iterator[Handed]:
    clock, at = clock_of(view, index)
    # asyncio's loop clock is time.monotonic(); trio's is one of its own
    same = {sink.clock, Clock.MONOTONIC} if sink.clock is Clock.LOOP else {sink.clock}
    if clock is not None and clock not in same:
        yield Handed(index, at, clock, sink, call)


def _reads_wall(view: FunctionView, index: int) -> bool:
    call = view.call_at(index)
    if call is None:
        return False
    entry = view.module.project.catalog.clock(call.target)
    return entry is not None and entry.clock is Clock.WALL


def deadlines(view: FunctionView) -> list[Deadline]:
    """The wall-clock deadlines of a function, in the order of the text.

    Two forms: `deadline = now() + timeout`, compared with `now()` or subtracted from it where that bounds a wait; and
    `now() - start < timeout`, or `start + timeout` for the first form, where `start = now()`.
    """
    found: list[Deadline | None] = []
    for call in view.told_calls:
        if not _reads_wall(view, call.index):
            continue
        parent = view.user_of(call.index)
        if isinstance(parent, Operation) and parent.op == "+":
            found.append(_absolute(view, call.node.parent))
        elif isinstance(parent, Operation) and parent.op == "-" and parent.operands[:-1] == [call.index]:
            found.append(_since_attribute(view, call.node.parent))
        elif isinstance(parent, Assign) and len(parent.targets) == 1:
            found += _elapsed(view, call, parent)
    # a local that is set at more than one place is found from each
    return list({deadline.node: deadline for deadline in reversed(found) if deadline is not None}.values())[::-1]


_WITH_LOCALS = (FunctionKind.DEF, FunctionKind.MODULE)
"""What has locals that are followed; a script's own body counts."""


def _absolute(view: FunctionView, total: int) -> Deadline | None:
    """`now() + timeout`, kept in a local or on an attribute, or compared in place."""
    use = view.use(total)
    if use.kind == "bound" and view.facts.kind in _WITH_LOCALS:
        return _kept(view, total, use.name)
    if use.kind in ("stored", "returned"):
        return _sent_out(view, total, use.kind, use.node)
    return None


def _kept(view: FunctionView, total: int, name: str) -> Deadline | None:
    bounds: list[tuple[FunctionView, int]] = []
    clocks = _wall_reads(view, total)
    local = view.facts.kind is FunctionKind.DEF
    for reader, at in view.reads(name):
        comparison = _against_now(reader, at)
        if comparison is None:
            local = False
            use = reader.use(at)
            if use.kind in ("returned", "stored") and _is_deadline_name(name) and _from_duration(view, total):
                bounds.append((reader, at))
            continue
        if reader is view:
            clocks += comparison.reads
        local &= reader is view and comparison.whole
        if bounds_wait(reader, comparison.at):
            bounds.append((reader, comparison.at))
    if len(view.facts.bound.get(name, ())) > 1:
        local = False
    return Deadline(total, tuple(bounds), tuple(dict.fromkeys(clocks)) if local else ()) if bounds else None


def _is_deadline_name(name: str) -> bool:
    return any(part in name.lower() for part in _NAMES)


def _from_duration(view: FunctionView, total: int) -> bool:
    """Whether what is added to the clock is called a timeout."""
    for index in view.operands_within(total):
        node = view.nodes[index]
        name = node.id if isinstance(node, Name) else node.attr if isinstance(node, Attr) else ""
        if any(part in name.lower() for part in _DURATIONS):
            return True
    return False


def _sent_out(view: FunctionView, total: int, kind: str, statement: int) -> Deadline | None:
    """A deadline that is stored on an attribute, or returned: it counts where a method of the class waits by it, or
    where its name says that it is one and it is made from a timeout."""
    name = ""
    if kind == "stored":
        assign = view.nodes[statement]
        assert isinstance(assign, Assign)
        target = view.nodes[assign.targets[0]]
        if isinstance(target, StoreAttr):
            name = target.attr
            owner = view.owner
            compared = [
                (method, comparison.at)
                for method in (owner.children if owner is not None else [])
                for at, node in enumerate(method.nodes)
                if isinstance(node, Attr) and node.attr == name
                for comparison in [_against_now(method, at)]
                if comparison is not None
            ]
            bounds = [(method, at) for method, at in compared if bounds_wait(method, at)]
            if bounds:
                return Deadline(total, tuple(bounds))
            paced = [(method, at) for method, at in compared if _paces(method, at)]
            if paced and not _is_deadline_name(name) and _from_duration(view, total):
                return Deadline(total, tuple(paced), paces=True)
    elif kind == "returned":
        name = view.name
    if _is_deadline_name(name) and _from_duration(view, total):
        return Deadline(total, ((view, statement),))
    return None


class _Meeting(NamedTuple):
    """The comparison or subtraction in which a point in time meets the wall clock's now, and the reads of the clock;
    `whole`: these reads are for nothing else."""

    at: int
    reads: list[int]
    whole: bool


def _against_now(view: FunctionView, index: int) -> _Meeting | None:
    """Where a point in time meets the wall clock's now, which may be in a local."""
    at, node = view.nodes[index].parent, view.user_of(index)
    if isinstance(node, Operation) and node.op in _MEETING and len(node.operands) == 2:
        other = node.operands[1] if node.operands[0] == index else node.operands[0]
        reads = _wall_reads(view, other)
        if reads:
            return _Meeting(at, reads, True)
        clock, read = clock_of(view, other)
        if clock is Clock.WALL:
            now = view.nodes[other]
            return _Meeting(at, [read], isinstance(now, Name) and [at for _, at in view.reads(now.id)] == [other])
    return None


def _wall_reads(view: FunctionView, index: int) -> list[int]:
    """The reads of the wall clock in an expression."""
    return [at for at in view.operands_within(index) if _reads_wall(view, at)]


def _elapsed(view: FunctionView, call: CallSite, assign: Assign) -> list[Deadline]:
    """`start = now()`, then `now() - start` compared with a timeout, or `start + timeout` with now."""
    target = view.nodes[assign.targets[0]]
    if not isinstance(target, Store) or view.facts.kind not in _WITH_LOCALS:
        return []
    bounds: list[tuple[FunctionView, int]] = []
    sums: list[Deadline] = []
    clocks = [call.index]
    local = view.facts.kind is FunctionKind.DEF and len(view.facts.bound.get(target.id, ())) == 1
    node = -1
    for reader, at in view.reads(target.id):
        added = view.user_of(at) if reader is view else None
        if isinstance(added, Operation) and added.op == "+":
            later = _added(view, view.nodes[at].parent)
            if later is not None:
                sums.append(later)
                clocks += later.clocks
            local &= later is not None and bool(later.clocks)
            continue
        comparison = _against_now(reader, at)
        if comparison is None or reader is not view:
            local = False
            continue
        difference = view.nodes[comparison.at]
        assert isinstance(difference, Operation)
        clocks += comparison.reads
        local &= comparison.whole
        if difference.op != "-" or difference.operands[1] != at:
            local = False
            continue
        wait = _bounding(view, comparison.at)
        if wait >= 0:
            bounds.append((view, wait))
            node = comparison.at if node < 0 else node
        elif isinstance(view.nodes[_outward(view, comparison.at)], Assign):
            local = False
    all_reads = tuple(dict.fromkeys(clocks)) if local else ()
    found = [later._replace(clocks=all_reads) for later in sums]
    if bounds:
        found.append(Deadline(node, tuple(bounds), all_reads))
    return found


def _added(view: FunctionView, total: int) -> Deadline | None:
    """`start + timeout`, compared with now in place or through a local. Where it is compared with another point in the
    future (`now + delay < deadline`), that one is the deadline."""
    direct = _against_now(view, total)
    if direct is not None:
        compared = view.nodes[direct.at]
        assert isinstance(compared, Operation)
        other = compared.operands[1] if compared.operands[0] == total else compared.operands[0]
        if not bounds_wait(view, direct.at) or not (_wall_reads(view, other) or _holds_now(view, other)):
            return None
        return Deadline(total, ((view, direct.at),), tuple(direct.reads) if direct.whole else ())
    use = view.use(total)
    return _kept(view, total, use.name) if use.kind == "bound" else None


def _holds_now(view: FunctionView, index: int) -> bool:
    """Whether a local is bound once, to the wall clock's now."""
    value = view.local_value(index)
    return value is not None and _reads_wall(view, value)


def _since_attribute(view: FunctionView, difference: int) -> Deadline | None:
    """`now() - self.start` compared with a timeout, where all that the class stores there is the wall clock's now."""
    node = view.nodes[difference]
    assert isinstance(node, Operation)
    start = view.nodes[node.operands[1]]
    if (
        not isinstance(start, Attr)
        or view.owner is None
        or view.key(node.operands[1]) != f"{view.self_name}.{start.attr}"
    ):
        return None
    stores = view.owner.attribute_stores.get(start.attr, [])
    for holder, at in stores:
        assign = holder.nodes[holder.nodes[at].parent]
        if not isinstance(assign, Assign) or assign.value < 0 or assign.op or not _is_time(holder, assign.value):
            return None
    wait = _bounding(view, difference) if stores else -1
    return Deadline(difference, ((view, wait),)) if wait >= 0 else None


def _is_time(view: FunctionView, index: int) -> bool:
    """Whether a value is the wall clock's now, or a constant that stands for "not yet"."""
    return _reads_wall(view, index) or isinstance(view.nodes[index], Const)


def _bounding(view: FunctionView, difference: int) -> int:
    """Where a time that has gone by bounds a wait: what it is compared with, or subtracted from; -1 if it does not."""
    outer = _outward(view, difference)
    node = view.node_at(outer)
    if isinstance(node, Operation) and node.op in _MEETING:
        return outer if bounds_wait(view, outer) else -1
    return difference if isinstance(node, Assign) and bounds_wait(view, difference) else -1


_TRANSPARENT = frozenset({"builtins.max", "builtins.min", "builtins.float", "builtins.int", "builtins.round"})
"""Calls that give a number of the same meaning as the one they are given."""


def _outward(view: FunctionView, index: int) -> int:
    """The node that uses a duration, `max(0, …)`, `.total_seconds()` and so on looked through; -1 if there is none."""
    while True:
        parent, node = view.nodes[index].parent, view.user_of(index)
        through = (isinstance(node, Attr) and node.attr in ("total_seconds", "seconds")) or (
            isinstance(node, Call) and (node.func == index or view.target_of(node.func) in _TRANSPARENT)
        )
        if not through:
            return parent
        index = parent


def bounds_wait(view: FunctionView, index: int) -> bool:
    """Whether a comparison or a difference decides how long something waits: it is tested in a loop that waits, or is
    handed on as a timeout."""
    at = index
    while at >= 0:
        outer = _outward(view, at)
        node = view.node_at(outer)
        if isinstance(node, Test):
            return _in_waiting_loop(view, outer)
        if isinstance(node, Call):
            argument = next((arg for arg in node.args if _within(view, at, arg.value)), None)
            return argument is not None and _is_timeout_argument(view, outer, argument.keyword)
        if isinstance(node, Assign):
            target = view.nodes[node.targets[0]]
            return isinstance(target, Store) and any(
                bounds_wait(reader, read)
                for reader, read in view.reads(target.id)
                if reader is view and read > outer and reader.nodes[read].parent != index
            )
        at = outer
    return False


def _within(view: FunctionView, index: int, outer: int) -> bool:
    while index >= 0:
        if index == outer:
            return True
        index = view.nodes[index].parent
    return False


def _is_timeout_argument(view: FunctionView, call_index: int, keyword: str) -> bool:
    call = view.call_at(call_index)
    assert call is not None
    catalog = view.module.project.catalog
    api, scope = catalog.api(call.target), catalog.scope(call.target)
    return (
        "timeout" in keyword
        or "timeout" in call.member.lower()
        or (api is not None and bool(api.timeout))
        or (scope is not None and bool(scope.timeout))
    )


def _in_waiting_loop(view: FunctionView, index: int) -> bool:
    """Whether a test ends a loop that sleeps, awaits or blocks: it is the loop's own, or one of its sides always leaves
    the loop. A test that only decides what a turn does (a throttle, a progress line) bounds nothing."""
    catalog = view.module.project.catalog
    for loop in view.loops_around(index):
        if view.regions[loop].kind is not RegionKind.LOOP:
            continue
        if view.regions[loop].node != index and not any(
            always_leaves(view, side, loop) for side in view.blocks[view.block_of(index)].next
        ):
            continue
        for at in view.nodes_in(loop):
            if is_cancellation_point(view, at):
                return True
            call = view.call_at(at)
            if call is not None and (
                catalog.is_checkpoint(call.target)
                or catalog.api(call.target) is not None
                or call.member in ("sleep", "wait", "join", "poll", "recv", "select")
            ):
                return True
    return False


def _paces(view: FunctionView, index: int) -> bool:
    """Whether a comparison decides, in a loop that sleeps, whether a turn does something."""
    test = next((at for at in view.outwards(index) if isinstance(view.nodes[at], Test)), -1)
    catalog = view.module.project.catalog
    for loop in view.loops_around(test) if test >= 0 else ():
        for at in view.nodes_in(loop):
            call = view.call_at(at)
            api = catalog.api(call.target) if call is not None else None
            if api is not None and api.kind is Kind.SLEEP:
                return True
    return False


def monotonic_edits(view: FunctionView, deadline: Deadline) -> list[tuple[int, int, str]]:
    """Edits that turn each clock read of a deadline into `time.monotonic`; none where not all of them are known, or one
    is not spelled `<module>.time()`."""
    edits: list[tuple[int, int, str]] = []
    for index in sorted(deadline.clocks):
        call = view.call_at(index)
        assert call is not None
        func = view.nodes[call.node.func]
        if call.target != "time.time" or not isinstance(func, Attr):
            return []
        edits.append((func.end - len(func.attr), func.end, "monotonic"))
    return edits


def other_clock_edits(call: CallSite, argument: int, read: int, sink: ClockSink) -> list[tuple[int, int, str]]:
    """Edits that read the clock which a parameter takes, where its argument reads another one, in place or in a local
    that is for nothing else; none where that clock's now cannot be spelled there."""
    view = call.fn
    clock = view.call_at(read)
    if clock is None or clock.target not in ("time.time", "time.monotonic") or not sink.now:
        return []
    if read not in view.operands_within(argument):
        node = view.nodes[argument]
        if not isinstance(node, Name) or [at for _, at in view.reads(node.id)] != [argument]:
            return []
    edits: tuple[tuple[int, int, str], ...] = ()
    if sink.now_module:
        access = access_to(view, sink.now_module) if view.is_async else None
        if access is None:
            return []
        on, edits = access.name, access.edits
    else:
        on = view.key(call.receiver) if call.receiver >= 0 else ""
    return [*edits, (clock.node.start, clock.node.end, f"{on}.{sink.now}")] if on else []
