"""What is cancelled by hand: tasks, scopes, timers; whether it is cancelled twice, and whether anybody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.function import CallSite, FunctionView
from cancelcheck.link.paths.exceptions import exception_types, handler_in, is_cancellation_point, protected
from cancelcheck.link.paths.flow import innermost, meets
from cancelcheck.link.paths.leaks import Leak, Settles, Settling, leak_of
from cancelcheck.link.paths.ownership import TASK, TASK_OR_ENDED, Fate, over_by, own_reads, read_of
from cancelcheck.link.swallowing.cancellation import is_program
from cancelcheck.link.tasks.attributes import attribute_reads, own_attribute
from cancelcheck.link.tasks.pending import tasks_made
from cancelcheck.link.tasks.spawning import calls_coroutine, spawner_of
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Delete,
    Display,
    Expr,
    Iterate,
    Name,
    RegionKind,
    Store,
    StoreAttr,
    Test,
)

_CANCEL = "cancel"
"""The method that cancels, of everything that can be cancelled so far."""


class Cancel(NamedTuple):
    """A call that cancels what is in a plain place. `made` are the calls that have made it, where they are seen."""

    call: CallSite
    key: str
    entry: schema.Cancellable
    made: tuple[CallSite, ...]


def cancels(view: FunctionView) -> list[Cancel]:
    """What a function cancels, in order; only what is known to be something that can be cancelled."""
    catalog = view.module.project.catalog
    found = []
    for call in view.calls:
        if call.member != _CANCEL or call.receiver < 0:
            continue
        key = view.key(call.receiver)
        if not key:
            continue
        entry, made = None, _spawned(view, call.receiver)
        if made:
            spawner = spawner_of(made[0])
            entry = catalog.cancellable(spawner.returns) if spawner is not None and not spawner.has_owner else None
        else:
            instance = view.instance(call.receiver)
            if instance is not None and instance.view is None:
                entry = catalog.cancellable(instance.catalog_type())
                made = instance.origins if all(spawner_of(call) for call in instance.origins) else ()
        if entry is not None:
            found.append(Cancel(call, key, entry, made))
    return found


def _spawned(view: FunctionView, index: int) -> tuple[CallSite, ...]:
    """The spawner's calls that a local is bound to, all of them; empty where it may be something else."""
    node = view.nodes[index]
    if not isinstance(node, Name):
        return ()
    scope, bound = view.bindings(node.id)
    found = []
    for _, at in bound if scope is view else ():
        if at >= 0 and view.stores_none(at):
            continue
        call = view.call_at(view.assigned_value(at)) if at >= 0 else None
        if call is None or spawner_of(call) is None:
            return ()
        found.append(call)
    return tuple(found)


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
        if len(all_of) < 2:
            continue
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
    return branch >= 0 and view.is_inside(branch, body)


def _changes(view: FunctionView, key: str) -> frozenset[int]:
    """The nodes at which something else is done with a place than to cancel it, or to see if it is there."""
    root = key.partition(".")[0]
    found: set[int] = set()
    for index, node in enumerate(view.nodes):
        if isinstance(node, (Store, StoreAttr)) and view.key(index) in (key, root):
            found.add(index)
        elif isinstance(node, Delete) and root in node.names:
            found.add(index)
        elif isinstance(node, (Name, Attr)) and view.key(index) == key and not _is_plain(view, index):
            found.add(index)
        elif isinstance(node, Call) and "." in key:
            call = view.call_at(index)
            if call is not None and call.receiver >= 0 and view.key(call.receiver) == root:
                found.add(index)  # a method of the same instance may change it
    return frozenset(found)


def _is_plain(view: FunctionView, index: int) -> bool:
    use = view.use(index)
    if use.kind == "receiver":
        attr = view.nodes[use.node]
        call = view.call_at(attr.parent)
        return call is not None and call.member == _CANCEL
    return use.kind == "other"


