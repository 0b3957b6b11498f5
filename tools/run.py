"""Runs cancelcheck, or the project's own tests, from a checkout on a machine that has nothing but Python.

    python3 tools/run.py check src/      check a tree (all options of `cancelcheck check`)
    python3 tools/run.py test            everything that has to pass before a change lands
    python3 tools/run.py test --here     the same, on this Python alone

What is needed is installed into `.venv` beside this folder, at the first call and after a change of `pyproject.toml`;
nothing outside of the checkout is touched. `test` looks for every other Python that cancelcheck runs on, on the path
and in pyenv's folder: each gets a `.venv-3.12` of its own, and runs the tests that depend on it. Standard library only;
any Python 3 can read it, to say that it is too old.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST = (3, 19)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = "cancelcheck-installed"

ELSEWHERE = (
    "tests/test_limits.py",
    "tests/test_security.py",
    *(f"tests/unit/test_{name}.py" for name in ("decode", "discover", "markers")),
)
"""The tests for which it matters which Python runs them. What it makes of a file, `agree.py` compares."""


def main():
    """Do what the command line says; returns the exit status."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in ("check", "test"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if command in ("-h", "--help") else 2
    if sys.version_info < OLDEST:
        return with_newer_python()
    problem = install(VENV, sys.executable, sys.version, "[dev]" if command == "test" else "")
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    arguments = sys.argv[2:]
    return run([BIN / "cancelcheck", "check", *arguments]) if command == "check" else run_tests(arguments)


def with_newer_python():
    """Hand over to a Python that is new enough, if there is one."""
    found = pythons()
    if found:
        return subprocess.call([found[max(found)][0], __file__, *sys.argv[1:]])
    print("error: cancelcheck needs Python 3.11 or later; this is", sys.version.split()[0], file=sys.stderr)
    return 2


def pythons():
    """The Pythons of this machine that are new enough: for each second part of a version, where it is, and what it
    says of itself."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = {}
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        name = f"python3.{minor}"
        # a version manager's stand-in may be on the path for a Python that is not chosen, or not there
        for place in (shutil.which(name), *sorted(root.glob(f"versions/3.{minor}.*/bin/{name}"), reverse=True)):
            version = version_of(place) if place else ""
            if version.startswith(f"3.{minor}."):
                found[minor] = str(place), version
                break
    return found


def version_of(python):
    """What a Python says of itself; "" if it does not run."""
    try:
        done = subprocess.run(
            [str(python), "-c", "import sys; print(sys.version)"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def python_in(venv):
    """The Python of an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(venv, python, version, extras):
    """Bring an environment of a Python up to date. Returns what is wrong, "" if nothing is."""
    project = (ROOT / "pyproject.toml").read_bytes()
    wanted = f"{hashlib.sha256(project).hexdigest()} {' '.join(version.split())} {ROOT}"
    stamp = venv / STAMP
    installed = stamp.read_text("utf-8").splitlines() if stamp.exists() else []
    # what the tests need includes what a check needs
    if installed and installed[0] == wanted and extras in ("", *installed[1:]):
        return ""
    say(f"preparing {venv.name}: the first time takes a minute")
    pip = make_venv(venv, python)
    if pip is None:
        return (
            "this Python can make no virtual environment: neither `ensurepip` nor `pip` is there. "
            "Install one of them (on Debian and Ubuntu: the package python3-venv) and call again."
        )
    stamp.unlink(missing_ok=True)
    arguments = ["install", "--quiet", "--disable-pip-version-check", "--editable", f"{ROOT}{extras}"]
    if run([*pip, *arguments]) != 0:
        return "pip could not install what is needed: see above"
    stamp.write_text("\n".join((wanted, extras)), "utf-8")
    return ""


def make_venv(venv, python):
    """The command that runs pip for an environment, which is made if it does not work; None if there is no way."""
    made = python_in(venv)
    if works([made, "-m", "pip", "--version"]):
        return [made, "-m", "pip"]
    if works([python, "-c", "import ensurepip, venv"]):
        return [made, "-m", "pip"] if run([python, "-m", "venv", "--clear", venv]) == 0 else None
    # Debian keeps ensurepip in a package of its own; a pip outside can look after an environment that has none
    if not works([python, "-m", "pip", "--version"]):
        return None
    without = run([python, "-m", "venv", "--clear", "--without-pip", venv]) == 0
    return [python, "-m", "pip", "--python", made] if without else None


def run_tests(arguments):
    """All checks, the tests last. Returns 0 if all pass."""
    here = "--here" in arguments
    arguments = [argument for argument in arguments if argument != "--here"]
    steps = [
        ("ruff check", [BIN / "ruff", "check", "."]),
        ("ruff format", [BIN / "ruff", "format", "--check", "."]),
        ("mypy", [BIN / "mypy"]),
        ("mypy on what measures", [BIN / "mypy", "benchmarks"]),
        ("import-linter", [BIN / "lint-imports"]),
        ("cancelcheck on itself", [BIN / "cancelcheck", "check", "--strict", "cancelcheck"]),
        ("pytest", [python_in(VENV), "-m", "pytest", "-n", "2", *arguments]),
    ]
    failed = [name for name, command in steps if not passes(name, command)]
    if not here:
        failed += run_elsewhere()
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def run_elsewhere():
    """What depends on the Python, on every other one that is found. Returns the names of what failed."""
    others = {minor: found for minor, found in pythons().items() if minor != sys.version_info[1]}
    failed = []
    ready = []
    for minor, (python, version) in sorted(others.items()):
        venv = ROOT / f".venv-3.{minor}"
        name = f"pytest, Python {version.split()[0]}"
        problem = install(venv, python, version, "[test]")
        if problem:
            say(f"Python 3.{minor}: {problem}")
            failed.append(name)
            continue
        ready.append(python_in(venv))
        if not passes(name, [ready[-1], "-m", "pytest", "-n", "2", *ELSEWHERE]):
            failed.append(name)
    agree = [python_in(VENV), ROOT / "tools" / "agree.py", *ready]
    if ready and not passes("the same on each Python", agree):
        failed.append("the same on each Python")
    if not ready:
        say(f"no other Python of {OLDEST[0]}.{OLDEST[1]} and later is here")
    return failed


def passes(name, command):
    """Run a step under its name; whether it ends in 0."""
    say(f"== {name}")
    return run(command, cwd=ROOT) == 0


def run(command, cwd=None):
    """Run a command in a clean environment; returns its exit status."""
    try:
        return subprocess.call([str(part) for part in command], env=environment(), cwd=cwd)
    except KeyboardInterrupt:
        return 130


def works(command):
    """Whether a command can be run and ends in 0."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def environment():
    """The environment without what would lead Python or pip out of `.venv`."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}


def say(text):
    """A line beside the output, in order with it."""
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
