"""The call graph below a function: which functions of the project a call may run, and whether anything there waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.paths.reaching import chain_in
from cancelcheck.link.promises.wrapping import wrapper_of
from cancelcheck.model.facts import Attr, FunctionKind, Lambda, Name

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

_ENTERED = ("__init__", "__enter__", "__exit__", "__aenter__", "__aexit__")
"""Methods of a class that a call of it, or a `with` on that, runs."""


def may_wait(view: FunctionView) -> bool:
    """Whether anything below a function may wait. Most functions only compute: no way through them need be walked."""
    return view.is_async or bool(chain_in(view, "may-wait", _waits, into=_runs))


def _waits(call: CallSite) -> bool:
    """Whether a call waits, or runs something that may."""
    catalog = call.fn.module.project.catalog
    target = call.target
    if call.is_awaited:
        return True
    if target and catalog.has(target):
        api = catalog.api(target)
        if api is not None and api.kind is not schema.Kind.FILE:
            return True
        if catalog.runner(target) is not None or catalog.spawner(target) is not None:
            return True
        if catalog.retry(target) is not None or catalog.waiter(target) is not None:
            return True
    callee = call.callee
    return callee is not None and any(catalog.retry(name) is not None for name, _ in callee.decorators)


def _runs(call: CallSite) -> Iterator[FunctionView]:
    """The project's functions that a call may run: the one that is called, what its decorators put in its place, and
    those that it is handed."""
    callee = call.callee
    if callee is not None and callee.facts.kind is FunctionKind.CLASS:
        yield from (method for name in _ENTERED if (method := callee.inherited(name)) is not None)
    elif callee is not None:
        yield callee
        yield from wrappers_of(callee)
    for arg in call.node.args:
        node = call.fn.nodes[arg.value]
        if isinstance(node, Lambda):
            yield call.fn.module.functions[node.function]
        elif isinstance(node, (Name, Attr)):
            handed = call.fn.definition_of(arg.value)
            if handed is not None and handed.facts.kind is FunctionKind.DEF:
                yield handed
                yield from wrappers_of(handed)


def wrappers_of(view: FunctionView) -> Iterator[FunctionView]:
    """What the project's decorators put in the place of a function."""
    for layer in range(len(view.decorators)):
        wrapper = wrapper_of(view, layer)
        if wrapper is not None:
            yield wrapper.view
