"""The lines of SECURITY.md: what a project that is checked cannot do to whoever checks it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import cancelcheck
from cancelcheck.config import SettingsFinder
from cancelcheck.engine.pipeline import check
from cancelcheck.engine.recall import _LARGEST, FactStore
from cancelcheck.engine.store import FILE, FOLDER, Store
from cancelcheck.lower import lower_module
from cancelcheck.model.source import SourceFile
from tests.support.runs import LOST, command, places, run, write
from tests.support.sources import ROOT

links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")

FOUND = ("a.py", 5, 5, "CAN101")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# --- nothing is run --------------------------------------------------------------------------------------------------

TRAP = "import pathlib\npathlib.Path(__file__ + '.ran').touch()\n"
TRAPS = (
    *("ast.py", "click.py", "libcst.py", "msgspec.py", "pathspec.py", "rich.py", "flake8.py", "ctypes.py", "zlib.py"),
    *("setup.py", "conftest.py", "sitecustomize.py", "usercustomize.py", "multiprocessing/__init__.py"),
    *("app/__init__.py", "app/__main__.py", "app/plugin.py", "cancelcheck.pth", "manage.py"),
)
USES = "import app.plugin, click, libcst\nfrom setup import x\n\napp.plugin.f()\nclick.f()\nlibcst.g(x)\n" + LOST

LISTENS = """
import json, os, sys

seen = {"open": [], "run": [], "exec": [], "import": [], "net": []}

def listen(event, arguments):
    if event == "open":
        seen["open"].append([os.fspath(arguments[0]) if not isinstance(arguments[0], int) else "", str(arguments[1])])
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        seen["run"].append(event)
    elif event == "exec":
        seen["exec"].append(getattr(arguments[0], "co_filename", ""))
    elif event == "import" and arguments[1]:
        seen["import"].append(arguments[1])
    elif event.startswith("socket."):
        seen["net"].append(event)

sys.addaudithook(listen)
from cancelcheck.cli import main
status = main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump([status, seen], file, default=repr)
"""


def listened(root: Path, log: Path, *arguments: str) -> dict[str, list[object]]:
    """What the interpreter saw while the command ran."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", LISTENS, str(log), *arguments],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)},
    )
    assert log.exists(), done.stderr
    status, seen = json.loads(log.read_text())
    assert status == 1, done.stderr
    return seen


def test_what_is_checked_is_never_run_nor_imported(root: Path, tmp_path: Path) -> None:
    write(root, {**dict.fromkeys(TRAPS, TRAP), "a.py": USES})
    seen = listened(root, tmp_path / "log", "--no-cache", "--strict", "--format", "json", ".")
    assert list(root.rglob("*.ran")) == []
    assert [path for path in (*seen["exec"], *seen["import"]) if str(path).startswith(str(root))] == []
    assert seen["run"] == []
    assert seen["net"] == []


def test_the_current_folder_is_no_place_to_import_from(root: Path) -> None:
    write(root, {**dict.fromkeys(TRAPS, TRAP), "a.py": LOST})
    done = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "--no-cache", "a.py"],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONPATH": str(ROOT)},
    )
    # Python itself imports `sitecustomize` and `usercustomize`, from its own folders only
    assert list(root.rglob("*.ran")) == []
    assert "a.py:5:5: CAN101" in done.stdout, done.stderr


def test_processes_import_nothing_of_the_project(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cancelcheck.engine import pool

    write(root, {**dict.fromkeys(TRAPS, TRAP), "a.py": LOST, "b.py": LOST})
    monkeypatch.setattr(pool, "_method", lambda: "spawn")
    monkeypatch.setattr(pool, "PAYS_FROM_AFRESH", 1)
    assert len(places(check((".",), SettingsFinder(), jobs=2))) == 2
    assert list(root.rglob("*.ran")) == []


# --- nothing else is read --------------------------------------------------------------------------------------------


def test_nothing_is_read_outside_of_the_project(root: Path, tmp_path: Path) -> None:
    write(
        root,
        {
            "cancelcheck.toml": "src = ['lib']\n",
            "a.py": "import secret, lib_a, os.path, requests\nfrom .. import secret as s\nfrom ....etc import x\n\n"
            "secret.f()\nlib_a.f()\ns.f()\nx.f()\n" + LOST,
            "lib/lib_a.py": LOST,
        },
    )
    write(tmp_path, {"secret.py": LOST, "__init__.py": ""})
    seen = listened(root, tmp_path / "log", "--no-cache", "a.py")
    own = [
        str(root),
        str(ROOT),
        sys.prefix,
        sys.base_prefix,
        *sysconfig.get_paths().values(),
        "/proc/",
        "/dev/",
        "/etc/localtime",
    ]
    real = [os.path.realpath(path) for path in own]
    opened = {path for path, _ in seen["open"] if path}
    assert {os.path.basename(path) for path in opened} >= {"a.py", "lib_a.py"}
    allowed = (*own, *real)
    # settings are looked for in the folders above, as every tool does
    others = {
        p
        for p in opened
        if not os.path.abspath(p).startswith(allowed)
        and os.path.basename(p) not in ("pyproject.toml", "cancelcheck.toml", ".gitignore", "log")
    }
    assert others == set()


@links
def test_no_link_is_followed_out_of_the_project_unless_it_is_named(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"outside/a.py": LOST, "outside/pkg/__init__.py": "async def f(): ...\n"})
    write(root, {"cancelcheck.toml": "", "inside/a.py": LOST, "use.py": "import pkg\n\n\ndef g():\n    pkg.f()\n"})
    (root / "out.py").symlink_to(tmp_path / "outside" / "a.py")
    (root / "in.py").symlink_to("inside/a.py")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "pkg").symlink_to(tmp_path / "outside" / "pkg")
    assert [place[0] for place in places(run())] == ["in.py", "inside/a.py"]
    assert [place[0] for place in places(run("out.py", "folder"))] == ["folder/a.py", "out.py"]
    # a folder that is given is followed inside itself, wherever the project is
    assert [place[0] for place in places(run("inside"))] == ["inside/a.py"]
    (root / "pkg").unlink()
    (root / "real").mkdir()
    write(root, {"real/__init__.py": "async def f(): ...\n"})
    (root / "pkg").symlink_to("real")
    assert ("use.py", 5, 5, "CAN112") in places(run())


