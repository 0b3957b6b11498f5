"""Writes into README.md what follows from the code: `.venv/bin/python tools/docs.py`.

That is the report on its example, and its table of rules.
"""

import re
from pathlib import Path

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.pipeline import check
from cancelcheck.reporting import render
from cancelcheck.reporting.rules import as_markdown
from cancelcheck.rules import RULES

README = Path(__file__).resolve().parent.parent / "README.md"

_EXAMPLE = re.compile(
    r"(?P<before>```python\n(?P<code>.*?)```\n\n```\n\$ cancelcheck --format text serve\.py\n)"
    r"(?P<shown>.*?)(?P<after>```\n)",
    re.DOTALL,
)
_RULES = re.compile(
    r"(?P<before><!-- made by tools/docs\.py; a test compares -->\n)(?P<shown>.*?)(?P<after><!-- end of rules -->\n)",
    re.DOTALL,
)


def renewed(text: str) -> str:
    """The README's text as it is right now. Raises ValueError where one of the two places is missing."""
    example = _EXAMPLE.search(text)
    if example is None or _RULES.search(text) is None:
        raise ValueError("README.md has lost its example or its table of rules")
    report = check(["-"], SettingsFinder(isolated=True), stdin=example["code"].encode(), stdin_filename="serve.py")
    text = _with(_EXAMPLE, render("text", report).removesuffix("\n"), text)
    return _with(_RULES, f"\n{as_markdown(RULES)}\n", text)


def _with(place: re.Pattern[str], shown: str, text: str) -> str:
    return place.sub(lambda match: f"{match['before']}{shown}{match['after']}", text, count=1)


if __name__ == "__main__":
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
