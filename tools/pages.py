"""What the documentation's pages take from the code, as hooks of MkDocs: a page for each rule from its docstring, the
tables of options from the option table, the libraries from the catalogue's data. `tools/website.py` builds the site.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cancelcheck.catalog import Catalog
from cancelcheck.catalog.loader import names_of
from cancelcheck.catalog.schema import LibraryFile
from cancelcheck.model.rule import CAPTIONS, Default, Family, Rule
from cancelcheck.reporting.settings import api_as_markdown, keys_as_markdown, options_as_markdown
from cancelcheck.rules import RULES

ROOT = Path(__file__).resolve().parent.parent

FAMILIES = {
    Family.RUN: "The run itself",
    Family.LOST_CANCEL: "Lost cancel",
    Family.SWALLOWED_CANCEL: "Swallowed cancel",
    Family.CONTEXT: "Contexts and deadlines",
    Family.TIMEOUT: "Missing timeouts",
    Family.SLA: "Promises (SLA)",
}

WHEN = {
    Default.ON: "reports by default",
    Default.STRICT: "reports with `--strict`, or when it is selected by its code or name",
    Default.CONFIGURED: "reports once the settings say what it applies to",
}

_FENCE = re.compile(r"^```python (bad|good)$", re.MULTILINE)
_CODE = re.compile(r"\bCAN\d{3}\b")
_ANY_FENCE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.MULTILINE | re.DOTALL)


# --- hooks -----------------------------------------------------------------------------------------------------------


def on_config(config: Any) -> Any:
    """Put the pages of the rules into the navigation."""
    for item in config.nav:
        if isinstance(item, dict) and "Rules" in item:
            item["Rules"] = ["rules/index.md", *_navigation()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that no file holds."""
    from mkdocs.structure.files import File

    for uri, text in generated().items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables into the pages that ask for them."""
    return filled(markdown)


# --- pages -----------------------------------------------------------------------------------------------------------


def generated() -> dict[str, str]:
    """The text of each page that no file holds, by its place."""
    pages = {address(rule): rule_page(rule) for rule in RULES}
    return {**pages, "rules/index.md": rules_page(), "catalogue.md": catalogue_page()}


def filled(markdown: str) -> str:
    """A page with what its markers, `<!-- table: … -->`, stand for."""
    tables = {
        "keys": lambda: keys_as_markdown(""),
        "sla": lambda: keys_as_markdown("sla"),
        "api": api_as_markdown,
        "options": options_as_markdown,
        "counts": _counts,
        "benchmarks": _benchmarks,
    }
    return re.sub(r"<!-- table: (\w+) -->", lambda match: tables[match[1]](), markdown)


def _benchmarks() -> str:
    """The table of the last measurement, and what was measured on."""
    lines = (ROOT / "benchmarks" / "RESULTS.md").read_text("utf-8").splitlines()
    about = [line for line in lines if line.startswith("- ")]
    table = [line for line in lines if line.startswith("|")]
    return "\n".join([*about, "", *table])


def address(rule: Rule) -> str:
    """Where a rule's page is."""
    return f"rules/{rule.code.lower()}-{rule.name}.md"


def _navigation() -> Iterator[dict[str, list[dict[str, str]]]]:
    for family, title in FAMILIES.items():
        rules = [rule for rule in RULES if rule.family is family]
        if rules:
            yield {title: [{f"{rule.code} {rule.name}": address(rule)} for rule in rules]}


def rule_page(rule: Rule) -> str:
    """A rule's page: its documentation, under a line that says when it reports."""
    head = f"# {rule.code}: {rule.name}\n\n*{FAMILIES[rule.family]}; {WHEN[rule.default]}; since {rule.since}.*\n\n"
    body = _FENCE.sub(lambda match: f'```python title="{CAPTIONS[match[1]].lower()}"', rule.markdown)
    rest = (
        "\n\n## Silencing it\n\n"
        f"A comment on the line that is reported: `# cancelcheck: ignore[{rule.name}] why`, or `# noqa: {rule.code}`.\n"
        f'For a whole project: `ignore = ["{rule.name}"]` in the [settings](../configuration.md).\n'
        if rule.check is not None
        else "\n"
    )
    return head + _linked(body, rule) + rest


