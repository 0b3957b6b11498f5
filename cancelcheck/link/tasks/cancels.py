"""What is cancelled by hand: tasks, scopes, timers; whether it is cancelled twice, and whether anybody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.function import CallSite, FunctionView
from cancelcheck.link.paths.exceptions import exception_types, handler_in, is_cancellation_point, protected
from cancelcheck.link.paths.flow import innermost, meets
from cancelcheck.link.paths.leaks import Leak, Settles, Settling, leak_of
from cancelcheck.link.paths.ownership import TASK, TASK_OR_ENDED, Fate, over_by, own_reads, read_of
from cancelcheck.link.swallowing.cancellation import is_program
from cancelcheck.link.tasks.attributes import attribute_reads, called_method, own_attribute
from cancelcheck.link.tasks.pending import tasks_made
from cancelcheck.link.tasks.spawning import calls_coroutine, spawner_of
from cancelcheck.model.facts import (
    Attr,
    Await,
    Expr,
    Iterate,
    Name,
    RegionKind,
    Store,
    StoreAttr,
)

if TYPE_CHECKING:
    from cancelcheck.model.finding import Said

_CANCEL = "cancel"
"""The method that cancels, of everything that can be cancelled so far."""


class Made(NamedTuple):
    """A call that starts work, and what the catalogue says of it."""

    call: CallSite
    spawner: schema.Spawner


class Cancel(NamedTuple):
    """A call that cancels what is in a plain place. `made` are the calls that have made it, where they are seen."""

    call: CallSite
    key: str
    entry: schema.Cancellable
    made: list[Made]


def cancels(view: FunctionView) -> list[Cancel]:
    """What a function cancels, in order; only what is known to be something that can be cancelled."""
    catalog = view.module.project.catalog
    found = []
    for call in view.calls:
        key = view.key(call.receiver) if call.member == _CANCEL else ""
        if not key:
            continue
        made = _made(_bound(view, call.receiver))
        if made:
            entry = catalog.cancellable(made[0].spawner.returns)
        else:
            instance = view.instance(call.receiver)
            if instance is None or instance.view is not None:
                continue
            entry = catalog.cancellable(instance.catalog_type())
            made = _made(instance.origins)
        if entry is not None:
            found.append(Cancel(call, key, entry, made or []))
    return found


def _bound(view: FunctionView, index: int) -> Iterator[CallSite | None]:
    """The calls that a local is bound to; None for anything else but `None`."""
    node = view.nodes[index]
    for holder, at in view.bindings(node.id).nodes if isinstance(node, Name) else ():
        if not holder.stores_none(at):
            yield holder.call_at(holder.assigned_value(at))


def _made(calls: Iterable[CallSite | None]) -> list[Made] | None:
    """Calls with what they start; None where one of them starts nothing."""
    found = []
    for call in calls:
        if call is None or (spawner := spawner_of(call)) is None:
            return None
        found.append(Made(call, spawner))
    return found


# --- twice


class Again(NamedTuple):
    """Something that is cancelled twice on one path. `removable` are those of the two of which one can go: it is sure
    that the other does the same."""

    first: Cancel
    second: Cancel
    removable: tuple[Cancel, ...]


def cancelled_again(view: FunctionView) -> Iterator[Again]:
    """What is cancelled again on a path on which nothing else was done with it since: it was not bound anew, not looked
    at, not waited for. Not what a loop cancels before it makes the next one."""
    places: dict[str, list[Cancel]] = {}
    for cancel in cancels(view):
        places.setdefault(cancel.key, []).append(cancel)
    for key, all_of in places.items():
        changed = _changes(view, key)
        reported: set[int] = set()
        for first in all_of:
            others = {cancel.call.index: cancel for cancel in all_of if cancel is not first}
            at = meets(view, first.call.index, others.__contains__, changed.__contains__)
            if at < 0 or at in reported or _makes_way(view, first, at) or _is_early(view, first, at):
                continue
            reported.add(at)
            yield Again(first, others[at], _removable(view, first, others[at], changed))


def _makes_way(view: FunctionView, first: Cancel, second: int) -> bool:
    """Whether a cancel in a loop is that of the last one, before the loop makes the next, and another one stands behind
    the loop."""
    return any(
        not view.is_inside(view.region_of(second), loop)
        and any(
            first.call.index < at and view.key(at) == first.key and not view.stores_none(at)
            for at in view.nodes_in(loop)
            if isinstance(view.nodes[at], (Store, StoreAttr))
        )
        for loop in view.loops_around(first.call.index)
    )


def _is_early(view: FunctionView, first: Cancel, second: int) -> bool:
    """Whether a cancel stands under a condition in a `try`, and the second one in its `finally`: on that way it is
    known early that nobody needs it any more, and the `finally` is for all the others."""
    final = innermost(view, second, RegionKind.FINALLY)
    if final < 0:
        return False
    body = protected(view, view.regions[final].parent)
    branch = innermost(view, first.call.index, RegionKind.BRANCH)
    return view.is_inside(branch, body)


def _changes(view: FunctionView, key: str) -> frozenset[int]:
    """The nodes at which something else is done with a place than to cancel it, or to see if it is there. A method of
    the instance that it belongs to may change it too."""
    found: set[int] = set()
    for index, node in enumerate(view.nodes):
        place = view.key(index)
        if isinstance(node, (Store, StoreAttr)):
            if f"{key}.".startswith(f"{place}."):
                found.add(index)
        elif place == key and not _is_plain(view, index):
            found.add(index)
    for place, calls in view.calls_on.items():
        if key.startswith(f"{place}."):
            found.update(call.index for call in calls)
    return frozenset(found)


def _is_plain(view: FunctionView, index: int) -> bool:
    """Whether a read of a place cancels what is there, or sees if it is there."""
    return called_method(view, index) == _CANCEL or view.use(index).kind == "other"


def _removable(view: FunctionView, first: Cancel, second: Cancel, changed: frozenset[int]) -> tuple[Cancel, ...]:
    start, end = first.call.index, second.call.index
    if any(is_cancellation_point(view, at) or at in changed for at in range(start, end)):
        return ()
    if meets(view, -1, lambda at: at == end, lambda at: at == start, errors=True) < 0:
        return (second, first) if view.block_of(start) == view.block_of(end) else (second,)
    # the last statement of a `try`, right before its `finally`
    body, final = view.region_of(start), view.regions[view.region_of(end)]
    if final.kind is not RegionKind.FINALLY or protected(view, final.parent) != body:
        return ()
    between = [view.nodes[at] for at in range(start + 1, end)]
    plain = all(isinstance(node, (Expr, Name, Attr)) for node in between)
    return (first,) if plain and _has_company(view, body, start) else ()


def _has_company(view: FunctionView, region: int, index: int) -> bool:
    """Whether other statements stand in a region before a node."""
    return any(view.nodes[at].parent < 0 and at < index for at in view.nodes_in(region))


# --- and not waited for


class Unjoined(NamedTuple):
    """A task that is cancelled, and a path to an exit on which nobody waits for it. `collection` is what it is one of,
    "" where it is alone. `in_vain` says what its cancel does not do, where that is known."""

    cancel: Cancel
    leak: Leak
    collection: str
    in_vain: Said = ""


def unjoined(view: FunctionView) -> Iterator[Unjoined]:
    """The tasks that a coroutine cancels and owns, and does not wait for on some path out. Not in what a runner is
    given, which waits for all of them, nor in a test, or what tests share, with which they are over."""
    if not view.is_async or is_program(view) or view.module.is_test or view.module.is_harness:
        return
    for cancel in _single(view):
        if not cancel.entry.joined or all(
            made.spawner.has_owner or _has_nothing_to_clean(made) for made in cancel.made
        ):
            continue
        settles = _joins_attribute(view, cancel) if "." in cancel.key else _joins_local(view, cancel)
        if settles is None:
            continue
        name = "" if _listed(view, cancel.call) else cancel.key
        over = over_by(view, cancel.key, TASK_OR_ENDED)
        leak = _way_out(view, cancel.call, settles, name=name, over=over, is_over=_is_awaited_before(view, cancel))
        if leak is not None:
            yield Unjoined(cancel, leak, "", _in_vain(view, cancel))
    yield from _unjoined_collections(view)


def _single(view: FunctionView) -> list[Cancel]:
    """What a function cancels that is not one of many, in a loop over a collection that is plain."""
    return [cancel for cancel in cancels(view) if not _collection(view, cancel.call)]


def _way_out(
    view: FunctionView,
    call: CallSite,
    settles: Settling,
    *,
    name: str = "",
    holds: frozenset[str] = frozenset(),
    over: Callable[[int], bool | None] | None = None,
    is_over: bool = False,
) -> Leak | None:
    """The nearest way from a cancel to an exit on which nothing waits for what was cancelled. Out of a `finally` that
    may be the way of the exception that led there; only that, where `is_over` says that it is over on all others."""
    leak = leak_of(view, call.index, settles, name=name, holds=holds, over=over) if not is_over else None
    if leak is None and innermost(view, call.index, RegionKind.FINALLY) >= 0:
        leak = leak_of(view, call.index, settles, name=name, holds=holds, over=over, unwinding=True)
    return leak


def _is_awaited_before(view: FunctionView, cancel: Cancel) -> bool:
    """Whether all ways without an exception that lead to a cancel come through an `await` of the task: it is over."""
    if innermost(view, cancel.call.index, RegionKind.HANDLER) >= 0:
        return False
    awaited = _awaited(view, cancel)
    return bool(awaited) and all(
        meets(view, made.call.index, lambda at: at == cancel.call.index, awaited.__contains__) < 0
        for made in cancel.made
    )


def _awaited(view: FunctionView, cancel: Cancel) -> set[int]:
    """Where what is in the local that is cancelled is awaited."""
    reads = (read_of(view, at, TASK) for at in view.names_read.get(cancel.key, ()))
    return {read.node for read in reads if read.fate is Fate.AWAITED}


def _has_nothing_to_clean(made: Made) -> bool:
    """Whether a task runs something that a cancellation ends at once: a mere wait."""
    call, spawner = made
    if call.fn.module.project.catalog.waiter(call.target) is not None:
        works = [arg for arg in call.node.args if not arg.keyword]
        return all(_is_mere_wait(call.fn, arg.value, MAX_CALLS) for arg in works)
    given = call.seen_argument(spawner.work_keyword, spawner.work_position)
    return _is_mere_wait(call.fn, given, MAX_CALLS)


MAX_CALLS = 4
"""Coroutine functions that are followed into each other to see whether there is anything to clean up."""


def _is_mere_wait(view: FunctionView, index: int | None, depth: int) -> bool:
    """Whether a coroutine has no cleanup in it: it is a library's wait, or a function of the project without a `try` or
    a `with` that awaits nothing else."""
    made = view.call_at(index)
    if made is None:
        return False
    callee = made.callee
    if callee is None:
        return calls_coroutine(view, made.index) or (not made.target and made.member in _WAITS and not made.node.args)
    if depth == 0 or not callee.is_coroutine or any(region.kind in _GUARDING for region in callee.regions):
        return False
    return all(
        _is_mere_wait(callee, node.value, depth - 1) for node in callee.nodes if isinstance(node, Await)
    ) and not any(isinstance(node, Iterate) and node.is_async for node in callee.nodes)


_GUARDING = frozenset({RegionKind.TRY, RegionKind.WITH})

_WAITS = frozenset({"get", "join", "wait"})
"""Methods of events and queues, where it is not known what they are called on."""


def _joins_local(view: FunctionView, cancel: Cancel) -> Settling | None:
    """What waits for the task in a local, or hands it to somebody who may; None where it is not the function's own."""
    if any(made.call.fn is not view for made in cancel.made):
        return None
    around = _iterated(view, cancel.call)
    reads = []
    for name in (cancel.key, *_listed(view, cancel.call)):
        own = own_reads(view, name)
        if own is None:
            return None
        reads += [at for at in own if view.nodes[at].parent != around]
    if _is_over(view, cancel, reads) or any(read_of(view, at, TASK).fate is Fate.HANDED_OVER for at in reads):
        return None  # somebody else may wait for it
    return _settling(view, reads)


