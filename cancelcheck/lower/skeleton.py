"""LibCST's nodes without their white space, made from what the interpreter's own parser says.

Lowering reads names, values and offsets; two thirds of LibCST's nodes are white space, and making them is most of its
parse. CPython's parser takes an eighth of that time, and the nodes that mean something are made here, empty but for
the fields that lowering asks for: the facts are the same to the last byte, which a test compares over every fixture
and the standard library. Where they might not be (`UnsureError`), and where the running Python cannot read the text,
LibCST's parser is asked instead: it reads newer syntax, and says what is wrong with it.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import libcst as cst

from cancelcheck.lower.parsing import RECURSION_LIMIT, on_large_stack

Handler = Callable[["Skeleton", Any], Any]


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


class Skeleton:
    """The statements of one module (`body`), and where they and all in them stand: the same questions as `Spans`.

    Raises `UnsureError` where LibCST has to be asked."""

    __slots__ = ("_ascii", "_columns", "_lines", "_starts", "_suites", "body", "exact", "text", "where")

    def __init__(self, text: str, tree: Any = None) -> None:
        if tree is None and (tree := parsed(text)) is None:
            raise UnsureError
        self.text = text
        self.exact = True
        self.where: dict[int, tuple[int, int]] = {}
        self._suites: dict[int, int] = {}
        self._ascii = text.isascii()
        self._lines = _LINE.findall(text)
        self._starts = [0, *accumulate(map(len, self._lines), initial=0)]
        self._columns: dict[int, list[int]] = {}
        self.body: list[Any] = (
            _body(self, tree.body) if isinstance(tree, ast.Module) else [_expression(self, tree.body)]
        )

    @classmethod
    def expression(cls, text: str) -> Any:
        """The one expression that a text is. Raises `UnsureError`."""
        tree = parsed(text, "eval")
        if tree is None:
            raise UnsureError
        return cls(text, tree).body[0]

    def after_colon(self, suite: cst.BaseSuite) -> int:
        """The offset just after the colon that a suite follows; known of functions, classes and handlers."""
        return self._suites[id(suite)]

    def offset(self, line: int, column: int) -> int:
        """The offset of a place that is given as CPython gives it: a 1-based line and a column in bytes of UTF-8."""
        if self._ascii:
            return self._starts[line] + column
        text = self._lines[line - 1]
        if not text.isascii():
            columns = self._columns.get(line)
            if columns is None:
                columns = self._columns[line] = _columns(text)
            column = columns[column]
        return self._starts[line] + column

    def start(self, node: Any) -> int:
        """Where a node begins."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        """Where a node ends."""
        return self.offset(node.end_lineno, node.end_col_offset)

    def note(self, made: Any, node: Any) -> Any:
        """Writes down that `made` stands where `node` does."""
        self.where[id(made)] = (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno, node.end_col_offset),
        )
        return made

    def past(self, pattern: re.Pattern[str], position: int) -> int:
        """Where a match of `pattern` at `position` ends."""
        found = pattern.match(self.text, position)
        if found is None:
            raise UnsureError
        return found.end()

    def suite(self, body: list[ast.stmt], colon: int = -1) -> Any:
        """The statements after a colon, which ends at `colon` where that will be asked."""
        statements = _body(self, body)
        made = _block(body=statements)
        where = self.where
        where[id(made)] = (where[id(statements[0])][0], where[id(statements[-1])][1])
        if colon >= 0:
            self._suites[id(made)] = colon
        return made


_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_SPACE = re.compile(r"(?:[\s\\]|#[^\r\n]*)*")
_COLON = re.compile(r"(?:[\s\\()\],/*]|#[^\r\n]*)*:")
_NAME_OF = re.compile(r"(?:async[\s\\]+)?(?:def|class)[\s\\]+(\w+)")
_EXCEPT = re.compile(r"except[\s\\]*\*?[\s\\]*(\(?)")
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


# --- making nodes ----------------------------------------------------------------------------------------------------


def _maker(kind: type[cst.CSTNode], *fields: str) -> Callable[..., Any]:
    """Makes a node of these fields only: the others are not there."""
    new = object.__new__
    setters = [(name, getattr(kind, name).__set__) for name in fields]

    def make(**values: Any) -> Any:
        made = new(kind)
        for name, setter in setters:
            setter(made, values[name])
        return made

    return make


def _setter(kind: type[cst.CSTNode], field: str) -> Callable[[Any, Any], None]:
    found: Callable[[Any, Any], None] = getattr(kind, field).__set__
    return found


_block = _maker(cst.IndentedBlock, "body")
_new = object.__new__


def _expression(w: Skeleton, node: Any) -> Any:
    return _EXPRESSIONS[type(node)](w, node)


def _optional(w: Skeleton, node: Any) -> Any:
    return _EXPRESSIONS[type(node)](w, node) if node is not None else None


def _all(w: Skeleton, nodes: Sequence[Any]) -> list[Any]:
    return [_EXPRESSIONS[type(node)](w, node) for node in nodes]


# --- names, texts, numbers -------------------------------------------------------------------------------------------

_set_name = _setter(cst.Name, "value")
_NAMES: dict[str, Any] = {}
"""Names whose place nobody asks for, by their text."""


def _named(name: str) -> Any:
    made = _NAMES.get(name)
    if made is None:
        made = _new(cst.Name)
        _set_name(made, name)
        if len(_NAMES) < 10_000:
            _NAMES[name] = made
    return made


def _name(w: Skeleton, node: ast.Name) -> Any:
    made = _new(cst.Name)
    name = node.id
    _set_name(made, name)
    start = w.offset(node.lineno, node.col_offset)
    if not w.text.startswith(name, start):
        # CPython writes some letters another way
        raise UnsureError
    w.where[id(made)] = (start, start + len(name))
    return made


def _name_at(w: Skeleton, name: str, start: int) -> Any:
    made = _new(cst.Name)
    _set_name(made, name)
    if not w.text.startswith(name, start):
        raise UnsureError
    w.where[id(made)] = (start, start + len(name))
    return made


_set_attribute_value = _setter(cst.Attribute, "value")
_set_attribute_name = _setter(cst.Attribute, "attr")


def _attribute(w: Skeleton, node: ast.Attribute) -> Any:
    made = _new(cst.Attribute)
    inner, name = node.value, node.attr
    _set_attribute_value(made, _EXPRESSIONS[type(inner)](w, inner))
    _set_attribute_name(made, _named(name))
    end = w.offset(node.end_lineno, node.end_col_offset)  # type: ignore[arg-type]
    if not w.text.endswith(name, 0, end):
        raise UnsureError
    w.where[id(made)] = (w.offset(node.lineno, node.col_offset), end)
    return made


def _valued(kind: type[cst.CSTNode]) -> Callable[[str], Any]:
    put = _setter(kind, "value")

    def make(value: str) -> Any:
        made = _new(kind)
        put(made, value)
        return made

    return make


_text = _valued(cst.SimpleString)
_NUMBERS = {int: _valued(cst.Integer), float: _valued(cst.Float), complex: _valued(cst.Imaginary)}
_concatenated = _maker(cst.ConcatenatedString, "left", "right")
_WORDS: dict[Any, str] = {None: "None", True: "True", False: "False"}


def _constant(w: Skeleton, node: ast.Constant) -> Any:
    value = node.value
    kind = type(value)
    start = w.offset(node.lineno, node.col_offset)
    end = w.offset(node.end_lineno, node.end_col_offset)  # type: ignore[arg-type]
    made: Any
    if kind is str or kind is bytes:
        literal = _ONE_TEXT.match(w.text, start)
        if literal is None:
            raise UnsureError
        made = _text(literal.group()) if literal.end() == end else _joined(w, _literals(w, start, end), ())
    elif kind in _NUMBERS:
        made = _NUMBERS[kind](w.text[start:end])
    elif value is Ellipsis:
        made = _new(cst.Ellipsis)
    else:
        made = _new(cst.Name)
        _set_name(made, _WORDS[value])
    w.where[id(made)] = (start, end)
    return made


def _literals(w: Skeleton, start: int, end: int) -> list[tuple[int, int]]:
    """Where the literals stand that make up one text."""
    found: list[tuple[int, int]] = []
    while start < end:
        literal_end = w.past(_ONE_TEXT, start)
        found.append((start, literal_end))
        start = w.past(_SPACE, literal_end)
    if found[-1][1] != end:
        raise UnsureError
    return found


def _joined(w: Skeleton, literals: list[tuple[int, int]], values: Sequence[ast.FormattedValue]) -> Any:
    """Literals that stand behind each other, one as it is; those with an `f` take the values that lie in them."""
    parts: list[Any] = []
    pending = list(values)
    for start, end in literals:
        literal = w.text[start:end]
        if "f" in literal[:2].lower().partition(literal[-1])[0]:
            inside = []
            while pending and w.start(pending[0].value) < end:
                inside.append(_formatted_value(w, pending.pop(0), start, end))
            made = _formatted(parts=inside, start=literal[:2])
        else:
            made = _text(literal)
        w.where[id(made)] = (start, end)
        parts.append(made)
    if pending:
        raise UnsureError
    made = parts.pop()
    while parts:
        made = _concatenated(left=parts.pop(), right=made)
    return made


_formatted = _maker(cst.FormattedString, "parts", "start")
_formatted_expression = _maker(cst.FormattedStringExpression, "expression", "format_spec")


def _joined_text(w: Skeleton, node: ast.JoinedStr) -> Any:
    start, end = w.start(node), w.end(node)
    values = [value for value in node.values if isinstance(value, ast.FormattedValue)]
    made = _joined(w, _literals(w, start, end), values)
    w.where[id(made)] = (start, end)
    return made


def _formatted_value(w: Skeleton, node: ast.FormattedValue, first: int, last: int) -> Any:
    start, end = w.start(node.value), w.end(node.value)
    # before 3.12 the place of what stands in the braces is worked out afterwards, not always rightly
    if not (first < start and end < last) or w.text[first:start].rstrip(" \t\r\n(")[-1:] != "{":
        raise UnsureError
    spec: list[Any] | None = None
    if isinstance(node.format_spec, ast.JoinedStr):
        spec = [
            _formatted_value(w, inner, first, last)
            for inner in node.format_spec.values
            if isinstance(inner, ast.FormattedValue)
        ]
    return _formatted_expression(expression=_expression(w, node.value), format_spec=spec)


# --- operators -------------------------------------------------------------------------------------------------------

_OPERATORS: dict[type, Any] = {
    kind: _new(found)
    for kind, found in (
        (ast.Add, cst.Add),
        (ast.Sub, cst.Subtract),
        (ast.Mult, cst.Multiply),
        (ast.MatMult, cst.MatrixMultiply),
        (ast.Div, cst.Divide),
        (ast.Mod, cst.Modulo),
        (ast.Pow, cst.Power),
        (ast.LShift, cst.LeftShift),
        (ast.RShift, cst.RightShift),
        (ast.BitOr, cst.BitOr),
        (ast.BitXor, cst.BitXor),
        (ast.BitAnd, cst.BitAnd),
        (ast.FloorDiv, cst.FloorDivide),
        (ast.Invert, cst.BitInvert),
        (ast.Not, cst.Not),
        (ast.UAdd, cst.Plus),
        (ast.USub, cst.Minus),
        (ast.And, cst.And),
        (ast.Or, cst.Or),
        (ast.Eq, cst.Equal),
        (ast.NotEq, cst.NotEqual),
        (ast.Lt, cst.LessThan),
        (ast.LtE, cst.LessThanEqual),
        (ast.Gt, cst.GreaterThan),
        (ast.GtE, cst.GreaterThanEqual),
        (ast.Is, cst.Is),
        (ast.IsNot, cst.IsNot),
        (ast.In, cst.In),
        (ast.NotIn, cst.NotIn),
    )
}

_unary_operation = _maker(cst.UnaryOperation, "operator", "expression")
_binary_operation = _maker(cst.BinaryOperation, "left", "operator", "right")
_boolean_operation = _maker(cst.BooleanOperation, "left", "operator", "right")
_comparison_of = _maker(cst.Comparison, "left", "comparisons")
_comparison_target = _maker(cst.ComparisonTarget, "operator", "comparator")
_conditional_of = _maker(cst.IfExp, "test", "body", "orelse")


def _unary(w: Skeleton, node: ast.UnaryOp) -> Any:
    made = _unary_operation(operator=_OPERATORS[type(node.op)], expression=_expression(w, node.operand))
    return w.note(made, node)


def _binary(w: Skeleton, node: ast.BinOp) -> Any:
    # a sum may have thousands of terms
    chain = [node]
    while isinstance(chain[-1].left, ast.BinOp):
        chain.append(chain[-1].left)
    left = _expression(w, chain[-1].left)
    for part in reversed(chain):
        left = _binary_operation(left=left, operator=_OPERATORS[type(part.op)], right=_expression(w, part.right))
        w.note(left, part)
    return left


def _boolean(w: Skeleton, node: ast.BoolOp) -> Any:
    operator = _OPERATORS[type(node.op)]
    left, *rest = _all(w, node.values)
    for right in rest:
        left = _boolean_operation(left=left, operator=operator, right=right)
    return w.note(left, node)


def _comparison(w: Skeleton, node: ast.Compare) -> Any:
    targets = [
        _comparison_target(operator=_OPERATORS[type(operator)], comparator=_expression(w, comparator))
        for operator, comparator in zip(node.ops, node.comparators, strict=True)
    ]
    return w.note(_comparison_of(left=_expression(w, node.left), comparisons=targets), node)


def _conditional(w: Skeleton, node: ast.IfExp) -> Any:
    made = _conditional_of(
        test=_expression(w, node.test), body=_expression(w, node.body), orelse=_expression(w, node.orelse)
    )
    return w.note(made, node)


# --- calls and friends -----------------------------------------------------------------------------------------------

_set_func = _setter(cst.Call, "func")
_set_args = _setter(cst.Call, "args")
_set_arg_value = _setter(cst.Arg, "value")
_set_arg_keyword = _setter(cst.Arg, "keyword")
_set_arg_star = _setter(cst.Arg, "star")
_await_of = _maker(cst.Await, "expression")
_yield_of = _maker(cst.Yield, "value")
_from_of = _maker(cst.From, "item")
_named_expression = _maker(cst.NamedExpr, "target", "value")


def _call(w: Skeleton, node: ast.Call) -> Any:
    made = _new(cst.Call)
    func = node.func
    _set_func(made, _EXPRESSIONS[type(func)](w, func))
    _set_args(made, _arguments(w, node.args, node.keywords))
    w.where[id(made)] = (
        w.offset(node.lineno, node.col_offset),
        w.offset(node.end_lineno, node.end_col_offset),  # type: ignore[arg-type]
    )
    return made


def _arguments(w: Skeleton, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> list[Any]:
    found = []
    given: Sequence[Any] = args
    if keywords:
        given = [*args, *keywords]
        if args and (args[-1].lineno, args[-1].col_offset) > (keywords[0].lineno, keywords[0].col_offset):
            # `f(a=1, *b)`
            given = sorted(given, key=lambda arg: (arg.lineno, arg.col_offset))
    for arg in given:
        made = _new(cst.Arg)
        kind = type(arg)
        star, keyword, value = "", None, arg
        if kind is ast.keyword:
            value = arg.value
            if arg.arg is None:
                star = "**"
            else:
                keyword = _named(arg.arg)
        elif kind is ast.Starred:
            star, value = "*", arg.value
        _set_arg_value(made, _EXPRESSIONS[type(value)](w, value))
        _set_arg_keyword(made, keyword)
        _set_arg_star(made, star)
        found.append(made)
    return found


def _await(w: Skeleton, node: ast.Await) -> Any:
    return w.note(_await_of(expression=_expression(w, node.value)), node)


def _yield(w: Skeleton, node: ast.Yield) -> Any:
    return w.note(_yield_of(value=_optional(w, node.value)), node)


def _yield_from(w: Skeleton, node: ast.YieldFrom) -> Any:
    return w.note(_yield_of(value=_from_of(item=_expression(w, node.value))), node)


def _walrus(w: Skeleton, node: ast.NamedExpr) -> Any:
    return w.note(_named_expression(target=_expression(w, node.target), value=_expression(w, node.value)), node)


_subscript_of = _maker(cst.Subscript, "value", "slice")
_subscript_element = _maker(cst.SubscriptElement, "slice")
_index_of = _maker(cst.Index, "value", "star")
_slice_of = _maker(cst.Slice, "lower", "upper", "step")


def _subscript(w: Skeleton, node: ast.Subscript) -> Any:
    index = node.slice
    parts: Sequence[ast.expr] = [index]
    if isinstance(index, ast.Tuple) and not _has_parentheses(w, index, index.elts):
        parts = index.elts
    elements = [_subscript_element(slice=_index(w, part)) for part in parts]
    return w.note(_subscript_of(value=_expression(w, node.value), slice=elements), node)


def _index(w: Skeleton, node: Any) -> Any:
    if isinstance(node, ast.Slice):
        made = _slice_of(lower=_optional(w, node.lower), upper=_optional(w, node.upper), step=_optional(w, node.step))
        start, end = w.start(node), w.end(node)
        # the white space after a colon is the slice's
        w.where[id(made)] = (start, w.past(_SPACE, end) if w.text[end - 1] == ":" else end)
        return made
    if isinstance(node, ast.Starred):
        return w.note(_index_of(value=_expression(w, node.value), star="*"), node)
    return _index_of(value=_expression(w, node), star=None)


# --- displays --------------------------------------------------------------------------------------------------------

_element_of = _maker(cst.Element, "value")
_starred_element = _maker(cst.StarredElement, "value")
_tuple_of = _maker(cst.Tuple, "elements")
_DISPLAYS = {ast.List: _maker(cst.List, "elements"), ast.Set: _maker(cst.Set, "elements")}
_dict_of = _maker(cst.Dict, "elements")
_dict_element = _maker(cst.DictElement, "key", "value")
_starred_dict_element = _maker(cst.StarredDictElement, "value")


def _elements(w: Skeleton, nodes: Sequence[ast.expr]) -> list[Any]:
    return [
        w.note(_starred_element(value=_expression(w, node.value)), node)
        if isinstance(node, ast.Starred)
        else _element_of(value=_expression(w, node))
        for node in nodes
    ]


def _has_parentheses(w: Skeleton, node: Any, elements: Sequence[Any]) -> bool:
    """Whether a tuple of these elements stands in parentheses of its own: CPython counts them as the tuple's."""
    if not elements:
        return True
    start = w.start(node)
    if w.text[start] != "(" or w.text[w.end(node) - 1] != ")":
        return False
    # the first element may have some too: as many are closed behind it
    first = elements[0]
    return _count(w, "(", start, w.start(first)) > _closed_behind(w, w.end(first))[1]


