"""BLAKE2, from where it is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import blake2b
else:
    try:
        # `hashlib` loads OpenSSL too, which takes as long as a third of a run in which nothing has changed
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b

__all__ = ["blake2b"]
