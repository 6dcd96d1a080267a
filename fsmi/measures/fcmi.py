"""FCMI of one beam: continuous occupancy, weighted by the d-dimensional ground it covers.

Henderson, Sze and Karaman (2020) take occupancy for a continuous field: a beam that has come to
a point is stopped in the next dr metres with probability l dr, and l is constant in a cell, where
crossing a whole cell leaves `1 - o = exp(-l * resolution)`. Where the map is certain, l is 0 or
`Lambda`, the largest rate there is, and a reading still has the entropy 1 - ln Lambda. A d-
dimensional map gets `int dtheta E[R^{d-1} (I(R) - (1 - ln Lambda))]`, of which this is one beam.

Both E[R^k I] and (1 - ln Lambda) E[R^k] are hundreds of times their difference next to walls, so
the recursion here runs on `J_k = E[R^k I] - (1 - ln Lambda) E[R^k]` itself::

    h_k = E[R^k; hit in the cell] = gamma(k + 1, x) / l^k,    x = l * width,  p = exp(-x)
    E_k <- p sum_i C(k,i) width^{k-i} E_i  +  h_k
    J_k <- p sum_i C(k,i) width^{k-i} (J_i + x E_i)  +  (k + ln(Lambda / l)) h_k - p x width^k

from the far end, where (E_0, E_k, J_k) = (1, 0, 0) if no return counts and all 0 if not.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused
from fsmi.measures.beam import Beam

Array = npt.NDArray[np.float64]
Moments = tuple[float, float, float, float, float, float]  # E_0 E_1 E_2 J_0 J_1 J_2
SMALL = 0.2  # below this x the upward recursion of gamma(k + 1, x) loses digits
# gamma(3, x) = e^-x x^3 sum_m 2 x^m / (m + 3)!, highest power first: 11 terms are exact there.
SERIES = tuple(2.0 / math.factorial(m + 3) for m in range(10, -1, -1))


@fused
def incomplete_gammas(x: float, p: float) -> tuple[float, float, float]:
    """gamma(k + 1, x) = int_0^x u^k e^-u du for k = 0, 1, 2, given p = exp(-x)."""
    px = p * x
    if x > SMALL:
        zero = 1.0 - p
        one = zero - px
        return zero, one, 2.0 * one - px * x
    # Sums of positive terms for k = 2, then downwards: nothing is subtracted.
    series = 0.0
    for coefficient in SERIES:
        series = series * x + coefficient
    two = px * x * x * series
    one = 0.5 * (two + px * x)
    return one + px, one, two


@fused
def add_cell(
    rate: float, log_ratio: float, width: float, unseen: float, behind: Moments
) -> Moments:
    """Moments seen from the near side of a cell, given those from its far side (`behind`).

    `rate` [1/m] is at most Lambda, `log_ratio` is ln(Lambda / rate) (anything where the rate is
    0), `width` [m] the way through the cell, `unseen` the share of the cell's information still
    to be had (1 if nothing was measured before, 0 if all was).
    """
    e0, e1, e2, j0, j1, j2 = behind
    x = rate * width
    p = math.exp(-x)
    w2 = width * width
    h0, h1, h2 = 0.0, 0.0, 0.0
    if x > 0.0:
        h0, h1, h2 = incomplete_gammas(x, p)
        per = 1.0 / rate
        h1 *= per
        h2 = h2 * per * per
    ux = unseen * x
    a0, a1, a2 = j0 + ux * e0, j1 + ux * e1, j2 + ux * e2
    tail = p * x
    return (
        p * e0 + h0,
        p * (e1 + width * e0) + h1,
        p * (e2 + 2.0 * width * e1 + w2 * e0) + h2,
        p * a0 + unseen * (log_ratio * h0 - tail),
        p * (a1 + width * a0) + unseen * ((1.0 + log_ratio) * h1 - tail * width),
        p * (a2 + 2.0 * width * a1 + w2 * a0) + unseen * ((2.0 + log_ratio) * h2 - tail * w2),
    )


@fused
def fcmi_line(rates: Array, log_ratios: Array, widths: Array, no_hit: bool) -> Moments:
    """All moments of a beam seen from its first cell."""
    moments = (1.0 if no_hit else 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for i in range(rates.size - 1, -1, -1):
        moments = add_cell(rates[i], log_ratios[i], widths[i], 1.0, moments)
    return moments


def stopping_rates(occupancy: Array, resolution: float, max_rate: float) -> tuple[Array, Array]:
    """Rate l [1/m] of each cell, `-ln(1 - o) / resolution` up to `max_rate`; ln(max_rate / l).

    Rates below 1e-300 count as 0, with a ratio of 0.
    """
    known = occupancy >= 1.0
    rate = -np.log1p(-np.where(known, 0.0, occupancy)) / resolution
    rate = np.minimum(np.where(known, max_rate, rate), max_rate)
    some = rate > 1e-300
    rate[~some] = 0.0
    return rate, math.log(max_rate) - np.log(np.where(some, rate, max_rate))


def _positive(value: float, name: str) -> float:
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{name} is {value}; need a finite number > 0")
    return float(value)


def fcmi(
    beam: Beam, *, dimension: int = 1, max_rate: float = 1e9, resolution: float | None = None
) -> float:
    """FCMI of a beam, E[R^{d-1} (I - 1 + ln Lambda)] [nat m^(d-1)]; noise-free, no deltas.

    Its size grows with ln Lambda and can exceed the entropy of the map: only the ranking of
    values taken with the same `max_rate` means something. A wall short of certain still claims
    `ln(Lambda / rate)`, and without the no-hit outcome the value may fall below 0.

    Parameters
    ----------
    beam : Beam
        Its `sigma`, `delta_occ` and `delta_emp` play no part.
    dimension : int
        d of the map: 1, 2 or 3. `d = 1` is the information of the beam itself.
    max_rate : float
        Lambda, the rate of a certain wall [1/cell of `resolution`]; 1e9 as published.
    resolution : float, optional
        Side [m] of the cells that the occupancies are about: crossing this far leaves 1 - o.
        Default: the cell length; must be given where lengths differ.
    """
    if dimension not in (1, 2, 3):
        raise ValueError(f"dimension is {dimension}; need 1, 2 or 3")
    if resolution is None:
        if beam.cell is None:
            raise ValueError(
                "fcmi on cells of different lengths needs resolution=, the way [m] whose"
                " crossing leaves 1 - o"
            )
        resolution = beam.cell
    side = _positive(resolution, "resolution")
    top = _positive(max_rate, "max_rate") / side
    rates, log_ratios = stopping_rates(beam.occupancy, side, top)
    moments = fcmi_line(rates, log_ratios, np.diff(beam.edges), beam.count_no_hit)
    return float(moments[2 + dimension])
