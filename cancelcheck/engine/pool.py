"""The same findings from several processes.

Each process has a share of the files, which are neighbours. First all files are lowered and their facts kept in the
store; then they are checked, each process with the facts of what it lowered still at hand, and those of what its files
import besides. The second begins when the first is done, so that hardly a file is parsed twice. Whoever has done its
share takes from the end of another's. What comes back is put in the order of the files: nothing that is shown depends
on which process was quicker.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.pipeline import MAX_WEIGHT, Engine, rarely_collect
from cancelcheck.engine.recall import Asked
from cancelcheck.engine.report import RunError
from cancelcheck.engine.store import Folder, Store
from cancelcheck.model.finding import Finding

PAYS_FROM = 400_000
"""Bytes to check from which on a process more is worth its start, where it starts as a copy of this one."""
PAYS_FROM_AFRESH = 1_500_000
"""The same where it has to begin with an empty interpreter."""

_LARGEST = 1_000_000
_SMALLEST = 60_000
"""Bytes of a batch. They get smaller towards the end of a share, so that all are done at the same time."""
_UNWRITTEN = 1.0
"""Seconds after which a process writes down what it has: a run that is broken off is not for nothing."""
_TEMPORARY = "cancelcheck-"

_Batch = list[tuple[int, str, str]]
"""Files to look at: the place in the list of each, its shown path and its absolute one."""


class Checked(NamedTuple):
    """What a process says of the file at a `place` in the list: findings, `failures`, a digest of its text where it has
    any, and what its check has looked at where that is noted. If it `failed`, there may be others the next time."""

    place: int
    findings: list[Finding]
    failures: list[RunError]
    text: bytes
    looked_at: bytes
    failed: bool


class Answer(NamedTuple):
    """What a process says of a batch of `size` files. `digests` are those of all files that it has read since its last
    answer, `slow` the files that took too long."""

    checked: list[Checked]
    digests: dict[str, bytes]
    asked: list[tuple[str, Asked]]
    steady: bool
    slow: frozenset[str]
    size: int


def pays(files: Sequence[InputFile]) -> bool:
    """Whether there is enough to do for several processes."""
    return sum(_size(file) for file in files) >= (PAYS_FROM if _method() == "fork" else PAYS_FROM_AFRESH)


def check_in_processes(
    engine: Engine, files: Sequence[InputFile], jobs: int, tell: Callable[[int, str], None]
) -> Iterator[tuple[InputFile, list[Finding]]]:
    """The findings of the files, in their order. What no process came back with is checked in this one."""
    engine.prepare(files)
    answers: dict[int, Checked] = {}
    with ExitStack() as stack:
        stack.enter_context(_own_path())
        store = engine.store
        if store is None or not store.is_usable:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=_TEMPORARY, ignore_cleanup_errors=True))
            store = Store(Path(folder))
        # a process must not begin as a copy of one that has the file open
        store.flush()
        store.release()
        sizes = [_size(file) for file in files]
        shares = _shares(sizes, min(jobs, len(files)))
        by_size = [sorted(share, key=lambda place: -sizes[place]) for share in shares]
        workers = stack.enter_context(_workers(len(shares), (engine.finder, engine.names, store.folder)))
        try:
            lowered = 0
            for answer in _answers(workers, _lower, [_batches(files, share, sizes) for share in by_size]):
                engine.slow.update(answer.slow)
                engine.contents.steady &= answer.steady
                lowered += answer.size
                tell(lowered, "read")
            slow = frozenset(engine.slow)
            batches = [_batches(files, share, sizes) for share in shares]
            for answer in _answers(workers, _check, batches, slow, engine.noted):
                for absolute, digest in answer.digests.items():
                    engine.contents.agree(absolute, digest)
                engine.contents.steady &= answer.steady
                for folder, asked in answer.asked:
                    engine.learn(folder, asked)
                answers.update((checked.place, checked) for checked in answer.checked)
                tell(len(answers), "checked")
        except _EndedError:
            engine.notes.append("a worker process was ended from outside: the rest was done in one")
        for worker in workers:
            # it has nothing left to do
            worker.connection.close()
        for index, file in enumerate(files):
            checked = answers.get(index)
            if checked is None:
                yield file, engine.examine(file)
                if engine.is_heavy:
                    engine.forget()
            else:
                engine.take(file, checked.failures, checked.text, checked.looked_at, failed=checked.failed)
                yield file, checked.findings


@contextmanager
def _own_path() -> Iterator[None]:
    """Meanwhile Python looks for no module in the current folder when it starts: there lies what is to be checked."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


_SAFE_PATH = "PYTHONSAFEPATH"


class _Worker(NamedTuple):
    """A process, and the way to it."""

    process: BaseProcess
    connection: Connection


class _EndedError(Exception):
    """A process has ended before it was told to."""


