"""What an SLA function asks of other machines: its external calls, its own and those of the functions that it runs, and
what stands around them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import handlers_of
from cancelcheck.link.paths.flow import escapes, meets, passes
from cancelcheck.link.promises.calls import wrappers_of
from cancelcheck.link.promises.marking import matches
from cancelcheck.model.facts import (
    Attr,
    Call,
    Const,
    Enter,
    FunctionKind,
    Iterate,
    Name,
    RegionKind,
    Store,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.paths.reaching import Chain

_EXTERNAL = frozenset(
    {
        schema.Kind.HTTP,
        schema.Kind.RPC,
        schema.Kind.DB,
        schema.Kind.BROKER,
        schema.Kind.CLOUD,
        schema.Kind.MAIL,
    }
)
"""Kinds of calls that change, or may change, something outside."""

MAX_FUNCTIONS = 500
"""Functions below one that are looked at."""

_AGAIN = re.compile(r"\s*insert\b", re.IGNORECASE)
"""SQL of which a second run does it again."""

READING = re.compile(r"\s*(select|show|explain|describe|values)\b", re.IGNORECASE)
"""SQL that only reads."""

_LEADS_NOWHERE = frozenset({"connect", "acquire", "begin", "rollback", "close"})
"""Methods of databases that change nothing by themselves."""


def below(view: FunctionView) -> Iterator[tuple[Chain, FunctionView]]:
    """The project's functions that a function runs and waits for, itself first, nearest first, each with the calls that
    lead there."""
    seen = {view}
    pending: deque[tuple[Chain, FunctionView]] = deque([((), view)])
    while pending and len(seen) < MAX_FUNCTIONS:
        chain, current = pending.popleft()
        yield chain, current
        for call in current.calls:
            callee = call.callee
            if callee is not None and callee.facts.kind is FunctionKind.CLASS:
                callee = callee.inherited("__init__")
            if callee is None or callee.facts.kind is not FunctionKind.DEF or callee.facts.is_stub:
                continue
            for inner in (callee, *wrappers_of(callee)):
                if inner not in seen:
                    seen.add(inner)
                    pending.append(((*chain, call), inner))


def external_calls(view: FunctionView) -> Iterator[tuple[Chain, CallSite]]:
    """The calls for other machines that a function makes, its own first, each with the calls that lead there."""
    for chain, inner in below(view):
        for call in inner.calls:
            if is_external(call):
                yield chain, call


def seen_from(view: FunctionView, chain: Chain, call: CallSite) -> tuple[CallSite, str]:
    """Where a call is reported that a function leads to: itself, in the same file, else the call that leads there; and
    in words, through which."""
    if call.fn.module is view.module:
        return call, ""
    return chain[0], f" through `{call.text}(…)`"


def is_external(call: CallSite) -> bool:
    """Whether a call asks another machine for something, or may change something there."""
    api = call.fn.module.project.catalog.api(call.target)
    if api is None and _service_of(call) is not None:
        return True
    return api is not None and api.kind in _EXTERNAL and call.target.rpartition(".")[2] not in _LEADS_NOWHERE


def _service_of(call: CallSite) -> schema.Client | None:
    """The client of a service that a call asks for something by a method that no table has."""
    if call.receiver < 0 or call.callee is not None:
        return None
    instance = call.fn.instance(call.receiver)
    if instance is None or instance.view is not None or len(instance.origins) != 1:
        return None
    client = call.fn.module.project.catalog.client(instance.origins[0].target)
    if client is None or not client.open_methods or client.kind not in _EXTERNAL:
        return None
    return None if call.member.startswith(client.own_methods) else client


def _only_reads(call: CallSite) -> bool:
    """Whether an external call is known to change nothing."""
    api = call.fn.module.project.catalog.api(call.target)
    if api is not None:
        return api.read_only or _only_selects(call)
    client = _service_of(call)
    return client is not None and call.member.startswith(client.reading_methods)


def writes(call: CallSite) -> bool:
    """Whether an external call surely changes something, so that a second one does it again: by its HTTP method, or by
    the SQL that is written in it."""
    api = call.fn.module.project.catalog.api(call.target)
    if api is None or api.read_only or not is_external(call):
        return False
    if api.kind is schema.Kind.HTTP:
        return call.target.rpartition(".")[2] in ("post", "patch")
    if api.kind is schema.Kind.DB:
        text = call.fn.nodes[call.positional[0]] if call.positional else None
        return isinstance(text, Const) and isinstance(text.value, str) and bool(_AGAIN.match(text.value))
    return api.kind is schema.Kind.MAIL


def has_key(call: CallSite) -> bool:
    """Whether a call is given a key by which the other side knows that it is the same one again."""
    fn = call.fn
    for arg in call.node.args:
        if "idempoten" in arg.keyword.lower():
            return True
        if arg.keyword == "headers":
            items = fn.dict_items(arg.value)
            # what is not seen may be in there
            if items is None or any("idempoten" in key.lower() for key in items):
                return True
        if arg.star == 2 and fn.dict_items(arg.value) is None:
            return True
    return False


def names_one(view: FunctionView, patterns: Iterable[str]) -> bool:
    """Whether a decorator of a function is one of those that the settings name."""
    wanted = tuple(patterns)
    parent = view.parent
    for name, index in view.decorators:
        if parent is None:
            break
        call = parent.call_at(index)
        spelled = name or parent.key(call.node.func if call is not None else index)
        if any(matches(pattern, spelled) for pattern in wanted) or _is_named(parent, index, wanted):
            return True
    return False


def is_guarded(view: FunctionView, chain: Chain, call: CallSite, patterns: Iterable[str]) -> bool:
    """Whether one of the guards that the settings name stands around a call: as a decorator of a function on the way,
    in a `with` around it, or as a call that is given it."""
    wanted = tuple(patterns)
    functions = [view, *(at.callee for at in chain if at.callee is not None), call.fn]
    if any(names_one(function, wanted) for function in functions):
        return True
    return any(_stands_in(at, wanted) for at in (*chain, call))


def _stands_in(call: CallSite, wanted: tuple[str, ...]) -> bool:
    fn = call.fn
    for region in fn.regions_around(call.index):
        facts = fn.regions[region]
        if facts.kind is RegionKind.WITH:
            enter = fn.nodes[facts.node]
            assert isinstance(enter, Enter)
            if _is_named(fn, enter.context, wanted):
                return True
    for outer in fn.outwards(call.index):
        around = fn.call_at(outer)
        if around is not None and around is not call and _is_named(fn, outer, wanted):
            return True
    return any(arg.value >= 0 and _is_named(fn, arg.value, wanted) for arg in call.node.args)


def _is_named(fn: FunctionView, index: int, wanted: tuple[str, ...]) -> bool:
    """Whether a node is a guard: by its name, by that of what made it, or by that of what a method is called on."""
    at = index
    names: list[str] = []
    while isinstance(node := fn.nodes[at], (Name, Attr, Call)):
        if isinstance(node, Call):
            at = node.func
            continue
        names += [fn.target_of(at), fn.key(at), _maker(fn, at)]
        if not isinstance(node, Attr):
            break
        at = node.value
    return any(matches(pattern, name) for pattern in wanted for name in names if name)


def _maker(fn: FunctionView, index: int, steps: int = 6) -> str:
    """The qualified name of the call that made what a node holds."""
    instance = fn.instance(index)
    if instance is not None and instance.origins:
        return instance.origins[0].target
    node = fn.nodes[index]
    found = fn.variable_at(index) or (fn.attribute_value(node) if isinstance(node, Attr) else None)
    if found is None or steps <= 0:
        return ""
    made = found[0].call_at(found[1])
    if made is not None:
        return made.target
    return _maker(*found, steps - 1) if isinstance(found[0].nodes[found[1]], (Name, Attr)) else ""


def retry_around(view: FunctionView, index: int) -> int:
    """The loop that makes a call again, as it was, after it has failed, or the handler that makes it a second time; -1
    if there is none."""
    protected = loop = -1
    for region in view.regions_around(index):
        kind = view.regions[region].kind
        if kind is RegionKind.LOOP and _gives_attempts(view, region):
            return region
        if kind is RegionKind.HANDLER and protected < 0 and _repeats(view, index, region):
            return region
        if kind is RegionKind.PROTECTED and protected < 0:
            protected = region
        elif kind is RegionKind.LOOP:
            loop = region
            break
        elif kind in (RegionKind.HANDLER, RegionKind.FINALLY, RegionKind.COMPREHENSION):
            return -1
    if protected < 0 or loop < 0:
        return -1
    found = handlers_of(view, view.regions[protected].parent)
    ways = [escape.kind for handler in found for escape in escapes(view, handler.region)]
    if "end" not in ways and "continue" not in ways:
        return -1
    return loop if not _changes(view, loop, index) else -1


def _gives_attempts(view: FunctionView, loop: int) -> bool:
    """Whether a loop goes over the attempts of a library's policy."""
    header = view.nodes[view.regions[loop].node]
    made = view.call_at(header.iterable) if isinstance(header, Iterate) else None
    return made is not None and view.module.project.catalog.retry(made.target) is not None


