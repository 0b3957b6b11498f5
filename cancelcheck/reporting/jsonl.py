"""The report as JSON, one object on each line: for tools that read as they go.

`kind` says what a line is: each `finding`, each `suppressed` one, each `error`, and the `summary` at the end; the rest
is what the JSON report has in its places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cancelcheck.engine.report import Report
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.json import document_of, on_one_line


def render(report: Report, surroundings: Surroundings) -> str:
    """A line for each thing there is to say."""
    return "".join(on_one_line(record) for record in _records(report, surroundings))


def _records(report: Report, surroundings: Surroundings) -> Iterator[Mapping[str, object]]:
    document = document_of(report, surroundings)
    for finding in document["findings"]:
        yield {"kind": "finding", **finding}
    for suppressed in document["suppressed"]:
        yield {"kind": "suppressed", **suppressed}
    for error in document["errors"]:
        yield {"kind": "error", **error}
    yield {"kind": "summary", "version": document["version"], **document["summary"]}
