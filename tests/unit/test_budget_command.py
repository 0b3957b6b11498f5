"""`cancelcheck budget`: the waterfall for people, and the same for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cancelcheck.cli import main
from cancelcheck.reporting.budget import time_text

CODE = """\
import requests
from flask import Flask
from cancelcheck.markers import sla

app = Flask(__name__)


def load(url):
    for _ in range(2):
        try:
            return requests.get(url, timeout=1.5)
        except requests.Timeout:
            continue


@app.get("/slow")
@sla(timeout=2)
def slow():
    requests.post("https://a.example", timeout=0.25)
    return load("https://b.example")


@app.get("/stuck")
def stuck():
    return later()


def later():
    return requests.get("https://c.example")
"""

TEXT = """\
GET /stuck  (route)  shop.stuck  shop.py:24
  can wait forever
  forever    later  shop.py:25
               requests.get: it has no timeout  shop.py:29

GET /slow  (sla, route)  shop.slow  shop.py:18
  promises 2 s, can wait 3.25 s: 1.25 s too long
  ██                        250 ms  requests.post(…)  timeout 0.25 s     shop.py:19
    ──────────────────────  3 s  load(…)                                 shop.py:20
    ██████████████████████    2 × 1.5 s  requests.get(…)  timeout 1.5 s  shop.py:11

2 entry points in 1 file; 1 can wait forever; 0 for a time that is not known; 1 for longer than promised.
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_waterfall(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budget", "--isolated", "shop.py"]) == 0
    assert capsys.readouterr().out == TEXT


def test_the_same_from_the_cache(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(["budget", "--isolated", "."]) for _ in range(2)] == [0, 0]
    once, twice = capsys.readouterr().out.split("promised.\n")[:2]
    assert once == twice


def test_for_programs(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budget", "--isolated", "--format", "json", "shop.py"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["summary"] == {"files": 1, "entries": 2, "bounded": 1, "unknown": 0, "forever": 1, "broken": 1}
    stuck, slow = report["entries"]
    assert [step["text"] for step in stuck["forever"]] == ["later", "requests.get"]
    assert (slow["promised_ms"], slow["worst_ms"], slow["broken"]) == (2000, 3250, True)
    assert [(wait["start_ms"], wait["wait_ms"]) for wait in slow["waits"]] == [(0, 250), (250, 3000)]


def test_into_a_file(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budget", "--isolated", "--output", "budget.txt", "shop.py"]) == 0
    assert capsys.readouterr().out == ""
    assert (shop / "budget.txt").read_text("utf-8") == TEXT


def test_no_entry_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert main(["budget", "--isolated", "--no-cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "No entry points in 1 file.\n"


def test_a_file_that_cannot_be_parsed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("def (:\n")
    assert main(["budget", "--isolated", "--no-cache", str(tmp_path)]) == 2
    assert "a.py: line 1: the file" in capsys.readouterr().err


def test_test_files_are_left_out(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "shop.py").rename(shop / "test_shop.py")
    assert main(["budget", "--isolated", "."]) == 0
    assert capsys.readouterr().out == "No entry points in 1 file.\n"


def test_config_and_isolated_exclude_each_other(shop: Path) -> None:
    assert main(["budget", "--isolated", "--config", "x.toml"]) == 2


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 s"),
        (0.5, "0.5 ms"),
        (800, "800 ms"),
        (2000, "2 s"),
        (3250, "3.25 s"),
        (300_000, "300 s"),
        (900_000, "15 min"),
    ],
)
def test_times_as_people_write_them(milliseconds: float, text: str) -> None:
    assert time_text(milliseconds) == text


def test_the_page(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budget", "--isolated", "--html", "budget.html", "shop.py"]) == 0
    text = (shop / "budget.html").read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "promises 2 s, can wait 3.25 s: 1.25 s too long" in text
    assert capsys.readouterr().out == TEXT
