"""What one update tells about one cell: the gain f(delta, r), and tables of it for whole grids."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.grid import ROS_TABLE

Array = npt.NDArray[np.float64]


@kernel
def cell_gain(delta: float, occupied: float, free: float) -> float:
    """Gain [nat] of multiplying a cell's odds by `delta`; `free` is 1 - `occupied`. Any kernel.

    Written in the smaller of the two probabilities (the gain is the same when occupied and free
    change places and delta becomes 1/delta), so that it keeps its relative accuracy next to
    certainty and needs no infinite odds.
    """
    if delta == 1.0:
        return 0.0
    if occupied <= free:
        p, factor = occupied, delta
    else:
        p, factor = free, 1.0 / delta
    grown = (factor - 1.0) * p
    gained = factor * p / (1.0 + grown) * math.log(factor) - math.log1p(grown)
    return max(gained, 0.0)


@kernel
def _gains(delta: float, occupied: Array, free: Array, out: Array) -> None:
    for i in range(out.size):
        out[i] = cell_gain(delta, occupied[i], free[i])


@kernel
def _tables(cells: npt.NDArray[np.floating], occ: float, emp: float, out: Array) -> None:
    for i in range(cells.size):
        o = float(cells[i])
        out[0, i] = o
        out[1, i] = cell_gain(occ, o, 1.0 - o)
        out[2, i] = cell_gain(emp, o, 1.0 - o)


@kernel
def _look_up(cells: npt.NDArray[np.int8], table: Array, out: Array) -> None:
    for i in range(cells.size):
        code = np.intp(cells[i]) + 1
        out[0, i] = table[0, code]
        out[1, i] = table[1, code]
        out[2, i] = table[2, code]


def gain(delta: float, odds: npt.ArrayLike) -> Array:
    """Information gain f(delta, r) [nat] of one update of cells with the given odds.

    Multiplying the odds r of a cell by `delta` moves its occupancy from o to o'; the gain is
    KL(o' || o) = ln((r + 1) / (r + 1/delta)) - ln(delta) / (r delta + 1) (Zhang et al. 2019,
    eq. 7), which is 0 for a cell known to be free (r = 0) or occupied (r = inf).

    Parameters
    ----------
    delta : float
        Factor on the odds, finite and > 0: above 1 for a hit, below 1 for a miss.
    odds : array_like
        r = o / (1 - o) of each cell, >= 0, inf allowed.

    Returns
    -------
    array
        The gain [nat] of each cell, the shape of `odds`, never negative.
    """
    if not (math.isfinite(delta) and delta > 0.0):
        raise ValueError(f"delta is {delta}; a factor on the odds must be finite and > 0")
    r = np.asarray(odds, dtype=np.float64)
    if not np.all(r >= 0.0):
        raise ValueError(f"odds hold {r[~(r >= 0.0)].flat[0]}; odds must be >= 0 (inf is allowed)")
    free = 1.0 / (1.0 + r)
    # r / (1 + r) without inf * 0; 1 - free would lose the small odds.
    occupied = np.where(r < 1.0, np.minimum(r, 1.0) * free, 1.0 - free)
    out = np.empty(r.size)
    _gains(float(delta), occupied.ravel(), free.ravel(), out)
    return out.reshape(r.shape)


@functools.lru_cache(maxsize=64)
def ros_table(delta_occ: float, delta_emp: float) -> Array:
    """Occupancy and both gains [nat] of every ROS code, (3, 102), column = code + 1; read-only."""
    table = np.empty((3, ROS_TABLE.size))
    _tables(ROS_TABLE, delta_occ, delta_emp, table)
    table.flags.writeable = False
    return table


def gain_tables(
    cells: npt.NDArray[np.int8] | npt.NDArray[np.float32] | npt.NDArray[np.float64],
    delta_occ: float,
    delta_emp: float,
) -> tuple[Array, Array, Array]:
    """Occupancy and both gains of every cell, ready for the kernels: (o, f_occ, f_emp).

    Parameters
    ----------
    cells : array, any shape
        int8 in ROS coding (-1 unknown, 0..100), or float32 / float64 probabilities. Not checked:
        `OccupancyGrid` and `beam_mi` have done so.
    delta_occ, delta_emp : float
        Inverse sensor model: factors on the odds of the cell that is hit and of those in front.

    Returns
    -------
    o, f_occ, f_emp : arrays, float64, the shape of `cells`
        Probability of being occupied, f(delta_occ, r) [nat], f(delta_emp, r) [nat]: three rows
        of one array of shape (3, \\*cells.shape).
    """
    out = np.empty((3, cells.size))
    flat: npt.NDArray[Any] = cells.ravel()
    if cells.dtype == np.int8:
        _look_up(flat, ros_table(float(delta_occ), float(delta_emp)), out)
    else:
        _tables(flat, float(delta_occ), float(delta_emp), out)
    o, f_occ, f_emp = out.reshape(3, *cells.shape)
    return o, f_occ, f_emp
