"""Only what a change brings: findings on changed lines, and promises that a changed line may break."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cancelcheck.engine.decode import DecodeError, decode
from cancelcheck.engine.git import Changes, GitError, changes_since, root_of
from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Family

if TYPE_CHECKING:
    from cancelcheck.engine.pipeline import Engine

Spans = Sequence[tuple[int, int]]
"""First and last lines, in order."""

_WHOLE: Spans = ((1, 1 << 60),)
_LINE_END = re.compile(r"\r\n|\r|\n")


class Since:
    """Leaves out of a report what does not stand on a line that has changed since `revision` (a filter of
    `pipeline.check`). A finding about a promise stays if a step of its chain stands on one. Each file counts in the
    repository that it is in; `folders` have to be in one.

    Raises `GitError`.
    """

    def __init__(self, revision: str, folders: Sequence[str]) -> None:
        self._revision = revision
        self._roots: dict[str, str | None] = {}
        self._changes: dict[str, Changes] = {}
        for folder in folders:
            self._in_repository(root_of(os.path.realpath(folder)))

    def __call__(self, report: Report, engine: Engine) -> Report:
        """The report on what has changed. Raises `GitError`."""
        lines = _Lines(self, report)
        return msgspec.structs.replace(
            report, findings=tuple(finding for finding in report.findings if lines.touch(finding))
        )

    def spans(self, absolute: str) -> Spans:
        """The changed lines of a file as it stands on the disk. Raises `GitError`."""
        real = os.path.realpath(absolute)
        root = self._root(os.path.dirname(real))
        if root is None:
            return _WHOLE
        changes = self._in_repository(root)
        path = os.path.relpath(real, changes.root).replace(os.sep, "/")
        if path not in changes.tracked:
            return _WHOLE
        return changes.lines.get(path, ())

    def _in_repository(self, root: str) -> Changes:
        known = self._changes.get(root)
        if known is None:
            known = self._changes[root] = changes_since(root, self._revision)
        return known

    def _root(self, folder: str) -> str | None:
        """The repository around a folder; None where there is none."""
        if folder not in self._roots:
            if os.path.exists(os.path.join(folder, ".git")):
                try:
                    self._roots[folder] = root_of(folder)
                except GitError:
                    # a `.git` that is none
                    self._roots[folder] = None
            else:
                parent = os.path.dirname(folder)
                self._roots[folder] = self._root(parent) if parent != folder else None
        return self._roots[folder]


class _Place(NamedTuple):
    path: str
    first: int
    last: int


class _Lines:
    """The changed lines of the files of a report, as these were when they were checked."""

    def __init__(self, since: Since, report: Report) -> None:
        self._since = since
        self._sources = report.sources
        self._spans: dict[str, Spans] = {}

    def touch(self, finding: Finding) -> bool:
        """Whether a finding is one of the change."""
        if finding.code == "CAN000":
            return True
        if finding.code == "CAN001":
            return bool(self._of(finding.path))
        places = [_Place(finding.path, finding.line, finding.end_line)]
        if finding.family == Family.SLA:
            places += [_Place(step.path, step.line, step.line) for step in finding.trace]
        return any(
            first <= place.last and place.first <= last for place in places for first, last in self._of(place.path)
        )

    def _of(self, path: str) -> Spans:
        if path not in self._spans:
            absolute = os.path.abspath(path)
            spans = self._since.spans(absolute)
            source = self._sources.get(path)
            self._spans[path] = _carried(spans, absolute, source.text) if source is not None else spans
        return self._spans[path]


def _carried(spans: Spans, absolute: str, text: str) -> Spans:
    """The changed lines of a file in a text that may not be on the disk yet: an editor's, or one with fixes."""
    if spans == _WHOLE:
        return spans
    try:
        there = decode(Path(absolute).read_bytes())
    except (OSError, DecodeError):
        return _WHOLE
    if there == text:
        return spans
    matcher = difflib.SequenceMatcher(None, _LINE_END.split(there), _LINE_END.split(text), autojunk=False)
    carried: list[tuple[int, int]] = []
    for kind, before, before_end, after, after_end in matcher.get_opcodes():
        if kind == "equal":
            for first, last in spans:
                begin, end = max(first - 1, before), min(last, before_end)
                if begin < end:
                    carried.append((begin - before + after + 1, end - before + after))
        elif after < after_end:
            carried.append((after + 1, after_end))
    return carried
