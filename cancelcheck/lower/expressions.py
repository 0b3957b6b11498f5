"""Lowers expressions: one small function for each LibCST class, found in a table keyed by class.

Each takes the builder and the CST node, emits the operands in the order in which Python evaluates them, then the node
itself, and returns its index.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from cancelcheck.lower.builder import Builder
from cancelcheck.lower.nesting import nesting_of
from cancelcheck.lower.skeleton import Skeleton, UnsureError
from cancelcheck.lower.spans import Everywhere
from cancelcheck.model.facts import (
    Arg,
    Assign,
    Attr,
    Await,
    BlockEnd,
    Call,
    Comprehension,
    Const,
    Display,
    FunctionKind,
    Iterate,
    Lambda,
    Name,
    Operation,
    Param,
    ParamKind,
    RegionKind,
    Return,
    Starred,
    Store,
    StoreAttr,
    StoreItem,
    Subscript,
    Test,
    Unpack,
    Yield,
)

TEXT_LIMIT = 400
"""Characters of a text constant that are kept."""

_CONSTANTS = {"None": ("none", None), "True": ("bool", True), "False": ("bool", False)}

_OPERATORS: dict[type[cst.CSTNode], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.MatrixMultiply: "@",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
    cst.BitOr: "|",
    cst.BitAnd: "&",
    cst.BitXor: "^",
    cst.Minus: "-",
    cst.Plus: "+",
    cst.Not: "not",
    cst.BitInvert: "~",
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
    cst.And: "and",
    cst.Or: "or",
}


def operator(node: cst.CSTNode) -> str:
    """The spelling of an operator; of an augmented one without its `=`."""
    found = _OPERATORS.get(type(node))
    if found is None:
        found = type(node).__name__.removesuffix("Assign")
        base = getattr(cst, found, None)
        found = _OPERATORS.get(base, found) if isinstance(base, type) else found
        _OPERATORS[type(node)] = found
    return found


def expression(b: Builder, node: cst.CSTNode) -> int:
    """Lowers any expression. A class that is not in the table (a LibCST newer than this) yields an operation on all
    the expressions inside it."""
    return _HANDLERS[type(node)](b, node)


def _other(b: Builder, node: cst.CSTNode) -> int:
    operands: list[int] = []
    pending = list(reversed(node.children))
    while pending:
        child = pending.pop()
        if isinstance(child, cst.BaseExpression):
            operands.append(expression(b, child))
        elif not isinstance(child, (cst.BaseParenthesizableWhitespace, cst.BaseSuite, cst.BaseStatement)):
            pending.extend(reversed(child.children))
    return b.emit(Operation(*b.span(node), -1, "?", operands), *operands)


# --- atoms


def _name(b: Builder, node: cst.Name) -> int:
    value = node.value
    start, end = b.where[id(node)]
    nodes = b.nodes
    if value in _CONSTANTS:
        kind, constant = _CONSTANTS[value]
        nodes.append(Const(start, end, -1, kind, constant))
    else:
        nodes.append(Name(start, end, -1, b.resolve_scope(value) if b.scopes else value))
    return len(nodes) - 1


def _attribute(b: Builder, node: cst.Attribute) -> int:
    inner = node.value
    value = _HANDLERS[type(inner)](b, inner)
    start, end = b.where[id(node)]
    nodes = b.nodes
    index = nodes[value].parent = len(nodes)
    nodes.append(Attr(start, end, -1, value, node.attr.value))
    return index


def _integer(b: Builder, node: cst.Integer) -> int:
    text = node.value
    number: int | None
    try:
        number = int(text) if text.isdigit() else int(text.replace("_", ""), 0)
    except ValueError:
        # more digits than CPython converts, or a leading zero
        number = None
    if number is not None and not -(2**63) <= number < 2**63:
        number = None
    return b.emit(Const(*b.span(node), -1, "int", number))


def _float(b: Builder, node: cst.Float) -> int:
    value = float(node.value.replace("_", ""))
    return b.emit(Const(*b.span(node), -1, "float", value if math.isfinite(value) else None))


def _imaginary(b: Builder, node: cst.Imaginary) -> int:
    return b.emit(Const(*b.span(node), -1, "complex", None))


def _ellipsis(b: Builder, node: cst.Ellipsis) -> int:
    return b.emit(Const(*b.span(node), -1, "ellipsis", None))


def text_of(node: cst.SimpleString) -> tuple[str, str]:
    """Kind (`str` or `bytes`) and the value of a text literal, cut to `TEXT_LIMIT` characters; bytes have none."""
    literal = node.value
    prefix = node.prefix
    if "b" in prefix:
        return "bytes", ""
    if not prefix or prefix == "r":
        quotes = 3 if literal[len(prefix) :].startswith(('"""', "'''")) else 1
        body = literal[len(prefix) + quotes : -quotes]
        if prefix or "\\" not in body:
            return "str", _clean(body)
    try:
        return "str", _clean(str(ast.literal_eval(literal)))
    except (ValueError, SyntaxError):
        return "str", ""


