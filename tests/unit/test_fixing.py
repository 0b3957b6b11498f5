"""Edits are applied to the letter, fixes whole or not at all, rounds until nothing is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cancelcheck.fixing import MAX_ROUNDS, apply_edits, apply_fixes, fix_until_stable
from cancelcheck.model.edit import Edit, Fix, Safety
from cancelcheck.model.finding import Finding


def fix(*edits: Edit, safety: Safety = Safety.SAFE) -> Fix:
    return Fix(title="change it", safety=safety, edits=edits)


def finding(with_fix: Fix | None) -> Finding:
    return Finding("a.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "message", "help", fix=with_fix)


def test_edits_are_applied_in_any_order() -> None:
    edits = [Edit(4, 5, "B"), Edit(0, 1, "A"), Edit(2, 2, "+")]
    assert apply_edits("a bcd", edits) == "A +bcB"


def test_insertions_at_one_place_keep_their_order() -> None:
    assert apply_edits("ab", [Edit(1, 1, "1"), Edit(1, 1, "2")]) == "a12b"


@pytest.mark.parametrize("edits", [[Edit(0, 2, ""), Edit(1, 3, "")], [Edit(2, 9, "")], [Edit(2, 1, "")]])
def test_edits_that_cannot_be_meant_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="overlaps another, or leaves the text"):
        apply_edits("abc", edits)


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.text(max_size=3))))
def test_chosen_fixes_never_overlap(text: str, places: list[tuple[int, int, str]]) -> None:
    fixes = [
        fix(Edit(min(start, end, len(text)), min(max(start, end), len(text)), replacement))
        for start, end, replacement in places
    ]
    changed, chosen = apply_fixes(text, fixes)
    assert all(one in fixes for one in chosen)
    assert bool(chosen) == bool(fixes)
    shared = {edit for one in chosen for edit in one.edits}
    assert len(changed) == len(text) + sum(len(edit.text) - (edit.end - edit.start) for edit in shared)


def test_a_fix_is_applied_whole_or_not_at_all() -> None:
    first = fix(Edit(0, 2, "xx"))
    second = fix(Edit(1, 2, "y"), Edit(4, 5, "z"))
    third = fix(Edit(5, 6, "w"))
    assert apply_fixes("abcdef", [third, second, first]) == ("xxcdew", [first, third])


def test_a_line_that_two_fixes_insert_is_inserted_once() -> None:
    line = Edit(0, 0, "import asyncio\n")
    text, chosen = apply_fixes("ab", [fix(line, Edit(0, 1, "A")), fix(line, Edit(1, 2, "B"))])
    assert text == "import asyncio\nAB"
    assert len(chosen) == 2


def test_a_parenthesis_that_two_fixes_insert_is_not_shared() -> None:
    inner = fix(Edit(1, 1, "("), Edit(2, 2, ")"))
    outer = fix(Edit(0, 0, "("), Edit(2, 2, ")"))
    assert apply_fixes("ab", [inner, outer]) == ("(ab)", [outer])


def test_rounds_go_on_until_nothing_is_left() -> None:
    def check(text: str) -> list[Finding]:
        return [finding(fix(Edit(text.index("a"), text.index("a") + 1, "b")))] if "a" in text else [finding(None)]

    result = fix_until_stable("aaa", check)
    assert (result.text, len(result.applied), result.settled) == ("bbb", 3, True)


def test_unsafe_fixes_have_to_be_asked_for() -> None:
    def check(text: str) -> list[Finding]:
        return [finding(fix(Edit(0, 1, "b"), safety=Safety.UNSAFE))] if text == "a" else []

    assert fix_until_stable("a", check) == ("a", [], True)
    assert fix_until_stable("a", check, unsafe=True).text == "b"


def test_fixes_that_chase_each_other_are_said_not_to_settle() -> None:
    def check(text: str) -> list[Finding]:
        return [finding(fix(Edit(0, 1, "b" if text == "a" else "a")))]

    result = fix_until_stable("a", check)
    assert not result.settled
    assert len(result.applied) == MAX_ROUNDS
