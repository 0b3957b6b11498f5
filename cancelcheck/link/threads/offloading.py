"""Edits that take a blocking call off the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.link.cleanup.locks import is_under_lock
from cancelcheck.link.imports import access_to
from cancelcheck.link.paths.scopes import is_bounded
from cancelcheck.model.facts import Attr, Call, RegionKind, Subscript

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView

Edits = tuple[tuple[int, int, str], ...]

_LOOPS = ("trio", "anyio", "asyncio")
"""Modules with a `sleep` of their own; a file that uses two of them at once is not mended."""


def _framework(view: FunctionView) -> str:
    """The module that runs the coroutines of a file: the one that it imports, asyncio where it imports none."""
    used = [name for name in _LOOPS if name in view.module.facts.libraries]
    if used == ["anyio", "asyncio"]:
        return "anyio"  # which runs on the other
    return used[0] if len(used) == 1 else "" if used else "asyncio"


def sleep_edits(call: CallSite) -> Edits | None:
    """The edits that make `await asyncio.sleep(x)` of `time.sleep(x)`."""
    fn = call.fn
    api = fn.module.project.catalog.api(call.target)
    if api is None or api.kind is not schema.Kind.SLEEP or len(call.node.args) != 1:
        return None
    if call.node.args[0].star or call.node.args[0].keyword or not _can_await(call):
        return None
    access = access_to(fn, _framework(fn)) if _framework(fn) else None
    if access is None:
        return None
    func = fn.nodes[call.node.func]
    return (*access.edits, (func.start, func.end, f"await {access.name}.sleep"))


_THREADS = {"asyncio": "to_thread", "trio": "to_thread.run_sync", "anyio": "to_thread.run_sync"}


def offload_edits(call: CallSite) -> Edits | None:
    """The edits that run a call in a thread, and await it there. trio and anyio hand on positional arguments only. Not
    in a timeout scope: its end would not end the thread."""
    fn = call.fn
    framework = _framework(fn)
    plain = framework == "asyncio" or not any(arg.keyword or arg.star == 2 for arg in call.node.args)
    if not framework or not plain or not _can_await(call) or is_bounded(fn, call.index):
        return None
    callee = call.callee
    if callee is not None and (callee.facts.is_generator or callee.has_role("contextmanager")):
        return None
    access = access_to(fn, framework)
    if access is None:
        return None
    func = fn.nodes[call.node.func]
    text = fn.module.source.text
    opened = text.find("(", func.end, call.node.close + 1)
    if opened < 0 or text[func.end : opened].strip() or "#" in text[opened : call.node.end]:
        return None
    parent = fn.nodes[call.node.parent] if call.node.parent >= 0 else None
    binds = (isinstance(parent, (Attr, Subscript)) and parent.value == call.index) or (
        isinstance(parent, Call) and parent.func == call.index
    )
    start = f"{'(' if binds else ''}await {access.name}.{_THREADS[framework]}("
    has_own_lines = text[opened + 1 : opened + 2] in ("\n", "\r")
    separator = "" if not call.node.args else "," if has_own_lines else ", "
    edits = [(call.node.start, call.node.start, start), (func.end, opened + 1, separator)]
    if binds:
        edits.append((call.node.end, call.node.end, ")"))
    return (*access.edits, *edits)


def _can_await(call: CallSite) -> bool:
    """Whether `await` may stand where the call stands: not in a comprehension, which it could make asynchronous, nor
    where a thread's lock is held."""
    fn = call.fn
    around = (fn.regions[region].kind for region in fn.regions_around(call.index))
    return fn.is_async and RegionKind.COMPREHENSION not in around and not is_under_lock(fn, call.index)
