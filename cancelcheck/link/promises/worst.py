"""The most that a function can wait for, with the functions that it calls and waits for.

What a call costs is what its function costs with what it is given, its decorators included; what an await costs is what
is awaited. The longest way through one function is another module's (`along.py`).

Answers are kept for each function and what is known in it. One that was cut because a function calls itself is not: it
depends on where the question began.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.promises.along import Walk
from cancelcheck.link.promises.attempts import bare_policy, policy_of
from cancelcheck.link.promises.calls import may_wait
from cancelcheck.link.promises.completing import completed, named, shifted
from cancelcheck.link.promises.costs import (
    behind,
    capped,
    of_library,
    repeated,
    soonest,
    unknown,
)
from cancelcheck.link.promises.known import (
    NOTHING,
    Func,
    Known,
    Later,
    function_of,
    given_to,
    known_at_entry,
    thing_of,
    truth_of,
)
from cancelcheck.link.promises.lasting import Limit, lasting, limit_from
from cancelcheck.link.promises.sums import (
    ZERO,
    Hop,
    Sum,
    Trail,
    awaited,
    blocked,
    longest,
    of_unknown_end,
)
from cancelcheck.link.promises.way import Beside, rest_of
from cancelcheck.link.promises.wrapping import wrapper_of
from cancelcheck.model.facts import (
    Attr,
    Call,
    Comprehension,
    Display,
    FunctionKind,
    Name,
    Operation,
    Return,
    Starred,
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
            call, known = completed(call, known, *func.partial)
        given = given_to(call, func.view, known, func.known)
        if func.bound is not None and any(arg.star for arg in call.node.args):
            given = func.bound
        found = self.called(func, (call, known), given, within)
        return behind(found, Hop(call.fn, call.index, named(call, func)))

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
            return Sum(open=of_unknown_end(trail, blocks=not view.is_async))
        outer_cut = project.cut_at
        project.cut_at = depth
        project.under_way.append(key)
        try:
            found = Walk(self, view, known, within).result()
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
            return longest([rest_of(view, pending, now) for pending in beside[place]])
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
            case Operation(op="if"):
                outcome = truth_of(view, node.operands[0], known)
                parts = node.operands[1:] if outcome is None else [node.operands[1 if outcome else 2]]
                return longest([self.awaitable(view, part, known, within, beside, now) for part in parts])
            case Operation(op="or" | "and"):
                # what stands before the last part of an `and` is not awaited: it is false
                parts = node.operands if node.op == "or" else node.operands[-1:]
                return longest([self.awaitable(view, part, known, within, beside, now) for part in parts])
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
            wrapped = call.seen_argument("", scope.wraps)
            if wrapped is None:
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
            early = call.seen_argument(waiter.early) if waiter.early else None
            first = early is not None and view.path_of(early).endswith(waiter.early_values[:1])

            def waited(left: float) -> Sum:
                if first:
                    return soonest([each for at in given for each in self._each(view, at, known, left, beside, now)])
                return longest([inner(at, left) for at in given])

            return capped(waited, limit, view, index, within)
        spawner = catalog.spawner(target)
        if spawner is not None:
            work = call.seen_argument(spawner.work_keyword, spawner.work_position)
            if work is None or spawner.ready:
                return unknown(view, index, "what it runs is not resolved")
            if spawner.work is schema.Work.COROUTINE:
                return inner(work)
            return self.handed(call, work, known)
        runner = catalog.runner(target)
        if runner is not None and runner.thread:
            work = call.seen_argument(runner.work_keyword, runner.work_position)
            done = self.handed(call, work, known) if work is not None else None
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
            return [rest_of(view, pending, now) for pending in beside[place]]
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
        return awaited(self.call(func, shifted(call, work), known, math.inf))

    def _library_work(self, call: CallSite, work: int, known: Known) -> Sum | None:
        """The same of a function of a library: `to_thread(requests.get, url, timeout=2)`."""
        if self.catalog.api(call.fn.target_of(work)) is None:
            return None
        made = shifted(call, work)
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
