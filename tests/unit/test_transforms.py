"""The transformations of the metamorphic tests change what they say, and nothing else."""

from __future__ import annotations

import ast

import pytest

from tests.support.imports import aliased_modules, aliased_names, from_imports, module_imports
from tests.support.transforms import (
    Transformation,
    comments_and_blanks,
    crlf,
    in_a_function,
    swaps,
    tabs,
    under_if_true,
)

PROGRAM = '''\
"""A docstring
that goes on."""
from __future__ import annotations

import asyncio, os.path
import concurrent.futures
from collections import (
    abc,
    deque as d,
)

# a comment of its own
@asyncio.coroutine
def f(x=(1,
  2)):
    # before
    if x: return asyncio.sleep(1)  # behind
    s = """
    text
"""
    return concurrent.futures.wait(s), os.path, d(abc.x)
'''


def changed(transform: Transformation, text: str = PROGRAM) -> str:
    variation = transform(text)
    assert variation is not None
    return variation.text


@pytest.mark.parametrize("transform", [crlf, tabs, comments_and_blanks, under_if_true])
def test_every_line_is_found_again(transform: Transformation) -> None:
    variation = transform(PROGRAM)
    assert variation is not None
    lines = variation.text.replace("\r", "").split("\n")
    for number, line in enumerate(PROGRAM.split("\n"), start=1):
        assert lines[variation.lines[number] - 1].strip().startswith(line.strip())


@pytest.mark.parametrize("transform", [crlf, tabs, comments_and_blanks])
def test_layout_keeps_the_program(transform: Transformation) -> None:
    assert ast.dump(ast.parse(changed(transform))) == ast.dump(ast.parse(PROGRAM))


def test_the_head_of_a_file_stays_where_it_is() -> None:
    tree = ast.parse(changed(under_if_true))
    assert [type(node) for node in tree.body] == [ast.Expr, ast.ImportFrom, ast.If]
    assert in_a_function(PROGRAM) is None
    nested = changed(in_a_function, "# nestable\nimport a\na.b()\n")
    assert nested == "# nestable\ndef _outer():\n    import a\n    a.b()\n"


def test_module_imports_become_from_imports() -> None:
    text = changed(from_imports)
    assert "from asyncio import coroutine as _asyncio_coroutine, sleep as _asyncio_sleep; import os.path" in text
    assert "from concurrent.futures import wait as _concurrent_futures_wait\n" in text
    assert "return _asyncio_sleep(1)" in text
    assert "return _concurrent_futures_wait(s), os.path, d(abc.x)" in text


def test_modules_get_another_name() -> None:
    text = changed(aliased_modules)
    assert "import asyncio as _asyncio; import os.path as _os_path" in text
    assert "return _concurrent_futures.wait(s), _os_path, d(abc.x)" in text


def test_from_imports_become_module_imports() -> None:
    text = changed(module_imports)
    assert "import collections\n\n\n\n" in text
    assert "collections.deque(collections.abc.x)" in text


def test_names_get_another_name() -> None:
    text = changed(aliased_names)
    assert "from collections import abc as _abc_1; from collections import deque as _d_1\n" in text
    assert "_d_1(_abc_1.x)" in text


@pytest.mark.parametrize(
    "text",
    [
        "import a\na.b()\na = 1\n",
        "import a\na.b()\nprint(a)\n",
        "import a\ndef f(a): a.b()\n",
        "import a\nx: 'a.b' = a.b()\n",
        "import a\nf'{a.b}'\n",
        "import a\na.b = 1\n",
        "import a.b\nimport a.c as a\na.b.d()\n",
    ],
)
def test_an_import_that_may_mean_something_else_is_left_alone(text: str) -> None:
    assert from_imports(text) is None


def test_frameworks_are_swapped_by_name() -> None:
    text = "# swap: anyio, trio\nimport asyncio\n\nasync with asyncio.timeout(5):\n    await asyncio.sleep(1)\n"
    found = {name: variation.text for name, variation in swaps(text)}
    assert found["trio"].endswith("import trio\n\nwith trio.fail_after(5):\n    await trio.sleep(1)\n")
    assert found["anyio"].endswith("import anyio\n\nwith anyio.fail_after(5):\n    await anyio.sleep(1)\n")
    assert swaps("import asyncio\n") == []


def test_a_name_without_counterpart_is_an_error() -> None:
    with pytest.raises(ValueError, match="no counterpart in trio"):
        swaps("# swap: trio\nimport asyncio\nasyncio.shield(f())\n")
