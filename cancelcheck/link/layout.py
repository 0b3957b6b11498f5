"""Whole lines, for fixes that move code: which lines a statement has to itself, and how a block is indented further."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cancelcheck.model.source import SourceFile

Text = tuple[int, int, str]
"""An edit: from, to, and what stands there then."""


def lines_of(source: SourceFile, start: int, end: int) -> tuple[int, int] | None:
    """The offsets of the lines that `[start, end)` has to itself, line ends included; None where anything else stands
    on them."""
    first, last = source.position(start)[0], source.position(end)[0]
    begin = source.starts[first - 1]
    after = source.starts[last] if last < len(source.starts) else len(source.text)
    if source.text[begin:start].strip() or source.text[end:after].strip():
        return None
    return begin, after


def line_behind(source: SourceFile, start: int, end: int) -> tuple[int, str] | None:
    """Where a line can be added behind the statement `[start, end)`: the end of its last line, and its indent; None
    where it shares its lines with another statement."""
    first, last = source.position(start)[0], source.position(end)[0]
    indent = source.text[source.starts[first - 1] : start]
    line_end = source.starts[last - 1] + len(source.line(last))
    rest = source.text[end:line_end].strip()
    return (line_end, indent) if not indent.strip() and (not rest or rest.startswith("#")) else None


def begins_line(source: SourceFile, start: int) -> bool:
    """Whether nothing but blanks stands before an offset on its line."""
    return not source.text[source.starts[source.position(start)[0] - 1] : start].strip()


def indent_unit(source: SourceFile, start: int, head: int) -> str:
    """What the body of a function that begins at `start`, its header ending at `head`, is indented by."""
    outer = _indent(source.line(source.position(start)[0]))
    for number in range(source.position(head)[0] + 1, len(source.starts) + 1):
        line = source.line(number)
        if line.strip():
            inner = _indent(line)
            return inner[len(outer) :] if inner.startswith(outer) and len(inner) > len(outer) else "    "
    return "    "


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def indent_edits(source: SourceFile, start: int, end: int, by: str = "    ") -> list[Text] | None:
    """Edits that indent the lines between two statements further; None where a text goes over several lines, which
    more blanks would change, or where tabs indent."""
    between = source.text[start:end]
    if '"""' in between or "'''" in between or "\\\n" in between:
        return None
    first, last = source.position(start)[0], source.position(end)[0]
    edits: list[Text] = []
    for number in range(first + 1, last):
        line = source.line(number)
        if line.startswith("\t"):
            return None
        if line.strip():
            at = source.starts[number - 1]
            edits.append((at, at, by))
    return edits
