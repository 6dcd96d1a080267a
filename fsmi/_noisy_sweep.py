"""The whole map at once with range noise, finite range, or uncounted no-hits.

Per cell of a line, seen backwards (nats)::

    M = o g + (1 - o) M'                          mass of the reports that arrive
    I = o h + (1 - o) (f_emp M' + I')             their gain

with g and h of `fsmi._readings`. Past the end of a line M is 1 if no-hits count, else 0. A finite
range runs in van Herk blocks over the four numbers that compose the two recursions (reach, reach
times the gain of the free cells, M, I); the readings of its last cells end at the range
(`terminals`), and those that fall behind the sensor are subtracted for each origin (`behind`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import disjoint, fused
from fsmi._lines import Ints, fill_lines, major_axis, steps_in_range
from fsmi._readings import FAST, behind, fast_row, readings, terminals
from fsmi._scan import fill_noise, noise_width

Table = npt.NDArray[Any]


@disjoint
def suffixes(
    o: Table, e: Table, row: np.uintp, line: np.uintp, w: int, at: np.uintp, h: Table, g: Table,
    states: Table, ahead_m: Table, ahead_i: Table, place: np.uintp, out: Table,
) -> None:  # fmt: skip
    """Compose one row in front of the suffix of its block, and finish its window."""
    reach, lost, mass, gain = states[0], states[1], states[2], states[3]
    one = o.dtype.type(1)
    for j in range(np.uintp(w)):
        hit, emp, k = o[row + j], e[row + j], line + j
        free = one - hit
        told = hit * h[at + j] + free * (emp * mass[k] + gain[k])
        gain[k] = told
        mass[k] = hit * g[at + j] + free * mass[k]
        lost[k] = free * (emp * reach[k] + lost[k])
        reach[k] = free * reach[k]
        out[place + j] += told + lost[k] * ahead_m[at + j] + reach[k] * ahead_i[at + j]


@disjoint
def prefixes(
    o: Table, e: Table, row: np.uintp, line: np.uintp, w: int, at: np.uintp, h: Table, g: Table,
    states: Table,
) -> None:  # fmt: skip
    """Compose one row behind the prefix of its block; `lost` is the gain of its free cells."""
    reach, lost, mass, gain = states[0], states[1], states[2], states[3]
    one = o.dtype.type(1)
    for j in range(np.uintp(w)):
        k = line + j
        hit = reach[k] * o[row + j]
        gain[k] += hit * (h[at + j] + lost[k] * g[at + j])
        mass[k] += hit * g[at + j]
        lost[k] += e[row + j]
        reach[k] *= one - o[row + j]


@disjoint
def ends(
    d: int, line: np.uintp, w: int, at: np.uintp, states: Table, mass: Table, gain: Table,
    end: Any, ahead_m: Table, ahead_i: Table,
) -> None:  # fmt: skip
    """M and I at the start of the next block of windows that end `d` columns away, at `at`."""
    reach, lost, past, told = states[0], states[1], states[2], states[3]
    first = min(max(0, -d), w)
    lo, hi = np.uintp(first), np.uintp(max(first, min(w, w - d)))
    for side in range(2):  # lines that have left the map
        c0, c1 = (np.uintp(0), lo) if side == 0 else (hi, np.uintp(w))
        for j in range(c0, c1):
            k = line + j
            ahead_m[at + j] = past[k] + reach[k] * end
            ahead_i[at + j] = told[k] + reach[k] * lost[k] * end
    last = np.intp(at) + d
    for j in range(lo, hi):
        k, i = line + j, np.uintp(last + np.intp(j))
        ahead_m[at + j] = past[k] + reach[k] * mass[i]
        ahead_i[at + j] = told[k] + reach[k] * (gain[i] + lost[k] * mass[i])


@fused
def noisy_lines(
    o: Table, f: Table, e: Table, n: int, w: int, rim: int, rows: Ints, shift: Ints, taps: Table,
    steps: int, end: Any, places: Ints, scratch: Table, out: Table,
) -> None:  # fmt: skip
    """Add the information of one angle to `out`: `steps` cells of range, `end` counts no-hits.

    Row r of the map is row q = r + rim of `rows` and `shift`; `places[r]` is where it goes.
    """
    window = taps.size - 1
    fast = window == FAST < steps
    depth = max(1, min(window, steps))
    block = min(max(steps - window, 1), n)
    slots = np.arange(block) * w
    h, g, mass, gain = scratch[0], scratch[1], scratch[2], scratch[3]
    ahead_m, ahead_i = scratch[4], scratch[5]
    ahead_m[: block * w] = end
    ahead_i[: block * w] = 0.0
    states = np.zeros((4, w + n), dtype=o.dtype)
    size = (window + 1) * w
    ring = np.zeros(6 * (w + 2 * FAST), dtype=o.dtype)
    ring_h = np.zeros(0 if fast else depth * size + 2 * rim, dtype=o.dtype)
    ring_g = np.zeros(ring_h.size, dtype=o.dtype)
    hits = np.empty(0 if fast else (window + 1) * w, dtype=o.dtype)
    lead = np.empty(0 if fast else w, dtype=o.dtype)
    base = max(shift[rim], shift[rim + n - 1])
    for start in range((n - 1) // block * block, -1, -block):
        states[:] = 0.0
        states[0] = 1.0
        for r in range(min(start + block, n) - 1, start - 1, -1):
            q, at, place = r + rim, np.uintp(slots[r - start]), np.uintp(places[r])
            if fast:
                fast_row(
                    o, f, e, q, w, rows, shift, taps, end, ring, at, h, g, mass, gain, place, out
                )
            else:
                slot = np.uintp(q % depth * size + rim)
                readings(f, e, q, w, rows, shift, taps, lead, slot, ring_h, ring_g)
                full = slot + np.uintp(window * w)
                for j in range(np.uintp(w)):
                    h[at + j] = ring_h[full + j]
                    g[at + j] = ring_g[full + j]
                terminals(
                    o, e, q, w, rim, rows, shift, min(window, steps), size, end, ring_h, ring_g,
                    at, mass, gain,
                )  # fmt: skip
                behind(o, f, e, q, w, rows, shift, taps, steps, hits, lead, place, out)
            if steps > window:
                row, line = np.uintp(rows[q]), np.uintp(base - shift[q])
                suffixes(o, e, row, line, w, at, h, g, states, ahead_m, ahead_i, place, out)
            else:
                for j in range(np.uintp(w)):
                    out[place + j] += gain[at + j]
        if start == 0 or steps <= window:
            continue
        states[:] = 0.0
        states[0] = 1.0
        for k in range(block):
            at, origin = np.uintp(slots[k]), shift[start - block + k + rim]
            line = np.uintp(base - origin)
            d = shift[start + k + rim] - origin if start + k < n else w
            ends(d, line, w, at, states, mass, gain, end, ahead_m, ahead_i)
            if start + k < n:
                q = start + k + rim
                line = np.uintp(base - shift[q])
                prefixes(o, e, np.uintp(rows[q]), line, w, at, h, g, states)


@fused
def noisy_direction(
    angles: npt.NDArray[np.float64], length: float, along_x: bool, first: int, whole: int,
    noise: tuple[float, bool, float], end: float, rim: int, table: Table, out: Table,
) -> None:  # fmt: skip
    """Add the angles of one major axis to `out` (n, w); `table` has a rim of void cells."""
    sigma, uniform, sigmas = noise
    n, pitch = table.shape[1] - 2 * rim, table.shape[2]
    w = out.shape[1]
    o, f, e = table[0].ravel(), table[1].ravel(), table[2].ravel()
    rows, shift = np.empty(n + 2 * rim, dtype=np.int64), np.empty(n + 2 * rim, dtype=np.int64)
    places = np.empty(n, dtype=np.int64)
    mass, taps = np.zeros(rim + 1), np.zeros(rim + 1, dtype=table.dtype)
    past = table.dtype.type(end)
    scratch = np.empty((6, min(n, steps_in_range(length, 1.0)) * w), dtype=table.dtype)
    for angle in angles:
        x, major, minor = major_axis(angle)
        if x != along_x:
            continue
        fill_lines(major, minor, n + 2 * rim, pitch, first - rim, whole, rows, shift)
        rows += rim
        for r in range(n):
            places[r] = (r if major > 0.0 else n - 1 - r) * w
        mass[:] = 0.0
        window = fill_noise(sigma, 1.0 / abs(major), uniform, sigmas, mass)
        taps[:] = mass
        steps = steps_in_range(length, major)
        if window < FAST < steps:
            window = FAST
        noisy_lines(
            o, f, e, n, w, rim, rows, shift, taps[: window + 1], min(steps, n + rim), past, places,
            scratch, out.ravel(),
        )  # fmt: skip


@fused
def noisy_sweep(
    angles: npt.NDArray[np.float64],
    length: float,
    place: tuple[int, int, int, int],
    noise: tuple[float, bool, float],
    end: float,
    rim: int,
    tables: tuple[Table, Table],
    out: tuple[Table, Table],
) -> None:
    """Add the information of every angle to `out`; `tables` (3, h + 2 rim, > w + 2 rim): o, f, e.

    `noise` is (sigma [cells], uniform?, half width of the kernel in sigmas); `rim` is at least
    that width; tables and `out` come as is and transposed; `place` as in `fsmi._sweep.sweep`.
    """
    top, left, height, width = place
    noisy_direction(angles, length, False, top, height, noise, end, rim, tables[0], out[0])
    noisy_direction(angles, length, True, left, width, noise, end, rim, tables[1], out[1])


def noisy_rim(noise: tuple[float, bool, float]) -> int:
    """Width of the rim that the kernels need: the widest window, which is along an axis."""
    return max(FAST, noise_width(noise[0], 1.0, noise[1], noise[2]))
