"""What noisy readings of a hit tell, row by row of a family of digital lines.

For a hit in a cell, `h` is the gain of its reading relative to the cells in front of the hit and
`g` the mass that arrives: sums over the cells up to `window` in front of it and behind it. Variant
q of both stops q cells behind the hit (`window`: all of them); a range that ends there cuts the
rest off.

The tables carry a rim of void cells, o = e = 0 and f = -1, as wide as the widest window, so that
no loop has to ask where the map ends. A reading past the end of the line is void: it tells
nothing and its mass is lost. On the near side void cells count like free ones: what falls there
is behind every sensor and is subtracted with the rest (`behind`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import disjoint
from fsmi._lines import Ints

Table = npt.NDArray[Any]

FAST = 3  # the window that is unrolled: 3 sigma at a sigma of one cell; narrower ones are padded


@disjoint
def readings(
    f: Table, e: Table, q: int, w: int, rows: Ints, shift: Ints, taps: Table, lead: Table,
    slot: np.uintp, h: Table, g: Table,
) -> None:  # fmt: skip
    """All variants of h and g of row q, (window + 1, w) from `slot` of the rings on."""
    window, at = taps.size - 1, shift[q]
    here = np.uintp(rows[q])
    near, zero = taps.sum(), f.dtype.type(0)
    for j in range(np.uintp(w)):
        h[slot + j] = taps[0] * f[here + j]
        g[slot + j] = near
        lead[j] = 0.0
    for m in range(1, window + 1):
        there = np.uintp(rows[q - m] + shift[q - m] - at)
        for j in range(np.uintp(w)):
            lead[j] -= e[there + j]
            h[slot + j] += taps[m] * (max(f[there + j], zero) + lead[j])
    for j in range(np.uintp(w)):
        lead[j] = 0.0
    for m in range(1, window + 1):
        there = np.uintp(rows[q + m] + shift[q + m] - at)
        passed = np.uintp(rows[q + m - 1] + shift[q + m - 1] - at)
        old, new = slot + np.uintp((m - 1) * w), slot + np.uintp(m * w)
        for j in range(np.uintp(w)):
            lead[j] += e[passed + j]
            told = f[there + j]
            h[new + j] = h[old + j] + (taps[m] * (told + lead[j]) if told >= zero else zero)
            g[new + j] = g[old + j] + (taps[m] if told >= zero else zero)


@disjoint
def terminals(
    o: Table, e: Table, q: int, w: int, rim: int, rows: Ints, shift: Ints, depth: int, size: int,
    end: Any, ring_h: Table, ring_g: Table, at: np.uintp, mass: Table, gain: Table,
) -> None:  # fmt: skip
    """Mass and gain of what row q still sees if the range ends `depth` cells on.

    The rings hold the variants of the last `depth` rows: (depth, window + 1, w) flat, `size` a
    row, with a rim at both ends of the whole.
    """
    one = o.dtype.type(1)
    for j in range(np.uintp(w)):
        mass[at + j] = end
        gain[at + j] = 0.0
    for k in range(depth - 1, -1, -1):
        d = shift[q + k] - shift[q]
        there = np.uintp(rows[q + k] + d)
        part = np.uintp((q + k) % depth * size + (depth - 1 - k) * w + rim + d)
        for j in range(np.uintp(w)):
            hit = o[there + j]
            free = one - hit
            gain[at + j] = hit * ring_h[part + j] + free * (
                e[there + j] * mass[at + j] + gain[at + j]
            )
            mass[at + j] = hit * ring_g[part + j] + free * mass[at + j]


@disjoint
def behind(
    o: Table, f: Table, e: Table, q: int, w: int, rows: Ints, shift: Ints, taps: Table,
    steps: int, hits: Table, lead: Table, place: np.uintp, out: Table,
) -> None:  # fmt: skip
    """Subtract from row q the readings that fall behind it, of hits within `steps` cells."""
    window, at = taps.size - 1, shift[q]
    depth = min(window, steps)
    one, zero = o.dtype.type(1), o.dtype.type(0)
    for j in range(np.uintp(w)):
        lead[j] = 1.0  # for now, the reach
    for k in range(depth):
        there, first = np.uintp(rows[q + k] + shift[q + k] - at), np.uintp(k * w)
        for j in range(np.uintp(w)):
            hits[first + j] = lead[j] * o[there + j]
            lead[j] *= one - o[there + j]
    for j in range(np.uintp(w)):
        lead[j] = 0.0
    for m in range(1, window + 1):
        there = np.uintp(rows[q - m] + shift[q - m] - at)
        for j in range(np.uintp(w)):
            lead[j] -= e[there + j]
        for k in range(min(depth, window - m + 1)):
            first, tap = np.uintp(k * w), taps[k + m]
            for j in range(np.uintp(w)):
                out[place + j] -= tap * hits[first + j] * (max(f[there + j], zero) + lead[j])


@disjoint
def fast_row(
    o: Table, f: Table, e: Table, q: int, w: int, rows: Ints, shift: Ints, taps: Table, end: Any,
    ring: Table, at: np.uintp, h: Table, g: Table, mass: Table, gain: Table, place: np.uintp,
    out: Table,
) -> None:  # fmt: skip
    """`readings`, `terminals` and `behind` of row q in one pass, for a window of 3.

    `ring` keeps, of the last three rows, the variants that stop at the hit (for the row two
    before) and one cell behind it (for the row before): (3, 2, w + 2 FAST) flat.
    """
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    near_mass, one, zero = t0 + t1 + t2 + t3, o.dtype.type(1), o.dtype.type(0)
    s, pitch = shift[q], w + 2 * FAST
    b3, b2 = np.uintp(rows[q - 3] + shift[q - 3] - s), np.uintp(rows[q - 2] + shift[q - 2] - s)
    b1, a0 = np.uintp(rows[q - 1] + shift[q - 1] - s), np.uintp(rows[q])
    a1, a2 = np.uintp(rows[q + 1] + shift[q + 1] - s), np.uintp(rows[q + 2] + shift[q + 2] - s)
    a3 = np.uintp(rows[q + 3] + shift[q + 3] - s)
    new0 = np.uintp(q % 3 * 2 * pitch + FAST)
    new1 = new0 + np.uintp(pitch)
    old0 = np.uintp((q + 2) % 3 * 2 * pitch + FAST + shift[q + 2] - s)
    old1 = np.uintp(((q + 1) % 3 * 2 + 1) * pitch + FAST + shift[q + 1] - s)
    for j in range(np.uintp(w)):
        lead = e[b1 + j]
        told1 = max(f[b1 + j], zero) - lead
        lead += e[b2 + j]
        told2 = max(f[b2 + j], zero) - lead
        lead += e[b3 + j]
        near = t1 * told1 + t2 * told2 + t3 * (max(f[b3 + j], zero) - lead)
        o0, o1, o2 = o[a0 + j], o[a1 + j], o[a2 + j]
        e0, e1, e2 = e[a0 + j], e[a1 + j], e[a2 + j]
        f1, f2, f3 = f[a1 + j], f[a2 + j], f[a3 + j]
        m1 = t1 if f1 >= zero else zero  # masses of the far side: void cells take none
        m2 = t2 if f2 >= zero else zero
        h0 = t0 * f[a0 + j] + near
        h1 = h0 + m1 * (f1 + e0)
        h2 = h1 + m2 * (f2 + e0 + e1)
        m3 = t3 if f3 >= zero else zero
        h[at + j] = h2 + m3 * (f3 + e0 + e1 + e2)
        g[at + j] = near_mass + m1 + m2 + m3
        p0, p1, p2 = one - o0, one - o1, one - o2
        third = o2 * ring[old0 + j] + p2 * e2 * end
        left = o2 * near_mass + p2 * end
        second = o1 * ring[old1 + j] + p1 * (e1 * left + third)
        left = o1 * (near_mass + (t1 if f2 >= zero else zero)) + p1 * left
        gain[at + j] = o0 * h2 + p0 * (e0 * left + second)
        mass[at + j] = o0 * (near_mass + m1 + m2) + p0 * left
        ring[new0 + j] = h0
        ring[new1 + j] = h1
        lost = o1 * (t2 * told1 + t3 * told2) + p1 * (o2 * (t3 * told1))
        out[place + j] -= o0 * near + p0 * lost
