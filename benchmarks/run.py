"""Compares cancelcheck with other linters and the bare LibCST parse: whole processes, on the same pinned packages, on
one core, in turn.

    python benchmarks/run.py                       download once, measure, print
    python benchmarks/run.py --write               write benchmarks/RESULTS.md too
    python benchmarks/run.py --only mixed,growth   some of its sections
    python benchmarks/run.py --from DIR            measure on folders of one's own

Standard library only; see README.md beside it. Needs `os.wait4`: Linux or macOS.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGES = HERE / "packages.txt"
MIXED = HERE / "packages-mixed.txt"
TOOLS = HERE / "tools.txt"
SECTIONS = ("asyncio", "mixed", "growth", "linking", "markers")
GROWTH = (1_000, 3_000, 10_000, 30_000)
"""Files of the trees that show what growing costs."""
LINKED = 10_000
"""Files of the tree that is linked, at least."""
RESULTS = HERE / "RESULTS.md"


@dataclass(frozen=True)
class Sample:
    """One process: seconds of CPU (user and system) and of the clock, and the peak of its memory in bytes."""

    cpu: float
    wall: float
    memory: int


@dataclass
class Case:
    """Something to measure. `prepare` is run before each process, and not measured. `all_cores`: the process is not
    kept to one; `long`: it needs no run to warm up."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Sequence[_Step] = ()
    all_cores: bool = False
    long: bool = False
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
                env={**os.environ, "PYTHONHASHSEED": "0", **self.environment},
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


