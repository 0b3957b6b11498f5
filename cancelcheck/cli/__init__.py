"""The command. Nothing heavy is imported before it is known what is asked for: `--version` has to be quick.

Each command is a module of this package with a function `make`, which is imported when the command is called.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from cancelcheck import __version__
from cancelcheck.cli.statuses import CLEAN, FAILED, FINDINGS, INTERRUPTED

_COMMANDS = ("check", "budget", "explain", "rules", "config", "init", "merge", "server", "clean")
"""Each a module beside this one."""


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


def run() -> NoReturn:
    """The process's whole work. It ends at once: to take apart all that is known of a large tree takes as long as a
    twelfth of the run."""
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        # nobody reads it any more
        status = status or FINDINGS
    os._exit(status)


def _defect(error: Exception) -> int:
    traceback.print_exception(error)
    print("error: this is a defect in cancelcheck: please report it with the traceback above", file=sys.stderr)
    return FAILED


class _Commands(click.Group):
    """Commands that are made when they are asked for; `check` where none is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"cancelcheck.cli.{cmd_name}").make()
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*_COMMANDS, "--version", *ctx.help_option_names):
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
