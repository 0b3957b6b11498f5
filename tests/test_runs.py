"""What holds for every run: no crash on code that nobody here wrote, and the same report whatever is known besides.

The standard library is the corpus: every machine that runs the tests has it.
"""

from __future__ import annotations

import sysconfig
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cancelcheck.config import LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.pipeline import Engine
from cancelcheck.model.finding import Finding
from tests.support.checking import Alone, check_folder, check_text, project_files
from tests.support.fixtures import fixture_settings, project_cases, project_settings
from tests.support.programs import programs
from tests.support.sources import label, standard_library

STDLIB = Path(sysconfig.get_paths()["stdlib"])
PACKAGES = [STDLIB / name for name in ("asyncio", "concurrent", "http")]

QUICK = standard_library(320, max_size=60_000)
CHUNKS = [QUICK[start::8] for start in range(8)]
ALL = standard_library(100_000, max_size=2_000_000)

STRICT = fixture_settings(Settings(), STDLIB, strict=True)

PATH = Path(__file__).with_name("made_up.py")
"""Where made-up programs are said to stand; there is no such file."""

FAILURES = {"CAN000", "CAN001"}

NOT_INNOCENT = {"CAN501"}
"""Rules to which an unknown callee is no excuse: who marks a function asks to be told. Knowledge takes reports away."""

TOLD_ELSEWHERE = {
    "default_timeout_elsewhere": "CAN401",
    "instances_followed": "CAN401",
    "frameworks_elsewhere": "CAN122",
}
"""Projects in which an import takes a report away: a call is timed after all, by a subclass that sets a timeout where
the annotation names its base, or by a default for the whole process; or the framework is one whose cancellation is an
ordinary error."""


def settings_for(folder: Path) -> LoadedSettings:
    if folder.is_relative_to(STDLIB):
        return fixture_settings(Settings(), folder.parent, strict=True)
    return project_settings(folder, strict=True)


def check_all(files: list[Path]) -> list[Finding]:
    """The findings of files that have nothing to do with each other, in one run. Fails if the run itself does."""
    engine = Engine(SettingsFinder(fixed=STRICT))
    inputs = [InputFile(path.relative_to(STDLIB).as_posix(), str(path), STRICT) for path in files]
    engine.announce(inputs)
    found = [finding for file in inputs for finding in engine.check_file(file)]
    assert [f"{error.path}: {error.message}" for error in engine.errors] == []
    return found


@pytest.mark.parametrize("files", CHUNKS, ids=range(len(CHUNKS)))
def test_no_rule_fails_on_the_standard_library(files: list[Path]) -> None:
    assert len(files) >= 38
    assert [finding for finding in check_all(files) if finding.code in FAILURES] == []


@pytest.mark.slow
def test_no_rule_fails_on_all_of_the_standard_library() -> None:
    assert len(ALL) > 500
    assert [finding for finding in check_all(ALL) if finding.code in FAILURES] == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs())
def test_no_rule_fails_on_made_up_programs(text: str) -> None:
    found = check_text(PATH, text, STRICT)
    assert [finding for finding in found if finding.code in FAILURES] == []


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs(max_depth=5))
def test_no_rule_fails_on_thousands_of_made_up_programs(text: str) -> None:
    found = check_text(PATH, text, STRICT)
    assert [finding for finding in found if finding.code in FAILURES] == []


@pytest.mark.parametrize("folder", [*PACKAGES, *project_cases()], ids=label)
def test_more_knowledge_only_adds_findings(folder: Path) -> None:
    loaded = settings_for(folder)
    together = Counter((f.path, f.line, f.column, f.code) for f in check_folder(folder, loaded))
    alone: Counter[tuple[str, int, int, str]] = Counter()
    for file in project_files(folder, loaded):
        found = check_text(Path(file.absolute), None, loaded, engine=Alone)
        innocent = {*NOT_INNOCENT, TOLD_ELSEWHERE.get(folder.name)}
        alone.update((file.path, f.line, f.column, f.code) for f in found if f.code not in innocent)
    assert sorted((alone - together).elements()) == []


@pytest.mark.parametrize("folder", [*PACKAGES, *project_cases()], ids=label)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_files_makes_no_difference(folder: Path, seed: int) -> None:
    loaded = settings_for(folder)
    count = len(project_files(folder, loaded))
    order = list(reversed(range(count))) if seed == 0 else sorted(range(count), key=lambda index: (index * 7919) % 101)
    assert check_folder(folder, loaded, order=order) == check_folder(folder, loaded)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_line_ends_make_no_difference(text: str, end: str) -> None:
    plain = [(finding.line, finding.column, finding.code) for finding in check_text(PATH, text, STRICT)]
    other = check_text(PATH, text.replace("\n", end), STRICT)
    assert [(finding.line, finding.column, finding.code) for finding in other] == plain
