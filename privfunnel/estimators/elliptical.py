"""A closed-form critic: the density ratio of a Gaussian or Student copula, fitted by ranks.

Columns become ranks, ranks become quantiles of a Student law, and the two sides are coupled
through their first `rank` canonical pairs only; keeping few of them is what saves 25 x 25 columns
from drowning in chance correlations. Where it helps, columns times powers of the row's distance
from the centre stand beside the columns: then a dependence that turns or fades on the way out is
still linear. Degrees of freedom, rank and order are picked on validation people.
The critic is the start that neural critics improve on, and a lower bound by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
# Highest power of the distance that multiplies columns, and how many columns may come of it.
MAX_ORDER = 2
MAX_EXPANDED = 80
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
    order: int = 0

    @property
    def name(self) -> str:
        """The family, how many canonical pairs are coupled, and the power of the distance."""
        law = "Gaussian" if self.dof == GAUSSIAN else f"Student({self.dof:g})"
        order = f" and order {self.order}" if self.order else ""
        return f"{law} copula of rank {self.rank}{order}"

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


def outwards(shares: FloatArray, train: Rows, order: int) -> FloatArray:
    """Rank shares (n, d (order + 1)) of the columns, and of them times powers of the distance."""
    if order == 0:
        return shares
    scores = ndtri(shares)
    d = scores.shape[1]
    distance = ((scores**2).sum(axis=1, keepdims=True) - d) / np.sqrt(2 * d)
    # Hermite polynomials: unrelated to each other for normal scores.
    powers = (distance, distance**2 - 1)[:order]
    wide = np.hstack([scores * power for power in powers])
    return np.hstack([shares, ranks(wide[train], wide)])


def fit_elliptical(
    x: FloatArray,
    y: FloatArray,
    parts: Parts,
    *,
    degrees: tuple[float, ...] = DEGREES,
    max_order: int = MAX_ORDER,
) -> list[Elliptical]:
    """Copulas of the rank shares x, y, fitted on training rows and chosen on validation rows.

    The first is that of the columns; each further one, of a higher order, read more.
    """
    seen, form = _fit(x, y, parts, degrees)
    found = [form]
    for order in range(1, max_order + 1):
        if (order + 1) * max(x.shape[1], y.shape[1]) > MAX_EXPANDED:
            break
        first, second = (outwards(side, parts[0], order) for side in (x, y))
        # A look at one law tells whether the higher order is worth all of them.
        value, form = _fit(first, second, parts, degrees[:1])
        if value > seen and len(degrees) > 1:
            value, form = _fit(first, second, parts, degrees)
        if value <= seen:
            break
        seen = value
        found.append(replace(form, order=order))
    return found


def _fit(
    x: FloatArray, y: FloatArray, parts: Parts, degrees: tuple[float, ...]
) -> tuple[float, Elliptical]:
    # The best law and rank, and what it reads on validation rows.
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
    favourite = consider(degrees[0], everything)
    for dof in degrees[1:]:
        consider(dof, sorted({0, favourite}))
    best = max(tried, key=lambda key: tried[key][0])
    consider(best[0], everything)
    return max(tried.values(), key=lambda found: found[0])


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
        forms = fit_elliptical(first, second, parts)
        candidates = {form.name: form.pairs for form in forms}
        readings.append(read_fold(candidates, parts, closed=forms[0].name))
        if progress:
            progress((k + 1) / folds, f"copula, fold {k + 1} of {folds}")
    return held_out(readings, method="elliptical", confidence=confidence)
