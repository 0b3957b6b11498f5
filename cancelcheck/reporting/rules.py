"""The rules themselves, as a list."""

from __future__ import annotations

from collections.abc import Sequence

from cancelcheck.model.rule import Rule
from cancelcheck.reporting.json import dumped


def as_text(rules: Sequence[Rule]) -> str:
    """One line for each rule: code, name, family, default, summary."""
    rows = [(rule.code, rule.name, rule.family.value, rule.default.value) for rule in rules]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) + f"  {rule.summary}\n"
        for row, rule in zip(rows, rules, strict=True)
    )


def as_markdown(rules: Sequence[Rule]) -> str:
    """A Markdown table of the rules."""
    rows = [f"| {rule.code} | `{rule.name}` | {rule.default.value} | {rule.summary} |\n" for rule in rules]
    return "".join(("| code | name | default | |\n|---|---|---|---|\n", *rows))


def as_json(rules: Sequence[Rule]) -> str:
    """A JSON list of the rules, with their whole documentation."""
    return dumped(
        [
            {
                "code": rule.code,
                "name": rule.name,
                "family": rule.family.value,
                "default": rule.default.value,
                "since": rule.since,
                "summary": rule.summary,
                "documentation": rule.markdown,
            }
            for rule in rules
        ]
    )
