"""What a `with` block closes at its end, and the tasks that were given it and outlive the block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.flow import never_returns, way_through
from cancelcheck.link.paths.scopes import scope_of
from cancelcheck.link.tasks.groups import (
    MAX_STARTS,
    Group,
    Joining,
    groups_in,
    handles_of,
    is_joined_at_once,
    may_join,
    starts_in,
    stops_or_joins,
)
from cancelcheck.link.tasks.handing import started_by
from cancelcheck.link.tasks.spawning import spawns
from cancelcheck.model.facts import Attr, Await, Call, Enter, Exit, Lambda, Name, RegionKind, Store, StoreAttr, Yield

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Lent(NamedTuple):
    """Something that a `with` (entered at `enter`) closes at its end (`leaves`), and a task that was given it: the call
    that starts the task, its entry, and the group that the task belongs to. `certain`: nothing is awaited in between
    that may be the task's end, and the thing is known to close."""

    enter: int
    leaves: int
    call: CallSite
    entry: schema.Spawner
    group: str
    certain: bool


def lent_to_tasks(view: FunctionView) -> Iterator[Lent]:
    """What is closed while tasks of a group that goes on still have it, in order; one for each `with` item."""
    seen: set[int] = set()
    tried: Counter[int] = Counter()
    for call, entry, group in _starts(view):
        for region in view.regions_around(call.index):
            if group is not None and region == group.region:
                break
            facts = view.regions[region]
            if facts.kind is not RegionKind.WITH or facts.node in seen or tried[region] >= MAX_STARTS:
                continue
            tried[region] += 1
            found = _lent(view, facts.node, region, call, entry)
            if found is not None:
                seen.add(facts.node)
                yield found


def _starts(view: FunctionView) -> Iterator[tuple[CallSite, schema.Spawner, Group | None]]:
    """The calls that start tasks of a group, with the group where this function enters it."""
    known: set[int] = set()
    for group in groups_in(view):
        for call, entry in starts_in(view, group):
            known.add(call.index)
            yield call, entry, group
    for call, own in spawns(view):
        if call.index not in known and call.receiver >= 0 and own.has_owner:
            yield call, own, None


def _lent(view: FunctionView, enter: int, region: int, call: CallSite, entry: schema.Spawner) -> Lent | None:
    node = view.nodes[enter]
    assert isinstance(node, Enter)
    names = {view.key(at) for at in (node.target, node.context) if at >= 0} - {""}
    owner = view.key(call.receiver)
    if not names or not owner or is_joined_at_once(view, call, entry) or not _is_given(view, call, entry, names):
        return None
    closing = closes(view, node)
    if closing is None or _lies_in(view, owner, names, region):
        return None
    handles = handles_of(view, call)
    ends = frozenset(
        at for at, left in enumerate(view.nodes) if isinstance(left, Exit) and left.enter == enter and not left.on_error
    )

    def cut(index: int, *, unknown: bool) -> bool:
        if stops_or_joins(view, index, handles) or never_returns(view, index):
            return True
        joining = may_join(view, index) if index not in ends else Joining.NO
        return joining is Joining.LIKELY or (unknown and joining is Joining.UNKNOWN)

    start = call.node.parent if call.is_awaited else call.index
    way = way_through(view, start, None, ends.__contains__, lambda index: cut(index, unknown=True))
    certain = way is not None and closing
    if way is None:
        way = way_through(view, start, None, ends.__contains__, lambda index: cut(index, unknown=False))
    return Lent(enter, way[1], call, entry, owner, certain) if way is not None else None


def _lies_in(view: FunctionView, owner: str, names: set[str], region: int) -> bool:
    """Whether a group is made in the block, or is part of what the block closes: it ends before."""
    top = owner.partition(".")[0]
    if top in names or any(owner.startswith(f"{name}.") for name in names):
        return True
    for index in view.nodes_in(region):
        node = view.nodes[index]
        if isinstance(node, (Store, StoreAttr)) and view.key(index) in (owner, top):
            return True
    return False


