"""Rows of a strip of digital lines with range noise; see `fsmi._noisy_sweep` for the geometry.

A reading k falls on a cell with a hit at most `window` cells from it. Count those of hits at or
behind k where k is, those of hits in front of it where the hit is: then no reading falls behind
a sensor, whatever cell the sensor is in, and one recursion serves all origins. With reach Q from
the cell, E the gain of the free cells passed and taps t::

    rho = sum_m t_m P(hit m cells on),    eta = sum_m>0 t_m (f_m + E_m),    gamma = sum_m>0 t_m
    A = rho f + o eta,                    B = rho + o gamma
    I = A + (1 - o) (I' + e M'),          M = B + (1 - o) M'

with I the gain and M the mass of the readings [nat]. A range that ends d cells on cuts all three
sums off: (I_d, M_d) is that short line. Up to d = `window` it is written out, or made from
(I_d-1, M_d-1) of the next cell; a longer one is the sum of what each cell more adds.

Tables have a rim of void cells, o = e = 0 and f = -1, so that no loop asks where the map ends; a
reading that falls there is lost. Row q of them begins at `rows[q]`, and the strip's first line
stands in its column ``line + shift[q]``; loops over cells run over the lines in the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import disjoint
from fsmi._lines import Ints
from fsmi._strips import strip_span

Table = npt.NDArray[Any]
At = np.uintp

FAST = 3  # the window that is unrolled: 3 sigma at a sigma of one cell; narrower ones are padded


@disjoint
def far_strip(
    o: Table, f: Table, e: Table, low: int, top: int, w: int, rows: Ints, shift: Ints,
    taps: Table, line: int, mass: Table, gain: Table, out: Table,
) -> None:  # fmt: skip
    """Rows top - 1 down to `low`, window of 3, unlimited range: add I of every cell to `out`."""
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    one, zero = o.dtype.type(1), o.dtype.type(0)
    for q in range(top - 1, low - 1, -1):
        lo, hi = strip_span(line + shift[q], mass.size, w)
        at, lane = line + lo, np.uintp(lo)
        at0, at1 = np.uintp(rows[q] + shift[q] + at), np.uintp(rows[q + 1] + shift[q + 1] + at)
        at2 = np.uintp(rows[q + 2] + shift[q + 2] + at)
        at3 = np.uintp(rows[q + 3] + shift[q + 3] + at)
        for j in range(np.uintp(hi - lo)):
            o0, o1, o2, o3 = o[at0 + j], o[at1 + j], o[at2 + j], o[at3 + j]
            f0, f1, f2, f3 = f[at0 + j], f[at1 + j], f[at2 + j], f[at3 + j]
            e0, e1, e2 = e[at0 + j], e[at1 + j], e[at2 + j]
            p0, p1, p2 = one - o0, one - o1, one - o2
            rho = t0 * o0 + p0 * (t1 * o1 + p1 * (t2 * o2 + p2 * (t3 * o3)))
            m1 = t1 if f1 >= zero else zero
            m2 = t2 if f2 >= zero else zero
            m3 = t3 if f3 >= zero else zero
            passed = e0 + e1
            eta = m1 * (f1 + e0) + m2 * (f2 + passed) + m3 * (f3 + (passed + e2))
            k = lane + j
            told = rho * f0 + o0 * eta + p0 * (e0 * mass[k] + gain[k])
            mass[k] = rho + o0 * (m1 + m2 + m3) + p0 * mass[k]
            gain[k] = told
            out[at0 + j] += told


@disjoint
def near_block(
    o: Table, f: Table, e: Table, low: int, top: int, w: int, rows: Ints, shift: Ints,
    taps: Table, end: Any, line: int, reach: Table, lost: Table, mass: Table, gain: Table,
    ahead_i: Table, ahead_m: Table, out: Table,
) -> None:  # fmt: skip
    """Suffixes of a van Herk block of rows, window of 3; adds the finished windows to `out`.

    Slot i of `ahead` holds what row i sees ahead of the block. Slot i + 1, read by then, takes
    (I_4 - I_3, M_4 - M_3) of row i: what a fourth cell adds, which is all that prefixes need.
    """
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    one, zero, width = o.dtype.type(1), o.dtype.type(0), reach.size
    lag = t1 + t2 + t3 - end
    for q in range(top - 1, low - 1, -1):
        lo, hi = strip_span(line + shift[q], width, w)
        at, lane, slot = line + lo, np.uintp(lo), np.uintp((q - low) * width + lo)
        at0, at1 = np.uintp(rows[q] + shift[q] + at), np.uintp(rows[q + 1] + shift[q + 1] + at)
        at2 = np.uintp(rows[q + 2] + shift[q + 2] + at)
        at3, more = np.uintp(rows[q + 3] + shift[q + 3] + at), slot + np.uintp(width)
        for j in range(np.uintp(hi - lo)):
            o0, o1, o2 = o[at0 + j], o[at1 + j], o[at2 + j]
            f0, f1, f2, f3 = f[at0 + j], f[at1 + j], f[at2 + j], f[at3 + j]
            e0, e1 = e[at0 + j], e[at1 + j]
            m1 = t1 if f1 >= zero else zero
            m2 = t2 if f2 >= zero else zero
            m3 = t3 if f3 >= zero else zero
            p0 = one - o0
            hit1, left = p0 * o1, p0 * (one - o1)
            hit2 = left * o2
            left *= one - o2
            hit3 = left * o[at3 + j]
            passed = e0 + e1
            told1, told2 = f1 + e0, f2 + passed
            passed += e[at2 + j]
            told3 = f3 + passed
            # A fourth cell: its own readings, those of hits there, the no-hit outcome.
            read = m3 * o0 + t0 * hit3
            read += (t2 if f3 >= zero else zero) * hit1 + (t1 if f3 >= zero else zero) * hit2
            before = t3 * f0 + t2 * told1 + t1 * told2 - end * passed
            more_i = read * told3 + hit3 * before + end * ((left - hit3) * e[at3 + j])
            rho = t0 * o0 + t1 * hit1 + t2 * hit2 + t3 * hit3
            k, gone = lane + j, p0 * e0
            eta = m1 * told1 + m2 * told2 + m3 * told3
            told = rho * f0 + o0 * eta + gone * mass[k] + p0 * gain[k]
            gain[k] = told
            mass[k] = rho + o0 * (m1 + m2 + m3) + p0 * mass[k]
            away = gone * reach[k] + p0 * lost[k]
            lost[k] = away
            there = p0 * reach[k]
            reach[k] = there
            out[at0 + j] += told + away * ahead_m[slot + j] + there * ahead_i[slot + j]
            ahead_i[more + j] = more_i
            ahead_m[more + j] = read + hit3 * lag


@disjoint
def short_row(
    o: Table, f: Table, e: Table, q: int, w: int, rows: Ints, shift: Ints, taps: Table, end: Any,
    line: int, short_i: Table, short_m: Table,
) -> None:  # fmt: skip
    """I_3 and M_3 of one row; a line outside the map has none."""
    t0, t1, t2 = taps[0], taps[1], taps[2]
    one, zero = o.dtype.type(1), o.dtype.type(0)
    lo, hi = strip_span(line + shift[q], short_i.size, w)
    at, lane = line + lo, np.uintp(lo)
    at0, at1 = np.uintp(rows[q] + shift[q] + at), np.uintp(rows[q + 1] + shift[q + 1] + at)
    at2 = np.uintp(rows[q + 2] + shift[q + 2] + at)
    short_i[:] = zero
    short_m[:] = end
    for j in range(np.uintp(hi - lo)):
        o0, o1, o2 = o[at0 + j], o[at1 + j], o[at2 + j]
        f1, f2, passed = f[at1 + j], f[at2 + j], e[at0 + j] + e[at1 + j]
        hit1, left = (one - o0) * o1, (one - o0) * (one - o1)
        hit2 = left * o2
        read0 = t0 * o0 + t1 * hit1 + t2 * hit2
        read1 = (t1 if f1 >= zero else zero) * (o0 + hit2) + t0 * hit1
        read2 = t0 * hit2
        read2 += (t2 if f2 >= zero else zero) * o0 + (t1 if f2 >= zero else zero) * hit1
        none = (left - hit2) * end
        told = read0 * f[at0 + j] + read1 * (f1 + e[at0 + j]) + read2 * (f2 + passed)
        short_i[lane + j] = told + none * (passed + e[at2 + j])
        short_m[lane + j] = (read0 + read1) + (read2 + none)


@disjoint
def prefix_block(
    o: Table, e: Table, low: int, top: int, w: int, rows: Ints, shift: Ints, line: int,
    block: int, reach: Table, lost: Table, mass: Table, gain: Table, ahead_i: Table,
    ahead_m: Table,
) -> None:  # fmt: skip
    """Fill `ahead` for the `block` rows before row `low` with windows that end behind it.

    On the way in `gain` and `mass` are the short line of row `low`, `ahead` what each cell more
    adds to it (`near_block`).
    """
    one, width = o.dtype.type(1), reach.size
    for i in range(block):
        q = low + i
        lo, hi = strip_span(line + shift[q - block], width, w)
        slot = np.uintp(i * width)
        first, last = (0, 0) if q >= top else strip_span(line + shift[q], width, w)
        here = min(q, top)
        at, more = np.uintp(rows[here] + shift[here] + line + first), slot + np.uintp(width)
        if first == lo and last == hi:
            for j in range(np.uintp(hi - lo)):
                k = np.uintp(lo) + j
                told, read, there = gain[k], mass[k], reach[k]
                ahead_i[slot + k] = told
                ahead_m[slot + k] = read
                step = ahead_m[more + k]
                gain[k] = told + there * (ahead_i[more + k] + lost[k] * step)
                mass[k] = read + there * step
                lost[k] += e[at + j]
                reach[k] = there * (one - o[at + j])
            continue
        for c in range(np.uintp(lo), np.uintp(hi)):
            ahead_i[slot + c] = gain[c]
            ahead_m[slot + c] = mass[c]
        for j in range(np.uintp(last - first)):
            k = np.uintp(first) + j
            step = ahead_m[more + k]
            gain[k] += reach[k] * (ahead_i[more + k] + lost[k] * step)
            mass[k] += reach[k] * step
            lost[k] += e[at + j]
            reach[k] *= one - o[at + j]


# Any window: the same sums tap by tap ------------------------------------------------------------


@disjoint
def start_taps(
    o: Table, at0: At, count: int, first: Any, end: Any, rho: Table, eta: Table, gamma: Table,
    left: Table, passed: Table, far_i: Table, far_m: Table,
) -> None:  # fmt: skip
    """The sums for the cell itself, and the short line of no cell."""
    for j in range(np.uintp(count)):
        rho[j] = first * o[at0 + j]
        eta[j] = 0.0
        gamma[j] = 0.0
        left[j] = 1.0
        passed[j] = 0.0
        far_i[j] = 0.0
        far_m[j] = end


@disjoint
def short_line(
    o: Table, f: Table, e: Table, at0: At, count: int, rho: Table, eta: Table, gamma: Table,
    far_i: Table, far_m: Table, kept: At, short_i: Table, short_m: Table,
) -> None:  # fmt: skip
    """(I_d, M_d) of this row at `kept`, from (I_d-1, M_d-1) of the next row, swapped with it."""
    one = o.dtype.type(1)
    for j in range(np.uintp(count)):
        o0 = o[at0 + j]
        p0, k = one - o0, kept + j
        there_i, there_m = far_i[j], far_m[j]
        far_i[j] = short_i[k]
        far_m[j] = short_m[k]
        short_i[k] = rho[j] * f[at0 + j] + o0 * eta[j] + p0 * (e[at0 + j] * there_m + there_i)
        short_m[k] = rho[j] + o0 * gamma[j] + p0 * there_m


@disjoint
def add_tap(
    o: Table, f: Table, e: Table, before: At, there: At, count: int, tap: Any, rho: Table,
    eta: Table, gamma: Table, left: Table, passed: Table,
) -> None:  # fmt: skip
    """Add one tap to the sums: the cell `there`, one behind the cell `before`."""
    one, zero = o.dtype.type(1), o.dtype.type(0)
    for j in range(np.uintp(count)):
        left[j] *= one - o[before + j]
        passed[j] += e[before + j]
        rho[j] += left[j] * (tap * o[there + j])
        mass = tap if f[there + j] >= zero else zero
        eta[j] += mass * (f[there + j] + passed[j])
        gamma[j] += mass


@disjoint
def wide_row(
    o: Table, f: Table, e: Table, at0: At, count: int, rho: Table, eta: Table, gamma: Table,
    kept: At, short_i: Table, short_m: Table, far_i: Table, far_m: Table, lane: At, slot: At,
    width: int, reach: Table, lost: Table, mass: Table, gain: Table, ahead_i: Table,
    ahead_m: Table, out: Table,
) -> None:  # fmt: skip
    """A row of `near_block` from the sums over all taps, the short lines here and one cell on."""
    one, more = o.dtype.type(1), slot + np.uintp(width)
    for j in range(np.uintp(count)):
        k = lane + j
        o0 = o[at0 + j]
        p0 = one - o0
        gone = p0 * e[at0 + j]
        a, b = rho[j] * f[at0 + j] + o0 * eta[j], rho[j] + o0 * gamma[j]
        told = a + gone * mass[k] + p0 * gain[k]
        gain[k] = told
        mass[k] = b + p0 * mass[k]
        away = gone * reach[k] + p0 * lost[k]
        lost[k] = away
        there = p0 * reach[k]
        reach[k] = there
        out[at0 + j] += told + away * ahead_m[slot + j] + there * ahead_i[slot + j]
        ahead_i[more + j] = a + gone * far_m[j] + p0 * far_i[j] - short_i[kept + j]
        ahead_m[more + j] = b + p0 * far_m[j] - short_m[kept + j]