def _count(w: Skeleton, parenthesis: str, start: int, end: int) -> int:
    found = 0
    while start < end:
        found += w.text[start] == parenthesis
        start = w.past(_SPACE, start + 1)
    return found


def _closed_behind(w: Skeleton, end: int) -> tuple[int, int]:
    """Where the closing parentheses that follow an expression end, and how many they are."""
    found = 0
    while True:
        position = w.past(_SPACE, end)
        if not w.text.startswith(")", position):
            return end, found
        end = position + 1
        found += 1


def _tuple(w: Skeleton, node: ast.Tuple) -> Any:
    made = _tuple_of(elements=_elements(w, node.elts))
    start, end = w.start(node), w.end(node)
    if _has_parentheses(w, node, node.elts):
        start = w.past(_SPACE, start + 1)
        end = _end_before(w, w.end(node.elts[-1]) if node.elts else start, end - 1)
    w.where[id(made)] = (start, end)
    return made


def _end_before(w: Skeleton, end: int, closing: int) -> int:
    """Where what stands before the bracket at `closing` ends: its last expression ends at `end`, and parentheses and a
    comma may follow."""
    while (position := w.past(_SPACE, end)) < closing:
        if w.text[position] not in "),":
            raise UnsureError
        end = position + 1
    return end


def _display(w: Skeleton, node: ast.List | ast.Set) -> Any:
    return w.note(_DISPLAYS[type(node)](elements=_elements(w, node.elts)), node)


