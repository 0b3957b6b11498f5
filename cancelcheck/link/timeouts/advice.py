"""What a report says of a timeout that is missing: whose default it is, and what of the project could be passed."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.values import Value, ValueKind, evaluate
from cancelcheck.model.facts import Import, Store

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.project import ModuleView
    from cancelcheck.model.finding import Said

_KINDS = {
    schema.Kind.HTTP: {"HTTP", "HTTPS", "REQUEST", "REQUESTS", "API", "WEB", "URL", "DOWNLOAD", "FETCH"},
    schema.Kind.RPC: {"RPC", "GRPC", "REQUEST", "API"},
    schema.Kind.DB: {"DB", "DATABASE", "SQL", "QUERY", "STATEMENT"},
    schema.Kind.CACHE: {"CACHE", "REDIS"},
    schema.Kind.BROKER: {"BROKER", "QUEUE"},
    schema.Kind.CLOUD: {"CLOUD", "AWS", "API"},
    schema.Kind.MAIL: {"MAIL", "EMAIL", "SMTP", "IMAP"},
}
"""Words in the name of a constant that say which waits it is for."""

_ANY = {"DEFAULT", "TIMEOUT", "TIMEOUTS", "CLIENT", "NETWORK", "SOCKET", "CONNECTION", "CONNECT", "READ", "GLOBAL"}
"""Words that say nothing against any wait."""

_UNITS = {
    schema.Unit.SECONDS: {"S", "SEC", "SECS", "SECOND", "SECONDS"},
    schema.Unit.MILLISECONDS: {"MS", "MSEC", "MILLIS", "MILLISECONDS"},
    schema.Unit.MICROSECONDS: {"US", "USEC", "MICROS", "MICROSECONDS"},
}

_SPELLED = {
    schema.Unit.SECONDS: "seconds",
    schema.Unit.MILLISECONDS: "milliseconds",
    schema.Unit.MICROSECONDS: "microseconds",
}


class Constant(NamedTuple):
    """A constant that could be passed: how the file spells it, and its value."""

    name: str
    number: float


def library_of(target: str) -> str:
    """The module that a library's name is reached by: `urllib.request` of `urllib.request.OpenerDirector.open`."""
    parts = target.split(".")[:-1] or [target]
    for at, part in enumerate(parts):
        if part[:1].isupper():
            return ".".join(parts[:at]) or parts[0]
    if len(parts) > 1 and parts[-1] == parts[-2]:
        parts.pop()  # a type that bears its module's name: `socket.socket`
    return ".".join(parts)


def spelled(value: Value) -> Said:
    """A value as it is written; the span of a tuple leaves its parentheses out."""
    text = value.view.text(value.node)
    return f"({text})" if value.kind is ValueKind.SEQUENCE and text[:1] not in ("(", "[") else text


def timeout_to_pass(call: CallSite, api: schema.Api | schema.Client, keyword: str = "") -> Said:
    """What to do about a call that is given no timeout: which argument to pass, and a constant that is in reach."""
    keyword = keyword or next(iter(names_of(api.timeout)), "")
    unit = _SPELLED[api.unit]
    if not keyword and isinstance(api, schema.Api) and api.set_by:
        constant = constant_in_reach(call.fn, api.kind, api.unit, library_of(call.target))
        told = f"{call.fn.text(call.receiver)}.{api.set_by[0]}({constant.name if constant else '…'})"
        return f"Tell it before: `{told}`, {f'{constant.number:g}' if constant else 'in'} {unit}."
    if not keyword:
        return f"Bound it from outside: `{call.text}(…)` takes no timeout."
    constant = constant_in_reach(call.fn, api.kind, api.unit, library_of(call.target))
    if "{}" in api.form and '"' in api.form:  # it stands in a dict
        value = api.form.replace("{}", constant.name if constant else "…")
        return f"Pass `{keyword}={value}`, {f'{constant.number:g}' if constant else 'in'} {unit}."
    if constant is None:
        return f"Pass `{keyword}=`, in {unit}."
    return f"Pass `{keyword}={constant.name}`, {constant.number:g} {unit}."


def constant_in_reach(
    view: FunctionView, kind: schema.Kind | None, unit: schema.Unit, library: str = ""
) -> Constant | None:
    """A constant of the project that says by its name that it is a timeout for such a call: of this file, or of a
    module that it imports. One that names the kind of wait comes first, then one of the file."""
    fitting = _KINDS.get(kind, set()) | {part.upper() for part in library.split(".")} if kind is not None else set()
    ranked: list[tuple[int, int, Constant]] = []
    for constant in timeout_constants(view.module):
        words = set(re.split(r"_+", constant.name.rpartition(".")[2].strip("_")))
        units = words & set().union(*_UNITS.values())
        if words - _ANY - fitting - units or (units and not units <= _UNITS[unit]):
            continue
        if unit is not schema.Unit.SECONDS and not units:
            continue
        scope, nodes = view.bindings(constant.name.partition(".")[0])
        if scope is None or not nodes or scope is not view.module.body:
            continue
        ranked.append((0 if words & fitting else 1, len(ranked), constant))
    return min(ranked)[2] if ranked else None


def timeout_constants(module: ModuleView) -> list[Constant]:
    """The constants that the file can name and that say that they are a timeout: its own ones and imported ones, then
    those of the modules that it imports, in order; looked up once."""
    if module.constants is None:
        module.constants = _constants_of(module)
    return module.constants


def _constants_of(module: ModuleView) -> list[Constant]:
    near: dict[str, float] = {}
    far: dict[str, float] = {}
    for node in module.body.nodes:
        if isinstance(node, Store) and _is_timeout(node.id):
            _add(near, node.id, module, node.id)
        elif isinstance(node, Import):
            for local, path in node.names:
                if local == "*":
                    continue
                if _is_timeout(local):
                    owner = module.project.module(path.rpartition(".")[0], module)
                    if owner is not None:
                        _add(near, local, owner, path.rpartition(".")[2])
                    continue
                found, entity = module.project.find(path, module)
                inner = module.project.module(found, module) if entity is not None else None
                if inner is None or inner is module:
                    continue
                for other in inner.body.nodes:
                    if isinstance(other, Store) and _is_timeout(other.id):
                        _add(far, f"{local}.{other.id}", inner, other.id)
    return [Constant(name, number) for name, number in {**near, **far}.items()]


def _is_timeout(name: str) -> bool:
    return "TIMEOUT" in name and name.isupper() and not name.startswith("__")


def _add(found: dict[str, float], spelled: str, module: ModuleView, name: str) -> None:
    """Keep a constant, where it is bound once, to a finite number."""
    value = global_value(module, name)
    if value is None or value.kind is not ValueKind.NUMBER or value.is_duration:
        return
    if math.isfinite(value.number) and value.number > 0:
        found[spelled] = value.number


def global_value(module: ModuleView, name: str) -> Value | None:
    """The value of a global that is bound once, by an assignment."""
    bindings = module.globals(name)
    view, at = bindings[0] if len(bindings) == 1 else (module.body, -1)
    value = view.assigned_value(at) if at >= 0 else None
    return evaluate(view, value) if value is not None else None
