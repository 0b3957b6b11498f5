"""The markers of the fixtures mean what they say."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.fixtures import expected_in, expected_in_list


def test_markers_stand_on_the_line_that_they_are_about() -> None:
    text = "a()\nb()  # expect: CAN101, CAN201\nc()  # expect: CAN101  # expect(strict): CAN107\nd()  # ok: why\n"
    expected = expected_in("x.py", text)
    assert expected.default == Counter({("x.py", 2, "CAN101"): 1, ("x.py", 2, "CAN201"): 1, ("x.py", 3, "CAN101"): 1})
    assert expected.strict - expected.default == Counter({("x.py", 3, "CAN107"): 1})
    assert expected.ok == 1


def test_a_code_that_is_expected_twice_counts_twice() -> None:
    assert expected_in("x.py", "a(b())  # expect: CAN401, CAN401").default == Counter({("x.py", 1, "CAN401"): 2})


def test_line_ends_of_every_kind_count() -> None:
    text = "a()\r\nb()  # expect: CAN101\rc()  # expect: CAN102"
    assert sorted(expected_in("x.py", text).default) == [("x.py", 2, "CAN101"), ("x.py", 3, "CAN102")]


@pytest.mark.parametrize(
    "line",
    [
        "a()  # expect CAN101",
        "a()  # expect: lost-task",
        "a()  # expect: CAN10",
        "a()  # expect: CAN101 why",
        "a()  # expect-strict: CAN101",
        "a()  # Expect: CAN101",
        "a()  # expect: CAN101  # expect:",
    ],
)
def test_a_marker_that_cannot_be_read_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"x\.py:1: a marker that cannot be read"):
        expected_in("x.py", line)


def test_a_list_stands_for_files_without_comments() -> None:
    expected = expected_in_list("api/openapi.json:7: CAN509\na.json:1: CAN509 (strict)\n")
    assert expected.default == Counter({("api/openapi.json", 7, "CAN509"): 1})
    assert sorted(expected.strict) == [("a.json", 1, "CAN509"), ("api/openapi.json", 7, "CAN509")]
    with pytest.raises(ValueError, match="a line that cannot be read"):
        expected_in_list("openapi.json: CAN509")
