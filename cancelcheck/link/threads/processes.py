"""Processes that are waited for with a timeout, and left running when it is up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.loops.polling import is_poll
from cancelcheck.link.paths.exceptions import Handler, exception_types, handlers_of, suppressed_types
from cancelcheck.link.paths.flow import NodeTest, meets, start_at, steps
from cancelcheck.link.swallowing.cancellation import says_only
from cancelcheck.link.tasks.attributes import attribute_reads, called_method, is_called, own_attribute
from cancelcheck.link.timeouts.limits import limit_of
from cancelcheck.link.timeouts.waits import Verdict, given
from cancelcheck.model.facts import Attr, BlockEnd, Enter, Exit, Name, Operation, Raise, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Outliving(NamedTuple):
    """A process that outlives the timeout of a wait for it: the wait, what the catalogue says of it, who takes the
    timeout, and whether it is only worth a look: the process was asked to end before, or is known to run on,
    or an object keeps it whose caller says how long to wait."""

    call: CallSite
    entry: schema.Outlived
    caught: Caught
    doubtful: bool


class Caught(NamedTuple):
    """Who takes a timeout: the `except` or the `with suppress(…)` at `node`; `blocks` are where it goes on;
    `handler` is the handler, where it is one."""

    node: int
    blocks: tuple[int, ...]
    handler: Handler | None


def outliving_processes(view: FunctionView) -> Iterator[Outliving]:
    """The waits of a function that give up on a process and leave it running."""
    catalog = view.module.project.catalog
    for call in view.told_calls:
        entry = catalog.outlived(call.target)
        if entry is None:
            continue
        place = view.key(call.receiver)
        region = _timed_from(view, call, entry) if place else -1
        if region < 0:
            continue
        caught = _caught(view, entry, region)
        if caught is None or _is_owned(view, place):
            continue
        if caught.handler is not None and _raises_on(view, caught.handler):
            continue
        if _may_be_ended(view, caught, place, entry):
            continue
        doubt = _doubt(view, call, place, entry)
        if doubt is not None:
            yield Outliving(call, entry, caught, doubt or _goes_on(view, call, caught, place))


def _timed_from(view: FunctionView, call: CallSite, entry: schema.Outlived) -> int:
    """The region from which a wait's timeout is raised outwards; -1 where it has none, or only asks."""
    api = view.module.project.catalog.api(call.target)
    assert api is not None
    if entry.raises:
        own = given(call, api.timeout, api.timeout_position, api.forever)
        if own is None or own.verdict is not Verdict.TIMED:
            return -1
        if any(is_poll(call, poll) for poll in view.module.project.catalog.polls(call.target)):
            return -1
        return view.region_of(call.index)
    limit = limit_of(view, call.index, callers=0)
    if limit is None:
        return -1
    use = limit.call.use
    if use.kind == "entered":
        enter = view.nodes[use.node]
        assert isinstance(enter, Enter)
        return view.regions[enter.region].parent
    return view.region_of(limit.at)


def _caught(view: FunctionView, entry: schema.Outlived, region: int) -> Caught | None:
    """Who takes the timeout of a wait: the first handler, or `suppress`, that names it or a base of it."""
    catalog = view.module.project.catalog
    raised = set(entry.raises) or _TIMEOUTS
    bases = {base for name in raised for base in catalog.bases(name)} | _EVERYTHING
    while region >= 0:
        facts = view.regions[region]
        for handler in handlers_of(view, facts.parent) if facts.kind is RegionKind.PROTECTED else ():
            caught = handler.excepts(view).caught
            leaves = list(exception_types(view, [caught])) if caught >= 0 else []
            if caught < 0 or any(leaf.name in bases for leaf in leaves):
                return Caught(handler.node, (view.regions[handler.region].entry,), handler)
            if any(not leaf.name for leaf in leaves):
                return None
        enter = view.node_at(facts.node)
        types = suppressed_types(view, enter) if isinstance(enter, Enter) else []
        if any(leaf.name in bases for leaf in exception_types(view, types)):
            return Caught(facts.node, _after(view, facts.node), None)
        region = facts.parent
    return None


def _after(view: FunctionView, enter: int) -> tuple[int, ...]:
    """Where it goes on when a `with` swallows."""
    return tuple(
        target
        for index, node in view.all_of(Exit)
        if node.on_error and node.enter == enter
        for target in view.blocks[view.block_of(index)].next
    )


_TIMEOUTS = {"builtins.TimeoutError"}
"""What a scope raises when its time is up."""

_EVERYTHING = {"builtins.Exception", "builtins.BaseException"}


def _is_owned(view: FunctionView, place: str) -> bool:
    """Whether a `with` on the process waits for it at its end, or an exit stack does something with it."""
    return any(place in (view.key(enter.context), view.key(enter.target)) for _, enter in view.all_of(Enter))


