"""The apps in a real Chromium: pages open, charts are drawn, nothing is reported as an error."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from apps.browser import Visit, chromium, server, visit
from fsmi import load_map
from privfunnel import load_funnel

pytestmark = pytest.mark.browser

PICTURES = Path(os.environ.get("SCREENSHOTS", "out/screenshots"))
PAGES = {
    "explained": ("", "Mutual information explained"),
    "funnel": ("funnel", "Privacy funnel"),
    "explorer": ("explorer", "FSMI explorer"),
}
CHAPTERS = [
    "Joint table", "Venn diagram", "Correlation", "Data processing", "Conditioning", "Estimators",
    "Feature selection", "Heat flow",
]  # fmt: skip


Open = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="module")
def enter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Makes fresh visitors of one server in one Chromium."""
    with server(tmp_path_factory.mktemp("apps") / "server.log") as url, chromium() as browser:
        yield partial(visit, browser, url)


def marks(browser: Visit) -> int:
    """Shapes drawn by charts: a chart whose field is misspelt has axes but no marks."""
    canvases = browser.page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart] canvas')].map(c => {
            const at = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
            let coloured = 0
            for (let i = 0; i < at.length; i += 4) {
                const spread = Math.max(at[i], at[i+1], at[i+2]) - Math.min(at[i], at[i+1], at[i+2])
                if (at[i + 3] > 0 && spread > 40) coloured += 1
            }
            return coloured
        })"""
    )
    svgs = browser.page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart] svg')].map(s =>
            s.querySelectorAll('.role-mark path, .role-mark rect, .role-mark line').length)"""
    )
    assert canvases or svgs, "no chart on the page"
    assert all(canvases), f"a chart without marks: {canvases}"
    assert all(svgs), f"a chart without marks: {svgs}"
    return len(canvases) + len(svgs)


def drawings(browser: Visit) -> int:
    """Drawings that are really there, with shapes in them."""
    counts: list[int] = browser.page.locator(".drawing svg").evaluate_all(
        "all => all.map(s => s.querySelectorAll('image, circle, line, path, polygon').length)"
    )
    assert all(counts), counts
    return len(counts)


def all_have_words(browser: Visit) -> None:
    """A screen reader has something to say about every chart and drawing."""
    words = browser.page.locator("[data-testid=stVegaLiteChart], .drawing svg").evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label') || '')"
    )
    assert words
    assert all(len(w) > 8 for w in words), words


def box_of(browser: Visit) -> Locator:
    """Where the robot's place is typed."""
    return browser.page.get_by_role("textbox", name="Robot at (x y) [m]")


def no_failure(browser: Visit) -> None:
    assert not browser.errors, browser.errors
    shown = browser.page.locator("[data-testid=stException]")
    assert shown.count() == 0, shown.first.inner_text()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", PAGES)
def test_page(enter: Open, name: str, width: int) -> None:
    path, title = PAGES[name]
    with enter(width=width) as browser:
        browser.open(path)
        browser.page.get_by_role("heading", name=title).wait_for()
        browser.page.wait_for_selector("[data-testid=stVegaLiteChart]")
        browser.page.wait_for_timeout(1000)
        assert marks(browser) >= 2
        browser.shot(PICTURES / f"{name}-{width}.png")
        no_failure(browser)


def test_chapters(enter: Open) -> None:
    with enter() as browser:
        browser.open()
        for chapter in CHAPTERS:
            browser.page.get_by_role("tab", name=chapter).click()
            browser.ready()
            browser.page.wait_for_timeout(1000)
            assert marks(browser) >= 1
            all_have_words(browser)
            if chapter in ("Venn diagram", "Data processing", "Conditioning"):
                assert drawings(browser) == 1
            browser.shot(PICTURES / f"explained-{chapter.lower().replace(' ', '-')}.png")
            no_failure(browser)


def test_an_address_is_an_experiment(enter: Open) -> None:
    with enter() as browser:
        browser.open("?chapter=Venn+diagram&venn_hx=3.0&venn_i=1.5")
        assert browser.page.get_by_text("H(X) = 3", exact=True).count() == 1
        no_failure(browser)