def _clean(text: str) -> str:
    return text[:TEXT_LIMIT].encode("utf-8", "replace").decode("utf-8")


def _string(b: Builder, node: cst.SimpleString) -> int:
    kind, value = text_of(node)
    start, end = b.where[id(node)]
    nodes = b.nodes
    nodes.append(Const(start, end, -1, kind, value if kind == "str" else None))
    return len(nodes) - 1


def _concatenated(b: Builder, node: cst.ConcatenatedString) -> int:
    parts: list[cst.CSTNode] = []
    pending: list[cst.CSTNode] = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, cst.ConcatenatedString):
            pending += (part.right, part.left)
        else:
            parts.append(part)
    if len({"b" in part.prefix for part in parts}) > 1:  # type: ignore[attr-defined]
        raise cst.CSTValidationError("Cannot concatenate string and bytes.")
    if all(isinstance(part, cst.SimpleString) for part in parts):
        texts = [text_of(part) for part in parts if isinstance(part, cst.SimpleString)]
        if all(kind == "str" for kind, _ in texts):
            return b.emit(Const(*b.span(node), -1, "str", "".join(text for _, text in texts)[:TEXT_LIMIT]))
        return b.emit(Const(*b.span(node), -1, "bytes", None))
    operands = [expression(b, part) for part in parts]
    return b.emit(Operation(*b.span(node), -1, "f", operands), *operands)


def _formatted(b: Builder, node: cst.CSTNode) -> int:
    operands: list[int] = []
    _formatted_parts(b, node.parts, operands)  # type: ignore[attr-defined]
    return b.emit(Operation(*b.span(node), -1, "f", operands), *operands)


def _formatted_parts(b: Builder, parts: Sequence[cst.CSTNode], operands: list[int]) -> None:
    for part in parts:
        inner = getattr(part, "expression", None)
        if inner is not None:
            operands.append(expression(b, inner))
            spec = getattr(part, "format_spec", None)
            if spec:
                _formatted_parts(b, spec, operands)


# --- operators


def _unary(b: Builder, node: cst.UnaryOperation) -> int:
    operand = expression(b, node.expression)
    op = operator(node.operator)
    value = b.nodes[operand]
    if op == "-" and isinstance(value, Const) and isinstance(value.value, (int, float)) and value.kind != "bool":
        # a negative number is a literal to a reader
        start, end = b.span(node)
        value.start, value.end, value.value = start, end, -value.value
        return operand
    return b.emit(Operation(*b.span(node), -1, op, [operand]), operand)


def _binary(b: Builder, node: cst.BinaryOperation) -> int:
    # an explicit stack: a sum may have thousands of terms
    chain = [node]
    while isinstance(chain[-1].left, cst.BinaryOperation):
        chain.append(chain[-1].left)
    left = expression(b, chain[-1].left)
    for part in reversed(chain):
        right = expression(b, part.right)
        left = b.emit(Operation(*b.span(part), -1, operator(part.operator), [left, right]), left, right)
    return left


def _is_plain(node: Any) -> bool:
    """Whether evaluating it calls nothing, awaits nothing and binds nothing, seen at a glance."""
    # exact classes: `isinstance` costs five times as much of LibCST's nodes, which have an ABC's metaclass
    kind = type(node)
    if kind in _PLAIN:
        return True
    if kind is cst.Attribute:
        return _is_plain(node.value)
    if kind is cst.Comparison:
        return _is_plain(node.left) and all(_is_plain(target.comparator) for target in node.comparisons)
    return kind is cst.UnaryOperation and _is_plain(node.expression)


