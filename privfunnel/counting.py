"""Contingency tables from codes, and what is cheap to know about them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from privfunnel.entropy import FloatArray

Codes = npt.NDArray[np.integer]
Counts = npt.NDArray[np.int64]
# Above this many cells a table is kept as its occupied cells only.
DENSE_CELLS = 4_000_000
# Rows from which numba counts, where it is loaded already, and from which loading it is worth it.
_KERNEL_ROWS = 20_000
_LOADING_ROWS = 2_000_000
# Tables wider than this leave the processor's cache, and four of them gain nothing.
_KERNEL_CELLS = 65_536


@dataclass(frozen=True)
class Contingency:
    """Occupied cells of a two-way table of counts.

    Attributes
    ----------
    cells : (m,) counts of the occupied cells, all positive.
    row, column : (m,) where each of them stands.
    rows, columns : margins, (r,) and (c,).
    """

    cells: Counts
    row: Counts
    column: Counts
    rows: Counts
    columns: Counts

    @cached_property
    def n(self) -> int:
        """Number of people counted."""
        return int(self.rows.sum())

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that occur at least once."""
        return int((self.rows > 0).sum()), int((self.columns > 0).sum())

    @property
    def size(self) -> int:
        """Number of cells of the table, empty ones included."""
        return self.shape[0] * self.shape[1]

    def dense(self) -> Counts:
        """The table as an (r, c) array."""
        table = np.zeros((len(self.rows), len(self.columns)), dtype=np.int64)
        table[self.row, self.column] = self.cells
        return table


def count(x: Codes, y: Codes) -> Contingency:
    """Count pairs of codes, both (n,) and not negative."""
    r, c = int(x.max()) + 1, int(y.max()) + 1
    if r * c <= max(DENSE_CELLS, 2 * len(x)):
        return from_table(count_pairs(x, y, r, c))
    cells, first = np.unique(x.astype(np.int64) * c + y, return_counts=True)
    return Contingency(first, cells // c, cells % c, np.bincount(x, minlength=r), np.bincount(y))


def count_pairs(x: Codes, y: Codes, r: int, c: int) -> Counts:
    """The (r, c) table of counts of codes x < r, y < c.

    Many rows are counted by numba where it is installed: five times as fast as numpy.
    """
    if len(x) >= _KERNEL_ROWS and r * c <= _KERNEL_CELLS and _numba_at_hand(len(x)):
        _check_codes(x, r)
        _check_codes(y, c)
        table: Counts = import_module("privfunnel._count_kernel").count_pairs(x, y, r, c)
        return table
    joint = x.astype(np.int64) * c + y
    return np.bincount(joint, minlength=r * c).reshape(r, c)


def _numba_at_hand(rows: int) -> bool:
    return "numba" in sys.modules or (rows >= _LOADING_ROWS and find_spec("numba") is not None)


def _check_codes(codes: Codes, size: int) -> None:
    # The kernel writes where the codes say.
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= size:
        raise ValueError(f"codes must lie in [0, {size}), not in [{low}, {high}]")


def from_table(table: npt.ArrayLike) -> Contingency:
    """Contingency of a dense table of counts.

    Raises
    ------
    ValueError
        If it does not have two axes, or holds anything but whole numbers >= 0, or only zeros.
    """
    counts = np.asarray(table)
    if counts.ndim != 2 or counts.size == 0:
        raise ValueError(f"a table of counts must have two axes, not shape {counts.shape}")
    try:
        # What does not fit, NaN among it, comes out different and is refused below.
        with np.errstate(invalid="ignore"):
            whole = np.asarray(counts, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a table of counts holds whole numbers: {error}") from None
    if not np.array_equal(whole, counts) or whole.min() < 0 or whole.sum() == 0:
        raise ValueError("a table of counts holds whole numbers >= 0, not all of them 0")
    row, column = np.nonzero(whole)
    return Contingency(whole[row, column], row, column, whole.sum(axis=1), whole.sum(axis=0))


def plugin_nats(table: Contingency) -> float:
    """Plug-in mutual information of a table of counts [nat], up to rounding."""
    n = table.n
    joint, rows, columns = (
        float(xlogy(counts, counts).sum()) for counts in (table.cells, table.rows, table.columns)
    )
    return (joint - rows - columns) / n + float(np.log(n))


def pointwise_nats(table: Contingency) -> FloatArray:
    """ln p(x, y) / (p(x) p(y)) of each occupied cell, (m,) [nat]."""
    product = np.log(table.rows[table.row]) + np.log(table.columns[table.column])
    return np.asarray(np.log(table.cells) + np.log(table.n) - product)
