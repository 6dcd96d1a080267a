"""What an estimator is given: one side of a sample, as numbers (n, d) or as codes (n,).

The type of a side is inferred (text, booleans, categories and integers are discrete, floats are
continuous unless a few values repeat) and can be stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["discrete", "continuous"]
# A float or integer column with at most this many values, each seen five times on average, is
# taken as discrete; privfunnel.tables uses the same rule for columns of a file.
MAX_LEVELS = 50


@dataclass(frozen=True)
class Variable:
    """One side of a sample.

    Attributes
    ----------
    values : (n, d) array of float64, or of whatever type the labels have when discrete.
    kind : "discrete" or "continuous".
    name : how messages call it.
    """

    values: npt.NDArray[Any]
    kind: Kind
    name: str = "x"

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dim(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    @cached_property
    def codes(self) -> npt.NDArray[np.int64]:
        """Integer codes (n,) of the rows, 0 to n_levels - 1.

        Raises
        ------
        ValueError
            If the side is continuous and holds values that are not whole numbers.
        """
        if self.kind == "continuous" and not np.all(self.values == np.round(self.values)):
            raise ValueError(
                f"{self.name} holds values that are not whole numbers, a discrete method needs "
                "codes: bin it first (privfunnel.tables.quantile_bins), state discrete_"
                f"{self.name}=True, or use method='ksg' or 'auto'"
            )
        return joint_codes([encode(column)[0] for column in self.values.T])

    @cached_property
    def n_levels(self) -> int:
        """Number of different rows."""
        return int(self.codes.max()) + 1

    @cached_property
    def real(self) -> npt.NDArray[np.float64]:
        """The columns as float64 (n, d); text is not allowed here."""
        try:
            return np.ascontiguousarray(self.values, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                f"{self.name} holds text, this method needs numbers: "
                "use method='auto', 'plugin' or 'classifier'"
            ) from None

    @cached_property
    def constant(self) -> bool:
        """Whether every row is the same."""
        return bool(np.all(self.values == self.values[:1]))

    def take(self, rows: npt.NDArray[Any]) -> Variable:
        """The same side for some rows (indices or a mask)."""
        return Variable(self.values[rows], self.kind, self.name)


def as_variable(data: Any, *, name: str = "x", discrete: bool | None = None) -> Variable:
    """Check one side of a sample and infer its kind unless `discrete` says it.

    `data` is anything `numpy.asarray` understands with one or two axes, a Series or a DataFrame.

    Raises
    ------
    ValueError
        If it is empty, has more than two axes, or holds NaN, infinite or missing values.
    """
    if isinstance(data, Variable):
        return data
    array = np.asarray(data)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} must have shape (n,) or (n, d), not {np.shape(data)}")
    if len(array) == 0:
        raise ValueError(f"{name} is empty")
    array = _plain(array, name)
    _refuse_missing(array, name)
    if discrete is None:
        discrete = looks_discrete(array)
    if not discrete and array.dtype.kind in "US":
        raise ValueError(f"{name} holds text and cannot be continuous: leave out discrete_{name}")
    if array.dtype.kind in "biuf":
        array = array.astype(np.float64)
    return Variable(array, "discrete" if discrete else "continuous", name)


def looks_discrete(array: npt.NDArray[Any]) -> bool:
    """Whether every column of a checked (n, d) array is text, boolean or has few values."""
    if array.dtype.kind in "bUS":
        return True
    return all(_few_values(column) for column in array.T)


def encode(column: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Codes (n,) and the sorted levels they stand for."""
    if column.dtype.kind in "biuf" and column.size:
        small = _encode_small(column)
        if small is not None:
            return small
    levels, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int64), levels


def joint_codes(columns: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """One code (n,) per combination of codes that occurs, 0 to the number of them - 1."""
    result = columns[0]
    for column in columns[1:]:
        result = encode(result * (int(column.max()) + 1) + column)[0]
    return result


def _encode_small(
    column: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]] | None:
    # Whole numbers in a narrow range: a lookup table instead of a sort (20 times faster).
    low, high = float(column.min()), float(column.max())
    if not high - low < 65_536:
        return None
    shifted = (column.astype(np.float64) - low).astype(np.int64)
    if column.dtype.kind == "f" and not np.array_equal(shifted + low, column):
        return None
    present = np.bincount(shifted) > 0
    codes = (np.cumsum(present) - 1)[shifted]
    return codes, (np.flatnonzero(present) + low).astype(column.dtype)


def _few_values(column: npt.NDArray[Any]) -> bool:
    # A look at the first rows settles almost every continuous column without a full sort.
    if len(np.unique(column[:1000])) > MAX_LEVELS:
        return False
    levels = len(np.unique(column))
    if np.all(column == np.round(column)):
        return levels <= MAX_LEVELS
    return levels <= min(MAX_LEVELS, max(2, len(column) // 5))


def _plain(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    # Reduce dates, objects and mixed columns to float, boolean or text.
    if array.dtype.kind in "biufUS":
        return array
    if array.dtype.kind in "mM":
        if np.isnat(array).any():
            raise ValueError(f"{name} holds missing dates: drop or fill those rows first")
        return array.astype("int64").astype(np.float64)
    if array.dtype.kind == "O":
        if any(_missing(value) for value in array.flat):
            raise ValueError(f"{name} holds missing values: drop or fill those rows first")
        if all(isinstance(value, int | float | np.number) for value in array.flat):
            return array.astype(np.float64)
        return array.astype(str)
    raise TypeError(f"{name} has type {array.dtype}; numbers, booleans, text or dates are allowed")


def _missing(value: Any) -> bool:
    # NaN and pandas' NaT differ from themselves; pandas' NA answers neither yes nor no.
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


def _refuse_missing(array: npt.NDArray[Any], name: str) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).any(axis=1).sum())
        raise ValueError(
            f"{name} holds NaN or infinite values in {bad} of {len(array)} rows: "
            "drop or fill those rows first"
        )
