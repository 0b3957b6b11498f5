"""The pipeline: discover, decode, lower, link, rules, suppress. One for a single file and for many.

A file's findings depend on its own text, the settings that hold for it, and the files that it imports, never on who
imports it or on which other paths were given. So both doors report the same, whatever the order of files.
"""

from __future__ import annotations

import gc
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar

import msgspec

from cancelcheck.catalog import Catalog, CatalogError
from cancelcheck.config import ConfigError, LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine import requirements, watch
from cancelcheck.engine.aside import Aside
from cancelcheck.engine.contents import Contents, digest_of
from cancelcheck.engine.contracts import Contracts
from cancelcheck.engine.decode import DecodeError, check_length, decode
from cancelcheck.engine.discover import InputFile, discover, excluded
from cancelcheck.engine.ground import Changed, Graph, Ground, Node
from cancelcheck.engine.lowering import ParseError, lower_module
from cancelcheck.engine.modules import Modules
from cancelcheck.engine.patterns import Patterns
from cancelcheck.engine.reading import Lent, ReadingProject, parts_of
from cancelcheck.engine.recall import Asked, AskingProject, FactStore, Recall, Seen, file_of_facts
from cancelcheck.engine.report import By, Report, RunError, Suppressed
from cancelcheck.engine.select import Selection, codes_of
from cancelcheck.engine.store import Store, digest
from cancelcheck.engine.suppress import Directive, Suppressions
from cancelcheck.engine.texts import Texts, digest_of_text
from cancelcheck.engine.watch import WATCH, TooLongError
from cancelcheck.files import name_of, shown_name
from cancelcheck.link import Context
from cancelcheck.link.asking import Asking
from cancelcheck.link.project import ModuleView
from cancelcheck.link.promises.contracts import bears_name_of, operation_of
from cancelcheck.model.contract import Operation
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Rule
from cancelcheck.model.source import STDIN, UNNAMED, SourceFile
from cancelcheck.rules import RULES

if TYPE_CHECKING:
    from cancelcheck.engine.shards import Shard

Progress = Callable[[str, int, int], None]
"""Is told what is done, and with how many of how many files: they are `read` first where there are several processes,
and then `checked`."""

Lowered = tuple[SourceFile, ModuleFacts]

_HEAD_CHARACTERS = 4_000
_HEAD = re.compile(r"""(?:\s+|\#[^\n]*|"{3}(?:[^"\\]|\\.|"(?!""))*"{3}|'{3}(?:[^'\\]|\\.|'(?!''))*'{3})*""", re.VERBOSE)
_GENERATED_NAMES = ("_pb2.py", "_pb2_grpc.py")

Filter = Callable[[Report, "Engine"], Report]
"""Leaves out of a report what is not to be told."""

_FEW = 8
"""Files after a change that are checked anew without asking what is known of them, or keeping it: the run is kept."""

_NOTED = 128
"""Files of which a run begins to note what they look at. It takes half as long again, as nothing is taken over from the
check of another file; so a run that has to look at many after a change does it for some of them."""

_OFTEN = 2
"""Folders from which a file has been imported whose facts are put aside although it has been checked. Of all files one
in five is asked for again, and hardly one of those that nothing leads to: to lower these anew takes a tenth of the time
in which the facts of all are written."""

UNSERVED = "CAN509"
"""The rule that reports operations of a contract that nothing serves."""

MAX_WEIGHT = 6_000_000
"""Characters of text whose facts, and what was found out about them, are held at once: some 300 MB. Each time that they
are dropped, what many modules import is linked anew."""

_T = TypeVar("_T")


