"""What a started task sets up that others count on, and whether whoever started it waits until that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.paths.exceptions import is_cancellation_point
from cancelcheck.link.paths.flow import reaches_after, returns_after
from cancelcheck.link.tasks.attributes import own_attribute
from cancelcheck.link.tasks.groups import Joining, may_join
from cancelcheck.link.tasks.handing import started_by
from cancelcheck.model.facts import Assign, Attr, Await, Const, FunctionKind, RegionKind, StoreAttr

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Setup(NamedTuple):
    """What a task sets up: `text` says what, `view` and `node` where (None where it is the catalogue that says so),
    `name` the attribute of its object ("" for anything else)."""

    text: str
    view: FunctionView | None
    node: int
    name: str = ""


class Unready(NamedTuple):
    """A task that is counted on before it is ready: what it sets up, and where that is used (-1: by whoever called)."""

    setup: Setup
    used: int


_STATUS = "task_status"


def used_unready(call: CallSite, entry: schema.Spawner) -> Unready | None:
    """Whether a started task is counted on before it has set up what it has to: the function that starts it uses that
    itself, or is how its object is entered and comes back at once. None where something tells when it is ready."""
    view = call.fn
    if entry.ready or entry.thread or not view.is_async or view.facts.is_generator:
        return None
    setups = _setups(call, entry)

    def told(index: int) -> bool:
        return may_join(view, index) is not Joining.NO

    for setup in setups:
        if _is_stored(view, setup.name):
            continue
        key = f"{view.self_name}.{setup.name}"

        def uses(index: int, key: str = key) -> bool:
            return view.key(index) == key

        used = reaches_after(view, call.index, uses, told)
        if used >= 0:
            return Unready(setup, used)
    if _enters_its_object(view) and returns_after(view, call.index, told):
        counted = next((setup for setup in setups if not setup.name or _counts_on(view, call, entry, setup)), None)
        if counted is not None:
            return Unready(counted, -1)
    return None


def _setups(call: CallSite, entry: schema.Spawner) -> list[Setup]:
    """What the task sets up before it does its work; nothing where it is not seen, or says to somebody that it has."""
    view = call.fn
    given = call.seen_argument(entry.work_keyword, entry.work_position)
    if given is None:
        return []
    catalog = view.module.project.catalog
    made = view.call_at(given)
    named = made.node.func if made is not None else given
    if catalog.startable(view.target_of(named)) is not None:
        return [Setup(f"`{view.text(named)}` listens, or runs", None, -1)]
    run = started_by(call, entry)
    if run is None or _tells(run):
        return []
    if run.param(_STATUS) is not None:
        return [Setup(f"it takes a `{_STATUS}`, to say when it is ready", run, 0)]
    return [*_listens(run), *(_stores(run) if run.self_name else ())]


def _tells(run: FunctionView) -> bool:
    """Whether a function sets an event, a future or the like on its object: somebody may wait for that."""
    return any(call.member in _SIGNALS and call.receiver >= 0 for call in run.calls)


_SIGNALS = frozenset({"set", "set_result", "notify", "notify_all", "put_nowait", "send_nowait", "release"})
"""Methods by which one task tells another that something has happened."""


def _listens(run: FunctionView) -> list[Setup]:
    catalog = run.module.project.catalog
    for call in run.calls:
        if catalog.startable(call.target) is not None:
            return [Setup(f"`{call.text}(…)` listens, or runs", run, call.index)]
        resource = catalog.resource(call.target)
        if resource is not None and resource.holds in ("server", "listener"):
            return [Setup(f"`{call.text}(…)` opens a {resource.holds}", run, call.index)]
    return []


def _stores(run: FunctionView, depth: int = 2) -> list[Setup]:
    """The attributes of its object that a method sets before its main loop, itself or by a method that it awaits. Flags
    that it sets later, and what it sets in a loop, a handler or a `finally`, are about what it does, not about what it
    has set up."""
    found: list[Setup] = []
    waited = False
    for index, node in enumerate(run.nodes):
        kinds = {run.regions[region].kind for region in run.regions_around(index)}
        if RegionKind.LOOP in kinds:
            break
        waited |= is_cancellation_point(run, index)
        call = run.call_at(node.value) if isinstance(node, Await) else None
        if (
            call is not None
            and depth > 0
            and _MARKS.isdisjoint(kinds)
            and own_attribute(run, call.node.func) is not None
        ):
            helper = call.callee
            if helper is not None and not _tells(helper):
                found += _stores(helper, depth - 1)
        if not isinstance(node, StoreAttr) or not _MARKS.isdisjoint(kinds):
            continue
        holder = run.key(node.value)
        assign = run.node_at(node.parent)
        if holder != run.self_name or not isinstance(assign, Assign) or assign.op or assign.value < 0:
            continue
        # what is set before it has waited for anything is there after its first step
        if waited and not isinstance(run.nodes[assign.value], Const):
            found.append(Setup(f"`self.{node.attr}` is set", run, index, node.attr))
    return found


_MARKS = frozenset({RegionKind.HANDLER, RegionKind.FINALLY, RegionKind.LOOP_ELSE})


def _is_stored(view: FunctionView, name: str) -> bool:
    """Whether a method sets an attribute of its object itself."""
    return any(
        isinstance(node, StoreAttr) and node.attr == name and view.key(node.value) == view.self_name
        for node in view.nodes
    )


def _enters_its_object(view: FunctionView) -> bool:
    """Whether a method is how its object is entered: `__aenter__`, or what that awaits and comes back after."""
    owner = view.owner
    if owner is None:
        return False
    if view.name == "__aenter__":
        return True
    enter = owner.member("__aenter__")
    if enter is None:
        return False
    for call in enter.calls:
        if call.member == view.name and call.is_awaited and enter.key(call.receiver) == enter.self_name:
            if returns_after(enter, call.node.parent, lambda index: may_join(enter, index) is not Joining.NO):
                return True
    return False


def _counts_on(view: FunctionView, call: CallSite, entry: schema.Spawner, setup: Setup) -> bool:
    """Whether a public method of the object, other than the one that starts the task, reads what the task sets up and
    does not look whether it is there."""
    owner = view.owner
    run = started_by(call, entry)
    if owner is None:
        return False
    for method in owner.children:
        if method in (view, run) or method.facts.kind is not FunctionKind.DEF or method.name.startswith("_"):
            continue
        if method.name in _ENDS or _is_stored(method, setup.name):
            continue
        key = f"{method.self_name}.{setup.name}"
        reads = [at for at, node in enumerate(method.nodes) if isinstance(node, Attr) and method.key(at) == key]
        if reads and all(method.use(at).kind != "other" for at in reads):
            return True
    return False


_ENDS = frozenset({"close", "aclose", "stop", "shutdown", "disconnect", "cancel", "terminate"})
"""Methods that end what was begun: they cope with what is not there."""
