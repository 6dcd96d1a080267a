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
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
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
    "entropy_after", "plans", "plan_ms_median", "plan_ms_p95", "collisions",
    "view_slope", "view_correlation", "leg_slope", "leg_correlation",
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
    for start in range(starts):
        for seed in seeds:
            for family in families:
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


@lru_cache(maxsize=2)
def scene(family: str, seed: int, start: int, sensor: str, noise: str) -> tuple[Any, ...]:
    """World, starting place, sensor and coverage: what the runs of a group share."""
    from fsmi import RangeSensor
    from fsmi.sim.convert import read_world
    from fsmi.sim.coverage import Coverage
    from fsmi.sim.floorplans import make_world

    world = make_world(family, seed=seed) if family in FAMILIES else read_world(family)
    begin = place(world, start)
    lidar = RangeSensor(
        n_beams=360, sigma=NOISES[noise], delta_occ=20.0, delta_emp=0.3, **SENSORS[sensor]
    )
    return world, begin, lidar, Coverage(world, lidar, RESOLUTION, robot_radius=RADIUS, start=begin)


def once(task: Task) -> dict[str, Any]:
    """Explore once; a row of the CSV."""
    from benchmarks.baselines import RANDOM, Clairvoyant
    from fsmi import Explorer, OccupancyGrid
    from fsmi.planning.strategies import STRATEGIES
    from fsmi.sim.calibration import Calibration, fit
    from fsmi.sim.episode import explore
    from fsmi.sim.robot import SimulatedRobot

    world, start, sensor, coverage = scene(
        task.family, task.seed, task.start, task.sensor, task.noise
    )
    robot = SimulatedRobot(world, sensor, radius=RADIUS, start=start, rng=task.seed)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, RESOLUTION, (x0, y0, 0.0))
    explorer: Any
    if task.strategy == "clairvoyant":
        explorer = Clairvoyant(coverage, sensor, RADIUS)
    else:
        STRATEGIES["random"] = RANDOM
        explorer = Explorer(sensor, robot_radius=RADIUS, strategy=task.strategy)
    books = Calibration(explorer, world)
    result = explore(robot, grid, explorer, coverage=coverage, max_steps=1500, each=books.add)
    seen = np.array([s["coverage"] for s in result.steps])
    driven = np.array([s["travelled"] for s in result.steps])
    median, p95 = result.plan_milliseconds()
    row: dict[str, Any] = dict(zip(KEY, task.key(), strict=True))
    for share in SHARES:
        there = np.flatnonzero(seen >= share)
        row[f"to{round(100 * share)}"] = float(driven[there[0]]) if len(there) else math.inf
    row.update(
        status=result.status, coverage=result.coverage, length=result.path_length,
        area=float(np.trapezoid(1.0 - seen, driven)), entropy_after=result.entropy_after,
        plans=len(result.steps), plan_ms_median=median, plan_ms_p95=p95,
        collisions=result.collisions,
    )  # fmt: skip
    for name, pairs in (("view", books.views), ("leg", books.legs)):
        row[f"{name}_slope"], row[f"{name}_correlation"] = fit(pairs)
    return row


def group(members: list[Task]) -> list[dict[str, Any]]:
    """The runs that share a scene, one after the other."""
    return [once(task) for task in members]


