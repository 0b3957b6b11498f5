"""Waits for several tasks that come back before all of them are done, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import handlers_of
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.paths.leaks import CANCELLED, Raising, Settles, leak_of
from cancelcheck.link.paths.ownership import TASK, Fate, comes_back_early, is_given_a_time, read_of
from cancelcheck.link.swallowing.cancellation import is_program
from cancelcheck.link.tasks.spawning import calls_coroutine, spawner_of
from cancelcheck.link.undoing import says_undoing, undoes
from cancelcheck.model.facts import (
    Assign,
    Await,
    Call,
    Comprehension,
    Const,
    Display,
    FunctionKind,
    Name,
    RegionKind,
    Starred,
    Store,
    Subscript,
    Test,
    Unpack,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Left(NamedTuple):
    """A wait that leaves tasks behind, or the jobs of a pool: the call, where they are made, how they are lost, and
    whether that is worth a look only."""

    call: CallSite
    made: tuple[int, ...]
    why: str
    strict: bool
    are_jobs: bool = False


class Tasks(NamedTuple):
    """Tasks that this function has made: the calls that make them, and the locals that hold them or the collection."""

    made: tuple[int, ...]
    names: frozenset[str]


def abandoned(view: FunctionView) -> Iterator[Left]:
    """The waits that come back early, whose tasks this function has made and never looks after again. Not in what a
    runner is given, which cancels whatever is left, nor in a test, with which they are over."""
    for call, waiter in _waits(view):
        if waiter.many or not comes_back_early(call, waiter):
            continue
        work = _work_of(call)
        tasks = _tasks(view, call, waiter, work)
        if tasks is None or (work is schema.Work.COROUTINE and (view.module.is_test or is_program(view))):
            continue
        # one that gives each in turn as it is done raises when the time is up, and tells of no rest
        pending = _pending(view, call) if waiter.pair else "" if call.use.kind == "iterated" else None
        if pending is None:
            continue
        kept = [at for name in tasks.names for at in _seen_to(view, name, call, tasks.names)]
        if kept or (pending and _seen_to(view, pending, call, tasks.names)):
            continue
        # one alone is done when the first one is
        alone = len(tasks.made) == 1 and next(view.loops_around(tasks.made[0]), -1) < 0
        if _comes_again(view, call, tasks) or (alone and not is_given_a_time(call, waiter)):
            continue
        pools = _pools(view, tasks) if work is schema.Work.CALLABLE else []
        if any(_is_shut_down(view, pool) for pool in pools):
            continue
        # one job that is given some time, and then goes on by itself, is often meant so
        elsewhere = waiter.pair and not pools and not call.is_awaited
        lent = not all(_is_made_here(view, pool) for pool in pools)
        # who closes gives the rest some time, and goes
        closing = says_undoing(view.name) and not _early(call, waiter)
        strict = elsewhere or lent or alone or closing or view.module.is_test or _is_looked_at(view, pending, call)
        yield Left(call, tasks.made, "it may come back before they are done", strict, bool(pools))


def _comes_again(view: FunctionView, call: CallSite, tasks: Tasks) -> bool:
    """Whether a loop goes round to the same wait, and makes none of its tasks: they are waited for again."""
    loop = innermost(view, call.index, RegionKind.LOOP)
    return loop >= 0 and not any(view.is_inside(view.region_of(at), loop) for at in tasks.made)


def _work_of(call: CallSite) -> schema.Work:
    """What a wait waits for: tasks, or, where it blocks its thread, the jobs of a pool."""
    api = call.fn.module.project.catalog.api(call.target)
    return schema.Work.CALLABLE if api is not None and api.mode is schema.Mode.SYNC else schema.Work.COROUTINE


def _pools(view: FunctionView, tasks: Tasks) -> list[int]:
    """What the jobs were given to."""
    calls = [view.call_at(index) for index in tasks.made]
    return [call.receiver for call in calls if call is not None and call.receiver >= 0]


def _is_shut_down(view: FunctionView, pool: int) -> bool:
    """Whether a function shuts a pool down by hand: what is left of the jobs is for that to see to."""
    return any(undoes(call) for call in view.calls_on.get(view.key(pool), ()))


def _is_made_here(view: FunctionView, pool: int) -> bool:
    """Whether a pool is this function's own: another one's jobs are its owner's."""
    node = view.nodes[pool]
    if not isinstance(node, Name):
        return isinstance(node, Call)
    scope, bound = view.bindings(node.id)
    return scope is view and all(at >= 0 for _, at in bound)


def _is_looked_at(view: FunctionView, pending: str, call: CallSite) -> bool:
    """Whether a condition asks if any are left: the function knows that they go on."""
    return any(
        at > call.index and any(isinstance(view.nodes[up], Test) for up in view.outwards(at))
        for at in view.names_read.get(pending, ())
    )


