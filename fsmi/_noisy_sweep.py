"""The whole map at once with range noise, finite range, or uncounted no-hits.

Per cell of a line, seen backwards (nats)::

    M = o g + (1 - o) M'                          mass of the reports that arrive
    I = o h + (1 - o) (f_emp M' + I')             their gain

g and h are the mass and the gain, relative to the cells in front, of the readings that a hit in
the cell can give. Three edges are cut off exactly: cells outside the map are never read, the
readings of the last cells in range end at the range (`terminals`), and the readings behind the
sensor are subtracted for each origin (`behind`). A finite range runs in van Herk blocks over the
four numbers that compose the two recursions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused
from fsmi._lines import Ints, fill_lines, major_axis, steps_in_range
from fsmi._scan import fill_noise, noise_width

Table = npt.NDArray[Any]


@fused
def overlap(w: int, d: int) -> tuple[np.uintp, np.uintp]:
    """Columns j of a row for which column j + d exists too, as a half-open range."""
    return np.uintp(min(w, max(0, -d))), np.uintp(max(0, min(w, w - d)))


@fused
def readings(
    f: Table, e: Table, r: int, n: int, w: int, rows: Ints, shift: Ints, taps: Table, lead: Table,
    h: Table, g: Table,
) -> None:  # fmt: skip
    """Gain h[q] and mass g[q] of the readings of a hit in row r, at most q cells too far.

    h and g are (window + 1, w), flat.
    """
    window = taps.size - 1
    here = np.uintp(rows[r])
    for j in range(np.uintp(w)):
        h[j] = taps[0] * f[here + j]
        g[j] = taps[0]
        lead[j] = 0.0
    for m in range(1, min(window, r) + 1):
        d = shift[r - m] - shift[r]
        lo, hi = overlap(w, d)
        there = rows[r - m] + d
        for j in range(lo, hi):
            at = np.uintp(there + np.intp(j))
            lead[j] -= e[at]
            h[j] += taps[m] * (f[at] + lead[j])
            g[j] += taps[m]
    for j in range(np.uintp(w)):
        lead[j] = 0.0
    for m in range(1, window + 1):
        old, new = np.uintp((m - 1) * w), np.uintp(m * w)
        for j in range(np.uintp(w)):
            h[new + j] = h[old + j]
            g[new + j] = g[old + j]
        if r + m < n:
            d, before = shift[r + m] - shift[r], shift[r + m - 1] - shift[r]
            lo, hi = overlap(w, d)
            there = rows[r + m] + d
            passed = rows[r + m - 1] + before
            for j in range(lo, hi):
                lead[j] += e[np.uintp(passed + np.intp(j))]
                h[new + j] += taps[m] * (f[np.uintp(there + np.intp(j))] + lead[j])
                g[new + j] += taps[m]


@fused
def terminals(
    o: Table, e: Table, r: int, n: int, w: int, rows: Ints, shift: Ints, depth: int, end: Any,
    ring_h: Table, ring_g: Table, mass: Table, gain: Table, at: int,
) -> None:  # fmt: skip
    """M and I of row r if the range ends `depth` cells on, into `mass` and `gain` from `at`."""
    first = np.uintp(at)
    size = ring_h.size // max(1, depth)
    one = o.dtype.type(1)
    for j in range(np.uintp(w)):
        mass[first + j] = end
        gain[first + j] = 0.0
    for q in range(min(depth, n - r) - 1, -1, -1):
        d = shift[r + q] - shift[r]
        lo, hi = overlap(w, d)
        there = rows[r + q] + d
        part = (r + q) % depth * size + (depth - 1 - q) * w + d
        for j in range(lo, hi):
            cell, hit = np.uintp(there + np.intp(j)), np.uintp(part + np.intp(j))
            free = one - o[cell]
            gain[first + j] = o[cell] * ring_h[hit] + free * (
                e[cell] * mass[first + j] + gain[first + j]
            )
            mass[first + j] = o[cell] * ring_g[hit] + free * mass[first + j]


@fused
def behind(
    o: Table, f: Table, e: Table, r: int, n: int, w: int, rows: Ints, shift: Ints, taps: Table,
    steps: int, hits: Table, lead: Table, out: Table,
) -> None:  # fmt: skip
    """Subtract from row r the readings that fall behind it, of hits within `steps` cells."""
    window = taps.size - 1
    depth = min(window, steps, n - r)
    one = o.dtype.type(1)
    here = np.uintp(rows[r])
    for j in range(np.uintp(w)):
        lead[j] = 1.0  # for now, the reach
    hits[:] = 0.0
    for q in range(depth):
        d = shift[r + q] - shift[r]
        lo, hi = overlap(w, d)
        there = rows[r + q] + d
        first = np.uintp(q * w)
        for j in range(lo, hi):
            occupied = o[np.uintp(there + np.intp(j))]
            hits[first + j] = lead[j] * occupied
            lead[j] *= one - occupied
    for j in range(np.uintp(w)):
        lead[j] = 0.0
    for m in range(1, min(window, r) + 1):
        d = shift[r - m] - shift[r]
        lo, hi = overlap(w, d)
        there = rows[r - m] + d
        for j in range(lo, hi):
            lead[j] -= e[np.uintp(there + np.intp(j))]
        for q in range(min(depth, window - m + 1)):
            first = np.uintp(q * w)
            for j in range(lo, hi):
                out[here + j] -= (
                    taps[q + m] * hits[first + j] * (f[np.uintp(there + np.intp(j))] + lead[j])
                )


@fused
def suffixes(
    o: Table, e: Table, row: np.uintp, line: np.uintp, w: int, h: Table, g: Table, at: np.uintp,
    states: Table, ahead_m: Table, ahead_i: Table, out: Table,
) -> None:  # fmt: skip
    """Compose one row in front of the suffix of its block, and finish its window."""
    reach, lost, mass, gain = states[0], states[1], states[2], states[3]
    one = o.dtype.type(1)
    for j in range(np.uintp(w)):
        occupied, k = o[row + j], line + j
        free = one - occupied
        gain[k] = occupied * h[at + j] + free * (e[row + j] * mass[k] + gain[k])
        mass[k] = occupied * g[at + j] + free * mass[k]
        lost[k] = free * (e[row + j] * reach[k] + lost[k])
        reach[k] = free * reach[k]
        out[row + j] += gain[k] + lost[k] * ahead_m[at + j] + reach[k] * ahead_i[at + j]


@fused
def prefixes(
    o: Table, e: Table, row: np.uintp, line: np.uintp, w: int, h: Table, g: Table, at: np.uintp,
    states: Table,
) -> None:  # fmt: skip
    """Compose one row behind the prefix of its block; `lost` is the gain of its free cells."""
    reach, lost, mass, gain = states[0], states[1], states[2], states[3]
    one = o.dtype.type(1)
    for j in range(np.uintp(w)):
        occupied, k = o[row + j], line + j
        hit = reach[k] * occupied
        gain[k] += hit * (h[at + j] + lost[k] * g[at + j])
        mass[k] += hit * g[at + j]
        lost[k] += e[row + j]
        reach[k] *= one - occupied


@fused
def noisy_lines(
    o: Table, f: Table, e: Table, n: int, w: int, rows: Ints, shift: Ints, taps: Table,
    steps: int, end: Any, out: Table,
) -> None:  # fmt: skip
    """Add the information of one angle to `out`: `steps` cells of range, `end` counts no-hits."""
    window = taps.size - 1
    steps = min(steps, n + window)
    depth = max(1, min(window, steps))
    block = max(steps - window, 1)
    base = max(shift[0], shift[n - 1])
    states = np.zeros((4, w + abs(shift[n - 1] - shift[0])), dtype=o.dtype)
    h, g = np.empty(block * w, dtype=o.dtype), np.empty(block * w, dtype=o.dtype)
    mass, gain = np.empty(block * w, dtype=o.dtype), np.empty(block * w, dtype=o.dtype)
    ahead_m, ahead_i = np.empty(block * w, dtype=o.dtype), np.zeros(block * w, dtype=o.dtype)
    ahead_m[:] = end
    size = (window + 1) * w
    ring_h, ring_g = np.empty(depth * size, dtype=o.dtype), np.empty(depth * size, dtype=o.dtype)
    hits, lead = np.empty(max(1, window) * w, dtype=o.dtype), np.empty(w, dtype=o.dtype)
    slots = np.arange(block) * w  # looked up like `rows`
    for start in range((n - 1) // block * block, -1, -block):
        states[:] = 0.0
        states[0] = 1.0
        for r in range(min(start + block, n) - 1, start - 1, -1):
            slot, at = r % depth * size, slots[r - start]
            row, line = np.uintp(rows[r]), np.uintp(base - shift[r])
            readings(
                f, e, r, n, w, rows, shift, taps, lead, ring_h[slot : slot + size],
                ring_g[slot : slot + size],
            )  # fmt: skip
            h[at : at + w] = ring_h[slot + window * w : slot + size]
            g[at : at + w] = ring_g[slot + window * w : slot + size]
            if window > 0 or steps < n:
                terminals(
                    o, e, r, n, w, rows, shift, min(window, steps), end, ring_h, ring_g, mass,
                    gain, at,
                )  # fmt: skip
            if steps > window:
                suffixes(o, e, row, line, w, h, g, np.uintp(at), states, ahead_m, ahead_i, out)
            else:
                for j in range(np.uintp(w)):
                    out[row + j] += gain[np.uintp(at) + j]
            behind(o, f, e, r, n, w, rows, shift, taps, steps, hits, lead, out)
        if start == 0:
            break
        states[:] = 0.0
        states[0] = 1.0
        for k in range(block):
            ends(
                start + k, start - block + k, n, w, shift, base, states, mass, gain, slots[k], end,
                ahead_m, ahead_i,
            )  # fmt: skip
            if start + k < n:
                row = np.uintp(rows[start + k])
                line = np.uintp(base - shift[start + k])
                prefixes(o, e, row, line, w, h, g, np.uintp(slots[k]), states)


@fused
def ends(
    r: int, origin: int, n: int, w: int, shift: Ints, base: int, states: Table, mass: Table,
    gain: Table, at: int, end: Any, ahead_m: Table, ahead_i: Table,
) -> None:  # fmt: skip
    """M and I at the start of the next block for windows from row `origin` that end at row r."""
    reach, lost, past, told = states[0], states[1], states[2], states[3]
    line, first = np.uintp(base - shift[origin]), np.uintp(at)
    for j in range(np.uintp(w)):
        k = line + j
        ahead_m[first + j] = past[k] + reach[k] * end
        ahead_i[first + j] = told[k] + reach[k] * lost[k] * end
    if r < n:
        d = shift[r] - shift[origin]
        lo, hi = overlap(w, d)
        for j in range(lo, hi):
            k, last = line + j, np.uintp(at + d + np.intp(j))
            ahead_m[first + j] = past[k] + reach[k] * mass[last]
            ahead_i[first + j] = told[k] + reach[k] * (gain[last] + lost[k] * mass[last])


@fused
def noisy_sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    noise: tuple[float, bool, float],
    end: float,
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the information of every angle to `out`; `tables` (3, h, w): o, f_occ, f_emp.

    `noise` is (sigma [cells], uniform?, half width of the kernel in sigmas); tables and `out`
    come as is and transposed; `place` as in `fsmi._sweep.sweep`.
    """
    sigma, uniform, sigmas = noise
    widest = noise_width(sigma, 1.0, uniform, sigmas)  # along an axis: the shortest cells
    top, left, height, width = place
    _, h, w = tables[0].shape
    rows, shift = np.empty(max(h, w), dtype=np.int64), np.empty(max(h, w), dtype=np.int64)
    mass = np.zeros(widest + 1)
    taps = np.zeros(widest + 1, dtype=tables[0].dtype)
    past = tables[0].dtype.type(end)
    for angle in angles:
        along_x, major, minor = major_axis(angle)
        window = fill_noise(sigma, 1.0 / abs(major), uniform, sigmas, mass)
        taps[:] = mass
        steps = steps_in_range(length, major)
        if along_x:
            fill_lines(major, minor, w, h, left, width, rows, shift)
            t = tables[1]
            noisy_lines(
                t[0].ravel(), t[1].ravel(), t[2].ravel(), w, h, rows[:w], shift[:w],
                taps[: window + 1], steps, past, out[1].ravel(),
            )  # fmt: skip
        else:
            fill_lines(major, minor, h, w, top, height, rows, shift)
            t = tables[0]
            noisy_lines(
                t[0].ravel(), t[1].ravel(), t[2].ravel(), h, w, rows[:h], shift[:h],
                taps[: window + 1], steps, past, out[0].ravel(),
            )  # fmt: skip
