"""The one door: what it accepts, what it refuses, what comes out."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pandas as pd
import pytest

from privfunnel import METHODS, Estimate, estimate_mi
from privfunnel.datasets import Task, bivariate_normal, from_joint, gap_gaussian, symmetric_channel
from privfunnel.estimate import as_generator

RHO = bivariate_normal(0.9)
FLIP = from_joint("flip", symmetric_channel(0.1))
SIGN = gap_gaussian(1.5)
# Small trainings: these tests ask about the door, not about accuracy.
QUICK = {"steps": 60}
NEURAL = {name for name, m in METHODS.items() if m.target.endswith("neural_mi")}


def task_for(name: str) -> Task:
    if METHODS[name].takes == "discrete":
        return FLIP
    return SIGN if name == "ross" else RHO


def sample_for(name: str, n: int = 200, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return task_for(name).sample(n, seed)


def options(name: str) -> dict[str, int]:
    return QUICK if name in NEURAL else {}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_reads_dependence_and_repeats_itself(name: str) -> None:
    x, y = sample_for(name)
    truth = task_for(name).bits
    first, second = (estimate_mi(x, y, method=name, rng=7, **options(name)) for _ in range(2))
    assert first.value == second.value
    # What aims above the truth guarantees nothing below it.
    assert (first.lower == 0) == (first.bound == "upper")
    assert first.lower <= first.value <= first.upper
    assert first.lower < truth < first.upper + 0.6
    assert first.n == 200
    assert first.base == 2
    assert first.details["raw"] == pytest.approx(first.value)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_never_negative_nor_nan_without_dependence(name: str) -> None:
    x, y = sample_for(name, 120)
    y = np.random.default_rng(5).permutation(y)
    e = estimate_mi(x, y, method=name, rng=0, **options(name))
    for number in (e.value, e.lower, e.upper):
        assert number >= 0
    assert math.isfinite(e.details["raw"])
    assert e.value == max(0.0, e.details["raw"])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_every_method_answers_for_a_handful_of_rows(name: str, n: int) -> None:
    x, y = sample_for(name, n)
    e = estimate_mi(x, y, method=name, rng=0, **options(name))
    assert not math.isnan(e.value + e.lower + e.upper)


@pytest.mark.parametrize("name", METHODS)
def test_a_constant_side_tells_nothing(name: str) -> None:
    e = estimate_mi(np.ones(50), np.arange(50), method=name)
    assert (e.value, e.lower, e.upper) == (0, 0, 0)
    assert "x is constant" in e.details["note"]


def test_bases_are_one_reading_in_two_units() -> None:
    x, y = RHO.sample(300, 0)
    bits, nats = (estimate_mi(x, y, method="ksg", rng=0, base=b) for b in (2, math.e))
    assert nats.value == pytest.approx(bits.value * math.log(2))
    assert nats.lower == pytest.approx(bits.lower * math.log(2))
    assert bits.to_base(math.e).details["raw"] == pytest.approx(nats.details["raw"])


def test_json_holds_no_rows_and_no_infinity() -> None:
    x, y = RHO.sample(300, 0)
    report = estimate_mi(x, y, method="elliptical", rng=0).to_dict()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert "pointwise_nats" not in report["details"]
    exact = estimate_mi(x, x, rng=0)
    assert exact.value == math.inf
    assert exact.details["infinite"]
    assert exact.to_dict()["value"] is None


def test_one_line() -> None:
    e = Estimate(0.5, 0.25, 0.75, "lower", 0.01, "neural", 100, 2)
    assert repr(e) == "Estimate(>= 0.5 bit [0.25, 0.75], p=0.01, neural, n=100)"


def test_kinds_of_input_are_one_sample() -> None:
    rng = np.random.default_rng(0)
    text = rng.choice(["a", "b", "c"], 300)
    other = np.where(rng.random(300) < 0.5, text, "a")
    plain = estimate_mi(text, other, method="plugin", rng=0).value
    series = pd.Series(text, dtype="category")
    assert estimate_mi(series, pd.Series(other), method="plugin", rng=0).value == plain
    assert estimate_mi(text.astype(object), list(other), method="plugin", rng=0).value == plain
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 5000, 300), "D")
    assert estimate_mi(pd.Series(days), text, rng=0).value < 0.2


def test_many_labels() -> None:
    n = 100_000
    e = estimate_mi(np.arange(n).astype(str), np.arange(n) % 2, method="corrected", rng=0)
    assert e.value < 1e-9
    assert e.lower == 0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2, 3], [1, 2], "x has 3 rows, y has 2"),
        ([1.0, np.nan], [1, 2], "x holds NaN or infinite values in 1 of 2 rows"),
        ([1, 2], [np.inf, 2.0], "y holds NaN or infinite"),
        (["a", None], [1, 2], "x holds missing values"),
        ([], [], "x is empty"),
        (np.zeros((2, 2, 2)), [1, 2], "x must have shape"),
        ([[1, 2], [3]], [1, 2], "x must have shape"),
    ],
)
def test_bad_samples(x: object, y: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_mi(x, y)


def test_bad_options() -> None:
    x, y = RHO.sample(50, 0)
    with pytest.raises(
        ValueError, match=r"unknown method 'ksgg'; one of: auto, plugin.*classifier"
    ):
        estimate_mi(x, y, method="ksgg")
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1, not 95"):
        estimate_mi(x, y, confidence=95)
    with pytest.raises(ValueError, match="n_permutations must be a whole number"):
        estimate_mi(x, y, n_permutations=-1)
    with pytest.raises(ValueError, match="base must be"):
        estimate_mi(x, y, base=1)
    with pytest.raises(TypeError, match=r"method 'ksg' has no option 'kk'; it has: \['k'"):
        estimate_mi(x, y, method="ksg", kk=3)
    with pytest.raises(TypeError, match="has no option 'correction'"):
        estimate_mi(x, y, method="miller_madow", correction="none")
    with pytest.raises(ValueError, match="not whole numbers"):
        estimate_mi(x, y, method="plugin")
    with pytest.raises(ValueError, match="holds text, and this method needs numbers"):
        estimate_mi(["a", "b", "c"] * 20, np.arange(60.0), method="gaussian")
    with pytest.raises(TypeError, match="rng must be a Generator"):
        estimate_mi(x, y, rng="seed")
    with pytest.raises(ValueError, match="x holds text and cannot be continuous"):
        estimate_mi(["a", "b"], [1, 2], discrete_x=False)


def test_stated_kind_overrules_the_inferred_one() -> None:
    x = np.repeat([0.5, 1.5, 2.5, 3.5], 30)
    assert estimate_mi(x, x, rng=0).value == pytest.approx(2, abs=0.15)
    rng = np.random.default_rng(0)
    noise = x + rng.normal(size=120)
    assert estimate_mi(x, noise, discrete_x=True, rng=0).method == "ross"


@pytest.mark.parametrize("name", ["plugin", "ksg", "gaussian", "elliptical"])
def test_permutation_p_values(name: str) -> None:
    x, y = sample_for(name, 150)
    e = estimate_mi(x, y, method=name, n_permutations=39, rng=0)
    assert e.p_value == pytest.approx(1 / 40)
    still = estimate_mi(
        x, np.random.default_rng(9).permutation(y), method=name, n_permutations=39, rng=0
    )
    assert still.p_value is not None
    assert still.p_value > 0.05


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [m for m in sys.modules if m.startswith("privfunnel.estimators")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'privfunnel-fsmi\[funnel\]'"):
        estimate_mi(*RHO.sample(60, 0), method="neural")


def test_a_seed_shared_with_the_sample_leaks_nothing() -> None:
    # Folds drawn by the very numbers that drew the sample once read 0.026 nats at p = 1e-21 here.
    table = np.full((20, 20), 1 / 400)
    x, y = from_joint("independent", table).sample(1500, 0)
    assert estimate_mi(x, y, method="boosted", rng=0).lower == 0
    assert as_generator(0).random() != np.random.default_rng(0).random()


@pytest.mark.parametrize("name", ["elliptical", "classifier", "neural"])
def test_progress_ends_at_one(name: str) -> None:
    x, y = RHO.sample(200, 0)
    seen: list[float] = []
    estimate_mi(x, y, method=name, rng=0, progress=lambda s, _: seen.append(s), **options(name))
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)


def test_conditioning_takes_away_a_common_cause() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=600)
    x, y = (z + 0.5 * rng.normal(size=600) for _ in range(2))
    assert estimate_mi(x, y, method="gaussian", rng=0).lower > 0.3
    for name in ("auto", "gaussian", "elliptical"):
        assert estimate_mi(x, y, condition=z, method=name, rng=0).lower == 0


@pytest.mark.parametrize("name", ["plugin", "corrected", "classifier", "auto"])
def test_conditioning_on_a_coin_reveals_exclusive_or(name: str) -> None:
    rng = np.random.default_rng(4)
    x, z = rng.integers(0, 2, (2, 800))
    y = x ^ z
    assert estimate_mi(x, y, method=name, rng=0).value < 0.02
    e = estimate_mi(x, y, condition=z, method=name, rng=0)
    assert e.value == pytest.approx(1, abs=0.06)
    assert e.details["strata"] == 2


def test_permutations_stay_within_the_condition() -> None:
    rng = np.random.default_rng(4)
    z = np.repeat([0, 1], 200)
    x, y = (np.where(rng.random(400) < 0.1, 1 - z, z) for _ in range(2))
    marginal = estimate_mi(x, y, method="plugin", n_permutations=39, rng=0)
    given = estimate_mi(x, y, condition=z, method="plugin", n_permutations=39, rng=0)
    assert marginal.p_value == pytest.approx(1 / 40)
    assert given.p_value is not None
    assert given.p_value > 0.05
    with pytest.raises(ValueError, match="permutations need a discrete condition"):
        estimate_mi(x, y, condition=rng.random(400), method="elliptical", n_permutations=5)
