"""The information of a scan from every cell of a map at once: `mi_map`.

The sweep (fsmi-math section 3; no other implementation is published) replaces one ray per cell
and beam by one recursion per line and angle. It uses the digital lines of `fsmi._lines`, which
stay within half a cell of the ray from the cell's centre; `scan_mi` follows each ray exactly. A
digital line has fewer cells than a ray (90 for 128 at most angles) and slips through diagonal
walls, so the surfaces differ by several per cent while they rank cells alike.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._beamwise import angle_step
from fsmi._joint_sweep import joint_sweep
from fsmi._noisy_sweep import noisy_rim, noisy_sweep
from fsmi._strips import LANES, aligned_zeros, bordered, look_up
from fsmi._sweep import sweep
from fsmi.continuous import fcmi_map
from fsmi.grid import ROS_TABLE, OccupancyGrid
from fsmi.information import scan_mi
from fsmi.measures.gain import gain_tables
from fsmi.measures.noise import SIGMAS
from fsmi.measures.registry import MEASURES
from fsmi.measures.shannon import shannon_tables
from fsmi.sensor import RangeSensor

Map = npt.NDArray[Any]
Progress = Callable[[float, str], None]

SWEEP_MEASURES = ("fsmi", "approx_fsmi", "uniform_fsmi", "shannon", "fcmi")
VOID = (0.0, -1.0, 0.0)  # o, f, e of what lies outside: see fsmi._noisy_rows
EXACT_SIGMAS = 6.5  # mass beyond: 1e-10


def sweep_angles(
    cells: npt.NDArray[Any],
    angles: npt.NDArray[np.float64],
    sensor: RangeSensor,
    *,
    measure: str,
    joint: bool,
    resolution: float,
    dtype: npt.DTypeLike = np.float32,
    place: tuple[int, int, int, int] | None = None,
    n_threads: int = 1,
    progress: Progress | None = None,
) -> Map:
    """Sum over `angles` [rad, grid frame] of the information seen from every cell [nat], (H, W).

    `place` says where the cells lie in a larger map: (first row, first column, rows, columns).
    """
    h, w = cells.shape
    where = place or (0, 0, h, w)
    sigma = 0.0 if joint or measure == "shannon" else sensor.sigma / resolution
    length = sensor.max_range / resolution
    noise = (sigma, measure == "uniform_fsmi", EXACT_SIGMAS if measure == "fsmi" else SIGMAS)
    plain = sigma == 0.0 and sensor.count_no_hit
    rim = 0 if plain else noisy_rim(noise)
    layers = _layers(cells, sensor, measure, plain, np.dtype(dtype))
    void = (0.0, 0.0) if plain else VOID
    sides = (layers, tuple(layer.T for layer in layers))
    if n_threads > 1:
        with ThreadPoolExecutor(2) as pool:
            straight, turned = pool.map(lambda side: bordered(side, dtype, rim, void), sides)
    else:
        straight, turned = (bordered(side, dtype, rim, void) for side in sides)
    tables = straight, turned

    def work(part: npt.NDArray[np.float64]) -> Map:
        out = (
            aligned_zeros(tables[0].shape[1:], dtype), aligned_zeros(tables[1].shape[1:], dtype)
        )  # fmt: skip
        if joint:
            beams = angle_step(sensor), sensor.n_beams
            joint_sweep(part, length, where, beams, (h, w), tables, out)
        elif plain:
            sweep(part, length, where, (h, w), tables, out)
        else:
            end = 1.0 if sensor.count_no_hit else 0.0
            noisy_sweep(part, length, where, noise, end, rim, (h, w), tables, out)
        left = rim + LANES
        rows, columns = out[0][rim : rim + h, left:], out[1][rim : rim + w, left:]
        return np.asarray(rows[:, :w] + columns[:, :h].T)

    return _sum_parts(work, angles, n_threads, progress)


def _layers(
    cells: npt.NDArray[Any], sensor: RangeSensor, measure: str, plain: bool, dtype: np.dtype[Any]
) -> tuple[Map, ...]:
    """What the kernels read of every cell: gain and way through if `plain`, else o, f, e."""
    if cells.dtype == np.int8:  # look up the 102 codes
        table = np.zeros((2 if plain else 3, 256), dtype=dtype)
        table[:, np.arange(-1, 101)] = _layers(ROS_TABLE, sensor, measure, plain, dtype)
        out = np.empty((len(table), *cells.shape), dtype=dtype)
        for layer, values in zip(out, table, strict=True):
            look_up(cells.view(np.uint8), values, layer)
        return tuple(out)
    o, hit, miss = gain_tables(cells, sensor.delta_occ, sensor.delta_emp)
    if measure == "shannon":
        o, hit, miss = shannon_tables(o)
    return (o * hit + (1 - o) * miss, 1 - o) if plain else (o, hit, miss)


def _sum_parts(
    work: Callable[[npt.NDArray[np.float64]], Map],
    angles: npt.NDArray[np.float64],
    n_threads: int,
    progress: Progress | None,
) -> Map:
    """`work` summed over shares of the angles, one thread a share (the kernels drop the GIL)."""
    n_parts = n_threads if progress is None else max(n_threads, min(len(angles), 8 * n_threads))
    parts = [part for i in range(n_parts) if len(part := angles[i::n_parts])]
    if len(parts) == 1 and progress is None:
        return work(parts[0])
    total: Map | None = None
    pool = ThreadPoolExecutor(n_threads)
    try:
        for done, part in enumerate(pool.map(work, parts), start=1):
            if total is None:
                total = part
            else:
                total += part
            if progress is not None:
                progress(done / len(parts), f"information map: {done} of {len(parts)} angle groups")
    finally:  # an interrupt, or an exception of `progress`, also drops what has not begun
        pool.shutdown(cancel_futures=True)
    assert total is not None  # there is at least one angle
    return total


def default_threads() -> int:
    """Threads used when none are named: NUMBA_NUM_THREADS if set, else one per core."""
    named = os.environ.get("NUMBA_NUM_THREADS", "")
    return int(named) if named.isdecimal() and int(named) > 0 else (os.cpu_count() or 1)


def mi_map(
    grid: OccupancyGrid,
    sensor: RangeSensor,
    *,
    measure: str = "approx_fsmi",
    joint: bool = False,
    base: float = 2,
    method: str = "auto",
    mask: npt.ArrayLike | None = None,
    theta: float = 0.0,
    dtype: npt.DTypeLike = np.float32,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Map:
    """Information that a scan from the centre of each cell is expected to bring, (H, W) [bit].

    Parameters
    ----------
    grid : OccupancyGrid
        The map; int8 and float32 cells are read without a copy.
    sensor : RangeSensor
        Beams, range, noise and inverse sensor model.
    measure : str
        Any of `MEASURES`; those of `SWEEP_MEASURES` can be swept. `fcmi` is `fcmi_map` [bit m rad],
        which has more options.
    joint : bool
        False: the sum over beams. True: each cell about once, at the mean reach of the beams
        that cross it (see `fsmi._joint_sweep`; `scan_mi` takes the best reach); without noise.
    base : float
        Base of the logarithm: 2 for bits, `math.e` for nats.
    method : str
        "sweep": all cells at once along digital lines. "poses": `scan_mi` at each cell, exact
        rays, thousands of times slower. "auto": the sweep where there is one, else poses: for
        `numerical` and `csqmi`, for `fcmi` of a range that does not reach across the map, and for
        joint information without no-hits. A `mask` makes poses faster, not the sweep.
    mask : array (H, W) of bool, optional
        Cells wanted; the others become nan.
    theta : float
        Heading of the sensor [rad] in the map frame; matters if its field is not a full circle.
    dtype : float32 or float64
        Arithmetic and result.
    n_threads : int, optional
        Threads; by default NUMBA_NUM_THREADS or one per core. The sum over the threads may
        differ in its last digits from one thread's.
    progress : callable, optional
        Called with a fraction and a text, from the calling thread, between groups of angles (or
        poses). What it raises, and an interrupt, ends the computation there.

    Returns
    -------
    array (H, W)
        The sum over the beams [bit]; row 0 at the smallest y.
    """
    wanted = _checked_mask(mask, grid.shape)
    check_surface_options(base=base, theta=theta, dtype=dtype)
    threads = default_threads() if n_threads is None else n_threads
    if isinstance(threads, bool) or int(threads) != threads or threads < 1:
        raise ValueError(f"n_threads is {threads}; need a whole number of at least 1")
    if method not in ("auto", "sweep", "poses"):
        raise ValueError(f"method is {method!r}; one of auto, sweep, poses")
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; one of {', '.join(MEASURES)}")
    if method == "poses" or (method == "auto" and not _has_sweep(grid, sensor, measure, joint)):
        return _by_poses(grid, sensor, measure, joint, base, wanted, theta, dtype, progress)
    check_sweep(sensor, measure, joint)
    if measure == "fcmi":
        surface: Map = fcmi_map(grid, sensor, theta=theta, base=base).astype(dtype)
        return surface if wanted is None else np.where(wanted, surface, surface.dtype.type(np.nan))
    angles = sensor.angles() + (theta - grid.origin[2])
    out = sweep_angles(
        grid.cells, angles, sensor, measure=measure, joint=joint, resolution=grid.resolution,
        dtype=dtype, n_threads=int(threads), progress=progress,
    )  # fmt: skip
    out *= out.dtype.type(1.0 / math.log(base))
    if wanted is not None:
        out[~wanted] = np.nan
    return out


def check_surface_options(*, base: float, theta: float, dtype: npt.DTypeLike) -> None:
    """Raise ValueError unless these are what any surface needs."""
    if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype is {np.dtype(dtype)}; one of float32, float64")
    if not math.isfinite(theta):
        raise ValueError(f"theta is {theta}; need a finite angle [rad]")
    if not (math.isfinite(base) and base > 1.0):
        raise ValueError(f"base is {base}; need a number > 1 (2 for bits, math.e for nats)")


def _has_sweep(grid: OccupancyGrid, sensor: RangeSensor, measure: str, joint: bool) -> bool:
    """Whether the sweep computes this: what `check_sweep` and `fcmi_map` ask for."""
    if measure == "fcmi" and not joint:
        across = math.hypot(*grid.shape) * grid.resolution
        return sensor.count_no_hit and sensor.max_range >= across
    return measure in SWEEP_MEASURES and (sensor.count_no_hit or not joint)


def check_sweep(sensor: RangeSensor, measure: str, joint: bool) -> None:
    """Raise ValueError unless the sweep computes this."""
    if measure not in SWEEP_MEASURES:
        raise ValueError(
            f"measure is {measure!r}; the sweep computes {', '.join(SWEEP_MEASURES)}; others need"
            ' method="poses"'
        )
    if joint and measure == "fcmi":
        raise ValueError("fcmi counts overlap by the ground it covers; use joint=False")
    if joint and not sensor.count_no_hit:
        raise ValueError('the joint sweep counts no-hits; count_no_hit=False needs method="poses"')


def _checked_mask(
    mask: npt.ArrayLike | None, shape: tuple[int, int]
) -> npt.NDArray[np.bool_] | None:
    if mask is None:
        return None
    wanted = np.asarray(mask)
    if wanted.shape != shape or wanted.dtype != np.bool_:
        raise ValueError(
            f"mask has shape {wanted.shape} and dtype {wanted.dtype}; need bool of shape {shape}"
        )
    return wanted


def _by_poses(
    grid: OccupancyGrid,
    sensor: RangeSensor,
    measure: str,
    joint: bool,
    base: float,
    wanted: npt.NDArray[np.bool_] | None,
    theta: float,
    dtype: npt.DTypeLike,
    progress: Progress | None,
) -> Map:
    """`scan_mi` at the centre of every wanted cell, about a second of poses at a time."""
    out = np.full(grid.shape, np.nan, dtype=dtype)
    ij = np.argwhere(np.ones(grid.shape, dtype=np.bool_) if wanted is None else wanted)
    xy = grid.cell_to_world(ij)
    poses = np.column_stack((xy, np.full(len(xy), theta)))
    group = 512 if measure in SWEEP_MEASURES else 16
    for first in range(0, len(ij), group):
        part = slice(first, first + group)
        out[tuple(ij[part].T)] = scan_mi(
            grid, poses[part], sensor, measure=measure, joint=joint, base=base
        )
        if progress is not None:
            done = min(first + group, len(ij))
            progress(done / len(ij), f"information map: {done} of {len(ij)} poses")
    return out
