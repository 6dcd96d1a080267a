"""Samples that break estimators: every method answers, or says in words why it cannot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from privfunnel import METHODS, Estimate, estimate_mi, select_features

N = 150
NUMBERS = np.random.default_rng(0).normal(size=N)
CODES = np.arange(N) % 4
QUICK = {
    name: {"steps": 30} if method.target.endswith("neural_mi") else {}
    for name, method in METHODS.items()
}
each = pytest.mark.parametrize("name", METHODS)


def answer(name: str, x: Any, y: Any, **more: Any) -> Estimate:
    result = estimate_mi(x, y, method=name, rng=0, **QUICK[name], **more)
    assert not any(math.isnan(v) for v in (result.value, result.lower, result.upper)), result
    assert 0.0 <= result.lower <= result.upper, result
    assert math.isfinite(result.details["raw"])
    assert result.details["raw"] <= result.value
    return result


@each
def test_x_identical_to_y(name: str) -> None:
    if METHODS[name].takes == "discrete":
        assert answer(name, CODES, CODES).value == pytest.approx(2.0, abs=0.2)
    elif name == "ross":
        assert answer(name, CODES, CODES.astype(float), discrete_y=False).value > 1.5
    else:
        result = answer(name, NUMBERS, NUMBERS)
        # What aims above the truth guarantees nothing below it.
        assert (result.value if result.bound == "upper" else result.lower) > 1.0


@each
@pytest.mark.parametrize("side", ["x", "y"])
def test_constant_columns(name: str, side: str) -> None:
    pair = (np.ones(N), CODES) if side == "x" else (CODES, np.ones(N))
    result = answer(name, *pair)
    assert (result.value, result.upper) == (0.0, 0.0)
    assert f"{side} is constant" in result.details["note"]


@each
def test_one_row(name: str) -> None:
    result = answer(name, [1], [2])
    assert (result.value, result.lower, result.upper, result.n) == (0.0, 0.0, math.inf, 1)


@each
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (NUMBERS[:-1], NUMBERS, f"x has {N - 1} rows, y has {N}"),
        ([1.0, math.nan, 2.0], [1, 2, 3], "x holds NaN or infinite values in 1 of 3 rows"),
        ([1, 2, 3], [1.0, -math.inf, math.inf], "y holds NaN or infinite values in 2 of 3 rows"),
        ([], [], "x is empty"),
    ],
    ids=["lengths", "NaN", "infinite", "empty"],
)
def test_samples_that_are_none(name: str, x: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_mi(x, y, method=name)


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.takes == "discrete"])
def test_codes_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match=r"x holds values that are not whole numbers.*bin it"):
        estimate_mi(NUMBERS, CODES, method=name)
    # Said to be discrete, equal values are levels like any other.
    assert answer(name, CODES + 0.25, CODES, discrete_x=True).value > 1.8


@pytest.mark.parametrize("name", ["auto", "plugin", "corrected", "nsb"])
def test_a_million_labels(name: str) -> None:
    n = 10**6
    result = answer(name, np.arange(n), np.arange(n) % 2, discrete_x=True)
    assert result.lower == 0.0
    assert result.p_value == 1.0
    assert result.n == n


DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N), "D")
KINDS = {
    "object": pd.Series(["a", "b", "c"] * (N // 3), dtype=object),
    "mixed object": pd.Series(["a", 1, 2.5] * (N // 3), dtype=object),
    "category": pd.Series(["low", "high", "high"] * (N // 3), dtype="category"),
    "numbers as category": pd.Series([3, 1, 1] * (N // 3), dtype="category"),
    "text": pd.Series(["x", "y", "z"] * (N // 3), dtype="string"),
    "boolean": pd.Series([True, False, False] * (N // 3)),
    "whole numbers": pd.Series([7, 8, 9] * (N // 3), dtype="Int64"),
    "dates": pd.Series(DAYS),
    "dates with a zone": pd.Series(DAYS.tz_localize("Europe/Paris")),
    "durations": pd.Series(DAYS - DAYS[0]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_columns(kind: str) -> None:
    column, thirds = KINDS[kind], np.arange(N) % 3
    result = answer("auto", column, thirds)
    if kind in ("dates", "dates with a zone", "durations"):
        # Near days have other remainders: nearest neighbours see nothing.
        assert result.lower < 0.2
    else:
        levels = len(set(column))
        expected = math.log2(3) if levels == 3 else math.log2(3) - 2 / 3
        assert result.value == pytest.approx(expected, abs=0.1)
    assert answer("auto", thirds, column).value == pytest.approx(result.value, abs=0.15)


@pytest.mark.parametrize("kind", ["object", "category", "text", "dates"])
def test_missing_values(kind: str) -> None:
    column = KINDS[kind].copy()
    column.iloc[3] = None
    with pytest.raises(ValueError, match=r"x holds missing (values|dates)"):
        estimate_mi(column, CODES)


def test_methods_that_are_none() -> None:
    for method in ("", "KSG", "mutual", None, 3):
        with pytest.raises(ValueError, match=r"unknown method .*; one of: auto, plugin"):
            estimate_mi(NUMBERS, NUMBERS, method=method)  # type: ignore[arg-type]


def test_features_of_every_kind() -> None:
    table = pd.DataFrame({name: column for name, column in KINDS.items() if name != "text"})
    table["constant"] = 1
    chosen = select_features(table, np.arange(N) % 3, 4, rng=0)
    assert "constant" not in (chosen.names or ())
    assert len(set(chosen)) == 4