def _is_given(view: FunctionView, call: CallSite, entry: schema.Spawner, names: set[str]) -> bool:
    """Whether a started task is given one of these: as an argument, as what its work is a method of, or as a name that
    a nested function reads."""
    tops = {name.partition(".")[0] for name in names}
    for index in view.operands_within(call.index):
        node = view.nodes[index]
        if isinstance(node, (Name, Attr)) and view.key(index) in names:
            if view.use(index).kind in ("argument", "element") or _is_its_work(view, call, entry, index):
                return True
        if isinstance(node, Lambda) and not tops.isdisjoint(view.module.functions[node.function].names_read):
            return True
    run = started_by(call, entry)
    return run is not None and run.parent is view and any(_reads(run, name) for name in names & tops)


def _reads(run: FunctionView, name: str) -> bool:
    return name in run.names_read and name not in run.facts.bound


def _is_its_work(view: FunctionView, call: CallSite, entry: schema.Spawner, index: int) -> bool:
    """Whether the work is a method of the thing at a node: `stream.send_all`, or `session.run()` for a coroutine."""
    parent = view.nodes[index].parent
    if parent < 0 or not isinstance(view.nodes[parent], Attr):
        return False
    given = call.argument(entry.work_keyword, entry.work_position)
    node = view.node_at(given)
    if entry.work is schema.Work.COROUTINE:
        return isinstance(node, Call) and node.func == parent
    return given == parent


def closes(view: FunctionView, enter: Enter, depth: int = 3) -> bool | None:
    """Whether a `with` item gives a resource back at its end. True where the catalogue says so, or a context manager of
    the project is seen to; False where a class of the project does something like it; None where it is not known to."""
    if scope_of(view, enter.context) is not None:
        return None
    made = _made(view, enter.context)
    catalog = view.module.project.catalog
    if made is not None:
        resource = catalog.resource(made.target) if made.target else None
        if resource is not None:
            return True if resource.entered else None
        callee = made.callee
        if callee is not None and callee.has_role("contextmanager"):
            return _closed_by_manager(callee, depth)
    instance = view.instance(enter.context)
    if instance is None:
        return None
    resource = catalog.resource(instance.catalog_type()) if instance.catalog_type() else None
    if resource is not None:
        return True if resource.entered else None
    if instance.view is None:
        return None
    leaving = instance.view.inherited("__aexit__" if enter.is_async else "__exit__")
    if leaving is None:
        return None
    return False if any(call.member.lstrip("_") in _CLOSING for call in leaving.calls) else None


_CLOSING = frozenset({"close", "aclose", "disconnect", "shutdown", "terminate", "stop"})
"""Methods after which a thing is of no use."""


def _made(view: FunctionView, index: int) -> CallSite | None:
    """The call that makes what a `with` enters: there, awaited there, or through a local."""
    node = view.nodes[index]
    if isinstance(node, Name):
        value = view.local_value(index)
        if value is None:
            return None
        node, index = view.nodes[value], value
    return view.call_at(node.value) if isinstance(node, Await) else view.call_at(index)


def _closed_by_manager(manager: FunctionView, depth: int) -> bool | None:
    """Whether a `@contextmanager` closes what it yields."""
    for index, node in enumerate(manager.nodes):
        if not isinstance(node, Yield) or node.value < 0:
            continue
        key = manager.key(node.value) if isinstance(manager.nodes[node.value], (Name, Attr)) else ""
        if not key:
            continue
        for region in manager.regions_around(index):
            facts = manager.regions[region]
            if facts.kind is RegionKind.WITH and depth > 0:
                enter = manager.nodes[facts.node]
                assert isinstance(enter, Enter)
                if key in {manager.key(at) for at in (enter.target, enter.context) if at >= 0}:
                    found = closes(manager, enter, depth - 1)
                    if found is not None:
                        return found
            if facts.kind is RegionKind.TRY and _closes_in_finally(manager, region, key):
                return True
    return None


def _closes_in_finally(view: FunctionView, statement: int, key: str) -> bool:
    return any(
        call.member in _CLOSING
        and call.receiver >= 0
        and view.key(call.receiver) == key
        and any(
            view.regions[region].kind is RegionKind.FINALLY and view.regions[region].parent == statement
            for region in view.regions_around(call.index)
        )
        for call in view.calls
    )
