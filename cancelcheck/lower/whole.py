"""What LibCST has read, as a tree of CPython's own classes: where the interpreter's parser cannot read a text, or does
not tell enough of it. So there is one lowering, whoever has read the text.

A node bears its place (`Known` says it), and what CPython's own node would leave to be read off the text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import libcst as cst

from cancelcheck.lower.expressions import OPERATORS, TEXT_LIMIT, OtherExpression, text_of
from cancelcheck.lower.parsing import parse
from cancelcheck.lower.places import Place
from cancelcheck.lower.spans import Everywhere, Spans
from cancelcheck.lower.statements import InvalidError, OtherStatement, TypeAlias
from cancelcheck.model.facts import ParamKind


class UnreadableError(Exception):
    """LibCST cannot read a text: the `line` (1-based), and the `reason`, a sentence for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def whole(text: str, *, deep: bool) -> tuple[list[ast.stmt], Known]:
    """The statements of a text, and where they stand. Raises `UnreadableError`."""
    # LibCST drops a leading form feed
    shift = len(text) - len(text.lstrip("\f"))
    try:
        tree = parse(text[shift:], deep=deep)
    except cst.ParserSyntaxError as error:
        raise UnreadableError(error.raw_line, f"cannot be parsed: {_reason(error)}") from None
    except (ValueError, cst.CSTValidationError) as error:
        raise UnreadableError(1, f"cannot be parsed: {error}") from None
    spans = Spans(tree, text, shift)
    reader = _Reader(spans.where, spans)
    body = [made for statement in tree.body for made in reader.statements(statement)]
    return body, Known(spans.exact, reader.suites)


def quoted_expression(text: str, place: Place) -> tuple[Known, ast.expr] | None:
    """An expression that is written in quotes, of which every node stands where they do; None if it is none."""
    try:
        tree = cst.parse_expression(text)
    except (cst.ParserSyntaxError, cst.CSTValidationError):
        return None
    reader = _Reader(Everywhere(place), None)
    return Known(True, reader.suites, is_quoted=True), reader.expression(tree)


def _reason(error: cst.ParserSyntaxError) -> str:
    return " ".join(error.message.split()).removeprefix("parser error: ").rstrip(".")


class Known:
    """The same questions as to `Places`: the nodes have the answers."""

    names_differ = False
    has_returns = False

    def __init__(self, exact: bool, suites: Mapping[int, Place], *, is_quoted: bool = False) -> None:
        self.exact = exact
        self.is_quoted = is_quoted
        self._suites = suites

    def span(self, node: Any) -> Place:
        """Where a node stands."""
        place: Place = node.place
        return place

    param = of_tuple = of_sequence = of_generator = of_slice = statement = span

    def capture(self, node: Any) -> Place:
        """Where the name stands that a pattern binds."""
        place: Place = node.name_place
        return place

    rest = capture

    def is_one_text(self, node: Any) -> bool:
        """Whether a text is written as one literal."""
        return bool(node.one)

    def literals(self, node: Any) -> Sequence[tuple[str, Place, list[Any] | None]]:
        """The literals that make up one text."""
        found: Sequence[tuple[str, Place, list[Any] | None]] = node.literals
        return found

    def clauses(self, node: Any) -> list[Place]:
        """Where the loops of a comprehension stand."""
        return [clause.place for clause in node.generators]

    def parts(self, node: Any) -> Sequence[Any]:
        """What stands in the brackets of a subscript."""
        found: Sequence[Any] = node.parts
        return found

    def arguments(self, node: Any) -> Sequence[Any]:
        """The arguments of a call, as they stand."""
        found: Sequence[Any] = node.args
        return found

    def parameters(self, node: Any) -> Iterator[tuple[Any, ParamKind, Any]]:
        """The parameters of a function, each with its default."""
        yield from node.args

    def suite(self, body: Sequence[Any]) -> Place:
        """Where the statements of a body stand."""
        return self._suites[id(body)]

    def is_elif(self, orelse: Sequence[Any]) -> bool:
        """Whether what follows the body of an `if` is one with a test of its own."""
        return bool(orelse) and getattr(orelse[0], "is_elif", False)

    def head(self, node: Any) -> int:
        """Where the colon of a definition ends."""
        found: int = node.head
        return found

    def except_end(self, node: Any, _kind: Place) -> int:
        """Where what a handler catches ends, with its closing parenthesis; -1 where it has none."""
        found: int = node.closed
        return found


