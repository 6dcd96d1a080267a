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

from fsmi._jit import disjoint, fused
from fsmi._lines import Ints, fill_lines, major_axis, steps_in_range
from fsmi._sweep import windowed_lines

Table = npt.NDArray[Any]


@disjoint
def near_lines(
    a: Table, b: Table, n: int, w: int, rows: Ints, shift: Ints, slope: Any, own: Any, near: int,
    beyond: bool, stream: bool, far: Table, states: Table, ahead: Table, out: Table,
) -> None:  # fmt: skip
    """Add to `out` the first `near` cells weighted `slope` k (the own cell: `own`), and the rest.

    `far` (n, w) is the plain sum from each cell on, what counts `beyond` the near ones; with
    `stream` it is computed on the way (unlimited range). Van Herk blocks as in `windowed_lines`;
    scratch `states` 4 (w + n), `ahead` 2 near w.
    """
    base, lines = max(shift[0], shift[n - 1]), w + n
    weighted, plain = states[:lines], states[lines : 2 * lines]
    reach, total = states[2 * lines : 3 * lines], states[3 * lines : 4 * lines]
    total[:] = 0.0
    # Of the next block, seen from its edge: weighted from there, and what each step more adds.
    ahead_w, ahead_i = ahead[: near * w], ahead[near * w : 2 * near * w]
    ahead[: 2 * near * w] = 0.0
    slots = np.arange(near) * w
    for start in range((n - 1) // near * near, -1, -near):
        weighted[:] = 0.0
        plain[:] = 0.0
        reach[:] = 1.0
        for r in range(min(start + near, n) - 1, start - 1, -1):
            row, line = np.uintp(rows[r]), np.uintp(base - shift[r])
            slot, steps = np.uintp(slots[r - start]), a.dtype.type(start + near - r)
            for j in range(np.uintp(w)):
                free, k = b[row + j], line + j
                weighted[k] = free * (weighted[k] + plain[k])
                plain[k] = a[row + j] + free * plain[k]
                reach[k] *= free
                behind = ahead_w[slot + j] + steps * ahead_i[slot + j]
                out[row + j] += own * a[row + j] + slope * weighted[k] + reach[k] * behind
            if stream:
                for j in range(np.uintp(w)):
                    value = a[row + j] + b[row + j] * total[line + j]
                    total[line + j] = value
                    far[row + j] = value
        if start == 0:
            break
        weighted[:] = 0.0
        plain[:] = 0.0
        reach[:] = 1.0
        for i in range(near):
            r, origin = start + i, start - near + i
            line, slot = np.uintp(base - shift[origin]), np.uintp(slots[i])
            d = shift[r] - shift[origin] if r < n else 0
            first = min(max(0, -d), w) if beyond and r < n else w
            lo, hi = np.uintp(first), np.uintp(max(first, min(w, w - d)))
            there = rows[r] + d if r < n else 0
            for j in range(lo):
                ahead_w[slot + j] = slope * weighted[line + j]
                ahead_i[slot + j] = slope * plain[line + j]
            for j in range(lo, hi):
                rest = reach[line + j] * far[np.uintp(there + np.intp(j))]
                ahead_w[slot + j] = slope * weighted[line + j] + rest
                ahead_i[slot + j] = slope * plain[line + j]
            for j in range(hi, np.uintp(w)):
                ahead_w[slot + j] = slope * weighted[line + j]
                ahead_i[slot + j] = slope * plain[line + j]
            if r >= n:  # past the map
                continue
            row, line = np.uintp(rows[r]), np.uintp(base - shift[r])
            step = a.dtype.type(i)
            for j in range(np.uintp(w)):
                gain = reach[line + j] * a[row + j]
                weighted[line + j] += step * gain
                plain[line + j] += gain
                reach[line + j] *= b[row + j]


@fused
def joint_direction(
    angles: npt.NDArray[np.float64], length: float, along_x: bool, first: int, whole: int,
    beams: tuple[float, int], table: Table, out: Table,
) -> None:  # fmt: skip
    """Add the angles of one major axis to `out` (n, w), flat; see `sweep_direction`."""
    _, n, w = table.shape
    a, b = table[0].ravel(), table[1].ravel()
    rows, shift = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    far, states = np.empty(n * w, dtype=table.dtype), np.empty(4 * (w + n), dtype=table.dtype)
    longest = min(n, steps_in_range(length, 1.0))
    ahead = np.empty(2 * longest * w, dtype=table.dtype)
    own = table.dtype.type(1.0 / beams[1])
    for angle in angles:
        x, major, minor = major_axis(angle)
        if x != along_x:
            continue
        fill_lines(major, minor, n, w, first, whole, rows, shift)
        steps = min(steps_in_range(length, major), n)
        slope = beams[0] / (major * major)
        near = min(steps, math.floor(1.0 / slope + 1e-9) + 1)
        stream = steps == n
        if near < steps and not stream:
            far[:] = 0.0
            windowed_lines(a, b, n, w, rows, shift, steps - near, states, ahead, far)
        near_lines(
            a, b, n, w, rows, shift, table.dtype.type(slope), own, near, near < steps,
            near < steps and stream, far, states, ahead, out,
        )  # fmt: skip


@fused
def joint_sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    beams: tuple[float, int],
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the weighted information of every angle to `out`; `beams` is (angle step [rad], number).

    Other arguments as in `fsmi._sweep.sweep`.
    """
    top, left, height, width = place
    joint_direction(angles, length, False, top, height, beams, tables[0], out[0].ravel())
    joint_direction(angles, length, True, left, width, beams, tables[1], out[1].ravel())
