"""A context or a client that is made from itself on each turn of a loop.

## Why
Each turn wraps what the last one made. The chain grows with the loop: every look at the context walks all of it, every
timeout of a client is laid over the ones before, and nothing of it is let go.

```python bad
class CancelToken:
    def __init__(self, parent=None):
        self.parent = parent

    def is_cancelled(self):
        return self.parent is not None and self.parent.is_cancelled()

def export(batches, token: CancelToken):
    for batch in batches:
        token = CancelToken(token)
        batch.send(token)
```

```python good
class CancelToken:
    def __init__(self, parent=None):
        self.parent = parent

    def is_cancelled(self):
        return self.parent is not None and self.parent.is_cancelled()

def export(batches, token: CancelToken):
    for batch in batches:
        inner = CancelToken(token)
        batch.send(inner)
```

## Fix safety
There is no fix: the name is for the author to choose.

## Known limits
Both what is made and what it is made from have to be known as a context or a client of one type. A loop that gives the
name another value on each turn is left alone, and so is a method that leads to another thing, such as a parent.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.rebuilding import rebuilt
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each context that a loop makes from itself."""
    for found in rebuilt(fn):
        yield ctx.report(
            fn,
            found.node,
            f"`{found.place}` is made from itself on each turn of the loop: each one wraps all that came before",
            help="Give what a turn makes a name of its own.",
            trace=(ctx.step(fn, found.header, "the loop comes round here"),) if found.header >= 0 else (),
        )


RULE = Rule(
    code="CAN308",
    name="rebuilt-context-in-loop",
    family=Family.CONTEXT,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.LOOP,
)
