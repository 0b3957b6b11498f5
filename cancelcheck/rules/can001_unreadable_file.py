"""A file that could not be checked.

## Why
The file cannot be decoded or parsed, is nested too deeply, is too large (more than 2,000,000 characters, some 50,000
lines), or takes more than a minute of processor time. Nothing in it was checked, so a clean report would be a false
one. The line and the reason are said; the other files are still checked.

A file is decoded as Python does it: by its byte-order mark, its coding line, or else as UTF-8. A byte that is not of
that encoding, a null byte, an unknown encoding and UTF-16 are reported.

## What to do
Mend the file. One that is meant to be broken (a test's fixture, a template, Python 2) belongs into `exclude`, or into
`per-file-ignores` with `CAN001`.

## Known limits
Syntax that is newer than the installed LibCST is reported too.
"""

from cancelcheck.model.rule import Default, Family, Rule

RULE = Rule(
    code="CAN001",
    name="unreadable-file",
    family=Family.RUN,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=None,
)
