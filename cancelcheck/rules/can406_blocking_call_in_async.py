"""A call that blocks the event loop.

## Why
An event loop runs in one thread. While a coroutine sleeps in it, waits for a socket or a process in it, or for another
thread, no other task runs: no request is answered, no timeout fires, no cancellation lands.

```python bad
import asyncio
import time

async def poll(client):
    while not await client.ready():
        time.sleep(0.5)
    asyncio.current_task().set_name("ready")
```

```python good
import asyncio
import time

async def poll(client):
    while not await client.ready():
        await asyncio.sleep(0.5)
    asyncio.current_task().set_name("ready")
```

The call may be further down, in a function of the project that is not async:

```python bad
import requests

def rate(currency):
    return requests.get(f"https://rates.example/{currency}", timeout=5).json()["rate"]

async def convert(amount, currency):
    return amount * rate(currency)
```

```python good
import asyncio

import requests

def rate(currency):
    return requests.get(f"https://rates.example/{currency}", timeout=5).json()["rate"]

async def convert(amount, currency):
    return amount * await asyncio.to_thread(rate, currency)
```

## Fix safety
Safe for `time.sleep`: the loop's own sleep waits as long, and gives way. Unsafe for all others: in a thread
(`to_thread`) the call may meet code that is not made for threads, and a cancellation no longer waits for its end. What
blocks for a moment only is left as it is.

## Known limits
What can block for a moment only, a disk, a lock, a queue with much room, a wait or a request of a quarter of a second,
the end of a process, a thread or a loop that was told to end, or is over as the function's name says, a program that is
asked for its status, or what a repository says of itself (`git describe`), or tells of this machine (`nvidia-smi`)
where no request is served, is reported with `--strict`; so is what stands under a condition two to four functions down,
in an arm that a parameter keeps for synchronous callers (`if sync:`), or that is for tests, or where it was found that
no loop runs, is asked once and kept or flagged, is a name that is looked up as something starts, connects to this very
machine, or ends the program. So is what its author knows to block, as a docstring or a comment above the call says. So
is what nobody may wait beside: the commands of a tool (`cli`, `repl`), a script that starts no task, thread or server,
what is made for tests or benchmarks (`testing`, `create_test_harness`), a class that is a thread or says that it
blocks, a coroutine that is only given to a loop which another thread keeps, or that the function around it makes, a
module that runs its coroutines by itself, the frameworks themselves, a server's lifespan before its `yield`, a prompt
in a file that starts nothing beside, a program that has the terminal meanwhile (`with self.suspend()`), and the editor
of a person's choice; a function that asks a person several times is told of the first, and with `--strict` of what else
blocks in it. A coroutine that is all that its loop runs (`asyncio.run(main())`, with no task, thread or server started
in it) is left alone, reported with `--strict` before the first is started, and after what it has waited for (`await
asyncio.gather(…)`); what a handler does where no thread can be had for it is left alone too. A function with a
decorator is looked into only where the decorator is known to leave it what it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.paths.reaching import (
    Chain,
    body_of,
    chain_of,
    is_dead,
    is_for_both,
    is_for_sync,
    is_for_tests,
    is_last_resort,
    is_once,
)
from cancelcheck.link.promises.serving import serving_of
from cancelcheck.link.threads.blocking import (
    Hold,
    asked_on_the_way,
    asks_machine,
    asks_person,
    asks_resolver,
    awaits_end,
    connects_here,
    hold_of,
    is_in_foreground,
    says_it_blocks,
    says_it_is_over,
    stands_back,
    stands_still,
    starts_brief,
    starts_program,
    waits_for_thread,
    was_awaited_before,
)
from cancelcheck.link.threads.offloading import offload_edits, sleep_edits
from cancelcheck.link.threads.programs import (
    awaits_start,
    is_busy,
    is_last,
    is_of_start,
    is_whole_program,
    is_without_loop,
    is_yet_alone,
    may_be_alone,
)
from cancelcheck.link.undoing import says_undoing
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each call in an async function that blocks, itself or through functions that are not async; each call
    further down once."""
    if not fn.is_async:
        return
    seen: set[tuple[FunctionView, int, bool]] = set()
    for call in fn.calls:
        if call.is_waited_on:
            continue
        chain, strict = _blocking_chain(call)
        if not chain or asked_on_the_way(chain) or any(is_dead(at) for at in chain):
            continue
        if is_last_resort(call) or is_whole_program(fn):
            continue
        last = chain[-1]
        if asks_person(last) and _asked_before(call):
            continue  # it is told of the first
        strict = strict or may_be_alone(fn) or is_yet_alone(fn, call.index) or _is_rare(chain) or says_it_blocks(chain)
        if len(chain) > 1:
            if (last.fn, last.index, False) in seen or (last.fn, last.index, strict) in seen:
                continue
            seen.add((last.fn, last.index, strict))
        through = f" through `{last.text}(…)`" if len(chain) > 1 else ""
        yield ctx.report(
            fn,
            call.index,
            f"`{call.text}(…)` blocks the event loop{through}: no other task runs until it returns",
            help="Use an asynchronous call, or run it in a thread and await that.",
            trace=tuple(
                ctx.step(at.fn, at.index, f"`{at.text}(…)` {'blocks' if at is last else 'is called'}") for at in chain
            )
            if len(chain) > 1
            else (),
            fix=_fix(call, last, ctx) if not strict else None,
            strict=strict,
        )


