"""A retry that never gives up.

## Why
What has failed once may fail for ever: a retry without an end turns an outage of somebody else into a caller that
hangs, and many of them into the load that keeps the other one down.

```python bad
import requests
import tenacity

@tenacity.retry(wait=tenacity.wait_fixed(2))
def balance(account):
    return requests.get(f"https://bank.example/{account}", timeout=5).json()
```

```python good
import requests
import tenacity

@tenacity.retry(wait=tenacity.wait_fixed(2), stop=tenacity.stop_after_attempt(5))
def balance(account):
    return requests.get(f"https://bank.example/{account}", timeout=5).json()
```

A loop by hand is no better:

```python bad
import time
import requests

def balance(account):
    while True:
        try:
            return requests.get(f"https://bank.example/{account}", timeout=5).json()
        except requests.ConnectionError:
            time.sleep(2)
```

```python good
import time
import requests

def balance(account):
    for attempt in range(5):
        try:
            return requests.get(f"https://bank.example/{account}", timeout=5).json()
        except requests.ConnectionError:
            time.sleep(2)
    raise RuntimeError("the bank does not answer")
```

## Fix safety
There is no fix: how often to try is for the project to say.

## Known limits
A loop is reported where it would end as soon as the call works and nothing else in sight ends it: no count, no clock,
no flag, no delay that grows. A loop that goes on after a success, a supervisor, is left alone. Where a call between two
tries is not known, or the exception only by its name, it is reported with `--strict`; so is a loop in a tool's command
(`cli`, `__main__`), which a person waits for, and can end, one that sleeps between its tries while a program starts up
(`__init__`, `start_worker`): what it needs may come up later; what a script does when it is run, and sleeps: it begins
its own program again; what says that it waits for something (a policy of `wait_for_pod`, a log "Waiting for …"), and a
library's policy that tries again only where it is asked to (`retry_never`), or in whose place callers may give one of
their own (`self.retry = policy or Retry(total=None)`).
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.threads.programs import is_of_tool, is_script, starts_up
from cancelcheck.link.timeouts.connecting import is_its_own
from cancelcheck.link.timeouts.retrying import (
    Retry,
    endless_retries,
    is_asked_for,
    is_endless,
    is_one_of_several,
    says_it_waits,
    sleeps_between,
    waits_for_it,
)
from cancelcheck.model.facts import Call, Define, FunctionKind
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each retry of a library that nothing limits, and each loop or recursion that is one."""
    for call in fn.told_calls:
        entry = ctx.catalog.retry(call.target)
        if entry is not None and is_endless(call, entry) and not is_its_own(call):
            strict = entry.strict or is_one_of_several(call) or is_asked_for(call, entry)
            strict = strict or any(waits_for_it(view) for view in _decorated(fn, call.index))
            yield _of_library(fn, call.index, call.text, (*entry.attempts, *entry.seconds), ctx, strict=strict)
    for _, node in fn.all_of(Define):
        for at in node.decorators:
            entry = ctx.catalog.retry(fn.target_of(at)) if not isinstance(fn.nodes[at], Call) else None
            if entry is not None and entry.default_attempts == entry.default_seconds == "none":
                yield _of_library(fn, at, fn.text(at), (*entry.attempts, *entry.seconds), ctx, strict=entry.strict)
    for retry in endless_retries(fn):
        yield _by_hand(fn, retry, ctx)


def _decorated(fn: FunctionView, index: int) -> list[FunctionView]:
    """The function that a call is a decorator of."""
    return [fn.module.functions[node.function] for _, node in fn.all_of(Define) if index in node.decorators]


def _of_library(
    fn: FunctionView, at: int, text: str, limits: tuple[str, ...], ctx: Context, *, strict: bool
) -> Finding:
    names = " or ".join(f"`{name}=`" for name in dict.fromkeys(limits[:2]))
    return ctx.report(
        fn,
        at,
        f"`{text}` retries without end: nothing says when to give up",
        help=f"Give it {names}.",
        strict=strict,
    )


def _by_hand(fn: FunctionView, retry: Retry, ctx: Context) -> Finding:
    tried = fn.call_at(retry.tried)
    what = f"`{tried.text}(…)`" if tried is not None else "it"
    region = fn.regions[retry.loop] if retry.loop >= 0 else None
    return ctx.report(
        fn,
        (region.start, fn.nodes[retry.at].end) if region is not None else retry.at,
        f"{what} is tried again without end: no count, deadline or growing delay stops it",
        help="Count the attempts, or stop at a deadline, and let the last error out.",
        trace=(
            *((ctx.step(fn, tried.index, f"{what} fails"),) if tried is not None else ()),
            ctx.step(fn, retry.handler.node, "the failure is caught"),
            ctx.step(fn, retry.at, "and it is tried again"),
        ),
        strict=not retry.sure
        or is_of_tool(fn.module)
        or (sleeps_between(fn, retry) and (_is_main(fn) or starts_up(fn) or says_it_waits(fn, retry))),
    )


def _is_main(fn: FunctionView) -> bool:
    """Whether this is what a script does when it is run: it looks after its own program, and begins that again."""
    return fn.facts.kind is FunctionKind.MODULE and is_script(fn.module)


RULE = Rule(
    code="CAN407",
    name="unbounded-retry",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
)
