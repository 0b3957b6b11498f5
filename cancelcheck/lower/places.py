"""Where the nodes of CPython's own trees stand in their text, as LibCST would say it.

CPython's parser takes an eighth of the time of LibCST's. What it tells of places is less: it counts parentheses as a
tuple's own, and says nothing of those around an expression, of colons, or of where one literal ends and the next
begins. That is read off the text here, so that the facts are the same to the last byte as from LibCST's tree, which a
test compares over every fixture and the standard library. Where they might not be (`UnsureError`), and where the
running Python cannot read the text, LibCST's parser is asked instead (`whole.py`): it reads newer syntax, and says
what is wrong with it.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from cancelcheck.lower.stack import RECURSION_LIMIT, on_large_stack
from cancelcheck.model.facts import ParamKind

_BODIES: dict[type, tuple[str, ...]] = {
    ast.If: ("orelse", "body"),
    ast.While: ("orelse", "body"),
    ast.For: ("orelse", "body"),
    ast.AsyncFor: ("orelse", "body"),
    ast.With: ("body",),
    ast.AsyncWith: ("body",),
    ast.Try: ("finalbody", "orelse", "handlers", "body"),
    ast.TryStar: ("finalbody", "orelse", "handlers", "body"),
    ast.ExceptHandler: ("body",),
    ast.Match: ("cases",),
    ast.match_case: ("body",),
    ast.FunctionDef: ("body",),
    ast.AsyncFunctionDef: ("body",),
    ast.ClassDef: ("body",),
}
"""What a statement ends with, the last first."""

Place = tuple[int, int]
"""Two offsets: where something begins, and where it ends."""


class UnsureError(Exception):
    """The interpreter's parser does not tell what LibCST's would."""


def parsed(text: str, mode: str = "exec") -> Any:
    """The interpreter's tree of a text; None where it does not read it."""
    try:
        with warnings.catch_warnings():
            # of escapes that mean nothing: not about cancellation
            warnings.simplefilter("ignore")
            try:
                return ast.parse(text, mode=mode)
            except RecursionError:
                return on_large_stack(lambda: _parsed_deep(text, mode))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _parsed_deep(text: str, mode: str) -> Any:
    # how deep a tree may be goes by this limit, on Python 3.11, and is thrice that
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        return ast.parse(text, mode=mode)
    finally:
        sys.setrecursionlimit(limit)


_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_SPACE = re.compile(r"(?:[\s\\]|#[^\r\n]*)*")
_COLON = re.compile(r"(?:[\s\\()\],/*]|#[^\r\n]*)*:")
_NAME_OF = re.compile(r"(?:async[\s\\]+)?(?:def|class)[\s\\]+(\w+)")
_EXCEPT = re.compile(r"except[\s\\]*\*?[\s\\]*(\(?)")
_REST = re.compile(r"(?:[\s\\,:)]|#[^\r\n]*)*\*\*(?:[\s\\]|#[^\r\n]*)*")
_ONE_TEXT = re.compile(
    r"[A-Za-z]{0,2}(?:"
    r'"(?!"")[^"\\\r\n]*(?:\\(?s:\r\n|.)[^"\\\r\n]*)*"'
    r"|'(?!'')[^'\\\r\n]*(?:\\(?s:\r\n|.)[^'\\\r\n]*)*'"
    r'|"""[^"\\]*(?:(?:\\(?s:.)|"(?!""))[^"\\]*)*"""'
    r"|'''[^'\\]*(?:(?:\\(?s:.)|'(?!''))[^'\\]*)*'''"
    r")"
)


def _columns(line: str) -> list[int]:
    """For each byte of a line in UTF-8, and for their end, which character it is of."""
    found: list[int] = []
    for index, character in enumerate(line):
        found += [index] * len(character.encode("utf-8", "surrogatepass"))
    return [*found, len(line)]


