"""Scopes: which `with` block or wrapper bounds a wait, and which are open at a node. A scope bounds awaits, never a
blocking call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.conditions import are_apart
from cancelcheck.link.values import Bound, bound_of, evaluate
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Call,
    Const,
    Enter,
    FunctionKind,
    Name,
    Operation,
    RegionKind,
    Return,
    StoreAttr,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


def scope_of(view: FunctionView, index: int) -> tuple[schema.Scope, CallSite] | None:
    """The catalogue's scope that a node makes, and the call that makes it; through a local that is bound to it."""
    call = view.call_at(index) or _maker(view, index)
    if call is None:
        return None
    entry = view.module.project.catalog.scope(call.target)
    return (entry, call) if entry is not None else None


def _maker(view: FunctionView, index: int) -> CallSite | None:
    """The call that makes what a place holds: its one value, or all that the instance in it comes from."""
    holder, value = view.variable_at(index) or (view, -1)
    call = holder.call_at(value)
    instance = view.instance(index) if call is None else None
    origins = instance.origins if instance is not None and instance.complete else ()
    return origins[0] if len(origins) == 1 else call


class Held(NamedTuple):
    """A scope that is open at a node: its entry, the call that makes it, the `with` item that enters it, and through
    which of the project's own context managers it came, outermost first."""

    scope: schema.Scope
    call: CallSite
    enter: int
    through: tuple[CallSite, ...] = ()


MAX_MANAGERS = 4
"""Context managers of the project that are followed into each other to the scope that the innermost one enters."""


def scopes_open_at(view: FunctionView, index: int, depth: int = MAX_MANAGERS) -> Iterator[Held]:
    """The scopes that are open at a node, innermost first: those of the `with` blocks around it, those that a context
    manager of the project enters and holds, and those that were entered on an exit stack."""
    for region in view.regions_around(index):
        facts = view.regions[region]
        if facts.kind is not RegionKind.WITH or facts.node == index:
            continue
        enter = view.nodes[facts.node]
        assert isinstance(enter, Enter)
        found = scope_of(view, enter.context)
        if found is not None:
            yield Held(*found, facts.node)
            continue
        yield from _scopes_on_stack(view, facts.node, index)
        if depth > 0:
            held = held_by_manager(view, enter, facts.node, depth)
            if held is not None:
                yield held


def _scopes_on_stack(view: FunctionView, enter: int, index: int) -> Iterator[Held]:
    """The scopes that are entered on an exit stack, itself entered at `enter`, before a node."""
    node = view.nodes[enter]
    assert isinstance(node, Enter)
    around = set(view.regions_around(index))
    for call in reversed(view.calls_on.get(view.key(node.target), ())):
        # entered on each way to the node: before it, in a block that lies around it
        if call.index < index and call.member in _STACKING and view.region_of(call.index) in around:
            for given in call.positional[:1]:
                made = scope_of(view, given)
                if made is not None:
                    yield Held(*made, call.index)


_STACKING = frozenset({"enter_context", "enter_async_context"})
"""Methods of exit stacks that enter what they are given."""


def held_by_manager(view: FunctionView, enter: Enter, index: int, depth: int) -> Held | None:
    """The scope that is open in the block of a context manager of the project."""
    call = view.call_at(enter.context)
    callee = call.callee if call is not None else None
    if call is None or callee is None:
        return None
    if callee.facts.kind is FunctionKind.CLASS:
        return _held_by_class(callee, call, index, enter.is_async)
    for at, _ in callee.all_of(Yield) if callee.has_role("contextmanager") else ():
        held = next(scopes_open_at(callee, at, depth - 1), None)
        if held is not None:
            return Held(held.scope, held.call, index, (call, *held.through))
    return None


def _held_by_class(cls: FunctionView, call: CallSite, index: int, is_async: bool) -> Held | None:
    """The scope that a class's entry method enters by hand and leaves open."""
    method = cls.inherited("__aenter__" if is_async else "__enter__")
    if method is None or any(inner.member in ("__aexit__", "__exit__") for inner in method.calls):
        return None
    for inner in method.calls:
        made = inner.positional[:1] if inner.member in _STACKING else []
        for at in [inner.receiver] if inner.member in ("__aenter__", "__enter__") else made:
            found = scope_of(method, at)
            if found is not None:
                return Held(*found, index, (call,))
    return None


