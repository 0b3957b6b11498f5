"""Waits for several tasks that come back before all of them are done, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.paths.leaks import CANCELLED, Raising, Settles, leak_of
from cancelcheck.link.paths.ownership import TASK, Fate, comes_back_early, is_given_a_time, own_reads, read_of
from cancelcheck.link.swallowing.cancellation import is_program
from cancelcheck.link.tasks.attributes import called_method
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
        if not comes_back_early(call, waiter):
            continue
        work = _work_of(call)
        tasks = _tasks(view, call, waiter, work)
        if tasks is None or (work is schema.Work.COROUTINE and (view.module.is_test or is_program(view))):
            continue
        # one that gives each in turn as it is done raises when the time is up, and tells of no rest
        pending = _pending(view, call) if waiter.pair else "" if call.use.kind == "iterated" else None
        if pending is None:
            continue
        if any(_is_seen_to(view, name, tasks.names) for name in (pending, *tasks.names)):
            continue
        # one alone is done when the first one is; and is often meant to go on by itself when its time is up
        alone = len(tasks.made) == 1 and next(view.loops_around(tasks.made[0]), -1) < 0
        if _comes_again(view, call, tasks) or (alone and not is_given_a_time(call, waiter)):
            continue
        pools = _pools(view, tasks) if work is schema.Work.CALLABLE else []
        if any(_is_shut_down(view, pool) for pool in pools):
            continue
        lent = not all(_is_made_here(view, pool) for pool in pools)
        # who closes gives the rest some time, and goes
        closing = says_undoing(view.name) and not _early(call, waiter)
        strict = lent or alone or closing or view.module.is_test or _is_looked_at(view, pending, call)
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
    return [view.sites[index].receiver for index in tasks.made]


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
    return call.argument(waiter.early) is not None


def left_by_cancellation(view: FunctionView) -> Iterator[Left]:
    """The waits for some of several tasks that leave one which takes something to itself where the wait is cancelled:
    it cancels none of them, and nothing on the way out looks at it. Only what this function has made, and nobody else
    may hold."""
    if is_program(view) or view.module.is_test:
        return
    for call, waiter in _waits(view):
        if not comes_back_early(call, waiter):
            continue
        made = tuple(
            at
            for part in _own_parts(view, call, waiter)
            if not _is_followed(view, part, call) and _is_left(view, part, call)
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
    for item in node.items if isinstance(node, Display) else ():
        found = _Found(schema.Work.COROUTINE, [], set(names))
        part = found.tasks if found.takes(view, item) else None
        if part is not None:
            parts.append(part)
    return parts


def _is_followed(view: FunctionView, tasks: Tasks, call: CallSite) -> bool:
    """Whether tasks were given to somebody before a wait, or tell somebody when they are done."""
    for name in tasks.names:
        reads = own_reads(view, name)
        if reads is None or any(called_method(view, at) == "add_done_callback" for at in reads):
            return True
        before = [at for at in reads if at < call.index and not _is_kept_here(view, at, tasks.names)]
        if any(read_of(view, at, TASK).fate is Fate.HANDED_OVER for at in before):
            return True
    return False


def _is_left(view: FunctionView, tasks: Tasks, call: CallSite) -> bool:
    """Whether a cancellation of a wait leaves the function on a way on which nothing reads the tasks."""
    inside = set(view.operands_within(call.index))
    looks = {at for name in tasks.names for _, at in view.reads(name)} - inside

    def settles(index: int) -> Settles:
        if index == call.node.parent:
            return Settles.AFTER  # only its cancellation is followed
        return Settles.AT_ONCE if index in looks else Settles.NO

    return leak_of(view, call.index, settles, raising=Raising.CANCEL, kinds=CANCELLED) is not None


def _takes(view: FunctionView, index: int, depth: int) -> bool:
    """Whether a task takes something out of a queue or a stream: what it takes when nobody looks any more is lost.
    `depth`: through how many coroutines of the project."""
    return _takes_in(view, _work_at(view, index), depth)


def _work_at(view: FunctionView, index: int) -> int | None:
    """What a call makes a coroutine by, at once or as the work of a task."""
    call = view.sites[index]
    spawner = spawner_of(call)
    return call.argument(spawner.work_keyword, spawner.work_position) if spawner is not None else index


def _takes_in(view: FunctionView, index: int | None, depth: int) -> bool:
    call = view.call_at(index)
    if call is None:
        return False
    if view.module.project.catalog.takes(call.target):
        return True
    callee = call.callee
    if callee is None or depth == 0:
        return False
    return any(_takes_in(callee, node.value, depth - 1) for _, node in callee.all_of(Await))


_DEEP = 6
"""Coroutines of the project inside each other that are followed to what they wait for."""


def left_by_failure(view: FunctionView) -> Iterator[Left]:
    """The waits that raise as soon as one of several tasks fails, and leave the others, which this function has made,
    to themselves."""
    if view.module.is_test:
        return
    for call, waiter in _waits(view):
        if not waiter.cancels or not call.is_awaited or _collects_failures(call):
            continue
        tasks = _tasks(view, call, waiter)
        # what stands in a `try` may see to them in a handler, or in the `finally`
        if tasks is None or innermost(view, call.index, RegionKind.TRY) >= 0:
            continue
        # a coroutine in a list is no task yet: nobody could cancel it there
        # nor is it guessed what one does that is not resolved: it may well be over soon
        held = bool(tasks.names) and all(spawner_of(view.sites[index]) is not None for index in tasks.made)
        held = held and any(_coroutine(view, index) is not None for index in tasks.made)
        made = tasks.made if held else _workers(view, tasks.made)
        if made:
            # what is nested in this function shares its locals, and is to end with it
            strict = held or not all(
                (callee := _coroutine(view, index)) is not None and callee.parent is view for index in tasks.made
            )
            yield Left(call, made, "it raises when the first one fails", strict)


def _workers(view: FunctionView, made: tuple[int, ...]) -> tuple[int, ...]:
    """Those of several coroutines that go round and round until something tells them to end: nobody else holds them,
    and none ends by itself when another one has failed. None where all are torn down with the program."""
    several = len(made) > 1 and not is_program(view)
    coroutines = ((index, _coroutine(view, index)) for index in made if several)
    return tuple(index for index, callee in coroutines if callee is not None and _turns_round(callee))


def _coroutine(view: FunctionView, index: int) -> FunctionView | None:
    """The project's coroutine function that a call makes a coroutine of, at once or as the work of a task."""
    made = view.call_at(_work_at(view, index))
    assert made is not None
    callee = made.callee
    return callee if callee is not None and len(callee.alternatives) == 1 else None


