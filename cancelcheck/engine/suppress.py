"""Comments that silence findings, and which of them did.

    # noqa                                   everything that is reported on this line
    # noqa: CAN101,CAN2                      these codes, or codes that begin so
    # noqa: RUF006                           another linter's code for the same defect
    # ruff: ignore[asyncio-dangling-task]    ruff's name for it
    # type: ignore[unused-coroutine]         mypy's
    # cancelcheck: ignore[lost-task] reason  these rules: codes, prefixes, names, families
    # cancelcheck: ignore-file               everything in this file

A comment counts for a finding that begins on its line or ends there. Lines that a string or a backslash joins are one.
"""

from __future__ import annotations

import bisect
import re
import sys
from collections.abc import Collection, Iterator, Sequence

import msgspec

from cancelcheck.engine.select import SelectorError, matches
from cancelcheck.model.edit import Edit
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Rule
from cancelcheck.model.source import SourceFile

_WORDS = re.compile(r"noqa|cancelcheck:|ruff:|unused-coroutine", re.IGNORECASE)

_BEHIND = re.compile(r"#[^\r\n]*")

# A string that has no end stops at its line's end (or, with three quotes, at the file's), so that one mistake in a file
# does not hide the comments below it.
_SCAN = re.compile(
    r"""
      (?P<comment> \#[^\r\n]* )
    | (?P<long> \"{3} (?: [^"\\] | \\. | "(?!"") )* (?: \"{3} | \Z )
              | '{3} (?: [^'\\] | \\. | '(?!'') )* (?: '{3} | \Z ) )
    | (?P<short> " (?: [^"\\\r\n] | \\(?:\r\n|.) )* "?
               | ' (?: [^'\\\r\n] | \\(?:\r\n|.) )* '? )
    | (?P<join> \\(?:\r\n|\r|\n) )
    """,
    re.VERBOSE | re.DOTALL,
)

# flake8's own form: what follows the colon and is no code makes it a comment for all codes
_NOQA = re.compile(r"# noqa(?::\s?(?P<codes>(?:[A-Z]+[0-9]+(?:[,\s]+)?)+))?", re.IGNORECASE)
_OURS = re.compile(r"#\s*cancelcheck:\s*(?P<word>[\w-]+)\s*(?P<rules>\[[^\]]*\])?", re.IGNORECASE)
_CODE = re.compile(r"CAN\d{0,3}")

_RUFF = re.compile(r"#\s*ruff:\s*ignore\[(?P<rules>[^\]]*)\]")
_UNUSED_COROUTINE = re.compile(r"#\s*type:\s*ignore\[[^\]]*\bunused-coroutine\b")

_SAME_DEFECT = {
    "ARG001": ("CAN309",),  # on a parameter that carries a bound: it is not used
    "ARG002": ("CAN309",),
    "ASYNC100": ("CAN114",),  # a scope with no checkpoint in it
    "ASYNC102": ("CAN107",),  # await in a finally or in a handler for cancellations
    "ASYNC103": ("CAN201", "CAN202"),  # a handler that takes a cancellation, and does not raise it again
    "ASYNC104": ("CAN201", "CAN202"),  # the same, where it returns or goes on
    "ASYNC110": ("CAN206",),  # a loop that sleeps until something is so
    "ASYNC119": ("CAN111",),  # yield in a scope of an asynchronous generator
    # what blocks the event loop: requests, clients, processes, files, paths, prompts, sleeps
    **dict.fromkeys(("ASYNC210", "ASYNC211", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC222"), ("CAN406",)),
    **dict.fromkeys(("ASYNC230", "ASYNC231", "ASYNC232", "ASYNC240", "ASYNC250", "ASYNC251"), ("CAN406",)),
    "B012": ("CAN204",),
    "F841": ("CAN101",),  # on such a line: a task in a local that nothing reads
    "PLW0150": ("CAN204",),
    "RUF006": ("CAN101",),
    "S113": ("CAN401",),
    "W0150": ("CAN204",),
}
"""Codes of flake8 and its plugins, pylint and ruff that report the same defect: who silences one
of them has looked at it."""

_NAMED = {
    "async-busy-wait": "ASYNC110",
    "asyncio-dangling-task": "RUF006",
    "blocking-http-call-in-async-function": "ASYNC210",
    "blocking-input-in-async-function": "ASYNC250",
    "blocking-open-call-in-async-function": "ASYNC230",
    "blocking-path-method-in-async-function": "ASYNC240",
    "blocking-sleep-in-async-function": "ASYNC251",
    "cancel-scope-no-checkpoint": "ASYNC100",
    "create-subprocess-in-async-function": "ASYNC220",
    "jump-statement-in-finally": "B012",
    "request-without-timeout": "S113",
    "run-process-in-async-function": "ASYNC221",
    "unused-function-argument": "ARG001",
    "unused-method-argument": "ARG002",
    "unused-variable": "F841",
    "wait-for-process-in-async-function": "ASYNC222",
}
"""Ruff's names of these codes."""


_HEARD = ("CAN000", "CAN001", "CAN002")
"""What is about the run, or about such a comment itself."""


class Directive(msgspec.Struct):
    """One comment that silences. `first` to `last` are the lines that it counts for. `selectors` maps each selector as
    written to the codes it means, `foreign` those of another linter; `everything` says that there are none. `used` are
    the selectors that silenced something, "" for everything."""

    line: int
    column: int
    end_column: int
    first: int
    last: int
    comment: str = ""
    is_noqa: bool = False
    whole_file: bool = False
    everything: bool = False
    selectors: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)
    foreign: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)
    problems: list[str] = msgspec.field(default_factory=list)
    used: set[str] = msgspec.field(default_factory=set)


