"""Several machines share a run: their parts make the report of one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cancelcheck import cli
from cancelcheck.config import LoadedSettings, Settings
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.shards import Shard, ShardError
from tests.support.sources import FIXTURES

FORMS = ("concise", "text", "grouped", "json", "jsonl", "sarif", "github", "gitlab", "junit", "checkstyle")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files with findings, chains between them, comments that silence, and one that cannot be parsed."""
    root = tmp_path / "project"
    for name in ("can101_lost_task", "can201_swallowed_cancel", "can406_blocking_call_in_async"):
        shutil.copytree(FIXTURES / "rules" / name, root / name)
    for case in sorted((FIXTURES / "projects").iterdir())[:12]:
        shutil.copytree(case, root / case.name)
    (root / "broken.py").write_text("def f(:\n")
    (root / "silenced.py").write_text(
        "import asyncio\n\n\nasync def f():\n    asyncio.create_task(g())  # noqa: CAN101\n\n\nasync def g(): ...\n"
    )
    (root / "pyproject.toml").write_text("[project]\nname = 'shared'\n")
    monkeypatch.chdir(root)
    return root


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def write_parts(total: int, *arguments: str) -> list[str]:
    names = [f"../part-{number}-of-{total}.json" for number in range(1, total + 1)]
    for number, name in enumerate(names, 1):
        assert cli.main(["--strict", "--shard", f"{number}/{total}", "--output", name, *arguments, "."]) == 0
    return names


def test_the_parts_make_the_whole(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, three = write_parts(1), write_parts(3)
    # the parts are of runs that knew nothing; what all forms are compared with is looked for once
    monkeypatch.setenv("CANCELCHECK_NO_CACHE", "")
    capsys.readouterr()
    for form in FORMS:
        options = ("--format", form, "--show-suppressed")
        whole = run(capsys, "--strict", "--cache-dir", "../cache", *options, ".")
        assert whole[0] == 1
        for parts in (one, three):
            assert run(capsys, "merge", *options, *reversed(parts)) == whole


def test_what_went_wrong_is_told_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"../part-{number}.json" for number in (1, 2)]
    for number, name in enumerate(names, 1):
        assert cli.main(["--shard", f"{number}/2", "--output", name, ".", "nowhere.py"]) == 2
    capsys.readouterr()
    assert run(capsys, "merge", *names) == run(capsys, ".", "nowhere.py")


def test_every_file_is_in_one_part() -> None:
    loaded = LoadedSettings(Settings(), Path("/nowhere"), None)
    files = [InputFile(f"{name}.py", f"/nowhere/{name}.py", loaded) for name in "abcdefghij"]
    picked = [Shard(number, 3).pick(files) for number in (1, 2, 3)]
    assert sorted(file.path for part in picked for file in part) == [file.path for file in files]
    assert max(map(len, picked)) - min(map(len, picked)) <= 1
    assert [Shard(number, 3).pick(files[::-1])[::-1] for number in (1, 2, 3)] == picked


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "a/b", "1/0", "-1/2", "1/2/3"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ShardError):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("choose", "problem"),
    [
        (lambda names: names[:1], "of 2 parts 2 is missing"),
        (lambda names: [*names, names[0]], "of 2 parts 1 is given twice"),
        (lambda names: [names[0], "pyproject.toml"], "it is no part of a report"),
        (lambda names: [names[0], "nowhere.json"], "nowhere.json: cannot be read"),
    ],
)
def test_parts_that_make_no_whole_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str], choose: object, problem: str
) -> None:
    names = write_parts(2)
    status, out, err = run(capsys, "merge", *choose(names))  # type: ignore[operator]
    assert (status, out) == (2, "")
    assert problem in err


def test_parts_of_other_runs_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = write_parts(2)
    cli.main(["--shard", "2/2", "--output", names[1], "."])
    status, _, err = run(capsys, "merge", *names)
    assert status == 2
    assert "the parts are of different runs" in err


def test_a_part_of_another_version_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (name,) = write_parts(1)
    part = json.loads(Path(name).read_text())
    Path(name).write_text(json.dumps({**part, "form": 99}))
    status, _, err = run(capsys, "merge", name)
    assert status == 2
    assert "another version of cancelcheck wrote it" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--shard", "1/2"],
        ["--shard", "1/2", "--output", "a", "--format", "json"],
        ["--shard", "1/2", "-o", "a", "--fix"],
    ],
)
def test_options_that_do_not_go_with_it_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    status, _, err = run(capsys, *arguments, ".")
    assert status == 2
    assert "--shard" in err


def test_a_part_does_not_depend_on_where_the_checkout_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = []
    for number in (1, 2):
        root = tmp_path / f"machine-{number}"
        root.mkdir()
        (root / "a.py").write_text("x = 1\n")
        (root / "b.py").write_text("y = 1\n")
        monkeypatch.chdir(root)
        assert cli.main(["--write-baseline", "--baseline", "known.json", "."]) == 0
        names.append(str(root / "part.json"))
        assert cli.main(["--shard", f"{number}/2", "--output", names[-1], "--baseline", "known.json", "."]) == 0
    capsys.readouterr()
    assert run(capsys, "merge", *names)[0] == 0
