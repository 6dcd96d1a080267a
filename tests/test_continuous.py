"""FCMI of whole maps against the beam measure on the same digital lines, and conditioning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fsmi import OccupancyGrid, RangeSensor, condition_on_view, fcmi_map, mi_map, scan_mi
from fsmi.measures.fcmi import fcmi_line, stopping_rates
from tests import reference_maps as ref

FAR = 1e6


def some_map(seed: int, shape: tuple[int, int], resolution: float = 0.5) -> OccupancyGrid:
    rng = np.random.default_rng(seed)
    cells = rng.uniform(0, 1, shape) ** 2
    cells[rng.uniform(size=shape) < 0.2] = 0.0
    cells[rng.uniform(size=shape) < 0.2] = 1.0
    return OccupancyGrid(cells.astype(np.float32), resolution)


def per_origin(
    grid: OccupancyGrid, sensor: RangeSensor, theta: float, unseen: np.ndarray, bound: str
) -> np.ndarray:
    """FCMI [nat m rad] by the textbook recursion on each cell's own digital lines."""
    res = grid.resolution
    rates, ratios = stopping_rates(grid.occupancy.astype(np.float64).ravel(), res, 1e9 / res)
    rates, ratios = rates.reshape(grid.shape), ratios.reshape(grid.shape)
    out = np.zeros(grid.shape)
    for angle in sensor.angles() + theta:
        for origin in np.ndindex(*grid.shape):
            line, spacing = ref.digital_line(grid.shape, origin, angle)
            w = res * spacing
            e1 = j0 = j1 = 0.0
            for cell in reversed(line):
                rate, ratio, u = rates[cell], ratios[cell], unseen[cell]
                x = rate * w
                p = math.exp(-x)
                h0 = -math.expm1(-x)
                h1 = (h0 - p * x) / rate if rate else 0.0
                q = u * p if bound == "lower" else p
                j1 = q * (j1 + w * j0) + u * (p * x * e1 + (1 + ratio) * h1)
                j0 = q * j0 + u * ratio * h0
                e1 = p * (e1 + w) + h1
            out[origin] += j1
    return out * (sensor.angles()[1] - sensor.angles()[0])


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (6, 4)])
def test_map_equals_the_beam_measure_on_the_same_lines(shape: tuple[int, int]) -> None:
    grid, sensor = some_map(1, shape), RangeSensor(11, max_range=FAR)
    got = fcmi_map(grid, sensor, theta=0.1, base=math.e)
    o = grid.occupancy.astype(np.float64)
    expected = np.zeros(shape)
    for angle in sensor.angles() + 0.1:
        for origin in np.ndindex(*shape):
            line, spacing = ref.digital_line(shape, origin, angle)
            rates, ratios = stopping_rates(np.array([o[c] for c in line]), 0.5, 2e9)
            widths = np.full(len(line), 0.5 * spacing)
            expected[origin] += fcmi_line(rates, ratios, widths, True)[4]
    np.testing.assert_allclose(got, expected * 2 * math.pi / 11, rtol=1e-10)
    np.testing.assert_allclose(
        got, per_origin(grid, sensor, 0.1, np.ones(shape), "lower"), rtol=1e-7
    )


@pytest.mark.parametrize("bound", ["lower", "upper"])
def test_conditioned_map_equals_its_recursion(bound: str) -> None:
    grid, sensor = some_map(2, (6, 5)), RangeSensor(9, max_range=FAR)
    unseen = np.random.default_rng(3).uniform(0, 1, (6, 5))
    got = fcmi_map(grid, sensor, unseen=unseen, bound=bound, base=math.e)
    np.testing.assert_allclose(got, per_origin(grid, sensor, 0.0, unseen, bound), rtol=1e-7)


