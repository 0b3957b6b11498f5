"""What a rule reports."""

from __future__ import annotations

import msgspec

from cancelcheck.model.digests import blake2b
from cancelcheck.model.edit import Fix

Said = str
"""What is only said in a report: a part of its message, its help, a note. No finding depends on it."""


class Step(msgspec.Struct, frozen=True):
    """One step of the path or chain behind a finding. Line and column are 1-based, columns in characters."""

    path: str
    line: int
    column: int
    note: str


class Finding(msgspec.Struct, frozen=True):
    """One report. `path` is the path as given, with `/`; positions are 1-based, columns in characters.

    `statement` is the text of the reported statement's first line, stripped: with the code and the
    symbol it makes the fingerprint, so that a baseline survives when lines move. `strict` marks a report that is
    made only with `--strict`, or when its rule is selected by name, though the rule itself may be on. `silenced` is the
    comment in the code that silences it; None where none does.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    code: str
    name: str
    family: str
    message: str
    help: str
    symbol: str = ""
    trace: tuple[Step, ...] = ()
    fix: Fix | None = None
    statement: str = ""
    strict: bool = False
    silenced: str | None = None

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of a report: path, line, column, code, message."""
        return (self.path, self.line, self.column, self.code, self.message)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over code, symbol and statement text; never over line numbers."""
        text = f"{self.code}\0{self.symbol}\0{self.statement}"
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
