"""What a call is given to run: a function of the project, a lambda, a method of a library, with its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.function import CallSite
from cancelcheck.model.facts import Arg, Call, FunctionKind, Lambda

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

MAX_WRAPPERS = 5
"""Partials and locals that are looked through."""


class Work(NamedTuple):
    """What is run. `node` names it; `view` is its function in the project, or the lambda; `call` is the call that will
    be made of it, with the arguments that are known where it is handed over (None for a lambda)."""

    node: int
    view: FunctionView | None
    call: CallSite | None


def work_of(call: CallSite, keyword: str, position: int) -> Work | None:
    """What is run of the argument at `position`; what follows are its arguments. Partials, context runs and locals are
    looked through. None where the argument is not seen."""
    view = call.fn
    node = call.seen_argument(keyword, position)
    if node is None:
        return None
    args = [arg for arg in call.node.args if arg.value != node]
    args = _behind(args, position)
    catalog = view.module.project.catalog
    for _ in range(MAX_WRAPPERS):
        inner = view.call_at(node)
        if inner is not None and catalog.is_partial(inner.target):
            given = inner.seen_argument("", 0)
            if given is None:
                return None
            node = given
            args = [arg for arg in inner.node.args if arg.value != node] + args
            continue
        runner = catalog.runner(view.target_of(node))
        if runner is not None and runner.work is schema.Work.CALLABLE and not runner.thread:
            first = next((arg for arg in args if not arg.star and not arg.keyword), None)
            if first is None:
                return None
            node = first.value
            args = [arg for arg in args if arg is not first]
            continue
        held = _held(view, node)
        if held < 0:
            break
        node = held
    found = view.nodes[node]
    if isinstance(found, Lambda):
        return Work(node, view.module.functions[found.function], None)
    made = Call(start=found.start, end=found.end, parent=-1, func=node, args=args, close=found.end)
    site = CallSite(view, call.index, made)
    callee = site.callee
    return Work(node, callee if callee is not None and callee.facts.kind is FunctionKind.DEF else None, site)


def started_by(call: CallSite, entry: schema.Spawner) -> FunctionView | None:
    """The function of the project, or the lambda, that a started task runs; None where it is not seen."""
    if entry.work is schema.Work.COROUTINE:
        given = call.argument(entry.work_keyword, entry.work_position)
        made = call.fn.call_at(given)
        callee = made.callee if made is not None else None
        return callee if callee is not None and callee.facts.kind is FunctionKind.DEF else None
    work = work_of(call, entry.work_keyword, entry.work_position)
    return work.view if work is not None else None


def _behind(args: list[Arg], position: int) -> list[Arg]:
    """The arguments without the positional ones that stand before the work's own."""
    found = []
    before = position
    for arg in args:
        if not arg.keyword and not arg.star and before > 0:
            before -= 1
            continue
        found.append(arg)
    return found


def _held(view: FunctionView, index: int) -> int:
    """The partial or lambda that a local is; -1 for anything else."""
    value = view.local_value(index)
    if value is None:
        return -1
    call = view.call_at(value)
    is_partial = call is not None and view.module.project.catalog.is_partial(call.target)
    return value if is_partial or isinstance(view.nodes[value], Lambda) else -1
