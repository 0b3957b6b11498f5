"""The budget of each entry point is the sum that stands beside it.

A comment on the line of the `def` says it, in milliseconds:

    async def charge(order):  # budget: 3 * 2000 + 2 * 500

`forever` and `unknown` may stand before the sum, where something has no end, or none that is known; what follows is
then the part that is known: `# budget: unknown 2000`. Each folder below `fixtures/budgets` is a project of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from cancelcheck.model.budget import Wait
from tests.support.budgets import budget_problems, entries_of, worked_out
from tests.support.fixtures import budget_cases
from tests.support.sources import label


@pytest.mark.parametrize("case", budget_cases(), ids=label)
def test_the_sum_is_right(case: Path) -> None:
    problems = budget_problems(case)
    if problems:
        pytest.fail(problems, pytrace=False)


@pytest.mark.parametrize("case", budget_cases(), ids=label)
def test_the_lines_add_up(case: Path) -> None:
    for entry in entries_of(case):
        pending = [(entry.worst_ms, entry.waits)]
        while pending:
            total, waits = pending.pop()
            assert round(sum(wait.wait_ms for wait in waits), 3) == pytest.approx(total)
            pending += [(wait.wait_ms, wait.parts) for wait in waits if wait.parts]


@pytest.mark.parametrize("case", budget_cases(), ids=label)
def test_a_sum_of_several_waits_is_written_as_one(case: Path) -> None:
    for entry in entries_of(case):
        line = Path(entry.place.path).read_text("utf-8").splitlines()[entry.place.line - 1]
        written = line.partition("# budget:")[2].partition(";")[0]
        assert _terms(entry.waits) < 2 or any(sign in written for sign in "+*("), line


def _terms(waits: Sequence[Wait]) -> int:
    return sum(_terms(wait.parts) if wait.parts else wait.wait_ms > 0 for wait in waits)


def test_there_are_enough_cases() -> None:
    assert len(budget_cases()) >= 30


def test_a_sum_is_worked_out() -> None:
    assert worked_out("3 * (2000 + 500) - 500") == 7000
    with pytest.raises(AssertionError):
        worked_out("[2000]")
