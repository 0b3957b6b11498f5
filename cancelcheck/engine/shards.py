"""A run that several machines share: each checks a part of the files, and the parts make the report of the whole.

Which file is in which part depends on nothing but the files' paths and sizes. Every part knows what it was asked for:
parts of different runs are not put together.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from cancelcheck.engine import versions
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.report import By, Report, RunError, Suppressed
from cancelcheck.engine.store import digest
from cancelcheck.engine.texts import Texts
from cancelcheck.model.finding import Finding
from cancelcheck.rules import RULES

_FORM = 1


class ShardError(Exception):
    """A part that is none, or parts that are not those of one run."""


class Shard(NamedTuple):
    """The part `number` of `total`, from 1 on."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """What `3/8` says. Raises `ShardError`."""
        found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
        shard = cls(int(found[1]), int(found[2])) if found is not None else None
        if shard is None or not 1 <= shard.number <= shard.total:
            raise ShardError(f"`{text}` is no part of a whole: `3/8` is the third of eight")
        return shard

    def pick(self, files: Sequence[InputFile]) -> list[InputFile]:
        """The files of this part, in their order: all parts are of about the same size."""
        loads = [0] * self.total
        mine: set[str] = set()
        for size, file in sorted(((_size(file), file) for file in files), key=lambda pair: (-pair[0], pair[1].path)):
            lightest = loads.index(min(loads))
            loads[lightest] += size + 1
            if lightest == self.number - 1:
                mine.add(file.absolute)
        return [file for file in files if file.absolute in mine]


def _size(file: InputFile) -> int:
    try:
        return os.path.getsize(file.absolute)
    except OSError:
        return 0


class _Error(msgspec.Struct, frozen=True):
    message: str
    path: str
    rule: str
    trace: str


class _Silenced(msgspec.Struct, frozen=True):
    finding: Finding
    by: By
    reason: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one part. `asked` stands for what the run was asked for, and for the program."""

    form: int
    number: int
    total: int
    asked: str
    files: int
    findings: tuple[Finding, ...]
    suppressed: tuple[_Silenced, ...]
    errors: tuple[_Error, ...]
    notes: tuple[str, ...]


def asked_for(settings: Mapping[str, object], paths: Sequence[str]) -> str:
    """Stands for what a run was asked for; the same on every machine."""
    return digest(versions.everything(), ascii((sorted(settings.items()), list(paths))).encode()).hex()


def written(report: Report, shard: Shard, asked: str) -> bytes:
    """A part as it stands in a file: JSON."""
    part = Part(
        form=_FORM,
        number=shard.number,
        total=shard.total,
        asked=asked,
        files=report.files,
        findings=report.findings,
        suppressed=tuple(_Silenced(*suppressed) for suppressed in report.suppressed),
        errors=tuple(_Error(error.message, error.path, error.rule, error.trace) for error in report.errors),
        notes=report.notes,
    )
    # a file's name may hold half a surrogate pair, which msgspec's own encoder refuses
    return json.dumps(msgspec.to_builtins(part)).encode("ascii")


def read(data: bytes) -> Part:
    """A part that `written` made. Raises `ShardError`."""
    try:
        part = msgspec.convert(json.loads(data), Part)
    except (ValueError, RecursionError):
        raise ShardError(
            "it is no part of a report: `cancelcheck check --shard 1/2 --output FILE` writes one"
        ) from None
    if part.form != _FORM:
        raise ShardError("another version of cancelcheck wrote it")
    return part


def merged(parts: Sequence[Part]) -> Report:
    """The report of the whole. Raises `ShardError` where a part is missing, twice, or of another run."""
    total = parts[0].total
    if len({(part.asked, part.total) for part in parts}) > 1:
        raise ShardError("the parts are of different runs: paths, settings and version have to be the same")
    numbers = sorted(part.number for part in parts)
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    missing = sorted(set(range(1, total + 1)) - set(numbers))
    for problem, which in (("given twice", twice), ("missing", missing)):
        if which:
            raise ShardError(
                f"of {total} parts {', '.join(map(str, which))} {'is' if len(which) == 1 else 'are'} {problem}"
            )
    findings = sorted((finding for part in parts for finding in part.findings), key=lambda finding: finding.sort_key)
    suppressed = [Suppressed(one.finding, one.by, one.reason) for part in parts for one in part.suppressed]
    return Report(
        findings=tuple(findings),
        errors=_errors(sorted(parts, key=lambda part: part.number)),
        files=sum(part.files for part in parts),
        rules=RULES,
        sources=Texts({finding.path for finding in findings}),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        suppressed=tuple(sorted(suppressed, key=lambda one: one.finding.sort_key)),
    )


def _errors(parts: Sequence[Part]) -> tuple[RunError, ...]:
    """What every part says, about the paths that were given, once and first; then what is about single files."""
    counts: dict[_Error, int] = {}
    for part in parts:
        for error in part.errors:
            counts[error] = counts.get(error, 0) + 1
    common = [error for error, count in counts.items() if count == len(parts)]
    own = sorted((error for error, count in counts.items() if count < len(parts)), key=lambda error: error.path)
    return tuple(RunError(error.message, error.path, error.rule, error.trace) for error in (*common, *own))
