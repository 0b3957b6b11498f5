"""`cancelcheck clean`: away with the cache."""

from __future__ import annotations

from pathlib import Path

import click

from cancelcheck.cli.showing import say
from cancelcheck.cli.statuses import CLEAN


def make() -> click.Command:
    """The command."""

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
        say(f"Removed {folder}." if removed else f"There is no cache at {folder}.")
        return CLEAN

    return clean
