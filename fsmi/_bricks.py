"""Kernels for numbers kept per voxel of a part of space, in bricks of 8 x 8 x 8 made on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi._runs import Box
from fsmi.raycast import TIE, start_axis

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# First voxel (on a multiple of 8), bricks along (x, y, z), number of the brick at each place or
# -1, place of each brick
BrickGrid = tuple[Ints, Ints, npt.NDArray[np.int32], Ints]


@kernel
def brick_grid(window: Box) -> BrickGrid:
    """An empty grid over `window` = (first voxel, bricks along each axis)."""
    corner, size = window
    coarse = np.full(size[0] * size[1] * size[2], -1, dtype=np.int32)
    return corner, size, coarse, np.empty(coarse.size, dtype=np.int64)


@kernel
def bricks_of(cells: int) -> int:
    """Most bricks that a ray of so many voxels enters."""
    return cells // 8 + 4


@kernel
def room_for_bricks(rows: npt.NDArray[Any], used: int, extra: int) -> npt.NDArray[Any]:
    """`rows`, one a brick, with room for `extra` more, new ones all 0."""
    have = rows.shape[0]
    if used + extra <= have:
        return rows
    grown = np.zeros((max(2 * have, used + extra), rows.shape[1]), dtype=rows.dtype)
    for b in range(used):
        for i in range(rows.shape[1]):
            grown[b, i] = rows[b, i]
    return grown


@kernel
def clear_bricks(grid: BrickGrid, used: int, rows: npt.NDArray[Any]) -> None:
    """Give all bricks back: their rows become 0, their places empty."""
    coarse, touched = grid[2], grid[3]
    for b in range(used):
        coarse[touched[b]] = -1
        for i in range(rows.shape[1]):
            rows[b, i] = 0


@kernel
def trace_slots(
    start: Array, ray: Array, most: int, limit: float, grid: BrickGrid, used: int, slots: Ints
) -> tuple[int, int]:
    """Slots (brick * 512 + voxel of the brick) of a ray's voxels; their number, bricks in use.

    The ray ends after `most` voxels or at `limit`. The traversal is that of `raycast.trace_3d`.
    """
    corner, size, coarse, touched = grid
    x, sx, tx, gx = start_axis(start[0] - corner[0], ray[0])
    y, sy, ty, gy = start_axis(start[1] - corner[1], ray[1])
    z, sz, tz, gz = start_axis(start[2] - corner[2], ray[2])
    last, brick = -1, 0
    for m in range(most):
        place = ((z >> 3) * size[1] + (y >> 3)) * size[0] + (x >> 3)
        if place != last:
            last, brick = place, int(coarse[place])
            if brick < 0:
                coarse[place] = brick = used
                touched[used] = place
                used += 1
        slots[m] = (brick << 9) | ((z & 7) << 6) | ((y & 7) << 3) | (x & 7)
        t = min(tx, ty, tz) + TIE
        if t >= limit:
            return m + 1, used
        if tx <= t:
            x += sx
            tx += gx
        if ty <= t:
            y += sy
            ty += gy
        if tz <= t:
            z += sz
            tz += gz
    return most, used
