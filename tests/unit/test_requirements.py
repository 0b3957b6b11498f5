"""Which release a project uses, by what it says itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.pipeline import check
from cancelcheck.engine.requirements import newest_admitted, normalised, versions_of


@pytest.mark.parametrize(
    ("specifier", "newest"),
    [
        ("", ""),
        (">=4", ""),
        ("!=4.1", ""),
        ("==5.0.1", "5.0.1"),
        ("==5.*", "5.99999"),
        (">=4,<6", "5.99999"),
        ("<8.0.0", "7.99999"),
        ("<7.4.1", "7.4.0.99999"),
        ("<=7.4", "7.4"),
        ("~=5.0", "5.99999"),
        ("~=5.0.2", "5.0.99999"),
        ("^5.0", "5.99999"),
        ("^0.3", "0.3.99999"),
        ("~5.1", "5.1.99999"),
        ("<6, ==5.1", "5.1"),
        ("<0", "0"),
    ],
)
def test_newest_release_that_is_admitted(specifier: str, newest: str) -> None:
    assert newest_admitted(specifier) == newest


def test_names_are_compared_as_pypi_does() -> None:
    assert normalised("Foo._-Bar") == "foo-bar"


def test_a_lock_says_more_than_a_requirement(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["redis[hiredis]>=4,<6", "httpx", "Rich ~= 13.0"]\n'
    )
    assert versions_of(tmp_path) == {"redis": "5.99999", "rich": "13.99999"}
    (tmp_path / "uv.lock").write_text('[[package]]\nname = "redis"\nversion = "5.2.1"\n')
    assert versions_of(tmp_path)["redis"] == "5.2.1"


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "requirements-dev.txt").write_text("# tools\n-r base.txt\nredis==4.6.0 ; python_version > '3.8'\n")
    (tmp_path / "setup.cfg").write_text("[options]\ninstall_requires =\n    aiohttp<4\n")
    assert versions_of(tmp_path) == {"redis": "4.6.0", "aiohttp": "3.99999"}
    (tmp_path / "Pipfile.lock").write_text('{"default": {"redis": {"version": "==5.0.0"}}}')
    assert versions_of(tmp_path)["redis"] == "5.0.0"


def test_poetry(tmp_path: Path) -> None:
    text = (
        '[tool.poetry.dependencies]\npython = "^3.11"\nredis = "^5.0"\nrich = {version = "13.2"}\nown = {path = "."}\n'
    )
    (tmp_path / "pyproject.toml").write_text(text)
    assert versions_of(tmp_path) == {"python": "3.99999", "redis": "5.99999", "rich": "13.2"}


def test_files_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    (tmp_path / "uv.lock").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "Pipfile.lock").write_text("{")
    (tmp_path / "setup.cfg").write_text("no section\n")
    assert versions_of(tmp_path) == {}


@pytest.mark.parametrize(("wanted", "reported"), [("redis<8", True), ("redis>=5", False), ("redis==8.1.0", False)])
def test_a_default_that_changed_is_that_of_the_release(tmp_path: Path, wanted: str, reported: bool) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[project]\ndependencies = ["{wanted}"]\n')
    (tmp_path / "store.py").write_text("import redis\n\nclient = redis.Redis()\n")
    report = check([str(tmp_path / "store.py")], SettingsFinder(isolated=True))
    assert [finding.code for finding in report.findings] == (["CAN403"] if reported else [])
