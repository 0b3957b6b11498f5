"""Which operation of the project's OpenAPI contracts a function serves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cancelcheck.link.promises.marking import is_named, marker_of
from cancelcheck.link.promises.routes import routes_of
from cancelcheck.model.facts import FunctionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.model.contract import Operation

_PARAMETER = re.compile(r"\{[^}]*\}|<[^>]*>|(?<=/):\w+")
"""A parameter in a path, as the frameworks write it."""


def operation_of(view: FunctionView) -> Operation | None:
    """The operation that a function serves: by the operationId, which is the name that its route gives it, its own
    name, or its whole qualified name; else by its route's method and path, of which a router may hold back the
    beginning. One with no route in sight has to be an SLA function for its own name to say so."""
    operations = view.module.project.operations
    if not operations or view.facts.kind is not FunctionKind.DEF:
        return None
    routes = routes_of(view)
    for operation in operations:
        if operation.operation_id and "." in operation.operation_id and operation.operation_id == view.qualname:
            return operation
    if not routes and marker_of(view) < 0 and not is_named(view):
        return None
    named = {route.operation for route in routes} - {""}
    for operation in operations:
        if operation.operation_id and operation.operation_id in (named or {view.name}):
            return operation
    for suffix in (False, True):
        for operation in operations:
            for route in routes:
                if route.methods and operation.method not in route.methods:
                    continue
                if route.path and _is_same(operation.path, route.path, suffix=suffix):
                    return operation
    return None


def bears_name_of(view: FunctionView, operation: Operation) -> bool:
    """Whether a function of a module has the operationId for its name: it may serve the operation in a way that is not
    seen, so that nobody can say that nothing does."""
    parent = view.parent
    return (
        bool(operation.operation_id)
        and view.facts.kind is FunctionKind.DEF
        and parent is not None
        and parent.facts.kind is FunctionKind.MODULE
        and not view.module.is_test
        and view.name == operation.operation_id
    )


def _is_same(contract: str, route: str, *, suffix: bool) -> bool:
    wanted, found = (_PARAMETER.sub("{}", path).strip("/").split("/") for path in (contract, route))
    if not suffix:
        return wanted == found
    literal = any(part and part != "{}" for part in found)
    return literal and len(found) < len(wanted) and wanted[-len(found) :] == found
