"""What makes an SLA function again, or a write within it: its marker, a policy, a decorator of the project, a loop of
its own or of a caller in the same file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.paths.scopes import references
from cancelcheck.link.promises.calls import wrappers_of
from cancelcheck.link.promises.outside import below, has_key, retry_around, writes
from cancelcheck.link.promises.sla import Promise, effects_of
from cancelcheck.link.promises.sums import Hop
from cancelcheck.model.facts import Name

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Retried(NamedTuple):
    """What is done again: `what` in words behind the function's name, and the way there."""

    what: str
    hops: tuple[Hop, ...] = ()


def retries_of(view: FunctionView, promise: Promise) -> Retried | None:
    """What makes a function again that does not only read; None where nothing does, or a key is passed each time."""
    return _from_outside(view, promise) or _from_inside(view)


def _from_outside(view: FunctionView, promise: Promise) -> Retried | None:
    acting = [call for _, inner in below(view) for call in inner.calls if writes(call)]
    if all(has_key(call) for call in acting) and (acting or "unknown" not in effects_of(view)):
        return None
    parent = view.parent
    if promise.retried:
        return Retried("is called again after a failure, as its marker says")
    for name, index in view.decorators:
        if parent is not None and _calls_again(parent, name, index):
            return Retried("is retried", (Hop(parent, index, f"`{parent.text(index)}` calls it again"),))
    for wrapper in wrappers_of(view):
        for call in wrapper.calls:
            func = wrapper.nodes[call.node.func]
            outside = isinstance(func, Name) and wrapper.bindings(func.id).scope not in (wrapper, None)
            if outside and retry_around(wrapper, call.index) >= 0:
                return Retried("is retried", (Hop(wrapper, call.index, f"`{call.text}(…)` calls it again"),))
    for user, made in references(view):
        if made is not None and user is not view and made.callee is view and retry_around(user, made.index) >= 0:
            hop = Hop(user, made.index, f"`{made.text}(…)` is called again after a failure")
            return Retried(f"is called again by `{user.name}` after a failure", (hop,))
    return None


def _calls_again(view: FunctionView, name: str, index: int) -> bool:
    """Whether a decorator of a library calls what has failed again: at once, or where a failure has it done later."""
    entry = view.module.project.catalog.retry(name)
    call = view.call_at(index)
    later = entry is not None and bool(entry.when) and call is not None and call.argument(entry.when) is not None
    return entry is not None and (later or not entry.elsewhere)


def _from_inside(view: FunctionView) -> Retried | None:
    catalog = view.module.project.catalog
    for chain, inner in below(view):
        policy = inner is not view and any(
            (entry := catalog.retry(name)) is not None and not entry.elsewhere for name, _ in inner.decorators
        )
        for call in inner.calls:
            if not writes(call) or has_key(call):
                continue
            looped = any(retry_around(at.fn, at.index) >= 0 for at in (*chain, call))
            if not policy and not looped and not _is_policed(chain):
                continue
            hops = tuple(Hop(at.fn, at.index, f"`{at.text}(…)`") for at in (*chain, call))
            return Retried(f"tries `{call.text}(…)` again after a failure", hops)
    return None


def _is_policed(chain: tuple[CallSite, ...]) -> bool:
    """Whether a function on the way is under a policy that calls it again."""
    for call in chain:
        callee = call.callee
        catalog = call.fn.module.project.catalog
        for name, _ in callee.decorators if callee is not None else ():
            entry = catalog.retry(name)
            if entry is not None and not entry.elsewhere:
                return True
    return False
