"""The command. Nothing heavy is imported before it is known what is asked for: `--version` has to be quick."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cancelcheck import __version__

if TYPE_CHECKING:
    from cancelcheck.config import Option, Overrides, RunOptions, SettingsFinder
    from cancelcheck.engine.report import Report
    from cancelcheck.engine.store import Store

CLEAN, FINDINGS, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses."""

_PROGRESS_AFTER = 1.0
"""Seconds before a run on a terminal shows how far it is."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command with `args` (default: the process's) and return its exit status."""
    try:
        status = _commands.main(args=args, prog_name="cancelcheck", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return FAILED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            return _defect(error)
        # the reader has gone; what is still buffered must not fail again when the process ends
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINDINGS
    except Exception as error:
        return _defect(error)
    return status if isinstance(status, int) else CLEAN


def _defect(error: Exception) -> int:
    traceback.print_exception(error)
    print("error: this is a defect in cancelcheck: please report it with the traceback above", file=sys.stderr)
    return FAILED


class _Commands(click.Group):
    """Commands that are made when they are asked for; `check` where none is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MAKERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        maker = _MAKERS.get(cmd_name)
        return maker() if maker is not None else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*_MAKERS, "--version", *ctx.help_option_names):
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The word `check` may be left out: `cancelcheck src/`. Its options: `cancelcheck check --help`.",
)
@click.version_option(__version__, prog_name="cancelcheck", message="%(prog)s %(version)s")
def _commands() -> None:
    """Check Python code for lost cancellations, swallowed ones, and calls that wait forever."""


# --- check -----------------------------------------------------------------------------------------------------------


def _make_check() -> click.Command:
    from cancelcheck.config import Door, options

    def callback(paths: tuple[str, ...], **values: object) -> int:
        return _check(paths, {name.replace("_", "-"): value for name, value in values.items()})

    return click.Command(
        "check",
        callback=callback,
        params=[
            click.Argument(["paths"], nargs=-1, type=click.Path()),
            *(_click_option(option) for option in options() if Door.COMMAND in option.about.doors),
        ],
        short_help="Report findings in files and folders.",
        help="Report findings in PATHS: files, folders (default: the current one), or `-` for standard input.\n\n"
        "Exit status: 0 nothing to report, 1 findings, 2 the run itself failed.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _click_option(option: Option) -> click.Option:
    """An option of the table as click's."""
    names = [f"--{option.name}", option.attribute]
    if option.about.short:
        names.insert(0, f"-{option.about.short}")
    variable = option.about.variable or None
    if option.type is bool:
        return click.Option(names, is_flag=True, help=option.about.help, envvar=variable)
    if option.is_list:
        return click.Option(
            names, multiple=True, callback=_split, metavar=option.about.metavar or None, help=option.about.help
        )
    limits = click.IntRange(min=1) if option.type == int | None else None
    return click.Option(
        names,
        type=click.Choice(option.about.choices) if option.about.choices else limits,
        default=option.default,
        metavar=option.about.metavar or None,
        help=option.about.help,
        envvar=variable,
    )


def _split(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Values between commas, or of several options; None where the option is not given."""
    if not values:
        return None
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _check(paths: tuple[str, ...], values: dict[str, object]) -> int:
    import msgspec

    from cancelcheck.config import ConfigError, Overrides, RunOptions, SettingsFinder
    from cancelcheck.engine.pipeline import STDIN, check, rarely_collect

    given = {name: value for name, value in values.items() if value is not None}
    run = msgspec.convert(given, RunOptions)
    paths = paths or (".",)
    rarely_collect()
    if STDIN in paths and len(paths) > 1:
        raise click.UsageError("`-` reads one file from standard input: it cannot stand beside other paths")
    if run.stdin_filename is not None and STDIN not in paths:
        raise click.UsageError("--stdin-filename names what the path `-` reads")
    if run.config is not None and run.isolated:
        raise click.UsageError("--config and --isolated exclude each other")
    overrides = msgspec.convert(given, Overrides)
    _know_rules(overrides)
    started = time.monotonic()
    progress = _Progress(started) if not run.quiet and sys.stderr.isatty() else None
    try:
        finder = SettingsFinder(
            config=Path(run.config) if run.config is not None else None,
            isolated=run.isolated,
            overrides=overrides,
        )
        if run.verbose:
            loaded = finder.for_folder(Path(paths[0]) if os.path.isdir(paths[0]) else Path(paths[0]).parent)
            _say(f"settings for {paths[0]}: {loaded.where if loaded.file is not None else 'the defaults'}")
        report = check(
            paths,
            finder,
            stdin=sys.stdin.buffer.read() if STDIN in paths else None,
            stdin_filename=run.stdin_filename,
            progress=progress,
            store=_store(run, finder),
            jobs=run.jobs or _cores(),
        )
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    finally:
        if progress is not None:
            progress.clear()
    _show(report, run, time.monotonic() - started)
    if report.errors:
        return FAILED
    return FINDINGS if report.findings and not run.exit_zero else CLEAN


def _store(run: RunOptions, finder: SettingsFinder) -> Store | None:
    """Where what is known of files is kept; None where nothing is to be."""
    if run.no_cache:
        return None
    from cancelcheck.engine.store import FOLDER, Store

    return Store(Path(run.cache_dir) if run.cache_dir else finder.project_folder() / FOLDER)


def _cores() -> int:
    """How many processes can run at once here."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _know_rules(overrides: Overrides) -> None:
    """Refuse a rule that there is not, naming the option it was given with."""
    from cancelcheck.engine.select import SelectorError, matches
    from cancelcheck.rules import RULES

    for name in ("select", "extend_select", "ignore"):
        for selector in getattr(overrides, name) or ():
            try:
                matches(selector, RULES)
            except SelectorError as error:
                raise click.BadOptionUsage(name, f"--{name.replace('_', '-')}: {error}") from None


def _show(report: Report, run: RunOptions, seconds: float) -> None:
    from cancelcheck.reporting import REPORTERS, UTF8_FORMATS

    on_terminal = run.output is None and sys.stdout.isatty()
    form = run.format if run.format is not None else "text" if on_terminal else "concise"
    for_people = form in ("text", "concise")
    text = REPORTERS[form](report, _wants_color(run.color, on_terminal))
    if run.statistics and for_people:
        text += _statistics(report)
    if run.output is not None:
        _write_file(Path(run.output), text)
    else:
        _write_stdout(text, utf8=form in UTF8_FORMATS)
    for error in report.errors:
        if error.trace:
            _say(error.trace.rstrip())
        _say(f"error: {error.path}: {error.message}" if error.path else f"error: {error.message}")
    for note in report.notes:
        _say(f"warning: {note}")
    if run.statistics and not for_people:
        _say(_statistics(report).rstrip())
    if for_people and not run.quiet:
        if report.files:
            _say(_summary(report))
        elif not report.errors:
            _say("warning: no Python files found under the given paths")
    if run.verbose:
        _say(f"{report.files} files in {seconds:.2f} s")


def _summary(report: Report) -> str:
    count, files = len(report.findings), len({finding.path for finding in report.findings})
    if not count:
        return f"Nothing to report in {_counted(report.files, 'file')}."
    return f"{_counted(count, 'finding')} in {files} of {_counted(report.files, 'file')}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _statistics(report: Report) -> str:
    counts: dict[tuple[str, str], int] = {}
    for finding in report.findings:
        key = (finding.code, finding.name)
        counts[key] = counts.get(key, 0) + 1
    width = max((len(str(count)) for count in counts.values()), default=0)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return "".join(f"{count:{width}} {code} {name}\n" for (code, name), count in rows)


def _wants_color(asked: str, on_terminal: bool) -> bool:
    if asked != "auto":
        return asked == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (on_terminal and os.environ.get("TERM") != "dumb")


def _write_stdout(text: str, *, utf8: bool = False) -> None:
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # what the terminal's encoding lacks is shown as its escape; a report for machines is the same everywhere
        reconfigure(errors="backslashreplace", **({"encoding": "utf-8"} if utf8 else {}))
    sys.stdout.write(text)
    sys.stdout.flush()


def _write_file(path: Path, text: str) -> None:
    """Write a whole file or none: an interrupted run leaves the old one."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
            os.chmod(name, mode)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise click.ClickException(f"--output: {path}: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _say(text: str) -> None:
    """A line for the user, beside the report."""
    with suppress(OSError):
        print(text.encode("utf-8", "backslashreplace").decode("utf-8"), file=sys.stderr)


class _Progress:
    """A line on the terminal that says how far the run is, once it takes long."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._shown = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._started > _PROGRESS_AFTER and now - self._shown > 0.1:
            self._shown = now
            sys.stderr.write(f"\r{done} of {total} files")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


# --- explain, rules --------------------------------------------------------------------------------------------------


def _make_explain() -> click.Command:
    @click.command("explain", context_settings={"help_option_names": ["-h", "--help"]})
    @click.argument("rule")
    def explain(rule: str) -> int:
        """Say what a rule is about: RULE is its code or its name."""
        import shutil

        from cancelcheck.engine.select import SelectorError, find_rule
        from cancelcheck.reporting.text import render_rule
        from cancelcheck.rules import RULES

        try:
            found = find_rule(rule, RULES)
        except SelectorError as error:
            raise click.ClickException(str(error)) from None
        width = min(shutil.get_terminal_size().columns, 120)
        _write_stdout(render_rule(found, _wants_color("auto", sys.stdout.isatty()), width))
        return CLEAN

    return explain


def _make_rules() -> click.Command:
    @click.command("rules", context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="form of the list")
    def rules(form: str) -> int:
        """List all rules."""
        from cancelcheck.reporting import rules as listing
        from cancelcheck.rules import RULES

        _write_stdout(listing.as_json(RULES) if form == "json" else listing.as_text(RULES), utf8=form == "json")
        return CLEAN

    return rules


def _make_clean() -> click.Command:
    @click.command("clean", context_settings={"help_option_names": ["-h", "--help"]})
    @click.option(
        "--cache-dir",
        metavar="FOLDER",
        envvar="CANCELCHECK_CACHE_DIR",
        help="the cache's folder; .cancelcheck_cache in the project's folder if not given",
    )
    def clean(cache_dir: str | None) -> int:
        """Remove the cache."""
        from cancelcheck.config import SettingsFinder
        from cancelcheck.engine.store import FOLDER
        from cancelcheck.engine.store import clean as remove

        folder = Path(cache_dir) if cache_dir else SettingsFinder().project_folder() / FOLDER
        try:
            removed = remove(folder)
        except OSError as error:
            raise click.ClickException(f"{folder}: cannot be removed: {error.strerror or error}") from None
        _say(f"Removed {folder}." if removed else f"There is no cache at {folder}.")
        return CLEAN

    return clean


_MAKERS: dict[str, Callable[[], click.Command]] = {
    "check": _make_check,
    "explain": _make_explain,
    "rules": _make_rules,
    "clean": _make_clean,
}