def is_disarmed(view: FunctionView, held: Held) -> bool:
    """Whether a scope is surely without a deadline for some of its time: it never had one, or the function takes it
    away (`cm.reschedule(None)`, `scope.deadline = math.inf`)."""
    if held.scope.kind is schema.ScopeKind.TIMEOUT and bound_of_scope(held.scope, held.call) is Bound.FOREVER:
        return True
    enter = view.nodes[held.enter]
    name = (view.key(enter.target) or view.key(enter.context)) if isinstance(enter, Enter) else ""
    moved = (call for call in view.calls_on.get(name, ()) if call.member in ("reschedule", "update"))
    if any(_may_be_endless(view, at) for call in moved for at in call.positional[:1]):
        return True
    return any(
        not node.op
        and any(is_deadline_of(view, target, name) for target in node.targets)
        and _may_be_endless(view, node.value)
        for _, node in view.all_of(Assign)
    )


def is_deadline_of(view: FunctionView, index: int, name: str) -> bool:
    """Whether a node sets the deadline of the scope that bears this name."""
    return isinstance(view.nodes[index], StoreAttr) and view.key(index) == f"{name}.deadline"


def _may_be_endless(view: FunctionView, index: int) -> bool:
    """Whether a point in time may be "never": it is, or it is a name for something that is not seen."""
    if bound_of(evaluate(view, index), (schema.Value.NONE, schema.Value.INFINITY)) is Bound.FOREVER:
        return True
    return isinstance(view.nodes[index], (Name, Attr, Call))


def scopes_around(view: FunctionView, index: int) -> Iterator[tuple[schema.Scope, CallSite]]:
    """The scopes of the `with` blocks around a node of this function, innermost first."""
    for region in view.regions_around(index):
        if view.regions[region].kind is RegionKind.WITH:
            enter = view.nodes[view.regions[region].node]
            assert isinstance(enter, Enter)
            found = scope_of(view, enter.context)
            if found is not None:
                yield found


def bound_of_scope(scope: schema.Scope, call: CallSite) -> Bound:
    """Whether a scope ends what is in it. One that is rescheduled, or whose deadline is set later, is not known."""
    argument = call.argument(scope.timeout, scope.timeout_position)
    if argument is None:
        # a bare CancelScope() can be cancelled, or given a deadline, at any time
        return Bound.UNKNOWN if scope.kind is schema.ScopeKind.CANCEL else Bound.FOREVER
    if argument < 0:
        return Bound.UNKNOWN
    return bound_of(evaluate(call.fn, argument), scope.forever)


def is_shield(scope: schema.Scope, call: CallSite) -> bool:
    """Whether a scope keeps what is in it from being cancelled by those around it."""
    return scope.kind is schema.ScopeKind.SHIELD or is_made_to_shield(call)


def is_made_to_shield(call: CallSite) -> bool:
    """Whether a scope is made with `shield=True`."""
    node = call.fn.node_at(call.argument("shield"))
    return isinstance(node, Const) and node.value is True


def is_bounded(view: FunctionView, index: int, depth: int = 3) -> bool:
    """Whether an awaited node surely or possibly ends: a scope that is not endless stands around it, or it is wrapped
    by one (`wait_for`), or, in a private function all of whose uses are seen, around every call."""
    for scope, call in scopes_around(view, index):
        if bound_of_scope(scope, call) is not Bound.FOREVER:
            return True
    if any(
        view.regions[region].kind is RegionKind.WITH and _may_bound(view, view.regions[region].node)
        for region in view.regions_around(index)
    ):
        return True
    return _is_wrapped(view, index) or (depth > 0 and _every_caller_bounds(view, depth))


def _is_wrapped(view: FunctionView, index: int) -> bool:
    """Whether an awaitable is handed to something that bounds it: directly, in a collection, or by a local."""
    at = index
    while at >= 0:
        use = view.use(at)
        if use.kind == "argument":
            wrapper = view.call_at(use.node)
            assert wrapper is not None
            entry = view.module.project.catalog.scope(wrapper.target)
            if entry is not None and bound_of_scope(entry, wrapper) is not Bound.FOREVER:
                return True
            if _is_given_time(wrapper, at):
                return True
            at = use.node
        elif use.kind in ("awaited", "element"):
            at = use.node
        elif at == index:
            return any(_is_wrapped(view, read) for read in view.names_read.get(use.name, ()) if read > index)
        else:
            break
    return False


