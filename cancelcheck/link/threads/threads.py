"""Threads that nothing in sight can end: non-daemon ones that loop for ever, timers that nobody takes back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import handlers_of
from cancelcheck.link.tasks.attributes import attribute_reads, called_method, class_of, is_named_by_text, own_attribute
from cancelcheck.link.tasks.handing import work_of
from cancelcheck.link.tasks.stopping import looks_at_stop
from cancelcheck.link.threads.outlasting import Stay, endless_loops
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Const,
    FunctionKind,
    RegionKind,
    Store,
    StoreAttr,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

MAX_HOPS = 3
"""Functions through which a thread's loop is followed."""


class Unstoppable(NamedTuple):
    """A thread that nothing in sight ends: the call that makes it, what it runs as it is written, and its loop (None
    for a timer). `told` is what tells it to end, where that is called only once the program has waited for it."""

    call: CallSite
    work: str
    stay: Stay | None
    told: FunctionView | None = None


def unstoppable_threads(view: FunctionView) -> Iterator[Unstoppable]:
    """The threads that a function makes and that nothing can end."""
    for call in view.known_calls:
        entry, cls = thread_type(call)
        if entry is None or entry.process:
            continue
        if entry.cancel:
            if cls is None and not _is_short(call, entry) and _is_left(call) and not _is_daemon(call, entry, cls):
                work = call.seen_argument(entry.target, entry.target_position)
                if work is not None and _is_started(call):
                    yield Unstoppable(call, view.text(work), None)
            continue
        target, name = _target(call, entry, cls)
        stay = _endless(target, MAX_HOPS) if target is not None else None
        told = _told_too_late(target) if stay is None and target is not None else None
        if stay is not None and _is_program(view) and any(endless_loops(program) for program in _programs(view)):
            continue  # the program is meant to go on
        if (stay is not None or told is not None) and not _is_daemon(call, entry, cls):
            yield Unstoppable(call, name, stay, told)


def _is_program(view: FunctionView) -> bool:
    """Whether a function is a program's own: a file's body, or its `main`. What it starts may be the program."""
    return view is view.module.body or (view.name == "main" and view.parent is view.module.body)


def _programs(view: FunctionView) -> tuple[FunctionView, ...]:
    return (view,) if view is view.module.body else (view, view.module.body)


def thread_type(call: CallSite) -> tuple[schema.ThreadEntry | None, FunctionView | None]:
    """The catalogue's thread that a call makes, and the project's class where it is one derived from it."""
    catalog = call.fn.module.project.catalog
    entry = catalog.thread(call.target)
    if entry is not None:
        return entry, None
    callee = call.callee
    if callee is None or callee.facts.kind is not FunctionKind.CLASS:
        return None, None
    for base in callee.ancestry[1]:
        entry = catalog.thread(base)
        if entry is not None:
            return entry, callee
    return None, None


def _target(call: CallSite, entry: schema.ThreadEntry, cls: FunctionView | None) -> tuple[FunctionView | None, str]:
    """The function that a thread runs."""
    if cls is not None:
        run = cls.inherited(entry.run)
        return run, f"{cls.name}.{entry.run}"
    work = work_of(call, entry.target, entry.target_position)
    if work is None or work.view is None or len(work.view.alternatives) > 1:
        return None, ""
    return work.view, call.fn.text(work.node)


def _endless(view: FunctionView, hops: int) -> Stay | None:
    """The loop that a function never leaves: its own, or that of a function which it calls last or under no condition,
    with the calls on the way. None where one on the way looks at a stop signal, or at what others may close."""
    if view.is_async or view.facts.is_generator or looks_at_stop(view):
        return None
    for loop in endless_loops(view):
        if _may_be_ended(view, loop, hops):
            return None
        return Stay(view, view.regions[loop].node, math.inf)
    if hops <= 0:
        return None
    for call in view.calls:
        callee = call.callee
        if callee is None or len(callee.alternatives) > 1:
            continue
        found = _endless(callee, hops - 1)
        if found is not None:
            return found._replace(calls=(call, *found.calls))
    return None


