"""Comments silence what they name, where they stand, and it is known which did."""

from __future__ import annotations

import pytest

from cancelcheck.engine.suppress import Suppressions, silencing_edit
from cancelcheck.fixing import apply_edits
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from cancelcheck.rules import RULES

CODES = frozenset(rule.code for rule in RULES)


def finding(line: int, end_line: int | None = None, code: str = "CAN101") -> Finding:
    return Finding("a.py", line, 1, end_line or line, 9, code, "lost-task", "f", "m", "h")


def read(text: str, *, noqa: bool = True) -> Suppressions:
    return Suppressions(SourceFile("a.py", text), RULES, noqa=noqa)


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# NoQA",
        "#  type: ignore # noqa",
        "# noqa: CAN101",
        "# noqa:can101",
        "# noqa: E501,CAN101",
        "# noqa: E501 CAN1 because",
        "# noqa: C",
        "# noqa: RUF006",
        "# noqa: E501, RUF006 kept by the loop",
        "# noqa: F841",
        "# noqa: because it is fine",
        "# cancelcheck: ignore",
        "# cancelcheck: ignore[lost-task]",
        "# cancelcheck:ignore[ CAN101 , CAN201 ] the loop keeps it",
        "# cancelcheck: ignore[can1]",
        "# cancelcheck: ignore[1xx]",
        "# cancelcheck: ignore[lost-cancel]",
        "# Cancelcheck: Ignore[lost-task]",
        "# pragma: no cover  # cancelcheck: ignore[lost-task]",
    ],
)
def test_a_comment_silences(comment: str) -> None:
    suppressions = read(f"first\nf()  {comment}\nlast\n")
    assert suppressions.silence(finding(2))
    assert not suppressions.silence(finding(1))
    assert not suppressions.silence(finding(3))


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: E501",
        "# noqa: RUF00",
        "# noqa: S113",
        "# noqa: CAN2",
        "# cancelcheck: ignore[swallowed-cancel]",
        "# cancelcheck: ignore[]",
        "# cancelcheck: ignored[lost-task]",
        "# see cancelcheck: it ignores nothing",
        "'# noqa'",
        '"""# cancelcheck: ignore[lost-task]"""',
        "noqa",
    ],
)
def test_a_comment_does_not_silence(comment: str) -> None:
    assert not read(f"f()  {comment}\n").silence(finding(1))


def test_a_comment_at_the_end_of_the_statement_counts() -> None:
    suppressions = read("f(\n  1,  # noqa: CAN201\n)  # noqa: CAN101\n")
    assert suppressions.silence(finding(1, 3))
    assert not suppressions.silence(finding(1, 2))
    assert not suppressions.silence(finding(1, 1))


def test_lines_that_a_string_or_a_backslash_joins_are_one() -> None:
    text = 'f("""\n# noqa\n""", 1)  # noqa: CAN101\nx = 1 + \\\n  f() + \\\n  2  # noqa\ng()\n'
    suppressions = read(text)
    assert suppressions.silence(finding(1))
    assert suppressions.silence(finding(2))
    assert suppressions.silence(finding(4))
    assert suppressions.silence(finding(5))
    assert not suppressions.silence(finding(7))


def test_a_whole_file() -> None:
    suppressions = read("f()\n# cancelcheck: ignore-file\n")
    assert suppressions.silence(finding(1))
    assert suppressions.silence(finding(99))
    some = read("f()\n# cancelcheck: ignore-file[lost-task]\n")
    assert some.silence(finding(1))
    assert not some.silence(finding(1, code="CAN201"))


def test_noqa_can_be_left_to_flake8() -> None:
    suppressions = read("f()  # noqa\ng()  # cancelcheck: ignore[lost-task]\n", noqa=False)
    assert not suppressions.silence(finding(1))
    assert suppressions.silence(finding(2))


def test_what_silenced_nothing_is_known() -> None:
    text = (
        "a()  # cancelcheck: ignore[lost-task, swallowed-cancel]\n"
        "b()  # noqa\n"
        "c()  # noqa: CAN101,E501\n"
        "d()  # noqa: E501\n"
        "e()  # cancelcheck: ignore\n"
        "f()  # cancelcheck: ignore[lost-tsk]\n"
        "g()  # cancelcheck: ignor[lost-task]\n"
        "h()  # cancelcheck: ignore[]\n"
        "i()  # noqa: CAN999\n"
        "# cancelcheck: ignore-file[CAN203]\n"
    )
    suppressions = read(text)
    assert suppressions.silence(finding(1))
    unused = [(directive.line, directive.column, problem) for directive, problem in suppressions.unused(CODES)]
    assert unused == [
        (1, 6, "`swallowed-cancel` silences nothing here"),
        (3, 6, "`CAN101` silences nothing here"),
        (5, 6, "silences nothing"),
        (6, 6, "`lost-tsk` is no rule; did you mean `lost-task`?"),
        (7, 6, "`ignor` is not understood: `ignore[…]` or `ignore-file` is meant"),
        (8, 6, "names no rule between its brackets"),
        (9, 6, "`CAN999` is no rule"),
        (10, 1, "`CAN203` silences nothing here"),
    ]


