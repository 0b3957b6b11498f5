"""Names of modules and of what is in them: under which one a function can use them, and the edit that imports them.

A new import goes where isort and ruff would sort it: among the imports at the head of the file, by section (the
language's own, the standard library, other packages, this package), `import x` before `from x import y`; into the
`from x import …` that is there already, if one is. What stands under `if TYPE_CHECKING:` or in a `try` is not there
when the code runs, or not surely, and does not count.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.model.facts import Import, RegionKind
from cancelcheck.model.standard import STANDARD

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


class Access(NamedTuple):
    """How code can name a module, or something in one: `name`, once `edits` are made."""

    name: str
    edits: tuple[tuple[int, int, str], ...] = ()


def access_to(view: FunctionView, module: str) -> Access | None:
    """How a function can name a module (`asyncio`): by the name under which the file imports it, else by a new import.
    None where neither is possible."""
    known = _known(view, module)
    if known:
        return Access(known)
    top = module.partition(".")[0]
    if view.bindings(top).nodes:
        return None
    edit = _inserted(view, module, f"import {module}")
    return Access(module, (edit,)) if edit is not None else None


def access_to_member(view: FunctionView, module: str, name: str) -> Access | None:
    """How a function can name something in a module (`aclosing` in `contextlib`): by the name under which the file
    imports it, through the module where the file imports that, else by a new import. None where nothing is
    possible."""
    known = _known(view, f"{module}.{name}")
    if known:
        return Access(known)
    through = _known(view, module)
    if through:
        return Access(f"{through}.{name}")
    if view.bindings(name).nodes:
        found = access_to(view, module)
        return Access(f"{found.name}.{name}", found.edits) if found is not None else None
    edit = _merged(view, module, name)
    if edit is None:
        edit = _inserted(view, module, f"from {module} import {name}")
    return Access(name, (edit,)) if edit is not None else None


def _imports(view: FunctionView) -> list[tuple[int, Import]]:
    """The imports that always run when the file is loaded, in order."""
    body = view.module.body
    return [
        (index, node)
        for index, node in enumerate(body.nodes)
        if isinstance(node, Import) and body.regions[body.region_of(index)].kind is RegionKind.BODY
    ]


def _known(view: FunctionView, path: str) -> str:
    """The name under which the file imports a dotted path, where the function sees it so; "" if there is none."""
    for _, node in _imports(view):
        for local, target in node.names:
            if target == path and local != "*" and _means(view, local, path):
                return local
    return ""


def _means(view: FunctionView, name: str, path: str) -> bool:
    """Whether a name is bound by imports of that path alone, as the function sees it."""
    scope, nodes = view.bindings(name)
    return scope is not None and all(
        at >= 0 and isinstance(node := holder.nodes[at], Import) and (name, path) in node.names for holder, at in nodes
    )


# --- where an import belongs


class _Line(NamedTuple):
    """An import statement that has its lines to itself: offsets of its first line's begin and its last line's end, the
    module as it is written, and whether it is a `from … import`."""

    start: int
    end: int
    module: str
    is_from: bool


_STATEMENT = re.compile(r"(?:(?P<from>from)\s+(?P<source>[.\w\s]*?)\s*\bimport\b|import\s+(?P<plain>[\w.]+))")

_FUTURE, _STANDARD, _OTHER, _OWN, _RELATIVE = range(5)


def _head(view: FunctionView) -> list[_Line]:
    """The imports at the head of the file, before its first other statement; those that share a line with something
    else are left out."""
    body = view.module.body
    source = view.module.source
    imports = dict(_imports(view))
    found: list[_Line] = []
    for index, node in enumerate(body.nodes):
        if index not in imports:
            if node.parent < 0 and _is_statement(view, index):
                break
            continue
        match = _STATEMENT.match(source.text, node.start, node.end)
        first, column = source.position(node.start)
        last = source.position(node.end)[0]
        rest = source.text[node.end : _line_end(view, node.end)].strip()
        if match is None or column != 1 or (rest and not rest.startswith("#")):
            continue
        is_from = match["from"] is not None
        module = "".join((match["source"] if is_from else match["plain"]).split())
        begin = source.starts[first - 1]
        end = source.starts[last] if last < len(source.starts) else len(source.text)
        found.append(_Line(begin, end, module, is_from))
    return found


def _is_statement(view: FunctionView, index: int) -> bool:
    """Whether a node of the module's body is a statement that stands in its own right, in no branch or `try`."""
    body = view.module.body
    return body.regions[body.region_of(index)].kind is RegionKind.BODY


