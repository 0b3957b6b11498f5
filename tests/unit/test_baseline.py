"""Known findings: what is known, what is new, what is stale, and what is no baseline at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cancelcheck.engine.baseline import Baseline, BaselineError, Entry, load
from cancelcheck.model.finding import Finding
from tests.support.runs import LOST, command, flake8, status, write

FILE = "cancelcheck-baseline.json"
SWALLOWS = """\
import asyncio


async def wait(event):
    try:
        await event.wait()
    except asyncio.CancelledError:
        pass
    await event.set()
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entries(file: str = FILE) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(Path(file).read_text("utf-8"))["findings"]
    return found


def test_what_is_written_is_not_reported_and_what_is_new_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"pkg/a.py": LOST, "b.py": SWALLOWS})
    assert status("--write-baseline", ".") == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"Wrote 2 known findings to {FILE}.\nIt counts with `--baseline {FILE}`" in shown.err
    assert entries() == [
        {"path": "b.py", "code": "CAN201", "symbol": "b.wait", "statement": "except asyncio.CancelledError:"},
        {"path": "pkg/a.py", "code": "CAN101", "symbol": "pkg.a.main", "statement": "asyncio.create_task(main())"},
    ]
    assert status("--baseline", FILE, ".") == 0
    assert capsys.readouterr().err == "Nothing to report in 2 files; 2 known.\n"
    # lines move, another one comes
    write(root, {"b.py": "# new\n\n\n" + SWALLOWS, "c.py": LOST})
    assert status("--baseline", FILE, ".") == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0].startswith("c.py:5:5: CAN101")
    assert shown.err.startswith("1 finding in 1 of 3 files; ")
    assert shown.err.endswith("; 2 known.\n")
    assert status(".") == 1


def test_the_settings_name_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "pyproject.toml": "[tool.cancelcheck]\nbaseline = 'ci/known.json'\n", "ci/x": ""})
    assert status("a.py") == 2
    assert (
        "Error: ci/known.json: the baseline cannot be read: No such file or directory (`--write-baseline` writes one)\n"
        in capsys.readouterr().err
    )
    assert status("--write-baseline", ".") == 0
    assert "It counts with" not in capsys.readouterr().err
    assert [entry["path"] for entry in entries("ci/known.json")] == ["../a.py"]
    assert status(".") == 0
    assert flake8(".", cwd=root).out == ""
    write(root, {"b.py": LOST})
    assert flake8(".", cwd=root).out.startswith("./b.py:5:5: CAN101")
    assert status("--isolated", "a.py") == 1
    write(root, {"sub/pyproject.toml": "[tool.cancelcheck]\n", "sub/a.py": LOST})
    capsys.readouterr()
    assert status(".") == 1
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["b.py", "sub/a.py"]


