"""The arguments of a call: which constants stand among them, and how one more is written, as the others are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cancelcheck.model.facts import Attr, Comprehension, Name, Store

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite

Edits = tuple[tuple[int, int, str], ...]

_COMMENT = re.compile(r"#[^\r\n]*")
_INDENT = re.compile(r"[ \t]*")


def mentions(call: CallSite, constants: tuple[str, ...]) -> bool:
    """Whether one of these constants, or a call of one, stands among the arguments: alone, or in a sum of flags, or in
    one that a name stands for."""
    pending = [(call.fn, arg.value) for arg in call.node.args]
    for _ in range(MAX_NAMES):
        if not pending:
            break
        fn, whole = pending.pop(0)
        for index in fn.operands_within(whole):
            node = fn.nodes[index]
            if isinstance(node, (Name, Attr)) and fn.path_of(index) in constants:
                return True
            if isinstance(node, Name):
                # flags may be added to one that has a name: `ONLY |= …`
                for holder, at in fn.bindings(node.id).nodes:
                    stored = at >= 0 and isinstance(holder.nodes[at], Store)
                    value = holder.assigned_value(at) if stored else None
                    if value is not None:
                        pending.append((holder, value))
    return False


MAX_NAMES = 20
"""Arguments, and what names among them stand for, that are looked at for a constant."""


def added_argument(call: CallSite, keyword: str, value: str) -> Edits | None:
    """The edits that add `keyword=value` to a call; None where that cannot be: its only argument is a generator without
    parentheses of its own."""
    fn = call.fn
    text = fn.module.source.text
    args = call.node.args
    close = call.node.close
    argument = f"{keyword}={value}"
    if not args:
        return ((close, close, argument),)
    last = fn.nodes[args[-1].value]
    if len(args) == 1 and isinstance(last, Comprehension) and text[last.start] != "(":
        return None
    tail = text[last.end : close]
    # nothing but white space, commas, parentheses and comments stands there
    code = _COMMENT.sub(lambda comment: " " * len(comment.group()), tail)
    ended = code.rstrip()
    place = last.end + len(ended)
    has_comma = ended.endswith(",")
    if "\n" not in tail and "\r" not in tail:
        return ((place, close, f"{' ' if has_comma else ', '}{argument}"),)
    source = fn.module.source
    first = source.starts[source.position(last.start)[0] - 1]
    match = _INDENT.match(text, first)
    assert match is not None
    # behind a comment of the last argument, before those on lines of their own
    end = place + _rest_of_line(text, place, close)
    line = f"{source.newline}{match.group()}{argument}{',' if has_comma else ''}"
    comma = () if has_comma else ((place, place, ","),)
    if end == place and comma:
        return ((place, place, f",{line}"),)
    return (*comma, (end, end, line))


def _rest_of_line(text: str, start: int, end: int) -> int:
    """How many characters of the line stand behind a place."""
    found = re.compile(r"[\r\n]").search(text, start, end)
    return (found.start() if found is not None else end) - start
