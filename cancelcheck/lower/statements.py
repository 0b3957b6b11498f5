"""Lowers statements, and with them the control flow: blocks, edges for exceptions and cancellations, regions.

A `finally` is lowered once, with all that may follow it as successors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from cancelcheck.lower.builder import Builder, Frame
from cancelcheck.lower.expressions import adopt, annotation, arguments, expression, operator, parameters, store, text_of
from cancelcheck.lower.skeleton import Skeleton
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


def suite(b: Builder, node: cst.BaseSuite | cst.Module | Skeleton) -> None:
    """Lowers the statements of a body."""
    for statement in node.body:
        if type(statement) is cst.SimpleStatementLine:
            for small in statement.body:
                _lower(b, small)
        else:
            _lower(b, statement)


def _lower(b: Builder, node: cst.CSTNode) -> None:
    handler = _HANDLERS.get(type(node))
    if handler is not None:
        handler(b, node)
        return
    # a statement newer than this table: what is evaluated in it still counts
    for child in node.children:
        if isinstance(child, cst.BaseExpression):
            expression(b, child)
        elif isinstance(child, (cst.BaseSuite, cst.BaseStatement, cst.BaseSmallStatement)):
            if isinstance(child, cst.BaseSuite):
                suite(b, child)
            else:
                _lower(b, child)


# --- simple statements


def _expr(b: Builder, node: cst.Expr) -> None:
    if type(node.value) is cst.SimpleString and text_of(node.value)[0] == "str":
        return  # a docstring, or a comment in disguise
    value = expression(b, node.value)
    start, end = b.where[id(node)]
    b.emit(Expr(start, end, -1, value), value)


def _assign(b: Builder, node: cst.Assign) -> None:
    value = expression(b, node.value)
    targets = [store(b, target.target) for target in node.targets]
    b.emit(Assign(*b.span(node), -1, targets, value, -1, ""), value, *targets)


def _ann_assign(b: Builder, node: cst.AnnAssign) -> None:
    hint = annotation(b, node.annotation.annotation)
    value = expression(b, node.value) if node.value is not None else -1
    target = store(b, node.target)
    b.emit(Assign(*b.span(node), -1, [target], value, hint, ""), value, target, hint)


def _aug_assign(b: Builder, node: cst.AugAssign) -> None:
    read = expression(b, node.target)
    value = expression(b, node.value)
    span = b.span(node)
    op = operator(node.operator)
    result = b.emit(Operation(*span, -1, op, [read, value]), read, value)
    target = store(b, node.target)
    b.emit(Assign(*span, -1, [target], result, -1, op), result, target)


def _del(b: Builder, node: cst.Del) -> None:
    parts = [element.value for element in node.target.elements] if isinstance(node.target, cst.Tuple) else [node.target]
    names = [part.value for part in parts if isinstance(part, cst.Name)]
    operands = [expression(b, part) for part in parts if not isinstance(part, cst.Name)]
    b.emit(Delete(*b.span(node), -1, names, operands), *operands)


def _assert(b: Builder, node: cst.Assert) -> None:
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


def _return(b: Builder, node: cst.Return) -> None:
    value = expression(b, node.value) if node.value is not None else -1
    b.emit(Return(*b.span(node), -1, value), value)
    b.leave("return", None)


def _raise(b: Builder, node: cst.Raise) -> None:
    exc = expression(b, node.exc) if node.exc is not None else -1
    cause = expression(b, node.cause.item) if node.cause is not None else -1
    b.emit(Raise(*b.span(node), -1, exc, cause), exc, cause)
    b.stop(BlockEnd.RAISE)


def _jump(b: Builder, node: cst.Break | cst.Continue) -> None:
    kind = "break" if isinstance(node, cst.Break) else "continue"
    for frame in reversed(b.frames):
        if frame.break_to >= 0:
            b.emit(Jump(*b.span(node), -1, kind, frame.region))
            b.leave(kind, frame)
            return


def _global(b: Builder, node: cst.Global) -> None:
    b.function.global_names += [item.name.value for item in node.names]


def _nonlocal(b: Builder, node: cst.Nonlocal) -> None:
    b.function.nonlocal_names += [item.name.value for item in node.names]


def _dotted(node: cst.CSTNode) -> str:
    parts = []
    while type(node) is cst.Attribute:
        parts.append(node.attr.value)
        node = node.value
    assert isinstance(node, cst.Name)
    parts.append(node.value)
    return ".".join(reversed(parts))


def _import(b: Builder, node: cst.Import) -> None:
    names = []
    for alias in node.names:
        path = _dotted(alias.name)
        if alias.asname is not None:
            assert isinstance(alias.asname.name, cst.Name)
            names.append((alias.asname.name.value, path))
        else:
            top = path.partition(".")[0]
            names.append((top, top))
        b.module.libraries.add(path.partition(".")[0])
    _bind_import(b, node, names)


def _import_from(b: Builder, node: cst.ImportFrom) -> None:
    path = b.module.absolute(len(node.relative), _dotted(node.module) if node.module is not None else "")
    names = []
    if isinstance(node.names, cst.ImportStar):
        names.append(("*", path))
    else:
        for alias in node.names:
            name = _dotted(alias.name)
            local = name
            if alias.asname is not None:
                assert isinstance(alias.asname.name, cst.Name)
                local = alias.asname.name.value
            names.append((local, f"{path}.{name}" if not path.endswith(".") else path + name))
    b.module.libraries.add(path.partition(".")[0])
    _bind_import(b, node, names)


def _bind_import(b: Builder, node: cst.CSTNode, names: list[tuple[str, str]]) -> None:
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


def _branch(b: Builder, value: int, kind: str, span: tuple[int, int], then: int, otherwise: int) -> None:
    """A test with its two edges; the one taken where it is true comes first."""
    b.emit(Test(*span, -1, kind, value), value)
    always, never = _truth(b, value)
    if not never:
        b.link(then)
    if not always:
        b.link(otherwise)


def _if(b: Builder, node: cst.If) -> None:
    after = b.block()
    current: cst.If | cst.Else | None = node
    saved = b.region
    while type(current) is cst.If:
        value = expression(b, current.test)
        then, otherwise = b.block(), b.block()
        _branch(b, value, "if", b.span(current.test), then, otherwise)
        b.region = b.open_region(RegionKind.BRANCH, b.span(current.body))
        b.begin(then)
        b.regions[b.region].entry = then
        suite(b, current.body)
        b.link(after)
        b.region = saved
        b.begin(otherwise)
        current = current.orelse
    if current is not None:
        b.enter(b.open_region(RegionKind.BRANCH, b.span(current.body)))
        suite(b, current.body)
        b.region = saved
    b.go(after)


def _match(b: Builder, node: cst.Match) -> None:
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
        index = b.emit(Test(*b.span(case.pattern), -1, "case", tested))
        if guard >= 0:
            b.nodes[guard].parent = index
        b.link(then)
        if not irrefutable or guard >= 0:
            b.link(otherwise)
        b.region = b.open_region(RegionKind.BRANCH, b.span(case.body))
        b.begin(then)
        b.regions[b.region].entry = then
        suite(b, case.body)
        b.link(after)
        b.region = saved
        b.begin(otherwise)
    b.go(after)


def _pattern(b: Builder, node: cst.CSTNode) -> bool:
    """Lowers a pattern: what it compares with, and what it binds. True where it takes anything."""
    if isinstance(node, cst.MatchAs):
        takes_all = node.pattern is None or _pattern(b, node.pattern)
        if node.name is not None:
            _capture(b, node.name)
        return takes_all
    if isinstance(node, cst.MatchStar):
        if node.name is not None:
            _capture(b, node.name)
        return True
    if isinstance(node, cst.MatchOr):
        alternatives = [_pattern(b, element.pattern) for element in node.patterns]  # all of them bind
        return any(alternatives)
    if isinstance(node, (cst.MatchValue, cst.MatchSingleton)):
        expression(b, node.value)
    elif isinstance(node, (cst.MatchList, cst.MatchTuple)):
        _patterns(b, node.patterns)
    elif isinstance(node, cst.MatchMapping):
        if node.rest is not None:
            _capture(b, node.rest)
        for element in node.elements:
            if isinstance(element.key, cst.MatchPattern):
                _pattern(b, element.key)
            else:
                expression(b, element.key)
            _pattern(b, element.pattern)
    elif isinstance(node, cst.MatchClass):
        expression(b, node.cls)
        _patterns(b, node.patterns)
        for keyword in node.kwds:
            _pattern(b, keyword.pattern)
    return False


def _patterns(b: Builder, elements: Sequence[cst.MatchSequenceElement | cst.MatchStar]) -> None:
    for element in elements:
        _pattern(b, element if isinstance(element, cst.MatchStar) else element.value)


def _capture(b: Builder, name: cst.Name) -> None:
    b.bind(name.value, b.emit(Store(*b.span(name), -1, name.value)))


# --- loops


def _loop_frame(b: Builder, span: tuple[int, int]) -> Frame:
    region = b.open_region(RegionKind.LOOP, span)
    frame = Frame(region, b.on_error)
    frame.break_to = b.block()
    return frame


def _finish_loop(b: Builder, frame: Frame, header: int, exhausted: int, orelse: cst.Else | None, saved: int) -> None:
    b.link(header)
    b.frames.pop()
    b.region = saved
    b.begin(exhausted)
    if orelse is not None:
        b.enter(b.open_region(RegionKind.LOOP_ELSE, b.span(orelse.body)))
        suite(b, orelse.body)
        b.region = saved
    b.go(frame.break_to)


def _while(b: Builder, node: cst.While) -> None:
    saved = b.region
    frame = _loop_frame(b, b.span(node))
    b.enter(frame.region)
    header = b.current
    frame.continue_to = header
    value = expression(b, node.test)
    body, exhausted = b.block(), b.block()
    b.regions[frame.region].node = len(b.nodes)
    _branch(b, value, "while", b.span(node.test), body, exhausted)
    b.frames.append(frame)
    b.begin(body)
    suite(b, node.body)
    _finish_loop(b, frame, header, exhausted, node.orelse, saved)


def _for(b: Builder, node: cst.For) -> None:
    saved = b.region
    iterable = expression(b, node.iter)
    frame = _loop_frame(b, b.span(node))
    b.enter(frame.region)
    header = b.current
    frame.continue_to = header
    target = store(b, node.target)
    start = b.span(node)[0]
    is_async = node.asynchronous is not None
    index = b.emit(Iterate(start, b.span(node.iter)[1], -1, iterable, target, is_async), iterable, target)
    b.regions[frame.region].node = index
    body, exhausted = b.block(), b.block()
    b.link(body)
    b.link(exhausted)
    b.frames.append(frame)
    b.begin(body)
    suite(b, node.body)
    _finish_loop(b, frame, header, exhausted, node.orelse, saved)


# --- with


def _with(b: Builder, node: cst.With) -> None:
    is_async = node.asynchronous is not None
    saved = (b.region, b.on_error)
    opened: list[tuple[Frame, int, int]] = []
    after = b.block()
    for item in node.items:
        context = expression(b, item.item)
        region = b.open_region(RegionKind.WITH, b.span(node))
        frame = Frame(b.region, b.on_error)
        start, end = b.span(item.item)
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
        if item.asname is not None:
            entered.target = store(b, item.asname.name)
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


def _try(b: Builder, node: cst.Try | cst.TryStar) -> None:
    outer_region, outer_error = b.region, b.on_error
    statement = b.open_region(RegionKind.TRY, b.span(node))
    b.region = statement
    after = b.block()
    final_frame: Frame | None = None
    escape = outer_error
    if node.finalbody is not None:
        final_frame = Frame(outer_region, outer_error)
        final_frame.final = b.block()
        b.live.add(final_frame.final)
        b.frames.append(final_frame)
        escape = final_frame.final
    join = final_frame.final if final_frame is not None else after
    dispatch = b.block() if node.handlers else -1

    b.on_error = dispatch if dispatch >= 0 else escape
    b.enter(b.open_region(RegionKind.PROTECTED, b.span(node.body)))
    suite(b, node.body)
    reaches_end = False

    b.on_error, b.region = escape, statement
    if node.orelse is not None:
        b.enter(b.open_region(RegionKind.ORELSE, b.span(node.orelse.body)))
        suite(b, node.orelse.body)
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
                raise cst.CSTValidationError("The bare except: handler must be the last one.")
            entry = b.block()
            b.link(entry, dispatch)
            entries.append(entry)
            catches_all |= handler.type is None
        b.blocks[dispatch].ends = BlockEnd.FLOW if catches_all else BlockEnd.RAISE
        for clause, entry in zip(node.handlers, entries, strict=True):
            _handler(b, clause, entry, statement, isinstance(node, cst.TryStar))
            reaches_end |= b.current in b.live
            b.link(join)
            b.region = statement

    b.region, b.on_error = outer_region, outer_error
    if final_frame is not None and node.finalbody is not None:
        b.frames.pop()
        b.region = statement
        b.begin(final_frame.final)
        region = b.open_region(RegionKind.FINALLY, b.span(node.finalbody.body))
        b.region = region
        b.blocks[final_frame.final].region = region
        b.regions[region].entry = final_frame.final
        suite(b, node.finalbody.body)
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


def _handler(b: Builder, node: Any, entry: int, statement: int, is_group: bool) -> None:
    start = b.span(node)[0]
    region = b.open_region(RegionKind.HANDLER, b.span(node))
    b.regions[region].entry = entry
    b.region = region
    b.begin(entry)
    kind = expression(b, node.type) if node.type is not None else -1
    end = b.nodes[kind].end if kind >= 0 else start + len("except")
    if node.type is not None and node.type.lpar and node.name is None:
        # with the closing parenthesis
        end = b.spans.after_colon(node.body) - len(":") - len(getattr(node.whitespace_before_colon, "value", ""))
    name = node.name.name.value if node.name is not None else ""
    index = b.emit(Except(start, end, -1, kind, name, is_group, region), kind)
    b.regions[region].node = index
    if name:
        b.bind(name, index)
    suite(b, node.body)


# --- definitions


def _decorators(b: Builder, decorators: Sequence[cst.Decorator]) -> list[int]:
    return [expression(b, decorator.decorator) for decorator in decorators]


def _qualname(b: Builder, name: str) -> str:
    return f"{b.function.qualname}.{name}" if b.function.qualname else name


def _is_stub(body: cst.BaseSuite) -> bool:
    """Whether a body says nothing: a docstring, `pass`, `...`, `raise NotImplementedError`."""
    for statement in body.body:
        smalls: Sequence[cst.CSTNode] = (
            statement.body if isinstance(statement, cst.SimpleStatementLine) else (statement,)
        )
        for small in smalls:
            if isinstance(small, cst.Pass):
                continue
            if isinstance(small, cst.Expr) and isinstance(
                small.value, (cst.SimpleString, cst.ConcatenatedString, cst.Ellipsis)
            ):
                continue
            if isinstance(small, cst.Raise) and small.exc is not None:
                exc = small.exc.func if isinstance(small.exc, cst.Call) else small.exc
                if isinstance(exc, cst.Name) and exc.value == "NotImplementedError":
                    continue
            return False
    return True


def _function(b: Builder, node: cst.FunctionDef) -> None:
    decorators = _decorators(b, node.decorators)
    params = parameters(b, node.params)
    returns = annotation(b, node.returns.annotation) if node.returns is not None else -1
    span = b.span(node)
    name = node.name.value
    child = Builder(
        b.module,
        name=name,
        qualname=_qualname(b, name),
        kind=FunctionKind.DEF,
        is_async=node.asynchronous is not None,
        parent=b.index,
        span=span,
        head=b.spans.after_colon(node.body),
    )
    child.function.decorators = decorators
    child.function.returns = returns
    child.function.is_stub = _is_stub(node.body)
    adopt(child, params)
    suite(child, node.body)
    child.finish()
    evaluated = [part for param in params for part in (param.default, param.annotation)]
    index = b.emit(
        Define(span[0], child.function.head, -1, name, child.index, decorators, []), *decorators, *evaluated, returns
    )
    child.function.define = index
    b.bind(name, index)


def _class(b: Builder, node: cst.ClassDef) -> None:
    decorators = _decorators(b, node.decorators)
    bases = arguments(b, (*node.bases, *node.keywords))
    span = b.span(node)
    name = node.name.value
    child = Builder(
        b.module,
        name=name,
        qualname=_qualname(b, name),
        kind=FunctionKind.CLASS,
        is_async=False,
        parent=b.index,
        span=span,
        head=b.spans.after_colon(node.body),
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


def _type_alias(b: Builder, node: cst.TypeAlias) -> None:
    value = expression(b, node.value)
    target = store(b, node.name)
    b.emit(Assign(*b.span(node), -1, [target], value, -1, ""), value, target)


def _nothing(b: Builder, node: cst.CSTNode) -> None:
    """`pass`."""


_HANDLERS: dict[type[cst.CSTNode], Callable[[Builder, Any], None]] = {
    cst.Expr: _expr,
    cst.Assign: _assign,
    cst.AnnAssign: _ann_assign,
    cst.AugAssign: _aug_assign,
    cst.Del: _del,
    cst.Assert: _assert,
    cst.Return: _return,
    cst.Raise: _raise,
    cst.Break: _jump,
    cst.Continue: _jump,
    cst.Global: _global,
    cst.Nonlocal: _nonlocal,
    cst.Import: _import,
    cst.ImportFrom: _import_from,
    cst.Pass: _nothing,
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
