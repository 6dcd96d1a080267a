"""From the terms of a nearest-neighbour estimator to an Estimate.

The variance of the mean term is (var(terms) + 0.7 / k) / n: the terms of close rows share
neighbours, and by simulation that adds 0.7 / k, within a tenth, for uniform and normal samples,
k from 2 to 10 and 2 to 8 dimensions. In small samples the neighbourhoods are not small beside the
law itself; there the spread between random halves is used where it is larger. The interval knows
of the bias of one column against another only; that of further ones grows with every one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, stdtrit

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress, from_reading, normal_quantile
from privfunnel.estimators.knn_terms import Terms

Array = npt.NDArray[Any]

_SHARED = 0.7
# Up to here the spread between halves is measured; above, the formula alone is good enough.
_HALVES_BELOW = 2000
_HALVES = 10
# Readings of strong relations between numbers err upwards by up to half a standard error: a share
# of the reading, squared, for each row (bivariate normals, 500 to 2,000 rows, rho up to 0.99).
_TILT = 0.16
# Student's quantile with a degree of freedom per ten rows: the terms are skewed. Calibrated on
# bivariate normals, where it matters below 500 rows.
_ROWS_PER_DEGREE = 10


def estimate_from_terms(
    kernel: Terms,
    sides: list[Array],
    *,
    method: str,
    k: int,
    confidence: float,
    rng: np.random.Generator,
    progress: Progress | None,
    n_permutations: int = 0,
    codes: Array | None = None,
    **details: Any,
) -> Estimate:
    """The Estimate [nat] of a kernel's mean term, with interval and permutation p-value.

    `sides` are what the kernel takes before k, each with one row per row of the sample; the first
    of them is shuffled for the p-value. `codes` are those of a discrete side, if there is one.
    """
    n = len(sides[0])
    if n < 2:
        return from_reading(0.0, method=method, n=n, interval=(0.0, math.inf), note="one row")
    k = neighbours(k, n)
    terms = kernel(*sides, k)
    raw = float(terms.mean())
    variance = (float(terms.var()) + _shared_noise(terms, codes) / k) / n
    growing = 0.0
    if 4 * (k + 1) <= n <= _HALVES_BELOW:
        by_halves, growing = _halves(kernel, sides, raw, k, rng)
        variance = max(variance, by_halves)
    if codes is None:
        variance += _TILT * raw**2 / n
    error = math.sqrt(variance)
    quantile = float(stdtrit(max(1.0, n / _ROWS_PER_DEGREE), 0.5 + confidence / 2))
    lower, upper = raw - quantile * error, raw + quantile * error + growing
    if codes is not None:
        lower = _cautious_lower(raw, variance, n, quantile)
    null = _null(kernel, sides, k, n_permutations, rng, progress)
    p_value = None
    spread = error
    if n_permutations:
        p_value = float((1 + (null >= raw - 1e-12).sum()) / (1 + n_permutations))
        spread = float(null.std())
        details["null_mean"] = float(null.mean())
    power = normal_quantile(confidence) + normal_quantile(0.8)
    return from_reading(
        raw,
        method=method,
        n=n,
        standard_error=error,
        interval=(lower, upper),
        confidence=confidence,
        p_value=p_value,
        least_detectable=power * spread,
        k=k,
        largest=float(digamma(n) - digamma(k)),
        **details,
    )


def _shared_noise(terms: FloatArray, codes: Array | None) -> float:
    # Where a code is certain given the numbers, its neighbours are everybody's neighbours and
    # their distance cancels. With p the chance of the own code there, 1 - p is left at most.
    if codes is None:
        return _SHARED
    share = np.bincount(codes)[codes] / len(codes)
    return _SHARED * float(np.mean(1 - np.minimum(share * np.exp(terms), 1.0)))


def _cautious_lower(raw: float, variance: float, n: int, quantile: float) -> float:
    # When the numbers show the code of nearly every row, the few exceptions carry the variance
    # and a sample that misses them looks certain. As in the interval of Agresti & Coull (1998)
    # for a share, two rows that contradict the relation, with terms of -1, are added.
    contradicted = (n * raw - 2.0) / (n + 2)
    error = math.sqrt(variance + 2 * (raw + 1.0) ** 2 / (n + 2) ** 2)
    return contradicted - quantile * error


def neighbours(k: int, n: int) -> int:
    """`k` checked, and at most the n - 1 neighbours that there are."""
    if not (isinstance(k, int | np.integer) and k >= 1):
        raise ValueError(f"k must be a whole number >= 1, not {k!r}")
    return min(int(k), n - 1)


def _halves(
    kernel: Terms, sides: list[Array], raw: float, k: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Variance of the reading, and how much more of the relation twice the rows may show.

    Readings of two random halves differ by twice the error of the whole. Where they lie below the
    whole, the neighbourhoods are too wide for the relation, and half of that is left.
    """
    n = len(sides[0])
    half = n // 2
    readings = np.empty((_HALVES, 2))
    for pair in readings:
        order = rng.permutation(n)
        for i, rows in enumerate((order[:half], order[half:])):
            pair[i] = kernel(*(side[rows] for side in sides), k).mean()
    variance = float(((readings[:, 0] - readings[:, 1]) ** 2).mean()) / 4
    return variance, max(0.0, raw - float(readings.mean())) / 2


def _null(
    kernel: Terms,
    sides: list[Array],
    k: int,
    n_permutations: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> FloatArray:
    null = np.empty(n_permutations)
    for i in range(n_permutations):
        shuffled = rng.permutation(len(sides[0]))
        null[i] = kernel(sides[0][shuffled], *sides[1:], k).mean()
        if progress is not None:
            progress((i + 1) / n_permutations, "permutations")
    return null
