"""Exact character offsets of LibCST nodes: one walk that adds up lengths.

LibCST's code generator makes six calls and a context manager of each expression, and a call of each white space: two
million for 88,000 lines. Here a node costs one call, its white space none: 0.3 s of CPU time instead of 2.2 s. The
positions are those of `PositionProvider`, which a test compares. Each function below follows `_codegen_impl` of its
class; what is rare is a row of a table; a class in neither is left to LibCST's generator, that node only.

`NotTheTextError` is raised where a name, a literal, a comment or the end does not stand where it should.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst
from libcst import MaybeSentinel, SimpleWhitespace

from cancelcheck.lower.generated import Generated

DEFAULT = MaybeSentinel.DEFAULT

Handler = Callable[["Offsets", Any, int], int]
"""Takes a node and the offset where its code begins, and returns where it ends."""


class NotTheTextError(Exception):
    """The tree's code is not the text."""


class Offsets:
    """The `spans` of statements, expressions and suites of one module, by identity, and where its `suites` begin."""

    __slots__ = ("end", "indent", "indents", "module", "newline", "spans", "suites", "text")

    def __init__(self, module: cst.Module, text: str, start: int) -> None:
        self.module = module
        self.text = text
        self.spans: dict[int, tuple[int, int]] = {}
        self.suites: dict[int, int] = {}
        self.newline = len(module.default_newline)
        self.indents: list[str] = []
        self.indent = 0
        # where the statement that was walked last ends, without what trails it
        self.end = start
        position = _lines(self, module.header, start)
        for statement in module.body:
            position = _WALK[type(statement)](self, statement, position)
        position = _lines(self, module.footer, position)
        if position == start and module.has_trailing_newline:
            position += self.newline
        elif position > start and not module.has_trailing_newline:
            position -= self.newline
        if position != len(text):
            raise NotTheTextError


# --- white space -----------------------------------------------------------------------------------------------------


def _lines(w: Offsets, lines: Sequence[cst.EmptyLine], position: int) -> int:
    for line in lines:
        if line.indent:
            position += w.indent
        position += len(line.whitespace.value)
        comment = line.comment
        if comment is not None:
            if not w.text.startswith(comment.value, position):
                raise NotTheTextError
            position += len(comment.value)
        newline = line.newline.value
        position += w.newline if newline is None else len(newline)
    return position


def _tail(w: Offsets, node: cst.TrailingWhitespace, position: int) -> int:
    position += len(node.whitespace.value)
    comment = node.comment
    if comment is not None:
        if not w.text.startswith(comment.value, position):
            raise NotTheTextError
        position += len(comment.value)
    newline = node.newline.value
    return position + (w.newline if newline is None else len(newline))


def _simple(_w: Offsets, node: Any, position: int) -> int:
    return position + len(node.value)


def _parenthesized(w: Offsets, node: cst.ParenthesizedWhitespace, position: int) -> int:
    position = _tail(w, node.first_line, position)
    if node.empty_lines:
        position = _lines(w, node.empty_lines, position)
    if node.indent:
        position += w.indent
    return position + len(node.last_line.value)


def _space(w: Offsets, node: Any, position: int) -> int:
    if type(node) is SimpleWhitespace:
        return position + len(node.value)
    return _WALK[type(node)](w, node, position)


def _nothing(_w: Offsets, _node: object, position: int) -> int:
    """None, or a sentinel: a parser puts one where there is nothing."""
    return position


def _token(w: Offsets, node: Any, position: int, width: int) -> int:
    """Something `width` long between two white spaces."""
    space = node.whitespace_before
    position = (position + len(space.value) if type(space) is SimpleWhitespace else _space(w, space, position)) + width
    space = node.whitespace_after
    return position + len(space.value) if type(space) is SimpleWhitespace else _space(w, space, position)


def _open(w: Offsets, parens: Sequence[cst.LeftParen], position: int) -> int:
    for paren in parens:
        position = _space(w, paren.whitespace_after, position + 1)
    return position


def _close(w: Offsets, parens: Sequence[cst.RightParen], position: int) -> int:
    for paren in parens:
        position = _space(w, paren.whitespace_before, position) + 1
    return position


def _after(w: Offsets, node: Any, position: int) -> int:
    """`(`, `[` or `{`."""
    return _space(w, node.whitespace_after, position + 1)


