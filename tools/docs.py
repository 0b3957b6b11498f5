"""Writes into README.md what follows from the code, and into docs/how-right.md what was read of its reports:
`.venv/bin/python tools/docs.py`.

In the README that is the report on its example, and its table of rules; on the other page the tables that
`tools/precision.py` makes.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cancelcheck.config import SettingsFinder  # noqa: E402
from cancelcheck.engine.pipeline import check  # noqa: E402
from cancelcheck.reporting import render  # noqa: E402
from cancelcheck.reporting.rules import as_markdown  # noqa: E402
from cancelcheck.rules import RULES  # noqa: E402
from tools.precision import tables  # noqa: E402

README = ROOT / "README.md"
HOW_RIGHT = ROOT / "docs" / "how-right.md"

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


def renewed_tables(text: str) -> str:
    """The text of the page on how right it is, as the data are. Raises ValueError where a table has no place."""
    for name, table in tables().items():
        place = re.compile(
            rf"(?P<before><!-- {name}: [^\n]* -->\n)(?P<shown>.*?)(?P<after><!-- end of {name} -->\n)", re.DOTALL
        )
        if not place.search(text):
            raise ValueError(f"{HOW_RIGHT.name} has lost its place for {name}")
        text = _with(place, f"\n{table}\n", text)
    return text


def _with(place: re.Pattern[str], shown: str, text: str) -> str:
    return place.sub(lambda match: f"{match['before']}{shown}{match['after']}", text, count=1)


if __name__ == "__main__":
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
    HOW_RIGHT.write_text(renewed_tables(HOW_RIGHT.read_text("utf-8")), "utf-8")
