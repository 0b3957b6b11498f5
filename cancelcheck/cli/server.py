"""`cancelcheck server`: for editors."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import click

from cancelcheck.cli.showing import say
from cancelcheck.cli.statuses import CLEAN

_NEEDED = ("pygls", "lsprotocol", "cattrs")


def make() -> click.Command:
    """The command."""

    @click.command("server", context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--stdio", is_flag=True, help="speak over standard input and output; there is no other way")
    @click.option("--cache-dir", metavar="FOLDER", envvar="CANCELCHECK_CACHE_DIR", help="as for `check`")
    @click.option("--no-cache", is_flag=True, envvar="CANCELCHECK_NO_CACHE", help="as for `check`")
    def server(stdio: bool, cache_dir: str | None, no_cache: bool) -> int:
        """Run the language server, for editors."""
        try:
            from cancelcheck.server.service import Service
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _NEEDED:
                raise
            raise click.ClickException(
                f"the language server needs {error.name}, which is not installed: "
                "install cancelcheck with its extra `server` (`cancelcheck[server]`)"
            ) from None
        # it is not soon over
        gc.enable()
        if sys.stdin.isatty():
            say("An editor starts this, and speaks to it over standard input. Ctrl-D ends it.")
        Service(Path(cache_dir).absolute() if cache_dir else None, keeps=not no_cache).serve()
        return CLEAN

    return server
