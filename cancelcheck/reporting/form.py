"""What is known of a form, and of where a report is shown."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping

import msgspec


class Form(msgspec.Struct, frozen=True):
    """A form of the report: the `module` beside this one that renders it.

    `lists_rules`: it tells of all rules there are. `for_people`: counts and a summary go with it. `utf8`: its encoding
    is that, whatever the terminal's is. `summary` is the environment's variable with the name of a file to which
    `module.summary` has something to add.
    """

    module: str
    for_people: bool = False
    lists_rules: bool = False
    utf8: bool = False
    summary: str = ""


class Surroundings(msgspec.Struct, frozen=True):
    """Where and how a report is shown: whether with colour, on how many columns (None: on no terminal), whether forms
    that can list what is suppressed are to do so, and the environment of the process, where a service says where the
    repository lies."""

    color: bool = False
    width: int | None = None
    lists_suppressed: bool = False
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)

    def within(self, path: str, variable: str) -> str:
        """A path relative to the folder that the environment's `variable` names; as it is if it does not lie there."""
        top = self.environment.get(variable, "")
        if not top:
            return posixpath.normpath(path)
        absolute = os.path.abspath(path)
        for root in (top, os.path.realpath(top)):
            try:
                relative = os.path.relpath(absolute, root).replace(os.sep, "/")
            except ValueError:
                # another drive
                continue
            if not relative.startswith("../") and relative != "..":
                return relative
        return posixpath.normpath(path)
