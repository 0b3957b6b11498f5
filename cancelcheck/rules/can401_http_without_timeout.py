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
    return requests.get(f"https://bank.example/{account}", timeout=5).json()
```

## Fix safety
There is no fix yet: how long to wait is for the project to say.

## Known limits
A timeout in `**kwargs` that is not a literal dict, in a transport adapter or in a subclass of the session is trusted. A
session is followed within the project's files; one that arrives as an untyped parameter is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Kind
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.passing import Endless, endless_calls
from cancelcheck.link.waits import Verdict, judge, judge_client
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each HTTP call that nothing bounds, and each client that no call through it can bound."""
    for call in fn.calls:
        if _is_untimed(call, ctx):
            library = call.target.partition(".")[0]
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` has no timeout: {library} waits forever by default",
                help="Pass `timeout=`, in seconds.",
            )
            continue
        endless = next(
            (found for found in endless_calls(call) if found.api.kind is Kind.HTTP and not found.given), None
        )
        if endless is not None:
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` leaves `{endless.param}` at None: `{endless.chain[-1].text}(…)` then waits forever",
                help=f"Pass `{endless.param}=`, in seconds, or give it a finite default.",
                trace=(ctx.step(fn, call.index, f"`{endless.param}` is left at None"), *_steps(endless, ctx)),
            )


def _is_untimed(call: CallSite, ctx: Context) -> bool:
    api = ctx.catalog.api(call.target)
    if api is not None:
        return api.kind is Kind.HTTP and judge(call, api).verdict is Verdict.UNTIMED
    client = ctx.catalog.client(call.target)
    if client is None or client.kind is not Kind.HTTP or not client.bounds_all:
        return False
    return judge_client(call, client).verdict is Verdict.UNTIMED


def _steps(endless: Endless, ctx: Context) -> Iterator[Step]:
    for call in endless.chain:
        yield ctx.step(call.fn, call.index, f"`{call.text}(…)` is given it")


RULE = Rule(
    code="CAN401",
    name="http-without-timeout",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