def _early(call: CallSite, waiter: schema.Waiter) -> bool:
    """Whether it comes back with the first one that is done."""
    return bool(waiter.early) and call.argument(waiter.early) is not None


def left_by_cancellation(view: FunctionView) -> Iterator[Left]:
    """The waits for some of several tasks that leave one which takes something to itself where the wait is cancelled:
    it cancels none of them, and nothing on the way out looks at it. Only what this function has made, and nobody else
    may hold."""
    if is_program(view) or view.module.is_test:
        return
    for call, waiter in _waits(view):
        if not call.is_awaited or not comes_back_early(call, waiter):
            continue
        inside = frozenset(view.operands_within(call.index))
        made = tuple(
            at
            for part in _own_parts(view, call, waiter)
            if not _is_followed(view, part, call, inside) and _is_left(view, part, call, inside)
            for at in part.made
            if _takes(view, at, _DEEP)
        )
        if made:
            # what a coroutine of the project takes, it may do something with itself
            strict = not any(_takes(view, at, 0) for at in made)
            yield Left(call, made, "it is cancelled, and cancels none of them", strict)


def _own_parts(view: FunctionView, call: CallSite, waiter: schema.Waiter) -> list[Tasks]:
    """The tasks of a wait that this function has made: all of them together, or of a display those that are its own."""
    whole = _tasks(view, call, waiter)
    if whole is not None:
        return [whole]
    given = call.positional[0] if call.positional else -1
    names: set[str] = set()
    node = view.node_at(given)
    if isinstance(node, Name):
        names.add(node.id)
        node = view.node_at(view.local_value(given))
    parts = []
    for item in node.items if isinstance(node, Display) and node.kind != "dict" else ():
        made: list[int] = []
        own = set(names)
        if _collect(view, item, made, own, 0) and made:
            parts.append(Tasks(tuple(made), frozenset(own)))
    return parts


def _is_followed(view: FunctionView, tasks: Tasks, call: CallSite, inside: frozenset[int]) -> bool:
    """Whether tasks were given to somebody before a wait, or tell somebody when they are done."""
    for name in tasks.names:
        for reader, at in view.reads(name):
            if reader is not view:
                return True
            if at in inside or _is_kept_here(view, at, tasks.names):
                continue
            use = view.use(at)
            if use.kind == "receiver" and getattr(view.nodes[use.node], "attr", "") == "add_done_callback":
                return True
            if at < call.index and read_of(view, at, TASK).fate is Fate.HANDED_OVER:
                return True
    return view.uses_locals


def _is_left(view: FunctionView, tasks: Tasks, call: CallSite, inside: frozenset[int]) -> bool:
    """Whether a cancellation of a wait leaves the function on a way on which nothing reads the tasks."""
    looks = {at for name in tasks.names for _, at in view.reads(name)} - inside

    def settles(index: int) -> Settles:
        if index == call.node.parent:
            return Settles.AFTER  # only its cancellation is followed
        return Settles.AT_ONCE if index in looks else Settles.NO

    return leak_of(view, call.index, settles, raising=Raising.CANCEL, kinds=CANCELLED) is not None


def _takes(view: FunctionView, index: int, depth: int) -> bool:
    """Whether a task takes something out of a queue or a stream: what it takes when nobody looks any more is lost.
    `depth`: through how many coroutines of the project."""
    call = view.call_at(index)
    assert call is not None
    spawner = spawner_of(call)
    given = call.argument(spawner.work_keyword, spawner.work_position) if spawner is not None else index
    return _takes_in(view, given, depth)


def _takes_in(view: FunctionView, index: int | None, depth: int) -> bool:
    call = view.call_at(index)
    if call is None:
        return False
    if view.module.project.catalog.takes(call.target):
        return True
    callee = call.callee
    if callee is None or not callee.is_coroutine or depth == 0:
        return False
    return any(isinstance(node, Await) and _takes_in(callee, node.value, depth - 1) for node in callee.nodes)


def left_by_failure(view: FunctionView) -> Iterator[Left]:
    """The waits that raise as soon as one of several tasks fails, and leave the others, which this function has made,
    to themselves."""
    if view.module.is_test:
        return
    for call, waiter in _waits(view):
        if not waiter.cancels or not call.is_awaited or _collects_failures(call):
            continue
        tasks = _tasks(view, call, waiter)
        if tasks is None or _is_guarded(view, call):
            continue
        # a coroutine in a list is no task yet: nobody could cancel it there
        # nor is it guessed what one does that is not resolved: it may well be over soon
        held = bool(tasks.names) and all(_is_started(view, index) for index in tasks.made)
        held = held and any(_coroutine(view, index) is not None for index in tasks.made)
        made = tasks.made if held else _workers(view, tasks.made)
        if made:
            # what is nested in this function shares its locals, and is to end with it
            strict = held or not all(
                (callee := _coroutine(view, index)) is not None and callee.parent is view for index in tasks.made
            )
            yield Left(call, made, "it raises when the first one fails", strict)


