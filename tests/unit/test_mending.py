"""`--fix`, `--unsafe-fixes` and `--diff`: what is written, what is shown, and what is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cancelcheck.engine.report import Report
from cancelcheck.fixing.files import fix_files, write_files
from cancelcheck.model.edit import Edit, Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from tests.support.runs import LOST, command, status, write

SLEEPS = "import time\n\n\nasync def main():\n    time.sleep(1)\n"
FIXED = "import asyncio\nimport time\n\n\nasync def main():\n    await asyncio.sleep(1)\n"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_safe_fixes_are_applied_and_the_rest_is_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": SLEEPS, "b.py": LOST, "c.py": "x = 1\n"})
    assert status("--fix", ".") == 1
    assert (root / "a.py").read_text() == FIXED
    assert (root / "b.py").read_text() == LOST
    shown = capsys.readouterr()
    assert shown.out.startswith("b.py:5:5: CAN101 ")
    assert "Fixed 1 finding in 1 file." in shown.err
    assert status("--fix", "a.py", "c.py") == 0
    assert "Fixed" not in capsys.readouterr().err
    assert status("--fix", "--exit-zero", "b.py") == 0
    assert sorted(path.name for path in root.iterdir()) == ["a.py", "b.py", "c.py"]


def test_how_many_can_be_fixed_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": SLEEPS})
    assert status("a.py") == 1
    assert capsys.readouterr().err == "1 finding in 1 of 1 file; 1 fixable with `--fix`.\n"


@pytest.mark.parametrize("cache", [[], ["--no-cache"]])
def test_a_diff_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str], cache: list[str]) -> None:
    write(root, {"pkg/a.py": SLEEPS, "c.py": "x = 1\n"})
    for arguments in (["--diff"], ["--diff", "--fix"]):
        assert status(*arguments, *cache, ".") == 1
        shown = capsys.readouterr()
        assert shown.out.splitlines()[:6] == [
            "--- pkg/a.py",
            "+++ pkg/a.py",
            "@@ -1,5 +1,6 @@",
            "+import asyncio",
            " import time",
            " ",
        ]
        assert shown.err == "Would fix 1 finding in 1 file.\n"
    assert (root / "pkg/a.py").read_text() == SLEEPS
    assert status("--diff", "--exit-zero", ".") == 0
    assert status("--diff", "--output", "out.patch", ".") == 1
    assert capsys.readouterr().out.count("--- pkg/a.py") == 1
    assert (root / "out.patch").read_text().startswith("--- pkg/a.py\n")
    assert status("--diff", "c.py") == 0
    assert status("--fix", ".") == 0
    assert status("--diff", ".") == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("Nothing to fix.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no patch")
def test_a_diff_is_what_patch_takes(root: Path) -> None:
    write(root, {"a.py": SLEEPS.rstrip("\n"), "b.py": SLEEPS.replace("\n", "\r\n").encode() + b"# \xfc\n"})
    write(root, {"b.py": b"# coding: latin-1\r\n" + (root / "b.py").read_bytes()})
    diff = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "--diff", "."], capture_output=True, cwd=root, check=False
    ).stdout
    subprocess.run(["git", "apply", "--no-index", "-p0", "-"], input=diff, cwd=root, check=True)
    patched = {name: (root / name).read_bytes() for name in ("a.py", "b.py")}
    assert b"\xfc" in patched["b.py"]
    write(root, {"a.py": SLEEPS.rstrip("\n"), "b.py": patched["b.py"]})
    assert command("--fix", ".", cwd=root).status == 0
    assert {name: (root / name).read_bytes() for name in ("a.py", "b.py")} == patched


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SLEEPS, "utf-8-sig"),
        ("# -*- coding: latin-1 -*-\n" + SLEEPS + "# grüße\n", "latin-1"),
        ("# coding: cp1251\n" + SLEEPS + "# привет\n", "cp1251"),
        (SLEEPS.replace("\n", "\r\n"), "utf-8"),
        (SLEEPS.replace("\n", "\r"), "utf-8"),
        (SLEEPS.replace("    ", "\t"), "utf-8"),
        (SLEEPS.rstrip("\n"), "utf-8"),
        ("\f" + SLEEPS + "# \u2028 \x0c\n", "utf-8"),
    ],
)
def test_everything_else_stays(root: Path, text: str, encoding: str) -> None:
    before = text.encode(encoding)
    write(root, {"a.py": before})
    status("--fix", "a.py")
    after = (root / "a.py").read_bytes()
    line = b"\r\n" if b"\r\n" in before else b"\r" if b"\r" in before else b"\n"
    wanted = before.replace(b"time.sleep", b"await asyncio.sleep")
    wanted = wanted.replace(b"import time", b"import asyncio" + line + b"import time")
    assert after == (before if text.startswith("\f") else wanted)


def test_standard_input_is_mended_to_standard_output(root: Path) -> None:
    write(root, {"a.py": "as it was\n"})
    mixed = (SLEEPS + LOST.replace("main", "other")).encode().replace(b"\n", b"\r\n")
    done = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "--fix", "--stdin-filename", "a.py", "-"],
        input=mixed,
        capture_output=True,
        cwd=root,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == mixed.replace(b"time.sleep", b"await asyncio.sleep")
    assert b"CAN101" in done.stderr
    assert (root / "a.py").read_text() == "as it was\n"
    assert command("--fix", "-", cwd=root, stdin=b"x = 1\n").out == "x = 1\n"
    shown = command("--diff", "-", cwd=root, stdin=SLEEPS.encode())
    assert shown.out.startswith("--- <stdin>\n+++ <stdin>\n")
    assert shown.status == 1


def test_what_is_silenced_is_not_mended(root: Path) -> None:
    text = SLEEPS.replace("sleep(1)", "sleep(1)  # noqa: CAN406")
    write(root, {"a.py": text})
    assert status("--fix", "a.py") == 0
    assert (root / "a.py").read_text() == text
    write(root, {"b.py": SLEEPS})
    assert status("--fix", "--ignore", "CAN406", "b.py") == 0
    assert (root / "b.py").read_text() == SLEEPS


def test_unsafe_fixes_have_to_be_asked_for(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "import socket\n\n\nasync def main():\n    return socket.getaddrinfo('a', 1)\n"
    write(root, {"a.py": text})
    assert status("--fix", "a.py") == 1
    assert (root / "a.py").read_text() == text
    assert "1 fixable with `--fix --unsafe-fixes`" in capsys.readouterr().err
    assert status("--fix", "--unsafe-fixes", "a.py") == 0
    assert "await asyncio.to_thread(socket.getaddrinfo" in (root / "a.py").read_text()
    assert status("--unsafe-fixes", "a.py") == 2
    assert status("--diff", "--format", "json", "a.py") == 2


def test_a_call_over_several_lines_keeps_its_form(root: Path) -> None:
    text = "import socket\n\n\nasync def main():\n    return socket.getaddrinfo(\n        'a',\n        1,\n    )\n"
    write(root, {"a.py": text})
    assert status("--fix", "--unsafe-fixes", "a.py") == 0
    wanted = "    return await asyncio.to_thread(socket.getaddrinfo,\n        'a',\n        1,\n    )\n"
    assert (root / "a.py").read_text().endswith(wanted)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
def test_one_file_by_two_names_is_mended_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": SLEEPS})
    (root / "b.py").symlink_to("a.py")
    assert status("--fix", ".") == 0
    assert (root / "a.py").read_text() == FIXED
    assert (root / "b.py").is_symlink()
    assert "Fixed 1 finding in 1 file." in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, {"a.py": SLEEPS, "b.py": SLEEPS})
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("a.py") and access(path, mode))
    assert status("--fix", ".") == 2
    shown = capsys.readouterr()
    assert "error: a.py: is not fixed: it is read-only\n" in shown.err
    assert "Fixed 1 finding in 1 file." in shown.err
    assert shown.out.startswith("a.py:5:5: CAN406 ")
    assert (root / "a.py").read_text() == SLEEPS
    assert (root / "b.py").read_text() == FIXED


def test_ctrl_c_while_writing_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"a.py": SLEEPS})

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    assert status("--fix", "a.py") == 130
    assert (root / "a.py").read_text() == SLEEPS
    assert sorted(path.name for path in root.iterdir()) == ["a.py"]


def test_a_warm_run_with_nothing_to_fix_needs_no_parser(root: Path) -> None:
    write(root, {"b.py": LOST, "c.py": SLEEPS})
    code = (
        "import sys; from cancelcheck.cli import main; main(sys.argv[1:]);"
        "print([name for name in ('cancelcheck.lower', 'rich') if name in sys.modules], file=sys.stderr)"
    )

    def modules(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=root,
            env={**os.environ, "CANCELCHECK_NO_CACHE": ""},
        )
        return done.stderr.splitlines()[-1]

    modules(".")
    assert modules("--fix", "b.py") == "[]"
    assert modules("--diff", ".") == "['cancelcheck.lower']"
    assert modules("--fix", ".") == "['cancelcheck.lower']"
    assert modules("--diff", ".") == "[]"


# --- a run that is made up


def finding(path: str, *edits: Edit) -> Finding:
    fix = Fix("change it", Safety.SAFE, edits)
    return Finding(path, 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "message", "help", fix=fix)


def report_on(path: Path, given: Mapping[str, bytes], *findings: Finding) -> Report:
    text = given.get(str(path), path.read_bytes()).decode()
    return Report(tuple(findings), sources={str(path): SourceFile(str(path), text)}, files=1)


def test_a_fix_that_breaks_the_file_is_a_defect_and_not_applied(root: Path) -> None:
    file = root / "a.py"
    file.write_text("x = 1\n")
    mended = fix_files(lambda given: report_on(file, given, finding(str(file), Edit(0, 1, "("))))
    assert mended.files == ()
    assert [error.message for error in mended.report.errors] == [
        "is not fixed: line 1 would be no Python: this is a defect in the fix of CAN101: please report it"
    ]


def test_a_file_that_changes_while_it_is_checked_is_left(root: Path) -> None:
    file = root / "a.py"
    file.write_text("x = 1\n")
    old = Report((finding(str(file), Edit(0, 1, "y")),), sources={str(file): SourceFile(str(file), "z = 1\n")})
    mended = fix_files(lambda given: old)
    assert mended.files == ()
    assert [error.message for error in mended.report.errors] == ["is not fixed: it was changed while it was checked"]


def test_a_file_that_changes_before_it_is_written_is_left(root: Path) -> None:
    file = root / "a.py"
    file.write_text("x = 1\n")

    def check(given: Mapping[str, bytes]) -> Report:
        return report_on(file, given, *([] if given else [finding(str(file), Edit(0, 1, "y"))]))

    mended = fix_files(check)
    file.write_text("x = 2\n")
    assert [error.message for error in write_files(mended.files)] == ["is not fixed: it was changed since it was read"]
    assert file.read_text() == "x = 2\n"


def test_a_character_that_the_encoding_lacks_is_not_written(root: Path) -> None:
    file = root / "a.py"
    file.write_text("# coding: ascii\nx = 1\n")
    mended = fix_files(lambda given: report_on(file, given, finding(str(file), Edit(20, 21, "'ü'"))))
    assert mended.files == ()
    assert "characters that its encoding lacks" in mended.report.errors[0].message


def test_rounds_that_find_no_end_are_said(root: Path) -> None:
    file = root / "a.py"
    file.write_text("x = 1\n")
    mended = fix_files(lambda given: report_on(file, given, finding(str(file), Edit(0, 0, "x = "))))
    assert mended.files[0].after == b"x = " * 10 + b"x = 1\n"
    assert mended.report.notes == ("after 10 rounds some fixes are still to be made: run it again",)
