"""SLA functions: which functions carry a promise, and what the promise says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.flow import innermost
from cancelcheck.link.paths.scopes import bound_of_scope, scope_of
from cancelcheck.link.promises.contracts import operation_of
from cancelcheck.link.promises.marking import is_named, marker_of, matches, spelled
from cancelcheck.link.promises.outside import READING
from cancelcheck.link.values import Bound, Value, ValueKind, bound_of, evaluate
from cancelcheck.model.facts import Await, Call, Const, Enter, Exit, FunctionKind, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

TIMEOUTS = ("timeout", "timeout_ms", "timeout_s", "timeout_seconds", "deadline", "deadline_ms", "deadline_s")
"""Arguments of a marker that declare the promised time."""

COMPENSATIONS = ("compensation", "compensate", "on_cancel", "rollback")
"""Arguments of a marker that name what undoes the function."""

READ_ONLY = ("read_only", "readonly")
"""Arguments of a marker that say that there is nothing to undo."""

IDEMPOTENT = ("idempotent", "idempotency_key")
"""Arguments of a marker that say that a second call does no harm."""

RETRIES = {"retries": 0.0, "attempts": 1.0}
"""Arguments of a marker that say how often the function is called, each with the number that means once."""

_HARMLESS = ("builtins.", "logging.", "json.", "math.", "time.", "datetime.", "decimal.", "uuid.", "dataclasses.")
"""Modules whose functions touch nothing outside the process, the catalogue's waits apart."""


class Promise(NamedTuple):
    """What a function promises. `marker` is the node of the decorator in the enclosing function, -1 where a pattern of
    the settings makes it an SLA function. `opaque` says that the marker is given something that cannot be read.
    `handlers` are the nodes in the enclosing function that name what undoes it; `retried` says that the marker calls
    it again, `idempotent` that this does no harm."""

    marker: int
    timeout: Value | None
    timeout_name: str
    compensated: bool
    read_only: bool
    opaque: bool
    handlers: tuple[int, ...] = ()
    retried: bool = False
    idempotent: bool = False


def promise_of(view: FunctionView) -> Promise | None:
    """The promise of an SLA function; None for any other function."""
    if view.facts.kind is not FunctionKind.DEF:
        return None
    sla = view.module.project.settings.sla
    if not (view.facts.decorators or sla.functions or view.module.project.operations):
        return None
    parent = view.parent
    assert parent is not None
    marker = marker_of(view)
    operation = operation_of(view)
    if marker < 0 and operation is None and not is_named(view):
        return None
    timeout: Value | None = None
    timeout_name = ""
    compensated = read_only = opaque = retried = idempotent = False
    handlers: list[int] = []
    for name, index in view.decorators:
        called = name or spelled(parent, index)
        call = parent.call_at(index)
        if any(matches(pattern, called) for pattern in sla.compensation_decorators):
            compensated = True
            handlers += call.positional[:1] if call is not None else []
        if any(matches(pattern, called) for pattern in sla.idempotent_decorators):
            idempotent = True
        if call is None:
            continue
        named = [argument for argument in COMPENSATIONS if _is_set(call, argument)]
        if named:
            compensated = True
            handlers += [at for argument in named if (at := call.argument(argument)) is not None]
        if index != marker:
            continue
        idempotent |= any(_is_set(call, argument) for argument in IDEMPOTENT)
        for argument, once in RETRIES.items():
            given = call.seen_argument(argument)
            number = evaluate(parent, given) if given is not None else None
            retried |= number is not None and number.kind is ValueKind.NUMBER and number.number > once
        opaque = any(arg.star for arg in call.node.args) or bool(call.positional)
        read_only = any(_is_set(call, argument) for argument in READ_ONLY)
        for argument in TIMEOUTS:
            value = call.seen_argument(argument)
            if value is not None:
                timeout, timeout_name = evaluate(parent, value), argument
                break
    if timeout is None and operation is not None:
        timeout = Value(ValueKind.NUMBER, view, -1, number=operation.timeout_ms / 1000)
        timeout_name = operation.field
    return Promise(marker, timeout, timeout_name, compensated, read_only, opaque, tuple(handlers), retried, idempotent)


def _is_set(call: CallSite, keyword: str) -> bool:
    """Whether an argument is given, and is not written out as None, False or nothing."""
    argument = call.seen_argument(keyword)
    if argument is None:
        return False
    node = call.fn.nodes[argument]
    return not isinstance(node, Const) or bool(node.value)


def milliseconds(promise: Promise) -> float | None:
    """The promised time in milliseconds; None where it is not declared, or not a known number. The unit is read from
    the argument's name; a `timedelta` carries its own."""
    value = promise.timeout
    if value is None or value.kind is not ValueKind.NUMBER:
        return None
    in_ms = promise.timeout_name.endswith("_ms") and not value.is_duration
    return value.number if in_ms else value.number * 1000


