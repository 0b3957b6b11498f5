"""What a run has told, told again where nothing has changed since: neither the command line is read for that, nor a
report. A run on 1,500 files is over in the time that it takes to look at each once.

The same is asked for where arguments, folder, terminal and environment are the same, and the program too. Whether what
the run stood on is as it was, `engine.standing` says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from cancelcheck.cli import showing
from cancelcheck.engine import versions
from cancelcheck.engine.standing import Looked, Standing
from cancelcheck.engine.store import FILE, FOLDER, Kind, Store, digest

_AROUND = ("COLORTERM", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TERM")
"""What of the environment decides on how a report looks, besides our own variables. What a form reads it for, no run
tells again."""


class Again:
    """What a process was asked for, by its arguments. What it `looked` at may stand for a second look: a digest of what
    a run stood on, that itself, and the files that have changed since."""

    def __init__(self, args: Sequence[str]) -> None:
        self._args = list(args)
        self._key = b""
        self.looked: Looked | None = None

    def told(self) -> int | None:
        """Tell what was told the last time; the exit status, None where that is not known to be the same now."""
        if "--no-cache" in self._args or os.environ.get("CANCELCHECK_NO_CACHE", "") not in ("", "0", "false"):
            return None
        folder = next((folder for folder in self._folders() if os.path.isfile(os.path.join(folder, FILE))), None)
        if folder is None:
            return None
        store = Store(folder)
        found = self._found(store)
        if found is None:
            return None
        status, *texts = found
        for how, text in zip(texts[::2], texts[1::2], strict=True):
            if how:
                showing.write_stdout(text, utf8=how == showing.UTF8)
            else:
                showing.say(text, as_it_is=True)
        store.flush()
        return int(status)

    def keep(self, store: Store, ground: tuple[bytes, bytes], told: Sequence[tuple[str, str]], status: int) -> None:
        """Keep what was told, each text with how it was. `ground`: the key of what it stands on, and a digest of it."""
        rows = [str(status), *(part for row in told for part in row)]
        if any("\0" in row for row in rows):
            return
        try:
            shown = "\0".join(rows).encode()
        except UnicodeEncodeError:
            # a path, or a text in a message, that is no Unicode
            return
        store.put(Kind.SHOWN, self._asked(), b"".join(ground) + shown)

    def _found(self, store: Store) -> list[str] | None:
        data = store.get(Kind.SHOWN, self._asked())
        if data is None:
            return None
        run, stood, shown = data[:_DIGEST], data[_DIGEST : 2 * _DIGEST], data[2 * _DIGEST :]
        ground = store.get(Kind.GROUND, run)
        if ground is None or digest(ground) != stood:
            return None
        standing = Standing.read(ground)
        changed = standing.changed() if standing is not None else None
        if standing is None or changed is None:
            return None
        self.looked = stood, standing, changed
        if changed:
            return None
        return shown.decode().split("\0")

    def _folders(self) -> Iterator[str]:
        """Where it may be kept. What is found anywhere is about this very command line, in this folder."""
        for number, arg in enumerate(self._args):
            if arg == "--cache-dir" and number + 1 < len(self._args):
                yield os.path.realpath(self._args[number + 1])
            elif arg.startswith("--cache-dir="):
                yield os.path.realpath(arg.partition("=")[2])
        if given := os.environ.get("CANCELCHECK_CACHE_DIR"):
            yield os.path.realpath(given)
        above, folder = "", os.getcwd()
        while folder != above:
            yield os.path.join(folder, FOLDER)
            above, folder = folder, os.path.dirname(folder)

    def _asked(self) -> bytes:
        """Stands for everything that decides on what is told besides what is on the disk."""
        if not self._key:
            around = sorted(
                f"{name}={value}"
                for name, value in os.environ.items()
                if name in _AROUND or name.startswith("CANCELCHECK_")
            )
            terminals = [_size(handle) for handle in (1, 2)]
            texts = (os.getcwd(), ascii(self._args), ascii(around), ascii(terminals))
            self._key = digest(versions.stamp(), *(text.encode("utf-8", "surrogateescape") for text in texts))
        return self._key


_DIGEST = 16


def _size(handle: int) -> tuple[int, ...]:
    """How large the terminal is; nothing where it is none."""
    try:
        return tuple(os.get_terminal_size(handle)) if os.isatty(handle) else ()
    except OSError:
        return ()