_TIMES = ("timeout", "deadline")


def _is_given_time(wrapper: CallSite, awaitable: int) -> bool:
    """Whether a call that is handed an awaitable is handed a time for it, too: by a keyword, or a parameter of the
    project's function, that says so, and not None."""
    if wrapper.fn.module.project.catalog.has(wrapper.target):
        return False  # the catalogue says what it does with it
    fn = wrapper.fn
    params = [param.name for param in wrapper.callee.facts.params] if wrapper.callee is not None else []
    if wrapper.callee is not None and params[:1] == [wrapper.callee.self_name]:
        params = params[1:]
    for at, arg in enumerate(wrapper.node.args):
        name = arg.keyword or (params[at] if at < len(params) else "")
        node = fn.nodes[arg.value]
        none = isinstance(node, Const) and node.kind == "none"
        if arg.value != awaitable and not none and any(word in name.lower() for word in _TIMES):
            return True
    return False


def is_bounded_instead(call: CallSite) -> bool:
    """Whether the other arm of a condition makes the very same call, and bounds it: whoever sets what is asked decides
    (`if self.timeout: await wait_for(read(), self.timeout)`, `else: await read()`)."""
    view = call.fn
    text = view.module.source.text[call.node.start : call.node.end]
    return any(
        view.module.source.text[other.node.start : other.node.end] == text
        and _is_wrapped(view, other.index)
        and are_apart(view, call.index, other.index)
        for other in view.calls_on.get(view.key(call.receiver), ())
    )


def _may_bound(view: FunctionView, index: int) -> bool:
    """Whether a `with` that makes no scope of the catalogue enters one all the same: one that was made elsewhere, also
    by a function of the project, the project's own context manager that yields inside one, or what says by its name
    that it is one."""
    enter = view.nodes[index]
    assert isinstance(enter, Enter)
    catalog = view.module.project.catalog
    call = view.call_at(enter.context)
    if call is None:
        holder, value = view.variable_at(enter.context) or (view, enter.context)
        chosen = holder.nodes[value]
        if isinstance(chosen, Operation) and chosen.op == "if":
            made = (scope_of(holder, each) for each in chosen.operands[1:])
            return any(found is not None and bound_of_scope(*found) is not Bound.FOREVER for found in made)
        instance = view.instance(enter.context)
        return instance is not None and not instance.origins and catalog.scope(instance.catalog_type()) is not None
    callee = call.callee
    if callee is None:
        known = catalog.has(call.target)
        return not known and any(word in call.member.lower() for word in ("timeout", "deadline", "fail_after"))
    for at, node in enumerate(callee.nodes):
        if isinstance(node, Return):
            returned = scope_of(callee, node.value)
            if returned is not None and bound_of_scope(*returned) is not Bound.FOREVER:
                return True
        elif isinstance(node, Yield):
            if any(bound_of_scope(*found) is not Bound.FOREVER for found in scopes_around(callee, at)):
                return True
    return False


def _every_caller_bounds(view: FunctionView, depth: int) -> bool:
    if not view.is_nested and not (view.name.startswith("_") and not view.name.startswith("__")):
        return False
    # what it calls of itself is bounded as it is
    callers = [(user, call) for user, call in references(view) if user is not view]
    return bool(callers) and all(call is not None and is_bounded(user, call.index, depth - 1) for user, call in callers)


def references(view: FunctionView) -> Iterator[tuple[FunctionView, CallSite | None]]:
    """Where this module mentions a function by its name: the calls of it, None for any other mention. A method counts
    as mentioned by every attribute of its name."""
    is_method = view.owner is not None
    for user, index in view.module.mentions(view.name, of_method=is_method):
        if not is_method and user.definition_of(index) is not view:
            continue
        call = user.call_at(user.nodes[index].parent)
        yield (user, call if call is not None and call.node.func == index else None)
