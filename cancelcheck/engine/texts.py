"""The texts of files that a report shows, read when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from cancelcheck.files import name_of, read
from cancelcheck.model.source import SourceFile


class Texts(Mapping[str, SourceFile]):
    """Files by the paths under which they are shown, those that are `known` among them. One that cannot be read is
    empty: its finding is still told. One whose text is another than when it was checked (`digests`) is not there. Of
    those that are read only the last is held: a report goes from file to file."""

    def __init__(
        self,
        paths: Iterable[str],
        known: Mapping[str, SourceFile] | None = None,
        digests: Mapping[str, bytes] | None = None,
    ) -> None:
        self._known = known or {}
        self._digests = digests or {}
        self._paths = {*paths, *self._known}
        self._last: SourceFile | None = None

    def __getitem__(self, path: str) -> SourceFile:
        if path not in self._paths:
            raise KeyError(path)
        known = self._known.get(path)
        if known is not None:
            return known
        if self._last is None or self._last.path != path:
            self._last = SourceFile(path, self._text(path))
        return self._last

    def _text(self, path: str) -> str:
        from cancelcheck.engine.decode import DecodeError, decode

        try:
            text = decode(read(os.path.abspath(name_of(path))))
        except (OSError, DecodeError):
            text = ""
        if path in self._digests and self._digests[path] != digest_of_text(text):
            raise KeyError(path)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def digest_of_text(text: str) -> bytes:
    """Stands for a text that is not held."""
    from cancelcheck.engine.store import digest

    return digest(text.encode("utf-8", "surrogatepass"))
