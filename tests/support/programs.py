"""A grammar that makes up Python programs with statements of every form, nested in each other.

The programs can be parsed; they need not make sense (`break` may stand outside a loop, `await` in a plain function): a
linter meets such files too.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

NAMES = st.sampled_from(
    ["a", "b", "task", "self", "asyncio", "lock", "tg", "ünïcode", "_", "timeout", "CancelledError"]
)

DOTTED = st.sampled_from(
    ["asyncio", "asyncio.timeout", "trio", "anyio", "contextlib", "concurrent.futures", "requests", "httpx", "x.y.z"]
)

CALLEES = st.sampled_from(
    [
        "asyncio.create_task",
        "asyncio.gather",
        "asyncio.shield",
        "asyncio.sleep",
        "asyncio.timeout",
        "asyncio.TaskGroup",
        "asyncio.wait",
        "asyncio.wait_for",
        "contextlib.suppress",
        "lock.acquire",
        "lock.release",
        "requests.get",
        "task.cancel",
        "time.sleep",
        "trio.open_nursery",
        "open",
        "f",
    ]
)

ATOMS = st.one_of(
    NAMES,
    CALLEES.map(lambda name: f"{name}()"),
    st.sampled_from(
        ["None", "True", "...", "0", "1.5", "-1", "0x_ff", "1e400", "2j", "''", "b'x'", "'é' 'b'", "[]", "()"]
    ),
    st.sampled_from(["f'{a!r:>{b}} {{}}'", "r'\\d'", "'''long\ntext'''", "f''", "asyncio.CancelledError"]),
)

BINARY = st.sampled_from(
    ["+", "-", "*", "@", "**", "//", "%", "<<", "|", "^", "&", "and", "or", "<", "is not", "not in"]
)


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    three = st.tuples(inner, inner, inner)
    return st.one_of(
        st.tuples(inner, BINARY, inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda e: f"not ({e})"),
        inner.map(lambda e: f"(await ({e}))"),
        inner.map(lambda e: f"({e}).attr"),
        two.map(lambda t: f"({t[0]})[{t[1]}]"),
        three.map(lambda t: f"({t[0]})[({t[1]}):({t[2]}), ...]"),
        st.tuples(CALLEES, inner, inner).map(lambda t: f"{t[0]}(\n  {t[1]}, *({t[2]}), timeout=({t[1]}), **kw)"),
        three.map(lambda t: f"(({t[0]}) if ({t[1]}) else ({t[2]}))"),
        two.map(lambda t: f"[{t[0]}, *({t[1]})]"),
        two.map(lambda t: f"{{({t[0]}): ({t[1]}), **({t[0]})}}"),
        two.map(lambda t: f"{{({t[0]}), ({t[1]})}}"),
        three.map(lambda t: f"[({t[0]}) for a in ({t[1]}) if ({t[2]}) for b, *_ in a]"),
        two.map(lambda t: f"{{a: ({t[0]}) async for a in ({t[1]})}}"),
        two.map(lambda t: f"{{({t[0]}) for self.x in ({t[1]})}}"),
        three.map(lambda t: f"f(({t[0]}) for a in ({t[1]}) if (b := ({t[2]})))"),
        two.map(lambda t: f"(lambda a, /, b=({t[0]}), *c, d, **e: ({t[1]}))"),
        inner.map(lambda e: f"(ünïcode := ({e}))"),
        inner.map(lambda e: f"(yield ({e}))"),
        inner.map(lambda e: f"(yield from ({e}))"),
        inner.map(lambda e: "f'{" + _without_quotes(e) + "=!s}'"),
    )


def _without_quotes(expression: str) -> str:
    """An expression that a formatted text can hold on every Python: no quotes, backslashes or line ends."""
    return expression if not set(expression) & set("'\"\\\n{") else "a"


EXPRESSIONS = st.recursive(ATOMS, _compound, max_leaves=5)

TARGETS = st.sampled_from(["a", "a.b", "a[0]", "a, b", "(a, *b)", "[a, [b, c.d]]", "ünïcode", "self.task"])

PATTERNS = st.sampled_from(
    [
        "_",
        "1 | -2",
        "'x' 'y'",
        "None",
        "[a, *_]",
        "(a, b.c)",
        "{'k': v, **rest}",
        "Point(x=0, y=[b])",
        "asyncio.CancelledError()",
        "[1, {'a': (b | _)}] as whole",
        "a",
    ]
)

PARAMETERS = st.sampled_from(
    ["", "self", "a, /, b: int = 1, *args, c, d='x', **kw", "*, timeout: 'float | None' = None", "a=(b := 1)"]
)


@st.composite
def programs(draw: Draw, max_depth: int = 3) -> str:
    """A whole module."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        lines.extend(_statement(draw, max_depth))
    return "\n".join(lines) + "\n"


def _body(draw: Draw, depth: int) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 2))):
        lines.extend(_statement(draw, depth - 1))
    return textwrap.indent("\n".join(lines), "    ", lambda _: True).split("\n")


def _statement(draw: Draw, depth: int) -> list[str]:
    if depth <= 0 or draw(st.integers(0, 2)) == 0:
        return _one_line(draw)
    lines: list[str] = draw(st.sampled_from(_COMPOUND))(draw, depth)
    return lines


