"""Functions that serve requests: routes, methods of servicers, tasks of a queue. Somebody waits for their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog.words import SERVING, SERVING_METHODS
from cancelcheck.model.facts import Attr, Call, Const, Define, Function, FunctionKind, Name

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.project import ModuleView

_ROLES = ("route", "task")

_ROUTES = frozenset({"route", "get", "head", "options", "post", "put", "patch", "delete", "websocket"})
"""What decorators are called that hand a function to a router, with its path."""

_GENERATED = re.compile(r"_pb2_grpc\.\w+Servicer$")
"""How the class is called that gRPC's compiler makes for a service."""

_SERVICER_PARAMS = 3
"""`self`, the request or their stream, and the context."""


_DEF, _CLASS = FunctionKind.DEF, FunctionKind.CLASS
"""To read a member off its class takes longer than all else that is asked of most functions."""


class Serving(NamedTuple):
    """How a function serves: `role` is route, rpc or task; `view` and `node` where that stands, -1 for a class."""

    role: str
    view: FunctionView
    node: int


def serving_of(view: FunctionView) -> Serving | None:
    """How a function serves requests, as far as its own module says; None for any other function. What is defined in
    one counts as a part of it where it is called."""
    if view.facts.kind is not FunctionKind.DEF:
        return None
    kept = view.module.serving
    if view.index not in kept:
        kept[view.index] = _serving_of(view) if view.index in candidates_of(view.module) else None
    return kept[view.index]


def candidates_of(module: ModuleView) -> frozenset[int]:
    """The places of the functions of a module that may serve, as far as their facts alone tell: they are decorated, or
    given to a call by their name, or inherit their part from a class. Most are none of that, and nothing has to be
    looked up for them."""
    known = module.candidates
    if known is None:
        names, attributes = module.handed_names
        functions = module.facts.functions
        found = []
        for place, function in enumerate(functions):
            if function.kind is not _DEF:
                continue
            around = functions[function.parent]
            if around.kind is not _CLASS:
                may = bool(function.decorators) or function.name in names
            else:
                may = bool(function.decorators) or function.name in attributes or _may_inherit(module, function, around)
            if may:
                found.append(place)
        known = module.candidates = frozenset(found)
    return known


def _may_inherit(module: ModuleView, method: Function, owner: Function) -> bool:
    if method.name not in SERVING_METHODS and not _is_like_servicers(method):
        return False
    define = module.facts.functions[owner.parent].nodes[owner.define]
    return isinstance(define, Define) and bool(define.bases)


def _is_like_servicers(function: Function) -> bool:
    return len(function.params) == _SERVICER_PARAMS and not function.name.startswith("_")


def _serving_of(view: FunctionView) -> Serving | None:
    by_decorator = _by_decorator(view) if view.facts.decorators else None
    return by_decorator or _by_class(view) or _by_call(view) or _by_place(view)


def _by_decorator(view: FunctionView) -> Serving | None:
    catalog = view.module.project.catalog
    for name, index in view.decorators:
        role = catalog.decorator(name)
        if view.parent is not None and (role in _ROLES or (not role and _takes_path(view.parent, index))):
            return Serving(role or "route", view.parent, index)
    return None


def _takes_path(view: FunctionView, decorator: int) -> bool:
    """Whether a decorator that is not known says by its name, and by the path that it is given, that it makes a route:
    `@api.route("/pay")`."""
    call = view.call_at(decorator)
    if call is None or call.member not in _ROUTES or not call.positional:
        return False
    path = view.nodes[call.positional[0]]
    return isinstance(path, Const) and isinstance(path.value, str) and path.value.startswith("/")


def _by_place(view: FunctionView) -> Serving | None:
    """By the function that it is defined in, where that wraps it and calls it on the spot: `return cached(view)()`."""
    parent = view.parent
    if parent is None or parent.facts.kind is not FunctionKind.DEF:
        return None
    for call in _given_to(view):
        outer = parent.nodes[call.node.parent] if call.fn is parent and call.node.parent >= 0 else None
        if isinstance(outer, Call) and outer.func == call.index:
            return serving_of(parent)
    return None


