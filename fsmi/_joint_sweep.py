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
from fsmi._strips import LANES, strip_span, strip_width
from fsmi._sweep import windowed_strip

Table = npt.NDArray[Any]


@disjoint
def near_strip(
    a: Table, b: Table, n: int, w: int, rows: Ints, shift: Ints, slope: Any, own: Any, near: int,
    stream: bool, line: int, weighted: Table, plain: Table, reach: Table, total: Table,
    ahead_w: Table, ahead_i: Table, far: Table, out: Table,
) -> None:  # fmt: skip
    """Add to `out` the first `near` cells weighted `slope` k (the own cell: `own`), and the rest.

    With `stream` the range is unlimited, and the plain sum of what is beyond the near cells is
    made on the way. Otherwise `far` (n, width), if not empty, holds that sum from each cell on,
    line by line. Van Herk blocks as in `windowed_strip`. Scratch: the states (width), and
    `ahead_w` and `ahead_i` (near * width): seen from the edge of the next block, what lies there
    and what each step more adds.
    """
    width, zero = weighted.size, a.dtype.type(0)
    total[:] = 0.0
    ahead_w[:] = 0.0
    ahead_i[:] = 0.0
    for start in range((n - 1) // near * near, -1, -near):
        weighted[:] = 0.0
        plain[:] = 0.0
        reach[:] = 1.0
        for r in range(min(start + near, n) - 1, start - 1, -1):
            lo, hi = strip_span(line + shift[r], width, w)
            at, lane = np.uintp(rows[r] + line + shift[r] + lo), np.uintp(lo)
            slot, steps = np.uintp((r - start) * width + lo), a.dtype.type(start + near - r)
            for j in range(np.uintp(hi - lo)):
                gain, free, k = a[at + j], b[at + j], lane + j
                value = free * (weighted[k] + plain[k])
                weighted[k] = value
                plain[k] = gain + free * plain[k]
                total[k] = gain + free * total[k]
                there = free * reach[k]
                reach[k] = there
                behind = ahead_w[slot + j] + steps * ahead_i[slot + j]
                out[at + j] += own * gain + slope * value + there * behind
        if start == 0:
            break
        # From the edge on: first all with weight 1 (with stream), then less for each near cell.
        for c in range(np.uintp(width)):
            weighted[c] = total[c] if stream else zero
        plain[:] = 0.0
        reach[:] = 1.0
        for i in range(near):
            r, slot = start + i, np.uintp(i * width)
            lo, hi = strip_span(line + shift[start - near + i], width, w)
            step = slope * a.dtype.type(i) - a.dtype.type(1 if stream else 0)
            first, last = strip_span(line + shift[r], width, w) if r < n else (0, 0)
            at = np.uintp(rows[min(r, n - 1)] + line + shift[min(r, n - 1)] + first)
            if first == lo and last == hi and far.size == 0:
                for j in range(np.uintp(hi - lo)):
                    k = np.uintp(lo) + j
                    there, more = weighted[k], plain[k]
                    ahead_w[slot + k] = there
                    ahead_i[slot + k] = more
                    gain = reach[k] * a[at + j]
                    weighted[k] = there + step * gain
                    plain[k] = more + slope * gain
                    reach[k] *= b[at + j]
            else:
                for c in range(np.uintp(lo), np.uintp(hi)):
                    ahead_w[slot + c] = weighted[c]
                    ahead_i[slot + c] = plain[c]
                if far.size and r < n:
                    place = np.uintp(r * width)
                    for c in range(np.uintp(lo), np.uintp(hi)):
                        ahead_w[slot + c] += reach[c] * far[place + c]
                for j in range(np.uintp(last - first)):
                    k = np.uintp(first) + j
                    gain = reach[k] * a[at + j]
                    weighted[k] += step * gain
                    plain[k] += slope * gain
                    reach[k] *= b[at + j]


@fused
def joint_direction(
    angles: npt.NDArray[np.float64], length: float, along_x: bool, first: int, whole: int, w: int,
    beams: tuple[float, int], table: Table, out: Table,
) -> None:  # fmt: skip
    """Add the angles of one major axis to `out`, flat; see `sweep_direction`."""
    _, n, pitch = table.shape
    a, b = table[0].ravel(), table[1].ravel()
    rows, shift = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    own = table.dtype.type(1.0 / beams[1])
    for angle in angles:
        x, major, minor = major_axis(angle)
        if x != along_x:
            continue
        fill_lines(major, minor, n, pitch, first, whole, rows, shift)
        rows += LANES
        steps = min(steps_in_range(length, major), n)
        slope = beams[0] / (major * major)
        near = min(steps, math.floor(1.0 / slope + 1e-9) + 1)
        stream = steps == n and near < steps
        rest = steps - near if not stream else 0
        base, total = max(shift[0], shift[n - 1]), w + abs(shift[0] - shift[n - 1])
        kept = n if rest > 0 else 0  # rows of `far`
        width = strip_width(total, (2 * near + kept + rest) * table.itemsize)
        lines = np.empty((4, width), dtype=table.dtype)
        slots = np.empty((2, near * width), dtype=table.dtype)
        far = np.zeros(kept * width, dtype=table.dtype)
        ahead = np.empty(rest * width, dtype=table.dtype)
        for line in range(-base, total - base, width):
            far[:] = 0.0
            if rest > 0:
                windowed_strip(
                    a, b, n, w, rows, shift, rest, line, False, lines[0], lines[1], ahead, far
                )
            near_strip(
                a, b, n, w, rows, shift, table.dtype.type(slope), own, near, stream, line,
                lines[0], lines[1], lines[2], lines[3], slots[0], slots[1], far, out,
            )  # fmt: skip


def joint_sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    beams: tuple[float, int],
    shape: tuple[int, int],
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the weighted information of every angle to `out`; `beams` is (angle step [rad], number).

    Other arguments as in `fsmi._sweep.sweep`.
    """
    top, left, height, width = place
    h, w = shape
    joint_direction(angles, length, False, top, height, w, beams, tables[0], out[0].ravel())
    joint_direction(angles, length, True, left, width, h, beams, tables[1], out[1].ravel())
