"""What is done to a client after it was made that may set a timeout: an adapter mounted on it, a method replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.model.facts import StoreAttr

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.instances import Instance
    from cancelcheck.link.project import ModuleView

_SENDING = ("request", "send", "get", "post")
"""Methods of a client through which its requests go."""

Origin = tuple[str, int, int]
"""A constructor call: path, function, node."""


class Customised:
    """Which clients of a module are customised.

    `origins` by where they are made; `classes` by a class that does it to itself; `some` says that it is done to a
    client that arrives as a parameter; `any` to one that is not known at all.
    """

    __slots__ = ("any", "classes", "origins", "some")

    def __init__(self) -> None:
        self.origins: set[Origin] = set()
        self.classes: set[str] = set()
        self.some = False
        self.any = False

    def add(self, view: FunctionView, receiver: int) -> None:
        """Take down that what a node stands for is customised."""
        instance = view.instance(receiver)
        if instance is None:
            self.any = True
            return
        self.origins.update(_key(origin) for origin in instance.origins)
        if instance.view is not None:
            self.classes.add(instance.view.qualname)
        if not instance.origins:
            self.some = True

    def has(self, instance: Instance) -> bool:
        """Whether an instance may be customised."""
        return (
            self.any
            or (self.some and not instance.origins)
            or any(_key(origin) in self.origins for origin in instance.origins)
            or (instance.view is not None and any(cls.qualname in self.classes for cls in instance.view.ancestry[0]))
        )


def is_customised(view: FunctionView, instance: Instance) -> bool:
    """Whether this module, or one that makes the instance, customises it."""
    modules = [view.module, *(origin.fn.module for origin in instance.origins)]
    return any(_customised(module).has(instance) for module in modules)


def _key(origin: CallSite) -> Origin:
    return (origin.fn.module.source.path, origin.fn.index, origin.index)


def _customised(module: ModuleView) -> Customised:
    known = module.customised
    if known is None:
        known = module.customised = Customised()
        for view in module.functions:
            _collect(view, known)
    return known


def _collect(view: FunctionView, found: Customised) -> None:
    for call in view.calls:
        if _mounts(call):
            found.add(view, call.receiver)
        elif found_in_callee := _customised_arguments(call):
            for argument in found_in_callee:
                found.add(view, argument)
    for node in view.nodes:
        if isinstance(node, StoreAttr) and node.attr in _SENDING and _is_client(view, node.value):
            found.add(view, node.value)


def _mounts(call: CallSite) -> bool:
    """Whether a call mounts a transport adapter that may set a timeout."""
    if call.member != "mount" or call.receiver < 0 or len(call.node.args) != 2:
        return False
    adapter = call.fn.instance(call.node.args[1].value)
    return adapter is None or (adapter.view is not None and _may_time(adapter.view))


MAX_PARTS = 20
"""Classes and functions that an adapter is made of, as far as they are looked at."""


def _may_time(cls: FunctionView) -> bool:
    """Whether an adapter of the project may set a timeout: it, a base, or what one of them calls, speaks of one, or not
    all of its bases are known."""
    catalog = cls.module.project.catalog
    classes, outside, _ = cls.ancestry
    if not all(catalog.knows_type(name) for name in outside):
        return True
    parts = list(classes)
    for part in parts:
        if len(parts) > MAX_PARTS or speaks_of_timeouts(part):
            return True
        for view in (part, *part.children):
            called = (call.callee for call in view.calls)
            parts += [callee for callee in called if callee is not None and callee not in parts]
    return False


def speaks_of_timeouts(view: FunctionView) -> bool:
    """Whether the text of a function or class has the word in it."""
    return "timeout" in view.module.is_read()[view.facts.start : view.facts.end].lower()


def _is_client(view: FunctionView, index: int) -> bool:
    """Whether a node is a client of the catalogue, or may be one by its name."""
    instance = view.instance(index)
    if instance is None:
        return "session" in view.key(index).lower()
    return view.module.project.catalog.client(instance.catalog_type()) is not None


def _customised_arguments(call: CallSite) -> list[int]:
    """The arguments of a call that the project function which is called customises."""
    callee = call.callee
    if callee is None or not call.node.args:
        return []
    names = {
        callee.key(inner.receiver)
        for inner in callee.calls
        if inner.member == "mount" and inner.receiver >= 0 and _mounts(inner)
    } | {callee.key(node.value) for node in callee.nodes if isinstance(node, StoreAttr) and node.attr in _SENDING}
    params = [param.name for param in callee.facts.params if param.name != callee.self_name]
    found = []
    for at, arg in enumerate(call.node.args):
        name = arg.keyword or (params[at] if at < len(params) else "")
        if name in names and not arg.star:
            found.append(arg.value)
    return found
