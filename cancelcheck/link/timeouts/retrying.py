"""Retries: whether what calls again after a failure ever ends by itself."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import Handler, exception_types, handlers, handlers_of, protected
from cancelcheck.link.paths.flow import names_read, never_returns, start_at, steps
from cancelcheck.link.paths.reaching import chain_of
from cancelcheck.link.paths.scopes import is_bounded
from cancelcheck.link.timeouts.waits import NETWORK
from cancelcheck.link.values import Bound, bound_of, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    BlockEnd,
    Call,
    Const,
    FunctionKind,
    Iterate,
    Name,
    Operation,
    Raise,
    Return,
    Starred,
    Store,
    Test,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


# --- libraries -------------------------------------------------------------------------------------------------------


def is_endless(call: CallSite, entry: schema.Retry) -> bool:
    """Whether a library's retry, as it is set up here, goes on until it works. What cannot be seen may end it."""
    if any(arg.star and call.fn.dict_items(arg.value) is None for arg in call.node.args):
        return False
    if any(call.argument(name) is not None for name in entry.defers):
        return False
    attempts = _limit(call, entry, entry.attempts, entry.attempts_position, entry.default_attempts)
    return attempts and _limit(call, entry, entry.seconds, -1, entry.default_seconds)


def _limit(call: CallSite, entry: schema.Retry, names: tuple[str, ...], position: int, default: float | str) -> bool:
    """Whether none of these arguments limits anything; the default is that of the first."""
    if not names:
        return True
    for at, name in enumerate(names):
        argument = call.argument(name, position if at == 0 else -1)
        if argument is None:
            if at == 0 and default != "none":
                return False
            continue
        if argument < 0:
            return False
        if call.fn.module.project.catalog.canonical(call.fn.path_of(argument)) in entry.endless:
            continue
        if bound_of(evaluate(call.fn, argument), entry.forever) is not Bound.FOREVER:
            return False
    return True


def is_asked_for(call: CallSite, entry: schema.Retry) -> bool:
    """Whether a library's retry tries again only where what it tries asks for it: it is given something that says
    so."""
    catalog = call.fn.module.project.catalog
    return any(catalog.canonical(call.fn.path_of(arg.value)) in entry.asked for arg in call.node.args)


def is_one_of_several(call: CallSite) -> bool:
    """Whether whoever calls the function may give a policy of their own in place of this one: where it goes, a
    parameter goes too (`self.retry = policy`, `policy or Retry(total=None)`)."""
    fn, use = call.fn, call.use
    assigned = fn.nodes[use.node] if use.kind in ("bound", "stored") else None
    if not isinstance(assigned, Assign):
        return False
    places = _places(fn, assigned)
    return any(-1 in fn.facts.bound.get(place, ()) for place in places) or any(
        isinstance(node, Assign) and not places.isdisjoint(_places(fn, node)) and _may_be_given(fn, node.value)
        for node in fn.nodes
    )


def _places(fn: FunctionView, node: Assign) -> set[str]:
    """The plain places that an assignment binds."""
    return {key for target in node.targets if (key := fn.key(target))}


def _may_be_given(fn: FunctionView, index: int) -> bool:
    """Whether a value is a parameter, or one of several that is one."""
    node = fn.nodes[index] if index >= 0 else None
    if isinstance(node, Operation) and node.op in ("or", "if"):
        return any(_may_be_given(fn, operand) for operand in node.operands)
    return isinstance(node, Name) and -1 in fn.facts.bound.get(node.id, ())


# --- loops -----------------------------------------------------------------------------------------------------------


class Retry(NamedTuple):
    """A loop, or a call of the function itself, that tries again after a failure and never gives up. `loop` is the
    loop's region, -1 for a recursion; `at` the node that begins the next try; `tried` the call that is tried, `handler`
    what catches its failure; `sure` says that nothing unseen on the way can end it."""

    loop: int
    at: int
    tried: int
    handler: Handler
    sure: bool


_ENDLESS = frozenset({"itertools.count", "itertools.cycle", "itertools.repeat"})
"""Iterators that go on for ever."""

_STOPS = re.compile(
    r"stop|cancel|shut|quit|clos|abort|running|alive|active|deadline|expire|attempt|retr|tries|remaining|elapsed|should"
)
"""What a name is made of that says whether to go on."""

_FAILS = re.compile(r"timeout|timedout|connect|network|socket|transport|operational|integrity|unavailable")
"""What the name of an exception is made of that says that something outside failed."""

_DRIVERS = frozenset({"DatabaseError", "IntegrityError", "InterfaceError", "InternalError", "OperationalError"})
"""Exceptions that PEP 249 gives to every driver's module, and to its connections: `self.engine.module.IntegrityError`
is one whatever the module."""


