"""The sample project is reported as its README says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cancelcheck.cli import main

SAMPLE = Path(__file__).resolve().parent.parent / "examples" / "payments"
README = SAMPLE / "README.md"

COMMANDS = {
    "$ cancelcheck --format concise .": ["--format", "concise", "--no-cache", "--quiet", "."],
    "$ cancelcheck budget .": ["budget", "--no-cache", "."],
}


def shown(command: str) -> str:
    """What the README shows under a command."""
    match = re.search(rf"^```\n{re.escape(command)}\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert match is not None, command
    return match[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_sample_is_reported_as_its_readme_says(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(SAMPLE)
    main(COMMANDS[command])
    assert capsys.readouterr().out == shown(command)
