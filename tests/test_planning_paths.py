"""Obstacle inflation, the distance field and straight paths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import OccupancyGrid
from fsmi.planning.knowledge import classify
from fsmi.planning.paths import (
    NARROW,
    distance_field,
    inflate,
    is_clear,
    passable_from,
    path_length,
    traversable,
)
from tests import reference_robotics as slow


def random_map(seed: int, shape: tuple[int, int] = (30, 41), walls: float = 0.08) -> OccupancyGrid:
    rng = np.random.default_rng(seed)
    cells = np.where(rng.random(shape) < walls, 100, 0).astype(np.int8)
    cells[rng.random(shape) < 0.02] = -1
    return OccupancyGrid(cells, 0.1, (-2.0, 1.0, 0.0))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    radius=st.floats(0.0, 7.0),
    share=st.sampled_from([0.0, 0.02, 0.4, 1.0]),
)
def test_inflation_equals_the_distance_transform(seed: int, radius: float, share: float) -> None:
    mask = np.random.default_rng(seed).random((23, 17)) < share
    np.testing.assert_array_equal(inflate(mask, radius), slow.inflated(mask, radius))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_field_equals_dijkstra_with_a_heap(seed: int) -> None:
    grid = random_map(seed)
    known = classify(grid)
    room = traversable(known, 0.1)
    starts = np.argwhere(room.open)
    if len(starts) == 0:
        return
    start = starts[np.random.default_rng(seed).integers(len(starts))]
    x, y = grid.cell_to_world(start)
    field = distance_field(known, room, (x, y, 0.0), robot_radius=0.1)
    cost = slow.distances(field.passable, room.weight, (int(start[0]), int(start[1])))
    np.testing.assert_array_equal(np.isfinite(field.distance), np.isfinite(cost))
    assert field.distance[tuple(start)] == 0.0
    # Walking the parents back to the start must cost exactly the optimum and measure `distance`.
    for cell in np.argwhere(np.isfinite(cost))[::17]:
        chain = field.cells_to((int(cell[0]), int(cell[1])))
        steps = np.abs(np.diff(chain, axis=0))
        assert (steps.max(axis=1) == 1).all()
        diagonal = steps.sum(axis=1) == 2
        weights = room.weight[chain[1:, 0], chain[1:, 1]]
        assert (np.where(diagonal, 99, 70) * weights).sum() == cost[tuple(cell)]
        metres = 0.1 * (np.where(diagonal, math.sqrt(2.0), 1.0)).sum()
        assert field.distance[tuple(cell)] == pytest.approx(metres, rel=1e-5)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_straightened_paths_stay_open_and_get_no_longer(seed: int) -> None:
    grid = random_map(seed, walls=0.03)
    known = classify(grid)
    room = traversable(known, 0.1)
    if not room.open.any():
        return
    rng = np.random.default_rng(seed)
    start = np.argwhere(room.open)[rng.integers(room.open.sum())]
    # Anywhere in the cell, not only in its middle.
    x, y = grid.cell_to_world(start + rng.uniform(-0.45, 0.45, 2))
    field = distance_field(known, room, (x, y, 0.3), robot_radius=0.1)
    for cell in np.argwhere(np.isfinite(field.distance))[::29]:
        path = field.path_to((int(cell[0]), int(cell[1])), 1.5)
        assert tuple(path[0, :2]) == (x, y)
        assert is_clear(grid, field.passable, path)
        assert path_length(path) <= field.distance[tuple(cell)] + 0.11
        assert path[-1, 2] == 1.5
        if len(path) > 2:
            step = path[1, :2] - path[0, :2]
            assert path[1, 2] == pytest.approx(math.atan2(step[1], step[0]))


def test_every_point_of_an_open_path_has_room_for_the_robot() -> None:
    radius = 0.25
    for seed in range(6):
        grid = random_map(seed, (60, 70), walls=0.01)
        known = classify(grid)
        room = traversable(known, radius)
        starts = np.argwhere(room.open)
        x, y = grid.cell_to_world(starts[0])
        field = distance_field(known, room, (x, y, 0.0), robot_radius=radius)
        walls = grid.cell_to_world(np.argwhere(known.occupied))
        far = np.argwhere(np.isfinite(field.distance))[-1]
        path = field.path_to((int(far[0]), int(far[1])), 0.0)
        for a, b in zip(path[:-1, :2], path[1:, :2], strict=True):
            for t in np.linspace(0.0, 1.0, 50):
                # Distance from the robot's centre to the nearest square of a wall.
                gap = np.abs(a + t * (b - a) - walls) - 0.05
                assert np.hypot(*np.maximum(gap, 0.0).T).min() >= radius - 0.05


def test_unknown_cells_are_not_entered_and_kept_off() -> None:
    cells = np.zeros((21, 41), dtype=np.int8)
    cells[:, 20] = -1
    known = classify(OccupancyGrid(cells, 0.1))
    room = traversable(known, 0.2)
    assert not room.open[:, 18:23].any()
    assert room.open[10, 17]
    field = distance_field(known, room, (1.0, 1.0, 0.0), robot_radius=0.2)
    assert not np.isfinite(field.distance[:, 20:]).any()
    assert len(field.path_to((10, 30), 0.0)) == 0
    cells[10, 17] = -1  # 2.24 cells from the place beside and below it
    known = classify(OccupancyGrid(cells, 0.1))
    assert traversable(known, 0.2).open[12, 16]
    assert not traversable(known, 0.2, beside=False).open[12, 16]


def test_a_robot_close_to_a_wall_can_leave_but_not_come_closer() -> None:
    cells = np.zeros((21, 21), dtype=np.int8)
    cells[:, 0] = 100
    grid = OccupancyGrid(cells, 0.1)
    known = classify(grid)
    room = traversable(known, 0.3)
    pose = (0.25, 1.05, 0.0)
    assert not room.open[10, 2]
    passable = passable_from(known, room, pose, 0.3)
    assert passable[10, 2:].all()
    assert not passable[:, :2].any()
    field = distance_field(known, room, pose, robot_radius=0.3)
    assert np.isfinite(field.distance[10, 15])


def test_paths_prefer_the_middle_of_a_wide_passage() -> None:
    cells = np.zeros((25, 60), dtype=np.int8)
    cells[[0, -1]] = 100
    known = classify(OccupancyGrid(cells, 0.1))
    room = traversable(known, 0.2)
    assert room.weight[12, 30] == 1
    assert room.weight[3, 30] == NARROW
    field = distance_field(known, room, (0.55, 0.45, 0.0), robot_radius=0.2)
    chain = field.cells_to((4, 55))
    assert chain[:, 0].max() >= 6  # leaves the slow strip along the wall, although it is longer


def test_is_clear_sees_walls_edges_and_the_map_border() -> None:
    passable = np.ones((10, 10), dtype=np.bool_)
    passable[5, 5] = False
    grid = OccupancyGrid(np.zeros((10, 10), dtype=np.int8), 1.0)
    assert is_clear(grid, passable, [(0.5, 0.5), (9.5, 0.5)])
    assert not is_clear(grid, passable, [(0.5, 5.5), (9.5, 5.5)])
    assert not is_clear(grid, passable, [(4.5, 5.5), (5.5, 6.5), (6.5, 6.5), (5.5, 5.5)])
    assert not is_clear(grid, passable, [(0.5, 0.5), (10.5, 0.5)])
    passable[5, 4] = passable[4, 5] = False
    assert not is_clear(grid, passable, [(4.5, 4.5), (3.5, 3.5), (5.5, 5.5)])


@pytest.mark.parametrize("radius", [0.0, -1.0, math.nan, math.inf])
def test_bad_radius_is_named(radius: float) -> None:
    with pytest.raises(ValueError, match="robot_radius is"):
        traversable(classify(random_map(0)), radius)
