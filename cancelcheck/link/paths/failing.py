"""Which calls may raise in the course of things, and which only count, keep or look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.model.facts import Call, FunctionKind, Raise, Subscript

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView


def may_fail(view: FunctionView, index: int) -> bool:
    """Whether a call may raise in the course of things: not those that only keep, count, look or log, nor those that
    make a coroutine or start it."""
    call = view.call_at(index)
    assert call is not None
    if call.member.startswith("log_") or _takes_out_own(call):
        return False
    catalog = view.module.project.catalog
    callee = call.callee
    if callee is not None:
        return _making_may_fail(callee) if callee.facts.kind is FunctionKind.CLASS else _body_may_fail(callee)
    if call.target:
        asked = (catalog.is_harmless, catalog.is_coroutine, catalog.is_partial, catalog.is_suppressor, catalog.scope)
        return not any(ask(call.target) for ask in asked)
    return call.receiver < 0 or not catalog.is_harmless_member(call.member)


def _takes_out_own(call: CallSite) -> bool:
    """Whether a call takes something out of a container that its function puts something into."""
    on_it = call.fn.calls_on.get(call.fn.key(call.receiver), ())
    return call.member in _TAKING_OUT and any(other.member in _PUTTING_IN for other in on_it)


_TAKING_OUT = frozenset({"pop", "remove"})
_PUTTING_IN = frozenset({"add", "append", "appendleft", "insert"})
"""Methods of containers."""


def _making_may_fail(cls: FunctionView) -> bool:
    """The same of making an instance of a class of the project."""
    classes, _, known = cls.ancestry
    if not known or any(kind.decorators for kind in classes):
        return True
    makers = [maker for name in _MAKERS if (maker := cls.inherited(name)) is not None]
    return any(_body_may_fail(maker) for maker in makers)


_MAKERS = ("__new__", "__init__", "__post_init__")


def waits(view: FunctionView, index: int) -> bool:
    """Whether a call blocks for something outside, by the catalogue: the wait for a thread's event does not fail."""
    call = view.call_at(index)
    assert call is not None
    catalog = view.module.project.catalog
    return catalog.api(call.target) is not None and not catalog.is_harmless(call.target)


def _body_may_fail(view: FunctionView) -> bool:
    """The same of a project function: whether it raises, waits, or calls something that may fail."""
    if view.is_async:
        return False  # nothing of it runs yet
    if view.has_role("contextmanager"):
        return False  # nor of what a `with` runs
    catalog = view.module.project.catalog
    plain = all(catalog.decorator(name) in _PLAIN_ROLES for name, _ in view.decorators)
    if view.facts.is_stub or not plain:
        return True
    if view.facts.is_generator:
        return False
    kept = view.module.failing
    known = kept.get(view.index)
    if known is None:
        kept[view.index] = True  # a call of itself may fail
        known = kept[view.index] = any(
            isinstance(node, Raise)
            or (isinstance(node, Subscript) and not _is_slice(view, node.index))
            or (isinstance(node, Call) and may_fail(view, index))
            for index, node in enumerate(view.nodes)
        )
    return known


def _is_slice(view: FunctionView, index: int) -> bool:
    """Whether an index is a slice: there is always one."""
    return getattr(view.nodes[index], "op", "") == ":"


_PLAIN_ROLES = frozenset({"staticmethod", "classmethod"})
"""Roles of decorators that leave what runs as it is."""