def _boolean(b: Builder, node: cst.BooleanOperation) -> int:
    op = operator(node.operator)
    operands: list[int] = []
    terms: list[cst.BaseExpression] = []
    current: cst.BaseExpression = node
    while type(current) is cst.BooleanOperation and operator(current.operator) == op:
        terms.append(current.right)
        current = current.left
    terms.append(current)
    terms.reverse()
    operands.append(expression(b, terms[0]))
    join = -1
    for term in terms[1:]:
        if not _is_plain(term):
            if join < 0:
                join = b.block()
            right = b.block()
            tested = b.nodes[operands[-1]]
            b.emit(Test(tested.start, tested.end, -1, op, operands[-1]))
            # the edge taken where the operand is true comes first
            for target in (right, join) if op == "and" else (join, right):
                b.link(target)
            b.begin(right)
        operands.append(expression(b, term))
    if join >= 0:
        b.go(join)
    return b.emit(Operation(*b.span(node), -1, op, operands), *operands)


def _comparison(b: Builder, node: cst.Comparison) -> int:
    operands = [expression(b, node.left)]
    operators = []
    for target in node.comparisons:
        operators.append(operator(target.operator))
        operands.append(expression(b, target.comparator))
    return b.emit(Operation(*b.span(node), -1, " ".join(operators), operands), *operands)


def _conditional(b: Builder, node: cst.IfExp) -> int:
    test = expression(b, node.test)
    if _is_plain(node.body) and _is_plain(node.orelse):
        body, orelse = expression(b, node.body), expression(b, node.orelse)
    else:
        b.emit(Test(b.nodes[test].start, b.nodes[test].end, -1, "ifexp", test))
        source = b.current
        then, other, join = b.block(), b.block(), b.block()
        b.link(then, source)
        b.link(other, source)
        b.begin(then)
        body = expression(b, node.body)
        b.link(join)
        b.begin(other)
        orelse = expression(b, node.orelse)
        b.go(join)
    return b.emit(Operation(*b.span(node), -1, "if", [test, body, orelse]), test, body, orelse)


# --- calls and friends


def arguments(b: Builder, args: Sequence[cst.Arg]) -> list[Arg]:
    """Lowers the arguments of a call, or the bases of a class."""
    lowered = []
    for arg in args:
        value, keyword = arg.value, arg.keyword
        lowered.append(
            Arg(_HANDLERS[type(value)](b, value), keyword.value if keyword is not None else "", len(arg.star))
        )
    return lowered


def _call(b: Builder, node: cst.Call) -> int:
    callee = node.func
    func = _HANDLERS[type(callee)](b, callee)
    args = arguments(b, node.args)
    start, end = b.where[id(node)]
    nodes = b.nodes
    index = nodes[func].parent = len(nodes)
    for arg in args:
        nodes[arg.value].parent = index
    nodes.append(Call(start, end, -1, func, args, end - 1))
    return index


def _await(b: Builder, node: cst.Await) -> int:
    value = expression(b, node.expression)
    return b.emit(Await(*b.span(node), -1, value), value)


def _yield(b: Builder, node: cst.Yield) -> int:
    b.function.is_generator = True
    is_from = isinstance(node.value, cst.From)
    inner = node.value.item if isinstance(node.value, cst.From) else node.value
    value = expression(b, inner) if inner is not None else -1
    return b.emit(Yield(*b.span(node), -1, value, is_from), value)


def _subscript(b: Builder, node: cst.Subscript) -> int:
    value = expression(b, node.value)
    index = _index(b, node)
    return b.emit(Subscript(*b.span(node), -1, value, index), value, index)


def _index(b: Builder, node: cst.Subscript) -> int:
    parts = [_slice(b, element.slice) for element in node.slice]
    if len(parts) == 1:
        return parts[0]
    return b.emit(Display(*b.span(node), -1, "tuple", parts, []), *parts)


def _slice(b: Builder, node: cst.BaseSlice) -> int:
    if type(node) is cst.Index:
        value = expression(b, node.value)
        return b.emit(Starred(*b.span(node), -1, value), value) if node.star else value
    assert isinstance(node, cst.Slice)
    operands = [expression(b, part) for part in (node.lower, node.upper, node.step) if part is not None]
    return b.emit(Operation(*b.span(node), -1, ":", operands), *operands)


