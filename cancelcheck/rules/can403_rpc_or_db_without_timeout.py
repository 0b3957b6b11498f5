"""A client of a database, a cache, a broker, an RPC or a cloud service that can wait forever.

## Why
A server that takes the connection and says nothing, a lock that a forgotten transaction holds, a firewall that drops
what it does not know: the driver waits, and with it the request, the pool's slot and the thread.

```python bad
import psycopg2

def connect():
    return psycopg2.connect(host="db.example", dbname="bank")
```

```python good
import psycopg2

def connect():
    return psycopg2.connect(host="db.example", dbname="bank", connect_timeout=10)
```

## Fix safety
Unsafe: what took longer before now fails. The timeout is what the setting `default-timeout` says, a number of seconds
or the name of a value to import, in the form and unit that the library takes; where that is a number, a constant of the
project whose name says that it is one for such calls goes before it.

## Known limits
A client is reported once, where it is made, when the library takes the bound there; at the call when only the call
takes it. Connections without a bound are reported by default, those to this very machine (`localhost`, a socket's
file), calls through them, calls of a peer that calls back at an address of this machine, and commands without one with
`--strict` (where a command takes no timeout of its own, the first one of a function or class: the bound belongs to the
connection), and so are remote calls that answer with a stream, which may stay open by design. A bound in a URL that is
no literal is trusted; where another library connects, which the scheme of a literal URL says, that one's default
counts. Where a library's default changed, that of the release counts that the project asks for, else of the newest.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Kind
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.forwarding import speaks_at
from cancelcheck.link.promises.relaying import is_unrelayed
from cancelcheck.link.timeouts.advice import library_of, timeout_to_pass
from cancelcheck.link.timeouts.connecting import (
    asks_this_machine,
    calls_back_here,
    is_on_this_machine,
    is_one_of_many,
    open_wait,
)
from cancelcheck.link.timeouts.giving import passed
from cancelcheck.link.timeouts.passing import endless_calls, timed_calls
from cancelcheck.link.timeouts.wrappers import left_endless
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule

_KINDS = frozenset({Kind.RPC, Kind.DB, Kind.CACHE, Kind.BROKER, Kind.CLOUD})

_ASKS = frozenset({Kind.DB, Kind.CACHE, Kind.BROKER})
"""Kinds of which a command waits for a lock or a message by design as often as not."""


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each client, and each call that only itself can bound, that can wait forever."""
    for call in timed_calls(fn):
        if speaks_at(call) or is_unrelayed(call):
            continue  # the caller's own timeout is not passed: that is said there
        found = open_wait(call)
        if found is not None:
            if found.entry.kind not in _KINDS or is_one_of_many(call, found):
                continue
            command = found.what == "command"
            keyword = next(iter(getattr(found.entry, "command", ())), "") if command else ""
            waits = {"whole": "waits", "connection": "waits for a connection", "command": "waits for an answer"}
            library = found.library or library_of(call.target)
            edits = passed(call, found.entry, ctx.settings.default_timeout, keyword)
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` has no timeout: {library} {waits[found.what]} forever by default",
                help=timeout_to_pass(call, found.entry, keyword),
                fix=ctx.fix("pass a timeout", Safety.UNSAFE, *edits) if edits else None,
                strict=(command and found.entry.kind in _ASKS)
                or getattr(found.entry, "streams", False)
                or (found.what == "connection" and is_on_this_machine(call))
                or (found.what == "command" and (asks_this_machine(call) or calls_back_here(call)))
                or fn.module.is_harness,
            )
            continue
        endless = next((at for at in endless_calls(call) if at.api.kind in _KINDS and not at.given), None)
        if endless is not None:
            yield left_endless(call, endless, ctx)


RULE = Rule(
    code="CAN403",
    name="rpc-or-db-without-timeout",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TIMED,
)
