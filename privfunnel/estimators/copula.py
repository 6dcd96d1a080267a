"""Mutual information from ranks alone: it does not depend on the margins.

I(x; y) is minus the entropy of the copula (Ma & Sun 2008); with several columns on a side, the
copula entropies of the sides are taken off.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.special import digamma, ndtr

from privfunnel.entropy import FloatArray, check_base
from privfunnel.estimate import Estimate, Progress, Rng
from privfunnel.estimators.from_terms import estimate_from_terms, neighbours
from privfunnel.estimators.gaussian import gaussian_reading
from privfunnel.estimators.neighbours import nearest
from privfunnel.estimators.scores import normal_scores
from privfunnel.variables import Variable, as_variable


def copula_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Estimate:
    """MI [nat] of the Gaussian copula: the closed form on normal scores of each column.

    For one column against one it is a lower bound: of all laws with normal margins and this
    correlation the Gaussian one has the least information. With several columns on a side it is
    the value for a Gaussian copula.
    """
    scores = [normal_scores(side.real, rng) for side in (x, y)]
    result = gaussian_reading(scores[0], scores[1], method="copula", confidence=confidence)
    if x.dim == y.dim == 1:
        return dataclasses.replace(result, bound="lower")
    return result


def copula_entropy_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    n_permutations: int = 0,
    k: int = 3,
) -> Estimate:
    """MI [nat] as minus the copula entropy, by nearest neighbours among the ranks."""
    return estimate_from_terms(
        _copula_terms,
        [_uniform(side.real, rng) for side in (x, y)],
        method="copula_entropy",
        k=k,
        confidence=confidence,
        rng=rng,
        progress=progress,
        n_permutations=n_permutations,
    )


def copula_entropy(x: Any, *, k: int = 3, base: float = 2, rng: Rng = None) -> float:
    """Entropy of the copula of the columns of `x` (n, d) [bit]: minus their total correlation.

    At most 0 up to the error of the estimate, and 0 for independent columns or a single one.
    """
    points = as_variable(x).real
    if points.shape[1] == 1:
        return 0.0
    if len(points) < 2:
        raise ValueError("copula entropy needs at least 2 rows, not 1")
    uniform = _uniform(points, np.random.default_rng(rng))
    terms = _entropy_terms(uniform, neighbours(k, len(points)))
    return float(terms.mean()) / check_base(base)


def _uniform(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    # Ranks between 0 and 1, ties at random.
    return np.asarray(ndtr(normal_scores(points, rng)))


def _entropy_terms(uniform: FloatArray, k: int) -> FloatArray:
    # Kozachenko & Leonenko, with two corrections without which independent columns read below 0.
    # Only the part of a cube inside the unit cube counts. And no two rows share a rank, so that
    # close to a row there are fewer others than the volume says: half a rank along each column
    # (between none and the whole one, by simulation).
    n = len(uniform)
    radius = nearest(uniform, k)[0][:, [-1]]
    widths = np.minimum(uniform + radius, 1.0) - np.maximum(uniform - radius, 0.0)
    others = (n * widths - 0.5) / (n - 0.5)
    return np.asarray(digamma(n) - digamma(k) + np.log(others).sum(axis=1))


def _copula_terms(x: FloatArray, y: FloatArray, k: int) -> FloatArray:
    terms = -_entropy_terms(np.hstack([x, y]), k)
    for side in (x, y):
        if side.shape[1] > 1:
            terms += _entropy_terms(side, k)
    return terms
