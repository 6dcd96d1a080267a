"""Columns on a common scale: normal scores, standard deviations, or as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from privfunnel.entropy import FloatArray


def normal_scores(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Each column of `points` (n, d) by the normal quantiles of its ranks, (n, d).

    Ranks of equal values are drawn at random. That loses no information and adds none: the column
    is a function of its scores, and within a tie the scores are independent noise. So columns
    with repeated values, even codes, become continuous without changing I(x; y).
    """
    grid = ndtri((np.arange(len(points)) + 0.5) / len(points))
    scores = np.empty(points.shape)
    for column, out in zip(points.T, scores.T, strict=True):
        order = np.argsort(column)
        ordered = column[order]
        if (ordered[1:] == ordered[:-1]).any():
            order = np.lexsort((rng.random(len(column)), column))
        out[order] = grid
    return scores


def standard(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Each column of `points` (n, d) less its mean, in standard deviations; `rng` is unused."""
    spread = points.std(axis=0)
    return np.asarray((points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _as_they_are(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.ascontiguousarray(points)


SCALES: dict[str, Callable[[FloatArray, np.random.Generator], FloatArray]] = {
    "normal": normal_scores,
    "standard": standard,
    "none": _as_they_are,
}


def scaled(points: FloatArray, scale: str, rng: np.random.Generator) -> FloatArray:
    """The columns of `points` (n, d) on the scale of that name in SCALES."""
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, not {scale!r}")
    return SCALES[scale](points, rng)
