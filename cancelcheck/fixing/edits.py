"""From fixes to a changed text: edits on the original, never a rebuilt tree.

A fix is applied whole or not at all. Fixes that touch the same place wait for the next round, in which the text is
checked again; rounds go on until nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from cancelcheck.model.edit import Edit, Fix, Safety
from cancelcheck.model.finding import Finding

MAX_ROUNDS = 10
"""A fix that has not settled after so many rounds undoes what another one does."""


class Fixed(NamedTuple):
    """What came of the rounds: the text, the findings whose fixes were applied, and whether an end was reached."""

    text: str
    applied: list[Finding]
    settled: bool


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Apply edits that do not overlap; insertions at one place keep their order.

    Raises ValueError where two edits overlap, or one stands outside the text.
    """
    parts: list[str] = []
    done = 0
    for edit in sorted(edits, key=_place):
        if not done <= edit.start <= edit.end <= len(text):
            raise ValueError(f"edit [{edit.start}, {edit.end}) overlaps another, or leaves the text of {len(text)}")
        parts.append(text[done : edit.start])
        parts.append(edit.text)
        done = edit.end
    parts.append(text[done:])
    return "".join(parts)


def choose(fixes: Sequence[Fix]) -> list[Fix]:
    """The fixes of one file that can be applied together, the earlier one in the file first; the others wait.

    The same whole line inserted by two fixes, or the same text put in another's place (an import that both need), is no
    conflict: it is done once.
    """
    chosen: list[Fix] = []
    taken: list[Edit] = []
    for fix in sorted(fixes, key=lambda fix: [_place(edit) for edit in fix.edits]):
        new = [edit for edit in fix.edits if not (_can_be_shared(edit) and edit in taken)]
        if not any(_clash(edit, other) for edit in new for other in taken):
            chosen.append(fix)
            taken.extend(new)
    return chosen


def apply_fixes(text: str, fixes: Sequence[Fix]) -> tuple[str, list[Fix]]:
    """The text with as many of the fixes as fit together, and which ones they were."""
    chosen = choose(fixes)
    edits: list[Edit] = []
    for fix in chosen:
        edits.extend(edit for edit in fix.edits if not (_can_be_shared(edit) and edit in edits))
    return apply_edits(text, edits), chosen


def fix_until_stable(text: str, check: Callable[[str], Sequence[Finding]], *, unsafe: bool = False) -> Fixed:
    """Apply fixes and check again, until no finding carries one (`unsafe`: those that have to be asked for as well)."""
    applied: list[Finding] = []
    for _ in range(MAX_ROUNDS):
        changed, done = fix_once(text, check(text), unsafe=unsafe)
        if changed == text:
            return Fixed(text, applied, settled=True)
        applied.extend(done)
        text = changed
    return Fixed(text, applied, settled=fix_once(text, check(text), unsafe=unsafe)[0] == text)


def fix_once(text: str, findings: Iterable[Finding], *, unsafe: bool = False) -> tuple[str, list[Finding]]:
    """One round: the text with as many of the findings' fixes as fit together, and the findings that they mend."""
    fixable = [
        (finding, finding.fix)
        for finding in findings
        if finding.fix is not None and (unsafe or finding.fix.safety is Safety.SAFE)
    ]
    changed, chosen = apply_fixes(text, [fix for _, fix in fixable])
    return changed, [finding for finding, fix in fixable if fix in chosen]


def _place(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def _can_be_shared(edit: Edit) -> bool:
    return edit.start < edit.end or edit.text.endswith(("\n", "\r"))


def _clash(edit: Edit, other: Edit) -> bool:
    """Whether the edits touch the same characters, or both insert at one place, where their order would be a guess."""
    if edit.start == other.start:
        return True
    first, second = sorted((edit, other), key=_place)
    return second.start < first.end
