"""Path patterns with the meaning that they have in a `.gitignore`."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class Patterns:
    """Patterns that are relative to the folder `base`, an absolute path. The last one that matches decides.

    Raises ValueError for a pattern that has no meaning.
    """

    __slots__ = ("_any", "_prefix", "base", "lines")

    def __init__(self, base: str, lines: Sequence[str]) -> None:
        self.base = base
        self.lines = tuple(lines)
        self._prefix = base if base.endswith(os.sep) else base + os.sep
        self._any = _compiled(self.lines)

    @classmethod
    def lenient(cls, base: str, lines: Sequence[str]) -> Patterns:
        """The same, without the lines that have no meaning: git says nothing about them either."""
        try:
            return cls(base, lines)
        except ValueError:
            return cls(base, [line for line in lines if _is_pattern(line)])

    def decide(self, path: str, *, is_folder: bool = False) -> bool | None:
        """Whether an absolute path matches; False where a `!` pattern takes it back; None if no pattern says."""
        if not self.lines or not path.startswith(self._prefix):
            return None
        relative = path[len(self._prefix) :].replace(os.sep, "/") + ("/" if is_folder else "")
        # what begins so is cut by pathspec first; no path of a file does
        if self._any is not None and not relative.startswith(("/", "./")):
            return True if self._any.search(relative) else None
        return _spec_of(self.lines).check_file(relative).include

    def without(self, path: str) -> Patterns:
        """Those patterns that do not match the folder `path` as a whole: what is asked for by name is looked into."""
        kept = [line for line in self.lines if not Patterns(self.base, [line]).decide(path, is_folder=True)]
        return self if len(kept) == len(self.lines) else Patterns(self.base, kept)


@lru_cache(maxsize=1024)
def _compiled(lines: tuple[str, ...]) -> re.Pattern[str] | None:
    """The same lines stand in many folders: the default ones in each that has no settings of its own."""
    plain = [_plain(line) for line in lines]
    if all(plain):
        # pathspec makes the same of them, and takes longer to load than what it is asked
        return re.compile("|".join(plain)) if plain else None
    with _same_for_git():
        return _any_of(_spec_of(lines))


def _plain(line: str) -> str:
    """What matches where a pattern does that is a name, with a `*` or two in it or none, wherever it stands: `build/`,
    `test_*.py`, `**/tests/**`. Empty for any other."""
    name, end = line, "(?:/|$)"
    if line.startswith("**/") and line.endswith("/**"):
        name, end = line[3:-3], "/"
    elif line.endswith("/"):
        name, end = line[:-1], "/"
    if not _NAME.fullmatch(name) or "**" in name or name.count("*") >= _STARS:
        return ""
    return f"^(?:.+/)?{_ANYTHING.join(map(re.escape, name.split('*')))}{end}"


_NAME = re.compile(r"[\w.*-]*\w[\w.*-]*", re.ASCII)


@lru_cache(maxsize=1024)
def _spec_of(lines: tuple[str, ...]) -> GitIgnoreSpec:
    with _same_for_git():
        return _spec(lines)


@contextmanager
def _same_for_git() -> Iterator[None]:
    """`[[a]` may mean something else one day, says `re`; to git it does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _any_of(spec: GitIgnoreSpec) -> re.Pattern[str] | None:
    """What matches where one of the patterns does, if none takes back what another has matched: every file is asked for
    it, and to ask one pattern after the other takes five times as long."""
    from pathspec.pattern import RegexPattern

    sources = []
    for pattern in spec.patterns:
        if not isinstance(pattern, RegexPattern) or pattern.include is False:
            return None
        if pattern.include is None or pattern.regex is None:
            continue  # a comment, or an empty line
        if pattern.regex.flags != re.UNICODE or not isinstance(pattern.regex.pattern, str):
            return None
        sources.append(f"(?:{_NAMED.sub('(?:', pattern.regex.pattern)})")
    return re.compile("|".join(sources)) if sources else None


_NAMED = re.compile(r"(?<!\\)\(\?P<ps_d>")
"""The group by which pathspec knows the match of a folder: it has the same name in each pattern."""


def _spec(lines: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(lines)
    if all(line.count("*") < _STARS for line in lines):
        return spec
    return GitIgnoreSpec([_without_second_thoughts(pattern) for pattern in spec.patterns])


_STARS = 3
"""From so many on a pattern can take long: `*a*a*a*a*a*b` takes a minute over a name of 200 letters."""

_ANYTHING = "[^/]*"
_FIXED = re.compile(r"(?:\\.|\[[^\]]*\]|[^\\()|*+?{}^$/\[\]])+")


def _without_second_thoughts(pattern: Any) -> Any:
    """The same pattern, which having found the first place for what stands between two `*` tries no other: where the
    rest matches behind a later one, it does behind the first too."""
    from pathspec.pattern import RegexPattern

    if not isinstance(pattern, RegexPattern) or pattern.regex is None:
        return pattern
    source = str(pattern.regex.pattern)
    first, *pieces = source.split(_ANYTHING)
    if len(pieces) < _STARS:
        return pattern
    made = [first]
    for piece in pieces[:-1]:
        is_fixed = _FIXED.fullmatch(piece) is not None
        made.append(f"(?>{_ANYTHING}?{piece})" if is_fixed else _ANYTHING + piece)
    made += [_ANYTHING, pieces[-1]]
    return RegexPattern(re.compile("".join(made), pattern.regex.flags), pattern.include)


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