def _is_over(view: FunctionView, cancel: Cancel, reads: list[int]) -> bool:
    """Whether a task is cancelled behind a `try` that does nothing but await it, in a handler or the `finally`: it is
    over already. A wait for several is not where one of them has failed: the others go on."""
    around = innermost(view, cancel.call.index, RegionKind.HANDLER, RegionKind.FINALLY)
    if around < 0 or (any(_fails_early(made.call) for made in cancel.made) and _comes_from_failures(view, around)):
        return False
    body = protected(view, view.regions[around].parent)
    awaited = {read.node for read in (read_of(view, at, TASK) for at in reads) if read.fate is Fate.AWAITED}
    points = [at for at in view.nodes_in(body) if is_cancellation_point(view, at)]
    return bool(points) and awaited.issuperset(points)


def _in_vain(view: FunctionView, cancel: Cancel) -> Said:
    """What is to be said where a failure leads to the cancel of a wait for several tasks, which is over by then, while
    nothing cancels the others: they are given to it right there, or in a collection that nothing here cancels after
    it; "" for any other."""
    around = innermost(view, cancel.call.index, RegionKind.HANDLER, RegionKind.FINALLY)
    if around < 0 or not _comes_from_failures(view, around):
        return ""
    body = protected(view, view.regions[around].parent)
    if not any(view.is_inside(view.region_of(at), body) for at in _awaited(view, cancel)):
        return ""
    if not all(_fails_early(made.call) and _waits_for_others(view, made.call, around) for made in cancel.made):
        return ""
    return f"`{cancel.call.text}()` does nothing where one of its tasks has failed: it is over, and the others run on"


