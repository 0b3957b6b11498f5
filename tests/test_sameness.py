"""The same answer, to the byte, whatever the machine, the terminal and the language around it."""

from __future__ import annotations

import codecs
import functools
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path, PureWindowsPath

import pytest

from cancelcheck.config import SettingsFinder
from cancelcheck.engine import modules, pipeline
from cancelcheck.engine.patterns import Patterns
from cancelcheck.engine.pipeline import Engine
from tests.support.runs import LOST, on_a_terminal, write
from tests.support.sources import FIXTURES

ROOT = Path(__file__).resolve().parents[1]

AROUND = {
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 1": {"PYTHONHASHSEED": "1"},
    "hash seed 4242": {"PYTHONHASHSEED": "4242"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Latin-1": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "LANGUAGE": "tr"},
    "the far side of the date line": {"TZ": "Pacific/Kiritimati"},
    "a narrow terminal": {"TERM": "xterm-256color", "COLUMNS": "20", "LINES": "3"},
    "no terminal": {"TERM": "dumb", "COLUMNS": "0", "NO_COLOR": "1"},
    "colour by force": {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
    "without assertions": {"PYTHONOPTIMIZE": "1"},
    "no home": {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"},
    "debugging": {"PYTHONDEVMODE": "1", "PYTHONMALLOC": "debug"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of many files, with names and texts of every script, and files that cannot be read."""
    root = tmp_path_factory.mktemp("project")
    for folder in sorted(FIXTURES.glob("rules/can*"))[::9]:
        shutil.copytree(folder, root / "rules" / folder.name)
    for folder in sorted(FIXTURES.glob("projects/*"))[::5]:
        shutil.copytree(folder, root / "projects" / folder.name)
    write(
        root,
        {
            "cancelcheck.toml": "strict = true\n",
            "ñ.py": LOST.replace("main", "größe"),
            "İ.py": LOST,
            "λ.py": "async def f(): ...\n",
            "uses.py": "import λ\n\n\nasync def g():\n    λ.f()\n",
            "broken.py": "def f(:\n",
            "latin.py": "# coding: latin-1\nx = 'é'\n".encode("latin-1"),
            "bytes.py": b"x = '\xff'\n",
        },
    )
    return root


def report(project: Path, form: str, *arguments: str, env: dict[str, str] | None = None, cache: bool = False) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "--format", form, *(() if cache else ("--no-cache",)), *arguments],
        cwd=project,
        check=False,
        capture_output=True,
        env={**around(), **(env or {})},
    )
    assert done.returncode == 1, done.stderr.decode()
    return done.stdout


def around() -> dict[str, str]:
    """The environment, without what the tests put there."""
    other = ("LC_", "LANG", "PYTHON", "CANCELCHECK_")
    return {**{key: value for key, value in os.environ.items() if not key.startswith(other)}, "PYTHONPATH": str(ROOT)}


@functools.cache
def plain(project: Path, form: str) -> bytes:
    return report(project, form, "--jobs", "1")


@pytest.fixture(scope="module")
def wanted(project: Path) -> bytes:
    return plain(project, "json")


@pytest.mark.parametrize("env", AROUND.values(), ids=AROUND)
def test_what_is_around_makes_no_difference(project: Path, wanted: bytes, env: dict[str, str]) -> None:
    assert report(project, "json", env=env) == wanted


@pytest.mark.skipif(shutil.which("localedef") is None, reason="locales cannot be made here")
@pytest.mark.parametrize(("locale", "encoding"), [("tr_TR", "ISO-8859-9"), ("ja_JP", "EUC-JP")])
def test_nor_do_locales_that_are_there(
    project: Path, wanted: bytes, tmp_path: Path, locale: str, encoding: str
) -> None:
    # a machine may know no locale but C, and a name that it does not know is C to it
    name = f"{locale}.{encoding}"
    made = subprocess.run(
        ["localedef", "-i", locale, "-f", encoding, str(tmp_path / name)], check=False, capture_output=True
    )
    if not (tmp_path / name).exists():
        pytest.skip(made.stderr.decode())
    env = {"LOCPATH": str(tmp_path), "LC_ALL": name, "LANG": name, "PYTHONUTF8": "0"}
    asks = "import codecs, locale; print(codecs.lookup(locale.getpreferredencoding()).name)"
    told = subprocess.run(
        [sys.executable, "-c", asks], check=True, capture_output=True, text=True, env={**os.environ, **env}
    )
    assert told.stdout.strip() == codecs.lookup(encoding).name
    assert report(project, "json", env=env) == wanted
    # a form for people comes in the encoding of their terminal
    shown = plain(project, "concise").decode()
    assert report(project, "concise", env=env) == shown.encode(encoding, "backslashreplace")


@pytest.mark.parametrize("form", ["sarif", "concise"])
def test_nor_in_other_forms(project: Path, form: str) -> None:
    env = {"PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "COLUMNS": "30"}
    assert report(project, form, env=env) == plain(project, form)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("form", ["json", "concise"])
def test_nor_does_a_terminal(project: Path, form: str) -> None:
    done, shown = on_a_terminal(
        *("-m", "cancelcheck", "--format", form, "--no-cache", "--quiet"),
        cwd=project,
        env={**around(), "COLUMNS": "20"},
    )
    assert (done, without_colour(shown)) == (1, plain(project, form).decode())


def without_colour(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


def test_nor_do_processes_nor_the_order_of_paths(project: Path, wanted: bytes) -> None:
    assert report(project, "json", "--jobs", "3") == wanted
    paths = sorted(path.name for path in project.iterdir() if path.suffix != ".toml")
    assert report(project, "json", *reversed(paths)) == report(project, "json", *paths) == wanted


def test_nor_does_what_is_known_from_before(project: Path, wanted: bytes, tmp_path: Path) -> None:
    kept = ("--cache-dir", str(tmp_path / "cache"))
    cold = report(project, "json", *kept, "--jobs", "1", cache=True)
    assert (tmp_path / "cache").exists()
    # told again as it was; told anew from what is known; by several processes; after a change, and without it
    warm = [report(project, "json", *kept, *more, cache=True) for more in ((), ("--jobs", "1"), ("--jobs", "3"))]
    assert [cold, *warm] == [wanted] * 4
    text = (project / "λ.py").read_text("utf-8")
    try:
        write(project, {"λ.py": "def f(): ...\n"})
        changed = report(project, "json", *kept, cache=True)
        assert changed == report(project, "json") != wanted
    finally:
        write(project, {"λ.py": text})
    assert report(project, "json", *kept, cache=True) == wanted


def test_another_folder_to_stand_in_changes_the_paths_only(project: Path, wanted: bytes) -> None:
    inside = report(project / "rules", "json", "..")
    assert inside.replace(b'"../', b'"').count(b'"fingerprint"') == wanted.count(b'"fingerprint"')


def test_paths_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "sep", "\\")
        patterns = Patterns("C:\\project", ["build/", "/top.py", "a/**/b.py"])
        decided = [
            patterns.decide(path)
            for path in (
                "C:\\project\\build\\a.py",
                "C:\\project\\top.py",
                "C:\\project\\a\\x\\y\\b.py",
                "C:\\projects\\top.py",
            )
        ]
        parts = modules._parts_below("C:\\project\\src", "C:\\project\\src\\package\\sub")
        outside = modules._parts_below("C:\\project\\src", "C:\\project\\srcs\\package")
    assert decided == [True, True, True, None]
    assert parts == ("package", "sub")
    assert outside is None


def test_names_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    # however the system divides the parts of a path, a report divides them in one way
    monkeypatch.setattr(pipeline, "PurePath", PureWindowsPath)
    with closing(Engine(SettingsFinder())) as engine:
        shown = [engine.input_file(path).path for path in ("src\\package\\a.py", "src/package/a.py", "C:\\x\\a.py")]
    assert shown == ["src/package/a.py", "src/package/a.py", "C:/x/a.py"]
