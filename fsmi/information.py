"""Information of a scan at chosen poses: beam by beam, or with each cell counted once.

The sum over beams counts a cell once for every beam that crosses it, so it grows with the number
of beams; in unknown space 60 beams claim ten times what the scan can tell. With `joint` each
cell counts once (a noise-free outcome is a function of the map)::

    I(M; scan) = sum_c P(c is seen by at least one beam) * g(o_c)

where g is what one update of the cell is expected to tell: o f_occ + (1 - o) f_emp with the
sensor's inverse model, the cell's binary entropy for `shannon`. P(seen) is at least the largest
reach of any beam through the cell (a lower bound, one to a few per cent low); `monte_carlo`
samples maps instead.

Early stop
----------
A beam ends where what lies behind can add at most `tol`. What lies behind a point reached with
probability Q, over cells with expected gains g = o f_occ + (1 - o) f_emp, is
``Q sum_c reach_c g_c <= Q K sum_c reach_c o_c <= Q K`` for any K >= g / o, because the first hits
are exclusive. A KL divergence is at most the chi-square one, so f_occ <= (d - 1)^2 / (4 d) with
d = delta_occ, also f_occ <= ln d, and (1 - o) f_emp / o <= (1 - delta_emp)^2: K is the sum of the
two. For `shannon` the first hit among n cells has at most ln(n + 1) nats. Noise moves a reading
at most Delta cells, which adds at most Delta max f_emp; where a report may be lost (noise off the
beam, uncounted no-hits) the gain S of the cells in front is at stake too: Q (K + S).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi._beamwise import beamwise_sums
from fsmi._scan import joint_sums, noise_width, sampled_sums, scan_sums
from fsmi.grid import OccupancyGrid
from fsmi.measures.gain import gain_tables
from fsmi.measures.noise import SIGMAS
from fsmi.measures.registry import MEASURES
from fsmi.raycast import grid_poses
from fsmi.sensor import BeamModel, RangeSensor, planar
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]

EXPECTED_GAIN = ("numerical", "fsmi", "approx_fsmi", "uniform_fsmi")
JOINT_MEASURES = (*EXPECTED_GAIN, "shannon")
NOISY_MEASURES = ("approx_fsmi", "uniform_fsmi", "shannon")  # with fast kernels for noise


def shannon_tables(o: Array) -> tuple[Array, Array, Array]:
    """Tables with which the expected gain of a noise-free beam is the entropy of its first hit.

    The gain of the outcome "first hit in j" is then -ln P(e_j) = -ln o_j - sum ln(1 - o_i).
    """
    with np.errstate(divide="ignore"):
        hit, miss = -np.log(o), -np.log1p(-o)
    # The gain of an event that can't happen is never used; 0 keeps 0 * inf out of the sums.
    hit[o <= 0.0] = 0.0
    miss[o >= 1.0] = 0.0
    return o, hit, miss


def measure_tables(
    cells: npt.NDArray[Any], sensor: RangeSensor, measure: str
) -> tuple[Array, Array, Array]:
    """Occupancy, gain of a hit and of a miss [nat] whose expectation is the measure."""
    o, hit, miss = gain_tables(cells, sensor.delta_occ, sensor.delta_emp)
    return shannon_tables(o) if measure == "shannon" else (o, hit, miss)


@final
@dataclass(frozen=True)
class _View:
    """What the kernels need: the part of the map that the poses can see, in grid units."""

    poses: Array
    angles: Array
    length: float
    shape: tuple[int, int]
    table: Array


def _view(grid: OccupancyGrid, poses: Array, sensor: RangeSensor, measure: str) -> _View:
    length = sensor.max_range / grid.resolution
    h, w = grid.shape
    if len(poses) == 0:
        return _View(poses, sensor.angles(), length, (1, 1), np.zeros((1, 3)))
    low = np.maximum(np.floor(poses[:, :2].min(axis=0) - length) - 1.0, 0.0).astype(int)
    top = np.minimum(np.ceil(poses[:, :2].max(axis=0) + length) + 1.0, (w, h)).astype(int)
    cells = np.ascontiguousarray(grid.cells[low[1] : top[1], low[0] : top[0]])
    table = np.stack([t.ravel() for t in measure_tables(cells, sensor, measure)], axis=-1)
    moved = poses - np.array([low[0], low[1], 0.0])
    shape = (int(cells.shape[0]), int(cells.shape[1]))
    return _View(moved, sensor.angles(), length, shape, table)


def stopping_rest(sensor: BeamModel, measure: str, cells: int, window: int) -> float:
    """K of the stopping rule [nat], proved at the top of the module.

    `cells` is the largest number of cells of a ray, `window` the noise's half width.
    """
    if measure == "shannon":
        return math.log(cells + 1.0)
    hit, miss = sensor.delta_occ, sensor.delta_emp
    most_hit = min(math.log(hit), (hit - 1.0) ** 2 / (4.0 * hit))
    most_miss = min(-math.log(miss), (1.0 - miss) ** 2 / (4.0 * miss))
    return most_hit + (1.0 - miss) ** 2 + window * most_miss


def scan_sums_bounded(
    grid: OccupancyGrid, poses: Array, sensor: RangeSensor, measure: str, tol: float
) -> tuple[Array, Array]:
    """Sum over beams and the most that early stopping dropped from it [nat], each (P,)."""
    view = _view(grid, poses, sensor, measure)
    sigma = 0.0 if measure == "shannon" else sensor.sigma / grid.resolution
    noise = (sigma, measure == "uniform_fsmi", SIGMAS)
    window = noise_width(sigma, math.sqrt(0.5), noise[1], SIGMAS)
    # A report can be lost to noise, or when no-hits are not counted.
    weight = 0.0 if sensor.count_no_hit and sigma == 0.0 else 1.0
    stop = tol, stopping_rest(sensor, measure, sum(view.shape) + 1, window), weight
    out, dropped = np.empty(len(poses)), np.empty(len(poses))
    scan_sums(
        view.poses, view.angles, view.length, view.shape, view.table, stop, noise,
        sensor.count_no_hit, out, dropped,
    )  # fmt: skip
    return out, dropped


def joint_sums_bounded(
    grid: OccupancyGrid, poses: Array, sensor: RangeSensor, measure: str, tol: float, path: bool
) -> tuple[Array, Array]:
    """Each cell counted once, and the most that early stopping dropped [nat], each (P,)."""
    view = _view(grid, poses, sensor, measure)
    weight = 0.0 if sensor.count_no_hit else 1.0
    stop = tol, stopping_rest(sensor, measure, sum(view.shape) + 1, 0), weight
    out, dropped = np.empty(len(poses)), np.empty(len(poses))
    joint_sums(
        view.poses, view.angles, view.length, view.shape, view.table, stop, sensor.count_no_hit,
        path, out, dropped,
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
    _check_measure(measure, sensor, joint=True)
    if isinstance(n_maps, bool) or int(n_maps) != n_maps or n_maps < 2:
        raise ValueError(f"n_maps is {n_maps}; need a whole number of at least 2")
    unit = _unit(base)
    view = _view(grid, grid_poses(grid, poses), sensor, measure)
    out = np.empty((int(n_maps), len(view.poses)))
    sampled_sums(
        view.poses, view.angles, view.length, view.shape, view.table, sensor.count_no_hit, path,
        np.random.default_rng(rng), out,
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


def _unit(base: float) -> float:
    if not (math.isfinite(base) and base > 1.0):
        raise ValueError(f"base is {base}; need a number > 1 (2 for bits, math.e for nats)")
    return math.log(base)


def _check_measure(
    measure: str, sensor: BeamModel, *, joint: bool, allowed: tuple[str, ...] | None = None
) -> None:
    noisy = not joint and sensor.sigma > 0.0
    if allowed is None:
        allowed = NOISY_MEASURES if noisy else JOINT_MEASURES
    if measure not in allowed:
        raise ValueError(f"measure is {measure!r}; one of {', '.join(allowed)}")
    if joint and measure == "shannon" and not sensor.count_no_hit:
        raise ValueError(
            "joint shannon information is the entropy of the whole outcome, no returns included;"
            " use a sensor with count_no_hit=True"
        )


def checked_options(
    measure: str,
    sensor: BeamModel,
    base: float,
    tol: float,
    *,
    joint: bool,
    allowed: tuple[str, ...] | None = None,
) -> tuple[float, float]:
    """Nats in one unit of `base`, and `tol` [bit] in nats; ValueError for what is not allowed.

    `allowed` names the measures; by default those with fast kernels.
    """
    _check_measure(measure, sensor, joint=joint, allowed=allowed)
    if not (math.isfinite(tol) and tol >= 0.0):
        raise ValueError(f"tol is {tol}; need a finite number of bits of at least 0")
    return _unit(base), tol * math.log(2.0)


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
        every beam to its end. The sum is off by at most ``n_beams * tol`` (proof above).

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
