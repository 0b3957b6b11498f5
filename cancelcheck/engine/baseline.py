"""Findings that a project knows of: those in its baseline are not reported.

A finding is known by its file, code, qualified name and the statement's text, never by its line. Of several that are
the same, as many are known as the baseline counts. An entry that no finding answers to any more is stale, where its
file was checked with its rule in this run, or is gone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec

from cancelcheck import files
from cancelcheck.config import ConfigError, LoadedSettings, shown
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.report import By, Report, Suppressed
from cancelcheck.engine.writing import write_whole
from cancelcheck.model.finding import Finding

if TYPE_CHECKING:
    from cancelcheck.engine.pipeline import Engine

FILE = "cancelcheck-baseline.json"
"""The name of a baseline where none is given, in the folder of the settings."""

_FORM = 1
_LARGEST = 100_000_000
"""Bytes of a baseline, which are some 400,000 findings."""
_NEVER_KNOWN = ("CAN000",)
_NAMED = 20
"""So many stale entries are named one by one."""


class BaselineError(ConfigError):
    """A baseline that cannot be read, or is none."""


class Entry(msgspec.Struct, frozen=True, order=True, omit_defaults=True, forbid_unknown_fields=True):
    """Findings that are the same, `count` of them. `path` is relative to the baseline's folder; `strict` says that they
    are made only with `--strict`, or by name."""

    path: str
    code: str
    symbol: str
    statement: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    strict: bool = False


class _Document(msgspec.Struct, frozen=True):
    format: Literal["cancelcheck-baseline"]
    version: int
    findings: tuple[Entry, ...]


Key = tuple[str, str, str, str]
"""Path, code, symbol and statement."""


class Split(NamedTuple):
    """The findings that are new, those that are known, and the entries that are left over, with how many of each."""

    new: list[Finding]
    known: list[Finding]
    left: Counter[Key]


class Baseline:
    """What stands in one file."""

    def __init__(self, file: Path, entries: Iterable[Entry] = ()) -> None:
        self.file = file
        self.counts: Counter[Key] = Counter()
        self.strict: set[Key] = set()
        for entry in entries:
            key = (entry.path, entry.code, entry.symbol, entry.statement)
            self.counts[key] += entry.count
            if entry.strict:
                self.strict.add(key)

    def key(self, finding: Finding) -> Key:
        """The entry that a finding would be."""
        return self.place(finding.path), finding.code, finding.symbol, finding.statement

    def place(self, path: str) -> str:
        """A path as it stands in the file: relative to its folder."""
        absolute, folder = os.path.abspath(path), os.path.abspath(self.file.parent)
        try:
            return PurePath(os.path.relpath(absolute, folder)).as_posix()
        except ValueError:
            # on another drive
            return PurePath(absolute).as_posix()

    def absolute(self, place: str) -> str:
        """Where the file of an entry is."""
        return os.path.normpath(os.path.join(os.path.abspath(self.file.parent), place))

    def split(self, findings: Iterable[Finding]) -> Split:
        """Tell what is new from what is known."""
        left = Counter(self.counts)
        new: list[Finding] = []
        known: list[Finding] = []
        for finding in findings:
            if finding.code not in _NEVER_KNOWN and left[self.key(finding)] > 0:
                left[self.key(finding)] -= 1
                known.append(finding)
            else:
                new.append(finding)
        left = +left
        if new and left:
            new, moved = self._moved(new, left)
            known += moved
        return Split(new, known, left)

    def _moved(self, findings: Sequence[Finding], left: Counter[Key]) -> tuple[list[Finding], list[Finding]]:
        """Tell new ones from those that are known of a file which is no longer there: it has moved, its module has
        not."""
        gone: dict[tuple[str, str, str], list[Key]] = {}
        for key in sorted(left):
            if not os.path.exists(self.absolute(key[0])):
                gone.setdefault(key[1:], []).append(key)
        new: list[Finding] = []
        known: list[Finding] = []
        for finding in findings:
            keys = [key for key in gone.get(self.key(finding)[1:], ()) if left[key] > 0]
            if keys and finding.code not in _NEVER_KNOWN:
                left[keys[0]] -= 1
                known.append(finding)
            else:
                new.append(finding)
        for key in [key for key, count in left.items() if count <= 0]:
            del left[key]
        return new, known

    def entries(self) -> Iterator[Entry]:
        """What is to stand in the file, in order."""
        for key in sorted(self.counts):
            yield Entry(*key, count=self.counts[key], strict=key in self.strict)

    def write(self) -> None:
        """Write the file: one line for each entry, so that two branches seldom meet in one. Raises OSError."""
        import json

        rows = [json.dumps(msgspec.to_builtins(entry), ensure_ascii=False) for entry in self.entries()]
        listed = "[\n    " + ",\n    ".join(rows) + "\n  ]" if rows else "[]"
        text = f'{{\n  "format": "cancelcheck-baseline",\n  "version": {_FORM},\n  "findings": {listed}\n}}\n'
        # half a character, which the name of a file may hold, becomes the escape that JSON has for it
        write_whole(self.file, text.encode("utf-8", "backslashreplace"))


def load(file: Path) -> Baseline:
    """The baseline in a file. Raises `BaselineError`."""
    try:
        data = files.read(file, limit=_LARGEST)
    except OSError as error:
        reason = error.strerror or error
        raise BaselineError(f"{shown(file)}: the baseline cannot be read: {reason}{_hint(error)}") from None
    if len(data) > _LARGEST:
        raise BaselineError(f"{shown(file)}: is no baseline of cancelcheck: it has more than {_LARGEST:,} bytes")
    try:
        document = _parsed(data)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise BaselineError(f"{shown(file)}: is no baseline of cancelcheck: {error}") from None
    if document.version > _FORM:
        raise BaselineError(
            f"{shown(file)}: the baseline was written by a newer cancelcheck: use that, or write it anew"
        )
    return Baseline(file, document.findings)


def _parsed(data: bytes) -> _Document:
    """Raises `ValueError` or `ValidationError`."""
    try:
        return msgspec.json.decode(data, type=_Document)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeError):
        # says the line, and knows the escape of half a character
        import json

        return msgspec.convert(json.loads(data.decode("utf-8")), _Document)


def _hint(error: OSError) -> str:
    return " (`--write-baseline` writes one)" if isinstance(error, FileNotFoundError) else ""


def file_for(loaded: LoadedSettings) -> Path | None:
    """Where the baseline is for files under these settings; None if there is to be none."""
    name = loaded.settings.baseline
    return Path(os.path.join(loaded.root, name)) if name is not None else None


class Known:
    """Leaves known findings out of a report (a filter of `pipeline.check`), each by the baseline that its file's
    settings name. With `writes` all are taken for known, and a baseline that is not there yet is none; `write` then
    writes them. With `prunes` stale entries are not named; `prune` takes them out. `unnamed` are files that no setting
    names.
    """

    def __init__(self, *, writes: bool = False, prunes: bool = False) -> None:
        self._writes = writes
        self._prunes = prunes
        self.unnamed: set[Path] = set()
        self._baselines: dict[Path, Baseline] = {}
        self._for_settings: dict[int, Baseline | None] = {}
        self._findings: dict[Path, list[Finding]] = {}
        self._judged: Callable[[Baseline, Key], bool] = lambda baseline, key: False

    def __call__(self, report: Report, engine: Engine) -> Report:
        """The report without what is known. Raises `BaselineError`."""
        self._findings = {}
        new: list[Finding] = []
        folders: dict[str, Baseline | None] = {}
        for path, findings in _by_path(report.findings).items():
            folder = os.path.dirname(path)
            if folder not in folders:
                folders[folder] = self._baseline(engine.input_file(path).loaded)
            baseline = folders[folder]
            if baseline is None:
                new += findings
            else:
                self._findings.setdefault(baseline.file, []).extend(findings)
        for file in engine.announced:
            # also of files without findings, of which entries may be stale
            self._baseline(file.loaded)
        self._judged = _judge(report, engine)
        known: list[Finding] = []
        notes: list[str] = []
        for baseline in self._baselines.values():
            split = baseline.split(self._findings.get(baseline.file, ()))
            if self._writes:
                new += [finding for finding in split.new if finding.code in _NEVER_KNOWN]
                known += [finding for finding in split.new if finding.code not in _NEVER_KNOWN] + split.known
            else:
                new += split.new
                known += split.known
                if not self._prunes:
                    notes += _named(baseline, self._stale(baseline, split.left))
        return msgspec.structs.replace(
            report,
            findings=tuple(sorted(new, key=lambda finding: finding.sort_key)),
            suppressed=tuple(
                sorted(
                    (*report.suppressed, *(Suppressed(finding, By.BASELINE, "known") for finding in known)),
                    key=lambda suppressed: suppressed.finding.sort_key,
                )
            ),
            notes=(*report.notes, *notes),
        )

    def new(self, file: InputFile, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Those findings of one file that are not known. Raises `BaselineError`."""
        baseline = self._baseline(file.loaded) if findings else None
        return baseline.split(findings).new if baseline is not None else findings

    def write(self) -> list[tuple[Path, int]]:
        """Write what was found last; what that run could not tell stays as it was. The files, and how many findings are
        in each. Raises OSError."""
        written: list[tuple[Path, int]] = []
        for baseline in self._baselines.values():
            kept = [key for key in baseline.counts if not self._judged(baseline, key)]
            fresh = Baseline(baseline.file)
            for key in kept:
                fresh.counts[key] = baseline.counts[key]
            fresh.strict = baseline.strict.intersection(kept)
            for finding in self._findings.get(baseline.file, ()):
                if finding.code not in _NEVER_KNOWN:
                    fresh.counts[fresh.key(finding)] += 1
                    if finding.strict:
                        fresh.strict.add(fresh.key(finding))
            fresh.write()
            written.append((baseline.file, fresh.counts.total()))
        return written

    def prune(self) -> list[tuple[Path, int]]:
        """Take out what is stale. The files that had any, and how many. Raises OSError."""
        pruned: list[tuple[Path, int]] = []
        for baseline in self._baselines.values():
            stale = self._stale(baseline, baseline.split(self._findings.get(baseline.file, ())).left)
            if stale:
                baseline.counts -= stale
                baseline.write()
                pruned.append((baseline.file, stale.total()))
        return pruned

    def _baseline(self, loaded: LoadedSettings) -> Baseline | None:
        key = id(loaded)
        if key not in self._for_settings:
            self._for_settings[key] = self._read(loaded)
        return self._for_settings[key]

    def _read(self, loaded: LoadedSettings) -> Baseline | None:
        file = file_for(loaded)
        if file is None and self._writes:
            file = loaded.root / FILE
            self.unnamed.add(file)
        if file is None:
            return None
        known = self._baselines.get(file)
        if known is None:
            is_new = self._writes and not os.path.exists(file)
            known = self._baselines[file] = Baseline(file) if is_new else load(file)
        return known

    def _stale(self, baseline: Baseline, left: Mapping[Key, int]) -> Counter[Key]:
        return Counter({key: count for key, count in left.items() if self._judged(baseline, key)})


