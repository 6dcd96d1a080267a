"""Kernels of `fsmi.raycast3d`: the leaves of an octree along a ray, as runs.

The conventions are those of `fsmi.raycast`, so the voxels are the same as those of a dense
traversal, ties included. A block of 2**l voxels a side is left through the nearest of its three
far faces; the voxels crossed inside are 1 + the inner boundaries crossed on the way, unless two
boundaries are crossed at once (a tie). Rays with ties, such as one at 45 degrees from the centre
of a voxel, are told beforehand and stepped voxel by voxel: correct, and slow only for them.

Lengths are in voxels, positions in keys. A path is an array (DEPTH + 4,): the block at each
level on the way from the root to a voxel, the level of its leaf, and its key (x, y, z). It lets a
ray begin at the leaf of its origin and cross to a neighbour without going back to the root.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._jit import bit_length, kernel
from fsmi._octree import DEPTH, Blocks, Codes, child_of
from fsmi._ties import tied
from fsmi.raycast import TIE, cells_left, start_axis

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Box = tuple[Ints, Ints]  # first voxel, one past the last
Stop = tuple[float, float, float, float, int]
# number (R,), codes (R, n), counts (R, n), edges (R, n + 1) and losses (R,) of a batch of rays:
# ray r has number[r] runs; edges[r, 0] is 0 and run m ends at edges[r, m + 1]
Runs = tuple[Ints, Codes, npt.NDArray[np.int64], Array, Array]

NO_STOP: Stop = (-1.0, -math.inf, 0.0, 0.0, 0)
FIRST_HIT: Stop = (0.0, -math.inf, 1.0, 0.0, 0)  # nothing gets through a solid run
BATCH = 32  # rays traced in one call
NEVER = 1e30  # where a ray meets the next boundary of an axis that it does not move along
STEEP = 1e-6  # slower components are stepped: rounding could blur the order of their boundaries


@kernel
def find_path(blocks: Blocks, start: Array, path: Ints) -> None:
    """Fill the path to the voxel that holds a point inside the tree."""
    x, y, z = math.floor(start[0]), math.floor(start[1]), math.floor(start[2])
    level, at = DEPTH - 1, 0
    path[level] = at
    entry = blocks[at, child_of(x, y, z, level)]
    while entry >= 0:
        level -= 1
        path[level] = entry
        entry = blocks[entry, child_of(x, y, z, level)]
    path[DEPTH], path[DEPTH + 1], path[DEPTH + 2], path[DEPTH + 3] = level, x, y, z


@kernel
def axis_of(position: float, direction: float) -> tuple[int, int, float, float]:
    """`start_axis` with finite numbers for an axis that the ray does not move along."""
    cell, step, t, gap = start_axis(position, direction)
    if step == 0:
        return cell, 0, NEVER, 0.0
    return cell, step, t, gap


@kernel
def trace_runs(
    blocks: Blocks,
    home: Ints,
    start: Array,
    rays: Array,
    length: float,
    box: Box,
    table: Array,
    stop: Stop,
    path: Ints,
    runs: Runs,
) -> None:
    """Fill the runs of rays (R, 3) in the box: code and voxels of each, where it ends.

    `stop` = (tol, log(tol / rest), rest, weight, extra) ends a ray in the block after which
    reach * (rest + weight * S) <= tol, S being the gain of misses so far, and at least `extra`
    voxels later; what is lost at most goes to `lost`. `table` is (K, 4): occupancy,
    log(1 - occupancy), gain of a hit, gain of a miss. Neighbours with the same code are one run.
    `home` is the path to `start`, `path` scratch.

    Many rays a call: passing a dozen arrays costs as much as half a ray.
    """
    number, codes, counts, edges, losses = runs
    low, high = box
    tol, low_reach, rest, weight, extra = stop
    for r in range(rays.shape[0]):
        x, sx, tx, gx = axis_of(start[0], rays[r, 0])
        y, sy, ty, gy = axis_of(start[1], rays[r, 1])
        z, sz, tz, gz = axis_of(start[2], rays[r, 2])
        number[r], losses[r], edges[r, 0] = 0, 0.0, 0.0
        if not (low[0] <= x < high[0] and low[1] <= y < high[1] and low[2] <= z < high[2]):
            continue
        limit = min(length, tx + cells_left(x - low[0], sx, high[0] - low[0]) * gx)
        limit = min(limit, ty + cells_left(y - low[1], sy, high[1] - low[1]) * gy)
        limit = min(limit, tz + cells_left(z - low[2], sz, high[2] - low[2]) * gz)
        end = limit - TIE
        vx = abs(rays[r, 0]) if sx != 0 else 0.0
        vy = abs(rays[r, 1]) if sy != 0 else 0.0
        vz = abs(rays[r, 2]) if sz != 0 else 0.0
        # x ^ fx counts down to the face that the ray goes to; 0 where it does not move
        fx, fy, fz = -1 if sx > 0 else 0, -1 if sy > 0 else 0, -1 if sz > 0 else 0
        mx, my, mz = -1 if sx != 0 else 0, -1 if sy != 0 else 0, -1 if sz != 0 else 0
        for k in range(DEPTH):
            path[k] = home[k]
        level = home[DEPTH]
        moved = (x ^ home[DEPTH + 1]) | (y ^ home[DEPTH + 2]) | (z ^ home[DEPTH + 3])
        n, last, stepped, more = 0, -1, -1, extra
        log_reach, gained, lost = 0.0, 0.0, -1.0
        final = False
        while not final:
            level = max(level, bit_length(moved) - 1)
            entry = blocks[path[level], child_of(x, y, z, level)]
            while entry >= 0:
                level -= 1
                path[level] = entry
                entry = blocks[entry, child_of(x, y, z, level)]
            code = ~entry
            x0, y0, z0 = x, y, z
            if level > 1 and stepped < 0:
                stepped = (
                    (sx != 0 and vx < STEEP)
                    or (sy != 0 and vy < STEEP)
                    or (sz != 0 and vz < STEEP)
                    or tied(limit, tx, gx, vx, ty, gy, vy, tz, gz, vz)
                )
            if level > 1 and stepped == 0:
                mask = (1 << level) - 1
                nx, ny, nz = (x ^ fx) & mask & mx, (y ^ fy) & mask & my, (z ^ fz) & mask & mz
                ax, ay, az = tx + nx * gx, ty + ny * gy, tz + nz * gz  # the far faces
                t = min(ax, ay, az)
                final = t >= end
                t = min(t, end)
                # boundaries inside the block; the face itself may round to one too many
                nx = min(nx, int((t - tx) * vx + 1.0))
                ny = min(ny, int((t - ty) * vy + 1.0))
                nz = min(nz, int((t - tz) * vz + 1.0))
                count = 1 + nx + ny + nz
                nx, ny, nz = nx + (ax <= t), ny + (ay <= t), nz + (az <= t)
                x, y, z = x + sx * nx, y + sy * ny, z + sz * nz
                tx, ty, tz = tx + nx * gx, ty + ny * gy, tz + nz * gz
            else:
                count = 0
                inside = True
                while inside:
                    count += 1
                    t = min(tx, ty, tz)
                    final = t >= end
                    if tx <= t + TIE:
                        x += sx
                        tx += gx
                    if ty <= t + TIE:
                        y += sy
                        ty += gy
                    if tz <= t + TIE:
                        z += sz
                        tz += gz
                    inside = not final and ((x ^ x0) | (y ^ y0) | (z ^ z0)) >> level == 0
            if code == last:
                counts[r, n - 1] += count
            else:
                codes[r, n], counts[r, n], last = code, count, code
                n += 1
            edges[r, n] = limit if final else t
            moved = (x ^ x0) | (y ^ y0) | (z ^ z0)
            if lost >= 0.0:
                more -= count
            elif tol >= 0.0:
                log_reach += count * table[code, 1]
                gained += count * table[code, 3]
                if log_reach <= low_reach and not final:
                    loss = math.exp(log_reach) * (rest + weight * gained)
                    if loss <= tol:
                        lost = loss
            final = final or (lost >= 0.0 and more <= 0)
        number[r], losses[r] = n, max(lost, 0.0)


@kernel
def way_out(start: Array, ray: Array, box: Box) -> float:
    """Distance at which a ray leaves the box; 0 if it begins outside."""
    limit = math.inf
    for a in range(3):
        cell, step, t, gap = axis_of(start[a], ray[a])
        if cell < box[0][a] or cell >= box[1][a]:
            return 0.0
        limit = min(limit, t + cells_left(cell - box[0][a], step, box[1][a] - box[0][a]) * gap)
    return limit


@kernel
def rotate(frame: Array, rays: Array, first: int, out: Array) -> Array:
    """The next rays (n, 3) in the map frame, as many as are left and `out` (R, 3) holds."""
    n = min(out.shape[0], rays.shape[0] - first)
    for r in range(n):
        for a in range(3):
            out[r, a] = (
                frame[a, 0] * rays[first + r, 0]
                + frame[a, 1] * rays[first + r, 1]
                + frame[a, 2] * rays[first + r, 2]
            )
    return out[:n]


@kernel
def room_for(rays: int, room: int) -> Runs:
    """Arrays for the runs of `rays` rays of at most `room` voxels."""
    return (
        np.empty(rays, dtype=np.int64),
        np.empty((rays, room), dtype=np.int32),
        np.empty((rays, room), dtype=np.int64),
        np.empty((rays, room + 1)),
        np.empty(rays),
    )


@kernel
def first_hits(
    blocks: Blocks,
    starts: Array,
    frames: Array,
    rays: Array,
    length: float,
    box: Box,
    table: Array,
    room: int,
    threshold: float,
    out: Array,
) -> None:
    """Distance of the first run of each ray with an occupancy above `threshold`; inf if none.

    Columns 1 and 3 of `table` make the ray end behind a solid run: -inf and 0 there, else 0.
    """
    runs = room_for(BATCH, room)
    number, codes, _, edges, _ = runs
    turned = np.empty((BATCH, 3))
    home, path = np.empty(DEPTH + 4, dtype=np.int64), np.empty(DEPTH + 4, dtype=np.int64)
    for p in range(starts.shape[0]):
        find_path(blocks, starts[p], home)
        for first in range(0, rays.shape[0], BATCH):
            some = rotate(frames[p], rays, first, turned)
            trace_runs(blocks, home, starts[p], some, length, box, table, FIRST_HIT, path, runs)
            for r in range(some.shape[0]):
                end = number[r] - 1
                hit = end >= 0 and table[codes[r, end], 0] > threshold
                out[p, first + r] = edges[r, end] if hit else math.inf
