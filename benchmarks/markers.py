"""What the markers add to a call, as JSON: nanoseconds per call of a bare function, of the same function with all three
markers, and of another bare one, which shows the noise.

    python benchmarks/markers.py

Each of these is a function of its own, made from the same text; they take turns, and the medians count. Standard
library and cancelcheck's markers only; `run.py` calls it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from cancelcheck.markers import compensable, idempotent, sla

ROUNDS = 201
CALLS = 20_000

_KINDS = {
    "function": ("def charge(order):\n    return order\n", "for _ in calls:\n        work(1)"),
    "coroutine": (
        "async def charge(order):\n    return order\n",
        "for _ in calls:\n        try: work(1).send(None)\n        except StopIteration: pass",
    ),
    "method": (
        "class Account:\n    def charge(self, order):\n        return order\n",
        "for _ in calls:\n        account.charge(1)",
    ),
}
_LOOP = "def run(work, account, calls):\n    {}\n"


def main() -> int:
    """Measure, print."""
    figures: dict[str, float] = {"rounds": ROUNDS, "calls": CALLS}
    for kind, (text, loop) in _KINDS.items():
        versions = {which: _made(text, loop, marked=which == "marked") for which in ("bare", "marked", "other")}
        times: dict[str, list[int]] = {which: [] for which in versions}
        for _ in range(ROUNDS):
            for which, run in versions.items():
                started = time.perf_counter_ns()
                run()
                times[which].append(time.perf_counter_ns() - started)
        figures |= {f"{kind} {which}": statistics.median(each) / CALLS for which, each in times.items()}
    print(json.dumps({name: round(figure, 2) for name, figure in figures.items()}))
    return 0


def _made(text: str, loop: str, *, marked: bool) -> Callable[[], None]:
    """A function that calls one of its own, over and over. The interpreter adapts a function to what it meets, so no
    two of them share any code."""
    names: dict[str, Any] = {}
    exec(compile(text + _LOOP.format(loop), "<measured>", "exec"), names)
    holder = names.get("Account")
    work = names["charge"] if holder is None else holder.charge
    if marked:
        work = sla(timeout=2.0)(compensable("shop:refund")(idempotent(key="order")(work)))
        if holder is not None:
            holder.charge = work
    run = names["run"]
    account = holder() if holder is not None else None
    return lambda: run(work, account, range(CALLS))


if __name__ == "__main__":
    sys.exit(main())
