"""The report for people."""

from __future__ import annotations

from typing import Any

import pytest

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting import render
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.text import render_rule
from cancelcheck.rules import RULES
from tests.unit.reporting.sample import COLOR, REPORT


def test_text() -> None:
    assert render("text", REPORT) == (
        "b.py:1:1: CAN000 [internal-error] CAN101 lost-task failed\n"
        "  |\n"
        "1 | x = 1\n"
        "  | ^^^^^\n"
        "  = help: Report it.\n"
        "\n"
        "src/a b.py:4:2: CAN101 [lost-task] task `poll('日本')` is not kept: it can vanish, 100 %\n"
        "  |\n"
        "3 | async def serve():\n"
        "4 |     asyncio.create_task(\n"
        "  |     ^^^^^^^^^^^^^^^^^^^^\n"
        "  = help: Keep it.\n"
        "\n"
        "src/a b.py:8:7: CAN401 [http-without-timeout] `a` waits: forever, really\n"
        "  |\n"
        "6 |     )\n"
        "8 |     wait(a, b)\n"
        "  |          ^\n"
        "  = path: src/a b.py:8:2  `serve` calls `wait`\n"
        "  =       lib/x.py:1:1  `wait` has no timeout\n"
        "  = fix:  pass `timeout=10.0` (unsafe)\n"
        "\n"
    )


def test_wide_characters_are_marked_in_full() -> None:
    text = "f('日本', g())\n"
    finding = Finding("a.py", 1, 9, 1, 12, "CAN101", "lost-task", "lost-cancel", "m", "")
    shown = render("text", Report((finding,), sources={"a.py": SourceFile("a.py", text)}))
    # two characters take four cells, so that eight characters before take ten
    assert f"  | {' ' * 10}^^^\n" in shown


def test_colour_changes_nothing_but_colour() -> None:
    import re

    colored = render("text", REPORT, COLOR)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render("text", REPORT)


def test_markup_is_not_read() -> None:
    finding = Finding(
        "[bold]a.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "`x[red]` :smile: [/]", "[link=x]"
    )
    for color in (False, True):
        shown = render("text", Report((finding,)), Surroundings(color=color))
        assert "`x[red]` :smile: [/]" in shown
        assert "[link=x]" in shown


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_can_be_explained(rule: Any) -> None:
    shown = render_rule(rule)
    assert shown.startswith(f"{rule.code} {rule.name} (")
    assert rule.summary in shown
    assert rule.name in render_rule(rule, True)


def on(width: int, report: Report = REPORT) -> str:
    return render("text", report, Surroundings(width=width))


def cells(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(line)


def test_words_are_wrapped_where_the_terminal_ends() -> None:
    assert on(200) == render("text", REPORT)
    for width in (48, 60, 72):
        shown = on(width)
        assert max(cells(line) for line in shown.splitlines()) <= width
        # nothing is lost but spaces
        assert "".join(shown.split()).replace("=help:", "").replace("=fix:", "") == "".join(
            render("text", REPORT).split()
        ).replace("=help:", "").replace("=fix:", "")
    assert (
        "src/a b.py:4:2: CAN101 [lost-task] task\n    `poll('日本')` is not kept: it can\n    vanish, 100 %\n"
    ) in on(40)


def test_a_word_that_is_wider_than_the_terminal_stays_whole() -> None:
    finding = Finding("a.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", f"{'m' * 90} n", "")
    assert f"    {'m' * 90}\n    n\n" in on(40, Report((finding,)))


LONG = f"{'a' * 60}{'b' * 10}{'c' * 300}"


def frame(column: int, end: int, width: int | None, text: str = LONG) -> list[str]:
    finding = Finding("a.py", 1, column, 1, end, "CAN101", "lost-task", "lost-cancel", "m", "")
    report = Report((finding,), sources={"a.py": SourceFile("a.py", f"{text}\n")})
    return render("text", report, Surroundings(width=width)).splitlines()[2:4]


def test_the_mark_is_seen_on_a_long_line() -> None:
    assert frame(1, 3, 44) == [f"1 | {'a' * 39}…", "  | ^^"]
    assert frame(61, 71, 44) == ["1 | …" + "a" * 27 + "b" * 10 + "c…", "  | " + " " * 28 + "^" * 10]
    # a mark that has no room ends with the line
    assert frame(61, 300, 44) == ["1 | …" + "a" * 9 + "b" * 10 + "c" * 19 + "…", "  | " + " " * 10 + "^" * 30]
    # its last characters are all there is
    code, mark = frame(365, 371, 44)
    assert code.endswith("c" * 20)
    assert len(code) == len(mark) == 42
    assert mark.endswith(" ^^^^^^")
    # no terminal
    assert frame(61, 71, None) == [f"1 | {'a' * 60}{'b' * 10}{'c' * 89}…", f"  | {' ' * 60}{'^' * 10}"]


def test_wide_characters_on_a_long_line() -> None:
    code, mark = frame(41, 43, 44, "日" * 80)
    assert cells(code) <= 44
    assert code[4] == "…"
    # under the two characters, which are four columns wide
    assert mark.count("^") == 4
    assert cells(code[: code.index("…", 6)]) >= len(mark)


def test_a_line_before_is_cut_at_the_same_place() -> None:
    text = f"{'x' * 5}\n{LONG}\n"
    finding = Finding("a.py", 2, 61, 2, 71, "CAN101", "lost-task", "lost-cancel", "m", "")
    report = Report((finding,), sources={"a.py": SourceFile("a.py", text)})
    assert on(44, report).splitlines()[2] == "1 | "
