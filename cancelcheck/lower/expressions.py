"""Lowers expressions: one small function for each class of CPython's trees, found in a table keyed by class.

Each takes the builder and the node, emits the operands in the order in which Python evaluates them, then the node
itself, and returns its index. What LibCST has read comes as such a tree too (`whole.py`).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

from cancelcheck.lower.builder import Builder, ModuleBuilder
from cancelcheck.lower.nesting import nesting_of
from cancelcheck.lower.places import Place, Places, Quoted, UnsureError, parsed
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

OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.MatMult: "@",
    ast.Div: "/",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
    ast.FloorDiv: "//",
    ast.Invert: "~",
    ast.Not: "not",
    ast.UAdd: "+",
    ast.USub: "-",
    ast.And: "and",
    ast.Or: "or",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
"""The spelling of operators; of an augmented one without its `=`."""


class OtherExpression(ast.expr):
    """An expression that nobody here knows (LibCST is newer than this): the expressions in it are its `operands`."""


def expression(b: Builder, node: Any) -> int:
    """Lowers any expression."""
    return _HANDLERS[type(node)](b, node)


def place_of(b: Builder, node: Any) -> Place:
    """Where an expression stands, without its parentheses."""
    kind = type(node)
    if kind is not ast.Tuple and kind is not ast.GeneratorExp:
        return b.span(node)
    found: Place = b.places.of_tuple(node) if kind is ast.Tuple else b.places.of_generator(node)
    return found


def _other(b: Builder, node: Any) -> int:
    operands = [expression(b, operand) for operand in node.operands]
    return b.emit(Operation(*b.span(node), -1, "?", operands), *operands)


# --- atoms


def _name(b: Builder, node: ast.Name) -> int:
    name = node.id
    if b.names_differ:
        b.places.check_name(node, name)
    start, end = b.span(node)
    nodes = b.nodes
    nodes.append(Name(start, end, -1, b.resolve_scope(name) if b.scopes else name))
    return len(nodes) - 1


def _attribute(b: Builder, node: ast.Attribute) -> int:
    inner = node.value
    value = _HANDLERS[type(inner)](b, inner)
    name = node.attr
    if b.names_differ:
        b.places.check_end(node, name)
    start, end = b.span(node)
    nodes = b.nodes
    index = nodes[value].parent = len(nodes)
    nodes.append(Attr(start, end, -1, value, name))
    return index


_KINDS: dict[type, str] = {
    type(None): "none",
    bool: "bool",
    int: "int",
    float: "float",
    complex: "complex",
    bytes: "bytes",
    type(...): "ellipsis",
}


def _constant(b: Builder, node: ast.Constant) -> int:
    value: Any = node.value
    start, end = b.span(node)
    nodes = b.nodes
    if type(value) is str:
        if b.places.has_returns:
            value = "".join(text_of(literal)[1] for literal, _, _ in b.places.literals(node))[:TEXT_LIMIT]
        elif len(value) > TEXT_LIMIT or not value.isascii():
            value = clean(value)
        nodes.append(Const(start, end, -1, "str", value))
        return len(nodes) - 1
    kind = _KINDS[type(value)]
    if kind == "int":
        if not -(2**63) <= value < 2**63:
            value = None
    elif kind == "float":
        if not math.isfinite(value):
            value = None
    elif kind != "bool":
        value = None
    nodes.append(Const(start, end, -1, kind, value))
    return len(nodes) - 1


def text_of(literal: str) -> tuple[str, str]:
    """Kind (`str` or `bytes`) and the value of a text literal, cut to `TEXT_LIMIT` characters; bytes have none."""
    prefix = literal[: min(at for at in map(literal.find, "\"'") if at >= 0)].lower()
    if "b" in prefix:
        return "bytes", ""
    if not prefix or prefix == "r":
        quotes = 3 if literal[len(prefix) :].startswith(('"""', "'''")) else 1
        body = literal[len(prefix) + quotes : -quotes]
        if prefix or "\\" not in body:
            return "str", clean(body)
    try:
        return "str", clean(str(ast.literal_eval(literal)))
    except (ValueError, SyntaxError):
        return "str", ""


def clean(text: str) -> str:
    """A text as it is kept."""
    return text[:TEXT_LIMIT].encode("utf-8", "replace").decode("utf-8")


def _joined(b: Builder, node: ast.JoinedStr) -> int:
    literals = b.places.literals(node)
    if len(literals) == 1:
        return _formatted(b, b.span(node), literals[0][2] or ())
    operands: list[int] = []
    place: Place
    for literal, place, inside in literals:
        if inside is not None:
            operands.append(_formatted(b, place, inside))
        else:
            kind, value = text_of(literal)
            operands.append(b.emit(Const(*place, -1, kind, value if kind == "str" else None)))
    return b.emit(Operation(*b.span(node), -1, "f", operands), *operands)


