"""An HTTP request that can wait forever.

## Why
requests, urllib3 and `urlopen` have no timeout unless one is given: a peer that accepts the connection and says nothing
holds the caller for as long as the process lives. Callers pile up behind it, and retries multiply them.

```python bad
import requests

def balance(account):
    return requests.get(f"https://bank.example/{account}").json()
```

```python good
import requests

def balance(account):
    return requests.get(f"https://bank.example/{account}", timeout=10).json()
```

## Fix safety
Unsafe: a request that took longer before now fails. What is passed is what the setting `default-timeout` says, a number
of seconds or the name of a value to import, in the form and unit that the library takes; where that is a number, a
constant of the project whose name says that it is one for such calls goes before it.

## Known limits
A timeout in `**kwargs` that is not a literal dict, in a transport adapter or in a subclass of the session is trusted. A
session is followed within the project's files, through fields, factories, partials and what a framework injects; one
that arrives as an untyped parameter is not guessed. A function or class of the project that hands its `timeout` on is
reported where it is called without one. A default set by `socket.setdefaulttimeout` is looked for in the file, in what
it imports, and in what that imports. A library is left its own clients. In a package named for tests (`shop.testing`),
with `--strict` only.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Api, Client, Kind
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.contexts.forwarding import speaks_at
from cancelcheck.link.timeouts.advice import library_of, timeout_to_pass
from cancelcheck.link.timeouts.connecting import is_its_own
from cancelcheck.link.timeouts.giving import passed
from cancelcheck.link.timeouts.passing import endless_calls, timed_calls
from cancelcheck.link.timeouts.waits import Verdict, judge, judge_client
from cancelcheck.link.timeouts.wrappers import left_endless
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each HTTP call that nothing bounds, and each client that no call through it can bound."""
    for call in timed_calls(fn):
        if speaks_at(call):
            continue  # the caller's own timeout is not passed: that is said there
        entry = _untimed(call, ctx)
        if entry is not None:
            edits = passed(call, entry, ctx.settings.default_timeout)
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` has no timeout: {library_of(call.target)} waits forever by default",
                help=timeout_to_pass(call, entry),
                fix=ctx.fix("pass a timeout", Safety.UNSAFE, *edits) if edits else None,
                strict=fn.module.is_harness,
            )
            continue
        endless = next(
            (found for found in endless_calls(call) if found.api.kind is Kind.HTTP and not found.given), None
        )
        if endless is not None:
            yield left_endless(call, endless, ctx)


def _untimed(call: CallSite, ctx: Context) -> Api | Client | None:
    """What the catalogue says of a call that can wait forever. A library is left its own clients: how long they wait is
    for those to say who use it."""
    if is_its_own(call):
        return None
    api = ctx.catalog.api(call.target)
    if api is not None:
        return api if api.kind is Kind.HTTP and judge(call, api).verdict is Verdict.UNTIMED else None
    client = ctx.catalog.client(call.target)
    if client is None or client.kind is not Kind.HTTP or not client.bounds_all:
        return None
    return client if judge_client(call, client).verdict is Verdict.UNTIMED else None


RULE = Rule(
    code="CAN401",
    name="http-without-timeout",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TIMED,
)
