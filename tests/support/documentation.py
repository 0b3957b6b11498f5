"""Runs the documentation: the files that a page shows are written, and its commands run, in order, in an empty folder.

- a fence with a title that is a file's name (```python title="serve.py"```) is that file;
- `console`: commands after `$`, each with what it prints; a line `…` stands for any lines;
- `sh`: commands that have to end in 0 or 1;
- `yaml` with a title: a CI job or a hook, whose commands are run too;
- `<!-- commit: message -->`: everything is committed to git at this place.

What would fetch from elsewhere (pip, pre-commit, uv) has a stand-in that looks at what it is asked for. Run as a
program (`python -m tests.support.documentation`), it writes into the pages what their commands print now.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cancelcheck import cli

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_PIECE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}) *(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=indent)(?P=fence) *$"
    r"|^ *<!-- commit: (?P<commit>[^\n]*) -->$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
_FILE_NAME = re.compile(r"[\w./-]+\.\w+")
_SHELL = re.compile(r"[|&;<>()$`*?~]")
ELISION = "…"

ENVIRONMENT = {
    "CANCELCHECK": "https://git.example/cancelcheck@v0.1.0",
    "CANCELCHECK_NO_CACHE": "1",
    "COLUMNS": "100",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A fence of a page, or a place where everything is committed. `start` and `end` are those of what stands in it."""

    language: str
    title: str
    text: str
    indent: str
    line: int
    start: int
    end: int


def pieces(text: str) -> Iterator[Piece]:
    """What is to be done on a page, in order."""
    for match in _PIECE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["commit"] is not None:
            yield Piece("commit", "", match["commit"], "", line, match.start(), match.end())
            continue
        language, _, rest = match["info"].partition(" ")
        title = _TITLE.search(rest)
        indent = match["indent"]
        body = "".join(line.removeprefix(indent) for line in match["body"].splitlines(keepends=True))
        name = title[1] if title else ""
        yield Piece(language, name, body, indent, line, match.start("body"), match.end("body"))


@dataclass(frozen=True, slots=True)
class Ran:
    """A command and what came of it. `expected` is what the page shows; None where it shows nothing."""

    line: int
    command: str
    status: int
    output: str
    expected: str | None


def run_page(page: Path, folder: Path) -> Iterator[tuple[Piece, list[Ran]]]:
    """Do everything that a page shows, in a folder."""
    text = page.read_text("utf-8")
    sandbox = _Sandbox(folder)
    if page == ROOT / "README.md":
        # it speaks of a project that there is
        sandbox.write("src/app.py", "import requests\n\nrequests.get('https://example.org')\n")
    for piece in pieces(text):
        if piece.language == "commit":
            sandbox.commit(piece.text)
        elif piece.language == "console":
            yield (
                piece,
                [Ran(piece.line, command, *sandbox.run(command), expected) for command, expected in _told(piece.text)],
            )
        elif piece.language in ("sh", "bash", "shell"):
            yield piece, [Ran(piece.line, command, *sandbox.run(command), None) for command in _commands(piece.text)]
        else:
            if _FILE_NAME.fullmatch(piece.title):
                sandbox.write(piece.title, piece.text)
            if piece.language in ("yaml", "yml"):
                found = list(_scripts(yaml.safe_load(piece.text)))
                ran = [Ran(piece.line, command, *sandbox.run(command), None) for command in found]
                if ran:
                    yield piece, ran


def agrees(ran: Ran) -> bool:
    """Whether a command did what its page says."""
    if ran.expected is None:
        return ran.status in (0, 1) and "Traceback" not in ran.output
    parts = [re.escape(part) for part in re.split(rf"^{ELISION}\n", ran.expected, flags=re.MULTILINE)]
    return re.fullmatch("(?:.*\n)*?".join(parts), ran.output) is not None


