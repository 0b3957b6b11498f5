"""`cancelcheck facts`: what stands in one file, for build systems that look at each file by itself."""

from __future__ import annotations

from pathlib import Path

import click

from cancelcheck.cli.statuses import CLEAN

SUFFIX = ".facts"
"""How a file of facts ends."""


def make() -> click.Command:
    """The command."""

    @click.command("facts", context_settings={"help_option_names": ["-h", "--help"]})
    @click.argument("file")
    @click.option("-o", "--output", metavar="FILE", required=True, help=f"the file to write: it ends in {SUFFIX}")
    @click.option("--config", metavar="FILE", help="the file with the settings, instead of the nearest")
    @click.option("--isolated", is_flag=True, help="no settings but the defaults")
    def facts(file: str, output: str, config: str | None, isolated: bool) -> int:
        """Write down what matters of FILE, for `cancelcheck check --facts`.

        The same text gives the same bytes wherever it lies, with no path in them.
        """
        _write(file, output, config, isolated)
        return CLEAN

    return facts


def _write(file: str, output: str, config: str | None, isolated: bool) -> None:
    from cancelcheck.config import ConfigError, SettingsFinder
    from cancelcheck.engine.decode import DecodeError
    from cancelcheck.engine.pipeline import Engine, rarely_collect
    from cancelcheck.engine.writing import write_whole

    if not output.endswith(SUFFIX):
        raise click.UsageError(f"--output: {output}: its name has to end in {SUFFIX}")
    rarely_collect()
    try:
        engine = Engine(SettingsFinder(config=Path(config) if config else None, isolated=isolated))
        data = engine.file_of_facts(engine.input_file(file))
        engine.close()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be read: {error.strerror or error}") from None
    except DecodeError as error:
        # what cannot be decoded has no facts: `check` says so
        data = b""
        if error.reason.startswith("takes"):
            raise click.ClickException(f"{file}: the file {error.reason}") from None
    try:
        write_whole(Path(output), data)
    except OSError as error:
        raise click.ClickException(f"--output: {output}: {error.strerror or error}") from None
