"""Locks that a function takes by hand: where, under which condition it holds them, and where it gives them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.checkpoints import may_wait
from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.link.paths.flow import branch_of, innermost, meets, reaches, start_at
from cancelcheck.link.paths.leaks import CANCELLED, Leak, Raising, leak_of, settled_at
from cancelcheck.link.paths.ownership import held_in
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Call,
    Const,
    Enter,
    Exit,
    Expr,
    FunctionKind,
    Iterate,
    Name,
    Operation,
    RegionKind,
    StoreAttr,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.instances import Instance


class Taking(NamedTuple):
    """A lock that is acquired by hand. `key` is the place that it is in, `at` the node from which on it is held: the
    call, its `await`, or what binds its result to `name`; `branch` the block that is entered where it was got, -1 where
    nothing asks. `released` are the nodes that give it back."""

    call: CallSite
    key: str
    at: int
    name: str
    branch: int
    released: tuple[int, ...]


def takings(view: FunctionView) -> Iterator[Taking]:
    """The locks that a function acquires by hand and gives back itself. The receiver is a lock of the catalogue, or the
    same place is released in the same function."""
    for call in view.calls:
        if call.receiver < 0 or "acquire" not in call.member:
            continue
        key = view.key(call.receiver)
        entry = _entry(view, call)
        if not key or entry is None or call.member not in entry.acquire or _is_class(view, call.receiver):
            continue
        released = tuple(at for name in entry.release for at in view.places_read.get(f"{key}.{name}", ()))
        if not released or _is_shared_with_nested(view, key):
            continue
        released += _handed_on(view, key) + _loops_over_the_same(view, call, released)
        held = _held(view, call)
        if held is not None:
            yield Taking(call, key, *held, released)


def _is_class(view: FunctionView, index: int) -> bool:
    """Whether a method is called on its class (`Lock.acquire(lock)`): what that stands for is its argument."""
    cls = view.definition_of(index)
    return cls is not None and cls.facts.kind is FunctionKind.CLASS


_PLAIN = schema.Lock(type=())
"""What a lock is taken to be when only its use is seen."""


def _entry(view: FunctionView, call: CallSite) -> schema.Lock | None:
    instance = view.instance(call.receiver)
    if instance is None:
        return _PLAIN
    return view.module.project.catalog.lock(instance.catalog_type())


def is_always_free(view: FunctionView, index: int) -> bool:
    """Whether whoever asks for a lock of asyncio gets it at once: it is a local, or a private attribute, and its file
    waits for nothing while it holds it. (Other frameworks give way at every lock.)"""
    instance = view.instance(index)
    catalog = view.module.project.catalog
    entry = catalog.lock(instance.catalog_type()) if instance is not None else None
    frameworks = [catalog.framework(library) for library in view.module.facts.libraries]
    if entry is None or not entry.awaited or any(found is not None and found.until_left for found in frameworks):
        return False
    node = view.nodes[index]
    if isinstance(node, Attr):
        uses = view.module.mentions(node.attr, of_method=True) if node.attr.startswith("_") else []
    elif isinstance(node, Name):
        scope, bound = view.bindings(node.id)
        is_local = scope is not None and scope.facts.kind is FunctionKind.DEF and all(at >= 0 for _, at in bound)
        uses = scope.reads(node.id) if scope is not None and is_local else []
    else:
        return False
    return bool(uses) and all(_is_held_shortly(user, at, entry) for user, at in uses)


def _is_held_shortly(view: FunctionView, index: int, entry: schema.Lock) -> bool:
    """Whether a use of a lock does not take it, or is a `with` whose block waits for nothing but the lock's own
    condition, which gives it back meanwhile."""
    at = view.nodes[index].parent
    node = view.nodes[at] if at >= 0 else None
    if isinstance(node, Attr):
        return node.attr not in entry.acquire
    if not isinstance(node, Enter):
        return False
    region = next((found for found, facts in enumerate(view.regions) if facts.node == at), -1)
    if region < 0 or view.regions[region].kind is not RegionKind.WITH:
        return False
    inside = (found for found in view.nodes_in(region) if found != at)
    return not any(
        may_wait(view, found)
        and not (isinstance(inner := view.nodes[found], Exit) and inner.enter == at)
        and not _gives_back_meanwhile(view, found, view.key(index), entry)
        for found in inside
    )


def _gives_back_meanwhile(view: FunctionView, index: int, key: str, entry: schema.Lock) -> bool:
    """Whether an `await` waits by a method of the lock in a place that gives it back until then."""
    node = view.nodes[index]
    call = view.call_at(node.value) if isinstance(node, Await) else None
    return call is not None and call.receiver >= 0 and view.key(call.receiver) == key and call.member in entry.meanwhile


def _held(view: FunctionView, call: CallSite) -> tuple[int, str, int] | None:
    """From where on the lock is held: the node, the name that says so, and the block that is entered where it was got.
    None where the result goes elsewhere."""
    taken = call.node.parent if call.is_awaited else call.index
    if (
        view.is_async
        and not isinstance(view.nodes[taken], Await)
        and "nowait" not in call.member
        and _waits(view, call)
    ):
        return None
    use = view.use(taken)
    if use.kind == "dropped":
        return taken, "", -1
    if use.kind == "bound":
        held = held_in(view, call.index)
        return (held[0], held[1], -1) if held is not None else None
    test, _ = branch_of(view, view.block_of(taken))
    if test < 0:
        return None
    block = view.blocks[view.block_of(test)]
    value = getattr(view.nodes[test], "value", -1)
    node = view.nodes[value]
    if value == taken and len(block.next) == 2:
        return test, "", block.next[0]
    if isinstance(node, Operation) and node.op == "not" and node.operands[0] == taken and len(block.next) == 2:
        return test, "", block.next[1]
    return None


def _waits(view: FunctionView, call: CallSite) -> bool:
    """Whether an `acquire` in async code that is not awaited is a coroutine that somebody else runs."""
    instance = view.instance(call.receiver)
    entry = view.module.project.catalog.lock(instance.catalog_type()) if instance is not None else None
    return entry is None or entry.awaited or isinstance(view.user_of(call.index), Call)


def _handed_on(view: FunctionView, key: str) -> tuple[int, ...]:
    """Where the lock itself is given to something that may give it back (`MaybeUnlock(lock)`), or a method of the same
    instance is called, or started, that gives it back."""
    given = [use.node for at in view.places_read.get(key, ()) if (use := view.use(at)).kind in _HANDING]
    releasing = [method for method in _releasing_methods(view, key) if not _takes(method, key)]
    return (*given, *(call.index for call in view.calls if releasing and call.callee in releasing))


_HANDING = frozenset({"argument", "element", "stored", "returned", "yielded"})
"""Uses of a lock by which somebody else may come to give it back."""


def is_held_around(view: FunctionView, call: CallSite, key: str) -> bool:
    """Whether a `with` around a call holds the same lock: what is taken again inside is what was given back inside."""
    for region in view.regions_around(call.index):
        node = view.regions[region].node
        enter = view.nodes[node] if view.regions[region].kind is RegionKind.WITH else None
        if isinstance(enter, Enter) and view.key(enter.context) == key:
            return True
    return False


def is_taken_back(view: FunctionView, taking: Taking) -> bool:
    """Whether all ways to where a lock is taken, or was taken before, give it back first: it is the caller's, given up
    for a while."""
    released = frozenset(taking.released)
    member = taking.call.member
    taken = {call.index for call in view.calls_on.get(taking.key, ()) if call.member == member}
    return meets(view, -1, taken.__contains__, released.__contains__, errors=True) < 0


def is_consumed(view: FunctionView, taking: Taking) -> bool:
    """Whether a `while` takes it in each turn, and no loop gives any back: each is given back by who gets what the turn
    has made. One that asks whether it was got (`while not lock.acquire(timeout=1)`) takes it once."""
    if any(next(view.loops_around(at), -1) >= 0 for at in taking.released):
        return False
    calls = [call for call in view.calls_on[taking.key] if "acquire" in call.member]
    taken = [call.node.parent if call.is_awaited else call.index for call in calls]
    dropped = [at for at in taken if view.use(at).kind == "dropped"]
    loops = {view.regions[loop].node for at in dropped for loop in view.loops_around(at)}
    return any(not isinstance(view.nodes[header], Iterate) for header in loops)


def _loops_over_the_same(view: FunctionView, call: CallSite, released: tuple[int, ...]) -> tuple[int, ...]:
    """Where the loops begin that give back all of a collection of which another loop has taken each: there is one to
    give back where there was one to take."""
    taken = dict(_collections_around(view, call.index))
    own = taken.values()
    around = (found for at in released for found in _collections_around(view, at))
    return tuple(header for key, header in around if key in taken and header not in own)


def _collections_around(view: FunctionView, index: int) -> Iterator[tuple[str, int]]:
    """The collections that the loops around a node go through, or the numbers that they count to, as places, and the
    loops' headers."""
    for loop in view.loops_around(index):
        header = view.nodes[view.regions[loop].node]
        if not isinstance(header, Iterate):
            continue
        counted = view.call_at(header.iterable)
        if counted is not None and counted.target == "builtins.range" and len(counted.positional) == 1:
            key = view.key(counted.positional[0])  # as often as the other loop
        else:
            key = view.key(header.iterable)
        if key:
            yield key, view.regions[loop].node


