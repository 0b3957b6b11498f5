"""Work that is given to a thread and waited for with a timeout: the timeout ends the wait, and not the work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.tasks.attributes import called_method
from cancelcheck.link.tasks.handing import Work, work_of
from cancelcheck.link.tasks.spawning import spawner_of, spawns
from cancelcheck.link.tasks.stopping import looks_at_stop, tells_to_end
from cancelcheck.link.threads.blocking import asks_resolver
from cancelcheck.link.threads.outlasting import Span, Stay, span_of, span_of_call
from cancelcheck.link.timeouts.limits import Limit, limit_of
from cancelcheck.link.timeouts.waits import Verdict, given
from cancelcheck.link.values import ValueKind, evaluate
from cancelcheck.model.facts import Attr, Const, Enter, RegionKind

if TYPE_CHECKING:
    from cancelcheck.catalog import schema
    from cancelcheck.link.function import CallSite, FunctionView


class Orphan(NamedTuple):
    """Work that outlives its timeout: `call` gives it to a thread, `limit` is the timeout. `waits`: the wait lasts as
    long as the work, and the timeout comes to nothing. `stay` says where the work can stay longer than the timeout, if
    that is known; `known` that it is (else it is a guess: worth a look). `joined_by` is the `with` that waits for it,
    -1 where there is none."""

    call: CallSite
    work: Work
    limit: Limit
    waits: bool
    stay: Stay | None
    joined_by: int = -1

    @property
    def known(self) -> bool:
        """Whether the work surely can outlast the timeout."""
        return self.stay is not None


def orphans(view: FunctionView) -> Iterator[Orphan]:
    """The work that a function gives to threads and that is waited for with a timeout which does not stop it."""
    catalog = view.module.project.catalog
    spawners = {call.index: spawner for call, spawner in spawns(view)}
    runners = {call.index: runner for call in view.told_calls if (runner := catalog.runner(call.target)) is not None}
    for index in sorted(spawners.keys() | runners.keys()):
        call, runner, spawner = view.sites[index], runners.get(index), spawners.get(index)
        if runner is not None and runner.thread:
            if any(_is_set(call, keyword) for keyword in runner.abandon):
                continue  # left behind, and said so
            work = work_of(call, runner.work_keyword, runner.work_position)
            limit = limit_of(view, call.index)
            waits = runner.waits
        else:
            if spawner is None or not spawner.thread:
                continue
            work = work_of(call, spawner.work_keyword, spawner.work_position)
            limit = limit_of(view, call.index)
            waits = False
            if limit is None and spawner.joined_at_exit and work is not None:
                yield from _joined(view, call, work)
                continue
        if limit is None or work is None:
            continue
        if _is_ended_after(limit.call.fn, limit.at, call) or _is_ended_after(view, call.index, call):
            continue
        if _receiver_ends(view, work):
            continue
        outlasting = _outlasting(view, work, limit.seconds)
        if outlasting is None:
            continue
        if outlasting.stay is None and not waits and (_ends_by_itself(view, work) or _is_asked_later(call)):
            continue
        yield Orphan(call, work, limit, waits, outlasting.stay)


def _ends_by_itself(view: FunctionView, work: Work) -> bool:
    """Whether the work is the look-up of a name, which takes no timeout and has one of the system's; or a method of a
    known type that is not known to wait: nobody here could give it one."""
    if work.view is not None:
        return bool(work.view.calls) and all(asks_resolver(call) for call in work.view.calls)
    if work.call is None:
        return False
    catalog = view.module.project.catalog
    owner, _, _ = work.call.target.rpartition(".")
    awaited = catalog.cancellable(owner) is not None  # what it gives is meant, of a type that is not seen
    if owner and catalog.knows_type(owner) and not awaited and catalog.api(work.call.target) is None:
        return True
    return asks_resolver(work.call)


def _is_asked_later(call: CallSite) -> bool:
    """Whether the future is kept in a local and asked whether it is done: who gives up on the wait knows that the work
    goes on."""
    use = call.use
    return use.kind == "bound" and any(called_method(reader, at) == "done" for reader, at in call.fn.reads(use.name))


def _is_set(call: CallSite, keyword: str) -> bool:
    """Whether a keyword is given, with anything but False."""
    argument = call.argument(keyword)
    if argument is None:
        return False
    node = call.fn.nodes[argument] if argument >= 0 else None
    return not (isinstance(node, Const) and node.value is False)


def _outlasting(view: FunctionView, work: Work, seconds: float) -> Span | None:
    """What work can take, where that may be more than `seconds`; without a stay where it is only a guess. None where it
    ends in time by itself, or can be told to."""
    if work.view is not None:
        if looks_at_stop(work.view) or work.view.facts.is_generator or work.view.is_async:
            return None
        span = span_of(work.view)
    else:
        assert work.call is not None
        if tells_to_end(view, work.node):
            return None
        span = span_of_call(work.call)
    if span.stops:
        return None
    if span.stay is not None and (math.isinf(span.stay.seconds) or span.stay.seconds > seconds):
        return span
    return None if span.timed else Span()


def _is_ended_after(view: FunctionView, index: int, start: CallSite) -> bool:
    """Whether a handler or a `finally` around a node tells something to end: the work may well be what it means. Not
    what only drops the wait: a `cancel` of the future that the work's `start` gave, a `shutdown` of its pool."""
    statements = {
        view.regions[region].parent
        for region in view.regions_around(index)
        if view.regions[region].kind is RegionKind.PROTECTED
    }
    return any(
        tells_to_end(view, node) and not _drops_wait(view, node, start)
        for at, region in enumerate(view.regions)
        if region.parent in statements and region.kind in (RegionKind.HANDLER, RegionKind.FINALLY)
        for node in view.nodes_in(at)
    )