def _linked(markdown: str, here: Rule) -> str:
    """A text in which the codes of other rules lead to their pages; what is code stays as it is."""
    by_code = {rule.code: rule for rule in RULES}

    def link(match: re.Match[str]) -> str:
        rule = by_code.get(match[0])
        if rule is None or rule is here:
            return match[0]
        return f"[{rule.code}]({address(rule).removeprefix('rules/')})"

    parts = _ANY_FENCE.split(markdown)
    return "".join(part if number % 2 else _CODE.sub(link, part) for number, part in enumerate(parts))


def rules_page() -> str:
    """All rules, by family."""
    lines = [
        "# Rules\n",
        "A rule that is *on* has to be right. One that is *strict* is worth a look: it reports with `--strict`, or if",
        "it is selected by its code or name. `cancelcheck explain RULE` shows the same pages in a terminal.\n",
    ]
    for family, title in FAMILIES.items():
        rules = [rule for rule in RULES if rule.family is family]
        if rules:
            lines += [f"## {title}\n", "| code | name | default | |", "|---|---|---|---|"]
            lines += [
                f"| [{rule.code}]({address(rule).removeprefix('rules/')}) | `{rule.name}` | {rule.default.value} "
                f"| {_cell(rule.summary)} |"
                for rule in rules
            ]
            lines.append("")
    return "\n".join(lines)


_ALSO = {
    "tasks": ("spawner", "runner", "waiter", "cancellable"),
    "threads": ("thread", "outlived"),
    "timeouts": ("scope", "timeout_object"),
    "cancellation": ("exception", "suppressor", "framework"),
    "locks": ("lock",),
    "retries": ("retry",),
    "entry points": ("serves", "serving_class"),
    "decorators": ("decorator",),
    "clocks": ("clock", "clock_sink"),
}
"""What else a library's file can tell of, and the tables that do."""


# --- the catalogue ---------------------------------------------------------------------------------------------------


def _libraries() -> Iterator[LibraryFile]:
    catalog = Catalog()
    return (catalog.read(name) for name in catalog.libraries())


def _waits(file: LibraryFile) -> tuple[int, int]:
    """How many calls and clients a file tells of that wait, and how many of them do so for ever by default."""
    entries = (*file.api, *file.client)
    names = [(name, entry) for entry in entries for name in names_of(entry.call if entry in file.api else entry.type)]
    return len(names), sum(entry.default == "none" for _, entry in names)


def _counts() -> str:
    """What the catalogue holds, in a sentence."""
    files = list(_libraries())
    waits = [_waits(file) for file in files]
    resources = sum(len(names_of(entry.call)) for file in files for entry in file.resource)
    return (
        f"{len(files)} libraries, {sum(total for total, _ in waits)} calls and clients that can wait, "
        f"{sum(endless for _, endless in waits)} of which have no limit by default, and {resources} calls whose result "
        "has to be given back."
    )


def catalogue_page() -> str:
    """What is known of which library."""
    lines = [
        "# Libraries",
        "",
        "What cancelcheck knows of libraries is data, one file each: what waits and for how long by default, what",
        "turns a timeout off, what has to be closed, what starts work and who owns it. " + _counts(),
        "",
        "*waits* counts the calls and clients that can wait, *without limit* those of them that do so for ever",
        "unless they are told otherwise, *to give back* the calls whose result somebody has to close, release or shut",
        "down. *checked on* is the release that the entries were compared with. Where a default has changed between",
        "releases, the one that the project's requirements ask for counts.",
        "",
        "A library is missing? It is [one file and a fixture](writing-a-rule.md#a-library). The project's own clients",
        "stand in its [settings](configuration.md#clients-of-the-projects-own).",
        "",
        "| library | checked on | waits | without limit | to give back | also |",
        "|---|---|---|---|---|---|",
    ]
    for file in sorted(_libraries(), key=lambda file: file.library.name.lower()):
        total, endless = _waits(file)
        resources = sum(len(names_of(entry.call)) for entry in file.resource)
        also = ", ".join(word for word, tables in _ALSO.items() if any(getattr(file, table) for table in tables))
        about = file.library
        package = f" ({about.package})" if about.package and about.package.lower() != about.name.lower() else ""
        release = f"{about.version}" if about.package else f"Python {about.version}"
        lines.append(
            f"| `{about.name}`{package} | {release} | {total or ''} | {endless or ''} | {resources or ''} | {also} |"
        )
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
