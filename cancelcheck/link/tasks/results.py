"""What becomes of the results of a wait that collects failures instead of raising them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.link.paths.exceptions import handlers, protected, takes_failures
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.swallowing.cancellation import joins_own_cancel
from cancelcheck.link.tasks.spawning import loss_of, spawner_of
from cancelcheck.link.undoing import says_undoing
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Comprehension,
    Display,
    Iterate,
    Name,
    RegionKind,
    Starred,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


def ignored_results(view: FunctionView) -> Iterator[tuple[CallSite, int]]:
    """The waits that collect failures and whose results nobody looks at, each with the await that drops them. Not
    those that join what this function has cancelled, nor of tasks that are looked at one by one, nor where all that is
    waited for gives something back, was started elsewhere, or deals with its failures itself."""
    catalog = view.module.project.catalog
    for call in view.told_calls:
        waiter = catalog.waiter(call.target)
        if waiter is None or not _is_true(view, call.argument(waiter.collects)):
            continue
        awaited = _awaited(view, call.index)
        if not loss_of(view, awaited) or joins_own_cancel(view, [awaited]):
            continue
        if not _looked_at(view, call, awaited) and not _gives_back(view, call):
            yield call, awaited


def _is_true(view: FunctionView, argument: int | None) -> bool:
    return getattr(view.node_at(argument), "value", None) is True


def _awaited(view: FunctionView, index: int) -> int:
    """The await that gives what an awaitable gives: directly, through a wrapper (`wait_for`), or through a local that
    is read nowhere else; -1 where there is none."""
    while True:
        use = view.use(index)
        if use.kind == "awaited":
            return use.node
        if use.kind == "argument":
            wrapper = view.call_at(use.node)
            assert wrapper is not None
            if view.module.project.catalog.scope(wrapper.target) is None:
                return -1
            index = use.node
        else:
            reads = view.reads(use.name)
            if len(reads) != 1 or reads[0][0] is not view or reads[0][1] < index:
                return -1
            index = reads[0][1]


_SAYS_NOTHING = frozenset({"clear"})
"""Methods of a collection that say nothing of what is in it."""


def _looked_at(view: FunctionView, call: CallSite, awaited: int) -> bool:
    """Whether a task, or the collection of tasks, that is waited for is read again after the wait, or a callback of its
    own is told of its end."""
    if any(inner.member == "add_done_callback" for inner in view.calls):
        return True
    keys = {view.key(arg.value) for arg in call.node.args}
    for key in tuple(keys):
        for inner in view.calls_on.get(key, ()):
            keys |= {view.key(at) for at in inner.positional}
    keys.discard("")
    for index in range(awaited, len(view.nodes)):
        if isinstance(view.nodes[index], (Name, Attr)) and view.key(index) in keys:
            parent = view.user_of(index)
            if not (isinstance(parent, Attr) and parent.attr in _SAYS_NOTHING):
                return True
    return any(reader is not view for key in keys if "." not in key for reader, _ in view.reads(key))


def _gives_back(view: FunctionView, call: CallSite) -> bool:
    """Whether all that is waited for hears of its own failures, or was started by others; or are calls that give
    something back, or tasks of anybody, in a `finally`, a handler, or a function that is itself called for that: there
    is nobody left to tell."""
    given = [arg.value for arg in call.node.args if not arg.keyword]
    if given and all(_is_held(view, index) for index in given):
        return True
    at_end = (
        _says_end(view.name)
        or _says_reset(view.name)
        or innermost(view, call.index, RegionKind.FINALLY, RegionKind.HANDLER) >= 0
    )
    if at_end and all(_is_started_before(view, index) for index in given):
        return True
    work = [made for index in given for made in _made(view, index)]
    return bool(work) and all(
        at_end if made is None else _hears_itself(made.callee) or (at_end and _made_to_give(view, made))
        for made in work
    )


def _is_started_before(view: FunctionView, index: int) -> bool:
    """Whether a value is what a local has: it was started before, and is only waited for here."""
    call = view.call_at(index)
    if call is not None:
        return call.member in _VIEWS and _is_started_before(view, call.receiver)
    node = view.node_at(index)
    return isinstance(node, Name) and not any(
        (value := holder.assigned_value(at)) is not None and _is_awaitable_made(holder, value)
        for holder, at in view.bindings(node.id).nodes
    )


def _is_awaitable_made(view: FunctionView, index: int) -> bool:
    """Whether a value is a collection of coroutines that nothing has started."""
    node = view.nodes[index]
    elements = node.elements if isinstance(node, Comprehension) else node.items if isinstance(node, Display) else []
    return any(
        (call := view.call_at(at)) is not None and call.callee is not None and call.callee.is_coroutine
        for at in elements
    )


def _is_held(view: FunctionView, index: int, inside: tuple[str, ...] = ()) -> bool:
    """Whether a value is what the instance or the module has in a collection, a copy of that, or some of it: others
    have started it. `inside` are the names on the way."""
    match view.node_at(index):
        case Starred() as node:
            return _is_held(view, node.value, inside)
        case Attr():
            return bool(view.key(index))
        case Display() as node:
            return all(_is_held(view, item, inside) for item in node.items)
        case Comprehension() as node:
            return all(_is_held(view, item, inside) for item in node.elements)
        case Call():
            call = view.call_at(index)
            assert call is not None
            given = view.module.project.catalog.produces(call.target)
            if given is not None and given.others:
                return True
            if call.target in _COPYING or (given is not None and given.form_of >= 0):
                return len(call.positional) == 1 and _is_held(view, call.positional[0], inside)
            return call.member in _VIEWS | _TAKING and _is_held(view, call.receiver, inside)
        case Name() as node if node.id not in inside:
            return _is_held_by_name(view, node.id, (*inside, node.id))
    return False


def _is_held_by_name(view: FunctionView, name: str, inside: tuple[str, ...]) -> bool:
    scope, bound = view.bindings(name)
    if scope is view.module.body:
        return True
    if scope is not view:
        return False
    given = []
    for holder, at in bound:
        header = _header(holder, at)
        value = header if header >= 0 else holder.assigned_value(at)
        if value is None:
            return False
        if not _is_empty(view, value):
            given.append(value)
    for call in view.calls_on.get(name, ()):
        if call.member in _FILLING:
            given += call.positional
    return all(_is_held(view, value, inside) for value in given)


def _header(view: FunctionView, store: int) -> int:
    """What the loop goes through whose target a node is, or is part of; -1 where it is none's."""
    at = store
    while at >= 0:
        if at in (headers := _targets(view)):
            return headers[at]
        at = view.nodes[at].parent
    return -1