def _make(kind: type[ast.AST], place: Place | None, **fields: Any) -> Any:
    # the constructor warns of what is left out
    made: Any = kind.__new__(kind)
    made.__dict__.update(fields)
    made.place = place
    return made


_WORDS: dict[str, Any] = {"None": None, "True": True, "False": False}

_OPERATORS: dict[str, type] = {
    "Add": ast.Add,
    "Subtract": ast.Sub,
    "Multiply": ast.Mult,
    "Divide": ast.Div,
    "FloorDivide": ast.FloorDiv,
    "Modulo": ast.Mod,
    "Power": ast.Pow,
    "MatrixMultiply": ast.MatMult,
    "LeftShift": ast.LShift,
    "RightShift": ast.RShift,
    "BitOr": ast.BitOr,
    "BitAnd": ast.BitAnd,
    "BitXor": ast.BitXor,
    "Minus": ast.USub,
    "Plus": ast.UAdd,
    "Not": ast.Not,
    "BitInvert": ast.Invert,
    "Equal": ast.Eq,
    "NotEqual": ast.NotEq,
    "LessThan": ast.Lt,
    "LessThanEqual": ast.LtE,
    "GreaterThan": ast.Gt,
    "GreaterThanEqual": ast.GtE,
    "In": ast.In,
    "NotIn": ast.NotIn,
    "Is": ast.Is,
    "IsNot": ast.IsNot,
    "And": ast.And,
    "Or": ast.Or,
}
"""CPython's operators by LibCST's names."""


def _operator(node: cst.CSTNode) -> Any:
    name = type(node).__name__.removesuffix("Assign")
    found = _OPERATORS.get(name)
    if found is None:
        # a LibCST newer than this
        found = _OPERATORS[name] = type(name, (ast.operator,), {})
        OPERATORS[found] = name
    return found()


Handler = Callable[["_Reader", Any], Any]


class _Reader:
    """Makes CPython's nodes of LibCST's. `suites` are the places of bodies, by identity."""

    def __init__(self, where: Mapping[int, Place], spans: Spans | None) -> None:
        self._where = where
        self._spans = spans
        self.suites: dict[int, Place] = {}

    def place(self, node: Any) -> Place:
        """Where a node of LibCST's stands."""
        return self._where[id(node)]

    def expression(self, node: Any) -> Any:
        """An expression."""
        handler: Handler = _EXPRESSIONS.get(type(node), _other)
        return handler(self, node)

    def optional(self, node: Any) -> Any:
        """An expression, if there is one."""
        return self.expression(node) if node is not None else None

    def suite(self, node: Any) -> list[Any]:
        """The statements of a body."""
        body = [made for statement in node.body for made in self.statements(statement)]
        self.suites[id(body)] = self.place(node)
        return body

    def statements(self, node: Any) -> Iterator[Any]:
        """The statements of a line, or the one with a body that a node is."""
        for statement in node.body if isinstance(node, cst.SimpleStatementLine) else (node,):
            handler: Handler = _STATEMENTS.get(type(statement), _other_statement)
            made = handler(self, statement)
            if made.place is None:
                made.place = self.place(statement)
            yield made

    def orelse(self, node: cst.Else | None) -> list[Any]:
        """What follows an `else`."""
        return self.suite(node.body) if node is not None else []

    def head(self, body: Any) -> int:
        """Where the colon before a body ends."""
        assert self._spans is not None
        return self._spans.after_colon(body)


# --- expressions


