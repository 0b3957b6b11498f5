"""Tests about what may not be read: for root, too, while it does without its privilege to read everything."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_VERSION = 0x20080522
"""Of the kernel's form of what a thread may do: two halves of 32 bits, each effective, permitted and inheritable."""

_READS_EVERYTHING = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@contextmanager
def permissions_count() -> Iterator[None]:
    """Meanwhile a file's mode says whether this thread may read it."""
    if not hasattr(os, "geteuid"):
        pytest.skip("modes of files say something else there")
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may read everything")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    before = (ctypes.c_uint32 * 6)()
    if libc.capget(header, before) != 0:
        pytest.skip("root may read everything")
    without = (ctypes.c_uint32 * 6)(*before)
    without[0] &= ~_READS_EVERYTHING
    assert libc.capset(header, without) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
