"""A report, and what goes with it: the counts, what went wrong, the summary of a service's job."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from cancelcheck.cli.showing import say, terminal_width, wants_color, write_stdout
from cancelcheck.config import RunOptions
from cancelcheck.engine.report import Report
from cancelcheck.engine.writing import write_whole
from cancelcheck.reporting import FORMS, render, render_summary
from cancelcheck.reporting.counting import counted_findings, statistics
from cancelcheck.reporting.form import Surroundings


def show(report: Report, run: RunOptions, seconds: float, *, beside: bool = False) -> bool:
    """Show what came of a run that took so long; `beside`: on standard error, for standard output is for something
    else. Whether that was all, and says the same of the same report: no file was written, and nothing looked up in the
    environment."""
    on_terminal = run.output is None and sys.stdout.isatty()
    form = run.format if run.format is not None else "text" if on_terminal else "concise"
    for_people = FORMS[form].for_people
    environment = _Environment()
    surroundings = Surroundings(
        color=wants_color(run.color, on_terminal),
        width=terminal_width() if on_terminal else None,
        lists_suppressed=run.show_suppressed,
        environment=environment,
    )
    text = render(form, report, surroundings)
    if run.statistics and for_people:
        text += statistics(report)
    if run.output is not None:
        try:
            write_whole(Path(run.output), text.encode("utf-8", "backslashreplace"))
        except OSError as problem:
            raise click.ClickException(f"--output: {run.output}: {problem.strerror or problem}") from None
    elif beside:
        if text:
            say(text.rstrip(), as_it_is=True)
    else:
        write_stdout(text, utf8=FORMS[form].utf8)
    _add_summary(*render_summary(form, report, surroundings))
    say_problems(report)
    if run.statistics and not for_people:
        say(statistics(report).rstrip())
    if for_people and not run.quiet:
        if report.files:
            say(_summary(report))
        elif not report.errors:
            say("warning: no Python files found under the given paths")
    if run.verbose:
        say(f"{report.files} files in {seconds:.2f} s")
    return run.output is None and not run.verbose and not beside and not environment.was_asked


class _Environment(Mapping[str, str]):
    """The environment of this process, which knows whether anything of it was asked for."""

    def __init__(self) -> None:
        self.was_asked = False

    def __getitem__(self, name: str) -> str:
        self.was_asked = True
        return os.environ[name]

    def __iter__(self) -> Iterator[str]:
        self.was_asked = True
        return iter(os.environ)

    def __len__(self) -> int:
        self.was_asked = True
        return len(os.environ)


def say_problems(report: Report) -> None:
    """Say what kept the run from its work, or made it slower."""
    for error in report.errors:
        if error.trace:
            say(error.trace.rstrip())
        say(f"error: {error.path}: {error.message}" if error.path else f"error: {error.message}")
    for note in report.notes:
        say(f"warning: {note}")


def _add_summary(text: str, file: str) -> None:
    """Add to what a service shows of the whole job."""
    if not text:
        return
    try:
        with open(file, "a", encoding="utf-8", errors="backslashreplace") as summary:
            summary.write(text)
    except OSError as error:
        say(f"warning: the job's summary cannot be written: {file}: {error.strerror or error}")


def _summary(report: Report) -> str:
    text = counted_findings(report)
    known = f"; {len(report.known)} known" if report.known else ""
    safe = sum(finding.fix is not None and finding.fix.safety.value == "safe" for finding in report.findings)
    unsafe = sum(finding.fix is not None for finding in report.findings) - safe
    fixable = ", ".join(
        f"{number} fixable with {option}"
        for number, option in ((safe, "`--fix`"), (unsafe, "`--fix --unsafe-fixes`"))
        if number
    )
    return f"{text[0].upper()}{text[1:]}{f'; {fixable}' if fixable else ''}{known}."
