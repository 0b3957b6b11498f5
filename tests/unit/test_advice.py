"""Reports on missing timeouts name whose default it is, and a constant of the project that could be passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cancelcheck.config import Settings
from cancelcheck.link.timeouts.advice import library_of
from tests.support.runs import run, write

CALL = "import requests\n{more}\n\n\ndef get(url):\n    return requests.get(url)\n"


@pytest.mark.parametrize(
    ("target", "library"),
    [
        ("requests.get", "requests"),
        ("requests.Session.get", "requests"),
        ("urllib.request.urlopen", "urllib.request"),
        ("urllib.request.OpenerDirector.open", "urllib.request"),
        ("http.client.HTTPConnection", "http.client"),
        ("google.cloud.storage.Client", "google.cloud.storage"),
        ("socket.socket.connect", "socket"),
        ("connect", "connect"),
    ],
)
def test_a_library_is_called_by_its_module(target: str, library: str) -> None:
    assert library_of(target) == library


@pytest.mark.parametrize(
    ("more", "help"),
    [
        ("", "Pass `timeout=`, in seconds."),
        ("HTTP_TIMEOUT = 10", "Pass `timeout=HTTP_TIMEOUT`, 10 seconds."),
        ("TIMEOUT_MS = 10\nTIMEOUT_SECONDS = 2.5", "Pass `timeout=TIMEOUT_SECONDS`, 2.5 seconds."),
        ("DEFAULT_TIMEOUT = 10\nREQUESTS_TIMEOUT = 5", "Pass `timeout=REQUESTS_TIMEOUT`, 5 seconds."),
        ("SHUTDOWN_TIMEOUT = 10", "Pass `timeout=`, in seconds."),
        ("HTTP_TIMEOUT = None", "Pass `timeout=`, in seconds."),
        ("HTTP_TIMEOUT = read()", "Pass `timeout=`, in seconds."),
        ("HTTP_TIMEOUT = 5\nHTTP_TIMEOUT = 10", "Pass `timeout=`, in seconds."),
        ("from settings import API_TIMEOUT", "Pass `timeout=API_TIMEOUT`, 20 seconds."),
        ("import settings", "Pass `timeout=settings.API_TIMEOUT`, 20 seconds."),
        ("from elsewhere import API_TIMEOUT", "Pass `timeout=`, in seconds."),
    ],
)
def test_a_constant_in_reach_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, help: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"settings.py": "API_TIMEOUT = 20\n", "shop.py": CALL.format(more=more)})
    (finding,) = run("shop.py").findings
    assert finding.help == help
    assert finding.message == "`requests.get(…)` has no timeout: requests waits forever by default"


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        (
            "import socket\n{more}peer = socket.socket()\npeer.connect((HOST, 80))\n",
            "`peer.connect(…)` has no timeout: socket waits forever by default",
            (
                "Tell it before: `peer.settimeout(…)`, in seconds.",
                "Tell it before: `peer.settimeout(TIMEOUT)`, 5 seconds.",
            ),
        ),
        (
            "import sqlalchemy\n{more}sqlalchemy.create_engine('postgresql+psycopg2://db.example/bank')\n",
            "`sqlalchemy.create_engine(…)` has no timeout: psycopg2 waits for a connection forever by default",
            (
                'Pass `connect_args={"connect_timeout": …}`, in seconds.',
                'Pass `connect_args={"connect_timeout": TIMEOUT}`, 5 seconds.',
            ),
        ),
    ],
)
def test_what_takes_no_plain_argument_is_told_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str, help: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for more, told in zip(("", "TIMEOUT = 5\n"), help, strict=True):
        write(tmp_path, {"shop.py": text.format(more=more)})
        (finding,) = [
            found
            for found in run("shop.py", settings=Settings(strict=True)).findings
            if found.code in ("CAN403", "CAN408")
        ]
        assert (finding.message, finding.help) == (message, told)


def test_a_wrapper_is_told_of_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "import requests\n\nTIMEOUT = 5\n\n\ndef get(url, wait=(3, None)):\n"
    text += "    return requests.get(url, timeout=wait)\n\n\nget('/')\n"
    write(tmp_path, {"shop.py": text})
    (finding,) = run("shop.py").findings
    assert finding.message == "`get(…)` leaves `wait` at `(3, None)`: `requests.get(…)` then waits forever"
    assert finding.help == "Pass `wait=TIMEOUT` or give it a finite default."
    assert [step.note for step in finding.trace] == ["`wait` is left at (3, None)", "`requests.get(…)` is given it"]


def test_an_unused_timeout_names_the_call_that_could_take_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "import requests\n\n\ndef get(url, timeout=5):\n    return requests.get(url, timeout=timeout)\n\n\n"
    text += "def balance(url, timeout=1):\n    return get(url)\n"
    write(tmp_path, {"shop.py": text})
    (finding,) = run("shop.py").findings
    assert (finding.code, finding.line) == ("CAN309", 8)
    assert [(step.line, step.note) for step in finding.trace] == [(9, "`get(…)` could take it")]
