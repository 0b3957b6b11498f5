"""Loops that ask without waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.paths.conditions import conditions
from cancelcheck.link.paths.exceptions import Handler, handlers_of, is_cancellation_point
from cancelcheck.link.paths.flow import names_read, turn
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Iterate,
    Name,
    RegionKind,
    Store,
    Test,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_STOP = ("stop", "cancel", "shut", "quit", "exit", "clos", "term", "abort", "kill", "finish", "done", "end", "halt")
"""Parts of the name of an event that says that the work is over."""

_QUIET = ("builtins.", "logging.", "time.", "datetime.", "math.", "json.", "struct.", "collections.")
"""Modules whose functions do not wait, the catalogue's waits apart."""

_RUNS_OTHERS = frozenset({"builtins.next", "builtins.exec", "builtins.eval", "builtins.__import__"})
"""Builtins that run code which is not seen here."""


def polls_by_loop(view: FunctionView) -> dict[int, list[tuple[CallSite, schema.Poll]]]:
    """The calls that ask in a form that does not wait, by the loop that they stand in directly; -1 for none."""
    catalog = view.module.project.catalog
    found: dict[int, list[tuple[CallSite, schema.Poll]]] = {}
    for call in view.told_calls:
        for entry in catalog.polls(call.target):
            if is_poll(call, entry) and not (entry.state and is_stop_signal(call)):
                found.setdefault(next(view.loops_around(call.index), -1), []).append((call, entry))
                break
    return found


def busy_poll(view: FunctionView, loop: int, polls: list[tuple[CallSite, schema.Poll]]) -> CallSite | None:
    """The poll for which a loop has a turn that gives way nowhere and looks at nothing that could end it."""
    return next((call for call, poll in polls if polling_turn(view, loop, call, poll) is not None), None)


def spins_over_nothing(view: FunctionView, loop: int, polls: list[tuple[CallSite, schema.Poll]]) -> bool:
    """Whether such a turn leads past a `for` that would give way: only where that goes over nothing does it spin."""
    return all(polling_turn(view, loop, call, poll, filled=True) is None for call, poll in polls)


def is_poll(call: CallSite, entry: schema.Poll) -> bool:
    """Whether a call has the form that does not wait."""
    if not entry.values:
        return True
    argument = call.argument(entry.keyword, entry.position)
    if argument is None:
        return "missing" in entry.values
    if argument < 0:
        return False
    value = evaluate(call.fn, argument)
    return value.kind in (ValueKind.NUMBER, ValueKind.BOOL) and value.number == 0


def is_stop_signal(call: CallSite) -> bool:
    """Whether a call is about something whose name says that the work is over: `self._stopping.is_set()`."""
    name = call.fn.key(call.receiver).rpartition(".")[2].lower()
    return any(part in name for part in _STOP)


def polling_turn(
    view: FunctionView,
    loop: int,
    call: CallSite,
    poll: schema.Poll,
    rests: frozenset[int] = frozenset(),
    *,
    filled: bool = False,
) -> tuple[int, ...] | None:
    """A turn of a loop through the poll's "not yet" that gives way nowhere, but at the nodes `rests`, and looks at
    nothing that could end it: its blocks. None if there is no such turn. With `filled` each `for` in it has something
    to go over."""
    region = view.regions[loop]
    header = view.nodes[region.node]
    if not isinstance(header, Test):
        return None  # bounded by what it iterates over
    if not poll.raises and _is_ended_by(view, header, call):
        return None
    after: list[int] = []
    if poll.raises:
        catching = not_yet_handler(view, call.index, poll)
        if catching is None:
            return None
        after = [view.regions[catching.region].entry]

    # the question itself, with what it is asked of and its own await, gives way to nobody
    asked = {*view.operands_within(call.index), *rests}
    if call.is_awaited:
        asked.add(call.node.parent)
    counters = _tested_names(view, loop)

    def gives_way(index: int) -> bool:
        if index in asked:
            return False
        if filled and isinstance(view.nodes[index], Iterate):
            body = next(at for at, inner in enumerate(view.regions) if inner.node == index)
            return any(_gives_way(view, at, call) for at in view.nodes_in(body))
        return _gives_way(view, index, call) or _counts(view, index, counters)

    return turn(view, loop, call.index, after, gives_way)


