"""Kernels of `fsmi.information`: sums over the beams of a scan. Grid units and nats throughout.

`table` is (cells, 3): occupancy, gain of a hit, gain of a miss [nat]; one cache line a cell.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

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
    table: Array,
    stop: tuple[float, float, float],
    extra: int,
    flat: Flat,
) -> tuple[int, int, float]:
    """Cells of a ray up to where little information is left; `raycast.trace` has the geometry.

    `stop` is (tol, rest, weight): the ray ends when reach * (rest + weight * S) <= tol, S being
    the gain of the cells so far if all were free. Returns the number of cells where a hit counts,
    the number of cells listed in `flat` (`extra` more, for noise) and what the stop drops at most.
    """
    tol, rest, weight = stop
    j, step_j, t_j, gap_j = start_axis(x, dx)
    i, step_i, t_i, gap_i = start_axis(y, dy)
    if i < 0 or j < 0 or i >= height or j >= width:
        return 0, 0, 0.0
    left_i, left_j = cells_left(i, step_i, height), cells_left(j, step_j, width)
    at = i * width + j
    jump_i, jump_j = step_i * width, step_j
    n, hits = 0, -1
    reach, gained, dropped = 1.0, 0.0, 0.0
    while True:
        cell = np.uintp(at)
        flat[n] = cell
        n += 1
        t = min(t_i, t_j)
        if t >= length - TIE:
            break
        if hits < 0:
            reach *= 1.0 - table[cell, 0]
            gained += table[cell, 2]
            loss = reach * (rest + weight * gained)
            if loss <= tol:
                hits, dropped = n, loss
        if hits >= 0 and n >= hits + extra:
            break
        if t_j <= t + TIE:
            left_j -= 1
            at += jump_j
            t_j += gap_j
        if t_i <= t + TIE:
            left_i -= 1
            at += jump_i
            t_i += gap_i
        if left_i < 0 or left_j < 0:
            break
    return (n if hits < 0 else hits), n, dropped


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
    for m in range(window + 1):
        if uniform:
            taps[m] = 1.0 / (2 * window + 1)
        else:
            taps[m] = 0.5 * (math.erfc((m - 0.5) * scale) - math.erfc((m + 0.5) * scale))
    return window


@kernel
def noisy_sum(
    table: Array, flat: Flat, hits: int, n: int, taps: Array, window: int, gains: Array,
    no_hit: bool,
) -> float:  # fmt: skip
    """Sum over hits of P(e_j) sum_k G[k, j] C_k, plus the no-hit term; `gains` is scratch."""
    lead = 0.0  # gain of the free cells in front
    gains[:window] = 0.0
    for k in range(n):
        gains[window + k] = table[flat[k], 1] + lead
        lead += table[flat[k], 2]
    gains[window + n : n + 2 * window] = 0.0
    total, reach, lead = 0.0, 1.0, 0.0
    for j in range(hits):
        at = flat[j]
        c = taps[0] * gains[window + j]
        for m in range(1, window + 1):
            c += taps[m] * (gains[window + j - m] + gains[window + j + m])
        o = table[at, 0]
        total += reach * o * c
        reach *= 1.0 - o
        lead += table[at, 2]
    return total + reach * lead if no_hit else total


@kernel
def scan_sums(
    poses: Array,
    angles: Array,
    length: float,
    shape: tuple[int, int],
    table: Array,
    stop: tuple[float, float, float],
    noise: tuple[float, bool, float],
    no_hit: bool,
    out: Array,
    dropped: Array,
) -> None:
    """Information [nat] summed over the beams at each pose, and a bound on what was dropped.

    `noise` is (sigma [cells], uniform?, half width of the kernel in sigmas). The cells of a beam
    count as equally long, their mean chord 1 / (|cos| + |sin|): exact without noise.
    """
    height, width = shape
    sigma, uniform, sigmas = noise
    widest = noise_width(sigma, math.sqrt(0.5), uniform, sigmas)  # diagonal: the shortest cells
    room = height + width + 3
    flat = np.empty(room, dtype=np.uintp)
    gains = np.empty(room + 2 * widest)
    taps = np.zeros((angles.size, widest + 1))
    windows = np.zeros(angles.size, dtype=np.int64)
    heading = math.nan
    for p in range(poses.shape[0]):
        if poses[p, 2] != heading:
            heading = poses[p, 2]
            for b in range(angles.size):
                a = heading + angles[b]
                spacing = 1.0 / (abs(math.cos(a)) + abs(math.sin(a)))
                windows[b] = fill_noise(sigma, spacing, uniform, sigmas, taps[b])
        total, loss = 0.0, 0.0
        for b in range(angles.size):
            a = heading + angles[b]
            hits, n, lost = trace_reach(
                poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, height, width,
                table, stop, windows[b], flat,
            )  # fmt: skip
            total += noisy_sum(table, flat, hits, n, taps[b], windows[b], gains, no_hit)
            loss += lost
        out[p] = total
        dropped[p] = loss


@kernel
def joint_sums(
    poses: Array,
    angles: Array,
    length: float,
    shape: tuple[int, int],
    table: Array,
    stop: tuple[float, float, float],
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
    reaches = np.empty(height + width + 3)
    best = np.zeros((table.shape[0], 2))  # of being hit (if occupied), of being cleared (if free)
    touched = np.empty(table.shape[0], dtype=np.uintp)
    for p in range(poses.shape[0]):
        total, loss, count = 0.0, 0.0, 0
        for b in range(angles.size):
            a = poses[p, 2] + angles[b]
            _, n, lost = trace_reach(
                poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, height, width,
                table, stop, 0, flat,
            )  # fmt: skip
            loss += lost
            reach = 1.0
            for k in range(n):
                reaches[k] = reach
                reach *= 1.0 - table[flat[k], 0]
            behind = 1.0 if no_hit else 0.0  # probability of a report, given free up to here
            for k in range(n - 1, -1, -1):
                at = flat[k]
                o = table[at, 0]
                hit, clear = reaches[k], reaches[k] * behind
                if best[at, 0] == 0.0 and hit > 0.0:
                    touched[count] = at
                    count += 1
                if hit > best[at, 0]:
                    total += (hit - best[at, 0]) * o * table[at, 1]
                    best[at, 0] = hit
                if clear > best[at, 1]:
                    total += (clear - best[at, 1]) * (1.0 - o) * table[at, 2]
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
    drawn = np.zeros(table.shape[0], dtype=np.int64)  # the map for which `solid` was last drawn
    solid = np.zeros(table.shape[0], dtype=np.bool_)
    counted = np.zeros(table.shape[0], dtype=np.int64)
    now = 0
    for m in range(out.shape[0]):
        now += 1
        for p in range(poses.shape[0]):
            if not path:
                now += 1
            total = 0.0
            for b in range(angles.size):
                a = poses[p, 2] + angles[b]
                _, n, _ = trace_reach(
                    poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, height, width,
                    table, (-1.0, 0.0, 0.0), 0, flat,
                )  # fmt: skip
                if n == 0:
                    continue
                seen = n
                for k in range(n):
                    at = flat[k]
                    if drawn[at] != now:
                        drawn[at] = now
                        solid[at] = rng.random() < table[at, 0]
                    if solid[at]:
                        seen = k + 1
                        break
                if seen < n or solid[flat[n - 1]] or no_hit:
                    for k in range(seen):
                        at = flat[k]
                        if counted[at] != now:
                            counted[at] = now
                            o = table[at, 0]
                            if no_hit:  # being counted does not depend on the cell's own state
                                total += o * table[at, 1] + (1.0 - o) * table[at, 2]
                            else:
                                total += table[at, 1] if solid[at] else table[at, 2]
            out[m, p] = total
