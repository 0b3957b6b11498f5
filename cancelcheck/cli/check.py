"""`cancelcheck check`: what a user runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cancelcheck.cli.progress import Progress
from cancelcheck.cli.showing import say
from cancelcheck.cli.statuses import CLEAN, FAILED, FINDINGS
from cancelcheck.model.source import STDIN, UNNAMED

if TYPE_CHECKING:
    from cancelcheck.config import Overrides, RunOptions, SettingsFinder
    from cancelcheck.engine.baseline import Known
    from cancelcheck.engine.report import Report
    from cancelcheck.engine.shards import Shard
    from cancelcheck.engine.since import Since
    from cancelcheck.engine.store import Store


def make() -> click.Command:
    """The command."""
    from cancelcheck.cli.options import click_option
    from cancelcheck.config import Door, options

    def callback(paths: tuple[str, ...], **values: object) -> int:
        return _check(paths, {name.replace("_", "-"): value for name, value in values.items()})

    return click.Command(
        "check",
        callback=callback,
        params=[
            click.Argument(["paths"], nargs=-1, type=click.Path()),
            *(click_option(option) for option in options() if Door.COMMAND in option.about.doors),
        ],
        short_help="Report findings in files and folders.",
        help="Report findings in PATHS: files, folders (default: the current one), or `-` for standard input.\n\n"
        "Exit status: 0 nothing to report, 1 findings, 2 the run itself failed.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _check(paths: tuple[str, ...], values: dict[str, object]) -> int:
    import msgspec

    from cancelcheck.cli.unchanged import asked_for
    from cancelcheck.config import RunOptions

    given = {name: value for name, value in values.items() if value is not None}
    run = msgspec.convert(given, RunOptions)
    paths = paths or (".",)
    _refuse(run, paths)
    shard = _shard(run)
    # before anything in it depends on where the checkout lies on this machine
    name = asked_for(given, paths) if shard is not None else ""
    if "baseline" in given:
        given["baseline"] = os.path.abspath(str(given["baseline"]))
    asked = _Asked(run, given, paths)
    if shard is not None:
        return _part(asked, shard, name)
    if run.fix or run.diff:
        return _mend(asked)
    return _report(asked)


class _Asked:
    """A run as it is asked for: its options, those of them that were `given`, and the paths. Refuses a rule that there
    is not."""

    def __init__(self, run: RunOptions, given: dict[str, object], paths: tuple[str, ...]) -> None:
        import msgspec

        from cancelcheck.config import Overrides

        self.run = run
        self.given = given
        self.paths = paths
        self._overrides = msgspec.convert(given, Overrides)
        _know_rules(self._overrides)
        self._started = time.monotonic()
        self._progress = Progress(self._started) if not run.quiet and sys.stderr.isatty() else None

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.monotonic() - self._started

    @cached_property
    def stdin(self) -> bytes | None:
        """What is to be checked from standard input, if anything."""
        return sys.stdin.buffer.read() if STDIN in self.paths else None

    @contextmanager
    def looking(self) -> Iterator[None]:
        """While it looks: a wrong setting ends the run with a word, and what is shown of the progress goes."""
        from cancelcheck.config import ConfigError

        try:
            yield
        except ConfigError as error:
            raise click.ClickException(str(error)) from None
        finally:
            if self._progress is not None:
                self._progress.clear()

    def finder(self) -> SettingsFinder:
        """What finds the settings. Raises `ConfigError`."""
        from cancelcheck.config import SettingsFinder

        run = self.run
        finder = SettingsFinder(
            config=Path(run.config) if run.config is not None else None,
            isolated=run.isolated,
            overrides=self._overrides,
        )
        if run.verbose:
            first = Path(self.paths[0])
            loaded = finder.for_folder(first if os.path.isdir(first) else first.parent)
            say(f"settings for {self.paths[0]}: {loaded.where if loaded.file is not None else 'the defaults'}")
        return finder

    def known(self) -> Known:
        """What is known of before, and left out. What comes to be known is kept by `_ended`."""
        from cancelcheck.engine.baseline import Known

        return Known(writes=self.run.write_baseline, prunes=self.run.prune_baseline)

    def checker(self, finder: SettingsFinder, known: Known) -> Callable[..., Report]:
        """The engine's `check`, with everything given that is the same each time. Raises `ConfigError`."""
        from cancelcheck.engine.pipeline import check, rarely_collect

        rarely_collect()
        run = self.run
        return partial(
            check,
            self.paths,
            finder,
            stdin=self.stdin,
            stdin_filename=run.stdin_filename,
            progress=self._progress,
            jobs=run.jobs or cores(),
            filters=(known,) if run.since is None else (known, _since(run, self.paths)),
        )


