"""Follows a value to the type that it is an instance of, and to the calls that made it.

Through locals, `with … as`, module globals, class attributes and attributes set in any method, annotations, fields,
conditionals, `await`, items of containers, the project's factories, properties and context managers, dependencies that
a framework injects, test fixtures, and what all callers of a private function give it. Where two ways disagree, or one
of them cannot be followed, the type is unknown; `None` beside a type is that type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.link import containers
from cancelcheck.link.paths.conditions import types_told
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
    Iterate,
    Lambda,
    Name,
    Operation,
    Param,
    ParamKind,
    Return,
    Store,
    Subscript,
    Unpack,
    Yield,
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
    that were seen, `complete` whether these are all there are. `own`: it is `self`, so of a subclass where the method
    is called on one."""

    __slots__ = ("complete", "near", "origins", "own", "type", "view")

    def __init__(
        self,
        type: str,
        near: FunctionView,
        *,
        view: FunctionView | None = None,
        origins: tuple[CallSite, ...] = (),
        complete: bool = False,
        own: bool = False,
    ) -> None:
        self.type = type
        self.near = near
        self.view = view
        self.origins = origins
        self.complete = complete
        self.own = own

    def __repr__(self) -> str:
        return f"<instance of {self.type}>"

    def member(self, name: str) -> tuple[str, FunctionView | None]:
        """Qualified name of a method, and its function in the project; the name is "" where a base is not known."""
        catalog = self.near.module.project.catalog
        if self.view is None:
            return catalog.member(self.type, name), None
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
    found = _followed(view, index)
    if found is None and view.types_asked and isinstance(view.nodes[index], (Name, Attr)):
        return _told_type(view, index) if view.key(index) in view.types_asked else None
    return found


def _followed(view: FunctionView, index: int) -> Instance | None:
    """The same, by what a node stands for, wherever it is read."""
    node = view.nodes[index]
    if not isinstance(node, _FOLLOWED):
        return None
    scope = None
    if isinstance(node, Name):
        scope = view.bindings(node.id).scope
        if scope is None:
            return None
        if node.id in scope.instances_of_names:
            return scope.instances_of_names[node.id]
    cache = view.module.instance_cache
    key = (view.index, index)
    if key in cache:
        return cache[key]
    if isinstance(node, Attr):
        told, at = view.told_at(index)
        if at != index or told is not view:
            return _followed(told, at)
    guard = view.module.project.guard
    mark = (view.module.source.path, *key)
    if not guard.is_settled and mark in guard.instances:
        return guard.instances[mark]
    if not guard.enter(mark):
        return None
    try:
        found = _instance_of(view, index)
        is_same = guard.is_settled
    finally:
        guard.leave(mark)
    if scope is not None and isinstance(node, Name) and is_same:
        # wherever in its scope it is read, it is the same
        scope.instances_of_names[node.id] = found
    elif guard.is_settled:
        cache[key] = found
    else:
        guard.instances[mark] = found
    return found


_FOLLOWED = (Name, Attr, Call, Await, Operation, Assign, Subscript, Yield)
"""What may be an instance that is known."""


def _instance_of(view: FunctionView, index: int) -> Instance | None:
    node = view.nodes[index]
    match node:
        case Call():
            return _of_call(view, index)
        case Name():
            return _of_name(view, node.id)
        case Attr():
            return _of_attribute(view, node)
        case Await():
            kept = _kept_coroutine(view, node.value)
            return instance_of(view, node.value) if kept is None else made_by(kept)
        case Operation(op="or" | "if" | "and"):
            operands = node.operands[1:] if node.op == "if" else node.operands
            named = (view.nodes[operand] for operand in operands)
            if any(isinstance(operand, Name) and _may_be_several(view, operand.id) for operand in named):
                return None
            return joined([(view, operand) for operand in operands], lenient=True)
        case Assign(op=":="):
            return instance_of(view, node.value)
        case Subscript():
            return _of_subscript(view, index, node)
        case Yield() if not node.is_from and node.value >= 0 and _is_driven(view):
            return instance_of(view, node.value)
    return None


