"""Compares the catalogue with the libraries that it speaks of: names, signatures, positions, defaults.

    python tools/catalog_check.py                        all libraries, in the newest release that pip finds
    python tools/catalog_check.py redis google.cloud     those, and what belongs to them
    python tools/catalog_check.py --pinned               in the releases on which the entries were checked
    python tools/catalog_check.py --python .venv/bin/python    what is installed there; downloads nothing

Each library is installed into a folder of its own, which is dropped afterwards, so that two that do not get along do
not matter. Nothing of a library is run but its import. Differences are printed, and a table of what was looked at: exit
status 1 where there is a difference. Standard library only, but for cancelcheck's own dependencies.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from cancelcheck.catalog import Catalog, schema  # noqa: E402
from cancelcheck.catalog.loader import _MANY, _TABLES, names_of, release  # noqa: E402

PROBE = HERE / "catalog_probe.py"

FIELDS = (*_TABLES, *((table, "call") for table in _MANY))
"""All tables, with the field that names their entries."""

PLATFORM = {"os", "select", "selectors", "signal"}
"""Modules whose names depend on the system."""

WINDOWS = {"asyncio.ProactorEventLoop"}

POSITION_CHANGED = {"http.client.HTTPSConnection": (3, 12)}
"""Keyword-only since this version of Python, and what the catalogue says."""

POSITION_GONE = dict.fromkeys(("ftplib.FTP_TLS", "imaplib.IMAP4_SSL", "poplib.POP3_SSL", "smtplib.SMTP_SSL"), (3, 12))
"""Keyword-only since this version of Python; the catalogue says where it was before."""

ENVIRONMENT = {
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
    "DJANGO_SETTINGS_MODULE": "django.conf.global_settings",
}
"""Lets libraries be imported whose generated code is older than the protobuf that pip finds for them, and those that
ask for Django's settings when they are."""

IMPORT_TIMEOUT = 300

Facts = dict[str, Any]
"""What the probe says of a name."""


@dataclass(frozen=True)
class Checked:
    """What came of one library; `told` is the release that its file speaks of, `version` the one looked at."""

    library: str
    told: str
    version: str = ""
    names: int = 0
    signatures: int = 0
    differences: tuple[str, ...] = ()
    failed: str = ""


@dataclass
class Request:
    """What is asked of one library, and the answer."""

    data: schema.LibraryFile
    names: list[str] = field(default_factory=list)
    subclasses: list[tuple[str, str]] = field(default_factory=list)

    def as_json(self) -> str:
        """For the probe."""
        library = self.data.library
        told = {"library": library.name, "package": library.package}
        return json.dumps({**told, "names": self.names, "subclasses": self.subclasses})


# --- what is asked ---------------------------------------------------------------------------------------------------


def entries(data: schema.LibraryFile) -> Iterator[tuple[str, str, Any]]:
    """Table, name and entry of all that a file says."""
    for table, named in FIELDS:
        for entry in getattr(data, table):
            for name in names_of(getattr(entry, named)):
                yield table, name, entry


def spellings(name: str, data: schema.LibraryFile) -> list[str]:
    """A name, and where else the file says that it is: where the library has no other place for it, one of these."""
    found = [name]
    for spelling, usual in data.alias.items():
        if usual.endswith(".*"):
            if name.startswith(usual[:-1]):
                found.append(spelling[:-1] + name[len(usual) - 1 :])
        elif name == usual or name.startswith(f"{usual}."):
            found.append(spelling + name[len(usual) :])
    return found


def request_for(data: schema.LibraryFile) -> Request:
    """All that has to be known of a library to compare its file with it."""
    request = Request(data)
    wanted: dict[str, None] = {}
    for table, name, entry in entries(data):
        wanted[name] = None
        wanted.update(dict.fromkeys(getattr(entry, "given_back", ())))
        wanted.update(dict.fromkeys(getattr(entry, "endless", ())))
        made = [*(getattr(entry, key, "") for key in ("makes", "returns", "enters")), *getattr(entry, "items", ())]
        wanted.update(dict.fromkeys(filter(None, made)))
        if table == "lock":
            wanted.update(dict.fromkeys(f"{name}.{member}" for member in (*entry.acquire, *entry.release)))
        if table in ("client", "type", "exception") and getattr(entry, "kind", "") != "cancel-getter":
            request.subclasses += [(name, base) for base in entry.bases]
    request.names = list(dict.fromkeys(spelling for name in wanted for spelling in spellings(name, data)))
    return request


