"""Runs cancelcheck, or the project's own tests, from a checkout on a machine that has nothing but Python.

    python3 tools/run.py check src/      check a tree (all options of `cancelcheck check`)
    python3 tools/run.py test            everything that has to pass before a change lands

What is needed is installed into `.venv` beside this folder, at the first call and after a change of `pyproject.toml`;
nothing outside of the checkout is touched. Standard library only; any Python 3 can read it, to say that it is too old.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "cancelcheck-installed"


def main():
    """Do what the command line says; returns the exit status."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in ("check", "test"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if command in ("-h", "--help") else 2
    if sys.version_info < OLDEST:
        return with_newer_python()
    problem = install("[dev]" if command == "test" else "")
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    arguments = sys.argv[2:]
    return run([BIN / "cancelcheck", "check", *arguments]) if command == "check" else run_tests(arguments)


def with_newer_python():
    """Hand over to a Python that is new enough, if there is one."""
    for minor in range(19, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # a version manager's stand-in may be there for a Python that is not
        if found and works([found, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})"]):
            return subprocess.call([found, __file__, *sys.argv[1:]])
    print("error: cancelcheck needs Python 3.11 or later; this is", sys.version.split()[0], file=sys.stderr)
    return 2


def install(extras):
    """Bring `.venv` up to date. Returns what is wrong, "" if nothing is."""
    project = (ROOT / "pyproject.toml").read_bytes()
    wanted = f"{hashlib.sha256(project).hexdigest()} {sys.version} {ROOT}"
    installed = STAMP.read_text("utf-8").splitlines() if STAMP.exists() else []
    # what the tests need includes what a check needs
    if installed and installed[0] == wanted and extras in ("", *installed[1:]):
        return ""
    say("preparing .venv: the first time takes a minute")
    pip = make_venv()
    if pip is None:
        return (
            "this Python can make no virtual environment: neither `ensurepip` nor `pip` is there. "
            "Install one of them (on Debian and Ubuntu: the package python3-venv) and call again."
        )
    STAMP.unlink(missing_ok=True)
    arguments = ["install", "--quiet", "--disable-pip-version-check", "--editable", f"{ROOT}{extras}"]
    if run([*pip, *arguments]) != 0:
        return "pip could not install what is needed: see above"
    STAMP.write_text("\n".join((wanted, extras)), "utf-8")
    return ""


def make_venv():
    """The command that runs pip for `.venv`, which is made if it does not work; None if there is no way."""
    if works([PYTHON, "-m", "pip", "--version"]):
        return [PYTHON, "-m", "pip"]
    if works([sys.executable, "-c", "import ensurepip, venv"]):
        made = run([sys.executable, "-m", "venv", "--clear", VENV]) == 0
        return [PYTHON, "-m", "pip"] if made else None
    # Debian keeps ensurepip in a package of its own; a pip outside can look after an environment that has none
    if not works([sys.executable, "-m", "pip", "--version"]):
        return None
    made = run([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV]) == 0
    return [sys.executable, "-m", "pip", "--python", PYTHON] if made else None


def run_tests(arguments):
    """All checks, the tests last. Returns 0 if all pass."""
    steps = (
        ("ruff check", [BIN / "ruff", "check", "."]),
        ("ruff format", [BIN / "ruff", "format", "--check", "."]),
        ("mypy", [BIN / "mypy"]),
        ("import-linter", [BIN / "lint-imports"]),
        ("cancelcheck on itself", [BIN / "cancelcheck", "check", "--strict", "cancelcheck"]),
        ("pytest", [PYTHON, "-m", "pytest", "-n", "2", *arguments]),
    )
    failed = []
    for name, command in steps:
        say(f"== {name}")
        if run(command, cwd=ROOT) != 0:
            failed.append(name)
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


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
