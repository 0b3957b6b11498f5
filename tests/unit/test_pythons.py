"""What depends on the Python that runs the check: nothing. `tools/agree.py` compares more."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cancelcheck.model.standard import STANDARD
from tests.support.runs import LOST, command, write
from tools import agree, run

NEWER = """\
import asyncio
from collections.abc import Awaitable, Callable

import requests

type Job[T] = Callable[[T], Awaitable[None]]


async def ping(host):
    await asyncio.sleep(1)


async def start[T](job: Job[T], given: T) -> None:
    asyncio.create_task(job(given))


class Pool[T = str, *Rest = *tuple[int, ...], **P = ...]:
    def __init__(self, hosts: list[T]) -> None:
        self.hosts = hosts
        self.tasks = set()

    async def start[K: (str, bytes) = str](self, host: K) -> None:
        asyncio.create_task(ping(host))
        self.tasks.add(asyncio.create_task(ping(host)))


def shown(host):
    return f"{requests.get(f"https://{host}").text!r:>{len("a")}}"


def shown_in_lines(host):
    return f"{
        requests.get(
            "\\n".join([host])  # a comment, and a backslash
        ).text
    }"


async def kept(host):
    task = asyncio.create_task(ping(host))
    return f"{await task!r:{"<"}10}"
"""
"""What Python 3.11 does not read, nor 3.12 all of it: type parameters, their defaults, quotes within quotes."""


def test_newer_syntax_is_read_by_every_python(tmp_path: Path) -> None:
    write(tmp_path, {"cancelcheck.toml": "", "a.py": NEWER})
    found = command("--format", "concise", "--no-cache", ".", cwd=tmp_path).out.splitlines()
    assert [" ".join(line.split()[:2]) for line in found] == [
        "a.py:14:5: CAN101",
        "a.py:23:9: CAN101",
        "a.py:28:15: CAN401",
        "a.py:33:9: CAN401",
    ]


GONE = """
aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap msilib nis nntplib
ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
"""
"""What Python 3.11 had and a later one has not: it may be the project's own."""


def test_every_python_has_what_is_taken_for_pythons_own() -> None:
    assert sys.stdlib_module_names >= STANDARD
    assert not STANDARD.intersection(GONE.split())
    if sys.version_info < (3, 14):
        beside = sys.stdlib_module_names - STANDARD - set(GONE.split())
        assert [name for name in beside if not name.startswith("_")] == []


def test_what_some_pythons_have_no_longer_may_be_the_projects_own(tmp_path: Path) -> None:
    uses = "import {name}\n\n\nasync def main():\n    {name}.talk()\n"
    write(tmp_path, {"cancelcheck.toml": ""})
    for name in ("telnetlib", "compression", "json"):
        write(tmp_path, {f"{name}.py": "async def talk(): ...\n", f"uses_{name}.py": uses.format(name=name)})
    found = command("--format", "concise", "--no-cache", ".", cwd=tmp_path).out.splitlines()
    assert [line.partition(" ")[0] for line in found if "CAN112" in line] == [
        "uses_compression.py:5:5:",
        "uses_telnetlib.py:5:5:",
    ]


def test_this_python_is_found_where_it_has_a_name_of_its_own() -> None:
    found = run.pythons()
    assert all(minor >= run.OLDEST[1] and version.startswith(f"3.{minor}.") for minor, (_, version) in found.items())
    assert run.version_of("no-such-python") == ""
    assert run.version_of(sys.executable) == sys.version


def test_what_a_python_says_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"a.py": LOST, "b.py": "def f(:\n", "site-packages/c.py": ""})
    files = agree.python_files([tmp_path])
    assert [file.name for file in files] == ["a.py", "b.py"]
    said = agree.answers(sys.executable, files)
    good, bad = (said[str(file)] for file in files)
    assert len(good["facts"]) == 64
    assert [finding["code"] for finding in json.loads(good["report"])["findings"]] == ["CAN101"]
    assert bad["facts"].startswith("line 1: cannot be parsed")
    agree.show(files[0], ("one", good), ("other", {**good, "report": good["report"].replace("CAN101", "CAN102")}))
    shown = capsys.readouterr().out
    assert "facts" not in shown
    assert '-      "code": "CAN101",' in shown
    assert '+      "code": "CAN102",' in shown


def test_files_are_drawn_over_all_of_a_library(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}.py": "" for name in ("a", "b", "c", "d", "test_fstring")} | {"large.py": "#" * 300_000})
    files = agree.python_files([tmp_path])
    assert [file.stem for file in agree.drawn(files, 2)] == ["a", "c", "test_fstring"]
    assert [file.stem for file in agree.drawn(files, 0)] == ["test_fstring"]
