"""A real browser without a window, through its own command line."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FOUND = next(filter(None, map(shutil.which, NAMES)), None)
needed = pytest.mark.skipif(FOUND is None, reason=f"no browser here: none of {', '.join(NAMES)}")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nor does the browser ask anybody on its own account
    *("--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=4000"),
)


def chromium(page: Path, *options: str) -> tuple[str, list[str]]:
    """What the browser prints for a page, and what the page's console says."""
    with tempfile.TemporaryDirectory() as profile:
        words = [FOUND, *QUIET, f"--user-data-dir={profile}", *options, page.resolve().as_uri()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return done.stdout, console


def requests(page: Path, folder: Path) -> list[str]:
    """Every address that a page asks a server for, whether or not there is an answer."""
    log = folder / "network.json"
    chromium(page, f"--log-net-log={log}", "--dump-dom")
    # One event a line; what the browser asks for on its own account belongs to no file.
    events = [line for line in log.read_text().splitlines() if '_key":"file://' in line]
    return sorted({address for line in events for address in re.findall(r'"url":"([^"]+)"', line)})


def probe(page: Path, script: str, folder: Path, *, width: int = 1280) -> tuple[dict, list[str]]:
    """Run a script in a page of this width in pixels: its object `found`, and the console.

    The page is shown in a frame: a window cannot be as narrow as a phone.
    """
    inner, outer = folder / "inner.html", folder / "outer.html"
    asked = f"<script>const found = {{}};{script};parent.postMessage(found, '*');</script>"
    body, _, rest = page.read_text(encoding="utf-8").rpartition("</body>")
    inner.write_text(f"{body}{asked}</body>{rest}")
    outer.write_text(
        "<pre></pre><script>onmessage = (event) => {"
        "document.querySelector('pre').textContent = JSON.stringify(event.data);};</script>"
        f"<iframe src='{inner.name}' style='width:{width}px;height:4000px;border:0'></iframe>"
    )
    dom, console = chromium(outer, "--dump-dom")
    text = re.search(r"<pre>(.*?)</pre>", dom, re.DOTALL)[1]
    return json.loads(text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")), console


def screenshot(page: Path, out: Path, width: int, height: int) -> None:
    """A picture of a page in a window of this size in pixels."""
    frame = out.with_suffix(".html")
    style = f"width:{width}px;height:{height}px;border:0"
    address = page.resolve().as_uri()
    frame.write_text(f"<body style='margin:0'><iframe src='{address}' style='{style}'></iframe>")
    chromium(frame, f"--window-size={max(width, 500)},{height}", f"--screenshot={out}")
