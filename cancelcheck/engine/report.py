"""What comes of a run."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Rule
from cancelcheck.model.source import SourceFile


class RunError(msgspec.Struct, frozen=True):
    """Something that kept the run from doing its work: the exit status is then 2.

    `path` is the file or folder, as given; `rule` the code of a rule that failed on it; `trace` its traceback.
    """

    message: str
    path: str = ""
    rule: str = ""
    trace: str = ""


class By(enum.StrEnum):
    """What keeps a finding out of the report; the values are SARIF's."""

    COMMENT = "inSource"
    BASELINE = "external"


class Suppressed(NamedTuple):
    """A finding that is not reported. `reason` is the comment, as it stands, or what the baseline says."""

    finding: Finding
    by: By
    reason: str


class Report(msgspec.Struct, frozen=True):
    """Findings in order of path, line and column, and everything a reporter may want to say about them.

    `suppressed` are those that a comment or the baseline keeps out, in the same order: forms that can say so do.
    `files` counts the files that were checked. `rules` are all rules there are. `sources` holds the text of the files
    that have findings, by path. `notes` are for the user, and no errors: what went slower than it might have.
    """

    findings: tuple[Finding, ...]
    errors: tuple[RunError, ...] = ()
    files: int = 0
    rules: tuple[Rule, ...] = ()
    sources: Mapping[str, SourceFile] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()

    @property
    def known(self) -> tuple[Finding, ...]:
        """The findings that a baseline knows of."""
        return tuple(suppressed.finding for suppressed in self.suppressed if suppressed.by is By.BASELINE)