def check(
    paths: Sequence[str],
    finder: SettingsFinder,
    *,
    rules: Sequence[Rule] = RULES,
    stdin: bytes | None = None,
    stdin_filename: str | None = None,
    given: Mapping[str, bytes] | None = None,
    progress: Progress | None = None,
    store: Store | None = None,
    jobs: int = 1,
    filters: Sequence[Filter] = (),
    ground: Ground | None = None,
    before: Changed | None = None,
    shard: Shard | None = None,
) -> Report:
    """Check files and folders. With `stdin` the path `-` stands for these bytes, under the name `stdin_filename`.
    `given` are the bytes of files that are not to be read from the disk, by absolute path; `filters` say in turn which
    of the findings are reported; all that the report stands on is told to `ground`. Of an earlier run that was asked
    for the same (`before`), only what can have seen a change is looked at. With a `shard` only its files are checked.

    What was found before is taken from the `store`, and what is found now is kept there. `jobs` is how many processes
    may be used; the report does not depend on it. Raises `ConfigError` where a setting that holds for one of the files
    is wrong.
    """
    with closing(Engine(finder, rules=rules, store=store, recalls=True)) as engine:
        findings: list[Finding] = []
        errors: list[RunError] = []
        if before is not None:
            files = engine.begin_with(before)
            seen = {file.path for file in files}
            findings += [finding for finding in before.findings if finding.path not in seen]
        else:
            files, errors = discover([path for path in paths if path != STDIN or stdin is None], finder, ground=ground)
        if stdin is not None:
            file = engine.input_file(stdin_filename or UNNAMED)
            if not (stdin_filename and file.loaded.settings.force_exclude and engine.is_excluded(file)):
                engine.give(file, stdin)
                files.append(file)
        for absolute, content in (given or {}).items():
            engine.contents.give(absolute, content)
        if before is None:
            engine.announce(files)
        if shard is not None:
            # each part knows all settings: what they say of the whole project, the first part tells
            engine.prepare(files)
            files = shard.pick(files)
        missing: list[InputFile] = []
        # what may have seen a change is hardly known, and of a few files it takes longer to find that out
        recalls = before is None or len(files) > _FEW
        for file in files:
            known = engine.recall(file) if recalls else None
            if known is None:
                missing.append(file)
            else:
                findings.extend(known)
        known_count = len(files) - len(missing)
        if recalls and (known_count or before is not None):
            # where something is known, something will be asked again
            engine.note(missing)

        def tell(done: int, what: str = "checked") -> None:
            if progress is not None:
                progress(what, known_count + done, len(files))

        for file, found in _checked(engine, missing, jobs, tell):
            findings.extend(found)
            if recalls:
                engine.remember(file, found)
        if before is None and (shard is None or shard.number == 1):
            findings.extend(engine.check_contracts([path for path in paths if path != STDIN]))
        tell(len(missing))
    report = engine.report(findings, files=len(files) if before is None else before.run.count, errors=errors)
    for keep in filters:
        report = keep(report, engine)
    if ground is not None:
        engine.stand_on(ground)
        ground.graph = engine.graph(before)
    return report


def rarely_collect() -> None:
    """For a process that does nothing but check: what it makes is held until `Engine.forget`, which looks for garbage.
    Before that there is hardly any, and looking for it takes a fourteenth of the time."""
    gc.freeze()
    gc.disable()


def _checked(
    engine: Engine, files: Sequence[InputFile], jobs: int, tell: Callable[[int, str], None]
) -> Iterator[tuple[InputFile, list[Finding]]]:
    """The findings of files that are to be checked, in this process or in others."""
    if jobs > 1 and len(files) > 1 and engine.is_shareable:
        from cancelcheck.engine.pool import check_in_processes, pays

        # of a process that has threads, no copy may be made, and it does nothing that could last
        WATCH.stop()
        if pays(files):
            yield from check_in_processes(engine, files, jobs, tell)
            return
    for done, file in enumerate(files):
        tell(done, "checked")
        yield file, engine.examine(file)
        if engine.is_heavy:
            engine.forget()


