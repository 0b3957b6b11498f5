"""The budget as one page: no network, no script; what is folded opens by keyboard, and the bars are said in words."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from cancelcheck.model.budget import Budget, Call, Entry, Place, Verdict, Wait
from cancelcheck.reporting.budget import time_text, verdict_text
from cancelcheck.reporting.printable import printable

_STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de;
  --bar: #0969da; --group: #8c959f; --bad: #b42318; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --text: #e6edf3; --quiet: #9ea7b3; --line: #30363d;
  --bar: #58a6ff; --group: #6e7681; --bad: #ff7b72; --good: #56d364; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; }
code, .place { font-family: ui-monospace, monospace; font-size: .875rem; overflow-wrap: anywhere; }
.place, .how, .kinds { color: var(--quiet); }
details { border: 1px solid var(--line); border-radius: .375rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .5rem .75rem; }
summary:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; }
summary h2 { display: inline; font-size: 1rem; overflow-wrap: anywhere; }
details > div { padding: 0 .75rem .75rem; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); }
ol, ul { margin: .25rem 0; padding-left: 1.25rem; }
ol.waits { list-style: none; padding-left: 0; }
ol.waits ol { padding-left: 1rem; list-style: none; }
.bar { display: block; height: .5rem; background: var(--line); border-radius: .25rem; margin: .125rem 0 .25rem; }
.bar span { display: block; height: 100%; background: var(--bar); border-radius: .25rem; min-width: 2px; }
.bar span.group { background: var(--group); }
"""

_HEADINGS = {
    Verdict.FOREVER: "What can wait forever",
    Verdict.UNKNOWN: "Where a part is not known",
    Verdict.BOUNDED: "What ends",
}


def render(budget: Budget) -> str:
    """The whole page."""
    return "".join(_page(budget))


def _page(budget: Budget) -> Iterator[str]:
    yield "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
    yield "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
    yield "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    yield f"<title>Budget of waits</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
    yield "<h1>Budget of waits</h1>\n"
    broken = sum(entry.is_broken for entry in budget.entries)
    yield f"<p>{len(budget.entries)} entry points in {budget.files} files; {broken} for longer than promised.</p>\n"
    for verdict, heading in _HEADINGS.items():
        found = [entry for entry in budget.entries if entry.verdict is verdict]
        if found:
            yield f"<section aria-label='{heading}'>\n<p><strong>{heading}</strong> ({len(found)})</p>\n"
            for entry in found:
                yield from _entry(entry)
            yield "</section>\n"
    yield "</main>\n</body>\n</html>\n"


def _entry(entry: Entry) -> Iterator[str]:
    bad = entry.is_broken or entry.verdict is Verdict.FOREVER
    mood = "bad" if bad else "good" if entry.promised_ms is not None else ""
    yield f"<details{' open' if entry.is_broken else ''}>\n<summary><h2>{_text(entry.name)}</h2> "
    yield f"<span class='kinds'>{_text(', '.join(entry.kinds))}</span> "
    yield f"<span class='{mood}'>{_text(verdict_text(entry))}</span></summary>\n<div>\n"
    yield f"<p><code>{_text(entry.symbol)}</code> {_place(entry.place)}</p>\n"
    yield from _trail("The way to what has no end", entry.forever)
    yield from _trail("The way to what is not known", entry.unknown)
    if entry.waits:
        yield "<p>The costliest path:</p>\n"
        yield from _waits(entry.waits, entry.worst_ms, "waits")
    yield "</div>\n</details>\n"


def _trail(what: str, calls: tuple[Call, ...]) -> Iterator[str]:
    if not calls:
        return
    yield f"<p>{what}:</p>\n<ol>\n"
    for call in calls:
        why = f": <span class='bad'>{_text(call.why)}</span>" if call.why else ""
        yield f"<li><code>{_text(call.text)}</code>{why} {_place(call.place)}</li>\n"
    yield "</ol>\n"


def _waits(waits: Iterable[Wait], total: float, kind: str) -> Iterator[str]:
    yield f"<ol class='{kind}'>\n" if kind else "<ol>\n"
    for wait in waits:
        how = f" <span class='how'>{_text(wait.how)}</span>" if wait.how else ""
        blocks = " <span class='how'>blocks its thread</span>" if wait.blocks and not wait.parts else ""
        start = wait.start_ms / total * 100 if total else 0.0
        width = wait.wait_ms / total * 100 if total else 0.0
        yield f"<li>{time_text(wait.wait_ms)} <code>{_text(wait.text)}</code>{how}{blocks} {_place(wait.place)}"
        group = " class='group'" if wait.parts else ""
        yield f"<span class='bar' aria-hidden='true'><span{group} style='margin-left:{start:.2f}%;width:{width:.2f}%'>"
        yield "</span></span>"
        if wait.parts:
            yield from _waits(wait.parts, total, "")
        yield "</li>\n"
    yield "</ol>\n"


def _place(place: Place) -> str:
    return f"<span class='place'>{_text(f'{place.path}:{place.line}')}</span>"


def _text(text: str) -> str:
    return html.escape(printable(text).encode("utf-8", "replace").decode("utf-8"))
