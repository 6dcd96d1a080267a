"""Information of a scan at chosen poses: beam by beam, or with each cell counted once.

The sum over beams counts a cell once for every beam that crosses it, so it grows with the number
of beams; in unknown space 60 beams claim ten times what the scan can tell. With `joint` each
cell counts once (a noise-free outcome is a function of the map)::

    I(M; scan) = sum_c P(c is seen by at least one beam) * g(o_c)

where g is what one update of the cell is expected to tell: o f_occ + (1 - o) f_emp with the
sensor's inverse model, the cell's binary entropy for `shannon`. P(seen) is at least the largest
reach of any beam through the cell: a lower bound, next to the truth inside a building, but a third
low where hundreds of beams cross open unknown space, because together they see what the best of
them may miss (docs/fsmi.md). `monte_carlo_mi` samples maps instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi._beams import Stop
from fsmi._beamwise import beamwise_sums
from fsmi._options import (
    JOINT_MEASURES,
    NOISY_MEASURES,
    check_measure,
    checked_options,
    largest_gain,
    shift_of,
    stopping_rest,
    unit_of,
)
from fsmi._scan import joint_sums, noise_width, sampled_sums, scan_sums
from fsmi.grid import ROS_TABLE, OccupancyGrid
from fsmi.measures.gain import gain_tables
from fsmi.measures.noise import SIGMAS
from fsmi.measures.registry import MEASURES
from fsmi.measures.shannon import shannon_tables
from fsmi.raycast import grid_poses
from fsmi.sensor import BeamModel, RangeSensor, planar
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class _View:
    """What the kernels need: the part of the map that the poses can see, in grid units."""

    poses: Array
    angles: Array
    length: float
    shape: tuple[int, int]
    cells: npt.NDArray[Any]
    table: Array


def _measure_table(cells: npt.NDArray[Any], sensor: RangeSensor, measure: str) -> Array:
    """Occupancy, gain of a hit and of a miss [nat]: a row a ROS code, or a row a cell."""
    values = ROS_TABLE if cells.dtype == np.int8 else cells
    if measure == "shannon":
        rows = shannon_tables(values.astype(np.float64))
    else:
        rows = gain_tables(values, sensor.delta_occ, sensor.delta_emp)
    return np.stack(rows, axis=-1)


def _view(grid: OccupancyGrid, poses: Array, sensor: RangeSensor, measure: str) -> _View:
    length = sensor.max_range / grid.resolution
    h, w = grid.shape
    low, top = np.zeros(2, dtype=int), np.ones(2, dtype=int)
    if len(poses):
        low = np.maximum(np.floor(poses[:, :2].min(axis=0) - length) - 1.0, 0.0).astype(int)
        top = np.minimum(np.ceil(poses[:, :2].max(axis=0) + length) + 1.0, (w, h)).astype(int)
    part = grid.cells[low[1] : top[1], low[0] : top[0]]
    cells = np.ascontiguousarray(part).ravel()
    moved = poses - np.array([low[0], low[1], 0.0])
    table = _measure_table(cells, sensor, measure)
    shape = (int(part.shape[0]), int(part.shape[1]))
    return _View(moved, sensor.angles(), length, shape, cells, table)


def _stop(sensor: RangeSensor, measure: str, view: _View, tol: float, sigma: float) -> Stop:
    """(tol, most, least, weight): a beam drops reach * max(most, least + weight * S)."""
    window = noise_width(sigma, math.sqrt(0.5), measure == "uniform_fsmi", SIGMAS)
    shift = shift_of(measure, sigma, window)
    rest = stopping_rest(sensor, measure, sum(view.shape) + 1, shift)
    if not sensor.count_no_hit:
        return tol, 0.0, rest, 1.0
    if window == 0:
        return tol, rest, 0.0, 0.0
    return tol, rest, shift * largest_gain(sensor.delta_emp), 1.0


def scan_sums_bounded(
    grid: OccupancyGrid, poses: Array, sensor: RangeSensor, measure: str, tol: float
) -> tuple[Array, Array]:
    """Sum over beams and the most that early stopping dropped from it [nat], each (P,)."""
    view = _view(grid, poses, sensor, measure)
    sigma = 0.0 if measure == "shannon" else sensor.sigma / grid.resolution
    stop = _stop(sensor, measure, view, tol, sigma)
    out, dropped = np.empty(len(poses)), np.empty(len(poses))
    scan_sums(
        view.poses, view.angles, view.length, view.shape, view.cells, view.table, stop,
        (sigma, measure == "uniform_fsmi", SIGMAS), sensor.count_no_hit, out, dropped,
    )  # fmt: skip
    return out, dropped


def joint_sums_bounded(
    grid: OccupancyGrid, poses: Array, sensor: RangeSensor, measure: str, tol: float, path: bool
) -> tuple[Array, Array]:
    """Each cell counted once, and the most that early stopping dropped [nat], each (P,)."""
    view = _view(grid, poses, sensor, measure)
    stop = _stop(sensor, measure, view, tol, 0.0)
    out, dropped = np.empty(len(poses)), np.empty(len(poses))
    joint_sums(
        view.poses, view.angles, view.length, view.shape, view.cells, view.table, stop,
        sensor.count_no_hit, path, out, dropped,
    )  # fmt: skip
    return out, dropped


@final
@dataclass(frozen=True)
class MonteCarloInformation:
    """Information of scans estimated over sampled maps.

    Attributes
    ----------
    value, standard_error : array (P,)
        Mean over the sampled maps and its standard error, in the units of `base`.
    total, total_error : float
        The same for the sum over the poses (along a path the errors are not independent).
    n_maps : int
        Number of maps sampled.
    """

    value: Array
    standard_error: Array
    total: float
    total_error: float
    n_maps: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain lists and numbers."""
        return {
            "value": self.value.tolist(),
            "standard_error": self.standard_error.tolist(),
            "total": self.total,
            "total_error": self.total_error,
            "n_maps": self.n_maps,
        }

    def __repr__(self) -> str:
        return (
            f"MonteCarloInformation(total {self.total:.4g} +- {self.total_error:.2g}"
            f" over {len(self.value)} poses, {self.n_maps} maps)"
        )


