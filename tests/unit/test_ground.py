"""A run on a tree in which nothing has changed says what the last one said, and looks at nothing else."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cancelcheck import cli
from cancelcheck.cli.again import Again
from cancelcheck.engine import ground, pipeline
from cancelcheck.engine.standing import Standing
from cancelcheck.engine.store import FILE, Kind
from tests.support.fixtures import project_cases

BAD = (
    "import asyncio\n\n\nasync def f():\n    asyncio.create_task(g())\n\n\nasync def g():\n    await asyncio.sleep(1)\n"
)
GOOD = "import asyncio\n\n\nasync def f():\n    await asyncio.sleep(1)\n"


class Tree:
    """A project, and runs of the command in it. `worked` tells whether the last one had to check anything, `was_told`
    whether it told again what was told before; `beside` is what it said on standard error."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.worked = False
        self.was_told = False
        self.beside = ""
        self._capsys = capsys
        real = pipeline.check

        def check(*args: object, **kwargs: object) -> object:
            self.worked = True
            return real(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(pipeline, "check", check)
        # in a test everything is new
        monkeypatch.setattr(ground, "_RACY", -(10**18))
        monkeypatch.setenv("CANCELCHECK_NO_CACHE", "")
        monkeypatch.chdir(root)
        self.write("pyproject.toml", "[project]\nname = 'a'\n")
        self.write("app/__init__.py", "")
        self.write("app/one.py", BAD)
        self.write("app/two.py", GOOD)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: str) -> tuple[int, str]:
        """As the process of the command does it: what was told before is told again, where that still holds."""
        self.worked = False
        asked = [*arguments, "--cache-dir", str(self.root.parent / "cache"), "app"]
        again = Again(asked)
        status = again.told()
        self.was_told = status is not None
        if status is None:
            status = cli.main(asked, again)
        captured = self._capsys.readouterr()
        self.beside = captured.err
        return status, captured.out

    def stood(self) -> Standing:
        """What the run of which something is kept stood on."""
        with closing(sqlite3.connect(self.root.parent / "cache" / FILE)) as db:
            ((value,),) = db.execute("SELECT value FROM entries WHERE substr(key, 1, 1) = ?", (Kind.GROUND,))
        standing = Standing.read(value[8:])
        assert standing is not None
        return standing

    def out(self) -> str:
        """What was written since the last time."""
        return self._capsys.readouterr().out


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tree:
    root = tmp_path / "project"
    root.mkdir()
    return Tree(root, monkeypatch, capsys)


FORMS = ("concise", "text", "grouped", "json", "sarif", "gitlab", "github", "junit", "jsonl", "checkstyle")


@pytest.mark.parametrize("form", FORMS)
def test_a_tree_that_is_as_it_was_is_not_looked_at_again(tree: Tree, form: str) -> None:
    first = tree.run("--format", form)
    beside = tree.beside
    assert tree.worked
    assert tree.run("--format", form) == first
    assert not tree.worked
    assert tree.beside == beside
    assert tree.was_told == (form not in ("github", "gitlab")), "those ask the environment where the repository lies"
    assert first[0] == 1


