"""For people: the code, what is wrong with it, how it comes to that, what to do. Only this module knows rich."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Rule
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.printable import printable

_TAB = 4
_CONTEXT = 2
"""Lines of code before the reported one."""
_WIDEST = 160
"""Columns of a line of code that are shown where no terminal says how many it has."""
_ELLIPSIS = "…"

_PLAIN = ""
_HEAD = "bold"
_CODE = "bold red"
_FRAME = "blue"
_MARK = "bold red"
_HELP = "bold green"
_QUIET = "dim"

_Out = list[tuple[str, str]]
"""Pieces of text, each with its style."""


def render(report: Report, surroundings: Surroundings) -> str:
    """The findings, each with its code frame, its path and the help."""
    out: _Out = []
    for finding in report.findings:
        _finding(out, finding, report.sources.get(finding.path), surroundings.width)
        out.append(("\n", _PLAIN))
    return _printed(out) if surroundings.color else "".join(text for text, _ in out)


def render_rule(rule: Rule, color: bool = False, width: int = 100) -> str:
    """A rule's documentation, under a line that says when it reports."""
    when = {"on": "on by default", "strict": "with --strict", "configured": "once configured"}[rule.default.value]
    head = f"{rule.code} {rule.name} ({rule.family.value}; {when}; since {rule.since})"
    if not color:
        return f"{head}\n\n{rule.markdown}\n"
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text

    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system="standard", legacy_windows=False)
    console.print(Text(head, _HEAD))
    console.print()
    console.print(Markdown(rule.captioned))
    return file.getvalue()


def _finding(out: _Out, finding: Finding, source: SourceFile | None, width: int | None) -> None:
    place = f"{printable(finding.path)}:{finding.line}:{finding.column}"
    name = f"[{finding.name}]"
    head = [(place, _HEAD), (": ", _PLAIN), (finding.code, _CODE), (f" {name} ", _QUIET)]
    out.extend(head)
    _wrapped(out, finding.message, width, first=sum(_cells(text) for text, _ in head), hanging=4)
    gutter = len(str(finding.line))
    if source is not None and source.text:
        _frame(out, finding, source, gutter, width)
    for number, step in enumerate(finding.trace):
        label = "path: " if number == 0 else "      "
        at = f"{printable(step.path)}:{step.line}:{step.column}"
        out += [(f"{'':{gutter}} = {label}", _FRAME), (at, _HEAD), ("  ", _PLAIN)]
        _wrapped(out, step.note, width, first=gutter + 9 + _cells(at) + 2, hanging=gutter + 9)
    if finding.help:
        out += [(f"{'':{gutter}} = ", _FRAME), ("help: ", _HELP)]
        _wrapped(out, finding.help, width, first=gutter + 9, hanging=gutter + 9)
    if finding.fix is not None:
        out += [(f"{'':{gutter}} = ", _FRAME), ("fix:  ", _HELP)]
        text = f"{finding.fix.title} ({finding.fix.safety.value})"
        _wrapped(out, text, width, first=gutter + 9, hanging=gutter + 9)


# --- the code --------------------------------------------------------------------------------------------------------


def _frame(out: _Out, finding: Finding, source: SourceFile, gutter: int, width: int | None) -> None:
    room = (width - gutter - 3) if width is not None else _WIDEST
    line = source.line(finding.line)
    end = finding.end_column - 1 if finding.end_line == finding.line else len(line.rstrip())
    # where the mark begins and ends, in characters of the line as it is shown
    begins = len(_expanded(line[: finding.column - 1]))
    ends = max(len(_expanded(line[:end])), begins + 1)
    first = _first_shown(_expanded(line), begins, ends, room)
    out.append((f"{'':{gutter}} |\n", _FRAME))
    for number in range(max(1, finding.line - _CONTEXT), finding.line + 1):
        text = source.line(number)
        if number < finding.line and not text.strip():
            continue
        out += [(f"{number:{gutter}} | ", _FRAME), (f"{_window(_expanded(text), first, room)}\n", _PLAIN)]
    shown = _expanded(line)
    before = _cells(shown[first:begins])
    marked = max(_cells(shown[begins:ends]), 1)
    out += [
        (f"{'':{gutter}} | ", _FRAME),
        (f"{' ' * before}{'^' * max(1, min(marked, room - before))}\n", _MARK),
    ]


def _first_shown(text: str, begins: int, ends: int, room: int) -> int:
    """From which character on a line is shown, so that its mark can be seen."""
    if _cells(text) <= room or _cells(text[:ends]) < room:
        return 0
    # a quarter of the room for what stands before the mark, more where the mark leaves it
    before = max(room // 4, room - 2 - _cells(text[begins:ends]))
    first = begins
    while first > 0 and _cells(text[first - 1 : begins]) <= before:
        first -= 1
    return first


def _window(text: str, first: int, room: int) -> str:
    """The part of a line that is shown, with a sign where something is left out."""
    shown = text[first:].rstrip()
    if first and shown:
        # one column for one column, so that the mark stands where it did
        shown = _ELLIPSIS + " " * (_cells(shown[0]) - 1) + shown[1:]
    if _cells(shown) <= room:
        return shown
    end = len(shown)
    while end and _cells(shown[:end]) > room - 1:
        end -= 1
    return shown[:end] + _ELLIPSIS


def _expanded(text: str) -> str:
    return printable(text.expandtabs(_TAB))


def _cells(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


# --- words -----------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"\S+|\s+")


def _wrapped(out: _Out, text: str, width: int | None, *, first: int, hanging: int) -> None:
    """A text and the end of its line: on as many lines as it takes, those after the first one set in."""
    text = printable(text)
    if width is None or first + _cells(text) <= width:
        out.append((f"{text}\n", _PLAIN))
        return
    out.append((f"\n{'':{hanging}}".join(_lines(text, width, first, hanging)) + "\n", _PLAIN))


def _lines(text: str, width: int, first: int, hanging: int) -> Iterator[str]:
    """A text cut between words, the lines no wider than they may be unless a word is."""
    line, used = "", first
    for word in _WORD.findall(text):
        cells = _cells(word)
        if used + cells > width and used > hanging and not word.isspace():
            yield line.rstrip()
            line, used = "", hanging
        if line or not word.isspace() or used == first:
            line += word
            used += cells
    yield line.rstrip()


def _printed(out: _Out) -> str:
    from rich.console import Console
    from rich.text import Text

    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="standard", legacy_windows=False, no_color=False)
    console.print(Text.assemble(*out), end="", soft_wrap=True)
    return file.getvalue()