# --- comparing -------------------------------------------------------------------------------------------------------


class Comparison:
    """One file against what the probe found. `python` is the version that it ran under."""

    def __init__(self, data: schema.LibraryFile, answer: Facts, python: tuple[int, int] = sys.version_info[:2]) -> None:
        self.data = data
        self.python = python
        self.found: dict[str, Facts | None] = answer["names"]
        self.subclasses: list[bool | None] = answer["subclasses"]

    def facts(self, name: str) -> Facts | None:
        """What is known of a name, or of another spelling of it."""
        return next((facts for spelling in spellings(name, self.data) if (facts := self.found.get(spelling))), None)

    def is_expected(self, name: str, entry: Any) -> bool:
        """Whether this Python, on this system, shows the name."""
        if entry.dynamic:
            return False
        if name in WINDOWS:
            return sys.platform == "win32"
        if name.partition(".")[0] in PLATFORM and sys.platform != "linux":
            return False
        return not entry.version or bool(self.data.library.package) or release(entry.version)[:2] <= self.python

    def differences(self) -> Iterator[str]:
        """What the file says and the library does not, or the other way round."""
        for table, name, entry in entries(self.data):
            if not self.is_expected(name, entry):
                continue
            facts = self.facts(name)
            if facts is None:
                yield f"{table} {name}: there is none"
                continue
            for difference in (
                *self._positions(table, name, entry, facts),
                *self._defaults(table, entry, facts),
                *self._mode(table, entry, facts),
                *self._releases(table, name, entry),
            ):
                yield f"{table} {name}: {difference}"
        for (name, base), inherits in zip(request_for(self.data).subclasses, self.subclasses, strict=True):
            if inherits is False and not self._shares(name, base):
                yield f"{name}: has neither {base} as a base nor its methods"

    def signatures(self) -> int:
        """How many names have a signature to look at."""
        names = {name for _, name, _ in entries(self.data)}
        return sum(1 for name in names if (facts := self.facts(name)) and facts["parameters"] is not None)

    def _shares(self, name: str, base: str) -> bool:
        """Whether a type has all that the file says of another, for the catalogue's bases are about methods."""
        facts = self.facts(name)
        told = {other[len(base) + 1 :] for _, other, _ in entries(self.data) if other.startswith(f"{base}.")}
        return facts is not None and bool(told) and told <= set(facts["members"])

    def _positions(self, table: str, name: str, entry: Any, facts: Facts) -> Iterator[str]:
        if facts["parameters"] is None or name == "time.sleep":
            return
        if name in POSITION_CHANGED and self.python < POSITION_CHANGED[name]:
            return
        if name in POSITION_GONE and self.python >= POSITION_GONE[name]:
            return
        for keyword, position in asked(table, entry):
            wrong = misplaced(facts["parameters"], keyword, position)
            if wrong:
                yield wrong

    def _defaults(self, table: str, entry: Any, facts: Facts) -> Iterator[str]:
        given = {parameter["name"]: parameter for parameter in facts["parameters"] or ()}
        for keyword, said, forever in defaults(table, entry):
            parameter = given.get(keyword, {})
            if "default" in parameter and not agrees(said, parameter["default"], forever):
                yield f"{keyword} is {parameter['default']!r} by default, not {said!r}"

    def _mode(self, table: str, entry: Any, facts: Facts) -> Iterator[str]:
        if table == "api" and entry.mode is schema.Mode.SYNC and (facts["coroutine"] or facts["generator"]):
            yield "is a coroutine function"
        if table == "api" and entry.mode is schema.Mode.ASYNC and entry.coroutine and facts["generator"]:
            yield "is an asynchronous generator, and no coroutine"
        python = not self.data.library.package
        if python and (table == "coroutine" or (table == "api" and entry.mode is schema.Mode.ASYNC)):
            coroutine = table == "coroutine" or entry.coroutine
            if facts["coroutine"] is not coroutine:
                yield f"is {'no' if coroutine else 'a'} coroutine function"

    def _releases(self, table: str, name: str, entry: Any) -> Iterator[str]:
        if table == "lock":
            for member in (*entry.acquire, *entry.release):
                if self.facts(f"{name}.{member}") is None:
                    yield f"has no {member}"
        if table == "retry":
            for endless in entry.endless:
                if self.facts(endless) is None:
                    yield f"there is no {endless}"
        if table != "resource":
            return
        for taker in entry.given_back:
            if self.found.get(taker) is None and self.facts(taker) is None:
                yield f"there is no {taker}"
        held = self._held(name)
        if held and entry.item < 0:
            yield from self._lacks(held, (*entry.release, *entry.opened_by))
            facts = self.facts(held)
            if entry.async_with and facts is not None and facts["class"] and "__aenter__" not in facts["members"]:
                yield f"{held} has no __aenter__"
            if entry.entered and not entry.context_only and facts is not None and facts["class"]:
                if not {"__enter__", "__aenter__"} & set(facts["members"]) and not self._is_entered(name):
                    yield f"{held} cannot be entered"

    def _held(self, name: str) -> str:
        """The type of what a call gives, where it is known."""
        for table, other, entry in entries(self.data):
            if other == name and table in ("produces", "api", "client"):
                made = str(getattr(entry, "returns", "") or getattr(entry, "makes", ""))
                if made:
                    return made
        facts = self.facts(name)
        return name if facts is not None and facts["class"] else ""

    def _is_entered(self, name: str) -> bool:
        return any(table == "produces" and other == name and entry.enters for table, other, entry in entries(self.data))

    def _lacks(self, name: str, members: Iterable[str]) -> Iterator[str]:
        facts = self.facts(name)
        if facts is not None and facts["class"]:
            for member in members:
                if member not in facts["members"]:
                    yield f"{name} has no {member}"