def _report(asked: _Asked) -> int:
    """Report what is found; where nothing has changed, what was found the last time."""
    from cancelcheck.cli.again import Again
    from cancelcheck.cli.unchanged import key_for, known_of
    from cancelcheck.engine.ground import Ground, Unchanged

    run = asked.run
    again = click.get_current_context().find_object(Again)
    looked = again.looked if again is not None else None
    with asked.looking():
        finder = asked.finder()
        store = open_store(run, finder)
        key = key_for(run, asked.given, asked.paths) if store is not None else None
        before = known_of(store, key, run, looked) if store is not None and key is not None else None
        known = asked.known()
        if isinstance(before, Unchanged):
            report, stood = before
        else:
            ground = Ground(before) if key is not None else None
            report = asked.checker(finder, known)(store=store, ground=ground, before=before)
            stood = b""
            if store is not None and key is not None and ground is not None:
                stood = ground.keep(store, key, report)
    return _told(asked, known, report, store, (key or b"", stood))


def _told(asked: _Asked, known: Known, report: Report, store: Store | None, ground: tuple[bytes, bytes]) -> int:
    """Show a report, and keep what is shown: where the same is asked for and nothing has changed, it is told again.
    `ground`: the key of what it stands on, and a digest of that."""
    from cancelcheck.cli.again import Again
    from cancelcheck.cli.reports import show
    from cancelcheck.cli.showing import recording

    run = asked.run
    with recording() as told:
        is_all = show(report, run, asked.seconds)
    status = _ended(run, known, report, report.findings)
    if store is not None:
        again = click.get_current_context().find_object(Again)
        if again is not None and is_all and all(ground):
            again.keep(store, ground, told, status)
        store.flush()
    return status


def _mend(asked: _Asked) -> int:
    """Apply fixes, or show them, and report what is left."""
    from cancelcheck.cli import mending
    from cancelcheck.cli.reports import say_problems, show

    run = asked.run
    with asked.looking():
        finder = asked.finder()
        known = asked.known()
        name = os.path.abspath(run.stdin_filename or UNNAMED)
        given = {name: asked.stdin} if asked.stdin is not None else {}
        mended = mending.mend(asked.checker(finder, known), run, open_store(run, finder), given)
    report = mended.report
    if run.diff:
        mending.show_diff(mended, run)
        say_problems(report)
        return _ended(run, known, report, mended.files)
    if asked.stdin is not None:
        mending.write_bytes(mended.files[0].after if mended.files else asked.stdin)
    show(report, run, asked.seconds, beside=asked.stdin is not None)
    mending.say_fixed(mended, run)
    return _ended(run, known, report, report.findings)


def _part(asked: _Asked, shard: Shard, name: str) -> int:
    """Check the part of a shared run. What it finds is told, and judged, where all parts are; `name` stands for what
    they were all asked for."""
    run = asked.run
    with asked.looking():
        finder = asked.finder()
        report = asked.checker(finder, asked.known())(store=open_store(run, finder), shard=shard)
    return _write_part(report, shard, run, name)


def _ended(run: RunOptions, known: Known, report: Report, found: Sequence[object]) -> int:
    """Keep what is known from now on, and say how the run has ended: with something `found`, or nothing."""
    if report.errors:
        if run.write_baseline:
            say("error: the baseline is not written: the run has failed")
        return FAILED
    _keep_baseline(known, run)
    return _status(run, found)


def _status(run: RunOptions, found: Sequence[object]) -> int:
    return FINDINGS if found and not run.exit_zero else CLEAN


def _refuse(run: RunOptions, paths: tuple[str, ...]) -> None:
    """Refuse options that do not go together."""
    if STDIN in paths and len(paths) > 1:
        raise click.UsageError("`-` reads one file from standard input: it cannot stand beside other paths")
    if run.stdin_filename is not None and STDIN not in paths:
        raise click.UsageError("--stdin-filename names what the path `-` reads")
    if run.config is not None and run.isolated:
        raise click.UsageError("--config and --isolated exclude each other")
    if run.unsafe_fixes and not (run.fix or run.diff):
        raise click.UsageError("--unsafe-fixes goes with --fix or --diff")
    if run.diff and run.format is not None:
        raise click.UsageError("--diff shows a diff: it cannot stand beside --format")
    if run.write_baseline and run.fix:
        raise click.UsageError("--write-baseline writes what is found: run --fix first")
    if run.write_baseline and run.since is not None:
        raise click.UsageError("--write-baseline writes all there is: it cannot stand beside --since")
    if run.write_baseline and run.prune_baseline:
        raise click.UsageError("--write-baseline leaves nothing for --prune-baseline")
    if run.write_baseline or run.prune_baseline:
        option = "--write-baseline" if run.write_baseline else "--prune-baseline"
        if run.diff:
            raise click.UsageError(f"--diff changes nothing: it cannot stand beside {option}")
        if STDIN in paths:
            raise click.UsageError(f"{option} is about files: it cannot stand beside `-`")


