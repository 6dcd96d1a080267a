"""Confidence interval of the information of a table of counts, by inverting a family of tests.

Through the observed table p runs the curve p_t, proportional to r c (p / (r c))^t with r, c the
margins of p: from independence (t = 0) over p itself (t = 1) to ever stronger dependence. Locally
it is the direction in which the information changes fastest for its likelihood (the exponential
tilt by the pointwise information), so no other table with the same information is much closer to
the data. For each t the law of the plug-in reading of n people is known well enough: its mean
exactly (a sum over cells of E k ln k, k binomial), its variance and skewness by the delta method to
second order; a Pearson III law with these three moments is chi-squared at independence and
normal far from it. The interval holds the information of every p_t that does not contradict the
reading. Cells that nobody fell into share the mass that Good (1953) expects unseen.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaincinv, gammaln, ndtri, xlogy
from scipy.stats import poisson

from privfunnel.counting import Contingency, Counts, plugin_nats
from privfunnel.entropy import FloatArray

# Tables with more cells than this take too long: about 40 of them are made and summed.
MOST_CELLS = 40_000
# Where the curve is tried first; between two of them follows bisection.
_STEPS = (*np.arange(11) / 10, 1.1, 1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50)
_BISECTIONS = 6
# People expected in a cell above which the series is as good as the sum, and the most to sum over.
_MANY = 40.0
_COUNTS = np.arange(121)
_LOGS = xlogy(_COUNTS, _COUNTS)
# Cells rarer than this are Poisson.
_RARE = 0.005
_LOG_MEANS = np.linspace(math.log(1e-6), math.log(_MANY), 500)
_MOST_SKEWED = 3.0
_MOST_UNSEEN = 0.9


def inverted_interval(table: Contingency, confidence: float) -> tuple[float, float]:
    """Ends [nat] of the two-sided interval of the information that a table was drawn from.

    In simulations (`dev.py bench mi_counts --coverage`) each end misses in about half of
    1 - confidence of all samples; with fewer than one person a cell in less, for tables without
    empty corners.
    """
    if min(table.shape) < 2:
        return 0.0, 0.0
    counts = table.dense()
    counts = counts[table.rows > 0][:, table.columns > 0]
    curve = _Curve(counts, (1 - confidence) / 2)
    return curve.invert(plugin_nats(table))


class _Curve:
    """Tables between independence and certainty through an observed one."""

    def __init__(self, counts: Counts, tail: float) -> None:
        self.n, self.tail = int(counts.sum()), tail
        seen = smoothed(counts)
        self.product = np.outer(seen.sum(axis=1), seen.sum(axis=0))
        self.log_ratio = np.log(seen / self.product)

    def at(self, t: float) -> tuple[float, float, float]:
        """Information of p_t, and the readings that n people exceed or fall below by chance."""
        powered = self.product * np.exp(np.minimum(t * self.log_ratio, 600.0))
        information, mean, variance, third = _moments(powered / powered.sum(), self.n)
        most = _quantile(mean, variance, third, self.tail)
        return information, most, _quantile(mean, variance, third, 1 - self.tail)

    def invert(self, reading: float) -> tuple[float, float]:
        """The information at which `reading` becomes too large, and too small, to be chance."""
        points = [(0.0, self.at(0.0))]
        for t in _STEPS[1:]:
            point = self.at(float(t))
            # Beyond the table with most information the tilt thins out all but one cell.
            if point[0] < points[-1][1][0]:
                break
            points.append((float(t), point))
            if min(point[1:]) >= reading:
                break
        return self._solve(points, reading, 1), self._solve(points, reading, 2)

    def _solve(
        self, points: list[tuple[float, tuple[float, float, float]]], reading: float, end: int
    ) -> float:
        if reading <= points[0][1][end]:
            return 0.0
        above = next((i for i, (_, p) in enumerate(points) if p[end] >= reading), None)
        if above is None:
            last = points[-1][1]
            return last[0] + reading - last[end]
        (low, below), (high, over) = points[above - 1], points[above]
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            point = self.at(middle)
            if point[end] < reading:
                low, below = middle, point
            else:
                high, over = middle, point
        share = (reading - below[end]) / max(over[end] - below[end], 1e-300)
        return below[0] + min(share, 1.0) * (over[0] - below[0])


def smoothed(counts: Counts) -> FloatArray:
    """Relative frequencies in which empty cells share the chance of seeing something new.

    (number of cells with one person + 1) / (n + 1), after Good (1953); as the margins are in them.
    """
    n, empty = int(counts.sum()), counts == 0
    if not empty.any():
        return np.asarray(counts / n)
    unseen = min(float((counts == 1).sum() + 1) / (n + 1), _MOST_UNSEEN)
    product = np.outer(counts.sum(axis=1), counts.sum(axis=0)) * empty
    return np.asarray((1 - unseen) * counts / n + unseen * product / product.sum())


def expected_excess(p: FloatArray, n: int) -> FloatArray:
    """E[k ln k] - m ln m for k binomial with n trials, chance p (m,) and mean m = n p.

    The mean of a plug-in entropy is short of the truth by the sum of it, over n.
    """
    p = np.clip(p, 0.0, 1.0)
    mean = n * p
    result = np.zeros(len(p))
    many, some = mean > _MANY, (mean > 0) & (mean <= _MANY)
    result[many] = _excess_of_many(mean[many], p[many])
    common = some & (p > _RARE)
    # Whoever is certain is counted every time.
    certain = common & (p >= 1.0)
    common &= ~certain
    result[common] = _excess_by_sum(n, p[common])
    rare = some & (p <= _RARE)
    logs = np.log(np.maximum(mean[rare], 1e-300))
    by_table = np.interp(logs, _LOG_MEANS, _poisson_excess())
    least = logs < _LOG_MEANS[0]
    by_table[least] = -xlogy(mean[rare], mean[rare])[least]
    result[rare] = by_table * (1 - p[rare])
    return result


def _excess_of_many(mean: FloatArray, p: FloatArray) -> FloatArray:
    # Taylor of k ln k around the mean, with the central moments of the binomial law.
    q = 1 - p
    second = mean * q
    third = second * (1 - 2 * p)
    fourth = 3 * second**2 + second * (1 - 6 * p * q)
    series = second / (2 * mean) - third / (6 * mean**2) + fourth / (12 * mean**3)
    return np.asarray(series - second * third / (2 * mean**4) + second**3 / (2 * mean**5))


def _excess_by_sum(n: int, p: FloatArray) -> FloatArray:
    k = _COUNTS[: n + 1]
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    chances = np.exp(ways + k * np.log(p)[:, None] + (n - k) * np.log1p(-p)[:, None])
    return np.asarray(chances @ _LOGS[: n + 1] - xlogy(n * p, n * p))


_table: list[FloatArray] = []


def _poisson_excess() -> FloatArray:
    # Made on first use: 500 means by 121 counts.
    if not _table:
        means = np.exp(_LOG_MEANS)
        chances = poisson.pmf(_COUNTS[None, :], means[:, None])
        _table.append(np.asarray(chances @ _LOGS - xlogy(means, means)))
    return _table[0]


def _moments(p: FloatArray, n: int) -> tuple[float, float, float, float]:
    """Information of p, and mean, variance and third cumulant of the reading of n people."""
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    # Masses that underflow (far along the curve) count nothing.
    with np.errstate(divide="ignore", invalid="ignore"):
        pointwise = np.where(p > 0, np.log(p / rows[:, None] / columns), 0.0)
        information = float((p * pointwise).sum())
        apart = pointwise - information
        slope = p * apart
        given = np.nansum(slope.sum(axis=1) ** 2 / rows) + np.nansum(
            slope.sum(axis=0) ** 2 / columns
        )
    first, third = float((slope * apart).sum()), float((slope * apart**2).sum())
    excess = [float(expected_excess(masses.ravel(), n).sum()) for masses in (p, rows, columns)]
    bias = (excess[0] - excess[1] - excess[2]) / n
    # Near independence 2 n I is chi-squared: its degrees of freedom from its mean.
    freedom = 2 * n * max(bias, 0.0)
    # The quadratic part of the reading, seen along its slope: that of the cells less that of
    # both margins.
    curved = max(first - float(given), 0.0)
    variance = first / n + freedom / (2 * n**2)
    cumulant = (third + 3 * curved) / n**2 + freedom / n**3
    return information, information + bias, variance, cumulant


def _quantile(mean: float, variance: float, third: float, upper: float) -> float:
    """Value that a Pearson III law exceeds with chance `upper`."""
    if variance <= 1e-30:
        return mean
    sd = math.sqrt(variance)
    skewness = float(np.clip(third / sd**3, -_MOST_SKEWED, _MOST_SKEWED))
    z = float(ndtri(1 - upper))
    # Nearly normal: Cornish & Fisher, where the gamma law loses digits.
    if abs(skewness) < 0.05:
        return mean + sd * (z + skewness / 6 * (z * z - 1))
    shape = 4 / skewness**2
    quantile = float(gammaincinv(shape, 1 - upper if skewness > 0 else upper))
    return mean + sd * skewness / 2 * (quantile - shape)
