"""Module names of files, and files of module names."""

from __future__ import annotations

import os

from cancelcheck.config import LoadedSettings, Settings, SettingsFinder
from cancelcheck.engine.discover import leads_into
from cancelcheck.engine.ground import Ground
from cancelcheck.files import name_of, shown_name
from cancelcheck.model.standard import STANDARD

_DEFAULT_SRC = Settings().src


class Modules:
    """Knows which name a file is imported by, and which file a name stands for, in all projects of a run.

    A name is looked for from the importing file's own root (the nearest folder above it that is no package), then in
    the `src` folders of the settings that hold for it. Nothing outside of these folders is ever found, nor by a link
    that leads out of them and the project.
    """

    def __init__(self, finder: SettingsFinder) -> None:
        self._finder = finder
        self._own_roots: dict[str, str] = {}
        self._roots: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, str], str | None] = {}
        self._inside: dict[tuple[str, tuple[str, ...]], bool] = {}
        self._places: dict[str, str] = {}
        self._homes: dict[str, tuple[str, ...]] = {}
        self._prefixes: dict[tuple[str, int], list[tuple[str, ...]]] = {}
        self._answers: dict[str, dict[str, str | None]] = {}
        self._packages: set[str] = set()

    def name(self, absolute: str, loaded: LoadedSettings) -> tuple[str, bool]:
        """The dotted name by which other files import this one, and whether it is a package."""
        folder, file = os.path.split(absolute)
        stem = shown_name(file.partition(".")[0])
        is_package = stem == "__init__"
        for parts in self._parts_of(folder, loaded):
            if parts or not is_package:
                return ".".join(parts if is_package else (*parts, stem)), is_package
        return (shown_name(os.path.basename(folder)) if is_package else stem), is_package

    def _parts_of(self, folder: str, loaded: LoadedSettings) -> list[tuple[str, ...]]:
        """The names of the folders down to one, from each place at which a module's name may begin."""
        known = self._prefixes.get((folder, id(loaded)))
        if known is None:
            own_root = self._own_root(folder)
            self._packages.update(_src_roots(loaded))
            roots = (*_naming_roots(loaded), own_root if own_root != folder else "", str(loaded.root))
            below = (_parts_below(root, folder) for root in roots if root)
            known = self._prefixes[folder, id(loaded)] = [parts for parts in below if parts is not None]
        return known

    def find(self, name: str, near: str) -> str | None:
        """The absolute path of the file that `name` stands for in the file at the absolute path `near`."""
        folder = near[: near.rfind(os.sep)]
        answers = self._answers.get(folder)
        if answers is None:
            answers = self._answers[folder] = {}
        if name not in answers:
            answers[name] = self._look(name, os.path.dirname(near))
        return answers[name]

    def _look(self, name: str, folder: str) -> str | None:
        # the standard library comes first on nobody's path, but a project that shadows it does so by accident
        if name.partition(".")[0] in STANDARD:
            return None
        for root in self._roots_for(folder):
            found = self._in_root(root, name)
            if found is not None and self._is_inside(found, folder):
                return found
        return None

    def _is_inside(self, path: str, folder: str) -> bool:
        """Whether what is found for a file in `folder` lies in its project, whatever links lead to it."""
        folders = self._homes.get(folder)
        if folders is None:
            root = str(self._finder.for_folder(folder).root)
            folders = self._homes[folder] = (*self._roots_for(folder), root)
        place = self._places.get(path)
        if place is None:
            # what is no link itself lies where its folder does
            place = self._places[path] = path if os.path.islink(path) else os.path.dirname(path)
        known = self._inside.get((place, folders))
        if known is None:
            known = self._inside[(place, folders)] = leads_into(path, folders)
        return known

    def stand_on(self, ground: Ground) -> None:
        """Tell all that was looked for."""
        ground.places.update(os.path.join(folder, "__init__.py") for folder in self._packages)
        told: set[str] = set()
        for root, name in self._found:
            path = root
            for part in (*name.split("."), "__init__.py"):
                path = f"{path}{os.sep}{part}"
                if path not in told:
                    told.add(path)
                    ground.looked_for(path)

    def _roots_for(self, folder: str) -> tuple[str, ...]:
        known = self._roots.get(folder)
        if known is None:
            loaded = self._finder.for_folder(folder)
            known = self._roots[folder] = tuple(dict.fromkeys((self._own_root(folder), *_src_roots(loaded))))
        return known

    def _own_root(self, folder: str) -> str:
        known = self._own_roots.get(folder)
        if known is None:
            parent = os.path.dirname(folder)
            self._packages.add(folder)
            is_top = parent == folder or not os.path.isfile(os.path.join(folder, "__init__.py"))
            known = self._own_roots[folder] = folder if is_top else self._own_root(parent)
        return known

    def _in_root(self, root: str, name: str) -> str | None:
        key = (root, name)
        if key not in self._found:
            first, _, rest = name.partition(".")
            if rest and not os.path.isdir(os.path.join(root, first)):
                self._found[key] = None
            else:
                self._found[key] = _file_of(root, name.split("."))
        return self._found[key]


def _file_of(root: str, parts: list[str]) -> str | None:
    if not all(part.isidentifier() for part in parts):
        return None
    base = os.path.join(root, *map(name_of, parts))
    for path in (os.path.join(base, "__init__.py"), base + ".py"):
        if os.path.isfile(path):
            return path
    return None


def _src_roots(loaded: LoadedSettings) -> list[str]:
    """The folders that modules are looked for in."""
    return [os.path.abspath(loaded.root / folder) for folder in loaded.settings.src]


def _naming_roots(loaded: LoadedSettings) -> list[str]:
    """The folders that a module's name begins at, the innermost first. Of the default ones only a `src` that is no
    package itself says so for sure: below the project's root there may be folders that are no part of a name."""
    roots = _src_roots(loaded)
    if loaded.settings.src == _DEFAULT_SRC:
        roots = [root for root in roots[:1] if not os.path.exists(os.path.join(root, "__init__.py"))]
    return sorted(roots, key=len, reverse=True)


def _parts_below(root: str, folder: str) -> tuple[str, ...] | None:
    """The names of the folders from `root` down to `folder`; None if it is not below, or a name is none of a module."""
    if folder == root:
        return ()
    prefix = root if root.endswith(os.sep) else root + os.sep
    if not folder.startswith(prefix):
        return None
    parts = tuple(shown_name(folder[len(prefix) :]).split(os.sep))
    return parts if all(part.isidentifier() for part in parts) else None
