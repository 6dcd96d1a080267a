"""A real server and a real Chromium: for the browser tests and for the pictures of the README."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.launch import command

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError('driving a browser needs: pip install "privfunnel-fsmi[dev]"') from error

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DONE = "[data-test-script-state=notRunning]"


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(log: Path) -> Iterator[str]:
    """The apps, served as `dev.py apps` serves them; the address is yielded."""
    port = free_port()
    line = command(["--server.port", str(port), "--server.headless=true"])
    with log.open("w") as sink:
        process = subprocess.Popen(line, stdout=sink, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers; fail with its log if it does not within a minute."""
    for _ in range(120):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"no answer from {address}\n{log.read_text()}")


class Visit:
    """One visitor: a page and every error that it reported."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.errors.append(f"page error: {error}"))
        page.on("console", self.note)
        page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))

    def note(self, message: object) -> None:
        """Keep what the console calls an error."""
        where = str(getattr(message, "location", {}).get("url", ""))
        # Opened at a page's own address, Streamlit first asks for its health below that path.
        if getattr(message, "type", "") == "error" and "/_stcore/" not in where:
            self.errors.append(f"console: {getattr(message, 'text', '')} ({where})")

    def open(self, path: str = "") -> None:
        """Go to an address and wait until the script has run."""
        self.page.goto(f"{self.address}/{path}")
        self.ready()

    def ready(self) -> None:
        """Wait until nothing runs any more."""
        self.page.wait_for_selector(DONE, state="attached")
        self.page.wait_for_timeout(400)  # a click starts a run a moment later
        self.page.wait_for_selector(DONE, state="attached")

    def shot(self, path: Path, *, tallest: int = 6000) -> None:
        """A picture of the whole page, cut off below `tallest` [px]."""
        path.parent.mkdir(parents=True, exist_ok=True)
        width = self.page.viewport_size["width"] if self.page.viewport_size else 1440
        height = self.page.evaluate(
            "Math.max(...[...document.querySelectorAll('section, .stMain, .stApp')]"
            ".map(e => e.scrollHeight))"
        )
        self.page.set_viewport_size({"width": width, "height": min(int(height) + 40, tallest)})
        self.page.wait_for_timeout(800)  # charts follow the new size
        self.page.screenshot(path=str(path))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium. RuntimeError if there is none: a test then fails, it is not skipped."""
    if not shutil.which(CHROMIUM):
        raise RuntimeError(
            f"no Chromium at {CHROMIUM}: apt-get install chromium, or set CHROMIUM to its path"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, address: str, *, width: int = 1440, dark: bool = False
) -> Iterator[Visit]:
    """A fresh visitor, without memory of earlier ones."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    try:
        yield Visit(context.new_page(), address)
    finally:
        context.close()
