"""Mutual information of numbers from distances to nearest neighbours.

KSG, first and second kind: Kraskov, Stogbauer & Grassberger (2004), eqs 8 and 9.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

from privfunnel.estimate import Estimate, Progress, from_reading
from privfunnel.estimators.neighbours import FloatArray, count_below, nearest
from privfunnel.variables import Variable


def ksg_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    k: int = 3,
) -> Estimate:
    """MI [nat] of two continuous sides by the first KSG estimator, maximum norm."""
    a, b = x.real, y.real
    raw = float(ksg_terms(a, b, k).mean())
    return from_reading(raw, method="ksg", n=len(a), confidence=confidence)


def ksg_terms(x: FloatArray, y: FloatArray, k: int) -> FloatArray:
    """Terms (n,) whose mean is the first KSG estimate [nat] of I(x; y), eq. 8."""
    radius = nearest(np.hstack([x, y]), k)[0][:, -1]
    near_x, near_y = count_below(x, radius), count_below(y, radius)
    return np.asarray(digamma(k) + digamma(len(x)) - digamma(near_x + 1.0) - digamma(near_y + 1.0))
