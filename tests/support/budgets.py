"""Budgets that fixtures say: see `tests/test_budgets.py`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.budget import budget
from cancelcheck.model.budget import Entry, Verdict
from tests.support.fixtures import project_settings

_EXPECTED = re.compile(r"#\s*budget:\s*(?P<verdict>forever|unknown)?\s*(?P<sum>[-+*/(),. \w]*?)\s*(?:#|;|$)")


def entries_of(case: Path) -> list[Entry]:
    """The entry points of a project, with what they wait for."""
    found = budget([str(case)], SettingsFinder(fixed=project_settings(case, strict=False)))
    assert found.errors == ()
    return list(found.entries)


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
    """Where an entry point does not wait as long as its line says; empty if they all do."""
    wanted = budgets_in(case)
    assert wanted
    found = {
        (str(Path(entry.place.path)), entry.place.line): (entry.verdict, round(entry.worst_ms, 3))
        for entry in entries_of(case)
    }
    return "\n".join(
        f"{place[0]}:{place[1]}: {found.get(place)}, not {wanted.get(place)}"
        for place in sorted({*wanted, *found})
        if wanted.get(place) != found.get(place)
    )
