"""Every fixture is reported exactly where its lines say, by all rules together, with `--strict` and without.

How the lines say it stands in `tests/support/fixtures.py`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cancelcheck.config import Settings
from cancelcheck.fixing import fix_until_stable
from cancelcheck.rules import RULES
from tests.support.checking import file_problems, findings_of, known_findings, project_problems
from tests.support.fixtures import (
    NOTHING,
    budget_cases,
    expected_in,
    fixed_path,
    project_cases,
    read_fixture,
    rule_folders,
    settings_in,
    single_files,
)
from tests.support.sources import FIXTURES, label

BOTH = pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])


@BOTH
@pytest.mark.parametrize("path", single_files(), ids=label)
def test_a_file_is_reported_where_it_says(path: Path, strict: bool) -> None:
    problems = file_problems(path, strict=strict)
    if problems:
        pytest.fail(problems, pytrace=False)


@BOTH
@pytest.mark.parametrize("case", project_cases(), ids=label)
def test_a_project_is_reported_where_it_says(case: Path, strict: bool) -> None:
    problems = project_problems(case, strict=strict)
    if problems:
        pytest.fail(problems, pytrace=False)


@pytest.mark.parametrize("path", single_files(), ids=label)
def test_fixes_lead_to_the_file_beside(path: Path) -> None:
    before = known_findings(path)
    outcome = fix_until_stable(read_fixture(path), lambda text: findings_of(path, text), unsafe=True)
    assert outcome.settled
    assert bool(outcome.applied) == any(finding.fix is not None for finding in before)
    if fixed_path(path).exists():
        assert outcome.applied, "nothing in the fixture carries a fix"
        assert outcome.text == read_fixture(fixed_path(path))
    # One fix may bring another finding to light, which has a fix too: an outer handler that now sees the cancellation.
    # And it may settle what leads to the same place: the call without a timeout that an SLA function reaches.
    left = Counter(finding.code for finding in findings_of(path, outcome.text))
    fixed = {finding.line for finding in before if finding.fix is not None}
    unfixed = [finding for finding in before if finding.fix is None]
    led = [finding for finding in unfixed if any(step.line in fixed for step in finding.trace)]
    least = Counter(finding.code for finding in unfixed) - Counter(finding.code for finding in led)
    assert least <= left <= Counter(finding.code for finding in unfixed)


@pytest.mark.parametrize("folder", rule_folders(), ids=label)
def test_a_rule_with_a_fix_shows_its_outcome(folder: Path) -> None:
    code = folder.name.partition("_")[0].upper()
    files = [path for path in folder.glob("*.py") if not path.name.endswith(".fixed.py")]
    fixable = [path for path in files if any(f.fix and f.code == code for f in known_findings(path))]
    assert not fixable or any(fixed_path(path).exists() for path in fixable)


@pytest.mark.parametrize("folder", rule_folders(), ids=label)
def test_a_rules_folder_has_as_many_hard_negatives_as_reports(folder: Path) -> None:
    code, _, name = folder.name.partition("_")
    assert (code.upper(), name.replace("_", "-")) in {(rule.code, rule.name) for rule in RULES}
    found = NOTHING
    for path in folder.glob("*.py"):
        if not path.name.endswith(".fixed.py"):
            found += expected_in(path.name, read_fixture(path))
    reports = sum(count for (_, _, reported), count in found.strict.items() if reported == code.upper())
    assert reports > 0
    assert found.ok >= reports


def test_every_rule_that_reads_code_has_fixtures() -> None:
    folders = {folder.name.partition("_")[0].upper() for folder in rule_folders()}
    assert {rule.code for rule in RULES if rule.check is not None} - folders == set()


def test_every_file_among_the_fixtures_is_looked_at() -> None:
    known = {*single_files(), *(fixed_path(path) for path in single_files())}
    assert [
        path
        for path in FIXTURES.rglob("*.py")
        if path not in known and not any(path.is_relative_to(case) for case in (*project_cases(), *budget_cases()))
    ] == []


@pytest.mark.parametrize("path", single_files(), ids=label)
def test_a_file_says_something(path: Path) -> None:
    expected = expected_in(path.name, read_fixture(path))
    assert expected.strict or expected.ok


def test_settings_are_read() -> None:
    text = "# settings: strict = true; ignore = ['CAN;1']\n# settings: {sla = {snapshot = ['a'], breakers = ['b']}}\n\n"
    settings = settings_in(text + "# settings: ignored = 1\n")
    assert settings.strict
    assert settings.ignore == ("CAN;1",)
    assert settings.sla.snapshot == ("a",)
    assert settings_in("") == Settings()
