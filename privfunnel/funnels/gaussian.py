"""GaussianFunnel: closed forms for jointly Gaussian S and X.

Two kinds of goal. A mutual-information goal gives the linear release of canonical coordinates,
which is the **bottleneck edge**: the largest leakage of any release with that utility (Chechik,
Globerson, Tishby & Weiss 2005). It is a curve to beat; the funnel's infimum is 0 for every finite
utility. A distortion goal gives the optimum of Tripathy, Wang & Ishwar (2019), for scalars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self, final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from privfunnel.entropy import FloatArray, check_base
from privfunnel.estimate import Estimate, Rng

Sees = Literal["x", "both"]
# A canonical correlation of 1 makes the leakage infinite; closer than this counts as 1.
_TOP = 1.0 - 1e-12


def split_utility(correlations: FloatArray, utility: float) -> FloatArray:
    """How the bottleneck divides I(X;Z) [nat] among canonical coordinates, shape (k,).

    Water-filling: coordinates of equal slope dI(S;Z)/dI(X;Z) are used, the strongest first.
    """
    squares = np.minimum(np.asarray(correlations, dtype=np.float64) ** 2, _TOP)
    odds = squares / (1.0 - squares)
    if utility <= 0.0 or odds.max() <= 0.0:
        return np.full(len(odds), max(0.0, utility) / len(odds))

    def spent(log_level: float) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.maximum(0.0, 0.5 * (np.log(odds) + log_level))

    low = -math.log(float(odds.max()))
    level = brentq(lambda v: float(spent(v).sum()) - utility, low, low + 2.0 * utility + 1.0)
    return spent(float(level))


def linear_leakage(correlations: npt.ArrayLike, utility: float) -> float:
    """I(S;Z) [nat] of the linear release with I(X;Z) = utility [nat]: the bottleneck edge.

    For one coordinate: -0.5 ln(1 - rho^2 (1 - e^(-2 utility))).
    """
    rho = np.atleast_1d(np.asarray(correlations, dtype=np.float64))
    shares = split_utility(rho, utility)
    kept = rho**2 * -np.expm1(-2.0 * shares)
    return float(-0.5 * np.log1p(-np.minimum(kept, _TOP)).sum())


def distortion_leakage(rho: float, distortion: float, *, sees: Sees = "x") -> float:
    """Least I(S;Z) [nat] of scalars with E(X-Z)^2 <= distortion Var(X); Z sees X, or S and X."""
    return -0.5 * math.log1p(-min(_correlation(rho, distortion, sees) ** 2, _TOP))


def _correlation(rho: float, distortion: float, sees: Sees) -> float:
    # Of S and the optimal Z.
    if sees == "x":
        return abs(rho) * math.sqrt(1.0 - distortion)
    turned = abs(rho) * math.sqrt(1.0 - distortion) - math.sqrt((1.0 - rho**2) * distortion)
    return max(0.0, turned)


@final
@dataclass(frozen=True)
class _Release:
    """Z = X' of_x + S' of_s + noise: weights (d, k), (m, k), standard deviations (k,)."""

    of_x: FloatArray
    of_s: FloatArray
    noise: FloatArray
    mean_x: FloatArray
    mean_s: FloatArray
    utility: float
    leakage: float
    n: int


@final
class GaussianFunnel:
    """A linear release with known noise, exact if S and X are jointly Gaussian.

    Exactly one goal is given. `utility` and `budget` fix I(X;Z) or I(S;Z) of the linear release,
    the worst for that utility (the bottleneck edge). `distortion` is the largest mean squared
    error as a share of the variance of X; S and X are then scalars.

    Parameters
    ----------
    budget, utility : information, in bits unless `base` says otherwise.
    distortion : between 0 and 1.
    sees : "x" if the release sees X only, "both" if it may use S (with `distortion` only).
    base : unit, 2 for bits, math.e for nats.
    """

    def __init__(
        self,
        *,
        budget: float | None = None,
        utility: float | None = None,
        distortion: float | None = None,
        sees: Sees = "x",
        base: float = 2,
    ) -> None:
        goals = {"budget": budget, "utility": utility, "distortion": distortion}
        given = {name: float(v) for name, v in goals.items() if v is not None}
        if len(given) != 1:
            raise ValueError(f"give exactly one of budget, utility and distortion, not {given}")
        self._axis, self._goal = next(iter(given.items()))
        if not 0.0 <= self._goal < math.inf or (self._axis == "distortion" and self._goal > 1.0):
            top = "1 (a share of the variance)" if self._axis == "distortion" else "infinity"
            raise ValueError(f"{self._axis} is {self._goal:g}; need between 0 and {top}")
        if sees not in ("x", "both"):
            raise ValueError(f"sees must be 'x' or 'both', not {sees!r}")
        if sees == "both" and self._axis != "distortion":
            raise ValueError("sees='both' needs a distortion goal; the linear release sees X only")
        self._sees: Sees = sees
        self._log, self._base = check_base(base), base
        self._release: _Release | None = None

    def fit(self, X: npt.ArrayLike, S: npt.ArrayLike) -> Self:
        """Estimate means and covariance from samples X (n, d) and S (n, m), then solve."""
        x, s = _columns(X, "X"), _columns(S, "S")
        if len(x) != len(s):
            raise ValueError(f"X has {len(x)} rows, S has {len(s)}")
        if len(x) <= x.shape[1] + s.shape[1]:
            raise ValueError(f"{len(x)} rows are too few for {x.shape[1] + s.shape[1]} columns")
        covariance = np.cov(np.hstack([s, x]), rowvar=False)
        return self._solve(covariance, s.shape[1], x.mean(axis=0), s.mean(axis=0), len(x))

    def fit_covariance(self, covariance: npt.ArrayLike, *, n_sensitive: int = 1) -> Self:
        """Solve for a known covariance of (S, X), S first; means are taken as 0."""
        matrix = np.asarray(covariance, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise ValueError(f"covariance must be square, not shape {matrix.shape}")
        if not 0 < n_sensitive < len(matrix):
            raise ValueError(f"n_sensitive is {n_sensitive}; need 1 to {len(matrix) - 1}")
        if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] < -1e-9:
            raise ValueError("covariance must be symmetric and positive semi-definite")
        d = len(matrix) - n_sensitive
        return self._solve(matrix, n_sensitive, np.zeros(d), np.zeros(n_sensitive), 0)

    def transform(
        self, X: npt.ArrayLike, S: npt.ArrayLike | None = None, rng: Rng = None
    ) -> FloatArray:
        """Draw Z for each row, (n, k); new noise in each call. S only with sees="both"."""
        release = self._get()
        z = (_columns(X, "X") - release.mean_x) @ release.of_x
        if self._sees == "both":
            if S is None:
                raise ValueError("this release sees S: transform(X, S)")
            z = z + (_columns(S, "S") - release.mean_s) @ release.of_s
        draw = np.random.default_rng(rng).normal(size=z.shape)
        return np.asarray(z + release.noise * draw)

    @property
    def leakage(self) -> Estimate:
        """I(S;Z) if S and X are jointly Gaussian with the covariance used."""
        return self._estimate(self._get().leakage)

    @property
    def utility(self) -> Estimate:
        """I(X;Z) if X is Gaussian; infinite for a release without noise."""
        return self._estimate(self._get().utility)

    def __repr__(self) -> str:
        if self._release is None:
            return f"GaussianFunnel({self._axis}={self._goal:g}, sees={self._sees!r})"
        return f"GaussianFunnel(leakage={self.leakage.value:.4g}, {self._axis}={self._goal:g})"

    def _get(self) -> _Release:
        if self._release is None:
            raise RuntimeError("the funnel is not fitted yet: call fit(X, S) first")
        return self._release

    def _estimate(self, nats: float) -> Estimate:
        n = self._get().n
        return Estimate(nats, nats, nats, "point", None, "gaussian", n, math.e).to_base(self._base)

    def _solve(
        self, covariance: FloatArray, m: int, mean_x: FloatArray, mean_s: FloatArray, n: int
    ) -> Self:
        of_s = np.zeros((m, 1))
        if self._axis == "distortion":
            if covariance.shape != (2, 2):
                raise ValueError("a distortion goal needs scalar S and X (one column each)")
            of_x, of_s, noise, utility, leakage = _distorted(covariance, self._goal, self._sees)
        else:
            basis, rho = canonical(covariance, m)
            r = self._goal * self._log
            if self._axis == "budget":
                r = _utility_of_budget(rho, r)
            scale = np.sqrt(-np.expm1(-2.0 * split_utility(rho, r)))
            of_x, noise = basis * scale, np.sqrt(1.0 - scale**2)
            utility, leakage = r, linear_leakage(rho, r)
        self._release = _Release(of_x, of_s, noise, mean_x, mean_s, utility, leakage, n)
        return self


def canonical(covariance: FloatArray, m: int) -> tuple[FloatArray, FloatArray]:
    """Weights (d, k) of unit-variance canonical coordinates of X and their correlations (k,)."""
    root_s, root_x = _inverse_root(covariance[:m, :m]), _inverse_root(covariance[m:, m:])
    _, rho, turned = np.linalg.svd(root_s @ covariance[:m, m:] @ root_x, full_matrices=False)
    return np.asarray(root_x @ turned.T), np.clip(rho, 0.0, 1.0)


def _inverse_root(matrix: FloatArray) -> FloatArray:
    # Directions without variance carry nothing: they get weight 0.
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-10 * max(float(values[-1]), 1e-300)
    if not kept.any():
        raise ValueError("S or X is constant: there is nothing to release or to protect")
    roots = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return np.asarray((vectors * roots) @ vectors.T)


def _utility_of_budget(rho: FloatArray, budget: float) -> float:
    # The utility at which the linear release leaks the budget; there is none above the capacity.
    top = float(-0.5 * np.log1p(-np.minimum(rho**2, _TOP)).sum())
    if budget >= top * (1 - 1e-9):
        raise ValueError(f"X itself leaks {top:.4g} nats, within the budget: release it as it is")
    return float(brentq(lambda r: linear_leakage(rho, r) - budget, 0.0, 50.0 * len(rho)))


def _distorted(
    covariance: FloatArray, distortion: float, sees: Sees
) -> tuple[FloatArray, FloatArray, FloatArray, float, float]:
    sd_s, sd_x = np.sqrt(np.diag(covariance))
    if sd_s <= 0.0 or sd_x <= 0.0:
        raise ValueError("S or X is constant: there is nothing to release or to protect")
    rho = float(np.clip(covariance[0, 1] / (sd_s * sd_x), -1.0, 1.0))
    leakage = distortion_leakage(rho, distortion, sees=sees)
    of_x, of_s = np.zeros((1, 1)), np.zeros((1, 1))
    if sees == "x":
        of_x[0, 0] = 1.0 - distortion
        noise = np.array([sd_x * math.sqrt(distortion * (1.0 - distortion))])
        utility = -0.5 * math.log(distortion) if distortion > 0 else math.inf
        return of_x, of_s, noise, utility, leakage
    # Project X on the direction turned from S by the angle whose sine squared is the distortion,
    # at most to the direction orthogonal to S.
    sign, cosine = (1.0 if rho >= 0 else -1.0), abs(rho)
    angle = min(math.asin(math.sqrt(distortion)), math.asin(cosine))
    theta = math.acos(cosine)
    if theta < 1e-9:
        raise ValueError("S and X are the same up to scale: no direction is free of S")
    # Unit vector at `angle` beyond X in the plane of S (x-axis) and X; in terms of X and S.
    on_x = math.sin(theta + angle) / math.sin(theta)
    on_s = math.cos(theta + angle) - on_x * cosine
    of_x[0, 0] = math.cos(angle) * on_x
    of_s[0, 0] = math.cos(angle) * on_s * sign * sd_x / sd_s
    utility = -math.log(math.sin(angle)) if angle > 0 else math.inf
    return of_x, of_s, np.zeros(1), utility, leakage


def _columns(values: npt.ArrayLike, name: str) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must hold numbers; a Gaussian funnel takes no text") from None
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must have shape (n, d) with n > 0, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values: fill or drop those rows first")
    return array
