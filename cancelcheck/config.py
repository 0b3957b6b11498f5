"""The options: one table, from which the keys of the configuration file and the options of both doors are made.

Each field of `Settings`, `SlaSettings` and `RunOptions` is an option; its annotation says type, default, help and the
doors through which it can be set. `OPTIONS` lists them all. `load_settings` reads a project's file, `SettingsFinder`
finds the one that governs a folder.
"""

from __future__ import annotations

import enum
import math
import os
import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from cancelcheck.files import read_text

FORMATS = (
    "text",
    "concise",
    "grouped",
    "json",
    "jsonl",
    "sarif",
    "github",
    "gitlab",
    "junit",
    "checkstyle",
)
"""Names of the report formats; a test compares them with the reporters."""

CONFIG_NAMES = ("cancelcheck.toml", "pyproject.toml")
"""File names that can hold settings, the one that wins in a folder first."""

_ROOT_MARKS = (*CONFIG_NAMES, "setup.cfg", "setup.py", ".git")


class ConfigError(Exception):
    """The configuration or an option is wrong. The text names the file, the key and what would be right."""


class Door(enum.Flag):
    """Where an option can be given."""

    FILE = enum.auto()
    COMMAND = enum.auto()
    FLAKE8 = enum.auto()


class About(msgspec.Struct, frozen=True):
    """What the table says of an option besides its type and default. `choices` limits a text; `short` is its
    one-letter form on the command line, `variable` the environment's that sets it too."""

    help: str
    doors: Door = Door.FILE
    metavar: str = ""
    choices: tuple[str, ...] = ()
    short: str = ""
    variable: str = ""


_FILE = Door.FILE
_COMMAND = Door.COMMAND
_BOTH = Door.FILE | Door.COMMAND


