"""Releases that stand where what comes before them goes past them: behind another release that may fail or be
cancelled, or at the end of a generator that need not come to its end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.paths.exceptions import handlers_of
from cancelcheck.link.paths.flow import innermost, reaches_after
from cancelcheck.link.paths.leaks import Leak, Raising, leak_of, settled_at
from cancelcheck.link.swallowing.cancellation import places
from cancelcheck.link.swallowing.catching import is_shielded
from cancelcheck.link.undoing import says_undoing, undoes
from cancelcheck.model.facts import FunctionKind, Name, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Skipped(NamedTuple):
    """A release that is not run: the call, the node (a call, an await, a `yield`) whose failure or cancellation goes
    past it, and whether it is a handler that takes the failure and goes on; `sure`: what fails is the shutdown of a
    socket, as it does where the peer has gone."""

    release: CallSite
    past: int
    handled: bool
    sure: bool = False


def skipped_releases(view: FunctionView) -> Iterator[Skipped]:
    """The releases of a function that a release before them goes past, one for each that does."""
    if view.facts.kind is not FunctionKind.DEF:
        return
    releases = [call for call in view.calls if _is_release(view, call)]
    known: dict[str, frozenset[str]] = {}
    found = False
    for first, second in pairwise(releases):
        own, other = (_places(view, call, known) for call in (first, second))
        if not own or not other or second.positional:
            continue
        if own == other:
            if first.member not in _LAST and second.member in _LAST and _is_given_up(view, first, second, other):
                yield Skipped(second, first.index, True, _shuts_down(first) and second.member == "close")
        elif not found and first.is_awaited and _is_cleaning(view, first) and _skips(view, first, second, other):
            found = True  # what comes after it is passed over by the same
            yield Skipped(second, first.node.parent, False)


def _shuts_down(call: CallSite) -> bool:
    """Whether a call ends the two directions of a socket: its argument says so, by a constant of the catalogue."""
    catalog = call.fn.module.project.catalog
    return len(call.positional) == 1 and catalog.winds_down(call.fn.target_of(call.positional[0]))


def _places(view: FunctionView, call: CallSite, known: dict[str, frozenset[str]]) -> frozenset[str]:
    """The places of what a call is made on; `known` keeps those of each plain place."""
    key = view.key(call.receiver)
    found = known.get(key) if key else None
    if found is None:
        found = known[key] = frozenset(places(view, call.receiver))
    return found


_LAST = frozenset({"aclose", "close", "dispose", "release", "terminate"})
"""Methods that give a thing back once and for all; others (`shutdown`, `stop`, `unsubscribe`) come before them."""


_OUTWARD = ("aclose", "close", "disconnect", "dispose", "kill", "quit", "release", "shutdown", "stop", "terminate")
"""How methods are called that give back something outside."""


class Unfinished(NamedTuple):
    """What a generator gives back at its end only: the parameter, the call that does, where the generator can be left
    before (`leak`), and whether the parameter is known to hold something that has to be given back."""

    param: str
    release: CallSite
    leak: Leak
    known: bool


def released_at_end(view: FunctionView) -> Iterator[Unfinished]:
    """The parameters of a generator that it gives back if it is taken to its end, and only then."""
    if not view.facts.is_generator or view.facts.kind is not FunctionKind.DEF or view.has_role("fixture"):
        return
    for call in view.calls:
        node = view.nodes[call.receiver] if call.receiver >= 0 else None
        if not isinstance(node, Name) or not _is_release(view, call) or call.positional:
            continue
        if node.id == view.self_name or view.facts.bound.get(node.id) != [-1]:
            continue
        if view.regions[view.region_of(call.index)].kind is not RegionKind.BODY:
            continue  # under a condition, or at every way out
        giving = settled_at(_givers(view, frozenset({node.id})))
        if leak_of(view, -1, giving, branch=0) is not None:
            continue
        leak = leak_of(view, -1, giving, raising=Raising.WAITS, branch=0)
        if leak is not None and leak.kind in ("closed", "cancel", "error"):
            yield Unfinished(node.id, call, leak, _is_resource(view, call))


def _is_resource(view: FunctionView, call: CallSite) -> bool:
    """Whether a call is the one that gives back what the catalogue says has to be."""
    instance = view.instance(call.receiver)
    entry = view.module.project.catalog.resource(instance.catalog_type()) if instance is not None else None
    return entry is not None and call.member in entry.release


def _is_release(view: FunctionView, call: CallSite) -> bool:
    """Whether a call gives something back that is a plain place, and nobody looks at what it returns."""
    if call.receiver < 0 or not undoes(call) or view.path_of(call.receiver):
        return False
    use = call.use
    return (view.use(use.node) if use.kind == "awaited" else use).kind == "dropped"


def _is_cleaning(view: FunctionView, call: CallSite) -> bool:
    """Whether a call stands in a function that is called to give things back, and not where a cancellation is under way
    already: what a second one goes past there is another matter."""
    if not says_undoing(view.name) or view.name == "__aexit__":
        return False
    return innermost(view, call.index, RegionKind.FINALLY, RegionKind.HANDLER) < 0


def _skips(view: FunctionView, first: CallSite, second: CallSite, keys: frozenset[str]) -> bool:
    """Whether the second call comes after the first, and a cancellation of the first leaves the function without
    anything that gives back the same."""
    if not second.member.lstrip("_").startswith(_OUTWARD):
        return False  # a task, or what this process keeps in mind, is not left open
    if reaches_after(view, first.node.parent, lambda index: index == second.index) < 0:
        return False
    if is_shielded(view, first.index) or any(_is_given(view, call, keys) for call in view.calls):
        return False
    # what there is nothing of need not be given back
    leak = leak_of(view, _start(view, first), settled_at(_givers(view, keys)), raising=Raising.CANCEL, holds=keys)
    return leak is not None and leak.kind == "cancel" and leak.node == first.node.parent


def _start(view: FunctionView, call: CallSite) -> int:
    """The first node of the expression that a call is."""
    return min(view.operands_within(call.index))


def _givers(view: FunctionView, keys: frozenset[str]) -> list[int]:
    """The nodes of a function that give back what is at a place, or hand it to something that may."""
    return [
        call.index
        for call in view.calls
        if (call.receiver >= 0 and undoes(call) and not keys.isdisjoint(places(view, call.receiver)))
        or _is_given(view, call, keys)
    ]


def _is_given(view: FunctionView, call: CallSite, keys: frozenset[str]) -> bool:
    """Whether a call is given what is at a place: it may give it back, now or later."""
    return any(not keys.isdisjoint(places(view, arg.value)) for arg in call.node.args)


def _is_given_up(view: FunctionView, first: CallSite, second: CallSite, keys: frozenset[str]) -> bool:
    """Whether both stand in the body of one `try` whose handlers take a failure of the first, go on, and give back
    nothing."""
    body = view.region_of(first.index)
    if view.regions[body].kind is not RegionKind.PROTECTED or view.region_of(second.index) != body:
        return False
    statement = view.regions[body].parent
    handlers = handlers_of(view, statement)
    if not handlers or any(region.kind is RegionKind.FINALLY and region.parent == statement for region in view.regions):
        return False
    if any(view.raises_within(handler.region) for handler in handlers):
        return False
    return not any(index != second.index and index > first.index for index in _givers(view, keys))