def test_a_rule_that_is_not_active_had_no_chance() -> None:
    suppressions = read("a()  # cancelcheck: ignore[lost-task]\n")
    assert list(suppressions.unused(CODES - {"CAN101"})) == []


@pytest.mark.parametrize(
    "line",
    [
        "x = 'it''s # noqa'",
        'x = "a \\" # noqa"',
        "x = r'\\' # noqa'",
        "x = b'# noqa'",
        "x = f'{y} # noqa'",
        "x = '''a ' '' # noqa'''",
        'x = """a "" \\""" # noqa"""',
    ],
)
def test_strings_hide_what_looks_like_a_comment(line: str) -> None:
    assert not read(f"{line}\n").silence(finding(1))
    assert read(f"{line}  # noqa\n").silence(finding(1))


def test_a_string_without_end_hides_nothing_below() -> None:
    assert read("x = 'open\nf()  # noqa\n").silence(finding(2))


def test_an_unused_argument_is_an_unused_timeout() -> None:
    suppressions = read("def f(\n    timeout,  # noqa: ARG001\n): ...\n")
    assert suppressions.silence(finding(2, code="CAN309"))
    assert not suppressions.silence(finding(2, code="CAN101"))


@pytest.mark.parametrize("code", ["ASYNC210", "ASYNC222", "ASYNC230", "ASYNC251"])
def test_what_others_say_of_blocking_calls_is_about_the_same_defect(code: str) -> None:
    suppressions = read(f"async def f():\n    g()  # noqa: {code}\n")
    assert suppressions.silence(finding(2, code="CAN406"))
    assert not suppressions.silence(finding(2, code="CAN401"))


def test_ruffs_names_are_heard_too() -> None:
    text = "f()  # ruff: ignore[asyncio-dangling-task]\ng()  # ruff:ignore[print, S113]\nh()  # ruff: ignore[print]\n"
    suppressions = read(text)
    assert suppressions.silence(finding(1))
    assert not suppressions.silence(finding(1, code="CAN401"))
    assert suppressions.silence(finding(2, code="CAN401"))
    assert not suppressions.silence(finding(2))
    assert not suppressions.silence(finding(3))
    assert not list(suppressions.unused(CODES))
    assert not read(text, noqa=False).silence(finding(1))


def test_mypy_is_heard_too() -> None:
    suppressions = read("f()  # type: ignore[unused-coroutine]\ng()  # type: ignore[arg-type]\n")
    assert suppressions.silence(finding(1, code="CAN112"))
    assert not suppressions.silence(finding(1, code="CAN101"))
    assert not suppressions.silence(finding(2, code="CAN112"))
    assert not list(suppressions.unused(CODES))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()\n", "f()  # cancelcheck: ignore[lost-task]\n"),
        ("f()   \r\ng()\n", "f()  # cancelcheck: ignore[lost-task]\r\ng()\n"),
        ("f()  # why\n", "f()  # why  # cancelcheck: ignore[lost-task]\n"),
        ("f()  # noqa: E501", "f()  # noqa: E501  # cancelcheck: ignore[lost-task]"),
        ("f()  # cancelcheck: ignore[busy-poll] why\n", "f()  # cancelcheck: ignore[busy-poll, lost-task] why\n"),
        ("f()  # cancelcheck: ignore[]\n", "f()  # cancelcheck: ignore[lost-task]\n"),
        # the first line ends within a string, or goes on below
        ('f("""\n""")\n', 'f("""\n""")  # cancelcheck: ignore[lost-task]\n'),
        ("f() + \\\n  g()\n", "f() + \\\n  g()  # cancelcheck: ignore[lost-task]\n"),
    ],
)
def test_a_comment_that_silences(before: str, after: str) -> None:
    source = SourceFile("a.py", before)
    # of those on several lines it is the last one
    lines = before.count("\n") if before.endswith(('""")\n', "g()\n")) and "\r" not in before else 1
    edit = silencing_edit(source, finding(1, lines), RULES)
    assert edit is not None
    assert apply_edits(before, [edit]) == after


def test_no_comment_where_there_is_no_place_for_one() -> None:
    text = 'f("""\n\n""")\n'
    assert silencing_edit(SourceFile("a.py", text), finding(1, 2), RULES) is None
