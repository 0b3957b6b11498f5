"""Compares cancelcheck with other linters and the bare LibCST parse: whole processes, on the same pinned packages, on
one core, in turn.

    python benchmarks/run.py --write                     all sections, one after the other; write benchmarks/RESULTS.md
    python benchmarks/run.py --only mixed,growth         some of them, and print
    python benchmarks/run.py --only mixed --write        one anew, beside what is kept of the others
    python benchmarks/run.py --merge --write             what is kept of all of them
    python benchmarks/run.py --from DIR                  measure on a folder of one's own

What came of a section is kept in benchmarks/results/, so that they can be measured one by one, and on other machines:
each takes some minutes.
Standard library only; see README.md beside it. Needs `os.wait4`: Linux or macOS.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGES = HERE / "packages.txt"
MIXED = HERE / "packages-mixed.txt"
TOOLS = HERE / "tools.txt"
RUNS = {"linters": 1, "flake8": 2, "asyncio": 5, "mixed": 2, "changes": 5, "growth": 1, "linking": 1, "markers": 1}
"""The sections, and how many runs of each process are measured in one: of what takes minutes, one."""
ASYNCIO = ("linters", "flake8", "asyncio")
"""Those on the same packages, which make one table."""
KNOWN = 1_500
"""Files of the tree in which nothing, or one file, has changed."""
GROWTH = (1_000, 3_000, 10_000, 30_000)
"""Files of the trees that show what growing costs."""
LINKED = 10_000
"""Files of the tree that is linked, at least."""
RESULTS = HERE / "RESULTS.md"
KEPT = HERE / "results"
"""What came of each section, as JSON, when it was measured last."""


@dataclass(frozen=True)
class Sample:
    """One process: seconds of CPU (user and system) and of the clock, and the peak of its memory in bytes."""

    cpu: float
    wall: float
    memory: int


@dataclass
class Case:
    """Something to measure. `prepare` is run before each process, and not measured. `all_cores`: the process is not
    kept to one; `long`: it needs no run to warm up. `part`: it looks at some of the files only, or at none."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Sequence[_Step] = ()
    all_cores: bool = False
    long: bool = False
    part: bool = False
    samples: list[Sample] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Median of the CPU times, in seconds."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def wall(self) -> float:
        """Median of the clock times, in seconds."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def memory(self) -> int:
        """The highest peak, in bytes."""
        return max(sample.memory for sample in self.samples)

    def measure(self) -> Sample:
        """Run it once."""
        for step in self.prepare:
            step.do()
        pin(one_core=not self.all_cores)
        with tempfile.TemporaryFile() as errors:
            started = time.perf_counter()
            process = subprocess.Popen(
                self.command,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**_environment(), "PYTHONHASHSEED": "0", **self.environment},
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                shown = errors.read().decode(errors="replace")[-2000:]
                raise SystemExit(f"{self.name}: ended with {process.returncode}: {' '.join(self.command)}\n{shown}")
        scale = 1 if sys.platform == "darwin" else 1024
        return Sample(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * scale)


def _environment() -> dict[str, str]:
    # as a user's: with it every start would compile some hundred modules
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class _Step:
    """Something to do to the file system before a run: remove a folder, or change a comment or the `code` of a file."""

    remove: Path | None = None
    change: Path | None = None
    code: bool = False

    def do(self) -> None:
        """Do it."""
        if self.remove is not None:
            shutil.rmtree(self.remove, ignore_errors=True)
        if self.change is not None:
            with self.change.open("a", encoding="utf-8") as file:
                file.write(f"changed_at = {time.time_ns()}\n" if self.code else f"# changed at {time.time_ns()}\n")


def main() -> int:
    """Do what the command line says; returns the exit status."""
    options = _options()
    if not hasattr(os, "wait4"):
        print("error: this system has no wait4, which tells what a process has used", file=sys.stderr)
        return 2
    cache: Path = options.cache.expanduser().resolve()
    if cache.is_relative_to(ROOT):
        print("error: --cache has to lie outside of the repository", file=sys.stderr)
        return 2
    cache.mkdir(parents=True, exist_ok=True)
    fresh: dict[str, Found] = {}
    for section in () if options.merge else options.only:
        started = time.perf_counter()
        fresh[section] = measured(section, cache, options.source, options.runs or RUNS[section])
        if options.write:
            # at once: the next one may be broken off
            KEPT.mkdir(exist_ok=True)
            kept_in(section).write_text(json.dumps(fresh[section], indent=1) + "\n", encoding="utf-8")
        print(f"{section}: {(time.perf_counter() - started) / 60:.1f} minutes", file=sys.stderr)
    if options.write or options.merge:
        known = {
            section: json.loads(kept_in(section).read_text("utf-8")) for section in RUNS if kept_in(section).exists()
        }
    else:
        known = fresh
    report = reported(known)
    print(report)
    if options.write:
        RESULTS.write_text(report + "\n", encoding="utf-8")
        missing = [section for section in RUNS if section not in known]
        if missing:
            print(f"not measured yet: {', '.join(missing)}", file=sys.stderr)
    return 0


Found = dict[str, Any]
"""What came of a section, as it is kept: JSON."""


def kept_in(section: str) -> Path:
    """The file that says what came of a section."""
    return KEPT / f"{section}.json"


def measured(section: str, cache: Path, given: Path | None, runs: int) -> Found:
    """Measure one section."""
    packages = MIXED if section in ("mixed", "changes") else PACKAGES
    source = given.resolve() if given else unpacked(cache, packages)
    files = python_files(source)
    if section == "changes":
        files = files[:KNOWN]
    found: Found = {
        "files": len(files),
        "lines": count_lines(files),
        "packages": given.name if given else ", ".join(packages.read_text().split()),
        "runs": runs,
        "on": f"{cpu_model()}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}",
        "checkout": checkout(),
    }
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        if section == "growth":
            return {**found, "rows": grown(source, Path(scratch))}
        if section == "linking":
            return {**found, "text": linked(source, Path(scratch))}
        if section == "markers":
            return {**found, "text": marked()}
        cases = make_cases(section, source, tools_python(cache), Path(scratch))
        measure(cases, runs)
        if section == "changes":
            found["edits"] = edited(Path(scratch) / TREES[0])
    found["cases"] = [
        {"name": case.name, "part": case.part, "samples": [[one.cpu, one.wall, one.memory] for one in case.samples]}
        for case in cases
    ]
    return found


def checkout() -> str:
    """Which commit is measured, as git says it."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _options() -> argparse.Namespace:
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "cancelcheck-benchmarks"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=default, help="where packages and tools are kept (%(default)s)")
    parser.add_argument("--from", dest="source", type=Path, help="measure on this folder, download no packages")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(RUNS),
        metavar="SECTIONS",
        help=f"of {', '.join(RUNS)}: some, between commas",
    )
    parser.add_argument("--runs", type=int, help="runs of each, after one to warm up (as many as the section says)")
    parser.add_argument("--merge", action="store_true", help="measure nothing: tell what is kept of all sections")
    parser.add_argument("--write", action="store_true", help=f"write the report of all sections to {RESULTS.name}")
    options = parser.parse_args()
    unknown = [section for section in options.only if section not in RUNS]
    if unknown:
        parser.error(f"no section: {', '.join(unknown)}")
    return options


