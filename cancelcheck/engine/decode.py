"""From bytes to text, as Python itself does it."""

from __future__ import annotations

import codecs
import io
import re
import tokenize

from cancelcheck import files

MAX_CHARACTERS = 2_000_000
"""A longer text, some 50,000 lines, is not parsed: that would take minutes, and gigabytes."""


class DecodeError(Exception):
    """A file that is no Python text: `line` (1-based) and `reason`, a sentence for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def decode(data: bytes) -> str:
    """The text of a file: by its byte-order mark, its coding line (PEP 263), or else UTF-8. Line ends stay as they are.

    Raises `DecodeError`.
    """
    if len(data) > files.LIMIT:
        raise DecodeError(1, f"is too large to be analysed: more than {files.LIMIT:,} bytes")
    zero = data.find(b"\0")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DecodeError(1, "cannot be decoded: it is UTF-16, which Python does not read")
    if zero >= 0:
        raise DecodeError(_line_of(data, zero), "cannot be parsed: it holds a null byte")
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise DecodeError(
            _line_of(data, error.start), f"cannot be decoded: byte 0x{byte:02x} is not {_shown(encoding)}"
        ) from None
    except (UnicodeError, LookupError) as error:
        raise DecodeError(1, f"cannot be decoded: {error}") from None
    return text


def encode(text: str, *, like: bytes) -> bytes:
    """The bytes of a text in the encoding of a file that was decoded, its byte-order mark included.

    Raises `UnicodeEncodeError`.
    """
    return text.encode(_encoding(like))


def _encoding(data: bytes) -> str:
    """The encoding of a file. Raises `DecodeError`."""
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        # also raised where the first two lines are not UTF-8: then the decoder says it with the line
        if "invalid or missing encoding" not in str(error):
            raise DecodeError(1, f"cannot be decoded: {error.msg}") from None
        return "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"


def check_length(text: str) -> None:
    """Raises `DecodeError` for a text that is too long to be parsed."""
    if len(text) > MAX_CHARACTERS:
        raise DecodeError(1, f"is too large to be analysed: {len(text):,} characters, the limit is {MAX_CHARACTERS:,}")


def _line_of(data: bytes, offset: int) -> int:
    return len(re.findall(rb"\r\n|\r|\n", data[:offset])) + 1


def _shown(encoding: str) -> str:
    return "UTF-8" if encoding in ("utf-8", "utf-8-sig") else encoding
