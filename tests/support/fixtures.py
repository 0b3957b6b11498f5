"""Fixtures: files whose lines say what is expected of them.

A trailing comment on the line of the report:

    asyncio.create_task(poll())  # expect: CAN101
    pool.submit(job)             # expect(strict): CAN101
    held = asyncio.create_task(poll())  # ok: it is kept

`# expect: CAN101` is reported in every run, `# expect(strict): CAN101` with `--strict` only; several codes are divided
by commas, one that is reported twice stands twice. `# ok: why` marks code that looks wrong and is not. What no line
expects must not be reported, by any rule. Settings stand at the head: `# settings: sla.functions = ["*.charge"]`,
several divided by `;` or on lines of their own, or one inline table in braces.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec

from cancelcheck.config import LoadedSettings, Settings, load_file, parse_settings
from tests.support.sources import FIXTURES

Place = tuple[str, int, str]
"""Path within the fixture (its name, for a single file), 1-based line, and code."""

CONFIGS = ("cancelcheck.toml", "pyproject.toml")
COMMENTED = (".py", ".pyi", ".yaml", ".yml", ".toml", ".cfg", ".txt", ".lock")
"""Files that a project case may hold, and whose comments begin with `#`."""

LIST = "expected.txt"
"""In a project case: what is expected in files that know no comments, a line each: `openapi.json:12: CAN509`."""

_CODES = r"CAN\d{3}(?:\s*,\s*CAN\d{3})*"
_EXPECT = re.compile(rf"#\s*expect(?P<strict>\(strict\))?:\s*(?P<codes>{_CODES})\s*(?=#|$)")
_MENTION = re.compile(r"#\s*expect", re.IGNORECASE)
_OK = re.compile(r"#\s*ok:\s*\S")
_SETTINGS = re.compile(r"#\s*settings:\s*(.*)")
_DIVIDED = re.compile(r"""(?:"[^"]*"|'[^']*'|[^;"'])+""")
_LISTED = re.compile(rf"(?P<path>[^:]+):(?P<line>\d+): (?P<codes>{_CODES})(?P<strict> \(strict\))?")


class Expected(NamedTuple):
    """What a run has to report: without `--strict`, and with it. `ok` counts the lines marked as right."""

    default: Counter[Place]
    strict: Counter[Place]
    ok: int

    def of(self, *, strict: bool) -> Counter[Place]:
        """What one of the two runs has to report."""
        return self.strict if strict else self.default

    def __add__(self, other: object) -> Expected:
        if not isinstance(other, Expected):
            return NotImplemented
        return Expected(self.default + other.default, self.strict + other.strict, self.ok + other.ok)


NOTHING = Expected(Counter(), Counter(), 0)


def expected_in(name: str, text: str) -> Expected:
    """What the lines of a text expect. Raises ValueError for a marker that is not written as it should be."""
    default: Counter[Place] = Counter()
    strict: Counter[Place] = Counter()
    ok = 0
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        found = list(_EXPECT.finditer(line))
        if len(found) != len(_MENTION.findall(line)):
            raise ValueError(f"{name}:{number}: a marker that cannot be read: {line.strip()}")
        for match in found:
            _count(match, name, number, default, strict)
        ok += len(_OK.findall(line))
    return Expected(default, strict, ok)


def expected_in_list(text: str) -> Expected:
    """What the list of a project case expects. Raises ValueError for a line that is not written as it should be."""
    default: Counter[Place] = Counter()
    strict: Counter[Place] = Counter()
    for line in text.splitlines():
        match = _LISTED.fullmatch(line)
        if match is None:
            raise ValueError(f"{LIST}: a line that cannot be read: {line}")
        _count(match, match["path"], int(match["line"]), default, strict)
    return Expected(default, strict, 0)


def _count(match: re.Match[str], name: str, line: int, default: Counter[Place], strict: Counter[Place]) -> None:
    for code in match["codes"].split(","):
        place = (name, line, code.strip())
        strict[place] += 1
        if not match["strict"]:
            default[place] += 1


def expected_in_project(case: Path) -> Expected:
    """What all files of a project case expect."""
    found = NOTHING
    for path in sorted(path for path in case.rglob("*") if path.is_file()):
        name = path.relative_to(case).as_posix()
        if name == LIST:
            found += expected_in_list(path.read_text("utf-8"))
        elif path.suffix in COMMENTED:
            found += expected_in(name, read_fixture(path))
    return found


def settings_in(text: str) -> Settings:
    """The settings that stand at the head of a fixture. Raises ValueError or ConfigError where they are wrong."""
    table: dict[str, object] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        match = _SETTINGS.match(line)
        if match is None:
            continue
        statement = match[1].strip()
        if statement.startswith("{"):
            parsed = tomllib.loads(f"settings = {statement}")["settings"]
        else:
            parsed = tomllib.loads("\n".join(_DIVIDED.findall(statement)))
        _merge(table, parsed)
    return parse_settings(table, "settings")


def _merge(table: dict[str, object], more: dict[str, object]) -> None:
    for key, value in more.items():
        inner = table.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            _merge(inner, value)
        else:
            table[key] = value


def fixture_settings(settings: Settings, root: Path, *, strict: bool) -> LoadedSettings:
    """The settings for a fixture: nothing is silent because of where it lies, or of what it looks like, unless its own
    settings say what a test file is."""
    tests = () if settings.test_files == Settings().test_files else settings.test_files
    everywhere = msgspec.structs.replace(
        settings, strict=strict or settings.strict, test_files=tests, skip_generated=False, exclude=()
    )
    return LoadedSettings(everywhere, root, None)


def project_settings(case: Path, *, strict: bool) -> LoadedSettings:
    """The settings for a project case: those of its own file."""
    for name in CONFIGS:
        if (case / name).exists():
            return fixture_settings(load_file(case / name).settings, case, strict=strict)
    return fixture_settings(Settings(), case, strict=strict)


def read_fixture(path: Path) -> str:
    """The text of a fixture, with its own line ends. What cannot be decoded is part of some fixtures."""
    return path.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")


def single_files() -> list[Path]:
    """The fixtures that are checked one by one."""
    found = [*FIXTURES.glob("rules/*/*.py"), *FIXTURES.glob("issues/*.py")]
    return sorted(path for path in found if not path.name.endswith(".fixed.py"))


def rule_folders() -> list[Path]:
    """The folders of the rules' fixtures."""
    return sorted(path for path in FIXTURES.glob("rules/*") if path.is_dir())


def project_cases() -> list[Path]:
    """The fixtures that are checked as one project each."""
    return sorted(path for path in FIXTURES.glob("projects/*") if path.is_dir())


def budget_cases() -> list[Path]:
    """The projects whose entry points say how long they wait at most: see `tests/test_budgets.py`."""
    return sorted(path for path in FIXTURES.glob("budgets/*") if path.is_dir())


def fixed_path(path: Path) -> Path:
    """Where the outcome of a fixture's fixes stands."""
    return path.with_suffix(".fixed.py")
