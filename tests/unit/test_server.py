"""The language server, over the real protocol: a process, and a client that talks to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from cancelcheck.cli import main
from cancelcheck.engine.discover import InputFile
from cancelcheck.engine.pipeline import Engine
from cancelcheck.model.finding import Finding
from cancelcheck.model.source import SourceFile
from tests.support.runs import LOST, write

pytest.importorskip("pygls")

from lsprotocol import types

from cancelcheck.server.checking import Checker, ServerSettings
from cancelcheck.server.positions import Positions
from tests.support.editor import Editor, editing

WALL = """\
import time


def wait(server):
    deadline = time.time() + 5
    while time.time() < deadline:
        if server.ready("😀", time.time() < deadline):
            return
        time.sleep(0.1)
"""
FORGETS = "import asyncio\n\n\ndef start():\n    return asyncio.create_task(work())\n"
CALLS = "from start import start\n\n\nasync def main():\n    start()\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Editor]]:
    """An editor that several tests use, each with a folder of its own."""
    with asyncio.Runner() as runner:
        context = editing(tmp_path_factory.mktemp("shared"))
        editor = runner.run(context.__aenter__())
        yield runner, editor
        runner.run(context.__aexit__(None, None, None))


def in_the_editor(test: Callable[[Editor, str], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test in a folder of the shared editor, whose name it is given."""

    @wraps(test)
    def run(shared: tuple[asyncio.Runner, Editor]) -> None:
        runner, editor = shared
        editor.messages.clear()
        (editor.root / test.__name__).mkdir()
        runner.run(test(editor, test.__name__))

    del run.__wrapped__  # type: ignore[attr-defined]
    return run


