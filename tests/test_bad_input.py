"""Whatever lies in a folder, the run comes to its end, says what it cannot read, and reports the rest."""

from __future__ import annotations

import codecs
import encodings
import errno
import json
import os
import pkgutil
import shutil
import socket
import sys
import unicodedata
import warnings
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cancelcheck import files
from cancelcheck.config import FORMATS, ConfigError, SettingsFinder, parse_settings
from cancelcheck.engine.contents import Contents
from cancelcheck.engine.decode import DecodeError, decode
from cancelcheck.engine.patterns import Patterns
from cancelcheck.engine.pipeline import check
from cancelcheck.engine.report import Report
from tests.support.privileges import permissions_count
from tests.support.programs import programs
from tests.support.runs import LOST, command, places, run, write
from tests.support.sources import ROOT, fixture_files, standard_library

on_posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system here")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    write(folder, {"cancelcheck.toml": "", "good.py": LOST})
    monkeypatch.chdir(folder)
    return folder


GOOD = ("good.py", 5, 5, "CAN101")


def said(report: Report, path: str) -> str:
    """What is said of a file, while everything else is reported."""
    assert GOOD in places(report)
    assert report.errors == ()
    found = [finding for finding in report.findings if finding.path == path]
    assert [finding.code for finding in found] == ["CAN001"] * len(found)
    return found[0].message if found else ""


CONTENTS: dict[str, tuple[bytes, str]] = {
    "five megabytes": (
        b"x = 1\n" * 840_000,
        "is too large to be analysed: 5,040,000 characters, the limit is 2,000,000",
    ),
    "nine megabytes": (b"#" * 9_000_000, "is too large to be analysed: more than 8,000,000 bytes"),
    "a hundred thousand lines": (b"x = 1\n" * 100_000, ""),
    "one long line": (b"x = [" + b"1, " * 300_000 + b"]\n", ""),
    "ten thousand brackets": (b"(" * 10_000 + b")" * 10_000, "has more than 200 brackets inside each other"),
    "ten thousand open brackets": (b"[" * 10_000, "has more than 200 brackets inside each other"),
    "three thousand terms": (b"x = " + b" + ".join(b"a%d" % n for n in range(3_000)) + b"\n", ""),
    "three thousand names": (b"x = a" + b".a" * 3_000 + b"\n", ""),
    "a hundred blocks": (b"".join(b" " * n + b"if a:\n" for n in range(99)) + b" " * 99 + b"pass\n", ""),
    "three hundred blocks": (
        b"".join(b" " * n + b"if a:\n" for n in range(300)) + b" " * 300 + b"pass\n",
        "cannot be parsed",
    ),
    "names of every script": ("ñ = é = ß = ж = ע = ش = न = 你 = か = 한 = ก = Ω = ª = 𝔘 = ℌ\n".encode(), ""),
    "texts of every script": ("x = 'ñжעشन你か한ก\U0001f600\u202e\u0000'\n".replace("\0", "").encode(), ""),
    "null bytes": (b"x = 1\ny = '\0'\n", "cannot be parsed: it holds a null byte"),
    "nothing but null bytes": (b"\0" * 100, "cannot be parsed: it holds a null byte"),
    "broken UTF-8": (b"x = 1\ny = '\xc3'\n", "cannot be decoded: byte 0xc3 is not UTF-8"),
    "half a character": (b"x = '\xed\xa0\x80'\n", "cannot be decoded: byte 0xed is not UTF-8"),
    "half a character by its escape": (b"x = '\\ud800' + f('\\udfff')\n", ""),
    "half a character by a codec": (b"# coding: unicode_escape\nx = '\\ud800'\n", "cannot be parsed"),
    "no line end at the end": (b"x = 1", ""),
    "a comment without a line end": (b"# x", ""),
    "a block without a line end": (b"def f():\n    pass", ""),
    "a backslash at the end": (b"x = 1 \\", "cannot be parsed"),
    "a text without an end": (b"x = '''\n" * 3, "cannot be parsed"),
    "old line ends": (b"x = 1\ry = 2\r", ""),
    "all line ends": (b"x = 1\ry = 2\r\nz = 3\n\r\n", ""),
    "form feeds": (b"\x0c\x0cx = 1\n\x0c\n\x0cy = 2\n", ""),
    "control characters": (b"x = 1 \x01\n", "cannot be parsed"),
    "empty": (b"", ""),
    "white space": (b" \t\n\x0c", ""),
    "a byte-order mark alone": (codecs.BOM_UTF8, ""),
    "UTF-16": ("x = 1\n".encode("utf-16"), "cannot be decoded: it is UTF-16"),
    "UTF-32": ("x = 1\n".encode("utf-32"), "cannot be decoded: it is UTF-16"),
    "mixed indentation": (b"if a:\n\tx\n        y\n", "cannot be parsed"),
    "Python 2": (b"print 'a'\n", "cannot be parsed"),
    "no Python at all": (b"<html>\n</html>\n", "cannot be parsed"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "cannot be parsed: it holds a null byte"),
}


