"""Leakage beyond Shannon: slow twins, closed forms, orders, worst cases by enumeration."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel.datasets import erasure_channel, randomised_response, symmetric_channel
from privfunnel.entropy import conditional_entropy, entropy, mutual_information
from privfunnel.leakage import (
    arimoto_conditional_entropy,
    arimoto_mutual_information,
    bayes_vulnerability,
    chi_squared_information,
    guessing_entropy,
    max_leakage,
    maximal_correlation,
    min_entropy_leakage,
    renyi_entropy,
    sibson_mutual_information,
)
from tests import reference_mi as slow

E, INF = math.e, math.inf
ORDERS = (0.1, 0.5, 0.9, 1, 1.1, 2, 3.5, 20, INF)

WITH_BASE: list[Callable[..., float]] = [
    max_leakage,
    min_entropy_leakage,
    lambda joint, base=2: renyi_entropy(joint, 2, base),
    lambda joint, base=2: arimoto_conditional_entropy(joint, 3, base),
    lambda joint, base=2: arimoto_mutual_information(joint, INF, base),
    lambda joint, base=2: sibson_mutual_information(joint, 0.5, base),
]


@st.composite
def tables(draw: st.DrawFn, largest: int = 4, deepest: int = 160) -> np.ndarray:
    depths = [d for d in (0, 3, 20, 160) if d <= deepest]
    return slow.random_table(
        [draw(st.integers(1, largest)), draw(st.integers(1, largest))],
        draw(st.integers(0, 2**32 - 1)),
        empty=draw(st.sampled_from([0.0, 0.3, 0.8])),
        depth=draw(st.sampled_from(depths)),
    )


degenerate = pytest.mark.parametrize("joint", slow.DEGENERATE.values(), ids=slow.DEGENERATE.keys())
orders = pytest.mark.parametrize("order", ORDERS)


# Slow twins and enumeration


@settings(deadline=None, max_examples=60)
@given(tables(), st.sampled_from(ORDERS))
def test_slow_twins_of_the_orders(joint: np.ndarray, order: float) -> None:
    twins = {
        renyi_entropy: slow.renyi_entropy,
        arimoto_mutual_information: slow.arimoto_information,
        sibson_mutual_information: slow.sibson_information,
    }
    for fast, twin in twins.items():
        exact = max(0.0, twin(joint, order))
        assert fast(joint, order, E) == pytest.approx(exact, abs=1e-11), fast.__name__


@settings(deadline=None, max_examples=60)
@given(tables())
def test_one_guess_and_many_by_enumeration(joint: np.ndarray) -> None:
    best = slow.best_guess(joint)
    assert bayes_vulnerability(joint) == pytest.approx(best, abs=1e-14)
    ratio = best / joint.sum(axis=1).max()
    assert min_entropy_leakage(joint, E) == pytest.approx(math.log(ratio), abs=1e-12)
    assert guessing_entropy(joint) == pytest.approx(slow.fewest_guesses(joint), abs=1e-12)
    blind = joint.sum(axis=1)
    assert guessing_entropy(blind) == pytest.approx(slow.fewest_guesses(blind[:, None]), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(tables(deepest=3), st.integers(0, 10**6), st.integers(1, 4))
def test_no_secret_gains_more_than_the_maximal_leakage(
    joint: np.ndarray, seed: int, k: int
) -> None:
    # The defining property: U - S - Z, any U. Also U = S, which is min-entropy leakage.
    secrets = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=len(joint))
    most = max_leakage(joint, E)
    assert math.log(slow.best_gain(joint, secrets)) <= most + 1e-12
    assert min_entropy_leakage(joint, E) <= most + 1e-12


def test_the_maximal_leakage_is_reached() -> None:
    # U splits each s into as many equally likely parts as its probability holds shares.
    joint = np.array([[0.5, 0.1], [0.1, 0.1], [0.0, 0.2]])
    shares = (joint.sum(axis=1) / 0.2).round().astype(int)
    secrets = np.zeros((3, shares.sum()))
    start = 0
    for s, parts in enumerate(shares):
        secrets[s, start : start + parts] = 1 / parts
        start += parts
    exact = math.log2(slow.best_gain(joint, secrets))
    assert max_leakage(joint) == pytest.approx(exact, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(tables(deepest=3), st.integers(0, 10**6))
def test_no_functions_correlate_more(joint: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    most = maximal_correlation(joint)
    assert 0.0 <= most <= 1.0
    for _ in range(5):
        f, g = rng.standard_normal(joint.shape[0]), rng.standard_normal(joint.shape[1])
        assert abs(slow.correlation(joint, f, g)) <= most + 1e-9


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 10**6))
def test_the_maximal_correlation_is_reached(r: int, c: int, seed: int) -> None:
    # Alternating conditional expectations climb to the best pair of functions.
    joint = slow.random_table([r, c], seed)
    p_s, p_z = joint.sum(axis=1), joint.sum(axis=0)
    f = np.random.default_rng(seed).standard_normal(r)
    for _ in range(2000):
        g = f @ joint / p_z
        g -= p_z @ g
        f = joint @ g / p_s
        f /= math.sqrt(p_s @ f**2)
    assert maximal_correlation(joint) == pytest.approx(slow.correlation(joint, f, g), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(tables())
def test_slow_twin_of_chi_squared(joint: np.ndarray) -> None:
    exact = slow.chi_squared(joint)
    assert chi_squared_information(joint) == pytest.approx(exact, abs=1e-9, rel=1e-9)


# Closed forms


@pytest.mark.parametrize("d", [0.0, 0.05, 0.3, 0.5])
def test_flipped_fair_bit(d: float) -> None:
    joint = symmetric_channel(d)
    assert max_leakage(joint, E) == pytest.approx(math.log(2 * (1 - d)), abs=1e-12)
    assert bayes_vulnerability(joint) == pytest.approx(1 - d)
    assert min_entropy_leakage(joint, E) == pytest.approx(math.log(2 * (1 - d)), abs=1e-12)
    assert guessing_entropy(joint) == pytest.approx(1 + d)
    assert maximal_correlation(joint) == pytest.approx(1 - 2 * d, abs=1e-12)
    assert chi_squared_information(joint) == pytest.approx((1 - 2 * d) ** 2, abs=1e-12)
    for a in (0.5, 2, 7):
        exact = math.log(2) + math.log((1 - d) ** a + d**a) / (a - 1)
        assert sibson_mutual_information(joint, a, E) == pytest.approx(exact, abs=1e-12)
        assert arimoto_mutual_information(joint, a, E) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("e", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_erased_bit(e: float, prior: float) -> None:
    joint = erasure_channel(e, prior)
    assert max_leakage(joint, E) == pytest.approx(math.log(2 - e), abs=1e-12)
    assert maximal_correlation(joint) == pytest.approx(math.sqrt(1 - e), abs=1e-12)
    assert bayes_vulnerability(joint) == pytest.approx(1 - e * min(prior, 1 - prior))


@pytest.mark.parametrize("k", [2, 5, 30])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 3.0])
def test_randomised_response(k: int, epsilon: float) -> None:
    joint = randomised_response(k, epsilon)
    right = math.exp(epsilon) / (math.exp(epsilon) + k - 1)
    assert max_leakage(joint, E) == pytest.approx(math.log(k * right), abs=1e-12)
    assert max_leakage(joint, E) <= epsilon + 1e-12
    assert bayes_vulnerability(joint) == pytest.approx(right)
    assert min_entropy_leakage(joint, E) == pytest.approx(math.log(k * right), abs=1e-12)


def gaussian_table(rho: float, cells: int = 221, reach: float = 8.0) -> np.ndarray:
    """Two standard normals of correlation rho on a fine grid."""
    at = np.linspace(-reach, reach, cells)
    first = np.exp(-(at**2) / 2)
    table = first[:, None] * np.exp(-((at - rho * at[:, None]) ** 2) / (2 * (1 - rho**2)))
    return table / table.sum()


@pytest.mark.parametrize("snr", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("order", [0.5, 1, 2, 4])
def test_additive_gaussian_noise(snr: float, order: float) -> None:
    # Sibson's information of Gaussian input: 0.5 ln(1 + a SNR).
    joint = gaussian_table(math.sqrt(snr / (1 + snr)))
    exact = 0.5 * math.log(1 + order * snr)
    assert sibson_mutual_information(joint, order, E) == pytest.approx(exact, abs=1e-3)


def test_additive_gaussian_noise_leaks_without_bound_at_worst() -> None:
    # The maximal leakage grows with the reach of x: infinite on the whole line.
    leaks = [max_leakage(gaussian_table(0.7, 121, reach), E) for reach in (2, 4, 8, 16)]
    assert all(b > a + 0.3 for a, b in pairwise(leaks))


@pytest.mark.parametrize("rho", [0.0, 0.4, -0.8])
def test_the_maximal_correlation_of_gaussians_is_their_own(rho: float) -> None:
    assert maximal_correlation(gaussian_table(rho)) == pytest.approx(abs(rho), abs=1e-6)


def test_the_maximal_leakage_does_not_see_the_prior() -> None:
    for prior in (0.5, 0.1, 1e-9):
        joint = symmetric_channel(0.1, prior)
        assert max_leakage(joint) == pytest.approx(math.log2(1.8), abs=1e-9)
    assert max_leakage(symmetric_channel(0.1, 0.0)) == 0.0  # who is certain leaks nothing


def test_guessing_blind() -> None:
    assert guessing_entropy(np.full(9, 1 / 9)) == pytest.approx(5.0)
    assert guessing_entropy([1.0, 0.0]) == pytest.approx(1.0)
    assert guessing_entropy(np.diag([0.2, 0.8])) == pytest.approx(1.0)


def test_known_renyi_entropies() -> None:
    p = [0.5, 0.25, 0.25, 0.0]
    assert renyi_entropy(p, 0) == pytest.approx(math.log2(3))
    assert renyi_entropy(p, 1) == pytest.approx(1.5)
    assert renyi_entropy(p, 2) == pytest.approx(-math.log2(0.375))
    assert renyi_entropy(p, INF) == pytest.approx(1.0)
    for order in (0, *ORDERS):
        assert renyi_entropy(np.full(8, 1 / 8), order) == pytest.approx(3.0)


# Orders


@settings(deadline=None, max_examples=60)
@given(tables())
def test_orders(joint: np.ndarray) -> None:
    shannon, most = mutual_information(joint, E), max_leakage(joint, E)
    assert shannon <= most + 1e-11
    occupied = np.count_nonzero(joint.sum(axis=1)), np.count_nonzero(joint.sum(axis=0))
    assert most <= math.log(min(occupied)) + 1e-11
    assert shannon <= math.log1p(chi_squared_information(joint)) + 1e-11
    sibson = [sibson_mutual_information(joint, a, E) for a in ORDERS]
    assert all(a <= b + 1e-10 for a, b in pairwise(sibson))
    assert sibson[-1] == pytest.approx(most, abs=1e-12)
    entropies = [renyi_entropy(joint, a, E) for a in (0, *ORDERS)]
    assert all(a >= b - 1e-10 for a, b in pairwise(entropies))
    left = [arimoto_conditional_entropy(joint, a, E) for a in ORDERS]
    assert all(a >= b - 1e-10 for a, b in pairwise(left))
    assert left[ORDERS.index(1)] == pytest.approx(conditional_entropy(joint, E), abs=1e-12)
    # Massey's guesses against one guess: at least one, and each miss costs at least one more.
    assert guessing_entropy(joint) >= 2 - bayes_vulnerability(joint) - 1e-12


@settings(deadline=None, max_examples=60)
@given(tables(), st.integers(1, 4), st.integers(0, 10**6), st.sampled_from(ORDERS))
def test_data_processing(joint: np.ndarray, k: int, seed: int, order: float) -> None:
    channel = np.random.default_rng(seed).dirichlet(np.full(k, 0.5), size=joint.shape[1])
    released = joint @ channel
    for measure in (sibson_mutual_information, arimoto_mutual_information):
        assert measure(released, order) <= measure(joint, order) + 1e-10, measure.__name__
    for measure in (
        max_leakage,
        min_entropy_leakage,
        bayes_vulnerability,
        maximal_correlation,
        chi_squared_information,
    ):
        before = measure(joint)
        assert measure(released) <= before * (1 + 1e-9) + 1e-10, measure.__name__
    assert guessing_entropy(released) >= guessing_entropy(joint) - 1e-10


@orders
@pytest.mark.parametrize("seed", range(3))
def test_nothing_leaks_between_independent_sides(order: float, seed: int) -> None:
    joint = np.outer(slow.random_table([3], seed), slow.random_table([4], seed + 9))
    assert sibson_mutual_information(joint, order) == pytest.approx(0.0, abs=1e-12)
    assert arimoto_mutual_information(joint, order) == pytest.approx(0.0, abs=1e-12)
    assert max_leakage(joint) == pytest.approx(0.0, abs=1e-12)
    assert min_entropy_leakage(joint) == pytest.approx(0.0, abs=1e-12)
    assert maximal_correlation(joint) == pytest.approx(0.0, abs=1e-7)
    assert chi_squared_information(joint) == pytest.approx(0.0, abs=1e-12)
    assert guessing_entropy(joint) == pytest.approx(guessing_entropy(joint.sum(axis=1)))


@pytest.mark.parametrize("near", [1 - 1e-3, 1 + 1e-3, 1 - 1e-7, 1 + 1e-7, 1 - 1e-13, 1 + 1e-13])
def test_orders_next_to_one_are_next_to_shannon(near: float) -> None:
    joint = slow.random_table([4, 3], 5, empty=0.2)
    off = 10 * abs(near - 1) + 1e-7
    assert renyi_entropy(joint, near) == pytest.approx(entropy(joint), abs=off)
    assert sibson_mutual_information(joint, near) == pytest.approx(
        mutual_information(joint), abs=off
    )
    assert arimoto_conditional_entropy(joint, near) == pytest.approx(
        conditional_entropy(joint), abs=off
    )


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_far_orders_are_next_to_the_worst_case(far: float) -> None:
    joint = slow.random_table([4, 3], 5, empty=0.2)
    off = 5 / far
    assert renyi_entropy(joint, far) == pytest.approx(renyi_entropy(joint, INF), rel=off)
    assert sibson_mutual_information(joint, far) == pytest.approx(max_leakage(joint), abs=off * 5)
    assert arimoto_mutual_information(joint, far) == pytest.approx(
        min_entropy_leakage(joint), abs=off * 5
    )


# Degenerate tables and bad input


@degenerate
def test_degenerate_tables(joint: np.ndarray) -> None:
    for order in ORDERS:
        exact = max(0.0, slow.sibson_information(joint, order))
        assert sibson_mutual_information(joint, order, E) == pytest.approx(exact, abs=1e-11)
        exact = max(0.0, slow.arimoto_information(joint, order))
        assert arimoto_mutual_information(joint, order, E) == pytest.approx(exact, abs=1e-11)
    assert bayes_vulnerability(joint) == pytest.approx(slow.best_guess(joint))
    assert 0.0 <= maximal_correlation(joint) <= 1.0
    assert guessing_entropy(joint) == pytest.approx(slow.fewest_guesses(joint))
    assert math.isfinite(chi_squared_information(joint))
    assert chi_squared_information(joint) == pytest.approx(
        slow.chi_squared(joint), abs=1e-9, rel=1e-9
    )


def test_a_tiny_group_that_is_certain_counts_in_full() -> None:
    # How often it happens does not matter: worst-case measures see a copy of two symbols.
    joint = np.array([[1.0, 0.0], [0.0, 1e-200]])
    assert max_leakage(joint) == pytest.approx(1.0)
    assert maximal_correlation(joint) == pytest.approx(1.0)
    assert chi_squared_information(joint) == pytest.approx(1.0)
    assert sibson_mutual_information(joint, INF) == pytest.approx(1.0)


@pytest.mark.parametrize("measure", WITH_BASE)
def test_bases(measure: Callable[..., float]) -> None:
    joint = slow.random_table([3, 4], 7)
    assert measure(joint, base=10) == pytest.approx(measure(joint) * math.log10(2))
    with pytest.raises(ValueError, match="base must be a number above 1"):
        measure(joint, base=0.5)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[0.5, -0.5], [0.5, 0.5]], r"negative probability: -0\.5"),
        ([[0.5, math.nan]], "NaN or infinite"),
        ([[3, 4]], "sums to 7, not to 1"),
        (np.full((2, 2, 2), 1 / 8), r"ax[ei]s.*\(2, 2, 2\)"),
    ],
    ids=["negative", "NaN", "counts", "axes"],
)
@pytest.mark.parametrize(
    "measure",
    [
        max_leakage,
        min_entropy_leakage,
        bayes_vulnerability,
        guessing_entropy,
        maximal_correlation,
        chi_squared_information,
        lambda joint: sibson_mutual_information(joint, 2),
        lambda joint: arimoto_mutual_information(joint, 2),
        lambda joint: arimoto_conditional_entropy(joint, 2),
    ],
)
def test_bad_tables(measure: Callable[..., float], table: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"joint .*{message}"):
        measure(table)


@pytest.mark.parametrize("order", [-1, math.nan, -INF])
def test_bad_orders(order: float) -> None:
    joint = symmetric_channel(0.1)
    for measure in (
        renyi_entropy,
        sibson_mutual_information,
        arimoto_mutual_information,
        arimoto_conditional_entropy,
    ):
        with pytest.raises(ValueError, match=f"order must be .*not {order}"):
            measure(joint, order)


def test_order_zero_is_renyis_only() -> None:
    joint = symmetric_channel(0.1)
    assert renyi_entropy(joint, 0) == pytest.approx(2.0)
    for measure in (sibson_mutual_information, arimoto_mutual_information):
        with pytest.raises(ValueError, match="order must be above 0, not 0"):
            measure(joint, 0)