def _line_end(view: FunctionView, offset: int) -> int:
    source = view.module.source
    line = source.position(offset)[0]
    return source.starts[line] if line < len(source.starts) else len(source.text)


def _section(view: FunctionView, module: str) -> int:
    if module.startswith("."):
        return _RELATIVE
    top = module.partition(".")[0]
    if top == "__future__":
        return _FUTURE
    if top in STANDARD:
        return _STANDARD
    return _OWN if top == view.module.name.partition(".")[0] else _OTHER


def _inserted(view: FunctionView, module: str, statement: str) -> tuple[int, int, str] | None:
    """The edit that adds an import statement as a line of its own."""
    newline = view.module.source.newline
    lines = _head(view)
    section = _section(view, module)
    if not lines:
        return _at_the_top(view, statement)
    mine = [line for line in lines if _section(view, line.module) == section]
    is_from = statement.startswith("from ")
    if mine:
        # one that sorts by module alone mixes the two forms
        mixed = any(one.is_from and not other.is_from for one, other in pairwise(mine))

        def rank(line: _Line) -> tuple[bool, str]:
            return (line.is_from and not mixed, line.module.lower())

        wanted = (is_from and not mixed, module.lower())
        after = [line for line in mine if rank(line) <= wanted]
        place = after[-1].end if after else mine[0].start
        return _line_at(view, place, statement, newline)
    before = [line for line in lines if _section(view, line.module) < section]
    if before:
        place = before[-1].end
        edit = _line_at(view, place, newline + statement, newline)
        behind = view.module.source.text[place:]
        return (place, place, edit[2] + newline) if behind and not behind.startswith(("\n", "\r")) else edit
    place = lines[0].start
    return place, place, statement + newline + newline


def _line_at(view: FunctionView, place: int, statement: str, newline: str) -> tuple[int, int, str]:
    text = view.module.source.text
    if place == len(text) and text and not text.endswith(("\n", "\r")):
        return place, place, newline + statement
    return place, place, statement + newline


def statement_behind(view: FunctionView, statement: str) -> tuple[int, int, str] | None:
    """The edit that adds a statement of the module behind all imports at its head, those in a `try` or under
    `if TYPE_CHECKING:` among them."""
    source = view.module.source
    lines = _head(view)
    if not lines:
        return _at_the_top(view, statement)
    place = _behind_guarded(view, lines[-1].end)
    before = "" if source.text[:place].endswith(("\n", "\r")) else source.newline
    behind = source.text[place:]
    gap = source.newline if behind.strip() and not behind.startswith(("\n", "\r")) else ""
    return place, place, f"{before}{source.newline}{statement}{source.newline}{gap}"


_GUARD = re.compile(r"(?:try\b|if\s+(?:\w+\.)?TYPE_CHECKING\b)[^\r\n]*:")
_WITHIN = re.compile(r"[ \t]+\S|(?:except|else|finally|elif)\b|#|$")


