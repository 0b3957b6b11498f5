"""`cancelcheck explain`: what a rule is about."""

from __future__ import annotations

import sys

import click

from cancelcheck.cli.showing import wants_color, write_stdout
from cancelcheck.cli.statuses import CLEAN


def make() -> click.Command:
    """The command."""

    @click.command("explain", context_settings={"help_option_names": ["-h", "--help"]})
    @click.argument("rule")
    def explain(rule: str) -> int:
        """Say what a rule is about: RULE is its code or its name."""
        import shutil

        from cancelcheck.engine.select import SelectorError, find_rule
        from cancelcheck.reporting.text import render_rule
        from cancelcheck.rules import RULES

        try:
            found = find_rule(rule, RULES)
        except SelectorError as error:
            raise click.ClickException(str(error)) from None
        width = min(shutil.get_terminal_size().columns, 120)
        write_stdout(render_rule(found, wants_color("auto", sys.stdout.isatty()), width))
        return CLEAN

    return explain
