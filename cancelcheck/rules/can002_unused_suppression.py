"""An ignore comment that silences nothing.

## Why
A comment that outlives its finding hides the next one: whoever adds a lost task to that line will not be told. One that
is misspelt never worked, and reads as if it did.

`# cancelcheck: ignore[…]` and `ignore-file` are reported, and `# noqa` where it names a code of ours. A plain `# noqa`
may be meant for another tool. A comment for a rule that is not selected, or that says nothing in this file (families 4
and 5 in a test), had no chance to silence anything and is left alone.

```python bad
import asyncio

async def main() -> None:
    await asyncio.sleep(1)  # cancelcheck: ignore[lost-task] the task is awaited now
```

```python good
import asyncio

async def main() -> None:
    await asyncio.sleep(1)
```

## What to do
Remove the comment, or the code in it that is named.

## Known limits
A quote inside an f-string of the same quotes (Python 3.12) may hide a comment on that line.
"""

from cancelcheck.model.rule import Default, Family, Rule

RULE = Rule(
    code="CAN002",
    name="unused-suppression",
    family=Family.RUN,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=None,
)
