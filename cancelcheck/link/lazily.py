"""Attributes, and answers, that are worked out when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_T = TypeVar("_T")
_K = TypeVar("_K")


def remembered(known: dict[_K, _T], key: _K, find: Callable[[], _T]) -> _T:
    """An answer that is worked out once, and then stands among those that are known."""
    if key not in known:
        known[key] = find()
    return known[key]


class Lazily(Generic[_T]):
    """An attribute that is worked out once, and then stands in the object itself. As `functools.cached_property`, which
    takes a lock for it up to Python 3.11: of half a million, that is what takes longest."""

    def __init__(self, find: Callable[[Any], _T]) -> None:
        self.find = find
        self.name = ""
        self.__doc__ = find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...

    def __get__(self, instance: object | None, owner: type) -> _T | Self:
        if instance is None:
            return self
        found = instance.__dict__[self.name] = self.find(instance)
        return found
