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
    """Lets pieces of work take `LIMIT` each; the time of one that is done inside another is its own. One for all of a
    process (`WATCH`): it looks at the time from one thread, which is there only while there is work."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._begin_afresh()

    def within(self, work: Callable[[], _T]) -> _T:
        """What comes of the work. Raises `TooLongError`, and what it raises itself. What was begun when its time was
        over is left as it is."""
        if self._process != os.getpid():
            # a copy of a process has no threads
            self._begin_afresh()
        turns, turn = self._enter()
        try:
            try:
                return work()
            finally:
                self._leave(turns, turn)
        except _TimeOverError:
            # only the innermost piece of work has a time that runs; this may have come while it was being left
            self._leave(turns, turn)
            raise TooLongError from None

    def stop(self) -> None:
        """End the thread that looks at the time, if nothing is to be looked at. The next work starts it again."""
        if self._process != os.getpid():
            return
        with self._lock:
            thread = self._thread if not any(self._turns.values()) else None
            if thread is not None:
                self._stopped.set()
        if thread is not None:
            thread.join(2 * _LOOKS)

    def _begin_afresh(self) -> None:
        self._process = os.getpid()
        self._turns: dict[int, list[_Turn]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = None

    def _enter(self) -> tuple[list[_Turn], _Turn]:
        now = time.process_time()
        turn = _Turn(LIMIT, now)
        with self._lock:
            turns = self._turns.setdefault(threading.get_ident(), [])
            if turns:
                turns[-1].left -= now - turns[-1].since
            turns.append(turn)
            if self._thread is None:
                self._stopped.clear()
                self._thread = threading.Thread(target=self._look, name="cancelcheck watch", daemon=True)
                self._thread.start()
        return turns, turn

    def _leave(self, turns: list[_Turn], turn: _Turn) -> None:
        with self._lock:
            if turn in turns:
                del turns[turns.index(turn) :]
                if turns:
                    turns[-1].since = time.process_time()
        if turn.is_over:
            # it may have been raised, and not have come
            _raise_in(threading.get_ident(), None)

    def _look(self) -> None:
        while True:
            self._stopped.wait(min(_LOOKS, LIMIT / 4))
            now = time.process_time()
            with self._lock:
                self._stopped.clear()
                for thread, turns in list(self._turns.items()):
                    if not turns:
                        del self._turns[thread]
                    elif now - turns[-1].since > turns[-1].left:
                        turns[-1].is_over = True
                        # again at each look: where it came first, someone may have taken it
                        _raise_in(thread, _TimeOverError)
                if not self._turns:
                    self._thread = None
                    return


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise this in another thread, or take it back."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(error) if error is not None else None
    )


WATCH = Watch()
"""The one of this process."""
