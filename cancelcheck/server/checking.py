"""What an editor's open documents have to say, with their unsaved text in place of the files'."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from cancelcheck.config import ConfigError, Overrides, SettingsFinder
from cancelcheck.engine.baseline import Known
from cancelcheck.engine.decode import DecodeError, decode
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.pipeline import Engine
from cancelcheck.engine.store import FOLDER, Store
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile

T = TypeVar("T")


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """What an editor can set: the options of `cancelcheck check` that say which rules report, `config`, and how many
    seconds after a change to wait for another one."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    strict: bool = False
    config: str | None = None
    delay: float = 0.3

    @property
    def overrides(self) -> Overrides:
        """As the command line would have it."""
        return Overrides(
            select=self.select,
            extend_select=self.extend_select,
            ignore=self.ignore,
            strict=self.strict,
            force_exclude=True,
        )


_KEYS = frozenset(field.encode_name for field in msgspec.structs.fields(ServerSettings))


def settings_from(given: object) -> ServerSettings | None:
    """Settings as an editor sends them, `{"cancelcheck": {…}}` or what stands in it; None where nothing in it is meant
    for this server, for editors send what they have. Raises `ConfigError`."""
    if isinstance(given, Mapping) and "cancelcheck" in given:
        given = given["cancelcheck"]
    elif not isinstance(given, Mapping) or not _KEYS.intersection(given):
        return None
    if given is None:
        return None
    try:
        return msgspec.convert(given, ServerSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the editor's settings for cancelcheck: {error}") from None


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in the documents, by absolute path; those that could not be checked are not there.

    `sources` are the texts of all files that the findings lead through, by the path that they name. `problems` are what
    the user has to know of, each one a text.
    """

    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    sources: Mapping[str, SourceFile] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Checker:
    """Checks documents. Each time the settings are looked for anew, and the files as they are; facts are kept.

    `cache` is the folder for what is kept; None: the one of the project. With `keeps` false nothing is.
    """

    def __init__(self, cache: Path | None, *, keeps: bool) -> None:
        self._cache = cache
        self._keeps = keeps
        self._store: Store | None = None

    def check(self, documents: Mapping[str, str], settings: ServerSettings) -> Checked:
        """The findings of documents, by absolute path. What goes wrong with one of them is a problem, and no reason to
        leave the others."""
        try:
            return self._check(documents, settings)
        except ConfigError as error:
            return Checked(problems=(str(error),))

    def _check(self, documents: Mapping[str, str], settings: ServerSettings) -> Checked:
        config = Path(settings.config) if settings.config is not None else None
        finder = SettingsFinder(config=config, overrides=settings.overrides)
        if self._store is None and self._keeps:
            self._store = Store(self._cache or finder.project_folder() / FOLDER)
        engine = Engine(finder, store=self._store, recalls=True)
        problems: list[str] = []
        findings: dict[str, Sequence[Finding]] = {}
        files: list[InputFile] = []
        for absolute, text in documents.items():
            failed = len(problems)
            file = _tried(problems, partial(_taken_in, engine, absolute, text))
            if file is not None:
                files.append(file)
            elif len(problems) == failed:
                findings[absolute] = ()
        engine.announce(files)
        known = Known()
        for file in files:
            found = _tried(problems, partial(_found, engine, known, file))
            if found is not None:
                findings[file.absolute] = found
        problems += [error.trace or error.message for error in engine.errors]
        self._keep(engine)
        sources = {file.path: SourceFile(file.path, documents[file.absolute]) for file in files}
        for found in findings.values():
            for step in (step for finding in found for step in finding.trace):
                if step.path not in sources:
                    sources[step.path] = _source(step.path)
        return Checked(findings, sources, (*problems, *engine.notes))

    def _keep(self, engine: Engine) -> None:
        """Keep what was found out. What depends on a text that is nowhere but in the editor will not be asked for
        again."""
        if not engine.contents.has_given:
            engine.close()
        elif self._store is not None:
            self._store.flush()


def _tried(problems: list[str], do: Callable[[], T]) -> T | None:
    """What comes of it. Where it fails that is a problem, and no reason to leave the other documents."""
    try:
        return do()
    except ConfigError as error:
        problems.append(str(error))
    except Exception as error:
        problems.append("".join(traceback.format_exception(error)))
    return None


def _taken_in(engine: Engine, absolute: str, text: str) -> InputFile | None:
    """A document as a file to check, with the text that it has in the editor; None where it is excluded."""
    file = engine.input_file(absolute)
    if engine.is_excluded(file):
        return None
    if not _is_saved(absolute, text):
        engine.give(file, text)
    return file


def _found(engine: Engine, known: Known, file: InputFile) -> Sequence[Finding]:
    found = engine.recall(file)
    if found is None:
        found = engine.examine(file)
        if not engine.contents.has_given:
            engine.remember(file, found)
    return known.new(file, [finding for finding in found if finding.silenced is None])


def _is_saved(absolute: str, text: str) -> bool:
    """Whether the file holds just this text."""
    try:
        return decode(Path(absolute).read_bytes()) == text
    except (OSError, ValueError, DecodeError):
        return False


def _source(path: str) -> SourceFile:
    """The text of a file that a finding leads through; nothing where it cannot be read any more."""
    try:
        return SourceFile(path, decode(Path(path).read_bytes()))
    except (OSError, DecodeError):
        return SourceFile(path, "")
