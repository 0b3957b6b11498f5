"""How many there are of what, in words."""

from __future__ import annotations

from collections import Counter

from cancelcheck.engine.report import Report


def counted(count: int, noun: str, several: str = "") -> str:
    """`1 file`, `2 files`; `several` where the plural is another."""
    return f"{count} {noun}" if count == 1 else f"{count} {several or f'{noun}s'}"


def counted_findings(report: Report) -> str:
    """How many findings there are, and in how many of the files."""
    count, files = len(report.findings), len({finding.path for finding in report.findings})
    if not count:
        return f"nothing to report in {counted(report.files, 'file')}"
    return f"{counted(count, 'finding')} in {files} of {counted(report.files, 'file')}"


def statistics(report: Report) -> str:
    """A line for each rule that has findings, the most frequent first."""
    counts = Counter((finding.code, finding.name) for finding in report.findings)
    width = max((len(str(count)) for count in counts.values()), default=0)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return "".join(f"{count:{width}} {code} {name}\n" for (code, name), count in rows)