class Places:
    """Where the nodes of one tree stand: offsets in the whole text.

    `span` says it of any node whose place is CPython's too. `names_differ`: whether a name may be written another way
    than the tree has it. Raises `UnsureError`.
    """

    exact = True
    is_quoted = False

    def __init__(self, text: str) -> None:
        self.text = text
        self.names_differ = not text.isascii()
        self.has_returns = "\r" in text
        # one pattern for each line takes ten times as long as to split at all line ends of one kind
        self._lines = _LINE.findall(text) if self.has_returns else text.split("\n")
        width = 0 if self.has_returns else 1
        self._starts = [0, *accumulate((len(line) + width for line in self._lines), initial=0)]
        self._columns: dict[int, list[int]] = {}
        starts = self._starts
        if not self.names_differ:

            def span(node: Any) -> Place:
                return starts[node.lineno] + node.col_offset, starts[node.end_lineno] + node.end_col_offset

            self.span = span
        else:
            self.span = self._span

    def _span(self, node: Any) -> Place:
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        """The offset of a place that is given as CPython gives it: a 1-based line and a column in bytes of UTF-8."""
        if self.names_differ:
            text = self._lines[line - 1]
            if not text.isascii():
                columns = self._columns.get(line)
                if columns is None:
                    columns = self._columns[line] = _columns(text)
                column = columns[column]
        return self._starts[line] + column

    def _start(self, node: Any) -> int:
        return self._offset(node.lineno, node.col_offset)

    def _end(self, node: Any) -> int:
        return self._offset(node.end_lineno, node.end_col_offset)

    def _past(self, pattern: re.Pattern[str], position: int) -> int:
        """Where a match of `pattern` at `position` ends."""
        found = pattern.match(self.text, position)
        if found is None:
            raise UnsureError
        return found.end()

    # --- names

    def check_name(self, node: Any, name: str) -> None:
        """Make sure that a name is written as the tree has it: CPython writes some letters another way."""
        if not self.text.startswith(name, self._start(node)):
            raise UnsureError

    def check_end(self, node: Any, name: str) -> None:
        """The same of the name that a node ends with."""
        if not self.text.endswith(name, 0, self._end(node)):
            raise UnsureError

    def _name_at(self, name: str, start: int) -> Place:
        if not self.text.startswith(name, start):
            raise UnsureError
        return start, start + len(name)

    def param(self, node: ast.arg) -> Place:
        """Where the name of a parameter stands."""
        return self._name_at(node.arg, self._start(node))

    def capture(self, node: Any) -> Place:
        """Where the name stands that a pattern binds: the last thing in it."""
        return self._name_at(node.name, self._end(node) - len(node.name))

    def rest(self, node: ast.MatchMapping) -> Place:
        """Where the name stands that takes the rest of a mapping."""
        assert node.rest is not None
        behind = self._end(node.patterns[-1]) if node.patterns else self._start(node) + 1
        return self._name_at(node.rest, self._past(_REST, behind))

    # --- texts

    def is_one_text(self, node: ast.Constant) -> bool:
        """Whether a text is written as one literal, and not as several behind each other."""
        start, end = self._start(node), self._end(node)
        literal = _ONE_TEXT.match(self.text, start)
        if literal is None:
            raise UnsureError
        return literal.end() == end

    def literals(self, node: Any) -> list[tuple[str, Place, list[ast.FormattedValue] | None]]:
        """The literals that make up one text, each with its place; those with an `f` with the values that lie in
        them."""
        values = [value for value in getattr(node, "values", ()) if isinstance(value, ast.FormattedValue)]
        start, end = self._start(node), self._end(node)
        found: list[tuple[str, Place, list[ast.FormattedValue] | None]] = []
        literal_end = start
        while start < end:
            literal_end = self._past(_ONE_TEXT, start)
            literal = self.text[start:literal_end]
            inside: list[ast.FormattedValue] | None = None
            if "f" in literal[:2].lower().partition(literal[-1])[0]:
                inside = []
                while values and self._start(values[0].value) < literal_end:
                    self._check_value(values[0], start, literal_end)
                    inside.append(values.pop(0))
            found.append((literal, (start, literal_end), inside))
            start = self._past(_SPACE, literal_end)
        if literal_end != end or values:
            raise UnsureError
        return found

    def _check_value(self, node: ast.FormattedValue, first: int, last: int) -> None:
        start, end = self._start(node.value), self._end(node.value)
        # before 3.12 the place of what stands in the braces is worked out afterwards, not always rightly
        if not (first < start and end < last) or self.text[first:start].rstrip(" \t\r\n(")[-1:] != "{":
            raise UnsureError
        if isinstance(node.format_spec, ast.JoinedStr):
            for inner in node.format_spec.values:
                if isinstance(inner, ast.FormattedValue):
                    self._check_value(inner, first, last)

    # --- parentheses

    def _has_parentheses(self, node: Any, elements: Sequence[Any]) -> bool:
        """Whether a tuple of these elements stands in parentheses of its own: CPython counts them as the tuple's."""
        if not elements:
            return True
        start = self._start(node)
        if self.text[start] != "(" or self.text[self._end(node) - 1] != ")":
            return False
        # the first element may have some too: as many are closed behind it
        first = elements[0]
        return self._count("(", start, self._start(first)) > self._closed_behind(self._end(first))[1]

    def _count(self, parenthesis: str, start: int, end: int) -> int:
        found = 0
        while start < end:
            found += self.text[start] == parenthesis
            start = self._past(_SPACE, start + 1)
        return found

    def _closed_behind(self, end: int) -> tuple[int, int]:
        """Where the closing parentheses that follow an expression end, and how many they are."""
        found = 0
        while True:
            position = self._past(_SPACE, end)
            if not self.text.startswith(")", position):
                return end, found
            end = position + 1
            found += 1

    def _end_before(self, end: int, closing: int) -> int:
        """Where what stands before the bracket at `closing` ends: its last expression ends at `end`, and parentheses
        and a comma may follow."""
        while (position := self._past(_SPACE, end)) < closing:
            if self.text[position] not in "),":
                raise UnsureError
            end = position + 1
        return end

    def _inside(self, node: Any, elements: Sequence[Any]) -> Place:
        start, end = self._start(node), self._end(node)
        if self._has_parentheses(node, elements):
            start = self._past(_SPACE, start + 1)
            end = self._end_before(self._end(elements[-1]) if elements else start, end - 1)
        return start, end

    def of_tuple(self, node: ast.Tuple) -> Place:
        """Where a tuple stands, without its parentheses."""
        return self._inside(node, node.elts)

    def of_sequence(self, node: ast.MatchSequence) -> Place:
        """Where a sequence pattern stands, without its parentheses."""
        opening = self.text[self._start(node)]
        if opening == "[" and (not node.patterns or self._start(node.patterns[0]) > self._start(node)):
            return self.span(node)
        if opening == "(":
            return self._inside(node, node.patterns)
        return self.span(node)

    def of_generator(self, node: ast.GeneratorExp) -> Place:
        """Where a generator expression stands, without its parentheses."""
        start = self._start(node)
        if not self.text.startswith("(", start):
            raise UnsureError
        return self._past(_SPACE, start + 1), self._clauses_end(node)

    def clauses(self, node: Any) -> list[Place]:
        """Where the loops of a comprehension stand: each goes on to the end of the last."""
        starts = []
        last = node.value if isinstance(node, ast.DictComp) else node.elt
        for clause in node.generators:
            starts.append(self._closed_behind(self._end(last))[0])
            last = clause.ifs[-1] if clause.ifs else clause.iter
        end = self._clauses_end(node)
        return [(start, end) for start in starts]

    def _clauses_end(self, node: Any) -> int:
        clause = node.generators[-1]
        last = clause.ifs[-1] if clause.ifs else clause.iter
        return self._end_before(self._end(last), self._end(node) - 1)

    def of_slice(self, node: ast.Slice) -> Place:
        """Where a slice stands: the white space after a colon is its own."""
        start, end = self._start(node), self._end(node)
        return start, (self._past(_SPACE, end) if self.text[end - 1] == ":" else end)

    def parts(self, node: ast.Subscript) -> Sequence[ast.expr]:
        """What stands in the brackets, between commas."""
        index = node.slice
        if isinstance(index, ast.Tuple) and not self._has_parentheses(index, index.elts):
            return index.elts
        return (index,)

    # --- arguments and parameters

    def arguments(self, node: ast.Call) -> Sequence[Any]:
        """The arguments of a call, as they stand."""
        args, keywords = node.args, node.keywords
        if not keywords:
            return args
        given: list[Any] = [*args, *keywords]
        if args and (args[-1].lineno, args[-1].col_offset) > (keywords[0].lineno, keywords[0].col_offset):
            # `f(a=1, *b)`
            given.sort(key=lambda arg: (arg.lineno, arg.col_offset))
        return given

    def parameters(self, node: ast.arguments) -> Iterable[tuple[ast.arg, ParamKind, ast.expr | None]]:
        """The parameters of a function, each with its default."""
        return parameters_of(node)

    # --- statements

    def suite(self, body: Sequence[ast.stmt]) -> Place:
        """Where the statements of a body stand."""
        return self._start(body[0]), self._last_end(body[-1])

    def statement(self, node: Any) -> Place:
        """Where a statement with a body stands: it ends where the last statement in it does, and a semicolon may
        follow."""
        return self._start(node), self._last_end(node)

    def _last_end(self, node: Any) -> int:
        while True:
            inner: Sequence[Any] = ()
            for field in _BODIES.get(type(node), ()):
                inner = getattr(node, field)
                if inner:
                    break
            if not inner:
                return self._end(node)
            node = inner[-1]

    def is_elif(self, orelse: Sequence[ast.stmt]) -> bool:
        """Whether what follows the body of an `if` is one with a test of its own."""
        return (
            len(orelse) == 1 and isinstance(orelse[0], ast.If) and self.text.startswith("elif", self._start(orelse[0]))
        )

    def head(self, node: Any) -> int:
        """Where the colon of a definition ends: behind the last of its parts, or its name."""
        found = _NAME_OF.match(self.text, self._start(node))
        if found is None or found.group(1) != node.name:
            raise UnsureError
        parts: list[Any]
        if isinstance(node, ast.ClassDef):
            parts = [*node.bases, *node.keywords]
        else:
            args = node.args
            parts = [*args.posonlyargs, *args.args, *args.kwonlyargs, *args.defaults]
            parts += [part for part in (*args.kw_defaults, args.vararg, args.kwarg, node.returns) if part is not None]
        return self._past(
            _COLON, max([found.end(), *map(self._end, parts), *map(self._end, getattr(node, "type_params", ()))])
        )

    def except_end(self, node: ast.ExceptHandler, kind: Place) -> int:
        """Where what a handler catches ends, with its closing parenthesis; `kind` is its place without."""
        start = self._start(node)
        assert node.type is not None
        opening = _EXCEPT.match(self.text, start)
        if opening is None:
            raise UnsureError
        in_parentheses = bool(opening.group(1)) and kind[0] >= opening.end()
        if in_parentheses and not isinstance(node.type, ast.Tuple):
            # `except (a or b).c:` begins with one that is not around all of it
            in_parentheses = self._start(node.type) >= opening.end()
        if not in_parentheses or node.name is not None:
            return -1
        self._past(_COLON, self._end(node.type))
        return self._closed_behind(self._end(node.type))[0]


