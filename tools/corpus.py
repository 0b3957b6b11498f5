"""Runs cancelcheck over packages that nobody here wrote, counts what it says, and draws samples to read.

    python tools/corpus.py                              the first set of pinned packages of corpus.txt
    python tools/corpus.py --set c                      another one, or `all`
    python tools/corpus.py httpx anyio==4.16.0          other ones, newest or of a version
    python tools/corpus.py --from DIR [NAME ...]        folders that are unpacked already, one a package
    python tools/corpus.py --sample CAN101 20 --seed 1  draw findings of a rule, with the source around them
    python tools/corpus.py --save before.jsonl          keep all findings …
    python tools/corpus.py --compare before.jsonl       … and see what a change of a rule adds and takes away
    python tools/corpus.py --record                     write down in findings.txt what is found by rule and package …
    python tools/corpus.py --changes                    … and see what has become of it

`--record` and `--changes` run with `--strict`, and tell what is reported by default from what is not. They take
`--from` and names too; `--changes` also `--select`. What is recorded of other packages stays as it is.

Packages are downloaded as wheels with pip into `--cache`, which lies outside of the repository. Standard library only,
but for cancelcheck's own dependencies.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PINNED = HERE / "corpus.txt"
RECORD = HERE / "findings.txt"

AROUND = 15
"""Lines shown before and after a sample."""

DIGITS = 5
"""Of a fingerprint: enough to tell the findings of one rule in one package apart."""


@dataclass(frozen=True, order=True)
class Found:
    """One finding, with the package that it is in; `path` is relative to the package's folder."""

    package: str
    path: str
    line: int
    code: str
    name: str
    symbol: str
    message: str
    help: str
    fingerprint: str
    trace: tuple[str, ...] = ()
    strict: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when the rule's words or the lines above change."""
        return self.package, self.path, self.code, self.fingerprint


@dataclass(frozen=True)
class Checked:
    """What came of one package."""

    package: str
    lines: int
    found: tuple[Found, ...]
    errors: tuple[str, ...]


def main() -> int:
    """Do what the command line says; returns the exit status: 1 where cancelcheck itself failed on a package."""
    options = _options()
    folders = packages(options)
    if not folders:
        print("error: no packages", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda folder: check(folder, options.arguments), folders))
    found = sorted(finding for result in results for finding in result.found)
    if options.save:
        save(options.save, found)
    if options.record or options.changes:
        known = recorded(options.record_file)
        now = {result.package: as_recorded(result) for result in results}
        if options.changes:
            show_changes(known, now, found, codes_of(options.selected))
        else:
            write_record(options.record_file, {**known, **now})
    elif options.sample:
        rule, count = options.sample
        show_sample(draw(found, rule, int(count), options.seed), {folder.name: folder for folder in folders})
    elif options.compare:
        checked = {folder.name for folder in folders}
        show_difference([finding for finding in load(options.compare) if finding.package in checked], found)
    else:
        show_counts(results)
    errors = [f"{result.package}: {error}" for result in results for error in result.errors]
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


def _options() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "cancelcheck-corpus"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", help=f"names or requirements (default: a set of {PINNED.name})")
    parser.add_argument("--from", dest="source", type=Path, help="a folder of unpacked packages; downloads nothing")
    parser.add_argument("--set", default=next(iter(pinned())), help="a set of those, or `all` (%(default)s)")
    parser.add_argument("--cache", type=Path, default=cache, help="where packages are unpacked (%(default)s)")
    parser.add_argument("--sample", nargs=2, metavar=("RULE", "N"), help="show N findings of a rule, by code or name")
    parser.add_argument("--seed", type=int, default=0, help="which sample is drawn (%(default)s)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write all findings there, one a line")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="show what is new and gone against a saved run")
    parser.add_argument("--record", action="store_true", help=f"write down in {RECORD.name} what is found")
    parser.add_argument("--changes", action="store_true", help="show what is new and gone against that")
    parser.add_argument("--record-file", type=Path, default=RECORD, help=argparse.SUPPRESS)
    parser.add_argument("--strict", action="append_const", dest="arguments", const="--strict", help="as in the command")
    parser.add_argument("--select", action="append", dest="selected", metavar="RULES", help="as in the command")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="packages at once (%(default)s)")
    options = parser.parse_args()
    if options.record and options.selected:
        parser.error("--record takes down all rules")
    whole = ["--strict"] if options.record or options.changes else options.arguments or []
    options.arguments = [*whole, *(f"--select={rules}" for rules in options.selected or [])]
    return options


# --- the packages ----------------------------------------------------------------------------------------------------


