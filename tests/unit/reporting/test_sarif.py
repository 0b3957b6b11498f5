"""SARIF: the form is checked against the standard, the content against the report."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.reporting import render
from cancelcheck.rules import RULES
from tests.unit.reporting.sample import ALL, EMPTY, HARM, LOST, REPORT, SILENCED

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.mark.parametrize("report", [REPORT, EMPTY, HARM])
def test_sarif_is_what_the_standard_says(report: Report) -> None:
    document = json.loads(render("sarif", report, ALL))
    standard = json.loads((SUPPORT / "sarif-schema-2.1.0.json").read_text("utf-8"))
    validator = jsonschema.Draft4Validator(standard, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(document)] == []


def test_sarif() -> None:
    (run,) = json.loads(render("sarif", REPORT))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in RULES]
    assert all("## Why" in rule["help"]["markdown"] for rule in rules)
    failed, lost, chain = run["results"]
    assert rules[lost["ruleIndex"]]["id"] == lost["ruleId"] == "CAN101"
    assert (failed["level"], lost["level"]) == ("error", "warning")
    assert lost["message"]["text"].endswith("\nHelp: Keep it.")
    (location,) = lost["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 4, "startColumn": 2, "endLine": 6, "endColumn": 3},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "a.serve"}]
    assert lost["partialFingerprints"] == {"cancelcheck/v1": LOST.fingerprint}
    (flow,) = chain["codeFlows"]
    steps = [step["location"] for step in flow["threadFlows"][0]["locations"]]
    assert [step["message"]["text"] for step in steps] == ["`serve` calls `wait`", "`wait` has no timeout"]
    assert steps[1]["physicalLocation"]["artifactLocation"] == {"uri": "lib/x.py", "uriBaseId": "%SRCROOT%"}
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
        (run,) = json.loads(render("sarif", Report((finding,), rules=RULES)))["runs"]
        assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_what_is_suppressed_is_listed_where_it_is_asked_for() -> None:
    (run,) = json.loads(render("sarif", REPORT))["runs"]
    assert len(run["results"]) == 3
    assert not any("suppressions" in result for result in run["results"])
    (run,) = json.loads(render("sarif", REPORT, ALL))["runs"]
    *others, last = run["results"]
    assert len(others) == 3
    assert last["suppressions"] == [{"kind": "inSource", "justification": "# noqa: CAN101 the server holds it"}]
    assert last["partialFingerprints"] == {"cancelcheck/v1": SILENCED.fingerprint}
