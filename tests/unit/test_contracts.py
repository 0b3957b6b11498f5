"""OpenAPI contracts are read as data: nothing is built, nothing outside of the project is opened."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    "target",
    [
        *("../secret.yaml", "https://example.org/a.yaml", "missing.yaml", "#/paths/~1a", "/dev/zero", "."),
        *("a\0b.yaml", "\ud800.yaml", "x" * 5_000),
    ],
    ids=ascii,
)
def test_a_reference_that_leads_elsewhere_is_nothing(tmp_path: Path, target: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret.yaml").write_text("get:\n  x-cancel-timeout: 900\n")
    (root / "api.yaml").write_text(f"paths:\n  /a:\n    $ref: {json.dumps(target)}\n")
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


def test_a_link_out_of_the_project_is_told_and_not_read(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret.yaml").write_text("- s3cret\nb: c\n")
    (root / "api.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ConfigError, match=r"`sla\.openapi`: api\.yaml: is a link that leads out of the project"):
        contracts(root, "api.yaml")
    # what the settings name themselves is read; of what stands there no word is shown
    with pytest.raises(ConfigError, match=r"cannot be read: .*, in line 2$") as told:
        contracts(root, "../secret.yaml")
    assert "s3cret" not in str(told.value)


def test_what_has_no_end_comes_to_one(tmp_path: Path) -> None:
    laughs = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    circle = "  /b: &b\n    get: *b\n    put: {x-sla: 800}\n    $ref: '#/paths/~1b'\n"
    (tmp_path / "api.yaml").write_text(f"a0: &a0 lol\n{laughs}paths:\n{circle}  /c: *a39\n  ? [*a39]\n  : *a39\n")
    assert [operation.path for operation in contracts(tmp_path, "api.yaml").operations] == ["/b"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "api.yaml")
    with pytest.raises(ConfigError, match=r"api\.yaml: it is no file"):
        contracts(tmp_path, "api.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((None, "No such file"), ("a: [", "cannot be read"), ("\x00", "cannot be read")),
        ("[" * 20_000, "cannot be read: it is nested too deeply"),
        ("- " * 20_000, "cannot be read: it is nested too deeply"),
        *((deep * 1_000_000, "cannot be read: it is nested too deeply") for deep in ("[", "{a: ", "- ", "? ")),
        ("a: &b 1\nc: &b 2\n", "cannot be read: found duplicate anchor, in line 2"),
        ("a: *b\n", "cannot be read: found undefined alias, in line 1"),
        ("a: 1\n---\nb: 2\n", "cannot be read: found another document, in line 2"),
        ("#" * 9_000_000, "cannot be read: it has more than 8,000,000 bytes"),
    ],
    ids=range(13),
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "api.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"cancelcheck\.toml: `sla\.openapi`: api\.yaml: {said}"):
        contracts(tmp_path, "api.yaml")


SCRAPS = ("paths:", "/a:", "get:", "x-sla:", "$ref:", "800", "{", "}", "[", "]", "&a", "*a", "!!map", "- ", "? ", ": ")
SCRAPS += (
    "\n",
    "\n  ",
    "\n    ",
    "|\n",
    "'",
    '"',
    "#",
    "\t",
    "%YAML 1.1\n---\n",
    "...\n",
    "<<:",
    "\x00",
    "\x85",
    "é",
    "1e999",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.one_of(st.binary(), st.lists(st.sampled_from(SCRAPS)).map(lambda parts: "".join(parts).encode())))
def test_any_contract_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "api.yaml").write_bytes(content)
    try:
        assert all(operation.timeout_ms > 0 for operation in contracts(tmp_path, "api.yaml").operations)
    except ConfigError as error:
        assert str(error).startswith("cancelcheck.toml: `sla.openapi`: api.yaml: cannot be read: ")


def large(count: int) -> str:
    """A contract with `count` operations, and as many that stand elsewhere in it."""
    lines = ["openapi: 3.1.0", "paths:"]
    for number in range(count):
        lines += [f"  /a{number}:", "    post: {x-cancel-timeout: 2000, operationId: ä}  # ö", "    get:"]
        lines.append(f"      $ref: '#/components/operations/o{number}'")
    lines += ["components:", "  operations:", *(f"    o{n}: {{x-cancel-timeout: {n + 1}}}" for n in range(count))]
    return "\n".join(lines) + "\n"


def test_both_parsers_of_yaml_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"large.yaml": large(20), "small.yaml": YAML, "data.json": '{"paths": {"/ä": {"get": {"x-sla": 5}}}}'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    quick = contracts(tmp_path, *texts).operations
    monkeypatch.delattr("yaml.CSafeLoader", raising=False)
    assert contracts(tmp_path, *texts).operations == quick


def test_a_large_contract_takes_no_longer_for_its_size(tmp_path: Path) -> None:
    def took(count: int) -> float:
        (tmp_path / "api.yaml").write_text(large(count), "utf-8")
        started = time.process_time()
        assert len(contracts(tmp_path, "api.yaml").operations) == 2 * count
        return time.process_time() - started

    took(10)
    # eight times as much: sixty-four times as long, if each operation looked at all of them
    assert took(4_000) < 24 * max(took(500), 0.01)
