"""An end for what takes too long.

There is no way to end Python code from outside that works in every thread and on every system, but one: an exception
that another thread raises in it. It is raised when the process has spent its time, not the clock: on a machine that has
much else to do, a file is not given up sooner. What a library does without asking for Python's lock cannot be ended so;
of that there is only the parser, and texts that it may be long over are parsed in a process of their own
(`apart.py`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

LIMIT = 60.0
"""Seconds of processor time that a file may take. The largest that is looked at takes some fifteen."""

_LOOKS = 1.0
"""Seconds between two looks at the time."""

_T = TypeVar("_T")


class TooLongError(Exception):
    """The time was over."""


class _TimeOverError(BaseException):
    """What is raised in the code that takes too long: no `Exception`, so that nobody takes it for one of their own."""


class _Turn:
    """One piece of work: the time it has `left`, as of `since`."""

    __slots__ = ("is_over", "left", "since")

    def __init__(self, left: float, since: float) -> None:
        self.left = left
        self.since = since
        self.is_over = False


class Watch:
    """Lets pieces of work of one thread take `LIMIT` each; the time of one that is done inside another is its own."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._begin_afresh()

    def within(self, work: Callable[[], _T]) -> _T:
        """What comes of the work. Raises `TooLongError`, and what it raises itself. What was begun when its time was
        over is left as it is."""
        if self._process != os.getpid():
            # a copy of a process has no threads
            self._begin_afresh()
        turn = self._enter()
        try:
            try:
                return work()
            finally:
                self._leave(turn)
        except _TimeOverError:
            # only the innermost piece of work has a time that runs; this may have come while it was being left
            self._leave(turn)
            raise TooLongError from None

    def stop(self) -> None:
        """End the thread that looks at the time. The next work starts it again."""
        thread, self._thread = self._thread, None
        if thread is not None and self._process == os.getpid():
            self._stopped.set()
            thread.join()  # cancelcheck: ignore[CAN404] it looks at the signal that was just given

    def _begin_afresh(self) -> None:
        self._process = os.getpid()
        self._turns: list[_Turn] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = None
        self._watched = 0

    def _enter(self) -> _Turn:
        now = time.process_time()
        turn = _Turn(LIMIT, now)
        with self._lock:
            if self._turns:
                outer = self._turns[-1]
                outer.left -= now - outer.since
            else:
                self._watched = threading.get_ident()
            self._turns.append(turn)
            if self._thread is None:
                self._stopped.clear()
                self._thread = threading.Thread(target=self._look, name="cancelcheck watch", daemon=True)
                self._thread.start()
        return turn

    def _leave(self, turn: _Turn) -> None:
        with self._lock:
            if turn in self._turns:
                del self._turns[self._turns.index(turn) :]
                if self._turns:
                    self._turns[-1].since = time.process_time()
        if turn.is_over:
            # it may have been raised, and not have come
            _raise_in(self._watched, None)

    def _look(self) -> None:
        while not self._stopped.wait(min(_LOOKS, LIMIT / 4)):
            with self._lock:
                turn = self._turns[-1] if self._turns else None
                if turn is None:
                    # nothing to look at: whoever is done need not say so, and leaves no thread behind
                    self._thread = None
                    return
                if time.process_time() - turn.since > turn.left:
                    turn.is_over = True
                    # again at each look: where it came first, someone may have taken it
                    _raise_in(self._watched, _TimeOverError)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise this in another thread, or take it back."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(error) if error is not None else None
    )
