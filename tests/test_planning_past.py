"""What a planner remembers: news, goals left and given up, paths checked near the robot only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fsmi import Explorer, OccupancyGrid, RangeSensor, replay
from fsmi.planning.blacklist import Blacklist
from fsmi.planning.knowledge import Knowledge, classify
from fsmi.planning.past import Past
from fsmi.planning.paths import is_clear, passable_from, traversable
from fsmi.sim.episode import run
from fsmi.sim.floorplans import make_world
from fsmi.sim.robot import SimulatedRobot

SENSOR = RangeSensor(n_beams=180, max_range=8.0, delta_occ=20.0, delta_emp=0.3)
HERE, FAR, OTHER = (0.0, 0.0, 0.0), (9.0, 0.0, 0.0), (0.0, 9.0, 0.0)


def known(unknown_cells: int) -> Knowledge:
    cells = np.zeros((20, 20), dtype=np.int8)
    cells.ravel()[:unknown_cells] = -1
    return classify(OccupancyGrid(cells, 1.0))


def test_a_goal_left_without_news_is_not_taken_again() -> None:
    past = Past(SENSOR, 0.3)
    past.notice(HERE, known(300), 1.0)
    assert past.choose(FAR)
    assert past.choose(OTHER)
    assert not past.choose(FAR)
    assert past.goal == OTHER
    assert past.blacklist.blocks(np.array([FAR[:2]]), past.plans).all()
    past.notice(HERE, known(200), 1.0)  # news
    assert past.left == []
    assert past.choose(FAR)


def test_the_only_goal_left_is_tried_until_it_is_given_up_for_good() -> None:
    past = Past(SENSOR, 0.3)
    past.notice(HERE, known(300), 1.0)
    taken = [past.choose(goal, alone=True) for goal in [FAR, OTHER] * 5]
    # Three failures of FAR; the robot then stays with OTHER.
    assert taken == [True] * 6 + [False, True, False, True]
    assert not past.blacklist.forgives(*FAR[:2])


def test_entropy_that_goes_up_and_down_is_no_news() -> None:
    past = Past(SENSOR, 0.3)
    past.notice(HERE, known(300), 1.0)
    past.left.append(FAR)
    for unknown in (303, 300, 303, 300):
        past.notice(HERE, known(unknown), 1.0)
    assert past.left == [FAR]
    past.notice(HERE, known(400), 1.0)  # another map: what was known is no measure any more
    past.notice(HERE, known(350), 1.0)
    assert past.left == []


def test_forgiveness_ends() -> None:
    blacklist = Blacklist(0.5)
    for strikes in range(3):
        assert blacklist.forgives(1.0, 1.0)
        blacklist.add(1.0, 1.0, strikes, "why not")
    assert not blacklist.forgives(1.2, 1.0)
    assert blacklist.forgives(2.0, 1.0)


def test_goals_left_are_part_of_a_dumped_decision(tmp_path: Path) -> None:
    world = make_world("maze", seed=1)
    explorer = Explorer(SENSOR, robot_radius=0.2)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, 0.1, (x0, y0, 0.0))
    robot = SimulatedRobot(world, SENSOR, rng=0)
    steps = list(run(robot, grid, explorer, max_steps=4))
    explorer._past.left.append(FAR)
    plan = explorer.plan(steps[-1].grid, robot.pose())
    explorer.dump_state(tmp_path / "state.npz")
    assert replay(tmp_path / "state.npz").to_dict() == plan.to_dict()


def test_a_flickering_wall_is_no_perpetual_motion() -> None:
    # Before goals left were remembered this run drove to and fro between two goals for ever.
    world = make_world("office", seed=105)
    sensor = RangeSensor(n_beams=360, max_range=8.0, delta_occ=20.0, delta_emp=0.3)
    explorer = Explorer(sensor, robot_radius=0.2)
    robot = SimulatedRobot(world, sensor, radius=0.2, rng=1)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, 0.1, (x0, y0, 0.0))
    last = list(run(robot, grid, explorer, max_steps=300))[-1]
    assert last.plan.status == "done"


def test_a_path_is_checked_nearby_as_in_the_whole_map() -> None:
    world = make_world("office", seed=5)
    sensor = RangeSensor(n_beams=360, max_range=8.0, sigma=0.03, delta_occ=20.0, delta_emp=0.3)
    explorer = Explorer(sensor, robot_radius=0.2)
    robot = SimulatedRobot(world, sensor, rng=1)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, 0.1, (x0, y0, 0.0))
    rng = np.random.default_rng(0)
    found = {True: 0, False: 0}
    for step in run(robot, grid, explorer, max_steps=6):
        whole = explorer.knowledge(step.grid)
        room = traversable(whole, 0.2)
        for _ in range(60):
            a = np.array(step.pose) + np.append(rng.normal(0.0, 2.0, 2), 0.0)
            b = a + np.append(rng.normal(0.0, 0.6, 2), 0.0)
            cells = step.grid.world_to_cell(np.array((a[:2], b[:2])))
            inside = bool(((cells >= 0) & (cells < step.grid.shape)).all())
            clear = inside and is_clear(
                step.grid,
                passable_from(whole, room, (a[0], a[1], a[2]), 0.2),
                np.array((a, b)),
            )
            assert explorer.is_clear(step.grid, (a, b)) == clear
            found[clear] += 1
    assert min(found.values()) > 20
