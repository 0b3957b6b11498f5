"""How deep a text goes, told before LibCST parses it.

LibCST's parser goes down the process's stack for each bracket and each operator of a chain. What it does on one level
it does over again for those above, so that its time grows with the square of the depth; in a `case`, or after `del`,
it tries each level several ways: ten brackets inside each other take a second there, fifteen an hour. It cannot be
ended from within its process, and nor can the end of the stack. So where it is to read a text, it is asked here, in a
fiftieth of the time, whether that is safe to do in this place.

The measure is characters: of all that stands before a place in its own element, and in those around it. A chain of
operators is never deeper than it is long.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

MAX_BRACKETS = 200
"""Brackets that CPython itself lets stand inside each other (`MAXSTACK` in its tokenizer)."""

_BRACKET = 30
"""Characters of a chain that take as long as one bracket."""

_DEEP = 500
"""Below this depth time does not grow with it, as far as anyone can measure."""

MAX_DEPTH = 48_000
"""Deeper than this LibCST's parser does not get in a minute. A sum of 3,000 terms takes it three seconds, one of 6,000
sixteen: Python 3.12 does not read those itself, whatever its recursion limit, while 3.11 and 3.13 do."""

STACK_DEPTH = 1_500
STACK_ELIFS = 500
"""From which depth, and how many `elif`, on a text needs more stack than any main thread is sure to have."""

MAX_WORK = 10_000_000
"""Characters times their depth that take some two seconds."""

MAX_PATTERN = 6
"""Brackets inside each other in a statement with `case` or `del` that take no time to speak of."""

_CODE = re.compile(
    r"""
      \#[^\r\n]*
    | \\(?:\r\n|\r|\n)
    | (?:\r\n|\r|\n)[ \t\f]*
    | [A-Za-z]{0,2}(?:\"\"\"|'''|"|')
    | [()\[\]{},;]
    """,
    re.VERBOSE,
)
# in the braces of a formatted text a colon ends the expression
_FIELD = re.compile(_CODE.pattern.replace("[()", "[:()"), re.VERBOSE)

_STRINGS = {
    '"': re.compile(r'(?:[^\\"\r\n]++|\\(?:\r\n|.))*+"', re.DOTALL),
    "'": re.compile(r"(?:[^\\'\r\n]++|\\(?:\r\n|.))*+'", re.DOTALL),
    '"""': re.compile(r'(?:[^\\"]++|\\.|"(?!""))*+"""', re.DOTALL),
    "'''": re.compile(r"(?:[^\\']++|\\.|'(?!''))*+'''", re.DOTALL),
}
_FORMATTED = {"f", "fr", "rf", "t", "tr", "rt"}
_TEXTS = {
    '"': re.compile(r'\\N\{[^}"\r\n]*\}|\\(?:\r\n|[^{}])|\{\{|\}\}|[{}"\r\n]'),
    "'": re.compile(r"\\N\{[^}'\r\n]*\}|\\(?:\r\n|[^{}])|\{\{|\}\}|[{}'\r\n]"),
    '"""': re.compile(r'\\N\{[^}"]*\}|\\[^{}]|\{\{|\}\}|[{}]|"""'),
    "'''": re.compile(r"\\N\{[^}']*\}|\\[^{}]|\{\{|\}\}|[{}]|'''"),
}

_ELIF = re.compile(r"^[ \t]*elif\b", re.MULTILINE)
_TRIED_SEVERAL_WAYS = re.compile(r"\b(?:case|del)\b")
_GOES_ON = re.compile(r"\b(?:lambda|for)\b")


class Nesting(msgspec.Struct):
    """What was found. `brackets` stand inside each other at most, the first one too many on `line`; `depth` is the
    greatest there is; `work` stands for the time that goes with it, `pattern` for that of a `case` or `del`. A text
    that `is_clear` can be told apart into strings and code."""

    brackets: int = 0
    line: int = 1
    depth: int = 0
    work: int = 0
    pattern: int = 0
    elifs: int = 0
    is_clear: bool = True

    @property
    def needs_stack(self) -> bool:
        """Whether it has to be parsed where there is more stack than in the main thread."""
        return self.depth > STACK_DEPTH or self.elifs > STACK_ELIFS or not self.is_clear

    @property
    def is_risky(self) -> bool:
        """Whether it may take longer than anyone waits, and must be parsed where that can be ended."""
        return self.work > MAX_WORK or self.pattern > MAX_PATTERN or not self.is_clear


def nesting_of(text: str) -> Nesting:
    """How deep a text goes."""
    found = Nesting(elifs=len(_ELIF.findall(text)) if "elif" in text else 0)
    if not _Walk(text, found).is_done():
        found.is_clear = False
    return found


class _Walk:
    """Goes through a text from one bracket, comma, line end or string to the next."""

    def __init__(self, text: str, found: Nesting) -> None:
        self._text = text
        self._found = found
        # where the element began that a bracket stands in, what it stands in itself, and where the bracket is
        self._outer: list[tuple[int, int, int]] = []
        self._base = 0
        self._start = 0
        self._last = 0
        self._statement = 0
        self._brackets = 0
        # formatted texts, their expressions and forms, the innermost last
        self._modes: list[_Mode] = []
        # commas between the parameters of a lambda, or the targets of a comprehension, end no element
        self._has_chains = text.count("lambda") + text.count(" for ") > 100

    def is_done(self) -> bool:
        """Walk to the end; False where the text is not what it seemed to be."""
        at = 0
        while at >= 0:
            if self._modes and self._modes[-1].kind != _EXPRESSION:
                at = self._text_from(at)
            else:
                match = (_FIELD if self._modes else _CODE).search(self._text, at)
                if match is None:
                    self._note(len(self._text))
                    self._end_statement(len(self._text))
                    return not self._outer and not self._modes
                at = self._code(match)
        return False

    def _code(self, match: re.Match[str]) -> int:
        """Take in what stands at a place in code; where to go on, -1 if that cannot be."""
        text = self._text
        start, at = match.span()
        first = text[start]
        if first in "\r\n":
            if self._outer:
                self._skip(start + 1, at)
            else:
                self._note(start)
                self._end_statement(start)
                self._statement = self._start = self._last = at
        elif first in ",;":
            self._note(start)
            if not (self._has_chains and _GOES_ON.search(text, self._start, start)):
                self._start = at
        elif first in "([{":
            self._open(start)
        elif first in ")]}":
            if not self._outer:
                return -1
            self._close(start)
            if self._modes and len(self._outer) < self._modes[-1].height:
                self._modes.pop()
                return at if first == "}" else -1
        elif first == "#":
            self._skip(start, at)
        elif first == ":":
            mode = self._modes[-1]
            if len(self._outer) == mode.height:
                self._modes[-1] = mode._replace(kind=_FORM)
        elif first != "\\":
            return self._string(start, match.group())
        return at

    def _string(self, start: int, opening: str) -> int:
        prefix = opening.rstrip("\"'")
        quote = opening[len(prefix) :]
        at = start + len(opening)
        before = self._text[start - 1] if start else ""
        if prefix.lower() in _FORMATTED and not (before.isalnum() or before == "_"):
            self._modes.append(_Mode(_TEXT, len(self._outer), quote))
            return at
        match = _STRINGS[quote].match(self._text, at)
        if match is None:
            return -1
        self._skip(start + 2, match.end())
        return match.end()

    def _text_from(self, at: int) -> int:
        """Go through the text of a formatted string, or of a form in it, to its next expression or its end."""
        mode = self._modes[-1]
        while match := _TEXTS[mode.quote].search(self._text, at):
            start, end = match.span()
            found = match.group()
            if mode.kind == _FORM and found in ("{{", "}}"):
                found, end = found[0], start + 1
            if found == "{":
                self._skip(at, start)
                self._open(start)
                self._modes.append(_Mode(_EXPRESSION, len(self._outer), mode.quote))
                return end
            if found == "}" and mode.kind == _FORM:
                self._skip(at, start)
                self._close(start)
                self._modes.pop()
                return end
            if found == mode.quote and mode.kind == _TEXT:
                self._skip(at, start)
                self._modes.pop()
                return end
            if found in ("}", "\r", "\n", mode.quote):
                return -1
            self._skip(at, end)
            at = end
        return -1

    def _skip(self, start: int, end: int) -> None:
        """Leave out what has no depth."""
        if end > start:
            self._start += end - start
            self._last += end - start

    def _note(self, place: int) -> None:
        depth = self._base + place - self._start
        if depth > _DEEP:
            self._found.work += max(place - self._last, 1) * depth
        self._last = place
        if depth > self._found.depth:
            self._found.depth = depth

    def _open(self, place: int) -> None:
        self._note(place)
        self._outer.append((self._base, self._start, place))
        self._base += place - self._start + _BRACKET
        self._start = place + 1
        depth = len(self._outer)
        if depth > self._brackets:
            self._brackets = depth
            if depth > self._found.brackets:
                self._found.brackets = depth
                if depth == MAX_BRACKETS + 1:
                    self._found.line = len(re.findall(r"\r\n|\r|\n", self._text[:place])) + 1

    def _close(self, place: int) -> None:
        self._note(place)
        self._base, start, opened = self._outer.pop()
        # the bracket and what is in it are two characters of the element that it stands in
        self._start = start + place - opened - 1

    def _end_statement(self, place: int) -> None:
        if self._brackets > max(MAX_PATTERN, self._found.pattern):
            if _TRIED_SEVERAL_WAYS.search(self._text, self._statement, place):
                self._found.pattern = self._brackets
        self._brackets = 0


class _Mode(NamedTuple):
    """What is gone through: the `_TEXT` of a formatted string, an `_EXPRESSION` in it, or the expression's `_FORM`.
    `height` is the number of brackets around it, its own included."""

    kind: int
    height: int
    quote: str


_TEXT, _EXPRESSION, _FORM = range(3)