class Engine:
    """The state of a run: each file is read and lowered once, each set of settings gets one project.

    `noqa`: whether `# noqa` comments count. Failures are collected in `errors`, their files in `failed`. Facts are kept
    in the `store`, and taken from it; with `recalls` findings are too (`recall`, `remember`). `weight` is how many
    characters' facts are held, until `forget`. Files that it takes too long to read are `slow`. Of those in `noted` it
    is noted what their check looks at in others (`engine.reading`).
    """

    def __init__(
        self,
        finder: SettingsFinder,
        *,
        rules: Sequence[Rule] = RULES,
        noqa: bool = True,
        store: Store | None = None,
        recalls: bool = False,
    ) -> None:
        self.finder = finder
        self.errors: list[RunError] = []
        self.failed: set[str] = set()
        self.contents = Contents(store)
        self.weight = 0
        self._rules = tuple(rules)
        self._noqa = noqa
        self.store = store
        self.notes: list[str] = []
        self.announced: tuple[InputFile, ...] = ()
        self.names: tuple[tuple[str, str], ...] = ()
        self._fact_store = FactStore(store) if store is not None else None
        self._aside = Aside()
        # rules that are not the package's own may have changed without anyone knowing
        self.recalls = recalls and store is not None and self._rules == RULES
        self.slow: set[str] = set()
        self._modules = Modules(finder)
        self._scopes: dict[int, _Scope] = {}
        self._programs: dict[bytes, _Program] = {}
        self._shown: dict[str, str] = {}
        self._absolutes: dict[str, str] = {}
        self._all_absolute: bool | None = None
        self._lowered: dict[str, Lowered | None] = {}
        self._led_to: Counter[str] = Counter()
        self._examined: set[str] = set()
        self._sources: dict[str, SourceFile] = {}
        self._digests: dict[str, bytes] = {}
        self._seen: dict[str, Seen] = {}
        self.noted: frozenset[str] = frozenset()
        self._looked_at: dict[str, bytes] = {}
        self._parts: dict[str, bytes] = {}

    # --- what is checked

    def input_file(self, path: str) -> InputFile:
        """A file under the name `path`, whether there is one or not. Raises `ConfigError`."""
        absolute = os.path.abspath(path)
        return InputFile(
            shown_name(PurePath(path).as_posix()), absolute, self.finder.for_folder(os.path.dirname(absolute))
        )

    def give(self, file: InputFile, content: bytes | str) -> None:
        """Use these bytes, or this text, and not what may be on the disk."""
        self.contents.give(file.absolute, content)
        self._lowered.pop(file.absolute, None)

    def announce(self, files: Sequence[InputFile]) -> None:
        """Say how the files are to be shown, also where another one's trace leads through them."""
        self.announced = tuple(files)
        self.call([(file.path, file.absolute) for file in files])

    def call(self, names: Sequence[tuple[str, str]]) -> None:
        """Show files under these paths: pairs of one and where the file is."""
        self.names = tuple(names)
        for shown, absolute in names:
            self._name(absolute, shown)
        self._all_absolute = all(os.path.isabs(shown) for shown, _ in names)

    def begin_with(self, before: Changed) -> list[InputFile]:
        """Take in what an earlier run knew of files that have not changed; the files of which something may be said
        that was not said then. Raises `ConfigError`."""
        nodes, checked = before.graph.nodes, before.graph.checked
        self.call([(shown, nodes[place].absolute) for shown, place in checked])
        changed: list[int] = []
        moved: set[int] = set()
        for place, node in enumerate(nodes):
            if node.absolute not in before.files:
                self.contents.trust(node.absolute, node.content)
            elif self.contents.digest(node.absolute) == node.content:
                continue
            elif node.code and self._code(node.absolute) == node.code:
                moved.add(place)
            else:
                changed.append(place)
        seen = before.graph.reaching(changed) | moved
        paths = {self._show(nodes[place].absolute, "") for place in moved}
        through = {finding.path for finding in before.findings for step in finding.trace if step.path in paths}
        seen.update(place for shown, place in checked if shown in through)
        self.announced = tuple(
            InputFile(shown, nodes[place].absolute, self.finder.for_folder(os.path.dirname(nodes[place].absolute)))
            for shown, place in checked
            if place in seen
        )
        return list(self.announced)

    def graph(self, before: Changed | None) -> Graph | None:
        """Which files led to which; None where that is not known, or where other things decide on a report too."""
        if not self.recalls or any(scope.loaded.settings.baseline is not None for scope in self._scopes.values()):
            return None
        found: dict[str, set[str]] = {}
        read: set[str] = set()
        codes: dict[str, bytes] = {}
        if before is not None:
            nodes = before.graph.nodes
            codes = {node.absolute: node.code for node in nodes if node.absolute not in before.files}
            found = {node.absolute: {nodes[target].absolute for target in node.targets} for node in nodes}
            read = {node.absolute for node in nodes if not node.code}
        for file in self.announced:
            found[file.absolute] = set()
        for program in self._programs.values():
            if program.recall is not None:
                checked = {
                    file.absolute
                    for file in self.announced
                    if self._scope(file.loaded, os.path.dirname(file.absolute)).program is program
                }
                known = program.recall.graph(
                    checked | program.recall.learnt, found.keys() if before is not None else ()
                )
                for absolute, targets in known.items():
                    found.setdefault(absolute, set()).update(targets)
                    if program.recall.is_read(absolute):
                        read.add(absolute)
        places = {absolute: place for place, absolute in enumerate(sorted(found))}
        return Graph(
            [(shown, places[absolute]) for shown, absolute in self.names],
            [
                Node(
                    absolute,
                    self.contents.digest(absolute),
                    b"" if absolute in read else codes.get(absolute) or self._code(absolute),
                    sorted(places[target] for target in found[absolute]),
                )
                for absolute in places
            ],
        )

    def is_excluded(self, file: InputFile) -> bool:
        """Whether the settings exclude it. Raises `ConfigError`."""
        return bool(excluded(file.loaded).decide(file.absolute))

    def check_file(self, file: InputFile) -> list[Finding]:
        """The findings of one file that are to be reported, in order. Raises `ConfigError`."""
        return [finding for finding in self.examine(file) if finding.silenced is None]

    def examine(self, file: InputFile) -> list[Finding]:
        """All findings of one file, those that a comment silences among them, in order. Raises `ConfigError`."""
        failures = len(self.errors)
        findings = self._check_alone(file) if file.absolute in self.noted else self._check(file)
        self._examined.add(file.absolute)
        if len(self.errors) > failures:
            self.failed.add(file.absolute)
        return findings

    def _check_alone(self, file: InputFile) -> list[Finding]:
        """The same, by a project of its own that notes what is looked at."""
        program = self._scope(file.loaded, os.path.dirname(file.absolute)).program
        with program.reading() as project:
            findings = self._check(file)
            asked = {self._absolute(shown): names for shown, names in project.asked.items()}
            bodies = {self._absolute(shown): set(read) for shown, read in project.read.items()}
        self._looked_at[file.absolute] = self._recall(program).looked_at(file.absolute, asked, bodies)
        return findings

    def note(self, files: Sequence[InputFile]) -> None:
        """Of some of these files, note what their checks look at: of those of which it was known before, and of some
        more."""
        programs = self._programs.values()
        known = set[str]().union(*(program.recall.overtaken for program in programs if program.recall is not None))
        others = [file.absolute for file in files if file.absolute not in known]
        self.noted = frozenset((*known, *others[:_NOTED]))

    def looked_at(self, file: InputFile) -> bytes:
        """What the check of a file has looked at, where that was noted."""
        return self._looked_at.pop(file.absolute, b"")

    def _check(self, file: InputFile) -> list[Finding]:
        scope = self._scope(file.loaded, os.path.dirname(file.absolute))
        if file.absolute not in self._shown:
            self._name(file.absolute, file.path)
        active = scope.rules_for(file.absolute)
        codes = frozenset(rule.code for rule in active)
        lowered = self._lowered.get(file.absolute)
        try:
            text = lowered[0].text if lowered is not None else self._text(file.absolute)
        except OSError as error:
            self.errors.append(RunError(f"cannot be read: {error.strerror or error}", file.path))
            return []
        except DecodeError as error:
            source = SourceFile(file.path, "")
            self._note_slow(file, error)
            return self._unreadable(source, error.line, error.reason) if "CAN001" in codes else []
        if scope.skips_generated and _is_generated(file.path, text):
            return []
        source = self._source(file.absolute, text)
        suppressions = Suppressions(source, self._rules, noqa=self._noqa)
        failures = len(self.errors)
        try:
            facts = self._facts(source, file.absolute)
            found = WATCH.within(lambda: list(self._run(scope, active, file.absolute, source, facts)))
        except DecodeError as error:
            self._note_slow(file, error)
            found = self._unreadable(source, error.line, error.reason) if "CAN001" in codes else []
        except TooLongError:
            # what was being worked out is half done, and so may be what it was to be made from
            del self.errors[failures:]
            self._begin_afresh()
            self.failed.add(file.absolute)
            found = self._unreadable(source, 1, _too_long()) if "CAN001" in codes else []
        except Exception as error:
            found = [self._failed(source, "the analysis", "", 1, error)]
        findings = [
            finding if finding.code == "CAN000" else _heard(finding, suppressions.silence(finding)) for finding in found
        ]
        if "CAN002" in codes:
            for directive, problem in suppressions.unused(codes):
                unused = self._unused(source, directive, problem)
                if not suppressions.names(unused):
                    findings.append(unused)
        if any(finding.silenced is None for finding in findings):
            if self.contents.is_given(file.absolute):
                self._sources[file.path] = source
            else:
                # of a large tree a third of the files have findings
                self._digests[file.path] = digest_of_text(text)
        return sorted(findings, key=lambda finding: finding.sort_key)

    def report(self, findings: Sequence[Finding], *, files: int, errors: Sequence[RunError] = ()) -> Report:
        """Everything there is to report, in order, and nothing twice."""
        once = {(finding.sort_key, finding.end_line, finding.end_column): finding for finding in findings}
        ordered = [once[key] for key in sorted(once)]
        return Report(
            findings=tuple(finding for finding in ordered if finding.silenced is None),
            errors=(*errors, *self.errors),
            files=files,
            rules=self._rules,
            sources=self._texts_of(ordered),
            notes=tuple(self.notes),
            suppressed=tuple(
                Suppressed(finding, By.COMMENT, finding.silenced) for finding in ordered if finding.silenced is not None
            ),
        )

    def _texts_of(self, findings: Sequence[Finding]) -> Mapping[str, SourceFile]:
        """The texts of the files that have findings, as they are asked for."""
        return Texts((finding.path for finding in findings if finding.silenced is None), self._sources, self._digests)

    # --- files

    def _scope(self, loaded: LoadedSettings, folder: str) -> _Scope:
        known = self._scopes.get(id(loaded))
        if known is None:
            known = self._scopes[id(loaded)] = _Scope(loaded, self._rules, self._program(loaded, folder))
        return known

    def _program(self, loaded: LoadedSettings, folder: str) -> _Program:
        # what is known is left out only when it has been found
        settings = msgspec.structs.replace(loaded.settings, baseline=None)
        versions = requirements.versions_of(loaded.root)
        contracts = Contracts(loaded.root, settings.sla.openapi, loaded.where)
        key = digest(msgspec.msgpack.encode((settings, sorted(versions.items()))), contracts.key)
        known = self._programs.get(key)
        if known is None:
            try:
                known = _Program(
                    key, folder, settings, versions, self._load, lambda shown: self._is_test(self._absolute(shown))
                )
                known.begin_with(contracts)
            except CatalogError as error:
                raise ConfigError(f"{loaded.where}: {error}") from None
            self._programs[key] = known
        return known

    def _is_test(self, absolute: str) -> bool:
        """Whether the settings that hold for a file call it a test file."""
        folder = os.path.dirname(absolute)
        return self._scope(self.finder.for_folder(folder), folder).is_test(absolute)

    def _text(self, absolute: str) -> str:
        """The text of a file. Raises `OSError` or `DecodeError`."""
        content = self.contents.read(absolute)
        return self._in_time(absolute, lambda: decode(content)) if isinstance(content, bytes) else content

    def _source(self, absolute: str, text: str) -> SourceFile:
        lowered = self._lowered.get(absolute)
        if lowered is not None:
            return lowered[0]
        loaded = self.finder.for_folder(os.path.dirname(absolute))
        module, is_package = self._modules.name(absolute, loaded)
        return SourceFile(self._shown[absolute], text, module=module, is_package=is_package)

    def _facts(self, source: SourceFile, absolute: str) -> ModuleFacts:
        """The facts of a file. Raises `DecodeError`, again each time it is asked."""
        lowered = self._lowered.get(absolute)
        if lowered is None:
            check_length(source.text)
            return self._hold(absolute, source, self._lower(source, absolute))
        return lowered[1]

    def _hold(self, absolute: str, source: SourceFile, facts: ModuleFacts) -> ModuleFacts:
        self._lowered[absolute] = (source, facts)
        self.weight += len(source.text)
        return facts

    def _lower(self, source: SourceFile, absolute: str) -> ModuleFacts:
        if self._fact_store is None or self.contents.is_unsaved(absolute):
            aside = self._aside.get(absolute, source)
            return aside if aside is not None else self._in_time(absolute, lambda: lower_module(source))
        content = self.contents.digest(absolute)
        facts = self._fact_store.get(source, content)
        # it is asked for where others lead to the file, and here its text is at hand
        self._fact_store.code(content, lambda: source.text)
        return facts if facts is not None else self._lower_anew(self._fact_store, source, absolute)

    def _lower_anew(self, store: FactStore, source: SourceFile, absolute: str) -> ModuleFacts:
        content = self.contents.digest(absolute)
        try:
            facts = self._in_time(absolute, lambda: lower_module(source))
        except ParseError as error:
            store.put(source, content, error)
            raise
        store.put(source, content, facts)
        return facts

    def _in_time(self, absolute: str, work: Callable[[], _T]) -> _T:
        """What comes of reading a file, which is not tried again when it took too long. Raises `SlowError`."""
        if absolute in self.slow:
            raise SlowError(1, _too_long())
        try:
            return WATCH.within(work)
        except TooLongError:
            self.slow.add(absolute)
            # another time, or on another machine, it may be quick: nothing that was found without it is kept
            self.contents.steady = False
            raise SlowError(1, _too_long()) from None

    def _note_slow(self, file: InputFile, error: DecodeError) -> None:
        if isinstance(error, SlowError):
            self.failed.add(file.absolute)

    def lower(self, file: InputFile, *, holds: bool) -> None:
        """Have a file's facts kept, and held where it is soon to be checked (`holds`). What is wrong with the file is
        said then."""
        if file.absolute not in self._shown:
            self._name(file.absolute, file.path)
        try:
            text = self._text(file.absolute)
            if file.loaded.settings.skip_generated and _is_generated(file.path, text):
                return
            source = self._source(file.absolute, text)
            content = self.contents.digest(file.absolute)
            if self._fact_store is not None and not self._fact_store.has(source, content):
                check_length(source.text)
                self._fact_store.code(content, lambda: source.text)
                facts = self._lower_anew(self._fact_store, source, file.absolute)
                if holds:
                    self._hold(file.absolute, source, facts)
        except (OSError, DecodeError):
            return

    def file_of_facts(self, file: InputFile) -> bytes:
        """The facts of a file as a file of their own, which `FactStore.take` takes in. Raises `OSError`, `DecodeError`
        where it is not even read, and `ConfigError`."""
        source = self._source_of(file)
        facts: ModuleFacts | ParseError
        try:
            check_length(source.text)
            facts = self._in_time(file.absolute, lambda: lower_module(source))
        except ParseError as error:
            facts = error
        return file_of_facts(source, digest_of(self.contents.read(file.absolute)), facts)

    def _source_of(self, file: InputFile) -> SourceFile:
        if file.absolute not in self._shown:
            self._name(file.absolute, file.path)
        return self._source(file.absolute, self._text(file.absolute))

    def check_contracts(self, paths: Sequence[str]) -> list[Finding]:
        """The operations, of contracts under the given paths, that no function of their project serves. For this all
        files of the project are looked at, whichever were given. Raises `ConfigError`."""
        given = [os.path.realpath(path) for path in paths]
        found: list[Finding] = []
        seen: set[bytes] = set()
        for scope in list(self._scopes.values()):
            program = scope.program
            if program.key in seen or not program.project.operations:
                continue
            seen.add(program.key)
            wanted = [
                operation
                for operation in program.project.operations
                if any(operation.file == path or operation.file.startswith(path + os.sep) for path in given)
                and any(rule.code == UNSERVED for rule in scope.rules_for(operation.file))
            ]
            found += [self._unserved_operation(operation) for operation in self._unserved(scope, wanted)]
        return found

    def _unserved(self, scope: _Scope, wanted: list[Operation]) -> list[Operation]:
        left = dict.fromkeys(wanted)
        files, _ = discover([str(scope.loaded.root)], self.finder) if wanted else ([], [])
        for file in files:
            if not left:
                break
            view, _ = self.view_of(file)
            for function in view.functions if view is not None else ():
                served = operation_of(function)
                if served is not None:
                    left.pop(served, None)
                # whatever hands it to a router, it is there
                for operation in [each for each in left if bears_name_of(function, each)]:
                    left.pop(operation)
            if self.is_heavy:
                self.forget()
        return list(left)

    def _unserved_operation(self, operation: Operation) -> Finding:
        rule = next(rule for rule in self._rules if rule.code == UNSERVED)
        path = self._show(operation.file, "")
        with suppress(OSError, DecodeError):
            self._sources[path] = SourceFile(path, self._text(operation.file))
        named = f" `{operation.operation_id}`" if operation.operation_id else ""
        where = f"`{operation.method} {operation.path}`"
        return Finding(
            path=path,
            line=operation.line,
            column=operation.column,
            end_line=operation.line,
            end_column=operation.column + len(operation.field),
            code=rule.code,
            name=rule.name,
            family=rule.family.value,
            message=f"operation{named} promises {operation.timeout_ms:g} ms for {where}, "
            "and no function of the project serves it: nothing keeps the promise",
            help="Name the handler in `operationId`, mend the path, or drop the field.",
            statement=operation.text,
        )

    def view_of(self, file: InputFile) -> tuple[ModuleView | None, str]:
        """A file's module in its project, and why there is none where the file cannot be read; neither for a test file
        or a generated one. Raises `ConfigError`."""
        scope = self._scope(file.loaded, os.path.dirname(file.absolute))
        if file.absolute not in self._shown:
            self._name(file.absolute, file.path)
        try:
            text = self._text(file.absolute)
            if scope.is_test(file.absolute) or (scope.skips_generated and _is_generated(file.path, text)):
                return None, ""
            source = self._source(file.absolute, text)
            return scope.program.project.add(source, self._facts(source, file.absolute)), ""
        except OSError as error:
            return None, f"cannot be read: {error.strerror or error}"
        except DecodeError as error:
            return None, f"line {error.line}: the file {error.reason}"

    def _load(self, name: str, near: str) -> Lowered | None:
        """The file that a module's name stands for in the file shown as `near`; None if there is none, or it cannot be
        read or parsed: that is reported where the file itself is checked."""
        absolute = self._modules.find(name, self._absolute(near))
        if absolute is None:
            return None
        self._led_to[absolute] += 1
        return self._lowered_at(absolute, near)

    def _lowered_at(self, absolute: str, near: str) -> Lowered | None:
        if absolute not in self._lowered:
            self._show(absolute, near)
            try:
                source = self._source(absolute, self._text(absolute))
                self._facts(source, absolute)
            except (OSError, DecodeError):
                self._lowered[absolute] = None
        return self._lowered[absolute]

    def _name(self, absolute: str, shown: str) -> None:
        """Show a file under this path."""
        self._shown[absolute] = shown
        self._absolutes[shown] = absolute

    def _absolute(self, shown: str) -> str:
        """The absolute path of a file that is shown under a path."""
        return self._absolutes.get(shown) or os.path.abspath(name_of(shown))

    def _show(self, absolute: str, near: str) -> str:
        """The path under which a file is shown that the file shown as `near` led to."""
        shown = self._shown.get(absolute)
        if shown is None:
            as_it_is = self._all_absolute if self._all_absolute is not None else os.path.isabs(near)
            shown = absolute if as_it_is else _relative(absolute)
            self._name(absolute, shown)
        return shown

    # --- what is known from earlier runs

    def recall(self, file: InputFile) -> list[Finding] | None:
        """The findings of a file from an earlier run, if they still hold. Raises `ConfigError`."""
        if not self.recalls or self.contents.is_given(file.absolute):
            return None
        scope = self._scope(file.loaded, os.path.dirname(file.absolute))
        recall = self._recall(scope.program)
        if not recall.knows_any or not self.contents.digest(file.absolute):
            return None
        if file.absolute not in self._shown:
            self._name(file.absolute, file.path)
        findings = recall.findings(file.absolute, self._how(scope, file.absolute))
        if findings is None:
            return None
        if any(finding.silenced is None for finding in findings):
            try:
                text = self._text(file.absolute)
            except (OSError, DecodeError):
                text = ""
            self._digests[file.path] = digest_of_text(text)
        return list(findings) if self.contents.steady else None

    def remember(self, file: InputFile, findings: Sequence[Finding]) -> None:
        """Keep the findings of a file that was checked without a failure."""
        if not self.recalls or file.absolute in self.failed or self.contents.is_given(file.absolute):
            return
        if self.contents.digest(file.absolute):
            scope = self._scope(file.loaded, os.path.dirname(file.absolute))
            recall = self._recall(scope.program)
            recall.keep(file.absolute, self._how(scope, file.absolute), findings, self.looked_at(file))

    def codes(self, file: InputFile) -> list[str]:
        """The rules that report on a file. Raises `ConfigError`."""
        scope = self._scope(file.loaded, os.path.dirname(file.absolute))
        return [rule.code for rule in scope.rules_for(file.absolute)]

    def reports(self, file: InputFile, code: str, *, strict: bool) -> bool:
        """Whether a rule reports on a file; `strict`: also what is made only with `--strict`, or by name."""
        scope = self._scope(file.loaded, os.path.dirname(file.absolute))
        return code in self.codes(file) and (not strict or scope.selection.strict or code in scope.selection.named)

    @property
    def is_shareable(self) -> bool:
        """Whether another process would find the same: with the package's rules, and files as they are on the disk."""
        return self._rules == RULES and self._noqa and not self.contents.has_given

    @property
    def is_heavy(self) -> bool:
        """Whether it is time to `forget`: the facts take much memory, and can be kept elsewhere."""
        return self.weight > MAX_WEIGHT and (self.store is not None or self._aside.is_usable)

    def take(
        self,
        file: InputFile,
        failures: Sequence[RunError],
        text: bytes,
        looked_at: bytes,
        *,
        failed: bool,
    ) -> None:
        """Take in what another process says of a file: what has failed, the digest of its text where it has findings,
        and what its check has looked at."""
        self.errors.extend(failures)
        if failed:
            self.failed.add(file.absolute)
        if text:
            self._digests[file.path] = text
        if looked_at:
            self._looked_at[file.absolute] = looked_at

    def digest_of(self, file: InputFile) -> bytes:
        """The digest of the text of a file that has findings; empty for any other."""
        return self._digests.get(file.path, b"")

    def forget(self) -> None:
        """Drop the facts of all files. Where no cache has them, those that may be asked for again are put aside."""
        if self.store is None:
            for absolute, lowered in self._lowered.items():
                if lowered is not None and (absolute not in self._examined or self._led_to[absolute] >= _OFTEN):
                    self._aside.put(absolute, *lowered)
        for program in self._programs.values():
            self._learn(program)
            program.project.dissolve()
            program.forget()
        self._lowered.clear()
        self.weight = 0
        # what else there is by now is little
        gc.collect()

    def asked(self) -> list[tuple[str, Asked]]:
        """Which modules were looked for, since the last time this was asked: for each set of settings, by a folder for
        which they hold."""
        return [(program.folder, self._take_asked(program)) for program in self._programs.values()]

    def prepare(self, files: Sequence[InputFile]) -> None:
        """Raises `ConfigError`, the same each time, where the settings of one of the files are wrong."""
        for file in files:
            self._scope(file.loaded, os.path.dirname(file.absolute))

    def learn(self, folder: str, asked: Asked) -> None:
        """Take in what another process has asked for."""
        if self.recalls:
            self._recall(self._scope(self.finder.for_folder(folder), folder).program).learn(asked)

    def stand_on(self, ground: Ground) -> None:
        """Tell all that was looked at and looked for."""
        self.contents.stand_on(ground)
        self._modules.stand_on(ground)
        for scope in self._scopes.values():
            requirements.stand_on(scope.loaded.root, ground)
            baseline = scope.loaded.settings.baseline
            if baseline is not None:
                ground.places.add(os.path.join(scope.loaded.root, baseline))
            contracts = scope.program.contracts
            if contracts is not None and contracts.files:
                # which files there are in the project decides on what is said of a contract
                ground.is_lasting = False
        ground.places.update(self.finder.looked_for)
        ground.is_lasting &= self.contents.steady and not self.failed

    def _begin_afresh(self) -> None:
        """Drop everything that was worked out of facts; what was asked for is still known."""
        for program in self._programs.values():
            program.begin_afresh()

    def close(self) -> None:
        """Write down what is to be kept."""
        WATCH.stop()
        self._aside.close()
        if self.store is None:
            return
        if self.recalls and self.contents.steady:
            for program in self._programs.values():
                self._learn(program)
                if program.recall is not None:
                    program.recall.store()
        self.store.flush()
        if self.store.problem:
            self.notes.append(self.store.problem)

    def _learn(self, program: _Program) -> None:
        if self.recalls:
            self._recall(program).learn(self._take_asked(program))

    def _take_asked(self, program: _Program) -> Asked:
        """Which modules were looked for since the last time, by the absolute path of the file that did."""
        return {self._absolute(shown): names for shown, names in program.take_asked().items()}

    def _recall(self, program: _Program) -> Recall:
        if program.recall is None:
            assert self.store is not None
            program.recall = Recall(
                self.store, program.key, self._look, self._modules.find, self._absolute, self._parts_of
            )
        return program.recall

    def _look(self, absolute: str) -> Seen:
        known = self._seen.get(absolute)
        if known is None:
            module, is_package = self._modules.name(absolute, self.finder.for_folder(os.path.dirname(absolute)))
            # a file's name may be no Unicode
            shown, name = (text.encode("utf-8", "surrogatepass") for text in (self._show(absolute, ""), module))
            content = self.contents.digest(absolute)
            known = self._seen[absolute] = Seen(
                shown, name, is_package, self._is_test(absolute), self._code(absolute), content
            )
        return known

    def _parts_of(self, absolute: str) -> bytes:
        """Digests of the parts of a file; empty where it cannot be read."""
        known = self._parts.get(absolute)
        if known is None:
            assert self._fact_store is not None
            seen = self._look(absolute)
            known = self._fact_store.parts(seen)
            if known is None:
                lowered = self._lowered_at(absolute, "")
                known = parts_of(lowered[0].text, lowered[1]) if lowered is not None else b""
                if known:
                    self._fact_store.put_parts(seen, known)
            self._parts[absolute] = known
        return known

    def _code(self, absolute: str) -> bytes:
        """Stands for the code of a file."""
        content = self.contents.digest(absolute)
        return self._fact_store.code(content, lambda: self._readable(absolute)) if self._fact_store else content

    def _readable(self, absolute: str) -> str | None:
        try:
            return self._text(absolute)
        except (OSError, DecodeError):
            return None

    def _how(self, scope: _Scope, absolute: str) -> bytes:
        """A digest of what decides on a file's findings besides texts and settings."""
        codes = [rule.code for rule in scope.rules_for(absolute)]
        return digest(*(code.encode() for code in codes), b"noqa" if self._noqa else b"")

    # --- findings

    def _run(
        self, scope: _Scope, active: Sequence[Rule], absolute: str, source: SourceFile, facts: ModuleFacts
    ) -> Iterator[Finding]:
        try:
            view = scope.program.project.add(source, facts)
            view.is_test = scope.is_test(absolute)
            functions = [function for function in view.functions if function.is_defined]
        except Exception as error:
            yield self._failed(source, "the analysis", "", 1, error)
            return
        asking = Asking(functions)
        for rule in active:
            if rule.check is None:
                continue
            try:
                asked = asking.of(rule.asks)
            except Exception:
                asked = functions  # the rule comes to the same, and it is said where
            if not asked:
                continue
            context = Context(view, rule, scope.program.catalog, scope.loaded.settings)
            reports_strict = scope.selection.strict or rule.code in scope.selection.named
            for function in asked:
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


