"""JUnit's XML, which every CI server shows: each file is a test suite, each finding a test that failed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cancelcheck.engine.report import Report, RunError
from cancelcheck.model.finding import Finding
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.markup import DECLARATION, element

_TIME = "0"
"""Seconds that a test took: a report says the same each time."""


def render(report: Report, surroundings: Surroundings) -> str:
    """The report as one document. Where there is nothing to say it holds a test that passed: readers take an empty one
    for a run that did not happen."""
    failed = [error for error in report.errors if not error.rule and not error.trace]
    suites = [_suite(path, list(group)) for path, group in groupby(report.findings, key=lambda finding: finding.path)]
    suites += [
        element(
            "testsuite",
            {"name": error.path or "cancelcheck", "tests": 1, "failures": 0, "errors": 1, "time": _TIME},
            [_case("the run", error.path or "cancelcheck", _error(error))],
        )
        for error in failed
    ]
    if not suites:
        suites.append(
            element(
                "testsuite",
                {"name": "cancelcheck", "tests": 1, "failures": 0, "errors": 0, "time": _TIME},
                [_case("nothing to report", "cancelcheck", "")],
            )
        )
    counts = {
        "name": "cancelcheck",
        "tests": len(report.findings) + len(failed) or 1,
        "failures": len(report.findings),
        "errors": len(failed),
        "time": _TIME,
    }
    return DECLARATION + element("testsuites", counts, suites)


def _suite(path: str, findings: Sequence[Finding]) -> str:
    counts = {"name": path, "tests": len(findings), "failures": len(findings), "errors": 0, "time": _TIME}
    return element(
        "testsuite",
        counts,
        [
            _case(f"{finding.code} {finding.name} at {finding.line}:{finding.column}", path, _failure(finding))
            for finding in findings
        ],
    )


def _case(name: str, classname: str, outcome: str) -> str:
    return element("testcase", {"name": name, "classname": classname, "time": _TIME}, [outcome] if outcome else [])


def _failure(finding: Finding) -> str:
    lines = [f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {finding.message}"]
    lines += [f"path: {step.path}:{step.line}:{step.column} {step.note}" for step in finding.trace]
    lines += [f"help: {finding.help}"] if finding.help else []
    return element("failure", {"type": finding.code, "message": finding.message}, text="\n".join(lines))


def _error(error: RunError) -> str:
    return element("error", {"type": "cancelcheck", "message": error.message}, text=error.message)
