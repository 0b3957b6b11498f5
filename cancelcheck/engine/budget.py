"""The budget of a program: its entry points, and the most that each waits for."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from cancelcheck.engine.discover import discover
from cancelcheck.engine.pipeline import Engine, Progress
from cancelcheck.link.promises.entries import Entry, entries_of, worst_of_entry
from cancelcheck.link.promises.sla import milliseconds
from cancelcheck.link.promises.sums import Line, Trail
from cancelcheck.model import budget as model

if TYPE_CHECKING:
    from cancelcheck.config import SettingsFinder
    from cancelcheck.engine.store import Store
    from cancelcheck.link.function import FunctionView
    from cancelcheck.model.source import SourceFile


_AROUND = 3
"""Lines that are shown before one of a file, and after it."""

_LONGEST = 240
"""Characters that are shown of a line."""


def budget(
    paths: Sequence[str], finder: SettingsFinder, *, store: Store | None = None, progress: Progress | None = None
) -> model.Budget:
    """The budget of the entry points in files and folders, test files and generated ones left out. Raises `ConfigError`
    where a setting that holds for one of the files is wrong."""
    with closing(Engine(finder, store=store)) as engine:
        files, errors = discover(paths, finder)
        engine.announce(files)
        found: list[model.Entry] = []
        told = _Told()
        failed = [(error.path, error.message) for error in errors]
        for done, file in enumerate(files):
            if progress is not None:
                progress("read", done, len(files))
            view, problem = engine.view_of(file)
            if problem:
                failed.append((file.path, problem))
            if view is not None:
                found += [told.entry(entry) for entry in entries_of(view)]
            if engine.is_heavy:
                engine.forget()
    found.sort(key=lambda entry: entry.sort_key)
    return model.Budget(tuple(found), len(files), tuple(failed), tuple(told.snippets.values()))


class _Told:
    """Sums as plain data. `snippets` keep what stands at the places that are named, for each line of a file."""

    def __init__(self) -> None:
        self.snippets: dict[tuple[str, int], model.Snippet] = {}

    def entry(self, entry: Entry) -> model.Entry:
        """An entry point with its sum."""
        worst = worst_of_entry(entry)
        forever, unknown = worst.open.endless, worst.open.unsure
        verdict = model.Verdict.FOREVER if forever else model.Verdict.UNKNOWN if unknown else model.Verdict.BOUNDED
        view = entry.view
        return model.Entry(
            kinds=entry.kinds,
            name=entry.name,
            symbol=view.qualname or view.module.name,
            place=self._place_at(view, view.facts.start),
            verdict=verdict,
            worst_ms=_milliseconds(worst.seconds),
            promised_ms=milliseconds(entry.promise) if entry.promise is not None else None,
            waits=self._waits(worst.lines, 0.0),
            forever=self._calls(forever),
            unknown=self._calls(unknown),
        )

    def _waits(self, lines: Sequence[Line], start: float) -> tuple[model.Wait, ...]:
        found = []
        for line in lines:
            found.append(
                model.Wait(
                    text=line.text,
                    place=self._place(line.view, line.node),
                    start_ms=_milliseconds(start),
                    wait_ms=_milliseconds(line.seconds),
                    how=line.how,
                    blocks=line.blocks,
                    parts=self._waits(line.parts, start),
                )
            )
            start += line.seconds
        return tuple(found)

    def _calls(self, trail: Trail | None) -> tuple[model.Call, ...]:
        if trail is None:
            return ()
        last = len(trail.hops) - 1
        return tuple(
            model.Call(hop.text, self._place(hop.view, hop.node), trail.why if at == last else "")
            for at, hop in enumerate(trail.hops)
        )

    def _place(self, view: FunctionView, node: int) -> model.Place:
        return self._place_at(view, view.nodes[node].start if node >= 0 else view.facts.start)

    def _place_at(self, view: FunctionView, offset: int) -> model.Place:
        source = view.module.source
        line, column = source.position(offset)
        if (source.path, line) not in self.snippets:
            self.snippets[source.path, line] = _snippet(source, line)
        return model.Place(source.path, line, column)


def _snippet(source: SourceFile, line: int) -> model.Snippet:
    first = max(1, line - _AROUND)
    last = min(len(source.starts), line + _AROUND)
    lines = [source.line(number).expandtabs(4)[:_LONGEST] for number in range(first, last + 1)]
    # a file that ends as it should has nothing after its last line's end
    while lines and last > line and not lines[-1]:
        del lines[-1]
        last -= 1
    return model.Snippet(source.path, line, first, tuple(textwrap.dedent("\n".join(lines)).split("\n")))


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
