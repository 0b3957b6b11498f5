"""The budget of each entry point is the sum that stands beside it.

A comment on the line of the `def` says it, in milliseconds:

    async def charge(order):  # budget: 3 * 2000 + 2 * 500

`forever` and `unknown` may stand before the sum, where something has no end, or none that is known; what follows is
then the part that is known: `# budget: unknown 2000`. Each folder below `fixtures/budgets` is a project of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_there_are_enough_cases() -> None:
    assert len(budget_cases()) >= 30


def test_a_sum_is_worked_out() -> None:
    assert worked_out("3 * (2000 + 500) - 500") == 7000
    with pytest.raises(AssertionError):
        worked_out("[2000]")
