"""What the pages share, without a page."""

from __future__ import annotations

import re
import sys

import pytest

from tests.apps.pages import ENTRY

sys.path.insert(0, str(ENTRY.parent))

from diagrams import disc_distance, lens_area, venn
from drawing import canvas
from ui import number, plain, remembered


def test_remembered_is_bounded_and_forgets_the_oldest() -> None:
    asked = []

    @remembered(lambda value: value, most=2)
    def square(value: int) -> int:
        asked.append(value)
        return value * value

    assert [square(v) for v in (1, 2, 1, 3, 1, 2)] == [1, 4, 1, 9, 1, 4]
    assert asked == [1, 2, 3, 2]


def test_what_fails_is_not_remembered() -> None:
    asked = []

    @remembered(lambda: 0)
    def fail() -> None:
        asked.append(0)
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            fail()
    assert len(asked) == 2


def test_user_text_is_escaped() -> None:
    assert plain("<b>*x*</b> $y$ [a](b)") == (r"\<b\>\*x\*\</b\> \$y\$ \[a\]\(b\)")
    assert plain("a" * 200).endswith("…")
    assert "\n" not in plain("a\nb")
    assert 'aria-label="&lt;script&gt; &quot;"' in canvas(1, 1, "", '<script> "')


def test_numbers() -> None:
    assert [number(v) for v in (1e-17, 0.123456, 3, "x")] == ["0", "0.1235", "3", "x"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_discs_overlap_by_the_information(share: float) -> None:
    first, second = 1.3, 0.8
    wanted = share * 3.141592653589793 * second**2
    distance = disc_distance(wanted, first, second)
    assert lens_area(distance, first, second) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("sizes", [(0, 0, 0), (1, 0, 0), (2, 2, 2), (4, 0.05, 0.05), (1, 1, 0)])
def test_every_venn_diagram_can_be_drawn(sizes: tuple[float, float, float]) -> None:
    svg = venn(*sizes)
    assert svg.count("<circle") == 2
    assert not re.search(r"=\"-?(nan|inf)", svg)
