"""A rule that is asked only of the functions that have what it needs says the same as one that is asked of all: here
over the standard library, in `test_fixtures.py` over the fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from cancelcheck.config import Settings
from cancelcheck.model.rule import Asks
from cancelcheck.rules import RULES
from tests.support.checking import Doubting, check_text
from tests.support.fixtures import fixture_settings
from tests.support.sources import label, standard_library


@pytest.mark.parametrize("path", standard_library(60, max_size=60_000), ids=label)
def test_a_rule_has_nothing_to_say_where_it_is_not_asked(path: Path) -> None:
    check_text(path, None, fixture_settings(Settings(), path.parent, strict=True), engine=Doubting)


def test_most_rules_say_what_they_need() -> None:
    assert len([rule for rule in RULES if rule.check is not None and rule.asks is not Asks.ANY]) > 50
