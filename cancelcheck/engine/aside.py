"""Facts that are put aside for the rest of a run, where no cache keeps them: in a file without a name, which goes with
the process."""

from __future__ import annotations

import zlib
from typing import IO, NamedTuple

import msgspec

from cancelcheck.engine.recall import packed, unpacked
from cancelcheck.engine.texts import digest_of_text
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.source import SourceFile


class _Place(NamedTuple):
    text: bytes
    start: int
    size: int


class Aside:
    """Facts by the absolute path of a file and its text. Where there is no room for them, they are not `usable`."""

    def __init__(self) -> None:
        self.is_usable = True
        self._file: IO[bytes] | None = None
        self._places: dict[str, _Place] = {}
        self._end = 0

    def get(self, absolute: str, source: SourceFile) -> ModuleFacts | None:
        """The facts of a file, if they were put aside and its text is the same."""
        place = self._places.get(absolute)
        if place is None or self._file is None or place.text != digest_of_text(source.text):
            return None
        try:
            self._file.seek(place.start)
            return unpacked(self._file.read(place.size))
        except (OSError, zlib.error, msgspec.DecodeError):
            return None

    def put(self, absolute: str, source: SourceFile, facts: ModuleFacts) -> None:
        """Put the facts of a file aside, unless they are there."""
        text = digest_of_text(source.text)
        known = self._places.get(absolute)
        if not self.is_usable or (known is not None and known.text == text):
            return
        try:
            data = packed(facts)
        except UnicodeEncodeError:
            # half a character in a text
            return
        try:
            if self._file is None:
                import tempfile

                self._file = tempfile.TemporaryFile(prefix="cancelcheck-")  # noqa: SIM115 - it is there for all of a run
            self._file.seek(self._end)
            self._file.write(data)
        except OSError:
            self.is_usable = False
            return
        self._places[absolute] = _Place(text, self._end, len(data))
        self._end += len(data)

    def close(self) -> None:
        """Let go of all that was put aside."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._places.clear()
        self._end = 0