def _told(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console, each with what it prints."""
    command = ""
    shown: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            if command:
                yield command, "".join(shown)
            command, shown = line[2:].rstrip("\n"), []
        else:
            shown.append(line)
    if command:
        yield command, "".join(shown)


def _commands(text: str) -> Iterator[str]:
    """The commands of a script, one for each line that is no comment; a line that goes on below is one with it."""
    for line in text.replace("\\\n", " ").splitlines():
        command = re.sub(r"\s+#\s.*", "", line).strip()
        if command and not command.startswith("#"):
            yield command


def _scripts(found: Any) -> Iterator[str]:
    """The commands of a CI job or a hook."""
    if isinstance(found, list):
        for item in found:
            yield from _scripts(item)
    elif isinstance(found, dict):
        for key, value in found.items():
            if key in ("run", "script", "before_script", "after_script"):
                for text in [value] if isinstance(value, str) else value:
                    yield from _commands(text)
            elif key == "entry" and isinstance(value, str):
                yield value
            else:
                yield from _scripts(value)


_STAND_IN = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from tests.support.documentation import stand_in
sys.exit(stand_in({name!r}, sys.argv[1:]))
"""
_COMMAND = """\
#!/bin/sh
exec {python} -m {module} "$@"
"""


class _Sandbox:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "project"
        self._folder.mkdir()
        tools = folder / "bin"
        tools.mkdir()
        (folder / "home").mkdir()
        for name in ("pip", "pre-commit", "uv", "uvx", "python3"):
            self._tool(tools / name, _STAND_IN.format(python=sys.executable, root=str(ROOT), name=name))
        for name in ("cancelcheck", "flake8"):
            self._tool(tools / name, _COMMAND.format(python=shlex.quote(sys.executable), module=name))
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("GIT_", "GITHUB_", "CI_")) and key not in ("NO_COLOR", "FORCE_COLOR", "CI")
        }
        self._environment = {
            **kept,
            **ENVIRONMENT,
            "PATH": f"{tools}{os.pathsep}{kept.get('PATH', '')}",
            "HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH", "")))),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        }

    def _tool(self, path: Path, text: str) -> None:
        path.write_text(text, "utf-8")
        path.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def commit(self, message: str) -> None:
        begin = () if (self._folder / ".git").exists() else (("init", "--quiet", "--initial-branch=main"),)
        for arguments in (*begin, ("add", "--all"), ("commit", "--quiet", "--message", message)):
            subprocess.run(("git", *arguments), cwd=self._folder, env=self._environment, check=True, timeout=60)

    def run(self, command: str) -> tuple[int, str]:
        """The status of a command, and what it prints."""
        words = [] if _SHELL.search(command) else shlex.split(command)
        if words[:1] == ["cancelcheck"]:
            return _in_process(words[1:], self._folder, self._environment)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout.decode()


def _in_process(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the command here, which is quicker than a process of its own."""
    shown = io.BytesIO()
    stream = io.TextIOWrapper(shown, encoding="utf-8", write_through=True)
    before = dict(os.environ)
    standard_input, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO())
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            os.environ.clear()
            os.environ.update(environment)
            status = cli.main(arguments)
    finally:
        sys.stdin = standard_input
        os.environ.clear()
        os.environ.update(before)
    return status, shown.getvalue().decode()


def stand_in(name: str, arguments: list[str]) -> int:
    """In place of a program that would fetch from elsewhere: looks at what it is asked for, and does nothing."""
    if name == "python3":
        if arguments[:1] == ["tools/run.py"]:
            return 0 if arguments[1:2] in (["check"], ["test"]) else 2
        return subprocess.call([sys.executable, *arguments])
    if name == "pre-commit":
        return 0 if arguments[:1] in (["install"], ["run"], ["autoupdate"]) else 2
    words = [argument for argument in arguments if not argument.startswith("-")]
    if name in ("uv", "uvx"):
        return 0 if words[:1] in (["tool"], ["pip"], ["add"], ["cancelcheck"], ["run"]) else 2
    if words[:1] != ["install"]:
        return 2
    return 0 if all(_can_be_installed(word) for word in words[1:]) else 2


def _can_be_installed(requirement: str) -> bool:
    """Whether it names this project, in one of the ways that pip knows, with extras that it has."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    match = re.fullmatch(r"(?P<name>\.|[\w-]+)(\[(?P<extras>[\w,]+)\])?(==[\w.]+)?( *@ *git\+https:\S+)?", requirement)
    if match is None or match["name"] not in (".", project["name"], "flake8", "pre-commit"):
        return False
    return set(filter(None, (match["extras"] or "").split(","))) <= set(project["optional-dependencies"])


def renewed(page: Path, folder: Path) -> str:
    """A page's text with what its commands print now."""
    text = page.read_text("utf-8")
    changes: list[tuple[int, int, str]] = []
    for piece, ran in run_page(page, folder):
        if piece.language != "console" or all(agrees(one) for one in ran):
            continue
        shown = "".join(f"$ {one.command}\n{one.expected if agrees(one) else one.output}" for one in ran)
        changes.append((piece.start, piece.end, textwrap.indent(shown, piece.indent)))
    for start, end, shown in reversed(changes):
        text = text[:start] + shown + text[end:]
    return text


if __name__ == "__main__":
    import tempfile

    for page in PAGES:
        if sys.argv[1:] and page.name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            page.write_text(renewed(page, Path(temporary)), "utf-8")