def test_click_moves_the_robot_and_a_scan_is_taken(enter: Open) -> None:
    with enter() as browser:
        browser.open("explorer")
        assert drawings(browser) == 1
        unknown = browser.page.locator("[data-testid=stMetricValue]").first
        before = unknown.inner_text()
        box = browser.page.locator(".drawing svg").bounding_box()
        assert box is not None
        browser.page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.48 * box["height"])
        browser.ready()
        place = box_of(browser).input_value()
        assert len(place.split()) == 2
        browser.page.locator(".drawing").press("ArrowRight")
        browser.ready()
        moved = box_of(browser).input_value()
        assert float(moved.split()[0]) == pytest.approx(float(place.split()[0]) + 0.25, abs=0.011)
        browser.page.get_by_role("button", name="Take this scan").click()
        browser.ready()
        assert unknown.inner_text() != before
        no_failure(browser)


def test_dark_theme(enter: Open) -> None:
    with enter(dark=True) as browser:
        browser.open("explorer")
        browser.shot(PICTURES / "explorer-dark.png")
        ground = browser.page.evaluate(
            "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
        )
        assert ground == "rgb(16, 23, 30)"
        no_failure(browser)


def test_the_heat_flow_moves(enter: Open) -> None:
    with enter() as browser:
        browser.open("?chapter=Heat+flow&heat_play=true")
        dot = browser.page.locator(".drawing circle")
        seen = set()
        for _ in range(4):
            seen.add(dot.get_attribute("cx"))
            browser.page.wait_for_timeout(400)
        assert len(seen) > 2
        no_failure(browser)


def test_a_cell_of_the_table_is_edited(enter: Open) -> None:
    with enter() as browser:
        browser.open("")
        # Formulas and charts above and beside the grid still move it while they are drawn.
        browser.page.wait_for_selector("[data-testid=stVegaLiteChart]")
        browser.page.wait_for_timeout(2000)
        box = browser.page.locator("[data-testid=stDataFrame]").first.bounding_box()
        assert box is not None
        # The cell y2 of x1: headers and index take the first row and column.
        browser.page.mouse.dblclick(box["x"] + 0.8 * box["width"], box["y"] + 55)
        editor = browser.page.locator("#portal input")
        editor.fill("0.4")
        editor.press("Enter")
        text = browser.page.get_by_role("textbox", name="The same table as text")
        expect(text).to_have_value("0.4 0.4; 0.1 0.4", timeout=20_000)
        no_failure(browser)


def test_every_tab_of_the_explorer(enter: Open) -> None:
    with enter() as browser:
        browser.open("explorer?world=maze&cell=0.4")
        for tab in ("One beam", "Whole map", "Voxels", "Exploration"):
            browser.page.get_by_role("tab", name=tab).click()
            browser.ready()
            browser.page.wait_for_timeout(1000)
            if tab != "Exploration":
                assert marks(browser) >= 1
            if tab != "One beam":
                assert drawings(browser) >= 1
            if tab != "Exploration":
                all_have_words(browser)
            browser.shot(PICTURES / f"explorer-{tab.lower().replace(' ', '-')}.png")
            no_failure(browser)


def test_story_of_an_exploration(enter: Open, tmp_path: Path) -> None:
    with enter() as browser:
        browser.open("explorer?view=Exploration&world=maze&cell=0.4")
        browser.page.get_by_role("button", name="Run to the end").click()
        browser.page.get_by_text("(done)").wait_for()
        browser.ready()
        with browser.page.expect_download() as download:
            browser.page.get_by_role("button", name="Map (map_server)").click()
        download.value.save_as(tmp_path / "map.zip")
        with zipfile.ZipFile(tmp_path / "map.zip") as archive:
            archive.extractall(tmp_path)
        grid = load_map(tmp_path / "map.yaml")
        assert (grid.occupancy < 0.5).sum() > 100
        no_failure(browser)


