"""The findings of each file below its name."""

from __future__ import annotations

from itertools import groupby

from cancelcheck.engine.report import Report
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.printable import printable


def render(report: Report, surroundings: Surroundings) -> str:
    """A block for each file: its path, a line for each finding, an empty line."""
    lines: list[str] = []
    for path, group in groupby(report.findings, key=lambda finding: finding.path):
        findings = list(group)
        places = [f"{finding.line}:{finding.column}" for finding in findings]
        width = max(map(len, places))
        lines.append(printable(path))
        lines += [
            f"  {place:<{width}}  {finding.code}  {printable(finding.message)}"
            for place, finding in zip(places, findings, strict=True)
        ]
        lines.append("")
    return "".join(f"{line}\n" for line in lines)