def parameters_of(node: ast.arguments) -> Iterator[tuple[ast.arg, ParamKind, ast.expr | None]]:
    """The parameters of a function in CPython's tree, each with its default."""
    plain = [*node.posonlyargs, *node.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(node.defaults)), *node.defaults]
    count = len(node.posonlyargs)
    for index, (arg, default) in enumerate(zip(plain, defaults, strict=True)):
        yield arg, ParamKind.POSITIONAL_ONLY if index < count else ParamKind.PLAIN, default
    if node.vararg is not None:
        yield node.vararg, ParamKind.VAR_POSITIONAL, None
    for arg, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        yield arg, ParamKind.KEYWORD_ONLY, default
    if node.kwarg is not None:
        yield node.kwarg, ParamKind.VAR_KEYWORD, None


class Quoted:
    """The places of an expression that is written in quotes: each of its nodes stands where the quotes stand. The
    text in them is looked at as any other."""

    exact = True
    is_quoted = True

    def __init__(self, inner: Places, place: Place) -> None:
        self._inner = inner
        self._place = place
        self.text = inner.text
        self.names_differ = inner.names_differ
        self.has_returns = inner.has_returns
        self.check_name = inner.check_name
        self.check_end = inner.check_end
        self.is_one_text = inner.is_one_text
        self.parts = inner.parts
        self.arguments = inner.arguments
        self.parameters = inner.parameters

    def span(self, _node: Any) -> Place:
        """Where the quotes stand."""
        return self._place

    def literals(self, node: Any) -> list[tuple[str, Place, list[ast.FormattedValue] | None]]:
        """As of any text."""
        return [(literal, self._place, inside) for literal, _, inside in self._inner.literals(node)]

    def param(self, node: ast.arg) -> Place:
        """As of any name."""
        self._inner.param(node)
        return self._place

    def of_tuple(self, node: ast.Tuple) -> Place:
        """As of any tuple."""
        self._inner.of_tuple(node)
        return self._place

    def of_generator(self, node: ast.GeneratorExp) -> Place:
        """As of any generator expression."""
        self._inner.of_generator(node)
        return self._place

    def clauses(self, node: Any) -> list[Place]:
        """As of any comprehension."""
        return [self._place for _ in self._inner.clauses(node)]

    def of_slice(self, node: ast.Slice) -> Place:
        """As of any slice."""
        self._inner.of_slice(node)
        return self._place
