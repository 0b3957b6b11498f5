"""Exact character offsets of LibCST nodes, by counting the tokens of its own code generator.

`PositionProvider` counts lines and columns token by token, and keeps a position object for every node: 127 to 254 µs per
source line. Counting tokens, and adding their lengths up once at the end, gives the same spans for a fifth of that. A
property test compares the two.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState


class _Mark:
    """Notes the tokens between entering and leaving as a node's span: what LibCST asks for as a context manager."""

    __slots__ = ("end_node", "node", "start", "start_node", "state")

    def __init__(
        self, state: _TokenState, node: cst.CSTNode, start_node: cst.CSTNode | None, end_node: cst.CSTNode | None
    ) -> None:
        self.state = state
        self.node = node
        self.start_node = start_node
        self.end_node = end_node

    def __enter__(self) -> None:
        self.start = len(self.state.tokens)

    def __exit__(self, *_: object) -> None:
        state = self.state
        spans = state.spans
        start = self.start if self.start_node is None else spans[id(self.start_node)][0]
        end = len(state.tokens) if self.end_node is None else spans[id(self.end_node)][1]
        spans[id(self.node)] = (start, end)


class _TokenState(CodegenState):
    """Generates the code, and notes between which tokens each node stands."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.spans: dict[int, tuple[int, int]] = {}
        self.suites: dict[int, int] = {}
        self.stack: list[int] = []

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.stack.append(len(self.tokens))

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self.stack.pop()
        key = id(node)
        if key not in self.spans:
            self.spans[key] = (start, len(self.tokens))
        if isinstance(node, cst.BaseSuite):
            self.suites[key] = start

    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Any:
        return _Mark(self, node, start_node, end_node)


class Spans:
    """Where the nodes of one module stand. `code` is the text that the tree gives back."""

    __slots__ = ("_offsets", "_spans", "_suites", "code", "shift")

    def __init__(self, module: cst.Module, shift: int = 0) -> None:
        state = _TokenState(module)
        module._codegen(state)
        self._spans = state.spans
        self._suites = state.suites
        self._offsets = list(accumulate(map(len, state.tokens), initial=shift))
        self.code = "".join(state.tokens)

    def of(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end offset of a node, without its parentheses and surrounding white space."""
        start, end = self._spans[id(node)]
        return self._offsets[start], self._offsets[end]

    def after_colon(self, suite: cst.BaseSuite) -> int:
        """The offset just after the colon that a suite follows."""
        return self._offsets[self._suites[id(suite)]]
