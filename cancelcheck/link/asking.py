"""Of which functions a rule is to be asked: those that have what it says that it needs (`Asks`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cancelcheck.link.promises.sla import promise_of
from cancelcheck.link.tasks.spawning import spawns
from cancelcheck.model.facts import Await, Call, Enter, FunctionKind, Iterate, Node, RegionKind, Yield
from cancelcheck.model.rule import Asks

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

_NODES: dict[type[Node], Asks] = {Call: Asks.CALL, Yield: Asks.YIELD, Enter: Asks.WITH}
_REGIONS = {RegionKind.LOOP: Asks.LOOP, RegionKind.HANDLER: Asks.HANDLER, RegionKind.FINALLY: Asks.FINALLY}
_WAITS = (Await, Iterate, Enter)
_LINKED = (Asks.TOLD, Asks.KNOWN, Asks.SPAWN, Asks.PROMISE)


class Asking:
    """The functions of a file, by what they have."""

    def __init__(self, functions: Sequence[FunctionView]) -> None:
        self._by_need: dict[int, list[FunctionView]] = {0: list(functions)}

    def of(self, asks: Asks) -> list[FunctionView]:
        """The functions that have all of this, in order."""
        need = asks.value
        known = self._by_need.get(need)
        if known is None:
            linked = next((each for each in _LINKED if need & each.value), None)
            if linked is not None:
                having = self.of(Asks(need & ~linked.value))
                known = [view for view in having if _links(view, linked)]
            else:
                known = [view for view in self._by_need[0] if _has(view) & need == need]
            self._by_need[need] = known
        return known


def _has(view: FunctionView) -> int:
    """What a function has, by its facts alone."""
    facts = view.facts
    found = Asks.ANY.value
    if facts.kind is FunctionKind.DEF:
        found |= Asks.DEF.value
    if facts.is_async:
        found |= Asks.ASYNC.value
    if facts.params:
        found |= Asks.PARAM.value
    for kind in view.by_kind:
        if kind in _NODES:
            found |= _NODES[kind].value
        if kind in _WAITS:
            found |= Asks.AWAIT.value
    for region in view.regions:
        if region.kind in _REGIONS:
            found |= _REGIONS[region.kind].value
    return found


def _links(view: FunctionView, need: Asks) -> bool:
    """Whether a function has what is found out by linking."""
    if need is Asks.TOLD:
        return bool(view.told_calls)
    if need is Asks.KNOWN:
        return bool(view.known_calls)
    if need is Asks.SPAWN:
        return bool(spawns(view))
    return promise_of(view) is not None
