"""A file that takes too long, or that the parser does not survive, costs itself its check and the others nothing."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cancelcheck.config import LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine import apart, pool, watch
from cancelcheck.engine.apart import DefectError, lower_apart
from cancelcheck.engine.lowering import ParseError
from cancelcheck.engine.pipeline import Engine, check
from cancelcheck.engine.report import Report
from cancelcheck.engine.store import Store
from cancelcheck.engine.watch import TooLongError, Watch
from cancelcheck.lower import lower_module
from cancelcheck.lower.nesting import MAX_BRACKETS, nesting_of
from cancelcheck.model.source import SourceFile
from tests.support.programs import programs
from tests.support.runs import LOST, command, places, write
from tests.support.sources import label, read, standard_library


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LIMIT", 0.3)


# --- how deep a text goes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "brackets"),
    [
        ("", 0),
        ("a = (b[c])\n", 2),
        ("# ((((\na()\n", 1),
        ("a = '(((' \"]]\" + (1)\n", 1),
        ("a = '''(\n(\n''' + [1]\n", 1),
        ("a = '\\'((' + b\n", 0),
        ('a = f"{b[1]} {{("\n', 2),
        ('a = f"{b[")"]}"\n', 2),
        ('a = f"{f"{f"{(1)}"}"}"\n', 4),
        ('a = f"{b!r:>{c[0]}} ("\n', 3),
        ('a = f"{b:%Y-(}" + (c)\n', 1),
        ("a = f'\\N{LEFT PARENTHESIS} {b}'\n", 1),
        ("a = f'''{\n b\n}\n('''\n", 1),
        ('a = f"{ {1: 2}[1]:{c}}"\n', 2),
        ('a = rf"\\{b}"\n', 1),
        ('a = t"{(b)}"\n', 2),
        ("a = xf'{'\n", 0),
    ],
)
def test_brackets_are_counted_in_code_only(text: str, brackets: int) -> None:
    found = nesting_of(text)
    assert (found.brackets, found.is_clear) == (brackets, True)


@pytest.mark.parametrize(
    "text", ["a = (\n", "a = )\n", "a = 'b\n", "a = '''b\n", 'a = f"{b"\n', 'a = f"}"\n', "{a]\n("]
)
def test_what_cannot_be_told_apart_is_taken_for_the_worst(text: str) -> None:
    assert nesting_of(text).is_risky
    assert nesting_of(text).needs_stack


CHAINS = {
    "minus": lambda n: "x = " + "-" * n + "1",
    "sum": lambda n: "x = 1" + "+1" * n,
    "attributes": lambda n: "x = a" + ".a" * n,
    "calls": lambda n: "x = a" + "()" * n,
    "subscripts": lambda n: "x = a" + "[0]" * n,
    "lambdas": lambda n: "x = " + "lambda: " * n + "1",
    "lambdas of two": lambda n: "x = " + "lambda a, b: " * n + "1",
    "conditions": lambda n: "x = " + "1 if a else " * n + "1",
    "loops": lambda n: "x = [a" + " for a, b in c" * n + "]",
    "over lines": lambda n: "x = (" + "-\n" * n + "1)",
    "strings": lambda n: "x = " + "'' " * n,
    "formatted": lambda n: "x = " + "f'{a}'" * n,
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_chain_is_never_deeper_than_it_is_taken_to_be(chain: object) -> None:
    assert not nesting_of(chain(20) + "\n").needs_stack
    assert nesting_of(chain(3_000) + "\n").needs_stack
    assert nesting_of(chain(300) + "\n").depth > 300
    assert nesting_of(chain(20_000) + "\n").is_risky


def test_ordinary_code_is_parsed_in_its_place() -> None:
    # in some Pythons one text of 46,000 pieces
    files = [path for path in standard_library(150) if path.name != "topics.py"]
    assert [label(path) for path in files if nesting_of(read(path)).is_risky] == []
    table = "x = [\n" + "    ('a', 1, {'b': [1, 2, 3], 'c': None}),\n" * 20_000 + "]\n"
    found = nesting_of(table)
    assert not found.is_risky
    assert not found.needs_stack


def depth_of_brackets(text: str) -> int:
    """The most brackets inside each other that LibCST sees."""
    deepest = 0

    class Deepest(cst.CSTVisitor):
        depth = 0

        def on_visit(self, node: cst.CSTNode) -> bool:
            nonlocal deepest
            self.depth += _brackets(node)
            deepest = max(deepest, self.depth)
            return True

        def on_leave(self, node: cst.CSTNode) -> None:
            self.depth -= _brackets(node)

    cst.parse_module(text).visit(Deepest())
    return deepest


def _brackets(node: cst.CSTNode) -> int:
    own = isinstance(node, cst.List | cst.Dict | cst.Set | cst.ListComp | cst.DictComp | cst.SetComp)
    own |= isinstance(node, cst.FormattedStringExpression)
    return own + (len(getattr(node, "lpar", ())) if isinstance(node, cst.BaseExpression) else 0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs())
def test_no_more_brackets_than_were_counted(text: str) -> None:
    found = nesting_of(text)
    assert found.is_clear
    assert depth_of_brackets(text) <= found.brackets


PIECES = st.lists(
    st.sampled_from(
        [
            "'",
            '"',
            "'''",
            '"""',
            "f'",
            'f"',
            "f'''",
            "rf'",
            "\\",
            "{",
            "}",
            "{{",
            "}}",
            "(",
            ")",
            "[",
            "]",
            ":",
            "!r",
            "a",
            "\n",
            "#",
            ",",
            "=",
        ]
    ),
    max_size=24,
)


