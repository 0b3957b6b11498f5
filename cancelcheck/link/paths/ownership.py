"""What becomes of something that a function has made: a task, a resource. Each place that reads it either looks at it,
waits for it, stops it or gives it back, or hands it to another owner."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.link.paths.leaks import ENDS, FAILURES, Leak, Settles, Settling
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Call,
    Define,
    Display,
    Lambda,
    Operation,
    Raise,
    RegionKind,
    Store,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.model.finding import Said


class Fate(enum.Enum):
    """What one read of a value does to it."""

    LOOKED_AT = "looked at"
    """Tested, compared, logged, or asked for a member: whoever made it owns it still."""
    WAITED_FOR = "waited for"
    """Waited for to its end by something that does not cancel it (`asyncio.wait`, a `shield`)."""
    AWAITED = "awaited"
    """Awaited: a cancellation of the wait cancels it."""
    STOPPED = "stopped"
    """Cancelled, closed, given back."""
    ENTERED = "entered"
    """A `with` has it."""
    HANDED_OVER = "handed over"
    """Returned, yielded, stored, passed on, captured: somebody else may own it now."""


class Read(NamedTuple):
    """A read of a value: its fate, and the node at which that happens (the `await`, the call, the statement)."""

    fate: Fate
    node: int


class Stops(NamedTuple):
    """What stops a thing or gives it back: its own methods, and calls that take it."""

    methods: frozenset[str]
    calls: frozenset[str] = frozenset()
    entered: bool = True
    """Whether a `with` on it does."""
    by_waiting: frozenset[str] = frozenset()
    """Those of `methods` that do so only once they return."""
    tells_end: frozenset[str] = frozenset()
    """Methods that come back only where it has come to its end by itself."""
    asks_end: frozenset[str] = frozenset()
    """Methods that say whether it has."""
    handles: frozenset[str] = frozenset()
    """Attributes by which whoever has them can stop it too."""


TASK = Stops(frozenset({"cancel"}))
"""What stops a task or a future."""

TASK_OR_ENDED = TASK._replace(tells_end=frozenset({"result", "exception"}), asks_end=frozenset({"done", "cancelled"}))
"""The same, and what tells that it needs no stopping any more."""


def read_of(view: FunctionView, index: int, stops: Stops) -> Read:
    """What the read of a name (or another place) at a node does to the thing that it holds."""
    use = view.use(index)
    node = use.node
    match use.kind:
        case "awaited":
            return Read(Fate.AWAITED, node)
        case "dropped":
            return Read(Fate.LOOKED_AT, node)
        case "entered":
            return Read(Fate.ENTERED if stops.entered else Fate.LOOKED_AT, node)
        case "receiver":
            return _member(view, node, stops)
        case "argument":
            return _argument(view, index, node, stops)
        case "element":
            return _element(view, node, stops)
        case "other":
            return _other(view, node)
    return Read(Fate.HANDED_OVER, node)


def _member(view: FunctionView, attr: int, stops: Stops) -> Read:
    """`x.close`: called, it may stop it; kept (`defer(x.close)`), it is handed over."""
    node = view.nodes[attr]
    assert isinstance(node, Attr)
    parent = view.user_of(attr)
    if node.attr in stops.handles:
        gone = _handle(view, node.parent if isinstance(parent, Call) and parent.func == attr else attr, stops)
        return gone._replace(node=attr) if gone.fate is Fate.HANDED_OVER else gone
    if not isinstance(parent, Call) or parent.func != attr:
        # the bound method goes where the thing is to be stopped from: a callback, an exit stack
        return Read(Fate.HANDED_OVER if node.attr in stops.methods else Fate.LOOKED_AT, attr)
    at = node.parent
    if node.attr in stops.tells_end:
        # with a time of its own it may come back before
        return Read(Fate.WAITED_FOR if parent.args else Fate.AWAITED, at)
    if node.attr not in stops.methods:
        return Read(Fate.LOOKED_AT, at)
    fate = Fate.WAITED_FOR if node.attr in stops.by_waiting else Fate.STOPPED
    return Read(fate, parent.parent if isinstance(view.user_of(at), Await) else at)


def _handle(view: FunctionView, handle: int, stops: Stops) -> Read:
    """`process.pid`: whoever is given it can stop the thing too. In a local it is followed."""
    use = view.use(handle)
    reads = own_reads(view, use.name) if use.kind == "bound" else None
    if reads is None:
        return read_of(view, handle, stops)
    handed = (read for at in reads if (read := read_of(view, at, stops)).fate is Fate.HANDED_OVER)
    return next(handed, Read(Fate.LOOKED_AT, handle))


def _argument(view: FunctionView, index: int, node: int, stops: Stops) -> Read:
    call = view.call_at(node)
    assert call is not None
    catalog = view.module.project.catalog
    target = call.target
    if target in stops.calls:
        return Read(Fate.STOPPED, node)
    waiter = catalog.waiter(target)
    if waiter is not None:
        return _waited(view, call, waiter)
    scope = catalog.scope(target)
    if scope is not None:
        return _then(view, node, Fate.WAITED_FOR if scope.kind is schema.ScopeKind.SHIELD else Fate.AWAITED)
    if target in _LOOKING or catalog.is_harmless(target):
        return read_of(view, node, stops) if target in _COPYING else Read(Fate.LOOKED_AT, node)
    if not target and call.receiver >= 0 and call.member in _SAYING:
        return Read(Fate.LOOKED_AT, node)
    return Read(Fate.HANDED_OVER, node)


_COPYING = frozenset({"builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.reversed"})
"""Calls that give a collection with the same things in it."""

_LOOKING = frozenset({"builtins.getattr", "builtins.format", "builtins.iter", "builtins.next", "builtins.hash"})
"""Calls that only look at what they are given."""

_SAYING = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log"})
"""Methods that say what they are given, and keep nothing."""


def _waited(view: FunctionView, call: CallSite, waiter: schema.Waiter) -> Read:
    """What a call that waits for several does to one of them."""
    if comes_back_early(call, waiter):
        return Read(Fate.LOOKED_AT, call.index)
    return _then(view, call.index, Fate.AWAITED if waiter.cancels else Fate.WAITED_FOR)


def comes_back_early(call: CallSite, waiter: schema.Waiter) -> bool:
    """Whether a waiter may come back with some of what it waits for not done."""
    if is_given_a_time(call, waiter):
        return True
    given = call.argument(waiter.early) if waiter.early else None
    if given is None or given < 0:
        return given is not None
    named = call.fn.path_of(given) or call.fn.text(given).strip("\"'")
    return any(named.endswith(value) for value in waiter.early_values)


def is_given_a_time(call: CallSite, waiter: schema.Waiter) -> bool:
    """Whether a waiter may come back because its time is up."""
    if not waiter.timeout:
        return False
    given = call.argument(waiter.timeout, waiter.timeout_position)
    return given is not None and getattr(call.fn.node_at(given), "kind", "") != "none"


def _then(view: FunctionView, call: int, fate: Fate) -> Read:
    """The fate of what is given to a wrapper: that of the wrapped where it is awaited, else whoever has the wrapper."""
    use = view.use(call)
    if use.kind == "awaited":
        return Read(fate, use.node)
    outer = view.call_at(use.node)
    if outer is not None and view.module.project.catalog.scope(outer.target) is not None:
        return _then(view, use.node, fate)
    return Read(fate if use.kind == "iterated" else Fate.HANDED_OVER, use.node)


def _element(view: FunctionView, holder: int, stops: Stops) -> Read:
    """What becomes of the display or comprehension that it is an element of."""
    use = view.use(holder)
    if use.kind in ("argument", "awaited", "element"):
        return read_of(view, holder, stops)
    user = view.node_at(use.node)
    if isinstance(user, Operation) and not _is_gone_on_with(view, use.node, user):
        return Read(Fate.LOOKED_AT, use.node)
    return Read(Fate.HANDED_OVER, holder)


_JOINING = frozenset({"|", "+", "-", "&"})
"""Operators that make a collection of two."""


def _is_gone_on_with(view: FunctionView, index: int, node: Operation) -> bool:
    """Whether an operator makes another collection, and something is done with that."""
    return node.op in _JOINING and view.use(index).kind in ("iterated", "bound", "argument", "element", "stored")


def _other(view: FunctionView, node: int) -> Read:
    """What becomes of it in any other use: tested, compared or called itself, or given an attribute, it is looked at;
    unpacked or bound in another way, or a default of a function inside, somebody else may have it."""
    binds = isinstance(view.node_at(node), (Assign, Define, Lambda))
    return Read(Fate.HANDED_OVER if binds else Fate.LOOKED_AT, node)


def settled_by(view: FunctionView, reads: Iterable[int], stops: Stops) -> Settling:
    """For a path query: the reads that settle what becomes of a thing. Handing over and stopping do so before anything
    can be raised; waiting without owning only once the wait is over."""
    when: dict[int, Settles] = {}
    for at in _followed(view, reads, MAX_COLLECTIONS):
        read = read_of(view, at, stops)
        if read.fate is Fate.WAITED_FOR:
            when.setdefault(read.node, Settles.AFTER)
        elif read.fate is not Fate.LOOKED_AT:
            when[read.node] = Settles.AT_ONCE
            when.update(dict.fromkeys(_comprehensions_around(view, at), Settles.AT_ONCE))
    return lambda index: when.get(index, Settles.NO)


MAX_COLLECTIONS = 3
"""Collections inside each other that a thing is followed into."""


def _followed(view: FunctionView, reads: Iterable[int], depth: int) -> Iterator[int]:
    """The reads of a thing; for one that puts it into a display that a local holds, those of the local."""
    for at in reads:
        use = view.use(at)
        holder = view.node_at(use.node)
        inner: list[int] | None = None
        if isinstance(holder, Display) and holder.kind != "dict" and depth > 0:
            held = held_in(view, use.node)
            if held is not None and view.bindings(held[1]).nodes == ((view, held[0]),):
                inner = own_reads(view, held[1])
        if inner:
            yield from _followed(view, inner, depth - 1)
        else:
            yield at
            yield from _in_sets(view, at)


def _in_sets(view: FunctionView, at: int) -> Iterator[int]:
    """The reads of the two sets that a wait makes of what it is given, where a read gives it to one."""
    use = view.use(at)
    if use.kind == "element":
        use = view.use(use.node)
    call = view.call_at(use.node)
    for name in _sets_of(call) if call is not None else ():
        yield from own_reads(view, name) or ()


def _sets_of(call: CallSite) -> list[str]:
    """The locals that hold the two sets that a wait makes of what it is given, "" for one that is kept elsewhere; none
    for any other call."""
    view = call.fn
    waiter = view.module.project.catalog.waiter(call.target)
    use = call.use
    assign = view.node_at(view.use(use.node).node if use.kind == "awaited" else use.node)
    if waiter is None or not waiter.pair or not isinstance(assign, Assign):
        return []
    items = (item for target in assign.targets for item in getattr(view.nodes[target], "items", ()))
    return [getattr(view.nodes[item], "id", "") for item in items]


def over_by(view: FunctionView, name: str, stops: Stops) -> Callable[[int], bool | None]:
    """For a path query: with which outcome a condition says that what a local holds has come to its end: it is asked
    itself, or looked for among what a wait has found done, or pending. Of two that are waited for until one is done,
    the other one's not being so says the same."""
    others = _raced(view, name)

    def over(leaf: int) -> bool | None:
        node = view.nodes[leaf]
        call = view.call_at(leaf)
        if call is not None and call.receiver >= 0 and call.member in stops.asks_end:
            asked, outcome = view.key(call.receiver), True
        elif isinstance(node, Operation):
            found = found_by_wait(view, node.operands[-1])
            if found < 0:
                return None
            asked, outcome = view.key(node.operands[0]), (found == 0) is (node.op == "in")
        else:
            return None
        if asked == name:
            return outcome
        return not outcome if others.get(asked, leaf) < leaf else None

    return over


