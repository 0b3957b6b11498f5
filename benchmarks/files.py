"""What each file of a tree takes after its parse, as often as LibCST's parse of it: which take more than twice that.

    python benchmarks/files.py FOLDER [--lines 200] [--every 1] [--worst 10]

For each file of at least so many lines, in one process: `libcst.parse_module` of its text, and all that is done with it
behind a parse: it is lowered, by the parser that the command takes, which is counted too, and checked by all rules,
those for `--strict` among them, with whatever these ask of the files that it imports. The facts of those are kept
before; to read them back is not counted, since it is their parse. CPU time, the less of two runs. Standard library,
LibCST and cancelcheck only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import libcst
from linking import MeasuredEngine

from cancelcheck.config import LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine.decode import DecodeError
from cancelcheck.engine.discover import InputFile, discover
from cancelcheck.engine.lowering import ParseError, lower_module
from cancelcheck.engine.pipeline import Engine, rarely_collect
from cancelcheck.engine.store import Store
from cancelcheck.model.source import SourceFile

TIMES = 2.0
"""How much may be taken after the parse, as often as that."""

RUNS = 2


def main() -> int:
    """Measure, print; returns the exit status: 1 where a file takes more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=200, help="only files with at least so many (%(default)s)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth of them (%(default)s)")
    parser.add_argument("--worst", type=int, default=10, metavar="N", help="show so many (%(default)s)")
    options = parser.parse_args()
    rarely_collect()
    finder = SettingsFinder(fixed=LoadedSettings(Settings(strict=True), options.folder, None))
    files, _ = discover([str(options.folder)], finder)
    with_texts = [(file, text) for file in files if (text := _read(file)).count("\n") >= options.lines]
    found = []
    with TemporaryDirectory() as folder:
        cache = Path(folder)
        with closing(Engine(finder, store=Store(cache))) as engine:
            engine.announce(files)
            for file in files:
                engine.lower(file)
        for file, text in with_texts[:: options.every]:
            with suppress(libcst.ParserSyntaxError, ParseError, DecodeError, RecursionError):
                found.append((*_measured(finder, cache, file, text), text.count("\n"), file.path))
    found.sort(key=lambda row: row[1] / row[0], reverse=True)
    over = sum(after > TIMES * parsed for parsed, after, _, _ in found)
    parsed, after = sum(row[0] for row in found), sum(row[1] for row in found)
    print(f"{len(found):,} files, {sum(row[2] for row in found):,} lines")
    print(
        f"all of them: {parsed:.1f} s of parsing, {after:.1f} s after it, {after / max(parsed, 1e-9):.2f} times as much"
    )
    print(f"more than {TIMES:g} times: {over}")
    for parsed, after, lines, path in found[: options.worst]:
        print(f"{after / parsed:6.2f} times  {parsed * 1000:7.0f} ms  {after * 1000:7.0f} ms  {lines:7,} lines  {path}")
    return 1 if over else 0


def _read(file: InputFile) -> str:
    try:
        return Path(file.absolute).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _measured(finder: SettingsFinder, cache: Path, file: InputFile, text: str) -> tuple[float, float]:
    """What LibCST's parse takes, and all that follows, in seconds."""
    parsed = min(_time(lambda: libcst.parse_module(text)) for _ in range(RUNS))
    lowered = min(_time(lambda: lower_module(SourceFile(file.path, text))) for _ in range(RUNS))
    return parsed, lowered + min(_checked(finder, cache, file) for _ in range(RUNS))


def _checked(finder: SettingsFinder, cache: Path, file: InputFile) -> float:
    """What it takes to check a file, without reading it, and what it imports."""
    with closing(MeasuredEngine(finder, Store(cache))) as engine:
        taken = _time(lambda: engine.check_file(file))
        return taken - engine.reading.seconds


def _time(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    raise SystemExit(main())
