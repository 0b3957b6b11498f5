"""Context parameters: the parameters that carry a deadline, a timeout or a cancellation, and of which kind each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.instances import annotated_instance
from cancelcheck.model.facts import (
    Attr,
    Const,
    Display,
    FunctionKind,
    Name,
    Operation,
    Param,
    ParamKind,
    Subscript,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

NAMES = ("cancel_token", "cancellation_token", "cancel_scope", "stop_event", "cancel_event", "deadline", "timeout")
"""Names that say it all, where there is no annotation."""

_NUMBERS = frozenset(
    {
        "builtins.int",
        "builtins.float",
        "decimal.Decimal",
        "datetime.timedelta",
        "datetime.datetime",
        "numbers.Number",
        "numbers.Real",
    }
)

SURFACE = frozenset(
    {
        "done",
        "cancel",
        "cancelled",
        "is_cancelled",
        "cancel_called",
        "deadline",
        "remaining",
        "time_remaining",
        "expired",
        "check_cancelled",
        "raise_if_cancelled",
    }
)
"""Members that make a class a carrier of cancellation."""

STRONG = SURFACE - {"done", "expired"}
"""Those of them that a thing which is something else, a reply or an interaction, does not have by chance."""

TIMES = ("deadline", "timeout")
"""Names of parameters that carry a time, and not an object."""


class Carrier(NamedTuple):
    """A context parameter. `type` is the qualified name of what its annotation says, "" where it has none, and `cls`
    that class in the project; `is_time`: it is a number or a point in time; `is_known`: its type is one of the
    catalogue's or of the configuration's, which carry nothing else."""

    param: Param
    type: str
    cls: FunctionView | None
    is_time: bool
    is_known: bool

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.param.name


def carriers(view: FunctionView) -> tuple[Carrier, ...]:
    """The parameters of a function that carry cancellation, in order; looked up once. An annotation decides; without
    one, the name does, and for `ctx` and `context` that the function, or one that it hands it to, uses such a member of
    it."""
    kept = view.module.carriers
    known = kept.get(view.index)
    if known is None:
        found = (_carrier(view, param) for param in view.facts.params)
        known = tuple(carrier for carrier in found if carrier is not None)
        if view.module.project.guard.is_settled:
            kept[view.index] = known
    return known


def says_bound(view: FunctionView, param: Param) -> bool:
    """Whether a context parameter says by its name that it carries a bound or a cancellation, and not by its type alone
    (a `job` that can be cancelled)."""
    name = param.name.lower()
    return name in view.module.project.settings.context_parameters or any(word in name for word in _BOUNDS)


_BOUNDS = ("timeout", "deadline", "cancel", "stop", "token", "scope", "ctx", "context")


def is_plainly_one(view: FunctionView, carrier: Carrier) -> bool:
    """Whether a parameter is a context and nothing else: by its name, by the name of its type, or by a type that the
    catalogue or the configuration knows as one. A `job` that can be cancelled is something else in the first place."""
    if carrier.is_known:
        return True
    if carrier.cls is not None and not has_surface(carrier.cls, STRONG) and not _says_cancel(carrier):
        return False
    last = carrier.type.rpartition(".")[2].lower()
    return says_bound(view, carrier.param) or any(word in last for word in _BOUNDS)


def _says_cancel(carrier: Carrier) -> bool:
    """Whether a parameter's name, or its type's, speaks of more than a context."""
    names = f"{carrier.name} {carrier.type.rpartition('.')[2]}".lower()
    return any(word in names for word in _BOUNDS if word not in _VAGUE)


def same_kind(one: Carrier, other: Carrier) -> bool:
    """Whether two context parameters are of one kind: times of the same name, objects of the same type (or one that
    inherits from it), and where a type is not said, of the same name."""
    if one.is_time or other.is_time or not one.type or not other.type:
        return one.name == other.name
    if one.type == other.type:
        return True
    return any(
        cls is not None and (inner.type in cls.ancestry[1] or inner.cls in cls.ancestry[0])
        for cls, inner in ((one.cls, other), (other.cls, one))
    )


def _carrier(view: FunctionView, param: Param) -> Carrier | None:
    if param.kind in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD) or view.facts.kind is not FunctionKind.DEF:
        return None
    settings = view.module.project.settings
    parent = view.parent
    if param.annotation >= 0 and parent is not None:
        for index in annotation_parts(parent, param.annotation):
            found = _by_type(parent, index, param)
            if found is not None:
                return found
        return None
    if param.name in NAMES or param.name in settings.context_parameters:
        return Carrier(param, "", None, param.name in TIMES, True)
    if param.name in _VAGUE and _uses_surface(view, param.name, MAX_HOPS):
        return Carrier(param, "", None, False, False)
    return None


def _by_type(view: FunctionView, index: int, param: Param) -> Carrier | None:
    """What one member of an annotation makes of a parameter."""
    settings = view.module.project.settings
    name = view.target_of(index)
    if name in _NUMBERS:
        timed = param.name in TIMES or param.name in settings.context_parameters
        return Carrier(param, name, None, True, True) if timed else None
    entry = view.module.project.catalog.carrier(name)
    if entry is not None:
        if entry.named and not any(word in param.name for word in _STOPS):
            return None
        return Carrier(param, view.module.project.catalog.canonical(name), None, False, True)
    instance = annotated_instance(view, index)
    cls = instance.view if instance is not None else None
    kind = instance.type if instance is not None else name
    if name in settings.context_types or kind in settings.context_types:
        return Carrier(param, kind, cls, False, True)
    return Carrier(param, kind, cls, False, False) if cls is not None and has_surface(cls) else None


_STOPS = ("stop", "cancel")
"""Words in the name of an event that somebody is told to stop by."""

_VAGUE = ("ctx", "context")
"""Names that say nothing by themselves."""

MAX_HOPS = 2
"""Functions to which a `ctx` is handed in which a member is looked for."""


def _uses_surface(view: FunctionView, name: str, hops: int) -> bool:
    """Whether a function, or one of the project that it hands a parameter to, uses a member of it that only a carrier
    of cancellation has."""
    handed: list[tuple[FunctionView, str]] = []
    for user, at in view.reads(name):
        outer = user.nodes[at].parent
        node = user.node_at(outer)
        if isinstance(node, Attr) and node.attr in SURFACE:
            return True
        call = user.call_at(outer)
        callee = call.callee if call is not None and hops > 0 else None
        if call is None or callee is None or callee.facts.kind is not FunctionKind.DEF or callee is view:
            continue
        first = 1 if callee.self_name else 0
        for position, arg in enumerate(call.node.args):
            if arg.value != at or arg.star:
                continue
            params = callee.facts.params
            given = callee.param(arg.keyword) if arg.keyword else None
            if not arg.keyword and position + first < len(params):
                given = params[position + first]
            if given is not None and given.annotation < 0:
                handed.append((callee, given.name))
    return any(_uses_surface(callee, inner, hops - 1) for callee, inner in handed)


def annotation_parts(view: FunctionView, index: int) -> list[int]:
    """The names that an annotation is made of: the members of a union, without None."""
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "|":
        return [inner for part in node.operands for inner in annotation_parts(view, part)]
    if isinstance(node, Subscript):
        name = view.path_of(node.value).rpartition(".")[2]
        inner = view.nodes[node.index]
        items = inner.items if isinstance(inner, Display) else [node.index]
        if name in ("Optional", "Union"):
            return [found for item in items for found in annotation_parts(view, item)]
        if name in ("Annotated", "Final"):
            return annotation_parts(view, items[0])
        return []
    if isinstance(node, Const):
        return []
    return [index] if isinstance(node, (Name, Attr)) else []


def has_surface(cls: FunctionView, surface: frozenset[str] = SURFACE) -> bool:
    """Whether a class of the project carries cancellation: it defines or inherits a member that says so."""
    for holder in cls.ancestry[0]:
        for name in sorted(surface):
            member = holder.member(name)
            if member is None:
                if name in _FLAGS and _has_flag(holder, name):
                    return True
                continue
            needed = [
                param
                for param in member.facts.params[1:]
                if param.default < 0 and param.kind not in (ParamKind.VAR_POSITIONAL, ParamKind.VAR_KEYWORD)
            ]
            if member.facts.kind is FunctionKind.DEF and (name not in ("cancel", "done") or not needed):
                return True
    return False


_FLAGS = ("cancelled", "is_cancelled", "cancel_called")
"""Members that may be an attribute as well as a method."""


def _has_flag(cls: FunctionView, name: str) -> bool:
    """Whether the body of a class, or a method of it, gives its objects an attribute."""
    return name in cls.facts.bound or any(
        method.self_name and f"{method.self_name}.{name}" in method.attributes_stored for method in cls.children
    )


def is_carrying_type(view: FunctionView, name: str, cls: FunctionView | None) -> bool:
    """Whether a type carries cancellation and is nothing else: the catalogue's, the configuration's, or a class of the
    project with such a surface whose name says so. `name` is its qualified name, seen from `view`."""
    entry = view.module.project.catalog.carrier(name)
    if entry is not None:
        return not entry.named
    if name in view.module.project.settings.context_types:
        return True
    last = name.rpartition(".")[2].lower()
    return cls is not None and any(word in last for word in _BOUNDS) and has_surface(cls, STRONG)
