"""The page *FSMI explorer*: every control, in process."""

from __future__ import annotations

import pytest

from tests.apps.pages import open_page, values

PAGE = "fsmi_explorer.py"


def test_a_scan_promises_and_takes() -> None:
    page = open_page(PAGE)
    before = values(page)
    assert 0 < before["promise"] < before["unknown"]
    page.button(key="scan_take").click().run()
    assert not page.exception
    after = values(page)
    # The entropy falls by exactly what the page said that this scan would take.
    assert after["unknown"] == pytest.approx(before["unknown"] - before["real"], rel=2e-3)
    page.button(key="scan_undo").click().run()
    assert values(page) == before
    page.button(key="scan_forget").click().run()
    assert not page.exception
    assert page.text_input(key="robot_scans").value == ""


@pytest.mark.parametrize("kind", ["maze", "cave", "warehouse", "forest"])
def test_worlds(kind: str) -> None:
    page = open_page(PAGE, world=kind)
    assert page.selectbox(key="world").value == kind
    assert values(page)["unknown"] > 0


def test_a_place_outside_the_map_is_refused() -> None:
    page = open_page(PAGE, robot_at="900 2")
    assert "outside" in page.warning[0].value
