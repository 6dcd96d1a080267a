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
from fsmi.measures.noise import noise_kernel, uniform_half_width, window_cells

Array = npt.NDArray[np.float64]
# Gaussian mass beyond this many standard deviations is 2e-19, below one rounding of the sum:
# the noise of "exact" FSMI ends here.
EXACT_SIGMAS = 9.0


@fused
def gains_ahead(f_occ: Array, f_emp: Array, pad: int, out: Array) -> float:
    """Gain C_k of the report "cell k" into out[pad + k], zeros around; returns sum f_emp."""
    n = f_occ.size
    out[:pad] = 0.0
    out[pad + n : pad + n + pad] = 0.0
    front = 0.0
    for k in range(n):
        out[pad + k] = f_occ[k] + front
        front += f_emp[k]
    return front


@fused
def expected_gain(
    o: Array, f_occ: Array, f_emp: Array, taps: Array, no_hit: bool, scratch: Array
) -> float:
    """FSMI [nat] on equal cells under any symmetric noise; O(n * window).

    `taps` (window + 1,) holds the mass of a reading 0, 1, ... window cells off its cell (on
    each side); `scratch` needs 2 (n + window) places.
    """
    n, window = o.size, taps.size - 1
    gains = scratch[: n + 2 * window]
    front = gains_ahead(f_occ, f_emp, window, gains)
    smooth = scratch[n + 2 * window : 2 * (n + window)]
    for j in range(n):
        smooth[j] = taps[0] * gains[window + j]
    for m in range(1, window + 1):
        for j in range(n):
            smooth[j] += taps[m] * (gains[window + j - m] + gains[window + j + m])
    total, reach = 0.0, 1.0
    for j in range(n):
        total += reach * o[j] * smooth[j]
        reach *= 1.0 - o[j]
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


@kernel
def _mass_between(low: float, high: float) -> float:
    """Standard normal mass between two points, from the tail that keeps its digits."""
    if low > 0.0:
        low, high = -high, -low
    root = math.sqrt(0.5)
    return 0.5 * (math.erfc(-high * root) - math.erfc(-low * root))


@kernel
def expected_gain_unequal(
    o: Array, f_occ: Array, f_emp: Array, edges: Array, sigma: float, window: int, reach_m: float,
    no_hit: bool, scratch: Array,
) -> float:  # fmt: skip
    """FSMI [nat] on cells of any lengths, sigma > 0; noise over at most `window` cells a side.

    A reading more than `reach_m` [m] off is dropped too. `scratch` needs n places.
    """
    n = o.size
    front = gains_ahead(f_occ, f_emp, 0, scratch)
    total, reach = 0.0, 1.0
    for j in range(n):
        centre = 0.5 * (edges[j] + edges[j + 1])
        expected = 0.0
        for k in range(j, max(j - window, 0) - 1, -1):
            if edges[k + 1] < centre - reach_m:
                break
            mass = _mass_between((edges[k] - centre) / sigma, (edges[k + 1] - centre) / sigma)
            expected += mass * scratch[k]
        for k in range(j + 1, min(j + window, n - 1) + 1):
            if edges[k] > centre + reach_m:
                break
            mass = _mass_between((edges[k] - centre) / sigma, (edges[k + 1] - centre) / sigma)
            expected += mass * scratch[k]
        total += reach * o[j] * expected
        reach *= 1.0 - o[j]
    return total + reach * front if no_hit else total


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
    scratch = np.empty(2 * (o.size + taps.size))
    return float(expected_gain(o, f_occ, f_emp, taps, beam.count_no_hit, scratch))


def _unequal(beam: Beam, window: int, reach_m: float) -> float:
    if beam.sigma == 0.0:
        return _with_taps(beam, np.ones(1))
    o, f_occ, f_emp = beam.tables()
    return float(
        expected_gain_unequal(
            o, f_occ, f_emp, beam.edges, beam.sigma, window, reach_m, beam.count_no_hit,
            np.empty(o.size),
        )
    )  # fmt: skip


def fsmi(beam: Beam) -> float:
    """FSMI [nat], theorem 1 of Zhang et al. 2019: Gaussian noise, no approximation.

    "Exact" means exact for its own definition, the expected gain of the inverse sensor model;
    it is not the true Shannon information of the beam.
    """
    n = beam.occupancy.size
    if beam.cell is None:
        return _unequal(beam, n, EXACT_SIGMAS * beam.sigma)
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
        return _unequal(beam, window, math.inf)
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