def _waits_for_others(view: FunctionView, made: CallSite, around: int) -> bool:
    """Whether a call waits for several, and nothing in a region looks after them."""
    many = len(made.node.args) > 1 or any(arg.star == 1 for arg in made.node.args)
    for arg in made.node.args:
        key = view.key(arg.value)
        if key and any(view.is_inside(view.region_of(at), around) for at in view.places_read.get(key, ())):
            return False
    return many


def _comes_from_failures(view: FunctionView, region: int) -> bool:
    """Whether a failure may lead to a handler or a `finally`: not to a handler for cancellations, or for the end of the
    time that was given, which cancels what is waited for and waits until it is over."""
    if view.regions[region].kind is RegionKind.FINALLY:
        return True
    caught = handler_in(view, region).excepts(view).caught
    return caught < 0 or any(
        leaf.entry is None or leaf.entry.kind not in _FROM_OUTSIDE for leaf in exception_types(view, [caught])
    )


_FROM_OUTSIDE = frozenset(
    {schema.ExceptionKind.CANCEL, schema.ExceptionKind.CANCEL_GETTER, schema.ExceptionKind.TIMEOUT}
)
"""What no task that is waited for has raised."""


def _fails_early(call: CallSite) -> bool:
    """Whether a call waits for several, and is over as soon as one of them has failed."""
    waiter = call.fn.module.project.catalog.waiter(call.target)
    return waiter is not None and call.argument(waiter.collects) is None


