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
from fsmi._strips import LANES, aligned_zeros, bordered
from fsmi._sweep import sweep
from fsmi.continuous import fcmi_map
from fsmi.grid import OccupancyGrid
from fsmi.information import scan_mi
from fsmi.measures.gain import gain_tables
from fsmi.measures.noise import SIGMAS
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
    o, hit, miss = gain_tables(cells, sensor.delta_occ, sensor.delta_emp)
    if measure == "shannon":
        o, hit, miss = shannon_tables(o)
    plain = sigma == 0.0 and sensor.count_no_hit
    rim = 0 if plain else noisy_rim(noise)
    layers: tuple[Map, ...] = (o * hit + (1 - o) * miss, 1 - o) if plain else (o, hit, miss)
    void = (0.0, 0.0) if plain else VOID
    tables = (
        bordered(layers, dtype, rim, void),
        bordered(tuple(t.T for t in layers), dtype, rim, void),
    )

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
        straight, turned = (
            out[0][rim : rim + h, left : left + w],
            out[1][rim : rim + w, left : left + h],
        )
        return np.asarray(straight + turned.T)

    return _sum_parts(work, angles, n_threads, progress)


def _sum_parts(
    work: Callable[[npt.NDArray[np.float64]], Map],
    angles: npt.NDArray[np.float64],
    n_threads: int,
    progress: Progress | None,
) -> Map:
    """`work` summed over shares of the angles, one thread a share (the kernels drop the GIL)."""
    n_parts = n_threads if progress is None else max(n_threads, min(len(angles), 8 * n_threads))
    parts = [part for i in range(n_parts) if len(part := angles[i::n_parts])]
    if len(parts) == 1:
        return work(parts[0])
    with ThreadPoolExecutor(n_threads) as pool:
        total: Map | None = None
        for done, part in enumerate(pool.map(work, parts), start=1):
            if total is None:
                total = part
            else:
                total += part
            if progress is not None:
                progress(done / len(parts), f"information map: {done} of {len(parts)} angle groups")
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
    method: str = "sweep",
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
        One of `SWEEP_MEASURES` for the sweep, any measure of `scan_mi` for poses. `fcmi` is
        `fcmi_map` [bit m rad], which has more options.
    joint : bool
        False: the sum over beams. True: each cell about once, at the mean reach of the beams
        that cross it (see `fsmi._joint_sweep`; `scan_mi` takes the best reach); without noise.
    base : float
        Base of the logarithm: 2 for bits, `math.e` for nats.
    method : str
        "sweep": all cells at once along digital lines. "poses": `scan_mi` at each cell, exact
        rays, thousands of times slower.
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
        Called with a fraction and a text.

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
    if method == "poses":
        return _by_poses(grid, sensor, measure, joint, base, wanted, theta, dtype, progress)
    if method != "sweep":
        raise ValueError(f"method is {method!r}; one of sweep, poses")
    check_sweep(sensor, measure, joint)
    if measure == "fcmi":
        if joint:
            raise ValueError("fcmi counts overlap by the ground it covers; use joint=False")
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


def check_sweep(sensor: RangeSensor, measure: str, joint: bool) -> None:
    """Raise ValueError unless the sweep computes this."""
    if measure not in SWEEP_MEASURES:
        raise ValueError(
            f"measure is {measure!r}; the sweep computes {', '.join(SWEEP_MEASURES)}; others need"
            ' method="poses"'
        )
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
    """`scan_mi` at the centre of every wanted cell, a few hundred poses at a time."""
    out = np.full(grid.shape, np.nan, dtype=dtype)
    ij = np.argwhere(np.ones(grid.shape, dtype=np.bool_) if wanted is None else wanted)
    xy = grid.cell_to_world(ij)
    poses = np.column_stack((xy, np.full(len(xy), theta)))
    for first in range(0, len(ij), 512):
        part = slice(first, first + 512)
        out[tuple(ij[part].T)] = scan_mi(
            grid, poses[part], sensor, measure=measure, joint=joint, base=base
        )
        if progress is not None:
            done = min(first + 512, len(ij))
            progress(done / len(ij), f"information map: {done} of {len(ij)} poses")
    return out
