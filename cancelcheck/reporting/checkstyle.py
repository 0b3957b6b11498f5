"""Checkstyle's XML, which many dashboards read."""

from __future__ import annotations

from itertools import groupby

from cancelcheck.engine.report import Report, RunError
from cancelcheck.model.finding import Finding
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.markup import DECLARATION, element

_VERSION = "4.3"
"""Of the form, not of the program: what readers look for."""


def render(report: Report, surroundings: Surroundings) -> str:
    """A `file` for each path, with an `error` for each finding; what kept the run from its work has its place too."""
    files = [
        element("file", {"name": path}, [_error(finding) for finding in group])
        for path, group in groupby(report.findings, key=lambda finding: finding.path)
    ]
    files += [
        element("file", {"name": error.path or "cancelcheck"}, [_failure(error)])
        for error in report.errors
        if not error.rule and not error.trace
    ]
    return DECLARATION + element("checkstyle", {"version": _VERSION}, files)


def _error(finding: Finding) -> str:
    return element(
        "error",
        {
            "line": finding.line,
            "column": finding.column,
            "severity": "error" if finding.code in ("CAN000", "CAN001") else "warning",
            "message": f"{finding.message}. {finding.help}".removesuffix(" "),
            "source": f"cancelcheck.{finding.code}.{finding.name}",
        },
    )


def _failure(error: RunError) -> str:
    return element(
        "error", {"line": 1, "column": 1, "severity": "error", "message": error.message, "source": "cancelcheck"}
    )