def _turns_round(view: FunctionView) -> bool:
    """Whether a function waits in a loop whose condition is a constant."""
    for index, region in enumerate(view.regions):
        node = view.node_at(region.node)
        value = view.nodes[node.value] if isinstance(node, Test) else None
        if isinstance(value, Const) and value.value:
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


def _tasks(
    view: FunctionView, call: CallSite, waiter: schema.Waiter, work: schema.Work = schema.Work.COROUTINE
) -> Tasks | None:
    """What a wait is given, where it is all made by this function; None where any of it may have another owner."""
    given = [arg.value for arg in call.node.args if not arg.keyword]
    found = _Found(work, [], set())
    return found.tasks if all(found.takes(view, index) for index in (given if waiter.many else given[:1])) else None


def tasks_made(view: FunctionView, name: str) -> Tasks | None:
    """The tasks in a local collection, where all of them are made by this function; None where any may have another
    owner. Of what a wait gives back, the tasks that it was given."""
    for call, waiter in _waits(view):
        # `done, pending = await asyncio.wait(tasks)`
        if waiter.pair and _pending(view, call) == name:
            return _tasks(view, call, waiter)
    found = _Found(schema.Work.COROUTINE, [], set())
    return found.tasks if found.takes_name(view, name) else None


class _Found(NamedTuple):
    """What is found of tasks that a function makes, or of jobs that it gives to a pool: `made` are the calls that make
    them, `names` the locals that they are in."""

    work: schema.Work
    made: list[int]
    names: set[str]

    @property
    def tasks(self) -> Tasks | None:
        """All of it; None where there is nothing."""
        return Tasks(tuple(self.made), frozenset(self.names)) if self.made else None

    def takes(self, view: FunctionView, index: int) -> bool:
        """Whether a value is made of tasks that the function makes, and of nothing else. Of a dict its keys are."""
        node = view.node_at(index)
        match node:
            case Starred():
                return self.takes(view, node.value)
            case Display():
                return all(self.takes(view, item) for item in (node.keys if node.kind == "dict" else node.items))
            case Comprehension():
                return self.takes(view, node.elements[0])
            case Call():
                self.made.append(index)
                return self._is_own(view.sites[index])
            case Name():
                return self.takes_name(view, node.id)
        return False

    def _is_own(self, call: CallSite) -> bool:
        """Whether a call makes a task, or a coroutine, that nobody else may have; or the job of a pool."""
        spawner = spawner_of(call)
        if self.work is schema.Work.CALLABLE:
            return spawner is not None and spawner.joined_at_exit
        if spawner is None:
            return calls_coroutine(call.fn, call.index)
        # what is no call may have been a task before
        given = call.fn.call_at(call.argument(spawner.work_keyword, spawner.work_position))
        return given is not None and not spawner.has_owner and spawner.work is schema.Work.COROUTINE

    def takes_name(self, view: FunctionView, name: str) -> bool:
        """The same for what a local holds."""
        if name in self.names:
            return True
        scope, bound = view.bindings(name)
        if scope is not view:
            return False
        self.names.add(name)
        filled = False
        for holder, at in bound:
            value = holder.assigned_value(at)
            if value is None:
                return False
            if _is_empty(holder, value):
                filled = True
            elif not self.takes(holder, value):
                return False
        return not filled or self._takes_added(view, name)

    def _takes_added(self, view: FunctionView, name: str) -> bool:
        """The same for what is put into a collection."""
        added = (call for call in view.calls_on.get(name, ()) if call.member in _PUTTING)
        return all(self.takes(view, index) for call in added for index in call.positional)