def _removable(view: FunctionView, first: Cancel, second: Cancel, changed: frozenset[int]) -> tuple[Cancel, ...]:
    start, end = first.call.index, second.call.index
    if start > end or any(is_cancellation_point(view, at) or at in changed for at in range(start + 1, end)):
        return ()
    if meets(view, -1, lambda at: at == end, lambda at: at == start, errors=True) < 0:
        return (second, first) if view.block_of(start) == view.block_of(end) else (second,)
    # the last statement of a `try`, right before its `finally`
    final = innermost(view, end, RegionKind.FINALLY)
    guarded = innermost(view, start, RegionKind.PROTECTED)
    if final < 0 or guarded < 0 or view.regions[final].parent != view.regions[guarded].parent:
        return ()
    if view.region_of(start) != guarded or view.region_of(end) != final:
        return ()
    between = [view.nodes[at] for at in range(start + 1, end)]
    plain = all(isinstance(node, (Expr, Name, Attr)) for node in between)
    return (first,) if plain and _has_company(view, guarded, start) else ()


def _has_company(view: FunctionView, region: int, index: int) -> bool:
    """Whether other statements stand in a region before a node."""
    return any(view.nodes[at].parent < 0 and at < index for at in view.nodes_in(region))


# --- and not waited for


class Unjoined(NamedTuple):
    """A task that is cancelled, and a path to an exit on which nobody waits for it. `collection` is what it is one of,
    "" where it is alone. `in_vain`: it waits for several, one of which has failed: it is over, and the cancel reaches
    none of the others."""

    cancel: Cancel
    leak: Leak
    collection: str
    in_vain: bool = False


def unjoined(view: FunctionView) -> Iterator[Unjoined]:
    """The tasks that a coroutine cancels and owns, and does not wait for on some path out. Not in what a runner is
    given, which waits for all of them, nor in a test, or what tests share, with which they are over."""
    if not view.is_async or is_program(view) or view.module.is_test or view.module.is_harness:
        return
    for cancel in _single(view):
        if not cancel.entry.joined or not cancel.made or (all(_has_nothing_to_clean(call) for call in cancel.made)):
            continue
        settles = _joins_attribute(view, cancel) if "." in cancel.key else _joins_local(view, cancel)
        if settles is None:
            continue
        name = "" if "." in cancel.key or _listed(view, cancel.call) else cancel.key
        leak = _way_out(view, cancel.call, settles, name=name, over=bool(name) and _is_awaited_before(view, cancel))
        if leak is not None:
            yield Unjoined(cancel, leak, "", bool(name) and _is_in_vain(view, cancel))
    yield from _unjoined_collections(view)


def _single(view: FunctionView) -> list[Cancel]:
    """What a function cancels that is not one of many, in a loop over them."""
    return [cancel for cancel in cancels(view) if not _collection(view, cancel.call)]


def _way_out(
    view: FunctionView,
    call: CallSite,
    settles: Settling,
    *,
    name: str = "",
    holds: frozenset[str] = frozenset(),
    over: bool = False,
) -> Leak | None:
    """The nearest way from a cancel to an exit on which nothing waits for what was cancelled. Out of a `finally` that
    may be the way of the exception that led there; with `over` only that."""
    ended = over_by(view, name, TASK_OR_ENDED) if name else None
    leak = leak_of(view, call.index, settles, name=name, holds=holds, over=ended) if not over else None
    if leak is None and innermost(view, call.index, RegionKind.FINALLY) >= 0:
        leak = leak_of(view, call.index, settles, name=name, holds=holds, over=ended, unwinding=True)
    return leak


def _is_awaited_before(view: FunctionView, cancel: Cancel) -> bool:
    """Whether all ways without an exception that lead to a cancel come through an `await` of the task: it is over."""
    if innermost(view, cancel.call.index, RegionKind.HANDLER) >= 0:
        return False
    reads = (read_of(view, at, TASK) for at in own_reads(view, cancel.key) or ())
    awaited = {read.node for read in reads if read.fate is Fate.AWAITED}
    return bool(awaited) and all(
        meets(view, made.index, lambda at: at == cancel.call.index, awaited.__contains__) < 0 for made in cancel.made
    )


def _has_nothing_to_clean(call: CallSite) -> bool:
    """Whether a task runs something that a cancellation ends at once: a mere wait."""
    spawner = spawner_of(call)
    if spawner is None:
        return False
    waiter = call.fn.module.project.catalog.waiter(call.target)
    if waiter is not None and waiter.many:
        plain = call.positional
        return len(plain) == sum(not arg.keyword for arg in call.node.args) and all(
            _is_mere_wait(call.fn, work, MAX_CALLS) for work in plain
        )
    given = call.seen_argument(spawner.work_keyword, spawner.work_position)
    return given is not None and _is_mere_wait(call.fn, given, MAX_CALLS)