def _repeats(view: FunctionView, index: int, handler: int) -> bool:
    """Whether a call in a handler is the very one that the `try` has made."""
    statement = view.regions[handler].parent
    text = view.text(index)
    return any(
        call.index < index and view.text(call.index) == text and _is_protected(view, call.index, statement)
        for call in view.calls
    )


def _is_protected(view: FunctionView, index: int, statement: int) -> bool:
    return any(
        view.regions[region].kind is RegionKind.PROTECTED and view.regions[region].parent == statement
        for region in view.regions_around(index)
    )


def _changes(view: FunctionView, loop: int, index: int) -> bool:
    """Whether a call is given something else in each turn of a loop."""
    header = view.nodes[view.regions[loop].node]
    changed = {node.id for at in view.nodes_in(loop) if isinstance(node := view.nodes[at], Store)}
    if isinstance(header, Iterate):
        target = view.nodes[header.target]
        changed.update({target.id} if isinstance(target, Store) else set())
    return any(isinstance(node := view.nodes[at], Name) and node.id in changed for at in view.operands_within(index))


def snapshots(view: FunctionView, patterns: tuple[str, ...], steps: int = 6) -> bool:
    """Whether every way through a function comes by one of the calls that the settings name."""
    return steps > 0 and not passes(view, lambda index: is_snapshot(view, index, patterns, steps - 1))