@pytest.mark.parametrize(("content", "message"), CONTENTS.values(), ids=CONTENTS)
def test_contents(root: Path, content: bytes, message: str) -> None:
    write(root, {"bad.py": content})
    told = said(run(), "bad.py")
    assert told.startswith(f"the file {message}") if message else told == ""


def letters_of_every_script() -> list[str]:
    """A letter of each script that this Python knows, as the first words of their names tell them apart."""
    letters = (chr(code) for code in range(sys.maxunicode + 1) if chr(code).isidentifier())
    return list({unicodedata.name(letter, "").partition(" ")[0]: letter for letter in letters}.values())


@pytest.mark.parametrize("as_it_is", [True, False])
def test_a_name_of_every_script(root: Path, as_it_is: bool) -> None:
    # what Python writes another way (the sign for ohm is an omega) is read by LibCST
    letters = [letter for letter in letters_of_every_script() if as_it_is == (normalize("NFKC", letter) == letter)]
    assert len(letters) > (140 if as_it_is else 10)
    functions = "".join(f"async def {letter}(): ...\n" for letter in letters)
    write(root, {"bad.py": f"{functions}def use():\n{''.join(f'    {letter}()' + chr(10) for letter in letters)}"})
    lost = [("bad.py", len(letters) + 2 + number, 5, "CAN112") for number in range(len(letters))]
    assert sorted(places(run())) == sorted([GOOD, *lost])


def every_codec() -> list[str]:
    names = {name for _, name, _ in pkgutil.iter_modules(encodings.__path__)}
    return sorted(names - {"aliases", "mbcs", "oem"})


@pytest.mark.parametrize("codec", every_codec())
def test_every_codec_is_read_or_refused(root: Path, codec: str) -> None:
    text = f"# coding: {codec}\n{LOST}"
    try:
        data = text.encode(codec)
    except (LookupError, UnicodeError, TypeError):
        data = text.encode()
    write(root, {"bad.py": data})
    found = [place for place in places(run()) if place[0] == "bad.py"]
    assert found in ([("bad.py", 6, 5, "CAN101")], [("bad.py", 1, 1, "CAN001")], [("bad.py", 2, 1, "CAN001")])
    try:
        assert decode(data) == text
    except DecodeError:
        assert found[0][3] == "CAN001"
    else:
        assert found[0][3] == "CAN101"


# --- what is no file, or no longer -----------------------------------------------------------------------------------


def test_a_file_that_vanishes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"bad.py": LOST})
    real = Contents.read

    def read(self: Contents, absolute: str) -> bytes | str:
        Path("bad.py").unlink(missing_ok=True)
        return real(self, absolute)

    monkeypatch.setattr(Contents, "read", read)
    report = run()
    assert places(report) == [GOOD]
    assert [(error.path, error.message) for error in report.errors] == [
        ("bad.py", f"cannot be read: {os.strerror(errno.ENOENT)}")
    ]


@on_posix
def test_a_file_that_becomes_a_pipe(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"bad.py": LOST})
    real = Contents.read

    def read(self: Contents, absolute: str) -> bytes | str:
        if absolute.endswith("bad.py"):
            os.unlink(absolute)
            os.mkfifo(absolute)
        return real(self, absolute)

    monkeypatch.setattr(Contents, "read", read)
    report = run()
    assert places(report) == [GOOD]
    assert [(error.path, error.message) for error in report.errors] == [("bad.py", "cannot be read: it is no file")]


