"""Coroutines that have an event loop to themselves: nobody else waits while they block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.arguments import mentions
from cancelcheck.link.cleanup.unshielded import delivers_again
from cancelcheck.link.paths.conditions import told_at
from cancelcheck.link.paths.exceptions import exception_types, handler_in, protected
from cancelcheck.link.paths.reaching import chain_of
from cancelcheck.link.paths.scopes import scopes_around
from cancelcheck.link.swallowing.cancellation import is_program
from cancelcheck.link.tasks.spawning import spawner_of
from cancelcheck.link.threads.threads import thread_type
from cancelcheck.model.facts import (
    Attr,
    Await,
    Call,
    Const,
    FunctionKind,
    Name,
    Operation,
    RegionKind,
    Yield,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.project import ModuleView

MAX_FUNCTIONS = 300
"""Functions that are looked at for work that a program starts, before it counts as starting some."""

MAX_HOPS = 6
"""Coroutines between a program and one that is only called by it."""

_STARTS = ("serve", "start", "listen", "create_server", "run_forever", "start_server", "start_polling", "gather")
"""Methods that start something that goes on beside, when nothing else is known of them."""


def is_process(view: FunctionView) -> bool:
    """Whether this module gives a function to a process of its own to run: what it holds goes with the process."""
    for user, index in view.module.mentions(view.name, of_method=view.owner is not None):
        use = user.use(index)
        call = user.call_at(use.node) if use.kind == "argument" else None
        if call is None:
            continue
        entry, _ = thread_type(call)
        if entry is not None and entry.process:
            if call.argument(entry.target, entry.target_position) == index and user.definition_of(index) is view:
                return True
    return False


def is_whole_program(view: FunctionView) -> bool:
    """Whether a coroutine function is all that its event loop runs: this module gives its coroutine to a runner
    (`asyncio.run(main())`), or only calls it from such coroutines, and no task, thread or server is started in any."""
    return _alone(view, -1, MAX_HOPS)


def is_cancelled_once(view: FunctionView, index: int) -> bool:
    """Whether nobody but a runner cancels a coroutine while it waits at a node: a second signal ends the run. It is
    only there to be run: a function of a script, a private or a nested one. Not where a scope of its own stands around
    the node, nor where a cancellation is delivered again at each wait."""
    is_own = view.name.startswith("_") or view.is_nested
    if not (is_own or is_script(view.module)) or delivers_again(view) or any(scopes_around(view, index)):
        return False
    return is_program(view)


def is_yet_alone(view: FunctionView, index: int) -> bool:
    """The same of what is started before the program comes to a node."""
    return _alone(view, index, MAX_HOPS)


_SERVES = ("serve", "create_server", "start_server", "start_unix_server", "run_forever", "gather")
"""What a library's functions are called that start something which goes on beside, or let several go on at once."""


def is_script(module: ModuleView) -> bool:
    """Whether a file is made to be run: it asks for its own name, or is a package's `__main__`."""
    if module.name.rpartition(".")[2] == "__main__":
        return True
    if "__name__" not in module.source.text:
        return False
    nodes = module.facts.functions[0].nodes
    asked = [node.operands for node in nodes if type(node) is Operation and node.op == "=="]
    return any(isinstance(part := nodes[at], Name) and part.id == "__name__" for operands in asked for at in operands)


def _only_runs(module: ModuleView) -> bool:
    """Whether a file is a script that runs coroutines, and starts nothing that goes on beside them; looked up once."""
    if module.only_runs is None:
        calls = [call for view in module.functions for call in view.calls] if is_script(module) else []
        catalog = module.project.catalog
        runners = [runner for call in calls if (runner := catalog.runner(call.target)) is not None]
        module.only_runs = any(not runner.thread and runner.work is schema.Work.COROUTINE for runner in runners)
        module.only_runs = module.only_runs and not any(_starts(call) for call in calls)
    return module.only_runs


def _starts(call: CallSite) -> bool:
    """Whether a call is known to start something that goes on beside."""
    catalog = call.fn.module.project.catalog
    runner, scope = catalog.runner(call.target), catalog.scope(call.target)
    if spawner_of(call) is not None or thread_type(call)[0] is not None or (runner is not None and runner.thread):
        return True
    if scope is not None and scope.kind is schema.ScopeKind.TASK_GROUP:
        return True
    return call.callee is None and call.target.rpartition(".")[2] in _SERVES


