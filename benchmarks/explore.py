"""Exploration: strategies side by side on generated worlds, paired by map, start and sensor.

Every run shares simulator, mapper and path search. Rows go to a CSV as they come, so that a run
that was interrupted goes on where it stopped: `dev.py bench explore --maps 10 --starts 3 --all`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numba starts its threads in a child

import numpy as np
from scipy.stats import wilcoxon
from tqdm import tqdm

SENSORS = {
    "8m": {"max_range": 8.0},
    "20m": {"max_range": 20.0},
    "90deg": {"max_range": 8.0, "fov": math.pi / 2},
}
NOISES = {"off": 0.0, "on": 0.03}
FAMILIES = ("office", "maze", "cave", "warehouse", "forest")
STRATEGIES = (
    "random",
    "clairvoyant",
    "nearest", "explore_lite", "count_rate", "information_rate", "receding_horizon", "tour"
)  # fmt: skip
SHARES = (0.5, 0.9, 0.95, 0.99)
RADIUS, RESOLUTION = 0.2, 0.1
KEY = ("family", "seed", "start", "sensor", "noise", "strategy")
FIELDS = (
    *KEY, "status", "coverage", *(f"to{round(100 * s)}" for s in SHARES), "length", "area",
    "entropy_after", "plans", "plan_ms_median", "plan_ms_p95", "collisions", "slope", "correlation",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One run: everything but the strategy is shared by the runs that are compared."""

    family: str
    seed: int
    start: int
    sensor: str
    noise: str
    strategy: str

    def key(self) -> tuple[str, ...]:
        """The columns that name a run, as text."""
        return tuple(str(getattr(self, name)) for name in KEY)


def tasks(
    families: tuple[str, ...], seeds: range, starts: int, sensors: tuple[str, ...],
    noises: tuple[str, ...], strategies: tuple[str, ...],
) -> Iterator[Task]:  # fmt: skip
    """All runs, those that are compared next to each other."""
    for seed in seeds:
        for family in families:
            for start in range(starts):
                for sensor in sensors:
                    for noise in noises:
                        for strategy in strategies:
                            yield Task(family, seed, start, sensor, noise, strategy)


def place(world: Any, number: int) -> tuple[float, float, float]:
    """The world's own start, or a random place connected to it with half a metre of room."""
    from fsmi.planning.knowledge import classify
    from fsmi.planning.paths import distance_field, traversable

    if number == 0:
        return world.start
    known = classify(world.truth(RESOLUTION))
    room = traversable(known, 0.5)
    field = distance_field(known, room, world.start, robot_radius=0.5)
    cells = np.argwhere(np.isfinite(field.distance) & room.open)
    rng = np.random.default_rng((world.seed, number))
    x, y = known.belief.cell_to_world(cells[rng.integers(len(cells))])
    return (float(x), float(y), float(rng.uniform(-math.pi, math.pi)))


def once(task: Task) -> dict[str, Any]:
    """Explore once; a row of the CSV."""
    from benchmarks.baselines import RANDOM, Clairvoyant
    from fsmi import Explorer, OccupancyGrid, RangeSensor
    from fsmi.planning.strategies import STRATEGIES
    from fsmi.sim.coverage import Coverage
    from fsmi.sim.episode import explore
    from fsmi.sim.floorplans import make_world
    from fsmi.sim.robot import SimulatedRobot

    world = make_world(task.family, seed=task.seed)
    start = place(world, task.start)
    sensor = RangeSensor(
        n_beams=360, sigma=NOISES[task.noise], delta_occ=20.0, delta_emp=0.3, **SENSORS[task.sensor]
    )
    robot = SimulatedRobot(world, sensor, radius=RADIUS, start=start, rng=task.seed)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, RESOLUTION, (x0, y0, 0.0))
    coverage = Coverage(world, sensor, RESOLUTION, robot_radius=RADIUS, start=start)
    explorer: Any
    if task.strategy == "clairvoyant":
        explorer = Clairvoyant(coverage, sensor, RADIUS)
    else:
        STRATEGIES["random"] = RANDOM
        explorer = Explorer(sensor, robot_radius=RADIUS, strategy=task.strategy)
    result = explore(robot, grid, explorer, coverage=coverage, max_steps=1500)
    seen = np.array([s["coverage"] for s in result.steps])
    driven = np.array([s["travelled"] for s in result.steps])
    median, p95 = result.plan_milliseconds()
    slope, correlation = calibration(result.steps)
    row: dict[str, Any] = dict(zip(KEY, task.key(), strict=True))
    for share in SHARES:
        there = np.flatnonzero(seen >= share)
        row[f"to{round(100 * share)}"] = float(driven[there[0]]) if len(there) else math.inf
    row.update(
        status=result.status, coverage=result.coverage, length=result.path_length,
        area=float(np.trapezoid(1.0 - seen, driven)), entropy_after=result.entropy_after,
        plans=len(result.steps), plan_ms_median=median, plan_ms_p95=p95,
        collisions=result.collisions, slope=slope, correlation=correlation,
    )  # fmt: skip
    return row


