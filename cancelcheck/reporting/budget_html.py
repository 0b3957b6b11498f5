"""The budget as one page: it loads nothing, runs no script, can be used by keyboard, and says its pictures in words.
What stands at a place is in the page once, as a popover, which each mention of the place opens."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from pathlib import Path

from cancelcheck.model.budget import Budget, Call, Entry, Place, Snippet, Verdict, Wait
from cancelcheck.reporting.budget import folded, time_text, verdict_text
from cancelcheck.reporting.budget_chain import Step, chain_of
from cancelcheck.reporting.counting import counted
from cancelcheck.reporting.printable import printable

_FOLDER = Path(__file__).parent

_COLUMNS = {2: 34, 3: 48, 4: 62, 5: 76}
"""From how many rem on there is room for a chain of so many steps in columns; a longer one goes down the page."""

_OPEN = 5
"""Entry points that are shown unfolded at most, where promises are broken."""

_GROUPS = {
    Verdict.FOREVER: ("What can wait forever", "can wait forever", "bad"),
    Verdict.UNKNOWN: ("Where a part is not known", "for a time that is not known", "unsure"),
    Verdict.BOUNDED: ("What ends", "whose longest wait is known", ""),
}


def render(budget: Budget) -> str:
    """The whole page."""
    return "".join(_Page(budget).written())


class _Page:
    """A page that is being written. `named` are the places that it names, in their order: each is opened by its
    number."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.snippets = {(snippet.path, snippet.line): snippet for snippet in budget.snippets}
        self.named: dict[tuple[str, int], int] = {}
        self.longest = max((entry.worst_ms for entry in budget.entries), default=0.0)
        self.broken = sum(entry.is_broken for entry in budget.entries)

    def written(self) -> Iterator[str]:
        body = "".join(self._body())
        across = (_FOLDER / "budget_across.css").read_text("utf-8")
        style = (_FOLDER / "budget.css").read_text("utf-8") + "".join(
            f"@media screen and (min-width: {width}rem) {{\n{across.replace('.chain', f'.across-{depth}')}}}\n"
            for depth, width in _COLUMNS.items()
            if f"across-{depth}" in body
        )
        yield "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        yield "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        yield "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        yield f"<title>Budget of waits</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"

    def _body(self) -> Iterator[str]:
        budget = self.budget
        groups = {
            verdict: [entry for entry in budget.entries if entry.verdict is verdict]
            for verdict in _GROUPS
            if any(entry.verdict is verdict for entry in budget.entries)
        }
        yield "<header>\n<h1>Budget of waits</h1>\n"
        yield f"<p>The most that {counted(len(budget.entries), 'entry point')} in {counted(budget.files, 'file')} "
        yield "can wait for, and on which path.</p>\n<nav aria-label='Groups of entry points'>\n<ul class='counts'>\n"
        for verdict, found in groups.items():
            _, label, mood = _GROUPS[verdict]
            yield f"<li><a href='#{verdict.value}'><b class='{mood}'>{len(found)}</b> {label}</a></li>\n"
        mood = "bad" if self.broken else "good"
        yield f"<li><span><b class='{mood}'>{self.broken}</b> for longer than promised</span></li>\n"
        yield "</ul>\n</nav>\n</header>\n<main>\n"
        for verdict, found in groups.items():
            yield f"<section aria-labelledby='{verdict.value}'>\n"
            yield f"<h2 id='{verdict.value}'>{_GROUPS[verdict][0]} <span class='quiet'>({len(found)})</span></h2>\n"
            for entry in found:
                yield from self._entry(entry)
            yield "</section>\n"
        yield from self._unread()
        yield "</main>\n<footer>\n<p>Made by cancelcheck budget. A click on a place shows the lines there.</p>\n"
        yield from self._sources()
        yield "</footer>\n"

    def _unread(self) -> Iterator[str]:
        if not self.budget.errors:
            return
        yield "<section aria-labelledby='unread'>\n<h2 id='unread'>What could not be read</h2>\n<ul>\n"
        for path, message in self.budget.errors:
            yield f"<li><code>{_text(path)}</code> {_text(message)}</li>\n"
        yield "</ul>\n</section>\n"

    def _entry(self, entry: Entry) -> Iterator[str]:
        opened = " open" if entry.is_broken and self.broken <= _OPEN else ""
        kinds = " ".join(f"<span class='kind'>{_text(kind)}</span>" for kind in entry.kinds)
        yield f"<details class='entry'{opened}>\n<summary><h3>{_text(entry.name)}</h3> "
        yield f"<span class='verdict {_mood(entry)}'>{_text(verdict_text(entry))}</span>{self._length(entry)}"
        yield "</summary>\n"
        yield f"<div class='inside'>\n<p>{kinds} <code>{_text(entry.symbol)}</code> {self._place(entry.place)}</p>\n"
        yield from self._end_of(entry.forever, "bad", "No end")
        yield from self._end_of(entry.unknown, "unsure", "Not known")
        chain = chain_of(entry)
        if chain.parts:
            across = f" across-{chain.depth}' style='--steps:{chain.depth}" if chain.depth in _COLUMNS else ""
            yield f"<h4>From here to what is waited for</h4>\n<ul class='chain{across}' role='list'>\n<li>"
            yield f"{self._box(chain, entry)}\n{''.join(self._steps(chain))}</li>\n</ul>\n"
        if entry.waits:
            yield from self._waterfall(entry)
        yield "</div>\n</details>\n"

    def _length(self, entry: Entry) -> str:
        """A bar, as long as the wait is beside the longest of all."""
        if entry.verdict is Verdict.FOREVER:
            return "<span class='length endless' aria-hidden='true'><span></span></span>"
        if not entry.worst_ms:
            return ""
        width = entry.worst_ms / self.longest * 100
        return f"<span class='length' aria-hidden='true'><span style='width:{width:.2f}%'></span></span>"

    def _end_of(self, trail: tuple[Call, ...], mood: str, what: str) -> Iterator[str]:
        """What a way leads to, in a sentence."""
        if trail:
            last = trail[-1]
            yield f"<p><b class='{mood}'>{what}</b>: <code>{_text(last.text)}</code>, {_text(last.why)}. "
            yield f"{self._place(last.place)}</p>\n"

    # --- the chain

    def _steps(self, step: Step) -> Iterator[str]:
        if not step.parts:
            return
        yield "<ul role='list'>\n"
        for part in step.steps:
            yield f"<li>{self._box(part)}\n"
            yield from self._steps(part)
            yield "</li>\n"
        yield "</ul>\n"

    def _box(self, step: Step, entry: Entry | None = None) -> str:
        state = {Verdict.FOREVER: " endless", Verdict.UNKNOWN: " open"}.get(step.verdict, "")
        within = step.steps[0].place.path if step.parts else ""
        lines = [f"<code>{_text(step.text)}</code>"]
        if entry is not None:
            promised = "promises " + time_text(entry.promised_ms) if entry.promised_ms is not None else ""
            lines += [f"<span class='quiet'>{part}</span>" for part in (promised,) if part]
        elif within and within != step.place.path:
            lines.append(f"<span class='file'>in {_text(within)}</span>")
        if step.wait_ms:
            time = time_text(step.wait_ms)
            if step.times > 1:
                time += (
                    f": {step.times} × {time_text(step.each_ms)}" if step.each_ms is not None else f" in {step.times}"
                )
            how = f" <span class='quiet'>{_text(step.how)}</span>" if step.how and not step.parts else ""
            lines.append(f"<span class='time'>{time}{how}</span>")
        if step.why:
            mood = "bad" if step.verdict is Verdict.FOREVER else "unsure"
            lines.append(f"<span class='state {mood}'>{_text(step.why)}</span>")
        elif state:
            mood, word = (
                ("bad", "can wait forever") if step.verdict is Verdict.FOREVER else ("unsure", "a part is not known")
            )
            lines.append(f"<span class='state {mood}'>{word}</span>")
        lines.append(self._place(step.place))
        return f"<div class='box{state}'>{''.join(lines)}</div>"

    # --- the waterfall

    def _waterfall(self, entry: Entry) -> Iterator[str]:
        promise = entry.promised_ms if entry.promised_ms is not None and entry.promised_ms < entry.worst_ms else None
        line = f"; the dashed line is the {time_text(promise)} that are promised" if promise is not None else ""
        yield f"<h4>The costliest path, from its begin to its end{line}</h4>\n"
        yield f"<div class='scale' aria-hidden='true'><span>0</span><span>{time_text(entry.worst_ms)}</span></div>\n"
        style = f" style='--promise:{promise / entry.worst_ms * 100:.2f}%'" if promise is not None else ""
        yield f"<div{style}>\n"
        yield from self._waits(entry.waits, entry.worst_ms, 0, "track" if promise is None else "track promise")
        yield "</div>\n"

    def _waits(self, waits: Iterable[Wait], total: float, depth: int, track: str) -> Iterator[str]:
        yield "<ol role='list'>\n"
        for wait, count in folded(waits):
            times = f"{count} × " if count > 1 else ""
            how = f" <span class='quiet'>{_text(wait.how)}</span>" if wait.how else ""
            blocks = " <span class='quiet'>blocks its thread</span>" if wait.blocks and not wait.parts else ""
            start, end = wait.start_ms, wait.start_ms + count * wait.wait_ms
            left, width = (start / total * 100, (end - start) / total * 100) if total else (0.0, 0.0)
            deep = f" style='--deep:{min(depth, 12)}'" if depth else ""
            group = " class='group'" if wait.parts else ""
            yield f"<li><div class='wait'><div class='what'{deep}>"
            yield f"<span class='time'>{times}{time_text(wait.wait_ms)}</span> <code>{_text(wait.text)}</code>"
            yield f"{how}{blocks} {self._place(wait.place)}"
            yield f"<span class='said'>, from {time_text(start)} to {time_text(round(end, 3))}</span></div>"
            yield f"<div class='{track}' aria-hidden='true'>"
            yield f"<span{group} style='left:{left:.2f}%;width:{width:.2f}%'></span></div></div>\n"
            if wait.parts:
                yield from self._waits(wait.parts, total, depth + 1, track)
            yield "</li>\n"
        yield "</ol>\n"

    # --- places

    def _place(self, place: Place) -> str:
        at = (place.path, place.line)
        shown = _text(f"{place.path}:{place.line}")
        if at not in self.snippets:
            return f"<span class='quiet'><code>{shown}</code></span>"
        number = self.named.setdefault(at, len(self.named) + 1)
        return f"<button class='place' popovertarget='s{number}'><span class='said'>source at </span>{shown}</button>"

    def _sources(self) -> Iterator[str]:
        for at, number in self.named.items():
            yield from _popover(self.snippets[at], f"s{number}")


def _popover(snippet: Snippet, name: str) -> Iterator[str]:
    yield f"<div id='{name}' class='snippet' popover role='dialog' aria-labelledby='{name}h' tabindex='-1' autofocus>\n"
    yield f"<div class='head'><code id='{name}h'>{_text(f'{snippet.path}:{snippet.line}')}</code>"
    yield f"<button popovertarget='{name}' popovertargetaction='hide'>Close</button></div>\n<pre><code>"
    for number, line in enumerate(snippet.lines, start=snippet.first):
        here = " here" if number == snippet.line else ""
        tag = "mark" if here else "span"
        yield f"<span class='row{here}' data-line='{number}'><{tag}>{_text(line)}</{tag}>\n</span>"
    yield "</code></pre>\n</div>\n"


def _mood(entry: Entry) -> str:
    if entry.is_broken or entry.verdict is Verdict.FOREVER:
        return "bad"
    if entry.verdict is Verdict.UNKNOWN:
        return "unsure"
    return "good" if entry.promised_ms is not None else ""


def _text(text: str) -> str:
    return html.escape(printable(text).encode("utf-8", "replace").decode("utf-8"))
