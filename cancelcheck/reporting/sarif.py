"""SARIF 2.1.0, for GitHub code scanning and other dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from cancelcheck import __version__
from cancelcheck.engine.report import Report, RunError
from cancelcheck.model.edit import Edit
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Default, Rule
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.json import dumped
from cancelcheck.reporting.uris import quoted

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_BASE = "%SRCROOT%"
"""What a relative path is relative to; whoever reads the report knows where that lies."""

Json = Mapping[str, object]


def render(report: Report, surroundings: Surroundings) -> str:
    """The report as one SARIF log with one run."""
    index = {rule.code: number for number, rule in enumerate(report.rules)}
    run: dict[str, object] = {
        "tool": {
            "driver": {
                "name": "cancelcheck",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in report.rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"description": {"text": "The folder that the command was run in."}}},
        "results": [
            *(_result(finding, index, report.sources.get(finding.path)) for finding in report.findings),
            *(
                {
                    **_result(suppressed.finding, index, None),
                    "suppressions": [{"kind": suppressed.by.value, "justification": suppressed.reason}],
                }
                for suppressed in (report.suppressed if surroundings.lists_suppressed else ())
            ),
        ],
        "invocations": [
            {
                "executionSuccessful": not report.errors,
                "toolExecutionNotifications": [_notification(error, index) for error in report.errors],
            }
        ],
    }
    return dumped({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _artifact(path: str) -> Json:
    uri = _uri(path)
    return {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": _BASE}


def _rule(rule: Rule) -> Json:
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.markdown, "markdown": rule.captioned},
        "defaultConfiguration": {"enabled": rule.default is not Default.STRICT, "level": _level(rule.code)},
        "properties": {
            "tags": [rule.family.value],
            "precision": "medium" if rule.default is Default.STRICT else "high",
        },
    }


def _level(code: str) -> str:
    return "error" if code in ("CAN000", "CAN001") else "warning"


def _result(finding: Finding, index: Mapping[str, int], source: SourceFile | None) -> Json:
    result: dict[str, object] = {
        "ruleId": finding.code,
        "level": _level(finding.code),
        "message": {"text": f"{finding.message}\nHelp: {finding.help}" if finding.help else finding.message},
        "locations": [_finding_location(finding)],
        "partialFingerprints": {"cancelcheck/v1": finding.fingerprint},
    }
    if finding.code in index:
        result["ruleIndex"] = index[finding.code]
    if finding.trace:
        result["codeFlows"] = [{"threadFlows": [{"locations": [{"location": _step(step)} for step in finding.trace]}]}]
    if finding.fix is not None and source is not None:
        result["fixes"] = [
            {
                "description": {"text": finding.fix.title},
                "artifactChanges": [
                    {
                        "artifactLocation": _artifact(finding.path),
                        "replacements": [_replacement(edit, source) for edit in finding.fix.edits],
                    }
                ],
            }
        ]
    return result


def _finding_location(finding: Finding) -> Json:
    location: dict[str, object] = {
        "physicalLocation": {
            "artifactLocation": _artifact(finding.path),
            "region": {
                "startLine": finding.line,
                "startColumn": finding.column,
                "endLine": finding.end_line,
                "endColumn": finding.end_column,
            },
        }
    }
    if finding.symbol:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.symbol}]
    return location


def _step(step: Step) -> Json:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(step.path),
            "region": {"startLine": step.line, "startColumn": step.column},
        },
        "message": {"text": step.note},
    }


def _replacement(edit: Edit, source: SourceFile) -> Json:
    line, column = source.position(edit.start)
    end_line, end_column = source.position(edit.end)
    return {
        "deletedRegion": {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column},
        "insertedContent": {"text": edit.text},
    }


def _notification(error: RunError, index: Mapping[str, int]) -> Json:
    notification: dict[str, object] = {
        "level": "error",
        "message": {"text": f"{error.path}: {error.message}" if error.path else error.message},
    }
    if error.path:
        notification["locations"] = [{"physicalLocation": {"artifactLocation": _artifact(error.path)}}]
    if error.rule in index:
        notification["associatedRule"] = {"id": error.rule, "index": index[error.rule]}
    if error.trace:
        notification["exception"] = {"message": error.trace}
    return notification


def _uri(path: str) -> str:
    """A path as a URI: relative as it is given, absolute with its scheme."""
    part = quoted(path)
    if PurePosixPath(path).is_absolute():
        return f"file://{part}"
    if path[1:3] == ":/":
        return f"file:///{path[0]}:{quoted(path[2:])}"
    return part
