"""From a report to text: one function for each format."""

from __future__ import annotations

from collections.abc import Callable

from cancelcheck.engine.report import Report
from cancelcheck.reporting import concise, github, json, sarif, text

Reporter = Callable[[Report, bool], str]
"""Renders a report; the flag says whether colour is wanted. The text ends in a line end, or is empty."""

REPORTERS: dict[str, Reporter] = {
    "text": text.render,
    "concise": concise.render,
    "json": json.render,
    "sarif": sarif.render,
    "github": github.render,
}

UTF8_FORMATS = frozenset({"json", "sarif"})
"""Formats that are UTF-8 whatever the terminal's encoding is."""
