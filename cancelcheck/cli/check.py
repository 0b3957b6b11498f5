"""`cancelcheck check`: what a user runs."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cancelcheck.cli.progress import Progress
from cancelcheck.cli.showing import say
from cancelcheck.cli.statuses import CLEAN, FAILED, FINDINGS

if TYPE_CHECKING:
    from cancelcheck.config import Overrides, RunOptions, SettingsFinder
    from cancelcheck.engine.baseline import Known
    from cancelcheck.engine.report import Report
    from cancelcheck.engine.shards import Shard
    from cancelcheck.engine.since import Since
    from cancelcheck.engine.store import Store
    from cancelcheck.fixing.files import Mended


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

    from cancelcheck.cli.reports import say_problems, show
    from cancelcheck.cli.unchanged import asked_for, key_for, report_of
    from cancelcheck.config import ConfigError, Overrides, RunOptions, SettingsFinder
    from cancelcheck.engine.ground import Changed, Ground
    from cancelcheck.model.source import STDIN, UNNAMED

    given = {name: value for name, value in values.items() if value is not None}
    run = msgspec.convert(given, RunOptions)
    paths = paths or (".",)
    _refuse(run, paths)
    shard = _shard(run)
    # before anything in it depends on where the checkout lies on this machine
    asked = asked_for(given, paths) if shard is not None else ""
    if "baseline" in given:
        given["baseline"] = os.path.abspath(str(given["baseline"]))
    overrides = msgspec.convert(given, Overrides)
    _know_rules(overrides)
    started = time.monotonic()
    progress = Progress(started) if not run.quiet and sys.stderr.isatty() else None
    mended: Mended | None = None
    try:
        finder = SettingsFinder(
            config=Path(run.config) if run.config is not None else None,
            isolated=run.isolated,
            overrides=overrides,
        )
        if run.verbose:
            loaded = finder.for_folder(Path(paths[0]) if os.path.isdir(paths[0]) else Path(paths[0]).parent)
            say(f"settings for {paths[0]}: {loaded.where if loaded.file is not None else 'the defaults'}")
        store = open_store(run, finder)
        key = key_for(run, given, paths) if store is not None and shard is None else None
        known_run = report_of(store, key, run) if store is not None and key is not None else None
        if known_run is not None and not isinstance(known_run, Changed):
            show(known_run, run, time.monotonic() - started)
            return FINDINGS if known_run.findings and not run.exit_zero else CLEAN

        from cancelcheck.engine.baseline import Known
        from cancelcheck.engine.pipeline import check, rarely_collect

        rarely_collect()
        stdin = sys.stdin.buffer.read() if STDIN in paths else None
        known = Known(writes=run.write_baseline, prunes=run.prune_baseline)
        ground = Ground(known_run) if key is not None else None
        checked = partial(
            check,
            paths,
            finder,
            stdin=stdin,
            stdin_filename=run.stdin_filename,
            progress=progress,
            jobs=run.jobs or cores(),
            shard=shard,
            filters=(known,) if run.since is None else (known, _since(run, paths)),
            ground=ground,
            before=known_run,
        )
        if run.fix or run.diff:
            from cancelcheck.cli import mending

            name = os.path.abspath(run.stdin_filename or UNNAMED)
            mended = mending.mend(checked, run, store, {name: stdin} if stdin is not None else {})
            report = mended.report
        else:
            report = checked(store=store)
            if store is not None and key is not None and ground is not None:
                ground.keep(store, key, report)
                store.flush()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    finally:
        if progress is not None:
            progress.clear()

    if shard is not None:
        return _write_part(report, shard, run, asked)
    if mended is None:
        show(report, run, time.monotonic() - started)
    elif run.diff:
        mending.show_diff(mended, run)
        say_problems(report)
    else:
        if stdin is not None:
            mending.write_bytes(mended.files[0].after if mended.files else stdin)
        show(report, run, time.monotonic() - started, beside=stdin is not None)
        mending.say_fixed(mended, run)
    if report.errors:
        if run.write_baseline:
            say("error: the baseline is not written: the run has failed")
        return FAILED
    _keep_baseline(known, run)
    found = mended.files if mended is not None and run.diff else report.findings
    return FINDINGS if found and not run.exit_zero else CLEAN


def _refuse(run: RunOptions, paths: tuple[str, ...]) -> None:
    """Refuse options that do not go together."""
    from cancelcheck.model.source import STDIN

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
    from cancelcheck.model.source import STDIN

    assert run.since is not None
    names = [(run.stdin_filename or "") if path == STDIN else path for path in paths]
    folders = [name if os.path.isdir(name) else os.path.dirname(name) for name in names]
    # a path that is not there is said where it is looked for
    return Since(run.since, list(dict.fromkeys(folder for folder in folders if os.path.isdir(folder or "."))))


def open_store(run: RunOptions, finder: SettingsFinder) -> Store | None:
    """Where what is known of files is kept; None where nothing is to be."""
    if run.no_cache:
        return None
    from cancelcheck.engine.store import FOLDER, Store

    # the folder that was asked for may be a link; the one in a project may not
    return Store(Path(os.path.realpath(run.cache_dir)) if run.cache_dir else finder.project_folder() / FOLDER)


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