class Suppressions:
    """The comments of one file. `noqa`: whether `# noqa` counts too."""

    def __init__(self, source: SourceFile, rules: Sequence[Rule], *, noqa: bool = True) -> None:
        self._rules = rules
        self._codes = frozenset(rule.code for rule in rules)
        self.directives: list[Directive] = list(self._read(source, noqa)) if _may_silence(source.text) else []
        self._by_line: dict[int, list[Directive]] = {}
        self._of_file: list[Directive] = []
        for directive in self.directives:
            if directive.whole_file:
                self._of_file.append(directive)
                continue
            for line in range(directive.first, directive.last + 1):
                self._by_line.setdefault(line, []).append(directive)

    def _covering(self, finding: Finding) -> Iterator[Directive]:
        """The comments that count where the finding stands."""
        yield from self._of_file
        for line in sorted({finding.line, finding.end_line}):
            yield from self._by_line.get(line, ())

    def silence(self, finding: Finding) -> str | None:
        """The comment that silences the finding, None where none does; every one that does so counts as used."""
        silenced: str | None = None
        for directive in self._covering(finding):
            here = any(finding.code in codes for codes in directive.foreign.values())
            if directive.everything:
                directive.used.add("")
                here = True
            for selector, codes in directive.selectors.items():
                if finding.code in codes:
                    directive.used.add(selector)
                    here = True
            if here and silenced is None:
                silenced = directive.comment
        return silenced

    def names(self, finding: Finding) -> bool:
        """Whether a comment on the finding's line names its very rule."""
        return any(
            codes == {finding.code} for directive in self._covering(finding) for codes in directive.selectors.values()
        )

    def unused(self, active: Collection[str]) -> Iterator[tuple[Directive, str]]:
        """The comments that silenced nothing, with a sentence each. A selector of which no rule is among the `active`
        codes had no chance to, and a plain `# noqa` may be meant for another tool: they are left alone."""
        for directive in self.directives:
            for problem in directive.problems:
                yield directive, problem
            if directive.everything and not directive.used and not directive.is_noqa:
                yield directive, "silences nothing"
            idle = [
                selector
                for selector, codes in directive.selectors.items()
                if selector not in directive.used and codes & frozenset(active) and codes != {"CAN002"}
            ]
            if idle:
                yield directive, f"{', '.join(f'`{selector}`' for selector in idle)} silences nothing here"

    def _read(self, source: SourceFile, noqa: bool) -> Iterator[Directive]:
        joined: list[tuple[int, int]] = []
        comments: list[tuple[int, int, str]] = []
        for match in _SCAN.finditer(source.text):
            found = match[0]
            if match.lastgroup == "comment":
                if _WORDS.search(found):
                    comments.append((*source.position(match.start()), found))
                continue
            if "\n" not in found and "\r" not in found:
                continue
            line = source.position(match.start())[0]
            last = source.position(match.end())[0]
            if last > line:
                if joined and line <= joined[-1][1]:
                    joined[-1] = (joined[-1][0], last)
                else:
                    joined.append((line, last))
        for line, column, comment in comments:
            at = bisect.bisect_right(joined, (line, sys.maxsize)) - 1
            first, last = joined[at] if at >= 0 and line <= joined[at][1] else (line, line)
            place = Directive(line, column, column + len(comment.rstrip()), first, last, comment.rstrip())
            yield from self._directives(place, comment, noqa)

    def _directives(self, place: Directive, comment: str, noqa: bool) -> Iterator[Directive]:
        match = _NOQA.search(comment) if noqa else None
        if match is not None:
            codes = (match["codes"] or "").upper().replace(",", " ").split()
            ours = {code: self._beginning_with(code) for code in codes if _CODE.fullmatch(code)}
            # flake8 takes any beginning of a code, as short as `C`
            others = {code: self._beginning_with(code) for code in codes if code not in ours}
            yield Directive(
                place.line,
                place.column,
                place.end_column,
                place.first,
                place.last,
                place.comment,
                is_noqa=True,
                everything=not codes,
                selectors={**ours, **{code: found for code, found in others.items() if found}},
                foreign={code: frozenset(_SAME_DEFECT[code]) for code in codes if code in _SAME_DEFECT},
                problems=[f"`{code}` is no rule" for code, found in ours.items() if not found],
            )
        foreign = self._named_elsewhere(comment) if noqa else {}
        if foreign:
            yield Directive(
                place.line,
                place.column,
                place.end_column,
                place.first,
                place.last,
                place.comment,
                is_noqa=True,
                foreign=foreign,
            )
        match = _OURS.search(comment)
        if match is None:
            return
        word = match["word"].lower()
        directive = Directive(
            place.line,
            place.column,
            place.end_column,
            place.first,
            place.last,
            place.comment,
            whole_file=word == "ignore-file",
        )
        if word not in ("ignore", "ignore-file"):
            import difflib

            if not difflib.get_close_matches(word, ("ignore", "ignore-file"), cutoff=0.7):
                return
            directive.problems.append(f"`{match['word']}` is not understood: `ignore[…]` or `ignore-file` is meant")
        elif match["rules"] is None:
            directive.everything = True
        else:
            self._take_selectors(directive, match["rules"][1:-1])
        yield directive

    def _named_elsewhere(self, comment: str) -> dict[str, frozenset[str]]:
        """What comments of other tools in their own forms silence, by their names and codes."""
        found: dict[str, frozenset[str]] = {}
        if _UNUSED_COROUTINE.search(comment):
            found["unused-coroutine"] = frozenset({"CAN112"})
        match = _RUFF.search(comment)
        for name in (part.strip() for part in match["rules"].split(",")) if match is not None else ():
            codes = _SAME_DEFECT.get(_NAMED.get(name, name))
            if codes is not None:
                found[name] = frozenset(codes)
        return found

    def _take_selectors(self, directive: Directive, text: str) -> None:
        selectors = [selector.strip() for selector in text.split(",") if selector.strip()]
        if not selectors:
            directive.problems.append("names no rule between its brackets")
        for selector in selectors:
            try:
                directive.selectors[selector] = matches(selector, self._rules)[1]
            except SelectorError as error:
                directive.problems.append(str(error))

    def _beginning_with(self, prefix: str) -> frozenset[str]:
        return frozenset(code for code in self._codes if code.startswith(prefix))


