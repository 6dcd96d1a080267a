"""The whole map at once, without noise: I = A + B I' along every digital line of an angle.

`a` is the expected gain of a cell [nat], `b` the probability that a beam passes it; rows run in
the order of travel (see `fsmi._lines`). A state belongs to a line: line `l` is in column
l + shift[r] of row r. All indices are flat and unsigned, and all row starts are looked up: that
is what makes the compiler turn the inner loops into vector code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import disjoint, fused
from fsmi._lines import Ints, fill_lines, major_axis, steps_in_range
from fsmi._strips import LANES, strip_span, strip_width

Table = npt.NDArray[Any]
Flat = npt.NDArray[np.uintp]

FUSED = 16  # angles a pass: reads the tables once for all of them, states still fit the L2 cache


@disjoint
def unlimited_lines(
    a: Table, b: Table, n: int, w: int, rows: Ints, lines: Flat, count: int, states: Table,
    out: Table,
) -> None:  # fmt: skip
    """Add the information of `count` angles of unlimited range to `out`.

    `lines[r, k]` is where the states of angle k begin for the first column of row r.
    """
    four = count // 4 * 4
    for r in range(n - 1, -1, -1):
        row = np.uintp(rows[r])
        for k in range(0, four, 4):
            l0, l1, l2, l3 = lines[r, k], lines[r, k + 1], lines[r, k + 2], lines[r, k + 3]
            for j in range(np.uintp(w)):
                gain, free = a[row + j], b[row + j]
                v0 = gain + free * states[l0 + j]
                v1 = gain + free * states[l1 + j]
                v2 = gain + free * states[l2 + j]
                v3 = gain + free * states[l3 + j]
                states[l0 + j] = v0
                states[l1 + j] = v1
                states[l2 + j] = v2
                states[l3 + j] = v3
                out[row + j] += (v0 + v1) + (v2 + v3)
        for k in range(four, count):
            line = lines[r, k]
            for j in range(np.uintp(w)):
                value = a[row + j] + b[row + j] * states[line + j]
                states[line + j] = value
                out[row + j] += value


@disjoint
def windowed_strip(
    a: Table, b: Table, n: int, w: int, rows: Ints, shift: Ints, steps: int, line: int,
    in_map: bool, gain: Table, reach: Table, ahead: Table, out: Table,
) -> None:  # fmt: skip
    """Add the lines from `line` on with a range of `steps` cells to `out`.

    Blocks of `steps` rows (van Herk): the window of a row is a suffix of its block, composed
    backwards, and a prefix of the next block, composed forwards. Scratch: `gain` and `reach`
    (width), `ahead` (steps * width), what lies in the next block seen from its edge. `out` is the
    map, or (n, width) line by line.
    """
    width = gain.size
    ahead[: steps * width] = 0.0
    for start in range((n - 1) // steps * steps, -1, -steps):
        gain[:] = 0.0
        reach[:] = 1.0
        for r in range(min(start + steps, n) - 1, start - 1, -1):
            lo, hi = strip_span(line + shift[r], width, w)
            at, lane = np.uintp(rows[r] + line + shift[r] + lo), np.uintp(lo)
            slot = np.uintp((r - start) * width) + lane
            place = at if in_map else np.uintp(r * width) + lane
            for j in range(np.uintp(hi - lo)):
                free, k = b[at + j], lane + j
                value = a[at + j] + free * gain[k]
                gain[k] = value
                reach[k] *= free
                out[place + j] += value + reach[k] * ahead[slot + j]
        if start == 0:
            break
        gain[:] = 0.0
        reach[:] = 1.0
        for i in range(steps):  # now this block is the next one of rows start - steps + i
            slot = np.uintp(i * width)
            lo, hi = strip_span(line + shift[start - steps + i], width, w)
            for c in range(np.uintp(lo), np.uintp(hi)):
                ahead[slot + c] = gain[c]
            if start + i >= n:
                continue
            lo, hi = strip_span(line + shift[start + i], width, w)
            at = np.uintp(rows[start + i] + line + shift[start + i] + lo)
            for j in range(np.uintp(hi - lo)):
                k = np.uintp(lo) + j
                gain[k] += reach[k] * a[at + j]
                reach[k] *= b[at + j]


@fused
def sweep_direction(
    angles: npt.NDArray[np.float64], length: float, along_x: bool, forward: bool, first: int,
    whole: int, w: int, table: Table, out: Table,
) -> None:  # fmt: skip
    """Add the angles of one major axis and sense of travel to `out`, flat in the layout of `table`.

    The tile's row 0 is row `first` of a map of `whole` rows.
    """
    _, n, pitch = table.shape
    a, b = table[0].ravel(), table[1].ravel()
    rows, shift = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    whole_rows = (w + LANES - 1) // LANES * LANES
    size = whole_rows + (n + LANES - 1) // LANES * LANES
    lines = np.empty((n, FUSED), dtype=np.uintp)
    states = np.empty(FUSED * size, dtype=table.dtype)
    count = 0
    for angle in angles:
        x, major, minor = major_axis(angle)
        if x != along_x or (major > 0.0) != forward:
            continue
        fill_lines(major, minor, n, pitch, first, whole, rows, shift)
        rows += LANES
        steps = steps_in_range(length, major)
        base = max(shift[0], shift[n - 1])
        if steps < n:
            total = w + abs(shift[0] - shift[n - 1])
            width = strip_width(total, steps * table.itemsize)
            scratch = np.empty((2, width), dtype=table.dtype)
            ahead = np.empty(steps * width, dtype=table.dtype)
            for line in range(-base, total - base, width):
                windowed_strip(
                    a, b, n, w, rows, shift, steps, line, True, scratch[0], scratch[1], ahead, out
                )
            continue
        for r in range(n):
            lines[r, count] = base - shift[r] + count * size
        count += 1
        if count == FUSED:
            states[:] = 0.0
            unlimited_lines(a, b, n, whole_rows, rows, lines, count, states, out)
            count = 0
    if count:
        fill_lines(1.0 if forward else -1.0, 0.0, n, pitch, first, whole, rows, shift)
        rows += LANES
        states[:] = 0.0
        unlimited_lines(a, b, n, whole_rows, rows, lines, count, states, out)


def sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    shape: tuple[int, int],
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the information of every angle to `out`; `tables` are a and b of `shape`, bordered.

    Tables and `out` come as is and transposed, in the layout of `fsmi._strips.bordered`. `place`
    is (first row, first column, rows, columns): where the tile lies in the whole map, and how
    large that is.
    """
    top, left, height, width = place
    h, w = shape
    for forward in (True, False):
        sweep_direction(angles, length, False, forward, top, height, w, tables[0], out[0].ravel())
        sweep_direction(angles, length, True, forward, left, width, h, tables[1], out[1].ravel())
