"""Locks that a function takes by hand: where, under which condition it holds them, and where it gives them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.checkpoints import may_wait
from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.link.paths.flow import branch_of, innermost, meets, reaches, start_at
from cancelcheck.link.paths.leaks import CANCELLED, ENDS, Leak, Raising, leak_of, settled_at
from cancelcheck.link.paths.ownership import held_in
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Const,
    Enter,
    Expr,
    FunctionKind,
    Iterate,
    Name,
    Operation,
    RegionKind,
    Test,
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
    for key, calls in view.calls_on.items():
        for call in calls:
            entry = _entry(view, call) if "acquire" in call.member else None
            if entry is None or call.member not in entry.acquire or _is_class(view, call.receiver):
                continue
            released = tuple(at for name in entry.release for at in view.places_read.get(f"{key}.{name}", ()))
            held = _held(view, call, entry) if released and not _is_shared_with_nested(view, key) else None
            if held is not None:
                handed = _handed_on(view, key) + _loops_over_the_same(view, call, released)
                yield Taking(call, key, *held, released + handed)


def _is_class(view: FunctionView, index: int) -> bool:
    """Whether a method is called on its class (`Lock.acquire(lock)`): what that stands for is its argument."""
    cls = view.definition_of(index)
    return cls is not None and cls.facts.kind is FunctionKind.CLASS


_PLAIN = schema.Lock(type=(), awaited=True)
"""What a lock is taken to be when only its use is seen: in a coroutine one that is awaited."""


def _entry(view: FunctionView, call: CallSite) -> schema.Lock | None:
    instance = view.instance(call.receiver)
    if instance is None:
        # where a class of the same file takes something of its own, it may be one of those
        return None if (call.member, call.is_awaited) in view.module.own_methods else _PLAIN
    return view.module.project.catalog.lock(instance.catalog_type())


def is_always_free(view: FunctionView, index: int) -> bool:
    """Whether whoever asks for a lock of asyncio gets it at once: it is a local, or a private attribute, and its file
    waits for nothing while it holds it. (Other frameworks give way at every lock.)"""
    instance = view.instance(index)
    catalog = view.module.project.catalog
    entry = catalog.lock(instance.catalog_type()) if instance is not None else None
    frameworks = [catalog.framework(library) for library in view.module.facts.libraries]
    if entry is None or any(found is not None and found.until_left for found in frameworks):
        return False
    node = view.nodes[index]
    uses: list[tuple[FunctionView, int]] = []
    if isinstance(node, Attr) and node.attr.startswith("_"):
        uses = view.module.mentions(node.attr, of_method=True)
    elif isinstance(node, Name):
        scope, bound = view.bindings(node.id)
        if scope is not None and scope.facts.kind is FunctionKind.DEF and all(at >= 0 for _, at in bound):
            uses = scope.reads(node.id)
    return bool(uses) and all(_is_held_shortly(user, at, entry) for user, at in uses)


def _is_held_shortly(view: FunctionView, index: int, entry: schema.Lock) -> bool:
    """Whether a use of a lock does not take it, or is a `with` whose block waits for nothing but the lock's own
    condition, which gives it back meanwhile."""
    node = view.user_of(index)
    if isinstance(node, Attr):
        return node.attr not in entry.acquire
    if not isinstance(node, Enter):
        return False
    waits = (found for found in view.nodes_in(node.region) if may_wait(view, found))
    return all(_gives_back_meanwhile(view, found, view.key(index), entry) for found in waits)


def _gives_back_meanwhile(view: FunctionView, index: int, key: str, entry: schema.Lock) -> bool:
    """Whether an `await` waits by a method of the lock in a place that gives it back until then."""
    node = view.nodes[index]
    return isinstance(node, Await) and any(
        call.index == node.value and call.member in entry.meanwhile for call in view.calls_on.get(key, ())
    )


def _held(view: FunctionView, call: CallSite, entry: schema.Lock) -> tuple[int, str, int] | None:
    """From where on the lock is held: the node, the name that says so, and the block that is entered where it was got.
    None where the result goes elsewhere."""
    taken = _taken(call)
    if view.is_async and entry.awaited and not call.is_awaited and "nowait" not in call.member:
        return None  # a coroutine that somebody else runs
    use = view.use(taken)
    if use.kind == "dropped":
        return taken, "", -1
    if use.kind == "bound":
        held = held_in(view, call.index)
        return (held[0], held[1], -1) if held is not None else None
    asked = view.user_of(taken)
    denied = isinstance(asked, Operation) and asked.op == "not"
    test, _ = branch_of(view, view.block_of(taken))
    node = view.node_at(test)
    if not isinstance(node, Test) or node.value != (view.nodes[taken].parent if denied else taken):
        return None
    return test, "", view.blocks[view.block_of(test)].next[denied]


def _taken(call: CallSite) -> int:
    """The node that has the result of a call: its `await`, or itself."""
    return call.node.parent if call.is_awaited else call.index


def _handed_on(view: FunctionView, key: str) -> tuple[int, ...]:
    """Where the lock itself is given to something that may give it back (`MaybeUnlock(lock)`), or a method of the same
    instance is called, or started, that gives it back."""
    given = [use.node for at in view.places_read.get(key, ()) if (use := view.use(at)).kind in _HANDING]
    releasing = [method for method in _releasing_methods(view, key) if not _takes(method, key)]
    return (*given, *(call.index for method in releasing for call in view.calls if call.callee is method))


_HANDING = frozenset({"argument", "element", "stored", "returned", "yielded"})
"""Uses of a lock by which somebody else may come to give it back."""


def is_held_around(view: FunctionView, call: CallSite, key: str) -> bool:
    """Whether a `with` around a call holds the same lock: what is taken again inside is what was given back inside."""
    around = (view.node_at(view.regions[region].node) for region in view.regions_around(call.index))
    return any(isinstance(enter, Enter) and view.key(enter.context) == key for enter in around)


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
    dropped = [call.index for call in calls if view.use(_taken(call)).kind == "dropped"]
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
    """The collections that the loops around a node go through, in any order, or the numbers that they count to, as
    places, and the loops' headers."""
    for loop in view.loops_around(index):
        header = view.nodes[view.regions[loop].node]
        if not isinstance(header, Iterate):
            continue
        call = view.call_at(header.iterable)
        over = call.positional if call is not None and call.target in _EACH else [header.iterable]
        key = view.key(over[0])
        if len(over) == 1 and key:
            yield key, view.regions[loop].node


