"""What a handler or a `suppress` catches: exception types, followed to what they stand for; and where a cancellation
can be raised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Display,
    Enter,
    Except,
    Exit,
    FunctionKind,
    Iterate,
    Name,
    Operation,
    RegionKind,
    Return,
    Starred,
    Store,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.link.project import ModuleView


class Catch(NamedTuple):
    """What a handler (or a `suppress`) catches of cancellation: `named` entries by name, `broad` ones by a base class;
    `others` are types that are neither; `unknown` says that one of them could not be resolved; `as_error` that one of
    the others is the ordinary exception with which a framework cancels."""

    named: tuple[schema.ExceptionEntry, ...]
    broad: bool
    others: int
    unknown: bool
    as_error: bool = False

    @property
    def cancels(self) -> bool:
        """Whether a cancellation is caught."""
        return bool(self.named) or self.broad

    @property
    def only_cancels(self) -> bool:
        """Whether nothing else is caught."""
        return bool(self.named) and not self.broad and not self.others


class Leaf(NamedTuple):
    """One exception type of an `except` or an `isinstance`: the node that names it, in the function where it stands,
    its qualified name ("" where that is not known), and the catalogue's entry."""

    view: FunctionView
    node: int
    name: str
    entry: schema.ExceptionEntry | None


MAX_TYPES = 200
"""Nodes that are looked at for the exception types of one handler."""


def exception_types(view: FunctionView, types: list[int]) -> Iterator[Leaf]:
    """The exception types that nodes stand for: tuples, sums and stars are taken apart, constants and functions of the
    project followed to what they hold or return."""
    pending = [(view, index) for index in types]
    for _ in range(MAX_TYPES):
        if not pending:
            return
        holder, index = pending.pop(0)
        node = holder.nodes[index]
        if isinstance(node, Display):
            pending += [(holder, item) for item in node.items]
            continue
        if isinstance(node, Starred):
            pending.append((holder, node.value))
            continue
        if isinstance(node, Operation) and node.op in ("+", "|"):
            pending += [(holder, operand) for operand in node.operands]
            continue
        name = holder.target_of(node.func if isinstance(node, Call) else index)
        entry = holder.module.project.catalog.exception(name)
        value = _held(holder, index) if entry is None else None
        if value is not None:
            pending.append(value)
            continue
        yield Leaf(holder, index, name, entry)


def _held(view: FunctionView, index: int) -> tuple[FunctionView, int] | None:
    """The expression whose value a name, an attribute of a class or a call of a project's getter has."""
    node = view.nodes[index]
    if isinstance(node, Call):
        callee = view.definition_of(node.func)
        if callee is None or callee.facts.kind is not FunctionKind.DEF or callee.is_async or callee.facts.is_generator:
            return None
        returns = [inner.value for inner in callee.nodes if isinstance(inner, Return)]
        return (callee, returns[0]) if len(returns) == 1 and returns[0] >= 0 else None
    bound: tuple[tuple[FunctionView, int], ...] = ()
    if isinstance(node, Name):
        bound = view.bindings(node.id).nodes
    elif isinstance(node, Attr):
        cls = view.definition_of(node.value)
        if cls is not None and cls.facts.kind is FunctionKind.CLASS and node.attr not in cls.attribute_stores:
            bound = tuple((cls, at) for at in cls.facts.bound.get(node.attr, ()))
    if not any(at >= 0 and isinstance(holder.nodes[at], Store) for holder, at in bound):
        # imported from another file of the project
        _, entity = view.module.project.find(view.path_of(index), view.module)
        found = getattr(entity, "bindings", ())
        bound = found if isinstance(found, tuple) else ()
    if len(bound) != 1 or bound[0][1] < 0:
        return None
    holder, at = bound[0]
    value = holder.assigned_value(at) if isinstance(holder.nodes[at], Store) else None
    if value is None or not isinstance(holder.nodes[value], (Display, Call, Operation, Name, Attr)):
        return None
    return holder, value


def caught_by(view: FunctionView, types: list[int]) -> Catch:
    """What exception types (nodes of `except …`, or arguments of `suppress`) catch."""
    named: list[schema.ExceptionEntry] = []
    broad = unknown = as_error = False
    others = 0
    for leaf in exception_types(view, types):
        if leaf.entry is None:
            others += 1
            unknown |= not leaf.name or isinstance(leaf.view.nodes[leaf.node], Call)
        elif leaf.entry.kind in (schema.ExceptionKind.CANCEL, schema.ExceptionKind.CANCEL_GETTER):
            named.append(leaf.entry)
        elif leaf.entry.kind is schema.ExceptionKind.BROAD or (
            leaf.entry.kind is schema.ExceptionKind.BROAD_GROUP and cancels_in_groups(view)
        ):
            broad = True
        else:
            others += 1
            as_error |= leaf.entry.kind is schema.ExceptionKind.CANCEL_ERROR
    return Catch(tuple(named), broad, others, unknown, as_error)