def work(groups: list[list[Task]], processes: int, minutes: float) -> Iterator[dict[str, Any]]:
    """Rows as they come; no group is begun after so many minutes."""
    ends = time.monotonic() + 60.0 * minutes
    if processes == 1:
        for task in itertools.chain.from_iterable(groups):
            if time.monotonic() >= ends:
                return
            yield once(task)
        return
    with ProcessPoolExecutor(processes) as pool:
        left = iter(groups)
        running = {pool.submit(group, members) for members in itertools.islice(left, processes)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
            if time.monotonic() < ends:
                running |= {pool.submit(group, g) for g in itertools.islice(left, len(done))}


def run_all(
    wanted: list[Task], path: Path, processes: int, minutes: float = math.inf
) -> list[dict[str, Any]]:
    """Run what the CSV does not hold yet; all its rows that were wanted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {tuple(row[k] for k in KEY) for row in read(path)} if path.exists() else set()
    missing = [t for t in wanted if t.key() not in done]
    groups = [list(g) for _, g in itertools.groupby(missing, key=lambda t: t.key()[:-1])]
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        rows = work(groups, processes, minutes)
        for row in tqdm(rows, total=len(missing), file=sys.stderr, leave=False, unit="run"):
            writer.writerow({k: _short(v) for k, v in row.items()})
            file.flush()
    keys = {t.key() for t in wanted}
    return [row for row in read(path) if tuple(row[k] for k in KEY) in keys]


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV, keys as text and measurements as numbers."""
    with path.open(newline="") as file:
        return [
            {k: v if k in (*KEY, "status") else float(v) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]


Map = tuple[str, str]
Logs = dict[Map, dict[str, list[float]]]


def ratios(rows: list[dict[str, Any]], column: str, strategy: str, baseline: str) -> Logs:
    """Logs of the paired ratios strategy / baseline, by map and start.

    Pairs that neither reached are left out; inf says that only the baseline got there, -inf that
    only the strategy did.
    """
    cells: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        cells.setdefault(tuple(row[k] for k in KEY[:-1]), {})[row["strategy"]] = row[column]
    out: Logs = {}
    for key, pair in cells.items():
        a, b = pair.get(strategy), pair.get(baseline)
        if a is None or b is None or (math.isinf(a) and math.isinf(b)):
            continue
        # One metre at least: some worlds are half seen from the start.
        log = math.log(max(a, 1.0)) - math.log(max(b, 1.0))
        out.setdefault(key[:2], {}).setdefault(key[2], []).append(log)
    return out


def bootstrap(logs: Logs, n: int = 4000) -> tuple[float, float]:
    """95 % interval of the mean: maps are drawn anew, and in each map its starts."""
    rng = np.random.default_rng(0)
    maps = list(logs.values())
    means = np.empty(n)
    for k in range(n):
        total, count = 0.0, 0
        for m in rng.integers(len(maps), size=len(maps)):
            starts = list(maps[m].values())
            for s in rng.integers(len(starts), size=len(starts)):
                total += sum(starts[s])
                count += len(starts[s])
        means[k] = total / count
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def compare(
    rows: list[dict[str, Any]], column: str, strategy: str, baseline: str
) -> dict[str, object]:
    """Geometric-mean ratio, its 95 % bootstrap interval over maps and starts, a Wilcoxon test.

    The test is over maps, the mean of each counting once: runs in one map are not independent.
    """
    logs = ratios(rows, column, strategy, baseline)
    flat = np.array([v for starts in logs.values() for some in starts.values() for v in some])
    kept = {
        name: {s: [v for v in some if math.isfinite(v)] for s, some in starts.items()}
        for name, starts in logs.items()
    }
    kept = {n: {s: some for s, some in starts.items() if some} for n, starts in kept.items()}
    kept = {n: starts for n, starts in kept.items() if starts}
    out: dict[str, object] = {"strategy": strategy, "against": baseline, "metres": column}
    if not kept:
        return {**out, "pairs": 0}
    finite = flat[np.isfinite(flat)]
    low, high = bootstrap(kept)
    by_map = np.array([np.mean([v for some in s.values() for v in some]) for s in kept.values()])
    p = wilcoxon(by_map).pvalue if np.any(by_map) and len(by_map) > 5 else math.nan
    return {
        **out, "pairs": len(finite), "maps": len(kept),
        "ratio": math.exp(finite.mean()), "low": math.exp(low), "high": math.exp(high),
        "wins": f"{(finite < 0).mean():.0%}", "p": float(p),
        "unreached": int(np.isposinf(flat).sum()),
        "unreached_baseline": int(np.isneginf(flat).sum()),
    }  # fmt: skip


def summary(rows: list[dict[str, Any]], strategies: tuple[str, ...]) -> list[dict[str, object]]:
    """The comparisons that matter, and each strategy by itself."""
    out: list[dict[str, object]] = []
    ran = {row["strategy"] for row in rows}
    strategies = tuple(name for name in strategies if name in ran)
    for strategy in strategies:
        for baseline in ("nearest", "count_rate"):
            if strategy != baseline and baseline in strategies:
                out += [
                    compare(rows, c, strategy, baseline)
                    for c in ("to50", "to90", "to99", "length", "area")
                ]
    return out + [alone(rows, strategy) for strategy in strategies]


def alone(rows: list[dict[str, Any]], strategy: str) -> dict[str, object]:
    """How often a strategy gets there, what a plan costs, whether its promises hold."""
    mine = [r for r in rows if r["strategy"] == strategy]
    if not mine:
        return {"strategy": strategy, "runs": 0}

    def middle(name: str) -> float:
        values = [r[name] for r in mine if math.isfinite(r[name])]
        return float(np.median(values)) if values else math.nan

    return {
        "strategy": strategy, "runs": len(mine),
        "reach95": f"{np.mean([math.isfinite(r['to95']) for r in mine]):.1%}",
        "reach99": f"{np.mean([math.isfinite(r['to99']) for r in mine]):.1%}",
        "done": f"{np.mean([r['status'] == 'done' for r in mine]):.1%}",
        "collisions": sum(r["collisions"] for r in mine),
        "plan_ms": middle("plan_ms_median"), "plan_ms_p95": middle("plan_ms_p95"),
        **{k: middle(k) for k in FIELDS if k.startswith(("view_", "leg_"))},
    }  # fmt: skip


def rows(argv: list[str]) -> list[dict[str, object]]:
    """Run and compare; the rows of the printed table."""
    parser = argparse.ArgumentParser(prog="dev.py bench explore", description=__doc__)
    parser.add_argument("--maps", type=int, default=1, help="seeds of each family (1)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--starts", type=int, default=1, help="starting places a map (1)")
    parser.add_argument(
        "--families", nargs="+", default=FAMILIES, help=f"{', '.join(FAMILIES)}, or map files"
    )
    parser.add_argument("--sensors", nargs="+", default=("8m",), choices=SENSORS)
    parser.add_argument("--noises", nargs="+", default=("on",), choices=NOISES)
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES)
    parser.add_argument("--all", action="store_true", help="every sensor, noise off and on")
    parser.add_argument("--csv", type=Path, default=Path("out/bench_explore.csv"))
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no run after so long; go on later"
    )
    options = parser.parse_args(argv)
    sensors = tuple(SENSORS) if options.all else tuple(options.sensors)
    noises = tuple(NOISES) if options.all else tuple(options.noises)
    seeds = range(options.first_seed, options.first_seed + options.maps)
    strategies = tuple(options.strategies)
    wanted = list(
        tasks(tuple(options.families), seeds, options.starts, sensors, noises, strategies)
    )
    return summary(run_all(wanted, options.csv, options.processes, options.minutes), strategies)
