"""A context that is kept beyond the call that it came with.

## Why
A context says how long one call may take, and who can cancel it. Kept on an object it is there for the next call too:
that one is cancelled by somebody who has nothing to do with it, or finds a deadline that has long passed.

```python bad
class CancelToken:
    def is_cancelled(self):
        return False

class Exporter:
    def __init__(self, token: CancelToken):
        self.token = token
```

```python good
class CancelToken:
    def is_cancelled(self):
        return False

class Exporter:
    def export(self, rows, token: CancelToken):
        return [row for row in rows if not token.is_cancelled()]
```

## Fix safety
There is no fix: each method that needs one has to take it.

## Known limits
It runs with `--strict`: an object that lives for one call may well keep its context. A global container keeps what is
put into it. Numbers, durations and points in time are values. A context's own parent does not count, nor does an event
that the methods of the class look at to see whether to go on.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.storing import stored_contexts
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each context that is stored."""
    for stored in stored_contexts(fn):
        yield ctx.report(
            fn,
            stored.node,
            f"`{stored.what}` is kept in {stored.where}: it is there for calls that have nothing to do with it",
            help="Let what needs it take it as a parameter.",
        )


RULE = Rule(
    code="CAN305",
    name="stored-context",
    family=Family.CONTEXT,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
)
