"""The same findings through flake8, under `CAN`.

flake8 gives one file at a time; what that file imports is read on demand, by the pipeline that the command uses too.
"""

from __future__ import annotations

import ast
import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from flake8.exceptions import ExecutionError

from cancelcheck import __version__, files
from cancelcheck.config import ConfigError, Door, Overrides, SettingsFinder, options
from cancelcheck.engine.baseline import Known
from cancelcheck.engine.decode import DecodeError, decode
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.pipeline import Engine
from cancelcheck.engine.store import FOLDER, Store
from cancelcheck.model.finding import Finding
from cancelcheck.reporting.printable import printable
from cancelcheck.rules import RULES

if TYPE_CHECKING:
    import argparse

    from flake8.options.manager import OptionManager

_PREFIX = "cancelcheck"

# flake8 shows what is logged below its own name with `-v`
_log = logging.getLogger("flake8.cancelcheck")


class Plugin:
    """What flake8 calls for each file."""

    name = "cancelcheck"
    version = __version__

    _engine: ClassVar[Engine | None] = None
    """One for all files of a process, so that an imported file is read once."""
    _known: ClassVar[Known] = Known()
    settled: ClassVar[int] = 0
    """Characters of text whose facts Python's collector looks at no more."""

    def __init__(self, tree: ast.AST, filename: str, lines: list[str]) -> None:
        # flake8 tells by the parameter that this is to be called once for each file
        del tree
        self._filename = filename
        self._lines = lines

    @classmethod
    def add_options(cls, parser: OptionManager) -> None:
        """Add the options of the table that are flake8's too."""
        for option in options():
            if Door.FLAKE8 not in option.about.doors:
                continue
            if option.type is bool:
                parser.add_option(
                    f"--{_PREFIX}-{option.name}",
                    action="store_true",
                    default=False,
                    parse_from_config=True,
                    help=option.about.help,
                )
            else:
                parser.add_option(
                    f"--{_PREFIX}-{option.name}",
                    default=option.default,
                    parse_from_config=True,
                    normalize_paths=True,
                    metavar=option.about.metavar,
                    help=option.about.help,
                )

    @classmethod
    def parse_options(cls, given: argparse.Namespace) -> None:
        """Set up the pipeline. A strict rule that flake8 is told to select by its code is asked for here too."""
        codes = {rule.code for rule in RULES}
        asked = (*(given.select or ()), *(given.extend_select or ()))
        overrides = Overrides(strict=given.cancelcheck_strict, extend_select=tuple(sorted(codes.intersection(asked))))
        config = given.cancelcheck_config
        try:
            finder = SettingsFinder(config=Path(config) if config is not None else None, overrides=overrides)
            finder.for_folder(Path.cwd())
        except ConfigError as error:
            raise ExecutionError(f"cancelcheck: {error}") from None
        cls._engine = Engine(finder, noqa=not given.disable_noqa, store=_store(finder), recalls=True)
        cls._known = Known()

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Line, column from 0, text and type of each finding."""
        engine = self._engine if self._engine is not None else Engine(SettingsFinder())
        failures = len(engine.errors)
        try:
            file = engine.input_file(self._filename)
            if engine.is_excluded(file):
                return
            text = "".join(self._lines)
            if not _is_on_disk(file.absolute, text):
                engine.give(file, text)
            findings = self._known.new(file, _found(engine, file))
        except ConfigError as error:
            raise ExecutionError(f"cancelcheck: {error}") from None
        for failure in engine.errors[failures:]:
            _log.error("%s: %s\n%s", failure.path, failure.message, failure.trace)
        for finding in findings:
            yield finding.line, finding.column - 1, f"{finding.code} {printable(finding.message)}", Plugin


def _store(finder: SettingsFinder) -> Store | None:
    """Where what is known of files is kept: where the command keeps it."""
    if os.environ.get("CANCELCHECK_NO_CACHE", "") not in ("", "0", "false"):
        return None
    given = os.environ.get("CANCELCHECK_CACHE_DIR")
    return Store(Path(os.path.realpath(given)) if given else finder.project_folder() / FOLDER)


def _found(engine: Engine, file: InputFile) -> list[Finding]:
    """The findings of a file that are to be reported: known ones, if they still hold."""
    findings = engine.recall(file)
    if findings is None:
        findings = engine.examine(file)
        engine.remember(file, findings)
        _keep_from_collector(engine)
        if engine.store is not None and not engine.store.problem:
            # nobody says when the last file is done, and a process of `-j` is ended without a word
            engine.close()
    return [finding for finding in findings if finding.silenced is None]


_SETTLED = 400_000
"""Characters of text whose facts are made known to Python's collector at once."""


def _keep_from_collector(engine: Engine) -> None:
    """Have Python's collector look no more at the facts that are held: flake8 and pyflakes make much garbage, and in
    each search for it all of them would be gone through again, which takes a fifth of the time of the whole run."""
    if engine.is_heavy:
        gc.unfreeze()
        engine.forget()
        Plugin.settled = 0
    elif engine.weight - Plugin.settled > _SETTLED:
        # what is garbage now would stay for good
        gc.collect()
        gc.freeze()
        Plugin.settled = engine.weight


def _is_on_disk(absolute: str, text: str) -> bool:
    """Whether flake8 read this text from the file: not an editor's, from standard input. It turns every line end to
    `\\n`, and takes what it cannot decode for Latin-1; the pipeline reads the file itself, as for the command."""
    if not os.path.isfile(absolute):
        return False
    try:
        data = files.read(absolute)
    except OSError:
        return False
    try:
        read = decode(data)
    except DecodeError:
        read = data.decode("latin-1")
    return read.replace("\r\n", "\n").replace("\r", "\n") == text
