"""Findings as the protocol's diagnostics, and rules as what is shown under the pointer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lsprotocol import types

from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.source import SourceFile
from cancelcheck.rules import RULES
from cancelcheck.server.positions import Positions

SOURCE = "cancelcheck"
"""The name under which an editor shows what is found."""

_BY_WORD = {word: rule for rule in RULES for word in (rule.code, rule.name)}
_COMMENT = re.compile(r"#\s*(?:noqa|cancelcheck:).*", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9-]+")


def range_of(finding: Finding, source: SourceFile, positions: Positions) -> types.Range:
    """Where a finding stands."""
    return positions.between(source, (finding.line, finding.column), (finding.end_line, finding.end_column))


def diagnostic_of(
    finding: Finding, sources: Mapping[str, SourceFile], positions: Positions, *, related: bool
) -> types.Diagnostic:
    """A finding as a diagnostic; `related`: with the steps of its path, each a place to go to."""
    return types.Diagnostic(
        range=range_of(finding, sources[finding.path], positions),
        message=f"{finding.message}\n{finding.help}" if finding.help else finding.message,
        severity=_severity(finding),
        code=finding.code,
        source=SOURCE,
        related_information=[
            types.DiagnosticRelatedInformation(_location(step, sources, positions), step.note) for step in finding.trace
        ]
        if related and finding.trace
        else None,
    )


def _severity(finding: Finding) -> types.DiagnosticSeverity:
    if finding.code in ("CAN000", "CAN001"):
        return types.DiagnosticSeverity.Error
    if finding.strict:
        return types.DiagnosticSeverity.Information
    return types.DiagnosticSeverity.Warning


def _location(step: Step, sources: Mapping[str, SourceFile], positions: Positions) -> types.Location:
    source = sources[step.path]
    start = positions.at(source, step.line, step.column)
    # a step is a place; editors show nothing of an empty range
    end = positions.at(source, step.line, max(len(source.line(step.line)), step.column) + 1)
    return types.Location(Path(step.path).as_uri(), types.Range(start, end))


def explanation(code: str) -> str:
    """What `cancelcheck explain` says of a rule, in Markdown."""
    rule = _BY_WORD[code]
    return f"### {rule.code} `{rule.name}`\n\n{rule.captioned}"


def rule_named_at(source: SourceFile, line: int, character: int) -> str:
    """The code of the rule that a comment which silences names at a place; empty where there is none. `line` is
    1-based, `character` an index."""
    text = source.line(line)
    comment = _COMMENT.search(text)
    if comment is None:
        return ""
    for word in _WORD.finditer(text, comment.start()):
        if word.start() <= character <= word.end():
            rule = _BY_WORD.get(word[0]) or _BY_WORD.get(word[0].upper()) or _BY_WORD.get(word[0].lower())
            return rule.code if rule is not None else ""
    return ""
