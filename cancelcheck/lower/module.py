"""Lowers one file."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cancelcheck.lower.builder import Builder, ModuleBuilder
from cancelcheck.lower.nesting import MAX_BRACKETS, MAX_DEPTH, nesting_of
from cancelcheck.lower.places import Places, UnsureError, parsed
from cancelcheck.lower.stack import RECURSION_LIMIT
from cancelcheck.lower.statements import InvalidError, suite
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
    except InvalidError as error:
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
            return facts_of(source, tree)
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


def facts_of(source: SourceFile, tree: ast.Module) -> ModuleFacts:
    """The facts of a file that the interpreter's parser has read. Raises `UnsureError` where it does not tell enough,
    `InvalidError`."""
    return _facts(source, tree.body, Places(source.text))


def _lower_whole(source: SourceFile, deep: bool) -> ModuleFacts:
    """The facts of a file that LibCST itself has to read."""
    # it takes a fifth of a second to import, and hardly a file needs it
    from cancelcheck.lower.whole import UnreadableError, whole

    try:
        body, places = whole(source.text, deep=deep)
    except UnreadableError as error:
        raise LowerError(error.line, error.reason) from None
    return _facts(source, body, places)


def _facts(source: SourceFile, body: Sequence[ast.stmt], places: Any) -> ModuleFacts:
    shared = ModuleBuilder(places, source.module, source.is_package)
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
    suite(builder, body)
    builder.finish()
    return ModuleFacts(
        module=source.module,
        is_package=source.is_package,
        exact=places.exact,
        functions=shared.functions,
        libraries=sorted(library for library in shared.libraries if library),
    )
