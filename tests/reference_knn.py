"""Slow, obvious twins of the nearest-neighbour estimators: all distances, loops, no tricks."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import digamma

Array = np.ndarray


def distances(points: Array) -> Array:
    """Maximum-norm distances (n, n); infinite on the diagonal."""
    gaps = np.zeros((len(points), len(points)))
    for column in points.T:
        np.maximum(gaps, np.abs(column[:, None] - column[None, :]), out=gaps)
    np.fill_diagonal(gaps, np.inf)
    return gaps


def ksg1(x: Array, y: Array, k: int) -> float:
    n = len(x)
    dx, dy = distances(x), distances(y)
    total = 0.0
    for i in range(n):
        radius = np.sort(np.maximum(dx[i], dy[i]))[k - 1]
        total -= digamma((dx[i] < radius).sum() + 1) + digamma((dy[i] < radius).sum() + 1)
    return float(digamma(k) + digamma(n) + total / n)


def ksg2(x: Array, y: Array, k: int) -> float:
    n = len(x)
    dx, dy = distances(x), distances(y)
    total = 0.0
    for i in range(n):
        near = np.argsort(np.maximum(dx[i], dy[i]))[:k]
        total -= digamma((dx[i] <= dx[i][near].max()).sum())
        total -= digamma((dy[i] <= dy[i][near].max()).sum())
    return float(digamma(k) - 1 / k + digamma(n) + total / n)


def ross(codes: Array, y: Array, k: int) -> float:
    n = len(codes)
    dy = distances(y)
    total = 0.0
    for i in range(n):
        same = (codes == codes[i]) & (np.arange(n) != i)
        if not same.any():
            continue
        own = min(k, int(same.sum()))
        radius = np.sort(dy[i][same])[own - 1]
        around = (dy[i] < radius).sum() + 1
        total += digamma(n) + digamma(own) - digamma(same.sum() + 1) - digamma(around)
    return total / n


def mixed(x: Array, y: Array, k: int) -> float:
    n = len(x)
    dx, dy = distances(x), distances(y)
    joint = np.maximum(dx, dy)
    total = 0.0
    for i in range(n):
        radius = np.sort(joint[i])[k - 1]
        if radius == 0:
            own, a, b = ((d[i] == 0).sum() + 1 for d in (joint, dx, dy))
        else:
            own, a, b = k, (dx[i] < radius).sum() + 1, (dy[i] < radius).sum() + 1
        total += digamma(own) + digamma(n) - digamma(a) - digamma(b)
    return total / n


def conditional(x: Array, y: Array, z: Array, k: int) -> float:
    n = len(x)
    dx, dy, dz = distances(x), distances(y), distances(z)
    total = 0.0
    for i in range(n):
        radius = np.sort(np.maximum(np.maximum(dx[i], dy[i]), dz[i]))[k - 1]
        xz = (np.maximum(dx[i], dz[i]) < radius).sum()
        yz = (np.maximum(dy[i], dz[i]) < radius).sum()
        total += digamma(k) - digamma(xz + 1) - digamma(yz + 1)
        total += digamma((dz[i] < radius).sum() + 1)
    return total / n


def differential_entropy(points: Array, k: int) -> float:
    n, d = points.shape
    radius = np.sort(distances(points), axis=1)[:, k - 1]
    return float(digamma(n) - digamma(k) + d * np.log(2 * radius).mean())


def gaussian(x: Array, y: Array) -> float:
    """Three determinants, no bias correction."""
    joint = np.cov(np.hstack([x, y]).T)
    d = x.shape[1]
    logs = [np.linalg.slogdet(np.atleast_2d(m))[1] for m in (joint[:d, :d], joint[d:, d:], joint)]
    return float(0.5 * (logs[0] + logs[1] - logs[2]))


def plugin(*columns: Array) -> float:
    """I(first; second) of codes [nat] from a dictionary of counts."""
    n = len(columns[0])
    total = 0.0
    pairs: dict[tuple[int, int], int] = {}
    for pair in zip(*(c.tolist() for c in columns), strict=True):
        pairs[pair] = pairs.get(pair, 0) + 1
    for (a, b), m in pairs.items():
        rows, cols = int((columns[0] == a).sum()), int((columns[1] == b).sum())
        total += m / n * math.log(n * m / (rows * cols))
    return total