def _before(w: Offsets, node: Any, position: int) -> int:
    """`)`, `]` or `}`."""
    return _space(w, node.whitespace_before, position) + 1


# --- expressions -----------------------------------------------------------------------------------------------------


def _name(w: Offsets, node: Any, position: int) -> int:
    """A name, a number, a text: what has a value."""
    if node.lpar:
        position = _open(w, node.lpar, position)
    value = node.value
    if not w.text.startswith(value, position):
        raise NotTheTextError
    end = position + len(value)
    w.spans[id(node)] = (position, end)
    return _close(w, node.rpar, end) if node.rpar else end


def _attribute(w: Offsets, node: cst.Attribute, position: int) -> int:
    if node.lpar:
        position = _open(w, node.lpar, position)
    value = node.value
    end = _token(w, node.dot, _WALK[type(value)](w, value, position), 1)
    name = node.attr.value
    if not w.text.startswith(name, end):
        raise NotTheTextError
    end += len(name)
    w.spans[id(node)] = (position, end)
    return _close(w, node.rpar, end) if node.rpar else end


def _call(w: Offsets, node: cst.Call, position: int) -> int:
    if node.lpar:
        position = _open(w, node.lpar, position)
    func = node.func
    end = _WALK[type(func)](w, func, position)
    space: Any = node.whitespace_after_func
    end = (end + len(space.value) if type(space) is SimpleWhitespace else _space(w, space, end)) + 1
    space = node.whitespace_before_args
    end = end + len(space.value) if type(space) is SimpleWhitespace else _space(w, space, end)
    for arg in node.args:
        end = _arg(w, arg, end)
    end += 1
    w.spans[id(node)] = (position, end)
    return _close(w, node.rpar, end) if node.rpar else end


def _arg(w: Offsets, node: cst.Arg, position: int) -> int:
    space: Any
    if node.star:
        position = _space(w, node.whitespace_after_star, position + len(node.star))
    keyword = node.keyword
    if keyword is not None:
        position = _token(w, node.equal, position + len(keyword.value), 1)
    value = node.value
    position = _WALK[type(value)](w, value, position)
    comma = node.comma
    if comma is not DEFAULT:
        position = _token(w, comma, position, 1)
    space = node.whitespace_after_arg
    return position + len(space.value) if type(space) is SimpleWhitespace else _space(w, space, position)


def _subscript(w: Offsets, node: cst.Subscript, position: int) -> int:
    if node.lpar:
        position = _open(w, node.lpar, position)
    value = node.value
    end = _space(w, node.whitespace_after_value, _WALK[type(value)](w, value, position))
    end = _space(w, node.lbracket.whitespace_after, end + 1)
    for element in node.slice:
        part = element.slice
        end = _WALK[type(part)](w, part, end)
        if element.comma is not DEFAULT:
            end = _token(w, element.comma, end, 1)
    end = _space(w, node.rbracket.whitespace_before, end) + 1
    w.spans[id(node)] = (position, end)
    return _close(w, node.rpar, end) if node.rpar else end


def _index(w: Offsets, node: cst.Index, position: int) -> int:
    end = position
    if node.star is not None:
        end = _space(w, node.whitespace_after_star, end + len(node.star))
    value = node.value
    end = _WALK[type(value)](w, value, end)
    w.spans[id(node)] = (position, end)
    return end


def _binary(w: Offsets, node: cst.BinaryOperation, position: int) -> int:
    if node.lpar:
        position = _open(w, node.lpar, position)
    left, operator, right = node.left, node.operator, node.right
    end = _WALK[type(left)](w, left, position)
    end = _WALK[type(operator)](w, operator, end)
    end = _WALK[type(right)](w, right, end)
    w.spans[id(node)] = (position, end)
    return _close(w, node.rpar, end) if node.rpar else end


def _comparison(w: Offsets, node: cst.Comparison, position: int) -> int:
    if node.lpar:
        position = _open(w, node.lpar, position)
    value = node.left
    end = _WALK[type(value)](w, value, position)
    for target in node.comparisons:
        operator = target.operator
        end = _WALK[type(operator)](w, operator, end)
        value = target.comparator
        end = _WALK[type(value)](w, value, end)
    w.spans[id(node)] = (position, end)
    return _close(w, node.rpar, end) if node.rpar else end