def test_what_may_not_be_read(root: Path) -> None:
    # a file, one beside settings that are closed too, a folder, and one that may be listed but not entered
    write(root, dict.fromkeys(("bad.py", "sub/b.py", "closed/a.py", "listed/c.py"), LOST))
    write(root, {"sub/cancelcheck.toml": "", "listed/cancelcheck.toml": "ignore = ['CAN101']\n"})
    modes = {"bad.py": 0, "sub/b.py": 0, "closed": 0, "listed": 0o400}
    for name, mode in modes.items():
        (root / name).chmod(mode)
    try:
        with permissions_count():
            report = run()
            inside = run("closed/a.py", "good.py")
    finally:
        for name in modes:
            (root / name).chmod(0o700)
    assert places(report) == [GOOD]
    assert sorted(error.path for error in report.errors) == ["bad.py", "closed", "listed/c.py", "sub/b.py"]
    assert {error.message for error in report.errors} == {f"cannot be read: {os.strerror(errno.EACCES)}"}
    assert places(inside) == [GOOD]
    assert [error.path for error in inside.errors] == ["closed/a.py"]


def test_settings_that_may_not_be_read_are_said(root: Path) -> None:
    (root / "cancelcheck.toml").chmod(0)
    with permissions_count(), pytest.raises(ConfigError, match=r"cancelcheck\.toml: cannot be read"):
        run()


def test_what_the_system_does_not_give(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"bad.py": LOST, "closed/a.py": LOST})
    read, scandir = files.read, os.scandir

    def refused_read(path: str, *limit: int) -> bytes:
        if str(path).endswith("bad.py"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return read(path, *limit)

    def refused_scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(files, "read", refused_read)
    monkeypatch.setattr(os, "scandir", refused_scandir)
    report = run()
    assert places(report) == [GOOD]
    assert sorted((error.path, error.message) for error in report.errors) == [
        (name, f"cannot be read: {os.strerror(errno.EACCES)}") for name in ("bad.py", "closed")
    ]


@on_posix
def test_pipes_devices_and_sockets(root: Path) -> None:
    os.mkfifo(root / "pipe.py")
    (root / "null.py").symlink_to(os.devnull)
    (root / "zero.py").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.py")
        report = run()
        assert places(report) == [GOOD]
        assert report.errors == ()
        named = run("pipe.py", "null.py", "zero.py", "socket.py", "good.py")
    assert places(named) == [GOOD]
    assert [(error.path, error.message) for error in named.errors] == [
        (name, "cannot be read: it is neither a file nor a folder")
        for name in ("pipe.py", "null.py", "zero.py", "socket.py")
    ]


@on_posix
@pytest.mark.parametrize(
    "name",
    [
        ".gitignore",
        "pyproject.toml",
        "requirements.txt",
        "uv.lock",
        "poetry.lock",
        "Pipfile.lock",
        "setup.cfg",
        "bad.py",
    ],
)
def test_what_is_asked_beside_may_be_a_pipe(root: Path, name: str) -> None:
    os.mkfifo(root / name)
    assert places(run()) == [GOOD]


@on_posix
def test_the_settings_may_not(root: Path) -> None:
    os.mkfifo(root / "pipe.toml")
    with pytest.raises(ConfigError, match=r"pipe\.toml: cannot be read"):
        SettingsFinder(config=Path("pipe.toml"))


def test_loops_of_links(root: Path) -> None:
    (root / "self.py").symlink_to("self.py")
    (root / "a.py").symlink_to("b.py")
    (root / "b.py").symlink_to("a.py")
    (root / "dead.py").symlink_to("nowhere.py")
    (root / "up").symlink_to("..", target_is_directory=True)
    (root / "here").symlink_to(".", target_is_directory=True)
    report = run()
    assert places(report) == [GOOD]
    assert report.errors == ()
    named = run("self.py", "good.py")
    assert places(named) == [GOOD]
    assert [error.message for error in named.errors] == [f"cannot be read: {os.strerror(errno.ELOOP)}"]


NAMES = [
    "a\nb.py",
    "a\x1b[31mb.py",
    "-a.py",
    " .py",
    "'\".py",
    "<b>&.py",
    "a%0Ab.py",
    "::error::.py",
    "ñ\u202e.py",
    "𝔘.py",
]


@on_posix
@pytest.mark.parametrize("name", NAMES)
def test_names(root: Path, name: str) -> None:
    write(root, {name: LOST})
    assert sorted(places(run())) == sorted([GOOD, (name, 5, 5, "CAN101")])


@on_posix
@pytest.mark.parametrize("form", FORMATS)
def test_every_form_can_show_every_name(root: Path, form: str) -> None:
    write(root, dict.fromkeys(NAMES, LOST))
    shutil.copy(b"good.py", b"\xff.py")
    done = command("--format", form, ".", cwd=root)
    assert done.status == 1, done.err
    assert "Traceback" not in done.err
    if form in ("json", "sarif", "gitlab"):
        json.loads(done.out)
    if form == "concise":
        assert len(done.out.splitlines()) == len(NAMES) + 2


@on_posix
def test_a_deep_folder(root: Path) -> None:
    folder = Path(*["d"] * 300)
    folder.mkdir(parents=True)
    write(root, {str(folder / "a.py"): LOST})
    assert sorted(places(run())) == sorted([GOOD, (folder.joinpath("a.py").as_posix(), 5, 5, "CAN101")])


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"\xff", "is not UTF-8"),
        (b"\0", "is not TOML"),
        (b"a = " + b"[" * 20_000, "is nested too deeply"),
        (b"#" * 9_000_000, "it has more than"),
        (b"strict = 'yes'", "strict"),
    ],
)
def test_settings_that_cannot_be_read(root: Path, text: bytes, reason: str) -> None:
    write(root, {"cancelcheck.toml": text})
    with pytest.raises(ConfigError, match=reason) as caught:
        run()
    assert "cancelcheck.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["uv.lock", "Pipfile.lock", "pyproject.toml", "setup.cfg", "requirements.txt"])
