"""Whole maps, poses and the first call of fsmi: medians on one thread unless a row says otherwise.

Wall-clock times of the public functions, table preparation included, int8 grids in, float32 maps
out (float64 for FCMI). Every row runs once before it is timed (compilation excluded), except the
first call, which is a new process with a warm cache. Ratios: against our own exact rays
(`method="poses"`), extrapolated from a sample of the cells.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fsmi import OccupancyGrid, RangeSensor, fcmi_map, mi_map, scan_mi

SIZES = ((200, 60, 0.45), (512, 200, 0.30), (1000, 200, 0.30))  # cells a side, beams, target [ns]
FAR = 1e9
NOISE = {"sigma": 1.0, "max_range": 100.0}  # Delta = 3 cells, 100 cells of range
FIRST_CALL = """
import time
start = time.perf_counter()
import numpy as np
from fsmi import OccupancyGrid, RangeSensor, mi_map, scan_mi
grid = OccupancyGrid(np.full((50, 50), 3, dtype=np.int8), 1.0)
sensor = RangeSensor(60, max_range=100.0)
mi_map(grid, sensor, n_threads=1)
scan_mi(grid, (25.5, 25.5, 0.0), sensor)
print(time.perf_counter() - start)
"""


def rooms(n: int) -> OccupancyGrid:
    """Rooms of 40 cells with doors, a quarter of the map unknown."""
    cells = np.full((n, n), 3, dtype=np.int8)
    cells[::40] = cells[:, ::40] = 97
    cells[10::40] = cells[:, 10::40] = 3
    cells[n // 2 :, : n // 2] = -1
    return OccupancyGrid(cells, 1.0)


def timed(call: Callable[[], Any], *, budget: float = 1.5, least: int = 5) -> dict[str, float]:
    """Median and best wall time [s] of a call after one warm-up, over about `budget` seconds.

    On a machine with other work the best is nearer to what the code takes.
    """
    call()
    times: list[float] = []
    while len(times) < least or (sum(times) < budget and len(times) < 200):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return {"median_s": statistics.median(times), "best_s": min(times)}


def map_rows(n: int, beams: int, target: float) -> list[dict[str, object]]:
    """The sweeps on one size of map."""
    grid = rooms(n)
    far, near = RangeSensor(beams, max_range=FAR), RangeSensor(beams, **NOISE)
    updates = 1e-9 * n * n * beams
    poses = np.column_stack((np.random.default_rng(0).uniform(0, n, (20, 2)), np.zeros(20)))
    cases: list[tuple[str, float, Callable[[], Any], Callable[[Any], Any]]] = [
        ("sum", target, lambda: mi_map(grid, far, n_threads=1),
         lambda some: scan_mi(grid, some, far)),
        ("noise + range", 3 * target, lambda: mi_map(grid, near, n_threads=1),
         lambda some: scan_mi(grid, some, near)),
        ("joint", 2.5 * target, lambda: mi_map(grid, far, joint=True, n_threads=1),
         lambda some: scan_mi(grid, some, far, joint=True)),
        ("fcmi, float64", 3.0, lambda: fcmi_map(grid, far),
         lambda some: scan_mi(grid, some[:2], far, measure="fcmi")),
    ]  # fmt: skip
    out: list[dict[str, object]] = []
    for name, goal, call, rays in cases:
        times = timed(call)
        seconds = times["median_s"]
        some = 2 if name.startswith("fcmi") else len(poses)
        by_pose = timed(lambda rays=rays: rays(poses), budget=0.2)["median_s"] / some * n * n
        out.append(
            {
                "name": f"map {n}^2 x {beams}, {name}",
                **times,
                "ns_per_cell_beam": seconds / updates,
                "best_ns": times["best_s"] / updates,
                "target": goal,
                "ratio": by_pose / seconds,
                "note": "ratio: exact rays pose by pose",
            }
        )
    return out


def thread_row() -> dict[str, object]:
    """Two threads against one on the largest map."""
    grid, sensor = rooms(1000), RangeSensor(200, max_range=FAR)
    one, two = (timed(lambda k=k: mi_map(grid, sensor, n_threads=k)) for k in (1, 2))
    return {
        "name": "map 1000^2 x 200, sum, 2 threads",
        **two,
        "ns_per_cell_beam": two["median_s"] / 0.2,
        "best_ns": two["best_s"] / 0.2,
        "target": 1.7,
        "ratio": one["best_s"] / two["best_s"],
        "note": "target and ratio: times one thread, of the bests",
    }


def pose_rows() -> list[dict[str, object]]:
    """Scans of 60 beams up to 100 cells long: 2,000 poses on one map, tables included.

    A beam of 100 cells' length crosses up to 127 of them. `tol` is what a beam may leave out
    [bit], proved; the default, 1e-5, stops here at a reach of about 1e-4, as the prototype did.
    """
    grid, sensor = rooms(400), RangeSensor(60, max_range=100.0, sigma=1.0)
    floats = OccupancyGrid(grid.occupancy, 1.0)
    rng = np.random.default_rng(0)
    xy = rng.uniform(1, 399, (2000, 2))
    poses = np.column_stack((xy, np.zeros(len(xy))))
    turned = np.column_stack((xy, rng.uniform(-3, 3, len(xy))))
    cases: list[tuple[str, Callable[[], Any], str]] = [
        ("early stop", lambda: scan_mi(grid, poses, sensor), "tol 1e-5: off by 6e-4 bit at most"),
        ("early, tol 1e-4", lambda: scan_mi(grid, poses, sensor, tol=1e-4), "6e-3 bit at most"),
        ("to the end", lambda: scan_mi(grid, poses, sensor, tol=0.0), "tol 0"),
        ("float32 grid", lambda: scan_mi(floats, poses, sensor), "tol 1e-5"),
        ("a heading each", lambda: scan_mi(grid, turned, sensor), "tol 1e-5"),
        ("joint", lambda: scan_mi(grid, poses, sensor, joint=True), "each cell once"),
    ]
    out: list[dict[str, object]] = []
    to_the_end = timed(cases[2][1])["median_s"]
    for name, call, note in cases:
        times = timed(call)
        out.append(
            {
                "name": f"pose, 60 beams x 100 cells, {name}",
                **{key: value / len(poses) for key, value in times.items()},
                "target": 6e-6 if name == "early stop" else "",
                "ratio": to_the_end / times["median_s"],
                "note": f"seconds a pose of 2,000, Delta = 3; {note}; ratio: all beams to the end",
            }
        )
    return out


def first_call_row() -> dict[str, object]:
    """Import, first map and first scan in a new process whose numba cache is warm."""
    times = []
    for _ in range(4):
        run = [sys.executable, "-c", FIRST_CALL]
        times.append(float(subprocess.run(run, capture_output=True, text=True, check=True).stdout))
    return {
        "name": "first call, new process, warm cache",
        "median_s": statistics.median(times[1:]),
        "best_s": min(times[1:]),
        "target": 1.5,
        "note": "import, map and scan, seconds",
    }


def rows(argv: list[str] | None = None) -> list[dict[str, object]]:
    """All rows; no arguments."""
    if argv:
        raise SystemExit(f"fsmi_maps takes no arguments, got {argv}")
    out = [row for size in SIZES for row in map_rows(*size)]
    return [*out, thread_row(), *pose_rows(), first_call_row()]
