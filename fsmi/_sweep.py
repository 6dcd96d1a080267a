"""The whole map at once, without noise: I = A + B I' along every digital line of an angle.

`a` is the expected gain of a cell [nat], `b` the probability that a beam passes it; rows run in
the order of travel given by `shift` (see `fsmi._lines`). A state belongs to a line: line `l` is
in column l + shift[r] of row r. All indices are flat and unsigned, which is what vectorises.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused
from fsmi._lines import Ints, fill_shift, major_axis, steps_in_range

Table = npt.NDArray[Any]


@fused
def unlimited_lines(
    a: Table, b: Table, n: int, w: int, down: bool, shift: Ints, out: Table
) -> None:
    """Add the information of one angle of unlimited range to `out`."""
    base = max(shift[0], shift[n - 1])
    state = np.zeros(w + abs(shift[n - 1] - shift[0]), dtype=a.dtype)
    for r in range(n - 1, -1, -1):
        row = np.uintp((n - 1 - r if down else r) * w)
        line = np.uintp(base - shift[r])
        for j in range(np.uintp(w)):
            value = a[row + j] + b[row + j] * state[line + j]
            state[line + j] = value
            out[row + j] += value


@fused
def windowed_lines(
    a: Table, b: Table, n: int, w: int, down: bool, shift: Ints, steps: int, out: Table
) -> None:
    """Add the information of one angle with a range of `steps` cells to `out`.

    Blocks of `steps` rows (van Herk): the window of a row is a suffix of its block, composed
    backwards, and a prefix of the next block, composed forwards.
    """
    base = max(shift[0], shift[n - 1])
    lines = w + abs(shift[n - 1] - shift[0])
    gain, reach = np.zeros(lines, dtype=a.dtype), np.ones(lines, dtype=a.dtype)
    ahead = np.zeros(steps * w, dtype=a.dtype)  # what lies in the next block, seen from its edge
    one = reach[0]
    for start in range((n - 1) // steps * steps, -1, -steps):
        gain[:] = 0.0
        reach[:] = one
        for r in range(min(start + steps, n) - 1, start - 1, -1):
            row = np.uintp((n - 1 - r if down else r) * w)
            line, rest = np.uintp(base - shift[r]), np.uintp((r - start) * w)
            for j in range(np.uintp(w)):
                free = b[row + j]
                gain[line + j] = a[row + j] + free * gain[line + j]
                reach[line + j] *= free
                out[row + j] += gain[line + j] + reach[line + j] * ahead[rest + j]
        if start == 0:
            break
        gain[:] = 0.0
        reach[:] = one
        for k in range(steps):  # now this block is the next one of rows start - steps + k
            origin, rest = np.uintp(base - shift[start - steps + k]), np.uintp(k * w)
            for j in range(np.uintp(w)):
                ahead[rest + j] = gain[origin + j]
            if start + k < n:
                r = start + k
                row = np.uintp((n - 1 - r if down else r) * w)
                line = np.uintp(base - shift[r])
                for j in range(np.uintp(w)):
                    gain[line + j] += reach[line + j] * a[row + j]
                    reach[line + j] *= b[row + j]


@fused
def run(table: Table, n: int, w: int, major: float, shift: Ints, length: float, out: Table) -> None:
    """One angle on one orientation of the tables."""
    a, b = table[0].ravel(), table[1].ravel()
    steps = steps_in_range(length, major)
    if steps >= n:
        unlimited_lines(a, b, n, w, major < 0.0, shift, out)
    else:
        windowed_lines(a, b, n, w, major < 0.0, shift, steps, out)


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
    top, left, rows, columns = place
    _, h, w = tables[0].shape
    shift = np.empty(max(h, w), dtype=np.int64)
    for angle in angles:
        along_x, major, minor = major_axis(angle)
        if along_x:
            fill_shift(major, minor, w, left, columns, shift)
            run(tables[1], w, h, major, shift[:w], length, out[1].ravel())
        else:
            fill_shift(major, minor, h, top, rows, shift)
            run(tables[0], h, w, major, shift[:h], length, out[0].ravel())
