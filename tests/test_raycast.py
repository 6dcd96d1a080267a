"""Traversal, expected and simulated ranges against sorting and enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import OccupancyGrid, RangeSensor, expected_ranges, simulate_ranges, traverse
from fsmi.raycast import traverse_3d
from tests.reference_maps import crossed, every_map

EIGHTHS = [math.radians(a) for a in range(0, 360, 45)]


def blank(shape: tuple[int, int], resolution: float = 1.0, value: float = 0.0) -> OccupancyGrid:
    return OccupancyGrid(np.full(shape, value, dtype=np.float32), resolution)


def compare(ray_cells: np.ndarray, edges: np.ndarray, expected: list) -> None:
    assert [tuple(c) for c in ray_cells[:, ::-1]] == [c for c, _ in expected]
    np.testing.assert_allclose(edges[:-1], [t for _, t in expected], atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    st.floats(-7, 7),
    st.floats(0.2, 30),
)
def test_traversal_equals_sorted_crossings(
    shape: tuple[int, int], at: tuple[float, float], angle: float, length: float
) -> None:
    x, y = at[0] * shape[1], at[1] * shape[0]
    expected = crossed([x, y], [math.cos(angle), math.sin(angle)], shape[::-1])
    expected = [(c, t) for c, t in expected if t < length - 1e-9]
    ray = traverse(blank(shape), (x, y, angle), length)
    compare(ray.cells, ray.edges, expected)
    assert np.all(np.diff(ray.edges) > 0)


@pytest.mark.parametrize("angle", EIGHTHS)
@pytest.mark.parametrize("start", [(4.5, 3.5), (4.0, 3.5), (4.5, 3.0), (4.0, 3.0), (0.0, 0.0)])
def test_exact_angles_and_starts_on_boundaries(angle: float, start: tuple[float, float]) -> None:
    expected = crossed([*start], [math.cos(angle), math.sin(angle)], (9, 7))
    ray = traverse(blank((7, 9)), (*start, angle))
    compare(ray.cells, ray.edges, expected)


def test_diagonal_from_a_centre_steps_through_corners() -> None:
    ray = traverse(blank((4, 4), 0.5), (0.25, 0.25, math.pi / 4))
    assert ray.cells.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    np.testing.assert_allclose(np.diff(ray.edges)[1:], 0.5 * math.sqrt(2))


def test_range_ends_the_ray_where_it_ends() -> None:
    ray = traverse(blank((3, 20), 0.1), (0.05, 0.15, 0.0), 1.0)
    assert len(ray.cells) == 11  # entered at 0, 0.05, ..., 0.95
    assert ray.edges[-1] == pytest.approx(1.0)
    # A cell that begins exactly at the range is not seen.
    assert len(traverse(blank((3, 20), 0.1), (0.1, 0.15, 0.0), 1.0).cells) == 10


def test_start_on_the_edge_of_the_map_may_leave_at_once() -> None:
    assert len(traverse(blank((3, 3)), (0.0, 1.5, math.pi)).cells) == 0
    assert len(traverse(blank((3, 3)), (0.0, 1.5, 0.0)).cells) == 3


def test_origin_and_yaw_move_the_ray_with_the_map() -> None:
    turned = OccupancyGrid(np.zeros((5, 8), dtype=np.float32), 0.5, (3.0, -2.0, 0.7))
    x, y = 1.3, 0.9
    c, s = math.cos(0.7), math.sin(0.7)
    ray = traverse(turned, (3.0 + c * x - s * y, -2.0 + s * x + c * y, 0.7 + 0.3))
    plain = traverse(blank((5, 8), 0.5), (x, y, 0.3))
    assert ray.cells.tolist() == plain.cells.tolist()
    np.testing.assert_allclose(ray.edges, plain.edges, atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
    st.tuples(*[st.floats(0, 0.999)] * 3),
    st.tuples(*[st.sampled_from([-1.0, -0.3, 0.0, 0.5, 0.77, 1.0])] * 3).filter(any),
)
def test_3d_traversal_equals_sorted_crossings(
    shape: tuple[int, int, int], at: tuple[float, ...], direction: tuple[float, ...]
) -> None:
    start = [f * n for f, n in zip(at, shape[::-1], strict=True)]
    unit = (np.array(direction) / np.linalg.norm(direction)).tolist()
    ray = traverse_3d(shape, start, direction)
    compare(ray.cells, ray.edges, crossed(start, unit, shape[::-1]))


def test_3d_space_diagonal_and_resolution() -> None:
    ray = traverse_3d((4, 4, 4), (0.25, 0.25, 0.25), (2.0, 2.0, 2.0), 1.5, resolution=0.5)
    assert ray.cells.tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
    assert ray.edges[-1] == pytest.approx(1.5)


def test_simulated_ranges_in_a_box() -> None:
    cells = np.zeros((20, 30), dtype=np.float32)
    cells[[0, -1]] = cells[:, [0, -1]] = 1.0
    sensor = RangeSensor(n_beams=360, max_range=100.0)
    (ranges,) = simulate_ranges(OccupancyGrid(cells, 1.0), (11.3, 7.2, 0.4), sensor)
    c, s = np.cos(sensor.angles() + 0.4), np.sin(sensor.angles() + 0.4)
    to_x = np.where(c > 0, 29 - 11.3, 11.3 - 1) / np.abs(c)
    to_y = np.where(s > 0, 19 - 7.2, 7.2 - 1) / np.abs(s)
    np.testing.assert_allclose(ranges, np.minimum(to_x, to_y), rtol=1e-9)


def test_no_return_is_inf_and_own_cell_is_zero() -> None:
    cells = np.zeros((5, 5), dtype=np.float32)
    sensor = RangeSensor(n_beams=4, max_range=1.0)
    assert np.isinf(simulate_ranges(OccupancyGrid(cells, 1.0), (2.5, 2.5, 0.0), sensor)).all()
    cells[2, 2] = 1.0
    assert (simulate_ranges(OccupancyGrid(cells, 1.0), (2.5, 2.5, 0.0), sensor) == 0.0).all()


@pytest.mark.parametrize("turn", range(4))
def test_diagonal_wall_does_not_leak_through_its_corners(turn: int) -> None:
    cells = np.zeros((10, 10), dtype=np.float32)
    cells[np.arange(10), 9 - np.arange(10)] = 1.0  # row + column = 9: never both odd or even
    grid = OccupancyGrid(np.rot90(cells, turn).copy(), 1.0)
    x, y = [(1.5, 1.5), (8.5, 1.5), (8.5, 8.5), (1.5, 8.5)][-turn]
    sensor = RangeSensor(n_beams=8, max_range=50.0)
    (ranges,) = simulate_ranges(grid, (x, y, 0.0), sensor)
    # Towards the wall along the diagonal: from the centre (1.5, 1.5) to the corner (5, 5).
    assert np.isclose(ranges, 3.5 * math.sqrt(2)).sum() == 1


def test_expected_range_equals_enumeration() -> None:
    rng = np.random.default_rng(3)
    o = rng.uniform(0.05, 0.9, (3, 3)).astype(np.float32)
    o[1, 1] = 0.1
    sensor = RangeSensor(n_beams=7, max_range=2.2)
    pose = (1.4, 1.6, 0.1)
    total = np.zeros(7)
    for p, solid in every_map(o.astype(np.float64)):
        world = OccupancyGrid(solid.astype(np.float32), 1.0)
        (ranges,) = simulate_ranges(world, pose, sensor)
        total += p * np.minimum(ranges, 2.2)
    (expected,) = expected_ranges(OccupancyGrid(o, 1.0), pose, sensor)
    np.testing.assert_allclose(expected, total, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: traverse(g, (9.0, 1.0, 0.0)), "outside the map"),
        (lambda g: traverse(g, (math.nan, 1.0, 0.0)), "not finite"),
        (lambda g: traverse(g, (1.0, 1.0)), "need \\(P, 3\\)"),
        (lambda g: traverse(g, [(1.0, 1.0, 0.0)] * 2), "one pose"),
        (lambda g: traverse(g, (1.0, 1.0, 0.0), 0.0), "max_range is 0.0"),
        (lambda g: simulate_ranges(g, (1, 1, 0), RangeSensor(), angles=[math.nan]), "angles"),
        (lambda g: traverse_3d((2, 2, 0), (0, 0, 0), (1, 0, 0)), "shape is"),
        (lambda g: traverse_3d((2, 2, 2), (0, 0, 2), (1, 0, 0)), "inside the array"),
        (lambda g: traverse_3d((2, 2, 2), (0, 0, 0), (0, 0, 0)), "direction is"),
        (lambda g: traverse_3d((2, 2, 2), (0, 0, 0), (1, 0, 0), -1.0), "max_range is -1.0"),
        (lambda g: traverse_3d((2, 2, 2), (0, 0, 0), (1, 0, 0), resolution=0.0), "resolution"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(blank((4, 4)))
