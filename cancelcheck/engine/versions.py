"""What made the things that are kept: the code of this program, its parser, and the Python that runs it.

A digest of the code itself, not of a version's number, so that a checkout that was changed never finds what the code
before the change has made.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache

import cancelcheck
from cancelcheck.engine.store import Kind, Store, digest

_SUFFIXES = (".py", ".toml")
_LOWERING = ("lower", os.path.join("model", "facts.py"), os.path.join("model", "source.py"))
"""What facts are made by."""


@cache
def lowering() -> bytes:
    """Stands for everything that makes a file's facts out of its text."""
    return digest(_python(), _parser(), *_contents(_LOWERING), *_contents((os.path.join("engine", "decode.py"),)))


@cache
def everything() -> bytes:
    """Stands for everything that makes a file's findings."""
    return digest(_python(), _parser(), *_contents(("",)))


def known_everything(store: Store) -> bytes:
    """The same. To read five hundred files takes as long as to check a small one: as long as they show no change, it is
    known."""
    found = store.get(Kind.VERSION, stamp())
    if found is None:
        found = everything()
        if _stamp_now() == stamp():
            store.put(Kind.VERSION, stamp(), found)
    return found


@cache
def stamp() -> bytes:
    """Stands for `everything` in a hurry: by the times and sizes of the files, none of which is read."""
    return _stamp_now()


def _stamp_now() -> bytes:
    root = os.path.dirname(os.path.abspath(cancelcheck.__file__))
    found = []
    for path in _files(root):
        status = os.stat(path)
        found.append(f"{path}\0{status.st_mtime_ns}\0{status.st_size}".encode("utf-8", "surrogateescape"))
    return digest(_python(), _parser(), *found)


def _python() -> bytes:
    # the codecs, and Unicode's tables are Python's
    return f"{cancelcheck.__version__} {sys.implementation.name} {sys.version_info[:3]}".encode()


def _parser() -> bytes:
    """LibCST's version, without importing it."""
    for folder in sys.path:
        file = os.path.join(folder, "libcst", "_version.py")
        if os.path.isfile(file):
            return _read(file)
    from importlib.metadata import version

    return version("libcst").encode()


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _contents(parts: tuple[str, ...]) -> Iterator[bytes]:
    """Names and contents of the package's files below some of its folders; nothing if it is no folder."""
    root = os.path.dirname(os.path.abspath(cancelcheck.__file__))
    for part in parts:
        for path in _files(os.path.join(root, part) if part else root):
            yield os.path.relpath(path, root).replace(os.sep, "/").encode()
            yield _read(path)


def _files(path: str) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
        return
    inner: list[str] = []
    try:
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            inner += [entry.path] if entry.name != "__pycache__" else []
        elif entry.name.endswith(_SUFFIXES):
            yield entry.path
    for folder in inner:
        yield from _files(folder)