def _drops_wait(view: FunctionView, index: int, start: CallSite) -> bool:
    call = view.call_at(index)
    if call is None or call.receiver < 0:
        return False
    instance = view.instance(call.receiver)
    if instance is not None and any(
        origin.fn is start.fn and origin.index == start.index for origin in instance.origins
    ):
        return True
    pool = start.fn.key(start.receiver)
    return start.fn is view and bool(pool) and view.key(call.receiver) == pool


def _receiver_ends(view: FunctionView, work: Work) -> bool:
    """Whether the function ends, after it has handed out one of its methods, what the method is called on."""
    node = view.nodes[work.node]
    key = view.key(node.value) if isinstance(node, Attr) else ""
    return bool(key) and any(
        call.index > work.node and tells_to_end(view, call.index) for call in view.calls_on.get(key, ())
    )


def _joined(view: FunctionView, submit: CallSite, work: Work) -> Iterator[Orphan]:
    """The future of work given to a pool, asked for its result with a timeout in the `with` block of the pool, whose
    end waits for the work all the same."""
    region = _with_of(view, submit.index, view.key(submit.receiver))
    if region < 0:
        return
    for call in view.calls:
        limit = _result_of(view, call, submit)
        if limit is None or not view.is_inside(view.region_of(call.index), region):
            continue
        if _is_ended_after(view, call.index, submit):
            return
        outlasting = _outlasting(view, work, limit.seconds)
        if outlasting is not None:
            yield Orphan(submit, work, limit, True, outlasting.stay, view.regions[region].node)
        return


def _with_of(view: FunctionView, index: int, name: str) -> int:
    """The region of the `with … as name` around a node; -1 where there is none."""
    for region in view.regions_around(index) if name else ():
        enter = view.node_at(view.regions[region].node)
        if isinstance(enter, Enter) and name in (view.key(enter.target), view.key(enter.context)):
            return region
    return -1


def _result_of(view: FunctionView, call: CallSite, submit: CallSite) -> Limit | None:
    """The timeout with which a call waits for the future that `submit` gives."""
    if call.receiver < 0:
        return None
    api: schema.Api | None = view.module.project.catalog.api(call.target)
    if api is None:
        return None
    instance = view.instance(call.receiver)
    if instance is None or [origin.index for origin in instance.origins if origin.fn is view] != [submit.index]:
        return None
    own = given(call, api.timeout, api.timeout_position, api.forever)
    if own is None or own.verdict is not Verdict.TIMED:
        return None
    argument = call.seen_argument(api.timeout, api.timeout_position)
    value = evaluate(view, argument) if argument is not None else None
    seconds = value.number if value is not None and value.kind is ValueKind.NUMBER else math.inf
    return Limit(call, call.index, seconds)


def is_joined_around(call: CallSite) -> bool:
    """Whether a call waits for work that the `with` of its pool around the call waits for at its end: a timeout would
    end nothing."""
    fn = call.fn
    instance = fn.instance(call.receiver) if call.receiver >= 0 else None
    return instance is not None and any(
        made.fn is fn
        and (spawner := spawner_of(made)) is not None
        and spawner.joined_at_exit
        and _with_of(fn, call.index, fn.key(made.receiver)) >= 0
        for made in instance.origins
    )
