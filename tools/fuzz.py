"""Looks for what makes a run crash, hang, or call something a defect of ours; for longer than the tests do.

    python tools/fuzz.py --minutes 10            made-up programs, mutated files, bytes, settings, deep code, in turns
    python tools/fuzz.py --minutes 5 mutated     one kind only
    python tools/fuzz.py --files FOLDER…         every file below these: it is checked, or told to be unreadable
    python tools/fuzz.py --files FOLDER… --sample 30000 --seed 1 --part 2/6
                                                 so many of them, always the same; of these the second sixth
    python tools/fuzz.py --standard-library      the same over that of this Python, tests included
    python tools/fuzz.py --every-library         the same over those of all Pythons from 3.11 on that are here

Each input is checked with all rules, strict, in a process of its own kind: one that does not answer in `--seconds` of
processor time, that dies, or that reports CAN000 or an error is a find. It is kept in `--keep` (`fuzz-finds` if not
given) with what was said of it, and made shorter as long as the same comes of it. Ends in 1 if there is any. Needs the
`dev` extra.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.sources import fixture_files, standard_library  # noqa: E402
from tools.agree import library_of  # noqa: E402
from tools.run import pythons  # noqa: E402

SECONDS = 30
BATCH = 40
WAITS = 20
"""So many times the seconds of processor time may go by on the clock."""

ENDED = (0, -signal.SIGKILL, -getattr(signal, "SIGXCPU", signal.SIGKILL))
"""How a process ends that took too long."""

TRIES = 60
"""How often a find is tried to be made shorter."""

CHECK = """
import gc, json, os, sys
try:
    import resource
except ImportError:  # what does not answer there is ended by the clock
    resource = None
from cancelcheck.config import Overrides, SettingsFinder
from cancelcheck.engine.pipeline import check, rarely_collect

def allow(seconds):
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))

rarely_collect()
for number, line in enumerate(sys.stdin):
    if number % 10 == 9:
        gc.collect()  # what earlier checks have made
    if resource is not None:
        allow(float(sys.argv[1]))
    path = json.loads(line)
    try:
        report = check([path], SettingsFinder(overrides=Overrides(strict=True)))
        said = [e.message for e in report.errors] + [f.message for f in report.findings if f.code == "CAN000"]
        unread = [f.message for f in report.findings if f.code == "CAN001"]
    except BaseException as error:
        from cancelcheck.config import ConfigError
        if isinstance(error, ConfigError):
            said, unread = [], [str(error)]
        else:
            said, unread = [f"{type(error).__name__}: {error}"], []
    print(json.dumps([said, unread]), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """What came of one input: what is `wrong`, "" if nothing; why it was not `read`, "" if it was; how long it took."""

    wrong: str
    unread: str
    seconds: float


class Checker:
    """A process that checks one file after the other, and is replaced when it does not answer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[str] | None = None

    def check(self, path: Path) -> Answer:
        """Check one file."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        started = time.monotonic()
        process.stdin.write(json.dumps(str(path)) + "\n")
        process.stdin.flush()
        line = self._line(process)
        took = time.monotonic() - started
        if line:
            said, unread = json.loads(line)
            return Answer("; ".join(said), "; ".join(unread), took)
        self.close()
        died = process.returncode is not None and process.returncode not in ENDED
        return Answer(f"it died of {process.returncode}" if died else "it does not answer", "", took)

    def _line(self, process: subprocess.Popen[str]) -> str:
        import threading

        assert process.stdout is not None
        # beside the limit of processor time: what waits uses none, and what is beside others gets little of it
        timer = threading.Timer(self._seconds * WAITS, process.kill)
        timer.start()
        try:
            line = process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            process.wait(10)
        return line

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", CHECK, str(self._seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=10)
            self._process = None


# --- what is tried ---------------------------------------------------------------------------------------------------

SCRAPS = (
    *(b"", b"(", b")", b"[", b"{", b"}", b":", b"\\", b"'", b'"""', b"\n", b"\t", b"*", b"**", b",", b"=", b"->", b"#"),
    *(b"await ", b"async ", b"yield ", b"lambda: ", b"return ", b"raise ", b"try:\n", b"finally:\n", b"except:\n"),
    *(b"with a as b:\n", b"for a in b:\n", b"while True:\n", b"match a:\n", b"case b:\n", b"del a\n", b"global a\n"),
    *(b"asyncio.", b"self.", b"f'{", b"\xff", b"\0", b"\r", b"\x0c", b"0x", b"1e400", b"...", b":=", b"@"),
)


def mutated(chance: random.Random, files: Sequence[Path]) -> bytes:
    """A real file with some of it cut, doubled, moved, changed, or taken from another one."""
    lines = chance.choice(files).read_bytes().splitlines(keepends=True) or [b"\n"]
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(lines) + 1)
        end = start + chance.randint(0, 8)
        kind = chance.randrange(6)
        if kind == 0:
            del lines[start:end]
        elif kind == 1:
            lines[start:start] = lines[start:end] * chance.randint(1, 20)
        elif kind == 2:
            part = lines[start:end]
            del lines[start:end]
            at = chance.randrange(len(lines) + 1)
            lines[at:at] = part
        elif kind == 3:
            other = chance.choice(files).read_bytes().splitlines(keepends=True)
            at = chance.randrange(len(other) + 1)
            lines[start:end] = other[at : at + chance.randint(1, 20)]
        elif kind == 4:
            lines[start:end] = [b"    " + line for line in lines[start:end]]
        elif start < len(lines):
            line = lines[start]
            at = chance.randrange(len(line) + 1)
            lines[start] = line[:at] + chance.choice(SCRAPS) + line[at + chance.randint(0, 4) :]
    return b"".join(lines)


