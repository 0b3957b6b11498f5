"""A process that is given up on and left running.

## Why
`subprocess.run` and `check_output` kill the child when their time is up. `Popen.wait` and `communicate`, and those of
asyncio, do not: the wait ends, and the child goes on, with its files, ports and memory, until somebody kills it.

```python bad
import subprocess

def convert(path):
    child = subprocess.Popen(["convert", path])
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        return None
    return child.returncode
```

```python good
import subprocess

def convert(path):
    child = subprocess.Popen(["convert", path])
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return None
    return child.returncode
```

## Fix safety
Unsafe: the child may have been meant to go on, or to end in a gentler way. Added is a `kill` and a `wait` at the
beginning of the handler.

## Known limits
A process that anything else may end is left alone: one that is handed on, kept where another method ends it, entered
by a `with`, waited for again, or come in as a parameter. With `--strict` only: one that was asked to end before the
wait, and is left when it does not; and one that an object keeps, where the time comes from a parameter: the caller asks
whether it ends within it, and decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.threads.processes import Outliving, kill_edits, outliving_processes
from cancelcheck.model.edit import Safety
from cancelcheck.model.facts import Enter
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each wait with a timeout that leaves its process running."""
    for found in outliving_processes(fn):
        process = fn.text(found.call.receiver)
        edits = kill_edits(fn, found)
        yield ctx.report(
            fn,
            found.call.index,
            f"`{process}` is left running when the time is up: `{_taker(fn, found)}` neither ends it "
            "nor waits for it again",
            help="Kill it in the handler, and wait for it.",
            trace=(
                ctx.step(fn, found.call.index, "the wait gives up"),
                ctx.step(fn, found.caught.node, f"the timeout is caught, and `{process}` goes on"),
            ),
            fix=ctx.fix("kill it and wait for it", Safety.UNSAFE, *edits) if edits else None,
            strict=found.doubtful,
        )


def _taker(fn: FunctionView, found: Outliving) -> str:
    node = fn.nodes[found.caught.node]
    return fn.text(node.context if isinstance(node, Enter) else found.caught.node)


RULE = Rule(
    code="CAN121",
    name="timeout-without-kill",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TOLD,
)
