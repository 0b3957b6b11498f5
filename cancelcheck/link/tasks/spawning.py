"""Which calls start work of their own, and what becomes of the handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import handlers_of, is_cancellation_point, takes_failures
from cancelcheck.link.paths.flow import innermost, returns_after
from cancelcheck.link.paths.ownership import TASK, Fate, read_of
from cancelcheck.link.tasks.attributes import called_method, is_called
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.link.undoing import says_undoing, undoes
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Call,
    Comprehension,
    Const,
    Delete,
    Display,
    Enter,
    FunctionKind,
    Iterate,
    Name,
    RegionKind,
    Return,
    Starred,
    Store,
    StoreAttr,
    Unpack,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

EVENT_LOOP = "asyncio.AbstractEventLoop"

_LOOP_SUFFIX = "loop"
"""How a place that holds an event loop is called, when nothing else is known of it."""

_OWNERS = ("tg", "group", "nursery", "scope", "tasks", "manager", "supervisor", "pool", "runner", "self", "cls")
"""How a place that owns the tasks made through it is called, when nothing else is known of it."""


def spawner_of(call: CallSite) -> schema.Spawner | None:
    """The catalogue's spawner that a call is, or what a function of the project is that hands out the work which it
    starts; where the receiver cannot be resolved, by evidence as good: it ends in `loop`, or the argument calls a
    coroutine function."""
    catalog = call.fn.module.project.catalog
    if call.target:
        started = started_in(call)
        return _as_called(call, started) if started is not None else catalog.spawner(call.target)
    entry = catalog.spawner(f"{EVENT_LOOP}.{call.member}") if call.receiver >= 0 else None
    if entry is None:
        return None
    holder = call.fn.key(call.receiver).rpartition(".")[2].lower()
    if holder.endswith(_LOOP_SUFFIX):
        return entry
    if holder and not holder.endswith(_OWNERS):
        if calls_coroutine(call.fn, call.argument(entry.work_keyword, entry.work_position)):
            return entry
    return None


def spawns(view: FunctionView) -> list[tuple[CallSite, schema.Spawner]]:
    """The calls of a function that start work of their own, in order; looked up once."""
    kept = view.module.spawns
    known = kept.get(view.index)
    if known is None:
        known = [(call, spawner) for call in view.calls if (spawner := spawner_of(call)) is not None]
        if view.module.project.guard.is_settled:
            kept[view.index] = known
    return known


class Started(NamedTuple):
    """The work that a function starts and hands out: the call that starts it, its entry, and the function's own
    parameter that is run ("" where it is no parameter)."""

    call: CallSite
    entry: schema.Spawner
    param: str


def started_in(call: CallSite) -> Started | None:
    """What the project function that is called starts, and hands out without keeping it."""
    callee = call.callee
    if callee is None:
        return None
    kept = callee.module.starting
    if callee.index in kept:
        return kept[callee.index]
    kept[callee.index] = None  # one that calls itself is not followed
    found = _started(callee) if _may_hand_out(callee) else None
    if callee.module.project.guard.is_settled:
        kept[callee.index] = found
    else:
        del kept[callee.index]
    return found


def _may_hand_out(view: FunctionView) -> bool:
    """Whether a call of a function gives what its text returns, and no other text may be meant."""
    facts = view.facts
    if facts.is_async or facts.is_generator:
        return False
    return len(view.alternatives) == 1 and all(
        view.module.project.catalog.decorator(name) in _KEEPING_ROLES for name, _ in view.decorators
    )


_KEEPING_ROLES = ("staticmethod", "classmethod")
"""Decorators that leave what a function returns as it is."""


def _started(view: FunctionView) -> Started | None:
    """The one call that starts what a function returns, where it returns nothing else (constants apart)."""
    starts: set[int] = set()
    for _, returned in view.all_of(Return):
        if returned.value < 0 or isinstance(view.nodes[returned.value], Const):
            continue
        starts.add(_handed_out(view, returned.value))
    call = view.call_at(starts.pop()) if len(starts) == 1 else None
    if call is None or (entry := spawner_of(call)) is None:
        return None
    work = call.seen_argument(entry.work_keyword, entry.work_position)
    if work is None:
        return Started(call, entry, "")
    made = view.call_at(work)
    # `spawn(work, *args)` may run `work(*args)`
    node = view.nodes[made.node.func if made is not None else work]
    given = isinstance(node, Name) and view.facts.bound.get(node.id) == [-1]
    return Started(call, entry, node.id if given and isinstance(node, Name) else "")


def _handed_out(view: FunctionView, value: int) -> int:
    """The call whose result is returned, at once or through a local that is only looked at on the way; -1 where it may
    be kept too."""
    if isinstance(view.nodes[value], Call):
        return value
    made = view.local_value(value)
    return made if made is not None and _is_only_looked_at(view, view.key(value), MAX_STEPS) else -1


def _is_only_looked_at(view: FunctionView, name: str, steps: int) -> bool:
    """Whether a function only looks at what a local holds, names it or returns it, also through functions of the
    project that it is given to."""
    if steps <= 0 or view.uses_locals:
        return False
    for reader, at in view.reads(name):
        if reader is not view:
            return False
        use = view.use(at)
        if use.kind == "returned" or isinstance(view.nodes[view.nodes[at].parent], StoreAttr):
            continue
        if use.kind == "argument":
            given = view.call_at(use.node)
            assert given is not None
            callee = given.callee
            if callee is not None:
                param = next((param.name for param, argument in matched(given, callee) if argument == at), "")
                if not param or not _may_hand_out(callee):
                    return False
                if not _is_only_looked_at(callee, param, steps - 1):
                    return False
                continue
        read = read_of(view, at, TASK)
        if read.fate is not Fate.LOOKED_AT or _member_of(view, use.node) == "add_done_callback":
            return False
    return True


def _member_of(view: FunctionView, index: int) -> str:
    return getattr(view.node_at(index), "attr", "")


def _as_called(call: CallSite, started: Started) -> schema.Spawner:
    """The entry of a function that hands out what it starts, for a call of it."""
    callee = call.callee
    assert callee is not None
    position = -1
    for at, (param, _) in enumerate(matched(call, callee)):
        if param.name == started.param:
            position = at
    return msgspec.structs.replace(
        started.entry, call=callee.qualname, work_position=position, work_keyword=started.param
    )


def calls_coroutine(view: FunctionView, index: int | None) -> bool:
    """Whether a node calls a coroutine function, of the project or of the catalogue."""
    call = view.call_at(index)
    if call is None:
        return False
    callee = call.callee
    if callee is not None:
        return callee.is_coroutine
    return view.module.project.catalog.is_coroutine(call.target)


def loss_of(view: FunctionView, index: int) -> str:
    """How the value of a node is lost: "dropped" at once, "unread" in a local that nothing reads, "callback" as what a
    callback returns; "" where it is kept, or not known to be lost."""
    use = view.use(index)
    match use.kind:
        case "dropped":
            return "dropped"
        case "bound":
            return "unread" if _is_unread(view, use.name) else ""
        case "element":
            holder = view.nodes[use.node]
            if isinstance(holder, Comprehension) and holder.kind == "generator":
                return ""  # nothing runs before somebody takes it
            unpacked = _unpacked_to(view, use.node, index)
            if unpacked:
                return "unread" if _is_unread(view, unpacked) else ""
            return loss_of(view, use.node)
        case "lambda":
            if _is_callback(view):
                return "callback"
        case "other":
            node = view.node_at(use.node)
            if isinstance(node, Assign):
                targets = [view.nodes[target] for target in node.targets]
                if all(isinstance(target, Store) and _is_unread(view, target.id) for target in targets):
                    return "unread"
    return ""


def is_only_told_of(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether nobody keeps the result, but a callback is told of its end: `spawn(…).add_done_callback(log)`."""
    told = called_method(call.fn, call.index) == entry.done_callback != ""
    return told and is_called(call.fn, call.use.node)