def is_last(call: CallSite) -> bool:
    """Whether the program is ended on the same way, before the event loop is given away again, or was told to end just
    before."""
    fn = call.fn
    near = set(_tried_in(fn, call.index))
    for other in fn.calls:
        if fn.region_of(other.index) not in near or not chain_of(other, "ends-program", _ends_program, surely=True):
            continue
        first, last = sorted((call.index, other.index))
        if not any(isinstance(node, Await) for node in fn.nodes[first:last]):
            return True
    return False


def is_without_loop(call: CallSite) -> bool:
    """Whether a call stands where its function has found that no event loop runs: a handler of what asks for one, or
    behind a test of what was asked. Nobody who is in one comes there."""
    fn = call.fn
    for region in fn.regions_around(call.index):
        if fn.regions[region].kind is RegionKind.HANDLER and _finds_no_loop(fn, region):
            return True
    return any(
        not outcome and _is_loop(fn, place)
        for clause, told in told_at(fn, call.index)
        for place, outcome in _asked_for(fn, clause, told)
    )


def _finds_no_loop(fn: FunctionView, region: int) -> bool:
    """Whether a handler is run where a loop was asked for, and none runs."""
    handler = handler_in(fn, region)
    caught = handler.excepts(fn).caught
    if caught < 0 or all(leaf.name != "builtins.RuntimeError" for leaf in exception_types(fn, [caught])):
        return False
    tried = protected(fn, handler.statement)
    return any(_asks_for_loop(call) for call in fn.known_calls if fn.is_inside(fn.region_of(call.index), tried))


def _asks_for_loop(call: CallSite) -> bool:
    given = call.fn.module.project.catalog.produces(call.target)
    return given is not None and given.running


def _asked_for(fn: FunctionView, clause: int, outcome: bool) -> Iterator[tuple[int, bool]]:
    """What a condition asks for, and whether it is there: `loop`, `loop is None`."""
    node = fn.nodes[clause]
    if isinstance(node, Operation) and node.op in ("is", "is not"):
        against = fn.nodes[node.operands[1]]
        if isinstance(against, Const) and against.kind == "none":
            yield node.operands[0], outcome is (node.op == "is not")
    else:
        yield clause, outcome


def _is_loop(fn: FunctionView, index: int) -> bool:
    """Whether a value is the loop that runs, or tells of it, and is None or False only where none does."""
    node = fn.nodes[index]
    call = fn.call_at(index)
    if call is not None:
        return _asks_for_loop(call) or (call.callee is not None and _tells_of_loop(call.callee))
    if not isinstance(node, Name) or fn.bindings(node.id).scope is not fn:
        return False
    values = [fn.assigned_value(at) if at >= 0 else None for at in fn.facts.bound[node.id]]
    told = [value for value in values if value is None or not isinstance(fn.nodes[value], Const)]
    return len(told) == 1 and told[0] is not None and _is_loop(fn, told[0])


def _tells_of_loop(view: FunctionView) -> bool:
    """Whether a function asks whether a loop runs, and deals with that none does."""
    return any(
        region.kind is RegionKind.HANDLER and _finds_no_loop(view, index) for index, region in enumerate(view.regions)
    )


def _ends_program(call: CallSite) -> bool:
    entry = call.fn.module.project.catalog.no_return(call.target)
    return entry is not None and (not entry.given or mentions(call, (entry.given,)))


def _tried_in(fn: FunctionView, index: int) -> Iterator[int]:
    """The regions that are gone through whole once a node of them is reached: its own, and those around a `try` or a
    `with` that it is tried in."""
    for region in fn.regions_around(index):
        yield region
        if fn.regions[region].kind not in _GONE_THROUGH:
            return


_GONE_THROUGH = frozenset({RegionKind.TRY, RegionKind.PROTECTED, RegionKind.WITH})


_TOOLS = frozenset({"__main__", "cli", "console", "repl", "scripts", "testing"})
"""Modules and packages of what is started by a person, or by a test, who waits for it."""


_BEGINS = ("bind", "init", "initialize", "launch", "listen", "serve", "set_up", "setup", "start", "startup")
"""What functions are called that make something ready."""


def starts_up(view: FunctionView) -> bool:
    """Whether a function's name says that it makes something ready, which is done once."""
    return _begins_with(view.name.strip("_"), _BEGINS)


def is_of_start(view: FunctionView) -> bool:
    """The same of a private function that only such functions use."""
    if starts_up(view):
        return True
    if not view.name.startswith("_"):
        return False
    users = [user for user, _ in view.module.mentions(view.name, of_method=view.owner is not None) if user is not view]
    return bool(users) and all(map(starts_up, users))


