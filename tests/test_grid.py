"""Occupancy grids: coding, coordinates, entropy, bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import OccupancyGrid, RangeSensor
from fsmi.grid import ROS_TABLE, binary_entropy
from tests import reference_maps

FLOAT = st.floats(-50, 50)


@settings(deadline=None, max_examples=60)
@given(FLOAT, FLOAT, FLOAT, FLOAT, st.floats(0.01, 5.0), st.floats(-7, 7))
def test_world_and_cells_are_inverse(
    x: float, y: float, x0: float, y0: float, resolution: float, yaw: float
) -> None:
    grid = OccupancyGrid(np.zeros((3, 4), dtype=np.float32), resolution, (x0, y0, yaw))
    u, v = grid.world_to_grid((x, y))
    c, s = math.cos(yaw), math.sin(yaw)
    back = x0 + resolution * (c * u - s * v), y0 + resolution * (s * u + c * v)
    assert back == pytest.approx((x, y), abs=1e-9)
    ij = grid.world_to_cell((x, y))
    assert tuple(ij) == (math.floor(v), math.floor(u))
    centre = grid.cell_to_world(ij)
    assert np.hypot(*(centre - (x, y))) <= math.sqrt(0.5) * resolution * (1 + 1e-9)
    assert bool(grid.contains((x, y))) == (0 <= ij[0] < 3 and 0 <= ij[1] < 4)


def test_rows_run_along_y_from_the_smallest() -> None:
    grid = OccupancyGrid(np.zeros((2, 5), dtype=np.float32), 0.5, (10.0, 20.0, 0.0))
    np.testing.assert_allclose(
        grid.cell_to_world([(0, 0), (1, 4)]), [(10.25, 20.25), (12.25, 20.75)]
    )
    assert grid.bounds == pytest.approx((10.0, 20.0, 12.5, 21.0))
    turned = OccupancyGrid(np.zeros((2, 5), dtype=np.float32), 0.5, (10.0, 20.0, math.pi / 2))
    assert turned.bounds == pytest.approx((9.0, 20.0, 10.0, 22.5))
    assert "2 x 5 cells of 0.5 m" in repr(grid)


@given(st.floats(0.0, 1.0))
def test_binary_entropy(p: float) -> None:
    assert binary_entropy(p) == pytest.approx(reference_maps.entropy(p) / math.log(2), abs=1e-12)


def test_entropy_is_the_sum_over_cells_in_either_coding() -> None:
    codes = np.random.default_rng(0).integers(-1, 101, (7, 9)).astype(np.int8)
    probabilities = np.where(codes < 0, 0.5, codes / 100.0)
    want = sum(reference_maps.entropy(p) for p in probabilities.ravel()) / math.log(2)
    assert OccupancyGrid(codes, 1.0).entropy() == pytest.approx(want, rel=1e-6)
    assert OccupancyGrid(probabilities, 1.0).entropy() == pytest.approx(want, rel=1e-6)
    assert OccupancyGrid.unknown(2.0, 3.0, 0.5).entropy() == 24.0


def test_ros_round_trip_keeps_unknown_apart_from_half() -> None:
    data = np.arange(-1, 101).astype(np.int8)
    grid = OccupancyGrid.from_ros(data, 51, 2, 0.1)
    assert grid.shape == (2, 51)
    np.testing.assert_array_equal(grid.to_ros(), data)
    np.testing.assert_array_equal(grid.occupancy.ravel(), ROS_TABLE)
    floats = OccupancyGrid(np.array([[0.0, 0.494, 0.5, 1.0]], dtype=np.float32), 0.1)
    assert floats.to_ros().tolist() == [0, 49, -1, 100]


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_cells_are_shared_and_read_only(dtype: type) -> None:
    cells = np.ones((2, 3), dtype=dtype)
    grid = OccupancyGrid(cells, 1.0)
    assert np.shares_memory(grid.cells, cells)
    with pytest.raises(ValueError, match="read-only"):
        grid.cells[0, 0] = 0
    cells[0, 0] = 0  # the caller's array stays writable


def test_unknown_counts_cells_without_slips_of_rounding() -> None:
    assert OccupancyGrid.unknown(10.0, 7.0, 0.05).shape == (140, 200)
    assert OccupancyGrid.unknown(1.01, 0.001, 0.5).shape == (1, 3)
    assert OccupancyGrid.unknown(1.0, 1.0, 1.0, prior=0.25).occupancy[0, 0] == 0.25


ONE = np.full((1, 1), 0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: OccupancyGrid(np.zeros((0, 3)), 1.0), ValueError, "non-empty 2-D"),
        (lambda: OccupancyGrid(np.zeros(3), 1.0), ValueError, r"shape \(3,\)"),
        (lambda: OccupancyGrid(ONE + 0.6, 1.0), ValueError, "holds 1.1"),
        (lambda: OccupancyGrid(ONE - 0.6, 1.0), ValueError, "holds -0.09"),
        (lambda: OccupancyGrid(ONE * math.nan, 1.0), ValueError, "holds nan"),
        (lambda: OccupancyGrid(np.full((1, 1), 101), 1.0), ValueError, "holds 101"),
        (lambda: OccupancyGrid(np.full((1, 1), -2), 1.0), ValueError, "holds -2"),
        (lambda: OccupancyGrid(ONE > 0, 1.0), TypeError, "dtype bool"),
        (lambda: OccupancyGrid(np.array([["a"]]), 1.0), TypeError, "dtype <U1"),
        (lambda: OccupancyGrid(ONE, 0.0), ValueError, "resolution is 0"),
        (lambda: OccupancyGrid(ONE, math.inf), ValueError, "resolution is inf"),
        (lambda: OccupancyGrid(ONE, 1.0, (0.0, math.nan, 0.0)), ValueError, "origin is"),
        (lambda: OccupancyGrid(ONE, 1.0, (0.0, 0.0)), ValueError, "three finite numbers"),
        (lambda: OccupancyGrid.unknown(-1.0, 1.0, 1.0), ValueError, "width is -1"),
        (lambda: OccupancyGrid.from_ros([0, 0, 0], 2, 2, 1.0), ValueError, "need 4"),
        (lambda: RangeSensor(0), ValueError, "n_beams is 0"),
        (lambda: RangeSensor(True), ValueError, "n_beams is True"),
        (lambda: RangeSensor(2.5), ValueError, "n_beams is 2.5"),
        (lambda: RangeSensor(fov=7.0), ValueError, "fov is 7"),
        (lambda: RangeSensor(fov=0.0), ValueError, "fov is 0"),
        (lambda: RangeSensor(max_range=math.nan), ValueError, "max_range is nan"),
        (lambda: RangeSensor(max_range=0.0), ValueError, "max_range is 0"),
        (lambda: RangeSensor(sigma=-0.1), ValueError, "sigma is -0.1"),
        (lambda: RangeSensor(delta_occ=1.0), ValueError, "delta_occ is 1.0"),
        (lambda: RangeSensor(delta_emp=0.0), ValueError, "delta_emp is 0.0"),
    ],
)
def test_bad_input(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_beams_of_a_circle_and_of_a_field() -> None:
    circle = RangeSensor(8).angles()
    np.testing.assert_allclose(np.diff(circle), math.pi / 4)
    assert circle[0] == -math.pi
    np.testing.assert_allclose(RangeSensor(3, fov=1.0).angles(), [-0.5, 0.0, 0.5])
    np.testing.assert_array_equal(RangeSensor(1, fov=1.0).angles(), [0.0])