def _is_unread(view: FunctionView, name: str) -> bool:
    """Whether a name is a local that nothing reads."""
    if view.facts.kind not in (FunctionKind.DEF, FunctionKind.LAMBDA):
        return False
    if name in view.facts.global_names or name in view.facts.nonlocal_names:
        return False
    return not view.reads(name) and not view.uses_locals and not _is_held(view, name)


def _is_held(view: FunctionView, name: str) -> bool:
    """Whether `del name` says until when a handle was to be held: something is called before it."""
    for index, node in view.all_of(Delete):
        bound = [at for at in view.facts.bound[name] if at < index]
        if bound and name in node.names:
            return any(isinstance(inner, (Call, Await)) for inner in view.nodes[bound[-1] : index])
    return False


def _unpacked_to(view: FunctionView, display: int, index: int) -> str:
    """The name that `a, b = x, y` binds to one of the values; "" where it binds none, or not one to one."""
    holder, assign = view.nodes[display], view.user_of(display)
    if not isinstance(holder, Display) or not isinstance(assign, Assign) or len(assign.targets) != 1:
        return ""
    target = view.nodes[assign.targets[0]]
    if not isinstance(target, Unpack) or index not in holder.items:
        return ""
    pieces = [view.nodes[item] for item in (*target.items, *holder.items)]
    if any(isinstance(piece, Starred) for piece in pieces):
        return ""
    name = pieces[holder.items.index(index)]
    return name.id if isinstance(name, Store) else ""


