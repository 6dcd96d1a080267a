"""The gain of one update, its tables, and the noise kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi.grid import ROS_TABLE
from fsmi.measures.gain import gain, gain_tables, ros_table
from fsmi.measures.noise import noise_kernel, uniform_half_width, window_cells
from tests import reference

DELTAS = st.floats(1e-6, 1e6).filter(lambda d: abs(d - 1.0) > 1e-3)


@settings(deadline=None, max_examples=60)
@given(DELTAS, st.floats(1e-6, 1.0 - 1e-6))
def test_gain_is_the_divergence_of_the_update(delta: float, o: float) -> None:
    want = reference.divergence(reference.updated(o, delta), o)
    assert gain(delta, o / (1.0 - o)) == pytest.approx(want, rel=1e-8, abs=1e-13)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.01, 100.0), st.floats(1e-3, 1e3))
def test_gain_follows_the_published_formula(delta: float, r: float) -> None:
    want = math.log((r + 1.0) / (r + 1.0 / delta)) - math.log(delta) / (r * delta + 1.0)
    assert gain(delta, r) == pytest.approx(want, abs=1e-13)


@pytest.mark.parametrize("delta", [1.5, 1.0 / 1.5, 1e12, 1e-12, 1.0])
def test_certain_cells_gain_nothing(delta: float) -> None:
    assert gain(delta, [0.0, math.inf]).tolist() == [0.0, 0.0]


def test_gain_keeps_its_digits_next_to_certainty() -> None:
    # Leading order in the small probability p: p (delta ln delta - delta + 1).
    for delta in (1.5, 1.0 / 1.5):
        small = 1e-9 * (delta * math.log(delta) - delta + 1.0)
        assert gain(delta, 1e-9) == pytest.approx(small, rel=1e-6)
        large = 1e-9 * (1.0 / delta * math.log(1.0 / delta) - 1.0 / delta + 1.0)
        assert gain(delta, 1e9) == pytest.approx(large, rel=1e-6)


def test_gain_keeps_shapes() -> None:
    assert gain(1.5, np.ones((2, 3))).shape == (2, 3)
    assert gain(1.5, 1.0).shape == ()


@pytest.mark.parametrize(
    ("delta", "odds", "message"),
    [
        (0.0, 1.0, "delta is 0.0"),
        (math.nan, 1.0, "delta is nan"),
        (math.inf, 1.0, "delta is inf"),
        (1.5, -1.0, "odds hold -1.0"),
        (1.5, [1.0, math.nan], "odds hold nan"),
    ],
)
def test_gain_refuses(delta: float, odds: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gain(delta, odds)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_of_probabilities(dtype: type) -> None:
    cells = np.linspace(0.0, 1.0, 12, dtype=dtype).reshape(3, 4)
    o, f_occ, f_emp = gain_tables(cells, 1.5, 0.5)
    assert o.shape == f_occ.shape == f_emp.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        p = float(cells[i, j])
        assert o[i, j] == p
        want = [reference.divergence(reference.updated(p, d), p) for d in (1.5, 0.5)]
        assert [f_occ[i, j], f_emp[i, j]] == pytest.approx(want, abs=1e-15)


def test_tables_of_ros_codes_equal_those_of_their_probabilities() -> None:
    codes = np.arange(-1, 101, dtype=np.int8).reshape(2, 51)
    for of_codes, of_floats in zip(
        gain_tables(codes, 1.5, 0.5), gain_tables(ROS_TABLE.reshape(2, 51), 1.5, 0.5), strict=True
    ):
        np.testing.assert_array_equal(of_codes, of_floats)


def test_the_table_of_ros_codes_can_not_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ros_table(1.5, 0.5)[0, 0] = 1.0


@pytest.mark.parametrize("window", [0, 1, 3, 7])
def test_noise_kernel_is_the_mass_of_each_cell(window: int) -> None:
    taps = noise_kernel(0.07, 0.05, window)
    want = reference.gaussian_noise([0.05] * (2 * window + 1), 0.07)
    assert taps == pytest.approx(
        [want(k, window) for k in range(2 * window + 1)], rel=1e-12, abs=1e-300
    )


def test_wide_noise_kernel_keeps_all_mass_and_its_tails() -> None:
    taps = noise_kernel(1.0, 1.0, 12)
    assert taps.sum() == pytest.approx(1.0, abs=1e-15)
    assert taps[0] == pytest.approx(0.5 * math.erfc(11.5 / math.sqrt(2.0)), rel=1e-4)
    assert noise_kernel(0.0, 1.0, 2).tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="window is -1"):
        noise_kernel(1.0, 1.0, -1)


def test_default_windows() -> None:
    assert [window_cells(s, 0.1) for s in (0.0, 0.01, 0.1, 0.11)] == [0, 1, 3, 4]
    assert [uniform_half_width(s, 0.1) for s in (0.0, 0.02, 0.1, 0.2)] == [0, 0, 1, 3]
