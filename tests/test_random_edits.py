"""After edits by chance, a run that knows what earlier checks looked at says what one that knows nothing says.

A file is checked anew where something changed that its last check has looked at, and only there. So everything that a
check looks at in another file has to be noted: here functions, classes, imports and files of small projects are changed
in ways that change findings elsewhere, again and again, with one cache. `test_what_is_not_noted_is_missed` shows that
the edits tell when some of that is not noted."""

from __future__ import annotations

import ast
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cancelcheck.config import Overrides, SettingsFinder
from cancelcheck.engine import reading
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.pipeline import Engine, check
from cancelcheck.engine.recall import FRAME
from cancelcheck.engine.store import Store
from cancelcheck.model.finding import Finding
from cancelcheck.reporting import render
from tests.support.fixtures import project_cases
from tests.support.runs import write

STATEMENTS = (
    "pass",
    "return None",
    "raise ValueError",
    "import time; time.sleep(1)",
    "import asyncio; asyncio.create_task(asyncio.sleep(1))",
    "import asyncio; return asyncio.create_task(asyncio.sleep(1))",
    "import asyncio; return asyncio.Lock()",
    "import threading; return threading.Event()",
    "import requests; return requests.get('https://example.org')",
    "import requests; return requests.Session()",
    "import httpx; return httpx.AsyncClient(timeout=None)",
    "key = lambda given: given",
    "def inner(): return 1",
    "global LIMIT; LIMIT = 1",
    "self.extra = None",
)
"""What is put at the head of a body."""

BLOCKING = ("import time; time.sleep(1)", "import asyncio; return asyncio.create_task(asyncio.sleep(1))", "pass")
"""What is put into each body in turn."""

CLASSES = ("timeout = None", "limit: int = 3", "def __enter__(self): return self", "async def close(self): pass")
"""What is put at the head of a class."""

TOPS = ("import asyncio", "from time import *", "LIMIT = None", "def work(): pass", "async def run(): pass")
"""What is put at the head of a file."""

PROJECT = {
    "pyproject.toml": "[tool.cancelcheck]\n",
    "alone.py": "import asyncio\n\n\nasync def main():\n    asyncio.create_task(main())\n",
    "shop/__init__.py": "from shop.clients import Client, made\n",
    "shop/base.py": (
        "import time\n\nimport requests\n\n\n"
        "class Base:\n"
        "    def __init__(self):\n        self.session = requests.Session()\n\n"
        "    def ask(self):\n        return self.session.get('https://example.org')\n\n"
        "    def wait(self):\n        time.sleep(1)\n\n\n"
        "def slow():\n    time.sleep(1)\n\n\n"
        "def quick():\n    return 1\n"
    ),
    "shop/clients.py": (
        "import asyncio\n\nfrom shop.base import *\nfrom shop.base import Base, slow\n\n\n"
        "class Client(Base):\n"
        "    def fetch(self):\n        return self.ask()\n\n\n"
        "def made():\n    return Client()\n\n\n"
        "async def work():\n    await asyncio.sleep(1)\n\n\n"
        "def through():\n    return slow()\n\n\n"
        "def started():\n    return asyncio.create_task(work())\n"
    ),
    "shop/tools.py": (
        "import contextlib\n\nfrom shop import clients\n\n\n"
        "@contextlib.contextmanager\n"
        "def swallowing():\n    try:\n        yield\n    except Exception:\n        pass\n\n\n"
        "def pause():\n    clients.through()\n\n\n"
        "def client():\n    return clients.made()\n\n\n"
        "def calm():\n    return still()\n\n\n"
        "def still():\n    return clients.quick()\n\n\n"
        "@contextlib.contextmanager\n"
        "def plain():\n    yield\n"
    ),
    "calm.py": "from shop import tools\n\n\nasync def calm():\n    tools.calm()\n",
    "still.py": "from shop.tools import still\n\n\nasync def wait():\n    still()\n",
    "quick.py": "import shop.clients\n\n\nasync def wait():\n    shop.clients.quick()\n",
    "plain.py": (
        "import asyncio\n\nfrom shop.tools import plain\n\n\n"
        "async def wait():\n    with plain():\n        await asyncio.sleep(1)\n"
    ),
    "main.py": (
        "import asyncio\n\nimport shop\nfrom shop import clients, tools\nfrom shop.base import quick\n\n\n"
        "async def first():\n    tools.pause()\n\n\n"
        "async def second():\n    clients.work()\n    clients.started()\n\n\n"
        "async def third():\n    with tools.swallowing():\n        await asyncio.sleep(1)\n\n\n"
        "async def fourth():\n    tools.client().fetch()\n    shop.made().wait()\n    quick()\n\n\n"
        "async def fifth():\n    task = clients.started()\n    await asyncio.sleep(1)\n    return task\n"
    ),
}
"""Calls through several files. Where nothing is found at first, no trace leads through a file, which would have it
count to the letter; the file that stands alone is always known."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def report(cache: Path | None) -> str:
    """All that is reported, as JSON."""
    store = Store(cache) if cache is not None else None
    return render("json", check((".",), SettingsFinder(overrides=Overrides(strict=True)), store=store))


def edited(chance: random.Random, text: str) -> str:
    """A text with one change."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    lines = text.splitlines()
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    match chance.randrange(12):
        case 0 | 1 | 2 | 3 if functions:
            _put(lines, chance.choice(functions).body[0], chance.choice(STATEMENTS))
        case 4 | 5 if functions:
            _take(lines, chance.choice(chance.choice(functions).body))
        case 6 if functions:
            _head(lines, chance.choice(functions), lambda line: line.replace("def ", "async def ", 1))
        case 7 if functions:
            _head(lines, chance.choice(functions), lambda line: line.replace("async def ", "def ", 1))
        case 8 if functions:
            found = chance.choice(functions)
            new = chance.choice(functions).name if chance.random() < 0.5 else f"{found.name}_"
            _head(lines, found, lambda line: line.replace(f"def {found.name}(", f"def {new}(", 1))
        case 9 if functions and chance.random() < 0.5:
            line = chance.choice(functions).lineno - 1
            indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
            lines.insert(line, indent + chance.choice(("@staticmethod", "@property", "@contextlib.contextmanager")))
        case 9 if classes:
            found_class = chance.choice(classes)
            if chance.random() < 0.5:
                _put(lines, found_class.body[0], chance.choice(CLASSES))
            else:
                _head(lines, found_class, lambda line: f"{line.partition('(')[0].rstrip(':')}:")
        case 10 if imports:
            _take(lines, chance.choice(imports))
        case 11:
            lines.insert(0, chance.choice(TOPS))
        case _:
            lines.insert(chance.randrange(len(lines) + 1), "# a comment, and no code")
    return "\n".join(lines) + "\n"


