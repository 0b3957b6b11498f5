"""A run that knows what an earlier one found reports what a run that knows nothing does, to the byte."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cancelcheck.config import Overrides, SettingsFinder
from cancelcheck.engine import pool
from cancelcheck.engine.contents import Contents
from cancelcheck.engine.discover import discover
from cancelcheck.engine.lowering import lower_module
from cancelcheck.engine.pipeline import Engine, check
from cancelcheck.engine.store import Store
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting import render
from tests.support.fixtures import project_cases
from tests.support.runs import LOST, command, places, write
from tests.support.sources import FIXTURES

CACHE = {"CANCELCHECK_NO_CACHE": ""}

PROJECT = {
    "pyproject.toml": "[tool.cancelcheck]\n",
    "app/__init__.py": "",
    "app/work.py": "async def work():\n    pass\n",
    "app/other.py": "def other():\n    pass\n",
    "app/main.py": "from app.work import work\n\n\nasync def main():\n    work()\n",
    "app/alone.py": LOST,
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def report(cache: Path | None, *paths: str, jobs: int = 1) -> str:
    """All that is reported, as JSON."""
    finder = SettingsFinder(overrides=Overrides(strict=True))
    done = check(paths or (".",), finder, store=Store(cache) if cache is not None else None, jobs=jobs)
    assert done.notes == ()
    return render("json", done)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were checked, and not known."""
    found: list[str] = []
    real = Engine.examine

    def examine(self: Engine, file: object) -> object:
        found.append(file.path)
        return real(self, file)

    monkeypatch.setattr(Engine, "examine", examine)
    return found


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed."""
    from cancelcheck.engine import pipeline

    found: list[str] = []
    real = pipeline.lower_module

    def lower_module(source: object) -> object:
        found.append(source.path)
        return real(source)

    monkeypatch.setattr(pipeline, "lower_module", lower_module)
    return found


def test_nothing_is_checked_twice(root: Path, tmp_path: Path, looked_at: list[str], lowered: list[str]) -> None:
    write(root, PROJECT)
    cold = report(tmp_path / "cache")
    assert len(looked_at) == 5
    looked_at.clear()
    lowered.clear()
    assert report(tmp_path / "cache") == cold
    assert (looked_at, lowered) == ([], [])
    assert [place[:2] for place in places(check((".",), SettingsFinder(), store=Store(tmp_path / "cache")))] == [
        ("app/alone.py", 5),
        ("app/main.py", 5),
    ]


def test_a_changed_file_is_lowered_and_those_that_saw_it_are_checked(
    root: Path, tmp_path: Path, looked_at: list[str], lowered: list[str]
) -> None:
    write(root, PROJECT)
    report(tmp_path / "cache")
    looked_at.clear()
    lowered.clear()
    write(root, {"app/work.py": "def work():\n    pass\n"})
    assert "app/main.py" not in report(tmp_path / "cache")
    assert (sorted(looked_at), lowered) == (["app/main.py", "app/work.py"], ["app/work.py"])


def test_a_comment_is_of_no_concern_to_others(root: Path, tmp_path: Path, looked_at: list[str]) -> None:
    write(root, PROJECT)
    cold = report(tmp_path / "cache")
    looked_at.clear()
    write(root, {"app/work.py": "# why\n\n\nasync def work():\n    # how\n    pass\n"})
    assert report(tmp_path / "cache") == cold
    assert looked_at == ["app/work.py"]


def test_where_a_finding_leads_through_is_told_anew(root: Path, tmp_path: Path, looked_at: list[str]) -> None:
    base = "import time\n\n\ndef work():\n    time.sleep(1)\n"
    uses = "import base\n\n\nasync def f():\n    base.work()\n"
    write(root, {"base.py": base, "uses.py": uses, "other.py": "import base\n"})
    first = report(tmp_path / "cache")
    assert '"CAN406"' in first
    looked_at.clear()
    write(root, {"base.py": "# why\n" + base})
    after = report(tmp_path / "cache")
    assert sorted(looked_at) == ["base.py", "uses.py"]
    assert first != after == report(None)


def test_comments_that_were_asked_for_count(root: Path, tmp_path: Path) -> None:
    """Whether an adapter of the project's own may time a session is seen by the word, wherever it stands."""
    base = "from requests.adapters import HTTPAdapter\n\n\nclass Adapter(HTTPAdapter):\n    def send(self, *a):\n"
    uses = "import requests\nfrom base import Adapter\n\ns = requests.Session()\ns.mount('', Adapter())\ns.get('x')\n"
    write(root, {"base.py": base + "        return 1\n", "uses.py": uses})
    assert '"CAN401"' in report(tmp_path / "cache")
    write(root, {"base.py": base + "        # the timeout is elsewhere\n        return 1\n"})
    after = report(tmp_path / "cache")
    assert '"CAN401"' not in after
    assert after == report(None)


