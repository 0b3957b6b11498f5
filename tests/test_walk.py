"""The newcomer's walk: an old project, a first run, a green gate; one bad change, a red one; a fix, and green again.

The gate is what `init` has written: the hook, run by git and pre-commit, and the job's own steps, run by a shell.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.repositories import commit, git, needs_git, repository
from tests.support.runs import Done, write

pytestmark = [needs_git, pytest.mark.skipif(sys.platform == "win32", reason="the gates are POSIX shell")]

ROOT = Path(__file__).parents[1]

# some findings of several kinds, as they come in years
OLD = {
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '4'\n",
    "README.md": "# Shop\n",
    "shop/__init__.py": "",
    "shop/jobs.py": """\
import asyncio
import time


async def tick():
    time.sleep(0.5)
    await asyncio.sleep(60)


async def start():
    asyncio.create_task(tick())
    asyncio.create_task(tick())
""",
    "shop/api.py": """\
import asyncio

import requests


def stock(item):
    return requests.get(f"https://stock.example.org/{item}").json()


async def watch(queue):
    while True:
        try:
            print(await queue.get())
        except asyncio.CancelledError:
            continue
""",
    "tests/test_api.py": "import requests\n\n\ndef test_it():\n    requests.get('http://localhost')\n",
    ".github/dependabot.yml": "version: 2\n",
}

BAD = """

async def refresh():
    time.sleep(5)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = repository(tmp_path / "shop")
    write(folder, OLD)
    commit(folder, "Four years of work")
    return folder


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """With the command on the path, and a home of its own for pre-commit."""
    script = tmp_path / "bin" / "cancelcheck"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cancelcheck "$@"\n')
    script.chmod(0o755)
    path = os.pathsep.join((str(script.parent), str(Path(sys.executable).parent), os.environ["PATH"]))
    monkeypatch.setenv("PATH", path)
    # a real run has a cache
    monkeypatch.setenv("CANCELCHECK_NO_CACHE", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "PRE_COMMIT_COLOR": "never"}


def shell(folder: Path, line: str, environment: dict[str, str]) -> Done:
    done = subprocess.run(
        ["sh", "-ec", line],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def run_job(folder: Path, environment: dict[str, str]) -> Done:
    """What the CI server would run after it has installed the command."""
    job = yaml.safe_load((folder / ".github/workflows/cancelcheck.yml").read_text())["jobs"]["cancelcheck"]
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert [step.split()[:4] for step in steps[:-1]] == [["python", "-m", "pip", "install"]]
    return shell(folder, steps[-1], environment)


def test_from_the_first_run_to_a_gate_and_back(shop: Path, environment: dict[str, str]) -> None:
    first = shell(shop, "cancelcheck .", environment)
    assert first.status == 1
    assert first.out.count("\n") == 5

    done = shell(shop, "cancelcheck init --yes", environment)
    assert done.status == 0, done.err
    assert "5 findings in 2 of 4 files" in done.out
    assert sorted(git(shop, "status", "--porcelain", "--untracked-files=all").splitlines()) == [
        " M pyproject.toml",
        "?? .github/workflows/cancelcheck.yml",
        "?? .pre-commit-config.yaml",
        "?? cancelcheck-baseline.json",
    ]
    commit(shop, "Check cancellation and timeouts")
    green = run_job(shop, environment)
    assert (green.status, green.out) == (0, "")

    git(shop, "switch", "--quiet", "--create", "refresh")
    jobs = shop / "shop/jobs.py"
    jobs.write_text("# Jobs of the shop.\n" + jobs.read_text() + BAD)
    commit(shop, "Refresh the stock")
    red = run_job(shop, environment)
    assert red.status == 1
    (annotation,) = red.out.splitlines()
    assert annotation.startswith("::warning file=shop/jobs.py,line=17,endLine=17,col=5,endColumn=18,title=CAN406 ")
    assert "`time.sleep(…)` blocks the event loop" in annotation
    for options in ("--since main", "--since main --isolated"):
        pull_request = shell(shop, f"cancelcheck {options} .", environment)
        assert (pull_request.status, pull_request.out.count("\n")) == (1, 1)

    mended = shell(shop, "cancelcheck --fix .", environment)
    assert mended.status == 0
    assert "Fixed 1 finding in 1 file." in mended.err
    assert "    await asyncio.sleep(5)\n" in jobs.read_text()
    assert "    time.sleep(0.5)\n" in jobs.read_text()
    commit(shop, "Mend it")
    assert run_job(shop, environment).status == 0

    # an old one goes too, is named, and taken out
    api = shop / "shop/api.py"
    api.write_text(api.read_text().replace("            continue", "            raise"))
    named = shell(shop, "cancelcheck .", environment)
    assert named.status == 0
    assert "stale: shop/api.py: CAN201 in `shop.api.watch`" in named.err
    assert shell(shop, "cancelcheck --prune-baseline .", environment).status == 0
    assert "stale" not in shell(shop, "cancelcheck .", environment).err
    assert "CAN201" not in (shop / "cancelcheck-baseline.json").read_text()


needs_pre_commit = pytest.mark.skipif(
    shutil.which("pre-commit") is None and not (Path(sys.executable).parent / "pre-commit").exists(),
    reason="no pre-commit",
)


@needs_pre_commit
def test_the_hook_that_init_writes(shop: Path, environment: dict[str, str]) -> None:
    # an installation from a repository names that, and its hook would be fetched
    write(shop, {".pre-commit-config.yaml": "repos:\n- repo: meta\n  hooks:\n  - id: identity\n"})
    assert shell(shop, "cancelcheck init --yes", environment).status == 0
    config = yaml.safe_load((shop / ".pre-commit-config.yaml").read_text())
    if config["repos"][-1]["repo"] != "local":
        pytest.skip("installed from a repository")
    assert shell(shop, "pre-commit install", environment).status == 0
    commit_it = "git add -A && git -c user.name=a -c user.email=a@example.org commit -qm more"
    green = shell(shop, commit_it, environment)
    assert green.status == 0, green.out + green.err
    jobs = shop / "shop/jobs.py"
    jobs.write_text(jobs.read_text() + BAD)
    write(shop, {"shop/other file.py": "x = 1\n", "notes.txt": "x\n"})
    red = shell(shop, commit_it, environment)
    assert red.status == 1
    assert "shop/jobs.py:16:5: CAN406 " in red.out + red.err
    assert shell(shop, "cancelcheck --fix .", environment).status == 0
    assert shell(shop, commit_it, environment).status == 0


@needs_pre_commit
@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_the_hooks_of_this_repository(shop: Path, environment: dict[str, str]) -> None:
    write(shop, {"shop/other file.py": "import time\n\n\nasync def f():\n    time.sleep(1)\n"})
    git(shop, "add", "--all")
    environment = {**environment, "PYTHONPATH": ""}
    report = shell(shop, f"pre-commit try-repo '{ROOT}' cancelcheck --all-files --verbose", environment)
    assert report.status == 1
    assert "6 findings in 3 of 5 files" in report.out
    assert (shop / "shop/other file.py").read_text().count("await") == 0
    mended = shell(shop, f"pre-commit try-repo '{ROOT}' cancelcheck-fix --all-files", environment)
    assert mended.status == 1
    assert "files were modified by this hook" in mended.out
    assert (shop / "shop/other file.py").read_text().count("await asyncio.sleep(1)") == 1
