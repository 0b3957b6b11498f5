"""The schema of the settings, made from the option table: it takes what the settings take, and refuses what they do."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import jsonschema
import pytest

from cancelcheck import cli
from cancelcheck.catalog import Catalog, CatalogError
from cancelcheck.config import ConfigError, Door, options, parse_settings
from cancelcheck.reporting.settings import api_as_markdown, as_schema, keys_as_markdown, options_as_markdown
from tests.unit.test_config import FULL

SCHEMA = as_schema()


def both_take(table: Any) -> bool:
    """Whether the schema and the settings take a table; fails if only one of them does."""
    by_schema = jsonschema.Draft202012Validator(SCHEMA).is_valid(table)
    try:
        Catalog(parse_settings(table, "x").api)
    except (ConfigError, CatalogError):
        by_settings = False
    else:
        by_settings = True
    assert by_schema == by_settings, table
    return by_schema


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(SCHEMA))


def test_every_key_is_in_it_with_its_meaning() -> None:
    for option in options():
        if Door.FILE not in option.about.doors:
            continue
        described: Any = SCHEMA
        for part in option.name.split("."):
            described = described["properties"][part]
        assert described["description"] == option.about.help


def test_a_whole_table_is_taken() -> None:
    assert both_take(tomllib.loads(FULL)["tool"]["cancelcheck"])
    assert both_take({})


@pytest.mark.parametrize(
    "table",
    [
        {"selct": []},
        {"select": "CAN101"},
        {"select": [1]},
        {"strict": "yes"},
        {"default-timeout": []},
        {"per-file-ignores": {"a": "CAN101"}},
        {"per-file-ignores": []},
        {"sla": {"decorater": []}},
        {"sla": {"min-timeout-ms": "800"}},
        {"sla": []},
        {"baseline": 1},
        {"api": {"call": "x.y"}},
        {"api": [{"call": "x.y"}]},
        {"api": [{"call": "x.y", "kind": "htp", "mode": "async"}]},
        {"api": [{"call": "x.y", "kind": "http", "mode": "async", "tmeout": "t"}]},
    ],
)
def test_what_the_settings_refuse_is_refused(table: Any) -> None:
    assert not both_take(table)


@pytest.mark.parametrize(
    "table",
    [
        {"default-timeout": 5},
        {"default-timeout": "app.settings.TIMEOUT"},
        {"sla": {"max-timeout-ms": 2000}},
        {"per-file-ignores": {"scripts/**": ["4xx"]}},
        {"api": [{"call": ["x.y", "x.z"], "kind": "http", "mode": "sync", "timeout": ["t", "u"], "default": 3}]},
    ],
)
def test_what_the_settings_take_is_taken(table: Any) -> None:
    assert both_take(table)


def test_the_tables_list_everything() -> None:
    tables = keys_as_markdown("") + keys_as_markdown("sla")
    for option in options():
        if Door.FILE in option.about.doors and option.name != "api":
            assert f"| `{option.name.rpartition('.')[2]}` |" in tables
        if Door.COMMAND in option.about.doors:
            assert f"--{option.name}" in options_as_markdown()
    assert "| `kind` (needed) |" in api_as_markdown()
    for table in (tables, options_as_markdown(), api_as_markdown()):
        columns = {row.replace("\\|", "").count("|") for row in table.splitlines() if row}
        assert columns <= {3, 4}
