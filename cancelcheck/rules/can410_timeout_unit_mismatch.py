"""A time that is given in another unit than it is taken in.

## Why
Milliseconds taken as seconds wait a thousand times too long: the timeout is there, and never fires. Seconds taken as
milliseconds fire at once. A `timedelta` where a number is meant raises, on the path that nobody tested.

```python bad
import requests

TIMEOUT_MS = 2000

def balance(account):
    return requests.get(f"https://bank.example/{account}", timeout=TIMEOUT_MS).json()
```

```python good
import requests

TIMEOUT_MS = 2000

def balance(account):
    return requests.get(f"https://bank.example/{account}", timeout=TIMEOUT_MS / 1000).json()
```

## Fix safety
Safe: the unit stands in the name, and what is taken is known; the conversion is written out.

## Known limits
The unit is read from the name alone: a name that says none, or two (`ms_to_s`), says nothing. Of what is computed in
place nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Kind
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.timeouts.units import Length, Sink, converted, length_of_value, sinks_of
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each length of time that is handed over in the wrong unit."""
    for call in fn.known_calls:
        for sink in sinks_of(call):
            found = length_of_value(fn, sink.node)
            if found is None or found[0] is sink.length or not _is_refused(call, found[0], sink, ctx):
                continue
            given, by_name = found
            node = fn.nodes[sink.node]
            text = converted(ctx.module.source.text[node.start : node.end], given, sink.length)
            yield ctx.report(
                fn,
                sink.node,
                f"`{fn.text(sink.node)}` is {given.word}, and {sink.by} takes {sink.length.word}: "
                f"{_effect(given, sink)}",
                help=f"Convert it: `{text}`.",
                fix=ctx.fix("convert it", Safety.SAFE, (node.start, node.end, text)) if by_name else None,
            )


def _is_refused(call: CallSite, given: Length, sink: Sink, ctx: Context) -> bool:
    """A `timedelta` is right for some libraries: of Python's own calls and of HTTP clients it is known that they refuse
    it, of a parameter its name says so."""
    if given is not Length.TIMEDELTA:
        return True
    api = ctx.catalog.api(call.target)
    return ctx.catalog.is_standard(call.target) or (api is not None and api.kind is Kind.HTTP)


def _effect(given: Length, sink: Sink) -> str:
    if given is Length.TIMEDELTA:
        return "it raises"
    factor = given.value / sink.length.value
    times = f"{max(factor, 1 / factor):,.0f} times too"
    return f"it waits {times} {'long' if factor < 1 else 'short'}"


RULE = Rule(
    code="CAN410",
    name="timeout-unit-mismatch",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.KNOWN,
)