class SlowError(DecodeError):
    """To read the file takes too long."""


def _too_long() -> str:
    return f"takes more than {watch.LIMIT:.0f} seconds to be analysed"


class _Program:
    """The project under certain settings: one for all folders where they are the same. `folder` is one of them; `key`
    stands for all that the rules are told besides the files."""

    def __init__(
        self,
        key: bytes,
        folder: str,
        settings: Settings,
        versions: Mapping[str, str],
        load: Callable[[str, str], Lowered | None],
        is_test: Callable[[str], bool],
    ) -> None:
        self.key = key
        self.folder = folder
        self.catalog = Catalog(settings.api, versions)
        self.recall: Recall | None = None
        self._settings = settings
        self._versions = versions
        self._load = load
        self._is_test = is_test
        self.contracts: Contracts | None = None
        self.forget()

    def forget(self) -> None:
        """Begin afresh, with no file known."""
        self._lent: dict[str, Lent] = {}
        self.project = AskingProject(self.catalog, self._settings, self._load, self._is_test)
        if self.contracts is not None:
            self.project.operations = self.contracts.operations

    @contextmanager
    def reading(self) -> Iterator[ReadingProject]:
        """Meanwhile a project that knows nothing checks one file, and notes what that looks at in others."""
        held = self.project
        reading = ReadingProject(self.catalog, self._settings, self._load, self._is_test, self._lent)
        reading.operations = held.operations
        self.project = reading
        yield reading
        if self.project is reading:
            self.project = held
        for asked in (held.asked, reading.asked):
            for path, names in asked.items():
                self.project.asked.setdefault(path, set()).update(names)
        reading.dissolve()

    def begin_with(self, contracts: Contracts) -> None:
        """Take in what the contracts say."""
        self.contracts = contracts
        self.project.operations = contracts.operations

    def begin_afresh(self) -> None:
        """As `forget`, also the catalogue; what was asked for is still known."""
        asked = self.project.asked
        self.catalog = Catalog(self._settings.api, self._versions)
        self.forget()
        self.project.asked = asked

    def take_asked(self) -> Asked:
        """Which modules were looked for since the last time, by the path under which the file that did is shown."""
        asked, self.project.asked = self.project.asked, {}
        return asked


class _Scope:
    """What holds for the files under one set of settings. Raises `ConfigError`."""

    def __init__(self, loaded: LoadedSettings, rules: Sequence[Rule], program: _Program) -> None:
        settings = loaded.settings
        self.loaded = loaded
        self.program = program
        self.selection = Selection(loaded, rules)
        self.skips_generated = settings.skip_generated
        self._tests = self._patterns("test-files", settings.test_files)
        self._is_test: dict[str, bool] = {}
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
        known = self._is_test.get(absolute)
        if known is None:
            known = self._is_test[absolute] = bool(self._tests.decide(absolute))
        return known

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


def _heard(finding: Finding, comment: str | None) -> Finding:
    return finding if comment is None else msgspec.structs.replace(finding, silenced=comment)


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
        return shown_name(Path(absolute).relative_to(Path.cwd()).as_posix())
    except ValueError:
        return shown_name(Path(absolute).as_posix())
