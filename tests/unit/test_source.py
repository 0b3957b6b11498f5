"""A text without its comments is the same program."""

from __future__ import annotations

import ast

import pytest

from cancelcheck.model.source import code_of, uncommented
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


def _rejoined(code: str, text: str) -> str:
    """What `code_of` took apart at triple quotes, put together again."""
    parts = code.split("\0")
    outside, inside = parts[: len(parts) // 2 + 1], parts[len(parts) // 2 + 1 :]
    quotes = "'''" if "'''" in text else '"""'
    return outside[0] + "".join(
        f"{quotes}{literal}{quotes}{after}" for literal, after in zip(inside, outside[1:], strict=True)
    )


def test_what_stands_for_code_has_all_of_it() -> None:
    taken_apart = 0
    for file in sorted(FIXTURES.rglob("*.py")):
        try:
            text = file.read_text("utf-8")
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        code = code_of(text)
        taken_apart += "\0" in code
        assert ast.dump(ast.parse(_rejoined(code, text))) == ast.dump(tree), file
        assert code_of(f"# a\n\n{text}\n\n# b\n").rstrip("\n") == code.rstrip("\n"), file
    assert taken_apart > 100


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('x = """\n# a\n"""', 'x = """\n# b\n"""'),
        ("x = '''\n\n'''", "x = '''\n'''"),
        ('x = f"""{"""\n# a\n"""}"""\n', 'x = f"""{"""\n# b\n"""}"""\n'),
        ('x = \'"""\'\n# a\ny = \'"""\'\n', 'x = \'"""\'\ny = \'""" \'\n'),
        ('x = "a\\\n# b"', 'x = "a\\\n# c"'),
        ('x = "a\\\n"""\n\n"""\n\n"""', 'x = "a\\\n"""\n\n"""\n"""'),
        ('x = """a\\"""\n# b\n"""', 'x = """a\\"""\n# c\n"""'),
        ("x = 1 \\\n\n+2\n", "x = 1 \\\n+2\n"),
        ('x = "a" \'"""\' # """\n\ny = """\n\n"""', 'x = "a" \'"""\' # """\n\ny = """\n"""'),
    ],
)
def test_other_code_is_told_apart(one: str, other: str) -> None:
    assert code_of(one) != code_of(other)
