"""`--fix` and `--diff`: what is written, and what is shown of it."""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cancelcheck.cli.showing import say, write_stdout

if TYPE_CHECKING:
    from cancelcheck.config import RunOptions
    from cancelcheck.engine.report import Report
    from cancelcheck.engine.store import Store
    from cancelcheck.fixing.files import FileFix, Mended

Check = Callable[..., "Report"]
"""The engine's `check`, with everything given but `given` and `store`."""


def mend(check: Check, run: RunOptions, store: Store | None, given: Mapping[str, bytes]) -> Mended:
    """Find fixes, and write them unless `--diff` is asked for or they are for standard input, which is `given`."""
    from cancelcheck.fixing.files import fix_files, write_files

    with ExitStack() as stack:
        if store is None:
            # each round needs what the one before has found out
            store = _passing_store(stack)
        mended = fix_files(
            lambda texts: check(given=texts, store=store),
            given,
            unsafe=run.unsafe_fixes,
        )
        if run.diff or given:
            return mended
        failures = write_files(mended.files)
        if failures:
            # what was found in their new texts is not true of what stands there
            report = check(store=store)
            lost = {failure.path for failure in failures}
            files = tuple(file for file in mended.files if file.path not in lost)
            return type(mended)(files, msgspec.structs.replace(report, errors=(*report.errors, *failures)))
        return mended


def _passing_store(stack: ExitStack) -> Store:
    from cancelcheck.engine.store import Store

    folder = tempfile.TemporaryDirectory(prefix="cancelcheck-", ignore_cleanup_errors=True)
    store = Store(Path(stack.enter_context(folder)))
    stack.callback(store.release)
    return store


def show_diff(mended: Mended, run: RunOptions) -> None:
    """Show what the fixes change: on a terminal what it can show, else byte for byte, so that `patch -p0` can do the
    same."""
    from cancelcheck.engine.writing import write_whole
    from cancelcheck.reporting.printable import printable_lines

    data = b"".join(_diff(file) for file in mended.files)
    if run.output is not None:
        try:
            write_whole(Path(run.output), data)
        except OSError as problem:
            raise click.ClickException(f"--output: {run.output}: {problem.strerror or problem}") from None
    elif sys.stdout.isatty():
        write_stdout(printable_lines(data.decode("utf-8", "backslashreplace")))
    else:
        write_bytes(data)
    if not run.quiet:
        say(f"Would fix {_amount(mended)}." if mended.files else "Nothing to fix.")


def _diff(file: FileFix) -> bytes:
    name = os.fsencode(file.path)
    lines = difflib.diff_bytes(
        difflib.unified_diff, _lines(file.before), _lines(file.after), name, name, lineterm=b"\n"
    )
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def _lines(data: bytes) -> list[bytes]:
    """Lines as `diff` sees them: a carriage return is a part of its line."""
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def write_bytes(data: bytes) -> None:
    """Write to standard output what has to arrive as it is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def say_fixed(mended: Mended, run: RunOptions) -> None:
    """Say how much was fixed."""
    if mended.files and not run.quiet:
        say(f"Fixed {_amount(mended)}.")


def _amount(mended: Mended) -> str:
    count, files = sum(len(file.applied) for file in mended.files), len(mended.files)
    return f"{count} finding{'s' * (count != 1)} in {files} file{'s' * (files != 1)}"
