"""Of which functions a rule is to be asked: those that have what it says that it needs (`Asks`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cancelcheck.link.promises.sla import promise_of
from cancelcheck.link.tasks.spawning import spawns
from cancelcheck.link.timeouts.passing import timed_calls
from cancelcheck.model.facts import Await, Call, Enter, FunctionKind, Iterate, Node, RegionKind, Yield
from cancelcheck.model.rule import Asks

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

# plain numbers: every function is asked, and a flag takes ten times as long to be joined to another
_DEF, _ASYNC, _PARAM = Asks.DEF.value, Asks.ASYNC.value, Asks.PARAM.value
_NODES: dict[type[Node], int] = {
    Call: Asks.CALL.value,
    Yield: Asks.YIELD.value,
    Await: Asks.AWAIT.value,
    Iterate: Asks.AWAIT.value,
    Enter: Asks.AWAIT.value | Asks.WITH.value,
}
_REGIONS: dict[RegionKind, int] = {
    RegionKind.LOOP: Asks.LOOP.value,
    RegionKind.HANDLER: Asks.HANDLER.value,
    RegionKind.FINALLY: Asks.FINALLY.value,
}


def _promises(view: FunctionView) -> bool:
    return promise_of(view) is not None


def _tells(view: FunctionView) -> bool:
    return bool(view.told_calls)


def _knows(view: FunctionView) -> bool:
    return bool(view.known_calls)


def _times(view: FunctionView) -> bool:
    return bool(timed_calls(view))


def _spawns(view: FunctionView) -> bool:
    return bool(spawns(view))


_LINKED: tuple[tuple[int, Callable[[FunctionView], bool]], ...] = (
    (Asks.TOLD.value, _tells),
    (Asks.KNOWN.value, _knows),
    (Asks.TIMED.value, _times),
    (Asks.SPAWN.value, _spawns),
    (Asks.PROMISE.value, _promises),
)
"""What is found out by linking."""


class Asking:
    """The functions of a file, by what they have."""

    def __init__(self, functions: Sequence[FunctionView]) -> None:
        self._all = functions
        self._by_need: dict[int, Sequence[FunctionView]] = {0: functions}
        self._having: list[int] = []

    def of(self, asks: Asks) -> Sequence[FunctionView]:
        """The functions that have all of this, in order."""
        return self._of(int(asks))

    def _of(self, need: int) -> Sequence[FunctionView]:
        known = self._by_need.get(need)
        if known is None:
            for bit, holds in _LINKED:
                if need & bit:
                    known = [view for view in self._of(need & ~bit) if holds(view)]
                    break
            else:
                if not self._having:
                    self._having = [_has(view) for view in self._all]
                known = [view for view, having in zip(self._all, self._having, strict=True) if having & need == need]
            self._by_need[need] = known
        return known


def _has(view: FunctionView) -> int:
    """What a function has, by its facts alone."""
    facts = view.facts
    found = _ASYNC if facts.is_async else 0
    if facts.kind is FunctionKind.DEF:
        found |= _DEF
    if facts.params:
        found |= _PARAM
    for kind in view.by_kind:
        if kind in _NODES:
            found |= _NODES[kind]
    for region in view.regions:
        if region.kind in _REGIONS:
            found |= _REGIONS[region.kind]
    return found
