"""Cauchy-Schwarz quadratic mutual information of one beam (Charrow et al. 2015).

CSQMI is the Cauchy-Schwarz divergence of p(m, z) from p(m) p(z)::

    I = log int p(m,z)^2 + log int p(m)^2 p(z)^2 - 2 log int p(m,z) p(m) p(z)

Divided by sum_m p(m)^2 the maps weigh p(m)^2: again independent cells, of occupancy
`o^2 / (o^2 + (1-o)^2)`. With w_l the first-hit probabilities of that sharper map, p_l those of
the map itself and `K[l, j] = exp(-(mu_l - mu_j)^2 / (4 sigma^2))`, the published formula becomes
`log sum_l w_l + log p'Kp - 2 log p'Kw`, in which nothing underflows on long beams.

No return (l = 0) is a reading of its own, K[0, 0] = 1 and K[0, l] = 0. If it is not counted it
leaves the map as it is: p(m, no return) = p(m) P(e_0), and each of the three sums gains P(e_0)^2.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused
from fsmi.measures.beam import Beam
from fsmi.measures.fsmi import check_count
from fsmi.measures.noise import blur_at, dot

Array = npt.NDArray[np.float64]
PAIR_SIGMAS = 4.0  # truncation, in standard deviations sqrt(2) sigma of the pair kernel K


@fused
def hits_and_sharper(o: Array, p: Array, w: Array) -> tuple[float, float]:
    """First-hit probabilities of the map into `p` and of the sharper map into `w`; both P(e_0)."""
    n = np.uintp(o.size)
    for j in range(n):
        free = 1.0 - o[j]
        w[j] = o[j] * o[j] / (o[j] * o[j] + free * free)
    p_none, w_none = 1.0, 1.0
    for j in range(n):
        p[j] = p_none * o[j]
        p_none *= 1.0 - o[j]
        sharp = w[j]
        w[j] = w_none * sharp
        w_none *= 1.0 - sharp
    return p_none, w_none


@fused
def divergence(
    p: Array, w: Array, smooth: Array, p_none: float, w_none: float, no_hit: bool
) -> float:
    """CSQMI [nat] from both first-hit distributions and smooth = K p."""
    all_w, pp, pw = 1.0 - w_none, dot(p, smooth), dot(w, smooth)
    if no_hit:
        all_w, pp, pw = all_w + w_none, pp + p_none * p_none, pw + p_none * w_none
    else:
        still = p_none * p_none
        all_w, pp, pw = all_w + still, pp + still, pw + still
    return max(0.0, math.log(all_w) + math.log(pp) - 2.0 * math.log(pw))


@fused
def csqmi_equal(o: Array, taps: Array, no_hit: bool, scratch: Array) -> float:
    """CSQMI [nat] on equal cells; `taps` (window + 1,) is K at 0, 1, ... cells apart.

    taps.size = n is exact, fewer truncate; `scratch` needs 3 n + 2 window places.
    """
    n, window = o.size, taps.size - 1
    end = window + n
    padded, w = scratch[: end + window], scratch[end + window : end + window + n]
    smooth = scratch[end + window + n : end + window + 2 * n]
    for m in range(window):
        padded[m] = 0.0
        padded[end + m] = 0.0
    p = padded[window:end]
    p_none, w_none = hits_and_sharper(o, p, w)
    blur_at(scratch, taps, np.uintp(n), np.uintp(end + window + n))
    return divergence(p, w, smooth, p_none, w_none, no_hit)


@fused
def csqmi_unequal(
    o: Array, centres: Array, sigma: float, window: int, no_hit: bool, scratch: Array
) -> float:
    """CSQMI [nat] for cells with any centres [m], sigma > 0; `scratch` needs 3 n places."""
    n = o.size
    p, w, smooth = scratch[:n], scratch[n : 2 * n], scratch[2 * n : 3 * n]
    p_none, w_none = hits_and_sharper(o, p, w)
    for j in range(n):
        total = 0.0
        for k in range(max(0, j - window), min(n, j + window + 1)):
            u = (centres[k] - centres[j]) / sigma
            total += p[k] * math.exp(-0.25 * u * u)
        smooth[j] = total
    return divergence(p, w, smooth, p_none, w_none, no_hit)


def pair_taps(sigma: float, cell: float, window: int) -> Array:
    """Pair kernel K of cells 0, 1, ... `window` apart, (window + 1,); sigma = 0 gives 1, 0, ..."""
    apart = np.arange(window + 1.0)
    if sigma == 0.0:
        return np.asarray(apart == 0.0, dtype=np.float64)
    return np.asarray(np.exp(-0.25 * (apart * (cell / sigma)) ** 2))


def pair_window(sigma: float, cell: float) -> int:
    """Default truncation [cells] of `approx_csqmi`: 4 standard deviations of the pair kernel."""
    return math.ceil(PAIR_SIGMAS * math.sqrt(2.0) * sigma / cell - 1e-9)


def _csqmi(beam: Beam, window: int) -> float:
    n, window = beam.occupancy.size, min(window, beam.occupancy.size - 1)
    if beam.cell is None and beam.sigma > 0.0:
        scratch = np.empty(3 * n)
        return float(
            csqmi_unequal(
                beam.occupancy, beam.centres, beam.sigma, window, beam.count_no_hit, scratch
            )
        )
    taps = pair_taps(beam.sigma, 1.0 if beam.cell is None else beam.cell, window)
    scratch = np.empty(3 * n + 2 * taps.size)
    return float(csqmi_equal(beam.occupancy, taps, beam.count_no_hit, scratch))


def csqmi(beam: Beam) -> float:
    """CSQMI [nat], every pair of cells; in its own units, not those of Shannon information."""
    return _csqmi(beam, beam.occupancy.size if beam.sigma > 0.0 else 0)


def approx_csqmi(beam: Beam, *, window: int | None = None) -> float:
    """CSQMI [nat] from pairs of cells at most `window` apart (default 4 sqrt(2) sigma)."""
    if window is None:
        shortest = float(np.diff(beam.edges).min())
        window = pair_window(beam.sigma, shortest)
    return _csqmi(beam, check_count(window, "window"))
