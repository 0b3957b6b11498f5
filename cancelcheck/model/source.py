"""One file's text, and where its lines are."""

from __future__ import annotations

import bisect
import re

_LINE_END = re.compile(r"\r\n|\r|\n")

STDIN = "-"
"""The path that means standard input."""

UNNAMED = "<stdin>"
"""The name under which standard input is checked where none is given."""


def line_starts(text: str) -> list[int]:
    """Character offsets at which the lines of `text` begin. `\\n`, `\\r\\n` and `\\r` end a line; a form feed does
    not."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


class SourceFile:
    """The decoded text of one file.

    `path` is shown to people (as given, with `/`); `module` is the dotted name under which the project's other
    files import it; `is_package` says that the file is an `__init__.py`. `text` has no byte-order mark.
    """

    __slots__ = ("_starts", "is_package", "module", "path", "text")

    def __init__(self, path: str, text: str, *, module: str = "", is_package: bool = False) -> None:
        self.path = path
        self.text = text
        self.module = module
        self.is_package = is_package
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """Offsets of the line starts."""
        if self._starts is None:
            self._starts = line_starts(self.text)
        return self._starts

    @property
    def newline(self) -> str:
        """The line end that the file uses first; `\\n` where it has none."""
        match = _LINE_END.search(self.text)
        return match.group() if match is not None else "\n"

    def position(self, offset: int) -> tuple[int, int]:
        """1-based line and column of a character offset."""
        line = bisect.bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of the 1-based line `number`, without its end; empty where there is no such line."""
        if not 1 <= number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n")