def _is_callback(view: FunctionView) -> bool:
    """Whether a lambda is handed to a call that drops what it returns."""
    parent = view.parent
    assert parent is not None
    use = parent.use(view.facts.define)
    if use.kind != "argument":
        return False
    call = parent.call_at(use.node)
    assert call is not None
    catalog = parent.module.project.catalog
    entry = catalog.callback(call.target)
    if parent.key(call.receiver).lower().endswith(_LOOP_SUFFIX):
        entry = entry or catalog.callback(f"{EVENT_LOOP}.{call.member}")
    return entry is not None and call.argument("", entry.position) == view.facts.define


def may_be_forgotten(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether work is such that its handle may well be dropped on purpose: a callable in a thread that sees to its own
    failures, a coroutine that does one thing after a delay and expects that to fail, or what an object starts that is
    about to go away, and has no place to keep it; a sleep of zero, too, which only wakes the loop up; the close of
    another object, where all is being closed; a coroutine that keeps its own task; and what its function waits for by
    other means. (A coroutine that sees to its failures can vanish like any other.)"""
    if _runs_at_end(call.fn) or _is_waited_for_beside(call, entry):
        return True
    work = _work(call, entry)
    if entry.work is schema.Work.CALLABLE:
        callee = call.fn.definition_of(work) if work >= 0 else None
    else:
        made = call.fn.call_at(work)
        if made is not None and ((_sleeps(made) and _is_zero(made)) or _closes_as_well(made)):
            return True
        callee = made.callee if made is not None else None
    if callee is None or len(callee.alternatives) > 1:
        return False
    return (_is_delayed(callee) or _keeps_itself(callee)) if callee.is_async else _sees_to_its_failures(callee)


_TELLS = frozenset({"cancel", "set"})
"""Methods that tell somebody, and return at once."""


def cannot_be_lost(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether nothing is lost with the handle of work: it closes something where an object goes away, and nobody is
    left to keep it; it is a method of a library that never waits (`put` on a queue without a bound), or a sleep of
    zero; or it is a function for a thread that sees to all its failures, or tells somebody to end."""
    work = _work(call, entry)
    if work < 0:
        return False
    if entry.work is schema.Work.CALLABLE:
        callee = call.fn.definition_of(work)
        if callee is None:
            given = call.fn.nodes[work]
            return isinstance(given, Attr) and given.attr in _TELLS
        if callee.is_async or len(callee.alternatives) > 1:
            return False
        return _sees_to_its_failures(callee)
    made = call.fn.call_at(work)
    if made is None:
        return False
    if undoes(made) and _runs_at_end(call.fn):
        return True
    return made.callee is None and (_is_done_at_once(made, 1) or (_sleeps(made) and _is_zero(made)))


def ends_by_itself(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether the work is a mere sleep, which ends by itself and leaves nothing behind."""
    work = _work(call, entry)
    made = call.fn.call_at(work) if entry.work is schema.Work.COROUTINE else None
    return made is not None and _sleeps(made)


def is_sent_over(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether work goes to the loop of another thread: its handle is waited for by blocking."""
    api = call.fn.module.project.catalog.api(f"{entry.returns}.result") if entry.returns else None
    return entry.work is schema.Work.COROUTINE and api is not None and api.mode is schema.Mode.SYNC


def _runs_at_end(view: FunctionView) -> bool:
    """Whether a function is called as an object goes away: `__del__`, what the file gives to a finalizer, or what such
    a function defines."""
    if view.name == "__del__" and view.owner is not None:
        return True
    if view.facts.kind is FunctionKind.LAMBDA and view.parent is not None:
        return _is_given_to_end(view.parent, view.facts.define)
    handed = view.module.handed(view.name, of_method=view.owner is not None)
    if any(_is_given_to_end(user, at) and user.definition_of(at) in (view, None) for user, at in handed):
        return True
    return view.parent is not None and _runs_at_end(view.parent)


def _is_given_to_end(view: FunctionView, index: int) -> bool:
    """Whether the catalogue says of the call that a node is given to that it calls it as an object goes away."""
    use = view.use(index)
    call = view.call_at(use.node) if use.kind == "argument" else None
    entry = view.module.project.catalog.callback(call.target) if call is not None else None
    return call is not None and entry is not None and entry.at_end and call.argument("", entry.position) == index


def _is_waited_for_beside(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether the function that sends work to the loop of another thread comes to no end, and does not go round again,
    before it has waited for a thread, or for an event or a queue of its own that it gives to the work."""
    if not is_sent_over(call, entry):
        return False
    view = call.fn
    made = view.call_at(_work(call, entry))
    given = {view.key(arg.value) for arg in made.node.args if arg.star == 0} if made is not None else set()
    turns = set(view.loops_around(call.index))
    waits = {
        other.index
        for other in view.calls
        if other.index > call.index and other.receiver >= 0 and _waits_for_thread(other, given)
        if turns <= set(view.loops_around(other.index))
    }
    return bool(waits) and not returns_after(view, call.index, lambda node: node in waits)


def _waits_for_thread(call: CallSite, given: set[str]) -> bool:
    """Whether a call waits for a thread to end, or on one of the places in `given` that this function has made."""
    view = call.fn
    catalog = view.module.project.catalog
    api = catalog.api(call.target)
    if api is None or not (api.kind is schema.Kind.THREAD or (api.kind is schema.Kind.QUEUE and call.member == "get")):
        return False
    instance = view.instance(call.receiver)
    if instance is not None and catalog.thread(instance.catalog_type()) is not None:
        return True
    key = view.key(call.receiver)
    return bool(key) and key in given and instance is not None and all(made.fn is view for made in instance.origins)


def _closes_as_well(made: CallSite) -> bool:
    """Whether a call only closes what another object is, or is a coroutine function that only does so, in a function
    that closes: nobody waits for that, and nothing is left that could."""
    view = made.fn
    if not says_undoing(view.name) or not undoes(made):
        return False
    if made.receiver >= 0:
        return view.key(made.receiver) != view.self_name
    callee = made.callee
    if callee is None or callee.owner is not None:
        return False
    waits = [node for _, node in callee.all_of(Await)]
    awaited = [callee.call_at(node.value) for node in waits]
    return bool(awaited) and all(inner is not None and inner.receiver >= 0 and undoes(inner) for inner in awaited)


def _sees_to_its_failures(view: FunctionView) -> bool:
    """Whether everything that a function calls stands in a `try` that takes every failure and goes on."""
    return bool(view.calls) and all(_is_guarded(view, call.index, broadly=True) for call in view.calls)


def _keeps_itself(view: FunctionView) -> bool:
    """Whether a coroutine function stores the task that it runs in on an attribute: whoever looks there holds it."""
    catalog = view.module.project.catalog
    return any(
        isinstance(view.nodes[target], StoreAttr)
        and (asked := view.call_at(node.value)) is not None
        and (given := catalog.produces(asked.target)) is not None
        and given.current
        for _, node in view.all_of(Assign)
        if node.value >= 0
        for target in node.targets
    )


def _is_delayed(view: FunctionView) -> bool:
    """Whether a coroutine sleeps, and then waits for one thing, whose failures it expects."""
    points = [index for index in range(len(view.nodes)) if is_cancellation_point(view, index)]
    waits = [index for index in points if not _is_sleep(view, index)]
    return (
        len(waits) == 1 < len(points)
        and innermost(view, waits[0], RegionKind.LOOP) < 0
        and _is_guarded(view, waits[0], broadly=False)
    )


def _is_sleep(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    call = view.call_at(node.value) if isinstance(node, Await) else None
    return call is not None and _sleeps(call)


def _sleeps(call: CallSite) -> bool:
    api = call.fn.module.project.catalog.api(call.target)
    return api is not None and api.kind is schema.Kind.SLEEP


def _is_zero(call: CallSite) -> bool:
    value = evaluate(call.fn, call.positional[0]) if call.positional else None
    return value is not None and value.kind is ValueKind.NUMBER and value.number == 0


def only_tells(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether work is a coroutine of an inner function that waits for nothing but what the function around it holds,
    and runs on without it: it only tells how that ends. Through functions that hand out what another one starts."""
    inner = started_in(call)
    if inner is not None:
        return only_tells(inner.call, inner.entry)
    work = _work(call, entry)
    made = call.fn.call_at(work) if entry.work is schema.Work.COROUTINE else None
    callee = made.callee if made is not None else None
    if callee is None or callee.parent is not call.fn or not callee.is_coroutine:
        return False
    points = [callee.nodes[index] for index in range(len(callee.nodes)) if is_cancellation_point(callee, index)]
    awaited = [callee.nodes[node.value] if isinstance(node, Await) else None for node in points]
    return bool(awaited) and all(
        isinstance(node, Name) and callee.bindings(node.id).scope is call.fn for node in awaited
    )


def _is_guarded(view: FunctionView, index: int, *, broadly: bool) -> bool:
    """Whether a `try` around a node has a handler that takes failures (all of them where `broadly`) and raises none.
    What such a handler does itself counts too."""
    inner = -1
    for region in view.regions_around(index):
        if view.regions[region].kind is RegionKind.TRY:
            takes = any(
                not view.raises_within(handler.region)
                and (takes_failures(view, handler) or (not broadly and bool(handler.catch.others)))
                for handler in handlers_of(view, region)
            )
            if takes and inner >= 0:
                return True
        inner = region
    return False


def runs_in_one_step(call: CallSite, entry: schema.Spawner) -> bool:
    """Whether the work is a coroutine that calls something, waits for nothing and starts nothing: it is done in its
    first step, and cannot vanish."""
    made = call.fn.call_at(_work(call, entry))
    return made is not None and _is_done_at_once(made, MAX_STEPS)


MAX_STEPS = 4
"""Coroutines that are followed into each other."""


def _is_done_at_once(made: CallSite, steps: int) -> bool:
    """Whether a call makes a coroutine that never waits: the catalogue's, or one of the project that awaits only such,
    and starts nothing."""
    callee = made.callee
    if callee is None:
        entry = made.fn.module.project.catalog.immediate(made.target)
        return entry is not None and not entry.in_steps and never_waits(made)
    if steps <= 0 or not callee.is_coroutine or not callee.calls or len(callee.alternatives) > 1:
        return False
    if any(spawner_of(inner) is not None for inner in callee.calls):
        return False
    for node in callee.nodes:
        if isinstance(node, Await):
            awaited = callee.call_at(node.value)
            if awaited is None or not _is_done_at_once(awaited, steps - 1):
                return False
        elif isinstance(node, (Iterate, Enter)) and node.is_async:
            return False
    return True


def never_waits(call: CallSite) -> bool:
    """Whether the catalogue says that a method never waits on an instance that is made so, as far as it is seen."""
    entry = call.fn.module.project.catalog.immediate(call.target)
    if entry is None:
        return False
    if not entry.unless:
        return True
    instance = call.called_on
    if instance is None or not instance.origins:
        return False
    for origin in instance.origins:
        given = origin.argument(entry.unless, entry.unless_position)
        if given is None:
            continue
        value = evaluate(origin.fn, given) if given >= 0 else None
        if value is None or value.kind is not ValueKind.NUMBER or value.number > 0:
            return False
    return True


def _work(call: CallSite, entry: schema.Spawner) -> int:
    """The node that makes the work, through a local that is bound to it once; -1 where there is none."""
    work = call.seen_argument(entry.work_keyword, entry.work_position)
    if work is None:
        return -1
    value = call.fn.local_value(work) if entry.work is schema.Work.COROUTINE else None
    return work if value is None else value


def work_text(call: CallSite, entry: schema.Spawner) -> str:
    """What a spawner is given to run, as it is written."""
    work = call.seen_argument(entry.work_keyword, entry.work_position)
    if work is None:
        started = started_in(call)
        return work_text(started.call, started.entry) if started is not None and not started.param else call.text
    node = call.fn.nodes[work]
    return f"{call.fn.text(node.func)}()" if isinstance(node, Call) else call.fn.text(work)