def _element(w: Offsets, node: cst.Element, position: int) -> int:
    value = node.value
    position = _WALK[type(value)](w, value, position)
    return position if node.comma is DEFAULT else _token(w, node.comma, position, 1)


def _starred(w: Offsets, node: cst.StarredElement, position: int) -> int:
    if node.lpar:
        position = _open(w, node.lpar, position)
    end = _space(w, node.whitespace_before_value, position + 1)
    value = node.value
    end = _WALK[type(value)](w, value, end)
    w.spans[id(node)] = (position, end)
    # the comma stands inside the parentheses of what cannot have any
    if node.rpar:
        end = _close(w, node.rpar, end)
    return end if node.comma is DEFAULT else _token(w, node.comma, end, 1)


def _formatted(w: Offsets, node: Any, position: int) -> int:
    if node.lpar:
        position = _open(w, node.lpar, position)
    end = _formatted_parts(w, node.parts, position + len(node.start)) + len(node.end)
    w.spans[id(node)] = (position, end)
    return _close(w, node.rpar, end) if node.rpar else end


def _formatted_parts(w: Offsets, parts: Sequence[Any], position: int) -> int:
    for part in parts:
        if type(part) is cst.FormattedStringText:
            if not w.text.startswith(part.value, position):
                raise NotTheTextError
            position += len(part.value)
        else:
            position = _WALK[type(part)](w, part, position)
    return position


def _formatted_expression(w: Offsets, node: cst.FormattedStringExpression, position: int) -> int:
    position = _space(w, node.whitespace_before_expression, position + 1)
    value = node.expression
    position = _WALK[type(value)](w, value, position)
    if node.equal is not None:
        position = _token(w, node.equal, position, 1)
    position = _space(w, node.whitespace_after_expression, position)
    if node.conversion is not None:
        position += 1 + len(node.conversion)
    if node.format_spec is not None:
        position = _formatted_parts(w, node.format_spec, position + 1)
    return position + 1


def _param(w: Offsets, node: cst.Param, position: int) -> int:
    if node.star:
        position += len(node.star) if type(node.star) is str else 0
    position = _name(w, node.name, _space(w, node.whitespace_after_star, position))
    if node.annotation is not None:
        position = _annotation(w, node.annotation, position, 1)
    if node.equal is not DEFAULT:
        position = _token(w, node.equal, position, 1)
    value = node.default
    if value is not None:
        position = _WALK[type(value)](w, value, position)
    if node.comma is not DEFAULT:
        position = _token(w, node.comma, position, 1)
    return _space(w, node.whitespace_after_param, position)


def _annotation(w: Offsets, node: cst.Annotation, position: int, width: int) -> int:
    position = _space(w, node.whitespace_before_indicator, position) + width
    position = _space(w, node.whitespace_after_indicator, position)
    value = node.annotation
    return _WALK[type(value)](w, value, position)


# --- statements ------------------------------------------------------------------------------------------------------


def _statement_line(w: Offsets, node: cst.SimpleStatementLine, position: int) -> int:
    if node.leading_lines:
        position = _lines(w, node.leading_lines, position)
    return _small_statements(w, node, position + w.indent)


def _small_statements(w: Offsets, node: Any, position: int) -> int:
    start = position
    for statement in node.body:
        position = _WALK[type(statement)](w, statement, position)
    # a semicolon after the last one does not belong to it
    end = w.spans[id(statement)][1]
    w.spans[id(node)] = (start, end)
    w.end = end
    return _tail(w, node.trailing_whitespace, position)


def _expr(w: Offsets, node: cst.Expr, position: int) -> int:
    value = node.value
    end = _WALK[type(value)](w, value, position)
    w.spans[id(node)] = (position, end)
    return end if node.semicolon is DEFAULT else _token(w, node.semicolon, end, 1)


def _assign(w: Offsets, node: cst.Assign, position: int) -> int:
    end = position
    value: Any
    for target in node.targets:
        value = target.target
        end = _WALK[type(value)](w, value, end)
        end += len(target.whitespace_before_equal.value) + 1 + len(target.whitespace_after_equal.value)
    value = node.value
    end = _WALK[type(value)](w, value, end)
    w.spans[id(node)] = (position, end)
    return end if node.semicolon is DEFAULT else _token(w, node.semicolon, end, 1)


