"""The command. Nothing heavy is imported before it is known what is asked for: `--version` has to be quick.

Each command is a module of this package with a function `make`, which is imported when the command is called.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from cancelcheck.cli.statuses import CLEAN, FAILED, FINDINGS, INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cancelcheck.cli.again import Again


def main(args: Sequence[str] | None = None, again: Again | None = None) -> int:
    """Run the command with `args` (default: the process's) and return its exit status. What it tells is kept, where
    that can be, to be told `again`."""
    import click

    from cancelcheck.cli.commands import commands

    try:
        status = commands.main(args=args, prog_name="cancelcheck", standalone_mode=False, obj=again)
        sys.stdout.flush()
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return FAILED
    except OSError as error:
        return _unheard(error)
    except Exception as error:
        return _defect(error)
    return status if isinstance(status, int) else CLEAN


def run() -> NoReturn:
    """The process's whole work. It ends at once: to take apart all that is known of a large tree takes as long as a
    twelfth of the run."""
    if os.name == "posix" and sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        _begin_again_in_utf8()
    try:
        from cancelcheck.cli.again import Again

        again = Again(sys.argv[1:])
        status = again.told()
        if status is None:
            # what is imported stays
            gc.disable()
            status = main(again=again)
    except OSError as error:
        status = _unheard(error)
    except KeyboardInterrupt:
        # before click looks for it, or behind it
        status = INTERRUPTED
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        # nobody reads it any more
        status = status or FINDINGS
    os._exit(status)


def _begin_again_in_utf8() -> None:
    """Replace this process by one that reads the names of files as UTF-8, whatever the locale says: they are what
    imports, settings and reports know them by. What a terminal is shown stays in the locale's encoding."""
    if sys.executable and sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
        with suppress(OSError):
            os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # as itself


def _unheard(error: OSError) -> int:
    """What comes of an error of the system's: most likely, nobody reads any more what is told."""
    if error.errno not in (errno.EPIPE, errno.EINVAL):
        return _defect(error)
    # what is still buffered must not fail again when the process ends
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FINDINGS


def _defect(error: Exception) -> int:
    import traceback

    traceback.print_exception(error)
    print("error: this is a defect in cancelcheck: please report it with the traceback above", file=sys.stderr)
    return FAILED
