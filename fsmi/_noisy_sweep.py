"""The whole map at once with range noise, finite range, or uncounted no-hits.

`fsmi._noisy_rows` has the recursion of a cell. Past the end of a line M is 1 if no-hits count,
else 0. A finite range runs in van Herk blocks over the four numbers that compose the recursions
(reach, reach times the gain of the free cells, M, I), a strip of lines at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import disjoint, fused
from fsmi._lines import Ints, fill_lines, major_axis, steps_in_range
from fsmi._noisy_rows import (
    FAST,
    add_tap,
    far_strip,
    near_block,
    prefix_block,
    short_line,
    short_row,
    start_taps,
    wide_row,
)
from fsmi._scan import fill_noise, noise_width
from fsmi._strips import LANES, strip_span, strip_width

Table = npt.NDArray[Any]


@disjoint
def add_line(count: int, kept: np.uintp, gain: Table, here: np.uintp, out: Table) -> None:
    """Add what a short line of every line of the strip tells."""
    for j in range(np.uintp(count)):
        out[here + j] += gain[kept + j]


@fused
def wide_lines(
    table: tuple[Table, Table, Table], q: int, at: int, lo: int, hi: int, rows: Ints, shift: Ints,
    taps: Table, steps: int, end: Any, slot: int, lines: Table, sums: Table, short: Table,
    slots: Table, out: Table,
) -> None:  # fmt: skip
    """Row q for any window: `sums` (7, width) and `short` (2, depth * width) are scratch."""
    o, f, e = table
    window, width, count = taps.size - 1, lines.shape[1], hi - lo
    rho, eta, gamma, left, passed = sums[0], sums[1], sums[2], sums[3], sums[4]
    here = np.uintp(rows[q] + at + shift[q])
    start_taps(o, here, count, taps[0], end, rho, eta, gamma, left, passed, sums[5], sums[6])
    before = here
    for m in range(1, window + 1):
        kept = np.uintp((m - 1) * width + lo)
        if m <= steps:
            short_line(
                o, f, e, here, count, rho, eta, gamma, sums[5], sums[6], kept, short[0], short[1]
            )
        if m == steps:
            add_line(count, kept, short[0], here, out)
            return
        there = np.uintp(rows[q + m] + at + shift[q + m])
        add_tap(o, f, e, before, there, count, taps[m], rho, eta, gamma, left, passed)
        before = there
    kept = np.uintp((window - 1) * width + lo)
    wide_row(
        o, f, e, here, count, rho, eta, gamma, kept, short[0], short[1], sums[5], sums[6],
        np.uintp(lo), np.uintp(slot + lo), width, lines[0], lines[1], lines[2], lines[3], slots[0],
        slots[1], out,
    )  # fmt: skip


@fused
def wide_block(
    table: tuple[Table, Table, Table], low: int, top: int, w: int, rows: Ints, shift: Ints,
    taps: Table, steps: int, end: Any, line: int, lines: Table, sums: Table, short: Table,
    slots: Table, out: Table,
) -> None:  # fmt: skip
    """`near_block` for any window and range."""
    width = lines.shape[1]
    for q in range(top - 1, low - 1, -1):
        slot = (q - low) * width
        lo, hi = strip_span(line + shift[q], width, w)
        if lo < hi:
            wide_lines(
                table, q, line + lo, lo, hi, rows, shift, taps, steps, end, slot, lines, sums,
                short, slots, out,
            )  # fmt: skip


@fused
def near_strip(
    table: tuple[Table, Table, Table], n: int, w: int, rim: int, rows: Ints, shift: Ints,
    taps: Table, steps: int, end: Any, line: int, lines: Table, sums: Table, short: Table,
    slots: Table, out: Table,
) -> None:  # fmt: skip
    """Add the lines from `line` on with a range of `steps` cells; the rest is scratch.

    `lines` is (4, width), `slots` (2, (block + 1) * width): one slot for each row of a block.
    """
    o, f, e = table
    window, width = taps.size - 1, lines.shape[1]
    block, fast = slots.shape[1] // width - 1, window == FAST < steps
    reach, lost, mass, gain = lines[0], lines[1], lines[2], lines[3]
    short[0] = 0.0
    short[1] = end
    slots[0] = 0.0
    slots[1] = end
    for start in range((n - 1) // block * block, -1, -block):
        low, top = start + rim, min(start + block, n) + rim
        lines[:] = 0.0
        reach[:] = 1.0
        if fast:
            near_block(
                o, f, e, low, top, w, rows, shift, taps, end, line, reach, lost, mass, gain,
                slots[0], slots[1], out,
            )  # fmt: skip
        else:
            wide_block(
                table, low, top, w, rows, shift, taps, steps, end, line, lines, sums, short, slots,
                out,
            )  # fmt: skip
        if start == 0 or steps <= window:
            continue
        lines[:] = 0.0
        reach[:] = 1.0
        if fast:
            short_row(o, f, e, low, w, rows, shift, taps, end, line, gain, mass)
        else:
            gain[:] = short[0, (window - 1) * width :]
            mass[:] = short[1, (window - 1) * width :]
        prefix_block(
            o, e, low, top, w, rows, shift, line, block, reach, lost, mass, gain, slots[0],
            slots[1],
        )  # fmt: skip


@fused
def noisy_direction(
    angles: npt.NDArray[np.float64], length: float, along_x: bool, first: int, whole: int,
    noise: tuple[float, bool, float], end: float, rim: int, w: int, table: Table, out: Table,
) -> None:  # fmt: skip
    """Add the angles of one major axis to `out`, in the layout of `table` (`bordered`)."""
    sigma, uniform, sigmas = noise
    n, pitch = table.shape[1] - 2 * rim, table.shape[2]
    layers = table[0].ravel(), table[1].ravel(), table[2].ravel()
    flat = out.ravel()
    rows, shift = np.empty(n + 2 * rim, dtype=np.int64), np.empty(n + 2 * rim, dtype=np.int64)
    mass, taps = np.zeros(rim + 1), np.zeros(rim + 1, dtype=table.dtype)
    past = table.dtype.type(end)
    for angle in angles:
        x, major, minor = major_axis(angle)
        if x != along_x:
            continue
        fill_lines(major, minor, n + 2 * rim, pitch, first - rim, whole, rows, shift)
        rows += rim + LANES
        mass[:] = 0.0
        window = max(1, fill_noise(sigma, 1.0 / abs(major), uniform, sigmas, mass))
        taps[:] = mass
        steps = steps_in_range(length, major)
        if window < FAST < steps:
            window = FAST
        low, high = shift[rim], shift[rim + n - 1]
        base, total = max(low, high), w + abs(high - low)
        if window == FAST and steps >= n:
            lines = np.empty((2, strip_width(total, 8 * table.itemsize)), dtype=table.dtype)
            for line in range(-base, total - base, lines.shape[1]):
                lines[0] = past
                lines[1] = 0.0
                far_strip(
                    layers[0], layers[1], layers[2], rim, rim + n, w, rows, shift,
                    taps[: window + 1], line, lines[0], lines[1], flat,
                )  # fmt: skip
            continue
        block = min(max(steps - window, 1), n)
        depth = min(window, steps)
        width = strip_width(total, (2 * block + 2 * depth + 13) * table.itemsize)
        lines = np.empty((4, width), dtype=table.dtype)
        sums = np.empty((7, width), dtype=table.dtype)
        short = np.empty((2, depth * width), dtype=table.dtype)
        slots = np.empty((2, (block + 1) * width), dtype=table.dtype)
        for line in range(-base, total - base, width):
            near_strip(
                layers, n, w, rim, rows, shift, taps[: window + 1], steps, past, line,
                lines, sums, short, slots, flat,
            )  # fmt: skip


def noisy_sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    noise: tuple[float, bool, float],
    end: float,
    rim: int,
    shape: tuple[int, int],
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the information of every angle to `out`; `tables` are o, f, e of `shape`, bordered.

    `noise` is (sigma [cells], uniform?, half width of the kernel in sigmas); `rim` is at least
    that width; tables and `out` come as is and transposed; `place` as in `fsmi._sweep.sweep`.
    """
    top, left, height, width = place
    h, w = shape
    noisy_direction(angles, length, False, top, height, noise, end, rim, w, tables[0], out[0])
    noisy_direction(angles, length, True, left, width, noise, end, rim, h, tables[1], out[1])


def noisy_rim(noise: tuple[float, bool, float]) -> int:
    """Width of the rim that the kernels need: the widest window, which is along an axis."""
    return max(FAST, noise_width(noise[0], 1.0, noise[1], noise[2]))