def _other(r: _Reader, node: cst.CSTNode) -> Any:
    """All the expressions inside."""
    operands: list[Any] = []
    pending = list(reversed(node.children))
    while pending:
        child = pending.pop()
        if isinstance(child, cst.BaseExpression):
            operands.append(r.expression(child))
        elif not isinstance(child, (cst.BaseParenthesizableWhitespace, cst.BaseSuite, cst.BaseStatement)):
            pending.extend(reversed(child.children))
    return _make(OtherExpression, r.place(node), operands=operands)


def _name(r: _Reader, node: cst.Name) -> Any:
    if node.value in _WORDS:
        return _make(ast.Constant, r.place(node), value=_WORDS[node.value])
    return _make(ast.Name, r.place(node), id=node.value)


def _attribute(r: _Reader, node: cst.Attribute) -> Any:
    return _make(ast.Attribute, r.place(node), value=r.expression(node.value), attr=node.attr.value)


def _integer(r: _Reader, node: cst.Integer) -> Any:
    text = node.value
    try:
        number = int(text) if text.isdigit() else int(text.replace("_", ""), 0)
    except ValueError:
        # more digits than CPython converts, or a leading zero
        number = 2**63
    return _make(ast.Constant, r.place(node), value=number)


def _float(r: _Reader, node: cst.Float) -> Any:
    return _make(ast.Constant, r.place(node), value=float(node.value.replace("_", "")))


def _imaginary(r: _Reader, node: cst.Imaginary) -> Any:
    return _make(ast.Constant, r.place(node), value=0j)


def _ellipsis(r: _Reader, node: cst.Ellipsis) -> Any:
    return _make(ast.Constant, r.place(node), value=...)


def _string(r: _Reader, node: cst.SimpleString) -> Any:
    kind, value = text_of(node.value)
    return _make(ast.Constant, r.place(node), value=value if kind == "str" else b"", one=True)


def _concatenated(r: _Reader, node: cst.ConcatenatedString) -> Any:
    parts: list[Any] = []
    pending: list[cst.CSTNode] = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, cst.ConcatenatedString):
            pending += (part.right, part.left)
        else:
            parts.append(part)
    if len({"b" in part.prefix for part in parts}) > 1:
        raise InvalidError("Cannot concatenate string and bytes.")
    if all(isinstance(part, cst.SimpleString) for part in parts):
        texts = [text_of(part.value) for part in parts]
        value: str | bytes = "".join(text for _, text in texts)[:TEXT_LIMIT]
        if any(kind != "str" for kind, _ in texts):
            value = b""
        return _make(ast.Constant, r.place(node), value=value, one=False)
    literals = [
        (part.value, r.place(part), None)
        if isinstance(part, cst.SimpleString)
        else ("", r.place(part), _values(r, part.parts))
        for part in parts
    ]
    return _make(ast.JoinedStr, r.place(node), literals=literals)


def _formatted(r: _Reader, node: cst.FormattedString) -> Any:
    return _make(ast.JoinedStr, r.place(node), literals=[("", r.place(node), _values(r, node.parts))])


