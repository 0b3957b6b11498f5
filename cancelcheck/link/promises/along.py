"""The longest way through a function: the most that it can wait for.

A function's graph is walked with what is known of its locals, so that a loop with a constant bound is gone through turn
by turn, and a test that is known goes one way. Each place on the way keeps the longest time that led there, and what
bounds it: the scopes that are open, and the tasks that run beside. Where two ways meet, the longer one goes on.

- An await costs what is awaited. A scope around it ends it: what is left of its time is all that it costs. A blocking
  call is not ended by anything.
- What runs side by side costs its longest part: `gather`, a task group at its end, a task that is awaited later.
- A call that fails does so at the end of its time, and a handler, a next turn or a retry goes on from there.
- What has no end, or none that is known, adds nothing to the sum, and is kept beside it (`sums.Open`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.paths.reaching import is_run_through
from cancelcheck.link.paths.scopes import Held, held_by_manager, is_disarmed, is_made_to_shield, scope_of
from cancelcheck.link.promises.attempts import Course, policy_of
from cancelcheck.link.promises.completing import named, shifted
from cancelcheck.link.promises.costs import (
    behind,
    ended,
    has_blocking,
    of_library,
    open_end,
    overrun,
    repeated,
    said,
    unknown,
)
from cancelcheck.link.promises.known import (
    NOTHING,
    Func,
    Known,
    Turns,
    function_of,
    given_to,
    turns_of,
)
from cancelcheck.link.promises.lasting import Limit, lasting, shown
from cancelcheck.link.promises.sums import (
    CLOSED,
    ZERO,
    Hop,
    Line,
    Sum,
    Trail,
    blocked,
    longest,
    of_unknown_end,
    one_line,
    without_end,
)
from cancelcheck.link.promises.walking import Onward, Round, State, Ways, may_go_on, ways_through
from cancelcheck.link.promises.way import Bound, Link, Mark, Pending, Way, besides, left_of, offer, rest_of
from cancelcheck.link.threads.outlasting import endless_loops
from cancelcheck.link.timeouts.retrying import endless_retries
from cancelcheck.model.facts import (
    Assign,
    Attr,
    Await,
    BlockEnd,
    Call,
    Enter,
    Exit,
    FunctionKind,
    Iterate,
    Name,
    Raise,
    RegionKind,
    Store,
    StoreAttr,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.promises.worst import Reckoner


class Walk:
    """One function, with what is known when it begins."""

    def __init__(self, reckoner: Reckoner, view: FunctionView, known: Known, within: float) -> None:
        self.reckoner = reckoner
        self.view = view
        self.known = known
        self.open = CLOSED
        self.blocks = False
        self.best = Way()
        self.returned: Way | None = None
        self.failed: Way | None = None
        bounds = (Bound(-1, within, "a scope around the call ends it"),) if not math.isinf(within) else ()
        self.first = Way(bounds=bounds)
        self.endless: frozenset[int] | None = None
        self.courses: dict[int, Course | None] = {}

    def result(self) -> Sum:
        """The most that it waits for."""
        view = self.view
        ways = ways_through(view, self.known, self._turns, self._swallows)
        if not ways.order:
            return unknown(view, -1, "too many ways through it", blocks=not view.is_async)
        place = {state: index for index, state in enumerate(ways.order)}
        at: dict[State, Way] = {ways.order[0]: self.first}
        for index, state in enumerate(ways.order):
            way = at.pop(state, None)
            if way is None:
                continue
            onward = ways.onward[state]
            way, raised = self._through(state, way, onward.changes, ways)
            way = self._at_header(way, state, onward, ways)
            if way.passed > self.best.passed:
                self.best = way
            for target in onward.next:
                if place[target] > index:
                    offer(at, target, self._at_edge(way, state, target, ways))
            for target in onward.errors:
                before = raised.get(target.known)
                if before is not None and place[target] > index:
                    offer(at, target, before)
        found = self._summed(self.best)
        if self.returned is not None and self.returned.passed < self.best.passed and not view.facts.is_generator:
            found = found._replace(returned=self._summed(self.returned))
        return found

    def _summed(self, way: Way) -> Sum:
        lines: list[Line] = []
        link = way.lines
        while link is not None:
            lines.append(link.line)
            link = link.before
        return Sum(round(way.passed, 6), tuple(reversed(lines)), self.open, self.blocks)

    def _turns(self, header: int, known: Known) -> Turns | None:
        node = self.view.nodes[header]
        assert isinstance(node, Iterate)
        course = self._course(header, known)
        if course is not None:
            if course.attempts is None or math.isinf(course.attempts):
                return None
            return Turns(int(course.attempts), ())
        return turns_of(self.view, node.iterable, known)

    def _swallows(self, enter: int) -> bool:
        """Whether a `with` swallows what is raised in it, for a policy tries again: `with attempt`."""
        view = self.view
        node = view.nodes[enter]
        name = view.nodes[node.context] if isinstance(node, Enter) else None
        if not isinstance(name, Name):
            return False
        for holder, at in view.bindings(name.id).nodes:
            store = holder.nodes[at] if at >= 0 and holder is view else None
            if isinstance(store, Store) and store.parent >= 0 and isinstance(view.nodes[store.parent], Iterate):
                return self._course(store.parent, self.known) is not None
        return False

    def _course(self, header: int, known: Known) -> Course | None:
        """The policy whose attempts a loop goes over."""
        if header not in self.courses:
            node = self.view.nodes[header]
            assert isinstance(node, Iterate)
            found = None
            made = self.view.call_at(node.iterable)
            if made is None:
                instance = self.view.instance(node.iterable)
                made = instance.origins[0] if instance is not None and len(instance.origins) == 1 else None
            entry = self.reckoner.catalog.retry(made.target) if made is not None else None
            if made is not None and entry is not None:
                found = policy_of(made, entry, known if made.fn is self.view else NOTHING)
            self.courses[header] = found
        return self.courses[header]

    # --- along a block

    def _through(self, state: State, way: Way, changes: dict[int, Known], ways: Ways) -> tuple[Way, dict[Known, Way]]:
        """The way at the end of a state's block, and where its last wait that can fail was over."""
        view = self.view
        known = state.known
        block = view.blocks[state.place.block]
        raised: dict[Known, Way] = {}
        for index in range(block.start, block.end):
            node = view.nodes[index]
            sleeps = False
            self.failed = None
            match node:
                case Await():
                    sleeps = self._sleeps(node.value)
                    way = self._awaits(way, node.value, known)
                case Call():
                    sleeps = self._sleeps(index)
                    way = self._calls(way, index, known)
                case Enter():
                    way = self._enters(way, index, node, known)
                case Exit():
                    way = self._exits(way, node, known)
                case Iterate():
                    way = self._iterates(way, index, node, state, known, ways)
                case Raise():
                    pass
                case _:
                    if index in changes:
                        known = changes[index]
                    continue
            failed = self.failed if self.failed is not None and self.failed.passed > way.passed else way
            if failed.passed > self.best.passed:
                self.best = failed
            if not sleeps:
                raised[known] = failed
        if way.passed > self.best.passed:
            self.best = way
        if block.ends is BlockEnd.RETURN and (self.returned is None or way.passed > self.returned.passed):
            self.returned = way
        return way, raised

    def _sleeps(self, index: int) -> bool:
        call = self.view.call_at(index)
        api = self.reckoner.catalog.api(call.target) if call is not None else None
        return api is not None and api.kind is schema.Kind.SLEEP

    def _awaits(self, way: Way, value: int, known: Known) -> Way:
        return self._waits(
            way,
            lambda left: self.reckoner.awaitable(self.view, value, known, left, way.beside, way.passed),
            value,
        )

    def _waits(self, way: Way, cost: Callable[[float], Sum], told: int) -> Way:
        """The way after an await: what it costs, as far as the scopes that are open leave it."""
        left, why, doubtful = left_of(way)
        found = cost(math.inf)
        if not math.isinf(left):
            if found.blocks and (found.seconds > left or found.open):
                found = cost(left)
            found = ended(found, left, why, self.view, told)
        if doubtful:
            found = found._replace(open=found.open.doubted())
        return self._spends(way, found, told)

    def _spends(self, way: Way, found: Sum, told: int) -> Way:
        """The way behind what costs this; where that ends with an exception, `failed` is kept."""
        if found.returned is not None:
            failed = self._adds(way, found, told)
            if self.failed is None or failed.passed > self.failed.passed:
                self.failed = failed
            found = found.returned._replace(open=found.open, blocks=found.blocks)
        return self._adds(way, found, told)

    def _spends_or_waits(self, way: Way, found: Sum, told: int) -> Way:
        """The way behind what blocks, which no scope ends, or behind an await."""
        return self._spends(way, found, told) if found.blocks else self._waits(way, lambda _: found, told)

    def _adds(self, way: Way, found: Sum, told: int) -> Way:
        self.open = self.open.joined(found.open)
        self.blocks |= found.blocks
        if found.seconds <= 0:
            return way
        view = self.view
        call = view.call_at(told)
        line: Line
        if len(found.lines) == 1 and found.lines[0].view is view and found.lines[0].node == told:
            line = found.lines[0]
        else:
            text = f"{call.text}(…)" if call is not None else view.text(told)
            func = self.known.held.get(call.text) if call is not None else None
            if call is not None and isinstance(func, Func):
                text = f"{named(call, func)}(…)"
            line = Line(view, told, text, found.seconds, parts=found.lines)
        return way._replace(passed=round(way.passed + found.seconds, 6), lines=Link(way.lines, line))

    def _calls(self, way: Way, index: int, known: Known) -> Way:
        """The way after a call is made: what it blocks for, and what it starts."""
        view = self.view
        call = view.call_at(index)
        assert call is not None
        reckoner = self.reckoner
        catalog = reckoner.catalog
        if call.member == "cancel" and call.receiver >= 0 and view.key(call.receiver) in way.beside:
            # what is cancelled ends soon
            key = view.key(call.receiver)
            ended_now = tuple(pending._replace(until=way.passed, sum=ZERO) for pending in way.beside[key])
            return way._replace(beside={**way.beside, key: ended_now})
        added = view.key(call.positional[0]) if call.member in _ADDING and call.positional else ""
        if added in way.beside and call.receiver >= 0:
            for pending in way.beside[added]:
                way = besides(way, view.key(call.receiver), pending)
            return way
        api = catalog.api(call.target)
        if api is not None and api.mode is schema.Mode.SYNC:
            found = lasting(call, known) if not call.is_awaited else None
            return self._spends(way, of_library(call, found, blocks=True), index) if found is not None else way
        spawner = catalog.spawner(call.target)
        if spawner is not None:
            return self._starts(way, call, spawner, known)
        runner = catalog.runner(call.target)
        if runner is not None:
            return self._runs(way, call, runner, known)
        retried = self._retried(call, known)
        if retried is not None:
            return self._spends(way, retried, index)
        func = reckoner.callee(call, known)
        if func is not None and not func.view.is_async:
            if func.view.facts.is_generator and not is_run_through(call, func.view):
                return way
            if func.view.has_role("property") or func.view.has_role("fixture"):
                return way
            return self._spends(way, reckoner.call(func, call, known, math.inf), index)
        if not call.is_awaited and (api is not None or (func is not None and not func.view.facts.is_generator)):
            # a coroutine that is awaited later
            place = _held_at(view, index)
            if place:
                cost = reckoner.awaitable(view, index, known, math.inf, {}, 0.0)
                return besides(way, place, Pending(math.inf, cost, index, call.text))
        return way

    def _runs(self, way: Way, call: CallSite, runner: schema.Runner, known: Known) -> Way:
        """A call that comes back when what it runs has ended, and blocks until then (`asyncio.run`)."""
        if runner.thread or call.is_awaited:
            return way
        work = call.seen_argument(runner.work_keyword, runner.work_position)
        if work is None:
            return way
        if runner.work is schema.Work.COROUTINE:
            found = self.reckoner.awaitable(self.view, work, known, math.inf, way.beside, way.passed)
        else:
            found = self.reckoner.handed(call, work, known)
        return self._spends(way, blocked(found), call.index)

    def _retried(self, call: CallSite, known: Known) -> Sum | None:
        """A policy that is called with the function to be tried: `Retrying(…)(fetch, url)`."""
        view = self.view
        made = view.call_at(call.node.func)
        if made is None and isinstance(view.nodes[call.node.func], (Name, Attr)):
            instance = view.instance(call.node.func)
            made = instance.origins[0] if instance is not None and len(instance.origins) == 1 else None
        entry = self.reckoner.catalog.retry(made.target) if made is not None else None
        if made is None or entry is None or not call.positional:
            return None
        func = function_of(view, call.positional[0], known)
        course = policy_of(made, entry, known if made.fn is view else NOTHING)
        if func is None or course is None or func.view.is_async:
            return None
        one = self.reckoner.call(func, shifted(call, call.positional[0]), known, math.inf)
        return repeated(one, course, view, call.index, blocks=True)

    def _starts(self, way: Way, call: CallSite, spawner: schema.Spawner, known: Known) -> Way:
        """Work that goes on beside."""
        view = self.view
        work = call.seen_argument(spawner.work_keyword, spawner.work_position)
        if work is None or call.is_awaited or self.reckoner.catalog.waiter(call.target) is not None:
            return way
        place = _held_at(view, call.index)
        group = self._owner(way, call)
        if not place and not group:
            return way
        if spawner.work is schema.Work.COROUTINE:
            cost = self.reckoner.awaitable(view, work, known, math.inf, way.beside, way.passed)
        else:
            cost = self.reckoner.handed(call, work, known)
        pending = Pending(way.passed + cost.seconds, cost, call.index, call.text)
        for name in (place, group):
            if name:
                way = besides(way, name, pending)
        return way

    def _owner(self, way: Way, call: CallSite) -> str:
        """The `with` around a call that waits for what the call starts."""
        if call.receiver < 0:
            return ""
        view = self.view
        key = view.key(call.receiver)
        for region in view.regions_around(call.index):
            facts = view.regions[region]
            if facts.kind is not RegionKind.WITH:
                continue
            enter = view.nodes[facts.node]
            assert isinstance(enter, Enter)
            if key and key in (view.key(enter.target) if enter.target >= 0 else "", view.key(enter.context)):
                return f"with {facts.node}"
        return ""

    # --- with

    def _enters(self, way: Way, index: int, node: Enter, known: Known) -> Way:
        view = self.view
        reckoner = self.reckoner
        found = scope_of(view, node.context)
        if found is not None:
            return self._opens(way, Held(*found, index), index, known)
        call = view.call_at(node.context)
        held = held_by_manager(view, node, index, 3)
        if node.is_async and call is not None:
            func = reckoner.callee(call, known)
            if reckoner.catalog.api(call.target) is not None or (func is not None and func.view.is_async):
                way = self._awaits(way, node.context, known)
        way = self._special(way, index, node, "__aenter__" if node.is_async else "__enter__")
        if held is not None:
            way = self._opens(way, held, index, known)
        return way

    def _special(self, way: Way, index: int, node: Enter, name: str) -> Way:
        """A class's own method that a `with` calls."""
        view = self.view
        instance = view.instance(node.context)
        call = view.call_at(node.context)
        cls = instance.view if instance is not None else None
        if cls is None and call is not None and call.callee is not None:
            cls = call.callee if call.callee.facts.kind is FunctionKind.CLASS else None
        method = cls.inherited(name) if cls is not None else None
        if method is None or method.facts.is_stub:
            return way
        hop = Hop(view, index, f"{method.name}")

        def cost(left: float) -> Sum:
            assert method is not None
            return behind(self.reckoner.called(Func(method, NOTHING), None, NOTHING, left), hop)

        if node.is_async:
            return self._waits(way, cost, node.context)
        return self._spends(way, cost(math.inf), node.context)

    def _opens(self, way: Way, held: Held, index: int, known: Known) -> Way:
        view = self.view
        scope, call = held.scope, held.call
        if scope.kind not in (schema.ScopeKind.TIMEOUT, schema.ScopeKind.CANCEL):
            return way
        if held.through:
            manager = held.through[0]
            callee = manager.callee
            inside = (
                given_to(manager, callee, known)
                if callee is not None and len(held.through) == 1 and call.fn is callee
                else NOTHING
            )
            limit = self.reckoner.limit_of(scope, call, inside)
        else:
            limit = self.reckoner.limit_of(scope, call, known if call.fn is view else NOTHING)
            enter = view.nodes[index]
            is_named = isinstance(enter, Enter) and (enter.target >= 0 or view.call_at(enter.context) is None)
            if is_disarmed(view, held) and (is_named or limit.seconds != math.inf):
                limit = Limit(None, "")
        until = way.passed + limit.seconds if limit.seconds is not None else math.inf
        doubtful = limit.seconds is None or (scope.kind is schema.ScopeKind.CANCEL and math.isinf(until))
        why = (
            f"ended by `{call.text}({shown(limit.seconds)})` of line {call.fn.line(call.index)}"
            if (limit.seconds is not None and not math.isinf(limit.seconds))
            else ""
        )
        return way._replace(bounds=(*way.bounds, Bound(index, until, why, doubtful, is_made_to_shield(call))))

    def _exits(self, way: Way, node: Exit, known: Known) -> Way:
        view = self.view
        enter = view.nodes[node.enter]
        assert isinstance(enter, Enter)
        name = f"with {node.enter}"
        waited = way.beside.get(name)
        if waited is not None:
            left = longest([rest_of(view, pending, way.passed) for pending in waited])
            if node.is_async:
                way = self._waits(way, lambda _: left, enter.context)
            else:
                way = self._spends(way, blocked(left), enter.context)
            way = way._replace(beside={key: value for key, value in way.beside.items() if key != name})
        way = self._special(way, node.enter, enter, "__aexit__" if node.is_async else "__exit__")
        return way._replace(bounds=tuple(bound for bound in way.bounds if bound.enter != node.enter))

    # --- loops

    def _iterates(self, way: Way, index: int, node: Iterate, state: State, known: Known, ways: Ways) -> Way:
        if state.round_of(ways.headers.get(index, -1)) is not None:
            return way
        view = self.view
        call = view.call_at(node.iterable)
        if call is not None and self.reckoner.catalog.waiter(call.target) is not None:
            way = self._awaits(way, node.iterable, known)
            target = view.nodes[node.target]
            if isinstance(target, Store):
                done = Pending(way.passed, ZERO, index, view.text(node.iterable))
                way = way._replace(beside={**way.beside, target.id: (done,)})
        elif node.is_async and self._course(index, known) is None:
            way = self._awaits_iterable(way, node, known)
        return way

    def _awaits_iterable(self, way: Way, node: Iterate, known: Known) -> Way:
        call = self.view.call_at(node.iterable)
        func = self.reckoner.callee(call, known) if call is not None else None
        catalog = self.reckoner.catalog
        seen = call is not None and (catalog.api(call.target) is not None or catalog.is_coroutine(call.target))
        if func is None and not seen:
            found = unknown(self.view, node.iterable, "what it goes over is not resolved")
            return self._waits(way, lambda _: found, node.iterable)
        return self._awaits(way, node.iterable, known)

    def _at_edge(self, way: Way, state: State, target: State, ways: Ways) -> Way:
        """The way where it goes on: the next turn of a loop begins."""
        view = self.view
        block = view.blocks[state.place.block]
        header = block.end - 1
        loop = ways.headers.get(header, -1) if block.end > block.start else -1
        if loop < 0 or target.round_of(loop) is None:
            return way
        before = state.round_of(loop)
        mark = way.marks.get(loop) if before is not None else None
        course = self.courses.get(header)
        first, lines = (mark.first, mark.lines) if mark is not None else (way.passed, way.lines)
        if course is not None and before is not None and mark is not None:
            way = self._delays(way, course, before.begun, header)
            way = self._in_time(way, mark, course, header)
        return way._replace(marks={**way.marks, loop: Mark(first, way.passed, lines)})

    def _at_header(self, way: Way, state: State, onward: Onward, ways: Ways) -> Way:
        """The way at the header of a loop that no turn follows any more: it may have had more than were gone
        through."""
        view = self.view
        block = view.blocks[state.place.block]
        header = block.end - 1
        loop = ways.headers.get(header, -1) if block.end > block.start else -1
        before = state.round_of(loop) if loop >= 0 else None
        mark = way.marks.get(loop)
        if before is None or mark is None or any(target.round_of(loop) is not None for target in onward.next):
            return way
        course = self.courses.get(header)
        if course is not None:
            return self._after_attempts(way, mark, course, before, header)
        if before.number is not None and before.number > before.begun:
            more = before.number - before.begun
            each = way.passed - mark.last
            if each > 0:
                blocks = self._blocked_since(way, mark)
                text = f"{more} more turns"
                line = Line(view, header, text, round(more * each, 6), f"{shown(each)} each", blocks)
                return self._spends_or_waits(way, one_line(line), header)
            return way
        if may_go_on(view, state, loop, header):
            return self._goes_on(way, mark, loop, header)
        return way

    def _blocked_since(self, way: Way, mark: Mark) -> bool:
        link = way.lines
        while link is not None and link is not mark.lines:
            if has_blocking(link.line):
                return True
            link = link.before
        return False

    def _goes_on(self, way: Way, mark: Mark, loop: int, header: int) -> Way:
        """A loop that waits in each turn, and of which it is not known how many there are."""
        if way.passed <= mark.first:
            return way
        view = self.view
        if self.endless is None:
            self.endless = frozenset((*endless_loops(view), *(retry.loop for retry in endless_retries(view))))
        is_endless = loop in self.endless
        why = "it goes on without an end" if is_endless else "how many turns there are is not known"
        node = view.nodes[header]
        text = view.text(header) if isinstance(node, Iterate) else f"while {view.text(header)}"
        trail = Trail((Hop(view, header, text),), why)
        blocks = self._blocked_since(way, mark)
        opened = without_end(trail, blocks=blocks) if is_endless else of_unknown_end(trail, blocks=blocks)
        return self._spends_or_waits(way, Sum(open=opened, blocks=blocks), header)

    def _delays(self, way: Way, course: Course, number: int, header: int) -> Way:
        view = self.view
        delay = course.delay(number)
        blocks = self._blocks_between(header)
        if delay is None:
            found = unknown(view, header, "how long it waits in between is not known", blocks=blocks)
        else:
            found = one_line(Line(view, header, f"delay {number}", delay, "between attempts", blocks))
        return self._spends_or_waits(way, found, header)

    def _blocks_between(self, header: int) -> bool:
        """Whether a policy's loop blocks its thread between two attempts."""
        node = self.view.nodes[header]
        assert isinstance(node, Iterate)
        return not node.is_async

    def _after_attempts(self, way: Way, mark: Mark, course: Course, before: Round, header: int) -> Way:
        """A policy's loop is left: what is left of its attempts, or of its time, has passed, or its end is not
        known."""
        view = self.view
        blocks = self._blocks_between(header)
        one = way.passed - mark.last
        opened = open_end(course, Hop(view, header, view.text(header)), blocks=blocks)
        if opened:
            if way.passed <= mark.first and not course.is_endless:
                return way
            return self._spends_or_waits(way, Sum(open=opened, blocks=blocks), header)
        if before.number is not None:
            more = before.number - before.begun
            rest = more * one + course.all_delays(before.begun, before.number - 1) if more else 0.0
            line = Line(view, header, f"{more} more attempts", round(rest, 6), "", blocks)
            return self._in_time(self._spends_or_waits(way, one_line(line), header), mark, course, header, one)
        most = overrun(course, one)
        if most is None:
            found = unknown(view, header, "how long it waits in between is not known", blocks=blocks)
            return self._spends_or_waits(way, found, header)
        return self._passes(way, mark, most, course, header, one)

    def _in_time(self, way: Way, mark: Mark, course: Course, header: int, one: float = 0.0) -> Way:
        """The way as far as a policy's time lets it go on, and `one` attempt that has begun in time."""
        assert course.seconds is not None
        if math.isinf(course.seconds):
            return way
        most = overrun(course, one)
        if most is None or way.passed - mark.first <= most:
            return way
        return self._passes(way, mark, most, course, header, one)

    def _passes(self, way: Way, mark: Mark, most: float, course: Course, header: int, one: float) -> Way:
        view = self.view
        line = Line(view, header, view.text(header), round(most, 6), said(course, one), self._blocks_between(header))
        return way._replace(passed=round(mark.first + most, 6), lines=Link(mark.lines, line))


_ADDING = ("append", "add")
"""Methods by which a list or a set gets one thing more."""


def _held_at(view: FunctionView, index: int, steps: int = 6) -> str:
    """The place that holds what is started or made at a node: a local, an attribute, a list that it is added to."""
    for _ in range(steps):
        use = view.use(index)
        if use.kind == "bound":
            return use.name
        if use.kind == "stored":
            assign = view.nodes[use.node]
            targets = [view.nodes[at] for at in assign.targets] if isinstance(assign, Assign) else []
            if isinstance(assign, Assign) and len(targets) == 1 and isinstance(targets[0], StoreAttr):
                return view.key(assign.targets[0])
            return ""
        if use.kind == "element":
            index = use.node
            continue
        if use.kind == "argument":
            outer = view.call_at(use.node)
            if outer is not None and outer.member in _ADDING and outer.receiver >= 0:
                return view.key(outer.receiver)
        return ""
    return ""