def _ann_assign(w: Offsets, node: cst.AnnAssign, position: int) -> int:
    target = node.target
    end = _annotation(w, node.annotation, _WALK[type(target)](w, target, position), 1)
    if node.equal is not DEFAULT:
        end = _token(w, node.equal, end, 1)
    value = node.value
    if value is not None:
        end = _WALK[type(value)](w, value, end)
    w.spans[id(node)] = (position, end)
    return end if node.semicolon is DEFAULT else _token(w, node.semicolon, end, 1)


def _block(w: Offsets, node: cst.IndentedBlock, position: int) -> int:
    w.suites[id(node)] = position
    position = _tail(w, node.header, position)
    indent = w.module.default_indent if node.indent is None else node.indent
    w.indents.append(indent)
    w.indent += len(indent)
    body = node.body
    for statement in body:
        position = _WALK[type(statement)](w, statement, position)
    w.spans[id(node)] = (w.spans[id(body[0])][0], w.end)
    if node.footer:
        position = _lines(w, node.footer, position)
    w.indents.pop()
    w.indent -= len(indent)
    return position


def _suite(w: Offsets, node: cst.SimpleStatementSuite, position: int) -> int:
    w.suites[id(node)] = position
    return _small_statements(w, node, position + len(node.leading_whitespace.value))


def _if(w: Offsets, node: cst.If, position: int) -> int:
    return _if_or_elif(w, node, position, 2)


def _if_or_elif(w: Offsets, node: cst.If, position: int, width: int) -> int:
    start = _lines(w, node.leading_lines, position) + w.indent
    position = _space(w, node.whitespace_before_test, start + width)
    test, body, orelse = node.test, node.body, node.orelse
    position = _space(w, node.whitespace_after_test, _WALK[type(test)](w, test, position)) + 1
    position = _WALK[type(body)](w, body, position)
    if type(orelse) is cst.If:
        position = _if_or_elif(w, orelse, position, 4)
    elif orelse is not None:
        position = _WALK[type(orelse)](w, orelse, position)
    w.spans[id(node)] = (start, w.end)
    return position


def _decorators(w: Offsets, node: Any, position: int) -> int:
    for decorator in node.decorators:
        position = _lines(w, decorator.leading_lines, position) + w.indent
        position = _space(w, decorator.whitespace_after_at, position + 1)
        value = decorator.decorator
        position = _tail(w, decorator.trailing_whitespace, _WALK[type(value)](w, value, position))
    return _lines(w, node.lines_after_decorators, position) + w.indent


def _function(w: Offsets, node: cst.FunctionDef, position: int) -> int:
    start = position = _decorators(w, node, _lines(w, node.leading_lines, position))
    if node.asynchronous is not None:
        position = _space(w, node.asynchronous.whitespace_after, position + 5)
    position = _name(w, node.name, _space(w, node.whitespace_after_def, position + 3))
    position = _space(w, node.whitespace_after_name, position)
    if node.type_parameters is not None:
        position = _WALK[cst.TypeParameters](w, node.type_parameters, position)
    position = _space(w, node.whitespace_after_type_parameters, position) + 1
    position = _space(w, node.whitespace_before_params, position)
    position = _parameters(w, node.params, position) + 1
    if node.returns is not None:
        position = _annotation(w, node.returns, position, 2)
    position = _space(w, node.whitespace_before_colon, position) + 1
    body = node.body
    position = _WALK[type(body)](w, body, position)
    w.spans[id(node)] = (start, w.end)
    return position


def _parameters(w: Offsets, node: cst.Parameters, position: int) -> int:
    for param in node.posonly_params:
        position = _param(w, param, position)
    if node.posonly_ind is not DEFAULT:
        position = _WALK[type(node.posonly_ind)](w, node.posonly_ind, position)
    for param in node.params:
        position = _param(w, param, position)
    if node.star_arg is not DEFAULT:
        position = _WALK[type(node.star_arg)](w, node.star_arg, position)
    for param in node.kwonly_params:
        position = _param(w, param, position)
    return position if node.star_kwarg is None else _param(w, node.star_kwarg, position)


