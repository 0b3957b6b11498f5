"""From paths to files: what is asked for, less what nobody means.

A path that is given is taken as it is. In a folder, `.py` and `.pyw` files are looked for, but not in hidden folders,
virtual environments, folders that git ignores, or what the settings exclude. Symbolic links to folders that are met on
the way are not followed, so that a loop has no end to run into; nor are those to files that lie neither in the folder
that is asked for nor in the project.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath

import msgspec

from cancelcheck.config import ConfigError, LoadedSettings, SettingsFinder
from cancelcheck.engine.ground import Ground
from cancelcheck.engine.patterns import Patterns
from cancelcheck.engine.report import RunError
from cancelcheck.files import read_text, shown_name

SUFFIXES = (".py", ".pyw")
"""What is looked for in folders."""

DEFAULT_EXCLUDE = (
    "__pycache__/",
    "__pypackages__/",
    "_build/",
    "buck-out/",
    "build/",
    "dist/",
    "node_modules/",
    "site-packages/",
    "venv/",
)
"""Folders that are not looked into, besides hidden ones and virtual environments."""


class InputFile(msgspec.Struct, frozen=True):
    """A file to check: `path` as it is shown, `absolute` where it is, and the settings that hold for it."""

    path: str
    absolute: str
    loaded: LoadedSettings


def excluded(loaded: LoadedSettings) -> Patterns:
    """The patterns of what is not looked for. Raises `ConfigError` for one that has no meaning."""
    try:
        return Patterns(str(loaded.root), (*DEFAULT_EXCLUDE, *loaded.settings.exclude))
    except ValueError as error:
        raise ConfigError(f"{loaded.where}: `exclude`: {error}") from None


def discover(
    paths: Sequence[str], finder: SettingsFinder, suffixes: tuple[str, ...] = SUFFIXES, ground: Ground | None = None
) -> tuple[list[InputFile], list[RunError]]:
    """The files that `paths` stand for, in order of their shown paths, each once; and what could not be looked into.
    `suffixes` are those that are looked for in folders. What was looked at is told to `ground`.

    Raises `ConfigError` where settings that hold for one of them are wrong.
    """
    walker = _Walker(finder, suffixes, ground if ground is not None else Ground())
    found: dict[str, InputFile] = {}
    for path in paths:
        for file in walker.files(path):
            known = found.get(file.absolute)
            if known is None or file.path < known.path:
                found[file.absolute] = file
    return sorted(found.values(), key=lambda file: file.path), walker.errors


class _Walker:
    def __init__(self, finder: SettingsFinder, suffixes: tuple[str, ...], ground: Ground) -> None:
        self._finder = finder
        self._ground = ground
        self._suffixes = suffixes
        self._excluded: dict[int, Patterns] = {}
        self.errors: list[RunError] = []

    def files(self, given: str) -> Iterator[InputFile]:
        """The files that one path stands for."""
        shown = shown_name(PurePath(given).as_posix())
        absolute = os.path.abspath(given)
        self._ground.places.add(absolute)
        try:
            mode = os.stat(given).st_mode
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.errors.append(RunError(f"cannot be read: {reason}", shown))
            return
        if stat.S_ISDIR(mode):
            yield from self._folder("" if shown == "." else shown, absolute)
        elif not stat.S_ISREG(mode):
            self.errors.append(RunError("cannot be read: it is neither a file nor a folder", shown))
        else:
            loaded = self._finder.for_folder(os.path.dirname(absolute))
            if not (loaded.settings.force_exclude and self._patterns(loaded).decide(absolute)):
                yield InputFile(shown, absolute, loaded)

    def _patterns(self, loaded: LoadedSettings) -> Patterns:
        known = self._excluded.get(id(loaded))
        if known is None:
            known = self._excluded[id(loaded)] = excluded(loaded)
        return known

    def _folder(self, shown: str, top: str) -> Iterator[InputFile]:
        top_settings = self._finder.for_folder(top)
        if top_settings.settings.force_exclude and self._patterns(top_settings).decide(top, is_folder=True):
            return
        # what excludes the very folder that was asked for does not count below it
        relaxed: dict[int, Patterns] = {}
        pending: list[tuple[str, str, tuple[Patterns, ...]]] = [(shown, top, tuple(self._ignored_above(top)))]
        while pending:
            prefix, folder, ignored = pending.pop()
            entries = self._entries(prefix or ".", folder)
            names = {entry.name for entry in entries}
            if folder != top and "pyvenv.cfg" in names:
                continue
            self._ground.listed(folder, entries)
            if ".gitignore" in names:
                self._ground.files.add(os.path.join(folder, ".gitignore"))
                ignored = (*ignored, *_gitignore(folder))
            loaded = self._finder.for_folder(folder)
            patterns = relaxed.get(id(loaded))
            if patterns is None:
                patterns = relaxed[id(loaded)] = self._patterns(loaded).without(top)
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder:
                    if entry.name.startswith("."):
                        continue
                elif not entry.name.endswith(self._suffixes) or not _is_file(entry):
                    continue
                path = os.path.join(folder, entry.name)
                if entry.is_symlink() and not leads_into(path, (top, str(loaded.root))):
                    continue
                if patterns.decide(path, is_folder=is_folder) or _is_ignored(path, ignored, is_folder):
                    continue
                name = shown_name(entry.name)
                inner = f"{prefix.rstrip('/')}/{name}" if prefix else name
                if is_folder:
                    pending.append((inner, path, ignored))
                else:
                    yield InputFile(inner, path, loaded)

    def _entries(self, shown: str, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except OSError as error:
            self.errors.append(RunError(f"cannot be read: {error.strerror or error}", shown))
            return []

    def _ignored_above(self, top: str) -> list[Patterns]:
        """The `.gitignore` files above `top`, from the repository's root; none outside of a repository."""
        self._ground.places.add(os.path.join(top, ".git"))
        if os.path.exists(os.path.join(top, ".git")):
            return []
        found: list[Patterns] = []
        for folder in Path(top).parents:
            self._ground.places.update((str(folder / ".gitignore"), str(folder / ".git")))
            found.extend(patterns.without(top) for patterns in _gitignore(str(folder)))
            if os.path.exists(folder / ".git"):
                return found[::-1]
        return []


def leads_into(path: str, folders: Iterable[str]) -> bool:
    """Whether what a path leads to lies in one of the folders, whatever links there are on the way to both."""
    real = os.path.realpath(path)
    return any(real.startswith(os.path.join(os.path.realpath(folder), "")) for folder in folders)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file, or a link to one: no pipe, no device, no dead link."""
    try:
        return entry.is_file()
    except OSError:
        # a link that leads back to itself
        return False


def _is_ignored(path: str, ignored: tuple[Patterns, ...], is_folder: bool) -> bool:
    """What git would say: the nearest file that says anything decides."""
    for patterns in reversed(ignored):
        decision = patterns.decide(path, is_folder=is_folder)
        if decision is not None:
            return decision
    return False


def _gitignore(folder: str) -> Iterator[Patterns]:
    try:
        text = read_text(Path(folder, ".gitignore"), errors="replace")
    except OSError:
        # git cannot read it either, and goes on
        return
    yield Patterns.lenient(folder, text.splitlines())
