"""Real editors, set up with the text of `docs/editors.md`, show what is found, say why, and mend it.

Each is left out where it is not installed. For Visual Studio Code its client library has to be: in `node_modules` of
the checkout, or in the folder that `CANCELCHECK_NODE_MODULES` names.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pygls")

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(__file__).parent / "editors"
PAGE = (ROOT / "docs" / "editors.md").read_text("utf-8")

FILE = "shop/ledger.py"
MESSAGE = "`stub.Post(…)` has no timeout: grpc.aio waits for an answer forever by default\nPass `timeout=`, in seconds."
FIX = "Pass a timeout (may change behaviour)"
MODULES = Path(os.environ.get("CANCELCHECK_NODE_MODULES", ROOT / "node_modules"))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the command is put in place as a shell script")


def blocks(section: str, fence: str) -> list[str]:
    """What a section of the page tells one to write, in the blocks of a kind."""
    part = re.split(rf"^## {section}$", PAGE, flags=re.MULTILINE)[1]
    part = re.split(r"^## ", part, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{fence}\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def neovim() -> str | None:
    """Neovim, where it is as new as the page asks for."""
    found = shutil.which("nvim")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    version = re.search(r"v(\d+)\.(\d+)", said)
    return found if version is not None and (int(version[1]), int(version[2])) >= (0, 11) else None


def emacs_has(package: str) -> bool:
    """Whether there is an Emacs that finds a package."""
    found = shutil.which("emacs")
    if found is None:
        return False
    look = f"(progn (package-initialize) (kill-emacs (if (locate-library {json.dumps(package)}) 0 1)))"
    return (
        subprocess.run([found, "--batch", "--eval", look], capture_output=True, check=False, timeout=60).returncode == 0
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, the command on the way to it, and a home that holds nothing."""
    shutil.copytree(ROOT / "examples" / "payments", tmp_path / "payments", ignore=shutil.ignore_patterns(".*"))
    (tmp_path / "payments" / ".git").mkdir()
    command = tmp_path / "bin" / "cancelcheck"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={str(ROOT)!r} exec {sys.executable!r} -m cancelcheck "$@"\n')
    command.chmod(0o755)
    (tmp_path / "home").mkdir()
    return tmp_path / "payments"


def answered(project: Path, *command: str) -> dict[str, Any]:
    """What an editor that is started in the project answers."""
    above = project.parent
    home = str(above / "home")
    environment = {
        **os.environ,
        "PATH": f"{above / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "XDG_DATA_HOME": home,
        "XDG_STATE_HOME": home,
        "ANSWER": str(above / "answer.json"),
        "ACTION": FIX,
    }
    done = subprocess.run(
        command,
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert (above / "answer.json").exists(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads((above / "answer.json").read_text("utf-8"))
    assert "problem" not in found, found
    return found


def mended(project: Path) -> str:
    """The file as the fix leaves it."""
    return (project / FILE).read_text("utf-8").replace("stub.Post(entry)", "stub.Post(entry, timeout=10)")


def judge(found: dict[str, Any], project: Path) -> None:
    """An editor has shown the finding, said what it is about, and offered and applied what mends it."""
    [[line, column, *_, message]] = found["diagnostics"]
    assert (line, column) == (15, 11)
    assert message.endswith(MESSAGE)
    assert found["hover"].startswith("### CAN403 `rpc-or-db-without-timeout`")
    assert "*Reported:*\n\n```python\n" in found["hover"]
    assert found["actions"] == [FIX, "Silence CAN403 (rpc-or-db-without-timeout) here"]
    assert found["text"] == mended(project)


def test_neovim(project: Path) -> None:
    editor = neovim()
    if editor is None:
        pytest.skip("no Neovim of 0.11 or later")
    [settings] = blocks("Neovim", "lua")
    start = project.parent / "init.lua"
    start.write_text(settings)
    probe = SCRIPTS / "neovim.lua"
    judge(answered(project, editor, "--headless", "-u", str(start), FILE, "-c", f"luafile {probe}"), project)


@pytest.mark.parametrize(("at", "client", "package"), [(0, "lsp-mode", "lsp-mode"), (1, "eglot", "eglot")])
def test_emacs(project: Path, at: int, client: str, package: str) -> None:
    if not emacs_has(package):
        pytest.skip(f"no Emacs with {package}")
    start = project.parent / "init.el"
    start.write_text(blocks("Emacs", "elisp")[at])
    found = answered(
        project,
        *("emacs", "--batch", "--eval", "(package-initialize)", "-l", str(start), "-l", str(SCRIPTS / "emacs.el")),
        *(FILE, "--eval", f"(answering (answer-{client}))"),
    )
    judge(found, project)


@pytest.mark.skipif(
    shutil.which("node") is None or not (MODULES / "vscode-languageclient").is_dir(),
    reason="no node with vscode-languageclient",
)
def test_visual_studio_code(project: Path) -> None:
    extension = project.parent / "extension"
    extension.mkdir()
    for name, language in (("package.json", "json"), ("extension.js", "js")):
        [text] = blocks("VS Code", f'{language} title="cancelcheck-vscode/{name}"')
        (extension / name).write_text(text)
    (extension / "node_modules").symlink_to(MODULES)
    probe = SCRIPTS / "vscode.js"
    judge(answered(project, "node", str(probe), str(extension), str(project), FILE), project)
