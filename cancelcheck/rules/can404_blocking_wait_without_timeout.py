"""A wait for another thread or process that has no end.

## Why
A worker that died never puts its result, never sets its event, never gives its lock back. Who waits for it without a
timeout waits for ever; in a function that serves requests each such wait takes one worker away, until none is left.

```python bad
from concurrent.futures import ThreadPoolExecutor
from flask import Flask

app = Flask(__name__)
pool = ThreadPoolExecutor()

@app.get("/report/<name>")
def report(name):
    return pool.submit(str.upper, name).result()
```

```python good
from concurrent.futures import ThreadPoolExecutor
from flask import Flask

app = Flask(__name__)
pool = ThreadPoolExecutor()

@app.get("/report/<name>")
def report(name):
    return pool.submit(str.upper, name).result(timeout=10)
```

## Fix safety
There is no fix: how long to wait, and what to do then, is for the project to say.

## Known limits
By default only where the function serves requests (a route, a servicer's method, a task of a queue; of a framework
that is not known, what a decorator's name and path make a route: `@api.get("/pay")`) or is an SLA function, itself or
by one or two functions below it; with `--strict` anywhere, but for a worker's loop over its queue, what is a lock
itself, and a future that calls back when it is done. What a pool's `with` waits for at its end anyhow, a
thread that was told to end by an event (`stopped.set()`) or a flag (`self.alive = False`) before it is joined are
reported in functions that serve, with `--strict`; so is what a function waits for that ends something by its name
(`stop_workers`), where one that serves calls it, and what serves in a tool that a person starts (`cli`, `scripts`).
The event loop's own waits, which a cancellation ends, are reported in functions that serve, with `--strict`. A wait for
a thread in an async function blocks the event loop, and is CAN406's. A `with` on a lock is not looked at, nor is a lock
that the same function gives back.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Kind, Mode
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.cleanup.locks import takings
from cancelcheck.link.contexts.forwarding import speaks_at
from cancelcheck.link.paths.reaching import chain_of
from cancelcheck.link.promises.serving import serving_of
from cancelcheck.link.promises.sla import promise_of
from cancelcheck.link.threads.blocking import (
    Hold,
    asked_on_the_way,
    hold_of,
    is_called_back,
    is_of_acquirer,
    was_ended_before,
    was_told_before,
)
from cancelcheck.link.threads.programs import is_of_tool, is_whole_program
from cancelcheck.link.threads.threadwork import is_joined_around
from cancelcheck.link.timeouts.passing import endless_calls, timed_calls
from cancelcheck.link.timeouts.waits import Verdict, judge
from cancelcheck.link.undoing import says_undoing
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule

_KINDS = frozenset({Kind.QUEUE, Kind.THREAD, Kind.TASK})


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each endless wait for a thread, a queue or a task, and in a function that serves each call that leads to
    one for a thread."""
    serves = serving_of(fn) is not None or promise_of(fn) is not None
    if not serves and not timed_calls(fn):
        return
    brief = set() if serves else {taking.call.index for taking in takings(fn)}
    for call in fn.known_calls if serves else timed_calls(fn):
        if speaks_at(call, doubt=not serves):
            continue  # the caller's own timeout is not passed: that is said there
        if call.index in brief or (not serves and not _is_serious(call) and call.callee is None):
            continue
        blocks = fn.is_async and not is_whole_program(fn)
        if blocks and _is_sync(call):
            continue  # that it blocks the event loop is said there
        if not serves and (is_of_acquirer(call) or is_called_back(call) or was_told_before(call)):
            continue
        if _is_endless(call) and (serves or not _is_workers(call)):
            told = " in a function that serves requests" if serves and _is_serious(call) else ""
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` waits without a timeout{told}: if what it waits for died, it waits forever",
                help="Give it a timeout, and say what then.",
                strict=not told or was_told_before(call) or is_joined_around(call) or is_of_tool(fn.module),
            )
            continue
        found = next((at for at in endless_calls(call) if at.api.kind in _KINDS and not at.given), None)
        if found is not None and (blocks if _is_sync(found.chain[-1]) else not serves):
            continue
        if found is not None:
            last = found.chain[-1]
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` leaves `{found.param}` at None: `{last.text}(…)` then waits forever",
                help=f"Pass `{found.param}=`, or give it a finite default.",
                trace=(
                    ctx.step(fn, call.index, f"`{found.param}` is left at None"),
                    *(ctx.step(at.fn, at.index, f"`{at.text}(…)` is given it") for at in found.chain),
                ),
                strict=not serves or not _is_sync(last),
            )
            continue
        chain = chain_of(call, "waits-for-thread", _is_endless_for_thread, surely=True) if serves and not blocks else ()
        if len(chain) > 1 and not asked_on_the_way(chain):
            yield ctx.report(
                fn,
                call.index,
                f"`{call.text}(…)` waits without a timeout in a function that serves requests, "
                f"through `{chain[-1].text}(…)`: if what it waits for died, it waits forever",
                help="Give that wait a timeout, and say what then.",
                trace=tuple(
                    ctx.step(at.fn, at.index, f"`{at.text}(…)` {'waits' if at is chain[-1] else 'is called'}")
                    for at in chain
                ),
                strict=len(chain) > _FAR
                or was_told_before(chain[-1])
                or is_joined_around(chain[-1])
                or says_undoing(chain[-1].fn.name)
                or is_of_tool(fn.module),
            )


_FAR = 3
"""Calls on the way to a wait, of which more say that it waits for the very work that was asked for."""


def _is_endless(call: CallSite) -> bool:
    api = call.fn.module.project.catalog.api(call.target)
    if api is None or api.kind not in _KINDS or judge(call, api).verdict is not Verdict.UNTIMED:
        return False
    return api.mode is Mode.ASYNC or (hold_of(call) is not None and not was_ended_before(call))


def _is_serious(call: CallSite) -> bool:
    """Whether an endless wait is one for a thread or a process, and not for a moment as a rule."""
    return _is_sync(call) and (hold_of(call) is Hold.LONG or call.member == "acquire")


def _is_workers(call: CallSite) -> bool:
    """Whether a call takes the next job in a loop: a worker waits by design."""
    api = call.fn.module.project.catalog.api(call.target)
    return api is not None and api.kind is Kind.QUEUE and next(call.fn.loops_around(call.index), -1) >= 0


def _is_endless_for_thread(call: CallSite) -> bool:
    return _is_serious(call) and _is_endless(call)


def _is_sync(call: CallSite) -> bool:
    api = call.fn.module.project.catalog.api(call.target)
    return api is not None and api.mode is Mode.SYNC


RULE = Rule(
    code="CAN404",
    name="blocking-wait-without-timeout",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.KNOWN,
)
