"""What a `with` block closes at its end, and the tasks that were given it and outlive the block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.flow import innermost, never_returns, way_through
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
from cancelcheck.model.facts import Await, Enter, Exit, Name, RegionKind, Store, StoreAttr, Yield

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
    for call, entry, group in islice(_starts(view), MAX_STARTS):
        for region in view.regions_around(call.index):
            if group is not None and region == group.region:
                break
            facts = view.regions[region]
            if facts.kind is not RegionKind.WITH or facts.node in seen:
                continue
            found = _lent(view, facts.node, region, call, entry)
            if found is not None:
                seen.add(facts.node)
                yield found


def _starts(view: FunctionView) -> Iterator[tuple[CallSite, schema.Spawner, Group | None]]:
    """The calls that start tasks of a group, with the group where this function enters it."""
    for group in groups_in(view):
        for call, entry in starts_in(view, group):
            yield call, entry, group
    for call, own in spawns(view):
        if own.has_owner:
            yield call, own, None


def _lent(view: FunctionView, enter: int, region: int, call: CallSite, entry: schema.Spawner) -> Lent | None:
    node = view.nodes[enter]
    assert isinstance(node, Enter)
    names = {view.key(node.target), view.key(node.context)} - {""}
    owner = view.key(call.receiver)
    if not owner or is_joined_at_once(view, call, entry) or not _is_given(view, call, entry, names):
        return None
    closing = closes(view, node)
    if closing is None or _lies_in(view, owner, names, region):
        return None
    handles = handles_of(view, call)
    ends = frozenset(at for at, left in view.all_of(Exit) if left.enter == enter)

    def cut(index: int, *, unknown: bool) -> bool:
        if stops_or_joins(view, index, handles) or never_returns(view, index):
            return True
        joining = may_join(view, index)
        return joining is Joining.LIKELY or (unknown and joining is Joining.UNKNOWN)

    way = way_through(view, call.index, None, ends.__contains__, lambda index: cut(index, unknown=False))
    if way is None:
        return None
    surely = way_through(view, call.index, None, ends.__contains__, lambda index: cut(index, unknown=True))
    return Lent(enter, way[1], call, entry, owner, closing and surely is not None)


def _lies_in(view: FunctionView, owner: str, names: set[str], region: int) -> bool:
    """Whether a group is made or entered in the block, or is part of what the block closes: it ends before."""
    if any(f"{owner}.".startswith(f"{name}.") for name in names):
        return True
    top = owner.partition(".")[0]
    for index in view.nodes_in(region):
        node = view.nodes[index]
        if isinstance(node, (Store, StoreAttr)) and view.key(index) in (owner, top):
            return True
        if isinstance(node, Enter) and view.key(node.context) == owner:
            return True
    return False


def _is_given(view: FunctionView, call: CallSite, entry: schema.Spawner, names: set[str]) -> bool:
    """Whether a started task is given one of these: as an argument, as what its work is a method of, or as a name that
    a nested function reads."""
    for index in view.operands_within(call.index):
        if view.key(index) in names:
            if view.use(index).kind in ("argument", "element") or _is_its_work(view, call, entry, index):
                return True
    run = started_by(call, entry)
    return run is not None and run.parent is view and any(_reads(run, name) for name in names)


def _reads(run: FunctionView, name: str) -> bool:
    return name in run.names_read and name not in run.facts.bound


def _is_its_work(view: FunctionView, call: CallSite, entry: schema.Spawner, index: int) -> bool:
    """Whether the work is a method of the thing at a node: `stream.send_all`, or `session.run()` for a coroutine."""
    parent = view.nodes[index].parent
    given = call.argument(entry.work_keyword, entry.work_position)
    if entry.work is schema.Work.COROUTINE:
        made = view.call_at(given)
        return made is not None and made.node.func == parent
    return given == parent


def closes(view: FunctionView, enter: Enter, depth: int = 3) -> bool | None:
    """Whether a `with` item gives a resource back at its end. True where the catalogue says so, or a context manager of
    the project is seen to; False where a class of the project does something like it; None where it is not known to."""
    made = _made(view, enter.context)
    catalog = view.module.project.catalog
    if made is not None:
        resource = catalog.resource(made.target)
        if resource is not None:
            return True if resource.entered else None
        callee = made.callee
        if callee is not None and callee.has_role("contextmanager"):
            return _closed_by_manager(callee, depth)
    instance = view.instance(enter.context)
    if instance is None:
        return None
    resource = catalog.resource(instance.catalog_type())
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
    for index, node in manager.all_of(Yield):
        key = manager.key(node.value)
        if not key:
            continue
        for region in manager.regions_around(index):
            enter = manager.node_at(manager.regions[region].node)
            if isinstance(enter, Enter) and key in (manager.key(enter.target), manager.key(enter.context)):
                return closes(manager, enter, depth - 1) if depth > 0 else None
        if any(
            call.member in _CLOSING and innermost(manager, call.index, RegionKind.FINALLY) >= 0
            for call in manager.calls_on.get(key, ())
        ):
            return True
    return None
