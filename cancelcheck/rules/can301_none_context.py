"""None that is given where a context is needed.

## Why
What is called asks the context whether it is to go on. None has no answer: the call fails with an AttributeError, far
from the place where None was written, and often only on the day when somebody cancels.

```python bad
class CancelToken:
    def is_cancelled(self):
        return False

def export(rows, cancel_token):
    return [row for row in rows if not cancel_token.is_cancelled()]

def export_all(rows):
    return export(rows, None)
```

```python good
class CancelToken:
    def is_cancelled(self):
        return False

def export(rows, cancel_token):
    return [row for row in rows if not cancel_token.is_cancelled()]

def export_all(rows):
    return export(rows, CancelToken())
```

## Fix safety
There is no fix: which context is meant is for the author to say.

## Known limits
None counts where it is written, where it is all that a name can be there, and where a test on the way says so. A
context is followed through two functions that hand it on as it is. What is called has to use the context before it asks
about it, or to say by its annotation that None is not meant: the latter is reported with `--strict` where it asks all
the same, and of numbers. An unannotated `ctx` counts as a context where the function uses it as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.guarding import NoneGiven, none_given
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each None that is given to a context."""
    for found in none_given(fn):
        yield ctx.report(
            fn,
            found.call.index,
            f"`{found.call.text}(…)` is given None as its `{found.name}`{_then(found)}",
            help=f"Pass a `{found.name}`, or let `{found.call.text}` do without one.",
            trace=_trace(fn, found, ctx),
            strict=found.doubt,
        )


def _then(found: NoneGiven) -> str:
    if found.callee is None:
        return ": that is an error there"
    if found.use < 0:
        return ", which is not to be None by its annotation"
    return f": `{found.callee.text(found.use)}` fails there"


def _trace(fn: FunctionView, found: NoneGiven, ctx: Context) -> tuple[Step, ...]:
    if found.callee is None or found.use < 0:
        return ()
    return (
        ctx.step(fn, found.argument, "None is given here"),
        *(ctx.step(call.fn, call.index, "it is handed on here") for call in found.handed),
        ctx.step(found.callee, found.use, f"`{found.name}` is used here, and nobody has asked about it"),
    )


RULE = Rule(
    code="CAN301",
    name="none-context",
    family=Family.CONTEXT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.KNOWN,
)
