"""A context that ends where it should go on.

## Why
The caller gave a timeout, or a token by which it can cancel. What the function calls could take it and is not given it:
the wait below goes on for as long as it likes, and the caller's bound is kept by nobody.

```python bad
import requests

def get(url, timeout=None):
    return requests.get(url, timeout=timeout)

def balance(account, timeout):
    return get(f"https://bank.example/{account}")
```

```python good
import requests

def get(url, timeout=None):
    return requests.get(url, timeout=timeout)

def balance(account, timeout):
    return get(f"https://bank.example/{account}", timeout=timeout)
```

## Fix safety
Safe: the parameter is passed by its keyword. There is no fix where what is called takes it by position only, makes a
context of its own, or may mean to wait as long as its own default says.

## Known limits
One context of a kind, one slot of that kind: where there are several, none is guessed. An explicit `None` is somebody's
choice. What is made from the parameter carries it: an object, a client, an attribute, a scope around the call. A
`timeout` counts where without it the call can wait forever, or where the function reads it nowhere. Where what is
called has an end of its own, only the caller's wish is lost: CAN309 tells of it where nothing at all reads the
parameter, and else `--strict`. By default it is told where more shows that it was forgotten, and nothing reads the
parameter on any way through the call: it is read on another way; the function takes more of what the callee takes by
the same names, and passes on none of it; both have the same default; or the callee is the method that it overrides.
With `--strict` also for waits of one thread for another, and where a call leaves out the timeout that its object keeps
and that most other calls of the same method are given: by default where six are. So is a context that may be something
else in the first place (a `job` that can be cancelled). A function that measures its timeout against a clock sees to it
by itself, a queue without a limit takes everything at once, and cleanup has a time of its own. Where the other arm of a
condition makes the same call and gives it, the report is left to `--strict`; so is one in a test, and of a parameter
that nothing reads, as three others.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.contexts.forwarding import (
    Unforwarded,
    forwarding_edit,
    is_given_instead,
    speaks_at,
    unforwarded,
)
from cancelcheck.link.contexts.habits import forgotten
from cancelcheck.link.promises.serving import serving_of
from cancelcheck.link.promises.sla import promise_of
from cancelcheck.link.promises.unused import is_of_another, unused
from cancelcheck.link.threads.blocking import takes_at_once
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Asks, Default, Family, Rule

MAX_STEPS = 3
"""Hops that a report prints."""


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each call that could take the function's context and is not given it."""
    missing = unforwarded(fn)
    ends = any(found.ends for found in missing)
    told = {each.param.name for each in unused(fn) if not each.doubt} if ends else set()
    for found in missing:
        if found.ends and found.carrier.name in told:
            continue  # it ends all the same: what is wrong is said of the parameter, with this call
        if found.waits and takes_at_once(found.chain[-1] if found.chain else found.call):
            continue
        if found.doubt and found.waits and (serving_of(fn) is not None or promise_of(fn) is not None):
            continue  # that it waits without an end is said of each wait in a function that serves
        edit = forwarding_edit(found)
        yield ctx.report(
            fn,
            found.call.index,
            f"`{found.call.text}(…)` is not given `{found.carrier.name}`: {_then(found)}",
            help=_help(found),
            trace=_trace(fn, found, ctx),
            fix=ctx.fix(f"pass `{found.carrier.name}`", Safety.SAFE, edit) if edit is not None else None,
            strict=(found.doubt and not found.mirrored)
            or is_given_instead(found)
            or fn.module.is_test
            or is_of_another(fn, found.carrier.name),
        )
    for left in forgotten(fn):
        if speaks_at(left.call, doubt=True):
            continue
        yield ctx.report(
            fn,
            left.call.index,
            f"`{left.call.text}(…)` is not given `{left.place}`, as {left.others} other calls of it in this class are: "
            "it takes as long as its own default says",
            help=f"Pass `{left.slot}={left.place}`.",
            strict=not left.sure or fn.module.is_test,
        )


def _then(found: Unforwarded) -> str:
    if found.made is not None:
        return f"`{found.made.text}(…)` takes its place further on, and the caller can no longer cancel it"
    if found.waits:
        return "it can wait forever, whatever the caller allows"
    if found.carrier.is_time or found.carrier.name == "timeout":
        return "it takes as long as its own default says, whatever the caller allows"
    return "the caller can no longer cancel it"


def _help(found: Unforwarded) -> str:
    name = found.carrier.name
    if found.made is not None:
        return f"Let `{found.call.text}` take `{name}`, and pass it on."
    return f"Pass `{found.slot}={name}`." if found.slot else f"Pass `{name}`."


def _trace(fn: FunctionView, found: Unforwarded, ctx: Context) -> tuple[Step, ...]:
    if not found.chain and found.made is None:
        return ()
    start = ctx.step(fn, found.call.index, f"`{found.carrier.name}` is not passed here")
    steps = [ctx.step(call.fn, call.index, f"`{call.text}(…)` is called without it") for call in found.chain]
    if found.made is not None:
        steps = steps[: MAX_STEPS - 1]
        steps.append(ctx.step(found.made.fn, found.made.index, "another one is made here"))
    return (start, *steps[:MAX_STEPS])


RULE = Rule(
    code="CAN303",
    name="context-not-forwarded",
    family=Family.CONTEXT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.CALL,
)