def test_conditioning_takes_information_away_where_the_view_was() -> None:
    cells = np.full((25, 25), 0.05, dtype=np.float32)
    cells[12, :20] = 1.0
    grid, sensor = OccupancyGrid(cells, 0.2), RangeSensor(180, max_range=FAR)
    pose = (2.5, 1.1, 0.0)
    unseen = condition_on_view(grid, pose, sensor)
    assert unseen[5, 12] == 0.0  # its own cell
    assert unseen[4:7, 11:14].max() < 0.2
    assert unseen[20, 3] > 0.95  # behind the wall
    before = fcmi_map(grid, sensor)
    lower, upper = (fcmi_map(grid, sensor, unseen=unseen, bound=b) for b in ("lower", "upper"))
    assert (lower <= upper + 1e-9).all()
    assert (upper <= before + 1e-9).all()
    assert lower[5, 12] < 0.2 * before[5, 12]
    again = condition_on_view(grid, pose, sensor, unseen=unseen)
    np.testing.assert_array_equal(again, unseen)
    nothing_left = fcmi_map(grid, sensor, unseen=np.zeros((25, 25)))
    np.testing.assert_array_equal(nothing_left, 0.0)
    short = condition_on_view(grid, pose, RangeSensor(180, max_range=0.5))
    assert short[20, 12] == 1.0  # out of range: as it was


def test_integer_codes_mirror_images_and_mi_map() -> None:
    codes = np.random.default_rng(1).integers(-1, 101, (8, 11)).astype(np.int8)
    sensor = RangeSensor(16, max_range=FAR)
    surface = fcmi_map(OccupancyGrid(codes, 1.0), sensor)
    floats = np.where(codes < 0, 0.5, codes / 100).astype(np.float32)
    np.testing.assert_allclose(fcmi_map(OccupancyGrid(floats, 1.0), sensor), surface, rtol=1e-5)
    mirrored = fcmi_map(OccupancyGrid(codes[::-1].copy(), 1.0), sensor)
    np.testing.assert_allclose(mirrored[::-1], surface, rtol=1e-10)
    turned = fcmi_map(OccupancyGrid(np.rot90(codes).copy(), 1.0), sensor)
    np.testing.assert_allclose(np.rot90(turned, -1), surface, rtol=1e-10)
    same = mi_map(OccupancyGrid(codes, 1.0), sensor, measure="fcmi")
    assert same.dtype == np.float32
    np.testing.assert_allclose(same, surface, rtol=1e-6)
    mask = codes > 50
    some = mi_map(OccupancyGrid(codes, 1.0), sensor, measure="fcmi", mask=mask)
    assert np.isnan(some[~mask]).all()
    np.testing.assert_allclose(some[mask], surface[mask], rtol=1e-6)


def test_exact_rays_rank_the_cells_alike() -> None:
    rng = np.random.default_rng(0)
    cells = np.where(rng.uniform(size=(9, 9)) < 0.1, 0.9, 0.1).astype(np.float32)
    grid, sensor = OccupancyGrid(cells, 1.0), RangeSensor(24, max_range=FAR)
    xy = grid.cell_to_world(np.argwhere(np.ones((9, 9))))
    poses = np.column_stack((xy, np.zeros(81)))
    exact = scan_mi(grid, poses, sensor, measure="fcmi")
    assert np.corrcoef(exact, fcmi_map(grid, sensor).ravel())[0, 1] > 0.9


GRID = OccupancyGrid.unknown(3, 3, 1.0)
SENSOR = RangeSensor(4, max_range=FAR)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fcmi_map(GRID, RangeSensor(4, max_range=2.0)), "no range limit"),
        (lambda: fcmi_map(GRID, RangeSensor(4, max_range=FAR, count_no_hit=False)), "no-hits"),
        (lambda: fcmi_map(GRID, SENSOR, bound="both"), "one of lower, upper"),
        (lambda: fcmi_map(GRID, SENSOR, max_rate=0.0), "max_rate is 0.0"),
        (lambda: fcmi_map(GRID, SENSOR, theta=math.inf), "theta is inf"),
        (lambda: fcmi_map(GRID, SENSOR, base=1.0), "base is 1.0"),
        (lambda: fcmi_map(GRID, SENSOR, unseen=np.ones((2, 2))), "unseen has shape"),
        (lambda: fcmi_map(GRID, SENSOR, unseen=np.full((3, 3), 1.5)), r"lie in \[0, 1\]"),
        (lambda: condition_on_view(GRID, [(1, 1, 0), (2, 2, 0)], SENSOR), "one pose"),
        (lambda: condition_on_view(GRID, (9, 1, 0), SENSOR), "outside the map"),
        (lambda: mi_map(GRID, SENSOR, measure="fcmi", joint=True), "joint=False"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
