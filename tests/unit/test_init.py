"""`init`: what it sees, what it proposes, that it asks, and that what it writes is right."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from cancelcheck.cli.recipes import Origin, github_job, gitlab_job, pre_commit
from cancelcheck.config import SettingsFinder
from cancelcheck.engine.survey import look_at
from cancelcheck.engine.toml import rendered, with_table
from tests.support.repositories import needs_git, repository
from tests.support.runs import LOST, status, write

SERVICE = """\
import asyncio

from fastapi import FastAPI
from payments.core import with_slo, Compensates, idempotent_by, circuit_breaker

app = FastAPI()


@app.post("/charge")
@with_slo(2.0)
@Compensates(print)
@idempotent_by("id")
@circuit_breaker
async def charge():
    asyncio.create_task(charge())
"""
CONTRACT = "openapi: 3.1.0\npaths:\n  /charge:\n    post:\n      x-cancel-timeout: 2000\n"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and ".git/" not in str(path)
    }


def test_what_is_seen(root: Path) -> None:
    write(
        root,
        {
            "backend/payments/__init__.py": "",
            "backend/payments/api.py": SERVICE,
            "tests/helpers/__init__.py": "",
            "api/openapi.yaml": CONTRACT,
            "api/old.json": json.dumps({"swagger": "2.0", "paths": {}}, indent=1),
            "data/other.json": '{"x": "openapi: 3"}',
            "build/openapi.yaml": CONTRACT,
        },
    )
    found = look_at(root, SettingsFinder())
    assert found.roots == ("backend",)
    assert found.frameworks == ("asyncio", "fastapi")
    assert (dict(found.promises), dict(found.compensations)) == ({"with_slo": 1}, {"Compensates": 1})
    assert (dict(found.idempotent), dict(found.breakers)) == ({"idempotent_by": 1}, {"circuit_breaker": 1})
    assert found.contracts == {"api/openapi.yaml": True, "api/old.json": False}


def test_everything_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        root,
        {
            ".git/config": '[remote "origin"]\n\turl = git@github.com:acme/payments.git\n',
            "backend/payments/__init__.py": "",
            "backend/payments/api.py": SERVICE,
            "api/openapi.yaml": CONTRACT,
            "pyproject.toml": "[project]\nname = 'x'\n",
        },
    )
    assert status("init", "--yes") == 0
    shown = capsys.readouterr().out
    assert "frameworks: asyncio, fastapi" in shown
    assert "`with_slo` (once)" in shown
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["cancelcheck"]
    assert settings == {
        "baseline": "cancelcheck-baseline.json",
        "src": ["backend", "src", "."],
        "sla": {
            "decorators": ["sla", "sla_critical", "transactional", "with_slo"],
            "compensation-decorators": ["compensable", "Compensates"],
            "idempotent-decorators": ["idempotent", "idempotent_by"],
            "openapi": ["api/openapi.yaml"],
        },
    }
    assert status(".") == 0
    assert yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][0]["id"] == "cancelcheck"
    job = yaml.safe_load((root / ".github/workflows/cancelcheck.yml").read_text())
    assert job["jobs"]["cancelcheck"]["steps"][-1] == {"run": "cancelcheck --format github ."}
    before = {name: (root / name).read_bytes() for name in files(root)}
    capsys.readouterr()
    # a second time there is nothing to do
    assert status("init", "--yes") == 0
    assert {name: (root / name).read_bytes() for name in files(root)} == before
    shown = capsys.readouterr().out
    for line in (
        "Settings: nothing to add.",
        "nothing to know of",
        "pre-commit: the hook is there",
        "CI: a job is there",
    ):
        assert line in shown


def run_init(root: Path, answers: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cancelcheck", "init"],
        input=answers,
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
        timeout=60,
    )


@needs_git
def test_each_change_is_asked_for(root: Path) -> None:
    repository(root)
    write(root, {"app/__init__.py": "", "app/a.py": LOST, "lib/pkg/__init__.py": "", ".gitlab-ci.yml": ""})
    before = files(root)
    done = run_init(root, "n\nn\nn\nn\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[Y/n]") == 4
    assert files(root) == before
    done = run_init(root, "n\ny\nn\ny\n")
    assert done.returncode == 0, done.stderr
    assert files(root) - before == {"cancelcheck-baseline.json", "cancelcheck.toml"}
    assert (root / "cancelcheck.toml").read_text() == 'baseline = "cancelcheck-baseline.json"\n'
    assert "cancelcheck" in (root / ".gitlab-ci.yml").read_text()


def test_nobody_to_answer(root: Path) -> None:
    write(root, {"a.py": LOST})
    done = run_init(root, "")
    assert done.returncode == 2
    assert "`--yes` answers yes to everything" in done.stderr
    assert files(root) == {"a.py"}


def test_nothing_there(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("init") == 0
    assert "no Python file" in capsys.readouterr().out
    assert status("init", "nowhere") == 2
    write(root, {"a.py": "x = 1\n"})
    assert status("init", "--yes") == 0
    shown = capsys.readouterr().out
    assert "nothing to know of" in shown
    assert "pip install" in shown
    assert files(root) == {"a.py"}


def test_wrong_settings_are_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "pyproject.toml": "[tool.cancelcheck]\nselct = []\n"})
    assert status("init", "--yes") == 2
    assert "unknown key `selct`" in capsys.readouterr().err


# --- the texts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "[tool.cancelcheck]\na = 1\n"),
        ("[project]\nx = 1\n", "[project]\nx = 1\n\n[tool.cancelcheck]\na = 1\n"),
        ("[project]\nx = 1", "[project]\nx = 1\n\n[tool.cancelcheck]\na = 1\n"),
        ("[project]\r\nx = 1\r\n", "[project]\r\nx = 1\r\n\r\n[tool.cancelcheck]\r\na = 1\r\n"),
        (
            "[tool.cancelcheck]  # ours\nb = 2\n\n[tool.ruff]\n",
            "[tool.cancelcheck]  # ours\na = 1\nb = 2\n\n[tool.ruff]\n",
        ),
        ("[tool.cancelcheck]", "[tool.cancelcheck]\na = 1\n"),
        ("[tool.cancelcheck.sla]\nb = 2\n", "[tool.cancelcheck]\na = 1\n\n[tool.cancelcheck.sla]\nb = 2\n"),
        ("[[tool.cancelcheck.api]]\nb = 2\n", "[tool.cancelcheck]\na = 1\n\n[[tool.cancelcheck.api]]\nb = 2\n"),
    ],
)
def test_the_table_in_a_file(text: str, wanted: str) -> None:
    changed = with_table(text, ["a = 1"])
    assert changed == wanted
    assert tomllib.loads(changed)["tool"]["cancelcheck"]["a"] == 1


def test_tables_go_to_the_end() -> None:
    text = "[tool.cancelcheck]\nb = 2\n\n[tool.ruff]\nc = 3\n"
    changed = with_table(text, ["a = 1"], ["[tool.cancelcheck.sla]", "d = 4"])
    assert tomllib.loads(changed)["tool"] == {"cancelcheck": {"a": 1, "b": 2, "sla": {"d": 4}}, "ruff": {"c": 3}}
    own = with_table("b = 2\n[x]\nc = 3\n", ["a = 1"], ["[sla]", "d = 4"], whole_file=True)
    assert tomllib.loads(own) == {"a": 1, "b": 2, "x": {"c": 3}, "sla": {"d": 4}}


@pytest.mark.parametrize(
    "value",
    [True, 1, 10.0, 'a "b" \\ \n\t ü \x7f \x00', [], ["a", "b"], {"a": 1, "b c": ["x"]}, {}, [{"a": {"b": 1}}]],
)
def test_values_as_toml(value: object) -> None:
    assert tomllib.loads(f"x = {rendered(value)}")["x"] == value


ENTRY = {"repo": "local", "hooks": ["cancelcheck"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "repos:\n- repo: https://example.org/a\n  rev: v1\n  hooks:\n  - id: a\n",
        "# ours\nrepos:\n  -   repo: https://example.org/a\n      rev: v1\n      hooks:\n      -   id: a",
        "repos:\n  - repo: https://example.org/a\n    rev: v1\n    hooks: [{id: a}]\n\n\nci:\n  skip: []\n",
        "fail_fast: true\r\nrepos:\r\n  - repo: https://example.org/a\r\n    rev: v1\r\n    hooks: [{id: a}]\r\n",
    ],
)
def test_the_entry_for_pre_commit(text: str) -> None:
    before = yaml.safe_load(text) or {"repos": []}
    changed = pre_commit(text, Origin())
    assert changed is not None
    after = yaml.safe_load(changed)
    added = after["repos"].pop()
    assert (added["repo"], [hook["id"] for hook in added["hooks"]]) == ("local", ["cancelcheck"])
    assert after == before
    assert all(line in changed for line in text.split("\n"))
    remote = pre_commit(text, Origin("https://example.org/cancelcheck", "abc123"))
    assert yaml.safe_load(remote or "")["repos"][-1] == {
        "repo": "https://example.org/cancelcheck",
        "rev": "abc123",
        "hooks": [{"id": "cancelcheck"}],
    }


@pytest.mark.parametrize(
    "text", ["repos: []\n", "repos: [{repo: local, hooks: []}]\n", "x: 1\n", "repos:\nci:\n  - repo: 1\n"]
)
def test_an_unusual_form_is_left_to_people(text: str) -> None:
    assert pre_commit(text, Origin()) is None


def test_jobs() -> None:
    origin = Origin("https://example.org/cancelcheck.git", "abc")
    job = yaml.safe_load(github_job(origin, "trunk"))
    assert job[True]["push"] == {"branches": ["trunk"]}
    assert 'pip install "cancelcheck @ git+https://example.org/cancelcheck.git@abc"' in github_job(origin, "main")
    text = "stages:\n  - build\n  - test\n\nbuild:\n  stage: build\n  script: [make]\n"
    both = yaml.safe_load(gitlab_job(text, origin) or "")
    assert list(both) == ["stages", "build", "cancelcheck"]
    assert gitlab_job("stages: [build, deploy]\nx: {script: [test]}\n", origin) is None
    assert yaml.safe_load(gitlab_job("", Origin()) or "")["cancelcheck"]["script"][0] == 'pip install "cancelcheck"'
