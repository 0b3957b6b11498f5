"""A resource that some path out of the function does not give back.

## Why
A connection, a session or a process that is closed at the end of the function is not closed where an exception or a
cancellation leaves before it. Each failure leaves one open, until there are no more to be had.

```python bad
import aiohttp

async def price(url):
    session = aiohttp.ClientSession()
    answer = await session.get(url)
    text = await answer.text()
    await session.close()
    return text
```

```python good
import aiohttp

async def price(url):
    async with aiohttp.ClientSession() as session:
        answer = await session.get(url)
        text = await answer.text()
    return text
```

## Fix safety
Unsafe: the resource is given back on other ways out too, where it was not before. Offered where one block takes it and
gives it back: what stands between goes into an `async with`, or into a `try` with a `finally`. Elsewhere its author has
to say who gives it back.

## Known limits
What is returned, stored, put into a container, or passed to anything that the catalogue does not know to keep nothing
counts as handed over. A client or a pool that is given back without a word when the last reference goes, and that the
function closes on no way, is left alone; so is what a test leaves open where it fails, on one of its ways, or until the
last reference goes, and what fails between the call that takes a resource and the `try` whose `finally` gives it back,
and waits for nothing. Reported with `--strict` only: what Python gives back by itself when the last reference goes (a
file, a socket; not a connection in a `with` that ends no more than a transaction), what only an error out of a call
that waits for nothing leaves open, what a whole program or process holds, something unknown that the function closes by
hand, but not in a `finally`; and two releases in a row where the second is not run if the first is cancelled, or fails
in a `try` that goes on: by default where the first one is the `shutdown` of a socket, which fails where the peer has
gone.

A generator that closes what it was given at its end, and not in a `finally`, is reported at that `close`: by default
where the catalogue knows what it was given.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Counts
from cancelcheck.link import Context, FunctionView
from cancelcheck.link.cleanup.bracketing import bracketing_edits
from cancelcheck.link.cleanup.cleanup import is_left_by_cleanup
from cancelcheck.link.cleanup.resources import closed_on_some_ways, forgotten
from cancelcheck.link.cleanup.skipping import released_at_end, skipped_releases
from cancelcheck.link.paths.leaks import FAILURES, Leak
from cancelcheck.link.paths.ownership import steps_to_exit, when_it_leaves
from cancelcheck.link.swallowing.cancellation import is_program
from cancelcheck.link.threads.programs import is_process
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each resource in a local that a path to an exit does not give back."""
    for held, leak, released, doubtful in forgotten(fn):
        # a test that gives it back on one way knows which way it takes
        in_test = fn.module.is_test or fn.module.is_harness
        over = released or _fails(leak) or held.entry.counts is not Counts.ALL
        strict = doubtful or is_program(fn) or is_process(fn) or (in_test and over)
        if is_left_by_cleanup(fn, leak, held.name) or (strict and in_test):
            continue
        edits = bracketing_edits(fn, held)
        close = f"{held.name}.{held.entry.release[0]}()" if held.entry.release else "what gives it back"
        kept = f"{held.entry.holds} `{held.name}`"
        left = f"{kept} is not given back {when_it_leaves(fn, leak)}" if released else f"{kept} is never given back"
        behind = "only the garbage collector sees to it" if held.entry.collected else "it stays behind"
        then = "its `with` ends something else" if held.entered else behind
        holder = "closing(…)" if held.entered else "async with" if fn.is_async else "with"
        yield ctx.report(
            fn,
            held.call.index,
            f"{left}: {then}",
            help=f"Hold it in a `{holder}`, or call `{close}` in a `finally`.",
            trace=ctx.steps(fn, (held.call.index, f"the {held.entry.holds} is taken"), *steps_to_exit(fn, leak)),
            fix=ctx.fix("give it back on every path", Safety.UNSAFE, *edits) if edits is not None else None,
            strict=strict,
        )
    for unsure in closed_on_some_ways(fn):
        if is_left_by_cleanup(fn, unsure.leak, unsure.name):
            continue
        yield ctx.report(
            fn,
            unsure.release.index,
            f"`{unsure.release.text}()` is passed over {when_it_leaves(fn, unsure.leak)}: nothing else closes it",
            help=f"Call `{unsure.release.text}()` in a `finally`.",
            trace=ctx.steps(
                fn,
                (unsure.call.index, f"`{unsure.name}` is made"),
                *steps_to_exit(fn, unsure.leak),
                (unsure.release.index, "this is then passed over"),
            ),
            strict=True,
        )
    for skipped in skipped_releases(fn) if not (fn.module.is_test or fn.module.is_harness) else ():
        past = fn.text(skipped.past)
        goes = "fails: the handler goes on without it" if skipped.handled else "is cancelled: nothing else does it"
        yield ctx.report(
            fn,
            skipped.past,
            f"`{skipped.release.text}(…)` is not run where `{past}` {goes}",
            help=f"Call `{skipped.release.text}()` in a `finally`.",
            trace=ctx.steps(
                fn,
                (skipped.past, f"this can {'raise' if skipped.handled else 'be cancelled'}"),
                (skipped.release.index, "this is then passed over"),
            ),
            strict=not skipped.sure,
        )
    for ending in released_at_end(fn):
        yield ctx.report(
            fn,
            ending.release.index,
            f"`{ending.param}` is given back at the generator's end only, not {when_it_leaves(fn, ending.leak)}",
            help=f"Call `{ending.release.text}()` in a `finally`.",
            trace=ctx.steps(fn, *steps_to_exit(fn, ending.leak), (ending.release.index, "this is then passed over")),
            strict=not ending.known,
        )


def _fails(leak: Leak) -> bool:
    return leak.kind in FAILURES


RULE = Rule(
    code="CAN105",
    name="unclosed-resource",
    family=Family.LOST_CANCEL,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.CALL,
)