def _raced(view: FunctionView, name: str) -> dict[str, int]:
    """What is waited for together with a local, until one of the two is done: its key, and the wait."""
    found: dict[str, int] = {}
    for call in view.calls:
        other = _other_of_two(call, name)
        if other:
            found.setdefault(other, call.index)
    return found


def _other_of_two(call: CallSite, name: str) -> str:
    """The key of what a call waits for together with a local, until one of the two is done, however long that takes; ""
    where it does not."""
    view = call.fn
    waiter = view.module.project.catalog.waiter(call.target)
    if waiter is None or not comes_back_early(call, waiter) or is_given_a_time(call, waiter):
        return ""
    for given in call.positional[:1]:
        held = view.local_value(given)
        keys = [view.key(item) for item in getattr(view.nodes[given if held is None else held], "items", ())]
        if len(keys) == 2 and name in keys:
            return keys[1 - keys.index(name)]
    return ""


def found_by_wait(view: FunctionView, index: int) -> int:
    """Which of the two sets of a wait a local holds: 0 what is done, 1 what is pending; -1 where it is neither, or
    bound elsewhere too."""
    name = view.key(index)
    if len(view.facts.bound.get(name, ())) == 1:
        for call in view.calls:
            names = _sets_of(call)
            if name in names:
                return names.index(name)
    return -1


