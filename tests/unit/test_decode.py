"""Bytes are read as Python reads them, and what is no text is said with its line."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cancelcheck.engine.decode import MAX_CHARACTERS, DecodeError, check_length, decode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"a = 1\r\nb = 2\rc\n", "a = 1\r\nb = 2\rc\n"),
        (b"\x0ca = 1\n", "\x0ca = 1\n"),
        ("é = 'ü'\n".encode(), "é = 'ü'\n"),
        (codecs.BOM_UTF8 + "é\n".encode(), "é\n"),
        (codecs.BOM_UTF8 + b"# coding: utf-8\nx\n", "# coding: utf-8\nx\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        (
            b"#!/bin/python\n# vim: set fileencoding=cp1251 :\n'\xe9'\n",
            "#!/bin/python\n# vim: set fileencoding=cp1251 :\n'й'\n",
        ),
        (
            b"x = 1\n\n# coding: latin-1 on the third line is none\n",
            "x = 1\n\n# coding: latin-1 on the third line is none\n",
        ),
    ],
)
def test_text(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"x = 1\ny = '\xe9'\n", 2, "byte 0xe9 is not UTF-8"),
        (b"'\xe9'\n", 1, "byte 0xe9 is not UTF-8"),
        (b"a\r\nb\rc\n'\xff'", 4, "byte 0xff is not UTF-8"),
        (b"# coding: ascii\n\n'\xe9'\n", 3, "byte 0xe9 is not ascii"),
        (b"# coding: no-such-thing\n", 1, "no-such-thing"),
        (b"# coding: hex\n", 1, "hex"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", 1, "utf-8"),
        (b"a\n\nb = '\0'\n", 3, "null byte"),
        ("x = 1\n".encode("utf-16"), 1, "UTF-16"),
    ],
)
def test_no_text(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert caught.value.line == line
    assert reason in caught.value.reason


def test_the_limit() -> None:
    check_length("x" * MAX_CHARACTERS)
    with pytest.raises(DecodeError, match="too large"):
        check_length("x" * (MAX_CHARACTERS + 1))


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except DecodeError as error:
        assert 1 <= error.line <= data.count(b"\n") + data.count(b"\r") + 1
