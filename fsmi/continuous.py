"""FCMI of a whole map: the information of a continuous occupancy field, and conditioning on views.

Henderson, Sze and Karaman (2020); the quantity of one beam is `fsmi.measures.fcmi`. With the
no-hit outcome counted E_0 = 1, and the recursion over the cells of a line, for a 2-D map, is

    E_1 <- p E_1 + (p w + h_1)
    J_0 <- q J_0 + u ln(Lambda / l) h_0
    J_1 <- q (J_1 + w J_0) + u p x E_1 + u (1 + ln(Lambda / l)) h_1,     x = l w,  p = exp(-x)

with six coefficients a cell and step width w. Angles that are mirror images have the same w, so
the coefficients are made once for up to eight of them. u is the share of a cell's information
that is still to be had after the views taken so far. q = u p is the published lower bound: a
measured cell also takes away what lies behind it. q = p only takes its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._beamwise import angle_step
from fsmi._jit import disjoint, fused, kernel
from fsmi._lines import Ints, fill_lines, major_axis
from fsmi.grid import OccupancyGrid
from fsmi.measures.beam import check_base
from fsmi.measures.fcmi import incomplete_gammas, stopping_rates
from fsmi.raycast import grid_poses, trace
from fsmi.sensor import RangeSensor

Array = npt.NDArray[np.float64]

BOUNDS = ("lower", "upper")
MAX_RATE = 1e9  # Lambda [1/cell], as published


@kernel
def coefficients(rates: Array, log_ratios: Array, width: float, out: Array) -> None:
    """p, p x, h_0 term, h_1 term and p w + h_1 of cells, (5, n), for steps of `width` [m]."""
    for i in range(rates.size):
        x = rates[i] * width
        p = math.exp(-x)
        h0, h1 = 0.0, 0.0
        if x > 0.0:
            h0, h1, _ = incomplete_gammas(x, p)
            h1 /= rates[i]
        out[0, i] = p
        out[1, i] = p * x
        out[2, i] = log_ratios[i] * h0
        out[3, i] = (1.0 + log_ratios[i]) * h1
        out[4, i] = p * width + h1


@fused
def spread(table: Array, codes: npt.NDArray[Any], unseen: Array, through: bool, out: Array) -> None:
    """The six coefficients of every cell, (6, h, w'), from those of the distinct values."""
    h, w = codes.shape
    for i in range(h):
        for j in range(w):
            code, u = np.uintp(codes[i, j]), unseen[i, j]
            p = table[0, code]
            out[0, i, j] = p
            out[1, i, j] = p if through else u * p
            out[2, i, j] = u * table[1, code]
            out[3, i, j] = u * table[2, code]
            out[4, i, j] = u * table[3, code]
            out[5, i, j] = table[4, code]


@disjoint
def fcmi_lines(
    p: Array, q: Array, c: Array, a: Array, b: Array, d: Array, n: int, w: int, rows: Ints,
    shift: Ints, width: float, e1: Array, j0: Array, j1: Array, out: Array,
) -> None:  # fmt: skip
    """Add J_1 of one angle to `out`; tables flat (n, w), states (w + n) of zeros."""
    base = max(shift[0], shift[n - 1])
    for r in range(n - 1, -1, -1):
        row, line = np.uintp(rows[r]), np.uintp(base - shift[r])
        for j in range(np.uintp(w)):
            at, k = row + j, line + j
            told = q[at] * (j1[k] + width * j0[k]) + c[at] * e1[k] + b[at]
            j1[k] = told
            j0[k] = q[at] * j0[k] + a[at]
            e1[k] = p[at] * e1[k] + d[at]
            out[at] += told


@fused
def fcmi_angles(
    angles: Array, along_x: bool, resolution: float, coefficient: Array, out: Array
) -> None:
    """Add the angles of one major axis; all have the same step width."""
    _, n, w = coefficient.shape
    rows, shift = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    states = np.empty((3, w + n))
    t = coefficient
    for angle in angles:
        x, major, minor = major_axis(angle)
        if x != along_x:
            continue
        fill_lines(major, minor, n, w, 0, n, rows, shift)
        states[:] = 0.0
        fcmi_lines(
            t[0].ravel(), t[1].ravel(), t[2].ravel(), t[3].ravel(), t[4].ravel(), t[5].ravel(),
            n, w, rows, shift, resolution / abs(major), states[0], states[1], states[2],
            out.ravel(),
        )  # fmt: skip


@kernel
def view_weights(
    pose: Array, angles: Array, length: float, o: Array, height: int, width: int, seen: Array,
    crossed: Array,
) -> None:  # fmt: skip
    """Add to `crossed` the ground that each beam stands for in a cell, to `seen` what is seen."""
    flat = np.empty(height + width + 2, dtype=np.uintp)
    edges = np.empty(height + width + 3)
    for angle in angles:
        a = pose[2] + angle
        n = trace(pose[0], pose[1], math.cos(a), math.sin(a), length, height, width, flat, edges)
        reach = 1.0
        for k in range(n):
            at = flat[k]
            far = min(edges[k + 1], length)
            ground = 0.5 * (far * far - edges[k] * edges[k])
            crossed[at] += ground
            seen[at] += ground * reach
            # What leaves a cell: 1 - o is about crossing one cell side.
            reach *= (1.0 - o[at]) ** (far - edges[k])


def _codes(grid: OccupancyGrid) -> tuple[Array, npt.NDArray[Any]]:
    """Distinct occupancies and the index of each cell's, (H, W)."""
    if grid.cells.dtype == np.int8:
        table = np.concatenate(([0.5], np.arange(101) / 100))
        return table, grid.cells + np.int16(1)
    values, index = np.unique(grid.occupancy, return_inverse=True)
    return values.astype(np.float64), index.reshape(grid.shape).astype(np.int32)


def checked_unseen(unseen: npt.ArrayLike | None, shape: tuple[int, int]) -> Array:
    """`unseen` as float64 (H, W) with values in [0, 1]; all ones if None."""
    if unseen is None:
        return np.ones(shape)
    array = np.asarray(unseen, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"unseen has shape {array.shape}; the map has {shape}")
    if not ((array >= 0.0) & (array <= 1.0)).all():
        raise ValueError("unseen must lie in [0, 1]: 1 nothing measured yet, 0 all measured")
    return array


def condition_on_view(
    grid: OccupancyGrid,
    pose: npt.ArrayLike,
    sensor: RangeSensor,
    *,
    unseen: npt.ArrayLike | None = None,
) -> Array:
    """Share of each cell's information left after one more view, (H, W) in [0, 1].

    A cell that the beams cross is measured with the probability that they get there, averaged
    over the ground that each beam stands for in it (its piece of the annulus, proportional to
    the difference of squared distances); the smaller of that and `unseen` stays. Cells that no
    beam crosses stay as they are.

    The published program has the same rule but for its weights. It weighs a piece by the distance
    at which its beam enters the cell, here by the ground itself. It takes the weighted sum of what
    stays for its share, which needs beams so dense that their pieces add up to the cell, and turns
    a cell that no beam crosses, behind the sensor too, into a measured one; here the sum is
    divided by the ground that the beams do cover.

    Parameters
    ----------
    grid, sensor
        As for `fcmi_map`; here the range and the field of view of the sensor do count.
    pose : (x, y, theta)
        The view taken [m, m, rad].
    unseen : array (H, W), optional
        Shares before the view; 1 everywhere if None.
    """
    before = checked_unseen(unseen, grid.shape)
    at, *rest = grid_poses(grid, pose)
    if rest:
        raise ValueError(f"condition_on_view takes one pose (3,); got {len(rest) + 1}")
    h, w = grid.shape
    seen, crossed = np.zeros(h * w), np.zeros(h * w)
    o = grid.occupancy.astype(np.float64).ravel()
    view_weights(at, sensor.angles(), sensor.max_range / grid.resolution, o, h, w, seen, crossed)
    share = np.divide(seen, crossed, out=np.zeros(h * w), where=crossed > 0.0)
    return np.minimum(before, np.clip(1.0 - share.reshape(h, w), 0.0, 1.0))


def fcmi_map(
    grid: OccupancyGrid,
    sensor: RangeSensor,
    *,
    unseen: npt.ArrayLike | None = None,
    bound: str = "lower",
    max_rate: float = MAX_RATE,
    theta: float = 0.0,
    base: float = 2,
) -> Array:
    """FCMI of a scan from every cell, float64 (H, W) [bit m rad]; only its ranking means much.

    Noise-free, of unlimited range, as published; the deltas and `sigma` of the sensor play no
    part. Differs from the published program in the lines: digital lines through the cell centres
    here, one exact ray per row of entry points there.

    Parameters
    ----------
    grid : OccupancyGrid
        The map; int8 cells are fastest (at most 102 distinct values).
    sensor : RangeSensor
        Its directions; `max_range` must reach across the map, `count_no_hit` be True.
    unseen : array (H, W), optional
        Share of each cell's information still to be had (`condition_on_view`).
    bound : str
        What a measured cell takes away: "lower" (published) also what lies behind it, "upper"
        only its own.
    max_rate : float
        Lambda, the rate of a certain wall [1/cell]; 1e9.
    theta, base
        As for `mi_map`.
    """
    if bound not in BOUNDS:
        raise ValueError(f"bound is {bound!r}; one of {', '.join(BOUNDS)}")
    if not (math.isfinite(max_rate) and max_rate > 0.0):
        raise ValueError(f"max_rate is {max_rate}; need a positive number")
    if not math.isfinite(theta):
        raise ValueError(f"theta is {theta}; need a finite angle [rad]")
    unit = check_base(base)
    h, w = grid.shape
    across = math.hypot(h, w) * grid.resolution
    if sensor.max_range < across:
        raise ValueError(
            f"max_range is {sensor.max_range} m; the FCMI map has no range limit and needs at"
            f' least the {across:g} m across the map (mi_map with method="poses" has one)'
        )
    if not sensor.count_no_hit:
        raise ValueError('the FCMI map counts no-hits; count_no_hit=False needs method="poses"')
    share = checked_unseen(unseen, grid.shape)
    values, codes = _codes(grid)
    rates, log_ratios = stopping_rates(values, grid.resolution, max_rate / grid.resolution)
    angles = sensor.angles() + (theta - grid.origin[2])
    majors = np.round(np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles))), 12)
    table = np.empty((5, values.size))
    total = np.zeros((h, w)), np.zeros((w, h))
    sides = [(codes, share), (np.ascontiguousarray(codes.T), np.ascontiguousarray(share.T))]
    tables = np.empty((6, h, w)), np.empty((6, w, h))
    for major in np.unique(majors):
        group = angles[majors == major]
        coefficients(rates, log_ratios, grid.resolution / major, table)
        along = np.array([major_axis(angle)[0] for angle in group])
        for turn in np.unique(along):
            spread(table, *sides[int(turn)], bound == "upper", tables[int(turn)])
            fcmi_angles(group, bool(turn), grid.resolution, tables[int(turn)], total[int(turn)])
    return np.asarray((total[0] + total[1].T) * (angle_step(sensor) / unit))
