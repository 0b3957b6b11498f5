"""The most that a function can wait for: the longest way through it, with the functions that it calls and waits for.

A function's graph is walked with what is known of its locals, so that a loop with a constant bound is gone through turn
by turn, and a test that is known goes one way. Each place on the way keeps the longest time that led there, and what
bounds it: the scopes that are open, and the tasks that run beside. Where two ways meet, the longer one goes on.

- An await costs what is awaited. A scope around it ends it: what is left of its time is all that it costs. A blocking
  call is not ended by anything.
- What runs side by side costs its longest part: `gather`, a task group at its end, a task that is awaited later.
- A call that fails does so at the end of its time, and a handler, a next turn or a retry goes on from there.
- What has no end, or none that is known, adds nothing to the sum, and is kept beside it (`sums.Open`).

Answers are kept for each function and what is known in it. One that was cut because a function calls itself is not: it
depends on where the question began.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.reaching import is_run_through
from cancelcheck.link.paths.scopes import Held, held_by_manager, is_disarmed, scope_of
from cancelcheck.link.promises.attempts import Course, bare_policy, policy_of
from cancelcheck.link.promises.calls import may_wait
from cancelcheck.link.promises.costs import (
    behind,
    capped,
    ended,
    has_blocking,
    of_library,
    overrun,
    repeated,
    said,
    soonest,
    unknown,
)
from cancelcheck.link.promises.known import (
    NOTHING,
    Func,
    Known,
    Later,
    Limit,
    Turns,
    function_of,
    given_to,
    known_at_entry,
    thing_of,
    turns_of,
)
from cancelcheck.link.promises.lasting import lasting, limit_from, shown
from cancelcheck.link.promises.sums import (
    CLOSED,
    ZERO,
    Hop,
    Line,
    Open,
    Sum,
    Trail,
    awaited,
    blocked,
    longest,
    one_line,
)
from cancelcheck.link.promises.walking import Onward, State, Ways, may_go_on, ways_through
from cancelcheck.link.promises.wrapping import wrapper_of
from cancelcheck.link.threads.outlasting import endless_loops
from cancelcheck.link.timeouts.retrying import endless_retries
from cancelcheck.model.facts import (
    Arg,
    Assign,
    Attr,
    Await,
    BlockEnd,
    Call,
    Comprehension,
    Display,
    Enter,
    Exit,
    FunctionKind,
    Iterate,
    Name,
    Operation,
    Raise,
    RegionKind,
    Return,
    Starred,
    Store,
    StoreAttr,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.project import Project
    from cancelcheck.link.promises.sla import Promise

MAX_DEPTH = 24
"""Functions, one called by another, that are followed."""

MAX_AGAIN = 8
"""Calls of a function inside itself, each with something else that is known, that are followed."""

MAX_RETURNED = 6
"""Functions that hand on an awaitable one to another."""


def worst_of(view: FunctionView, layer: int = 0) -> Sum:
    """The most that a function can wait for, when somebody calls it who is not seen. `layer`: without so many of its
    decorators, the outermost first."""
    return Reckoner(view.module.project).called(Func(view, NOTHING, layer), None, known_at_entry(view), math.inf)


def worst_of_body(view: FunctionView) -> Sum:
    """The most that running a module waits for."""
    return Reckoner(view.module.project).body(view, NOTHING, math.inf)


def worst_of_promise(view: FunctionView, promise: Promise) -> Sum:
    """The most that an SLA function can wait for: with its marker, which may be one that ends it, and what that one is
    put around. What is put around the marker calls a function that has made its promise."""
    layer = next((at for at, (_, node) in enumerate(view.decorators) if node == promise.marker), 0)
    return worst_of(view, layer)


class Pending(NamedTuple):
    """Something that runs beside, or is yet to be awaited. `until` is when it is over where it has begun; else it is
    infinite, and it begins where it is awaited."""

    until: float
    sum: Sum
    node: int
    text: str


Beside = Mapping[str, tuple[Pending, ...]]
"""What runs beside, by the place that holds it, or the `with` that waits for it."""


class Bound(NamedTuple):
    """A scope that is open: it ends awaits at `until`, infinite where it does not, and with `doubtful` perhaps
    sooner. `shields`: those around it do not count."""

    enter: int
    until: float
    why: str
    doubtful: bool = False
    shields: bool = False


class Link(NamedTuple):
    """The lines of a way, the last one first."""

    before: Link | None
    line: Line


class Mark(NamedTuple):
    """When the first turn of a loop began, and the last one, and the lines before it."""

    first: float
    last: float
    lines: Link | None


class Way(NamedTuple):
    """The longest way to a state: the time passed, its lines, the scopes that are open, what runs beside."""

    passed: float = 0.0
    lines: Link | None = None
    bounds: tuple[Bound, ...] = ()
    beside: Beside = MappingProxyType({})
    marks: Mapping[int, Mark] = MappingProxyType({})


class Reckoner:
    """Works out sums, each once. Those that are under way stand in `project.under_way`."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.catalog = project.catalog
        self._handing_on: list[FunctionView] = []

    # --- functions

    def call(self, func: Func, call: CallSite, known: Known, within: float) -> Sum:
        """What a call costs that runs a function, where awaits end after `within` seconds. `known` is what is known
        where the call stands."""
        if func.partial is not None:
            call, known = _completed(call, known, *func.partial)
        given = given_to(call, func.view, known, func.known)
        if func.bound is not None and any(arg.star for arg in call.node.args):
            given = func.bound
        found = self.called(func, (call, known), given, within)
        return behind(found, Hop(call.fn, call.index, _named(call, func)))

    def called(self, func: Func, made: tuple[CallSite, Known] | None, given: Known, within: float) -> Sum:
        """What a function costs with what it is `given`, its decorators included. `made` is the call, and what is known
        there; None where it is not seen."""
        view = func.view
        parent = view.parent
        for layer in range(func.layer, len(view.decorators) if parent is not None else 0):
            name, index = view.decorators[layer]
            assert parent is not None
            decorator = parent.call_at(index)
            entry = self.catalog.retry(name)
            if entry is not None:
                course = bare_policy(entry) if decorator is None else policy_of(decorator, entry, NOTHING)
                if course is None:
                    continue
                inner = self.called(func._replace(layer=layer + 1), made, given, math.inf)
                return repeated(inner, course, parent, index, blocks=not view.is_async)
            wrapper = wrapper_of(view, layer)
            if wrapper is not None:
                inside = Func(view, func.known, layer + 1, bound=given)
                around = Known({**wrapper.known.held, wrapper.param: inside})
                if made is not None:
                    around = given_to(made[0], wrapper.view, made[1], around)
                return self.body(wrapper.view, around, within)
            if decorator is not None and _may_bound(name or parent.key(decorator.node.func)):
                inner = self.called(func._replace(layer=layer + 1), made, given, within)
                return inner._replace(open=inner.open.doubted())
        return self.body(view, given, within)

    def body(self, view: FunctionView, known: Known, within: float) -> Sum:
        """What the body of a function costs; looked up once."""
        if not known.depth and not may_wait(view):
            return ZERO
        project = self.project
        key = (view.module.source.path, view.index, known.key, round(within, 6))
        kept = view.module.worst.get(key)
        if kept is not None:
            return kept
        kept = project.passing.get(key)
        if kept is not None:
            return kept
        depth = len(project.under_way)
        again = [at for at, other in enumerate(project.under_way) if other[:2] == key[:2]]
        if key in project.under_way or len(again) >= MAX_AGAIN or depth >= MAX_DEPTH:
            # what is found with this on the way depends on where the question began
            project.cut_at = min(project.cut_at, project.under_way.index(key) if key in project.under_way else 0)
            why = "it calls itself" if again else "too many calls, one inside another"
            hop = Hop(view, -1, view.name)
            trail = Trail((hop,), why)
            return Sum(open=Open(unknown=trail) if view.is_async else Open(unknown_blocking=trail))
        outer_cut = project.cut_at
        project.cut_at = depth
        project.under_way.append(key)
        try:
            found = _Walk(self, view, known, within).result()
        finally:
            project.under_way.pop()
            mine = project.cut_at
            project.cut_at = min(outer_cut, mine)
        if mine >= depth:
            view.module.worst[key] = found
        else:
            project.passing[key] = found
        if depth == 0:
            project.passing.clear()
            project.cut_at = 0
        return found

    # --- what is awaited

    def awaitable(self, view: FunctionView, index: int, known: Known, within: float, beside: Beside, now: float) -> Sum:
        """What awaiting the value of a node costs."""
        node = view.nodes[index]
        place = view.key(index) if isinstance(node, (Name, Attr)) else ""
        if place in beside:
            return longest([_rest(view, pending, now) for pending in beside[place]])
        match node:
            case Name():
                thing = known.held.get(node.id)
                if isinstance(thing, Later):
                    return self.awaitable(thing.view, thing.node, thing.known, within, {}, 0.0)
            case Call():
                return self._called_awaitable(view, index, known, within, beside, now)
            case Starred():
                return self.awaitable(view, node.value, known, within, beside, now)
            case Display():
                return longest([self.awaitable(view, item, known, within, beside, now) for item in node.items])
            case Comprehension():
                return longest([self.awaitable(view, item, known, within, beside, now) for item in node.elements])
            case Operation(op="if" | "or" | "and"):
                parts = node.operands[1:] if node.op == "if" else node.operands
                return longest([self.awaitable(view, part, known, within, beside, now) for part in parts])
            case Await():
                return ZERO
        return unknown(view, index, "what is awaited is not resolved")

    def _called_awaitable(
        self, view: FunctionView, index: int, known: Known, within: float, beside: Beside, now: float
    ) -> Sum:
        call = view.call_at(index)
        assert call is not None
        target = call.target
        catalog = self.catalog

        def inner(at: int, left: float = within) -> Sum:
            return self.awaitable(view, at, known, left, beside, now)

        scope = catalog.scope(target)
        if scope is not None and scope.entering is schema.Entering.AWAIT:
            wrapped = call.argument("", scope.wraps)
            if wrapped is None or wrapped < 0:
                return unknown(view, index, "what is awaited is not resolved")
            if scope.kind is not schema.ScopeKind.TIMEOUT:
                return inner(wrapped, math.inf)
            limit = self.limit_of(scope, call, known)
            return capped(lambda left: inner(wrapped, left), limit, view, index, within)
        waiter = catalog.waiter(target)
        if waiter is not None:
            given = call.positional if waiter.many else call.positional[:1]
            given = [*given, *(arg.value for arg in call.node.args if arg.star == 1)]
            timeout = call.argument(waiter.timeout, waiter.timeout_position) if waiter.timeout else None
            limit = Limit(math.inf, "")
            if timeout is not None:
                thing = thing_of(view, timeout, known) if timeout >= 0 else None
                limit = limit_from(thing, schema.Unit.SECONDS, (schema.Value.NONE,)) if thing else Limit(None, "")
            early = call.argument(waiter.early) if waiter.early else None
            first = early is not None and early >= 0 and view.path_of(early).endswith(waiter.early_values[:1])

            def waited(left: float) -> Sum:
                if first:
                    return soonest([each for at in given for each in self._each(view, at, known, left, beside, now)])
                return longest([inner(at, left) for at in given])

            return capped(waited, limit, view, index, within)
        spawner = catalog.spawner(target)
        if spawner is not None:
            work = call.argument(spawner.work_keyword, spawner.work_position)
            if work is None or work < 0 or spawner.ready:
                return unknown(view, index, "what it runs is not resolved")
            if spawner.work is schema.Work.COROUTINE:
                return inner(work)
            return self.handed(call, work, known)
        runner = catalog.runner(target)
        if runner is not None and runner.thread:
            work = call.argument(runner.work_keyword, runner.work_position)
            done = self.handed(call, work, known) if work is not None and work >= 0 else None
            if done is None:
                return unknown(view, index, "what it runs is not resolved")
            return blocked(done) if runner.waits and not _gives_up(call, runner) else done
        found = lasting(call, known)
        if found is not None:
            return of_library(call, found, blocks=False)
        func = self.callee(call, known)
        if func is not None:
            if func.view.is_async:
                return self.call(func, call, known, within)
            returned = self._returned(func.view, given_to(call, func.view, known, func.known), within)
            return behind(returned, Hop(view, index, call.text))
        if catalog.api(target) is not None or catalog.is_coroutine(target) or catalog.immediate(target) is not None:
            return ZERO
        defined = call.callee
        if defined is not None and (defined.facts.is_stub or defined.has_role("abstract")):
            return unknown(view, index, "which of its overrides is awaited is not known")
        return unknown(view, index, "what is awaited is not resolved")

    def _each(
        self, view: FunctionView, index: int, known: Known, within: float, beside: Beside, now: float
    ) -> list[Sum]:
        """What each of several awaitables costs that a node holds."""
        node = view.nodes[index]
        place = view.key(index) if isinstance(node, (Name, Attr)) else ""
        if place in beside:
            return [_rest(view, pending, now) for pending in beside[place]]
        if isinstance(node, Display):
            return [self.awaitable(view, item, known, within, beside, now) for item in node.items]
        return [self.awaitable(view, index, known, within, beside, now)]

    def _returned(self, view: FunctionView, known: Known, within: float) -> Sum:
        """What the awaitable costs that a function returns."""
        returns = [node.value for node in view.nodes if isinstance(node, Return) and node.value >= 0]
        ends = view in self._handing_on or len(self._handing_on) >= MAX_RETURNED
        if ends or not returns or view.facts.is_generator:
            return unknown(view, -1, "what it returns is not resolved")
        self._handing_on.append(view)
        try:
            return longest([self.awaitable(view, at, known, within, {}, 0.0) for at in returns])
        finally:
            self._handing_on.pop()

    def handed(self, call: CallSite, work: int, known: Known) -> Sum:
        """What a function costs that is handed to a thread, or to a task group, and waited for."""
        func = function_of(call.fn, work, known)
        if func is None:
            found = self._library_work(call, work, known)
            return found if found is not None else unknown(call.fn, call.index, "what it runs is not resolved")
        return awaited(self.call(func, _shifted(call, work), known, math.inf))

    def _library_work(self, call: CallSite, work: int, known: Known) -> Sum | None:
        """The same of a function of a library: `to_thread(requests.get, url, timeout=2)`."""
        if self.catalog.api(call.fn.target_of(work)) is None:
            return None
        made = _shifted(call, work)
        found = lasting(made, known, handed=True)
        return awaited(of_library(made, found, blocks=True)) if found is not None else ZERO

    def callee(self, call: CallSite, known: Known) -> Func | None:
        """The project's function that a call runs; None where that is not sure."""
        func = function_of(call.fn, call.node.func, known)
        if func is None:
            found = call.callee
            if found is not None and found.facts.kind is FunctionKind.CLASS:
                found = found.inherited("__init__")
            # else the `__call__` of an instance
            func = Func(found, NOTHING) if found is not None and found.facts.kind is FunctionKind.DEF else None
        if func is None or func.view.facts.is_stub or func.view.has_role("abstract"):
            return None
        if sum(not view.has_role("overload") for view in func.view.alternatives) != 1:
            return None
        return func

    def limit_of(self, scope: schema.Scope, call: CallSite, known: Known) -> Limit:
        """How long a scope leaves what is in it."""
        argument = call.argument(scope.timeout, scope.timeout_position)
        if argument is None:
            return Limit(math.inf, "")
        if argument < 0:
            return Limit(None, "")
        view = call.fn
        node = view.nodes[argument]
        if scope.clock is not schema.Clock.RELATIVE:
            # `loop.time() + 5`
            if not isinstance(node, Operation) or node.op != "+":
                return Limit(None, "")
            clock = view.call_at(node.operands[0])
            if clock is None or self.catalog.clock(clock.target) is None:
                return Limit(None, "")
            argument = node.operands[1]
        return limit_from(thing_of(view, argument, known), schema.Unit.SECONDS, scope.forever)


