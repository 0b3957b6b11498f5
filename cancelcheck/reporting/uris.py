"""Paths in URIs."""

from __future__ import annotations

from urllib.parse import quote


def quoted(path: str) -> str:
    """A path as a part of a URI. A name that is no text keeps its bytes."""
    try:
        return quote(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        # half a character, which only Windows lets into a name
        return quote(path.encode("utf-8", "surrogatepass"))
