"""Nearest-neighbour estimators against slow twins, known truth and degenerate input."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, xlogy

from privfunnel import estimate_mi
from privfunnel.datasets import gap_gaussian, sparse_normal, uniform_mixture
from privfunnel.estimators import knn_terms
from privfunnel.estimators.knn import conditional_ksg_mi, differential_entropy
from privfunnel.estimators.scores import normal_scores
from privfunnel.variables import as_variable
from tests import reference_knn as slow

KNN = ["ksg", "ksg2", "ross", "mixed_ksg", "copula_entropy"]
NUMBERS = ["ksg", "ksg2", "mixed_ksg", "copula_entropy"]


def normal_pair(n: int, rho: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=n)


def normal_nats(rho: float) -> float:
    return -0.5 * math.log(1 - rho**2)


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize(("d", "e"), [(1, 1), (2, 1), (3, 6)])
def test_terms_match_the_loops(d: int, e: int, k: int) -> None:
    rng = np.random.default_rng(d + e + k)
    n = 150
    x, z = rng.normal(size=(n, d)), rng.normal(size=(n, 1))
    y = x[:, :1] + rng.normal(size=(n, e))
    codes = rng.integers(0, 4, n) + (rng.random(n) < 0.01) * np.arange(n)
    pairs = [
        (knn_terms.ksg1(x, y, k), slow.ksg1(x, y, k)),
        (knn_terms.ksg2(x, y, k), slow.ksg2(x, y, k)),
        (knn_terms.mixed(x, y, k), slow.mixed(x, y, k)),
        (knn_terms.conditional(x, y, z, k), slow.conditional(x, y, z, k)),
        (knn_terms.entropy_terms(x, k), slow.differential_entropy(x, k)),
        (knn_terms.ross(np.unique(codes, return_inverse=True)[1], y, k), slow.ross(codes, y, k)),
    ]
    for terms, want in pairs:
        assert terms.shape == (n,)
        assert terms.mean() == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3])
def test_mixture_terms_with_ties_match_the_loops(k: int) -> None:
    rng = np.random.default_rng(k)
    x = np.where(rng.random((400, 1)) < 0.5, 0.0, rng.normal(size=(400, 1)))
    y = np.where(rng.random((400, 1)) < 0.5, x, rng.integers(0, 3, (400, 1)))
    assert knn_terms.mixed(x, y, k).mean() == pytest.approx(slow.mixed(x, y, k), abs=1e-12)


@pytest.mark.parametrize("method", NUMBERS)
@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
def test_bivariate_normal(method: str, rho: float) -> None:
    found = estimate_mi(*normal_pair(4000, rho), method=method, base=math.e, rng=1)
    assert found.value == pytest.approx(normal_nats(rho), abs=0.05)
    slack = found.details["standard_error"]
    assert found.lower - slack <= normal_nats(rho) <= found.upper + slack
    assert found.lower <= found.value <= found.upper


def test_several_dimensions() -> None:
    task = sparse_normal(2, 2)
    for method in ("ksg", "ksg2"):
        found = estimate_mi(*task.sample(5000, 0), method=method, rng=0)
        assert found.value == pytest.approx(task.bits, rel=0.04)


@pytest.mark.parametrize("method", ["ksg", "ross", "mixed_ksg"])
@pytest.mark.parametrize("task", [gap_gaussian(0.5), gap_gaussian(2.0), uniform_mixture(5)])
def test_discrete_against_numbers(method: str, task: Any) -> None:
    found = estimate_mi(*task.sample(4000, 3), method=method, rng=0, base=math.e)
    assert found.value == pytest.approx(task.nats, abs=0.03)
    assert found.lower - 0.005 <= task.nats <= found.upper + 0.005


def test_erasing_the_secret_scales_every_reading() -> None:
    # privacy-math section 2: S = BEC_e(X) gives I(S;Z) = (1 - e) I(X;Z) for every mechanism.
    rng = np.random.default_rng(5)
    x = rng.integers(0, 2, 20_000)
    z = x + 0.6 * rng.standard_normal(20_000)
    s = np.where(rng.random(20_000) < 0.3, 2, x)
    whole = estimate_mi(x, z, method="ross", rng=0)
    erased = estimate_mi(s, z, method="ross", rng=0)
    assert erased.value == pytest.approx(0.7 * whole.value, abs=0.02)


def test_margins_do_not_matter() -> None:
    x, y = normal_pair(500, 0.7)
    plain = estimate_mi(x, y, method="ksg", rng=0)
    bent = estimate_mi(np.exp(3 * x), -(y**3), method="ksg", rng=0)
    assert bent.value == pytest.approx(plain.value, abs=1e-12)


@pytest.mark.parametrize("method", NUMBERS)
def test_sides_may_be_swapped_and_columns_reordered(method: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 2))
    y = x + rng.normal(size=(300, 2))
    one = estimate_mi(x, y, method=method, rng=0).details["raw"]
    two = estimate_mi(y, x[:, ::-1], method=method, rng=0).details["raw"]
    # Normal scores share one grid, so neighbours tie and the second kind may pick another one.
    assert one == pytest.approx(two, abs=0.01 if method == "ksg2" else 1e-12)


def test_intervals_cover() -> None:
    # 120 samples at 95 %: fewer than 104 hits have a chance below 0.0005.
    hits = 0
    for seed in range(120):
        rho = (0.3, 0.6, 0.9)[seed % 3]
        found = estimate_mi(*normal_pair(300, rho, seed), method="ksg", base=math.e, rng=seed)
        hits += found.lower <= normal_nats(rho) <= found.upper
    assert hits >= 104


@pytest.mark.parametrize("n", [100, 1000])
def test_intervals_cover_strong_relations(n: int) -> None:
    # Wide neighbourhoods read 0.1 too little at n = 100, and 0.02 too much at n = 1000.
    hits = 0
    for seed in range(60):
        found = estimate_mi(*normal_pair(n, 0.99, seed), method="ksg", base=math.e, rng=seed)
        hits += found.lower <= normal_nats(0.99) <= found.upper
    # Of 60 at 95 %, fewer than 50 have a chance below 0.0005.
    assert hits >= 50


@pytest.mark.parametrize("method", ["ksg", "ross", "mixed_ksg"])
def test_false_alarms_are_rare(method: str) -> None:
    alarms = [0, 0]
    for seed in range(80):
        rng = np.random.default_rng(seed)
        x: np.ndarray = rng.integers(0, 3, 100) if method == "ross" else rng.normal(size=100)
        found = estimate_mi(x, rng.normal(size=100), method=method, n_permutations=19, rng=seed)
        assert found.p_value is not None
        alarms[0] += found.p_value <= 0.05
        alarms[1] += found.lower > 0
    # 80 tests at 5 % and 2.5 %: more than these have a chance below 0.001.
    assert alarms[0] <= 12
    assert alarms[1] <= 9


def test_p_value_of_a_strong_relation_is_the_smallest_possible() -> None:
    found = estimate_mi(*normal_pair(300, 0.8), method="ksg", n_permutations=39, rng=0)
    assert found.p_value == pytest.approx(1 / 40)
    assert abs(found.details["null_mean"]) < 0.05
    assert found.details["least_detectable"] > 0


INFINITE = {
    "identical": lambda x, e: x,
    "affine": lambda x, e: 1 - 1e6 * x,
    "monotone": lambda x, e: np.exp(x),
    "sine": lambda x, e: np.sin(3 * x),
    "parabola": lambda x, e: x**2,
    "tiny noise": lambda x, e: x + 1e-7 * e,
}


@pytest.mark.parametrize("relation", INFINITE)
def test_exact_relations_are_named_infinite(relation: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    found = estimate_mi(x, INFINITE[relation](x, rng.normal(size=1000)), method="ksg", rng=0)
    assert found.value == math.inf
    assert found.upper == math.inf
    assert 2.0 < found.lower < 20
    assert found.details["note"].startswith("infinite")
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["value"] is None


def test_a_function_of_two_columns_is_infinite() -> None:
    x = np.random.default_rng(0).normal(size=(1500, 2))
    assert estimate_mi(x, x[:, 0] * x[:, 1], method="ksg", rng=0).value == math.inf


@pytest.mark.parametrize("rho", [0.9, 0.99, 0.999])
def test_strong_but_noisy_relations_are_finite(rho: float) -> None:
    found = estimate_mi(*normal_pair(1000, rho), method="ksg", base=math.e, rng=0)
    assert found.value == pytest.approx(normal_nats(rho), abs=0.15)


def test_readings_at_the_ceiling_have_no_upper_end() -> None:
    found = estimate_mi(*normal_pair(300, 0.9999), method="ksg", base=math.e, rng=0)
    assert found.upper == math.inf
    assert found.lower < normal_nats(0.9999)


def test_rounded_values_are_not_infinite() -> None:
    x, _ = normal_pair(2000, 0.0)
    found = estimate_mi(x, np.round(50 * x), method="ksg", rng=0)
    assert math.isfinite(found.value)


@pytest.mark.parametrize("method", KNN)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_few_rows_answer(method: str, n: int) -> None:
    rng = np.random.default_rng(n)
    x: np.ndarray = np.arange(n) % 2 if method == "ross" else rng.normal(size=n)
    found = estimate_mi(x, rng.normal(size=n), method=method, n_permutations=3, rng=0)
    assert found.value >= 0
    assert found.n == n
    for number in (found.value, found.lower, found.upper, found.details["raw"]):
        assert not math.isnan(number)


@pytest.mark.parametrize("method", KNN)
def test_constant_side_tells_nothing(method: str) -> None:
    found = estimate_mi(np.full(50, 3.0), np.random.default_rng(0).normal(size=50), method=method)
    assert found.value == 0.0
    assert "constant" in found.details["note"]


def test_a_constant_column_beside_others_changes_nothing() -> None:
    x, y = normal_pair(1000, 0.6)
    wide = np.column_stack([x, np.full(1000, 7.0)])
    for method in ("ksg", "mixed_ksg"):
        plain = estimate_mi(x, y, method=method, rng=0).details["raw"]
        found = estimate_mi(wide, y, method=method, rng=0).details["raw"]
        assert found == pytest.approx(plain, abs=1e-12)


@pytest.mark.parametrize("method", NUMBERS)
def test_duplicates_do_no_harm(method: str) -> None:
    # Rounded to one decimal the pair keeps nearly all its information; rows repeat a lot.
    x, y = (np.round(side, 1) for side in normal_pair(3000, 0.6))
    found = estimate_mi(x, y, method=method, base=math.e, rng=0)
    assert found.value == pytest.approx(normal_nats(0.6), abs=0.06)


@pytest.mark.parametrize("method", NUMBERS)
def test_every_row_repeated(method: str) -> None:
    x, y = (np.repeat(side, 40) for side in normal_pair(60, 0.0))
    found = estimate_mi(x, y, method=method, rng=0)
    assert math.isfinite(found.value)
    # The sixty values name each other: log2(60) bits.
    assert found.value > 3


def test_zero_inflated_columns() -> None:
    # Both sides are 0 together on half of the rows, independent otherwise: one bit.
    rng = np.random.default_rng(0)
    on = rng.random(6000) < 0.5
    x, y = (np.where(on, rng.normal(size=6000), 0.0) for _ in range(2))
    for method in ("ksg", "mixed_ksg"):
        found = estimate_mi(x, y, method=method, rng=0)
        assert found.value == pytest.approx(1.0, abs=0.03)
        assert found.lower <= 1.0 <= found.upper


def test_censored_columns() -> None:
    # A third of y is cut off; the truth by quadrature over the part that is left and the atom.
    x, y = normal_pair(6000, 0.6)
    grid, step = np.linspace(-8, 8, 2001, retstep=True)
    density = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    cut = ndtr((-0.3 - 0.6 * grid) / 0.8)
    atom = (density * xlogy(cut, cut / ndtr(-0.3))).sum() * step
    above = grid[grid > -0.3]
    given = np.exp(-(((above[None] - 0.6 * grid[:, None]) / 0.8) ** 2) / 2) / (
        0.8 * math.sqrt(2 * math.pi)
    )
    ratio = given / (np.exp(-(above**2) / 2) / math.sqrt(2 * math.pi))
    truth = atom + (density[:, None] * xlogy(given, ratio)).sum() * step**2
    found = estimate_mi(x, np.maximum(y, -0.3), method="ksg", base=math.e, rng=0)
    assert found.value == pytest.approx(truth, abs=0.03)
    assert "mixtures" in found.details["note"]


def test_an_exact_relation_beside_an_atom_is_infinite() -> None:
    x, _ = normal_pair(1000, 0.0)
    y = np.maximum(x, 0.0)
    found = estimate_mi(y, np.exp(y), method="ksg", rng=0)
    assert found.value == math.inf
    assert math.isfinite(estimate_mi(x > 0, y > 0.5, method="ksg", rng=0).value)


def test_published_mixture_algorithm_is_an_option() -> None:
    # Rounded columns: every value is an atom for the published algorithm, and it reads too much.
    x, y = (np.round(side, 1) for side in normal_pair(1000, 0.0))
    published = estimate_mi(x, y, method="mixed_ksg", scale="standard", rng=0).value
    assert published > 0.5
    assert estimate_mi(x, y, method="mixed_ksg", rng=0).value < 0.1


def test_codes_that_occur_once_tell_nothing() -> None:
    found = estimate_mi(
        np.arange(200), np.random.default_rng(0).normal(size=200), method="ross", discrete_x=True
    )
    assert found.value == 0.0
    assert found.details["alone"] == 1.0


def test_text_against_numbers() -> None:
    s, y = gap_gaussian(2.0).sample(3000, 0)
    named = np.array(["no", "yes"])[s[:, 0]]
    for method in ("ross", "ksg", "mixed_ksg"):
        found = estimate_mi(named, y, method=method, rng=0, base=math.e)
        assert found.value == pytest.approx(gap_gaussian(2.0).nats, abs=0.03)


def test_conditional_information_of_normals() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=4000)
    a, b = rng.normal(size=(2, 4000))
    x, y = z + a, z + 0.6 * a + 0.8 * b
    for given in (z, np.round(z)):
        found = conditional_ksg_mi(*map(as_variable, (x, y, given)), rng=np.random.default_rng(1))
        # Given rounded z some of z is still shared: more information, but less than without.
        assert found.value > normal_nats(0.6) - 0.03
    exact = conditional_ksg_mi(*map(as_variable, (x, y, z)), rng=np.random.default_rng(1))
    assert exact.value == pytest.approx(normal_nats(0.6), abs=0.03)
    assert exact.lower <= normal_nats(0.6) <= exact.upper


def test_conditioning_on_a_level() -> None:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 4, 3000)
    x, y = 3 * z + rng.normal(size=(2, 3000))
    given = conditional_ksg_mi(*map(as_variable, (x, y, z)), rng=np.random.default_rng(0))
    assert given.lower == 0.0
    assert given.value < 0.03
    assert estimate_mi(x, y, method="ksg", rng=0, base=math.e).value > 0.8


def test_differential_entropy() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 2))
    truth = math.log2(2 * math.pi * math.e)
    assert differential_entropy(x) == pytest.approx(truth, abs=0.06)
    scaled = differential_entropy(8 * x, base=2) - differential_entropy(x, base=2)
    assert scaled == pytest.approx(6.0, abs=1e-9)
    assert differential_entropy(np.repeat(x, 5, axis=0)) == -math.inf
    with pytest.raises(ValueError, match="at least 2 rows"):
        differential_entropy([1.0])


def test_normal_scores() -> None:
    column = np.array([[3.0], [1.0], [1.0], [2.0]])
    seen = {tuple(normal_scores(column, np.random.default_rng(i))[:, 0]) for i in range(20)}
    # The tie falls both ways, the others stay, and the scores are symmetric.
    assert len(seen) == 2
    for scores in seen:
        assert np.argmax(scores) == 0
        assert sum(scores) == pytest.approx(0.0)


@pytest.mark.parametrize("method", KNN)
def test_same_seed_same_result(method: str) -> None:
    x, y = normal_pair(200, 0.5)
    side: np.ndarray = x > 0 if method == "ross" else np.round(x, 1)
    first, second, other = (
        estimate_mi(side, y, method=method, n_permutations=5, rng=seed) for seed in (7, 7, 8)
    )
    assert first == second
    assert first.details["null_mean"] != other.details["null_mean"]


BAD = [
    ({"k": 0}, "k must be a whole number >= 1"),
    ({"k": 2.5}, "k must be a whole number >= 1"),
    ({"scale": "minmax"}, "scale must be one of normal, standard, none"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_mi(*normal_pair(50, 0.5), method="ksg", **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", KNN)
def test_missing_and_infinite_values(method: str, bad: float) -> None:
    x, y = normal_pair(50, 0.5)
    y[3] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        estimate_mi(x, y, method=method)


@pytest.mark.parametrize("method", KNN)
def test_different_lengths(method: str) -> None:
    with pytest.raises(ValueError, match="x has 50 rows, y has 49"):
        estimate_mi(np.arange(50.0), np.arange(49.0), method=method)


def test_huge_k_is_cut_to_the_rows_there_are() -> None:
    found = estimate_mi(*normal_pair(20, 0.5), method="ksg", k=10**6)
    assert found.details["k"] == 19


def test_progress_is_reported() -> None:
    heard: list[float] = []
    estimate_mi(
        *normal_pair(100, 0.5),
        method="ksg",
        n_permutations=4,
        rng=0,
        progress=lambda done, words: heard.append(done),
    )
    assert heard == [0.25, 0.5, 0.75, 1.0]