def _formatted(b: Builder, place: Place, values: Sequence[ast.FormattedValue]) -> int:
    operands: list[int] = []
    for value in values:
        _formatted_value(b, value, operands)
    return b.emit(Operation(*place, -1, "f", operands), *operands)


def _formatted_value(b: Builder, node: ast.FormattedValue, operands: list[int]) -> None:
    operands.append(expression(b, node.value))
    if node.format_spec is not None:
        for inner in node.format_spec.values:  # type: ignore[attr-defined]
            if type(inner) is ast.FormattedValue:
                _formatted_value(b, inner, operands)


# --- operators


def _unary(b: Builder, node: ast.UnaryOp) -> int:
    operand = expression(b, node.operand)
    op = OPERATORS[type(node.op)]
    value = b.nodes[operand]
    if op == "-" and isinstance(value, Const) and isinstance(value.value, (int, float)) and value.kind != "bool":
        # a negative number is a literal to a reader
        start, end = b.span(node)
        value.start, value.end, value.value = start, end, -value.value
        return operand
    return b.emit(Operation(*b.span(node), -1, op, [operand]), operand)


def _binary(b: Builder, node: ast.BinOp) -> int:
    # an explicit stack: a sum may have thousands of terms
    chain = [node]
    while type(chain[-1].left) is ast.BinOp:
        chain.append(chain[-1].left)
    left = expression(b, chain[-1].left)
    for part in reversed(chain):
        right = expression(b, part.right)
        left = b.emit(Operation(*b.span(part), -1, OPERATORS[type(part.op)], [left, right]), left, right)
    return left


def _is_plain(b: Builder, node: Any) -> bool:
    """Whether evaluating it calls nothing, awaits nothing and binds nothing, seen at a glance."""
    kind = type(node)
    if kind is ast.Name:
        return True
    if kind is ast.Constant:
        return node.value is not ... and (not isinstance(node.value, (str, bytes)) or b.places.is_one_text(node))
    if kind is ast.Attribute:
        return _is_plain(b, node.value)
    if kind is ast.Compare:
        return _is_plain(b, node.left) and all(_is_plain(b, comparator) for comparator in node.comparators)
    return kind is ast.UnaryOp and _is_plain(b, node.operand)


def _boolean(b: Builder, node: ast.BoolOp) -> int:
    kind = type(node.op)
    op = OPERATORS[kind]
    terms: list[ast.expr] = []
    current: ast.expr = node
    while type(current) is ast.BoolOp and type(current.op) is kind:
        terms += current.values[:0:-1]
        current = current.values[0]
    terms.append(current)
    terms.reverse()
    operands: list[int] = [expression(b, terms[0])]
    join = -1
    for term in terms[1:]:
        if not _is_plain(b, term):
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


def _comparison(b: Builder, node: ast.Compare) -> int:
    operands = [expression(b, node.left)]
    operators = []
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        operators.append(OPERATORS[type(op)])
        operands.append(expression(b, comparator))
    return b.emit(Operation(*b.span(node), -1, " ".join(operators), operands), *operands)


def _conditional(b: Builder, node: ast.IfExp) -> int:
    test = expression(b, node.test)
    if _is_plain(b, node.body) and _is_plain(b, node.orelse):
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


def arguments(b: Builder, given: Sequence[Any]) -> list[Arg]:
    """Lowers the arguments of a call, or the bases of a class."""
    lowered = []
    for arg in given:
        kind = type(arg)
        if kind is ast.keyword:
            value = arg.value
            name = arg.arg
            lowered.append(Arg(_HANDLERS[type(value)](b, value), name or "", 0 if name is not None else 2))
        elif kind is ast.Starred:
            lowered.append(Arg(expression(b, arg.value), "", 1))
        else:
            lowered.append(Arg(_HANDLERS[kind](b, arg)))
    return lowered


def _call(b: Builder, node: ast.Call) -> int:
    callee = node.func
    func = _HANDLERS[type(callee)](b, callee)
    args = arguments(b, b.places.arguments(node))
    start, end = b.span(node)
    nodes = b.nodes
    index = nodes[func].parent = len(nodes)
    for arg in args:
        nodes[arg.value].parent = index
    nodes.append(Call(start, end, -1, func, args, end - 1))
    return index


def _await(b: Builder, node: ast.Await) -> int:
    value = expression(b, node.value)
    return b.emit(Await(*b.span(node), -1, value), value)


