"""All commands, made when they are asked for; `check` where none is named."""

from __future__ import annotations

from importlib import import_module

import click

from cancelcheck import __version__

NAMES = ("check", "budget", "explain", "rules", "config", "init", "merge", "facts", "server", "clean")
"""Each a module beside this one."""


class _Commands(click.Group):
    """Commands that are made when they are asked for; `check` where none is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"cancelcheck.cli.{cmd_name}").make()
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*NAMES, "--version", *ctx.help_option_names):
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The word `check` may be left out: `cancelcheck src/`. Its options: `cancelcheck check --help`.",
)
@click.version_option(__version__, prog_name="cancelcheck", message="%(prog)s %(version)s")
def commands() -> None:
    """Check Python code for lost cancellations, swallowed ones, and calls that wait forever."""
