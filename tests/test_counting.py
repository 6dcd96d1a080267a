"""Contingency tables against counting people one by one."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel import _count_kernel, counting
from privfunnel.counting import (
    Contingency,
    count,
    count_pairs,
    from_table,
    plugin_nats,
    pointwise_nats,
)
from tests import reference_mi as slow

CODES = (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.int64)

pairs = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
    )
)


def as_counter(table: Contingency) -> Counter[tuple[int, int]]:
    places = zip(table.row.tolist(), table.column.tolist(), strict=True)
    return Counter(dict(zip(places, table.cells.tolist(), strict=True)))


def check(table: Contingency, x: list[int], y: list[int]) -> None:
    assert as_counter(table) == Counter(zip(x, y, strict=True))
    assert table.n == len(x)
    assert table.rows.tolist() == [x.count(k) for k in range(max(x) + 1)]
    assert table.columns.tolist() == [y.count(k) for k in range(max(y) + 1)]
    assert table.shape == (len(set(x)), len(set(y)))
    assert table.size == len(set(x)) * len(set(y))
    assert (table.cells > 0).all()
    assert plugin_nats(table) == pytest.approx(slow.sample_information(x, y), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(pairs, st.sampled_from(CODES))
def test_counts(sides: tuple[list[int], list[int]], dtype: type) -> None:
    x, y = sides
    check(count(np.array(x, dtype=dtype), np.array(y, dtype=dtype)), x, y)


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_tables_too_wide_to_write_out(sides: tuple[list[int], list[int]]) -> None:
    # Codes far apart: more cells than are ever kept.
    x, y = ([k * 4_000 for k in side] for side in sides)
    r, c = max(x) + 1, max(y) + 1
    table = count(np.array(x), np.array(y))
    assert as_counter(table) == Counter(zip(x, y, strict=True))
    assert (len(table.rows), len(table.columns)) == (r, c)
    assert table.shape == (len(set(x)), len(set(y)))
    assert plugin_nats(table) == pytest.approx(slow.sample_information(x, y), abs=1e-12)


def test_both_ways_of_counting_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 40, 500), rng.integers(0, 60, 500)
    dense = count(x, y)
    monkeypatch.setattr(counting, "DENSE_CELLS", 0)
    sparse = count(x, y)
    for name in ("cells", "row", "column", "rows", "columns"):
        assert np.array_equal(getattr(dense, name), getattr(sparse, name)), name
        assert np.issubdtype(getattr(sparse, name).dtype, np.integer), name


def test_dense_is_the_table() -> None:
    x, y = np.array([0, 2, 2, 2]), np.array([1, 0, 1, 1])
    expected = [[0, 1], [0, 0], [1, 2]]
    assert count(x, y).dense().tolist() == expected
    assert count_pairs(x, y, 3, 2).tolist() == expected
    assert count_pairs(x, y, 4, 3).tolist() == [[0, 1, 0], [0, 0, 0], [1, 2, 0], [0, 0, 0]]
    assert from_table(expected).dense().tolist() == expected


def test_codes_of_one_byte_do_not_wrap() -> None:
    x, y = np.full(3, 255, dtype=np.uint8), np.array([255, 0, 255], dtype=np.uint8)
    table = count(x, y)
    assert as_counter(table) == Counter({(255, 255): 2, (255, 0): 1})


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("extra", range(4))
def test_the_kernel_counts_what_numpy_counts(dtype: type, extra: int) -> None:
    rng = np.random.default_rng(extra)
    n = counting._KERNEL_ROWS + extra
    # Strided, as columns of a table are.
    codes = rng.integers(0, 120, (n, 3)).astype(dtype)
    x, y = codes[:, 0], codes[:, 2]
    expected = np.bincount(x.astype(np.int64) * 130 + y, minlength=125 * 130).reshape(125, 130)
    np.testing.assert_array_equal(_count_kernel.count_pairs(x, y, 125, 130), expected)
    # numba is loaded now, so this takes the same way.
    np.testing.assert_array_equal(count_pairs(x, y, 125, 130), expected)


@pytest.mark.parametrize("low", [-1, 1])
def test_the_kernel_is_not_told_to_write_elsewhere(low: int) -> None:
    x = np.zeros(counting._KERNEL_ROWS, dtype=np.int64)
    codes = x.copy()
    codes[7] = 5 * low
    for sides in ((x, codes), (codes, x)):
        with pytest.raises(
            ValueError, match=r"codes must lie in \[0, 5\), not in \[(-5, 0|0, 5)\]"
        ):
            count_pairs(*sides, 5, 5)


def test_numba_is_loaded_for_many_rows_only() -> None:
    code = (
        "import sys, numpy as np; from privfunnel.counting import count;"
        "x = np.arange({}) % 3; count(x, x); print('numba' in sys.modules)"
    )
    for rows, loaded in ((100_000, "False"), (2_000_000, "True")):
        line = [sys.executable, "-c", code.format(rows)]
        run = subprocess.run(line, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == loaded


def test_counts_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(counting._KERNEL_ROWS) % 7
    with_kernel = count(x, x % 3)
    monkeypatch.setattr(counting, "_numba_at_hand", lambda rows: False)
    np.testing.assert_array_equal(count(x, x % 3).dense(), with_kernel.dense())


def test_one_person() -> None:
    table = count(np.array([3]), np.array([2]))
    assert (table.n, table.shape, table.size) == (1, (1, 1), 1)
    assert plugin_nats(table) == pytest.approx(0.0, abs=1e-15)
    assert pointwise_nats(table).tolist() == [0.0]


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_pointwise_terms(sides: tuple[list[int], list[int]]) -> None:
    x, y = sides
    table = count(np.array(x), np.array(y))
    exact = slow.pointwise(table.dense() / len(x))
    for a, b, term in zip(table.row, table.column, pointwise_nats(table), strict=True):
        assert term == pytest.approx(exact[int(a), int(b)], abs=1e-12)
    mean = table.cells @ pointwise_nats(table) / table.n
    assert mean == pytest.approx(plugin_nats(table), abs=1e-12)


def test_huge_counts_keep_their_digits() -> None:
    table = from_table(np.array([[10**12, 1], [1, 10**12]]))
    exact = slow.mutual_information(table.dense() / table.n)
    assert plugin_nats(table) == pytest.approx(exact, abs=1e-12)
    independent = from_table(np.full((2, 2), 10**15))
    assert plugin_nats(independent) == pytest.approx(0.0, abs=1e-12)
    assert independent.n == 4 * 10**15


def test_whole_numbers_written_as_floats_are_counts() -> None:
    assert from_table([[1.0, 2.0], [0.0, 3.0]]).n == 6


@pytest.mark.parametrize(
    "table",
    [
        [1, 2, 3],
        np.ones((2, 2, 2)),
        np.zeros((0, 3)),
        [[1, -1], [2, 2]],
        [[0, 0], [0, 0]],
        [[0.5, 0.5]],
        [[float("nan"), 1.0]],
        [[float("inf"), 1.0]],
        [[1e300, 1.0]],
        [["a", "b"]],
        [[None, 1]],
        [[10**30, 1]],
    ],
    ids=str,
)
def test_bad_tables(table: object) -> None:
    with pytest.raises(ValueError, match=r"a table of counts (must have two axes|holds whole)"):
        from_table(table)  # type: ignore[arg-type]
