"""The same program, written in another way: what is reported must not depend on it.

Each transformation takes a text and gives a `Variation`: another text, and where each line has gone. It gives None
where there is nothing to change, or where the change would alter the meaning.
"""

from __future__ import annotations

import io
import itertools
import re
import tokenize
from collections.abc import Callable
from typing import NamedTuple

INDENT = "    "

_HEADS = ("from __future__", '"""', "'''", 'r"""')
"""What has to stand at the head of a file."""

SWAP_MARK = re.compile(r"^# swap: *(?P<frameworks>[a-z]+(?:, *[a-z]+)*)$", re.MULTILINE)
NESTABLE_MARK = re.compile(r"^# nestable$", re.MULTILINE)


class Variation(NamedTuple):
    """A changed text. `lines[n]` is where the 1-based line `n` of the original stands in it."""

    text: str
    lines: list[int]


Transformation = Callable[[str], Variation | None]


class Logical(NamedTuple):
    """A logical line: a statement, or the header of one. Lines are 1-based, `last_column` is where it ends."""

    first: int
    last: int
    last_column: int
    has_comment: bool


def in_place(text: str, count: int) -> Variation:
    """A change that moves no line."""
    return Variation(text, list(range(count + 1)))


def logical_lines(text: str) -> list[Logical] | None:
    """The logical lines of a text; None if it cannot be read."""
    found: list[Logical] = []
    first = 0
    has_comment = False
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NEWLINE:
                found.append(Logical(first, token.start[0], token.start[1], has_comment))
                first, has_comment = 0, False
            elif token.type == tokenize.COMMENT:
                has_comment = bool(first)
            elif not first and token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
                first = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        return None
    return found


def crlf(text: str) -> Variation | None:
    """Windows' line ends."""
    if "\r" in text:
        return None
    return in_place(text.replace("\n", "\r\n"), text.count("\n") + 1)


def tabs(text: str) -> Variation | None:
    """Tabs for indentation."""
    logical = logical_lines(text)
    if logical is None or "\t" in text or "\f" in text:
        return None
    lines = text.split("\n")
    for line in logical:
        old = lines[line.first - 1]
        blanks = len(old) - len(old.lstrip(" "))
        if blanks % len(INDENT):
            return None
        lines[line.first - 1] = "\t" * (blanks // len(INDENT)) + old[blanks:]
    changed = "\n".join(lines)
    return in_place(changed, len(lines)) if changed != text else None


def comments_and_blanks(text: str) -> Variation | None:
    """A comment and a blank line before every statement, and a comment behind it. Comments of the fixture's own keep to
    the statement that they stand above."""
    logical = logical_lines(text)
    if not logical or "\f" in text:
        return None
    starts = {line.first: line for line in logical}
    ends = {line.last: line for line in logical if not line.has_comment}
    changed: list[str] = []
    moved = [0]
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        above = lines[number - 2].lstrip() if number > 1 else "#"
        if number in starts and not above.startswith("#"):
            blanks = line[: len(line) - len(line.lstrip())]
            changed += [f"{blanks}# another comment", ""]
        moved.append(len(changed) + 1)
        column = ends[number].last_column if number in ends else -1
        changed.append(f"{line[:column]}  # more{line[column:]}" if column >= 0 else line)
    return Variation("\n".join(changed), moved)


def under_if_true(text: str) -> Variation | None:
    """Everything in an `if True:`."""
    return _nested(text, "if True:")


def in_a_function(text: str) -> Variation | None:
    """Everything in a function, where the fixture says that this means the same."""
    return _nested(text, "def _outer():") if NESTABLE_MARK.search(text) else None


def _nested(text: str, header: str) -> Variation | None:
    """Everything below a header, but for what has to stand at the head of a file."""
    logical = logical_lines(text)
    if not logical or "\t" in text or "\f" in text:
        return None
    lines = text.split("\n")
    inside = list(itertools.dropwhile(lambda line: lines[line.first - 1].startswith(_HEADS), logical))
    if not inside:
        return None
    top = inside[0].first
    for line in inside:
        if lines[line.first - 1].startswith("from __future__"):
            return None
        lines[line.first - 1] = INDENT + lines[line.first - 1]
    lines.insert(top - 1, header)
    moved = [number if number < top else number + 1 for number in range(len(lines))]
    return Variation("\n".join(lines), moved)


# --- frameworks ------------------------------------------------------------------------------------------------------

FRAMEWORKS = ("asyncio", "anyio", "trio")

_SAME: tuple[tuple[str, str, str], ...] = (
    # asyncio, anyio, trio; the longer spelling before one that it contains
    ("async with asyncio.timeout(", "with anyio.fail_after(", "with trio.fail_after("),
    ("asyncio.timeout(", "anyio.fail_after(", "trio.fail_after("),
    ("", "anyio.move_on_after(", "trio.move_on_after("),
    ("", "anyio.CancelScope", "trio.CancelScope"),
    ("asyncio.TaskGroup()", "anyio.create_task_group()", "trio.open_nursery()"),
    ("asyncio.CancelledError", "anyio.get_cancelled_exc_class()", "trio.Cancelled"),
    ("asyncio.sleep(", "anyio.sleep(", "trio.sleep("),
    ("asyncio.Lock()", "anyio.Lock()", "trio.Lock()"),
    ("asyncio.Event()", "anyio.Event()", "trio.Event()"),
    ("asyncio.Condition()", "anyio.Condition()", "trio.Condition()"),
    ("asyncio.Semaphore(", "anyio.Semaphore(", "trio.Semaphore("),
    ("asyncio.to_thread(", "anyio.to_thread.run_sync(", "trio.to_thread.run_sync("),
    ("asyncio.run(", "anyio.run(", "trio.run("),
    ("import asyncio", "import anyio", "import trio"),
)


def swaps(text: str) -> list[tuple[str, Variation]]:
    """The same file for each framework that its `# swap: anyio, trio` names. Raises ValueError where a name has no
    counterpart there."""
    mark = SWAP_MARK.search(text)
    if mark is None:
        return []
    own = [name for name in FRAMEWORKS if re.search(rf"^import {name}$", text, re.MULTILINE)]
    if len(own) != 1:
        raise ValueError(f"a file to be swapped imports one framework, as `import {FRAMEWORKS[0]}`")
    found: list[tuple[str, Variation]] = []
    for other in re.split(r", *", mark["frameworks"]):
        source, target = FRAMEWORKS.index(own[0]), FRAMEWORKS.index(other)
        changed = text
        for names in _SAME:
            if names[source] and names[target]:
                changed = changed.replace(names[source], names[target])
        left = [line for line in changed.split("\n") if own[0] in line.partition("#")[0]]
        if left:
            raise ValueError(f"no counterpart in {other}: {left[0].strip()}")
        found.append((other, in_place(changed, text.count("\n") + 1)))
    return found
