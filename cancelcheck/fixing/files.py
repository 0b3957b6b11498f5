"""The fixes of a whole run: rounds over all its files, in memory; then each file is written once.

What one file says of itself may change what is found in another, so each round checks everything again; from the cache,
that is what has changed. Nothing is written that does not parse, or that cannot be written as the file was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from cancelcheck.engine.decode import DecodeError, check_length, decode, encode
from cancelcheck.engine.lowering import ParseError, lower_module
from cancelcheck.engine.report import Report, RunError
from cancelcheck.engine.writing import replace_unchanged
from cancelcheck.fixing.edits import MAX_ROUNDS, fix_once
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile

Check = Callable[[Mapping[str, bytes]], Report]
"""Checks all there is to check, with some files, by absolute path, as if these bytes stood in them."""


class FileFix(NamedTuple):
    """A file that fixes change: what stood in it, what is to stand in it, and the findings that are mended by that."""

    path: str
    absolute: str
    before: bytes
    after: bytes
    applied: tuple[Finding, ...]


class Mended(NamedTuple):
    """What came of the rounds: the files that change, and what is left to report once they have."""

    files: tuple[FileFix, ...]
    report: Report


@dataclass(slots=True)
class _Text:
    """A file on its way."""

    path: str
    absolute: str
    before: bytes
    text: str
    applied: list[Finding] = field(default_factory=list)

    @property
    def after(self) -> bytes:
        return encode(self.text, like=self.before)


def fix_files(check: Check, given: Mapping[str, bytes] | None = None, *, unsafe: bool = False) -> Mended:
    """Apply fixes, check again, and so on, until none is left; nothing is written. `given` stands for what is in files,
    as it does for `check`; `unsafe`: also fixes that have to be asked for."""
    at_first = dict(given or {})
    texts: dict[str, _Text] = {}
    refused: dict[str, RunError] = {}
    report = check(at_first)
    for _ in range(MAX_ROUNDS):
        if not _round(report, texts, at_first, refused, unsafe):
            break
        report = check({**at_first, **_overlay(report, texts)})
    else:
        if _fixable(report, refused, unsafe):
            note = f"after {MAX_ROUNDS} rounds some fixes are still to be made: run it again"
            report = msgspec.structs.replace(report, notes=(*report.notes, note))
    return Mended(
        tuple(
            FileFix(text.path, text.absolute, text.before, text.after, tuple(text.applied))
            for text in sorted(texts.values(), key=lambda text: text.path)
            if text.applied
        ),
        msgspec.structs.replace(report, errors=(*report.errors, *refused.values())),
    )


def write_files(files: Iterable[FileFix]) -> list[RunError]:
    """Write the files, and say which could not be."""
    failures: list[RunError] = []
    for file in files:
        try:
            replace_unchanged(Path(file.absolute), file.before, file.after)
        except OSError as error:
            failures.append(RunError(f"is not fixed: {error.strerror or error}", file.path))
    return failures


def _fixable(report: Report, refused: Mapping[str, RunError], unsafe: bool) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        fix = finding.fix
        if fix is not None and finding.path not in refused and (unsafe or fix.safety.value == "safe"):
            found.setdefault(finding.path, []).append(finding)
    return found


def _round(
    report: Report, texts: dict[str, _Text], given: Mapping[str, bytes], refused: dict[str, RunError], unsafe: bool
) -> bool:
    """Apply what fits together in each file. Whether anything has changed."""
    changed = False
    for path, findings in _fixable(report, refused, unsafe).items():
        absolute = os.path.abspath(path)
        real = os.path.realpath(absolute)
        known = texts.get(real)
        if known is not None and known.path != path:
            # the same file by another name
            continue
        try:
            text = known if known is not None else _read(path, absolute, given, report)
            new, applied = fix_once(text.text, findings, unsafe=unsafe)
            if new == text.text:
                continue
            _examine(new, text, applied)
        except _RefusedError as error:
            refused[path] = RunError(f"is not fixed: {error}", path)
            continue
        texts[real] = text
        text.text = new
        text.applied += applied
        changed = True
    return changed


class _RefusedError(Exception):
    """Why a file is left as it is."""


def _read(path: str, absolute: str, given: Mapping[str, bytes], report: Report) -> _Text:
    """The file as it was checked. Raises `_RefusedError`."""
    try:
        before = given[absolute] if absolute in given else Path(absolute).read_bytes()
        text = decode(before)
    except OSError as error:
        raise _RefusedError(error.strerror or str(error)) from None
    except DecodeError as error:
        raise _RefusedError(error.reason) from None
    source = report.sources.get(path)
    if source is None or source.text != text:
        raise _RefusedError("it was changed while it was checked")
    try:
        if encode(text, like=before) != before:
            raise _RefusedError("its encoding has several forms of the same text")
    except UnicodeEncodeError:
        raise _RefusedError("its text cannot be written in its encoding") from None
    return _Text(path, absolute, before, text)


def _examine(new: str, text: _Text, applied: Iterable[Finding]) -> None:
    """Raises `_RefusedError` for a text that must not be written."""
    codes = ", ".join(sorted({finding.code for finding in applied}))
    try:
        encode(new, like=text.before)
    except UnicodeEncodeError:
        raise _RefusedError(f"what {codes} would write has characters that its encoding lacks") from None
    try:
        check_length(new)
        lower_module(SourceFile(text.path, new))
    except ParseError as error:
        reason = f"line {error.line} would be no Python: this is a defect in the fix of {codes}: please report it"
        raise _RefusedError(reason) from None
    except DecodeError as error:
        raise _RefusedError(error.reason) from None


def _overlay(report: Report, texts: Mapping[str, _Text]) -> dict[str, bytes]:
    """What the files hold by now, by each name that they are checked under."""
    names = {os.path.abspath(path) for path in report.sources}
    others = {name: texts[real] for name in names if (real := os.path.realpath(name)) in texts}
    return {name: text.after for name, text in {**others, **{t.absolute: t for t in texts.values()}}.items()}
