"""Where a function cleans up after an error, and whether a cancellation is cleaned up after too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.paths.checkpoints import may_wait
from cancelcheck.link.paths.conditions import tests_before
from cancelcheck.link.paths.exceptions import (
    Handler,
    cancels_with_errors,
    exception_types,
    handlers,
    handlers_of,
    protected,
)
from cancelcheck.link.paths.flow import innermost, meets, names_read, never_returns
from cancelcheck.link.paths.leaks import Leak
from cancelcheck.link.swallowing.cancellation import (
    is_task_root,
    places,
)
from cancelcheck.link.swallowing.catching import (
    escapes_of,
    is_for_some_errors,
    points_leaving,
)
from cancelcheck.link.undoing import undoes
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Delete,
    Display,
    Enter,
    Import,
    Name,
    Raise,
    RegionKind,
    Starred,
    StoreAttr,
    StoreItem,
    Subscript,
    Unpack,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Undoing(NamedTuple):
    """A node that undoes something, and the keys of what it undoes: `self` for a method of its own (`self._abort()`),
    none where that is not a plain place."""

    node: int
    keys: frozenset[str]


class Missed(NamedTuple):
    """A cleanup that a cancellation goes past: what undoes something, and the cancellation point after which it does
    not run. `doubtful`: a `finally` undoes something of the same owner in another way, or it is an answer to the error,
    or whoever cancels can undo it."""

    undoing: int
    point: int
    doubtful: bool


def undoings(view: FunctionView, region: int) -> Iterator[Undoing]:
    """What undoes something in a region, in order."""
    for index in view.nodes_in(region):
        node = view.nodes[index]
        call = view.call_at(index)
        func = view.nodes[call.node.func] if call is not None else None
        if call is not None and undoes(call):
            # what waits for the end of something (`wait_closed`) is undone by something else
            if not call.member.startswith("wait_") and not isinstance(view.user_of(call.index), Raise):
                yield Undoing(index, _undone(view, call))
        elif isinstance(func, Attr) and func.attr in _REMOVING and view.use(index).kind == "dropped":
            keys = frozenset(places(view, func.value))
            if any("." in key for key in keys):
                yield Undoing(index, keys)
        elif isinstance(node, Delete):
            for operand in node.operands:
                target = view.nodes[operand]
                if isinstance(target, Subscript) and isinstance(view.nodes[target.value], Attr):
                    yield Undoing(index, frozenset(places(view, target.value)))
                    break


_REMOVING = frozenset({"pop"})
"""Methods of a container that take something out of it, where their result is dropped."""


def _undone(view: FunctionView, call: CallSite) -> frozenset[str]:
    if call.receiver >= 0 and view.path_of(call.receiver) == "":
        return frozenset(places(view, call.receiver))
    # a function: of what it is given
    return frozenset(key for arg in call.node.args[:1] for key in places(view, arg.value))


def missed_cleanups(view: FunctionView) -> tuple[tuple[Handler, Missed], ...]:
    """The handlers of a coroutine whose cleanup a cancellation goes past."""
    known = view.module.missed.get(view.index)
    if known is None:
        found = ((handler, missed_cleanup(view, handler)) for handler in (handlers(view) if view.is_async else ()))
        known = tuple((handler, missed) for handler, missed in found if missed is not None)
        view.module.missed[view.index] = known
    return known


def is_left_by_cleanup(view: FunctionView, leak: Leak, key: str) -> bool:
    """Whether a path leaves something behind because a cancellation goes past the handler that would undo it: the
    defect is the handler's."""
    return leak.kind == "cancel" and any(
        not missed.doubtful
        and view.is_inside(view.region_of(leak.node), protected(view, handler.statement))
        and any(key in undoing.keys for undoing in undoings(view, handler.region))
        for handler, missed in missed_cleanups(view)
    )