def _raises_on(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler lets the timeout itself go on: a bare `raise`, or a `raise` of what it caught."""
    name = handler.excepts(view).name
    for index in view.nodes_in(handler.region):
        node = view.nodes[index]
        if isinstance(node, Raise):
            value = view.nodes[node.exc] if node.exc >= 0 else None
            if value is None or (isinstance(value, Name) and name and value.id == name):
                return True
    return False


def _may_be_ended(view: FunctionView, caught: Caught, place: str, entry: schema.Outlived) -> bool:
    """Whether on some way on from where a timeout is taken the process is ended, waited for, or handed on."""
    seen = {start_at(view, block) for block in caught.blocks}
    pending = deque(seen)
    while pending:
        current = pending.popleft()
        block = view.blocks[current.block]
        if any(_deals_with(view, index, place, entry) for index in range(block.start, block.end)):
            return True
        for target in steps(view, current, errors=block.ends is BlockEnd.RAISE):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return False


def _deals_with(view: FunctionView, index: int, place: str, entry: schema.Outlived) -> bool:
    """Whether a node ends a process, waits for it, or hands it, or its number, to something else."""
    node = view.nodes[index]
    if isinstance(node, Name | Attr) and view.key(index) == place:
        method = called_method(view, index)
        if method in entry.ends or method in entry.waits:
            return True
        if method in entry.names:
            return _is_handed_on(view, view.nodes[index].parent)
        return not method and _is_handed_on(view, index)
    # a method of the same object may end its process
    call = view.call_at(index)
    owner, _, name = place.rpartition(".")
    if call is None or not owner or view.key(call.receiver) != owner:
        return False
    callee = call.callee
    if callee is None:
        return True
    return any(isinstance(inner, Attr) and inner.attr == name for inner in callee.nodes) or any(
        own_attribute(callee, inner.node.func) is not None for inner in callee.calls
    )


def _is_asked_for(view: FunctionView, call: CallSite) -> bool:
    """Whether a wait takes its time from a parameter: the caller asks whether the process ends within it."""
    params = {param.name for param in view.facts.params}
    return any(
        isinstance(node := view.nodes[at], Name) and node.id in params and node.id != view.self_name
        for argument in call.node.args
        for at in view.operands_within(argument.value)
    )


def _goes_on(view: FunctionView, call: CallSite, caught: Caught, place: str) -> bool:
    """Whether the process is known to run on: the handler says what the wait has not (`code = process.wait(1)`, and
    `code = 0`), or it is asked behind it whether the process has ended (`process.returncode is None`)."""
    use = call.use
    if caught.handler is not None and use.kind == "bound":
        told = view.facts.bound.get(use.name, ())
        if any(at >= 0 and view.is_inside(view.region_of(at), caught.handler.region) for at in told):
            return True
    for index, node in enumerate(view.nodes[caught.node :], caught.node):
        if isinstance(node, Attr) and view.key(node.value) == place:
            asks = view.user_of(index)
            if isinstance(asks, Operation) and asks.op in ("is", "is not") and asks.operands[0] == index:
                return True
    return False


def _is_handed_on(view: FunctionView, index: int) -> bool:
    """Whether a value goes to where it may be used to end the process: not where it is only said or compared."""
    use = view.use(index)
    if use.kind == "argument":
        call = view.call_at(use.node)
        assert call is not None
        return not says_only(call)
    return use.kind in ("returned", "yielded", "stored", "element", "bound", "entered", "awaited", "lambda")


def _doubt(view: FunctionView, call: CallSite, place: str, entry: schema.Outlived) -> bool | None:
    """Whether it is only worth a look that the process is left; None where somebody else may end it."""
    found = own_attribute(view, call.receiver)
    asked = False
    for other in view.calls_on.get(place, ()):
        if other.index >= call.index:
            break
        if other.member == entry.ends[0]:
            return None  # what is killed is over
        if other.member in entry.waits and meets(view, -1, lambda at: at == call.index, _is(other), errors=True) < 0:
            return None  # it was waited for before, until it had ended
        asked |= other.member in entry.ends
    if found is not None:
        for reader, at in attribute_reads(*found):
            if reader is not view and (called_method(reader, at) in entry.ends or _is_handed_on(reader, at)):
                return None
        return asked or _is_asked_for(view, call)
    if "." in place:
        return None
    scope, bound = view.bindings(place)
    if scope is not view or any(at < 0 for _, at in bound):
        return None  # its owner may end it
    for reader, at in view.reads(place):
        method = called_method(reader, at)
        if reader is not view or (not method and _is_handed_on(reader, at)):
            return None
        if method in entry.ends and not is_called(reader, reader.nodes[at].parent):
            return None  # handed over, to be called at the end
        if method in entry.names and _is_handed_on(reader, reader.nodes[at].parent):
            return None
    return asked


def _is(call: CallSite) -> NodeTest:
    return lambda at: at == call.index


def kill_edits(view: FunctionView, found: Outliving) -> list[tuple[int, int, str]]:
    """Edits that kill the process and wait for it, at the beginning of the handler; none where there is
    no handler, or its body stands on the line of the `except`."""
    source = view.module.source
    if found.caught.handler is None:
        return []
    node = view.nodes[found.caught.node]
    end = view.regions[found.caught.handler.region].end
    first, last = source.position(node.end)[0], source.position(end)[0]
    for number in range(first + 1, last + 1):
        line = source.line(number)
        if line.strip() and not line.lstrip().startswith("#"):
            indent = line[: len(line) - len(line.lstrip())]
            process = view.text(found.call.receiver)
            wait = "await " if found.call.fn.module.project.catalog.is_coroutine(found.call.target) else ""
            newline = source.newline
            lines = f"{indent}{process}.{found.entry.ends[0]}(){newline}"
            lines += f"{indent}{wait}{process}.{found.entry.waits[0]}(){newline}"
            at = source.starts[number - 1]
            return [(at, at, lines)]
    return []
