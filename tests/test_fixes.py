"""Every fix of every fixture, one at a time: what it leaves parses, the finding is gone and none has come, a second
application has nothing to do, and nothing else is touched."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cancelcheck.fixing import apply_edits, fix_until_stable
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from tests.support.checking import check_fixture, findings_of, known_findings
from tests.support.fixtures import read_fixture, single_files
from tests.support.sources import label


def fixes_in(path: Path) -> list[Finding]:
    return [finding for finding in known_findings(path) if finding.fix is not None]


def top_level(text: str) -> Iterator[tuple[str, int, int]]:
    """The statements of a module: what each says, with the lines it takes."""
    for statement in ast.parse(text).body:
        decorated = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorated)])
        assert statement.end_lineno is not None
        yield ast.dump(statement), first, statement.end_lineno


def comments(text: str) -> Counter[str]:
    return Counter(
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    )


def is_new_at_module_level(statement: str) -> bool:
    """Whether a statement is one that a fix may add beside what it mends: an import, or a name of the module."""
    return statement.startswith(("Import(", "ImportFrom(", "Assign(targets=[Name("))


@pytest.mark.parametrize("path", single_files(), ids=label)
def test_each_fix_by_itself(path: Path) -> None:
    text = read_fixture(path)
    before = known_findings(path)
    old, remarks = list(top_level(text)), comments(text)
    for finding in before:
        if finding.fix is None:
            continue
        where = f"{path.name}:{finding.line}: {finding.code} {finding.fix.title}"
        changed = apply_edits(text, finding.fix.edits)
        assert changed != text, where

        # it is Python, and only the statement that holds the finding has changed, beside what all may use
        new = [statement for statement, _, _ in top_level(changed)]
        missing = Counter(statement for statement, _, _ in old) - Counter(new)
        for statement, first, last in old:
            if missing[statement] and not is_new_at_module_level(statement):
                assert first <= finding.line <= last, where
        added = Counter(new) - Counter(statement for statement, _, _ in old)
        others = [statement for statement in added.elements() if not is_new_at_module_level(statement)]
        assert len(others) <= 1, where

        # comments stay, but for those of a statement that goes
        left = comments(changed)
        assert (remarks - left).total() <= 1, where
        assert not left - remarks, where

        # the finding is gone, none has come but what the mended code now lets through, and that can be mended too
        after = check_fixture(path, changed, strict=True)
        at = _shifted(SourceFile("", text), SourceFile("", changed), finding)
        told = (finding.code, finding.message, *at)
        assert [found for found in after if (found.code, found.message, found.line, found.column) == told] == [], where
        came = Counter(found.code for found in after) - Counter(found.code for found in before)
        for code in came:
            assert all(found.fix is not None for found in after if found.code == code), (where, code)


def _shifted(old: SourceFile, new: SourceFile, finding: Finding) -> tuple[int, int]:
    """Line and column of the place of a finding, once its fix is applied."""
    offset = old.starts[finding.line - 1] + finding.column - 1
    assert finding.fix is not None
    moved = sum(len(edit.text) - (edit.end - edit.start) for edit in finding.fix.edits if edit.end <= offset)
    return new.position(offset + moved)


@pytest.mark.parametrize("unsafe", [False, True], ids=["safe", "unsafe"])
@pytest.mark.parametrize("path", single_files(), ids=label)
def test_all_fixes_together_settle_and_have_nothing_left_to_do(path: Path, unsafe: bool) -> None:
    if not fixes_in(path):
        return
    mended = fix_until_stable(read_fixture(path), lambda text: findings_of(path, text), unsafe=unsafe)
    assert mended.settled
    assert unsafe or all(f.fix is not None and f.fix.safety is Safety.SAFE for f in mended.applied)
    again = fix_until_stable(mended.text, lambda text: findings_of(path, text), unsafe=unsafe)
    assert (again.text, again.applied) == (mended.text, [])


def test_most_rules_that_promise_a_fix_are_among_them() -> None:
    found = {finding.code for path in single_files() for finding in fixes_in(path)}
    wanted = {
        101,
        103,
        104,
        105,
        106,
        108,
        109,
        112,
        118,
        121,
        122,
        123,
        201,
        202,
        303,
        304,
        306,
        401,
        402,
        403,
        406,
        410,
    }
    assert {f"CAN{number}" for number in wanted} <= found
