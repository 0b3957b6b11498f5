"""The command: what is printed where, exit statuses, and a quick start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cancelcheck import __version__
from cancelcheck.config import FORMATS
from cancelcheck.rules import RULES
from tests.support.runs import LOST, command, on_a_terminal, status, write


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


no_terminals = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")


CONCISE = "a.py:5:5: CAN101 task `main()` is not kept: it can vanish before it is done, and nothing can cancel it\n"


def test_exit_statuses(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "clean.py": "x = 1\n", "broken.py": "def f(:\n"})
    assert status("clean.py") == 0
    assert status("a.py") == 1
    assert status("broken.py") == 1
    assert status("--exit-zero", "a.py") == 0
    assert status("a.py", "nowhere.py") == 2
    assert status("--exit-zero", "nowhere.py") == 2
    assert status("--no-such-option", "a.py") == 2
    assert status("--format", "yaml", "a.py") == 2
    assert status("--select", "CAN7", "a.py") == 2
    assert status("-", "a.py") == 2
    assert status("--stdin-filename", "x.py", "a.py") == 2
    assert status("--config", "nowhere.toml", "a.py") == 2
    assert status("--isolated", "--config", "nowhere.toml", "a.py") == 2
    capsys.readouterr()


def test_findings_go_to_standard_output_and_the_rest_beside(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "b.py": "x = 1\n"})
    assert status(".") == 1
    shown = capsys.readouterr()
    assert shown.out == CONCISE
    assert shown.err == "1 finding in 1 of 2 files; 1 fixable with `--fix --unsafe-fixes`.\n"
    assert status("check", "--quiet", "a.py") == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (CONCISE, "")
    assert status("b.py") == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "Nothing to report in 1 file.\n")


def test_without_paths_the_current_folder_is_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST})
    assert status() == 1
    assert capsys.readouterr().out == CONCISE


def test_nothing_to_check_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(".") == 0
    assert capsys.readouterr().err == "warning: no Python files found under the given paths\n"


def test_errors_are_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST})
    assert status("nowhere", "a.py") == 2
    shown = capsys.readouterr()
    assert shown.out == CONCISE
    assert "error: nowhere: cannot be read: No such file or directory\n" in shown.err


def test_wrong_settings_name_file_and_key(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "pyproject.toml": "[tool.cancelcheck]\nselct = []\n"})
    assert status("a.py") == 2
    assert capsys.readouterr().err == "Error: pyproject.toml: unknown key `selct`; did you mean `select`?\n"
    assert status("--isolated", "a.py") == 1


def test_a_wrong_rule_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--extend-select", "CAN101,lost-tsk", ".") == 2
    assert "--extend-select: `lost-tsk` is no rule; did you mean `lost-task`?" in capsys.readouterr().err


def test_rules_are_chosen(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST + "    x = 1  # cancelcheck: ignore[lost-task]\n", "pyproject.toml": ""})

    def codes(*arguments: str) -> list[str]:
        status(*arguments, "a.py")
        return [line.split()[1] for line in capsys.readouterr().out.splitlines()]

    assert codes() == ["CAN101"]
    assert codes("--strict") == ["CAN101", "CAN002"]
    assert codes("--extend-select", "unused-suppression") == ["CAN101", "CAN002"]
    assert codes("--select", "CAN002,lost-cancel") == ["CAN101", "CAN002"]
    assert codes("--select", "CAN2") == []
    assert codes("--ignore", "lost-task") == []
    write(root, {"pyproject.toml": "[tool.cancelcheck]\nignore = ['lost-task']\n"})
    assert codes() == []
    assert codes("--select", "CAN101") == ["CAN101"]
    assert codes("--extend-select", "lost-task") == ["CAN101"]


def test_standard_input(root: Path) -> None:
    done = command("--stdin-filename", "a.py", "-", cwd=root, stdin=LOST.encode())
    assert done.out == CONCISE
    assert done.status == 1
    assert command("-", cwd=root, stdin=LOST.encode()).out == CONCISE.replace("a.py", "<stdin>")
    assert command("-", cwd=root, stdin=b"x = '\xff'\n").out == (
        "<stdin>:1:1: CAN001 the file cannot be decoded: byte 0xff is not UTF-8\n"
    )


def test_statistics(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "b.py": LOST, "c.py": "def f(:\n"})
    status("--statistics", "--quiet", ".")
    assert capsys.readouterr().out.splitlines()[-2:] == ["2 CAN101 lost-task", "1 CAN001 unreadable-file"]
    status("--statistics", "--quiet", "--format", "json", ".")
    shown = capsys.readouterr()
    assert json.loads(shown.out)["summary"]["rules"] == {"CAN001": 1, "CAN101": 2}
    assert shown.err.splitlines() == ["2 CAN101 lost-task", "1 CAN001 unreadable-file"]


def test_verbose_says_where_the_settings_are(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": "", "pyproject.toml": "[tool.cancelcheck]\n"})
    status("--verbose", ".")
    assert "settings for .: pyproject.toml\n" in capsys.readouterr().err
    status("--verbose", "--isolated", ".")
    assert "settings for .: the defaults\n" in capsys.readouterr().err


def test_output_is_written_whole(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "out.txt": "old"})
    os.chmod(root / "out.txt", 0o640)
    assert status("--output", "out.txt", "a.py") == 1
    assert (root / "out.txt").read_text() == CONCISE
    assert (root / "out.txt").stat().st_mode & 0o777 == 0o640
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in root.iterdir()) == ["a.py", "out.txt"]
    assert status("--output", "no/where.txt", "a.py") == 2
    assert "--output: no/where.txt: No such file or directory" in capsys.readouterr().err


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("explain", "CAN101") == 0
    by_code = capsys.readouterr().out
    assert by_code.startswith("CAN101 lost-task (lost-cancel; on by default; since 0.1)\n\n")
    assert "## Why" in by_code
    assert status("explain", "lost-task") == 0
    assert capsys.readouterr().out == by_code
    assert status("explain", "lost-taks") == 2
    assert "did you mean `lost-task`?" in capsys.readouterr().err
    assert status("explain", "CAN1") == 2


def test_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("rules") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[rule.code, rule.name] for rule in RULES]
    assert status("rules", "--format", "json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["code"] for row in listed] == [rule.code for rule in RULES]
    assert {"name", "family", "default", "since", "summary", "documentation"} <= set(listed[0])


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--help") == 0
    assert "explain" in capsys.readouterr().out
    assert status("check", "-h") == 0
    shown = capsys.readouterr().out
    for option in ("--select", "--extend-select", "--ignore", "--strict", "--force-exclude", "--stdin-filename"):
        assert option in shown


def test_the_version_starts_quickly(root: Path) -> None:
    heavy = ("libcst", "rich", "msgspec", "flake8", "cancelcheck.rules", "cancelcheck.engine", "cancelcheck.config")
    code = (
        "import sys; from cancelcheck.cli import main; status = main(['--version']); "
        f"print([name for name in {heavy!r} if name in sys.modules]); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == f"cancelcheck {__version__}\n[]\n"


@pytest.mark.parametrize("form", [None, *(form for form in FORMATS if form != "text")])
def test_a_warm_run_in_a_pipe_imports_nothing_heavy(
    root: Path, monkeypatch: pytest.MonkeyPatch, form: str | None
) -> None:
    write(root, {"a.py": LOST})
    # what was written a moment ago is read again
    os.utime(root / "a.py", (0, 0))
    monkeypatch.setenv("CANCELCHECK_NO_CACHE", "")
    monkeypatch.setenv("CANCELCHECK_CACHE_DIR", str(root / "cache"))
    assert status("a.py") == 1
    arguments = ["--output", "out", *(["--format", form] if form else []), "a.py"]
    code = (
        f"import sys; from cancelcheck.cli import main; status = main({arguments!r}); "
        "print(status, [name for name in ('rich', 'flake8', 'libcst', 'pygls') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "1 []\n"
    assert (root / "out").read_text()


def test_the_module_is_the_command(root: Path) -> None:
    write(root, {"a.py": LOST})
    done = command("a.py", cwd=root)
    assert (done.status, done.out) == (1, CONCISE)


def test_colour(root: Path) -> None:
    write(root, {"a.py": LOST})
    assert "\x1b[" not in command("--format", "text", "a.py", cwd=root).out
    assert "\x1b[" in command("--format", "text", "--color", "always", "a.py", cwd=root).out
    assert "\x1b[" in command("--format", "text", "a.py", cwd=root, env={"FORCE_COLOR": "1"}).out
    both = {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    assert "\x1b[" not in command("--format", "text", "a.py", cwd=root, env=both).out


def without_progress(shown: str) -> str:
    """What stays on a terminal: a run of more than a second shows its progress first, and wipes it away."""
    return shown.rpartition("\x1b[K")[2]


@no_terminals
def test_text_is_for_terminals(root: Path) -> None:
    write(root, {"a.py": LOST})
    status, shown = on_a_terminal("-m", "cancelcheck", "a.py", cwd=root, env={"NO_COLOR": "1"})
    assert status == 1
    assert "5 |     asyncio.create_task(main())" in shown
    assert "\x1b[" not in without_progress(shown)
    _, colored = on_a_terminal("-m", "cancelcheck", "a.py", cwd=root, env={})
    assert "\x1b[1;31mCAN101\x1b[0m" in colored
    _, dumb = on_a_terminal("-m", "cancelcheck", "a.py", cwd=root, env={"TERM": "dumb"})
    assert without_progress(dumb) == without_progress(shown)


@no_terminals
def test_text_is_as_wide_as_the_terminal(root: Path) -> None:
    write(root, {"a.py": LOST})
    _, shown = on_a_terminal("-m", "cancelcheck", "a.py", cwd=root, env={"NO_COLOR": "1", "COLUMNS": "50"})
    # the summary below it is no part of the report
    report, _, _ = without_progress(shown).rpartition("\n1 finding")
    assert 40 < max(map(len, report.splitlines())) <= 50
    assert "".join(CONCISE.partition("CAN101")[2].split()) in "".join(report.split())


EVIL = "x = '\x1b[31m\x07'\n"


@no_terminals
def test_no_terminal_is_led_astray(root: Path) -> None:
    write(root, {"a.py": f"import time\n\n\nasync def main():\n    {EVIL}    time.sleep(1)\n", "\x1b[31m.py": "f(:\n"})
    for arguments in (["a.py"], ["--diff", "--unsafe-fixes", "a.py"], [".", "\x1b[31mno"]):
        # quietly: how far it is would be shown on a busy machine
        status, shown = on_a_terminal("-m", "cancelcheck", "--quiet", *arguments, cwd=root, env={"NO_COLOR": "1"})
        assert status in (1, 2), shown
        assert not set("\x1b\x07") & set(shown), arguments
    # what a program reads is what stands there
    assert EVIL in command("--diff", "--unsafe-fixes", "a.py", cwd=root).out


@no_terminals
def test_progress_is_shown_where_a_run_takes_long(root: Path) -> None:
    write(root, {"a.py": LOST, "b.py": LOST})
    code = (
        "import sys; from cancelcheck.cli import main, progress; progress._AFTER = -1.0; "
        "sys.exit(main(['--format', 'concise', '--jobs', '1', *sys.argv[1:], '.']))"
    )
    _, shown = on_a_terminal("-c", code, cwd=root, env={})
    assert "\r\x1b[K0 of 2 files checked" in shown
    # and is gone before anything else is said
    assert "\r\x1b[K" + CONCISE in shown
    _, quiet = on_a_terminal("-c", code, "--quiet", cwd=root, env={})
    assert quiet == CONCISE + CONCISE.replace("a.py", "b.py")
    assert "files checked" not in command("--verbose", ".", cwd=root).err


def test_what_is_suppressed_is_shown_on_request(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST.replace("main())", "main())  # cancelcheck: ignore[lost-task] the server holds it")})
    for cached in range(2):
        assert status("--format", "json", "a.py") == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["findings"], document["suppressed"]) == ([], []), cached
        assert document["summary"]["suppressed"] == 1
        assert status("--format", "json", "--show-suppressed", "a.py") == 0
        (suppressed,) = json.loads(capsys.readouterr().out)["suppressed"]
        assert suppressed["reason"] == "# cancelcheck: ignore[lost-task] the server holds it"


def test_the_summary_of_a_job_is_added_to_its_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, {"a.py": LOST, "summary.md": "before\n"})
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(root / "summary.md"))
    assert status("--format", "concise", "a.py") == 1
    assert (root / "summary.md").read_text() == "before\n"
    assert status("--format", "github", "a.py") == 1
    assert (root / "summary.md").read_text().startswith("before\n### cancelcheck: 1 finding in 1 of 1 file\n")
    capsys.readouterr()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(root / "nowhere" / "summary.md"))
    assert status("--format", "github", "a.py") == 1
    assert "warning: the job's summary cannot be written: " in capsys.readouterr().err


def test_a_terminal_that_lacks_characters(root: Path) -> None:
    write(root, {"a.py": LOST.replace("main", "grüße")})
    done = command("a.py", cwd=root, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.status == 1
    assert "`gr\\xfc\\xdfe()`" in done.out
    as_json = command("--format", "json", "a.py", cwd=root, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert "`grüße()`" in json.loads(as_json.out)["findings"][0]["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_a_file_name_that_is_no_text(root: Path) -> None:
    name = os.fsencode(root) + b"/\xff.py"
    with open(name, "w") as file:
        file.write(LOST)
    for form in FORMATS:
        done = command("--format", form, ".", cwd=root)
        assert done.status == 1, done.err
        assert done.out


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_goes_away(root: Path) -> None:
    write(root, {f"a{number}.py": LOST * 40 for number in range(40)})
    process = subprocess.Popen(
        [sys.executable, "-m", "cancelcheck", "--format", "text", "."],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=root,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert "Traceback" not in error
    assert "Broken pipe" not in error


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_the_run_and_leaves_the_old_report(root: Path) -> None:
    write(root, {"out.json": "old"})
    process = subprocess.Popen(
        [sys.executable, "-m", "cancelcheck", "--format", "json", "-o", "out.json", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=root,
        # a shell lets what it starts in the background ignore the signal
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None
    # no pipe holds as much: when it is written, the run has begun, and reads on until the signal comes
    process.stdin.write(b"#" * 2_000_000)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert (root / "out.json").read_text() == "old"
    assert sorted(path.name for path in root.iterdir()) == ["out.json"]


def test_a_defect_ends_in_2_with_its_trace(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, {"a.py": LOST})

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no way")

    monkeypatch.setattr("cancelcheck.engine.pipeline.discover", broken)
    assert status("a.py") == 2
    error = capsys.readouterr().err
    assert "RuntimeError: no way" in error
    assert "defect in cancelcheck" in error
