"""`cancelcheck budget`: the most that the entry points of a program can wait for."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from cancelcheck.cli.progress import Progress
from cancelcheck.cli.showing import say, write_stdout
from cancelcheck.cli.statuses import CLEAN, FAILED


def make() -> click.Command:
    """The command."""

    @click.command("budget", context_settings={"help_option_names": ["-h", "--help"]})
    @click.argument("paths", nargs=-1, type=click.Path())
    @click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="form of the budget")
    @click.option("--output", "-o", metavar="FILE", help="write the budget there")
    @click.option("--html", "page", metavar="FILE", help="write the budget there as one page as well")
    @click.option("--config", metavar="FILE", help="settings from this file, for every path")
    @click.option("--isolated", is_flag=True, help="no settings from any file")
    @click.option(
        "--cache-dir",
        metavar="FOLDER",
        envvar="CANCELCHECK_CACHE_DIR",
        help="where to keep what is known of files; .cancelcheck_cache in the project's folder if not given",
    )
    @click.option("--no-cache", is_flag=True, envvar="CANCELCHECK_NO_CACHE", help="keep nothing")
    def budget(
        paths: tuple[str, ...],
        form: str,
        output: str | None,
        page: str | None,
        config: str | None,
        isolated: bool,
        cache_dir: str | None,
        no_cache: bool,
    ) -> int:
        """Say how long the entry points in PATHS can wait at most.

        Entry points are SLA functions, routes, methods of gRPC servicers, tasks of a queue, and files that are run.
        For each its promise, the sum of what it waits for along its costliest path, line by line, and the way to what
        has no end, or none that is known.

        Exit status: 0, or 2 where the run itself failed.
        """
        from cancelcheck.config import ConfigError, SettingsFinder
        from cancelcheck.engine.budget import budget as budget_of
        from cancelcheck.engine.pipeline import rarely_collect
        from cancelcheck.engine.store import FOLDER, Store
        from cancelcheck.engine.writing import write_whole
        from cancelcheck.reporting import budget as reporting
        from cancelcheck.reporting import budget_html

        if config is not None and isolated:
            raise click.UsageError("--config and --isolated exclude each other")
        rarely_collect()
        progress = Progress(time.monotonic()) if sys.stderr.isatty() else None
        try:
            finder = SettingsFinder(config=Path(config) if config is not None else None, isolated=isolated)
            store = None
            if not no_cache:
                store = Store(Path(cache_dir) if cache_dir else finder.project_folder() / FOLDER)
            found = budget_of(paths or (".",), finder, store=store, progress=progress)
        except ConfigError as error:
            raise click.ClickException(str(error)) from None
        finally:
            if progress is not None:
                progress.clear()
        text = reporting.render_json(found) if form == "json" else reporting.render(found)
        for option, name, content in (
            ("--output", output, text),
            ("--html", page, budget_html.render(found) if page is not None else ""),
        ):
            if name is not None:
                try:
                    write_whole(Path(name), content.encode("utf-8", "backslashreplace"))
                except OSError as problem:
                    raise click.ClickException(f"{option}: {name}: {problem.strerror or problem}") from None
        if output is None:
            write_stdout(text, utf8=form == "json")
        for path, message in found.errors:
            say(f"error: {path}: {message}" if path else f"error: {message}")
        return FAILED if found.errors else CLEAN

    return budget
