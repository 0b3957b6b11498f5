"""What stands in files, and a digest of it: read only where the file may have changed."""

from __future__ import annotations

import os

from cancelcheck import files
from cancelcheck.engine.ground import Ground
from cancelcheck.engine.store import Store, digest, state_of


def digest_of(content: bytes | str) -> bytes:
    """Stands for what is in a file, or for a text that is in none."""
    if isinstance(content, bytes):
        return digest(content, b"")
    return digest(content.encode("utf-8", "surrogatepass"), b"text")


class Contents:
    """The bytes of files, by absolute path; or what was given in their place.

    With a store, digests are known from earlier runs where a file's times, size and number are the same. `steady` turns
    False when a file was seen with two contents: nothing that was found may then be kept.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._given: dict[str, bytes | str] = {}
        self._digests: dict[str, bytes] = {}
        self._fresh: set[str] = set()
        self._last: tuple[str, bytes] = ("", b"")
        self.steady = True

    def give(self, absolute: str, content: bytes | str) -> None:
        """Use this, and not what may be on the disk."""
        self._given[absolute] = content
        self._digests.pop(absolute, None)

    @property
    def has_given(self) -> bool:
        """Whether there is a file whose content does not come from the disk."""
        return bool(self._given)

    def news(self) -> dict[str, bytes]:
        """The digests that were found out since the last time this was asked."""
        fresh = {path: self._digests[path] for path in self._fresh}
        self._fresh.clear()
        return fresh

    def stand_on(self, ground: Ground) -> None:
        """Tell all files whose content was asked for."""
        ground.files.update(self._digests)

    def is_given(self, absolute: str) -> bool:
        """Whether the content does not come from the disk."""
        return absolute in self._given

    def is_unsaved(self, absolute: str) -> bool:
        """Whether it is a text that was given, which stands in no file."""
        return isinstance(self._given.get(absolute), str)

    def read(self, absolute: str) -> bytes | str:
        """What stands in a file. Raises OSError."""
        content = self._given.get(absolute)
        if content is not None:
            return content
        path, data = self._last
        if path == absolute:
            self._last = ("", b"")
            return data
        data, _ = self._read(absolute)
        return data

    def digest(self, absolute: str) -> bytes:
        """The digest of what stands in a file; empty where it cannot be read."""
        known = self._digests.get(absolute)
        if known is not None:
            return known
        content = self._given.get(absolute)
        if content is not None:
            return self._digests.setdefault(absolute, digest_of(content))
        if self._store is not None:
            try:
                kept = self._store.digest_of(absolute, state_of(os.stat(absolute)))
            except (OSError, ValueError):
                kept = None
            if kept is not None:
                self._digests[absolute] = kept
                self._fresh.add(absolute)
                return kept
        try:
            data, found = self._read(absolute)
        except OSError:
            return self._digests.setdefault(absolute, b"")
        # most likely it is to be checked next
        self._last = (absolute, data)
        return found

    def trust(self, absolute: str, found: bytes) -> None:
        """A file has this digest: it has not changed since somebody has seen it."""
        self._digests[absolute] = found

    def agree(self, absolute: str, found: bytes) -> None:
        """Another process has seen a file with this digest."""
        if self._digests.setdefault(absolute, found) != found:
            self.steady = False

    def _read(self, absolute: str) -> tuple[bytes, bytes]:
        if self._store is None:
            return files.read(absolute), b""
        before = os.stat(absolute)
        data = files.read(absolute)
        found = digest_of(data)
        self._store.put_digest(absolute, before, found)
        self.agree(absolute, found)
        self._fresh.add(absolute)
        return data, found
