"""Rows of the table of options as click's."""

from __future__ import annotations

import click

from cancelcheck.config import Option


def click_option(option: Option) -> click.Option:
    """An option of the table as click's."""
    names = [f"--{option.name}", option.attribute]
    if option.about.short:
        names.insert(0, f"-{option.about.short}")
    variable = option.about.variable or None
    if option.type is bool:
        return click.Option(names, is_flag=True, help=option.about.help, envvar=variable)
    if option.is_list:
        return click.Option(
            names, multiple=True, callback=_split, metavar=option.about.metavar or None, help=option.about.help
        )
    limits = click.IntRange(min=1) if option.type == int | None else None
    return click.Option(
        names,
        type=click.Choice(option.about.choices) if option.about.choices else limits,
        default=option.default,
        metavar=option.about.metavar or None,
        help=option.about.help,
        envvar=variable,
    )


def _split(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Values between commas, or of several options; None where the option is not given."""
    if not values:
        return None
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())
