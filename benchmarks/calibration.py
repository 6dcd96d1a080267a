"""Are the bits that are promised the bits that are lost? With the default prior and a fitted one.

The prior is fitted on other worlds of the same family than those it is judged on.
"""

from __future__ import annotations

import math
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from benchmarks.explore import FAMILIES, RADIUS, RESOLUTION, SENSORS
from fsmi import Explorer, OccupancyGrid, RangeSensor
from fsmi.planning.knowledge import unknown_prior
from fsmi.sim.calibration import Calibration, fit
from fsmi.sim.episode import explore
from fsmi.sim.floorplans import make_world
from fsmi.sim.robot import SimulatedRobot

FITTED_ON, JUDGED_ON = range(220, 223), range(230, 235)
SHORTEST, LONGEST = 0.5, 32.0  # free paths [m] that are tried
HALVINGS = 6
DEFAULT = 5.0  # of `unknown_prior` [m]


def books(kind: str, seed: int, sensor: str, free_path: float) -> Calibration:
    """Promises and losses of one exploration with the prior of a free path [m]."""
    world = make_world(kind, seed=seed)
    lidar = RangeSensor(n_beams=360, delta_occ=20.0, delta_emp=0.3, **SENSORS[sensor])
    prior = unknown_prior(RESOLUTION, free_path)
    explorer = Explorer(lidar, robot_radius=RADIUS, prior=prior)
    robot = SimulatedRobot(world, lidar, radius=RADIUS, rng=seed)
    x0, y0, x1, y1 = world.bounds
    empty = OccupancyGrid.unknown(x1 - x0, y1 - y0, RESOLUTION, (x0, y0, 0.0))
    found = Calibration(explorer, world)
    explore(robot, empty, explorer, max_steps=1500, each=found.add)
    return found


def fitted(kind: str) -> float:
    """Free path [m] at which the views of some worlds together have the slope 1, by bisection.

    A longer free path promises more, so the slope falls with it.
    """
    low, high = math.log(SHORTEST), math.log(LONGEST)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        views = [books(kind, seed, "8m", math.exp(middle)).views for seed in FITTED_ON]
        low, high = (middle, high) if fit(np.vstack(views))[0] > 1.0 else (low, middle)
    return math.exp(0.5 * (low + high))


def rows(argv: list[str] | None = None) -> list[dict[str, object]]:
    """A row for each family, sensor and prior; no arguments."""
    if argv:
        raise SystemExit(f"calibration takes no arguments, got {argv}")
    out: list[dict[str, object]] = []
    for kind in tqdm(FAMILIES, leave=False):
        for name, free_path in (("default", DEFAULT), ("fitted", fitted(kind))):
            for sensor in ("8m", "20m"):
                found = [books(kind, seed, sensor, free_path) for seed in JUDGED_ON]
                slopes = np.array([[*fit(b.views), *fit(b.legs)] for b in found])
                view, view_r, leg, leg_r = np.median(slopes, axis=0)
                out.append(
                    {
                        "family": kind, "sensor": sensor, "prior": name, "free_path_m": free_path,
                        "worlds": len(found), "view_slope": view, "view_r": view_r,
                        "view_range": f"{slopes[:, 0].min():.2f} to {slopes[:, 0].max():.2f}",
                        "leg_slope": leg, "leg_r": leg_r,
                        "leg_range": f"{slopes[:, 2].min():.2f} to {slopes[:, 2].max():.2f}",
                    }
                )  # fmt: skip
    return out
