"""The page *Mutual information explained*: every control, in process."""

from __future__ import annotations

import pytest

from tests.apps.pages import open_page, values

PAGE = "mi_explainer.py"


def test_opens_on_the_joint_table() -> None:
    page = open_page(PAGE)
    assert page.title[0].value == "Mutual information explained"
    assert values(page)["I(X;Y) [bit]"] == pytest.approx(0.2781, abs=1e-4)


@pytest.mark.parametrize(
    ("preset", "bits"),
    [("Perfect copy", 1.0), ("Independent", 0.0), ("Erasure channel", 0.7), ("Typewriter", 1.0817)],
)
def test_presets(preset: str, bits: float) -> None:
    page = open_page(PAGE)
    page.get("pills")[0].set_value(preset).run()
    assert not page.exception
    assert values(page)["I(X;Y) [bit]"] == pytest.approx(bits, abs=1e-3)
