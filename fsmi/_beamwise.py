"""Information of poses beam by beam, through `fsmi.measures`: any registered measure, slowly.

Cells keep the exact lengths that the beam runs in them. The fast kernels of `fsmi._scan` cover
the measures of which a planner needs thousands a second; the rest come here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.measures.beam import Beam
from fsmi.measures.registry import MEASURES
from fsmi.raycast import trace
from fsmi.sensor import RangeSensor

Array = npt.NDArray[np.float64]


def angle_step(sensor: RangeSensor) -> float:
    """Angle between neighbouring beams [rad]; a single beam has all round to itself."""
    if sensor.n_beams == 1:
        return 2.0 * math.pi
    angles = sensor.angles()
    return float(angles[1] - angles[0])


def beamwise_sums(grid: OccupancyGrid, poses: Array, sensor: RangeSensor, measure: str) -> Array:
    """Sum over the beams at each pose (grid units) of one of `MEASURES` [nat], (P,).

    `fcmi` is that of a 2-D map, times the angle between beams [nat m rad].
    """
    height, width = grid.shape
    o = grid.occupancy.astype(np.float64).ravel()
    flat = np.empty(height + width + 2, dtype=np.uintp)
    edges = np.empty(height + width + 3)
    length = sensor.max_range / grid.resolution
    options: dict[str, Any] = {}
    weight = 1.0
    if measure == "fcmi":
        options = {"dimension": 2, "resolution": grid.resolution}
        weight = angle_step(sensor)
    out = np.zeros(len(poses))
    for p, (x, y, theta) in enumerate(poses):
        for angle in theta + sensor.angles():
            n = trace(x, y, math.cos(angle), math.sin(angle), length, height, width, flat, edges)
            if n == 0:
                continue
            beam = Beam(
                o[flat[:n]],
                edges[: n + 1] * grid.resolution,
                None,
                sensor.sigma,
                sensor.delta_occ,
                sensor.delta_emp,
                sensor.count_no_hit,
            )
            out[p] += weight * MEASURES[measure](beam, **options)
    return out