def _is_started(view: FunctionView, index: int) -> bool:
    call = view.call_at(index)
    return call is not None and spawner_of(call) is not None


def _workers(view: FunctionView, made: tuple[int, ...]) -> tuple[int, ...]:
    """Those of several coroutines that go round and round until something tells them to end: nobody else holds them,
    and none ends by itself when another one has failed. None where all are torn down with the program."""
    if len(made) < 2 or is_program(view):
        return ()
    return tuple(index for index in made if (callee := _coroutine(view, index)) is not None and _turns_round(callee))


def _coroutine(view: FunctionView, index: int) -> FunctionView | None:
    """The project's coroutine function that a call makes a coroutine of, at once or as the work of a task."""
    call = view.call_at(index)
    assert call is not None
    spawner = spawner_of(call)
    work = call.argument(spawner.work_keyword, spawner.work_position) if spawner is not None else index
    inner = view.call_at(work)
    callee = inner.callee if inner is not None else None
    return callee if callee is not None and callee.is_coroutine and len(callee.alternatives) == 1 else None


def _turns_round(view: FunctionView) -> bool:
    """Whether a function waits in a loop whose condition is a constant."""
    for index, region in enumerate(view.regions):
        node = view.node_at(region.node) if region.kind is RegionKind.LOOP else None
        value = view.nodes[node.value] if isinstance(node, Test) else None
        if isinstance(value, Const) and value.value and region.entry in view.live_blocks:
            if any(isinstance(view.nodes[at], Await) for at in view.nodes_in(index)):
                return True
    return False


def _waits(view: FunctionView) -> Iterator[tuple[CallSite, schema.Waiter]]:
    if view.facts.kind is not FunctionKind.DEF:
        return
    catalog = view.module.project.catalog
    for call in view.told_calls:
        waiter = catalog.waiter(call.target)
        if waiter is not None:
            yield call, waiter


def _collects_failures(call: CallSite) -> bool:
    """Whether failures are given back as results (`return_exceptions=True`), or may be."""
    argument = call.argument("return_exceptions")
    return argument is not None and getattr(call.fn.node_at(argument), "value", None) is not False


def _is_guarded(view: FunctionView, call: CallSite) -> bool:
    """Whether a `finally` or a handler of a `try` around the wait may see to the tasks."""
    for region in view.regions_around(call.index):
        if view.regions[region].kind is RegionKind.TRY:
            if handlers_of(view, region) or any(
                inner.kind is RegionKind.FINALLY and inner.parent == region for inner in view.regions
            ):
                return True
    return False


def _tasks(
    view: FunctionView, call: CallSite, waiter: schema.Waiter, work: schema.Work = schema.Work.COROUTINE
) -> Tasks | None:
    """What a wait is given, where it is all made by this function; None where any of it may have another owner."""
    given = [arg for arg in call.node.args if not arg.keyword]
    if not given or (not waiter.many and given[0].star):
        return None
    made: list[int] = []
    names: set[str] = set()
    for arg in given if waiter.many else given[:1]:
        if not _collect(view, arg.value, made, names, 0, work):
            return None
    return Tasks(tuple(made), frozenset(names)) if made else None


def tasks_made(view: FunctionView, name: str) -> Tasks | None:
    """The tasks in a local collection, where all of them are made by this function; None where any may have another
    owner. Of what a wait gives back, the tasks that it was given."""
    given = _waited_for(view, name)
    made: list[int] = []
    names: set[str] = set()
    if given is not None:
        return _tasks(view, *given)
    return Tasks(tuple(made), frozenset(names)) if _collect_name(view, name, made, names, 0) and made else None


def _waited_for(view: FunctionView, name: str) -> tuple[CallSite, schema.Waiter] | None:
    """Of `done, pending = await asyncio.wait(tasks)`: the wait that one of the two names comes from."""
    for call, waiter in _waits(view):
        if waiter.pair and _pending(view, call) == name:
            return call, waiter
    return None


_DEEP = 6
"""Names and collections inside each other that are followed to the tasks in them."""


_MANY = 20
"""Bindings of a local that is followed."""


