"""Feature selection: criteria by hand, planted columns, and scikit-learn's own checks."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from privfunnel import FeatureSelector, select_features
from privfunnel.estimators.pairwise import conditional_information, information, ranked
from privfunnel.selection import CRITERIA
from privfunnel.variables import as_variable
from tests.reference_knn import plugin


def planted(n: int = 800, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns 0 and 1 make y, column 2 is a noisy copy of 0, the others have nothing in them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    x[:, 2] = x[:, 0] + 0.2 * rng.normal(size=n)
    return x, x[:, 0] + 0.8 * x[:, 1] + 0.3 * rng.normal(size=n)


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_planted_columns_are_found(criterion: str, discrete: bool) -> None:
    x, y = planted()
    target: np.ndarray = y > 0 if discrete else y
    chosen = list(select_features(x, target, 3, criterion=criterion, rng=0))
    assert chosen[0] == 0
    assert set(chosen) == {0, 1, 2} or (criterion.startswith("mrmr") and chosen[1] == 1)
    if criterion not in {"relevance", "jmi"}:
        # The copy is relevant and redundant.
        assert chosen[1] == 1


def by_hand(x: np.ndarray, y: np.ndarray, k: int, criterion: str) -> list[int]:
    """The criteria for codes, from dictionaries of counts and with a Miller-Madow correction."""

    def mi(a: np.ndarray, b: np.ndarray) -> float:
        cells = [len(set(zip(*pair, strict=True))) for pair in ((a, b), (a,), (b,))]
        return plugin(a, b) - (cells[0] - cells[1] - cells[2] + 1) / (2 * len(a))

    def clip(value: float) -> float:
        return max(0.0, value)

    def given(j: int, s: int) -> float:
        pair = x[:, j] * 1000 + x[:, s]
        return clip(mi(pair, y) - mi(x[:, s], y))

    chosen: list[int] = []
    while len(chosen) < k:
        scores: dict[int, Any] = {}
        for j in set(range(x.shape[1])) - set(chosen):
            own = clip(mi(x[:, j], y))
            shared = [clip(mi(x[:, j], x[:, s])) for s in chosen]
            new = [given(j, s) for s in chosen]
            mean = sum(shared) / len(shared) if shared else 0.0
            scores[j] = {
                "relevance": own,
                "mrmr": own - mean,
                "mrmr_quotient": own / (mean + 0.01),
                "jmi": sum(new) / len(new) if new else own,
                "cmim": min([own, *new]),
            }[criterion]
            # Equal scores: the more relevant column, then the one further left.
            scores[j] = (scores[j], own, -j)
        chosen.append(max(scores, key=scores.__getitem__))
    return chosen


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("seed", range(4))
def test_criteria_match_the_definition(criterion: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (300, 6))
    x[:, 3] = np.where(rng.random(300) < 0.2, x[:, 3], x[:, 0])
    y = (x[:, 0] + x[:, 1] * (rng.random(300) < 0.8)) % 4
    found = select_features(x, y, 4, criterion=criterion)
    assert list(found) == by_hand(x, y, 4, criterion)


def test_relevance_and_scores_are_information() -> None:
    x, y = planted(2000)
    found = select_features(x, y, 2, rng=0)
    rho2 = 1 / (1 + 0.64 + 0.09)
    assert found.relevance[0] == pytest.approx(-0.5 * math.log2(1 - rho2), abs=0.06)
    assert found.relevance[5] == pytest.approx(0.0, abs=0.05)
    assert found.scores[0] == found.relevance[0]
    nats = select_features(x, y, 2, rng=0, base=math.e)
    assert nats.relevance[0] == pytest.approx(found.relevance[0] * math.log(2))


def test_jmi_prefers_the_column_that_completes_another() -> None:
    # y = a xor b, with a showing through: b alone tells little, b given a nearly everything.
    rng = np.random.default_rng(0)
    a, b, noise = rng.integers(0, 2, (3, 2000))
    y = np.where(rng.random(2000) < 0.15, a, a ^ b)
    hint = np.where(rng.random(2000) < 0.9, noise, y)
    x = np.column_stack([a, noise, hint, b])
    assert list(select_features(x, y, 2, criterion="jmi")) == [0, 3]


def test_other_estimators() -> None:
    x, y = planted(400)
    for criterion in ("mrmr", "jmi", "cmim"):
        found = select_features(x, y, 2, criterion=criterion, method="gaussian")
        assert list(found) == [0, 1]


def test_names_and_plain_types() -> None:
    x, y = planted()
    table = pd.DataFrame(x, columns=[f"c{j}" for j in range(6)])
    table["kind"] = np.where(y > 0, "yes", "no")
    found = select_features(table, y, 2, rng=0)
    assert found.names is not None
    assert found.names == tuple(table.columns[j] for j in found)
    assert json.loads(json.dumps(found.to_dict()))["names"] == list(found.names)
    assert repr(found) == f"Selection(mrmr: {', '.join(found.names)})"
    assert x[:, list(select_features(x, y, 2))].shape == (800, 2)
    np.testing.assert_array_equal(np.asarray(found), found.indices)
    assert (len(found), found[0]) == (2, found.indices[0])


def test_constant_columns_come_last() -> None:
    x, y = planted(200)
    x[:, 0] = 3.0
    found = select_features(x, y, 6)
    assert found.relevance[0] == 0.0
    assert found[0] != 0
    assert list(select_features(np.ones((50, 2)), np.arange(50.0), 1)) == [0]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_few_rows_answer(criterion: str, n: int) -> None:
    rng = np.random.default_rng(n)
    found = select_features(rng.normal(size=(n, 3)), rng.normal(size=n), 2, criterion=criterion)
    assert len(found) == 2
    assert not any(math.isnan(score) for score in found.scores)


def test_more_than_there_are_chooses_all_and_progress_is_told() -> None:
    heard: list[float] = []
    found = select_features(*planted(100), 99, progress=lambda done, words: heard.append(done))
    assert sorted(found) == list(range(6))
    assert heard[-1] == 1.0


BAD: list[tuple[tuple[Any, Any, Any], dict[str, Any], str]] = [
    ((np.ones((5, 2)), np.ones(5), 0), {}, "k must be a whole number >= 1, not 0"),
    ((np.ones((5, 2)), np.ones(5), True), {}, "k must be a whole number"),
    ((np.ones((5, 2)), np.ones(4), 1), {}, "X has 5 rows, y has 4"),
    ((np.ones((5, 2)), np.ones(5), 1), {"criterion": "best"}, "criterion must be one of"),
    ((np.full((5, 2), np.nan), np.ones(5), 1), {}, "X holds NaN"),
    ((np.eye(5), np.arange(5.0), 1), {"method": "magic"}, "unknown method 'magic'"),
]


@pytest.mark.parametrize(("arguments", "options", "message"), BAD)
def test_bad_input(arguments: tuple[Any, Any, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select_features(*arguments, **options)


def test_conditional_readings_follow_the_kinds() -> None:
    # a and b share z and nothing else; cut at 0 or not, z takes (nearly) all of it away.
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 4000)
    a, b = 2 * z + rng.normal(size=(2, 4000))
    blurred = z + 0.05 * rng.normal(size=4000)
    for first in (a, a > 1):
        for second in (b, b > 1):
            for given in (z, blurred):
                sides = [ranked(as_variable(side), rng) for side in (first, second, given)]
                assert information(sides[0], sides[1]) > 0.1
                assert abs(conditional_information(*sides)) < 0.03


def test_scikit_learn_checks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(FeatureSelector(), on_fail=None)
    failed = [r["check_name"] for r in results if r["status"] == "failed"]
    assert not failed
    assert len(results) > 30


def test_transformer_in_a_pipeline() -> None:
    x, y = planted()
    table = pd.DataFrame(x, columns=[f"c{j}" for j in range(6)])
    model = make_pipeline(FeatureSelector(2), DecisionTreeClassifier(max_depth=4, random_state=0))
    assert model.fit(table, y > 0).score(table, y > 0) > 0.8
    selector = model[0]
    np.testing.assert_array_equal(selector.get_support(), [1, 1, 0, 0, 0, 0])
    assert list(selector.get_feature_names_out()) == ["c0", "c1"]
    assert selector.scores_.shape == (6,)
    again = pickle.loads(pickle.dumps(selector))
    np.testing.assert_array_equal(again.transform(table), table[["c0", "c1"]])
