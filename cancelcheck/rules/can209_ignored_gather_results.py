"""Results of `gather(…, return_exceptions=True)` that nobody looks at.

## Why
With `return_exceptions=True` a failure is no exception any more but a result, and so is the cancellation of one of the
tasks. Who drops the results drops the failures: nobody hears that half of the work was not done.

```python bad
import asyncio

async def notify(users, send):
    await asyncio.gather(*(send(user) for user in users), return_exceptions=True)
```

```python good
import asyncio

async def notify(users, send):
    results = await asyncio.gather(*(send(user) for user in users), return_exceptions=True)
    for user, result in zip(users, results):
        if isinstance(result, BaseException):
            print(user, result)
```

Waiting for tasks that this very function has cancelled is the idiom for joining them:

```python good
import asyncio

async def stop(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
```

## Fix safety
There is no fix: what is to be done about a failure is for the author to say.

## Known limits
Tasks that the function looks at afterwards, one by one, are taken to tell their failures. So are those that the
instance or the module has in a collection, which somebody else has started, coroutines that take their failures
themselves, and what gives something back on the way out.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.tasks.results import ignored_results
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each such call whose results are dropped, and which joins nothing that was cancelled here."""
    for call, lost in ignored_results(fn):
        yield ctx.report(
            fn,
            call.index,
            f"nobody looks at what `{call.text}(…)` returns: the failures that it collects are never heard of",
            help="Look through the results, or leave `return_exceptions` out.",
            trace=(
                ctx.step(fn, call.index, "failures become results"),
                ctx.step(fn, lost, "and the results are dropped"),
            ),
        )


RULE = Rule(
    code="CAN209",
    name="ignored-gather-results",
    family=Family.SWALLOWED_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TOLD,
)
