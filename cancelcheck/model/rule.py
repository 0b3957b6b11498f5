"""A rule is a value with a function. No base class, no state."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from cancelcheck.model.finding import Finding

if TYPE_CHECKING:
    from cancelcheck.link.context import Context
    from cancelcheck.link.function import FunctionView


CAPTIONS = {"bad": "Reported", "good": "Not reported"}
"""What the examples of a rule are, by the word behind the fence: ```` ```python bad ````."""

_EXAMPLE = re.compile(r"^```python (bad|good)$", re.MULTILINE)


class Family(enum.StrEnum):
    """The checklist's families; the value is what `--select` takes."""

    RUN = "run"
    LOST_CANCEL = "lost-cancel"
    SWALLOWED_CANCEL = "swallowed-cancel"
    CONTEXT = "context"
    TIMEOUT = "timeout"
    SLA = "sla"


class Default(enum.StrEnum):
    """When a rule reports: always, with `--strict` or by name, or once the configuration says what it applies to."""

    ON = "on"
    STRICT = "strict"
    CONFIGURED = "configured"


class Asks(enum.IntFlag):
    """What there has to be in a function for a rule to say anything of it: where one of them is missing, the rule is
    not asked. It only saves time: a rule may not count on it."""

    ANY = 0
    DEF = enum.auto()
    ASYNC = enum.auto()
    PARAM = enum.auto()
    CALL = enum.auto()
    AWAIT = enum.auto()
    YIELD = enum.auto()
    WITH = enum.auto()
    LOOP = enum.auto()
    HANDLER = enum.auto()
    FINALLY = enum.auto()
    TOLD = enum.auto()
    """A call of which the catalogue tells something."""
    KNOWN = enum.auto()
    """The same, or one that runs a function of the project."""
    TIMED = enum.auto()
    """A call of which the catalogue tells something, or one that leaves a timeout endless which a function of the
    project hands on."""
    SPAWN = enum.auto()
    """A call that starts work."""
    PROMISE = enum.auto()
    """It is an SLA function."""


Check = Callable[["FunctionView", "Context"], Iterator[Finding]]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to know about a rule. `doc` is the module's docstring: documentation, `explain`, SARIF help
    and the first test. `silent_in_tests` follows from the family. `fix` says in a word what the fix is worth, or ""."""

    code: str
    name: str
    family: Family
    default: Default
    since: str
    doc: str
    check: Check | None
    asks: Asks = Asks.ANY

    @property
    def summary(self) -> str:
        """The first line of the documentation, without its full stop."""
        return self.doc.strip().splitlines()[0].rstrip(".")

    @property
    def markdown(self) -> str:
        """The whole documentation, dedented."""
        return inspect.cleandoc(self.doc)

    @property
    def captioned(self) -> str:
        """The same for what shows Markdown, and leaves out what stands behind a fence: a line before each example says
        whether it is reported."""
        return _EXAMPLE.sub(lambda match: f"*{CAPTIONS[match[1]]}:*\n\n```python", self.markdown)

    @property
    def silent_in_tests(self) -> bool:
        """Families 4 and 5 say nothing in test files unless they are asked to."""
        return self.family in (Family.TIMEOUT, Family.SLA)
