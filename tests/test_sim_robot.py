"""The simulated lidar against shapely, and a robot that stops before it touches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from fsmi import RangeSensor
from fsmi.sim.floorplans import WORLDS, make_world
from fsmi.sim.lidar import clearance, ranges_in
from fsmi.sim.robot import SimulatedRobot
from fsmi.sim.worlds import finish
from tests import reference_robotics as slow

ROOM = finish(box(0, 0, 6, 4).difference(box(0.5, 0.5, 5.5, 3.5)), (0.0, 0.0, 6.0, 4.0))


@pytest.mark.parametrize("kind", WORLDS)
def test_ranges_equal_shapely(kind: str) -> None:
    world = make_world(kind, seed=2)
    sensor = RangeSensor(n_beams=120, max_range=7.0)
    pose = (world.start[0], world.start[1], 0.123)
    got = ranges_in(world.segments(), pose, sensor)
    np.testing.assert_allclose(got, slow.world_ranges(world, pose, sensor), atol=1e-9)
    assert np.isfinite(got).any()


def test_axis_beams_hit_walls_head_on_and_at_corners() -> None:
    sensor = RangeSensor(n_beams=8, max_range=10.0)
    got = ranges_in(ROOM.segments(), (3.0, 2.0, 0.0), sensor)
    d = 1.5 * math.sqrt(2.0)
    np.testing.assert_allclose(got, [2.5, d, 1.5, d, 2.5, d, 1.5, d])
    corner = RangeSensor(n_beams=1, max_range=10.0)
    aim = math.atan2(1.5, 2.5)
    assert ranges_in(ROOM.segments(), (3.0, 2.0, aim), corner)[0] == pytest.approx(
        math.hypot(1.5, 2.5)
    )


def test_noise_has_the_stated_spread_and_spares_no_returns() -> None:
    sensor = RangeSensor(n_beams=4000, max_range=2.0, sigma=0.05)
    exact = ranges_in(ROOM.segments(), (3.0, 2.0, 0.0), RangeSensor(n_beams=4000, max_range=2.0))
    one, two, other = (
        ranges_in(ROOM.segments(), (3.0, 2.0, 0.0), sensor, rng=k) for k in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    np.testing.assert_array_equal(np.isinf(one), np.isinf(exact))
    errors = one[np.isfinite(one)] - exact[np.isfinite(exact)]
    assert errors.std() == pytest.approx(0.05, rel=0.08)
    assert abs(errors.mean()) < 0.005


@settings(deadline=None, max_examples=50)
@given(x=st.floats(0.0, 6.0), y=st.floats(0.0, 4.0))
def test_clearance_equals_shapely(x: float, y: float) -> None:
    expected = ROOM.obstacles.boundary.distance(Point(x, y))
    assert clearance(ROOM.segments(), [(x, y)])[0] == pytest.approx(expected, abs=1e-12)


def test_the_robot_goes_where_it_is_sent() -> None:
    robot = SimulatedRobot(ROOM, RangeSensor(n_beams=4), radius=0.3, start=(1.0, 1.0, 0.0))
    robot.go_to((4.0, 3.0, 1.0))
    assert robot.pose() == (4.0, 3.0, 1.0)
    robot.go_to((4.0, 3.0, -2.0))
    assert robot.pose() == (4.0, 3.0, -2.0)
    assert robot.collisions == 0
    assert robot.scan().shape == (4,)


@settings(deadline=None, max_examples=30)
@given(x=st.floats(-1.0, 7.0), y=st.floats(-1.0, 5.0))
def test_it_never_touches_a_wall_and_counts_when_it_would(x: float, y: float) -> None:
    robot = SimulatedRobot(ROOM, RangeSensor(n_beams=4), radius=0.3, start=(3.0, 2.0, 0.0))
    robot.go_to((x, y, 0.0))
    here = robot.pose()
    assert ROOM.obstacles.distance(Point(here[:2])) >= 0.3 - 1e-9
    free = LineString([(3.0, 2.0), (x, y)]).distance(ROOM.obstacles) > 0.3
    if free:
        assert robot.collisions == 0
        assert here == (x, y, 0.0)
    elif LineString([(3.0, 2.0), (x, y)]).distance(ROOM.obstacles) < 0.29:
        assert robot.collisions == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"radius": 0.0}, "radius is 0"),
        ({"radius": 1.9, "start": (3.0, 2.0, 0.0)}, "needs more room"),
        ({"start": (0.6, 2.0, 0.0)}, "0.10 m from a wall"),
    ],
)
def test_impossible_robots_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SimulatedRobot(ROOM, RangeSensor(n_beams=4), **options)
