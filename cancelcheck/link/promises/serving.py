"""Functions that serve requests: routes, methods of servicers, tasks of a queue. Somebody waits for their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.model.facts import Attr, Call, Const, FunctionKind, Name

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_ROLES = ("route", "task")

_ROUTES = frozenset({"route", "get", "head", "options", "post", "put", "patch", "delete", "websocket"})
"""What decorators are called that hand a function to a router, with its path."""

_GENERATED = re.compile(r"_pb2_grpc\.\w+Servicer$")
"""How the class is called that gRPC's compiler makes for a service."""

_SERVICER_PARAMS = 3
"""`self`, the request or their stream, and the context."""


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
        kept[view.index] = _by_decorator(view) or _by_class(view) or _by_call(view) or _by_place(view)
    return kept[view.index]


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
    if owner is None:
        return None
    classes, outside, _ = owner.ancestry
    catalog = view.module.project.catalog
    for name in outside:
        entry = catalog.serving_class(name)
        if entry is not None and view.name in entry.methods:
            return Serving(entry.role, owner, -1)
    public = not view.name.startswith("_") and len(view.facts.params) == _SERVICER_PARAMS
    if public and any(_GENERATED.search(name) for name in (*outside, *(cls.qualname for cls in classes[1:]))):
        return Serving("rpc", owner, -1)
    return None


def _by_call(view: FunctionView) -> Serving | None:
    """By a call of this module that is given the function: `Route("/pay", pay)`, `app.router.add_post("/pay", pay)`."""
    catalog = view.module.project.catalog
    for call in _given_to(view):
        entry = catalog.serves(call.target)
        argument = call.argument(entry.keyword, entry.position) if entry is not None else None
        if entry is not None and argument is not None and argument >= 0:
            node = call.fn.nodes[argument]
            if isinstance(node, (Name, Attr)) and view.name in (getattr(node, "id", ""), getattr(node, "attr", "")):
                return Serving(entry.role, call.fn, call.index)
    return None


def handles_connection(view: FunctionView) -> bool:
    """Whether a function is handed to a server of streams, which calls it for each connection:
    `start_server(serve)`."""
    if view.facts.kind is not FunctionKind.DEF:
        return False
    return any("serve" in (call.target.rpartition(".")[2] or call.member) for call in _given_to(view))


def _given_to(view: FunctionView) -> Iterator[CallSite]:
    """The calls of this module that are given a function as an argument."""
    is_method = view.owner is not None
    for user, index in view.module.mentions(view.name, of_method=is_method):
        parent = user.nodes[user.nodes[index].parent] if user.nodes[index].parent >= 0 else None
        if not isinstance(parent, Call) or parent.func == index:
            continue
        if is_method or user.definition_of(index) is view:
            call = user.call_at(user.nodes[index].parent)
            assert call is not None
            yield call
