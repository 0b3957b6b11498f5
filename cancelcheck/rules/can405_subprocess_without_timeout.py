"""A process that is waited for without an end.

## Why
A child that hangs, on a lock, a prompt or a dead mount, holds its parent for as long as it lives; and nobody outside
can tell the two apart.

```python bad
import subprocess

def revision():
    return subprocess.check_output(["git", "rev-parse", "HEAD"])
```

```python good
import subprocess

def revision():
    return subprocess.check_output(["git", "rev-parse", "HEAD"], timeout=10)
```

## Fix safety
There is no fix: how long a child may take is for the project to say.

## Known limits
A process that was told to end, or asked whether it has, is waited for once more in peace; so is a program that is asked
for its version or for what it knows of this machine, or that tells another to end (`taskkill`). So is one that a person
has before them, and can end: Ctrl-C is caught around it or its signal taken, this program ends with its exit code
(`sys.exit(subprocess.call(…))`), or it is the editor that `$EDITOR` names. The bound of an asynchronous wait may be a
scope around it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Kind
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.contexts.forwarding import speaks_at
from cancelcheck.link.threads.blocking import (
    asks_machine,
    asks_version,
    is_in_foreground,
    was_asked_before,
    was_ended_before,
    was_waited_for_before,
)
from cancelcheck.link.timeouts.passing import endless_calls, timed_calls
from cancelcheck.link.timeouts.waits import Verdict, judge
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each wait for a process that nothing bounds."""
    for call in timed_calls(fn):
        if speaks_at(call):
            continue  # the caller's own timeout is not passed: that is said there
        api = ctx.catalog.api(call.target)
        if api is not None:
            if api.kind is Kind.SUBPROCESS and judge(call, api).verdict is Verdict.UNTIMED and not _is_over(call):
                way = "pass `timeout=`" if api.timeout else "use a call that takes a timeout, or a scope around it"
                yield ctx.report(
                    fn,
                    call.index,
                    f"`{call.text}(…)` waits for the process without a timeout: if that hangs, so does this",
                    help=f"Bound it: {way}.",
                )
            continue
        endless = next((at for at in endless_calls(call) if at.api.kind is Kind.SUBPROCESS and not at.given), None)
        if endless is not None:
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` leaves `{endless.param}` at None: `{endless.chain[-1].text}(…)` then waits for the "
                "process without a timeout",
                help=f"Pass `{endless.param}=`, in seconds, or give it a finite default.",
                trace=(
                    ctx.step(fn, call.index, f"`{endless.param}` is left at None"),
                    *(ctx.step(at.fn, at.index, f"`{at.text}(…)` is given it") for at in endless.chain),
                ),
            )


def _is_over(call: CallSite) -> bool:
    if asks_version(call) or asks_machine(call) or is_in_foreground(call):
        return True
    return was_ended_before(call) or was_asked_before(call) or was_waited_for_before(call)


RULE = Rule(
    code="CAN405",
    name="subprocess-without-timeout",
    family=Family.TIMEOUT,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TIMED,
)