def _is_shared_with_nested(view: FunctionView, key: str) -> bool:
    """Whether a lock in a local is mentioned in a nested function, which may be what gives it back."""
    return "." not in key and any(reader is not view for reader, _ in view.reads(key))


def is_own(view: FunctionView, call: CallSite) -> bool:
    """Whether the lock is made in this very function and kept in a local: nobody else waits for it."""
    instance = view.instance(call.receiver)
    return (
        instance is not None
        and bool(instance.origins)
        and all(origin.fn is view for origin in instance.origins)
        and isinstance(view.nodes[call.receiver], Name)
    )


def lapses(view: FunctionView, call: CallSite) -> bool:
    """Whether the lock is one of a server's that ends by itself after the time which it was made with
    (`client.lock(name, timeout=30)`)."""
    found = view.variable_at(call.receiver) if view.instance(call.receiver) is None else None
    made = found[0].call_at(found[1]) if found is not None else None
    if made is None or made.member != "lock" or made.receiver < 0:
        return False
    given = made.argument(_LEASES)
    return given is not None and given >= 0 and evaluate(made.fn, given).kind is not ValueKind.NONE


_LEASES = ("timeout", "ttl", "lease", "lease_time", "expire")
"""What the time is called after which a server's lock ends."""


def is_decided(view: FunctionView, taking: Taking, leak: Leak) -> bool:
    """Whether the path goes through the `finally` that alone gives a lock back, and does so under a condition: it is
    kept on purpose."""
    later = [at for at in taking.released if at > taking.at]
    for at in later:
        if view.regions[innermost(view, at, RegionKind.FINALLY, RegionKind.BRANCH)].kind is not RegionKind.BRANCH:
            return False
        last = innermost(view, at, RegionKind.FINALLY)
        nodes = [node for node in (leak.origin, leak.node) if node >= 0]
        if last < 0 or not all(view.is_inside(view.region_of(node), view.regions[last].parent) for node in nodes):
            return False
    return bool(later)