def test_of_several_that_are_the_same_as_many_are_known_as_there_were(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "    asyncio.create_task(main())\n"
    write(root, {"a.py": LOST + line})
    assert status("--write-baseline", "a.py") == 0
    assert entries()[0]["count"] == 2
    assert status("--baseline", FILE, "a.py") == 0
    write(root, {"a.py": LOST + line + line})
    capsys.readouterr()
    assert status("--baseline", FILE, "a.py") == 1
    assert len(capsys.readouterr().out.splitlines()) == 1
    write(root, {"a.py": LOST})
    assert status("--baseline", FILE, "a.py") == 0
    assert "stale: a.py: CAN101 in `a.main`: `asyncio.create_task(main())`\n" in capsys.readouterr().err


def test_stale_entries_are_named_and_pruned(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "b.py": SWALLOWS, "c.py": LOST, "d.py": LOST})
    assert status("--write-baseline", ".") == 0
    write(root, {"a.py": "x = 1\n", "d.py": "def f(:\n"})
    os.unlink("c.py")
    capsys.readouterr()
    # neither files that were not checked, nor rules that were not asked
    assert status("--baseline", FILE, "b.py", "--select", "CAN1") == 0
    assert [line.split(": ")[3] for line in capsys.readouterr().err.splitlines() if "stale:" in line] == ["c.py"]
    assert status("--baseline", FILE, "a.py", "--ignore", "CAN101") == 0
    assert "a.py: CAN101" not in capsys.readouterr().err
    assert status("--baseline", FILE, ".") == 1
    shown = capsys.readouterr()
    assert shown.out == "d.py:1:1: CAN001 the file cannot be parsed: invalid syntax\n" or "d.py:1" in shown.out
    named = [line for line in shown.err.splitlines() if line.startswith("warning: ")]
    assert named == [
        f"warning: {FILE}: stale: a.py: CAN101 in `a.main`: `asyncio.create_task(main())`",
        f"warning: {FILE}: stale: c.py: CAN101 in `c.main`: `asyncio.create_task(main())`",
        f"warning: {FILE}: `--prune-baseline` takes stale entries out",
    ]
    assert status("--baseline", FILE, "--prune-baseline", "a.py", "b.py", "c.py") == 2
    assert len(entries()) == 4
    assert status("--baseline", FILE, "--prune-baseline", ".") == 1
    shown = capsys.readouterr()
    assert f"Took 2 stale entries out of {FILE}.\n" in shown.err
    assert "warning" not in shown.err.replace("error: c.py", "")
    assert [entry["path"] for entry in entries()] == ["b.py", "d.py"]
    assert status("--baseline", FILE, "--prune-baseline", "b.py") == 0
    assert "Took" not in capsys.readouterr().err


def test_writing_keeps_what_the_run_could_not_tell(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        root,
        {"a.py": LOST, "b.py": SWALLOWS, "c.py": "import trio\n\n\nasync def f():\n    while True:\n        pass\n"},
    )
    assert status("--write-baseline", "--strict", ".") == 0
    everything = entries()
    assert [(entry["path"], entry["code"]) for entry in everything] == [
        ("a.py", "CAN101"),
        ("b.py", "CAN201"),
        ("c.py", "CAN207"),
    ]
    write(root, {"a.py": "x = 1\n", "d.py": LOST})
    assert status("--write-baseline", "--baseline", FILE, "d.py", "--select", "CAN1") == 0
    assert [entry["path"] for entry in entries()] == ["a.py", "b.py", "c.py", "d.py"]
    # strict findings stay, where strict rules are not asked
    assert status("--write-baseline", "--baseline", FILE, ".") == 0
    assert [entry["path"] for entry in entries()] == ["b.py", "c.py", "d.py"]
    assert status("--write-baseline", "nowhere.py") == 2
    assert "the baseline is not written" in capsys.readouterr().err


def test_a_file_that_moves_with_its_module_stays_known(root: Path) -> None:
    write(root, {"pkg/__init__.py": "", "pkg/a.py": LOST})
    assert status("--write-baseline", ".") == 0
    write(root, {"src/pkg/__init__.py": "", "src/pkg/a.py": LOST})
    (root / "pkg/a.py").unlink()
    (root / "pkg/__init__.py").unlink()
    assert status("--baseline", FILE, "src") == 0
    write(root, {"pkg/__init__.py": "", "pkg/a.py": LOST})
    assert status("--baseline", FILE, ".") == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("<<<<<<< HEAD\n{}", "Expecting value: line 1 column 1 (char 0)"),
        ('{"format": "cancelcheck-baseline",\n"version": 1,\n"findings": [}', "Expecting value: line 3 column 14"),
        ("[]", "Expected `object`, got `array`"),
        ('{"version": 1}', "Object missing required field `format`"),
        ('{"format": "x", "version": 1, "findings": []}', "Invalid enum value 'x' - at `$.format`"),
        (
            '{"format": "cancelcheck-baseline", "version": 1, "findings": [{"path": 1}]}',
            "Expected `str`, got `int` - at `$.findings[0].path`",
        ),
        (
            (
                '{"format": "cancelcheck-baseline", "version": 1, "findings": '
                '[{"path": "a", "code": "CAN101", "symbol": "", "statement": "", "count": 0}]}'
            ),
            "Expected `int` >= 1 - at `$.findings[0].count`",
        ),
        (b"\xff\xfe".decode("latin-1"), "Expecting value"),
        ("[" * 100_000, ""),
        ('{"a":' * 100_000, ""),
    ],
)
def test_what_is_no_baseline_is_said(root: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str) -> None:
    write(root, {"a.py": LOST, FILE: text})
    for option in ([], ["--write-baseline"], ["--prune-baseline"]):
        assert status("--baseline", FILE, *option, "a.py") == 2
        assert f"Error: {FILE}: is no baseline of cancelcheck: {problem}" in capsys.readouterr().err
    assert (root / FILE).read_text("utf-8") == text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system here")