@dataclass(frozen=True)
class _Step:
    """Something to do to the file system before a run: remove a folder, or change a file."""

    remove: Path | None = None
    change: Path | None = None

    def do(self) -> None:
        """Do it."""
        if self.remove is not None:
            shutil.rmtree(self.remove, ignore_errors=True)
        if self.change is not None:
            with self.change.open("a", encoding="utf-8") as file:
                file.write(f"# changed at {time.time_ns()}\n")


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
    compares = not {"asyncio", "mixed"}.isdisjoint(options.only)
    tools = tools_python(cache) if compares else Path()
    given = options.source.resolve() if options.source else None
    parts = [head(options.runs)]
    for section in options.only:
        if section == "markers":
            parts.append(marked())
            continue
        source = given or unpacked(cache, MIXED if section == "mixed" else PACKAGES)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            if section == "growth":
                parts.append(grown(source, Path(scratch)))
                continue
            if section == "linking":
                parts.append(linked(source, Path(scratch)))
                continue
            cases = make_cases(source, tools, Path(scratch), mixed=section == "mixed")
            measure(cases, options.runs)
            parts.append(describe(section, cases, source))
    report = "\n\n".join(parts)
    print(report)
    if options.write:
        RESULTS.write_text(report + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "cancelcheck-benchmarks"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=default, help="where packages and tools are kept (%(default)s)")
    parser.add_argument("--from", dest="source", type=Path, help="measure on this folder, download no packages")
    parser.add_argument(
        "--only",
        type=lambda text: [section for section in SECTIONS if section in text.split(",")],
        default=SECTIONS,
        metavar="SECTIONS",
        help=f"of {', '.join(SECTIONS)}: some, between commas",
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each, after one to warm up (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write the report to {RESULTS.name}")
    return parser.parse_args()


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


def make_cases(source: Path, tools: Path, scratch: Path, *, mixed: bool) -> list[Case]:
    """Everything to measure on the files of `source`; `scratch` is a folder to be changed at will. On the `mixed` code
    base the linters that take minutes are left out."""
    tree = str(source)
    checkout = {"PYTHONPATH": str(ROOT)}
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
    flake8 = [str(tools), "-m", "flake8", "--isolated", "--exit-zero", "-j1"]
    own_flake8 = [sys.executable, "-m", "flake8", "--isolated", "--exit-zero", "-j1"]
    others = [
        Case("flake8 with flake8-async", [*flake8, "--select=ASYNC", tree], long=True),
        Case(
            "pylint",
            [str(tools), "-m", "pylint", "--rcfile=", "--persistent=n", "--exit-zero", "-j1", "--recursive=y", tree],
            long=True,
        ),
        Case("bandit", [str(tools), "-m", "bandit", "-q", "-r", "--exit-zero", tree], long=True),
        Case("flake8 alone", [*flake8, "--select=E,F,W,C90", tree], long=True),
        Case("flake8 with cancelcheck", [*own_flake8, "--select=E,F,W,C90,CAN", tree], checkout, long=True),
    ]
    return [
        *(() if mixed else others),
        Case(PARSE, [sys.executable, "-c", _PARSE, tree]),
        Case(
            "ruff, ASYNC rules, no cache",
            [str(tools.parent / "ruff"), "check", "--isolated", "--no-cache", "--select=ASYNC", "--exit-zero", tree],
        ),
        Case(
            "ruff, ASYNC rules, unchanged tree",
            [
                *(str(tools.parent / "ruff"), "check", "--isolated", f"--cache-dir={scratch / 'ruff'}"),
                *("--select=ASYNC", "--exit-zero", tree),
            ],
        ),
        Case(COLD, [*check, one, f"--cache-dir={fresh}", tree], checkout, [_Step(remove=fresh)]),
        Case(ALL_CORES, [*check, f"--cache-dir={shared}", tree], checkout, [_Step(remove=shared)], all_cores=True),
        Case("cancelcheck, without a cache", [*check, one, "--no-cache", tree], checkout),
        Case("cancelcheck, unchanged tree", [*check, one, f"--cache-dir={kept}", tree], checkout),
        Case(
            "cancelcheck, one changed file",
            [*check, one, f"--cache-dir={edited}", str(copy)],
            checkout,
            [_Step(change=changed)],
        ),
        Case(
            "cancelcheck, three files, one of them changed",
            [*check, one, f"--cache-dir={edited}", *three],
            checkout,
            [_Step(change=Path(three[1]))],
        ),
        Case("cancelcheck, three files, without a cache", [*check, one, "--no-cache", *three], checkout),
        *(
            ()
            if mixed
            else (
                Case(TWICE, [*check, one, f"--cache-dir={fresh}", str(twice)], checkout, [_Step(remove=fresh)]),
                Case("cancelcheck --version", [*command, "--version"], checkout),
                Case("python -c pass", [sys.executable, "-c", "pass"], checkout),
            )
        ),
    ]


def grown(source: Path, scratch: Path) -> str:
    """What trees of more and more copies of the same files take, with an empty cache, on all cores: Markdown."""
    files = len(python_files(source))
    rows = [
        "## Growth",
        "",
        "Copies of the same packages, empty cache, all cores; the highest peak of any process. Once each.",
        "",
        "| files | CPU s | wall s | peak MB | µs CPU per file, first = 1 |",
        "|---:|---:|---:|---:|---:|",
    ]
    first = 0.0
    tree, cache = scratch / "tree", scratch / "cache"
    copies = 0
    for wanted in GROWTH:
        while copies * files < wanted:
            shutil.copytree(source, tree / f"copy{copies}")
            copies += 1
        case = Case(
            f"{wanted} files",
            [
                *(sys.executable, "-m", "cancelcheck", "check", "--isolated", "--strict", "--exit-zero", "--quiet"),
                *("--format=json", f"--cache-dir={cache}", str(tree)),
            ],
            {"PYTHONPATH": str(ROOT)},
            [_Step(remove=cache)],
            all_cores=True,
        )
        sample = case.measure()
        each = sample.cpu / (copies * files)
        first = first or each
        rows.append(
            f"| {copies * files:,} | {sample.cpu:.1f} | {sample.wall:.1f} | {sample.memory / 1e6:.0f} "
            f"| {each / first:.2f} |"
        )
        print(rows[-1], file=sys.stderr)
    return "\n".join(rows)


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
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(run.stdout)
    return found


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


def head(runs: int) -> str:
    """How it was measured, in Markdown."""
    system = f"{os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}"
    return "\n".join(
        (
            "# Results",
            "",
            f"Measured by `python benchmarks/run.py --write`: medians of {runs} runs of each process, in turn, pinned",
            "to one core but where it says all. Read the ratios: the machine may be shared.",
            "",
            f"- against: {', '.join(TOOLS.read_text('utf-8').split())}",
            f"- machine: {cpu_model()}, {system}",
        )
    )


def describe(section: str, cases: Sequence[Case], source: Path) -> str:
    """One section in Markdown: how long each process took, and how many times as long as the first one, and as the
    parse."""
    files = python_files(source)
    lines = count_lines(files)
    base = cases[0]
    parse = next(case for case in cases if case.name == PARSE)
    packages = MIXED if section == "mixed" else PACKAGES
    pinned = ", ".join(packages.read_text("utf-8").split()) if source.name.startswith("packages-") else source.name
    rows = [
        f"## {'A mixed code base' if section == 'mixed' else 'Code that is full of asyncio'}",
        "",
        f"{pinned}: {len(files):,} files, {lines:,} lines.",
        "",
        f"| process | CPU s | wall s | peak MB | µs CPU per line | CPU, {base.name} = 1 | CPU, parse = 1 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for case in cases:
        per_line = f"{case.cpu / lines * 1e6:.1f}" if base.command[-1] == case.command[-1] else ""
        rows.append(
            f"| {case.name} | {case.cpu:.3f} | {case.wall:.3f} | {case.memory / 1e6:.0f} | {per_line} "
            f"| {_ratio(case.cpu / base.cpu)} | {case.cpu / parse.cpu:.2f} |"
        )
    known = {case.name: case for case in cases}
    if TWICE in known:
        rows += ["", f"Twice the files: {known[TWICE].cpu / known[COLD].cpu:.2f} times the CPU time."]
    rows += ["", f"All cores: {known[ALL_CORES].wall / known[COLD].wall:.2f} of the wall time of one."]
    return "\n".join(rows)


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
