"""What a function takes that has to be given back: where it is held, and whether some path forgets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.paths.leaks import CANCELLED, Leak, Raising, Settles, Settling, leak_of
from cancelcheck.link.paths.ownership import Fate, Stops, held_in, own_reads, read_of, settled_by
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Call,
    Const,
    Delete,
    Enter,
    Exit,
    FunctionKind,
    Name,
    RegionKind,
    Store,
    Test,
    Unpack,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Held(NamedTuple):
    """A resource in a local: the call that took it, its entry, the node that binds the local, and the local's name.
    `beside` are the locals that the same assignment binds: they are there where it is. `entered`: a `with` takes it,
    which ends something else."""

    call: CallSite
    entry: schema.Resource
    store: int
    name: str
    beside: frozenset[str]
    entered: bool = False


class Forgotten(NamedTuple):
    """A resource that a path leaves open. `released`: another path gives it back, hands it over, or asks it about
    itself (a process by `poll`). `strict`: only an error out of a call that waits for nothing leads there, or Python
    gives it back by itself."""

    held: Held
    leak: Leak
    released: bool
    strict: bool


def resource_of(call: CallSite) -> schema.Resource | None:
    """The catalogue's resource that a call takes; None where it takes none, or only with an argument that is not
    there."""
    entry = call.fn.module.project.catalog.resource(call.target)
    if entry is None or entry.context_only or (entry.awaited and not call.is_awaited):
        return None
    if entry.only_if:
        value = call.fn.node_at(call.argument(entry.only_if))
        if not (isinstance(value, Const) and value.value is True):
            return None
    return None if any(_is_lent(call, keyword) for keyword in entry.lent) else entry


def _is_lent(call: CallSite, keyword: str) -> bool:
    """Whether a call is given something by this keyword that is not made for it."""
    return isinstance(call.fn.node_at(call.argument(keyword)), (Name, Attr))


def held_resources(view: FunctionView) -> Iterator[Held]:
    """The resources that a function takes and keeps in a local of its own."""
    if view.facts.kind is not FunctionKind.DEF or view.has_role("fixture"):
        return
    for call in view.told_calls:
        entry = resource_of(call)
        if entry is None:
            continue
        entered = None if entry.entered else _entered(view, call)
        held = entered or (_item(view, call, entry.item) if entry.item >= 0 else held_in(view, call.index))
        if held is not None:
            yield Held(call, entry, *held, _beside(view, held[0]), entered is not None)


def _entered(view: FunctionView, call: CallSite) -> tuple[int, str] | None:
    """The local that a `with` binds to what a call makes."""
    enter = view.node_at(call.use.node)
    if not isinstance(enter, Enter):
        return None
    place = view.node_at(enter.target)
    if not isinstance(place, Store) or place.id in (*view.facts.global_names, *view.facts.nonlocal_names):
        return None
    return enter.target, place.id


def _item(view: FunctionView, call: CallSite, item: int) -> tuple[int, str] | None:
    """The local that one item of a tuple is unpacked to."""
    assign = view.user_of(call.node.parent if call.is_awaited else call.index)
    if not isinstance(assign, Assign) or len(assign.targets) != 1:
        return None
    target = view.nodes[assign.targets[0]]
    if not isinstance(target, Unpack):
        return None
    place = next((view.nodes[at] for at in target.items[item:]), None)
    if not isinstance(place, Store) or place.id in (*view.facts.global_names, *view.facts.nonlocal_names):
        return None
    # the path begins where all of the tuple is bound
    return max(target.items), place.id


def _beside(view: FunctionView, store: int) -> frozenset[str]:
    """The names that the tuple binds which a store is an item of."""
    unpack = view.user_of(store)
    if not isinstance(unpack, Unpack):
        return frozenset()
    return frozenset(item.id for item in (view.nodes[at] for at in unpack.items) if isinstance(item, Store))


def stops_of(entry: schema.Resource, *, sharp: bool = False) -> Stops:
    """What gives a resource back; `sharp`: a wait does so only once it returns."""
    waiting = frozenset(entry.by_waiting if sharp else ())
    stops = Stops(frozenset(entry.release), frozenset(entry.given_back), entry.entered, waiting)
    return stops._replace(handles=frozenset(entry.handles))


def forgotten(view: FunctionView) -> Iterator[Forgotten]:
    """The resources in a function's locals that a path to an exit does not give back, nor hand to another owner."""
    known: dict[tuple[str, int], tuple[bool, bool, Settling, Settling]] = {}
    for held in held_resources(view):
        reads = own_reads(view, held.name)
        if reads is None:
            continue
        kept = known.get((held.name, id(held.entry)))
        if kept is None:
            kept = known[held.name, id(held.entry)] = _settlings(view, held.name, reads, held.entry)
        released, handed, quiet, sharp = kept
        start = _opened(view, held, released)
        if start < 0:
            continue
        if within := _within(view, held.call):
            quiet, sharp = _and_at(within, quiet), _and_at(within, sharp)
        searches = ((Raising.NONE, quiet), (Raising.WAITS, quiet), (Raising.ALL, quiet), (Raising.CANCEL, sharp))
        for raising, settles in searches:
            if raising is not Raising.NONE and held.entry.collected:
                break  # what is collected outlives no exception
            if held.entry.quiet and not released and not held.entered:
                break  # nor has anybody here thought of giving it back
            leak = leak_of(view, start, settles, raising=raising, name=held.name, holds=held.beside)
            if leak is not None and raising is Raising.ALL and _is_before_try(view, held, reads, leak):
                continue
            if leak is not None:
                collected = held.entry.collected and not held.entered
                strict = collected or raising in _SHARP or not _counts(held.entry, leak)
                yield Forgotten(held, leak, released or handed or bool(_asked(view, reads)), strict)
                break