def is_outlived(view: FunctionView, leak: Leak, name: str) -> bool:
    """Whether a cancellation of a wait from which what a local holds is shielded leads to a leak, and the function goes
    on: that is to go on too."""
    node = view.node_at(leak.origin)
    call = view.call_at(node.value) if isinstance(node, Await) else None
    scope = view.module.project.catalog.scope(call.target) if call is not None else None
    if call is None or scope is None or scope.kind is not schema.ScopeKind.SHIELD:
        return False
    return leak.kind in ENDS and [view.key(at) for at in call.positional[:1]] == [name]


def held_in(view: FunctionView, value: int) -> tuple[int, str] | None:
    """The node that binds the local which a value, awaited or not, is kept in, and the local's name; None where it is
    kept in another way, or where the name is not this function's own."""
    use = view.use(value)
    if use.kind == "awaited":
        value, use = use.node, view.use(use.node)
    assign = view.nodes[use.node] if use.kind == "bound" else None
    if not isinstance(assign, Assign) or assign.value != value:
        return None
    if use.name in (*view.facts.global_names, *view.facts.nonlocal_names):
        return None
    return assign.targets[0], use.name


def own_reads(view: FunctionView, name: str) -> list[int] | None:
    """Where a local is read; None where a nested function reads it too, or `locals()` may: it may be used anywhere."""
    reads = view.reads(name)
    if view.uses_locals or any(reader is not view for reader, _ in reads):
        return None
    return [at for _, at in reads]