def _settling(view: FunctionView, reads: list[int]) -> Settling:
    nodes = set()
    for at in reads:
        read = read_of(view, at, TASK)
        if read.fate in (Fate.AWAITED, Fate.WAITED_FOR, Fate.HANDED_OVER, Fate.ENTERED) or _is_waited_for(view, at):
            nodes.add(read.node)
        elif called_method(view, at) == "add_done_callback":
            nodes.add(at)  # somebody is told of its end
    return lambda index: Settles.AT_ONCE if index in nodes else Settles.NO


def _is_waited_for(view: FunctionView, index: int) -> bool:
    """Whether a read goes into a call that waits for it, be it only for a while."""
    use = view.use(index)
    if called_method(view, index) in _ALL_OF_THEM:
        use = view.use(view.nodes[use.node].parent)
    while use.kind in ("element", "argument"):
        call = view.call_at(use.node)
        if call is not None and view.module.project.catalog.waiter(call.target) is not None:
            return True
        use = view.use(use.node)
    return False


_ALL_OF_THEM = frozenset({"keys", "values", "copy"})
"""Methods of a collection that give what is in it."""


def _joins_attribute(view: FunctionView, cancel: Cancel) -> Settling | None:
    """The same for a task on a private attribute of the instance, which no other method waits for."""
    own = own_attribute(view, cancel.call.receiver)
    if own is None or not own[1].startswith("_"):
        return None
    owner, name = own
    reads = []
    for reader, at in attribute_reads(owner, name):
        if reader is view:
            reads.append(at)
        elif read_of(reader, at, TASK).fate not in (Fate.LOOKED_AT, Fate.STOPPED) or _is_waited_for(reader, at):
            return None
    plain = _settling(view, reads)
    helpers = {
        index
        for index, node in view.all_of(Await)
        if (call := view.call_at(node.value)) is not None and own_attribute(view, call.node.func) is not None
    }
    return lambda index: Settles.AT_ONCE if index in helpers else plain(index)