def _by_path(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.path, []).append(finding)
    return found


def _judge(report: Report, engine: Engine) -> Callable[[Baseline, Key], bool]:
    """Whether a run can tell that an entry has no findings: its file was checked, with its rule, or is gone."""
    checked = {file.absolute: file for file in engine.announced if file.absolute not in engine.failed}
    for finding in report.findings:
        if finding.code == "CAN001":
            checked.pop(os.path.abspath(finding.path), None)
    codes = {rule.code for rule in report.rules}

    def judged(baseline: Baseline, key: Key) -> bool:
        place, code = key[:2]
        absolute = baseline.absolute(place)
        file = checked.get(absolute)
        if file is None:
            return not os.path.exists(absolute)
        return code not in codes or code == "CAN001" or engine.reports(file, code, strict=key in baseline.strict)

    return judged


def _named(baseline: Baseline, stale: Counter[Key]) -> Iterator[str]:
    if not stale:
        return
    name = shown(baseline.file)
    for key in sorted(stale)[:_NAMED]:
        place, code, symbol, statement = key
        times = f" ({stale[key]} times)" if stale[key] > 1 else ""
        where = f" in `{symbol}`" if symbol else ""
        yield f"{name}: stale: {place}: {code}{where}: `{statement}`{times}"
    rest = len(stale) - _NAMED
    more = f"{rest} more entries are stale; " if rest > 0 else ""
    yield f"{name}: {more}`--prune-baseline` takes stale entries out"