def packages(options: argparse.Namespace) -> list[Path]:
    """The folders of the packages that are asked for, in order of their names."""
    if options.source:
        source: Path = options.source.resolve()
        names = options.packages or [path.name for path in source.iterdir() if path.is_dir()]
        return sorted(source / name for name in names)
    cache: Path = options.cache.expanduser().resolve()
    if cache.is_relative_to(ROOT):
        raise SystemExit("error: --cache has to lie outside of the repository")
    sets = pinned()
    if options.set not in (*sets, "all"):
        raise SystemExit(f"error: there is no set {options.set}: {', '.join(sets)} or all")
    asked = [name for key, names in sets.items() if options.set in (key, "all") for name in names]
    return sorted(unpacked(cache, requirement) for requirement in options.packages or asked)


def pinned() -> dict[str, list[str]]:
    """The sets of packages, each with their names and versions."""
    sets: dict[str, list[str]] = {}
    for line in PINNED.read_text("utf-8").splitlines():
        if line.startswith("["):
            names = sets[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            names.append(line)
    return sets


def unpacked(cache: Path, requirement: str) -> Path:
    """The folder with a package's files; without a version in the requirement it is downloaded afresh."""
    name, equals, version = requirement.partition("==")
    # as a wheel bears it
    target = cache / f"{re.sub('[-.]+', '_', name)}{equals}{version}"
    if "==" in requirement and target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        wheels, files = Path(folder, "wheels"), Path(folder, "files")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--only-binary=:all:", "-d", str(wheels), requirement], check=True)
        for wheel in wheels.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(files)
            target = cache / "==".join(wheel.name.split("-")[:2])
        if not target.exists():
            os.replace(files, target)
    return target


def check(folder: Path, arguments: Sequence[str]) -> Checked:
    """Run cancelcheck over one package."""
    command = [sys.executable, "-m", "cancelcheck", "check", "--isolated", "--exit-zero", "--quiet", "--format=json"]
    # from inside, so that imports lead to the package's own files
    done = subprocess.run(
        [*command, *arguments, "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    lines = sum(path.read_bytes().count(b"\n") for path in folder.rglob("*.py"))
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return Checked(folder.name, lines, (), (f"ended with {done.returncode}: {done.stderr.strip()[-1000:]}",))
    found = tuple(_found(folder.name, finding) for finding in report["findings"])
    return Checked(folder.name, lines, found, tuple(f"{e['path']}: {e['message']}" for e in report["errors"]))


def _found(package: str, finding: dict[str, Any]) -> Found:
    return Found(
        package=package,
        path=finding["path"],
        line=finding["line"],
        code=finding["code"],
        name=finding["name"],
        symbol=finding["symbol"],
        message=finding["message"],
        help=finding["help"],
        fingerprint=finding["fingerprint"],
        trace=tuple(f"{step['path']}:{step['line']}: {step['note']}" for step in finding["trace"]),
        strict=finding["strict"],
    )


# --- what is shown ---------------------------------------------------------------------------------------------------


def show_counts(results: Sequence[Checked]) -> None:
    """The findings per package and per rule."""
    width = max(len(result.package) for result in results)
    names: dict[str, str] = {}
    total: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    for result in results:
        counts = Counter(finding.code for finding in result.found)
        names.update((finding.code, finding.name) for finding in result.found)
        total += counts
        spread.update(counts.keys())
        rules = "  ".join(f"{code} {count}" for code, count in sorted(counts.items()))
        print(f"{result.package:{width}} {result.lines:>9,} lines {len(result.found):>5}  {rules}".rstrip())
    lines = sum(result.lines for result in results)
    print(f"\n{len(results)} packages, {lines:,} lines, {total.total()} findings\n")
    for code, count in sorted(total.items()):
        print(f"{code} {names[code]:32} {count:>5} in {spread[code]:>3} packages, one in {lines // count:>9,} lines")


def draw(found: Iterable[Found], rule: str, count: int, seed: int) -> list[Found]:
    """`count` findings of a rule, the same ones for the same seed, spread over the packages as evenly as it goes."""
    chance = random.Random(seed)
    heaps: dict[str, list[Found]] = {}
    for finding in found:
        if rule.lower() in (finding.code.lower(), finding.name):
            heaps.setdefault(finding.package, []).append(finding)
    for heap in heaps.values():
        chance.shuffle(heap)
    drawn: list[Found] = []
    while heaps and len(drawn) < count:
        for package in chance.sample(sorted(heaps), len(heaps)):
            drawn.append(heaps[package].pop())
            if not heaps[package]:
                del heaps[package]
    return sorted(drawn[:count])


def show_sample(sample: Sequence[Found], folders: dict[str, Path]) -> None:
    """Each finding of a sample, with the lines around it."""
    for number, finding in enumerate(sample, start=1):
        place = f"{finding.package}/{finding.path}:{finding.line}"
        print(f"--- {number}/{len(sample)}  {place}  {finding.code} {finding.name}")
        print(f"    in {finding.symbol or 'the module'}: {finding.message}")
        print(f"    {finding.help}")
        for step in finding.trace:
            print(f"    {step}")
        text = (folders[finding.package] / finding.path).read_text("utf-8", "replace").splitlines()
        for at in range(max(1, finding.line - AROUND), min(len(text), finding.line + AROUND) + 1):
            print(f"{'>' if at == finding.line else ' '}{at:>6} {text[at - 1]}")
        print()


def save(path: Path, found: Iterable[Found]) -> None:
    """Keep findings, one a line."""
    path.write_text("".join(json.dumps(vars(finding)) + "\n" for finding in found), "utf-8")


def load(path: Path) -> list[Found]:
    """The findings of a saved run."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [Found(**{**row, "trace": tuple(row["trace"])}) for row in rows]


def show_difference(before: Sequence[Found], after: Sequence[Found]) -> None:
    """What is new, and what is gone."""
    old, new = Counter(finding.key for finding in before), Counter(finding.key for finding in after)
    for sign, findings, counts in (("-", before, old - new), ("+", after, new - old)):
        for finding in findings:
            if counts[finding.key] > 0:
                counts[finding.key] -= 1
                print(f"{sign} {finding.package}/{finding.path}:{finding.line} {finding.code} {finding.message}")
    print(f"{(old - new).total()} gone, {(new - old).total()} new, {(old & new).total()} the same")


# --- what is written down --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """What is known of one package: `found` has the findings by code, whether only `--strict` reports them, and the
    beginning of their fingerprint."""

    lines: int
    found: Counter[tuple[str, bool, str]]


def as_recorded(result: Checked) -> Recorded:
    """What is written down of a package."""
    return Recorded(
        result.lines,
        Counter(key_of(finding) for finding in result.found),
    )


def key_of(finding: Found) -> tuple[str, bool, str]:
    """A finding as it is written down."""
    return finding.code, finding.strict, finding.fingerprint[:DIGITS]


def recorded(path: Path) -> dict[str, Recorded]:
    """What was written down."""
    known: dict[str, Recorded] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        package, what, count, *marks = line.split(" ")
        if what == "lines":
            known[package] = Recorded(int(count), Counter())
        else:
            known[package].found.update((what.rstrip("?"), what.endswith("?"), mark) for mark in marks)
    return known


def write_record(path: Path, known: dict[str, Recorded]) -> None:
    """Write it down: a line for each package, and for each rule that reports on it; `?` where only `--strict` does."""
    lines: list[str] = []
    for package, record in sorted(known.items(), key=lambda item: item[0].lower()):
        lines.append(f"{package} lines {record.lines}")
        rules: dict[tuple[str, bool], list[str]] = {}
        for code, strict, mark in sorted(record.found.elements()):
            rules.setdefault((code, strict), []).append(mark)
        for (code, strict), marks in rules.items():
            lines.append(" ".join((package, f"{code}{'?' if strict else ''}", str(len(marks)), *marks)))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def codes_of(selected: Sequence[str] | None) -> tuple[str, ...]:
    """What the codes begin with that are looked at; of a rule's name nothing is known here."""
    codes = tuple(part.strip().upper() for rules in selected or () for part in rules.split(","))
    if any(not re.fullmatch(r"CAN\d*", code) for code in codes):
        raise SystemExit("error: --changes takes codes, and what they begin with")
    return codes or ("",)


def show_changes(
    known: dict[str, Recorded], now: dict[str, Recorded], found: Iterable[Found], codes: tuple[str, ...]
) -> None:
    """What is new, gone, reported by default now or with `--strict` alone; and how many by rule."""
    places: dict[tuple[str, tuple[str, bool, str]], list[Found]] = {}
    for finding in found:
        places.setdefault((finding.package, key_of(finding)), []).append(finding)
    counts: dict[str, Counter[str]] = {}
    for package, record in sorted(now.items()):
        if package not in known:
            print(f"  {package} was not recorded")
            continue
        old = Counter({key: count for key, count in known[package].found.items() if key[0].startswith(codes)})
        new = Counter({key: count for key, count in record.found.items() if key[0].startswith(codes)})
        for key, total in (("before", old), ("now", new)):
            for (code, strict, _), count in total.items():
                counts.setdefault(code, Counter())[f"{key}{'?' if strict else ''}"] += count
        gone = old - new
        for key in sorted((new - old).elements()):
            code, strict, mark = key
            other = (code, not strict, mark)
            finding = places[(package, key)].pop()
            sign = "+"
            if gone[other] > 0:
                gone[other] -= 1
                sign = "?" if strict else "!"
            elif strict:
                sign = "+?"
            print(f"{sign:2} {package}/{finding.path}:{finding.line} {code} {finding.message}")
        for code, strict, mark in sorted(gone.elements()):
            print(f"{'-?' if strict else '-':2} {package} {code} {mark}")
    print("\n+ new, - gone, ! now by default, ? now with --strict alone; +? -? with --strict alone\n")
    for code, count in sorted(counts.items()):
        before, after = (f"{count[key]:>5}{count[f'{key}?']:>+6} strict" for key in ("before", "now"))
        print(f"{code} {before}  →{after}{'' if before == after else '  *'}")


if __name__ == "__main__":
    sys.exit(main())