def test_story_of_an_upload(enter: Open, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    rows = "".join(f"{'yes' if k % 3 else 'no'},{k % 3},{k % 7}\n" for k in range(300))
    source.write_text("<i>secret</i>,tells,other\n" + rows)
    with enter() as browser:
        browser.open("funnel?table=my+own+file")
        browser.page.locator("input[type=file]").set_input_files(source)
        browser.page.get_by_text("Attackers who see all columns").wait_for()
        browser.ready()
        with browser.page.expect_download() as download:
            browser.page.get_by_role("button", name="Report (JSON)").click()
        download.value.save_as(tmp_path / "report.json")
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["secret"]["name"] == "<i>secret</i>"
        assert report["verdict"] == "over"
        # The name is shown as it is written, never as markup.
        assert browser.page.locator("i", has_text="secret").count() == 0
        no_failure(browser)


def test_story_of_a_release(enter: Open, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    rows = "".join(f"{'yes' if k % 3 else 'no'},{k % 3},{k % 5}\n" for k in range(240))
    source.write_text("secret,tells,other\n" + rows)
    with enter() as browser:
        browser.open("funnel?table=my+own+file&step=Release&release_keep=other")
        browser.page.locator("input[type=file]").set_input_files(source)
        train = browser.page.get_by_role("button", name="Train a release")
        train.click()
        # Stopped on the way, the page is there again at once; then trained to the end.
        browser.page.wait_for_selector("[data-testid=stProgress]")
        browser.page.get_by_test_id("stTabs").get_by_role("button", name="Stop").click()
        browser.ready()
        assert browser.page.get_by_role("button", name="Release (CSV)").count() == 0
        train.click()
        for label, name in (("Release (CSV)", "release.csv"), ("Model", "funnel.safetensors"),
                            ("Report (HTML)", "release.html")):  # fmt: skip
            with browser.page.expect_download() as download:
                browser.page.get_by_role("button", name=label).click()
            download.value.save_as(tmp_path / name)
        released = (tmp_path / "release.csv").read_text().splitlines()
        assert released[0] == "other"
        assert len(released) == 241
        funnel = load_funnel(tmp_path / "funnel.safetensors")
        assert funnel.budget == 0.1
        assert "<html" in (tmp_path / "release.html").read_text()
        no_failure(browser)


def test_bad_files_disturb_nobody(enter: Open, tmp_path: Path) -> None:
    large, wrong, odd = tmp_path / "large.csv", tmp_path / "a.pdf", tmp_path / "odd.csv"
    with large.open("wb") as file:
        file.truncate(200 * 2**20)
    wrong.write_bytes(b"%PDF-1.4")
    odd.write_bytes("\u540d,b\n".encode("shift_jis") + b"\x81\x8d,2\n" * 50)
    with enter() as browser, enter() as neighbour:
        neighbour.open("explorer")
        browser.open("funnel?table=my+own+file")
        sent = browser.page.locator("input[type=file]")
        for path, words in (
            (large, "File must be 20.0MB or smaller"),
            (wrong, "files are not allowed"),
            (odd, "This file cannot be used"),
        ):
            sent.set_input_files(path)
            browser.page.get_by_text(words).wait_for()
            neighbour.page.get_by_role("button", name="Take this scan").click()
            neighbour.ready()
            no_failure(neighbour)
        assert len(neighbour.page.url.split("%3B")) > 3
        no_failure(browser)


def test_visitors_at_once(enter: Open) -> None:
    with enter() as first, enter() as second, enter() as third:
        first.open("explorer?view=Exploration&world=maze&cell=0.4")
        second.open("explorer?view=Voxels&voxel_part=A+flight&flight_rings=8")
        third.open("explorer?view=Whole+map&surfaces=CSQMI")
        first.page.get_by_role("button", name="Play").click()
        second.page.get_by_role("button", name="Fly", exact=True).click()
        reach = third.page.locator('input[aria-label="Range [m]"]')
        for _ in range(2):
            reach.press("ArrowRight")
            third.ready()
        second.page.locator(".drawing polyline").first.wait_for(state="attached")
        second.page.get_by_test_id("stTabs").get_by_role("button", name="Stop").click()
        second.ready()
        assert drawings(second) == 1
        assert marks(third) >= 1
        driven = first.page.locator("[data-testid=stMetricValue]").first
        expect(driven).not_to_have_text("0")
        for browser in (first, second, third):
            no_failure(browser)
