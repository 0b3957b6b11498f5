"""The report as JSON; `report.schema.json` beside this file describes its form, which only ever grows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

import msgspec

from cancelcheck import __version__
from cancelcheck.engine.report import By, Report
from cancelcheck.model.edit import Fix
from cancelcheck.model.finding import Finding, Step
from cancelcheck.reporting.form import Surroundings

_BY = {By.COMMENT: "comment", By.BASELINE: "baseline"}
_HALF = re.compile("[\ud800-\udfff]")


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
    strict: bool
    trace: tuple[Step, ...]
    fix: Fix | None
    fingerprint: str


class JsonError(TypedDict):
    """Something that kept the run from doing its work."""

    message: str
    path: str
    rule: str
    trace: str


class JsonSuppressed(TypedDict):
    """A finding that a comment or the baseline keeps out of the report."""

    by: str
    reason: str
    finding: JsonFinding


class JsonSummary(TypedDict):
    """Counts."""

    files: int
    findings: int
    suppressed: int
    fixable: int
    errors: int
    rules: Mapping[str, int]


class JsonReport(TypedDict):
    """The whole report."""

    version: str
    findings: list[JsonFinding]
    summary: JsonSummary
    errors: list[JsonError]
    suppressed: list[JsonSuppressed]


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
        strict=finding.strict,
        trace=finding.trace,
        fix=finding.fix,
        fingerprint=finding.fingerprint,
    )


def render(report: Report, surroundings: Surroundings) -> str:
    """The report as one JSON document."""
    return dumped(document_of(report, surroundings))


def document_of(report: Report, surroundings: Surroundings) -> JsonReport:
    """The report in the form that is written."""
    counts = Counter(finding.code for finding in report.findings)
    return JsonReport(
        version=__version__,
        findings=[as_json(finding) for finding in report.findings],
        summary=JsonSummary(
            files=report.files,
            findings=len(report.findings),
            suppressed=len(report.suppressed),
            fixable=sum(finding.fix is not None for finding in report.findings),
            errors=len(report.errors),
            rules=dict(sorted(counts.items())),
        ),
        errors=[
            JsonError(message=error.message, path=error.path, rule=error.rule, trace=error.trace)
            for error in report.errors
        ],
        suppressed=[
            JsonSuppressed(by=_BY[suppressed.by], reason=suppressed.reason, finding=as_json(suppressed.finding))
            for suppressed in (report.suppressed if surroundings.lists_suppressed else ())
        ],
    )


def dumped(document: object) -> str:
    """A document as indented JSON. Half a surrogate pair, which a file name may hold, stands there as its escape."""
    return _dumped(document, 2)


def on_one_line(document: object) -> str:
    """The same on one line. No character in it ends a line but the last one."""
    return _dumped(document, None).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def _dumped(document: object, indent: int | None) -> str:
    plain = msgspec.to_builtins(document, str_keys=True)
    # the standard library, and not msgspec's encoder, which refuses such a half
    import json

    text = json.dumps(plain, indent=indent, ensure_ascii=False)
    return _HALF.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"
