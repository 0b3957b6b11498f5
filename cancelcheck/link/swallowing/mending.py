"""Edits that let a cancellation out of a handler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cancelcheck.link.layout import begins_line
from cancelcheck.link.paths.exceptions import exception_types

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.link.paths.exceptions import Handler

Edit = tuple[int, int, str]

_PASS = re.compile(r"[ \t]*(?P<word>pass|\.\.\.)[ \t]*(?:#.*)?")


def raised_at_end(view: FunctionView, handler: Handler) -> Edit | None:
    """The edit that adds `raise` at the end of a handler, in place of a `pass` that is all of it; None where its body
    stands on the line of the `except`."""
    source = view.module.source
    end = view.regions[handler.region].end
    first, last = source.position(view.nodes[handler.node].end)[0], source.position(end)[0]
    lines = [
        number
        for number in range(first + 1, last + 1)
        if source.line(number).strip() and not source.line(number).lstrip().startswith("#")
    ]
    if not lines:
        return None
    line = source.line(lines[0])
    nothing = _PASS.fullmatch(line) if len(lines) == 1 else None
    if nothing is not None:
        start = source.starts[lines[0] - 1]
        return start + nothing.start("word"), start + nothing.end("word"), "raise"
    indent = line[: len(line) - len(line.lstrip())]
    place = source.starts[last - 1] + len(source.line(last))
    return place, place, f"{source.newline}{indent}raise"


def let_through(view: FunctionView, handler: Handler) -> Edit | None:
    """The edit that puts a handler before this one which raises the cancellation again, where this one names it and
    others in place."""
    source = view.module.source
    node = view.nodes[handler.node]
    named = [
        leaf
        for leaf in exception_types(view, [handler.excepts(view).caught])
        if leaf.entry is not None and leaf.entry in handler.catch.named
    ]
    line = source.position(node.start)[0]
    body = next(
        (text for number in range(line + 1, len(source.starts) + 1) if (text := source.line(number)).strip()), ""
    )
    if len(named) != 1 or named[0].view is not view or not begins_line(source, node.start):
        return None
    start = source.starts[line - 1]
    indent, inner = source.text[start : node.start], body[: len(body) - len(body.lstrip())]
    if not inner.startswith(indent) or inner == indent:
        return None
    text = source.newline.join((f"{indent}except {view.text(named[0].node)}:", f"{inner}raise", ""))
    return start, start, text
