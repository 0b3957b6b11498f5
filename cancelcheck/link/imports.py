"""Names of modules: under which one a function can use a module, and the edit that imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.model.facts import Import, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Access(NamedTuple):
    """How code can name a module: `name`, once `edits` are made."""

    name: str
    edits: tuple[tuple[int, int, str], ...] = ()


def access_to(view: FunctionView, module: str) -> Access | None:
    """How a function can name a module (`asyncio`): by the name under which the file imports it, else by importing it
    before the file's first import. None where neither is possible."""
    body = view.module.body
    first = -1
    for index, node in enumerate(body.nodes):
        if not isinstance(node, Import) or body.regions[body.region_of(index)].kind is not RegionKind.BODY:
            continue
        for local, target in node.names:
            if target == module and local != "*" and _means(view, local, module):
                return Access(local)
        future = any(target.startswith("__future__.") for _, target in node.names)
        if first < 0 and not future:
            first = index
    if first < 0 or view.bindings(module).nodes:
        return None
    start = body.nodes[first].start
    source = view.module.source
    line, column = source.position(start)
    if column != 1 or source.line(line).lstrip() != source.line(line):
        return None
    newline = source.newline
    return Access(module, ((start, start, f"import {module}{newline}"),))


def _means(view: FunctionView, name: str, module: str) -> bool:
    """Whether a name is bound by imports of that module alone, as the function sees it."""
    scope, nodes = view.bindings(name)
    return scope is not None and all(
        at >= 0 and isinstance(node := holder.nodes[at], Import) and (name, module) in node.names
        for holder, at in nodes
    )
