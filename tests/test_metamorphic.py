"""Every fixture again, written in another way: the same findings on the same statements."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.checking import check_fixture, check_folder, difference, known_findings, places, project_files
from tests.support.fixtures import (
    Place,
    project_cases,
    project_settings,
    read_fixture,
    single_files,
)
from tests.support.imports import aliased_modules, aliased_names, from_imports, module_imports
from tests.support.sources import label
from tests.support.transforms import (
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


def moved(found: Counter[Place], variations: dict[str, Variation]) -> Counter[Place]:
    """Where findings should stand after the lines have moved."""
    return Counter(
        {
            (path, variations[path].lines[line] if path in variations else line, code): count
            for (path, line, code), count in found.items()
        }
    )


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_says_the_same_in_other_words(path: Path) -> None:
    text = read_fixture(path)
    found = places(known_findings(path))
    variations = [(name, transform(text)) for name, transform in REWRITTEN.items()]
    problems: list[str] = []
    for name, variation in (*variations, *swaps(text)):
        if variation is not None:
            other = places(check_fixture(path, variation.text, strict=True))
            problem = difference(other, moved(found, {path.name: variation}))
            if problem:
                problems.append(f"{name}:\n{problem}\n\n{variation.text}")
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


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
    some = FILES if name == "function" else FILES[::5]
    tried = [path for path in some if REWRITTEN[name](read_fixture(path)) is not None]
    assert len(tried) > (0.8 * len(some) if name in LAYOUT else 0)
