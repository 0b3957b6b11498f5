"""Room for what goes deep: a stack that is sure to be large enough."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

RECURSION_LIMIT = 20_000
"""Python frames that code generation and lowering may use: an expression of 3,000 terms needs about 10,000."""

STACK = 512 * 1024 * 1024
"""Bytes of stack for a deep text, in a thread of its own. They are only reserved: what is not used costs nothing."""


def on_large_stack(work: Callable[[], _T]) -> _T:
    """What comes of the work, done in a thread with a stack that is sure to be large enough."""
    done: list[_T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(work())
        except Exception as error:  # noqa: BLE001 - raised again below, in the thread of the caller
            failed.append(error)

    before = threading.stack_size(STACK)
    try:
        thread = threading.Thread(target=run, name="parse", daemon=True)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()  # cancelcheck: ignore[CAN404] the work ends, in a result or an error
    if failed:
        raise failed[0]
    return done[0]
