"""What is said of a cancel that nobody waits for: one of a wait that is over reaches nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from cancelcheck.config import Settings
from tests.support.runs import run, write

TEXT = """import asyncio


async def serve(tasks, first, second):
    both = asyncio.gather({given})
    try:
        await both
    {caught}:
        both.cancel()
        {more}
"""


@pytest.mark.parametrize(
    ("given", "caught", "more", "in_vain"),
    [
        ("first(), second()", "except OSError", "raise", True),
        ("*tasks", "finally", "pass", True),
        ("*tasks", "except", "raise", True),
        ("first()", "finally", "pass", False),
        ("*tasks", "finally", "[task.cancel() for task in tasks]", False),
    ],
)
def test_the_cancel_of_a_wait_that_has_failed_reaches_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, caught: str, more: str, in_vain: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"serving.py": TEXT.format(given=given, caught=caught, more=more)})
    found = [finding for finding in run("serving.py", settings=Settings(strict=True)).findings if finding.line == 9]
    (message,) = [finding.message for finding in found if finding.code == "CAN108"]
    assert message.startswith("`both.cancel()` does nothing" if in_vain else "`both` is cancelled and not awaited")


def test_it_is_in_vain_only_where_it_is_awaited_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = TEXT.format(given="*tasks", caught="finally", more="pass").replace("await both", "await first()")
    write(tmp_path, {"serving.py": text})
    (finding,) = run("serving.py", settings=Settings(strict=True)).findings
    assert finding.message.startswith("`both` is cancelled and not awaited")
