"""`cancelcheck merge`: the report of a run that several machines have shared."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cancelcheck.cli.statuses import CLEAN, FAILED, FINDINGS

if TYPE_CHECKING:
    from cancelcheck.config import RunOptions

_SHOWING = ("color", "exit_zero", "format", "output", "quiet", "show_suppressed", "statistics", "verbose")
"""The options of a run that say how a report is shown."""


def make() -> click.Command:
    """The command."""
    from cancelcheck.cli.options import click_option
    from cancelcheck.config import RunOptions, options_of

    def callback(parts: tuple[str, ...], **values: object) -> int:
        import msgspec

        given = {name.replace("_", "-"): value for name, value in values.items() if value is not None}
        return _merge(parts, msgspec.convert(given, RunOptions))

    return click.Command(
        "merge",
        callback=callback,
        params=[
            click.Argument(["parts"], nargs=-1, required=True, type=click.Path()),
            *(click_option(option) for option in options_of(RunOptions) if option.attribute in _SHOWING),
        ],
        short_help="Make one report of the parts that `check --shard` wrote.",
        help="Make one report of PARTS, which `cancelcheck check --shard 1/3 --output FILE` and its like wrote: the "
        "findings and the exit status of one run.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _merge(names: tuple[str, ...], run: RunOptions) -> int:
    from cancelcheck.cli.reports import show
    from cancelcheck.engine import shards

    started = time.monotonic()
    parts = []
    for name in names:
        try:
            parts.append(shards.read(Path(name).read_bytes()))
        except OSError as problem:
            raise click.ClickException(f"{name}: cannot be read: {problem.strerror or problem}") from None
        except shards.ShardError as problem:
            raise click.ClickException(f"{name}: {problem}") from None
    try:
        report = shards.merged(parts)
    except shards.ShardError as problem:
        raise click.ClickException(str(problem)) from None
    show(report, run, time.monotonic() - started)
    if report.errors:
        return FAILED
    return FINDINGS if report.findings and not run.exit_zero else CLEAN