def _may_silence(text: str) -> bool:
    """Whether `_WORDS` may find anything in a comment: every file is asked, and to search without regard to case is
    slow. What stands behind a `#` is looked at alone: a file may be one string of 300,000 characters."""
    lowered = "\n".join(_BEHIND.findall(text)).lower()
    return bool(lowered) and any(word in lowered for word in ("noqa", "cancelcheck:", "ruff:", "unused-coroutine"))


def silencing_edit(source: SourceFile, finding: Finding, rules: Sequence[Rule]) -> Edit | None:
    """The comment that silences a finding, at the end of one of its lines; None where there is no place for one."""
    if finding.code in _HEARD:
        return None
    for line in dict.fromkeys((finding.line, finding.end_line)):
        edit = _comment_at(source, line, finding.name, rules)
        if edit is None:
            continue
        text = source.text[: edit.start] + edit.text + source.text[edit.end :]
        # no comment where the line ends within a string
        if Suppressions(SourceFile(source.path, text), rules, noqa=False).silence(finding) is not None:
            return edit
    return None


def _comment_at(source: SourceFile, line: int, name: str, rules: Sequence[Rule]) -> Edit | None:
    text = source.line(line)
    start = source.starts[line - 1]
    if text.endswith("\\"):
        return None
    for directive in Suppressions(source, rules, noqa=False).directives:
        match = _OURS.search(text, directive.column - 1) if directive.line == line else None
        if match is not None and match["rules"] is not None and not directive.whole_file:
            at = start + match.end("rules") - 1
            return Edit(at, at, f", {name}" if match["rules"][1:-1].strip() else name)
    kept = len(text.rstrip())
    return Edit(start + kept, start + len(text), f"  # cancelcheck: ignore[{name}]")
