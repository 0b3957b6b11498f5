"""Text edits, and how far they can be trusted."""

from __future__ import annotations

import enum

import msgspec


class Safety(enum.StrEnum):
    """Whether a fix keeps behaviour (`safe`) or has to be asked for (`unsafe`)."""

    SAFE = "safe"
    UNSAFE = "unsafe"


class Edit(msgspec.Struct, frozen=True, order=True):
    """Replace the characters `[start, end)` of the file with `text`. Offsets count characters from 0."""

    start: int
    end: int
    text: str


class Fix(msgspec.Struct, frozen=True):
    """What to do, in one sentence, and the edits that do it."""

    title: str
    safety: Safety
    edits: tuple[Edit, ...]
