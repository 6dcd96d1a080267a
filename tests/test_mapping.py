"""A scan into the grid: against the loop of its definition, and every kind of reading."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import OccupancyGrid, RangeSensor, update
from tests import reference_robotics as slow

SENSOR = RangeSensor(n_beams=36, max_range=3.0, delta_occ=4.0, delta_emp=0.4)
UNKNOWN = OccupancyGrid.unknown(6.0, 5.0, 0.25)


def readings(rng: np.random.Generator, n: int) -> np.ndarray:
    ranges = rng.uniform(0.05, 4.5, n)
    ranges[rng.random(n) < 0.15] = np.inf
    ranges[rng.random(n) < 0.1] = np.nan
    ranges[rng.random(n) < 0.05] = 0.0
    ranges[rng.random(n) < 0.05] = -np.inf
    return ranges


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), yaw=st.sampled_from([0.0, 0.3, -2.0, math.pi / 2]))
def test_equals_the_reference_loop(seed: int, yaw: float) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.random((14, 19)).astype(np.float32)
    grid = OccupancyGrid(cells, 0.25, (-1.0, 2.0, yaw))
    place = grid.cell_to_world(rng.uniform((-0.5, -0.5), (13.4, 18.4)))
    pose = (float(place[0]), float(place[1]), float(rng.uniform(-4, 4)))
    ranges = readings(rng, SENSOR.n_beams)
    limits = (0.02, 0.99)
    got = update(grid, pose, ranges, SENSOR, limits=limits)
    expected = slow.update(grid, pose, ranges, SENSOR, SENSOR.angles(), limits)
    np.testing.assert_allclose(got.occupancy, expected, atol=2e-6)
    assert got.origin == grid.origin


def test_one_beam_by_hand() -> None:
    grid = OccupancyGrid.unknown(1.0, 0.1, 0.1)
    sensor = RangeSensor(n_beams=1, max_range=0.8, delta_occ=4.0, delta_emp=0.25)
    got = update(grid, (0.05, 0.05, 0.0), [0.43], sensor).occupancy[0]
    np.testing.assert_allclose(got[:4], 0.2, atol=1e-6)  # odds 1 -> 1/4
    assert got[4] == pytest.approx(0.8)  # odds 1 -> 4
    np.testing.assert_array_equal(got[5:], np.float32(0.5))


@pytest.mark.parametrize("angle", [0.0, math.pi / 2, math.pi, -math.pi / 2])
def test_a_return_on_an_edge_belongs_to_the_cell_behind_it(angle: float) -> None:
    grid = OccupancyGrid.unknown(2.0, 2.0, 0.1)
    sensor = RangeSensor(n_beams=1, max_range=5.0)
    pose = (1.05, 1.05, angle)
    got = update(grid, pose, [0.25], sensor)
    wall = np.array(pose[:2]) + 0.3 * np.array((math.cos(angle), math.sin(angle)))
    i, j = grid.world_to_cell(wall)
    assert got.occupancy[i, j] > 0.5
    assert (got.occupancy > 0.5).sum() == 1


def test_no_return_and_readings_beyond_the_range_clear_up_to_it() -> None:
    grid = OccupancyGrid.unknown(4.0, 0.2, 0.2)
    sensor = RangeSensor(n_beams=1, max_range=2.0)
    for reading in (np.inf, 3.0, 2.1):
        got = update(grid, (0.1, 0.1, 0.0), [reading], sensor).occupancy[0]
        assert (got[:10] < 0.5).all()
        assert (got[11:] == 0.5).all()
        assert not (got > 0.5).any()


@pytest.mark.parametrize("reading", [np.nan, -np.inf, 0.0])
def test_invalid_readings_are_skipped(reading: float) -> None:
    got = update(UNKNOWN, (3.0, 2.0, 0.0), np.full(36, reading), SENSOR)
    np.testing.assert_array_equal(got.occupancy, UNKNOWN.occupancy)


def test_a_hit_wins_over_a_miss_and_a_cell_counts_once() -> None:
    grid = OccupancyGrid.unknown(1.0, 0.1, 0.1)
    sensor = RangeSensor(n_beams=4, max_range=5.0, delta_occ=3.0, delta_emp=0.5)
    got = update(grid, (0.05, 0.05, 0.0), [0.43, 0.83, 0.83, 0.43], sensor, np.zeros(4)).occupancy
    assert got[0, 4] == pytest.approx(0.75)
    assert got[0, 8] == pytest.approx(0.75)
    assert got[0, 6] == pytest.approx(1.0 / 3.0)


def test_clamping_leaves_every_cell_able_to_change() -> None:
    grid = OccupancyGrid(np.zeros((1, 10), dtype=np.float32), 0.1)
    sensor = RangeSensor(n_beams=1, max_range=5.0, delta_occ=4.0, delta_emp=0.25)
    for _ in range(50):
        grid = update(grid, (0.05, 0.05, 0.0), [0.43], sensor)
    assert grid.occupancy[0, 4] == pytest.approx(0.97)
    assert grid.occupancy[0, 0] == pytest.approx(0.03)
    for _ in range(6):
        grid = update(grid, (0.05, 0.05, 0.0), [0.83], sensor)
    assert grid.occupancy[0, 4] < 0.1
    assert grid.occupancy[0, 8] == pytest.approx(0.97)


def test_ros_maps_and_read_only_input_are_not_changed() -> None:
    codes = np.full((4, 6), -1, dtype=np.int8)
    grid = OccupancyGrid(codes, 0.5)
    got = update(grid, (1.0, 1.0, 0.0), np.full(36, 1.2), SENSOR)
    assert (codes == -1).all()
    assert got.cells.dtype == np.float32
    assert got.entropy() < grid.entropy()


@pytest.mark.parametrize("descending", [False, True])
def test_angles_in_any_order(descending: bool) -> None:
    angles = np.linspace(-1.0, 1.0, 9)
    ranges = np.linspace(0.4, 2.0, 9)
    expected = slow.update(UNKNOWN, (3.0, 2.0, 0.5), ranges, SENSOR, angles, (0.03, 0.97))
    if descending:
        angles, ranges = angles[::-1], ranges[::-1]
    got = update(UNKNOWN, (3.0, 2.0, 0.5), ranges, SENSOR, angles)
    np.testing.assert_allclose(got.occupancy, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("pose", "ranges", "options", "words"),
    [
        ((9.0, 1.0, 0.0), np.ones(36), {}, "outside the map"),
        ((np.nan, 1.0, 0.0), np.ones(36), {}, "not finite"),
        ((1.0, 1.0), np.ones(36), {}, r"pose has shape \(2,\)"),
        ((1.0, 1.0, 0.0), np.ones(35), {}, "36 beams"),
        ((1.0, 1.0, 0.0), -np.ones(36), {}, "ranges hold -1.0"),
        ((1.0, 1.0, 0.0), np.ones(3), {"angles": np.zeros(4)}, "one angle a range"),
        ((1.0, 1.0, 0.0), np.ones(3), {"angles": [0, 1, np.nan]}, "not finite"),
        ((1.0, 1.0, 0.0), np.ones(36), {"limits": (0.6, 0.9)}, r"limits are \(0.6, 0.9\)"),
    ],
)
def test_bad_input_is_named(pose: object, ranges: object, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        update(UNKNOWN, pose, ranges, SENSOR, **options)  # type: ignore[arg-type]
