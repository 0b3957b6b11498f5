"""Values are followed to what they are instances of, in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.runs import places, run, write


def test_attributes_that_are_made_of_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # sixteen attributes, each made of all others: exponential where a look-up forgets what it has found on the way
    monkeypatch.chdir(tmp_path)
    names = [f"part{number}" for number in range(16)]
    stores = "\n".join(
        f"        self.{name} = " + " or ".join(f"self.{other}.twin()" for other in names if other != name)
        for name in names
    )
    text = f"import asyncio\n\n\nclass Whole:\n    def __init__(self):\n{stores}\n\n    async def go(self):\n"
    text += "        self.part0.create_task(self.go())\n        asyncio.create_task(self.go())\n"
    write(tmp_path, {"whole.py": text})
    lines = text.count("\n")
    assert places(run("whole.py")) == [("whole.py", lines - 1, 9, "CAN101"), ("whole.py", lines, 9, "CAN101")]