def endless_retries(view: FunctionView) -> Iterator[Retry]:
    """The retries of a function that never give up, in the order of the text; one for each loop."""
    seen: set[int] = set()
    for handler in handlers(view):
        if handler.excepts(view).is_group:
            continue
        loop = next(view.loops_around(handler.node), -1)
        recursion = _calls_itself(view, handler)
        if (loop < 0 or loop in seen) and recursion < 0:
            continue
        caught = _fails_outside(view, handler)
        if caught is None:
            continue
        if recursion >= 0:
            sure = caught and not _may_end(view, view.nodes_in(handler.region), handler, skip=recursion)
            tried = _tried(view, handler)
            if not _awaits_visitor(view, tried, handler):
                yield Retry(-1, recursion, tried, handler, sure)
        if loop < 0 or loop in seen:
            continue
        found = _in_loop(view, loop, handler, sure=caught)
        if found is not None and not _awaits_visitor(view, found.tried, handler):
            seen.add(loop)
            yield found


def sleeps_between(view: FunctionView, retry: Retry) -> bool:
    """Whether a loop that tries again sleeps before it does."""
    catalog = view.module.project.catalog
    return retry.loop >= 0 and any(
        view.is_inside(view.region_of(call.index), retry.loop)
        and (api := catalog.api(call.target)) is not None
        and api.kind is schema.Kind.SLEEP
        for call in view.calls
    )


def waits_for_it(view: FunctionView) -> bool:
    """Whether a function's name says that it waits for something: what is not there yet is asked for again."""
    return view.name.strip("_").partition("_")[0] in ("await", "wait")


def says_it_waits(view: FunctionView, retry: Retry) -> bool:
    """Whether what is logged or printed in a loop that tries again says that it waits for something."""
    for call in view.calls if retry.loop >= 0 else ():
        said = view.nodes[call.positional[0]] if call.positional else None
        if isinstance(said, Const) and str(said.value).lower().startswith("waiting "):
            if call.use.kind == "dropped" and view.is_inside(view.region_of(call.index), retry.loop):
                return True
    return False


def _awaits_visitor(view: FunctionView, tried: int, handler: Handler) -> bool:
    """Whether what is tried waits for others to come (`server.accept()`), a server's own loop, or for the next thing
    that a peer has to say (`ws.receive()`), where the peer's end leaves by another handler."""
    call = view.call_at(tried)
    if call is None or not call.member.startswith(("receive", "recv")):
        return call is not None and call.member == "accept"
    for other in handlers_of(view, handler.statement):
        if other.region == handler.region:
            continue
        named = view.text(other.excepts(view).caught).lower() if other.excepts(view).caught >= 0 else ""
        leaves = any(isinstance(view.nodes[at], (Raise, Return)) for at in view.nodes_in(other.region))
        if leaves and (_FAILS.search(named) is not None or "clos" in named):
            return True
    return False


def _fails_outside(view: FunctionView, handler: Handler) -> bool | None:
    """Whether a handler catches the failure of something outside the program: surely (True), or by what is called and
    how it is named (False); None if it does not."""
    caught = handler.excepts(view).caught
    leaves = list(exception_types(view, [caught])) if caught >= 0 else []
    kinds = {leaf.entry.kind for leaf in leaves if leaf.entry is not None}
    if schema.ExceptionKind.IO in kinds:
        return True
    if schema.ExceptionKind.TIMEOUT in kinds and _network_call(view, handler) is not None:
        return True
    if caught < 0 or schema.ExceptionKind.BROAD in kinds or any(leaf.name == "builtins.Exception" for leaf in leaves):
        return True if _network_call(view, handler) is not None else None
    for leaf in leaves:
        node = leaf.view.nodes[leaf.node]
        name = node.attr if isinstance(node, Attr) else node.id if isinstance(node, Name) else ""
        if leaf.entry is None and isinstance(node, Attr) and name in _DRIVERS:
            return True
        if leaf.entry is None and _FAILS.search(name.lower()):
            return False
    return None


def _network_call(view: FunctionView, handler: Handler) -> CallSite | None:
    """A call in the `try` that waits for another machine, itself or through functions of the project."""
    for index in view.nodes_in(protected(view, handler.statement)):
        call = view.call_at(index)
        if call is not None and chain_of(call, "network", _is_network):
            return call
    return None


def _is_network(call: CallSite) -> bool:
    api = call.fn.module.project.catalog.api(call.target)
    return api is not None and api.kind in NETWORK