def declares_timeout(view: FunctionView, promise: Promise) -> bool:
    """Whether a function's time is bounded by its marker, by a decorator whose name says so, or by a scope around its
    whole body. What cannot be read counts as a bound."""
    forever = (schema.Value.NONE, schema.Value.INFINITY)
    if promise.timeout is not None and bound_of(promise.timeout, forever) is not Bound.FOREVER:
        return True
    if promise.opaque:
        return True
    parent = view.parent
    assert parent is not None
    for name, index in view.decorators:
        if index != promise.marker and "timeout" in (name or spelled(parent, index)).lower():
            return True
    return body_scope(view) is not None


def body_scope(view: FunctionView) -> CallSite | None:
    """The finite timeout scope that stands around all that a function awaits and calls."""
    for index, region in enumerate(view.regions):
        if region.kind is not RegionKind.WITH:
            continue
        enter = view.nodes[region.node]
        assert isinstance(enter, Enter)
        found = scope_of(view, enter.context)
        if found is None or bound_of_scope(*found) is Bound.FOREVER:
            continue
        if all(
            view.is_inside(view.region_of(at), index) or at <= region.node
            for at, node in enumerate(view.nodes)
            if isinstance(node, (Await, Call, Enter)) or (isinstance(node, Exit) and node.enter != region.node)
        ) and not any(isinstance(node, Await) for node in view.nodes[: region.node]):
            return found[1]
    return _body_wrapper(view)


def _body_wrapper(view: FunctionView) -> CallSite | None:
    """The finite `wait_for` around the one thing that a function awaits, behind which it calls nothing."""
    awaits = [(at, node.value) for at, node in enumerate(view.nodes) if isinstance(node, Await)]
    call = view.call_at(awaits[0][1]) if len(awaits) == 1 else None
    entry = view.module.project.catalog.scope(call.target) if call is not None else None
    if call is None or entry is None or entry.entering is not schema.Entering.AWAIT:
        return None
    if entry.kind is not schema.ScopeKind.TIMEOUT or bound_of_scope(entry, call) is Bound.FOREVER:
        return None
    rest = view.nodes[awaits[0][0] + 1 :]
    return call if not any(isinstance(node, (Call, Enter, Exit)) for node in rest) else None


def scope_milliseconds(view: FunctionView) -> float | None:
    """The time, in milliseconds, of the scope that stands around all that a function awaits and calls; None where there
    is none, or it is not known."""
    call = body_scope(view)
    entry = view.module.project.catalog.scope(call.target) if call is not None else None
    if call is None or entry is None or entry.clock is not schema.Clock.RELATIVE:
        return None
    argument = call.seen_argument(entry.timeout, entry.timeout_position)
    value = evaluate(call.fn, argument) if argument is not None else None
    return value.number * 1000 if value is not None and value.kind is ValueKind.NUMBER else None


def is_compensated(view: FunctionView, promise: Promise) -> bool:
    """Whether something undoes the function: a marker, a marker's argument, or a saga step in its body."""
    if promise.compensated:
        return True
    return any(
        "compensat" in call.member.lower() or any(_is_set(call, name) for name in COMPENSATIONS) for call in view.calls
    )


def only_reads(view: FunctionView, depth: int = 6) -> bool:
    """Whether all that a function does outside the process is resolved and only reads (GET, HEAD, SELECT), and there is
    such a call. Here unknown is not innocent."""
    return effects_of(view, depth) == {"read"}


def effects_of(view: FunctionView, depth: int = 6) -> set[str]:
    """What the calls of a function do: read, write, unknown."""
    if depth <= 0:
        return {"unknown"}
    found: set[str] = set()
    catalog = view.module.project.catalog
    for call in view.calls:
        if innermost(view, call.index, RegionKind.BODY) < 0:
            continue
        api = catalog.api(call.target)
        statement = call.positional[0] if call.positional else -1
        text = view.nodes[statement] if statement >= 0 else None
        if isinstance(text, Const) and isinstance(text.value, str) and call.member.startswith(("execute", "fetch")):
            found.add("read" if READING.match(text.value) else "write")
        elif api is not None:
            found.add("read" if api.read_only else "write")
        elif call.callee is not None and call.callee is not view:
            callee = call.callee
            if callee.facts.kind is FunctionKind.CLASS:
                inner = callee.inherited("__init__")
                found |= effects_of(inner, depth - 1) if inner is not None else set()
            else:
                found |= effects_of(callee, depth - 1)
        elif catalog.has(call.target) or call.target.startswith(_HARMLESS) or _is_reply(call):
            continue
        else:
            found.add("unknown")
    return found


def _is_reply(call: CallSite) -> bool:
    """Whether a call only looks at what a reading call of the same function gave back: `response.json()`."""
    return call.member in ("json", "raise_for_status", "read", "text", "fetchone", "fetchall", "fetchmany") and (
        call.receiver >= 0
    )


def place_of(view: FunctionView, promise: Promise) -> tuple[int, int]:
    """Where a report about the promise stands: the decorator, else the `def` line."""
    parent = view.parent
    if promise.marker >= 0 and parent is not None:
        node = parent.nodes[promise.marker]
        return node.start, node.end
    return view.facts.start, view.facts.head
