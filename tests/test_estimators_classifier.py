"""Classifiers as lower bounds, the automatic choice, and conditioning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privfunnel import estimate_mi
from privfunnel.datasets import erasure_channel, from_joint, gap_gaussian, sparse_normal
from privfunnel.estimators import auto as auto_module
from privfunnel.estimators.classifier import LABEL_BINS, MAX_CLASSES, classes
from privfunnel.panel import huang_el_gamal
from privfunnel.variables import as_variable


@pytest.mark.parametrize(
    ("task", "low"),
    [
        (from_joint("3x3", huang_el_gamal()), 0.8),
        (from_joint("erased", erasure_channel(0.3)), 0.9),
        (gap_gaussian(1.0), 0.85),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_known_information_is_nearly_reached_and_not_exceeded(task: object, low: float) -> None:
    x, y = task.sample(2000, 3)  # type: ignore[attr-defined]
    e = estimate_mi(x, y, method="classifier", rng=0, base=math.e)
    truth = task.nats  # type: ignore[attr-defined]
    assert e.bound == "lower"
    assert e.lower < truth
    assert low * truth < e.value < 1.15 * truth


def test_the_value_is_the_mean_of_the_persons_terms() -> None:
    x, y = gap_gaussian(1.0).sample(400, 0)
    e = estimate_mi(x, y, method="classifier", rng=0, base=math.e)
    terms = e.details["pointwise_nats"]
    assert len(terms) == e.n == 400
    assert e.details["raw"] == pytest.approx(terms.mean())
    assert e.details["standard_error"] == pytest.approx(terms.std(ddof=1) / 20)
    assert set(e.details["families"]) == {"boosted trees", "logistic"}
    assert e.details["accuracy"] > e.details["majority"]


def test_lower_ends_stay_below_the_truth() -> None:
    above, task = 0, gap_gaussian(1.0)
    for seed in range(60):
        x, y = task.sample(150, seed)
        above += estimate_mi(x, y, method="logistic", rng=seed, base=math.e).lower > task.nats
    assert above <= 5


def test_independence_is_not_an_attack() -> None:
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        e = estimate_mi(
            rng.integers(0, 3, 120), rng.normal(size=(120, 3)), method="logistic", rng=seed
        )
        alarms += e.lower > 0
        assert e.upper > 0
    assert alarms <= 6


def test_rare_levels_are_merged_and_numbers_are_cut() -> None:
    rng = np.random.default_rng(0)
    codes, note = classes(as_variable(rng.integers(0, 40, 4000), discrete=True))
    assert len(np.unique(codes)) == MAX_CLASSES
    assert "rare levels merged" in note
    common = np.repeat(["a", "b"], 50)
    codes, note = classes(as_variable(np.concatenate([common, np.arange(60).astype(str)])))
    assert {(codes[:50] == codes[0]).all(), (codes[50:100] == codes[50]).all()} == {True}
    codes, note = classes(as_variable(rng.normal(size=400)))
    assert len(np.unique(codes)) == LABEL_BINS
    assert "bins" in note
    with pytest.raises(ValueError, match="a classifier predicts one column"):
        classes(as_variable(rng.normal(size=(50, 2))))


def test_which_side_is_guessed() -> None:
    rng = np.random.default_rng(0)
    many, few = rng.integers(0, 9, 200), rng.integers(0, 2, 200)
    assert estimate_mi(many, few, method="logistic", rng=0).details["label"] == "y"
    assert estimate_mi(few, many, method="logistic", rng=0).details["label"] == "x"
    assert estimate_mi(few, many, method="logistic", rng=0, label="y").details["label"] == "y"
    with pytest.raises(ValueError, match="label must be 'x', 'y' or 'auto', not 'z'"):
        estimate_mi(few, many, method="logistic", rng=0, label="z")


@pytest.mark.parametrize(
    ("kinds", "chosen", "why"),
    [
        ("codes codes", "corrected", "counted"),
        ("codes number", "ross", "nearest neighbours"),
        ("number number", "ksg", "one column against another"),
        ("codes numbers", "classifier", "classifiers"),
        ("numbers numbers", "elliptical", "a closed form"),
    ],
)
def test_the_automatic_choice_says_why(kinds: str, chosen: str, why: str) -> None:
    rng = np.random.default_rng(0)
    n = 200
    made = {
        "codes": lambda: rng.integers(0, 3, n),
        "number": lambda: rng.normal(size=n),
        "numbers": lambda: rng.normal(size=(n, 5)),
    }
    x, y = (made[kind]() for kind in kinds.split())
    for first, second in ((x, y), (y, x)):
        e = estimate_mi(first, second, rng=0)
        assert e.method == chosen
        assert why in e.details["why"]


def test_sparse_cells_go_to_whoever_proves_more() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 40, 600)
    y = np.where(rng.random(600) < 0.9, x % 2, rng.integers(0, 2, 600)) * 20 + rng.integers(
        0, 20, 600
    )
    e = estimate_mi(x, y, rng=0)
    assert "people per cell" in e.details["why"]
    counted = estimate_mi(x, y, method="corrected", rng=0)
    assert e.lower >= counted.lower - 1e-9


def test_networks_are_chosen_for_many_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = sparse_normal(3, 4, 2, 0.7).sample(320, 0)
    learnt = estimate_mi(x, y, rng=0, base=math.e)
    assert learnt.method == "neural"
    assert learnt.bound == "point"
    assert learnt.lower <= learnt.details["held_out_nats"] <= learnt.value <= learnt.upper
    monkeypatch.setattr(auto_module, "_installed", lambda module: False)
    plain = estimate_mi(x, y, rng=0, base=math.e)
    assert plain.method == "elliptical"
    assert plain.value == pytest.approx(learnt.value, abs=0.25)


def test_an_exact_relation_is_named_infinite() -> None:
    x = np.random.default_rng(0).normal(size=500)
    for y in (x, x**3, np.column_stack([x, np.zeros(500)])[:, 0] * 2):
        e = estimate_mi(x, y, rng=0)
        assert e.value == math.inf
        assert e.lower > 2
        assert "infinite" in e.details["note"]


def test_erasure_scales_every_reading() -> None:
    # S = BEC_e(X): I(S; Z) = (1 - e) I(X; Z) whatever Z tells about X.
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, 6000)
    z = np.where(rng.random(6000) < 0.15, 1 - x, x)
    s = np.where(rng.random(6000) < 0.4, 2, x)
    for name in ("corrected", "classifier"):
        kept, leaked = (estimate_mi(a, z, method=name, rng=0).value for a in (x, s))
        assert leaked == pytest.approx(0.6 * kept, abs=0.03)
