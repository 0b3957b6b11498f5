"""For people: the code, what is wrong with it, how it comes to that, what to do. Only this module knows rich."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Rule
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting.printable import printable

if TYPE_CHECKING:
    from rich.text import Text

_TAB = 4
_CONTEXT = 2
"""Lines of code before the reported one."""
_MAX_LINE = 160
"""Characters of a line of code that are shown."""

_HEAD = "bold"
_CODE = "bold red"
_FRAME = "blue"
_MARK = "bold red"
_HELP = "bold green"
_QUIET = "dim"


def render(report: Report, color: bool = False) -> str:
    """The findings, each with its code frame, its path and the help."""
    from rich.text import Text

    out = Text()
    for finding in report.findings:
        _finding(out, finding, report.sources.get(finding.path))
        out.append("\n")
    return _printed(out, color)


def render_rule(rule: Rule, color: bool = False, width: int = 100) -> str:
    """A rule's documentation, under a line that says when it reports."""
    when = {"on": "on by default", "strict": "with --strict", "configured": "once configured"}[rule.default.value]
    head = f"{rule.code} {rule.name} ({rule.family.value}; {when}; since {rule.since})"
    if not color:
        return f"{head}\n\n{rule.markdown}\n"
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text

    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system="standard", legacy_windows=False)
    console.print(Text(head, _HEAD))
    console.print()
    console.print(Markdown(rule.markdown))
    return file.getvalue()


def _finding(out: Text, finding: Finding, source: SourceFile | None) -> None:
    out.append(f"{printable(finding.path)}:{finding.line}:{finding.column}", _HEAD)
    out.append(": ")
    out.append(finding.code, _CODE)
    out.append(f" [{finding.name}] ", _QUIET)
    out.append(f"{printable(finding.message)}\n")
    width = len(str(finding.line))
    if source is not None and source.text:
        _frame(out, finding, source, width)
    for number, step in enumerate(finding.trace):
        label = "path: " if number == 0 else "      "
        out.append(f"{'':{width}} = {label}", _FRAME)
        out.append(f"{printable(step.path)}:{step.line}:{step.column}", _HEAD)
        out.append(f"  {printable(step.note)}\n")
    if finding.help:
        out.append(f"{'':{width}} = ", _FRAME)
        out.append("help: ", _HELP)
        out.append(f"{printable(finding.help)}\n")
    if finding.fix is not None:
        out.append(f"{'':{width}} = ", _FRAME)
        out.append("fix:  ", _HELP)
        out.append(f"{printable(finding.fix.title)} ({finding.fix.safety.value})\n")


def _frame(out: Text, finding: Finding, source: SourceFile, width: int) -> None:
    out.append(f"{'':{width}} |\n", _FRAME)
    for number in range(max(1, finding.line - _CONTEXT), finding.line + 1):
        text = source.line(number)
        if number < finding.line and not text.strip():
            continue
        out.append(f"{number:{width}} | ", _FRAME)
        out.append(_expanded(text)[:_MAX_LINE].rstrip() + "\n")
    line = source.line(finding.line)
    end = finding.end_column - 1 if finding.end_line == finding.line else len(line.rstrip())
    before = _cells(_expanded(line[: finding.column - 1]))
    marked = _cells(_expanded(line[:end])) - before
    if before < _MAX_LINE:
        out.append(f"{'':{width}} | ", _FRAME)
        out.append(" " * before + "^" * max(1, min(marked, _MAX_LINE - before)) + "\n", _MARK)


def _expanded(text: str) -> str:
    return printable(text.expandtabs(_TAB))


def _cells(text: str) -> int:
    """Columns that a text takes on a terminal."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)


def _printed(text: Text, color: bool) -> str:
    if not color:
        return text.plain
    from rich.console import Console

    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="standard", legacy_windows=False, no_color=False)
    console.print(text, end="", soft_wrap=True)
    return file.getvalue()
