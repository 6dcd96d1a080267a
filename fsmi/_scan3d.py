"""Kernels of `fsmi.information3d` and `fsmi.mapping3d`: scans on octrees. Voxels and nats.

`table` is (K, 4), a row a code: occupancy, log(1 - occupancy), gain of a hit, gain of a miss.
Sums over beams are made of runs. What needs to know which voxel it is (each voxel counted once,
marks of a scan) keeps its numbers in bricks of 8 x 8 x 8 voxels, made when a ray first enters.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi._octree import DEPTH, Blocks
from fsmi._runs import BATCH, Box, Runs, Stop, find_path, room_for, rotate, trace_runs
from fsmi._scan import fill_noise
from fsmi.measures.rle import runs_gain
from fsmi.raycast import TIE, start_axis

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@kernel
def free_sums(table: Array, runs: Runs, rays: int, no_hit: bool) -> float:
    """Noise-free information of a batch of beams (Zhang et al. 2019, on runs)."""
    number, codes, counts, _, _ = runs
    total = 0.0
    for r in range(rays):
        reach, front = 1.0, 0.0
        for m in range(number[r]):
            code, length = codes[r, m], counts[r, m]
            o = table[code, 0]
            hit, miss = table[code, 2], table[code, 3]
            if length == 1:
                total += reach * o * (hit + front)
                reach *= 1.0 - o
                front += miss
            elif o > 0.0:
                # exp, not expm1, is accurate enough: `hit` and `miss` are small where o is
                through = math.exp(length * table[code, 1])
                stopped = 1.0 - through
                # free voxels before a hit, on average; stopped / o first, 1 / o may overflow
                crossed = stopped / o * (1.0 - o) - length * through
                total += reach * ((hit + front) * stopped + miss * crossed)
                reach *= through
                front += length * miss
            # a voxel that can't be occupied has nothing to tell: its gain of a miss is 0
        if no_hit:
            total += reach * front
    return total


@kernel
def noisy_sums(
    table: Array,
    runs: Runs,
    rays: Array,
    noise: tuple[float, bool, float],
    no_hit: bool,
    half: Array,
    scratch: Array,
) -> float:
    """Information of a batch of beams with noise (sigma [voxels], uniform?, sigmas kept).

    The voxels of a beam count as equally long, their mean chord 1 / (|dx| + |dy| + |dz|).
    """
    number, codes, counts, _, _ = runs
    sigma, uniform, sigmas = noise
    total = 0.0
    for r in range(rays.shape[0]):
        spacing = 1.0 / (abs(rays[r, 0]) + abs(rays[r, 1]) + abs(rays[r, 2]))
        window = fill_noise(sigma, spacing, uniform, sigmas, half)
        taps = np.empty(2 * window + 1)
        for m in range(window + 1):
            taps[window - m] = taps[window + m] = half[m]
        n = number[r]
        for m in range(n):
            code = codes[r, m]
            scratch[0, m] = table[code, 0]
            scratch[1, m] = table[code, 2]
            scratch[2, m] = table[code, 3]
        total += runs_gain(
            scratch[0, :n], counts[r, :n], scratch[1, :n], scratch[2, :n], taps, no_hit
        )
    return total


@kernel
def scan_sums_3d(
    blocks: Blocks,
    starts: Array,
    frames: Array,
    rays: Array,
    length: float,
    box: Box,
    table: Array,
    stop: Stop,
    noise: tuple[float, bool, float],
    widest: int,
    no_hit: bool,
    room: int,
    out: Array,
    dropped: Array,
) -> None:
    """Information [nat] summed over the beams at each pose, and a bound on what was dropped.

    `widest` is the largest half width of the noise of any beam [voxels].
    """
    runs = room_for(BATCH, room)
    losses = runs[4]
    turned = np.empty((BATCH, 3))
    home, way = np.empty(DEPTH + 4, dtype=np.int64), np.empty(DEPTH + 4, dtype=np.int64)
    half, scratch = np.empty(widest + 1), np.empty((3, room))
    for p in range(starts.shape[0]):
        find_path(blocks, starts[p], home)
        out[p] = dropped[p] = 0.0
        for first in range(0, rays.shape[0], BATCH):
            some = rotate(frames[p], rays, first, turned)
            trace_runs(blocks, home, starts[p], some, length, box, table, stop, way, runs)
            if noise[0] == 0.0:
                out[p] += free_sums(table, runs, some.shape[0], no_hit)
            else:
                out[p] += noisy_sums(table, runs, some, noise, no_hit, half, scratch)
            for r in range(some.shape[0]):
                dropped[p] += losses[r]


@kernel
def brick_of(coarse: npt.NDArray[np.int32], i: int, used: int, touched: Ints) -> tuple[int, int]:
    """Number of the brick at place `i`, made if need be, and the number of bricks in use."""
    brick = int(coarse[i])
    if brick < 0:
        brick = used
        coarse[i] = used
        touched[used] = i
        used += 1
    return brick, used


@kernel
def trace_slots(
    start: Array,
    direction: Array,
    most: int,
    limit: float,
    corner: Ints,
    size: Ints,
    coarse: npt.NDArray[np.int32],
    used: int,
    touched: Ints,
    slots: Ints,
) -> tuple[int, int]:
    """Slots (brick * 512 + voxel of the brick) of a ray's voxels; their number, bricks in use.

    The ray ends after `most` voxels or at `limit`. `corner` is the first voxel of the bricks'
    range, on a multiple of 8; `size` its bricks along (x, y, z). The traversal is that of
    `raycast.trace_3d`.
    """
    x, sx, tx, gx = start_axis(start[0] - corner[0], direction[0])
    y, sy, ty, gy = start_axis(start[1] - corner[1], direction[1])
    z, sz, tz, gz = start_axis(start[2] - corner[2], direction[2])
    last, brick = -1, 0
    for m in range(most):
        place = ((z >> 3) * size[1] + (y >> 3)) * size[0] + (x >> 3)
        if place != last:
            brick, used = brick_of(coarse, place, used, touched)
            last = place
        slots[m] = brick * 512 + (((z & 7) << 6) | ((y & 7) << 3) | (x & 7))
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


@kernel
def bricks_of(cells: int) -> int:
    """Most bricks that a ray of so many voxels enters."""
    return cells // 8 + 4


@kernel
def room_for_bricks(best: npt.NDArray[Any], used: int, extra: int) -> npt.NDArray[Any]:
    """`best`, a row a brick, with room for `extra` more, new ones all 0."""
    have = best.shape[0]
    if used + extra <= have:
        return best
    grown = np.zeros((max(2 * have, used + extra), best.shape[1]), dtype=best.dtype)
    for b in range(used):
        for i in range(best.shape[1]):
            grown[b, i] = best[b, i]
    return grown


@kernel
def count_once(table: Array, code: int, slot: int, hit: float, clear: float, best: Array) -> float:
    """What a voxel adds when its best reaches rise to `hit` (if occupied), `clear` (if free)."""
    brick, i = slot >> 9, 2 * (slot & 511)
    added = 0.0
    if hit > best[brick, i]:
        added += (hit - best[brick, i]) * table[code, 0] * table[code, 2]
        best[brick, i] = hit
    if clear > best[brick, i + 1]:
        added += (clear - best[brick, i + 1]) * (1.0 - table[code, 0]) * table[code, 3]
        best[brick, i + 1] = clear
    return added


@kernel
def joint_sums_3d(
    blocks: Blocks,
    starts: Array,
    frames: Array,
    rays: Array,
    length: float,
    box: Box,
    table: Array,
    stop: Stop,
    no_hit: bool,
    path: bool,
    window: Box,
    room: int,
    out: Array,
    dropped: Array,
) -> None:
    """Information [nat] with each voxel counted once at its best reach over beams.

    `path`: the best reach is kept from pose to pose and out[p] is what pose p adds to it. Without
    `no_hit` a voxel is cleared only by a beam that hits something behind it. `window` is the
    corner (on a multiple of 8) and the size [bricks] of what the poses can see.
    """
    runs = room_for(BATCH, room)
    number, codes, counts, _, losses = runs
    turned = np.empty((BATCH, 3))
    home, way = np.empty(DEPTH + 4, dtype=np.int64), np.empty(DEPTH + 4, dtype=np.int64)
    slots, reaches = np.empty(room, dtype=np.int64), np.empty(room)
    corner, size = window
    coarse = np.full(size[0] * size[1] * size[2], -1, dtype=np.int32)
    touched = np.empty(coarse.size, dtype=np.int64)
    best = np.zeros((64, 1024))  # reach if occupied and if free, of each voxel
    used = 0
    for p in range(starts.shape[0]):
        find_path(blocks, starts[p], home)
        total, loss = 0.0, 0.0
        for b in range(rays.shape[0]):
            r = b % BATCH
            if r == 0:
                some = rotate(frames[p], rays, b, turned)
                trace_runs(blocks, home, starts[p], some, length, box, table, stop, way, runs)
            n, cells = number[r], 0
            for m in range(n):
                cells += counts[r, m]
            loss += losses[r]
            best = room_for_bricks(best, used, bricks_of(cells))
            _, used = trace_slots(
                starts[p], turned[r], cells, math.inf, corner, size, coarse, used, touched, slots
            )
            reach, k = 1.0, 0
            for m in range(n):
                code, free = codes[r, m], 1.0 - table[codes[r, m], 0]
                for _ in range(counts[r, m]):
                    if no_hit:
                        total += count_once(table, code, slots[k], reach, reach, best)
                    reaches[k] = reach
                    reach *= free
                    k += 1
            if not no_hit:
                behind = 0.0  # probability of a report, given free up to here
                for m in range(n - 1, -1, -1):
                    code, o = codes[r, m], table[codes[r, m], 0]
                    for _ in range(counts[r, m]):
                        k -= 1
                        hit = reaches[k]
                        total += count_once(table, code, slots[k], hit, hit * behind, best)
                        behind = o + (1.0 - o) * behind
        out[p] = total
        dropped[p] = loss
        if not path:
            for b in range(used):
                coarse[touched[b]] = -1
                for i in range(1024):
                    best[b, i] = 0.0
            used = 0
