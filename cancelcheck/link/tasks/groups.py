"""Task groups and nurseries: which tasks are started in one, and what joins or stops them before its block ends."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.link.paths.scopes import scope_of
from cancelcheck.link.tasks.spawning import spawner_of
from cancelcheck.model.facts import Await, Call, Enter, Exit, Iterate, Name, RegionKind, Store, Yield

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Group(NamedTuple):
    """A task group that a `with` of this function enters: the region of its block, what it is, the call that makes it,
    the name that it bears there ("" for none), and the nodes at which it is left."""

    region: int
    scope: schema.Scope
    call: CallSite
    name: str
    leaves: frozenset[int]

    def is_left_at(self, index: int) -> bool:
        """Whether a node is the end of the block, where it waits for its tasks; an exception does not lead there."""
        return index in self.leaves


def groups_in(view: FunctionView) -> list[Group]:
    """The task groups that a function enters, in order."""
    found = []
    for index, region in enumerate(view.regions):
        if region.kind is not RegionKind.WITH:
            continue
        enter = view.nodes[region.node]
        assert isinstance(enter, Enter)
        made = scope_of(view, enter.context)
        if made is not None and made[0].kind is schema.ScopeKind.TASK_GROUP and enter.is_async:
            name = view.key(enter.target if enter.target >= 0 else enter.context)
            leaves = frozenset(
                at
                for at, node in enumerate(view.nodes)
                if isinstance(node, Exit) and node.enter == region.node and not node.on_error
            )
            found.append(Group(index, *made, name, leaves))
    return found


def starts_in(view: FunctionView, group: Group) -> Iterator[tuple[CallSite, schema.Spawner]]:
    """The calls in a group's block that start a task of it, in order."""
    if not group.name:
        return
    for call in view.calls:
        if call.receiver < 0 or view.key(call.receiver) != group.name:
            continue
        entry = spawner_of(call) or view.module.project.catalog.spawner(f"{group.scope.enters}.{call.member}")
        if entry is not None and entry.has_owner and view.is_inside(view.region_of(call.index), group.region):
            yield call, entry


MAX_STARTS = 40
"""Starts of tasks in one group, or one block, whose further way is followed."""


def handles_of(view: FunctionView, call: CallSite) -> frozenset[str]:
    """The names by which a started task is held: a local, or the collection that it is put into."""
    index = call.index
    while True:
        use = view.use(index)
        if use.kind == "bound":
            return frozenset({use.name})
        if use.kind == "element":
            index = use.node
            continue
        if use.kind == "argument":
            taker = view.call_at(use.node)
            assert taker is not None
            name = view.key(taker.receiver) if taker.receiver >= 0 else ""
            return frozenset({name}) if name else frozenset()
        if use.kind in ("stored", "other") and use.node >= 0:
            targets = getattr(view.nodes[use.node], "targets", ())
            return frozenset(name for at in targets for name in _names(view, at))
        return frozenset()


def _names(view: FunctionView, index: int) -> Iterator[str]:
    """The places that an assignment's target stands for, item targets by what they are an item of."""
    node = view.nodes[index]
    if isinstance(node, Store):
        yield node.id
    for inner in getattr(node, "items", ()):
        yield from _names(view, inner)
    holder = getattr(node, "value", -1)
    if not isinstance(node, Store) and isinstance(holder, int) and holder >= 0:
        name = view.key(index) or view.key(holder)
        if name:
            yield name


def is_joined_at_once(view: FunctionView, call: CallSite, entry: schema.Spawner) -> bool:
    """Whether the task is awaited where it is started: `await group.create_task(work())`."""
    return entry.work is schema.Work.COROUTINE and view.use(call.index).kind == "awaited"


def stops_or_joins(view: FunctionView, index: int, handles: frozenset[str]) -> bool:
    """Whether tasks are cancelled at a node, or those held by these names are waited for or looked at there."""
    node = view.nodes[index]
    if isinstance(node, Call):
        call = view.call_at(index)
        return call is not None and call.member == "cancel"
    if not handles:
        return False
    if isinstance(node, Await):
        return mentions(view, node.value, handles)
    if isinstance(node, Iterate):
        return mentions(view, node.iterable, handles)
    return False


def mentions(view: FunctionView, index: int, names: frozenset[str]) -> bool:
    """Whether an expression reads one of these places."""
    plain = {name.partition(".")[0] for name in names}
    return any(
        isinstance(node := view.nodes[at], Name) and node.id in plain and _is_one_of(view, at, names)
        for at in view.operands_within(index)
    )


def _is_one_of(view: FunctionView, index: int, names: frozenset[str]) -> bool:
    """Whether the chain of attributes that begins at a name passes one of these places."""
    while index >= 0:
        key = view.key(index)
        if not key:
            return False
        if key in names:
            return True
        index = view.nodes[index].parent
    return False


def may_join(view: FunctionView, index: int) -> Joining:
    """Whether what is waited for at a node may be the end of a task, or a sign from it."""
    node = view.nodes[index]
    if isinstance(node, Yield):
        return Joining.UNKNOWN  # whoever has it may wait for anything
    if not is_cancellation_point(view, index):
        return Joining.NO
    if isinstance(node, (Enter, Exit)):
        enter = node if isinstance(node, Enter) else view.nodes[node.enter]
        assert isinstance(enter, Enter)
        # a scope of its own waits for what is inside it
        return Joining.NO if scope_of(view, enter.context) is not None else Joining.UNKNOWN
    call = view.call_at(node.value) if isinstance(node, Await) else None
    if call is None:
        return Joining.UNKNOWN
    if spawner_of(call) is not None:
        return Joining.NO
    api = view.module.project.catalog.api(call.target)
    if api is None:
        return Joining.UNKNOWN
    return Joining.LIKELY if api.kind in _BETWEEN_TASKS else Joining.NO


class Joining(enum.Enum):
    """Whether a wait is for a task: surely not, that is not known, or it is a wait for other tasks at least."""

    NO = "no"
    UNKNOWN = "unknown"
    LIKELY = "likely"


_BETWEEN_TASKS = frozenset({schema.Kind.TASK, schema.Kind.QUEUE, schema.Kind.THREAD})
"""Kinds of calls that wait for another task of this program."""
