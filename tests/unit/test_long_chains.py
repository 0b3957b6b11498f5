"""Expressions of thousands of terms end in facts or in a finding, never in the end of the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHAINS = {
    "sum": "x = 1" + " + 1" * 5_000 + "\n",
    "elif": "if a:\n    pass\n" + "elif b:\n    pass\n" * 16_000,
}
"""LibCST's parser overflows the 8 MiB of a main thread with the like. Its time grows with the square of a sum."""


@pytest.mark.parametrize("name", CHAINS)
def test_a_long_chain_is_survived(name: str) -> None:
    # in a process of its own: what goes wrong here takes the process with it
    done = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "--isolated", "--stdin-filename", "chain.py", "-"],
        input=CHAINS[name].encode(),
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.returncode in (0, 1), done.stderr.decode()[-2000:]
    assert done.stdout.decode() == "" or "chain.py:1:1: CAN001" in done.stdout.decode()
