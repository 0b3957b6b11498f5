"""Rules that say nothing, or only with `--strict`, of what a test does."""

from __future__ import annotations

from pathlib import Path

import pytest

from cancelcheck.config import LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine.pipeline import Engine

CLEANUP = """
async def work(conn):
    try:
        await conn.run()
    finally:
        await conn.close()
"""

POLL = """
import time

def wait(server):
    while not server.started:
        time.sleep(0.1)
"""

LOCK = """
def work(lock, ledger):
    lock.acquire()
    ledger.write()
    lock.release()
"""

TASK = """
import asyncio

async def work(source):
    reading = asyncio.create_task(source.read())
    source.feed(b"x")
    assert reading.done()
"""

SESSION = """
import aiohttp

async def work(url):
    session = aiohttp.ClientSession()
    await session.get(url)
    await session.close()
"""

FORGOTTEN = """
import aiohttp

async def work(url):
    session = aiohttp.ClientSession()
    await session.get(url)
"""


DELETED = """
import aiohttp

async def work(url):
    session = aiohttp.ClientSession()
    del session
"""

ON_ONE_WAY = """
import aiohttp

async def work(urls):
    session = aiohttp.ClientSession()
    for number, url in enumerate(urls):
        if number == 5:
            await session.close()
"""


def reported(folder: Path, name: str, code: str, text: str) -> list[bool]:
    """Of each finding of a rule in a file of this name: whether it is strict."""
    engine = Engine(SettingsFinder(fixed=LoadedSettings(Settings(select=(code,)), folder, None)))
    file = engine.input_file(str(folder / name))
    engine.give(file, text)
    engine.announce([file])
    return [finding.strict for finding in engine.check_file(file)]


@pytest.mark.parametrize(
    ("code", "text", "elsewhere", "in_a_test"),
    [
        ("CAN107", CLEANUP, 1, []),
        ("CAN206", POLL, 1, []),
        ("CAN106", LOCK, 1, []),
        ("CAN102", TASK, 1, []),
        ("CAN105", SESSION, 1, []),
        ("CAN105", FORGOTTEN, 1, [False]),
        ("CAN105", DELETED, 1, []),
        ("CAN105", ON_ONE_WAY, 1, []),
    ],
)
def test_of_a_test(tmp_path: Path, code: str, text: str, elsewhere: int, in_a_test: list[bool]) -> None:
    assert len(reported(tmp_path, "app.py", code, text)) == elsewhere
    assert reported(tmp_path, "test_app.py", code, text) == in_a_test