def _told_type(view: FunctionView, index: int) -> Instance | None:
    """What a test on all ways to a node has told of it: `isinstance(client, httpx.Client)`; looked up once."""
    known = view.module.told_types
    key = (view.index, index)
    if key in known:
        return known[key]
    guard = view.module.project.guard
    mark = (view.module.source.path, *key, "told")
    if not guard.enter(mark):
        return None
    try:
        told = (annotated_instance(view, at) for at, is_one in types_told(view, index, index) if is_one)
        found = next((instance for instance in told if instance is not None), None)
    finally:
        guard.leave(mark)
    if guard.is_settled:
        known[key] = found
    return found


def _is_driven(view: FunctionView) -> bool:
    """Whether a generator's `yield` gives it what is yielded, once that is there: a decorator runs it as a
    coroutine."""
    return view.has_role("coroutine")


def _of_subscript(view: FunctionView, index: int, node: Subscript) -> Instance | None:
    """What a library's object gives for an index (`client["bank"]`), else what an item of a container is."""
    owner = instance_of(view, node.value)
    if owner is not None and owner.view is None:
        catalog = view.module.project.catalog
        produced = catalog.produces(catalog.member(owner.type, "__getitem__"))
        return Instance(catalog.canonical(produced.returns), view) if produced and produced.returns else None
    return containers.item_of(view, node.value)


def joined(values: list[tuple[FunctionView, int]], *, lenient: bool = False) -> Instance | None:
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
    return merged(found, unknown)


def merged(found: list[Instance], unknown: bool = False) -> Instance | None:
    """One instance out of several of the same type; None where they differ, or there is none."""
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
        own=not unknown and all(instance.own for instance in found),
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
    if call.target == "builtins.super" and not call.node.args:
        return _of_super(view)
    func = view.nodes[call.node.func]
    if isinstance(func, Name) and view.owner is not None and func.id == view.self_name:
        if not view.has_role("classmethod") or view.facts.bound.get(func.id) != [-1]:
            return None
        return Instance(view.owner.qualname, view, view=view.owner, origins=(call,), complete=True, own=True)
    if call.member in containers.TAKES and call.receiver >= 0 and not call.target:
        return containers.item_of(view, call.receiver)
    if view.use(index).kind in ("bound", "stored") and _gives_coroutine(call):
        return None  # a coroutine is kept, and not what it gives
    return made_by(call) or _of_held(call) or _of_each(call)


def _of_each(call: CallSite) -> Instance | None:
    """What a method returns that each of the classes has of which one is meant (`client: Client | AdminClient`)."""
    found = []
    for instance in _alternatives(call.fn, call.receiver) if call.receiver >= 0 else ():
        method = instance.member(call.member)[1]
        returned = returned_instance(method) if method is not None else None
        if returned is None:
            return None
        found.append(returned)
    return merged(found)


def _alternatives(view: FunctionView, index: int) -> list[Instance]:
    """The classes that the annotation of a parameter says may be meant, where all of them are known."""
    node = view.nodes[index]
    bindings = view.bindings(node.id).nodes if isinstance(node, Name) else ()
    if not isinstance(node, Name) or len(bindings) != 1 or bindings[0][1] >= 0:
        return []
    holder = bindings[0][0]
    param = holder.param(node.id)
    if param is None or holder.parent is None or param.annotation < 0:
        return []
    near = holder.parent
    annotation = near.nodes[param.annotation]
    parts = _union_parts(near, param.annotation)
    if (
        isinstance(annotation, Subscript)
        and near.module.project.catalog.canonical(near.path_of(annotation.value)) in _UNIONS
    ):
        inner = near.nodes[annotation.index]
        parts = list(inner.items) if isinstance(inner, Display) else parts
    found = [annotated_instance(near, part) for part in parts if not _is_none(near, part)]
    return [instance for instance in found if instance is not None] if None not in found and len(found) > 1 else []