# --- what is measured on, and with -----------------------------------------------------------------------------------


def unpacked(cache: Path, packages: Path) -> Path:
    """A folder with the pinned packages' files, downloaded as wheels the first time."""
    target = cache / f"packages-{_digest(packages)}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            wheels, files = Path(folder, "wheels"), Path(folder, "files")
            _pip(sys.executable, "download", "--no-deps", "--only-binary=:all:", "-d", str(wheels), "-r", str(packages))
            for wheel in sorted(wheels.glob("*.whl")):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(files / wheel.name.partition("-")[0])
            os.replace(files, target)
    return target


def tools_python(cache: Path) -> Path:
    """The Python of an environment with the pinned tools and nothing else: flake8 runs every plugin that it finds."""
    folder = cache / f"tools-{_digest(TOOLS)}-{platform.python_version()}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        _pip(str(python), "install", "-r", str(TOOLS))
        (folder / "complete").touch()
    return python


def _pip(python: str, *arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([python, "-m", "pip", *arguments, *quiet], check=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def python_files(folder: Path) -> list[Path]:
    """Every Python file below a folder."""
    return sorted(folder.rglob("*.py"))


def count_lines(files: Sequence[Path]) -> int:
    """How many lines the files have."""
    return sum(file.read_bytes().count(b"\n") for file in files)


def pin(*, one_core: bool) -> None:
    """Keep this process, and with it those that it starts, to one core or to all, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(_CORES)} if one_core else _CORES)


_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


# --- the cases -------------------------------------------------------------------------------------------------------


def make_cases(section: str, source: Path, tools: Path, scratch: Path) -> list[Case]:
    """What a section measures on the files of `source`; `scratch` is a folder to be changed at will."""
    tree = str(source)
    flake8 = [str(tools), "-m", "flake8", "--isolated", "--exit-zero", "-j1"]
    own_flake8 = [sys.executable, "-m", "flake8", "--isolated", "--exit-zero", "-j1"]
    lint = ["-m", "pylint", "--rcfile=", "--persistent=n", "--exit-zero", "-j1", "--recursive=y", tree]
    if section == "linters":
        return [
            Case(FLAKE8_ASYNC, [*flake8, "--select=ASYNC", tree], long=True),
            Case("pylint", [str(tools), *lint], long=True),
            Case("bandit", [str(tools), "-m", "bandit", "-q", "-r", "--exit-zero", tree], long=True),
        ]
    if section == "changes":
        return changed_cases(source, tools, scratch)
    if section == "flake8":
        # the same flake8, in the same environment, without the plugin and with it
        select = "--select=E,F,W,C90"
        return [
            Case(FLAKE8, [sys.executable, "-c", _WITHOUT, *own_flake8[3:], select, tree], CHECKOUT, long=True),
            Case(PLUGIN, [*own_flake8, f"{select},CAN", tree], {**CHECKOUT, "CANCELCHECK_NO_CACHE": "1"}, long=True),
            Case(
                "flake8 with cancelcheck, unchanged tree",
                [*own_flake8, f"{select},CAN", tree],
                {**CHECKOUT, "CANCELCHECK_CACHE_DIR": str(scratch / "flake8")},
            ),
        ]
    return own_cases(source, tools, scratch, mixed=section == "mixed")


CHECKOUT = {"PYTHONPATH": str(ROOT)}

SETTLED = 2.5
"""Seconds after which a file that was written counts as one that shows its changes by its times."""

_WITHOUT = """
import importlib.metadata as metadata, sys
real = metadata.distributions
metadata.distributions = lambda: [one for one in real() if one.metadata["name"] != "cancelcheck"]
from flake8.main.cli import main
sys.exit(main(sys.argv[1:]))
"""


def own_cases(source: Path, tools: Path, scratch: Path, *, mixed: bool) -> list[Case]:
    """The command in every state of its cache, beside LibCST's parse and ruff. On the `mixed` code base nothing that
    takes long is warmed up."""
    tree = str(source)
    command = [sys.executable, "-m", "cancelcheck"]
    check = [*command, "check", "--isolated", "--strict", "--exit-zero", "--quiet", "--format=json"]
    kept, fresh, edited, shared = scratch / "kept", scratch / "fresh", scratch / "edited", scratch / "shared"
    copy, twice = scratch / "copy", scratch / "twice"
    shutil.copytree(source, copy)
    if not mixed:
        for name in ("one", "two"):
            shutil.copytree(source, twice / name)
    files = python_files(copy)
    changed = max(files, key=lambda file: file.stat().st_size)
    three = [str(file) for file in files[:: max(1, len(files) // 3)][:3]]
    one = "--jobs=1"
    ruff = [str(tools.parent / "ruff"), "check", "--isolated", "--select=ASYNC", "--exit-zero"]
    # who changes a file has checked the tree before; of files that were written just now no run is kept
    time.sleep(SETTLED)
    Case("checked before", [*check, one, f"--cache-dir={edited}", str(copy)], CHECKOUT).measure()
    return [
        Case(PARSE, [sys.executable, "-c", _PARSE, tree], long=mixed),
        Case("ruff, ASYNC rules, no cache", [*ruff, "--no-cache", tree]),
        Case("ruff, ASYNC rules, unchanged tree", [*ruff, f"--cache-dir={scratch / 'ruff'}", tree]),
        Case(COLD, [*check, one, f"--cache-dir={fresh}", tree], CHECKOUT, [_Step(remove=fresh)], long=mixed),
        Case(
            ALL_CORES,
            [*check, f"--cache-dir={shared}", tree],
            CHECKOUT,
            [_Step(remove=shared)],
            all_cores=True,
            long=mixed,
        ),
        Case("cancelcheck, without a cache", [*check, one, "--no-cache", tree], CHECKOUT, long=mixed),
        Case("cancelcheck, unchanged tree", [*check, one, f"--cache-dir={kept}", tree], CHECKOUT),
        Case(
            "cancelcheck, one changed file",
            [*check, one, f"--cache-dir={edited}", str(copy)],
            CHECKOUT,
            [_Step(change=changed)],
            part=True,
        ),
        Case(
            "cancelcheck, three files, one of them changed",
            [*check, one, f"--cache-dir={edited}", *three],
            CHECKOUT,
            [_Step(change=Path(three[1]))],
            part=True,
        ),
        Case("cancelcheck, three files, without a cache", [*check, one, "--no-cache", *three], CHECKOUT, part=True),
        *(
            ()
            if mixed
            else (
                Case(
                    TWICE, [*check, one, f"--cache-dir={fresh}", str(twice)], CHECKOUT, [_Step(remove=fresh)], part=True
                ),
                Case("cancelcheck --version", [*command, "--version"], CHECKOUT, part=True),
                Case("python -c pass", [sys.executable, "-c", "pass"], CHECKOUT, part=True),
            )
        ),
    ]


def changed_cases(source: Path, tools: Path, scratch: Path) -> list[Case]:
    """The command on a tree of `KNOWN` files that it has checked before: nothing has changed, a comment of the largest
    file, or code of it."""
    files = python_files(source)[:KNOWN]
    trees = [scratch / name for name in TREES]
    for tree in trees:
        for top in sorted({file.relative_to(source).parts[0] for file in files}):
            shutil.copytree(source / top, tree / top)
        for file in {file.relative_to(source) for file in python_files(source)} - {
            file.relative_to(source) for file in files
        }:
            (tree / file).unlink(missing_ok=True)
    largest = max(files, key=lambda file: file.stat().st_size).relative_to(source)
    ruff = [str(tools.parent / "ruff"), "check", "--isolated", "--select=ASYNC", "--exit-zero"]
    unchanged, comment, code = (Case("", checking(tree, tree.with_suffix(".cache")), CHECKOUT) for tree in trees)
    # of files that were written just now no run is kept
    time.sleep(SETTLED)
    for case in (unchanged, comment, code):
        case.measure()
    return [
        Case("ruff, ASYNC rules, unchanged tree", [*ruff, f"--cache-dir={scratch / 'ruff'}", str(trees[0])], part=True),
        Case("cancelcheck, unchanged tree", unchanged.command, CHECKOUT, part=True),
        Case(
            "cancelcheck, a comment in the largest file changed",
            comment.command,
            CHECKOUT,
            [_Step(change=trees[1] / largest)],
            part=True,
        ),
        Case(
            "cancelcheck, a line of code in the largest file changed",
            code.command,
            CHECKOUT,
            [_Step(change=trees[2] / largest, code=True)],
            part=True,
        ),
        Case("python -c pass", [sys.executable, "-c", "pass"], CHECKOUT, part=True),
    ]


TREES = ("unchanged", "comment", "code")
"""Copies of the files of `changes`, by what is done to them."""

EDITS = 41
"""Functions, drawn at random, of which one at a time is changed."""


def checking(tree: Path, cache: Path) -> list[str]:
    """The command on a tree."""
    command = [sys.executable, "-m", "cancelcheck", "check", "--isolated", "--strict", "--exit-zero", "--quiet"]
    return [*command, "--format=json", f"--cache-dir={cache}", str(tree)]


def edited(tree: Path) -> list[list[float]]:
    """What the command takes on a tree that it has checked once, after a line was added to one function: seconds of CPU
    and of the clock, for each of some functions drawn at random. Each is the first change after the check of all."""
    whole, cache = tree.with_suffix(".whole"), tree.with_suffix(".edited")
    time.sleep(SETTLED)
    Case("", checking(tree, whole), CHECKOUT, all_cores=True).measure()
    rows: list[list[float]] = []
    for file, line, indent in drawn_functions(tree):
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(whole, cache)
        before, times = file.read_bytes(), file.stat()
        lines = before.splitlines(keepends=True)
        file.write_bytes(b"".join((*lines[: line - 1], b" " * indent + b"changed_at = 1\n", *lines[line - 1 :])))
        try:
            sample = Case("", checking(tree, cache), CHECKOUT, all_cores=True).measure()
        finally:
            file.write_bytes(before)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        rows.append([sample.cpu, sample.wall])
    return rows


def drawn_functions(tree: Path) -> list[tuple[Path, int, int]]:
    """Functions of a tree, drawn at random, the same each time: the file, the line on which the body begins, and how
    far it is indented."""
    functions: list[tuple[Path, int, int]] = []
    for file in python_files(tree):
        try:
            parsed = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            continue
        functions += [
            (file, node.body[0].lineno, node.body[0].col_offset)
            for node in ast.walk(parsed)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.body[0].lineno > node.lineno
        ]
    return random.Random(0).sample(functions, EDITS)


def grown(source: Path, scratch: Path) -> list[list[float]]:
    """What trees of more and more copies of the same files take, with an empty cache, on all cores: how many files,
    seconds of CPU and of the clock, and the peaks of the command's own process and of the highest of its workers, in
    bytes."""
    files = len(python_files(source))
    rows: list[list[float]] = []
    tree, cache, told = scratch / "tree", scratch / "cache", scratch / "peaks"
    copies = 0
    for wanted in GROWTH:
        while copies * files < wanted:
            shutil.copytree(source, tree / f"copy{copies}")
            copies += 1
        case = Case(
            f"{wanted} files",
            [
                *(sys.executable, "-P", "-c", _PEAKS, str(told)),
                *("check", "--isolated", "--strict", "--exit-zero", "--quiet"),
                *("--format=json", f"--cache-dir={cache}", str(tree)),
            ],
            CHECKOUT,
            [_Step(remove=cache)],
            all_cores=True,
        )
        sample = case.measure()
        scale = 1 if sys.platform == "darwin" else 1024
        parent, worker = (int(peak) * scale for peak in told.read_text("utf-8").split())
        rows.append([copies * files, sample.cpu, sample.wall, parent, worker])
        print(
            f"{copies * files} files: {sample.cpu:.1f} s of CPU, {sample.wall:.1f} s; peaks: {parent / 1e6:.0f} MB, "
            f"and a worker's {worker / 1e6:.0f} MB",
            file=sys.stderr,
        )
    return rows


_PEAKS = """
import os, resource, sys

told, sys.argv = sys.argv[1], ["cancelcheck", *sys.argv[2:]]
own, leave = os.getpid(), os._exit

def tell(status):
    if os.getpid() == own:
        peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        with open(told, "w") as file:
            print(*peaks, file=file)
    leave(status)

os._exit = tell
from cancelcheck.cli import run

run()
"""
"""The command, which says at its end how much memory it had at most, and how much the largest process that it
started."""


def linked(source: Path, scratch: Path) -> str:
    """What linking a tree takes, beside parsing some of its files, in one process: Markdown."""
    files = len(python_files(source))
    tree = source
    if files < LINKED:
        tree = scratch / "tree"
        for number in range(-(-LINKED // files)):
            shutil.copytree(source, tree / f"copy{number}")
    told = _json_of([sys.executable, str(HERE / "linking.py"), str(tree), str(scratch / "cache")])
    rows = [
        "## Linking",
        "",
        f"{'Copies of the same packages' if tree != source else source.name}: {told['linked']:,} files, whose facts",
        f"are in the cache, are taken in, and their {told['entries']:,} entry points found; CPU time, in one process,",
        f"beside parsing {told['parsed']:,} of them. Reading the facts ({told['reading']:.1f} s) is neither.",
        "",
        f"| | CPU s | parse of {told['parsed']:,} = 1 | of {told['parsed']:,} by LibCST = 1 |",
        "|---|---:|---:|---:|",
    ]
    for name, seconds in (
        (f"linking {told['linked']:,} files", told["linking"]),
        (f"parsing {told['parsed']:,}, as cancelcheck does", told["lowered"]),
        (f"parsing {told['parsed']:,} by LibCST", told["libcst"]),
    ):
        rows.append(f"| {name} | {seconds:.2f} | {seconds / told['lowered']:.2f} | {seconds / told['libcst']:.2f} |")
    return "\n".join(rows)


def marked() -> str:
    """What the markers add to a call: Markdown."""
    told = _json_of([sys.executable, str(HERE / "markers.py")])
    rows = [
        "## Markers",
        "",
        f"A call of a function with all three markers, and of the same function without; medians of {told['rounds']:,}",
        f"rounds of {told['calls']:,} calls each, in turn. What two bare functions differ by is the noise.",
        "",
        "| | ns per call, bare | marked | another bare one | marked, bare = 1 | other bare, bare = 1 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind in ("function", "coroutine", "method"):
        bare, *others = (told[f"{kind} {which}"] for which in ("bare", "marked", "other"))
        cells = [f"{each:.1f}" for each in (bare, *others)] + [f"{each / bare:.3f}" for each in others]
        rows.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _json_of(command: list[str]) -> dict[str, float]:
    """What a process prints."""
    pin(one_core=True)
    run = subprocess.run(
        command,
        env={**_environment(), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(run.stdout)
    return found


FLAKE8_ASYNC = "flake8 with flake8-async"
FLAKE8 = "flake8 alone"
PLUGIN = "flake8 with cancelcheck"
PARSE = "LibCST's parse of all files, and nothing else"
COLD = "cancelcheck, empty cache"
ALL_CORES = "cancelcheck, empty cache, all cores"
TWICE = "cancelcheck, empty cache, the tree twice"

_PARSE = """
import gc, sys
from pathlib import Path
import libcst
gc.disable()  # as cancelcheck does while it parses
for file in sorted(Path(sys.argv[1]).rglob("*.py")):
    try:
        libcst.parse_module(file.read_bytes())
    except (libcst.ParserSyntaxError, UnicodeDecodeError):
        pass
"""


def measure(cases: Sequence[Case], runs: int) -> None:
    """Run every case once to warm up, but for the long ones, then all of them in turn, so that what else the machine
    does hits all alike."""
    for round_number in range(runs + 1):
        for case in cases:
            if case.long and not round_number:
                continue
            sample = case.measure()
            if round_number:
                case.samples.append(sample)
        print(f"round {round_number} of {runs}", file=sys.stderr)


# --- the report ------------------------------------------------------------------------------------------------------


def reported(known: dict[str, Found]) -> str:
    """What was measured, in Markdown."""
    parts = [
        "\n".join(
            (
                "# Results",
                "",
                "Measured by `python benchmarks/run.py --write`: medians of some runs of each process, in turn, pinned",
                "to one core but where it says all. Read the ratios: the machine may be shared.",
                "",
                f"- against: {', '.join(TOOLS.read_text('utf-8').split())}",
                *(f"- on: {machine}" for machine in dict.fromkeys(found["on"] for found in known.values())),
                *(
                    f"- {section}: commit {found['checkout'] or 'unknown'}, runs: {found['runs']}"
                    for section, found in known.items()
                ),
            )
        )
    ]
    tables = {
        "Code that is full of asyncio": [known[section] for section in ASYNCIO if section in known],
        "A mixed code base": [known["mixed"]] if "mixed" in known else [],
        "A tree that was checked before": [known["changes"]] if "changes" in known else [],
    }
    parts += [table(title, found) for title, found in tables.items() if found]
    parts += [edits_told(edits)] if (edits := known.get("changes", {}).get("edits")) else []
    if "growth" in known:
        parts.append(growth_table(known["growth"]["rows"]))
    parts += [known[section]["text"] for section in ("linking", "markers") if section in known]
    return "\n\n".join(parts)


def table(title: str, found: Sequence[Found]) -> str:
    """One table in Markdown: how long each process took, and how many times as long as the first one, and as the
    parse."""
    cases = [
        (Case(case["name"], [], part=case["part"], samples=[Sample(*sample) for sample in case["samples"]]))
        for section in found
        for case in section["cases"]
    ]
    known = {case.name: case for case in cases}
    base = cases[0]
    parse = known.get(PARSE)
    lines = found[-1]["lines"]
    rows = [
        f"## {title}",
        "",
        f"{found[-1]['packages']}: {found[-1]['files']:,} files, {lines:,} lines.",
        "",
        f"| process | CPU s | wall s | peak MB | µs CPU per line | CPU, {base.name} = 1 | CPU, parse = 1 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for case in cases:
        per_line = "" if case.part else f"{case.cpu / lines * 1e6:.1f}"
        to_parse = f"{case.cpu / parse.cpu:.2f}" if parse is not None else ""
        rows.append(
            f"| {case.name} | {case.cpu:.3f} | {case.wall:.3f} | {case.memory / 1e6:.0f} | {per_line} "
            f"| {_ratio(case.cpu / base.cpu)} | {to_parse} |"
        )
    if TWICE in known:
        rows += ["", f"Twice the files: {known[TWICE].cpu / known[COLD].cpu:.2f} times the CPU time."]
    if ALL_CORES in known:
        rows += ["", f"All cores: {known[ALL_CORES].wall / known[COLD].wall:.2f} of the wall time of one."]
    if PLUGIN in known:
        added = known[PLUGIN].cpu - known[FLAKE8].cpu
        rows += ["", f"In flake8: the plugin adds {added / known[FLAKE8].cpu:.2f} of flake8's own CPU time."]
    return "\n".join(rows)


def edits_told(rows: Sequence[Sequence[float]]) -> str:
    """What changing one function costs, in Markdown."""
    walls = sorted(wall for _, wall in rows)
    shares = " · ".join(
        f"{name} {walls[round(share * (len(walls) - 1))]:.2f} s"
        for name, share in (("median", 0.5), ("three of four", 0.75), ("nine of ten", 0.9), ("all", 1.0))
    )
    return "\n".join(
        (
            f"A line added to one function, {len(walls)} times, each time to another one drawn at random from all,",
            "each the first change after a cold run. By the clock, on all cores, no more than:",
            f"{shares}; {sum(wall <= HALF for wall in walls)} within half a second.",
        )
    )


HALF = 0.5
"""Seconds."""


def growth_table(rows: Sequence[Sequence[float]]) -> str:
    """What growing costs, in Markdown."""
    first = rows[0][1] / rows[0][0]
    return "\n".join(
        (
            "## Growth",
            "",
            "Copies of the same packages, empty cache, all cores. Once each. Peaks of memory: of the command's own",
            "process, and of the largest of the workers that it starts.",
            "",
            "| files | CPU s | wall s | own peak MB | a worker's peak MB | CPU per file, first = 1 |",
            "|---:|---:|---:|---:|---:|---:|",
            *(
                f"| {files:,.0f} | {cpu:.1f} | {wall:.1f} | {own / 1e6:.0f} | {worker / 1e6:.0f} "
                f"| {cpu / files / first:.2f} |"
                for files, cpu, wall, own, worker in rows
            ),
        )
    )


def _ratio(ratio: float) -> str:
    return f"1/{1 / ratio:,.{0 if ratio < 0.1 else 1}f}" if ratio < 1 else f"{ratio:.1f}"


def cpu_model() -> str:
    """The processor's name, as well as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
