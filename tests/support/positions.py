"""Where LibCST itself says that nodes stand, in offsets."""

from __future__ import annotations

from typing import TypeVar

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from cancelcheck.model.source import line_starts

Span = tuple[int, int]
NodeT = TypeVar("NodeT", bound=cst.CSTNode)


class Positions:
    """`PositionProvider`'s lines and columns of one text, as character offsets."""

    def __init__(self, text: str) -> None:
        # LibCST drops a leading form feed, and counts columns without it.
        self._shift = len(text) - len(text.lstrip("\f"))
        self._starts = line_starts(text[self._shift :])
        wrapper = MetadataWrapper(cst.parse_module(text[self._shift :]), unsafe_skip_copy=True)
        self._ranges = wrapper.resolve(PositionProvider)

    def of(self, node: cst.CSTNode) -> Span:
        """Start and end of a node."""
        place = self._ranges[node]
        assert isinstance(place, CodeRange)
        return (
            self._shift + self._starts[place.start.line - 1] + place.start.column,
            self._shift + self._starts[place.end.line - 1] + place.end.column,
        )

    def all(self, kind: type[NodeT]) -> list[NodeT]:
        """Every node of a class."""
        return [node for node in self._ranges if isinstance(node, kind)]