@pytest.mark.parametrize("text", [b"\xff\0", b"[" * 50_000, b"a = " + b"[" * 50_000, b'{"a":' * 50_000, b""])
def test_what_else_is_asked_may_be_anything(root: Path, name: str, text: bytes) -> None:
    write(root, {"sub/setup.py": b"", "sub/a.py": LOST, "sub/" + name: text})
    assert ("sub/a.py", 5, 5, "CAN101") in places(run("sub")) if name != "pyproject.toml" else True
    if name == "pyproject.toml" and text:
        with pytest.raises(ConfigError, match=r"pyproject\.toml"):
            run("sub")


def test_a_pattern_of_many_stars_takes_no_time(root: Path) -> None:
    line = "*a" * 30 + "b"
    write(root, {".gitignore": line + "\n", "a" * 200 + ".py": LOST})
    assert len(places(run())) == 2
    assert Patterns("/r", [line]).decide("/r/" + "xa" * 30 + "b") is True


WORDS = st.builds("".join, st.lists(st.sampled_from(("a", "b", "*", ".", "-", "_", "é")), min_size=1, max_size=4))
LINES = st.builds(str.format, st.sampled_from(("{}", "{}/", "**/{}/**", "{}/**", "/{}", "!{}")), WORDS)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=3), st.text(alphabet="ab./-_\n", min_size=1, max_size=8), st.booleans())
@example(["**/a/**", "b/"], "b", True)
@example(["a*.b"], "b/a.b/a", False)
def test_names_mean_what_pathspec_makes_of_them(lines: list[str], path: str, is_folder: bool) -> None:
    from pathspec import GitIgnoreSpec

    try:
        wanted = GitIgnoreSpec.from_lines(lines).check_file(path + "/" if is_folder else path).include
    except ValueError:
        return
    assert Patterns("/r", lines).decide("/r/" + path, is_folder=is_folder) == wanted


STARS = st.lists(st.text(alphabet="ab?[]!/.\\", max_size=2), min_size=4, max_size=6).map("*".join)


