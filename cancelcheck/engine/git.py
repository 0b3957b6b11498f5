"""What git says of a repository: which lines have changed since a revision."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from cancelcheck.config import ConfigError, nearest

_SECONDS = 300
"""How long git may take for one answer."""

_PLAIN = (
    "-c",
    "core.quotePath=false",
    "-c",
    "diff.noprefix=false",
    "-c",
    "diff.mnemonicPrefix=false",
    "-c",
    "diff.relative=false",
    "-c",
    "color.ui=false",
)
"""Whatever a user has configured, the form is this."""

_DIFF = (
    "diff",
    "--unified=0",
    "--inter-hunk-context=0",
    "--find-renames",
    "--text",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


class GitError(ConfigError):
    """Why changes cannot be told."""


class Changes(NamedTuple):
    """What has changed in a repository, by the path from its root: `lines` are spans of lines as they stand in the
    working tree; files that are not among the `tracked` have changed as a whole."""

    root: str
    lines: dict[str, tuple[tuple[int, int], ...]]
    tracked: frozenset[str]


def root_of(folder: str) -> str:
    """The root of the repository around a folder. Raises `GitError` where there is none."""
    done = _run(folder, "rev-parse", "--show-toplevel")
    if done.returncode:
        raise GitError(f"--since: git does not know {folder}: {_said(done)}")
    return os.path.normpath(os.fsdecode(done.stdout.rstrip(b"\r\n")))


def changes_since(root: str, revision: str) -> Changes:
    """What has changed since the last commit that this branch and `revision` share, uncommitted and untracked work
    included. Raises `GitError`."""
    base = _merge_base(root, revision)
    diff = _checked(root, *_PLAIN, *_DIFF, base, "--")
    tracked = _checked(root, "ls-files", "-z")
    lines = {os.fsdecode(path): tuple(spans) for path, spans in _spans(diff.split(b"\n"))}
    return Changes(root, lines, frozenset(os.fsdecode(path) for path in tracked.split(b"\0") if path))


def _merge_base(root: str, revision: str) -> str:
    if revision.startswith("-") or not revision or "\0" in revision:
        raise GitError(f"--since: `{revision}` is no revision")
    found = _run(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if found.returncode:
        raise GitError(f"--since: `{revision}` is no commit of {root}{_why_unknown(root, revision)}")
    if _run(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode:
        raise GitError(f"--since: there is no commit yet in {root}")
    base = _run(root, "merge-base", found.stdout.decode().strip(), "HEAD")
    if base.returncode == 1:
        hint = _shallow_hint(root)
        raise GitError(f"--since: `{revision}` and HEAD share no commit{hint or ': their histories are apart'}")
    if base.returncode:
        raise GitError(f"--since: git merge-base: {_said(base)}")
    return base.stdout.decode().split()[0]


def _why_unknown(root: str, revision: str) -> str:
    refs = _run(root, "for-each-ref", "--format=%(refname:short)")
    known = refs.stdout.decode("utf-8", "replace").split() if not refs.returncode else []
    return nearest(revision, known) or _shallow_hint(root)


def _shallow_hint(root: str) -> str:
    shallow = _run(root, "rev-parse", "--is-shallow-repository")
    if shallow.stdout.strip() != b"true":
        return ""
    return ": the clone is shallow and may lack it (`git fetch --unshallow`; `fetch-depth: 0` for actions/checkout)"


# --- the form of a diff


_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def _spans(lines: list[bytes]) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """For each file, the lines that are new or other in it."""
    path: bytes | None = None
    spans: list[tuple[int, int]] = []
    left = 0
    for line in lines:
        if left and not line.startswith(b"\\"):
            # a line of the file, whatever it looks like
            left -= 1
            continue
        if line.startswith(b"diff --git "):
            if path is not None and spans:
                yield path, spans
            path, spans = None, []
        elif line.startswith(b"+++ "):
            path = _path(line[4:])
        elif (match := _HUNK.match(line)) is not None:
            removed = int(match[1]) if match[1] is not None else 1
            first, added = int(match[2]), int(match[3]) if match[3] is not None else 1
            left = removed + added
            if added:
                spans.append((first, first + added - 1))
    if path is not None and spans:
        yield path, spans


_ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


def _path(name: bytes) -> bytes | None:
    """The path in a `+++` line; None for a file that is gone."""
    if name.startswith(b'"'):
        name = _ESCAPE.sub(_unescaped, name.rstrip(b"\t\r")[1:-1])
    else:
        # git ends a name with blanks in it by a tab
        name = name.removesuffix(b"\t")
    return name[2:] if name.startswith(b"b/") else None


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8)]) if len(code) == 3 else _ESCAPED.get(code, code)


# --- git itself


def _run(folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Raises `GitError` where there is no git, or no end."""
    # nothing is written, and messages are those that are known
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, env=environment, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise GitError("--since: git is needed to tell what has changed, and is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"--since: git {arguments[0]}: no answer after {_SECONDS} seconds") from None
    except OSError as error:
        raise GitError(f"--since: git cannot be run: {error.strerror or error}") from None


def _checked(folder: str, *arguments: str) -> bytes:
    done = _run(folder, *arguments)
    if done.returncode:
        raise GitError(f"--since: git: {_said(done)}")
    return done.stdout


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else f"exit status {done.returncode}"
