"""Follows a value to the type that it is an instance of, and to the calls that made it.

Through locals, `with … as`, module globals, attributes set in any method, annotations, conditionals, `await`, factories
of the project. Where two ways disagree, or one of them cannot be followed, the type is unknown; `None` beside a type is
that type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    Call,
    Const,
    Define,
    Display,
    Enter,
    FunctionKind,
    Import,
    Name,
    Operation,
    Return,
    Store,
    Subscript,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_TRANSPARENT = frozenset(
    {
        "typing.Annotated",
        "typing.ClassVar",
        "typing.Final",
        "typing.Optional",
        "typing.Required",
        "typing.NotRequired",
        "typing_extensions.Annotated",
        "dataclasses.InitVar",
    }
)
"""Annotations that are about their first argument."""


class Instance:
    """An instance of `type` (a qualified name). `view` is its class in the project; `origins` the constructor calls
    that were seen, `complete` whether these are all there are."""

    __slots__ = ("complete", "near", "origins", "type", "view")

    def __init__(
        self,
        type: str,
        near: FunctionView,
        *,
        view: FunctionView | None = None,
        origins: tuple[CallSite, ...] = (),
        complete: bool = False,
    ) -> None:
        self.type = type
        self.near = near
        self.view = view
        self.origins = origins
        self.complete = complete

    def __repr__(self) -> str:
        return f"<instance of {self.type}>"

    def member(self, name: str) -> tuple[str, FunctionView | None]:
        """Qualified name of a method, and its function in the project; the name is "" where a base is not known."""
        catalog = self.near.module.project.catalog
        if self.view is None:
            return catalog.canonical(f"{self.type}.{name}"), None
        method = self.view.inherited(name)
        if method is not None:
            return method.qualname, method
        for outside in self.view.ancestry[1]:
            if outside and catalog.knows_type(outside):
                return catalog.canonical(f"{outside}.{name}"), None
        return "", None

    def catalog_type(self) -> str:
        """The catalogue's type that it is, or inherits from; "" if there is none."""
        catalog = self.near.module.project.catalog
        for name in (self.type, *(self.view.ancestry[1] if self.view is not None else ())):
            if name and catalog.knows_type(name):
                return catalog.canonical(name)
        return ""


def instance_of(view: FunctionView, index: int) -> Instance | None:
    """The instance that the value of a node is; None where it is not known."""
    cache = view.module.instance_cache
    key = (view.index, index)
    if key in cache:
        return cache[key]
    guard = view.module.project.guard
    mark = (view.module.source.path, *key)
    if mark in guard.instances:
        return guard.instances[mark]
    if not guard.enter(mark):
        return None
    try:
        found = _instance_of(view, index)
    finally:
        guard.leave(mark)
    if guard.is_settled:
        cache[key] = found
    else:
        guard.instances[mark] = found
    return found


def _instance_of(view: FunctionView, index: int) -> Instance | None:
    node = view.nodes[index]
    match node:
        case Call():
            return _of_call(view, index)
        case Await():
            return instance_of(view, node.value)
        case Name():
            return _of_name(view, node.id)
        case Attr():
            return _of_attribute(view, node)
        case Operation(op="or" | "if" | "and"):
            operands = node.operands[1:] if node.op == "if" else node.operands
            return _joined([(view, operand) for operand in operands], lenient=True)
        case Assign(op=":="):
            return instance_of(view, node.value)
    return None


def _joined(values: list[tuple[FunctionView, int]], *, lenient: bool = False) -> Instance | None:
    """One instance out of several values that may be meant; `None` values do not count. `lenient`: values that are not
    known do not spoil it, but the origins are then incomplete (`client or httpx.Client()`)."""
    found: list[Instance] = []
    unknown = False
    for view, index in values:
        node = view.nodes[index]
        if isinstance(node, Const) and node.kind in ("none", "bool"):
            continue
        instance = instance_of(view, index)
        if instance is None:
            if not lenient:
                return None
            unknown = True
        else:
            found.append(instance)
    return _merged(found, unknown)


def _merged(found: list[Instance], unknown: bool = False) -> Instance | None:
    if not found or any(other.type != found[0].type for other in found):
        return None
    if len(found) == 1 and not unknown:
        return found[0]
    return Instance(
        found[0].type,
        found[0].near,
        view=found[0].view,
        origins=tuple(origin for instance in found for origin in instance.origins),
        complete=not unknown and all(instance.complete for instance in found),
    )


def _of_super(view: FunctionView) -> Instance | None:
    """`super()` of a class with one base. With several, what comes next is for the subclass to say."""
    owner = view.owner
    if owner is None or len(owner.bases) != 1:
        return None
    name, base = owner.bases[0]
    if base is not None:
        return Instance(base.qualname, view, view=base)
    return Instance(name, view) if name and view.module.project.catalog.knows_type(name) else None