@contextmanager
def _workers(count: int, begun_with: tuple[object, ...]) -> Iterator[list[_Worker]]:
    """Some processes, which end when there is nobody any more who could ask them, and at once when this fails."""
    method = _method()
    if method == "fork":
        # once, and not in every process
        import cancelcheck.lower  # noqa: F401
    context: Any = multiprocessing.get_context(method)
    workers: list[_Worker] = []
    try:
        for _ in range(count):
            connection, other = context.Pipe()
            # a copy has the ways to all of them, and would keep those open
            inherited = [*(worker.connection for worker in workers), connection] if method == "fork" else []
            process = context.Process(target=_serve, args=(other, inherited, *begun_with))
            process.start()
            other.close()
            workers.append(_Worker(process, connection))
        yield workers
    except BaseException:
        for worker in workers:
            worker.process.terminate()
        raise
    finally:
        for worker in workers:
            worker.connection.close()
        for worker in workers:
            worker.process.join()  # nobody can ask it any more, or it is ended


def _answers(
    workers: Sequence[_Worker],
    work: Callable[..., Answer],
    shares: Sequence[deque[_Batch]],
    *more: object,
) -> Iterator[Answer]:
    """What the processes say of all batches: each has a share of them, and helps another when it is done with it. When
    there is none left, it writes down what it has. Raises `_EndedError`."""
    busy: dict[Any, int] = {}
    settled: set[int] = set()

    def give(number: int) -> None:
        share = shares[number]
        batch = share.popleft() if share else None
        if batch is None and (longest := max(shares, key=len)):
            batch = longest.pop()
        connection = workers[number].connection
        if batch is not None:
            connection.send((work, batch, *more))
            busy[connection] = number
        elif number not in settled:
            settled.add(number)
            connection.send((_settle,))
            busy[connection] = number

    try:
        for number in range(len(workers)):
            give(number)
        while busy:
            # the way to a process that dies is closed, and the wait ends
            for connection in wait(list(busy)):
                number = busy.pop(connection)
                answer = workers[number].connection.recv()
                give(number)
                yield answer
    except (EOFError, OSError):
        raise _EndedError from None


def _method() -> str:
    """How a process is started: as a copy of this one where that is safe."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _size(file: InputFile) -> int:
    try:
        return os.stat(file.absolute).st_size
    except OSError:
        return 0


def _shares(sizes: Sequence[int], count: int) -> list[list[int]]:
    """The places of files, dealt to so many: neighbours together, about as many bytes to each."""
    shares: list[list[int]] = [[] for _ in range(count)]
    total = max(sum(sizes), 1)
    before = 0
    for place, size in enumerate(sizes):
        shares[min((before + size // 2) * count // total, count - 1)].append(place)
        before += size
    return shares


def _batches(files: Sequence[InputFile], share: Sequence[int], sizes: Sequence[int]) -> deque[_Batch]:
    """A share in runs, each a part of what is left by then."""
    batches: deque[_Batch] = deque()
    left = sum(sizes[place] for place in share)
    batch: _Batch = []
    weight = 0
    for place in share:
        batch.append((place, files[place].path, files[place].absolute))
        weight += sizes[place]
        if weight >= min(max((left + weight) // 4, _SMALLEST), _LARGEST):
            batches.append(batch)
            batch, weight = [], 0
        left -= sizes[place]
    if batch:
        batches.append(batch)
    return batches


# --- in the other process --------------------------------------------------------------------------------------------


def _serve(
    connection: Connection,
    inherited: Sequence[Connection],
    finder: SettingsFinder,
    shown: Sequence[tuple[str, str]],
    folder: Folder,
) -> None:
    """Do what is asked for, until there is nobody who could."""
    # Ctrl-C ends the process that asked; it ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for other in inherited:
        other.close()
    rarely_collect()
    engine = Engine(finder, store=Store(folder))
    engine.call(shown)
    with suppress(EOFError, OSError):
        written = time.monotonic()
        while True:
            work, *arguments = connection.recv()
            answer = work(engine, *arguments)
            if work is _settle or time.monotonic() > written + _UNWRITTEN:
                engine.close()
                written = time.monotonic()
            connection.send(answer)


def _file(engine: Engine, path: str, absolute: str) -> InputFile:
    return InputFile(path, absolute, engine.finder.for_folder(os.path.dirname(absolute)))


def _lower(engine: Engine, batch: _Batch) -> Answer:
    for _, path, absolute in batch:
        engine.lower(_file(engine, path, absolute), holds=engine.weight < MAX_WEIGHT // 2)
    return Answer([], {}, [], engine.contents.steady, frozenset(engine.slow), len(batch))


def _settle(engine: Engine) -> Answer:
    """Nothing is left: what there is is written down."""
    return Answer([], {}, [], engine.contents.steady, frozenset(engine.slow), 0)


def _check(engine: Engine, batch: _Batch, slow: frozenset[str], noted: frozenset[str]) -> Answer:
    engine.slow.update(slow)
    engine.noted = noted
    checked: list[Checked] = []
    asked: list[tuple[str, Asked]] = []
    for index, path, absolute in batch:
        failures = len(engine.errors)
        file = _file(engine, path, absolute)
        findings = engine.examine(file)
        failed = file.absolute in engine.failed
        text, looked_at = engine.digest_of(file), engine.looked_at(file)
        checked.append(Checked(index, findings, engine.errors[failures:], text, looked_at, failed))
        if engine.is_heavy:
            asked.extend(engine.asked())
            engine.forget()
    asked.extend(engine.asked())
    return Answer(checked, engine.contents.news(), asked, engine.contents.steady, frozenset(engine.slow), len(batch))
