"""Flights through generated worlds: how far to 90, 95 and 99 % of what can be seen, and to the end.

Each world is flown twice, with the default `min_rate` and with none, which flies on for the last
crumbs. `--quick`: one house and one cave.
"""

from __future__ import annotations

import math
from typing import Any

from fsmi import SpinningLidar, VoxelMap
from fsmi.planning.explorer3d import Explorer3D
from fsmi.sim.coverage3d import Coverage3D
from fsmi.sim.flight import FlightResult, SimulatedFlyer, explore_3d
from fsmi.sim.worlds3d import WORLDS_3D

RESOLUTION, RADIUS = 0.15, 0.2  # [m]
SHARES = (0.90, 0.95, 0.99)
WORLDS = (
    ("rooms3d", 1),
    ("tunnels", 2),
    ("rooms3d", 2),
    ("rooms3d", 3),
    ("tunnels", 1),
    ("tunnels", 3),
)


def fly(kind: str, seed: int, min_rate: float) -> FlightResult:
    steep = math.radians(60.0)
    sensor = SpinningLidar(
        48, 250, elevation=(-steep, steep), max_range=8.0, sigma=0.02, delta_occ=20.0, delta_emp=0.3
    )
    world = WORLDS_3D[kind](seed, resolution=0.5 * RESOLUTION)
    return explore_3d(
        SimulatedFlyer(world, sensor, radius=RADIUS, rng=0),
        VoxelMap.unknown(world.voxels.bounds, RESOLUTION),
        Explorer3D(sensor, robot_radius=RADIUS, min_rate=min_rate, rng=0),
        coverage=Coverage3D(world, sensor, RESOLUTION, robot_radius=RADIUS),
        max_steps=200,
    )


def row(kind: str, seed: int, min_rate: float) -> dict[str, Any]:
    result = fly(kind, seed, min_rate)
    first = {
        share: next((s["travelled"] for s in result.steps if s["coverage"] >= share), math.nan)
        for share in SHARES
    }
    return {
        "world": f"{kind}:{seed}",
        "min_rate": min_rate,
        "status": result.status,
        **{f"m_to_{100 * share:.0f}": metres for share, metres in first.items()},
        "m_in_all": result.path_length,
        "coverage": result.coverage,
        "collisions": result.collisions,
        "plan_ms": result.plan_milliseconds()[0],
    }


def rows(argv: list[str] | None = None) -> list[dict[str, Any]]:
    """All rows; see the module."""
    if argv not in (None, [], ["--quick"]):
        raise SystemExit(f"flights takes --quick or nothing, got {argv}")
    worlds = WORLDS[:2] if argv else WORLDS
    return [row(kind, seed, rate) for kind, seed in worlds for rate in (0.0, 0.01)]