def test_what_was_not_found_is_looked_for_again(root: Path, tmp_path: Path, looked_at: list[str]) -> None:
    write(root, {name: text for name, text in PROJECT.items() if name != "app/work.py"})
    assert "app/main.py" not in report(tmp_path / "cache")
    looked_at.clear()
    write(root, {"app/work.py": PROJECT["app/work.py"]})
    assert '"app/main.py"' in report(tmp_path / "cache")
    assert sorted(looked_at) == ["app/main.py", "app/work.py"]


def test_a_file_that_looks_the_same_is_not_read(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, PROJECT)
    # the files were made just now, which is why nobody would trust their times
    monkeypatch.setattr("cancelcheck.engine.store._RACY", 0)
    cold = report(tmp_path / "cache")
    read: list[str] = []
    real = Contents._read

    def reads(self: Contents, absolute: str) -> tuple[bytes, bytes]:
        read.append(Path(absolute).name)
        return real(self, absolute)

    monkeypatch.setattr(Contents, "_read", reads)
    assert report(tmp_path / "cache") == cold
    assert sorted(read) == ["alone.py", "main.py"], "those with findings, whose text is shown"
    read.clear()
    os.utime(root / "app" / "other.py", ns=(1, 1))
    assert report(tmp_path / "cache") == cold
    assert sorted(read) == ["alone.py", "main.py", "other.py"]


def test_settings_are_part_of_what_is_known(root: Path, tmp_path: Path, looked_at: list[str]) -> None:
    write(root, PROJECT)
    report(tmp_path / "cache")
    looked_at.clear()
    write(root, {"pyproject.toml": "[tool.cancelcheck]\nignore = ['CAN101']\n"})
    assert "CAN101" not in report(tmp_path / "cache")
    assert len(looked_at) == 5


def test_a_file_is_parsed_once_whatever_is_asked(root: Path, tmp_path: Path, lowered: list[str]) -> None:
    write(root, PROJECT)
    report(tmp_path / "cache", "app/main.py")
    assert sorted(lowered) == ["app/__init__.py", "app/main.py", "app/work.py"]
    report(tmp_path / "cache")
    assert sorted(lowered) == sorted(name for name in PROJECT if name.endswith(".py"))


def test_a_defect_is_reported_each_time(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, PROJECT)

    def broken(*arguments: object) -> object:
        raise ZeroDivisionError("of all things")

    with monkeypatch.context() as patched:
        patched.setattr("cancelcheck.engine.pipeline.lower_module", broken)
        for _ in range(2):
            assert "CAN000" in report(tmp_path / "cache", "app/main.py")
    assert "CAN000" not in report(tmp_path / "cache", "app/main.py")


def test_what_cannot_be_parsed_is_known_too(root: Path, tmp_path: Path, lowered: list[str]) -> None:
    write(root, {"a.py": "def f(:\n", "b.py": "import a\n\na.f()\n" + LOST})
    cold = report(tmp_path / "cache")
    assert "CAN001" in cold
    lowered.clear()
    assert report(tmp_path / "cache") == cold
    assert lowered == []


def test_a_comment_that_silences_is_part_of_the_file(root: Path, tmp_path: Path) -> None:
    write(root, {"a.py": LOST})
    assert "CAN101" in report(tmp_path / "cache")
    write(root, {"a.py": LOST.replace("main())\n", "main())  # noqa\n")})
    assert "CAN101" not in report(tmp_path / "cache")


