"""`--since`: what counts as changed, in each state of a repository, and what is said where git cannot tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.git import GitError, changes_since, root_of
from cancelcheck.engine.pipeline import Engine
from cancelcheck.engine.report import Report
from cancelcheck.engine.since import Since
from cancelcheck.model.finding import Finding, Step
from tests.support.repositories import commit, git, needs_git, repository
from tests.support.runs import LOST, status, write

pytestmark = needs_git

LINE = "    asyncio.create_task(main())\n"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    return folder


def reported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    capsys.readouterr()
    assert status(*arguments) in (0, 1)
    return [":".join(line.split(":")[:2]) for line in capsys.readouterr().out.splitlines()]


def test_only_changed_lines_count(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "b.py": LOST})
    commit(root)
    assert reported(capsys, "--since", "HEAD", ".") == []
    write(root, {"a.py": "# moved\n" + LOST + LINE})
    assert reported(capsys, "--since", "HEAD", ".") == ["a.py:7"]
    assert reported(capsys, "--since", "main", "a.py", "b.py") == ["a.py:7"]
    assert reported(capsys, ".") == ["a.py:6", "a.py:7", "b.py:5"]
    # staged, then committed on a branch
    git(root, "add", "a.py")
    assert reported(capsys, "--since", "HEAD", ".") == ["a.py:7"]
    git(root, "switch", "--quiet", "--create", "topic")
    commit(root)
    assert reported(capsys, "--since", "HEAD", ".") == []
    assert reported(capsys, "--since", "main", ".") == ["a.py:7"]


def test_what_main_has_gone_on_to_is_not_ours(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "b.py": "x = 1\n"})
    commit(root)
    git(root, "switch", "--quiet", "--create", "topic")
    write(root, {"b.py": LOST})
    commit(root)
    git(root, "switch", "--quiet", "main")
    write(root, {"a.py": "x = 1\n"})
    commit(root)
    git(root, "switch", "--quiet", "topic")
    # against the tip of main, a.py differs too
    assert reported(capsys, "--since", "main", ".") == ["b.py:5"]


def test_untracked_and_ignored_files_are_changed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {".gitignore": "ignored.py\n"})
    commit(root)
    write(root, {"new.py": LOST, "ignored.py": LOST})
    assert reported(capsys, "--since", "HEAD", ".") == ["new.py:5"]
    assert reported(capsys, "--since", "HEAD", "ignored.py") == ["ignored.py:5"]
    git(root, "add", "--intent-to-add", "new.py")
    assert reported(capsys, "--since", "HEAD", ".") == ["new.py:5"]


def test_a_renamed_file_is_not_new(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST + "# one\n# two\n# three\n# four\n"})
    commit(root)
    git(root, "mv", "a.py", "b.py")
    assert reported(capsys, "--since", "HEAD", ".") == []
    write(root, {"b.py": LOST + "# one\n# two\n# three\n# four\n" + LINE})
    git(root, "config", "diff.renames", "false")
    assert reported(capsys, "--since", "HEAD", ".") == ["b.py:10"]
    (root / "b.py").unlink()
    assert reported(capsys, "--since", "HEAD", ".") == []


@pytest.mark.parametrize("name", ["with blank.py", "grüße.py", 'quo"te.py', "tab\there.py", "back\\slash.py", "+ b.py"])
@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not have")
def test_names_of_files(root: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    write(root, {f"dir/{name}": LOST})
    commit(root)
    write(root, {f"dir/{name}": LOST + LINE})
    capsys.readouterr()
    assert status("--since", "HEAD", ".") == 1
    assert [line.count(":6:5: CAN101") for line in capsys.readouterr().out.splitlines()] == [1]


def test_lines_that_look_like_a_diff(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = 'TEXT = """\n++ b/x.py\n-- a/x.py\n@@ -1 +1 @@\ndiff --git a/x b/x\n"""\n'
    write(root, {"a.py": odd + LOST})
    commit(root)
    write(root, {"a.py": LOST + LINE + odd.replace("x.py", "y.py") + "# no end"})
    assert reported(capsys, "--since", "HEAD", ".") == ["a.py:6"]


def test_settings_of_git_make_no_difference(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"pkg/a.py": LOST, ".gitattributes": "*.py -diff\n"})
    commit(root)
    write(root, {"pkg/a.py": LOST + LINE})
    for key, value in (
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.relative", "true"),
        ("color.ui", "always"),
        ("core.quotePath", "true"),
        ("diff.external", "false"),
        ("diff.context", "9"),
        ("diff.interHunkContext", "9"),
    ):
        git(root, "config", key, value)
    assert reported(capsys, "--since", "HEAD", "pkg") == ["pkg/a.py:6"]


def test_line_ends_that_git_converts(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(root, "config", "core.autocrlf", "true")
    write(root, {"a.py": LOST.replace("\n", "\r\n")})
    commit(root)
    write(root, {"a.py": (LOST + LINE).replace("\n", "\r\n")})
    assert reported(capsys, "--since", "HEAD", ".") == ["a.py:6"]


def test_from_another_folder(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"pkg/a.py": LOST, "b.py": LOST})
    commit(root)
    write(root, {"pkg/a.py": LOST + LINE})
    (root.parent / "elsewhere").mkdir()
    monkeypatch.chdir(root.parent / "elsewhere")
    assert reported(capsys, "--since", "HEAD", "../repo") == ["../repo/pkg/a.py:6"]
    monkeypatch.chdir(root / "pkg")
    assert reported(capsys, "--since", "HEAD", ".") == ["a.py:6"]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
def test_through_links(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"a.py": LOST})
    (root / "link.py").symlink_to("a.py")
    commit(root)
    (root.parent / "other").symlink_to(root)
    monkeypatch.chdir(root.parent / "other")
    assert reported(capsys, "--since", "HEAD", ".") == []
    write(root, {"a.py": LOST + LINE})
    assert reported(capsys, "--since", "HEAD", ".") == ["a.py:6", "link.py:6"]


def test_a_repository_in_the_repository(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = repository(root / "inner")
    write(inner, {"a.py": LOST})
    commit(inner)
    write(root, {".gitignore": "nothing\n", "b.py": LOST})
    git(root, "add", "b.py")
    git(root, "commit", "--quiet", "--message", "b")
    write(inner, {"a.py": LOST + LINE})
    assert reported(capsys, "--since", "HEAD", ".") == ["inner/a.py:6"]


def test_a_file_that_cannot_be_read_counts_where_it_has_changed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": "def f(:\n", "b.py": "x = 1\n"})
    commit(root)
    assert reported(capsys, "--since", "HEAD", ".") == []
    write(root, {"b.py": "x = 1\ndef f(:\n    pass\n"})
    assert reported(capsys, "--since", "HEAD", ".") == ["b.py:3"]


# --- what is not on the disk


def test_standard_input(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST})
    commit(root)
    typed = "# typed\n" + LOST + LINE
    done = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "--since", "HEAD", "--stdin-filename", "a.py", "-"],
        input=typed.encode(),
        capture_output=True,
        cwd=root,
        check=False,
    )
    assert [line.split(b":")[1] for line in done.stdout.splitlines()] == [b"7"]


def test_only_what_is_reported_is_mended(root: Path) -> None:
    sleep = "    time.sleep(1)\n"
    old = "import time\n\n\nasync def main():\n" + sleep
    write(root, {"a.py": old})
    commit(root)
    write(root, {"a.py": old + sleep + "    main()\n"})
    assert status("--since", "HEAD", "--fix", ".") == 0
    assert (root / "a.py").read_text() == (
        "import asyncio\n" + old + "    await asyncio.sleep(1)\n" + "    await main()\n"
    )


def test_known_findings_and_changed_lines(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST, "b.py": LOST})
    assert status("--write-baseline", ".") == 0
    commit(root)
    write(root, {"a.py": LOST.replace("create", "ensure").replace("_task", "_future"), "b.py": LOST + LINE})
    baseline = ["--baseline", "cancelcheck-baseline.json"]
    assert reported(capsys, *baseline, "--since", "HEAD", ".") == ["a.py:5", "b.py:6"]
    write(root, {"b.py": LOST + "# new\n"})
    assert reported(capsys, *baseline, "--since", "HEAD", ".") == ["a.py:5"]
    assert status("--write-baseline", "--since", "HEAD", ".") == 2


def test_a_promise_counts_where_its_chain_has_changed(root: Path) -> None:
    write(root, {"a.py": "x = 1\n" * 9, "b.py": "y = 1\n" * 9})
    commit(root)
    write(root, {"b.py": "y = 1\n" * 4 + "z = 2\n" + "y = 1\n" * 4})
    step = (Step("b.py", 5, 1, "calls"), Step("b.py", 9, 1, "waits"))

    def kept(family: str, *trace: Step) -> bool:
        finding = Finding("a.py", 2, 1, 2, 4, "CAN505", "sla-reaches-untimed-call", family, "m", "h", trace=trace)
        report = Since("HEAD", ["."])(Report((finding,)), Engine(SettingsFinder()))
        return bool(report.findings)

    assert kept("sla", *step)
    assert not kept("sla", *step[1:])
    assert not kept("timeout", *step)


def test_a_failed_rule_is_always_said(root: Path) -> None:
    write(root, {"a.py": "x = 1\n"})
    commit(root)
    finding = Finding("a.py", 1, 1, 1, 4, "CAN000", "internal-error", "run", "m", "h")
    assert Since("HEAD", ["."])(Report((finding,)), Engine(SettingsFinder())).findings == (finding,)


# --- what git cannot tell


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert status(*arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Error: --since: ")
    return shown.removeprefix("Error: --since: ").rstrip()


def test_a_revision_that_there_is_not(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST})
    assert "`HEAD` is no commit" in error(capsys, "--since", "HEAD", ".")
    commit(root)
    git(root, "branch", "release")
    assert error(capsys, "--since", "relaese", ".").endswith("did you mean `release`?")
    assert "`-x` is no revision" in error(capsys, "--since=-x", ".")
    assert "`--output=a.py` is no revision" in error(capsys, "--since=--output=a.py", ".")
    assert "is no revision" in error(capsys, "--since=", ".")
    assert "`HEAD:a.py` is no commit" in error(capsys, "--since=HEAD:a.py", ".")
    assert (root / "a.py").read_text() == LOST


def test_a_branch_without_a_commit(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"a.py": LOST})
    commit(root)
    git(root, "checkout", "--quiet", "--orphan", "fresh")
    assert "there is no commit yet" in error(capsys, "--since", "main", ".")
    commit(root, "another beginning")
    assert error(capsys, "--since", "main", ".") == "`main` and HEAD share no commit: their histories are apart"


def test_a_shallow_clone(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"a.py": LOST})
    commit(root)
    git(root, "switch", "--quiet", "--create", "topic")
    for number in range(3):
        write(root, {"a.py": LOST + "# more\n" * number})
        commit(root)
    git(root, "switch", "--quiet", "main")
    write(root, {"b.py": LOST})
    commit(root)
    clone = root.parent / "clone"
    url = root.as_uri()
    git(root.parent, "clone", "--quiet", "--depth", "1", "--branch", "topic", url, "clone")
    monkeypatch.chdir(clone)
    hint = ": the clone is shallow and may lack it (`git fetch --unshallow`; `fetch-depth: 0` for actions/checkout)"
    message = error(capsys, "--since", "origin/main", ".")
    assert "`origin/main` is no commit" in message
    git(clone, "fetch", "--quiet", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    assert error(capsys, "--since", "origin/main", ".") == f"`origin/main` and HEAD share no commit{hint}"
    git(clone, "fetch", "--quiet", "--unshallow")
    assert reported(capsys, "--since", "origin/main", ".") == []


def test_no_repository(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    outside = root.parent / "outside"
    write(outside, {"a.py": LOST})
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    message = error(capsys, "--since", "HEAD", str(outside))
    assert message.startswith(f"git does not know {outside}: not a git repository")
    # no path, no question
    assert status("--since", "HEAD", "nowhere/a.py") == 2
    assert "nowhere/a.py: cannot be read" in capsys.readouterr().err


def test_no_git(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    assert error(capsys, "--since", "HEAD", ".") == "git is needed to tell what has changed, and is not installed"


def test_the_whole_answer(root: Path) -> None:
    write(root, {"a.py": "1\n2\n3\n4\n5\n", "b.py": "1\n"})
    commit(root)
    write(root, {"a.py": "1\nnew\nnew\n3\n5\nend", "c.py": ""})
    found = changes_since(root_of(str(root)), "HEAD")
    assert found.lines == {"a.py": ((2, 3), (6, 6))}
    assert found.tracked == {"a.py", "b.py"}
    with pytest.raises(GitError):
        changes_since(str(root / "nowhere"), "HEAD")
