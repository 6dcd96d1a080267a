"""Views together: covers, orders, distances between many places, and teams."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import Explorer, OccupancyGrid, RangeSensor, update
from fsmi.planning.frontier import find_frontiers, find_viewpoints
from fsmi.planning.horizon import PATIENCE, looks_on, path_information
from fsmi.planning.knowledge import classify
from fsmi.planning.paths import distance_field, traversable
from fsmi.planning.roadmap import BLOCK, Roadmap
from fsmi.planning.sight import Sight
from fsmi.planning.team import plan_team
from fsmi.planning.tour import cover, waiting_times
from fsmi.planning.views import Views, candidate_views
from fsmi.sim.floorplans import make_world
from fsmi.sim.robot import SimulatedRobot

SENSOR = RangeSensor(n_beams=180, max_range=6.0, delta_occ=20.0, delta_emp=0.3)


def half_explored() -> tuple[OccupancyGrid, tuple[float, float, float]]:
    """An office of which the corridor was seen."""
    world = make_world("office", seed=1)
    robot = SimulatedRobot(world, SENSOR, rng=0)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, 0.1, (x0, y0, 0.0))
    for _ in range(24):
        grid = update(grid, robot.pose(), robot.scan(), SENSOR)
        x, y, theta = robot.pose()
        robot.go_to((x + 0.4, y, theta))
    return grid, robot.pose()


@pytest.fixture(scope="module")
def views() -> Views:
    grid, here = half_explored()
    known = classify(grid)
    room = traversable(known, 0.2)
    field = distance_field(known, room, here, robot_radius=0.2)
    points = find_viewpoints(known, room, field, find_frontiers(known), max_range=6.0)
    return candidate_views(
        Sight.of(known, SENSOR), field, points, gain="joint", goal=None, limit=200, least=9.0
    )


def seen_from(views: Views, poses: np.ndarray) -> set[int]:
    return set(views.sight.likely(poses)[1].tolist())


def test_paths_count_what_views_share_once(views: Views) -> None:
    chosen, bits = path_information(views, stop=1.0)
    assert 3 <= len(chosen) <= 14
    worth = views.sight.worth.ravel()
    places = np.vstack((views.field.start[:2], views.poses[chosen, :2]))
    between = views.roadmap.between(places)
    sees = [seen_from(views, views.poses[[k]]) for k in chosen]
    grid = views.field.grid

    def discounted(path: tuple[int, ...]) -> float:
        first = views.poses[chosen[path[0]]]
        i, j = grid.world_to_cell(first[:2])
        way = looks_on(views.field.path_to((int(i), int(j)), float(first[2])), 1.0)
        known = seen_from(views, way) if len(way) else set()
        driven = float(views.cost[chosen[path[0]]]) + 1.0
        total = sum(float(worth[c]) for c in known | sees[path[0]]) * np.exp(-driven / PATIENCE)
        known |= sees[path[0]]
        for a, b in itertools.pairwise(path):
            driven += between[a + 1, b + 1] + 1.0
            total += sum(float(worth[c]) for c in sees[b] - known) * np.exp(-driven / PATIENCE)
            known |= sees[b]
        return float(total)

    for first in range(0, len(chosen), 5):
        others = [k for k in range(len(chosen)) if k != first]
        paths = [(first,), *((first, b) for b in others)]
        paths += [(first, b, c) for b in others for c in others if c != b]
        assert bits[first] == pytest.approx(max(map(discounted, paths)), rel=1e-6)


def test_looks_on_a_path_are_evenly_spaced_and_face_along_it() -> None:
    path = np.array([[0.0, 0.0, 0.3], [2.0, 0.0, 0.0], [2.0, 3.0, 1.0]])
    looks = looks_on(path, 1.0)
    np.testing.assert_allclose(looks[:, :2], [[1, 0], [2, 0], [2, 1], [2, 2]])
    np.testing.assert_allclose(looks[:, 2], [0, np.pi / 2, np.pi / 2, np.pi / 2])
    assert len(looks_on(path[:1], 1.0)) == 0
    assert len(looks_on([[0, 0, 0], [0.5, 0, 0]], 1.0)) == 0


def test_cover_is_the_greedy_one(views: Views) -> None:
    starts, cells = views.sight.likely(views.poses)
    worth = views.sight.worth.ravel()
    left = [set(cells[a:b].tolist()) for a, b in itertools.pairwise(starts)]
    taken: set[int] = set()
    expected = []
    for _ in range(12):
        adds = [float(sum(worth[c] for c in sorted(s - taken))) for s in left]
        best = int(np.argmax(adds))
        if adds[best] < 0.5 * views.least:
            break
        expected.append(adds[best])
        taken |= left[best]
    chosen, gained = cover(views, 12)
    assert len(chosen) == len(expected)
    assert len(set(chosen.tolist())) == len(chosen)
    np.testing.assert_allclose(gained, expected, rtol=1e-4)  # sums of float32
    assert (np.diff(gained) <= 1e-9).all()


def test_cover_begins_with_the_present_goal(views: Views) -> None:
    rows = np.arange(len(views))
    worst = int(
        np.argmin(np.where(views.information >= 2 * views.least, views.information, np.inf))
    )
    with_goal = views.take(rows)
    with_goal.goal = worst
    chosen, _ = cover(with_goal, 10)
    assert chosen[0] == worst


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 6))
def test_orders_are_nearly_as_good_as_the_best_of_all(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 20, (n + 1, 2))
    distance = np.hypot(*(places[:, None] - places[None]).T).T
    weight = rng.uniform(0.1, 3.0, n)
    got = waiting_times(distance, weight, stop=1.0)
    best = np.full(n, np.inf)
    for order in itertools.permutations(range(1, n + 1)):
        at, driven, total = 0, 0.0, 0.0
        for k in order:
            driven += distance[at, k] + 1.0
            total += weight[k - 1] * driven
            at = k
        best[order[0] - 1] = min(best[order[0] - 1], total)
    assert (got >= best - 1e-9).all()
    assert (got <= 1.1 * best).all()
    assert got.min() <= 1.03 * best.min()


def test_roadmap_distances_are_those_of_the_field(views: Views) -> None:
    reached = np.argwhere(np.isfinite(views.field.distance))
    rng = np.random.default_rng(0)
    picked = reached[rng.integers(len(reached), size=12)]
    start = views.field.start
    places = np.vstack((np.array(start[:2]), views.field.grid.cell_to_world(picked)))
    between = views.roadmap.between(places)
    np.testing.assert_array_equal(between, between.T)
    assert (np.diag(between) == 0.0).all()
    exact = views.field.distance[picked[:, 0], picked[:, 1]]
    slack = 2 * BLOCK * 0.1
    assert (between[0, 1:] <= 1.05 * exact + slack).all()
    assert (between[0, 1:] >= 0.8 * exact - slack).all()


def test_roadmap_does_not_leak_through_thin_walls() -> None:
    cells = np.zeros((40, 60), dtype=np.int8)
    cells[:, 30] = 100  # one cell thick
    for radius in (0.1, 0.2, 0.4):
        for shift in range(BLOCK):
            known = classify(OccupancyGrid(np.roll(cells, shift, axis=1), 0.1))
            room = traversable(known, radius)
            field = distance_field(known, room, (1.0, 2.0, 0.0), robot_radius=radius)
            assert not Roadmap.of(field).open[:, (30 + shift) // BLOCK :].any()


def test_two_robots_share_the_work() -> None:
    grid, here = half_explored()
    alone = [Explorer(SENSOR, robot_radius=0.2).plan(grid, here) for _ in range(2)]
    assert alone[0].goal == alone[1].goal
    team = [Explorer(SENSOR, robot_radius=0.2) for _ in range(2)]
    beside = (here[0] - 0.8, here[1], here[2])
    first, second = plan_team(team, grid, [here, beside])
    assert first.status == second.status == "go"
    assert first.goal == alone[0].goal
    assert first.goal is not None
    assert second.goal is not None
    assert first.goal[:2] != second.goal[:2]
    # The second counts on what the first leaves it, not on what it would see alone.
    sight = Sight.of(classify(grid), SENSOR)
    left = sight.without([first.goal])
    assert second.information == pytest.approx(left.information([second.goal])[0], rel=1e-6)
    assert second.information < sight.information([second.goal])[0]
    assert left.information([first.goal])[0] < 0.5 * first.information


def test_robots_keep_clear_of_each_other() -> None:
    cells = np.full((20, 80), -1, dtype=np.int8)
    cells[:, :50] = 0
    cells[[0, -1]] = 100
    cells[[5, -6], :] = 100
    grid = OccupancyGrid(cells, 0.1)
    short = RangeSensor(n_beams=180, max_range=2.0)
    explorer = Explorer(short, robot_radius=0.2)
    plan = explorer.plan(grid, (1.0, 1.0, 0.0))
    assert plan.goal is not None
    assert plan.goal[0] > 3.0
    explorer.reset()
    blocked = explorer.plan(grid, (1.0, 1.0, 0.0), avoid=[(2.5, 1.0)])
    assert blocked.status == "unreachable"  # nothing worth a scan on this side of the other robot


def test_a_team_needs_one_pose_a_robot() -> None:
    grid, here = half_explored()
    with pytest.raises(ValueError, match=r"need \(2, 3\)"):
        plan_team([Explorer(SENSOR, robot_radius=0.2)] * 2, grid, [here])
