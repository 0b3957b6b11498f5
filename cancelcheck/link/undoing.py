"""Which calls undo something: close, release, cancel, abort, roll back, remove. Told by the catalogue where the call is
resolved, else by a method's name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite

VERBS = frozenset(
    {
        "abort",
        "aclose",
        "cancel",
        "cleanup",
        "close",
        "deregister",
        "destroy",
        "discard",
        "disconnect",
        "dispose",
        "evict",
        "kill",
        "logout",
        "release",
        "remove",
        "rmdir",
        "rmtree",
        "rollback",
        "shutdown",
        "stop",
        "teardown",
        "terminate",
        "undo",
        "unlink",
        "unlock",
        "unregister",
        "unsubscribe",
    }
)
"""Words that say that something is undone, or given back."""

_PAIRS = frozenset({"clean_up", "fail_connection", "log_out", "roll_back", "shut_down", "tear_down", "wait_closed"})
"""The same in two words."""

_MANNERS = frozenset(
    {
        "async",
        "do",
        "ensure",
        "finalize",
        "finish",
        "force",
        "forcefully",
        "gracefully",
        "hard",
        "maybe",
        "safe",
        "safely",
        "try",
    }
)
"""Words before a verb that only say how."""

_TELLING = frozenset({"callback", "callbacks", "cb", "hook", "hooks", "event"})
"""Words at the end of what tells somebody: `close_callback`."""

_TAKING_OUT = frozenset({"deregister", "discard", "remove", "unregister", "unsubscribe"})

_EXITS = frozenset({"__exit__", "__aexit__"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


@lru_cache(maxsize=8192)
def says_undoing(name: str) -> bool:
    """Whether a function's name says that it undoes something: its verb does (`close`, `_abort_upload`,
    `force_close`). A question (`is_closed`) or a hook (`on_close`) does not."""
    if name in _EXITS:
        return True
    if name[:1].isupper():
        return False  # a class: `AbortFlow`
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and words[0] in _MANNERS:
        words = words[1:]
    if words and words[-1] in _TELLING and words[0] not in _TAKING_OUT:
        return False  # it tells somebody that something is closed
    return bool(words) and (words[0] in VERBS or "_".join(words[:2]) in _PAIRS)


def undoes(call: CallSite) -> bool:
    """Whether a call undoes something: by what is called, where that is resolved, else by how it is written."""
    name = call.target.rpartition(".")[2] or call.member
    return says_undoing(name) or call.fn.module.project.catalog.undoes(call.target)