def _of_held(call: CallSite) -> Instance | None:
    """What is made by a call of what a place holds: a class that the body of another class names (`client_class =
    httpx.Client`), a class that an annotation speaks of (`type[httpx.Client]`), a lambda. A subclass may hold another,
    so that the constructors are not all there are."""
    view = call.fn
    func = view.nodes[call.node.func]
    if isinstance(func, Name):
        found = view.variable_at(call.node.func)
        if found is not None and isinstance(node := found[0].nodes[found[1]], Lambda):
            return returned_instance(found[0].module.functions[node.function])
        nodes = view.bindings(func.id).nodes
        if len(nodes) != 1 or nodes[0][1] >= 0:
            return None
        holder = nodes[0][0]
        param, parent = holder.param(func.id), holder.parent
        if param is None or parent is None or param.annotation < 0:
            return None
        annotation = parent.nodes[param.annotation]
        if not isinstance(annotation, Subscript) or parent.path_of(annotation.value) not in _TYPE:
            return None
        return _made_of(annotated_instance(parent, annotation.index), call)
    if not isinstance(func, Attr):
        return None
    owner = view.definition_of(func.value)
    if owner is None or owner.facts.kind is not FunctionKind.CLASS:
        instance = instance_of(view, func.value)
        owner = instance.view if instance is not None else None
    if owner is None:
        return None
    for cls in owner.ancestry[0]:
        nodes_in = cls.facts.bound.get(func.attr, ())
        value = cls.assigned_value(nodes_in[0]) if len(nodes_in) == 1 and nodes_in[0] >= 0 else None
        if value is not None:
            held = isinstance(cls.nodes[value], (Name, Attr)) and not owner.attribute_stores.get(func.attr)
            return _made_of(annotated_instance(cls, value), call) if held else None
    return None


_TYPE = ("builtins.type", "typing.Type")


def _made_of(found: Instance | None, call: CallSite) -> Instance | None:
    return Instance(found.type, found.near, view=found.view, origins=(call,)) if found is not None else None


def _gives_coroutine(call: CallSite) -> bool:
    """Whether a call runs nothing of a function of the project, and gives its coroutine."""
    callee = call.callee
    return callee is not None and callee.is_coroutine and not callee.decorators


def _kept_coroutine(view: FunctionView, index: int) -> CallSite | None:
    """The call that made the coroutine in a local."""
    node = view.nodes[index]
    nodes = view.bindings(node.id).nodes if isinstance(node, Name) else ()
    if len(nodes) != 1 or nodes[0][0] is not view or nodes[0][1] < 0:
        return None
    value = view.assigned_value(nodes[0][1])
    call = view.call_at(value) if value is not None else None
    return call if call is not None and _gives_coroutine(call) else None


def made_by(call: CallSite) -> Instance | None:
    """What a call makes: the catalogue's say, an instance of a project class, or what a project function returns."""
    view = call.fn
    catalog = view.module.project.catalog
    target = call.target
    if target:
        produced = catalog.produces(target)
        if produced is not None:
            argument = max(produced.passes, produced.opens, produced.casts)
            if argument >= 0 and argument < len(call.positional):
                given = call.positional[argument]
                if produced.casts >= 0:
                    return annotated_instance(view, given)
                return entered_instance(view, given) if produced.opens >= 0 else instance_of(view, given)
            if produced.returns:
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
        written = bool(target) and catalog.generated(target) is not None
        return Instance(target, view, origins=(call,), complete=True) if written else None
    if callee.facts.kind is FunctionKind.CLASS:
        return Instance(callee.qualname, view, view=callee, origins=(call,), complete=True)
    return _of_receiver(returned_instance(callee), callee, call)


def _of_receiver(found: Instance | None, method: FunctionView, call: CallSite) -> Instance | None:
    """What a method returns, where that is `self`: of the class that it is called on."""
    if found is None or not found.own or call.receiver < 0 or method.owner is None:
        return found
    receiver = call.fn.definition_of(call.receiver)
    instance = None
    if receiver is None or receiver.facts.kind is not FunctionKind.CLASS:
        instance = call.fn.instance(call.receiver)
        receiver = instance.view if instance is not None else None
    if receiver is None or method.owner not in receiver.ancestry[0]:
        return found
    origins = instance.origins if instance is not None and not found.origins else found.origins
    complete = instance.complete if instance is not None and not found.origins else found.complete
    own = instance is not None and instance.own
    return Instance(receiver.qualname, call.fn, view=receiver, origins=origins, complete=complete, own=own)


def _called(view: FunctionView, index: int, at: int) -> Instance | None:
    """What the callable at a node gives when somebody else calls it, with nothing: the factory of a field. `at` is the
    call that hands it over."""
    node = view.nodes[index]
    if isinstance(node, Lambda):
        return returned_instance(view.module.functions[node.function])
    handed = view.call_at(at)
    assert handed is not None
    made = Call(handed.node.start, handed.node.end, handed.node.parent, index, [], handed.node.close)
    return made_by(type(handed)(view, at, made))