WRAPPERS = (
    *(
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("(", ",)"),
        ("{1: ", "}"),
        ("{**", "}"),
        ("f(", ")"),
        ("f(a=", ")"),
        ("a[", "]"),
    ),
    *(("[", " for a in b]"), ("[a for a in ", "]"), ("f(", " for a in b)"), ("(1 if ", " else 2)"), ("(lambda: ", ")")),
    *(("(await ", ")"), ("(yield ", ")"), ("not (", ")"), ("-(", ")"), ("(a := ", ")"), ("(", ")()"), ("(", ").a")),
    *(('f"{', '}"'), ("f'''{", "}'''"), ("(1 + ", ")"), ("", " + 1"), ("-", ""), ("", ".a"), ("", "()"), ("", "[0]")),
    *(("lambda: ", ""), ("not ", ""), ("1 if a else ", ""), ("a < ", ""), ("'' ", ""), ("await ", ""), ("A(b=", ")")),
)
PLACES = (
    *("x = {}\n", "{}\n", "{} = 1\n", "del {}\n", "for {} in a: pass\n", "for a in {}: pass\n", "with {} as a: pass\n"),
    *(
        "x: {}\n",
        "x: '{}'\n",
        "def f(a={}): pass\n",
        "def f(a: {}): pass\n",
        "@{}\ndef f(): pass\n",
        "class A({}): pass\n",
    ),
    *(
        "match {}:\n    case 1: pass\n",
        "match a:\n    case {}: pass\n",
        "match a:\n    case 1 if {}: pass\n",
        "return {}\n",
    ),
    *(
        "async def f():\n    await {}\n",
        "assert {}\n",
        "raise {} from {}\n",
        "type A = {}\n",
        "x = f'{{{}}}'\n",
        "if {}: pass\n",
    ),
)


def deep(chance: random.Random, files: Sequence[Path]) -> bytes:
    """Something inside itself many times, in some place of the grammar."""
    left, right = "", ""
    depth = chance.choice((5, 12, 40, 90, 190, 210, 1_000, 5_000))
    wrappers = [chance.choice(WRAPPERS) for _ in range(chance.randint(1, 3))]
    for number in range(depth):
        opening, closing = wrappers[number % len(wrappers)]
        left += opening
        right = closing + right
    inner = chance.choice(("a", "1", "a b", "a, b", "", "*a", "'a'"))
    place = chance.choice(PLACES)
    text = place.replace("{}", (left + inner + right)[:60_000]).replace("{{", "{").replace("}}", "}")
    if chance.random() < 0.3:
        text = re.sub(r"([(\[,+-])", r"\1\n", text)
    return text.encode()


