"""Lowers statements, and with them the control flow: blocks, edges for exceptions and cancellations, regions.

A `finally` is lowered once, with all that may follow it as successors.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from cancelcheck.lower.builder import Builder, Frame
from cancelcheck.lower.expressions import (
    OPERATORS,
    adopt,
    annotation,
    arguments,
    expression,
    parameters,
    place_of,
    store,
)
from cancelcheck.lower.places import Place, UnsureError
from cancelcheck.model.facts import (
    Assign,
    BlockEnd,
    Const,
    Define,
    Delete,
    Enter,
    Except,
    Expr,
    FunctionKind,
    Import,
    Iterate,
    Jump,
    Name,
    Operation,
    Raise,
    RegionKind,
    Return,
    Store,
    Test,
)


class InvalidError(Exception):
    """The text is no Python, though a parser takes it."""


class OtherStatement(ast.stmt):
    """A statement that nobody here knows (LibCST is newer than this): what is evaluated in it are its `parts`, of
    which statements are lists."""


def suite(b: Builder, body: Sequence[ast.stmt]) -> None:
    """Lowers the statements of a body."""
    for statement in body:
        _HANDLERS[type(statement)](b, statement)


def _other(b: Builder, node: Any) -> None:
    for part in node.parts:
        if isinstance(part, list):
            suite(b, part)
        else:
            expression(b, part)


# --- simple statements


def _expr(b: Builder, node: ast.Expr) -> None:
    inner = node.value
    if type(inner) is ast.Constant and type(inner.value) is str and b.places.is_one_text(inner):
        return  # a docstring, or a comment in disguise
    value = expression(b, inner)
    start, end = b.span(node)
    nodes = b.nodes
    nodes[value].parent = len(nodes)
    nodes.append(Expr(start, end, -1, value))


def _assign(b: Builder, node: ast.Assign) -> None:
    value = expression(b, node.value)
    targets = [store(b, target) for target in node.targets]
    start, end = b.span(node)
    b.emit(Assign(start, end, -1, targets, value, -1, ""), value, *targets)


def _ann_assign(b: Builder, node: ast.AnnAssign) -> None:
    hint = annotation(b, node.annotation)
    value = expression(b, node.value) if node.value is not None else -1
    target = store(b, node.target)
    b.emit(Assign(*b.span(node), -1, [target], value, hint, ""), value, target, hint)


def _aug_assign(b: Builder, node: ast.AugAssign) -> None:
    read = expression(b, node.target)
    value = expression(b, node.value)
    span = b.span(node)
    op = OPERATORS[type(node.op)]
    result = b.emit(Operation(*span, -1, op, [read, value]), read, value)
    target = store(b, node.target)
    b.emit(Assign(*span, -1, [target], result, -1, op), result, target)


def _del(b: Builder, node: ast.Delete) -> None:
    targets = node.targets
    parts = targets[0].elts if len(targets) == 1 and isinstance(targets[0], ast.Tuple) else targets
    if b.names_differ:
        for part in parts:
            if isinstance(part, ast.Name):
                b.places.check_name(part, part.id)
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    operands = [expression(b, part) for part in parts if not isinstance(part, ast.Name)]
    b.emit(Delete(*b.span(node), -1, names, operands), *operands)


def _assert(b: Builder, node: ast.Assert) -> None:
    value = expression(b, node.test)
    b.emit(Test(*b.span(node), -1, "assert", value), value)
    holds, fails = b.block(), b.block()
    always, never = _truth(b, value)
    if not never:
        b.link(holds)
    if not always:
        b.link(fails)
    b.begin(fails)
    if node.msg is not None:
        expression(b, node.msg)
    b.blocks[b.current].ends = BlockEnd.RAISE
    b.begin(holds)


def _return(b: Builder, node: ast.Return) -> None:
    value = expression(b, node.value) if node.value is not None else -1
    b.emit(Return(*b.span(node), -1, value), value)
    b.leave("return", None)


def _raise(b: Builder, node: ast.Raise) -> None:
    exc = expression(b, node.exc) if node.exc is not None else -1
    cause = expression(b, node.cause) if node.cause is not None else -1
    b.emit(Raise(*b.span(node), -1, exc, cause), exc, cause)
    b.stop(BlockEnd.RAISE)


def _jump(b: Builder, node: ast.Break | ast.Continue) -> None:
    kind = "break" if type(node) is ast.Break else "continue"
    for frame in reversed(b.frames):
        if frame.break_to >= 0:
            b.emit(Jump(*b.span(node), -1, kind, frame.region))
            b.leave(kind, frame)
            return


def _global(b: Builder, node: ast.Global) -> None:
    b.function.global_names += node.names


def _nonlocal(b: Builder, node: ast.Nonlocal) -> None:
    b.function.nonlocal_names += node.names


def _import(b: Builder, node: ast.Import) -> None:
    names = []
    for alias in node.names:
        path = alias.name
        top = path.partition(".")[0]
        names.append((alias.asname, path) if alias.asname is not None else (top, top))
        b.module.libraries.add(top)
    _bind_import(b, node, names)


def _import_from(b: Builder, node: ast.ImportFrom) -> None:
    path = b.module.absolute(node.level or 0, node.module or "")
    names = []
    for alias in node.names:
        name = alias.name
        if name == "*":
            names.append(("*", path))
        else:
            names.append((alias.asname or name, f"{path}.{name}" if not path.endswith(".") else path + name))
    b.module.libraries.add(path.partition(".")[0])
    _bind_import(b, node, names)


def _bind_import(b: Builder, node: ast.stmt, names: list[tuple[str, str]]) -> None:
    index = b.emit(Import(*b.span(node), -1, names))
    for name, _ in names:
        b.bind(name, index)


# --- branches


def _truth(b: Builder, value: int) -> tuple[bool, bool]:
    """Whether a test is always true, and whether it is never."""
    node = b.nodes[value]
    if isinstance(node, Const) and node.kind in ("bool", "int", "none"):
        return bool(node.value), not node.value
    if isinstance(node, Name) and node.id == "TYPE_CHECKING":
        return False, False
    return False, False


def _branch(b: Builder, value: int, kind: str, span: Place, then: int, otherwise: int) -> None:
    """A test with its two edges; the one taken where it is true comes first."""
    b.emit(Test(*span, -1, kind, value), value)
    always, never = _truth(b, value)
    if not never:
        b.link(then)
    if not always:
        b.link(otherwise)


def _if(b: Builder, node: ast.If) -> None:
    after = b.block()
    saved = b.region
    current: ast.If | None = node
    orelse: Sequence[ast.stmt] = ()
    while current is not None:
        value = expression(b, current.test)
        then, otherwise = b.block(), b.block()
        _branch(b, value, "if", place_of(b, current.test), then, otherwise)
        b.region = b.open_region(RegionKind.BRANCH, b.places.suite(current.body))
        b.begin(then)
        b.regions[b.region].entry = then
        suite(b, current.body)
        b.link(after)
        b.region = saved
        b.begin(otherwise)
        orelse = current.orelse
        current = orelse[0] if b.places.is_elif(orelse) else None  # type: ignore[assignment]
    if orelse:
        b.enter(b.open_region(RegionKind.BRANCH, b.places.suite(orelse)))
        suite(b, orelse)
        b.region = saved
    b.go(after)


def _match(b: Builder, node: ast.Match) -> None:
    subject = expression(b, node.subject)
    after = b.block()
    saved = b.region
    for case in node.cases:
        irrefutable = _pattern(b, case.pattern)
        if case.guard is not None:
            # the guard sees what the pattern has bound
            guard = expression(b, case.guard)
        else:
            guard = -1
        then, otherwise = b.block(), b.block()
        tested = guard if guard >= 0 else subject
        b.emit(Test(*_pattern_place(b, case.pattern), -1, "case", tested))
        if guard >= 0:
            b.nodes[guard].parent = len(b.nodes) - 1
        b.link(then)
        if not irrefutable or guard >= 0:
            b.link(otherwise)
        b.region = b.open_region(RegionKind.BRANCH, b.places.suite(case.body))
        b.begin(then)
        b.regions[b.region].entry = then
        suite(b, case.body)
        b.link(after)
        b.region = saved
        b.begin(otherwise)
    b.go(after)


def _pattern_place(b: Builder, node: ast.pattern) -> Place:
    found: Place = b.places.of_sequence(node) if type(node) is ast.MatchSequence else b.span(node)
    return found


def _pattern(b: Builder, node: Any) -> bool:
    """Lowers a pattern: what it compares with, and what it binds. True where it takes anything."""
    if isinstance(node, ast.MatchAs):
        takes_all = node.pattern is None or _pattern(b, node.pattern)
        if node.name is not None:
            _capture(b, node.name, b.places.capture(node))
        return takes_all
    if isinstance(node, ast.MatchStar):
        if node.name is not None:
            _capture(b, node.name, b.places.capture(node))
        return True
    if isinstance(node, ast.MatchOr):
        alternatives = [_pattern(b, element) for element in node.patterns]  # all of them bind
        return any(alternatives)
    if isinstance(node, ast.MatchValue):
        expression(b, node.value)
    elif isinstance(node, ast.MatchSingleton):
        value: Any = node.value
        b.emit(Const(*b.span(node), -1, "none" if value is None else "bool", value))
    elif isinstance(node, ast.MatchSequence):
        _patterns(b, node.patterns)
    elif isinstance(node, ast.MatchMapping):
        if node.rest is not None:
            _capture(b, node.rest, b.places.rest(node))
        for key, pattern in zip(node.keys, node.patterns, strict=True):
            if isinstance(key, ast.pattern):
                _pattern(b, key)
            else:
                expression(b, key)
            _pattern(b, pattern)
    elif isinstance(node, ast.MatchClass):
        expression(b, node.cls)
        _patterns(b, node.patterns)
        _patterns(b, node.kwd_patterns)
    else:
        raise UnsureError
    return False


def _patterns(b: Builder, elements: Sequence[ast.pattern]) -> None:
    for element in elements:
        _pattern(b, element)


def _capture(b: Builder, name: str, place: Place) -> None:
    b.bind(name, b.emit(Store(*place, -1, name)))


# --- loops


def _loop_frame(b: Builder, span: Place) -> Frame:
    region = b.open_region(RegionKind.LOOP, span)
    frame = Frame(region, b.on_error)
    frame.break_to = b.block()
    return frame


def _finish_loop(b: Builder, frame: Frame, header: int, exhausted: int, orelse: Sequence[ast.stmt], saved: int) -> None:
    b.link(header)
    b.frames.pop()
    b.region = saved
    b.begin(exhausted)
    if orelse:
        b.enter(b.open_region(RegionKind.LOOP_ELSE, b.places.suite(orelse)))
        suite(b, orelse)
        b.region = saved
    b.go(frame.break_to)


def _while(b: Builder, node: ast.While) -> None:
    saved = b.region
    frame = _loop_frame(b, b.places.statement(node))
    b.enter(frame.region)
    header = b.current
    frame.continue_to = header
    value = expression(b, node.test)
    body, exhausted = b.block(), b.block()
    b.regions[frame.region].node = len(b.nodes)
    _branch(b, value, "while", place_of(b, node.test), body, exhausted)
    b.frames.append(frame)
    b.begin(body)
    suite(b, node.body)
    _finish_loop(b, frame, header, exhausted, node.orelse, saved)


def _for(b: Builder, node: ast.For | ast.AsyncFor) -> None:
    saved = b.region
    iterable = expression(b, node.iter)
    span = b.places.statement(node)
    frame = _loop_frame(b, span)
    b.enter(frame.region)
    header = b.current
    frame.continue_to = header
    target = store(b, node.target)
    is_async = type(node) is ast.AsyncFor
    index = b.emit(Iterate(span[0], place_of(b, node.iter)[1], -1, iterable, target, is_async), iterable, target)
    b.regions[frame.region].node = index
    body, exhausted = b.block(), b.block()
    b.link(body)
    b.link(exhausted)
    b.frames.append(frame)
    b.begin(body)
    suite(b, node.body)
    _finish_loop(b, frame, header, exhausted, node.orelse, saved)


# --- with


def _with(b: Builder, node: ast.With | ast.AsyncWith) -> None:
    is_async = type(node) is ast.AsyncWith
    saved = (b.region, b.on_error)
    opened: list[tuple[Frame, int, int]] = []
    after = b.block()
    span = b.places.statement(node)
    for item in node.items:
        context = expression(b, item.context_expr)
        region = b.open_region(RegionKind.WITH, span)
        frame = Frame(b.region, b.on_error)
        start, end = place_of(b, item.context_expr)
        enter = b.emit(Enter(start, end, -1, context, -1, is_async, region), context)
        entered = b.nodes[enter]
        assert isinstance(entered, Enter)
        b.regions[region].node = enter
        frame.enter, frame.is_async = enter, is_async
        failed = b.block()
        opened.append((frame, enter, failed))
        b.frames.append(frame)
        b.on_error = failed
        b.live.add(failed)
        b.enter(region)
        if item.optional_vars is not None:
            entered.target = store(b, item.optional_vars)
            b.nodes[entered.target].parent = enter
    suite(b, node.body)
    for frame, enter, failed in reversed(opened):
        b.frames.pop()
        b.region, b.on_error = frame.region, frame.on_error
        b.cut()
        b.exit(enter, is_async, on_error=False)
        normal = b.current
        b.begin(failed)
        b.exit(enter, is_async, on_error=True)
        b.blocks[failed].ends = BlockEnd.RAISE
        joined = b.block()
        b.link(joined)
        b.link(joined, normal)
        b.begin(joined)
    b.region, b.on_error = saved
    b.go(after)


# --- try


def _try(b: Builder, node: ast.Try | ast.TryStar) -> None:
    outer_region, outer_error = b.region, b.on_error
    statement = b.open_region(RegionKind.TRY, b.places.statement(node))
    b.region = statement
    after = b.block()
    final_frame: Frame | None = None
    escape = outer_error
    if node.finalbody:
        final_frame = Frame(outer_region, outer_error)
        final_frame.final = b.block()
        b.live.add(final_frame.final)
        b.frames.append(final_frame)
        escape = final_frame.final
    join = final_frame.final if final_frame is not None else after
    dispatch = b.block() if node.handlers else -1

    b.on_error = dispatch if dispatch >= 0 else escape
    b.enter(b.open_region(RegionKind.PROTECTED, b.places.suite(node.body)))
    suite(b, node.body)
    reaches_end = False

    b.on_error, b.region = escape, statement
    if node.orelse:
        b.enter(b.open_region(RegionKind.ORELSE, b.places.suite(node.orelse)))
        suite(b, node.orelse)
        b.region = statement
    reaches_end |= b.current in b.live
    b.link(join)

    if dispatch >= 0:
        b.live.add(dispatch)
        b.begin(dispatch)
        catches_all = False
        entries: list[int] = []
        for handler in node.handlers:
            if catches_all:
                raise InvalidError("The bare except: handler must be the last one.")
            entry = b.block()
            b.link(entry, dispatch)
            entries.append(entry)
            catches_all |= handler.type is None
        b.blocks[dispatch].ends = BlockEnd.FLOW if catches_all else BlockEnd.RAISE
        for clause, entry in zip(node.handlers, entries, strict=True):
            _handler(b, clause, entry, statement, isinstance(node, ast.TryStar))
            reaches_end |= b.current in b.live
            b.link(join)
            b.region = statement

    b.region, b.on_error = outer_region, outer_error
    if final_frame is not None:
        b.frames.pop()
        b.region = statement
        b.begin(final_frame.final)
        region = b.open_region(RegionKind.FINALLY, b.places.suite(node.finalbody))
        b.region = region
        b.blocks[final_frame.final].region = region
        b.regions[region].entry = final_frame.final
        suite(b, node.finalbody)
        b.region = outer_region
        last = b.current
        if last in b.live:
            if reaches_end:
                _resume(b, last, "end")
                b.link(after)
            for kind, loop in final_frame.pending:
                _resume(b, last, kind)
                b.leave(kind, loop)
            again = _resume(b, last, "raise")
            b.blocks[again].ends = BlockEnd.RAISE
    b.begin(after)


def _resume(b: Builder, final: int, way: str) -> int:
    """Goes on behind a `finally`, in a block of its own for each way that leads through it."""
    block = b.block()
    b.link(block, final)
    b.begin(block)
    b.blocks[block].resumes = way
    return block


def _handler(b: Builder, node: ast.ExceptHandler, entry: int, statement: int, is_group: bool) -> None:
    start, last = b.places.statement(node)
    region = b.open_region(RegionKind.HANDLER, (start, last))
    b.regions[region].entry = entry
    b.region = region
    b.begin(entry)
    kind, end = -1, start + len("except")
    if node.type is not None:
        kind = expression(b, node.type)
        end = b.places.except_end(node, place_of(b, node.type))
        if end < 0:
            end = b.nodes[kind].end
    name = node.name or ""
    index = b.emit(Except(start, end, -1, kind, name, is_group, region), kind)
    b.regions[region].node = index
    if name:
        b.bind(name, index)
    suite(b, node.body)


# --- definitions


def _decorators(b: Builder, decorators: Sequence[ast.expr]) -> list[int]:
    return [expression(b, decorator) for decorator in decorators]


def _qualname(b: Builder, name: str) -> str:
    return f"{b.function.qualname}.{name}" if b.function.qualname else name


def _is_stub(b: Builder, body: Sequence[ast.stmt]) -> bool:
    """Whether a body says nothing: a docstring, `pass`, `...`, `raise NotImplementedError`."""
    for statement in body:
        if isinstance(statement, ast.Pass):
            continue
        if isinstance(statement, ast.Expr):
            value = statement.value
            if isinstance(value, ast.Constant) and (value.value is ... or isinstance(value.value, (str, bytes))):
                continue
            if isinstance(value, ast.JoinedStr) and len(b.places.literals(value)) > 1:
                continue
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            exc = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
            if isinstance(exc, ast.Name) and exc.id == "NotImplementedError":
                continue
        return False
    return True


def _function(b: Builder, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    decorators = _decorators(b, node.decorator_list)
    params = parameters(b, node.args)
    returns = annotation(b, node.returns) if node.returns is not None else -1
    span = b.places.statement(node)
    name = node.name
    child = Builder(
        b.module,
        name=name,
        qualname=_qualname(b, name),
        kind=FunctionKind.DEF,
        is_async=type(node) is ast.AsyncFunctionDef,
        parent=b.index,
        span=span,
        head=b.places.head(node),
    )
    child.function.decorators = decorators
    child.function.returns = returns
    child.function.is_stub = _is_stub(b, node.body)
    adopt(child, params)
    suite(child, node.body)
    child.finish()
    evaluated = [part for param in params for part in (param.default, param.annotation)]
    index = b.emit(
        Define(span[0], child.function.head, -1, name, child.index, decorators, []), *decorators, *evaluated, returns
    )
    child.function.define = index
    b.bind(name, index)


def _class(b: Builder, node: ast.ClassDef) -> None:
    decorators = _decorators(b, node.decorator_list)
    bases = arguments(b, (*node.bases, *node.keywords))
    span = b.places.statement(node)
    name = node.name
    child = Builder(
        b.module,
        name=name,
        qualname=_qualname(b, name),
        kind=FunctionKind.CLASS,
        is_async=False,
        parent=b.index,
        span=span,
        head=b.places.head(node),
    )
    child.function.decorators = decorators
    suite(child, node.body)
    child.finish()
    index = b.emit(
        Define(span[0], child.function.head, -1, name, child.index, decorators, bases),
        *decorators,
        *[base.value for base in bases],
    )
    child.function.define = index
    b.bind(name, index)


class TypeAlias(ast.stmt):
    """`type X = …`, as LibCST has read it."""


def _type_alias(b: Builder, node: Any) -> None:
    value = expression(b, node.value)
    target = store(b, node.name)
    b.emit(Assign(*b.span(node), -1, [target], value, -1, ""), value, target)


def _nothing(b: Builder, node: ast.Pass) -> None:
    """`pass`."""


class _Table(dict[type, Callable[[Builder, Any], None]]):
    def __missing__(self, kind: type) -> Callable[[Builder, Any], None]:
        raise UnsureError


_HANDLERS = _Table(
    {
        ast.Expr: _expr,
        ast.Assign: _assign,
        ast.AnnAssign: _ann_assign,
        ast.AugAssign: _aug_assign,
        ast.Delete: _del,
        ast.Assert: _assert,
        ast.Return: _return,
        ast.Raise: _raise,
        ast.Break: _jump,
        ast.Continue: _jump,
        ast.Global: _global,
        ast.Nonlocal: _nonlocal,
        ast.Import: _import,
        ast.ImportFrom: _import_from,
        ast.Pass: _nothing,
        TypeAlias: _type_alias,
        ast.If: _if,
        ast.Match: _match,
        ast.While: _while,
        ast.For: _for,
        ast.AsyncFor: _for,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.Try: _try,
        ast.TryStar: _try,
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
        OtherStatement: _other,
    }
)
