"""A scan into the grid: the log-odds update with exact traversal."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.grid import OccupancyGrid
from fsmi.raycast import grid_poses, trace
from fsmi.sensor import BeamModel, RangeSensor, planar
from fsmi.voxels import VoxelMap

# A return within this many cells of a cell's far edge belongs to the next cell: walls that lie
# exactly on cell edges must not flicker between two cells with the last bit of a range.
EDGE = 1e-6


@kernel
def mark_scan(
    marks: npt.NDArray[np.int8],
    u: float,
    v: float,
    angles: npt.NDArray[np.float64],
    ranges: npt.NDArray[np.float64],
    max_range: float,
) -> None:
    """Mark what one scan says of each cell: 1 crossed, 2 hit; a hit wins. All in cells.

    (u, v) is the origin (column, row) of the scan in the grid, angles are in the grid's frame. A
    finite range up to `max_range` ends in a hit, a longer one clears up to `max_range`; nan,
    -inf and 0 are skipped (REP-117, drivers that write 0 for "no reading").
    """
    h, w = marks.shape
    cells = marks.ravel()
    flat = np.empty(h + w + 2, dtype=np.uintp)
    edges = np.empty(h + w + 3)
    for b in range(angles.shape[0]):
        reading = ranges[b]
        if not reading > 0.0:
            continue
        hit = reading <= max_range
        length = reading + EDGE if hit else max_range
        n = trace(u, v, math.cos(angles[b]), math.sin(angles[b]), length, h, w, flat, edges)
        if n == 0:
            continue
        for m in range(n):
            if cells[flat[m]] == 0:
                cells[flat[m]] = 1
        # A beam that left the map stopped short of its length: its end is not in the map.
        if hit and edges[n] >= length:
            cells[flat[n - 1]] = 2


@kernel
def _multiply(
    occupancy: npt.NDArray[np.float32],
    marks: npt.NDArray[np.int8],
    miss: float,
    hit: float,
    low: float,
    high: float,
) -> None:
    """Multiply the odds of every marked cell and clamp the result to [low, high], in place."""
    for i in range(marks.shape[0]):
        for j in range(marks.shape[1]):
            if marks[i, j] == 0:
                continue
            p = min(max(float(occupancy[i, j]), low), high)
            odds = p / (1.0 - p) * (hit if marks[i, j] == 2 else miss)
            occupancy[i, j] = min(max(odds / (1.0 + odds), low), high)


def _checked_scan(
    ranges: npt.ArrayLike, sensor: RangeSensor, angles: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    readings = np.asarray(ranges, dtype=np.float64)
    if angles is None:
        if readings.shape != (sensor.n_beams,):
            raise ValueError(
                f"ranges have shape {readings.shape}; the sensor has {sensor.n_beams} beams"
                " (pass angles for a scan of another layout)"
            )
        directions = sensor.angles()
    else:
        directions = np.asarray(angles, dtype=np.float64)
        if readings.ndim != 1 or directions.shape != readings.shape:
            raise ValueError(
                f"ranges have shape {readings.shape} and angles {directions.shape}; need one angle"
                " a range, both (n,)"
            )
        if not np.isfinite(directions).all():
            raise ValueError("angles hold a value that is not finite; need radians")
    if (readings[np.isfinite(readings)] < 0.0).any():
        worst = float(np.nanmin(readings[np.isfinite(readings)]))
        raise ValueError(f"ranges hold {worst}; need metres of at least 0, inf or nan")
    return readings, directions


@overload
def update(
    grid: OccupancyGrid,
    pose: npt.ArrayLike,
    ranges: npt.ArrayLike,
    sensor: BeamModel,
    angles: npt.ArrayLike | None = None,
    *,
    limits: tuple[float, float] = ...,
) -> OccupancyGrid: ...


@overload
def update(
    grid: VoxelMap,
    pose: npt.ArrayLike,
    ranges: npt.ArrayLike,
    sensor: BeamModel,
    angles: npt.ArrayLike | None = None,
    *,
    limits: tuple[float, float] = ...,
) -> VoxelMap: ...


def update(
    grid: OccupancyGrid | VoxelMap,
    pose: npt.ArrayLike,
    ranges: npt.ArrayLike,
    sensor: BeamModel,
    angles: npt.ArrayLike | None = None,
    *,
    limits: tuple[float, float] = (0.03, 0.97),
) -> OccupancyGrid | VoxelMap:
    """The map after one scan: odds times `delta_occ` where it hit, `delta_emp` where it passed.

    Every cell is updated at most once a scan; a cell that one beam hits and another crosses
    counts as hit.

    Parameters
    ----------
    grid : OccupancyGrid or VoxelMap
        For a VoxelMap, 3-D scans and depth images see `fsmi.mapping3d.update_3d`.
    pose : (x, y, theta)
        Of the sensor in the map frame [m, m, rad]; (x, y, z, yaw) in a VoxelMap.
    ranges : array (n_beams,)
        [m]. inf or beyond ``max_range``: no return, clears up to ``max_range``; nan, -inf and 0:
        no valid reading, skipped (REP-117).
    sensor : RangeSensor
    angles : array (n,), optional
        Directions relative to the heading [rad], any order, for scans that are not laid out as
        ``sensor.angles()``.
    limits : (low, high)
        Updated probabilities are kept in this interval, so that a few readings can always change
        a cell. Beams that graze a wall cross its cells and clear them; with tighter limits it
        takes too many hits from nearby to bring the wall back before the robot touches it.

    Raises
    ------
    ValueError
        If the pose lies outside the map, a range is negative, or lengths do not match.
    """
    if isinstance(grid, VoxelMap):
        from fsmi.mapping3d import update_3d  # above this module: it shares its EDGE

        if angles is not None:
            raise TypeError("angles are for 2-D maps; update_3d takes directions (n, 3)")
        return update_3d(grid, pose, ranges, sensor, limits=limits, edge=EDGE)
    sensor = planar(sensor)
    if np.shape(pose) != (3,):
        raise ValueError(f"pose has shape {np.shape(pose)}; need (3,): x [m], y [m], theta [rad]")
    u, v, heading = grid_poses(grid, pose)[0]
    readings, directions = _checked_scan(ranges, sensor, angles)
    low, high = limits
    if not 0.0 < low < 0.5 < high < 1.0:
        raise ValueError(f"limits are {limits}; need 0 < low < 0.5 < high < 1")
    marks = np.zeros(grid.shape, dtype=np.int8)
    reach = sensor.max_range / grid.resolution
    mark_scan(marks, u, v, heading + directions, readings / grid.resolution, reach)
    occupancy = np.array(grid.occupancy)
    _multiply(occupancy, marks, sensor.delta_emp, sensor.delta_occ, low, high)
    return OccupancyGrid(occupancy, grid.resolution, grid.origin)