def _yield(b: Builder, node: ast.Yield | ast.YieldFrom) -> int:
    b.function.is_generator = True
    value = expression(b, node.value) if node.value is not None else -1
    return b.emit(Yield(*b.span(node), -1, value, type(node) is ast.YieldFrom), value)


def _subscript(b: Builder, node: ast.Subscript) -> int:
    value = expression(b, node.value)
    index = _index(b, node)
    return b.emit(Subscript(*b.span(node), -1, value, index), value, index)


def _index(b: Builder, node: ast.Subscript) -> int:
    given = b.places.parts(node)
    if len(given) == 1:
        return _slice(b, given[0])
    parts = [_slice(b, part) for part in given]
    return b.emit(Display(*b.span(node), -1, "tuple", parts, []), *parts)


def _slice(b: Builder, node: Any) -> int:
    if type(node) is ast.Slice:
        place: Place = b.places.of_slice(node)
        operands = [expression(b, part) for part in (node.lower, node.upper, node.step) if part is not None]
        return b.emit(Operation(*place, -1, ":", operands), *operands)
    if type(node) is ast.Starred:
        value = expression(b, node.value)
        return b.emit(Starred(*b.span(node), -1, value), value)
    return expression(b, node)


def _walrus(b: Builder, node: ast.NamedExpr) -> int:
    value = expression(b, node.value)
    # it binds in the function around, past any comprehension
    name = node.target.id
    if b.names_differ:
        b.places.check_name(node.target, name)
    target = b.emit(Store(*b.span(node.target), -1, name))
    b.bind(name, target)
    return b.emit(Assign(*b.span(node), -1, [target], value, -1, ":="), target, value)


# --- displays


def _display(b: Builder, node: Any) -> int:
    items = [_element(b, element) for element in node.elts]
    return b.emit(Display(*place_of(b, node), -1, type(node).__name__.lower(), items, []), *items)


def _element(b: Builder, element: ast.expr) -> int:
    if type(element) is ast.Starred:
        value = expression(b, element.value)
        return b.emit(Starred(*b.span(element), -1, value), value)
    return expression(b, element)


def _dict(b: Builder, node: ast.Dict) -> int:
    keys: list[int] = []
    items: list[int] = []
    for key, value in zip(node.keys, node.values, strict=True):
        keys.append(expression(b, key) if key is not None else -1)
        items.append(expression(b, value))
    return b.emit(Display(*b.span(node), -1, "dict", items, keys), *items, *keys)


# --- scopes


_COMPREHENSIONS: dict[type, str] = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}


def _comprehension(b: Builder, node: Any) -> int:
    span = place_of(b, node)
    outer = b.open_region(RegionKind.COMPREHENSION, span)
    saved = b.region
    b.scopes.append({})
    headers: list[tuple[int, int]] = []
    place: Place
    for clause, place in zip(node.generators, b.places.clauses(node), strict=True):
        iterable = expression(b, clause.iter)
        region = outer if not headers else b.open_region(RegionKind.COMPREHENSION, span)
        b.region = region
        header = b.block()
        b.go(header)
        b.regions[region].entry = header
        target = store(b, clause.target)
        index = b.emit(Iterate(*place, -1, iterable, target, bool(clause.is_async)), iterable, target)
        b.regions[region].node = index
        after = b.block()
        body = b.block()
        b.link(body)
        b.link(after)
        headers.append((header, after))
        b.begin(body)
        for condition in clause.ifs:
            value = expression(b, condition)
            b.emit(Test(*place_of(b, condition), -1, "filter", value), value)
            kept = b.block()
            b.link(kept)
            b.link(header)
            b.begin(kept)
    if type(node) is ast.DictComp:
        elements = [expression(b, node.key), expression(b, node.value)]
    else:
        elements = [expression(b, node.elt)]
    kind = _COMPREHENSIONS.get(type(node), "generator")
    while headers:
        header, after = headers.pop()
        b.link(header)
        b.region = b.regions[b.region].parent if headers else saved
        b.begin(after)
    b.scopes.pop()
    return b.emit(Comprehension(*span, -1, kind, elements, outer), *elements)


def _lambda(b: Builder, node: ast.Lambda) -> int:
    params = parameters(b, node.args)
    span = b.span(node)
    name = "<lambda>"
    owner = b.function.qualname
    place = place_of(b, node.body)
    child = Builder(
        b.module,
        name=name,
        qualname=f"{owner}.{name}" if owner else name,
        kind=FunctionKind.LAMBDA,
        is_async=False,
        parent=b.index,
        span=span,
        head=place[0],
    )
    child.stand_in(b.places)
    adopt(child, params)
    own = {param.name for param in params}
    child.scopes = [{name: to for name, to in scope.items() if name not in own} for scope in b.scopes]
    value = expression(child, node.body)
    child.emit(Return(*place, -1, value), value)
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


