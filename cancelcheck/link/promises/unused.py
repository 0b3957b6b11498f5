"""Timeouts that a function takes and never looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.link.cleanup.signatures import may_be_shared, reads_little, signature_is_free
from cancelcheck.link.contexts.forwarding import unforwarded
from cancelcheck.link.contexts.making import detached
from cancelcheck.link.contexts.parameters import carriers, says_bound
from cancelcheck.link.paths.flow import meets
from cancelcheck.link.promises.relaying import unrelayed
from cancelcheck.link.tasks.detaching import strays
from cancelcheck.model.facts import Await, Const, Delete, Store

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
    for carrier in carriers(view):
        param = carrier.param
        if param.name.startswith("_") or view.uses_locals or is_read(view, param.name) or _is_flag(view, param):
            continue
        if not signature_is_free(view, param.name):
            return
        given_up = any(param.name in node.names for _, node in view.all_of(Delete))
        entry = view.module.project.catalog.carrier(carrier.type)
        handed = entry is not None and entry.handed and not _waits(view)
        yield Unused(param, given_up or handed or not says_bound(view, param) or may_be_shared(view, param.name))


def _is_flag(view: FunctionView, param: Param) -> bool:
    """Whether a parameter is true or false where it is left out: it says whether the time was up."""
    default = view.parent.nodes[param.default] if view.parent is not None and param.default >= 0 else None
    return isinstance(default, Const) and default.kind == "bool"


def is_of_another(view: FunctionView, name: str) -> bool:
    """Whether nothing reads a parameter, and others are not read either: the signature is another's, whose callers they
    are there for."""
    return not is_read(view, name) and reads_little(view)


def _waits(view: FunctionView) -> bool:
    """Whether a function waits for anything, as far as is known: it awaits, or calls what the catalogue says does."""
    catalog = view.module.project.catalog
    return bool(view.all_of(Await)) or any(catalog.api(call.target) is not None for call in view.told_calls)


def is_read(view: FunctionView, name: str) -> bool:
    """Whether anything reads what a parameter was given, and not only another value that its name has by then."""
    reads = view.reads(name)
    if not reads or len(view.facts.bound.get(name, ())) < 2:
        return bool(reads)
    own = {at for reader, at in reads if reader is view}
    if len(own) < len(reads):
        return True

    def sets(index: int) -> bool:
        node = view.nodes[index]
        return isinstance(node, Store) and node.id == name

    return meets(view, -1, own.__contains__, sets, errors=True) >= 0
