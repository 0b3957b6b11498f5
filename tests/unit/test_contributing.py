"""What CONTRIBUTING.md shows is what stands in the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.sources import ROOT

SHOWN = re.compile(r"<!-- (\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)
PAGE = ROOT / "CONTRIBUTING.md"


def test_a_library_and_its_fixture_are_shown() -> None:
    shown = [name for name, _ in SHOWN.findall(PAGE.read_text("utf-8"))]
    assert [Path(name).suffix for name in shown] == [".toml", ".py"]


def test_no_step_is_left_out() -> None:
    section = PAGE.read_text("utf-8").partition("## A library")[2].partition("\n## ")[0]
    assert re.findall(r"^\*\*(\d)\. ", section, re.MULTILINE) == ["1", "2", "3"]
    for command in re.findall(r"^python (?:-m pytest )?(\S+\.py)", section, re.MULTILINE):
        assert (ROOT / command).is_file()


@pytest.mark.parametrize(("name", "text"), SHOWN.findall(PAGE.read_text("utf-8")))
def test_a_file_is_shown_as_it_is(name: str, text: str) -> None:
    assert text == (ROOT / name).read_text("utf-8")
