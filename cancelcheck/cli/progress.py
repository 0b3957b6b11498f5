"""How far a run is."""

from __future__ import annotations

import sys
import time

_AFTER = 1.0
"""Seconds before a run on a terminal shows how far it is."""


class Progress:
    """A line on the terminal that says how far the run is, once it takes long."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._shown = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """So many of so many files are read, or checked."""
        now = time.monotonic()
        if now - self._started > _AFTER and now - self._shown > 0.1:
            self._shown = now
            sys.stderr.write(f"\r\x1b[K{done} of {total} files {what}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