def _class(w: Offsets, node: cst.ClassDef, position: int) -> int:
    start = _decorators(w, node, _lines(w, node.leading_lines, position))
    position = _name(w, node.name, _space(w, node.whitespace_after_class, start + 5))
    position = _space(w, node.whitespace_after_name, position)
    if node.type_parameters is not None:
        position = _WALK[cst.TypeParameters](w, node.type_parameters, position)
    position = _space(w, node.whitespace_after_type_parameters, position)
    if node.lpar is not DEFAULT:
        position = _after(w, node.lpar, position)
    for arg in (*node.bases, *node.keywords):
        position = _arg(w, arg, position)
    if node.rpar is not DEFAULT:
        position = _before(w, node.rpar, position)
    position = _space(w, node.whitespace_before_colon, position) + 1
    body = node.body
    position = _WALK[type(body)](w, body, position)
    w.spans[id(node)] = (start, w.end)
    return position


def _match(w: Offsets, node: cst.Match, position: int) -> int:
    start = _lines(w, node.leading_lines, position) + w.indent
    subject = node.subject
    position = _WALK[type(subject)](w, subject, _space(w, node.whitespace_after_match, start + 5))
    position = _space(w, node.whitespace_before_colon, position) + 1
    position = _tail(w, node.whitespace_after_colon, position)
    indent = w.module.default_indent if node.indent is None else node.indent
    w.indents.append(indent)
    w.indent += len(indent)
    for case in node.cases:
        position = _WALK[type(case)](w, case, position)
    position = _lines(w, node.footer, position)
    w.indents.pop()
    w.indent -= len(indent)
    w.spans[id(node)] = (start, w.end)
    return position


def _case(w: Offsets, node: cst.MatchCase, position: int) -> int:
    start = _lines(w, node.leading_lines, position) + w.indent
    position = _parts(w, node, start, (4, "whitespace_after_case", "pattern", "whitespace_before_if"))
    if node.guard is not None:
        position += 2
    position = _parts(w, node, position, ("whitespace_after_if", "guard", "whitespace_before_colon", 1, "body"))
    w.spans[id(node)] = (start, w.end)
    return position


# --- the rest, as rows: lengths of tokens, and the fields between them -----------------------------------------------


def _parts(w: Offsets, node: Any, position: int, parts: tuple[int | str, ...]) -> int:
    for part in parts:
        if isinstance(part, int):
            position += part
            continue
        value = getattr(node, part)
        kind = type(value)
        if kind is tuple or kind is list:
            for item in value:
                position = _WALK[type(item)](w, item, position)
        else:
            position = _WALK[kind](w, value, position)
    return position


def _plain(*parts: int | str) -> Handler:
    """A part of a statement or an expression, whose span nobody asks for."""
    return lambda w, node, position: _parts(w, node, position, parts)


def _whole(*parts: int | str) -> Handler:
    """A part of an expression: its span is all of it."""

    def walk(w: Offsets, node: Any, position: int) -> int:
        end = _parts(w, node, position, parts)
        w.spans[id(node)] = (position, end)
        return end

    return walk


def _expression(*parts: int | str) -> Handler:
    """An expression: its span is what stands inside the parentheses."""

    def walk(w: Offsets, node: Any, position: int) -> int:
        if node.lpar:
            position = _open(w, node.lpar, position)
        end = _parts(w, node, position, parts)
        w.spans[id(node)] = (position, end)
        return _close(w, node.rpar, end) if node.rpar else end

    return walk


def _small(*parts: int | str) -> Handler:
    """A small statement: a semicolon may follow its span."""

    def walk(w: Offsets, node: Any, position: int) -> int:
        end = _parts(w, node, position, parts)
        w.spans[id(node)] = (position, end)
        return end if node.semicolon is DEFAULT else _token(w, node.semicolon, end, 1)

    return walk


def _compound(*parts: int | str) -> Handler:
    """A statement with a body, or a clause of one: lines lead it; its span ends where the last small statement does."""

    def walk(w: Offsets, node: Any, position: int) -> int:
        start = _lines(w, node.leading_lines, position) + w.indent
        position = _parts(w, node, start, parts)
        w.spans[id(node)] = (start, w.end)
        return position

    return walk


def _operator(width: int) -> Handler:
    return lambda w, node, position: _token(w, node, position, width)


def _foreign(w: Offsets, node: Any, position: int) -> int:
    """A class that no row is about: LibCST's own generator says."""
    found = Generated(w.module, node, position, w.indents)
    if not w.text.startswith(found.code, position):
        raise NotTheTextError
    w.spans.update(found.spans)
    w.suites.update(found.suites)
    w.end = w.spans[id(node)][1]
    return position + len(found.code)