def _is_before_try(view: FunctionView, held: Held, reads: list[int], leak: Leak) -> bool:
    """Whether something fails between where a resource is taken and the `try` whose `finally` gives it back."""
    stops = stops_of(held.entry)
    for at in reads:
        final = innermost(view, at, RegionKind.FINALLY)
        if final >= 0 and leak.kind == "error" and read_of(view, at, stops).fate is Fate.STOPPED:
            entry = view.regions[view.regions[final].parent].entry
            if held.store < leak.node < view.blocks[entry].start:
                return True
    return False


def _settlings(
    view: FunctionView, name: str, reads: list[int], entry: schema.Resource
) -> tuple[bool, bool, Settling, Settling]:
    """Whether any read gives a resource back, whether any hands it over, and which ones settle it; also where a wait
    does so only once it is over."""
    stops = stops_of(entry)
    fates = {read_of(view, at, stops).fate for at in reads}
    dropped = _dropped(view, name)
    quiet = _with_tests(view, reads, settled_by(view, reads, stops), dropped)
    sharp = _with_tests(view, reads, settled_by(view, reads, stops_of(entry, sharp=True)), dropped)
    return not fates.isdisjoint((Fate.STOPPED, Fate.ENTERED)), Fate.HANDED_OVER in fates, quiet, sharp


class Unsure(NamedTuple):
    """Something that no catalogue knows, and that this function closes itself on one way out, not on another."""

    call: CallSite
    name: str
    release: CallSite
    leak: Leak


def closed_on_some_ways(view: FunctionView) -> Iterator[Unsure]:
    """What a function makes, keeps in a local and closes by hand, where another way out, or a cancellation, leaves
    before; an error only where it is an instance of a project's class that holds something. That it is to be closed,
    the function says itself. Not in tests: what they leave open ends with them."""
    if view.facts.kind is not FunctionKind.DEF or view.has_role("fixture") or view.module.is_test:
        return
    for name, releases in _closed_by_hand(view).items():
        bound = view.facts.bound.get(name, [])
        value = view.assigned_value(bound[0]) if len(bound) == 1 else None
        node = view.node_at(value)
        call = view.call_at(node.value if isinstance(node, Await) else value)
        if call is None or view.module.project.catalog.has(call.target) or call.member in _OWNING:
            continue
        reads = own_reads(view, name)
        if reads is None or held_in(view, call.index) is None:
            continue
        settles = _with_tests(view, reads, settled_by(view, reads, _BY_HAND))
        # closed under a condition, it may be open under that only
        conditional = all(_is_conditional(view, release.index, bound[0]) for release in releases)
        leak = leak_of(view, bound[0], settles, name=name) if not conditional else None
        if leak is None:
            leak = leak_of(view, bound[0], settles, raising=Raising.CANCEL, name=name, kinds=CANCELLED)
        if leak is None and _holds_resource(call):
            leak = leak_of(view, bound[0], settles, raising=Raising.ALL, name=name)
        if leak is not None:
            yield Unsure(call, name, releases[0], leak)


def _is_conditional(view: FunctionView, index: int, other: int) -> bool:
    """Whether a node lies in a branch that another one does not lie in."""
    around = set(view.regions_around(other))
    return any(
        view.regions[region].kind is RegionKind.BRANCH and region not in around for region in view.regions_around(index)
    )