def returned_instance(callee: FunctionView) -> Instance | None:
    """What a project function returns: by its `return` statements, where all of them are known, else by its
    annotation."""
    if callee.facts.is_generator and not callee.has_role("coroutine"):
        return None
    returns = [(callee, node.value) for node in callee.nodes if isinstance(node, Return) and node.value >= 0]
    found = joined(returns) if returns else None
    parent = callee.parent
    if found is None and parent is not None and callee.facts.returns >= 0:
        return annotated_instance(parent, callee.facts.returns, of=callee)
    return found


def yielded_instance(callee: FunctionView) -> Instance | None:
    """What a project generator of one value yields, a context manager's or a fixture's: by its `yield`s, else by its
    annotation (`Iterator[X]`)."""
    yields = [(callee, node.value) for node in callee.nodes if isinstance(node, Yield) and node.value >= 0]
    if any(isinstance(node, Yield) and node.is_from for node in callee.nodes):
        return None
    found = joined(yields) if yields else None
    parent = callee.parent
    if found is None and parent is not None and callee.facts.returns >= 0:
        node = parent.nodes[callee.facts.returns]
        if isinstance(node, Subscript):
            inner = parent.nodes[node.index]
            return annotated_instance(parent, inner.items[0] if isinstance(inner, Display) else node.index, of=callee)
    return found


def _provided(callee: FunctionView) -> Instance | None:
    """What a framework hands over that calls a function for it: what it returns, or yields."""
    if callee.facts.kind is FunctionKind.CLASS:
        return Instance(callee.qualname, callee, view=callee)
    return yielded_instance(callee) if callee.facts.is_generator else returned_instance(callee)


def annotated_instance(view: FunctionView, index: int, *, of: FunctionView | None = None) -> Instance | None:
    """What an annotation says. `Optional[X]`, `X | None`, `Annotated[X, …]` are X, and so is another name of one of
    these; other unions are unknown. `of` is the method that it is the return annotation of: `Self` is its class."""
    node = view.nodes[index]
    catalog = view.module.project.catalog
    if isinstance(node, Operation) and node.op == "|":
        parts = [part for part in _union_parts(view, index) if not _is_none(view, part)]
        return annotated_instance(view, parts[0], of=of) if len(parts) == 1 else None
    if isinstance(node, Subscript):
        path = catalog.canonical(view.path_of(node.value))
        inner = view.nodes[node.index]
        if path in _UNIONS and isinstance(inner, Display):
            parts = [part for part in inner.items if not _is_none(view, part)]
            return annotated_instance(view, parts[0], of=of) if len(parts) == 1 else None
        if path in _TRANSPARENT:
            if not isinstance(inner, Display):
                return annotated_instance(view, node.index, of=of)
            for extra in inner.items[1:]:
                injected = _injected(view, extra, inner.items[0])
                if injected is not None:
                    return injected
            return annotated_instance(view, inner.items[0], of=of)
        return annotated_instance(view, node.value, of=of)
    if isinstance(node, Const) and isinstance(node.value, str):
        return _spelled_instance(view, node.value)
    if not isinstance(node, (Name, Attr)):
        return None
    definition = view.definition_of(index)
    if definition is not None:
        if definition.facts.kind is not FunctionKind.CLASS:
            return None
        return Instance(definition.qualname, view, view=definition)
    target = view.target_of(index)
    if target in _SELF:
        owner = of.owner if of is not None else None
        return Instance(owner.qualname, view, view=owner, own=True) if owner is not None else None
    if target and (catalog.knows_type(target) or catalog.generated(target) is not None):
        return Instance(catalog.canonical(target), view)
    return _of_alias(view, index)


def _spelled_instance(view: FunctionView, text: str) -> Instance | None:
    """What a quoted name says that stands within an annotation: `Union["httpx.Client", None]`."""
    first, dot, rest = text.strip().partition(".")
    if not all(part.isidentifier() for part in (first, *(rest.split(".") if dot else ()))):
        return None
    project = view.module.project
    nodes = view.bindings(first).nodes
    path = project.imported(list(nodes), first) if nodes else ""
    if not path:
        definitions = [holder.nodes[at] for holder, at in nodes if at >= 0]
        if len(definitions) != 1 or not isinstance(define := definitions[0], Define):
            return None
        path = view.module.functions[define.function].qualname
    found, entity = project.find(f"{path}.{rest}" if dot else path, view.module)
    if isinstance(entity, type(view)):
        return Instance(entity.qualname, view, view=entity) if entity.facts.kind is FunctionKind.CLASS else None
    catalog = project.catalog
    name = catalog.canonical(found)
    return Instance(name, view) if entity is None and catalog.knows_type(name) else None


