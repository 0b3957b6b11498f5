"""The documentation says what is so: each command of each page is run, and prints what the page shows."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cancelcheck.catalog import Catalog
from cancelcheck.config import parse_settings
from cancelcheck.reporting import render
from cancelcheck.rules import RULES
from tests.support.documentation import PAGES, ROOT, agrees, pieces, run_page
from tests.unit.reporting.sample import REPORT


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform == "win32", reason="the pages are for a POSIX shell")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    wrong = [
        f"{name_of(page)}:{ran.line}: $ {ran.command}\n[{ran.status}] {ran.output}"
        for _, done in run_page(page, tmp_path)
        for ran in done
        if not agrees(ran)
    ]
    assert not wrong, "\n".join([*wrong, "`python -m tests.support.documentation` writes what is printed now"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_settings_of_a_page_are_right(page: Path) -> None:
    for piece in pieces(page.read_text("utf-8")):
        if piece.language == "toml" and "cancelcheck" in piece.text and "[library]" not in piece.text:
            table: Any = tomllib.loads(piece.text)
            Catalog(parse_settings(table.get("tool", {}).get("cancelcheck", {}), name_of(page)).api)
        if piece.language == "json":
            json.loads(piece.text)


def test_every_command_and_option_that_is_named_exists() -> None:
    from cancelcheck.cli.commands import NAMES
    from cancelcheck.config import options

    known = {option.name for option in options()} | {"help", "version", "schema", "show", "yes", "html", "stdio"}
    for page in PAGES:
        text = page.read_text("utf-8")
        for command, rest in re.findall(r"`cancelcheck ([a-z]+)\b([^`]*)`", text):
            # or a path, where `check` is left out
            assert command in (*NAMES, "src", "shop"), f"{name_of(page)}: cancelcheck {command}"
            assert set(re.findall(r"--([a-z-]+)", rest)) <= known, f"{name_of(page)}: {rest}"


def test_the_task_for_vs_code_reads_what_is_printed() -> None:
    page = (ROOT / "docs" / "editors.md").read_text("utf-8")
    (task,) = [json.loads(piece.text) for piece in pieces(page) if piece.title == ".vscode/tasks.json"]
    pattern = task["tasks"][0]["problemMatcher"]["pattern"]
    shown = render("concise", REPORT).splitlines()
    for line, finding in zip(shown, REPORT.findings, strict=True):
        match = re.fullmatch(pattern["regexp"], line)
        assert match is not None
        found = [match[pattern[name]] for name in ("file", "line", "column", "code", "message")]
        assert found == [finding.path, str(finding.line), str(finding.column), finding.code, finding.message]


def test_there_is_a_page_for_each_rule_and_it_is_its_documentation() -> None:
    pages = load("pages")
    generated = pages.generated()
    for rule in RULES:
        page = generated[pages.address(rule)]
        assert page.startswith(f"# {rule.code}: {rule.name}\n")
        assert f"](./{pages.address(rule)}" not in page
        sections = re.findall(r"^## (.*)$", rule.markdown, re.MULTILINE)
        assert re.findall(r"^## (.*)$", page, re.MULTILINE)[: len(sections)] == sections
        assert "```python bad" not in page
        assert f"[{rule.code}]({Path(pages.address(rule)).name})" in generated["rules/index.md"]


def test_the_tables_are_made_from_the_data() -> None:
    pages = load("pages")
    catalogue = pages.generated()["catalogue.md"]
    for library in Catalog().libraries():
        assert f"| `{library}`" in catalogue
    configuration = pages.filled((ROOT / "docs" / "configuration.md").read_text("utf-8"))
    assert "<!-- table" not in configuration
    for key in ("`extend-select`", "`compensation-decorators`", "`timeout-position`", "`--since"):
        assert key in configuration


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"^  - (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} | {"catalogue.md"}


def test_links_between_pages_lead_somewhere() -> None:
    pages = load("pages")
    folder = ROOT / "docs"
    known = set(pages.generated()) | {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    for path in folder.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+\.md)(?:#[\w-]*)?\)", path.read_text("utf-8")):
            assert target in known, f"{path.name}: {target}"


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "website.py"), "build", str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr + done.stdout
    for rule in RULES:
        assert (tmp_path / "site" / "rules" / f"{rule.code.lower()}-{rule.name}" / "index.html").exists()