def _is_ended_by(view: FunctionView, header: Test, call: CallSite) -> bool:
    """Whether a loop goes on only while what a poll has given is true: "not yet" ends it. `while ready: ready, _, _ =
    select(…)` empties what is there."""
    assign = view.user_of(call.node.parent if call.is_awaited else call.index)
    if not isinstance(assign, Assign):
        return False
    parts = (view.nodes[at] for target in assign.targets for at in view.operands_within(target))
    given = {part.id for part in parts if isinstance(part, Store)}
    return any(positive and key in given for key, positive in conditions(view, header.value, True))


def _tested_names(view: FunctionView, loop: int) -> set[str]:
    """The plain names that the tests of a loop read."""
    found: set[str] = set()
    for index in (view.regions[loop].node, *view.nodes_in(loop)):
        node = view.nodes[index]
        if isinstance(node, Test):
            found |= names_read(view, node.value)
    return found


def may_hold_up(call: CallSite) -> bool:
    """Whether a function that a library has at its top is called, and is not known: it may wait in its own way, for a
    person, say."""
    if not call.target or call.callee is not None or call.target.startswith(_QUIET):
        return False
    names = names_read(call.fn, call.node.func)
    return all(call.fn.bindings(name).scope is call.fn.module.body for name in names)


def _counts(view: FunctionView, index: int, names: set[str]) -> bool:
    """Whether a node counts one of these names up or down: `attempts -= 1`."""
    node = view.nodes[index]
    if not isinstance(node, Assign):
        return False
    stored = {target.id for target in (view.nodes[at] for at in node.targets) if isinstance(target, Store)}
    return not names.isdisjoint(stored & names_read(view, node.value))


def not_yet_handler(view: FunctionView, index: int, poll: schema.Poll) -> Handler | None:
    """The handler that takes the poll's "not yet"."""
    for region in view.regions_around(index):
        if view.regions[region].kind is RegionKind.PROTECTED:
            for handler in handlers_of(view, view.regions[region].parent):
                if _takes(view, handler, poll):
                    return handler
    return None


def _takes(view: FunctionView, handler: Handler, poll: schema.Poll) -> bool:
    node = handler.excepts(view)
    if handler.catch.broad:
        return not poll.named
    catalog = view.module.project.catalog
    raised = names_of(poll.raises)
    for index in view.operands_within(node.caught):
        name = catalog.canonical(view.target_of(index))
        if name in raised:
            return True
        if not poll.named and (name == "builtins.Exception" or any(name in catalog.bases(exc) for exc in raised)):
            return True
    return False


def _gives_way(view: FunctionView, index: int, poll: CallSite) -> bool:
    node = view.nodes[index]
    if is_cancellation_point(view, index) or isinstance(node, Yield):
        return True
    if isinstance(node, Test):
        return _looks_out(view, node, poll)
    if not isinstance(node, Call):
        return False
    call = view.call_at(index)
    assert call is not None
    catalog = view.module.project.catalog
    if any(is_poll(call, entry) for entry in catalog.polls(call.target)):
        # taking from the queue that was full, or the reverse, makes room for the next turn
        return call.member != poll.member and bool(key := view.key(call.receiver)) and key == view.key(poll.receiver)
    if catalog.api(call.target) is not None:
        return True
    return call.target in _RUNS_OTHERS or not call.target.startswith(_QUIET)


def _looks_out(view: FunctionView, node: Test, poll: CallSite) -> bool:
    """Whether a test looks at something that others change: a flag attribute, an event, a clock, a variable or a
    function of an outer scope."""
    asked = set(view.operands_within(poll.index))
    for index in view.operands_within(node.value):
        inner = view.nodes[index]
        if index in asked:
            continue
        if isinstance(inner, Attr):
            return True
        if isinstance(inner, Name):
            scope, _ = view.bindings(inner.id)
            if scope is not None and (scope is not view or view.is_set_inside(inner.id)):
                return True
    return False