def in_an_editor(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that starts an editor of its own."""

    @wraps(test)
    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    del run.__wrapped__  # type: ignore[attr-defined]
    return run


def codes(diagnostics: Sequence[types.Diagnostic]) -> list[object]:
    return [diagnostic.code for diagnostic in diagnostics]


@in_the_editor
async def test_what_is_typed_is_checked(editor: Editor, folder: str) -> None:
    name = f"{folder}/a.py"
    write(editor.root, {name: LOST})
    editor.open(name)
    (found,) = await editor.diagnostics(name)
    assert found.range == types.Range(types.Position(4, 4), types.Position(4, 31))
    assert (found.code, found.source, found.severity) == ("CAN101", "cancelcheck", types.DiagnosticSeverity.Warning)
    assert found.message.startswith("task `main()` is not kept")
    assert found.message.endswith("\nKeep the handle and await or cancel it, or start it in a task group.")
    editor.edit(name, LOST.replace("asyncio.create_task(main())", "await main()"))
    assert await editor.diagnostics(name) == []
    editor.edit(name, "async def f(:\n")
    (broken,) = await editor.diagnostics(name)
    assert (broken.code, broken.severity) == ("CAN001", types.DiagnosticSeverity.Error)
    editor.close(name)
    await editor.until(lambda: editor.shown[editor.uri(name)][-1].version is None)
    assert not editor.shown[editor.uri(name)][-1].diagnostics
    assert (editor.root / name).read_text() == LOST


@in_an_editor
async def test_a_burst_of_keys_is_checked_once(root: Path) -> None:
    async with editing(root, options={"delay": 0.7}) as editor:
        editor.open("a.py", "")
        await editor.diagnostics("a.py")
        for end in range(1, len(LOST) + 1):
            editor.edit("a.py", LOST[:end])
        assert codes(await editor.diagnostics("a.py")) == ["CAN101"]
        # the empty text, and the whole one; a machine that is busy may see a pause in between
        assert len(editor.shown[editor.uri("a.py")]) <= 4 < len(LOST)


@in_the_editor
async def test_a_path_leads_to_its_places_also_in_other_documents(editor: Editor, folder: str) -> None:
    start, main = f"{folder}/start.py", f"{folder}/main.py"
    write(editor.root, {start: "def start():\n    pass\n", main: CALLS})
    editor.open(main)
    assert await editor.diagnostics(main) == []
    # not on the disk
    editor.open(start, FORGETS)
    shown = editor.shown[editor.uri(main)]
    await editor.until(lambda: bool(shown[-1].diagnostics))
    (found,) = shown[-1].diagnostics
    assert found.related_information is not None
    first, last = found.related_information
    assert first.location.uri == editor.uri(start)
    assert first.location.range.start == types.Position(4, 11)
    assert first.message == "it is started here, and handed out"
    assert last.location.uri == editor.uri(main)
    editor.close(start)
    await editor.until(lambda: not shown[-1].diagnostics)


def applied(text: str, action: types.CodeAction) -> str:
    """The text after an action, whose edits are in columns of UTF-16."""
    assert action.edit is not None
    assert action.edit.document_changes is not None
    (change,) = action.edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    lines = [line.encode("utf-16-le") for line in text.splitlines(keepends=True)]
    edits = [edit for edit in change.edits if isinstance(edit, types.TextEdit)]
    for edit in sorted(edits, key=lambda edit: (edit.range.start.line, edit.range.start.character), reverse=True):
        assert edit.range.start.line == edit.range.end.line
        line = lines[edit.range.start.line]
        lines[edit.range.start.line] = (
            line[: edit.range.start.character * 2]
            + edit.new_text.encode("utf-16-le")
            + line[edit.range.end.character * 2 :]
        )
    return b"".join(lines).decode("utf-16-le")


@in_the_editor
async def test_fixes_are_offered(editor: Editor, folder: str) -> None:
    name = f"{folder}/a.py"
    editor.open(name, WALL)
    (found,) = await editor.diagnostics(name)
    assert found.code == "CAN306"
    place = found.range.start
    fix, silence, everything = await editor.actions(name, place.line, place.character)
    assert (fix.kind, fix.is_preferred, codes(fix.diagnostics or [])) == ("quickfix", True, ["CAN306"])
    assert applied(WALL, fix) == applied(WALL, everything) == WALL.replace("time.time", "time.monotonic")
    assert silence.title == "Silence CAN306 (wall-clock-deadline) here"
    assert "  # cancelcheck: ignore[wall-clock-deadline]\n" in applied(WALL, silence)
    assert everything.kind == "source.fixAll.cancelcheck"
    editor.edit(name, applied(WALL, silence))
    assert await editor.diagnostics(name) == []


@in_the_editor
async def test_actions_are_of_the_kinds_that_are_asked_for(editor: Editor, folder: str) -> None:
    name = f"{folder}/a.py"
    editor.open(name, LOST)
    await editor.diagnostics(name)
    offered = await editor.actions(name, 4, 4, ["quickfix"])
    assert {action.kind for action in offered} == {"quickfix"}
    # what may change behaviour says so, and is not what the editor would take
    *unsafe, silence = offered
    assert all(action.title.endswith(" (may change behaviour)") and not action.is_preferred for action in unsafe)
    assert silence.title == "Silence CAN101 (lost-task) here"
    assert await editor.actions(name, 4, 4, ["refactor"]) == []
    assert await editor.actions(name, 4, 4, ["source.fixAll"]) == []
    assert await editor.actions(name, 0) == []
    # a text that was not checked yet
    editor.edit(name, f"\n{LOST}")
    assert await editor.actions(name, 5, 4) == []


@in_an_editor
async def test_a_client_that_can_do_little(root: Path) -> None:
    async with editing(root, able=False) as editor:
        assert editor.registered == []
        editor.open("a.py", LOST)
        (found,) = await editor.diagnostics("a.py")
        assert found.related_information is None
        silence = (await editor.actions("a.py", 4, 4))[-1]
        assert silence.edit is not None
        assert silence.edit.changes is not None
        (edit,) = silence.edit.changes[editor.uri("a.py")]
        assert edit.range == types.Range(types.Position(4, 31), types.Position(4, 31))
        assert edit.new_text == "  # cancelcheck: ignore[lost-task]"


@in_the_editor
async def test_the_pointer_on_a_finding_explains_its_rule(editor: Editor, folder: str) -> None:
    name = f"{folder}/a.py"
    editor.open(name, f"{LOST}    x()  # noqa: E501, CAN202\n    y()  # cancelcheck: ignore[busy-poll]\n")
    await editor.diagnostics(name)
    shown = await editor.hover(name, 4, 10)
    assert shown.startswith("### CAN101 `lost-task`\n\nA task that nobody holds.")
    assert "## Why" in shown
    assert await editor.hover(name, 0, 0) == ""
    assert await editor.hover(name, 5, 17) == ""
    assert (await editor.hover(name, 5, 25)).startswith("### CAN202")
    assert (await editor.hover(name, 6, 34)).startswith("### CAN205 `busy-poll`")


@in_the_editor
async def test_settings_are_read_again(editor: Editor, folder: str) -> None:
    name, settings = f"{folder}/a.py", f"{folder}/pyproject.toml"
    write(editor.root, {name: LOST, settings: "[tool.cancelcheck]\n"})
    editor.open(name)
    assert codes(await editor.diagnostics(name)) == ["CAN101"]
    assert editor.registered == [types.WORKSPACE_DID_CHANGE_WATCHED_FILES]
    shown = editor.shown[editor.uri(name)]
    write(editor.root, {settings: "[tool.cancelcheck]\nignore = ['lost-task']\n"})
    editor.watched(settings)
    await editor.until(lambda: not shown[-1].diagnostics)
    # a mistake is said, once, and what is shown stays
    write(editor.root, {settings: "[tool.cancelcheck]\nignor = ['lost-task']\n"})
    editor.watched(settings)
    await editor.until(lambda: bool(editor.messages))
    elsewhere = f"{folder}_elsewhere.py"
    editor.open(elsewhere, LOST)
    assert codes(await editor.diagnostics(elsewhere)) == ["CAN101"]
    assert shown[-1].version == 1
    assert editor.messages == [f"cancelcheck: {settings}: unknown key `ignor`; did you mean `ignore`?"]
    write(editor.root, {settings: ""})
    editor.watched(settings)
    await editor.until(lambda: bool(shown[-1].diagnostics))


@in_an_editor
async def test_the_editors_settings_count_too(root: Path) -> None:
    async with editing(root, options={"ignore": ["lost-task"]}) as editor:
        editor.open("a.py", LOST)
        assert await editor.diagnostics("a.py") == []
        shown = editor.shown[editor.uri("a.py")]
        editor.configure({"cancelcheck": {"extend-select": ["CAN101"], "delay": 0.05}})
        await editor.until(lambda: bool(shown[-1].diagnostics))
        # what is not meant for it, or says nothing, changes nothing
        for other in ({}, {"python": {"linting": True}}, {"cancelcheck": None}, None):
            editor.configure(other)
        editor.edit("a.py", f"{LOST}\n")
        assert codes(await editor.diagnostics("a.py")) == ["CAN101"]
        editor.configure({"cancelcheck": {"selct": []}})
        await editor.until(lambda: bool(editor.messages))
        assert "selct" in editor.messages[0]
        # an editor that wants to be asked
        editor.settings = {"ignore": ["CAN101"], "delay": 0.05}
        editor.configure(None)
        await editor.until(lambda: not shown[-1].diagnostics)


@in_the_editor
async def test_what_is_not_python_or_excluded_has_no_diagnostics(editor: Editor, folder: str) -> None:
    settings = "[tool.cancelcheck]\nexclude = ['old']\n"
    write(editor.root, {f"{folder}/pyproject.toml": settings, f"{folder}/old/a.py": LOST, f"{folder}/a.txt": LOST})
    editor.open(f"{folder}/a.txt", language="plaintext")
    editor.open(f"{folder}/old/a.py")
    editor.open("untitled:Untitled-1", LOST)
    assert codes(await editor.diagnostics("untitled:Untitled-1")) == ["CAN101"]
    assert await editor.diagnostics(f"{folder}/old/a.py") == []
    assert editor.uri(f"{folder}/a.txt") not in editor.shown


@in_the_editor
async def test_a_path_that_no_file_can_have(editor: Editor, folder: str) -> None:
    odd = "file:///nowhere/%00.py"
    editor.open(odd, LOST)
    assert codes(await editor.diagnostics(odd)) == ["CAN101"]
    editor.close(odd)
    assert editor.messages == []


def test_a_document_that_fails_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Engine.examine

    def examine(self: Engine, file: InputFile) -> list[Finding]:
        if file.absolute.endswith("bad.py"):
            raise ZeroDivisionError("of all things")
        return real(self, file)

    monkeypatch.setattr(Engine, "examine", examine)
    good, bad = str(tmp_path / "good.py"), str(tmp_path / "bad.py")
    checked = Checker(None, keeps=False).check({bad: LOST, good: LOST}, ServerSettings())
    assert [finding.code for finding in checked.findings[good]] == ["CAN101"]
    assert bad not in checked.findings
    (problem,) = checked.problems
    assert problem.rstrip().endswith("ZeroDivisionError: of all things")


@in_the_editor
async def test_a_known_finding_is_not_shown(editor: Editor, folder: str) -> None:
    name = f"{folder}/a.py"
    write(editor.root, {name: LOST, f"{folder}/pyproject.toml": "[tool.cancelcheck]\nbaseline = 'known.json'\n"})
    done = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "--write-baseline", "--quiet", "."],
        cwd=editor.root / folder,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    editor.open(name)
    assert await editor.diagnostics(name) == []
    editor.edit(name, LOST + "    asyncio.create_task(other())\n")
    assert [found.range.start.line for found in await editor.diagnostics(name)] == [5]


@in_an_editor
async def test_columns_are_counted_as_the_client_counts_and_what_is_known_is_kept(root: Path) -> None:
    text = LOST.replace("    asyncio", "    x = '日😀'; y = 1; asyncio")
    write(root, {"a.py": text, "b.py": CALLS, "start.py": FORGETS})
    for _ in range(2):
        async with editing(root, encodings=("utf-8",), cache=root / "cache") as editor:
            assert editor.encoding == "utf-8"
            editor.open("a.py")
            editor.open("b.py")
            (found,) = await editor.diagnostics("a.py")
            assert found.range.start == types.Position(4, 26)
            assert (await editor.hover("a.py", 4, 26)).startswith("### CAN101")
            assert codes(await editor.diagnostics("b.py")) == ["CAN101"]
            editor.edit("a.py", "")
            assert await editor.diagnostics("a.py") == []
    assert not (root / ".cancelcheck_cache").exists()
    assert (root / "cache").is_dir()


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", 14), ("utf-16", 7), ("utf-32", 6)])
def test_units_of_a_column(encoding: str, expected: int) -> None:
    source = SourceFile("a.py", "x\r'é日😀\x0c\ud800' = 1\n")
    positions = Positions(encoding)
    assert positions.at(source, 2, 7) == positions.at_offset(source, 8)
    assert positions.at(source, 2, 7) == types.Position(1, expected)
    for index in range(len(source.line(2))):
        assert positions.character(source, positions.at(source, 2, index + 1)) == index
    assert positions.character(source, types.Position(1, 99)) == len(source.line(2))
    # what has no text is shown as it was counted
    assert positions.at(SourceFile("b.py", ""), 3, 5) == types.Position(2, 4)


def test_without_pygls_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pygls", "lsprotocol")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "cancelcheck.server.service", raising=False)
    monkeypatch.setitem(sys.modules, "lsprotocol", None)
    assert main(["server"]) == 2
    shown = capsys.readouterr().err
    assert "the language server needs lsprotocol, which is not installed" in shown
    assert "cancelcheck[server]" in shown


def test_the_end_of_the_input_is_the_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cancelcheck", "server"], input=b"", cwd=tmp_path, capture_output=True, timeout=60
    )
    assert done.stdout == b""