def _dict(w: Skeleton, node: ast.Dict) -> Any:
    elements = [
        _dict_element(key=_expression(w, key), value=_expression(w, value))
        if key is not None
        else _starred_dict_element(value=_expression(w, value))
        for key, value in zip(node.keys, node.values, strict=True)
    ]
    return w.note(_dict_of(elements=elements), node)


# --- scopes ----------------------------------------------------------------------------------------------------------

_COMPREHENSIONS = {
    ast.ListComp: _maker(cst.ListComp, "elt", "for_in"),
    ast.SetComp: _maker(cst.SetComp, "elt", "for_in"),
    ast.GeneratorExp: _maker(cst.GeneratorExp, "elt", "for_in"),
}
_dict_comprehension = _maker(cst.DictComp, "key", "value", "for_in")
_comp_for = _maker(cst.CompFor, "target", "iter", "ifs", "inner_for_in", "asynchronous")
_comp_if = _maker(cst.CompIf, "test")


def _comprehension(w: Skeleton, node: Any) -> Any:
    if isinstance(node, ast.DictComp):
        made = _dict_comprehension(
            key=_expression(w, node.key), value=_expression(w, node.value), for_in=_clauses(w, node, node.value)
        )
        return w.note(made, node)
    made = _COMPREHENSIONS[type(node)](elt=_expression(w, node.elt), for_in=_clauses(w, node, node.elt))
    if isinstance(node, ast.GeneratorExp):
        start = w.start(node)
        if not w.text.startswith("(", start):
            raise UnsureError
        start = w.past(_SPACE, start + 1)
        w.where[id(made)] = (start, w.where[id(made.for_in)][1])
        return made
    return w.note(made, node)