def _of_call(view: FunctionView, index: int) -> Instance | None:
    call = view.call_at(index)
    assert call is not None
    catalog = view.module.project.catalog
    target = call.target
    if target == "builtins.super" and not call.node.args:
        return _of_super(view)
    if target:
        produced = catalog.produces(target)
        if produced is not None and produced.returns:
            return Instance(catalog.canonical(produced.returns), view, origins=(call,), complete=True)
        if catalog.knows_type(target):
            return Instance(catalog.canonical(target), view, origins=(call,), complete=True)
        spawner = catalog.spawner(target)
        if spawner is not None and spawner.returns:
            return Instance(catalog.canonical(spawner.returns), view, origins=(call,), complete=True)
        api = catalog.api(target)
        if api is not None and api.returns:
            return Instance(catalog.canonical(api.returns), view, origins=(call,), complete=True)
    callee = call.callee
    if callee is None:
        return None
    if callee.facts.kind is FunctionKind.CLASS:
        return Instance(callee.qualname, view, view=callee, origins=(call,), complete=True)
    return returned_instance(callee)


def returned_instance(callee: FunctionView) -> Instance | None:
    """What a project function returns: by its annotation, else by its `return` statements."""
    parent = callee.parent
    if callee.facts.is_generator and not callee.has_role("contextmanager"):
        return None
    if parent is not None and callee.facts.returns >= 0 and not callee.facts.is_generator:
        annotated = annotated_instance(parent, callee.facts.returns)
        if annotated is not None:
            return annotated
    if callee.facts.is_generator:
        return None
    returns = [(callee, node.value) for node in callee.nodes if isinstance(node, Return) and node.value >= 0]
    return _joined(returns) if returns else None