MAX_CALLS = 4
"""Coroutine functions that are followed into each other to see whether there is anything to clean up."""


def _is_mere_wait(view: FunctionView, index: int, depth: int) -> bool:
    """Whether a coroutine has no cleanup in it: it is a library's wait, or a function of the project without a `try` or
    a `with` that awaits nothing else."""
    made = view.call_at(index)
    if made is None:
        return False
    callee = made.callee
    if callee is None:
        return calls_coroutine(view, index) or (not made.target and made.member in _WAITS and not made.node.args)
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
    if not cancel.made or any(call.fn is not view for call in cancel.made):
        return None
    reads = own_reads(view, cancel.key)
    for other in _listed(view, cancel.call):
        inner = own_reads(view, other)
        if reads is None or inner is None:
            return None
        around = _iterated(view, cancel.call)
        reads += [at for at in inner if view.nodes[at].parent != around]
    if (
        reads is None
        or _is_over(view, cancel, reads)
        or any(read_of(view, at, TASK).fate is Fate.HANDED_OVER for at in reads)
    ):
        return None  # somebody else may wait for it
    return _settling(view, reads)


def _is_over(view: FunctionView, cancel: Cancel, reads: list[int]) -> bool:
    """Whether a task is cancelled behind a `try` that does nothing but await it, in a handler or the `finally`: it is
    over already. A wait for several is not where one of them has failed: the others go on."""
    around = innermost(view, cancel.call.index, RegionKind.HANDLER, RegionKind.FINALLY)
    if around < 0 or (any(_fails_early(call) for call in cancel.made) and _comes_from_failures(view, around)):
        return False
    body = protected(view, view.regions[around].parent)
    awaited = {read.node for read in (read_of(view, at, TASK) for at in reads) if read.fate is Fate.AWAITED}
    points = [at for at in view.nodes_in(body) if is_cancellation_point(view, at)]
    return bool(points) and awaited.issuperset(points)


def _is_in_vain(view: FunctionView, cancel: Cancel) -> bool:
    """Whether a failure leads to the cancel of a wait for several tasks, which is over by then, while nothing cancels
    the others: they are given to it right there, or in a collection that nothing here cancels after it."""
    around = innermost(view, cancel.call.index, RegionKind.HANDLER, RegionKind.FINALLY)
    if around < 0 or not _comes_from_failures(view, around):
        return False
    reads = own_reads(view, cancel.key) or []
    body = protected(view, view.regions[around].parent)
    awaited = [read.node for read in (read_of(view, at, TASK) for at in reads) if read.fate is Fate.AWAITED]
    if not any(view.is_inside(view.region_of(at), body) for at in awaited):
        return False
    return all(_fails_early(made) and _waits_for_others(view, made, around) for made in cancel.made)


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
    leaves = exception_types(view, [caught]) if caught >= 0 else ()
    kinds = {leaf.entry.kind if leaf.entry is not None else None for leaf in leaves}
    return not kinds or not kinds.issubset(_FROM_OUTSIDE)


_FROM_OUTSIDE = frozenset(
    {schema.ExceptionKind.CANCEL, schema.ExceptionKind.CANCEL_GETTER, schema.ExceptionKind.TIMEOUT}
)
"""What no task that is waited for has raised."""


def _fails_early(call: CallSite) -> bool:
    """Whether a call waits for several, and is over as soon as one of them has failed."""
    waiter = call.fn.module.project.catalog.waiter(call.target)
    return waiter is not None and not (waiter.collects and call.argument(waiter.collects) is not None)


def _settling(view: FunctionView, reads: list[int]) -> Settling:
    nodes = set()
    for at in reads:
        read = read_of(view, at, TASK)
        if read.fate in (Fate.AWAITED, Fate.WAITED_FOR, Fate.HANDED_OVER, Fate.ENTERED) or _is_waited_for(view, at):
            nodes.add(read.node)
        elif _is_asked(view, at) or _is_told_of(view, at):
            nodes.add(at)
    return lambda index: Settles.AT_ONCE if index in nodes else Settles.NO


def _is_told_of(view: FunctionView, index: int) -> bool:
    """Whether a read gives the task a callback: somebody is told of its end."""
    use = view.use(index)
    attr = view.nodes[use.node] if use.kind == "receiver" else None
    return isinstance(attr, Attr) and attr.attr == "add_done_callback"


