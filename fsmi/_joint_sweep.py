"""The whole map at once with each cell counted about once.

Neighbouring beams of angle step dtheta are k dtheta / cos(phi)^2 columns apart k rows on, phi
being their angle to the major axis. Each has one cell in that row, so a cell is crossed by about
cos(phi)^2 / (k dtheta) of them. Weighting what a beam learns k steps on with
``min(1, slope k)``, slope = dtheta / cos(phi)^2, counts the cell once, at the mean reach of its
beams; the cell of the sensor itself gets 1 / n_beams from each. Near cells (weight below 1) are
one window of the line, whose k-weighted sum has the recursion W = B (W' + I'); the far ones are a
plain sweep from the end of the window.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused
from fsmi._lines import Ints, fill_shift, major_axis, steps_in_range
from fsmi._noisy_sweep import flat_row, overlap
from fsmi._sweep import unlimited_lines, windowed_lines

Table = npt.NDArray[Any]


@fused
def near_lines(
    a: Table, b: Table, n: int, w: int, down: bool, shift: Ints, slope: Any, own: Any, near: int,
    far: Table, out: Table,
) -> None:  # fmt: skip
    """Add to `out` the first `near` cells weighted `slope` k (the own cell: `own`), and `far`.

    `far` is the plain sum from each cell on, (n, w) flat like the tables.
    """
    base = max(shift[0], shift[n - 1])
    lines = w + abs(shift[n - 1] - shift[0])
    one = a.dtype.type(1)
    weighted, plain = np.zeros(lines, dtype=a.dtype), np.zeros(lines, dtype=a.dtype)
    reach = np.ones(lines, dtype=a.dtype)
    ahead_w = np.zeros(near * w, dtype=a.dtype)  # beyond the block: weighted from its edge
    ahead_i = np.zeros(near * w, dtype=a.dtype)  # and what each further step of it adds
    for start in range((n - 1) // near * near, -1, -near):
        weighted[:] = 0.0
        plain[:] = 0.0
        reach[:] = one
        for r in range(min(start + near, n) - 1, start - 1, -1):
            row = np.uintp(flat_row(r, 0, n, w, down))
            line, rest = np.uintp(base - shift[r]), np.uintp((r - start) * w)
            steps = a.dtype.type(start + near - r)
            for j in range(np.uintp(w)):
                free, k = b[row + j], line + j
                weighted[k] = free * (weighted[k] + plain[k])
                plain[k] = a[row + j] + free * plain[k]
                reach[k] *= free
                behind = ahead_w[rest + j] + steps * ahead_i[rest + j]
                out[row + j] += own * a[row + j] + slope * weighted[k] + reach[k] * behind
        if start == 0:
            break
        weighted[:] = 0.0
        plain[:] = 0.0
        reach[:] = one
        for i in range(near):
            r, origin = start + i, start - near + i
            line, first = np.uintp(base - shift[origin]), np.uintp(i * w)
            for j in range(np.uintp(w)):
                ahead_w[first + j] = slope * weighted[line + j]
                ahead_i[first + j] = slope * plain[line + j]
            if r >= n:  # past the map
                continue
            d = shift[r] - shift[origin]
            lo, hi = overlap(w, d)
            there = flat_row(r, d, n, w, down)
            for j in range(lo, hi if far.size else lo):  # empty: the range ends with the window
                ahead_w[first + j] += reach[line + j] * far[np.uintp(there + np.intp(j))]
            row, line = np.uintp(flat_row(r, 0, n, w, down)), np.uintp(base - shift[r])
            step = a.dtype.type(i)
            for j in range(np.uintp(w)):
                gain = reach[line + j] * a[row + j]
                weighted[line + j] += step * gain
                plain[line + j] += gain
                reach[line + j] *= b[row + j]


@fused
def joint_lines(
    table: Table, n: int, w: int, major: float, shift: Ints, length: float,
    beams: tuple[float, int], out: Table,
) -> None:  # fmt: skip
    """One angle on one orientation of the tables; `beams` is (angle step [rad], number)."""
    a, b = table[0].ravel(), table[1].ravel()
    down, steps = major < 0.0, min(steps_in_range(length, major), n)
    slope = beams[0] / (major * major)
    near = min(steps, math.floor(1.0 / slope + 1e-9) + 1)
    far = np.zeros(n * w if near < steps else 0, dtype=a.dtype)
    if near < steps:
        if steps < n:
            windowed_lines(a, b, n, w, down, shift, steps - near, far)
        else:
            unlimited_lines(a, b, n, w, down, shift, far)
    own = a.dtype.type(1.0 / beams[1])
    near_lines(a, b, n, w, down, shift, a.dtype.type(slope), own, near, far, out)


@fused
def joint_sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    beams: tuple[float, int],
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the weighted information of every angle to `out`; arguments as in `fsmi._sweep.sweep`."""
    top, left, rows, columns = place
    _, h, w = tables[0].shape
    shift = np.empty(max(h, w), dtype=np.int64)
    for angle in angles:
        along_x, major, minor = major_axis(angle)
        if along_x:
            fill_shift(major, minor, w, left, columns, shift)
            joint_lines(tables[1], w, h, major, shift[:w], length, beams, out[1].ravel())
        else:
            fill_shift(major, minor, h, top, rows, shift)
            joint_lines(tables[0], h, w, major, shift[:h], length, beams, out[0].ravel())
