"""LibCST's parser, without the second look that LibCST takes at each node.

Whenever a node is made, `CSTNode.__post_init__` asks it to validate itself. That is for trees made by hand; its own
comment says that a parser's trees would not need it. It takes 14 % of the parse: for 88,000 lines 2.62 s of CPU time
without this, and 2.26 s with it.
"""

from __future__ import annotations

import threading
from types import FunctionType

import libcst as cst

from cancelcheck.lower.stack import on_large_stack


def _leave(_self: object) -> None:
    """What `__post_init__` does meanwhile."""


def _validator() -> FunctionType | None:
    """`CSTNode.__post_init__`, where it does nothing but validate; None in a LibCST that does otherwise."""
    found = getattr(cst.CSTNode, "__post_init__", None)
    if isinstance(found, FunctionType) and found.__code__.co_names == ("_validate",) and found.__closure__ is None:
        return found
    return None


class _Unvalidated:
    """While anything is parsed in it, nodes are not validated: those of other threads neither.

    The code of the method is exchanged, not the method: to set an attribute of a class makes Python forget all that it
    has learnt of its 170 subclasses, and from 3.13 on it learns anew a thousand times only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parsing = 0
        self._method = _validator()
        self._code = self._method.__code__ if self._method is not None else None

    def __enter__(self) -> None:
        with self._lock:
            self._parsing += 1
            if self._method is not None:
                self._method.__code__ = _leave.__code__

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._parsing -= 1
            if not self._parsing and self._method is not None and self._code is not None:
                self._method.__code__ = self._code


_unvalidated = _Unvalidated()


def parse(text: str, *, deep: bool = False) -> cst.Module:
    """The tree of a module; with `deep` on a stack that is sure to be large enough. Raises `ParserSyntaxError`. What
    validation would have found in what the parser lets pass (bytes beside text, a bare `except` before others),
    lowering finds."""
    return on_large_stack(lambda: _parse(text)) if deep else _parse(text)


def _parse(text: str) -> cst.Module:
    with _unvalidated:
        return cst.parse_module(text)
