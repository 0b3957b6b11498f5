"""The budget of each entry point is the sum that stands beside it.

A comment on the line of the `def` says it, in milliseconds:

    async def charge(order):  # budget: 3 * 2000 + 2 * 500

`forever` and `unknown` may stand before the sum, where something has no end, or none that is known; what follows is
then the part that is known: `# budget: unknown 2000`. Each folder below `fixtures/budgets` is a project of its own.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.budget import budget
from cancelcheck.model.budget import Entry, Verdict
from tests.support.fixtures import budget_cases, project_settings
from tests.support.sources import label

_EXPECTED = re.compile(r"#\s*budget:\s*(?P<verdict>forever|unknown)?\s*(?P<sum>[-+*/(),. \w]*?)\s*(?:#|;|$)")


def entries_of(case: Path) -> list[Entry]:
    found = budget([str(case)], SettingsFinder(fixed=project_settings(case, strict=False)))
    assert found.errors == ()
    return list(found.entries)


def worked_out(text: str) -> float:
    """What a sum of numbers comes to; `min` and `max` are known."""
    tree = ast.parse(text, mode="eval")
    allowed = (ast.Expression, ast.BinOp, ast.Constant, ast.operator, ast.Call, ast.Name, ast.Load)
    assert all(isinstance(node, allowed) for node in ast.walk(tree)), text
    return float(eval(compile(tree, "sum", "eval"), {"__builtins__": {}, "min": min, "max": max}))


def expected_in(case: Path) -> dict[tuple[str, int], tuple[Verdict, float]]:
    found = {}
    for path in sorted(case.rglob("*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if "# budget" in line:
                match = _EXPECTED.search(line)
                assert match is not None, line
                verdict = Verdict(match["verdict"] or "bounded")
                found[str(path), number] = (verdict, worked_out(match["sum"]) if match["sum"] else 0.0)
    return found


@pytest.mark.parametrize("case", budget_cases(), ids=label)
def test_the_sum_is_right(case: Path) -> None:
    wanted = expected_in(case)
    found = {
        (str(Path(entry.place.path)), entry.place.line): (entry.verdict, round(entry.worst_ms, 3))
        for entry in entries_of(case)
    }
    assert wanted
    assert {place: value for place, value in found.items() if wanted.get(place) != value} == {}
    assert set(wanted) == set(found)


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
