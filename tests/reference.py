"""Slow, obvious twins of the fast code of fsmi: plain loops, enumeration of all maps, quadrature.

Nothing here imports fsmi. All results are in nats unless a name says otherwise. A map is a tuple
of booleans, True for an occupied cell; cells are independent with the given probabilities.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

Map = tuple[bool, ...]
NO_HIT = -1


def all_maps(occupancy: Sequence[float]) -> Iterator[tuple[Map, float]]:
    """Every map of the cells with its probability (0 for impossible ones)."""
    for cells in itertools.product((False, True), repeat=len(occupancy)):
        p = 1.0
        for occupied, o in zip(cells, occupancy, strict=True):
            p *= o if occupied else 1.0 - o
        yield cells, p


def first_hit_of(cells: Map) -> int:
    """Index of the first occupied cell, NO_HIT if there is none."""
    return next((i for i, occupied in enumerate(cells) if occupied), NO_HIT)


def joint_table(
    occupancy: Sequence[float], measure: Callable[[Map], object]
) -> tuple[np.ndarray, list[object]]:
    """joint[map, outcome] of all maps and a noise-free measurement; and the outcomes."""
    rows = [(p, measure(cells)) for cells, p in all_maps(occupancy)]
    outcomes = list(dict.fromkeys(outcome for _, outcome in rows))
    joint = np.zeros((len(rows), len(outcomes)))
    for m, (p, outcome) in enumerate(rows):
        joint[m, outcomes.index(outcome)] = p
    return joint, outcomes


def entropy_of(probabilities: Sequence[float]) -> float:
    return -sum(p * math.log(p) for p in probabilities if p > 0.0)


def divergence(new: float, old: float) -> float:
    """KL divergence of a cell with occupancy `new` from one with `old`."""
    total = 0.0
    for p, q in ((new, old), (1.0 - new, 1.0 - old)):
        if p > 0.0:
            total += p * math.log(p / q)
    return total


def updated(o: float, delta: float) -> float:
    """Occupancy after the odds were multiplied by `delta`."""
    return delta * o / (1.0 - o + delta * o)


def report_gain(
    occupancy: Sequence[float], report: int, delta_occ: float, delta_emp: float
) -> float:
    """What the report "first hit in this cell", or NO_HIT, tells: cell by cell."""
    total = 0.0
    for i, o in enumerate(occupancy):
        if report == NO_HIT or i < report:
            total += divergence(updated(o, delta_emp), o)
        elif i == report:
            total += divergence(updated(o, delta_occ), o)
    return total


def normal_mass(low: float, high: float) -> float:
    """Standard normal probability of an interval."""
    if low > 0.0:
        low, high = -high, -low
    return 0.5 * (math.erfc(-high / math.sqrt(2.0)) - math.erfc(-low / math.sqrt(2.0)))


def gaussian_noise(
    lengths: Sequence[float], sigma: float, window: int | None = None
) -> Callable[[int, int], float]:
    """G(k, j): probability that a hit in cell j is read as cell k (0 beyond `window` cells)."""
    edges = [0.0, *itertools.accumulate(lengths)]

    def mass(k: int, j: int) -> float:
        if window is not None and abs(k - j) > window:
            return 0.0
        if sigma == 0.0:
            return float(k == j)
        centre = 0.5 * (edges[j] + edges[j + 1])
        return normal_mass((edges[k] - centre) / sigma, (edges[k + 1] - centre) / sigma)

    return mass


def uniform_noise(half: int) -> Callable[[int, int], float]:
    """G(k, j) of noise uniform over the 2 half + 1 cells around j."""
    return lambda k, j: 1.0 / (2 * half + 1) if abs(k - j) <= half else 0.0


def expected_gain(
    occupancy: Sequence[float],
    noise: Callable[[int, int], float],
    delta_occ: float = 1.5,
    delta_emp: float = 1.0 / 1.5,
    count_no_hit: bool = True,
) -> float:
    """Theorem 1 by two loops: sum_j P(e_j) sum_k G(k, j) C_k, and the no-hit term."""
    n = len(occupancy)
    total, reach = 0.0, 1.0
    for j in range(n):
        for k in range(n):
            gain = report_gain(occupancy, k, delta_occ, delta_emp)
            total += reach * occupancy[j] * noise(k, j) * gain
        reach *= 1.0 - occupancy[j]
    if count_no_hit:
        total += reach * report_gain(occupancy, NO_HIT, delta_occ, delta_emp)
    return total


def expected_gain_over_maps(
    occupancy: Sequence[float], delta_occ: float, delta_emp: float, count_no_hit: bool = True
) -> float:
    """The same without noise, as an average over all maps of what their reading tells."""
    total = 0.0
    for cells, p in all_maps(occupancy):
        hit = first_hit_of(cells)
        if hit != NO_HIT or count_no_hit:
            total += p * report_gain(occupancy, hit, delta_occ, delta_emp)
    return total


def reading_densities(
    occupancy: Sequence[float], lengths: Sequence[float], sigma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Every map's probability (m,) and density p(z | map) of its reading on a grid of z.

    Returns probabilities (m,), densities (m, z), the flag "this map gives no return" (m,) and
    the step of z. On smooth densities the trapezoid rule of this step is exact to rounding.
    """
    edges = [0.0, *itertools.accumulate(lengths)]
    step = sigma / 6.0
    z = np.arange(-12.0 * sigma, edges[-1] + 12.0 * sigma, step)
    rows, probabilities, silent = [], [], []
    for cells, p in all_maps(occupancy):
        hit = first_hit_of(cells)
        probabilities.append(p)
        silent.append(hit == NO_HIT)
        mu = 0.5 * (edges[hit] + edges[hit + 1])
        density = np.exp(-0.5 * ((z - mu) / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))
        rows.append(np.zeros(z.size) if hit == NO_HIT else density)
    return np.array(probabilities), np.array(rows), np.array(silent), step


