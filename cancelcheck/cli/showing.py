"""Where what is shown goes: standard output, a file, and beside them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NARROWEST = 40
"""Columns below which nothing could be read."""


def wants_color(asked: str, on_terminal: bool) -> bool:
    """Whether to use colour, with `asked` for auto, always or never."""
    if asked != "auto":
        return asked == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (on_terminal and os.environ.get("TERM") != "dumb")


def terminal_width() -> int:
    """How many columns the terminal has, or `COLUMNS` says."""
    import shutil

    return max(shutil.get_terminal_size().columns, _NARROWEST)


UTF8, AS_THE_TERMINAL, BESIDE = "utf-8", "terminal", ""
"""How something was told: on standard output, in UTF-8 or as the terminal has it, or beside it."""

_recorders: list[list[tuple[str, str]]] = []


@contextmanager
def recording() -> Iterator[list[tuple[str, str]]]:
    """Everything that is told meanwhile, each with how it is."""
    told: list[tuple[str, str]] = []
    _recorders.append(told)
    try:
        yield told
    finally:
        _recorders.remove(told)


def _record(how: str, text: str) -> None:
    for recorder in _recorders:
        recorder.append((how, text))


def write_stdout(text: str, *, utf8: bool = False) -> None:
    """Show the report; `utf8`: whatever the terminal's encoding is."""
    _record(UTF8 if utf8 else AS_THE_TERMINAL, text)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # what the terminal's encoding lacks is shown as its escape; a report for machines is the same everywhere
        reconfigure(errors="backslashreplace", **({"encoding": "utf-8"} if utf8 else {}))
    sys.stdout.write(text)
    sys.stdout.flush()


def say(text: str, *, as_it_is: bool = False) -> None:
    """Something for the user, beside the report; `as_it_is`: a report itself, with its colours."""
    if not as_it_is:
        from cancelcheck.reporting.printable import printable_lines

        text = printable_lines(text)
    _record(BESIDE, text)
    with suppress(OSError):
        print(text.encode("utf-8", "backslashreplace").decode("utf-8"), file=sys.stderr)
