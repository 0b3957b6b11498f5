"""One report in each format: the form is checked against its schema, the content against the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import cancelcheck.reporting
from cancelcheck import __version__
from cancelcheck.engine.report import Report, RunError
from cancelcheck.model.edit import Edit, Fix, Safety
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting import REPORTERS
from cancelcheck.reporting.printable import printable
from cancelcheck.reporting.text import render_rule
from cancelcheck.rules import RULES

SUPPORT = Path(__file__).parents[1] / "support"

TEXT = "import asyncio\n\nasync def serve():\n\tasyncio.create_task(\n\t\tpoll('日本'),\n\t)\n\n\twait(a, b)\n"

LOST = Finding(
    path="src/a b.py",
    line=4,
    column=2,
    end_line=6,
    end_column=3,
    code="CAN101",
    name="lost-task",
    family="lost-cancel",
    message="task `poll('日本')` is not kept: it can vanish, 100 %",
    help="Keep it.",
    symbol="a.serve",
    statement="asyncio.create_task(",
)
CHAIN = Finding(
    path="src/a b.py",
    line=8,
    column=7,
    end_line=8,
    end_column=8,
    code="CAN401",
    name="http-without-timeout",
    family="timeout",
    message="`a` waits: forever, really",
    help="",
    trace=(Step("src/a b.py", 8, 2, "`serve` calls `wait`"), Step("lib/x.py", 1, 1, "`wait` has no timeout")),
    fix=Fix(
        "pass `timeout=10.0`", Safety.UNSAFE, (Edit(TEXT.index("b)") + 1, TEXT.index("b)") + 1, ", timeout=10.0"),)
    ),
)
FAILED = Finding("b.py", 1, 1, 1, 6, "CAN000", "internal-error", "run", "CAN101 lost-task failed", "Report it.")

REPORT = Report(
    findings=(FAILED, LOST, CHAIN),
    errors=(
        RunError("CAN101 lost-task failed", "b.py", "CAN101", "Traceback …\nZeroDivisionError\n"),
        RunError("cannot be read: Permission denied", "c\nd.py"),
    ),
    files=3,
    rules=RULES,
    sources={"src/a b.py": SourceFile("src/a b.py", TEXT), "b.py": SourceFile("b.py", "x = 1\n")},
)
EMPTY = Report(findings=(), files=1, rules=RULES)


@pytest.mark.parametrize("form", REPORTERS)
def test_a_report_is_the_same_each_time_and_ends_its_line(form: str) -> None:
    shown = REPORTERS[form](REPORT, False)
    assert shown == REPORTERS[form](REPORT, False)
    assert shown.endswith("\n")
    assert not shown.endswith("\n\n") or form == "text"


@pytest.mark.parametrize("form", ["text", "concise", "github"])
def test_nothing_to_report_is_nothing(form: str) -> None:
    assert REPORTERS[form](EMPTY, False) == ""


def test_concise() -> None:
    assert REPORTERS["concise"](REPORT, False) == (
        "b.py:1:1: CAN000 CAN101 lost-task failed\n"
        "src/a b.py:4:2: CAN101 task `poll('日本')` is not kept: it can vanish, 100 %\n"
        "src/a b.py:8:7: CAN401 `a` waits: forever, really\n"
    )


def test_text() -> None:
    assert REPORTERS["text"](REPORT, False) == (
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
    shown = REPORTERS["text"](Report((finding,), sources={"a.py": SourceFile("a.py", text)}), False)
    # two characters take four cells, so that eight characters before take ten
    assert f"  | {' ' * 10}^^^\n" in shown


def test_a_terminal_is_never_led_astray() -> None:
    evil = "x\x1b[31m\x07\u202e\r\n"
    finding = Finding(f"{evil}.py", 1, 1, 1, 5, "CAN101", "lost-task", "lost-cancel", f"`{evil}`", evil, "", ())
    report = Report((finding,), sources={finding.path: SourceFile(finding.path, f"'{evil}'\n")})
    for form in ("text", "concise"):
        shown = REPORTERS[form](report, False)
        assert not set("\x1b\x07\u202e\r") & set(shown)
        assert "x\ufffd[31m" in shown
    assert printable("a\tb é 日") == "a\tb é 日"


def test_colour_changes_nothing_but_colour() -> None:
    import re

    colored = REPORTERS["text"](REPORT, True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == REPORTERS["text"](REPORT, False)


def test_markup_is_not_read() -> None:
    finding = Finding(
        "[bold]a.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "`x[red]` :smile: [/]", "[link=x]"
    )
    for color in (False, True):
        shown = REPORTERS["text"](Report((finding,)), color)
        assert "`x[red]` :smile: [/]" in shown
        assert "[link=x]" in shown


def test_github() -> None:
    assert REPORTERS["github"](REPORT, False) == (
        "::error file=b.py,line=1,endLine=1,col=1,endColumn=6,title=CAN000 internal-error"
        "::CAN101 lost-task failed (help: Report it.)\n"
        "::warning file=src/a b.py,line=4,endLine=6,title=CAN101 lost-task"
        "::task `poll('日本')` is not kept: it can vanish, 100 %25 (help: Keep it.)\n"
        "::warning file=src/a b.py,line=8,endLine=8,col=7,endColumn=8,title=CAN401 http-without-timeout"
        "::`a` waits: forever, really\n"
        "::error file=c%0Ad.py,title=cancelcheck::cannot be read: Permission denied\n"
    )


def test_github_escapes_properties() -> None:
    finding = Finding("a:b,c%.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "one\r\ntwo: 5%, x", "")
    shown = REPORTERS["github"](Report((finding,)), False)
    assert shown == (
        "::warning file=a%3Ab%2Cc%25.py,line=1,endLine=1,col=1,endColumn=2,title=CAN101 lost-task"
        "::one%0D%0Atwo: 5%25, x\n"
    )


# --- JSON ------------------------------------------------------------------------------------------------------------


def schema(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("report", [REPORT, EMPTY])
def test_json_is_what_its_schema_says(report: Report) -> None:
    document = json.loads(REPORTERS["json"](report, False))
    described = schema(Path(cancelcheck.reporting.__file__).with_name("report.schema.json"))
    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.validate(document, described)
    # nothing is there that the schema does not describe
    assert set(document) == set(described["properties"])
    for finding in document["findings"]:
        assert set(finding) == set(described["$defs"]["finding"]["properties"])


def test_json() -> None:
    document = json.loads(REPORTERS["json"](REPORT, False))
    assert document["version"] == __version__
    assert document["summary"] == {
        "files": 3,
        "findings": 3,
        "fixable": 1,
        "errors": 2,
        "rules": {"CAN000": 1, "CAN101": 1, "CAN401": 1},
    }
    assert document["errors"][0] == {
        "message": "CAN101 lost-task failed",
        "path": "b.py",
        "rule": "CAN101",
        "trace": "Traceback …\nZeroDivisionError\n",
    }
    failed, lost, chain = document["findings"]
    assert failed["fix"] is None
    assert lost == {
        "code": "CAN101",
        "name": "lost-task",
        "family": "lost-cancel",
        "path": "src/a b.py",
        "line": 4,
        "column": 2,
        "end_line": 6,
        "end_column": 3,
        "message": "task `poll('日本')` is not kept: it can vanish, 100 %",
        "help": "Keep it.",
        "symbol": "a.serve",
        "trace": [],
        "fix": None,
        "fingerprint": LOST.fingerprint,
    }
    assert chain["trace"][1] == {"path": "lib/x.py", "line": 1, "column": 1, "note": "`wait` has no timeout"}
    assert chain["fix"]["safety"] == "unsafe"
    (edit,) = chain["fix"]["edits"]
    assert TEXT[: edit["start"]] + edit["text"] + TEXT[edit["end"] :] == TEXT.replace("b)", "b, timeout=10.0)")


# --- SARIF -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [REPORT, EMPTY])
def test_sarif_is_what_the_standard_says(report: Report) -> None:
    document = json.loads(REPORTERS["sarif"](report, False))
    standard = schema(SUPPORT / "sarif-schema-2.1.0.json")
    validator = jsonschema.Draft4Validator(standard, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(document)] == []


def test_sarif() -> None:
    (run,) = json.loads(REPORTERS["sarif"](REPORT, False))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in RULES]
    assert all("## Why" in rule["help"]["markdown"] for rule in rules)
    failed, lost, chain = run["results"]
    assert rules[lost["ruleIndex"]]["id"] == lost["ruleId"] == "CAN101"
    assert (failed["level"], lost["level"]) == ("error", "warning")
    assert lost["message"]["text"].endswith("\nHelp: Keep it.")
    (location,) = lost["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "src/a%20b.py"},
        "region": {"startLine": 4, "startColumn": 2, "endLine": 6, "endColumn": 3},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "a.serve"}]
    assert lost["partialFingerprints"] == {"cancelcheck/v1": LOST.fingerprint}
    (flow,) = chain["codeFlows"]
    steps = [step["location"] for step in flow["threadFlows"][0]["locations"]]
    assert [step["message"]["text"] for step in steps] == ["`serve` calls `wait`", "`wait` has no timeout"]
    assert steps[1]["physicalLocation"]["artifactLocation"] == {"uri": "lib/x.py"}
    (change,) = chain["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 8, "startColumn": 11, "endLine": 8, "endColumn": 11},
            "insertedContent": {"text": ", timeout=10.0"},
        }
    ]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    crash, unread = invocation["toolExecutionNotifications"]
    assert crash["associatedRule"]["id"] == "CAN101"
    assert "ZeroDivisionError" in crash["exception"]["message"]
    assert unread["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "c%0Ad.py"


def test_sarif_names_absolute_paths_as_such() -> None:
    for path, uri in (("/x/a é.py", "file:///x/a%20%C3%A9.py"), ("C:/x/a.py", "file:///C:/x/a.py")):
        finding = Finding(path, 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "m", "h")
        (run,) = json.loads(REPORTERS["sarif"](Report((finding,), rules=RULES), False))["runs"]
        assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_can_be_explained(rule: Any) -> None:
    shown = render_rule(rule)
    assert shown.startswith(f"{rule.code} {rule.name} (")
    assert rule.summary in shown
    assert rule.name in render_rule(rule, True)
