"""A page in a real browser, where there is one: what a script finds in it."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_POLICY = re.compile(r"<meta http-equiv='Content-Security-Policy'[^>]*>")
_ANSWER = re.compile(r"<pre id=['\"]answer['\"]>(.*?)</pre>", re.DOTALL)


def axe() -> Path | None:
    """The accessibility engine: the script that `CANCELCHECK_AXE` names, or that npm has installed here."""
    given = os.environ.get("CANCELCHECK_AXE")
    found = Path(given) if given else Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
    return found if found.is_file() else None


def asked(page: str, script: str, folder: Path, *, width: int, dark: bool = False, first: str = "") -> Any:
    """What a script, the body of an `async` function, answers in a page of that width. `first` is run before it. The
    page may run no script of its own: its policy is left out here."""
    assert BROWSER is not None
    # no window is as narrow as a phone; a frame is
    outer = f"""<!DOCTYPE html><title>outer</title><iframe id=f width={width} height=800></iframe>
<script>
const wanted = {_quoted(script)}, first = {_quoted(first)};
f.onload = async () => {{
  const made = (text) => f.contentDocument.body.appendChild(
    Object.assign(f.contentDocument.createElement("script"), {{textContent: text}})).remove();
  let answer;
  try {{
    made(first);
    made("window.wanted = async () => {{" + wanted + "}}");
    answer = {{value: await f.contentWindow.wanted()}};
  }} catch (error) {{ answer = {{error: String(error)}}; }}
  const shown = Object.assign(document.createElement("pre"), {{id: "answer", textContent: JSON.stringify(answer)}});
  document.body.replaceChildren(shown);
}};
f.srcdoc = {_quoted(_POLICY.sub("", page))};
</script>"""
    (folder / "outer.html").write_text(outer, "utf-8")
    scheme = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    done = subprocess.run(
        [
            BROWSER,
            *_FLAGS,
            *scheme,
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1400,900",
            "--virtual-time-budget=20000",
            "--dump-dom",
            (folder / "outer.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = _ANSWER.search(done.stdout)
    assert found is not None, done.stderr[-2000:]
    answer = json.loads(html.unescape(found[1]))
    assert "error" not in answer, answer["error"]
    return answer["value"]


def _quoted(text: str) -> str:
    """As a string of a script that stands in a page."""
    return json.dumps(text).replace("<", "\\u003c")