# --- one function ----------------------------------------------------------------------------------------------------


class _Walk:
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
            for target in onward.next:
                if place[target] > index:
                    _offer(at, target, self._at_edge(way, state, target, ways))
            for target in onward.errors:
                before = raised.get(target.known)
                if before is not None and place[target] > index:
                    _offer(at, target, before)
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
            return Turns(int(course.attempts), ()) if course.attempts is not None and course.attempts < 1e6 else None
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
                    way = self._awaits(way, index, node.value, known)
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

    def _awaits(self, way: Way, index: int, value: int, known: Known) -> Way:
        return self._waits(
            way,
            index,
            lambda left: self.reckoner.awaitable(self.view, value, known, left, way.beside, way.passed),
            value,
        )

    def _waits(self, way: Way, index: int, cost: Callable[[float], Sum], told: int) -> Way:
        """The way after an await: what it costs, as far as the scopes that are open leave it."""
        left, why, doubtful = _left(way)
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
                text = f"{_named(call, func)}(…)"
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
                way = _besides(way, view.key(call.receiver), pending)
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
                return _besides(way, place, Pending(math.inf, cost, index, call.text))
        return way

    def _runs(self, way: Way, call: CallSite, runner: schema.Runner, known: Known) -> Way:
        """A call that comes back when what it runs has ended, and blocks until then (`asyncio.run`)."""
        if runner.thread or call.is_awaited:
            return way
        work = call.argument(runner.work_keyword, runner.work_position)
        if work is None or work < 0:
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
        one = self.reckoner.call(func, _shifted(call, call.positional[0]), known, math.inf)
        return repeated(one, course, view, call.index, blocks=True)

    def _starts(self, way: Way, call: CallSite, spawner: schema.Spawner, known: Known) -> Way:
        """Work that goes on beside."""
        view = self.view
        work = call.argument(spawner.work_keyword, spawner.work_position)
        if work is None or work < 0 or call.is_awaited or self.reckoner.catalog.waiter(call.target) is not None:
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
                way = _besides(way, name, pending)
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
        if node.is_async:
            if call is not None:
                api = reckoner.catalog.api(call.target)
                func = reckoner.callee(call, known)
                if api is not None or (func is not None and func.view.is_async):
                    way = self._waits(
                        way,
                        index,
                        lambda left: reckoner.awaitable(view, node.context, known, left, way.beside, way.passed),
                        node.context,
                    )
            way = self._special(way, index, node, "__aenter__")
        else:
            way = self._special(way, index, node, "__enter__")
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
            return self._waits(way, index, cost, node.context)
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
            if is_disarmed(view, held):
                limit = Limit(None, "")
        until = way.passed + limit.seconds if limit.seconds is not None else math.inf
        doubtful = limit.seconds is None or (scope.kind is schema.ScopeKind.CANCEL and math.isinf(until))
        why = (
            f"ended by `{call.text}({shown(limit.seconds)})` of line {call.fn.line(call.index)}"
            if (limit.seconds is not None and not math.isinf(limit.seconds))
            else ""
        )
        shield = call.argument("shield")
        shields = shield is not None and shield >= 0 and bool(getattr(view.nodes[shield], "value", False))
        return way._replace(bounds=(*way.bounds, Bound(index, until, why, doubtful, shields)))

    def _exits(self, way: Way, node: Exit, known: Known) -> Way:
        view = self.view
        enter = view.nodes[node.enter]
        assert isinstance(enter, Enter)
        name = f"with {node.enter}"
        if name in way.beside:
            waited = way.beside[name]
            is_async = node.is_async

            def rest(_: float) -> Sum:
                return longest([_rest(view, pending, way.passed) for pending in waited])

            if is_async:
                way = self._waits(way, node.enter, rest, enter.context)
            else:
                way = self._spends(way, blocked(rest(math.inf)), enter.context)
            way = way._replace(beside={key: value for key, value in way.beside.items() if key != name})
        way = self._special(way, node.enter, enter, "__aexit__" if node.is_async else "__exit__")
        return way._replace(bounds=tuple(bound for bound in way.bounds if bound.enter != node.enter))

    # --- loops

    def _iterates(self, way: Way, index: int, node: Iterate, state: State, known: Known, ways: Ways) -> Way:
        view = self.view
        loop = ways.headers.get(index, -1)
        begun = state.round_of(loop)
        call = view.call_at(node.iterable)
        course = self._course(index, known)
        if begun is None:
            if call is not None and self.reckoner.catalog.waiter(call.target) is not None:
                way = self._awaits(way, index, node.iterable, known)
                target = view.nodes[node.target]
                if isinstance(target, Store):
                    done = Pending(way.passed, ZERO, index, view.text(node.iterable))
                    way = way._replace(beside={**way.beside, target.id: (done,)})
            elif node.is_async and course is None:
                way = self._awaits_iterable(way, index, node, known)
        return way

    def _awaits_iterable(self, way: Way, index: int, node: Iterate, known: Known) -> Way:
        call = self.view.call_at(node.iterable)
        func = self.reckoner.callee(call, known) if call is not None else None
        if func is not None and func.view.is_async and func.view.facts.is_generator:
            return self._awaits(way, index, node.iterable, known)
        catalog = self.reckoner.catalog
        seen = call is not None and (catalog.api(call.target) is not None or catalog.is_coroutine(call.target))
        if func is None and not seen:
            found = unknown(self.view, node.iterable, "what it goes over is not resolved")
            return self._waits(way, index, lambda _: found, node.iterable)
        return self._awaits(way, index, node.iterable, known)

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
        if course is not None and before is not None:
            way = self._delays(way, course, before.begun, header)
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
            return self._after_attempts(way, mark, course, before.begun, header)
        if before.number is not None and before.number > before.begun:
            more = before.number - before.begun
            each = way.passed - mark.last
            if each > 0:
                blocks = self._blocked_since(way, mark)
                text = f"{more} more turns"
                line = Line(view, header, text, round(more * each, 6), f"{shown(each)} each", blocks)
                return self._spends(way, one_line(line), header)
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
        if is_endless:
            opened = Open(blocking=trail) if blocks else Open(forever=trail)
        else:
            opened = Open(unknown_blocking=trail) if blocks else Open(unknown=trail)
        found = Sum(open=opened, blocks=blocks)
        if blocks:
            return self._spends(way, found, header)
        return self._waits(way, header, lambda _: found, header)

    def _delays(self, way: Way, course: Course, number: int, header: int) -> Way:
        view = self.view
        delay = course.delay(number)
        node = view.nodes[header]
        blocks = not (isinstance(node, Iterate) and node.is_async)
        if delay is None:
            found = unknown(view, header, "how long it waits in between is not known", blocks=blocks)
        else:
            found = (
                one_line(Line(view, header, f"delay {number}", delay, "between attempts", blocks)) if delay else ZERO
            )
        return self._spends(way, found, header) if blocks else self._waits(way, header, lambda _: found, header)

    def _after_attempts(self, way: Way, mark: Mark, course: Course, begun: int, header: int) -> Way:
        """A policy's loop is left: its time may have ended it sooner, or its end is not known."""
        view = self.view
        node = view.nodes[header]
        blocks = not (isinstance(node, Iterate) and node.is_async)
        passed = way.passed - mark.first
        if course.is_endless or not course.is_known:
            if passed <= 0 and not course.is_endless:
                return way
            why = "it tries again without an end" if course.is_endless else "how often it tries again is not known"
            trail = Trail((Hop(view, header, view.text(header)),), why)
            if course.is_endless:
                opened = Open(blocking=trail) if blocks else Open(forever=trail)
            else:
                opened = Open(unknown_blocking=trail) if blocks else Open(unknown=trail)
            found = Sum(open=opened, blocks=blocks)
            return self._spends(way, found, header) if blocks else self._waits(way, header, lambda _: found, header)
        assert course.seconds is not None
        assert course.attempts is not None
        if math.isinf(course.seconds):
            return way
        one = way.passed - mark.last
        most = overrun(course, one)
        if most is None or (passed <= most and not math.isinf(course.attempts)):
            return way
        line = Line(view, header, view.text(header), round(most, 6), said(course, one), blocks)
        return way._replace(passed=round(mark.first + most, 6), lines=Link(mark.lines, line))


