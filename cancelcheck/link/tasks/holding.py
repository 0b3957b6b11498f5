"""Tasks that are kept on attributes or in mappings: forgotten there, or shared by several who await them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import handlers_of, protected, suppressed_types
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


MAX_BINDINGS = 8
"""Bindings of a local that is followed."""

_LOOKING = frozenset({"done", "cancelled", "get_name", "set_name", "get_coro", "get_loop"})
"""Methods of a task that only look at it."""


def abandoned_tasks(view: FunctionView) -> Iterator[Abandoned]:
    """The tasks that a function stores on attributes which nobody in sight awaits, cancels or hands on."""
    for call, spawner in spawns(view):
        if spawner.has_owner or spawner.work is not schema.Work.COROUTINE:
            continue
        places = [place for target in stored_on(view, call.index) if (place := own_attribute(view, target)) is not None]
        if len(places) != 1 or len(stored_on(view, call.index)) != 1 or _is_used_elsewhere(view, call.index):
            continue
        owner, name = places[0]
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
    if any(
        region.kind is RegionKind.LOOP and region.node >= 0 and _is_open_ended(view, region.node)
        for region in view.regions
    ):
        return True
    return hops > 0 and any(
        _goes_on(callee, hops - 1)
        for call in view.calls
        if call.is_awaited and (callee := call.callee) is not None and callee is not view and callee.is_coroutine
    )


def _is_open_ended(view: FunctionView, header: int) -> bool:
    node = view.nodes[header]
    if isinstance(node, Iterate):
        return node.is_async
    value = view.nodes[node.value] if isinstance(node, Test) else None
    return isinstance(value, Const) and bool(value.value)


def _ends_at_nothing(view: FunctionView) -> bool:
    """Whether a function decides by whether what it has waited for is None: the last one of a queue."""
    for node in view.nodes:
        value = view.nodes[node.value] if isinstance(node, Test) else None
        if not isinstance(value, Operation) or value.op not in ("is", "is not"):
            continue
        left, right = (view.nodes[operand] for operand in value.operands[:2])
        if not (isinstance(left, Name) and isinstance(right, Const) and right.kind == "none"):
            continue
        for holder, at in view.bindings(left.id).nodes:
            given = holder.assigned_value(at) if holder is view and at >= 0 else None
            if given is not None and isinstance(view.nodes[given], Await):
                return True
    return False


def stored_on(view: FunctionView, index: int) -> list[int]:
    """The targets, attributes and items, that the value of a node is stored on, also through a local."""
    use = view.use(index)
    node = view.node_at(use.node)
    if isinstance(node, Assign) and not node.op:
        found = [target for target in node.targets if isinstance(view.nodes[target], (StoreAttr, StoreItem))]
        if found:
            return found
    if use.kind == "bound" and len(view.bindings(use.name).nodes) <= MAX_BINDINGS:
        for reader, at in view.reads(use.name):
            if reader is view:
                inner = view.use(at)
                kept = view.nodes[inner.node] if inner.kind == "stored" else None
                if isinstance(kept, Assign):
                    return [target for target in kept.targets if isinstance(view.nodes[target], (StoreAttr, StoreItem))]
    return []


def _is_used_elsewhere(view: FunctionView, index: int) -> bool:
    """Whether the local through which a task is stored has another use: it is awaited, handed on."""
    use = view.use(index)
    node = view.node_at(use.node)
    targets = [view.nodes[at] for at in node.targets] if isinstance(node, Assign) else []
    names = [target.id for target in targets if isinstance(target, Store)]
    return any(
        reader is not view or (view.use(at).kind != "stored" and not _only_looks(reader, at))
        for name in names
        for reader, at in view.reads(name)
    )


def _only_looks(view: FunctionView, index: int) -> bool:
    """Whether a read of a task only asks whether there is one, or how it stands."""
    method = called_method(view, index)
    if method == "done" and _holds_up(view, index):
        return False  # a loop that waits until it is
    if method:
        return method in _LOOKING
    parent = view.user_of(index)
    if isinstance(parent, (Test, Expr)):
        return True
    if isinstance(parent, Operation):
        return parent.op in ("is", "is not", "not", "==", "!=") or (
            parent.op in ("and", "or") and _only_looks(view, view.nodes[index].parent)
        )
    return False


def _holds_up(view: FunctionView, index: int) -> bool:
    """Whether what is read decides how long a loop goes on."""
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
    if not view.is_coroutine:
        return
    for index, node in enumerate(view.nodes):
        if not isinstance(node, Await):
            continue
        awaited = _unwrapped(view, node.value)
        if awaited < 0:
            continue
        for place, call, spawner in _kept_tasks(view, awaited):
            if not spawner.shield or not _is_made_once(call, place):
                continue
            if call.fn is not view and says_end(view.name):
                continue  # the owner joins what it started
            if (
                joins_own_cancel(view, [index])
                or _minds_cancellation(view, index)
                or _is_waited_for(view, index, place)
            ):
                continue
            yield Shared(call, spawner, index, awaited, place)
            break


def _unwrapped(view: FunctionView, index: int) -> int:
    """What is awaited, through a wrapper that cancels it when its time is up; -1 for a call of anything else."""
    call = view.call_at(index)
    if call is None:
        return index
    scope = view.module.project.catalog.scope(call.target)
    if scope is None or scope.kind is not schema.ScopeKind.TIMEOUT or scope.wraps < 0:
        return -1
    inner = call.argument("", scope.wraps)
    return inner if inner is not None and inner >= 0 and view.call_at(inner) is None else -1


def _kept_tasks(view: FunctionView, index: int) -> Iterator[tuple[str, CallSite, schema.Spawner]]:
    """The tasks that are kept where a node reads: the key of the place, the call that makes the task, its spawner."""
    node = view.nodes[index]
    if isinstance(node, Name):
        yield from _kept_by_local(view, node.id)
        return
    if isinstance(node, Subscript):
        key = view.key(node.value)
        if key:
            yield from _stores(view, key, of_item=True)
        return
    key = view.key(index)
    if "." in key:
        yield from _stores(view, key, of_item=False)


def _kept_by_local(view: FunctionView, name: str) -> Iterator[tuple[str, CallSite, schema.Spawner]]:
    """A local that holds what is kept in a place, or the new task that is put there."""
    bound = view.bindings(name).nodes
    for holder, at in bound if len(bound) <= MAX_BINDINGS else ():
        if holder is not view or at < 0 or not isinstance(view.nodes[at], Store):
            continue
        value = view.assigned_value(at)
        call = view.call_at(value) if value is not None else None
        if call is None or (spawner := spawner_of(call)) is None:
            continue
        for target in stored_on(view, call.index):
            place = _place(view, target)
            if place and _reads_place(view, name, place):
                yield place, call, spawner


def _place(view: FunctionView, target: int) -> str:
    """The key of what a target is stored in: the attribute, or the mapping."""
    node = view.nodes[target]
    return view.key(node.value) if isinstance(node, StoreItem) else view.key(target)


def _reads_place(view: FunctionView, name: str, place: str) -> bool:
    """Whether a local is also bound to what a place holds: `task = self._tasks.get(key)`."""
    for holder, at in view.bindings(name).nodes:
        value = holder.assigned_value(at) if holder is view and at >= 0 else None
        if value is None:
            continue
        node = view.nodes[value]
        call = view.call_at(value)
        if isinstance(node, Subscript):
            value = node.value
        elif call is not None and call.receiver >= 0 and call.member in ("get", "pop"):
            value = call.receiver
        if view.key(value) == place:
            return True
    return False


def _stores(view: FunctionView, place: str, *, of_item: bool) -> Iterator[tuple[str, CallSite, schema.Spawner]]:
    """The tasks that this function, or another method of its class, stores in a place."""
    views = [view]
    owner = view.owner
    if owner is not None and view.self_name and place.startswith(f"{view.self_name}."):
        views += [method for cls in owner.ancestry[0] for method in cls.children if method is not view]
    for holder in views:
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
        if facts.kind is RegionKind.BRANCH and any(
            _asks_for(view, test, place) for test in _tests_before(view, region)
        ):
            return True
        if facts.kind is RegionKind.HANDLER and any(
            isinstance(node := view.nodes[at], Subscript) and view.key(node.value) == place
            for at in view.nodes_in(protected(view, facts.parent))
        ):
            return True
    return False


def _tests_before(view: FunctionView, region: int) -> Iterator[int]:
    """The tests that lead into a branch."""
    entry = view.regions[region].entry
    for block in view.blocks:
        if entry in block.next and block.end > block.start:
            at = block.end - 1
            if isinstance(view.nodes[at], Test):
                yield at


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
    inner = -1
    for region in view.regions_around(index):
        facts = view.regions[region]
        if facts.kind is RegionKind.TRY and inner >= 0 and view.regions[inner].kind is RegionKind.PROTECTED:
            if any(handler.catch.named for handler in handlers_of(view, region)):
                return True
        if facts.kind is RegionKind.WITH:
            enter = view.nodes[facts.node]
            if isinstance(enter, Enter) and suppressed_types(view, enter):
                return True
        inner = region
    return False


def _is_waited_for(view: FunctionView, index: int, place: str) -> bool:
    """Whether a call that cancels nothing has waited before for what a place holds: the await only takes the result."""
    catalog = view.module.project.catalog
    for call in view.calls:
        waiter = catalog.waiter(call.target) if call.index < index else None
        if waiter is not None and not waiter.cancels:
            if any(view.key(at) == place for arg in call.node.args for at in view.operands_within(arg.value)):
                return True
    return False


def spelling(view: FunctionView, name: str) -> str:
    """How a module spells a name that it imports, or whose module it does: `asyncio.shield`, `shield`, `aio.shield`; ""
    where it does neither."""
    owner, _, member = name.rpartition(".")
    for local in _imported(view, name):
        return local
    for local in _imported(view, owner):
        return f"{local}.{member}"
    return ""


def _imported(view: FunctionView, path: str) -> Iterator[str]:
    for node in view.module.body.nodes:
        if isinstance(node, Import):
            for local, target in node.names:
                if target == path and view.bindings(local).scope is view.module.body:
                    yield local