def _clauses(w: Skeleton, node: Any, element: ast.expr) -> Any:
    starts = []
    last = element
    for clause in node.generators:
        starts.append(_closed_behind(w, w.end(last))[0])
        last = clause.ifs[-1] if clause.ifs else clause.iter
    end = _end_before(w, w.end(last), w.end(node) - 1)
    made = None
    for clause, start in zip(reversed(node.generators), reversed(starts), strict=True):
        made = _comp_for(
            target=_expression(w, clause.target),
            iter=_expression(w, clause.iter),
            ifs=[_comp_if(test=_expression(w, condition)) for condition in clause.ifs],
            inner_for_in=made,
            asynchronous=_PRESENT if clause.is_async else None,
        )
        w.where[id(made)] = (start, end)
    return made


_PRESENT = _new(cst.Asynchronous)
_lambda_of = _maker(cst.Lambda, "params", "body")
_parameters_of = _maker(cst.Parameters, "posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg")
_param_of = _maker(cst.Param, "name", "annotation", "default")
_annotation_of = _maker(cst.Annotation, "annotation")


def _lambda(w: Skeleton, node: ast.Lambda) -> Any:
    return w.note(_lambda_of(params=_parameters(w, node.args), body=_expression(w, node.body)), node)


def _annotation(w: Skeleton, node: ast.expr | None) -> Any:
    return _annotation_of(annotation=_expression(w, node)) if node is not None else None


