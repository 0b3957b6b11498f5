"""From text to facts, with the parser imported when the first file needs it."""

from __future__ import annotations

import sys

from cancelcheck.engine.decode import DecodeError
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.source import SourceFile


class ParseError(DecodeError):
    """A text that is no Python, as far as it can be read: `line` (1-based) and `reason`, a sentence for the user."""


def lower_module(source: SourceFile) -> ModuleFacts:
    """The facts of one file. Raises `ParseError`, `TooLongError`."""
    # LibCST takes a quarter of a second to import, and a run that finds everything in the cache does without
    from cancelcheck.lower import LowerError
    from cancelcheck.lower import lower_module as lower

    try:
        return lower(source, apart=_apart if sys.executable else None)
    except LowerError as error:
        raise ParseError(error.line, error.reason) from None


def _apart(source: SourceFile) -> ModuleFacts:
    from cancelcheck.engine.apart import lower_apart

    return lower_apart(source)
