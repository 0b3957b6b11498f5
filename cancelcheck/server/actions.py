"""What an editor offers to do: apply a finding's fix, all safe fixes, or silence the finding with a comment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lsprotocol import types

from cancelcheck.engine.suppress import silencing_edit
from cancelcheck.fixing import choose
from cancelcheck.model.edit import Edit, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from cancelcheck.rules import RULES
from cancelcheck.server.positions import Positions

FIX_ALL = f"{types.CodeActionKind.SourceFixAll.value}.cancelcheck"
"""The kind of action that an editor can run each time a file is saved."""


class Document:
    """One document as it was checked: its `uri`, `version` and text. `versioned`: the client takes edits that say which
    version of the document they are for."""

    def __init__(
        self, uri: str, version: int | None, source: SourceFile, positions: Positions, *, versioned: bool
    ) -> None:
        self._uri = uri
        self._version = version
        self._source = source
        self._positions = positions
        self._versioned = versioned

    def quick_fixes(self, finding: Finding, diagnostic: types.Diagnostic) -> Iterator[types.CodeAction]:
        """What can be done about one finding."""
        if finding.fix is not None:
            safe = finding.fix.safety is Safety.SAFE
            yield types.CodeAction(
                title=_sentence(finding.fix.title) + ("" if safe else " (may change behaviour)"),
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[diagnostic],
                is_preferred=True if safe else None,
                edit=self._edit(finding.fix.edits),
            )
        silencing = silencing_edit(self._source, finding, RULES)
        if silencing is not None:
            yield types.CodeAction(
                title=f"Silence {finding.code} ({finding.name}) here",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[diagnostic],
                edit=self._edit([silencing]),
            )

    def fix_all(self, findings: Iterable[Finding]) -> types.CodeAction | None:
        """All safe fixes at once, as far as they fit together; None where there is none."""
        fixes = [finding.fix for finding in findings if finding.fix is not None and finding.fix.safety is Safety.SAFE]
        if not fixes:
            return None
        edits = list(dict.fromkeys(edit for fix in choose(fixes) for edit in fix.edits))
        return types.CodeAction(
            title="Apply all safe fixes of cancelcheck",
            kind=FIX_ALL,
            edit=self._edit(edits),
        )

    def _edit(self, edits: Sequence[Edit]) -> types.WorkspaceEdit:
        changes = [
            types.TextEdit(
                types.Range(
                    self._positions.at_offset(self._source, edit.start),
                    self._positions.at_offset(self._source, edit.end),
                ),
                edit.text,
            )
            for edit in edits
        ]
        if not self._versioned:
            return types.WorkspaceEdit(changes={self._uri: changes})
        document = types.OptionalVersionedTextDocumentIdentifier(self._uri, self._version)
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, changes)])


def is_wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether an editor that asks for certain kinds of actions asks for this one."""
    return only is None or any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in only)


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]
