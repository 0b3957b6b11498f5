"""The report as JSON; `report.schema.json` beside this file describes its form, which only ever grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

import msgspec

from cancelcheck import __version__
from cancelcheck.engine.report import Report
from cancelcheck.model.edit import Fix
from cancelcheck.model.finding import Finding, Step


class JsonFinding(TypedDict):
    """One finding."""

    code: str
    name: str
    family: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    help: str
    symbol: str
    trace: tuple[Step, ...]
    fix: Fix | None
    fingerprint: str


class JsonError(TypedDict):
    """Something that kept the run from doing its work."""

    message: str
    path: str
    rule: str
    trace: str


class JsonSummary(TypedDict):
    """Counts."""

    files: int
    findings: int
    fixable: int
    errors: int
    rules: Mapping[str, int]


class JsonReport(TypedDict):
    """The whole report."""

    version: str
    findings: list[JsonFinding]
    summary: JsonSummary
    errors: list[JsonError]


def as_json(finding: Finding) -> JsonFinding:
    """One finding in the form of the report."""
    return JsonFinding(
        code=finding.code,
        name=finding.name,
        family=finding.family,
        path=finding.path,
        line=finding.line,
        column=finding.column,
        end_line=finding.end_line,
        end_column=finding.end_column,
        message=finding.message,
        help=finding.help,
        symbol=finding.symbol,
        trace=finding.trace,
        fix=finding.fix,
        fingerprint=finding.fingerprint,
    )


def render(report: Report, color: bool = False) -> str:
    """The report as one JSON document."""
    counts = Counter(finding.code for finding in report.findings)
    document = JsonReport(
        version=__version__,
        findings=[as_json(finding) for finding in report.findings],
        summary=JsonSummary(
            files=report.files,
            findings=len(report.findings),
            fixable=sum(finding.fix is not None for finding in report.findings),
            errors=len(report.errors),
            rules=dict(sorted(counts.items())),
        ),
        errors=[
            JsonError(message=error.message, path=error.path, rule=error.rule, trace=error.trace)
            for error in report.errors
        ],
    )
    return dumped(document)


def dumped(document: object) -> str:
    """A document as indented JSON. Half a surrogate pair, which a file name may hold, stands there as its escape."""
    plain = msgspec.to_builtins(document, str_keys=True)
    # the standard library, and not msgspec's encoder, which refuses such a half
    import json

    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