class _Table(dict[type, Handler]):
    def __missing__(self, kind: type) -> Handler:
        return _foreign


_WALK = _Table(
    {
        MaybeSentinel: _nothing,
        type(None): _nothing,
        # white space and punctuation
        SimpleWhitespace: _simple,
        cst.ParenthesizedWhitespace: _parenthesized,
        cst.TrailingWhitespace: _tail,
        cst.LeftParen: _after,
        cst.LeftSquareBracket: _after,
        cst.LeftCurlyBrace: _after,
        cst.RightParen: _before,
        cst.RightSquareBracket: _before,
        cst.RightCurlyBrace: _before,
        cst.Asynchronous: _plain(5, "whitespace_after"),
        cst.NotIn: _plain("whitespace_before", 3, "whitespace_between", 2, "whitespace_after"),
        cst.IsNot: _plain("whitespace_before", 2, "whitespace_between", 3, "whitespace_after"),
        cst.Not: _plain(3, "whitespace_after"),
        cst.Plus: _after,
        cst.Minus: _after,
        cst.BitInvert: _after,
        # expressions
        cst.Name: _name,
        cst.Integer: _name,
        cst.Float: _name,
        cst.Imaginary: _name,
        cst.SimpleString: _name,
        cst.Ellipsis: _expression(3),
        cst.FormattedString: _formatted,
        cst.FormattedStringExpression: _formatted_expression,
        cst.ConcatenatedString: _expression("left", "whitespace_between", "right"),
        cst.Attribute: _attribute,
        cst.Call: _call,
        cst.Arg: _arg,
        cst.Subscript: _subscript,
        cst.Index: _index,
        cst.Slice: _whole("lower", "first_colon", "upper", "second_colon", "step"),
        cst.UnaryOperation: _expression("operator", "expression"),
        cst.BinaryOperation: _binary,
        cst.BooleanOperation: _binary,
        cst.Comparison: _comparison,
        cst.Await: _expression(5, "whitespace_after_await", "expression"),
        cst.Yield: _expression(5, "whitespace_after_yield", "value"),
        cst.From: _plain("whitespace_before_from", 4, "whitespace_after_from", "item"),
        cst.NamedExpr: _expression("target", "whitespace_before_walrus", 2, "whitespace_after_walrus", "value"),
        cst.IfExp: _expression(
            "body",
            "whitespace_before_if",
            2,
            "whitespace_after_if",
            "test",
            "whitespace_before_else",
            4,
            "whitespace_after_else",
            "orelse",
        ),
        cst.Element: _element,
        cst.StarredElement: _starred,
        cst.DictElement: _plain("key", "whitespace_before_colon", 1, "whitespace_after_colon", "value", "comma"),
        cst.StarredDictElement: _plain(2, "whitespace_before_value", "value", "comma"),
        cst.Tuple: _expression("elements"),
        cst.List: _expression("lbracket", "elements", "rbracket"),
        cst.Set: _expression("lbrace", "elements", "rbrace"),
        cst.Dict: _expression("lbrace", "elements", "rbrace"),
        cst.GeneratorExp: _expression("elt", "for_in"),
        cst.ListComp: _expression("lbracket", "elt", "for_in", "rbracket"),
        cst.SetComp: _expression("lbrace", "elt", "for_in", "rbrace"),
        cst.DictComp: _expression(
            "lbrace", "key", "whitespace_before_colon", 1, "whitespace_after_colon", "value", "for_in", "rbrace"
        ),
        cst.CompFor: _whole(
            "whitespace_before",
            "asynchronous",
            3,
            "whitespace_after_for",
            "target",
            "whitespace_before_in",
            2,
            "whitespace_after_in",
            "iter",
            "ifs",
            "inner_for_in",
        ),
        cst.CompIf: _plain("whitespace_before", 2, "whitespace_before_test", "test"),
        cst.Lambda: _expression(6, "whitespace_after_lambda", "params", "colon", "body"),
        cst.Parameters: _parameters,
        cst.Param: _param,
        cst.ParamStar: _plain(1, "comma"),
        cst.ParamSlash: _plain(1, "whitespace_after", "comma"),
        # small statements
        cst.Expr: _expr,
        cst.Assign: _assign,
        cst.AnnAssign: _ann_assign,
        cst.AugAssign: _small("target", "operator", "value"),
        cst.Return: _small(6, "whitespace_after_return", "value"),
        cst.Raise: _small(5, "whitespace_after_raise", "exc", "cause"),
        cst.Assert: _small(6, "whitespace_after_assert", "test", "comma", "msg"),
        cst.Del: _small(3, "whitespace_after_del", "target"),
        cst.Pass: _small(4),
        cst.Break: _small(5),
        cst.Continue: _small(8),
        cst.Global: _small(6, "whitespace_after_global", "names"),
        cst.Nonlocal: _small(8, "whitespace_after_nonlocal", "names"),
        cst.NameItem: _plain("name", "comma"),
        cst.Import: _small(6, "whitespace_after_import", "names"),
        cst.ImportFrom: _small(
            4,
            "whitespace_after_from",
            "relative",
            "module",
            "whitespace_before_import",
            6,
            "whitespace_after_import",
            "lpar",
            "names",
            "rpar",
        ),
        cst.ImportAlias: _plain("name", "asname", "comma"),
        cst.ImportStar: _plain(1),
        cst.AsName: _plain("whitespace_before_as", 2, "whitespace_after_as", "name"),
        # statements with a body
        cst.SimpleStatementLine: _statement_line,
        cst.IndentedBlock: _block,
        cst.SimpleStatementSuite: _suite,
        cst.FunctionDef: _function,
        cst.ClassDef: _class,
        cst.If: _if,
        cst.Else: _compound(4, "whitespace_before_colon", 1, "body"),
        cst.For: _compound(
            "asynchronous",
            3,
            "whitespace_after_for",
            "target",
            "whitespace_before_in",
            2,
            "whitespace_after_in",
            "iter",
            "whitespace_before_colon",
            1,
            "body",
            "orelse",
        ),
        cst.While: _compound(5, "whitespace_after_while", "test", "whitespace_before_colon", 1, "body", "orelse"),
        cst.With: _compound(
            "asynchronous",
            4,
            "whitespace_after_with",
            "lpar",
            "items",
            "rpar",
            "whitespace_before_colon",
            1,
            "body",
        ),
        cst.WithItem: _plain("item", "asname", "comma"),
        cst.Try: _compound(3, "whitespace_before_colon", 1, "body", "handlers", "orelse", "finalbody"),
        cst.TryStar: _compound(3, "whitespace_before_colon", 1, "body", "handlers", "orelse", "finalbody"),
        cst.ExceptHandler: _compound(
            6, "whitespace_after_except", "type", "name", "whitespace_before_colon", 1, "body"
        ),
        cst.ExceptStarHandler: _compound(
            6,
            "whitespace_after_except",
            1,
            "whitespace_after_star",
            "type",
            "name",
            "whitespace_before_colon",
            1,
            "body",
        ),
        cst.Finally: _compound(7, "whitespace_before_colon", 1, "body"),
        cst.Match: _match,
        cst.MatchCase: _case,
    }
)

