"""Sides of a sample: what is inferred, what is refused, and that codes mean what they stand for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel.variables import (
    MAX_INDICATORS,
    MAX_LEVELS,
    Variable,
    as_variable,
    encode,
    few_values,
    join,
    joint_codes,
)

COLOURS = ["red", "blue", "blue", "green"]
NOON = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)


def labels(codes: np.ndarray, levels: np.ndarray) -> list[Any]:
    return levels[codes].tolist()


# Kinds


@pytest.mark.parametrize(
    ("data", "kind", "nominal"),
    [
        (COLOURS, "discrete", True),
        (np.array(COLOURS, dtype=object), "discrete", True),
        (np.array(COLOURS, dtype="S5"), "discrete", True),
        (np.array(COLOURS, dtype=np.dtypes.StringDType()), "discrete", True),
        (pd.Series(COLOURS), "discrete", True),
        (pd.Series(COLOURS, dtype="category"), "discrete", True),
        (pl.Series(COLOURS), "discrete", True),
        (pl.Series(COLOURS, dtype=pl.Categorical), "discrete", True),
        (pa.array(COLOURS), "discrete", True),
        ([True, False, True], "discrete", False),
        (pd.Series([True, False, True], dtype=object), "discrete", False),
        ([1, 2, 3, 1], "discrete", False),
        ([0.5, 0.5, 0.25, 0.5, 0.25] * 3, "discrete", False),
        (np.arange(4, dtype=np.uint8), "discrete", False),
        (np.arange(4, dtype=object), "discrete", False),
        (np.linspace(0, 1, 40), "continuous", False),
        (np.arange(11), "continuous", False),
        ([Decimal("0.1"), Decimal("0.25")], "discrete", True),
        ([1, "a", 2.5], "discrete", True),
    ],
    ids=lambda v: f"{type(v).__name__}" if not isinstance(v, str | bool) else str(v),
)
def test_kinds(data: Any, kind: str, nominal: bool) -> None:
    side = as_variable(data)
    assert side.kind == kind
    assert side.nominal == (nominal,)
    assert side.values.dtype == np.float64
    assert side.values.shape == (len(data), 1)
    assert len(side) == len(data)


def test_codes_stand_for_the_labels() -> None:
    for data in (COLOURS, pd.Series(COLOURS, dtype="category"), pa.array(COLOURS)):
        side = as_variable(data)
        assert side.n_levels == 3
        assert side.codes.tolist() == [2, 0, 0, 1]


def test_stated_kinds_win() -> None:
    assert as_variable(np.arange(100), discrete=True).kind == "discrete"
    assert as_variable([0, 1, 0, 1], discrete=False).kind == "continuous"
    with pytest.raises(ValueError, match=r"y holds text and cannot be continuous.*discrete_y"):
        as_variable(COLOURS, name="y", discrete=False)


@pytest.mark.parametrize(
    ("levels", "n", "few"),
    [
        (10, 10, True),  # up to ten whole numbers are codes, however few rows
        (11, 50, False),  # beyond, five rows a level
        (11, 55, True),
        (MAX_LEVELS, 5 * MAX_LEVELS, True),
        (MAX_LEVELS + 1, 10**4, False),
        (60, 900, False),
    ],
)
def test_when_numbers_are_codes(levels: int, n: int, few: bool) -> None:
    column = (np.arange(n) % levels).astype(float)
    assert few_values(column) is few
    assert few_values(column * 7 + 1000) is few


def test_fractions_need_repeats_to_be_codes() -> None:
    assert few_values(np.array([0.5, 1.5]))
    assert not few_values(np.array([0.5, 1.5, 2.5]))
    assert few_values(np.tile([0.5, 1.5, 2.5], 5))


def test_values_that_begin_after_the_first_thousand_rows_count() -> None:
    column = np.concatenate([np.zeros(2000), np.random.default_rng(0).random(500)])
    assert not few_values(column)


# Dates


def test_dates_are_numbers_of_time() -> None:
    days = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 4)]
    for data in (
        days,
        np.array(days, dtype="datetime64[D]"),
        pd.Series(pd.to_datetime(days)),
        pl.Series(days),
        pa.array(days),
    ):
        values = as_variable(data).values[:, 0]
        assert (values[2] - values[1]) / (values[1] - values[0]) == 2.0
        assert as_variable(data).nominal == (False,)


def test_dates_with_time_zones_are_instants() -> None:
    later = timezone(timedelta(hours=3))
    same = [NOON, NOON.astimezone(later), NOON + timedelta(hours=1)]
    values = as_variable(same).values[:, 0]
    assert values[0] == values[1] < values[2]
    aware = as_variable(pd.Series(pd.date_range("2024-01-01", periods=4, tz="Europe/Paris")))
    steps = np.diff(aware.values[:, 0])
    assert (steps == steps[0]).all()


def test_durations_are_numbers() -> None:
    values = as_variable(np.array([1, 2, 5], dtype="timedelta64[s]")).values[:, 0]
    assert values.tolist() == [1.0, 2.0, 5.0]


# Shapes


def test_columns_keep_their_own_kinds() -> None:
    frame = pd.DataFrame(
        {"job": COLOURS, "age": [1.5, 2.25, 3.125, 4.0], "paid": [True, False, True, True]}
    )
    side = as_variable(frame, name="people")
    assert (side.dim, side.kind) == (3, "mixed")
    assert side.discrete == (True, False, True)
    assert side.nominal == (True, False, False)
    assert side.name == "people"
    assert side.values[:, 1].tolist() == [1.5, 2.25, 3.125, 4.0]


def test_one_axis_and_one_column_are_the_same() -> None:
    assert np.array_equal(as_variable([1, 2]).values, as_variable([[1], [2]]).values)


def test_a_variable_goes_through() -> None:
    side = as_variable(COLOURS)
    assert as_variable(side, name="other") is side


@pytest.mark.parametrize(
    "data",
    [3.0, np.zeros((2, 2, 2)), np.zeros((3, 0)), [[1, 2], [3]]],
    ids=["number", "cube", "no columns", "ragged"],
)
def test_wrong_shapes(data: Any) -> None:
    with pytest.raises(ValueError, match=r"y must have shape \(n,\) or \(n, d\)"):
        as_variable(data, name="y")


@pytest.mark.parametrize("data", [[], np.zeros((0, 2)), pd.Series([], dtype=object)], ids=type)
def test_no_rows(data: Any) -> None:
    with pytest.raises(ValueError, match="x is empty"):
        as_variable(data)


# What is refused


@pytest.mark.parametrize(
    "data",
    [
        [1.0, np.nan, 3.0],
        [1.0, np.inf, 3.0],
        np.array([[1.0, 2.0], [3.0, -np.inf]]),
        pd.Series([1, None, 3]),
        pd.Series([1, pd.NA, 3], dtype="Int64"),
    ],
    ids=["NaN", "infinite", "second column", "pandas", "pandas NA"],
)
def test_not_finite(data: Any) -> None:
    with pytest.raises(ValueError, match=r"x holds NaN or infinite values in 1 of \d rows: drop"):
        as_variable(data)


@pytest.mark.parametrize(
    "data",
    [
        ["a", None, "b"],
        np.array(["a", np.nan, "b"], dtype=object),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series(["a", pd.NA, "b"], dtype="string"),
        pd.Series([True, None, False], dtype="boolean"),
        pl.Series(["a", None, "b"]),
        np.array([date(2024, 1, 1), None, date(2024, 1, 2)], dtype=object),
        np.array([1.0, float("nan"), "a"], dtype=object),
        pd.Series([pd.Timestamp(0), pd.NaT], dtype=object),
    ],
    ids=str,
)
def test_missing_values(data: Any) -> None:
    with pytest.raises(ValueError, match="y holds missing values: drop or fill those rows first"):
        as_variable(data, name="y")


@pytest.mark.parametrize(
    "data",
    [
        np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
        np.array([1, "NaT"], dtype="timedelta64[s]"),
    ],
    ids=["date", "duration"],
)
def test_missing_dates(data: Any) -> None:
    with pytest.raises(ValueError, match="x holds missing dates"):
        as_variable(data)


def test_complex_numbers() -> None:
    with pytest.raises(TypeError, match="x has type complex128; numbers, booleans, text or dates"):
        as_variable([1j, 2j])


def test_numbers_beyond_floats_in_an_object_column() -> None:
    with pytest.raises(ValueError, match="NaN or infinite values in 1 of 2"):
        as_variable(np.array([1.0, float("inf")], dtype=object))


# Codes


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=30),
    st.sampled_from([1, 3, 1000, 2**31]),
    st.sampled_from([np.int64, np.float64, np.int32, np.float32]),
)
def test_encode_is_unique(numbers: list[int], narrow: int, dtype: type) -> None:
    column = (np.array(numbers) % narrow).astype(dtype)
    codes, levels = encode(column)
    assert np.array_equal(levels, np.unique(column))
    assert labels(codes, levels) == column.tolist()
    assert codes.dtype == np.int64
    assert levels.dtype == column.dtype


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_narrow_types_do_not_wrap(dtype: type) -> None:
    info = np.iinfo(dtype)
    column = np.array([info.max, info.min, 0, info.max], dtype=dtype)
    codes, levels = encode(column)
    assert labels(codes, levels) == column.tolist()
    assert levels.tolist() == sorted({int(info.min), 0, int(info.max)})


@pytest.mark.parametrize(
    "column",
    [
        np.array([-0.5, 0.5, 0.5]),
        np.array([-0.0, 0.0, 1.0]),
        np.array([1e300, -1e300, 0.0]),
        np.array([2.0**53, 2.0**53 + 2]),
        np.array([2**63 - 1, 2**63 - 2]),
        np.array([2**62, 2**62 + 1, 2**62 + 3]),
        np.array([0.1 + 0.2, 0.3]),
        np.array([65_535, 0]),
        np.array([65_536, 0]),
        np.array(["b", "a", "b"]),
        np.array([True, False]),
    ],
    ids=str,
)
def test_encode_keeps_values_apart(column: np.ndarray) -> None:
    codes, levels = encode(column)
    assert np.array_equal(levels, np.unique(column))
    assert labels(codes, levels) == column.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=40))
def test_joint_codes_number_the_combinations(rows: list[tuple[int, int, int]]) -> None:
    codes = joint_codes([np.array(column) for column in zip(*rows, strict=True)])
    assert set(codes.tolist()) == set(range(len(set(rows))))
    assert len(set(zip(codes.tolist(), rows, strict=True))) == len(set(rows))


def test_many_wide_columns_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    n = 2000
    columns = [rng.permutation(n) for _ in range(12)]
    columns.append(columns[0].copy())
    codes = joint_codes(columns)
    assert len(np.unique(codes)) == n
    assert codes.max() == n - 1
    assert codes.min() == 0


def test_codes_of_several_columns() -> None:
    side = as_variable(pd.DataFrame({"a": ["x", "x", "y", "y"], "b": [0, 1, 0, 0]}))
    assert side.n_levels == 3
    assert side.codes[2] == side.codes[3]
    assert len(set(side.codes[:3].tolist())) == 3


def test_a_hundred_thousand_levels() -> None:
    labels = np.array([f"person {i}" for i in range(100_000)])
    side = as_variable(labels)
    assert side.n_levels == 100_000
    assert side.kind == "discrete"
    assert len(np.unique(side.codes)) == 100_000
    assert side.matrix.shape == (100_000, 1)  # no indicator per person


def test_numbers_that_are_no_codes() -> None:
    side = as_variable([0.5, 1.5, 2.25, 7.0], name="y")
    with pytest.raises(ValueError, match=r"y holds values that are not whole.*discrete_y=True"):
        _ = side.codes
    assert as_variable([0.5, 1.5, 2.25, 7.0], discrete=True).codes.tolist() == [0, 1, 2, 3]
    assert as_variable(np.arange(20.0)[::-1]).codes.tolist() == list(range(20))[::-1]


# Features


def test_matrix_has_an_indicator_per_level() -> None:
    side = as_variable(pd.DataFrame({"colour": COLOURS, "age": [1.5, 2.25, 3.0, 9.75]}))
    assert side.matrix.tolist() == [
        [0, 0, 1, 1.5],
        [1, 0, 0, 2.25],
        [1, 0, 0, 3.0],
        [0, 1, 0, 9.75],
    ]


@pytest.mark.parametrize(("levels", "width"), [(2, 1), (3, 3), (MAX_INDICATORS, MAX_INDICATORS)])
def test_width_of_the_matrix(levels: int, width: int) -> None:
    text = [f"level {i}" for i in range(levels)] * 2
    assert as_variable(text).matrix.shape == (2 * levels, width)
    assert as_variable(list(range(levels)) * 2, discrete=True).matrix.shape == (2 * levels, 1)


def test_too_many_levels_stay_codes() -> None:
    text = [f"level {i}" for i in range(MAX_INDICATORS + 1)]
    assert as_variable(text).matrix.shape == (MAX_INDICATORS + 1, 1)


def test_text_has_no_distances() -> None:
    with pytest.raises(ValueError, match="job holds text, and this method needs numbers"):
        _ = as_variable(COLOURS, name="job").real
    assert as_variable(["no", "yes", "no"]).real[:, 0].tolist() == [0, 1, 0]
    assert as_variable([3, 1, 2]).real[:, 0].tolist() == [3, 1, 2]


def test_constant() -> None:
    assert as_variable([5, 5, 5]).constant
    assert as_variable(["a", "a"]).constant
    assert as_variable([7]).constant
    assert as_variable([[1, 2], [1, 2]]).constant
    assert not as_variable([[1, 2], [1, 3]]).constant
    assert not as_variable([0.0, 1e-300]).constant


def test_take_and_join() -> None:
    colours, numbers = as_variable(COLOURS, name="a"), as_variable([1.5, 2.5, 3.5, 4.75])
    both = join(colours, numbers, name="both")
    assert (both.dim, both.kind, both.name) == (2, "mixed", "both")
    assert both.discrete == (True, False)
    assert both.nominal == (True, False)
    part = both.take(np.array([3, 0]))
    assert part.values.tolist() == [[1.0, 4.75], [2.0, 1.5]]
    assert (part.discrete, part.nominal, part.name) == (both.discrete, both.nominal, both.name)
    masked = both.take(np.array([True, False, False, True]))
    assert masked.values.tolist() == [[2.0, 1.5], [1.0, 4.75]]


def test_codes_of_a_part_start_at_zero() -> None:
    part = as_variable(COLOURS).take(np.array([0, 3]))
    assert part.codes.tolist() == [1, 0]
    assert part.n_levels == 2


def test_it_is_a_value() -> None:
    side = Variable(np.zeros((2, 1)), (True,), (False,))
    with pytest.raises(AttributeError):
        side.name = "z"  # type: ignore[misc]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.bool_])
@pytest.mark.parametrize("levels", [1, 2, 7, 90])
def test_small_whole_numbers_are_read_like_large_ones(dtype: type, levels: int) -> None:
    rng = np.random.default_rng(levels)
    column = (rng.integers(levels, size=(400, 2)) - (np.dtype(dtype).kind == "i")).astype(dtype)
    for data in (column[:, 0], column[::2, 1], column):
        small = as_variable(data, name="s")
        wide = as_variable(data if dtype is np.bool_ else data.astype(np.int64), name="s")
        assert small.discrete == wide.discrete
        assert small.n_levels == wide.n_levels
        np.testing.assert_array_equal(small.codes, wide.codes)
        np.testing.assert_array_equal(small.values, wide.values)
