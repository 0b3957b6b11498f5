"""GitHub Actions: annotations on the lines of a pull request, and the summary of the job.

GitHub shows ten warnings of a step on the pull request; the summary has all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.reporting.counting import counted_findings
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.printable import printable
from cancelcheck.reporting.uris import quoted

_ROOT = "GITHUB_WORKSPACE"
_SUMMARY_LIMIT = 900_000
"""Bytes; a step whose summary is larger than 1 MiB has none."""


# --- annotations -----------------------------------------------------------------------------------------------------


def render(report: Report, surroundings: Surroundings) -> str:
    """A workflow command for each finding, and for each error that no finding speaks of."""
    lines = [_annotation(finding, surroundings) for finding in report.findings]
    lines += [
        _command("error", error.message, file=surroundings.within(error.path, _ROOT) if error.path else "")
        for error in report.errors
        if not error.rule and not error.trace
    ]
    return "".join(lines)


def _annotation(finding: Finding, surroundings: Surroundings) -> str:
    path = surroundings.within(finding.path, _ROOT)
    # the log shows nothing but the message
    lines = [f"{path}:{finding.line}:{finding.column}: {finding.code} {finding.message}"]
    lines += [f"path: {step.path}:{step.line}:{step.column} {step.note}" for step in finding.trace]
    lines += [f"help: {finding.help}"] if finding.help else []
    # columns on more than one line are refused
    columns = {"col": finding.column, "endColumn": finding.end_column} if finding.line == finding.end_line else {}
    return _command(
        "error" if finding.code in ("CAN000", "CAN001") else "warning",
        "\n".join(printable(line) for line in lines),
        file=path,
        line=str(finding.line),
        endLine=str(finding.end_line),
        **{key: str(value) for key, value in columns.items()},
        title=f"{finding.code} {finding.name}",
    )


def _command(command: str, message: str, **properties: str) -> str:
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{command} {given}::{_data(message)}\n" if given else f"::{command}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# --- the summary -----------------------------------------------------------------------------------------------------

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def summary(report: Report, surroundings: Surroundings) -> str:
    """The findings as a Markdown table, each with a link to its line."""
    head = f"### cancelcheck: {counted_findings(report)}\n\n"
    if not report.findings:
        return head
    head += "| where | rule | what |\n|---|---|---|\n"
    rows: list[str] = []
    size = len(head)
    for row in _rows(report, surroundings):
        size += len(row.encode("utf-8", "backslashreplace"))
        if size > _SUMMARY_LIMIT:
            left = len(report.findings) - len(rows)
            return f"{head}{''.join(rows)}\n… and {left} more, which find no room here\n\n"
        rows.append(row)
    return f"{head}{''.join(rows)}\n"


def _rows(report: Report, surroundings: Surroundings) -> Iterator[str]:
    for finding in report.findings:
        path = surroundings.within(finding.path, _ROOT)
        where = _linked(f"{path}:{finding.line}", path, finding.line, surroundings)
        yield f"| {where} | {finding.code} {_plain(finding.name)} | {_sentence(finding.message)} |\n"


def _linked(text: str, path: str, line: int, surroundings: Surroundings) -> str:
    environment = surroundings.environment
    parts = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
    shown = f"<code>{_plain(text)}</code>"
    if not all(parts) or path.startswith(("/", "..")):
        return shown
    server, repository, commit = parts
    return f'<a href="{_plain(f"{server}/{repository}/blob/{commit}/{quoted(path)}#L{line}")}">{shown}</a>'


def _sentence(message: str) -> str:
    """A message in Markdown: what stands between backticks is code, and nothing else has a meaning."""
    parts = message.split("`")
    if len(parts) % 2 == 0:
        return _plain(message)
    return "".join(
        f"<code>{_plain(part)}</code>" if number % 2 and part else _plain(part) for number, part in enumerate(parts)
    )


def _plain(text: str) -> str:
    """Text with every character that Markdown or HTML could take for a sign of its own written as a reference."""
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match[0])};", printable(text))