def is_released_elsewhere(view: FunctionView, key: str) -> bool:
    """Whether another method of the class gives back the same lock, itself or in a function that it makes."""
    home = view
    while home.owner is None and home.parent is not None and key.partition(".")[0] not in home.facts.bound:
        home = home.parent
    return bool(_releasing_methods(home, key, view))


def _releasing_methods(view: FunctionView, key: str, taker: FunctionView | None = None) -> list[FunctionView]:
    """The other methods of a method's class that give back the lock which is at a place of the instance, or of what a
    parameter of both stands for, by the same name of the release; `taker` is the function in it that takes it."""
    owner = view.owner
    holder = key.partition(".")[0]
    if owner is None or not view.self_name or holder == key or view.param(holder) is None:
        return []
    taker = taker or view
    names = {
        node.attr
        for node in taker.nodes
        if isinstance(node, Attr) and taker.key(node.value) == key and "release" in node.attr
    }
    place, own = key.partition(".")[2], holder == view.self_name
    return [
        method
        for method in owner.children
        if method is not view
        and method.facts.kind is FunctionKind.DEF
        and any(
            isinstance(node, Attr) and node.attr in names and _is_place_of(method, inner.key(node.value), place, own)
            for inner in (method, *method.children)
            for node in inner.nodes
        )
    ]


def _is_place_of(method: FunctionView, key: str, place: str, own: bool) -> bool:
    """Whether a key stands for a place of the instance, or of what another parameter stands for."""
    holder, _, rest = key.partition(".")
    return rest == place and (holder == method.self_name if own else method.param(holder) is not None)


def _takes(method: FunctionView, key: str) -> bool:
    """Whether a method takes the lock of its instance itself, by hand."""
    place = f"{method.self_name}.{key.partition('.')[2]}"
    return any("acquire" in call.member for call in method.calls_on.get(place, ()))


