"""OpenAPI contracts are read as data: nothing is built, nothing outside of the project is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cancelcheck.config import ConfigError
from cancelcheck.engine.contracts import Contracts

YAML = """\
openapi: 3.1.0
paths:
  /charges/{id}:
    parameters: []
    post:
      operationId: charge
      x-cancel-timeout: 2000
    get: {x-sla: {timeout_ms: 1500}}
    put: {x-sla: soon}
    delete: {x-cancel-timeout: -1}
"""


def contracts(root: Path, *names: str) -> Contracts:
    return Contracts(root, names, "cancelcheck.toml")


def test_operations_and_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(YAML)
    charge, read = contracts(tmp_path, "api.yaml").operations
    assert (charge.method, charge.path, charge.operation_id) == ("POST", "/charges/{id}", "charge")
    assert (charge.timeout_ms, charge.line, charge.column) == (2000, 7, 7)
    assert charge.text == "x-cancel-timeout: 2000"
    assert (read.method, read.field, read.timeout_ms) == ("GET", "x-sla", 1500)


def test_json_with_tabs(tmp_path: Path) -> None:
    data = {"paths": {"/a": {"get": {"x-cancel-timeout": 800}}}}
    (tmp_path / "api.json").write_text(json.dumps(data, indent="\t"))
    (operation,) = contracts(tmp_path, "api.json").operations
    assert (operation.timeout_ms, operation.line) == (800, 5)


def test_references_within_the_project(tmp_path: Path) -> None:
    (tmp_path / "paths").mkdir()
    (tmp_path / "api.yaml").write_text("paths:\n  /a:\n    $ref: paths/a.yaml#/items/one~1two\n")
    (tmp_path / "paths" / "a.yaml").write_text("items:\n  one/two:\n    get:\n      x-cancel-timeout: 900\n")
    found = contracts(tmp_path, "api.yaml")
    (operation,) = found.operations
    assert (Path(operation.file).name, operation.line) == ("a.yaml", 4)
    assert [Path(path).name for path in found.files] == ["api.yaml", "a.yaml"]


@pytest.mark.parametrize("target", ["../secret.yaml", "https://example.org/a.yaml", "missing.yaml", "#/paths/~1a"])
def test_a_reference_that_leads_elsewhere_is_nothing(tmp_path: Path, target: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret.yaml").write_text("get:\n  x-cancel-timeout: 900\n")
    (root / "api.yaml").write_text(f"paths:\n  /a:\n    $ref: {target!r}\n")
    found = contracts(root, "api.yaml")
    assert found.operations == ()
    assert len(found.files) == 1


def test_tags_are_not_run(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("paths: !!python/object/apply:os.system ['touch here']\n")
    assert contracts(tmp_path, "api.yaml").operations == ()
    assert not (tmp_path / "here").exists()


def test_the_key_changes_with_each_file(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("paths:\n  /a:\n    $ref: b.yaml\n")
    (tmp_path / "b.yaml").write_text("get: {x-cancel-timeout: 900}\n")
    before = contracts(tmp_path, "api.yaml").key
    (tmp_path / "b.yaml").write_text("get: {x-cancel-timeout: 901}\n")
    assert contracts(tmp_path, "api.yaml").key != before
    assert contracts(tmp_path).key == contracts(tmp_path).key


@pytest.mark.parametrize(
    ("text", "said"), [(None, "No such file"), ("a: [", "cannot be read"), ("\x00", "cannot be read")]
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "api.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"cancelcheck\.toml: `sla\.openapi`: api\.yaml: {said}"):
        contracts(tmp_path, "api.yaml")