def _unjoined_collections(view: FunctionView) -> Iterator[Unjoined]:
    """The same for `for task in tasks: task.cancel()`, where this function has made the tasks."""
    for call in view.calls:
        name = _collection(view, call) if call.member == _CANCEL else ""
        tasks = tasks_made(view, name) if name else None
        made = _made(view.call_at(at) for at in tasks.made) if tasks is not None else None
        if tasks is None or not made or all(_has_nothing_to_clean(one) for one in made):
            continue
        entry = view.module.project.catalog.cancellable(made[0].spawner.returns)
        if entry is None or not entry.joined:
            continue
        reads: list[int] = []
        for one in {name, *tasks.names}:
            own = own_reads(view, one)
            if own is None:
                break
            reads += [at for at in own if not _is_only_cancelled(view, at)]
        else:
            leak = _way_out(view, call, _settling(view, reads), holds=frozenset({name}))
            if leak is not None:
                yield Unjoined(Cancel(call, view.key(call.receiver), entry, made), leak, name)


def _collection(view: FunctionView, call: CallSite) -> str:
    """The local over which the loop goes whose variable is cancelled."""
    return view.key(_iterated(view, call))


def _iterated(view: FunctionView, call: CallSite) -> int:
    """What the loop goes over whose variable is cancelled, as a node; -1 where there is none."""
    node = view.node_at(call.receiver)
    if not isinstance(node, Name):
        return -1
    for region in view.regions_around(call.index):
        header = view.node_at(view.regions[region].node)
        if isinstance(header, Iterate):
            targets = [view.nodes[at] for at in view.operands_within(header.target)]
            if any(isinstance(target, Store) and target.id == node.id for target in targets):
                return header.iterable
    return -1


def _listed(view: FunctionView, call: CallSite) -> list[str]:
    """The names in that over which the loop goes whose variable is cancelled: `(first, second)`, `tasks.values()`."""
    around = _iterated(view, call)
    names = [view.nodes[at] for at in view.operands_within(around)] if around >= 0 else []
    return [name.id for name in names if isinstance(name, Name)]


def _is_only_cancelled(view: FunctionView, index: int) -> bool:
    """Whether a read of a collection is a loop that cancels and looks, and waits for none of them."""
    use = view.use(index)
    if use.kind != "iterated":
        return False
    header = view.nodes[use.node]
    assert isinstance(header, Iterate)
    target = view.node_at(header.target)
    if not isinstance(target, Store):
        return False
    return all(
        read_of(view, at, TASK).fate in (Fate.LOOKED_AT, Fate.STOPPED) for at in view.names_read.get(target.id, ())
    )


def statement_of(view: FunctionView, call: CallSite) -> Expr | None:
    """The statement that a call is, where it is one."""
    node = view.node_at(call.node.parent)
    return node if isinstance(node, Expr) else None
