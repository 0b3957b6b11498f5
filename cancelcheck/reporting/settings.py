"""The options themselves: as a JSON Schema for editors, and as tables for the documentation. Made from the table in
`config`, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from cancelcheck.catalog import schema as catalog
from cancelcheck.config import Door, Option, SlaSettings, options

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_API = "api"
_WORDS = {"string": "text", "integer": "a number", "number": "a number", "boolean": "`true` or `false`"}


# --- JSON Schema -----------------------------------------------------------------------------------------------------


def as_schema() -> dict[str, Any]:
    """A JSON Schema of `[tool.cancelcheck]`, which is that of a `cancelcheck.toml` too."""
    root: dict[str, Any] = {}
    tables: dict[str, dict[str, Any]] = {"": root}
    for option in options():
        if Door.FILE in option.about.doors:
            above, _, key = option.name.rpartition(".")
            tables.setdefault(above, {})[key] = _described(option)
    for name, table in tables.items():
        if name:
            root[name] = {"type": "object", "description": _doc(SlaSettings), **_closed(table)}
    api, definitions = _api()
    return {
        "$schema": _DIALECT,
        "$id": "urn:cancelcheck:settings:1",
        "title": "Settings of cancelcheck",
        "description": "The table [tool.cancelcheck] of a pyproject.toml, or a whole cancelcheck.toml.",
        "type": "object",
        **_closed(root),
        "$defs": {"api": api, **definitions},
    }


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"properties": properties, "additionalProperties": False}


def _described(option: Option) -> dict[str, Any]:
    kind: dict[str, Any]
    if option.name == _API:
        kind = {"type": "array", "items": {"$ref": f"#/$defs/{_API}"}}
    else:
        kind = _without_null(msgspec.json.schema(option.type))
    default = option.default
    given = {"default": msgspec.to_builtins(default)} if default is not None else {}
    return {"description": option.about.help, **kind, **given}


def _without_null(kind: dict[str, Any]) -> dict[str, Any]:
    """A file has no way to say that a value is none but to leave it out."""
    choices = [choice for choice in kind.get("anyOf", ()) if choice != {"type": "null"}]
    return choices[0] if len(choices) == 1 else kind


def _api() -> tuple[dict[str, Any], dict[str, Any]]:
    """The form of one of the project's own clients, and the definitions that it refers to."""
    (entry,), definitions = msgspec.json.schema_components([catalog.Api], ref_template="#/$defs/{name}")
    api = definitions.pop(entry["$ref"].rpartition("/")[2])
    return _plain(api), {name: _plain(found) for name, found in sorted(definitions.items())}


def _plain(found: Any) -> dict[str, Any]:
    return {**found, **({"description": inspect.cleandoc(found["description"])} if "description" in found else {})}


def _doc(struct: type) -> str:
    return " ".join((inspect.getdoc(struct) or "").split())


# --- Markdown --------------------------------------------------------------------------------------------------------


def keys_as_markdown(table: str) -> str:
    """The keys of one table of the configuration file: `""` for `[tool.cancelcheck]` itself, or `sla`."""
    rows = [
        option
        for option in options()
        if Door.FILE in option.about.doors and option.name.rpartition(".")[0] == table and option.name != _API
    ]
    return _table(
        ("key", "default", "meaning"),
        ((f"`{option.name.rpartition('.')[2]}`", _default(option), _meaning(option)) for option in rows),
    )


def options_as_markdown() -> str:
    """The options of `cancelcheck check`."""
    rows = [option for option in options() if Door.COMMAND in option.about.doors]
    return _table(("option", "meaning"), ((f"`{_as_option(option)}`", _meaning(option)) for option in rows))


def api_as_markdown() -> str:
    """The keys of `[[tool.cancelcheck.api]]`."""
    api, definitions = _api()
    return _table(
        ("key", "values", "default"),
        (
            (
                f"`{key}`" + (" (needed)" if key in api["required"] else ""),
                _values(about, definitions),
                _value(about["default"]) if about.get("default") not in (None, "", [], (), -1) else "",
            )
            for key, about in api["properties"].items()
        ),
    )


def _values(about: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in about:
        found = definitions[about["$ref"].rpartition("/")[2]]
        return ", ".join(_value(value) for value in found["enum"]) if "enum" in found else "a table"
    if "anyOf" in about:
        return " or ".join(dict.fromkeys(_values(choice, definitions) for choice in about["anyOf"]))
    if about["type"] == "array":
        return f"a list: {_values(about['items'], definitions)}"
    return _WORDS[about["type"]]


def _as_option(option: Option) -> str:
    short = f"-{option.about.short}, " if option.about.short else ""
    value = "" if option.type is bool else f" {option.about.metavar or '|'.join(option.about.choices) or 'VALUE'}"
    return f"{short}--{option.name}{value}"


def _meaning(option: Option) -> str:
    variable = f"; `{option.about.variable}` in the environment sets it too" if option.about.variable else ""
    return f"{option.about.help}{variable}"


def _default(option: Option) -> str:
    return _value(msgspec.to_builtins(option.default)) if option.default is not None else "not set"


def _value(value: object) -> str:
    import json

    if isinstance(value, dict) and not value:
        return "`{}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "".join(_lines(tuple(head), rows))


def _lines(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n"