_UNIONS = ("typing.Union", "types.UnionType")

_SELF = ("typing.Self", "typing_extensions.Self")
"""Annotations that say: of the class that the method is called on."""


def _of_alias(view: FunctionView, index: int) -> Instance | None:
    """What an annotation says that is another name of one: `Client = Annotated[httpx.Client, Depends(connect)]`."""
    found = view.variable_at(index)
    if found is None:
        return None
    holder, value = found
    guard = view.module.project.guard
    mark = (holder.module.source.path, holder.index, value, "annotation")
    if not guard.enter(mark):
        return None
    try:
        node = holder.nodes[value]
        if isinstance(node, Call):
            # another name, by `NewType`
            call = holder.call_at(value)
            if call is None or call.target not in _NEW_TYPE:
                return None
            named = call.argument("bound") if call.target in _VARIABLE else call.argument("tp", 1)
            if named is None or named < 0:
                return None
            value = named
        return annotated_instance(holder, value)
    finally:
        guard.leave(mark)


_VARIABLE = ("typing.TypeVar", "typing_extensions.TypeVar")
_NEW_TYPE = ("typing.NewType", "typing_extensions.NewType", *_VARIABLE)
"""Calls that make another name of a type, or a variable that stands for it."""


def _injected(view: FunctionView, index: int, annotation: int = -1) -> Instance | None:
    """What a framework makes for a parameter whose default, or `Annotated`, says who makes it: `Depends(connect)`."""
    call = view.call_at(index)
    injector = view.module.project.catalog.injector(call.target) if call is not None else None
    if call is None or injector is None:
        return None
    argument = call.argument(injector.keyword, injector.position)
    if argument is None:
        return annotated_instance(view, annotation) if annotation >= 0 else None
    if argument < 0:
        return None
    if isinstance(view.nodes[argument], Lambda):
        return _called(view, argument, index)
    provider = view.definition_of(argument)
    return _provided(provider) if provider is not None else None


def _union_parts(view: FunctionView, index: int) -> list[int]:
    """The alternatives of `A | B | C`."""
    found: list[int] = []
    pending = [index]
    while pending:
        at = pending.pop()
        node = view.nodes[at]
        if isinstance(node, Operation) and node.op == "|":
            pending += reversed(node.operands)
        else:
            found.append(at)
    return found


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
    hint: Instance | None = None
    for holder, index in nodes:
        if index < 0:
            instance = _of_parameter(holder, name)
            param = holder.param(name)
            if param is not None and param.annotation >= 0:
                hint = instance
        else:
            node = holder.nodes[index]
            if isinstance(node, Import):
                instance = _of_import(holder, node, name)
            elif isinstance(node, Store):
                assign = holder.nodes[node.parent] if node.parent >= 0 else None
                if hint is None and isinstance(assign, Assign) and assign.annotation >= 0:
                    hint = annotated_instance(holder, assign.annotation)
                if holder.stores_none(index) or _stores_itself(holder, index, name):
                    continue
                instance = _of_store(holder, index) or (_asserted(holder, name) if len(nodes) == 1 else None)
            else:
                instance = None
        if instance is None:
            # a parameter that is replaced by an instance where it is None is that instance
            unknown = True
            if index < 0 and _may_be_several(holder, name):
                return None
            if index >= 0 and hint is None:
                return None
            continue
        found.append(instance)
    return _held_to(hint, found, unknown)


def _may_be_several(view: FunctionView, name: str) -> bool:
    """Whether the annotation of a parameter names more than one type besides None."""
    param, view_of_it = view.param(name), view.parent
    if param is None or param.annotation < 0 or view_of_it is None:
        return False
    view = view_of_it
    pending = [param.annotation]
    while pending:
        index = pending.pop()
        node = view.nodes[index]
        parts: list[int] = []
        if isinstance(node, Operation) and node.op == "|":
            parts = _union_parts(view, index)
        elif isinstance(node, Subscript):
            path = view.module.project.catalog.canonical(view.path_of(node.value))
            inner = view.nodes[node.index]
            if path in _UNIONS or path in _TRANSPARENT:
                parts = inner.items if path in _UNIONS and isinstance(inner, Display) else [node.index]
        if len([part for part in parts if not _is_none(view, part)]) > 1:
            return True
        pending += parts
    return False


