"""GitLab's code quality report: a JSON list, shown on the merge request.

Each entry has what GitLab documents for a tool of one's own: `description`, `check_name`, `fingerprint`, `severity`,
`location.path` and `location.lines.begin`. GitLab takes two entries with the same fingerprint for one, and compares
those of the two branches: so each one is unique, and none says on which line it stands.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.json import dumped

_ROOT = "CI_PROJECT_DIR"


def render(report: Report, surroundings: Surroundings) -> str:
    """The findings as GitLab's list."""
    seen: Counter[tuple[str, str]] = Counter()
    entries: list[Mapping[str, object]] = []
    for finding in report.findings:
        path = surroundings.within(finding.path, _ROOT)
        same = (path, finding.fingerprint)
        entries.append(
            {
                "description": f"{finding.message}. {finding.help}".removesuffix(" "),
                "check_name": f"{finding.code} {finding.name}",
                "fingerprint": _fingerprint(path, finding, seen[same]),
                "severity": _severity(finding),
                "location": {"path": path, "lines": {"begin": finding.line}},
            }
        )
        seen[same] += 1
    return dumped(entries)


def _fingerprint(path: str, finding: Finding, number: int) -> str:
    text = f"{path}\0{finding.fingerprint}\0{number}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _severity(finding: Finding) -> str:
    if finding.code in ("CAN000", "CAN001"):
        return "critical"
    return "minor" if finding.strict else "major"
