"""Runs of the whole pipeline, the command and flake8, over small projects."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cancelcheck import cli
from cancelcheck.config import LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine.pipeline import check
from cancelcheck.engine.report import Report
from cancelcheck.link import Context, FunctionView
from cancelcheck.model.facts import FunctionKind
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule
from cancelcheck.rules import RULES

LOST = "import asyncio\n\n\nasync def main():\n    asyncio.create_task(main())\n"
"""A file with one finding, CAN101 at 5:5."""


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Lay out a project."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def run(*paths: str, settings: Settings | None = None, rules: Sequence[Rule] = RULES) -> Report:
    """Check paths below the current folder, with the settings that are found there or with these."""
    fixed = LoadedSettings(settings, Path.cwd(), None) if settings is not None else None
    return check(paths or (".",), SettingsFinder(fixed=fixed), rules=rules)


def places(report: Report) -> list[tuple[str, int, int, str]]:
    """Path, line, column and code of each finding."""
    return [(finding.path, finding.line, finding.column, finding.code) for finding in report.findings]


def status(*arguments: str) -> int:
    """How the command ends that is run in this process; `capsys` has what it says."""
    return cli.main(arguments)


def command(*arguments: str, cwd: Path, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
    """Run the command in a process of its own."""
    return _call([sys.executable, "-m", "cancelcheck", *arguments], cwd, stdin, env)


def flake8(*arguments: str, cwd: Path, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
    """Run flake8 in a process of its own, for our codes."""
    return _call([sys.executable, "-m", "flake8", "--select=CAN", *arguments], cwd, stdin, env)


def on_a_terminal(*arguments: str, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run Python with these arguments on a terminal; its status, and what it showed."""
    import pty

    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**environment, "TERM": "xterm", **env},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")


class Done:
    """A process that has ended."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err


def _call(arguments: list[str], cwd: Path, stdin: bytes, env: Mapping[str, str] | None) -> Done:
    clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        arguments, cwd=cwd, input=stdin, capture_output=True, check=False, env={**clean, **(env or {})}, timeout=120
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def _every_def(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    if fn.facts.kind is FunctionKind.DEF:
        yield ctx.report(fn, (fn.facts.start, fn.facts.head), f"`{fn.facts.name}` is here", help="Look.")


def _fails(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    yield from _every_def(fn, ctx)
    if fn.facts.name == "bad":
        raise ZeroDivisionError("of all things")


def rule(code: str, name: str, family: Family, default: Default = Default.ON, *, fails: bool = False) -> Rule:
    """A rule that reports every `def`; with `fails` it raises in one called `bad`."""
    return Rule(
        code=code,
        name=name,
        family=family,
        default=default,
        since="0.1",
        doc="A rule for a test.\n\n## Why\nNone.",
        check=_fails if fails else _every_def,
    )


RUN_RULES = tuple(found for found in RULES if found.family is Family.RUN)
"""The rules about the run itself, which the engine needs."""