def _collect(
    view: FunctionView,
    index: int,
    made: list[int],
    names: set[str],
    depth: int,
    work: schema.Work = schema.Work.COROUTINE,
) -> bool:
    """Whether a value is made of tasks that this function makes, or of jobs that it gives to a pool. Of a dict its keys
    are."""
    node = view.nodes[index]
    if depth > _DEEP:
        return False
    if isinstance(node, Starred):
        return _collect(view, node.value, made, names, depth + 1, work)
    if isinstance(node, Display):
        items = node.keys if node.kind == "dict" else node.items
        return bool(items) and all(item >= 0 and _collect(view, item, made, names, depth + 1, work) for item in items)
    if isinstance(node, Comprehension):
        elements = node.elements[:1] if node.kind == "dict" else node.elements
        return all(_collect(view, item, made, names, depth + 1, work) for item in elements)
    if isinstance(node, Call):
        call = view.call_at(index)
        assert call is not None
        spawner = spawner_of(call)
        if work is schema.Work.CALLABLE:
            if spawner is None or not spawner.joined_at_exit:
                return False
            made.append(index)
            return True
        if spawner is not None and not spawner.has_owner and spawner.work is schema.Work.COROUTINE:
            given = call.argument(spawner.work_keyword, spawner.work_position)
            if given is None or given < 0 or not isinstance(view.nodes[given], Call):
                return False  # it may have been a task before
            made.append(index)
            return True
        if calls_coroutine(view, index):
            made.append(index)
            return True
        return False
    if isinstance(node, Name):
        return _collect_name(view, node.id, made, names, depth, work)
    return False


def _collect_name(
    view: FunctionView,
    name: str,
    made: list[int],
    names: set[str],
    depth: int,
    work: schema.Work = schema.Work.COROUTINE,
) -> bool:
    if name in names:
        return True
    scope, bound = view.bindings(name)
    if scope is not view or len(bound) > _MANY:
        return False
    names.add(name)
    filled = False
    for _, at in bound:
        value = view.assigned_value(at) if at >= 0 else None
        if value is None:
            return False
        if _is_empty(view, value):
            filled = True
            continue
        if not _collect(view, value, made, names, depth + 1, work):
            return False
    return not filled or _collect_added(view, name, made, names, depth, work)


_COLLECTIONS = ("builtins.list", "builtins.set")


def _is_empty(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    call = view.call_at(index)
    if call is not None:
        return call.target in _COLLECTIONS and not call.node.args
    return isinstance(node, Display) and not node.items


def _collect_added(
    view: FunctionView, name: str, made: list[int], names: set[str], depth: int, work: schema.Work
) -> bool:
    """The same for what is put into a collection by `append` or `add`."""
    found = False
    for _, at in view.reads(name):
        use = view.use(at)
        attr = view.nodes[use.node] if use.kind == "receiver" else None
        call = view.call_at(attr.parent) if attr is not None else None
        if call is not None and call.member in ("append", "add") and call.positional:
            if not _collect(view, call.positional[0], made, names, depth + 1, work):
                return False
            found = True
    return found


def _pending(view: FunctionView, call: CallSite) -> str | None:
    """The name that the pending set is bound to, "" where it is dropped; None where it is kept in another way."""
    value = call.node.parent if call.is_awaited else call.index
    use = view.use(value)
    if use.kind == "dropped":
        return ""
    node = view.node_at(use.node)
    if isinstance(node, Subscript) and node.value == value:
        index = view.nodes[node.index]
        return "" if isinstance(index, Const) and index.value == 0 else None
    if isinstance(node, Assign) and len(node.targets) == 1:
        target = view.nodes[node.targets[0]]
        if isinstance(target, Unpack) and len(target.items) == 2:
            rest = view.nodes[target.items[1]]
            return rest.id if isinstance(rest, Store) else None
    return None


def _seen_to(view: FunctionView, name: str, call: CallSite, names: frozenset[str]) -> list[int]:
    """The reads of a name by which more is done after a wait than to look at it."""
    loop = innermost(view, call.index, RegionKind.LOOP)
    found = []
    inside = set(view.operands_within(call.index))
    for reader, at in view.reads(name):
        if reader is not view:
            return [at]
        if at in inside or _is_kept_here(view, at, names):
            continue
        again = loop >= 0 and view.is_inside(view.region_of(at), loop)
        read = read_of(view, at, TASK)
        if at < call.index and not again and read.fate not in (Fate.HANDED_OVER, Fate.STOPPED):
            continue
        if read.fate is not Fate.LOOKED_AT or view.use(at).kind == "iterated":  # goes through them
            found.append(at)
    return found


def _is_kept_here(view: FunctionView, at: int, names: frozenset[str]) -> bool:
    """Whether a read puts the task into a collection that is itself one of `names`, or adds to such a collection."""
    use = view.use(at)
    if use.kind == "receiver":
        return getattr(view.nodes[use.node], "attr", "") in ("append", "add")
    if use.kind == "argument":
        call = view.call_at(use.node)
        assert call is not None
        return call.receiver >= 0 and view.key(call.receiver) in names
    if use.kind == "element":
        holder = view.use(use.node)
        return holder.kind == "bound" and holder.name in names
    return False