def cancels_in_groups(view: FunctionView) -> bool:
    """Whether the module's framework raises cancellations in exception groups."""
    catalog = view.module.project.catalog
    frameworks = (catalog.framework(library) for library in view.module.facts.libraries)
    return any(framework is not None and framework.in_groups for framework in frameworks)


def cancels_when_gone(view: FunctionView) -> bool:
    """Whether the module imports a framework that tells of a peer that is gone by a cancellation."""
    catalog = view.module.project.catalog
    frameworks = (catalog.framework(library) for library in view.module.facts.libraries)
    return any(framework is not None and framework.when_gone for framework in frameworks)


def cancels_with_errors(module: ModuleView) -> bool:
    """Whether the coroutines of a file are those of a framework that cancels with an ordinary exception: it imports
    one, or a file of the project that does, and none of the others."""
    own = _kinds(module)
    return own == {True} or (not own and any(_kinds(imported) == {True} for imported in module.imported_modules))


def _kinds(module: ModuleView) -> set[bool]:
    """Of the frameworks that a file imports: whether a cancellation is an ordinary exception."""
    catalog = module.project.catalog
    found = (catalog.framework(library) for library in module.facts.libraries)
    return {framework.as_error for framework in found if framework is not None}


class Handler(NamedTuple):
    """An `except` clause: its region, its node, the `try` statement's region, and what it catches."""

    region: int
    node: int
    statement: int
    catch: Catch

    def excepts(self, view: FunctionView) -> Except:
        """Its node."""
        node = view.nodes[self.node]
        assert isinstance(node, Except)
        return node

    def types(self, view: FunctionView) -> list[int]:
        """The node of what it names; none for a bare one."""
        caught = self.excepts(view).caught
        return [caught] if caught >= 0 else []


def handlers(view: FunctionView) -> Iterator[Handler]:
    """All handlers of a function, in the order of the text."""
    for index, region in enumerate(view.regions):
        if region.kind is RegionKind.HANDLER:
            yield handler_in(view, index)


def handlers_of(view: FunctionView, statement: int) -> list[Handler]:
    """The handlers of one `try` statement, in order."""
    return [
        handler_in(view, index)
        for index, region in enumerate(view.regions)
        if region.kind is RegionKind.HANDLER and region.parent == statement
    ]


def handler_in(view: FunctionView, index: int) -> Handler:
    """The handler that a region of the kind HANDLER is."""
    region = view.regions[index]
    node = view.nodes[region.node]
    assert isinstance(node, Except)
    catch = Catch((), True, 0, False) if node.caught < 0 else caught_by(view, [node.caught])
    return Handler(index, region.node, region.parent, catch)


def takes_failures(view: FunctionView, handler: Handler) -> bool:
    """Whether a handler takes every ordinary exception."""
    caught = handler.excepts(view).caught
    if caught < 0 or handler.catch.broad:
        return True
    return any(leaf.name == "builtins.Exception" for leaf in exception_types(view, [caught]))


def expects_timeout(view: FunctionView, index: int) -> bool:
    """Whether a `try` around a node catches a timeout by name: whoever wrote it counts on one."""
    return any(True for _ in timeout_handlers(view, index))


def timeout_handlers(view: FunctionView, index: int) -> Iterator[Handler]:
    """The handlers of the `try`s around a node that catch a timeout by name, innermost first."""
    for region in view.regions_around(index):
        if view.regions[region].kind is RegionKind.PROTECTED:
            for handler in handlers_of(view, view.regions[region].parent):
                leaves = exception_types(view, handler.types(view))
                if any(leaf.entry is not None and leaf.entry.kind is schema.ExceptionKind.TIMEOUT for leaf in leaves):
                    yield handler


def protected(view: FunctionView, statement: int) -> int:
    """The region of a `try` statement's own body."""
    return next(
        index
        for index, region in enumerate(view.regions)
        if region.kind is RegionKind.PROTECTED and region.parent == statement
    )


def is_cancellation_point(view: FunctionView, index: int) -> bool:
    """Whether a cancellation can be raised at a node: an await, an asynchronous `for` turn, the entry or exit of an
    `async with`. The exit of a task group or a timeout counts too; a scope entered with a plain `with` does not."""
    node = view.nodes[index]
    waits = isinstance(node, Await) or (isinstance(node, (Iterate, Enter, Exit)) and node.is_async)
    return waits and not view.module.drives_coroutines


def suppressed_types(view: FunctionView, enter: Enter) -> list[int]:
    """The exception types that a `with suppress(…)` swallows; empty where it is something else."""
    call = view.call_at(enter.context)
    if call is None or not view.module.project.catalog.is_suppressor(call.target):
        return []
    return [arg.value for arg in call.node.args]
