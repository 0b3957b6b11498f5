"""JSON: the form is checked against its schema, the content against the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import cancelcheck.reporting
from cancelcheck import __version__
from cancelcheck.engine.report import Report
from cancelcheck.reporting import render
from cancelcheck.reporting.form import Surroundings
from tests.unit.reporting.sample import ALL, EMPTY, EVIL, HARM, LOST, REPORT, SILENCED, TEXT


def schema(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("report", [REPORT, EMPTY, HARM])
def test_json_is_what_its_schema_says(report: Report) -> None:
    document = json.loads(render("json", report, ALL))
    described = schema(Path(cancelcheck.reporting.__file__).with_name("report.schema.json"))
    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.validate(document, described)
    # nothing is there that the schema does not describe
    assert set(document) == set(described["properties"])
    for finding in document["findings"]:
        assert set(finding) == set(described["$defs"]["finding"]["properties"])


def test_json() -> None:
    document = json.loads(render("json", REPORT))
    assert document["version"] == __version__
    assert document["summary"] == {
        "files": 3,
        "findings": 3,
        "suppressed": 1,
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
        "strict": False,
        "trace": [],
        "fix": None,
        "fingerprint": LOST.fingerprint,
    }
    assert chain["trace"][1] == {"path": "lib/x.py", "line": 1, "column": 1, "note": "`wait` has no timeout"}
    assert chain["fix"]["safety"] == "unsafe"
    (edit,) = chain["fix"]["edits"]
    assert TEXT[: edit["start"]] + edit["text"] + TEXT[edit["end"] :] == TEXT.replace("b)", "b, timeout=10.0)")


def test_what_is_suppressed_is_listed_where_it_is_asked_for() -> None:
    assert json.loads(render("json", REPORT))["suppressed"] == []
    (suppressed,) = json.loads(render("json", REPORT, ALL))["suppressed"]
    assert suppressed["by"] == "comment"
    assert suppressed["reason"] == "# noqa: CAN101 the server holds it"
    assert suppressed["finding"]["line"] == SILENCED.line


def test_jsonl() -> None:
    document = json.loads(render("json", REPORT, ALL))
    lines = render("jsonl", REPORT, ALL).splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["kind"] for record in records] == [*["finding"] * 3, "suppressed", *["error"] * 2, "summary"]
    parts = {**document["summary"], "version": document["version"]}
    expected = [*document["findings"], *document["suppressed"], *document["errors"], parts]
    assert [{key: value for key, value in record.items() if key != "kind"} for record in records] == expected


def test_a_line_of_jsonl_is_one_for_any_reader() -> None:
    for surroundings in (Surroundings(), ALL):
        lines = render("jsonl", HARM, surroundings).splitlines()
        assert [json.loads(line)["kind"] for line in lines] == ["finding", "error", "summary"]
    assert json.loads(render("json", HARM))["findings"][0]["help"] == EVIL