def _put(lines: list[str], before: ast.stmt, statement: str) -> None:
    line = before.lineno - 1
    indent = lines[line][: before.col_offset]
    if not indent.strip():
        lines.insert(line, indent + statement)


def _take(lines: list[str], node: ast.stmt) -> None:
    line = node.lineno - 1
    indent = lines[line][: node.col_offset]
    if not indent.strip():
        lines[line : node.end_lineno] = [f"{indent}pass"]


def _head(lines: list[str], node: ast.stmt, change: Callable[[str], str]) -> None:
    lines[node.lineno - 1] = change(lines[node.lineno - 1])


def differences(root: Path, cache: Path, chance: random.Random, edits: int) -> Iterator[str]:
    """What a run with a cache says otherwise than one without, after each of some edits."""
    files = sorted(file for file in root.rglob("*.py") if file.name != "alone.py")
    texts = {file: file.read_text("utf-8") for file in files}
    report(cache)
    for _ in range(edits):
        for _ in range(chance.randint(1, 2)):
            file = chance.choice(files)
            what = chance.random()
            if what < 0.05:
                file.unlink(missing_ok=True)
            elif what < 0.3 or not file.exists():
                file.write_text(texts[file], "utf-8")
            else:
                file.write_text(edited(chance, file.read_text("utf-8")), "utf-8")
        known, anew = report(cache), report(None)
        if known != anew:
            yield f"{known}\n{anew}"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were checked by a project of their own."""
    found: list[str] = []
    real = Engine._check_alone

    def check_alone(self: Engine, file: InputFile) -> list[Finding]:
        found.append(file.path)
        return real(self, file)

    monkeypatch.setattr(Engine, "_check_alone", check_alone)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_edits_of_a_project(seed: int, root: Path, tmp_path: Path, alone: list[str]) -> None:
    write(root, PROJECT)
    assert not list(differences(root, tmp_path / "cache", random.Random(seed), 30))
    assert len(alone) > 30


@pytest.mark.parametrize("case", project_cases(), ids=lambda path: path.name)
def test_edits_of_the_fixtures(case: Path, root: Path, tmp_path: Path) -> None:
    shutil.copytree(case, root, dirs_exist_ok=True)
    write(root, {"alone.py": PROJECT["alone.py"]})
    assert not list(differences(root, tmp_path / "cache", random.Random(case.name), 6))


def _any_frame(text: str, facts: object, real: Callable[..., bytes] = reading.parts_of) -> bytes:
    return bytes(FRAME) + real(text, facts)[FRAME:]


def differences_by_function(root: Path, cache: Path) -> Iterator[str]:
    """The same after one change of each function of the project: of its body, and of its head."""
    write(root, PROJECT)
    first = report(cache)
    for file in sorted(root.glob("shop/*.py")):
        text = file.read_text("utf-8")
        for place in range(text.count("def ")):
            for statement in (*BLOCKING, ""):
                lines = text.splitlines()
                nodes = ast.walk(ast.parse(text))
                function = [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))][place]
                if statement:
                    _put(lines, function.body[0], statement)
                else:
                    _head(lines, function, lambda line: line.replace("def ", "async def ", 1))
                file.write_text("\n".join(lines) + "\n", "utf-8")
                known, anew = report(cache), report(None)
                if known != anew:
                    yield f"{known}\n{anew}"
                file.write_text(text, "utf-8")
                if report(cache) != first:
                    yield "not as at first"


def test_a_change_of_each_function(root: Path, tmp_path: Path, alone: list[str]) -> None:
    assert not list(differences_by_function(root, tmp_path / "cache"))
    assert "calm.py" in alone


@pytest.mark.parametrize("broken", ["bodies", "frames"])
def test_what_is_not_noted_is_missed(broken: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken == "bodies":
        monkeypatch.setattr(reading.ReadingProject, "read", {})
    else:
        monkeypatch.setattr("cancelcheck.engine.pipeline.parts_of", _any_frame)
    assert any(differences_by_function(root, tmp_path / "cache"))
