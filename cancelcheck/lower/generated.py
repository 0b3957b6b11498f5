"""Offsets of LibCST nodes by its own code generator: right for every node there is or will be, and seven times as slow
as `offsets`, which asks it for what it does not know itself."""

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
    """Generates the code, and notes between which tokens each node stands: where LibCST marks it, or else the whole of
    what it generates. Counting tokens, and adding their lengths up once at the end, costs a fifth of what
    `PositionProvider` does, which counts lines and columns and keeps an object for each node."""

    def __init__(self, module: cst.Module, indents: list[str]) -> None:
        super().__init__(
            default_indent=module.default_indent, default_newline=module.default_newline, indent_tokens=indents
        )
        self.spans: dict[int, tuple[int, int]] = {}
        self.suites: dict[int, int] = {}
        self.stack: list[int] = []

    def before_codegen(self, node: cst.CSTNode) -> None:
        if type(node) in _SUITES:
            self.suites[id(node)] = len(self.tokens)
        self.stack.append(len(self.tokens))

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self.stack.pop()
        self.spans.setdefault(id(node), (start, len(self.tokens)))

    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Any:
        return _Mark(self, node, start_node, end_node)


_SUITES = frozenset({cst.IndentedBlock, cst.SimpleStatementSuite})


class Generated:
    """What the code generator makes of a node and all in it: `code`, the `spans` of the nodes, and where the `suites`
    begin, by identity. The node stands at `start`, indented by `indents`."""

    __slots__ = ("code", "spans", "suites")

    def __init__(self, module: cst.Module, node: cst.CSTNode, start: int, indents: list[str]) -> None:
        state = _TokenState(module, list(indents))
        node._codegen(state)
        offsets = list(accumulate(map(len, state.tokens), initial=start))
        # the last token of a file without a last newline is dropped: the end of what held it is the end of the text
        offsets.append(offsets[-1])
        self.code = "".join(state.tokens)
        self.spans = {key: (offsets[first], offsets[last]) for key, (first, last) in state.spans.items()}
        self.suites = {key: offsets[first] for key, first in state.suites.items()}