def defined(method: FunctionView) -> tuple[FunctionView, int]:
    """Where a method is defined: the class and the node."""
    assert method.parent is not None
    return method.parent, method.facts.define


def _told_too_late(view: FunctionView) -> FunctionView | None:
    """The method that takes down the flag by which a method's loop goes on, where all that do are called when the
    program ends: it waits for its threads before that."""
    for region in view.regions:
        header = view.node_at(region.node)
        for at in view.operands_within(header.value) if isinstance(header, Test) else ():
            found = own_attribute(view, at)
            if found is None or found[0] is not view.owner:
                continue
            enders = {setter for cls in found[0].ancestry[0] for setter, _ in cls.attribute_stores.get(found[1], ())}
            enders |= {reader for reader, read in attribute_reads(*found) if called_method(reader, read) == "set"}
            enders = {ender for ender in enders if ender is not view and ender.name != "__init__"}
            if enders and all(_runs_at_exit(ender) for ender in enders):
                return min(enders, key=lambda ender: ender.index)
    return None


def _runs_at_exit(method: FunctionView) -> bool:
    """Whether a method is called when the program ends, and by nothing else in its file."""
    owner = method.owner
    catalog = method.module.project.catalog
    hooked = owner is not None and any(catalog.exit_method(base) == method.name for base in owner.ancestry[1])
    for user, index in method.module.mentions(method.name, of_method=True):
        if user.definition_of(index) not in (method, None):
            continue
        use = user.use(index)
        call = user.call_at(use.node) if use.kind == "argument" else None
        if call is not None and catalog.is_exit_hook(call.target):
            hooked = True
        elif user is not method and own_attribute(user, index) is not None:
            return False  # another method ends it too
    return hooked


_ENDED_BY_CLOSING = frozenset(
    {
        schema.Kind.SOCKET,
        schema.Kind.SUBPROCESS,
        schema.Kind.QUEUE,
        schema.Kind.HTTP,
        schema.Kind.RPC,
        schema.Kind.INPUT,
    }
)
"""Kinds of waits that fail when the other side, or another thread, closes what they wait on."""

_READING = ("recv", "accept", "read", "readline", "select", "poll", "get", "receive", "next", "input", "wait")
"""How the methods are called that wait for what somebody may close."""


def _may_be_ended(view: FunctionView, loop: int, hops: int) -> bool:
    """Whether a loop may end though nothing in it says so: it waits for something that can be closed and lets the error
    through, or asks a function that looks at a stop signal."""
    catalog = view.module.project.catalog
    for call in view.calls:
        if not view.is_inside(view.region_of(call.index), loop):
            continue
        api = catalog.api(call.target)
        closable = api.kind in _ENDED_BY_CLOSING if api is not None else _is_reading(call)
        if closable and not _goes_round(view, call.index, loop):
            return True
        callee = call.callee
        if callee is not None and _asks(callee, hops):
            return True
    return False


def _asks(view: FunctionView, hops: int) -> bool:
    """Whether a function, or one that it calls, looks at a stop signal, or reads what may be closed."""
    if looks_at_stop(view) or any(_is_reading(call) for call in view.calls):
        return True
    return hops > 0 and any(_asks(callee, hops - 1) for call in view.calls if (callee := call.callee) is not None)


def _is_reading(call: CallSite) -> bool:
    return not call.target and call.member.lstrip("_").split("_")[0] in _READING


def _goes_round(view: FunctionView, index: int, loop: int) -> bool:
    """Whether an error at a node is caught inside of the loop, which goes on."""
    for region in view.regions_around(index):
        if region == loop:
            break
        facts = view.regions[region]
        if facts.kind is RegionKind.PROTECTED and handlers_of(view, facts.parent):
            return True
    return False


