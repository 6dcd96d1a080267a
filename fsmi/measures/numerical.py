"""Julian quadrature: the information of a beam by integration over its reading (the reference).

Julian, Karaman and Rus (2014) integrate the gain of a reading z over the density of z. Nothing
here is shared with the fast measures but the noise model: the posterior of every cell is computed
for every report, its gain as a KL divergence, and the integral by Gauss-Legendre panels.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi.measures.beam import Beam, first_hit

Array = npt.NDArray[np.float64]
# Panel borders around each true range, in standard deviations: a panel never holds more of a
# Gaussian than its Legendre nodes resolve.
BORDERS = np.array([-8.0, -6.0, -4.5, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0])
CHUNK = 1 << 20  # numbers of the (z, j) table held at a time


def _update(o: Array, delta: float) -> Array:
    """Occupancy after the odds were multiplied by `delta`."""
    return np.asarray(delta * o / (1.0 - o + delta * o))


def _divergence(new: Array, old: Array) -> Array:
    """KL divergence [nat] of cells with occupancy `new` from cells with occupancy `old`."""
    total = np.zeros(new.shape)
    for p, q in ((new, old), (1.0 - new, 1.0 - old)):
        some = p > 0.0
        total[some] += p[some] * np.log(p[some] / q[some])
    return np.maximum(total, 0.0)  # never below 0 but by rounding


def reported_gains(beam: Beam) -> tuple[Array, float]:
    """Gain [nat] of the report "cell k" for each k, (n,), and of "no return"."""
    o = beam.occupancy
    empty, hit = _update(o, beam.delta_emp), _update(o, beam.delta_occ)
    gains = np.empty(o.size)
    for k in range(o.size):
        new = np.concatenate((empty[:k], hit[k : k + 1], o[k + 1 :]))
        gains[k] = _divergence(new, o).sum()
    return gains, float(_divergence(empty, o).sum())


def _nodes(beam: Beam, order: int) -> tuple[Array, Array]:
    """Readings z [m] along the beam and their quadrature weights [m]."""
    around = (beam.centres[:, None] + beam.sigma * BORDERS).ravel()
    inside = around[(around > beam.edges[0]) & (around < beam.edges[-1])]
    borders = np.unique(np.concatenate((beam.edges, inside)))
    x, weight = np.polynomial.legendre.leggauss(order)
    half = 0.5 * np.diff(borders)[:, None]
    middle = 0.5 * (borders[1:] + borders[:-1])[:, None]
    return (middle + half * x).ravel(), (half * weight).ravel()


def _density(z: Array, beam: Beam, hit: Array) -> Array:
    """Density [1/m] of each reading z: sum_j P(e_j) N(z; mu_j, sigma^2)."""
    out = np.empty(z.size)
    rows = max(1, CHUNK // hit.size)
    for start in range(0, z.size, rows):
        part = slice(start, start + rows)
        u = (z[part, None] - beam.centres) / beam.sigma
        out[part] = np.exp(-0.5 * u * u) @ hit
    return out / (beam.sigma * math.sqrt(2.0 * math.pi))


def numerical(beam: Beam, *, order: int = 12) -> float:
    """FSMI [nat] by quadrature over the reading z along the beam; slow, the reference.

    `I = int_0^L p(z) gain(z) dz` plus the no-return term; gain(z) is that of reporting the cell
    that z lies in. `order` is the number of Gauss-Legendre nodes a panel.
    """
    if isinstance(order, bool) or int(order) != order or not 1 <= order <= 100:
        raise ValueError(f"order is {order}; need a whole number of nodes a panel, 1 to 100")
    gains, gain_none = reported_gains(beam)
    hit, none = first_hit(beam.occupancy)
    if beam.sigma == 0.0:
        total = float(hit @ gains)
    else:
        z, weight = _nodes(beam, int(order))
        cell = np.searchsorted(beam.edges, z, side="right") - 1
        total = float((weight * _density(z, beam, hit)) @ gains[np.clip(cell, 0, hit.size - 1)])
    return total + none * gain_none if beam.count_no_hit else total