def is_spared(view: FunctionView, index: int) -> bool:
    """Whether an error out of a call is not what a lock is given back for: it takes a lock of a thread, or makes an
    instance, which fails on its author's mistake only, or stands in a handler, which is there because something has
    failed."""
    call = view.call_at(index)
    assert call is not None
    entry = _entry(view, call) if call.called_on is not None else None
    if entry is not None and call.member in entry.acquire and not entry.awaited:
        return True
    cls = call.callee
    if cls.facts.kind is FunctionKind.CLASS if cls is not None else call.member[:1].isupper():
        return True
    return innermost(view, index, RegionKind.HANDLER) >= 0


def bracket(view: FunctionView, taking: Taking) -> tuple[int, int] | None:
    """The statements, as nodes, that take a lock and give it back in the same run of statements, with something in
    between; None where they do not bracket a block."""
    if taking.name or taking.branch >= 0 or not _waits_for_ever(taking.call):
        return None
    first = _statement(view, taking.call.index)
    releases = [_statement(view, at) for at in taking.released]
    if first < 0 or len(releases) != 1 or releases[0] <= first + 1:
        return None
    last = releases[0]
    return (first, last) if view.region_of(first) == view.region_of(last) else None


def _waits_for_ever(call: CallSite) -> bool:
    """Whether a lock is acquired as a `with` does it: without an argument, or with one that says that it waits."""
    if not call.node.args:
        return True
    arg = call.node.args[0]
    given = call.fn.nodes[arg.value]
    if len(call.node.args) > 1 or not isinstance(given, Const):
        return False
    return given.value is True or (given.value == 1 and not arg.keyword)


def _statement(view: FunctionView, index: int) -> int:
    """The expression statement that a node is all of; -1 if there is none."""
    while view.nodes[index].parent >= 0:
        index = view.nodes[index].parent
    return index if isinstance(view.nodes[index], Expr) else -1


class Counted(NamedTuple):
    """A lock of the project's own that is taken by counting up: the assignment, the place that is counted, the way on
    which a cancellation leaves it taken, and the function that counts down again. `by_block`: they are what a `with`
    begins and ends with, and may well be for one only."""

    node: int
    key: str
    leak: Leak
    release: FunctionView
    by_block: bool


def counted(view: FunctionView) -> Iterator[Counted]:
    """What a coroutine takes by counting up and hands to its caller, where a wait of its own stands in between: whoever
    calls it gives back only what it has got."""
    if not view.is_coroutine:
        return
    for index, target in _counts(view, "+"):
        key = view.key(target)
        release = next(
            (other for other in _siblings(view) if _counts_down(other, key) and _is_pair(view, other)),
            None,
        )
        if release is None:
            continue
        gives = {at for at, place in _counts(view, "-") if view.key(place) == key}
        gives |= {call.index for call in view.calls if call.callee is release}
        settles = settled_at(gives)
        kept = leak_of(view, index, settles)
        leak = leak_of(view, index, settles, raising=Raising.CANCEL, kinds=CANCELLED)
        if kept is not None and kept.kind in ("return", "end") and leak is not None:
            yield Counted(index, key, leak, release, view.name == "__aenter__")


def _counts(view: FunctionView, op: str) -> Iterator[tuple[int, int]]:
    """The assignments that change an attribute by one, with what they change."""
    for index, node in enumerate(view.nodes):
        if isinstance(node, Assign) and node.op == op and isinstance(view.nodes[node.targets[0]], StoreAttr):
            sum_of = view.nodes[node.value]
            step = view.nodes[sum_of.operands[-1]] if isinstance(sum_of, Operation) else sum_of
            if isinstance(step, Const) and step.value == 1 and view.key(node.targets[0]):
                yield index, node.targets[0]


def _siblings(view: FunctionView) -> list[FunctionView]:
    """The other methods of a method's class; of a function, the others of its file."""
    around = view.parent
    found = around.children if around is not None else []
    return [other for other in found if other is not view and other.facts.kind is FunctionKind.DEF]


def _counts_down(view: FunctionView, key: str) -> bool:
    attr = key.rpartition(".")[2]
    return any(view.key(target).rpartition(".")[2] == attr for _, target in _counts(view, "-"))