def _asserted(view: FunctionView, name: str) -> Instance | None:
    """What `assert isinstance(name, X)` says of a local that nothing else is known of."""
    index = view.asserted_types.get(name)
    found = annotated_instance(view, index) if index is not None else None
    return Instance(found.type, found.near, view=found.view) if found is not None else None


def _stores_itself(view: FunctionView, store: int, name: str) -> bool:
    """Whether `name = name` is what binds the name."""
    value = view.assigned_value(store)
    node = view.nodes[value] if value is not None else None
    return isinstance(node, Name) and node.id == name and view.facts.kind is not FunctionKind.CLASS


def _held_to(hint: Instance | None, found: list[Instance], unknown: bool) -> Instance | None:
    """One instance out of what is stored, where an annotation says what may be: all else is a stand-in."""
    if hint is None:
        return merged(found, unknown)
    kept = [instance for instance in found if _is_kind_of(instance, hint)]
    return merged(kept, unknown or len(kept) < len(found)) or hint


def _is_kind_of(instance: Instance, of: Instance) -> bool:
    """Whether an instance may be of a type, by its bases."""
    if instance.type == of.type:
        return True
    if instance.view is None:
        return False
    classes, outside, _ = instance.view.ancestry
    return of.view in classes or of.type in outside


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
        return Instance(owner.qualname, view, view=owner, own=True)
    param = view.param(name)
    parent = view.parent
    if param is None or parent is None:
        return None
    if param.default >= 0:
        injected = _injected(parent, param.default, param.annotation)
        if injected is not None:
            return injected
    else:
        fixture = fixture_of(view, name)
        if fixture is not None:
            provided = _provided(fixture)
            if provided is not None:
                return provided
    if param.annotation >= 0:
        return annotated_instance(parent, param.annotation)
    said = _asserted(view, name) if view.facts.bound.get(name) == [-1] else None
    return said or (_of_callers(view, param) if param.default < 0 else None)


def _of_callers(view: FunctionView, param: Param) -> Instance | None:
    """What a private or nested function, all of whose uses are calls in sight, is given for a parameter."""
    private = view.name.startswith("_") and not view.name.startswith("__")
    plain = (ParamKind.POSITIONAL_ONLY, ParamKind.PLAIN, ParamKind.KEYWORD_ONLY)
    if view.facts.kind is not FunctionKind.DEF or not (view.is_nested or private) or param.kind not in plain:
        return None
    if view.facts.decorators or len(view.alternatives) > 1:
        return None
    is_method = view.owner is not None
    first = 1 if view.self_name else 0
    position = view.facts.params.index(param) - first if param.kind is not ParamKind.KEYWORD_ONLY else -1
    given: list[tuple[FunctionView, int]] = []
    for user, index in view.module.mentions(view.name, of_method=is_method):
        if not is_method and user.definition_of(index) is not view:
            continue
        call = user.call_at(user.nodes[index].parent) if user.nodes[index].parent >= 0 else None
        if call is None or call.node.func != index:
            return None
        argument = call.argument(param.name, position)
        if argument is None or argument < 0:
            return None
        given.append((user, argument))
    return joined(given) if given else None


def fixture_of(view: FunctionView, name: str) -> FunctionView | None:
    """The test fixture that a parameter of a test, or of another fixture, asks for by its name: of the class, the file,
    or the `conftest` of one of the packages around it."""
    if view.facts.kind is not FunctionKind.DEF:
        return None
    is_fixture = view.has_role("fixture")
    if not is_fixture and not view.name.startswith("test"):
        return None
    owner = view.owner
    if owner is not None:
        for cls in owner.ancestry[0]:
            member = cls.member(name)
            if member is not None and member is not view and member.has_role("fixture"):
                return member
    module = view.module
    found = module.fixtures.get(name)
    if found is not None and found is not view:
        return found
    package = module.name if module.facts.is_package else module.name.rpartition(".")[0]
    while True:
        near = module.project.module(f"{package}.conftest" if package else "conftest", module)
        if near is not None and near is not module and name in near.fixtures:
            return near.fixtures[name]
        if not package:
            return None
        package = package.rpartition(".")[0]


def _of_store(view: FunctionView, index: int) -> Instance | None:
    parent = view.nodes[index].parent
    node = view.nodes[parent] if parent >= 0 else None
    if isinstance(node, Assign):
        return instance_of(view, node.value) if node.op in ("", ":=") and node.value >= 0 else None
    if isinstance(node, Enter) and node.target == index:
        return entered_instance(view, node.context)
    if isinstance(node, Iterate) and node.target == index:
        return containers.element_of(view, node.iterable)
    return containers.unpacked(view, index)


