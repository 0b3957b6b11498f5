"""Edits that give a call a timeout: the value that the settings name, a constant of the project, or a number, in the
unit and the form that the library takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.arguments import Edits, added_argument
from cancelcheck.link.imports import access_to_member
from cancelcheck.link.timeouts.advice import constant_in_reach, global_value, library_of
from cancelcheck.link.values import Bound, Value, ValueKind, bound_of
from cancelcheck.model.facts import FunctionKind, ParamKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.timeouts.passing import Endless

_PER_SECOND = {schema.Unit.SECONDS: 1, schema.Unit.MILLISECONDS: 1_000, schema.Unit.MICROSECONDS: 1_000_000}


class Written(NamedTuple):
    """A timeout as it is written at a call, and the edits that it needs elsewhere in the file."""

    text: str
    edits: Edits = ()


def handed_on(call: CallSite, endless: Endless, default: float | str) -> Edits | None:
    """The edits that pass a timeout to a project function which hands it on to a library; None where it cannot be given
    by name."""
    callee = call.callee
    if callee is not None and callee.facts.kind is FunctionKind.CLASS:
        callee = callee.inherited("__init__")
    param = callee.param(endless.param) if callee is not None else None
    if param is not None and param.kind is ParamKind.POSITIONAL_ONLY:
        return None
    written = written_for(call, endless.api, default, library_of(endless.chain[-1].target))
    return _given(call, endless.param, written)


def passed(call: CallSite, entry: schema.Api | schema.Client, default: float | str, keyword: str = "") -> Edits | None:
    """The edits that pass a timeout to a call which has none; None where it takes none, or not in a form that is
    known."""
    keyword = keyword or next(iter(names_of(entry.timeout)), "")
    if not keyword:
        return None
    return _given(call, keyword, written_for(call, entry, default))


def _given(call: CallSite, keyword: str, written: Written | None) -> Edits | None:
    """The edits that give a call a timeout by a keyword."""
    if written is None:
        return None
    edits = added_argument(call, keyword, written.text)
    return (*written.edits, *edits) if edits is not None else None


def written_for(
    call: CallSite, entry: schema.Api | schema.Client, default: float | str, library: str = ""
) -> Written | None:
    """How a timeout is written for a call of a library, or of a function that hands it on to one (`library`)."""
    if not entry.form:
        return None
    made = _seconds(call.fn, default)
    if isinstance(default, float):
        # a constant that says that it is one for such calls is better than a number
        library = library or library_of(call.target)
        named = call.fn.facts.kind in (FunctionKind.DEF, FunctionKind.LAMBDA)
        constant = constant_in_reach(call.fn, entry.kind, entry.unit, library) if named else None
        if constant is not None and (not entry.whole or float(constant.number).is_integer()):
            made = Written(constant.name)
        else:
            made = Written(_number(default * _PER_SECOND[entry.unit], whole=entry.whole))
    elif made is not None:
        factor = _PER_SECOND[entry.unit]
        text = made.text if factor == 1 else f"{made.text} * {factor}"
        made = made._replace(text=f"int({text})" if entry.whole else text)
    return _in_form(call.fn, entry.form, made) if made is not None else None


def _number(value: float, *, whole: bool) -> str:
    if whole:
        return str(math.ceil(value))
    return str(int(value)) if float(value).is_integer() else repr(value)


def _in_form(view: FunctionView, form: str, made: Written) -> Written | None:
    """A value in the form that a library takes: `aiohttp.ClientTimeout(total={})`."""
    maker, opened, rest = form.partition("(")
    if not opened:
        return made._replace(text=form.replace("{}", made.text))
    module, _, name = maker.rpartition(".")
    access = access_to_member(view, module, name)
    if access is None:
        return None
    return Written(f"{access.name}({rest.replace('{}', made.text)}", (*access.edits, *made.edits))


def _seconds(view: FunctionView, default: float | str) -> Written | None:
    """The value that the settings name, in seconds, as the function can reach it: what it is in the project says how
    many parts of its name are the module's."""
    if not isinstance(default, str):
        return None
    module = view.module
    parts = default.split(".")
    if len(parts) < 2:
        return None
    known = len(parts) - 1
    for end in range(len(parts) - 1, 0, -1):
        if module.project.module(".".join(parts[:end]), module) is not None:
            known = end
            break
    owner, name, further = ".".join(parts[:known]), parts[known], parts[known + 1 :]
    suffix = "".join(f".{part}" for part in further)
    if not further and _is_duration(view, owner, name):
        suffix = ".total_seconds()"
    if owner == module.name:
        scope, nodes = view.bindings(name)
        return Written(name + suffix) if nodes and scope is module.body else None
    access = access_to_member(view, owner, name)
    return Written(access.name + suffix, access.edits) if access is not None else None


def _is_duration(view: FunctionView, owner: str, name: str) -> bool:
    """Whether a global of another module is a `timedelta`."""
    module = view.module.project.module(owner, view.module)
    value = global_value(module, name) if module is not None else None
    return value is not None and value.is_duration


def replaced(call: CallSite, value: Value, entry: schema.Api | schema.Client, default: float | str) -> Edits | None:
    """The edits that make an endless timeout finite where it is written, in a call: the value, or the endless parts of
    it. None where it is written elsewhere."""
    inside = set(call.fn.operands_within(call.index))
    if value.view is not call.fn or value.node not in inside:
        return None
    if value.kind is ValueKind.OBJECT:
        return _made_finite(value, default)
    endless = [value]
    if value.kind is ValueKind.SEQUENCE:
        endless = [item for item in value.items if bound_of(item, entry.forever) is Bound.FOREVER]
    written = written_for(call, entry, default)
    if written is None or any(item.view is not call.fn or item.node not in inside for item in endless):
        return None
    nodes = [call.fn.nodes[item.node] for item in endless]
    return (*written.edits, *((node.start, node.end, written.text) for node in nodes))


PLAIN = schema.Client(type="")
"""What takes seconds, as a number."""


def _made_finite(value: Value, default: float | str) -> Edits | None:
    """The edits that bound a timeout object in all: its total is replaced, or added."""
    maker = value.call
    assert maker is not None
    catalog = maker.fn.module.project.catalog
    entry = catalog.timeout_object(maker.target)
    written = written_for(maker, PLAIN, default)
    if entry is None or written is None or not (entry.total or entry.total_position >= 0):
        return None
    argument = maker.argument(entry.total, entry.total_position)
    if argument is None:
        edits = added_argument(maker, entry.total, written.text) if entry.total else None
        return (*written.edits, *edits) if edits is not None else None
    if argument < 0:
        return None
    node = maker.fn.nodes[argument]
    return (*written.edits, (node.start, node.end, written.text))
