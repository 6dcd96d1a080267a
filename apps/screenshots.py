"""Pictures of the pages for the README: python -m apps.screenshots docs/img

Each is taken from a running server in a real Chromium, so a picture shows what a visitor sees.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from apps.browser import Visit, chromium, server, visit

WIDTH, TALLEST = 1440, 1300


def explained(page: Visit) -> None:
    """The Venn diagram."""
    page.open("?chapter=Venn+diagram&venn_hx=2.6&venn_hy=2.0&venn_i=1.1")


def funnel(page: Visit) -> None:
    """The audit of the bundled table."""
    page.open("funnel")
    page.page.get_by_text("Attackers who see all columns").wait_for()


def explorer(page: Visit) -> None:
    """An exploration under way, both strategies."""
    page.open("explorer?view=Exploration&rival=nearest&reach=8")
    for _ in range(14):
        page.page.get_by_role("button", name="Step", exact=True).click()
        page.ready()


def small(path: Path) -> None:
    """Pack a picture as tightly as PNG can."""
    with Image.open(path) as picture:
        plain = picture.convert("RGB")
    plain.save(path, optimize=True)


PICTURES = {"explained": explained, "funnel": funnel, "explorer": explorer}


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m apps.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where app-<page>.png go")
    parser.add_argument("--only", choices=PICTURES, help="one page")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"of the window ({WIDTH})")
    parser.add_argument("--dark", action="store_true", help="the dark theme")
    options = parser.parse_args(arguments)
    chosen = [options.only] if options.only else list(PICTURES)
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder, "server.log")) as address,
        chromium() as browser,
    ):
        for name in chosen:
            with visit(browser, address, width=options.width, dark=options.dark) as page:
                PICTURES[name](page)
                page.page.wait_for_timeout(1500)  # charts are drawn after the script has ended
                path = options.folder / f"app-{name}{'-dark' if options.dark else ''}.png"
                page.shot(path, tallest=TALLEST)
                small(path)
                if page.errors:
                    sys.stderr.write(f"{name}: {page.errors}\n")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
