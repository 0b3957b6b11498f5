"""Lowers one file."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Callable

import libcst as cst

from cancelcheck.lower.builder import Builder, ModuleBuilder
from cancelcheck.lower.nesting import MAX_BRACKETS, MAX_DEPTH, nesting_of
from cancelcheck.lower.parsing import RECURSION_LIMIT, parse
from cancelcheck.lower.skeleton import Skeleton, UnsureError, parsed
from cancelcheck.lower.spans import Spans
from cancelcheck.lower.statements import suite
from cancelcheck.model.facts import FunctionKind, ModuleFacts
from cancelcheck.model.source import SourceFile


class LowerError(Exception):
    """A file that cannot be lowered: `line` (1-based) and `reason`, a sentence for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


Apart = Callable[[SourceFile], ModuleFacts]
"""Lowers one file in a process that can be ended."""


def lower_module(source: SourceFile, *, whole: bool = False, apart: Apart | None = None) -> ModuleFacts:
    """The facts of one file. Raises `LowerError` where it cannot be parsed, or is nested too deeply. With `whole`
    LibCST's parser reads it, also where the interpreter's would do. What that may be long over, or not survive, is
    given to `apart` where there is one."""
    enabled = gc.isenabled()
    limit = sys.getrecursionlimit()
    # the tree is large, has no garbage in it, and dies at once: collecting while it grows doubles the time
    gc.disable()
    try:
        # the interpreter's parser has limits of its own, and is sure not to overflow the stack while this one stands
        tree = None if whole else parsed(source.text)
        sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
        return _lower(source, tree, apart)
    except cst.CSTValidationError as error:
        raise LowerError(1, f"cannot be parsed: {error}") from None
    except RecursionError:
        raise LowerError(1, "is nested too deeply to be analysed") from None
    finally:
        sys.setrecursionlimit(limit)
        if enabled:
            gc.enable()


def _lower(source: SourceFile, tree: ast.Module | None, apart: Apart | None) -> ModuleFacts:
    if tree is not None:
        try:
            skeleton = Skeleton(source.text, tree)
            return _facts(source, skeleton, skeleton)
        except UnsureError:
            pass
    found = nesting_of(source.text)
    if found.brackets > MAX_BRACKETS:
        raise LowerError(
            found.line, f"has more than {MAX_BRACKETS} brackets inside each other: too many to be analysed"
        )
    if found.depth > MAX_DEPTH:
        raise LowerError(1, "is nested too deeply to be analysed")
    if found.is_risky and apart is not None:
        return apart(source)
    return _lower_whole(source, found.needs_stack)


def _lower_whole(source: SourceFile, deep: bool) -> ModuleFacts:
    """The facts of a file that LibCST itself has to read."""
    text = source.text
    # LibCST drops a leading form feed
    shift = len(text) - len(text.lstrip("\f"))
    try:
        tree = parse(text[shift:], deep=deep)
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
