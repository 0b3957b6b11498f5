"""The same imports in other words: `import x`, `import x as y`, `from x import y`, `from x import y as z`.

Only imports are rewritten whose names mean the same thing in the whole file; one that is bound again, or stands in a
quoted annotation or a formatted text, is left as it is. Lines stay where they are.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cancelcheck.fixing import apply_edits
from cancelcheck.model.edit import Edit
from cancelcheck.model.source import line_starts
from tests.support.transforms import Variation, in_place

_Spelling = Callable[[ast.ImportFrom, ast.alias], str]


class Use(NamedTuple):
    """A place where a name is read: the name itself, and the attributes that are read of it, each with its end."""

    start: int
    name_end: int
    attributes: tuple[tuple[str, int, bool], ...]
    """Attribute, offset of its end, and whether it is only read."""


class Names:
    """What a file imports, binds and uses."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._starts = line_starts(text)
        self._lines = text.split("\n")
        self.imports: list[ast.Import] = []
        self.from_imports: list[ast.ImportFrom] = []
        self.bound: Counter[str] = Counter()
        """How often a name is bound by anything but an import."""
        self.imported: defaultdict[str, set[str]] = defaultdict(set)
        """What the imports bind a name to."""
        self.unsafe: set[str] = set()
        self.uses: defaultdict[str, list[Use]] = defaultdict(list)
        self._look()

    def offset(self, line: int, column: int) -> int:
        """The character offset of one of `ast`'s positions, whose columns count bytes of UTF-8."""
        before = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(before)

    def start(self, node: ast.stmt | ast.expr) -> int:
        """Where a node begins."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.stmt | ast.expr) -> int:
        """Where a node ends."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def _look(self) -> None:
        parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                parents[child] = node
            self._bindings(node)
            if isinstance(node, ast.JoinedStr):
                # Before 3.12 the positions in a formatted text are not those in the file.
                self.unsafe.update(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
            for quoted in _quoted_annotations(node):
                self.unsafe.update(inner.id for inner in ast.walk(quoted) if isinstance(inner, ast.Name))
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    self.uses[node.id].append(self._use(node, parents))
                else:
                    self.bound[node.id] += 1

    def _use(self, node: ast.Name, parents: dict[ast.AST, ast.AST]) -> Use:
        attributes = []
        current: ast.AST = node
        while isinstance(parent := parents[current], ast.Attribute):
            attributes.append((parent.attr, self.end(parent), isinstance(parent.ctx, ast.Load)))
            current = parent
        return Use(self.start(node), self.end(node), tuple(attributes))

    def _bindings(self, node: ast.AST) -> None:
        match node:
            case ast.Import():
                self.imports.append(node)
                for alias in node.names:
                    local = alias.asname or alias.name.partition(".")[0]
                    self.imported[local].add(alias.name if alias.asname else local)
            case ast.ImportFrom():
                self.from_imports.append(node)
                for alias in node.names:
                    self.imported[alias.asname or alias.name].add(f"{'.' * node.level}{node.module or ''}:{alias.name}")
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.bound[node.name] += 1
            case ast.arg():
                self.bound[node.arg] += 1
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                self.bound[node.name] += 1
            case ast.MatchMapping() if node.rest:
                self.bound[node.rest] += 1
            case ast.Global() | ast.Nonlocal():
                self.bound.update(node.names)

    def is_free(self, name: str) -> bool:
        """Whether nothing but one and the same import binds the name, and every use of it can be seen."""
        return not self.bound[name] and name not in self.unsafe and len(self.imported[name]) == 1

    def replaced(self, node: ast.Import | ast.ImportFrom, statements: Iterable[str]) -> Edit:
        """An edit that puts statements in the place of an import; its lines stay as many."""
        assert node.end_lineno is not None
        return Edit(self.start(node), self.end(node), "; ".join(statements) + "\n" * (node.end_lineno - node.lineno))


def _quoted_annotations(node: ast.AST) -> Iterator[ast.expr]:
    hints = [getattr(node, name, None) for name in ("annotation", "returns")]
    if isinstance(node, ast.Call):
        # `cast("asyncio.Task", x)`, `TypeVar("T", bound="asyncio.Task")`
        hints += [*node.args, *(keyword.value for keyword in node.keywords)]
    for hint in hints:
        for inner in ast.walk(hint) if isinstance(hint, ast.AST) else ():
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                try:
                    yield ast.parse(inner.value.strip(), mode="eval").body
                except SyntaxError:
                    continue


def _changed(names: Names, edits: list[Edit]) -> Variation | None:
    if not edits:
        return None
    return in_place(apply_edits(names.text, edits), names.text.count("\n") + 1)


def _parsed(text: str) -> Names | None:
    if "\r" in text or "\f" in text:
        return None
    try:
        return Names(text)
    except SyntaxError:
        return None


def _alone(names: Names, node: ast.stmt) -> bool:
    """Whether an import that spans lines ends its last one, so that blank lines may stand in its place."""
    return node.lineno == node.end_lineno or not names.text[names.end(node) :].split("\n", 1)[0].strip().startswith(";")


# --- import x --------------------------------------------------------------------------------------------------------


def _module_paths(names: Names) -> dict[str, set[str]]:
    """The modules that plain imports name, by their first part, where each of these may be rewritten."""
    paths: defaultdict[str, set[str]] = defaultdict(set)
    for node in names.imports:
        for alias in node.names:
            if alias.asname is None:
                paths[alias.name.partition(".")[0]].add(alias.name)
    return {top: found for top, found in paths.items() if names.is_free(top)}


def _longest(use: Use, top: str, paths: set[str]) -> tuple[str, int]:
    """The longest of the modules that a use goes through, and how many attributes that takes; "" if it is none."""
    best, depth, path = (top, 0, top) if top in paths else ("", 0, top)
    for number, (attribute, _, is_read) in enumerate(use.attributes, start=1):
        path = f"{path}.{attribute}"
        if path in paths and is_read:
            best, depth = path, number
    return best, depth


def from_imports(text: str) -> Variation | None:
    """`import asyncio` … `asyncio.sleep` becomes `from asyncio import sleep as _asyncio_sleep` … `_asyncio_sleep`."""
    names = _parsed(text)
    if names is None:
        return None
    edits: list[Edit] = []
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    rewritten: set[str] = set()
    for top, paths in _module_paths(names).items():
        inner: list[Edit] = []
        needs: list[tuple[str, str]] = []
        for use in names.uses[top]:
            path, depth = _longest(use, top, paths)
            if not path or depth >= len(use.attributes) or not use.attributes[depth][2]:
                break
            attribute, end, _ = use.attributes[depth]
            needs.append((path, attribute))
            inner.append(Edit(use.start, end, f"_{path.replace('.', '_')}_{attribute}"))
        else:
            if inner:
                edits += inner
                rewritten.add(top)
                for path, attribute in needs:
                    wanted[path].add(attribute)
    for node in names.imports:
        if any(alias.name.partition(".")[0] in rewritten and alias.asname is None for alias in node.names):
            edits.append(names.replaced(node, _from_statements(node, rewritten, wanted)))
    return _changed(names, edits)


def _from_statements(node: ast.Import, rewritten: set[str], wanted: dict[str, set[str]]) -> Iterator[str]:
    for alias in node.names:
        if alias.asname is not None:
            yield f"import {alias.name} as {alias.asname}"
        elif alias.name.partition(".")[0] not in rewritten or not wanted.get(alias.name):
            yield f"import {alias.name}"
        else:
            prefix = alias.name.replace(".", "_")
            parts = ", ".join(f"{attribute} as _{prefix}_{attribute}" for attribute in sorted(wanted[alias.name]))
            yield f"from {alias.name} import {parts}"


def aliased_modules(text: str) -> Variation | None:
    """`import asyncio` … `asyncio.sleep` becomes `import asyncio as _asyncio` … `_asyncio.sleep`."""
    names = _parsed(text)
    if names is None:
        return None
    edits: list[Edit] = []
    rewritten: set[str] = set()
    for top, paths in _module_paths(names).items():
        inner: list[Edit] = []
        for use in names.uses[top]:
            path, depth = _longest(use, top, paths)
            if not path:
                break
            end = use.attributes[depth - 1][1] if depth else use.name_end
            inner.append(Edit(use.start, end, f"_{path.replace('.', '_')}"))
        else:
            edits += inner
            rewritten.add(top)
    for node in names.imports:
        if not any(alias.asname is None and alias.name.partition(".")[0] in rewritten for alias in node.names):
            continue
        statements = [
            f"import {alias.name} as _{alias.name.replace('.', '_')}"
            if alias.asname is None and alias.name.partition(".")[0] in rewritten
            else f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
            for alias in node.names
        ]
        edits.append(names.replaced(node, statements))
    return _changed(names, edits)


# --- from x import y -------------------------------------------------------------------------------------------------


def module_imports(text: str) -> Variation | None:
    """`from asyncio import sleep` … `sleep` becomes `import asyncio` … `asyncio.sleep`."""
    names = _parsed(text)
    if names is None:
        return None

    def spelling(node: ast.ImportFrom, alias: ast.alias) -> str:
        top = (node.module or "").partition(".")[0]
        if node.level or not top or names.bound[top] or names.imported[top] - {top}:
            return ""
        return f"{node.module}.{alias.name}"

    return _rewritten(names, spelling, keeps_module=True)


def aliased_names(text: str) -> Variation | None:
    """`from asyncio import sleep` … `sleep` becomes `from asyncio import sleep as _sleep_1` … `_sleep_1`."""
    names = _parsed(text)
    if names is None:
        return None
    return _rewritten(names, lambda node, alias: f"_{alias.asname or alias.name}_1", keeps_module=False)


def _rewritten(names: Names, spelling: _Spelling, *, keeps_module: bool) -> Variation | None:
    """Rewrites the names of from-imports; `spelling` says how each is then called, "" to leave it."""
    edits: list[Edit] = []
    for node in names.from_imports:
        if node.module == "__future__" or node.names[0].name == "*" or not _alone(names, node):
            continue
        module = f"{'.' * node.level}{node.module or ''}"
        statements: list[str] = []
        before = len(edits)
        for alias in node.names:
            local = alias.asname or alias.name
            called = spelling(node, alias) if names.is_free(local) and names.uses[local] else ""
            if not called:
                statements.append(
                    f"from {module} import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                )
                continue
            statements.append(f"import {module}" if keeps_module else f"from {module} import {alias.name} as {called}")
            edits += [
                edit
                for edit in (Edit(use.start, use.name_end, called) for use in names.uses[local])
                if edit not in edits
            ]
        if len(edits) > before:
            edits.append(names.replaced(node, dict.fromkeys(statements)))
    return _changed(names, edits)