@settings(max_examples=400, deadline=None)
@given(PIECES)
@example(['f"', "{", "a", "[", '"', ")", '"', "]", "}", '"'])
def test_texts_are_told_from_code_as_the_parser_does(pieces: list[str]) -> None:
    text = "".join(pieces) + "\n"
    found = nesting_of(text)
    try:
        deepest = depth_of_brackets(text)
    except cst.ParserSyntaxError:
        return
    assert not found.is_clear or deepest <= found.brackets


# --- in a process that can be ended ----------------------------------------------------------------------------------


def test_apart_gives_what_is_given_here() -> None:
    for text in ("x = '\N{GREEK SMALL LETTER ALPHA}'\n", "async def f():\n    await g()\n"):
        source = SourceFile("a.py", text, module="package.a")
        assert lower_apart(source) == lower_module(source)


def test_apart_says_what_is_wrong() -> None:
    with pytest.raises(ParseError, match="cannot be parsed") as caught:
        lower_apart(SourceFile("a.py", "x = 1\ndef f(:\n"))
    assert caught.value.line in (2, 3)
    with pytest.raises(ParseError, match="cannot be parsed"):
        lower_apart(SourceFile("a.py", "x = '\ud800'\n"))


def test_apart_ends_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LIMIT", 1.0)
    started = time.monotonic()
    with pytest.raises(TooLongError):
        lower_apart(SourceFile("a.py", "match a:\n    case " + "[" * 40 + "1" + "]" * 40 + ":\n        pass\n"))
    assert time.monotonic() - started < 30


def test_apart_says_when_the_process_was_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_BEGIN", "import os, signal; os.kill(os.getpid(), 11)")
    with pytest.raises(ParseError, match="does not survive"):
        lower_apart(SourceFile("a.py", "x = 1\n"))
    monkeypatch.setattr(apart, "_BEGIN", "1/0")
    with pytest.raises(DefectError, match="ZeroDivisionError"):
        lower_apart(SourceFile("a.py", "x = 1\n"))


def test_apart_imports_nothing_from_where_it_is_called(root: Path) -> None:
    write(root, dict.fromkeys(("libcst.py", "msgspec.py", "sitecustomize.py"), "open('ran', 'w')\n"))
    lower_apart(SourceFile("a.py", "x = 1\n"))
    assert not (root / "ran").exists()


# --- a time for each -------------------------------------------------------------------------------------------------


def spin(seconds: float) -> str:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "done"


@pytest.fixture
def watched() -> Iterator[Watch]:
    made = Watch()
    yield made
    made.stop()


def test_what_is_in_time_is_not_touched(watched: Watch, short: None) -> None:
    assert watched.within(lambda: spin(0.01)) == "done"
    with pytest.raises(ZeroDivisionError):
        watched.within(lambda: 1 / 0)
    # the time of what waits does not run
    assert watched.within(lambda: time.sleep(0.6)) is None


def test_what_is_not_in_time_is_ended(watched: Watch, short: None) -> None:
    for _ in range(2):
        with pytest.raises(TooLongError):
            watched.within(lambda: spin(20))
    assert watched.within(lambda: spin(0.01)) == "done"


def test_what_catches_everything_is_ended_too(watched: Watch, short: None) -> None:
    def stubborn() -> None:
        tries = 0
        while tries < 3:
            try:
                spin(20)
            except BaseException:
                tries += 1

    with pytest.raises(TooLongError):
        watched.within(lambda: [stubborn(), spin(20)])