@pytest.mark.parametrize("case", project_cases(), ids=lambda path: path.name)
def test_after_any_change_the_report_is_that_of_a_run_that_knows_nothing(
    case: Path, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(case, root, dirs_exist_ok=True)
    chance = random.Random(case.name)
    files = sorted(root.rglob("*.py"))
    texts = {file: file.read_bytes() for file in files}
    first = report(tmp_path / "cache")
    assert report(tmp_path / "cache") == first == report(None)
    for _ in range(8):
        file = chance.choice(files)
        match chance.randrange(8):
            case 4 | 5:
                file.write_bytes(_with_line(chance, texts[file], (b"# why", b"", b"    # timeout", b"\t")))
            case 6:
                file.write_bytes(_with_line(chance, texts[file], (b"    pass", b"x = 1", b"        await f(1)")))
            case 7:
                file.write_bytes(texts[file].replace(b"\n", b"\r\n"))
            case 0:
                file.unlink(missing_ok=True)
            case 1:
                file.write_bytes(b"\n\n" + texts[file])
            case 2:
                file.write_bytes(texts[chance.choice(files)])
            case _:
                file.write_bytes(texts[file])
        some = [name for name in files if name.exists() and chance.random() < 0.5]
        if some:
            report(tmp_path / "cache", *(name.relative_to(root).as_posix() for name in some))
        assert report(tmp_path / "cache") == report(None)


def _with_line(chance: random.Random, text: bytes, lines: tuple[bytes, ...]) -> bytes:
    """A text with one more line somewhere, wherever that leads."""
    found = text.split(b"\n")
    found.insert(chance.randrange(len(found)), chance.choice(lines))
    return b"\n".join(found)


@pytest.fixture
def corpus(root: Path) -> Path:
    """A folder of fixtures, enough to be shared among processes."""
    rules = ("can102_unjoined_task", "can115_resource_closed_under_tasks", "can403_rpc_or_db_without_timeout")
    for number, folder in enumerate(rules):
        shutil.copytree(FIXTURES / "rules" / folder, root / f"part{number}")
    for folder in sorted(FIXTURES.glob("projects/*"))[::3]:
        shutil.copytree(folder, root / "projects" / folder.name)
    (root / "broken.py").write_text("def f(:\n")
    return root


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_make_no_difference(
    method: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at: list[str]
) -> None:
    if method == "fork" and sys.platform != "linux":
        pytest.skip("only Linux starts processes as copies")
    alone = report(None)
    monkeypatch.setattr(pool, "_method", lambda: method)
    monkeypatch.setattr(pool, "PAYS_FROM", 1)
    monkeypatch.setattr(pool, "PAYS_FROM_AFRESH", 1)
    looked_at.clear()
    assert report(None, jobs=2) == alone
    assert report(tmp_path / "cache", jobs=3) == alone
    assert looked_at == [], "all was done elsewhere"
    assert report(tmp_path / "cache") == alone
    assert looked_at == [], "what the processes found is known"
    for file in sorted(corpus.rglob("*.py"))[::3]:
        file.write_bytes(b"\n" + file.read_bytes())
    half = report(tmp_path / "cache", jobs=2)
    assert half == report(None)
    paths = sorted(path.name for path in corpus.iterdir())
    assert report(tmp_path / "cache", *reversed(paths), jobs=2) == half


def test_a_process_that_is_killed_costs_time_only(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("the processes have to be copies, to be told to die")
    alone = report(None)
    monkeypatch.setattr(pool, "_method", lambda: "fork")
    monkeypatch.setattr(pool, "PAYS_FROM", 1)
    monkeypatch.setattr(pool, "_check", _die)
    done = check((".",), SettingsFinder(overrides=Overrides(strict=True)), jobs=2)
    assert render("json", done) == alone
    assert "ended from outside" in done.notes[0]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is a copy")
def test_what_is_known_is_looked_at_without_a_thread_that_forbids_copies(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods: list[str] = []
    real = multiprocessing.get_context

    def noted(method: str) -> object:
        methods.append(method)
        return real(method)

    monkeypatch.setattr("multiprocessing.get_context", noted)
    monkeypatch.setattr(pool, "PAYS_FROM", 1)
    report(tmp_path / "cache")
    # the code of each changed file is read here, to see that it is not known
    for file in sorted(corpus.rglob("*.py")):
        file.write_text(file.read_text() + "\nadded = 1\n")
    report(tmp_path / "cache", jobs=2)
    assert methods == ["fork"]


def test_neighbours_go_to_one_process(root: Path) -> None:
    sizes = [10, 10, 10, 500_000, 10, 10]
    shares = pool._shares(sizes, 2)
    assert shares == [[0, 1, 2], [3, 4, 5]]
    write(root, {f"m{place}.py": "" for place in range(len(sizes))})
    files, _ = discover((".",), SettingsFinder())
    batches = [pool._batches(files, share, sizes) for share in shares]
    given = [place for share in batches for batch in share for place, _, _ in batch]
    assert given == [*range(len(sizes))]
    assert pool._shares([0, 0, 0], 2) == [[0, 1, 2], []]


def _die(*batch: object) -> object:
    os._exit(1)


def test_memory_that_is_given_back_changes_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = report(None)
    monkeypatch.setattr("cancelcheck.engine.pipeline.MAX_WEIGHT", 1)
    assert report(tmp_path / "cache") == alone
    assert report(tmp_path / "cache") == alone
    assert report(None) == alone


@pytest.mark.parametrize("cached", [True, False])
def test_what_is_forgotten_is_not_read_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    read: list[str] = []

    def lowered(source: SourceFile) -> ModuleFacts:
        read.append(source.path)
        return lower_module(source)

    monkeypatch.setattr("cancelcheck.engine.pipeline.lower_module", lowered)
    monkeypatch.setattr("cancelcheck.engine.pipeline.MAX_WEIGHT", 1)
    report(tmp_path / "cache" if cached else None)
    # without a cache, what has been checked is put aside only where files of two folders have asked for it
    most = Counter(read).most_common(1)[0][1]
    assert most == 1 if cached else most <= 3


def test_where_nothing_can_be_put_aside_all_is_held(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> object:
        raise OSError(errno.ENOSPC, "no space left on device")

    alone = report(None)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    monkeypatch.setattr("cancelcheck.engine.pipeline.MAX_WEIGHT", 1)
    assert report(None) == alone


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("--format", "sarif")])
def test_a_warm_run_imports_no_parser(root: Path, options: tuple[str, ...]) -> None:
    write(root, PROJECT)
    code = (
        "import sys; from cancelcheck.cli import main; main(sys.argv[1:]);"
        "heavy = {'cancelcheck.lower', 'libcst', 'rich', 'flake8', 'multiprocessing'};"
        "print(sorted(heavy.intersection(sys.modules)), file=sys.stderr)"
    )

    def modules() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, "--quiet", *options, "."],
            capture_output=True,
            text=True,
            cwd=root,
            check=True,
            env={**os.environ, **CACHE},
        )
        return done.stderr

    # what the interpreter's own parser reads needs no LibCST, which takes a fifth of a second to import
    cold = modules()
    assert "cancelcheck.lower" in cold
    assert "libcst" not in cold
    assert modules() == "[]\n"


