"""`tools/catalog_check.py` finds what a library does differently from what the catalogue says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cancelcheck.catalog import schema
from tests.support.sources import ROOT
from tools import catalog_probe
from tools.catalog_check import Comparison, agrees, misplaced, request_for, show

LIBRARY = """
class Client:
    def __init__(self, host, timeout=30, *, retries=None): ...
    def get(self, path, timeout=None): ...
    async def aget(self, path): ...
    def close(self): ...

class Old(Client): ...

class Lock:
    def acquire(self): ...

def connect(host, **options): ...
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "acme_of_the_catalogue"
    (tmp_path / f"{name}.py").write_text(LIBRARY, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def differences(name: str, **tables: object) -> list[str]:
    head = {"name": name, "version": "1", "source": "here"}
    data = msgspec.convert({"library": head, **tables}, schema.LibraryFile)
    answer = catalog_probe.answer(json.loads(request_for(data).as_json()))
    assert not answer["failed"]
    return [difference.replace(f"{name}.", "") for difference in Comparison(data, answer).differences()]


def test_what_agrees(acme: str) -> None:
    client = {"type": f"{acme}.Client", "timeout": "timeout", "timeout-position": 1, "default": 30}
    get = {"call": f"{acme}.Client.get", "kind": "rpc", "mode": "sync", "timeout": "timeout", "timeout-position": 1}
    made = {"type": f"{acme}.connect", "makes": f"{acme}.Client", "timeout": "wait", "default": 9}
    held = {"call": f"{acme}.connect", "holds": "connection", "release": ["close"], "entered": False}
    old = {"type": f"{acme}.Old", "bases": [f"{acme}.Client"]}
    assert not differences(acme, client=[client, made], api=[get], resource=[held], type=[old])


@pytest.mark.parametrize(
    ("table", "entry", "difference"),
    [
        ("api", {"call": "Client.put"}, "api Client.put: there is none"),
        ("api", {"call": "Client.get", "timeout": "timeout"}, "timeout is not keyword-only: it is at 1"),
        ("api", {"call": "Client.get", "timeout": "wait"}, "takes no wait"),
        ("api", {"call": "Client.get", "timeout": "timeout", "timeout-position": 0}, "timeout is not at 0, but path"),
        ("api", {"call": "Client.aget"}, "is a coroutine function"),
        ("client", {"timeout": "timeout", "timeout-position": 1, "default": 60}, "is 30 by default, not 60"),
        ("client", {"timeout": "timeout", "timeout-position": 1, "default": "none"}, "is 30 by default, not 'none'"),
        ("client", {"defers": ["transport"]}, "takes no transport"),
        ("resource", {"call": "Client", "holds": "x", "release": ["stop"], "entered": False}, "Client has no stop"),
        ("resource", {"call": "Client", "holds": "x", "release": ["close"]}, "Client cannot be entered"),
        ("resource", {"call": "Lock", "holds": "x", "entered": False, "async-with": True}, "Lock has no __aenter__"),
        ("lock", {"type": "Lock"}, "has no release"),
        ("retry", {"call": "Client", "attempts": ["tries"]}, "takes no tries"),
        ("type", {"type": "Lock", "bases": ["Client"]}, "has neither Client as a base nor its methods"),
    ],
)
def test_what_differs(acme: str, table: str, entry: dict[str, object], difference: str) -> None:
    kind = {"kind": "rpc", "mode": "sync"} if table == "api" else {"type": "Client"} if table == "client" else {}
    told = {**kind, **entry}
    for key in ("call", "type"):
        if key in told:
            told[key] = f"{acme}.{told[key]}"
    if "bases" in told:
        told["bases"] = [f"{acme}.Client"]
    found = differences(acme, **{table: [told]})
    assert len(found) == 1
    assert difference in found[0]


def test_default_that_bounds_nothing() -> None:
    assert agrees("none", 0, (schema.Value.ZERO,))
    assert not agrees(0, 0, (schema.Value.ZERO,))
    assert agrees(30, None, ())
    assert agrees("client", 30, ())


def test_keyword_that_goes_on_to_others() -> None:
    assert not misplaced([{"name": "options", "kind": "VAR_KEYWORD"}], "timeout", -1)
    assert misplaced([{"name": "options", "kind": "VAR_POSITIONAL"}], "timeout", -1) == "takes no timeout"


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, str(ROOT / "tools" / "catalog_check.py"), "--python", sys.executable, "queue", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 libraries looked at" in done.stdout
    assert not show([])
    assert "0 of 0 libraries" in capsys.readouterr().out
