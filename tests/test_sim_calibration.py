"""Promised against lost bits: exact where the model is exact, and honest about the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fsmi import Explorer, OccupancyGrid, RangeSensor
from fsmi.planning.knowledge import classify
from fsmi.planning.sight import Sight
from fsmi.sim.calibration import Calibration, fit
from fsmi.sim.episode import explore
from fsmi.sim.floorplans import make_world
from fsmi.sim.robot import SimulatedRobot


def half_known() -> Sight:
    cells = np.full((30, 40), -1, dtype=np.int8)
    cells[:, :15] = 0
    cells[:2] = 100
    sensor = RangeSensor(n_beams=90, max_range=2.0)
    return Sight.of(classify(OccupancyGrid(cells, 0.1)), sensor)


def test_scans_together_count_each_cell_once() -> None:
    sight = half_known()
    poses = np.array([[0.7, 1.5, 0.0], [1.2, 1.0, 0.3], [1.3, 2.4, 1.0]])
    alone = sight.information(poses)
    together = sight.together(poses)
    assert alone.max() < together < alone.sum()
    assert sight.together(poses[:1]) == pytest.approx(alone[0], rel=1e-6)
    assert sight.together(np.repeat(poses[:1], 3, axis=0)) == pytest.approx(alone[0], rel=1e-6)


def test_fit_by_hand() -> None:
    slope, correlation = fit(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]))
    assert (slope, correlation) == pytest.approx((2.0, 1.0))
    assert fit(np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 2.0]]))[0] == pytest.approx(0.5)
    assert all(math.isnan(v) for v in fit(np.empty((0, 2))))
    assert math.isnan(fit(np.ones((4, 2)))[1])


# Free paths [m] that `dev.py bench calibration` fits on worlds 220 to 222 of each family.
@pytest.mark.parametrize(
    ("kind", "free_path"), [("office", 7.9), ("maze", 3.4), ("warehouse", 4.4), ("forest", 11.7)]
)
def test_promises_hold_over_a_whole_run_if_the_prior_fits_the_world(
    kind: str, free_path: float
) -> None:
    world = make_world(kind, seed=201)
    sensor = RangeSensor(n_beams=360, max_range=8.0, delta_occ=20.0, delta_emp=0.3)
    explorer = Explorer(sensor, robot_radius=0.2, prior=-math.expm1(-0.1 / free_path))
    robot = SimulatedRobot(world, sensor, rng=0)
    x0, y0, x1, y1 = world.bounds
    books = Calibration(explorer, world)
    empty = OccupancyGrid.unknown(x1 - x0, y1 - y0, 0.1, (x0, y0, 0.0))
    result = explore(robot, empty, explorer, each=books.add)
    assert result.status == "done"
    assert len(books.views) == len(result.steps) - 1 == len(books.legs)
    lost = result.steps[0]["belief_entropy"] - result.steps[-1]["belief_entropy"]
    assert books.legs[:, 1].sum() == pytest.approx(lost)
    for pairs in (books.views, books.legs):
        slope, correlation = fit(pairs)
        assert 0.8 < slope < 1.25
        assert correlation > 0.6
