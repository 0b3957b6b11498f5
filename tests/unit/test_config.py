"""The settings: where they are found, what they say, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cancelcheck.config import (
    FORMATS,
    ConfigError,
    Door,
    Overrides,
    Settings,
    SettingsFinder,
    load_settings,
    options,
    parse_settings,
)
from cancelcheck.reporting import FORMS

FULL = """
[tool.cancelcheck]
src = ["src"]
exclude = ["**/migrations/**"]
extend-select = ["CAN002"]
ignore = ["lost-task"]
per-file-ignores = { "scripts/**" = ["4xx"] }
test-files = ["tests/**", "test_*.py", "conftest.py"]
default-timeout = 10
context-parameters = ["deadline", "budget"]
context-types = ["acme.core.RequestContext"]
allow-cancelled-return = ["app.worker:*"]

[tool.cancelcheck.sla]
decorators = ["payments.core.sla"]
functions = ["payments.*.charge"]
openapi = ["api/openapi.yaml"]
compensation-decorators = ["payments.core.compensable"]
idempotent-decorators = ["payments.core.idempotent"]
min-timeout-ms = 500
snapshot = ["payments.journal.snapshot"]
breakers = ["payments.core.breaker"]
retry-policies = ["payments.core.retrying"]

[[tool.cancelcheck.api]]
call = "acme.http.Client.request"
kind = "http"
mode = "async"
timeout = "deadline_s"
default = "none"
"""


def test_a_whole_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(FULL)
    inner = tmp_path / "src" / "app"
    inner.mkdir(parents=True)
    loaded = load_settings(inner)
    assert loaded.root == tmp_path
    assert loaded.file == tmp_path / "pyproject.toml"
    settings = loaded.settings
    assert settings.src == ("src",)
    assert settings.per_file_ignores == {"scripts/**": ("4xx",)}
    assert settings.default_timeout == 10.0
    assert settings.sla.min_timeout_ms == 500
    assert settings.sla.max_timeout_ms is None
    assert settings.sla.decorators == ("payments.core.sla",)
    assert settings.api[0]["timeout"] == "deadline_s"


def test_defaults_where_no_file_says_anything(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    loaded = load_settings(tmp_path)
    assert loaded.settings == Settings()
    assert loaded.root == tmp_path
    assert loaded.file is None
    assert loaded.settings.sla.decorators == ("sla", "sla_critical", "transactional")
    assert loaded.settings.sla.min_timeout_ms == 800


def test_the_root_of_a_package_that_nothing_marks_is_the_folder_around_it(tmp_path: Path) -> None:
    inner = tmp_path / "shop" / "util"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    assert SettingsFinder(isolated=True).for_folder(inner).root == tmp_path
    assert SettingsFinder(isolated=True).for_folder(tmp_path).root == tmp_path


def test_a_pyproject_without_our_table_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.cancelcheck]\nstrict = true\n")
    inner = tmp_path / "packages" / "one"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'one'\n")
    assert load_settings(inner).settings.strict


def test_cancelcheck_toml_wins_over_pyproject_beside_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.cancelcheck]\nignore = ['CAN001']\n")
    (tmp_path / "cancelcheck.toml").write_text("strict = true\n[sla]\nmin-timeout-ms = 1.5\n")
    settings = load_settings(tmp_path).settings
    assert settings.strict
    assert settings.ignore == ()
    assert settings.sla.min_timeout_ms == 1.5


def test_isolated_and_config(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.cancelcheck]\nstrict = true\n")
    other = tmp_path / "other" / "our.toml"
    other.parent.mkdir()
    other.write_text("ignore = ['CAN001']\n")
    assert not load_settings(tmp_path, isolated=True).settings.strict
    loaded = load_settings(tmp_path, config=other)
    assert loaded.settings.ignore == ("CAN001",)
    assert loaded.root == other.parent


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("selct = ['CAN101']", ["unknown key `selct`", "did you mean `select`?"]),
        ("[sla]\ndecorator = ['x']", ["unknown key `sla.decorator`", "`sla.decorators`"]),
        ("min-timeout-ms = 3", ["unknown key `min-timeout-ms`", "`sla.min-timeout-ms`"]),
        ("extend_select = ['x']", ["unknown key `extend_select`", "`extend-select`"]),
        ("select = 'CAN101'", ["`select`", "array"]),
        ("strict = 1", ["`strict`", "bool"]),
        ("per-file-ignores = { 'a' = 'CAN1' }", ["`per-file-ignores", "array"]),
        ("default-timeout = 0", ["`default-timeout`", "above 0"]),
        ("default-timeout = 'no name'", ["`default-timeout`", "dotted name"]),
        ("[sla]\nmin-timeout-ms = -5.0", ["`sla.min-timeout-ms`", "above 0"]),
        ("strict = \n", ["not TOML", "line 1"]),
    ],
)
def test_a_mistake_names_file_key_and_what_is_right(tmp_path: Path, text: str, said: list[str]) -> None:
    file = tmp_path / "cancelcheck.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert "cancelcheck.toml" in str(caught.value)
    for part in said:
        assert part in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        load_settings(tmp_path, config=tmp_path / "nowhere.toml")
    bad = tmp_path / "cancelcheck.toml"
    bad.write_bytes(b"src = ['\xff']")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(tmp_path)


def test_the_table_must_be_a_table() -> None:
    with pytest.raises(ConfigError, match="here: expected `object`"):
        parse_settings(["strict"], "here")


def test_the_command_line_overrides() -> None:
    settings = Settings(select=("CAN1",), extend_select=("CAN2",), ignore=("CAN101", "lost-task"), exclude=("a",))
    assert Overrides().over(settings) is settings
    afresh = Overrides(select=("CAN4",)).over(settings)
    assert (afresh.select, afresh.extend_select, afresh.ignore) == (("CAN4",), (), ())
    more = Overrides(extend_select=("can101",), ignore=("CAN3",), exclude=("b",), strict=True).over(settings)
    assert more.select == ("CAN1",)
    assert more.extend_select == ("CAN2", "can101")
    assert more.ignore == ("lost-task", "CAN3")
    assert more.exclude == ("a", "b")
    assert more.strict


def test_settings_of_a_folder_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "cancelcheck.toml").write_text("strict = true\n")
    (tmp_path / "a").mkdir()
    finder = SettingsFinder()
    first = finder.for_folder(tmp_path / "a")
    (tmp_path / "cancelcheck.toml").unlink()
    assert finder.for_folder(tmp_path) is first


def test_every_option_says_what_it_is_for() -> None:
    rows = options()
    names = [option.name for option in rows]
    assert len(set(names)) == len(names)
    assert all(option.about.help for option in rows)
    in_file = {option.name for option in rows if Door.FILE in option.about.doors}
    assert {"src", "select", "per-file-ignores", "sla.min-timeout-ms", "api"} <= in_file
    assert "format" not in in_file


def test_the_formats_are_those_that_there_are_reporters_for() -> None:
    assert tuple(FORMS) == FORMATS