def test_the_cache_is_in_the_projects_folder(root: Path) -> None:
    write(root, PROJECT)
    cold = command("--strict", ".", cwd=root, env=CACHE)
    assert (root / ".cancelcheck_cache" / "cancelcheck.db").is_file()
    inner = command("--strict", "main.py", cwd=root / "app", env=CACHE)
    assert inner.out.startswith("main.py:5")
    assert not (root / "app" / ".cancelcheck_cache").exists()
    assert command("--strict", ".", cwd=root, env=CACHE).out == cold.out
    assert command("clean", cwd=root).err.startswith("Removed ")
    assert not (root / ".cancelcheck_cache").exists()
    assert command("clean", cwd=root).status == 0


def test_options_of_the_cache(root: Path) -> None:
    write(root, PROJECT)
    command("--no-cache", ".", cwd=root, env=CACHE)
    assert not (root / ".cancelcheck_cache").exists()
    command("--cache-dir", "kept", ".", cwd=root, env=CACHE)
    assert (root / "kept" / "cancelcheck.db").is_file()
    command(".", cwd=root, env={**CACHE, "CANCELCHECK_CACHE_DIR": "elsewhere"})
    assert (root / "elsewhere" / "cancelcheck.db").is_file()
    assert command("clean", "--cache-dir", "kept", cwd=root).status == 0
    assert not (root / "kept").exists()
    assert command("--jobs", "0", ".", cwd=root).status == 2


def test_a_cache_that_cannot_be_used_is_said_once_and_changes_nothing(root: Path) -> None:
    write(root, PROJECT)
    expected = command("--strict", ".", cwd=root)
    (root / "file").write_text("")
    done = command("--strict", "--cache-dir", "file/cache", ".", cwd=root, env=CACHE)
    assert (done.status, done.out) == (expected.status, expected.out)
    assert done.err.count("warning: the cache") == 1


def test_several_processes_say_how_far_they_are(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cancelcheck.engine import pool

    monkeypatch.setattr(pool, "PAYS_FROM", 0)
    monkeypatch.setattr(pool, "PAYS_FROM_AFRESH", 0)
    write(root, PROJECT)
    told: list[tuple[str, int, int]] = []
    check((".",), SettingsFinder(), jobs=2, progress=lambda *progress: told.append(progress))
    assert told == sorted(told, key=lambda progress: (progress[0] != "read", progress[1]))
    assert ("read", 5, 5) in told
    assert told[-1] == ("checked", 5, 5)