def _is_daemon(call: CallSite, entry: schema.ThreadEntry, cls: FunctionView | None) -> bool:
    """Whether a thread is, or may be, a daemon: by its constructor, by an attribute that this function or its class
    sets, or by what its own class does."""
    if _says_daemon(call, entry):
        return True
    view = call.fn
    places = [view]
    owner = class_of(view)
    if owner is not None:
        places += [method for cls_ in owner.ancestry[0] for method in cls_.children]
    if any(_sets_daemon(place, entry) for place in places):
        return True
    if cls is None:
        return False
    for base in cls.ancestry[0]:
        if entry.daemon in base.facts.bound or any(_sets_daemon(method, entry) for method in base.children):
            return True
        for method in base.children:
            if any(inner.member == "__init__" and _says_daemon(inner, entry) for inner in method.calls):
                return True
    return False


def _says_daemon(call: CallSite, entry: schema.ThreadEntry) -> bool:
    argument = call.argument(entry.daemon, entry.daemon_position)
    if argument is None:
        return False
    if argument < 0:
        return True
    value = evaluate(call.fn, argument)
    return not (value.kind is ValueKind.NONE or (value.kind is ValueKind.BOOL and not value.number))


def _sets_daemon(view: FunctionView, entry: schema.ThreadEntry) -> bool:
    """Whether a function sets the daemon attribute of anything, to anything but False; looked up once."""
    known = view.module.daemons.get(view.index)
    if known is None:
        known = view.module.daemons[view.index] = _sets(view, entry.daemon)
    return known


def _sets(view: FunctionView, daemon: str) -> bool:
    for index, node in enumerate(view.nodes):
        if isinstance(node, StoreAttr) and node.attr == daemon:
            given = view.assigned_value(index)
            value = view.nodes[given] if given is not None else None
            if not (isinstance(value, Const) and value.value is False):
                return True
        elif isinstance(node, Attr) and node.attr == f"set{daemon.capitalize()}":
            return True
    return False


def _is_started(call: CallSite) -> bool:
    """Whether a thread is started at once, in the function that makes it, or where the only one of its attribute is."""
    view = call.fn
    if call.use.kind == "receiver":
        return called_method(view, call.index) == "start"
    for target in _targets(call):
        name = view.nodes[target]
        if isinstance(name, Store) and any(called_method(reader, at) == "start" for reader, at in view.reads(name.id)):
            return True
        found = own_attribute(view, target)
        if found is not None:
            stores = [place for cls in found[0].ancestry[0] for place in cls.attribute_stores.get(found[1], ())]
            starts = [reader for reader, at in attribute_reads(*found) if called_method(reader, at) == "start"]
            if view in starts or (starts and len(stores) == 1):
                return True
    return False


def _targets(call: CallSite) -> list[int]:
    """What a thread is assigned to where it is made."""
    node = call.fn.node_at(call.use.node)
    return node.targets if isinstance(node, Assign) else []


SHORT = 5.0
"""Seconds for which a program may well be kept waiting."""


def _is_short(call: CallSite, entry: schema.ThreadEntry) -> bool:
    """Whether a timer fires so soon that it is not worth taking back."""
    argument = call.seen_argument(entry.interval, entry.interval_position)
    value = evaluate(call.fn, argument) if argument is not None else None
    return value is not None and value.kind is ValueKind.NUMBER and value.number <= SHORT


def _is_left(call: CallSite) -> bool:
    """Whether nobody in sight takes a timer back, waits for it, or gets hold of it."""
    view = call.fn
    if call.use.kind == "receiver":
        return called_method(view, call.index) == "start"
    reads: list[tuple[FunctionView, int]] = []
    for target in _targets(call):
        name = view.nodes[target]
        if isinstance(name, Store):
            reads += view.reads(name.id)
            continue
        found = own_attribute(view, target)
        if found is None or is_named_by_text(*found):
            return False
        reads += attribute_reads(*found)
    return bool(reads) and all(_only_starts(reader, at) for reader, at in reads)


_STARTING = frozenset({"start", "name", "is_alive", "daemon"})


def _only_starts(view: FunctionView, index: int) -> bool:
    """Whether where a timer is read it is only started, named, or asked whether it runs."""
    member = view.node_at(view.use(index).node)
    return isinstance(member, (Attr, StoreAttr)) and member.attr in _STARTING
