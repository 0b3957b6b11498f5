"""Annotations on a GitHub pull request: workflow commands, one line each."""

from __future__ import annotations

from cancelcheck.engine.report import Report


def render(report: Report, color: bool = False) -> str:
    """A workflow command for each finding, and for each error that no finding speaks of."""
    lines = [
        _command(
            "error" if finding.code == "CAN000" else "warning",
            f"{finding.message} (help: {finding.help})" if finding.help else finding.message,
            file=finding.path,
            line=str(finding.line),
            endLine=str(finding.end_line),
            # columns on more than one line are refused
            **(
                {"col": str(finding.column), "endColumn": str(finding.end_column)}
                if finding.line == finding.end_line
                else {}
            ),
            title=f"{finding.code} {finding.name}",
        )
        for finding in report.findings
    ]
    lines += [
        _command("error", error.message, file=error.path, title="cancelcheck")
        for error in report.errors
        if not error.rule and not error.trace
    ]
    return "".join(lines)


def _command(command: str, message: str, **properties: str) -> str:
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{command} {given}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
