"""A context that may be None and is used as if it were not.

## Why
A default of None says that there may be no context. A path that uses one without asking works in every test that gives
one, and fails with an AttributeError for the first caller who does not.

```python bad
class CancelToken:
    def is_cancelled(self):
        return False

def export(rows, token: CancelToken = None):
    return [row for row in rows if not token.is_cancelled()]
```

```python good
class CancelToken:
    def is_cancelled(self):
        return False

def export(rows, token: CancelToken = None):
    token = token or CancelToken()
    return [row for row in rows if not token.is_cancelled()]
```

## Fix safety
There is no fix: whether to do without, or to make one, is for the author to say.

## Known limits
A use is an attribute, an `await` or a `with`. Any test that looks at the parameter counts as a check, and so does a
call that it is handed to as a statement. A private function that every call in its file gives one is left alone. With
`--strict` only: a use in an arm of another condition, which may have to do with what is given, and a parameter that is
a context by its type alone (a `job` that can be cancelled).
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.guarding import unguarded
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each context that may be None where it is used first."""
    for found in unguarded(fn):
        name = found.carrier.name
        yield ctx.report(
            fn,
            found.node,
            f"`{fn.text(found.node)}` is reached with `{name}` at None, which it may be: nothing asks before",
            help=f"Ask for `{name}` first, or put another in its place: `{name} = {name} or …`.",
            strict=found.doubt,
        )


RULE = Rule(
    code="CAN302",
    name="unguarded-optional-context",
    family=Family.CONTEXT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.DEF | Asks.PARAM,
)
