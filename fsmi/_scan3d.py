"""Kernels of `fsmi.information3d` and `fsmi.mapping3d`: scans on octrees. Voxels and nats.

`table` is (K, 4), a row a code: occupancy, log(1 - occupancy), gain of a hit, gain of a miss.
Sums over beams are made of runs. What counts each voxel once keeps its numbers in bricks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._bricks import (
    BrickGrid,
    brick_grid,
    bricks_of,
    clear_bricks,
    room_for_bricks,
)
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
def count_batch(
    start: Array,
    rays: Array,
    runs: Runs,
    table: Array,
    no_hit: bool,
    grid: BrickGrid,
    used: int,
    hits: Array,
    clears: Array,
    reaches: Array,
    slots: Ints,
) -> tuple[float, int]:
    """What the voxels of a batch of rays add when each counts at its best reach; bricks in use.

    `hits` and `clears` (bricks, 512) keep the best reach of a voxel if it is occupied and if it
    is free; with `no_hit` both are the same, in `hits`. Voxels that can tell nothing get no brick.
    """
    number, codes, counts, _, _ = runs
    corner, size, coarse, touched = grid
    total = 0.0
    for r in range(rays.shape[0]):
        x, sx, tx, gx = start_axis(start[0] - corner[0], rays[r, 0])
        y, sy, ty, gy = start_axis(start[1] - corner[1], rays[r, 1])
        z, sz, tz, gz = start_axis(start[2] - corner[2], rays[r, 2])
        last, brick, reach, cells = -1, 0, 1.0, 0
        for m in range(number[r]):
            code = codes[r, m]
            o = table[code, 0]
            told = o * table[code, 2] + (1.0 - o) * table[code, 3]
            for _ in range(counts[r, m]):
                if told > 0.0:
                    place = ((z >> 3) * size[1] + (y >> 3)) * size[0] + (x >> 3)
                    if place != last:
                        last, brick = place, int(coarse[place])
                        if brick < 0:
                            coarse[place] = brick = used
                            touched[used] = place
                            used += 1
                    i = ((z & 7) << 6) | ((y & 7) << 3) | (x & 7)
                    slots[cells] = (brick << 9) | i
                    if no_hit and reach > hits[brick, i]:
                        total += (reach - hits[brick, i]) * told
                        hits[brick, i] = reach
                reaches[cells] = reach
                cells += 1
                reach *= 1.0 - o
                t = min(tx, ty, tz) + TIE
                if tx <= t:
                    x += sx
                    tx += gx
                if ty <= t:
                    y += sy
                    ty += gy
                if tz <= t:
                    z += sz
                    tz += gz
        if no_hit:
            continue
        behind = 0.0  # probability of a report, given free up to here
        for m in range(number[r] - 1, -1, -1):
            code = codes[r, m]
            o = table[code, 0]
            hit, miss = o * table[code, 2], (1.0 - o) * table[code, 3]
            for _ in range(counts[r, m]):
                cells -= 1
                if hit + miss > 0.0:
                    brick, i = slots[cells] >> 9, slots[cells] & 511
                    total += max(0.0, reaches[cells] - hits[brick, i]) * hit
                    total += max(0.0, reaches[cells] * behind - clears[brick, i]) * miss
                    hits[brick, i] = max(hits[brick, i], reaches[cells])
                    clears[brick, i] = max(clears[brick, i], reaches[cells] * behind)
                behind = o + (1.0 - o) * behind
    return total, used


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
    number, counts, losses = runs[0], runs[2], runs[4]
    turned = np.empty((BATCH, 3))
    home, way = np.empty(DEPTH + 4, dtype=np.int64), np.empty(DEPTH + 4, dtype=np.int64)
    reaches, slots = np.empty(room), np.empty(room, dtype=np.int64)
    grid = brick_grid(window)
    hits, clears = np.zeros((64, 512)), np.zeros((64, 512))
    used = 0
    for p in range(starts.shape[0]):
        find_path(blocks, starts[p], home)
        out[p] = dropped[p] = 0.0
        for first in range(0, rays.shape[0], BATCH):
            some = rotate(frames[p], rays, first, turned)
            trace_runs(blocks, home, starts[p], some, length, box, table, stop, way, runs)
            extra = 0
            for r in range(some.shape[0]):
                dropped[p] += losses[r]
                cells = 0
                for m in range(number[r]):
                    cells += counts[r, m]
                extra += bricks_of(cells)
            hits = room_for_bricks(hits, used, extra)
            if not no_hit:
                clears = room_for_bricks(clears, used, extra)
            told, used = count_batch(
                starts[p], some, runs, table, no_hit, grid, used, hits, clears, reaches, slots
            )
            out[p] += told
        if not path:
            clear_bricks(grid, used, hits)
            if not no_hit:
                clear_bricks(grid, used, clears)
            used = 0