def parameters(b: Builder, node: ast.arguments) -> list[Param]:
    """Lowers parameters: defaults and annotations are evaluated in the enclosing function."""
    found: list[Param] = []
    for arg, kind, given in b.places.parameters(node):
        start, end = b.places.param(arg)
        default = expression(b, given) if given is not None else -1
        hint = annotation(b, arg.annotation) if arg.annotation is not None else -1
        found.append(Param(arg.arg, kind, start, end, default, hint))
    return found


def annotation(b: Builder, node: ast.expr) -> int:
    """Lowers an annotation; a quoted one as what it says, standing where the quotes stand."""
    if type(node) is ast.Constant and type(node.value) is str and not b.places.is_quoted and b.places.is_one_text(node):
        text = clean(node.value) if not b.places.has_returns else text_of(b.places.literals(node)[0][0])[1]
        if text and len(text) < TEXT_LIMIT:
            quoted = _quoted(text.strip(), b.span(node))
            if quoted is not None:
                outer = b.places
                b.stand_in(quoted[0])
                try:
                    return expression(b, quoted[1])
                finally:
                    b.stand_in(outer)
    return expression(b, node)


_LONGEST_ANNOTATION = 1_000
"""Characters. What is longer is no type, and might be too much for a parser."""

_SURE = frozenset({ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr, ast.Load, ast.List})
"""What every annotation is made of, and CPython tells all of."""


def _quoted(text: str, place: Place) -> tuple[Any, Any] | None:
    """An expression that is written in quotes, and where its nodes stand; None if it is none."""
    if len(text) > _LONGEST_ANNOTATION:
        return None
    tree = parsed(text, "eval")
    if tree is not None:
        places = Quoted(Places(text), place)
        if text.isascii() and all(type(node) in _SURE for node in ast.walk(tree.body)):
            return places, tree.body
        try:
            # whether all is sure is known when it is lowered
            expression(_trial(places), tree.body)
            return places, tree.body
        except UnsureError:
            pass
    if nesting_of(text).is_risky:
        return None
    from cancelcheck.lower.whole import quoted_expression

    return quoted_expression(text, place)


def _trial(places: Any) -> Builder:
    """A function that nobody keeps."""
    return Builder(
        ModuleBuilder(places, "", False),
        name="",
        qualname="",
        kind=FunctionKind.MODULE,
        is_async=False,
        parent=-1,
        span=(0, 0),
        head=0,
    )


# --- targets


def store(b: Builder, node: Any) -> int:
    """Lowers an assignment target."""
    kind = type(node)
    if kind is ast.Name:
        name = node.id
        if b.names_differ:
            b.places.check_name(node, name)
        if b.scopes:
            # while a comprehension is open, only its own targets are stored: a walrus binds by another way
            name = b.scopes[-1].setdefault(name, b.mangle(name))
        start, end = b.span(node)
        nodes = b.nodes
        index = len(nodes)
        nodes.append(Store(start, end, -1, name))
        b.bind(name, index)
        return index
    if kind is ast.Attribute:
        value = expression(b, node.value)
        if b.names_differ:
            b.places.check_end(node, node.attr)
        return b.emit(StoreAttr(*b.span(node), -1, value, node.attr), value)
    if kind is ast.Subscript:
        value = expression(b, node.value)
        position = _index(b, node)
        return b.emit(StoreItem(*b.span(node), -1, value, position), value, position)
    if kind is ast.Tuple or kind is ast.List:
        items = []
        for element in node.elts:
            if type(element) is ast.Starred:
                item = store(b, element.value)
                item = b.emit(Starred(*b.span(element), -1, item), item)
            else:
                item = store(b, element)
            items.append(item)
        return b.emit(Unpack(*place_of(b, node), -1, items), *items)
    return expression(b, node)


Handler = Callable[[Builder, Any], int]


class _Table(dict[type, Handler]):
    def __missing__(self, kind: type) -> Handler:
        raise UnsureError


_HANDLERS = _Table(
    {
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Constant: _constant,
        ast.JoinedStr: _joined,
        ast.UnaryOp: _unary,
        ast.BinOp: _binary,
        ast.BoolOp: _boolean,
        ast.Compare: _comparison,
        ast.IfExp: _conditional,
        ast.Call: _call,
        ast.Await: _await,
        ast.Yield: _yield,
        ast.YieldFrom: _yield,
        ast.Subscript: _subscript,
        ast.NamedExpr: _walrus,
        ast.Tuple: _display,
        ast.List: _display,
        ast.Set: _display,
        ast.Dict: _dict,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.DictComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.Lambda: _lambda,
        OtherExpression: _other,
    }
)
