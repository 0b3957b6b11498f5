"""Runs of the pipeline that tests ask for: on a file, on a text under a file's name, on a folder."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from cancelcheck.config import LoadedSettings, SettingsFinder
from cancelcheck.engine.discover import InputFile, discover
from cancelcheck.engine.pipeline import Engine, _Scope
from cancelcheck.link import Context
from cancelcheck.link.asking import Asking
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Rule
from cancelcheck.model.source import SourceFile
from tests.support.fixtures import (
    Place,
    expected_in,
    expected_in_project,
    fixture_settings,
    project_settings,
    read_fixture,
    settings_in,
)


class Alone(Engine):
    """An engine that looks at no file but those it is given."""

    def _load(self, name: str, near: str) -> tuple[SourceFile, ModuleFacts] | None:
        return None


class Doubting(Engine):
    """An engine that asks each rule of every function, also of those in which it says that there is nothing for it
    (`Asks`): what it finds there is an error of the run."""

    def _run(
        self, scope: _Scope, active: Sequence[Rule], absolute: str, source: SourceFile, facts: ModuleFacts
    ) -> Iterator[Finding]:
        yield from super()._run(scope, active, absolute, source, facts)
        view = scope.program.project.add(source, facts)
        functions = [function for function in view.functions if function.is_defined]
        asking = Asking(functions)
        for rule in active:
            asked = {function.index for function in asking.of(rule.asks)}
            context = Context(view, rule, scope.program.catalog, scope.loaded.settings)
            for function in functions if rule.check is not None else ():
                if function.index not in asked:
                    assert rule.check is not None
                    missed = [finding.message for finding in rule.check(function, context)]
                    assert not missed, f"{rule.code} is not asked, and says {missed}"


def check_text(path: Path, text: str | None, loaded: LoadedSettings, *, engine: type[Engine] = Engine) -> list[Finding]:
    """The findings of one file, whose text is `text`, or what stands in it. Fails if the run itself does."""
    # an engine has a thread of its own until it is closed
    with closing(engine(SettingsFinder(fixed=loaded))) as running:
        file = InputFile(path.name, str(path), loaded)
        if text is not None:
            running.give(file, text)
        running.announce([file])
        findings = running.check_file(file)
        assert running.errors == []
        return findings


def check_folder(
    folder: Path,
    loaded: LoadedSettings,
    *,
    order: Iterable[int] = (),
    texts: Mapping[str, str] | None = None,
    engine: type[Engine] = Engine,
) -> list[Finding]:
    """The findings of all files of a folder, checked as one project. `order` permutes the files; `texts` are what some
    of them are taken to hold, by path."""
    files = project_files(folder, loaded)
    with closing(engine(SettingsFinder(fixed=loaded))) as running:
        for file in files:
            if texts is not None and file.path in texts:
                running.give(file, texts[file.path])
        running.announce(files)
        findings: list[Finding] = []
        for index in order or range(len(files)):
            findings.extend(running.check_file(files[index]))
        # a contract is shown from the current folder, the files of a case from its own
        for finding in running.check_contracts([str(folder)]):
            shown = Path(finding.path).resolve().relative_to(folder.resolve()).as_posix()
            findings.append(msgspec.structs.replace(finding, path=shown))
        assert running.errors == []
        return sorted(findings, key=lambda finding: finding.sort_key)


def check_fixture(path: Path, text: str | None = None, *, strict: bool, engine: type[Engine] = Engine) -> list[Finding]:
    """The findings of a fixture of one file, with its settings; or of another text in its place."""
    loaded = fixture_settings(settings_in(read_fixture(path)), path.parent, strict=strict)
    return check_text(path, text, loaded, engine=engine)


@functools.cache
def known_findings(path: Path) -> tuple[Finding, ...]:
    """What is found in a fixture as it stands, with `--strict`: looked for once, whichever test asks."""
    return tuple(check_fixture(path, strict=True))


def findings_of(path: Path, text: str) -> list[Finding]:
    """What is found with `--strict` in a fixture that has this text, be it its own or another."""
    return list(known_findings(path)) if text == read_fixture(path) else check_fixture(path, text, strict=True)


def file_problems(path: Path, *, strict: bool) -> str:
    """Where a fixture of one file is not reported as its lines say; empty if it is."""
    wanted = expected_in(path.name, read_fixture(path)).of(strict=strict)
    return difference(places(check_fixture(path, strict=strict, engine=Doubting if strict else Engine)), wanted)


def project_problems(case: Path, *, strict: bool) -> str:
    """The same of a project case."""
    found = check_folder(case, project_settings(case, strict=strict), engine=Doubting if strict else Engine)
    return difference(places(found, case), expected_in_project(case).of(strict=strict))


def project_files(folder: Path, loaded: LoadedSettings) -> list[InputFile]:
    """The files of a project case, named from its folder."""
    files, errors = discover([str(folder)], SettingsFinder(fixed=loaded))
    assert errors == []
    return [InputFile(Path(file.absolute).relative_to(folder).as_posix(), file.absolute, loaded) for file in files]


def places(findings: Sequence[Finding], folder: Path | None = None) -> Counter[Place]:
    """Where the findings stand, in the form of what is expected; paths outside of the run from `folder`."""
    return Counter((_short(finding.path, folder), finding.line, finding.code) for finding in findings)


def _short(path: str, folder: Path | None) -> str:
    if folder is not None and os.path.isabs(path):
        return Path(path).relative_to(folder).as_posix()
    return path


def difference(found: Counter[Place], wanted: Counter[Place]) -> str:
    """What is missing and what is too much, for an assertion's message; empty if they are the same."""
    missing = [f"not reported: {path}:{line}: {code}" for path, line, code in sorted((wanted - found).elements())]
    surplus = [f"not expected: {path}:{line}: {code}" for path, line, code in sorted((found - wanted).elements())]
    return "\n".join(missing + surplus)
