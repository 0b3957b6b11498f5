"""Whether a function's signature is its own to choose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.link.paths.flow import always_raises
from cancelcheck.model.facts import Call, FunctionKind, Import, Name, Raise

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

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


_FAKES = ("fake", "mock", "stub", "dummy", "noop", "spy", "testing")
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
    """Whether a body does nothing that could wait: it calls nothing, but for a logger."""
    return all(call.member in _LEVELS for call in view.calls)


_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
"""Methods of a logger."""


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
    """Whether a signature may be another's all the same: its docstring or a comment says that the parameter is ignored,
    deprecated or there for compatibility; three others are not read either; a method of its class takes just the same
    parameters and reads this one, or it is called by a name that is put together, so that one caller may choose between
    them; another class has such a method too, is a protocol in sight, or a type of a library that its own class is
    named after; its class says that it wraps another (`ScannerWrapper`), or leaves other methods to its subclasses,
    which may have one of their own."""
    if _says_ignored(view, name) or reads_little(view) or _is_called_by_name(view):
        return True
    if view.owner is None:
        return False
    if any(word in view.owner.name for word in _WRAPS):
        return True
    if any(_leaves_to_subclasses(method) for method in view.owner.children):
        return True
    own = _parameters(view)
    if len(own) >= MANY and any(
        sibling is not view and _parameters(sibling) == own and bool(sibling.reads(name))
        for sibling in view.owner.children
    ):
        return True
    return _has_double(view, name) or _is_asked_for(view, name) or _is_named_after(view, name)


_WRAPS = ("Wrapper", "Proxy", "Adapter")
"""Parts of the name of a class that stands before another, and takes what that takes."""


def _says_ignored(view: FunctionView, name: str) -> bool:
    """Whether the docstring says so of anything, or of this parameter, or a comment on a line that names it, or that
    goes on to do so."""
    text = view.module.is_read()
    said = view.docstring().lower()
    if any(word in said for word in _IGNORED) or _says_near(said, name):
        return True
    start = min((param.start for param in view.facts.params), default=view.facts.head)
    return any(_says_near(block, name) for block in _comments(text[start : view.facts.end].lower()))


def _comments(text: str) -> Iterator[str]:
    """Each line of a text that has a comment; lines that are comments, and follow each other, together."""
    block = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            block += line + "\n"
            continue
        if block:
            yield block
            block = ""
        if "#" in line:
            yield line
    if block:
        yield block


def _says_near(said: str, name: str) -> bool:
    """Whether a text says that something is ignored or deprecated within a few words of a parameter's name."""
    given_up = [found.start() for found in _GIVEN_UP.finditer(said)]
    if not given_up:
        return False
    named = re.compile(rf"\b{re.escape(name.lower())}\b")
    return any(named.search(said, max(0, at - NEAR), at + NEAR) for at in given_up)


def _leaves_to_subclasses(method: FunctionView) -> bool:
    """Whether a method is for subclasses to write: abstract, or nothing but a `NotImplementedError`."""
    if method.facts.kind is not FunctionKind.DEF:
        return False
    raised = [node for node in method.nodes if isinstance(node, Raise)]
    return method.has_role("abstract") or (
        bool(raised)
        and all("NotImplementedError" in method.text(node.exc) for node in raised if node.exc >= 0)
        and (method.facts.is_stub or always_raises(method))
    )


def reads_little(view: FunctionView) -> bool:
    """Whether a function leaves so many of its parameters unread that it takes what somebody else has asked for."""
    names = [param.name for param in view.facts.params if param.name != view.self_name and param.name[:1] != "_"]
    return sum(not view.reads(name) for name in names) >= MANY


def _parameters(view: FunctionView) -> list[str]:
    return [param.name for param in view.facts.params]


def _is_called_by_name(view: FunctionView) -> bool:
    """Whether the module looks up attributes whose name begins as this one's (`getattr(self, f"handle_{kind}")`), and
    calls what it finds with as many arguments."""
    wanted = len(view.facts.params) - (1 if view.self_name else 0)
    for user in view.module.functions:
        if "getattr" not in user.names_read:
            continue
        for call in user.calls:
            if call.target != "builtins.getattr" or len(call.positional) < 2:
                continue
            text = user.nodes[call.positional[1]]
            found = _PUT_TOGETHER.match(user.module.source.text, text.start, text.end)
            if found is not None and view.name.startswith(found["prefix"]) and wanted in _given_to(user, call, wanted):
                return True
    return False


def _given_to(user: FunctionView, looked_up: CallSite, unknown: int) -> set[int]:
    """How many arguments what was looked up is called with, there or through a local; `unknown` where that is not
    seen."""
    use = looked_up.use
    direct = user.call_at(looked_up.node.parent)
    if direct is not None and direct.node.func == looked_up.index:
        return {len(direct.node.args)}
    if use.kind != "bound":
        return {unknown}
    found = set()
    for call in user.calls:
        func = user.nodes[call.node.func]
        if isinstance(func, Name) and func.id == use.name:
            found.add(len(call.node.args))
    return found or {unknown}


_PUT_TOGETHER = re.compile(r"""[fF]?(?P<quote>["'])(?P<prefix>\w{3,})(?:\{|%s|(?P=quote)\s*\+)""")
"""A name that begins with a text and goes on with something else: `f"on_{kind}"`, `"on_%s" % kind`, `"on_" + kind`."""


def _has_double(view: FunctionView, name: str) -> bool:
    """Whether another class of the module has a method of this name that takes the same parameters and reads this one;
    a subclass has when it takes this parameter at all."""
    return any(
        other.owner is not None
        and other.owner is not view.owner
        and other.name == view.name
        and (_parameters(other) == _parameters(view) or view.owner in other.owner.ancestry[0])
        and name in _parameters(other)
        and bool(other.reads(name))
        for other in view.module.functions
    )


def _is_asked_for(view: FunctionView, name: str) -> bool:
    """Whether a protocol that the module defines or imports has a method of this name with this parameter."""
    module = view.module
    protocols = [cls for cls in module.functions if cls.facts.kind is FunctionKind.CLASS]
    for node in module.body.nodes:
        if isinstance(node, Import):
            for _, path in node.names:
                _, found = module.project.find(path, module)
                if isinstance(found, type(view)):
                    protocols.append(found)
    for cls in protocols:
        member = cls.member(view.name)
        if member is None or name not in _parameters(member):
            continue
        if member.has_role("abstract") or any(base in _PROTOCOLS for base, _ in cls.bases):
            return True
    return False


def _is_named_after(view: FunctionView, name: str) -> bool:
    """Whether the class bears the name of a type of a library that the module imports, whose method of this name takes
    this parameter: `DoneFuture.result(timeout)`."""
    catalog = view.module.project.catalog
    return view.owner is not None and any(
        catalog.takes_timeout(library, view.owner.name, view.name, name) for library in view.module.facts.libraries
    )


MANY = 4
"""Parameters, `self` among them, that two methods do not share by chance, and that nobody leaves unread by mistake."""

NEAR = 200
"""Characters within which a text that names two things is about both."""

_IGNORED = ("ignored", "unused", "not used", "compatib")
"""Words of a docstring that say that a parameter is there for others."""

_GIVEN_UP = re.compile("|".join((*_IGNORED, "deprecat")))
