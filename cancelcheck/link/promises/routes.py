"""The routes of a function: with which method and under which path a request leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.promises.serving import serving_of
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import Const, Display

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")

_PREFIXES = ("prefix", "url_prefix")
"""Arguments of a router's constructor that stand before the paths of its routes."""


class Route(NamedTuple):
    """How a function is reached: `methods` in capitals, empty for any; `path` as it is written; `operation` the name
    that the route gives the operation, "" for none."""

    methods: tuple[str, ...]
    path: str
    operation: str

    @property
    def label(self) -> str:
        """As people write it: `POST /charges`."""
        return " ".join(part for part in (",".join(self.methods), self.path) if part)


def routes_of(view: FunctionView) -> list[Route]:
    """The routes of a function, as far as its own module says them: by all its decorators, or by the call that it is
    given to."""
    serving = serving_of(view)
    if serving is None or serving.role != "route":
        return []
    if serving.node < 0:
        # a class with a method for each HTTP method
        method = view.name.upper() if view.name in _METHODS else ""
        return [Route((method,) if method else (), "", "")]
    found = []
    catalog = view.module.project.catalog
    for name, index in view.decorators:
        call = serving.view.call_at(index) if catalog.decorator(name) == "route" else None
        if call is not None:
            found.append(_route(call))
    if not found:
        call = serving.view.call_at(serving.node)
        if call is not None:
            found.append(_route(call))
    return found


def _route(call: CallSite) -> Route:
    view = call.fn
    path = next((text for at in call.positional if (text := _text(view, at)) is not None and "/" in text), None)
    if path is None:
        path = next((text for at in call.positional if (text := _text(view, at)) is not None), "")
        for keyword in ("path", "rule", "route"):
            argument = call.seen_argument(keyword)
            if argument is not None:
                path = _text(view, argument) or path
    methods: tuple[str, ...] = ()
    member = call.member.removeprefix("add_")
    if member in _METHODS:
        methods = (member.upper(),)
    else:
        given = call.seen_argument("methods")
        node = view.nodes[given] if given is not None else None
        if isinstance(node, Display):
            methods = tuple(sorted(text.upper() for at in node.items if (text := _text(view, at)) is not None))
        else:
            verb = next((t for at in call.positional if (t := _text(view, at)) and t.lower() in _METHODS), "")
            methods = (verb.upper(),) if verb else ()
    operation = call.seen_argument("operation_id")
    named = _text(view, operation) if operation is not None else None
    return Route(methods, _prefix(call) + path, named or "")


def _text(view: FunctionView, index: int) -> str | None:
    node = view.nodes[index]
    if isinstance(node, Const):
        return node.value if isinstance(node.value, str) else None
    value = evaluate(view, index)
    return value.text if value.kind is ValueKind.TEXT else None


def _prefix(call: CallSite) -> str:
    """What the router says that stands before the path."""
    instance = call.called_on
    if instance is None or len(instance.origins) != 1:
        return ""
    origin = instance.origins[0]
    argument = origin.seen_argument(_PREFIXES)
    return (_text(origin.fn, argument) or "") if argument is not None else ""
