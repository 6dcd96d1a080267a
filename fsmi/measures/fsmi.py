"""FSMI of one beam: exact (theorem 1), truncated noise, uniform noise (Zhang et al. 2019).

`I = sum_j P(e_j) sum_k G[k, j] C_k`, with `C_k = f_occ(k) + sum_{i<k} f_emp(i)` the gain of the
report "cell k". The kernels take prepared per-cell tables (`gain_tables`) and allocate nothing,
so that other kernels can call them; nats.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused, kernel
from fsmi.measures.beam import Beam
from fsmi.measures.noise import blur_at, dot_at, noise_kernel, uniform_half_width, window_cells

Array = npt.NDArray[np.float64]
# Gaussian mass beyond this many standard deviations is 2e-19, below one rounding of the sum:
# the noise of "exact" FSMI ends here.
EXACT_SIGMAS = 9.0
NEGLIGIBLE = 1e-19


@fused
def along_beam(
    o: Array, f_occ: Array, f_emp: Array, gains: Array, hits: Array
) -> tuple[float, float]:
    """Fill C_k and P(e_k) of every cell; return sum f_emp and P(e_0)."""
    front, reach = 0.0, 1.0
    for k in range(np.uintp(o.size)):
        gains[k] = f_occ[k] + front
        front += f_emp[k]
        hits[k] = reach * o[k]
        reach *= 1.0 - o[k]
    return front, reach


@fused
def expected_gain(
    o: Array, f_occ: Array, f_emp: Array, taps: Array, no_hit: bool, scratch: Array
) -> float:
    """FSMI [nat] on equal cells under any symmetric noise; O(n * window).

    `taps` (window + 1,) holds the mass of a reading 0, 1, ... window cells off its cell (on
    each side); `scratch` needs 3 n + 2 window places.
    """
    # Offsets, not slices: each slice counts a reference, which costs as much as ten cells.
    n, window = np.uintp(o.size), np.uintp(taps.size - 1)
    hits = n + window + window
    smooth = hits + n
    for m in range(window):  # readings off the beam gain nothing
        scratch[m] = 0.0
        scratch[n + window + m] = 0.0
    front, reach = 0.0, 1.0
    for k in range(n):
        scratch[window + k] = f_occ[k] + front
        front += f_emp[k]
        scratch[hits + k] = reach * o[k]
        reach *= 1.0 - o[k]
    blur_at(scratch, taps, n, smooth)
    total = dot_at(scratch, hits, smooth, n)
    return total + reach * front if no_hit else total


@kernel
def expected_gain_uniform(
    o: Array, f_occ: Array, f_emp: Array, half: int, no_hit: bool, scratch: Array
) -> float:
    """FSMI [nat] with noise uniform over the 2 half + 1 cells around the true one; O(n).

    `scratch` needs n + 1 places.
    """
    n = o.size
    front = 0.0
    scratch[0] = 0.0
    for k in range(n):
        scratch[k + 1] = scratch[k] + (f_occ[k] + front)
        front += f_emp[k]
    total, reach = 0.0, 1.0
    for j in range(n):
        inside = scratch[min(j + half + 1, n)] - scratch[max(j - half, 0)]
        total += reach * o[j] * inside
        reach *= 1.0 - o[j]
    total /= 2.0 * half + 1.0
    return total + reach * front if no_hit else total


@fused
def expected_gain_unequal(
    o: Array, f_occ: Array, f_emp: Array, edges: Array, sigma: float, window: int, no_hit: bool,
    scratch: Array,
) -> float:  # fmt: skip
    """FSMI [nat] on cells of any lengths, sigma > 0; noise over at most `window` cells a side.

    `scratch` needs 2 n places.
    """
    n = o.size
    gains, hits = scratch[:n], scratch[n : 2 * n]
    front, none = along_beam(o, f_occ, f_emp, gains, hits)
    scale = math.sqrt(0.5) / sigma
    total = 0.0
    for j in range(n):
        centre, half = 0.5 * (edges[j] + edges[j + 1]), 0.5 * (edges[j + 1] - edges[j])
        expected = math.erf(half * scale) * gains[j]
        # Outwards on both sides: a cell's mass is the tail at its near edge less that at its far.
        start = 0.5 * math.erfc(half * scale)
        tail, k = start, j
        while k > 0 and j - k < window and tail > NEGLIGIBLE:
            k -= 1
            beyond = 0.5 * math.erfc((centre - edges[k]) * scale)
            expected += (tail - beyond) * gains[k]
            tail = beyond
        tail, k = start, j
        while k < n - 1 and k - j < window and tail > NEGLIGIBLE:
            k += 1
            beyond = 0.5 * math.erfc((edges[k + 1] - centre) * scale)
            expected += (tail - beyond) * gains[k]
            tail = beyond
        total += hits[j] * expected
    return total + none * front if no_hit else total


def exact_window(sigma: float, cell: float, n: int) -> int:
    """Half width [cells] beyond which Gaussian noise adds less than one rounding; at most n - 1."""
    return min(n - 1, math.ceil(EXACT_SIGMAS * sigma / cell))


def check_count(value: int, name: str, least: int = 0) -> int:
    """`value` as an int of at least `least`, else a ValueError that names it."""
    if isinstance(value, bool) or int(value) != value or value < least:
        raise ValueError(f"{name} is {value}; need a whole number of at least {least}")
    return int(value)


def _with_taps(beam: Beam, taps: Array) -> float:
    o, f_occ, f_emp = beam.tables()
    scratch = np.empty(3 * o.size + 2 * taps.size)
    return float(expected_gain(o, f_occ, f_emp, taps, beam.count_no_hit, scratch))


def _unequal(beam: Beam, window: int) -> float:
    if beam.sigma == 0.0:
        return _with_taps(beam, np.ones(1))
    o, f_occ, f_emp = beam.tables()
    return float(
        expected_gain_unequal(
            o, f_occ, f_emp, beam.edges, beam.sigma, window, beam.count_no_hit,
            np.empty(2 * o.size),
        )
    )  # fmt: skip


def fsmi(beam: Beam) -> float:
    """FSMI [nat], theorem 1 of Zhang et al. 2019: Gaussian noise, no approximation.

    "Exact" means exact for its own definition, the expected gain of the inverse sensor model;
    it is not the true Shannon information of the beam.
    """
    n = beam.occupancy.size
    if beam.cell is None:
        return _unequal(beam, n)
    window = exact_window(beam.sigma, beam.cell, n)
    return _with_taps(beam, noise_kernel(beam.sigma, beam.cell, window)[window:])


def approx_fsmi(beam: Beam, *, window: int | None = None) -> float:
    """FSMI [nat] with the noise cut off `window` cells from the true one (default 3 sigma)."""
    n = beam.occupancy.size
    if window is None:
        shortest = float(np.diff(beam.edges).min()) if beam.cell is None else beam.cell
        window = window_cells(beam.sigma, shortest)
    window = min(check_count(window, "window"), n - 1)
    if beam.cell is None:
        return _unequal(beam, window)
    return _with_taps(beam, noise_kernel(beam.sigma, beam.cell, window)[window:])


def uniform_fsmi(beam: Beam, *, half_width: int | None = None) -> float:
    """FSMI [nat] with noise uniform over 2 `half_width` + 1 cells (default: nearest to sigma)."""
    cell = beam.equal_cell("uniform_fsmi")
    if half_width is None:
        half_width = uniform_half_width(beam.sigma, cell)
    half = check_count(half_width, "half_width")
    o, f_occ, f_emp = beam.tables()
    return float(
        expected_gain_uniform(o, f_occ, f_emp, half, beam.count_no_hit, np.empty(o.size + 1))
    )