_EACH = frozenset(f"builtins.{name}" for name in ("enumerate", "list", "range", "reversed", "set", "sorted", "tuple"))
"""What goes through all of the one thing that it is given, or counts to it."""


def _is_shared_with_nested(view: FunctionView, key: str) -> bool:
    """Whether a lock in a local is mentioned in a nested function, which may be what gives it back."""
    return any(reader is not view for reader, _ in view.reads(key))


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
    found = view.variable_at(call.receiver)
    made = found[0].call_at(found[1]) if found is not None else None
    if made is None or made.member != "lock":
        return False
    given = made.argument(_LEASES)
    value = made.fn.node_at(given)
    return given is not None and not (isinstance(value, Const) and value.kind == "none")


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
    home = view.bindings(key.partition(".")[0]).scope
    return home is not None and bool(_releasing_methods(home, key))


def _releasing_methods(view: FunctionView, key: str) -> list[FunctionView]:
    """The other methods of a method's class that give back the lock which is at a place of the instance, or of what a
    parameter of both stands for."""
    holder, _, place = key.partition(".")
    if view.owner is None or not place or view.param(holder) is None:
        return []
    own = holder == view.self_name
    return [
        method
        for method in view.owner.children
        if method is not view
        and any(
            "release" in node.attr and _is_place_of(method, inner.key(node.value), place, own)
            for inner in (method, *method.children)
            for _, node in inner.all_of(Attr)
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
    """Whether an error out of a call is not what a lock is given back for: it makes an instance, which fails on its
    author's mistake only, or stands in a handler, which is there because something has failed."""
    call = view.call_at(index)
    assert call is not None
    cls = call.callee
    if cls.facts.kind is FunctionKind.CLASS if cls is not None else call.member[:1].isupper():
        return True
    return innermost(view, index, RegionKind.HANDLER) >= 0


def bracket(view: FunctionView, taking: Taking) -> tuple[int, int] | None:
    """The statements, as nodes, that take a lock and give it back in the same run of statements; None where they do not
    bracket a block."""
    first = _statement(view, taking.call.node.func)
    again = (call.index for call in view.calls_on[taking.key] if "acquire" in call.member and call.index > first)
    until = next(again, len(view.nodes))
    ends = [_statement(view, at) for at in taking.released if first < at < until]
    if len(ends) != 1 or min(first, ends[0]) < 0 or not _waits_for_ever(taking.call):
        return None
    return (first, ends[0]) if view.region_of(first) == view.region_of(ends[0]) else None


def _waits_for_ever(call: CallSite) -> bool:
    """Whether a lock is acquired as a `with` does it: without an argument, or with one that says that it waits."""
    if not call.node.args:
        return True
    arg = call.node.args[0]
    given = call.fn.nodes[arg.value]
    if len(call.node.args) > 1 or not isinstance(given, Const):
        return False
    return given.value is True or (given.value == 1 and not arg.keyword)


def _statement(view: FunctionView, called: int) -> int:
    """The expression statement that a call of a node, awaited or not, is all of; -1 if there is none."""
    call = view.call_at(view.nodes[called].parent)
    parent = view.nodes[_taken(call)].parent if call is not None and call.node.func == called else -1
    return parent if isinstance(view.node_at(parent), Expr) else -1


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
    for index, key in _counts(view, "+"):
        beside = (other for other in view.module.functions if other.parent is view.parent)
        release = next((other for other in beside if _counts_down(other, key) and _is_pair(view, other)), None)
        if release is None:
            continue
        settles = settled_at(
            {at for at, place in _counts(view, "-") if place == key}
            | {call.index for call in view.calls if call.callee is release}
        )
        leak = leak_of(view, index, settles, raising=Raising.CANCEL, kinds=CANCELLED)
        if leak is not None and leak_of(view, index, settles, kinds=ENDS) is not None:
            yield Counted(index, key, leak, release, view.name == "__aenter__")


def _counts(view: FunctionView, op: str) -> Iterator[tuple[int, str]]:
    """The assignments that change an attribute by one, with its place."""
    for index, node in view.all_of(Assign):
        if node.op == op:
            result, key = view.nodes[node.value], view.key(node.targets[0])
            assert isinstance(result, Operation)
            match view.nodes[result.operands[1]]:
                case Const(value=1) if "." in key:
                    yield index, key


def _counts_down(view: FunctionView, key: str) -> bool:
    attr = key.rpartition(".")[2]
    return any(place.rpartition(".")[2] == attr for _, place in _counts(view, "-"))


def _is_pair(taker: FunctionView, giver: FunctionView) -> bool:
    """Whether one function gives back what another one takes, by the way they are called: behind the one stands a `try`
    with the other in its `finally`, or they are what a block begins and ends with."""
    for user in taker.module.functions:
        taken = [user.region_of(call.index) for call in user.calls if call.callee is taker]
        if not taken:
            continue
        for call in user.calls:
            final = innermost(user, call.index, RegionKind.FINALLY) if call.callee is giver else -1
            if final >= 0 and not any(user.is_inside(region, user.regions[final].parent) for region in taken):
                return True
        owner = user.owner if user.name == "__aenter__" else None
        leaving = owner.inherited("__aexit__") if owner is not None else None
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
    taken = _thread_lock_of(view, enter.context)
    if taken is None:
        return None
    taker, lock, entry = taken
    inside = frozenset(view.nodes_in(enter.region))
    calls = view.calls_on.get(view.key(enter.context), ())
    given_back = {call.index for call in calls if call.member in entry.release}
    wait = reaches(
        view,
        start_at(view, view.regions[enter.region].entry),
        lambda at: at in inside and is_cancellation_point(view, at),
        given_back.__contains__,
    )
    return WaitUnderLock(wait, (taker, lock) if taker is not view else None, entry.reentrant) if wait >= 0 else None


def is_under_lock(view: FunctionView, index: int) -> bool:
    """Whether a `with` around a node holds a thread's lock: an await there would hold it for as long."""
    around = (view.node_at(view.regions[region].node) for region in view.regions_around(index))
    return any(isinstance(enter, Enter) and _thread_lock_of(view, enter.context) is not None for enter in around)


def _thread_lock_of(view: FunctionView, index: int) -> tuple[FunctionView, int, schema.Lock] | None:
    """The thread's lock that a `with` item is: where it is taken, there or in a context manager of the project that
    holds it while it yields, and what the catalogue says of it."""
    entry = _thread_lock(view, index)
    if entry is not None:
        return view, index, entry
    call = view.call_at(index)
    manager = call.callee if call is not None else None
    if manager is None:
        return None
    for at, _ in manager.all_of(Yield):
        for region in manager.regions_around(at):
            enter = manager.node_at(manager.regions[region].node)
            if isinstance(enter, Enter) and (entry := _thread_lock(manager, enter.context)) is not None:
                return manager, enter.context, entry
    return None


def _thread_lock(view: FunctionView, index: int) -> schema.Lock | None:
    instance = view.instance(index)
    if instance is None:
        return None
    entry = view.module.project.catalog.lock(instance.catalog_type())
    return entry if entry is not None and entry.thread and not _never_waits(instance) else None


def _never_waits(instance: Instance) -> bool:
    """Whether a lock is made to fail at once where it is not free (`FileLock(path, timeout=0)`)."""
    client = instance.origins[0].fn.module.project.catalog.client(instance.catalog_type()) if instance.origins else None
    if client is None:
        return False
    for origin in instance.origins:
        given = origin.seen_argument(client.timeout, client.timeout_position)
        value = evaluate(origin.fn, given) if given is not None else None
        if value is None or value.kind is not ValueKind.NUMBER or value.number != 0:
            return False
    return True
