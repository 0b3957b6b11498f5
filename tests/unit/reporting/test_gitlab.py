"""GitLab's code quality report, against the fields that GitLab documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.reporting import render
from cancelcheck.reporting.form import Surroundings
from tests.unit.reporting.sample import EMPTY, HARM, LOST, REPORT

DOCUMENTED = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "additionalProperties": False,
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def entries(report: Report, surroundings: Surroundings | None = None) -> Any:
    found = json.loads(render("gitlab", report, surroundings))
    jsonschema.validate(found, DOCUMENTED)
    return found


@pytest.mark.parametrize("report", [REPORT, EMPTY, HARM])
def test_it_is_what_gitlab_documents(report: Report) -> None:
    assert len(entries(report)) == len(report.findings)


def test_what_stands_in_it() -> None:
    failed, lost, chain = entries(REPORT)
    assert lost == {
        "description": "task `poll('日本')` is not kept: it can vanish, 100 %. Keep it.",
        "check_name": "CAN101 lost-task",
        "fingerprint": lost["fingerprint"],
        "severity": "major",
        "location": {"path": "src/a b.py", "lines": {"begin": 4}},
    }
    assert failed["severity"] == "critical"
    assert chain["description"] == "`a` waits: forever, really."


def at(line: int, path: str = "a.py", statement: str = "f()", strict: bool = False) -> Finding:
    return Finding(path, line, 1, line, 2, "CAN101", "n", "timeout", "m", "h", "s", statement=statement, strict=strict)


def test_no_two_entries_have_the_same_fingerprint_and_none_has_its_line_in_it() -> None:
    report = Report((at(1), at(2), at(3, statement="g()"), at(1, "b.py")))
    found = [entry["fingerprint"] for entry in entries(report)]
    assert len(set(found)) == 4
    moved = Report((at(11), at(12), at(13, statement="g()"), at(9, "b.py")))
    assert [entry["fingerprint"] for entry in entries(moved)] == found


def test_what_is_worth_a_look_weighs_less() -> None:
    (strict,) = entries(Report((at(1, strict=True),)))
    assert strict["severity"] == "minor"


def test_paths_begin_at_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server").mkdir()
    monkeypatch.chdir(tmp_path / "server")
    there = Surroundings(environment={"CI_PROJECT_DIR": str(tmp_path)})
    for path in ("a.py", "./a.py", str(tmp_path / "server" / "a.py")):
        (entry,) = entries(Report((at(1, path),)), there)
        assert entry["location"]["path"] == "server/a.py"
    (entry,) = entries(Report((at(1, "./a.py"),)))
    assert entry["location"]["path"] == "a.py"
    (entry,) = entries(Report((at(1, "/elsewhere/a.py"),)), there)
    assert entry["location"]["path"] == "/elsewhere/a.py"
    assert LOST.path == "src/a b.py"
