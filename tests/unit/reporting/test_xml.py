"""JUnit and checkstyle: well-formed for any text, and no element or attribute that their readers do not know.

The tables are a strict reading of the schema that Jenkins checks JUnit reports against, and of what checkstyle itself
writes.
"""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cancelcheck.engine.report import Report
from cancelcheck.model.finding import Finding
from cancelcheck.reporting import render
from cancelcheck.reporting.markup import element
from tests.unit.reporting.sample import EMPTY, EVIL, HARM, REPORT


class Known(NamedTuple):
    """What may and must stand in an element."""

    required: frozenset[str]
    optional: frozenset[str]
    children: frozenset[str]
    text: bool = False


def known(required: str, optional: str = "", children: str = "", *, text: bool = False) -> Known:
    return Known(frozenset(required.split()), frozenset(optional.split()), frozenset(children.split()), text)


JUNIT = {
    "testsuites": known("", "name time tests failures errors", "testsuite"),
    "testsuite": known(
        "name tests failures errors",
        "group time skipped timestamp hostname id package file log url",
        "testsuite properties testcase system-out system-err",
    ),
    "testcase": known("name", "time classname group", "skipped error failure system-out system-err"),
    "failure": known("", "type message", text=True),
    "error": known("", "type message", text=True),
}

CHECKSTYLE = {
    "checkstyle": known("version", "", "file exception"),
    "file": known("name", "", "error exception"),
    "error": known("line severity message source", "column"),
}


def read(text: str, root: str, table: dict[str, Known]) -> ET.Element:
    """The document, if there is nothing in it that the table does not know."""
    document = ET.fromstring(text.encode("utf-8"))
    assert document.tag == root
    pending = [document]
    while pending:
        node = pending.pop()
        about = table[node.tag]
        assert about.required <= set(node.attrib) <= about.required | about.optional
        assert {child.tag for child in node} <= about.children
        if not about.text:
            assert not (node.text or "").strip()
        pending.extend(node)
    return document


@pytest.mark.parametrize("report", [REPORT, EMPTY, HARM])
def test_junit_is_what_its_schema_says(report: Report) -> None:
    document = read(render("junit", report), "testsuites", JUNIT)
    cases = list(document.iter("testcase"))
    assert int(document.attrib["tests"]) == len(cases) > 0
    assert int(document.attrib["failures"]) == len(list(document.iter("failure"))) == len(report.findings)
    assert int(document.attrib["errors"]) == len(list(document.iter("error")))
    for suite in document:
        assert int(suite.attrib["tests"]) == len(suite)
        assert int(suite.attrib["failures"]) == len(list(suite.iter("failure")))


def test_junit() -> None:
    document = read(render("junit", REPORT), "testsuites", JUNIT)
    assert [suite.attrib["name"] for suite in document] == ["b.py", "src/a b.py", "c\nd.py"]
    lost, chain = document[1]
    assert lost.attrib == {"name": "CAN101 lost-task at 4:2", "classname": "src/a b.py", "time": "0"}
    assert lost[0].attrib["type"] == "CAN101"
    assert chain[0].text == (
        "src/a b.py:8:7: CAN401 `a` waits: forever, really\n"
        "path: src/a b.py:8:2 `serve` calls `wait`\n"
        "path: lib/x.py:1:1 `wait` has no timeout"
    )
    assert document[2][0][0].attrib["message"] == "cannot be read: Permission denied"


def test_junit_without_a_finding_has_a_test_that_passed() -> None:
    document = read(render("junit", EMPTY), "testsuites", JUNIT)
    assert [case.attrib["name"] for case in document.iter("testcase")] == ["nothing to report"]
    assert document.attrib["failures"] == "0"


@pytest.mark.parametrize("report", [REPORT, EMPTY, HARM])
def test_checkstyle_is_what_checkstyle_writes(report: Report) -> None:
    document = read(render("checkstyle", report), "checkstyle", CHECKSTYLE)
    assert {error.attrib["severity"] for error in document.iter("error")} <= {"ignore", "info", "warning", "error"}
    assert all(int(error.attrib["line"]) >= 1 for error in document.iter("error"))


def test_checkstyle() -> None:
    document = read(render("checkstyle", REPORT), "checkstyle", CHECKSTYLE)
    assert [file.attrib["name"] for file in document] == ["b.py", "src/a b.py", "c\nd.py"]
    lost, chain = document[1]
    assert lost.attrib == {
        "line": "4",
        "column": "2",
        "severity": "warning",
        "message": "task `poll('日本')` is not kept: it can vanish, 100 %. Keep it.",
        "source": "cancelcheck.CAN101.lost-task",
    }
    assert chain.attrib["message"] == "`a` waits: forever, really."


def test_what_xml_can_hold_comes_back() -> None:
    text = "a<b & \"c\" 'd' ]]> \t\n\r é 日 \U0001f600"
    (read_back,) = ET.fromstring(element("r", {"at": text}, [element("e", {}, text=text)]))
    assert read_back.text == text
    assert ET.fromstring(element("r", {"at": text})).attrib["at"] == text


def test_what_xml_cannot_hold_is_shown_by_a_stand_in() -> None:
    document = ET.fromstring(element("r", {"at": EVIL}))
    assert document.attrib["at"] == "x\ufffd[31m\ufffd\u202e\r\n\ufffd\ufffd\ufffd<&\"']]>|`*_#@ \u2028"


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_no_text_breaks_a_document(text: str) -> None:
    finding = Finding(text, 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", text, text, text, statement=text)
    for form in ("junit", "checkstyle"):
        document = ET.fromstring(render(form, Report((finding,))).encode("utf-8"))
        assert len(document) == 1
