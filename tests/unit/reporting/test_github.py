"""Annotations, and the summary of a job."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cancelcheck.engine.report import Report, RunError
from cancelcheck.model.finding import Finding
from cancelcheck.reporting import render, render_summary
from cancelcheck.reporting.form import Surroundings
from cancelcheck.reporting.github import summary
from tests.unit.reporting.sample import EMPTY, EVIL, HARM, REPORT


def test_annotations() -> None:
    assert render("github", REPORT) == (
        "::error file=b.py,line=1,endLine=1,col=1,endColumn=6,title=CAN000 internal-error"
        "::b.py:1:1: CAN000 CAN101 lost-task failed%0Ahelp: Report it.\n"
        "::warning file=src/a b.py,line=4,endLine=6,title=CAN101 lost-task"
        "::src/a b.py:4:2: CAN101 task `poll('日本')` is not kept: it can vanish, 100 %25%0Ahelp: Keep it.\n"
        "::warning file=src/a b.py,line=8,endLine=8,col=7,endColumn=8,title=CAN401 http-without-timeout"
        "::src/a b.py:8:7: CAN401 `a` waits: forever, really"
        "%0Apath: src/a b.py:8:2 `serve` calls `wait`%0Apath: lib/x.py:1:1 `wait` has no timeout\n"
        "::error file=c%0Ad.py::cannot be read: Permission denied\n"
    )


def test_properties_are_escaped() -> None:
    finding = Finding("a:b,c%.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "one\r\ntwo: 5%, x", "")
    assert render("github", Report((finding,))) == (
        "::warning file=a%3Ab%2Cc%25.py,line=1,endLine=1,col=1,endColumn=2,title=CAN101 lost-task"
        "::a:b,c%25.py:1:1: CAN101 one\ufffd\ufffdtwo: 5%25, x\n"
    )


def test_an_error_about_no_file_has_no_properties() -> None:
    assert render("github", Report((), errors=(RunError("broken"),))) == "::error::broken\n"


def test_nothing_gets_out_of_its_command() -> None:
    lines = render("github", HARM).split("\n")
    assert len(lines) == 3
    assert [line[:7] for line in lines] == ["::warni", "::error", ""]
    assert "\r" not in "".join(lines)


def test_paths_begin_at_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server").mkdir()
    monkeypatch.chdir(tmp_path / "server")
    finding = Finding("./a.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "m", "")
    there = Surroundings(environment={"GITHUB_WORKSPACE": str(tmp_path)})
    assert "file=server/a.py," in render("github", Report((finding,)), there)
    assert "file=a.py," in render("github", Report((finding,)))


# --- the summary -----------------------------------------------------------------------------------------------------

WHERE = {
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_SHA": "0123abc",
    "GITHUB_STEP_SUMMARY": "summary.md",
}


class Reader(HTMLParser):
    """What a browser would show of inline HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.shown = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.shown += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def test_the_summary_is_a_table_with_links() -> None:
    text, file = render_summary("github", REPORT, Surroundings(environment=WHERE))
    assert file == "summary.md"
    head, empty, titles, rule, *rows = text.splitlines()
    assert (head, empty) == ("### cancelcheck: 3 findings in 2 of 3 files", "")
    assert (titles, rule) == ("| where | rule | what |", "|---|---|---|")
    assert len(rows) == 4
    assert rows[-1] == ""
    assert read(rows[1]).shown == (
        "| src/a b.py:4 | CAN101 lost-task | task poll('日本') is not kept: it can vanish, 100 % |"
    )
    assert read(rows[1]).tags == ["a", "code", "code"]
    assert read(rows[1].partition('href="')[2].partition('"')[0]).shown == (
        "https://github.example/acme/shop/blob/0123abc/src/a%20b.py#L4"
    )
    assert rows[1].count("|") == 4


def test_without_a_place_to_link_to_there_is_no_link() -> None:
    assert "<a " not in summary(REPORT, Surroundings())


def test_nothing_found_is_said_too() -> None:
    assert summary(EMPTY, Surroundings()) == "### cancelcheck: nothing to report in 1 file\n\n"


def test_no_summary_where_nobody_asks_for_it() -> None:
    assert render_summary("github", REPORT, Surroundings()) == ("", "")
    assert render_summary("json", REPORT, Surroundings(environment=WHERE)) == ("", "")


def test_markdown_has_no_hold_on_a_row() -> None:
    (row,) = summary(HARM, Surroundings()).splitlines()[4:-1]
    assert row.count("|") == 4
    assert set("`*_[]#@~\\{}") & set(row) == {"#"}
    assert row.replace("&#", "").count("#") == 0
    assert read(row).tags == ["code", "code", "code"]
    assert EVIL not in row


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_a_message_is_shown_as_it_is(message: str) -> None:
    finding = Finding("a.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", message, "")
    (row, _) = summary(Report((finding,)), Surroundings()).split("\n")[4:-1]
    assert set(read(row).tags) <= {"code"}
    assert row.count("|") == 4


def test_a_summary_has_its_limit() -> None:
    finding = Finding("a.py", 1, 1, 1, 2, "CAN101", "lost-task", "lost-cancel", "m" * 2_000, "")
    text = summary(Report((finding,) * 1_000), Surroundings())
    assert len(text.encode()) < 1_000_000
    assert "\n… and " in text
    shown = sum(line.startswith("| <code>") for line in text.splitlines())
    assert f"… and {1_000 - shown} more" in text
