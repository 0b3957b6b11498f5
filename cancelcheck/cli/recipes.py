"""The texts that `cancelcheck init` proposes: settings, the pre-commit entry, the job of a CI server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.engine.toml import rendered

if TYPE_CHECKING:
    from cancelcheck.engine.survey import Survey


class Origin(NamedTuple):
    """Where this installation came from: a repository and a commit; both empty where nothing says so."""

    url: str = ""
    commit: str = ""

    @property
    def requirement(self) -> str:
        """What pip installs."""
        return f"cancelcheck @ git+{self.url}@{self.commit}" if self.url else "cancelcheck"


# --- settings


def settings_keys(survey: Survey, src: Sequence[str]) -> list[str]:
    """The lines of `[tool.cancelcheck]`; `src` is what it is by now."""
    roots = [root for root in survey.roots if root not in src]
    return [f"src = {rendered([*roots, *src])}  # where the project's modules begin"] if roots else []


def sla_table(survey: Survey) -> list[str]:
    """The lines of the table for promises, without its header."""
    from cancelcheck.config import SlaSettings

    usual = SlaSettings()
    lines: list[str] = []
    for key, counted, known in (
        ("decorators", survey.promises, usual.decorators),
        ("compensation-decorators", survey.compensations, usual.compensation_decorators),
        ("idempotent-decorators", survey.idempotent, usual.idempotent_decorators),
    ):
        new = sorted(set(counted) - set(known))
        if new:
            lines.append(f"{key} = {rendered([*known, *new])}")
    contracts = sorted(path for path, promises in survey.contracts.items() if promises)
    if contracts:
        lines.append(f"openapi = {rendered(contracts)}")
    if survey.breakers:
        names = rendered(sorted(survey.breakers))
        lines.append(f"# breakers = {names}  # would report calls that none of them guards (CAN511)")
    return lines


# --- pre-commit


_LOCAL = """\
- repo: local
  hooks:
    - id: cancelcheck
      name: cancelcheck
      entry: cancelcheck check --force-exclude
      language: system
      types: [python]
      require_serial: true
"""
_REMOTE = """\
- repo: {url}
  rev: {commit}
  hooks:
    - id: cancelcheck
"""
_REPOS = re.compile(r"^repos:[ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_ITEM = re.compile(r"^(?P<indent>[ ]*)- +repo:", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^[A-Za-z_]", re.MULTILINE)


def pre_commit(text: str, origin: Origin) -> str | None:
    """The text of `.pre-commit-config.yaml` with the hook; None where it has a form that only a person should
    change."""
    entry = _REMOTE.format(url=origin.url, commit=origin.commit) if origin.url else _LOCAL
    if not text.strip():
        return f"repos:\n{_indented(entry, '  ')}"
    newline = "\r\n" if "\r\n" in text else "\n"
    plain = text.replace("\r\n", "\n")
    repos = _REPOS.search(plain)
    item = _ITEM.search(plain, repos.end()) if repos is not None else None
    if repos is None or item is None:
        return None
    behind = _TOP_LEVEL.search(plain, repos.end())
    end = behind.start() if behind is not None else len(plain)
    if item.start() > end:
        return None
    head = plain[:end].rstrip("\n") + "\n"
    tail = plain[end:]
    changed = head + _indented(entry, item["indent"]) + ("\n" + tail if tail else "")
    return changed.replace("\n", newline)


def _indented(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}" for line in text.splitlines(keepends=True))


# --- CI


def github_job(origin: Origin, branch: str) -> str:
    """A workflow that puts annotations on pull requests."""
    return f"""\
name: cancelcheck
on:
  pull_request:
  push:
    branches: [{branch}]
permissions:
  contents: read
jobs:
  cancelcheck:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.x"
      - run: python -m pip install "{origin.requirement}"
      - run: cancelcheck --format github .
"""


_STAGES = re.compile(r"^stages:(?P<inline>[^\n]*)(?P<listed>(?:\n[ \t]*-[^\n]*)*)", re.MULTILINE)


def gitlab_job(text: str, origin: Origin) -> str | None:
    """The text of `.gitlab-ci.yml` with a job that fills the code-quality report; None where its stages lack `test`."""
    stages = _STAGES.search(text)
    if stages is not None and not re.search(r"\btest\b", stages[0]):
        return None
    job = f"""\
cancelcheck:
  stage: test
  image: python:3
  script:
    - pip install "{origin.requirement}"
    - cancelcheck --format gitlab --output gl-code-quality-report.json .
  artifacts:
    when: always
    reports:
      codequality: gl-code-quality-report.json
"""
    newline = "\r\n" if "\r\n" in text else "\n"
    return (text.rstrip("\r\n") + newline * 2 if text.strip() else "") + job.replace("\n", newline)


def counted_names(names: Iterable[tuple[str, int]]) -> str:
    """`sla (5 times), slo (once)`."""
    return ", ".join(f"`{name}` ({'once' if count == 1 else f'{count} times'})" for name, count in names)
