"""Timeouts that a function takes and never looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.cleanup.signatures import may_be_shared, signature_is_free
from cancelcheck.link.contexts.forwarding import unforwarded
from cancelcheck.link.contexts.making import detached
from cancelcheck.link.contexts.parameters import context_params, says_bound
from cancelcheck.link.promises.relaying import unrelayed
from cancelcheck.link.tasks.detaching import strays

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView
    from cancelcheck.model.facts import Param


class Unused(NamedTuple):
    """A context parameter that nothing reads. `doubt`: the signature may be somebody else's."""

    param: Param
    doubt: bool


def unused(view: FunctionView) -> Iterator[Unused]:
    """The context parameters of a function that nothing reads, in order; none where it is told which call one should go
    to."""
    told = (found for each in (view, *view.children) for found in unforwarded(each))
    if any(not found.doubt and found.carrier.param in view.facts.params for found in told):
        return
    if any(True for _ in detached(view)):
        return
    if unrelayed(view) or strays(view):
        return
    for param in context_params(view):
        if param.name.startswith("_") or view.reads(param.name) or view.uses_locals:
            continue
        if not signature_is_free(view, param.name):
            return
        yield Unused(param, not says_bound(view, param) or may_be_shared(view, param.name))
