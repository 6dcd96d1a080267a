"""The beams of a pose side by side: each step moves every beam one cell on. Grid units, nats.

One beam alone waits for itself: each cell needs the probability that the cells before it left,
and where it ends is a branch that no processor guesses. Up to `LANES` beams in step have neither
trouble and fill vector instructions; beams that have ended make room for the last one.

All state stands in flat arrays of `LANES` columns, so that the compiler knows how far apart two
rows are. `chance` holds P(e_j) and `gains` C_j of the last cells of every beam, the rows before
the first cell zero; the noise needs `window` cells on either side of a hit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import disjoint, inlined, kernel
from fsmi.raycast import FLAT, TIE

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[Any]
Stop = tuple[float, float, float, float]  # tol, most, least, weight: see `drops`

LANES = 64
GROUP = 8  # lanes of the widest vectors: the last group is filled up with idle lanes
STEPS = 8  # cells between two clean-ups
# Rows of the state, one column a beam: next crossings and gaps along x and y, distance of the
# entry and of the end, probability and gain of the cells so far, sums, cells since the end, what
# the table says of the cell, and the expected gain of a hit.
T_X, T_Y, GAP_X, GAP_Y, ENTRY, END, REACH, LEAD, SUM, LOSS, AGO = (
    np.uintp(k * LANES) for k in range(11)
)
KEPT = 11
OCC, HIT, MISS, GAIN = (np.uintp(k * LANES) for k in range(KEPT, KEPT + 4))
ROW, ONE, TWO = np.uintp(LANES), np.uintp(1), np.uintp(2)


@inlined
def row_at(cells: Cells, cell: Any) -> Any:
    """Row of the table for a cell: by its ROS code, or its own."""
    if cells.itemsize == 1:
        return np.uintp(cells[cell] + 1)
    return np.uintp(cell)


@inlined
def drops(reach: float, lead: float, stop: Stop) -> float:
    """What a beam that ends here leaves out at most [nat]; the proof is in `information`."""
    return reach * max(stop[1], stop[2] + stop[3] * lead)


@disjoint
def start(
    x: float, y: float, rays: Array, first: int, count: int, length: float, height: int,
    width: int, state: Array, at: Ints, jumps: Ints,
) -> None:  # fmt: skip
    """Put `count` rays into the lanes; the geometry is that of `raycast.trace`."""
    in_x, in_y, w, h = math.floor(x), math.floor(y), float(width), float(height)
    for lane in range(np.uintp(count)):
        ray = np.uintp(first) + lane
        dx, dy, gap_x, gap_y = rays[0, ray], rays[1, ray], rays[2, ray], rays[3, ray]
        step_x = 1.0 if dx > 0.0 else (-1.0 if dx < 0.0 else 0.0)
        step_y = 1.0 if dy > 0.0 else (-1.0 if dy < 0.0 else 0.0)
        ahead_x = in_x + 1.0 - x if dx > 0.0 else x - in_x
        ahead_y = in_y + 1.0 - y if dy > 0.0 else y - in_y
        hop_x = dx != 0.0 and ahead_x * gap_x <= TIE  # on a boundary: into the next cell
        hop_y = dy != 0.0 and ahead_y * gap_y <= TIE
        j = in_x + step_x if hop_x else in_x + 0.0
        i = in_y + step_y if hop_y else in_y + 0.0
        t_x = (ahead_x + 1.0 if hop_x else ahead_x) * gap_x if dx != 0.0 else math.inf
        t_y = (ahead_y + 1.0 if hop_y else ahead_y) * gap_y if dy != 0.0 else math.inf
        left_x = w - 1.0 - j if dx > 0.0 else j
        left_y = h - 1.0 - i if dy > 0.0 else i
        end = min(length, min(t_x + left_x * gap_x, t_y + left_y * gap_y)) - TIE
        inside = j >= 0.0 and i >= 0.0 and j < w and i < h
        state[T_X + lane], state[GAP_X + lane] = t_x, gap_x
        state[T_Y + lane], state[GAP_Y + lane] = t_y, gap_y
        state[ENTRY + lane], state[END + lane] = -1.0, end if inside else -2.0
        state[REACH + lane] = 1.0 if inside else 0.0
        state[LEAD + lane], state[SUM + lane], state[LOSS + lane] = 0.0, 0.0, 0.0
        state[AGO + lane] = 0.0
        at[lane] = np.int64(i * w + j) if inside else 0
        jumps[lane], jumps[ROW + lane] = np.int64(step_x), np.int64(step_y * w)


@disjoint
def look(cells: Cells, table: Array, at: Ints, state: Array, count: int) -> None:
    """Read the cells that the beams are in."""
    for lane in range(np.uintp(count)):
        row = row_at(cells, np.uintp(at[lane]))
        state[OCC + lane] = table[row, 0]
        state[HIT + lane] = table[row, 1]
        state[MISS + lane] = table[row, 2]


@disjoint
def advance(
    state: Array, at: Ints, jumps: Ints, chance: Array, gains: Array, to_chance: Any,
    to_gains: Any, count: int, stop: Stop, none: float,
) -> None:  # fmt: skip
    """Count the cells that the beams are in and move on; `none` is 1 if no return counts.

    A beam ends at the end of its ray, or where it would drop at most `stop[0]`; it is followed
    on for the readings of the hits before, with nothing left to hit.
    """
    for group in range(np.uintp(0), np.uintp(count), np.uintp(GROUP)):
        for lane in range(group, group + np.uintp(GROUP)):
            reach, lead, end = state[REACH + lane], state[LEAD + lane], state[END + lane]
            chance[to_chance + lane] = reach * state[OCC + lane]
            gains[to_gains + lane] = lead + state[HIT + lane] if state[ENTRY + lane] < end else 0.0
            reach *= 1.0 - state[OCC + lane]
            lead += state[MISS + lane]
            t_x, t_y = state[T_X + lane], state[T_Y + lane]
            t = min(t_x, t_y)
            inside, across, along = t < end, t_x <= t + TIE, t_y <= t + TIE
            state[T_X + lane] = t_x + state[GAP_X + lane] if across else t_x
            state[T_Y + lane] = t_y + state[GAP_Y + lane] if along else t_y
            state[ENTRY + lane] = t
            cell = at[lane]
            cell = cell + jumps[lane] if across & inside else cell
            cell = cell + jumps[ROW + lane] if along & inside else cell
            at[lane] = cell
            loss = drops(reach, lead, stop)
            gone = (loss <= stop[0]) | (not inside)
            state[SUM + lane] += none * reach * lead if gone else 0.0
            state[LOSS + lane] += loss if gone & inside else 0.0
            reach = 0.0 if gone else reach
            state[REACH + lane] = reach
            state[LEAD + lane] = lead
            state[AGO + lane] = state[AGO + lane] + 1.0 if reach <= 0.0 else 0.0


@disjoint
def add_hits(
    state: Array, chance: Array, gains: Array, taps: Array, window: int, count: int
) -> None:
    """Add P(e_j) sum_m g_m C_{j+m} of the next `STEPS` cells; window is 0 or 2, 5, 8, ..."""
    filled = np.uintp((count + GROUP - 1) // GROUP * GROUP)
    for p in range(np.uintp(STEPS)):
        hit, mid = p * ROW, (p + np.uintp(window)) * ROW
        if window == 0:
            for lane in range(filled):
                state[SUM + lane] += chance[hit + lane] * gains[mid + lane]
            continue
        for lane in range(filled):
            c = mid + lane
            state[GAIN + lane] = (
                taps[lane] * gains[c]
                + taps[ROW + lane] * (gains[c - ROW] + gains[c + ROW])
                + taps[TWO * ROW + lane] * (gains[c - TWO * ROW] + gains[c + TWO * ROW])
            )
        for m in range(np.uintp(3), np.uintp(window), np.uintp(3)):
            near, mid_m, far = m * ROW, (m + ONE) * ROW, (m + TWO) * ROW
            for lane in range(filled):
                c = mid + lane
                state[GAIN + lane] += (
                    taps[near + lane] * (gains[c - near] + gains[c + near])
                    + taps[mid_m + lane] * (gains[c - mid_m] + gains[c + mid_m])
                    + taps[far + lane] * (gains[c - far] + gains[c + far])
                )
        for lane in range(filled):
            state[SUM + lane] += chance[hit + lane] * state[GAIN + lane]


@disjoint
def move_up(rows: Array, n: int, count: int) -> None:
    """Move rows STEPS.. to the front, `n` of them."""
    for r in range(np.uintp(n)):
        to, source = r * ROW, (r + np.uintp(STEPS)) * ROW
        for lane in range(np.uintp(count)):
            rows[to + lane] = rows[source + lane]


@disjoint
def retire(
    state: Array, at: Ints, jumps: Ints, chance: Array, gains: Array, taps: Array, window: int,
    count: int,
) -> tuple[int, float, float]:  # fmt: skip
    """Take out beams whose hits are all added; return how many are left, and sum and loss."""
    total, loss, last = 0.0, 0.0, count
    for k in range(count):
        lane = np.uintp(count - 1 - k)
        if state[AGO + lane] <= window:
            continue
        total += state[SUM + lane]
        loss += state[LOSS + lane]
        last -= 1
        end = np.uintp(last)
        if end == lane:
            continue
        for row in range(np.uintp(KEPT)):
            state[row * ROW + lane] = state[row * ROW + end]
        at[lane] = at[end]
        for row in range(np.uintp(2)):
            jumps[row * ROW + lane] = jumps[row * ROW + end]
        for row in range(np.uintp(window + 1)):
            taps[row * ROW + lane] = taps[row * ROW + end]
        for row in range(np.uintp(window)):
            chance[row * ROW + lane] = chance[row * ROW + end]
        for row in range(np.uintp(2 * window)):
            gains[row * ROW + lane] = gains[row * ROW + end]
    return last, total, loss


@kernel
def aim(heading: float, angles: Array, rays: Array) -> None:
    """Direction cosines and gaps between crossings of every beam, (4, beams)."""
    for b in range(angles.size):
        a = heading + angles[b]
        for k, d in enumerate((math.cos(a), math.sin(a))):
            flat = abs(d) < FLAT
            rays[k, b] = 0.0 if flat else d
            rays[k + 2, b] = 0.0 if flat else 1.0 / abs(d)