@pytest.mark.parametrize(
    ("variable", "value"), [("NO_COLOR", "1"), ("FORCE_COLOR", "1"), ("COLUMNS", "50"), ("CANCELCHECK_JOBS", "2")]
)
def test_another_surrounding_is_told_anew(
    tree: Tree, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tree.run()
    tree.run()
    assert tree.was_told
    monkeypatch.setenv(variable, value)
    assert (tree.run()[0], tree.was_told) == (first[0], False)


def test_what_is_told_of_the_time_or_in_a_file_is_told_anew(tree: Tree) -> None:
    for options in (["--verbose"], ["--output", "report.txt"], ["--no-cache"]):
        tree.run(*options)
        (tree.root / "report.txt").unlink(missing_ok=True)
        tree.run(*options)
        assert not tree.was_told
    assert not (tree.root / "report.txt").exists()


def test_what_was_told_of_an_older_state_is_not_told(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tree.run()
    tree.write("app/three.py", BAD)
    # this one is too new to be kept, and the folder looks again as it did
    monkeypatch.setattr(ground, "_RACY", 10**12)
    assert tree.run() != first
    (tree.root / "app/three.py").unlink()
    assert tree.run() == first


@pytest.mark.parametrize("kind", [Kind.SHOWN, Kind.GROUND])
def test_what_is_damaged_is_not_told(tree: Tree, kind: bytes) -> None:
    first = tree.run("--format", "json")
    with closing(sqlite3.connect(tree.root.parent / "cache" / "cancelcheck.db", isolation_level=None)) as db:
        rows = [row for row in db.execute("SELECT key, value FROM entries") if row[0].startswith(kind)]
        assert rows
        for key, value in rows:
            half = len(value) // 2
            damaged = value[:half] + bytes([value[half] ^ 1]) + value[half + 1 :]
            db.execute("UPDATE entries SET value = ? WHERE key = ?", (damaged, key))
    assert tree.run("--format", "json") == first
    assert not tree.was_told


def test_the_form_of_the_report_makes_no_difference(tree: Tree) -> None:
    tree.run("--format", "json")
    _, concise = tree.run("--format", "concise")
    assert not tree.worked
    assert "app/one.py:5:5: CAN101" in concise


def _touch_gitignore(tree: Tree) -> None:
    (tree.root / ".git").mkdir()
    tree.write(".gitignore", "one.py\n")


CHANGES: dict[str, Callable[[Tree], None]] = {
    "a file": lambda tree: tree.write("app/two.py", BAD),
    "a file of the same size": lambda tree: tree.write("app/one.py", BAD.replace("sleep(1)", "sleep(2)")),
    "a new file": lambda tree: tree.write("app/three.py", BAD),
    "a new folder": lambda tree: tree.write("app/inner/three.py", BAD),
    "a file that is gone": lambda tree: (tree.root / "app/one.py").unlink(),
    "a renamed file": lambda tree: (tree.root / "app/one.py").rename(tree.root / "app/three.py"),
    "the settings": lambda tree: tree.write("pyproject.toml", "[tool.cancelcheck]\nignore = ['CAN101']\n"),
    "nearer settings": lambda tree: tree.write("app/cancelcheck.toml", "ignore = ['CAN101']\n"),
    "what git ignores": _touch_gitignore,
    "a repository inside": lambda tree: (tree.root / "app/.git").mkdir(),
    "a lock file": lambda tree: tree.write("uv.lock", "[[package]]\nname = 'redis'\nversion = '7.0.0'\n"),
    "a requirement": lambda tree: tree.write("requirements-dev.txt", "redis<8\n"),
    "a package that is none any more": lambda tree: (tree.root / "app/__init__.py").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_change_is_seen(tree: Tree, change: Callable[[Tree], None]) -> None:
    tree.run()
    tree.run()
    assert not tree.worked
    change(tree)
    after = tree.run()
    assert tree.worked
    assert after == (cli.main(["--no-cache", "app"]), tree.out())


def test_what_a_folder_lacks_is_told_by_its_names(tree: Tree) -> None:
    for number in range(20):
        tree.write(f"app/sub{number}/__init__.py", GOOD)
    tree.run()
    places = tree.stood().places
    assert not [path for path, _ in places if path.startswith(str(tree.root / "app") + os.sep)]


def test_a_module_that_a_name_leads_to_is_part_of_it(tree: Tree) -> None:
    tree.write("app/one.py", "import helper\n\n\nasync def f():\n    helper.work()\n")
    assert tree.run() == (0, "")
    tree.run()
    assert not tree.worked
    tree.write("helper.py", "async def work(): ...\n")
    assert tree.run()[0] == 1
    tree.run()
    assert not tree.worked
    tree.write("helper.py", "def work(): ...\n")
    assert tree.run() == (0, "")
    assert tree.worked


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were looked at, and not known."""
    found: list[str] = []
    real = pipeline.Engine.examine

    def examine(self: pipeline.Engine, file: object) -> object:
        found.append(file.path)  # type: ignore[attr-defined]
        return real(self, file)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline.Engine, "examine", examine)
    return found


@pytest.fixture
def discovered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What files were looked for in."""
    found: list[str] = []
    real = pipeline.discover

    def discover(paths: list[str], *args: object, **kwargs: object) -> object:
        found.extend(paths)
        return real(paths, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "discover", discover)
    return found


def test_what_has_changed_is_looked_at_and_what_leads_to_it(
    tree: Tree, looked_at: list[str], discovered: list[str]
) -> None:
    tree.write("app/base.py", "async def work(): ...\n")
    tree.write("app/between.py", "from app.base import work\n")
    tree.write("app/uses.py", "from app.between import work\n\n\nasync def f():\n    work()\n")
    before = tree.run()
    assert "app/uses.py" in before[1]
    looked_at.clear()
    discovered.clear()
    tree.write("app/base.py", "def work(): ...\n")
    after = tree.run()
    assert "app/uses.py" not in after[1]
    assert "app/one.py" in after[1]
    assert sorted(looked_at) == ["app/base.py", "app/between.py", "app/uses.py"]
    assert discovered == []
    tree.write("app/base.py", "async def work(): ...\n")
    assert tree.run() == before


def test_a_file_that_was_touched_is_not_looked_at(tree: Tree, looked_at: list[str], discovered: list[str]) -> None:
    first = tree.run()
    looked_at.clear()
    discovered.clear()
    os.utime(tree.root / "app/one.py", ns=(1, 1))
    assert tree.run() == first
    assert (looked_at, discovered) == ([], [])
    assert tree.run() == first
    assert not tree.worked


def test_what_a_changed_file_leads_to_from_now_on_is_part_of_it(tree: Tree) -> None:
    tree.write("helper.py", "def work(): ...\n")
    tree.run()
    tree.write("app/two.py", "import helper\n\n\nasync def f():\n    helper.work()\n")
    assert "app/two.py" not in tree.run()[1]
    tree.write("helper.py", "async def work(): ...\n")
    assert "app/two.py" in tree.run()[1]
    tree.write("app/two.py", GOOD)
    assert "app/two.py" not in tree.run()[1]


def test_a_baseline_is_asked_of_all(tree: Tree) -> None:
    tree.write("pyproject.toml", "[tool.cancelcheck]\nbaseline = 'known.json'\n")
    assert tree.run("--write-baseline")[0] == 0
    assert tree.run() == (0, "")
    tree.write("app/two.py", BAD)
    assert tree.run()[0] == 1
    tree.write("app/one.py", GOOD)
    assert tree.run() == (cli.main(["--no-cache", "app"]), tree.out())


def test_a_damaged_graph_is_none(tree: Tree, monkeypatch: pytest.MonkeyPatch, discovered: list[str]) -> None:
    tree.run()
    monkeypatch.setattr(ground, "Graph", dict[str, int])
    tree.write("app/two.py", BAD)
    discovered.clear()
    assert tree.run()[1].count("CAN101") == 2
    assert discovered == ["app"]


TEXTS = (BAD, GOOD, "", "def f(:\n", "from app.one import *\n", "from app import two\nfrom app.two import f as g\n")


@pytest.mark.parametrize("case", project_cases(), ids=lambda path: path.name)
def test_after_any_change_of_files_the_report_is_that_of_a_run_that_knows_nothing(case: Path, tree: Tree) -> None:
    shutil.copytree(case, tree.root / "app", dirs_exist_ok=True)
    chance = random.Random(case.name)
    files = sorted((tree.root / "app").rglob("*.py"))
    texts = {file: file.read_bytes() for file in files}
    for _ in range(10):
        for file in chance.sample(files, chance.choice((1, 1, 2))):
            match chance.randrange(7):
                case 0:
                    file.write_bytes(b"\n# a comment\n" + texts[file])
                case 5 | 6:
                    lines = texts[file].splitlines(keepends=True)
                    lines.insert(chance.randrange(len(lines) + 1), chance.choice((b"# timeout\n", b"\n", b"  # x\n")))
                    file.write_bytes(b"".join(lines))
                case 1:
                    file.write_bytes(texts[chance.choice(files)])
                case 2:
                    file.write_text(chance.choice(TEXTS))
                case 3:
                    lines = texts[file].splitlines(keepends=True)
                    if lines:
                        del lines[chance.randrange(len(lines))]
                    file.write_bytes(b"".join(lines))
                case _:
                    file.write_bytes(texts[file])
        options = ["--strict", "--format", "json"]
        assert tree.run(*options) == (cli.main([*options, "--no-cache", "app"]), tree.out())


def test_compiled_files_and_caches_are_no_change(tree: Tree) -> None:
    tree.run()
    tree.write("app/__pycache__/one.pyc", "")
    tree.write("app/.cache/x", "")
    tree.run()
    assert not tree.worked


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_a_name_that_is_no_text_is_no_trouble(tree: Tree) -> None:
    with open(os.fsencode(tree.root) + b"/app/\xff.py", "w") as file:
        file.write(BAD)
    first = tree.run()
    assert first[0] == 1
    assert first[1].count("CAN101") == 2
    assert tree.run() == first


@pytest.mark.parametrize("option", [["--strict"], ["--select", "CAN201"], ["--ignore", "CAN101"], ["--isolated"]])
def test_other_settings_are_another_run(tree: Tree, option: list[str]) -> None:
    tree.run()
    tree.run(*option)
    assert tree.worked
    tree.run(*option)
    assert not tree.worked


def test_a_file_that_has_just_changed_is_not_trusted(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "_RACY", 10**12)
    tree.run()
    tree.run()
    assert tree.worked


def test_a_run_that_failed_is_not_kept(tree: Tree) -> None:
    (tree.root / "app/three.py").symlink_to("nowhere.py")
    tree.write("app/four.py", "x = 1\n")
    status, _ = tree.run("app/five.py")
    assert status == 2
    assert tree.run("app/five.py")[0] == 2
    assert tree.worked


def test_another_folder_is_another_run(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.run()
    tree.write("other/app/one.py", GOOD)
    monkeypatch.chdir(tree.root / "other")
    assert tree.run() == (0, "")


def test_such_a_run_loads_neither_rules_nor_parser(tree: Tree) -> None:
    tree.run()
    program = (
        "import sys; from cancelcheck.cli import main; status = main(sys.argv[1:]);"
        "sys.exit([name for name in sys.modules if name.startswith(('libcst', 'rich', 'cancelcheck.rules', "
        "'cancelcheck.link', 'cancelcheck.lower', 'cancelcheck.engine.pipeline'))] or status)"
    )
    again = (
        "import sys; from cancelcheck.cli.again import Again; status = Again(sys.argv[1:]).told();"
        "sys.exit(sorted({'click', 'msgspec', 'typing', 'pathlib', 'enum', 'inspect', 'json', 'hashlib', 'datetime', "
        "'cancelcheck.config'} & set(sys.modules)) or status)"
    )
    for code in (program, again):
        done = subprocess.run(
            [sys.executable, "-S", "-c", code, "--cache-dir", str(tree.root.parent / "cache"), "app"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tree.root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 1, done.stderr
        assert "CAN101" in done.stdout