def asked(table: str, entry: Any) -> Iterator[tuple[str, int]]:
    """Keywords of an entry, each with the position that is said of it."""
    if table in ("api", "client", "scope"):
        yield from ((keyword, entry.timeout_position) for keyword in names_of(entry.timeout)[:1] if keyword)
    if table == "client":
        yield from ((keyword, entry.url_position) for keyword in (entry.url,) if keyword)
        yield from ((keyword, -2) for keyword in (*names_of(entry.timeout)[1:], *entry.command, *entry.defers))
    elif table == "retry":
        yield from ((keyword, entry.attempts_position) for keyword in entry.attempts[:1])
        yield from ((keyword, -2) for keyword in (*entry.attempts[1:], *entry.seconds, *entry.defers))
    elif table == "timeout_object":
        yield entry.total, entry.total_position
        yield from ((keyword, -2) for keyword in entry.phases)
    elif table in ("spawner", "runner") and entry.work_keyword:
        yield entry.work_keyword, entry.work_position
    elif table in ("poll", "clock_sink") and entry.keyword:
        yield entry.keyword, entry.position
    elif table == "resource" and entry.only_if:
        yield entry.only_if, -2
    if table == "api" and entry.only_if:
        yield entry.only_if, entry.only_if_position


def misplaced(parameters: list[Facts], keyword: str, position: int) -> str:
    """What is wrong with a keyword that is said to stand at `position` (-1: keyword-only, -2: anywhere), or ""."""
    kinds = {parameter["name"]: parameter["kind"] for parameter in parameters}
    if position >= 0:
        here = parameters[position]["name"] if position < len(parameters) else "nothing"
        return "" if here == keyword else f"{keyword} is not at {position}, but {here}"
    if keyword not in kinds:
        return "" if "VAR_KEYWORD" in kinds.values() else f"takes no {keyword}"
    if position == -1 and kinds[keyword] != "KEYWORD_ONLY":
        at = list(kinds).index(keyword)
        return f"{keyword} is not keyword-only: it is at {at}"
    return ""


def defaults(table: str, entry: Any) -> Iterator[tuple[str, object, tuple[schema.Value, ...]]]:
    """Keywords of an entry, with the default that is said of each, and the values that mean no limit."""
    if table in ("api", "client"):
        yield from ((keyword, entry.default, entry.forever) for keyword in names_of(entry.timeout)[:1])
    if table == "client":
        yield from ((keyword, entry.command_default, entry.forever) for keyword in entry.command[:1])
    elif table == "retry":
        yield from ((keyword, entry.default_attempts, entry.forever) for keyword in entry.attempts[:1])
        yield from ((keyword, entry.default_seconds, entry.forever) for keyword in entry.seconds[:1])