def _is_pair(taker: FunctionView, giver: FunctionView) -> bool:
    """Whether one function gives back what another one takes, by the way they are called: behind the one stands a `try`
    with the other in its `finally`, or they are what a block begins and ends with."""
    for user in taker.module.functions:
        taken = [call.index for call in user.calls if call.member == taker.name and call.callee is taker]
        if not taken:
            continue
        for call in user.calls:
            if call.member == giver.name and call.callee is giver:
                final = innermost(user, call.index, RegionKind.FINALLY)
                statement = user.regions[final].parent if final >= 0 else -1
                if final >= 0 and not any(user.is_inside(user.region_of(at), statement) for at in taken):
                    return True
        leaving = user.owner.inherited("__aexit__") if user.owner is not None and user.name == "__aenter__" else None
        if leaving is not None and any(call.callee is giver for call in leaving.calls):
            return True
    return (taker.name, giver.name) == ("__aenter__", "__aexit__")


class WaitUnderLock(NamedTuple):
    """A wait that is made while a thread's lock is held. `lock` is where a context manager of the project takes it,
    None where the `with` itself does; `reentrant`: its thread gets it again, and so does every other task of it."""

    wait: int
    lock: tuple[FunctionView, int] | None
    reentrant: bool


def wait_under_lock(view: FunctionView, index: int) -> WaitUnderLock | None:
    """The first cancellation point that is reached with the thread's lock held that a plain `with` item takes; None
    where the item is no such lock, or is given back before."""
    enter = view.nodes[index]
    assert isinstance(enter, Enter)
    entry = _thread_lock(view, enter.context)
    lock = None if entry is not None else _taken_by_manager(view, enter.context)
    if entry is None and lock is None:
        return None
    key = view.key(enter.context)
    release = entry.release if entry is not None else ()
    inside = frozenset(view.nodes_in(enter.region))

    def waits(at: int) -> bool:
        return at in inside and is_cancellation_point(view, at)

    def gives_back(at: int) -> bool:
        call = view.call_at(at)
        if call is None or call.receiver < 0:
            return False
        return bool(key) and call.member in release and view.key(call.receiver) == key

    wait = reaches(view, start_at(view, view.regions[enter.region].entry), waits, gives_back)
    if wait < 0:
        return None
    held = entry if lock is None else _thread_lock(*lock)
    return WaitUnderLock(wait, lock, held is not None and held.reentrant)


def is_under_lock(view: FunctionView, index: int) -> bool:
    """Whether a plain `with` around a node holds a thread's lock: an await there would hold it for as long."""
    enters = (view.nodes[view.regions[at].node] for at in view.regions_around(index) if view.regions[at].node >= 0)
    return any(
        isinstance(enter, Enter)
        and (_thread_lock(view, enter.context) is not None or _taken_by_manager(view, enter.context) is not None)
        for enter in enters
    )


def _thread_lock(view: FunctionView, index: int) -> schema.Lock | None:
    instance = view.instance(index)
    entry = view.module.project.catalog.lock(instance.catalog_type()) if instance is not None else None
    if instance is None or entry is None or not entry.thread or _never_waits(instance):
        return None
    return entry


def _never_waits(instance: Instance) -> bool:
    """Whether a lock is made to fail at once where it is not free (`FileLock(path, timeout=0)`)."""
    client = instance.origins[0].fn.module.project.catalog.client(instance.catalog_type()) if instance.origins else None
    if client is None:
        return False
    given = [origin.argument(client.timeout, client.timeout_position) for origin in instance.origins]
    values = [
        evaluate(origin.fn, argument) if argument is not None and argument >= 0 else None
        for origin, argument in zip(instance.origins, given, strict=True)
    ]
    return all(value is not None and value.kind is ValueKind.NUMBER and value.number == 0 for value in values)


def _taken_by_manager(view: FunctionView, index: int) -> tuple[FunctionView, int] | None:
    """Where a `@contextmanager` of the project takes a thread's lock that it holds while it yields."""
    call = view.call_at(index)
    callee = call.callee if call is not None else None
    if callee is None or callee.is_async or not callee.has_role("contextmanager"):
        return None
    for at, node in enumerate(callee.nodes):
        if isinstance(node, Yield):
            for region in callee.regions_around(at):
                facts = callee.regions[region]
                enter = callee.nodes[facts.node] if facts.kind is RegionKind.WITH else None
                if isinstance(enter, Enter) and _thread_lock(callee, enter.context) is not None:
                    return callee, enter.context
    return None