# --- the parts -------------------------------------------------------------------------------------------------------


def _named(call: CallSite, func: Func) -> str:
    """A call as it is written, with the function that it runs where that has another name."""
    name = func.view.name
    if not name or name == call.member or name.startswith("__") or func.view.owner is not None:
        return call.text
    return f"{call.text} → {name}"


def _may_bound(name: str) -> bool:
    """Whether a decorator says by its name that it ends what it is on."""
    return any(word in name.lower() for word in ("timeout", "deadline"))


def _gives_up(call: CallSite, runner: schema.Runner) -> bool:
    """Whether a cancelled wait leaves the thread behind."""
    for keyword in runner.abandon:
        argument = call.argument(keyword)
        if argument is not None and (argument < 0 or bool(getattr(call.fn.nodes[argument], "value", True))):
            return True
    return False


def _shifted(call: CallSite, work: int) -> CallSite:
    """The call that is made of a function that is handed over with its arguments behind it."""
    at = next((place for place, arg in enumerate(call.node.args) if arg.value == work), 0)
    node = call.node
    rest = node.args[at + 1 :] if not node.args or not node.args[at].keyword else []
    return type(call)(call.fn, call.index, Call(node.start, node.end, node.parent, work, list(rest), node.close))


def _completed(call: CallSite, known: Known, made: CallSite, at: Known) -> tuple[CallSite, Known]:
    """A call of a partial with the arguments that this one was made with, and what is known where these stand. Those of
    a call in another function do not count."""
    before = made.node.args[1:]
    if made.fn is not call.fn:
        return _with_args(made, before), at
    taken = {arg.keyword for arg in call.node.args if arg.keyword}
    kept = [arg for arg in before if not arg.keyword or arg.keyword not in taken]
    return _with_args(call, [*kept, *call.node.args]), known


