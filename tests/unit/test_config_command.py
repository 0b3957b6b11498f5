"""`config --show`: the settings in force, and where each comes from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from cancelcheck.config import Settings, parse_settings
from tests.support.runs import status, write


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


SETTINGS = """\
[tool.cancelcheck]
ignore = ["lost-task"]
per-file-ignores = { "scripts/**" = ["4xx"] }
exclude = ["old"]

[tool.cancelcheck.sla]
min-timeout-ms = 900

[[tool.cancelcheck.api]]
call = "acme.get"
kind = "http"
mode = "sync"
timeout = "seconds"
default = "none"
"""


def test_where_each_comes_from(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"pyproject.toml": SETTINGS, "scripts/a.py": "", "tests/a.py": "", "old/a.py": "", "a.py": ""})
    assert status("config", "--show", "scripts/a.py") == 0
    shown = capsys.readouterr().out
    lines = {line.split(" = ")[0]: line for line in shown.splitlines() if " = " in line}
    assert lines["ignore"].split() == ["ignore", "=", '["lost-task"]', "#", "pyproject.toml"]
    assert lines["strict"].endswith("# default")
    assert lines["min-timeout-ms"].split() == ["min-timeout-ms", "=", "900.0", "#", "pyproject.toml"]
    assert lines["decorators"].endswith("# default")
    assert parse_settings(tomllib.loads(shown), "x") == parse_settings(
        tomllib.loads(SETTINGS)["tool"]["cancelcheck"], "x"
    )
    rules = shown.splitlines()[-1]
    assert rules.startswith("# rules that report here: CAN000, CAN001, ")
    assert "CAN101" not in rules
    assert "CAN401" not in rules
    assert status("config", "a.py") == 0
    assert "CAN401" in capsys.readouterr().out.splitlines()[-1]
    assert status("config", "tests/a.py") == 0
    assert "CAN401" not in capsys.readouterr().out.splitlines()[-1]
    assert status("config", "old/a.py") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("# excluded")
    assert status("config", "old") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("# excluded")


def test_the_defaults(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"pyproject.toml": SETTINGS})
    assert status("config", "--isolated") == 0
    shown = capsys.readouterr().out
    assert parse_settings(tomllib.loads(shown), "x") == Settings()
    assert "pyproject.toml" not in shown
    assert status("config", "--config", "pyproject.toml", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == "."
    assert {"key": "ignore", "value": ["lost-task"], "from": "pyproject.toml"} in found["settings"]
    assert {"key": "sla.breakers", "value": [], "from": "default"} in found["settings"]
    assert "CAN102" in found["rules"]


def test_what_cannot_be_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("config", "nowhere") == 2
    assert status("config", "--isolated", "--config", "x.toml") == 2
    assert status("config", "--config", "x.toml") == 2
    write(root, {"cancelcheck.toml": "selct = 1\n"})
    capsys.readouterr()
    assert status("config") == 2
    assert "unknown key `selct`" in capsys.readouterr().err
