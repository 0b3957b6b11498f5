"""Measures how many bugs that maintainers of other projects fixed are reported before the fix, and still after it.

    python tools/real_bugs.py BUGS.json REPOSITORIES                  every bug, and a table per kind
    python tools/real_bugs.py BUGS.json REPOSITORIES --slug lost-task,lock-leak
    python tools/real_bugs.py BUGS.json REPOSITORIES --id 042 --id celery
    python tools/real_bugs.py BUGS.json REPOSITORIES --misses         what is not reported, and what is near it

BUGS.json is a list of objects: `id`, `repo` (owner/name), `commit` (the fix), `file`, `slug` (the kind), `bug_lines` in
the file before the commit, `fixed_lines` after it, `note`. REPOSITORIES holds each repository, bare, as
`owner+name/repo`. A bug is reported if a finding of any rule starts within one line of it, and still reported if one of
the same rule does so within one line of the fix. It is traced if a finding that stands elsewhere in the file leads to
it: a step of its trace is within one line; such a bug does not count as reported. All Python files of both commits are
unpacked into `--cache`, which lies outside of the repository, so that imports lead on. Standard library only, but for
cancelcheck's own dependencies.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

NEAR = 3
"""Findings of the same file that are shown for a bug that is not reported."""


@dataclass(frozen=True)
class Bug:
    """One bug, and the commit that fixed it."""

    id: str
    repo: str
    commit: str
    file: str
    slug: str
    bug_lines: tuple[int, ...]
    fixed_lines: tuple[int, ...]
    note: str


@dataclass(frozen=True, order=True)
class Found:
    """Where a rule reports something."""

    line: int
    code: str
    steps: tuple[int, ...] = ()
    """Lines of the file that its trace leads through."""


@dataclass(frozen=True)
class Measured:
    """The rules that report a bug by default and with `--strict`, those of them that still do after the fix, those that
    do not report it and lead to it, and all that is found in the file before it."""

    bug: Bug
    default: frozenset[str]
    strict: frozenset[str]
    default_after: frozenset[str]
    strict_after: frozenset[str]
    default_traced: frozenset[str]
    strict_traced: frozenset[str]
    found: tuple[Found, ...]


def main() -> int:
    """Do what the command line says; returns the exit status: 2 where something could not be measured."""
    options = _options()
    cache: Path = options.cache.expanduser().resolve()
    if cache.is_relative_to(ROOT):
        print("error: --cache has to lie outside of the repository", file=sys.stderr)
        return 2
    bugs = [bug for bug in load(options.bugs) if _is_asked_for(bug, options.slug, options.id)]
    if not bugs:
        print("error: no bugs", file=sys.stderr)
        return 2
    try:
        # two bugs of one commit would unpack it twice at the same time
        for bug in bugs:
            for revision in (f"{bug.commit}^", bug.commit):
                unpacked(options.repositories, cache, bug.repo, revision)
        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda bug: measure(bug, options.repositories, cache), bugs))
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    missed = [result for result in results if not result.strict]
    show_bugs(missed if options.misses else results, options.misses)
    if not options.misses:
        show_table(results)
    return 0


def _options() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "cancelcheck-real-bugs"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bugs", type=Path, help="the JSON file with the bugs")
    parser.add_argument("repositories", type=Path, help="the folder with the bare repositories")
    parser.add_argument("--slug", action="append", default=[], metavar="KINDS", help="only bugs of these kinds")
    parser.add_argument("--id", action="append", default=[], metavar="TEXT", help="only bugs whose id holds this")
    parser.add_argument("--misses", action="store_true", help="show only what is not reported, also not with --strict")
    parser.add_argument("--cache", type=Path, default=cache, help="where commits are unpacked (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="bugs at once (%(default)s)")
    options = parser.parse_args()
    options.slug = [kind for kinds in options.slug for kind in kinds.split(",")]
    return options


def load(path: Path) -> list[Bug]:
    """The bugs of a file."""
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return [
        Bug(
            id=row["id"],
            repo=row["repo"],
            commit=row["commit"],
            file=row["file"],
            slug=row["slug"],
            bug_lines=tuple(row["bug_lines"]),
            fixed_lines=tuple(row["fixed_lines"]),
            note=row["note"],
        )
        for row in rows
    ]


def _is_asked_for(bug: Bug, slugs: Sequence[str], ids: Sequence[str]) -> bool:
    return (not slugs or bug.slug in slugs) and (not ids or any(text in bug.id for text in ids))


# --- one bug ---------------------------------------------------------------------------------------------------------


def measure(bug: Bug, repositories: Path, cache: Path) -> Measured:
    """Run cancelcheck over a bug's file before and after the fix. Raises `RuntimeError`."""
    before = unpacked(repositories, cache, bug.repo, f"{bug.commit}^")
    after = unpacked(repositories, cache, bug.repo, bug.commit)
    found = check(before, bug.file, "--strict")
    strict = codes_at(found, bug.bug_lines)
    led = traced(found, bug.bug_lines) if not strict else frozenset[str]()
    by_default = check(before, bug.file) if strict or led else []
    default = codes_at(by_default, bug.bug_lines) if strict else frozenset[str]()
    return Measured(
        bug,
        default,
        strict,
        default & codes_at(check(after, bug.file), bug.fixed_lines) if default else frozenset(),
        strict & codes_at(check(after, bug.file, "--strict"), bug.fixed_lines) if strict else frozenset(),
        traced(by_default, bug.bug_lines) if not default else frozenset(),
        led,
        tuple(found),
    )