def _with_args(call: CallSite, args: list[Arg]) -> CallSite:
    node = call.node
    return type(call)(call.fn, call.index, Call(node.start, node.end, node.parent, node.func, args, node.close))


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


def _besides(way: Way, name: str, pending: Pending) -> Way:
    held = tuple(other for other in way.beside.get(name, ()) if other.node != pending.node)
    return way._replace(beside={**way.beside, name: (*held, pending)})


def _rest(view: FunctionView, pending: Pending, now: float) -> Sum:
    """What is left of something that runs beside."""
    if math.isinf(pending.until):
        return pending.sum
    left = round(pending.until - now, 6)
    if left <= 0:
        return Sum(open=pending.sum.open)
    if left >= pending.sum.seconds:
        return pending.sum._replace(open=pending.sum.open.awaited(), blocks=False, lines=awaited(pending.sum).lines)
    line = Line(view, pending.node, f"{pending.text}(…)", left, "the rest of it")
    return Sum(left, (line,), pending.sum.open.awaited())


def _offer(at: dict[State, Way], state: State, way: Way) -> None:
    """Of two ways to a state the longer one is kept, with all that runs beside on either."""
    known = at.get(state)
    if known is None:
        at[state] = way
        return
    best, other = (way, known) if way.passed > known.passed else (known, way)
    if other.beside and other.beside != best.beside:
        merged = dict(best.beside)
        for name, pendings in other.beside.items():
            mine = {pending.node: pending for pending in merged.get(name, ())}
            for pending in pendings:
                if pending.node not in mine or pending.until > mine[pending.node].until:
                    mine[pending.node] = pending
            merged[name] = tuple(mine[node] for node in sorted(mine))
        best = best._replace(beside=merged)
    at[state] = best


def _left(way: Way) -> tuple[float, str, bool]:
    """How long awaits have left, what ends them then, and whether something may end them sooner."""
    left, why, doubtful = math.inf, "", False
    for bound in reversed(way.bounds):
        remaining = max(0.0, bound.until - way.passed)
        if remaining < left:
            left, why = remaining, bound.why
        doubtful |= bound.doubtful
        if bound.shields:
            break
    return left, why, doubtful
