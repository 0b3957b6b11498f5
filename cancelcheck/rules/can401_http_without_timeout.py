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
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.waits import Verdict, judge
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each HTTP call that nothing bounds."""
    for call in fn.calls:
        api = ctx.catalog.api(call.target)
        if api is None or api.kind is not Kind.HTTP or judge(call, api).verdict is not Verdict.UNTIMED:
            continue
        library = call.target.partition(".")[0]
        yield ctx.report(
            fn,
            call.index,
            f"`{call.text}(…)` has no timeout: {library} waits forever by default",
            help="Pass `timeout=`, in seconds.",
        )


RULE = Rule(
    code="CAN401",
    name="http-without-timeout",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
