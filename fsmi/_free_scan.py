"""Noise-free information of scans on a map laid out in bricks: FSMI-RLE, fused with the traversal.

A homogeneous block is jumped over and counted by the closed form for a run (Zhang et al. 2019); in
a mixed brick a ray goes voxel by voxel. What a voxel tells is summed on the way, nothing is
stored, and a ray that lets too little through stops at once. The voxels crossed, ties included,
are those of `fsmi._runs` and of a dense traversal.

In a mixed brick distances are integers of 44 binary places: comparing and adding them takes half
the time of doubles, and the chain from one voxel to the next is what a ray waits for.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._brickmap import BrickMap
from fsmi._jit import fused, inlined, power_of_two
from fsmi._runs import STEEP, Box, axis_of, rotate
from fsmi._ties import tied
from fsmi.raycast import TIE, cells_left

Array = npt.NDArray[np.float64]
Rule = tuple[float, float, float]  # of stopping: tol, rest, weight; see `fsmi._runs.trace_runs`
# a ray: next voxel (x, y, z), distances to the next boundaries, steps, distances between them
State = tuple[int, int, int, float, float, float]
Way = tuple[int, int, int, float, float, float, float, float, float, tuple[int, ...]]

SHARE = 4096  # beams summed by themselves: sums do not depend on the number of threads
COLUMNS = 5  # of the table
BATCH = 32  # rays turned in one call
FAR = float(1 << 18)  # farther than any ray goes [voxel]
ONE = float(1 << 44)
TICK = int(TIE * ONE)
# Powers of two in steps of 2 ** (1 / 32), and Taylor's series in between: relative error 3e-15.
STEPS = 32
POWERS = 2.0 ** (np.arange(STEPS) / STEPS)
STEP = math.log(2.0) / STEPS


@inlined
def power(steps: float) -> float:
    """2 ** (steps / 32) for steps <= 0; in line, because a call of exp waits and spills."""
    steps = max(steps, -1000.0 * STEPS)
    whole = math.floor(steps + 0.5)
    f = (steps - float(whole)) * STEP
    k = int(whole)
    square = f * f
    series = (1.0 + f) + square * ((0.5 + f * (1 / 6)) + square * (1 / 24 + f * (1 / 120)))
    return series * float(POWERS[np.uintp(k & (STEPS - 1))]) * power_of_two(k >> 5)


def run_table(table: Array) -> Array:
    """From the table of `fsmi._runs` (K, 4) the one used here, (K, 5).

    Columns: occupancy o; log(1 - o) in units of `STEP`; gain of a hit, of a miss; (1 - o) / o.
    """
    o = table[:, 0]
    with np.errstate(divide="ignore", over="ignore"):
        against = np.where(o > 1e-300, (1.0 - o) / np.maximum(o, 1e-300), 0.0)
    return np.ascontiguousarray(np.stack((o, table[:, 1] / STEP, *table[:, 2:].T, against), -1))


@inlined
def jump(state: State, way: Way, level: int, end: float) -> tuple[int, bool, State]:
    """Cross a block at once: voxels crossed, whether the ray ends there, the voxel behind it.

    Only for rays without ties. See `fsmi._runs.trace_runs`.
    """
    x, y, z, tx, ty, tz = state
    sx, sy, sz, gx, gy, gz, vx, vy, vz, flip = way
    fx, fy, fz, mx, my, mz = flip
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
    nx, ny, nz = nx + int(ax <= t), ny + int(ay <= t), nz + int(az <= t)
    x, y, z = x + sx * nx, y + sy * ny, z + sz * nz
    return count, final, (x, y, z, tx + nx * gx, ty + ny * gy, tz + nz * gz)


@inlined
def walk(state: State, way: Way, level: int, end: float) -> tuple[int, bool, State]:
    """`jump` voxel by voxel, for rays with ties."""
    x, y, z, tx, ty, tz = state
    sx, sy, sz, gx, gy, gz = way[:6]
    x0, y0, z0, count, final, inside = x, y, z, 0, False, True
    while inside:
        count += 1
        t = min(tx, ty, tz)
        final = t >= end
        t += TIE
        if tx <= t:
            x += sx
            tx += gx
        if ty <= t:
            y += sy
            ty += gy
        if tz <= t:
            z += sz
            tz += gz
        inside = not final and ((x ^ x0) | (y ^ y0) | (z ^ z0)) >> level == 0
    return count, final, (x, y, z, tx, ty, tz)


@inlined
def ticks(distance: float) -> int:
    """A distance [voxel] as an integer; two fit into 63 bits."""
    return int(min(distance, FAR) * ONE)


@fused
def free_scan(
    bricks: BrickMap,
    start: Array,
    frame: Array,
    rays: Array,
    length: float,
    box: Box,
    table: Array,
    rule: Rule,
    no_hit: bool,
) -> tuple[float, float]:
    """Information [nat] summed over beams (n, 3) at a pose, and the most that stopping dropped.

    `table` is that of `run_table`.
    """
    coarse, codes, corner, size = bricks
    low, high = box
    tol, rest, weight = rule
    row, layer = size[0], size[0] * size[1]
    origin = corner[0] + corner[1] * row + corner[2] * layer
    values = table.ravel()
    turned = np.empty((BATCH, 3))
    total, dropped = 0.0, 0.0
    for first in range(0, rays.shape[0], BATCH):
        some = rotate(frame, rays, first, turned)
        for r in range(some.shape[0]):
            x, sx, tx, gx = axis_of(start[0], some[r, 0])
            y, sy, ty, gy = axis_of(start[1], some[r, 1])
            z, sz, tz, gz = axis_of(start[2], some[r, 2])
            if not (low[0] <= x < high[0] and low[1] <= y < high[1] and low[2] <= z < high[2]):
                continue
            limit = min(length, tx + cells_left(x - low[0], sx, high[0] - low[0]) * gx)
            limit = min(limit, ty + cells_left(y - low[1], sy, high[1] - low[1]) * gy)
            limit = min(limit, tz + cells_left(z - low[2], sz, high[2] - low[2]) * gz)
            end = limit - TIE
            vx = abs(some[r, 0]) if sx != 0 else 0.0
            vy = abs(some[r, 1]) if sy != 0 else 0.0
            vz = abs(some[r, 2]) if sz != 0 else 0.0
            # x ^ fx counts down to the face that the ray goes to; mx is 0 if it does not move
            fx, fy, fz = -1 if sx > 0 else 0, -1 if sy > 0 else 0, -1 if sz > 0 else 0
            mx, my, mz = -1 if sx != 0 else 0, -1 if sy != 0 else 0, -1 if sz != 0 else 0
            way = (sx, sy, sz, gx, gy, gz, vx, vy, vz, (fx, fy, fz, mx, my, mz))
            hx, hy, hz, h_end = ticks(gx), ticks(gy), ticks(gz), ticks(end)
            stepped = -1  # not known yet
            reach, front, told = 1.0, 0.0, 0.0
            final = False
            while not final:
                place = (x >> 3) + (y >> 3) * row + (z >> 3) * layer - origin
                entry = int(coarse[np.uintp(place)])
                if entry < 0:
                    at, level = (~entry >> 4) * COLUMNS, ~entry & 15
                    if stepped < 0:
                        slow = (
                            (sx != 0 and vx < STEEP)
                            or (sy != 0 and vy < STEEP)
                            or (sz != 0 and vz < STEEP)
                        )
                        stepped = int(slow or tied(limit, tx, gx, vx, ty, gy, vy, tz, gz, vz))
                    state = (x, y, z, tx, ty, tz)
                    if stepped == 0:
                        count, final, state = jump(state, way, level, end)
                    else:
                        count, final, state = walk(state, way, level, end)
                    x, y, z, tx, ty, tz = state
                    o = values[np.uintp(at)]
                    if o > 0.0:  # else there is nothing to tell, the gain of a miss is 0, too
                        hit, miss = values[np.uintp(at + 2)], values[np.uintp(at + 3)]
                        through = power(count * values[np.uintp(at + 1)])
                        # free voxels before a hit, on average
                        crossed = (1.0 - through) * values[np.uintp(at + 4)] - count * through
                        told += reach * ((hit + front) * (1.0 - through) + miss * crossed)
                        reach *= through
                        front += count * miss
                    if not final and reach * (rest + weight * front) <= tol:
                        dropped += reach * (rest + weight * front)
                        final = True
                    continue
                base, x0, y0, z0 = entry << 9, x >> 3, y >> 3, z >> 3
                ux, uy, uz = ticks(tx), ticks(ty), ticks(tz)
                inside = True
                while inside:
                    at = base | ((z & 7) << 6) | ((y & 7) << 3) | (x & 7)
                    at = int(codes[np.uintp(at)]) * COLUMNS
                    u = min(ux, uy, uz)
                    final = u >= h_end
                    u += TICK
                    # masks instead of branches, which would be mispredicted at every other voxel
                    ix, iy, iz = -int(ux <= u), -int(uy <= u), -int(uz <= u)
                    x, y, z = x + (sx & ix), y + (sy & iy), z + (sz & iz)
                    ux, uy, uz = ux + (hx & ix), uy + (hy & iy), uz + (hz & iz)
                    o = values[np.uintp(at)]
                    told += reach * o * (values[np.uintp(at + 2)] + front)
                    reach *= 1.0 - o
                    front += values[np.uintp(at + 3)]
                    inside = ((x >> 3) ^ x0) | ((y >> 3) ^ y0) | ((z >> 3) ^ z0) == 0
                    if final:
                        break
                    if reach * (rest + weight * front) <= tol:
                        dropped += reach * (rest + weight * front)
                        final = True
                        break
                tx, ty, tz = float(ux) / ONE, float(uy) / ONE, float(uz) / ONE
            if no_hit:
                told += reach * front
            total += told
    return total, dropped


@fused
def free_scans(
    bricks: BrickMap,
    starts: Array,
    frames: Array,
    rays: Array,
    length: float,
    box: Box,
    table: Array,
    rule: Rule,
    no_hit: bool,
    first: int,
    last: int,
    sums: Array,
) -> None:
    """Fill rows `first` to `last` of `sums` (P, n): `free_scan` of a share of the beams at a pose.

    Row p * n + b is share b of n at pose p, `SHARE` beams from beam b * SHARE on.
    """
    n = (rays.shape[0] + SHARE - 1) // SHARE
    for row in range(first, last):
        p, b = row // n, row % n * SHARE
        some = rays[b : min(b + SHARE, rays.shape[0])]
        told, lost = free_scan(bricks, starts[p], frames[p], some, length, box, table, rule, no_hit)
        sums[row, 0], sums[row, 1] = told, lost
