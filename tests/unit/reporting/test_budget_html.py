"""The budget as a page: what is in it, and in a browser, how it looks on a phone and to who does not see it."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from cancelcheck.config import SettingsFinder
from cancelcheck.engine.budget import budget
from cancelcheck.model.budget import Budget, Call, Entry, Place, Verdict, Wait
from cancelcheck.reporting.budget_chain import Step, chain_of
from cancelcheck.reporting.budget_html import render
from tests.support.browser import asked, axe, needs_browser
from tests.support.runs import write

SHOP = {
    "web.py": """\
from cancelcheck.markers import sla
from flask import Flask

import service

app = Flask(__name__)


@app.get("/<script>alert(1)</script>")
@sla(timeout=2)
def slow():
    return service.slow("</pre><script>alert(2)</script>")


@app.get("/stuck")
def stuck():
    return service.a_function_with_a_name_that_is_so_long_that_no_phone_shows_it_on_one_line_of_its_screen()


def helper(): return {}
@app.get("/short")
def short(): return helper()
""",
    "service.py": """\
import repository


def slow(url):
    for _ in range(2):
        try:
            return repository.read(url)
        except repository.Timeout:
            continue


def a_function_with_a_name_that_is_so_long_that_no_phone_shows_it_on_one_line_of_its_screen():
    return repository.read_for_as_long_as_it_takes()
""",
    "repository.py": """\
import requests

Timeout = requests.Timeout


def read(url):
    return requests.get(url, timeout=1.5)


def read_for_as_long_as_it_takes():
    return requests.get("https://c.example")
""",
}


class _Page(HTMLParser):
    """Which elements a page opens and closes, and what it would load or run."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.opens: list[str] = []
        self.headings: list[int] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        given = {name: value or "" for name, value in attrs}
        self.loads += [tag] if tag in ("script", "link", "img", "iframe") else []
        self.loads += [name for name, value in given.items() if name in ("src", "href") and not value.startswith("#")]
        self.loads += [name for name in given if name.startswith("on")]
        self.ids += [given["id"]] if "id" in given else []
        self.opens += [given["popovertarget"]] if "popovertarget" in given else []
        self.headings += [int(tag[1])] if tag in ("h1", "h2", "h3", "h4") else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "shop"
    write(folder, {"pyproject.toml": "", **SHOP})
    monkeypatch.chdir(folder)
    found = budget(["."], SettingsFinder())
    assert found.errors == ()
    return render(found)


def test_it_loads_nothing_and_is_well_formed(shop: str) -> None:
    page = _Page(shop)
    assert page.open == []
    assert page.loads == []
    assert len(set(page.ids)) == len(page.ids)
    assert set(page.opens) <= set(page.ids)
    assert "GET /<script>alert(1)</script>" in page.text


def test_headings_leave_no_level_out(shop: str) -> None:
    levels = _Page(shop).headings
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_each_place_that_is_named_can_be_looked_at(shop: str) -> None:
    page = _Page(shop)
    assert 'return service.slow("</pre><script>alert(2)</script>")' in page.text
    assert shop.count("class='snippet'") == len(set(page.opens))
    # a place that is named twice stands in the page once
    assert len(page.opens) > 2 * len(set(page.opens))


def test_what_has_no_source_is_named_all_the_same() -> None:
    entry = Entry(("route",), "GET /", "a.b", Place("a.py", 3, 1), Verdict.BOUNDED, 0.0)
    page = _Page(render(Budget((entry,), 1, errors=(("b\udc80.py", "cannot be <read>"),))))
    assert "a.py:3" in page.text
    assert "cannot be <read>" in page.text
    assert page.opens == []


def _drawn(step: Step) -> list[object]:
    return [step.text, *(_drawn(part) for part in step.steps)]


def _place(line: int) -> Place:
    return Place("a.py", line, 1)


def test_the_chain_has_each_call_once() -> None:
    post = Wait("http.post(…)", _place(9), 0, 2000, "timeout 2 s", blocks=False)
    attempts = [Wait(f"attempt {n} of 3", _place(8), 0, 2000, "", blocks=False, parts=(post,)) for n in (1, 2, 3)]
    delays = [Wait(f"delay {n}", _place(8), 0, 500, "between attempts", blocks=False) for n in (1, 2)]
    debit = Wait("debit(…)", _place(7), 0, 7000, "", blocks=False, parts=(*attempts, *delays))
    entry = Entry(
        ("route",),
        "POST /",
        "a.b",
        _place(6),
        Verdict.FOREVER,
        7000,
        waits=(debit,),
        forever=(Call("debit", _place(7)), Call("lock.acquire", _place(10), "it has no timeout")),
        unknown=(Call("debit", _place(7)), Call("db.execute", _place(2), "not known")),
    )
    chain = chain_of(entry)
    assert _drawn(chain) == [
        "POST /",
        ["debit", ["db.execute"], ["attempt", ["http.post"]], ["delay"], ["lock.acquire"]],
    ]
    [debited] = chain.steps
    assert (debited.verdict, debited.wait_ms) == (Verdict.FOREVER, 7000)
    assert [(step.times, step.each_ms, step.why) for step in debited.steps] == [
        (0, None, "not known"),
        (3, 2000, ""),
        (2, 500, ""),
        (0, None, "it has no timeout"),
    ]
    assert chain.depth == 4


# --- in a browser ----------------------------------------------------------------------------------------------------

UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; });"


@needs_browser
@pytest.mark.parametrize("width", [320, 700, 1280])
def test_it_is_never_wider_than_the_screen(shop: str, tmp_path: Path, width: int) -> None:
    script = """
      const room = document.documentElement.clientWidth;
      const wide = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
        && !one.closest(".said") && one.getBoundingClientRect().right > room + 1);
      return [document.documentElement.scrollWidth - room, wide.map((one) => one.outerHTML.slice(0, 200))];
    """
    assert asked(shop, script, tmp_path, width=width, first=UNFOLD) == [0, []]


@needs_browser
def test_a_place_opens_what_stands_there_and_has_the_focus_back(shop: str, tmp_path: Path) -> None:
    script = """
      const place = document.querySelector("button.place");
      place.focus();
      place.click();
      const open = document.querySelector(":popover-open");
      const shown = [open.querySelector("mark").innerText.trim(), document.activeElement === open];
      open.querySelector("button").click();
      return [...shown, document.querySelector(":popover-open"), document.activeElement === place];
    """
    marked, focused, left, back = asked(shop, script, tmp_path, width=1280, first=UNFOLD)
    assert marked == "def stuck():"
    assert (focused, left, back) == (True, None, True)


@needs_browser
@pytest.mark.skipif(axe() is None, reason="no axe-core: npm install axe-core, or CANCELCHECK_AXE")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_in_the_way_of_who_does_not_see_it(shop: str, tmp_path: Path, width: int, dark: bool) -> None:
    engine = axe()
    assert engine is not None
    script = """
      const told = async () => (await axe.run(document)).violations.flatMap(
        (found) => found.nodes.map((node) => [found.id, node.html, node.failureSummary]));
      const closed = await told();
      document.querySelector("button.place").click();
      return [matchMedia("(prefers-color-scheme: dark)").matches, closed, await told()];
    """
    found = asked(shop, script, tmp_path, width=width, dark=dark, first=UNFOLD + engine.read_text("utf-8"))
    assert found == [dark, [], []]