def missed_cleanup(view: FunctionView, handler: Handler) -> Missed | None:
    """What a handler for errors undoes, on its way to raise again, that is left undone where a cancellation goes past
    it; None where there is nothing of the kind, or something else sees to it."""
    node = handler.excepts(view)
    if node.caught < 0 or node.is_group:
        return None
    if not any(leaf.name == _ERRORS for leaf in exception_types(view, [node.caught])):
        return None
    if any(_may_take_cancellations(view, other) for other in handlers_of(view, handler.statement)):
        return None
    points = points_leaving(view, protected(view, handler.statement), _is_point)
    if _names_cancellations(view, handler) or escapes_of(view, handler, lambda leaf: None):
        return None
    found: Missed | None = None
    for undoing in undoings(view, handler.region):
        point = next(
            (at for at in points if _is_held(view, undoing, handler, at) and not _ends_with(view, undoing, at)), -1
        )
        if point < 0 or is_for_some_errors(view, handler, undoing.node) or _asks_error(view, handler, undoing.node):
            continue
        cover = _cover(view, undoing, handler)
        if cover is None or _is_left_to_callers(view, undoing) or undoing.keys == {handler.excepts(view).name}:
            continue  # somebody else sees to it, or it is of the error itself
        doubtful = (
            cover
            or _answers(view, undoing.node, handler)
            or _belongs_to_canceller(view, undoing, handler)
            or _is_anothers(view, undoing)
        )
        if found is None or (found.doubtful and not doubtful):
            found = Missed(undoing.node, point, doubtful)
    return found if found is not None and not cancels_with_errors(view.module) else None


def _asks_error(view: FunctionView, handler: Handler, index: int) -> bool:
    """Whether a handler comes to a node only where the error that it caught says so (`if is_expired(error):`). Its type
    is another matter."""
    name = handler.excepts(view).name
    return any(
        test > handler.node
        and name in names_read(view, test)
        and not any(
            call is not None
            and call.target == "builtins.isinstance"
            and [view.key(at) for at in call.positional[:1]] == [name]
            for call in map(view.call_at, view.operands_within(test))
        )
        for test in tests_before(view, index)
    )