def made_up(chance: random.Random, files: Sequence[Path]) -> bytes:
    """A program of the tests' grammar, in any layout."""
    import warnings

    from hypothesis.errors import NonInteractiveExampleWarning

    from tests.support.programs import programs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonInteractiveExampleWarning)
        text = programs(max_depth=chance.randint(2, 5)).example()
    text = text.replace("\n", chance.choice(("\n", "\n", "\r\n", "\r")))
    return (b"\xef\xbb\xbf" if chance.random() < 0.1 else b"") + text.encode()


def any_bytes(chance: random.Random, files: Sequence[Path]) -> bytes:
    """Bytes, of which some mean something."""
    parts = [
        chance.choice(SCRAPS) if chance.random() < 0.7 else chance.randbytes(3) for _ in range(chance.randint(0, 80))
    ]
    cookie = chance.choice(
        (b"", b"", b"# coding: latin-1\n", b"# coding: utf-7\n", b"# coding: idna\n", b"# coding: cp037\n")
    )
    return cookie + b"".join(parts)


def many(chance: random.Random, files: Sequence[Path]) -> bytes:
    """One statement, or block, over and over: what should take twice the time for twice the length."""
    lines = chance.choice(files).read_text("utf-8", "replace").splitlines()
    if len(lines) < 8:
        return b""
    at = chance.randrange(len(lines) - 4)
    block = "\n".join("        " + line.strip() for line in lines[at : at + chance.randint(1, 3)])
    head = "async def f(self, a, b):\n    try:\n        pass\n"
    return (head + (block + "\n") * chance.choice((50, 400)) + "    finally:\n        await a\n").encode()


KINDS: dict[str, Callable[[random.Random, Sequence[Path]], bytes]] = {
    "mutated": mutated,
    "deep": deep,
    "made-up": made_up,
    "bytes": any_bytes,
    "many": many,
}


# --- runs ------------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; all if not given")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for one input")
    parser.add_argument("--seed", type=int, help="the same inputs again")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-finds"))
    parser.add_argument("--files", type=Path, nargs="+", help="check these instead")
    parser.add_argument("--standard-library", action="store_true", help="check that instead")
    parser.add_argument("--every-library", action="store_true", help="check those of all Pythons instead")
    parser.add_argument("--sample", type=int, help="of all those files so many, chosen by --seed (0 if not given)")
    parser.add_argument("--part", type=part, default=(1, 1), help="of all those files one part, as 2/6")
    given = parser.parse_args(arguments)
    unknown = [kind for kind in given.kinds if kind not in KINDS]
    if unknown:
        parser.error(f"there is no kind {unknown[0]}")
    folders: Sequence[Path] = given.files or []
    if given.every_library:
        folders = sorted({library_of(python) for python, _ in pythons().values()})
    elif given.standard_library:
        folders = [Path(sysconfig.get_paths()["stdlib"])]
    if folders:
        files = chosen(list(python_files(folders)), given.sample, given.seed or 0, given.part)
        return check_files(files, given.seconds, given.keep)
    return fuzz(given.kinds or list(KINDS), given.minutes, given.seconds, given.seed, given.keep)