def calibration(steps: tuple[dict[str, Any], ...]) -> tuple[float, float]:
    """Slope and correlation of the bits promised for a goal against those lost on reaching it."""
    promised, lost = [], []
    for before, after in itertools.pairwise(steps):
        goal = before["goal"]
        if goal and math.dist(after["pose"][:2], goal[:2]) < 0.15:
            promised.append(before["information"])
            lost.append(before["belief_entropy"] - after["belief_entropy"])
    if len(promised) < 3:
        return math.nan, math.nan
    x, y = np.array(promised), np.array(lost)
    return float(x @ y / (x @ x)), float(np.corrcoef(x, y)[0, 1])


def run_all(wanted: list[Task], path: Path, processes: int) -> list[dict[str, Any]]:
    """Run what the CSV does not hold yet; all its rows that were wanted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {tuple(row[k] for k in KEY) for row in read(path)} if path.exists() else set()
    missing = [t for t in wanted if t.key() not in done]
    new = not path.exists()
    with path.open("a", newline="") as file, ProcessPoolExecutor(processes) as pool:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        futures = [pool.submit(once, task) for task in missing]
        for future in tqdm(as_completed(futures), total=len(futures), file=sys.stderr, leave=False):
            writer.writerow(future.result())
            file.flush()
    keys = {t.key() for t in wanted}
    return [row for row in read(path) if tuple(row[k] for k in KEY) in keys]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV, keys as text and measurements as numbers."""
    with path.open(newline="") as file:
        return [
            {k: v if k in (*KEY, "status") else float(v) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]


def ratios(
    rows: list[dict[str, Any]], column: str, strategy: str, baseline: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Logs of the paired ratios strategy / baseline; pairs that neither reached are left out."""
    cells: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        cells.setdefault(tuple(row[k] for k in KEY[:-1]), {})[row["strategy"]] = row[column]
    out = []
    for pair in cells.values():
        a, b = pair.get(strategy), pair.get(baseline)
        if a is None or b is None or (math.isinf(a) and math.isinf(b)):
            continue
        # One metre at least: some worlds are half seen from the start.
        out.append(math.log(max(a, 1.0) / max(b, 1.0)))
    return np.array(out)


def compare(
    rows: list[dict[str, Any]], column: str, strategy: str, baseline: str
) -> dict[str, object]:
    """Geometric-mean ratio with a 95 % bootstrap interval over maps, and a Wilcoxon test."""
    logs = ratios(rows, column, strategy, baseline)
    finite = logs[np.isfinite(logs)]
    rng = np.random.default_rng(0)
    means = finite[rng.integers(len(finite), size=(4000, len(finite)))].mean(axis=1)
    low, high = np.exp(np.quantile(means, (0.025, 0.975)))
    p = wilcoxon(finite).pvalue if np.any(finite) and len(finite) > 5 else math.nan
    return {
        "strategy": strategy, "against": baseline, "metres": column, "pairs": len(finite),
        "ratio": math.exp(finite.mean()), "low": float(low), "high": float(high),
        "wins": f"{(finite < 0).mean():.0%}", "p": float(p),
        "unreached": int(np.isposinf(logs).sum()),
        "unreached_baseline": int(np.isneginf(logs).sum()),
    }  # fmt: skip


def summary(rows: list[dict[str, Any]], strategies: tuple[str, ...]) -> list[dict[str, object]]:
    """The comparisons that matter, and each strategy by itself."""
    out: list[dict[str, object]] = []
    for strategy in strategies:
        for baseline in ("nearest", "count_rate"):
            if strategy != baseline and baseline in strategies:
                out += [
                    compare(rows, c, strategy, baseline) for c in ("to50", "to90", "to99", "length")
                ]
    for strategy in strategies:
        mine = [r for r in rows if r["strategy"] == strategy]
        slopes = [r["slope"] for r in mine if math.isfinite(r["slope"])]
        out.append(
            {
                "strategy": strategy, "runs": len(mine),
                "reach99": f"{np.mean([math.isfinite(r['to99']) for r in mine]):.0%}",
                "done": f"{np.mean([r['status'] == 'done' for r in mine]):.0%}",
                "collisions": sum(r["collisions"] for r in mine),
                "plan_ms": float(np.median([r["plan_ms_median"] for r in mine])),
                "slope": float(np.median(slopes)) if slopes else math.nan,
            }
        )  # fmt: skip
    return out


def rows(argv: list[str]) -> list[dict[str, object]]:
    """Run and compare; the rows of the printed table."""
    parser = argparse.ArgumentParser(prog="dev.py bench explore", description=__doc__)
    parser.add_argument("--maps", type=int, default=1, help="seeds of each family (1)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--starts", type=int, default=1, help="starting places a map (1)")
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES)
    parser.add_argument("--sensors", nargs="+", default=("8m",), choices=SENSORS)
    parser.add_argument("--noises", nargs="+", default=("on",), choices=NOISES)
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES)
    parser.add_argument("--all", action="store_true", help="every sensor, noise off and on")
    parser.add_argument("--csv", type=Path, default=Path("out/bench_explore.csv"))
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    options = parser.parse_args(argv)
    sensors = tuple(SENSORS) if options.all else tuple(options.sensors)
    noises = tuple(NOISES) if options.all else tuple(options.noises)
    seeds = range(options.first_seed, options.first_seed + options.maps)
    strategies = tuple(options.strategies)
    wanted = list(
        tasks(tuple(options.families), seeds, options.starts, sensors, noises, strategies)
    )
    return summary(run_all(wanted, options.csv, options.processes), strategies)