def _tried(view: FunctionView, handler: Handler) -> int:
    """The call that is tried: the one for another machine, else the first that is awaited, or may do more than say or
    compute something."""
    network = _network_call(view, handler)
    if network is not None:
        return network.index
    inside = sorted(view.nodes_in(protected(view, handler.statement)))  # a loop's body is a block that comes later
    calls = [call for index in inside if (call := view.call_at(index)) is not None]
    for call in calls:
        if call.is_awaited:
            return call.index
    loud = [call for call in calls if call.member not in _SAYS and not call.target.startswith(_QUIET)]
    given = {at for call in loud for arg in call.node.args for at in view.operands_within(arg.value)}
    outer = [call for call in loud if call.index not in given]
    return next((call.index for call in (*outer, *calls)), -1)


def _in_loop(view: FunctionView, loop: int, handler: Handler, *, sure: bool) -> Retry | None:
    header = view.regions[loop].node
    tested = _tested(view, header)
    if tested is None or is_bounded(view, header):
        return None
    body = protected(view, handler.statement)
    cycle = _cycle(view, loop, handler, body)
    if cycle is None:
        return None
    nodes = [index for block in sorted(cycle) for index in range(view.blocks[block].start, view.blocks[block].end)]
    stored = _stored(view, nodes)
    inside = list(view.nodes_in(loop))
    if tested & stored or not _success_leaves(view, loop, body, tested):
        return None
    if _looks_for_an_end(view, inside) or _varies(view, nodes, body) or _grows(view, nodes, _stored(view, inside)):
        return None
    return Retry(loop, header, _tried(view, handler), handler, sure and not _may_end(view, nodes, handler))


def _tested(view: FunctionView, header: int) -> set[str] | None:
    """The locals by which a loop is left at its head; None where something else ends it: an iterator, a flag that
    others set."""
    node = view.nodes[header]
    if isinstance(node, Iterate):
        call = view.call_at(node.iterable)
        return set() if call is not None and call.target in _ENDLESS and not node.is_async else None
    assert isinstance(node, Test)
    if isinstance(view.nodes[node.value], Const):
        return set()
    for index in view.operands_within(node.value):
        inner = view.nodes[index]
        if isinstance(inner, (Call, Attr, Await)):
            return None
        if isinstance(inner, Name):
            scope, bound = view.bindings(inner.id)
            if scope is not view or any(at < 0 for _, at in bound):
                return None
    return names_read(view, node.value)


def _cycle(view: FunctionView, loop: int, handler: Handler, body: int) -> set[int] | None:
    """The blocks of all ways from a handler round to the next try; None where one of them leaves the loop, or none
    comes round."""
    header = view.regions[loop].entry
    first = start_at(view, view.regions[handler.region].entry)
    seen = {first}
    pending = deque([first])
    blocks: set[int] = set()
    comes_round = False
    while pending:
        place = pending.popleft()
        block = view.blocks[place.block]
        if view.is_inside(block.region, body):
            comes_round = True
            continue
        blocks.add(place.block)
        if any(isinstance(view.nodes[at], Raise) or never_returns(view, at) for at in range(block.start, block.end)):
            return None
        if block.ends is BlockEnd.RETURN:
            return None
        targets = list(steps(view, place))
        if place.block == header or _is_head(view, place.block, loop):
            targets = [target for target in targets if view.is_inside(view.blocks[target.block].region, loop)]
        for target in targets:
            if not view.is_inside(view.blocks[target.block].region, loop):
                return None
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return blocks if comes_round else None


def _is_head(view: FunctionView, block: int, loop: int) -> bool:
    """Whether the loop's own test or iterator ends a block: its way out is not counted."""
    header = view.regions[loop].node
    body = view.blocks[block]
    return body.start <= header < body.end


def _success_leaves(view: FunctionView, loop: int, body: int, tested: set[str]) -> bool:
    """Whether the loop is left when the try works: no way from its beginning comes round without an error, but for one
    that sets what the loop tests."""
    header = view.regions[loop].entry
    first = start_at(view, view.regions[body].entry)
    seen = {first}
    pending = deque([first])
    while pending:
        place = pending.popleft()
        block = view.blocks[place.block]
        nodes = range(block.start, block.end)
        if tested & _stored(view, nodes) or any(_throws(view, at) for at in nodes):
            continue
        for target in steps(view, place):
            if target.block == header or _is_head(view, target.block, loop):
                return False
            inside = view.is_inside(view.blocks[target.block].region, loop)
            if inside and target not in seen:
                seen.add(target)
                pending.append(target)
    return True


def _throws(view: FunctionView, index: int) -> bool:
    """Whether a node is a call of a library that is known to raise always. A project function that never returns is
    more often a loop of its own."""
    call = view.call_at(index)
    return call is not None and view.module.project.catalog.never_returns(call.target)


