"""The pipeline: discover, decode, lower, link, rules, suppress. One for a single file and for many.

A file's findings depend on its own text, the settings that hold for it, and the files that it imports, never on who
imports it or on which other paths were given. So both doors report the same, whatever the order of files.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath

from cancelcheck.catalog import Catalog, CatalogError
from cancelcheck.config import ConfigError, LoadedSettings, SettingsFinder
from cancelcheck.engine.decode import DecodeError, check_length, decode
from cancelcheck.engine.discover import InputFile, discover, excluded
from cancelcheck.engine.modules import Modules
from cancelcheck.engine.patterns import Patterns
from cancelcheck.engine.report import Report, RunError
from cancelcheck.engine.requirements import versions_of
from cancelcheck.engine.select import Selection, codes_of
from cancelcheck.engine.suppress import Directive, Suppressions
from cancelcheck.link import Context, Project
from cancelcheck.lower import LowerError, lower_module
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Rule
from cancelcheck.model.source import SourceFile
from cancelcheck.rules import RULES

Progress = Callable[[int, int], None]
"""Is told how many of how many files are done."""

Lowered = tuple[SourceFile, ModuleFacts]

_HEAD_CHARACTERS = 4_000
_HEAD = re.compile(r"""(?:\s+|\#[^\n]*|"{3}(?:[^"\\]|\\.|"(?!""))*"{3}|'{3}(?:[^'\\]|\\.|'(?!''))*'{3})*""", re.VERBOSE)
_GENERATED_NAMES = ("_pb2.py", "_pb2_grpc.py")

STDIN = "-"
"""The path that means standard input."""


def check(
    paths: Sequence[str],
    finder: SettingsFinder,
    *,
    rules: Sequence[Rule] = RULES,
    stdin: bytes | None = None,
    stdin_filename: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check files and folders. With `stdin` the path `-` stands for these bytes, under the name `stdin_filename`.

    Raises `ConfigError` where a setting that holds for one of the files is wrong.
    """
    engine = Engine(finder, rules=rules)
    files, errors = discover([path for path in paths if path != STDIN or stdin is None], finder)
    if stdin is not None:
        file = engine.input_file(stdin_filename or "<stdin>")
        if not (stdin_filename and file.loaded.settings.force_exclude and engine.is_excluded(file)):
            engine.give(file, stdin)
            files.append(file)
    engine.announce(files)
    findings: list[Finding] = []
    for done, file in enumerate(files):
        if progress is not None:
            progress(done, len(files))
        findings.extend(engine.check_file(file))
    if progress is not None:
        progress(len(files), len(files))
    return engine.report(findings, files=len(files), errors=errors)


class Engine:
    """The state of a run: each file is read and lowered once, each set of settings gets one project.

    `noqa`: whether `# noqa` comments count. Failures are collected in `errors`.
    """

    def __init__(self, finder: SettingsFinder, *, rules: Sequence[Rule] = RULES, noqa: bool = True) -> None:
        self.finder = finder
        self.errors: list[RunError] = []
        self._rules = tuple(rules)
        self._noqa = noqa
        self._modules = Modules(finder)
        self._scopes: dict[int, _Scope] = {}
        self._shown: dict[str, str] = {}
        self._given: dict[str, bytes | str] = {}
        self._lowered: dict[str, Lowered | None] = {}
        self._sources: dict[str, SourceFile] = {}

    # --- what is checked

    def input_file(self, path: str) -> InputFile:
        """A file under the name `path`, whether there is one or not. Raises `ConfigError`."""
        absolute = os.path.abspath(path)
        return InputFile(PurePath(path).as_posix(), absolute, self.finder.for_folder(Path(absolute).parent))

    def give(self, file: InputFile, content: bytes | str) -> None:
        """Use these bytes, or this text, and not what may be on the disk."""
        self._given[file.absolute] = content
        self._lowered.pop(file.absolute, None)

    def announce(self, files: Sequence[InputFile]) -> None:
        """Say how the files are to be shown, also where another one's trace leads through them."""
        for file in files:
            self._shown[file.absolute] = file.path

    def is_excluded(self, file: InputFile) -> bool:
        """Whether the settings exclude it. Raises `ConfigError`."""
        return bool(excluded(file.loaded).decide(file.absolute))

    def check_file(self, file: InputFile) -> list[Finding]:
        """The findings of one file, in order. Raises `ConfigError`."""
        scope = self._scope(file.loaded)
        self._shown.setdefault(file.absolute, file.path)
        active = scope.rules_for(file.absolute)
        codes = frozenset(rule.code for rule in active)
        try:
            text = self._text(file.absolute)
        except OSError as error:
            self.errors.append(RunError(f"cannot be read: {error.strerror or error}", file.path))
            return []
        except DecodeError as error:
            source = SourceFile(file.path, "")
            return self._unreadable(source, error.line, error.reason) if "CAN001" in codes else []
        if scope.skips_generated and _is_generated(file.path, text):
            return []
        source = self._source(file.absolute, text)
        suppressions = Suppressions(source, self._rules, noqa=self._noqa)
        try:
            facts = self._facts(source, file.absolute)
        except (DecodeError, LowerError) as error:
            found = self._unreadable(source, error.line, error.reason) if "CAN001" in codes else []
        except Exception as error:
            found = [self._failed(source, "the analysis", "", 1, error)]
        else:
            found = list(self._run(scope, active, file.absolute, source, facts))
        findings = [finding for finding in found if finding.code == "CAN000" or not suppressions.silence(finding)]
        if "CAN002" in codes:
            for directive, problem in suppressions.unused(codes):
                unused = self._unused(source, directive, problem)
                if not suppressions.names(unused):
                    findings.append(unused)
        if findings:
            self._sources[file.path] = source
        return sorted(findings, key=lambda finding: finding.sort_key)

    def report(self, findings: Sequence[Finding], *, files: int, errors: Sequence[RunError] = ()) -> Report:
        """Everything there is to report, in order, and nothing twice."""
        once = {(finding.sort_key, finding.end_line, finding.end_column): finding for finding in findings}
        return Report(
            findings=tuple(once[key] for key in sorted(once)),
            errors=(*errors, *self.errors),
            files=files,
            rules=self._rules,
            sources=self._sources,
        )

    # --- files

    def _scope(self, loaded: LoadedSettings) -> _Scope:
        known = self._scopes.get(id(loaded))
        if known is None:
            known = self._scopes[id(loaded)] = _Scope(loaded, self._rules, self._load)
        return known

    def _text(self, absolute: str) -> str:
        """The text of a file. Raises `OSError` or `DecodeError`."""
        content = self._given.get(absolute)
        if content is None:
            content = Path(absolute).read_bytes()
        return decode(content) if isinstance(content, bytes) else content

    def _source(self, absolute: str, text: str) -> SourceFile:
        lowered = self._lowered.get(absolute)
        if lowered is not None:
            return lowered[0]
        loaded = self.finder.for_folder(Path(absolute).parent)
        module, is_package = self._modules.name(absolute, loaded)
        return SourceFile(self._shown[absolute], text, module=module, is_package=is_package)

    def _facts(self, source: SourceFile, absolute: str) -> ModuleFacts:
        """The facts of a file. Raises `DecodeError` or `LowerError`, again each time it is asked."""
        lowered = self._lowered.get(absolute)
        if lowered is None:
            check_length(source.text)
            lowered = self._lowered[absolute] = (source, lower_module(source))
        return lowered[1]

    def _load(self, name: str, near: str) -> Lowered | None:
        """The file that a module's name stands for in the file shown as `near`; None if there is none, or it cannot be
        read or parsed: that is reported where the file itself is checked."""
        absolute = self._modules.find(name, os.path.abspath(near))
        if absolute is None:
            return None
        if absolute not in self._lowered:
            if absolute not in self._shown:
                self._shown[absolute] = absolute if os.path.isabs(near) else _relative(absolute)
            try:
                source = self._source(absolute, self._text(absolute))
                self._facts(source, absolute)
            except (OSError, DecodeError, LowerError):
                self._lowered[absolute] = None
        return self._lowered[absolute]

    # --- findings

    def _run(
        self, scope: _Scope, active: Sequence[Rule], absolute: str, source: SourceFile, facts: ModuleFacts
    ) -> Iterator[Finding]:
        try:
            view = scope.project.add(source, facts)
            view.is_test = scope.is_test(absolute)
            functions = view.functions
        except Exception as error:
            yield self._failed(source, "the analysis", "", 1, error)
            return
        for rule in active:
            if rule.check is None:
                continue
            context = Context(view, rule, scope.catalog, scope.loaded.settings)
            reports_strict = scope.selection.strict or rule.code in scope.selection.named
            for function in functions:
                try:
                    for finding in rule.check(function, context):
                        if reports_strict or not finding.strict:
                            yield finding
                except Exception as error:
                    line = source.position(function.facts.start)[0]
                    where = f"`{function.facts.qualname}`" if function.facts.qualname else "the module's body"
                    yield self._failed(source, f"{rule.code} {rule.name}", where, line, error)
                    break

    def _failed(self, source: SourceFile, what: str, where: str, line: int, error: Exception) -> Finding:
        """A defect of ours on one file."""
        rule = what.partition(" ")[0] if what.startswith("CAN") else ""
        at = f" in {where}" if where else ""
        message = f"{what} failed{at}: {type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error))
        self.errors.append(RunError(message, source.path, rule, trace))
        return self._about_line(
            "CAN000", source, line, message, "Report it with the traceback; until it is mended, ignore that rule here."
        )

    def _unreadable(self, source: SourceFile, line: int, reason: str) -> list[Finding]:
        return [
            self._about_line(
                "CAN001", source, line, f"the file {reason}", "Mend it, or exclude it: it was not checked."
            )
        ]

    def _unused(self, source: SourceFile, directive: Directive, problem: str) -> Finding:
        return self._about_line(
            "CAN002",
            source,
            directive.line,
            f"unused suppression: {problem}",
            "Remove it.",
            (directive.column, directive.end_column),
        )

    def _about_line(
        self,
        code: str,
        source: SourceFile,
        line: int,
        message: str,
        help: str,
        columns: tuple[int, int] | None = None,
    ) -> Finding:
        rule = next(rule for rule in self._rules if rule.code == code)
        text = source.line(line)
        start, end = columns if columns is not None else (1, len(text) + 1)
        return Finding(
            path=source.path,
            line=line,
            column=start,
            end_line=line,
            end_column=end,
            code=rule.code,
            name=rule.name,
            family=rule.family.value,
            message=message,
            help=help,
            statement=text.strip(),
        )


class _Scope:
    """What holds for the files under one set of settings. Raises `ConfigError`."""

    def __init__(
        self,
        loaded: LoadedSettings,
        rules: Sequence[Rule],
        load: Callable[[str, str], Lowered | None],
    ) -> None:
        settings = loaded.settings
        self.loaded = loaded
        self.selection = Selection(loaded, rules)
        try:
            self.catalog = Catalog(settings.api, versions_of(loaded.root))
        except CatalogError as error:
            raise ConfigError(f"{loaded.where}: {error}") from None
        self.project = Project(self.catalog, settings, load)
        self.skips_generated = settings.skip_generated
        self._tests = self._patterns("test-files", settings.test_files)
        self._ignores = [
            (
                self._patterns("per-file-ignores", [pattern]),
                codes_of(loaded, f"per-file-ignores.{pattern}", selectors, rules),
            )
            for pattern, selectors in settings.per_file_ignores.items()
        ]

    def _patterns(self, key: str, lines: Sequence[str]) -> Patterns:
        try:
            return Patterns(str(self.loaded.root), lines)
        except ValueError as error:
            raise ConfigError(f"{self.loaded.where}: `{key}`: {error}") from None

    def is_test(self, absolute: str) -> bool:
        """Whether the settings call it a test file."""
        return bool(self._tests.decide(absolute))

    def rules_for(self, absolute: str) -> list[Rule]:
        """The rules that report on a file."""
        ignored = frozenset[str]().union(*(codes for patterns, codes in self._ignores if patterns.decide(absolute)))
        is_test = self.is_test(absolute)
        return [
            rule
            for rule in self.selection.active
            if rule.code == "CAN000"
            or (
                rule.code not in ignored
                and not (is_test and rule.silent_in_tests and rule.code not in self.selection.named)
            )
        ]


def _is_generated(path: str, text: str) -> bool:
    """Whether the name, or the comments and the docstring at the head of the file, say that a program wrote it."""
    if path.endswith(_GENERATED_NAMES):
        return True
    head = text[:_HEAD_CHARACTERS]
    if "@generated" not in head:
        return False
    match = _HEAD.match(head)
    return match is not None and "@generated" in match[0]


def _relative(absolute: str) -> str:
    """A path as a user in the current folder would write it."""
    try:
        return Path(absolute).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return Path(absolute).as_posix()
