"""Which files are checked, in which order, under which names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cancelcheck.config import ConfigError, LoadedSettings, Overrides, Settings, SettingsFinder
from cancelcheck.engine.discover import discover
from cancelcheck.engine.modules import Modules


def tree(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def found(*paths: str, **overrides: object) -> list[str]:
    finder = SettingsFinder(overrides=Overrides(**overrides))  # type: ignore[arg-type]
    files, errors = discover(paths, finder)
    assert errors == []
    return [file.path for file in files]


@pytest.fixture(autouse=True)
def in_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


def test_folders_are_searched_for_python_files_in_order(in_project: Path) -> None:
    tree(in_project, "b.py", "a/z.py", "a/b/c.py", "a.pyw", "stub.pyi", "x.txt", "c")
    assert found(".") == ["a.pyw", "a/b/c.py", "a/z.py", "b.py"]
    assert found("a", "b.py") == ["a/b/c.py", "a/z.py", "b.py"]
    assert found("b.py", "a", "./a", "a/z.py") == ["a/b/c.py", "a/z.py", "b.py"]


def test_paths_are_shown_as_given(in_project: Path) -> None:
    tree(in_project, "a/b.py")
    assert found(str(in_project / "a")) == [(in_project / "a/b.py").as_posix()]
    assert found("../project/a") == ["../project/a/b.py"]


def test_what_nobody_means_is_left_out(in_project: Path) -> None:
    tree(
        in_project,
        "a.py",
        ".hidden/x.py",
        ".tox/x.py",
        "venv/x.py",
        "env/pyvenv.cfg",
        "env/lib/x.py",
        "build/lib/x.py",
        "node_modules/x/y.py",
        "__pycache__/x.py",
        "lib/site-packages/x.py",
    )
    assert found(".") == ["a.py"]


def test_a_given_path_is_always_taken(in_project: Path) -> None:
    tree(in_project, "build/a.py", "build/build/b.py", ".hidden/x.py", "script", "env/pyvenv.cfg", "env/x.py")
    assert found("build/a.py") == ["build/a.py"]
    # what excludes the folder that is asked for does not count below it either
    assert found("build") == ["build/a.py", "build/build/b.py"]
    assert found(".hidden") == [".hidden/x.py"]
    assert found("script") == ["script"]
    assert found("env") == ["env/x.py"]
    assert found("build/a.py", "build", force_exclude=True) == []


def test_exclude_adds_patterns_and_takes_them_back(in_project: Path) -> None:
    tree(in_project, "a.py", "app/migrations/m.py", "gen/a.py", "sub/gen/a.py", "build/x.py")
    (in_project / "cancelcheck.toml").write_text("exclude = ['**/migrations/**', '/gen', '!build/']\n")
    assert found(".") == ["a.py", "build/x.py", "sub/gen/a.py"]
    assert found("gen", "app/migrations/m.py") == ["app/migrations/m.py", "gen/a.py"]
    assert found(".", exclude=("a.py",)) == ["build/x.py"]


def test_git_decides_too(in_project: Path) -> None:
    tree(in_project, "a.py", "out/x.py", "keep.log.py", "sub/b.py", "sub/c.py", "sub/out/x.py", "sub/deep/c.py")
    (in_project / ".git").mkdir()
    (in_project / ".gitignore").write_text("out/\n*.log.py\n!keep.log.py\n[\n")
    (in_project / "sub" / ".gitignore").write_text("/c.py\n!out/\n")
    assert found(".") == ["a.py", "keep.log.py", "sub/b.py", "sub/deep/c.py", "sub/out/x.py"]
    # from below, what stands above still counts, but not against what is asked for
    assert found("sub") == ["sub/b.py", "sub/deep/c.py", "sub/out/x.py"]
    assert found("out", "sub/c.py") == ["out/x.py", "sub/c.py"]


def test_above_the_repository_nothing_is_ignored(in_project: Path) -> None:
    (in_project.parent / ".gitignore").write_text("*.py\n")
    (in_project / ".git").mkdir()
    tree(in_project, "a.py")
    assert found(".") == ["a.py"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system here")
def test_links_and_pipes(in_project: Path) -> None:
    tree(in_project, "a/b.py", "target.py")
    (in_project / "a" / "loop").symlink_to(in_project / "a")
    (in_project / "a" / "dead.py").symlink_to("nowhere.py")
    (in_project / "a" / "self.py").symlink_to("self.py")
    (in_project / "a" / "link.py").symlink_to("../target.py")
    (in_project / "linked").symlink_to("a")
    os.mkfifo(in_project / "a" / "pipe.py")
    assert found(".") == ["a/b.py", "a/link.py", "target.py"]
    assert found("linked") == ["linked/b.py", "linked/link.py"]
    _, errors = discover(["a/pipe.py"], SettingsFinder())
    assert [(error.path, error.message) for error in errors] == [
        ("a/pipe.py", "cannot be read: it is neither a file nor a folder")
    ]


def test_a_missing_path_is_an_error(in_project: Path) -> None:
    tree(in_project, "a.py")
    files, errors = discover(["a.py", "nowhere", "bad\0name"], SettingsFinder())
    assert [file.path for file in files] == ["a.py"]
    assert errors[0].path == "nowhere"
    assert "No such file" in errors[0].message
    assert errors[1].path == "bad\0name"


def test_the_nearest_settings_hold_for_each_folder(in_project: Path) -> None:
    tree(in_project, "one/a.py", "two/a.py")
    (in_project / "cancelcheck.toml").write_text("")
    (in_project / "two" / "cancelcheck.toml").write_text("strict = true\n")
    files, _ = discover(["."], SettingsFinder())
    assert [file.loaded.settings.strict for file in files] == [False, True]
    # the same whatever is asked for
    files, _ = discover(["two/a.py"], SettingsFinder())
    assert files[0].loaded.settings.strict


def test_a_pattern_without_meaning_is_an_error(in_project: Path) -> None:
    tree(in_project, "a.py")
    (in_project / "cancelcheck.toml").write_text("exclude = ['!']\n")
    with pytest.raises(ConfigError, match=r"cancelcheck.toml: `exclude`"):
        discover(["."], SettingsFinder())


# --- names of modules ------------------------------------------------------------------------------------------------


def modules(root: Path, **settings: object) -> tuple[Modules, LoadedSettings]:
    loaded = LoadedSettings(Settings(**settings), root, None)  # type: ignore[arg-type]
    return Modules(SettingsFinder(fixed=loaded)), loaded


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("src/pkg/mod.py", ("pkg.mod", False)),
        ("src/pkg/__init__.py", ("pkg", True)),
        ("src/space/part/__init__.py", ("space.part", True)),
        ("lib/deep/mod.py", ("deep.mod", False)),
        ("top.py", ("top", False)),
        ("tools/run.py", ("tools.run", False)),
        ("my-scripts/run.py", ("run", False)),
    ],
)
def test_module_names(in_project: Path, file: str, name: tuple[str, bool]) -> None:
    tree(in_project, "src/pkg/__init__.py", "src/space/part/__init__.py", "lib/deep/__init__.py", file)
    names, loaded = modules(in_project)
    assert names.name(str(in_project / file), loaded) == name


def test_a_configured_root_names_modules(in_project: Path) -> None:
    tree(in_project, "python/space/mod.py")
    names, loaded = modules(in_project, src=("python",))
    assert names.name(str(in_project / "python/space/mod.py"), loaded) == ("space.mod", False)


def test_names_are_found_from_the_importing_file_first(in_project: Path) -> None:
    tree(in_project, "src/pkg/__init__.py", "src/pkg/mod.py", "tests/helpers.py", "tests/test_x.py", "helpers.py")
    names, _ = modules(in_project)
    near = str(in_project / "tests/test_x.py")
    assert names.find("helpers", near) == str(in_project / "tests/helpers.py")
    assert names.find("pkg", near) == str(in_project / "src/pkg/__init__.py")
    assert names.find("pkg.mod", near) == str(in_project / "src/pkg/mod.py")
    assert names.find("tests.helpers", near) == str(in_project / "tests/helpers.py")
    assert names.find("helpers", str(in_project / "src/pkg/mod.py")) == str(in_project / "helpers.py")


def test_nothing_outside_of_the_roots_is_found(in_project: Path) -> None:
    tree(in_project, "a.py", "../outside.py", "asyncio.py")
    names, _ = modules(in_project)
    near = str(in_project / "a.py")
    assert names.find("outside", near) is None
    assert names.find("..outside", near) is None
    assert names.find("../outside", near) is None
    assert names.find("requests.sessions", near) is None
    assert names.find("asyncio", near) is None
