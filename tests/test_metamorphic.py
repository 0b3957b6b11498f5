"""Every fixture again, written in another way: the same findings on the same statements."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cancelcheck.model.finding import Finding
from tests.support.checking import check_folder, check_text, difference, places, project_files
from tests.support.fixtures import (
    Place,
    fixture_settings,
    project_cases,
    project_settings,
    read_fixture,
    settings_in,
    single_files,
)
from tests.support.imports import aliased_modules, aliased_names, from_imports, module_imports
from tests.support.sources import label
from tests.support.transforms import (
    SWAP_MARK,
    Transformation,
    Variation,
    comments_and_blanks,
    crlf,
    in_a_function,
    swaps,
    tabs,
    under_if_true,
)

LAYOUT: dict[str, Transformation] = {
    "crlf": crlf,
    "tabs": tabs,
    "comments": comments_and_blanks,
    "if-true": under_if_true,
}

REWRITTEN: dict[str, Transformation] = {
    **LAYOUT,
    "from-import": from_imports,
    "module-as": aliased_modules,
    "module-import": module_imports,
    "name-as": aliased_names,
    "function": in_a_function,
}

FILES = single_files()
VARIATIONS = [
    pytest.param(path, variation, id=f"{label(path)}-{name}")
    for path in FILES
    for name, transform in REWRITTEN.items()
    if (variation := transform(read_fixture(path))) is not None
]
SWAPPABLE = [path for path in FILES if SWAP_MARK.search(read_fixture(path))]


def findings_of(path: Path, text: str | None = None) -> list[Finding]:
    """What is reported with `--strict`: all there is."""
    return check_text(path, text, fixture_settings(settings_in(read_fixture(path)), path.parent, strict=True))


def moved(found: Counter[Place], variations: dict[str, Variation]) -> Counter[Place]:
    """Where findings should stand after the lines have moved."""
    return Counter(
        {
            (path, variations[path].lines[line] if path in variations else line, code): count
            for (path, line, code), count in found.items()
        }
    )


@pytest.mark.parametrize(("path", "variation"), VARIATIONS)
def test_a_file_says_the_same_in_other_words(path: Path, variation: Variation) -> None:
    assert_same(path, variation)


@pytest.mark.parametrize("path", SWAPPABLE, ids=label)
def test_a_file_says_the_same_of_another_framework(path: Path) -> None:
    for _, variation in swaps(read_fixture(path)):
        assert_same(path, variation)


def assert_same(path: Path, variation: Variation) -> None:
    wanted = moved(places(findings_of(path)), {path.name: variation})
    problems = difference(places(findings_of(path, variation.text)), wanted)
    if problems:
        pytest.fail(f"{problems}\n\n{variation.text}", pytrace=False)


@pytest.mark.parametrize("transform", LAYOUT.values(), ids=LAYOUT.keys())
@pytest.mark.parametrize("case", project_cases(), ids=label)
def test_a_project_says_the_same_in_another_layout(case: Path, transform: Transformation) -> None:
    loaded = project_settings(case, strict=True)
    variations = {
        file.path: variation
        for file in project_files(case, loaded)
        if (variation := transform(read_fixture(Path(file.absolute)))) is not None
    }
    assert variations
    texts = {path: variation.text for path, variation in variations.items()}
    wanted = moved(places(check_folder(case, loaded), case), variations)
    assert not difference(places(check_folder(case, loaded, texts=texts), case), wanted)


@pytest.mark.parametrize("name", REWRITTEN)
def test_each_way_of_writing_is_tried(name: str) -> None:
    tried = [path for path in FILES if REWRITTEN[name](read_fixture(path)) is not None]
    if name in LAYOUT:
        assert len(tried) > 0.9 * len(FILES)
    else:
        assert tried
