"""Casting rays against the one peer that pip installs, raycast2D (C, one thread).

No package of an index computes FSMI, CSQMI or FCMI. raycast2D finds where rays end in a known map,
which is a part of the work of a scan's information: same map, same poses, same directions and
range. It walks Bresenham lines to cell centres, `simulate_ranges` the exact cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.fsmi_maps import rooms, timed
from fsmi import RangeSensor, scan_mi, simulate_ranges

CELLS, BEAMS, POSES = 100, 360, 200


def rows(argv: list[str] | None = None) -> list[dict[str, object]]:
    """Microseconds a pose of 360 rays of up to 100 cells; no arguments."""
    if argv:
        raise SystemExit(f"fsmi_peers takes no arguments, got {argv}")
    grid, sensor = rooms(400), RangeSensor(BEAMS, max_range=float(CELLS))
    solid = grid.occupancy > 0.5
    free = np.argwhere(~solid)
    ij = free[np.random.default_rng(0).permutation(len(free))[:POSES]]
    poses = np.column_stack((grid.cell_to_world(ij), np.zeros(POSES)))
    cases: list[tuple[str, Callable[[], Any], str]] = [
        ("simulate_ranges", lambda: simulate_ranges(grid, poses, sensor), "exact cells, one call"),
        ("scan_mi shannon, for scale", lambda: scan_mi(grid, poses, sensor, measure="shannon"),
         "the information, one call"),
    ]  # fmt: skip
    try:
        from raycast2D import Lidar2D

        lidar = Lidar2D(num_rays=BEAMS, FOV=360, ray_length=CELLS)
        lidar.set_map(np.where(solid, 0, 255).astype(np.uint8))
        at = [(int(j), int(i), 0.0) for i, j in ij]
        cases.append(
            ("raycast2D", lambda: [lidar.scan(pose) for pose in at], "Bresenham, a call a pose")
        )
    except ImportError:
        print("raycast2D is not here: pip install raycast2D")
    out: list[dict[str, object]] = []
    for name, call, note in cases:
        times = timed(call)
        out.append(
            {
                "name": f"rays: {name}",
                "us_per_pose": times["median_s"] / POSES * 1e6,
                "best_us": times["best_s"] / POSES * 1e6,
                "ns_per_ray": times["median_s"] / POSES / BEAMS * 1e9,
                "note": note,
            }
        )
    ours = float(str(out[0]["us_per_pose"]))
    for row in out:
        row["ratio"] = float(str(row["us_per_pose"])) / ours if ours else math.nan
    return out