def _values(r: _Reader, parts: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for part in parts:
        inner = getattr(part, "expression", None)
        if inner is not None:
            value = r.expression(inner)
            given = getattr(part, "format_spec", None)
            spec = _make(ast.JoinedStr, None, values=_values(r, given)) if given else None
            found.append(_make(ast.FormattedValue, None, value=value, format_spec=spec))
    return found


def _unary(r: _Reader, node: cst.UnaryOperation) -> Any:
    return _make(ast.UnaryOp, r.place(node), op=_operator(node.operator), operand=r.expression(node.expression))


def _binary(r: _Reader, node: cst.BinaryOperation) -> Any:
    # a sum may have thousands of terms
    chain = [node]
    while isinstance(chain[-1].left, cst.BinaryOperation):
        chain.append(chain[-1].left)
    left = r.expression(chain[-1].left)
    for part in reversed(chain):
        left = _make(ast.BinOp, r.place(part), left=left, op=_operator(part.operator), right=r.expression(part.right))
    return left


def _boolean(r: _Reader, node: cst.BooleanOperation) -> Any:
    terms: list[Any] = []
    current: Any = node
    while type(current) is cst.BooleanOperation and type(current.operator) is type(node.operator):
        terms.append(current.right)
        current = current.left
    values = [r.expression(term) for term in (current, *reversed(terms))]
    return _make(ast.BoolOp, r.place(node), op=_operator(node.operator), values=values)


def _comparison(r: _Reader, node: cst.Comparison) -> Any:
    return _make(
        ast.Compare,
        r.place(node),
        left=r.expression(node.left),
        ops=[_operator(target.operator) for target in node.comparisons],
        comparators=[r.expression(target.comparator) for target in node.comparisons],
    )


def _conditional(r: _Reader, node: cst.IfExp) -> Any:
    return _make(
        ast.IfExp,
        r.place(node),
        test=r.expression(node.test),
        body=r.expression(node.body),
        orelse=r.expression(node.orelse),
    )


def _argument(r: _Reader, arg: cst.Arg) -> Any:
    value = r.expression(arg.value)
    if arg.keyword is not None:
        return _make(ast.keyword, None, arg=arg.keyword.value, value=value)
    if arg.star == "**":
        return _make(ast.keyword, None, arg=None, value=value)
    return _make(ast.Starred, None, value=value) if arg.star else value


def _call(r: _Reader, node: cst.Call) -> Any:
    return _make(ast.Call, r.place(node), func=r.expression(node.func), args=[_argument(r, arg) for arg in node.args])


def _await(r: _Reader, node: cst.Await) -> Any:
    return _make(ast.Await, r.place(node), value=r.expression(node.expression))


def _yield(r: _Reader, node: cst.Yield) -> Any:
    if isinstance(node.value, cst.From):
        return _make(ast.YieldFrom, r.place(node), value=r.expression(node.value.item))
    return _make(ast.Yield, r.place(node), value=r.optional(node.value))


def _subscript(r: _Reader, node: cst.Subscript) -> Any:
    return _make(
        ast.Subscript,
        r.place(node),
        value=r.expression(node.value),
        parts=[_slice(r, element.slice) for element in node.slice],
    )


def _slice(r: _Reader, node: Any) -> Any:
    if isinstance(node, cst.Index):
        value = r.expression(node.value)
        return _make(ast.Starred, r.place(node), value=value) if node.star else value
    return _make(
        ast.Slice,
        r.place(node),
        lower=r.optional(node.lower),
        upper=r.optional(node.upper),
        step=r.optional(node.step),
    )


def _walrus(r: _Reader, node: cst.NamedExpr) -> Any:
    return _make(ast.NamedExpr, r.place(node), target=r.expression(node.target), value=r.expression(node.value))


def _element(r: _Reader, element: cst.BaseElement) -> Any:
    value = r.expression(element.value)
    return _make(ast.Starred, r.place(element), value=value) if isinstance(element, cst.StarredElement) else value


def _display(kind: type[ast.AST]) -> Handler:
    def make(r: _Reader, node: Any) -> Any:
        return _make(kind, r.place(node), elts=[_element(r, element) for element in node.elements])

    return make


def _dict(r: _Reader, node: cst.Dict) -> Any:
    keys = [r.expression(part.key) if isinstance(part, cst.DictElement) else None for part in node.elements]
    return _make(ast.Dict, r.place(node), keys=keys, values=[r.expression(part.value) for part in node.elements])


def _clauses(r: _Reader, clause: cst.CompFor | None) -> list[Any]:
    found: list[Any] = []
    while clause is not None:
        found.append(
            _make(
                ast.comprehension,
                r.place(clause),
                target=r.expression(clause.target),
                iter=r.expression(clause.iter),
                ifs=[r.expression(condition.test) for condition in clause.ifs],
                is_async=clause.asynchronous is not None,
            )
        )
        clause = clause.inner_for_in
    return found


def _comprehension(kind: type[ast.AST]) -> Handler:
    def make(r: _Reader, node: Any) -> Any:
        generators = _clauses(r, node.for_in)
        if isinstance(node, cst.DictComp):
            return _make(
                kind, r.place(node), key=r.expression(node.key), value=r.expression(node.value), generators=generators
            )
        return _make(kind, r.place(node), elt=r.expression(node.elt), generators=generators)

    return make


def _lambda(r: _Reader, node: cst.Lambda) -> Any:
    return _make(ast.Lambda, r.place(node), args=_parameters(r, node.params), body=r.expression(node.body))


def _parameters(r: _Reader, node: cst.Parameters) -> Any:
    found: list[tuple[Any, ParamKind, Any]] = []

    def add(param: cst.Param, kind: ParamKind) -> None:
        hint = r.expression(param.annotation.annotation) if param.annotation is not None else None
        made = _make(ast.arg, r.place(param.name), arg=param.name.value, annotation=hint)
        found.append((made, kind, r.optional(param.default)))

    for param in node.posonly_params:
        add(param, ParamKind.POSITIONAL_ONLY)
    for param in node.params:
        add(param, ParamKind.PLAIN)
    if isinstance(node.star_arg, cst.Param):
        add(node.star_arg, ParamKind.VAR_POSITIONAL)
    for param in node.kwonly_params:
        add(param, ParamKind.KEYWORD_ONLY)
    if node.star_kwarg is not None:
        add(node.star_kwarg, ParamKind.VAR_KEYWORD)
    return _make(ast.arguments, None, args=found)


_EXPRESSIONS: dict[type, Handler] = {
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
    cst.Tuple: _display(ast.Tuple),
    cst.List: _display(ast.List),
    cst.Set: _display(ast.Set),
    cst.Dict: _dict,
    cst.ListComp: _comprehension(ast.ListComp),
    cst.SetComp: _comprehension(ast.SetComp),
    cst.DictComp: _comprehension(ast.DictComp),
    cst.GeneratorExp: _comprehension(ast.GeneratorExp),
    cst.Lambda: _lambda,
}


# --- statements


def _other_statement(r: _Reader, node: cst.CSTNode) -> Any:
    """What is evaluated in it, and the statements in it."""
    parts: list[Any] = []
    for child in node.children:
        if isinstance(child, cst.BaseExpression):
            parts.append(r.expression(child))
        elif isinstance(child, cst.BaseSuite):
            parts.append(r.suite(child))
        elif isinstance(child, (cst.BaseStatement, cst.BaseSmallStatement)):
            parts.append(list(r.statements(child)))
    return _make(OtherStatement, (0, 0), parts=parts)


def _expr(r: _Reader, node: cst.Expr) -> Any:
    return _make(ast.Expr, None, value=r.expression(node.value))


def _assign(r: _Reader, node: cst.Assign) -> Any:
    targets = [r.expression(target.target) for target in node.targets]
    return _make(ast.Assign, None, targets=targets, value=r.expression(node.value))


def _ann_assign(r: _Reader, node: cst.AnnAssign) -> Any:
    return _make(
        ast.AnnAssign,
        None,
        target=r.expression(node.target),
        annotation=r.expression(node.annotation.annotation),
        value=r.optional(node.value),
    )


def _aug_assign(r: _Reader, node: cst.AugAssign) -> Any:
    return _make(
        ast.AugAssign,
        None,
        target=r.expression(node.target),
        op=_operator(node.operator),
        value=r.expression(node.value),
    )


def _del(r: _Reader, node: cst.Del) -> Any:
    target = node.target
    parts = [element.value for element in target.elements] if isinstance(target, cst.Tuple) else [target]
    return _make(ast.Delete, None, targets=[r.expression(part) for part in parts])


def _assert(r: _Reader, node: cst.Assert) -> Any:
    return _make(ast.Assert, None, test=r.expression(node.test), msg=r.optional(node.msg))


def _return(r: _Reader, node: cst.Return) -> Any:
    return _make(ast.Return, None, value=r.optional(node.value))


def _raise(r: _Reader, node: cst.Raise) -> Any:
    cause = node.cause.item if node.cause is not None else None
    return _make(ast.Raise, None, exc=r.optional(node.exc), cause=r.optional(cause))


def _names(kind: type[ast.AST]) -> Handler:
    def make(_r: _Reader, node: Any) -> Any:
        return _make(kind, None, names=[item.name.value for item in node.names])

    return make


def _plain(kind: type[ast.AST]) -> Handler:
    def make(_r: _Reader, _node: Any) -> Any:
        return _make(kind, None)

    return make


def _dotted(node: cst.CSTNode) -> str:
    parts = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    assert isinstance(node, cst.Name)
    parts.append(node.value)
    return ".".join(reversed(parts))


def _aliases(names: Sequence[cst.ImportAlias]) -> list[Any]:
    return [
        _make(
            ast.alias,
            None,
            name=_dotted(alias.name),
            asname=_dotted(alias.asname.name) if alias.asname is not None else None,
        )
        for alias in names
    ]


def _import(_r: _Reader, node: cst.Import) -> Any:
    return _make(ast.Import, None, names=_aliases(node.names))


def _import_from(_r: _Reader, node: cst.ImportFrom) -> Any:
    if isinstance(node.names, cst.ImportStar):
        names = [_make(ast.alias, None, name="*", asname=None)]
    else:
        names = _aliases(node.names)
    module = _dotted(node.module) if node.module is not None else None
    return _make(ast.ImportFrom, None, module=module, names=names, level=len(node.relative))


def _type_alias(r: _Reader, node: cst.TypeAlias) -> Any:
    return _make(TypeAlias, None, name=r.expression(node.name), value=r.expression(node.value))


def _if(r: _Reader, node: cst.If) -> Any:
    chain: list[Any] = [node]
    while isinstance(chain[-1].orelse, cst.If):
        chain.append(chain[-1].orelse)
    below = r.orelse(chain[-1].orelse)
    made: Any = None
    for part in reversed(chain):
        made = _make(
            ast.If,
            r.place(part),
            test=r.expression(part.test),
            body=r.suite(part.body),
            orelse=below,
            is_elif=part is not node,
        )
        below = [made]
    return made


def _match(r: _Reader, node: cst.Match) -> Any:
    cases = [
        _make(
            ast.match_case,
            None,
            pattern=_pattern(r, case.pattern),
            guard=r.optional(case.guard),
            body=r.suite(case.body),
        )
        for case in node.cases
    ]
    return _make(ast.Match, None, subject=r.expression(node.subject), cases=cases)


def _named(r: _Reader, kind: type[ast.AST], node: Any, **fields: Any) -> Any:
    """A pattern that binds a name, if there is one."""
    name = node.name
    return _make(
        kind,
        r.place(node),
        name=name.value if name is not None else None,
        name_place=r.place(name) if name is not None else None,
        **fields,
    )


def _pattern(r: _Reader, node: Any) -> Any:
    if isinstance(node, cst.MatchAs):
        inner = _pattern(r, node.pattern) if node.pattern is not None else None
        return _named(r, ast.MatchAs, node, pattern=inner)
    if isinstance(node, cst.MatchStar):
        return _named(r, ast.MatchStar, node)
    if isinstance(node, cst.MatchOr):
        return _make(ast.MatchOr, r.place(node), patterns=[_pattern(r, part.pattern) for part in node.patterns])
    if isinstance(node, (cst.MatchValue, cst.MatchSingleton)):
        return _make(ast.MatchValue, r.place(node), value=r.expression(node.value))
    if isinstance(node, (cst.MatchList, cst.MatchTuple)):
        return _make(ast.MatchSequence, r.place(node), patterns=_patterns(r, node.patterns))
    if isinstance(node, cst.MatchMapping):
        keys = [
            _pattern(r, part.key) if isinstance(part.key, cst.MatchPattern) else r.expression(part.key)
            for part in node.elements
        ]
        return _make(
            ast.MatchMapping,
            r.place(node),
            keys=keys,
            patterns=[_pattern(r, part.pattern) for part in node.elements],
            rest=node.rest.value if node.rest is not None else None,
            name_place=r.place(node.rest) if node.rest is not None else None,
        )
    if isinstance(node, cst.MatchClass):
        return _make(
            ast.MatchClass,
            r.place(node),
            cls=r.expression(node.cls),
            patterns=_patterns(r, node.patterns),
            kwd_patterns=[_pattern(r, part.pattern) for part in node.kwds],
        )
    # a pattern newer than this
    return _make(ast.MatchOr, r.place(node), patterns=[])


def _patterns(r: _Reader, elements: Sequence[Any]) -> list[Any]:
    return [_pattern(r, part if isinstance(part, cst.MatchStar) else part.value) for part in elements]


def _while(r: _Reader, node: cst.While) -> Any:
    return _make(ast.While, None, test=r.expression(node.test), body=r.suite(node.body), orelse=r.orelse(node.orelse))


def _for(r: _Reader, node: cst.For) -> Any:
    return _make(
        ast.AsyncFor if node.asynchronous is not None else ast.For,
        None,
        target=r.expression(node.target),
        iter=r.expression(node.iter),
        body=r.suite(node.body),
        orelse=r.orelse(node.orelse),
    )


def _with(r: _Reader, node: cst.With) -> Any:
    items = [
        _make(
            ast.withitem,
            None,
            context_expr=r.expression(item.item),
            optional_vars=r.expression(item.asname.name) if item.asname is not None else None,
        )
        for item in node.items
    ]
    kind = ast.AsyncWith if node.asynchronous is not None else ast.With
    return _make(kind, None, items=items, body=r.suite(node.body))


def _try(r: _Reader, node: Any) -> Any:
    return _make(
        ast.TryStar if isinstance(node, cst.TryStar) else ast.Try,
        None,
        body=r.suite(node.body),
        handlers=[_handler(r, handler) for handler in node.handlers],
        orelse=r.orelse(node.orelse),
        finalbody=r.suite(node.finalbody.body) if node.finalbody is not None else [],
    )


def _handler(r: _Reader, node: Any) -> Any:
    closed = -1
    if node.type is not None and node.type.lpar and node.name is None:
        # with the closing parenthesis
        closed = r.head(node.body) - len(":") - len(getattr(node.whitespace_before_colon, "value", ""))
    return _make(
        ast.ExceptHandler,
        r.place(node),
        type=r.optional(node.type),
        name=node.name.name.value if node.name is not None else None,
        body=r.suite(node.body),
        closed=closed,
    )


def _function(r: _Reader, node: cst.FunctionDef) -> Any:
    return _make(
        ast.AsyncFunctionDef if node.asynchronous is not None else ast.FunctionDef,
        None,
        name=node.name.value,
        args=_parameters(r, node.params),
        body=r.suite(node.body),
        decorator_list=[r.expression(decorator.decorator) for decorator in node.decorators],
        returns=r.expression(node.returns.annotation) if node.returns is not None else None,
        head=r.head(node.body),
    )


def _class(r: _Reader, node: cst.ClassDef) -> Any:
    return _make(
        ast.ClassDef,
        None,
        name=node.name.value,
        bases=[_argument(r, base) for base in node.bases],
        keywords=[_argument(r, keyword) for keyword in node.keywords],
        body=r.suite(node.body),
        decorator_list=[r.expression(decorator.decorator) for decorator in node.decorators],
        head=r.head(node.body),
    )


_STATEMENTS: dict[type, Handler] = {
    cst.Expr: _expr,
    cst.Assign: _assign,
    cst.AnnAssign: _ann_assign,
    cst.AugAssign: _aug_assign,
    cst.Del: _del,
    cst.Assert: _assert,
    cst.Return: _return,
    cst.Raise: _raise,
    cst.Break: _plain(ast.Break),
    cst.Continue: _plain(ast.Continue),
    cst.Global: _names(ast.Global),
    cst.Nonlocal: _names(ast.Nonlocal),
    cst.Import: _import,
    cst.ImportFrom: _import_from,
    cst.Pass: _plain(ast.Pass),
    cst.TypeAlias: _type_alias,
    cst.If: _if,
    cst.Match: _match,
    cst.While: _while,
    cst.For: _for,
    cst.With: _with,
    cst.Try: _try,
    cst.TryStar: _try,
    cst.FunctionDef: _function,
    cst.ClassDef: _class,
}