class SlaSettings(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """`[tool.cancelcheck.sla]`: which functions carry a promise, and what else the project's names mean.

    A bare name matches the last part of a resolved name, a dotted one the whole.
    """

    decorators: Annotated[tuple[str, ...], About("decorators that mark a function as carrying a promise")] = (
        "sla",
        "sla_critical",
        "transactional",
    )
    functions: Annotated[
        tuple[str, ...], About("qualified names of SLA functions; `*` stays within one part, `**` crosses dots")
    ] = ()
    openapi: Annotated[tuple[str, ...], About("OpenAPI contracts whose operations may carry `x-cancel-timeout`")] = ()
    compensation_decorators: Annotated[
        tuple[str, ...], About("decorators that name the handler which undoes a cancelled call")
    ] = ("compensable",)
    idempotent_decorators: Annotated[
        tuple[str, ...], About("decorators that say a second call with the same arguments does no harm")
    ] = ("idempotent",)
    min_timeout_ms: Annotated[float, About("a promised timeout below this many milliseconds is too small")] = 800.0
    max_timeout_ms: Annotated[
        float | None, About("a promised timeout above this many milliseconds is too large; no limit if not given")
    ] = None
    snapshot: Annotated[
        tuple[str, ...], About("calls that save state and version before the outside world is touched")
    ] = ()
    breakers: Annotated[tuple[str, ...], About("circuit breakers: decorators, or calls that guard a call")] = ()
    retry_policies: Annotated[tuple[str, ...], About('what declares a retry policy, "no retry" included')] = ()


class Settings(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """`[tool.cancelcheck]`: what holds for a project. Path patterns are those of `.gitignore`, from the file's folder.

    `select` is None where nothing is selected: then the rules that are on by default are.
    """

    src: Annotated[tuple[str, ...], About("folders whose modules the project imports by their first name", _FILE)] = (
        "src",
        ".",
    )
    exclude: Annotated[
        tuple[str, ...],
        About(
            "paths that are not looked for, besides folders such as build and node_modules (`!build` takes one back)",
            _BOTH,
            "PATTERNS",
        ),
    ] = ()
    force_exclude: Annotated[bool, About("leave excluded files out also where they are named", _BOTH)] = False
    select: Annotated[
        tuple[str, ...] | None,
        About("only these rules: codes, prefixes (CAN1, 1xx), names or families", _BOTH, "RULES"),
    ] = None
    extend_select: Annotated[tuple[str, ...], About("these rules as well", _BOTH, "RULES")] = ()
    ignore: Annotated[tuple[str, ...], About("not these rules; the more specific of two wins", _BOTH, "RULES")] = ()
    strict: Annotated[bool, About("also rules that are worth a look and not always right", _BOTH | Door.FLAKE8)] = False
    per_file_ignores: Annotated[
        dict[str, tuple[str, ...]], About("rules that are silent in files that match a pattern")
    ] = msgspec.field(default_factory=dict)
    test_files: Annotated[
        tuple[str, ...], About("test files: families 4 and 5 are silent there unless a rule is selected by name")
    ] = ("**/tests/**", "**/test/**", "test_*.py", "*_test.py", "*_tests.py", "tests.py", "conftest.py")
    skip_generated: Annotated[bool, About("generated files (`@generated`, `_pb2.py`) have no findings")] = True
    baseline: Annotated[
        str | None,
        About("findings in this file are known, and not reported; from the settings' folder", _BOTH, "FILE"),
    ] = None
    default_timeout: Annotated[
        float | str, About("what a fix writes: seconds, or the dotted name of a value to import")
    ] = 10.0
    context_parameters: Annotated[
        tuple[str, ...], About("further names of parameters that carry a deadline or a cancellation")
    ] = ()
    context_types: Annotated[tuple[str, ...], About("further types that carry a cancellation, dotted names")] = ()
    allow_cancelled_return: Annotated[
        tuple[str, ...], About('functions that may end on a cancellation, as "module:qualified.name" with `*`')
    ] = ()
    sla: SlaSettings = SlaSettings()
    api: Annotated[tuple[dict[str, object], ...], About("the project's own clients, in the catalogue's format")] = ()


class RunOptions(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Options of one run of the command: they say what is shown, not what is found."""

    format: Annotated[
        str | None,
        About("form of the report; text on a terminal, else concise", _COMMAND, choices=FORMATS),
    ] = None
    output: Annotated[str | None, About("write the report there", _COMMAND, "FILE", short="o")] = None
    fix: Annotated[bool, About("apply fixes that change nothing but what is reported", _COMMAND)] = False
    unsafe_fixes: Annotated[
        bool, About("with --fix or --diff: also fixes that deserve a look, each rule says why", _COMMAND)
    ] = False
    since: Annotated[
        str | None, About("only what stands on lines changed since this revision, by the merge base", _COMMAND, "REV")
    ] = None
    facts: Annotated[
        str | None,
        About("take the facts of files from this folder, where `cancelcheck facts` has put them", _COMMAND, "FOLDER"),
    ] = None
    shard: Annotated[
        str | None,
        About(
            "only a part of the files, here the third of eight; --output is for `cancelcheck merge`", _COMMAND, "3/8"
        ),
    ] = None
    write_baseline: Annotated[
        bool, About("write what is found to the baseline, so that only new findings are reported from now on", _COMMAND)
    ] = False
    prune_baseline: Annotated[bool, About("take what is no longer found out of the baseline", _COMMAND)] = False
    diff: Annotated[bool, About("show what --fix would change, and change nothing", _COMMAND)] = False
    show_suppressed: Annotated[
        bool,
        About("in json, jsonl and sarif, list also what comments and the baseline keep out of the report", _COMMAND),
    ] = False
    exit_zero: Annotated[bool, About("end in 0 also with findings", _COMMAND)] = False
    statistics: Annotated[bool, About("count the findings of each rule", _COMMAND)] = False
    quiet: Annotated[bool, About("findings only, nothing else", _COMMAND, short="q")] = False
    verbose: Annotated[bool, About("say on standard error what is done", _COMMAND, short="v")] = False
    color: Annotated[str, About("colour in text", _COMMAND, choices=("auto", "always", "never"))] = "auto"
    stdin_filename: Annotated[
        str | None, About("name of the file that `-` reads from standard input", _COMMAND, "NAME")
    ] = None
    config: Annotated[str | None, About("settings from this file, for every path", _COMMAND | Door.FLAKE8, "FILE")] = (
        None
    )
    isolated: Annotated[bool, About("no settings from any file", _COMMAND)] = False
    jobs: Annotated[int | None, About("processes to use; all cores if not given", _COMMAND, "N")] = None
    cache_dir: Annotated[
        str | None,
        About(
            "where to keep what is known of files; .cancelcheck_cache in the project's folder if not given",
            _COMMAND,
            "FOLDER",
            variable="CANCELCHECK_CACHE_DIR",
        ),
    ] = None
    no_cache: Annotated[
        bool, About("keep nothing, and take nothing from the cache", _COMMAND, variable="CANCELCHECK_NO_CACHE")
    ] = False


class Option(msgspec.Struct, frozen=True):
    """A row of the table. `name` is the key as in the file (`sla.min-timeout-ms`), `attribute` the field's name;
    `type` the annotation without what it says besides."""

    name: str
    attribute: str
    type: object
    default: object
    about: About

    @property
    def is_list(self) -> bool:
        """Whether it takes several texts."""
        return self.type in (tuple[str, ...], tuple[str, ...] | None)


def _options(struct: type[msgspec.Struct], prefix: str = "") -> Iterable[Option]:
    hints = typing.get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        name = prefix + field.encode_name
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _options(hint, f"{name}.")
            continue
        plain, about = typing.get_args(hint)
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        yield Option(name, field.name, plain, default, about)


def options_of(struct: type[msgspec.Struct]) -> tuple[Option, ...]:
    """The rows of the table that are fields of one record."""
    return tuple(_options(struct))


def options() -> tuple[Option, ...]:
    """The whole table: the settings in order, then the options of a run."""
    return (*_options(Settings), *_options(RunOptions))


# --- reading ---------------------------------------------------------------------------------------------------------


class LoadedSettings(msgspec.Struct, frozen=True):
    """Settings, the folder that their patterns are relative to, and the file they stand in (None: the defaults)."""

    settings: Settings
    root: Path
    file: Path | None

    @property
    def where(self) -> str:
        """The settings' file, for a message."""
        return shown(self.file) if self.file is not None else "the command line"


def shown(path: Path) -> str:
    """A path for a message: relative to the current folder where it lies in it, with `/`."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()


def nearest(word: str, known: Iterable[str]) -> str:
    """ ", did you mean …" for a word that is nearly a known one, else ""."""
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else ""


def parse_settings(table: object, where: str) -> Settings:
    """Settings from a parsed TOML table. Raises `ConfigError` that names `where`, the key, and what would be right."""
    _known_keys(table, Settings, where, "")
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_explained(str(error))}") from None
    for key, seconds in (
        ("default-timeout", settings.default_timeout),
        ("sla.min-timeout-ms", settings.sla.min_timeout_ms),
        ("sla.max-timeout-ms", settings.sla.max_timeout_ms),
    ):
        if isinstance(seconds, float) and not (math.isfinite(seconds) and seconds > 0):
            raise ConfigError(f"{where}: `{key}` is {seconds}: it has to be a finite number above 0")
    timeout = settings.default_timeout
    if isinstance(timeout, str) and not all(part.isidentifier() for part in timeout.split(".")):
        raise ConfigError(
            f'{where}: `default-timeout` is "{timeout}": a number of seconds, or a dotted name, is needed'
        )
    return settings


def _known_keys(table: object, struct: type[msgspec.Struct], where: str, prefix: str) -> None:
    if not isinstance(table, Mapping):
        return
    hints = typing.get_type_hints(struct)
    fields = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(struct)}
    for key, value in table.items():
        if key not in fields:
            every = [option.name for option in _options(Settings)]
            hint = nearest(f"{prefix}{key}", every) or nearest(str(key), fields)
            raise ConfigError(f"{where}: unknown key `{prefix}{key}`{hint}")
        if isinstance(fields[key], type) and issubclass(fields[key], msgspec.Struct):
            _known_keys(value, fields[key], where, f"{prefix}{key}.")


def _explained(message: str) -> str:
    """msgspec's "Expected `array`, got `str` - at `$.select`" with the key in front."""
    problem, _, at = message.partition(" - at ")
    key = at.strip("`").removeprefix("$").removeprefix(".")
    problem = problem[:1].lower() + problem[1:]
    return f"`{key}`: {problem}" if key else problem


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(read_text(file))
    except OSError as error:
        raise ConfigError(f"{shown(file)}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown(file)}: is not UTF-8: {error.reason} at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{shown(file)}: is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{shown(file)}: is not TOML that can be read: it is nested too deeply") from None


def _table(file: Path, *, asked_for: bool) -> object | None:
    """The settings' table of a file, None if there is none. In a file that is the user's own choice of name, the table
    may be the whole file."""
    content = _read_toml(file)
    tool = content.get("tool")
    if isinstance(tool, Mapping) and "cancelcheck" in tool:
        return typing.cast(object, tool["cancelcheck"])
    if file.name == "pyproject.toml":
        return {} if asked_for else None
    return content


class SettingIn(typing.NamedTuple):
    """A setting in force: the key as in a file (`sla.min-timeout-ms`), its value, and where that comes from."""

    name: str
    value: object
    origin: str


def origins(loaded: LoadedSettings) -> list[SettingIn]:
    """All settings in force, in the table's order. Raises `ConfigError`."""
    table = _table(loaded.file, asked_for=True) if loaded.file is not None else {}
    found: list[SettingIn] = []
    for option in _options(Settings):
        value: object = loaded.settings
        given: object = table
        for part, key in zip(option.name.replace("-", "_").split("."), option.name.split("."), strict=True):
            value = getattr(value, part)
            given = given.get(key) if isinstance(given, Mapping) else None
        found.append(SettingIn(option.name, value, loaded.where if given is not None else "default"))
    return found


def load_file(file: Path) -> LoadedSettings:
    """Settings from one file, whose folder is the root. Raises `ConfigError`."""
    table = _table(file, asked_for=True)
    return LoadedSettings(parse_settings(table, shown(file)), file.resolve().parent, file)


def load_settings(start: Path, config: Path | None = None, isolated: bool = False) -> LoadedSettings:
    """Settings for the folder `start`: from `config`; or with `isolated` the defaults; or from the nearest
    `cancelcheck.toml`, or `pyproject.toml` with a `[tool.cancelcheck]`, upwards. Raises `ConfigError`."""
    return SettingsFinder(config=config, isolated=isolated).for_folder(start)


class SettingsFinder:
    """Finds the settings that govern a folder, each once. `overrides` are laid over what a file says. `looked_for` are
    the absolute paths of all that was looked for, whether it was there or not."""

    def __init__(
        self,
        *,
        config: Path | None = None,
        isolated: bool = False,
        fixed: LoadedSettings | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        self._overrides = overrides if overrides is not None else Overrides()
        self._isolated = isolated
        if config is not None:
            fixed = load_file(config)
        self._fixed = self._overridden(fixed) if fixed is not None else None
        self._known: dict[str, LoadedSettings] = {}
        self._folders: dict[Path, LoadedSettings | None] = {}
        self._defaults: dict[Path, LoadedSettings] = {}
        self._roots: dict[Path, Path | None] = {}
        self.looked_for: set[str] = set() if config is None else {os.path.abspath(config)}

    def for_folder(self, folder: Path | str) -> LoadedSettings:
        """The settings for files in `folder`. Raises `ConfigError`."""
        if self._fixed is not None:
            return self._fixed
        key = os.fspath(folder)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(Path(os.path.abspath(folder)))
        return known

    def _find(self, folder: Path) -> LoadedSettings:
        found = None if self._isolated else self._nearest(folder)
        if found is not None:
            return found
        root = self._default_root(folder)
        if root not in self._defaults:
            self._defaults[root] = self._overridden(LoadedSettings(Settings(), root, None))
        return self._defaults[root]

    def _nearest(self, folder: Path) -> LoadedSettings | None:
        """What the nearest file upwards says."""
        if folder not in self._folders:
            found = None
            for name in CONFIG_NAMES:
                file = folder / name
                self.looked_for.add(str(file))
                table = _table(file, asked_for=False) if os.path.isfile(file) else None
                if table is not None:
                    settings = parse_settings(table, shown(file))
                    found = self._overridden(LoadedSettings(settings, folder, file))
                    break
            if found is None and folder.parent != folder:
                found = self._nearest(folder.parent)
            self._folders[folder] = found
        return self._folders[folder]

    def project_folder(self) -> Path:
        """The folder of the project around the current folder; the current one if nothing says that there is any."""
        here = Path.cwd()
        return self._marked(here) or here

    def _default_root(self, folder: Path) -> Path:
        """The project's folder where no file says it: the nearest with a mark of one, else the current folder if it
        holds `folder`, else the one that holds the package that `folder` is a part of, else `folder`."""
        root = self._marked(folder)
        if root is not None:
            return root
        here = Path.cwd()
        if folder.is_relative_to(here):
            return here
        while True:
            inside = folder / "__init__.py"
            self.looked_for.add(str(inside))
            if folder.parent == folder or not os.path.isfile(inside):
                return folder
            folder = folder.parent

    def _marked(self, folder: Path) -> Path | None:
        if folder not in self._roots:
            self.looked_for.update(str(folder / mark) for mark in _ROOT_MARKS)
            if any(os.path.exists(folder / mark) for mark in _ROOT_MARKS):
                self._roots[folder] = folder
            else:
                self._roots[folder] = self._marked(folder.parent) if folder.parent != folder else None
        return self._roots[folder]

    def _overridden(self, loaded: LoadedSettings) -> LoadedSettings:
        return LoadedSettings(self._overrides.over(loaded.settings), loaded.root, loaded.file)


class Overrides(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What the command line says about settings. None: it does not say.

    `select` starts afresh: what the file selects and ignores no longer counts. `extend_select` and `exclude` add to the
    file's, `ignore` does too; what `extend_select` names is no longer ignored. `baseline` is an absolute path.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    strict: bool = False
    force_exclude: bool = False
    baseline: str | None = None

    def over(self, settings: Settings) -> Settings:
        """The settings with these laid over them."""
        if self == Overrides():
            return settings
        afresh = self.select is not None
        named = {selector.lower() for selector in self.extend_select}
        ignored = () if afresh else tuple(s for s in settings.ignore if s.lower() not in named)
        return msgspec.structs.replace(
            settings,
            select=self.select if afresh else settings.select,
            extend_select=(*(() if afresh else settings.extend_select), *self.extend_select),
            ignore=(*ignored, *self.ignore),
            exclude=(*settings.exclude, *self.exclude),
            strict=self.strict or settings.strict,
            force_exclude=self.force_exclude or settings.force_exclude,
            baseline=self.baseline if self.baseline is not None else settings.baseline,
        )
