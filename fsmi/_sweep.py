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
def windowed_lines(
    a: Table, b: Table, n: int, w: int, rows: Ints, shift: Ints, steps: int, states: Table,
    ahead: Table, out: Table,
) -> None:  # fmt: skip
    """Add the information of one angle with a range of `steps` cells to `out`.

    Blocks of `steps` rows (van Herk): the window of a row is a suffix of its block, composed
    backwards, and a prefix of the next block, composed forwards. Scratch: `states` 2 (w + n),
    `ahead` steps * w, what lies in the next block seen from its edge.
    """
    base = max(shift[0], shift[n - 1])
    gain, reach = states[: w + n], states[w + n : 2 * (w + n)]
    slots = np.arange(steps) * w
    ahead[: steps * w] = 0.0
    for start in range((n - 1) // steps * steps, -1, -steps):
        gain[:] = 0.0
        reach[:] = 1.0
        for r in range(min(start + steps, n) - 1, start - 1, -1):
            row, line = np.uintp(rows[r]), np.uintp(base - shift[r])
            slot = np.uintp(slots[r - start])
            for j in range(np.uintp(w)):
                free = b[row + j]
                gain[line + j] = a[row + j] + free * gain[line + j]
                reach[line + j] *= free
                out[row + j] += gain[line + j] + reach[line + j] * ahead[slot + j]
        if start == 0:
            break
        gain[:] = 0.0
        reach[:] = 1.0
        for k in range(steps):  # now this block is the next one of rows start - steps + k
            origin, slot = np.uintp(base - shift[start - steps + k]), np.uintp(slots[k])
            for j in range(np.uintp(w)):
                ahead[slot + j] = gain[origin + j]
            if start + k < n:
                row, line = np.uintp(rows[start + k]), np.uintp(base - shift[start + k])
                for j in range(np.uintp(w)):
                    gain[line + j] += reach[line + j] * a[row + j]
                    reach[line + j] *= b[row + j]


@fused
def sweep_direction(
    angles: npt.NDArray[np.float64], length: float, along_x: bool, forward: bool, first: int,
    whole: int, table: Table, out: Table,
) -> None:  # fmt: skip
    """Add the angles of one major axis and sense of travel to `out` (n, w), flat.

    The tile's row 0 is row `first` of a map of `whole` rows.
    """
    _, n, w = table.shape
    a, b = table[0].ravel(), table[1].ravel()
    rows, shift = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    lines = np.empty((n, FUSED), dtype=np.uintp)
    states = np.empty(FUSED * (w + n), dtype=table.dtype)
    ahead = np.empty(min(n, steps_in_range(length, 1.0)) * w, dtype=table.dtype)
    count = 0
    for angle in angles:
        x, major, minor = major_axis(angle)
        if x != along_x or (major > 0.0) != forward:
            continue
        fill_lines(major, minor, n, w, first, whole, rows, shift)
        steps = steps_in_range(length, major)
        if steps < n:
            windowed_lines(a, b, n, w, rows, shift, steps, states, ahead, out)
            continue
        base = max(shift[0], shift[n - 1]) + count * (w + n)
        for r in range(n):
            lines[r, count] = base - shift[r]
        count += 1
        if count == FUSED:
            states[:] = 0.0
            unlimited_lines(a, b, n, w, rows, lines, count, states, out)
            count = 0
    if count:
        states[:] = 0.0
        unlimited_lines(a, b, n, w, rows, lines, count, states, out)


@fused
def sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the information of every angle to `out`; `tables` (2, h, w) are a and b.

    Tables and `out` come as is and transposed. `place` is (first row, first column, rows,
    columns): where the tile lies in the whole map, and how large that is.
    """
    top, left, height, width = place
    for forward in (True, False):
        sweep_direction(angles, length, False, forward, top, height, tables[0], out[0].ravel())
        sweep_direction(angles, length, True, forward, left, width, tables[1], out[1].ravel())