@links
def test_links_above_the_project_are_nobodys_business(root: Path, tmp_path: Path) -> None:
    write(root, {"cancelcheck.toml": "", "a.py": "import b\n\n\ndef g():\n    b.f()\n", "b.py": "async def f(): ...\n"})
    (root / "c.py").symlink_to("a.py")
    (tmp_path / "other").symlink_to(root)
    os.chdir(tmp_path / "other")
    assert [place[::3] for place in places(run())] == [("a.py", "CAN112"), ("c.py", "CAN112")]


# --- the cache is data -----------------------------------------------------------------------------------------------


def with_cache(folder: Path) -> tuple[list[tuple[str, int, int, str]], str]:
    store = Store(folder)
    done = check(("a.py",), SettingsFinder(), store=store)
    return places(done), store.problem


@links
def test_no_link_is_followed_to_a_cache(root: Path, tmp_path: Path) -> None:
    write(root, {"a.py": LOST})
    (tmp_path / "home").mkdir()
    (root / FOLDER).symlink_to(tmp_path / "home")
    assert with_cache(root / FOLDER) == (
        [FOUND],
        f"the cache {root / FOLDER / FILE} cannot be used: it is a link, which may lead anywhere",
    )
    (root / FOLDER).unlink()
    (root / FOLDER).mkdir()
    (root / FOLDER / FILE).symlink_to(tmp_path / "home" / "made.db")
    assert "it is a link" in with_cache(root / FOLDER)[1]
    assert list((tmp_path / "home").iterdir()) == []
    # who names a folder means it
    (tmp_path / "link").symlink_to(tmp_path / "home")
    done = command("--cache-dir", str(tmp_path / "link"), "a.py", cwd=root, env={"CANCELCHECK_NO_CACHE": ""})
    assert "warning" not in done.err
    assert (tmp_path / "home" / FILE).is_file()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


@pytest.mark.parametrize(
    "statement",
    [
        f"DROP TABLE entries; CREATE VIEW entries AS {ENDLESS} SELECT i AS key, i AS used, i AS value FROM n",
        f"DROP TABLE files; CREATE VIEW files AS {ENDLESS} SELECT i AS path, i AS state, i AS used, i AS digest FROM n",
        "CREATE TRIGGER more AFTER INSERT ON entries BEGIN DELETE FROM files; END",
        "CREATE TABLE other (a)",
        "CREATE INDEX slow ON entries (used)",
    ],
)
def test_a_cache_of_another_make_is_not_used(root: Path, tmp_path: Path, statement: str) -> None:
    write(root, {"a.py": LOST})
    assert with_cache(tmp_path / "cache") == ([FOUND], "")
    with sqlite3.connect(tmp_path / "cache" / FILE) as db:
        db.executescript(statement)
    db.close()
    found, problem = with_cache(tmp_path / "cache")
    assert found == [FOUND]
    assert "another program's file" in problem


def test_a_value_that_unpacks_to_more_than_there_is_room_for_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _LARGEST < 2**30
    store = Store(tmp_path)
    source = SourceFile("a.py", "x = 1\n" * 1_000, module="a")
    FactStore(store).put(source, b"content", lower_module(source))
    store.flush()
    assert FactStore(store).get(source, b"content") is not None
    monkeypatch.setattr("cancelcheck.engine.recall._LARGEST", 1_000)
    assert FactStore(store).get(source, b"content") is None


def test_what_stands_in_a_cache_is_never_run() -> None:
    # no module that turns bytes into code or objects is there to be called
    text = "".join(
        path.read_text("utf-8")
        for path in sorted((ROOT / "cancelcheck").rglob("*.py"))
        if "link" not in path.parts and "rules" not in path.parts
    )
    assert (
        re.findall(
            r"^\s*(?:import|from) (pickle|marshal|shelve|dill|importlib\.machinery|runpy|imp)\b", text, re.MULTILINE
        )
        == []
    )
    assert re.findall(r"(?<![\w.`])(?:eval|exec|__import__|compile)\(", text) == []


# --- the page --------------------------------------------------------------------------------------------------------


def test_each_line_of_the_page_names_its_test() -> None:
    page = (ROOT / "SECURITY.md").read_text("utf-8")
    lines = page.partition("## What cannot happen")[2].splitlines()
    rows = [line for line in lines if line.startswith("| ")][1:]
    assert len(rows) > 12
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"


def test_the_package_is_the_one_of_this_checkout() -> None:
    assert Path(cancelcheck.__file__).resolve().is_relative_to(ROOT)
