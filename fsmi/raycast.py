"""Which cells a ray crosses, and how far along it: exact grid traversal in 2-D and 3-D.

Kernels work in grid units: a cell is 1 wide, cell (i, j) spans [j, j+1) x [i, i+1), coordinates
are (column, row). Two conventions decide the borderline cases:

* A ray that starts on a boundary starts in the cell that it moves into.
* A ray through a corner passes to the cell diagonally across; it does not visit the two cells
  that it only touches. Crossings closer than `TIE` count as one. `simulate_ranges` alone lets the
  two touched cells stop the ray if both are occupied: there is no gap to look through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.grid import OccupancyGrid
from fsmi.sensor import RangeSensor

Array = npt.NDArray[np.float64]
Flat = npt.NDArray[np.uintp]

TIE = 1e-9  # [cells]; rounding over 1000 crossings stays below 1e-10
FLAT = 1e-12  # direction cosines below this are 0: cos(pi / 2) is 6e-17


@kernel
def start_axis(position: float, direction: float) -> tuple[int, int, float, float]:
    """First cell, step, distance to the first boundary and between boundaries, along one axis."""
    cell = math.floor(position)
    if abs(direction) < FLAT:
        return cell, 0, math.inf, math.inf
    spacing = 1.0 / abs(direction)
    if direction > 0.0:
        ahead, step = cell + 1.0 - position, 1
    else:
        ahead, step = position - cell, -1
    if ahead * spacing <= TIE:
        cell += step
        ahead += 1.0
    return cell, step, ahead * spacing, spacing


@kernel
def cells_left(cell: int, step: int, size: int) -> int:
    """Cells still ahead along one axis before the ray leaves the map."""
    if step > 0:
        return size - 1 - cell
    if step < 0:
        return cell
    return size  # never counted down


@kernel
def trace(
    x: float,
    y: float,
    dx: float,
    dy: float,
    length: float,
    height: int,
    width: int,
    flat: Flat,
    edges: Array,
) -> int:
    """Fill the flat cell indices and the n + 1 boundary distances of a 2-D ray; return n.

    `flat` needs height + width + 2 places, `edges` one more. All lengths in cells. A cell counts
    if the ray enters it before `length`; its far edge may lie beyond.
    """
    j, step_j, t_j, gap_j = start_axis(x, dx)
    i, step_i, t_i, gap_i = start_axis(y, dy)
    edges[0] = 0.0
    if i < 0 or j < 0 or i >= height or j >= width:
        return 0
    left_i, left_j = cells_left(i, step_i, height), cells_left(j, step_j, width)
    at = i * width + j
    jump_i, jump_j = step_i * width, step_j
    n = 0
    while True:
        flat[n] = np.uintp(at)
        n += 1
        t = min(t_i, t_j)
        edges[n] = t
        if t >= length - TIE:
            return n
        if t_j <= t + TIE:
            left_j -= 1
            at += jump_j
            t_j += gap_j
        if t_i <= t + TIE:
            left_i -= 1
            at += jump_i
            t_i += gap_i
        if left_i < 0 or left_j < 0:
            return n


@kernel
def trace_3d(
    origin: Array,
    direction: Array,
    length: float,
    shape: npt.NDArray[np.int64],
    flat: Flat,
    edges: Array,
) -> int:
    """`trace` in a dense array (depth, height, width); origin and direction as (x, y, z)."""
    k, step_k, t_k, gap_k = start_axis(origin[2], direction[2])
    i, step_i, t_i, gap_i = start_axis(origin[1], direction[1])
    j, step_j, t_j, gap_j = start_axis(origin[0], direction[0])
    depth, height, width = shape[0], shape[1], shape[2]
    edges[0] = 0.0
    if k < 0 or i < 0 or j < 0 or k >= depth or i >= height or j >= width:
        return 0
    left_k, left_i = cells_left(k, step_k, depth), cells_left(i, step_i, height)
    left_j = cells_left(j, step_j, width)
    at = (k * height + i) * width + j
    jump_k, jump_i, jump_j = step_k * height * width, step_i * width, step_j
    n = 0
    while True:
        flat[n] = np.uintp(at)
        n += 1
        t = min(t_i, t_j, t_k)
        edges[n] = t
        if t >= length - TIE:
            return n
        if t_j <= t + TIE:
            left_j -= 1
            at += jump_j
            t_j += gap_j
        if t_i <= t + TIE:
            left_i -= 1
            at += jump_i
            t_i += gap_i
        if t_k <= t + TIE:
            left_k -= 1
            at += jump_k
            t_k += gap_k
        if left_k < 0 or left_i < 0 or left_j < 0:
            return n


@kernel
def _expected(
    poses: Array, angles: Array, length: float, occupancy: npt.NDArray[Any], out: Array
) -> None:
    height, width = occupancy.shape
    o = occupancy.ravel()
    flat = np.empty(height + width + 2, dtype=np.uintp)
    edges = np.empty(height + width + 3)
    for p in range(poses.shape[0]):
        for b in range(angles.size):
            a = poses[p, 2] + angles[b]
            n = trace(
                poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, height, width,
                flat, edges,
            )  # fmt: skip
            reach, total = 1.0, 0.0
            for m in range(n):
                occupied = float(o[flat[m]])
                total += reach * occupied * edges[m]
                reach *= 1.0 - occupied
            out[p, b] = total + reach * length


@kernel
def _hits(
    poses: Array, angles: Array, length: float, occupied: npt.NDArray[np.bool_], out: Array
) -> None:
    height, width = occupied.shape
    solid = occupied.ravel()
    flat = np.empty(height + width + 2, dtype=np.uintp)
    edges = np.empty(height + width + 3)
    w = np.uintp(width)
    for p in range(poses.shape[0]):
        for b in range(angles.size):
            a = poses[p, 2] + angles[b]
            n = trace(
                poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, height, width,
                flat, edges,
            )  # fmt: skip
            out[p, b] = math.inf
            for m in range(n):
                at = flat[m]
                if m > 0:
                    before = flat[m - 1]
                    side = before // w * w + at % w  # same row as before, same column as now
                    other = at // w * w + before % w
                    if side != at and side != before and solid[side] and solid[other]:
                        out[p, b] = edges[m]
                        break
                if solid[at]:
                    out[p, b] = edges[m]
                    break


@final
@dataclass(frozen=True)
class Ray:
    """The cells that one ray crosses.

    Attributes
    ----------
    cells : array (n, 2) or (n, 3)
        Row and column of each cell (layer, row, column in 3-D), nearest first.
    edges : array (n + 1,)
        Distance [m] at which the ray enters cell m (`edges[m]`) and leaves it (`edges[m + 1]`).
    """

    cells: npt.NDArray[np.intp]
    edges: Array

    def __repr__(self) -> str:
        return f"Ray({len(self.cells)} cells, {self.edges[-1]:g} m)"


def grid_poses(grid: OccupancyGrid, poses: npt.ArrayLike) -> Array:
    """`poses` (P, 3) [m, m, rad] checked and moved to grid units: (column, row, heading); (P, 3).

    Raises
    ------
    ValueError
        If the shape is not (P, 3) or (3,), or a pose is not finite or lies outside the map.
    """
    given = np.asarray(poses, dtype=np.float64)
    array = given[None, :] if given.ndim == 1 else given
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"poses have shape {given.shape}; need (P, 3): x [m], y [m], theta [rad]")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise ValueError(f"pose {array[~finite][0].tolist()} is not finite")
    inside = grid.contains(array[:, :2])
    if not inside.all():
        x0, y0, x1, y1 = grid.bounds
        raise ValueError(
            f"pose {array[~inside][0].tolist()} lies outside the map, which spans x"
            f" {x0:g}..{x1:g} m, y {y0:g}..{y1:g} m"
        )
    out = np.empty(array.shape)
    out[:, :2] = grid.world_to_grid(array[:, :2])
    out[:, 2] = array[:, 2] - grid.origin[2]
    return out


def traverse(grid: OccupancyGrid, pose: npt.ArrayLike, max_range: float = math.inf) -> Ray:
    """The cells that a ray from `pose` (x, y, theta) [m, m, rad] crosses up to `max_range` [m].

    Exact traversal (Amanatides & Woo 1987): every cell with a chord of positive length, once, up
    to the edge of the map.
    """
    if not max_range > 0.0:
        raise ValueError(f"max_range is {max_range}; need a positive number of metres")
    (x, y, theta), *rest = grid_poses(grid, pose)
    if rest:
        raise ValueError(f"traverse takes one pose (3,); got {len(rest) + 1}")
    height, width = grid.shape
    flat = np.empty(height + width + 2, dtype=np.uintp)
    edges = np.empty(height + width + 3)
    n = trace(
        x, y, math.cos(theta), math.sin(theta), max_range / grid.resolution, height, width,
        flat, edges,
    )  # fmt: skip
    cells = np.stack(np.divmod(flat[:n].astype(np.intp), width), axis=-1)
    return Ray(cells, np.minimum(edges[: n + 1] * grid.resolution, max_range))


def traverse_3d(
    shape: tuple[int, int, int],
    start: npt.ArrayLike,
    direction: npt.ArrayLike,
    max_range: float = math.inf,
    *,
    resolution: float = 1.0,
) -> Ray:
    """The cells of a dense 3-D array that a ray crosses up to `max_range` [m].

    Parameters
    ----------
    shape : (layers, rows, columns)
        Shape of the array; its corner lies at the origin.
    start, direction : array (3,)
        (x, y, z) of the start [m], inside the array, and the direction, of any length > 0.
    max_range, resolution : float
        Range and side of a cell [m].
    """
    size = np.asarray(shape, dtype=np.int64)
    if size.shape != (3,) or (size < 1).any():
        raise ValueError(f"shape is {shape}; need three numbers of cells of at least 1")
    if not max_range > 0.0:
        raise ValueError(f"max_range is {max_range}; need a positive number of metres")
    if not (math.isfinite(resolution) and resolution > 0.0):
        raise ValueError(f"resolution is {resolution}; need a positive number of metres a cell")
    origin = np.asarray(start, dtype=np.float64) / resolution
    along = np.asarray(direction, dtype=np.float64)
    norm = float(np.linalg.norm(along)) if along.shape == (3,) else math.nan
    if not (math.isfinite(norm) and norm > 0.0):
        raise ValueError(f"direction is {along.tolist()}; need (dx, dy, dz), not all 0")
    if origin.shape != (3,) or not ((origin >= 0.0) & (origin < size[::-1])).all():
        raise ValueError(
            f"start is {np.asarray(start).tolist()}; need (x, y, z) inside the array, which spans"
            f" 0..{(size[::-1] * resolution).tolist()} m"
        )
    flat = np.empty(int(size.sum()) + 3, dtype=np.uintp)
    edges = np.empty(flat.size + 1)
    n = trace_3d(origin, along / norm, max_range / resolution, size, flat, edges)
    cells = np.stack(np.unravel_index(flat[:n].astype(np.intp), tuple(size)), axis=-1)
    return Ray(cells, np.minimum(edges[: n + 1] * resolution, max_range))


def expected_ranges(grid: OccupancyGrid, poses: npt.ArrayLike, sensor: RangeSensor) -> Array:
    """Expected range [m] of each beam at each pose, (P, n_beams), without noise.

    A range is the distance to where the beam enters its first occupied cell, or the sensor's
    `max_range` if there is none.
    """
    checked = grid_poses(grid, poses)
    out = np.empty((len(checked), sensor.n_beams))
    length = sensor.max_range / grid.resolution
    _expected(checked, sensor.angles(), length, np.ascontiguousarray(grid.occupancy), out)
    return out * grid.resolution


def simulate_ranges(
    grid: OccupancyGrid,
    poses: npt.ArrayLike,
    sensor: RangeSensor,
    *,
    angles: npt.ArrayLike | None = None,
    threshold: float = 0.5,
) -> Array:
    """Noise-free ranges [m] of a sensor in a known world, (P, n_beams); inf for no return.

    Parameters
    ----------
    grid : OccupancyGrid
        The world: cells with an occupancy above `threshold` are solid.
    poses : array (P, 3)
        x [m], y [m], theta [rad].
    sensor : RangeSensor
        Its directions and `max_range`; its `sigma` is not applied.
    angles : array (n_beams,), optional
        Directions relative to the heading [rad] in place of the sensor's.
    """
    checked = grid_poses(grid, poses)
    directions = sensor.angles() if angles is None else np.asarray(angles, dtype=np.float64)
    if directions.ndim != 1 or not np.isfinite(directions).all():
        raise ValueError(f"angles have shape {directions.shape}; need finite numbers (n_beams,)")
    out = np.empty((len(checked), directions.size))
    solid = np.ascontiguousarray(grid.occupancy > threshold)
    _hits(checked, directions, sensor.max_range / grid.resolution, solid, out)
    return out * grid.resolution
