"""Each rule's documentation is its first test: every *bad* is reported once, every *good* never, and the fix leads from
one to the other."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

import cancelcheck.rules
from cancelcheck.fixing import fix_until_stable
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule
from cancelcheck.rules import RULES
from tests.support.checking import check_text
from tests.support.fixtures import fixture_settings, settings_in

_BLOCK = re.compile(r"^```python (?P<kind>bad|good)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```(?P<info>.*)$", re.MULTILINE)
_CODE = re.compile(r"CAN\d{3}")
_NAME = re.compile(r"[a-z]+(-[a-z]+)*")

PATH = Path(__file__).with_name("example.py")
"""Where the examples are said to stand; there is no such file."""


class Example(NamedTuple):
    """A block of code in a rule's documentation."""

    rule: Rule
    number: int
    is_bad: bool
    code: str


def examples_of(rule: Rule) -> Iterator[Example]:
    for number, match in enumerate(_BLOCK.finditer(rule.markdown), start=1):
        yield Example(rule, number, match["kind"] == "bad", match["code"])


def name_of(example: Example) -> str:
    return f"{example.rule.code}-{example.number}"


EXAMPLES = [example for rule in RULES for example in examples_of(rule)]
BAD = [example for example in EXAMPLES if example.is_bad]
GOOD = [example for example in EXAMPLES if not example.is_bad]
CHECKED = [rule for rule in RULES if rule.check is not None]


def report(rule: Rule, code: str, text: str) -> list[Finding]:
    """What the default rules and this one say about `text`, with the settings that the example `code` asks for."""
    settings = settings_in(code)
    named = msgspec.structs.replace(settings, extend_select=(*settings.extend_select, rule.code))
    return check_text(PATH, text, fixture_settings(named, PATH.parent, strict=False))


@pytest.mark.parametrize("example", BAD, ids=name_of)
def test_each_bad_example_is_reported_once_by_its_rule(example: Example) -> None:
    found = report(example.rule, example.code, example.code)
    assert [finding.code for finding in found] == [example.rule.code], [finding.message for finding in found]


@pytest.mark.parametrize("example", GOOD, ids=name_of)
def test_no_good_example_is_reported(example: Example) -> None:
    found = report(example.rule, example.code, example.code)
    assert [(finding.code, finding.line, finding.message) for finding in found] == []


@pytest.mark.parametrize("example", BAD, ids=name_of)
def test_the_fix_leads_from_bad_to_good(example: Example) -> None:
    outcome = fix_until_stable(example.code, lambda text: report(example.rule, example.code, text), unsafe=True)
    assert outcome.settled
    if outcome.applied:
        assert outcome.text in {good.code for good in GOOD if good.rule is example.rule}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_documentation_has_its_sections(rule: Rule) -> None:
    headings = re.findall(r"^## (.*)$", rule.markdown, re.MULTILINE)
    wanted = ["Why", "Known limits"] if rule.check is None else ["Why", "Fix safety", "Known limits"]
    assert [heading for heading in headings if heading in ("Why", "Fix safety", "Known limits")] == wanted
    sections = re.split(r"^## .*$", rule.markdown, flags=re.MULTILINE)
    assert all(section.strip() for section in sections)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_first_line_says_what_is_wrong(rule: Rule) -> None:
    first, second, *_ = rule.doc.split("\n")
    assert first.endswith(".")
    assert not second
    assert rule.summary == first[:-1]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_fence_is_closed_and_says_what_it_holds(rule: Rule) -> None:
    fences = [match["info"] for match in _FENCE.finditer(rule.markdown)]
    assert len(fences) % 2 == 0
    assert not any(fences[1::2])
    assert all(fences[::2])
    assert sum(info in ("python bad", "python good") for info in fences) == len(list(examples_of(rule)))
    # what renders Markdown shows no word behind a fence: there a line says it
    assert rule.captioned.count("eported:*\n\n```python\n") == len(list(examples_of(rule)))


@pytest.mark.parametrize("rule", CHECKED, ids=lambda rule: rule.code)
def test_a_rule_shows_both_sides(rule: Rule) -> None:
    assert {example.is_bad for example in examples_of(rule)} == {True, False}


def test_the_tuple_lists_the_files_of_the_folder_in_order() -> None:
    assert cancelcheck.rules.__file__ is not None
    modules = sorted(path.stem for path in Path(cancelcheck.rules.__file__).parent.glob("can*.py"))
    assert [f"{rule.code.lower()}_{rule.name.replace('-', '_')}" for rule in RULES] == modules
    assert [importlib.import_module(f"cancelcheck.rules.{module}").RULE for module in modules] == list(RULES)


def test_codes_and_names_are_unique_and_well_formed() -> None:
    for values, form in (([rule.code for rule in RULES], _CODE), ([rule.name for rule in RULES], _NAME)):
        assert len(set(values)) == len(values)
        assert all(form.fullmatch(value) for value in values)


def test_the_family_is_that_of_the_codes_hundreds() -> None:
    families = dict(zip("012345", Family, strict=True))
    assert [rule.family for rule in RULES] == [families[rule.code[3]] for rule in RULES]


def test_a_rule_without_a_check_is_about_the_run() -> None:
    assert [rule.code for rule in RULES if rule.check is None and rule.family is not Family.RUN] == []
    assert all(isinstance(rule.default, Default) for rule in RULES)
