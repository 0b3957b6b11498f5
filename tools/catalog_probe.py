"""Looks names up in the libraries that are installed beside this Python, and says what they are.

`catalog_check.py` runs it in other environments than its own: standard library only. A request is one JSON object on
standard input, `{"names": […], "subclasses": [[type, base], …], "packages": […]}`; the answer is one on standard
output, in which each name that was found has what `describe` says of it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import io
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

MADE = (
    "asyncio.Condition",
    "multiprocessing.Condition",
    "multiprocessing.Lock",
    "multiprocessing.RLock",
    "multiprocessing.Semaphore",
    "select.poll",
    "threading.Condition",
    "threading.Lock",
    "threading.RLock",
)
"""Factories, and classes that set their methods when they are made: an instance is looked at."""

_PLAIN = (type(None), bool, int, float, str)


def attribute(name: str) -> Any:
    """The object of a qualified name. Raises `LookupError` where there is none."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        prefix = ".".join(parts[:end])
        found: Any
        try:
            found = attribute(prefix)() if prefix in MADE and end < len(parts) else importlib.import_module(prefix)
        except ImportError:
            continue
        try:
            for part in parts[end:]:
                found = getattr(found, part)
        except AttributeError:
            continue
        return found
    raise LookupError(name)


def describe(name: str) -> dict[str, Any] | None:
    """What a name is: `parameters` without `self` (None where Python cannot say), each with its `kind` and, where it is
    a plain value, its `default`; `coroutine` and `generator` functions; `members` of a class. None: nothing there."""
    try:
        found = attribute(name)
    except LookupError:
        return None
    is_class = inspect.isclass(found)
    return {
        "class": is_class,
        "coroutine": inspect.iscoroutinefunction(found),
        "generator": inspect.isasyncgenfunction(found),
        "members": sorted(dir(found)) if is_class else [],
        "parameters": _parameters(name, found),
    }


def _parameters(name: str, found: object) -> list[dict[str, Any]] | None:
    if not callable(found):
        return None
    try:
        taken = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return None
    bound = name.startswith(tuple(f"{made}." for made in MADE))
    method = inspect.isfunction(found) or inspect.ismethoddescriptor(found)
    if method and not bound and taken and taken[0].name in ("self", "_self", "__self"):
        taken = taken[1:]
    return [_parameter(parameter) for parameter in taken]


def _parameter(parameter: inspect.Parameter) -> dict[str, Any]:
    said: dict[str, Any] = {"name": parameter.name, "kind": parameter.kind.name}
    default = parameter.default
    # a number that is no plain one (an enum's, numpy's) is written as what it is
    if type(default) in _PLAIN and default == default and default not in (float("inf"), float("-inf")):
        said["default"] = default
    return said


def is_subclass(name: str, base: str) -> bool | None:
    """Whether a class inherits from another; None where one of them is none, or not there."""
    try:
        kinds = attribute(name), attribute(base)
    except LookupError:
        return None
    return issubclass(*kinds) if all(map(inspect.isclass, kinds)) else None


def importable(package: str) -> str:
    """Why a package cannot be imported, or ""."""
    try:
        importlib.import_module(package)
    except Exception as error:  # noqa: BLE001 (whatever a library does when it is imported)
        return f"{type(error).__name__}: {error}"
    return ""


def answer(request: dict[str, Any], version: Callable[[str], str] = importlib.metadata.version) -> dict[str, Any]:
    """The answer to a request."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        failed = importable(request["library"])
        if failed:
            return {"failed": failed}
        names = {name: describe(name) for name in request["names"]}
        subclasses = [is_subclass(*pair) for pair in request["subclasses"]]
    package = request["package"]
    try:
        found = version(package) if package else ".".join(map(str, sys.version_info[:3]))
    except importlib.metadata.PackageNotFoundError:
        found = ""
    python = list(sys.version_info[:2])
    return {"failed": "", "python": python, "version": found, "names": names, "subclasses": subclasses}


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
