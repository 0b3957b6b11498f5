"""Whether eating a cancellation is an idiom: the join of a task that this function cancelled, the root of a task, a
cancellation that is kept and raised later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.catalog.words import UNTIL_CANCELLED
from cancelcheck.link.loops.polling import is_stop_signal
from cancelcheck.link.paths.conditions import holding_at
from cancelcheck.link.paths.exceptions import (
    Handler,
    caught_by,
    exception_types,
    handlers_of,
    is_cancellation_point,
)
from cancelcheck.link.paths.flow import Escape, Place, innermost, names_read, reaches, reaches_after, start_at
from cancelcheck.link.paths.scopes import references, scope_of, scopes_around
from cancelcheck.link.swallowing.catching import decides_unseen, escapes_of, is_exit, is_raised_anyway
from cancelcheck.link.timeouts.passing import matched
from cancelcheck.link.undoing import undoes
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Call,
    Comprehension,
    Const,
    Display,
    Enter,
    Exit,
    FunctionKind,
    Iterate,
    Name,
    Operation,
    ParamKind,
    Raise,
    RegionKind,
    Return,
    Starred,
    Store,
    Subscript,
    Test,
    Unpack,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


def kept_cancellation(view: FunctionView, handler: Handler, escape: Escape) -> bool:
    """Whether the cancellation is not lost: it is stored or handed on as a value, or what follows raises again."""
    name = handler.excepts(view).name
    for index in view.nodes_in(handler.region):
        node = view.nodes[index]
        if isinstance(node, Name) and node.id == name and _keeps(view, index):
            return True
        if _hands_on_current(view, index):
            return True
    return hands_back(view, handler) or _raises_later(view, handler, escape)


def _hands_on_current(view: FunctionView, index: int) -> bool:
    """Whether a node asks for the exception that is being handled and hands it on: `greenlet.throw(*sys.exc_info())`,
    `result.error = sys.exc_info()[1]`, `error = sys.exc_info()` and a `raise` of that later."""
    call = view.call_at(index)
    if call is None or call.target not in ("sys.exc_info", "sys.exception"):
        return False
    at = call.node.parent if isinstance(view.user_of(call.index), Subscript) else index
    use = view.use(at)
    return _is_raised_behind(view, use.name, index) if use.kind == "bound" else _keeps(view, at)


def _is_raised_behind(view: FunctionView, name: str, index: int) -> bool:
    """Whether a `raise` behind a node raises what a local holds, or another one that is given it (`error = caught`)."""
    names = {name}
    for at in range(index, len(view.nodes)):
        node = view.nodes[at]
        if isinstance(node, Store):
            value = view.assigned_value(at)
            given = view.nodes[value] if value is not None else None
            if isinstance(given, Name) and given.id in names:
                names.add(node.id)
        elif isinstance(node, Raise) and node.exc >= 0 and not names.isdisjoint(names_read(view, node.exc)):
            return True
    return False


def exit_hands_on(view: FunctionView) -> bool:
    """Whether a context manager's exit hands the exception that it is given on as a value: it stores it, or gives it to
    a call that takes it in (`self.state.set_exception(exc)`). Who has it then decides what becomes of it."""
    params = view.facts.params
    names = {param.name for at, param in enumerate(params) if at == EXCEPTION or param.kind is ParamKind.VAR_POSITIONAL}
    return any(
        isinstance(node, Name)
        and node.id in names
        and view.facts.bound.get(node.id) == [-1]
        and _takes_in(view, _packed(view, index))
        for index, node in enumerate(view.nodes)
    )


EXCEPTION = 2
"""Where the exception stands among the parameters of a context manager's exit: behind `self` and its type."""


def _packed(view: FunctionView, index: int) -> int:
    """The whole that a node is a part of where that is handed on: `(exc_type, exc, tb)`, `*exc_info`."""
    parent = view.nodes[index].parent
    node = view.nodes[parent] if parent >= 0 else None
    return _packed(view, parent) if isinstance(node, (Display, Starred)) else index


def _takes_in(view: FunctionView, index: int) -> bool:
    use = view.use(index)
    call = view.call_at(use.node) if use.kind == "argument" else None
    return use.kind == "stored" or (call is not None and call.member.startswith(_TAKING_IN))


_TAKING_IN = ("set_", "put", "append", "add", "send", "throw", "fail", "reject")
"""Begins of the names of methods that keep what they are given, or raise it elsewhere."""


