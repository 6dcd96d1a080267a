"""The closed form for Gaussian sides and the estimators on ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privfunnel import estimate_mi
from privfunnel.datasets import dense_normal, half_cube, mapped, sparse_normal
from privfunnel.estimators.copula import copula_entropy
from privfunnel.estimators.gaussian import bias
from tests import reference_knn as slow

CLOSED = ["gaussian", "copula"]


def normal_pair(n: int, rho: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=n)


def test_plain_reading_is_the_ratio_of_determinants() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = x[:, :2] @ rng.normal(size=(2, 2)) + rng.normal(size=(80, 2))
    found = estimate_mi(x, y, method="gaussian", base=math.e)
    assert found.details["raw"] + bias(80, 3, 2) == pytest.approx(slow.gaussian(x, y), abs=1e-12)


def test_the_bias_is_exact() -> None:
    # Mean of 1500 readings at n = 20, truth known: the correction leaves less than 4 errors.
    readings = []
    for seed in range(1500):
        rng = np.random.default_rng(seed)
        x, noise = rng.normal(size=(2, 20, 2))
        readings.append(slow.gaussian(x, 0.6 * x + 0.8 * noise))
    truth = -math.log(1 - 0.36)
    error = np.std(readings) / math.sqrt(len(readings))
    assert abs(np.mean(readings) - bias(20, 2, 2) - truth) < 4 * error
    assert bias(20, 2, 2) > 10 * error


@pytest.mark.parametrize("method", CLOSED)
@pytest.mark.parametrize("task", [dense_normal(3, 3), sparse_normal(25, 25), dense_normal(25, 2)])
def test_known_truth(method: str, task: object) -> None:
    truth = task.nats  # type: ignore[attr-defined]
    x, y = task.sample(5000, 1)  # type: ignore[attr-defined]
    found = estimate_mi(x, y, method=method, base=math.e, rng=0)
    assert found.value == pytest.approx(truth, abs=0.04)
    assert found.lower < truth < found.upper


@pytest.mark.parametrize(("n", "rho"), [(20, 0.9), (100, 0.0), (300, 0.2)])
def test_intervals_cover(rho: float, n: int) -> None:
    # 300 samples at 95 %: below 271 hits has a chance of about 0.0005.
    truth = -0.5 * math.log(1 - rho**2)
    hits = 0
    for seed in range(300):
        found = estimate_mi(*normal_pair(n, rho, seed), method="gaussian", base=math.e)
        hits += found.lower <= truth <= found.upper
    assert hits >= 271


@pytest.mark.parametrize("method", CLOSED)
@pytest.mark.parametrize("d", [1, 3])
def test_p_values_are_uniform_at_independence(method: str, d: int) -> None:
    p = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 60, d))
        p.append(estimate_mi(x, y, method=method, rng=0).p_value)
    # Kolmogorov-Smirnov at a chance of 0.001.
    gap = np.abs(np.sort(np.array(p, dtype=float)) - (np.arange(300) + 0.5) / 300).max()
    assert gap < 1.95 / math.sqrt(300)


def test_linear_maps_of_a_side_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 3))
    y = x[:, :1] + rng.normal(size=(200, 2))
    plain = estimate_mi(x, y, method="gaussian").details["raw"]
    turned = estimate_mi(x @ rng.normal(size=(3, 3)) + 1e3, 1e-6 * y, method="gaussian")
    assert turned.details["raw"] == pytest.approx(plain, rel=1e-6)
    # A column that is a combination of the others adds nothing.
    wide = np.column_stack([x, x.sum(axis=1)])
    assert estimate_mi(wide, y, method="gaussian").details["raw"] == pytest.approx(plain)


def test_monotone_maps_do_not_matter_to_copulas() -> None:
    task = sparse_normal(3, 3)
    bent = mapped(task, "half-cube", half_cube)
    for method in ("copula", "copula_entropy"):
        one = estimate_mi(*task.sample(400, 0), method=method, rng=0).details["raw"]
        two = estimate_mi(*bent.sample(400, 0), method=method, rng=0).details["raw"]
        assert one == pytest.approx(two, abs=1e-9)


def test_one_column_each_is_a_lower_bound() -> None:
    # y = x^2 + noise has no correlation: the Gaussian copula sees nothing, and says "at least".
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    found = estimate_mi(x, x**2 + 0.1 * rng.normal(size=2000), method="copula", rng=0)
    assert found.bound == "lower"
    assert found.value < 0.02
    entropy = estimate_mi(x, x**2 + 0.1 * rng.normal(size=2000), method="copula_entropy", rng=0)
    assert entropy.value > 1.5


@pytest.mark.parametrize("method", CLOSED)
def test_exact_relations_are_infinite(method: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    for y in (x, -2 * x[:, 0] + 5):
        found = estimate_mi(x, y, method=method, rng=0)
        if method == "gaussian" or y is x:
            assert found.value == found.upper == math.inf
            assert "infinite" in found.details["note"]
            assert math.isfinite(found.lower)


@pytest.mark.parametrize("method", [*CLOSED, "copula_entropy"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 12])
def test_few_rows_answer(method: str, n: int) -> None:
    rng = np.random.default_rng(n)
    found = estimate_mi(rng.normal(size=(n, 6)), rng.normal(size=(n, 4)), method=method, rng=0)
    assert not any(math.isnan(v) for v in (found.value, found.lower, found.upper))
    if 1 < n < 12 and method in CLOSED:
        assert (found.value, found.upper) == (0.0, math.inf)
        assert "rows cannot determine" in found.details["note"]


@pytest.mark.parametrize("method", [*CLOSED, "copula_entropy"])
def test_constant_column_and_side(method: str) -> None:
    x, y = normal_pair(400, 0.6)
    wide = np.column_stack([x, np.ones(400)])
    assert estimate_mi(np.ones(400), y, method=method).value == 0.0
    if method == "gaussian":
        plain = estimate_mi(x, y, method=method).details["raw"]
        assert estimate_mi(wide, y, method=method).details["raw"] == pytest.approx(plain)


@pytest.mark.parametrize("method", [*CLOSED, "copula_entropy"])
def test_text_is_refused_with_a_way_out(method: str) -> None:
    with pytest.raises(ValueError, match="holds text"):
        estimate_mi(["a", "b", "c"] * 5, np.arange(15.0), method=method)


def test_copula_entropy_is_minus_the_information() -> None:
    x, y = normal_pair(4000, 0.8)
    truth = 0.5 * math.log2(1 - 0.64)
    assert copula_entropy(np.column_stack([x, y]), rng=0) == pytest.approx(truth, abs=0.05)
    assert copula_entropy(x) == 0.0
    rng = np.random.default_rng(0)
    assert copula_entropy(rng.exponential(size=(3000, 3)), rng=0) == pytest.approx(0.0, abs=0.08)
    with pytest.raises(ValueError, match="at least 2 rows"):
        copula_entropy([[1.0, 2.0]])


def test_least_detectable_shrinks_with_n() -> None:
    small, large = (
        estimate_mi(*normal_pair(n, 0.5), method="gaussian").details["least_detectable"]
        for n in (100, 1000)
    )
    assert small == pytest.approx(10 * large, rel=1e-6)
    # A pair of that information is found about four times in five.
    rho = math.sqrt(1 - 2 ** (-2 * small))
    hits = sum(
        float(estimate_mi(*normal_pair(100, rho, seed), method="gaussian").p_value or 0) < 0.05
        for seed in range(300)
    )
    assert 0.7 < hits / 300 < 0.9