def annotated_instance(view: FunctionView, index: int) -> Instance | None:
    """What an annotation says. `Optional[X]`, `X | None`, `Annotated[X, …]` are X; other unions are unknown."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "|":
        found = [annotated_instance(view, part) for part in node.operands if not _is_none(view, part)]
        return found[0] if len(found) == 1 else None
    if isinstance(node, Subscript):
        path = view.module.project.catalog.canonical(view.path_of(node.value))
        inner = view.nodes[node.index]
        if path in ("typing.Union", "types.UnionType") and isinstance(inner, Display):
            parts = [part for part in inner.items if not _is_none(view, part)]
            return annotated_instance(view, parts[0]) if len(parts) == 1 else None
        if path in _TRANSPARENT:
            return annotated_instance(view, inner.items[0] if isinstance(inner, Display) else node.index)
        return annotated_instance(view, node.value)
    if not isinstance(node, (Name, Attr)):
        return None
    definition = view.definition_of(index)
    if definition is not None:
        if definition.facts.kind is not FunctionKind.CLASS:
            return None
        return Instance(definition.qualname, view, view=definition)
    target = view.target_of(index)
    if target and view.module.project.catalog.knows_type(target):
        return Instance(view.module.project.catalog.canonical(target), view)
    return None


def _is_none(view: FunctionView, index: int) -> bool:
    node = view.nodes[index]
    return isinstance(node, Const) and node.kind == "none"


def _of_name(view: FunctionView, name: str) -> Instance | None:
    scope, nodes = view.bindings(name)
    if scope is None or not nodes:
        return None
    return _of_bindings(name, list(nodes))


def _of_bindings(name: str, nodes: list[tuple[FunctionView, int]]) -> Instance | None:
    found: list[Instance] = []
    unknown = False
    for holder, index in nodes:
        if index < 0:
            instance = _of_parameter(holder, name)
        else:
            node = holder.nodes[index]
            if isinstance(node, Import):
                instance = _of_import(holder, node, name)
            elif isinstance(node, Store):
                if holder.stores_none(index):
                    continue
                instance = _of_store(holder, index)
            else:
                instance = None
        if instance is None:
            # a parameter that is replaced by an instance where it is None is that instance
            if index < 0:
                unknown = True
                continue
            return None
        found.append(instance)
    return _merged(found, unknown)


def _of_import(view: FunctionView, node: Import, name: str) -> Instance | None:
    path = next((target for local, target in node.names if local == name), "")
    found, entity = view.module.project.find(path, view.module)
    bindings = getattr(entity, "bindings", None)
    if not isinstance(bindings, tuple):
        return None
    guard = view.module.project.guard
    key = ("import", view.module.source.path, view.index, path)
    if not guard.enter(key):
        return None  # files that import a name from each other
    try:
        return _of_bindings(found.rpartition(".")[2], list(bindings))
    finally:
        guard.leave(key)


def _of_parameter(view: FunctionView, name: str) -> Instance | None:
    if view.self_name == name and view.owner is not None:
        owner = view.owner
        return Instance(owner.qualname, view, view=owner)
    param = view.param(name)
    parent = view.parent
    if param is None or parent is None or param.annotation < 0:
        return None
    return annotated_instance(parent, param.annotation)


def _of_store(view: FunctionView, index: int) -> Instance | None:
    parent = view.nodes[index].parent
    node = view.nodes[parent] if parent >= 0 else None
    if isinstance(node, Assign):
        if node.op not in ("", ":="):
            return None
        if node.value >= 0:
            found = instance_of(view, node.value)
            if found is not None:
                return found
        return annotated_instance(view, node.annotation) if node.annotation >= 0 else None
    if isinstance(node, Enter) and node.target == index:
        return entered_instance(view, node.context)
    return None


def entered_instance(view: FunctionView, context: int) -> Instance | None:
    """What `with context as x` binds: what the catalogue says, what a project's `@contextmanager` yields by its
    annotation, else the context manager itself."""
    catalog = view.module.project.catalog
    call = view.call_at(context)
    if call is not None and call.target:
        produced = catalog.produces(call.target)
        if produced is not None and produced.enters:
            return Instance(catalog.canonical(produced.enters), view, origins=(call,), complete=True)
        scope = catalog.scope(call.target)
        if scope is not None and scope.enters:
            return Instance(catalog.canonical(scope.enters), view, origins=(call,), complete=True)
    if call is not None and call.callee is not None and call.callee.has_role("contextmanager"):
        callee = call.callee
        parent = callee.parent
        node = parent.nodes[callee.facts.returns] if parent is not None and callee.facts.returns >= 0 else None
        if parent is not None and isinstance(node, Subscript):
            inner = parent.nodes[node.index]
            return annotated_instance(parent, inner.items[0] if isinstance(inner, Display) else node.index)
        return None
    instance = instance_of(view, context)
    if instance is not None and instance.view is not None and not instance.catalog_type():
        enter = instance.view.inherited("__aenter__") or instance.view.inherited("__enter__")
        if enter is None:
            return None
        return returned_instance(enter)
    return instance


def _of_attribute(view: FunctionView, node: Attr) -> Instance | None:
    path = view.path_of(node.value)
    if path:
        # a global of another module: `settings.client`
        found, entity = view.module.project.find(f"{path}.{node.attr}", view.module)
        bindings = getattr(entity, "bindings", None)
        if isinstance(bindings, tuple):
            return _of_bindings(found.rpartition(".")[2], list(bindings))
    owner = instance_of(view, node.value)
    if owner is None:
        return None
    if owner.view is not None:
        found_attribute = attribute_instance(owner.view, node.attr)
        if found_attribute is not None:
            return found_attribute
    outside = owner.catalog_type()
    if outside:
        catalog = view.module.project.catalog
        produced = catalog.produces(f"{outside}.{node.attr}")
        if produced is not None and produced.returns:
            return Instance(catalog.canonical(produced.returns), view)
    return None


def attribute_instance(owner: FunctionView, name: str) -> Instance | None:
    """What `self.<name>` is: by what any method of the class (or of a base) stores there, else by its annotation in the
    class body or what a property returns."""
    for cls in owner.ancestry[0]:
        stored: list[Instance] = []
        unknown = False
        for view, index in cls.attribute_stores.get(name, ()):
            parent = view.nodes[index].parent
            node = view.nodes[parent] if parent >= 0 else None
            if not isinstance(node, Assign) or node.op or node.value < 0 or index not in node.targets:
                value = None
            else:
                if _is_none(view, node.value):
                    continue
                value = instance_of(view, node.value)
                if value is None and node.annotation >= 0:
                    value = annotated_instance(view, node.annotation)
            if value is None:
                unknown = True
            else:
                stored.append(value)
        declared = _declared(cls, name)
        if stored:
            return _merged(stored, unknown) if not unknown or declared is None else declared
        if declared is not None:
            return declared
        if unknown:
            return None
    return None


def _declared(cls: FunctionView, name: str) -> Instance | None:
    for index in reversed(cls.facts.bound.get(name, ())):
        node = cls.nodes[index] if index >= 0 else None
        if isinstance(node, Store):
            parent = cls.nodes[node.parent] if node.parent >= 0 else None
            if isinstance(parent, Assign) and parent.annotation >= 0:
                return annotated_instance(cls, parent.annotation)
            if isinstance(parent, Assign) and parent.value >= 0:
                return instance_of(cls, parent.value)
        if isinstance(node, Define):
            member = cls.module.functions[node.function]
            if member.has_role("property"):
                return returned_instance(member)
    return None