def monte_carlo_mi(
    grid: OccupancyGrid,
    poses: npt.ArrayLike,
    sensor: RangeSensor,
    *,
    measure: str = "approx_fsmi",
    path: bool = False,
    n_maps: int = 1000,
    base: float = 2,
    rng: np.random.Generator | int | None = None,
) -> MonteCarloInformation:
    """Information of noise-free scans with each cell counted once, by sampling maps.

    Unbiased; the reference for `scan_mi(joint=True)` and, with `path`, for `path_mi`.

    Parameters
    ----------
    grid, poses, sensor, measure, base
        As for `scan_mi`; a measure of `JOINT_MEASURES`.
    path : bool
        Count each cell once over all poses, in their order, instead of once a pose.
    n_maps : int
        Maps sampled.
    rng : Generator, int or None
        Randomness.
    """
    check_measure(measure, sensor, joint=True)
    if isinstance(n_maps, bool) or int(n_maps) != n_maps or n_maps < 2:
        raise ValueError(f"n_maps is {n_maps}; need a whole number of at least 2")
    unit = unit_of(base)
    view = _view(grid, grid_poses(grid, poses), sensor, measure)
    out = np.empty((int(n_maps), len(view.poses)))
    sampled_sums(
        view.poses, view.angles, view.length, view.shape, view.cells, view.table,
        sensor.count_no_hit, path, np.random.default_rng(rng), out,
    )  # fmt: skip
    out /= unit
    totals = out.sum(axis=1)
    root = math.sqrt(n_maps)
    return MonteCarloInformation(
        out.mean(axis=0),
        out.std(axis=0, ddof=1) / root,
        float(totals.mean()),
        float(totals.std(ddof=1)) / root,
        int(n_maps),
    )


