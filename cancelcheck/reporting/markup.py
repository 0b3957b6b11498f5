"""XML that is well-formed whatever text it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'

# what XML 1.0 has no way to write, not even as a reference; halves of surrogate pairs, which a file name may hold
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\"'\t\n\r]")


def element(name: str, attributes: Mapping[str, object], content: Iterable[str] = (), *, text: str = "") -> str:
    """An element on lines of its own, with elements in it, or with text."""
    written = "".join(f' {key}="{escaped(str(value))}"' for key, value in attributes.items())
    inner = "".join(content)
    if text:
        return f"<{name}{written}>{escaped(text, in_text=True)}</{name}>\n"
    return f"<{name}{written}>\n{inner}</{name}>\n" if inner else f"<{name}{written}/>\n"


def escaped(text: str, *, in_text: bool = False) -> str:
    """Text for an attribute, or for an element's content: what XML cannot hold is shown by a stand-in."""
    legal = _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
    # a reader turns a bare tab or line end in an attribute into a space
    return _SPECIAL.sub(
        lambda match: match[0] if in_text and match[0] in "\t\n\"'" else f"&#{ord(match[0])};",
        legal,
    )
