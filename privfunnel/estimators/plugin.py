"""Mutual information of discrete columns from their table of counts.

The p-value and the default correction come from tables drawn with the same margins and no
dependence: the mean that the plug-in reading has there is taken off. The interval inverts tests
along a curve of tables through the observed one (see `inversion`); no end of it depends on which
correction is shown. A percentile bootstrap covers nothing when cells are many or the truth is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import digamma

from privfunnel.counting import (
    Contingency,
    Counts,
    count,
    from_table,
    plugin_nats,
    pointwise_nats,
)
from privfunnel.entropy import FloatArray, normalise
from privfunnel.estimate import Estimate, Progress, as_generator, from_reading, normal_quantile
from privfunnel.estimators.inversion import MOST_CELLS, inverted_interval
from privfunnel.estimators.nsb import nsb_information
from privfunnel.variables import Variable

# Cells drawn for the null distribution, all tables together: about 0.3 s.
_NULL_WORK = 2_000_000
# More people than this are not shuffled (the sampler takes minutes from 10^10 on): 2 n I of
# independent sides is chi-squared by then.
_MANY_PEOPLE = 10**9


def plugin_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    n_permutations: int = 0,
    correction: str = "none",
) -> Estimate:
    """MI of two discrete sides; `correction` is a name in CORRECTIONS.

    Cost: one pass over the rows, then independent of n.
    """
    table = count(x.codes, y.codes)
    return table_mi(
        table, confidence=confidence, rng=rng, n_permutations=n_permutations, correction=correction
    )


def table_mi(
    table: Contingency | Counts,
    *,
    correction: str = "permutation",
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
    n_permutations: int = 0,
) -> Estimate:
    """MI [nat] of a table of counts, with interval and p-value; no rows are needed.

    Parameters
    ----------
    table : (r, c) counts, or a Contingency.
    correction : how the bias is taken off: "none", "permutation", "miller_madow", "grassberger",
        "shrinkage", "nsb".
    n_permutations : tables drawn for the p-value; 0 draws enough for the interval and smooths the
        p-value with a gamma distribution of the same mean and variance.
    """
    if correction not in CORRECTIONS:
        raise ValueError(f"correction must be one of {', '.join(CORRECTIONS)}, not {correction!r}")
    counts = table if isinstance(table, Contingency) else from_table(table)
    generator = as_generator(rng)
    n, plain = counts.n, plugin_nats(counts)
    null = null_readings(counts, generator, n_permutations)
    mean, variance = float(null.mean()), float(null.var(ddof=1))
    corrected = plain - mean
    raw = corrected if correction == "permutation" else CORRECTIONS[correction](counts)
    error = math.sqrt(_delta_variance(counts) + variance)
    p_value = _p_value(plain, null, n_permutations)
    lower, upper = _interval(counts, corrected, error, confidence)
    # Both judge the same null: what shuffled people show as often is no proof.
    if p_value > (1 - confidence) / 2:
        lower = 0.0
    return from_reading(
        raw,
        method="corrected" if correction == "permutation" else _NAMES.get(correction, correction),
        n=n,
        # Whatever value is shown lies inside its interval.
        interval=(min(lower, raw), max(upper, raw)),
        standard_error=error,
        confidence=confidence,
        p_value=p_value,
        null_mean=mean,
        least_detectable=_least_detectable(mean, math.sqrt(variance), n, confidence),
        cells=counts.size,
        per_cell=n / counts.size,
    )


def _interval(
    table: Contingency, corrected: float, error: float, confidence: float
) -> tuple[float, float]:
    if table.size <= MOST_CELLS:
        return inverted_interval(table, confidence)
    half = normal_quantile(0.5 + confidence / 2) * error
    return corrected - half, corrected + half


def null_readings(table: Contingency, rng: np.random.Generator, n_tables: int = 0) -> FloatArray:
    """Plug-in readings [nat] of random tables with the margins of `table` and no dependence."""
    rows, columns = table.rows[table.rows > 0], table.columns[table.columns > 0]
    if min(len(rows), len(columns)) < 2:
        return np.zeros(max(2, n_tables))
    if rows.max() == 1 or columns.max() == 1:
        # A label for everybody: every shuffle reads the entropy of the other side.
        return np.full(max(2, n_tables), plugin_nats(table))
    cells = len(rows) * len(columns)
    n_tables = n_tables or int(np.clip(_NULL_WORK // cells, 30, 400))
    if table.n > _MANY_PEOPLE:
        return rng.chisquare((len(rows) - 1) * (len(columns) - 1), n_tables) / (2.0 * table.n)
    if cells > 200_000:
        return _shuffled_readings(rows, columns, rng, min(n_tables, 30))
    drawn = stats.random_table(rows, columns).rvs(size=n_tables, random_state=rng)
    n = table.n
    logs = (
        np.concatenate([[0.0], np.arange(1, n + 1) * np.log(np.arange(1, n + 1))])
        if (n < cells * n_tables)
        else None
    )
    joint = (logs[drawn.astype(np.int64)] if logs is not None else _xlogx(drawn)).sum(axis=(1, 2))
    margins = _xlogx(rows).sum() + _xlogx(columns).sum()
    return np.asarray((joint - margins) / n + math.log(n))


def _xlogx(counts: Any) -> FloatArray:
    floats = np.asarray(counts, dtype=np.float64)
    return floats * np.log(np.maximum(floats, 1.0))


def _shuffled_readings(
    rows: Counts, columns: Counts, rng: np.random.Generator, n_tables: int
) -> FloatArray:
    # Tables too wide to be written out: shuffle people instead.
    x, y = np.repeat(np.arange(len(rows)), rows), np.repeat(np.arange(len(columns)), columns)
    return np.array([plugin_nats(count(x, rng.permutation(y))) for _ in range(n_tables)])


def _delta_variance(table: Contingency) -> float:
    # Variance of the plug-in reading by the delta method: that of the pointwise terms, over n.
    p, terms = table.cells / table.n, pointwise_nats(table)
    return max(0.0, float(p @ terms**2 - (p @ terms) ** 2)) / table.n


def _p_value(plain: float, null: FloatArray, n_permutations: int) -> float:
    if n_permutations:
        return float((1 + (null >= plain - 1e-12).sum()) / (1 + len(null)))
    mean, variance = float(null.mean()), float(null.var(ddof=1))
    if variance <= 1e-20 or mean <= 0:
        return 1.0 if plain <= mean + 1e-10 else 1.0 / (1 + len(null))
    tail = float(stats.gamma.sf(plain, mean**2 / variance, scale=variance / mean))
    return max(tail, 1e-16)


def _least_detectable(
    mean: float, sd: float, n: int, confidence: float, power: float = 0.8
) -> float:
    # 2 n I is about non-central chi-squared with the degrees of freedom that the null mean shows.
    if mean <= 0:
        return 0.0
    z = normal_quantile(confidence) + normal_quantile(power)
    df = max(1.0, 2 * n * mean)
    limit = float(stats.chi2.ppf(confidence, df))
    low, high = 0.0, 10 * limit + 50
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if stats.ncx2.sf(limit, df, middle) < power else (low, middle)
    return max(0.5 * (low + high) / (2 * n), z * sd)


def _miller_madow(table: Contingency) -> float:
    extra = len(table.cells) - table.shape[0] - table.shape[1] + 1
    return plugin_nats(table) - extra / (2 * table.n)


def _grassberger(table: Contingency) -> float:
    # H = ln n - sum n_i G(n_i) / n, Grassberger (2003, arXiv physics/0307138) eq. 35.
    def sum_g(counts: Counts) -> float:
        k = counts[counts > 0].astype(np.float64)
        swing = 0.5 * np.where(k % 2 == 0, 1.0, -1.0) * (digamma((k + 1) / 2) - digamma(k / 2))
        return float((k * (digamma(k) + swing)).sum())

    joint, rows, columns = (sum_g(c) for c in (table.cells, table.rows, table.columns))
    return (joint - rows - columns) / table.n + math.log(table.n)


def _shrinkage(table: Contingency) -> float:
    # Hausser & Strimmer (2009) eq. 5, with the product of the margins as target.
    p = normalise(table.dense())
    target = np.outer(p.sum(axis=1), p.sum(axis=0))
    distance = float(((p - target) ** 2).sum())
    if distance <= 0 or table.n < 2:
        return 0.0
    share = min(1.0, (1 - float((p**2).sum())) / ((table.n - 1) * distance))
    pulled = share * target + (1 - share) * p
    full = pulled > 0
    return float((pulled[full] * np.log(pulled[full] / target[full])).sum())


CORRECTIONS: dict[str, Callable[[Contingency], float]] = {
    "none": plugin_nats,
    "permutation": plugin_nats,
    "miller_madow": _miller_madow,
    "grassberger": _grassberger,
    "shrinkage": _shrinkage,
    "nsb": nsb_information,
}
_NAMES = {"none": "plugin"}
