"""Coroutines that have an event loop to themselves: nobody else waits while they block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.arguments import mentions
from cancelcheck.link.tasks.spawning import spawner_of
from cancelcheck.link.threads.threads import thread_type
from cancelcheck.model.facts import Attr, Await, Call, FunctionKind, Name, Operation

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
        entry, _ = thread_type(call) if call is not None else (None, None)
        if call is not None and entry is not None and entry.process:
            if call.argument(entry.target, entry.target_position) == index and user.definition_of(index) is view:
                return True
    return False


def is_whole_program(view: FunctionView) -> bool:
    """Whether a coroutine function is all that its event loop runs: this module gives its coroutine to a runner
    (`asyncio.run(main())`), or only calls it from such coroutines, and no task, thread or server is started in any."""
    return _alone(view, MAX_HOPS)


_SERVES = ("serve", "create_server", "start_server", "start_unix_server", "run_forever", "gather")
"""What a library's functions are called that start something which goes on beside, or let several go on at once."""


def is_script(module: ModuleView) -> bool:
    """Whether a file is made to be run: it asks for its own name, or is a package's `__main__`."""
    if module.name.rpartition(".")[2] == "__main__":
        return True
    body = module.body
    return "__name__" in module.source.text and any(
        isinstance(node, Operation)
        and node.op == "=="
        and any(isinstance(part := body.nodes[at], Name) and part.id == "__name__" for at in node.operands)
        for node in body.nodes
    )


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
    region = fn.region_of(call.index)
    for other in fn.calls:
        entry = fn.module.project.catalog.no_return(other.target)
        if entry is None or fn.region_of(other.index) != region:
            continue
        if entry.given and not mentions(other, (entry.given,)):
            continue
        first, last = sorted((call.index, other.index))
        if not any(isinstance(node, Await) for node in fn.nodes[first:last]):
            return True
    return False


_TOOLS = frozenset({"__main__", "cli", "console", "testing"})
"""Modules and packages of what is started by a person, or by a test, who waits for it."""


def may_be_alone(view: FunctionView) -> bool:
    """Whether nobody may wait beside a coroutine while it blocks, as far as what is around it tells: it is a command of
    a tool, or of a script that starts nothing beside, or made for tests; its class is a thread, with a loop of its own,
    or says that it blocks; its module runs coroutines by itself; it is a part of the framework, which knows its
    loop."""
    module = view.module
    parts = module.name.lower().split(".")
    if not _TOOLS.isdisjoint(parts) or module.drives_coroutines or _only_runs(module):
        return True
    if module.project.catalog.framework(parts[0]) is not None or any("blocking" in part for part in parts):
        return True
    classes = [cls.name for cls in view.owner.ancestry[0]] if view.owner is not None else []
    if any("blocking" in name.lower() or name.endswith("Thread") for name in classes):
        return True
    around = view.parent
    while around is not None:
        if around.has_role("fixture"):
            return True
        around = around.parent
    return view.has_role("fixture")


def _alone(view: FunctionView, hops: int) -> bool:
    kept = view.module.alone
    known = kept.get(view.index)
    if known is None:
        kept[view.index] = False  # it calls itself
        known = _is_alone(view, hops)
        kept[view.index] = known
    return known


def _is_alone(view: FunctionView, hops: int) -> bool:
    if view.facts.kind is not FunctionKind.DEF or not view.is_async or hops <= 0:
        return False
    mentioned = False
    for user, index in view.module.mentions(view.name, of_method=view.owner is not None):
        if view.owner is None and user.definition_of(index) is not view:
            continue
        mentioned = True
        runner = _runner_given(user, index)
        if runner is not None:
            if _starts_something(view):
                return False
            continue
        parent = user.nodes[user.nodes[index].parent] if user.nodes[index].parent >= 0 else None
        is_called = isinstance(parent, Call) and parent.func == index
        if not is_called or user is view or not user.is_async or not _alone(user, hops - 1):
            return False
    return mentioned


def _runner_given(user: FunctionView, index: int) -> CallSite | None:
    """The call that runs a whole loop with the function that a node names: `asyncio.run(main())`, `trio.run(main)`."""
    node = user.nodes[index]
    assert isinstance(node, (Name, Attr))
    parent = user.nodes[node.parent] if node.parent >= 0 else None
    is_called = isinstance(parent, Call) and parent.func == index
    use = user.use(node.parent if is_called else index)
    runner = user.call_at(use.node) if use.kind == "argument" else None
    if runner is None:
        return None
    catalog = user.module.project.catalog
    spawner = catalog.spawner(runner.target)
    handed = runner.positional[spawner.work_position :] if spawner is not None and spawner.thread else []
    # a thread may be given the runner, with what it is to run: `pool.submit(asyncio.run, main())`
    given = node.parent if is_called else index
    target = user.target_of(handed[0]) if given in handed[1:] else runner.target
    entry = catalog.runner(target)
    if entry is None or entry.thread or (entry.work is schema.Work.COROUTINE) is not is_called:
        return None
    return runner


def _starts_something(view: FunctionView) -> bool:
    """Whether a function, or a function of the project that it calls, starts something that goes on beside it."""
    catalog = view.module.project.catalog
    seen = {view}
    pending = [view]
    while pending:
        current = pending.pop()
        for call in current.calls:
            if spawner_of(call) is not None:
                return True
            runner = catalog.runner(call.target)
            scope = catalog.scope(call.target)
            if (runner is not None and runner.thread) or (
                scope is not None and scope.kind is schema.ScopeKind.TASK_GROUP
            ):
                return True
            callee = call.callee
            name = call.target.rpartition(".")[2] or call.member
            if callee is None and name.startswith(_SERVES if catalog.has(call.target) else _STARTS):
                return True
            if callee is not None and callee not in seen:
                seen.add(callee)
                pending.append(callee)
                if len(seen) > MAX_FUNCTIONS:
                    return True
    return False