def _expression(draw: Draw) -> str:
    text: str = draw(EXPRESSIONS)
    return text


def _maybe(draw: Draw, make: Callable[[], list[str]]) -> list[str]:
    return make() if draw(st.booleans()) else []


_ONE_LINE = st.sampled_from(
    [
        "{e}",
        "await {e}",
        "{target} = {e}",
        "a = {target} = {e}",
        "self.x: 'dict[str, {name}]' = {e}",
        "b: int",
        "a.b += {e}",
        "a[{e}] **= {e}",
        "assert {e}, {e}",
        "assert True",
        "raise {e} from {e}",
        "raise",
        "return {e}",
        "return",
        "yield {e}, {e}",
        "pass",
        "break",
        "continue",
        "global g, h",
        "del a, b.c, d[{e}]",
        "'''a docstring'''",
        "import {module}, os.path as p",
        "from {module} import {name} as y, z",
        "from .. import sibling",
        "from . import *",
        "{e}; {e}; x = 1",
        "type Alias[T] = list[T] | 'Other'",
    ]
)

_PLACES = re.compile(r"\{(\w+)\}")


def _one_line(draw: Draw) -> list[str]:
    makers: dict[str, Callable[[], str]] = {
        "e": lambda: f"({_expression(draw)})",
        "target": lambda: draw(TARGETS),
        "name": lambda: draw(NAMES),
        "module": lambda: draw(DOTTED),
    }
    return [_PLACES.sub(lambda match: str(makers[match[1]]()), draw(_ONE_LINE))]


def _test(draw: Draw) -> str:
    constant: str = draw(st.sampled_from(["True", "1", "False", "not 0", "", "", "", ""]))
    return constant or f"({_expression(draw)})"


def _if(draw: Draw, depth: int) -> list[str]:
    return [
        f"if {_test(draw)}:",
        *_body(draw, depth),
        *_maybe(draw, lambda: [f"elif ({_expression(draw)}):", *_body(draw, depth)]),
        *_maybe(draw, lambda: ["else:", *_body(draw, depth)]),
    ]


def _while(draw: Draw, depth: int) -> list[str]:
    return [f"while {_test(draw)}:", *_body(draw, depth), *_maybe(draw, lambda: ["else:", *_body(draw, depth)])]


def _for(draw: Draw, depth: int) -> list[str]:
    return [
        f"{draw(_ASYNC)}for {draw(TARGETS)} in ({_expression(draw)}):",
        *_body(draw, depth),
        *_maybe(draw, lambda: ["else:", *_body(draw, depth)]),
    ]


def _with(draw: Draw, depth: int) -> list[str]:
    count = draw(st.integers(1, 3))
    items = [f"({_expression(draw)}){draw(_WITH_TARGETS)}" for _ in range(count)]
    joined = ", ".join(items)
    return [f"{draw(_ASYNC)}with {draw(st.sampled_from([joined, f'({joined},)']))}:", *_body(draw, depth)]


def _try(draw: Draw, depth: int) -> list[str]:
    star = draw(st.sampled_from(["except", "except*"]))
    lines = ["try:", *_body(draw, depth)]
    handlers = draw(st.integers(0, 2))
    for _ in range(handlers):
        kind = draw(st.sampled_from(["ValueError", "asyncio.CancelledError as e", "(A, b.C) as ünïcode", "f(x)"]))
        lines += [f"{star} {kind}:", *_body(draw, depth)]
    if handlers and star == "except":
        lines += _maybe(draw, lambda: ["except:", *_body(draw, depth)])
    if handlers:
        lines += _maybe(draw, lambda: ["else:", *_body(draw, depth)])
    if not handlers or draw(st.booleans()):
        lines += ["finally:", *_body(draw, depth)]
    return lines


def _match(draw: Draw, depth: int) -> list[str]:
    lines = [f"match ({_expression(draw)}):"]
    for _ in range(draw(st.integers(1, 3))):
        guard = f" if ({_expression(draw)})" if draw(st.booleans()) else ""
        lines += [f"    case {draw(PATTERNS)}{guard}:", *(f"    {line}" for line in _body(draw, depth))]
    return lines


def _decorators(draw: Draw) -> list[str]:
    return [f"@{draw(CALLEES)}(a, b=1)" for _ in range(draw(st.integers(0, 2)))]


def _function(draw: Draw, depth: int) -> list[str]:
    returns = draw(st.sampled_from(["", " -> None", " -> 'list[int]'"]))
    typed = draw(st.sampled_from(["", "", "[T: int, *Ts, **P]"]))
    header = f"{draw(_ASYNC)}def {draw(NAMES)}{typed}({draw(PARAMETERS)}){returns}:"
    return [*_decorators(draw), header, *_body(draw, depth)]


def _class(draw: Draw, depth: int) -> list[str]:
    bases = draw(st.sampled_from(["", "()", "(Base, metaclass=Meta, **kw)", "[T](Generic[T])"]))
    return [*_decorators(draw), f"class {draw(NAMES)}{bases}:", *_body(draw, depth)]


_ASYNC = st.sampled_from(["", "async "])
_WITH_TARGETS = st.sampled_from(["", "", " as a", " as a.b", " as (a, b)", " as a[0]"])

_COMPOUND = [_if, _while, _for, _with, _try, _match, _function, _class]