_PUTTING = ("append", "add", "extend", "update", "insert")
"""Methods that put what they are given into a collection."""

_COLLECTIONS = ("builtins.list", "builtins.set")


def _is_empty(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    call = view.call_at(index)
    if call is not None:
        return call.target in _COLLECTIONS and not call.node.args
    return isinstance(node, Display) and not node.items


def _pending(view: FunctionView, call: CallSite) -> str | None:
    """The name that the pending set is bound to, "" where it is dropped; None where it is kept in another way."""
    value = call.node.parent if call.is_awaited else call.index
    use = view.use(value)
    if use.kind == "dropped":
        return ""
    node = view.node_at(use.node)
    if isinstance(node, Subscript):
        index = view.nodes[node.index]
        return "" if isinstance(index, Const) and index.value == 0 else None
    if isinstance(node, Assign) and len(node.targets) == 1:
        target = view.nodes[node.targets[0]]
        if isinstance(target, Unpack):
            rest = view.nodes[target.items[-1]]
            return rest.id if isinstance(rest, Store) else None
    return None


def _is_seen_to(view: FunctionView, name: str, names: frozenset[str]) -> bool:
    """Whether more is done with a name than to look at it, and to keep it in one of `names`."""
    reads = own_reads(view, name)
    return reads is None or any(
        read_of(view, at, TASK).fate is not Fate.LOOKED_AT and not _is_kept_here(view, at, names) for at in reads
    )


def _is_kept_here(view: FunctionView, at: int, names: frozenset[str]) -> bool:
    """Whether a read puts the task into a collection that is itself one of `names`."""
    use = view.use(at)
    call = view.call_at(use.node)
    return (view.key(call.receiver) if call is not None else view.use(use.node).name) in names