def entered_instance(view: FunctionView, context: int) -> Instance | None:
    """What `with context as x` binds: what the catalogue says, what a project's `@contextmanager` yields or its
    `__enter__` returns, else the context manager itself."""
    catalog = view.module.project.catalog
    call = view.call_at(context)
    if call is not None and call.target:
        produced = catalog.produces(call.target)
        if produced is not None and produced.enters:
            return Instance(catalog.canonical(produced.enters), view, origins=(call,), complete=True)
        if produced is not None and 0 <= produced.passes < len(call.positional):
            return instance_of(view, call.positional[produced.passes])
        scope = catalog.scope(call.target)
        if scope is not None and scope.enters:
            return Instance(catalog.canonical(scope.enters), view, origins=(call,), complete=True)
    callee = call.callee if call is not None else None
    if call is not None and callee is not None and callee.has_role("contextmanager"):
        return _of_receiver(yielded_instance(callee), callee, call)
    instance = instance_of(view, context)
    if instance is not None and instance.view is not None and not instance.catalog_type():
        enter = instance.view.inherited("__aenter__") or instance.view.inherited("__enter__")
        if enter is None:
            return None
        entered = returned_instance(enter)
        return instance if entered is not None and entered.own else entered
    return instance


def _of_attribute(view: FunctionView, node: Attr) -> Instance | None:
    path = view.path_of(node.value)
    if path:
        # a global of another module: `settings.client`
        found, entity = view.module.project.find(f"{path}.{node.attr}", view.module)
        bindings = getattr(entity, "bindings", None)
        if isinstance(bindings, tuple):
            return _of_bindings(found.rpartition(".")[2], list(bindings))
    cls = view.definition_of(node.value) if path else None
    if cls is not None:
        return attribute_instance(cls, node.attr) if cls.facts.kind is FunctionKind.CLASS else None
    owner = instance_of(view, node.value)
    if owner is None:
        return None
    if node.attr == "__class__":
        return owner
    if owner.view is not None:
        found_attribute = attribute_instance(owner.view, node.attr)
        if found_attribute is not None:
            return found_attribute
    outside = owner.catalog_type()
    if outside:
        catalog = view.module.project.catalog
        produced = catalog.produces(f"{outside}.{node.attr}")
        if produced is None and not catalog.has(f"{outside}.{node.attr}"):
            produced = catalog.produces(f"{outside}.__getattr__")
        if produced is not None and produced.returns:
            return Instance(catalog.canonical(produced.returns), view)
    return None


def attribute_instance(owner: FunctionView, name: str) -> Instance | None:
    """What `self.<name>` is: by what any method of the class (or of a base) stores there, else by its annotation in the
    class body or what a property returns."""
    for cls in owner.ancestry[0]:
        stored: list[Instance] = []
        unknown = False
        hint: Instance | None = None
        for view, index in cls.attribute_stores.get(name, ()):
            parent = view.nodes[index].parent
            node = view.nodes[parent] if parent >= 0 else None
            value = None
            if isinstance(node, Assign) and not node.op and index in node.targets:
                if hint is None and node.annotation >= 0:
                    hint = annotated_instance(view, node.annotation)
                if node.value >= 0:
                    if _is_none(view, node.value):
                        continue
                    value = instance_of(view, node.value) or _handed_up(owner, view, node.value)
                elif hint is not None:
                    continue
            elif isinstance(node, Unpack):
                value = containers.unpacked(view, index)
            if value is None:
                unknown = True
            else:
                stored.append(value)
        declared = _declared(cls, name)
        if stored or hint is not None:
            return _held_to(hint if hint is not None else declared, stored, unknown)
        if declared is not None:
            return declared
        if unknown:
            return None
    return None


