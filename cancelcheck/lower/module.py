"""Lowers one file."""

from __future__ import annotations

import gc
import re
import sys
import tokenize
from io import StringIO
from itertools import accumulate

import libcst as cst

from cancelcheck.lower.builder import Builder, ModuleBuilder
from cancelcheck.lower.parsing import parse
from cancelcheck.lower.skeleton import Skeleton, UnsureError
from cancelcheck.lower.spans import Spans
from cancelcheck.lower.statements import suite
from cancelcheck.model.facts import FunctionKind, ModuleFacts
from cancelcheck.model.source import SourceFile

MAX_BRACKETS = 200
"""Brackets that CPython itself lets stand inside each other (`MAXSTACK` in its tokenizer). LibCST's parser has no limit
of its own, and overflows the process's stack."""

RECURSION_LIMIT = 20_000
"""Python frames that code generation and lowering may use: an expression of 3,000 terms needs about 10,000."""

_BRACKETS = re.compile(r"[()\[\]{}]")
_STEPS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


class LowerError(Exception):
    """A file that cannot be lowered: `line` (1-based) and `reason`, a sentence for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def lower_module(source: SourceFile, *, whole: bool = False) -> ModuleFacts:
    """The facts of one file. Raises `LowerError` where it cannot be parsed, or is nested too deeply. With `whole`
    LibCST's parser reads it, also where the interpreter's would do."""
    _check_depth(source.text)
    enabled = gc.isenabled()
    limit = sys.getrecursionlimit()
    # the tree is large, has no garbage in it, and dies at once: collecting while it grows doubles the time
    gc.disable()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        return _lower_whole(source) if whole else _lower(source)
    except cst.CSTValidationError as error:
        raise LowerError(1, f"cannot be parsed: {error}") from None
    except RecursionError:
        raise LowerError(1, "the code is nested too deeply to be analysed") from None
    finally:
        sys.setrecursionlimit(limit)
        if enabled:
            gc.enable()


def _lower(source: SourceFile) -> ModuleFacts:
    try:
        skeleton = Skeleton(source.text)
        return _facts(source, skeleton, skeleton)
    except UnsureError:
        return _lower_whole(source)


def _lower_whole(source: SourceFile) -> ModuleFacts:
    """The facts of a file that LibCST itself has to read."""
    text = source.text
    # LibCST drops a leading form feed
    shift = len(text) - len(text.lstrip("\f"))
    try:
        tree = parse(text[shift:])
    except cst.ParserSyntaxError as error:
        raise LowerError(error.raw_line, f"cannot be parsed: {_reason(error)}") from None
    except ValueError as error:
        raise LowerError(1, f"cannot be parsed: {error}") from None
    return _facts(source, tree, Spans(tree, text, shift))


def _facts(source: SourceFile, tree: cst.Module | Skeleton, spans: Spans | Skeleton) -> ModuleFacts:
    shared = ModuleBuilder(spans, source.module, source.is_package)
    builder = Builder(
        shared,
        name=source.module.rpartition(".")[2],
        qualname="",
        kind=FunctionKind.MODULE,
        is_async=False,
        parent=-1,
        span=(0, len(source.text)),
        head=0,
    )
    suite(builder, tree)
    builder.finish()
    return ModuleFacts(
        module=source.module,
        is_package=source.is_package,
        exact=spans.exact,
        functions=shared.functions,
        libraries=sorted(library for library in shared.libraries if library),
    )


def _reason(error: cst.ParserSyntaxError) -> str:
    return " ".join(error.message.split()).removeprefix("parser error: ").rstrip(".")


def _check_depth(text: str) -> None:
    # nearly every file is through here: three times as fast as the loop below
    depths = list(accumulate(map(_STEPS.__getitem__, _BRACKETS.findall(text)), initial=0))
    if max(depths) - min(depths) <= MAX_BRACKETS:
        return
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth = depth + 1 if match.group() in "([{" else max(depth - 1, 0)
        if depth > MAX_BRACKETS:
            break
    else:
        return
    # brackets in texts and comments were counted too: look again, exactly
    depth = 0
    try:
        for token in tokenize.generate_tokens(StringIO(text).readline):
            if token.type == tokenize.OP and token.string in "([{":
                depth += 1
                if depth > MAX_BRACKETS:
                    raise LowerError(token.start[0], f"more than {MAX_BRACKETS} brackets stand inside each other")
            elif token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
    except (tokenize.TokenError, SyntaxError) as error:
        line = error.args[1][0] if len(error.args) > 1 else 1
        raise LowerError(line, f"cannot be parsed: {error.args[0]}") from None
