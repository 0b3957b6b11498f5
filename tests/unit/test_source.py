"""A text without its comments is the same program."""

from __future__ import annotations

import ast

import pytest

from cancelcheck.model.source import uncommented
from tests.support.sources import FIXTURES


def test_lines_of_comments_and_blank_lines_go() -> None:
    assert uncommented("# a\n\nx = 1  # b\n   # c\n\t\ny = '#'\n") == "x = 1  # b\ny = '#'"


@pytest.mark.parametrize(
    "text",
    [
        'x = """\n# a\n\n"""',
        "x = '''\n# a ''' + '''\n'''",
        'x = f"""\n# {a}\n"""',
        "x = 'a\\\n# b'",
        'x = "\'" + """\n# a\n"""',
        "x = (\n    1\n)",
    ],
)
def test_what_is_code_stays(text: str) -> None:
    assert uncommented(f"{text}\n# b\n") == text


def test_line_ends_are_one() -> None:
    assert uncommented("# a\rx = 1\r\n\ry = 2\r") == "x = 1\ny = 2"


@pytest.mark.parametrize("text", ["x = 1\0\n# a\n", 'x = f"""{"""\n# a\n"""}"""\n'])
def test_what_is_not_sure_stays_as_it_is(text: str) -> None:
    assert uncommented(text) == text


def test_it_is_the_same_program() -> None:
    seen = 0
    for file in sorted(FIXTURES.rglob("*.py")):
        try:
            text = file.read_text("utf-8")
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        assert ast.dump(ast.parse(uncommented(text))) == ast.dump(tree), file
        seen += 1
    assert seen > 100
