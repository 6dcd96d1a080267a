"""The page *Privacy funnel*: every control, in process."""

from __future__ import annotations

import pytest

from tests.apps.pages import open_page, values

PAGE = "privacy_funnel.py"


def test_budget_is_met_exactly() -> None:
    page = open_page(PAGE, step="One column, exactly")
    shown = values(page)
    assert shown["leaks released"] == pytest.approx(0.3 * shown["leaks as it is [bit]"], rel=1e-3)
    page.slider(key="exact_share").set_value(100).run()
    assert not page.exception
    shown = values(page)
    assert shown["utility released"] == pytest.approx(shown["utility as it is"], rel=1e-3)