def codes_at(found: Iterable[Found], lines: Sequence[int]) -> frozenset[str]:
    """The rules that report within one line of one of these."""
    return frozenset(finding.code for finding in found if any(abs(finding.line - line) <= 1 for line in lines))


def traced(found: Iterable[Found], lines: Sequence[int]) -> frozenset[str]:
    """The rules whose findings lead through one of these lines, within one line."""
    return frozenset(
        finding.code for finding in found if any(abs(step - line) <= 1 for step in finding.steps for line in lines)
    )


def unpacked(repositories: Path, cache: Path, repo: str, revision: str) -> Path:
    """The folder with the Python files of a commit. Raises `RuntimeError`."""
    name = repo.replace("/", "+")
    target = cache / name / revision.replace("^", "-before")
    if target.exists():
        return target
    git = ["git", "--git-dir", str(repositories / name / "repo"), "archive", "--format=tar", revision, "--", "*.py"]
    done = subprocess.run(git, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{repo} {revision}: {done.stderr.decode('utf-8', 'replace').strip()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(Path(folder, "files"), [member for member in tar if member.isfile()], filter="data")
        os.replace(Path(folder, "files"), target)
    return target


def check(folder: Path, file: str, *arguments: str) -> list[Found]:
    """Run cancelcheck over one file, from the project's folder, so that imports lead to its own files. Raises
    `RuntimeError`."""
    command = [sys.executable, "-m", "cancelcheck", "check", "--isolated", "--exit-zero", "--quiet", "--format=json"]
    done = subprocess.run(
        [*command, *arguments, file],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"{folder / file}: ended with {done.returncode}: {done.stderr.strip()[-1000:]}") from None
    if report["errors"]:
        raise RuntimeError(f"{folder / file}: {report['errors'][0]['message']}")
    return sorted(
        Found(
            finding["line"],
            finding["code"],
            tuple(step["line"] for step in finding["trace"] if step["path"] == finding["path"]),
        )
        for finding in report["findings"]
    )


# --- what is shown ---------------------------------------------------------------------------------------------------


def show_bugs(results: Sequence[Measured], misses: bool) -> None:
    """One line for each bug; for one that is missed also what it is, and what is found near it."""
    width = max((len(result.bug.id) for result in results), default=0)
    for result in results:
        bug = result.bug
        parts = [f"default {_codes(result.default)}"] if result.default else []
        if result.strict - result.default:
            parts.append(f"strict {_codes(result.strict - result.default)}")
        if result.strict_after:
            parts.append(f"after the fix {_codes(result.strict_after)}")
        if result.default_traced or result.strict_traced:
            how = "default" if result.default_traced else "strict"
            parts.append(f"traced by {how} {_codes(result.default_traced or result.strict_traced)}")
        print(f"{bug.id:{width}}  {'  '.join(parts) or 'missed'}")
        if misses:
            print(f"    {bug.file}:{','.join(map(str, bug.bug_lines))}: {bug.note}")
            for finding in sorted(result.found, key=lambda finding: _distance(bug, finding))[:NEAR]:
                print(f"    line {finding.line}: {finding.code}")


def _codes(codes: Iterable[str]) -> str:
    return ",".join(sorted(codes))


def _distance(bug: Bug, finding: Found) -> int:
    return min(abs(finding.line - line) for line in bug.bug_lines)


def show_table(results: Sequence[Measured]) -> None:
    """Per kind of bug: how many there are, are reported, are still reported after the fix, and are not reported but
    traced, by default and with `--strict`."""
    rows: dict[str, list[Measured]] = {}
    for result in results:
        rows.setdefault(result.bug.slug, []).append(result)
    rows = {**dict(sorted(rows.items())), "all": list(results)}
    width = max(map(len, rows))
    head = f"{'default':>12} {'after':>6} {'traced':>7} {'--strict':>12} {'after':>6} {'traced':>7}"
    print(f"\n{'':{width}}  bugs {head}")
    for slug, row in rows.items():
        default, strict = sum(bool(each.default) for each in row), sum(bool(each.strict) for each in row)
        after = sum(bool(each.default_after) for each in row), sum(bool(each.strict_after) for each in row)
        led = sum(bool(each.default_traced) for each in row), sum(bool(each.strict_traced) for each in row)
        by_default = f"{default:>6} {_share(default, row)} {after[0]:>6} {led[0]:>7}"
        print(f"{slug:{width}} {len(row):>5} {by_default} {strict:>6} {_share(strict, row)} {after[1]:>6} {led[1]:>7}")


def _share(count: int, row: Sequence[Measured]) -> str:
    return f"{100 * count / len(row):>3.0f} %"


if __name__ == "__main__":
    sys.exit(main())
