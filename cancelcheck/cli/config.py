"""`cancelcheck config`: the settings in force for a path, and where each comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cancelcheck.cli.showing import write_stdout
from cancelcheck.cli.statuses import CLEAN

if TYPE_CHECKING:
    from cancelcheck.config import SettingIn
    from cancelcheck.engine.pipeline import Engine


def make() -> click.Command:
    """The command."""

    @click.command("config", context_settings={"help_option_names": ["-h", "--help"]})
    @click.argument("path", default=".", type=click.Path())
    @click.option("--show", is_flag=True, help="show the settings, as is done anyway")
    @click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="form of the list")
    @click.option("--schema", is_flag=True, help="print the JSON Schema of the settings, for an editor")
    @click.option("--config", metavar="FILE", help="settings from this file, for every path")
    @click.option("--isolated", is_flag=True, help="no settings from any file")
    def config(path: str, show: bool, form: str, schema: bool, config: str | None, isolated: bool) -> int:
        """Show the settings in force for PATH (default: the current folder), and where each comes from."""
        from cancelcheck.config import ConfigError, SettingsFinder, origins
        from cancelcheck.engine.pipeline import Engine

        if schema:
            write_stdout(_schema(), utf8=True)
            return CLEAN
        if config is not None and isolated:
            raise click.UsageError("--config and --isolated exclude each other")
        place = Path(path)
        if not os.path.exists(place):
            raise click.ClickException(f"{path}: No such file or directory")
        try:
            finder = SettingsFinder(config=Path(config) if config is not None else None, isolated=isolated)
            loaded = finder.for_folder(place if place.is_dir() else place.absolute().parent)
            rows = origins(loaded)
            codes = _codes(Engine(finder), place)
        except ConfigError as error:
            raise click.ClickException(str(error)) from None
        if form == "json":
            write_stdout(_as_json(place, rows, codes), utf8=True)
        else:
            write_stdout(_as_text(place, rows, codes))
        return CLEAN

    return config


def _schema() -> str:
    from cancelcheck.reporting.json import dumped
    from cancelcheck.reporting.settings import as_schema

    return dumped(as_schema())


def _codes(engine: Engine, place: Path) -> list[str] | None:
    """The rules that report on a file; None if it is excluded. Raises `ConfigError`."""
    # settings name folders too: the rules are those of a file in it that no pattern is about
    file = engine.input_file(str(place / "_.py" if place.is_dir() else place))
    return None if engine.is_excluded(file) else engine.codes(file)


def _as_text(place: Path, rows: list[SettingIn], codes: list[str] | None) -> str:
    from cancelcheck.engine.toml import rendered

    lines = [f"# settings for {place.as_posix()}"]
    table = ""
    shown: list[tuple[str, str]] = []
    # what stands in no table comes first, as it has to in a file
    for row in sorted(rows, key=lambda row: "." in row.name):
        above, _, key = row.name.rpartition(".")
        if above != table:
            table = above
            shown.append((f"\n[{table}]", ""))
        text = f"{key} = {rendered(row.value)}" if row.value is not None else f"# {key} is not set"
        shown.append((text, f"  # {row.origin}"))
    width = min(max(len(text) for text, origin in shown if origin), 60)
    lines += [f"{text:{width}}{origin}" if origin else text for text, origin in shown]
    if codes is None:
        lines.append("\n# excluded: checked only where it is named, and not with force-exclude")
    else:
        lines.append(f"\n# rules that report here: {', '.join(codes)}")
    return "\n".join(lines) + "\n"


def _as_json(place: Path, rows: list[SettingIn], codes: list[str] | None) -> str:
    from cancelcheck.reporting.json import dumped

    return dumped(
        {
            "path": place.as_posix(),
            "settings": [{"key": row.name, "value": row.value, "from": row.origin} for row in rows],
            "excluded": codes is None,
            "rules": codes or [],
        }
    )
