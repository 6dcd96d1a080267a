"""The explorer: which view it takes, when it stops, what it remembers, what it refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fsmi import Explorer, OccupancyGrid, RangeSensor, replay, update
from fsmi.planning.gains import GAINS
from fsmi.planning.knowledge import classify
from fsmi.planning.paths import distance_field, traversable
from fsmi.planning.plan import STATUSES
from fsmi.planning.sight import Sight
from fsmi.planning.strategies import STRATEGIES
from fsmi.planning.views import Views

SENSOR = RangeSensor(n_beams=180, max_range=4.0, delta_occ=20.0, delta_emp=0.3)
HERE = (1.0, 2.0, 0.0)


def rooms(door: float = 1.0) -> OccupancyGrid:
    """A known room, 3 x 4 m; behind a door of so many metres the unknown, 5 x 4 m."""
    cells = np.full((40, 80), -1, dtype=np.int8)
    cells[:, :30] = 0
    cells[[0, -1], :] = 100
    cells[:, [0, -1]] = 100
    cells[:, 30] = 100
    half = round(door / 0.2)
    cells[20 - half : 20 + half, 30] = 0
    return OccupancyGrid(cells, 0.1)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_every_strategy_goes_and_explains(strategy: str) -> None:
    explorer = Explorer(SENSOR, robot_radius=0.2, strategy=strategy)
    plan = explorer.plan(rooms(), HERE)
    assert plan.status == "go"
    assert not plan.finished
    assert plan.goal is not None
    np.testing.assert_allclose(plan.path[0, :2], HERE[:2])
    np.testing.assert_allclose(plan.path[-1], plan.goal)
    assert plan.information >= explorer.worthwhile(explorer.knowledge(rooms()))
    utilities = [c.utility for c in plan.candidates]
    assert utilities == sorted(utilities, reverse=True)
    text = plan.explain()
    assert text.startswith("go: ")
    assert strategy in text
    assert len(text.splitlines()) <= 8
    assert plan.to_dict()["n_candidates"] == len(plan.candidates)
    assert "\n" not in repr(plan)


@pytest.mark.parametrize("gain", sorted(GAINS))
def test_every_gain_finds_the_door(gain: str) -> None:
    plan = Explorer(SENSOR, robot_radius=0.2, gain=gain, min_information=1.0).plan(rooms(), HERE)
    assert plan.status == "go"
    assert plan.goal is not None
    assert plan.goal[0] > 1.0


def three_views() -> Views:
    """Near and small, far and rich, and one of the lattice from which most is in view."""
    grid = rooms()
    known = classify(grid)
    room = traversable(known, 0.2)
    field = distance_field(known, room, HERE, robot_radius=0.2)
    poses = np.array([[1.5, 2.0, 0.0], [2.6, 1.9, 0.0], [0.5, 3.0, 0.0]])
    information = np.array([2.0, 50.0, 3.0])
    views = Views(
        Sight.of(known, SENSOR), field, poses, np.array([1.0, 4.0, 2.0]), information,
        information, np.array([0.5, 12.0, 0.0]), least=1.0,
    )  # fmt: skip
    views.visible = np.array([10.0, 20.0, 90.0])
    return views


def test_strategies_by_hand() -> None:
    best = {name: int(np.argmax(s.rank(three_views()))) for name, s in STRATEGIES.items()}
    assert best["nearest"] == 0  # the third is no frontier
    assert best["explore_lite"] == 1  # 12 - 3 * 4 = 0 against 0.5 - 3 * 1 = -2.5
    assert best["count_rate"] == 2
    assert best["information_rate"] == 1


def test_a_finished_map_is_done_with_a_reason() -> None:
    cells = np.zeros((40, 40), dtype=np.int8)
    cells[[0, -1]] = cells[:, [0, -1]] = 100
    plan = Explorer(SENSOR, robot_radius=0.2).plan(OccupancyGrid(cells, 0.1), HERE)
    assert plan.status == "done"
    assert plan.finished
    assert plan.path.shape == (0, 3)
    assert "less than" in plan.reason


def test_information_not_worth_a_scan_ends_the_exploration() -> None:
    cells = rooms().to_ros().reshape(40, 80).copy()
    cells[:, 31:-1] = 0
    cells[18:23, 60:65] = -1  # 25 unknown cells
    grid = OccupancyGrid(cells, 0.1)
    assert Explorer(SENSOR, robot_radius=0.2).plan(grid, HERE).status == "done"
    keen = Explorer(SENSOR, robot_radius=0.2, min_information=1.0)
    assert keen.plan(grid, HERE).status == "go"


def test_a_door_narrower_than_the_robot_is_unreachable() -> None:
    grid = rooms(door=0.4)
    # A sensor that sees too little through the gap to bother: only the way matters here.
    short = RangeSensor(n_beams=180, max_range=0.3)
    cells = grid.to_ros().reshape(40, 80).copy()
    cells[1:-1, 31:36] = 0  # free cells behind the gap, then the unknown
    plan = Explorer(short, robot_radius=0.4).plan(OccupancyGrid(cells, 0.1), HERE)
    assert plan.status == "unreachable"
    assert "does not fit" in plan.reason


def hall(slit: int, degrees: float) -> OccupancyGrid:
    """Two halls joined by a slit; of the second what lies within so many degrees of straight on
    is known. The rest is seen through the slit only from a few places aside."""
    cells = np.full((160, 240), 100, dtype=np.int8)
    cells[1:80, 1:-1] = 0
    cells[80:82, slit : slit + 4] = 0
    i, j = np.mgrid[82:159, 1:239]
    known = np.abs(j - slit - 1.5) <= math.tan(math.radians(degrees)) * (i - 80) + 2
    cells[82:159, 1:239] = np.where(known, 0, -1)
    return OccupancyGrid(cells, 0.1)


@pytest.mark.parametrize("slit", [43, 89, 158])
@pytest.mark.parametrize(("degrees", "status"), [(40.0, "go"), (65.0, "unreachable")])
def test_the_end_is_said_only_when_no_place_is_worth_a_scan(
    slit: int, degrees: float, status: str
) -> None:
    sensor = RangeSensor(n_beams=360, max_range=20.0)
    explorer, grid = Explorer(sensor, robot_radius=0.3), hall(slit, degrees)
    here = (0.1 * slit + 0.2, 4.0, 0.0)
    plan = explorer.plan(grid, here)
    assert plan.status == status
    known = explorer.knowledge(grid)
    field = distance_field(known, traversable(known, 0.3), here, robot_radius=0.3)
    cells = np.argwhere(np.isfinite(field.distance))[::3]
    poses = np.column_stack((grid.cell_to_world(cells), np.zeros(len(cells))))
    best = Sight.of(known, sensor).information(poses).max()
    assert (best >= explorer.worthwhile(known)) == (status == "go")
    if status == "unreachable":
        assert "does not fit" in plan.reason


def corridor(wide: int) -> OccupancyGrid:
    """A room, a corridor of so many cells, and a second room with an unknown half."""
    cells = np.full((40, 100), 100, dtype=np.int8)
    cells[1:-1, 1:30] = cells[1:-1, 60:80] = 0
    cells[1:-1, 80:-1] = -1
    low = 20 - wide // 2
    cells[low : low + wide, 30:60] = 0
    return OccupancyGrid(cells, 0.1)


def test_a_passage_that_was_driven_stays_open_when_noise_thickens_its_walls() -> None:
    # Two cells less: a robot of 0.4 m no longer fits by the margins of a new passage.
    explorer = Explorer(SENSOR, robot_radius=0.2)
    plan = explorer.plan(corridor(8), (1.5, 2.0, 0.0))
    assert plan.goal is not None
    assert plan.goal[0] > 6.0
    inside = (4.5, float(np.interp(4.5, *plan.path[:, :2].T)), 0.0)
    thick = corridor(6)
    assert not Explorer(SENSOR, robot_radius=0.2).plan(thick, (1.5, 2.0, 0.0)).goal
    back = explorer.plan(thick, inside)  # it got so far
    room = explorer._room(thick, explorer.knowledge(thick))
    i, j = thick.world_to_cell(inside[:2])
    assert room.open[i, 30 : j + 1].all()
    assert not room.open[i, j + 2 : 60].any()
    assert back.status == "unreachable"
    # A wall that really closes the corridor is not driven through.
    closed = corridor(6).to_ros().reshape(40, 100).copy()
    closed[:, 40] = 100
    grid = OccupancyGrid(closed, 0.1)
    explorer.plan(grid, inside)
    assert not explorer._room(grid, explorer.knowledge(grid)).open[i, 38:43].any()


def test_a_robot_that_fits_nowhere_is_stuck() -> None:
    plan = Explorer(SENSOR, robot_radius=3.0).plan(rooms(), HERE)
    assert plan.status == "stuck"
    assert "fits nowhere" in plan.reason


def test_a_robot_in_a_wall_is_stuck_and_an_empty_map_asks_for_a_scan() -> None:
    explorer = Explorer(SENSOR, robot_radius=0.2)
    assert "occupied" in explorer.plan(rooms(), (3.05, 0.5, 0.0)).reason
    empty = OccupancyGrid.unknown(5.0, 5.0, 0.1)
    first = explorer.plan(empty, (2.5, 2.5, 0.0))
    assert first.status == "go"
    assert first.path.tolist() == [[2.5, 2.5, 0.0]]
    assert "a scan here" in first.reason
    plans = [explorer.plan(empty, (2.5, 2.5, 0.0)) for _ in range(5)]  # but no scan is taken
    assert plans[-1].status == "stuck"


def test_a_closed_start_region_ends() -> None:
    cells = np.full((40, 40), -1, dtype=np.int8)
    cells[10:20, 10:20] = 100
    cells[11:19, 11:19] = 0
    plan = Explorer(SENSOR, robot_radius=0.15).plan(OccupancyGrid(cells, 0.1), (1.5, 1.5, 0.0))
    assert plan.status == "done"


def test_the_budget_counts_what_was_driven() -> None:
    explorer = Explorer(SENSOR, robot_radius=0.2, max_distance=2.0)
    grid = rooms()
    assert explorer.plan(grid, HERE).status == "go"
    assert explorer.plan(grid, (2.5, 2.0, 0.0)).status == "go"
    plan = explorer.plan(grid, (1.0, 2.0, 0.0))
    assert plan.status == "budget"
    assert explorer.travelled == pytest.approx(3.0)
    explorer.reset()
    assert explorer.plan(grid, HERE).status == "go"


def test_the_robot_drives_home_when_nothing_is_left() -> None:
    cells = np.zeros((40, 80), dtype=np.int8)
    cells[[0, -1]] = cells[:, [0, -1]] = 100
    grid = OccupancyGrid(cells, 0.1)
    explorer = Explorer(SENSOR, robot_radius=0.2, return_home=True)
    assert explorer.plan(grid, HERE).status == "done"  # at home already
    plan = explorer.plan(grid, (6.0, 2.0, 0.0))
    assert plan.status == "go"
    assert plan.goal == HERE
    assert plan.reason.startswith("on the way home (done: ")
    assert explorer.plan(grid, (1.1, 2.0, 0.0)).status == "done"


def test_no_way_home_is_said() -> None:
    cells = np.zeros((40, 80), dtype=np.int8)
    cells[[0, -1]] = cells[:, [0, -1]] = 100
    explorer = Explorer(SENSOR, robot_radius=0.2, return_home=True)
    explorer.plan(OccupancyGrid(cells, 0.1), HERE)
    cells[:, 40] = 100  # a door was shut
    plan = explorer.plan(OccupancyGrid(cells, 0.1), (6.0, 2.0, 0.0))
    assert plan.status == "done"
    assert plan.reason.endswith("there is no way home")
    moved = OccupancyGrid(cells[:, 40:], 0.1, (4.0, 0.0, 0.0))  # home lies outside
    assert "no way home" in explorer.plan(moved, (6.0, 2.0, 0.0)).reason


def test_a_dumped_decision_is_made_again_bit_for_bit(tmp_path: Path) -> None:
    sensor = RangeSensor(n_beams=180, max_range=1.5, delta_occ=20.0, delta_emp=0.3)
    explorer = Explorer(sensor, robot_radius=0.2, strategy="tour", max_distance=50.0)
    with pytest.raises(ValueError, match=r"call plan\(\) first"):
        explorer.dump_state(tmp_path / "early")
    rng = np.random.default_rng(0)
    cells = rooms().occupancy.copy()
    pose = HERE
    for k in range(25):  # long enough for goals to fail
        if k < 15:
            cells[rng.integers(40, size=5), rng.integers(31, 80, size=5)] = 0.1
        grid = OccupancyGrid(cells.copy(), 0.1, (0.5, -1.0, 0.3))
        if k < 15:  # then it stands still, until its goal is given up
            x, y = grid.cell_to_world([20, 10 + k % 3])
            pose = (float(x), float(y), 0.1 * k)
        plan = explorer.plan(grid, pose, others=[[2.0, 1.0, 0.0]], avoid=[[0.9, 0.6]])
        path = tmp_path / "decision.npz"
        explorer.dump_state(path)
        again = replay(path)
        assert again.to_dict() == plan.to_dict()
        assert again.candidates == plan.candidates
        np.testing.assert_array_equal(again.path, plan.path)
    assert explorer._past.blacklist.entries  # something was remembered
    assert path.stat().st_size < 20_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[: len(data) // 2], "no decision"),
        (lambda data: b"hello", "no decision"),
        (lambda data: b"", "no decision"),
    ],
)
def test_a_damaged_decision_is_refused(change: Callable, words: str, tmp_path: Path) -> None:
    explorer = Explorer(SENSOR, robot_radius=0.2)
    explorer.plan(rooms(), HERE)
    path = tmp_path / "decision.npz"
    explorer.dump_state(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=words):
        replay(path)


def test_a_decision_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "decision.npz"
    words = json.dumps({"format": "fsmi-decision", "version": 99})
    np.savez(path, words=np.array(words), cells=np.zeros((2, 2), np.int8))
    with pytest.raises(ValueError, match="version 99 instead of 2"):
        replay(path)
    np.savez(path, cells=np.zeros((2, 2), np.int8))
    with pytest.raises(ValueError, match="words"):
        replay(path)


def test_the_goal_is_kept_while_another_is_only_a_little_better() -> None:
    explorer = Explorer(SENSOR, robot_radius=0.2)
    grid = rooms()
    first = explorer.plan(grid, HERE)
    goals = set()
    for k in range(5):
        step = first.path[0] + (first.path[1] - first.path[0]) * 0.1 * (k + 1)
        plan = explorer.plan(grid, (step[0], step[1], 0.0))
        goals.add(plan.goal[:2] if plan.goal else None)
    assert len(goals) <= 2


def test_a_goal_that_is_never_approached_is_given_up_and_tried_again() -> None:
    short = RangeSensor(n_beams=180, max_range=1.5)  # the door is not in view
    explorer = Explorer(short, robot_radius=0.2)
    grid = rooms()
    plans = [explorer.plan(OccupancyGrid(grid.cells.copy(), 0.1), HERE) for _ in range(60)]
    assert len({p.goal for p in plans}) > 1
    # Every goal fails: the search ends instead of going on for ever.
    more = [explorer.plan(OccupancyGrid(grid.cells.copy(), 0.1), HERE) for _ in range(400)]
    assert more[-1].status == "stuck"
    assert "given up" in more[-1].reason
    reasons = {e.reason for e in explorer._past.blacklist.entries}
    assert reasons == {"the robot does not move towards it"}


def test_a_narrow_field_of_view_is_pointed_at_the_unknown() -> None:
    narrow = RangeSensor(n_beams=60, fov=math.pi / 2, max_range=4.0)
    plan = Explorer(narrow, robot_radius=0.2).plan(rooms(), HERE)
    assert plan.goal is not None
    door = math.atan2(2.0 - plan.goal[1], 3.05 - plan.goal[0])
    assert abs((plan.goal[2] - door + math.pi) % (2 * math.pi) - math.pi) < math.radians(60)


def test_a_turned_and_shifted_map_gives_the_same_plan_turned() -> None:
    grid = rooms()
    yaw, shift = 0.7, np.array((5.0, -3.0))
    turned = OccupancyGrid(grid.cells, 0.1, (5.0, -3.0, yaw))
    c, s = math.cos(yaw), math.sin(yaw)
    there = shift + np.array((c * HERE[0] - s * HERE[1], s * HERE[0] + c * HERE[1]))
    plain = Explorer(SENSOR, robot_radius=0.2).plan(grid, HERE)
    plan = Explorer(SENSOR, robot_radius=0.2).plan(turned, (there[0], there[1], yaw))
    assert plain.goal is not None
    assert plan.goal is not None
    x, y, _ = plain.goal
    there = (5.0 + c * x - s * y, -3.0 + s * x + c * y)
    np.testing.assert_allclose(plan.goal[:2], there, atol=1e-6)
    assert plan.information == pytest.approx(plain.information, rel=1e-6)


def test_a_map_may_grow_between_plans() -> None:
    explorer = Explorer(SENSOR, robot_radius=0.2)
    small = OccupancyGrid.unknown(4.0, 4.0, 0.1)
    scan = np.full(180, 1.5)
    first = explorer.plan(update(small, (2.0, 2.0, 0.0), np.full(180, np.inf), SENSOR), (2, 2, 0))
    assert first.status in STATUSES
    large = OccupancyGrid.unknown(8.0, 8.0, 0.1, (-2.0, -2.0, 0.0))
    large = update(large, (2.0, 2.0, 0.0), np.where(np.arange(180) < 90, np.inf, scan), SENSOR)
    plan = explorer.plan(large, (2.0, 2.0, 0.0))
    assert plan.status == "go"


def test_the_same_call_gives_the_same_plan() -> None:
    one, two = (Explorer(SENSOR, robot_radius=0.2).plan(rooms(), HERE) for _ in range(2))
    assert one.to_dict() == two.to_dict()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"robot_radius": 0.0}, "robot_radius is 0"),
        ({"robot_radius": math.nan}, "robot_radius is nan"),
        ({"robot_radius": 0.2, "strategy": "magic"}, "strategy is 'magic'; one of nearest"),
        ({"robot_radius": 0.2, "gain": "luck"}, "gain is 'luck'"),
        ({"robot_radius": 0.2, "min_information": -1.0}, "min_information is -1"),
        ({"robot_radius": 0.2, "max_distance": 0.0}, "max_distance is 0"),
        ({"robot_radius": 0.2, "max_candidates": 0}, "max_candidates is 0"),
    ],
)
def test_bad_options_are_named(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Explorer(SENSOR, **options)


@pytest.mark.parametrize("pose", [(99.0, 1.0, 0.0), (math.nan, 1.0, 0.0), (1.0, 1.0)])
def test_bad_poses_are_named(pose: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="pose"):
        Explorer(SENSOR, robot_radius=0.2).plan(rooms(), pose)
