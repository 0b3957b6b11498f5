"""What linking a tree takes, beside parsing 500 of its files: seconds of CPU time, as JSON.

    python benchmarks/linking.py FOLDER CACHE [--calls]

The facts of all files are kept in CACHE first. Then a new run takes them in, module by module with what each imports,
and finds where the program is entered: that resolves every decorator, the bases of all classes that have a method which
may serve, and whatever is given a function to serve. With `--calls` also what it takes beyond that to say of every call
what it calls, which no command does. Reading files and facts is neither linking nor parsing, and is told apart.
Standard library, LibCST and cancelcheck only; `run.py` calls it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import libcst

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.decode import DecodeError
from cancelcheck.engine.discover import InputFile, discover
from cancelcheck.engine.lowering import lower_module
from cancelcheck.engine.pipeline import Engine, rarely_collect
from cancelcheck.engine.store import Store
from cancelcheck.link.project import ModuleView
from cancelcheck.link.promises.entries import entries_of
from cancelcheck.model.source import SourceFile

PARSED = 500
"""Files that are parsed."""


class Meter:
    """Adds up CPU time, of the outermost call alone."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, measured."""

        def measured(*args: Any, **named: Any) -> Any:
            if self._inside:
                return work(*args, **named)
            self._inside = True
            started = time.process_time()
            try:
                return work(*args, **named)
            finally:
                self.seconds += time.process_time() - started
                self._inside = False

        return measured


class MeasuredEngine(Engine):
    """An engine that knows what reading texts and facts takes."""

    def __init__(self, finder: SettingsFinder, store: Store) -> None:
        super().__init__(finder, store=store)
        self.reading = Meter()
        for name in ("_text", "_source", "_facts"):
            setattr(self, name, self.reading.around(getattr(self, name)))

    def begin_anew(self, file: InputFile) -> None:
        """Have a file looked at as if nobody had done so yet; what is known of all others stands."""
        for program in self._programs.values():
            program.project._by_path.pop(file.path, None)  # noqa: SLF001


def main() -> int:
    """Measure, print."""
    folder, cache, *options = sys.argv[1:]
    rarely_collect()
    finder = SettingsFinder(isolated=True)
    files, _ = discover([folder], finder)
    with closing(Engine(finder, store=Store(Path(cache)))) as engine:
        engine.announce(files)
        for file in files:
            engine.lower(file, holds=False)
    texts = _sample(files)
    figures: dict[str, float] = {"files": len(files), "parsed": len(texts)}
    figures["libcst"] = _time(texts, lambda file, text: libcst.parse_module(text))
    figures["lowered"] = _time(texts, lambda file, text: lower_module(SourceFile(file.path, text)))
    with closing(MeasuredEngine(finder, Store(Path(cache)))) as engine:
        engine.announce(files)
        engine.prepare(files)
        linking, calls = Meter(), Meter()
        taken = resolved = entries = 0

        def link(file: InputFile) -> Any:
            view, _ = engine.view_of(file)
            return view, list(entries_of(view)) if view is not None else []

        for file in files:
            view, found = linking.around(link)(file)
            entries += len(found)
            taken += view is not None
            if engine.is_heavy:
                engine.forget()
        read = engine.reading.seconds
        figures |= {"linked": taken, "entries": entries, "reading": read, "linking": linking.seconds - read}
        if "--calls" in options:
            engine.forget()
            for file in files:
                view, _ = engine.view_of(file)
                if view is not None:
                    resolved += calls.around(_resolved)(view)
                if engine.is_heavy:
                    engine.forget()
            figures |= {"callees": resolved, "calls": calls.seconds - (engine.reading.seconds - read)}
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}))
    return 0


def _resolved(view: ModuleView) -> int:
    return sum(call.callee is not None or bool(call.target) for function in view.functions for call in function.calls)


def _sample(files: list[InputFile]) -> list[tuple[InputFile, str]]:
    """Every so manyth file, `PARSED` of them."""
    found = []
    for file in files[:: max(1, len(files) // PARSED)]:
        try:
            found.append((file, Path(file.absolute).read_text("utf-8")))
        except (OSError, UnicodeDecodeError):
            continue
    return found[:PARSED]


def _time(texts: list[tuple[InputFile, str]], parse: Callable[[InputFile, str], object]) -> float:
    started = time.process_time()
    for file, text in texts:
        try:
            parse(file, text)
        except (libcst.ParserSyntaxError, DecodeError):
            continue
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