@settings(max_examples=300, deadline=None)
@given(STARS, st.text(alphabet="ab./", min_size=1, max_size=12))
@example("*/", "a/b")
@example("***/", "/")
@example("***/", "./a")
def test_stars_mean_what_they_meant(line: str, path: str) -> None:
    from pathspec import GitIgnoreSpec

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            wanted = GitIgnoreSpec.from_lines([line]).check_file(path).include
    except ValueError:
        return
    assert Patterns("/r", [line]).decide("/r/" + path) == wanted


# --- fuzzing ---------------------------------------------------------------------------------------------------------

QUICK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
REAL = [
    *fixture_files()[::40],
    *sorted((ROOT / "cancelcheck").rglob("*.py"))[::25],
    *standard_library(10, max_size=20_000),
]


def survives(data: bytes) -> None:
    """A file with these bytes is checked, or is told to be unreadable."""
    Path("fuzzed.py").write_bytes(data)
    report = check(["fuzzed.py"], SettingsFinder())
    assert report.errors == ()
    assert "CAN000" not in {finding.code for finding in report.findings}


@QUICK
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    survives(data)


@QUICK
@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text(text: str) -> None:
    survives(text.encode("utf-8", "surrogatepass"))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real file with some of it cut, doubled, moved, or replaced."""
    lines = draw(st.sampled_from(REAL)).read_bytes().splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(lines) - 1, 0)))
        end = start + draw(st.integers(0, 6))
        match draw(st.sampled_from(["cut", "double", "move", "characters", "indent"])):
            case "cut":
                del lines[start:end]
            case "double":
                lines[start:start] = lines[start:end]
            case "move":
                part = lines[start:end]
                del lines[start:end]
                at = draw(st.integers(0, len(lines)))
                lines[at:at] = part
            case "characters" if start < len(lines):
                line = lines[start]
                at = draw(st.integers(0, len(line)))
                lines[start] = line[:at] + draw(st.sampled_from(SCRAPS)) + line[at + draw(st.integers(0, 3)) :]
            case _:
                lines[start:end] = [b"    " + line for line in lines[start:end]]
    return b"".join(lines)


SCRAPS = [
    b"",
    b"(",
    b")",
    b":",
    b"\\",
    b"'",
    b'"""',
    b"\n",
    b"\t",
    b"await ",
    b"async ",
    b"yield ",
    b"*",
    b",",
    b"=",
    b"\xff",
    b"#",
    b"lambda: ",
]


@QUICK
@given(mutated())
def test_real_files_mutated(data: bytes) -> None:
    survives(data)


@settings(QUICK, max_examples=15)
@given(programs(), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-7"]))
def test_made_up_programs(text: str, end: str, codec: str) -> None:
    cookie = "# coding: utf-7\n" if codec == "utf-7" else ""
    survives((cookie + text).replace("\n", end).encode(codec))


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-10, 10**20), st.floats(), st.text(max_size=8), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=4,
)
KEYS = [
    *(field for field in ("src", "exclude", "select", "extend-select", "ignore", "strict", "per-file-ignores")),
    "test-files",
    "skip-generated",
    "default-timeout",
    "context-parameters",
    "context-types",
    "sla",
    "api",
    "baseline",
]
SENSIBLE = st.one_of(
    st.lists(
        st.sampled_from(
            ["CAN101", "1xx", "lost-task", "timeout", "*.py", "**/x", "!a", "[", "src", "..", "/", "\0", "a" * 300]
        ),
        max_size=3,
    ),
    st.dictionaries(
        st.sampled_from(["*.py", "[", "!"]), st.lists(st.sampled_from(["CAN1", "x"]), max_size=2), max_size=2
    ),
)


@QUICK
@given(st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=6)), st.one_of(VALUES, SENSIBLE), max_size=4))
def test_any_settings(table: dict[str, object]) -> None:
    try:
        chosen = parse_settings(table, "cancelcheck.toml")
        report = run(settings=chosen)
    except ConfigError as error:
        assert "cancelcheck.toml" in str(error) or "the command line" in str(error)
    else:
        assert report.errors == ()
