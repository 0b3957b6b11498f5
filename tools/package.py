"""Builds what is published, and looks whether it is whole, the same each time, and works where it is installed.

    python tools/package.py build      wheel and sdist into `dist/`: built twice, looked through, installed, used
    python tools/package.py bounds     the tests with the lowest and the newest release of each dependency
    python tools/package.py bounds --python 3.13 --only lowest

Everything is made in folders of its own below `--work` (a temporary folder if not given), with pip. Ends in 1
when something is wrong, and says what. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.run import pythons  # noqa: E402

BUILD_TOOLS = ("build", "twine")
TEST_TOOLS = ("hypothesis", "jsonschema", "pytest")

BOUND_TESTS = (
    "tests/test_rule_docs.py",
    "tests/test_parity.py",
    "tests/unit/test_cli.py",
    "tests/unit/test_config.py",
    "tests/unit/test_contracts.py",
    "tests/unit/test_decode.py",
    "tests/unit/test_discover.py",
    "tests/unit/test_flake8_plugin.py",
    "tests/unit/test_pipeline.py",
    "tests/unit/test_server.py",
    "tests/unit/test_spans.py",
    "tests/unit/test_store.py",
    "tests/unit/reporting",
)
"""What meets the dependencies: every door, settings, parser, patterns, contracts, reports."""

SAMPLE = "import asyncio\n\n\nasync def main():\n    asyncio.create_task(main())\n"

DEFAULT_EPOCH = 1_577_836_800
"""2020-01-01, for a checkout that no commit dates."""


class PackageError(Exception):
    """What is wrong with the package."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, help="where environments are made; a temporary folder if not given")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="wheel and sdist, looked through and used")
    build.add_argument("--out", type=Path, default=ROOT / "dist")
    bounds = commands.add_parser("bounds", help="the tests with the lowest and the newest dependencies")
    bounds.add_argument("--python", default=f"{sys.version_info[0]}.{sys.version_info[1]}")
    bounds.add_argument("--only", choices=("lowest", "newest"))
    bounds.add_argument("--tests", nargs="*", default=list(BOUND_TESTS))
    given = parser.parse_args(arguments)
    try:
        with working_folder(given.work) as work:
            if given.command == "build":
                check_build(work, given.out)
            else:
                check_bounds(work, given.python, [given.only] if given.only else ["lowest", "newest"], given.tests)
    except PackageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def working_folder(given: Path | None) -> Iterator[Path]:
    """A folder that is there meanwhile, or the one that was given."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="cancelcheck-package-") as made:
        yield Path(made).resolve()


# --- building --------------------------------------------------------------------------------------------------------


def check_build(work: Path, out: Path) -> None:
    """Build, look through, install, use."""
    tools = environment(work / "tools", sys.executable, BUILD_TOOLS)
    first, second = (built(tools, work / name) for name in ("first", "second"))
    for name in sorted({*first, *second}):
        if first.get(name) != second.get(name):
            raise PackageError(f"{name} is another one each time it is built")
        say(f"{first[name]}  {name}")
    files = sorted((work / "first" / "dist").iterdir())
    run(tools, "-m", "twine", "check", "--strict", *files)
    wheel, sdist = one(files, ".whl"), one(files, ".tar.gz")
    version = source_version()
    problems = [*wheel_problems(wheel, version), *sdist_problems(sdist, version)]
    if problems:
        raise PackageError("; ".join(problems))
    use(work, wheel, version)
    out.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy2(file, out / file.name)
    say(f"{wheel.name} and {sdist.name} are whole, the same each time, and work")


def built(python: Path, folder: Path) -> dict[str, str]:
    """Digests of the files that come of a copy of the checkout, the wheel made from the sdist."""
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "a-checkout"
    for path in tracked():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target)
    run(python, "-m", "build", "--outdir", folder / "dist", source, env={"SOURCE_DATE_EPOCH": str(epoch())})
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "dist").iterdir())}


def tracked() -> list[str]:
    """The files of the checkout that git knows, or would."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return sorted(path for path in os.fsdecode(done.stdout).split("\0") if path and (ROOT / path).is_file())


