"""Information of poses: against loops over the definition, enumeration of all maps, sampling."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import (
    MEASURES,
    OccupancyGrid,
    RangeSensor,
    beam_mi,
    monte_carlo_mi,
    path_mi,
    scan_mi,
    traverse,
)
from fsmi._beams import LANES
from fsmi._options import EXPECTED_GAIN, largest_gain, shift_of, stopping_rest
from fsmi.information import joint_sums_bounded, scan_sums_bounded
from fsmi.measures.noise import noise_kernel, uniform_half_width, window_cells
from fsmi.raycast import grid_poses
from tests import reference_maps as ref

LN2 = math.log(2.0)
POSES = [(3.2, 2.6, 0.3), (0.7, 1.1, -2.0), (5.5, 4.5, 0.0)]


def some_map(seed: int, shape: tuple[int, int], resolution: float = 1.0) -> OccupancyGrid:
    """Probabilities of all sizes, 0 and 1 among them."""
    rng = np.random.default_rng(seed)
    cells = rng.uniform(0, 1, shape) ** 2
    cells[rng.uniform(size=shape) < 0.1] = 0.0
    cells[rng.uniform(size=shape) < 0.1] = 1.0
    return OccupancyGrid(cells.astype(np.float32), resolution)


def beam_by_beam(grid: OccupancyGrid, pose, sensor: RangeSensor, measure: str) -> list[float]:
    """Information [bit] of each beam by the definition."""
    out = []
    sigma = 0.0 if measure == "shannon" else sensor.sigma / grid.resolution
    (at,) = grid_poses(grid, pose)
    for angle in sensor.angles():
        cells = ref.beam_cells(grid.shape, at, angle, sensor.max_range / grid.resolution)
        o = [float(grid.occupancy[c]) for c in cells]
        if measure == "shannon":
            occ = [-math.log(p) if p else 0.0 for p in o]
            emp = [-math.log(1 - p) if p < 1 else 0.0 for p in o]
        else:
            occ = [ref.gain(sensor.delta_occ, p) for p in o]
            emp = [ref.gain(sensor.delta_emp, p) for p in o]
        a = at[2] + angle
        spacing = 1.0 / (abs(math.cos(a)) + abs(math.sin(a)))
        taps = ref.kernel(sigma, spacing, uniform=measure == "uniform_fsmi")
        out.append(ref.beam(o, occ, emp, taps, sensor.count_no_hit) / LN2)
    return out


@pytest.mark.parametrize("measure", ["approx_fsmi", "uniform_fsmi", "shannon"])
@pytest.mark.parametrize("sigma", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("count_no_hit", [True, False])
def test_scan_is_the_sum_over_its_beams(measure: str, sigma: float, count_no_hit: bool) -> None:
    grid = some_map(1, (10, 12), 0.5)
    sensor = RangeSensor(
        n_beams=13, fov=4.0, max_range=2.7, sigma=sigma, delta_occ=4.0, delta_emp=0.2,
        count_no_hit=count_no_hit,
    )  # fmt: skip
    expected = [sum(beam_by_beam(grid, p, sensor, measure)) for p in POSES]
    got = scan_mi(grid, POSES, sensor, measure=measure, tol=0.0)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("measure", EXPECTED_GAIN)
def test_without_noise_the_expected_gain_measures_agree(measure: str) -> None:
    grid, sensor = some_map(2, (8, 8)), RangeSensor(n_beams=9, max_range=6.0)
    np.testing.assert_allclose(
        scan_mi(grid, POSES, sensor, measure=measure), scan_mi(grid, POSES, sensor), rtol=1e-12
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_every_registered_measure_is_the_sum_over_exact_chords(measure: str) -> None:
    grid = some_map(4, (6, 7), 0.5)
    sensor = RangeSensor(5, max_range=2.2, sigma=0.3, delta_occ=3.0, delta_emp=0.3)
    (got,) = scan_mi(grid, (1.6, 1.3, 0.3), sensor, measure=measure, tol=0.0)
    options: dict[str, float] = {}
    if measure == "fcmi":
        options = {"dimension": 2, "resolution": 0.5}
    expected = 0.0
    for angle in sensor.angles() + 0.3:
        (at,) = grid_poses(grid, (1.6, 1.3, angle))
        ray = ref.crossed([at[0], at[1]], [math.cos(angle), math.sin(angle)], (7, 6))
        ray = [(c, t) for c, t in ray if t < 2.2 / 0.5]
        last = traverse(grid, (1.6, 1.3, angle)).edges[len(ray)]
        cell = np.diff([0.5 * t for _, t in ray] + [last])
        if measure in ("approx_fsmi", "uniform_fsmi"):  # cells of the mean chord
            cell = 0.5 / (abs(math.cos(angle)) + abs(math.sin(angle)))
        o = [float(grid.occupancy[i, j]) for (j, i), _ in ray]
        expected += beam_mi(
            o, cell=cell, sigma=0.3, delta_occ=3.0, delta_emp=0.3, measure=measure, **options
        )
    if measure == "fcmi":
        expected *= 2 * math.pi / 5
    assert got == pytest.approx(expected, rel=1e-7)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["approx_fsmi", "uniform_fsmi", "shannon"]),
    st.sampled_from([0.0, 0.7, 2.0]),
    st.booleans(),
    st.sampled_from([(1.5, 1 / 1.5), (20.0, 0.01), (1e4, 1e-6)]),
    st.floats(1e-6, 0.3),
)
def test_early_stop_drops_no_more_than_its_bound(
    seed: int, measure: str, sigma: float, no_hit: bool, deltas: tuple[float, float], tol: float
) -> None:
    grid = some_map(seed, (12, 12))
    sensor = RangeSensor(8, max_range=30.0, sigma=sigma, count_no_hit=no_hit)
    sensor = replace(sensor, delta_occ=deltas[0], delta_emp=deltas[1])
    poses = grid_poses(grid, [(6.5, 5.5, 0.1), (1.2, 9.9, 2.0)])
    full, none = scan_sums_bounded(grid, poses, sensor, measure, -1.0)
    assert (none == 0.0).all()
    short, dropped = scan_sums_bounded(grid, poses, sensor, measure, tol)
    assert (np.abs(full - short) <= dropped + 1e-12).all()
    assert (dropped <= sensor.n_beams * tol).all()
    assert (np.abs(full - short) <= sensor.n_beams * tol + 1e-12).all()
    if measure == "shannon" and not no_hit:
        return
    full, _ = joint_sums_bounded(grid, poses, sensor, measure, -1.0, path=False)
    short, dropped = joint_sums_bounded(grid, poses, sensor, measure, tol, path=False)
    assert (short <= full + 1e-12).all()
    assert (full - short <= dropped + 1e-12).all()


def test_early_stop_does_stop() -> None:
    cells = np.full((3, 400), 0.5, dtype=np.float32)
    sensor = RangeSensor(n_beams=1, max_range=400.0)
    grid = OccupancyGrid(cells, 1.0)
    _, dropped = scan_sums_bounded(
        grid, grid_poses(grid, (0.5, 1.5, 0.0)), sensor, "approx_fsmi", 1e-6
    )
    assert 0.0 < dropped[0] <= 1e-6


@pytest.mark.parametrize("delta_occ", [1.01, 1.5, 3.0, 50.0, 1e6])
@pytest.mark.parametrize("delta_emp", [0.99, 0.66, 0.2, 1e-3, 1e-9])
def test_proof_of_the_stopping_rule_on_a_fine_grid(delta_occ: float, delta_emp: float) -> None:
    rest = stopping_rest(RangeSensor(delta_occ=delta_occ, delta_emp=delta_emp), "approx_fsmi", 9, 0)
    for o in [*np.geomspace(1e-9, 0.5, 200), *(1 - np.geomspace(1e-9, 0.5, 200))]:
        expected = o * ref.gain(delta_occ, o) + (1 - o) * ref.gain(delta_emp, o)
        assert expected / o <= rest * (1 + 1e-6) + 1e-12


@pytest.mark.parametrize("delta", [1e-9, 0.2, 0.66, 0.99, 1.01, 1.5, 50.0, 1e6])
def test_largest_gain_is_the_largest_on_a_fine_grid(delta: float) -> None:
    cells = [*np.geomspace(1e-9, 0.5, 3000), *(1 - np.geomspace(1e-9, 0.5, 3000))]
    most = max(ref.gain(delta, o) for o in cells)
    assert most <= largest_gain(delta) * (1 + 1e-6) + 1e-12
    assert most >= largest_gain(delta) * 0.999 - 1e-9


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0, 2.5])
def test_noise_moves_readings_no_further_than_the_proof_says(sigma: float) -> None:
    shortest = math.sqrt(0.5)
    window = window_cells(sigma, shortest)
    half = uniform_half_width(sigma, shortest)
    for spacing in np.linspace(shortest, 1.0, 7):
        masses = noise_kernel(sigma, spacing, window_cells(sigma, spacing))
        outwards = sum(m * g for m, g in enumerate(masses[masses.size // 2 :]))
        assert outwards <= shift_of("approx_fsmi", sigma, window)
        width = uniform_half_width(sigma, spacing)
        outwards = sum(range(width + 1)) / (2 * width + 1)
        assert outwards <= shift_of("uniform_fsmi", sigma, half)


@pytest.mark.parametrize("sigma", [0.0, 2.0])
def test_more_beams_than_go_side_by_side(sigma: float) -> None:
    grid = some_map(11, (9, 9))
    sensor = RangeSensor(2 * LANES + 3, max_range=7.0, sigma=sigma)
    pose = (4.3, 3.7, 0.1)
    expected = sum(beam_by_beam(grid, pose, sensor, "approx_fsmi"))
    assert scan_mi(grid, pose, sensor, tol=0.0)[0] == pytest.approx(expected, rel=1e-9)
    scans, dropped = scan_sums_bounded(
        grid, grid_poses(grid, pose), sensor, "approx_fsmi", 1e-4 * LN2
    )
    assert abs(scans[0] / LN2 - expected) <= dropped[0] / LN2 + 1e-12
    assert dropped[0] / LN2 <= sensor.n_beams * 1e-4


def test_poses_do_not_touch_each_other() -> None:
    """What one pose leaves behind in the lanes is not seen by the next."""
    grid, sensor = some_map(12, (10, 11)), RangeSensor(70, max_range=8.0, sigma=0.9)
    rng = np.random.default_rng(0)
    poses = np.column_stack(
        (rng.uniform(0, 11, 20), rng.uniform(0, 10, 20), rng.uniform(-3, 3, 20))
    )
    together = scan_mi(grid, poses, sensor)
    alone = [scan_mi(grid, pose, sensor)[0] for pose in poses]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    order = rng.permutation(20)
    np.testing.assert_allclose(scan_mi(grid, poses[order], sensor), together[order], rtol=1e-12)


# Each cell counted once ------------------------------------------------------------------------

SMALL = np.array([[0.3, 0.5, 0.1, 0.6], [0.05, 0.2, 0.5, 0.4], [0.7, 0.1, 0.35, 0.5]])


def small_case(n_beams: int = 9, **options) -> tuple[OccupancyGrid, RangeSensor, list]:
    grid = OccupancyGrid(SMALL.astype(np.float32), 1.0)
    sensor = RangeSensor(n_beams=n_beams, max_range=10.0, **options)
    poses = [(1.3, 1.6, 0.2), (3.4, 0.3, 1.0)]
    return grid, sensor, poses


def beams_of(grid: OccupancyGrid, pose, sensor: RangeSensor) -> list[list[ref.Cell]]:
    return [ref.beam_cells(grid.shape, pose, a, sensor.max_range) for a in sensor.angles()]


def test_joint_shannon_is_the_entropy_of_the_outcome() -> None:
    grid, sensor, poses = small_case()
    o = grid.occupancy.astype(np.float64)
    for pose in poses:
        beams = beams_of(grid, pose, sensor)
        outcomes: Counter[tuple[int, ...]] = Counter()
        seen = np.zeros(o.shape)
        for p, solid in ref.every_map(o):
            outcomes[ref.scan_outcome(solid, beams)] += p
            for cell in ref.updated_cells(solid, beams, no_hit=True):
                seen[cell] += p
        true = -sum(p * math.log2(p) for p in outcomes.values() if p > 0)
        by_cells = sum(
            p * ref.entropy(float(x)) / LN2 for p, x in zip(seen.flat, o.flat, strict=True)
        )
        assert by_cells == pytest.approx(true, rel=1e-12)  # the identity behind `joint`
        low = scan_mi(grid, pose, sensor, measure="shannon", joint=True)[0]
        assert 0.93 * true <= low <= true + 1e-12
        sampled = monte_carlo_mi(grid, pose, sensor, measure="shannon", n_maps=4000, rng=1)
        assert abs(sampled.value[0] - true) < 4.5 * sampled.standard_error[0]
        beams_alone = beam_by_beam(grid, pose, sensor, "shannon")
        assert max(beams_alone) <= low <= sum(beams_alone)


@pytest.mark.parametrize("count_no_hit", [True, False])
@pytest.mark.parametrize("path", [False, True])
def test_joint_gain_against_enumeration(count_no_hit: bool, path: bool) -> None:
    grid, sensor, poses = small_case(13, count_no_hit=count_no_hit, delta_occ=5.0, delta_emp=0.1)
    o = grid.occupancy.astype(np.float64)
    all_beams = [beams_of(grid, pose, sensor) for pose in poses]
    true = np.zeros(2)
    for p, solid in ref.every_map(o):
        before: set[ref.Cell] = set()
        for k, beams in enumerate(all_beams):
            now = ref.updated_cells(solid, beams, count_no_hit)
            for cell in now - before if path else now:
                delta = sensor.delta_occ if solid[cell] else sensor.delta_emp
                true[k] += p * ref.gain(delta, float(o[cell])) / LN2
            before |= now
    if path:
        low = path_mi(grid, poses, sensor)
        assert 0.8 * true.sum() <= low.sum() <= true.sum() + 1e-12
    else:
        low = scan_mi(grid, poses, sensor, joint=True)
        assert (0.8 * true <= low).all()
        assert (low <= true + 1e-12).all()
        for k, pose in enumerate(poses):
            alone = beam_by_beam(grid, pose, sensor, "approx_fsmi")
            assert max(alone) <= low[k] + 1e-12 <= sum(alone)
    sampled = monte_carlo_mi(grid, poses, sensor, path=path, n_maps=6000, rng=2)
    assert (np.abs(sampled.value - true) < 4.5 * sampled.standard_error).all()
    assert abs(sampled.total - true.sum()) < 4.5 * sampled.total_error


def test_more_beams_are_not_more_information() -> None:  # trap 1
    grid = OccupancyGrid.unknown(20, 20, 1.0)
    few, many = (RangeSensor(n, max_range=9.0) for n in (60, 360))
    pose = (10.3, 9.8, 0.0)
    sums = [scan_mi(grid, pose, s)[0] for s in (few, many)]
    once = [scan_mi(grid, pose, s, joint=True)[0] for s in (few, many)]
    assert sums[1] > 5.5 * sums[0]
    assert once[0] <= once[1] < 1.2 * once[0]
    assert sums[0] > 8 * once[0]


def test_path_counts_what_the_poses_share_once() -> None:
    grid, sensor = some_map(5, (12, 12)), RangeSensor(n_beams=40, max_range=5.0)
    poses = [(6.5, 6.5, 0.0), (6.5, 6.5, 0.0), (7.5, 6.5, 0.0), (1.5, 1.5, 0.0)]
    added = path_mi(grid, poses, sensor)
    alone = scan_mi(grid, poses, sensor, joint=True)
    assert added[0] == pytest.approx(alone[0], rel=1e-12)
    assert added[1] == 0.0  # the same view again
    assert (added <= alone + 1e-12).all()
    backwards = path_mi(grid, poses[::-1], sensor)
    assert backwards.sum() == pytest.approx(added.sum(), rel=1e-12)


def test_known_map_tells_nothing() -> None:  # trap 6
    cells = np.zeros((9, 9), dtype=np.float32)
    cells[4] = 1.0
    grid, sensor = OccupancyGrid(cells, 1.0), RangeSensor(n_beams=16, max_range=20.0, sigma=0.7)
    poses = [(4.5, 1.5, 0.2), (2.5, 4.5, 0.0)]
    for measure in ("approx_fsmi", "uniform_fsmi", "shannon"):
        np.testing.assert_allclose(scan_mi(grid, poses, sensor, measure=measure), 0.0, atol=1e-15)
        np.testing.assert_allclose(
            scan_mi(grid, poses, sensor, measure=measure, joint=True), 0.0, atol=1e-15
        )


def test_units_and_codings_of_unknown_agree() -> None:  # trap 7
    sensor = RangeSensor(n_beams=20, max_range=4.0)
    codes = np.full((8, 8), -1, dtype=np.int8)
    codes[2] = 30
    floats = np.where(codes < 0, 0.5, codes / 100).astype(np.float32)
    for joint in (False, True):
        bits = scan_mi(OccupancyGrid(codes, 1.0), (4.2, 4.4, 0.0), sensor, joint=joint)
        nats = scan_mi(
            OccupancyGrid(floats, 1.0), (4.2, 4.4, 0.0), sensor, joint=joint, base=math.e
        )
        np.testing.assert_allclose(bits * LN2, nats, rtol=1e-6)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("sigma", [0.0, 0.6])
def test_rotation_and_mirror_of_the_map(joint: bool, sigma: float) -> None:
    grid, (h, w) = some_map(7, (7, 10)), (7, 10)
    sensor = RangeSensor(n_beams=11, fov=3.0, max_range=6.0, sigma=sigma)
    x, y, theta = 4.3, 2.8, 0.4
    options = {"joint": joint, "tol": 0.0}
    (expected,) = scan_mi(grid, (x, y, theta), sensor, **options)
    turned = OccupancyGrid(np.rot90(grid.occupancy).copy(), 1.0)  # rows run down the y axis ...
    got = scan_mi(turned, (y, w - x, theta - math.pi / 2), sensor, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    mirrored = OccupancyGrid(grid.occupancy[::-1].copy(), 1.0)
    got = scan_mi(mirrored, (x, h - y, -theta), sensor, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    moved = OccupancyGrid(grid.occupancy, 1.0, (2.0, -3.0, 0.5))
    c, s = math.cos(0.5), math.sin(0.5)
    pose = (2.0 + c * x - s * y, -3.0 + s * x + c * y, theta + 0.5)
    np.testing.assert_allclose(scan_mi(moved, pose, sensor, **options), expected, rtol=1e-9)


@pytest.mark.parametrize("angle", [math.radians(a) for a in range(0, 360, 45)])
def test_exact_octant_angles(angle: float) -> None:  # trap 9
    grid, sensor = some_map(8, (9, 13)), RangeSensor(n_beams=1, max_range=30.0, sigma=0.8)
    for pose in [(6.5, 4.5, angle), (6.0, 4.0, angle)]:
        expected = sum(beam_by_beam(grid, pose, sensor, "approx_fsmi"))
        np.testing.assert_allclose(scan_mi(grid, pose, sensor, tol=0.0), expected, rtol=1e-9)


def test_degenerate_maps_and_no_poses() -> None:  # trap 9
    sensor = RangeSensor(n_beams=6, max_range=3.0)
    one = OccupancyGrid([[0.5]], 1.0)
    gain = 0.5 * ref.gain(1.5, 0.5) + 0.5 * ref.gain(1 / 1.5, 0.5)
    np.testing.assert_allclose(scan_mi(one, (0.5, 0.5, 0.0), sensor), 6 * gain / LN2, rtol=1e-9)
    np.testing.assert_allclose(
        scan_mi(one, (0.5, 0.5, 0.0), sensor, joint=True), gain / LN2, rtol=1e-9
    )
    nowhere = np.empty((0, 3))
    assert scan_mi(one, nowhere, sensor).shape == (0,)
    assert scan_mi(one, nowhere, sensor, joint=True).shape == (0,)
    assert path_mi(one, nowhere, sensor).shape == (0,)


def test_only_the_part_in_reach_matters() -> None:
    """Cropping the tables to what the poses can reach changes nothing."""
    grid, sensor = some_map(9, (60, 70)), RangeSensor(n_beams=24, max_range=7.3, sigma=0.5)
    pose = (33.3, 21.7, 0.2)
    small = OccupancyGrid(grid.occupancy[10:34, 22:46].copy(), 1.0, (22.0, 10.0, 0.0))
    np.testing.assert_allclose(
        scan_mi(grid, pose, sensor), scan_mi(small, pose, sensor), rtol=1e-12
    )
    together = scan_mi(grid, [pose, (5.5, 50.5, 0.0)], sensor)
    assert together[0] == pytest.approx(scan_mi(grid, pose, sensor)[0], rel=1e-12)


def test_monte_carlo_is_repeatable_and_reports() -> None:
    grid, sensor, poses = small_case()
    first, again = (monte_carlo_mi(grid, poses, sensor, n_maps=50, rng=3) for _ in range(2))
    np.testing.assert_array_equal(first.value, again.value)
    assert first.to_dict()["n_maps"] == 50
    assert "50 maps" in repr(first)


GRID = OccupancyGrid.unknown(4, 4, 1.0)
SENSOR = RangeSensor(n_beams=4, max_range=3.0)
INSIDE = (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scan_mi(GRID, (9.0, 1.0, 0.0), SENSOR), "outside the map"),
        (lambda: scan_mi(GRID, (math.nan, 1.0, 0.0), SENSOR), "not finite"),
        (lambda: scan_mi(GRID, [(1.0, 1.0)], SENSOR), r"need \(P, 3\)"),
        (lambda: scan_mi(GRID, INSIDE, SENSOR, measure="fmsi"), "approx_fsmi"),
        (lambda: scan_mi(GRID, INSIDE, SENSOR, measure="csqmi", joint=True), "one of numerical"),
        (lambda: scan_mi(GRID, INSIDE, SENSOR, base=1.0), "base is 1.0"),
        (lambda: scan_mi(GRID, INSIDE, SENSOR, tol=-1.0), "tol is -1.0"),
        (lambda: path_mi(GRID, INSIDE, SENSOR, tol=math.inf), "tol is inf"),
        (lambda: path_mi(GRID, INSIDE, SENSOR, base=0.0), "base is 0.0"),
        (lambda: path_mi(GRID, INSIDE, SENSOR, measure="csmi"), "'csmi'; one of numerical"),
        (lambda: path_mi(GRID, (1.0, -0.1, 0.0), SENSOR), "outside the map"),
        (lambda: scan_mi(GRID, (1.0, 1.0, math.inf), SENSOR), "not finite"),
        (lambda: scan_mi(GRID, INSIDE, SENSOR, measure="csmi"), "'csmi'; one of numerical"),
        (lambda: scan_mi(GRID, INSIDE, RangeSensor(n_beams=0)), "n_beams is 0"),
        (lambda: scan_mi(GRID, INSIDE, RangeSensor(max_range=0.0)), "max_range is 0.0"),
        (lambda: monte_carlo_mi(GRID, INSIDE, SENSOR, n_maps=1), "n_maps is 1"),
        (
            lambda: scan_mi(
                GRID, INSIDE, replace(SENSOR, count_no_hit=False), measure="shannon", joint=True
            ),
            "count_no_hit=True",
        ),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
