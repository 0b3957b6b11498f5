"""An action for each file, and one for all of them: the findings of a plain run, from files of facts that are the same
everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cancelcheck.engine import pipeline
from tests.support.documentation import ROOT, pieces
from tests.support.fixtures import project_cases
from tests.support.runs import LOST, Done, command, status, write


def facts_of(root: Path, into: Path) -> None:
    """One action for each file."""
    for file in sorted(root.rglob("*.py")):
        name = file.relative_to(root).as_posix()
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        assert status("facts", name, "-o", str(into / f"{name}.facts")) == 0


@pytest.mark.parametrize("case", project_cases(), ids=lambda path: path.name)
def test_the_findings_are_those_of_a_plain_run_and_no_file_is_read_again(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, facts = tmp_path / "project", tmp_path / "facts"
    shutil.copytree(case, root)
    (root / "broken.py").write_text("def f(:\n")
    monkeypatch.chdir(root)
    facts_of(root, facts)
    capsys.readouterr()
    options = ("check", "--strict", "--format", "json", "--no-cache")
    plain = status(*options, "."), capsys.readouterr().out
    monkeypatch.setattr(pipeline, "lower_module", lambda source: pytest.fail(f"{source.path} was read"))
    assert (status(*options, "--facts", str(facts), "."), capsys.readouterr().out) == plain
    assert plain[0] == 1


def test_facts_are_the_same_wherever_the_files_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"pyproject.toml": "[project]\nname = 'a'\n", "app/__init__.py": "", "app/one.py": LOST, "top.py": LOST}
    found: list[dict[str, bytes]] = []
    for place in ("here", "elsewhere/deep"):
        root = tmp_path / place
        write(root, files)
        monkeypatch.chdir(root)
        facts_of(root, tmp_path / "facts" / place)
        kept = tmp_path / "facts" / place
        found.append({file.relative_to(kept).as_posix(): file.read_bytes() for file in sorted(kept.rglob("*.facts"))})
    assert found[0] == found[1]
    assert sorted(found[0]) == ["app/__init__.py.facts", "app/one.py.facts", "top.py.facts"]
    assert not any(os.fsencode(tmp_path) in data for data in found[0].values())


def test_facts_of_another_text_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"one.py": "x = 1\n"})
    monkeypatch.chdir(tmp_path)
    facts_of(tmp_path, tmp_path / "facts")
    write(tmp_path, {"one.py": LOST})
    assert status("--facts", "facts", "--no-cache", "one.py") == 1
    assert "one.py:5:5: CAN101" in capsys.readouterr().out


def test_what_is_no_file_of_facts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"one.py": LOST, "bytes.py": b"x = '\xff'\n"})
    monkeypatch.chdir(tmp_path)
    facts_of(tmp_path, tmp_path / "facts")
    assert status("--facts", "facts", "--no-cache", "one.py", "bytes.py") == 1
    file = tmp_path / "facts" / "one.py.facts"
    data = file.read_bytes()
    for damaged in (b"x", data[:-1], data[:60] + bytes([data[60] ^ 1]) + data[61:]):
        file.write_bytes(damaged)
        assert status("--facts", "facts", "one.py") == 2
        assert "one.py.facts: `cancelcheck facts` did not write it" in capsys.readouterr().err
    assert status("--facts", "nowhere", "one.py") == 2
    assert status("facts", "nowhere.py", "-o", "x.facts") == 2
    assert status("facts", "one.py", "-o", "one.py") == 2
    assert (tmp_path / "one.py").read_text() == LOST


@pytest.mark.skipif(shutil.which("make") is None or sys.platform == "win32", reason="there is no make")
def test_the_recipe_for_make(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "build-systems.md").read_text("utf-8")
    (recipe,) = [piece.text for piece in pieces(page) if piece.title == "cancelcheck.mk"]
    case = next(case for case in project_cases() if case.name == "wrappers_elsewhere")
    shutil.copytree(case, tmp_path / "src", ignore=shutil.ignore_patterns("*.toml"))
    write(tmp_path, {"pyproject.toml": "[tool.cancelcheck]\nstrict = true\n", "cancelcheck.mk": recipe})
    shim = tmp_path / "bin" / "cancelcheck"
    write(tmp_path, {"bin/cancelcheck": f'#!/bin/sh\nexec "{sys.executable}" -m cancelcheck "$@"\n'})
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"

    def make() -> Done:
        return _make(tmp_path, path)

    first = make()
    assert first.status == 0, first.err
    count = len(list((tmp_path / "src").rglob("*.py")))
    assert len(re.findall(r"^cancelcheck facts", first.out, re.MULTILINE)) == count
    report = tmp_path / "build" / "findings.json"
    plain = command("--format", "json", "--no-cache", "--exit-zero", "src", cwd=tmp_path)
    assert report.read_text("utf-8") == plain.out
    assert '"CAN' in plain.out
    assert "facts" not in make().out
    changed = next(iter(sorted((tmp_path / "src").rglob("*.py"))))
    changed.write_bytes(
        changed.read_bytes() + b"\n\nimport asyncio\n\n\nasync def f():\n    asyncio.create_task(f())\n"
    )
    os.utime(changed, (2**31, 2**31))
    assert len(re.findall(r"^cancelcheck facts", make().out, re.MULTILINE)) == 1
    assert (
        report.read_text("utf-8") == command("--format", "json", "--no-cache", "--exit-zero", "src", cwd=tmp_path).out
    )


def _make(folder: Path, path: str) -> Done:
    done = subprocess.run(
        ["make", "-f", "cancelcheck.mk", "-j2"],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout, done.stderr)
