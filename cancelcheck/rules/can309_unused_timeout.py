"""A timeout that a function takes and never looks at.

## Why
Callers believe in a bound that is not there: they pass `timeout=5` and wait for as long as it takes.

```python bad
def fetch(sock, size, timeout=5.0):
    return sock.recv(size)
```

```python good
def fetch(sock, size, timeout=5.0):
    sock.settimeout(timeout)
    return sock.recv(size)
```

## Fix safety
There is no fix: the bound is to be built, or the parameter to go.

## Known limits
A function that is used as a value, decorated in an unknown way, or a method of a class with a base that cannot be
resolved is left alone: its signature may be somebody else's. So is one that calls nothing, but for a logger. In fakes
of test files it is silent, and of a parameter that is true or false where it is left out (`timeout=False`): it says
whether the time was up. With `--strict` only: where the docstring or a comment says that it is ignored or deprecated,
or a `del` does; where three other parameters are not read either; where the method may stand beside or in place of
another that takes the same (one of its class or of another class of the module, one of a protocol in sight, one of a
library's type that its class is named after, one that is called by a name put together); in a class that says that it
wraps another, or leaves methods to its subclasses; and what bounds by its type alone. A parameter that is given another
value before it is read is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.forwarding import unforwarded
from cancelcheck.link.promises.unused import unused
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each context parameter that nothing reads."""
    for param, doubt in unused(fn):
        yield ctx.report(
            fn,
            (param.start, param.end),
            f"`{fn.name}` takes `{param.name}` and never uses it: callers believe in a bound that is not there",
            help="Pass it on to what waits, or remove it.",
            trace=tuple(
                ctx.step(fn, found.call.index, f"`{found.call.text}(…)` could take it")
                for found in unforwarded(fn)
                if found.carrier.name == param.name
            ),
            strict=doubt,
        )


RULE = Rule(
    code="CAN309",
    name="unused-timeout",
    family=Family.CONTEXT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