def _parameters(w: Skeleton, node: ast.arguments) -> Any:
    def param(arg: ast.arg, default: ast.expr | None) -> Any:
        name = _name_at(w, arg.arg, w.start(arg))
        return _param_of(name=name, annotation=_annotation(w, arg.annotation), default=_optional(w, default))

    plain = [*node.posonlyargs, *node.args]
    defaults = [None] * (len(plain) - len(node.defaults)) + [*node.defaults]
    made = [param(arg, default) for arg, default in zip(plain, defaults, strict=True)]
    return _parameters_of(
        posonly_params=made[: len(node.posonlyargs)],
        params=made[len(node.posonlyargs) :],
        star_arg=param(node.vararg, None) if node.vararg is not None else None,
        kwonly_params=[param(arg, value) for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)],
        star_kwarg=param(node.kwarg, None) if node.kwarg is not None else None,
    )


class _Expressions(dict[type, Handler]):
    def __missing__(self, kind: type) -> Handler:
        raise UnsureError


_EXPRESSIONS = _Expressions(
    {
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Constant: _constant,
        ast.JoinedStr: _joined_text,
        ast.UnaryOp: _unary,
        ast.BinOp: _binary,
        ast.BoolOp: _boolean,
        ast.Compare: _comparison,
        ast.IfExp: _conditional,
        ast.Call: _call,
        ast.Await: _await,
        ast.Yield: _yield,
        ast.YieldFrom: _yield_from,
        ast.NamedExpr: _walrus,
        ast.Subscript: _subscript,
        ast.Tuple: _tuple,
        ast.List: _display,
        ast.Set: _display,
        ast.Dict: _dict,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.DictComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.Lambda: _lambda,
    }
)


# --- simple statements -----------------------------------------------------------------------------------------------


def _body(w: Skeleton, nodes: Sequence[ast.stmt]) -> list[Any]:
    return [_STATEMENTS[type(node)](w, node) for node in nodes]


_expr_of = _maker(cst.Expr, "value")
_assign_of = _maker(cst.Assign, "targets", "value")
_assign_target = _maker(cst.AssignTarget, "target")
_ann_assign_of = _maker(cst.AnnAssign, "target", "annotation", "value")
_aug_assign_of = _maker(cst.AugAssign, "target", "operator", "value")
_del_of = _maker(cst.Del, "target")
_assert_of = _maker(cst.Assert, "test", "msg")
_return_of = _maker(cst.Return, "value")
_raise_of = _maker(cst.Raise, "exc", "cause")
_NAME_LISTS = {ast.Global: _maker(cst.Global, "names"), ast.Nonlocal: _maker(cst.Nonlocal, "names")}
_name_item = _maker(cst.NameItem, "name")
_import_of = _maker(cst.Import, "names")
_import_from_of = _maker(cst.ImportFrom, "module", "names", "relative")
_alias_of = _maker(cst.ImportAlias, "name", "asname")
_as_name = _maker(cst.AsName, "name")
_PLAIN: dict[type, Any] = {ast.Pass: cst.Pass, ast.Break: cst.Break, ast.Continue: cst.Continue}


