"""Has each Python read the same files, and looks whether all say the same of them, to the byte.

    python tools/agree.py python3.12 python3.13        this Python and these, each with what cancelcheck needs
    python tools/agree.py PYTHON --sample 2000          more files of each Python's own library
    python tools/agree.py PYTHON --files FOLDER…        these besides

What is compared of a file: its facts, where it is read at all, and its report as JSON, strict, with places, traces and
fixes. The files are the fixtures, and some of the library and the tests of each of the Pythons: so the older ones meet
syntax that they cannot read themselves. Ends in 1 where two do not say the same, and says of which files.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = 20
"""How many files are named of which two Pythons do not say the same."""

LARGEST = 200_000
"""Bytes of a file that is drawn."""

NEWS = {"test_except_star", "test_fstring", "test_patma", "test_tstring", "test_type_aliases", "test_type_params"}
"""Python's own tests of what an older one cannot read."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    parser.add_argument("--sample", type=int, default=80, help="files of each Python's library (%(default)s)")
    parser.add_argument("--files", type=Path, nargs="+", default=[], help="folders and files that are read besides")
    parser.add_argument("--jobs", type=int, default=2, help="Pythons at once (%(default)s)")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.read:
        return read(given.read)
    pythons = [sys.executable, *given.pythons]
    with ThreadPoolExecutor(given.jobs) as pool:
        libraries = list(pool.map(library_of, pythons))
        files = [*python_files([ROOT / "tests" / "fixtures"]), *python_files(given.files)]
        for library in libraries:
            files += drawn(python_files([library]), given.sample)
        said = list(pool.map(lambda python: answers(python, files), pythons))
    different = 0
    for python, theirs in zip(pythons[1:], said[1:], strict=True):
        for path in files:
            if theirs[str(path)] != said[0][str(path)]:
                different += 1
                if different <= SHOWN:
                    show(path, (pythons[0], said[0][str(path)]), (python, theirs[str(path)]))
    print(f"{len(files)} files, {len(pythons)} Pythons: {different} differences")
    return 1 if different else 0


def python_files(paths: Iterable[Path]) -> list[Path]:
    """The files, and those below the folders, in order; what was installed into a library is not its own."""
    found: list[Path] = []
    for path in paths:
        below = [path] if path.is_file() else path.rglob("*.py")
        found += sorted(file.resolve() for file in below if "site-packages" not in file.parts)
    return found


def drawn(files: Sequence[Path], count: int) -> list[Path]:
    """So many files, the same ones each time, spread evenly over their folders; and those about new syntax."""
    fit = [file for file in files if file.is_file() and file.stat().st_size <= LARGEST]
    new = [file for file in fit if file.stem in NEWS]
    return sorted({*(fit[:: max(1, len(fit) // count)][:count] if count else []), *new})


def library_of(python: str) -> Path:
    """Where a Python's own library is."""
    code = "import sysconfig; print(sysconfig.get_paths()['stdlib'])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


# --- what one Python says --------------------------------------------------------------------------------------------


def answers(python: str, files: Sequence[Path]) -> dict[str, dict[str, str]]:
    """What a Python says of each file."""
    done = subprocess.run(
        [python, "-P", __file__, "--read", "-"],
        input="\n".join(map(str, files)),
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "CANCELCHECK_NO_CACHE": "1"},
    )
    said: dict[str, dict[str, str]] = dict(zip(map(str, files), map(json.loads, done.stdout.splitlines()), strict=True))
    return said


def read(listed: Path) -> int:
    """Say of each of the files that are listed, one line each, what this Python makes of it."""
    from cancelcheck.config import Overrides, SettingsFinder
    from cancelcheck.engine.pipeline import check, rarely_collect
    from cancelcheck.reporting import render

    rarely_collect()
    lines = sys.stdin.read() if str(listed) == "-" else listed.read_text("utf-8")
    for path in lines.splitlines():
        report = check([path], SettingsFinder(overrides=Overrides(strict=True), isolated=True))
        print(json.dumps({"facts": facts_of(Path(path)), "report": render("json", report)}), flush=True)
    return 0


def facts_of(path: Path) -> str:
    """A digest of a file's facts, or why there are none."""
    import msgspec

    from cancelcheck.engine.decode import DecodeError, decode
    from cancelcheck.lower import LowerError, lower_module
    from cancelcheck.model.source import SourceFile

    try:
        facts = lower_module(SourceFile(path.name, decode(path.read_bytes())))
    except (DecodeError, LowerError) as error:
        return str(error)
    # where LibCST does not give back the text to the letter no fix is offered; the report says it
    facts.exact = True
    return hashlib.sha256(msgspec.msgpack.encode(facts)).hexdigest()


# --- what differs ----------------------------------------------------------------------------------------------------


def show(path: Path, one: tuple[str, dict[str, str]], other: tuple[str, dict[str, str]]) -> None:
    """What two Pythons say of a file, as far as they do not agree."""
    print(f"{path}:")
    if one[1]["facts"] != other[1]["facts"]:
        print(f"  facts: {one[1]['facts']} is what {one[0]} says, {other[1]['facts']} is what {other[0]} does")
    lines = (one[1]["report"].splitlines(), other[1]["report"].splitlines())
    for line in difflib.unified_diff(*lines, one[0], other[0], n=0, lineterm=""):
        print(f"  {line[:300]}")


if __name__ == "__main__":
    sys.exit(main())