def _may_take_cancellations(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler catches cancellations, or names a type that is not known and may do so: not a class of
    another file by a name that says something else (`except Redirected`)."""
    if handler.catch.cancels:
        return True
    for leaf in exception_types(view, [handler.excepts(view).caught]):
        if leaf.name and not isinstance(leaf.view.nodes[leaf.node], Call):
            continue
        name = _original_name(leaf.view, leaf.node)
        if not _CLASS.fullmatch(name) or "cancel" in name.lower():
            return True
    return False


def _original_name(view: FunctionView, index: int) -> str:
    """The last part of a name or an attribute, as the file that it is imported from spells it."""
    node = view.nodes[index]
    if isinstance(node, Name):
        for holder, at in view.bindings(node.id).nodes:
            bound = holder.node_at(at)
            if isinstance(bound, Import):
                return next((path for local, path in bound.names if local == node.id), "").rpartition(".")[2]
    return view.key(index).rpartition(".")[2]


_CLASS = re.compile(r"(?:[A-Z][a-z0-9]+){2,}")
"""How a class is spelled, and no constant is."""


def _answers(view: FunctionView, index: int, handler: Handler) -> bool:
    """Whether what undoes something is an answer to this error: it says what was wrong (`close(code=1011)`), or is
    given the error itself."""
    call = view.call_at(index)
    if call is None:
        return False
    caught = handler.excepts(view).name
    callee = call.callee
    params = [param.name for param in callee.facts.params] if callee is not None else []
    names = params[1:] if callee is not None and callee.self_name else params
    for at, arg in enumerate(call.node.args):
        if (arg.keyword or (names[at] if at < len(names) and not arg.star else "")) in _REASONS:
            return True
        node = view.nodes[arg.value]
        if isinstance(node, Name) and node.id in (caught, *_REASONS):
            return True
    return False


_REASONS = ("code", "reason", "message", "error")
"""Arguments that say what was wrong."""


def _belongs_to_canceller(view: FunctionView, undoing: Undoing, handler: Handler) -> bool:
    """Whether what is undone is the instance's, in the loop of a task that the instance runs: whoever cancels the task
    can undo it too, and mostly does."""
    own = view.self_name
    if not any(key.partition(".")[0] == own for key in undoing.keys):
        return False
    return innermost(view, handler.node, RegionKind.LOOP) >= 0 and is_task_root(view)


def _is_anothers(view: FunctionView, undoing: Undoing) -> bool:
    """Whether what is undone is not this function's doing: it takes out of a container what it has not put there, or
    gives back what a `with` of the function around it has."""
    call = view.call_at(undoing.node)
    if (call is None or call.member in _REMOVING) and undoing.keys.isdisjoint(_filled(view)):
        return True
    for key in undoing.keys:
        scope, bound = view.bindings(key.partition(".")[0])
        if scope is not None and scope is not view:
            entered = {node.target for node in scope.nodes if isinstance(node, Enter)}
            if any(holder is scope and at in entered for holder, at in bound):
                return True
    return False


def _filled(view: FunctionView) -> set[str]:
    """The containers into which a function puts something."""
    found: set[str] = set()
    for node in view.nodes:
        if (isinstance(node, Attr) and node.attr in _FILLING) or isinstance(node, StoreItem):
            found |= places(view, node.value)
    return found


_FILLING = frozenset({"add", "append", "insert", "setdefault", "update"})
"""Methods of a container that put something into it."""


def _names_cancellations(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler looks for a cancellation among the errors: one of a framework where it is an error."""
    paths = (view.path_of(index) for index in view.nodes_in(handler.region))
    return any(path.endswith(("CancelledError", "Cancelled")) for path in paths)


def raises_the_same(view: FunctionView, handler: Handler) -> bool:
    """Whether every `raise` in a handler raises what it caught, and nothing else in it raises for it."""
    name = handler.excepts(view).name
    for index in view.nodes_in(handler.region):
        node = view.nodes[index]
        if never_returns(view, index):
            return False
        if isinstance(node, Raise) and node.exc >= 0:
            raised = view.nodes[node.exc]
            if not (isinstance(raised, Name) and raised.id == name):
                return False
    return True


_ERRORS = "builtins.Exception"


def _is_point(view: FunctionView, index: int) -> bool:
    """Whether a cancellation can be raised at a node; in a context manager also where it yields: that of its block."""
    if isinstance(view.nodes[index], Yield):
        return view.has_role("contextmanager")
    return may_wait(view, index)


def _is_held(view: FunctionView, undoing: Undoing, handler: Handler, point: int) -> bool:
    """Whether what is undone may be there already when a cancellation comes in at a point: it was not made in the same
    `try` after it."""
    judged = False
    for key in undoing.keys:
        regions = [(at, view.region_of(at) if at >= 0 else -1) for at in _stores(view, key)]
        if any(view.is_inside(region, handler.region) for _, region in regions):
            continue  # a name of the handler's own, for one of the others
        if not regions or any(
            not view.is_inside(region, handler.statement) or (at < point and _comes_to(view, at, point))
            for at, region in regions
        ):
            return True
        judged = True
    return not judged


def _comes_to(view: FunctionView, start: int, goal: int) -> bool:
    """Whether a path leads from one node to another, exceptions that are dealt with on the way included."""
    return meets(view, start, lambda index: index == goal, lambda index: False, errors=True) >= 0


def _stores(view: FunctionView, key: str) -> Iterator[int]:
    """The nodes that store something in a plain place, -1 for a parameter; `None` is nothing. An attribute may also be
    stored elsewhere."""
    root = key.partition(".")[0]
    if root == key:
        for at in view.facts.bound.get(key, ()):
            if at < 0 or not view.stores_none(at):
                yield at
    else:
        for at in view.attributes_stored.get(key, ()):
            yield at


def _ends_with(view: FunctionView, undoing: Undoing, point: int) -> bool:
    """Whether what is undone is a task or future that is cancelled with the wait for it."""
    call = view.call_at(undoing.node)
    node = view.nodes[point]
    if call is None or "cancel" not in call.member or not isinstance(node, Await):
        return False
    catalog = view.module.project.catalog
    pending = [node.value]
    while pending:
        at = pending.pop()
        inner = view.nodes[at]
        made = view.call_at(at)
        if isinstance(inner, (Display, Starred)):
            pending += inner.items if isinstance(inner, Display) else [inner.value]
        elif made is None:
            if not undoing.keys.isdisjoint(places(view, at)):
                return True
        elif (waiter := catalog.waiter(made.target)) is not None:
            pending += [arg.value for arg in made.node.args if not arg.keyword] if waiter.cancels else []
        elif (scope := catalog.scope(made.target)) is not None and scope.wraps >= 0 and scope.kind != "shield":
            pending += made.positional[scope.wraps : scope.wraps + 1]
    return False


def _cover(view: FunctionView, undoing: Undoing, handler: Handler) -> bool | None:
    """None where something around a handler undoes the same when a cancellation passes: a `with` that owns it, a
    `finally`, a handler for cancellations. Else whether a `finally` undoes something else of the same owner."""
    partly = False
    owned = _owners(view, undoing.keys)
    region = handler.statement
    while region >= 0:
        facts = view.regions[region]
        if facts.kind is RegionKind.WITH and not owned.isdisjoint(_entered(view, facts.node)):
            return None
        inner = [handler.statement, *view.regions_around(handler.node)]
        for index, other in enumerate(view.regions):
            if other.parent != region or index in inner:
                continue
            if other.kind is RegionKind.HANDLER:
                around = next(found for found in handlers_of(view, region) if found.region == index)
                if not _may_take_cancellations(view, around):
                    continue
            elif other.kind is not RegionKind.FINALLY:
                continue
            for found in undoings(view, index):
                if not (found.keys & owned).issubset({view.self_name}):
                    return None  # with what it comes from it is undone
                how = _covers(view, found, undoing)
                if how is None:
                    return None
                partly |= how
        region = facts.parent
    return None if _is_deferred(view, owned) else partly


def _is_left_to_callers(view: FunctionView, undoing: Undoing) -> bool:
    """Whether a method of the class's own (`_step`) undoes of the instance what every caller undoes in a `finally`
    around the call, by the same method."""
    own, done = view.self_name, _name(view, undoing.node)
    if not own or not done or not view.name.startswith("_") or not all(_is_within(key, own) for key in undoing.keys):
        return False
    callers = view.module.mentions(view.name, of_method=True)
    return bool(callers) and all(
        user.owner is view.owner
        and user.self_name == own
        and (call := user.call_at(user.nodes[index].parent)) is not None
        and call.callee is view
        and any(
            found.keys == undoing.keys and _name(user, found.node) == done
            for region in _finals_around(user, index)
            for found in undoings(user, region)
        )
        for user, index in callers
    )


def _finals_around(view: FunctionView, index: int) -> Iterator[int]:
    """The `finally` regions that come after a node, whichever way it is left."""
    around = set(view.regions_around(index))
    for at, region in enumerate(view.regions):
        if region.kind is RegionKind.FINALLY and region.parent in around and at not in around:
            yield at


def _covers(view: FunctionView, outer: Undoing, inner: Undoing) -> bool | None:
    """None where one cleanup does what another does; else whether they are of the same owner."""
    if not outer.keys:
        return None
    same = False
    for key in inner.keys:
        for other in outer.keys:
            if other == key:
                if key != view.self_name or _name(view, outer.node) == _name(view, inner.node):
                    return None
                same = True
            elif key.startswith(f"{other}.") or (other.startswith(f"{key}.") and key != view.self_name):
                return None
            elif other.partition(".")[0] == view.self_name == key.partition(".")[0]:
                same = True
    return same and not _are_apart(_touched(view, outer), _touched(view, inner))


def _are_apart(outer: frozenset[str], inner: frozenset[str]) -> bool:
    """Whether two cleanups surely have nothing to do with each other: what both are about is known."""
    return bool(outer and inner) and not any(_is_within(one, other) for one in outer for other in inner)


def _is_within(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _touched(view: FunctionView, undoing: Undoing) -> frozenset[str]:
    """What a cleanup may be about, as attributes of the instance: of a method of its own, all that it calls anything
    of; none where that is not known."""
    if view.self_name not in undoing.keys:
        return undoing.keys
    call = view.call_at(undoing.node)
    callee = call.callee if call is not None else None
    return _used_by(callee) if callee is not None and callee.owner is not None else frozenset()


def _used_by(method: FunctionView) -> frozenset[str]:
    """The attributes of the instance that a method uses, and those of its own other methods that it uses."""
    found: set[str] = set()
    pending = [method]
    seen = {method}
    while pending:
        view = pending.pop()
        for index, node in enumerate(view.nodes):
            if isinstance(node, (Attr, StoreAttr)) and view.self_name and view.key(node.value) == view.self_name:
                callee = view.definition_of(index) if isinstance(node, Attr) else None
                if callee is None or callee.owner is None:
                    found.add(f"{method.self_name}.{node.attr}")
                elif callee not in seen:
                    seen.add(callee)
                    pending.append(callee)
    return frozenset(found)


def _name(view: FunctionView, index: int) -> str:
    call = view.call_at(index)
    return call.member if call is not None else ""


def _owners(view: FunctionView, keys: frozenset[str]) -> set[str]:
    """Keys, and what they come from: `tx = conn.transaction()` is the connection's."""
    found = set(keys)
    pending = list(keys)
    while pending:
        key = pending.pop()
        name = key.partition(".")[0]
        found.add(name) if name != view.self_name else None
        scope, bound = view.bindings(name)
        made = [at for _, at in bound] if scope is view else []
        for at in (*made, *view.attributes_stored.get(key, ())):
            value = view.assigned_value(at)
            if value is None:
                continue
            node = view.nodes[value]
            if isinstance(node, Await):
                value = node.value
                node = view.nodes[value]
            source = -1
            if isinstance(node, Call):
                source = view.sites[value].receiver
            elif isinstance(node, Attr):
                source = node.value
            key = view.key(source) if source >= 0 else ""
            if key and key not in found:
                found.add(key)
                pending.append(key)
    return found


def _entered(view: FunctionView, enter: int) -> Iterator[str]:
    """Keys of what a `with` item enters, and of what it binds."""
    node = view.nodes[enter]
    assert isinstance(node, Enter)
    yield view.key(node.context)
    pending = [node.target] if node.target >= 0 else []
    while pending:
        at = pending.pop()
        target = view.nodes[at]
        if isinstance(target, Unpack):
            pending += target.items
        else:
            yield view.key(at)
    call = view.call_at(node.context)
    if call is not None:
        # `closing(conn)`, `conn.transaction()`
        for arg in call.node.args:
            yield view.key(arg.value)
        if call.receiver >= 0:
            yield view.key(call.receiver)


def _is_deferred(view: FunctionView, owned: set[str]) -> bool:
    """Whether something is handed to what calls it at an exit: an exit stack, a finalizer."""
    for call in view.calls:
        if call.member in _DEFERRING:
            use = call.use
            if use.kind == "awaited":
                use = view.use(use.node)
            given = (at for arg in call.node.args for at in view.operands_within(arg.value))
            if use.name in owned or any(view.key(at) in owned for at in given):
                return True
    return False


_DEFERRING = frozenset(
    {
        "callback",
        "push",
        "push_async_callback",
        "push_async_exit",
        "enter_context",
        "enter_async_context",
        "defer",
        "finalize",
    }
)
