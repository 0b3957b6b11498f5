"""Work that is started beside the parent it could have: tasks outside the group around them, loops inside a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.link.instances import annotated_instance
from cancelcheck.link.paths.exceptions import handlers_of
from cancelcheck.link.paths.flow import passes
from cancelcheck.link.paths.leaks import leak_of, settled_at
from cancelcheck.link.paths.ownership import held_in, own_reads
from cancelcheck.link.paths.reaching import Chain, chain_of, is_conditional
from cancelcheck.link.tasks.groups import groups_in
from cancelcheck.link.tasks.spawning import calls_coroutine, loss_of, spawns
from cancelcheck.model.facts import FunctionKind, RegionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


class Stray(NamedTuple):
    """A task that is started outside of a group that is at hand, and then lost: the call, its entry, the group's name
    ("" for none) and type, and the call that makes it (None where it is a parameter)."""

    call: CallSite
    spawner: schema.Spawner
    name: str
    type: str
    made: CallSite | None


def strays(view: FunctionView) -> tuple[Stray, ...]:
    """The tasks of a function that a task group could own, and nobody does, in order; looked up once."""
    return view.once(view.module.strays, _strays)


def is_stray(call: CallSite) -> bool:
    """Whether a call starts a task that a group at hand could own: that it is lost is said of that."""
    return any(found.call.index == call.index for found in strays(call.fn))


def _strays(view: FunctionView) -> list[Stray]:
    started = spawns(view)
    groups = groups_in(view) if started else []
    params = _group_params(view) if started else []
    if not groups and not params:
        return []
    found = []
    for call, spawner in started:
        if spawner.has_owner or spawner.work is not schema.Work.COROUTINE or spawner.strict:
            continue
        if not _is_lost(view, call):
            continue
        region = view.region_of(call.index)
        around = [group for group in groups if view.is_inside(region, group.region)]
        if around:
            group = around[-1]
            found.append(Stray(call, spawner, group.name, group.scope.enters, group.call))
        elif len(params) == 1:
            name, kind = params[0]
            found.append(Stray(call, spawner, name, kind, None))
    return found


def _is_lost(view: FunctionView, call: CallSite) -> bool:
    """Whether nobody keeps a task, or a path comes to an exit on which nobody reads its local."""
    if loss_of(view, call.index):
        return True
    held = held_in(view, call.index)
    if held is None:
        return False
    store, name = held
    reads = own_reads(view, name)
    return reads is not None and leak_of(view, store, settled_at(reads), name=name) is not None


def _group_params(view: FunctionView) -> list[tuple[str, str]]:
    """The parameters that are a task group, with its type."""
    parent = view.parent
    found = []
    for param in view.facts.params:
        if param.annotation < 0 or parent is None:
            continue
        instance = annotated_instance(parent, param.annotation)
        kind = instance.catalog_type() if instance is not None else ""
        if kind and any(_starter(view, kind, member) is not None for member in _STARTS):
            found.append((param.name, kind))
    return found


_STARTS = ("create_task", "start_soon")
"""Methods of task groups that start a task."""


def _starter(view: FunctionView, kind: str, member: str) -> schema.Spawner | None:
    entry = view.module.project.catalog.spawner(f"{kind}.{member}")
    return entry if entry is not None and entry.has_owner else None


def group_edit(stray: Stray) -> tuple[int, int, str] | None:
    """The edit that starts the task in its group; None where the group is not given a coroutine, or bears no name."""
    call = stray.call
    view = call.fn
    starter = _starter(view, stray.type, _STARTS[0])
    if not stray.name or starter is None or starter.work is not schema.Work.COROUTINE:
        return None
    if len(call.positional) != 1 or not calls_coroutine(view, call.positional[0]):
        return None
    if any(arg.star or arg.keyword not in ("", "name", "context") for arg in call.node.args):
        return None
    func = view.nodes[call.node.func]
    return func.start, func.end, f"{stray.name}.{_STARTS[0]}"


# --- a loop inside a loop


def loops_within(view: FunctionView) -> list[Chain]:
    """The calls in a coroutine function that run an event loop of their own, directly or through synchronous functions
    of the project: the chains that lead there."""
    if not view.is_async or view.facts.kind is not FunctionKind.DEF:
        return []
    chains = (chain_of(call, "runs-a-loop", _runs_loop, surely=True) for call in view.known_calls)
    return [chain for chain in chains if chain and not is_conditional(chain[0]) and _cannot_be_passed(chain)]


def _cannot_be_passed(chain: Chain) -> bool:
    """Whether each function on the way comes to its call, or to no end at all."""
    return not any(passes(call.fn, _is_at(call)) for call in chain[1:])


def _is_at(call: CallSite) -> Callable[[int], bool]:
    return lambda index: index == call.index


def _runs_loop(call: CallSite) -> bool:
    """Whether a call runs a loop of its own, and its function has not looked whether one runs already."""
    view = call.fn
    catalog = view.module.project.catalog
    entry = catalog.runner(call.target)
    if entry is None or not entry.own_loop or not set(entry.nested_by).isdisjoint(view.module.facts.libraries):
        return False
    if any(inner.member in entry.asked_by for inner in view.calls):
        return False
    return not any(
        view.regions[region].kind is RegionKind.PROTECTED and handlers_of(view, view.regions[region].parent)
        for region in view.regions_around(call.index)
    )