_WIDTHS: dict[int, tuple[type[cst.CSTNode], ...]] = {
    1: (
        *(
            cst.Dot,
            cst.Comma,
            cst.Colon,
            cst.Semicolon,
            cst.AssignEqual,
            cst.Add,
            cst.Subtract,
            cst.Multiply,
            cst.Divide,
        ),
        *(cst.Modulo, cst.BitOr, cst.BitAnd, cst.BitXor, cst.MatrixMultiply, cst.LessThan, cst.GreaterThan),
    ),
    2: (
        *(cst.FloorDivide, cst.Power, cst.LeftShift, cst.RightShift, cst.Equal, cst.NotEqual, cst.LessThanEqual),
        *(cst.GreaterThanEqual, cst.In, cst.Is, cst.Or, cst.AddAssign, cst.SubtractAssign, cst.MultiplyAssign),
        *(cst.MatrixMultiplyAssign, cst.DivideAssign, cst.ModuloAssign, cst.BitAndAssign, cst.BitOrAssign),
        cst.BitXorAssign,
    ),
    3: (cst.And, cst.LeftShiftAssign, cst.RightShiftAssign, cst.PowerAssign, cst.FloorDivideAssign),
}
_WALK.update((kind, _operator(width)) for width, kinds in _WIDTHS.items() for kind in kinds)
