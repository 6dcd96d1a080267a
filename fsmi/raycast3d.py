"""Which leaves of a voxel map a ray crosses, as runs: homogeneous blocks are jumped over.

The voxels are those of a dense traversal with the conventions of `fsmi.raycast`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi._lattice import HALF
from fsmi._octree import DEPTH
from fsmi._runs import NO_STOP, Box, find_path, first_hits, room_for, trace_runs
from fsmi.sensor import BeamModel
from fsmi.sensor3d import beam_directions, pose_frames
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class Runs:
    """What one ray crosses: stretches of equal occupancy, nearest first.

    Attributes
    ----------
    occupancy : array (n,)
        Probability that a voxel of the run is occupied.
    cells : array (n,)
        Voxels crossed.
    edges : array (n + 1,)
        Distance [m] at which run m begins (`edges[m]`) and ends (`edges[m + 1]`).
    """

    occupancy: Array
    cells: Ints
    edges: Array

    @property
    def length(self) -> Array:
        """Metres of the ray in each run, (n,)."""
        return np.diff(self.edges)

    def __repr__(self) -> str:
        return f"Runs({len(self.cells)} runs, {self.cells.sum()} voxels, {self.edges[-1]:g} m)"


def scaled_poses(voxels: VoxelMap, poses: npt.ArrayLike) -> tuple[Array, Array]:
    """Positions in keys (P, 3) and frames (P, 3, 3) of poses inside the map."""
    positions, frames = pose_frames(poses)
    voxels.require_inside(positions)
    return positions * (1.0 / voxels.resolution) + HALF, frames


def box_of(voxels: VoxelMap) -> Box:
    """The box of a map as the kernels take it."""
    return np.array(voxels.low, dtype=np.int64), np.array(voxels.high, dtype=np.int64)


def room_for_runs(voxels: VoxelMap, length: float) -> int:
    """Most voxels that a ray of `length` [voxels] crosses in the box."""
    across = sum(voxels.shape) + 3
    return across if 3.0 * length + 6.0 >= across else int(3.0 * length) + 6


def occupancy_table(voxels: VoxelMap, prior: float) -> Array:
    """A table (K, 4) for `trace_runs` that holds occupancies only."""
    table = np.zeros((len(voxels.values), 4))
    table[:, 0] = voxels.probabilities(prior)
    return table


def cast_runs(
    voxels: VoxelMap,
    origin: npt.ArrayLike,
    direction: npt.ArrayLike,
    max_range: float = math.inf,
    *,
    prior: float = 0.5,
) -> Runs:
    """The runs that a ray crosses from `origin` (3,) [m] up to `max_range` [m] or the map's box.

    Parameters
    ----------
    direction : array (3,)
        Of any length but zero.
    prior : float
        Occupancy of unknown voxels.

    Raises
    ------
    ValueError
        If the origin lies outside the map, or the direction is zero or not finite.
    """
    ray = np.asarray(direction, dtype=np.float64)
    norm = float(np.linalg.norm(ray)) if ray.shape == (3,) else math.nan
    if not (math.isfinite(norm) and norm > 0.0):
        raise ValueError(f"direction is {ray.tolist()}; need three finite numbers, not all zero")
    if not max_range > 0.0:
        raise ValueError(f"max_range is {max_range}; need a positive number of metres")
    point = np.asarray(origin, dtype=np.float64)
    if point.shape != (3,):
        raise ValueError(f"origin has shape {point.shape}; need (3,): x, y, z [m]")
    starts, _ = scaled_poses(voxels, np.append(point, 0.0))
    length = max_range / voxels.resolution
    table = occupancy_table(voxels, prior)
    home, path = np.empty(DEPTH + 4, dtype=np.int64), np.empty(DEPTH + 4, dtype=np.int64)
    find_path(voxels.tree, starts[0], home)
    runs = room_for(1, room_for_runs(voxels, length))
    number, codes, counts, edges, _ = runs
    trace_runs(
        voxels.tree, home, starts[0], ray[None] / norm, length, box_of(voxels), table, NO_STOP,
        path, runs,
    )  # fmt: skip
    n = int(number[0])
    return Runs(table[codes[0, :n], 0], counts[0, :n].copy(), edges[0, : n + 1] * voxels.resolution)


def simulate_ranges_3d(
    voxels: VoxelMap,
    poses: npt.ArrayLike,
    sensor: BeamModel,
    *,
    threshold: float = 0.5,
) -> Array:
    """Noise-free ranges [m] of a sensor in a known world, (P, n_beams); inf for no return.

    Voxels with an occupancy above `threshold` are solid, unknown ones are not.
    """
    starts, frames = scaled_poses(voxels, poses)
    rays = beam_directions(sensor)
    out = np.empty((len(starts), len(rays)))
    table = occupancy_table(voxels, 0.0)
    table[table[:, 0] > threshold, 1] = -np.inf
    length = sensor.max_range / voxels.resolution
    first_hits(
        voxels.tree, starts, frames, rays, length, box_of(voxels), table,
        room_for_runs(voxels, length), threshold, out,
    )  # fmt: skip
    return out * voxels.resolution
