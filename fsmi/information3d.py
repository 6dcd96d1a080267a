"""Information of scans on a `VoxelMap`: the 3-D side of `scan_mi` and `path_mi`.

The sum over beams runs on the tree's runs (FSMI-RLE); the joint form counts each voxel once at
the best reach of any beam. Definitions, the stopping rule and its proof stand in
`fsmi.information`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from fsmi._brickmap import brick_map
from fsmi._free_scan import SHARE, free_scans, run_table
from fsmi._options import checked_options, stopping_rest
from fsmi._runs import NO_STOP, Stop
from fsmi._scan import noise_width
from fsmi._scan3d import joint_sums_3d, scan_sums_3d
from fsmi.measures.gain import gain_tables
from fsmi.measures.noise import SIGMAS
from fsmi.measures.shannon import shannon_tables
from fsmi.raycast3d import box_of, room_for_runs, scaled_poses
from fsmi.sensor import BeamModel
from fsmi.sensor3d import beam_directions
from fsmi.surface import default_threads
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_BRICKS = 1 << 24  # of 512 voxels, in the range that poses see: 200 MB of indices


def code_table(voxels: VoxelMap, sensor: BeamModel, measure: str, prior: float) -> Array:
    """Occupancy, log(1 - occupancy), gains of a hit and of a miss [nat] of each code, (K, 4)."""
    key = ("table", sensor.delta_occ, sensor.delta_emp, measure == "shannon", prior)
    table: Array = voxels.cached(key, lambda: _code_table(voxels, sensor, measure, prior))
    return table


def _code_table(voxels: VoxelMap, sensor: BeamModel, measure: str, prior: float) -> Array:
    o = voxels.probabilities(prior)
    if measure == "shannon":
        _, hit, miss = shannon_tables(o)
    else:
        _, hit, miss = gain_tables(o, sensor.delta_occ, sensor.delta_emp)
    with np.errstate(divide="ignore"):
        return np.stack((o, np.log1p(-o), hit, miss), axis=-1)


def _run_table(voxels: VoxelMap, sensor: BeamModel, measure: str, prior: float) -> Array:
    key = ("runs", sensor.delta_occ, sensor.delta_emp, measure == "shannon", prior)
    table: Array = voxels.cached(
        key, lambda: run_table(_code_table(voxels, sensor, measure, prior))
    )
    return table


def _in_threads(work: Callable[[int, int], None], n: int, n_threads: int | None) -> None:
    """Call `work(first, last)` on parts of 0..n, one a thread (the kernels drop the GIL)."""
    threads = default_threads() if n_threads is None else n_threads
    threads = min(threads, max(1, n // 2))
    if threads == 1:
        work(0, n)
        return
    ends = [n * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, ends[:-1], ends[1:]))


def _stop(tol: float, rest: float, weight: float, extra: int) -> Stop:
    """What `trace_runs` takes."""
    return (tol, math.log(tol / rest), rest, weight, extra) if tol > 0.0 else NO_STOP


def scan_sums_bounded_3d(
    voxels: VoxelMap,
    poses: npt.ArrayLike,
    sensor: BeamModel,
    measure: str,
    tol: float,
    prior: float = 0.5,
    n_threads: int | None = None,
) -> tuple[Array, Array]:
    """Sum over beams and the most that early stopping dropped from it [nat], each (P,)."""
    starts, frames = scaled_poses(voxels, poses)
    sigma = 0.0 if measure == "shannon" else sensor.sigma / voxels.resolution
    noise = (sigma, measure == "uniform_fsmi", SIGMAS)
    length = sensor.max_range / voxels.resolution
    room = room_for_runs(voxels, length)
    # Along the space diagonal voxels are shortest: the widest window.
    window = int(noise_width(sigma, math.sqrt(1.0 / 3.0), noise[1], SIGMAS))
    weight = 0.0 if sensor.count_no_hit and sigma == 0.0 else 1.0
    rest = stopping_rest(sensor, measure, room, window)
    if sigma == 0.0:
        bricks = brick_map(voxels, len(starts) * sensor.n_beams)
        if bricks is not None:
            table = _run_table(voxels, sensor, measure, prior)
            rule = (tol if tol > 0.0 else -1.0, rest, weight)
            beams, box = beam_directions(sensor), box_of(voxels)
            n = -(-len(beams) // SHARE)
            sums = np.empty((len(starts) * n, 2))
            _in_threads(
                lambda first, last: free_scans(
                    bricks, starts, frames, beams, length, box, table, rule,
                    sensor.count_no_hit, first, last, sums,
                ),
                len(sums), n_threads,
            )  # fmt: skip
            found = sums.reshape(len(starts), n, 2).sum(axis=1)
            return found[:, 0], found[:, 1]
    stop = _stop(tol, rest, weight, window)
    out, dropped = np.empty(len(starts)), np.empty(len(starts))
    scan_sums_3d(
        voxels.tree, starts, frames, beam_directions(sensor), length, box_of(voxels),
        code_table(voxels, sensor, measure, prior), stop, noise, window, sensor.count_no_hit, room,
        out, dropped,
    )  # fmt: skip
    return out, dropped


def joint_sums_bounded_3d(
    voxels: VoxelMap,
    poses: npt.ArrayLike,
    sensor: BeamModel,
    measure: str,
    tol: float,
    prior: float = 0.5,
    *,
    path: bool,
) -> tuple[Array, Array]:
    """Each voxel counted once, and the most that early stopping dropped [nat], each (P,)."""
    starts, frames = scaled_poses(voxels, poses)
    length = sensor.max_range / voxels.resolution
    room = room_for_runs(voxels, length)
    weight = 0.0 if sensor.count_no_hit else 1.0
    rest = stopping_rest(sensor, measure, room, 0)
    stop = _stop(tol, rest, weight, 0)
    out, dropped = np.empty(len(starts)), np.empty(len(starts))
    joint_sums_3d(
        voxels.tree, starts, frames, beam_directions(sensor), length, box_of(voxels),
        code_table(voxels, sensor, measure, prior), stop, sensor.count_no_hit, path,
        brick_window(voxels, starts, length), room, out, dropped,
    )  # fmt: skip
    return out, dropped


def brick_window(voxels: VoxelMap, starts: Array, length: float) -> tuple[Ints, Ints]:
    """First voxel (on multiples of 8) and bricks along (x, y, z) of what rays can reach."""
    low, high = box_of(voxels)
    if len(starts):
        reach = min(length, float((high - low).max())) + 1.0
        low = np.maximum(low, np.floor(starts.min(axis=0) - reach).astype(np.int64))
        high = np.minimum(high, np.ceil(starts.max(axis=0) + reach).astype(np.int64))
    corner = low // 8 * 8
    size = (high - corner + 7) // 8
    if math.prod(size.tolist()) > MOST_BRICKS:
        raise ValueError(
            f"the poses and max_range span {' x '.join(str(8 * s) for s in size)} voxels; evaluate"
            " fewer poses at a time, use a shorter max_range or a coarser map"
        )
    return corner, size


def scan_mi_3d(
    voxels: VoxelMap,
    poses: npt.ArrayLike,
    sensor: BeamModel,
    *,
    measure: str = "approx_fsmi",
    joint: bool = False,
    base: float = 2,
    tol: float = 1e-5,
    prior: float = 0.5,
    n_threads: int | None = None,
) -> Array:
    """Information that a scan at each pose is expected to bring, (P,) [bit].

    Parameters
    ----------
    voxels : VoxelMap
        The map; voxels are independent.
    poses : array (P, 4) or (P, 7)
        x, y, z [m], yaw [rad]; or x, y, z, qx, qy, qz, qw. Inside the map.
    sensor : SpinningLidar, DepthCamera or RangeSensor
    prior : float
        Occupancy of unknown voxels.
    measure, joint, base, tol
        As for `scan_mi`.
    n_threads : int, optional
        Threads for the sum over noise-free beams; by default NUMBA_NUM_THREADS or one per core.
        The result does not depend on it.
    """
    unit, nats = checked_options(measure, sensor, base, tol, joint=joint)
    if joint:
        sums, _ = joint_sums_bounded_3d(voxels, poses, sensor, measure, nats, prior, path=False)
    else:
        if n_threads is not None and n_threads < 1:
            raise ValueError(f"n_threads is {n_threads}; need at least 1")
        sums, _ = scan_sums_bounded_3d(voxels, poses, sensor, measure, nats, prior, n_threads)
    return sums / unit


def path_mi_3d(
    voxels: VoxelMap,
    poses: npt.ArrayLike,
    sensor: BeamModel,
    *,
    measure: str = "approx_fsmi",
    base: float = 2,
    tol: float = 1e-5,
    prior: float = 0.5,
) -> Array:
    """Information added by the scan at each pose given the poses before it, (P,) [bit].

    Parameters as for `scan_mi_3d`.
    """
    unit, nats = checked_options(measure, sensor, base, tol, joint=True)
    sums, _ = joint_sums_bounded_3d(voxels, poses, sensor, measure, nats, prior, path=True)
    return sums / unit
