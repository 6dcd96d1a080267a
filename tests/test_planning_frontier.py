"""What is known, frontiers, viewpoints, gains, memory and the blacklist."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from fsmi import OccupancyGrid, RangeSensor, scan_mi, update
from fsmi.grid import binary_entropy
from fsmi.planning.blacklist import Blacklist
from fsmi.planning.frontier import find_frontiers, find_viewpoints, frontier_mask
from fsmi.planning.gains import GAINS
from fsmi.planning.knowledge import classify, grown, unknown_prior
from fsmi.planning.memory import Memory
from fsmi.planning.paths import distance_field, traversable
from fsmi.planning.sight import Sight, _free_steps
from tests import reference_robotics as slow

SENSOR = RangeSensor(n_beams=180, max_range=4.0, delta_occ=9.0, delta_emp=0.3)


def half_known() -> OccupancyGrid:
    """A walled room of 6 x 4 m, free to the left, unknown to the right."""
    cells = np.full((40, 60), -1, dtype=np.int8)
    cells[:, :30] = 0
    cells[[0, -1], :30] = 100
    cells[:, 0] = 100
    return OccupancyGrid(cells, 0.1)


def test_prior_depends_on_the_side_of_a_cell() -> None:
    assert unknown_prior(0.1) == pytest.approx(1.0 - math.exp(-0.02))
    # A metre of unknown space stops a beam as often at any resolution.
    for r in (0.02, 0.1, 0.5):
        passed = (1.0 - unknown_prior(r)) ** (1.0 / r)
        assert passed == pytest.approx(math.exp(-0.2))
    with pytest.raises(ValueError, match="free_path is 0"):
        unknown_prior(0.1, 0.0)


def test_classify_splits_and_believes() -> None:
    cells = np.full((9, 9), 0.5, dtype=np.float32)
    cells[:, :3], cells[0, 0], cells[5, 6] = 0.1, 0.9, 0.4
    known = classify(OccupancyGrid(cells, 0.1), prior=0.05)
    assert known.occupied.sum() == 1
    assert known.free.sum() == 26
    assert known.unknown.sum() == 54
    belief = known.belief.occupancy
    assert belief[0, 0] == 1.0
    assert belief[1, 1] == 0.0
    assert belief[1, 5] == np.float32(0.05)
    # Evidence for free lowers the prior, but not below what the map itself says.
    assert 0.0 < belief[5, 6] < 0.4
    assert known.entropy() == pytest.approx(float(binary_entropy(belief).sum()))


def test_blend_is_continuous_at_both_thresholds() -> None:
    p = np.linspace(0.2501, 0.6499, 400, dtype=np.float32)
    cells = np.full((12, 12), 0.5, dtype=np.float32)
    values = []
    for value in p:
        cells[6, 6] = value
        values.append(float(classify(OccupancyGrid(cells, 0.1), prior=0.02).belief.occupancy[6, 6]))
    assert values[0] == pytest.approx(0.25, abs=2e-3)
    assert values[-1] == pytest.approx(0.65, abs=2e-3)
    assert np.abs(np.diff(values)).max() < 0.02
    assert min(values) >= 0.02 - 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_solid_and_open_are_the_morphology_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.choice(np.array([-1, 0, 100], dtype=np.int8), (25, 31), p=[0.55, 0.3, 0.15])
    known = classify(OccupancyGrid(cells, 0.1))
    eight = np.ones((3, 3))
    wide = ndimage.binary_dilation(known.occupied, eight)
    closed = ndimage.binary_erosion(wide, eight, border_value=1) | known.occupied
    rest = known.unknown & ~closed
    core = ndimage.binary_erosion(rest, eight, border_value=1)
    opened = ndimage.binary_dilation(core, eight) & rest
    specks = rest & ~opened & ndimage.binary_dilation(closed, eight)
    np.testing.assert_array_equal(known.solid, closed | specks)
    np.testing.assert_array_equal(known.open, rest & ~specks)
    np.testing.assert_array_equal(grown(known.free), ndimage.binary_dilation(known.free, eight))


def test_gaps_in_a_wall_do_not_show_its_inside_but_doors_do() -> None:
    cells = np.zeros((30, 30), dtype=np.int8)
    cells[15:, :] = -1
    cells[15, :] = 100
    for hole, leaks in ((slice(10, 12), False), (slice(10, 16), True)):
        trial = cells.copy()
        trial[15, hole] = 0
        known = classify(OccupancyGrid(trial, 0.1))
        bits = Sight.of(known, SENSOR).information(np.array([[1.25, 0.5, 0.0]]))[0]
        assert (bits > 1.0) == leaks


def test_frontier_cells_by_their_definition() -> None:
    known = classify(half_known())
    mask = frontier_mask(known)
    for i, j in np.ndindex(mask.shape):
        beside = [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
        near = any(
            0 <= a < mask.shape[0] and 0 <= b < mask.shape[1] and known.open[a, b]
            for a, b in beside
        )
        assert mask[i, j] == (known.free[i, j] and near)
    frontiers = find_frontiers(known)
    assert len(frontiers.sizes) == 1
    assert frontiers.sizes[0] == mask.sum() == 38
    assert len(find_frontiers(known, min_cells=39).cells) == 0


def test_the_edge_of_the_map_is_no_frontier() -> None:
    known = classify(OccupancyGrid(np.zeros((8, 8), dtype=np.int8), 0.1))
    assert not frontier_mask(known).any()
    assert len(find_frontiers(known).sizes) == 0


def test_values_other_than_minus_one_nought_and_hundred_are_understood() -> None:
    cells = half_known().to_ros().reshape(40, 60)
    soft = np.where(cells == 0, 7, np.where(cells == 100, 88, 47)).astype(np.int8)
    known = classify(OccupancyGrid(soft, 0.1))
    assert frontier_mask(known).sum() == 38


def test_viewpoints_fit_the_robot_and_see_their_frontier() -> None:
    grid = half_known()
    known = classify(grid)
    room = traversable(known, 0.25)
    field = distance_field(known, room, (1.0, 2.0, 0.0), robot_radius=0.25)
    frontiers = find_frontiers(known)
    points = find_viewpoints(known, room, field, frontiers, max_range=4.0)
    assert room.open[points.cells[:, 0], points.cells[:, 1]].all()
    assert np.isfinite(field.distance[points.cells[:, 0], points.cells[:, 1]]).all()
    assert len(np.unique(points.cells, axis=0)) == len(points.cells)
    assert len(points.unreachable) == 0
    chosen = points.frontier > 0
    assert 3 <= chosen.sum() <= 6  # 3.8 m in pieces of 1 m
    assert np.abs(points.facing[chosen]).max() < 1.2  # the unknown lies towards +x


def test_a_frontier_behind_a_narrow_gap_is_reported_and_not_visited() -> None:
    cells = np.full((40, 80), 100, dtype=np.int8)
    cells[5:35, 5:35] = 0
    cells[18:22, 35:40] = 0  # a gap of 0.4 m
    cells[5:35, 40:60] = 0
    cells[5:35, 60:75] = -1
    known = classify(OccupancyGrid(cells, 0.1))
    room = traversable(known, 0.25)
    field = distance_field(known, room, (1.5, 2.0, 0.0), robot_radius=0.25)
    points = find_viewpoints(known, room, field, find_frontiers(known), max_range=2.0)
    assert len(points.unreachable) > 0
    assert frontier_mask(known)[tuple(points.unreachable[:, :2].T)].all()
    assert set(points.unreachable[:, 2]) == {30}
    assert not (points.frontier > 0).any()


def test_visible_counts_every_unknown_cell_once() -> None:
    known = classify(half_known())
    pose = (2.0, 2.0, 0.4)
    sight = Sight.of(known, SENSOR)
    mask = sight.mask(pose)
    seen = set()
    for angle in SENSOR.angles():
        cells = slow.cells_on_ray(known.belief, pose[0], pose[1], pose[2] + angle, 4.0)
        for cell in cells:
            if known.solid[cell]:
                break
            if known.open[cell]:
                seen.add(cell)
    assert {(int(i), int(j)) for i, j in np.argwhere(mask)} == seen
    assert sight.count(np.array([pose]))[0] == len(seen)


def looks(grid: OccupancyGrid, n: int = 12) -> tuple[Sight, np.ndarray]:
    """A belief and `n` random poses in its free cells."""
    known = classify(grid)
    rng = np.random.default_rng(0)
    cells = np.argwhere(known.free)[rng.integers(known.free.sum(), size=n)]
    places = grid.cell_to_world(cells + rng.uniform(-0.45, 0.45, (n, 2)))
    return Sight.of(known, SENSOR), np.column_stack((places, rng.uniform(-4, 4, n)))


def touched_map() -> OccupancyGrid:
    """A map with cells of every kind of evidence."""
    rng = np.random.default_rng(1)
    cells = np.array(half_known().occupancy)
    odd = rng.random(cells.shape) < 0.3
    cells[odd & (cells == 0.5)] = rng.uniform(0.26, 0.64, int((odd & (cells == 0.5)).sum()))
    return OccupancyGrid(cells, 0.1, (3.0, -1.0, 0.4))


@pytest.mark.parametrize("grid", [half_known(), touched_map()])
def test_information_is_that_of_scan_mi_with_each_cell_counted_once(grid: OccupancyGrid) -> None:
    sight, poses = looks(grid)
    expected = scan_mi(
        sight.known.belief, poses, SENSOR, measure="shannon", joint=True, tol=0.0
    )  # fmt: skip
    np.testing.assert_allclose(sight.information(poses), expected, rtol=1e-5, atol=1e-6)
    h = float(binary_entropy(sight.known.prior))
    if grid.origin[2] == 0.0:  # no touched cells
        assert (expected <= sight.count(poses) * h + 1e-9).all()
    beams = scan_mi(sight.known.belief, poses, SENSOR, measure="approx_fsmi")
    sizes = np.arange(float(len(poses)))
    np.testing.assert_allclose(GAINS["fsmi"](sight, poses, sizes), beams)
    np.testing.assert_array_equal(GAINS["joint"](sight, poses, sizes), sight.information(poses))
    np.testing.assert_array_equal(GAINS["frontier"](sight, poses, sizes), sizes)
    few = replace(SENSOR, n_beams=36, sigma=0.025)
    assert SENSOR.sigma == 0.0
    quadratic = scan_mi(sight.known.belief, poses, few, measure="approx_csqmi")
    np.testing.assert_allclose(GAINS["csqmi"](sight, poses, sizes), quadratic * SENSOR.n_beams / 36)


def test_free_steps_are_those_of_a_king() -> None:
    rng = np.random.default_rng(5)
    for shape in ((1, 1), (1, 30), (17, 23), (40, 40)):
        for density in (0.0, 0.003, 0.1, 1.0):
            codes = np.where(rng.random(shape) < density, 255, 0).astype(np.uint8)
            codes[rng.random(shape) < density / 4] = 254
            free = codes < 254
            _free_steps(codes)
            if free.all():
                assert (codes == 253).all()
            else:
                steps = ndimage.distance_transform_cdt(free, metric="chessboard")
                np.testing.assert_array_equal(codes[free], steps[free])


def test_leaps_change_nothing_in_a_hall() -> None:
    cells = np.zeros((160, 200), dtype=np.int8)
    cells[:, 150:] = -1
    cells[[0, -1]] = 100
    cells[60:64, 90:94] = 100
    grid = OccupancyGrid(cells, 0.1, (-3.0, 2.0, 0.2))
    sensor = RangeSensor(n_beams=144, max_range=14.0, delta_occ=9.0, delta_emp=0.3)
    known = classify(grid)
    poses = [(*grid.cell_to_world([i, j]), a) for i, j, a in ((80, 20, 0.0), (30, 149, 1.0))]
    slow_way = scan_mi(known.belief, poses, sensor, measure="shannon", joint=True, tol=0.0)
    np.testing.assert_allclose(
        Sight.of(known, sensor).information(poses), slow_way, rtol=1e-5, atol=1e-6
    )
    assert slow_way.min() > 10.0


def test_likely_cells_are_those_reached_with_even_odds() -> None:
    sight, poses = looks(touched_map(), 4)
    starts, cells = sight.likely(poses)
    assert starts[0] == 0
    assert starts[-1] == len(cells)
    belief = sight.known.belief
    for p, (x, y, heading) in enumerate(poses):
        reach: dict[int, float] = {}
        for angle in SENSOR.angles():
            now = 1.0
            for i, j in slow.cells_on_ray(belief, x, y, heading + angle, 4.0):
                if sight.known.solid[i, j]:
                    break
                if sight.known.open[i, j]:
                    flat = i * belief.shape[1] + j
                    reach[flat] = max(reach.get(flat, 0.0), now)
                    now *= 1.0 - float(belief.occupancy[i, j])
        sure = {k for k, v in reach.items() if v >= 0.5 + 1e-6}
        maybe = {k for k, v in reach.items() if v >= 0.5 - 1e-6}
        got = set(cells[starts[p] : starts[p + 1]].tolist())
        assert sure <= got <= maybe


@pytest.mark.parametrize("gain", sorted({*GAINS} - {"fcmi"}))  # that grows with free space
def test_known_space_is_worth_nothing(gain: str) -> None:
    cells = np.zeros((30, 30), dtype=np.int8)
    cells[[0, -1]] = cells[:, [0, -1]] = 97
    sight = Sight.of(classify(OccupancyGrid(cells, 0.1)), SENSOR)
    assert GAINS[gain](sight, np.array([[1.5, 1.5, 0.0]]), np.zeros(1))[0] == pytest.approx(0.0)


def test_memory_keeps_walls_that_flicker() -> None:
    wall = np.zeros((20, 20), dtype=np.int8)
    wall[12:] = -1
    wall[12] = 100
    seen = OccupancyGrid(wall, 0.1)
    memory = Memory(SENSOR)
    assert memory.opaque(seen) is None
    memory.add(seen, Sight.of(classify(seen), SENSOR), (1.0, 0.5, 0.0))
    later = wall.copy()
    later[12, 3:15] = 0  # cleared by grazing beams
    grid = OccupancyGrid(later, 0.1)
    opaque = memory.opaque(grid)
    assert opaque is not None
    assert opaque[12].all()
    assert classify(grid, opaque=opaque).open[:, 5:13].sum() == classify(seen).open[:, 5:13].sum()
    # A cell that noise made a wall once, in the midst of free space, is no wall for ever.
    alone = np.zeros((20, 20), dtype=np.int8)
    alone[5, 5] = 100
    memory = Memory(SENSOR)
    first = OccupancyGrid(alone, 0.1)
    memory.add(first, Sight.of(classify(first), SENSOR), (1.0, 1.0, 0.0))
    gone = memory.opaque(OccupancyGrid(np.zeros((20, 20), dtype=np.int8), 0.1))
    assert gone is not None
    assert not gone.any()


def test_memory_writes_off_cells_that_stay_dark() -> None:
    base = half_known().to_ros().reshape(40, 60)
    memory = Memory(SENSOR)
    for k in range(4):
        grid = OccupancyGrid(base.copy(), 0.1)
        opaque = memory.opaque(grid)
        dark = 0 if opaque is None else int((opaque & (base == -1)).sum())
        assert (dark > 100) == (k == 3)
        known = classify(grid)
        sight = Sight.of(known, SENSOR)
        memory.add(grid, sight, (2.0, 2.0, 0.0))
        memory.add(grid, sight, (2.0, 2.0, 0.0))  # the same map: no new scan, not counted
    other = OccupancyGrid(base[:30].copy(), 0.1)
    assert memory.opaque(other) is None


def test_memory_waits_for_weak_sensors() -> None:
    weak = RangeSensor(n_beams=90, max_range=2.0, delta_occ=1.2, delta_emp=1 / 1.2)
    grid = OccupancyGrid.unknown(5.0, 5.0, 0.25)
    memory = Memory(weak)
    for _ in range(8):
        grid = update(grid, (2.5, 2.5, 0.0), np.full(90, np.inf), weak)
        known = classify(grid, opaque=memory.opaque(grid))
        memory.add(grid, Sight.of(known, weak), (2.5, 2.5, 0.0))
    assert known.free.sum() > 100  # it was given the scans it needed


def test_blacklist_forgives_ever_later_and_then_no_more() -> None:
    places = np.array([[0.0, 0.0], [0.1, 0.1], [2.0, 0.0]])
    black = Blacklist(0.3, patience=4, forgive=3)
    black.add(0.0, 0.0, 10, "first")
    np.testing.assert_array_equal(black.blocks(places, 13), [True, True, False])
    assert not black.blocks(places, 14).any()
    black.add(0.1, 0.0, 20, "second")
    assert black.blocks(places, 27)[0]
    assert not black.blocks(places, 28)[0]
    black.add(0.0, 0.1, 30, "third")
    assert len(black.entries) == 1
    assert black.blocks(places, 10_000)[0]
    black.add(2.0, 0.0, 40, "other")
    assert black.release(41) == 1
    np.testing.assert_array_equal(black.blocks(places, 41), [True, True, False])
