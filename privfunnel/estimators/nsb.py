"""Entropy of counts under a prior that expects no particular entropy.

Nemenman, Shafee & Bialek (2002, arXiv physics/0108025): a symmetric Dirichlet prior with b added
to every cell fixes the entropy nearly before any data. Averaged over b with the weight d xi / d b,
xi(b) being the prior's mean entropy, the prior is nearly flat in the entropy, and b is learned
from coincidences: useful where most cells hold nobody.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln, polygamma

from privfunnel.counting import Contingency, Counts
from privfunnel.entropy import FloatArray

# Range of ln b, beyond it on either side the weight falls as a power of b; points of a grid, and
# how often the grid is drawn anew around what has weight.
_LOWEST, _HIGHEST = -25.0, 20.0
_POINTS = 300
_ROUNDS = 4
_NEGLIGIBLE = 40.0


def nsb_entropy(counts: npt.ArrayLike, cells: int) -> float:
    """Posterior mean of the entropy [nat] of a law on `cells` outcomes, from their counts.

    Parameters
    ----------
    counts : people in each outcome; outcomes that nobody has may be left out.
    cells : number of outcomes that are possible, at least those that occur.
    """
    seen = np.asarray(counts, dtype=np.int64)
    sizes, times = np.unique(seen[seen > 0], return_counts=True)
    if cells < times.sum():
        raise ValueError(f"cells must be at least the {times.sum()} that occur, not {cells!r}")
    if cells == 1:
        return 0.0
    low, high = _LOWEST, _HIGHEST
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, _POINTS)
        logs = _log_weight(grid, sizes, times, cells)
        near = np.flatnonzero(logs > logs.max() - _NEGLIGIBLE)
        low = float(grid[max(near[0] - 1, 0)])
        high = float(grid[min(near[-1] + 1, _POINTS - 1)])
    weight = np.exp(logs - logs.max())
    return float(weight @ _mean_entropy(np.exp(grid), sizes, times, cells) / weight.sum())


def nsb_information(table: Contingency) -> float:
    """H(X) + H(Y) - H(X, Y) [nat], the alphabets being the rows and columns that occur."""
    rows, columns = table.shape
    apart = nsb_entropy(table.rows, rows) + nsb_entropy(table.columns, columns)
    return apart - nsb_entropy(table.cells, rows * columns)


def _log_weight(log_b: FloatArray, sizes: Counts, times: Counts, cells: int) -> FloatArray:
    """Log of evidence times prior per unit of ln b."""
    b, n = np.exp(log_b), int(sizes @ times)
    whole = cells * b
    # Gamma(k + b) / Gamma(b) of cells without people is 1.
    filled = (gammaln(sizes + b[:, None]) - gammaln(b)[:, None]) @ times
    slope = cells * polygamma(1, whole + 1) - polygamma(1, b + 1)
    return np.asarray(
        gammaln(whole) - gammaln(n + whole) + filled + np.log(np.maximum(slope, 1e-300)) + log_b
    )


def _mean_entropy(b: FloatArray, sizes: Counts, times: Counts, cells: int) -> FloatArray:
    """Posterior mean of the entropy when b is known (Wolpert & Wolf 1995)."""
    total = int(sizes @ times) + cells * b
    held = sizes + b[:, None]
    empty = cells - int(times.sum())
    terms = (held * digamma(held + 1)) @ times + empty * b * digamma(b + 1)
    return np.asarray(digamma(total + 1) - terms / total)