def _expr(w: Skeleton, node: ast.Expr) -> Any:
    return w.note(_expr_of(value=_expression(w, node.value)), node)


def _assign(w: Skeleton, node: ast.Assign) -> Any:
    targets = [_assign_target(target=_expression(w, target)) for target in node.targets]
    return w.note(_assign_of(targets=targets, value=_expression(w, node.value)), node)


def _ann_assign(w: Skeleton, node: ast.AnnAssign) -> Any:
    made = _ann_assign_of(
        target=_expression(w, node.target),
        annotation=_annotation(w, node.annotation),
        value=_optional(w, node.value),
    )
    return w.note(made, node)


def _aug_assign(w: Skeleton, node: ast.AugAssign) -> Any:
    made = _aug_assign_of(
        target=_expression(w, node.target), operator=_OPERATORS[type(node.op)], value=_expression(w, node.value)
    )
    return w.note(made, node)


def _del(w: Skeleton, node: ast.Delete) -> Any:
    if len(node.targets) == 1:
        return w.note(_del_of(target=_expression(w, node.targets[0])), node)
    return w.note(_del_of(target=_tuple_of(elements=_elements(w, node.targets))), node)


def _assert(w: Skeleton, node: ast.Assert) -> Any:
    return w.note(_assert_of(test=_expression(w, node.test), msg=_optional(w, node.msg)), node)


def _return(w: Skeleton, node: ast.Return) -> Any:
    return w.note(_return_of(value=_optional(w, node.value)), node)


def _raise(w: Skeleton, node: ast.Raise) -> Any:
    cause = _from_of(item=_expression(w, node.cause)) if node.cause is not None else None
    return w.note(_raise_of(exc=_optional(w, node.exc), cause=cause), node)


def _names(w: Skeleton, node: ast.Global | ast.Nonlocal) -> Any:
    return w.note(_NAME_LISTS[type(node)](names=[_name_item(name=_named(name)) for name in node.names]), node)


def _aliases(names: Sequence[ast.alias]) -> list[Any]:
    return [
        _alias_of(
            name=_named(alias.name),
            asname=_as_name(name=_named(alias.asname)) if alias.asname is not None else None,
        )
        for alias in names
    ]


def _import(w: Skeleton, node: ast.Import) -> Any:
    return w.note(_import_of(names=_aliases(node.names)), node)


def _import_from(w: Skeleton, node: ast.ImportFrom) -> Any:
    star = node.names[0].name == "*"
    made = _import_from_of(
        module=_named(node.module) if node.module is not None else None,
        names=_new(cst.ImportStar) if star else _aliases(node.names),
        relative=(None,) * (node.level or 0),
    )
    return w.note(made, node)


def _plain(w: Skeleton, node: ast.Pass | ast.Break | ast.Continue) -> Any:
    return w.note(_new(_PLAIN[type(node)]), node)


# --- match -----------------------------------------------------------------------------------------------------------

_match_of = _maker(cst.Match, "subject", "cases")
_case_of = _maker(cst.MatchCase, "pattern", "guard", "body")
_match_as = _maker(cst.MatchAs, "pattern", "name")
_match_star = _maker(cst.MatchStar, "name")
_match_or = _maker(cst.MatchOr, "patterns")
_match_or_element = _maker(cst.MatchOrElement, "pattern")
_match_value = _maker(cst.MatchValue, "value")
_match_singleton = _maker(cst.MatchSingleton, "value")
_match_sequence = {"[": _maker(cst.MatchList, "patterns"), "(": _maker(cst.MatchTuple, "patterns")}
_match_element = _maker(cst.MatchSequenceElement, "value")
_match_mapping = _maker(cst.MatchMapping, "elements", "rest")
_match_mapping_element = _maker(cst.MatchMappingElement, "key", "pattern")
_match_class = _maker(cst.MatchClass, "cls", "patterns", "kwds")
_match_keyword = _maker(cst.MatchKeywordElement, "pattern")
_REST = re.compile(r"(?:[\s\\,:)]|#[^\r\n]*)*\*\*(?:[\s\\]|#[^\r\n]*)*")


def _match(w: Skeleton, node: ast.Match) -> Any:
    cases = [
        _case_of(pattern=_pattern(w, case.pattern), guard=_optional(w, case.guard), body=w.suite(case.body))
        for case in node.cases
    ]
    return _compound(w, _match_of(subject=_expression(w, node.subject), cases=cases), node, cases[-1].body)


def _pattern(w: Skeleton, node: ast.pattern) -> Any:
    return _PATTERNS[type(node)](w, node)


def _named_pattern(w: Skeleton, node: ast.MatchAs | ast.MatchStar) -> Any:
    """A pattern that binds: its name is the last thing in it."""
    name = _name_at(w, node.name, w.end(node) - len(node.name)) if node.name is not None else None
    if isinstance(node, ast.MatchStar):
        return w.note(_match_star(name=name), node)
    inner = _pattern(w, node.pattern) if node.pattern is not None else None
    return w.note(_match_as(pattern=inner, name=name), node)