def hands_back(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler says to the task itself what becomes of the cancellation: it takes it back, asks how many there
    are and decides, or delivers it again."""
    for index in view.nodes_in(handler.region):
        call = view.call_at(index)
        if call is None:
            continue
        if call.member in ("uncancel", "cancel_soon"):
            return True  # it takes the cancellation back, or passes it on
        if call.member == "cancelling" and _decides(view, index):
            return True
        if call.member == "cancel" and _cancels_current(view, call.receiver):
            return True
    return False


def _decides(view: FunctionView, index: int) -> bool:
    """Whether a value may decide anything: it is not dropped, nor only said in a log."""
    use = view.use(index)
    if use.kind == "argument":
        call = view.call_at(use.node)
        assert call is not None
        return not says_only(call)
    return use.kind != "dropped"


def _cancels_current(view: FunctionView, receiver: int) -> bool:
    """Whether `x.cancel()` is about the current task, by whichever binding of its name: the cancellation is delivered
    again."""
    node = view.nodes[receiver]
    if not isinstance(node, Name):
        return _gives_current(view, receiver)
    bound = view.bindings(node.id).nodes
    values = [view.assigned_value(at) if holder is view else None for holder, at in bound]
    return bool(values) and all(value is not None and _gives_current(view, value) for value in values)


def _gives_current(view: FunctionView, index: int) -> bool:
    call = view.call_at(index)
    return call is not None and "current_task" in (call.member, call.target.rpartition(".")[2])


def _keeps(view: FunctionView, index: int) -> bool:
    use = view.use(index)
    if use.kind in ("bound", "stored", "returned", "yielded", "element"):
        return True
    if use.kind == "argument":
        call = view.call_at(use.node)
        assert call is not None
        return not (call.target.startswith("builtins.") or says_only(call))
    if use.kind == "receiver":
        # `exc.exceptions` and `exc.with_traceback(…)` are the exception still
        node = view.nodes[use.node]
        assert isinstance(node, Attr)
        if node.attr in ("exceptions", "with_traceback", "derive"):
            parent = view.nodes[node.parent] if node.parent >= 0 else None
            is_called = isinstance(parent, Call) and parent.func == use.node
            return _keeps(view, node.parent if is_called else use.node)
    return False


def says_only(call: CallSite) -> bool:
    """Whether a call only says what happened: a log, a trace, a print."""
    return call.target.startswith(_SAYING) or call.member in _LOGGING


_SAYING = ("logging.", "traceback.", "builtins.print")
"""What only says what happened."""

_LOGGING = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print", "write", "trace", "format"}
)
"""Methods that say what happened and keep nothing."""


def _raises_later(view: FunctionView, handler: Handler, escape: Escape) -> bool:
    """Whether on the way from the handler the function raises the cancellation again: `raise` of a cancellation, or of
    a name that holds an exception kept here, or under a flag that the handler sets."""
    kept = {
        view.key(at)
        for index in view.nodes_in(handler.region)
        if isinstance(node := view.nodes[index], Assign)
        for at in node.targets
    } - {""}

    def again(index: int) -> bool:
        node = view.nodes[index]
        if not isinstance(node, Raise) or node.exc < 0 or view.is_inside(view.region_of(index), handler.region):
            return False
        return view.key(node.exc) in kept or caught_by(view, [node.exc]).cancels

    return reaches(view, Place(escape.block, escape.ways), again) >= 0


def joins_own_cancel(view: FunctionView, points: list[int]) -> bool:
    """The join idiom of asyncio: every cancellation point awaits a task that this function cancelled before."""
    cancelled = _cancelled(view) + _cancelled_around(view)
    if not cancelled:
        return False
    for index in points:
        if isinstance(view.nodes[index], (Enter, Exit)) and _is_timeout(view, index):
            continue  # entering a timeout waits for nothing
        before = {key for at, key in cancelled if at < index}
        awaited = _awaited(view, index)
        if not awaited or any(before.isdisjoint(places) for places in awaited):
            return False
    return True


def waits_for_what_it_cancels(view: FunctionView) -> bool:
    """Whether a function cancels what it is given, is told of its end by a callback, and waits for nothing but what
    stands in its own locals: the same idiom with other means."""
    points = [at for at in range(len(view.nodes)) if is_cancellation_point(view, at)]
    cancelled = {key for _, key in _cancelled(view)} if points else set()
    given = {param.name for param in view.facts.params if param.name != view.self_name}
    if cancelled.isdisjoint(given):
        return False
    for at in points:
        node = view.nodes[at]
        awaited = view.nodes[node.value] if isinstance(node, Await) else None
        if not isinstance(awaited, Name) or view.bindings(awaited.id).scope is not view:
            return False
    told = (call for call in view.calls if call.member == "add_done_callback" and call.receiver >= 0)
    return any(not cancelled.isdisjoint(places(view, call.receiver)) for call in told)


def _is_timeout(view: FunctionView, index: int) -> bool:
    """Whether a timeout scope is entered or left at a node."""
    node = view.nodes[index]
    enter = view.nodes[node.enter] if isinstance(node, Exit) else node
    found = scope_of(view, enter.context) if isinstance(enter, Enter) else None
    return found is not None and found[0].kind is schema.ScopeKind.TIMEOUT


_CANCELLING = ("cancel", "abort")
"""Parts of the names of helpers that cancel what they are given."""


def _cancelled(view: FunctionView) -> list[tuple[int, str]]:
    """What this function cancels, as `(node, key)`: places on which `.cancel()` is called, the collections that they
    come from, and what is handed to something whose name says that it cancels."""
    found: list[tuple[int, str]] = []
    for call in view.calls:
        if call.member == "cancel" and call.receiver >= 0:
            found += [(call.index, key) for key in places(view, call.receiver)]
        elif not any(word in call.member.lower() for word in _CANCELLING):
            continue
        elif call.node.args:
            for arg in call.node.args:
                found += [(call.index, key) for key in places(view, arg.value)]
        else:
            found += [(call.index, key) for key in _cancelled_by_helper(view, call)]
        if call.member != "cancel" and call.use.kind == "bound":
            found.append((call.index, call.use.name))  # it gives back what it has cancelled
    # a collection of what is cancelled one by one
    cancelled = {key for _, key in found}
    for call in view.calls if found else ():
        if call.member in ("append", "add") and call.receiver >= 0 and len(call.positional) == 1:
            key = view.key(call.positional[0])
            if key in cancelled and view.key(call.receiver):
                found.append((call.index, view.key(call.receiver)))
    return found


def _cancelled_around(view: FunctionView) -> list[tuple[int, str]]:
    """What the functions around a nested one have cancelled before they define it, in locals of theirs."""
    found = []
    inner, parent = view, view.parent
    while parent is not None and parent.facts.kind is FunctionKind.DEF:
        defined = inner.facts.define
        found += [
            (-1, key)
            for at, key in _cancelled(parent)
            if at < defined and view.bindings(key.partition(".")[0]).scope is parent
        ]
        inner, parent = parent, parent.parent
    return found


def _cancelled_by_helper(view: FunctionView, call: CallSite) -> set[str]:
    """What a method of the same instance cancels, on attributes that both call by the same name."""
    callee = call.callee
    if callee is None or not view.self_name or view.key(call.receiver) != view.self_name:
        return set()
    return {
        callee.key(inner.receiver)
        for inner in callee.calls
        if inner.member == "cancel" and callee.self_name == view.self_name and callee.key(inner.receiver)
    }


_GOING_THROUGH = frozenset(
    f"builtins.{name}" for name in ("enumerate", "filter", "list", "reversed", "set", "sorted", "tuple", "zip")
)
"""Calls that give what is in the collections that they are given."""


def places(view: FunctionView, index: int, seen: set[int] | None = None) -> set[str]:
    """Keys of a place: its own, and what it is an item of, through loops, comprehensions and locals. `seen` are the
    names bound anew from themselves that were looked at already."""
    keys: set[str] = set()
    seen = set() if seen is None else seen
    node = view.nodes[index]
    if isinstance(node, (Starred, Subscript)):
        return places(view, node.value, seen)
    if isinstance(node, (Display, Comprehension)):
        items = node.items if isinstance(node, Display) else node.elements
        for item in items:
            keys |= places(view, item, seen)
        return keys
    if isinstance(node, Call):
        call = view.call_at(index)
        assert call is not None
        produced = view.module.project.catalog.produces(call.target)
        if produced is not None and produced.others:
            return {f"{call.target}()"}
        if call.member in ("keys", "values", "items", "copy", "pop", "popitem", "popleft", "get"):
            return keys | (places(view, call.receiver, seen) if call.receiver >= 0 else set())
        if call.target in _GOING_THROUGH:
            for arg in call.node.args:
                keys |= places(view, arg.value, seen)
        if produced is not None and produced.casts >= 0:
            for given in call.positional[1:2]:
                keys |= places(view, given, seen)
        return keys
    key = view.key(index)
    if not key:
        return keys
    keys.add(key)
    if isinstance(node, (Name, Store)):
        _, bound = view.bindings(node.id)
        for holder, at in bound:
            if holder is not view or at < 0 or at in seen:
                continue
            seen.add(at)
            collection = _iterated_for(view, at)
            if collection >= 0:
                keys |= places(view, collection, seen)
            value = view.assigned_value(at)
            if value is not None and not isinstance(view.nodes[value], (Name, Await)):
                inner = view.nodes[value]
                if isinstance(inner, (Attr, Comprehension, Display, Subscript)) or (
                    isinstance(inner, Call) and inner.func >= 0
                ):
                    keys |= places(view, value, seen)
            waited = _waited_for(view, at)
            if waited >= 0:
                keys |= places(view, waited, seen)
    return keys


def _waited_for(view: FunctionView, store: int) -> int:
    """Of `done, pending = await asyncio.wait(tasks)`: the tasks, which both sets are made of; -1 for anything else."""
    unpack = view.nodes[store].parent
    assign = view.nodes[view.nodes[unpack].parent] if unpack >= 0 and view.nodes[unpack].parent >= 0 else None
    if not (isinstance(view.nodes[unpack], Unpack) and isinstance(assign, Assign) and assign.value >= 0):
        return -1
    awaited = view.nodes[assign.value]
    call = view.call_at(awaited.value) if isinstance(awaited, Await) else None
    waiter = view.module.project.catalog.waiter(call.target) if call is not None else None
    if call is None or waiter is None or not waiter.pair or not call.positional:
        return -1
    return call.positional[0]


def _iterated_for(view: FunctionView, store: int) -> int:
    """What a loop variable iterates over; -1 for anything else."""
    index = view.nodes[store].parent
    while index >= 0:
        node = view.nodes[index]
        if isinstance(node, Iterate):
            return node.iterable
        index = node.parent
    return -1


def _awaited(view: FunctionView, index: int) -> list[set[str]]:
    """What a cancellation point waits for: the places of each thing."""
    node = view.nodes[index]
    return [places(view, at) for at in _waited(view, node.value)] if isinstance(node, Await) else []


def _waited(view: FunctionView, value: int) -> Iterator[int]:
    """The things that are waited for where a value is awaited: through displays, waiters and wrappers of the catalogue,
    and functions of the project that do no more than wait for what they are given."""
    catalog = view.module.project.catalog
    pending = [value]
    while pending:
        at = pending.pop()
        call = view.call_at(at)
        inner = view.nodes[at]
        if isinstance(inner, Display):
            pending += inner.items
        elif isinstance(inner, Starred):
            pending.append(inner.value)
        elif call is None:
            yield at
        elif catalog.waiter(call.target) is not None:
            pending += [arg.value for arg in call.node.args if not arg.keyword]
        elif (scope := catalog.scope(call.target)) is not None and scope.wraps >= 0:
            pending += call.positional[scope.wraps : scope.wraps + 1]
        elif given := _given_to_wait(call):
            pending += given
        else:
            yield at


def _given_to_wait(call: CallSite) -> list[int]:
    """The arguments that a coroutine function of the project waits for, where it waits for nothing else:
    `wait_for(task, 5)`. None where it does."""
    callee = call.callee
    if callee is None or not callee.is_coroutine or callee.owner is not None or callee.decorators:
        return []
    names: set[str] = set()
    for view in callee.alternatives:
        for index, node in enumerate(view.nodes):
            if not is_cancellation_point(view, index) or (isinstance(node, (Enter, Exit)) and _is_timeout(view, index)):
                continue
            found = _parameter_awaited(view, index)
            if not found:
                return []
            names.add(found)
    params = [param.name for param in callee.facts.params]
    given = [call.argument(name, params.index(name)) for name in sorted(names) if name in params]
    nodes = [at for at in given if at is not None and at >= 0]
    return nodes if len(nodes) == len(names) else []


def _parameter_awaited(view: FunctionView, index: int) -> str:
    """The parameter that an `await` waits for, through a wrapper of the catalogue; "" for anything else."""
    node = view.nodes[index]
    if not isinstance(node, Await):
        return ""
    value = node.value
    call = view.call_at(value)
    scope = view.module.project.catalog.scope(call.target) if call is not None else None
    if call is not None and scope is not None and 0 <= scope.wraps < len(call.positional):
        value = call.positional[scope.wraps]
    name = view.nodes[value]
    return name.id if isinstance(name, Name) and view.facts.bound.get(name.id) == [-1] else ""


def is_task_root(view: FunctionView) -> bool:
    """Whether this module hands the function to something that runs it as a task of its own: its coroutine is an
    argument of a call that is no plain wrapper (`create_task(self._run())`, `asyncio.run(main())`), or it is itself
    (`start_soon(self._run)`, `@nursery.start_soon`); or the settings' `allow-cancelled-return` names it."""
    name = f"{view.module.name}:{view.facts.qualname}"
    if any(fnmatchcase(name, pattern) for pattern in view.module.project.settings.allow_cancelled_return):
        return True
    if view.name.startswith("test_"):
        return True  # a test runner runs it
    if view.decorators and any(_is_spawner(view, node) for _, node in view.decorators):
        return True
    known = view.module.roots.get(view.index)
    if known is None:
        known = view.module.roots[view.index] = any(_hands_over(user, call) for user, call in _mentions(view))
    return known


def _is_spawner(view: FunctionView, decorator: int) -> bool:
    """Whether a decorator starts what it is put on: `@nursery.start_soon`."""
    parent = view.parent
    target = parent.target_of(decorator) if parent is not None else ""
    entry = view.module.project.catalog.spawner(target) if target else None
    return entry is not None and entry.work is schema.Work.CALLABLE


def _mentions(view: FunctionView) -> Iterator[tuple[FunctionView, int]]:
    if view.facts.kind is not FunctionKind.DEF:
        return
    is_method = view.owner is not None
    modules = {view.module.source.path: view.module}
    if view.owner is not None:
        # a base class may be what starts its subclasses
        modules |= {cls.module.source.path: cls.module for cls in view.owner.ancestry[0]}
    for module in modules.values():
        for user in module.functions:
            for index, node in enumerate(user.nodes):
                if (isinstance(node, Attr) and is_method and node.attr == view.name) or (
                    isinstance(node, Name) and not is_method and node.id == view.name
                ):
                    parent = user.nodes[node.parent] if node.parent >= 0 else None
                    yield user, node.parent if isinstance(parent, Call) and parent.func == index else index


def _hands_over(user: FunctionView, index: int) -> bool:
    use = user.use(index)
    if use.kind == "bound" and isinstance(user.nodes[index], Call):
        # the coroutine goes through a local
        return any(_hands_over(reader, at) for reader, at in user.reads(use.name) if reader is user)
    if use.kind != "argument":
        return False
    call = user.call_at(use.node)
    assert call is not None
    catalog = user.module.project.catalog
    if catalog.waiter(call.target) is not None or call.target.startswith("builtins."):
        return False
    return catalog.scope(call.target) is None


def ends_quietly(view: FunctionView, escape: Escape) -> bool:
    """Whether after an escape the function ends, with nothing but cleanup on its way: no loop goes on or round again,
    and no function that loops is awaited."""
    return _ends_from(view, Place(escape.block, escape.ways))


def _ends_from(view: FunctionView, place: Place, *, at_root: bool = True) -> bool:
    """Whether nothing but cleanup is waited for from a place on. At a task's root all that stands in no loop is."""

    def goes_on(index: int) -> bool:
        node = view.nodes[index]
        if isinstance(node, Exit) or not is_cancellation_point(view, index):
            return False
        if innermost(view, index, RegionKind.FINALLY) >= 0:
            return False  # cleanup, with or without loops of its own
        call = view.call_at(node.value) if isinstance(node, Await) else None
        loop = innermost(view, index, RegionKind.LOOP)
        gives_back = call is not None and undoes(call)
        if loop >= 0:
            return not gives_back or not isinstance(view.nodes[view.regions[loop].node], Iterate)
        if gives_back or joins_own_cancel(view, [index]):
            return False
        return not at_root or (call is not None and call.callee is not None and _loops(call.callee))

    return reaches(view, place, goes_on) < 0


def _loops(view: FunctionView) -> bool:
    """Whether a function waits in a loop that is not bounded by what it iterates over."""
    return any(is_cancellation_point(view, index) and _is_in_open_loop(view, index) for index in range(len(view.nodes)))


def decides_by_state(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler raises the cancellation again on one way and not on another: somebody has thought about it
    (`if not self.closed: raise`)."""
    name = handler.excepts(view).name
    for index in view.nodes_in(handler.region):
        node = view.nodes[index]
        if isinstance(node, Raise) and innermost(view, index, RegionKind.HANDLER) == handler.region:
            raised = view.nodes[node.exc] if node.exc >= 0 else None
            if raised is None or (isinstance(raised, Name) and raised.id == name):
                return True
    return False


def may_be_meant(view: FunctionView, handler: Handler, points: list[int], lost: list[Escape]) -> bool:
    """Whether somebody may have meant to end a cancellation by name here. Not where it is taken for one failure among
    others, inside a scope that waits for it, where a loop goes round again, where other work follows, here or in a
    function of this module behind the call of this one, or where a caller takes for an answer what is then returned;
    unless the handler says how to go on, or what was waited for may have been cancelled itself."""
    if innermost(view, handler.node, RegionKind.FINALLY) < 0 and _is_always_raised(view, handler):
        return False
    if _has_decided(view, handler, lost) or _waits_to_be_told(view, points) or _answers_nobody(view, lost):
        return True
    if waits_for_others(view, points):
        return True
    if _takes_for_failure(view, handler, points) or _scope_counts(view, handler):
        return False
    at_root = is_task_root(view) or runs_until_cancelled(view)
    if any(not _ends_from(view, Place(escape.block, escape.ways), at_root=at_root) for escape in lost):
        return False
    answers = _gives_value(view) and not all(_gives_back(view, index) for index in points)
    return not any(
        call is not None
        and call.is_awaited
        and user is not view
        and call.callee in (None, view)
        and (
            _loops_on(user, call.index)
            or (call.callee is view and (_goes_on(user, call.node.parent) or (answers and _uses_result(user, call))))
        )
        and not _stays_clear(call, handler)
        and not _ends_when_told(user, call, view, lost)
        for user, call in references(view)
    )


def _has_decided(view: FunctionView, handler: Handler, lost: list[Escape]) -> bool:
    """Whether a handler says itself how to go on: it raises on another way, leaves by more than one, or sets a flag."""
    return decides_by_state(view, handler) or len({way.kind for way in lost}) > 1 or _sets_flag(view, handler)


def _answers_nobody(view: FunctionView, lost: list[Escape]) -> bool:
    """Whether what a handler returns is for a client that is gone, as it says: `error("Client disconnected")`."""
    for escape in lost:
        node = view.nodes[escape.node] if escape.kind == "return" and escape.node >= 0 else None
        within = view.operands_within(node.value) if isinstance(node, Return) and node.value >= 0 else ()
        texts = [view.nodes[at] for at in within]
        if not any(isinstance(text, Const) and _GONE.search(str(text.value)) is not None for text in texts):
            return False
    return bool(lost)


_GONE = re.compile(r"disconnect|client (?:is )?(?:closed|gone)", re.IGNORECASE)
"""What says of a text that it tells of a client that is gone."""


def _waits_to_be_told(view: FunctionView, points: list[int]) -> bool:
    """Whether all that is waited for is an event whose name says that the work is over: a cancellation says the same,
    and what follows is done at the end either way."""
    for index in points:
        node = view.nodes[index]
        call = view.call_at(node.value) if isinstance(node, Await) else None
        if call is None or call.member != "wait" or call.receiver < 0 or not is_stop_signal(call):
            return False
    return bool(points)


def _ends_when_told(user: FunctionView, call: CallSite, view: FunctionView, lost: list[Escape]) -> bool:
    """Whether a function says by its answer, True or False, that it was cancelled, and its caller asks for that, and
    then waits for nothing any more."""
    returned = [view.nodes[escape.node] for escape in lost if escape.kind == "return" and escape.node >= 0]
    given = [view.nodes[node.value] for node in returned if isinstance(node, Return) and node.value >= 0]
    answers = {bool(node.value) for node in given if isinstance(node, Const) and node.kind == "bool"}
    if len(given) < len(lost) or len(answers) != 1:
        return False
    asked, answer = call.node.parent, answers.pop()
    around = user.nodes[user.nodes[asked].parent] if user.nodes[asked].parent >= 0 else None
    if isinstance(around, Operation) and around.op == "not":
        asked, answer = user.nodes[asked].parent, not answer
    for block in user.blocks:
        test = user.nodes[block.end - 1] if block.end > block.start else None
        if isinstance(test, Test) and test.value == asked and len(block.next) == 2:
            told = start_at(user, block.next[0 if answer else 1])
            return reaches(user, told, lambda at: _is_work(user, at)) < 0
    return False


def _scope_counts(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler stands in a timeout or a task group of this function: it cancels what is in it, and takes what
    does not come out for the work's own end."""
    kinds = (schema.ScopeKind.TIMEOUT, schema.ScopeKind.TASK_GROUP)
    return any(scope.kind in kinds for scope, _ in scopes_around(view, handler.node))


def _goes_on(view: FunctionView, index: int) -> bool:
    """Whether a function waits for other work behind a node."""
    if innermost(view, index, *_CLEANUP) >= 0:
        return False
    return reaches_after(view, index, lambda at: _is_work(view, at) and innermost(view, at, *_CLEANUP) < 0) >= 0


_CLEANUP = (RegionKind.FINALLY, RegionKind.HANDLER)


def _is_work(view: FunctionView, index: int) -> bool:
    """Whether a point waits for something other than that something is given back."""
    if isinstance(view.nodes[index], Exit) or not is_cancellation_point(view, index):
        return False
    return not _gives_back(view, index)


def _stays_clear(call: CallSite, handler: Handler) -> bool:
    """Whether a call leaves a parameter at a false default without which its function does not come to a handler."""
    callee = call.callee
    scope = callee.parent if callee is not None else None
    if callee is None or scope is None:
        return False
    needed = holding_at(callee, handler.node)
    for param, argument in matched(call, callee) if needed else ():
        default = scope.nodes[param.default] if param.default >= 0 else None
        if argument is None and param.name in needed and callee.facts.bound.get(param.name) == [-1]:
            if isinstance(default, Const) and default.kind in ("none", "bool") and not default.value:
                return True
    return False


def _gives_value(view: FunctionView) -> bool:
    """Whether a function returns anything but None."""
    returned = [view.nodes[node.value] for node in view.nodes if isinstance(node, Return) and node.value >= 0]
    return any(not (isinstance(value, Const) and value.kind == "none") for value in returned)


def _uses_result(user: FunctionView, call: CallSite) -> bool:
    """Whether what an awaited call gives is taken for an answer: kept, returned, handed on. One that is only asked
    whether to go on may say that it was cancelled."""
    use = user.use(call.node.parent)
    if use.kind == "other":
        return isinstance(user.nodes[use.node], Assign)  # taken apart
    return use.kind in ("bound", "stored", "returned", "argument", "element")


def may_be_join(view: FunctionView, handler: Handler, points: list[int]) -> bool:
    """Whether a broad handler may stand for a join, or for cleanup that has to go on: all that it is around waits for
    tasks that others may cancel, for something shielded, or gives something back, and no loop goes round again."""
    if not waits_for_others(view, points) and not gives_back(view, points):
        return False
    loop = innermost(view, handler.node, RegionKind.LOOP)
    if all(_is_taken_in(view, index, loop) for index in points):
        return True
    return not _asks_again(view, handler.node, escapes_of(view, handler))


def _asks_again(view: FunctionView, index: int, ways: list[Escape]) -> bool:
    """Whether a loop around a node that is not bounded by what it iterates over goes on by one of these ways."""
    loop = innermost(view, index, RegionKind.LOOP)
    return _is_in_open_loop(view, index) and any(
        way.block >= 0 and view.is_inside(view.blocks[way.block].region, loop) for way in ways
    )


_TAKING = frozenset({"get", "get_nowait", "pop", "popleft", "popitem", "receive", "receive_nowait"})
"""Methods that take something out of a queue or a collection."""


def _is_taken_in(view: FunctionView, index: int, loop: int) -> bool:
    """Whether a loop awaits, at a node, a task that each turn takes out of a queue or a collection: others made it."""
    node = view.nodes[index]
    name = view.nodes[node.value] if isinstance(node, Await) else None
    nodes = view.bindings(name.id).nodes if isinstance(name, Name) else ()
    for holder, at in nodes:
        value = view.assigned_value(at) if holder is view else None
        if value is None:
            return False
        taken = view.nodes[value]
        call = view.call_at(taken.value if isinstance(taken, Await) else value)
        if call is None or call.member not in _TAKING or not view.is_inside(view.region_of(at), loop):
            return False
    return bool(nodes)


def waits_for_others(view: FunctionView, points: list[int]) -> bool:
    """Whether all of these points wait for tasks or futures that others may cancel, or for something shielded."""
    return all(_waits_for_another(view, index) for index in points)


def _is_always_raised(view: FunctionView, handler: Handler) -> bool:
    """Whether the cancellations that a handler names are those of frameworks that count on each of them to come out of
    its scope, as they deliver them until it is left: there nobody means to end one."""
    catalog = view.module.project.catalog
    named = [catalog.framework(entry.framework) for entry in handler.catch.named]
    return bool(named) and all(framework is not None and framework.until_left for framework in named)


def _takes_for_failure(view: FunctionView, handler: Handler, points: list[int]) -> bool:
    """Whether a handler names a cancellation among failures, and is no cleanup's. `Exception` beside it says that all
    is meant, a timeout or the end of an iteration that waiting is."""
    caught = handler.excepts(view).caught
    leaves = list(exception_types(view, [caught])) if caught >= 0 else []
    kinds = schema.ExceptionKind
    waiting = (kinds.CANCEL, kinds.CANCEL_GETTER, kinds.TIMEOUT)
    failures = [
        leaf for leaf in leaves if leaf.name not in _NO_FAILURES and not (leaf.entry and leaf.entry.kind in waiting)
    ]
    if not failures or any(leaf.name in _ALL_FAILURES for leaf in leaves):
        return False
    return not all(_gives_back(view, index) for index in points)


_NO_FAILURES = frozenset(
    {"builtins.TimeoutError", "builtins.StopAsyncIteration", "builtins.GeneratorExit", "builtins.RuntimeError"}
)
"""What says that waiting is over: by its time, by the end of what is waited for, or by that of the event loop."""

_ALL_FAILURES = frozenset({"builtins.Exception", "builtins.BaseException"})


def gives_back(view: FunctionView, points: list[int]) -> bool:
    """Whether all that these points wait for is that something is given back."""
    return all(_gives_back(view, index) for index in points)


def _gives_back(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    call = view.call_at(node.value) if isinstance(node, Await) else None
    return call is not None and undoes(call)


def _sets_flag(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler sets a flag that a test outside of it reads."""
    flags = {
        view.key(at)
        for index in view.nodes_in(handler.region)
        if isinstance(node := view.nodes[index], Assign)
        and node.value >= 0
        and isinstance(view.nodes[node.value], Const)
        for at in node.targets
    } - {""}
    return bool(flags) and any(
        isinstance(node, Test)
        and not view.is_inside(view.region_of(index), handler.region)
        and any(view.key(at) in flags for at in view.operands_within(node.value))
        for index, node in enumerate(view.nodes)
    )


MAX_WAITS = 3
"""Functions of the project that are followed into each other to what they wait for."""


def _waits_for_another(view: FunctionView, index: int, steps: int = MAX_WAITS) -> bool:
    """Whether a point waits for a task or future that others may cancel, for something shielded, or for nothing but the
    cancellation: not for a coroutine that is called there, unless that waits for nothing else."""
    node = view.nodes[index]
    if not isinstance(node, Await):
        return isinstance(node, (Enter, Exit)) and _is_timeout(view, index)
    catalog = view.module.project.catalog
    pending = [node.value]
    while pending:
        at = pending.pop()
        call = view.call_at(at)
        inner = view.nodes[at]
        if isinstance(inner, Starred):
            pending.append(inner.value)
            continue
        if isinstance(inner, Display):
            pending += inner.items
            continue
        if isinstance(inner, Comprehension):
            pending += inner.elements
            continue
        if call is None:
            if _is_own_coroutine(view, at):
                return False
            continue
        scope = catalog.scope(call.target)
        produced = catalog.produces(call.target)
        if scope is not None and scope.kind is schema.ScopeKind.SHIELD:
            continue
        if produced is not None and produced.casts >= 0:
            pending += call.positional[1:2]
            continue
        if catalog.waiter(call.target) is not None:
            pending += [arg.value for arg in call.node.args if not arg.keyword]
        elif scope is not None and scope.wraps >= 0:
            pending += call.positional[scope.wraps : scope.wraps + 1]
        elif given := _given_to_wait(call):
            pending += given
        elif not _waits_forever(view, call) and not _only_waits(call, steps):
            return False
    return True


def _only_waits(call: CallSite, steps: int) -> bool:
    """Whether a coroutine function of the project is called that waits, and for nothing but what others may cancel or
    what is shielded."""
    callee = call.callee
    if steps <= 0 or callee is None or not callee.is_coroutine or callee.decorators or len(callee.alternatives) > 1:
        return False
    points = [index for index in range(len(callee.nodes)) if is_cancellation_point(callee, index)]
    return bool(points) and all(_waits_for_another(callee, index, steps - 1) for index in points)


def _is_own_coroutine(view: FunctionView, index: int) -> bool:
    """Whether a local holds the coroutine of a function of the project, made here: nobody else can cancel that."""
    node = view.nodes[index]
    nodes = view.bindings(node.id).nodes if isinstance(node, Name) else ()
    made = [view.assigned_value(at) if holder is view else None for holder, at in nodes]
    calls = [view.call_at(value) if value is not None else None for value in made]
    return bool(calls) and all(
        call is not None and call.callee is not None and call.callee.is_coroutine for call in calls
    )


def _waits_forever(view: FunctionView, call: CallSite) -> bool:
    """Whether only a cancellation ends what a call waits for: something that was made for it alone
    (`Event().wait()`), or a server, which ends it so when it is closed (`server.serve_forever()`)."""
    if call.member in UNTIL_CANCELLED:
        return True
    made = view.call_at(call.receiver) if call.receiver >= 0 else None
    return made is not None and bool(made.target) and view.module.project.catalog.api(call.target) is not None


def _loops_on(view: FunctionView, index: int) -> bool:
    """Whether a loop with no bound of its own goes round again after a node, and waits there."""

    def waits(at: int) -> bool:
        return is_cancellation_point(view, at) and view.is_inside(view.region_of(at), loop)

    loop = innermost(view, index, RegionKind.LOOP)
    return _is_in_open_loop(view, index) and reaches_after(view, view.nodes[index].parent, waits) >= 0


def _is_in_open_loop(view: FunctionView, index: int) -> bool:
    """Whether the innermost loop around a node is not bounded by what it iterates over."""
    loop = innermost(view, index, RegionKind.LOOP)
    header = view.nodes[view.regions[loop].node] if loop >= 0 else None
    return header is not None and (not isinstance(header, Iterate) or header.is_async)


def runs_until_cancelled(view: FunctionView) -> bool:
    """Whether a function is a task's root in all likelihood, though who starts it is not seen: it waits in a loop with
    no end of its own, and nothing in its module awaits it."""
    if view.facts.kind is not FunctionKind.DEF or not view.is_coroutine:
        return False
    known = view.module.endless.get(view.index)
    if known is None:
        known = view.module.endless[view.index] = _never_ends(view) and not any(
            call is not None and _is_waited_for(user, call) for user, call in references(view)
        )
    return known


def _never_ends(view: FunctionView) -> bool:
    loops = {
        index
        for index, region in enumerate(view.regions)
        if region.kind is RegionKind.LOOP and _is_endless(view, region.node)
    }
    return bool(loops) and any(
        is_cancellation_point(view, index) and not loops.isdisjoint(view.loops_around(index))
        for index in range(len(view.nodes))
    )


def _is_endless(view: FunctionView, header: int) -> bool:
    node = view.nodes[header]
    value = view.nodes[node.value] if isinstance(node, Test) else None
    return isinstance(value, Const) and bool(value.value)


def _is_waited_for(view: FunctionView, call: CallSite) -> bool:
    """Whether a call's coroutine is awaited where it stands, through `wait_for` and the like too."""
    use = call.use
    if use.kind != "argument":
        return use.kind == "awaited"
    return not _hands_over(view, call.index)


def eating_escapes(view: FunctionView, handler: Handler, points: list[int]) -> list[Escape]:
    """The ways out of a handler on which a cancellation of one of `points` is lost, nearest first; none where each way
    raises, or where losing it is an idiom."""
    if not points or joins_own_cancel(view, points) or decides_unseen(view, handler):
        return []
    if is_raised_anyway(view, view.regions[handler.statement].parent):
        return []
    # where a cancellation is delivered again, the next wait in the handler raises it
    again = None if handler.catch.named or not delivers_again(view) else partial(is_cancellation_point, view)
    ways = escapes_of(view, handler, ends=again)
    return [escape for escape in ways if not kept_cancellation(view, handler, escape)]


def delivers_again(view: FunctionView) -> bool:
    """Whether the module's framework delivers a cancellation at every wait until its scope is left, as trio and anyio
    do, and not once, as asyncio does."""
    catalog = view.module.project.catalog
    libraries = view.module.facts.libraries
    frameworks = [framework for framework in map(catalog.framework, libraries) if framework is not None]
    # one that tells of a peer that is gone runs on another's tasks
    frameworks = [framework for framework in frameworks if not framework.when_gone]
    return bool(frameworks) and all(framework.until_left for framework in frameworks)


def goes_round(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler of a synchronous loop takes what ends a program, and lets the loop go on."""
    loop = next((around for around in view.loops_around(handler.node)), -1)
    if loop < 0:
        return False
    for earlier in handlers_of(view, handler.statement):
        if earlier.region == handler.region:
            break
        caught = earlier.excepts(view).caught
        if caught < 0 or any(is_exit(leaf) is not False for leaf in exception_types(view, [caught])):
            return False
    if decides_unseen(view, handler, is_exit):
        return False
    header = view.regions[loop].node
    return any(
        escape.block >= 0
        and view.is_inside(view.blocks[escape.block].region, loop)
        and reaches(view, Place(escape.block, escape.ways), lambda at: at == header) >= 0
        and not kept_cancellation(view, handler, escape)
        for escape in escapes_of(view, handler, is_exit)
    )


def is_quiet_root(view: FunctionView, handler: Handler) -> bool:
    """Whether a task ends with this handler: the function is a task's root, and only cleans up after it. The root of a
    whole program may do more, where the handler is in no loop: it is cancelled by the runner, at an interrupt, and
    nobody waits for the cancellation but the runner."""
    if not is_task_root(view):
        return runs_until_cancelled(view) and all(ends_quietly(view, way) for way in escapes_of(view, handler))
    if innermost(view, handler.node, RegionKind.LOOP) < 0 and is_program(view):
        return True
    return all(ends_quietly(view, escape) for escape in escapes_of(view, handler))


def is_unthinking(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler takes everything without a word: a bare `except:`. Who writes `BaseException` at the root of a
    task knows what else than errors it takes."""
    return handler.excepts(view).caught < 0


def is_program(view: FunctionView) -> bool:
    """Whether this module gives the function's coroutine to a runner (`asyncio.run(main())`)."""
    catalog = view.module.project.catalog
    for user, call in references(view):
        use = user.use(call.index) if call is not None else None
        runner = user.call_at(use.node) if use is not None and use.kind == "argument" else None
        if runner is None:
            continue
        entry = catalog.runner(runner.target)
        if entry is not None and not entry.thread:
            return True
        # a runner of the project's own, as good as named so
        if entry is None and not user.is_async and runner.member.rstrip("_").endswith("run"):
            return True
    return False


def is_root_region(view: FunctionView, region: int) -> bool:
    """The same for a `with` block that swallows."""
    if not is_task_root(view) and not runs_until_cancelled(view):
        return False
    exits = [
        index
        for index, node in enumerate(view.nodes)
        if isinstance(node, Exit) and node.on_error and node.enter == view.regions[region].node
    ]
    return all(
        _ends_from(view, start_at(view, target)) for index in exits for target in view.blocks[view.block_of(index)].next
    )
