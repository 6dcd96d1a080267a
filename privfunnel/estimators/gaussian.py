"""Mutual information of jointly Gaussian sides, in closed form.

I = -0.5 sum ln(1 - rho_i^2) over the canonical correlations. For other laws with the same
margins it says what a linear model sees.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from scipy.special import chdtrc, chdtri, chndtr, digamma, fdtrc

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress, from_reading, normal_quantile
from privfunnel.variables import Variable

# 1 - rho^2 below this is rounding.
_EXACT = 1e-12


def gaussian_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Estimate:
    """MI [nat] of two sides taken as jointly Gaussian.

    The bias of the sample covariance is taken off exactly. The interval is Fisher's for a pair of
    columns and the delta method otherwise; the p-value is that of the F test (one column on a
    side) or Bartlett's test.
    """
    return gaussian_reading(x.real, y.real, method="gaussian", confidence=confidence)


def gaussian_reading(
    x: FloatArray, y: FloatArray, *, method: str, confidence: float, **details: Any
) -> Estimate:
    """The same for arrays (n, p) and (n, q)."""
    n = len(x)
    first, second = _basis(x), _basis(y)
    p, q = first.shape[1], second.shape[1]
    if n < p + q + 2:
        note = f"{n} rows cannot determine the covariance of {p} and {q} columns"
        unknown = (0.0, math.inf)
        return from_reading(
            0.0, method=method, n=n, interval=unknown, confidence=confidence, note=note, **details
        )
    rho = np.minimum(np.linalg.svd(first.T @ second, compute_uv=False), 1.0)
    left = np.maximum(1 - rho**2, _EXACT)
    plain = -0.5 * float(np.log(left).sum())
    raw = plain - bias(n, p, q)
    # The first term is the variance of the pointwise information, the second what is left of it
    # when the sides are independent.
    error = math.sqrt(max(float((rho**2).sum()) - p * q / n, 0.0) / n + p * q / (2 * n**2))
    half = normal_quantile(0.5 + confidence / 2) * error
    interval = (raw - half, raw + half)
    if p == q == 1 and n > 3:
        interval = _fisher(float(rho[0]), n, confidence)
        interval = (min(interval[0], max(raw, 0.0)), max(interval[1], raw))
    result = from_reading(
        raw,
        method=method,
        n=n,
        standard_error=error,
        interval=interval,
        confidence=confidence,
        p_value=_p_value(plain, n, p, q),
        least_detectable=_least_detectable(n, p, q, confidence),
        canonical_correlations=[float(r) for r in rho],
        **details,
    )
    if left.min() <= _EXACT:
        return _infinite(result)
    return result


def bias(n: int, p: int, q: int) -> float:
    """Mean of the plain reading less the truth [nat], exact for Gaussian samples.

    E ln det of a Wishart matrix is a sum of digamma functions (Misra, Singh & Demchuk 2005).
    """

    def log_det(columns: int) -> float:
        return float(digamma((n - np.arange(1, columns + 1)) / 2).sum())

    return 0.5 * (log_det(p) + log_det(q) - log_det(p + q))


def _basis(points: FloatArray) -> FloatArray:
    # Orthonormal columns that span the centred, scaled columns; dependent ones are dropped.
    centred = points - points.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = centred[:, spread > 0] / spread[spread > 0]
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    tolerance = values.max(initial=0.0) * max(points.shape) * np.finfo(np.float64).eps
    return np.asarray(left[:, values > tolerance])


def _fisher(rho: float, n: int, confidence: float) -> tuple[float, float]:
    half = normal_quantile(0.5 + confidence / 2) / math.sqrt(n - 3)
    centre = math.atanh(min(rho, 1 - 1e-15))
    low, high = max(0.0, centre - half), centre + half
    # -0.5 ln(1 - tanh^2) = ln cosh, written so that large arguments do not overflow.
    return _log_cosh(low), _log_cosh(high)


def _log_cosh(z: float) -> float:
    return z + math.log1p(math.exp(-2 * z)) - math.log(2)


def _p_value(plain: float, n: int, p: int, q: int) -> float:
    wilks = math.exp(-2 * plain)
    if min(p, q) == 1:
        k = max(p, q)
        statistic = (1 - wilks) / k / (wilks / (n - k - 1))
        return max(float(fdtrc(k, n - k - 1, statistic)), 1e-16)
    return max(float(chdtrc(p * q, (n - 1 - (p + q + 1) / 2) * 2 * plain)), 1e-16)


def _least_detectable(n: int, p: int, q: int, confidence: float, power: float = 0.8) -> float:
    # 2 n I is the non-centrality of a chi-squared statistic with p q degrees of freedom.
    limit = float(chdtri(p * q, 1 - confidence))
    low, high = 0.0, 10 * limit + 50
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if chndtr(limit, p * q, middle) > 1 - power else (low, middle)
    return 0.5 * (low + high) / (2 * n)


def _infinite(result: Estimate) -> Estimate:
    note = "infinite: a combination of columns of one side is exactly one of the other"
    details = {**result.details, "infinite": True, "note": note}
    return dataclasses.replace(result, value=math.inf, upper=math.inf, details=details)
