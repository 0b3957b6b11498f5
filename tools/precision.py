"""What people have read of the rules' reports on other people's code: `precision.toml`, and the tables made of it.

    python tools/precision.py            the tables, as they stand in docs/how-right.md
    python tools/docs.py                 writes them there

In `precision.toml` a `[samples.NAME]` says which packages were checked, and at which commit. Below it there is one
`[NAME.CAN101]` for each rule: how many `findings` it made there, how many of these were `read`, and of those how many
were `right`, `wrong` and `doubtful`; `notes` say which ones were not right, and what was done about them. How many
findings each rule makes now is counted in `findings.txt` (`tools/corpus.py --record`).

The three words: *right* is what the package's maintainer would agree to change; *wrong* is a statement that is false,
or harmless where it stands; *doubtful* is true as it stands, but would probably be kept. Only the first is right.

A new sample needs nothing but its tables in that file: the page shows them in the order in which they stand there.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cancelcheck.model.rule import Default  # noqa: E402
from cancelcheck.rules import RULES  # noqa: E402
from tools.corpus import RECORD, Recorded, pinned, recorded  # noqa: E402

DATA = ROOT / "tools" / "precision.toml"

GOAL = 95
"""Of 100 reports by default that many have to be right."""

GOAL_STRICT = 66

FEW = 20
"""Fewer reports than that say little about a rule."""


@dataclass(frozen=True)
class Row:
    """What was read of one rule in one sample."""

    findings: int
    read: int
    right: int
    wrong: int
    doubtful: int
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> int:
        """How many in 100 of those that were read are right."""
        return 100 * self.right // self.read


@dataclass(frozen=True)
class Sample:
    """Packages that were checked together; `rows` by the rules' codes; `strict`: what only `--strict` reports."""

    name: str
    title: str
    about: str
    packages: int
    lines: int
    commit: str
    strict: bool = False
    rows: Mapping[str, Row] = field(default_factory=dict)


def samples(text: str) -> list[Sample]:
    """What a file says. Raises ValueError for what cannot be."""
    data: dict[str, Any] = tomllib.loads(text)
    heads: dict[str, dict[str, Any]] = data.pop("samples", {})
    unknown = sorted(set(data) - set(heads))
    if unknown:
        raise ValueError(f"there is no [samples.{unknown[0]}]")
    codes = {rule.code for rule in RULES}
    found: list[Sample] = []
    for name, head in heads.items():
        rows: dict[str, Row] = {}
        for code, entry in sorted(data.get(name, {}).items()):
            notes = entry.pop("notes", [])
            row = Row(**entry, notes=tuple([notes] if isinstance(notes, str) else notes))
            if code not in codes:
                raise ValueError(f"[{name}.{code}]: there is no such rule")
            if row.right + row.wrong + row.doubtful != row.read or not row.read:
                raise ValueError(f"[{name}.{code}]: right, wrong and doubtful ones make not {row.read} that were read")
            if row.right < row.read and not row.notes:
                raise ValueError(f"[{name}.{code}]: the notes have to say which ones were not right")
            rows[code] = row
        found.append(Sample(name, **head, rows=rows))
    return found


def as_markdown(sample: Sample) -> str:
    """A sample's table, and what was not right."""
    names = {rule.code: rule.name for rule in RULES}
    lines = [
        f"## {sample.title}",
        "",
        f"{sample.about} {sample.packages} packages, {sample.lines:,} lines, at commit `{sample.commit}`.",
        "",
        "| rule | findings | read | right | wrong | doubtful | right in 100 |",
        "|---|--:|--:|--:|--:|--:|:--|",
    ]
    total: Counter[str] = Counter()
    for code, row in sample.rows.items():
        figures = (row.findings, row.read, row.right, row.wrong, row.doubtful)
        total.update(dict(zip(("findings", "read", "right", "wrong", "doubtful"), figures, strict=True)))
        lines.append(f"| {_rule(code, names[code])} | {' | '.join(map(str, figures))} | {_verdict(sample, row)} |")
    whole = Row(**total)
    lines.append(
        f"| all | {whole.findings} | {whole.read} | {whole.right} | {whole.wrong} | {whole.doubtful} | {whole.share} |"
    )
    missing = [
        _rule(rule.code, rule.name)
        for rule in RULES
        if not sample.strict and _shows(rule) and rule.code not in sample.rows
    ]
    if missing:
        lines += ["", f"Of these nothing was found there, or nothing read: {', '.join(missing)}."]
    noted = [(code, row) for code, row in sample.rows.items() if row.notes]
    if noted:
        lines += ["", "What was not right, and what became of it:", ""]
        lines += [f"- **{code}** {' '.join(row.notes)}" for code, row in noted]
    return "\n".join(lines) + "\n"


def _shows(rule: Any) -> bool:
    return rule.default is Default.ON and rule.check is not None


def _rule(code: str, name: str) -> str:
    return f"{code} {name}"


def _verdict(sample: Sample, row: Row) -> str:
    goal = GOAL_STRICT if sample.strict else GOAL
    few = ", of few" if row.read < FEW else ""
    return f"{row.share}{few}" if row.share >= goal else f"**{row.share}**{few}"


def counts_as_markdown(known: Mapping[str, Recorded]) -> str:
    """How many reports each rule makes now, over the pinned packages."""
    default: Counter[str] = Counter()
    strict: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    for record in known.values():
        for code, is_strict, _ in record.found.elements():
            (strict if is_strict else default)[code] += 1
        spread.update({code for code, is_strict, _ in record.found if not is_strict})
    lines = sum(record.lines for record in known.values())
    rows = [
        "| rule | by default | in packages | one in lines | with `--strict` also |",
        "|---|--:|--:|--:|--:|",
    ]
    for rule in RULES:
        many = default[rule.code]
        if many or strict[rule.code]:
            often = f"{lines // many:,}" if many else ""
            rows.append(
                f"| {_rule(rule.code, rule.name)} | {many} | {spread[rule.code]} | {often} | {strict[rule.code]} |"
            )
    many = default.total()
    rows.append(f"| all | {many} | {_with_any(known)} | {lines // many if many else 0:,} | {strict.total()} |")
    head = f"{len(known)} packages, {lines:,} lines."
    return "\n".join((head, "", *rows)) + "\n"


def _with_any(known: Mapping[str, Recorded]) -> int:
    return sum(any(not strict for _, strict, _ in record.found) for record in known.values())


def tables() -> dict[str, str]:
    """Each table of the page, by the name of its place there."""
    made = "\n".join(as_markdown(sample) for sample in samples(DATA.read_text("utf-8")))
    return {"samples": made, "counts": counts_as_markdown(recorded(RECORD))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; what is recorded of packages that are pinned no longer is said."""
    for name, table in tables().items():
        print(f"== {name}\n\n{table}")
    names = {name for one in pinned().values() for name in one}
    gone = sorted(set(recorded(RECORD)) - names)
    if gone:
        print(f"error: {RECORD.name} has what is pinned no longer: {', '.join(gone)}", file=sys.stderr)
    return 1 if gone else 0


if __name__ == "__main__":
    sys.exit(main())
