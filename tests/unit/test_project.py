"""What the project says about itself is true: the README, the hooks, the package."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import yaml

import cancelcheck
from cancelcheck.config import parse_settings
from cancelcheck.rules import RULES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_shows_the_report_and_the_rules_of_today() -> None:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    assert docs.renewed(README) == README, "run tools/docs.py"


def test_the_readme_opens_with_the_two_commands() -> None:
    fence = README.index("```sh\n")
    first = README[fence : README.index("```", fence + 1)]
    assert [line.split("#")[0].split() for line in first.splitlines()[1:]] == [
        ["python3", "tools/run.py", "check", "src/"],
        ["python3", "tools/run.py", "test"],
    ]


def test_the_readme_shows_settings_that_are_right() -> None:
    start = README.index("```toml\n") + len("```toml\n")
    table = tomllib.loads(README[start : README.index("```", start)])
    settings = parse_settings(table["tool"]["cancelcheck"], "README.md")
    assert settings.api[0]["call"] == "acme.http.Client.request"


def test_every_rule_module_is_registered_in_order() -> None:
    modules = sorted(path.stem for path in (ROOT / "cancelcheck" / "rules").glob("can*.py"))
    assert [f"{rule.code.lower()}_{rule.name.replace('-', '_')}" for rule in RULES] == modules


def test_the_script_runs_on_any_python_3_far_enough_to_say_no() -> None:
    source = (ROOT / "tools" / "run.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 7))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["--help"], 0), (["chekc"], 2)])
def test_the_script_says_how_it_is_called(arguments: list[str], status: int) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "run.py", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert "python3 tools/run.py test" in done.stderr


def test_the_hooks_call_the_command() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert [hook["id"] for hook in hooks] == ["cancelcheck", "cancelcheck-fix"]
    for hook in hooks:
        assert hook["entry"].split()[:2] == ["cancelcheck", "check"]
        assert ("--fix" in hook["entry"]) == (hook["id"] == "cancelcheck-fix")


def test_the_package_has_its_doors_and_its_data() -> None:
    assert version("cancelcheck") == cancelcheck.__version__
    (command,) = entry_points(group="console_scripts", name="cancelcheck")
    assert command.value == "cancelcheck.cli:run"
    (plugin,) = entry_points(group="flake8.extension", name="CAN")
    assert plugin.load().name == "cancelcheck"
    package = Path(cancelcheck.__file__).parent
    for name in ("py.typed", "reporting/report.schema.json"):
        assert (package / name).is_file()