def scan_mi(
    grid: OccupancyGrid | VoxelMap,
    poses: npt.ArrayLike,
    sensor: BeamModel,
    *,
    measure: str = "approx_fsmi",
    joint: bool = False,
    base: float = 2,
    tol: float = 1e-5,
) -> Array:
    """Information that a scan at each pose is expected to bring, (P,) [bit].

    Parameters
    ----------
    grid : OccupancyGrid or VoxelMap
        The map; cells are independent. For a VoxelMap see `fsmi.information3d.scan_mi_3d`, which
        takes `prior`, the occupancy of unknown voxels, too.
    poses : array (P, 3)
        x [m], y [m], theta [rad] in the map frame, inside the map. In a VoxelMap (P, 4): x, y, z,
        yaw, or (P, 7): x, y, z and a quaternion (x, y, z, w).
    sensor : RangeSensor
        Beams, range, noise and inverse sensor model; a `SpinningLidar` or `DepthCamera` in 3-D.
    measure : str
        What a beam's information is: any of `MEASURES` (of `JOINT_MEASURES` for `joint`).
        `approx_fsmi` and `uniform_fsmi` take the cells of a beam for equally long, their mean
        chord; `numerical`, `fsmi` and the `csqmi` pair keep the exact chords and take some 100 us
        a beam where `sigma` > 0. Without noise the first four are the same. `fcmi` is that of a
        2-D map, times the angle between beams [bit m rad].
    joint : bool
        False: the sum over beams, which counts a cell once for every beam. True: each cell once,
        at the best reach of any beam, a lower bound on the noise-free joint information (`sigma`
        is not used); `monte_carlo_mi` is its reference.
    base : float
        Base of the logarithm: 2 for bits, `math.e` for nats.
    tol : float
        Largest information [bit] that a beam may leave behind when it stops early; 0 traces
        every beam to its end. The sum is off by at most ``n_beams * tol`` (`fsmi._options` has the
        proof).

    Returns
    -------
    array (P,)
    """
    if isinstance(grid, VoxelMap):
        from fsmi.information3d import scan_mi_3d  # above this module: it is built on it

        return scan_mi_3d(grid, poses, sensor, measure=measure, joint=joint, base=base, tol=tol)
    sensor = planar(sensor)
    allowed = JOINT_MEASURES if joint else tuple(MEASURES)
    unit, nats = checked_options(measure, sensor, base, tol, joint=joint, allowed=allowed)
    checked = grid_poses(grid, poses)
    if joint:
        sums, _ = joint_sums_bounded(grid, checked, sensor, measure, nats, path=False)
    elif measure in (NOISY_MEASURES if sensor.sigma > 0.0 else JOINT_MEASURES):
        sums, _ = scan_sums_bounded(grid, checked, sensor, measure, nats)
    else:
        sums = beamwise_sums(grid, checked, sensor, measure)
    return sums / unit


def path_mi(
    grid: OccupancyGrid | VoxelMap,
    poses: npt.ArrayLike,
    sensor: BeamModel,
    *,
    measure: str = "approx_fsmi",
    base: float = 2,
    tol: float = 1e-5,
) -> Array:
    """Information added by the scan at each pose given the poses before it, (P,) [bit].

    Each cell counts once along the whole path, at the best reach of any beam so far, so the sum
    over the poses is a lower bound on the noise-free information of all scans together.
    Parameters as for `scan_mi`.
    """
    if isinstance(grid, VoxelMap):
        from fsmi.information3d import path_mi_3d  # above this module: it is built on it

        return path_mi_3d(grid, poses, sensor, measure=measure, base=base, tol=tol)
    sensor = planar(sensor)
    unit, nats = checked_options(measure, sensor, base, tol, joint=True)
    sums, _ = joint_sums_bounded(grid, grid_poses(grid, poses), sensor, measure, nats, path=True)
    return sums / unit
