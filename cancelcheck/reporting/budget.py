"""The budget for people, as a waterfall, and as JSON; the form of the latter only ever grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from cancelcheck import __version__
from cancelcheck.model.budget import Budget, Call, Entry, Place, Verdict, Wait
from cancelcheck.reporting.counting import counted
from cancelcheck.reporting.printable import printable

_BAR = 24
"""Columns of the bar that shows from when to when something is waited for."""


def time_text(milliseconds: float) -> str:
    """A time as people write it: `800 ms`, `2.5 s`, `3 min`."""
    if milliseconds < 1000 and milliseconds != 0:
        return f"{milliseconds:.10g} ms"
    if milliseconds < 600_000:
        return f"{milliseconds / 1000:.10g} s"
    return f"{milliseconds / 60_000:.10g} min"


def verdict_text(entry: Entry) -> str:
    """What an entry promises, and what it can wait for, in a sentence."""
    worst = time_text(entry.worst_ms)
    if entry.verdict is Verdict.FOREVER:
        can = "can wait forever"
    elif entry.verdict is Verdict.UNKNOWN and not entry.worst_ms:
        can = "how long it can wait is not known"
    elif entry.verdict is Verdict.UNKNOWN:
        can = f"can wait {worst} and more: a part is not known"
    elif not entry.worst_ms:
        can = "waits for nothing that is known to wait"
    else:
        can = f"can wait {worst}"
    if entry.promised_ms is None:
        return can
    promised = f"promises {time_text(entry.promised_ms)}, {can}"
    if entry.verdict is not Verdict.FOREVER and entry.is_broken:
        promised += f": {time_text(round(entry.worst_ms - entry.promised_ms, 3))} too long"
    return promised


def render(budget: Budget) -> str:
    """Each entry point with its sum, line by line."""
    return "".join(f"{line}\n" for line in _lines(budget))


def render_json(budget: Budget) -> str:
    """The same for programs."""
    data = {
        "version": __version__,
        "entries": [
            {
                **msgspec.to_builtins(entry),
                "broken": entry.is_broken,
            }
            for entry in budget.entries
        ],
        "summary": {
            "files": budget.files,
            "entries": len(budget.entries),
            **{verdict.value: sum(entry.verdict is verdict for entry in budget.entries) for verdict in Verdict},
            "broken": sum(entry.is_broken for entry in budget.entries),
        },
        "errors": [{"path": path, "message": message} for path, message in budget.errors],
    }
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"


def _lines(budget: Budget) -> Iterator[str]:
    for entry in budget.entries:
        kinds = ", ".join(entry.kinds)
        yield f"{printable(entry.name)}  ({kinds})  {printable(entry.symbol)}  {_at(entry.place)}"
        yield f"  {verdict_text(entry)}"
        yield from _trail("forever", entry.forever)
        yield from _trail("not known", entry.unknown)
        kinds_of_wait = {wait.blocks for wait in _leaves(entry.waits)}
        rows = list(_rows(entry.waits, 0, tells=len(kinds_of_wait) > 1))
        widest = max((len(row) for row, _, _ in rows), default=0)
        for row, wait, count in rows:
            yield f"  {_bar(wait, count, entry.worst_ms)}  {row:{min(widest, 70)}}  {_at(wait.place)}"
        yield ""
    yield _summary(budget)


def _leaves(waits: Iterable[Wait]) -> Iterator[Wait]:
    for wait in waits:
        if wait.parts:
            yield from _leaves(wait.parts)
        else:
            yield wait


def _rows(waits: Iterable[Wait], depth: int, *, tells: bool) -> Iterator[tuple[str, Wait, int]]:
    for wait, count in folded(waits):
        times = f"{count} × " if count > 1 else ""
        how = f"  {wait.how}" if wait.how else ""
        blocks = "  (blocks its thread)" if tells and wait.blocks and not wait.parts else ""
        yield f"{'  ' * depth}{times}{time_text(wait.wait_ms)}  {printable(wait.text)}{how}{blocks}", wait, count
        yield from _rows(wait.parts, depth + 1, tells=tells)


def folded(waits: Iterable[Wait]) -> Iterator[tuple[Wait, int]]:
    """Waits, with how often each comes in a row."""
    current: Wait | None = None
    count = 0
    for wait in waits:
        if current is not None and _is_same(current, wait):
            count += 1
            continue
        if current is not None:
            yield current, count
        current, count = wait, 1
    if current is not None:
        yield current, count


def _is_same(one: Wait, other: Wait) -> bool:
    return (one.text, one.place, one.wait_ms, one.how, one.blocks) == (
        other.text,
        other.place,
        other.wait_ms,
        other.how,
        other.blocks,
    ) and len(one.parts) == len(other.parts)


def _bar(wait: Wait, count: int, total: float) -> str:
    """From when to when, on a line as long as the whole."""
    start = round(wait.start_ms / total * _BAR) if total else 0
    end = max(start + 1, round((wait.start_ms + count * wait.wait_ms) / total * _BAR)) if total else 0
    mark = "─" if wait.parts else "█"
    return (" " * start + mark * (end - start)).ljust(_BAR)[:_BAR]


def _trail(word: str, calls: tuple[Call, ...]) -> Iterator[str]:
    for depth, call in enumerate(calls):
        why = f": {call.why}" if call.why else ""
        yield f"  {word if not depth else '':9}  {'  ' * depth}{printable(call.text)}{why}  {_at(call.place)}"


def _at(place: Place) -> str:
    return printable(f"{place.path}:{place.line}")


def _summary(budget: Budget) -> str:
    if not budget.entries:
        return f"No entry points in {counted(budget.files, 'file')}."
    counts = {verdict: sum(entry.verdict is verdict for entry in budget.entries) for verdict in Verdict}
    broken = sum(entry.is_broken for entry in budget.entries)
    parts = [
        f"{counted(len(budget.entries), 'entry point')} in {counted(budget.files, 'file')}",
        f"{counts[Verdict.FOREVER]} can wait forever",
        f"{counts[Verdict.UNKNOWN]} for a time that is not known",
        f"{broken} for longer than promised",
    ]
    return "; ".join(parts) + "."