def _walrus(b: Builder, node: cst.NamedExpr) -> int:
    value = expression(b, node.value)
    # it binds in the function around, past any comprehension
    assert isinstance(node.target, cst.Name)
    name = node.target.value
    target = b.emit(Store(*b.span(node.target), -1, name))
    b.bind(name, target)
    return b.emit(Assign(*b.span(node), -1, [target], value, -1, ":="), target, value)


# --- displays


def _display(b: Builder, node: cst.Tuple | cst.List | cst.Set) -> int:
    items = [_element(b, element) for element in node.elements]
    return b.emit(Display(*b.span(node), -1, type(node).__name__.lower(), items, []), *items)


def _element(b: Builder, element: cst.BaseElement) -> int:
    value = expression(b, element.value)
    if type(element) is cst.StarredElement:
        return b.emit(Starred(*b.span(element), -1, value), value)
    return value


def _dict(b: Builder, node: cst.Dict) -> int:
    keys: list[int] = []
    items: list[int] = []
    for element in node.elements:
        keys.append(expression(b, element.key) if type(element) is cst.DictElement else -1)
        items.append(expression(b, element.value))
    return b.emit(Display(*b.span(node), -1, "dict", items, keys), *items, *keys)


# --- scopes


def _comprehension(b: Builder, node: cst.BaseComp) -> int:
    span = b.span(node)
    outer = b.open_region(RegionKind.COMPREHENSION, span)
    saved = b.region
    b.scopes.append({})
    headers: list[tuple[int, int]] = []
    clause: cst.CompFor | None = node.for_in
    while clause is not None:
        iterable = expression(b, clause.iter)
        region = outer if not headers else b.open_region(RegionKind.COMPREHENSION, span)
        b.region = region
        header = b.block()
        b.go(header)
        b.regions[region].entry = header
        target = store(b, clause.target)
        is_async = clause.asynchronous is not None
        clause_span = b.span(clause)
        index = b.emit(Iterate(*clause_span, -1, iterable, target, is_async), iterable, target)
        b.regions[region].node = index
        after = b.block()
        body = b.block()
        b.link(body)
        b.link(after)
        headers.append((header, after))
        b.begin(body)
        for condition in clause.ifs:
            value = expression(b, condition.test)
            b.emit(Test(*b.span(condition.test), -1, "filter", value), value)
            kept = b.block()
            b.link(kept)
            b.link(header)
            b.begin(kept)
        clause = clause.inner_for_in
    if isinstance(node, cst.DictComp):
        elements = [expression(b, node.key), expression(b, node.value)]
    else:
        elements = [expression(b, node.elt)]  # type: ignore[attr-defined]
    kind = {cst.ListComp: "list", cst.SetComp: "set", cst.DictComp: "dict"}.get(type(node), "generator")
    while headers:
        header, after = headers.pop()
        b.link(header)
        b.region = b.regions[b.region].parent if headers else saved
        b.begin(after)
    b.scopes.pop()
    return b.emit(Comprehension(*span, -1, kind, elements, outer), *elements)


def _lambda(b: Builder, node: cst.Lambda) -> int:
    params = parameters(b, node.params)
    span = b.span(node)
    name = "<lambda>"
    owner = b.function.qualname
    child = Builder(
        b.module,
        name=name,
        qualname=f"{owner}.{name}" if owner else name,
        kind=FunctionKind.LAMBDA,
        is_async=False,
        parent=b.index,
        span=span,
        head=b.span(node.body)[0],
    )
    child.where = b.where
    adopt(child, params)
    own = {param.name for param in params}
    child.scopes = [{name: to for name, to in scope.items() if name not in own} for scope in b.scopes]
    value = expression(child, node.body)
    child.emit(Return(*child.span(node.body), -1, value), value)
    child.stop(BlockEnd.RETURN)
    child.finish()
    defaults = [param.default for param in params]
    index = b.emit(Lambda(*span, -1, child.index), *defaults)
    child.function.define = index
    return index


def adopt(child: Builder, params: list[Param]) -> None:
    """Gives a function its parameters."""
    child.function.params = params
    for param in params:
        child.bind(param.name, -1)


