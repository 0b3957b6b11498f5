"""The `slow` marker. Slow tests run with `-m slow`, or beside the others with CANCELCHECK_SLOW=1.

A command that a test runs has no cache, unless the test is about that.
"""

from __future__ import annotations

import gc
import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    os.environ["CANCELCHECK_NO_CACHE"] = "1"
    os.environ.pop("CANCELCHECK_CACHE_DIR", None)
    config.addinivalue_line("markers", "slow: minutes rather than seconds; run with `-m slow` or CANCELCHECK_SLOW=1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" in str(config.getoption("-m")) or os.environ.get("CANCELCHECK_SLOW"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with `-m slow` or CANCELCHECK_SLOW=1"))


def pytest_collection_finish(session: pytest.Session) -> None:
    # ten thousand tests are a heap that every search for garbage would go through, and there is none in it
    gc.collect()
    gc.freeze()
