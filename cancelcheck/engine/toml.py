"""Values as TOML has them, and the settings' table added to a file that people keep."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"^[ \t]*\[tool\.cancelcheck\][ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z)", re.MULTILINE)
_SUB_HEADER = re.compile(r"^[ \t]*\[\[?tool\.cancelcheck\.", re.MULTILINE)


def rendered(value: object) -> str:
    """A value in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # TOML's basic strings have JSON's escapes
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(str(key))} = {rendered(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(rendered(item) for item in value)}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def with_table(text: str, keys: Sequence[str], tables: Sequence[str] = (), *, whole_file: bool = False) -> str:
    """A file's text with these lines in `[tool.cancelcheck]`: behind its header if there is one, else with a new one at
    the end of the file, or before the tables below it; and with these tables at the end. `whole_file`: the table is the
    file itself."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if keys:
        text = _with_keys(text, newline.join(keys) + newline, newline, whole_file=whole_file)
    if tables:
        text += _gap(text, newline) + newline.join(tables) + newline
    return text


def _with_keys(text: str, added: str, newline: str, *, whole_file: bool) -> str:
    if whole_file:
        return added + text
    header = _HEADER.search(text)
    if header is not None:
        head = text[: header.end()]
        return head + ("" if head.endswith(("\n", "\r")) else newline) + added + text[header.end() :]
    table = f"[tool.cancelcheck]{newline}{added}"
    below = _SUB_HEADER.search(text)
    if below is not None:
        return text[: below.start()] + table + newline + text[below.start() :]
    return text + _gap(text, newline) + table


def _gap(text: str, newline: str) -> str:
    if not text.strip():
        return ""
    return newline if text.endswith(("\n", "\r")) else newline * 2