def test_the_time_of_what_is_inside_is_its_own(watched: Watch, short: None) -> None:
    assert watched.within(lambda: [watched.within(lambda: spin(0.2)) for _ in range(3)]) == ["done"] * 3

    def outer() -> str:
        with pytest.raises(TooLongError):
            watched.within(lambda: spin(20))
        return spin(0.05)

    assert watched.within(outer) == "done"


def test_the_watch_goes_on_after_it_was_stopped(watched: Watch, short: None) -> None:
    watched.within(lambda: None)
    watched.stop()
    with pytest.raises(TooLongError):
        watched.within(lambda: spin(20))


def test_there_is_one_thread_for_all_and_only_while_there_is_work(watched: Watch, short: None) -> None:
    before = threading.active_count()
    assert watched.within(lambda: watched.within(threading.active_count)) == before + 1
    for _ in range(100):
        watched.within(lambda: None)
    assert threading.active_count() <= before + 1
    time.sleep(0.5)
    assert threading.active_count() == before


# --- and of the files ------------------------------------------------------------------------------------------------

TOO_LONG = "the file takes more than 0 seconds to be analysed"


def report(*, jobs: int = 1, cache: Path | None = None) -> Report:
    return check((".",), SettingsFinder(), jobs=jobs, store=Store(cache) if cache is not None else None)


