"""Whether a function's signature is its own to choose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cancelcheck.link.paths.flow import always_raises
from cancelcheck.model.facts import Call, FunctionKind

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView

_HARMLESS = frozenset({"staticmethod", "classmethod", "contextmanager", "property", "override"})
"""Roles of decorators that do not dictate parameters (`override` does, and is asked for by itself)."""


def signature_is_free(view: FunctionView, name: str) -> bool:
    """Whether nothing but the function itself asks for its parameter `name`: no stub, abstract method, protocol or
    overload; no override of a base that has the method, or of a base that is not known; no decorator or use as a value
    that may dictate it; no fake in a test file; no body that only raises or only returns a constant."""
    if view.facts.kind is not FunctionKind.DEF or view.facts.is_stub:
        return False
    if any(view.has_role(role) for role in ("abstract", "overload", "override", "fixture")):
        return False
    catalog = view.module.project.catalog
    if any(catalog.decorator(decorator) not in _HARMLESS for decorator, _ in view.decorators):
        return False
    if len(view.alternatives) > 1 or _is_trivial(view) or always_raises(view):
        return False
    if _is_fake(view):
        return False
    owner = view.owner
    if owner is not None:
        if view.name.startswith("__") and view.name != "__init__":
            return False
        classes, _, known = owner.ancestry
        if not known:
            return False
        for cls in classes:
            if any(base in _PROTOCOLS for base, _ in cls.bases):
                return False
            if cls is not owner and cls.member(view.name) is not None:
                return False
    return not _is_value(view)


_FAKES = ("fake", "mock", "stub", "dummy", "noop", "spy")
"""Parts of the name of what stands in for something else, and takes what that takes."""


def _is_fake(view: FunctionView) -> bool:
    """Whether a function stands in for a real one: by its name or its class's, or as a method or an inner function of a
    test file."""
    names = (view.name, view.owner.name if view.owner is not None else "")
    if any(part in name.lower() for name in names for part in _FAKES):
        return True
    parent = view.parent
    return view.module.is_test and parent is not None and parent.facts.kind is not FunctionKind.MODULE


_PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})


def _is_trivial(view: FunctionView) -> bool:
    """Whether a body does nothing that could wait: it calls nothing."""
    return not any(isinstance(node, Call) for node in view.nodes)


def _is_value(view: FunctionView) -> bool:
    """Whether the module mentions the function other than by calling it: it may be a callback."""
    is_method = view.owner is not None
    for user, index in view.module.mentions(view.name, of_method=is_method):
        if not is_method and user.definition_of(index) is not view:
            continue
        at = user.nodes[index].parent
        parent = user.nodes[at] if at >= 0 else None
        if not (isinstance(parent, Call) and parent.func == index):
            return True
    return False


def may_be_shared(view: FunctionView, name: str) -> bool:
    """Whether a signature may be another's all the same: its docstring says that the parameter is ignored or there for
    compatibility, or a method of its class takes just the same parameters and reads this one, so that one caller may
    choose between them by name."""
    docstring = _DOCSTRING.match(view.module.source.text, view.facts.head, view.facts.end)
    if docstring is not None and any(word in docstring["text"].lower() for word in _IGNORED):
        return True
    own = [param.name for param in view.facts.params]
    siblings = view.owner.children if view.owner is not None else []
    return len(own) >= MANY and any(
        sibling is not view and [param.name for param in sibling.facts.params] == own and bool(sibling.reads(name))
        for sibling in siblings
    )


MANY = 4
"""Parameters, `self` among them, that two methods do not share by chance."""

_DOCSTRING = re.compile(r"(?:\s++|#[^\r\n]*+)*+[rRuU]?(?P<quote>\"{3}|'{3}|\"|')(?P<text>.*?)(?P=quote)", re.DOTALL)

_IGNORED = ("ignored", "unused", "not used", "compatib")
"""Words of a docstring that say that a parameter is there for others."""
