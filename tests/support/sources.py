"""Sources to run things over: the fixtures, and the standard library of the Python that runs the tests."""

from __future__ import annotations

import sysconfig
import tokenize
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"


@cache
def fixture_files() -> list[Path]:
    """Every Python file of the fixtures, in order."""
    return sorted(FIXTURES.rglob("*.py"))


@cache
def _all_standard_library() -> list[Path]:
    folder = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "dist-packages", "idlelib", "lib2to3", "__pycache__", "test", "tests", "turtledemo"}
    return sorted(path for path in folder.rglob("*.py") if not skipped & set(path.relative_to(folder).parts))


def standard_library(count: int, *, max_size: int = 1_000_000) -> list[Path]:
    """`count` files of the standard library of at most `max_size` bytes, spread evenly over its folders; with asyncio,
    whose files are about cancellation, among the first."""
    candidates = [path for path in _all_standard_library() if path.stat().st_size <= max_size]
    candidates.sort(key=lambda path: ("asyncio" not in path.parts, str(path)))
    step = max(1, len(candidates) // count)
    return candidates[::step][:count]


def read(path: Path) -> str:
    """The text of a Python file as its coding cookie says, with the line ends that it has."""
    with path.open("rb") as file:
        encoding, _ = tokenize.detect_encoding(file.readline)
    return path.read_bytes().decode(encoding).removeprefix("\ufeff")


def label(path: Path) -> str:
    """A short name for a parametrised test."""
    return "/".join(path.parts[-2:])
