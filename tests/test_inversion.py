"""The interval of plug-in information: its parts by sums and simulation, and what it covers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import xlogy

from privfunnel.counting import from_table, plugin_nats
from privfunnel.datasets import symmetric_channel
from privfunnel.estimators import inversion
from privfunnel.estimators.inversion import expected_excess, inverted_interval, smoothed
from tests import reference_mi as slow


@pytest.mark.parametrize("n", [1, 3, 50, 1000, 20_000])
def test_expected_excess_is_the_sum_over_all_counts(n: int) -> None:
    p = np.array([0.0, 1e-9, 1e-5, 1e-3, 0.0049, 0.01, 0.3, 0.9, 0.9999, 1.0])
    k = np.arange(n + 1)
    for chance, value in zip(p, expected_excess(p, n), strict=True):
        mean = n * float(chance)
        exact = float(stats.binom.pmf(k, n, chance) @ xlogy(k, k) - xlogy(mean, mean))
        assert value == pytest.approx(exact, abs=2e-3), chance


@pytest.mark.parametrize(
    ("joint", "n"),
    [
        (np.outer([0.3, 0.7], [0.2, 0.3, 0.5]), 60),
        (symmetric_channel(0.25), 80),
        (symmetric_channel(0.03, 0.4), 400),
        (np.full((6, 6), 0.01) + (0.64 / 6) * np.eye(6), 300),
    ],
    ids=["independent", "weak", "strong", "6x6"],
)
def test_moments_of_the_reading(joint: np.ndarray, n: int) -> None:
    draws = 3000
    rng = np.random.default_rng(0)
    tables = rng.multinomial(n, joint.ravel(), size=draws).reshape(draws, *joint.shape)
    readings = np.array([plugin_nats(from_table(table)) for table in tables])
    information, mean, variance, third = inversion._moments(joint, n)
    assert information == pytest.approx(slow.mutual_information(joint), abs=1e-12)
    sd = readings.std()
    assert mean == pytest.approx(readings.mean(), abs=5 * sd / math.sqrt(draws))
    assert math.sqrt(variance) == pytest.approx(sd, rel=0.15)
    assert third / variance**1.5 == pytest.approx(stats.skew(readings), abs=0.6)


@pytest.mark.parametrize("skewness", [-2.0, -0.3, -0.04, 0.0, 0.04, 0.3, 2.0])
@pytest.mark.parametrize("upper", [0.025, 0.5, 0.975])
def test_quantiles_are_those_of_pearson_three(skewness: float, upper: float) -> None:
    expected = stats.pearson3.isf(upper, skewness, loc=3.0, scale=0.5)
    found = inversion._quantile(3.0, 0.25, skewness * 0.5**3, upper)
    assert found == pytest.approx(expected, abs=2e-3)


def test_at_independence_the_end_is_that_of_chi_squared() -> None:
    # n large: 2 n I of independent sides is chi-squared with (r - 1) (c - 1) degrees of freedom.
    n, joint = 10**6, np.outer([0.2, 0.3, 0.5], [0.25] * 4)
    curve = inversion._Curve((n * joint).round().astype(np.int64), 0.025)
    information, most, least = curve.at(0.0)
    assert information == pytest.approx(0.0, abs=1e-12)
    assert 2 * n * most == pytest.approx(stats.chi2.isf(0.025, 6), rel=0.01)
    assert 2 * n * least == pytest.approx(stats.chi2.ppf(0.025, 6), rel=0.02)


def test_empty_cells_share_the_unseen() -> None:
    counts = np.array([[6, 0, 1], [0, 2, 1]])
    p = smoothed(counts)
    assert p.sum() == pytest.approx(1.0)
    assert p[counts == 0].sum() == pytest.approx(3 / 11)
    np.testing.assert_allclose(p[counts > 0], counts[counts > 0] / 10 * 8 / 11)
    # As the margins: 7 * 2 people for one, 3 * 6 for the other.
    assert p[0, 1] / p[1, 0] == pytest.approx(14 / 18)
    full = counts + 1
    np.testing.assert_allclose(smoothed(full), full / 16)


@pytest.mark.parametrize(
    ("joint", "n"),
    [
        (np.array([[0.94, 0.01], [0.01, 0.04]]), 100),
        (symmetric_channel(0.01), 100),
        (symmetric_channel(0.43), 100),
        (0.98 * np.diag([0.2] * 5) + 0.02 / 25, 100),
        (0.9 * np.diag([0.05] * 20) + 0.1 / 400, 1000),
    ],
    ids=["rare", "nearly certain", "weak", "5x5 copy", "20x20 strong"],
)
def test_both_ends_hold_where_dependence_is_strong_and_cells_rare(
    joint: np.ndarray, n: int
) -> None:
    repetitions = 120
    truth = slow.mutual_information(joint)
    rng = np.random.default_rng(5)
    above = below = 0
    for _ in range(repetitions):
        table = from_table(rng.multinomial(n, joint.ravel()).reshape(joint.shape))
        lower, upper = inverted_interval(table, 0.95)
        assert 0.0 <= lower <= upper
        above += lower > truth
        below += upper < truth
    # An end that misses 4 of 100 misses more than this once in a hundred thousand such runs.
    most = int(stats.binom.isf(1e-5, repetitions, 0.04))
    assert above <= most, f"{above} of {repetitions}"
    assert below <= most, f"{below} of {repetitions}"


def test_more_confidence_is_a_wider_interval() -> None:
    table = from_table([[30, 12, 0], [3, 25, 4], [1, 2, 18]])
    ends = [inverted_interval(table, confidence) for confidence in (0.5, 0.8, 0.95, 0.999)]
    assert all(a[0] > b[0] and a[1] < b[1] for a, b in itertools.pairwise(ends))


@pytest.mark.parametrize(
    "table",
    [
        [[5]],
        [[2, 3]],
        [[1, 0], [0, 1]],
        [[1, 1], [1, 0]],
        [[50, 0], [0, 50]],
        [[10**12, 0], [0, 10**12]],
        [[10**6, 1], [0, 1]],
        np.eye(60, dtype=int),
        np.full((4, 4), 25),
        [[0, 0, 0], [3, 0, 9], [0, 0, 4]],
    ],
    ids=str,
)
def test_degenerate_tables_answer(table: list[list[int]]) -> None:
    lower, upper = inverted_interval(from_table(table), 0.95)
    assert math.isfinite(upper)
    assert 0.0 <= lower <= upper