def _targets(view: FunctionView) -> dict[int, int]:
    """The targets of a function's loops, each with what the loop goes through."""
    return {node.target: node.iterable for node in view.nodes if isinstance(node, Iterate)}


def _is_empty(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Display) and not node.items


MAX_HOPS = 2
"""Coroutine functions that are followed into each other."""


def _hears_itself(callee: FunctionView | None, hops: int = MAX_HOPS) -> bool:
    """Whether a coroutine function of the project takes its own failures: all that it awaits stands in a `try` whose
    handler takes them and goes on, or a decorator may see to them."""
    if callee is not None and any(call.member == "add_done_callback" for call in callee.calls):
        return True  # what it has started is heard of
    if callee is None:
        return False
    waits = callee.all_of(Await)
    taken = [
        protected(callee, handler.statement)
        for handler in handlers(callee)
        if takes_failures(callee, handler) and not callee.raises_within(handler.region)
    ]
    return bool(callee.decorators) or (
        bool(waits)
        and all(
            any(callee.is_inside(callee.region_of(at), body) for body in taken)
            or innermost(callee, at, RegionKind.FINALLY) >= 0
            or (hops > 0 and _is_heard(callee.call_at(node.value), hops - 1))
            for at, node in waits
        )
    )


def _is_heard(call: CallSite | None, hops: int) -> bool:
    """Whether what is awaited is a function of the project that takes its own failures."""
    return call is not None and _hears_itself(call.callee, hops)


def _made_to_give(view: FunctionView, call: CallSite) -> bool:
    """Whether a call gives something back, or is handed the method that does: `create_task(item.close)`."""
    if _says_end(call.member):
        return True
    given = view.nodes[call.positional[0]] if len(call.positional) == 1 else None
    return isinstance(given, Attr) and _says_end(given.attr)


def _says_reset(name: str) -> bool:
    """Whether a function's name says that it begins anew with nothing."""
    return name.strip("_").partition("_")[0] == "reset"


def _says_end(name: str) -> bool:
    """Whether a name says that something is given back, ended, or waited for until it has."""
    return says_undoing(name) or name.strip("_").partition("_")[0] in ("join", "wait")


_COPYING = frozenset({"builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset"})
"""Calls that give a collection with the same things in it."""

_FILLING = frozenset({"append", "add", "extend", "update"})
"""Methods that put something into a collection."""

_TAKING = frozenset({"items", "pop", "popleft", "popitem"})
"""Methods of a collection that give of what is in it, with something beside, or one of it."""

_VIEWS = frozenset({"copy", "keys", "values"})
"""Methods of a collection that do."""


def _made(view: FunctionView, index: int, inside: tuple[str, ...] = ()) -> Iterator[CallSite | None]:
    """The calls that make what a node holds: in a display, a comprehension, a list that is filled here, as the work of
    a task; None for anything else. `inside` are the names on the way."""
    match view.node_at(index):
        case Starred() as node:
            yield from _made(view, node.value, inside)
        case Display() as node:
            for item in node.items:
                yield from _made(view, item, inside)
        case Comprehension() as node:
            for element in node.elements:
                yield from _made(view, element, inside)
        case Call():
            call = view.call_at(index)
            assert call is not None
            spawner = spawner_of(call)
            work = call.seen_argument(spawner.work_keyword, spawner.work_position) if spawner is not None else None
            if work is not None:
                yield view.call_at(work)
            elif call.target in _COPYING and len(call.positional) == 1:
                yield from _made(view, call.positional[0], inside)
            elif call.member in _VIEWS:
                yield from _made(view, call.receiver, inside)
            else:
                yield call
        case Name() as node if node.id not in inside:
            for holder, at in view.bindings(node.id).nodes:
                value = holder.assigned_value(at)
                if value is None or isinstance(holder.nodes[value], Name):
                    yield None
                else:
                    yield from _made(holder, value, (*inside, node.id))
            for call in view.calls_on.get(node.id, ()):
                if call.member in _FILLING and call.positional:
                    yield from _made(view, call.positional[0], (*inside, node.id))
        case _:
            yield None
