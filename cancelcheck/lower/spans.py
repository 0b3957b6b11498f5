"""Where the nodes of a module stand in its text."""

from __future__ import annotations

import libcst as cst

from cancelcheck.lower.generated import Generated
from cancelcheck.lower.offsets import NotTheTextError, Offsets


class Where(dict[int, tuple[int, int]]):
    """Start and end offset of nodes, by identity, without their parentheses and surrounding white space."""

    def __init__(self, known: dict[int, tuple[int, int]], module: cst.Module, start: int) -> None:
        super().__init__(known)
        self._module = module
        self._start = start

    def __missing__(self, key: int) -> tuple[int, int]:
        """A node that the walk does not note: LibCST's generator knows all."""
        self.update(Generated(self._module, self._module, self._start, []).spans)
        return dict(self)[key]


class Everywhere(dict[int, tuple[int, int]]):
    """One span for all nodes."""

    def __init__(self, span: tuple[int, int]) -> None:
        super().__init__()
        self._span = span

    def __missing__(self, key: int) -> tuple[int, int]:
        return self._span


def _aligned(code: str, text: str, start: int) -> list[int]:
    """For each character that a tree gives back, and for their end, where it stands in the text. What the tree has lost
    is white space: LibCST drops some, before the colon of an `except` for one."""
    found: list[int] = []
    at = start
    for character in code:
        while at < len(text) and text[at] != character and text[at] in " \t\f\\\r\n":
            at += 1
        found.append(at)
        if at < len(text) and text[at] == character:
            at += 1
    found.append(at)
    return found


class Spans:
    """Where the nodes of one module stand: offsets in the whole `text`, of which the tree was parsed from `start` on.
    `exact` says whether the tree gives back that text, so that the offsets are good for edits."""

    __slots__ = ("_suites", "exact", "where")

    def __init__(self, module: cst.Module, text: str, start: int = 0) -> None:
        try:
            offsets = Offsets(module, text, start)
        except (NotTheTextError, AttributeError, LookupError, TypeError):
            # a tree that is not the text's, or not as this LibCST's trees are
            generated = Generated(module, module, start, [])
            self.exact = generated.code == text[start:]
            if self.exact:
                self.where: dict[int, tuple[int, int]] = Where(generated.spans, module, start)
                self._suites = generated.suites
            else:
                at = _aligned(generated.code, text, start)
                self.where = {
                    key: (at[first - start], at[last - start - 1] + 1 if last > first else at[first - start])
                    for key, (first, last) in generated.spans.items()
                }
                self._suites = {key: at[offset - start - 1] + 1 for key, offset in generated.suites.items()}
        else:
            self.where = Where(offsets.spans, module, start)
            self._suites = offsets.suites
            self.exact = True

    def after_colon(self, suite: cst.BaseSuite) -> int:
        """The offset just after the colon that a suite follows."""
        return self._suites[id(suite)]
