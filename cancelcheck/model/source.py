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


_LITERALS = re.compile(
    r"""[A-Za-z]*"{3}(?:[^\\"]|\\.|"(?!""))*"{3}|[A-Za-z]*'{3}(?:[^\\']|\\.|'(?!''))*'{3}"""
    r"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\#[^\n]*""",
    re.DOTALL,
)
_MASK = re.compile("\0([0-9]+)\0")


_CONTINUED = re.compile(r"\\\n[ \t\f]*(?:\#|\n)")
_BEFORE_OPENING = re.compile(r"""(?:[^"'#\\]|"[^"\\]*"|'[^'\\]*')*""")


def code_of(text: str) -> str:
    """What stands for the code of a text: two texts for which it is the same differ in blank lines and in lines of
    comments, if at all. To find literals one by one takes ten times as long as to split a text at its triple quotes, so
    that is done where these can be nothing else."""
    if "\0" in text:
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    quotes = "'''" if "'''" in text else '"""'
    parts = text.split(quotes)
    outside, inside = parts[::2], parts[1::2]
    code = "\0".join(outside)
    if (
        (quotes[0] == "'" and '"""' in text)
        or len(outside) == len(inside)
        # an escaped quote; a literal of f-strings, in which there may be others with the same quotes
        or any(part.endswith("\\") for part in inside)
        or any(map(_may_be_none, outside, inside))
    ):
        return uncommented(text)
    lines = code.split("\n")
    if "\\\n" in code:
        if any(line[-1:] == "\\" and _BEFORE_OPENING.fullmatch(line[:-1]) is None for line in lines):
            # a literal may go on on the next line
            return uncommented(text)
        if _CONTINUED.search(code):
            return text
    lines = [line for line in lines if (begun := line.lstrip(" \t\f")) and begun[0] != "#"]
    return "\0".join(("\n".join(lines), *inside))


def _may_be_none(before: str, inside: str) -> bool:
    """Whether the quotes before and after this may not be those of one literal: they stand in another one, or it is an
    f-string, in which there may be others with the same quotes."""
    line = before[before.rfind("\n") + 1 :]
    if _BEFORE_OPENING.fullmatch(line) is None:
        return True
    is_formatted = line[-1:] in _FORMATTED or line[-2:-1] in _FORMATTED
    return is_formatted and inside.count("{") != inside.count("}")


_FORMATTED = ("f", "F", "t", "T")


def uncommented(text: str) -> str:
    """A text without the lines that are blank, or a comment and nothing else; line ends as `\\n`. As it is, where that
    is not sure to leave all that is code."""
    if "\0" in text:
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    literals: list[str] = []
    doubtful = False

    def mask(match: re.Match[str]) -> str:
        nonlocal doubtful
        found = match[0]
        # in an f-string there may be others, with the same quotes
        doubtful |= found[0].isalpha() and found.count("{") != found.count("}")
        if "\n" not in found:
            return found
        literals.append(found)
        return f"\0{len(literals) - 1}\0"

    masked = _LITERALS.sub(mask, text) if '"' in text or "'" in text else text
    if doubtful or ("\\\n" in masked and _CONTINUED.search(masked)):
        return text
    code = "\n".join(line for line in masked.split("\n") if (begun := line.lstrip()) and begun[0] != "#")
    return _MASK.sub(lambda match: literals[int(match[1])], code) if literals else code