def awaits_start(call: CallSite) -> bool:
    """Whether a call waits for a thread that its function has just started to say that it runs: `ready.wait()` after
    `thread.start()`."""
    fn = call.fn
    if call.member != "wait" or call.receiver < 0 or not _RUNS.search(fn.key(call.receiver)):
        return False
    for earlier in fn.calls:
        if earlier.index >= call.index:
            break
        instance = fn.instance(earlier.receiver) if earlier.member == "start" and earlier.receiver >= 0 else None
        if instance is not None and any(thread_type(origin)[0] is not None for origin in instance.origins):
            return True
    return False


_RUNS = re.compile(r"(?:^|[._])(?:alive|began|begun|is_up|ready|running|started)$")
"""What an event is called that a thread sets when it begins."""


def is_of_tool(module: ModuleView) -> bool:
    """Whether a module is a part of what a person, or a test, starts and waits for, who can end it."""
    return any(part in _TOOLS or part.strip("_") in _TOOLS for part in module.name.lower().split("."))


def may_be_alone(view: FunctionView) -> bool:
    """Whether nobody may wait beside a coroutine while it blocks, as far as what is around it tells: it is a command of
    a tool, or of a script that starts nothing beside, or made for tests; its class is a thread, with a loop of its own,
    or says that it blocks; its module runs coroutines by itself; it is a part of the framework, which knows its
    loop."""
    module = view.module
    parts = module.name.lower().split(".")
    if is_of_tool(module) or module.is_harness or _is_for_tests(view) or module.drives_coroutines or _only_runs(module):
        return True
    if module.project.catalog.framework(parts[0]) is not None or any("blocking" in part for part in parts):
        return True
    classes = [cls.name for cls in view.owner.ancestry[0]] if view.owner is not None else []
    if any("blocking" in name.lower() or name.endswith("Thread") for name in classes):
        return True
    if _is_for_own_loop(view):
        return True
    around = view.parent
    while around is not None:
        if around.has_role("fixture"):
            return True
        around = around.parent
    return view.has_role("fixture")


def _is_for_tests(view: FunctionView) -> bool:
    """Whether a function, its class, or one around it says that it is what tests are run in: `create_test_harness`."""
    around: FunctionView | None = view
    while around is not None:
        if "testharness" in around.name.replace("_", "").lower():
            return True
        around = around.parent
    return False


def _is_before_serving(view: FunctionView, index: int) -> bool:
    """Whether a node is come to before the server serves anybody: its function is the server's lifespan, by its name or
    as whose it is given (`lifespan=`), and the node stands before its `yield`."""
    serves = next((at for at, _ in view.all_of(Yield)), -1)
    return index < serves and view.is_async and ("lifespan" in view.name.lower() or _is_given_as_lifespan(view))


def _is_given_as_lifespan(view: FunctionView) -> bool:
    for user, index in view.module.mentions(view.name, of_method=view.owner is not None):
        call = user.call_at(user.nodes[index].parent)
        if call is not None and call.argument("lifespan") == index:
            return True
    return False


def _makes_loop(view: FunctionView) -> bool:
    """Whether a function makes an event loop."""
    catalog = view.module.project.catalog
    return any(
        (taken := catalog.resource(call.target)) is not None and taken.holds == "event loop" for call in view.calls
    )


def _is_for_own_loop(view: FunctionView) -> bool:
    """Whether a coroutine function is only given to the loop of another thread, by a module that makes such a loop:
    it is there for what blocks. So is one inside a function that makes a loop for it, and starts nothing beside."""
    around = view.parent
    if around is not None and around.facts.kind is FunctionKind.DEF and _makes_loop(around):
        if not any(map(_starts, around.calls)):
            return True
    catalog = view.module.project.catalog
    found = False
    for user, index in view.module.mentions(view.name, of_method=view.owner is not None):
        made = user.call_at(user.nodes[index].parent)
        use = user.use(made.index) if made is not None and made.node.func == index else None
        given = user.call_at(use.node) if use is not None and use.kind == "argument" else None
        spawner = catalog.spawner(given.target) if given is not None else None
        if spawner is None or not spawner.other_loop:
            return False
        found = True
    return found and any(map(_makes_loop, view.module.functions))


def is_busy(module: ModuleView) -> bool:
    """Whether a file starts something that goes on beside its coroutines."""
    return any(_starts(call) for view in module.functions for call in view.calls)


def _alone(view: FunctionView, until: int, hops: int) -> bool:
    kept = view.module.alone
    known = kept.get((view.index, until))
    if known is None:
        kept[view.index, until] = False  # it calls itself
        known = _is_alone(view, until, hops)
        kept[view.index, until] = known
    return known


