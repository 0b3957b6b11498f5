"""Tasks that are kept on attributes or in mappings: forgotten there, or shared by several who await them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import caught_by, handlers_of, protected, suppressed_types
from cancelcheck.link.paths.flow import branch_of
from cancelcheck.link.swallowing.cancellation import joins_own_cancel
from cancelcheck.link.tasks.attributes import attribute_reads, called_method, is_called, is_named_by_text, own_attribute
from cancelcheck.link.tasks.handing import started_by
from cancelcheck.link.tasks.spawning import spawner_of, spawns
from cancelcheck.link.tasks.stopping import looks_at_stop, says_end
from cancelcheck.model.facts import (
    Assign,
    Await,
    Const,
    Enter,
    Expr,
    Import,
    Iterate,
    Name,
    Operation,
    RegionKind,
    Store,
    StoreAttr,
    StoreItem,
    Subscript,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Abandoned(NamedTuple):
    """A task that is stored on an attribute of `owner` and used by nobody."""

    call: CallSite
    spawner: schema.Spawner
    owner: FunctionView
    attribute: str


_LOOKING = frozenset({"done", "cancelled", "get_name", "set_name", "get_coro", "get_loop"})
"""Methods of a task that only look at it."""


def abandoned_tasks(view: FunctionView) -> Iterator[Abandoned]:
    """The tasks that a function stores on attributes which nobody in sight awaits, cancels or hands on."""
    for call, spawner in spawns(view):
        if spawner.has_owner or spawner.work is not schema.Work.COROUTINE:
            continue
        targets = stored_on(view, call.index)
        place = own_attribute(view, targets[0]) if len(targets) == 1 else None
        if place is None or _is_used_elsewhere(view, call.index):
            continue
        owner, name = place
        if not name.startswith("_") and not owner.name.startswith("_"):
            continue
        if is_named_by_text(owner, name):
            continue
        work = started_by(call, spawner)
        if work is not None and (looks_at_stop(work) or _ends_at_nothing(work) or not _goes_on(work, MAX_HOPS)):
            continue  # it is told to end in another way, or ends by itself
        if all(_only_looks(reader, at) for reader, at in attribute_reads(owner, name)):
            yield Abandoned(call, spawner, owner, name)


MAX_HOPS = 3
"""Coroutine functions that are followed into each other to a loop."""


def _goes_on(view: FunctionView, hops: int) -> bool:
    """Whether a coroutine function, or one that it awaits, loops for ever, or for as long as others send something."""
    if any(region.kind is RegionKind.LOOP and _is_open_ended(view, region.node) for region in view.regions):
        return True
    return hops > 0 and any(
        _goes_on(callee, hops - 1)
        for call in view.calls
        if call.is_awaited and (callee := call.callee) is not None and callee.is_coroutine
    )


def _is_open_ended(view: FunctionView, header: int) -> bool:
    node = view.nodes[header]
    if isinstance(node, Iterate):
        return node.is_async
    assert isinstance(node, Test)
    value = view.nodes[node.value]
    return isinstance(value, Const) and bool(value.value)


def _ends_at_nothing(view: FunctionView) -> bool:
    """Whether a function decides by whether what it has waited for is None: the last one of a queue."""
    for _, node in view.all_of(Test):
        value = view.node_at(node.value)
        match [view.nodes[at] for at in value.operands] if isinstance(value, Operation) else []:
            case [Name(id=name), Const(kind="none")]:
                if any(isinstance(holder.nodes[given], Await) for holder, given in _given(view, name)):
                    return True
    return False


def _given(view: FunctionView, name: str) -> Iterator[tuple[FunctionView, int]]:
    """The values that a name is given."""
    for holder, at in view.bindings(name).nodes:
        value = holder.assigned_value(at)
        if value is not None:
            yield holder, value


def stored_on(view: FunctionView, index: int) -> list[int]:
    """The targets, attributes and items, that the value of a node is stored on, also through a local."""
    use = view.use(index)
    for inner in (use, *(view.use(at) for at in view.names_read.get(use.name, ()))):
        node = view.node_at(inner.node)
        targets = node.targets if isinstance(node, Assign) else []
        found = [target for target in targets if isinstance(view.nodes[target], (StoreAttr, StoreItem))]
        if found:
            return found
    return []


def _is_used_elsewhere(view: FunctionView, index: int) -> bool:
    """Whether the local through which a task is stored has another use: it is awaited, handed on."""
    node = view.nodes[view.use(index).node]
    assert isinstance(node, Assign)
    names = [target.id for at in node.targets if isinstance(target := view.nodes[at], Store)]
    return any(
        reader is not view or (view.use(at).kind != "stored" and not _only_looks(reader, at))
        for name in names
        for reader, at in view.reads(name)
    )


def _only_looks(view: FunctionView, index: int) -> bool:
    """Whether a read of a task only asks whether there is one, or how it stands."""
    method = called_method(view, index)
    if method:
        return method in _LOOKING and not _holds_up(view, index)
    parent = view.user_of(index)
    if isinstance(parent, (Test, Expr)):
        return True
    if isinstance(parent, Operation):
        return parent.op in ("is", "is not", "not", "==", "!=") or _only_looks(view, view.nodes[index].parent)
    return False


def _holds_up(view: FunctionView, index: int) -> bool:
    """Whether what is read decides how long a loop goes on: one that waits until it is so."""
    at = index
    while at >= 0:
        node = view.nodes[at]
        if isinstance(node, Test):
            return node.kind == "while"
        at = node.parent
    return False


class Shared(NamedTuple):
    """A task that is made once and awaited by all who come: `call` makes it, `at` awaits it, `awaited` is the node that
    a shield would stand around, `place` where it is kept."""

    call: CallSite
    spawner: schema.Spawner
    at: int
    awaited: int
    place: str


def shared_awaits(view: FunctionView) -> Iterator[Shared]:
    """The awaits of a function that let the cancellation of one who waits through to a task that others wait for too:
    one that is made where there is none yet, kept on an attribute or in a mapping, and awaited as it is."""
    for index, node in view.all_of(Await):
        for awaited in _unwrapped(view, node.value):
            for place, call, spawner in _kept_tasks(view, awaited):
                if not spawner.shield or not _is_made_once(call, place):
                    continue
                if call.fn is not view and says_end(view.name):
                    break  # the owner joins what it started
                if not (
                    joins_own_cancel(view, [index])
                    or _minds_cancellation(view, index)
                    or _is_waited_for(view, index, place)
                ):
                    yield Shared(call, spawner, index, awaited, place)
                break


def _unwrapped(view: FunctionView, index: int) -> Iterator[int]:
    """What is awaited, through a wrapper that cancels it when its time is up; nothing for a call of anything else."""
    call = view.call_at(index)
    if call is None:
        yield index
        return
    scope = view.module.project.catalog.scope(call.target)
    if scope is None or scope.kind is not schema.ScopeKind.TIMEOUT:
        return
    inner = call.seen_argument("", scope.wraps)
    if inner is not None:
        yield inner


def _kept_tasks(view: FunctionView, index: int) -> Iterator[tuple[str, CallSite, schema.Spawner]]:
    """The tasks that are kept where a node reads: the key of the place, the call that makes the task, its spawner."""
    node = view.nodes[index]
    if isinstance(node, Name):
        yield from _kept_by_local(view, node.id)
        return
    key = view.key(node.value if isinstance(node, Subscript) else index)
    if key:
        yield from _stores(view, key, of_item=isinstance(node, Subscript))


def _kept_by_local(view: FunctionView, name: str) -> Iterator[tuple[str, CallSite, schema.Spawner]]:
    """A local that holds what is kept in a place, or the new task that is put there."""
    for holder, value in _given(view, name):
        call = holder.call_at(value)
        if call is None or (spawner := spawner_of(call)) is None:
            continue
        for target in stored_on(holder, value):
            place = _place(holder, target)
            if place:
                yield place, call, spawner


def _place(view: FunctionView, target: int) -> str:
    """The key of what a target is stored in: the attribute, or the mapping."""
    node = view.nodes[target]
    return view.key(node.value) if isinstance(node, StoreItem) else view.key(target)


def _reads_place(view: FunctionView, name: str, place: str) -> bool:
    """Whether a local is also bound to what a place holds: `task = self._tasks.get(key)`."""
    for holder, value in _given(view, name):
        node = holder.nodes[value]
        call = holder.call_at(value)
        looked_up = call is not None and call.member in ("get", "pop")
        at = node.value if isinstance(node, Subscript) else call.receiver if call is not None and looked_up else value
        if holder.key(at) == place:
            return True
    return False


def _stores(view: FunctionView, place: str, *, of_item: bool) -> Iterator[tuple[str, CallSite, schema.Spawner]]:
    """The tasks that this function, or another method of its class, stores in a place."""
    classes = view.owner.ancestry[0] if view.owner is not None else []
    is_own = place.startswith(f"{view.self_name}.")
    for holder in (view, *(method for cls in classes if is_own for method in cls.children)):
        for call in holder.calls:
            spawner = spawner_of(call)
            if spawner is None:
                continue
            for target in stored_on(holder, call.index):
                if isinstance(holder.nodes[target], StoreItem) is of_item and _place(holder, target) == place:
                    yield place, call, spawner


def _is_made_once(call: CallSite, place: str) -> bool:
    """Whether a task is made only where the place has none: under a test of the place, or of a local that was read from
    it, or in the handler of a look-up that failed."""
    view = call.fn
    for region in view.regions_around(call.index):
        facts = view.regions[region]
        if any(_asks_for(view, test, place) for test in _tests_before(view, facts.entry)):
            return True
        if facts.kind is RegionKind.HANDLER and any(
            isinstance(node := view.nodes[at], Subscript) and view.key(node.value) == place
            for at in view.nodes_in(protected(view, facts.parent))
        ):
            return True
    return False


def _tests_before(view: FunctionView, entry: int) -> Iterator[int]:
    """The tests that lead into a block."""
    for block in view.came_from.get(entry, ()):
        test, _ = branch_of(view, block)
        if test >= 0:
            yield test


def _asks_for(view: FunctionView, test: int, place: str) -> bool:
    """Whether a test asks whether a place holds something."""
    node = view.nodes[test]
    assert isinstance(node, Test)
    for at in view.operands_within(node.value):
        inner = view.nodes[at]
        if view.key(at) == place and not is_called(view, at):
            return True
        if isinstance(inner, Name) and _reads_place(view, inner.id, place):
            return True
    return False


def _minds_cancellation(view: FunctionView, index: int) -> bool:
    """Whether a handler or a `suppress` around an await is about cancellations: whose it is, is thought of there."""
    for region in view.regions_around(index):
        facts = view.regions[region]
        if facts.kind is RegionKind.PROTECTED:
            if any(handler.catch.named for handler in handlers_of(view, facts.parent)):
                return True
        enter = view.node_at(facts.node)
        if isinstance(enter, Enter) and caught_by(view, suppressed_types(view, enter)).named:
            return True
    return False


def _is_waited_for(view: FunctionView, index: int, place: str) -> bool:
    """Whether a call has waited before for what a place holds: the await only takes the result."""
    catalog = view.module.project.catalog
    for call in view.calls:
        waiter = catalog.waiter(call.target) if call.index < index else None
        if waiter is not None:
            if any(view.key(at) == place for arg in call.node.args for at in view.operands_within(arg.value)):
                return True
    return False


def spelling(view: FunctionView, name: str) -> str:
    """How a module spells a name that it imports, or whose module it does: `asyncio.shield`, `shield`, `aio.shield`; ""
    where it does neither."""
    owner, _, member = name.rpartition(".")
    for local in _imported(view, name):
        return local
    return next((f"{local}.{member}" for local in _imported(view, owner)), "")


def _imported(view: FunctionView, path: str) -> Iterator[str]:
    for node in view.module.body.nodes:
        if isinstance(node, Import):
            for local, target in node.names:
                if target == path and view.bindings(local).scope is view.module.body:
                    yield local
