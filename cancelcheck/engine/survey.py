"""A first look at a project, by its texts alone: what is there that settings would name."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.discover import InputFile, discover

CONTRACT_SUFFIXES = (".yaml", ".yml", ".json")

_FRAMEWORKS = (
    "asyncio",
    "trio",
    "anyio",
    "gevent",
    "twisted",
    "tornado",
    "fastapi",
    "starlette",
    "flask",
    "quart",
    "sanic",
    "django",
    "aiohttp",
    "grpc",
    "celery",
    "dramatiq",
    "rq",
    "arq",
    "taskiq",
)
"""What runs coroutines, or calls a project's functions: it says in which words a project speaks of cancellation."""

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([A-Za-z_]\w*)[\w.]*[ \t]+import\b|import[ \t]+([A-Za-z_]\w*))", re.MULTILINE
)
_DECORATOR = re.compile(r"^[ \t]*@([A-Za-z_][\w.]*)", re.MULTILINE)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_OPENAPI = re.compile(r"""^\s*["']?(?:openapi|swagger)["']?\s*:\s*["']?[23]""", re.MULTILINE)
_PROMISE = re.compile(r"""["']?x-(?:cancel-timeout|sla)["']?\s*:""")
_HEAD = 4_096
_LARGEST = 5_000_000
_NOT_SOURCE = frozenset({"tests", "test", "docs", "doc", "examples", "example", "benchmarks", "scripts", "tools"})


@dataclass(slots=True)
class Survey:
    """What was found. `files` are all Python files; `roots` the folders that packages lie in, from the project's
    folder; `frameworks` the names of `_FRAMEWORKS` that are imported. The names of decorators are counted: those that
    look like a promise, like what undoes one, like what may be called again, like a circuit breaker. `contracts` are
    OpenAPI files, with whether an operation in them promises a time."""

    files: tuple[InputFile, ...] = ()
    roots: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    promises: Counter[str] = field(default_factory=Counter)
    compensations: Counter[str] = field(default_factory=Counter)
    idempotent: Counter[str] = field(default_factory=Counter)
    breakers: Counter[str] = field(default_factory=Counter)
    contracts: dict[str, bool] = field(default_factory=dict)


def look_at(folder: Path, finder: SettingsFinder) -> Survey:
    """Look at what lies in a folder. Raises `ConfigError`."""
    python, _ = discover([str(folder)], finder)
    found = Survey(files=tuple(python), roots=tuple(_roots(python, folder)))
    imported: set[str] = set()
    for file in python:
        text = _text(file.absolute)
        imported.update(first or second for first, second in _IMPORT.findall(text))
        for name in _DECORATOR.findall(text):
            _sort_in(found, name.rpartition(".")[2])
    found.frameworks = tuple(name for name in _FRAMEWORKS if name in imported)
    others, _ = discover([str(folder)], finder, CONTRACT_SUFFIXES)
    for file in others:
        text = _text(file.absolute)
        if _OPENAPI.search(text, 0, _HEAD):
            found.contracts[_below(file.absolute, folder)] = _PROMISE.search(text) is not None
    return found


def _text(path: str) -> str:
    try:
        if os.stat(path).st_size > _LARGEST:
            return ""
        return Path(path).read_text("utf-8", errors="replace")
    except OSError:
        # said when it is checked
        return ""


def _below(absolute: str, folder: Path) -> str:
    return Path(os.path.relpath(absolute, os.path.abspath(folder))).as_posix()


def _roots(files: Iterable[InputFile], folder: Path) -> Iterator[str]:
    """The folders that hold packages and are none, in order; those of tests and the like left out."""
    found: set[str] = set()
    for parent in {os.path.dirname(file.absolute) for file in files}:
        top = parent
        while os.path.isfile(os.path.join(top, "__init__.py")) and os.path.dirname(top) != top:
            top = os.path.dirname(top)
        place = _below(top, folder)
        if top != parent and not place.startswith("..") and not _NOT_SOURCE.intersection(PurePosixPath(place).parts):
            found.add(place)
    yield from sorted(found)


def _sort_in(found: Survey, name: str) -> None:
    words = [word.lower() for word in _WORDS.findall(name)]
    if "sla" in words or "slo" in words or name == "transactional":
        found.promises[name] += 1
    elif any(word.startswith("compensat") for word in words):
        found.compensations[name] += 1
    elif any(word.startswith("idempot") for word in words):
        found.idempotent[name] += 1
    elif "breaker" in words or "circuitbreaker" in words:
        found.breakers[name] += 1