def is_snapshot(view: FunctionView, index: int, patterns: tuple[str, ...], steps: int = 6) -> bool:
    """Whether a node is one of the calls that the settings name, or of a function that always makes one."""
    call = view.call_at(index)
    if call is None:
        return False
    if any(matches(pattern, name) for pattern in patterns for name in (call.target, call.text) if name):
        return True
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.DEF or callee is view or callee.facts.is_stub:
        return False
    return snapshots(callee, patterns, steps)


def acts_before(view: FunctionView, is_saved: Callable[[FunctionView, int], bool], steps: int = 6) -> Chain:
    """The calls that lead to the first external one that a path comes to before anything for which `is_saved` holds;
    empty if there is none. A call that only reads does not count."""
    acting: dict[int, Chain] = {}

    def acts(index: int) -> bool:
        call = view.call_at(index)
        if call is None or is_saved(view, index):
            return False
        if is_external(call) and not _only_reads(call):
            acting[index] = (call,)
            return True
        callee = call.callee
        if steps <= 0 or callee is None or callee.facts.kind is not FunctionKind.DEF or callee is view:
            return False
        inner = acts_before(callee, is_saved, steps - 1)
        if inner:
            acting[index] = (call, *inner)
        return bool(inner)

    found = meets(view, -1, acts, lambda index: is_saved(view, index))
    return acting.get(found, ()) if found >= 0 else ()


def _only_selects(call: CallSite) -> bool:
    text = call.fn.nodes[call.positional[0]] if call.positional else None
    return isinstance(text, Const) and isinstance(text.value, str) and bool(READING.match(text.value))


def tries_again(view: FunctionView, chain: Chain, call: CallSite) -> bool:
    """Whether something says how often a call is made: a policy of a library on a function on the way, or a loop."""
    catalog = call.fn.module.project.catalog
    functions = [view, *(at.callee for at in chain if at.callee is not None), call.fn]
    if any(catalog.retry(name) is not None for function in functions for name, _ in function.decorators):
        return True
    return any(retry_around(at.fn, at.index) >= 0 for at in (*chain, call))
