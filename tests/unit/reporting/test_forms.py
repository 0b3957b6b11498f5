"""What holds for every form, and the two that are a line each."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting import FORMS, render
from cancelcheck.reporting.printable import printable
from tests.unit.reporting.sample import EMPTY, REPORT


@pytest.mark.parametrize("form", FORMS)
def test_a_report_is_the_same_each_time_and_ends_its_line(form: str) -> None:
    shown = render(form, REPORT)
    assert shown == render(form, REPORT)
    assert shown.endswith("\n")
    assert not shown.endswith("\n\n") or form in ("text", "grouped")


@pytest.mark.parametrize("form", ["text", "concise", "grouped", "github"])
def test_nothing_to_report_is_nothing(form: str) -> None:
    assert render(form, EMPTY) == ""


def test_concise() -> None:
    assert render("concise", REPORT) == (
        "b.py:1:1: CAN000 CAN101 lost-task failed\n"
        "src/a b.py:4:2: CAN101 task `poll('日本')` is not kept: it can vanish, 100 %\n"
        "src/a b.py:8:7: CAN401 `a` waits: forever, really\n"
    )


def test_a_terminal_is_never_led_astray() -> None:
    evil = "x\x1b[31m\x07\u202e\r\n"
    finding = Finding(f"{evil}.py", 1, 1, 1, 5, "CAN101", "lost-task", "lost-cancel", f"`{evil}`", evil, "", ())
    report = Report((finding,), sources={finding.path: SourceFile(finding.path, f"'{evil}'\n")})
    for form in ("text", "concise", "grouped"):
        shown = render(form, report)
        assert not set("\x1b\x07\u202e\r") & set(shown)
        assert "x\ufffd[31m" in shown
    assert printable("a\tb é 日") == "a\tb é 日"


def test_grouped() -> None:
    assert render("grouped", REPORT) == (
        "b.py\n"
        "  1:1  CAN000  CAN101 lost-task failed\n"
        "\n"
        "src/a b.py\n"
        "  4:2  CAN101  task `poll('日本')` is not kept: it can vanish, 100 %\n"
        "  8:7  CAN401  `a` waits: forever, really\n"
        "\n"
    )


def test_every_form_has_a_module_that_is_imported_when_it_is_asked_for() -> None:
    code = (
        # an old msgspec imports json
        "import sys, msgspec; theirs = set(sys.modules); "
        "from cancelcheck.reporting import FORMS, render; from cancelcheck.engine.report import Report; "
        "before = [name for name in FORMS if f'cancelcheck.reporting.{name}' in sys.modules]; "
        "render('concise', Report(())); "
        "print(before, [name for name in FORMS if f'cancelcheck.reporting.{name}' in sys.modules], "
        "[name for name in ('rich', 'click', 'json', 'libcst') if name in sys.modules and name not in theirs])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] ['concise'] []\n"
