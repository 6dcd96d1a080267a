"""A proven bound on how far a mechanism is from the optimum, for X of few values.

Weak duality: prices whose reduced cost is at least -d on the whole simplex prove that no release
at all is better by more than d. The reduced cost is a difference of convex functions; on a small
simplex the concave part lies above its chord and the convex part above its tangent, both linear,
so the smallest value over the corners bounds the cell. Cells that cannot be good are dropped, the
others halved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Mechanism, Source
from privfunnel.funnels.posteriors import Goal, Prices, best_mix, distinct, posteriors_of
from privfunnel.funnels.pricing import finish, polish

# Values of X for which a certificate is tried.
MOST_VALUES = 4
_MOST_CELLS = 150_000
_TINY = 1e-300


@final
@dataclass(frozen=True)
class Certificate:
    """No release of X is better than the one found by more than `gap` [nat]."""

    gap: float
    cells: int


def certify(source: Source, prices: Prices, *, tol: float) -> tuple[float, int, FloatArray]:
    """The most by which a reduced cost can be negative, cells looked at, and negative posteriors.

    The first is at most `tol` unless the cells ran out or a posterior below -tol exists.
    """
    cells = np.eye(len(source.p_x))[None]
    looked, found, worst = 0, [np.empty((0, len(source.p_x)))], 0.0
    while len(cells) and looked < _MOST_CELLS:
        looked += len(cells)
        low, corners = _bounds(source, prices, cells)
        bad = corners.min(axis=1) < -tol
        if bad.any():
            at = np.argsort(corners.min(axis=1))[:20]
            found.append(cells[at, corners[at].argmin(axis=1)])
        settled = low >= -tol
        # A cell with a corner below -tol has proved its point: it need not be halved further.
        worst = min(worst, float(low[settled | bad].min(initial=0.0)))
        cells = _halved(cells[~settled & ~bad])
    if len(cells):
        worst = min(worst, float(_bounds(source, prices, cells)[0].min()))
    return -worst, looked, np.vstack(found)


def _bounds(source: Source, prices: Prices, cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lower bound of the reduced cost on each cell (m, n, n), and its value at the corners."""
    of_l, of_u = prices.leakage, -prices.utility
    leaked, kept = source.leaked(cells), source.kept(cells)
    corners = of_l * leaked + of_u * kept - cells @ prices.of_x
    # Both l and u are convex in q: a positive price makes a convex part, a negative a concave one.
    middle = cells.mean(axis=1)
    low = -(cells @ prices.of_x)
    for weight, value, of_middle, slope in (
        (of_l, leaked, source.leaked(middle), _slope_of_l(source, middle)),
        (of_u, kept, source.kept(middle), np.log(middle + _TINY)),
    ):
        if weight > 0:
            away = np.einsum("mkn,mn->mk", cells - middle[:, None, :], slope)
            low = low + weight * (of_middle[:, None] + away)
        else:
            low = low + weight * value
    return low.min(axis=1), corners


def _slope_of_l(source: Source, q: FloatArray) -> FloatArray:
    return np.asarray(np.log(q @ source.s_given_x + _TINY) @ source.s_given_x.T)


def _halved(cells: FloatArray) -> FloatArray:
    """Each cell cut in two at the middle of its longest edge."""
    if not len(cells) or cells.shape[1] == 1:
        return cells[:0]
    length = ((cells[:, :, None, :] - cells[:, None, :, :]) ** 2).sum(axis=3)
    n = cells.shape[1]
    first, second = np.divmod(length.reshape(len(cells), -1).argmax(axis=1), n)
    rows = np.arange(len(cells))
    middle = 0.5 * (cells[rows, first] + cells[rows, second])
    left, right = cells.copy(), cells.copy()
    left[rows, first], right[rows, second] = middle, middle
    return np.concatenate([left, right])


def proven(
    source: Source, pool: FloatArray, goal: Goal, best: Mechanism, prices: Prices, *, tol: float
) -> tuple[Mechanism, Certificate]:
    """Global pricing: columns from the whole simplex until nothing better than `tol` exists."""
    gap, looked, columns = certify(source, prices, tol=tol)
    for _ in range(30):
        if gap <= tol or not len(columns):
            break
        better = polish(source, columns, prices, n_iter=30)
        pool = distinct(np.vstack([pool, better, posteriors_of(source, [best])]))
        best, prices = best_mix(source, pool, goal)
        best, prices, pool = finish(source, pool, goal, best, prices)
        gap, looked, columns = certify(source, prices, tol=tol)
    return best, Certificate(gap, looked)