def _stored(view: FunctionView, nodes: Iterable[int]) -> set[str]:
    return {node.id for index in nodes if isinstance(node := view.nodes[index], Store)}


def _looks_for_an_end(view: FunctionView, nodes: list[int]) -> bool:
    """Whether a name in the loop says whether to go on, or a test there reads a clock."""
    catalog = view.module.project.catalog
    for index in nodes:
        node = view.nodes[index]
        if isinstance(node, Name) and _STOPS.search(node.id.lower()):
            return True
        if isinstance(node, Attr) and _STOPS.search(node.attr.lower()) and not _is_logged(view, index):
            return True
        if isinstance(node, Call):
            call = view.call_at(index)
            assert call is not None
            if catalog.clock(call.target) is not None:
                return True
    return False


def _is_logged(view: FunctionView, index: int) -> bool:
    """Whether an attribute is a method that is called: `socket.close()` is no flag."""
    call = view.call_at(view.nodes[index].parent)
    return call is not None and call.node.func == index


def _varies(view: FunctionView, nodes: list[int], body: int) -> bool:
    """Whether the next try is another one: it reads what the way to it has changed."""
    changed = _stored(view, nodes)
    return any(isinstance(node := view.nodes[index], Name) and node.id in changed for index in view.nodes_in(body))


def _grows(view: FunctionView, nodes: list[int], stored: set[str]) -> bool:
    """Whether the way to the next try waits for a time that is computed, or that the loop changes."""
    for index in nodes:
        call = view.call_at(index)
        if call is None:
            continue
        api = view.module.project.catalog.api(call.target)
        asleep = api is not None and api.kind is schema.Kind.SLEEP
        if not asleep and not any(word in call.member.lower() for word in ("sleep", "backoff", "delay", "wait")):
            continue
        if not asleep:
            return True
        for arg in call.node.args:
            for inner in view.operands_within(arg.value):
                node = view.nodes[inner]
                if isinstance(node, Call) or (isinstance(node, Name) and node.id in stored):
                    return True
    return False


_QUIET = ("builtins.", "logging.", "time.", "random.", "traceback.", "warnings.", "sys.std", "math.", "json.")
"""Modules whose functions end no loop."""

_SAYS = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print", "write", "trace"}
)
"""Methods that say what happened."""

_GIVES_BACK = frozenset({"close", "disconnect", "shutdown", "rollback", "reset", "clear", "append", "format", "join"})


def _may_end(view: FunctionView, nodes: Iterable[int], handler: Handler, skip: int = -1) -> bool:
    """Whether one of these calls may end the retry by what it raises: it is not known to say, to sleep or to clean up
    only."""
    catalog = view.module.project.catalog
    for index in nodes:
        call = view.call_at(index)
        if call is None or index == skip:
            continue
        if call.member in _SAYS or call.member in _GIVES_BACK or call.target.startswith(_QUIET):
            continue
        api = catalog.api(call.target)
        if api is not None and (api.kind is schema.Kind.SLEEP or api.kind not in NETWORK):
            continue
        callee = call.callee
        if callee is not None and callee.facts.kind is FunctionKind.DEF:
            raises = any(isinstance(node, Raise) for node in callee.nodes) or any(map(_runs_out, callee.calls))
            if not raises and not chain_of(call, "network", _is_network):
                continue
        return True
    return False


def _runs_out(call: CallSite) -> bool:
    """Whether a call takes the next one of what may have no more: `next(mirrors)`."""
    return call.target == "builtins.next" and len(call.positional) == 1


def _calls_itself(view: FunctionView, handler: Handler) -> int:
    """The call by which a handler begins the whole function again, with what it was given; -1 if there is none, or a
    condition stands before it."""
    if view.facts.kind is not FunctionKind.DEF:
        return -1
    for index in view.nodes_in(handler.region):
        call = view.call_at(index)
        if call is None or call.member != view.name or call.callee is not view:
            continue
        if view.region_of(index) != handler.region or any(
            isinstance(view.nodes[at], Test) for at in view.nodes_in(handler.region)
        ):
            continue
        same = all(_is_as_given(view, arg.value) for arg in call.node.args)
        use = call.use
        if use.kind == "awaited":
            use = view.use(use.node)
        if same and use.kind in ("returned", "dropped", "bound"):
            return index
    return -1


def _is_as_given(view: FunctionView, index: int) -> bool:
    """Whether a node is a parameter that the function does not change."""
    node = view.nodes[index]
    if isinstance(node, Starred):
        return _is_as_given(view, node.value)
    return isinstance(node, Name) and view.facts.bound.get(node.id) == [-1] and not _STOPS.search(node.id.lower())
