"""`cancelcheck rules`: the list."""

from __future__ import annotations

import click

from cancelcheck.cli.showing import write_stdout
from cancelcheck.cli.statuses import CLEAN


def make() -> click.Command:
    """The command."""

    @click.command("rules", context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--format", "form", type=click.Choice(("text", "json")), default="text", help="form of the list")
    def rules(form: str) -> int:
        """List all rules."""
        from cancelcheck.reporting import rules as listing
        from cancelcheck.rules import RULES

        write_stdout(listing.as_json(RULES) if form == "json" else listing.as_text(RULES), utf8=form == "json")
        return CLEAN

    return rules
