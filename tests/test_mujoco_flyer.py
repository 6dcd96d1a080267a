"""Flying in MuJoCo: the sensor against geometry, physics in the way, the closed loop."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest

from examples import explore_mujoco
from fsmi.sensor3d import DepthCamera, SpinningLidar, beam_directions
from fsmi.sim.mujoco_flyer import MujocoFlyer

EXACT = SpinningLidar(25, 60, elevation=(-1.2, 1.2), max_range=3.0)
WORLD = """<mujoco><option timestep="0.01"/><worldbody>
  <geom type="sphere" size=".5" pos="2 0 1"/>
  <body name="robot" pos="0 0 1"><freejoint/><geom type="sphere" size=".2" mass="2"/></body>
  <body name="post" pos="0 5 1"><geom type="sphere" size=".1"/></body>
</worldbody></mujoco>"""


def flyer(sensor=EXACT, **options) -> MujocoFlyer:  # type: ignore[no-untyped-def]
    return MujocoFlyer(mujoco.MjModel.from_xml_string(WORLD), sensor, **options)


def distance_to_ball(start: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Ranges (n,) to the ball of the world, by the quadratic equation; inf for a miss."""
    gap = start - np.array([2.0, 0.0, 1.0])
    along = rays @ gap
    inside = along**2 - (gap @ gap - 0.25)
    ranges = -along - np.sqrt(np.where(inside > 0.0, inside, np.nan))
    return np.where(ranges > 0.0, ranges, np.inf)


@pytest.mark.parametrize("sensor", [EXACT, DepthCamera(16, 12, fx=9.0, fy=9.0, max_range=3.0)])
@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_ranges_are_those_of_a_sphere(sensor, yaw: float) -> None:  # type: ignore[no-untyped-def]
    robot = flyer(sensor)
    robot.go_to((0.0, 0.0, 1.0, yaw))
    x, y, z, turned = robot.pose()
    assert turned == yaw
    c, s = math.cos(yaw), math.sin(yaw)
    rays = beam_directions(sensor) @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    expected = distance_to_ball(np.array((x, y, z)), rays)
    assert np.isfinite(expected).sum() > 3
    np.testing.assert_allclose(robot.scan(), expected, atol=1e-6)


def test_noise_is_repeatable() -> None:
    noisy = SpinningLidar(25, 60, elevation=(-1.2, 1.2), max_range=3.0, sigma=0.02)
    one, two, truth = flyer(noisy, rng=1).scan(), flyer(noisy, rng=1).scan(), flyer().scan()
    np.testing.assert_array_equal(one, two)
    hit = np.isfinite(truth)
    assert np.isinf(one[~hit]).all()
    assert 0.0 < np.abs(one[hit] - truth[hit]).max() < 0.1


def test_it_hovers_and_stops_at_obstacles() -> None:
    robot = flyer()
    robot.go_to((0.5, 0.3, 1.4, 0.0))
    assert math.dist(robot.pose()[:3], (0.5, 0.3, 1.4)) < 0.03  # gravity pulls, it stays
    assert robot.collisions == 0
    robot.go_to((2.0, 0.0, 1.0, 0.0))  # into the ball
    assert robot.collisions == 1
    assert math.dist(robot.pose()[:3], (2.0, 0.0, 1.0)) > 0.65  # 0.7 but for soft contacts


def test_the_robot_must_be_able_to_fly() -> None:
    with pytest.raises(ValueError, match="no body 'drone'"):
        flyer(body="drone")
    with pytest.raises(ValueError, match="no free joint"):
        flyer(body="post")


def test_the_example_explores_a_hall(capsys: pytest.CaptureFixture[str]) -> None:
    result = explore_mujoco.main()
    assert capsys.readouterr().out.startswith("done after")
    assert result.collisions == 0
    p = result.voxels
    x, y, z = np.meshgrid(*(np.arange(0.05, n, 0.1) for n in (6.0, 4.0, 2.4)), indexing="ij")
    points = np.stack((x.ravel(), y.ravel(), z.ravel()), axis=-1)
    occupancy = p.occupancy_at(points)
    column = np.hypot(points[:, 0] - 1.9, points[:, 1] - 2.6)
    ball = np.linalg.norm(points - (5.1, 0.9, 0.5), axis=1)
    behind = points[:, 0] > 3.9
    assert behind[occupancy < 0.25].sum() > 10_000  # it found the window and looked behind the wall
    assert not (occupancy[(column < 0.15) | (ball < 0.25)] < 0.25).any()
    assert len(explore_mujoco.__loader__.get_source("examples.explore_mujoco").splitlines()) < 60