def _holds_resource(call: CallSite) -> bool:
    """Whether a call makes an instance of a project's class that takes a resource of the catalogue and keeps it."""
    cls = call.callee
    if cls is None or cls.facts.kind is not FunctionKind.CLASS:
        return False
    return any(
        resource_of(taken) is not None and method.use(taken.index).kind == "stored"
        for kind in cls.ancestry[0]
        for method in kind.children
        for taken in method.calls
    )


_BY_HAND = Stops(frozenset({"abort", "aclose", "close", "disconnect", "shutdown", "stop", "terminate"}))
"""What gives something back, where nothing is known of it."""


_OWNING = frozenset({"enter_async_context", "enter_context", "push", "push_async_exit"})
"""Methods of what gives back at its own end what it is given (an exit stack), and returns it."""


def _closed_by_hand(view: FunctionView) -> dict[str, list[CallSite]]:
    """The locals that a function closes in a statement of its own, and not only where something has failed, with these
    calls."""
    found: dict[str, list[CallSite]] = {}
    for call in view.calls:
        node = view.node_at(call.receiver)
        if isinstance(node, Name) and call.member in ("aclose", "close") and not call.node.args:
            use = call.use
            dropped = (view.use(use.node) if use.kind == "awaited" else use).kind == "dropped"
            if dropped and innermost(view, call.index, RegionKind.HANDLER) < 0:
                found.setdefault(node.id, []).append(call)
    return found


def _within(view: FunctionView, call: CallSite) -> frozenset[int]:
    """Where the `with` blocks around a call are left that hold what it is made on: what is taken from a session goes
    with it."""
    key = view.key(call.node.func).rpartition(".")[0]
    found: set[int] = set()
    for region in view.regions_around(call.index) if key else ():
        node = view.regions[region].node
        enter = view.node_at(node)
        if isinstance(enter, Enter) and key in {view.key(at) for at in (enter.context, enter.target) if at >= 0}:
            found |= {at for at, left in view.all_of(Exit) if left.enter == node}
    return frozenset(found)


def _and_at(nodes: frozenset[int], settles: Settling) -> Settling:
    """The same, settled at these nodes too."""
    return lambda index: Settles.AT_ONCE if index in nodes else settles(index)


def _is_excused(held: Held) -> bool:
    """Whether a resource is made with an argument by which it holds nothing, or nothing yet."""
    for text in held.entry.unless:
        keyword, _, value = text.partition("=")
        node = held.call.fn.node_at(held.call.argument(keyword))
        if isinstance(node, Const) and str(node.value) == value:
            return True
    return False


def _opened(view: FunctionView, held: Held, released: bool) -> int:
    """The node behind which a resource is held: where the local is bound, or where the first method is called that
    opens it; -1 where none is. `released`: the function gives it back, and so says that it is held."""
    excused = _is_excused(held)
    if excused and not held.entry.opened_by and not released:
        return -1
    if not held.entry.opened_by or (held.entry.unless and not excused):
        return held.store
    opening = held.entry.opened_by
    for call in view.calls_on.get(held.name, ()):
        if call.member in opening:
            return call.node.parent if call.is_awaited else call.index
        if "*" in opening:
            return call.receiver  # whatever fails, it may be open by then
    return -1


_SHARP = (Raising.ALL, Raising.CANCEL)
"""Searches whose answer is worth a look: an error out of any call, a cancellation of the very wait for the end."""


def _counts(entry: schema.Resource, leak: Leak) -> bool:
    """Whether this way out is reported by default for such a resource."""
    match entry.counts:
        case schema.Counts.ALL:
            return True
        case schema.Counts.EXITS:
            return leak.kind not in ("error", "closed")
        case schema.Counts.CANCELLED:
            return leak.kind == "cancel"


def _dropped(view: FunctionView, name: str) -> frozenset[int]:
    """Where a test deletes a local, to see what comes of what was in it."""
    if not view.module.is_test:
        return frozenset()
    return frozenset(at for at, node in enumerate(view.nodes) if isinstance(node, Delete) and name in node.names)


def _with_tests(
    view: FunctionView, reads: list[int], settles: Settling, dropped: frozenset[int] = frozenset()
) -> Settling:
    """The same, and what asks the thing about itself before it gives it back (`if not writer.is_closing():`)."""
    asked = dropped | _asked(view, reads)
    return lambda index: Settles.AT_ONCE if index in asked else settles(index)


def _asked(view: FunctionView, reads: list[int]) -> frozenset[int]:
    """The reads that ask a thing about itself in a test."""
    found: set[int] = set()
    for at in reads:
        node = at
        member = False
        while node >= 0 and not isinstance(view.nodes[node], Test):
            member |= isinstance(view.user_of(node), (Attr, Call))
            node = view.nodes[node].parent
        if node >= 0 and member:
            found.add(at)
    return frozenset(found)
