"""The same findings from several processes.

First all files are lowered, in batches of about the same size, and their facts kept in the store; then they are
checked, in batches of neighbours, each with the facts of what it imports at hand. The second begins when the first is
done, so that hardly a file is parsed twice. What comes back is put in the order of the files: nothing that is shown
depends on which process was quicker.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.pipeline import Engine, rarely_collect
from cancelcheck.engine.recall import Asked
from cancelcheck.engine.report import RunError
from cancelcheck.engine.store import Folder, Store
from cancelcheck.model.finding import Finding

PAYS_FROM = 400_000
"""Bytes to check from which on a process more is worth its start, where it starts as a copy of this one."""
PAYS_FROM_AFRESH = 1_500_000
"""The same where it has to begin with an empty interpreter."""

_BATCHES = 6
"""Of each process, so that none is left with a long one at the end."""
_LARGEST = 1_000_000
_TEMPORARY = "cancelcheck-"


class Checked(NamedTuple):
    """What a process says of the file at a `place` in the list: findings, `failures`, and a digest of its text where it
    has any. If it `failed`, there may be others the next time."""

    place: int
    findings: list[Finding]
    failures: list[RunError]
    text: bytes
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
        share = min(max(sum(sizes) // (jobs * _BATCHES), 1), _LARGEST)
        if _method() == "fork":
            # once, and not in every process
            import cancelcheck.lower  # noqa: F401
        pool = ProcessPoolExecutor(
            min(jobs, len(files)),
            mp_context=multiprocessing.get_context(_method()),
            initializer=_begin,
            initargs=(engine.finder, engine.names, store.folder),
        )
        try:
            lowered = 0
            by_size = sorted(range(len(files)), key=lambda index: -sizes[index])
            for answer in _done(pool.submit(_lower, _named(files, batch)) for batch in _batches(by_size, sizes, share)):
                engine.slow.update(answer.slow)
                engine.contents.steady &= answer.steady
                lowered += answer.size
                tell(lowered, "read")
            slow = frozenset(engine.slow)
            for answer in _done(
                pool.submit(_check, _named(files, batch), slow) for batch in _batches(range(len(files)), sizes, share)
            ):
                for absolute, digest in answer.digests.items():
                    engine.contents.agree(absolute, digest)
                engine.contents.steady &= answer.steady
                for folder, asked in answer.asked:
                    engine.learn(folder, asked)
                answers.update((checked.place, checked) for checked in answer.checked)
                tell(len(answers), "checked")
        except BrokenProcessPool:
            engine.notes.append("a worker process was ended from outside: the rest was done in one")
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        for index, file in enumerate(files):
            checked = answers.get(index)
            if checked is None:
                yield file, engine.examine(file)
                if engine.is_heavy:
                    engine.forget()
            else:
                engine.take(file, checked.failures, checked.text, failed=checked.failed)
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


def _done(futures: Iterable[Future[Answer]]) -> Iterator[Answer]:
    pending = set(futures)
    while pending:
        # a worker that dies breaks the pool, and the wait ends in its error
        done, pending = wait(pending, return_when=FIRST_COMPLETED)  # cancelcheck: ignore[CAN404] see above
        for future in done:
            yield future.result()


def _method() -> str:
    """How a process is started: as a copy of this one where that is safe."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _size(file: InputFile) -> int:
    try:
        return os.stat(file.absolute).st_size
    except OSError:
        return 0


def _batches(order: Iterable[int], sizes: Sequence[int], share: int) -> Iterator[list[int]]:
    """Runs of `order` of about `share` bytes each."""
    batch: list[int] = []
    weight = 0
    for index in order:
        batch.append(index)
        weight += sizes[index]
        if weight >= share:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _named(files: Sequence[InputFile], batch: Iterable[int]) -> list[tuple[int, str, str]]:
    return [(index, files[index].path, files[index].absolute) for index in batch]


# --- in the other process --------------------------------------------------------------------------------------------

_engines: list[Engine] = []
"""The one of this process, once it has begun."""


def _begin(finder: SettingsFinder, shown: Sequence[tuple[str, str]], folder: Folder) -> None:
    # Ctrl-C ends the process that asked; it ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rarely_collect()
    engine = Engine(finder, store=Store(folder))
    engine.call(shown)
    _engines.append(engine)


def _file(engine: Engine, path: str, absolute: str) -> InputFile:
    return InputFile(path, absolute, engine.finder.for_folder(os.path.dirname(absolute)))


def _lower(batch: Sequence[tuple[int, str, str]]) -> Answer:
    engine = _engines[-1]
    for _, path, absolute in batch:
        engine.lower(_file(engine, path, absolute))
    engine.close()
    return Answer([], {}, [], engine.contents.steady, frozenset(engine.slow), len(batch))


def _check(batch: Sequence[tuple[int, str, str]], slow: frozenset[str]) -> Answer:
    engine = _engines[-1]
    engine.slow.update(slow)
    checked: list[Checked] = []
    asked: list[tuple[str, Asked]] = []
    for index, path, absolute in batch:
        failures = len(engine.errors)
        file = _file(engine, path, absolute)
        findings = engine.examine(file)
        failed = file.absolute in engine.failed
        checked.append(Checked(index, findings, engine.errors[failures:], engine.digest_of(file), failed))
        if engine.is_heavy:
            asked.extend(engine.asked())
            engine.forget()
    asked.extend(engine.asked())
    engine.close()
    return Answer(checked, engine.contents.news(), asked, engine.contents.steady, frozenset(engine.slow), len(batch))
