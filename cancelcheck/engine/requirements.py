"""Which release of a library a project uses: by its lock file, else by the newest that its requirements admit.

Only what can be read without running anything: `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`; `pyproject.toml`,
`requirements*.txt`, `setup.cfg`. A file that cannot be read says nothing: it is not what is checked.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from cancelcheck.engine.ground import Ground
from cancelcheck.files import read_text

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?\s*([^;#)]*)")
_CLAUSE = re.compile(r"(===|==|~=|<=|<|\^|~)\s*v?(\d+(?:\.\d+)*)(\.\*)?")

JUST_BELOW = "99999"
"""The last part of a version that stands for the newest release before a bound."""


def versions_of(root: Path) -> dict[str, str]:
    """For each library that the project in `root` asks for with an upper bound, the newest release that it admits;
    names as PyPI normalises them."""
    found: dict[str, str] = {}
    for name, specifier in _required(root):
        newest = newest_admitted(specifier)
        key = normalised(name)
        if newest and (key not in found or _numbers(newest) < _numbers(found[key])):
            found[key] = newest
    found.update((normalised(name), version) for name, version in _locked(root))
    return found


def stand_on(root: Path, ground: Ground) -> None:
    """Tell the files that are looked for in a project's folder."""
    names = (*_LOCKS, "Pipfile.lock", "pyproject.toml", "setup.cfg")
    ground.places.update(os.path.join(root, name) for name in names)
    ground.places.update(map(str, root.glob("requirements*.txt")))
    ground.folders.add(os.path.abspath(root))


def normalised(name: str) -> str:
    """A name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def newest_admitted(specifier: str) -> str:
    """The newest release that a specifier admits; "" where it has no upper bound."""
    found: list[str] = []
    for operator, version, wild in _CLAUSE.findall(specifier):
        numbers = [int(part) for part in version.split(".")]
        match operator:
            case "==" | "===" if not wild:
                found.append(version)
            case "==" | "===":
                found.append(f"{version}.{JUST_BELOW}")
            case "<=":
                found.append(version)
            case "<":
                found.append(_before(numbers))
            case "~=" if len(numbers) > 1:
                found.append(".".join(map(str, [*numbers[:-1], JUST_BELOW])))
            case "~":
                found.append(".".join(map(str, [*numbers[:2], JUST_BELOW])))
            case "^":
                kept = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
                found.append(".".join(map(str, [*numbers[: kept + 1], JUST_BELOW])))
    return min(found, key=_numbers, default="")


def _before(numbers: list[int]) -> str:
    """The newest release before a version."""
    while len(numbers) > 1 and not numbers[-1]:
        numbers = numbers[:-1]
    return ".".join(map(str, [*numbers[:-1], numbers[-1] - 1, JUST_BELOW])) if numbers[-1] else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _locked(root: Path) -> Iterator[tuple[str, str]]:
    """Names and versions of the lock files."""
    for name in _LOCKS:
        for package in _items(_toml(root / name).get("package")):
            if isinstance(package.get("name"), str) and isinstance(package.get("version"), str):
                yield str(package["name"]), str(package["version"])
    text = _text(root / "Pipfile.lock")
    if text:
        import json

        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return
        default = content.get("default") if isinstance(content, Mapping) else None
        for name, package in default.items() if isinstance(default, Mapping) else ():
            version = package.get("version") if isinstance(package, Mapping) else None
            if isinstance(version, str):
                yield str(name), version.lstrip("=")


def _required(root: Path) -> Iterator[tuple[str, str]]:
    """Names and specifiers of everything that the project asks for."""
    content = _toml(root / "pyproject.toml")
    project = _mapping(content.get("project"))
    yield from _parsed(project.get("dependencies"))
    for group in _mapping(project.get("optional-dependencies")).values():
        yield from _parsed(group)
    poetry = _mapping(_mapping(content.get("tool")).get("poetry"))
    for name, wanted in _mapping(poetry.get("dependencies")).items():
        specifier = wanted if isinstance(wanted, str) else _mapping(wanted).get("version")
        if isinstance(specifier, str):
            bare = re.fullmatch(r"\d+(\.\d+)*", specifier.strip())
            yield name, f"=={specifier}" if bare else specifier
    for file in sorted(root.glob("requirements*.txt")):
        yield from _parsed(_text(file).splitlines())
    text = _text(root / "setup.cfg")
    if not text:
        return
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    yield from _parsed(parser.get("options", "install_requires", fallback="").splitlines())


def _parsed(lines: object) -> Iterator[tuple[str, str]]:
    for line in lines if isinstance(lines, list) else ():
        match = _REQUIREMENT.match(line) if isinstance(line, str) else None
        if match is not None:
            yield match[1], match[2]


def _items(value: object) -> Iterable[Mapping[str, object]]:
    return (
        [cast(Mapping[str, object], item) for item in value if isinstance(item, Mapping)]
        if isinstance(value, list)
        else []
    )


def _mapping(value: object) -> Mapping[str, object]:
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else {}


def _toml(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(_text(file))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _text(file: Path) -> str:
    try:
        return read_text(file)
    except (OSError, UnicodeDecodeError):
        return ""
