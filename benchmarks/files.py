"""What each file of a tree takes after its parse, as often as LibCST's parse of it: which take more than twice that.

    python benchmarks/files.py FOLDER [--lines 200] [--every 1] [--worst 10]

For each file of at least so many lines, in one process: `libcst.parse_module` of its text, and all that is done with it
behind a parse: it is lowered, and checked by all rules, those for `--strict` among them. What the parser takes that the
command itself uses, the interpreter's, is told too: it is a parse, and not what comes after it. CPU time, the least of
some runs.

A file is checked as in a run over the whole tree. There, whatever is asked of another file, its facts among it, is
worked out for whoever asks first, and told to all others again: to look into a package that half of the tree imports
is not the price of the one file that happens to be checked first. So each file is checked several times in one project.
The first time it finds out what it asks of others; then it begins anew, with nothing known of itself, while what was
told of the others stands. What is asked of others again each time, because nobody keeps it, counts, and so does all
that is worked out about the file itself. What the first check took beyond that is told beside it, so that the sum is
all that the run takes. To read texts and facts is not counted, since it is their parse. Standard library, LibCST and
cancelcheck only.
"""

from __future__ import annotations

import argparse
import ast
import time
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import libcst
from linking import MeasuredEngine

from cancelcheck.config import LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine.decode import DecodeError
from cancelcheck.engine.discover import InputFile, discover
from cancelcheck.engine.lowering import ParseError, lower_module
from cancelcheck.engine.pipeline import rarely_collect
from cancelcheck.engine.store import Store
from cancelcheck.model.source import SourceFile

TIMES = 2.0
"""How much may be taken after the parse, as often as that."""

RUNS = 2
"""Of each file; of small ones, of which the least noise is a great part, some more."""
SMALL = 0.02
RUNS_OF_SMALL = 6


class Row(NamedTuple):
    """What LibCST's parse of a file took, all that follows a parse, that of the interpreter's parser, and what the file
    was the first to ask of others: seconds."""

    parsed: float
    after: float
    ours: float
    others: float
    lines: int
    path: str


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
    with TemporaryDirectory() as folder, closing(MeasuredEngine(finder, Store(Path(folder)))) as engine:
        engine.announce(files)
        for file, text in with_texts[:: options.every]:
            with suppress(libcst.ParserSyntaxError, ParseError, DecodeError, RecursionError):
                found.append(Row(*_measured(engine, file, text), text.count("\n"), file.path))
            if engine.is_heavy:
                engine.forget()
    found.sort(key=lambda row: row.after / row.parsed, reverse=True)
    over = sum(row.after > TIMES * row.parsed for row in found)
    parsed, after = sum(row.parsed for row in found), sum(row.after for row in found)
    others = sum(row.others for row in found)
    print(f"{len(found):,} files, {sum(row.lines for row in found):,} lines")
    ours = sum(row.ours for row in found)
    print(f"all of them: {parsed:.1f} s of parsing, {after:.1f} s after it, {after / parsed:.2f} times as much;")
    print(f"{ours:.1f} s, {ours / parsed:.2f} times as much, for the interpreter's parser;")
    print(f"{others:.1f} s, {others / parsed:.2f} times as much, to ask for the first time about other files")
    with_ours = sum(row.after + row.ours > TIMES * row.parsed for row in found)
    print(f"more than {TIMES:g} times: {over}; with the interpreter's parser {with_ours}")
    for row in found[: options.worst]:
        print(
            f"{row.after / row.parsed:6.2f} times  {row.parsed * 1000:7.1f} ms  {row.after * 1000:7.1f} ms  "
            f"+ {row.ours * 1000:.1f} ms of parsing  + {row.others * 1000:.1f} ms of others  "
            f"{row.lines:,} lines  {row.path}"
        )
    return 1 if over else 0


def _read(file: InputFile) -> str:
    try:
        return Path(file.absolute).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _measured(engine: MeasuredEngine, file: InputFile, text: str) -> tuple[float, float, float, float]:
    """What LibCST's parse takes, all that follows one, the interpreter's parse, and what was asked of other files for
    the first time: seconds."""
    parsed = min(_time(lambda: libcst.parse_module(text)) for _ in range(RUNS))
    runs = RUNS if parsed > SMALL else RUNS_OF_SMALL
    parsed = min(parsed, *(_time(lambda: libcst.parse_module(text)) for _ in range(runs - RUNS + 1)))
    ours = min(_time(lambda: _read_by_interpreter(text)) for _ in range(runs))
    lowered = min(_time(lambda: lower_module(SourceFile(file.path, text))) for _ in range(runs))
    first = _checked(engine, file)
    own = min(_checked(engine, file) for _ in range(runs))
    return parsed, max(lowered - ours, 0.0) + own, ours, max(first - own, 0.0)


def _read_by_interpreter(text: str) -> None:
    with warnings.catch_warnings(), suppress(SyntaxError, ValueError):
        warnings.simplefilter("ignore")
        ast.parse(text)


def _checked(engine: MeasuredEngine, file: InputFile) -> float:
    """What it takes to check a file of which nothing is known, without reading it, and what it imports."""
    engine.begin_anew(file)
    before = engine.reading.seconds
    taken = _time(lambda: engine.check_file(file))
    return taken - (engine.reading.seconds - before)


def _time(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    raise SystemExit(main())
