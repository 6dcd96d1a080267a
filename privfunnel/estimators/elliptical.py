"""A closed-form critic: the density ratio of a Gaussian or Student copula, fitted by ranks.

Columns become ranks, ranks become quantiles of a Student law, and the two sides are coupled
through their first `rank` canonical pairs only; keeping few of them is what saves 25 x 25 columns
from drowning in chance correlations. Degrees of freedom and rank are picked on validation people.
The critic is the start that neural critics improve on, and a lower bound by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtri, stdtrit

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators.bounds import MIN_ROWS, Parts, first_look, held_out, read_fold, too_few
from privfunnel.estimators.folds import Rows, splits
from privfunnel.variables import Variable

# Degrees of freedom tried; the first stands for the Gaussian.
GAUSSIAN = 1e4
DEGREES = (GAUSSIAN, 8.0, 4.0, 2.0, 1.0)
RANKS = (0, 1, 2, 3, 4, 6, 9, 14, 20, 30, 50)
# A correlation of 1 would make the ratio infinite.
_MAX_CORRELATION = 0.99999


@dataclass(frozen=True)
class Side:
    """What each row of one side contributes to the ratio.

    Attributes
    ----------
    quadratic : (n,) its part of the joint squared distance.
    own : (n,) its part of the logarithm of the margins.
    axes : (n, rank) its canonical variates, scaled so that the cross term is a dot product.
    """

    quadratic: FloatArray
    own: FloatArray
    axes: FloatArray


@dataclass(frozen=True)
class Elliptical:
    """ln p(x, y) / p(x) p(y) of a fitted copula, for any row of x against any row of y."""

    x: Side
    y: Side
    constant: float
    power: float
    dof: float
    rank: int

    @property
    def name(self) -> str:
        """The family and how many canonical pairs are coupled."""
        law = "Gaussian" if self.dof == GAUSSIAN else f"Student({self.dof:g})"
        return f"{law} copula of rank {self.rank}"

    def pairs(self, i: Rows, j: Rows) -> FloatArray:
        """The ratio of rows i of x against rows j of y."""
        cross = (self.x.axes[i] * self.y.axes[j]).sum(axis=-1)
        return np.asarray(
            self.constant
            + self.x.own[i]
            + self.y.own[j]
            - self.power * np.log1p((self.x.quadratic[i] + self.y.quadratic[j] - cross) / self.dof)
        )


def ranks(train: FloatArray, points: FloatArray) -> FloatArray:
    """Where `points` (n, d) stand among `train` (m, d), column by column, inside (0, 1)."""
    shares = np.empty(points.shape)
    for column, fitted, out in zip(points.T, train.T, shares.T, strict=True):
        ordered = np.sort(fitted)
        below = np.searchsorted(ordered, column, side="left")
        up_to = np.searchsorted(ordered, column, side="right")
        out[:] = (0.5 * (below + up_to) + 0.5) / (len(fitted) + 1)
    return shares


def canonical(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Canonical directions (d_x, m), (d_y, m) and correlations (m,) of two centred samples."""
    halves = [_inverse_root(np.atleast_2d(np.cov(side.T))) for side in (x, y)]
    cross = (x - x.mean(axis=0)).T @ (y - y.mean(axis=0)) / max(1, len(x) - 1)
    left, correlations, right = np.linalg.svd(halves[0] @ cross @ halves[1])
    m = len(correlations)
    # Square rotations: the columns past the m-th complete the whitening of the larger side.
    return halves[0] @ left, halves[1] @ right.T, np.clip(correlations[:m], 0, _MAX_CORRELATION)


def fit_elliptical(
    x: FloatArray,
    y: FloatArray,
    parts: Parts,
) -> Elliptical:
    """The copula of the rank shares x, y, fitted on training rows and chosen on validation rows."""
    train, aside, _ = parts
    a, b, correlations = canonical(ndtri(x[train]), ndtri(y[train]))
    whitened: dict[float, tuple[FloatArray, FloatArray]] = {}
    tried: dict[tuple[float, int], tuple[float, Elliptical]] = {}

    def consider(dof: float, choices: list[int]) -> int:
        # Score some ranks at one number of degrees of freedom; the best of all of them.
        if dof not in whitened:
            whitened[dof] = (_quantiles(x, dof) @ a, _quantiles(y, dof) @ b)
        for rank in choices:
            if (dof, rank) not in tried:
                critic = _critic(*whitened[dof], correlations[:rank], dof)
                nothing = dof == GAUSSIAN and rank == 0
                tried[dof, rank] = (0.0 if nothing else first_look(critic.pairs, aside), critic)
        return max((r for d, r in tried if d == dof), key=lambda r: tried[dof, r][0])

    everything = [r for r in RANKS if r < len(correlations)] + [len(correlations)]
    favourite = consider(GAUSSIAN, everything)
    for dof in DEGREES[1:]:
        consider(dof, sorted({0, favourite}))
    best = max(tried, key=lambda key: tried[key][0])
    consider(best[0], everything)
    return max(tried.values(), key=lambda found: found[0])[1]


def _critic(x: FloatArray, y: FloatArray, correlations: FloatArray, dof: float) -> Elliptical:
    # x, y are whitened: the joint squared distance is |x|^2 + |y|^2 plus what correlation changes.
    rank, d_x, d_y = len(correlations), x.shape[1], y.shape[1]
    left_over = 1 - correlations**2
    change, cross = correlations**2 / left_over, 2 * correlations / left_over

    def side(z: FloatArray, scale: FloatArray | float) -> Side:
        length = (z**2).sum(axis=1)
        more = (z[:, :rank] ** 2 * change).sum(axis=1)
        own = 0.5 * (dof + z.shape[1]) * np.log1p(length / dof)
        return Side(length + more, own, z[:, :rank] * scale)

    scales = gammaln(0.5 * (dof + np.array([d_x + d_y, 0, d_x, d_y])))
    constant = -0.5 * np.log(left_over).sum() + scales[0] + scales[1] - scales[2] - scales[3]
    power = 0.5 * (dof + d_x + d_y)
    return Elliptical(side(x, cross), side(y, 1.0), float(constant), power, dof, rank)


def _quantiles(shares: FloatArray, dof: float) -> FloatArray:
    return np.asarray(ndtri(shares) if dof == GAUSSIAN else stdtrit(dof, shares))


def _inverse_root(covariance: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(covariance)
    # Columns that repeat each other leave eigenvalues of rounding size.
    kept = np.maximum(values, 1e-6 * values[-1] + 1e-12)
    return np.asarray(vectors / np.sqrt(kept) @ vectors.T)


def elliptical_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    folds: int = 4,
) -> Estimate:
    """Held-out lower bound by the best Gaussian or Student copula; seconds, and no torch."""
    if len(x) < MIN_ROWS:
        return too_few(x, "elliptical")
    sides = x.matrix, y.matrix
    readings = []
    for k, parts in enumerate(splits(len(x), folds, rng)):
        first, second = (ranks(side[parts[0]], side) for side in sides)
        critic = fit_elliptical(first, second, parts)
        readings.append(read_fold({critic.name: critic.pairs}, parts))
        if progress:
            progress((k + 1) / folds, f"copula, fold {k + 1} of {folds}")
    return held_out(readings, method="elliptical", confidence=confidence)