def _or_pattern(w: Skeleton, node: ast.MatchOr) -> Any:
    return w.note(_match_or(patterns=[_match_or_element(pattern=_pattern(w, part)) for part in node.patterns]), node)


def _value_pattern(w: Skeleton, node: ast.MatchValue) -> Any:
    return w.note(_match_value(value=_expression(w, node.value)), node)


def _singleton_pattern(w: Skeleton, node: ast.MatchSingleton) -> Any:
    return w.note(_match_singleton(value=_name_at(w, _WORDS[node.value], w.start(node))), node)


def _elements_of(w: Skeleton, nodes: Sequence[ast.pattern]) -> list[Any]:
    return [
        _pattern(w, node) if isinstance(node, ast.MatchStar) else _match_element(value=_pattern(w, node))
        for node in nodes
    ]


def _sequence_pattern(w: Skeleton, node: ast.MatchSequence) -> Any:
    elements = _elements_of(w, node.patterns)
    start, end = w.start(node), w.end(node)
    opening = w.text[start]
    if opening == "[" and (not node.patterns or w.start(node.patterns[0]) > start):
        made = _match_sequence["["](patterns=elements)
    else:
        made = _match_sequence["("](patterns=elements)
        if opening == "(" and _has_parentheses(w, node, node.patterns):
            start = w.past(_SPACE, start + 1)
            end = _end_before(w, w.end(node.patterns[-1]) if node.patterns else start, end - 1)
    w.where[id(made)] = (start, end)
    return made


def _mapping_pattern(w: Skeleton, node: ast.MatchMapping) -> Any:
    elements = []
    for key, pattern in zip(node.keys, node.patterns, strict=True):
        elements.append(_match_mapping_element(key=_expression(w, key), pattern=_pattern(w, pattern)))
    rest = None
    if node.rest is not None:
        rest = _name_at(w, node.rest, w.past(_REST, w.end(node.patterns[-1]) if node.patterns else w.start(node) + 1))
    return w.note(_match_mapping(elements=elements, rest=rest), node)


def _class_pattern(w: Skeleton, node: ast.MatchClass) -> Any:
    made = _match_class(
        cls=_expression(w, node.cls),
        patterns=_elements_of(w, node.patterns),
        kwds=[_match_keyword(pattern=_pattern(w, pattern)) for pattern in node.kwd_patterns],
    )
    return w.note(made, node)


_PATTERNS = _Expressions(
    {
        ast.MatchAs: _named_pattern,
        ast.MatchStar: _named_pattern,
        ast.MatchOr: _or_pattern,
        ast.MatchValue: _value_pattern,
        ast.MatchSingleton: _singleton_pattern,
        ast.MatchSequence: _sequence_pattern,
        ast.MatchMapping: _mapping_pattern,
        ast.MatchClass: _class_pattern,
    }
)


# --- statements with a body ------------------------------------------------------------------------------------------

_if_of = _maker(cst.If, "test", "body", "orelse")
_else_of = _maker(cst.Else, "body")
_while_of = _maker(cst.While, "test", "body", "orelse")
_for_of = _maker(cst.For, "target", "iter", "body", "orelse", "asynchronous")
_with_of = _maker(cst.With, "items", "body", "asynchronous")
_with_item = _maker(cst.WithItem, "item", "asname")
_TRIES = {
    kind: _maker(found, "body", "handlers", "orelse", "finalbody")
    for kind, found in ((ast.Try, cst.Try), (getattr(ast, "TryStar", None), cst.TryStar))
}
_handler_of = _maker(cst.ExceptHandler, "type", "name", "body", "whitespace_before_colon")
_finally_of = _maker(cst.Finally, "body")
_space_of = _maker(cst.SimpleWhitespace, "value")


def _compound(w: Skeleton, made: Any, node: Any, *bodies: Any) -> Any:
    """Such a statement ends where the last statement in it does: a semicolon may follow."""
    last = next(body for body in reversed(bodies) if body is not None)
    w.where[id(made)] = (w.start(node), w.where[id(last)][1])
    return made


def _else(w: Skeleton, nodes: list[ast.stmt]) -> Any:
    if not nodes:
        return None
    body = w.suite(nodes)
    made = _else_of(body=body)
    w.where[id(made)] = w.where[id(body)]
    return made


def _if(w: Skeleton, node: ast.If) -> Any:
    body = w.suite(node.body)
    orelse: Any
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If) and _is_elif(w, node.orelse[0]):
        orelse = _if(w, node.orelse[0])
    else:
        orelse = _else(w, node.orelse)
    return _compound(w, _if_of(test=_expression(w, node.test), body=body, orelse=orelse), node, body, orelse)


def _is_elif(w: Skeleton, node: ast.If) -> bool:
    return w.text.startswith("elif", w.start(node))


def _while(w: Skeleton, node: ast.While) -> Any:
    body, orelse = w.suite(node.body), _else(w, node.orelse)
    return _compound(w, _while_of(test=_expression(w, node.test), body=body, orelse=orelse), node, body, orelse)