def slow_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that take their time over a file with a function called `slow`."""
    real = Engine._run

    def run(self: Engine, scope: object, active: object, absolute: object, source: SourceFile, facts: object) -> object:
        yield from real(self, scope, active, absolute, source, facts)
        if "def slow" in source.text:
            spin(20)

    monkeypatch.setattr(Engine, "_run", run)


def slow_parser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from cancelcheck.engine import pipeline

    real = pipeline.lower_module
    tried: list[str] = []

    def lower(source: SourceFile) -> object:
        if "def slow" in source.text:
            tried.append(source.path)
            spin(20)
        return real(source)

    monkeypatch.setattr(pipeline, "lower_module", lower)
    return tried


FILES = {"a.py": LOST, "b.py": "def slow(): ...\n" + LOST, "c.py": "import b\n\nb.slow()\n" + LOST}


def test_rules_that_take_too_long(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: None) -> None:
    write(root, FILES)
    slow_rules(monkeypatch)
    for _ in range(2):
        done = report(cache=tmp_path / "cache")
        assert places(done) == [("a.py", 5, 5, "CAN101"), ("b.py", 1, 1, "CAN001"), ("c.py", 8, 5, "CAN101")]
        assert done.findings[1].message == TOO_LONG
        assert done.errors == ()


def test_a_parser_that_takes_too_long(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: None) -> None:
    write(root, FILES)
    tried = slow_parser(monkeypatch)
    for _ in range(2):
        done = report(cache=tmp_path / "cache")
        assert places(done) == [("a.py", 5, 5, "CAN101"), ("b.py", 1, 1, "CAN001"), ("c.py", 8, 5, "CAN101")]
        assert done.findings[1].message == TOO_LONG
    assert tried == ["b.py"] * 2, "once in each run, and nothing of it was kept"


@pytest.mark.skipif(sys.platform != "linux", reason="the processes have to be copies, to be slow")
@pytest.mark.parametrize("slow", [slow_rules, slow_parser])
def test_in_other_processes(
    slow: object, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: None
) -> None:
    write(root, FILES)
    slow(monkeypatch)
    monkeypatch.setattr(pool, "_method", lambda: "fork")
    monkeypatch.setattr(pool, "PAYS_FROM", 1)
    done = report(jobs=2, cache=tmp_path / "cache")
    assert places(done) == [("a.py", 5, 5, "CAN101"), ("b.py", 1, 1, "CAN001"), ("c.py", 8, 5, "CAN101")]
    assert done.notes == ()
    monkeypatch.undo()
    monkeypatch.chdir(root)
    assert places(report(cache=tmp_path / "cache")) == [
        (name, 5 + at, 5, "CAN101") for at, name in ((0, "a.py"), (1, "b.py"), (3, "c.py"))
    ]


def test_a_slow_file_can_be_silenced(root: Path, monkeypatch: pytest.MonkeyPatch, short: None) -> None:
    write(root, {"a.py": "# cancelcheck: ignore-file\ndef slow(): ...\n"})
    slow_rules(monkeypatch)
    assert places(report()) == []


HOSTILE = {
    "brackets": "x = " + "(" * 10_000 + ")" * 10_000 + "\n",
    "brackets that strings seem to close": "x = " + '(")" +\n' * 5_000 + "1" + ")\n" * 5_000 + "\n",
    "signs over lines": "x = (" + "-\n" * 4_500 + "1)\n",
    "strings": "x = " + "'' " * 10_000 + "\n",
    "terms": "x = " + " + ".join(f"a{number}" for number in range(3_000)) + "\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_survived(text: str, root: Path) -> None:
    write(root, {"a.py": text, "b.py": LOST})
    # in a process of its own: what goes wrong here takes the process with it
    done = command("--isolated", ".", cwd=root)
    assert done.status == 1, done.err[-2000:]
    assert "b.py:5:5: CAN101" in done.out
    found = [line for line in done.out.splitlines() if line.startswith("a.py")]
    assert all(": CAN001 the file " in line for line in found)


def test_a_sum_that_some_pythons_read_themselves_is_read_by_all(root: Path) -> None:
    # Python 3.12's own parser gives up before 3,000 terms
    write(root, {"a.py": "x = " + " + ".join(f"a{number}" for number in range(3_300)) + "\n" + LOST})
    assert places(report()) == [("a.py", 6, 5, "CAN101")]


def test_the_line_of_too_many_brackets_is_told() -> None:
    found = nesting_of("x = 1\n" + "(" * MAX_BRACKETS + "\n(" + ")" * (MAX_BRACKETS + 1) + "\n")
    assert (found.brackets, found.line) == (MAX_BRACKETS + 1, 3)


# --- long and deep code ----------------------------------------------------------------------------------------------

STATEMENTS = (
    "answer{n} = await self.source.read({n})",
    "if answer{before}:\n    log.info(answer{before})",
    "try:\n    await self.source.send({n})\nexcept asyncio.CancelledError:\n    log.info({n})",
    "task{n} = asyncio.create_task(self.source.run())",
    "await self.lock.acquire()\nself.lock.release()",
    "for item in answer{before}:\n    self.task = asyncio.create_task(item.run())",
    "reply{n} = requests.get(answer{before})",
    "while not answer{before}:\n    await asyncio.sleep(0.1)",
    "try:\n    self.source.open()\nfinally:\n    await self.source.close()",
    "session{n} = aiohttp.ClientSession()\nawait session{n}.get(answer{before})\nawait session{n}.close()",
)
"""Statements that each give several rules something to do."""


def long_function(count: int) -> str:
    """A method of a class with so many lines of statements."""
    lines: list[str] = []
    number = 0
    while len(lines) < count:
        before = number - number % len(STATEMENTS)
        lines += STATEMENTS[number % len(STATEMENTS)].format(n=number, before=before).split("\n")
        number += 1
    body = "".join(f"        {line}\n" for line in lines)
    return (
        "import asyncio\nimport aiohttp\nimport requests\n\n\nclass Worker:\n"
        "    def __init__(self, source):\n        self.source = source\n        self.lock = asyncio.Lock()\n\n"
        f"    async def work(self, log):\n{body}"
    )


def chained_branches(count: int) -> str:
    """A function with so many branches, each in the `else` of the one before."""
    arms = "".join(
        f"    {'elif' if number else 'if'} source.flag{number}:\n        await source.send({number})\n"
        for number in range(count)
    )
    task = "    task = asyncio.create_task(source.run())\n"
    return f"import asyncio\n\n\nasync def work(source):\n{task}{arms}    await task\n"


def nested_branches(count: int) -> str:
    """A function with so many branches, each inside the one before, and something to do where it does not hold."""
    down = "".join(f"{'    ' * depth}if source.flag{depth}:\n" for depth in range(1, count + 1))
    up = "".join(
        f"{'    ' * depth}else:\n{'    ' * (depth + 1)}await source.skip({depth})\n" for depth in range(count, 0, -1)
    )
    return f"async def work(source):\n{down}{'    ' * (count + 1)}await source.send()\n{up}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(long_function(2_000), id="2,000 statements"),
        pytest.param(chained_branches(200), id="200 branches in each other"),
        pytest.param(nested_branches(95), id="as deep as Python reads"),
        pytest.param(chained_branches(400), id="400 branches in each other"),
    ],
)
def test_long_and_deep_functions_are_checked_in_seconds(text: str, root: Path) -> None:
    (root / "app.py").write_text(text, "utf-8")
    started = time.process_time()
    report = check(["app.py"], SettingsFinder(fixed=LoadedSettings(Settings(strict=True), root, None)))
    taken = time.process_time() - started
    assert not report.errors
    assert not [finding for finding in report.findings if finding.code.startswith("CAN00")]
    assert taken < SECONDS
    if "requests" in text:
        assert len(report.findings) > 100


SECONDS = 10.0
"""Far more than it takes, on a slow machine, and far less than what grows with the square of a function takes."""
