"""The texts that a report shows: those that were checked, or none."""

from __future__ import annotations

from pathlib import Path

from cancelcheck.engine.texts import Texts, digest_of_text
from cancelcheck.model.source import SourceFile


def test_a_text_that_has_changed_since_it_was_checked_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    texts = Texts([str(path)], digests={str(path): digest_of_text("x = 1\n")})
    assert texts[str(path)].text == "x = 1\n"
    path.write_text("x = 2\n")
    changed = Texts([str(path)], digests={str(path): digest_of_text("x = 1\n")})
    assert changed.get(str(path)) is None
    assert list(changed) == [str(path)]


def test_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.py")
    assert Texts([missing])[missing].text == ""


def test_what_was_given_is_not_read() -> None:
    source = SourceFile("a.py", "x = 1\n")
    texts = Texts([], {"a.py": source})
    assert texts["a.py"] is source
    assert len(texts) == 1
    assert texts.get("b.py") is None
