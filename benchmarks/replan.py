"""How long a plan takes on a map of 600 x 550 cells: the first plans of an exploration."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from fsmi import Explorer, OccupancyGrid, RangeSensor
from fsmi.planning.strategies import STRATEGIES
from fsmi.sim.episode import run
from fsmi.sim.floorplans import make_world
from fsmi.sim.robot import SimulatedRobot

PLANS = 60
RANGES = (8.0, 20.0)


def plan_times(strategy: str, max_range: float) -> np.ndarray:
    """Milliseconds of each plan, the first left out; everything is compiled before."""
    world = make_world("office", seed=3, width=60.0, height=55.0)
    sensor = RangeSensor(
        n_beams=360, max_range=max_range, sigma=0.02, delta_occ=20.0, delta_emp=0.3
    )
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, 0.1, (x0, y0, 0.0))
    for plans in (3, PLANS):
        explorer = Explorer(sensor, robot_radius=0.2, strategy=strategy)
        robot = SimulatedRobot(world, sensor, radius=0.2, rng=0)
        times = [step.seconds for step in run(robot, grid, explorer, max_steps=plans)]
    return 1e3 * np.array(times[1:])


def rows(argv: list[str] | None = None) -> list[dict[str, object]]:
    """A row for each strategy and range; no arguments."""
    if argv:
        raise SystemExit(f"replan takes no arguments, got {argv}")
    out: list[dict[str, object]] = []
    for max_range in RANGES:
        for strategy in STRATEGIES:
            times = plan_times(strategy, max_range)
            out.append(
                {
                    "strategy": strategy,
                    "range_m": max_range,
                    "plans": len(times),
                    "median_ms": float(np.median(times)),
                    "p95_ms": float(np.percentile(times, 95)),
                    "target": "100 and 250 ms",
                }
            )
    return out