def _for(w: Skeleton, node: ast.For | ast.AsyncFor) -> Any:
    body, orelse = w.suite(node.body), _else(w, node.orelse)
    made = _for_of(
        target=_expression(w, node.target),
        iter=_expression(w, node.iter),
        body=body,
        orelse=orelse,
        asynchronous=_PRESENT if isinstance(node, ast.AsyncFor) else None,
    )
    return _compound(w, made, node, body, orelse)


def _with(w: Skeleton, node: ast.With | ast.AsyncWith) -> Any:
    items = [
        _with_item(
            item=_expression(w, item.context_expr),
            asname=_as_name(name=_expression(w, item.optional_vars)) if item.optional_vars is not None else None,
        )
        for item in node.items
    ]
    body = w.suite(node.body)
    asynchronous = _PRESENT if isinstance(node, ast.AsyncWith) else None
    return _compound(w, _with_of(items=items, body=body, asynchronous=asynchronous), node, body)


def _try(w: Skeleton, node: Any) -> Any:
    body = w.suite(node.body)
    handlers = [_handler(w, handler) for handler in node.handlers]
    orelse = _else(w, node.orelse)
    final = final_body = None
    if node.finalbody:
        final_body = w.suite(node.finalbody)
        final = _finally_of(body=final_body)
    made = _TRIES[type(node)](body=body, handlers=handlers, orelse=orelse, finalbody=final)
    return _compound(w, made, node, body, *handlers, orelse, final_body)


def _handler(w: Skeleton, node: ast.ExceptHandler) -> Any:
    start = w.start(node)
    kind = _optional(w, node.type)
    space = _space_of(value="")
    colon = -1
    if node.type is not None and kind is not None:
        opening = _EXCEPT.match(w.text, start)
        if opening is None:
            raise UnsureError
        in_parentheses = bool(opening.group(1)) and w.where[id(kind)][0] >= opening.end()
        if in_parentheses and not isinstance(node.type, ast.Tuple):
            # `except (a or b).c:` begins with one that is not around all of it
            in_parentheses = w.start(node.type) >= opening.end()
        _setter(type(kind), "lpar")(kind, (None,) if in_parentheses else ())
        if in_parentheses and node.name is None:
            colon = w.past(_COLON, w.end(node.type))
            closed = _closed_behind(w, w.end(node.type))[0]
            space = _space_of(value=w.text[closed : colon - 1])
    body = w.suite(node.body, colon)
    made = _handler_of(
        type=kind,
        name=_as_name(name=_named(node.name)) if node.name is not None else None,
        body=body,
        whitespace_before_colon=space,
    )
    w.where[id(made)] = (start, w.where[id(body)][1])
    return made


_function_of = _maker(cst.FunctionDef, "name", "params", "body", "decorators", "asynchronous", "returns")
_class_of = _maker(cst.ClassDef, "name", "body", "bases", "keywords", "decorators")
_decorator_of = _maker(cst.Decorator, "decorator")


def _decorators(w: Skeleton, nodes: Sequence[ast.expr]) -> list[Any]:
    return [_decorator_of(decorator=_expression(w, node)) for node in nodes]


def _head(w: Skeleton, node: Any, parts: Sequence[Any]) -> int:
    """Where the colon of a definition ends: behind the last of its parts, or its name."""
    found = _NAME_OF.match(w.text, w.start(node))
    if found is None or found.group(1) != node.name:
        raise UnsureError
    return w.past(_COLON, max([found.end(), *map(w.end, parts), *map(w.end, getattr(node, "type_params", ()))]))


def _function(w: Skeleton, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
    args = node.args
    parts = [*args.posonlyargs, *args.args, *args.kwonlyargs, *args.defaults]
    parts += [part for part in (*args.kw_defaults, args.vararg, args.kwarg, node.returns) if part is not None]
    body = w.suite(node.body, _head(w, node, parts))
    made = _function_of(
        name=_named(node.name),
        params=_parameters(w, args),
        body=body,
        decorators=_decorators(w, node.decorator_list),
        asynchronous=_PRESENT if isinstance(node, ast.AsyncFunctionDef) else None,
        returns=_annotation(w, node.returns),
    )
    return _compound(w, made, node, body)


def _class(w: Skeleton, node: ast.ClassDef) -> Any:
    body = w.suite(node.body, _head(w, node, [*node.bases, *node.keywords]))
    made = _class_of(
        name=_named(node.name),
        body=body,
        bases=_arguments(w, node.bases, ()),
        keywords=_arguments(w, (), node.keywords),
        decorators=_decorators(w, node.decorator_list),
    )
    return _compound(w, made, node, body)


_STATEMENTS = _Expressions(
    {
        ast.Expr: _expr,
        ast.Assign: _assign,
        ast.AnnAssign: _ann_assign,
        ast.AugAssign: _aug_assign,
        ast.Delete: _del,
        ast.Assert: _assert,
        ast.Return: _return,
        ast.Raise: _raise,
        ast.Global: _names,
        ast.Nonlocal: _names,
        ast.Import: _import,
        ast.ImportFrom: _import_from,
        ast.Pass: _plain,
        ast.Break: _plain,
        ast.Continue: _plain,
        ast.If: _if,
        ast.While: _while,
        ast.For: _for,
        ast.AsyncFor: _for,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.Match: _match,
        ast.Try: _try,
        **{kind: _try for kind in (getattr(ast, "TryStar", None),) if kind is not None},
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
    }
)