def _is_alone(view: FunctionView, until: int, hops: int) -> bool:
    if view.facts.kind is not FunctionKind.DEF or not view.is_async or hops <= 0:
        return False
    if until >= 0 and _is_before_serving(view, until):
        return True
    mentioned = False
    for user, index in view.module.mentions(view.name, of_method=view.owner is not None):
        found = user.definition_of(index)
        if found is not view and (view.owner is None or found is not None or user.path_of(index)):
            continue  # another one of that name: `asyncio.run`
        mentioned = True
        if _runner_given(user, index) is not None:
            continue
        call = user.nodes[index].parent
        parent = user.nodes[call] if call >= 0 else None
        is_called = isinstance(parent, Call) and parent.func == index
        if not is_called or user is view or not _alone(user, call if until >= 0 else -1, hops - 1):
            return False
    return mentioned and not _starts_something(view, until)


def _runner_given(user: FunctionView, index: int) -> CallSite | None:
    """The call that runs a whole loop with the function that a node names: `asyncio.run(main())`, `trio.run(main)`;
    also with the coroutine that it was called for before, and with the one task that this was made into."""
    node = user.nodes[index]
    assert isinstance(node, (Name, Attr))
    parent = user.nodes[node.parent] if node.parent >= 0 else None
    is_called = isinstance(parent, Call) and parent.func == index
    return _runner_of(user, node.parent, True, _HANDS) if is_called else _runner_of(user, index, False, 0)


_HANDS = 3
"""Places that a coroutine goes through before a loop is run with it: a local, a task, a local again."""


def _runner_of(user: FunctionView, given: int, is_called: bool, hands: int) -> CallSite | None:
    use = user.use(given)
    if use.kind == "bound" and hands > 0:
        found = (_runner_of(user, at, is_called, hands - 1) for at in user.places_read.get(use.name, ()))
        return next((runner for runner in found if runner is not None), None)
    runner = user.call_at(use.node) if use.kind == "argument" else None
    if runner is None:
        return None
    catalog = user.module.project.catalog
    spawner = catalog.spawner(runner.target)
    handed = runner.positional[spawner.work_position :] if spawner is not None else []
    if spawner is not None and not spawner.thread:
        is_only = all(other is runner or catalog.spawner(other.target) is None for other in user.calls)
        is_task = is_called and is_only and handed[:1] == [given]
        return _runner_of(user, runner.index, True, hands - 1) if is_task and hands > 0 else None
    # a thread may be given the runner, with what it is to run: `pool.submit(asyncio.run, main())`
    target = user.target_of(handed[0]) if given in handed[1:] else runner.target
    entry = catalog.runner(target)
    if entry is None or entry.thread or (entry.work is schema.Work.COROUTINE) is not is_called:
        return None
    return runner


def _begins_with(name: str, words: tuple[str, ...]) -> bool:
    """Whether a name begins with one of these words: `start_polling`, `startServer`, and not `startswith`."""
    return any(name == word or (name.startswith(word) and not name[len(word)].islower()) for word in words)


_JOINS = ("gather",)
"""What a library's functions are called that run several coroutines, and wait for them all."""


def _is_joined(call: CallSite, spawner: schema.Spawner | None, runner: schema.Runner | None) -> bool:
    """Whether what a call starts has ended once the call has been waited for."""
    if spawner is not None:
        return not spawner.has_owner
    if runner is not None:
        return runner.thread
    return call.callee is None and call.target.rpartition(".")[2] in _JOINS


def _starts_something(view: FunctionView, until: int) -> bool:
    """Whether a function, or a function of the project that it calls, starts something that goes on beside it, before
    it comes to a node (-1: ever); what stands behind that counts where a loop leads back."""
    catalog = view.module.project.catalog
    seen = {view}
    pending = [view]
    loops = set(view.loops_around(until)) if until >= 0 else set()
    while pending:
        current = pending.pop()
        for call in current.calls:
            if current is view and 0 <= until < call.index and loops.isdisjoint(view.loops_around(call.index)):
                continue
            spawner = spawner_of(call)
            runner = catalog.runner(call.target)
            if until >= 0 and call.is_waited_on and _is_joined(call, spawner, runner):
                continue  # what it runs has ended before the program comes further
            if spawner is not None:
                return True
            scope = catalog.scope(call.target)
            if (runner is not None and runner.thread) or (
                scope is not None and scope.kind is schema.ScopeKind.TASK_GROUP
            ):
                return True
            callee = call.callee
            name = call.target.rpartition(".")[2] or call.member
            if callee is None and _begins_with(name, _SERVES if catalog.has(call.target) else _STARTS):
                return True
            if callee is not None and callee not in seen:
                seen.add(callee)
                pending.append(callee)
                if len(seen) > MAX_FUNCTIONS:
                    return True
    return False
