"""Kernels of `fsmi.information`: sums over the beams of a scan. Grid units and nats throughout.

`cells` is the map as it is kept, flat: int8 ROS codes or float32 probabilities. `table` has the
columns occupancy, gain of a hit and gain of a miss [nat]: a row a code, or a row a cell.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._beams import (
    KEPT,
    LANES,
    STEPS,
    Cells,
    Stop,
    add_hits,
    advance,
    aim,
    drops,
    look,
    move_up,
    retire,
    row_at,
    start,
)
from fsmi._jit import kernel
from fsmi.raycast import TIE, cells_left, start_axis

Array = npt.NDArray[np.float64]
Flat = npt.NDArray[np.uintp]


@kernel
def trace_reach(
    x: float,
    y: float,
    dx: float,
    dy: float,
    length: float,
    height: int,
    width: int,
    cells: Cells,
    table: Array,
    stop: Stop,
    flat: Flat,
    rows: Flat,
) -> tuple[int, float]:
    """Cells of a ray up to where little information is left; `raycast.trace` has the geometry.

    Fills `flat` with the cells and `rows` with their rows of `table`. Returns their number and
    what stopping early drops at most; a negative `stop[0]` traces every ray to its end.
    """
    j, step_j, t_j, gap_j = start_axis(x, dx)
    i, step_i, t_i, gap_i = start_axis(y, dy)
    if i < 0 or j < 0 or i >= height or j >= width:
        return 0, 0.0
    left_i, left_j = cells_left(i, step_i, height), cells_left(j, step_j, width)
    at = i * width + j
    jump_i, jump_j = step_i * width, step_j
    n, reach, lead = 0, 1.0, 0.0
    while True:
        cell = np.uintp(at)
        row = row_at(cells, cell)
        flat[n], rows[n] = cell, row
        n += 1
        t = min(t_i, t_j)
        if t >= length - TIE:
            return n, 0.0
        reach *= 1.0 - table[row, 0]
        lead += table[row, 2]
        loss = drops(reach, lead, stop)
        if loss <= stop[0]:
            return n, loss
        if t_j <= t + TIE:
            left_j -= 1
            at += jump_j
            t_j += gap_j
        if t_i <= t + TIE:
            left_i -= 1
            at += jump_i
            t_i += gap_i
        if left_i < 0 or left_j < 0:
            return n, 0.0


@kernel
def noise_width(sigma: float, spacing: float, uniform: bool, sigmas: float) -> int:
    """Cells on either side that a reading can go to; see `fsmi.measures.noise`."""
    if sigma == 0.0:
        return 0
    if uniform:
        return max(0, round(0.5 * (math.sqrt(12.0) * sigma / spacing - 1.0)))
    return math.ceil(sigmas * sigma / spacing - 1e-9)


@kernel
def fill_noise(
    sigma: float, spacing: float, uniform: bool, sigmas: float, taps: npt.NDArray[Any]
) -> int:
    """Mass taps[m] of a reading m cells off, m = 0..window; returns the window."""
    window = noise_width(sigma, spacing, uniform, sigmas)
    if sigma == 0.0:
        taps[0] = 1.0
        return window
    scale = spacing / sigma / math.sqrt(2.0)
    if uniform:
        taps[: window + 1] = 1.0 / (2 * window + 1)
        return window
    tail = math.erfc(-0.5 * scale)
    for m in range(window + 1):
        beyond = math.erfc((m + 0.5) * scale)
        taps[m] = 0.5 * (tail - beyond)
        tail = beyond
    return window


@kernel
def padded_width(sigma: float, uniform: bool, sigmas: float) -> int:
    """Widest window of any beam, at least; 0, 2, 5, 8, ... as `add_hits` wants it."""
    widest = noise_width(sigma, math.sqrt(0.5), uniform, sigmas)  # diagonal: the shortest cells
    return widest + (2 - widest) % 3 if widest > 0 else 0


@kernel
def fill_all_noise(rays: Array, noise: tuple[float, bool, float], taps: Array) -> None:
    """Taps (window + 1, beams) on cells of the mean chord 1 / (|cos| + |sin|) of every beam."""
    one = np.empty(taps.shape[0])
    for b in range(taps.shape[1]):
        one[:] = 0.0
        fill_noise(noise[0], 1.0 / (abs(rays[0, b]) + abs(rays[1, b])), noise[1], noise[2], one)
        taps[:, b] = one


@kernel
def scan_sums(
    poses: Array,
    angles: Array,
    length: float,
    shape: tuple[int, int],
    cells: Cells,
    table: Array,
    stop: Stop,
    noise: tuple[float, bool, float],
    no_hit: bool,
    out: Array,
    dropped: Array,
) -> None:
    """Information [nat] summed over the beams at each pose, and a bound on what was dropped.

    `noise` is (sigma [cells], uniform?, half width of the kernel in sigmas). The cells of a beam
    count as equally long, their mean chord 1 / (|cos| + |sin|): exact without noise.
    """
    window = padded_width(noise[0], noise[1], noise[2])
    state, at = np.zeros((KEPT + 4) * LANES), np.zeros(LANES, dtype=np.int64)
    jumps, taps = np.zeros(2 * LANES, dtype=np.int64), np.zeros((window + 1) * LANES)
    chance = np.zeros((STEPS + window) * LANES)
    gains = np.zeros((STEPS + 2 * window) * LANES)
    rays, all_taps = np.zeros((4, angles.size)), np.zeros((window + 1, angles.size))
    none = 1.0 if no_hit else 0.0
    heading = math.nan
    for p in range(poses.shape[0]):
        if poses[p, 2] != heading:
            heading = poses[p, 2]
            aim(heading, angles, rays)
            fill_all_noise(rays, noise, all_taps)
        out[p], dropped[p] = 0.0, 0.0
        for first in range(0, angles.size, LANES):
            count = min(LANES, angles.size - first)
            start(
                poses[p, 0], poses[p, 1], rays, first, count, length, shape[0], shape[1],
                state, at, jumps,
            )  # fmt: skip
            for m in range(window + 1):
                taps[m * LANES : m * LANES + count] = all_taps[m, first : first + count]
            chance[: window * LANES] = 0.0
            gains[: 2 * window * LANES] = 0.0
            while count > 0:
                for s in range(STEPS):
                    look(cells, table, at, state, count)
                    advance(
                        state, at, jumps, chance, gains, np.uintp((window + s) * LANES),
                        np.uintp((2 * window + s) * LANES), count, stop, none,
                    )  # fmt: skip
                add_hits(state, chance, gains, taps, window, count)
                move_up(chance, window, count)
                move_up(gains, 2 * window, count)
                count, total, loss = retire(state, at, jumps, chance, gains, taps, window, count)
                out[p] += total
                dropped[p] += loss


@kernel
def joint_sums(
    poses: Array,
    angles: Array,
    length: float,
    shape: tuple[int, int],
    cells: Cells,
    table: Array,
    stop: Stop,
    no_hit: bool,
    path: bool,
    out: Array,
    dropped: Array,
) -> None:
    """Information [nat] with each cell counted once at its best reach over beams.

    `path`: the best reach is kept from pose to pose and out[p] is what pose p adds to it.
    Without `no_hit` a cell is cleared only by a beam that hits something behind it.
    """
    height, width = shape
    flat = np.empty(height + width + 3, dtype=np.uintp)
    rows = np.empty(height + width + 3, dtype=np.uintp)
    reaches = np.empty(height + width + 3)
    best = np.zeros((cells.size, 2))  # of being hit (if occupied), of being cleared (if free)
    touched = np.empty(cells.size, dtype=np.uintp)
    for p in range(poses.shape[0]):
        total, loss, count = 0.0, 0.0, 0
        for b in range(angles.size):
            a = poses[p, 2] + angles[b]
            n, lost = trace_reach(
                poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, height, width,
                cells, table, stop, flat, rows,
            )  # fmt: skip
            loss += lost
            reach = 1.0
            for k in range(n):
                reaches[k] = reach
                reach *= 1.0 - table[rows[k], 0]
            behind = 1.0 if no_hit else 0.0  # probability of a report, given free up to here
            for k in range(n - 1, -1, -1):
                at, row = flat[k], rows[k]
                o = table[row, 0]
                hit, clear = reaches[k], reaches[k] * behind
                if best[at, 0] == 0.0 and hit > 0.0:
                    touched[count] = at
                    count += 1
                if hit > best[at, 0]:
                    total += (hit - best[at, 0]) * o * table[row, 1]
                    best[at, 0] = hit
                if clear > best[at, 1]:
                    total += (clear - best[at, 1]) * (1.0 - o) * table[row, 2]
                    best[at, 1] = clear
                behind = o + (1.0 - o) * behind
        out[p] = total
        dropped[p] = loss
        if not path:
            for k in range(count):
                best[touched[k], 0] = 0.0
                best[touched[k], 1] = 0.0


@kernel
def sampled_sums(
    poses: Array,
    angles: Array,
    length: float,
    shape: tuple[int, int],
    cells: Cells,
    table: Array,
    no_hit: bool,
    path: bool,
    rng: np.random.Generator,
    out: Array,
) -> None:
    """Information [nat] that scans of sampled maps give, out[map, pose], each cell counted once.

    `path`: the poses of one row see the same map and share what was counted.
    """
    height, width = shape
    flat = np.empty(height + width + 3, dtype=np.uintp)
    rows = np.empty(height + width + 3, dtype=np.uintp)
    to_the_end = -1.0, 0.0, 0.0, 0.0
    drawn = np.zeros(cells.size, dtype=np.int64)  # the map for which `solid` was last drawn
    solid = np.zeros(cells.size, dtype=np.bool_)
    counted = np.zeros(cells.size, dtype=np.int64)
    now = 0
    for m in range(out.shape[0]):
        now += 1
        for p in range(poses.shape[0]):
            if not path:
                now += 1
            total = 0.0
            for b in range(angles.size):
                a = poses[p, 2] + angles[b]
                n, _ = trace_reach(
                    poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, height, width,
                    cells, table, to_the_end, flat, rows,
                )  # fmt: skip
                if n == 0:
                    continue
                seen = n
                for k in range(n):
                    at = flat[k]
                    if drawn[at] != now:
                        drawn[at] = now
                        solid[at] = rng.random() < table[rows[k], 0]
                    if solid[at]:
                        seen = k + 1
                        break
                if seen < n or solid[flat[n - 1]] or no_hit:
                    for k in range(seen):
                        at, row = flat[k], rows[k]
                        if counted[at] != now:
                            counted[at] = now
                            o = table[row, 0]
                            if no_hit:  # being counted does not depend on the cell's own state
                                total += o * table[row, 1] + (1.0 - o) * table[row, 2]
                            else:
                                total += table[row, 1] if solid[at] else table[row, 2]
            out[m, p] = total