def _shard(run: RunOptions) -> Shard | None:
    """The part of a shared run that is asked for."""
    if run.shard is None:
        return None
    from cancelcheck.engine.shards import Shard, ShardError

    if run.output is None or run.format is not None:
        raise click.UsageError("--shard writes a part of a report: it needs --output, and has no --format")
    if run.fix or run.diff or run.write_baseline or run.prune_baseline:
        raise click.UsageError("--shard finds, and changes nothing")
    try:
        return Shard.parse(run.shard)
    except ShardError as error:
        raise click.UsageError(f"--shard: {error}") from None


def _write_part(report: Report, shard: Shard, run: RunOptions, asked: str) -> int:
    """Write what came of a part. Its findings are told, and judged, where all parts are."""
    from cancelcheck.cli.reports import say_problems
    from cancelcheck.engine.shards import written
    from cancelcheck.engine.writing import write_whole
    from cancelcheck.reporting.counting import counted

    assert run.output is not None
    try:
        write_whole(Path(run.output), written(report, shard, asked))
    except OSError as problem:
        raise click.ClickException(f"--output: {run.output}: {problem.strerror or problem}") from None
    say_problems(report)
    if not run.quiet:
        files, findings = counted(report.files, "file"), counted(len(report.findings), "finding")
        say(f"Part {shard.number} of {shard.total}: {files}, {findings}.")
    return FAILED if report.errors else CLEAN


def _since(run: RunOptions, paths: tuple[str, ...]) -> Since:
    """What tells the changed lines, in the repositories of all paths. Raises `ConfigError`."""
    from cancelcheck.engine.since import Since

    assert run.since is not None
    names = [(run.stdin_filename or "") if path == STDIN else path for path in paths]
    folders = [name if os.path.isdir(name) else os.path.dirname(name) for name in names]
    # a path that is not there is said where it is looked for
    return Since(run.since, list(dict.fromkeys(folder for folder in folders if os.path.isdir(folder or "."))))


def open_store(run: RunOptions, finder: SettingsFinder) -> Store | None:
    """Where what is known of files is kept; None where nothing is to be. What is given of it beforehand is in it."""
    from cancelcheck.engine.store import FOLDER, Store

    if not run.no_cache:
        # the folder that was asked for may be a link; the one in a project may not
        store = Store(Path(os.path.realpath(run.cache_dir)) if run.cache_dir else finder.project_folder() / FOLDER)
    elif run.facts is not None:
        from tempfile import TemporaryDirectory

        folder = TemporaryDirectory(prefix="cancelcheck-", ignore_cleanup_errors=True)
        store = Store(click.get_current_context().with_resource(folder))
    else:
        return None
    if run.facts is not None:
        _take_facts(Path(run.facts), store)
    return store


def _take_facts(folder: Path, store: Store) -> None:
    """Take in what `cancelcheck facts` has written. What is of another version, or of another text, nobody asks for."""
    from cancelcheck.cli.facts import SUFFIX
    from cancelcheck.engine.recall import FactStore

    facts = FactStore(store)
    if not os.path.isdir(folder):
        raise click.ClickException(f"--facts: {folder} is no folder")
    for file in sorted(folder.rglob(f"*{SUFFIX}")):
        try:
            data = file.read_bytes()
        except OSError as problem:
            raise click.ClickException(f"--facts: {file}: {problem.strerror or problem}") from None
        # a file that cannot be read has none
        if data and not facts.take(data):
            raise click.ClickException(f"--facts: {file}: `cancelcheck facts` did not write it, or it is damaged")
    store.flush()


def cores() -> int:
    """How many processes can run at once here."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _know_rules(overrides: Overrides) -> None:
    """Refuse a rule that there is not, naming the option it was given with."""
    given = [
        (name, selector)
        for name in ("select", "extend_select", "ignore")
        for selector in getattr(overrides, name) or ()
    ]
    if not given:
        return
    from cancelcheck.engine.select import SelectorError, matches
    from cancelcheck.rules import RULES

    for name, selector in given:
        try:
            matches(selector, RULES)
        except SelectorError as error:
            raise click.BadOptionUsage(name, f"--{name.replace('_', '-')}: {error}") from None


def _keep_baseline(known: Known, run: RunOptions) -> None:
    """Write the baseline, or take what is stale out of it, as it is asked for."""
    from cancelcheck.config import shown
    from cancelcheck.reporting.counting import counted

    try:
        if run.write_baseline:
            for file, count in known.write():
                say(f"Wrote {counted(count, 'known finding')} to {shown(file)}.")
                if file in known.unnamed:
                    say(f'It counts with `--baseline {shown(file)}`, or `baseline = "{file.name}"` in the settings.')
        elif run.prune_baseline:
            for file, count in known.prune():
                say(f"Took {counted(count, 'stale entry', 'stale entries')} out of {shown(file)}.")
    except OSError as problem:
        raise click.ClickException(f"the baseline cannot be written: {problem.strerror or problem}") from None
