"""Budgets that fixtures say: see `tests/test_budgets.py`.

python -m tests.support.budgets     the waterfalls of all cases, written anew: to be read before they are kept
"""

from __future__ import annotations

import ast
import difflib
import re
from pathlib import Path

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.budget import budget
from cancelcheck.model.budget import Budget, Entry, Verdict
from cancelcheck.reporting.budget import render
from tests.support.fixtures import budget_cases, project_settings

SHOWN = "budget.txt"
"""In a case: its budget as it is printed, with each way line by line."""

_EXPECTED = re.compile(r"#\s*budget:\s*(?P<verdict>forever|unknown)?\s*(?P<sum>[-+*/(),. \w]*?)\s*(?:#|;|$)")


def entries_of(case: Path) -> list[Entry]:
    """The entry points of a project, with what they wait for."""
    return list(_budget(case).entries)


def shown(case: Path, told: Budget) -> str:
    """The budget of a project as it is printed, its files named from its folder."""
    return render(told).replace(f"{case}/", "")


def _budget(case: Path) -> Budget:
    found = budget([str(case)], SettingsFinder(fixed=project_settings(case, strict=False)))
    assert found.errors == ()
    return found


def worked_out(text: str) -> float:
    """What a sum of numbers comes to; `min` and `max` are known."""
    tree = ast.parse(text, mode="eval")
    allowed = (ast.Expression, ast.BinOp, ast.Constant, ast.operator, ast.Call, ast.Name, ast.Load)
    assert all(isinstance(node, allowed) for node in ast.walk(tree)), text
    return float(eval(compile(tree, "sum", "eval"), {"__builtins__": {}, "min": min, "max": max}))


def budgets_in(case: Path) -> dict[tuple[str, int], tuple[Verdict, float]]:
    """What the lines of a project say."""
    found = {}
    for path in sorted(case.rglob("*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if "# budget" in line:
                match = _EXPECTED.search(line)
                assert match is not None, line
                verdict = Verdict(match["verdict"] or "bounded")
                found[str(path), number] = (verdict, worked_out(match["sum"]) if match["sum"] else 0.0)
    return found


def budget_problems(case: Path) -> str:
    """Where an entry point does not wait as long as its line says, or on another way than is written down; empty if
    all do."""
    wanted = budgets_in(case)
    assert wanted
    told = _budget(case)
    found = {
        (str(Path(entry.place.path)), entry.place.line): (entry.verdict, round(entry.worst_ms, 3))
        for entry in told.entries
    }
    problems = [
        f"{place[0]}:{place[1]}: {found.get(place)}, not {wanted.get(place)}"
        for place in sorted({*wanted, *found})
        if wanted.get(place) != found.get(place)
    ]
    kept, now = (case / SHOWN).read_text("utf-8").splitlines(), shown(case, told).splitlines()
    return "\n".join([*problems, *difflib.unified_diff(kept, now, SHOWN, "now", lineterm="")])


def main() -> None:
    """Write down the budgets of all cases as they are printed now."""
    for case in budget_cases():
        (case / SHOWN).write_text(shown(case, _budget(case)), "utf-8")


if __name__ == "__main__":
    main()
