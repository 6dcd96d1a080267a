"""How long a plan, and the map update before it, take on a map of 600 x 550 cells."""

from __future__ import annotations

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from fsmi import Explorer, OccupancyGrid, RangeSensor, update
from fsmi.planning.strategies import STRATEGIES
from fsmi.sim.episode import run
from fsmi.sim.floorplans import make_world
from fsmi.sim.robot import SimulatedRobot

PLANS = 60
RANGES = (8.0, 20.0)
BEAMS = 10_000  # of the scans that are put into the map


def update_times(max_range: float) -> np.ndarray:
    """Milliseconds of each map update by a scan of so many beams, everything compiled before."""
    world = make_world("office", seed=3, width=60.0, height=55.0)
    sensor = RangeSensor(n_beams=BEAMS, max_range=max_range, sigma=0.02)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, 0.1, (x0, y0, 0.0))
    robot = SimulatedRobot(world, sensor, radius=0.2, rng=0)
    times = []
    for _ in range(PLANS):
        ranges, begin = robot.scan(), time.perf_counter()
        grid = update(grid, robot.pose(), ranges, sensor)
        times.append(time.perf_counter() - begin)
    return 1e3 * np.array(times[1:])


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
    """A row for each strategy and range, and for the map update; no arguments."""
    if argv:
        raise SystemExit(f"replan takes no arguments, got {argv}")
    out = [_row(name, r, plan_times(name, r), "100, 250") for r in RANGES for name in STRATEGIES]
    name = f"update, {BEAMS} beams"
    return out + [_row(name, max_range, update_times(max_range), "") for max_range in RANGES]


def _row(name: str, max_range: float, times: np.ndarray, target_ms: str) -> dict[str, object]:
    return {
        "what": name,
        "range_m": max_range,
        "times": len(times),
        "median_ms": float(np.median(times)),
        "p95_ms": float(np.percentile(times, 95)),
        "target_ms": target_ms,
    }
