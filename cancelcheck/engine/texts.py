"""The texts of files that a report shows, read when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from cancelcheck.files import name_of, read
from cancelcheck.model.source import SourceFile


class Texts(Mapping[str, SourceFile]):
    """Files by the paths under which they are shown, those that are `known` among them. One that cannot be read is
    empty: its finding is still told."""

    def __init__(self, paths: set[str], known: Mapping[str, SourceFile] | None = None) -> None:
        self._read: dict[str, SourceFile] = dict(known or {})
        self._paths = paths.union(self._read)

    def __getitem__(self, path: str) -> SourceFile:
        if path not in self._paths:
            raise KeyError(path)
        known = self._read.get(path)
        if known is None:
            from cancelcheck.engine.decode import DecodeError, decode

            try:
                text = decode(read(os.path.abspath(name_of(path))))
            except (OSError, DecodeError):
                text = ""
            known = self._read[path] = SourceFile(path, text)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
