"""A run on a tree in which nothing has changed says what the last one said, and looks at nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cancelcheck import cli
from cancelcheck.engine import ground, pipeline

BAD = (
    "import asyncio\n\n\nasync def f():\n    asyncio.create_task(g())\n\n\nasync def g():\n    await asyncio.sleep(1)\n"
)
GOOD = "import asyncio\n\n\nasync def f():\n    await asyncio.sleep(1)\n"


class Tree:
    """A project, and runs of the command in it. `worked` tells whether the last one had to check anything."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.worked = False
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
        self.worked = False
        status = cli.main([*arguments, "--cache-dir", str(self.root.parent / "cache"), "app"])
        return status, self._capsys.readouterr().out


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tree:
    root = tmp_path / "project"
    root.mkdir()
    return Tree(root, monkeypatch, capsys)


@pytest.mark.parametrize("form", ["concise", "text", "grouped", "json", "sarif", "gitlab", "github", "junit"])
def test_a_tree_that_is_as_it_was_is_not_looked_at_again(tree: Tree, form: str) -> None:
    first = tree.run("--format", form)
    assert tree.worked
    assert tree.run("--format", form) == first
    assert not tree.worked
    assert first[0] == 1


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
    assert after == (cli.main(["--no-cache", "app"]), tree._capsys.readouterr().out)


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


def test_compiled_files_and_caches_are_no_change(tree: Tree) -> None:
    tree.run()
    tree.write("app/__pycache__/one.pyc", "")
    tree.write("app/.cache/x", "")
    tree.run()
    assert not tree.worked


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
    done = subprocess.run(
        [sys.executable, "-c", program, "--cache-dir", str(tree.root.parent / "cache"), "app"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tree.root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 1, done.stderr
    assert "CAN101" in done.stdout
