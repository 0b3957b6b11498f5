"""A rule failed on a file.

## Why
A defect in cancelcheck made a rule stop in the middle of a file: what it would have said there is not known. Nothing is
swallowed: the finding names the rule and the function it was looking at, the traceback stands among the report's
errors, the other rules and files are still checked, and the run ends with exit status 2.

## What to do
Report it with the traceback. Until it is mended, `ignore` the rule, or `per-file-ignores` it for that file. CAN000
itself cannot be ignored or suppressed.

## Known limits
none known
"""

from cancelcheck.model.rule import Default, Family, Rule

RULE = Rule(
    code="CAN000",
    name="internal-error",
    family=Family.RUN,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=None,
)