def _behind_guarded(view: FunctionView, place: int) -> int:
    """Behind the imports that follow at an offset, guarded ones among them."""
    source = view.module.source
    at = {source.position(node.start)[0]: node for node in view.module.body.nodes if isinstance(node, Import)}
    line = source.position(place)[0] if place < len(source.text) else len(source.starts) + 1
    while line <= len(source.starts):
        text = source.line(line)
        if not text.strip() or text.startswith("#"):
            line += 1
            continue
        if line in at:
            line = source.position(at[line].end)[0] + 1
        elif _GUARD.match(text) is not None:
            first = line
            while line <= len(source.starts) and (line == first or _WITHIN.match(source.line(line))):
                line += 1
            if not any(inner in at for inner in range(first, line)):
                break
            while not source.line(line - 1).strip():
                line -= 1
        else:
            break
        place = source.starts[line - 1] if line <= len(source.starts) else len(source.text)
    return place


_TOP = re.compile(
    r"(?P<comments>(?:[ \t]*#[^\r\n]*(?:\r\n|\r|\n))*)(?:[ \t]*(?:\r\n|\r|\n))*"
    r"(?P<docstring>[rRuU]?(?P<quote>\"\"\"|\'\'\'|\"|\')(?:\\.|(?!(?P=quote)).)*(?P=quote)[ \t]*(?:\r\n|\r|\n))?",
    re.DOTALL,
)
"""How a file begins: comments, and its documentation."""


def _at_the_top(view: FunctionView, statement: str) -> tuple[int, int, str] | None:
    """The edit for a file that imports nothing at its head: behind its documentation, or the comments it begins
    with."""
    source = view.module.source
    match = _TOP.match(source.text)
    if match is None or _imports(view):
        return None  # imports that share their lines with something else
    if match["docstring"]:
        return match.end("docstring"), match.end("docstring"), source.newline + statement + source.newline
    place = match.end("comments")
    if place:
        return place, place, source.newline + statement + source.newline
    return 0, 0, statement + source.newline + source.newline


# --- one name more in an import that is there


_NAMES = re.compile(r"^(?P<head>from\s+[.\w]+\s+import\s*)(?P<open>\(?)(?P<names>[^#;\\]*?)(?P<close>\)?)$", re.DOTALL)

MAX_LINE = 88
"""The longest line that a merged import makes, where the file has none that is longer."""


def _merged(view: FunctionView, module: str, name: str) -> tuple[int, int, str] | None:
    """The edit that adds a name to the file's `from module import …`; None where there is none, or it has comments."""
    text = view.module.source.text
    for _, node in _imports(view):
        statement = text[node.start : node.end]
        match = _NAMES.match(statement)
        found = _STATEMENT.match(statement)
        if match is None or found is None or found["source"] != module or match["names"].strip() == "*":
            continue
        names = match["names"]
        parts = [part.strip() for part in names.split(",") if part.strip()]
        if not parts:
            continue
        at = next((place for place, part in enumerate(parts) if _order(part) > _order(name)), len(parts))
        parts.insert(at, name)
        newline = view.module.source.newline
        if "\n" in names or "\r" in names:
            indent = re.search(r"[\r\n]([ \t]+)\S", names)
            one_each = names.count("\n") >= len(parts) - 1
            if not one_each or indent is None:
                continue
            listed = "".join(f"{newline}{indent[1]}{part}," for part in parts)
            return node.start, node.end, f"{match['head']}({listed}{newline})"
        line = f"{match['head']}{match['open']}{', '.join(parts)}{match['close']}"
        longest = max(len(one) for one in text.splitlines())
        if len(line) > max(MAX_LINE, longest) and not match["open"]:
            listed = "".join(f"{newline}    {part}," for part in parts)
            line = f"{match['head'].rstrip()} ({listed}{newline})"
        return node.start, node.end, line
    return None


def _order(part: str) -> tuple[int, str]:
    """How a name sorts among those of one import: constants, then classes, then the rest."""
    name = part.split(maxsplit=1)[0]
    if name.isupper() and len(name) > 1:
        return 0, name.lower()
    return (1 if name[:1].isupper() else 2), name.lower()
