"""Digital lines: the cells that stand for all parallel rays of one angle, for the sweeps.

A line of an angle advances one cell at a time along its major axis; across it, it stands at
``shift[i] = round(slope * (i - centre))`` (halves away from zero), the same for every line but
for a whole number of cells. So the line through (i0, j0) holds (i, j0 + shift[i] - shift[i0]), a
whole row of lines advances together, and mirror images of a map give mirror images of its lines.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel

Ints = npt.NDArray[np.int64]

SNAP = 1e-8  # directions this close to an axis or a diagonal are on it


@kernel
def major_axis(angle: float) -> tuple[bool, float, float]:
    """Whether the major axis is x, and the direction cosines along the major and minor axis."""
    c, s = math.cos(angle), math.sin(angle)
    along_x = abs(c) > abs(s) + SNAP
    major, minor = (c, s) if along_x else (s, c)
    if abs(minor) < SNAP:
        minor = 0.0
    return along_x, major, minor


@kernel
def fill_lines(
    major: float, minor: float, n: int, w: int, first: int, whole: int, rows: Ints, shift: Ints
) -> None:
    """Where the n rows of a tile begin, in the order of travel, and where the lines cross them.

    `rows` are flat indices into the tile of `w` columns, looked up rather than computed: a stride
    that the compiler can see to be negative makes it give up vector code. `shift` is the cross
    position. The tile's row 0 is row `first` of a map of `whole` rows (columns where x is the
    major axis).
    """
    slope = minor / major
    centre = 0.5 * (whole - 1)
    for r in range(n):
        i = r if major > 0.0 else n - 1 - r
        if abs(slope) > 1.0 - SNAP:
            at = first + i if slope > 0.0 else -(first + i)
        else:
            v = slope * (first + i - centre)
            # 1e-9: a half must stay a half whatever the last digit of the slope.
            size = math.floor(abs(v) + 0.5 + 1e-9)
            at = size if v > 0.0 else -size
        rows[r] = i * w
        shift[r] = at


@kernel
def steps_in_range(length: float, major: float) -> int:
    """Cells of a line that lie within `length` [cells] of the centre of its first cell.

    A cell counts if the ray enters it before `length`, as in `raycast.trace`.
    """
    steps = math.ceil(length * abs(major) + 0.5 - 1e-9)
    return max(1, int(min(steps, 2.0**40)))