def parameters(b: Builder, node: cst.Parameters) -> list[Param]:
    """Lowers parameters: defaults and annotations are evaluated in the enclosing function."""
    found: list[Param] = []

    def add(param: cst.Param, kind: ParamKind) -> None:
        start, end = b.span(param.name)
        default = expression(b, param.default) if param.default is not None else -1
        hint = annotation(b, param.annotation.annotation) if param.annotation is not None else -1
        found.append(Param(param.name.value, kind, start, end, default, hint))

    for param in node.posonly_params:
        add(param, ParamKind.POSITIONAL_ONLY)
    for param in node.params:
        add(param, ParamKind.PLAIN)
    if type(node.star_arg) is cst.Param:
        add(node.star_arg, ParamKind.VAR_POSITIONAL)
    for param in node.kwonly_params:
        add(param, ParamKind.KEYWORD_ONLY)
    if node.star_kwarg is not None:
        add(node.star_kwarg, ParamKind.VAR_KEYWORD)
    return found


def annotation(b: Builder, node: cst.BaseExpression) -> int:
    """Lowers an annotation; a quoted one as what it says, standing where the quotes stand."""
    if type(node) is cst.SimpleString and type(b.where) is not Everywhere:
        kind, text = text_of(node)
        if kind == "str" and text and len(text) < TEXT_LIMIT:
            quoted = _quoted(text.strip())
            if quoted is None:
                return expression(b, node)
            where = b.where
            b.where = Everywhere(where[id(node)])
            try:
                return expression(b, quoted)
            finally:
                b.where = where
    return expression(b, node)


_LONGEST_ANNOTATION = 1_000
"""Characters. What is longer is no type, and might be too much for a parser."""


def _quoted(text: str) -> cst.BaseExpression | None:
    if len(text) > _LONGEST_ANNOTATION:
        return None
    try:
        found: cst.BaseExpression = Skeleton.expression(text)
        return found
    except UnsureError:
        pass
    if nesting_of(text).is_risky:
        return None
    try:
        return cst.parse_expression(text)
    except (cst.ParserSyntaxError, cst.CSTValidationError):
        return None


# --- targets


def store(b: Builder, node: Any) -> int:
    """Lowers an assignment target."""
    span = b.where[id(node)]
    kind = type(node)
    if kind is cst.Name:
        name = node.value
        if b.scopes:
            # while a comprehension is open, only its own targets are stored: a walrus binds by another way
            name = b.scopes[-1].setdefault(name, b.mangle(name))
        index = b.emit(Store(*span, -1, name))
        b.bind(name, index)
        return index
    if kind is cst.Attribute:
        value = expression(b, node.value)
        return b.emit(StoreAttr(*span, -1, value, node.attr.value), value)
    if kind is cst.Subscript:
        value = expression(b, node.value)
        position = _index(b, node)
        return b.emit(StoreItem(*span, -1, value, position), value, position)
    if kind is cst.Tuple or kind is cst.List:
        items = []
        for element in node.elements:
            item = store(b, element.value)
            if type(element) is cst.StarredElement:
                item = b.emit(Starred(*b.span(element), -1, item), item)
            items.append(item)
        return b.emit(Unpack(*span, -1, items), *items)
    return expression(b, node)


_PLAIN = frozenset({cst.Name, cst.Integer, cst.Float, cst.Imaginary, cst.SimpleString})

Handler = Callable[[Builder, Any], int]


class _Table(dict[type, Handler]):
    def __missing__(self, kind: type) -> Handler:
        return _other


_HANDLERS = _Table(
    {
        cst.Name: _name,
        cst.Attribute: _attribute,
        cst.Integer: _integer,
        cst.Float: _float,
        cst.Imaginary: _imaginary,
        cst.Ellipsis: _ellipsis,
        cst.SimpleString: _string,
        cst.ConcatenatedString: _concatenated,
        cst.FormattedString: _formatted,
        cst.UnaryOperation: _unary,
        cst.BinaryOperation: _binary,
        cst.BooleanOperation: _boolean,
        cst.Comparison: _comparison,
        cst.IfExp: _conditional,
        cst.Call: _call,
        cst.Await: _await,
        cst.Yield: _yield,
        cst.Subscript: _subscript,
        cst.NamedExpr: _walrus,
        cst.Tuple: _display,
        cst.List: _display,
        cst.Set: _display,
        cst.Dict: _dict,
        cst.ListComp: _comprehension,
        cst.SetComp: _comprehension,
        cst.DictComp: _comprehension,
        cst.GeneratorExp: _comprehension,
        cst.Lambda: _lambda,
    }
)
