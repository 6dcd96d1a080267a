"""Shannon measures of tables: slow twins, identities, degenerate tables, bad input."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel import entropy as en_package_name  # the function, see test below
from privfunnel.datasets import erasure_channel, symmetric_channel
from privfunnel.entropy import (
    check_base,
    check_table,
    conditional_entropy,
    conditional_mutual_information,
    cross_entropy,
    entropy,
    generalised_mutual_information,
    interaction_information,
    jensen_shannon,
    kl_divergence,
    mutual_information,
    normalise,
    normalised_mutual_information,
    pointwise_mutual_information,
    total_correlation,
    variation_of_information,
)
from tests import reference_mi as slow

E = math.e
LN2 = math.log(2)
MEANS = ("arithmetic", "geometric", "min", "max", "joint")

# Measures of joint[first, second] that take a base.
OF_TWO: list[Callable[..., float]] = [
    entropy,
    conditional_entropy,
    mutual_information,
    total_correlation,
    variation_of_information,
    generalised_mutual_information,
]


@st.composite
def tables(draw: st.DrawFn, axes: int = 2, largest: int = 5) -> np.ndarray:
    shape = [draw(st.integers(1, largest)) for _ in range(axes)]
    return slow.random_table(
        shape,
        draw(st.integers(0, 2**32 - 1)),
        empty=draw(st.sampled_from([0.0, 0.3, 0.8])),
        depth=draw(st.sampled_from([0, 3, 20, 160, 300])),
    )


degenerate = pytest.mark.parametrize("joint", slow.DEGENERATE.values(), ids=slow.DEGENERATE.keys())
close = {"abs": 1e-12, "rel": 1e-12}


def h(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def test_the_package_shows_the_function() -> None:
    assert en_package_name is entropy


# Slow twins


def equals_its_slow_twins(joint: np.ndarray) -> None:
    assert entropy(joint, E) == pytest.approx(slow.entropy(joint), **close)
    assert conditional_entropy(joint, E) == pytest.approx(slow.conditional_entropy(joint), **close)
    assert mutual_information(joint, E) == pytest.approx(slow.mutual_information(joint), **close)
    points = pointwise_mutual_information(joint, E)
    assert points.shape == joint.shape
    expected = slow.pointwise(joint)
    for index in np.ndindex(joint.shape):
        if joint[index] > 0:
            assert points[index] == pytest.approx(expected[index], abs=1e-9, rel=1e-9), index
        else:
            assert points[index] == -math.inf


@settings(deadline=None, max_examples=150)
@given(tables())
def test_slow_twins_on_random_tables(joint: np.ndarray) -> None:
    equals_its_slow_twins(joint)


@degenerate
def test_slow_twins_on_degenerate_tables(joint: np.ndarray) -> None:
    equals_its_slow_twins(joint)


def test_information_of_a_tiny_cell_keeps_its_digits() -> None:
    tiny = 1e-160
    joint = np.array([[1.0, 0.0], [0.0, tiny]])
    assert mutual_information(joint, E) == pytest.approx(-tiny * math.log(tiny), rel=1e-12)


def test_pointwise_information_of_margins_whose_product_underflows() -> None:
    joint = np.array([[1.0, 0.0], [0.0, 1e-200]])
    points = pointwise_mutual_information(joint, 10)
    assert points[1, 1] == pytest.approx(200.0)
    assert points[0, 0] == pytest.approx(0.0)


@settings(deadline=None, max_examples=60)
@given(tables(axes=3, largest=4))
def test_slow_twin_of_the_conditional_information(joint: np.ndarray) -> None:
    expected = slow.conditional_mutual_information(joint)
    assert conditional_mutual_information(joint, E) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(tables(axes=1, largest=6), st.integers(0, 10**6), st.floats(0, 1))
def test_slow_twins_of_divergences(p: np.ndarray, seed: int, weight: float) -> None:
    q = slow.random_table(p.shape, seed, empty=0.3)
    exact = slow.divergence(p, q)
    assert kl_divergence(p, q, E) == pytest.approx(exact, **close)
    assert cross_entropy(p, q, E) == pytest.approx(slow.entropy(p) + exact, **close)
    mixed = slow.jensen_shannon(p, q, weight)
    assert jensen_shannon(p, q, E, weight=weight) == pytest.approx(mixed, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4), st.integers(0, 10**6))
def test_slow_twin_of_the_total_correlation(axes: int, seed: int) -> None:
    joint = slow.random_table([3, 2, 4, 2][:axes], seed, empty=0.4)
    singles = sum(slow.entropy_of_axes(joint, [a]) for a in range(axes))
    exact = singles - slow.entropy(joint)
    assert total_correlation(joint, E) == pytest.approx(exact, abs=1e-12)


# Identities


@settings(deadline=None, max_examples=100)
@given(tables())
def test_six_equal_forms_of_the_information(joint: np.ndarray) -> None:
    first, second = joint.sum(axis=1), joint.sum(axis=0)
    h_first, h_second, h_both = entropy(first), entropy(second), entropy(joint)
    forms = [
        h_first - conditional_entropy(joint),
        h_second - conditional_entropy(joint.T),
        h_first + h_second - h_both,
        h_both - conditional_entropy(joint) - conditional_entropy(joint.T),
        kl_divergence(joint, np.outer(first, second)),
        sum(
            weight * kl_divergence(row / weight, second)
            for row, weight in zip(joint, first, strict=True)
            if weight > 1e-290
        ),
    ]
    if forms[4] == math.inf:  # the product of two margins was too small for a float
        assert min((np.outer(first, second))[joint > 0]) == 0.0
        forms[4] = forms[0]
    assert forms == pytest.approx([mutual_information(joint)] * 6, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(tables(axes=3, largest=4))
def test_chain_rules(joint: np.ndarray) -> None:
    a, b, c = joint.shape
    # H(A, B, C) = H(A) + H(B | A) + H(C | A, B)
    parts = (
        entropy(joint.sum(axis=(1, 2)))
        + conditional_entropy(joint.sum(axis=2).T)
        + conditional_entropy(joint.reshape(a * b, c).T)
    )
    assert entropy(joint) == pytest.approx(parts, abs=1e-12)
    # I(A; B, C) = I(A; C) + I(A; B | C)
    whole = mutual_information(joint.reshape(a, b * c))
    given_c = conditional_mutual_information(joint)
    assert whole == pytest.approx(mutual_information(joint.sum(axis=1)) + given_c, abs=1e-12)
    # TC(A, B, C) = I(A; B) + I(A, B; C)
    steps = mutual_information(joint.sum(axis=2)) + mutual_information(joint.reshape(a * b, c))
    assert total_correlation(joint) == pytest.approx(steps, abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(tables(), st.integers(1, 5), st.integers(0, 10**6))
def test_data_processing(joint: np.ndarray, k: int, seed: int) -> None:
    channel = np.random.default_rng(seed).dirichlet(np.full(k, 0.5), size=joint.shape[1])
    released = joint @ channel
    assert mutual_information(released) <= mutual_information(joint) + 1e-12
    assert mutual_information(released) <= entropy(joint.sum(axis=0) @ channel) + 1e-12
    # S - X - Z: given X, Z tells nothing more about S.
    chain = joint[:, None, :] * channel.T[None, :, :]
    assert conditional_mutual_information(chain) == pytest.approx(0.0, abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(tables(), st.integers(0, 10**6))
def test_bounds_and_invariances(joint: np.ndarray, seed: int) -> None:
    value = mutual_information(joint)
    assert 0.0 <= value <= min(entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0))) + 1e-12
    assert entropy(joint) <= math.log2(joint.size) + 1e-12
    assert mutual_information(joint.T) == pytest.approx(value, abs=1e-12)
    rng = np.random.default_rng(seed)
    shuffled = joint[rng.permutation(len(joint))][:, rng.permutation(joint.shape[1])]
    assert mutual_information(shuffled) == pytest.approx(value, abs=1e-12)
    padded = np.pad(joint, ((0, 2), (1, 0)))
    assert mutual_information(padded) == pytest.approx(value, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0, 20, 160, 300]))
def test_independent_sides_share_nothing(seed: int, depth: int) -> None:
    first = slow.random_table([4], seed, depth=depth)
    second = slow.random_table([6], seed + 1)
    joint = np.outer(first, second)
    assert mutual_information(joint) == pytest.approx(0.0, abs=1e-13)
    assert generalised_mutual_information(joint, 3) == pytest.approx(0.0, abs=1e-13)
    assert normalised_mutual_information(joint) == pytest.approx(0.0, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 5), st.integers(0, 10**6))
def test_variation_of_information_is_a_metric(k: int, seed: int) -> None:
    joint = slow.random_table([k, 3, 2], seed, empty=0.3)
    ab, bc, ac = joint.sum(axis=2), joint.sum(axis=0), joint.sum(axis=1)
    apart = variation_of_information
    assert apart(ac) <= apart(ab) + apart(bc) + 1e-12
    assert apart(ab) == pytest.approx(apart(ab.T), abs=1e-12)
    assert apart(np.diag(joint.sum(axis=(1, 2)))) == pytest.approx(0.0, abs=1e-12)
    assert apart(ab) == pytest.approx(entropy(ab) - mutual_information(ab), abs=1e-12)


# Known values


def test_known_entropies() -> None:
    assert entropy([0.5, 0.5]) == pytest.approx(1.0)
    assert entropy(np.full((4, 8), 1 / 32)) == pytest.approx(5.0)
    assert entropy([1.0, 0.0]) == 0.0
    assert entropy([0.9, 0.1], E) == pytest.approx(h(0.1))
    assert conditional_entropy(symmetric_channel(0.2), E) == pytest.approx(h(0.2))


@pytest.mark.parametrize("delta", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("prior", [0.5, 0.2, 0.01])
def test_flipped_bit(delta: float, prior: float) -> None:
    # p(Z = 1) = prior * delta-convolved; I = h(p * d) - h(d)
    seen = prior * (1 - delta) + (1 - prior) * delta
    noise = h(delta) if delta else 0.0
    exact = h(seen) - noise
    assert mutual_information(symmetric_channel(delta, prior), E) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("erasure", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_erasure_scales_the_information_of_every_mechanism(erasure: float, seed: int) -> None:
    # S = BEC_e(X): I(S; Z) = (1 - e) I(X; Z) for every p(z | x).
    prior = 0.3
    mechanism = np.random.default_rng(seed).dirichlet([0.4] * 3, size=2)
    x_and_z = np.array([[1 - prior], [prior]]) * mechanism
    s_given_x = erasure_channel(erasure, prior) / np.array([[1 - prior], [prior]])
    s_and_z = s_given_x.T @ x_and_z
    exact = (1 - erasure) * mutual_information(x_and_z)
    assert mutual_information(s_and_z) == pytest.approx(exact, abs=1e-12)


def test_exclusive_or_is_synergy_and_copies_are_redundancy() -> None:
    xor, copies = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    for a in range(2):
        copies[a, a, a] = 0.5
        for b in range(2):
            xor[a, b, a ^ b] = 0.25
    assert interaction_information(xor) == pytest.approx(1.0)
    assert interaction_information(copies) == pytest.approx(-1.0)
    assert conditional_mutual_information(xor) == pytest.approx(1.0)
    assert conditional_mutual_information(copies) == 0.0
    assert total_correlation(xor) == pytest.approx(1.0)
    assert total_correlation(copies) == pytest.approx(2.0)


@settings(deadline=None, max_examples=30)
@given(tables(axes=3, largest=3))
def test_interaction_is_symmetric(joint: np.ndarray) -> None:
    value = interaction_information(joint)
    for order in ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        assert interaction_information(joint.transpose(order)) == pytest.approx(value, abs=1e-12)


def test_divergences_of_laws_without_common_outcomes() -> None:
    assert kl_divergence([1, 0], [0, 1]) == math.inf
    assert cross_entropy([0.5, 0.5], [1, 0]) == math.inf
    assert jensen_shannon([1, 0], [0, 1]) == pytest.approx(1.0)
    assert jensen_shannon([1, 0], [0, 1], weight=0.9) == pytest.approx(entropy([0.1, 0.9]))
    for weight in (0, 1):
        assert jensen_shannon([0.3, 0.7], [0.9, 0.1], weight=weight) == 0.0
    assert kl_divergence([0.3, 0.7], [0.3, 0.7]) == 0.0


@pytest.mark.parametrize("how", MEANS)
def test_normalised_information(how: str) -> None:
    joint = symmetric_channel(0.1, 0.3)
    first, second = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0))
    scale = {
        "arithmetic": (first + second) / 2,
        "geometric": math.sqrt(first * second),
        "min": min(first, second),
        "max": max(first, second),
        "joint": entropy(joint),
    }[how]
    expected = mutual_information(joint) / scale
    assert normalised_mutual_information(joint, how) == pytest.approx(expected)
    assert normalised_mutual_information(np.diag([0.2, 0.3, 0.5]), how) == pytest.approx(1.0)
    assert normalised_mutual_information([[1.0]], how) == 1.0
    assert normalised_mutual_information([[0.4, 0.6]], how) == 0.0


@degenerate
@pytest.mark.parametrize("how", MEANS)
def test_normalised_information_is_a_share(joint: np.ndarray, how: str) -> None:
    assert 0.0 <= normalised_mutual_information(joint, how) <= 1.0


@settings(deadline=None, max_examples=60)
@given(tables(), st.integers(1, 6))
def test_generalised_information_is_that_of_the_escort_table(joint: np.ndarray, order: int) -> None:
    # By logs, so that the powers of tiny masses do not vanish in the twin.
    logs = {index: order * math.log(p / joint.max()) for index, p in slow.cells(joint)}
    escort = np.zeros(joint.shape)
    for index, power in logs.items():
        escort[index] = math.exp(power)
    escort /= escort.sum()
    exact = slow.mutual_information(escort)
    assert generalised_mutual_information(joint, order, E) == pytest.approx(exact, abs=1e-12)
    assert generalised_mutual_information(joint, 1) == pytest.approx(
        mutual_information(joint), abs=1e-12
    )


# Units


@pytest.mark.parametrize("measure", OF_TWO, ids=lambda f: f.__name__)
@pytest.mark.parametrize("base", [E, 3, 10, 1.5, np.float32(4), 2**10])
def test_bases(measure: Callable[..., float], base: float) -> None:
    joint = slow.random_table([3, 4], 7)
    assert measure(joint, base=base) == pytest.approx(measure(joint) * LN2 / math.log(base))
    assert inspect.signature(measure).parameters["base"].default == 2


def test_bases_of_the_others() -> None:
    cube, p, q = slow.random_table([2, 3, 2], 1), [0.3, 0.7], [0.6, 0.4]
    for bits, nats in (
        (conditional_mutual_information(cube), conditional_mutual_information(cube, E)),
        (interaction_information(cube), interaction_information(cube, E)),
        (kl_divergence(p, q), kl_divergence(p, q, E)),
        (cross_entropy(p, q), cross_entropy(p, q, E)),
        (jensen_shannon(p, q), jensen_shannon(p, q, E)),
    ):
        assert bits == pytest.approx(nats / LN2)
    square = symmetric_channel(0.2)
    assert pointwise_mutual_information(square) * LN2 == pytest.approx(
        pointwise_mutual_information(square, E)
    )


@pytest.mark.parametrize("base", [0, 1, -2, 0.5, math.nan, math.inf, "2", None, True])
def test_bad_bases(base: object) -> None:
    with pytest.raises(ValueError, match=r"base must be .*not " + repr(base).replace("-", ".")):
        mutual_information([[0.5, 0.5]], base)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="base must be"):
        check_base(base)  # type: ignore[arg-type]


# Bad tables

BAD = {
    "negative": ([[0.5, -0.1], [0.3, 0.3]], ValueError, r"negative probability: -0\.1"),
    "NaN": ([[0.5, math.nan], [0.3, 0.2]], ValueError, "NaN or infinite"),
    "infinite": ([[0.5, math.inf], [0.3, 0.2]], ValueError, "NaN or infinite"),
    "counts": ([[5, 3], [2, 1]], ValueError, r"sums to 11, not to 1.*normalise\(counts\)"),
    "nearly one": ([[0.5, 0.5001], [0, 0]], ValueError, "sums to 1.0001"),
    "zero": ([[0.0, 0.0]], ValueError, "sums to 0"),
    "empty": (np.zeros((0, 2)), ValueError, r"is empty \(shape \(0, 2\)\)"),
    "text": ([["a", "b"]], TypeError, "array of numbers"),
    "ragged": ([[0.5], [0.25, 0.25]], TypeError, "array of numbers"),
    "objects": ([[None, {}]], TypeError, "array of numbers"),
}


@pytest.mark.parametrize(("table", "error", "message"), BAD.values(), ids=BAD.keys())
def test_bad_tables(table: object, error: type[Exception], message: str) -> None:
    for measure in (mutual_information, conditional_entropy, pointwise_mutual_information):
        with pytest.raises(error, match=f"joint .*{message}"):
            measure(table)  # type: ignore[operator]
    for measure in (entropy, total_correlation):
        with pytest.raises(error, match=message):
            measure(table)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("measure", "shape"),
    [
        (mutual_information, (2,)),
        (mutual_information, (2, 2, 2)),
        (conditional_entropy, (4,)),
        (pointwise_mutual_information, (4,)),
        (normalised_mutual_information, (4,)),
        (generalised_mutual_information, (4,)),
        (variation_of_information, (1, 1, 4)),
        (conditional_mutual_information, (2, 2)),
        (interaction_information, (2, 2, 2, 2)),
    ],
)
def test_wrong_number_of_axes(measure: Callable[..., float], shape: tuple[int, ...]) -> None:
    table = np.full(shape, 1 / math.prod(shape))
    with pytest.raises(ValueError, match=r"must have \d axes, not shape \(" + str(shape[0])):
        measure(table)


def test_a_number_is_no_table() -> None:
    with pytest.raises(ValueError, match="empty"):
        entropy(1.0)


def test_rounding_is_forgiven() -> None:
    joint = np.array([[0.5 + 3e-7, -1e-14], [0.0, 0.5]])
    checked = check_table(joint)
    assert checked.sum() == pytest.approx(1.0, abs=1e-15)
    assert checked.min() == 0.0
    assert mutual_information(joint) == pytest.approx(1.0, abs=1e-6)
    assert joint[0, 1] == -1e-14  # the caller's table is not touched


def test_bad_options() -> None:
    square = symmetric_channel(0.2)
    with pytest.raises(ValueError, match=r"weight must lie in \[0, 1\], not 1\.5"):
        jensen_shannon([1, 0], [0, 1], weight=1.5)
    with pytest.raises(ValueError, match="weight"):
        jensen_shannon([1, 0], [0, 1], weight=math.nan)
    with pytest.raises(ValueError, match=r"how must be one of arithmetic.*joint, not 'mean'"):
        normalised_mutual_information(square, "mean")
    for order in (0, 0.5, math.nan, math.inf):
        with pytest.raises(ValueError, match="order must be at least 1"):
            generalised_mutual_information(square, order)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"one shape, not \(2,\) and \(3,\)"):
        kl_divergence([0.5, 0.5], [0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="q holds NaN"):
        cross_entropy([0.5, 0.5], [math.nan, 0.5])


@pytest.mark.parametrize(
    "counts", [[], [0, 0], [1, -1, 2], [1, math.nan], [math.inf, 1]], ids=lambda c: str(c)
)
def test_counts_that_are_no_counts(counts: list[float]) -> None:
    with pytest.raises(ValueError, match="finite, non-negative and not all zero"):
        normalise(counts)


def test_huge_counts() -> None:
    counts = np.array([[10**15, 1], [1, 10**15]])
    joint = normalise(counts)
    assert joint.sum() == pytest.approx(1.0)
    assert mutual_information(joint) == pytest.approx(1.0, abs=1e-12)
