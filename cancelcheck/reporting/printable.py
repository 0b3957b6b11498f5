"""Text from checked files, made safe to show."""

from __future__ import annotations

import re

# C0 and C1 controls, and the characters that turn the direction of text around: none may reach a terminal
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text on one line, with a visible stand-in for each character that a terminal would act on."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which stay such."""
    return "\n".join(printable(line.removesuffix("\r")) for line in text.split("\n"))
