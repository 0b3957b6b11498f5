"""What was read of the reports, and the page that is made of it."""

from __future__ import annotations

from collections import Counter

import pytest

from cancelcheck.rules import RULES
from tools import docs
from tools.corpus import RECORD, Recorded, pinned, recorded
from tools.precision import DATA, as_markdown, counts_as_markdown, samples

SAMPLE = """
[samples.some]
title = "Some"
about = "A few."
packages = 2
lines = 20_000
commit = "abcdef0"

[some.CAN101]
findings = 9
read = 4
right = 3
wrong = 1
doubtful = 0
notes = ["One is kept after all.", "Mended."]

[some.CAN401]
findings = 40
read = 40
right = 39
wrong = 0
doubtful = 1
notes = "A test."
"""


def test_the_page_is_current() -> None:
    page = docs.HOW_RIGHT.read_text("utf-8")
    assert docs.renewed_tables(page) == page, "run tools/docs.py"


def test_what_is_recorded_is_what_is_pinned() -> None:
    names = [name for one in pinned().values() for name in one]
    known = recorded(RECORD)
    assert len(set(names)) == len(names) > 200
    assert sorted(known) == sorted(names)
    assert {code for record in known.values() for code, _, _ in record.found} <= {rule.code for rule in RULES}
    assert sum(record.lines for record in known.values()) > 10_000_000


def test_a_table() -> None:
    (sample,) = samples(SAMPLE)
    text = as_markdown(sample)
    assert text.startswith("## Some\n\nA few. 2 packages, 20,000 lines, at commit `abcdef0`.\n")
    assert "| CAN101 lost-task | 9 | 4 | 3 | 1 | 0 | **75**, of few |\n" in text
    assert "| CAN401 http-without-timeout | 40 | 40 | 39 | 0 | 1 | 97 |\n" in text
    assert "| all | 49 | 44 | 42 | 1 | 1 | 95 |\n" in text
    assert "nothing read: CAN102 unjoined-task, " in text
    assert "CAN404" not in text.partition("nothing read")[0]
    assert "- **CAN101** One is kept after all. Mended.\n" in text


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("right = 3", "right = 4", r"\[some.CAN101\]: right, wrong and doubtful ones make not 4 that were read"),
        ("CAN101", "CAN199", r"\[some.CAN199\]: there is no such rule"),
        ('notes = "A test."', "", r"\[some.CAN401\]: the notes have to say which ones were not right"),
        ("[some.CAN401]", "[other.CAN401]", r"there is no \[samples.other\]"),
    ],
)
def test_what_cannot_be_is_said(old: str, new: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        samples(SAMPLE.replace(old, new, 1))


def test_every_sample_is_of_the_form() -> None:
    found = samples(DATA.read_text("utf-8"))
    assert found
    assert all(sample.rows for sample in found)


def test_counts() -> None:
    known = {
        "a==1": Recorded(1_000, Counter({("CAN101", False, "11111"): 2, ("CAN101", True, "22222"): 1})),
        "b==1": Recorded(2_000, Counter({("CAN404", True, "33333"): 3})),
    }
    text = counts_as_markdown(known)
    assert text.startswith("2 packages, 3,000 lines.\n")
    assert "| CAN101 lost-task | 2 | 1 | 1,500 | 1 |\n" in text
    assert "| all | 2 | 1 | 1,500 | 4 |\n" in text