def fuzz(kinds: Sequence[str], minutes: float, seconds: float, seed: int | None, keep: Path) -> int:
    """Try inputs for so many minutes; returns the exit status."""
    seed = seed if seed is not None else random.randrange(2**32)
    chance = random.Random(seed)
    files = [*fixture_files(), *sorted((ROOT / "cancelcheck").rglob("*.py")), *standard_library(150, max_size=30_000)]
    counts: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    slowest: tuple[float, str] = (0.0, "")
    finds = 0
    checker = Checker(seconds)
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="cancelcheck-fuzz-") as folder:
        path = Path(folder, "fuzzed.py")
        while time.monotonic() < end:
            kind = kinds[sum(counts.values()) // BATCH % len(kinds)]
            data = KINDS[kind](chance, files)
            path.write_bytes(data)
            answer = checker.check(path)
            counts[kind] += 1
            unread[kind] += bool(answer.unread)
            slowest = max(slowest, (answer.seconds, f"{kind} {answer.unread}"))
            if answer.wrong:
                finds += 1
                kept(
                    keep, kind, shortened(checker, path, data, answer), answer, f"seed {seed}, {sum(counts.values())}th"
                )
    checker.close()
    for kind, count in counts.items():
        print(f"{count:7} {kind}, {unread[kind]} of them told to be unreadable")
    print(f"{finds} finds in {minutes:g} minutes (seed {seed}); the slowest took {slowest[0]:.1f} s: {slowest[1]}")
    return 1 if finds else 0


def shortened(checker: Checker, path: Path, data: bytes, answer: Answer) -> bytes:
    """The input with as many lines left out as makes no difference to what is wrong."""
    lines = data.splitlines(keepends=True)
    size, tries = max(len(lines) // 2, 1), TRIES
    while size and tries and answer.wrong != "it does not answer":
        for at in range(0, len(lines), size):
            fewer = lines[:at] + lines[at + size :]
            path.write_bytes(b"".join(fewer))
            tries -= 1
            if alike(checker.check(path).wrong, answer.wrong):
                lines = fewer
                break
            if not tries:
                break
        else:
            size //= 2
    return b"".join(lines)


def alike(one: str, other: str) -> bool:
    """Whether two failures are the same but for names and numbers."""
    return re.sub(r"`[^`]*`|\d+", "", one) == re.sub(r"`[^`]*`|\d+", "", other)


def kept(keep: Path, kind: str, data: bytes, answer: Answer, where: str) -> None:
    """Keep a find."""
    keep.mkdir(parents=True, exist_ok=True)
    number = len(list(keep.glob("*.py"))) + 1
    (keep / f"{kind}-{number}.py").write_bytes(data)
    (keep / f"{kind}-{number}.txt").write_text(f"{answer.wrong}\n{where}, {answer.seconds:.1f} s\n", "utf-8")
    print(f"find: {kind}-{number}: {answer.wrong}", flush=True)


def python_files(folders: Sequence[Path]) -> Iterator[Path]:
    """Every Python file below the folders, or these files themselves."""
    for folder in folders:
        if folder.is_file():
            yield folder
        else:
            yield from sorted(
                path for path in folder.rglob("*.py") if "site-packages" not in path.parts and path.is_file()
            )


def part(text: str) -> tuple[int, int]:
    """The two numbers of a part: 2/6 is the second of six."""
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if found is None or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(f"{text} is no part, as 2/6 is one")
    return int(found[1]), int(found[2])


def chosen(files: Sequence[Path], sample: int | None, seed: int, part: tuple[int, int]) -> list[Path]:
    """So many of the files, and of these one part."""
    if sample is not None and sample < len(files):
        files = sorted(random.Random(seed).sample(files, sample))
    number, parts = part
    return list(files[number - 1 :: parts])


def check_files(files: Sequence[Path], seconds: float, keep: Path) -> int:
    """Check each file; returns the exit status."""
    checker = Checker(seconds)
    unread: list[tuple[Path, str]] = []
    wrong = 0
    slowest: list[tuple[float, Path]] = []
    for path in files:
        answer = checker.check(path)
        slowest = sorted([*slowest, (answer.seconds, path)], reverse=True)[:5]
        if answer.unread:
            unread.append((path, answer.unread))
        if answer.wrong:
            wrong += 1
            kept(keep, "file", path.read_bytes(), answer, str(path))
    checker.close()
    for path, reason in unread:
        print(f"unreadable: {path}: {reason}")
    for took, path in slowest:
        print(f"{took:6.1f} s  {path}")
    print(f"{len(files)} files: {wrong} crashes, hangs or defects, {len(unread)} told to be unreadable")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