def csqmi(
    occupancy: Sequence[float], lengths: Sequence[float], sigma: float, count_no_hit: bool = True
) -> float:
    """CSQMI by its definition: all maps, integrals over z by the trapezoid rule.

    "No return" is one more reading, as long as the range axis is wide for one hit: its weight in
    the three integrals is int N(z; mu, sigma)^2 dz. Not counted, it leaves the map as it is.
    """
    p, density, silent, step = reading_densities(occupancy, lengths, sigma)
    atom = 1.0 / (2.0 * sigma * math.sqrt(math.pi))
    joint, together = p[:, None] * density, p @ density
    p_none = float(p[silent].sum())
    none = p * silent if count_no_hit else p * p_none
    both = float((joint**2).sum() * step + atom * (none**2).sum())
    apart = float((p**2).sum() * ((together**2).sum() * step + atom * p_none**2))
    cross = float((p @ joint) @ together * step + atom * (none * p).sum() * p_none)
    return math.log(both) + math.log(apart) - 2.0 * math.log(cross)


def noisy_information(occupancy: Sequence[float], lengths: Sequence[float], sigma: float) -> float:
    """The true Shannon information I(M; Z) of a noisy reading: h(Z) - h(Z | map)."""
    p, density, silent, step = reading_densities(occupancy, lengths, sigma)
    mixture = p @ density
    dense = mixture[mixture > 0.0]
    p_none = float(p[silent].sum())
    of_reading = -float((dense * np.log(dense)).sum()) * step + entropy_of([p_none])
    of_noise = 0.5 * math.log(2.0 * math.pi * math.e * sigma**2)
    return of_reading - (1.0 - p_none) * of_noise


def fcmi(
    rates: Sequence[float],
    widths: Sequence[float],
    max_rate: float,
    dimension: int = 1,
    count_no_hit: bool = True,
    nodes: int = 60,
) -> float:
    """E[R^{d-1} (I(R) - 1 + ln Lambda)] by quadrature over the range R, for moderate rates."""
    x, weight = np.polynomial.legendre.leggauss(nodes)
    total, start, passed = 0.0, 0.0, 0.0  # passed = -ln P(reach the cell)
    for rate, width in zip(rates, widths, strict=True):
        for u, w in zip(0.5 * width * (x + 1.0), 0.5 * width * weight, strict=True):
            behind = passed + rate * u
            if rate > 0.0:
                surprise = behind - math.log(rate) - 1.0 + math.log(max_rate)
                density = rate * math.exp(-behind)
                total += w * density * (start + u) ** (dimension - 1) * surprise
        start += width
        passed += rate * width
    if count_no_hit:
        total += math.exp(-passed) * start ** (dimension - 1) * passed
    return total
