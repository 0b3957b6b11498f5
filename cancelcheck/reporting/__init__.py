"""From a report to text: one module for each form, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from cancelcheck.engine.report import Report
from cancelcheck.reporting.form import Form, Surroundings

FORMS: dict[str, Form] = {
    "text": Form("text", for_people=True),
    "concise": Form("concise", for_people=True),
    "grouped": Form("grouped", for_people=True),
    "json": Form("json", utf8=True),
    "jsonl": Form("jsonl", utf8=True),
    "sarif": Form("sarif", utf8=True, lists_rules=True),
    "github": Form("github", utf8=True, summary="GITHUB_STEP_SUMMARY"),
    "gitlab": Form("gitlab", utf8=True, lists_rules=True),
    "junit": Form("junit", utf8=True),
    "checkstyle": Form("checkstyle", utf8=True),
}
"""All forms, by the name that `--format` takes."""


def render(form: str, report: Report, surroundings: Surroundings | None = None) -> str:
    """A report in one of the `FORMS`. The text ends in a line end, or is empty."""
    module = import_module(f"cancelcheck.reporting.{FORMS[form].module}")
    text: str = module.render(report, surroundings if surroundings is not None else Surroundings())
    return text


def render_summary(form: str, report: Report, surroundings: Surroundings) -> tuple[str, str]:
    """What a form has to say besides, and the file that it is to be added to; both empty where there is none."""
    file = surroundings.environment.get(FORMS[form].summary, "") if FORMS[form].summary else ""
    if not file:
        return "", ""
    module = import_module(f"cancelcheck.reporting.{FORMS[form].module}")
    text: str = module.summary(report, surroundings)
    return text, file
