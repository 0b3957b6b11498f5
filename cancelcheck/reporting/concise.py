"""One line for each finding: `path:line:column: CODE message`."""

from __future__ import annotations

from cancelcheck.engine.report import Report
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.printable import printable


def render(report: Report, surroundings: Surroundings) -> str:
    """The findings, one line each, without colour."""
    return "".join(
        f"{printable(finding.path)}:{finding.line}:{finding.column}: {finding.code} {printable(finding.message)}\n"
        for finding in report.findings
    )