def agrees(said: object, default: object, forever: tuple[schema.Value, ...]) -> bool:
    """Whether a parameter's default is what an entry says of it. None may stand for whatever the library then takes."""
    if said in ("client", "unknown") or default is None or not isinstance(default, (int, float)):
        return True
    endless = (default == 0 and schema.Value.ZERO in forever) or (default < 0 and schema.Value.NEGATIVE in forever)
    return endless if said == "none" else said == default and not endless


# --- running ---------------------------------------------------------------------------------------------------------


def check(data: schema.LibraryFile, python: str, *, pinned: bool = False) -> Checked:
    """Compare one library. Without `python` it is installed first."""
    library, package = data.library, data.library.package
    if python or not package:
        return probe(data, python or sys.executable, "")
    with tempfile.TemporaryDirectory(prefix="catalog-") as folder:
        wanted = f"{package}=={library.version}" if pinned else package
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"]
        command = [*pip, "--target", folder, wanted, *library.needs]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return Checked(library.name, library.version, failed=(last or ["pip failed"])[-1].removeprefix("ERROR: "))
        return probe(data, sys.executable, folder)


def probe(data: schema.LibraryFile, python: str, folder: str) -> Checked:
    """Ask a library that is installed, in a process of its own."""
    name, told = data.library.name, data.library.version
    request = request_for(data)
    paths = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH", ""))))
    try:
        done = subprocess.run(
            [python, str(PROBE)],
            input=request.as_json(),
            env={**os.environ, "PYTHONPATH": paths, **ENVIRONMENT},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=IMPORT_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return Checked(name, told, failed=f"not imported within {IMPORT_TIMEOUT} s")
    if done.returncode:
        return Checked(name, told, failed=(done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
    answer: Facts = json.loads(done.stdout)
    if answer["failed"]:
        gone = f"gone since Python {data.library.gone}" if data.library.gone else ""
        return Checked(name, told, failed=gone or answer["failed"].splitlines()[0])
    major, minor = answer["python"]
    comparison = Comparison(data, answer, (major, minor))
    names = len({name for _, name, _ in entries(data)})
    return Checked(name, told, answer["version"], names, comparison.signatures(), tuple(comparison.differences()))


def show(results: Iterable[Checked]) -> bool:
    """The differences as they are found, then one line for each library; whether there are differences."""
    seen = []
    for result in results:
        seen.append(result)
        for difference in result.differences:
            print(f"{result.library}: {difference}", flush=True)
    width = max((len(result.library) for result in seen), default=0)
    print(f"\n{'library':{width}}  {'entries of':>12}  {'looked at':>12}  names  signatures  differences")
    for result in seen:
        head = f"{result.library:{width}}  {result.told:>12}  "
        if result.failed:
            print(f"{head}not looked at: {result.failed[:100]}")
        else:
            counts = f"{result.names:>5}  {result.signatures:>10}  {len(result.differences):>11}"
            print(f"{head}{result.version:>12}  {counts}")
    looked_at = [result for result in seen if not result.failed]
    print(
        f"\n{len(looked_at)} of {len(seen)} libraries looked at, {sum(result.names for result in looked_at):,} names, "
        f"{sum(len(result.differences) for result in looked_at)} differences"
    )
    return any(result.differences for result in looked_at)


def main() -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", help="names of catalogue files, or what they begin with (default: all)")
    parser.add_argument("--python", default="", help="look at what this Python has installed")
    parser.add_argument("--pinned", action="store_true", help="install the releases that the catalogue names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="libraries at once (%(default)s)")
    options = parser.parse_args()
    catalog = Catalog()
    wanted = [
        catalog.read(library)
        for library in catalog.libraries()
        if not options.libraries or any(f"{library}.".startswith(f"{name}.") for name in options.libraries)
    ]
    if not wanted:
        print("error: the catalogue has none of these", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(options.jobs) as pool:
        differs = show(pool.map(lambda data: check(data, options.python, pinned=options.pinned), wanted))
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
