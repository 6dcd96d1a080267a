"""One term per row; the mean of the terms is the estimate [nat]. Maximum norm throughout.

All of them count neighbours in the margins within the distance of the k-th neighbour in the
joint space, so that the errors of the densities cancel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import digamma

from privfunnel.entropy import FloatArray
from privfunnel.estimators.neighbours import Counts, count_below, count_within, nearest
from privfunnel.variables import encode, joint_codes

# Sides of a sample, each (n, d) or codes (n,), and k -> terms (n,).
Terms = Callable[..., FloatArray]


def ksg1(x: FloatArray, y: FloatArray, k: int) -> FloatArray:
    """KSG of the first kind: Kraskov, Stogbauer & Grassberger (2004), eq. 8."""
    radius = nearest(np.hstack([x, y]), k)[0][:, -1]
    return (
        _psi(k) + _psi(len(x)) - _psi(count_below(x, radius) + 1) - _psi(count_below(y, radius) + 1)
    )


def ksg2(x: FloatArray, y: FloatArray, k: int) -> FloatArray:
    """KSG of the second kind, with a radius for each side: eq. 9 of the same paper."""
    near = nearest(np.hstack([x, y]), k)[1]
    counts = [count_within(side, _reach(side, near)) for side in (x, y)]
    return _psi(k) - 1 / k + _psi(len(x)) - sum(_psi(np.maximum(c, 1)) for c in counts)


def ross(codes: Counts, y: FloatArray, k: int) -> FloatArray:
    """Codes (n,) against numbers (n, d): Ross (2014), eq. 3.

    Rows whose code occurs once have no neighbour of their kind. As they are all that is known of
    their code, their term is that of a code which tells nothing, 0.
    """
    n = len(codes)
    terms = np.zeros(n)
    radius = np.zeros(n)
    sizes = np.bincount(codes)
    neighbours = np.minimum(k, sizes - 1)[codes]
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        if len(rows) > 1:
            radius[rows] = nearest(y[rows], int(neighbours[rows[0]]))[0][:, -1]
    known = neighbours > 0
    around = count_below(y, radius)[known] + 1
    own = sizes[codes][known]
    terms[known] = _psi(n) + _psi(neighbours[known]) - _psi(own) - _psi(around)
    return terms


def mixed(x: FloatArray, y: FloatArray, k: int) -> FloatArray:
    """Any mixture of points with mass and densities: Gao, Kannan, Oh & Viswanath (2017), alg. 1.

    Where the k nearest rows are equal, all equal rows take the place of k.
    """
    radius, own = _radius_and_own(np.hstack([x, y]), k)
    return (
        _psi(own)
        + _psi(len(x))
        - _psi(count_below(x, radius) + 1)
        - _psi(count_below(y, radius) + 1)
    )


def conditional(x: FloatArray, y: FloatArray, z: FloatArray, k: int) -> FloatArray:
    """I(x; y | z): Frenzel & Pompe (2007), eq. 8; with ties Mesner & Shalizi (2020), alg. 1."""
    radius, own = _radius_and_own(np.hstack([x, y, z]), k)
    xz, yz = count_below(np.hstack([x, z]), radius), count_below(np.hstack([y, z]), radius)
    return _psi(own) + _psi(count_below(z, radius) + 1) - _psi(xz + 1) - _psi(yz + 1)


def entropy_terms(points: FloatArray, k: int) -> FloatArray:
    """Differential entropy: Kozachenko & Leonenko (1987), in the form of Kraskov eq. 20."""
    n, d = points.shape
    radius = nearest(points, k)[0][:, -1]
    with np.errstate(divide="ignore"):
        return np.asarray(_psi(n) - _psi(k) + d * np.log(2 * radius))


def _psi(counts: Counts | int) -> FloatArray:
    # A table is faster than the function: counts are small whole numbers.
    if isinstance(counts, int):
        return np.asarray(digamma(counts))
    top = int(counts.max(initial=1))
    if top > 4 * len(counts):
        return np.asarray(digamma(counts))
    with np.errstate(invalid="ignore"):
        table = digamma(np.maximum(np.arange(top + 1), 1e-300))
    return np.asarray(table[counts])


def _reach(side: FloatArray, near: Counts) -> FloatArray:
    # Distance (n,) to the farthest of some neighbours (n, k), along one side only.
    gaps = np.zeros(near.shape)
    for column in side.T:
        np.maximum(gaps, np.abs(column[near] - column[:, None]), out=gaps)
    return np.asarray(gaps.max(axis=1))


def _radius_and_own(joint: FloatArray, k: int) -> tuple[FloatArray, Counts]:
    # Distance to the k-th neighbour, and k, or where that distance is 0 the number of equal rows.
    own = np.full(len(joint), k, dtype=np.int64)
    if any(len(np.unique(column)) == len(column) for column in joint.T):
        return nearest(joint, k)[0][:, -1], own
    codes = joint_codes([encode(column)[0] for column in joint.T])
    copies = np.bincount(codes)[codes]
    many = copies > k
    own[many] = copies[many]
    radius = np.zeros(len(joint))
    if not many.all():
        # k + 1 copies of an equal row are as good as all of them, and a tree of thousands is slow.
        order = np.argsort(codes, kind="stable")
        place = np.empty(len(codes), dtype=np.int64)
        place[order] = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
        kept = np.flatnonzero(place <= k)
        distance = nearest(joint[kept], k)[0][:, -1]
        radius[kept] = distance
        radius[many] = 0.0
    return radius, own
