"""Laws that hold for every way of computing information, on random small maps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import MEASURES, OccupancyGrid, RangeSensor, beam_mi, mi_map, path_mi, scan_mi
from fsmi._options import JOINT_MEASURES
from fsmi.surface import SWEEP_MEASURES

SHAPES = st.sampled_from([(1, 1), (1, 7), (6, 1), (4, 5), (6, 4)])
SEEDS = st.integers(0, 10**6)
SWEPT = tuple(m for m in SWEEP_MEASURES if m != "fcmi")  # fcmi: of unlimited range, no bits
RNG = np.random.default_rng


def some_grid(seed: int, shape: tuple[int, int]) -> OccupancyGrid:
    """Free, occupied, unknown, certain and in-between cells; any place may be an origin."""
    levels = [0.0, 0.02, 0.3, 0.5, 0.5, 0.97, 1.0]
    return OccupancyGrid(RNG(seed).choice(levels, shape).astype(np.float32), 1.0)


def some_poses(seed: int, grid: OccupancyGrid, n: int) -> np.ndarray:
    h, w = grid.shape
    return RNG(seed + 1).uniform((0.0, 0.0, -4.0), (w, h, 4.0), (n, 3))


@settings(deadline=None, max_examples=20)
@given(SEEDS, SHAPES, st.sampled_from([0.0, 0.6]), st.floats(0.3, 9.0), st.booleans())
@pytest.mark.parametrize("measure", SWEPT)
def test_information_of_poses_and_maps_is_never_negative(
    measure: str, seed: int, shape: tuple[int, int], sigma: float, reach: float, counted: bool
) -> None:
    grid = some_grid(seed, shape)
    sensor = RangeSensor(5, max_range=reach, sigma=sigma, count_no_hit=counted)
    assert mi_map(grid, sensor, measure=measure, dtype=np.float64).min() > -1e-12
    assert scan_mi(grid, some_poses(seed, grid, 2), sensor, measure=measure).min() > -1e-12


@settings(deadline=None, max_examples=15)
@given(SEEDS, SHAPES, st.booleans())
def test_a_known_map_has_nothing_to_tell_anywhere(
    seed: int, shape: tuple[int, int], joint: bool
) -> None:
    known = (RNG(seed).random(shape) < 0.3).astype(np.float32)
    grid, sensor = OccupancyGrid(known, 1.0), RangeSensor(7, max_range=5.0)
    for measure in SWEPT:
        assert not mi_map(grid, sensor, measure=measure, joint=joint).any()
    for measure in JOINT_MEASURES if joint else MEASURES:
        if measure != "fcmi":  # of a continuous field: never certain, see trap 8
            got = scan_mi(grid, some_poses(seed, grid, 1), sensor, measure=measure, joint=joint)
            assert got == pytest.approx(0.0, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(SEEDS, SHAPES, st.integers(1, 12), st.floats(0.3, 9.0))
@pytest.mark.parametrize("measure", ["fsmi", "shannon"])
def test_joint_lies_between_the_largest_beam_and_the_sum(
    measure: str, seed: int, shape: tuple[int, int], n_beams: int, reach: float
) -> None:
    grid, sensor = some_grid(seed, shape), RangeSensor(n_beams, max_range=reach)
    pose = some_poses(seed, grid, 1)[0]
    one = replace(sensor, n_beams=1)
    beams = [
        scan_mi(grid, pose + np.array([0.0, 0.0, a]), one, measure=measure, tol=0.0)[0]
        for a in sensor.angles()
    ]
    once = scan_mi(grid, pose, sensor, measure=measure, joint=True, tol=0.0)[0]
    assert max(beams) - 1e-10 <= once <= sum(beams) + 1e-10
    surfaces = [
        mi_map(grid, sensor, measure=measure, joint=joint, dtype=np.float64)
        for joint in (True, False)
    ]
    assert (surfaces[0] <= surfaces[1] + 1e-12).all()


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.sampled_from([(4, 5), (6, 4)]), st.permutations(range(4)))
def test_the_order_of_poses_does_not_matter(
    seed: int, shape: tuple[int, int], order: list[int]
) -> None:
    """A scan's value is its own; a path's total is what its poses see together."""
    grid, sensor = some_grid(seed, shape), RangeSensor(9, max_range=4.0, sigma=0.4)
    poses = some_poses(seed, grid, 4)
    np.testing.assert_array_equal(
        scan_mi(grid, poses[order], sensor), scan_mi(grid, poses, sensor)[order]
    )
    forth, back = (path_mi(grid, p, sensor, tol=0.0).sum() for p in (poses, poses[order]))
    assert forth == pytest.approx(back, rel=1e-12, abs=1e-12)


@settings(deadline=None, max_examples=15)
@given(SEEDS, st.integers(1, 3), st.booleans(), st.sampled_from([0.0, 0.7]), st.booleans())
def test_a_turned_or_mirrored_map_has_a_turned_or_mirrored_surface(
    seed: int, turns: int, mirror: bool, sigma: float, joint: bool
) -> None:
    cells = some_grid(seed, (5, 8)).cells
    sensor = RangeSensor(12, max_range=4.5, sigma=sigma)

    def moved(a: np.ndarray) -> np.ndarray:
        return np.rot90(a[::-1] if mirror else a, turns)

    def surface(a: np.ndarray) -> np.ndarray:
        return mi_map(OccupancyGrid(a.copy(), 1.0), sensor, joint=joint, dtype=np.float64)

    np.testing.assert_allclose(surface(moved(cells)), moved(surface(cells)), rtol=1e-10, atol=1e-13)


@settings(deadline=None, max_examples=20)
@given(SEEDS, SHAPES, st.integers(0, 5))
def test_a_shorter_range_never_tells_more(seed: int, shape: tuple[int, int], k: int) -> None:
    grid = some_grid(seed, shape)
    short, long = RangeSensor(8, max_range=0.6 + k), RangeSensor(8, max_range=1.7 + k)
    for joint in (False, True):
        less, more = (
            mi_map(grid, s, measure="shannon", joint=joint, dtype=np.float64) for s in (short, long)
        )
        assert (less <= more + 1e-12).all()


# Traps 5, 6 and 9 for poses and maps; those of single beams are in test_measures.py ------------


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("measure", ["fsmi", "approx_fsmi", "uniform_fsmi"])
def test_trap_5_beam_pose_and_map_share_one_convention(
    measure: str, sigma: float, counted: bool
) -> None:
    """Noise mass behind the sensor or past the range is dropped, whoever computes."""
    row = RNG(3).uniform(0, 1, 12).astype(np.float32)
    grid = OccupancyGrid(row[None], 1.0)
    sensor = RangeSensor(1, max_range=6.0, sigma=sigma, count_no_hit=counted)
    swept = mi_map(grid, sensor, measure=measure, dtype=np.float64)[0]
    for first in (0, 3, 10):
        beam = beam_mi(
            row[first : first + 6].astype(float), sigma=sigma, measure=measure, count_no_hit=counted
        )
        # From the edge of the cell all chords are 1 and the sixth cell ends with the range.
        pose = scan_mi(grid, (first, 0.5, 0.0), sensor, measure=measure, tol=0.0)[0]
        assert pose == pytest.approx(beam, rel=1e-9)
        # From its centre the line enters the cell 5.5 away: seven cells are in range.
        line = beam_mi(
            row[first : first + 7].astype(float), sigma=sigma, measure=measure, count_no_hit=counted
        )
        assert swept[first] == pytest.approx(line, rel=1e-9)


@pytest.mark.parametrize("measure", [m for m in MEASURES if m != "fcmi"])
@pytest.mark.parametrize("sigma", [0.0, 0.8])
def test_trap_6_certain_cells_end_the_view_of_a_pose(measure: str, sigma: float) -> None:
    """Behind a certain wall nothing counts; with cells at 0 and 1 everything stays finite."""
    cells = np.full((3, 12), 0.4, dtype=np.float32)
    cells[:, 3] = 1.0
    sensor = RangeSensor(1, max_range=20.0, sigma=sigma)
    pose = (0.5, 1.5, 0.0)
    walled = scan_mi(OccupancyGrid(cells, 1.0), pose, sensor, measure=measure)
    assert np.isfinite(walled).all()
    cells[:, 8:] = 0.0  # more than three sigma behind the wall
    assert scan_mi(OccupancyGrid(cells, 1.0), pose, sensor, measure=measure) == pytest.approx(
        walled, abs=1e-9
    )


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_trap_9_maps_of_one_cell(measure: str, value: float) -> None:
    grid = OccupancyGrid(np.array([[value]], dtype=np.float32), 1.0)
    sensor = RangeSensor(3, max_range=50.0)
    bits = scan_mi(grid, (0.5, 0.5, 0.0), sensor, measure=measure)
    assert np.isfinite(bits).all()
    if measure == "shannon":
        assert bits[0] == pytest.approx(3.0 * (value == 0.5))
    if measure in SWEPT:
        assert mi_map(grid, sensor, measure=measure)[0, 0] == pytest.approx(bits[0], rel=1e-6)


@pytest.mark.parametrize("octant", range(8))
def test_trap_9_pose_and_map_agree_along_axes_and_diagonals(octant: int) -> None:
    """There the digital line is the ray: along axes to rounding, on free diagonals too."""
    rng = RNG(octant)
    cells = rng.uniform(0, 1, (9, 9)).astype(np.float32)
    grid, heading = OccupancyGrid(cells, 1.0), octant * math.pi / 4
    sensor = RangeSensor(1, max_range=100.0)
    for i, j in ((4, 4), (1, 6), (7, 2)):
        pose = (j + 0.5, i + 0.5, heading)
        exact = scan_mi(grid, pose, sensor, tol=0.0)[0]
        swept = mi_map(grid, sensor, theta=heading, dtype=np.float64)[i, j]
        assert swept == pytest.approx(exact, rel=1e-9)
