"""From lines and columns in characters to the protocol's positions, and to offsets.

The protocol counts lines from 0, and columns in units that client and server agree on: of UTF-16 where nothing is said.
"""

from __future__ import annotations

from lsprotocol import types

from cancelcheck.model.source import SourceFile


class Positions:
    """Positions in the units of one `encoding`, in files as they were when they were checked."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def at(self, source: SourceFile, line: int, column: int) -> types.Position:
        """The position of a 1-based line and column."""
        before = source.line(line)[: column - 1]
        # what has no text any more is shown as it was counted
        return types.Position(line - 1, self._units(before) + max(0, column - 1 - len(before)))

    def at_offset(self, source: SourceFile, offset: int) -> types.Position:
        """The position of a character offset."""
        return self.at(source, *source.position(offset))

    def between(self, source: SourceFile, start: tuple[int, int], end: tuple[int, int]) -> types.Range:
        """The range between two places, each a 1-based line and column."""
        return types.Range(self.at(source, *start), self.at(source, *end))

    def character(self, source: SourceFile, position: types.Position) -> int:
        """The index on its line of the character at a position; the line's length where it is beyond the end."""
        line = source.line(position.line + 1)
        wanted: int = position.character
        if line.isascii():
            return min(wanted, len(line))
        units = 0
        for index, character in enumerate(line):
            units += self._units(character)
            if units > wanted:
                return index
        return len(line)

    def _units(self, text: str) -> int:
        if self._encoding == types.PositionEncodingKind.Utf8:
            return len(text.encode("utf-8", "surrogatepass"))
        if self._encoding == types.PositionEncodingKind.Utf32 or text.isascii():
            return len(text)
        return len(text) + sum(character > "\uffff" for character in text)


def touches(outer: types.Range, inner: types.Range) -> bool:
    """Whether two ranges have a place in common, be it their ends."""
    return _key(outer.start) <= _key(inner.end) and _key(inner.start) <= _key(outer.end)


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character