def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / FILE)
    with pytest.raises(BaselineError, match="cannot be read: it is no file"):
        load(root / FILE)


def test_a_newer_form_is_refused(root: Path) -> None:
    write(root, {FILE: '{"format": "cancelcheck-baseline", "version": 2, "findings": []}'})
    with pytest.raises(BaselineError, match="newer cancelcheck"):
        load(root / FILE)


def test_options_that_do_not_go_together(root: Path) -> None:
    write(root, {"a.py": LOST})
    assert status("--write-baseline", "-") == 2
    assert status("--prune-baseline", "--write-baseline", ".") == 2
    assert status("--diff", "--write-baseline", ".") == 2
    assert status("--fix", "--write-baseline", ".") == 2


def test_known_findings_are_not_mended(root: Path) -> None:
    sleeps = "import time\n\n\nasync def main():\n    time.sleep(1)\n"
    write(root, {"a.py": sleeps})
    assert status("--write-baseline", ".") == 0
    write(root, {"b.py": sleeps})
    assert status("--fix", "--baseline", FILE, ".") == 0
    assert (root / "a.py").read_text() == sleeps
    assert (root / "b.py").read_text() != sleeps


def test_the_order_is_always_the_same_and_one_line_each(root: Path) -> None:
    some = [
        Entry("b.py", "CAN101", "b", "x", 2),
        Entry("a.py", "CAN201", "ü", 'y "z"'),
        Entry("a.py", "CAN101", "", "y"),
    ]
    Baseline(root / "1", some).write()
    Baseline(root / "2", some[::-1]).write()
    text = (root / "1").read_text("utf-8")
    assert text == (root / "2").read_text("utf-8")
    assert text.count("\n") == 9
    assert '"symbol": "ü"' in text
    assert list(load(root / "1").entries()) == sorted(some)
    Baseline(root / "3").write()
    assert list(load(root / "3").entries()) == []


def test_defects_are_never_known(root: Path) -> None:
    finding = Finding("a.py", 1, 1, 1, 2, "CAN000", "internal-error", "run", "message", "help", "a", statement="x")
    assert Baseline(root / FILE, [Entry("a.py", "CAN000", "a", "x")]).split([finding]).new == [finding]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_a_name_that_is_no_text(root: Path) -> None:
    with open(os.fsencode(root) + b"/\xff.py", "w") as file:
        file.write(LOST)
    assert command("--write-baseline", ".", cwd=root).status == 0
    assert command("--baseline", FILE, ".", cwd=root).status == 0


def test_a_warm_cache_serves_with_and_without(root: Path) -> None:
    write(root, {"a.py": LOST, "b.py": SWALLOWS})
    cached = {"CANCELCHECK_NO_CACHE": ""}
    assert command("--write-baseline", ".", cwd=root, env=cached).status == 0
    code = (
        "import sys; from cancelcheck.cli import main; status = main(sys.argv[1:]);"
        "sys.exit(9 if 'cancelcheck.lower' in sys.modules else status)"
    )
    for arguments, wanted in ((["--baseline", FILE], 0), ([], 1), (["--baseline", FILE, "--prune-baseline"], 0)):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments, "."],
            env={**os.environ, **cached},
            cwd=root,
            capture_output=True,
            check=False,
        )
        assert done.returncode == wanted, done.stderr
