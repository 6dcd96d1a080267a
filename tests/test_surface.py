"""The sweeps against the per-origin sum on the same digital line, and the traps of whole maps."""

from __future__ import annotations

import math
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import MEASURES, OccupancyGrid, RangeSensor, mi_map, monte_carlo_mi, scan_mi
from fsmi.surface import SWEEP_MEASURES, angle_step, default_threads
from tests import reference_maps as ref

LN2 = math.log(2.0)
SHAPES = [(1, 1), (1, 6), (6, 1), (5, 8), (8, 5)]


def some_cells(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Probabilities of all sizes, 0 and 1 among them."""
    rng = np.random.default_rng(seed)
    cells = rng.uniform(0, 1, shape) ** 2
    cells[rng.uniform(size=shape) < 0.15] = 0.0
    cells[rng.uniform(size=shape) < 0.1] = 1.0
    return cells.astype(np.float32)


def tables(cells: np.ndarray, sensor: RangeSensor, measure: str) -> tuple[dict, dict, dict]:
    o = {c: float(v) for c, v in np.ndenumerate(cells)}
    if measure == "shannon":
        occ = {c: -math.log(p) if p else 0.0 for c, p in o.items()}
        emp = {c: -math.log(1 - p) if p < 1 else 0.0 for c, p in o.items()}
    else:
        occ = {c: ref.gain(sensor.delta_occ, p) for c, p in o.items()}
        emp = {c: ref.gain(sensor.delta_emp, p) for c, p in o.items()}
    return o, occ, emp


def per_origin(
    cells: np.ndarray, sensor: RangeSensor, measure: str = "approx_fsmi", *, theta: float = 0.0,
    joint: bool = False, resolution: float = 1.0,
    origins: list[tuple[int, int]] | None = None,
) -> np.ndarray:  # fmt: skip
    """The surface [bit], one digital line per cell (of `origins`, if given) and beam."""
    o, occ, emp = tables(cells, sensor, measure)
    length, sigma = sensor.max_range / resolution, sensor.sigma / resolution
    sigma = 0.0 if measure == "shannon" else sigma
    out = np.zeros(cells.shape)
    for angle in sensor.angles() + theta:
        for origin in origins or np.ndindex(*cells.shape):
            line, spacing = ref.line_in_range(cells.shape, origin, angle, length)
            p, hit, miss = ([t[c] for c in line] for t in (o, occ, emp))
            if joint:
                slope = angle_step(sensor) * spacing**2
                weights = [1 / sensor.n_beams] + [min(1.0, slope * k) for k in range(1, len(line))]
                gains = [q * a + (1 - q) * b for q, a, b in zip(p, hit, miss, strict=True)]
                out[origin] += ref.weighted_beam(p, gains, weights)
            else:
                sigmas = 6.5 if measure == "fsmi" else 3.0
                taps = ref.kernel(sigma, spacing, uniform=measure == "uniform_fsmi", sigmas=sigmas)
                out[origin] += ref.beam(p, hit, miss, taps, sensor.count_no_hit)
    return out / LN2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("max_range", [1e9, 0.4, 2.5, 4.1])
@pytest.mark.parametrize("sigma", [0.0, 0.45, 1.2])
@pytest.mark.parametrize("count_no_hit", [True, False])
def test_sweep_equals_the_sum_over_origins(
    shape: tuple[int, int], max_range: float, sigma: float, count_no_hit: bool
) -> None:
    cells = some_cells(sum(shape), shape)
    sensor = RangeSensor(
        11, max_range=max_range, sigma=sigma, delta_occ=3.0, delta_emp=0.2,
        count_no_hit=count_no_hit,
    )  # fmt: skip
    expected = per_origin(cells, sensor, theta=0.1)
    grid = OccupancyGrid(cells, 1.0)
    exact = mi_map(grid, sensor, theta=0.1, dtype=np.float64)
    np.testing.assert_allclose(exact, expected, rtol=1e-10, atol=1e-13)
    single = mi_map(grid, sensor, theta=0.1)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("measure", ["fsmi", "uniform_fsmi", "shannon"])
@pytest.mark.parametrize("sigma", [0.0, 0.9])
@pytest.mark.parametrize("count_no_hit", [True, False])
def test_every_sweep_measure(measure: str, sigma: float, count_no_hit: bool) -> None:
    cells = some_cells(4, (7, 6))
    sensor = RangeSensor(9, max_range=4.0, sigma=sigma, count_no_hit=count_no_hit)
    got = mi_map(OccupancyGrid(cells, 1.0), sensor, measure=measure, dtype=np.float64)
    np.testing.assert_allclose(got, per_origin(cells, sensor, measure), rtol=1e-10, atol=1e-13)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 10**6), st.sampled_from(SHAPES), st.floats(0.3, 12), st.sampled_from([0.0, 0.7]),
    st.integers(1, 9), st.floats(0.2, 6.28), st.floats(-4, 4),
)  # fmt: skip
def test_sweep_equals_the_sum_over_origins_anywhere(
    seed: int,
    shape: tuple[int, int],
    max_range: float,
    sigma: float,
    n: int,
    fov: float,
    theta: float,
) -> None:
    cells, sensor = some_cells(seed, shape), RangeSensor(n, fov, max_range, sigma)
    got = mi_map(OccupancyGrid(cells, 1.0), sensor, theta=theta, dtype=np.float64)
    np.testing.assert_allclose(got, per_origin(cells, sensor, theta=theta), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("octant", range(8))
@pytest.mark.parametrize("offset", [0.0, 0.3])
@pytest.mark.parametrize("sigma", [0.0, 0.8])
def test_trap_9_octants_and_their_edges(octant: int, offset: float, sigma: float) -> None:
    cells = some_cells(11, (6, 9))
    sensor = RangeSensor(1, max_range=5.0, sigma=sigma)
    theta = octant * math.pi / 4 + offset
    got = mi_map(OccupancyGrid(cells, 1.0), sensor, theta=theta, dtype=np.float64)
    np.testing.assert_allclose(got, per_origin(cells, sensor, theta=theta), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("width", [500, 512])
@pytest.mark.parametrize("tall", [False, True])
def test_trap_9_maps_500_and_512_wide(width: int, tall: bool) -> None:
    shape = (width, 2) if tall else (2, width)
    cells = np.full(shape, 0.02, dtype=np.float32)
    cells.flat[::37] = 0.9
    theta = math.pi / 2 if tall else 0.0
    ends = [(0, 0), (1, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 2)]
    for sensor in (RangeSensor(3, 0.3, 1e9), RangeSensor(3, 0.3, 60.0, sigma=1.0)):
        got = mi_map(OccupancyGrid(cells, 1.0), sensor, theta=theta, dtype=np.float64)
        expected = per_origin(cells, sensor, theta=theta, origins=ends)
        for origin in ends:
            assert got[origin] == pytest.approx(expected[origin], rel=1e-10)


@pytest.mark.parametrize("theta", [0.0, 0.7, -2.0])
@pytest.mark.parametrize(
    ("sensor", "joint"),
    [
        (RangeSensor(2, 0.1, 70.0), False),
        (RangeSensor(2, 0.1, 70.0, sigma=1.0), False),
        (RangeSensor(2, 0.1, 70.0, sigma=1.5), False),
        (RangeSensor(2, 0.01, 1e9), True),
        (RangeSensor(2, 0.03, 70.0), True),
    ],
)
def test_maps_of_several_strips(theta: float, sensor: RangeSensor, joint: bool) -> None:
    """Maps wider than the scratch holds lines, at the seams of their strips."""
    shape = (90, 60) if numba.config.DISABLE_JIT else (90, 700)
    cells = np.random.default_rng(3).uniform(0, 0.08, shape).astype(np.float32)
    surface = mi_map(OccupancyGrid(cells, 1.0), sensor, theta=theta, joint=joint, dtype=np.float64)
    rows = (2, 44, 87)
    origins = [(i, j) for i in rows for j in range(3, shape[1], shape[1] // 14)]
    expected = per_origin(cells, sensor, theta=theta, joint=joint, origins=origins)
    for origin in origins:
        assert surface[origin] == pytest.approx(expected[origin], rel=1e-10)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sigma", [0.0, 0.8])
@pytest.mark.parametrize("shape", [(1, 1), (6, 7)])
def test_trap_9_one_cell_free_solid_and_unknown_maps(
    value: float, sigma: float, shape: tuple[int, int]
) -> None:  # and trap 6
    cells = np.full(shape, value, dtype=np.float32)
    sensor = RangeSensor(8, max_range=3.0, sigma=sigma)
    got = mi_map(OccupancyGrid(cells, 1.0), sensor, dtype=np.float64)
    np.testing.assert_allclose(got, per_origin(cells, sensor), rtol=1e-10, atol=1e-13)
    if value != 0.5:
        assert (got == 0.0).all()  # a known map tells nothing


# Joint -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("max_range", [1e9, 0.4, 2.5, 5.0])
@pytest.mark.parametrize("n_beams", [1, 7, 60])
def test_joint_sweep_equals_the_weighted_sum_over_origins(
    shape: tuple[int, int], max_range: float, n_beams: int
) -> None:
    cells, sensor = some_cells(3, shape), RangeSensor(n_beams, max_range=max_range)
    got = mi_map(OccupancyGrid(cells, 1.0), sensor, joint=True, theta=0.1, dtype=np.float64)
    expected = per_origin(cells, sensor, theta=0.1, joint=True)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)


def test_joint_sweep_lies_near_the_sampled_truth() -> None:
    """A room with unknown space beyond a door: against Monte Carlo over maps, exact rays."""
    cells = np.full((30, 30), 0.03, dtype=np.float32)
    cells[[0, 14, -1]] = cells[:, [0, -1]] = 0.95
    cells[14, 8:12] = 0.03
    cells[15:29, 1:29] = 0.5
    grid, sensor = OccupancyGrid(cells, 1.0), RangeSensor(90, max_range=1e3)
    wanted = np.array([(5, 5), (5, 20), (12, 10), (20, 15), (2, 27)])
    poses = np.column_stack((grid.cell_to_world(wanted), np.zeros(5)))
    true = monte_carlo_mi(grid, poses, sensor, n_maps=150, rng=1).value
    once = mi_map(grid, sensor, joint=True)[tuple(wanted.T)]
    total = mi_map(grid, sensor)[tuple(wanted.T)]
    best = scan_mi(grid, poses, sensor, joint=True)
    assert (best < 1.02 * true).all()
    # Digital lines have fewer cells than rays, so they see deeper into unknown space (wanted[3]).
    assert (np.abs(once / true - 1) < [0.15, 0.15, 0.15, 0.5, 0.15]).all()
    assert (total > 2 * true).all()
    assert np.corrcoef(once, true)[0, 1] > 0.99


# Symmetry, options, comparison -----------------------------------------------------------------


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("sigma", [0.0, 0.7])
@pytest.mark.parametrize("max_range", [4.0, 1e9])
def test_rotation_and_mirror(joint: bool, sigma: float, max_range: float) -> None:
    cells = some_cells(6, (7, 10))
    sensor = RangeSensor(16, max_range=max_range, sigma=sigma)

    def surface(c: np.ndarray) -> np.ndarray:
        return mi_map(OccupancyGrid(c.copy(), 1.0), sensor, joint=joint, dtype=np.float64)

    expected = surface(cells)
    for turns in (1, 2, 3):
        np.testing.assert_allclose(
            surface(np.rot90(cells, turns)), np.rot90(expected, turns), rtol=1e-10
        )
    np.testing.assert_allclose(surface(cells[::-1]), expected[::-1], rtol=1e-10)
    np.testing.assert_allclose(surface(cells[:, ::-1]), expected[:, ::-1], rtol=1e-10)


def test_resolution_and_origin_of_the_grid() -> None:
    cells, sensor = some_cells(12, (6, 8)), RangeSensor(10, fov=2.0, max_range=4.0, sigma=0.8)
    expected = mi_map(OccupancyGrid(cells, 1.0), sensor, theta=0.4)
    fine = replace(sensor, max_range=0.4, sigma=0.08)
    moved = OccupancyGrid(cells, 0.1, (5.0, -2.0, 1.1))
    np.testing.assert_allclose(mi_map(moved, fine, theta=1.5), expected, rtol=1e-5)


def test_ros_codes_and_floats_agree_and_are_left_alone() -> None:
    codes = np.random.default_rng(1).integers(-1, 101, (9, 9)).astype(np.int8)
    floats = np.where(codes < 0, 0.5, codes / 100).astype(np.float32)
    before, sensor = codes.copy(), RangeSensor(12, max_range=5.0)
    for sigma in (0.0, 0.5):
        a, b = (
            mi_map(OccupancyGrid(c, 1.0), replace(sensor, sigma=sigma)) for c in (codes, floats)
        )
        np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_array_equal(codes, before)


def test_threads_mask_progress_and_base() -> None:
    grid, sensor = OccupancyGrid(some_cells(2, (12, 15)), 1.0), RangeSensor(30, max_range=6.0)
    one = mi_map(grid, sensor, n_threads=1)
    np.testing.assert_allclose(mi_map(grid, sensor, n_threads=3), one, rtol=1e-5)
    seen: list[float] = []
    np.testing.assert_allclose(
        mi_map(grid, sensor, n_threads=2, progress=lambda f, _: seen.append(f)), one, rtol=1e-5
    )
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    np.testing.assert_allclose(mi_map(grid, sensor, base=math.e), one * LN2, rtol=1e-5)
    mask = grid.occupancy < 0.3
    some = mi_map(grid, sensor, mask=mask, n_threads=1)
    np.testing.assert_array_equal(some[mask], one[mask])
    assert np.isnan(some[~mask]).all()
    assert default_threads() >= 1


@pytest.mark.parametrize("joint", [False, True])
def test_poses_and_sweep_rank_alike(joint: bool) -> None:
    """Exact rays and digital lines are two discretisations (trap 2): alike, not equal."""
    rng = np.random.default_rng(0)
    cells = np.where(rng.uniform(size=(14, 14)) < 0.08, 0.9, 0.1).astype(np.float32)
    grid, sensor = OccupancyGrid(cells, 1.0), RangeSensor(40, max_range=6.0)
    seen: list[float] = []
    exact = mi_map(grid, sensor, joint=joint, method="poses", progress=lambda f, _: seen.append(f))
    sweep = mi_map(grid, sensor, joint=joint)
    assert seen[-1] == 1.0
    assert np.corrcoef(exact.ravel(), sweep.ravel())[0, 1] > 0.9
    assert abs(np.median(sweep / exact) - 1) < 0.3
    mask = np.zeros((14, 14), dtype=np.bool_)
    mask[3, 4] = mask[10, 2] = True
    some = mi_map(grid, sensor, joint=joint, method="poses", mask=mask)
    np.testing.assert_allclose(some[mask], exact[mask])
    assert np.isnan(some).sum() == 14 * 14 - 2


@pytest.mark.parametrize("measure", sorted(MEASURES))
@pytest.mark.parametrize("max_range", [2.5, 1e9])
def test_a_surface_of_every_measure(measure: str, max_range: float) -> None:
    """Swept where there is a sweep, else pose by pose; the two rank cells alike."""
    cells = np.full((5, 6), 0.1, dtype=np.float32)
    cells[:, 0] = cells[2, 3] = 0.9
    cells[3:, 2:] = 0.5
    grid, sensor = OccupancyGrid(cells, 1.0), RangeSensor(8, max_range=max_range, sigma=0.5)
    exact = mi_map(grid, sensor, measure=measure, method="poses")
    surface = mi_map(grid, sensor, measure=measure)
    assert surface.shape == exact.shape
    assert np.corrcoef(exact.ravel(), surface.ravel())[0, 1] > 0.8
    swept = measure in SWEEP_MEASURES and (measure != "fcmi" or max_range > 10)
    if swept:
        np.testing.assert_array_equal(
            mi_map(grid, sensor, measure=measure, method="sweep"), surface
        )
    else:
        np.testing.assert_array_equal(exact, surface)
        with pytest.raises(ValueError, match="poses"):
            mi_map(grid, sensor, measure=measure, method="sweep")


def test_joint_surface_without_no_hits_goes_pose_by_pose() -> None:
    grid = OccupancyGrid(some_cells(5, (4, 5)), 1.0)
    sensor = RangeSensor(6, max_range=3.0, count_no_hit=False)
    exact = mi_map(grid, sensor, joint=True, method="poses")
    np.testing.assert_array_equal(mi_map(grid, sensor, joint=True), exact)


@pytest.mark.parametrize("n_beams", [1, 40])
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("method", ["sweep", "poses"])
def test_progress_reaches_one_and_may_interrupt(n_beams: int, n_threads: int, method: str) -> None:
    grid, sensor = OccupancyGrid(some_cells(2, (30, 30)), 1.0), RangeSensor(n_beams, max_range=2.0)
    seen: list[float] = []

    def stop(fraction: float, text: str) -> None:
        seen.append(fraction)
        assert text.startswith("information map: 1 of" if method == "sweep" else "information map:")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mi_map(grid, sensor, method=method, n_threads=n_threads, progress=stop)
    assert len(seen) == 1
    seen.clear()
    mi_map(grid, sensor, method=method, n_threads=n_threads, progress=lambda f, _: seen.append(f))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


GRID = OccupancyGrid.unknown(3, 3, 1.0)
SENSOR = RangeSensor(n_beams=4, max_range=2.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "fmsi"}, "approx_fsmi"),
        ({"measure": "csqmi", "method": "sweep"}, 'method="poses"'),
        ({"method": "sweeps"}, "one of auto, sweep, poses"),
        ({"base": 1.0}, "base is 1.0"),
        ({"theta": math.nan}, "theta is nan"),
        ({"dtype": np.int32}, "float32, float64"),
        ({"n_threads": 0}, "n_threads is 0"),
        ({"n_threads": True}, "n_threads is True"),
        ({"mask": np.ones((2, 3), dtype=np.bool_)}, "mask has shape"),
        ({"mask": np.ones((3, 3))}, "need bool"),
        (
            {"joint": True, "method": "sweep", "sensor": replace(SENSOR, count_no_hit=False)},
            "counts no-hits",
        ),
    ],
)
def test_bad_input(options: dict, message: str) -> None:
    sensor = options.pop("sensor", SENSOR)
    with pytest.raises(ValueError, match=message):
        mi_map(GRID, sensor, **options)