def _prompts(fn: FunctionView) -> list[CallSite]:
    return [call for call in fn.calls if asks_person(call)]


def _asked_before(call: CallSite) -> bool:
    return asks_person(call) and _prompts(call.fn)[0].index != call.index


def _is_dialogue(fn: FunctionView) -> bool:
    """Whether a function asks a person several times: that is what the program is for."""
    return len(_prompts(fn)) > 1


_FAR = 3
"""Calls on the way to a name server, of which more say that somebody may have seen to it."""


def _is_rare(chain: Chain) -> bool:
    """Whether what a chain leads to blocks once, seldom, or for a moment as a rule: it is kept, is not on the way that
    asynchronous callers take, no loop runs there, the program ends with it, a thread or a process was told to end, a
    name is looked up far down, or as something starts."""
    last = chain[-1]
    if asks_person(last) and (_is_dialogue(last.fn) or not is_busy(chain[0].fn.module)):
        return True
    if not asks_person(last) and _prompts(chain[0].fn):
        return True  # whoever waits beside it waits for a person
    if any(is_without_loop(at) or is_for_tests(at) for at in chain) or says_it_is_over(last):
        return True
    if any(map(stands_back, chain)) or (starts_program(last) and is_in_foreground(last)):
        return True
    if connects_here(last) or (asks_machine(last) and serving_of(chain[0].fn) is None):
        return True
    if stands_still(last) or was_awaited_before(chain[0]) or any(is_for_sync(at) for at in chain):
        return True
    if any(is_for_both(at) for at in chain[:-1]) or is_once(chain) or any(is_last(at) for at in chain):
        return True
    if asks_resolver(last):
        return len(chain) > _FAR or is_of_start(chain[0].fn)
    if awaits_start(last) or starts_brief(chain):
        return True
    return len(chain) > 1 and (awaits_end(last) or (waits_for_thread(last) and says_undoing(last.fn.name)))


def _blocking_chain(call: CallSite) -> tuple[Chain, bool]:
    """The chain to what blocks, and whether that is worth a look only: what blocks for a moment, and what is called
    further down under a condition."""
    chain = chain_of(call, "holds-surely", _holds_long, surely=True)
    if not chain and (body := body_of(call)) is not None:
        near = next((inner for inner in body.calls if _holds_long(inner) and not _is_brief(inner)), None)
        chain = (call, near) if near is not None else ()
    if chain and (len(chain) <= 2 or not waits_for_thread(chain[-1])):
        return chain, False
    chain = chain_of(call, "holds-long", _holds_long) or chain_of(call, "holds", _holds)
    return (chain if len(chain) <= _DEEP else ()), True


_DEEP = 5
"""Calls on the way to what blocks under some condition, of which more say too little of when it does."""


def _is_brief(call: CallSite) -> bool:
    """Whether what stands under a condition one function down is a moment's wait as often as not."""
    return waits_for_thread(call) or asks_resolver(call) or asks_person(call)


def _holds_long(call: CallSite) -> bool:
    return hold_of(call) is Hold.LONG


def _holds(call: CallSite) -> bool:
    return hold_of(call) is not None


def _fix(call: CallSite, last: CallSite, ctx: Context) -> Fix | None:
    edits = sleep_edits(call) if call is last else None
    if edits:
        return ctx.fix("sleep in the event loop", Safety.SAFE, *edits)
    edits = offload_edits(call)
    return ctx.fix("run it in a thread", Safety.UNSAFE, *edits) if edits else None


RULE = Rule(
    code="CAN406",
    name="blocking-call-in-async",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.ASYNC | Asks.CALL,
)