def _by_class(view: FunctionView) -> Serving | None:
    owner = view.owner
    is_public = _is_like_servicers(view.facts)
    if owner is None or not (is_public or view.name in SERVING_METHODS):
        # no class has to be looked up for it
        return None
    kept = view.module.serving_classes
    if owner.index not in kept:
        kept[owner.index] = _methods_of(owner)
    methods, is_servicer = kept[owner.index]
    role = methods.get(view.name)
    if role is None and is_servicer and is_public:
        role = "rpc"
    return Serving(role, owner, -1) if role is not None else None


def _methods_of(owner: FunctionView) -> tuple[dict[str, str], bool]:
    """Which methods of a class serve by what it inherits from, each with its role; and whether it is the servicer of a
    gRPC service, whose methods do all."""
    classes, outside, _ = owner.ancestry
    catalog = owner.module.project.catalog
    methods: dict[str, str] = {}
    for name in outside:
        entry = catalog.serving_class(name)
        if entry is not None:
            methods |= {method: entry.role for method in entry.methods if method not in methods}
    return methods, any(_GENERATED.search(name) for name in (*outside, *(cls.qualname for cls in classes[1:])))


def _by_call(view: FunctionView) -> Serving | None:
    """By a call of this module that is given the function: `Route("/pay", pay)`, `app.router.add_post("/pay", pay)`."""
    catalog = view.module.project.catalog
    for call in _given_to(view):
        entry = catalog.serves(call.target) if _may_serve(call) else None
        argument = call.seen_argument(entry.keyword, entry.position) if entry is not None else None
        if entry is not None and argument is not None:
            node = call.fn.nodes[argument]
            if isinstance(node, (Name, Attr)) and view.name in (getattr(node, "id", ""), getattr(node, "attr", "")):
                return Serving(entry.role, call.fn, call.index)
        made = call.fn.call_at(call.node.func)
        role = catalog.decorator(made.target) if made is not None and made.member in SERVING else ""
        if made is not None and role in _ROLES:
            return Serving(role, call.fn, made.index)  # `router.get("/pay")(pay)`
    return None


def _may_serve(call: CallSite) -> bool:
    """Whether a call's own name allows that it hands a function to a router. Nearly none does, and to find out what it
    calls takes longer than all else that is asked of a function here."""
    func = call.fn.nodes[call.node.func]
    if isinstance(func, Attr):
        return func.attr in SERVING
    path = call.fn.path_of(call.node.func)
    if path or not isinstance(func, Name):
        return not path or path.rpartition(".")[2] in SERVING
    _, nodes = call.fn.bindings(func.id)
    if len(nodes) != 1 or nodes[0][1] < 0:
        return False
    view, at = nodes[0]
    value = view.assigned_value(at)
    made = view.nodes[value] if value is not None else None
    # by another name too (`add = router.add_get`), or with some arguments set
    return isinstance(made, Call) or (isinstance(made, Attr) and made.attr in SERVING)


def handles_connection(view: FunctionView) -> bool:
    """Whether a function is handed to a server of streams, which calls it for each connection:
    `start_server(serve)`."""
    if view.facts.kind is not FunctionKind.DEF:
        return False
    return any("serve" in (call.target.rpartition(".")[2] or call.member) for call in _given_to(view))


def _given_to(view: FunctionView) -> Iterator[CallSite]:
    """The calls of this module that are given a function as an argument."""
    is_method = view.owner is not None
    for user, index in view.module.handed(view.name, of_method=is_method):
        if is_method or _names(user, index, view):
            call = user.call_at(user.nodes[index].parent)
            assert call is not None
            yield call


def _names(user: FunctionView, index: int, view: FunctionView) -> bool:
    """Whether a plain name stands for a function of the same module."""
    node = user.nodes[index]
    assert isinstance(node, Name)
    _, nodes = user.bindings(node.id)
    bound = [holder.nodes[at] for holder, at in nodes if at >= 0]
    defined = [found for found in bound if isinstance(found, Define) and found.function == view.index]
    # where something else has the name as well, it is looked up as any other
    return bool(defined) and (len(nodes) == 1 or user.definition_of(index) is view)
