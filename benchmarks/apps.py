"""The pages in a real Chromium: until the first page can be used, and slider moves; milliseconds.

`python3 dev.py bench apps [--moves 5] [--only NAME]`. A server is started as `dev.py apps` starts
it. "first page" counts from the moment the server answers until the script has run and a chart is
drawn. A move is one step of a slider with the keyboard, until the page has answered: the script has
run and nothing is on its way. Each page is opened once before its moves, so compilation is not
counted; the values are new ones, so no cache knows the answer. Targets: 3000 and 1000.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import TimeoutError

from apps.browser import Visit, chromium, server, visit

READY = "[data-test-script-state=notRunning]"
# Notes every change of the script's state: a short run would slip through a poll.
WATCH = """() => {
    const app = document.querySelector('[data-test-script-state]')
    window.states = []
    new MutationObserver(() => window.states.push(app.dataset.testScriptState))
        .observe(app, {attributes: true, attributeFilter: ['data-test-script-state']})
}"""
ANSWERED = "window.states.length > 1 && window.states.at(-1) === 'notRunning'"
TARGET_FIRST, TARGET_MOVE = 3000, 1000
# name -> (address, label of the slider, a mark of the page being there)
MOVES = {
    "explained: joint table": ("?chapter=Joint+table", "Rows (X)"),
    "explained: Venn diagram": ("?chapter=Venn+diagram", "I(X;Y) [bit]"),
    "explained: correlation": ("?chapter=Correlation", "Noise"),
    "explained: data processing": ("?chapter=Data+processing", "How uneven X is"),
    "explained: conditioning": ("?chapter=Conditioning", "Probability of a 1"),
    "explained: estimators": ("?chapter=Estimators", "Fresh samples of each size"),
    "explained: feature selection": ("?chapter=Feature+selection&select_k=1", "Columns to choose"),
    "funnel: what leaks": ("funnel", "Budget: leakage allowed [bit]"),
    "funnel: one column": (
        "funnel?step=One+column%2C+exactly",
        "Leakage budget, as a share of what the column leaks [%]",
    ),
    "explorer: one scan": ("explorer", "Heading [°]"),
    "explorer: one scan, range": ("explorer", "Range [m]"),
    "explorer: one beam": ("explorer?view=One+beam", "Range noise, one σ [m]"),
    "explorer: whole map": ("explorer?view=Whole+map", "Beams"),
    "explorer: exploration": ("explorer?view=Exploration", "Radius of the robot [m]"),
    "explorer: voxels": ("explorer?view=Voxels", "Rings of the lidar"),
    "explorer: voxels, view": ("explorer?view=Voxels", "Turn the view [°]"),
}


def rows(argv: list[str]) -> list[dict[str, Any]]:
    """One row for the first page and one for each slider."""
    parser = argparse.ArgumentParser(prog="dev.py bench apps", description=__doc__)
    parser.add_argument("--moves", type=int, default=5, help="of each slider (5)")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    options = parser.parse_args(argv)
    found = []
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        server(Path(folder, "server.log")) as address,
    ):
        with visit(browser, address) as page:
            begin = time.perf_counter()
            page.page.goto(address)
            page.page.wait_for_selector("[data-testid=stVegaLiteChart]")
            page.page.wait_for_selector(READY, state="attached")
            found.append(row("first page", [1e3 * (time.perf_counter() - begin)], TARGET_FIRST))
        for name, (path, label) in MOVES.items():
            if options.only in name:
                with visit(browser, address) as page:
                    try:
                        times = moves(page, path, label, options.moves)
                    except TimeoutError as error:
                        raise RuntimeError(f"{name}: the page did not answer") from error
                found.append(row(name, times, TARGET_MOVE))
    return found


def row(name: str, times: list[float], target: int) -> dict[str, Any]:
    """Median and worst [ms]."""
    worst = max(times)
    return {"what": name, "moves": len(times), "median_ms": round(median(times)),
            "worst_ms": round(worst), "target_ms": target, "met": worst < target}  # fmt: skip


def moves(page: Visit, path: str, label: str, count: int) -> list[float]:
    """Milliseconds of each move of the slider (or of the step of a number)."""
    page.open(path)
    handle = page.page.locator(f'input[aria-label="{label}"]')
    number = handle.get_attribute("type") == "number"
    page.page.wait_for_timeout(1500)
    page.page.evaluate(WATCH)
    times = []
    for k in range(count + 1):
        if handle.input_value() == handle.get_attribute("max"):
            break
        handle.focus()
        page.page.evaluate("window.states = []")
        begin = time.perf_counter()
        page.page.keyboard.press("ArrowUp" if number else "ArrowRight")
        if number:
            page.page.keyboard.press("Enter")
        page.page.wait_for_function(ANSWERED, timeout=30_000, polling=10)
        if k:  # the first one may load or compile what no visitor waits for twice
            times.append(1e3 * (time.perf_counter() - begin))
        page.page.wait_for_timeout(300)
    if page.errors:
        raise RuntimeError(f"{path}: {page.errors}")
    return times
