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


@pytest.mark.parametrize(("name", "text"), SHOWN.findall(PAGE.read_text("utf-8")))
def test_a_file_is_shown_as_it_is(name: str, text: str) -> None:
    assert text == (ROOT / name).read_text("utf-8")
