"""flake8 shows what the command shows, at the same lines and columns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.runs import LOST, command, flake8, write

UNUSED = "x = 1  # cancelcheck: ignore[lost-task]\n"

PROJECT: dict[str, str | bytes] = {
    "pyproject.toml": "[tool.cancelcheck]\nper-file-ignores = { 'scripts/**' = ['CAN101'] }\nexclude = ['gen/']\n",
    "src/app/__init__.py": "",
    "src/app/jobs.py": "async def poll():\n    pass\n",
    "src/app/main.py": "from app.jobs import poll\n\n\nasync def main():\n    poll()\n    poll()  # noqa: CAN112\n",
    "src/app/suppressed.py": LOST.replace("())", "())  # cancelcheck: ignore[lost-task] kept elsewhere"),
    "src/app/end.py": LOST.replace("main())", "\n        main()\n    )  # noqa: CAN101"),
    "src/app/strings.py": LOST.replace("main())", 'main("""\n"""))  # noqa'),
    "src/app/crlf.py": LOST.replace("\n", "\r\n"),
    "src/app/bom.py": b"\xef\xbb\xbf" + LOST.encode(),
    "src/app/feed.py": "\f" + LOST,
    "src/app/tabs.py": LOST.replace("    ", "\t") + "\tasyncio.create_task(main('é', '日本'), name='日')\n",
    "src/app/latin.py": b"# coding: latin-1\n" + LOST.replace("main", "m\xe9in").encode("latin-1"),
    "src/app/undecodable.py": LOST.encode() + b"# \xff\n",
    "src/app/made_pb2.py": LOST,
    "scripts/run.py": LOST,
    "gen/a.py": LOST,
    "tests/test_a.py": "import requests\n\nrequests.get('x')\n" + LOST,
    "clean.py": "x = 1\n",
    "unused.py": UNUSED,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, PROJECT)
    return tmp_path


def lines(out: str) -> list[str]:
    """The findings without the `./` that flake8 puts before a path."""
    return sorted(line.removeprefix("./") for line in out.splitlines() if re.match(r".*:\d+:\d+: CAN", line))


def test_the_same_findings_as_the_command(root: Path) -> None:
    ours, theirs = command(".", cwd=root), flake8(".", cwd=root)
    assert lines(theirs.out) == lines(ours.out)
    paths = {line.partition(":")[0] for line in lines(ours.out)}
    assert paths == {
        "src/app/main.py",
        "src/app/crlf.py",
        "src/app/bom.py",
        "src/app/feed.py",
        "src/app/tabs.py",
        "src/app/latin.py",
        "src/app/undecodable.py",
        "tests/test_a.py",
    }
    assert theirs.status == 1


def test_the_same_findings_in_several_processes(root: Path) -> None:
    assert lines(flake8("-j", "4", ".", cwd=root).out) == lines(command(".", cwd=root).out)


def test_one_file_alone_has_the_same_findings(root: Path) -> None:
    every = lines(command(".", cwd=root).out)
    for path in ("src/app/main.py", "src/app/tabs.py", "tests/test_a.py"):
        assert lines(flake8(path, cwd=root).out) == [line for line in every if line.startswith(f"{path}:")] != []


def test_strict_rules_are_off_unless_asked_for(root: Path) -> None:
    assert flake8("unused.py", cwd=root).out == ""
    # this must not bring them either: it replaces flake8's own default list
    assert flake8("--ignore=E203", "unused.py", cwd=root).out == ""
    finding = ["unused.py:1:8: CAN002 unused suppression: `lost-task` silences nothing here"]
    assert lines(flake8("--extend-select=CAN002", "unused.py", cwd=root).out) == finding
    assert lines(flake8("--cancelcheck-strict", "unused.py", cwd=root).out) == finding
    write(root, {".flake8": "[flake8]\ncancelcheck-strict = true\n"})
    assert lines(flake8("unused.py", cwd=root).out) == finding
    write(root, {".flake8": "", "pyproject.toml": "[tool.cancelcheck]\nextend-select = ['unused-suppression']\n"})
    assert lines(flake8("unused.py", cwd=root).out) == finding


def test_flake8_selects_and_ignores(root: Path) -> None:
    assert flake8("--extend-ignore=CAN112", "src/app/main.py", cwd=root).out == ""
    assert flake8("--per-file-ignores=src/app/main.py:CAN1", "src/app/main.py", cwd=root).out == ""
    assert [line.split(":")[1] for line in lines(flake8("--disable-noqa", "src/app/main.py", cwd=root).out)] == [
        "5",
        "6",
    ]


def test_standard_input(root: Path) -> None:
    text = b"from app.jobs import poll\n\nasync def main():\n    poll()\n"
    done = flake8("--stdin-display-name", "src/app/main.py", "-", cwd=root, stdin=text)
    assert [line.partition(" ")[0] for line in lines(done.out)] == ["src/app/main.py:4:5:"]
    done = flake8("-", cwd=root, stdin=LOST.encode())
    assert [line.partition(" ")[0] for line in lines(done.out)] == ["stdin:5:5:"]


def test_a_file_for_the_settings(root: Path) -> None:
    write(root, {"other/cancelcheck.toml": "ignore = ['CAN112']\n"})
    assert flake8("--cancelcheck-config=other/cancelcheck.toml", "src/app/main.py", cwd=root).out == ""


def test_wrong_settings_are_said(root: Path) -> None:
    write(root, {"pyproject.toml": "[tool.cancelcheck]\nselct = []\n"})
    done = flake8("clean.py", cwd=root)
    assert done.status == 1
    assert "cancelcheck: pyproject.toml: unknown key `selct`; did you mean `select`?" in done.out + done.err


def test_flake8_finds_the_plugin_without_help(root: Path) -> None:
    assert "cancelcheck: 0." in flake8("--version", cwd=root).out


def test_syntax_errors_are_left_to_flake8(root: Path) -> None:
    write(root, {"broken.py": "def f(:\n"})
    done = flake8("--extend-select=E9", "broken.py", cwd=root)
    assert "E999" in done.out
    assert "CAN" not in done.out


CACHE = {"CANCELCHECK_NO_CACHE": ""}


@pytest.mark.parametrize("options", [(), ("-j1",), ("-j2",)], ids=["as it is", "one process", "two"])
def test_it_keeps_what_it_knows_where_the_command_does(root: Path, options: tuple[str, ...]) -> None:
    fresh = flake8("-j1", ".", cwd=root)
    assert not (root / ".cancelcheck_cache").exists()
    assert flake8(*options, ".", cwd=root, env=CACHE).out == fresh.out
    assert (root / ".cancelcheck_cache" / "cancelcheck.db").is_file()
    assert flake8(*options, ".", cwd=root, env=CACHE).out == fresh.out
    write(root, {"src/app/jobs.py": "def poll():\n    pass\n"})
    changed = flake8(*options, ".", cwd=root, env=CACHE)
    assert "src/app/main.py" not in changed.out
    assert changed.out == flake8("-j1", ".", cwd=root).out


def test_what_it_knows_is_not_parsed_again(root: Path) -> None:
    flake8("src", cwd=root, env=CACHE)
    code = (
        "import sys\nfrom flake8.main.cli import main\nmain(['--select=CAN', '-j1', 'src'])\n"
        "sys.exit('cancelcheck.lower' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, **CACHE}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"CAN101" in done.stdout
    # the command knows it too
    code = "import sys; from cancelcheck.cli import main; main(['src']); sys.exit('cancelcheck.lower' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, **CACHE}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