def _handed_up(owner: FunctionView, init: FunctionView, index: int) -> Instance | None:
    """What a base's constructor keeps of what a class hands to it: a parameter (`super().__init__(httpx.Client())`), or
    what it makes of a class that it is given (`super().__init__(httpx.Client)`)."""
    call = init.call_at(index)
    given = init.nodes[call.node.func if call is not None else index]
    param = init.param(given.id) if isinstance(given, Name) else None
    own = owner.inherited("__init__") if param is not None and init.name == "__init__" else None
    if param is None or own is None or own is init or init.facts.bound.get(param.name) != [-1]:
        return None
    position = init.facts.params.index(param) - 1 if param.kind is not ParamKind.KEYWORD_ONLY else -1
    for upward in own.calls:
        if upward.member != "__init__" or upward.callee is not init or own.call_at(upward.receiver) is None:
            continue  # not `super().__init__(…)`
        argument = upward.seen_argument(param.name, position)
        if argument is None:
            return None
        return instance_of(own, argument) if call is None else _made_of(annotated_instance(own, argument), call)
    return None


def _declared(cls: FunctionView, name: str) -> Instance | None:
    for index in reversed(cls.facts.bound.get(name, ())):
        node = cls.nodes[index] if index >= 0 else None
        if isinstance(node, Store):
            parent = cls.nodes[node.parent] if node.parent >= 0 else None
            if isinstance(parent, Assign):
                found = _of_field(cls, parent)
                if found is None or found.complete:
                    return found
                return _of_constructions(cls, name, found) or found
        if isinstance(node, Define):
            member = cls.module.functions[node.function]
            if member.has_role("property"):
                return returned_instance(member)
    return None


def _of_field(cls: FunctionView, node: Assign) -> Instance | None:
    """What a class attribute is: by what it is given, where a constructor cannot be given another, else by its
    annotation."""
    call = cls.call_at(node.value) if node.value >= 0 else None
    entry = cls.module.project.catalog.field(call.target) if call is not None else None
    if call is None or entry is None:
        given = instance_of(cls, node.value) if node.value >= 0 else None
        annotated = annotated_instance(cls, node.annotation) if node.annotation >= 0 else None
        if annotated is None or (given is not None and _is_constant(cls, node.annotation)):
            return given
        return annotated
    made = None
    for keyword in entry.factory:
        argument = call.argument(keyword)
        if argument is not None and argument >= 0:
            made = _called(cls, argument, call.index)
    if made is not None and (entry.private or _is_false(cls, call.argument(entry.init) if entry.init else None)):
        return made
    annotated = annotated_instance(cls, node.annotation) if node.annotation >= 0 else None
    if made is None or (annotated is not None and annotated.type != made.type):
        return annotated
    return Instance(made.type, made.near, view=made.view, origins=made.origins)


def _of_constructions(cls: FunctionView, name: str, field: Instance) -> Instance | None:
    """What the field of a private dataclass is, by what all calls of the class in its file give for it; None where the
    class may be made elsewhere, or the field be set again."""
    module = cls.module
    own = cls.name.startswith("_") or cls.is_nested
    if not own or cls.bases or not cls.has_role("dataclass") or module.attributes_set.get(name):
        return None
    if cls.attribute_stores.get(name):
        return None
    fields = [cls.nodes[node.targets[0]] for _, node in cls.all_of(Assign) if node.annotation >= 0]
    names = [node.id for node in fields if isinstance(node, Store)]
    found: list[Instance] = []
    for user, index in module.mentions(cls.name, of_method=False):
        if user.definition_of(index) is not cls:
            continue
        call = user.call_at(user.nodes[index].parent) if user.nodes[index].parent >= 0 else None
        if call is None or call.node.func != index:
            if user.use(index).kind != "other":
                return None  # it may be made by others
            continue
        argument = call.argument(name, names.index(name))
        made = field if argument is None else user.instance(argument) if argument >= 0 else None
        if made is None or not made.origins:
            return None
        found.append(made)
    joint = merged(found)
    if joint is None or joint.type != field.type:
        return None
    return Instance(joint.type, joint.near, view=joint.view, origins=joint.origins, complete=True)


def _is_constant(cls: FunctionView, annotation: int) -> bool:
    """Whether an annotated class attribute is no field that a constructor fills: in a plain class, or a `ClassVar`."""
    node = cls.nodes[annotation]
    if isinstance(node, Subscript):
        name = cls.module.project.catalog.canonical(cls.path_of(node.value))
        if name in ("typing.ClassVar", "typing_extensions.ClassVar"):
            return True
    return not cls.facts.decorators and cls.ancestry[2]


def _is_false(view: FunctionView, index: int | None) -> bool:
    node = view.nodes[index] if index is not None and index >= 0 else None
    return isinstance(node, Const) and node.kind == "bool" and not node.value
