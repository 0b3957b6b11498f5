"""Where a program is entered: SLA functions, routes, methods of servicers, tasks of a queue, a file that is run; and
the most that each can wait for, with what the framework runs before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog.loader import names_of
from cancelcheck.link.promises.costs import behind, ended
from cancelcheck.link.promises.known import NOTHING, number_of
from cancelcheck.link.promises.lasting import shown
from cancelcheck.link.promises.routes import routes_of
from cancelcheck.link.promises.serving import candidates_of, serving_of
from cancelcheck.link.promises.sla import Promise, promise_of
from cancelcheck.link.promises.sums import Hop, Line, Sum, awaited
from cancelcheck.link.promises.worst import worst_of, worst_of_body, worst_of_promise
from cancelcheck.link.threads.programs import is_script
from cancelcheck.model.facts import Display, FunctionKind, Name, Subscript

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.project import ModuleView


class Entry(NamedTuple):
    """Where a program is entered. `kinds`: sla, route, rpc, task, main; `name` is how it is called from outside."""

    kinds: tuple[str, ...]
    view: FunctionView
    name: str
    promise: Promise | None


def entries_of(module: ModuleView) -> Iterator[Entry]:
    """The entry points that a module says it has, in the order of the text."""
    if is_script(module):
        yield Entry(("main",), module.body, f"python {module.source.path}", None)
    by_name = bool(module.project.settings.sla.functions or module.project.operations)
    places = range(len(module.facts.functions)) if by_name else sorted(candidates_of(module))
    for place in places:
        view = module.functions[place]
        if view.facts.kind is not FunctionKind.DEF:
            continue
        promise = promise_of(view)
        serving = serving_of(view)
        kinds = (("sla",) if promise is not None else ()) + ((serving.role,) if serving is not None else ())
        if not kinds or view.facts.is_stub:
            continue
        owner = f" {view.owner.name}" if view.owner is not None else ""
        labels = [route.label if route.path else f"{route.label}{owner}".strip() for route in routes_of(view)]
        yield Entry(kinds, view, ", ".join(filter(None, labels)) or view.facts.qualname, promise)


def worst_of_entry(entry: Entry) -> Sum:
    """The most that an entry point can wait for, with what the framework runs before it."""
    view = entry.view
    if entry.kinds == ("main",):
        return worst_of_body(view)
    found = worst_of_promise(view, entry.promise) if entry.kinds == ("sla",) and entry.promise else worst_of(view)
    for call, provider in reversed(_dependencies(view)):
        found = _before(call, provider, found)
    return _limited(view, found)


# --- what is run before ----------------------------------------------------------------------------------------------

MAX_DEPENDENCIES = 100
"""Dependencies of one function that are looked at."""


def _dependencies(view: FunctionView) -> list[tuple[CallSite, FunctionView]]:
    """What a framework runs before a function, to have its arguments: each once, the dependencies of one before it."""
    found: dict[FunctionView, CallSite] = {}
    seen: set[FunctionView] = set()

    def visit(named: list[tuple[CallSite, FunctionView]]) -> None:
        for call, provider in named:
            if provider not in seen and len(seen) < MAX_DEPENDENCIES:
                seen.add(provider)
                visit(_named_in(provider))
                found[provider] = call

    visit([*_named_outside(view), *_named_in(view)])
    return [(call, provider) for provider, call in found.items()]


def _named_in(view: FunctionView) -> list[tuple[CallSite, FunctionView]]:
    """Those that a function's parameters name: as a default, or in an `Annotated`."""
    parent = view.parent
    if parent is None:
        return []
    calls: list[CallSite | None] = []
    for param in view.facts.params:
        if param.default >= 0:
            calls.append(parent.call_at(param.default))
        if param.annotation >= 0:
            holder, index = parent, param.annotation
            if isinstance(parent.nodes[index], Name):
                holder, index = parent.variable_at(index) or (parent, index)
            node = holder.nodes[index]
            inner = holder.nodes[node.index] if isinstance(node, Subscript) else None
            if isinstance(inner, Display):
                calls += [holder.call_at(item) for item in inner.items[1:]]
    return _providers(calls)


def _named_outside(view: FunctionView) -> list[tuple[CallSite, FunctionView]]:
    """Those that the route names, and the router that it is a route of: `dependencies=[Depends(check)]`."""
    serving = serving_of(view)
    call = serving.view.call_at(serving.node) if serving is not None and serving.node >= 0 else None
    if call is None:
        return []
    instance = call.called_on
    calls: list[CallSite | None] = []
    for at in (*(instance.origins if instance is not None else ()), call):
        given = at.seen_argument("dependencies")
        node = at.fn.nodes[given] if given is not None else None
        if isinstance(node, Display):
            calls += [at.fn.call_at(item) for item in node.items]
    return _providers(calls)


def _providers(calls: list[CallSite | None]) -> list[tuple[CallSite, FunctionView]]:
    found = []
    for call in calls:
        injector = call.fn.module.project.catalog.injector(call.target) if call is not None else None
        if call is None or injector is None:
            continue
        argument = call.seen_argument(injector.keyword, injector.position)
        if argument is None:
            continue
        provider = call.fn.definition_of(argument)
        if provider is None:
            instance = call.fn.instance(argument)
            provider = instance.member("__call__")[1] if instance is not None else None
        if provider is not None and provider.facts.kind is FunctionKind.CLASS:
            provider = provider.inherited("__init__")
        if provider is not None and provider.facts.kind is FunctionKind.DEF:
            found.append((call, provider))
    return found


def _before(call: CallSite, provider: FunctionView, found: Sum) -> Sum:
    """A sum with a dependency before it, which the framework awaits."""
    # of a class that is made, or of an instance that is called, the class's name says more
    owner = provider.owner if provider.name.startswith("__") else None
    text = f"{call.text}({owner.name if owner is not None else provider.name})"
    done = behind(awaited(worst_of(provider)), Hop(call.fn, call.index, text))
    lines = found.lines
    if done.seconds > 0:
        lines = (Line(call.fn, call.index, text, done.seconds, parts=done.lines), *lines)
    return Sum(round(done.seconds + found.seconds, 6), lines, done.open.joined(found.open), found.blocks)


def _limited(view: FunctionView, found: Sum) -> Sum:
    """A sum that the queue's worker ends, as the decorator of the task says."""
    catalog = view.module.project.catalog
    for name, index in view.decorators:
        entry = catalog.decorator_entry(name)
        call = view.parent.call_at(index) if view.parent is not None else None
        if entry is None or call is None:
            continue
        given = [call.seen_argument(limit) for limit in names_of(entry.limits)]
        known = [number_of(call.fn, at, NOTHING) for at in given if at is not None]
        limits = [number for number in known if number is not None]
        if limits:
            left = min(limits)
            why = f"ended by the worker after {shown(left)}"
            return ended(awaited(found), left, why, call.fn, call.index)
    return found
