"""Columns on a common scale: normal scores, standard deviations, or as they are.

And columns with atoms, values that carry a share of the rows by themselves (a zero-inflated or
censored column, codes), split into what is continuous and what is not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from privfunnel.entropy import FloatArray
from privfunnel.variables import Variable

# A value is an atom from this share of the rows on, and this number of them. Values that repeat
# less, as rounded ones do, are better told apart at random: cells of few rows read far too high.
_ATOM_SHARE = 0.1
_ATOM_ROWS = 10
# Wider than any two normal scores are apart.
_APART = 20.0


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


def has_atoms(side: Variable) -> bool:
    """Whether a column of the side is nominal or has a value that stands for many rows."""
    return any(side.nominal) or any(len(_atoms(column)) for column in side.values.T)


def separated(side: Variable, rng: np.random.Generator) -> FloatArray:
    """Columns (n, m) where rows of the same atoms are close and others far apart.

    A column without atoms becomes its normal scores. One with atoms becomes two: the scores with
    atoms at 0, and which atom it is, each `_APART` from the next. Together they say the same as
    the column did, and no neighbourhood mixes an atom with the density around it.
    """
    scores = normal_scores(side.values, rng)
    parts = []
    for column, score, nominal in zip(side.values.T, scores.T, side.nominal, strict=True):
        atoms = np.unique(column) if nominal else _atoms(column)
        if len(atoms) == 0:
            parts.append(score)
            continue
        place = np.minimum(np.searchsorted(atoms, column), len(atoms) - 1)
        here = atoms[place] == column
        parts += [np.where(here, 0.0, score), np.where(here, _APART * (place + 1), 0.0)]
    return np.column_stack(parts)


def off_atoms(side: Variable) -> npt.NDArray[np.bool_]:
    """Rows (n,) of the side where no column is nominal or at an atom."""
    free = np.full(len(side), not any(side.nominal))
    for column in side.values.T:
        atoms = _atoms(column)
        if len(atoms):
            free &= ~np.isin(column, atoms)
    return free


def _atoms(column: FloatArray) -> FloatArray:
    # Sorted values that stand for many rows.
    ordered = np.sort(column)
    if not (ordered[1:] == ordered[:-1]).any():
        return ordered[:0]
    levels, counts = np.unique(ordered, return_counts=True)
    return np.asarray(levels[counts >= max(_ATOM_ROWS, _ATOM_SHARE * len(column))])