def _is_asked(view: FunctionView, index: int) -> bool:
    """Whether a read decides by whether the task is done, in an `if` or in a `while`: where it is, there is nothing to
    wait for."""
    use = view.use(index)
    attr = view.nodes[use.node] if use.kind == "receiver" else None
    if not isinstance(attr, Attr) or attr.attr not in ("done", "cancelled"):
        return False
    at = index
    while at >= 0 and not isinstance(view.nodes[at], Test):
        at = view.nodes[at].parent
    return at >= 0


def _is_waited_for(view: FunctionView, index: int) -> bool:
    """Whether a read goes into a call that waits for it, be it only for a while."""
    use = view.use(index)
    while use.kind in ("element", "argument", "receiver"):
        call = view.call_at(use.node)
        if use.kind == "receiver":
            attr = view.nodes[use.node]
            call = view.call_at(attr.parent)
            if call is None or call.receiver != index or call.member not in _ALL_OF_THEM:
                return False
            use = call.use
            continue
        if call is not None and view.module.project.catalog.waiter(call.target) is not None:
            return True
        use = view.use(use.node)
    return use.kind == "awaited"


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
        for index, node in enumerate(view.nodes)
        if isinstance(node, Await)
        and (call := view.call_at(node.value)) is not None
        and (call.receiver >= 0 and view.key(call.receiver) == view.self_name)
    }
    return lambda index: Settles.AT_ONCE if index in helpers else plain(index)


def _unjoined_collections(view: FunctionView) -> Iterator[Unjoined]:
    """The same for `for task in tasks: task.cancel()`, where this function has made the tasks."""
    entries = {cancel.call.index for cancel in _single(view)}
    for call in view.calls:
        if call.member != _CANCEL or call.index in entries:
            continue
        name = _collection(view, call)
        if not name:
            continue
        made = tasks_made(view, name)
        if made is None or all(_starts_plain_wait(view, at) for at in made.made):
            continue
        entry = view.module.project.catalog.cancellable(_type_of(view, made.made))
        names = {name, *made.names}
        reads: list[int] = []
        for one in names:
            own = own_reads(view, one)
            if own is None:
                break
            reads += own
        else:
            if entry is None or not entry.joined:
                continue
            loops = {at for at in reads if _is_only_cancelled(view, at)}
            settles = _settling(view, [at for at in reads if at not in loops])
            leak = _way_out(view, call, settles, holds=frozenset({name}))
            if leak is not None:
                yield Unjoined(Cancel(call, view.key(call.receiver), entry, ()), leak, name)


def _collection(view: FunctionView, call: CallSite) -> str:
    """The local over which the loop goes whose variable is cancelled."""
    around = _iterated(view, call)
    return view.key(around) if around >= 0 else ""


def _iterated(view: FunctionView, call: CallSite) -> int:
    """What the loop goes over whose variable is cancelled, as a node; -1 where there is none."""
    node = view.node_at(call.receiver)
    if not isinstance(node, Name):
        return -1
    for region in view.regions_around(call.index):
        facts = view.regions[region]
        header = view.node_at(facts.node)
        if facts.kind in (RegionKind.LOOP, RegionKind.COMPREHENSION) and isinstance(header, Iterate):
            target = view.node_at(header.target)
            if isinstance(target, Store) and target.id == node.id:
                return header.iterable
    return -1


def _listed(view: FunctionView, call: CallSite) -> list[str]:
    """The locals in the display over which the loop goes whose variable is cancelled."""
    around = _iterated(view, call)
    display = view.node_at(around)
    names = [view.nodes[item] for item in display.items] if isinstance(display, Display) else []
    return [name.id for name in names if isinstance(name, Name)]


def _type_of(view: FunctionView, made: tuple[int, ...]) -> str:
    for at in made:
        call = view.call_at(at)
        spawner = spawner_of(call) if call is not None else None
        if spawner is not None:
            return spawner.returns
    return ""


def _starts_plain_wait(view: FunctionView, index: int) -> bool:
    call = view.call_at(index)
    return call is not None and _has_nothing_to_clean(call)


def _is_only_cancelled(view: FunctionView, index: int) -> bool:
    """Whether a read of a collection is a loop that cancels and looks, and waits for none of them."""
    use = view.use(index)
    if use.kind != "iterated":
        # put into it, or unpacked from it
        return use.kind == "receiver" and not _is_waited_for(view, index)
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