def with_comprehensions(view: FunctionView, reads: list[int]) -> list[int]:
    """Reads of a local, and where the comprehensions begin that some of them stand in."""
    return [*reads, *(around for at in reads for around in _comprehensions_around(view, at))]


def _comprehensions_around(view: FunctionView, index: int) -> list[int]:
    """Where the comprehensions around a node begin: one over nothing reads nothing, but nobody who writes it thinks of
    that."""
    around = (view.regions[region] for region in view.regions_around(index))
    return [region.node for region in around if region.kind is RegionKind.COMPREHENSION]


def when_it_leaves(view: FunctionView, leak: Leak) -> Said:
    """When a leak happens, for a message: "when line 15 returns"."""
    if leak.node < 0:
        return f"when `{view.name}` {'fails' if leak.kind in FAILURES else 'ends'}"
    line = view.line(leak.node)
    bound = view.nodes[leak.node]
    return {
        "return": f"when line {line} returns",
        "raise": f"when line {line} raises",
        "error": f"if line {line} raises",
        "cancel": f"if line {line} is cancelled",
        "closed": f"if the generator is closed at line {line}",
        "overwritten": f"when line {line} binds `{bound.id if isinstance(bound, Store) else ''}` anew",
    }[leak.kind]


def steps_to_exit(view: FunctionView, leak: Leak) -> list[tuple[int, str]]:
    """The steps of a leak's path behind where the thing was made: what raises on the way, and where it leaves."""
    found = []
    if leak.origin >= 0 and leak.origin != leak.node:
        point = is_cancellation_point(view, leak.origin)
        raised = isinstance(view.nodes[leak.origin], Raise)
        found.append((leak.origin, "this raises" if raised else f"this can {'be cancelled' if point else 'raise'}"))
    if leak.node >= 0:
        found.append((leak.node, _LEAVES[leak.kind]))
    return found


_LEAVES = {
    "return": "the function returns",
    "raise": "the function raises",
    "error": "an exception leaves the function",
    "cancel": "a cancellation leaves the function",
    "closed": "the generator is closed here",
    "overwritten": "the local is bound anew",
}