def epoch() -> int:
    """The time that is written into archives: SOURCE_DATE_EPOCH, or that of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isdigit():
        return int(given)
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.stdout.strip().isdigit() else DEFAULT_EPOCH


def source_version() -> str:
    """The version, from the one place where it stands."""
    found = re.search(r'^__version__ = "([^"]+)"$', (ROOT / "cancelcheck/__init__.py").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise PackageError("cancelcheck/__init__.py has no __version__")
    return found[1]


def one(files: Iterable[Path], suffix: str) -> Path:
    """The one file that ends so."""
    found = [file for file in files if file.name.endswith(suffix)]
    if len(found) != 1:
        raise PackageError(f"there are {len(found)} files that end in {suffix}")
    return found[0]


# --- looking through -------------------------------------------------------------------------------------------------


def wheel_problems(wheel: Path, version: str) -> list[str]:
    """What a wheel has too little or too much."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f"cancelcheck-{version}.dist-info"
        texts = {
            name: archive.read(f"{info}/{name}").decode()
            for name in ("METADATA", "entry_points.txt")
            if f"{info}/{name}" in names
        }
    wanted = {path for path in tracked() if path.startswith("cancelcheck/")}
    wanted |= {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    problems = [*(f"the wheel lacks {name}" for name in sorted(wanted - names))]
    problems += [f"the wheel has {name}, which nobody asked for" for name in sorted(names - wanted)]
    for what in (
        "cancelcheck/py.typed",
        "cancelcheck/reporting/report.schema.json",
    ):
        if what not in wanted:
            problems.append(f"the checkout lacks {what}")
    if not any(name.startswith("cancelcheck/catalog/data/") for name in names):
        problems.append("the wheel has no catalogue")
    if f"\nVersion: {version}\n" not in texts.get("METADATA", ""):
        problems.append(f"the metadata's version is not {version}")
    if "\nLicense-Expression: MIT\n" not in texts.get("METADATA", ""):
        problems.append("the metadata names no licence")
    for line in ("cancelcheck = cancelcheck.cli:run", "CAN = cancelcheck.flake8_plugin:Plugin"):
        if line not in texts.get("entry_points.txt", ""):
            problems.append(f"there is no entry point `{line}`")
    return problems


def sdist_problems(sdist: Path, version: str) -> list[str]:
    """What an sdist has too little."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        path for path in tracked() if path.partition("/")[0] in ("cancelcheck", "tests", "tools", "docs", "benchmarks")
    }
    wanted |= {"LICENSE", "README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", "PKG-INFO"}
    if sdist.name != f"cancelcheck-{version}.tar.gz":
        return [f"the sdist is called {sdist.name}"]
    return [f"the sdist lacks {name}" for name in sorted(wanted - names)]


# --- using -----------------------------------------------------------------------------------------------------------


def use(work: Path, wheel: Path, version: str) -> None:
    """Install the wheel where there is nothing else, and do with it what a newcomer does."""
    python = environment(work / "clean", sys.executable, (str(wheel),))
    folder = work / "newcomer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "a.py").write_text(SAMPLE)
    command = python.with_name("cancelcheck.exe" if os.name == "nt" else "cancelcheck")
    cases: tuple[tuple[list[object], int, str], ...] = (
        ([command, "--version"], 0, f"cancelcheck {version}"),
        ([command, "."], 1, "a.py:5:5: CAN101"),
        ([command, "."], 1, "a.py:5:5: CAN101"),
        ([python, "-m", "cancelcheck", "--format", "json", "a.py"], 1, '"CAN101"'),
        ([python, "-O", "-m", "cancelcheck", "--no-cache", "a.py"], 1, "CAN101"),
        ([command, "explain", "CAN101"], 0, "lost-task"),
        ([command, "rules"], 0, "CAN401"),
        ([python, "-m", "flake8", "--select", "CAN", "a.py"], 1, "a.py:5:5: CAN101"),
        ([python, "-m", "flake8", "--version"], 0, f"cancelcheck: {version}"),
        ([python, "-c", "from cancelcheck.markers import sla; print(sla)"], 0, "sla"),
        ([python, "-m", "pip", "check", "--disable-pip-version-check"], 0, "No broken requirements"),
    )
    for arguments, status, text in cases:
        done = subprocess.run(
            [str(part) for part in arguments], cwd=folder, capture_output=True, text=True, check=False, env=plain()
        )
        if done.returncode != status or text not in done.stdout:
            shown = " ".join(str(part) for part in arguments[1:])
            raise PackageError(f"installed, `{shown}` ends in {done.returncode}: {done.stdout}{done.stderr}")


def check_bounds(work: Path, python: str, which: Sequence[str], tests: Sequence[str]) -> None:
    """Run the tests with the lowest and the newest dependencies that are claimed."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    places = {f"3.{minor}": place for minor, (place, _) in pythons().items()}
    found = sys.executable if python == here else places.get(python)
    if found is None:
        raise PackageError(f"there is no Python {python}")
    claims = dependencies()
    for name in which:
        asked = lowest(claims) if name == "lowest" else list(claims)
        made = environment(work / f"{name}-{python}", found, (*asked, *TEST_TOOLS), fresh=name == "newest")
        run(made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--editable", ROOT)
        frozen = run(made, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check", capture=True)
        names = {name_of(claim) for claim in claims}
        say(f"{name}, Python {python}: " + ", ".join(line for line in frozen.split() if name_of(line) in names))
        run(made, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=ROOT)


def dependencies() -> list[str]:
    """What the package asks for, and what it asks for with the extra that users have: `dev` and `test` are ours."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["server"]]


def lowest(claims: Iterable[str]) -> list[str]:
    """The lowest releases that are claimed to do: of `click>=8.1` it is `click==8.1`."""
    found: list[str] = []
    for claim in claims:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9.]+)", claim)
        if match is None:
            raise PackageError(f"`{claim}` has no lower bound")
        found.append(f"{match[1]}=={match[2]}")
    return found


def name_of(requirement: str) -> str:
    """The name in a requirement, as the index compares it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~ \[]", requirement, maxsplit=1)[0]).lower()


# --- environments ----------------------------------------------------------------------------------------------------


def environment(folder: Path, python: str, packages: Sequence[str], *, fresh: bool = False) -> Path:
    """The Python of an environment with these packages."""
    if fresh or not (folder / "pyvenv.cfg").exists():
        run(python, "-m", "venv", "--clear", folder)
    made = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return made


def run(
    python: str | Path,
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    capture: bool = False,
) -> str:
    """Run a Python; returns what it printed if that is asked for."""
    done = subprocess.run(
        [str(python), *map(str, arguments)],
        cwd=cwd,
        env={**plain(), **(env or {})},
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PackageError(f"`{' '.join(map(str, arguments))}` ends in {done.returncode}")
    return done.stdout or ""


def plain() -> dict[str, str]:
    """The environment without what would lead Python or pip elsewhere."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")}


def say(text: str) -> None:
    """A line of the report."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
